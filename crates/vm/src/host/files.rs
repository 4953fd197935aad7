//! The host's files: what the kernel's host file systems ask for goes over the files channel.
//!
//! Several guests may wait at a time: one of them receives what comes for all, so that one who waits long holds up nobody
//! else. What a guest may read without asking is a descriptor of this process.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex, MutexGuard};
use secure_exec_kernel::fs::hostfs::{
    HostAccess, HostAttributes, HostChange, HostEntry, HostFile, HostFiles, HostLink, HostListing,
};
use secure_exec_kernel::limits::calling_process;
use secure_exec_kernel::{Errno, Kernel, LimitBreach, Pid, RenameFlags, StatFs, Timespec};
use secure_exec_node::refused_link;
use secure_exec_protocol::files::{
    self, ChangedAttributes, FileAccess, FileOperation, FileResult, FilesAnswer, FilesRequest,
    HostTime, MAX_FILE_PIECE, MAX_FILES_MESSAGE, from_message, is_too_long, to_message,
};
use secure_exec_protocol::{FilesSocket, Mount, VmId, VmLimits, ladder};

type Result<T> = std::result::Result<T, Errno>;

const MAX_MOUNT_BYTES: &str = "limits.resources.maxMountBytes";
/// A fixed one: how long a guest waits for the host's files.
const HOST_FILE_TIMEOUT: &str = "limits.resources.hostFileTimeoutMs";

/// Longest name that guests are told of (`statfs(2)`).
const NAME_MAX: u64 = 255;

/// `linux/magic.h`: FUSE_SUPER_MAGIC, files that somebody else serves.
const MAGIC: u64 = 0x6573_5546;

/// Age from which on a further change of a file gives it other times, whatever file system it is on.
const SETTLED_SECONDS: i64 = 3;

thread_local! {
    static PATIENCE: Cell<Duration> = const { Cell::new(ladder::FILES) };
}

/// This thread serves the host, and must not wait for it as long as guests may.
pub(crate) fn be_impatient() {
    PATIENCE.set(ladder::FILES_OF_SERVER);
}

/// Whom the host's own methods are for.
const HOST: Pid = Pid::from_raw(0);
/// Pieces of a file that are asked for at a time.
const PIECES_AHEAD: usize = 4;
/// How often who waits looks at whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);

/// This process's end of the files channel. Several threads may wait at a time: one of them receives for all.
pub(crate) struct FilesChannel {
    socket: FilesSocket,
    line: Mutex<Line>,
    /// An answer has come for somebody else, or nobody receives any more.
    changed: Condvar,
    /// Counts what may have changed files without this process having done it.
    generation: AtomicU64,
    zero: Instant,
}

type Answer = (FileResult, Option<OwnedFd>);

#[derive(Default)]
struct Line {
    last: u64,
    /// Who waits, and what has come for them.
    waiting: HashMap<u64, Option<Answer>>,
    /// What messages are received into; none while somebody does so.
    buffer: Option<Vec<u8>>,
    /// Nothing is heard on it any more.
    is_dead: bool,
}

/// A request that was made. Dropped, nobody waits for its answer any more.
struct Asked<'a> {
    channel: &'a FilesChannel,
    id: u64,
    deadline: Instant,
    /// By how much it makes the files larger.
    growth: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.channel.line.lock().waiting.remove(&self.id);
    }
}

/// Whether a request is still wanted.
type Wanted<'a> = &'a dyn Fn() -> bool;

impl FilesChannel {
    pub(crate) fn new(fd: OwnedFd) -> Arc<FilesChannel> {
        let line = Line {
            buffer: Some(Vec::new()),
            ..Line::default()
        };
        Arc::new(FilesChannel {
            socket: FilesSocket::new(fd),
            line: Mutex::new(line),
            changed: Condvar::new(),
            generation: AtomicU64::new(0),
            zero: Instant::now(),
        })
    }

