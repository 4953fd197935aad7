//! gzip, gunzip and zcat: RFC 1952 files.

use crate::moment::Moment;
use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use secure_exec_cli::{Args, Failure, Outcome, Syntax, bytes, flag, os_string, required, warn};
use secure_exec_sys::errno;
use std::fs::{self, File, FileTimes};
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const ERROR: i32 = 1;
const WARNING: i32 = 2;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('c', "stdout"),
        flag('\0', "to-stdout"),
        flag('d', "decompress"),
        flag('\0', "uncompress"),
        flag('f', "force"),
        flag('k', "keep"),
        flag('l', "list"),
        flag('n', "no-name"),
        flag('N', "name"),
        flag('q', "quiet"),
        flag('r', "recursive"),
        required('S', "suffix"),
        flag('t', "test"),
        flag('v', "verbose"),
        flag('1', "fast"),
        flag('2', "2"),
        flag('3', "3"),
        flag('4', "4"),
        flag('5', "5"),
        flag('6', "6"),
        flag('7', "7"),
        flag('8', "8"),
        flag('9', "best"),
        flag('a', "ascii"),
        flag('\0', "rsyncable"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Compress,
    Decompress,
    Test,
    List,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of gzip")]
struct Gzip {
    name: String,
    action: Action,
    stdout: bool,
    force: bool,
    keep: bool,
    no_name: bool,
    restore_name: bool,
    quiet: bool,
    recursive: bool,
    verbose: bool,
    suffix: String,
    level: u32,
    /// The worst so far.
    status: i32,
    listed: bool,
    totals: (u64, u64, usize),
}

/// What decompressing found out.
#[derive(Default)]
struct Found {
    name: Option<Vec<u8>>,
    mtime: u32,
    written: u64,
    read: u64,
    garbage: bool,
}

/// Counts what goes through.
struct Counting<T> {
    inner: T,
    count: u64,
}

impl<T: Read> Read for Counting<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count += length as u64;
        Ok(length)
    }
}

impl<T: Write> Write for Counting<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(buffer)?;
        self.count += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

pub fn main(args: Args) -> Outcome {
    let parsed = SYNTAX.parse(&args)?;
    let mut gzip = Gzip {
        action: if args.name == "gzip" {
            Action::Compress
        } else {
            Action::Decompress
        },
        stdout: args.name == "zcat",
        name: args.name,
        force: false,
        keep: false,
        no_name: false,
        restore_name: false,
        quiet: false,
        recursive: false,
        verbose: false,
        suffix: ".gz".to_owned(),
        level: 6,
        status: 0,
        listed: false,
        totals: (0, 0, 0),
    };
    for (option, value) in &parsed.options {
        match *option {
            "stdout" | "to-stdout" => gzip.stdout = true,
            "decompress" | "uncompress" => gzip.action = Action::Decompress,
            "force" => gzip.force = true,
            "keep" => gzip.keep = true,
            "list" => gzip.action = Action::List,
            "no-name" => gzip.no_name = true,
            "name" => gzip.restore_name = true,
            "quiet" => gzip.quiet = true,
            "recursive" => gzip.recursive = true,
            "suffix" => gzip.suffix = value.text(),
            "test" => gzip.action = Action::Test,
            "verbose" => gzip.verbose = true,
            "fast" => gzip.level = 1,
            "best" => gzip.level = 9,
            digit => gzip.level = digit.parse().unwrap_or(gzip.level),
        }
    }
    if parsed.operands.is_empty() {
        gzip.standard_input()?;
    }
    for operand in &parsed.operands {
        if operand == "-" {
            gzip.standard_input()?;
        } else {
            gzip.operand(Path::new(operand))?;
        }
    }
    if gzip.action == Action::List && gzip.totals.2 > 1 {
        let (compressed, plain, _) = gzip.totals;
        list_line(compressed, plain, &ratio(compressed, plain), "(totals)")?;
    }
    Ok(gzip.status)
}

impl Gzip {
    fn note(&mut self, status: i32, text: &str) {
        if self.status != ERROR {
            self.status = status;
        }
        if status != WARNING || !self.quiet {
            warn(&self.name, text);
        }
    }

