//! zstd streams over `ruzstd`, whose encoder takes its input whole and whose decoder reads one frame.

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::{self, BufRead, Read, Write};

/// How much goes into one frame, in bytes: an encoder keeps that much.
const FRAME: usize = 4 << 20;

/// Compresses into frames of at most 4 MiB.
pub struct Encoder<W: Write> {
    output: W,
    waiting: Vec<u8>,
    /// Whether a frame was written: an empty stream has one too.
    begun: bool,
}

impl<W: Write> Encoder<W> {
    pub fn new(output: W) -> Self {
        Self {
            output,
            waiting: Vec::new(),
            begun: false,
        }
    }

    fn write_frame(&mut self) -> io::Result<()> {
        let frame = compress_to_vec(&self.waiting[..], CompressionLevel::Fastest);
        self.waiting.clear();
        self.begun = true;
        self.output.write_all(&frame)
    }

    pub fn finish(mut self) -> io::Result<W> {
        if !self.begun || !self.waiting.is_empty() {
            self.write_frame()?;
        }
        Ok(self.output)
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(FRAME - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        if self.waiting.len() == FRAME {
            self.write_frame()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Decompresses all frames; those to be skipped are.
pub struct Decoder<R: BufRead> {
    input: R,
    frame: FrameDecoder,
    inside: bool,
    /// Whether anything was found: an empty input is no zstd stream.
    begun: bool,
}

impl<R: BufRead> Decoder<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            frame: FrameDecoder::new(),
            inside: false,
            begun: false,
        }
    }

    /// Goes to the next frame. False at the end of the input.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.input.fill_buf()?.is_empty() {
                return if self.begun {
                    Ok(false)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
            self.begun = true;
            match self.frame.reset(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.input).take(length.into());
                    if io::copy(&mut skipped, &mut io::sink())? < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(failure(&error)),
            }
        }
    }

    fn checked(&mut self) -> io::Result<()> {
        let stored = self.frame.get_checksum_from_data();
        if stored.is_some() && stored != self.frame.get_calculated_checksum() {
            return Err(invalid("Restored data doesn't match checksum"));
        }
        Ok(())
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn failure(error: &FrameDecoderError) -> io::Error {
    // The crate wraps what reading failed with in errors of its own.
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(found) = cause.downcast_ref::<io::Error>()
            && found.kind() == io::ErrorKind::UnexpectedEof
        {
            return found.kind().into();
        }
        source = cause.source();
    }
    match error {
        FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::BadMagicNumber(_)) => {
            invalid("unsupported format")
        }
        FrameDecoderError::WindowSizeTooBig { .. } => {
            invalid("Frame requires too much memory for decoding")
        }
        FrameDecoderError::DictNotProvided { .. } => invalid("Dictionary mismatch"),
        _ => invalid("Data corruption detected"),
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside {
                if !self.next_frame()? {
                    return Ok(0);
                }
                self.inside = true;
            }
            while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                self.frame
                    .decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|error| failure(&error))?;
            }
            let length = self.frame.read(buffer)?;
            if length > 0 {
                return Ok(length);
            }
            self.checked()?;
            self.inside = false;
        }
    }
}