    /// The host may have changed files: a program starts, or a function of the host's has run.
    pub(crate) fn renew(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Asks. What comes of it waits for [`FilesChannel::finish`].
    fn begin(&self, (vm, mount): (VmId, u32), operation: FileOperation) -> Result<Asked<'_>> {
        let deadline = Instant::now() + PATIENCE.get();
        let mut line = self.line.try_lock_until(deadline).ok_or(Errno::EIO)?;
        if line.is_dead {
            return Err(Errno::EIO);
        }
        line.last += 1;
        let id = line.last;
        let growth = operation.growth();
        let request = FilesRequest {
            id,
            vm,
            mount,
            operation,
        };
        let request = to_message(&request).map_err(|_| Errno::EINVAL)?;
        // In the order of their numbers.
        if self.socket.send(&request).is_err() {
            line.is_dead = true;
            return Err(Errno::EIO);
        }
        line.waiting.insert(id, None);
        Ok(Asked {
            channel: self,
            id,
            deadline,
            growth,
        })
    }

    /// Waits for the answer.
    fn finish(&self, asked: &Asked<'_>, wanted: Wanted<'_>) -> Result<Answer> {
        let mut line = self.line.lock();
        let (result, descriptor) = self.wait(&mut line, asked.id, asked.deadline, wanted)?;
        drop(line);
        if let FileResult::Failed { errno } = result {
            return Err(Errno::from_raw(errno));
        }
        if matches!(
            result,
            FileResult::Opened {
                descriptor: true,
                ..
            }
        ) && descriptor.is_none()
        {
            // There was no room for it in this process.
            return Err(Errno::ENFILE);
        }
        Ok((result, descriptor))
    }

