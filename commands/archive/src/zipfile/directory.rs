//! The directory at the end of an archive.

use super::{CENTRAL, END, END_64, Entry, LOCATOR_64, u16_at, u32_at, u64_at};
use std::io::{self, Read, Seek, SeekFrom};

/// The end of the directory, with the longest comment it may have, in bytes.
const FARTHEST: u64 = 22 + 65_535;
const FIXED: usize = 46;

/// Why a file is no archive that can be read.
#[derive(Debug)]
pub enum NotZip {
    /// There is no end of a directory.
    NoEnd,
    /// The directory is not where the end says.
    Damaged,
    Io(io::Error),
}

impl From<io::Error> for NotZip {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Damaged,
            _ => Self::Io(error),
        }
    }
}

/// An archive that is open.
pub struct Archive<R> {
    pub file: R,
    pub entries: Vec<Entry>,
    pub comment: Vec<u8>,
    /// Bytes in front of the archive, as self-extracting ones have.
    pub ahead: u64,
    /// Of the whole file, in bytes.
    pub length: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// # Errors
    /// It is no archive, or cannot be read.
    pub fn open(mut file: R) -> Result<Self, NotZip> {
        let length = file.seek(SeekFrom::End(0))?;
        let from = length.saturating_sub(FARTHEST);
        file.seek(SeekFrom::Start(from))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let at = (0..=tail.len().saturating_sub(22))
            .rev()
            .find(|&at| tail.len() >= at + 22 && u32_at(&tail, at) == END)
            .ok_or(NotZip::NoEnd)?;
        let end = &tail[at..];
        let place = from + at as u64;
        let mut count: u64 = u16_at(end, 10).into();
        let mut size: u64 = u32_at(end, 12).into();
        let mut start: u64 = u32_at(end, 16).into();
        let mut behind = place;
        let comment_length = usize::from(u16_at(end, 20));
        let comment = end[22..end.len().min(22 + comment_length)].to_vec();
        if at >= 20 && u32_at(&tail, at - 20) == LOCATOR_64 {
            let said = u64_at(&tail, at - 12);
            let (record, found) = end_of_64(&mut file, said, place)?;
            count = u64_at(&record, 32);
            size = u64_at(&record, 40);
            start = u64_at(&record, 48);
            behind = found;
        }
        let real = behind.checked_sub(size).ok_or(NotZip::Damaged)?;
        let ahead = real.checked_sub(start).ok_or(NotZip::Damaged)?;
        file.seek(SeekFrom::Start(real))?;
        let mut directory = Vec::new();
        (&mut file).take(size).read_to_end(&mut directory)?;
        let entries = entries(&directory, count)?;
        Ok(Self {
            file,
            entries,
            comment,
            ahead,
            length,
        })
    }
}

/// The end that Zip64 has in front of the other, and where it is.
fn end_of_64<R: Read + Seek>(
    file: &mut R,
    said: u64,
    place: u64,
) -> Result<([u8; 56], u64), NotZip> {
    // Bytes in front of the archive move it: it ends where its locator begins.
    for at in [Some(said), place.checked_sub(20 + 56)]
        .into_iter()
        .flatten()
    {
        let mut record = [0; 56];
        file.seek(SeekFrom::Start(at))?;
        if file.read_exact(&mut record).is_ok() && u32_at(&record, 0) == END_64 {
            return Ok((record, at));
        }
    }
    Err(NotZip::Damaged)
}

fn entries(directory: &[u8], count: u64) -> Result<Vec<Entry>, NotZip> {
    let mut entries = Vec::new();
    let mut rest = directory;
    while !rest.is_empty() && (entries.len() as u64) < count {
        if u32_at(rest, 0) != CENTRAL || rest.len() < FIXED {
            return Err(NotZip::Damaged);
        }
        let lengths = [28, 30, 32].map(|at| usize::from(u16_at(rest, at)));
        let [name, extra, comment] = lengths;
        let whole = FIXED + name + extra + comment;
        let bytes = rest.get(..whole).ok_or(NotZip::Damaged)?;
        let (fixed, variable) = bytes.split_at(FIXED);
        let (name, variable) = variable.split_at(name);
        let (extra, comment) = variable.split_at(extra);
        entries.push(Entry::parse(fixed, name, extra, comment));
        rest = &rest[whole..];
    }
    if (entries.len() as u64) < count {
        return Err(NotZip::Damaged);
    }
    Ok(entries)
}
