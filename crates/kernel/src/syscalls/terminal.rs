//! Terminals: settings, window size, groups and sessions (`termios(3)`, `ioctl_tty(2)`).

use super::Sysno;
use crate::abi::fcntl::{OpenFlags, PATH_MAX};
use crate::abi::termios::{TcflowAction, TcflushQueue, TcsetAction, Termios, Winsize};
use crate::abi::{Fd, Pid};
use crate::errno::{Errno, Result};
use crate::process::{Process, TerminalUse};
use crate::trace::{self, Args, Stored, Traced, WindowSize};
use crate::tty::{Pty, Terminal};
use crate::vfs::FileDescription;
use core::fmt;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

impl Process {
    /// Pseudoterminal behind a descriptor, whichever end it is.
    fn pty(&self, fd: Fd) -> Result<Arc<Pty>> {
        let file = self.file(fd)?;
        let terminal = Terminal::of(&file).ok_or(Errno::ENOTTY)?;
        match terminal {
            Terminal::Slave(pty) if pty.is_hung_up() => Err(Errno::EIO),
            terminal => Ok(terminal.pty().clone()),
        }
    }

    /// Runs a change of the terminal that only the foreground group may make.
    fn poll_change<T: Traced>(
        &self,
        call: Sysno,
        args: fmt::Arguments<'_>,
        fd: Fd,
        cx: &mut Context<'_>,
        change: impl FnOnce(&Arc<Pty>) -> Result<T>,
    ) -> Poll<Result<T>> {
        self.enter_poll(call, args, cx, |cx| {
            let pty = match self.pty(fd) {
                Ok(pty) => pty,
                Err(errno) => return Poll::Ready(Err(errno)),
            };
            match self.terminal_for(fd, TerminalUse::Change, cx) {
                Poll::Ready(Ok(_)) => Poll::Ready(change(&pty)),
                Poll::Ready(Err(errno)) => Poll::Ready(Err(errno)),
                Poll::Pending => Poll::Pending,
            }
        })
    }

    /// Implements `isatty(3)`.
    pub fn isatty(&self, fd: Fd) -> bool {
        self.enter(
            Sysno::Isatty,
            Args::around(format_args!("{fd}, TCGETS, "), format_args!("")),
            || Ok(self.pty(fd)?.termios()),
        )
        .is_ok()
    }

    /// Implements `ttyname(3)`.
    ///
    /// # Errors
    /// - `EBADF`, `ENOTTY`: not open, or no terminal.
    /// - `EIO`: it has been hung up.
    pub fn ttyname(&self, fd: Fd) -> Result<Vec<u8>> {
        self.enter(
            Sysno::Ttyname,
            Args::around(
                format_args!("AT_FDCWD, \"/proc/self/fd/{fd}\", "),
                format_args!(", {PATH_MAX}"),
            ),
            || {
                let pty = self.pty(fd)?;
                Ok(match Terminal::of(&*self.file(fd)?) {
                    Some(Terminal::Master(_)) => b"/dev/ptmx".to_vec(),
                    _ => format!("/dev/pts/{}", pty.index()).into_bytes(),
                })
            },
        )
    }

    /// Implements `ptsname(3)`: the slave that belongs to a master.
    ///
    /// # Errors
    /// - `EBADF`, `ENOTTY`: not open, or no master.
    pub fn ptsname(&self, fd: Fd) -> Result<Vec<u8>> {
        let index = self.enter(
            Sysno::Ptsname,
            Args::around(format_args!("{fd}, TIOCGPTN, "), format_args!("")),
            || Ok(Stored(self.master(fd)?.index())),
        );
        index.map(|Stored(index)| format!("/dev/pts/{index}").into_bytes())
    }

    /// Implements `unlockpt(3)`: the slave may be opened from now on.
    ///
    /// # Errors
    /// - `EBADF`, `ENOTTY`: not open, or no master.
    pub fn unlockpt(&self, fd: Fd) -> Result<()> {
        self.enter(
            Sysno::Unlockpt,
            format_args!("{fd}, TIOCSPTLCK, [0]"),
            || {
                self.master(fd)?.unlock();
                Ok(())
            },
        )
    }

