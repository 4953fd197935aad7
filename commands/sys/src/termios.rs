//! Linux's `struct termios`, its flags and the raw mode of line editors.

/// The settings of a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Termios {
    pub iflag: u32,
    pub oflag: u32,
    pub cflag: u32,
    pub lflag: u32,
    pub line: u8,
    pub cc: [u8; 19],
}

pub const ICRNL: u32 = 0o400;
pub const IXON: u32 = 0o2000;
pub const BRKINT: u32 = 0o2;
pub const INPCK: u32 = 0o20;
pub const ISTRIP: u32 = 0o40;
pub const INLCR: u32 = 0o100;
pub const IGNCR: u32 = 0o200;
pub const OPOST: u32 = 0o1;
pub const ONLCR: u32 = 0o4;
pub const ISIG: u32 = 0o1;
pub const ICANON: u32 = 0o2;
pub const ECHO: u32 = 0o10;
pub const ECHOE: u32 = 0o20;
pub const ECHOK: u32 = 0o40;
pub const ECHONL: u32 = 0o100;
pub const TOSTOP: u32 = 0o400;
pub const IEXTEN: u32 = 0o100_000;
pub const VINTR: usize = 0;
pub const VQUIT: usize = 1;
pub const VERASE: usize = 2;
pub const VKILL: usize = 3;
pub const VEOF: usize = 4;
pub const VTIME: usize = 5;
pub const VMIN: usize = 6;
pub const VSUSP: usize = 10;

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
