//! Settings and size of a terminal as strace shows them.

use super::flags::{Names, names};
use super::structs::Shown;
use crate::abi::termios::{Termios, Winsize};
use core::fmt;

const INPUT: Names = &[
    (0o1, "IGNBRK"),
    (0o2, "BRKINT"),
    (0o4, "IGNPAR"),
    (0o10, "PARMRK"),
    (0o20, "INPCK"),
    (0o40, "ISTRIP"),
    (0o100, "INLCR"),
    (0o200, "IGNCR"),
    (0o400, "ICRNL"),
    (0o1000, "IUCLC"),
    (0o2000, "IXON"),
    (0o4000, "IXANY"),
    (0o10000, "IXOFF"),
    (0o20000, "IMAXBEL"),
    (0o40000, "IUTF8"),
];
const OUTPUT: Names = &[
    (0o1, "OPOST"),
    (0o2, "OLCUC"),
    (0o4, "ONLCR"),
    (0o10, "OCRNL"),
    (0o20, "ONOCR"),
    (0o40, "ONLRET"),
    (0o100, "OFILL"),
    (0o200, "OFDEL"),
];
/// Delays of output: mask, lowest bit, and the name with the value behind it.
const DELAYS: [(u32, u32, &str); 6] = [
    (0o400, 8, "NL"),
    (0o3000, 9, "CR"),
    (0o14000, 11, "TAB"),
    (0o20000, 13, "BS"),
    (0o40000, 14, "VT"),
    (0o100_000, 15, "FF"),
];
const CONTROL: Names = &[
    (0o100, "CSTOPB"),
    (0o200, "CREAD"),
    (0o400, "PARENB"),
    (0o1000, "PARODD"),
    (0o2000, "HUPCL"),
    (0o4000, "CLOCAL"),
];
/// Mask of the speed in `c_cflag`.
const SPEED: u32 = 0o10_017;
const SPEEDS: [&str; 16] = [
    "B0", "B50", "B75", "B110", "B134", "B150", "B200", "B300", "B600", "B1200", "B1800", "B2400",
    "B4800", "B9600", "B19200", "B38400",
];
const LOCAL: Names = &[
    (0o1, "ISIG"),
    (0o2, "ICANON"),
    (0o4, "XCASE"),
    (0o10, "ECHO"),
    (0o20, "ECHOE"),
    (0o40, "ECHOK"),
    (0o100, "ECHONL"),
    (0o200, "NOFLSH"),
    (0o100_000, "IEXTEN"),
    (0o1000, "ECHOCTL"),
    (0o2000, "ECHOPRT"),
    (0o4000, "ECHOKE"),
    (0o10000, "FLUSHO"),
    (0o40000, "PENDIN"),
    (0o400, "TOSTOP"),
];

impl fmt::Display for Shown<'_, Termios> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{c_iflag=")?;
        names(f, self.0.iflag.bits().into(), INPUT, "")?;
        f.write_str(", c_oflag=")?;
        let output = self.0.oflag.bits();
        let mut rest = output;
        for (at, (mask, shift, name)) in DELAYS.into_iter().enumerate() {
            f.write_str(if at > 0 { "|" } else { "" })?;
            match (name, (output & mask) >> shift) {
                ("TAB", 3) => f.write_str("XTABS")?,
                (name, value) => write!(f, "{name}{value}")?,
            }
            rest &= !mask;
        }
        if rest != 0 {
            f.write_str("|")?;
            names(f, rest.into(), OUTPUT, "")?;
        }
        let control = self.0.cflag.bits();
        match SPEEDS.get((control & SPEED) as usize) {
            Some(speed) => write!(f, ", c_cflag={speed}")?,
            None => write!(f, ", c_cflag={:#x}", control & SPEED)?,
        }
        write!(f, "|CS{}", 5 + ((control >> 4) & 3))?;
        let rest = control & !SPEED & !0o60;
        if rest != 0 {
            f.write_str("|")?;
            names(f, rest.into(), CONTROL, "")?;
        }
        f.write_str(", c_lflag=")?;
        names(f, self.0.lflag.bits().into(), LOCAL, "")?;
        f.write_str(", ...}")
    }
}

/// The size of a window.
pub(crate) struct WindowSize(pub Winsize);

impl fmt::Display for WindowSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Winsize {
            rows,
            cols,
            xpixel,
            ypixel,
        } = self.0;
        write!(
            f,
            "{{ws_row={rows}, ws_col={cols}, ws_xpixel={xpixel}, ws_ypixel={ypixel}}}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::termios::{ControlFlags, InputFlags, LocalFlags, OutputFlags};

    #[test]
    fn settings_of_a_new_terminal() {
        assert_eq!(
            Shown(&Termios::default()).to_string(),
            "{c_iflag=ICRNL|IXON, c_oflag=NL0|CR0|TAB0|BS0|VT0|FF0|OPOST|ONLCR, c_cflag=B38400|CS8|CREAD, \
             c_lflag=ISIG|ICANON|ECHO|ECHOE|ECHOK|IEXTEN|ECHOCTL|ECHOKE, ...}"
        );
    }

    #[test]
    fn settings_with_and_without_everything() {
        let mut termios = Termios {
            iflag: InputFlags::empty(),
            oflag: OutputFlags::XTABS | OutputFlags::OPOST,
            cflag: ControlFlags::empty(),
            lflag: LocalFlags::empty(),
            ..Termios::default()
        };
        assert_eq!(
            Shown(&termios).to_string(),
            "{c_iflag=, c_oflag=NL0|CR0|XTABS|BS0|VT0|FF0|OPOST, c_cflag=B0|CS5, c_lflag=, ...}"
        );
        termios.iflag = InputFlags::from_bits_retain(!0);
        assert!(
            Shown(&termios)
                .to_string()
                .starts_with("{c_iflag=IGNBRK|BRKINT|IGNPAR|PARMRK|INPCK|")
        );
        assert!(
            Shown(&termios)
                .to_string()
                .contains("IMAXBEL|IUTF8|0xffff8000, ")
        );
    }
}
