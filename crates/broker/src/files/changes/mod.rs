//! Changes of watched files, as the system tells them (inotify(7)), and [`leases`] of what is taken for true until then.
//!
//! There is one inotify instance for all VM processes: a user has few of them, 128 by default. It stays with the host. A VM
//! process gets a socket for each mount that it watches something of, which only this end writes to. What finds no room there
//! is not kept: the next message says that something was lost.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use secure_exec_protocol::FilesSocket;
use secure_exec_protocol::files::{
    FileChange, FileChanges, MOST_CHANGES, MOST_WATCHES, to_message,
};

/// What is told: changes, and not who reads.
const CHANGES: u32 = libc::IN_MODIFY
    | libc::IN_ATTRIB
    | libc::IN_CLOSE_WRITE
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO
    | libc::IN_CREATE
    | libc::IN_DELETE
    | libc::IN_DELETE_SELF
    | libc::IN_MOVE_SELF;

/// Room for what is read of the instance at a time.
const BUFFER: usize = 64 << 10;

/// The head of an event: watch descriptor, mask, cookie, length of the name.
const HEAD: usize = 16;

/// Numbers under which one hears of the same file: an event takes memory for each of them, and thousands of events are read
/// at a time. A VM process of ours has one for each inode.
const MOST_EARS: usize = 16;

/// How long a VM process that has lost something waits to hear of it.
const RETRY: Duration = Duration::from_millis(100);

/// The inotify instance of this process.
struct Notifier {
    inotify: OwnedFd,
    /// Who hears of a watch, by its descriptor, which the system never gives twice.
    heard: Mutex<HashMap<i32, Vec<Ear>>>,
    /// Of who reads the instance. Locked before everything else here.
    reading: Mutex<Reading>,
}

/// What reading the instance needs.
struct Reading {
    buffer: Vec<u8>,
    /// Those whose VM process has still to hear that it has lost something.
    waiting: Vec<Weak<Listener>>,
}

/// Somebody who hears of a watch, and what it is called there.
struct Ear {
    hearer: Hearer,
    number: u64,
}

enum Hearer {
    Listener(Weak<Listener>),
    Leases(Weak<Leases>),
}

impl Hearer {
    fn is(&self, other: &Hearer) -> bool {
        match (self, other) {
            (Hearer::Listener(one), Hearer::Listener(other)) => one.ptr_eq(other),
            (Hearer::Leases(one), Hearer::Leases(other)) => one.ptr_eq(other),
            _ => false,
        }
    }
}

