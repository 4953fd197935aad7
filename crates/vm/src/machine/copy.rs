//! Copies of files and directories, with the host's rights. Links are copied as links.

use secure_exec_kernel::abi::fcntl::OpenFlags;
use secure_exec_kernel::abi::stat::{S_IFDIR, S_IFLNK, S_IFMT, S_IFREG};
use secure_exec_kernel::{Errno, Fd, Process, Stat};
use secure_exec_protocol::Failure;

use crate::failure::failure;

/// Bytes of a file that are copied at a time.
const PIECE: usize = 64 << 10;

const PERMISSIONS: u32 = 0o7777;

/// A step that waits: a copy, or bits of a directory, which may forbid to write in it and are set behind what is in it.
enum Step {
    Copy { from: Vec<u8>, to: Vec<u8> },
    Mode { path: Vec<u8>, mode: u32 },
}

/// Copies a file, a link, or with `recursive` a directory with all that is in it. Files that are there are replaced, and
/// directories are filled.
///
/// # Errors
/// - `EISDIR`: a directory, and not `recursive`.
/// - `EINVAL`: what is neither file, directory nor link; a file to itself; a directory into itself.
/// - Those of the system calls.
pub(super) fn copy(
    agent: &Process,
    from: Vec<u8>,
    to: Vec<u8>,
    recursive: bool,
) -> Result<(), Failure> {
    let stat = agent.lstat(&from).map_err(failing(&from))?;
    if stat.mode & S_IFMT == S_IFDIR && !recursive {
        return Err(failure(Errno::EISDIR, "cp", &from));
    }
    let mut copying = Copying {
        agent,
        root: None,
        steps: vec![Step::Copy { from, to }],
    };
    while let Some(step) = copying.steps.pop() {
        match step {
            Step::Copy { from, to } => copying.entry(&from, to)?,
            Step::Mode { path, mode } => agent.chmod(&path, mode).map_err(failing(&path))?,
        }
    }
    Ok(())
}

struct Copying<'a> {
    agent: &'a Process,
    /// Device and inode of the directory that the whole is copied to.
    root: Option<(u64, u64)>,
    steps: Vec<Step>,
}

impl Copying<'_> {
    fn entry(&mut self, from: &[u8], to: Vec<u8>) -> Result<(), Failure> {
        let stat = self.agent.lstat(from).map_err(failing(from))?;
        match stat.mode & S_IFMT {
            S_IFDIR => self.directory(from, to, &stat),
            S_IFLNK => self.link(from, &to),
            S_IFREG => self.file(from, &to, &stat),
            _ => Err(failure(Errno::EINVAL, "cp", from)),
        }
    }

    fn directory(&mut self, from: &[u8], to: Vec<u8>, stat: &Stat) -> Result<(), Failure> {
        // It would grow while it is copied.
        if self.root == Some((stat.dev, stat.ino)) {
            return Err(failure(Errno::EINVAL, "cp", from));
        }
        let is_new = match self.agent.mkdir(&to, 0o700) {
            Ok(()) => true,
            Err(Errno::EEXIST | Errno::EISDIR) => false,
            Err(errno) => return Err(failure(errno, "cp", &to)),
        };
        let made = self.agent.stat(&to).map_err(failing(&to))?;
        if made.mode & S_IFMT != S_IFDIR {
            return Err(failure(Errno::ENOTDIR, "cp", &to));
        }
        let identity = (made.dev, made.ino);
        if identity == (stat.dev, stat.ino) {
            return Err(failure(Errno::EINVAL, "cp", from));
        }
        self.root.get_or_insert(identity);
        if is_new {
            self.steps.push(Step::Mode {
                path: to.clone(),
                mode: stat.mode & PERMISSIONS,
            });
        }
        for entry in self.agent.read_dir(from).map_err(failing(from))? {
            if entry.name != b"." && entry.name != b".." {
                self.steps.push(Step::Copy {
                    from: below(from, &entry.name),
                    to: below(&to, &entry.name),
                });
            }
        }
        Ok(())
    }

    fn link(&self, from: &[u8], to: &[u8]) -> Result<(), Failure> {
        let target = self.agent.readlink(from).map_err(failing(from))?;
        let made = match self.agent.symlink(&target, to) {
            Err(Errno::EEXIST) => {
                let replaced = self.agent.unlink(to);
                replaced.and_then(|()| self.agent.symlink(&target, to))
            }
            made => made,
        };
        made.map_err(failing(to))
    }

    fn file(&self, from: &[u8], to: &[u8], stat: &Stat) -> Result<(), Failure> {
        let existing = self.agent.stat(to).ok();
        if let Some(existing) = &existing
            && ((existing.dev, existing.ino) == (stat.dev, stat.ino)
                || !matches!(existing.mode & S_IFMT, S_IFREG | S_IFDIR))
        {
            return Err(failure(Errno::EINVAL, "cp", to));
        }
        // They may be other files by now: a FIFO is not waited for.
        let common = OpenFlags::O_NONBLOCK | OpenFlags::O_NOCTTY | OpenFlags::O_CLOEXEC;
        let source = common | OpenFlags::O_RDONLY | OpenFlags::O_NOFOLLOW;
        let source = self.agent.open(from, source, 0).map_err(failing(from))?;
        let flags = common | OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
        let copied = match self.agent.open(to, flags, 0o600) {
            Ok(target) => {
                let mode = existing.is_none().then_some(stat.mode & PERMISSIONS);
                let copied = self.content(source, target, mode);
                copied.and(self.agent.close(target))
            }
            Err(errno) => Err(errno),
        };
        let closed = self.agent.close(source);
        copied.and(closed).map_err(failing(to))
    }

    /// Copies what is in a file, and sets the mode of a new one.
    fn content(&self, source: Fd, target: Fd, mode: Option<u32>) -> Result<(), Errno> {
        let (source, to) = (self.agent.file(source)?, self.agent.file(target)?);
        if source.kind().mode() != S_IFREG || to.kind().mode() != S_IFREG {
            return Err(Errno::EINVAL);
        }
        let mut piece = vec![0; PIECE];
        loop {
            let count = source.read(&mut piece)?;
            let mut rest = piece.get(..count).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            while !rest.is_empty() {
                let count = to.write(rest)?;
                if count == 0 {
                    return Err(Errno::EIO);
                }
                rest = rest.get(count..).unwrap_or_default();
            }
        }
        mode.map_or(Ok(()), |mode| self.agent.fchmod(target, mode))
    }
}

fn below(directory: &[u8], name: &[u8]) -> Vec<u8> {
    [directory, b"/", name].concat()
}

fn failing(path: &[u8]) -> impl FnOnce(Errno) -> Failure + '_ {
    move |errno| failure(errno, "cp", path)
}
