//! Who holds memory: a process that has ended does so until its thread has noticed and taken its instance down.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use secure_exec_kernel::Process;

/// The processes whose instances exist.
#[derive(Default)]
pub(crate) struct Tenants {
    processes: Mutex<Vec<Arc<Process>>>,
    changed: Condvar,
}

impl Tenants {
    pub fn enter(&self, process: &Arc<Process>) {
        self.processes.lock().push(process.clone());
    }

    pub fn leave(&self, process: &Arc<Process>) {
        let left = {
            let mut processes = self.processes.lock();
            let at = processes
                .iter()
                .position(|other| Arc::ptr_eq(other, process));
            at.map(|at| processes.swap_remove(at))
        };
        self.changed.notify_all();
        drop(left);
    }

    /// Waits until an instance of an ended process is gone; false if none is to be waited for, or not any longer.
    pub fn wait_for_leaving(&self, asking: &Arc<Process>, deadline: Instant) -> bool {
        let mut processes = self.processes.lock();
        let leaving = processes
            .iter()
            .any(|process| !process.is_alive() && !Arc::ptr_eq(process, asking));
        leaving
            && asking.is_alive()
            && !self
                .changed
                .wait_until(&mut processes, deadline)
                .timed_out()
    }
}
