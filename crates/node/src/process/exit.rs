//! The end of a guest process, or of one of its worker threads.

use crate::env::Env;
use crate::worker::{self, Worker};

/// Ends the process, or on a worker thread only that, with `code` at once (`process.reallyExit`): no JavaScript of it runs any more.
pub fn exit_process(scope: &mut v8::PinScope<'_, '_>, code: i32) {
    let env = Env::of(scope);
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
    if let Some(trace) = v8::StackTrace::current_stack_trace(scope, 10) {
        text.push_str(&crate::process::report::stack_frames(scope, trace));
    }
    crate::process::report::write_stderr(scope, text.as_bytes());
}
