//! `Histogram` and the histogram of event loop delays. Follows Node's `src/histogram.cc`.
//!
//! # Deviations
//! The statistical tests between two histograms and confidence intervals refuse.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::monotonic_nanoseconds;
use crate::async_wrap;
use crate::binding::TransferData;
use crate::binding::handle_wrap::{Handle, HandleResource};
use crate::binding::{ClassDefinition, Definition, class_template};
use crate::convert;
use crate::delay::delay;
use crate::env::Env;
use crate::event_loop::{Completion, TaskKey};
use crate::exception::{self, ErrorKind};
use crate::wrap;

/// Declares the classes.
pub fn define(definition: &mut Definition) {
    definition.function("createELDHistogram", create_eld_histogram);
    let class = definition.class("Histogram", new_histogram);
    class
        .method("record", record)
        .method("recordDelta", record_delta)
        .method("recordCorrected", record_corrected);
    class.method("add", add).method("subtract", subtract);
    add_readers(class);
    let class = definition
        .class("IntervalHistogram", super::super::base::illegal_constructor)
        .hidden();
    class
        .inherits("HandleWrap")
        .method("start", start)
        .method("stop", stop);
    add_readers(class);
}

fn add_readers(class: &mut ClassDefinition) {
    class
        .method("count", count)
        .method("countBigInt", count_bigint)
        .method("exceeds", exceeds)
        .method("exceedsBigInt", exceeds_bigint)
        .method("min", min)
        .method("minBigInt", min_bigint)
        .method("max", max)
        .method("maxBigInt", max_bigint)
        .method("mean", mean)
        .method("stddev", stddev)
        .method("skewness", skewness)
        .method("kurtosis", kurtosis)
        .method("cdf", cdf)
        .method("countAt", count_at)
        .method("percentile", percentile)
        .method("percentileBigInt", percentile_bigint)
        .method("percentiles", percentiles)
        .method("percentilesBigInt", percentiles_bigint)
        .method("percentilesAt", percentiles_at)
        .method("linearBuckets", linear_buckets)
        .method("logBuckets", log_buckets)
        .method("ewmaMean", ewma_mean)
        .method("ewmaStddev", ewma_stddev)
        .method("ewmaErrorRate", ewma_error_rate)
        .method("reset", reset);
    for name in [
        "ksTest",
        "welchTest",
        "mannWhitneyTest",
        "cohensD",
        "cliffsD",
        "percentileCI",
    ] {
        class.method(name, unavailable);
    }
}

