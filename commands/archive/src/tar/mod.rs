//! tar: ustar archives with GNU's long names; those of pax are read. Compressed ones by gzip.

mod create;
mod extract;
mod listing;
mod options;
mod pattern;

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use options::{Action, Options};
use secure_exec_cli::{Args, Failure, Outcome, fail, warn};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

pub const TROUBLE: i32 = 2;

/// What a run keeps beside its options.
pub struct Run {
    pub name: String,
    pub options: Options,
    /// Something went wrong, and the run went on.
    pub trouble: bool,
    pub noted_slash: bool,
}

impl Run {
    /// Complains and goes on.
    pub fn complain(&mut self, text: &str) {
        self.trouble = true;
        warn(&self.name, text);
    }

    /// A member's name as it is stored and extracted: without the slashes at the start unless `-P`.
    pub fn relative<'n>(&mut self, name: &'n [u8]) -> &'n [u8] {
        if self.options.absolute || !name.starts_with(b"/") {
            return name;
        }
        if !self.noted_slash {
            self.noted_slash = true;
            warn(&self.name, "Removing leading `/' from member names");
        }
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
        noted_slash: false,
    };
    match run.options.action {
        Action::Create => create(&mut run)?,
        Action::Append | Action::Update => create::append(&mut run)?,
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
    Ok(0)
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

/// The archive for reading, decompressed if it begins as a gzip file does.
pub fn input(options: &Options) -> Result<Box<dyn Read>, Failure> {
    let raw: Box<dyn Read> = match &options.archive {
        Some(path) => Box::new(File::open(path).map_err(|error| unusable(&error, options))?),
        None => Box::new(io::stdin()),
    };
    let mut buffered = BufReader::with_capacity(1 << 16, raw);
    let start = buffered.fill_buf()?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(MultiGzDecoder::new(buffered)));
    }
    if options.gzip && !start.is_empty() {
        return Err(fail_status("This does not look like a gzip file"));
    }
    for (magic, name) in [
        (&b"BZh"[..], "bzip2"),
        (b"\xfd7zXZ", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ] {
        if start.starts_with(magic) {
            return Err(fail_status(&format!("{name} compression is not supported")));
        }
    }
    Ok(Box::new(buffered))
}

pub fn fail_status(text: &str) -> Failure {
    Failure {
        status: TROUBLE,
        ..fail(text)
    }
}

fn create(run: &mut Run) -> Result<(), Failure> {
    if run.options.members.is_empty() && !run.options.listed {
        return Err(fail_status("Cowardly refusing to create an empty archive"));
    }
    let raw: Box<dyn Write> = match &run.options.archive {
        Some(path) => {
            let file = File::create(path).map_err(|error| unusable(&error, &run.options))?;
            Box::new(file)
        }
        None => Box::new(io::stdout()),
    };
    let buffered = BufWriter::with_capacity(1 << 16, raw);
    if run.options.gzip {
        let encoder = GzEncoder::new(buffered, Compression::default());
        let encoder = create::write(run, encoder)?;
        encoder.finish()?.flush()?;
    } else {
        create::write(
            run,
            Padded {
                inner: buffered,
                length: 0,
            },
        )?
        .finish()?;
    }
    Ok(())
}

/// Pads an archive with zeros to whole records of 10 KiB, as tapes have them.
struct Padded<W: Write> {
    inner: W,
    length: u64,
}

impl<W: Write> Padded<W> {
    fn finish(mut self) -> io::Result<()> {
        let rest = self.length % 10_240;
        if rest > 0 {
            let padding = vec![0; usize::try_from(10_240 - rest).unwrap_or(0)];
            self.inner.write_all(&padding)?;
        }
        self.inner.flush()
    }
}

impl<W: Write> Write for Padded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.length += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
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
