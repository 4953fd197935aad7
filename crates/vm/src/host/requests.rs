//! The requests of a VM that wait for the host.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use secure_exec_kernel::{Kernel, LimitBreach};
use secure_exec_protocol::{Answer, Limit, Request, ToolFailure, VmId, VmLimits, VmMessage};

use crate::mailbox::{Mail, Mailbox};

const MAX_PENDING: &str = "limits.tools.maxPending";
const MAX_PENDING_BYTES: &str = "limits.tools.maxPendingBytes";

/// Is told what came of a request, on the server's thread: it must not wait.
pub(crate) type Settle = Box<dyn FnOnce(Answer) + Send>;

/// Where the numbers of requests begin. Answers for a VM process that is gone must not meet a request of its replacement:
/// they start anywhere.
pub(crate) fn first_request(kernel: &Kernel) -> u64 {
    let now = kernel.clock().realtime();
    let start = now.sec.unsigned_abs() << 20 | u64::from(now.nsec >> 10);
    start & ((1 << 52) - 1)
}

/// Makes requests and knows who waits for them.
pub(crate) struct Requests {
    vm: VmId,
    mailbox: Arc<Mailbox>,
    max_pending: usize,
    max_pending_bytes: usize,
    pending: Mutex<Pending>,
    next: AtomicU64,
}

#[derive(Default)]
struct Pending {
    /// Nothing to settle where nobody waits any more: such a request counts until the host has answered, so that what
    /// is under way to a host that is busy stays bounded.
    by_id: HashMap<u64, Waiting>,
    /// Bytes of all of them.
    bytes: usize,
}

struct Waiting {
    bytes: usize,
    settle: Option<Settle>,
}

impl Requests {
    pub(crate) fn new(
        vm: VmId,
        kernel: &Kernel,
        limits: &VmLimits,
        mailbox: &Arc<Mailbox>,
    ) -> Requests {
        let bound = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        Requests {
            vm,
            mailbox: mailbox.clone(),
            max_pending: bound(limits.tools_pending),
            max_pending_bytes: bound(limits.tools_pending_bytes),
            pending: Mutex::default(),
            next: AtomicU64::new(first_request(kernel)),
        }
    }

    /// Makes a request that carries so many bytes of a guest's, and gives its number.
    ///
    /// # Errors
    /// Too many wait; `settle` is dropped.
    pub(crate) fn send(
        &self,
        request: Request,
        bytes: usize,
        settle: Settle,
    ) -> Result<u64, ToolFailure> {
        let id = self.admit(bytes, settle)?;
        self.post(VmMessage::Request { id, request });
        Ok(id)
    }

    /// What waits, by its limits.
    pub(crate) fn uses(&self) -> [LimitBreach; 2] {
        let pending = self.pending.lock();
        [
            (MAX_PENDING, self.max_pending, pending.by_id.len()),
            (MAX_PENDING_BYTES, self.max_pending_bytes, pending.bytes),
        ]
        .map(|(limit, bound, used)| LimitBreach {
            limit,
            bound: bound as u64,
            used: used as u64,
        })
    }

    /// Nobody waits for a request any more. Nothing happens if it has been settled.
    pub(crate) fn abandon(&self, id: u64) {
        let settle = match self.pending.lock().by_id.get_mut(&id) {
            Some(waiting) => waiting.settle.take(),
            None => return,
        };
        if settle.is_some() {
            self.post(VmMessage::Abandoned { id });
        }
    }

    /// Takes what came of a request.
    pub(crate) fn settle(&self, id: u64, answer: Answer) {
        let mut pending = self.pending.lock();
        let Some(waiting) = pending.by_id.remove(&id) else {
            return;
        };
        pending.bytes = pending.bytes.saturating_sub(waiting.bytes);
        drop(pending);
        if let Some(settle) = waiting.settle {
            settle(answer);
        }
    }

