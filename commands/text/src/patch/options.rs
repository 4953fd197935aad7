//! The command line of patch.

use super::TROUBLE;
use super::parse::Format;
use crate::getopt::Argument::{No, Optional, Required};
use crate::getopt::{Grammar, Long};
use crate::message;

const LONG: &[Long] = &[
    ("strip", Required, 'p'),
    ("reverse", No, 'R'),
    ("input", Required, 'i'),
    ("output", Required, 'o'),
    ("directory", Required, 'd'),
    ("forward", No, 'N'),
    ("force", No, 'f'),
    ("batch", No, 't'),
    ("ifdef", Required, 'D'),
    ("ed", No, 'e'),
    ("set-time", No, 'T'),
    ("set-utc", No, 'Z'),
    ("silent", No, 's'),
    ("quiet", No, 's'),
    ("backup", No, 'b'),
    ("suffix", Required, 'z'),
    ("remove-empty-files", No, 'E'),
    ("fuzz", Required, 'F'),
    ("ignore-whitespace", No, 'l'),
    ("dry-run", No, '\u{1}'),
    ("reject-file", Required, 'r'),
    ("no-backup-if-mismatch", No, '\u{2}'),
    ("backup-if-mismatch", No, '\u{3}'),
    ("unified", No, 'u'),
    ("context", No, 'c'),
    ("normal", No, 'n'),
    ("verbose", No, '\u{7}'),
    ("version-control", Required, 'V'),
    ("prefix", Required, 'B'),
    ("basename-prefix", Required, 'Y'),
    ("get", Required, 'g'),
    ("read-only", Required, '\u{8}'),
    ("follow-symlinks", No, '\u{9}'),
    ("quoting-style", Required, '\u{a}'),
    ("binary", No, '\u{b}'),
    ("posix", No, '\u{4}'),
    ("reject-format", Required, '\u{5}'),
    ("merge", Optional, '\u{6}'),
    ("help", No, 'h'),
    ("version", No, 'v'),
];

const GRAMMAR: Grammar = Grammar {
    short: "p:Ri:o:d:Nftsbz:EF:lr:ucnevV:B:Y:g:D:TZ",
    long: LONG,
    in_order: false,
};

/// Whether backups are numbered, `f.~1~`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    Never,
    /// Where there are numbered ones.
    Existing,
    Always,
}

impl Numbering {
    fn named(name: &[u8]) -> Result<Self, u8> {
        match name {
            b"simple" | b"never" => Ok(Self::Never),
            b"existing" | b"nil" => Ok(Self::Existing),
            b"numbered" | b"t" => Ok(Self::Always),
            _ => Err(usage(&format!(
                "invalid version control: {}",
                String::from_utf8_lossy(name)
            ))),
        }
    }
}

/// How much is said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    Silent,
    Usual,
    Verbose,
}

/// Whose zone the dates of a patch are in, where files get them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SetTime {
    Local,
    Utc,
}

/// How names are written in messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    Literal,
    Shell,
    ShellAlways,
    C,
    Escape,
}

/// What becomes of a file that may not be written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ReadOnly {
    Ignore,
    Warn,
    Fail,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of patch")]
pub struct Options {
    pub strip: Option<usize>,
    pub reverse: bool,
    pub input: Option<Vec<u8>>,
    pub output: Option<Vec<u8>>,
    pub directory: Option<Vec<u8>>,
    pub forward: bool,
    pub force: bool,
    pub batch: bool,
    pub verbosity: Verbosity,
    /// `-c`, `-e`, `-n` or `-u`: the patch is of this kind.
    pub format: Option<Format>,
    /// The name of the condition around changes.
    pub define: Option<Vec<u8>>,
    /// Whether to merge, and then whether the old lines of what contradicts are shown.
    pub merge: Option<bool>,
    pub reject_format: Option<Format>,
    pub set_time: Option<SetTime>,
    pub quoting: Quoting,
    pub read_only: ReadOnly,
    pub follow_links: bool,
    pub backup: bool,
    pub backup_if_mismatch: bool,
    pub suffix: Vec<u8>,
    /// Before the whole name of a backup, and before its last part.
    pub prefix: Vec<u8>,
    pub base_prefix: Vec<u8>,
    pub numbering: Numbering,
    pub binary: bool,
    pub remove_empty: bool,
    pub fuzz: usize,
    pub ignore_blanks: bool,
    pub dry_run: bool,
    pub reject: Option<Vec<u8>>,
    pub file: Option<Vec<u8>>,
}

fn usage(text: &str) -> u8 {
    message::warn("patch", text);
    eprintln!("patch: Try 'patch --help' for more information.");
    TROUBLE
}

/// The name behind `-D`.
fn identifier(name: Vec<u8>) -> Result<Vec<u8>, u8> {
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    if !name.first().is_some_and(begins) {
        message::warn("patch", "**** argument to -D is not an identifier");
        return Err(TROUBLE);
    }
    Ok(name)
}

