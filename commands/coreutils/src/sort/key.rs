//! Sort keys: which part of a line, and how it compares.

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};

use super::number::{self, is_blank};
use crate::version;

/// What a part of a line is compared as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Text,
    Numeric,
    General,
    Human,
    Month,
    Random,
    Version,
}

impl Kind {
    /// The letter of the option.
    pub fn letter(self) -> Option<char> {
        Some(match self {
            Self::Text => return None,
            Self::Numeric => 'n',
            Self::General => 'g',
            Self::Human => 'h',
            Self::Month => 'M',
            Self::Random => 'R',
            Self::Version => 'V',
        })
    }
}

/// How to compare: the letters behind a key, or the options of the whole command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    pub kind: Kind,
    pub dictionary: bool,
    pub fold_case: bool,
    pub printable: bool,
    pub reverse: bool,
    pub skip_start: bool,
    pub skip_end: bool,
}

impl Manner {
    /// Whether nothing but the reversal of all is asked for.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Takes one letter. `Err` with two letters that exclude each other.
    pub fn set(&mut self, letter: char) -> Result<bool, String> {
        let kind = match letter {
            'd' => {
                self.dictionary = true;
                return Ok(true);
            }
            'f' => {
                self.fold_case = true;
                return Ok(true);
            }
            'i' => {
                self.printable = true;
                return Ok(true);
            }
            'r' => {
                self.reverse = true;
                return Ok(true);
            }
            'n' => Kind::Numeric,
            'g' => Kind::General,
            'h' => Kind::Human,
            'M' => Kind::Month,
            'R' => Kind::Random,
            'V' => Kind::Version,
            _ => return Ok(false),
        };
        if let Some(other) = self.kind.letter().filter(|_| self.kind != kind) {
            let mut letters = [other, letter];
            letters.sort_unstable_by_key(|letter| letter.to_ascii_lowercase());
            return Err(letters.iter().collect());
        }
        self.kind = kind;
        Ok(true)
    }

    /// Two letters that exclude each other, if there are such.
    pub fn conflict(&self) -> Option<String> {
        let letter = self.kind.letter()?;
        let filters = self.dictionary || self.printable;
        if !filters || matches!(self.kind, Kind::Version | Kind::Random) {
            return None;
        }
        let filter = if self.dictionary { 'd' } else { 'i' };
        Some(format!("{filter}{letter}"))
    }
}

/// A position in a line: a field and a byte in it, both from 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    pub field: usize,
    pub byte: usize,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Key {
    pub start: Position,
    /// The end; byte 0 stands for the whole field. Without one the key reaches to the end of the line.
    pub end: Option<Position>,
    pub manner: Manner,
}

fn skip_fields(line: &[u8], count: usize, separator: Option<u8>, onto_next: bool) -> usize {
    let mut at = 0;
    for number in 0..count {
        if at >= line.len() {
            break;
        }
        match separator {
            Some(separator) => {
                at += memchr_or_end(separator, &line[at..]);
                let last = number + 1 == count;
                if at < line.len() && (!last || onto_next) {
                    at += 1;
                }
            }
            None => {
                at += line[at..]
                    .iter()
                    .take_while(|&&byte| is_blank(byte))
                    .count();
                at += line[at..]
                    .iter()
                    .take_while(|&&byte| !is_blank(byte))
                    .count();
            }
        }
    }
    at
}

fn memchr_or_end(wanted: u8, text: &[u8]) -> usize {
    text.iter()
        .position(|&byte| byte == wanted)
        .unwrap_or(text.len())
}

impl Key {
    /// The part of a line that the key is.
    pub fn part<'a>(&self, line: &'a [u8], separator: Option<u8>) -> &'a [u8] {
        let blanks = |at: usize| {
            line[at..]
                .iter()
                .take_while(|&&byte| is_blank(byte))
                .count()
        };
        let mut start = skip_fields(line, self.start.field, separator, true);
        if self.manner.skip_start {
            start += blanks(start);
        }
        start = line.len().min(start.saturating_add(self.start.byte));
        let end = match self.end {
            None => line.len(),
            Some(Position { field, byte: 0 }) => {
                skip_fields(line, field.saturating_add(1), separator, false)
            }
            Some(Position { field, byte }) => {
                let mut end = skip_fields(line, field, separator, true);
                if self.manner.skip_end {
                    end += blanks(end);
                }
                line.len().min(end.saturating_add(byte))
            }
        };
        &line[start..end.max(start)]
    }
}

