//! The line editor: a line on a terminal in raw mode, drawn again after each key.

use secure_exec_cli::columns_of;
use secure_exec_sys as sys;
use sys::tty::When;

use super::keymap::{Bound, Mode};
use super::keys::{self, NoKey};
use super::line::Text;
use crate::shell::Shell;
use crate::text;

/// How reading a line ended.
pub enum Line {
    Text(String),
    Interrupted,
    End,
}

pub(super) struct Editor<'a> {
    pub prompt: &'a str,
    pub text: Text,
    pub mode: Mode,
    /// Position in the history; its length is the line being written.
    pub at: usize,
    /// The line being written, while an older one is shown.
    pub draft: Vec<char>,
    /// Rows the cursor is below the first one.
    pub row: usize,
    pub mark: usize,
    /// How often the next function acts.
    pub count: Option<usize>,
    /// The function before this one.
    pub last: &'static str,
    /// Typed characters replace those at the cursor.
    pub overwrites: bool,
    pub vi: super::vi::State,
    /// How the terminal is when no line is edited.
    pub before: sys::termios::Termios,
}

/// Reads a line with editing.
pub fn read_line(shell: &mut Shell, prompt: &str) -> Line {
    let Ok(before) = sys::tty::getattr(0) else {
        return Line::End;
    };
    shell.begin_keymaps();
    let raw = before.raw_input();
    let _ = sys::tty::setattr(0, When::Drain, &raw);
    // All but the last line of the prompt is printed once.
    let (head, last) = match prompt.rfind('\n') {
        Some(at) => prompt.split_at(at + 1),
        None => ("", prompt),
    };
    shell.print_error_raw(head);
    let mut editor = Editor {
        prompt: last,
        text: Text::default(),
        mode: if shell.options.vi {
            Mode::ViInsert
        } else {
            Mode::Emacs
        },
        at: shell.editor.history.len(),
        draft: Vec::new(),
        row: 0,
        mark: 0,
        count: None,
        last: "",
        overwrites: false,
        vi: super::vi::State::default(),
        before,
    };
    shell.editor.recorded = None;
    if let Some(at) = shell.editor.next_shown.take() {
        editor.show(shell, at);
    }
    editor.draw(shell);
    let line = loop {
        if let Some(line) = editor.step(shell) {
            break line;
        }
    };
    shell.editor.recorded = None;
    // The terminal must be as it was, whatever happens next.
    let _ = sys::tty::setattr(0, When::Drain, &editor.before);
    line
}

/// Columns a text takes, without escape sequences.
pub(super) fn width(text: &str) -> usize {
    let mut columns = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.next() == Some('[') {
                for c in chars.by_ref() {
                    if c.is_ascii_alphabetic() {
                        break;
                    }
                }
            }
        } else if !c.is_control() {
            columns += char_width(c);
        }
    }
    columns
}

/// What is drawn of a line: control characters as `^I`.
fn shown(chars: &[char]) -> String {
    let mut text = String::new();
    for c in chars {
        match *c {
            '\0'..='\x1f' => text.extend(['^', char::from(*c as u8 ^ 0x40)]),
            '\x7f' => text.push_str("^?"),
            c => text.push(c),
        }
    }
    text
}

/// Columns of a character as it is shown: control characters take two.
fn char_width(c: char) -> usize {
    if c.is_ascii_control() {
        2
    } else {
        columns_of(c)
    }
}

/// Columns of the terminal.
pub(super) fn columns() -> usize {
    sys::tty::screen_size(0).1
}

