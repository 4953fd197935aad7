//! What the directory of an archive says of a member.

use super::{codepage, u16_at, u32_at, u64_at};
use crate::moment::Moment;

/// Made on Unix.
pub const UNIX: u8 = 3;
/// Made on MS-DOS.
const FAT: u8 = 0;
/// Made on Windows.
const NTFS: u8 = 11;

/// The numbers of methods of compression.
pub mod method {
    pub const STORED: u16 = 0;
    pub const DEFLATED: u16 = 8;
    pub const BZIP2: u16 = 12;
    pub const LZMA: u16 = 14;
    pub const ZSTD: u16 = 93;
    pub const XZ: u16 = 95;
}

const ENCRYPTED: u16 = 1;
/// Sum and sizes are behind the data.
pub const DESCRIBED: u16 = 8;
/// The name is UTF-8.
pub const UTF8: u16 = 1 << 11;

/// Times in extra fields of Info-ZIP.
const TIMES: u16 = 0x5455;
/// Their older form.
const OLD_TIMES: u16 = 0x5855;
const ZIP64: u16 = 1;
/// The name as UTF-8.
const UNICODE_NAME: u16 = 0x7075;

/// A date and time of day as MS-DOS has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    pub date: u16,
    pub time: u16,
}

impl Stamp {
    pub fn of(moment: Moment) -> Self {
        let Ok(year) = u16::try_from(moment.year - 1980) else {
            return Self {
                date: 0x21,
                time: 0,
            };
        };
        Self {
            date: year.min(127) << 9 | u16::from(moment.month) << 5 | u16::from(moment.day),
            time: u16::from(moment.hour) << 11
                | u16::from(moment.minute) << 5
                | (u16::from(moment.second) / 2),
        }
    }

    pub fn moment(self) -> Moment {
        let part = |number: u16, low: u8, high: u8| {
            u8::try_from(number & 0x3f).unwrap_or(0).clamp(low, high)
        };
        Moment {
            year: i64::from(self.date >> 9) + 1980,
            month: part(self.date >> 5 & 15, 1, 12),
            day: part(self.date & 31, 1, 31),
            hour: part(self.time >> 11, 0, 23),
            minute: part(self.time >> 5 & 63, 0, 59),
            second: part((self.time & 31) * 2, 0, 59),
        }
    }
}

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// As stored.
    pub raw_name: Vec<u8>,
    /// As shown and extracted.
    pub name: Vec<u8>,
    /// Tenths of the version of the format that made it.
    pub version: u8,
    /// The system that made it.
    pub system: u8,
    pub needed: u16,
    pub flags: u16,
    pub method: u16,
    pub stamp: Stamp,
    pub crc: u32,
    pub packed: u64,
    pub size: u64,
    pub internal: u16,
    pub external: u32,
    /// Extra fields of the directory.
    pub extra: Vec<u8>,
    pub comment: Vec<u8>,
    /// Where its header is, in bytes from the start of the archive.
    pub offset: u64,
}

/// Extra fields: number and content.
pub fn fields(mut extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let content = extra.get(4..4 + usize::from(u16_at(extra, 2)))?;
        let number = u16_at(extra, 0);
        extra = &extra[4 + content.len()..];
        Some((number, content))
    })
}

impl Entry {
    /// Reads what follows the mark of an entry of the directory: fixed part, name, extra fields, comment.
    pub fn parse(fixed: &[u8], name: &[u8], extra: &[u8], comment: &[u8]) -> Self {
        let mut entry = Self {
            raw_name: name.to_vec(),
            version: fixed[4],
            system: fixed[5],
            needed: u16_at(fixed, 6),
            flags: u16_at(fixed, 8),
            method: u16_at(fixed, 10),
            stamp: Stamp {
                time: u16_at(fixed, 12),
                date: u16_at(fixed, 14),
            },
            crc: u32_at(fixed, 16),
            packed: u32_at(fixed, 20).into(),
            size: u32_at(fixed, 24).into(),
            internal: u16_at(fixed, 36),
            external: u32_at(fixed, 38),
            extra: extra.to_vec(),
            comment: comment.to_vec(),
            offset: u32_at(fixed, 42).into(),
            ..Self::default()
        };
        entry.widen();
        entry.name = entry.shown_name();
        entry
    }

