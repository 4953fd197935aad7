//! Fields of formats.

use secure_exec_cli::Zone;

/// A time as `ctime(3)` writes it.
pub fn ctime(seconds: u64, zone: &Zone) -> String {
    let date = zone.date(i64::try_from(seconds).unwrap_or(0));
    let short = |name: &'static str| &name[..3];
    format!(
        "{} {} {:2} {:02}:{:02}:{:02} {}",
        short(date.weekday_name()),
        short(date.month_name()),
        date.day,
        date.hour,
        date.minute,
        date.second,
        date.year
    )
}

/// Numbers in the order that a format has them; 0 behind the end.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a> {
    pub bytes: &'a [u8],
    pub big: bool,
}

impl<'a> Numbers<'a> {
    pub fn little(bytes: &'a [u8]) -> Self {
        Self { bytes, big: false }
    }

    pub fn big(bytes: &'a [u8]) -> Self {
        Self { bytes, big: true }
    }

    pub fn at(self, place: usize, length: usize) -> u64 {
        let field = place
            .checked_add(length)
            .and_then(|end| self.bytes.get(place..end))
            .unwrap_or_default();
        let add = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        if self.big {
            field.iter().fold(0, add)
        } else {
            field.iter().rev().fold(0, add)
        }
    }

    pub fn u16(self, place: usize) -> u64 {
        self.at(place, 2)
    }

    pub fn u32(self, place: usize) -> u64 {
        self.at(place, 4)
    }
}