impl Editor<'_> {
    /// Reads one sequence of keys and acts on it; `Some` ends the line.
    fn step(&mut self, shell: &mut Shell) -> Option<Line> {
        let (typed, bound) = match keys::read_sequence(shell, self.mode) {
            Ok(found) => found,
            Err(NoKey::Closed) => return Some(Line::End),
            Err(NoKey::Interrupted) => return Some(self.interrupt(shell)),
        };
        match bound {
            Some(Bound::Function("self-insert")) => {
                if self.type_character(shell, typed[0]) {
                    return None;
                }
            }
            Some(Bound::Function(name)) => {
                if let Some(line) = self.run(shell, name, &typed) {
                    return Some(line);
                }
            }
            Some(Bound::Macro(keys)) => shell.editor.typed.extend(keys),
            Some(Bound::Command(command)) => self.run_command(shell, &command),
            None if typed == [3] => return Some(self.interrupt(shell)),
            None => self.ring(shell),
        }
        self.text.keep_inside(self.mode);
        self.draw(shell);
        None
    }

    /// Puts a character in; true when no more has to be drawn.
    fn type_character(&mut self, shell: &mut Shell, first: u8) -> bool {
        let Ok(Some(c)) = keys::read_character(shell, first) else {
            return false;
        };
        let times = self.count.take().unwrap_or(1);
        if self.last != "self-insert" {
            self.text.remember();
        }
        self.last = "self-insert";
        if times == 1 && self.append(shell, c) {
            return true;
        }
        if self.overwrites {
            let end = self.text.cursor + times;
            self.text.cut(self.text.cursor, end);
        }
        self.text.insert(&vec![c; times]);
        false
    }

    /// A character at the end of the line only has to be echoed, unless the row ends with it.
    fn append(&mut self, shell: &Shell, c: char) -> bool {
        let taken: usize = self.text.chars.iter().map(|c| char_width(*c)).sum();
        let columns = columns();
        let column = (width(self.prompt) + taken) % columns;
        let inside = self.text.cursor < self.text.chars.len();
        if inside || column == 0 || column + char_width(c) >= columns {
            return false;
        }
        self.text.insert(&[c]);
        shell.print_error_raw(&c.to_string());
        true
    }

    pub fn ring(&self, shell: &mut Shell) {
        let style = shell.keymaps().variable("bell-style");
        if style.is_none_or(|style| style != "none") {
            shell.print_error_raw("\u{7}");
        }
    }

    pub fn interrupt(&mut self, shell: &mut Shell) -> Line {
        self.text.cursor = self.text.chars.len();
        self.draw(shell);
        shell.print_error_raw("^C\r\n");
        shell.editor.typed.clear();
        Line::Interrupted
    }

    /// Ends the line.
    pub fn accept(&mut self, shell: &mut Shell) -> Line {
        self.text.cursor = self.text.chars.len();
        self.draw(shell);
        shell.print_error_raw("\r\n");
        Line::Text(self.text.chars.iter().collect::<String>() + "\n")
    }

    /// Runs a command of `bind -x`: it finds the line in `READLINE_LINE`, and may change it there.
    fn run_command(&mut self, shell: &mut Shell, command: &str) {
        let line: String = self.text.chars.iter().collect();
        let point = text::encode(
            &self.text.chars[..self.text.cursor]
                .iter()
                .collect::<String>(),
        )
        .len()
        .to_string();
        shell.force("READLINE_LINE", &line);
        shell.force("READLINE_POINT", &point);
        shell.print_error_raw("\r\u{1b}[J");
        let _ = sys::tty::setattr(0, When::Drain, &self.before);
        let status = shell.status;
        // Its errors were reported; the line is edited on.
        let _ = shell.eval_text(command, 1);
        shell.status = status;
        let _ = sys::tty::setattr(0, When::Drain, &self.before.raw_input());
        self.text.remember();
        let line = shell.var("READLINE_LINE").unwrap_or_default();
        let point = shell.var("READLINE_POINT").and_then(|p| p.parse().ok());
        let before = line.get(..point.unwrap_or(0)).unwrap_or(&line);
        self.text.cursor = before.chars().count();
        self.text.chars = line.chars().collect();
        for name in ["READLINE_LINE", "READLINE_POINT"] {
            shell.vars.remove(name);
        }
        self.row = 0;
    }

    /// Draws prompt and line, and puts the cursor where it belongs.
    pub fn draw(&mut self, shell: &Shell) {
        let columns = columns();
        let text = shown(&self.text.chars);
        let start = width(self.prompt);
        let before: usize = self.text.chars[..self.text.cursor]
            .iter()
            .map(|c| char_width(*c))
            .sum();
        let total = start + width(&text);
        let mut out = String::new();
        if self.row > 0 {
            out.push_str(&format!("\u{1b}[{}A", self.row));
        }
        out.push_str(&format!("\r\u{1b}[J{}{text}", self.prompt));
        if total > 0 && total.is_multiple_of(columns) {
            // The cursor waits at the margin: move it to the next row.
            out.push_str("\r\n");
        }
        let (end_row, row) = (total / columns, (start + before) / columns);
        if end_row > row {
            out.push_str(&format!("\u{1b}[{}A", end_row - row));
        }
        let column = (start + before) % columns;
        out.push('\r');
        if column > 0 {
            out.push_str(&format!("\u{1b}[{column}C"));
        }
        self.row = row;
        shell.print_error_raw(&out);
    }
}
