//! What an engine has to say about its guests, on its way to the host.

use std::sync::{Arc, OnceLock, Weak};

use secure_exec_kernel::{Kernel, LimitBreach, Pid};
use secure_exec_node::engine::PROGRAM_BYTES;
use secure_exec_protocol::VmId;

use crate::breaches;
use crate::lockdown;
use crate::mailbox::{Mailbox, Notice};

/// Where not even this much is left, memory is what an engine gave up for.
const LITTLE: u64 = 8 << 20;

/// The reports of one engine. An engine is made before its VM is known: until then nobody hears them, and there is no
/// guest yet to report about.
#[derive(Default)]
pub(crate) struct Reports {
    target: OnceLock<Target>,
}

struct Target {
    vm: VmId,
    kernel: Weak<Kernel>,
    mailbox: Arc<Mailbox>,
}

impl Reports {
    /// Has the reports delivered as those of `vm`. The first call counts.
    pub(crate) fn deliver_to(&self, vm: VmId, kernel: &Arc<Kernel>, mailbox: &Arc<Mailbox>) {
        let _ = self.target.set(Target {
            vm,
            kernel: Arc::downgrade(kernel),
            mailbox: mailbox.clone(),
        });
    }

    pub(crate) fn notify(&self, notice: Notice) {
        if let Some(target) = self.target.get() {
            target.mailbox.notify(target.vm, notice);
        }
    }

    /// A limit ended a process, or one that is not known. The kernel hears of it too: the process may be the child of
    /// one that goes on.
    pub(crate) fn breach(&self, pid: Option<Pid>, breach: LimitBreach) {
        if let Some(kernel) = self.kernel() {
            kernel.note_limit_breach(pid, breach);
        }
        let limit = breaches::limit(&breach);
        self.notify(Notice::Breach { pid, limit });
    }

    /// The engine gave up the whole process, for a limit of its own if one is known.
    pub(crate) fn fatal(&self, message: &str, breach: Option<LimitBreach>) {
        let full = !lockdown::has_room(LITTLE);
        let limit = self.kernel().filter(|_| full);
        let limit = limit.map(|kernel| breaches::no_room(kernel.config().memory_bytes, 0));
        let limit = limit.or_else(|| breach.as_ref().map(breaches::limit));
        // The report itself needs some memory.
        lockdown::release_memory_headroom();
        self.notify(Notice::Fatal {
            message: message.into(),
            limit,
        });
    }

    /// Looks at how much memory is in use.
    pub(crate) fn note_memory(&self) {
        if let Some((kernel, used)) = self.kernel().zip(lockdown::use_with(0)) {
            let bound = kernel.config().memory_bytes;
            let limit = "maxMemoryBytes";
            kernel.note_limit_use(None, LimitBreach { limit, bound, used });
        }
    }

    /// A process is ended because the memory of the VM has no room for what it needs.
    pub(crate) fn overdrawn(&self, pid: Pid, bytes: u64) {
        let Some(kernel) = self.kernel() else { return };
        let bound = kernel.config().memory_bytes;
        let used = lockdown::use_with(bytes).unwrap_or(bound).max(bound);
        let limit = "maxMemoryBytes";
        self.breach(Some(pid), LimitBreach { limit, bound, used });
    }

    /// The guest of the calling thread did not get this much memory.
    pub(crate) fn refused(&self, bytes: u64) {
        self.not_given(lockdown::use_with(bytes).unwrap_or(0));
    }

    /// The guest of the calling thread could not start a program: with it this much memory would be set aside.
    pub(crate) fn crowded(&self, reserved: u64) {
        let used = lockdown::use_with(PROGRAM_BYTES).unwrap_or(0);
        self.not_given(used.max(reserved));
    }

    /// Memory was not given that would have made the use this large.
    fn not_given(&self, used: u64) {
        let Some(kernel) = self.kernel() else { return };
        let bound = kernel.config().memory_bytes;
        let used = used.max(bound);
        let breach = LimitBreach {
            limit: "maxMemoryBytes",
            bound,
            used,
        };
        kernel.note_limit_breach(None, breach);
    }

    fn kernel(&self) -> Option<Arc<Kernel>> {
        self.target.get()?.kernel.upgrade()
    }
}
