//! The files of the root file system at one moment, for other machines to have without a copy.

use super::Kernel;
use crate::errno::{Errno, Result};
use crate::fs::tmpfs::{self, Capture, Segment};
use crate::process::is_command_file;
use std::sync::Arc;

impl Kernel {
    /// Takes all files as they are between two system calls: names, bytes and attributes, but not what is mounted, nor
    /// sockets, nor the files that stand for commands. Bytes in segments of `known` stay there, in `most` of them at most,
    /// unless less than half of one is still in use.
    ///
    /// # Errors
    /// - `ENAMETOOLONG`: a file has no path, being too deep.
    pub fn capture_files(&self, known: &[Arc<dyn Segment>], most: usize) -> Result<Capture> {
        tmpfs::capture(&self.tmpfs, known, most, is_command_file)
    }

    /// Replaces all files by captured ones, whose image has its segments in this order. Mounts and what stands for commands
    /// stay.
    ///
    /// # Errors
    /// - `EBUSY`: processes run, whose files these are.
    /// - `EINVAL`: the bytes are no image.
    /// - `ENOSPC`, `EFBIG`: they do not fit the limits; nothing has changed then.
    pub fn restore_files(&self, image: &[u8], segments: &[Arc<dyn Segment>]) -> Result<()> {
        if self.resource_counts().processes > 0 {
            return Err(Errno::EBUSY);
        }
        self.replace_files(|tmpfs| tmpfs::restore_captured(tmpfs, image, segments, is_command_file))
    }
}
