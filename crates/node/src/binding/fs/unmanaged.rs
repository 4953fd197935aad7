//! Descriptors that a worker opened by number and must close itself (`Environment::AddUnmanagedFd`).
//!
//! Threads of a process share their descriptors; what a worker forgot is closed when it ends, unless it was made with
//! `trackUnmanagedFds: false`.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::env::Env;
use crate::process::process_env::emit_warning;

#[derive(Default)]
struct Unmanaged {
    fds: RefCell<BTreeSet<i32>>,
}

fn is_tracked(env: &Env) -> bool {
    env.worker().is_some_and(|worker| worker.tracks_fds)
}

/// The guest has opened `fd`.
pub fn opened(scope: &mut v8::PinScope<'_, '_>, fd: i32) {
    let env = Env::of(scope);
    if is_tracked(&env) && !env.state::<Unmanaged>().fds.borrow_mut().insert(fd) {
        let message = format!("File descriptor {fd} opened in unmanaged mode twice");
        emit_warning(scope, &message, "Warning", "");
    }
}

/// The guest closes `fd`.
pub fn closed(scope: &mut v8::PinScope<'_, '_>, fd: i32) {
    let env = Env::of(scope);
    if is_tracked(&env) && !env.state::<Unmanaged>().fds.borrow_mut().remove(&fd) {
        let message = format!("File descriptor {fd} closed but not opened in unmanaged mode");
        emit_warning(scope, &message, "Warning", "");
    }
}

/// Closes what a thread that ends has left open.
pub fn close_all(env: &Env) {
    let fds = env.state::<Unmanaged>().fds.take();
    if let Some(process) = env.try_process() {
        for fd in fds {
            // Another thread may have closed it meanwhile.
            let _ = process.close(fd);
        }
    }
}
