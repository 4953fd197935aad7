//! The end of a process.

use super::{Process, ProcessState};
use crate::abi::Pid;
use crate::abi::signal::{Disposition, Signal};
use crate::abi::wait::ExitStatus;
use crate::trace::ProcessEvent;
use core::sync::atomic::Ordering;
use std::sync::Arc;

impl Process {
    /// Sets what runs when a fatal signal ends the process: once, outside all locks, when the process is
    /// already a zombie. Runs at once if that has happened before. It is dropped with the end of the process,
    /// whatever ended it, so it may hold the process.
    pub fn on_kill(&self, callback: Box<dyn Fn(Signal) + Send + Sync>) {
        *self.on_kill.lock() = Some(callback);
        if let Some(status) = self.exit_status() {
            self.release_callbacks(status);
        }
    }

    /// Ends the process: closes its files, hands over its children, leaves the status to its parent.
    /// Only the first call has an effect.
    pub(crate) fn terminate(&self, status: ExitStatus) {
        if !self.alive.swap(false, Ordering::AcqRel) {
            return;
        }
        let pid = self.pid();
        self.trace.tell(|| ProcessEvent::Ended { pid, status });
        // A dead process keeps no file system busy.
        let places = {
            let mut fs = self.fs.lock();
            let root = self.vfs.root.clone();
            let cwd = core::mem::replace(&mut fs.cwd, root.clone());
            (cwd, core::mem::replace(&mut fs.root, root))
        };
        drop(places);
        let (closing, pending) = self.fds.lock().finish();
        drop(closing);
        for file in pending {
            let given_up = file.lock().take();
            drop(given_up);
        }
        let orphaned = self.orphaned_groups();
        // Before anybody can see the end: whoever has seen it finds the terminal free and the orphans told.
        if let Ok(kernel) = self.kernel() {
            if let Some(session) = self.led_session() {
                kernel.ttys().leader_exited(session);
            }
            for group in orphaned {
                kernel.deliver_to_group(group, Signal::SIGHUP);
                kernel.deliver_to_group(group, Signal::SIGCONT);
            }
        }
        let parent = self.leave_table(status);
        *self.exit_status.lock() = Some(status);
        self.exited.wake_all();
        self.resumed.wake_all();
        self.signals.arrived.wake_all();
        self.child_events.wake_all();
        if let Some(parent) = parent {
            // First the signal: a parent that has seen the end gets none for it later.
            parent.deliver_from(Signal::SIGCHLD, self.child_info(status));
            parent.child_events.wake_all();
        }
        self.release_callbacks(status);
    }

    /// Stopped groups that nobody will be left to continue.
    fn orphaned_groups(&self) -> Vec<Pid> {
        let kernel = self.kernel();
        kernel.map_or_else(
            |_| Vec::new(),
            |kernel| kernel.table.lock().groups_orphaned_by(self.pid()),
        )
    }

    /// The session, if the process leads one.
    fn led_session(&self) -> Option<Pid> {
        let kernel = self.kernel().ok()?;
        let table = kernel.table.lock();
        let sid = table.row(self.pid()).ok()?.sid;
        (sid == self.pid()).then_some(sid)
    }

    /// Turns the table's row into a zombie, or removes it if nobody will wait for it.
    fn leave_table(&self, status: ExitStatus) -> Option<Arc<Process>> {
        let kernel = self.kernel().ok()?;
        let mut table = kernel.table.lock();
        let reaped = table.reparent_children(self.pid());
        let ppid = table.row(self.pid()).ok()?.ppid;
        let parent = table.row(ppid).ok().map(|row| row.process.clone());
        let collected = ppid != Pid::INIT
            && parent.as_ref().is_some_and(|parent| {
                parent.is_alive()
                    && parent.signals.disposition(Signal::SIGCHLD) != Disposition::Ignore
            });
        let removed = if collected {
            if let Ok(row) = table.row_mut(self.pid()) {
                row.state = ProcessState::Zombie(status);
            }
            None
        } else {
            table.remove(self.pid())
        };
        drop(table);
        // Rows hold processes, whose destructors are not for under the lock.
        drop((reaped, removed));
        parent
    }

    /// Tells the runtime if a signal ended the process, and lets what the runtime left here go: it refers to the
    /// process, which would never be freed. The status has been set.
    pub(crate) fn release_callbacks(&self, status: ExitStatus) {
        let on_kill = self.on_kill.lock().take();
        let on_stop = self.on_stop.lock().take();
        if let (Some(on_kill), ExitStatus::Signaled(signal, _)) = (on_kill, status) {
            on_kill(signal);
        }
        drop(on_stop);
    }
}
