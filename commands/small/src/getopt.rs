//! `getopt`: the options of a shell script, as util-linux's command puts them in order.

use std::ffi::OsString;
use std::io::{self, Write};

use secure_exec_cli::{Args, Arity, Failure, Outcome, bytes, fail, flag, required, warn};

const SYNTAX: secure_exec_cli::Syntax = secure_exec_cli::Syntax {
    options: &[
        flag('a', "alternative"),
        required('l', "longoptions"),
        required('n', "name"),
        required('o', "options"),
        flag('q', "quiet"),
        flag('Q', "quiet-output"),
        required('s', "shell"),
        flag('T', "test"),
        flag('u', "unquoted"),
    ],
    usage: "[options] [--] optstring parameters",
    usage_status: 2,
    operand_ends: true,
};

/// This is the enhanced command, says `getopt -T`.
const ENHANCED: i32 = 4;

/// The script's options are wrong.
const WRONG: i32 = 1;

struct Grammar {
    short: Vec<(u8, Arity)>,
    long: Vec<(String, Arity)>,
    /// Long options with one dash, too.
    alternative: bool,
    operand_ends: bool,
    /// Operands stay where they are.
    in_place: bool,
    name: String,
    quiet: bool,
}

#[derive(Default)]
struct Sorted {
    options: Vec<Vec<u8>>,
    operands: Vec<Vec<u8>>,
    failed: bool,
}

pub fn main(args: &Args) -> Outcome {
    let is_old = std::env::var_os("GETOPT_COMPATIBLE").is_some()
        || args
            .list
            .first()
            .is_some_and(|word| !bytes(word).starts_with(b"-"));
    if args.list.is_empty() {
        return Err(Failure {
            status: 2,
            message: "missing optstring argument\nTry 'getopt --help' for more information."
                .to_owned(),
        });
    }
    let (short, parsed) = if is_old {
        let short = args.list[0].to_string_lossy().into_owned();
        let rest = args.list[1..].iter();
        let parsed = secure_exec_cli::Parsed {
            operands: rest.cloned().collect(),
            ..secure_exec_cli::Parsed::default()
        };
        (
            Some(short.trim_start_matches(['-', '+']).to_owned()),
            parsed,
        )
    } else {
        let parsed = SYNTAX.parse(args)?;
        let short = parsed.value("options").map(secure_exec_cli::Value::text);
        (short, parsed)
    };
    if parsed.has("test") {
        return Ok(ENHANCED);
    }
    let mut operands = parsed.operands.clone();
    let short = match short {
        Some(short) => short,
        None if operands.is_empty() => {
            return Err(Failure {
                status: 2,
                message: "missing optstring argument\nTry 'getopt --help' for more information."
                    .to_owned(),
            });
        }
        None => operands.remove(0).to_string_lossy().into_owned(),
    };
    let grammar = Grammar {
        operand_ends: short.starts_with('+') || std::env::var_os("POSIXLY_CORRECT").is_some(),
        in_place: short.starts_with('-'),
        short: short_options(short.trim_start_matches(['+', '-'])),
        long: long_options(&parsed)?,
        alternative: parsed.has("alternative"),
        name: parsed
            .value("name")
            .map_or_else(|| args.name.clone(), secure_exec_cli::Value::text),
        quiet: parsed.has("quiet"),
    };
    let quotes = !(is_old || parsed.has("unquoted"));
    let csh = parsed
        .value("shell")
        .is_some_and(|shell| matches!(shell.text().as_str(), "csh" | "tcsh"));
    let sorted = grammar.sort(&operands, |value| {
        if quotes {
            quoted(value, csh)
        } else {
            value.to_vec()
        }
    });
    if !parsed.has("quiet-output") {
        let mut line = Vec::new();
        for word in sorted
            .options
            .iter()
            .chain([&b"--".to_vec()])
            .chain(&sorted.operands)
        {
            line.push(b' ');
            line.extend_from_slice(word);
        }
        line.push(b'\n');
        io::stdout().write_all(&line)?;
    }
    Ok(if sorted.failed { WRONG } else { 0 })
}

fn short_options(text: &str) -> Vec<(u8, Arity)> {
    let text = text.as_bytes();
    let mut options = Vec::new();
    for (at, &letter) in text.iter().enumerate() {
        if letter == b':' {
            continue;
        }
        let arity = match &text[at + 1..] {
            [b':', b':', ..] => Arity::Optional,
            [b':', ..] => Arity::Required,
            _ => Arity::Flag,
        };
        options.push((letter, arity));
    }
    options
}

fn long_options(parsed: &secure_exec_cli::Parsed) -> Result<Vec<(String, Arity)>, Failure> {
    let mut options = Vec::new();
    for (name, value) in &parsed.options {
        if *name != "longoptions" {
            continue;
        }
        let text = value.text();
        for word in text
            .split([',', ' ', '\t', '\n'])
            .filter(|word| !word.is_empty())
        {
            let bare = word.trim_end_matches(':');
            if bare.is_empty() {
                return Err(fail("empty long option after -l or --long argument"));
            }
            let arity = match word.len() - bare.len() {
                0 => Arity::Flag,
                1 => Arity::Required,
                _ => Arity::Optional,
            };
            options.push((bare.to_owned(), arity));
        }
    }
    Ok(options)
}

