//! rg's command line.

use crate::getopt::Argument::{No, Required};
use crate::getopt::{Grammar, Long};
use crate::message;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};

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
}

const LONG: &[Long] = &[
    ("regexp", Required, 'e'),
    ("file", Required, 'f'),
    ("ignore-case", No, 'i'),
    ("case-sensitive", No, 's'),
    ("smart-case", No, 'S'),
    ("fixed-strings", No, 'F'),
    ("word-regexp", No, 'w'),
    ("line-regexp", No, 'x'),
    ("invert-match", No, 'v'),
    ("only-matching", No, 'o'),
    ("line-number", No, 'n'),
    ("no-line-number", No, 'N'),
    ("column", No, '\u{1}'),
    ("byte-offset", No, 'b'),
    ("vimgrep", No, '\u{2}'),
    ("with-filename", No, 'H'),
    ("no-filename", No, 'I'),
    ("heading", No, '\u{3}'),
    ("no-heading", No, '\u{4}'),
    ("color", Required, '\u{5}'),
    ("colour", Required, '\u{5}'),
    ("null", No, '0'),
    ("quiet", No, 'q'),
    ("after-context", Required, 'A'),
    ("before-context", Required, 'B'),
    ("context", Required, 'C'),
    ("passthru", No, '\u{6}'),
    ("max-count", Required, 'm'),
    ("max-depth", Required, 'd'),
    ("glob", Required, 'g'),
    ("iglob", Required, '\u{7}'),
    ("glob-case-insensitive", No, '\u{8}'),
    ("type", Required, 't'),
    ("type-not", Required, 'T'),
    ("type-add", Required, '\u{b}'),
    ("type-list", No, '\u{c}'),
    ("ignore-file", Required, '\u{e}'),
    ("hidden", No, '.'),
    ("no-hidden", No, '\u{f}'),
    ("no-ignore", No, '\u{10}'),
    ("no-ignore-vcs", No, '\u{11}'),
    ("no-require-git", No, '\u{12}'),
    ("unrestricted", No, 'u'),
    ("follow", No, 'L'),
    ("text", No, 'a'),
    ("binary", No, '\u{13}'),
    ("no-messages", No, '\u{14}'),
    ("include-zero", No, '\u{15}'),
    ("trim", No, '\u{16}'),
    ("replace", Required, 'r'),
    ("context-separator", Required, '\u{17}'),
    ("no-context-separator", No, '\u{18}'),
    ("files", No, '\u{19}'),
    ("files-with-matches", No, 'l'),
    ("files-without-match", No, '\u{1a}'),
    ("count", No, 'c'),
    ("count-matches", No, '\u{1b}'),
    ("json", No, '\u{1c}'),
    ("multiline", No, 'U'),
    ("multiline-dotall", No, '\u{1d}'),
    ("no-config", No, '\u{1e}'),
    ("sort", Required, '\u{1f}'),
    ("threads", Required, 'j'),
    ("pretty", No, 'p'),
    ("engine", Required, '\u{1f}'),
    ("mmap", No, '\u{1e}'),
    ("no-mmap", No, '\u{1e}'),
    ("line-buffered", No, '\u{1e}'),
    ("block-buffered", No, '\u{1e}'),
    ("help", No, 'h'),
    ("version", No, 'V'),
];

const GRAMMAR: Grammar = Grammar {
    short: "e:f:isSFwxvonNbHI0qA:B:C:m:d:g:t:T:.uLar:lcUj:phV",
    long: LONG,
    in_order: false,
};

fn fail(text: &str) -> u8 {
    message::warn("rg", text);
    2
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
        if options.vimgrep {
            options.column = true;
            options.line_numbers = true;
            options.with_filename.get_or_insert(true);
        }
        if options.column {
            options.line_numbers = true;
        }
        Ok(options)
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
            'n' => self.line_numbers = true,
            'N' => self.line_numbers = false,
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
            '\u{17}' => self.context_separator = Some(value),
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
            'd' => self.max_depth = Some(number()?),
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
            .dot_matches_new_line(self.dot_all);
        if !self.multi_line {
            builder.line_terminator(Some(b'\n'));
        }
        builder
            .build_many(&patterns)
            .map_err(|error| format!("regex parse error:\n{error}"))
    }
}