impl Notifier {
    /// That of this process, which is made when it is first asked for.
    fn shared() -> io::Result<&'static Arc<Notifier>> {
        static SHARED: OnceLock<Arc<Notifier>> = OnceLock::new();
        if let Some(shared) = SHARED.get() {
            return Ok(shared);
        }
        // SAFETY: takes plain numbers; returns a new descriptor or -1.
        let fd = unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let made = Arc::new(Notifier {
            // SAFETY: the descriptor is new and nobody else's.
            inotify: unsafe { OwnedFd::from_raw_fd(fd) },
            heard: Mutex::default(),
            reading: Mutex::new(Reading {
                buffer: vec![0; BUFFER],
                waiting: Vec::new(),
            }),
        });
        // Of two who come first the second's is closed again.
        let shared = SHARED.get_or_init(|| made.clone());
        if Arc::ptr_eq(shared, &made) {
            std::thread::Builder::new()
                .name("secure-exec-changes".into())
                .spawn(move || made.serve())?;
        }
        Ok(shared)
    }

    /// Watches a file that was found.
    fn add(&self, file: BorrowedFd<'_>, ear: Ear) -> io::Result<i32> {
        let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        // Held, so that its first event finds who hears it.
        let mut heard = self.heard.lock();
        // SAFETY: the path outlives the call.
        let watch =
            unsafe { libc::inotify_add_watch(self.inotify.as_raw_fd(), path.as_ptr(), CHANGES) };
        if watch < 0 {
            return Err(io::Error::last_os_error());
        }
        let ears = heard.entry(watch).or_default();
        let own = ears.iter().filter(|known| known.hearer.is(&ear.hearer));
        if own.count() >= MOST_EARS {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        ears.push(ear);
        Ok(watch)
    }

    fn remove(&self, watch: i32, hearer: &Hearer, number: u64) {
        let mut heard = self.heard.lock();
        let Some(ears) = heard.get_mut(&watch) else {
            return;
        };
        ears.retain(|ear| !ear.hearer.is(hearer) || ear.number != number);
        if ears.is_empty() {
            heard.remove(&watch);
            self.forget(watch);
        }
    }

    /// Has the system watch no more.
    fn forget(&self, watch: i32) {
        // SAFETY: takes plain numbers. Fails where the file is gone, and the watch with it.
        unsafe { libc::inotify_rm_watch(self.inotify.as_raw_fd(), watch) };
    }

    /// Tells what happens, for as long as this process lives.
    fn serve(&self) {
        loop {
            let waits = !self.reading.lock().waiting.is_empty();
            self.wait(waits);
            self.tell_all();
        }
    }

    /// Tells everything that has happened up to now. What happens meanwhile waits: where others change their files without
    /// end, who asks is answered all the same.
    fn tell_all(&self) {
        let mut reading = self.reading.lock();
        let Reading { buffer, waiting } = &mut *reading;
        let mut left = self.queued();
        loop {
            // SAFETY: the buffer is valid for its length.
            let count = unsafe {
                libc::read(
                    self.inotify.as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                )
            };
            let events = buffer.get(..usize::try_from(count).unwrap_or(0));
            let events = events.unwrap_or_default();
            let mut told = Told::default();
            for event in Events(events) {
                self.sort(&event, &mut told);
            }
            for listener in waiting.drain(..).filter_map(|waiting| waiting.upgrade()) {
                told.note(&listener, None);
            }
            for (listener, changes) in told.changes {
                if !listener.tell(changes) {
                    waiting.push(Arc::downgrade(&listener));
                }
            }
            left = left.saturating_sub(events.len());
            if events.is_empty() || left == 0 {
                return;
            }
        }
    }

    /// Bytes of events that have not been read.
    fn queued(&self) -> usize {
        let mut bytes: libc::c_int = 0;
        // SAFETY: writes a number to where one is. It does not fail for such a descriptor.
        unsafe { libc::ioctl(self.inotify.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
        usize::try_from(bytes).unwrap_or(0)
    }

    fn wait(&self, shortly: bool) {
        let mut instance = libc::pollfd {
            fd: self.inotify.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let millis = i32::try_from(RETRY.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the structure is valid for the call. An interruption is one more look.
        unsafe { libc::poll(&raw mut instance, 1, if shortly { millis } else { -1 }) };
    }

    /// Notes an event with all who hear of it.
    fn sort(&self, event: &Event<'_>, told: &mut Told) {
        let mut heard = self.heard.lock();
        let change = |number| FileChange {
            number,
            mask: event.mask,
            cookie: event.cookie,
            name: event.name.to_vec(),
        };
        if event.mask & libc::IN_Q_OVERFLOW != 0 {
            for ear in heard.values().flatten() {
                match &ear.hearer {
                    Hearer::Listener(listener) => {
                        if let Some(listener) = listener.upgrade() {
                            listener.has_lost();
                            told.note(&listener, None);
                        }
                    }
                    Hearer::Leases(leases) => {
                        if let Some(leases) = leases.upgrade() {
                            leases.breaks_all();
                            told.keep(leases);
                        }
                    }
                }
            }
            return;
        }
        let Some(ears) = heard.get_mut(&event.watch) else {
            return;
        };
        ears.retain(|ear| match &ear.hearer {
            Hearer::Listener(listener) => {
                if let Some(listener) = listener.upgrade() {
                    told.note(&listener, Some(change(ear.number)));
                }
                true
            }
            Hearer::Leases(leases) => leases.upgrade().is_some_and(|leases| {
                let goes_on = leases.breaks(ear.number, event.mask);
                told.keep(leases);
                goes_on
            }),
        });
        if event.mask & libc::IN_IGNORED != 0 {
            heard.remove(&event.watch);
        } else if ears.is_empty() {
            heard.remove(&event.watch);
            self.forget(event.watch);
        }
    }
}

/// What has come of some events.
#[derive(Default)]
struct Told {
    changes: Vec<(Arc<Listener>, Vec<FileChange>)>,
    /// Kept until the table is not locked any more, which their end locks.
    leases: Vec<Arc<Leases>>,
}

impl Told {
    fn note(&mut self, listener: &Arc<Listener>, change: Option<FileChange>) {
        let mut known = self.changes.iter_mut();
        match known.find(|(known, _)| Arc::ptr_eq(known, listener)) {
            Some((_, changes)) => changes.extend(change),
            None => self
                .changes
                .push((listener.clone(), change.into_iter().collect())),
        }
    }

    fn keep(&mut self, leases: Arc<Leases>) {
        let is_last = |last: &Arc<Leases>| Arc::ptr_eq(last, &leases);
        if !self.leases.last().is_some_and(is_last) {
            self.leases.push(leases);
        }
    }
}

/// A `struct inotify_event`.
struct Event<'a> {
    watch: i32,
    mask: u32,
    cookie: u32,
    name: &'a [u8],
}

/// The events in what was read.
struct Events<'a>(&'a [u8]);

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let number = |at: usize| -> Option<u32> {
            let bytes = self.0.get(at..at + 4)?;
            Some(u32::from_ne_bytes(bytes.try_into().ok()?))
        };
        let (watch, mask, cookie) = (number(0)?.cast_signed(), number(4)?, number(8)?);
        let end = HEAD + usize::try_from(number(12)?).ok()?;
        let name = self.0.get(HEAD..end)?;
        self.0 = self.0.get(end..)?;
        let length = name.iter().position(|byte| *byte == 0);
        Some(Event {
            watch,
            mask,
            cookie,
            // Filled up with zeroes.
            name: name.get(..length.unwrap_or(name.len()))?,
        })
    }
}

