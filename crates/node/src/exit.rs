//! The end of a guest process, or of one of its worker threads.

use crate::env::Env;

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
        crate::worker::end_children(&env, crate::worker::Worker::kill);
        crate::binding::tty_wrap::reset_mode(&process);
        // Whoever hears of the end may ask what it took.
        crate::heap_usage::note(scope, &env);
        if let Some(watched) = &*env.watched.borrow() {
            watched.charge();
        }
        process.exit(code);
    }
    env.event_loop.stop();
    scope.terminate_execution();
}
