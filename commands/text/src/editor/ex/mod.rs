//! `ex`: the commands behind the colon, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/ex.html),
//! with messages and additions as in vim.

mod address;
mod command;
mod files;
mod names;
mod options;
mod shell;
mod substitute;
mod text;
mod transfer;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::rc::Rc;

use super::buffer::{Buffer, Place};
use super::file::Seen;
use super::line::{Line, decode, encode, shown};
use super::pattern::Search;
use super::terminal::Key;

pub use address::Words;
pub use options::Options;
use substitute::Substitution;

/// What went wrong, in vim's words.
pub type Outcome = Result<(), String>;

/// Text that was taken away or copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    pub lines: Vec<Line>,
    /// Whole lines, not a piece of text.
    pub is_linewise: bool,
}

/// What keys do again.
#[derive(Clone, Debug, Default)]
pub struct Again {
    /// The last command that changed the text.
    pub dot: Vec<Key>,
    /// The register of the last macro.
    pub played: Option<char>,
    /// `f`, `F`, `t` or `T`, and the character.
    pub found: Option<(char, char)>,
    /// The last line of commands.
    pub line: Line,
}

/// A text that is edited, and all that commands remember.
pub struct Editor {
    pub buffer: Buffer,
    pub cursor: Place,
    pub file: Option<PathBuf>,
    /// The file before that, `#`.
    alternate: Option<PathBuf>,
    pub seen: Seen,
    pub dos: bool,
    pub options: Options,
    pub registers: HashMap<char, Register>,
    pub marks: HashMap<char, Place>,
    pub search: Option<Rc<Search>>,
    /// Whether the last search went forwards.
    pub forwards: bool,
    substitution: Option<Substitution>,
    arguments: Vec<OsString>,
    argument: usize,
    /// What commands print, for the screen.
    pub printed: Vec<String>,
    /// A short message, for the last line of the screen.
    pub message: String,
    /// The screen is used: what prints waits for it.
    pub is_visual: bool,
    /// A command for the shell that is to have the terminal.
    pub shell_command: Option<String>,
    /// The process is to stop.
    pub suspends: bool,
    /// What `.`, `@@` and `;` do again.
    pub again: Again,
    /// Where the text of `a`, `c` and `i` comes from.
    input: Option<Box<dyn BufRead>>,
    /// Runs keys as `vi` would.
    normal: fn(&mut Editor, &[char]),
    /// How deep in commands of `g` and `normal` this is.
    depth: usize,
    quiet: bool,
    /// The status to end with.
    pub quit: Option<i32>,
    pub failed: bool,
}

/// How deep commands may lead to others.
const DEEPEST: usize = 8;

impl Editor {
    pub fn new(normal: fn(&mut Editor, &[char])) -> Self {
        Self {
            buffer: Buffer::default(),
            cursor: Place::default(),
            file: None,
            alternate: None,
            seen: None,
            dos: false,
            options: Options::default(),
            registers: HashMap::new(),
            marks: HashMap::new(),
            search: None,
            forwards: true,
            substitution: None,
            arguments: Vec::new(),
            argument: 0,
            printed: Vec::new(),
            message: String::new(),
            is_visual: false,
            shell_command: None,
            suspends: false,
            again: Again::default(),
            input: None,
            normal,
            depth: 0,
            quiet: false,
            quit: None,
            failed: false,
        }
    }

