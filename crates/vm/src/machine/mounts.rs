//! Mounts of a machine: those that it boots with, and others that come and go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secure_exec_kernel::fs::hostfs::HostFs;
use secure_exec_kernel::{Errno, Kernel, MountFlags};
use secure_exec_protocol::{
    CallId, Failure, FileReply, Mount, VmConfig, VmId, VmLimits, VmMessage,
};

use super::file_thread::FileThread;
use super::files::Files;
use super::{Machine, Outbox};
use crate::failure::failure;
use crate::host::{FilesChannel, MountFiles, Tools};

/// How long a mount may be in the hands of threads that are about to let go of it: those of programs that have ended.
const LETTING_GO: Duration = Duration::from_millis(200);
/// How often it is looked whether they have.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Attaches the mounts, in their order: a later one may lie in an earlier one. Nothing is made in the files of the host for
/// that, nor for the directory that programs start in.
///
/// # Errors
/// A mount point cannot be made.
pub(super) fn attach_all(
    kernel: &Arc<Kernel>,
    vm: VmId,
    config: &VmConfig,
    channel: Option<&Arc<FilesChannel>>,
    tools: &Tools,
) -> Result<(), Failure> {
    let files = Files::new(kernel.file_agent());
    let attached = config.mounts.iter().map(|mount| {
        let place = Place {
            kernel,
            vm,
            limits: &config.limits,
            channel,
        };
        if let (true, Some(channel)) = (mount.prepared, channel) {
            let number = (vm, mount.number);
            tools.prepare(MountFiles::new(
                channel,
                kernel,
                number,
                mount,
                &config.limits,
            ));
        }
        place.attach(mount, &files)
    });
    attached.collect::<Result<(), Failure>>()?;
    let Some(cwd) = config.cwd.as_deref().map(str::as_bytes) else {
        return Ok(());
    };
    let provided = kernel.provide(cwd);
    provided.map_err(|errno| failure(errno, "chdir", cwd))
}

/// Where mounts are attached.
struct Place<'a> {
    kernel: &'a Arc<Kernel>,
    vm: VmId,
    limits: &'a VmLimits,
    channel: Option<&'a Arc<FilesChannel>>,
}

impl Place<'_> {
    fn attach(&self, mount: &Mount, files: &Files) -> Result<(), Failure> {
        let path = mount.guest_path.as_bytes();
        let failed = |errno| failure(errno, "mount", path);
        let channel = self.channel.ok_or(Errno::ENODEV).map_err(failed)?;
        let place = (self.vm, mount.number);
        let served = MountFiles::new(channel, self.kernel, place, mount, self.limits);
        let fs = HostFs::new(Arc::new(served), mount.cached);
        let mut flags = MountFlags::MS_NOSUID;
        if mount.read_only {
            flags |= MountFlags::MS_RDONLY;
        }
        if path == b"/" {
            let joined = self.kernel.mount_root(fs, &mount.source, flags);
            return joined.map_err(failed);
        }
        self.kernel.provide_mount_point(path).map_err(failed)?;
        files.make_working_directory(path)?;
        let attached = if mount.overlay {
            self.kernel.mount_overlay(path, fs, flags)
        } else {
            self.kernel.mount(path, fs, &mount.source, flags)
        };
        attached.map_err(failed)
    }
}

impl Machine {
    /// Attaches one more mount. From now on the host's file methods may have to wait for the host.
    pub(super) fn mount(&mut self, call: CallId, mount: Mount, outbox: &mut Outbox) {
        let begun = match &self.channel {
            Some(channel) => {
                self.mounted = Some(channel.clone());
                self.start_file_thread()
            }
            None => Err(failure(Errno::ENODEV, "mount", mount.guest_path.as_bytes())),
        };
        if let Err(failure) = begun {
            return outbox.push(call, VmMessage::Failed(failure));
        }
        let (kernel, vm) = (self.kernel.clone(), self.id);
        let (limits, channel) = (self.config.limits.clone(), self.channel.clone());
        self.with_files(call, move |files| {
            let place = Place {
                kernel: &kernel,
                vm,
                limits: &limits,
                channel: channel.as_ref(),
            };
            place.attach(&mount, files).map(|()| FileReply::Done)
        });
    }

    /// Takes a mount away, if nobody uses it.
    pub(super) fn unmount(&mut self, call: CallId, path: Vec<u8>, outbox: &mut Outbox) {
        if self.file_thread.is_none() {
            let failure = failure(Errno::EINVAL, "umount", &path);
            return outbox.push(call, VmMessage::Failed(failure));
        }
        let kernel = self.kernel.clone();
        self.with_files(call, move |_| {
            let until = Instant::now() + LETTING_GO;
            loop {
                match kernel.umount(&path) {
                    Ok(()) => return Ok(FileReply::Done),
                    Err(Errno::EBUSY) if Instant::now() < until => std::thread::sleep(LOOK_AGAIN),
                    Err(errno) => return Err(failure(errno, "umount", &path)),
                }
            }
        });
    }

    fn with_files(
        &self,
        call: CallId,
        act: impl FnOnce(&mut Files) -> Result<FileReply, Failure> + Send + 'static,
    ) {
        if let Some(thread) = &self.file_thread {
            thread.act(call, Box::new(act));
        }
    }

    /// Has file methods done on a thread of their own, with what is open already.
    ///
    /// # Errors
    /// `EAGAIN`: there is no thread to be had.
    fn start_file_thread(&mut self) -> Result<(), Failure> {
        if self.file_thread.is_some() {
            return Ok(());
        }
        let new = Files::new(self.kernel.file_agent());
        let files = std::mem::replace(&mut self.files, new);
        let thread = FileThread::start(self.id, files, &self.mailbox);
        self.file_thread = Some(thread.map_err(|_| failure(Errno::EAGAIN, "mount", b""))?);
        Ok(())
    }
}
