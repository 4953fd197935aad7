//! grep's command line.

use crate::getopt::Argument::{No, Optional, Required};
use crate::getopt::{Grammar, Long};
use crate::message;
use std::io::Read;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Basic,
    Extended,
    Fixed,
    Perl,
}

/// What is written for a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Lines,
    Matches,
    Count,
    FilesWith,
    FilesWithout,
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Report,
    Text,
    Skip,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Directories {
    Read,
    Skip,
    Recurse,
    /// Recurse, following symbolic links.
    RecurseFollowing,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of grep")]
pub struct Options {
    pub kind: Kind,
    pub patterns: Vec<Vec<u8>>,
    pub files: Vec<Vec<u8>>,
    pub ignore_case: bool,
    pub word: bool,
    pub line: bool,
    pub invert: bool,
    pub output: Output,
    pub line_numbers: bool,
    pub byte_offset: bool,
    pub with_filename: Option<bool>,
    pub initial_tab: bool,
    pub null_after_name: bool,
    pub null_data: bool,
    pub max_count: Option<u64>,
    pub before: usize,
    pub after: usize,
    pub binary: Binary,
    pub directories: Directories,
    pub skip_devices: bool,
    pub include: Vec<Vec<u8>>,
    pub exclude: Vec<Vec<u8>>,
    pub exclude_directory: Vec<Vec<u8>>,
    pub no_messages: bool,
    pub line_buffered: bool,
    pub color: bool,
    pub label: Option<Vec<u8>>,
    pub group_separator: Option<Vec<u8>>,
}

const LONG: &[Long] = &[
    ("basic-regexp", No, 'G'),
    ("extended-regexp", No, 'E'),
    ("fixed-strings", No, 'F'),
    ("fixed-regexp", No, 'F'),
    ("perl-regexp", No, 'P'),
    ("regexp", Required, 'e'),
    ("file", Required, 'f'),
    ("ignore-case", No, 'i'),
    ("no-ignore-case", No, '\u{1}'),
    ("word-regexp", No, 'w'),
    ("line-regexp", No, 'x'),
    ("null-data", No, 'z'),
    ("no-messages", No, 's'),
    ("invert-match", No, 'v'),
    ("max-count", Required, 'm'),
    ("byte-offset", No, 'b'),
    ("line-number", No, 'n'),
    ("line-buffered", No, '\u{2}'),
    ("with-filename", No, 'H'),
    ("no-filename", No, 'h'),
    ("label", Required, '\u{3}'),
    ("only-matching", No, 'o'),
    ("quiet", No, 'q'),
    ("silent", No, 'q'),
    ("binary-files", Required, '\u{4}'),
    ("text", No, 'a'),
    ("directories", Required, 'd'),
    ("devices", Required, 'D'),
    ("recursive", No, 'r'),
    ("dereference-recursive", No, 'R'),
    ("include", Required, '\u{5}'),
    ("exclude", Required, '\u{6}'),
    ("exclude-from", Required, '\u{7}'),
    ("exclude-dir", Required, '\u{8}'),
    ("files-without-match", No, 'L'),
    ("files-with-matches", No, 'l'),
    ("count", No, 'c'),
    ("initial-tab", No, 'T'),
    ("null", No, 'Z'),
    ("before-context", Required, 'B'),
    ("after-context", Required, 'A'),
    ("context", Required, 'C'),
    ("group-separator", Required, '\u{b}'),
    ("no-group-separator", No, '\u{c}'),
    ("color", Optional, '\u{e}'),
    ("colour", Optional, '\u{e}'),
    ("binary", No, 'U'),
    ("help", No, '\u{f}'),
    ("version", No, 'V'),
];

const GRAMMAR: Grammar = Grammar {
    short: "GEFPe:f:iywxzsvm:bnHhoqad:D:rRlLcTZB:A:C:UV0123456789uI",
    long: LONG,
    in_order: false,
};

const USAGE: &str = "Usage: grep [OPTION]... PATTERNS [FILE]...";

/// Why parsing ended without options: the exit status.
pub struct Exit(pub u8);

impl Options {
    fn new(name: &str) -> Self {
        Self {
            kind: match name {
                "egrep" => Kind::Extended,
                "fgrep" => Kind::Fixed,
                _ => Kind::Basic,
            },
            patterns: Vec::new(),
            files: Vec::new(),
            ignore_case: false,
            word: false,
            line: false,
            invert: false,
            output: Output::Lines,
            line_numbers: false,
            byte_offset: false,
            with_filename: None,
            initial_tab: false,
            null_after_name: false,
            null_data: false,
            max_count: None,
            before: 0,
            after: 0,
            binary: Binary::Report,
            directories: Directories::Read,
            skip_devices: false,
            include: Vec::new(),
            exclude: Vec::new(),
            exclude_directory: Vec::new(),
            no_messages: false,
            line_buffered: false,
            color: false,
            label: None,
            group_separator: Some(b"--".to_vec()),
        }
    }

    pub fn parse(name: &str, arguments: Vec<Vec<u8>>) -> Result<Self, Exit> {
        let fail = |text: &str| {
            message::warn(name, text);
            Exit(2)
        };
        let parsed = GRAMMAR.parse(arguments).map_err(|text| {
            message::warn(name, &text);
            eprintln!("{USAGE}\nTry 'grep --help' for more information.");
            Exit(2)
        })?;
        let mut options = Self::new(name);
        let mut has_pattern = false;
        let mut digits = String::new();
        let mut context = (None, None, None);
        for (letter, value) in parsed.options {
            let value = value.unwrap_or_default();
            match letter {
                'e' => {
                    has_pattern = true;
                    options.add_patterns(&value);
                }
                'f' => {
                    has_pattern = true;
                    let text = read_file(&value).map_err(|error| {
                        message::warn_file(name, &value, &error);
                        Exit(2)
                    })?;
                    if !text.is_empty() {
                        options.add_patterns(text.strip_suffix(b"\n").unwrap_or(&text));
                    }
                }
                'A' | 'B' | 'C' => {
                    let text = String::from_utf8_lossy(&value).into_owned();
                    let length = text
                        .parse::<usize>()
                        .map_err(|_| fail(&format!("{text}: invalid context length argument")))?;
                    match letter {
                        'A' => context.0 = Some(length),
                        'B' => context.1 = Some(length),
                        _ => context.2 = Some(length),
                    }
                }
                '0'..='9' => digits.push(letter),
                _ => options
                    .apply(letter, value)
                    .map_err(|problem| match problem {
                        Some(text) => fail(&text),
                        None => Exit(0),
                    })?,
            }
        }
        let both = context.2.or_else(|| digits.parse().ok()).unwrap_or(0);
        options.after = context.0.unwrap_or(both);
        options.before = context.1.unwrap_or(both);
        options.files = parsed.operands;
        if !has_pattern {
            if options.files.is_empty() {
                eprintln!("{USAGE}\nTry 'grep --help' for more information.");
                return Err(Exit(2));
            }
            let pattern = options.files.remove(0);
            options.add_patterns(&pattern);
        }
        Ok(options)
    }

    /// A newline separates patterns.
    fn add_patterns(&mut self, text: &[u8]) {
        self.patterns
            .extend(text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec));
    }

    /// Applies one option. Fails with a message, or with none after `--help` and `--version`.
    fn apply(&mut self, letter: char, value: Vec<u8>) -> Result<(), Option<String>> {
        match letter {
            'G' => self.kind = Kind::Basic,
            'E' => self.kind = Kind::Extended,
            'F' => self.kind = Kind::Fixed,
            'P' => self.kind = Kind::Perl,
            'i' | 'y' => self.ignore_case = true,
            '\u{1}' => self.ignore_case = false,
            'w' => self.word = true,
            'x' => self.line = true,
            'z' => self.null_data = true,
            's' => self.no_messages = true,
            'v' => self.invert = true,
            'b' => self.byte_offset = true,
            'n' => self.line_numbers = true,
            '\u{2}' => self.line_buffered = true,
            'H' => self.with_filename = Some(true),
            'h' => self.with_filename = Some(false),
            '\u{3}' => self.label = Some(value),
            'o' | 'c' | 'l' | 'L' | 'q' => self.set_output(letter),
            'a' => self.binary = Binary::Text,
            'I' => self.binary = Binary::Skip,
            'T' => self.initial_tab = true,
            'Z' => self.null_after_name = true,
            'r' => self.directories = Directories::Recurse,
            'R' => self.directories = Directories::RecurseFollowing,
            '\u{5}' => self.include.push(value),
            '\u{6}' => self.exclude.push(value),
            '\u{8}' => self.exclude_directory.push(value),
            '\u{b}' => self.group_separator = Some(value),
            '\u{c}' => self.group_separator = None,
            'U' | 'u' => {}
            '\u{f}' => {
                println!("{USAGE}\nSearch for PATTERNS in each FILE.");
                return Err(None);
            }
            'V' => {
                println!("grep (secure-exec) {}", env!("CARGO_PKG_VERSION"));
                return Err(None);
            }
            _ => return self.apply_valued(letter, &value).map_err(Some),
        }
        Ok(())
    }

    /// The options whose argument is a word of a few, a number or a file.
    fn apply_valued(&mut self, letter: char, value: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(value).into_owned();
        match (letter, text.as_str()) {
            ('m', _) => {
                let count = text
                    .parse::<i64>()
                    .map_err(|_| "invalid max count".to_owned())?;
                self.max_count = u64::try_from(count).ok();
            }
            ('\u{4}', "text") => self.binary = Binary::Text,
            ('\u{4}', "binary") => self.binary = Binary::Report,
            ('\u{4}', "without-match") => self.binary = Binary::Skip,
            ('\u{4}', _) => return Err(format!("{text}: unknown binary-files type")),
            ('d', "read") => self.directories = Directories::Read,
            ('d', "skip") => self.directories = Directories::Skip,
            ('d', "recurse") => self.directories = Directories::Recurse,
            ('d', _) => return Err(format!("invalid argument '{text}' for '--directories'")),
            ('D', "read") => self.skip_devices = false,
            ('D', "skip") => self.skip_devices = true,
            ('D', _) => return Err("unknown devices method".to_owned()),
            ('\u{7}', _) => {
                let list = read_file(value)
                    .map_err(|error| format!("{text}: {}", message::reason(&error)))?;
                let lines = list
                    .split(|&byte| byte == b'\n')
                    .filter(|line| !line.is_empty());
                self.exclude.extend(lines.map(<[u8]>::to_vec));
            }
            ('\u{e}', "never") => self.color = false,
            ('\u{e}', "" | "auto") => {
                self.color = std::io::IsTerminal::is_terminal(&std::io::stdout());
            }
            ('\u{e}', "always") => self.color = true,
            _ => return Err(format!("invalid argument '{text}'")),
        }
        Ok(())
    }

    /// The quietest of the options for output wins; `-l` and `-L` go before `-c`.
    fn set_output(&mut self, letter: char) {
        let rank = |output| match output {
            Output::Lines => 0,
            Output::Matches => 1,
            Output::Count => 2,
            Output::FilesWith | Output::FilesWithout => 3,
            Output::Nothing => 4,
        };
        let wanted = match letter {
            'o' => Output::Matches,
            'c' => Output::Count,
            'l' => Output::FilesWith,
            'L' => Output::FilesWithout,
            _ => Output::Nothing,
        };
        if rank(wanted) >= rank(self.output) {
            self.output = wanted;
        }
    }
}

fn read_file(name: &[u8]) -> std::io::Result<Vec<u8>> {
    if name == b"-" {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text)?;
        return Ok(text);
    }
    std::fs::read(crate::bytes::path(name))
}
