//! Waiting for sockets and children.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::keys::ProcessId;

/// An epoll instance and a way to interrupt its wait.
pub(crate) struct Poller {
    epoll: OwnedFd,
    wake: OwnedFd,
}

/// What is waited for on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    pub frames: bool,
    pub room: bool,
}

/// What became ready.
pub(crate) enum Ready {
    Socket(ProcessId, Readiness),
    Child(ProcessId),
}

/// What a socket is ready for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    /// Something is there to read, or the other side is gone.
    pub(crate) frames: bool,
    pub(crate) room: bool,
}

const WAKE: u64 = u64::MAX;
/// Tells a child's pidfd from its socket.
const CHILD: u64 = 1 << 63;

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        // SAFETY: both return a new descriptor or -1.
        let (epoll, wake) = unsafe {
            (
                owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))?,
                owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?,
            )
        };
        let poller = Poller { epoll, wake };
        poller.control(
            libc::EPOLL_CTL_ADD,
            poller.wake.as_raw_fd(),
            libc::EPOLLIN,
            WAKE,
        )?;
        Ok(poller)
    }

    pub(crate) fn add_socket(&self, fd: RawFd, process: ProcessId) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, process)
    }

    /// Says what is waited for. That the other side is gone is always told.
    pub(crate) fn set_socket(&self, fd: RawFd, process: ProcessId, interest: Interest) {
        let flag = |wanted, flag| if wanted { flag } else { 0 };
        let events = flag(interest.frames, libc::EPOLLIN) | flag(interest.room, libc::EPOLLOUT);
        // Fails only if the socket is gone, and then there is nothing to wait for.
        let _ = self.control(libc::EPOLL_CTL_MOD, fd, events, process);
    }

    pub(crate) fn add_child(&self, fd: RawFd, process: ProcessId) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, process | CHILD)
    }

    pub(crate) fn remove(&self, fd: RawFd) {
        // Fails only if it was not there.
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
    }

    /// Makes the thread look at its deadlines again.
    pub(crate) fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the buffer is valid; a full counter means that a wake-up is pending already.
        unsafe { libc::write(self.wake.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    fn control(&self, operation: i32, fd: RawFd, events: i32, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: events.cast_unsigned(),
            u64: data,
        };
        // SAFETY: `event` is valid for the call.
        match unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Vec<Ready> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        // Rounded up: waking a moment before a deadline would spin.
        let timeout = timeout.map_or(-1, |left| match left {
            Duration::ZERO => 0,
            left => i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX),
        });
        // SAFETY: `events` is valid for the number of entries given.
        let count =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), 64, timeout) };
        let count = usize::try_from(count).unwrap_or(0);
        let mut ready = Vec::with_capacity(count);
        for event in events.iter().take(count) {
            let (data, events) = (event.u64, event.events.cast_signed());
            match data {
                WAKE => {
                    let mut counter = [0u8; 8];
                    // SAFETY: the buffer is valid; the descriptor does not block.
                    unsafe {
                        libc::read(
                            self.wake.as_raw_fd(),
                            counter.as_mut_ptr().cast(),
                            counter.len(),
                        )
                    };
                }
                _ if data & CHILD != 0 => ready.push(Ready::Child(data & !CHILD)),
                _ => {
                    let readiness = Readiness {
                        frames: events & !libc::EPOLLOUT != 0,
                        room: events & libc::EPOLLOUT != 0,
                    };
                    ready.push(Ready::Socket(data, readiness));
                }
            }
        }
        ready
    }
}

/// # Safety
/// `fd` is -1 or nobody else's.
unsafe fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: by the caller.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
