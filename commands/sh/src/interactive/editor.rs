//! The line editor: emacs keys on a terminal in raw mode.

use secure_exec_cli::columns_of;
use secure_exec_sys as sys;
use sys::tty::When;

use super::complete::complete;
use crate::shell::Shell;
use crate::text;

/// How reading a line ended.
pub enum Line {
    Text(String),
    Interrupted,
    End,
}

/// A key after its escape sequence was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Char(char),
    Control(u8),
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    Delete,
    WordLeft,
    WordRight,
    DeleteWord,
    Interrupted,
    Closed,
    Unknown,
}

struct Editor<'a> {
    prompt: &'a str,
    chars: Vec<char>,
    cursor: usize,
    /// Position in the history; its length is the line being written.
    at: usize,
    /// The line being written, while an older one is shown.
    draft: Vec<char>,
    killed: Vec<char>,
    /// Rows the cursor is below the first one.
    row: usize,
    last_tab: bool,
}

/// Reads a line with editing.
pub fn read_line(shell: &mut Shell, prompt: &str) -> Line {
    let Ok(before) = sys::tty::getattr(0) else {
        return Line::End;
    };
    let _ = sys::tty::setattr(0, When::Drain, &before.raw_input());
    // All but the last line of the prompt is printed once.
    let (head, last) = match prompt.rfind('\n') {
        Some(at) => prompt.split_at(at + 1),
        None => ("", prompt),
    };
    shell.print_error_raw(head);
    let mut editor = Editor {
        prompt: last,
        chars: Vec::new(),
        cursor: 0,
        at: shell.editor.history.len(),
        draft: Vec::new(),
        killed: Vec::new(),
        row: 0,
        last_tab: false,
    };
    editor.draw(shell);
    let line = loop {
        let key = read_key(shell);
        if editor.append(shell, key) {
            continue;
        }
        if let Some(line) = editor.press(shell, key) {
            break line;
        }
        editor.draw(shell);
    };
    // The terminal must be as it was, whatever happens next.
    let _ = sys::tty::setattr(0, When::Drain, &before);
    line
}

fn read_byte(shell: &mut Shell) -> Result<u8, Key> {
    loop {
        let mut byte = [0];
        match sys::fd::read(0, &mut byte) {
            Ok(0) => return Err(Key::Closed),
            Ok(_) => return Ok(byte[0]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                shell.collect_signals();
                if std::mem::take(&mut shell.traps.interrupted) {
                    return Err(Key::Interrupted);
                }
            }
            Err(_) => return Err(Key::Closed),
        }
    }
}

fn read_key(shell: &mut Shell) -> Key {
    let first = match read_byte(shell) {
        Ok(byte) => byte,
        Err(key) => return key,
    };
    match first {
        27 => escape_sequence(shell),
        0..=31 | 127 => Key::Control(first),
        32..=126 => Key::Char(char::from(first)),
        _ => {
            let mut bytes = vec![first];
            let length = match first {
                0xC0..=0xDF => 2,
                0xE0..=0xEF => 3,
                0xF0..=0xF7 => 4,
                _ => 1,
            };
            while bytes.len() < length {
                match read_byte(shell) {
                    Ok(byte) => bytes.push(byte),
                    Err(key) => return key,
                }
            }
            text::decode(&bytes)
                .chars()
                .next()
                .map_or(Key::Unknown, Key::Char)
        }
    }
}

fn escape_sequence(shell: &mut Shell) -> Key {
    let Ok(kind) = read_byte(shell) else {
        return Key::Closed;
    };
    match kind {
        b'b' => return Key::WordLeft,
        b'f' => return Key::WordRight,
        b'd' => return Key::DeleteWord,
        127 => return Key::Control(23),
        b'[' | b'O' => {}
        _ => return Key::Unknown,
    }
    let mut parameters = String::new();
    loop {
        let Ok(byte) = read_byte(shell) else {
            return Key::Closed;
        };
        match byte {
            b'0'..=b'9' | b';' if parameters.len() < 16 => parameters.push(char::from(byte)),
            b'A' => return Key::Up,
            b'B' => return Key::Down,
            b'C' if parameters.is_empty() => return Key::Right,
            b'D' if parameters.is_empty() => return Key::Left,
            b'C' => return Key::WordRight,
            b'D' => return Key::WordLeft,
            b'H' => return Key::Home,
            b'F' => return Key::End,
            b'~' => {
                return match parameters.as_str() {
                    "1" | "7" => Key::Home,
                    "4" | "8" => Key::End,
                    "3" => Key::Delete,
                    _ => Key::Unknown,
                };
            }
            _ => return Key::Unknown,
        }
    }
}

