//! Uses of most of a limit, on their way to the host.

use std::sync::Arc;

use parking_lot::Mutex;
use secure_exec_kernel::{LimitBreach, Pid};
use secure_exec_protocol::VmId;

use crate::mailbox::{Mail, Mailbox};

/// What is used, by which of the host's programs if by one.
pub(crate) type Warning = (Option<Pid>, LimitBreach);

/// Collects warnings until the server takes them. Whoever finds that a program has ended finds its warnings here.
#[derive(Debug)]
pub(crate) struct Warnings {
    vm: VmId,
    mailbox: Arc<Mailbox>,
    new: Mutex<Vec<Warning>>,
}

impl Warnings {
    pub(crate) fn new(vm: VmId, mailbox: &Arc<Mailbox>) -> Arc<Warnings> {
        Arc::new(Warnings {
            vm,
            mailbox: mailbox.clone(),
            new: Mutex::default(),
        })
    }

    /// From any thread.
    pub(crate) fn add(&self, warning: Warning) {
        let mut new = self.new.lock();
        new.push(warning);
        if new.len() == 1 {
            drop(new);
            self.mailbox.post(Mail::Warning(self.vm));
        }
    }

    /// Takes what has come since the last time.
    pub(crate) fn take(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.new.lock())
    }
}
