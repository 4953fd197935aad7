//! Streams on their way through bzip2, xz and zstd.

use super::Packer;
use super::options::Tool;
use crate::codec::Codec;
use crate::gzip::stream::{Counting, copy};
use bzip2::bufread::BzDecoder;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

/// How a stream could not be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is none of the format.
    Strange,
    Corrupt,
    Short,
    /// It asks for more memory than allowed.
    TooBig,
}

/// How many bytes went in and came out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    pub read: u64,
    pub written: u64,
}

impl Packer {
    /// Compresses a stream.
    pub fn compress(&self, input: impl Read, output: impl Write) -> io::Result<Sizes> {
        let output = Counting {
            inner: BufWriter::with_capacity(1 << 16, output),
            count: 0,
        };
        let mut encoder = self.codec.encoder(self.level, output)?;
        let mut input = BufReader::with_capacity(1 << 16, input);
        let read = copy(&mut input, &mut encoder)?;
        let mut output = encoder.finish()?;
        output.flush()?;
        Ok(Sizes {
            read,
            written: output.count,
        })
    }

    /// The format of a stream by its first bytes, if this program reads that.
    pub fn reads(&self, start: &[u8]) -> Option<Codec> {
        let found = Codec::by_start(start)?;
        let right = match self.tool {
            Tool::Bzip2 => found == Codec::Bzip2,
            Tool::Xz if self.only => found == self.codec,
            Tool::Xz => matches!(found, Codec::Xz | Codec::Lzma),
            Tool::Zstd => found != Codec::Bzip2,
        };
        right.then_some(found)
    }

    /// Decompresses a stream; one of another format goes through as it is if `-f` and `-c` are given.
    pub fn decompress(
        &mut self,
        mut input: impl Read,
        output: impl Write,
        shown: &str,
    ) -> io::Result<Result<Sizes, Damage>> {
        let mut start = Vec::new();
        (&mut input).take(6).read_to_end(&mut start)?;
        let mut input = Counting {
            inner: BufReader::with_capacity(1 << 16, start.as_slice().chain(input)),
            count: 0,
        };
        let mut output = Counting {
            inner: BufWriter::with_capacity(1 << 16, output),
            count: 0,
        };
        let result = match self.reads(&start) {
            None if self.force && self.stdout => {
                copy(&mut input, &mut output)?;
                Ok(())
            }
            // An empty file is empty to zstd, and none of the others' to them.
            None if start.is_empty() && self.tool == Tool::Bzip2 => Err(Damage::Short),
            None => Err(Damage::Strange),
            Some(Codec::Bzip2) => {
                let mut input = BufReader::with_capacity(1 << 16, &mut input);
                self.bzip2_streams(&mut input, &mut output, shown)?
            }
            Some(codec) => {
                let input = BufReader::with_capacity(1 << 16, &mut input);
                match codec.decoder(input) {
                    Ok(mut decoder) => pour(&mut decoder, &mut output)?,
                    Err(error) => Err(damage(&error)),
                }
            }
        };
        output.flush()?;
        Ok(result.map(|()| Sizes {
            read: input.count,
            written: output.count,
        }))
    }

    /// Streams one after the other; what follows the last is noted.
    fn bzip2_streams(
        &mut self,
        input: &mut impl BufRead,
        output: &mut impl Write,
        shown: &str,
    ) -> io::Result<Result<(), Damage>> {
        let mut first = true;
        loop {
            let mut start = Vec::new();
            input.by_ref().take(4).read_to_end(&mut start)?;
            if start.is_empty() && !first {
                return Ok(Ok(()));
            }
            let whole = start.len() == 4 && start.starts_with(b"BZh");
            if !whole || !(b'1'..=b'9').contains(&start[3]) {
                if first {
                    return Ok(Err(Damage::Strange));
                }
                if self.quiet == 0 {
                    let text = format!("{shown}: trailing garbage after EOF ignored");
                    secure_exec_cli::warn(&self.name, text);
                }
                return Ok(Ok(()));
            }
            let mut decoder = BzDecoder::new(start.as_slice().chain(&mut *input));
            if let Err(damage) = pour(&mut decoder, output)? {
                return Ok(Err(damage));
            }
            first = false;
        }
    }
}

/// Copies what a decoder gives: its failures are damage, those of the output are not.
fn pour(decoder: &mut impl Read, output: &mut impl Write) -> io::Result<Result<(), Damage>> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return Ok(Ok(())),
            Ok(length) => output.write_all(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What the operating system says is about the file, not about what is in it.
            Err(error) if error.raw_os_error().is_some() => return Err(error),
            Err(error) => {
                // What came before is written.
                output.flush()?;
                return Ok(Err(damage(&error)));
            }
        }
    }
}

fn damage(error: &io::Error) -> Damage {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Damage::Short,
        io::ErrorKind::OutOfMemory => Damage::TooBig,
        _ => Damage::Corrupt,
    }
}
