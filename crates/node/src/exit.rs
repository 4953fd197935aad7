//! The end of a guest process.

use crate::env::Env;

/// Ends the process with `code` at once (`process.reallyExit`): no JavaScript of it runs any more.
pub fn exit_process(scope: &mut v8::PinScope<'_, '_>, code: i32) {
    let env = Env::of(scope);
    if env.stopping.replace(true) {
        return;
    }
    if let Some(process) = env.try_process() {
        process.exit(code);
    }
    env.event_loop.stop();
    scope.terminate_execution();
}