    /// Makes a request one of those that wait.
    fn admit(&self, bytes: usize, settle: Settle) -> Result<u64, ToolFailure> {
        let mut pending = self.pending.lock();
        let count = pending.by_id.len() + 1;
        if count > self.max_pending {
            return Err(refused(MAX_PENDING, self.max_pending, count));
        }
        // One call alone is bounded by its own limit.
        let all = pending.bytes + bytes;
        if count > 1 && all > self.max_pending_bytes {
            return Err(refused(MAX_PENDING_BYTES, self.max_pending_bytes, all));
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let settle = Some(settle);
        pending.by_id.insert(id, Waiting { bytes, settle });
        pending.bytes += bytes;
        Ok(id)
    }

    fn post(&self, message: VmMessage) {
        self.mailbox.post(Mail::Request(self.vm, message));
    }
}

fn refused(limit: &str, bound: usize, used: usize) -> ToolFailure {
    ToolFailure {
        message: format!("too many calls wait: {limit} is {bound}"),
        limit: Some(Limit {
            name: limit.into(),
            bound: bound as u64,
            used: used as u64,
        }),
        ..ToolFailure::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use secure_exec_kernel::KernelConfig;

    use super::*;

    struct Made {
        requests: Requests,
        mailbox: Arc<Mailbox>,
    }

    fn made(pending: u64, bytes: u64) -> Made {
        let kernel = Kernel::boot(KernelConfig::default()).unwrap();
        let mailbox = Mailbox::new().unwrap();
        let limits = VmLimits {
            tools_pending: pending,
            tools_pending_bytes: bytes,
            ..VmLimits::default()
        };
        let requests = Requests::new(1, &kernel, &limits, &mailbox);
        Made { requests, mailbox }
    }

    impl Made {
        fn send(&self, bytes: usize) -> (Result<u64, ToolFailure>, Receiver<Answer>) {
            let (sender, receiver) = channel();
            let request = Request::Tool {
                pid: 2,
                tool: "t".into(),
                input: "x".repeat(bytes),
            };
            let settle = Box::new(move |answer| sender.send(answer).unwrap());
            (self.requests.send(request, bytes, settle), receiver)
        }

        fn posted(&self) -> Vec<VmMessage> {
            let message = |mail| match mail {
                Mail::Request(1, message) => message,
                other => panic!("{other:?}"),
            };
            self.mailbox.take().into_iter().map(message).collect()
        }
    }

    #[test]
    fn a_request_is_settled_once() {
        let made = made(2, 100);
        let (id, settled) = made.send(10);
        let id = id.unwrap();
        assert!(matches!(&made.posted()[..], [VmMessage::Request { id: sent, .. }] if *sent == id));
        made.requests.settle(id, Answer::Value("1".into()));
        made.requests.settle(id, Answer::Value("2".into()));
        made.requests.abandon(id);
        assert_eq!(
            settled.iter().collect::<Vec<_>>(),
            [Answer::Value("1".into())]
        );
        assert!(made.posted().is_empty());
    }

    #[test]
    fn what_is_abandoned_counts_until_it_is_answered() {
        let made = made(1, 100);
        let (id, settled) = made.send(10);
        let id = id.unwrap();
        made.requests.abandon(id);
        made.requests.abandon(id);
        assert!(matches!(
            &made.posted()[..],
            [VmMessage::Request { .. }, VmMessage::Abandoned { .. }]
        ));
        let (refused, _) = made.send(1);
        let message = refused.unwrap_err().message;
        assert_eq!(message, "too many calls wait: limits.tools.maxPending is 1");
        made.requests.settle(id, Answer::Value("1".into()));
        assert!(settled.recv().is_err());
        assert!(made.send(1).0.is_ok());
    }

    #[test]
    fn bytes_are_bounded_but_for_a_request_alone() {
        let made = made(9, 10);
        let (first, _kept) = made.send(50);
        let (second, _) = made.send(1);
        let message = second.unwrap_err().message;
        assert_eq!(
            message,
            "too many calls wait: limits.tools.maxPendingBytes is 10"
        );
        made.requests
            .settle(first.unwrap(), Answer::Value("1".into()));
        assert!(made.send(5).0.is_ok());
        assert!(made.send(5).0.is_ok());
        assert!(made.send(1).0.is_err());
    }
}
