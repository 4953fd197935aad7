//! `file`: what a file is, by its kind and how it begins, in the words of `file` 5.44.

mod answer;
mod archive;
mod characters;
mod data;
mod executable;
mod font;
mod language;
mod lines;
mod look;
mod media;
mod numbers;
mod script;
mod sound;
mod text;
mod unpack;

use std::ffi::OsString;
use std::fs::File;
use std::io::BufRead;

use secure_exec_cli::{Args, Failure, Outcome, Syntax, fail, flag, os_string, required};
use secure_exec_sys::errno;

use answer::{Answer, Tests};
use lines::Lines;
use look::{by_content, by_reading, describe};
use numbers::{Numbers, ctime};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('0', "print0"),
        flag('b', "brief"),
        flag('c', "checking-printout"),
        flag('C', "compile"),
        flag('d', "debug"),
        flag('E', "E"),
        required('e', "exclude"),
        required('\0', "exclude-quiet"),
        flag('\0', "extension"),
        required('f', "files-from"),
        required('F', "separator"),
        flag('h', "no-dereference"),
        flag('i', "mime"),
        flag('k', "keep-going"),
        flag('L', "dereference"),
        flag('l', "list"),
        required('m', "magic-file"),
        flag('\0', "mime-type"),
        flag('\0', "mime-encoding"),
        flag('n', "no-buffer"),
        flag('N', "no-pad"),
        flag('p', "preserve-date"),
        required('P', "parameter"),
        flag('r', "raw"),
        flag('s', "special-files"),
        flag('v', "v"),
        flag('z', "uncompress"),
        flag('Z', "uncompress-noreport"),
    ],
    usage: "[-bEhikLNnprsv0] [--mime-encoding] [--mime-type] [-F <separator>] [-f <namefile>] <file> ...",
    usage_status: 1,
    operand_ends: false,
};

/// What is known but not done: it is refused.
const REFUSED: &[&str] = &[
    "checking-printout",
    "compile",
    "debug",
    "extension",
    "list",
    "magic-file",
];

/// How much of a file is looked at, in bytes.
const LOOKED_AT: u64 = 7 << 20;

/// How much of a program or of a compressed file is, where its end tells something, too.
const LOOKED_AT_ALL: u64 = 64 << 20;

/// How answers are found.
struct Options {
    tests: Tests,
    /// Bytes of a file.
    looked_at: u64,
    follows: bool,
    special: bool,
    /// What is in compressed files is looked at, and whether it is said that they are.
    unpacks: Option<Report>,
}

/// What is told of a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    Both,
    /// What is in it only (`-Z`).
    Content,
}

/// Which parts of an answer are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Text,
    Media,
    Charset,
    MediaAndCharset,
}

