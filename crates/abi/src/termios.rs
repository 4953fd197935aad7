//! `termios.h` and the window size of `sys/ioctl.h`.

use bitflags::bitflags;

bitflags! {
    /// `c_iflag`: what happens to input.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct InputFlags: u32 {
        /// Ignores a break.
        const IGNBRK = 0o1;
        /// A break raises `SIGINT`.
        const BRKINT = 0o2;
        /// Ignores bytes with parity errors.
        const IGNPAR = 0o4;
        /// Marks parity errors; the byte 0xff is doubled.
        const PARMRK = 0o10;
        /// Checks parity.
        const INPCK = 0o20;
        /// Clears the eighth bit.
        const ISTRIP = 0o40;
        /// Newline becomes carriage return.
        const INLCR = 0o100;
        /// Drops carriage returns.
        const IGNCR = 0o200;
        /// Carriage return becomes newline.
        const ICRNL = 0o400;
        /// Upper case becomes lower case.
        const IUCLC = 0o1000;
        /// START and STOP control output.
        const IXON = 0o2000;
        /// Any byte restarts output.
        const IXANY = 0o4000;
        /// START and STOP are sent to control input.
        const IXOFF = 0o10000;
        /// Rings the bell when the input queue is full.
        const IMAXBEL = 0o20000;
        /// Input is UTF-8; erasing takes whole characters.
        const IUTF8 = 0o40000;
        const _ = !0;
    }
}

bitflags! {
    /// `c_oflag`: what happens to output.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct OutputFlags: u32 {
        /// Switches output processing on.
        const OPOST = 0o1;
        /// Lower case becomes upper case.
        const OLCUC = 0o2;
        /// Newline becomes carriage return and newline.
        const ONLCR = 0o4;
        /// Carriage return becomes newline.
        const OCRNL = 0o10;
        /// No carriage return at column 0.
        const ONOCR = 0o20;
        /// Newline returns the carriage.
        const ONLRET = 0o40;
        /// Tabs become spaces (the mask and the value of `TABDLY`).
        const XTABS = 0o14000;
        const _ = !0;
    }
}

bitflags! {
    /// `c_cflag`: the line, which a pseudoterminal only remembers.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct ControlFlags: u32 {
        /// 38400 baud.
        const B38400 = 0o17;
        /// Bytes of eight bits (the mask and the value of `CSIZE`).
        const CS8 = 0o60;
        /// Receives.
        const CREAD = 0o200;
        /// Parity.
        const PARENB = 0o400;
        const _ = !0;
    }
}

bitflags! {
    /// `c_lflag`: how a terminal behaves towards its user.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct LocalFlags: u32 {
        /// INTR, QUIT and SUSP raise signals.
        const ISIG = 0o1;
        /// Input comes in lines that can be edited.
        const ICANON = 0o2;
        /// Echoes input.
        const ECHO = 0o10;
        /// ERASE wipes the character out.
        const ECHOE = 0o20;
        /// KILL is followed by a newline.
        const ECHOK = 0o40;
        /// Echoes newlines even without `ECHO`.
        const ECHONL = 0o100;
        /// Signals do not flush input.
        const NOFLSH = 0o200;
        /// Output of background groups raises `SIGTTOU`.
        const TOSTOP = 0o400;
        /// Control characters are echoed as `^X`.
        const ECHOCTL = 0o1000;
        /// Erased characters are printed, as on paper.
        const ECHOPRT = 0o2000;
        /// KILL wipes the line out.
        const ECHOKE = 0o4000;
        /// WERASE, REPRINT, LNEXT and EOL2 have a meaning.
        const IEXTEN = 0o100_000;
        const _ = !0;
    }
}

/// Number of control characters in the kernel's structure.
pub const NCCS: usize = 19;