/// Columns a text takes, without escape sequences.
fn width(text: &str) -> usize {
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

impl Editor<'_> {
    /// A character at the end of the line only has to be echoed, unless the row ends with it.
    fn append(&mut self, shell: &Shell, key: Key) -> bool {
        let Key::Char(c) = key else { return false };
        let taken: usize = self.chars.iter().map(|c| char_width(*c)).sum();
        let column = (width(self.prompt) + taken) % self.columns();
        if self.cursor < self.chars.len() || column == 0 || column + char_width(c) >= self.columns()
        {
            return false;
        }
        self.last_tab = false;
        self.chars.push(c);
        self.cursor += 1;
        shell.print_error_raw(&c.to_string());
        true
    }

    /// Acts on a key; `Some` ends the line.
    fn press(&mut self, shell: &mut Shell, key: Key) -> Option<Line> {
        let tab = std::mem::take(&mut self.last_tab);
        match key {
            Key::Char(c) => self.insert(c),
            Key::Closed => return Some(Line::End),
            Key::Interrupted => return Some(self.interrupt(shell)),
            Key::Left => self.cursor = self.cursor.saturating_sub(1),
            Key::Right => self.cursor = (self.cursor + 1).min(self.chars.len()),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.chars.len(),
            Key::Up => self.older(shell),
            Key::Down => self.newer(shell),
            Key::Delete => self.delete(self.cursor, self.cursor + 1),
            Key::WordLeft => self.cursor = self.word_start(),
            Key::WordRight => self.cursor = self.word_end(),
            Key::DeleteWord => self.kill(self.cursor, self.word_end()),
            Key::Unknown => {}
            Key::Control(c) => return self.control(shell, c, tab),
        }
        None
    }

    fn control(&mut self, shell: &mut Shell, c: u8, tab: bool) -> Option<Line> {
        match c {
            1 => self.cursor = 0,
            2 => self.cursor = self.cursor.saturating_sub(1),
            3 => return Some(self.interrupt(shell)),
            4 if self.chars.is_empty() => {
                shell.print_error_raw("\r\n");
                return Some(Line::End);
            }
            4 => self.delete(self.cursor, self.cursor + 1),
            5 => self.cursor = self.chars.len(),
            6 => self.cursor = (self.cursor + 1).min(self.chars.len()),
            8 | 127 => self.delete(self.cursor.saturating_sub(1), self.cursor),
            // Before anything else it is indentation, as in what is pasted: there is nothing to complete.
            9 if self.chars[..self.cursor].iter().all(|c| c.is_whitespace()) => self.insert('\t'),
            9 => self.complete(shell, tab),
            10 | 13 => {
                self.cursor = self.chars.len();
                self.draw(shell);
                shell.print_error_raw("\r\n");
                return Some(Line::Text(self.chars.iter().collect::<String>() + "\n"));
            }
            11 => self.kill(self.cursor, self.chars.len()),
            12 => {
                shell.print_error_raw("\u{1b}[H\u{1b}[2J");
                self.row = 0;
            }
            14 => self.newer(shell),
            16 => self.older(shell),
            18 => self.search(shell),
            20 if self.cursor > 0 && self.chars.len() > 1 => {
                let at = self.cursor.min(self.chars.len() - 1);
                self.chars.swap(at - 1, at);
                self.cursor = at + 1;
            }
            21 => self.kill(0, self.cursor),
            22 => match read_key(shell) {
                Key::Char(c) => self.insert(c),
                Key::Control(c) => self.insert(char::from(c)),
                _ => {}
            },
            23 => {
                let start = self.chars[..self.cursor]
                    .iter()
                    .rposition(|c| !c.is_whitespace())
                    .map_or(0, |end| {
                        self.chars[..end]
                            .iter()
                            .rposition(|c| c.is_whitespace())
                            .map_or(0, |i| i + 1)
                    });
                self.kill(start, self.cursor);
            }
            25 => {
                let killed = self.killed.clone();
                self.cursor += killed.len();
                let at = self.cursor - killed.len();
                self.chars.splice(at..at, killed);
            }
            _ => {}
        }
        None
    }

    fn insert(&mut self, c: char) {
        self.chars.insert(self.cursor, c);
        self.cursor += 1;
    }

    fn interrupt(&mut self, shell: &mut Shell) -> Line {
        self.cursor = self.chars.len();
        self.draw(shell);
        shell.print_error_raw("^C\r\n");
        Line::Interrupted
    }

    fn delete(&mut self, from: usize, to: usize) {
        let to = to.min(self.chars.len());
        if from < to {
            self.chars.drain(from..to);
            self.cursor = from;
        }
    }

    fn kill(&mut self, from: usize, to: usize) {
        if from < to {
            self.killed = self.chars[from..to].to_vec();
            self.delete(from, to);
        }
    }

    fn word_start(&self) -> usize {
        let mut at = self.cursor;
        while at > 0 && !self.chars[at - 1].is_alphanumeric() {
            at -= 1;
        }
        while at > 0 && self.chars[at - 1].is_alphanumeric() {
            at -= 1;
        }
        at
    }

    fn word_end(&self) -> usize {
        let mut at = self.cursor;
        while at < self.chars.len() && !self.chars[at].is_alphanumeric() {
            at += 1;
        }
        while at < self.chars.len() && self.chars[at].is_alphanumeric() {
            at += 1;
        }
        at
    }

    fn show(&mut self, shell: &Shell, at: usize) {
        if self.at == shell.editor.history.len() {
            self.draft = std::mem::take(&mut self.chars);
        }
        self.at = at;
        self.chars = match shell.editor.history.get(at) {
            Some(line) => line.chars().collect(),
            None => self.draft.clone(),
        };
        self.cursor = self.chars.len();
    }

    fn older(&mut self, shell: &Shell) {
        if self.at > 0 {
            self.show(shell, self.at - 1);
        }
    }

    fn newer(&mut self, shell: &Shell) {
        if self.at < shell.editor.history.len() {
            self.show(shell, self.at + 1);
        }
    }

    /// Ctrl-R: the latest line that holds what is typed.
    fn search(&mut self, shell: &mut Shell) {
        let mut wanted = String::new();
        let mut limit = shell.editor.history.len();
        loop {
            let found = (0..limit)
                .rev()
                .find(|i| !wanted.is_empty() && shell.editor.history[*i].contains(&wanted));
            let shown = found
                .map_or("", |i| shell.editor.history[i].as_str())
                .to_owned();
            shell.print_error_raw(&format!("\r\u{1b}[J(reverse-i-search)`{wanted}': {shown}"));
            match read_key(shell) {
                Key::Char(c) => wanted.push(c),
                Key::Control(8 | 127) => {
                    wanted.pop();
                    limit = shell.editor.history.len();
                }
                Key::Control(18) => limit = found.unwrap_or(limit),
                key => {
                    if let Some(at) =
                        found.filter(|_| key != Key::Control(3) && key != Key::Control(7))
                    {
                        self.show(shell, at);
                    }
                    self.row = 0;
                    return;
                }
            }
        }
    }

    fn complete(&mut self, shell: &mut Shell, again: bool) {
        let line: String = self.chars[..self.cursor].iter().collect();
        let found = complete(shell, &line);
        let Some(first) = found.candidates.first() else {
            shell.print_error_raw("\u{7}");
            return;
        };
        let mut common: Vec<char> = first.chars().collect();
        for candidate in &found.candidates[1..] {
            let same = common
                .iter()
                .zip(candidate.chars())
                .take_while(|(a, b)| **a == *b)
                .count();
            common.truncate(same);
        }
        if common.len() > found.typed {
            let start = self.cursor - found.typed;
            let new = common.len();
            self.chars.splice(start..self.cursor, common);
            self.cursor = start + new;
        } else if again {
            let names: Vec<&str> = found.candidates.iter().map(|c| c.trim_end()).collect();
            let widest = names.iter().map(|n| width(n)).max().unwrap_or(1) + 2;
            let columns = (self.columns() / widest).max(1);
            let mut text = String::from("\r\n");
            for row in names.chunks(columns) {
                for name in row {
                    text.push_str(name);
                    text.push_str(&" ".repeat(widest - width(name)));
                }
                text.push_str("\r\n");
            }
            shell.print_error_raw(&text);
            self.row = 0;
        } else {
            self.last_tab = true;
            shell.print_error_raw("\u{7}");
        }
    }

    #[expect(
        clippy::unused_self,
        reason = "the terminal may differ per editor one day"
    )]
    fn columns(&self) -> usize {
        match sys::tty::winsize(0) {
            Ok(size) if size.columns > 0 => usize::from(size.columns),
            _ => 80,
        }
    }

    /// Draws prompt and line, and puts the cursor where it belongs.
    fn draw(&mut self, shell: &Shell) {
        let columns = self.columns();
        let text = shown(&self.chars);
        let start = width(self.prompt);
        let before: usize = self.chars[..self.cursor]
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
