//! tar: ustar archives with GNU's long names; those of pax are read. Compressed ones by the codecs of this program, or by
//! one that `-I` names.

mod compare;
mod create;
mod extents;
mod extract;
mod ignored;
mod listing;
mod options;
mod output;
mod owner;
mod pattern;
mod rewrite;
mod sparse;
mod syntax;
mod time;
mod transform;

use crate::codec::Codec;
use options::{Action, Compression, Options};
use secure_exec_cli::{Args, Failure, Outcome, fail, warn};
use secure_exec_sys::child::{self, Piped};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsRawFd;

pub const TROUBLE: i32 = 2;

/// What a run keeps beside its options.
pub struct Run {
    pub name: String,
    pub options: Options,
    /// Something went wrong, and the run went on.
    pub trouble: bool,
    /// What was removed from the start of names, each told once.
    pub removed: Vec<Vec<u8>>,
    /// Members differ from files (`-d`).
    pub differs: bool,
}

impl Run {
    /// Complains and goes on.
    pub fn complain(&mut self, text: &str) {
        self.trouble = true;
        warn(&self.name, text);
    }

    /// The name under which a file is stored: without slashes at the end, and unless `-P` without those at the start and
    /// without what leads out of the directory, up to the last `..`.
    pub fn stored<'n>(&mut self, name: &'n [u8]) -> &'n [u8] {
        let end = name.iter().rposition(|&byte| byte != b'/');
        let name = &name[..end.map_or(1, |end| end + 1).min(name.len())];
        if self.options.absolute {
            return name;
        }
        let is_part = |at: usize| {
            let (before, behind) = (at.checked_sub(1), name.get(at + 2));
            before.is_none_or(|before| name[before] == b'/')
                && behind.is_none_or(|&byte| byte == b'/')
        };
        let mut outside = (0..name.len()).rev();
        let outside = outside.find(|&at| name[at..].starts_with(b"..") && is_part(at));
        let from = outside.map_or(0, |at| at + 2);
        let slashes = name[from..].iter().take_while(|&&byte| byte == b'/');
        let (prefix, rest) = name.split_at(from + slashes.count());
        self.tell_removed(prefix);
        if rest.is_empty() { b"." } else { rest }
    }

    fn tell_removed(&mut self, prefix: &[u8]) {
        if !prefix.is_empty() && !self.removed.iter().any(|told| told == prefix) {
            let shown = String::from_utf8_lossy(prefix);
            let text = format!("Removing leading `{shown}' from member names");
            warn(&self.name, text);
            self.removed.push(prefix.to_vec());
        }
    }

    /// A member's name as it is extracted: without the slashes at the start unless `-P`.
    pub fn relative<'n>(&mut self, name: &'n [u8]) -> &'n [u8] {
        if self.options.absolute || !name.starts_with(b"/") {
            return name;
        }
        self.tell_removed(b"/");
        let start = name
            .iter()
            .position(|&byte| byte != b'/')
            .unwrap_or(name.len());
        if start == name.len() {
            b"."
        } else {
            &name[start..]
        }
    }
}

pub fn main(args: Args) -> Outcome {
    let options = Options::parse(&args)?;
    let name = args.name;
    let mut run = Run {
        name,
        options,
        trouble: false,
        removed: Vec::new(),
        differs: false,
    };
    match run.options.action {
        Action::Create => output::create(&mut run)?,
        Action::Append | Action::Update => rewrite::append(&mut run)?,
        Action::Concatenate => rewrite::concatenate(&mut run)?,
        Action::Delete => rewrite::delete(&mut run)?,
        Action::Compare => compare::compare(&mut run)?,
        Action::List => listing::list(&mut run)?,
        Action::Extract => extract::extract(&mut run)?,
    }
    if run.trouble {
        warn(
            &run.name,
            "Exiting with failure status due to previous errors",
        );
        return Ok(TROUBLE);
    }
    Ok(i32::from(run.differs))
}

pub fn unusable(error: &io::Error, options: &Options) -> Failure {
    let path = options.archive.clone().unwrap_or_default();
    Failure {
        status: TROUBLE,
        message: format!(
            "{}: Cannot open: {}",
            path.display(),
            secure_exec_sys::errno::message(error)
        ),
    }
}

/// What a program writes; its failure is one at the end.
struct ProgramInput(Option<Piped>);

