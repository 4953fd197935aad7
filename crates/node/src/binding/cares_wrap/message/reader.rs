//! Reading bytes in order.

use super::Name;

/// It is no message.
#[derive(Debug)]
pub struct Malformed;

/// Most pointers in a row: one for each label that a name can have.
const MOST_POINTERS: usize = 127;

/// A message, and how far it has been read.
#[derive(Clone)]
pub struct Reader<'a> {
    message: &'a [u8],
    at: usize,
    /// Nothing beyond is read, but by a pointer of a name.
    end: usize,
}

impl<'a> Reader<'a> {
    pub fn new(message: &'a [u8]) -> Reader<'a> {
        Reader {
            message,
            at: 0,
            end: message.len(),
        }
    }

    /// The next `length` bytes, for themselves.
    pub fn part(&mut self, length: usize) -> Result<Reader<'a>, Malformed> {
        let at = self.at;
        self.take(length)?;
        Ok(Reader {
            message: self.message,
            at,
            end: self.at,
        })
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.end - self.at
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        if length > self.left() {
            return Err(Malformed);
        }
        let taken = &self.message[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    /// What is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = &self.message[self.at..self.end];
        self.at = self.end;
        rest
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.array()
    }

    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A string behind its length (`<character-string>`).
    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u8()?;
        self.take(usize::from(length))
    }

    /// A name. A pointer leads to where an earlier one began, so that there is an end.
    pub fn name(&mut self) -> Result<Name, Malformed> {
        let mut name = Name::default();
        let mut earlier = self.at;
        let mut part = self.clone();
        let mut pointers = 0;
        loop {
            let length = part.u8()?;
            match length {
                0 => break,
                0xc0.. => {
                    let low = part.u8()?;
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    if pointers == 0 {
                        self.at = part.at;
                    }
                    pointers += 1;
                    if target >= earlier || pointers > MOST_POINTERS {
                        return Err(Malformed);
                    }
                    earlier = target;
                    part.at = target;
                    part.end = part.message.len();
                }
                1..=0x3f => {
                    let label = part.take(usize::from(length))?;
                    name.push(label).ok_or(Malformed)?;
                }
                _ => return Err(Malformed),
            }
        }
        if pointers == 0 {
            self.at = part.at;
        }
        Ok(name)
    }
}