/// What a VM process watches of a mount, and where it is told of it.
pub(super) struct Listener {
    this: Weak<Listener>,
    notifier: &'static Arc<Notifier>,
    socket: FilesSocket,
    /// Descriptors by the numbers that the VM process gave. Locked before the notifier's table.
    watches: Mutex<HashMap<u64, i32>>,
    /// Something was not told. Set under the notifier's lock, so it needs none of its own.
    has_lost: AtomicBool,
}

impl Listener {
    /// Makes one, and the end of its socket that the VM process gets.
    ///
    /// # Errors
    /// - `EMFILE`: the host's user has no inotify instance left.
    /// - Those of `socketpair(2)`.
    pub(super) fn new() -> io::Result<(Arc<Listener>, OwnedFd)> {
        let notifier = Notifier::shared()?;
        let (socket, theirs) = FilesSocket::pair()?;
        let listener = Arc::new_cyclic(|this| Listener {
            this: this.clone(),
            notifier,
            socket,
            watches: Mutex::default(),
            has_lost: AtomicBool::new(false),
        });
        Ok((listener, theirs))
    }

    /// Watches a file that was found.
    ///
    /// # Errors
    /// - `ENOSPC`: there are too many already, of this file, of this mount or of the host's user.
    /// - `EACCES`: the host's user may not read it.
    /// - `EINVAL`: the number is that of a watch already.
    pub(super) fn watch(&self, file: BorrowedFd<'_>, number: u64) -> io::Result<()> {
        let mut watches = self.watches.lock();
        if watches.len() >= MOST_WATCHES {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        if watches.contains_key(&number) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let ear = Ear {
            hearer: self.hearer(),
            number,
        };
        let watch = self.notifier.add(file, ear)?;
        watches.insert(number, watch);
        Ok(())
    }

    /// Watches it no more.
    ///
    /// # Errors
    /// - `EINVAL`: there is no such watch.
    pub(super) fn unwatch(&self, number: u64) -> io::Result<()> {
        let gone = self.watches.lock().remove(&number);
        let watch = gone.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        self.notifier.remove(watch, &self.hearer(), number);
        Ok(())
    }

    fn hearer(&self) -> Hearer {
        Hearer::Listener(self.this.clone())
    }

    fn has_lost(&self) {
        self.has_lost.store(true, Ordering::Relaxed);
    }

    /// Tells what has happened, and before it that something was lost. False where that has still to be told.
    fn tell(&self, changes: Vec<FileChange>) -> bool {
        let mut changes = changes.into_iter().peekable();
        loop {
            let mut has_lost = self.has_lost.swap(false, Ordering::Relaxed);
            let mut piece = Vec::new();
            if has_lost {
                piece.push(FileChange {
                    number: 0,
                    mask: libc::IN_Q_OVERFLOW,
                    cookie: 0,
                    name: Vec::new(),
                });
            }
            piece.extend(changes.by_ref().take(MOST_CHANGES - piece.len()));
            if piece.is_empty() {
                return true;
            }
            has_lost = match to_message(&FileChanges { changes: piece }) {
                Ok(message) => match self.socket.send_now(&message) {
                    Ok(()) => false,
                    // Who is gone has lost nothing.
                    Err(error) => error.kind() == io::ErrorKind::WouldBlock,
                },
                Err(_) => true,
            };
            if has_lost {
                self.has_lost();
                return false;
            }
            if changes.peek().is_none() {
                return true;
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let watches = std::mem::take(self.watches.get_mut());
        for (number, watch) in watches {
            self.notifier.remove(watch, &self.hearer(), number);
        }
    }
}

mod leases;
#[cfg(test)]
mod tests;

pub(super) use leases::Leases;
