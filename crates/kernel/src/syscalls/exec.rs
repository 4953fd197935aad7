//! Replacing the program of a process.

use super::Sysno;
use crate::abi::fcntl::AT_FDCWD;
use crate::errno::{Errno, Result};
use crate::kernel::Kernel;
use crate::limits::act_for;
use crate::process::{Binfmt, ExecImage, Image, Process, Program};
use crate::trace::{Quoted, Strings, Variables};
use std::sync::Arc;

/// A program with what runs it.
type Found = (Program, Arc<dyn Binfmt>);

impl Process {
    /// Implements `execve(2)`: this process goes on with another program. On success the runtime that made
    /// the call ends the old program without calling [`Process::exit`].
    ///
    /// # Errors
    /// As [`Process::posix_spawn`]; the old program then goes on.
    pub fn execve(
        &self,
        file: &[u8],
        argv: Vec<Vec<u8>>,
        envp: Vec<(Vec<u8>, Vec<u8>)>,
    ) -> Result<()> {
        self.exec(file, &argv, envp, |kernel, argv, _| {
            kernel.match_program(&self.at(AT_FDCWD, file)?, file, argv)
        })
    }

    /// Implements `execvpe(3)`: as [`Process::execve`], with a name without a slash looked up in the `PATH` of `envp`.
    ///
    /// # Errors
    /// As [`Process::execve`].
    pub fn execvpe(
        &self,
        file: &[u8],
        argv: Vec<Vec<u8>>,
        envp: Vec<(Vec<u8>, Vec<u8>)>,
    ) -> Result<()> {
        self.exec(file, &argv, envp, |kernel, argv, envp| {
            kernel.search_program(&self.at_cwd(), file, argv, envp)
        })
    }

    fn exec(
        &self,
        file: &[u8],
        argv: &[Vec<u8>],
        envp: Vec<(Vec<u8>, Vec<u8>)>,
        find: impl FnOnce(&Kernel, &[Vec<u8>], &[(Vec<u8>, Vec<u8>)]) -> Result<Found>,
    ) -> Result<()> {
        act_for(self.origin(), self.pid());
        if !self.is_alive() {
            return Err(Errno::ESRCH);
        }
        let variables = envp.len();
        let begun = self.kernel().and_then(|kernel| {
            let fs = self.fs.lock().clone();
            let found = || find(&kernel, argv, &envp);
            let found = kernel.find_guarded(self, &fs, (file, argv), found)?;
            self.replace_image(&kernel, argv, envp, found)
        });
        // Before the new program makes its first call.
        self.emit_exec(
            file,
            argv,
            variables,
            begun.as_ref().map(drop).map_err(|errno| *errno),
        );
        let (binfmt, image) = begun?;
        binfmt.start(self.arc()?, image)
    }

    /// Tells the tracer that a program is replaced, or of its start: what the child of `posix_spawn(3)` does.
    pub(crate) fn emit_exec(
        &self,
        file: &[u8],
        argv: &[Vec<u8>],
        variables: usize,
        result: Result<()>,
    ) {
        if !self.trace.enabled() {
            return;
        }
        let (file, argv, variables) = (Quoted(file), Strings(argv), Variables(variables));
        self.emit(
            Sysno::Execve,
            format_args!("{file}, {argv}, {variables}").into(),
            result.as_ref().map(|value| value as _),
        );
    }

    fn replace_image(
        &self,
        kernel: &Kernel,
        argv: &[Vec<u8>],
        envp: Vec<(Vec<u8>, Vec<u8>)>,
        (program, binfmt): Found,
    ) -> Result<(Arc<dyn Binfmt>, ExecImage)> {
        kernel.check_argument_size(argv, &envp)?;
        let closing = self.fds.lock().take_cloexec();
        drop(closing);
        self.signals.reset_handlers();
        *self.image.lock() = Arc::new(Image {
            argv: program.argv,
            envp,
            exe: program.image.path.clone(),
            comm: program.comm,
            title: None,
        });
        kernel.table.lock().row_mut(self.pid())?.execed = true;
        Ok((binfmt, program.image))
    }
}
