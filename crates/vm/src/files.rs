//! The host's file methods, done as the guest's user.

use std::collections::HashMap;
use std::sync::Arc;

use secure_exec_kernel::abi::fcntl::OpenFlags;
use secure_exec_kernel::abi::stat::{S_IFDIR, S_IFMT};
use secure_exec_kernel::{Errno, FileDescription, Process, Stat, Timespec};
use secure_exec_protocol::{DirectoryEntry, Failure, FileReply, FileRequest, FileStat, MAX_CHUNK};

/// Files that the host reads or writes in pieces.
pub(crate) struct Files {
    agent: Arc<Process>,
    reading: HashMap<u32, Reading>,
    writing: HashMap<u32, Arc<FileDescription>>,
    next: u32,
}

struct Reading {
    file: Arc<FileDescription>,
    offset: u64,
}

/// Files that the host has opened and not finished: a host that forgets them must not grow a table for ever.
const MAX_OPEN: usize = 1024;

/// Deepest tree that `remove` walks: paths cannot be longer.
const MAX_DEPTH: usize = 2048;

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
        match request {
            FileRequest::Read { path } => self.read(&path),
            FileRequest::ReadMore { handle } => self.read_more(handle),
            FileRequest::Write {
                path,
                data,
                handle,
                parents,
            } => self.write(&path, &data, handle, parents),
            FileRequest::WriteMore { handle, data, last } => self.write_more(handle, &data, last),
            FileRequest::ReadDirectory { path } => self.read_directory(&path),
            FileRequest::MakeDirectory { path, recursive } => {
                if recursive {
                    self.make_directories(&path)
                } else {
                    self.make_directory(&path)
                }
            }
            FileRequest::Stat { path } => {
                let stat = self.agent.stat(&path).map_err(failing("stat", &path))?;
                Ok(FileReply::Stat(file_stat(&stat)))
            }
            FileRequest::Exists { path } => Ok(FileReply::Exists(self.agent.stat(&path).is_ok())),
            FileRequest::Remove { path, recursive } => self.remove(&path, recursive),
            FileRequest::Rename { from, to } => {
                self.agent
                    .rename(&from, &to)
                    .map_err(failing("rename", &from))?;
                Ok(FileReply::Done)
            }
        }
    }

    fn open(&self, path: &[u8], flags: OpenFlags) -> Result<Arc<FileDescription>, Errno> {
        let fd = self.agent.open(path, flags | OpenFlags::O_CLOEXEC, 0o644)?;
        let file = self.agent.file(fd);
        self.agent.close(fd)?;
        file
    }

    fn read(&mut self, path: &[u8]) -> Outcome {
        // Without O_NONBLOCK a FIFO would keep the server waiting.
        let flags = OpenFlags::O_RDONLY | OpenFlags::O_NONBLOCK;
        let file = self.open(path, flags).map_err(failing("open", path))?;
        self.read_piece(Reading { file, offset: 0 })
            .map_err(failing("read", path))
    }

    fn read_more(&mut self, handle: u32) -> Outcome {
        let reading = self
            .reading
            .remove(&handle)
            .ok_or_else(|| failure(Errno::EBADF, "read", b""))?;
        self.read_piece(reading).map_err(failing("read", b""))
    }

    fn read_piece(&mut self, mut reading: Reading) -> Result<FileReply, Errno> {
        let mut data = vec![0; MAX_CHUNK];
        let mut filled = 0;
        while let Some(room) = data.get_mut(filled..).filter(|room| !room.is_empty()) {
            let count = match reading.file.pread(room, reading.offset) {
                // What has no positions is read as it comes.
                Err(Errno::ESPIPE) => reading.file.read(room)?,
                result => result?,
            };
            if count == 0 {
                data.truncate(filled);
                return Ok(FileReply::Data { data, more: None });
            }
            filled += count;
            reading.offset += count as u64;
        }
        if self.reading.len() >= MAX_OPEN {
            return Err(Errno::EMFILE);
        }
        self.next = self.next.wrapping_add(1);
        self.reading.insert(self.next, reading);
        Ok(FileReply::Data {
            data,
            more: Some(self.next),
        })
    }

    fn write(&mut self, path: &[u8], data: &[u8], handle: Option<u32>, parents: bool) -> Outcome {
        if parents && let Some(parent) = parent(path) {
            self.make_directories(parent)?;
        }
        let flags =
            OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC | OpenFlags::O_NONBLOCK;
        let file = self.open(path, flags).map_err(failing("open", path))?;
        write_all(&file, data).map_err(failing("write", path))?;
        if let Some(handle) = handle {
            if self.writing.len() >= MAX_OPEN {
                return Err(failure(Errno::EMFILE, "open", path));
            }
            self.writing.insert(handle, file);
        }
        Ok(FileReply::Done)
    }

    fn write_more(&mut self, handle: u32, data: &[u8], last: bool) -> Outcome {
        let file = self
            .writing
            .remove(&handle)
            .ok_or_else(|| failure(Errno::EBADF, "write", b""))?;
        write_all(&file, data).map_err(failing("write", b""))?;
        if !last {
            self.writing.insert(handle, file);
        }
        Ok(FileReply::Done)
    }

    fn read_directory(&self, path: &[u8]) -> Outcome {
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
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(FileReply::Entries(entries))
    }

    fn make_directory(&self, path: &[u8]) -> Outcome {
        self.agent
            .mkdir(path, 0o755)
            .map_err(failing("mkdir", path))?;
        Ok(FileReply::Done)
    }

    fn make_directories(&self, path: &[u8]) -> Outcome {
        let ends = path
            .iter()
            .enumerate()
            .filter(|(index, byte)| **byte == b'/' && *index > 0);
        let ends = ends.map(|(index, _)| index).chain([path.len()]);
        for end in ends {
            let prefix = path.get(..end).unwrap_or(path);
            match self.agent.mkdir(prefix, 0o755) {
                Ok(()) => {}
                Err(Errno::EEXIST | Errno::EISDIR) => {
                    let stat = self.agent.stat(prefix).map_err(failing("mkdir", prefix))?;
                    if stat.mode & S_IFMT != S_IFDIR {
                        let errno = if end == path.len() {
                            Errno::EEXIST
                        } else {
                            Errno::ENOTDIR
                        };
                        return Err(failure(errno, "mkdir", path));
                    }
                }
                Err(errno) => return Err(failure(errno, "mkdir", path)),
            }
        }
        Ok(FileReply::Done)
    }

    fn remove(&self, path: &[u8], recursive: bool) -> Outcome {
        let stat = self.agent.lstat(path).map_err(failing("unlink", path))?;
        if stat.mode & S_IFMT != S_IFDIR {
            self.agent.unlink(path).map_err(failing("unlink", path))?;
        } else if recursive {
            self.remove_tree(path, 0)?;
        } else {
            self.agent.rmdir(path).map_err(failing("rmdir", path))?;
        }
        Ok(FileReply::Done)
    }

    fn remove_tree(&self, path: &[u8], depth: usize) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            return Err(failure(Errno::ENAMETOOLONG, "rmdir", path));
        }
        for entry in self
            .agent
            .read_dir(path)
            .map_err(failing("scandir", path))?
        {
            if entry.name == b"." || entry.name == b".." {
                continue;
            }
            let child = [path, b"/", &entry.name].concat();
            if entry.kind.mode() == S_IFDIR {
                self.remove_tree(&child, depth + 1)?;
            } else {
                self.agent
                    .unlink(&child)
                    .map_err(failing("unlink", &child))?;
            }
        }
        self.agent.rmdir(path).map_err(failing("rmdir", path))
    }
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

/// An error as Node words it: `ENOENT: no such file or directory, open '/a'`.
pub(crate) fn failure(errno: Errno, syscall: &str, path: &[u8]) -> Failure {
    let mut message = format!("{}: {}, {syscall}", errno.name(), errno.message());
    if !path.is_empty() {
        message.push_str(&format!(" '{}'", String::from_utf8_lossy(path)));
    }
    Failure {
        code: errno.name().into(),
        errno: -errno.raw(),
        message,
        syscall: syscall.into(),
        path: path.to_vec(),
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