    fn standard_input(&mut self) -> Result<(), Failure> {
        let input = io::stdin().lock();
        match self.action {
            Action::Compress => {
                if io::stdout().is_terminal() && !self.force {
                    self.note(ERROR, "compressed data not written to a terminal.");
                    return Ok(());
                }
                self.compress(input, io::stdout().lock(), None)?;
            }
            Action::Decompress => {
                let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
                self.decompress_reporting(input, out, "stdin")?;
            }
            Action::Test => {
                self.decompress_reporting(input, io::sink(), "stdin")?;
            }
            Action::List => self.list(input, "stdout")?,
        }
        Ok(())
    }

    fn operand(&mut self, path: &Path) -> Result<(), Failure> {
        let shown = path.display().to_string();
        let stat = match fs::symlink_metadata(path) {
            Ok(stat) => stat,
            Err(error) => {
                let longer = with_suffix(path, &self.suffix);
                if self.action != Action::Compress && longer.exists() {
                    return self.operand(&longer);
                }
                self.note(ERROR, &format!("{shown}: {}", errno::message(&error)));
                return Ok(());
            }
        };
        if stat.is_dir() {
            if !self.recursive {
                self.note(WARNING, &format!("{shown} is a directory -- ignored"));
                return Ok(());
            }
            let mut names: Vec<_> = fs::read_dir(path)?
                .flatten()
                .map(|entry| entry.path())
                .collect();
            names.sort();
            return names.iter().try_for_each(|name| self.operand(name));
        }
        let plain = stat.is_file() || (self.stdout && !stat.is_dir());
        if !plain && !self.force {
            let text = format!("{shown} is not a directory or a regular file - ignored");
            self.note(WARNING, &text);
            return Ok(());
        }
        let result = match self.action {
            Action::Compress => self.compress_file(path),
            Action::Decompress => self.decompress_file(path),
            Action::Test => {
                let file = File::open(path)?;
                if self
                    .decompress_reporting(BufReader::new(file), io::sink(), &shown)?
                    .is_some()
                    && self.verbose
                {
                    eprintln!("{shown}:\t OK");
                }
                Ok(())
            }
            Action::List => {
                let file = BufReader::new(File::open(path)?);
                self.list(file, &shown)
            }
        };
        if let Err(failure) = result {
            if failure.message.contains("roken pipe") {
                return Err(failure);
            }
            self.note(ERROR, &format!("{shown}: {}", failure.message));
        }
        Ok(())
    }

    fn compress_file(&mut self, path: &Path) -> Result<(), Failure> {
        let shown = path.display().to_string();
        if !self.stdout && shown.ends_with(&self.suffix) && !self.force {
            let text = format!("{shown} already has {} suffix -- unchanged", self.suffix);
            if !self.quiet {
                warn(&self.name, text);
            }
            return Ok(());
        }
        let input = File::open(path)?;
        let size = input.metadata()?.len();
        if self.stdout {
            self.compress(BufReader::new(input), io::stdout().lock(), Some(path))?;
            return Ok(());
        }
        let target = with_suffix(path, &self.suffix);
        let Some(output) = self.create(&target)? else {
            return Ok(());
        };
        let written = self.compress(BufReader::new(input), output, Some(path))?;
        self.replaced(path, &target)?;
        if self.verbose {
            let verb = if self.keep {
                "created"
            } else {
                "replaced with"
            };
            let body =
                written.saturating_sub(self.frame(path.file_name().map_or(0, |name| name.len())));
            eprintln!(
                "{shown}:\t{}% -- {verb} {}",
                ratio(body, size),
                target.display()
            );
        }
        Ok(())
    }

    /// What a file has beside the compressed data: header, name and checksums.
    fn frame(&self, name: usize) -> u64 {
        let name = if self.no_name || name == 0 {
            0
        } else {
            name as u64 + 1
        };
        18 + name
    }

    /// Creates the output file unless it exists.
    fn create(&mut self, target: &Path) -> Result<Option<File>, Failure> {
        if fs::symlink_metadata(target).is_ok() {
            if !self.force {
                let text = format!("{} already exists;\tnot overwritten", target.display());
                self.note(WARNING, &text);
                return Ok(None);
            }
            fs::remove_file(target)?;
        }
        Ok(Some(
            File::options().write(true).create_new(true).open(target)?,
        ))
    }

