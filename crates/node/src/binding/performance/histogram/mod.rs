//! `Histogram` and the histogram of event loop delays. Follows Node's `src/histogram.cc`.
//!
//! # Deviations
//! The statistical tests between two histograms and confidence intervals refuse.

mod interval;
mod readers;
mod recorded;

use std::rc::Rc;

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::env::clock::monotonic_nanoseconds;
use crate::js::class::{Definition, class_template};
use crate::js::exception::{self, ErrorKind};
use crate::js::transfer::TransferData;
use crate::js::wrap;
use interval::{create_eld_histogram, start, stop};
use readers::add_readers;
pub use recorded::Histogram;

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
        .class("IntervalHistogram", crate::js::class::illegal_constructor)
        .hidden();
    class
        .inherits("HandleWrap")
        .method("start", start)
        .method("stop", stop);
    add_readers(class);
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
fn this(scope: Scope, args: &Args) -> Option<Rc<Histogram>> {
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

fn new_histogram(scope: Scope, args: Args, _rv: Return) {
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

fn record(scope: Scope, args: Args, _rv: Return) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    match integer(scope, args.get(0)) {
        Some(value) => histogram.record(value),
        None => throw_out_of_range(scope),
    }
}

fn record_delta(scope: Scope, args: Args, _rv: Return) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    histogram.record_delta(monotonic_nanoseconds(&Env::of(scope)));
}

fn record_corrected(scope: Scope, args: Args, _rv: Return) {
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

fn combine(scope: Scope, args: &Args, operation: Combine) {
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

fn add(scope: Scope, args: Args, mut rv: Return) {
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
fn subtract(scope: Scope, args: Args, _rv: Return) {
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

fn reset(scope: Scope, args: Args, _rv: Return) {
    if let Some(histogram) = this(scope, &args) {
        histogram.reset();
    }
}
