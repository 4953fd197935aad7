//! The mounts of a VM, and the files that it has open there.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use secure_exec_protocol::Mount;
use secure_exec_protocol::files::{FileOperation, FileResult, LeaseOf, MAX_FILE_PIECE};

use super::backend::{Backend, BackendFile, HostMount, Opened, Server};
use super::changes::{Leases, Listener};
use super::deferred::OpenPaths;
use super::replies::Replies;
use super::whole;

/// Files that a VM may have open which are asked for their bytes.
const MOST_FILES: usize = 1024;

/// What serves a VM.
pub(super) struct Served {
    mounts: RwLock<Mounts>,
    open: Mutex<Open>,
    /// Of the mounts whose operations are only begun.
    paths: Mutex<HashMap<u32, OpenPaths>>,
    /// Of the mounts of which something is watched.
    listeners: Mutex<HashMap<u32, Arc<Listener>>>,
    /// Of the mounts of which something is taken for true until it changes.
    leases: Mutex<HashMap<u32, Arc<Leases>>>,
}

#[derive(Default)]
struct Mounts {
    by_number: HashMap<u32, Arc<HostMount>>,
    /// Numbers below were those of mounts that are gone, if no mount has them.
    next: u32,
}

impl Mounts {
    fn add(&mut self, mount: HostMount) {
        let number = mount.mount.number;
        self.by_number.insert(number, Arc::new(mount));
        self.next = self.next.max(number.saturating_add(1));
    }
}

#[derive(Default)]
struct Open {
    files: HashMap<u64, Arc<dyn BackendFile>>,
    last: u64,
}

/// What came of an operation, and what is sent with it.
type Done = (FileResult, Option<OwnedFd>);

/// What is sent back.
pub(super) enum Outcome {
    Answer(FileResult, Option<OwnedFd>),
    /// So many bytes of the piece.
    Read(usize),
}

/// A request that no VM process of ours makes.
pub(super) type Rule = &'static str;

impl Served {
    pub(super) fn new(mounts: Vec<HostMount>) -> Served {
        let mut served = Mounts::default();
        for mount in mounts {
            served.add(mount);
        }
        Served {
            mounts: RwLock::new(served),
            open: Mutex::default(),
            paths: Mutex::default(),
            listeners: Mutex::default(),
            leases: Mutex::default(),
        }
    }

    /// Serves one more mount.
    pub(super) fn add(&self, mount: HostMount) {
        self.mounts.write().add(mount);
    }

    /// Serves one less. The VM may still be about to ask for something of it, which is told that it is gone.
    pub(super) fn remove(&self, number: u32) {
        let gone = self.mounts.write().by_number.remove(&number);
        drop(gone);
        let paths = self.paths.lock().remove(&number);
        drop(paths);
        let listener = self.listeners.lock().remove(&number);
        drop(listener);
        let leases = self.leases.lock().remove(&number);
        drop(leases);
    }

    /// Whether something is to be closed at its end.
    pub(super) fn has_files(&self) -> bool {
        !self.open.lock().files.is_empty()
    }

