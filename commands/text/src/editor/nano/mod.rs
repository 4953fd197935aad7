//! `nano`: keys as the manual of GNU nano has them.

mod edit;
mod prompt;
mod view;

use std::ffi::OsString;
use std::path::PathBuf;

use secure_exec_cli::{Failure, Outcome, bytes, fail};
use secure_exec_sys::{process, signal, tty};

use super::buffer::{Buffer, Place};
use super::file::{self, Seen};
use super::line::Line;
use super::pattern::Search;
use super::screen::Screen;
use super::terminal::{Input, Key, Terminal};
use crate::message::reason;

/// Why it ends: as asked for, or as the terminal is gone or a signal came.
type Ended<T = ()> = Result<T, Option<i32>>;

struct Nano {
    terminal: Terminal,
    screen: Screen,
    buffer: Buffer,
    cursor: Place,
    /// The first line that is shown.
    top: usize,
    file: Option<PathBuf>,
    seen: Seen,
    dos: bool,
    reads_only: bool,
    numbers: bool,
    autoindent: bool,
    expands: bool,
    tabstop: usize,
    message: String,
    mark: Option<Place>,
    /// What was cut, and whether the next cut is added to it.
    cut: Vec<Line>,
    adds: bool,
    searched: Line,
    search: Option<Search>,
    /// The column that moving up and down keeps.
    wanted: Option<usize>,
    done: bool,
}

#[derive(Default)]
struct Start {
    files: Vec<OsString>,
    place: Option<(usize, usize)>,
    reads_only: bool,
    numbers: bool,
    autoindent: bool,
    expands: bool,
    tabstop: Option<usize>,
}

const USAGE: &str = "Usage: nano [-vliE] [-T number] [[+line[,column]] file]";

