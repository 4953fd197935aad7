//! The host's files: what the kernel's host file systems ask for goes over the files channel.
//! What a guest may read without asking is a descriptor of this process.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use secure_exec_kernel::fs::hostfs::{
    HostAccess, HostAttributes, HostBroken, HostBrokenLease, HostChange, HostEntry, HostFile,
    HostFiles, HostHearer, HostLease, HostLeased, HostLink, HostListing, HostName, HostWatch,
    HostWhole,
};
use secure_exec_kernel::limits::calling_process;
use secure_exec_kernel::{Errno, Kernel, LimitBreach, Pid, RenameFlags, StatFs, Timespec};
use secure_exec_node::refused_link;
use secure_exec_protocol::files::{
    self, ChangedAttributes, FileAccess, FileOperation, FileResult, HostTime, LeaseOf,
    MAX_FILE_PIECE, MOST_LEASES, MOST_WHOLE_FILES, is_too_long,
};
use secure_exec_protocol::{Mount, VmId, VmLimits};

use crate::system;

use super::changes::Changes;
use super::files_channel::{Answer, Asked, FilesChannel, PIECES_AHEAD, patience};

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

/// Whom the host's own methods are for.
const HOST: Pid = Pid::from_raw(0);
/// A mount of a VM, for the kernel.
#[derive(Clone)]
pub(crate) struct MountFiles {
    channel: Arc<FilesChannel>,
    place: (VmId, u32),
    guest_path: Vec<u8>,
    /// Guests do not change the host's files through it: directories may be leased.
    leases: bool,
    /// Bytes that may be written through it, if they are counted.
    most: Option<u64>,
    /// Has the processes that ask.
    kernel: Weak<Kernel>,
    /// Who hears of changes, once something has been watched.
    changes: Arc<Mutex<Option<Arc<Changes>>>>,
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
            leases: mount.read_only || mount.overlay,
            most: mount.metered.then_some(limits.max_mount_bytes),
            kernel: Arc::downgrade(kernel),
            changes: Arc::default(),
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
        let bound = patience();
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
        Ok(self.ask_with_descriptor(operation)?.0)
    }

    fn ask_with_descriptor(
        &self,
        operation: FileOperation,
    ) -> Result<(FileResult, Option<OwnedFd>)> {
        match self.ask_for_all(operation)? {
            Answer::Result(result, descriptor) => Ok((result, descriptor)),
            Answer::Data(..) => Err(Errno::EIO),
        }
    }

    /// What is told of changes to this mount's files.
    fn changes(&self) -> Result<Arc<Changes>> {
        // Held while it is asked for: a second socket would end the first.
        let mut known = self.changes.lock();
        if let Some(changes) = &*known {
            return Ok(changes.clone());
        }
        match self.ask_with_descriptor(FileOperation::ListenToChanges)? {
            (FileResult::Changes, Some(socket)) => {
                let changes = Changes::listen(socket)?;
                *known = Some(changes.clone());
                Ok(changes)
            }
            _ => Err(Errno::EIO),
        }
    }

    fn change(&self, operation: FileOperation) -> Result<()> {
        match self.ask(operation)? {
            FileResult::Done => Ok(()),
            _ => Err(Errno::EIO),
        }
    }

    fn opened(&self, operation: FileOperation) -> Result<(HostAttributes, Arc<dyn HostFile>)> {
        let writes = operation.changes();
        match self.ask_with_descriptor(operation)? {
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
                    writes,
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
            FileResult::Entries { entries, last } => Ok(listing(entries, last)),
            _ => Err(Errno::EIO),
        }
    }

    fn read_names(&self, path: &[u8], position: u64, most: usize) -> Result<Vec<HostName>> {
        let operation = FileOperation::ReadNames {
            path: path.into(),
            position,
            count: u32::try_from(most).unwrap_or(u32::MAX),
        };
        match self.ask(operation)? {
            FileResult::Names(names) => {
                let names = names.into_iter().map(|found| HostName {
                    name: found.name,
                    ino: found.ino,
                    kind: found.kind,
                    next: found.next,
                });
                Ok(names.collect())
            }
            _ => Err(Errno::EIO),
        }
    }

    fn read_leased(&self, path: &[u8], leases: &[HostLease]) -> Result<HostLeased> {
        if !self.leases {
            return Err(Errno::ENOSYS);
        }
        let of = |lease: &HostLease| {
            let length = u32::try_from(lease.length).map_err(|_| Errno::ENAMETOOLONG)?;
            let number = lease.number;
            Ok(LeaseOf { length, number })
        };
        let operation = FileOperation::ReadLeased {
            path: path.into(),
            leases: leases.iter().map(of).collect::<Result<_>>()?,
        };
        match self.ask(operation)? {
            FileResult::Leased {
                attributes: own,
                entries,
                last,
                holds,
            } => Ok(HostLeased {
                attributes: attributes(&own),
                listing: listing(entries, last),
                holds,
            }),
            _ => Err(Errno::EIO),
        }
    }

    fn broken(&self, heard: u64, ended: &[u64]) -> Result<HostBroken> {
        // More than there may be were never begun, or ended by the host.
        let ended = ended.get(..MOST_LEASES).unwrap_or(ended).to_vec();
        match self.ask(FileOperation::HearOfBroken { heard, ended })? {
            FileResult::Broken { last, broken } => {
                let broken = broken.iter().map(|lease| HostBrokenLease {
                    number: lease.number,
                    leads_elsewhere: lease.leads_elsewhere,
                });
                let broken = broken.collect();
                Ok(HostBroken { last, broken })
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

    fn read_whole(&self, directory: &[u8], names: &[&[u8]]) -> Result<Vec<HostWhole>> {
        let names = names.get(..MOST_WHOLE_FILES).unwrap_or(names);
        let operation = FileOperation::ReadWhole {
            path: directory.into(),
            names: names.join(&b'/'),
        };
        match self.ask(operation)? {
            FileResult::Whole(files) => {
                let files = files.into_iter().map(|file| HostWhole {
                    name: usize::try_from(file.name).unwrap_or(usize::MAX),
                    attributes: attributes(&file.attributes),
                    bytes: file.data,
                });
                Ok(files.collect())
            }
            _ => Err(Errno::EIO),
        }
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

    fn watch(&self, path: &[u8], hear: HostHearer) -> Result<HostWatch> {
        let changes = self.changes()?;
        // Before the host knows of it, so that its first change finds who hears of it.
        let number = changes.add(hear);
        let watch = Watch {
            mount: self.clone(),
            changes,
            number,
        };
        let path = path.into();
        self.change(FileOperation::Watch { path, number })?;
        Ok(Box::new(watch))
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
        // It is looked at in each step of a walk.
        system::age()
    }

    fn is_settled(&self, attributes: &HostAttributes) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0));
        let changed = attributes.ctime.sec.max(attributes.mtime.sec);
        now.saturating_sub(changed) > SETTLED_SECONDS
    }

    fn generation(&self) -> u64 {
        self.channel.generation()
    }
}