    fn master(&self, fd: Fd) -> Result<Arc<Pty>> {
        match Terminal::of(&*self.file(fd)?) {
            Some(Terminal::Master(pty)) => Ok(pty.clone()),
            _ => Err(Errno::ENOTTY),
        }
    }

    /// Implements `tcgetattr(3)`.
    ///
    /// # Errors
    /// - `EBADF`, `ENOTTY`: not open, or no terminal.
    /// - `EIO`: it has been hung up.
    pub fn tcgetattr(&self, fd: Fd) -> Result<Termios> {
        self.enter(
            Sysno::Tcgetattr,
            Args::around(format_args!("{fd}, TCGETS, "), format_args!("")),
            || Ok(self.pty(fd)?.termios()),
        )
    }

    /// Implements `tcsetattr(3)`.
    ///
    /// # Errors
    /// - `EBADF`, `ENOTTY`: not open, or no terminal.
    /// - `EIO`: it has been hung up, or an orphaned group is in the background.
    /// - `EINTR`: a handler of `SIGTTOU` is about to run.
    ///
    /// # Blocking
    /// Pending while `SIGTTOU` keeps a process of the background stopped.
    pub fn poll_tcsetattr(
        &self,
        fd: Fd,
        action: TcsetAction,
        termios: &Termios,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        let request = match action {
            TcsetAction::TCSANOW => "TCSETS",
            TcsetAction::TCSADRAIN => "TCSETSW",
            TcsetAction::TCSAFLUSH => "TCSETSF",
        };
        let args = format_args!("{fd}, {request}, {}", trace::Shown(termios));
        self.poll_change(Sysno::Tcsetattr, args, fd, cx, |pty| {
            pty.set_termios(*termios, action);
            Ok(())
        })
    }

    /// As [`Process::poll_tcsetattr`], with `EINTR` instead of waiting.
    ///
    /// # Errors
    /// As [`Process::poll_tcsetattr`].
    pub fn tcsetattr(&self, fd: Fd, action: TcsetAction, termios: &Termios) -> Result<()> {
        without_waiting(|cx| self.poll_tcsetattr(fd, action, termios, cx))
    }

    /// Implements `tcflush(3)`.
    ///
    /// # Errors
    /// As [`Process::poll_tcsetattr`], with `EINTR` instead of waiting.
    pub fn tcflush(&self, fd: Fd, queue: TcflushQueue) -> Result<()> {
        let args = format_args!("{fd}, TCFLSH, {queue:?}");
        without_waiting(|cx| {
            self.poll_change(Sysno::Tcflush, args, fd, cx, |pty| {
                pty.flush(queue);
                Ok(())
            })
        })
    }

    /// Implements `tcflow(3)`.
    ///
    /// # Errors
    /// As [`Process::poll_tcsetattr`], with `EINTR` instead of waiting.
    pub fn tcflow(&self, fd: Fd, action: TcflowAction) -> Result<()> {
        let args = format_args!("{fd}, TCXONC, {action:?}");
        without_waiting(|cx| {
            self.poll_change(Sysno::Tcflow, args, fd, cx, |pty| {
                pty.flow(action);
                Ok(())
            })
        })
    }

    /// Implements `tcdrain(3)`: what was written to a pseudoterminal is with its master already.
    ///
    /// # Errors
    /// As [`Process::poll_tcsetattr`], with `EINTR` instead of waiting.
    pub fn tcdrain(&self, fd: Fd) -> Result<()> {
        let args = format_args!("{fd}, TCSBRK, 1");
        without_waiting(|cx| self.poll_change(Sysno::Tcdrain, args, fd, cx, |_| Ok(())))
    }

