//! Files with holes: where their data belongs, by the three ways that pax headers have. (Old GNU's are read by the `tar`
//! crate.)

use std::io::{self, Read, Seek, SeekFrom, Write};
use tar::Entry;

/// The most parts a file may be in.
const MOST_PARTS: u64 = 1 << 20;

/// A file with holes.
#[derive(Clone, Debug, Default)]
pub struct Sparse {
    /// Its real name, where the member has another.
    pub name: Option<Vec<u8>>,
    /// With the holes, in bytes.
    pub size: u64,
    /// Offset and length of each part, in order.
    map: Vec<(u64, u64)>,
    /// The map stands before the data (format 1.0).
    inside: bool,
}

fn number(text: &[u8]) -> io::Result<u64> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| io::Error::other("malformed sparse member"))
}

impl Sparse {
    /// What the headers of a member say; nothing if it is whole.
    pub fn of(entry: &mut Entry<impl Read>) -> io::Result<Option<Self>> {
        let mut sparse = Self::default();
        let (mut found, mut offset) = (false, None);
        let Some(extensions) = entry.pax_extensions()? else {
            return Ok(None);
        };
        for extension in extensions {
            let extension = extension?;
            let Some(key) = extension.key_bytes().strip_prefix(b"GNU.sparse.") else {
                continue;
            };
            found = true;
            let value = extension.value_bytes();
            match key {
                b"name" => sparse.name = Some(value.to_vec()),
                b"size" | b"realsize" => sparse.size = number(value)?,
                b"major" => sparse.inside = number(value)? == 1,
                b"offset" => offset = Some(number(value)?),
                b"numbytes" => {
                    let at = offset
                        .take()
                        .ok_or_else(|| io::Error::other("malformed sparse member"))?;
                    sparse.map.push((at, number(value)?));
                }
                b"map" => {
                    let mut numbers = value.split(|&byte| byte == b',').map(number);
                    while let (Some(at), Some(length)) = (numbers.next(), numbers.next()) {
                        sparse.map.push((at?, length?));
                    }
                }
                _ => {}
            }
        }
        Ok(found.then_some(sparse))
    }

    /// Takes the map off the start of the data, where it is there.
    fn take_map(&mut self, data: &mut impl Read) -> io::Result<()> {
        if !self.inside {
            return Ok(());
        }
        let mut block = [0; 512];
        let mut at = block.len();
        let mut next = |data: &mut dyn Read| -> io::Result<u64> {
            let mut text = Vec::new();
            loop {
                if at == block.len() {
                    data.read_exact(&mut block)?;
                    at = 0;
                }
                let byte = block[at];
                at += 1;
                if byte == b'\n' {
                    return number(&text);
                }
                if text.len() > 20 {
                    return Err(io::Error::other("malformed sparse member"));
                }
                text.push(byte);
            }
        };
        let count = next(data)?;
        if count > MOST_PARTS {
            return Err(io::Error::other("malformed sparse member"));
        }
        for _ in 0..count {
            let offset = next(data)?;
            self.map.push((offset, next(data)?));
        }
        self.inside = false;
        Ok(())
    }

    /// The parts, checked to be in order and within the file.
    fn parts(&mut self, data: &mut impl Read) -> io::Result<Vec<(u64, u64)>> {
        self.take_map(data)?;
        let mut end = 0;
        for (offset, length) in &self.map {
            let behind = offset.checked_add(*length);
            if *offset < end || behind.is_none_or(|behind| behind > self.size) {
                return Err(io::Error::other("malformed sparse member"));
            }
            end = offset + length;
        }
        Ok(self.map.clone())
    }

    /// Writes the file with its holes left out.
    pub fn extract(&mut self, data: &mut impl Read, file: &mut std::fs::File) -> io::Result<()> {
        for (offset, length) in self.parts(data)? {
            file.seek(SeekFrom::Start(offset))?;
            copy_exactly(data, length, file)?;
        }
        file.set_len(self.size)
    }

    /// Writes the file with zeros for its holes.
    pub fn expand(&mut self, data: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
        let mut at = 0;
        for (offset, length) in self.parts(data)? {
            io::copy(&mut io::repeat(0).take(offset - at), output)?;
            copy_exactly(data, length, output)?;
            at = offset + length;
        }
        io::copy(&mut io::repeat(0).take(self.size - at), output)?;
        Ok(())
    }
}

fn copy_exactly(data: &mut impl Read, length: u64, output: &mut impl Write) -> io::Result<()> {
    if io::copy(&mut data.take(length), output)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
