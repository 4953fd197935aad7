//! Delivery of signals (`signal(7)`).

use super::{Process, ProcessState};
use crate::abi::Pid;
use crate::abi::signal::{DefaultAction, Disposition, Signal};
use crate::abi::wait::ExitStatus;
use crate::errno::{Errno, Result};
use crate::trace::{ProcessEvent, SignalInfo};
use crate::wait_queue::WaitQueue;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use parking_lot::Mutex;

/// Signals whose default action stops, and that can be handled.
const STOP_SIGNALS: [Signal; 3] = [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];

/// Dispositions and pending signals of a process.
#[derive(Debug)]
pub(crate) struct Signals {
    state: Mutex<State>,
    pub arrived: WaitQueue,
}

#[derive(Clone, Debug)]
struct State {
    dispositions: [Disposition; Signal::MAX as usize + 1],
    /// Bit n: signal n waits for its handler.
    pending: u128,
}

impl Default for Signals {
    fn default() -> Self {
        let state = State {
            dispositions: [Disposition::Default; Signal::MAX as usize + 1],
            pending: 0,
        };
        Signals {
            state: Mutex::new(state),
            arrived: WaitQueue::new(),
        }
    }
}

impl Signals {
    /// Dispositions of a program that starts: ignored signals stay ignored, handlers are gone.
    pub fn for_exec(&self) -> Signals {
        let signals = Signals::default();
        let inherited = self.state.lock().dispositions;
        for (to, from) in signals.state.lock().dispositions.iter_mut().zip(inherited) {
            if from == Disposition::Ignore {
                *to = Disposition::Ignore;
            }
        }
        signals
    }

    /// Dispositions of the child of `fork(2)`: the same; pending signals are the parent's own.
    pub fn for_fork(&self) -> Signals {
        let signals = Signals::default();
        signals.state.lock().dispositions = self.state.lock().dispositions;
        signals
    }

    pub fn any_pending(&self) -> bool {
        self.state.lock().pending != 0
    }

    /// Resets the handlers in place, for `execve(2)`.
    pub fn reset_handlers(&self) {
        let mut state = self.state.lock();
        for disposition in &mut state.dispositions {
            if *disposition == Disposition::Handle {
                *disposition = Disposition::Default;
            }
        }
    }

    pub fn disposition(&self, signal: Signal) -> Disposition {
        self.state.lock().dispositions[signal.raw() as usize]
    }

    pub fn set_disposition(&self, signal: Signal, new: Disposition) -> Disposition {
        let mut state = self.state.lock();
        if new != Disposition::Handle {
            state.pending &= !(1 << signal.raw());
        }
        core::mem::replace(&mut state.dispositions[signal.raw() as usize], new)
    }

    fn queue(&self, signal: Signal) {
        let mut state = self.state.lock();
        state.pending |= 1 << signal.raw();
        // A continuation and a stop undo each other while they are pending.
        if signal == Signal::SIGCONT {
            for stop in STOP_SIGNALS {
                state.pending &= !(1 << stop.raw());
            }
        } else if STOP_SIGNALS.contains(&signal) {
            state.pending &= !(1 << Signal::SIGCONT.raw());
        }
        drop(state);
        self.arrived.wake_all();
    }

    pub fn take(&self) -> Option<Signal> {
        let mut state = self.state.lock();
        let number = state.pending.trailing_zeros();
        let signal = Signal::from_raw(i32::try_from(number).ok()?)?;
        state.pending &= !(1 << number);
        Some(signal)
    }

    pub fn poll_take(&self, cx: &Context<'_>) -> Poll<Signal> {
        self.arrived.poll_until(cx, || self.take())
    }

    pub fn poll_take_one(&self, signal: Signal, cx: &Context<'_>) -> Poll<()> {
        let bit = 1 << signal.raw();
        self.arrived.poll_until(cx, || {
            let mut state = self.state.lock();
            let was_pending = state.pending & bit != 0;
            state.pending &= !bit;
            was_pending.then_some(())
        })
    }

    /// Signals that are ignored, and those with a handler, as bit masks for `/proc/self/status`.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "there are 64 signals, and no signal 0"
    )]
    pub fn masks(&self) -> (u64, u64, u64) {
        let state = self.state.lock();
        let mask = |wanted: Disposition| {
            state.dispositions.iter().enumerate().skip(1).fold(
                0u64,
                |mask, (number, disposition)| {
                    mask | u64::from(*disposition == wanted) << (number - 1)
                },
            )
        };
        (
            (state.pending >> 1) as u64,
            mask(Disposition::Ignore),
            mask(Disposition::Handle),
        )
    }
}