/// A word that the shell reads as it is.
fn quoted(value: &[u8], csh: bool) -> Vec<u8> {
    let mut out = vec![b'\''];
    for &byte in value {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            b'\\' if csh => out.extend_from_slice(b"\\\\"),
            b'!' if csh => out.extend_from_slice(b"'\\!'"),
            b'\n' if csh => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
    out.push(b'\'');
    out
}

impl Grammar {
    fn complain(&self, sorted: &mut Sorted, text: &str) {
        sorted.failed = true;
        if !self.quiet {
            warn(&self.name, text);
        }
    }

    fn sort(&self, list: &[OsString], quote: impl Fn(&[u8]) -> Vec<u8>) -> Sorted {
        let mut sorted = Sorted::default();
        let mut words = list.iter().map(|word| bytes(word).to_vec());
        while let Some(word) = words.next() {
            if word == b"--" {
                sorted
                    .operands
                    .extend(words.by_ref().map(|word| quote(&word)));
            } else if let Some(long) = word.strip_prefix(b"--") {
                self.long(long, "--", &mut words, &mut sorted, &quote);
            } else if word.len() > 1 && word[0] == b'-' {
                let knows = || {
                    let name = word[1..]
                        .split(|&byte| byte == b'=')
                        .next()
                        .unwrap_or_default()
                        .to_vec();
                    let single =
                        name.len() == 1 && self.short.iter().any(|(letter, _)| *letter == name[0]);
                    !single
                        && self
                            .long
                            .iter()
                            .any(|(long, _)| long.as_bytes().starts_with(&name))
                };
                if self.alternative && knows() {
                    self.long(&word[1..], "-", &mut words, &mut sorted, &quote);
                } else {
                    self.cluster(&word[1..], &mut words, &mut sorted, &quote);
                }
            } else if self.in_place {
                sorted.options.push(quote(&word));
            } else {
                sorted.operands.push(quote(&word));
                if self.operand_ends {
                    sorted
                        .operands
                        .extend(words.by_ref().map(|word| quote(&word)));
                }
            }
        }
        sorted
    }

    fn cluster(
        &self,
        letters: &[u8],
        words: &mut impl Iterator<Item = Vec<u8>>,
        sorted: &mut Sorted,
        quote: &impl Fn(&[u8]) -> Vec<u8>,
    ) {
        for (at, &letter) in letters.iter().enumerate() {
            let shown = char::from(letter);
            let Some((_, arity)) = self.short.iter().find(|(known, _)| *known == letter) else {
                self.complain(sorted, &format!("invalid option -- '{shown}'"));
                continue;
            };
            let rest = &letters[at + 1..];
            let value = match (arity, rest.is_empty()) {
                (Arity::Flag, _) => {
                    sorted.options.push(vec![b'-', letter]);
                    continue;
                }
                (_, false) => rest.to_vec(),
                (Arity::Optional, true) => Vec::new(),
                (Arity::Required, true) => match words.next() {
                    Some(value) => value,
                    None => {
                        self.complain(sorted, &format!("option requires an argument -- '{shown}'"));
                        return;
                    }
                },
            };
            sorted.options.push(vec![b'-', letter]);
            sorted.options.push(quote(&value));
            return;
        }
    }

    fn long(
        &self,
        text: &[u8],
        dashes: &str,
        words: &mut impl Iterator<Item = Vec<u8>>,
        sorted: &mut Sorted,
        quote: &impl Fn(&[u8]) -> Vec<u8>,
    ) {
        let (name, attached) = match text.iter().position(|&byte| byte == b'=') {
            Some(at) => (&text[..at], Some(text[at + 1..].to_vec())),
            None => (text, None),
        };
        let shown = String::from_utf8_lossy(name).into_owned();
        let exact = self.long.iter().find(|(long, _)| *long == shown);
        let candidates: Vec<_> = self
            .long
            .iter()
            .filter(|(long, _)| long.starts_with(&shown))
            .collect();
        let (long, arity) = match (exact, &candidates[..]) {
            (Some(exact), _) => exact,
            (None, [only]) => only,
            (None, []) => {
                self.complain(sorted, &format!("unrecognized option '{dashes}{shown}'"));
                return;
            }
            (None, _) => {
                let names: Vec<String> = candidates
                    .iter()
                    .map(|(long, _)| format!("'{dashes}{long}'"))
                    .collect();
                let text = format!(
                    "option '{dashes}{shown}' is ambiguous; possibilities: {}",
                    names.join(" ")
                );
                self.complain(sorted, &text);
                return;
            }
        };
        let value = match (arity, attached) {
            (Arity::Flag, Some(_)) => {
                self.complain(
                    sorted,
                    &format!("option '{dashes}{long}' doesn't allow an argument"),
                );
                return;
            }
            (Arity::Flag, None) => None,
            (Arity::Required, None) => match words.next() {
                Some(value) => Some(value),
                None => {
                    self.complain(
                        sorted,
                        &format!("option '{dashes}{long}' requires an argument"),
                    );
                    return;
                }
            },
            (_, attached) => Some(attached.unwrap_or_default()),
        };
        sorted.options.push(format!("--{long}").into_bytes());
        sorted.options.extend(value.map(|value| quote(&value)));
    }
}