/// The value of a table that an argument names, also shortened.
fn chosen<T: Copy>(option: &str, value: &[u8], table: &[(&str, T)]) -> Result<T, u8> {
    let mut found = table
        .iter()
        .filter(|(name, _)| name.as_bytes().starts_with(value) && !value.is_empty());
    let exact = table.iter().find(|(name, _)| name.as_bytes() == value);
    match (exact, found.next(), found.next()) {
        (Some(exact), ..) => Ok(exact.1),
        (None, Some(found), None) => Ok(found.1),
        _ => Err(usage(&format!(
            "invalid argument '{}' for '--{option}'",
            String::from_utf8_lossy(value)
        ))),
    }
}

impl Options {
    /// What has a usual amount of messages is said.
    pub fn is_silent(&self) -> bool {
        self.verbosity == Verbosity::Silent
    }

    pub fn parse(arguments: Vec<Vec<u8>>) -> Result<Self, u8> {
        let parsed = GRAMMAR.parse(arguments).map_err(|text| usage(&text))?;
        let mut options = Self {
            strip: None,
            reverse: false,
            input: None,
            output: None,
            directory: None,
            forward: false,
            force: false,
            batch: false,
            verbosity: Verbosity::Usual,
            format: None,
            define: None,
            merge: None,
            reject_format: None,
            set_time: None,
            quoting: Quoting::Shell,
            read_only: ReadOnly::Warn,
            follow_links: false,
            backup: false,
            backup_if_mismatch: true,
            suffix: b".orig".to_vec(),
            prefix: Vec::new(),
            base_prefix: Vec::new(),
            numbering: Numbering::Existing,
            binary: false,
            remove_empty: false,
            fuzz: 2,
            ignore_blanks: false,
            dry_run: false,
            reject: None,
            file: None,
        };
        for (letter, value) in parsed.options {
            let value = value.unwrap_or_default();
            let number = |what: &str| {
                std::str::from_utf8(&value)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| {
                        usage(&format!(
                            "{what} {} is not a number",
                            String::from_utf8_lossy(&value)
                        ))
                    })
            };
            match letter {
                'p' => options.strip = Some(number("strip count")?),
                'F' => options.fuzz = number("fuzz factor")?,
                'R' => options.reverse = true,
                'i' => options.input = Some(value),
                'o' => options.output = Some(value),
                'd' => options.directory = Some(value),
                'N' => options.forward = true,
                'f' => options.force = true,
                't' => options.batch = true,
                's' => options.verbosity = Verbosity::Silent,
                '\u{7}' => options.verbosity = Verbosity::Verbose,
                'u' => options.format = Some(Format::Unified),
                'c' => options.format = Some(Format::Context),
                'n' => options.format = Some(Format::Normal),
                'e' => options.format = Some(Format::Ed),
                'D' => options.define = Some(identifier(value)?),
                'T' => options.set_time = Some(SetTime::Local),
                'Z' => options.set_time = Some(SetTime::Utc),
                '\u{9}' => options.follow_links = true,
                '\u{8}' => {
                    let table = [
                        ("ignore", ReadOnly::Ignore),
                        ("warn", ReadOnly::Warn),
                        ("fail", ReadOnly::Fail),
                    ];
                    options.read_only = chosen("read-only", &value, &table)?;
                }
                '\u{a}' => {
                    let table = [
                        ("literal", Quoting::Literal),
                        ("shell", Quoting::Shell),
                        ("shell-always", Quoting::ShellAlways),
                        ("c", Quoting::C),
                        ("escape", Quoting::Escape),
                    ];
                    options.quoting = chosen("quoting-style", &value, &table)?;
                }
                'b' => options.backup = true,
                'z' => {
                    options.suffix = value;
                    options.numbering = Numbering::Never;
                }
                'V' => options.numbering = Numbering::named(&value)?,
                'B' => {
                    options.prefix = value;
                    options.numbering = Numbering::Never;
                }
                'Y' => {
                    options.base_prefix = value;
                    options.numbering = Numbering::Never;
                }
                '\u{b}' => options.binary = true,
                '\u{5}' => {
                    let table = [("context", Format::Context), ("unified", Format::Unified)];
                    options.reject_format = Some(chosen("reject-format", &value, &table)?);
                }
                'E' => options.remove_empty = true,
                'l' => options.ignore_blanks = true,
                '\u{1}' => options.dry_run = true,
                '\u{2}' | '\u{4}' => options.backup_if_mismatch = false,
                '\u{3}' => options.backup_if_mismatch = true,
                'r' => options.reject = Some(value),
                '\u{6}' if value.is_empty() => options.merge = Some(false),
                '\u{6}' => {
                    let table = [("merge", false), ("diff3", true)];
                    options.merge = Some(chosen("merge", &value, &table)?);
                }
                'h' => {
                    println!("Usage: patch [OPTION]... [ORIGFILE [PATCHFILE]]");
                    return Err(0);
                }
                'v' => {
                    println!(
                        "patch (secure-exec) {}, like GNU patch 2.7.6",
                        env!("CARGO_PKG_VERSION")
                    );
                    return Err(0);
                }
                _ => {}
            }
        }
        let mut operands = parsed.operands.into_iter();
        options.file = operands.next();
        if let Some(input) = operands.next() {
            options.input = Some(input);
        }
        if let Some(extra) = operands.next() {
            return Err(usage(&format!(
                "{}: extra operand",
                String::from_utf8_lossy(&extra)
            )));
        }
        Ok(options)
    }
}
