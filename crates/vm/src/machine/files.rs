//! The host's file methods, done with the host's rights.

use std::collections::HashMap;
use std::sync::Arc;

use secure_exec_kernel::abi::fcntl::OpenFlags;
use secure_exec_kernel::abi::stat::{S_IFDIR, S_IFIFO, S_IFMT, S_IFSOCK};
use secure_exec_kernel::{
    AT_FDCWD, AtFlags, Errno, Fd, FileDescription, FileKind, LimitBreach, Process, SetTime, Stat,
    Terminal, Timespec,
};
use secure_exec_protocol::{
    DirectoryEntry, Failure, FileAttributes, FileReply, FileRequest, FileStat, MAX_CHUNK,
    most_names,
};

use super::copy;
use crate::breaches;
use crate::failure::failure;

/// Files that the host reads or writes in pieces.
pub(crate) struct Files {
    agent: Arc<Process>,
    reading: HashMap<u32, Reading>,
    writing: HashMap<u32, Writing>,
    next: u32,
}

/// What the host has read a part of.
enum Reading {
    File(FileReading),
    Directory(std::vec::IntoIter<DirectoryEntry>),
}

struct FileReading {
    file: Arc<FileDescription>,
    path: Vec<u8>,
    offset: u64,
}

struct Writing {
    file: Arc<FileDescription>,
    path: Vec<u8>,
}

/// Files that the host has opened and not finished: a host that forgets them must not grow a table for ever.
const MAX_OPEN: usize = 1024;

/// Names of a directory in one reply: with the longest ones far less than a frame.
const MAX_ENTRIES: usize = 4096;

/// Permission bits with which others than the owner may list and enter a directory.
const PASSABLE: u32 = 0o055;

const ROOT_HOME: &[u8] = b"/root";

/// An owner or group that stays as it is (`chown(2)`).
const UNCHANGED: u32 = u32::MAX;

type Outcome = Result<FileReply, Failure>;

impl Files {
    pub(crate) fn new(agent: Arc<Process>) -> Files {
        Files {
            agent,
            reading: HashMap::new(),
            writing: HashMap::new(),
            next: 1,
        }
    }

    pub(crate) fn serve(&mut self, request: FileRequest) -> Outcome {
        self.answer(request)
            .map_err(|failure| match self.agent.kernel() {
                Ok(kernel) => breaches::named(failure, &kernel.take_limit_breaches_of(None)),
                Err(_) => failure,
            })
    }

    fn answer(&mut self, request: FileRequest) -> Outcome {
        match request {
            FileRequest::Read { path } => self.read(path),
            FileRequest::ReadMore { handle } => self.read_more(handle),
            FileRequest::Write {
                path,
                data,
                handle,
                parents,
                attributes,
            } => {
                let file = self.create(&path, parents, attributes)?;
                write_all(&file, &data).map_err(failing("write", &path))?;
                self.keep_writing(handle, Writing { file, path })
            }
            FileRequest::WriteMore { handle, data, last } => self.write_more(handle, &data, last),
            FileRequest::ReadDirectory { path } => self.read_directory(&path),
            FileRequest::MakeDirectory { path, recursive } => {
                let made = if recursive {
                    self.make_directories(&path)
                } else {
                    self.agent.mkdir(&path, 0o755)
                };
                made.map_err(failing("mkdir", &path))?;
                Ok(FileReply::Done)
            }
            FileRequest::MakeWorkingDirectory { path } => {
                self.make_working_directory(&path)?;
                Ok(FileReply::Done)
            }
            FileRequest::Stat { path } => {
                let stat = self.agent.stat(&path).map_err(failing("stat", &path))?;
                Ok(FileReply::Stat(file_stat(&stat)))
            }
            FileRequest::LinkStat { path } => {
                let stat = self.agent.lstat(&path).map_err(failing("lstat", &path))?;
                Ok(FileReply::Stat(file_stat(&stat)))
            }
            FileRequest::ReadLink { path } => {
                let target = self.agent.readlink(&path);
                let data = target.map_err(failing("readlink", &path))?;
                Ok(FileReply::Data { data, more: None })
            }
            FileRequest::Append { path, data } => {
                let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_APPEND;
                let file = self.open(&path, flags, FileAttributes::default())?;
                write_all(&file, &data).map_err(failing("write", &path))?;
                Ok(FileReply::Done)
            }
            FileRequest::SetAttributes { path, attributes } => {
                self.set_attributes(&path, attributes)?;
                Ok(FileReply::Done)
            }
            FileRequest::SetTime { path, mtime_ns } => {
                self.set_time(&path, mtime_ns)?;
                Ok(FileReply::Done)
            }
            FileRequest::Symlink { target, path } => {
                let made = self.agent.symlink(&target, &path);
                made.map_err(failing("symlink", &path))?;
                Ok(FileReply::Done)
            }
            FileRequest::Copy {
                from,
                to,
                recursive,
            } => {
                copy::copy(&self.agent, from, to, recursive)?;
                Ok(FileReply::Done)
            }
            FileRequest::Exists { path } => Ok(FileReply::Exists(self.agent.stat(&path).is_ok())),
            FileRequest::Remove {
                path,
                recursive,
                force,
            } => match self.remove(&path, recursive) {
                Err(failure) if force && failure.code == Errno::ENOENT.name() => {
                    Ok(FileReply::Done)
                }
                removed => removed,
            },
            FileRequest::Rename { from, to } => {
                self.agent
                    .rename(&from, &to)
                    .map_err(failing("rename", &from))?;
                Ok(FileReply::Done)
            }
        }
    }

