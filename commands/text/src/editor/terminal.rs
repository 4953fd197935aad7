//! The terminal of an editor: raw input, keys, the size of the window.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::Duration;

use secure_exec_sys::signal::{
    self, Disposition, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH,
};
use secure_exec_sys::termios::Termios;
use secure_exec_sys::tty::{self, When};
use secure_exec_sys::{Fd, fd, process};

/// How long an escape may wait for the rest of its sequence.
const ESCAPE: Duration = Duration::from_millis(50);

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Char(char),
    /// A letter with the control key, in lower case, or one of `@[\]^_`.
    Ctrl(char),
    /// A key with Alt (or behind the escape key).
    Alt(char),
    Escape,
    Enter,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    /// With the control key.
    WordLeft,
    WordRight,
    Home,
    End,
    PageUp,
    PageDown,
    /// F1 is 1.
    Function(u8),
    /// A sequence that no key of these has.
    Other,
}

/// What happened while keys were waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Key(Key),
    /// The window has another size.
    Resized,
    /// There is no terminal any more, or the process is to end: by this signal, if it is one.
    Gone(Option<i32>),
}

pub struct Terminal {
    keyboard: Fd,
    before: Termios,
    raw: Termios,
    pending: VecDeque<u8>,
    /// Letters behind an escape are keys with Alt.
    has_alt: bool,
    /// How it ended, which it does once.
    gone: Option<Input>,
}

impl Terminal {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// `ENOTTY`: standard input is none.
    pub fn new(has_alt: bool) -> io::Result<Self> {
        let keyboard = 0;
        let before = tty::getattr(keyboard)?;
        // Those of keys are for the commands that have the terminal lent, which do not inherit this.
        for each in [SIGWINCH, SIGHUP, SIGTERM, SIGINT, SIGQUIT] {
            signal::action(each, Disposition::Catch)?;
        }
        let terminal = Self {
            keyboard,
            before,
            raw: before.raw_input(),
            pending: VecDeque::new(),
            has_alt,
            gone: None,
        };
        terminal.enter()?;
        Ok(terminal)
    }

    fn enter(&self) -> io::Result<()> {
        tty::setattr(self.keyboard, When::Drain, &self.raw)?;
        put(b"\x1b[?1049h\x1b[H\x1b[2J")
    }