    /// Takes numbers that have no room in 32 bits from Zip64's field.
    fn widen(&mut self) {
        let Some((_, field)) = fields(&self.extra).find(|(number, _)| *number == ZIP64) else {
            return;
        };
        let mut at = 0;
        let full = u64::from(u32::MAX);
        for number in [&mut self.size, &mut self.packed, &mut self.offset] {
            if *number == full && field.len() >= at + 8 {
                *number = u64_at(field, at);
                at += 8;
            }
        }
    }

    fn shown_name(&self) -> Vec<u8> {
        if self.flags & UTF8 != 0 {
            return self.raw_name.clone();
        }
        let unicode = fields(&self.extra).find(|(number, _)| *number == UNICODE_NAME);
        if let Some((_, field)) = unicode
            && field.len() > 5
            && u32_at(field, 1) == crc(&self.raw_name)
        {
            return field[5..].to_vec();
        }
        let of_dos =
            matches!(self.system, FAT | NTFS) && std::str::from_utf8(&self.raw_name).is_err();
        let mut name = if of_dos {
            codepage::decode(&self.raw_name).into_bytes()
        } else {
            self.raw_name.clone()
        };
        if self.system == FAT && !name.contains(&b'/') {
            // Some archivers write names as they have them.
            name.iter_mut()
                .filter(|byte| **byte == b'\\')
                .for_each(|byte| *byte = b'/');
        }
        name
    }

    pub fn text_name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    pub fn is_dir(&self) -> bool {
        self.name.ends_with(b"/")
    }

    pub fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    pub fn is_described(&self) -> bool {
        self.flags & DESCRIBED != 0
    }

    pub fn is_text(&self) -> bool {
        self.internal & 1 != 0
    }

    /// The mode of the file on Unix, with its kind; nothing where it was not stored.
    pub fn mode(&self) -> Option<u32> {
        let mode = self.external >> 16;
        (mode != 0).then_some(mode)
    }

    pub fn is_symlink(&self) -> bool {
        use secure_exec_sys::stat::{S_IFLNK, S_IFMT};
        self.system == UNIX && self.mode().is_some_and(|mode| mode & S_IFMT == S_IFLNK)
    }

    /// When it was changed, in seconds since 1970: its Unix time, or as MS-DOS had it on this clock.
    pub fn modified(&self) -> i64 {
        self.unix_time()
            .unwrap_or_else(|| self.stamp.moment().seconds())
    }

    fn unix_time(&self) -> Option<i64> {
        fields(&self.extra).find_map(|(number, field)| {
            let seconds = |at: usize| i64::from(u32_at(field, at).cast_signed());
            match number {
                TIMES if field.len() >= 5 && field[0] & 1 != 0 => Some(seconds(1)),
                OLD_TIMES if field.len() >= 8 => Some(seconds(4)),
                _ => None,
            }
        })
    }

    /// User and group in Info-ZIP's field of the local header.
    pub fn owner(local_extra: &[u8]) -> Option<(u32, u32)> {
        let (_, field) = fields(local_extra).find(|(number, _)| *number == 0x7875)?;
        match field {
            [1, 4, rest @ ..] if rest.len() >= 9 => Some((u32_at(rest, 0), u32_at(rest, 5))),
            _ => None,
        }
    }
}

pub fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_go_there_and_back() {
        let moment = Moment::from_seconds(951_827_696);
        assert_eq!(Stamp::of(moment).moment(), moment);
        let early = Stamp::of(Moment::from_seconds(0));
        assert_eq!(
            early,
            Stamp {
                date: 0x21,
                time: 0
            }
        );
    }

    #[test]
    fn fields_that_are_cut_off_are_none() {
        let extra = [1, 0, 2, 0, 7, 7, 2, 0, 9, 0, 1];
        assert_eq!(fields(&extra).collect::<Vec<_>>(), [(1, &[7, 7][..])]);
    }
}
