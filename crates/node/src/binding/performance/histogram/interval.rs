//! The histogram of event loop delays (`IntervalHistogram` of Node's `src/histogram.cc`).

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::recorded::Histogram;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::env::clock::monotonic_nanoseconds;
use crate::event_loop::{Completion, TaskKey};
use crate::js::class::class_template;
use crate::js::handle::{Handle, HandleResource};
use crate::js::{exception, wrap};
use crate::threads::sleep::Sleep;

/// Records how late the loop is, each time its interval has passed.
struct Ticker {
    histogram: Rc<Histogram>,
    interval: Duration,
    task: Cell<Option<TaskKey>>,
}

impl Ticker {
    fn schedule(self: &Rc<Self>, env: &Env) {
        let ticker = self.clone();
        let waiting = Sleep::new(self.interval);
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

impl HandleResource for Ticker {
    fn close(&self, scope: &mut v8::PinScope<'_, '_>) {
        let env = Env::of(scope);
        self.stop(&env);
    }
}

/// `createELDHistogram(resolution, samplePerIteration)`; both ways of sampling go by the interval.
pub(super) fn create_eld_histogram(scope: Scope, args: Args, mut rv: Return) {
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
    let ticker = Ticker {
        histogram: histogram.clone(),
        interval: Duration::from_millis(milliseconds.min(1 << 31)),
        task: Cell::new(None),
    };
    let kind = ("ELDHISTOGRAM", "ELDHistogram");
    let (_ticker, handle) = Handle::construct(scope, object, kind, ticker);
    wrap::attach(scope, object, histogram);
    // It never keeps the process alive.
    handle.set_referenced(&Env::of(scope), false);
    rv.set(object.into());
}

fn ticker_of(scope: Scope, args: &Args) -> Option<Rc<Ticker>> {
    wrap::unwrap::<Ticker>(scope, args.this().into())
}

/// `start(reset)`
pub(super) fn start(scope: Scope, args: Args, _rv: Return) {
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

pub(super) fn stop(scope: Scope, args: Args, _rv: Return) {
    if let Some(ticker) = ticker_of(scope, &args) {
        ticker.stop(&Env::of(scope));
    }
}
