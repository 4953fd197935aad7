//! What the embedder hears of guests: limits that were passed, failures, memory.

use secure_exec_kernel::Pid;

/// Name of the heap's limit in the public API.
pub(crate) const HEAP_LIMIT: &str = "limits.jsRuntime.v8HeapLimitMb";

/// Bytes in the unit of the heap's limit.
pub(crate) fn mebibytes(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u64::MAX)
}

/// What a limit of the engine was exceeded with.
#[derive(Clone, Debug)]
pub struct Breach {
    /// The process, if it is known.
    pub pid: Option<Pid>,
    /// Name of the limit as in the public API, for example `limits.jsRuntime.v8HeapLimitMb`.
    pub limit: &'static str,
    /// The bound, in the limit's own unit.
    pub bound: u64,
    /// What was used, in the same unit.
    pub used: u64,
}

impl Breach {
    /// A heap that has passed its bound; bytes.
    pub(crate) fn of_heap(pid: Option<Pid>, bound: usize, used: usize) -> Breach {
        Breach {
            pid,
            limit: HEAP_LIMIT,
            bound: mebibytes(bound),
            used: mebibytes(used.max(bound)),
        }
    }
}

/// What happened to a guest that the VM must know of.
pub trait EngineEvents: Send + Sync {
    /// A guest passed a limit and has been killed for it.
    fn on_breach(&self, breach: Breach);
    /// V8 gave up the whole operating system process, for a limit if one is known; the calling thread is parked for ever
    /// afterwards. Nothing of V8 may be touched in the handler.
    fn on_fatal(&self, message: &str, limit: Option<Breach>);
    /// A killed guest does not leave JavaScript: only the end of the operating system process helps.
    fn on_stuck(&self, pid: Pid);
    /// Whether this much memory more leaves the operating system process what it needs for itself.
    fn has_room(&self, bytes: u64) -> bool {
        let _ = bytes;
        true
    }
    /// Whether there is this much memory more at all.
    fn has_any(&self, bytes: u64) -> bool {
        let _ = bytes;
        true
    }
    /// What guests use altogether, bytes.
    fn memory_in_use(&self) -> u64 {
        0
    }
    /// Guests run, and it is time to look at what they use.
    fn on_tick(&self) {}
    /// Whether guests use more memory than there is, so that one of them must end.
    fn is_overdrawn(&self) -> bool {
        false
    }
    /// Whether guests that go on are to take no more memory for the moment: what is there is needed to end one.
    fn is_lending(&self) -> bool {
        false
    }
    /// There may be memory that nobody uses, now that there is too little.
    fn reclaim(&self) {}
    /// A guest is ended because there is no room for this much memory more, which native code needs for it.
    fn on_overdrawn(&self, pid: Pid, bytes: u64) {
        let _ = (pid, bytes);
    }
    /// A guest did not get this much memory, because there is no room for it; it goes on without.
    fn on_refused(&self, bytes: u64) {
        let _ = bytes;
    }
    /// There is no place for a further program: with it this much memory would be set aside for programs.
    fn on_crowded(&self, reserved: u64) {
        let _ = reserved;
    }
    /// An isolate is about to be made. It takes `ISOLATE_BYTES` of address space that no guest can use for data.
    fn on_isolate_start(&self) {}
    /// An isolate is gone.
    fn on_isolate_end(&self) {}
    /// No guest has run for a while, after some have. The handler gives back what it can, and tells whether the operating
    /// system process keeps much more than it had at first: then V8's pool of pages is given back as well.
    fn on_idle(&self) -> bool {
        false
    }
    /// The thread of a guest has left JavaScript for good, whatever ended the guest.
    fn on_end(&self, pid: Pid) {
        let _ = pid;
    }
}

/// An embedder that is told of nothing.
#[cfg(test)]
pub(crate) struct Quiet;

#[cfg(test)]
impl EngineEvents for Quiet {
    fn on_breach(&self, _breach: Breach) {}
    fn on_fatal(&self, _message: &str, _limit: Option<Breach>) {}
    fn on_stuck(&self, _pid: Pid) {}
}
