//! Linux's `struct termios`, its flags and the raw mode of line editors.

use secure_exec_abi::termios::{InputFlags, LocalFlags, NCCS, OutputFlags};
pub use secure_exec_abi::termios::{VEOF, VERASE, VINTR, VKILL, VMIN, VQUIT, VSUSP, VTIME};

/// The settings of a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Termios {
    pub iflag: u32,
    pub oflag: u32,
    pub cflag: u32,
    pub lflag: u32,
    pub line: u8,
    pub cc: [u8; NCCS],
}

pub const ICRNL: u32 = InputFlags::ICRNL.bits();
pub const IXON: u32 = InputFlags::IXON.bits();
pub const BRKINT: u32 = InputFlags::BRKINT.bits();
pub const INPCK: u32 = InputFlags::INPCK.bits();
pub const ISTRIP: u32 = InputFlags::ISTRIP.bits();
pub const INLCR: u32 = InputFlags::INLCR.bits();
pub const IGNCR: u32 = InputFlags::IGNCR.bits();
pub const OPOST: u32 = OutputFlags::OPOST.bits();
pub const ONLCR: u32 = OutputFlags::ONLCR.bits();
pub const ISIG: u32 = LocalFlags::ISIG.bits();
pub const ICANON: u32 = LocalFlags::ICANON.bits();
pub const ECHO: u32 = LocalFlags::ECHO.bits();
pub const ECHOE: u32 = LocalFlags::ECHOE.bits();
pub const ECHOK: u32 = LocalFlags::ECHOK.bits();
pub const ECHONL: u32 = LocalFlags::ECHONL.bits();
pub const TOSTOP: u32 = LocalFlags::TOSTOP.bits();
pub const IEXTEN: u32 = LocalFlags::IEXTEN.bits();

impl Termios {
    /// These settings with input byte by byte, no echo, no signals; output stays processed.
    #[must_use]
    pub fn raw_input(mut self) -> Self {
        self.iflag &= !(ICRNL | IXON | BRKINT | INPCK | ISTRIP | INLCR | IGNCR);
        self.lflag &= !(ICANON | ECHO | ISIG | IEXTEN);
        self.cc[VMIN] = 1;
        self.cc[VTIME] = 0;
        self
    }
}
