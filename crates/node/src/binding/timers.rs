//! `internalBinding('timers')`. Follows Node's `src/timers.cc`.

use secure_exec_kernel::LimitBreach;

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind};

const MAX_TIMERS: &str = "limits.jsRuntime.maxTimers";

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("setupTimers", setup_timers)
        .function("getLibuvNow", get_libuv_now)
        .function("scheduleTimer", schedule_timer)
        .function("toggleTimerRef", toggle_timer_ref)
        .function("toggleImmediateRef", toggle_immediate_ref)
        .function("refuseTimer", refuse_timer)
        .init(init);
}

fn init(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let env = Env::of(scope);
    let immediate_info = env.aliased_array::<u32>(scope, Slot::ImmediateInfo, 3);
    crate::js::convert::set(scope, binding, "immediateInfo", immediate_info);
    let timeout_info = env.aliased_array::<i32>(scope, Slot::TimeoutInfo, 1);
    crate::js::convert::set(scope, binding, "timerInfo", timeout_info);
    crate::js::convert::set(scope, binding, "timeoutInfo", timeout_info);
    let usage = env.aliased_array::<u32>(scope, Slot::TimerUsage, 2);
    env.aliased::<u32>(Slot::TimerUsage).set(1, u32::MAX);
    crate::js::convert::set(scope, binding, "timerUsage", usage);
}

/// How many timers may wait at a time.
fn most(env: &Env) -> usize {
    env.program()
        .map_or(usize::MAX, |program| program.options.max_timers)
}

/// Tells the library how many timers may wait at a time (`limits.jsRuntime.maxTimers`).
pub fn limit_timers(env: &Env) {
    let bound = u32::try_from(most(env)).unwrap_or(u32::MAX);
    env.aliased::<u32>(Slot::TimerUsage).set(1, bound);
}

/// Tells how many timers wait. The library asks for the time whenever it has counted one more.
fn note_use(env: &Env) {
    let usage = env.aliased::<u32>(Slot::TimerUsage);
    let (used, bound) = (usage.get(0), usage.get(1));
    // Most programs have few, and the others are asked about only then.
    let Some(process) = (used > bound / 2).then(|| env.try_process()).flatten() else {
        return;
    };
    let usage = LimitBreach {
        limit: MAX_TIMERS,
        bound: bound.into(),
        used: used.into(),
    };
    env.kernel().note_limit_use(Some(&process), usage);
}

/// `refuseTimer()`, called by our patch of `internal/timers`: throws what a timer too many is answered with.
fn refuse_timer(scope: Scope, _args: Args, _rv: Return) {
    let env = Env::of(scope);
    let bound = most(&env);
    let breach = LimitBreach {
        limit: MAX_TIMERS,
        bound: bound as u64,
        used: bound as u64 + 1,
    };
    env.kernel()
        .note_limit_breach(Some(env.process().pid()), breach);
    let message = format!("Too many timers: limits.jsRuntime.maxTimers is {bound}");
    exception::throw(scope, ErrorKind::Error, "ERR_RESOURCE_LIMIT", &message);
}

fn setup_timers(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    env.set_slot(scope, Slot::ProcessImmediate, args.get(0));
    env.set_slot(scope, Slot::ProcessTimers, args.get(1));
}

fn get_libuv_now(scope: Scope, _args: Args, mut rv: Return) {
    // As `uv_now` behind `uv_update_time`: a timer starts from the time it is made at.
    let env = Env::of(scope);
    crate::env::clock::update_time(&env);
    note_use(&env);
    rv.set_double(env.event_loop.now());
}

fn schedule_timer(scope: Scope, args: Args, _rv: Return) {
    let delay = args.get(0).number_value(scope).unwrap_or(1.0);
    Env::of(scope).event_loop.schedule_timer(delay);
}

fn toggle_timer_ref(scope: Scope, args: Args, _rv: Return) {
    Env::of(scope)
        .event_loop
        .reference_timer(args.get(0).boolean_value(scope));
}

fn toggle_immediate_ref(scope: Scope, args: Args, _rv: Return) {
    Env::of(scope)
        .event_loop
        .reference_immediate(args.get(0).boolean_value(scope));
}
