//! The end of a guest process, or of one of its worker threads.

use std::cell::{Cell, RefCell};

use secure_exec_kernel::{Disposition, Signal};

use crate::env::Env;
use crate::worker::{self, Worker};

/// Whether another program goes on as the process (`execve`).
#[derive(Default)]
struct Replaced(Cell<bool>);

/// Another program goes on as this process: the isolate ends without ending it.
pub(crate) fn note_replaced(env: &Env) {
    env.isolate_state::<Replaced>().0.set(true);
}

/// Whether another program goes on as this process.
pub(crate) fn is_replaced(env: &Env) -> bool {
    env.isolate_state::<Replaced>().0.get()
}

/// What runs at the end of a thread that ends by itself.
pub type AtExit = fn(&mut v8::PinScope<'_, '_>);

/// All of it, in order.
#[derive(Default)]
struct Hooks(RefCell<Vec<AtExit>>);

/// Runs `hook` at the end of the thread (`AtExit` in Node's `src/api/hooks.cc`), once, however often it was asked for.
pub fn at_exit(env: &Env, hook: AtExit) {
    let hooks = env.isolate_state::<Hooks>();
    let mut hooks = hooks.0.borrow_mut();
    if !hooks.iter().any(|other| std::ptr::fn_addr_eq(*other, hook)) {
        hooks.push(hook);
    }
}

/// Runs what was asked for (`RunAtExit`).
pub fn run_at_exit(scope: &mut v8::PinScope<'_, '_>) {
    let hooks = Env::of(scope).isolate_state::<Hooks>().0.take();
    for hook in hooks {
        hook(scope);
    }
}

/// Ends the process, or on a worker thread only that, with `code` at once (`process.reallyExit`): no JavaScript of it runs any more.
pub fn exit_process(scope: &mut v8::PinScope<'_, '_>, code: i32) {
    let env = Env::of(scope);
    if env.stopping.get() {
        return;
    }
    run_at_exit(scope);
    // What ran may have ended the thread itself.
    if env.stopping.replace(true) {
        return;
    }
    if let Some(worker) = env.worker() {
        worker.set_exit_code(code);
    } else if let Some(process) = env.try_process() {
        // Nothing of the process may run once it is a zombie.
        worker::end_children(&env, Worker::kill);
        super::terminal_mode::reset(&process);
        // Whoever hears of the end may ask what it took.
        crate::heap::heap_usage::note(scope, &env);
        if let Some(watched) = &*env.watched.borrow() {
            watched.charge();
        }
        process.exit(code);
    }
    env.event_loop.stop();
    scope.terminate_execution();
}

/// A fatal signal to itself ends the process before the next statement.
pub fn stop_if_ended(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    if env.try_process().is_some_and(|process| !process.is_alive()) {
        env.stopping.set(true);
        env.event_loop.stop();
        scope.terminate_execution();
    }
}

/// Ends the process as `abort(3)` does.
pub fn abort_process(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    // abort(3): a handler cannot keep the process alive.
    let aborted = process
        .sigaction(Signal::SIGABRT, Disposition::Default)
        .and_then(|_| process.kill(process.pid().raw(), Signal::SIGABRT));
    if aborted.is_err() {
        exit_process(scope, 134);
    }
    stop_if_ended(scope);
}

/// Where the program, or this thread of it, is being ended while a native function waits: ends the JavaScript that waits
/// for the function, which must return then. V8 looks at a request to terminate where a function of JavaScript is
/// entered; code that calls nothing but natives would go on until then, with a result that was never there.
pub fn unwind_if_aborted(scope: &mut v8::PinScope<'_, '_>) -> bool {
    let aborted = Env::of(scope).event_loop.is_aborted();
    if aborted {
        unwind(scope);
    }
    aborted
}

fn unwind(scope: &mut v8::PinScope<'_, '_>) {
    scope.terminate_execution();
    let entered = crate::js::exception::string(scope, "0");
    if let Some(script) = v8::Script::compile(scope, entered, None) {
        script.run(scope);
    }
}

/// `process.reallyExit`, and the end by an exception: as [`exit_process`], and with `--trace-exit` says who ends the
/// program, and from where (`Environment::Exit` in Node's `src/env.cc`).
pub fn exit_on_request(scope: &mut v8::PinScope<'_, '_>, code: i32) {
    let env = Env::of(scope);
    if env.options.borrow().flag("--trace-exit") && !env.stopping.get() {
        trace_exit(scope, &env, code);
    }
    exit_process(scope, code);
}

fn trace_exit(scope: &mut v8::PinScope<'_, '_>, env: &Env, code: i32) {
    let Some(process) = env.try_process() else {
        return;
    };
    let pid = process.pid().raw();
    let thread = env.worker().map(|worker| worker.id);
    let who = match thread {
        Some(id) => format!("(node:{pid}, thread:{id})"),
        None => format!("(node:{pid})"),
    };
    let mut text = format!("{who} WARNING: Exited the environment with code {code}\n");
    let limit = env.options.borrow().stack_trace_limit();
    if let Some(trace) = v8::StackTrace::current_stack_trace(scope, limit) {
        text.push_str(&crate::process::report::stack_frames(scope, trace));
    }
    crate::process::report::write_stderr(scope, text.as_bytes());
}