    /// The files of the command line: the first is read.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(&mut self, files: Vec<OsString>) -> Outcome {
        self.arguments = files;
        self.argument = 0;
        match self.arguments.first().cloned() {
            Some(file) => self.edit(file.into()),
            None => Ok(()),
        }
    }

    /// Runs a line of commands, and notes what is wrong with it.
    pub fn run(&mut self, line: &[char]) {
        let result = self.execute(line);
        if self.depth == 0 {
            self.buffer.commit();
        }
        if let Err(message) = result {
            self.failed = true;
            self.complain(message);
        }
    }

    /// Says what went wrong.
    pub fn complain(&mut self, message: String) {
        if self.is_visual {
            self.message = message;
        } else if !self.quiet {
            // Nobody reads it if standard error is closed. Patterns and names are of anybody's making.
            let text: Line = message.chars().collect();
            let _ = writeln!(std::io::stderr(), "{}", shown(&text, 8));
        }
    }

    /// Tells what was done, as a person wants to know.
    pub fn inform(&mut self, message: String) {
        if self.is_visual {
            self.message = message;
        } else if !self.quiet {
            self.print(message);
        }
    }

    /// Prints what was asked for.
    fn print(&mut self, text: String) {
        if self.is_visual {
            self.printed.push(text);
        } else {
            let text: Line = text.chars().collect();
            let mut bytes = if secure_exec_sys::tty::isatty(1) {
                shown(&text, 8).into_bytes()
            } else {
                encode(&text)
            };
            bytes.push(b'\n');
            // A reader that has gone ends this process with a signal.
            let _ = std::io::stdout().write_all(&bytes);
        }
    }

    /// Whether only what is asked for is printed: a script reads it.
    pub fn set_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    /// Reads commands from standard input up to its end, from a line on; gives the status.
    pub fn batch(&mut self, row: usize) -> i32 {
        let quiet = self.quiet;
        self.input = Some(Box::new(std::io::BufReader::new(std::io::stdin())));
        let asks = !quiet && secure_exec_sys::tty::isatty(0);
        self.cursor.row = row.min(self.buffer.len() - 1);
        while self.quit.is_none() {
            if asks {
                print!(":");
                let _ = std::io::stdout().flush();
            }
            let Some(line) = self.input_line() else {
                break;
            };
            if line.is_empty() {
                let next = self.cursor.row + 1;
                if next < self.buffer.len() {
                    self.cursor.row = next;
                    self.print(self.shown(next));
                } else {
                    self.failed = true;
                    self.complain("E501: At end-of-file".to_owned());
                }
                continue;
            }
            self.run(&line);
        }
        let _ = std::io::stdout().flush();
        match self.quit {
            Some(0) if self.failed && quiet => 1,
            Some(status) => status,
            None => 1,
        }
    }

    fn input_line(&mut self) -> Option<Line> {
        let mut bytes = Vec::new();
        let length = self.input.as_mut()?.read_until(b'\n', &mut bytes).ok()?;
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        (length > 0).then(|| decode(line))
    }

    /// A line as `p` shows it.
    fn shown(&self, row: usize) -> String {
        let text: String = self.buffer.line(row).iter().collect();
        if self.options.number {
            format!("{:>3} {text}", row + 1)
        } else {
            text
        }
    }

    /// Goes to a line, to its first character that is no blank.
    pub fn go_to(&mut self, row: usize) {
        self.cursor.row = row.min(self.buffer.len() - 1);
        self.cursor.column = super::line::first_nonblank(self.buffer.line(self.cursor.row));
    }

    /// Puts text into registers: the one that was named, a small letter; in upper case it is added.
    pub fn keep(&mut self, name: Option<char>, register: Register) {
        if name == Some('_') {
            return;
        }
        if let Some(name) = name.filter(|name| *name != '"') {
            let lower = name.to_ascii_lowercase();
            let kept = self.registers.entry(lower).or_default();
            if name.is_ascii_uppercase() && !kept.lines.is_empty() {
                let linewise = kept.is_linewise || register.is_linewise;
                let mut more = register.lines.clone().into_iter();
                if !linewise && let (Some(last), Some(first)) = (kept.lines.last_mut(), more.next())
                {
                    last.extend(first);
                }
                kept.lines.extend(more);
                kept.is_linewise = linewise;
            } else {
                *kept = register.clone();
            }
        }
        self.registers.insert('"', register);
    }

    /// The text of a register; by default the last one.
    pub fn register(&self, name: Option<char>) -> Option<Register> {
        let name = name.unwrap_or('"').to_ascii_lowercase();
        let of_name = |text: String| Register {
            lines: vec![text.chars().collect()],
            is_linewise: false,
        };
        match name {
            '%' => self
                .file
                .as_ref()
                .map(|file| of_name(file.display().to_string())),
            _ => self
                .registers
                .get(&name)
                .filter(|register| !register.lines.is_empty())
                .cloned(),
        }
    }

    /// Keeps the marks on their lines when lines before them come or go.
    pub fn shift_marks(&mut self, from: usize, removed: usize, added: usize) {
        let end = from + removed;
        self.marks
            .retain(|_, place| added >= removed || !(from + added..end).contains(&place.row));
        for place in self.marks.values_mut().filter(|place| place.row >= end) {
            place.row = place.row - removed + added;
        }
    }

    /// Replaces lines, and moves the marks.
    pub fn replace(&mut self, row: usize, count: usize, lines: Vec<Line>) {
        self.shift_marks(row, count, lines.len());
        self.buffer.begin(self.cursor);
        self.buffer.replace(row, count, lines);
    }

    /// A line from the next one on that has a match, around the end if `wrapscan` is set.
    pub fn find_line(&self, search: &Search, from: usize, forwards: bool) -> Option<usize> {
        let length = self.buffer.len();
        let matches = |&row: &usize| search.is_match(self.buffer.line(row));
        let wraps = self.options.wrapscan;
        if forwards {
            let again = 0..if wraps { (from + 1).min(length) } else { 0 };
            (from + 1..length).chain(again).find(matches)
        } else {
            let again = from..if wraps { length } else { from };
            (0..from).rev().chain(again.rev()).find(matches)
        }
    }

    /// Compiles an expression and remembers it; an empty one is the last one.
    ///
    /// # Errors
    /// It is none, or there was none before.
    pub fn compile(&mut self, text: &[char]) -> Result<Rc<Search>, String> {
        if text.is_empty() {
            return self
                .search
                .clone()
                .ok_or_else(|| "E35: No previous regular expression".to_owned());
        }
        let ignores = self.options.ignorecase
            && !(self.options.smartcase && text.iter().any(|c| c.is_uppercase()));
        let shown: String = text.iter().collect();
        let search = Search::new(text, ignores)
            .map_err(|why| format!("E383: Invalid search string: {shown}: {why}"))?;
        let search = Rc::new(search);
        self.search = Some(Rc::clone(&search));
        Ok(search)
    }

    /// Runs something that may lead to the same again.
    fn deeper(&mut self, run: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        if self.depth >= DEEPEST {
            return Err("E169: Command too recursive".to_owned());
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }
}
