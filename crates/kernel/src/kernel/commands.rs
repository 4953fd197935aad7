//! Executables: the formats that run them, and files that a format runs as a command.

use super::Kernel;
use crate::errno::{Errno, Result};
use crate::fs::rootfs;
use crate::process::Binfmt;
use std::sync::Arc;

impl Kernel {
    /// Adds a way to run executables; those added first are asked first.
    pub fn register_binfmt(&self, binfmt: Arc<dyn Binfmt>) {
        self.binfmts.write().push(binfmt);
    }

    /// Makes `/usr/bin/<name>`, a file that the given binary format runs.
    ///
    /// # Errors
    /// - `EINVAL`: the name is no file name, or a name holds white space.
    /// - `ENOSPC`: the quota is used up.
    pub fn register_command(&self, name: &str, binfmt: &str) -> Result<()> {
        self.register_command_in("/usr/bin", name, binfmt, name)
    }

    /// Makes `<dir>/<name>`, a file that the given binary format runs as `command`.
    ///
    /// # Errors
    /// As [`Kernel::register_command`].
    pub fn register_command_in(
        &self,
        dir: &str,
        name: &str,
        binfmt: &str,
        command: &str,
    ) -> Result<()> {
        let plain = |text: &str| {
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '/' || c == '\0')
        };
        if ![name, binfmt, command].into_iter().all(plain) || name == "." || name == ".." {
            return Err(Errno::EINVAL);
        }
        let contents = crate::process::command_file(binfmt, command);
        let path = format!("{dir}/{name}");
        rootfs::write_file(
            &self.vfs,
            &self.root_at(),
            path.as_bytes(),
            &contents,
            0o755,
        )
    }
}
