//! Where a file has its data, and the record of it that GNU's archives have (`-S`): four parts in the header, 21 in each block
//! behind it, then the data of all of them ([the format](https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html)).

use super::fail_status;
use secure_exec_cli::Failure;
use secure_exec_sys::fd::{Extent, seek_extent};
use secure_exec_sys::stat::Stat;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use tar::{EntryType, GnuExtSparseHeader, GnuSparseHeader, Header};

/// The parts that a header has room for.
const IN_HEADER: usize = 4;

/// What archives are made of, in bytes.
const BLOCK: u64 = 512;

/// How holes are found (`--hole-detection`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HoleDetection {
    /// By what the filesystem says, if it says so.
    #[default]
    Seek,
    /// Blocks of zeros.
    Raw,
}

impl HoleDetection {
    /// # Errors
    /// It is another word.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        match text {
            "seek" => Ok(Self::Seek),
            "raw" => Ok(Self::Raw),
            _ => Err(fail_status(&format!(
                "invalid argument '{text}' for '--hole-detection'"
            ))),
        }
    }
}

/// The parts of a file that hold data.
pub struct Extents {
    /// Offset and length of each in bytes, in order; lengths are whole blocks but for the end of the file. The last one is
    /// empty where the file ends with a hole.
    parts: Vec<(u64, u64)>,
    /// Of the file with its holes, in bytes.
    size: u64,
}

impl Extents {
    /// Nothing for a file that takes all the room of its length.
    ///
    /// # Errors
    /// As `read(2)`.
    pub fn of(file: &mut File, found: &Stat, detection: HoleDetection) -> io::Result<Option<Self>> {
        if found.blocks >= found.size.div_ceil(BLOCK) {
            return Ok(None);
        }
        let told = match detection {
            _ if found.blocks == 0 => Some(vec![(found.size, 0)]),
            HoleDetection::Seek => told_parts(file, found.size),
            HoleDetection::Raw => None,
        };
        let parts = match told {
            Some(parts) => parts,
            None => scanned_parts(file)?,
        };
        Ok(Some(Self {
            parts,
            size: found.size,
        }))
    }

    /// Fills the header of the member. Gives the bytes that stand behind it, without what fills the last block.
    pub fn describe(&self, header: &mut Header) -> u64 {
        let data = self.parts.iter().map(|(_, length)| length).sum();
        header.set_entry_type(EntryType::GNUSparse);
        header.set_size(data);
        if let Some(gnu) = header.as_gnu_mut() {
            write_parts(&mut gnu.sparse, &self.parts);
            gnu.set_is_extended(self.parts.len() > IN_HEADER);
            gnu.set_real_size(self.size);
        }
        self.further_headers().get_ref().len() as u64 + data
    }

    /// The parts that the header has no room for.
    pub fn further_headers(&self) -> Cursor<Vec<u8>> {
        let mut parts = self.parts.get(IN_HEADER..).unwrap_or_default();
        let mut blocks = Vec::new();
        while !parts.is_empty() {
            let mut block = GnuExtSparseHeader::new();
            let (inside, behind) = parts.split_at(parts.len().min(block.sparse.len()));
            write_parts(&mut block.sparse, inside);
            block.set_is_extended(!behind.is_empty());
            blocks.extend_from_slice(block.as_bytes());
            parts = behind;
        }
        Cursor::new(blocks)
    }

    /// The data of all parts.
    pub fn data(self, file: File) -> Data {
        Data {
            file,
            parts: self.parts.into_iter(),
            left: 0,
        }
    }
}

fn write_parts(fields: &mut [GnuSparseHeader], parts: &[(u64, u64)]) {
    for (field, (offset, length)) in fields.iter_mut().zip(parts) {
        field.set_offset(*offset);
        field.set_length(*length);
    }
}

/// What the filesystem says of a file of `size` bytes. Nothing if it does not know, or has no holes of its own.
fn told_parts(file: &File, size: u64) -> Option<Vec<(u64, u64)>> {
    let fd = file.as_raw_fd();
    let (mut parts, mut at) = (Vec::new(), 0);
    while at < size {
        let Some(data) = seek_extent(fd, at, Extent::Data).ok()? else {
            break;
        };
        let hole = seek_extent(fd, data, Extent::Hole).ok()??;
        if data == 0 && hole >= size {
            return None;
        }
        // What was written may end anywhere; members have whole blocks.
        let end = hole.max(data + 1).next_multiple_of(BLOCK).min(size);
        let start = data / BLOCK * BLOCK;
        match parts.last_mut() {
            Some((offset, length)) if *offset + *length >= start => *length = end - *offset,
            _ => parts.push((start, end - start)),
        }
        at = end;
    }
    parts.push((size, 0));
    Some(parts)
}

/// Where a file has other blocks than such of zeros.
fn scanned_parts(file: &mut File) -> io::Result<Vec<(u64, u64)>> {
    file.rewind()?;
    let (mut parts, mut at): (Vec<(u64, u64)>, u64) = (Vec::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    let mut ends_with_hole = false;
    loop {
        let length = read_full(file, &mut buffer)?;
        for block in buffer[..length].chunks(512) {
            let here = block.len() as u64;
            ends_with_hole = block.iter().all(|&byte| byte == 0);
            if !ends_with_hole {
                match parts.last_mut() {
                    Some((offset, length)) if *offset + *length == at => *length += here,
                    _ => parts.push((at, here)),
                }
            }
            at += here;
        }
        if length < buffer.len() {
            break;
        }
    }
    if ends_with_hole || parts.is_empty() {
        parts.push((at, 0));
    }
    Ok(parts)
}

/// As much as there is.
fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// The data of a file's parts, one behind the other.
pub struct Data {
    file: File,
    parts: std::vec::IntoIter<(u64, u64)>,
    /// What is to come of the current part, in bytes.
    left: u64,
}

impl Read for Data {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            let Some((offset, length)) = self.parts.next() else {
                return Ok(0);
            };
            self.file.seek(SeekFrom::Start(offset))?;
            self.left = length;
        }
        let length = (&self.file).take(self.left).read(buffer)?;
        if length == 0 && !buffer.is_empty() {
            // The file is shorter by now: the rest is filled up by who asked.
            self.parts = Vec::new().into_iter();
            self.left = 0;
        }
        self.left -= length as u64;
        Ok(length)
    }
}