impl Read for ProgramInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(filter) = &mut self.0 else {
            return Ok(0);
        };
        let length = filter.read(buffer)?;
        if length == 0
            && !buffer.is_empty()
            && let Some(filter) = self.0.take()
        {
            let status = filter.finish()?;
            if status.exited() != Some(0) {
                return Err(io::Error::other(child_failed(status)));
            }
        }
        Ok(length)
    }
}

impl Drop for ProgramInput {
    fn drop(&mut self) {
        if let Some(filter) = self.0.take() {
            // Nobody wants the rest: how it ended is no matter.
            let _ = filter.finish();
        }
    }
}

pub fn child_failed(status: secure_exec_sys::process::WaitStatus) -> String {
    match status.exited() {
        Some(status) => format!("Child returned status {status}"),
        None => format!("Child died with signal {}", status.signaled().unwrap_or(0)),
    }
}

/// The archive for reading, decompressed as the options say or as it begins.
pub fn input(options: &Options) -> Result<Box<dyn Read>, Failure> {
    if let Compression::Program(words) = &options.compression {
        return program_input(options, words);
    }
    let raw: Box<dyn Read> = match &options.archive {
        Some(path) => Box::new(File::open(path).map_err(|error| unusable(&error, options))?),
        None => Box::new(io::stdin()),
    };
    decoded(raw, &options.compression)
}

fn program_input(
    options: &Options,
    words: &[std::ffi::OsString],
) -> Result<Box<dyn Read>, Failure> {
    let mut command = words.to_vec();
    command.push("-d".into());
    let opened = match &options.archive {
        Some(path) => Some(File::open(path).map_err(|error| unusable(&error, options))?),
        None => None,
    };
    let fd = opened.as_ref().map_or(0, AsRawFd::as_raw_fd);
    let filter = Piped::reading(child::program(&command), Some(fd))
        .map_err(|error| cannot_run(words, &error))?;
    Ok(Box::new(ProgramInput(Some(filter))))
}

pub fn cannot_run(words: &[std::ffi::OsString], error: &io::Error) -> Failure {
    let program = words.first().cloned().unwrap_or_default();
    let why = secure_exec_sys::errno::message(error);
    fail_status(&format!(
        "{}: Cannot exec: {why}",
        program.to_string_lossy()
    ))
}

/// Decompresses an archive as the options say or as it begins.
fn decoded(raw: Box<dyn Read>, compression: &Compression) -> Result<Box<dyn Read>, Failure> {
    // Enough to know every format by, also from a pipe that brings a byte at a time.
    let mut start = Vec::new();
    let mut raw = raw;
    (&mut raw).take(512).read_to_end(&mut start)?;
    // A header of tar may begin with anything: its own mark counts more.
    let is_tar = start.get(257..262) == Some(b"ustar");
    let found = Codec::by_start(&start).filter(|_| !is_tar);
    let asked = match compression {
        Compression::Codec(codec) => Some(*codec),
        _ => None,
    };
    let mut buffered = BufReader::with_capacity(1 << 16, io::Cursor::new(start).chain(raw));
    let empty = buffered.fill_buf()?.is_empty();
    match found.or(asked.filter(|_| !empty)) {
        Some(codec) if asked.is_some() && found != asked => {
            let name = asked.unwrap_or(codec).program();
            Err(fail_status(&format!(
                "This does not look like a {name} file"
            )))
        }
        Some(codec) => codec.decoder(buffered).map_err(|error| damaged(&error)),
        None => Ok(Box::new(buffered)),
    }
}

pub fn fail_status(text: &str) -> Failure {
    Failure {
        status: TROUBLE,
        ..fail(text)
    }
}

/// The message of a failure to read the archive.
pub fn damaged(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::silent(TROUBLE);
    }
    let text = error.to_string();
    if text.contains("archive header checksum mismatch") || text.contains("numeric field") {
        return fail_status("This does not look like a tar archive");
    }
    if error.kind() == io::ErrorKind::UnexpectedEof
        || text.contains("failed to fill whole buffer")
        || text.contains("unexpected EOF")
    {
        return fail_status("Unexpected EOF in archive");
    }
    fail_status(&secure_exec_sys::errno::message(error))
}

pub fn cannot(what: &str, path: &std::path::Path, error: &io::Error) -> String {
    format!(
        "{}: Cannot {what}: {}",
        path.display(),
        secure_exec_sys::errno::message(error)
    )
}