fn start(list: &[OsString]) -> Result<Option<Start>, Failure> {
    let mut start = Start::default();
    let mut list = list.iter();
    let mut only_files = false;
    while let Some(word) = list.next() {
        let text = word.to_string_lossy();
        if text == "-" && !only_files {
            return Err(fail("standard input is not read by this nano"));
        }
        if only_files || !text.starts_with(['-', '+']) {
            start.files.push(word.clone());
            continue;
        }
        if let Some(place) = text.strip_prefix('+') {
            let (row, column) = place.split_once(',').unwrap_or((place, "1"));
            start.place = Some((row.parse().unwrap_or(1), column.parse().unwrap_or(1)));
            continue;
        }
        match &*text {
            "--" => only_files = true,
            "--version" | "-V" => {
                println!("nano (secure-exec) {}", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(None);
            }
            "--view" => start.reads_only = true,
            "--linenumbers" => start.numbers = true,
            "--autoindent" => start.autoindent = true,
            "--tabstospaces" => start.expands = true,
            // These change only what is shown, or ask for what is done anyway.
            "--nowrap" | "--softwrap" | "--nohelp" | "--mouse" | "--constantshow" | "--unix"
            | "--noconvert" | "--nonewlines" | "--ignorercfiles" | "--breaklonglines"
            | "--smarthome" => {}
            text if text.starts_with("--tabsize=") => {
                start.tabstop = Some(tabstop(&text["--tabsize=".len()..])?);
            }
            text if text.starts_with("--") => {
                return Err(fail(format!("unrecognized option '{text}'\n{USAGE}")));
            }
            letters => {
                for letter in letters.chars().skip(1) {
                    match letter {
                        'v' => start.reads_only = true,
                        'l' => start.numbers = true,
                        'i' => start.autoindent = true,
                        'E' => start.expands = true,
                        'T' => {
                            let value = list.next().map(|value| value.to_string_lossy());
                            start.tabstop = Some(tabstop(&value.unwrap_or_default())?);
                        }
                        'w' | 'S' | 'x' | 'm' | 'c' | 'u' | 'N' | 'L' | 'I' | 'b' | 'A' => {}
                        other => return Err(fail(format!("invalid option -- '{other}'\n{USAGE}"))),
                    }
                }
            }
        }
    }
    Ok(Some(start))
}

fn tabstop(text: &str) -> Result<usize, Failure> {
    let value = text.parse().ok().filter(|value| (1..=100).contains(value));
    value.ok_or_else(|| fail(format!("Requested tab size \"{text}\" is invalid")))
}

pub fn run(list: &[OsString]) -> Outcome {
    let Some(start) = start(list)? else {
        return Ok(0);
    };
    if !tty::isatty(0) || !tty::isatty(1) {
        return Err(fail("standard input or output is not a terminal"));
    }
    if start.files.len() > 1 {
        return Err(fail("more than one file is not supported by this nano"));
    }
    let file = start
        .files
        .first()
        .filter(|file| !bytes(file).is_empty())
        .map(PathBuf::from);
    let mut message = String::new();
    let mut content = file::Content::default();
    if let Some(file) = &file {
        match file::read(file) {
            Ok(found) => {
                let count = found.lines.len();
                message = format!("[ Read {count} line{} ]", if count == 1 { "" } else { "s" });
                content = found;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                message = "[ New File ]".to_owned()
            }
            Err(error) => return Err(fail(format!("{}: {}", file.display(), reason(&error)))),
        }
    }
    let mut nano = Nano {
        terminal: Terminal::new(true)?,
        screen: Screen::default(),
        seen: file.as_deref().and_then(file::seen),
        dos: content.dos,
        buffer: Buffer::new(content.lines),
        cursor: Place::default(),
        top: 0,
        file,
        reads_only: start.reads_only,
        numbers: start.numbers,
        autoindent: start.autoindent,
        expands: start.expands,
        tabstop: start.tabstop.unwrap_or(8),
        message,
        mark: None,
        cut: Vec::new(),
        adds: false,
        searched: Line::new(),
        search: None,
        wanted: None,
        done: false,
    };
    if let Some((row, column)) = start.place {
        nano.go_to(row, column);
    }
    let ended = nano.run();
    let left = nano.terminal.leave();
    match ended {
        Ok(()) => {
            left?;
            Ok(0)
        }
        Err(number) => {
            nano.rescue();
            if let Some(number) = number {
                signal::action(number, signal::Disposition::Default)?;
                process::kill(process::getpid(), number)?;
            }
            Ok(1)
        }
    }
}

impl Nano {
    fn run(&mut self) -> Ended {
        while !self.done {
            let key = self.key(None)?;
            self.command(key)?;
        }
        Ok(())
    }

    /// The next key; shows the text first, and a question below it.
    fn key(&mut self, question: Option<(&str, &[char], usize)>) -> Ended<Key> {
        loop {
            self.draw(question);
            match self.terminal.input() {
                Input::Key(key) => {
                    if question.is_none() {
                        self.message.clear();
                    }
                    return Ok(key);
                }
                Input::Resized => self.screen.forget(),
                Input::Gone(signal) => return Err(signal),
            }
        }
    }

    /// Puts what was changed beside the file: this process is ended from outside.
    fn rescue(&self) {
        if !self.buffer.is_modified() {
            return;
        }
        let path = self.file.clone().unwrap_or_else(|| PathBuf::from("nano"));
        file::rescue(&path, self.lines(), self.dos);
    }

    /// The lines that are written: none of an empty text.
    fn lines(&self) -> &[Line] {
        if self.buffer.is_blank() {
            &[]
        } else {
            self.buffer.lines()
        }
    }

    fn command(&mut self, key: Key) -> Ended {
        let typed = matches!(
            key,
            Key::Char(_)
                | Key::Tab
                | Key::Enter
                | Key::Backspace
                | Key::Delete
                | Key::Ctrl('d' | 'h')
        );
        if !typed {
            self.buffer.commit();
        }
        let cuts = matches!(key, Key::Ctrl('k'));
        let vertical = matches!(
            key,
            Key::Up | Key::Down | Key::PageUp | Key::PageDown | Key::Ctrl('p' | 'n' | 'y' | 'v')
        );
        match key {
            Key::Ctrl('x') => self.exit()?,
            Key::Ctrl('o' | 's') => {
                self.write_out(key == Key::Ctrl('s'))?;
            }
            Key::Ctrl('r') | Key::Insert => self.read_in()?,
            Key::Ctrl('w') => self.where_is()?,
            Key::Alt('w') => self.find_again(),
            Key::Ctrl('\\') | Key::Alt('r') => self.replace()?,
            Key::Ctrl('g') | Key::Function(1) => self.help()?,
            Key::Ctrl('c') => self.tell_place(),
            Key::Ctrl('_') | Key::Alt('g') => self.ask_place()?,
            Key::Ctrl('l') => self.screen.forget(),
            Key::Ctrl('z') => {
                if let Err(error) = self.terminal.suspend() {
                    self.message = reason(&error);
                }
                self.screen.forget();
            }
            Key::Alt('n' | '#') => self.numbers = !self.numbers,
            Key::Alt('a') | Key::Ctrl('^') => {
                self.mark = if self.mark.is_some() {
                    None
                } else {
                    Some(self.cursor)
                };
                self.message = if self.mark.is_some() {
                    "[ Mark Set ]"
                } else {
                    "[ Mark Unset ]"
                }
                .to_owned();
            }
            Key::Alt('6' | '^') => self.copy(),
            key if self.moves(key) => {}
            _ if self.reads_only => self.message = "[ Key is invalid in view mode ]".to_owned(),
            Key::Alt('u') => self.back(true),
            Key::Alt('e') => self.back(false),
            key => self.change(key),
        }
        self.adds = cuts;
        if !vertical {
            self.wanted = None;
        }
        Ok(())
    }
}
