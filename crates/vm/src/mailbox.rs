//! How other threads reach the server's thread.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use secure_exec_protocol::{CallId, VmId, VmMessage};

use crate::guests::Notice;

/// Longest wait of a thread that has failed: the queue may be in its own hands.
const PATIENCE: Duration = Duration::from_millis(100);

/// What has arrived.
#[derive(Debug)]
pub(crate) enum Mail {
    /// A stream or the process of a call is ready.
    Ready(VmId, CallId),
    /// A guest asks the host for something, or does not wait for it any more.
    Request(VmId, VmMessage),
    /// System calls have been traced.
    Trace(VmId),
    /// The runtime of a VM's guests has something to say.
    Notice(VmId, Notice),
}

/// A queue whose descriptor becomes readable.
#[derive(Debug)]
pub struct Mailbox {
    queue: Mutex<Vec<Mail>>,
    event: OwnedFd,
}

impl Mailbox {
    pub(crate) fn new() -> io::Result<Arc<Mailbox>> {
        // SAFETY: returns a new descriptor or -1.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let event = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Arc::new(Mailbox {
            queue: Mutex::default(),
            event,
        }))
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    /// Delivers what the runtime of a VM's guests says. From any thread.
    pub fn notify(&self, vm: VmId, notice: Notice) {
        self.post(Mail::Notice(vm, notice));
    }

    /// As `notify`, for a thread that may be anywhere: false where the queue cannot be had.
    pub(crate) fn try_notify(&self, vm: VmId, notice: Notice) -> bool {
        let Some(queue) = self.queue.try_lock_for(PATIENCE) else {
            return false;
        };
        drop(queue);
        self.post(Mail::Notice(vm, notice));
        true
    }

    pub(crate) fn post(&self, mail: Mail) {
        let mut queue = self.queue.lock();
        queue.push(mail);
        if queue.len() > 1 {
            // The descriptor is readable already.
            return;
        }
        drop(queue);
        let one = 1u64.to_ne_bytes();
        // SAFETY: the buffer is valid; the counter cannot be full.
        unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Takes everything.
    pub(crate) fn take(&self) -> Vec<Mail> {
        let mut counter = [0u8; 8];
        let mut queue = self.queue.lock();
        // SAFETY: the buffer is valid; the descriptor does not block. Under the lock, so that the descriptor is
        // readable whenever the queue is not empty.
        unsafe { libc::read(self.fd(), counter.as_mut_ptr().cast(), counter.len()) };
        std::mem::take(&mut *queue)
    }
}

/// Wakes the server for one call. Many wakes before the server looks are one piece of mail.
pub(crate) struct CallWaker {
    mailbox: Arc<Mailbox>,
    vm: VmId,
    call: CallId,
    posted: AtomicBool,
}

impl CallWaker {
    pub(crate) fn new(mailbox: Arc<Mailbox>, vm: VmId, call: CallId) -> Arc<CallWaker> {
        Arc::new(CallWaker {
            mailbox,
            vm,
            call,
            posted: AtomicBool::new(false),
        })
    }

    /// The server is about to look: later wakes count again.
    pub(crate) fn rearm(&self) {
        self.posted.store(false, Ordering::Release);
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(self.clone())
    }
}

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.posted.swap(true, Ordering::AcqRel) {
            self.mailbox.post(Mail::Ready(self.vm, self.call));
        }
    }
}
