//! Connections of guests to ports of the host's loopback, which the host answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use secure_exec_kernel::net::Outbound;
use secure_exec_kernel::{Errno, FileDescription, Kernel};
use secure_exec_protocol::{Request, VmId, VmMessage};

use super::listeners::NO_CALL;
use super::{Machine, Outbox};
use crate::mailbox::{CallWaker, Mailbox};

/// Those that the host has been asked for: as many as there may be connections, those that guests have given up included.
pub(super) struct OutboundFlow {
    waker: Arc<CallWaker>,
    task_waker: Waker,
    asked: HashMap<u64, Outbound>,
    most: usize,
    next: u64,
}

impl OutboundFlow {
    /// `start` is where numbers begin: answers for a VM process that is gone must not meet a request of its replacement.
    pub(super) fn new(vm: VmId, mailbox: &Arc<Mailbox>, most: u64, start: u64) -> OutboundFlow {
        let waker = CallWaker::new(mailbox.clone(), vm, NO_CALL);
        OutboundFlow {
            task_waker: waker.waker(),
            waker,
            asked: HashMap::new(),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            next: start,
        }
    }

    /// What the host is to be asked now; then waits for the next, or for an answer where too many wait for one.
    pub(super) fn next(&mut self, kernel: &Kernel) -> Option<VmMessage> {
        if self.asked.len() >= self.most {
            return None;
        }
        self.waker.rearm();
        let cx = &Context::from_waker(&self.task_waker);
        let Poll::Ready(outbound) = kernel.poll_outbound(cx) else {
            return None;
        };
        self.next += 1;
        let port = outbound.port();
        self.asked.insert(self.next, outbound);
        Some(VmMessage::Request {
            id: self.next,
            request: Request::Connect { port },
        })
    }

    /// The host has what was asked for.
    ///
    /// # Errors
    /// - `ECONNRESET`: nobody waits for it any more.
    pub(super) fn accept(
        &mut self,
        kernel: &Kernel,
        id: u64,
    ) -> Result<Arc<FileDescription>, Errno> {
        let outbound = self.asked.remove(&id).ok_or(Errno::ECONNRESET)?;
        kernel.accept_outbound(&outbound)
    }

    /// The host has not.
    pub(super) fn refuse(&mut self, id: u64) {
        self.asked.remove(&id);
    }
}

impl Machine {
    /// Asks the host for the connections that guests make.
    pub(super) fn ask_for_outbound(&mut self, outbox: &mut Outbox) {
        while let Some(request) = self.outbound.next(&self.kernel) {
            outbox.push(NO_CALL, request);
        }
    }
}