impl Wanted {
    fn of(self, answer: &Answer) -> String {
        match self {
            Self::Text => answer.text.clone(),
            // What could not be looked at has no characters.
            _ if answer.charset.is_empty() => answer.media.clone(),
            Self::Media => answer.media.clone(),
            Self::Charset => answer.charset.to_owned(),
            Self::MediaAndCharset => format!("{}; charset={}", answer.media, answer.charset),
        }
    }
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("v") {
        println!("file-5.44 (secure-exec {})", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    if let Some(name) = parsed.last_of(REFUSED) {
        return Err(fail(format!("option '{name}' is not supported")));
    }
    let mut tests = Tests::ALL;
    let mut looked_at = LOOKED_AT;
    for (option, value) in &parsed.options {
        let text = value.text();
        match *option {
            "exclude" if tests.exclude(&text).is_none() => return Ok(usage()),
            "exclude-quiet" => drop(tests.exclude(&text)),
            "parameter" => match text.split_once('=') {
                Some(("bytes", number)) => looked_at = number.parse().unwrap_or(looked_at),
                Some((name, _)) if PARAMETERS.contains(&name) => {}
                _ => return Ok(usage()),
            },
            _ => {}
        }
    }
    // Names of a list have columns of their own.
    let mut lists = Vec::new();
    for (_, value) in parsed
        .options
        .iter()
        .filter(|(name, _)| *name == "files-from")
    {
        lists.push(listed_names(&value.os())?);
    }
    if !parsed.operands.is_empty() {
        lists.push(parsed.operands.clone());
    }
    if lists.is_empty() {
        return Ok(usage());
    }
    let mime = parsed.has("mime");
    let wanted = match (
        mime || parsed.has("mime-type"),
        mime || parsed.has("mime-encoding"),
    ) {
        (false, false) => Wanted::Text,
        (true, false) => Wanted::Media,
        (false, true) => Wanted::Charset,
        (true, true) => Wanted::MediaAndCharset,
    };
    let options = Options {
        tests,
        looked_at,
        follows: match parsed.last_of(&["dereference", "no-dereference"]) {
            Some(name) => name == "dereference",
            None => std::env::var_os("POSIXLY_CORRECT").is_some(),
        },
        special: parsed.has("special-files"),
        unpacks: parsed
            .last_of(&["uncompress", "uncompress-noreport"])
            .map(|name| match name {
                "uncompress" => Report::Both,
                _ => Report::Content,
            }),
    };
    let mut lines = Lines {
        separator: parsed
            .value("separator")
            .map_or_else(|| ":".to_owned(), secure_exec_cli::Value::text),
        zeros: parsed
            .options
            .iter()
            .filter(|(name, _)| *name == "print0")
            .count(),
        raw: parsed.has("raw"),
        brief: parsed.has("brief"),
        width: 0,
    };
    let mut status = 0;
    for names in lists {
        let width = names
            .iter()
            .map(|name| lines.name(name).chars().count())
            .max();
        lines.width = width.filter(|_| !parsed.has("no-pad")).unwrap_or(0);
        for name in &names {
            match answer(name, &options, wanted) {
                Ok(answer) => lines.print(name, &answer),
                Err(message) if parsed.has("E") => {
                    status = 1;
                    let message = message.replace("cannot open", "ERROR: cannot stat");
                    lines.print(name, &message);
                }
                Err(message) => lines.print(name, &message),
            }
        }
    }
    Ok(status)
}

/// Names of `-P` that change nothing here.
const PARAMETERS: [&str; 7] = [
    "indir",
    "name",
    "elf_phnum",
    "elf_shnum",
    "elf_notes",
    "regex",
    "encoding",
];

fn usage() -> i32 {
    eprintln!("Usage: file {}", SYNTAX.usage);
    1
}

/// What is said of a file; an error is what is said where it could not be looked at.
fn answer(name: &OsString, options: &Options, wanted: Wanted) -> Result<String, String> {
    let (answer, content) = if name == "-" {
        by_reading(std::io::stdin(), None, options)
    } else {
        describe(name, options)?
    };
    let outer = wanted.of(&answer);
    let Some(report) = options.unpacks else {
        return Ok(outer);
    };
    let Some(inner) = unpack::unpacked(&content, options.looked_at) else {
        return Ok(outer);
    };
    let inner = wanted.of(&by_content(&inner, options.tests));
    Ok(match (report, wanted) {
        (Report::Both, Wanted::Text) => {
            // The length would have to be read from the end.
            let outer = outer
                .split(", original size modulo")
                .next()
                .unwrap_or_default();
            format!("{inner} ({outer})")
        }
        (Report::Both, Wanted::MediaAndCharset) => format!("{inner} compressed-encoding={outer}"),
        _ => inner,
    })
}

/// The names in a file of `-f`.
fn listed_names(list: &OsString) -> Result<Vec<OsString>, Failure> {
    let input: Box<dyn BufRead> = if list == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = File::open(list).map_err(|error| {
            fail(format!(
                "Cannot open `{}' ({})",
                list.to_string_lossy(),
                errno::message(&error)
            ))
        })?;
        Box::new(std::io::BufReader::new(file))
    };
    let lines: std::io::Result<Vec<Vec<u8>>> = input.split(b'\n').collect();
    Ok(lines?
        .into_iter()
        .filter(|line| !line.is_empty())
        .map(os_string)
        .collect())
}