/// A watch of a file of the host's.
struct Watch {
    mount: MountFiles,
    changes: Arc<Changes>,
    number: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let number = self.number;
        self.changes.remove(number);
        // The host ends it with the mount, if not now. Where it never began that is an error, which nobody waits for.
        if let Ok(asked) = self.mount.begin(FileOperation::Unwatch { number })
            && !self.mount.channel.leave(&asked)
        {
            let _ = self.mount.finish(&asked);
        }
    }
}

/// An open file of the host's.
struct OpenFile {
    mount: MountFiles,
    /// What the host knows it by, if it has to be asked.
    handle: Option<u64>,
    /// What can be read without asking.
    descriptor: Option<File>,
    /// It is open for writing.
    writes: bool,
}

impl OpenFile {
    fn handle(&self) -> Result<u64> {
        self.handle.ok_or(Errno::EBADF)
    }

    fn change(&self, operation: FileOperation) -> Result<()> {
        self.mount.ask(operation).map(drop)
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
            let (message, place) = match self.mount.finish(&piece) {
                Ok(Answer::Data(message, place)) => (message, place),
                Ok(Answer::Result(..)) => return Err(Errno::EIO),
                Err(_) if filled > 0 => return Ok(filled),
                Err(errno) => return Err(errno),
            };
            let data = message.get(place).unwrap_or_default();
            let count = data.len();
            // No more than was asked for.
            let place = buf.get_mut(filled..filled + count.min(room));
            let place = place.filter(|place| place.len() == count);
            place.ok_or(Errno::EIO)?.copy_from_slice(data);
            self.mount.channel.spare(message);
            filled += count;
            if count < room {
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
            match self.mount.ask(operation) {
                Ok(FileResult::Written { count, end: now }) => {
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
        let Some(handle) = self.handle else { return };
        // The host closes it with the VM, if not now.
        let Ok(asked) = self.mount.begin(FileOperation::Close { handle }) else {
            return;
        };
        // What was written to is closed before anybody goes on: that may be what gives its place back.
        if self.writes || !self.mount.channel.leave(&asked) {
            let _ = self.mount.finish(&asked);
        }
    }
}

fn listing(entries: Vec<files::HostEntry>, last: bool) -> HostListing {
    let entries = entries.into_iter().map(|entry| HostEntry {
        name: entry.name,
        attributes: attributes(&entry.attributes),
        next: entry.next,
    });
    HostListing {
        entries: entries.collect(),
        last,
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

#[cfg(test)]
mod tests {
    use super::*;
    use secure_exec_kernel::KernelConfig;
    use secure_exec_protocol::FilesSocket;
    use secure_exec_protocol::files::{
        FilesAnswer, FilesRequest, MAX_FILES_MESSAGE, WholeFile, data_head, from_message,
        to_message,
    };

    /// A mount that is served by what makes messages of its requests.
    fn served(
        answer: impl Fn(u64, FileOperation) -> Vec<Vec<u8>> + Send + 'static,
    ) -> (MountFiles, Arc<Kernel>) {
        let (host, ours) = FilesSocket::pair().unwrap();
        std::thread::spawn(move || {
            let mut buffer = vec![0; MAX_FILES_MESSAGE];
            loop {
                let message = host.receive(&mut buffer, None).unwrap();
                if message.length == 0 {
                    return;
                }
                let request: FilesRequest = from_message(&buffer[..message.length]).unwrap();
                for answer in answer(request.id, request.operation) {
                    host.send(&answer).unwrap();
                }
            }
        });
        let kernel = Kernel::boot(KernelConfig::default()).unwrap();
        let (channel, limits) = (FilesChannel::new(ours), VmLimits::default());
        let mount = MountFiles::new(&channel, &kernel, (1, 0), &Mount::default(), &limits);
        (mount, kernel)
    }

    fn message(id: u64, result: FileResult) -> Vec<u8> {
        to_message(&FilesAnswer { id, result }).unwrap()
    }

    fn opened(id: u64) -> Vec<u8> {
        let result = FileResult::Opened {
            attributes: files::HostAttributes::default(),
            handle: Some(1),
            descriptor: false,
        };
        message(id, result)
    }

    /// Serves one file of these bytes; `spoil` makes something else of a piece.
    fn file_of(
        bytes: Vec<u8>,
        spoil: fn(Vec<u8>) -> Vec<u8>,
    ) -> (Result<Arc<dyn HostFile>>, Arc<Kernel>) {
        let (mount, kernel) = served(move |id, operation| match operation {
            FileOperation::Read { offset, count, .. } => {
                let start = usize::try_from(offset).unwrap().min(bytes.len());
                let end = (start + count as usize).min(bytes.len());
                let piece = spoil(bytes[start..end].to_vec());
                let mut answer = data_head(id, piece.len());
                answer.extend_from_slice(&piece);
                vec![answer]
            }
            FileOperation::Close { .. } => vec![message(id, FileResult::Done)],
            _ => vec![opened(id)],
        });
        let file = mount.open(b"a", HostAccess::Read);
        (file.map(|(_, file)| file), kernel)
    }

    #[test]
    fn a_file_of_many_pieces_is_read_as_it_is() {
        let bytes: Vec<u8> = (0..=250).cycle().take(5 * MAX_FILE_PIECE + 17).collect();
        let (file, _kernel) = file_of(bytes.clone(), |piece| piece);
        let file = file.unwrap();
        let mut buf = vec![0; bytes.len() + 5];
        for _ in 0..3 {
            assert_eq!(file.read_at(0, &mut buf), Ok(bytes.len()));
            assert!(buf[..bytes.len()] == bytes);
            buf.fill(0);
        }
        let mut some = [0; 4];
        assert_eq!(file.read_at(MAX_FILE_PIECE as u64 - 2, &mut some), Ok(4));
        assert_eq!(some, bytes[MAX_FILE_PIECE - 2..MAX_FILE_PIECE + 2]);
    }

    #[test]
    fn closing_waits_for_nobody_until_too_much_is_unheard() {
        let (asked, closed) = std::sync::mpsc::channel();
        let (mount, _kernel) = served(move |id, operation| match operation {
            FileOperation::Close { .. } => {
                asked.send(()).unwrap();
                vec![message(id, FileResult::Done)]
            }
            _ => vec![opened(id)],
        });
        let line = || {
            let line = mount.channel.unheard();
            assert!(line <= 32);
            line
        };
        let files: Vec<_> = (0..100)
            .map(|_| mount.open(b"a", HostAccess::Read).unwrap())
            .collect();
        assert_eq!(line(), 0);
        for file in files {
            drop(file);
            line();
        }
        assert!(line() > 0);
        assert_eq!(closed.iter().take(100).count(), 100);
        // Their answers are before the next one.
        drop(mount.open(b"a", HostAccess::Write).unwrap());
        assert_eq!(line(), 0);
    }

    #[test]
    fn a_piece_that_is_longer_than_what_was_asked_for_is_none() {
        let (file, _kernel) = file_of(vec![1; 100], |mut piece| {
            piece.push(0);
            piece
        });
        let mut buf = [0; 10];
        assert_eq!(file.unwrap().read_at(0, &mut buf[..5]), Err(Errno::EIO));
        assert_eq!(buf, [0; 10]);
    }

    #[test]
    fn answers_of_another_kind_are_errors_and_those_to_nobody_are_dropped() {
        let (mount, _kernel) = served(|id, operation| {
            let data = || {
                let mut data = data_head(id, 3);
                data.extend_from_slice(b"abc");
                data
            };
            match operation {
                FileOperation::Stat { .. } => vec![data()],
                FileOperation::ReadWhole { .. } => vec![message(id, FileResult::Done)],
                FileOperation::Read { .. } => vec![message(id, FileResult::Whole(Vec::new()))],
                FileOperation::Close { .. } => vec![message(id, FileResult::Done)],
                _ => {
                    let mut to_nobody = data_head(id + 100, 1);
                    to_nobody.push(7);
                    vec![to_nobody, opened(id)]
                }
            }
        });
        assert_eq!(mount.stat(b"a").err(), Some(Errno::EIO));
        assert_eq!(mount.read_whole(b"", &[b"a"]).err(), Some(Errno::EIO));
        let (_, file) = mount.open(b"a", HostAccess::Read).unwrap();
        assert_eq!(file.read_at(0, &mut [0; 4]), Err(Errno::EIO));
    }

    #[test]
    fn whole_files_are_asked_for_by_no_more_names_than_there_may_be() {
        let (mount, _kernel) = served(|id, operation| {
            assert!(operation.is_well_formed());
            let FileOperation::ReadWhole { path, names } = operation else {
                return vec![message(id, FileResult::Done)];
            };
            assert_eq!(path, b"d");
            let file = |(data, name): (&[u8], u32)| WholeFile {
                name,
                attributes: files::HostAttributes::default(),
                data: data.to_vec(),
            };
            let names = names.split(|byte| *byte == b'/').zip(0..);
            vec![message(id, FileResult::Whole(names.map(file).collect()))]
        });
        let found = mount.read_whole(b"d", &[b"one", b"two"]).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|file| (file.name, &file.bytes[..]))
            .collect();
        assert_eq!(found, [(0, &b"one"[..]), (1, b"two")]);
        let many = vec![&b"a"[..]; MOST_WHOLE_FILES + 1];
        assert_eq!(
            mount.read_whole(b"d", &many).unwrap().len(),
            MOST_WHOLE_FILES
        );
    }

    #[test]
    fn a_path_that_is_too_long_is_not_sent() {
        let (mount, _kernel) = served(|_, _| panic!("nothing is asked for"));
        let deep = vec![&[b'd'; 255][..]; 17].join(&b'/');
        assert_eq!(mount.stat(&deep).err(), Some(Errno::ENAMETOOLONG));
        assert_eq!(
            mount.read_whole(&deep[..4000], &[&[b'a'; 200]]).err(),
            Some(Errno::EINVAL)
        );
    }

    #[test]
    fn a_message_that_is_none_ends_the_channel() {
        let (mount, _kernel) = served(|id, _| {
            let mut bytes = data_head(id, 3);
            bytes.push(1);
            vec![bytes]
        });
        for _ in 0..2 {
            assert_eq!(mount.stat(b"a").err(), Some(Errno::EIO));
        }
    }
}
