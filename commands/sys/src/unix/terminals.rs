//! Terminals and the machine's names.

use std::ffi::CStr;
use std::io;

use super::check;
use crate::termios::Termios;
use crate::{Fd, Pid};

/// The kernel's `struct termios`, which differs from the C library's.
#[repr(C)]
#[derive(Clone, Copy)]
struct KernelTermios {
    flags: [u32; 4],
    line: u8,
    cc: [u8; 19],
    rest: [u8; 24],
}

const TCGETS: u64 = 0x5401;
const TCSETS: u64 = 0x5402;

pub(crate) fn tty_isatty(fd: Fd) -> bool {
    // SAFETY: no pointers.
    unsafe { libc::isatty(fd) == 1 }
}

pub(crate) fn tty_winsize(fd: Fd) -> io::Result<[u16; 4]> {
    let mut out = [0; 4];
    // SAFETY: `struct winsize` is four numbers.
    check(unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, out.as_mut_ptr()) })?;
    Ok(out)
}

pub(crate) fn tty_set_winsize(fd: Fd, size: [u16; 4]) -> io::Result<()> {
    // SAFETY: `struct winsize` is four numbers.
    check(unsafe { libc::ioctl(fd, libc::TIOCSWINSZ, size.as_ptr()) })?;
    Ok(())
}

pub(crate) fn tty_getattr(fd: Fd) -> io::Result<Termios> {
    let mut raw = KernelTermios {
        flags: [0; 4],
        line: 0,
        cc: [0; 19],
        rest: [0; 24],
    };
    // SAFETY: room for the struct and more.
    check(unsafe { libc::ioctl(fd, TCGETS as _, &raw mut raw) })?;
    let [iflag, oflag, cflag, lflag] = raw.flags;
    Ok(Termios {
        iflag,
        oflag,
        cflag,
        lflag,
        line: raw.line,
        cc: raw.cc,
    })
}

pub(crate) fn tty_setattr(fd: Fd, action: i32, termios: &Termios) -> io::Result<()> {
    let raw = KernelTermios {
        flags: [termios.iflag, termios.oflag, termios.cflag, termios.lflag],
        line: termios.line,
        cc: termios.cc,
        rest: [0; 24],
    };
    let request = TCSETS + u64::try_from(action.clamp(0, 2)).unwrap_or(0);
    // SAFETY: a whole struct.
    check(unsafe { libc::ioctl(fd, request as _, &raw const raw) })?;
    Ok(())
}

pub(crate) fn tty_getpgrp(fd: Fd) -> io::Result<Pid> {
    // SAFETY: no pointers.
    check(unsafe { libc::tcgetpgrp(fd) })
}

pub(crate) fn tty_setpgrp(fd: Fd, pgid: Pid) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::tcsetpgrp(fd, pgid) })?;
    Ok(())
}

pub(crate) fn tty_acquire(fd: Fd) -> io::Result<()> {
    // SAFETY: no pointers; 0 takes the terminal from nobody.
    check(unsafe { libc::ioctl(fd, libc::TIOCSCTTY, 0) })?;
    Ok(())
}

pub(crate) fn sys_uname() -> io::Result<[String; 5]> {
    // SAFETY: a struct of bytes.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: room for the struct.
    check(unsafe { libc::uname(&raw mut names) })?;
    let text = |field: &[libc::c_char]| {
        // SAFETY: the kernel ends each field with a NUL.
        unsafe { CStr::from_ptr(field.as_ptr()) }
            .to_string_lossy()
            .into_owned()
    };
    Ok([
        text(&names.sysname),
        text(&names.nodename),
        text(&names.release),
        text(&names.version),
        text(&names.machine),
    ])
}