    /// Implements `tcsendbreak(3)`, which means nothing to a pseudoterminal.
    ///
    /// # Errors
    /// As [`Process::poll_tcsetattr`], with `EINTR` instead of waiting.
    pub fn tcsendbreak(&self, fd: Fd, duration: i32) -> Result<()> {
        // As the C library has it: the unit of a break that lasts is the kernel's.
        let args = format_args!(
            "{fd}, {}, {duration}",
            if duration > 0 { "TCSBRKP" } else { "TCSBRK" }
        );
        without_waiting(|cx| self.poll_change(Sysno::Tcsendbreak, args, fd, cx, |_| Ok(())))
    }

    /// Implements `TIOCGWINSZ`.
    ///
    /// # Errors
    /// - `EBADF`, `ENOTTY`: not open, or no terminal.
    /// - `EIO`: it has been hung up.
    pub fn tiocgwinsz(&self, fd: Fd) -> Result<Winsize> {
        self.enter(
            Sysno::Tiocgwinsz,
            Args::around(format_args!("{fd}, TIOCGWINSZ, "), format_args!("")),
            || Ok(self.pty(fd)?.winsize()),
        )
    }

    /// Implements `TIOCSWINSZ`: the foreground group gets `SIGWINCH` if the size is another.
    ///
    /// # Errors
    /// As [`Process::tiocgwinsz`].
    pub fn tiocswinsz(&self, fd: Fd, winsize: Winsize) -> Result<()> {
        let args = format_args!("{fd}, TIOCSWINSZ, {}", WindowSize(winsize));
        self.enter(Sysno::Tiocswinsz, args, || {
            self.pty(fd)?.set_winsize(winsize);
            Ok(())
        })
    }

    /// Implements `tcgetpgrp(3)`.
    ///
    /// # Errors
    /// - `EBADF`: not open.
    /// - `ENOTTY`: not the controlling terminal of this process, nor a master.
    pub fn tcgetpgrp(&self, fd: Fd) -> Result<Pid> {
        self.enter(
            Sysno::Tcgetpgrp,
            Args::around(format_args!("{fd}, TIOCGPGRP, "), format_args!("")),
            || {
                let pty = self.own_terminal(fd)?;
                Ok(Stored(pty.foreground().unwrap_or(Pid::from_raw(0))))
            },
        )
        .map(|Stored(group)| group)
    }

    /// Implements `tcsetpgrp(3)`.
    ///
    /// # Errors
    /// - `EBADF`: not open.
    /// - `ENOTTY`: not the controlling terminal of this process, or an orphaned group is in the background.
    /// - `EINVAL`: a negative group.
    /// - `ESRCH`: no such group.
    /// - `EPERM`: the group is of another session.
    /// - `EINTR`: a handler of `SIGTTOU` is about to run.
    ///
    /// # Blocking
    /// Pending while `SIGTTOU` keeps a process of the background stopped.
    pub fn poll_tcsetpgrp(&self, fd: Fd, pgid: i32, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let args = format_args!("{fd}, TIOCSPGRP, [{pgid}]");
        let polled = self.poll_change(Sysno::Tcsetpgrp, args, fd, cx, |_| {
            let pty = self.own_terminal(fd)?;
            let group = u32::try_from(pgid).map_err(|_| Errno::EINVAL)?;
            let group = Pid::from_raw(group.cast_signed());
            let kernel = self.kernel()?;
            let table = kernel.table.lock();
            let sid = table.row(self.pid())?.sid;
            if !table.rows().any(|(_, row)| row.pgid == group) {
                return Err(Errno::ESRCH);
            }
            if !table.group_in_session(group, sid) {
                return Err(Errno::EPERM);
            }
            pty.set_foreground(group);
            Ok(())
        });
        polled.map_err(|errno| {
            if errno == Errno::EIO {
                Errno::ENOTTY
            } else {
                errno
            }
        })
    }

    /// As [`Process::poll_tcsetpgrp`], with `EINTR` instead of waiting.
    ///
    /// # Errors
    /// As [`Process::poll_tcsetpgrp`].
    pub fn tcsetpgrp(&self, fd: Fd, pgid: i32) -> Result<()> {
        without_waiting(|cx| self.poll_tcsetpgrp(fd, pgid, cx))
    }