    /// Gives the terminal back, as it was.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn leave(&self) -> io::Result<()> {
        let shown = put(b"\x1b[?1049l");
        tty::setattr(self.keyboard, When::Drain, &self.before)?;
        shown
    }

    /// Lets something else have the terminal, on the screen that was there before.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn lend<T>(&mut self, use_it: impl FnOnce(&mut Self) -> T) -> io::Result<T> {
        self.leave()?;
        let result = use_it(self);
        self.enter()?;
        Ok(result)
    }

    /// Stops the process group, as `^Z` does elsewhere.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.lend(|_| process::kill(0, SIGTSTP))?
    }

    /// Waits for a line, which is none of the text.
    pub fn wait_for_line(&mut self) {
        let mut byte = [0];
        while byte != *b"\n" && self.gone.is_none() {
            match fd::read(self.keyboard, &mut byte) {
                Ok(0) => self.gone = Some(Input::Gone(None)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    if let Some(signal @ (SIGHUP | SIGTERM)) = signal::take() {
                        self.gone = Some(Input::Gone(Some(signal)));
                    }
                }
                Err(_) => self.gone = Some(Input::Gone(None)),
            }
        }
    }

    /// Rows and columns; those of a common terminal if it does not say.
    pub fn size(&self) -> (usize, usize) {
        let (rows, columns) = tty::screen_size(self.keyboard);
        (rows.clamp(2, 1000), columns.clamp(2, 2000))
    }

    /// Waits for a key.
    pub fn input(&mut self) -> Input {
        if let Some(gone) = self.gone {
            return gone;
        }
        let input = match self.byte() {
            Ok(byte) => self.key(byte).map_or_else(|other| other, Input::Key),
            Err(other) => other,
        };
        self.gone = Some(input).filter(|input| matches!(input, Input::Gone(_)));
        input
    }

    fn byte(&mut self) -> Result<u8, Input> {
        loop {
            if let Some(byte) = self.pending.pop_front() {
                return Ok(byte);
            }
            let mut buffer = [0; 1024];
            match fd::read(self.keyboard, &mut buffer) {
                Ok(0) => return Err(Input::Gone(None)),
                Ok(length) => self.pending.extend(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => match signal::take() {
                    Some(SIGWINCH) => return Err(Input::Resized),
                    Some(SIGINT | SIGQUIT) => return Err(Input::Key(Key::Ctrl('c'))),
                    Some(signal) => return Err(Input::Gone(Some(signal))),
                    None => {}
                },
                Err(_) => return Err(Input::Gone(None)),
            }
        }
    }

    /// A byte that is there, or comes at once. What else happens is told with the next key.
    fn next_byte(&mut self) -> Option<u8> {
        if self.pending.is_empty() && !fd::wait_readable(self.keyboard, ESCAPE) {
            return None;
        }
        self.byte()
            .inspect_err(|other| {
                self.gone = Some(*other).filter(|input| matches!(input, Input::Gone(_)));
            })
            .ok()
    }

    fn key(&mut self, byte: u8) -> Result<Key, Input> {
        Ok(match byte {
            b'\r' | b'\n' => Key::Enter,
            b'\t' => Key::Tab,
            8 | 127 => Key::Backspace,
            0x1b => self.escape(),
            0 => Key::Ctrl('@'),
            1..=26 => Key::Ctrl(char::from(byte + 96)),
            28..=31 => Key::Ctrl(char::from(byte + 64)),
            32..=126 => Key::Char(char::from(byte)),
            lead => Key::Char(self.character(lead)?),
        })
    }

    /// A character of several bytes; bytes that are none are kept as such.
    fn character(&mut self, lead: u8) -> Result<char, Input> {
        let mut bytes = vec![lead];
        let length = match lead {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        while bytes.len() < length {
            let byte = self.byte()?;
            if byte & 0xc0 != 0x80 {
                self.pending.push_front(byte);
                break;
            }
            bytes.push(byte);
        }
        let line = super::line::decode(&bytes);
        Ok(line.first().copied().unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn escape(&mut self) -> Key {
        match self.next_byte() {
            None => Key::Escape,
            Some(b'[') => self.sequence(),
            Some(b'O') => match self.next_byte() {
                Some(letter @ b'P'..=b'S') => Key::Function(letter - b'P' + 1),
                Some(letter) => letter_key(letter, false),
                None => Key::Escape,
            },
            Some(byte) if self.has_alt && (32..127).contains(&byte) => {
                Key::Alt(char::from(byte).to_ascii_lowercase())
            }
            Some(byte) => {
                self.pending.push_front(byte);
                Key::Escape
            }
        }
    }

    /// A sequence behind `ESC [`, by ECMA-48: parameters, then a letter.
    fn sequence(&mut self) -> Key {
        let mut numbers = String::new();
        loop {
            match self.next_byte() {
                // What the console of Linux sends for F1 to F5.
                Some(b'[') if numbers.is_empty() => {
                    return match self.next_byte() {
                        Some(letter @ b'A'..=b'E') => Key::Function(letter - b'A' + 1),
                        _ => Key::Other,
                    };
                }
                Some(byte @ 0x20..=0x3f) => {
                    if numbers.len() < 32 {
                        numbers.push(char::from(byte));
                    }
                }
                Some(b'~') => return tilde_key(&numbers),
                Some(b'Z') => return Key::BackTab,
                Some(letter) => return letter_key(letter, numbers.ends_with(";5")),
                None => return Key::Escape,
            }
        }
    }
}

fn letter_key(letter: u8, control: bool) -> Key {
    match (letter, control) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', false) => Key::Right,
        (b'D', false) => Key::Left,
        (b'C', true) => Key::WordRight,
        (b'D', true) => Key::WordLeft,
        (b'H', _) => Key::Home,
        (b'F', _) => Key::End,
        _ => Key::Other,
    }
}

fn tilde_key(numbers: &str) -> Key {
    match numbers
        .split(';')
        .next()
        .and_then(|number| number.parse().ok())
    {
        Some(1_u8 | 7) => Key::Home,
        Some(2) => Key::Insert,
        Some(3) => Key::Delete,
        Some(4 | 8) => Key::End,
        Some(5) => Key::PageUp,
        Some(6) => Key::PageDown,
        Some(number @ 11..=15) => Key::Function(number - 10),
        Some(number @ 17..=21) => Key::Function(number - 11),
        Some(number @ 23..=24) => Key::Function(number - 12),
        _ => Key::Other,
    }
}

/// Writes to the screen.
///
/// # Errors
/// The terminal is gone.
pub fn put(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
