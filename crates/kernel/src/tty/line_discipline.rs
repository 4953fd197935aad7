//! The line discipline N_TTY: what becomes of a byte that was typed.
//!
//! Follows `drivers/tty/n_tty.c` of Linux in behaviour, byte for byte; see `termios(3)`.

use super::input::{Input, Mark};
use super::output::{Output, is_continuation, is_control, to_lower};
use crate::abi::signal::Signal;
use crate::abi::termios::{
    InputFlags, LocalFlags, Termios, VEOF, VEOL, VEOL2, VERASE, VINTR, VKILL, VLNEXT, VQUIT,
    VREPRINT, VSTART, VSTOP, VSUSP, VWERASE,
};

/// State of the line discipline between bytes.
#[derive(Debug, Default)]
pub(super) struct LineDiscipline {
    pub input: Input,
    pub output: Output,
    pub termios: Termios,
    /// The next byte is taken literally.
    literal_next: bool,
    /// Erased characters are being printed (`ECHOPRT`).
    erasing: bool,
}

/// What ERASE, WERASE or KILL takes away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Erase {
    Character,
    Word,
    Line,
}

impl LineDiscipline {
    fn local(&self, flag: LocalFlags) -> bool {
        self.termios.lflag.contains(flag)
    }

    fn input_flag(&self, flag: InputFlags) -> bool {
        self.termios.iflag.contains(flag)
    }

    /// Changes the settings.
    pub fn set_termios(&mut self, termios: Termios) {
        let old = core::mem::replace(&mut self.termios, termios);
        if old.canonical() != termios.canonical() {
            self.input.change_mode(&termios);
            self.erasing = false;
            self.literal_next = false;
        }
        if old.iflag.contains(InputFlags::IXON) && !self.input_flag(InputFlags::IXON) {
            self.output.start(&self.termios);
        }
    }

    /// Takes in one typed byte; a signal is for the foreground group.
    pub fn receive(&mut self, byte: u8) -> Option<Signal> {
        let mut byte = byte;
        if self.input_flag(InputFlags::ISTRIP) {
            byte &= 0x7f;
        }
        if self.input_flag(InputFlags::IUCLC) && self.local(LocalFlags::IEXTEN) {
            byte = to_lower(byte);
        }
        if core::mem::take(&mut self.literal_next) {
            self.receive_plain(byte);
            return None;
        }
        if self.control_flow(byte) {
            return None;
        }
        if let Some(signal) = self.signal_of(byte) {
            self.raise(byte);
            return Some(signal);
        }
        if self.output.is_stopped() && self.input_flag(InputFlags::IXON | InputFlags::IXANY) {
            self.output.start(&self.termios);
        }
        let typed = byte;
        byte = match byte {
            b'\r' if self.input_flag(InputFlags::IGNCR) => return None,
            b'\r' if self.input_flag(InputFlags::ICRNL) => b'\n',
            b'\n' if self.input_flag(InputFlags::INLCR) => b'\r',
            byte => byte,
        };
        if self.termios.canonical() && self.receive_editing(byte) {
            return None;
        }
        if byte == b'\n' && typed == b'\r' && self.local(LocalFlags::ECHO) {
            self.finish_erasing();
            self.echo_raw(b'\n');
            self.put_doubled(byte, Mark::None);
        } else {
            self.receive_plain(byte);
        }
        None
    }

    /// START and STOP.
    fn control_flow(&mut self, byte: u8) -> bool {
        if !self.input_flag(InputFlags::IXON) {
            return false;
        }
        if self.termios.is(byte, VSTART) {
            self.output.start(&self.termios);
        } else if self.termios.is(byte, VSTOP) {
            self.output.stop();
        } else {
            return false;
        }
        true
    }

    fn signal_of(&self, byte: u8) -> Option<Signal> {
        if !self.local(LocalFlags::ISIG) {
            return None;
        }
        let signals = [
            (VINTR, Signal::SIGINT),
            (VQUIT, Signal::SIGQUIT),
            (VSUSP, Signal::SIGTSTP),
        ];
        let mut found = signals
            .into_iter()
            .filter(|(index, _)| self.termios.is(byte, *index));
        found.next().map(|(_, signal)| signal)
    }

    fn raise(&mut self, byte: u8) {
        if !self.local(LocalFlags::NOFLSH) {
            self.output.drop_echo();
            self.input.clear();
            self.erasing = false;
        }
        if self.input_flag(InputFlags::IXON) {
            self.output.start(&self.termios);
        }
        if self.local(LocalFlags::ECHO) {
            self.echo(byte);
        }
    }

    /// Characters that only canonical mode knows; tells whether the byte was one.
    fn receive_editing(&mut self, byte: u8) -> bool {
        let extended = self.local(LocalFlags::IEXTEN);
        if self.termios.is(byte, VERASE) {
            self.erase(Erase::Character);
        } else if self.termios.is(byte, VKILL) {
            self.erase(Erase::Line);
        } else if self.termios.is(byte, VWERASE) && extended {
            self.erase(Erase::Word);
        } else if self.termios.is(byte, VLNEXT) && extended {
            self.begin_literal();
        } else if self.termios.is(byte, VREPRINT) && extended && self.local(LocalFlags::ECHO) {
            self.reprint(byte);
        } else if byte == b'\n' {
            if self.local(LocalFlags::ECHO) || self.local(LocalFlags::ECHONL) {
                self.echo_raw(b'\n');
            }
            self.input.put(byte, Mark::EndOfLine, &self.termios);
        } else if self.termios.is(byte, VEOF) {
            self.input.put(0, Mark::EndOfFile, &self.termios);
        } else if self.termios.is(byte, VEOL) || self.termios.is(byte, VEOL2) && extended {
            if self.local(LocalFlags::ECHO) {
                if !self.input.editing() {
                    self.output.begin_line();
                }
                self.echo(byte);
            }
            self.put_doubled(byte, Mark::EndOfLine);
        } else {
            return false;
        }
        true
    }

