//! unzip: lists and extracts zip archives; and zipinfo, which shows what they are made of.

mod extract;
mod list;
mod options;
mod prompt;
pub mod zipinfo;

use crate::zipfile::{Archive, Entry, NotZip};
use options::{Action, Options};
use secure_exec_cli::{Args, Failure, Glob, Outcome, bytes, os_string};
use secure_exec_sys::stat::Time;
use secure_exec_sys::{errno, times};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const WARNING: i32 = 1;
const ERROR: i32 = 2;
const BAD_ARCHIVE: i32 = 3;
const NO_ARCHIVE: i32 = 9;
const BAD_OPTION: i32 = 10;
const NOT_FOUND: i32 = 11;
const DISK: i32 = 50;
/// A member was skipped: its compression is not known.
const UNSUPPORTED: i32 = 81;
/// A member was skipped: it is encrypted.
const NO_PASSWORD: i32 = 82;

/// Shell patterns whose `*` also matches slashes.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    list: Vec<Vec<u8>>,
    glob: Glob,
}

impl Patterns {
    pub fn new(patterns: &[Vec<u8>]) -> Self {
        Self {
            list: patterns.to_vec(),
            glob: Glob::default(),
        }
    }

    pub fn ignoring_case(mut self, ignores: bool) -> Self {
        self.glob.ignores_case = ignores;
        self
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn matches(&self, name: &[u8]) -> bool {
        self.first(name).is_some()
    }

    /// The place of the first pattern that matches.
    fn first(&self, name: &[u8]) -> Option<usize> {
        self.list
            .iter()
            .position(|pattern| self.glob.matches(pattern, name))
    }
}

/// Which members are meant, and which operands meant none.
pub struct Selection {
    wanted: Patterns,
    excluded: Patterns,
    used: Vec<bool>,
}

impl Selection {
    pub fn new(wanted: &[Vec<u8>], excluded: &[Vec<u8>], ignores_case: bool) -> Self {
        Self {
            used: vec![false; wanted.len()],
            wanted: Patterns::new(wanted).ignoring_case(ignores_case),
            excluded: Patterns::new(excluded).ignoring_case(ignores_case),
        }
    }

    /// Whether all members are meant.
    pub fn is_all(&self) -> bool {
        self.wanted.is_empty() && self.excluded.is_empty()
    }

    pub fn takes(&mut self, entry: &Entry) -> bool {
        if !self.wanted.is_empty() {
            match self.wanted.first(&entry.name) {
                Some(index) => self.used[index] = true,
                None => return false,
            }
        }
        !self.excluded.matches(&entry.name)
    }