    /// Opens what has content that ends. A FIFO, a socket and a terminal have not; to open one would already be
    /// noticed by the guests at its other end, so it is looked at before.
    fn open(
        &self,
        path: &[u8],
        flags: OpenFlags,
        attributes: FileAttributes,
    ) -> Result<Arc<FileDescription>, Failure> {
        let creates = flags.contains(OpenFlags::O_CREAT);
        match self.agent.stat(path) {
            Ok(stat) if !has_content(stat.mode) => return Err(endless(path)),
            Err(errno) if !(creates && errno == Errno::ENOENT) => {
                return Err(failure(errno, "open", path));
            }
            _ => {}
        }
        // It may be another file by now: O_NONBLOCK keeps a FIFO from being waited for.
        let flags = flags | OpenFlags::O_NONBLOCK | OpenFlags::O_NOCTTY | OpenFlags::O_CLOEXEC;
        let fd = self
            .agent
            .open(path, flags, 0o644)
            .map_err(failing("open", path))?;
        let changed = self.change(fd, attributes);
        let file = self.agent.file(fd);
        let closed = self.agent.close(fd);
        let file = file.map_err(failing("open", path))?;
        changed.and(closed).map_err(failing("chmod", path))?;
        if !has_content(file.kind().mode()) || Terminal::of(&file).is_some() {
            return Err(endless(path));
        }
        Ok(file)
    }

    fn change(&self, fd: Fd, attributes: FileAttributes) -> Result<(), Errno> {
        let FileAttributes { mode, uid, gid } = attributes;
        if uid.is_some() || gid.is_some() {
            let (uid, gid) = (uid.unwrap_or(UNCHANGED), gid.unwrap_or(UNCHANGED));
            self.agent.fchown(fd, uid, gid)?;
        }
        // Behind the owner: to change that takes set-user-ID bits away.
        mode.map_or(Ok(()), |mode| self.agent.fchmod(fd, mode))
    }

    fn set_attributes(&self, path: &[u8], attributes: FileAttributes) -> Result<(), Failure> {
        let FileAttributes { mode, uid, gid } = attributes;
        if uid.is_some() || gid.is_some() {
            let (uid, gid) = (uid.unwrap_or(UNCHANGED), gid.unwrap_or(UNCHANGED));
            let changed = self.agent.chown(path, uid, gid);
            changed.map_err(failing("chown", path))?;
        }
        let changed = mode.map_or(Ok(()), |mode| self.agent.chmod(path, mode));
        changed.map_err(failing("chmod", path))
    }

    fn set_time(&self, path: &[u8], mtime_ns: i64) -> Result<(), Failure> {
        let mtime = SetTime::At(timespec(mtime_ns));
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
        let set = self
            .agent
            .utimensat(AT_FDCWD, path, SetTime::Omit, mtime, flags);
        set.map_err(failing("utime", path))
    }

    fn read(&mut self, path: Vec<u8>) -> Outcome {
        let file = self.open(&path, OpenFlags::O_RDONLY, FileAttributes::default())?;
        self.read_piece(FileReading {
            file,
            path,
            offset: 0,
        })
    }

    fn read_more(&mut self, handle: u32) -> Outcome {
        match self.reading.remove(&handle) {
            Some(Reading::File(reading)) => self.read_piece(reading),
            Some(Reading::Directory(rest)) => self.entries(rest),
            None => Err(failure(Errno::EBADF, "read", b"")),
        }
    }