    /// Waits for the answer of this number, receiving for others where nobody else does.
    fn wait(
        &self,
        line: &mut MutexGuard<'_, Line>,
        id: u64,
        deadline: Instant,
        wanted: Wanted<'_>,
    ) -> Result<Answer> {
        loop {
            if let Some(answer) = line.waiting.get_mut(&id).and_then(Option::take) {
                return Ok(answer);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if line.is_dead || left.is_zero() {
                return Err(Errno::EIO);
            }
            if !wanted() {
                return Err(Errno::EINTR);
            }
            match line.buffer.take() {
                Some(buffer) => self.receive(line, buffer, left.min(LOOK)),
                None => drop(self.changed.wait_for(line, left.min(LOOK))),
            }
        }
    }

    /// Receives one message for whoever waits for it. Others are those that nobody waits for any more.
    fn receive(&self, line: &mut MutexGuard<'_, Line>, mut buffer: Vec<u8>, longest: Duration) {
        if buffer.is_empty() {
            buffer = vec![0; MAX_FILES_MESSAGE];
        }
        let (buffer, received) = MutexGuard::unlocked(line, || {
            let received = self.socket.receive(&mut buffer, Some(longest));
            let answer = received.map(|message| {
                let bytes = buffer.get(..message.length).unwrap_or_default();
                let answer = from_message::<FilesAnswer>(bytes).ok();
                (answer, message.descriptors.into_iter().next())
            });
            (buffer, answer)
        });
        line.buffer = Some(buffer);
        match received {
            Ok((Some(answer), descriptor)) => {
                if let Some(place) = line.waiting.get_mut(&answer.id) {
                    *place = Some((answer.result, descriptor));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {}
            // The host is gone, or says what is none.
            _ => line.is_dead = true,
        }
        self.changed.notify_all();
    }
}

/// A mount of a VM, for the kernel.
#[derive(Clone)]
pub(crate) struct MountFiles {
    channel: Arc<FilesChannel>,
    place: (VmId, u32),
    guest_path: Vec<u8>,
    /// Bytes that may be written through it, if they are counted.
    most: Option<u64>,
    /// Has the processes that ask.
    kernel: Weak<Kernel>,
}

impl MountFiles {
    pub(crate) fn new(
        channel: &Arc<FilesChannel>,
        kernel: &Arc<Kernel>,
        place: (VmId, u32),
        mount: &Mount,
        limits: &VmLimits,
    ) -> MountFiles {
        MountFiles {
            channel: channel.clone(),
            place,
            guest_path: mount.guest_path.clone().into(),
            most: mount.metered.then_some(limits.max_mount_bytes),
            kernel: Arc::downgrade(kernel),
        }
    }

    /// Asks for the process that makes a system call on this thread: once it has been killed, nobody waits any more.
    fn ask_for_all(&self, operation: FileOperation) -> Result<Answer> {
        self.finish(&self.begin(operation)?)
    }

    fn begin(&self, operation: FileOperation) -> Result<Asked<'_>> {
        // Names add up: a guest that goes down one directory at a time gets further than any path.
        if operation.paths().into_iter().flatten().any(is_too_long) {
            return Err(Errno::ENAMETOOLONG);
        }
        if !operation.is_well_formed() {
            return Err(Errno::EINVAL);
        }
        self.channel.begin(self.place, operation)
    }

    fn finish(&self, asked: &Asked<'_>) -> Result<Answer> {
        let pid = calling_process();
        let wanted = || {
            // The host's own methods are no process's.
            pid == HOST
                || self
                    .kernel
                    .upgrade()
                    .and_then(|kernel| kernel.process(pid))
                    .is_some_and(|process| process.is_alive())
        };
        let answer = self.channel.finish(asked, &wanted);
        match &answer {
            Err(Errno::ENOSPC) => self.note_full(asked.growth),
            Err(Errno::EIO) => self.note_late(asked.deadline),
            _ => {}
        }
        answer
    }

    /// Tells of the limit where the host has not answered in time.
    fn note_late(&self, deadline: Instant) {
        let late = Instant::now().checked_duration_since(deadline);
        let (Some(late), Some(kernel)) = (late, self.kernel.upgrade()) else {
            return;
        };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let bound = PATIENCE.get();
        let breach = LimitBreach {
            limit: HOST_FILE_TIMEOUT,
            bound: millis(bound),
            used: millis(bound + late).max(millis(bound) + 1),
        };
        kernel.note_limit_breach(None, breach);
    }

    /// Tells of the limit where it is what was in the way, and not the host's disk.
    fn note_full(&self, growth: u64) {
        let (Some(bound), Some(kernel)) = (self.most, self.kernel.upgrade()) else {
            return;
        };
        // Who cannot be asked now has told the guest that nothing is left, all the same.
        let Ok(FileResult::Space(space)) = self.ask(FileOperation::Statfs) else {
            return;
        };
        let free = space.free.saturating_mul(space.block_size);
        let used = bound.saturating_sub(free).saturating_add(growth);
        if used > bound {
            let limit = MAX_MOUNT_BYTES;
            kernel.note_limit_breach(None, LimitBreach { limit, bound, used });
        }
    }

    fn ask(&self, operation: FileOperation) -> Result<FileResult> {
        Ok(self.ask_for_all(operation)?.0)
    }

    fn change(&self, operation: FileOperation) -> Result<()> {
        match self.ask(operation)? {
            FileResult::Done => Ok(()),
            _ => Err(Errno::EIO),
        }
    }

    fn opened(&self, operation: FileOperation) -> Result<(HostAttributes, Arc<dyn HostFile>)> {
        match self.ask_for_all(operation)? {
            (
                FileResult::Opened {
                    attributes: found,
                    handle,
                    ..
                },
                descriptor,
            ) => {
                let file = OpenFile {
                    mount: self.clone(),
                    handle,
                    descriptor: descriptor.map(File::from),
                };
                Ok((attributes(&found), Arc::new(file)))
            }
            _ => Err(Errno::EIO),
        }
    }
}

impl HostFiles for MountFiles {
    fn stat(&self, path: &[u8]) -> Result<HostAttributes> {
        match self.ask(FileOperation::Stat { path: path.into() })? {
            FileResult::Attributes(found) => Ok(attributes(&found)),
            _ => Err(Errno::EIO),
        }
    }

    fn read_dir(&self, path: &[u8], position: u64) -> Result<HostListing> {
        let path = path.into();
        match self.ask(FileOperation::ReadDirectory { path, position })? {
            FileResult::Entries { entries, last } => {
                let entries = entries.into_iter().map(|entry| HostEntry {
                    name: entry.name,
                    attributes: attributes(&entry.attributes),
                    next: entry.next,
                });
                Ok(HostListing {
                    entries: entries.collect(),
                    last,
                })
            }
            _ => Err(Errno::EIO),
        }
    }

    fn read_link(&self, path: &[u8]) -> Result<HostLink> {
        match self.ask(FileOperation::ReadLink { path: path.into() })? {
            FileResult::Link {
                target,
                outside: false,
            } => Ok(HostLink::Target(target)),
            FileResult::Link { target, .. } => {
                Ok(HostLink::Outside((!target.is_empty()).then_some(target)))
            }
            _ => Err(Errno::EIO),
        }
    }

    fn refused(&self, link: &[u8], target: Option<&[u8]>) {
        let mut path = self.guest_path.clone();
        path.push(b'/');
        path.extend_from_slice(link);
        refused_link::note(&path, target);
    }

    fn open(&self, path: &[u8], access: HostAccess) -> Result<(HostAttributes, Arc<dyn HostFile>)> {
        let access = match access {
            HostAccess::Read => FileAccess::Read,
            HostAccess::Write => FileAccess::Write,
            HostAccess::ReadWrite => FileAccess::ReadWrite,
        };
        let path = path.into();
        self.opened(FileOperation::Open { path, access })
    }

    fn create(&self, path: &[u8], mode: u32) -> Result<(HostAttributes, Arc<dyn HostFile>)> {
        let path = path.into();
        self.opened(FileOperation::Create { path, mode })
    }

    fn make_directory(&self, path: &[u8], mode: u32) -> Result<()> {
        let path = path.into();
        self.change(FileOperation::MakeDirectory { path, mode })
    }

    fn symlink(&self, path: &[u8], target: &[u8]) -> Result<()> {
        let (path, target) = (path.into(), target.into());
        self.change(FileOperation::Symlink { path, target })
    }

    fn link(&self, from: &[u8], to: &[u8]) -> Result<()> {
        let (from, to) = (from.into(), to.into());
        self.change(FileOperation::Link { from, to })
    }

    fn unlink(&self, path: &[u8]) -> Result<()> {
        self.change(FileOperation::Unlink { path: path.into() })
    }

    fn remove_directory(&self, path: &[u8]) -> Result<()> {
        self.change(FileOperation::RemoveDirectory { path: path.into() })
    }

    fn rename(&self, from: &[u8], to: &[u8], flags: RenameFlags) -> Result<()> {
        self.change(FileOperation::Rename {
            from: from.into(),
            to: to.into(),
            flags: flags.bits(),
        })
    }

    fn set_attributes(&self, path: &[u8], change: &HostChange) -> Result<()> {
        self.change(FileOperation::SetAttributes {
            path: path.into(),
            attributes: ChangedAttributes {
                mode: change.mode,
                atime: change.atime.map(host_time),
                mtime: change.mtime.map(host_time),
            },
        })
    }

    fn statfs(&self) -> Result<StatFs> {
        match self.ask(FileOperation::Statfs)? {
            FileResult::Space(space) => Ok(StatFs {
                kind: MAGIC,
                bsize: space.block_size,
                blocks: space.blocks,
                bfree: space.free,
                bavail: space.free,
                files: space.files,
                ffree: space.files_free,
                namelen: NAME_MAX,
            }),
            _ => Err(Errno::EIO),
        }
    }

    fn now(&self) -> Duration {
        self.channel.zero.elapsed()
    }

    fn is_settled(&self, attributes: &HostAttributes) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0));
        let changed = attributes.ctime.sec.max(attributes.mtime.sec);
        now.saturating_sub(changed) > SETTLED_SECONDS
    }

    fn generation(&self) -> u64 {
        self.channel.generation.load(Ordering::Relaxed)
    }
}

