//! Sockets that listen: connections that wait to be accepted, and those who wait for room among them.

use super::TcpSocket;
use super::connection::{End, Ended};
use crate::errno::{Errno, Result};
use crate::net::inet::address::{Cover, Version};
use crate::net::inet::port::Sharing;
use crate::wait_queue::WaitQueue;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Connections that wait to be accepted.
pub(in crate::net::inet) struct Listener {
    pub version: Version,
    /// Address and port.
    pub local: SocketAddr,
    pub cover: Cover,
    /// Who called `listen(2)`.
    pub pid: i32,
    pub(super) uid: u32,
    pub(super) sharing: Arc<Sharing>,
    /// Halves that had ended before it listened: so have those of its connections, as on Linux.
    pub(super) ended: Ended,
    queue: Mutex<Queue>,
    /// Those who wait for a connection.
    pub(super) accepters: WaitQueue,
    /// There was one of them, or one who tried to accept.
    is_awaited: AtomicBool,
}

struct Queue {
    pending: VecDeque<End>,
    /// Sockets that will connect as soon as there is room.
    waiting: VecDeque<Weak<TcpSocket>>,
    backlog: usize,
    is_open: bool,
    /// The embedder, which is to answer, has not done so.
    is_undecided: bool,
}

impl Listener {
    pub(super) fn new(
        socket: &TcpSocket,
        (local, ended): (SocketAddr, Ended),
        pid: i32,
        backlog: usize,
    ) -> Arc<Listener> {
        Listener::build(socket, (local, ended), pid, (backlog, false))
    }

    /// One for a single connection, which waits until the embedder has answered.
    pub(super) fn of_embedder(socket: &TcpSocket, local: SocketAddr) -> Arc<Listener> {
        Listener::build(socket, (local, Ended::default()), 0, (0, true))
    }

    fn build(
        socket: &TcpSocket,
        (local, ended): (SocketAddr, Ended),
        pid: i32,
        (backlog, is_undecided): (usize, bool),
    ) -> Arc<Listener> {
        Arc::new(Listener {
            version: socket.inet.version,
            local,
            cover: socket.inet.cover(local),
            pid,
            uid: socket.inet.uid,
            sharing: socket.inet.sharing.clone(),
            ended,
            queue: Mutex::new(Queue {
                pending: VecDeque::new(),
                waiting: VecDeque::new(),
                backlog,
                is_open: true,
                is_undecided,
            }),
            accepters: WaitQueue::new(),
            is_awaited: AtomicBool::new(false),
        })
    }

    /// Whether somebody has waited for a connection.
    pub(in crate::net::inet) fn is_awaited(&self) -> bool {
        self.is_awaited.load(Ordering::Acquire)
    }

    /// Somebody waits for a connection; whether that is the first.
    pub(super) fn set_awaited(&self) -> bool {
        !self.is_awaited.swap(true, Ordering::AcqRel)
    }

    /// The embedder takes the connection.
    pub(super) fn open(&self) {
        self.queue.lock().is_undecided = false;
        self.admit();
    }

    pub(super) fn set_backlog(&self, backlog: usize) {
        self.queue.lock().backlog = backlog;
        self.admit();
    }

    /// Connections that wait.
    pub(super) fn queued(&self) -> usize {
        self.queue.lock().pending.len()
    }

    /// Whether there is room for a connection; if not, the socket waits until there is.
    ///
    /// # Errors
    /// - `ECONNREFUSED`: it does not listen any more.
    pub(super) fn has_room(&self, socket: &Weak<TcpSocket>) -> Result<bool> {
        let mut queue = self.queue.lock();
        if !queue.is_open {
            return Err(Errno::ECONNREFUSED);
        }
        let has_room = !queue.is_undecided && queue.pending.len() <= queue.backlog;
        if !has_room {
            // Those that gave up leave their places behind, and one that tries again has one place.
            queue
                .waiting
                .retain(|other| other.strong_count() > 0 && !other.ptr_eq(socket));
            queue.waiting.push_back(socket.clone());
        }
        Ok(has_room)
    }

    /// Queues a connection; the caller wakes the accepters.
    ///
    /// # Errors
    /// - `ECONNREFUSED`: it does not listen any more.
    pub(super) fn push(&self, end: End) -> Result<()> {
        let mut queue = self.queue.lock();
        if !queue.is_open {
            drop(queue);
            drop(end);
            return Err(Errno::ECONNREFUSED);
        }
        queue.pending.push_back(end);
        Ok(())
    }

    /// Takes the first connection, and lets the next socket connect that waits for room.
    ///
    /// # Errors
    /// - `EAGAIN`: none waits.
    pub(super) fn accept(&self) -> Result<End> {
        let first = self.queue.lock().pending.pop_front();
        let end = first.ok_or(Errno::EAGAIN)?;
        self.admit();
        Ok(end)
    }

    /// Lets sockets connect that wait for room, as far as there is some.
    fn admit(&self) {
        loop {
            let next = {
                let mut queue = self.queue.lock();
                if queue.pending.len() > queue.backlog {
                    return;
                }
                queue.waiting.pop_front()
            };
            let Some(next) = next else {
                return;
            };
            if let Some(socket) = next.upgrade() {
                socket.go_on();
            }
        }
    }

    /// Listens no more: connections that nobody has accepted are reset, those who wait for room are refused.
    pub(super) fn close(&self) {
        let (pending, waiting) = {
            let mut queue = self.queue.lock();
            queue.is_open = false;
            let pending = core::mem::take(&mut queue.pending);
            (pending, core::mem::take(&mut queue.waiting))
        };
        for end in pending {
            end.abort();
        }
        for socket in waiting.iter().filter_map(Weak::upgrade) {
            socket.go_on();
        }
        self.accepters.wake_all();
    }
}
