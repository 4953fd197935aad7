//! What an engine has to say about its guests, on its way to the host.

use std::sync::{Arc, OnceLock};

use secure_exec_kernel::Pid;
use secure_exec_protocol::{Limit, VmId};

use crate::guests::Notice;
use crate::mailbox::Mailbox;

/// The reports of one engine. An engine is made before its VM is known: until then nobody hears them, and there is no
/// guest yet to report about.
#[derive(Default)]
pub(crate) struct Reports {
    target: OnceLock<(VmId, Arc<Mailbox>)>,
}

impl Reports {
    /// Has the reports delivered as those of `vm`. The first call counts.
    pub(crate) fn deliver_to(&self, vm: VmId, mailbox: Arc<Mailbox>) {
        let _ = self.target.set((vm, mailbox));
    }

    pub(crate) fn notify(&self, notice: Notice) {
        if let Some((vm, mailbox)) = self.target.get() {
            mailbox.notify(*vm, notice);
        }
    }

    /// The limit `name` ended a process, or one that is not known.
    pub(crate) fn breach(&self, pid: Option<Pid>, name: &str, bound: u64) {
        let limit = Limit {
            name: name.into(),
            bound,
            used: bound,
        };
        self.notify(Notice::Breach { pid, limit });
    }
}
