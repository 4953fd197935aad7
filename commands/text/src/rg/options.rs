//! rg's command line.

use super::grammar::GRAMMAR;
use crate::message;
use grep_matcher::LineTerminator;
use grep_printer::UserColorSpec;
use grep_regex::{ErrorKind, RegexMatcher, RegexMatcherBuilder};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Lines,
    Count,
    CountMatches,
    FilesWith,
    FilesWithout,
    /// Lists what would be searched.
    Files,
    Types,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Sensitive,
    Insensitive,
    Smart,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of rg")]
pub struct Options {
    pub mode: Mode,
    patterns: Vec<Vec<u8>>,
    pub paths: Vec<Vec<u8>>,
    case: Case,
    fixed: bool,
    word: bool,
    line: bool,
    dot_all: bool,
    pub multi_line: bool,
    pub invert: bool,
    pub only_matching: bool,
    /// What `-n` and `-N` say.
    numbers: Option<bool>,
    pub line_numbers: bool,
    pub column: bool,
    pub byte_offset: bool,
    pub vimgrep: bool,
    pub with_filename: Option<bool>,
    pub heading: bool,
    pub color: bool,
    pub null: bool,
    pub quiet: bool,
    pub before: usize,
    pub after: usize,
    pub passthru: bool,
    pub max_count: Option<u64>,
    pub max_depth: Option<usize>,
    pub globs: Vec<String>,
    pub glob_ignore_case: bool,
    pub types: Vec<String>,
    pub types_not: Vec<String>,
    pub type_add: Vec<String>,
    pub ignore_files: Vec<String>,
    pub hidden: bool,
    pub no_ignore: bool,
    pub no_ignore_vcs: bool,
    pub no_require_git: bool,
    pub follow: bool,
    pub text: bool,
    pub search_binary: bool,
    pub no_messages: bool,
    pub include_zero: bool,
    pub trim: bool,
    pub replace: Option<Vec<u8>>,
    pub context_separator: Option<Vec<u8>>,
    pub field_context_separator: Vec<u8>,
    pub field_match_separator: Vec<u8>,
    pub colors: Vec<UserColorSpec>,
    pub max_columns: Option<u64>,
    pub max_columns_preview: bool,
    /// Bytes; larger files of the walk are left out.
    pub max_filesize: Option<u64>,
    pub stats: bool,
    pub stop_on_nonmatch: bool,
    crlf: bool,
    null_data: bool,
    no_unicode: bool,
}

fn fail(text: &str) -> u8 {
    message::warn("rg", text);
    2
}

/// A number of bytes with `K`, `M` or `G` behind it.
fn size(text: &str) -> Result<u64, u8> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number = digits.parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| fail(&format!("invalid size: {text}")))
}

/// Separators may be written with `\n`, `\t`, `\r`, `\0`, `\\` and `\xNN`.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let next = text.get(at + 1).copied();
        let hex = text
            .get(at + 2..at + 4)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (byte, length) = match (text[at], next, hex) {
            (b'\\', Some(b'n'), _) => (b'\n', 2),
            (b'\\', Some(b't'), _) => (b'\t', 2),
            (b'\\', Some(b'r'), _) => (b'\r', 2),
            (b'\\', Some(b'0'), _) => (0, 2),
            (b'\\', Some(b'\\'), _) => (b'\\', 2),
            (b'\\', Some(b'x'), Some(byte)) => (byte, 4),
            (byte, ..) => (byte, 1),
        };
        bytes.push(byte);
        at += length;
    }
    bytes
}

impl Options {
    fn new() -> Self {
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
        Self {
            mode: Mode::Lines,
            patterns: Vec::new(),
            paths: Vec::new(),
            case: Case::Sensitive,
            fixed: false,
            word: false,
            line: false,
            dot_all: false,
            multi_line: false,
            invert: false,
            only_matching: false,
            numbers: None,
            line_numbers: terminal,
            column: false,
            byte_offset: false,
            vimgrep: false,
            with_filename: None,
            heading: terminal,
            color: terminal,
            null: false,
            quiet: false,
            before: 0,
            after: 0,
            passthru: false,
            max_count: None,
            max_depth: None,
            globs: Vec::new(),
            glob_ignore_case: false,
            types: Vec::new(),
            types_not: Vec::new(),
            type_add: Vec::new(),
            ignore_files: Vec::new(),
            hidden: false,
            no_ignore: false,
            no_ignore_vcs: false,
            no_require_git: false,
            follow: false,
            text: false,
            search_binary: false,
            no_messages: false,
            include_zero: false,
            trim: false,
            replace: None,
            context_separator: Some(b"--".to_vec()),
            field_context_separator: b"-".to_vec(),
            field_match_separator: b":".to_vec(),
            colors: Vec::new(),
            max_columns: None,
            max_columns_preview: false,
            max_filesize: None,
            stats: false,
            stop_on_nonmatch: false,
            crlf: false,
            null_data: false,
            no_unicode: false,
        }
    }

