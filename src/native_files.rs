//! Files that the host has in common with machines that mount them: in memory, or a directory of its own.

use std::path::Path;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use napi::bindgen_prelude::Uint8Array;
use napi::{Error, Result, Status};
use napi_derive::napi;
use secure_exec_broker::files::{Backend, HostDirectory, HostDirectoryOptions, Server};
use secure_exec_kernel::abi::stat::{S_IFDIR, S_IFMT};
use secure_exec_kernel::fs::hostfs::HostFs;
use secure_exec_kernel::{
    Clock, Errno, FileDescription, FileKind, FileTree, Limits, Links, OpenFlags, RenameFlags,
    SetAttributes, Timespec,
};

use crate::config::{call_number, nanos, whole};
use crate::event::Stat;
use crate::memory_backend::MemoryBackend;
use crate::served::Number;
use crate::served_files::ServedFiles;

/// Bytes that are read or written in one go.
const PIECE: usize = 1 << 20;
/// Permissions of what is made without others.
const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;
/// Directories that a new one has.
const DIRECTORIES: [&[u8]; 3] = [b"/home/user", b"/root", b"/workspace"];

/// The clocks of the host.
struct HostClock {
    started: Instant,
}

impl Clock for HostClock {
    fn realtime(&self) -> Timespec {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        timespec(now.unwrap_or_default())
    }

    fn monotonic(&self) -> Timespec {
        timespec(self.started.elapsed())
    }

    /// Nothing of files waits.
    fn wake_at(&self, _deadline: Timespec, _waker: Waker) {}
}

fn timespec(time: Duration) -> Timespec {
    let sec = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timespec::new(sec, time.subsec_nanos())
}

/// Bounds of a [`NativeFiles`].
#[napi(object, object_to_js = false)]
pub struct NativeFilesOptions {
    pub max_bytes: f64,
    pub max_inodes: f64,
    pub max_file_bytes: f64,
}

/// A name in a directory, and the mode of what it names.
#[napi(object, object_from_js = false)]
pub struct NativeFilesEntry {
    pub name: String,
    pub mode: u32,
}

/// A bound that was passed.
#[napi(object, object_from_js = false)]
pub struct NativeFilesBreach {
    pub limit: String,
    pub bound: f64,
    pub used: f64,
}

/// Files in memory, or of a directory. Paths are absolute. What fails throws an error whose message has the number, the name and
/// the text of the errno, with a space between.
#[napi]
pub struct NativeFiles {
    tree: Arc<FileTree>,
    /// Serves machines.
    _server: Server,
    number: Number,
}

