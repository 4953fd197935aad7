//! Terminals.

use secure_exec_kernel::{Errno, FileKind};

use crate::call::{Call, Outcome};

pub(super) fn tty_isatty(call: &mut Call<'_>, fd: i32) -> Outcome<i32> {
    let file = call.host.process.file(fd);
    Ok(i32::from(
        file.is_ok_and(|file| file.kind() == FileKind::Tty),
    ))
}

/// Fails as it does for whatever is no terminal: the kernel has none yet.
fn terminal(call: &Call<'_>, fd: i32) -> Result<(), Errno> {
    call.host.process.file(fd)?;
    Err(Errno::ENOTTY)
}

pub(super) fn tty_winsize(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    call.memory.check(out, 8)?;
    Ok(terminal(call, fd)?)
}

pub(super) fn tty_set_winsize(call: &mut Call<'_>, fd: i32, size: u32) -> Outcome<()> {
    call.memory.check(size, 8)?;
    Ok(terminal(call, fd)?)
}

pub(super) fn tty_getattr(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    call.memory.check(out, 60)?;
    Ok(terminal(call, fd)?)
}

pub(super) fn tty_setattr(call: &mut Call<'_>, fd: i32, action: i32, termios: u32) -> Outcome<()> {
    call.memory.check(termios, 60)?;
    if !(0..=2).contains(&action) {
        return Err(Errno::EINVAL.into());
    }
    Ok(terminal(call, fd)?)
}

pub(super) fn tty_getpgrp(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    call.memory.check(out, 4)?;
    Ok(terminal(call, fd)?)
}

pub(super) fn tty_setpgrp(call: &mut Call<'_>, fd: i32, _pgid: i32) -> Outcome<()> {
    Ok(terminal(call, fd)?)
}
