//! What interrupts a program: signals with a handler, stops, faults. For runtimes whose programs take
//! signals themselves instead of having a handler called.

use super::Sysno;
use crate::abi::signal::Signal;
use crate::abi::wait::ExitStatus;
use crate::process::Process;
use crate::trace::Args;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};

impl Process {
    /// Takes the lowest pending signal that has a handler.
    pub fn take_signal(&self) -> Option<Signal> {
        if !self.is_alive() {
            return None;
        }
        // Runtimes ask between any two calls of their program: only what is there is a call of its own.
        let signal = self.signals.take()?;
        let taken = self.enter(
            Sysno::Sigtimedwait,
            Args::around(
                format_args!("~[], "),
                format_args!(", {{tv_sec=0, tv_nsec=0}}, 8"),
            ),
            || Ok(signal),
        );
        taken.ok()
    }

    /// Ready when a signal with a handler is pending, which stays pending: the reason for `EINTR`.
    pub fn poll_signal_pending(&self, cx: &Context<'_>) -> Poll<()> {
        self.signals
            .arrived
            .poll_until(cx, || self.signals.any_pending().then_some(()))
    }

    /// Ready when no signal keeps the process stopped, or the process has ended.
    pub fn poll_continued(&self, cx: &Context<'_>) -> Poll<()> {
        let goes_on = || !self.stopped.load(Ordering::Acquire) || !self.is_alive();
        self.resumed.poll_until(cx, || goes_on().then_some(()))
    }

    /// Sets what runs, outside all locks, each time a signal has stopped the process. It is dropped with the end of
    /// the process, so it may hold the process.
    pub fn on_stop(&self, callback: Box<dyn Fn() + Send + Sync>) {
        *self.on_stop.lock() = Some(callback.into());
        if let Some(status) = self.exit_status() {
            self.release_callbacks(status);
        }
        if self.stopped.load(Ordering::Acquire) {
            self.run_on_stop();
        }
    }

    pub(crate) fn run_on_stop(&self) {
        let callback = self.on_stop.lock().clone();
        if let Some(callback) = callback {
            callback();
        }
    }

    /// Ends the process as a fault of its program does: by a signal that it can neither ignore nor handle.
    pub fn fault(&self, signal: Signal) {
        self.terminate(ExitStatus::Signaled(signal, false));
    }
}
