//! `-o`: what differs is shown, and it is asked which of the two is taken.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use secure_exec_cli::{Args, Failure, Outcome};
use secure_exec_sys::errno;
use secure_exec_sys::path::stat;

use super::edit::edited;
use super::trouble;
use crate::diff::columns::Columns;
use crate::diff::lines::{Change, Text, changes};
use crate::diff::options::{self, Options};
use crate::diff::{is_binary, without_carriage_returns};

/// The status of a merge that was given up.
const GIVEN_UP: i32 = 2;

const HELP: &str = "\
ed:\tEdit then use both versions, each decorated with a header.
eb:\tEdit then use both versions.
el or e1:\tEdit then use the left version.
er or e2:\tEdit then use the right version.
e:\tDiscard both versions then edit a new one.
l or 1:\tUse the left version.
r or 2:\tUse the right version.
s:\tSilently include common lines.
v:\tVerbosely include common lines.
q:\tQuit.
";

/// The names of the files: in a directory, that of the other.
pub fn names(operands: [OsString; 2]) -> Result<[OsString; 2], Failure> {
    let is_directory = |name: &OsString| stat(name).is_ok_and(|found| found.is_dir());
    let [left, right] = operands.each_ref().map(is_directory);
    if left && right {
        return Err(trouble("both files to be compared are directories"));
    }
    if operands.iter().any(|name| name == "-") {
        return Err(trouble("cannot interactively merge standard input"));
    }
    let within = |folder: &OsString, file: &OsString| {
        let path = Path::new(file);
        let base = path.file_name().unwrap_or(path.as_os_str());
        Path::new(folder).join(base).into_os_string()
    };
    let [one, other] = &operands;
    Ok(match (left, right) {
        (true, _) => [within(one, other), other.clone()],
        (_, true) => [one.clone(), within(other, one)],
        _ => operands,
    })
}

/// A command of the one who merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Left,
    Right,
    /// What an editor makes of one side, both, both with headers, or nothing.
    Edit(Edit),
    Silent,
    Verbose,
    Quit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    Left,
    Right,
    Both,
    Decorated,
    New,
}

impl Command {
    fn parse(line: &str) -> Option<Self> {
        let letters: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        Some(match letters.as_str() {
            "l" | "1" => Self::Left,
            "r" | "2" => Self::Right,
            "e" => Self::Edit(Edit::New),
            "el" | "e1" => Self::Edit(Edit::Left),
            "er" | "e2" => Self::Edit(Edit::Right),
            "eb" => Self::Edit(Edit::Both),
            "ed" => Self::Edit(Edit::Decorated),
            "s" => Self::Silent,
            "v" => Self::Verbose,
            "q" => Self::Quit,
            _ => return None,
        })
    }
}

/// Two texts that differ in a place.
pub struct Place<'a> {
    pub names: [&'a OsString; 2],
    pub texts: [&'a Text<'a>; 2],
    pub lines: [Range<usize>; 2],
}

impl Place<'_> {
    /// The lines of one side.
    pub fn lines(&self, side: usize) -> &[&[u8]] {
        &self.texts[side].lines[self.lines[side].clone()]
    }
}

fn read(name: &OsString, options: &Options) -> Result<Vec<u8>, Failure> {
    let content = std::fs::read(name).map_err(|error| {
        let why = errno::message(&error);
        trouble(format!("{}: {why}", name.to_string_lossy()))
    })?;
    Ok(if options.strip_carriage_return {
        without_carriage_returns(&content)
    } else {
        content
    })
}

/// Merges the two files of a command line of `diff` into a third.
pub fn run(args: &Args, output: &OsString) -> Outcome {
    let (options, pairs) = options::parse(args)?;
    let Some([left, right]) = pairs.first() else {
        return Ok(0);
    };
    let contents = [read(left, &options)?, read(right, &options)?];
    let cannot_write = |error: io::Error| {
        let why = errno::message(&error);
        trouble(format!("{}: {why}", output.to_string_lossy()))
    };
    let mut merged = BufWriter::new(File::create(output).map_err(cannot_write)?);
    let [old, new] = &contents;
    if old != new && !options.as_text && (is_binary(old) || is_binary(new)) {
        return Err(trouble(format!(
            "Binary files {} and {} differ",
            left.to_string_lossy(),
            right.to_string_lossy()
        )));
    }
    let texts = contents.each_ref().map(|content| Text::new(content));
    let texts = texts.each_ref();
    let changes: Vec<Change> = changes(texts[0], texts[1], &options)
        .into_iter()
        .filter(|change| !change.ignored)
        .collect();
    let mut out = io::stdout();
    let mut columns = Columns::new(&mut out, texts, &options);
    let (mut at, mut other) = (0, 0);
    let last = Change {
        old: texts[0].lines.len()..texts[0].lines.len(),
        new: texts[1].lines.len()..texts[1].lines.len(),
        ignored: true,
    };
    for change in changes.iter().chain([&last]) {
        // What is the same is taken of the left one.
        let common = at..change.old.start;
        columns.common(common.clone(), other..change.new.start)?;
        lines(&mut merged, &texts[0].lines[common]).map_err(cannot_write)?;
        (at, other) = (change.old.end, change.new.end);
        if change.ignored {
            break;
        }
        columns.changed(change.old.clone(), change.new.clone())?;
        let place = Place {
            names: [left, right],
            texts,
            lines: [change.old.clone(), change.new.clone()],
        };
        match ask(&mut columns)? {
            None | Some(Command::Quit) => {
                merged.flush().map_err(cannot_write)?;
                return Ok(GIVEN_UP);
            }
            Some(Command::Right) => lines(&mut merged, place.lines(1)),
            Some(Command::Edit(how)) => merged.write_all(&edited(&place, how)?),
            Some(_) => lines(&mut merged, place.lines(0)),
        }
        .map_err(cannot_write)?;
    }
    merged.flush().map_err(cannot_write)?;
    Ok(i32::from(!changes.is_empty()))
}

/// Asks until there is a command that decides; nothing at the end of the input.
fn ask<W: Write>(columns: &mut Columns<'_, W>) -> Result<Option<Command>, Failure> {
    loop {
        columns.say("%")?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(None);
        }
        // What has no end is no command.
        match Command::parse(&line).filter(|_| line.ends_with('\n')) {
            Some(Command::Silent) => columns.suppress_common = true,
            Some(Command::Verbose) => columns.suppress_common = false,
            Some(command) => return Ok(Some(command)),
            None => eprint!("{HELP}"),
        }
    }
}

pub fn lines(out: &mut impl Write, lines: &[&[u8]]) -> io::Result<()> {
    lines.iter().try_for_each(|line| out.write_all(line))
}
