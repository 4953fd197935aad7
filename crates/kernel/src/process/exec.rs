//! Finding the program that runs a file (`execve(2)`).

use super::Process;
use crate::abi::fcntl::X_OK;
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::vfs::At;
use crate::vfs::{LastLink, Vfs, check_permission};
use std::sync::Arc;

/// Bytes of a file that decide how it is run.
pub(crate) const HEAD: usize = 256;
/// Interpreters in a row that `#!` lines may name.
const MAX_INTERPRETERS: usize = 4;
/// Start of the file that stands for a registered command. Format, command name and a newline follow.
const COMMAND_MAGIC: &[u8] = b"\x7fCMD ";

/// A file to be executed, as a binary format sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecImage {
    /// Canonical path.
    pub path: Vec<u8>,
    /// First 256 bytes.
    pub head: Vec<u8>,
    /// Name of the command, if the file stands for a registered one.
    pub command: Option<String>,
    /// Binary format that a registered command asks for.
    pub format: Option<String>,
}

/// A way to run executables, registered by an embedder.
pub trait Binfmt: Send + Sync {
    /// Name that commands are registered with.
    fn name(&self) -> &str;

    /// Whether this format runs the file.
    fn matches(&self, image: &ExecImage) -> bool;

    /// Starts the process on a thread of its own and returns at once.
    ///
    /// # Errors
    /// - `ENOMEM`, `EAGAIN`: the process cannot be started now.
    fn start(&self, process: Arc<Process>, image: ExecImage) -> Result<()>;
}

/// First bytes of the file that stands for a command.
pub(crate) fn command_file(binfmt: &str, command: &str) -> Vec<u8> {
    let mut bytes = COMMAND_MAGIC.to_vec();
    bytes.extend_from_slice(binfmt.as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(command.as_bytes());
    bytes.push(b'\n');
    bytes
}

/// Whether a file that begins so stands for a command.
pub(crate) fn is_command_file(head: &[u8]) -> bool {
    head.starts_with(COMMAND_MAGIC)
}

/// A program found for a command line.
pub(crate) struct Program {
    pub image: ExecImage,
    pub argv: Vec<Vec<u8>>,
    /// Name of the command.
    pub comm: Vec<u8>,
}

/// Most bytes of the name of a command (`TASK_COMM_LEN` without its NUL).
const LONGEST_NAME: usize = 15;

/// A name of a command as far as there is room for it.
pub(crate) fn cut_name(name: &[u8]) -> Vec<u8> {
    name[..name.len().min(LONGEST_NAME)].to_vec()
}

/// The name that a command gets by the file that was asked for, of a script that of the script: its last component
/// (proc_pid_comm(5)).
fn command_name(file: &[u8]) -> Vec<u8> {
    cut_name(file.rsplit(|byte| *byte == b'/').next().unwrap_or(file))
}

impl Vfs {
    /// Resolves a file and its `#!` interpreters to something a binary format can run.
    ///
    /// # Errors
    /// - `EACCES`: no execute permission, or not a regular file.
    /// - `ENOEXEC`: the file is empty.
    /// - `ELOOP`: too many interpreters in a row.
    pub(crate) fn find_program(&self, at: &At, file: &[u8], argv: &[Vec<u8>]) -> Result<Program> {
        let comm = command_name(file);
        let mut file = file.to_vec();
        let mut argv = argv.to_vec();
        for _ in 0..=MAX_INTERPRETERS {
            let image = self.load_image(at, &file)?;
            let Some((interpreter, argument)) = shebang(&image.head)? else {
                return Ok(Program { image, argv, comm });
            };
            let rest = argv.split_off(argv.len().min(1));
            argv = vec![interpreter.clone()];
            argv.extend(argument);
            argv.push(file);
            argv.extend(rest);
            file = interpreter;
        }
        Err(Errno::ELOOP)
    }

    fn load_image(&self, at: &At, file: &[u8]) -> Result<ExecImage> {
        let target = at.find(file, LastLink::Follow)?;
        if target.inode.kind() != FileKind::Regular {
            return Err(Errno::EACCES);
        }
        check_permission(&*target.inode, &at.caller.credentials, X_OK)?;
        if target
            .mount
            .flags()
            .contains(crate::vfs::MountFlags::MS_NOEXEC)
        {
            return Err(Errno::EACCES);
        }
        let mut head = vec![0; HEAD];
        let count = target.inode.read_at(0, &mut head)?;
        head.truncate(count);
        let (format, command) = match registered(&head) {
            Some((format, command)) => (Some(format), Some(command)),
            None => (None, None),
        };
        Ok(ExecImage {
            path: self.realpath(at, file)?,
            head,
            command,
            format,
        })
    }
}

fn registered(head: &[u8]) -> Option<(String, String)> {
    let line = head.strip_prefix(COMMAND_MAGIC)?;
    let line = core::str::from_utf8(line.split(|byte| *byte == b'\n').next()?).ok()?;
    let (format, command) = line.split_once(' ')?;
    Some((format.into(), command.into()))
}

/// Interpreter and its optional single argument.
type Shebang = (Vec<u8>, Option<Vec<u8>>);

/// Splits a `#!` line as Linux does: the interpreter, and everything after it as one argument.
fn shebang(head: &[u8]) -> Result<Option<Shebang>> {
    let Some(line) = head.strip_prefix(b"#!") else {
        return Ok(None);
    };
    let line = match line.iter().position(|byte| *byte == b'\n') {
        Some(end) => &line[..end],
        // A line that the head cuts off may name half an interpreter.
        None if head.len() == HEAD && !line.trim_ascii().contains(&b' ') => {
            return Err(Errno::ENOEXEC);
        }
        None => line,
    };
    let line = line.trim_ascii();
    let end = line
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t'))
        .unwrap_or(line.len());
    if end == 0 {
        return Err(Errno::ENOEXEC);
    }
    let argument = line[end..].trim_ascii();
    Ok(Some((
        line[..end].to_vec(),
        (!argument.is_empty()).then(|| argument.to_vec()),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shebang_takes_the_rest_of_the_line_as_one_argument() {
        let parsed = shebang(b"#! /usr/bin/env  node --flag \nrest").unwrap();
        assert_eq!(
            parsed,
            Some((b"/usr/bin/env".to_vec(), Some(b"node --flag".to_vec())))
        );
        assert_eq!(
            shebang(b"#!/bin/sh").unwrap(),
            Some((b"/bin/sh".to_vec(), None))
        );
        assert_eq!(shebang(b"plain").unwrap(), None);
        assert_eq!(shebang(b"#!\n"), Err(Errno::ENOEXEC));
    }
}
