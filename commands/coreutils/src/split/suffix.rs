//! The ends of the names of pieces: `aa`, `ab`, ...

/// The digits that a suffix is written with.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const DECIMAL: &[u8] = b"0123456789";
const HEXADECIMAL: &[u8] = b"0123456789abcdef";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    Letters,
    Decimal,
    Hexadecimal,
}

#[derive(Clone, Debug)]
pub struct Suffixes {
    pub alphabet: Alphabet,
    pub length: usize,
    /// The number of the first.
    pub start: u64,
    /// Names get longer before they are used up: behind `yz` comes `zaaa`.
    pub widens: bool,
}

impl Alphabet {
    fn digits(self) -> &'static [u8] {
        match self {
            Self::Letters => LETTERS,
            Self::Decimal => DECIMAL,
            Self::Hexadecimal => HEXADECIMAL,
        }
    }

    /// How many digits a number needs.
    pub fn length_of(self, mut number: u64) -> usize {
        let base = self.digits().len() as u64;
        let mut length = 1;
        while number >= base {
            number /= base;
            length += 1;
        }
        length
    }

    fn write(self, mut number: u64, length: usize) -> Option<String> {
        let digits = self.digits();
        let base = digits.len() as u64;
        let mut text = Vec::with_capacity(length);
        for _ in 0..length {
            text.push(digits[usize::try_from(number % base).unwrap_or(0)]);
            number /= base;
        }
        text.reverse();
        (number == 0).then(|| String::from_utf8(text).unwrap_or_default())
    }
}

impl Suffixes {
    /// The suffix of a piece, counted from 0; nothing if they are used up.
    pub fn name(&self, piece: u64) -> Option<String> {
        let number = piece.checked_add(self.start)?;
        if !self.widens {
            return self.alphabet.write(number, self.length);
        }
        let digits = self.alphabet.digits();
        let last = char::from(*digits.last()?);
        let base = digits.len() as u64;
        let (mut rest, mut length) = (number, self.length);
        loop {
            // Those of this length whose first digit is not the last one.
            let count = (base - 1) * base.checked_pow(u32::try_from(length).ok()? - 1)?;
            if rest < count {
                let lead: String = std::iter::repeat_n(last, length - self.length).collect();
                return Some(lead + &self.alphabet.write(rest, length)?);
            }
            rest -= count;
            length += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Alphabet, Suffixes};

    #[test]
    fn names_get_longer_before_they_are_used_up() {
        let suffixes = Suffixes {
            alphabet: Alphabet::Letters,
            length: 2,
            start: 0,
            widens: true,
        };
        let name = |piece| suffixes.name(piece).expect("a name");
        assert_eq!([name(0), name(27), name(649)], ["aa", "bb", "yz"]);
        assert_eq!([name(650), name(651)], ["zaaa", "zaab"]);
        let fixed = Suffixes {
            widens: false,
            ..suffixes
        };
        assert_eq!(fixed.name(675).as_deref(), Some("zz"));
        assert_eq!(fixed.name(676), None);
    }
}
