//! The command line of patch.

use super::TROUBLE;
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
    short: "p:Ri:o:d:Nftsbz:EF:lr:ucnvV:B:Y:g:",
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

#[expect(clippy::struct_excessive_bools, reason = "each is an option of patch")]
pub struct Options {
    pub strip: Option<usize>,
    pub reverse: bool,
    pub input: Option<Vec<u8>>,
    pub output: Option<Vec<u8>>,
    pub directory: Option<Vec<u8>>,
    pub forward: bool,
    pub force: bool,
    pub silent: bool,
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

impl Options {
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
            silent: false,
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
                'f' | 't' => options.force = true,
                's' => options.silent = true,
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
                '\u{5}' if value != b"unified" => {
                    return Err(usage("--reject-format knows only unified"));
                }
                'E' => options.remove_empty = true,
                'l' => options.ignore_blanks = true,
                '\u{1}' => options.dry_run = true,
                '\u{2}' | '\u{4}' => options.backup_if_mismatch = false,
                '\u{3}' => options.backup_if_mismatch = true,
                'r' => options.reject = Some(value),
                '\u{6}' => return Err(usage("--merge is not supported")),
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
