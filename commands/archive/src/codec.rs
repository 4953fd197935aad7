//! Formats of compressed streams: how one is recognised, decompressed and written.

use bzip2::bufread::MultiBzDecoder;
use bzip2::write::BzEncoder;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use lzma_rust2::{LzmaOptions, LzmaReader, LzmaWriter, XzOptions, XzReader, XzWriter};
use std::io::{self, BufRead, Read, Write};

use crate::zstd_stream::{Decoder as ZstdDecoder, Encoder as ZstdEncoder};

/// The most memory, in KiB, that a stream may ask for when it is decompressed. What `xz -9` writes needs 65 MiB.
const MEMORY_LIMIT_KIB: u32 = 512 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Gzip,
    Bzip2,
    Xz,
    /// The older format of `lzma`.
    Lzma,
    Zstd,
}

impl Codec {
    /// The format of a stream, by how it begins.
    pub fn by_start(start: &[u8]) -> Option<Self> {
        [
            (&b"\x1f\x8b"[..], Self::Gzip),
            (b"BZh", Self::Bzip2),
            (b"\xfd7zXZ\0", Self::Xz),
            (b"\x28\xb5\x2f\xfd", Self::Zstd),
            (b"\x5d\0\0", Self::Lzma),
        ]
        .into_iter()
        .find_map(|(magic, codec)| start.starts_with(magic).then_some(codec))
    }

    /// The format of an archive, by the ending of its name.
    pub fn by_name(name: &[u8]) -> Option<Self> {
        const ENDINGS: &[(&[u8], Codec)] = &[
            (b".gz", Codec::Gzip),
            (b".tgz", Codec::Gzip),
            (b".taz", Codec::Gzip),
            (b".bz2", Codec::Bzip2),
            (b".tz2", Codec::Bzip2),
            (b".tbz", Codec::Bzip2),
            (b".tbz2", Codec::Bzip2),
            (b".xz", Codec::Xz),
            (b".txz", Codec::Xz),
            (b".lzma", Codec::Lzma),
            (b".tlz", Codec::Lzma),
            (b".zst", Codec::Zstd),
            (b".tzst", Codec::Zstd),
        ];
        ENDINGS
            .iter()
            .find_map(|(ending, codec)| name.ends_with(ending).then_some(*codec))
    }

    /// The program of the format.
    pub fn program(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Zstd => "zstd",
        }
    }

    /// Level of compression where none is asked for.
    pub fn default_level(self) -> u32 {
        match self {
            Self::Gzip | Self::Xz | Self::Lzma => 6,
            Self::Bzip2 => 9,
            Self::Zstd => 3,
        }
    }

    /// Decompresses all streams of the input, one after the other.
    ///
    /// # Errors
    /// What begins the input is no header of the format.
    pub fn decoder<'r>(self, input: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(input)),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(input)),
            Self::Xz => Box::new(XzReader::new_mem_limit(input, true, MEMORY_LIMIT_KIB)),
            Self::Lzma => Box::new(LzmaReader::new_mem_limit(input, MEMORY_LIMIT_KIB, None)?),
            Self::Zstd => Box::new(ZstdDecoder::new(input)),
        })
    }

    /// Compresses what is written. `level` is the format's own, 1 to 9 (`zstd` has one).
    ///
    /// # Errors
    /// The header cannot be written.
    pub fn encoder<W: Write>(self, level: u32, output: W) -> io::Result<Encoder<W>> {
        Ok(match self {
            Self::Gzip => Encoder::Gzip(GzEncoder::new(
                output,
                flate2::Compression::new(level.min(9)),
            )),
            Self::Bzip2 => Encoder::Bzip2(BzEncoder::new(
                output,
                bzip2::Compression::new(level.clamp(1, 9)),
            )),
            Self::Xz => Encoder::Xz(Box::new(XzWriter::new(
                output,
                XzOptions::with_preset(level.min(9)),
            )?)),
            Self::Lzma => {
                let options = LzmaOptions::with_preset(level.min(9));
                Encoder::Lzma(Box::new(LzmaWriter::new_use_header(
                    output, &options, None,
                )?))
            }
            Self::Zstd => Encoder::Zstd(ZstdEncoder::new(output)),
        })
    }
}

/// A stream that compresses.
pub enum Encoder<W: Write> {
    Gzip(GzEncoder<W>),
    Bzip2(BzEncoder<W>),
    Xz(Box<XzWriter<W>>),
    Lzma(Box<LzmaWriter<W>>),
    Zstd(ZstdEncoder<W>),
}

impl<W: Write> Encoder<W> {
    /// Ends the stream; the output is given back.
    ///
    /// # Errors
    /// As of the output.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Bzip2(encoder) => encoder.finish(),
            Self::Xz(encoder) => encoder.finish(),
            Self::Lzma(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Bzip2(encoder) => encoder.write(bytes),
            Self::Xz(encoder) => encoder.write(bytes),
            Self::Lzma(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    /// Nothing is forced out: what is in the encoder belongs to a block that is not whole.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Codec;
    use std::io::{Read, Write};

    const ALL: [Codec; 5] = [
        Codec::Gzip,
        Codec::Bzip2,
        Codec::Xz,
        Codec::Lzma,
        Codec::Zstd,
    ];

    fn compressed(codec: Codec, text: &[u8]) -> Vec<u8> {
        let level = codec.default_level();
        let mut encoder = codec.encoder(level, Vec::new()).expect("a header");
        encoder.write_all(text).expect("written");
        encoder.finish().expect("an end")
    }

    #[test]
    fn what_is_compressed_comes_back() {
        let long: Vec<u8> = (0..50_000_u32)
            .flat_map(|number| (number / 7).to_le_bytes())
            .collect();
        for codec in ALL {
            for text in [&b""[..], b"x", &long] {
                let stream = compressed(codec, text);
                let mut back = Vec::new();
                let mut decoder = codec.decoder(&stream[..]).expect("a header");
                decoder.read_to_end(&mut back).expect("a stream");
                assert!(back == text, "{codec:?}");
                assert_eq!(Codec::by_start(&stream), Some(codec));
            }
        }
    }

    #[test]
    fn streams_follow_each_other() {
        for codec in [Codec::Gzip, Codec::Bzip2, Codec::Xz, Codec::Zstd] {
            let mut stream = compressed(codec, b"one");
            stream.extend(compressed(codec, b"two"));
            let mut back = Vec::new();
            let mut decoder = codec.decoder(&stream[..]).expect("a header");
            decoder.read_to_end(&mut back).expect("a stream");
            assert_eq!(back, b"onetwo", "{codec:?}");
        }
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let text: Vec<u8> = (0..2_000_u32).flat_map(u32::to_le_bytes).collect();
        for codec in ALL {
            let stream = compressed(codec, &text);
            for at in (0..stream.len()).step_by(stream.len() / 41 + 1) {
                let mut damaged = stream.clone();
                damaged[at] ^= 0x55;
                let mut back = Vec::new();
                if let Ok(mut decoder) = codec.decoder(&damaged[..]) {
                    let _ = decoder.read_to_end(&mut back);
                }
                let cut = &stream[..at];
                if let Ok(mut decoder) = codec.decoder(cut) {
                    let result = decoder.read_to_end(&mut Vec::new());
                    assert!(result.is_err() || at == 0, "{codec:?} cut at {at}");
                }
            }
        }
    }
}