#[napi]
impl NativeFiles {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: NativeFilesOptions) -> Result<NativeFiles> {
        let limits = Limits {
            max_filesystem_bytes: whole(Some(options.max_bytes), 0),
            max_inodes: whole(Some(options.max_inodes), 0),
            max_file_bytes: whole(Some(options.max_file_bytes), 0),
            ..Limits::default()
        };
        let clock = Arc::new(HostClock {
            started: Instant::now(),
        });
        let tree = FileTree::new(&limits, clock).map_err(failed)?;
        for path in DIRECTORIES {
            tree.mkdir_all(path, DIRECTORY_MODE).map_err(failed)?;
        }
        let tree = Arc::new(tree);
        Ok(NativeFiles::with(
            tree.clone(),
            Arc::new(MemoryBackend(tree)),
            false,
        ))
    }

    /// Those of a directory of the host's. Nothing outside of it is reached.
    #[napi(factory, catch_unwind)]
    pub fn directory(root: String, writable: bool) -> Result<NativeFiles> {
        let options = HostDirectoryOptions {
            guest_path: "/".into(),
            writable,
            quota: u64::MAX,
            follow: Vec::new(),
        };
        let opened = HostDirectory::open(Path::new(&root), options);
        let directory = opened.map_err(|error| match error.raw_os_error() {
            Some(number) => failed(Errno::from_raw(number)),
            None => Error::new(Status::InvalidArg, error.to_string()),
        })?;
        let backend: Arc<dyn Backend> = Arc::new(directory);
        let fs = HostFs::new(
            Arc::new(ServedFiles::new(backend.clone(), !writable)),
            false,
        );
        let clock = Arc::new(HostClock {
            started: Instant::now(),
        });
        Ok(NativeFiles::with(
            Arc::new(FileTree::over(fs, clock)),
            backend,
            !writable,
        ))
    }

    /// By which the mounts of machines name it.
    #[napi(getter, catch_unwind)]
    pub fn number(&self) -> f64 {
        call_number(self.number.0)
    }

    /// Up to `length` bytes from an offset on; all there are without one.
    #[napi(catch_unwind)]
    pub fn read(&self, path: String, offset: f64, length: Option<f64>) -> Result<Uint8Array> {
        let file = self.open(&path, OpenFlags::O_RDONLY)?;
        let start = whole(Some(offset), 0);
        let size = file.stat().map_err(failed)?.size;
        let length = size
            .saturating_sub(start)
            .min(length.map_or(u64::MAX, |length| whole(Some(length), 0)));
        let length = usize::try_from(length).map_err(|_| failed(Errno::EFBIG))?;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length)
            .map_err(|_| failed(Errno::ENOMEM))?;
        bytes.resize(length, 0);
        let mut done = 0;
        while done < length {
            let end = length.min(done + PIECE);
            let count = file
                .pread(&mut bytes[done..end], start + done as u64)
                .map_err(failed)?;
            if count == 0 {
                break;
            }
            done += count;
        }
        bytes.truncate(done);
        Ok(bytes.into())
    }

    /// Replaces the content of a file, or makes one.
    #[napi(catch_unwind)]
    pub fn write(&self, path: String, data: Uint8Array) -> Result<()> {
        let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
        self.write_with(&path, flags, 0.0, &data)
    }

    /// Writes all of it at an offset of a file that is there.
    #[napi(catch_unwind)]
    pub fn write_at(&self, path: String, offset: f64, data: Uint8Array) -> Result<()> {
        self.write_with(&path, OpenFlags::O_WRONLY, offset, &data)
    }

    #[napi(catch_unwind)]
    pub fn truncate(&self, path: String, size: f64) -> Result<()> {
        let file = self.open(&path, OpenFlags::O_WRONLY)?;
        self.tree
            .set_size(&file, whole(Some(size), 0))
            .map_err(failed)
    }

    #[napi(catch_unwind)]
    pub fn mkdir(&self, path: String, recursive: bool) -> Result<()> {
        let made = if recursive {
            self.tree.mkdir_all(path.as_bytes(), DIRECTORY_MODE)
        } else {
            self.tree.mkdir(path.as_bytes(), DIRECTORY_MODE)
        };
        made.map_err(failed)
    }

    #[napi(catch_unwind)]
    pub fn entries(&self, path: String) -> Result<Vec<NativeFilesEntry>> {
        let mut entries = self.tree.read_dir(path.as_bytes()).map_err(failed)?;
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        let entries = entries.into_iter().map(|entry| NativeFilesEntry {
            name: text(entry.name),
            mode: entry.kind.mode(),
        });
        Ok(entries.collect())
    }

    #[napi(catch_unwind)]
    pub fn stat(&self, path: String, follow: bool) -> Result<Stat> {
        let stat = self
            .tree
            .stat(path.as_bytes(), links(follow))
            .map_err(failed)?;
        Ok(Stat {
            dev: number(stat.dev),
            ino: number(stat.ino),
            mode: stat.mode,
            nlink: number(stat.nlink),
            uid: stat.uid,
            gid: stat.gid,
            size: number(stat.size),
            blocks: number(stat.blocks),
            atime_ns: nanos(nanoseconds(stat.atime)),
            mtime_ns: nanos(nanoseconds(stat.mtime)),
            ctime_ns: nanos(nanoseconds(stat.ctime)),
            birthtime_ns: nanos(nanoseconds(stat.btime)),
        })
    }

    #[napi(catch_unwind)]
    pub fn unlink(&self, path: String) -> Result<()> {
        self.tree.unlink(path.as_bytes()).map_err(failed)
    }

    #[napi(catch_unwind)]
    pub fn rmdir(&self, path: String, recursive: bool) -> Result<()> {
        let path = path.as_bytes();
        if !recursive {
            return self.tree.rmdir(path).map_err(failed);
        }
        let stat = self.tree.stat(path, Links::Keep).map_err(failed)?;
        if stat.mode & S_IFMT != S_IFDIR {
            return Err(failed(Errno::ENOTDIR));
        }
        self.tree.remove_tree(path).map_err(failed)
    }

    #[napi(catch_unwind)]
    pub fn rename(&self, from: String, to: String) -> Result<()> {
        self.tree
            .rename(from.as_bytes(), to.as_bytes(), RenameFlags::empty())
            .map_err(failed)
    }

    #[napi(catch_unwind)]
    pub fn realpath(&self, path: String) -> Result<String> {
        self.tree
            .realpath(path.as_bytes())
            .map(text)
            .map_err(failed)
    }

    #[napi(catch_unwind)]
    pub fn symlink(&self, target: String, path: String) -> Result<()> {
        self.tree
            .symlink(target.as_bytes(), path.as_bytes())
            .map_err(failed)
    }

    #[napi(catch_unwind)]
    pub fn readlink(&self, path: String) -> Result<String> {
        self.tree
            .read_link(path.as_bytes())
            .map(text)
            .map_err(failed)
    }

    #[napi(catch_unwind)]
    pub fn link(&self, from: String, to: String) -> Result<()> {
        self.tree
            .link(from.as_bytes(), to.as_bytes())
            .map_err(failed)
    }

    #[napi(catch_unwind)]
    pub fn chmod(&self, path: String, mode: u32) -> Result<()> {
        let change = SetAttributes {
            mode: Some(mode),
            ..SetAttributes::default()
        };
        self.set_attributes(&path, change)
    }

    #[napi(catch_unwind)]
    pub fn chown(&self, path: String, uid: u32, gid: u32) -> Result<()> {
        let change = SetAttributes {
            uid: Some(uid),
            gid: Some(gid),
            ..SetAttributes::default()
        };
        self.set_attributes(&path, change)
    }

    /// Times are milliseconds.
    #[napi(catch_unwind)]
    pub fn utimes(&self, path: String, atime: f64, mtime: f64) -> Result<()> {
        let change = SetAttributes {
            atime: Some(from_milliseconds(atime)),
            mtime: Some(from_milliseconds(mtime)),
            ..SetAttributes::default()
        };
        self.set_attributes(&path, change)
    }

    /// A bound that was passed since the last time, after `ENOSPC` and `EFBIG`.
    #[napi(catch_unwind)]
    pub fn breach(&self) -> Option<NativeFilesBreach> {
        let breach = self.tree.take_limit_breaches().pop()?;
        Some(NativeFilesBreach {
            limit: breach.limit.into(),
            bound: number(breach.bound),
            used: number(breach.used),
        })
    }

    fn with(tree: Arc<FileTree>, backend: Arc<dyn Backend>, read_only: bool) -> NativeFiles {
        let server = Server::Backend(backend);
        NativeFiles {
            tree,
            number: Number::new(&server, read_only),
            _server: server,
        }
    }

    fn open(&self, path: &str, flags: OpenFlags) -> Result<Arc<FileDescription>> {
        // What waits for another end, or has no content, is no file here.
        let file = self
            .tree
            .open(path.as_bytes(), flags | OpenFlags::O_NONBLOCK, FILE_MODE)
            .map_err(failed)?;
        match file.kind() {
            FileKind::Regular => Ok(file),
            FileKind::Directory => Err(failed(Errno::EISDIR)),
            _ => Err(failed(Errno::EINVAL)),
        }
    }

    fn write_with(&self, path: &str, flags: OpenFlags, offset: f64, data: &[u8]) -> Result<()> {
        let file = self.open(path, flags)?;
        let start = whole(Some(offset), 0);
        let mut done = 0;
        while done < data.len() {
            let end = data.len().min(done + PIECE);
            let count = file.pwrite(&data[done..end], start + done as u64);
            done += count.map_err(failed)?;
        }
        Ok(())
    }

    fn set_attributes(&self, path: &str, change: SetAttributes) -> Result<()> {
        self.tree
            .set_attributes(path.as_bytes(), &change, Links::Follow)
            .map_err(failed)
    }
}

fn links(follow: bool) -> Links {
    if follow { Links::Follow } else { Links::Keep }
}

fn failed(errno: Errno) -> Error {
    let reason = format!("{} {} {}", -errno.raw(), errno.name(), errno.message());
    Error::new(Status::GenericFailure, reason)
}

/// A guest may have made a name that is no text.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn nanoseconds(time: Timespec) -> i64 {
    time.sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.nsec.into())
}

/// `lib/` has checked that it is a time that a `Date` can have.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range was checked"
)]
fn from_milliseconds(time: f64) -> Timespec {
    let sec = (time / 1000.0).floor();
    let nsec = ((time - sec * 1000.0) * 1e6).clamp(0.0, 999_999_999.0);
    Timespec::new(sec as i64, nsec as u32)
}

/// Numbers are far below 2^53, or what they say of a hostile one does not matter.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
fn number(value: u64) -> f64 {
    value as f64
}
