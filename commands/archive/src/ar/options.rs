//! ar's command line: one letter says what is done, others how.

use secure_exec_cli::{Args, Failure, bytes, fail, os_string};
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Replace,
    Append,
    Delete,
    Move,
    List,
    Print,
    Extract,
    Index,
}

/// Where members are put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    End,
    Before(Vec<u8>),
    After(Vec<u8>),
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of ar")]
pub struct Options {
    pub action: Action,
    pub archive: PathBuf,
    pub files: Vec<Vec<u8>>,
    pub place: Place,
    /// `N`: which of several members of one name, from 1.
    pub instance: Option<usize>,
    pub output: Option<PathBuf>,
    pub quiet: bool,
    pub verbose: bool,
    pub newer: bool,
    pub keeps_dates: bool,
    pub offsets: bool,
    /// `D`: no times, users and groups, and one mode.
    pub plain: bool,
    pub full_names: bool,
    pub truncates: bool,
}

const USAGE: &str = "Usage: ar [-]{dmpqrstx}[abcDfiNoOPsSuUvV] [--output DIRNAME] [member-name] [count] archive-file file...";

fn usage(message: &str) -> Failure {
    eprintln!("{USAGE}");
    fail(message)
}

/// The letters and the long options, and what is left.
struct Words {
    letters: Vec<u8>,
    output: Option<PathBuf>,
    operands: Vec<Vec<u8>>,
}

fn words(args: &Args) -> Result<Words, Failure> {
    let mut words = Words {
        letters: Vec::new(),
        output: None,
        operands: Vec::new(),
    };
    let mut list = args.list.iter().map(|word| bytes(word).to_vec());
    let mut first = true;
    while let Some(word) = list.next() {
        let is_first = std::mem::take(&mut first);
        if word == b"--" {
            words.operands.extend(list.by_ref());
        } else if let Some(long) = word.strip_prefix(b"--") {
            let text = String::from_utf8_lossy(long).into_owned();
            match text.split_once('=').unwrap_or((&text, "")) {
                ("help", _) => {
                    println!("{USAGE}");
                    return Err(Failure::silent(0));
                }
                ("version", _) => {
                    println!("ar (secure-exec) {}", env!("CARGO_PKG_VERSION"));
                    return Err(Failure::silent(0));
                }
                ("target", _) => {}
                ("output", directory) if !directory.is_empty() => {
                    words.output = Some(directory.into());
                }
                ("output", _) => words.output = list.next().map(|word| os_string(word).into()),
                ("thin", _) => return Err(fail("thin archives are not supported")),
                _ => return Err(usage(&format!("unrecognized option '--{text}'"))),
            }
        } else if word.len() > 1 && word[0] == b'-' {
            words.letters.extend_from_slice(&word[1..]);
        } else if is_first {
            words.letters.extend_from_slice(&word);
        } else {
            words.operands.push(word);
        }
    }
    Ok(words)
}

impl Options {
    pub fn parse(args: &Args) -> Result<Self, Failure> {
        let words = words(args)?;
        let mut action = None;
        let mut options = Self {
            action: Action::Index,
            archive: PathBuf::new(),
            files: Vec::new(),
            place: Place::End,
            instance: None,
            output: words.output,
            quiet: false,
            verbose: false,
            newer: false,
            keeps_dates: false,
            offsets: false,
            plain: true,
            full_names: false,
            truncates: false,
        };
        let (mut relative, mut counts, mut index) = (None, false, false);
        for letter in words.letters {
            let new = match letter {
                b'r' => Action::Replace,
                b'q' => Action::Append,
                b'd' => Action::Delete,
                b'm' => Action::Move,
                b't' => Action::List,
                b'p' => Action::Print,
                b'x' => Action::Extract,
                b'a' | b'b' | b'i' => {
                    relative = Some(letter);
                    continue;
                }
                b'N' => {
                    counts = true;
                    continue;
                }
                b's' => {
                    index = true;
                    continue;
                }
                b'V' => {
                    println!("ar (secure-exec) {}", env!("CARGO_PKG_VERSION"));
                    return Err(Failure::silent(0));
                }
                b'T' => return Err(fail("thin archives are not supported")),
                b'M' => return Err(fail("scripts (-M) are not supported")),
                b'l' => return Err(fail("dependencies (l) are not supported")),
                _ => {
                    options.letter(letter)?;
                    continue;
                }
            };
            if action.is_some_and(|old| old != new) {
                return Err(usage("two different operation options specified"));
            }
            action = Some(new);
        }
        options.action = match action {
            Some(action) => action,
            None if index => Action::Index,
            None => return Err(usage("no operation specified")),
        };
        let mut operands = words.operands.into_iter();
        let mut next = || operands.next();
        if let Some(letter) = relative {
            let name = next().ok_or_else(|| usage("no member is named"))?;
            options.place = if letter == b'a' {
                Place::After(name)
            } else {
                Place::Before(name)
            };
        }
        if counts {
            let text = next().unwrap_or_default();
            let count = String::from_utf8_lossy(&text).parse().ok();
            options.instance = Some(
                count
                    .filter(|count| *count > 0)
                    .ok_or_else(|| fail("Value for `N' must be positive."))?,
            );
        }
        options.archive = match next() {
            Some(name) => os_string(name).into(),
            None => return Err(usage("no archive is named")),
        };
        options.files = operands.collect();
        Ok(options)
    }

    fn letter(&mut self, letter: u8) -> Result<(), Failure> {
        match letter {
            b'c' => self.quiet = true,
            b'v' => self.verbose = true,
            b'u' => self.newer = true,
            b'o' => self.keeps_dates = true,
            b'O' => self.offsets = true,
            b'D' => self.plain = true,
            b'U' => self.plain = false,
            b'P' => self.full_names = true,
            b'f' => self.truncates = true,
            // There is never a table of symbols.
            b'S' => {}
            _ => {
                let letter = char::from(letter);
                return Err(usage(&format!("invalid option -- '{letter}'")));
            }
        }
        Ok(())
    }
}
