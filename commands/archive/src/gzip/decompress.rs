//! Decompressing files, and telling what is in them.

use super::replacement::without_suffix;
use super::stream::{Counting, copy, ratio};
use super::{ERROR, Gzip, WARNING};
use crate::moment::set_modified;
use flate2::bufread::GzDecoder;
use secure_exec_cli::{Failure, os_string};
use secure_exec_sys::errno;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// What decompressing found out.
#[derive(Default)]
pub struct Found {
    name: Option<Vec<u8>>,
    mtime: u32,
    written: u64,
    read: u64,
    garbage: bool,
}

impl Gzip {
    pub fn decompress_file(&mut self, path: &Path) -> Result<(), Failure> {
        let shown = path.display().to_string();
        let before = secure_exec_sys::path::stat(path)?;
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
        self.replaced(path, &before, &target)?;
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
    pub fn decompress_reporting(
        &mut self,
        input: impl BufRead,
        output: impl Write,
        shown: &str,
    ) -> Result<Option<Found>, Failure> {
        let mut output = Counting {
            inner: output,
            count: 0,
        };
        let mut input = input;
        if self.force && self.stdout {
            let mut start = Vec::new();
            (&mut input).take(2).read_to_end(&mut start)?;
            let is_gzip = start == [0x1f, 0x8b];
            let mut whole = start.as_slice().chain(input);
            if !is_gzip {
                // As `gzip -cdf` does: what is not compressed goes through as it is.
                copy(&mut whole, &mut output)?;
                output.flush()?;
                return Ok(Some(Found::default()));
            }
            return self.told(decompress(whole, &mut output), output, shown);
        }
        let result = decompress(input, &mut output);
        self.told(result, output, shown)
    }

    /// Says what became of a stream.
    fn told<W: Write>(
        &mut self,
        result: io::Result<Found>,
        mut output: Counting<W>,
        shown: &str,
    ) -> Result<Option<Found>, Failure> {
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

    pub fn list(&mut self, input: impl BufRead, shown: &str) -> Result<(), Failure> {
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

pub fn list_line(compressed: u64, plain: u64, ratio: &str, name: &str) -> Result<(), Failure> {
    writeln!(
        io::stdout(),
        "{compressed:19} {plain:19} {ratio:>5}% {name}"
    )?;
    Ok(())
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
