//! Who listens in the machine, as the host is told of it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use secure_exec_kernel::net::ListenerInfo;
use secure_exec_kernel::{Kernel, SocketAddress, UnixAddress};
use secure_exec_protocol::connection::{LISTENERS_WINDOW, MAX_LISTENER_PATHS, MAX_LISTENERS};
use secure_exec_protocol::{Listener, ListenerAddress, VmId, VmMessage};

use super::connections::inet;
use super::{Machine, Outbox};
use crate::mailbox::{CallWaker, Mailbox};

/// The call that no call has: the mailbox has it for listeners.
pub(super) const NO_CALL: u64 = 0;

/// What the host knows of the listeners. While it has taken none of some lists, what changes meanwhile is told by one.
pub(super) struct ListenerFlow {
    waker: Arc<CallWaker>,
    task_waker: Waker,
    /// How often the kernel has told of a change.
    seen: u64,
    told: Vec<Listener>,
    under_way: u32,
}

impl ListenerFlow {
    pub(super) fn new(vm: VmId, mailbox: &Arc<Mailbox>) -> ListenerFlow {
        let waker = CallWaker::new(mailbox.clone(), vm, NO_CALL);
        ListenerFlow {
            task_waker: waker.waker(),
            waker,
            seen: 0,
            told: Vec::new(),
            under_way: 0,
        }
    }

    /// The host took a list.
    pub(super) fn taken(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// What the host is to be told now.
    pub(super) fn next(&mut self, kernel: &Kernel) -> Option<Vec<Listener>> {
        if self.under_way >= LISTENERS_WINDOW {
            return None;
        }
        self.rest(kernel)
    }

    /// What the host has not been told, whether or not it has taken what came before; then waits for the next change.
    pub(super) fn rest(&mut self, kernel: &Kernel) -> Option<Vec<Listener>> {
        self.waker.rearm();
        let cx = &Context::from_waker(&self.task_waker);
        loop {
            match kernel.poll_listeners(self.seen, cx) {
                Poll::Pending => return None,
                Poll::Ready(changes) => self.seen = changes,
            }
            let listeners = listeners(kernel);
            if listeners != self.told {
                self.under_way += 1;
                self.told.clone_from(&listeners);
                return Some(listeners);
            }
        }
    }
}

impl Machine {
    /// Tells the host who listens, if that has changed.
    pub(super) fn tell_listeners(&mut self, outbox: &mut Outbox) {
        while let Some(listeners) = self.listeners.next(&self.kernel) {
            outbox.push(NO_CALL, VmMessage::Listeners(listeners));
        }
    }

    /// Tells it before the end of a program, which the host has asked for, so that these are no more than it has asked
    /// for: what it then looks at is without those of the program.
    pub(super) fn tell_listeners_of_ended(&mut self, outbox: &mut Outbox) {
        if let Some(listeners) = self.listeners.rest(&self.kernel) {
            outbox.push(NO_CALL, VmMessage::Listeners(listeners));
        }
    }
}

/// As many as the host is told of.
fn listeners(kernel: &Kernel) -> Vec<Listener> {
    let mut paths = 0;
    let mut told = Vec::new();
    for listener in kernel.listeners().into_iter().filter_map(listener) {
        paths += listener.address.path_bytes();
        if told.len() >= MAX_LISTENERS || paths > MAX_LISTENER_PATHS {
            break;
        }
        told.push(listener);
    }
    told
}

fn listener(info: ListenerInfo) -> Option<Listener> {
    let address = match (inet(&info.address), info.address) {
        (Some(address), _) => ListenerAddress::Inet {
            ip: address.ip(),
            port: address.port(),
        },
        (None, SocketAddress::Unix(UnixAddress::Path(path))) => ListenerAddress::Path(path),
        _ => return None,
    };
    Some(Listener {
        pid: info.pid,
        address,
        is_awaited: info.is_awaited,
    })
}