    /// Gives the new file the mode and times of the old one, and removes that.
    fn replaced(&self, old: &Path, new: &Path) -> Result<(), Failure> {
        let stat = secure_exec_sys::path::stat(old)?;
        secure_exec_sys::path::chmod(new, stat.permissions())?;
        let modified = fs::metadata(old)?.modified()?;
        set_modified(new, modified)?;
        if !self.keep {
            fs::remove_file(old)?;
        }
        Ok(())
    }

    fn compress(
        &self,
        mut input: impl Read,
        output: impl Write,
        source: Option<&Path>,
    ) -> Result<u64, Failure> {
        let mut builder = GzBuilder::new().operating_system(3);
        if let Some(path) = source.filter(|_| !self.no_name) {
            if let Some(base) = path.file_name() {
                builder = builder.filename(bytes(base));
            }
            let modified = fs::metadata(path)?.modified()?;
            let seconds = modified
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs());
            builder = builder.mtime(u32::try_from(seconds).unwrap_or(0));
        } else if let (false, Ok(found)) = (self.no_name, secure_exec_sys::fd::stat(0))
            && found.is_file()
        {
            builder = builder.mtime(u32::try_from(found.mtime.seconds).unwrap_or(0));
        }
        let output = Counting {
            inner: output,
            count: 0,
        };
        let output = BufWriter::with_capacity(1 << 16, output);
        let mut encoder = builder.write(output, Compression::new(self.level));
        copy(&mut input, &mut encoder)?;
        let mut output = encoder.finish()?;
        output.flush()?;
        let counting = output
            .into_inner()
            .map_err(|error| Failure::from(error.into_error()))?;
        Ok(counting.count)
    }

    fn decompress_file(&mut self, path: &Path) -> Result<(), Failure> {
        let shown = path.display().to_string();
        let input = BufReader::with_capacity(1 << 16, File::open(path)?);
        if self.stdout {
            let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
            self.decompress_reporting(input, out, &shown)?;
            return Ok(());
        }
        let Some(mut target) = without_suffix(path, &self.suffix) else {
            self.note(WARNING, &format!("{shown}: unknown suffix -- ignored"));
            return Ok(());
        };
        if self.restore_name {
            let header = GzDecoder::new(BufReader::new(File::open(path)?));
            if let Some(name) = header.header().and_then(|header| header.filename()) {
                let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
                if !base.is_empty() {
                    target = path.with_file_name(os_string(base));
                }
            }
        }
        let Some(output) = self.create(&target)? else {
            return Ok(());
        };
        let output = BufWriter::with_capacity(1 << 16, output);
        let Some(found) = self.decompress_reporting(input, output, &shown)? else {
            fs::remove_file(&target)?;
            return Ok(());
        };
        self.replaced(path, &target)?;
        if self.restore_name && found.mtime != 0 {
            set_modified(
                &target,
                UNIX_EPOCH + Duration::from_secs(found.mtime.into()),
            )?;
        }
        if self.verbose {
            let verb = if self.keep {
                "created"
            } else {
                "replaced with"
            };
            let ratio = ratio(found.read, found.written);
            eprintln!("{shown}:\t{ratio}% -- {verb} {}", target.display());
        }
        Ok(())
    }

    /// Decompresses; complains about what is no gzip file and gives nothing then.
    fn decompress_reporting(
        &mut self,
        input: impl BufRead,
        output: impl Write,
        shown: &str,
    ) -> Result<Option<Found>, Failure> {
        let mut output = Counting {
            inner: output,
            count: 0,
        };
        let result = decompress(input, &mut output);
        output.flush()?;
        match result {
            Ok(mut found) => {
                found.written = output.count;
                if found.garbage {
                    let text = format!("{shown}: decompression OK, trailing garbage ignored");
                    self.note(WARNING, &text);
                }
                Ok(Some(found))
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(error.into()),
            Err(error) => {
                let text = match error.kind() {
                    io::ErrorKind::UnexpectedEof => "unexpected end of file".to_owned(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => error.to_string(),
                    _ => errno::message(&error),
                };
                self.note(ERROR, &format!("{shown}: {text}"));
                Ok(None)
            }
        }
    }

    fn list(&mut self, input: impl BufRead, shown: &str) -> Result<(), Failure> {
        if !self.listed {
            self.listed = true;
            println!("         compressed        uncompressed  ratio uncompressed_name");
        }
        let mut input = io::BufReader::new(Counting {
            inner: input,
            count: 0,
        });
        let Some(mut found) = self.decompress_reporting(&mut input, io::sink(), shown)? else {
            return Ok(());
        };
        found.read = input.get_ref().count;
        let name = Path::new(shown);
        let name = without_suffix(name, &self.suffix).unwrap_or_else(|| name.to_owned());
        self.totals.0 += found.read;
        self.totals.1 += found.written;
        self.totals.2 += 1;
        let frame = 18 + found.name.as_ref().map_or(0, |name| name.len() as u64 + 1);
        let ratio = ratio(found.read.saturating_sub(frame), found.written);
        list_line(
            found.read,
            found.written,
            &ratio,
            &name.display().to_string(),
        )
    }
}

fn list_line(compressed: u64, plain: u64, ratio: &str, name: &str) -> Result<(), Failure> {
    writeln!(
        io::stdout(),
        "{compressed:19} {plain:19} {ratio:>5}% {name}"
    )?;
    Ok(())
}

fn copy(input: &mut impl Read, output: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        let length = match input.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        output.write_all(&buffer[..length])?;
        total += length as u64;
    }
}

