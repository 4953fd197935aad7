//! `vi`: a text on the screen, keys that are commands, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/vi.html) and with what people know from vim.

mod again;
mod bottom;
mod change;
mod insert;
mod motion;
mod normal;
mod object;
mod output;
mod put;
mod search;
mod start;
mod visual;
mod window;
mod words;

use std::collections::VecDeque;

use super::buffer::Place;
use super::ex::Editor;
use super::line::Line;
use super::screen::Screen;
use super::terminal::{Input, Key, Terminal};

pub use start::{run_ex, run_vi};

/// Why a command was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// It cannot be done here: a bell rings, and keys that were to follow are forgotten.
    Bell,
    /// There are no more keys.
    End,
    /// The process is to end, by this signal if it is one.
    Gone(Option<i32>),
}

type Done<T = ()> = Result<T, Stop>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Normal,
    Insert,
    Replace,
    Visual,
    VisualLine,
}

/// The most keys that macros may make of one that was typed.
const MOST_KEYS: usize = 1_000_000;

struct Vi<'a> {
    editor: &'a mut Editor,
    terminal: Option<Terminal>,
    screen: Screen,
    /// Keys that come before those that are typed: of macros, of `.`, of a script.
    queue: VecDeque<Key>,
    /// All keys are one change of a command.
    is_script: bool,
    /// Keys of the queue that were taken since one was typed.
    taken: usize,
    mode: Mode,
    /// Where the text that is typed begins.
    inserted: Place,
    /// The keys of the command that runs, and whether `.` does it again.
    keys: Vec<Key>,
    repeats: bool,
    /// Keys that select what the command was for.
    selected: Option<Vec<Key>>,
    /// A macro that is being recorded.
    recording: Option<(char, Vec<Key>)>,
    /// The column that moving up and down keeps; the end of lines is the largest.
    wanted: Option<usize>,
    /// The first line on the screen, and rows of it that are above.
    top: usize,
    skipped: usize,
    rows: usize,
    /// The line at the bottom that is being typed, with where the cursor is in it.
    prompt: Option<(Line, usize)>,
    history: Vec<Line>,
    anchor: Place,
    last_visual: Option<(Place, Place, Mode)>,
}

/// Keys as a script has them.
fn keys_of(text: &[char]) -> VecDeque<Key> {
    let key = |&c: &char| match c {
        '\n' | '\r' => Key::Enter,
        '\t' => Key::Tab,
        '\x1b' => Key::Escape,
        '\x08' | '\x7f' => Key::Backspace,
        '\0' => Key::Ctrl('@'),
        '\x01'..='\x1a' => Key::Ctrl(char::from_u32(u32::from(c) + 96).unwrap_or('?')),
        '\x1c'..='\x1f' => Key::Ctrl(char::from_u32(u32::from(c) + 64).unwrap_or('?')),
        c => Key::Char(c),
    };
    text.iter().map(key).collect()
}

/// The character that a key types, for macros in registers.
fn character_of(key: Key) -> Option<char> {
    Some(match key {
        Key::Char(c) => c,
        Key::Enter => '\r',
        Key::Tab => '\t',
        Key::Escape => '\x1b',
        Key::Backspace => '\x08',
        Key::Ctrl(c) => char::from_u32(u32::from(c.to_ascii_uppercase()).wrapping_sub(64))?,
        _ => return None,
    })
}

/// Runs keys without a screen, as `:normal` does.
fn run_keys(editor: &mut Editor, keys: &[char]) {
    let visual = std::mem::replace(&mut editor.is_visual, true);
    let mut vi = Vi::new(editor, None);
    vi.queue = keys_of(keys);
    vi.is_script = true;
    vi.run_queue();
    editor.is_visual = visual;
    let is_error = |message: &str| {
        message.starts_with('E') && message[1..].starts_with(|c: char| c.is_ascii_digit())
    };
    if is_error(&editor.message) {
        editor.failed = true;
        if !visual {
            let message = std::mem::take(&mut editor.message);
            editor.complain(message);
        }
    }
}

impl<'a> Vi<'a> {
    fn new(editor: &'a mut Editor, terminal: Option<Terminal>) -> Self {
        Self {
            editor,
            terminal,
            screen: Screen::default(),
            queue: VecDeque::new(),
            is_script: false,
            taken: 0,
            mode: Mode::Normal,
            inserted: Place::default(),
            keys: Vec::new(),
            repeats: false,
            selected: None,
            recording: None,
            wanted: None,
            top: 0,
            skipped: 0,
            rows: 23,
            prompt: None,
            history: Vec::new(),
            anchor: Place::default(),
            last_visual: None,
        }
    }

