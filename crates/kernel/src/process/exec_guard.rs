//! What the embedder has a say in when a guest starts a program.

use super::{Binfmt, FsContext, Process, Program};
use crate::abi::Pid;
use crate::errno::Result;
use crate::kernel::Kernel;
use std::sync::Arc;

/// A program that a guest is about to start.
#[derive(Debug)]
pub struct ExecRequest<'a> {
    /// The process that starts it, or that goes on as it.
    pub caller: &'a Process,
    /// What was asked for: a path, or a name that was looked up.
    pub file: &'a [u8],
    /// Canonical path of what runs, of a script its interpreter. The same as `file` where something else runs instead.
    pub path: &'a [u8],
    /// Arguments, `argv[0]` and those of `#!` lines included.
    pub argv: &'a [Vec<u8>],
    /// Working directory.
    pub cwd: &'a [u8],
}

/// Decides about programs that guests start. Those that the embedder starts are not asked about.
pub trait ExecGuard: Send + Sync {
    /// Path and arguments of what runs in place of a program that is asked for, whether there is one or not.
    fn instead(&self, file: &[u8], argv: &[Vec<u8>]) -> Option<(Vec<u8>, Vec<Vec<u8>>)>;

    /// Decides about a program.
    ///
    /// # Errors
    /// What the caller is told in place of the start.
    ///
    /// # Blocking
    /// On the thread of the caller, which holds no lock.
    fn may_start(&self, request: &ExecRequest<'_>) -> Result<()>;
}

impl Kernel {
    /// Has programs that guests start decided about. The first guard counts.
    pub fn guard_exec(&self, guard: Arc<dyn ExecGuard>) {
        let _ = self.exec_guard.set(guard);
    }

    /// Finds a program by `find`, as far as the guard lets.
    ///
    /// # Errors
    /// Those of `find`, and what the guard says.
    pub(crate) fn find_guarded(
        &self,
        caller: &Process,
        fs: &FsContext,
        (file, argv): (&[u8], &[Vec<u8>]),
        find: impl FnOnce() -> Result<(Program, Arc<dyn Binfmt>)>,
    ) -> Result<(Program, Arc<dyn Binfmt>)> {
        let asked = self.exec_guard.get();
        // Init's children are the embedder's own.
        let Some(guard) = asked.filter(|_| caller.pid() != Pid::INIT) else {
            return find();
        };
        // One that was removed has no path.
        let cwd = self
            .vfs
            .path_of_dir(&fs.root, &fs.cwd)
            .unwrap_or_else(|_| b"(unreachable)".to_vec());
        let request = |path, argv| ExecRequest {
            caller,
            file,
            path,
            argv,
            cwd: &cwd,
        };
        if let Some((path, words)) = guard.instead(file, argv) {
            guard.may_start(&request(file, argv))?;
            return self.match_program(&self.root_at(), &path, &words);
        }
        let found = find()?;
        guard.may_start(&request(&found.0.image.path, &found.0.argv))?;
        Ok(found)
    }
}