/// Decompresses all members of a file; zeros may follow, and other garbage is noted.
fn decompress(mut input: impl BufRead, output: &mut impl Write) -> io::Result<Found> {
    let mut found = Found::default();
    let mut first = true;
    loop {
        let peeked = input.fill_buf()?;
        if peeked.is_empty() {
            if first {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            return Ok(found);
        }
        if !first && peeked[0] == 0 {
            let length = peeked.len();
            let zeros = peeked.iter().take_while(|&&byte| byte == 0).count();
            input.consume(zeros);
            found.garbage |= zeros < length;
            if zeros < length {
                return Ok(found);
            }
            continue;
        }
        if peeked[0] != 0x1f || peeked.get(1).is_some_and(|&byte| byte != 0x8b) {
            if first {
                let text = "not in gzip format";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            found.garbage = true;
            return Ok(found);
        }
        let mut decoder = GzDecoder::new(&mut input);
        copy(&mut decoder, output).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                let text = if error.to_string().contains("checksum") {
                    "invalid compressed data--crc error"
                } else {
                    "invalid compressed data--format violated"
                };
                io::Error::new(io::ErrorKind::InvalidData, text)
            }
            _ => error,
        })?;
        if first && let Some(header) = decoder.header() {
            found.name = header.filename().map(<[u8]>::to_vec);
            found.mtime = header.mtime();
        }
        first = false;
    }
}

fn ratio(compressed: u64, plain: u64) -> String {
    if plain == 0 {
        return "0.0".to_owned();
    }
    format!(
        "{:.1}",
        100.0 * (plain as f64 - compressed as f64) / plain as f64
    )
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn without_suffix(path: &Path, suffix: &str) -> Option<PathBuf> {
    let name = bytes(path);
    for (ending, replacement) in [
        (suffix, ""),
        (".gz", ""),
        (".z", ""),
        (".tgz", ".tar"),
        ("-gz", ""),
        ("-z", ""),
    ] {
        if let Some(stem) = name.strip_suffix(ending.as_bytes())
            && !stem.is_empty()
            && !stem.ends_with(b"/")
        {
            let mut stem = stem.to_vec();
            stem.extend_from_slice(replacement.as_bytes());
            return Some(os_string(stem).into());
        }
    }
    None
}

/// Sets the time of the last change of a file.
pub fn set_modified(path: &Path, modified: SystemTime) -> io::Result<()> {
    let times = FileTimes::new()
        .set_modified(modified)
        .set_accessed(modified);
    File::options().write(true).open(path)?.set_times(times)
}

/// A file's time of change as a date.
pub fn modified_moment(path: &Path) -> Moment {
    let seconds = fs::metadata(path)
        .and_then(|stat| stat.modified())
        .ok()
        .and_then(|modified| modified.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_secs());
    Moment::from_seconds(i64::try_from(seconds).unwrap_or(0))
}
