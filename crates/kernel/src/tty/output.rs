//! Output of a terminal: processing (`OPOST`), columns, and the queue that the master reads.

use crate::abi::termios::{InputFlags, OutputFlags, Termios};
use std::collections::VecDeque;

/// Bytes that processes may have written and the master has not read.
pub(super) const OUTPUT_CAPACITY: usize = 64 << 10;
/// Bytes of echo kept beyond that; more is dropped, as Linux drops what its echo buffer cannot hold.
const ECHO_CAPACITY: usize = 4096;
/// Most bytes that one byte becomes: a tab as spaces.
const MOST_EXPANSION: usize = 8;

/// Whether a byte is shown as `^X`. As in Linux's table, 0x80 to 0x9f are not.
pub(super) fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}

/// Whether a byte goes on with a UTF-8 character, on a terminal that knows UTF-8.
pub(super) fn is_continuation(byte: u8, termios: &Termios) -> bool {
    termios.iflag.contains(InputFlags::IUTF8) && byte & 0xc0 == 0x80
}

/// Upper case as in Linux's table, which is Latin-1.
fn to_upper(byte: u8) -> u8 {
    match byte {
        0xf7 | 0xff => byte,
        0xe0.. => byte - 0x20,
        _ => byte.to_ascii_uppercase(),
    }
}

/// Lower case as in Linux's table, which is Latin-1.
pub(super) fn to_lower(byte: u8) -> u8 {
    match byte {
        0xd7 => byte,
        0xc0..=0xde => byte + 0x20,
        _ => byte.to_ascii_lowercase(),
    }
}

/// Queue towards the master.
#[derive(Debug, Default)]
pub(super) struct Output {
    queue: VecDeque<u8>,
    /// Echo that has not been shown.
    echo: Vec<Echo>,
    /// Stopped by STOP or `tcflow(TCOOFF)`.
    stopped: bool,
    /// Stopped by `tcflow`, which START does not undo.
    stopped_by_call: bool,
    column: usize,
    /// Column at which the line being typed began.
    canon_column: usize,
}

/// Echo that has not been shown: Linux's echo buffer.
#[derive(Clone, Copy, Debug)]
enum Echo {
    /// A byte that output processing may change.
    Byte(u8),
    /// A byte as it is.
    Unprocessed(u8),
    /// Back over a tab; the columns in front of it, and whether they count from the start of the line.
    EraseTab(usize, bool),
    /// The line being typed begins here.
    BeginLine,
}

impl Output {
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Stops output, when STOP is typed.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Stops output for `tcflow(3)`.
    pub fn stop_by_call(&mut self) {
        self.stopped = true;
        self.stopped_by_call = true;
    }

    /// Starts output again, with the echo that has been waiting, unless `tcflow(3)` stopped it.
    pub fn start(&mut self, termios: &Termios) {
        if !self.stopped_by_call {
            self.stopped = false;
            self.show_echo(termios);
        }
    }

    pub fn start_by_call(&mut self, termios: &Termios) {
        self.stopped_by_call = false;
        self.start(termios);
    }

    /// Whether a process may write.
    pub fn has_room(&self) -> bool {
        !self.stopped && self.queue.len() + MOST_EXPANSION <= OUTPUT_CAPACITY
    }

    /// Takes what the master reads.
    pub fn read(&mut self, buf: &mut [u8]) -> usize {
        let count = buf.len().min(self.queue.len());
        let (head, tail) = self.queue.as_slices();
        let from_head = count.min(head.len());
        buf[..from_head].copy_from_slice(&head[..from_head]);
        buf[from_head..count].copy_from_slice(&tail[..count - from_head]);
        self.queue.drain(..count);
        count
    }

    /// Takes in what a process writes and returns how much of it.
    pub fn write(&mut self, buf: &[u8], termios: &Termios) -> usize {
        let processed = termios.oflag.contains(OutputFlags::OPOST);
        let mut done = 0;
        while done < buf.len() && self.has_room() {
            let room = OUTPUT_CAPACITY - self.queue.len();
            let rest = &buf[done..];
            let plain = if processed {
                let special =
                    |byte: &u8| is_control(*byte) || termios.oflag.contains(OutputFlags::OLCUC);
                rest.iter().position(special).unwrap_or(rest.len())
            } else {
                rest.len()
            };
            if plain > 0 {
                let run = &rest[..plain.min(room)];
                self.queue.extend(run);
                if processed {
                    let wide = |byte: &&u8| !is_continuation(**byte, termios);
                    self.column += run.iter().filter(wide).count();
                }
                done += run.len();
            } else {
                let mut bytes = Expansion::default();
                self.process(rest[0], termios, &mut bytes);
                self.queue.extend(bytes.as_slice());
                done += 1;
            }
        }
        done
    }

