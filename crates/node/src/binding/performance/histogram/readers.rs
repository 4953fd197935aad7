//! What programs read off a histogram, of either class.

use super::recorded::{Histogram, Recorded};
use super::{reset, this, throw_out_of_range};
use crate::callback::{Args, Return, Scope};
use crate::js::class::ClassDefinition;
use crate::js::{convert, exception};

pub(super) fn add_readers(class: &mut ClassDefinition) {
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

macro_rules! reader {
    ($name:ident, $read:expr) => {
        fn $name(scope: Scope, args: Args, mut rv: Return) {
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
        fn $name(scope: Scope, args: Args, mut rv: Return) {
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
fn value_argument(scope: Scope, args: &Args) -> u64 {
    let value = args.get(0).integer_value(scope).unwrap_or(0);
    u64::try_from(value).unwrap_or(0)
}

fn cdf(scope: Scope, args: Args, mut rv: Return) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let value = value_argument(scope, &args);
    rv.set_double(histogram.cdf(value));
}

fn count_at(scope: Scope, args: Args, mut rv: Return) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let value = value_argument(scope, &args);
    rv.set_double(histogram.values.lock().count_at(value) as f64);
}

fn percentile(scope: Scope, args: Args, mut rv: Return) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let percentile = args.get(0).number_value(scope).unwrap_or(f64::NAN);
    rv.set_double(histogram.percentile(percentile.clamp(0.0, 100.0)) as f64);
}

fn percentile_bigint(scope: Scope, args: Args, mut rv: Return) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let percentile = args.get(0).number_value(scope).unwrap_or(f64::NAN);
    let value = histogram.percentile(percentile.clamp(0.0, 100.0));
    rv.set(v8::BigInt::new_from_u64(scope, value).into());
}

/// The map in argument `index`; throws where it is none.
fn map_argument<'s>(scope: Scope, args: &Args<'s>, index: i32) -> Option<v8::Local<'s, v8::Map>> {
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

fn percentiles(scope: Scope, args: Args, _rv: Return) {
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

fn percentiles_bigint(scope: Scope, args: Args, _rv: Return) {
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

fn percentiles_at(scope: Scope, args: Args, _rv: Return) {
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

fn linear_buckets(scope: Scope, args: Args, _rv: Return) {
    let Some(histogram) = this(scope, &args) else {
        return;
    };
    let step = args.get(0).number_value(scope).unwrap_or(f64::NAN);
    let Some(map) = map_argument(scope, &args, 1) else {
        return;
    };
    buckets(scope, &histogram, map, step, |bound| bound + step);
}

fn log_buckets(scope: Scope, args: Args, _rv: Return) {
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

fn unavailable(scope: Scope, _args: Args, _rv: Return) {
    exception::throw_unavailable(
        scope,
        "Statistical tests of histograms are not available in this VM",
    );
}
