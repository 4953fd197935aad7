//! What happens when native code of a guest's thread gives up (`abort(3)`, or V8's trap), most often because there is no
//! memory for it.
//!
//! As with V8's own failures the thread is parked for ever, and the server, which holds none of its state, goes on for
//! as long as it takes to save the filesystem. Signals that others send, and the server's own failures, end the process.

use std::sync::{Arc, OnceLock};

use secure_exec_node::native_memory;

use crate::lockdown;
use crate::mailbox::{Mailbox, Notice};

static SERVER: OnceLock<(libc::pthread_t, Arc<Mailbox>)> = OnceLock::new();

/// Has the server, which runs on the calling thread, outlive the aborts of other threads.
pub(crate) fn survive(mailbox: &Arc<Mailbox>) {
    // SAFETY: takes nothing.
    let server = unsafe { libc::pthread_self() };
    let _ = SERVER.set((server, mailbox.clone()));
    // SAFETY: zeroes are a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = aborted as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    for signal in [libc::SIGABRT, libc::SIGTRAP] {
        // SAFETY: the structure is valid for the call and the handler has the signature that its flags ask for.
        unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    }
}

extern "C" fn aborted(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid structure.
    let code = unsafe { (*info).si_code };
    // A trap of the thread's own has a code of the kernel's, which is above those of `kill(2)` and its like.
    let own = code == libc::SI_TKILL || signal == libc::SIGTRAP && code > 0;
    // SAFETY: takes nothing.
    let this = unsafe { libc::pthread_self() };
    let told = own
        && SERVER.get().is_some_and(|(server, mailbox)| {
            *server != this && {
                let denied = native_memory::was_denied();
                let limit = lockdown::limit_reached().filter(|_| denied);
                lockdown::release_memory_headroom();
                let message = match (denied, signal) {
                    (true, _) => "memory limit (an allocation failed)".into(),
                    (false, libc::SIGTRAP) => "engine failure (trap)".into(),
                    (false, _) => "engine failure (abort)".into(),
                };
                mailbox.try_notify(0, Notice::Fatal { message, limit })
            }
        });
    if told {
        loop {
            std::thread::park();
        }
    }
    // SAFETY: takes plain numbers. The default is the end of the process.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}
