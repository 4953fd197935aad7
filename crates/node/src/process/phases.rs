//! The phases of the event loop, in libuv's order. Follows `uv_run`.

use std::time::Duration;

use crate::env::clock::{clock_now, monotonic_nanoseconds, update_time};
use crate::env::{Env, Slot};
use crate::event_loop::{Completion, foreground};
use crate::heap::heap_usage;
use crate::js::callback_scope::{self, AsyncContext};
use crate::process::{frozen_clock, uncaught};

/// `uv_run(UV_RUN_DEFAULT)`: runs until nothing keeps the loop alive, or the process stops.
pub fn run(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    start_turn(&env);
    if alive(scope) {
        run_timers(scope, &env);
    }
    while alive(scope) && !halted(scope, &env) {
        frozen_clock::enter_turn(&env);
        let background = scope.has_pending_background_tasks();
        if let Some(watched) = &*env.watched.borrow() {
            watched.set_background(background);
        }
        let timeout = if background {
            Some(
                backend_timeout(&env)
                    .unwrap_or(BACKGROUND_POLL)
                    .min(BACKGROUND_POLL),
            )
        } else {
            backend_timeout(&env)
        };
        poll(scope, &env, timeout);
        if halted(scope, &env) {
            return;
        }
        check(scope, &env);
        close(scope, &env);
        start_turn(&env);
        run_timers(scope, &env);
    }
}

/// Runs what V8 has left to do on this thread, once nothing else is left (`DrainTasks`): a heap snapshot that was asked
/// for, for example.
pub fn drain(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    run_platform_tasks(scope, &env);
}

/// How often V8's background tasks (WebAssembly compilation) are looked after while they run.
const BACKGROUND_POLL: Duration = Duration::from_millis(1);

/// Whether anything keeps the loop running: ours, or V8's own background work.
pub fn alive(scope: &v8::PinScope<'_, '_>) -> bool {
    Env::of(scope).event_loop.alive() || scope.has_pending_background_tasks()
}

fn halted(scope: &v8::PinScope<'_, '_>, env: &Env) -> bool {
    env.event_loop.is_stopped() || env.is_halted(scope)
}

/// Reads the clock for what runs next.
fn start_turn(env: &Env) {
    frozen_clock::enter_turn(env);
    update_time(env);
}

fn backend_timeout(env: &Env) -> Option<Duration> {
    let event_loop = &env.event_loop;
    if event_loop.is_busy() {
        return Some(Duration::ZERO);
    }
    let due = event_loop.timer_due()?;
    Some(Duration::from_secs_f64(
        (due - clock_now(env)).max(0.0) / 1000.0,
    ))
}

fn poll(scope: &mut v8::PinScope<'_, '_>, env: &Env, timeout: Option<Duration>) {
    let due = foreground::due(scope);
    let timeout = timeout.map_or(due, |timeout| {
        Some(due.map_or(timeout, |due| timeout.min(due)))
    });
    if timeout != Some(Duration::ZERO) {
        heap_usage::note(scope, env);
        env.event_loop
            .idle_meter()
            .enter(monotonic_nanoseconds(env));
    }
    let (woken, posted) = env.event_loop.wait(timeout);
    start_turn(env);
    env.event_loop
        .idle_meter()
        .leave(monotonic_nanoseconds(env));
    run_platform_tasks(scope, env);
    // Only what is ready now: a completion that defers again waits for the next turn.
    for completion in env.event_loop.take_ready() {
        env.event_loop.remove_reference();
        run_completion(scope, env, completion);
    }
    for work in posted {
        run_completion(scope, env, work);
    }
    for key in woken {
        if halted(scope, env) {
            return;
        }
        if let Some(completion) = env.event_loop.poll_task(key) {
            run_completion(scope, env, completion);
        }
    }
    for completion in env.event_loop.take_last() {
        run_completion(scope, env, completion);
    }
}

