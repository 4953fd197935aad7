//! The command line of `sort`.

use std::ffi::OsString;

use secure_exec_cli::{Args, Failure, Syntax, bytes, flag, os_string, quote, required};

use super::key::{self, Key, Manner};

/// Trouble, as opposed to disorder.
pub const TROUBLE: i32 = 2;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('b', "ignore-leading-blanks"),
        flag('d', "dictionary-order"),
        flag('f', "ignore-case"),
        flag('g', "general-numeric-sort"),
        flag('h', "human-numeric-sort"),
        flag('i', "ignore-nonprinting"),
        flag('M', "month-sort"),
        flag('n', "numeric-sort"),
        flag('R', "random-sort"),
        flag('r', "reverse"),
        flag('V', "version-sort"),
        required('\0', "sort"),
        required('\0', "random-source"),
        required('\0', "batch-size"),
        flag('c', "c"),
        flag('C', "C"),
        secure_exec_cli::optional('\0', "check"),
        required('\0', "compress-program"),
        flag('\0', "debug"),
        required('\0', "files0-from"),
        required('k', "key"),
        flag('m', "merge"),
        required('o', "output"),
        flag('s', "stable"),
        required('S', "buffer-size"),
        required('t', "field-separator"),
        required('T', "temporary-directory"),
        required('\0', "parallel"),
        flag('u', "unique"),
        flag('z', "zero-terminated"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: TROUBLE,
    operand_ends: false,
};

/// What to do with the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Sort,
    Merge,
    /// Tells the first line that is out of order.
    Check,
    CheckQuietly,
}

pub struct Options {
    pub task: Task,
    /// The manner of the whole line, and of keys without one of their own.
    pub manner: Manner,
    pub keys: Vec<Key>,
    pub separator: Option<u8>,
    pub terminator: u8,
    pub unique: bool,
    pub stable: bool,
    pub output: Option<OsString>,
    pub files: Vec<OsString>,
}

pub fn failure(message: impl Into<String>) -> Failure {
    Failure {
        status: TROUBLE,
        message: message.into(),
    }
}

fn incompatible(letters: &str) -> Failure {
    failure(format!("options '-{letters}' are incompatible"))
}

impl Options {
    pub fn parse(args: &Args) -> Result<Self, Failure> {
        let parsed = SYNTAX.parse(args)?;
        let mut options = Self {
            task: Task::Sort,
            manner: Manner::default(),
            keys: Vec::new(),
            separator: None,
            terminator: b'\n',
            unique: false,
            stable: false,
            output: None,
            files: Vec::new(),
        };
        let mut list = None;
        for (name, value) in &parsed.options {
            match *name {
                "sort" => options.manner_of_word(args, &value.text())?,
                "c" => options.check(Task::Check)?,
                "C" => options.check(Task::CheckQuietly)?,
                "check" => options.check(match value.text().as_str() {
                    "" | "diagnose-first" => Task::Check,
                    "quiet" | "silent" => Task::CheckQuietly,
                    other => {
                        let text = format!(
                            "invalid argument {} for '--check'",
                            quote(std::ffi::OsStr::new(other))
                        );
                        return Err(SYNTAX.wrong(args, &text));
                    }
                })?,
                "merge" => options.task = Task::Merge,
                "key" => options
                    .keys
                    .push(key::parse(&value.text()).map_err(failure)?),
                "output" => {
                    if options
                        .output
                        .as_ref()
                        .is_some_and(|known| *known != value.os())
                    {
                        return Err(failure("multiple output files specified"));
                    }
                    options.output = Some(value.os());
                }
                "stable" => options.stable = true,
                "unique" => options.unique = true,
                "zero-terminated" => options.terminator = 0,
                "field-separator" => options.separate(&value.os())?,
                "files0-from" => list = Some(value.os()),
                // One thread and all of the memory: nothing to set.
                "buffer-size"
                | "temporary-directory"
                | "parallel"
                | "batch-size"
                | "compress-program"
                | "random-source"
                | "debug" => {}
                other => options.letter(other)?,
            }
        }
        options.inherit()?;
        options.files = match list {
            Some(list) => named_files(args, &list, &parsed.operands)?,
            None if parsed.operands.is_empty() => vec!["-".into()],
            None => parsed.operands,
        };
        let checks = matches!(options.task, Task::Check | Task::CheckQuietly);
        if checks && options.output.is_some() {
            let letter = if options.task == Task::Check {
                'c'
            } else {
                'C'
            };
            return Err(incompatible(&format!("{letter}o")));
        }
        if let (true, Some(extra)) = (checks, options.files.get(1)) {
            let letter = if options.task == Task::Check {
                'c'
            } else {
                'C'
            };
            return Err(failure(format!(
                "extra operand {} not allowed with -{letter}",
                quote(extra)
            )));
        }
        Ok(options)
    }