/// An open file of the host's.
struct OpenFile {
    mount: MountFiles,
    /// What the host knows it by, if it has to be asked.
    handle: Option<u64>,
    /// What can be read without asking.
    descriptor: Option<File>,
}

impl OpenFile {
    fn handle(&self) -> Result<u64> {
        self.handle.ok_or(Errno::EBADF)
    }

    fn change(&self, operation: FileOperation) -> Result<()> {
        self.mount.ask_for_all(operation).map(drop)
    }
}

impl HostFile for OpenFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        if let Some(file) = &self.descriptor {
            let read = file.read_at(buf, offset);
            return read.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw));
        }
        let handle = self.handle()?;
        let mut asked = VecDeque::new();
        let (mut next, mut filled) = (0, 0);
        loop {
            // The host looks for the next pieces while this one is taken.
            while asked.len() < PIECES_AHEAD && next < buf.len() {
                let room = (buf.len() - next).min(MAX_FILE_PIECE);
                let operation = FileOperation::Read {
                    handle,
                    offset: offset + next as u64,
                    count: u32::try_from(room).unwrap_or(u32::MAX),
                };
                asked.push_back((self.mount.begin(operation)?, room));
                next += room;
            }
            let Some((piece, room)) = asked.pop_front() else {
                return Ok(filled);
            };
            let data = match self.mount.finish(&piece) {
                Ok((FileResult::Data(data), _)) => data,
                Ok(_) => return Err(Errno::EIO),
                Err(_) if filled > 0 => return Ok(filled),
                Err(errno) => return Err(errno),
            };
            let place = buf.get_mut(filled..filled + data.len());
            place.ok_or(Errno::EIO)?.copy_from_slice(&data);
            filled += data.len();
            if data.len() < room {
                return Ok(filled);
            }
        }
    }

    fn write(&self, offset: Option<u64>, buf: &[u8]) -> Result<(usize, u64)> {
        let handle = self.handle()?;
        let (mut done, mut end) = (0, offset.unwrap_or(0));
        for piece in buf.chunks(MAX_FILE_PIECE) {
            let operation = FileOperation::Write {
                handle,
                offset: offset.map(|offset| offset + done as u64),
                data: piece.into(),
            };
            match self.mount.ask_for_all(operation) {
                Ok((FileResult::Written { count, end: now }, _)) => {
                    done += count as usize;
                    end = now;
                    if (count as usize) < piece.len() {
                        break;
                    }
                }
                Ok(_) => return Err(Errno::EIO),
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok((done, end))
    }

    fn set_size(&self, size: u64) -> Result<()> {
        let handle = self.handle()?;
        self.change(FileOperation::SetSize { handle, size })
    }

    fn sync(&self) -> Result<()> {
        match self.handle {
            Some(handle) => self.change(FileOperation::Sync { handle }),
            None => Ok(()),
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(handle) = self.handle {
            // The host closes it with the VM, if not now.
            let _ = self.change(FileOperation::Close { handle });
        }
    }
}

fn attributes(found: &files::HostAttributes) -> HostAttributes {
    HostAttributes {
        ino: found.ino,
        mode: found.mode,
        nlink: found.nlink,
        size: found.size,
        blocks: found.blocks,
        atime: time(found.atime),
        mtime: time(found.mtime),
        ctime: time(found.ctime),
        btime: time(found.btime),
    }
}

fn time(time: HostTime) -> Timespec {
    Timespec::new(time.sec, time.nsec)
}

fn host_time(time: Timespec) -> HostTime {
    HostTime {
        sec: time.sec,
        nsec: time.nsec,
    }
}
