//! gawk's `-i inplace`: while a file is read, standard output becomes its new content.

use super::machine::{Machine, Result, Unwind};
use super::value::Value;
use crate::{bytes, message};
use secure_exec_sys::Fd;
use secure_exec_sys::fd::{self, Cloexec};
use std::io::Write;
use std::path::PathBuf;

/// The variables that a program steers it with, as gawk's library of that name has them.
pub const VARIABLES: &[u8] = b"BEGIN { inplace::enable = 1; \
if (inplace::suffix == \"\") inplace::suffix = INPLACE_SUFFIX }\n";

/// A file that is being written anew.
pub struct InPlace {
    file: PathBuf,
    temporary: PathBuf,
    /// Standard output as it was.
    stdout: Fd,
}

impl Machine<'_> {
    /// The value of a variable by its name.
    fn named(&self, name: &str) -> Value {
        let known = self.program.globals.iter().position(|known| known == name);
        known.map_or(Value::Uninitialized, |global| self.globals[global].clone())
    }

    /// Begins with a file, if that was asked for. What is no file stays as it is.
    pub fn begin_in_place(&mut self, name: &[u8]) -> Result<()> {
        if !self.options.in_place || !self.named("inplace::enable").truth() {
            return Ok(());
        }
        let file = bytes::path(name).to_owned();
        if name == b"-" || !file.is_file() {
            let name = String::from_utf8_lossy(name);
            let text =
                format!("inplace::begin: disabling in-place editing for invalid FILENAME `{name}'");
            message::warn("awk", &format!("warning: {text}"));
            return Ok(());
        }
        self.streams.stdout.flush()?;
        let folder = file.parent().map(PathBuf::from).unwrap_or_default();
        let pid = secure_exec_sys::process::getpid();
        let temporary = folder.join(format!(".gawk.{pid}"));
        let flags = fd::O_WRONLY | fd::O_CREAT | fd::O_EXCL | fd::O_CLOEXEC;
        let opened = fd::open(&temporary, flags, 0o600).map_err(|error| {
            let folder = folder.display();
            Unwind::Fatal(format!(
                "inplace::begin: cannot create a file in `{folder}' ({})",
                message::reason(&error)
            ))
        })?;
        let stdout = fd::dup_from(1, 10, Cloexec::Set)?;
        fd::dup2(opened, 1)?;
        fd::close(opened)?;
        self.in_place = Some(InPlace {
            file,
            temporary,
            stdout,
        });
        Ok(())
    }

    /// Puts standard output back and forgets the new content, where the program has failed.
    pub fn abandon_in_place(&mut self) {
        if let Some(place) = self.in_place.take() {
            // Nothing more can be done about a failure here.
            let _ = fd::dup2(place.stdout, 1);
            let _ = std::fs::remove_file(place.temporary);
        }
    }

    /// Puts the new content in the place of the file, and standard output back.
    pub fn finish_in_place(&mut self) -> Result<()> {
        let Some(InPlace {
            file,
            temporary,
            stdout,
        }) = self.in_place.take()
        else {
            return Ok(());
        };
        self.streams.stdout.flush()?;
        if let Ok(stat) = secure_exec_sys::path::stat(&file) {
            fd::chmod(1, stat.permissions())?;
        }
        fd::dup2(stdout, 1)?;
        fd::close(stdout)?;
        let suffix = self.named("inplace::suffix");
        let suffix = self.text_of(&suffix);
        if !suffix.is_empty() {
            let mut backup = file.clone().into_os_string();
            backup.push(bytes::os(&suffix));
            std::fs::rename(&file, backup)?;
        }
        std::fs::rename(temporary, file)?;
        Ok(())
    }
}