    fn read_piece(&mut self, mut reading: FileReading) -> Outcome {
        let mut data = vec![0; MAX_CHUNK];
        let mut filled = 0;
        while let Some(room) = data.get_mut(filled..).filter(|room| !room.is_empty()) {
            let count = match reading.file.pread(room, reading.offset) {
                // What has no positions is read as it comes.
                Err(Errno::ESPIPE) => reading.file.read(room),
                result => result,
            };
            let count = count.map_err(failing("read", &reading.path))?;
            if count == 0 {
                data.truncate(filled);
                return Ok(FileReply::Data { data, more: None });
            }
            filled += count;
            reading.offset += count as u64;
        }
        self.check_length(&reading)?;
        let more = self.keep_reading(Reading::File(reading))?;
        Ok(FileReply::Data {
            data,
            more: Some(more),
        })
    }

    /// A file that grows while it is read, and a device, must not be read for ever.
    fn check_length(&self, reading: &FileReading) -> Result<(), Failure> {
        let path = &reading.path;
        if reading.file.kind() == FileKind::CharDevice {
            // One that ends has less than a piece: /dev/null.
            return Err(endless(path));
        }
        let kernel = self.agent.kernel().map_err(failing("read", path))?;
        let bound = kernel.limits().max_file_bytes;
        if reading.offset <= bound {
            return Ok(());
        }
        Err(Failure {
            limit: Some(breaches::resource("maxFileBytes", bound, reading.offset).into()),
            ..failure(Errno::EFBIG, "read", path)
        })
    }

    fn keep_reading(&mut self, reading: Reading) -> Result<u32, Failure> {
        if self.reading.len() >= MAX_OPEN {
            return Err(failure(Errno::EMFILE, "read", b""));
        }
        self.next = self.next.wrapping_add(1);
        self.reading.insert(self.next, reading);
        Ok(self.next)
    }

    fn create(
        &self,
        path: &[u8],
        parents: bool,
        attributes: FileAttributes,
    ) -> Result<Arc<FileDescription>, Failure> {
        if parents && let Some(parent) = parent(path) {
            self.make_directories(parent)
                .map_err(not_a_directory)
                .map_err(failing("open", path))?;
        }
        let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
        self.open(path, flags, attributes)
    }

    fn keep_writing(&mut self, handle: Option<u32>, writing: Writing) -> Outcome {
        if let Some(handle) = handle {
            if self.writing.len() >= MAX_OPEN {
                return Err(failure(Errno::EMFILE, "open", &writing.path));
            }
            self.writing.insert(handle, writing);
        }
        Ok(FileReply::Done)
    }

    fn write_more(&mut self, handle: u32, data: &[u8], last: bool) -> Outcome {
        let writing = self
            .writing
            .remove(&handle)
            .ok_or_else(|| failure(Errno::EBADF, "write", b""))?;
        write_all(&writing.file, data).map_err(failing("write", &writing.path))?;
        if !last {
            self.writing.insert(handle, writing);
        }
        Ok(FileReply::Done)
    }

    fn read_directory(&mut self, path: &[u8]) -> Outcome {
        let entries = self
            .agent
            .read_dir(path)
            .map_err(failing("scandir", path))?;
        let entries = entries
            .into_iter()
            .filter(|entry| entry.name != b"." && entry.name != b"..");
        let entries = entries.map(|entry| DirectoryEntry {
            name: entry.name,
            kind: entry.kind.mode(),
        });
        let mut entries: Vec<DirectoryEntry> = entries.collect();
        self.check_names(path, entries.len())?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        self.entries(entries.into_iter())
    }

    /// Files of the host's are in directories of any size. The host takes as many names as a machine may have files.
    fn check_names(&self, path: &[u8], count: usize) -> Result<(), Failure> {
        let kernel = self.agent.kernel().map_err(failing("scandir", path))?;
        let max_inodes = kernel.limits().max_inodes;
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if count <= most_names(max_inodes) {
            return Ok(());
        }
        let breach = LimitBreach {
            limit: "maxInodeCount",
            bound: max_inodes,
            used: count,
        };
        kernel.note_limit_breach(None, breach);
        Err(failure(Errno::EOVERFLOW, "scandir", path))
    }

    fn entries(&mut self, mut rest: std::vec::IntoIter<DirectoryEntry>) -> Outcome {
        let entries: Vec<DirectoryEntry> = rest.by_ref().take(MAX_ENTRIES).collect();
        let more = if rest.len() > 0 {
            Some(self.keep_reading(Reading::Directory(rest))?)
        } else {
            None
        };
        Ok(FileReply::Entries { entries, more })
    }

