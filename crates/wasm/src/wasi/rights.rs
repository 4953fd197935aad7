//! Rights of descriptors.
//!
//! A descriptor may do what its type and its access mode permit, as on Linux, until the program gives rights up. What
//! `path_open` asks for decides about the access mode and takes nothing else away: programs that were made for hosts
//! without rights ask for none. Only what was given up is kept, so that most programs pay nothing for it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use secure_exec_kernel::{Fd, FileDescription, FileKind, OpenFlags};
use secure_exec_preview1::rights;

use super::ROOT_FD;
use crate::call::{Call, Fault, Host, Outcome};

/// Rights of a descriptor, and of what is opened by way of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Rights {
    pub(super) base: u64,
    pub(super) inheriting: u64,
}

/// What a descriptor has not any more.
#[derive(Clone)]
struct GivenUp {
    /// The open file that it was. The number may have another one by now, of which nothing was given up. None: the root
    /// directory.
    file: Option<Weak<FileDescription>>,
    lost: Rights,
}

/// What an instance knows of its descriptors beside the kernel.
#[derive(Clone, Default)]
pub(crate) struct Descriptors {
    given_up: RefCell<BTreeMap<Fd, GivenUp>>,
    root_closed: Cell<bool>,
}

impl Descriptors {
    /// Whether descriptor 3 still is the root directory to calls with paths.
    pub(super) fn has_root(&self) -> bool {
        !self.root_closed.get()
    }

    /// Makes descriptor 3 one as all others.
    pub(super) fn close_root(&self) {
        self.root_closed.set(true);
        self.given_up.borrow_mut().remove(&ROOT_FD);
    }

    /// Notes that a descriptor is closed.
    pub(super) fn closed(&self, fd: Fd) {
        self.given_up.borrow_mut().remove(&fd);
    }

    /// Notes that a descriptor has moved.
    pub(super) fn moved(&self, fd: Fd, to: Fd) {
        let mut given_up = self.given_up.borrow_mut();
        match given_up.remove(&fd) {
            Some(entry) => given_up.insert(to, entry),
            None => given_up.remove(&to),
        };
    }
}

/// What a descriptor can do that has given up nothing. The C library tells the access mode and terminals by it.
pub(super) fn of_kind(kind: FileKind, open: OpenFlags) -> Rights {
    let mut base = match kind {
        FileKind::Directory => rights::DIRECTORY,
        FileKind::Regular => rights::REGULAR_FILE,
        // A character device that cannot be positioned is what `isatty` takes for a terminal.
        FileKind::Tty => rights::ALL & !(rights::FD_SEEK | rights::FD_TELL),
        _ => rights::ALL,
    };
    if kind != FileKind::Directory {
        if !open.readable() {
            base &= !(rights::FD_READ | rights::FD_READDIR);
        }
        if !open.writable() {
            base &= !rights::FD_WRITE;
        }
    }
    let inheriting = match kind {
        FileKind::Directory | FileKind::Socket => rights::ALL,
        _ => 0,
    };
    Rights { base, inheriting }
}

/// Whether a descriptor is the root directory because the kernel has none with its number.
pub(super) fn stands_for_root(host: &Host, fd: Fd) -> bool {
    fd == ROOT_FD && host.descriptors.has_root() && host.process.file(fd).is_err()
}

/// What a descriptor has given up.
pub(super) fn lost(host: &Host, fd: Fd) -> Rights {
    let given_up = host.descriptors.given_up.borrow();
    let Some(entry) = given_up.get(&fd) else {
        return Rights::default();
    };
    let same = match (&entry.file, host.process.file(fd)) {
        (None, Err(_)) => fd == ROOT_FD,
        (Some(then), Ok(now)) => std::ptr::eq(then.as_ptr(), Arc::as_ptr(&now)),
        _ => false,
    };
    if same { entry.lost } else { Rights::default() }
}

/// Takes rights of a descriptor away, beside those that it has given up.
pub(super) fn lose(host: &Host, fd: Fd, lost: Rights) {
    if lost.base == 0 && lost.inheriting == 0 {
        return;
    }
    let file = host.process.file(fd).ok();
    let entry = GivenUp {
        file: file.as_ref().map(Arc::downgrade),
        lost,
    };
    host.descriptors.given_up.borrow_mut().insert(fd, entry);
}

impl Call<'_> {
    /// Checks that a descriptor has not given up a right. Whether it ever had it, the kernel tells.
    ///
    /// # Errors
    /// - `ENOTCAPABLE`: it has.
    pub(super) fn check_right(&self, fd: Fd, right: u64) -> Outcome<()> {
        if self.host.descriptors.given_up.borrow().is_empty() {
            return Ok(());
        }
        if lost(self.host, fd).base & right != 0 {
            return Err(Fault::NotCapable);
        }
        Ok(())
    }
}