    fn check(&mut self, task: Task) -> Result<(), Failure> {
        let other = matches!(self.task, Task::Check | Task::CheckQuietly) && self.task != task;
        if other {
            return Err(incompatible("cC"));
        }
        self.task = task;
        Ok(())
    }

    fn letter(&mut self, name: &str) -> Result<(), Failure> {
        let letter = match name {
            "ignore-leading-blanks" => {
                (self.manner.skip_start, self.manner.skip_end) = (true, true);
                return Ok(());
            }
            "dictionary-order" => 'd',
            "ignore-case" => 'f',
            "general-numeric-sort" => 'g',
            "human-numeric-sort" => 'h',
            "ignore-nonprinting" => 'i',
            "month-sort" => 'M',
            "numeric-sort" => 'n',
            "random-sort" => 'R',
            "reverse" => 'r',
            _ => 'V',
        };
        self.manner
            .set(letter)
            .map(|_| ())
            .map_err(|letters| incompatible(&letters))
    }

    fn manner_of_word(&mut self, args: &Args, word: &str) -> Result<(), Failure> {
        const WORDS: [(&str, char); 6] = [
            ("general-numeric", 'g'),
            ("human-numeric", 'h'),
            ("month", 'M'),
            ("numeric", 'n'),
            ("random", 'R'),
            ("version", 'V'),
        ];
        let mut found = WORDS.iter().filter(|(name, _)| name.starts_with(word));
        let (Some((_, letter)), None) = (found.next(), found.next()) else {
            let text = format!(
                "invalid argument {} for '--sort'",
                quote(std::ffi::OsStr::new(word))
            );
            return Err(SYNTAX.wrong(args, &text));
        };
        self.manner
            .set(*letter)
            .map(|_| ())
            .map_err(|letters| incompatible(&letters))
    }

    fn separate(&mut self, value: &OsString) -> Result<(), Failure> {
        let separator = match bytes(value) {
            [byte] => *byte,
            b"\\0" => 0,
            [] => return Err(failure("empty tab")),
            _ => return Err(failure(format!("multi-character tab {}", quote(value)))),
        };
        if self.separator.is_some_and(|known| known != separator) {
            return Err(failure("incompatible tabs"));
        }
        self.separator = Some(separator);
        Ok(())
    }

    /// Keys without letters have those of the command.
    fn inherit(&mut self) -> Result<(), Failure> {
        if let Some(letters) = self.manner.conflict() {
            return Err(incompatible(&letters));
        }
        for key in &mut self.keys {
            if key.manner.is_plain() {
                key.manner = self.manner;
            }
        }
        if self.keys.is_empty() {
            let whole_line = Manner {
                reverse: false,
                ..self.manner
            };
            if !whole_line.is_plain() {
                self.keys.push(Key {
                    manner: self.manner,
                    ..Key::default()
                });
            }
        }
        Ok(())
    }
}

/// The names in the file of `--files0-from`.
fn named_files(
    args: &Args,
    list: &OsString,
    operands: &[OsString],
) -> Result<Vec<OsString>, Failure> {
    if let Some(extra) = operands.first() {
        let text = format!(
            "extra operand {}\nfile operands cannot be combined with --files0-from",
            quote(extra)
        );
        return Err(SYNTAX.wrong(args, &text));
    }
    let text = super::read(list).map_err(|error| {
        failure(format!(
            "open failed: {}: {}",
            list.to_string_lossy(),
            secure_exec_sys::errno::message(&error)
        ))
    })?;
    let text = text.strip_suffix(b"\0").unwrap_or(&text);
    if text.is_empty() {
        return Err(failure(format!("no input from {}", quote(list))));
    }
    Ok(text.split(|&byte| byte == 0).map(os_string).collect())
}