    /// Implements `tcgetsid(3)`.
    ///
    /// # Errors
    /// As [`Process::tcgetpgrp`].
    pub fn tcgetsid(&self, fd: Fd) -> Result<Pid> {
        self.enter(
            Sysno::Tcgetsid,
            Args::around(format_args!("{fd}, TIOCGSID, "), format_args!("")),
            || {
                let session = self.own_terminal(fd)?.session();
                session.map(Stored).ok_or(Errno::ENOTTY)
            },
        )
        .map(|Stored(session)| session)
    }

    /// The controlling terminal of this process, or through a master the terminal it serves.
    fn own_terminal(&self, fd: Fd) -> Result<Arc<Pty>> {
        let pty = self.pty(fd)?;
        let master = matches!(Terminal::of(&*self.file(fd)?), Some(Terminal::Master(_)));
        let own = || {
            self.controlling_terminal()
                .is_some_and(|own| Arc::ptr_eq(&own, &pty))
        };
        if master || own() {
            Ok(pty)
        } else {
            Err(Errno::ENOTTY)
        }
    }

    /// Implements `TIOCSCTTY`: a session leader without a terminal takes this one.
    ///
    /// # Errors
    /// - `EBADF`, `ENOTTY`: not open, or no terminal.
    /// - `EPERM`: not a session leader, or it or the terminal is bound otherwise.
    pub fn tiocsctty(&self, fd: Fd) -> Result<()> {
        self.enter(Sysno::Tiocsctty, format_args!("{fd}, TIOCSCTTY, 0"), || {
            let pty = self.pty(fd)?;
            if self.take_terminal(&pty)? {
                Ok(())
            } else {
                Err(Errno::EPERM)
            }
        })
    }

    /// Implements `TIOCNOTTY`: a session leader gives its terminal up; the foreground group is hung up.
    ///
    /// # Errors
    /// - `EBADF`: not open.
    /// - `ENOTTY`: not the controlling terminal, or not a session leader.
    pub fn tiocnotty(&self, fd: Fd) -> Result<()> {
        self.enter(Sysno::Tiocnotty, format_args!("{fd}, TIOCNOTTY"), || {
            let pty = self.own_terminal(fd)?;
            if pty.session() != Some(self.pid()) {
                return Err(Errno::ENOTTY);
            }
            let kernel = self.kernel()?;
            if let Some(group) = pty.release_session() {
                kernel.deliver_to_group(group, crate::Signal::SIGHUP);
                kernel.deliver_to_group(group, crate::Signal::SIGCONT);
            }
            Ok(())
        })
    }

    /// Whether this process, a session leader, has the terminal as its own afterwards.
    fn take_terminal(&self, pty: &Arc<Pty>) -> Result<bool> {
        let kernel = self.kernel()?;
        let (sid, pgid) = {
            let table = kernel.table.lock();
            let row = table.row(self.pid())?;
            (row.sid, row.pgid)
        };
        if sid != self.pid() {
            return Ok(false);
        }
        match kernel.ttys().of_session(sid) {
            Some(own) => Ok(Arc::ptr_eq(&own, pty)),
            None => Ok(pty.acquire_session(sid, pgid)),
        }
    }

    /// What opening a terminal without `O_NOCTTY` does beyond opening it.
    pub(crate) fn adopt_terminal(&self, file: &FileDescription) {
        if let Some(Terminal::Slave(pty)) = Terminal::of(file)
            && file.status_flags().intersection(OpenFlags::O_ACCMODE) != OpenFlags::O_WRONLY
        {
            // Somebody who cannot have it opens it all the same.
            let _ = self.take_terminal(pty);
        }
    }
}

/// Polls once: whoever would wait has been stopped, which a caller that cannot wait sees as interrupted.
fn without_waiting<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<Result<T>>) -> Result<T> {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Errno::EINTR),
    }
}