    /// Does what was asked for.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn serve(&self, mount: u32, operation: FileOperation) -> Result<Done, Rule> {
        let number = mount;
        let Some(found) = self.mount(number, &operation)? else {
            return Ok((self.gone(&operation), None));
        };
        let HostMount { mount, server } = &*found;
        let done = match server {
            Server::Backend(backend) if operation.is_of_watches() => {
                self.watch(number, &**backend, &operation)
            }
            Server::Backend(backend) if operation.is_of_leases() => {
                let result = self.lease((number, mount), &**backend, operation);
                result.map(|result| (result, None))
            }
            _ if is_refused(mount, &operation) => Err(io::Error::from_raw_os_error(libc::EROFS)),
            Server::Backend(backend) => self.perform(&**backend, operation),
            Server::Deferred(_) => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        };
        Ok(done.unwrap_or_else(|error| (failed(&error), None)))
    }

    /// Does it, or has it begun where that may take its time: then there is nothing to send yet. What is read of a file goes
    /// to `piece`.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn begin(
        &self,
        mount: u32,
        operation: FileOperation,
        deferred: (u64, &Replies),
        piece: &mut [u8],
    ) -> Result<Option<Outcome>, Rule> {
        let read = match self.mount(mount, &operation)?.as_deref() {
            Some(HostMount {
                mount: options,
                server: Server::Deferred(server),
            }) if !is_refused(options, &operation) => {
                let paths = self.paths.lock().entry(mount).or_default().clone();
                paths.begin(&**server, operation, deferred);
                return Ok(None);
            }
            Some(_) => self.read(&operation, piece),
            None => None,
        };
        Ok(Some(match read {
            Some(Ok(count)) => Outcome::Read(count),
            Some(Err(error)) => Outcome::Answer(failed(&error), None),
            None => {
                let (result, descriptor) = self.serve(mount, operation)?;
                Outcome::Answer(result, descriptor)
            }
        }))
    }

    /// Reads a piece of a file into the buffer.
    fn read(&self, operation: &FileOperation, piece: &mut [u8]) -> Option<io::Result<usize>> {
        let FileOperation::Read {
            handle,
            offset,
            count,
        } = operation
        else {
            return None;
        };
        let piece = piece.get_mut(..*count as usize)?;
        let file = self.file(*handle);
        Some(file.and_then(|file| file.read(*offset, piece)))
    }

    /// The mount of a number, none if it is gone.
    fn mount(
        &self,
        number: u32,
        operation: &FileOperation,
    ) -> Result<Option<Arc<HostMount>>, Rule> {
        if !operation.is_well_formed() {
            return Err("a path or a piece of a file that is none");
        }
        let mounts = self.mounts.read();
        let mount = mounts.by_number.get(&number).cloned();
        if mount.is_none() && number >= mounts.next {
            return Err("a mount that the VM does not have");
        }
        Ok(mount)
    }

    /// What is told of a mount that is gone. What was open there can be closed.
    fn gone(&self, operation: &FileOperation) -> FileResult {
        if let FileOperation::Close { handle } = operation {
            let closed = self.open.lock().files.remove(handle);
            drop(closed);
            return FileResult::Done;
        }
        FileResult::Failed { errno: libc::EIO }
    }

    fn perform(&self, backend: &dyn Backend, operation: FileOperation) -> io::Result<Done> {
        let result = match operation {
            FileOperation::Stat { path } => FileResult::Attributes(backend.stat(&path)?),
            FileOperation::ReadDirectory { path, position } => {
                let listing = backend.read_dir(&path, position, MAX_FILE_PIECE)?;
                FileResult::Entries {
                    entries: listing.entries,
                    last: listing.last,
                }
            }
            FileOperation::ReadNames {
                path,
                position,
                count,
            } => FileResult::Names(backend.read_names(&path, position, count as usize)?),
            FileOperation::ReadLink { path } => {
                let target = backend.read_link(&path)?;
                FileResult::Link {
                    target: target.path,
                    outside: target.outside,
                }
            }
            FileOperation::ReadWhole { path, names } => {
                FileResult::Whole(whole::read(backend, &path, &names))
            }
            FileOperation::Open { path, access } => return self.keep(backend.open(&path, access)?),
            FileOperation::Create { path, mode } => return self.keep(backend.create(&path, mode)?),
            FileOperation::Write {
                handle,
                offset,
                data,
            } => {
                let (count, end) = self.file(handle)?.write(offset, &data)?;
                FileResult::Written {
                    count: u32::try_from(count).unwrap_or(u32::MAX),
                    end,
                }
            }
            FileOperation::Statfs => FileResult::Space(backend.space()?),
            operation => {
                self.change(backend, operation)?;
                FileResult::Done
            }
        };
        Ok((result, None))
    }

    fn change(&self, backend: &dyn Backend, operation: FileOperation) -> io::Result<()> {
        match operation {
            FileOperation::SetSize { handle, size } => self.file(handle)?.set_size(size),
            FileOperation::Sync { handle } => self.file(handle)?.sync(),
            FileOperation::Close { handle } => {
                let closed = self.open.lock().files.remove(&handle);
                closed.map(drop).ok_or_else(bad_handle)
            }
            FileOperation::MakeDirectory { path, mode } => backend.make_directory(&path, mode),
            FileOperation::Symlink { path, target } => backend.symlink(&path, &target),
            FileOperation::Link { from, to } => backend.link(&from, &to),
            FileOperation::Unlink { path } => backend.unlink(&path),
            FileOperation::RemoveDirectory { path } => backend.remove_directory(&path),
            FileOperation::Rename { from, to, flags } => backend.rename(&from, &to, flags),
            FileOperation::SetAttributes { path, attributes } => {
                backend.set_attributes(&path, &attributes)
            }
            _ => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        }
    }

    /// Begins or ends to tell of changes.
    fn watch(
        &self,
        mount: u32,
        backend: &dyn Backend,
        operation: &FileOperation,
    ) -> io::Result<Done> {
        if *operation == FileOperation::ListenToChanges {
            let (listener, theirs) = Listener::new()?;
            let replaced = self.listeners.lock().insert(mount, listener);
            drop(replaced);
            return Ok((FileResult::Changes, Some(theirs)));
        }
        let listener = self.listeners.lock().get(&mount).cloned();
        let listener = listener.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        match operation {
            FileOperation::Watch { path, number } => {
                listener.watch(backend.watched(path)?.as_fd(), *number)?;
            }
            FileOperation::Unwatch { number } => listener.unwatch(*number)?,
            _ => return Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        }
        Ok((FileResult::Done, None))
    }

    /// Lists what is to be taken for true, or tells what is not any more.
    fn lease(
        &self,
        (number, mount): (u32, &Mount),
        backend: &dyn Backend,
        operation: FileOperation,
    ) -> io::Result<FileResult> {
        match operation {
            FileOperation::ReadLeased { path, leases } => {
                // What guests change themselves would break leases all the time.
                let may = mount.read_only || mount.overlay;
                let holds = may && self.begin_leases(number, backend, &path, &leases).is_ok();
                let attributes = backend.stat(&path)?;
                let listing = backend.read_dir(&path, 0, MAX_FILE_PIECE)?;
                Ok(FileResult::Leased {
                    attributes,
                    entries: listing.entries,
                    last: listing.last,
                    holds,
                })
            }
            FileOperation::HearOfBroken { heard, ended } => {
                let leases = self.leases.lock().get(&number).cloned();
                let leases = leases.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
                leases.end(&ended);
                let (last, broken) = leases.hear(heard);
                Ok(FileResult::Broken { last, broken })
            }
            _ => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        }
    }

    fn begin_leases(
        &self,
        number: u32,
        backend: &dyn Backend,
        path: &[u8],
        wanted: &[LeaseOf],
    ) -> io::Result<()> {
        let known = self.leases.lock().get(&number).cloned();
        let leases = match known {
            Some(leases) => leases,
            // One thread asks.
            None => {
                let leases = Leases::new()?;
                self.leases.lock().insert(number, leases.clone());
                leases
            }
        };
        for lease in wanted {
            let directory = path.get(..lease.length as usize).unwrap_or_default();
            leases.begin(backend.watched(directory)?.as_fd(), lease.number)?;
        }
        Ok(())
    }

    /// Gives a file that is asked for its bytes a number.
    fn keep(&self, opened: Opened) -> io::Result<Done> {
        let handle = match opened.file {
            Some(file) => {
                let mut open = self.open.lock();
                if open.files.len() >= MOST_FILES {
                    return Err(io::Error::from_raw_os_error(libc::ENFILE));
                }
                open.last += 1;
                let handle = open.last;
                open.files.insert(handle, file);
                Some(handle)
            }
            None => None,
        };
        let result = FileResult::Opened {
            attributes: opened.attributes,
            handle,
            descriptor: opened.descriptor.is_some(),
        };
        Ok((result, opened.descriptor))
    }

    fn file(&self, handle: u64) -> io::Result<Arc<dyn BackendFile>> {
        let open = self.open.lock();
        open.files.get(&handle).cloned().ok_or_else(bad_handle)
    }
}

fn is_refused(mount: &Mount, operation: &FileOperation) -> bool {
    (mount.read_only || mount.overlay) && operation.changes()
}

fn bad_handle() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}

/// What the guest is told: the number, and nothing of the text, which may name what is the host's.
pub(super) fn failed(error: &io::Error) -> FileResult {
    FileResult::Failed {
        errno: error.raw_os_error().unwrap_or(libc::EIO),
    }
}
