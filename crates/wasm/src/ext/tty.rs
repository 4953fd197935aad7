//! Terminals.

use secure_exec_kernel::Errno;
use secure_exec_kernel::abi::termios::{
    ControlFlags, InputFlags, LocalFlags, NCCS, OutputFlags, TcsetAction, Termios, Winsize,
};

use crate::call::{Call, Fault, Outcome};
use crate::memory::length;

/// Length of Linux's `struct termios`, the line speeds that follow included.
const TERMIOS: usize = 60;
/// Where its control characters are, behind the line discipline.
const CONTROL_CHARACTERS: usize = 17;
/// Length of a window size.
const WINSIZE: u32 = 8;

pub(super) fn tty_isatty(call: &mut Call<'_>, fd: i32) -> Outcome<i32> {
    Ok(i32::from(call.host.process.isatty(fd)))
}

pub(super) fn tty_winsize(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    let size = call.host.process.tiocgwinsz(fd)?;
    let numbers = [size.rows, size.cols, size.xpixel, size.ypixel];
    let record: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    call.memory.put(out, &record)
}

pub(super) fn tty_set_winsize(call: &mut Call<'_>, fd: i32, size: u32) -> Outcome<()> {
    call.memory.check(size, WINSIZE)?;
    let size = Winsize {
        rows: call.memory.u16(size)?,
        cols: call.memory.u16(size + 2)?,
        xpixel: call.memory.u16(size + 4)?,
        ypixel: call.memory.u16(size + 6)?,
    };
    Ok(call.host.process.tiocswinsz(fd, size)?)
}

pub(super) fn tty_getattr(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    call.memory.check(out, length(TERMIOS)?)?;
    let termios = call.host.process.tcgetattr(fd)?;
    let mut record = [0; TERMIOS];
    let flags = [
        termios.iflag.bits(),
        termios.oflag.bits(),
        termios.cflag.bits(),
        termios.lflag.bits(),
    ];
    for (field, flags) in record.chunks_exact_mut(4).zip(flags) {
        field.copy_from_slice(&flags.to_le_bytes());
    }
    if let Some(field) = record.get_mut(CONTROL_CHARACTERS..CONTROL_CHARACTERS + NCCS) {
        field.copy_from_slice(&termios.cc);
    }
    call.memory.put(out, &record)
}

pub(super) fn tty_setattr(call: &mut Call<'_>, fd: i32, action: i32, record: u32) -> Outcome<()> {
    call.memory.check(record, length(TERMIOS)?)?;
    let action = match action {
        0 => TcsetAction::TCSANOW,
        1 => TcsetAction::TCSADRAIN,
        2 => TcsetAction::TCSAFLUSH,
        _ => return Err(Errno::EINVAL.into()),
    };
    let mut cc = [0; NCCS];
    cc.copy_from_slice(
        call.memory
            .bytes(record + length(CONTROL_CHARACTERS)?, length(NCCS)?)?,
    );
    let termios = Termios {
        iflag: InputFlags::from_bits_retain(call.memory.u32(record)?),
        oflag: OutputFlags::from_bits_retain(call.memory.u32(record + 4)?),
        cflag: ControlFlags::from_bits_retain(call.memory.u32(record + 8)?),
        lflag: LocalFlags::from_bits_retain(call.memory.u32(record + 12)?),
        cc,
    };
    call.wait_for(|process, _, cx| {
        let set = process.poll_tcsetattr(fd, action, &termios, cx);
        set.map_err(Fault::from)
    })
}

pub(super) fn tty_getpgrp(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    call.memory.check(out, 4)?;
    let pgid = call.host.process.tcgetpgrp(fd)?;
    call.memory.put_i32(out, pgid.raw())
}

pub(super) fn tty_setpgrp(call: &mut Call<'_>, fd: i32, pgid: i32) -> Outcome<()> {
    call.wait_for(|process, _, cx| process.poll_tcsetpgrp(fd, pgid, cx).map_err(Fault::from))
}

pub(super) fn tty_acquire(call: &mut Call<'_>, fd: i32) -> Outcome<()> {
    Ok(call.host.process.tiocsctty(fd)?)
}
