//! Terminals.

use std::io;

use crate::termios::Termios;
use crate::{Fd, Pid, backend};

/// The size of a terminal in characters and pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Winsize {
    pub rows: u16,
    pub columns: u16,
    pub width: u16,
    pub height: u16,
}

/// When new settings take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum When {
    Now = 0,
    /// After the output was sent.
    Drain = 1,
    /// After the output was sent, discarding input.
    Flush = 2,
}

#[must_use]
pub fn isatty(fd: Fd) -> bool {
    backend::tty_isatty(fd)
}

/// # Errors
/// `ENOTTY`: not a terminal.
pub fn winsize(fd: Fd) -> io::Result<Winsize> {
    let [rows, columns, width, height] = backend::tty_winsize(fd)?;
    Ok(Winsize {
        rows,
        columns,
        width,
        height,
    })
}

/// Rows and columns of a terminal; those of a common one, 24 and 80, where it does not say.
#[must_use]
pub fn screen_size(fd: Fd) -> (usize, usize) {
    let size = winsize(fd).unwrap_or_default();
    let or = |told: u16, common| if told == 0 { common } else { usize::from(told) };
    (or(size.rows, 24), or(size.columns, 80))
}

/// # Errors
/// `ENOTTY`: not a terminal.
pub fn set_winsize(fd: Fd, size: Winsize) -> io::Result<()> {
    backend::tty_set_winsize(fd, [size.rows, size.columns, size.width, size.height])
}

/// # Errors
/// `ENOTTY`: not a terminal.
pub fn getattr(fd: Fd) -> io::Result<Termios> {
    backend::tty_getattr(fd)
}

/// # Errors
/// `ENOTTY`: not a terminal.
pub fn setattr(fd: Fd, when: When, termios: &Termios) -> io::Result<()> {
    backend::tty_setattr(fd, when as i32, termios)
}

/// The process group in the foreground.
///
/// # Errors
/// `ENOTTY`: not the controlling terminal.
pub fn getpgrp(fd: Fd) -> io::Result<Pid> {
    backend::tty_getpgrp(fd)
}

/// # Errors
/// `ENOTTY`: not the controlling terminal. `EPERM`: a group of another session.
pub fn setpgrp(fd: Fd, pgid: Pid) -> io::Result<()> {
    backend::tty_setpgrp(fd, pgid)
}

/// Makes a terminal the one of this process's session, which it leads and which has none.
///
/// # Errors
/// `ENOTTY`: no terminal. `EPERM`: not the leader of a session without a terminal, or the terminal is another's.
pub fn acquire(fd: Fd) -> io::Result<()> {
    backend::tty_acquire(fd)
}
