//! Mounts of a machine.

use std::sync::Arc;

use secure_exec_kernel::fs::hostfs::HostFs;
use secure_exec_kernel::{Errno, Kernel, MountFlags};
use secure_exec_protocol::{Failure, Mount, VmId, VmLimits};

use super::files::Files;
use crate::failure::failure;
use crate::host::{FilesChannel, MountFiles};

/// Attaches the mounts, in their order: a later one may lie in an earlier one.
///
/// # Errors
/// A mount point cannot be made.
pub(super) fn attach(
    kernel: &Arc<Kernel>,
    vm: VmId,
    mounts: &[Mount],
    limits: &VmLimits,
    channel: Option<&Arc<FilesChannel>>,
) -> Result<(), Failure> {
    let files = Files::new(kernel.file_agent());
    for (index, mount) in mounts.iter().enumerate() {
        let path = mount.guest_path.as_bytes();
        let failed = |errno| failure(errno, "mount", path);
        let channel = channel.ok_or(Errno::ENODEV).map_err(failed)?;
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let served = Arc::new(MountFiles::new(
            channel,
            kernel,
            (vm, number),
            mount,
            limits,
        ));
        let fs = HostFs::new(served, mount.cached);
        if path == b"/" {
            let flags = if mount.read_only {
                MountFlags::MS_RDONLY | MountFlags::MS_NOSUID
            } else {
                MountFlags::MS_NOSUID
            };
            kernel
                .mount_root(fs, &mount.source, flags)
                .map_err(failed)?;
            continue;
        }
        files.make_working_directory(path)?;
        let mut flags = MountFlags::MS_NOSUID;
        if mount.read_only {
            flags |= MountFlags::MS_RDONLY;
        }
        let attached = if mount.overlay {
            kernel.mount_overlay(path, fs, flags)
        } else {
            kernel.mount(path, fs, &mount.source, flags)
        };
        attached.map_err(failed)?;
    }
    Ok(())
}
