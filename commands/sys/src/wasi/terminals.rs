//! Terminals and the machine's names.

use std::io;

use super::{check, imports};
use crate::termios::Termios;
use crate::{Fd, Pid};

const TERMIOS_LEN: usize = 60;

pub(crate) fn tty_isatty(fd: Fd) -> bool {
    // SAFETY: no pointers.
    unsafe { imports::tty_isatty(fd) == 1 }
}

pub(crate) fn tty_winsize(fd: Fd) -> io::Result<[u16; 4]> {
    let mut out = [0; 4];
    // SAFETY: room for four numbers.
    check(unsafe { imports::tty_winsize(fd, out.as_mut_ptr()) })?;
    Ok(out)
}

pub(crate) fn tty_set_winsize(fd: Fd, size: [u16; 4]) -> io::Result<()> {
    // SAFETY: four numbers.
    check(unsafe { imports::tty_set_winsize(fd, size.as_ptr()) })
}

pub(crate) fn tty_getattr(fd: Fd) -> io::Result<Termios> {
    let mut record = [0_u8; TERMIOS_LEN];
    // SAFETY: room for the record.
    check(unsafe { imports::tty_getattr(fd, record.as_mut_ptr()) })?;
    let word = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&record[at..at + 4]);
        u32::from_le_bytes(bytes)
    };
    let mut cc = [0; 19];
    cc.copy_from_slice(&record[17..36]);
    Ok(Termios {
        iflag: word(0),
        oflag: word(4),
        cflag: word(8),
        lflag: word(12),
        line: record[16],
        cc,
    })
}

pub(crate) fn tty_setattr(fd: Fd, action: i32, termios: &Termios) -> io::Result<()> {
    let mut record = [0_u8; TERMIOS_LEN];
    for (at, word) in [termios.iflag, termios.oflag, termios.cflag, termios.lflag]
        .into_iter()
        .enumerate()
    {
        record[at * 4..at * 4 + 4].copy_from_slice(&word.to_le_bytes());
    }
    record[16] = termios.line;
    record[17..36].copy_from_slice(&termios.cc);
    // SAFETY: a whole record.
    check(unsafe { imports::tty_setattr(fd, action, record.as_ptr()) })
}

pub(crate) fn tty_getpgrp(fd: Fd) -> io::Result<Pid> {
    let mut out = 0;
    // SAFETY: room for the result.
    check(unsafe { imports::tty_getpgrp(fd, &raw mut out) })?;
    Ok(out)
}

pub(crate) fn tty_setpgrp(fd: Fd, pgid: Pid) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::tty_setpgrp(fd, pgid) })
}

pub(crate) fn tty_acquire(fd: Fd) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::tty_acquire(fd) })
}

pub(crate) fn sys_uname() -> io::Result<[String; 5]> {
    let mut buffer = vec![0; 1024];
    let mut len = 0;
    // SAFETY: the buffer with its length, room for the result's.
    check(unsafe { imports::sys_uname(buffer.as_mut_ptr(), buffer.len(), &raw mut len) })?;
    let mut names = buffer[..len.min(1024)]
        .split(|b| *b == 0)
        .map(|s| String::from_utf8_lossy(s).into_owned());
    Ok(std::array::from_fn(|_| names.next().unwrap_or_default()))
}
