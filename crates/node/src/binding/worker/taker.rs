//! What a parent asks its worker for: statistics, processor time, a heap snapshot. The worker answers between two steps
//! of its JavaScript; the answer comes as a call of `ondone`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::binding::heap_utils;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::event_loop::LoopHandle;
use crate::heap::heap_limit;
use crate::js::class::ClassDefinition;
use crate::js::{callback_scope, convert, wrap};

use super::WorkerHandle;

pub(super) fn add_methods(class: &mut ClassDefinition) {
    class
        .method("takeHeapSnapshot", take_heap_snapshot)
        .method("getHeapStatistics", get_heap_statistics)
        .method("cpuUsage", cpu_usage);
}

/// The objects that wait for an answer.
#[derive(Default)]
struct Takers {
    last: Cell<u64>,
    waiting: RefCell<HashMap<u64, v8::Global<v8::Object>>>,
}

/// The way back to the parent. Without an answer the parent forgets the question.
struct Reply {
    key: u64,
    parent: LoopHandle,
    answered: bool,
}

impl Reply {
    fn answer(mut self, call: impl FnOnce(&mut v8::PinScope<'_, '_>, u64) + Send + 'static) {
        self.answered = true;
        let key = self.key;
        self.parent.post(move |scope| call(scope, key));
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.answered {
            let key = self.key;
            self.parent.post(move |scope| {
                take(scope, key);
            });
        }
    }
}

fn take<'s>(scope: &mut v8::PinScope<'s, '_>, key: u64) -> Option<v8::Local<'s, v8::Object>> {
    let env = Env::of(scope);
    let taker = env.state::<Takers>().waiting.borrow_mut().remove(&key)?;
    env.event_loop.remove_reference();
    Some(v8::Local::new(scope, taker))
}

fn done(scope: &mut v8::PinScope<'_, '_>, key: u64, arguments: &[v8::Local<'_, v8::Value>]) {
    let Some(taker) = take(scope, key) else {
        return;
    };
    let arguments: Vec<_> = arguments
        .iter()
        .map(|argument| v8::Local::new(scope, *argument))
        .collect();
    callback_scope::make_named_callback(scope, taker, "ondone", &arguments);
}

/// Asks the worker; `undefined` where it does not run.
fn ask(
    scope: Scope,
    args: &Args,
    mut rv: Return,
    question: impl FnOnce(Scope, Reply) + Send + 'static,
) {
    let env = Env::of(scope);
    let Some(handle) = wrap::unwrap::<WorkerHandle>(scope, args.this().into()) else {
        return;
    };
    let takers = env.state::<Takers>();
    let key = takers.last.get() + 1;
    takers.last.set(key);
    let taker = v8::Object::new(scope);
    takers
        .waiting
        .borrow_mut()
        .insert(key, v8::Global::new(scope, taker));
    env.event_loop.add_reference();
    let reply = Reply {
        key,
        parent: env.event_loop.handle(),
        answered: false,
    };
    let asked = handle
        .worker
        .interrupt(Box::new(move |scope| question(scope, reply)));
    if asked {
        rv.set(taker.into());
    }
}

fn take_heap_snapshot(scope: Scope, args: Args, rv: Return) {
    ask(scope, &args, rv, |scope, reply| {
        let snapshot = heap_utils::take(scope);
        reply.answer(move |scope, key| {
            if let Some(stream) = heap_utils::new_stream(scope, Some(snapshot)) {
                done(scope, key, &[stream.into()]);
            }
        });
    });
}

/// True or false here, and a number in `v8.getHeapStatistics()`.
const ZAPS: &str = "does_zap_garbage";

fn get_heap_statistics(scope: Scope, args: Args, rv: Return) {
    ask(scope, &args, rv, |scope, reply| {
        let heap = scope.get_heap_statistics();
        let limit = heap_limit::size_limit(scope);
        let values: [(&'static str, usize); 14] = [
            ("total_heap_size", heap.total_heap_size()),
            (
                "total_heap_size_executable",
                heap.total_heap_size_executable(),
            ),
            ("total_physical_size", heap.total_physical_size()),
            ("total_available_size", heap.total_available_size()),
            ("used_heap_size", heap.used_heap_size()),
            ("heap_size_limit", limit),
            ("malloced_memory", heap.malloced_memory()),
            ("peak_malloced_memory", heap.peak_malloced_memory()),
            (ZAPS, usize::from(heap.does_zap_garbage())),
            (
                "number_of_native_contexts",
                heap.number_of_native_contexts(),
            ),
            (
                "number_of_detached_contexts",
                heap.number_of_detached_contexts(),
            ),
            (
                "total_global_handles_size",
                heap.total_global_handles_size(),
            ),
            ("used_global_handles_size", heap.used_global_handles_size()),
            ("external_memory", heap.external_memory()),
        ];
        reply.answer(move |scope, key| {
            let null = v8::null(scope).into();
            let result = v8::Object::with_prototype_and_properties(scope, null, &[], &[]);
            for (name, value) in values {
                let value = if name == ZAPS {
                    v8::Boolean::new(scope, value != 0).into()
                } else {
                    v8::Number::new(scope, value as f64).into()
                };
                convert::set(scope, result, name, value);
            }
            done(scope, key, &[result.into()]);
        });
    });
}

/// Microseconds of the worker's thread in user and system mode.
fn cpu_usage(scope: Scope, args: Args, rv: Return) {
    ask(scope, &args, rv, |_scope, reply| {
        let usage = crate::process::rusage::thread_usage();
        let (user, system) = (usage.user, usage.system);
        reply.answer(move |scope, key| {
            let result = v8::Object::new(scope);
            for (name, value) in [("user", user), ("system", system)] {
                let value = v8::Number::new(scope, value).into();
                convert::set(scope, result, name, value);
            }
            let null = v8::null(scope).into();
            done(scope, key, &[null, result.into()]);
        });
    });
}