    pub fn parse(arguments: Vec<Vec<u8>>) -> Result<Self, u8> {
        let parsed = GRAMMAR.parse(arguments).map_err(|text| fail(&text))?;
        let mut options = Self::new();
        let mut has_pattern = false;
        let mut unrestricted = 0;
        for (letter, value) in parsed.options {
            let value = value.unwrap_or_default();
            match letter {
                'e' => {
                    has_pattern = true;
                    options.patterns.push(value);
                }
                'f' => {
                    has_pattern = true;
                    let text = std::fs::read(crate::bytes::path(&value)).map_err(|error| {
                        message::warn_file("rg", &value, &error);
                        2
                    })?;
                    let text = text.strip_suffix(b"\n").unwrap_or(&text).to_vec();
                    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec);
                    options.patterns.extend(lines);
                }
                'u' => unrestricted += 1,
                'h' => {
                    println!("Usage: rg [OPTIONS] PATTERN [PATH ...]");
                    return Err(0);
                }
                'V' => {
                    println!("ripgrep 14.1 (secure-exec {})", env!("CARGO_PKG_VERSION"));
                    return Err(0);
                }
                _ => options.apply(letter, value)?,
            }
        }
        options.no_ignore |= unrestricted >= 1;
        options.hidden |= unrestricted >= 2;
        options.search_binary |= unrestricted >= 3;
        options.paths = parsed.operands;
        if !has_pattern && !matches!(options.mode, Mode::Files | Mode::Types) {
            if options.paths.is_empty() {
                eprintln!(
                    "error: The following required arguments were not provided:\n    <PATTERN>"
                );
                return Err(2);
            }
            let pattern = options.paths.remove(0);
            options.patterns.push(pattern);
        }
        options.settle();
        Ok(options)
    }

    /// Settles what options mean together.
    fn settle(&mut self) {
        if self.vimgrep {
            self.column = true;
            self.heading = false;
            self.with_filename.get_or_insert(true);
        }
        self.line_numbers = match self.mode {
            Mode::Json => self.numbers.unwrap_or(true),
            _ => self.numbers.unwrap_or(self.line_numbers || self.column),
        };
        self.mode = match self.mode {
            Mode::CountMatches if self.invert => Mode::Count,
            Mode::Count if self.only_matching => Mode::CountMatches,
            mode => mode,
        };
    }

    /// What ends a line of the files.
    pub fn line_terminator(&self) -> LineTerminator {
        if self.null_data {
            LineTerminator::byte(0)
        } else if self.crlf {
            LineTerminator::crlf()
        } else {
            LineTerminator::byte(b'\n')
        }
    }

    fn apply(&mut self, letter: char, value: Vec<u8>) -> Result<(), u8> {
        match letter {
            'i' => self.case = Case::Insensitive,
            's' => self.case = Case::Sensitive,
            'S' => self.case = Case::Smart,
            'F' => self.fixed = true,
            'w' => self.word = true,
            'x' => self.line = true,
            'v' => self.invert = true,
            'o' => self.only_matching = true,
            'n' => self.numbers = Some(true),
            'N' => self.numbers = Some(false),
            '\u{1}' => self.column = true,
            'b' => self.byte_offset = true,
            '\u{2}' => self.vimgrep = true,
            'H' => self.with_filename = Some(true),
            'I' => self.with_filename = Some(false),
            '\u{3}' => self.heading = true,
            '\u{4}' => self.heading = false,
            'p' => (self.heading, self.color, self.line_numbers) = (true, true, true),
            '0' => self.null = true,
            'q' => self.quiet = true,
            '\u{6}' => self.passthru = true,
            '\u{8}' => self.glob_ignore_case = true,
            '.' => self.hidden = true,
            '\u{f}' => self.hidden = false,
            '\u{10}' => self.no_ignore = true,
            '\u{11}' => self.no_ignore_vcs = true,
            '\u{12}' => self.no_require_git = true,
            'L' => self.follow = true,
            'a' => self.text = true,
            '\u{13}' => self.search_binary = true,
            '\u{14}' => self.no_messages = true,
            '\u{15}' => self.include_zero = true,
            '\u{16}' => self.trim = true,
            'r' => self.replace = Some(value),
            '\u{17}' => self.context_separator = Some(unescape(&value)),
            '\u{18}' => self.context_separator = None,
            '\u{19}' => self.mode = Mode::Files,
            'l' => self.mode = Mode::FilesWith,
            '\u{1a}' => self.mode = Mode::FilesWithout,
            'c' => self.mode = Mode::Count,
            '\u{1b}' => self.mode = Mode::CountMatches,
            '\u{c}' => self.mode = Mode::Types,
            '\u{1c}' => self.mode = Mode::Json,
            'U' => self.multi_line = true,
            '\u{1d}' => self.dot_all = true,
            '\u{80}' => self.multi_line = false,
            '\u{81}' => self.dot_all = false,
            '\u{82}' => self.field_context_separator = unescape(&value),
            '\u{83}' => self.field_match_separator = unescape(&value),
            '\u{85}' => self.max_columns_preview = true,
            '\u{87}' => self.stats = true,
            '\u{88}' => self.stats = false,
            '\u{89}' => self.stop_on_nonmatch = true,
            '\u{8a}' => self.crlf = true,
            '\u{8b}' => self.null_data = true,
            '\u{8c}' => self.no_unicode = true,
            '\u{1e}' | '\u{1f}' | 'j' => {}
            _ => {
                let text = String::from_utf8_lossy(&value).into_owned();
                return self.apply_text(letter, text);
            }
        }
        Ok(())
    }

    fn apply_text(&mut self, letter: char, text: String) -> Result<(), u8> {
        let number = || {
            let bad = |_| {
                fail(&format!(
                    "error parsing flag -{letter}: value is not a valid number: {text}"
                ))
            };
            text.parse::<usize>().map_err(bad)
        };
        match letter {
            'A' => self.after = number()?,
            'B' => self.before = number()?,
            'C' => (self.before, self.after) = (number()?, number()?),
            'm' => self.max_count = Some(number()? as u64),
            'M' => self.max_columns = Some(number()? as u64).filter(|&most| most > 0),
            'd' => self.max_depth = Some(number()?),
            '\u{84}' => {
                let spec = text.parse().map_err(|error| fail(&format!("{error}")))?;
                self.colors.push(spec);
            }
            '\u{86}' => self.max_filesize = Some(size(&text)?),
            'g' => self.globs.push(text),
            '\u{7}' => {
                self.globs.push(text);
                self.glob_ignore_case = true;
            }
            't' => self.types.push(text),
            'T' => self.types_not.push(text),
            '\u{b}' => self.type_add.push(text),
            '\u{e}' => self.ignore_files.push(text),
            '\u{5}' => {
                self.color = match text.as_str() {
                    "always" | "ansi" => true,
                    "never" => false,
                    "auto" => self.color,
                    _ => return Err(fail(&format!("choice '{text}' is unrecognized"))),
                };
            }
            _ => {}
        }
        Ok(())
    }

    pub fn matcher(&self) -> Result<RegexMatcher, String> {
        let patterns: Vec<String> = self
            .patterns
            .iter()
            .map(|pattern| String::from_utf8_lossy(pattern).into_owned())
            .collect();
        let mut builder = RegexMatcherBuilder::new();
        builder
            .case_insensitive(self.case == Case::Insensitive)
            .case_smart(self.case == Case::Smart)
            .fixed_strings(self.fixed)
            .word(self.word)
            .whole_line(self.line)
            .multi_line(true)
            .unicode(!self.no_unicode);
        if self.multi_line {
            builder.dot_matches_new_line(self.dot_all);
        } else if self.null_data {
            builder.line_terminator(Some(0));
        } else if self.crlf {
            builder.crlf(true);
        } else {
            builder.line_terminator(Some(b'\n'));
        }
        builder.build_many(&patterns).map_err(|error| match error.kind() {
            ErrorKind::NotAllowed(_) => format!(
                "{error}\n\nConsider enabling multiline mode with the --multiline flag (or -U for short).\n\
                 When multiline mode is enabled, new line characters can be matched."
            ),
            _ => format!("regex parse error:\n{error}"),
        })
    }
}
