//! `breakOnSigint`: scripts and modules that SIGINT interrupts. Follows `SigintWatchdogHelper` in Node's
//! `src/node_watchdog.cc`.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{JoinHandle, Thread};

use parking_lot::Mutex;
use secure_exec_kernel::{Disposition, Process, Signal};

use super::timeout::run_until_ended;
use crate::env::Env;
use crate::js::exception::{self, ErrorKind};

/// The watchdog of one isolate.
#[derive(Default)]
pub(super) struct SigintWatchdog {
    /// How many want it.
    depth: Cell<u32>,
    running: RefCell<Option<Running>>,
}

/// The thread that waits, and what was before it.
struct Running {
    process: Arc<Process>,
    previous: Disposition,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// What runs, the innermost last.
    scripts: Vec<(v8::IsolateHandle, Arc<AtomicBool>)>,
    /// A signal came when nothing ran.
    pending: bool,
    stopped: bool,
}

impl SigintWatchdog {
    /// Takes SIGINT away from the process; false if there is no process, or no thread to be had.
    pub fn start(&self, env: &Env) -> bool {
        if self.running.borrow().is_none() {
            let Some(running) = env.try_process().and_then(Running::start) else {
                return false;
            };
            self.running.replace(Some(running));
        }
        self.depth.set(self.depth.get() + 1);
        true
    }

    /// Undoes one `start`. Whether a signal came that interrupted nothing.
    pub fn stop(&self) -> bool {
        let pending = self
            .running
            .borrow()
            .as_ref()
            .is_some_and(|running| std::mem::take(&mut running.shared.lock().pending));
        self.depth.set(self.depth.get().saturating_sub(1));
        if self.depth.get() == 0 {
            self.running.replace(None);
        }
        pending
    }

    /// Whether a signal came that interrupted nothing.
    pub fn has_pending(&self) -> bool {
        let running = self.running.borrow();
        running
            .as_ref()
            .is_some_and(|running| running.shared.lock().pending)
    }

    /// Takes a SIGINT that another reader of the process's signals came upon; false if nobody watches for one.
    pub fn take(&self) -> bool {
        let running = self.running.borrow();
        let Some(running) = running.as_ref() else {
            return false;
        };
        running.shared.lock().interrupt();
        true
    }

    fn enter(&self, isolate: v8::IsolateHandle) -> Arc<AtomicBool> {
        let interrupted = Arc::new(AtomicBool::new(false));
        if let Some(running) = &*self.running.borrow() {
            let script = (isolate, interrupted.clone());
            running.shared.lock().scripts.push(script);
        }
        interrupted
    }

    fn leave(&self) {
        if let Some(running) = &*self.running.borrow() {
            running.shared.lock().scripts.pop();
        }
    }
}

impl Running {
    fn start(process: Arc<Process>) -> Option<Running> {
        let previous = process
            .sigaction(Signal::SIGINT, Disposition::Handle)
            .ok()?;
        let mut running = Running {
            process: process.clone(),
            previous,
            shared: Arc::default(),
            thread: None,
        };
        let shared = running.shared.clone();
        let thread = std::thread::Builder::new()
            .name("sigint".to_owned())
            .stack_size(128 << 10)
            .spawn(move || wait(&process, &shared));
        running.thread = Some(thread.ok()?);
        Some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does nothing that can fail.
            let _ = thread.join();
        }
        if self.previous != Disposition::Handle {
            // The signal was accepted by `start`; a process that is being killed has none any more.
            let _ = self.process.sigaction(Signal::SIGINT, self.previous);
        }
    }
}

fn wait(process: &Process, shared: &Mutex<Shared>) {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    while process.is_alive() && !shared.lock().stopped {
        match process.poll_signal_of(Signal::SIGINT, &mut context) {
            Poll::Ready(()) => shared.lock().interrupt(),
            Poll::Pending => std::thread::park(),
        }
    }
}

impl Shared {
    fn interrupt(&mut self) {
        let Some((isolate, interrupted)) = self.scripts.last() else {
            self.pending = true;
            return;
        };
        interrupted.store(true, Ordering::Release);
        isolate.terminate_execution();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Gives a SIGINT to the watchdog, if it runs: as long as it does, it is the handler of that signal.
pub fn take_sigint(env: &Env) -> bool {
    env.state::<SigintWatchdog>().take()
}

/// Runs `body`, JavaScript of the guest, so that SIGINT interrupts it if `breaks`. That becomes
/// `ERR_SCRIPT_EXECUTION_INTERRUPTED`, pending when this returns `None`.
pub fn run_with_sigint<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    breaks: bool,
    body: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>>,
) -> Option<v8::Local<'s, v8::Value>> {
    if !breaks {
        return body(scope);
    }
    let env = Env::of(scope);
    let watchdog = env.state::<SigintWatchdog>();
    if !watchdog.start(&env) {
        let text = "Cannot watch for SIGINT signals";
        exception::throw(scope, ErrorKind::Error, "ERR_CANNOT_WATCH_SIGINT", text);
        return None;
    }
    let interrupted = watchdog.enter(scope.thread_safe_handle());
    run_until_ended(scope, body, || {
        watchdog.leave();
        watchdog.stop();
        interrupted.load(Ordering::Acquire).then(|| {
            let text = "Script execution was interrupted by `SIGINT`".to_owned();
            ("ERR_SCRIPT_EXECUTION_INTERRUPTED", text)
        })
    })
}