    /// Tells of operands that meant no member. True if there were any.
    pub fn tell_unused(&self) -> bool {
        let unused = self.used.iter().zip(&self.wanted.list);
        let mut any = false;
        for (_, name) in unused.filter(|(used, _)| !**used) {
            any = true;
            let name = String::from_utf8_lossy(name);
            eprintln!("caution: filename not matched:  {name}");
        }
        any
    }
}

pub fn main(args: Args) -> Outcome {
    let is_info = args
        .list
        .first()
        .is_some_and(|first| bytes(first).starts_with(b"-Z"));
    if is_info {
        let mut list = args.list.clone();
        let letters = bytes(&list[0])[2..].to_vec();
        if letters.is_empty() {
            list.remove(0);
        } else {
            list[0] = os_string([b"-", &letters[..]].concat());
        }
        return zipinfo::main(Args {
            name: args.name,
            list,
        });
    }
    let options = Options::parse(&args)?;
    each_archive(&args.name, &options.archive, |path, archive, first| {
        one(&options, path, archive, first)
    })
}

/// Does something with all archives that a name or pattern means.
fn each_archive(
    program: &str,
    name: &[u8],
    mut action: impl FnMut(&Path, Opened, bool) -> Outcome,
) -> Outcome {
    let paths = archives(program, name)?;
    let several = paths.len() > 1;
    let (mut status, mut good, mut warned, mut none) = (0, 0, 0, 0);
    for (index, path) in paths.iter().enumerate() {
        let file = File::open(path).map_err(|error| Failure {
            status: NO_ARCHIVE,
            message: format!(
                " cannot open {}: {}",
                path.display(),
                errno::message(&error)
            ),
        })?;
        let this = action(path, Archive::open(file), index == 0)?;
        match this {
            0 => good += 1,
            WARNING => warned += 1,
            NO_ARCHIVE => none += 1,
            _ => {}
        }
        status = status.max(if this == NO_ARCHIVE && several {
            0
        } else {
            this
        });
    }
    if several {
        io::stdout().flush()?;
        let count = |number: i32| if number == 1 { "archive" } else { "archives" };
        if good > 0 {
            let was = if good == 1 { "was" } else { "were" };
            eprintln!("\n{good} {} {was} successfully processed.", count(good));
        }
        if warned > 0 {
            eprintln!(
                "{warned} {} had warnings but no fatal errors.",
                count(warned)
            );
        }
        if none > 0 {
            let files = if none == 1 { "file" } else { "files" };
            eprintln!("{none} {files} had no zipfile directory.");
        }
    }
    Ok(status)
}

type Opened = Result<Archive<File>, NotZip>;

/// The archives that a name means: itself, with an ending, or those that it matches.
fn archives(program: &str, name: &[u8]) -> Result<Vec<PathBuf>, Failure> {
    let path = PathBuf::from(os_string(name));
    if path.exists() {
        return Ok(vec![path]);
    }
    for suffix in [&b".zip"[..], b".ZIP"] {
        let longer = PathBuf::from(os_string([name, suffix].concat()));
        if longer.exists() {
            return Ok(vec![longer]);
        }
    }
    let is_pattern = name.iter().any(|byte| b"*?[".contains(byte));
    if is_pattern {
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let base = path.file_name().map(bytes).unwrap_or_default();
        let mut found: Vec<PathBuf> = std::fs::read_dir(directory.unwrap_or(Path::new(".")))
            .map(|entries| entries.flatten().map(|entry| entry.file_name()).collect())
            .unwrap_or_else(|_| Vec::new())
            .into_iter()
            .filter(|file: &std::ffi::OsString| Glob::default().matches(base, bytes(file)))
            .map(|file| directory.map_or_else(|| file.clone().into(), |parent| parent.join(&file)))
            .collect();
        found.sort();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let shown = path.display();
    let mut message = format!(" cannot find or open {shown}, {shown}.zip or {shown}.ZIP.");
    if is_pattern {
        message.push_str("\n\nNo zipfiles found.");
    }
    eprintln!("{program}: {message}");
    Err(Failure::silent(NO_ARCHIVE))
}

/// Says why a file is no archive. The status.
fn no_archive(program: &str, path: &Path, error: &NotZip) -> i32 {
    let shown = path.display();
    match error {
        NotZip::NoEnd => {
            eprintln!(
                "  End-of-central-directory signature not found.  Either this file is not
  a zipfile, or it constitutes one disk of a multi-part archive.  In the
  latter case the central directory and zipfile comment will be found on
  the last disk(s) of this archive."
            );
            let indent = " ".repeat(program.len() + 3);
            eprintln!(
                "{program}:  cannot find zipfile directory in one of {shown} or\n{indent}{shown}.zip, and cannot find {shown}.ZIP, period."
            );
            NO_ARCHIVE
        }
        NotZip::Damaged => {
            eprintln!(
                "error [{shown}]:  start of central directory not found;\n  zipfile corrupt."
            );
            BAD_ARCHIVE
        }
        NotZip::Io(error) => {
            eprintln!("error [{shown}]:  {}", errno::message(error));
            BAD_ARCHIVE
        }
    }
}

fn write_comment(comment: &[u8]) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(comment)?;
    if !comment.is_empty() && !comment.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn one(options: &Options, path: &Path, opened: Opened, first: bool) -> Outcome {
    let heads =
        options.quiet == 0 && options.action != Action::Pipe && options.action != Action::Time;
    if !first && heads {
        println!();
    }
    if heads {
        println!("Archive:  {}", path.display());
    }
    let mut archive = match opened {
        Ok(archive) => archive,
        Err(error) => return Ok(no_archive("unzip", path, &error)),
    };
    let mut status = 0;
    if archive.ahead > 0 {
        eprintln!(
            "warning [{}]:  {} extra bytes at beginning or within zipfile\n  (attempting to process anyway)",
            path.display(),
            archive.ahead
        );
        status = WARNING;
    }
    if heads || options.action == Action::Comment {
        write_comment(&archive.comment)?;
    }
    if options.action == Action::Comment {
        return Ok(status);
    }
    if archive.entries.is_empty() {
        eprintln!("warning [{}]:  zipfile is empty", path.display());
        return Ok(WARNING);
    }
    let mut selection = Selection::new(&options.wanted, &options.excluded, options.ignores_case);
    let done = match options.action {
        Action::List | Action::Verbose => list::list(options, &archive, &mut selection)?,
        Action::Time => stamp(options, path, &archive)?,
        _ => extract::run(options, path, &mut archive, &mut selection)?,
    };
    status = status.max(done);
    if selection.tell_unused() && status <= WARNING {
        status = NOT_FOUND;
    }
    Ok(status)
}

/// `-T`: the archive gets the time of its newest member.
fn stamp(options: &Options, path: &Path, archive: &Archive<File>) -> Outcome {
    let newest = archive
        .entries
        .iter()
        .map(Entry::modified)
        .max()
        .unwrap_or(0);
    let time = Time {
        seconds: newest,
        nanoseconds: 0,
    };
    times::set(path, time, time)?;
    if options.quiet == 0 {
        println!("Updated time stamp for {}.", path.display());
    }
    Ok(0)
}
