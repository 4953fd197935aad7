//! How other threads reach the server's thread.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use secure_exec_kernel::Pid;
use secure_exec_protocol::{CallId, Limit, VmId, VmMessage};

/// Longest wait of a thread that has failed: the queue may be in its own hands.
const PATIENCE: Duration = Duration::from_millis(100);

/// What has arrived.
#[derive(Debug)]
pub(crate) enum Mail {
    /// A stream or the process of a call is ready.
    Ready(VmId, CallId),
    /// A guest asks the host for something, or does not wait for it any more.
    Request(VmId, VmMessage),
    /// A file method has been done.
    File(VmId, CallId, VmMessage),
    /// System calls have been traced.
    Trace(VmId),
    /// Most of a limit is in use.
    Warning(VmId),
    /// The runtime of a VM's guests has something to say.
    Notice(VmId, Notice),
}

/// What the runtime of the guests tells the server.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A program passed a limit and was killed for it.
    Breach { pid: Option<Pid>, limit: Limit },
    /// The thread of a program is free.
    Ended { pid: Pid },
    /// A killed program does not leave its thread.
    Stuck { pid: Pid },
    /// The engine gave up the whole process, for a limit if one is known.
    Fatal {
        message: String,
        limit: Option<Limit>,
    },
}

/// A queue whose descriptor becomes readable when something comes for a server that sleeps. One that does not looks by
/// itself, so that nobody has to ask the system to wake it.
#[derive(Debug)]
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    event: OwnedFd,
}

#[derive(Debug, Default)]
struct Queue {
    mail: Vec<Mail>,
    /// The server waits for the descriptor, or is about to. Whoever takes this away makes it readable.
    asleep: bool,
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
    pub(crate) fn notify(&self, vm: VmId, notice: Notice) {
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
        queue.mail.push(mail);
        if !std::mem::take(&mut queue.asleep) {
            return;
        }
        drop(queue);
        let one = 1u64.to_ne_bytes();
        // SAFETY: the buffer is valid; the counter cannot be full.
        unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
    }

    /// The server is going to wait for the descriptor: whatever comes from now on makes it readable. False if something
    /// is there, which would not.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.asleep = queue.mail.is_empty();
        queue.asleep
    }

    /// The server has waited and found the descriptor readable. That may be for what it has taken before.
    pub(crate) fn wake_up(&self) {
        let mut counter = [0u8; 8];
        // SAFETY: the buffer is valid; the descriptor does not block.
        unsafe { libc::read(self.fd(), counter.as_mut_ptr().cast(), counter.len()) };
    }

    /// Takes everything.
    pub(crate) fn take(&self) -> Vec<Mail> {
        let mut queue = self.queue.lock();
        queue.asleep = false;
        std::mem::take(&mut queue.mail)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox() -> Arc<Mailbox> {
        Mailbox::new().expect("there is a descriptor for it")
    }

    fn is_readable(mailbox: &Mailbox) -> bool {
        let mut fd = libc::pollfd {
            fd: mailbox.fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: the structure is valid for the call.
        unsafe { libc::poll(&raw mut fd, 1, 0) == 1 }
    }

    #[test]
    fn only_a_server_that_sleeps_is_woken() {
        let mailbox = mailbox();
        mailbox.post(Mail::Ready(1, 1));
        assert!(!is_readable(&mailbox));
        assert!(!mailbox.fall_asleep(), "something is there");
        mailbox.post(Mail::Ready(1, 2));
        assert!(!is_readable(&mailbox));
        assert_eq!(mailbox.take().len(), 2);
        assert!(mailbox.fall_asleep());
        mailbox.post(Mail::Ready(1, 3));
        assert!(is_readable(&mailbox));
        mailbox.wake_up();
        mailbox.post(Mail::Ready(1, 4));
        assert!(!is_readable(&mailbox), "it is awake");
        assert_eq!(mailbox.take().len(), 2);
    }

    #[test]
    fn a_server_that_something_else_woke_is_not_woken_again() {
        let mailbox = mailbox();
        assert!(mailbox.fall_asleep());
        assert!(mailbox.take().is_empty());
        mailbox.post(Mail::Ready(1, 1));
        assert!(!is_readable(&mailbox));
        assert!(!mailbox.fall_asleep());
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        const EACH: u64 = 20_000;
        let mailbox = mailbox();
        let posters: Vec<_> = (0..3)
            .map(|vm| {
                let mailbox = mailbox.clone();
                std::thread::spawn(move || {
                    for call in 0..EACH {
                        mailbox.post(Mail::Ready(vm, call));
                    }
                })
            })
            .collect();
        let mut taken = 0;
        while taken < 3 * EACH {
            if mailbox.fall_asleep() {
                let mut fd = libc::pollfd {
                    fd: mailbox.fd(),
                    events: libc::POLLIN,
                    revents: 0,
                };
                // SAFETY: the structure is valid for the call.
                let ready = unsafe { libc::poll(&raw mut fd, 1, 10_000) };
                assert_eq!(ready, 1, "{taken} have come, and no more");
                mailbox.wake_up();
            }
            taken += mailbox.take().len() as u64;
        }
        for poster in posters {
            poster.join().expect("it posts");
        }
    }

    #[test]
    fn many_wakes_of_a_call_are_one_piece_of_mail() {
        let mailbox = mailbox();
        let call = CallWaker::new(mailbox.clone(), 1, 7);
        let waker = call.waker();
        waker.wake_by_ref();
        waker.wake_by_ref();
        assert_eq!(mailbox.take().len(), 1);
        call.rearm();
        waker.wake_by_ref();
        assert_eq!(mailbox.take().len(), 1);
    }
}