    fn begin_literal(&mut self) {
        self.literal_next = true;
        if self.local(LocalFlags::ECHO) {
            self.finish_erasing();
            if self.local(LocalFlags::ECHOCTL) {
                self.echo_raw(b'^');
                self.echo_raw(b'\x08');
            }
        }
    }

    fn reprint(&mut self, byte: u8) {
        self.finish_erasing();
        self.echo(byte);
        self.echo_raw(b'\n');
        let line: Vec<u8> = self.input.current_line().collect();
        for byte in line {
            self.echo(byte);
        }
    }

    /// A byte without meaning of its own.
    fn receive_plain(&mut self, byte: u8) {
        if self.local(LocalFlags::ECHO) {
            self.finish_erasing();
            if !self.input.editing() {
                self.output.begin_line();
            }
            self.echo(byte);
        }
        self.put_doubled(byte, Mark::None);
    }

    /// Puts a byte into the queue, 0xff twice where the mark of a parity error starts with it.
    fn put_doubled(&mut self, byte: u8, mark: Mark) {
        if byte == 0xff && self.input_flag(InputFlags::PARMRK) {
            self.input.put(byte, Mark::None, &self.termios);
        }
        self.input.put(byte, mark, &self.termios);
    }

    /// Echoes a byte, control characters as `^X`.
    fn echo(&mut self, byte: u8) {
        if self.local(LocalFlags::ECHOCTL) && is_control(byte) && byte != b'\t' {
            self.output.echo_unprocessed(b'^');
            self.output.echo_unprocessed(byte ^ 0o100);
        } else if byte == 0xff {
            // Linux's echo buffer has a meaning for this byte, so that it escapes processing.
            self.output.echo_unprocessed(byte);
        } else {
            self.output.echo(byte);
        }
    }

    fn echo_raw(&mut self, byte: u8) {
        self.output.echo(byte);
    }

    fn finish_erasing(&mut self) {
        if core::mem::take(&mut self.erasing) {
            self.echo_raw(b'/');
        }
    }

    fn erase(&mut self, what: Erase) {
        if !self.input.editing() {
            return;
        }
        let echo = self.local(LocalFlags::ECHO);
        if what == Erase::Line {
            let wipes = LocalFlags::ECHOK | LocalFlags::ECHOKE | LocalFlags::ECHOE;
            if !echo || !self.local(wipes) {
                self.input.drop_line();
                if echo {
                    self.finish_erasing();
                    self.echo(self.termios.cc[VKILL]);
                    if self.local(LocalFlags::ECHOK) {
                        self.echo_raw(b'\n');
                    }
                }
                return;
            }
        }
        self.erase_characters(what);
        if !self.input.editing() && echo {
            self.finish_erasing();
        }
    }

    fn erase_characters(&mut self, what: Erase) {
        let mut in_word = false;
        while let Some((first, rest)) = self.last_character() {
            if what == Erase::Word {
                if is_word(first) {
                    in_word = true;
                } else if in_word {
                    return;
                }
            }
            for _ in 0..=rest.len() {
                self.input.unput();
            }
            if self.local(LocalFlags::ECHO) {
                self.echo_erased(first, &rest, what);
            }
            if what == Erase::Character {
                return;
            }
        }
    }

    /// Last character of the line: its first byte and those that follow. `None`: there is none, or its
    /// beginning is not in the line.
    fn last_character(&self) -> Option<(u8, Vec<u8>)> {
        let mut rest = Vec::new();
        for byte in self.input.current_line().rev() {
            if !is_continuation(byte, &self.termios) {
                rest.reverse();
                return Some((byte, rest));
            }
            rest.push(byte);
        }
        None
    }

    fn echo_erased(&mut self, first: u8, rest: &[u8], what: Erase) {
        if self.local(LocalFlags::ECHOPRT) {
            if !self.erasing {
                self.echo_raw(b'\\');
                self.erasing = true;
            }
            self.echo(first);
            for byte in rest {
                self.echo_raw(*byte);
            }
        } else if what == Erase::Character && !self.local(LocalFlags::ECHOE) {
            self.echo(self.termios.cc[VERASE]);
        } else if first == b'\t' {
            self.erase_tab();
        } else {
            let caret = is_control(first) && self.local(LocalFlags::ECHOCTL);
            let shown = usize::from(caret) + usize::from(!is_control(first) || caret);
            for _ in 0..shown {
                for byte in [b'\x08', b' ', b'\x08'] {
                    self.output.echo(byte);
                }
            }
        }
    }

    fn erase_tab(&mut self) {
        let (mut columns, mut after_tab) = (0, false);
        for byte in self.input.current_line().rev() {
            if byte == b'\t' {
                after_tab = true;
                break;
            }
            if is_control(byte) {
                columns += if self.local(LocalFlags::ECHOCTL) {
                    2
                } else {
                    0
                };
            } else if !is_continuation(byte, &self.termios) {
                columns += 1;
            }
        }
        self.output.erase_tab(columns, !after_tab);
    }
}

/// Whether a byte is part of a word for WERASE; Linux's table is Latin-1.
fn is_word(byte: u8) -> bool {
    let latin = byte >= 0xc0 && byte != 0xd7 && byte != 0xf7;
    byte.is_ascii_alphanumeric() || byte == b'_' || latin
}