    /// Makes a directory and those on the way to it, as `mkdir -p` does. Those that are there and closed to the
    /// guests are opened to them: what the host puts below is meant for them.
    fn make_directories(&self, path: &[u8]) -> Result<(), Errno> {
        let ends = path
            .iter()
            .enumerate()
            .filter(|(index, byte)| **byte == b'/' && *index > 0);
        let ends = ends.map(|(index, _)| index).chain([path.len()]);
        for end in ends {
            let prefix = path.get(..end).unwrap_or(path);
            match self.agent.mkdir(prefix, 0o755) {
                Ok(()) => continue,
                Err(Errno::EEXIST | Errno::EISDIR) => {}
                Err(errno) => return Err(errno),
            }
            let stat = self.agent.stat(prefix)?;
            if stat.mode & S_IFMT != S_IFDIR {
                let whole = end == path.len();
                return Err(if whole { Errno::EEXIST } else { Errno::ENOTDIR });
            }
            if stat.uid != self.agent.uid() && stat.mode & PASSABLE != PASSABLE {
                self.agent.chmod(prefix, stat.mode | PASSABLE)?;
            }
        }
        Ok(())
    }

    /// Makes the directory that programs start in, if it is missing.
    ///
    /// # Errors
    /// - `ENOTDIR`: something else has its name.
    pub(crate) fn make_working_directory(&self, path: &[u8]) -> Result<(), Failure> {
        self.make_directories(path)
            .map_err(not_a_directory)
            .map_err(failing("chdir", path))?;
        if path == ROOT_HOME {
            // The home of root, whom no guest is, belongs to those who are started there, unless it is not the machine's own.
            let (uid, gid) = (self.agent.uid(), self.agent.gid());
            let _ = self.agent.chown(path, uid, gid);
        }
        Ok(())
    }

    fn remove(&self, path: &[u8], recursive: bool) -> Outcome {
        let stat = self.agent.lstat(path).map_err(failing("unlink", path))?;
        if stat.mode & S_IFMT != S_IFDIR {
            self.agent.unlink(path).map_err(failing("unlink", path))?;
        } else if recursive {
            self.agent
                .remove_tree(path)
                .map_err(failing("rmdir", path))?;
        } else {
            self.agent.rmdir(path).map_err(failing("rmdir", path))?;
        }
        Ok(FileReply::Done)
    }
}

/// `mkdir -p` of something that is there and no directory, seen by whoever wants to use it as one.
fn not_a_directory(errno: Errno) -> Errno {
    if errno == Errno::EEXIST {
        Errno::ENOTDIR
    } else {
        errno
    }
}

/// Whether a file of this type can be read to an end, or be written as a whole.
fn has_content(mode: u32) -> bool {
    !matches!(mode & S_IFMT, S_IFIFO | S_IFSOCK)
}

/// A FIFO, a socket, a terminal, a device that gives bytes for ever.
fn endless(path: &[u8]) -> Failure {
    let mut failed = failure(Errno::EINVAL, "open", path);
    failed
        .message
        .push_str(": a FIFO, a socket, a terminal or a device has no content that ends");
    failed
}

fn write_all(file: &FileDescription, mut data: &[u8]) -> Result<(), Errno> {
    while !data.is_empty() {
        let count = file.write(data)?;
        if count == 0 {
            return Err(Errno::EIO);
        }
        data = data.get(count..).unwrap_or_default();
    }
    Ok(())
}

fn parent(path: &[u8]) -> Option<&[u8]> {
    let end = path.iter().rposition(|byte| *byte == b'/')?;
    path.get(..end).filter(|parent| !parent.is_empty())
}

fn failing<'a>(syscall: &'static str, path: &'a [u8]) -> impl FnOnce(Errno) -> Failure + 'a {
    move |errno| failure(errno, syscall, path)
}

fn timespec(ns: i64) -> Timespec {
    let nanoseconds = ns.rem_euclid(1_000_000_000);
    Timespec {
        sec: ns.div_euclid(1_000_000_000),
        nsec: u32::try_from(nanoseconds).unwrap_or_default(),
    }
}

fn file_stat(stat: &Stat) -> FileStat {
    let nanos = |time: Timespec| {
        time.sec
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::from(time.nsec))
    };
    FileStat {
        dev: stat.dev,
        ino: stat.ino,
        mode: stat.mode,
        nlink: stat.nlink,
        uid: stat.uid,
        gid: stat.gid,
        size: stat.size,
        blocks: stat.blocks,
        atime_ns: nanos(stat.atime),
        mtime_ns: nanos(stat.mtime),
        ctime_ns: nanos(stat.ctime),
        birthtime_ns: nanos(stat.btime),
    }
}
