//! The archive for writing.

use super::options::Compression;
use super::{Run, cannot_run, child_failed, create, fail_status, unusable};
use crate::codec::Encoder;
use secure_exec_cli::Failure;
use secure_exec_sys::child::{self, Piped};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsRawFd;

/// What an archive is written through.
enum Output {
    Plain(BufWriter<Box<dyn Write>>),
    Packed(Box<Encoder<BufWriter<Box<dyn Write>>>>),
    Program(BufWriter<Piped>),
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(output) => output.write(bytes),
            Self::Packed(encoder) => encoder.write(bytes),
            Self::Program(filter) => filter.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Plain(mut output) => output.flush()?,
            Self::Packed(encoder) => encoder.finish()?.flush()?,
            Self::Program(filter) => {
                let filter = filter
                    .into_inner()
                    .map_err(|error| Failure::from(error.into_error()))?;
                let status = filter.finish()?;
                if status.exited() != Some(0) {
                    return Err(fail_status(&child_failed(status)));
                }
            }
        }
        Ok(())
    }
}

/// Writes an archive of the operands.
pub fn create(run: &mut Run) -> Result<(), Failure> {
    if run.options.members.is_empty() && !run.options.listed {
        return Err(fail_status("Cowardly refusing to create an empty archive"));
    }
    let file = match &run.options.archive {
        Some(path) => Some(File::create(path).map_err(|error| unusable(&error, &run.options))?),
        None => None,
    };
    let output = match &run.options.compression {
        Compression::Program(words) => {
            let fd = file.as_ref().map_or(1, AsRawFd::as_raw_fd);
            let filter = Piped::writing(child::program(words), Some(fd))
                .map_err(|error| cannot_run(words, &error))?;
            Output::Program(BufWriter::with_capacity(1 << 16, filter))
        }
        compression => {
            let raw: Box<dyn Write> = match file {
                Some(file) => Box::new(file),
                None => Box::new(io::stdout()),
            };
            let buffered = BufWriter::with_capacity(1 << 16, raw);
            match compression {
                Compression::Codec(codec) => {
                    let encoder = codec.encoder(codec.default_level(), buffered)?;
                    Output::Packed(Box::new(encoder))
                }
                _ => Output::Plain(buffered),
            }
        }
    };
    let padded = Padded {
        inner: output,
        length: 0,
    };
    let padded = create::write(run, padded)?;
    let (output, length) = padded.finish()?;
    output.finish()?;
    if run.options.totals {
        eprintln!("Total bytes written: {length}");
    }
    Ok(())
}

/// Pads an archive with zeros to whole records of 10 KiB, as tapes have them.
struct Padded<W: Write> {
    inner: W,
    length: u64,
}

impl<W: Write> Padded<W> {
    fn finish(mut self) -> io::Result<(W, u64)> {
        let rest = self.length % 10_240;
        if rest > 0 {
            let padding = vec![0; usize::try_from(10_240 - rest).unwrap_or(0)];
            self.inner.write_all(&padding)?;
            self.length += 10_240 - rest;
        }
        Ok((self.inner, self.length))
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