/// V8's foreground tasks: finalization registries, results of background compilation.
fn run_platform_tasks(scope: &mut v8::PinScope<'_, '_>, env: &Env) {
    let mut ran = false;
    while !halted(scope, env)
        && let Some(task) = foreground::next(scope)
    {
        task.run();
        ran = true;
    }
    if ran {
        callback_scope::run_task_queues(scope);
    }
}

fn run_completion(scope: &mut v8::PinScope<'_, '_>, env: &Env, completion: Completion) {
    if halted(scope, env) {
        return;
    }
    v8::scope!(let scope, scope);
    completion(scope);
}

fn check(scope: &mut v8::PinScope<'_, '_>, env: &Env) {
    for completion in env.event_loop.take_immediates() {
        run_completion(scope, env, completion);
    }
    let info = env.aliased::<u32>(Slot::ImmediateInfo);
    // kCount: whether any immediate is queued; kHasOutstanding: a callback threw and the rest is still to run.
    if info.get(0) == 0 || halted(scope, env) {
        return;
    }
    loop {
        v8::scope!(let scope, scope);
        let Some(function) = env.function(scope, Slot::ProcessImmediate) else {
            return;
        };
        let Some(process) = env.object(scope, Slot::Process) else {
            return;
        };
        callback_scope::call_in_scope(scope, process, &AsyncContext::none(), |scope| {
            function.call(scope, process.into(), &[])
        });
        if info.get(2) == 0 || halted(scope, env) {
            break;
        }
    }
    if info.get(1) == 0 {
        env.event_loop.reference_immediate(false);
    }
}

fn close(scope: &mut v8::PinScope<'_, '_>, env: &Env) {
    for completion in env.event_loop.take_closing() {
        run_completion(scope, env, completion);
    }
}

/// `Environment::RunTimers` in Node's `src/env.cc`. The native timer is set by what `processTimers` answers before the
/// callback scope is left: the ticks and microtasks behind it arm and reference the timer too, and theirs is the last word.
fn run_timers(scope: &mut v8::PinScope<'_, '_>, env: &Env) {
    let Some(due) = env.event_loop.timer_due() else {
        return;
    };
    if env.event_loop.now() < due || halted(scope, env) {
        return;
    }
    env.event_loop.disarm_timer();
    v8::scope!(let scope, scope);
    let Some(function) = env.function(scope, Slot::ProcessTimers) else {
        return;
    };
    let Some(process) = env.object(scope, Slot::Process) else {
        return;
    };
    callback_scope::call_in_scope(scope, process, &AsyncContext::none(), |scope| {
        let next = process_timers(scope, env, function, process)?;
        if next != 0.0 {
            // The library returns the absolute expiry, negative when only unref'd timers are left.
            update_time(env);
            let delay = next.abs() - env.event_loop.now();
            env.event_loop.schedule_timer(delay.max(1.0));
        }
        env.event_loop.reference_timer(next > 0.0);
        Some(v8::undefined(scope).into())
    });
}

/// Runs the lists of timers that are due and gives back what `processTimers` returned; `None` if the program ends.
fn process_timers<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    env: &Env,
    function: v8::Local<'s, v8::Function>,
    process: v8::Local<'s, v8::Object>,
) -> Option<f64> {
    loop {
        v8::scope!(let scope, scope);
        let now = v8::Number::new(scope, env.event_loop.now()).into();
        let thrown = {
            v8::tc_scope!(let tc, scope);
            match function.call(tc, process.into(), &[now]) {
                Some(next) => return Some(next.number_value(tc).unwrap_or(0.0)),
                None => {
                    let thrown = tc.exception().filter(|_| !tc.has_terminated());
                    thrown.zip(tc.message())
                }
            }
        };
        if halted(scope, env) {
            return None;
        }
        // The timers behind the one that threw are still due: the lists are run again.
        let (error, message) = thrown?;
        uncaught::trigger_uncaught_with(scope, error, message, false);
        if halted(scope, env) {
            return None;
        }
    }
}
