//! The descriptors of an instance, by numbers of its own (`src/fd_table.c` of uvwasi).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use secure_exec_kernel::abi::socket::{AF_INET, AF_INET6};
use secure_exec_kernel::abi::socket::{SO_DOMAIN, SO_TYPE, SOCK_DGRAM, SOL_SOCKET};
use secure_exec_kernel::abi::stat::{S_IFIFO, S_IFMT};
use secure_exec_kernel::{Fd, FileKind, OpenFlags, Process};
use secure_exec_preview1::{errno, file};

use super::memory::Outcome;
use super::{error, resolve, rights};

/// Descriptors of one instance. Each open file of the process is bounded by `RLIMIT_NOFILE`, but a program may close
/// them behind its instance's back.
const MOST_DESCRIPTORS: usize = 16_384;
/// `EMFILE`.
const TOO_MANY: u16 = 33;

/// A descriptor.
pub(super) struct Entry {
    /// The process' descriptor.
    pub fd: Fd,
    /// As the instance knows it.
    pub path: Vec<u8>,
    /// As the process knows it.
    pub real_path: Vec<u8>,
    /// `path` without detours.
    pub normalized: Vec<u8>,
    /// `__wasi_filetype_t`.
    pub filetype: u8,
    /// What it may do.
    pub base: Cell<u64>,
    /// What that which is opened by way of it may do.
    pub inheriting: Cell<u64>,
    /// The instance had it from the start, and may ask for its name.
    pub preopen: bool,
    /// Nobody else knows the process' descriptor.
    owned: bool,
}

/// What is known of a descriptor when it gets its number.
pub(super) struct Opened {
    pub fd: Fd,
    pub path: Vec<u8>,
    pub real_path: Vec<u8>,
    pub filetype: u8,
    pub base: u64,
    pub inheriting: u64,
    pub preopen: bool,
    pub owned: bool,
}

/// The descriptors of an instance; closes those that only it knows.
pub(super) struct Table {
    process: Arc<Process>,
    entries: Vec<Option<Rc<Entry>>>,
}

impl Drop for Table {
    fn drop(&mut self) {
        for entry in self.entries.iter().flatten().filter(|entry| entry.owned) {
            // Closed already, by the program or at the end of the process.
            let _ = self.process.close(entry.fd);
        }
    }
}

impl Table {
    /// A table with the three standard streams.
    pub fn new(process: Arc<Process>, stdio: [Fd; 3]) -> Outcome<Table> {
        let mut table = Table {
            process,
            entries: Vec::new(),
        };
        for (fd, name) in stdio.into_iter().zip(["<stdin>", "<stdout>", "<stderr>"]) {
            let filetype = filetype(&table.process, fd)?;
            let terminal = is_terminal(&table.process, fd);
            let (base, inheriting) = rights::most(filetype, terminal, OpenFlags::O_RDWR)?;
            table.insert(Opened {
                fd,
                path: name.into(),
                real_path: name.into(),
                filetype,
                base,
                inheriting,
                preopen: false,
                owned: false,
            })?;
        }
        Ok(table)
    }

    /// Opens a directory of the process for the instance.
    pub fn preopen(&mut self, mapped: &[u8], real: &[u8]) -> Outcome {
        let real_path = self.process.realpath(real).map_err(error::of)?;
        let flags = OpenFlags::O_RDONLY | OpenFlags::O_CLOEXEC;
        let fd = self.process.open(&real_path, flags, 0).map_err(error::of)?;
        let entry = filetype(&self.process, fd).and_then(|filetype| {
            if filetype != file::DIRECTORY {
                return Err(errno::NOTDIR);
            }
            self.insert(Opened {
                fd,
                path: mapped.to_vec(),
                real_path,
                filetype,
                base: secure_exec_preview1::rights::DIRECTORY,
                inheriting: rights::IN_DIRECTORY,
                preopen: true,
                owned: true,
            })
        });
        if entry.is_err() {
            // The first error is the one to tell.
            let _ = self.process.close(fd);
        }
        entry.map(drop)
    }

