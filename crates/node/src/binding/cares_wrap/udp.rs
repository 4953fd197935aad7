//! Asking a server by datagrams: one socket for each server, as long as somebody waits for it.

use core::net::{IpAddr, SocketAddr};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use secure_exec_kernel::abi::poll::PollEvents;
use secure_exec_kernel::abi::socket::{MsgFlags, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK};
use secure_exec_kernel::{Errno, Fd, Process, SocketAddress};

use super::message::{self, Query, Reading};
use super::status::{Failure, Status};
use crate::env::Env;
use crate::event_loop::{Completion, TaskKey};

/// Longer than any datagram.
const LONGEST: usize = 64 * 1024;

/// The kernel's form of an address.
pub fn kernel_address(address: SocketAddr) -> SocketAddress {
    match address {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    }
}

/// Makes a socket to a server, from an address of the machine where one was chosen.
///
/// # Errors
/// - `EACCES`: the server is outside of the machine.
/// - What `socket(2)` and `bind(2)` fail with.
pub fn socket_to(
    process: &Process,
    kind: i32,
    server: SocketAddr,
    local: Option<IpAddr>,
) -> Result<Fd, Errno> {
    let server = kernel_address(server);
    let fd = process.socket(server.family(), kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)?;
    let bound = local.map_or(Ok(()), |ip| {
        process.bind(fd, &kernel_address(SocketAddr::new(ip, 0)))
    });
    match bound.and_then(|()| process.connect(fd, &server)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(fd),
        Err(errno) => {
            // Just made, so it is open.
            let _ = process.close(fd);
            Err(errno)
        }
    }
}

/// A socket that is connected to a server.
pub struct UdpConnection {
    process: Arc<Process>,
    fd: Fd,
    env: Weak<Env>,
    waiting: RefCell<HashMap<u16, Rc<Slot>>>,
    /// The server was not there: nobody asks here any more.
    is_dead: Cell<bool>,
    reader: Cell<Option<TaskKey>>,
}

/// A question that waits for its answer.
struct Slot {
    query: Rc<Query>,
    result: RefCell<Option<Result<Reading, Failure>>>,
    waker: RefCell<Option<Waker>>,
}

impl Slot {
    fn end(&self, result: Result<Reading, Failure>) {
        *self.result.borrow_mut() = Some(result);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The answer to come. Who drops it does not wait any more.
pub struct Waiting {
    connection: Rc<UdpConnection>,
    id: u16,
    slot: Rc<Slot>,
}

impl Future for Waiting {
    type Output = Result<Reading, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.slot.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                *self.slot.waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.connection.waiting.borrow_mut().remove(&self.id);
    }
}

impl UdpConnection {
    /// # Errors
    /// As [`socket_to`].
    pub fn open(
        env: &Rc<Env>,
        server: SocketAddr,
        local: Option<IpAddr>,
    ) -> Result<Rc<UdpConnection>, Errno> {
        let process = env.try_process().ok_or(Errno::ESRCH)?;
        let connection = Rc::new(UdpConnection {
            fd: socket_to(&process, SOCK_DGRAM, server, local)?,
            process,
            env: Rc::downgrade(env),
            waiting: RefCell::default(),
            is_dead: Cell::new(false),
            reader: Cell::new(None),
        });
        let (weak, process, fd) = (
            Rc::downgrade(&connection),
            connection.process.clone(),
            connection.fd,
        );
        let key = env.event_loop.spawn_unref(async move {
            loop {
                let ready = poll_fn(|cx| process.poll_ready(fd, PollEvents::POLLIN, cx)).await;
                let Some(connection) = weak.upgrade().filter(|open| !open.is_dead.get()) else {
                    break;
                };
                match ready {
                    Ok(_) => connection.receive(),
                    Err(_) => connection.fail(),
                }
            }
            Box::new(|_: &mut v8::PinScope<'_, '_>| {}) as Completion
        });
        connection.reader.set(Some(key));
        Ok(connection)
    }

    /// Whether it can be asked.
    pub fn is_usable(&self) -> bool {
        !self.is_dead.get()
    }

    /// Sends a question.
    ///
    /// # Errors
    /// - `ECONNREFUSED`: the server is not there.
    /// - `ENOMEM`: too many wait already.
    pub fn ask(self: &Rc<Self>, query: &Rc<Query>) -> Result<Waiting, Failure> {
        let id = self.free_id().ok_or(Status::ENOMEM)?;
        let sent = self
            .process
            .sendto(self.fd, &query.with_id(id), MsgFlags::empty(), None);
        if sent.is_err() {
            self.fail();
            return Err(Status::ECONNREFUSED.into());
        }
        let slot = Rc::new(Slot {
            query: query.clone(),
            result: RefCell::default(),
            waker: RefCell::default(),
        });
        self.waiting.borrow_mut().insert(id, slot.clone());
        Ok(Waiting {
            connection: self.clone(),
            id,
            slot,
        })
    }

    /// A number that nobody foresees and nobody has.
    fn free_id(&self) -> Option<u16> {
        /// With half of the numbers taken, as likely as not to be found in one try.
        const TRIES: usize = 64;
        let random = self.process.kernel().ok()?.random().clone();
        let waiting = self.waiting.borrow();
        (0..TRIES).find_map(|_| {
            let mut bytes = [0; 2];
            random.fill(&mut bytes);
            let id = u16::from_ne_bytes(bytes);
            (!waiting.contains_key(&id)).then_some(id)
        })
    }

    /// Hands out what has come.
    fn receive(&self) {
        let mut buffer = vec![0; LONGEST];
        loop {
            match self
                .process
                .recvfrom(self.fd, &mut buffer, MsgFlags::empty())
            {
                Ok((count, _)) => self.hand_out(&buffer[..count]),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(_) => {
                    self.fail();
                    break;
                }
            }
        }
    }

    fn hand_out(&self, bytes: &[u8]) {
        let Some(id) = message::id(bytes) else {
            return;
        };
        let slot = self.waiting.borrow().get(&id).cloned();
        let Some(slot) = slot else { return };
        match slot.query.read(bytes) {
            // Somebody guessed, or it is late.
            Reading::Foreign => {}
            reading => {
                self.waiting.borrow_mut().remove(&id);
                slot.end(Ok(reading));
            }
        }
    }

    /// The server is not there: ends the waiting of all.
    fn fail(&self) {
        self.is_dead.set(true);
        let waiting = self.waiting.take();
        for slot in waiting.into_values() {
            slot.end(Err(Status::ECONNREFUSED.into()));
        }
    }
}

impl Drop for UdpConnection {
    fn drop(&mut self) {
        if let (Some(env), Some(key)) = (self.env.upgrade(), self.reader.take()) {
            env.event_loop.cancel(key);
        }
        // It is ours; the process may have ended meanwhile.
        let _ = self.process.close(self.fd);
    }
}
