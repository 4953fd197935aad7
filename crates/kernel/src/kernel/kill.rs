//! Ending many processes at once.

use super::Kernel;
use crate::abi::Pid;
use crate::abi::signal::Signal;
use crate::process::{Process, Row};
use core::sync::atomic::Ordering;
use std::sync::Arc;

impl Kernel {
    /// Kills every process but init; no new one can be started afterwards.
    pub fn shutdown(&self) {
        self.down.store(true, Ordering::Release);
        self.kill_while_any(|_| true);
    }

    /// Kills everything in a session, in whatever group or parentage it is by now. What has made a session of its own
    /// (`setsid(2)`) goes on.
    pub fn kill_session(&self, leader: Pid) {
        self.kill_while_any(|row| row.sid == leader);
    }

    /// Kills a process of the embedder's and all that descends from it, whatever session it is in.
    pub fn kill_program(&self, origin: Pid) {
        self.kill_while_any(|row| row.process.origin() == origin);
    }

    fn kill_while_any(&self, meant: impl Fn(&Row) -> bool) {
        loop {
            let victims: Vec<Arc<Process>> = {
                let table = self.table.lock();
                let running = table
                    .rows()
                    .filter(|(pid, row)| *pid != Pid::INIT && row.process.is_alive() && meant(row));
                running.map(|(_, row)| row.process.clone()).collect()
            };
            if victims.is_empty() {
                return;
            }
            for victim in victims {
                victim.deliver(Signal::SIGKILL);
            }
        }
    }

    /// Whether [`Kernel::shutdown`] has been called.
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }
}