    /// Gives a descriptor the lowest number that is free.
    pub fn insert(&mut self, opened: Opened) -> Outcome<u32> {
        let free = self.entries.iter().position(Option::is_none);
        let index = free.unwrap_or(self.entries.len());
        if index >= MOST_DESCRIPTORS {
            return Err(TOO_MANY);
        }
        let entry = Some(Rc::new(Entry {
            fd: opened.fd,
            normalized: resolve::normalize(&opened.path),
            path: opened.path,
            real_path: opened.real_path,
            filetype: opened.filetype,
            base: Cell::new(opened.base),
            inheriting: Cell::new(opened.inheriting),
            preopen: opened.preopen,
            owned: opened.owned,
        }));
        match self.entries.get_mut(index) {
            Some(slot) => *slot = entry,
            None => self.entries.push(entry),
        }
        u32::try_from(index).map_err(|_| TOO_MANY)
    }

    /// The descriptor of a number, if it has the rights.
    ///
    /// # Errors
    /// - `EBADF`: there is none.
    /// - `ENOTCAPABLE`: it lacks one of the rights.
    pub fn get(&self, id: u32, base: u64, inheriting: u64) -> Outcome<Rc<Entry>> {
        let entry = usize::try_from(id)
            .ok()
            .and_then(|index| self.entries.get(index))
            .and_then(Option::as_ref)
            .ok_or(errno::BADF)?;
        if !entry.base.get() & base != 0 || !entry.inheriting.get() & inheriting != 0 {
            return Err(errno::NOTCAPABLE);
        }
        Ok(entry.clone())
    }

    fn take(&mut self, id: u32) -> Option<Rc<Entry>> {
        let index = usize::try_from(id).ok()?;
        self.entries.get_mut(index)?.take()
    }

    /// Closes a descriptor, that of the process too.
    pub fn close(&mut self, id: u32) -> Outcome {
        let entry = self.get(id, 0, 0)?;
        self.process.close(entry.fd).map_err(error::of)?;
        self.take(id);
        Ok(())
    }

    /// Moves a descriptor to the number of another one, which is closed.
    pub fn renumber(&mut self, from: u32, to: u32) -> Outcome {
        if from == to {
            return Ok(());
        }
        let old = self.get(to, 0, 0)?;
        self.get(from, 0, 0)?;
        self.process.close(old.fd).map_err(error::of)?;
        let moved = self.take(from);
        if let Some(slot) = usize::try_from(to)
            .ok()
            .and_then(|index| self.entries.get_mut(index))
        {
            *slot = moved;
        }
        Ok(())
    }
}

/// `__wasi_filetype_t` of a mode, in which a pipe is a socket (`uvwasi__stat_to_filetype`).
pub(super) fn filetype_of(mode: u32) -> u8 {
    if mode & S_IFMT == S_IFIFO {
        return file::SOCKET_STREAM;
    }
    file::of_mode(mode)
}

/// `__wasi_filetype_t` of a descriptor of the process.
pub(super) fn filetype(process: &Process, fd: Fd) -> Outcome<u8> {
    let stat = process.fstat(fd).map_err(error::of)?;
    let filetype = filetype_of(stat.mode);
    if filetype == file::SOCKET_STREAM && is_udp(process, fd) {
        return Ok(file::SOCKET_DGRAM);
    }
    Ok(filetype)
}

fn is_udp(process: &Process, fd: Fd) -> bool {
    let option = |name| {
        let value = process.getsockopt(fd, SOL_SOCKET, name).ok()?;
        value.int()
    };
    option(SO_TYPE) == Some(SOCK_DGRAM) && matches!(option(SO_DOMAIN), Some(AF_INET | AF_INET6))
}

/// Whether a descriptor of the process is a terminal.
pub(super) fn is_terminal(process: &Process, fd: Fd) -> bool {
    process
        .file(fd)
        .is_ok_and(|file| file.kind() == FileKind::Tty)
}