/// Compares two parts of lines.
pub fn compare(a: &[u8], b: &[u8], manner: &Manner, random: &RandomState) -> Ordering {
    let order = match manner.kind {
        Kind::Numeric => number::numeric(a, b),
        Kind::General => number::general(a, b),
        Kind::Human => number::human(a, b),
        Kind::Month => number::month(a).cmp(&number::month(b)),
        Kind::Version => version::compare(a, b),
        Kind::Random => {
            let hashed = |text: &[u8]| random.hash_one(filtered(text, manner).collect::<Vec<u8>>());
            hashed(a).cmp(&hashed(b))
        }
        Kind::Text if manner.dictionary || manner.printable || manner.fold_case => {
            filtered(a, manner).cmp(filtered(b, manner))
        }
        Kind::Text => a.cmp(b),
    };
    if manner.reverse {
        order.reverse()
    } else {
        order
    }
}

fn filtered<'a>(text: &'a [u8], manner: &Manner) -> impl Iterator<Item = u8> + use<'a> {
    let Manner {
        dictionary,
        printable,
        fold_case,
        ..
    } = *manner;
    text.iter()
        .copied()
        .filter(move |&byte| {
            (!dictionary || byte.is_ascii_alphanumeric() || is_blank(byte))
                && (!printable || (0x20..0x7f).contains(&byte))
        })
        .map(move |byte| {
            if fold_case {
                byte.to_ascii_uppercase()
            } else {
                byte
            }
        })
}

/// Reads a count at the start of a text; too large a one is the largest.
fn count(text: &str) -> Option<(usize, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let digits = &text[..end];
    if digits.is_empty() {
        return None;
    }
    Some((digits.parse().unwrap_or(usize::MAX), &text[end..]))
}

/// Reads the value of `-k`.
///
/// # Errors
/// The message for a value that is none.
pub fn parse(text: &str) -> Result<Key, String> {
    let quoted = secure_exec_cli::quote(std::ffi::OsStr::new(text));
    let zero = |what: &str| format!("{what} is zero: invalid field specification {quoted}");
    let (field, mut rest) = count(text).ok_or_else(|| {
        format!("invalid number at field start: invalid count at start of {quoted}")
    })?;
    if field == 0 {
        return Err(zero("field number"));
    }
    let mut key = Key::default();
    key.start.field = field - 1;
    if let Some(behind) = rest.strip_prefix('.') {
        let (byte, behind) = count(behind).ok_or_else(|| {
            format!(
                "invalid number after '.': invalid count at start of {}",
                secure_exec_cli::quote(std::ffi::OsStr::new(behind))
            )
        })?;
        if byte == 0 {
            return Err(zero("character offset"));
        }
        (key.start.byte, rest) = (byte - 1, behind);
    }
    rest = letters(rest, &mut key.manner, false)?;
    if let Some(behind) = rest.strip_prefix(',') {
        let (field, behind) = count(behind).ok_or_else(|| {
            format!(
                "invalid number after ',': invalid count at start of {}",
                secure_exec_cli::quote(std::ffi::OsStr::new(behind))
            )
        })?;
        if field == 0 {
            return Err(zero("field number"));
        }
        let mut end = Position {
            field: field - 1,
            byte: 0,
        };
        rest = behind;
        if let Some(behind) = rest.strip_prefix('.') {
            (end.byte, rest) = count(behind).ok_or_else(|| {
                format!(
                    "invalid number after '.': invalid count at start of {}",
                    secure_exec_cli::quote(std::ffi::OsStr::new(behind))
                )
            })?;
        }
        key.end = Some(end);
        rest = letters(rest, &mut key.manner, true)?;
    }
    if !rest.is_empty() {
        return Err(format!(
            "stray character in field spec: invalid field specification {quoted}"
        ));
    }
    if let Some(letters) = key.manner.conflict() {
        return Err(format!("options '-{letters}' are incompatible"));
    }
    Ok(key)
}

fn letters<'a>(text: &'a str, manner: &mut Manner, at_end: bool) -> Result<&'a str, String> {
    for (at, letter) in text.char_indices() {
        if letter == 'b' {
            if at_end {
                manner.skip_end = true;
            } else {
                manner.skip_start = true;
            }
            continue;
        }
        match manner.set(letter) {
            Ok(true) => {}
            Ok(false) => return Ok(&text[at..]),
            Err(letters) => return Err(format!("options '-{letters}' are incompatible")),
        }
    }
    Ok("")
}