/// Exponentially weighted averages of what was recorded.
#[derive(Clone, Copy, Default)]
struct Ewma {
    seeded: bool,
    mean: f64,
    variance: f64,
    error_rate: f64,
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
struct Shared<T>(Mutex<T>);

impl<T: Copy> Shared<T> {
    fn get(&self) -> T {
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
    values: Mutex<hdrhistogram::Histogram<u64>>,
    highest: u64,
    exceeds: Shared<u64>,
    previous: Shared<u64>,
    alpha: f64,
    threshold: f64,
    ewma: Shared<Ewma>,
}

impl Histogram {
    /// A histogram from `lowest` to `highest` with `figures` significant decimal digits.
    fn new(
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
    fn record(&self, value: u64) {
        self.observe(value as f64);
        if value > self.highest || self.values.lock().record(value).is_err() {
            self.exceeds.set(self.exceeds.get() + 1);
        }
    }

    fn record_delta(&self, now: u64) {
        let previous = self.previous.replace(now);
        if previous > 0 {
            self.record(now.saturating_sub(previous));
        }
    }

    fn observe(&self, value: f64) {
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
    fn min(&self) -> u64 {
        let values = self.values.lock();
        if values.is_empty() {
            i64::MAX.unsigned_abs()
        } else {
            values.lowest_equivalent(values.min())
        }
    }

    fn max(&self) -> u64 {
        let values = self.values.lock();
        if values.is_empty() { 0 } else { values.max() }
    }

    fn mean(&self) -> f64 {
        let values = self.values.lock();
        if values.is_empty() {
            f64::NAN
        } else {
            values.mean()
        }
    }

    fn stddev(&self) -> f64 {
        let values = self.values.lock();
        if values.is_empty() {
            f64::NAN
        } else {
            values.stdev()
        }
    }

    /// The standardised central moment of `order`; 0 where there is no spread.
    fn moment(&self, order: i32) -> f64 {
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
    fn cdf(&self, value: u64) -> f64 {
        let all = self.values.lock().len();
        if all == 0 {
            0.0
        } else {
            self.count_up_to(value) as f64 / all as f64
        }
    }

    fn count_up_to(&self, value: u64) -> u64 {
        let values = self.values.lock();
        let limit = values.highest_equivalent(value);
        let steps = values.iter_recorded();
        steps
            .take_while(|step| values.lowest_equivalent(step.value_iterated_to()) <= limit)
            .map(|step| step.count_at_value())
            .sum()
    }

    fn percentile(&self, percentile: f64) -> u64 {
        let values = self.values.lock();
        if values.is_empty() {
            0
        } else {
            values.value_at_percentile(percentile)
        }
    }

    /// Percentiles in steps that halve the distance to 100, and the values there.
    fn percentiles(&self) -> Vec<(f64, u64)> {
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

    fn reset(&self) {
        self.values.lock().reset();
        self.exceeds.set(0);
        self.previous.set(0);
        self.ewma.set(Ewma::default());
    }
}

/// The histogram behind a JavaScript object of either class.
pub fn histogram_of(
    scope: &v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<Rc<Histogram>> {
    wrap::attached::<Histogram>(scope, value)
}

/// A histogram for another heap that shares what is recorded.
pub fn clone_histogram(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Box<dyn TransferData>> {
    let histogram = histogram_of(scope, object.into())?;
    Some(Box::new(Histogram::clone(&histogram)))
}

impl TransferData for Histogram {
    fn deserialize<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let template = class_template(scope, "Histogram")?;
        let object = template.instance_template(scope).new_instance(scope)?;
        wrap::wrap(scope, object, ());
        wrap::attach(scope, object, Rc::new(self.clone()));
        Some(object)
    }
}

/// The receiver's histogram; throws where it has none.
fn this(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
) -> Option<Rc<Histogram>> {
    let histogram = histogram_of(scope, args.this().into());
    if histogram.is_none() {
        exception::throw_invalid_argument(scope, "The receiver must be a Histogram");
    }
    histogram
}

/// A positive integer, number or bigint; `None` for anything else.
fn integer(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<u64> {
    let number = if let Ok(bigint) = v8::Local::<v8::BigInt>::try_from(value) {
        let (number, lossless) = bigint.i64_value();
        lossless.then_some(number)?
    } else if value.is_number() {
        value.integer_value(scope)?
    } else {
        return None;
    };
    u64::try_from(number).ok().filter(|number| *number >= 1)
}

fn throw_out_of_range(scope: &mut v8::PinScope<'_, '_>) {
    exception::throw(
        scope,
        ErrorKind::RangeError,
        "ERR_OUT_OF_RANGE",
        "value is out of range",
    );
}

fn new_histogram(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let lowest = integer(scope, args.get(0));
    let highest = integer(scope, args.get(1));
    let figures = args
        .get(2)
        .uint32_value(scope)
        .and_then(|figures| u8::try_from(figures).ok());
    let half_life = args
        .get(3)
        .number_value(scope)
        .filter(|n| n.is_finite())
        .unwrap_or(0.0);
    let threshold = args
        .get(4)
        .number_value(scope)
        .filter(|n| n.is_finite())
        .unwrap_or(0.0);
    let histogram = match (args.is_construct_call(), lowest, highest, figures) {
        (true, Some(lowest), Some(highest), Some(figures)) => {
            Histogram::new(lowest, highest, figures, half_life, threshold)
        }
        _ => None,
    };
    let Some(histogram) = histogram else {
        exception::throw_invalid_argument(scope, "Histogram takes lowest, highest and figures");
        return;
    };
    wrap::wrap(scope, args.this(), ());
    wrap::attach(scope, args.this(), Rc::new(histogram));
}

fn record(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    match integer(scope, args.get(0)) {
        Some(value) => histogram.record(value),
        None => throw_out_of_range(scope),
    }
}

fn record_delta(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    histogram.record_delta(monotonic_nanoseconds(&Env::of(scope)));
}

fn record_corrected(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    /// Most values that one call fills in: the guest chooses the quotient.
    const MOST: u64 = 10_000_000;
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let (Some(value), Some(interval)) = (integer(scope, args.get(0)), integer(scope, args.get(1)))
    else {
        throw_out_of_range(scope);
        return;
    };
    if value / interval > MOST {
        throw_out_of_range(scope);
        return;
    }
    histogram.record(value);
    let mut missing = value.saturating_sub(interval);
    while missing >= interval {
        histogram.record(missing);
        missing -= interval;
    }
}

/// What `add` and `subtract` do with the other histogram's values.
type Combine = fn(&mut hdrhistogram::Histogram<u64>, &hdrhistogram::Histogram<u64>);

fn combine(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    operation: Combine,
) {
    let Some(histogram) = this(scope, args) else {
        return;
    };
    let Some(other) = histogram_of(scope, args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"other\" argument must be a Histogram");
        return;
    };
    // A copy: a histogram may be combined with itself.
    let values = other.values.lock().clone();
    operation(&mut histogram.values.lock(), &values);
}

fn add(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let before = histogram_of(scope, args.this().into())
        .map_or(0, |histogram| histogram.values.lock().len());
    combine(scope, &args, |own, other| {
        for step in other.iter_recorded() {
            // It resizes itself; what still does not fit cannot be counted.
            let _ = own.record_n(step.value_iterated_to(), step.count_at_value());
        }
    });
    if let Some(histogram) = histogram_of(scope, args.this().into()) {
        rv.set_double(histogram.values.lock().len().saturating_sub(before) as f64);
    }
}

/// Counts never fall below zero.
fn subtract(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    combine(scope, &args, |own, other| {
        let mut rest = own.clone();
        rest.reset();
        for step in own.iter_recorded() {
            let value = step.value_iterated_to();
            let left = step.count_at_value().saturating_sub(other.count_at(value));
            if left > 0 {
                // The value came out of a histogram of the same size.
                let _ = rest.record_n(value, left);
            }
        }
        *own = rest;
    });
}

macro_rules! reader {
    ($name:ident, $read:expr) => {
        fn $name(
            scope: &mut v8::PinScope<'_, '_>,
            args: v8::FunctionCallbackArguments<'_>,
            mut rv: v8::ReturnValue<'_, v8::Value>,
        ) {
            let Some(histogram) = this(scope, &args) else {
                return;
            };
            let read: fn(&Recorded) -> f64 = $read;
            rv.set_double(read(&histogram));
        }
    };
}

macro_rules! bigint_reader {
    ($name:ident, $read:expr) => {
        fn $name(
            scope: &mut v8::PinScope<'_, '_>,
            args: v8::FunctionCallbackArguments<'_>,
            mut rv: v8::ReturnValue<'_, v8::Value>,
        ) {
            let Some(histogram) = this(scope, &args) else {
                return;
            };
            let read: fn(&Recorded) -> u64 = $read;
            rv.set(v8::BigInt::new_from_u64(scope, read(&histogram)).into());
        }
    };
}

reader!(count, |h| h.values.lock().len() as f64);
bigint_reader!(count_bigint, |h| h.values.lock().len());
reader!(exceeds, |h| h.exceeds.get() as f64);
bigint_reader!(exceeds_bigint, |h| h.exceeds.get());
reader!(min, |h| h.min() as f64);
bigint_reader!(min_bigint, Recorded::min);
reader!(max, |h| h.max() as f64);
bigint_reader!(max_bigint, Recorded::max);
reader!(mean, Recorded::mean);
reader!(stddev, Recorded::stddev);
reader!(skewness, |h| h.moment(3));
reader!(kurtosis, |h| if h.moment(2) == 0.0 {
    0.0
} else {
    h.moment(4) - 3.0
});
reader!(ewma_mean, |h| h.ewma.get().mean);
reader!(ewma_stddev, |h| h.ewma.get().variance.sqrt());
reader!(ewma_error_rate, |h| h.ewma.get().error_rate);

/// The number in argument 0 as a value of the histogram.
fn value_argument(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
) -> u64 {
    let value = args.get(0).integer_value(scope).unwrap_or(0);
    u64::try_from(value).unwrap_or(0)
}

fn cdf(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let value = value_argument(scope, &args);
    rv.set_double(histogram.cdf(value));
}

fn count_at(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let value = value_argument(scope, &args);
    rv.set_double(histogram.values.lock().count_at(value) as f64);
}

fn percentile(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let percentile = args.get(0).number_value(scope).unwrap_or(f64::NAN);
    rv.set_double(histogram.percentile(percentile.clamp(0.0, 100.0)) as f64);
}

fn percentile_bigint(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let percentile = args.get(0).number_value(scope).unwrap_or(f64::NAN);
    let value = histogram.percentile(percentile.clamp(0.0, 100.0));
    rv.set(v8::BigInt::new_from_u64(scope, value).into());
}

/// The map in argument `index`; throws where it is none.
fn map_argument<'s>(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'s>,
    index: i32,
) -> Option<v8::Local<'s, v8::Map>> {
    let map = args.get(index).try_cast().ok();
    if map.is_none() {
        exception::throw_invalid_argument(scope, "The \"map\" argument must be a Map");
    }
    map
}

fn put(scope: &mut v8::PinScope<'_, '_>, map: v8::Local<'_, v8::Map>, key: f64, value: f64) {
    let key = v8::Number::new(scope, key).into();
    let value = v8::Number::new(scope, value).into();
    map.set(scope, key, value);
}

fn percentiles(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let Some(map) = map_argument(scope, &args, 0) else {
        return;
    };
    for (percentile, value) in histogram.percentiles() {
        put(scope, map, percentile, value as f64);
    }
}

fn percentiles_bigint(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let Some(map) = map_argument(scope, &args, 0) else {
        return;
    };
    for (percentile, value) in histogram.percentiles() {
        let key = v8::Number::new(scope, percentile).into();
        let value = v8::BigInt::new_from_u64(scope, value).into();
        map.set(scope, key, value);
    }
}

fn percentiles_at(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let Some(map) = map_argument(scope, &args, 0) else {
        return;
    };
    let Ok(wanted) = v8::Local::<v8::Object>::try_from(args.get(1)) else {
        exception::throw_invalid_argument(scope, "The \"percentiles\" argument must be an array");
        return;
    };
    let length = convert::get(scope, wanted, "length")
        .and_then(|length| length.uint32_value(scope))
        .unwrap_or(0);
    for index in 0..length {
        let Some(percentile) = wanted
            .get_index(scope, index)
            .and_then(|p| p.number_value(scope))
        else {
            return;
        };
        put(
            scope,
            map,
            percentile,
            histogram.percentile(percentile.clamp(0.0, 100.0)) as f64,
        );
    }
}

/// Fills `map` with the counts between the bounds that `next` yields, up to the largest value.
fn buckets(
    scope: &mut v8::PinScope<'_, '_>,
    histogram: &Histogram,
    map: v8::Local<'_, v8::Map>,
    first: f64,
    next: impl Fn(f64) -> f64,
) {
    if first.is_nan() || first < 1.0 {
        throw_out_of_range(scope);
        return;
    }
    let max = histogram.max() as f64;
    let mut bound = first;
    let mut below = 0;
    loop {
        if scope.is_execution_terminating() {
            return;
        }
        // Bounds are positive and at most a few times the largest value.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let level = bound as u64;
        let up_to = histogram.count_up_to(level);
        let key = histogram.values.lock().lowest_equivalent(level) as f64;
        put(scope, map, key, up_to.saturating_sub(below) as f64);
        below = up_to;
        if bound >= max || next(bound) <= bound {
            return;
        }
        bound = next(bound);
    }
}

fn linear_buckets(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let step = args.get(0).number_value(scope).unwrap_or(f64::NAN);
    let Some(map) = map_argument(scope, &args, 1) else {
        return;
    };
    buckets(scope, &histogram, map, step, |bound| bound + step);
}

fn log_buckets(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let first = args.get(0).number_value(scope).unwrap_or(f64::NAN);
    let base = args.get(1).number_value(scope).unwrap_or(f64::NAN);
    let Some(map) = map_argument(scope, &args, 2) else {
        return;
    };
    buckets(scope, &histogram, map, first, |bound| bound * base);
}

fn reset(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if let Some(histogram) = this(scope, &args) {
        histogram.reset();
    }
}

fn unavailable(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    exception::throw(
        scope,
        ErrorKind::Error,
        "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
        "Statistical tests of histograms are not available in this VM",
    );
}

/// Records how late the loop is, each time its interval has passed.
struct Ticker {
    histogram: Rc<Histogram>,
    interval: Duration,
    task: Cell<Option<TaskKey>>,
}

impl Ticker {
    fn schedule(self: &Rc<Self>, env: &Env) {
        let ticker = self.clone();
        let waiting = delay(self.interval);
        let key = env.event_loop.spawn_unref(async move {
            waiting.await;
            Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
                let env = Env::of(scope);
                ticker.task.set(None);
                ticker.histogram.record_delta(monotonic_nanoseconds(&env));
                ticker.schedule(&env);
            }) as Completion
        });
        self.task.set(Some(key));
    }

    fn stop(&self, env: &Env) {
        if let Some(key) = self.task.take() {
            env.event_loop.cancel(key);
        }
    }
}

struct Closer(Rc<Ticker>);

impl HandleResource for Closer {
    fn close(&self, scope: &mut v8::PinScope<'_, '_>) {
        let env = Env::of(scope);
        self.0.stop(&env);
    }
}

/// `createELDHistogram(resolution, samplePerIteration)`; both ways of sampling go by the interval.
fn create_eld_histogram(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let milliseconds = args.get(0).integer_value(scope).unwrap_or(0);
    let (Ok(milliseconds @ 1..), Some(histogram)) = (
        u64::try_from(milliseconds),
        Histogram::new(1, 3_600_000_000_000, 3, 0.0, 0.0),
    ) else {
        exception::throw_invalid_argument(
            scope,
            "The \"resolution\" argument must be a positive integer",
        );
        return;
    };
    let object = class_template(scope, "IntervalHistogram")
        .and_then(|template| template.instance_template(scope).new_instance(scope));
    let Some(object) = object else { return };
    let histogram = Rc::new(histogram);
    let ticker = Rc::new(Ticker {
        histogram: histogram.clone(),
        interval: Duration::from_millis(milliseconds.min(1 << 31)),
        task: Cell::new(None),
    });
    async_wrap::wrap_async(scope, object, "ELDHISTOGRAM", ticker.clone());
    wrap::attach(scope, object, histogram);
    let handle = Handle::attach(scope, object, "ELDHistogram");
    // It never keeps the process alive.
    handle.set_referenced(&Env::of(scope), false);
    handle.set_resource(Rc::new(Closer(ticker)));
    rv.set(object.into());
}

fn ticker_of(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
) -> Option<Rc<Ticker>> {
    Some((*wrap::unwrap::<Rc<Ticker>>(scope, args.this().into())?).clone())
}

/// `start(reset)`
fn start(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(ticker) = ticker_of(scope, &args) else {
        return;
    };
    let alive = Handle::of(scope, args.this().into()).is_some_and(|handle| handle.is_alive());
    if !alive || ticker.task.get().is_some() {
        return;
    }
    if args.get(0).is_true() {
        ticker.histogram.reset();
    }
    ticker.schedule(&Env::of(scope));
}

fn stop(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if let Some(ticker) = ticker_of(scope, &args) {
        ticker.stop(&Env::of(scope));
    }
}
