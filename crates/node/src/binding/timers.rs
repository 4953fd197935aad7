//! `internalBinding('timers')`. Follows Node's `src/timers.cc`.

use secure_exec_kernel::LimitBreach;

use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind};

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

/// Sets how many timers may wait at a time (`limits.jsRuntime.maxTimers`).
pub fn limit_timers(env: &Env) {
    let bound = u32::try_from(env.max_timers.get()).unwrap_or(u32::MAX);
    env.aliased::<u32>(Slot::TimerUsage).set(1, bound);
}

/// `refuseTimer()`, called by our patch of `internal/timers`: throws what a timer too many is answered with.
fn refuse_timer(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let env = Env::of(scope);
    let bound = env.max_timers.get();
    let breach = LimitBreach {
        limit: "limits.jsRuntime.maxTimers",
        bound: bound as u64,
        used: bound as u64 + 1,
    };
    env.kernel()
        .note_limit_breach(Some(env.process().pid()), breach);
    let message = format!("Too many timers: limits.jsRuntime.maxTimers is {bound}");
    exception::throw(scope, ErrorKind::Error, "ERR_RESOURCE_LIMIT", &message);
}

fn setup_timers(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let env = Env::of(scope);
    env.set_slot(scope, Slot::ProcessImmediate, args.get(0));
    env.set_slot(scope, Slot::ProcessTimers, args.get(1));
}

fn get_libuv_now(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    // As `uv_now` behind `uv_update_time`: a timer starts from the time it is made at.
    let env = Env::of(scope);
    crate::env::clock::update_time(&env);
    rv.set_double(env.event_loop.now());
}

fn schedule_timer(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let delay = args.get(0).number_value(scope).unwrap_or(1.0);
    Env::of(scope).event_loop.schedule_timer(delay);
}

fn toggle_timer_ref(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    Env::of(scope)
        .event_loop
        .reference_timer(args.get(0).boolean_value(scope));
}

fn toggle_immediate_ref(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    Env::of(scope)
        .event_loop
        .reference_immediate(args.get(0).boolean_value(scope));
}