impl Process {
    /// Delivers a signal to this process, whoever sent it.
    ///
    /// # Locking
    /// The caller holds no kernel lock: a fatal signal closes files and runs the kill callback.
    pub(crate) fn deliver(&self, signal: Signal) {
        self.deliver_from(signal, SignalInfo::Kernel);
    }

    /// As [`Process::deliver`], with where the signal comes from, for whoever traces.
    ///
    /// # Locking
    /// As [`Process::deliver`].
    pub(crate) fn deliver_from(&self, signal: Signal, info: SignalInfo) {
        if !self.is_alive() {
            return;
        }
        if self.pid() == Pid::INIT || self.pid().raw() == 0 {
            // Nothing kills init, and the host's file agent is no process.
            return;
        }
        if signal != Signal::SIGKILL {
            let pid = self.pid();
            self.trace
                .tell(|| ProcessEvent::Signalled { pid, signal, info });
        }
        if signal == Signal::SIGCONT || signal == Signal::SIGKILL {
            self.resume();
        }
        match self.signals.disposition(signal) {
            Disposition::Ignore => {}
            Disposition::Handle => self.signals.queue(signal),
            Disposition::Default => match signal.default_action() {
                DefaultAction::Ign | DefaultAction::Cont => {}
                DefaultAction::Stop if signal != Signal::SIGSTOP && self.in_orphaned_group() => {}
                DefaultAction::Stop => self.stop(signal),
                DefaultAction::Term | DefaultAction::Core => {
                    self.terminate(ExitStatus::Signaled(signal, false));
                }
            },
        }
    }

    /// What tells the parent how this process has changed.
    pub(super) fn child_info(&self, status: ExitStatus) -> SignalInfo {
        let used = self.cpu.read();
        SignalInfo::Child {
            pid: self.pid(),
            uid: self.uid(),
            status,
            cpu_ns: (used.user_ns, used.system_ns),
        }
    }

    /// Whether nobody could continue the process if the terminal stopped it.
    fn in_orphaned_group(&self) -> bool {
        let Ok(kernel) = self.kernel() else {
            return true;
        };
        let table = kernel.table.lock();
        table
            .row(self.pid())
            .is_ok_and(|row| table.orphaned(row.pgid, None))
    }

    fn stop(&self, signal: Signal) {
        let pid = self.pid();
        self.trace.tell(|| ProcessEvent::Stopped { pid, signal });
        self.change_state(ProcessState::Stopped(signal), ExitStatus::Stopped(signal));
        self.run_on_stop();
    }

    fn resume(&self) {
        self.change_state(ProcessState::Running, ExitStatus::Continued);
    }

    /// Stops a process that runs, or continues one that is stopped.
    fn change_state(&self, state: ProcessState, event: ExitStatus) {
        let Ok(kernel) = self.kernel() else { return };
        let parent = {
            let mut table = kernel.table.lock();
            let Ok(row) = table.row_mut(self.pid()) else {
                return;
            };
            let stopped = matches!(state, ProcessState::Stopped(_));
            let expected = match row.state {
                ProcessState::Running => stopped,
                ProcessState::Stopped(_) => !stopped,
                ProcessState::Zombie(_) => false,
            };
            if !expected {
                return;
            }
            row.state = state;
            self.stopped.store(stopped, Ordering::Release);
            row.unreported = Some(event);
            let ppid = row.ppid;
            table.row(ppid).ok().map(|row| row.process.clone())
        };
        self.resumed.wake_all();
        if let Some(parent) = parent {
            parent.child_events.wake_all();
            parent.deliver_from(Signal::SIGCHLD, self.child_info(event));
        }
    }

    /// Changes what a signal does (`sigaction(2)`), returning what it did.
    pub(crate) fn change_disposition(
        &self,
        signal: Signal,
        disposition: Disposition,
    ) -> Result<Disposition> {
        let fixed = signal == Signal::SIGKILL || signal == Signal::SIGSTOP;
        if fixed && disposition != Disposition::Default {
            return Err(Errno::EINVAL);
        }
        Ok(self.signals.set_disposition(signal, disposition))
    }
}
