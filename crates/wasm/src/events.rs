//! What the embedder hears of processes.

use secure_exec_kernel::Pid;

/// A limit that ended a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The process.
    pub pid: Pid,
    /// Name of the limit as in the public API.
    pub limit: &'static str,
    /// The bound, in the limit's own unit.
    pub bound: u64,
    /// What was used, in the same unit.
    pub used: u64,
}

/// What the VM must know of.
pub trait EngineEvents: Send + Sync {
    /// A process passed a limit and ends for it.
    fn on_breach(&self, breach: Breach) {
        let _ = breach;
    }
    /// A thread is about to be made, with a stack of [`crate::thread_bytes`].
    fn on_thread_start(&self) {}
    /// A thread is gone.
    fn on_thread_end(&self) {}
    /// A module is about to be compiled, which takes about this much memory for a while.
    fn on_compile_start(&self, bytes: u64) {
        let _ = bytes;
    }
    /// The memory of a compilation is free again.
    fn on_compile_end(&self, bytes: u64) {
        let _ = bytes;
    }
    /// Whether this much memory more leaves the machine what it needs for itself.
    fn has_room(&self, bytes: u64) -> bool {
        let _ = bytes;
        true
    }
    /// A process did not get this much memory, because there is no room for it; it goes on without.
    fn on_refused(&self, bytes: u64) {
        let _ = bytes;
    }
    /// The thread of a process is free, whatever ended the process.
    fn on_end(&self, pid: Pid) {
        let _ = pid;
    }
}

/// For those who need not know.
#[derive(Debug)]
pub struct NoEvents;

impl EngineEvents for NoEvents {}
