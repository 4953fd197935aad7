//! The data of a member, decompressed and checked.

use super::entry::method;
use super::{Archive, Entry, LOCAL, u16_at, u32_at};
use crate::codec::Codec;
use flate2::bufread::DeflateDecoder;
use lzma_rust2::LzmaReader;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};

/// The most memory that a member may ask for, in KiB.
const MEMORY_LIMIT_KIB: u32 = 512 << 10;

/// Why a member cannot be extracted.
#[derive(Debug)]
pub enum Unusable {
    Encrypted,
    /// The number of a method that is not known.
    Method(u16),
    /// The header in front of the data is not there.
    NoHeader,
    Io(io::Error),
}

/// Where the data of a member is, and the extra fields in front of it.
///
/// # Errors
/// There is no header.
pub fn locate<R: Read + Seek>(
    archive: &mut Archive<R>,
    entry: &Entry,
) -> Result<Vec<u8>, Unusable> {
    let place = archive.ahead + entry.offset;
    let mut fixed = [0; 30];
    archive
        .file
        .seek(SeekFrom::Start(place))
        .map_err(Unusable::Io)?;
    archive
        .file
        .read_exact(&mut fixed)
        .map_err(|_| Unusable::NoHeader)?;
    if u32_at(&fixed, 0) != LOCAL {
        return Err(Unusable::NoHeader);
    }
    let name = usize::from(u16_at(&fixed, 26));
    let extra = usize::from(u16_at(&fixed, 28));
    let mut rest = vec![0; name + extra];
    archive
        .file
        .read_exact(&mut rest)
        .map_err(|_| Unusable::NoHeader)?;
    Ok(rest.split_off(name))
}

/// The data of a member; its sum is checked at the end.
///
/// # Errors
/// It cannot be read here.
pub fn open<'a, R: Read + Seek>(
    archive: &'a mut Archive<R>,
    entry: &Entry,
) -> Result<Checked<Box<dyn Read + 'a>>, Unusable> {
    if entry.is_encrypted() {
        return Err(Unusable::Encrypted);
    }
    locate(archive, entry)?;
    let raw = (&mut archive.file).take(entry.packed);
    decoder(raw, entry.method, entry.size).map(|inner| Checked::new(inner, Some(entry)))
}

/// Decompresses the data of a member. `size` is that of the result.
///
/// # Errors
/// The method is not known, or its header is none.
pub fn decoder<'a, R: Read + 'a>(
    raw: Take<R>,
    method: u16,
    size: u64,
) -> Result<Box<dyn Read + 'a>, Unusable> {
    let mut input = BufReader::with_capacity(1 << 15, raw);
    Ok(match method {
        method::STORED => Box::new(input),
        method::DEFLATED => Box::new(DeflateDecoder::new(input)),
        method::BZIP2 => Codec::Bzip2.decoder(input).map_err(Unusable::Io)?,
        method::ZSTD => Codec::Zstd.decoder(input).map_err(Unusable::Io)?,
        method::XZ => Codec::Xz.decoder(input).map_err(Unusable::Io)?,
        method::LZMA => {
            let mut head = [0; 9];
            input.read_exact(&mut head).map_err(Unusable::Io)?;
            let dictionary = u32_at(&head, 5);
            if u16_at(&head, 2) != 5 || dictionary / 1024 > MEMORY_LIMIT_KIB {
                return Err(Unusable::Method(method));
            }
            let reader = LzmaReader::new_with_props(input, size, head[4], dictionary, None);
            Box::new(reader.map_err(Unusable::Io)?.take(size))
        }
        other => return Err(Unusable::Method(other)),
    })
}

/// Counts and sums what is read, and compares it with what was said at the end.
pub struct Checked<R> {
    inner: R,
    crc: flate2::Crc,
    expected: Option<(u32, u64)>,
    count: u64,
}

impl<R: Read> Checked<R> {
    pub fn new(inner: R, entry: Option<&Entry>) -> Self {
        Self {
            inner,
            crc: flate2::Crc::new(),
            expected: entry.map(|entry| (entry.crc, entry.size)),
            count: 0,
        }
    }

    /// The sum and how many bytes came.
    pub fn sum(&self) -> (u32, u64) {
        (self.crc.sum(), self.count)
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.crc.update(&buffer[..length]);
        self.count += length as u64;
        if length == 0
            && !buffer.is_empty()
            && let Some((crc, _)) = self.expected
            && crc != self.crc.sum()
        {
            let text = format!("bad CRC {:08x}  (should be {crc:08x})", self.crc.sum());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(length)
    }
}
