//! What a histogram holds: values by size, their averages and moments.

use std::ops::Deref;
use std::sync::Arc;

use parking_lot::Mutex;

/// Exponentially weighted averages of what was recorded.
#[derive(Clone, Copy, Default)]
pub(super) struct Ewma {
    seeded: bool,
    pub(super) mean: f64,
    pub(super) variance: f64,
    pub(super) error_rate: f64,
}

/// A histogram; its clones, also on other threads, record into the same values.
#[derive(Clone)]
pub struct Histogram(Arc<Recorded>);

impl Deref for Histogram {
    type Target = Recorded;

    fn deref(&self) -> &Recorded {
        &self.0
    }
}

/// A small value that threads share.
#[derive(Default)]
pub(super) struct Shared<T>(Mutex<T>);

impl<T: Copy> Shared<T> {
    pub(super) fn get(&self) -> T {
        *self.0.lock()
    }

    fn set(&self, value: T) {
        *self.0.lock() = value;
    }

    fn replace(&self, value: T) -> T {
        std::mem::replace(&mut *self.0.lock(), value)
    }
}

/// Recorded values by size.
pub struct Recorded {
    pub(super) values: Mutex<hdrhistogram::Histogram<u64>>,
    highest: u64,
    pub(super) exceeds: Shared<u64>,
    previous: Shared<u64>,
    alpha: f64,
    threshold: f64,
    pub(super) ewma: Shared<Ewma>,
}

impl Histogram {
    /// A histogram from `lowest` to `highest` with `figures` significant decimal digits.
    pub(super) fn new(
        lowest: u64,
        highest: u64,
        figures: u8,
        half_life: f64,
        threshold: f64,
    ) -> Option<Histogram> {
        // It grows as larger values come: memory is used for what is recorded, not for what could be.
        let first = lowest.checked_mul(2)?;
        let mut values = hdrhistogram::Histogram::new_with_bounds(lowest, first, figures).ok()?;
        values.auto(true);
        let alpha = if half_life > 0.0 {
            1.0 - (-1.0 / half_life).exp2()
        } else {
            0.0
        };
        Some(Histogram(Arc::new(Recorded {
            values: Mutex::new(values),
            highest,
            exceeds: Shared::default(),
            previous: Shared::default(),
            alpha,
            threshold,
            ewma: Shared::default(),
        })))
    }
}

impl Recorded {
    pub(super) fn record(&self, value: u64) {
        self.observe(value as f64);
        if value > self.highest || self.values.lock().record(value).is_err() {
            self.exceeds.set(self.exceeds.get() + 1);
        }
    }

    pub(super) fn record_delta(&self, now: u64) {
        let previous = self.previous.replace(now);
        if previous > 0 {
            self.record(now.saturating_sub(previous));
        }
    }

    pub(super) fn observe(&self, value: f64) {
        if self.alpha == 0.0 {
            return;
        }
        let mut ewma = self.ewma.get();
        let error = if self.threshold > 0.0 && value > self.threshold {
            1.0
        } else {
            0.0
        };
        if ewma.seeded {
            let difference = value - ewma.mean;
            ewma.mean += self.alpha * difference;
            ewma.variance =
                (1.0 - self.alpha) * (ewma.variance + self.alpha * difference * difference);
            ewma.error_rate += self.alpha * (error - ewma.error_rate);
        } else {
            ewma = Ewma {
                seeded: true,
                mean: value,
                variance: 0.0,
                error_rate: error,
            };
        }
        self.ewma.set(ewma);
    }

    /// Smallest value, or the largest number there is where nothing was recorded.
    pub(super) fn min(&self) -> u64 {
        let values = self.values.lock();
        if values.is_empty() {
            i64::MAX.unsigned_abs()
        } else {
            values.lowest_equivalent(values.min())
        }
    }

    pub(super) fn max(&self) -> u64 {
        let values = self.values.lock();
        if values.is_empty() { 0 } else { values.max() }
    }

    pub(super) fn mean(&self) -> f64 {
        let values = self.values.lock();
        if values.is_empty() {
            f64::NAN
        } else {
            values.mean()
        }
    }

    pub(super) fn stddev(&self) -> f64 {
        let values = self.values.lock();
        if values.is_empty() {
            f64::NAN
        } else {
            values.stdev()
        }
    }

    /// The standardised central moment of `order`; 0 where there is no spread.
    pub(super) fn moment(&self, order: i32) -> f64 {
        let values = self.values.lock();
        let deviation = values.stdev();
        if values.is_empty() || deviation == 0.0 {
            return 0.0;
        }
        let mean = values.mean();
        let sum: f64 = values
            .iter_recorded()
            .map(|step| {
                let value = values.median_equivalent(step.value_iterated_to()) as f64;
                ((value - mean) / deviation).powi(order) * step.count_at_value() as f64
            })
            .sum();
        sum / values.len() as f64
    }

    /// Share of the values up to `value`.
    pub(super) fn cdf(&self, value: u64) -> f64 {
        let all = self.values.lock().len();
        if all == 0 {
            0.0
        } else {
            self.count_up_to(value) as f64 / all as f64
        }
    }

    pub(super) fn count_up_to(&self, value: u64) -> u64 {
        let values = self.values.lock();
        let limit = values.highest_equivalent(value);
        let steps = values.iter_recorded();
        steps
            .take_while(|step| values.lowest_equivalent(step.value_iterated_to()) <= limit)
            .map(|step| step.count_at_value())
            .sum()
    }

    pub(super) fn percentile(&self, percentile: f64) -> u64 {
        let values = self.values.lock();
        if values.is_empty() {
            0
        } else {
            values.value_at_percentile(percentile)
        }
    }

    /// Percentiles in steps that halve the distance to 100, and the values there.
    pub(super) fn percentiles(&self) -> Vec<(f64, u64)> {
        let values = self.values.lock();
        let total = values.len() as f64;
        let mut result = Vec::new();
        let mut target = 0.0_f64;
        let mut seen = 0;
        let mut last = 0;
        for step in values.iter_recorded() {
            seen += step.count_at_value();
            last = values.lowest_equivalent(step.value_iterated_to());
            let reached = 100.0 * seen as f64 / total;
            while target <= reached && target < 100.0 {
                result.push((target, last));
                let halvings = (100.0 / (100.0 - target)).log2().floor() + 1.0;
                target += 100.0 / halvings.exp2();
                if seen == values.len() {
                    break;
                }
            }
        }
        result.push((100.0, last));
        result
    }

    pub(super) fn reset(&self) {
        self.values.lock().reset();
        self.exceeds.set(0);
        self.previous.set(0);
        self.ewma.set(Ewma::default());
    }
}