/// Interrupt.
pub const VINTR: usize = 0;
/// Quit.
pub const VQUIT: usize = 1;
/// Erase one character.
pub const VERASE: usize = 2;
/// Erase the line.
pub const VKILL: usize = 3;
/// End of file.
pub const VEOF: usize = 4;
/// Time limit of a read in tenths of a second, without `ICANON`.
pub const VTIME: usize = 5;
/// Least bytes of a read, without `ICANON`.
pub const VMIN: usize = 6;
/// Restart output.
pub const VSTART: usize = 8;
/// Stop output.
pub const VSTOP: usize = 9;
/// Suspend.
pub const VSUSP: usize = 10;
/// Another end of line.
pub const VEOL: usize = 11;
/// Print the line again.
pub const VREPRINT: usize = 12;
/// Erase one word.
pub const VWERASE: usize = 14;
/// Take the next character literally.
pub const VLNEXT: usize = 15;
/// Yet another end of line.
pub const VEOL2: usize = 16;

/// Settings of a terminal (`termios(3)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termios {
    /// Input.
    pub iflag: InputFlags,
    /// Output.
    pub oflag: OutputFlags,
    /// Line.
    pub cflag: ControlFlags,
    /// User.
    pub lflag: LocalFlags,
    /// Control characters; 0 disables one.
    pub cc: [u8; NCCS],
}

impl Default for Termios {
    /// Settings of a new pseudoterminal on Linux.
    fn default() -> Self {
        Termios {
            iflag: InputFlags::ICRNL | InputFlags::IXON,
            oflag: OutputFlags::OPOST | OutputFlags::ONLCR,
            cflag: ControlFlags::B38400 | ControlFlags::CS8 | ControlFlags::CREAD,
            lflag: LocalFlags::ISIG
                | LocalFlags::ICANON
                | LocalFlags::ECHO
                | LocalFlags::ECHOE
                | LocalFlags::ECHOK
                | LocalFlags::ECHOCTL
                | LocalFlags::ECHOKE
                | LocalFlags::IEXTEN,
            cc: [
                0x03, 0x1c, 0x7f, 0x15, 0x04, 0, 1, 0, 0x11, 0x13, 0x1a, 0, 0x12, 0x0f, 0x17, 0x16,
                0, 0, 0,
            ],
        }
    }
}

impl Termios {
    /// Switches to raw mode as `cfmakeraw(3)` does.
    pub fn make_raw(&mut self) {
        self.iflag -= InputFlags::IGNBRK
            | InputFlags::BRKINT
            | InputFlags::PARMRK
            | InputFlags::ISTRIP
            | InputFlags::INLCR
            | InputFlags::IGNCR
            | InputFlags::ICRNL
            | InputFlags::IXON;
        self.oflag -= OutputFlags::OPOST;
        self.lflag -= LocalFlags::ECHO
            | LocalFlags::ECHONL
            | LocalFlags::ICANON
            | LocalFlags::ISIG
            | LocalFlags::IEXTEN;
        self.cflag -= ControlFlags::PARENB;
        self.cflag |= ControlFlags::CS8;
        self.cc[VMIN] = 1;
        self.cc[VTIME] = 0;
    }

    /// Whether input comes in lines.
    pub fn canonical(&self) -> bool {
        self.lflag.contains(LocalFlags::ICANON)
    }

    /// Whether `byte` is the control character `index`, which 0 disables.
    pub fn is(&self, byte: u8, index: usize) -> bool {
        byte != 0 && self.cc[index] == byte
    }
}

/// Size of a terminal's window (`struct winsize`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Winsize {
    /// Lines.
    pub rows: u16,
    /// Columns.
    pub cols: u16,
    /// Width in pixels.
    pub xpixel: u16,
    /// Height in pixels.
    pub ypixel: u16,
}

/// When `tcsetattr(3)` takes effect. Output of a pseudoterminal has always been transmitted, so that
/// `TCSADRAIN` means `TCSANOW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcsetAction {
    /// Now (`TCSETS`).
    TCSANOW,
    /// After output has been transmitted (`TCSETSW`).
    TCSADRAIN,
    /// After that, and input that was not read is dropped (`TCSETSF`).
    TCSAFLUSH,
}

/// What `tcflush(3)` drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcflushQueue {
    /// Input not read.
    TCIFLUSH,
    /// Output not transmitted; a pseudoterminal has none.
    TCOFLUSH,
    /// Both.
    TCIOFLUSH,
}

/// What `tcflow(3)` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcflowAction {
    /// Stops output.
    TCOOFF,
    /// Restarts output.
    TCOON,
    /// Sends STOP.
    TCIOFF,
    /// Sends START.
    TCION,
}