    /// Adds a byte of echo.
    pub fn echo(&mut self, byte: u8) {
        self.put_echo(Echo::Byte(byte));
    }

    /// Adds a byte of echo that no processing changes.
    pub fn echo_unprocessed(&mut self, byte: u8) {
        self.put_echo(Echo::Unprocessed(byte));
    }

    /// Goes back over a tab: `columns` are those used in front of it, since the previous tab or, with
    /// `from_start`, since the start of the line.
    pub fn erase_tab(&mut self, columns: usize, from_start: bool) {
        self.put_echo(Echo::EraseTab(columns, from_start));
    }

    /// Notes that a line begins at the current column.
    pub fn begin_line(&mut self) {
        self.put_echo(Echo::BeginLine);
    }

    fn put_echo(&mut self, echo: Echo) {
        if self.echo.len() < ECHO_CAPACITY {
            self.echo.push(echo);
        }
    }

    /// Drops echo that has not been shown.
    pub fn drop_echo(&mut self) {
        self.echo.clear();
    }

    /// Shows echo, unless output is stopped.
    pub fn show_echo(&mut self, termios: &Termios) {
        if self.stopped {
            return;
        }
        let mut bytes = Expansion::default();
        for echo in core::mem::take(&mut self.echo) {
            match echo {
                Echo::Byte(byte) if termios.oflag.contains(OutputFlags::OPOST) => {
                    bytes.len = 0;
                    self.process(byte, termios, &mut bytes);
                    self.show(bytes.as_slice());
                }
                Echo::Byte(byte) => self.show(&[byte]),
                Echo::Unprocessed(byte) => {
                    self.column += usize::from(!is_control(byte));
                    self.show(&[byte]);
                }
                Echo::EraseTab(columns, from_start) => {
                    let before = columns + if from_start { self.canon_column } else { 0 };
                    for _ in 0..8 - (before & 7) {
                        self.column = self.column.saturating_sub(1);
                        self.show(b"\x08");
                    }
                }
                Echo::BeginLine => self.canon_column = self.column,
            }
        }
    }

    fn show(&mut self, bytes: &[u8]) {
        if self.queue.len() + bytes.len() <= OUTPUT_CAPACITY + ECHO_CAPACITY {
            self.queue.extend(bytes);
        }
    }

    /// Linux's `do_output_char`.
    fn process(&mut self, byte: u8, termios: &Termios, out: &mut Expansion) {
        let flags = termios.oflag;
        match byte {
            b'\n' => {
                if flags.contains(OutputFlags::ONLRET) {
                    self.column = 0;
                }
                if flags.contains(OutputFlags::ONLCR) {
                    self.column = 0;
                    out.push(b'\r');
                }
                self.canon_column = self.column;
                out.push(b'\n');
            }
            b'\r' if flags.contains(OutputFlags::ONOCR) && self.column == 0 => {}
            b'\r' if flags.contains(OutputFlags::OCRNL) => {
                if flags.contains(OutputFlags::ONLRET) {
                    self.column = 0;
                    self.canon_column = 0;
                }
                out.push(b'\n');
            }
            b'\r' => {
                self.column = 0;
                self.canon_column = 0;
                out.push(b'\r');
            }
            b'\t' => {
                let spaces = 8 - (self.column & 7);
                self.column += spaces;
                if flags.contains(OutputFlags::XTABS) {
                    (0..spaces).for_each(|_| out.push(b' '));
                } else {
                    out.push(b'\t');
                }
            }
            b'\x08' => {
                self.column = self.column.saturating_sub(1);
                out.push(byte);
            }
            _ if is_control(byte) => out.push(byte),
            _ => {
                if !is_continuation(byte, termios) {
                    self.column += 1;
                }
                let upper = flags.contains(OutputFlags::OLCUC);
                out.push(if upper { to_upper(byte) } else { byte });
            }
        }
    }
}

/// What one byte becomes.
#[derive(Default)]
struct Expansion {
    bytes: [u8; MOST_EXPANSION],
    len: usize,
}

impl Expansion {
    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
