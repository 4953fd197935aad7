//! Open files without a name: pipes, sockets, pseudoterminals.

use super::Kernel;
use crate::abi::fcntl::OpenFlags;
use crate::abi::stat::FileKind;
use crate::abi::termios::Winsize;
use crate::errno::{Errno, Result};
use crate::fs::anon::AnonInode;
use crate::limits::Slot;
use crate::net::Socket;
use crate::pipe::Pipe;
use crate::tty::Terminal;
use crate::vfs::{
    Credentials, File, FileDescription, OpenPath, OpenRequest, Ownership, USER_ID, VirtualDentry,
};
use core::sync::atomic::Ordering;
use std::sync::Arc;

impl Kernel {
    /// Makes a pipe that belongs to the embedder: reading end, writing end.
    ///
    /// # Errors
    /// None at present.
    pub fn pipe(&self) -> Result<(Arc<FileDescription>, Arc<FileDescription>)> {
        Ok(self.make_pipe(Credentials::user(USER_ID), OpenFlags::empty(), None))
    }

    /// Makes a pseudoterminal for the embedder: master and slave, open and unlocked.
    ///
    /// # Errors
    /// - `ENOSPC`: there are as many as allowed.
    pub fn open_pty(
        &self,
        winsize: Winsize,
    ) -> Result<(Arc<FileDescription>, Arc<FileDescription>)> {
        let mut at = self.root_at();
        at.caller = self.file_agent().caller();
        let request = OpenRequest {
            flags: OpenFlags::O_RDWR | OpenFlags::O_NOCTTY,
            mode: 0,
        };
        let master = self.vfs.open(&at, b"/dev/ptmx", request)?;
        let pty = Terminal::of(&master).ok_or(Errno::ENODEV)?.pty().clone();
        pty.unlock();
        pty.set_winsize(winsize);
        let path = format!("/dev/pts/{}", pty.index());
        let slave = self.vfs.open(&at, path.as_bytes(), request)?;
        Ok((master, slave))
    }

    /// Makes a pipe that counts against the guests' limit.
    pub(crate) fn guest_pipe(
        &self,
        credentials: Credentials,
        flags: OpenFlags,
    ) -> Result<(Arc<FileDescription>, Arc<FileDescription>)> {
        let slot = self.vfs.pipe_slot()?;
        Ok(self.make_pipe(credentials, flags, Some(slot)))
    }

    fn make_pipe(
        &self,
        credentials: Credentials,
        flags: OpenFlags,
        slot: Option<Slot>,
    ) -> (Arc<FileDescription>, Arc<FileDescription>) {
        let pipe = Pipe::new();
        let (read, write) = (flags, flags | OpenFlags::O_WRONLY);
        let reader = pipe.open(read, slot.clone());
        let writer = pipe.open(write, slot.clone());
        let owner = Ownership::new(0o600, credentials.euid, credentials.egid);
        let path = self.anonymous(FileKind::Pipe, owner, Some((pipe, slot)));
        (
            self.describe(path.clone(), Arc::new(reader), read),
            self.describe(path, Arc::new(writer), write),
        )
    }

    /// An open file for a socket.
    pub(crate) fn describe_socket(
        &self,
        credentials: &Credentials,
        socket: Arc<dyn Socket>,
        flags: OpenFlags,
    ) -> Arc<FileDescription> {
        let owner = Ownership::new(0o777, credentials.euid, credentials.egid);
        let path = self.anonymous(FileKind::Socket, owner, None);
        self.describe(path, socket, flags | OpenFlags::O_RDWR)
    }

    /// Makes a nameless inode as something to open.
    pub(crate) fn anonymous(
        &self,
        kind: FileKind,
        owner: Ownership,
        pipe: Option<(Arc<Pipe>, Option<Slot>)>,
    ) -> OpenPath {
        let ino = self.next_anon_ino.fetch_add(1, Ordering::Relaxed);
        let clock = self.vfs.clock.clone();
        let name = match kind {
            FileKind::Pipe => format!("pipe:[{ino}]"),
            FileKind::Socket => format!("socket:[{ino}]"),
            _ => "anon_inode:inotify".into(),
        };
        let inode = Arc::new(AnonInode::new(ino, kind, owner, clock, pipe));
        let dentry = VirtualDentry {
            mount: self.anon.clone(),
            inode,
        };
        OpenPath {
            dentry,
            parent: None,
            name: name.into_bytes().into_boxed_slice(),
        }
    }

    pub(crate) fn describe(
        &self,
        path: OpenPath,
        file: Arc<dyn File>,
        flags: OpenFlags,
    ) -> Arc<FileDescription> {
        FileDescription::new(path, Some(file), flags, self.vfs.watches.clone(), None)
    }
}