    /// Runs until there are no more keys; a command that is not whole is given up, insertion ends.
    fn run_queue(&mut self) {
        while !self.queue.is_empty() && self.editor.quit.is_none() {
            if self.step().is_err() {
                break;
            }
        }
        self.mode = Mode::Normal;
        if !self.is_script {
            self.editor.buffer.commit();
        }
    }

    /// Runs until the editor is left; gives the signal that ended it, if one did.
    fn run(&mut self) -> Result<i32, Option<i32>> {
        loop {
            if let Some(status) = self.editor.quit {
                return Ok(status);
            }
            match self.step() {
                Ok(()) => {}
                Err(Stop::Bell) => self.bell(),
                Err(Stop::End) => return Err(None),
                Err(Stop::Gone(signal)) => return Err(signal),
            }
        }
    }

    /// One command.
    fn step(&mut self) -> Done {
        let result = self.command();
        self.mode = Mode::Normal;
        self.prompt = None;
        // What a macro does is undone at once.
        if !self.is_script && (self.queue.is_empty() || self.terminal.is_none()) {
            self.editor.buffer.commit();
        }
        self.settle();
        if matches!(result, Err(Stop::Bell)) && self.terminal.is_some() {
            self.queue.clear();
        }
        result
    }

    fn bell(&mut self) {
        self.queue.clear();
        if self.terminal.is_some() {
            // The terminal is looked at with the next key.
            let _ = super::terminal::put(b"\x07");
        }
    }

    /// What cannot be done within a command ends it in a script; a person hears of it, and goes on.
    fn tolerate(&mut self, result: Done) -> Done {
        if result == Err(Stop::Bell) && self.terminal.is_some() && self.queue.is_empty() {
            self.bell();
            return Ok(());
        }
        result
    }

    /// Brings the cursor back onto a character.
    fn settle(&mut self) {
        let cursor = &mut self.editor.cursor;
        cursor.row = cursor.row.min(self.editor.buffer.len() - 1);
        let length = self.editor.buffer.line(cursor.row).len();
        cursor.column = cursor.column.min(length.saturating_sub(1));
    }

    /// The next key.
    fn key(&mut self) -> Done<Key> {
        let key = match self.queue.pop_front() {
            Some(key) => {
                self.taken += 1;
                if self.taken > MOST_KEYS {
                    self.queue.clear();
                    return Err(Stop::Bell);
                }
                key
            }
            None => {
                self.taken = 0;
                let key = self.typed()?;
                if let Some((_, keys)) = &mut self.recording {
                    keys.push(key);
                }
                key
            }
        };
        self.keys.push(key);
        Ok(key)
    }

    fn typed(&mut self) -> Done<Key> {
        loop {
            if self.terminal.is_some() {
                self.draw();
            }
            let terminal = self.terminal.as_mut().ok_or(Stop::End)?;
            match terminal.input() {
                Input::Key(key) => {
                    self.editor.message.clear();
                    return Ok(key);
                }
                Input::Resized => self.screen.forget(),
                Input::Gone(signal) => return Err(Stop::Gone(signal)),
            }
        }
    }

    /// The next key, which has to be a character.
    fn character(&mut self) -> Done<char> {
        match self.key()? {
            Key::Char(c) => Ok(c),
            Key::Tab => Ok('\t'),
            Key::Enter => Ok('\r'),
            // A character that has another meaning otherwise.
            Key::Ctrl('v') => {
                let key = self.key()?;
                character_of(key).ok_or(Stop::Bell)
            }
            _ => Err(Stop::Bell),
        }
    }

    fn line(&self) -> &[char] {
        self.editor.buffer.line(self.editor.cursor.row)
    }

    /// Remembers where the cursor was before a jump.
    fn jump(&mut self) {
        let cursor = self.editor.cursor;
        self.editor.marks.insert('\'', cursor);
    }

    /// Puts keys before all others.
    fn feed(&mut self, keys: Vec<Key>) {
        for key in keys.into_iter().rev() {
            self.queue.push_front(key);
        }
    }
}
