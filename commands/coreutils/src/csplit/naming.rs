//! Names of the pieces: a prefix and the number, in decimal or as `printf(3)` would write it.

use std::ffi::OsString;

use secure_exec_cli::os_string;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Radix {
    Decimal,
    Octal,
    Lower,
    Upper,
}

/// How a number is written: the conversion of a format.
#[derive(Clone, Copy, Debug)]
struct Conversion {
    radix: Radix,
    left: bool,
    zeros: bool,
    marked: bool,
    width: usize,
    precision: Option<usize>,
}

pub struct Naming {
    before: Vec<u8>,
    conversion: Conversion,
    after: Vec<u8>,
}

impl Naming {
    /// `count` digits at least.
    pub fn digits(prefix: Vec<u8>, count: usize) -> Self {
        Self {
            before: prefix,
            conversion: Conversion {
                radix: Radix::Decimal,
                left: false,
                zeros: false,
                marked: false,
                width: 0,
                precision: Some(count.max(1)),
            },
            after: Vec::new(),
        }
    }

    /// By a format with one conversion of a whole number.
    ///
    /// # Errors
    /// What is wrong with it, in the words of the GNU tool.
    pub fn formatted(prefix: Vec<u8>, format: &[u8]) -> Result<Self, String> {
        let mut texts = [prefix, Vec::new()];
        let mut conversion = None;
        let mut at = 0;
        while let Some(&byte) = format.get(at) {
            at += 1;
            let text = &mut texts[usize::from(conversion.is_some())];
            if byte != b'%' {
                text.push(byte);
            } else if format.get(at) == Some(&b'%') {
                at += 1;
                text.push(b'%');
            } else if conversion.is_some() {
                return Err("too many % conversion specifications in suffix".into());
            } else {
                conversion = Some(Conversion::parse(format, &mut at)?);
            }
        }
        let [before, after] = texts;
        Ok(Self {
            before,
            conversion: conversion.ok_or("missing % conversion specification in suffix")?,
            after,
        })
    }

    pub fn name(&self, number: u64) -> OsString {
        let text = self.conversion.write(number);
        os_string([&self.before, text.as_bytes(), &self.after].concat())
    }
}

impl Conversion {
    /// Reads what follows `%`.
    fn parse(format: &[u8], at: &mut usize) -> Result<Self, String> {
        let mut found = Self {
            radix: Radix::Decimal,
            left: false,
            zeros: false,
            marked: false,
            width: 0,
            precision: None,
        };
        while let Some(&flag) = format.get(*at) {
            match flag {
                b'-' => found.left = true,
                b'0' => found.zeros = true,
                b'#' => found.marked = true,
                // Thousands, which the C locale does not group.
                b'\'' => {}
                _ => break,
            }
            *at += 1;
        }
        found.width = number(format, at);
        if format.get(*at) == Some(&b'.') {
            *at += 1;
            found.precision = Some(number(format, at));
        }
        let letter = *format
            .get(*at)
            .ok_or("missing conversion specifier in suffix")?;
        *at += 1;
        found.radix = match letter {
            b'd' | b'i' | b'u' => Radix::Decimal,
            b'o' => Radix::Octal,
            b'x' => Radix::Lower,
            b'X' => Radix::Upper,
            _ => {
                let shown = if letter.is_ascii_graphic() || letter == b' ' {
                    char::from(letter).to_string()
                } else {
                    format!("\\{letter:03o}")
                };
                return Err(format!("invalid conversion specifier in suffix: {shown}"));
            }
        };
        if found.marked && found.radix == Radix::Decimal {
            let letter = char::from(letter);
            return Err(format!(
                "invalid flags in conversion specification: %#{letter}"
            ));
        }
        Ok(found)
    }

    fn write(self, number: u64) -> String {
        let digits = match self.radix {
            Radix::Decimal => number.to_string(),
            Radix::Octal => format!("{number:o}"),
            Radix::Lower => format!("{number:x}"),
            Radix::Upper => format!("{number:X}"),
        };
        let mut digits = match self.precision {
            Some(0) if number == 0 => String::new(),
            precision => padded(&digits, precision.unwrap_or(0)),
        };
        let mut mark = "";
        if self.marked {
            match self.radix {
                Radix::Octal if !digits.starts_with('0') => digits.insert(0, '0'),
                Radix::Lower if number != 0 => mark = "0x",
                Radix::Upper if number != 0 => mark = "0X",
                _ => {}
            }
        }
        if self.zeros && !self.left && self.precision.is_none() {
            digits = padded(&digits, self.width.saturating_sub(mark.len()));
        }
        let room = self.width.saturating_sub(mark.len() + digits.len());
        let blanks = " ".repeat(room);
        if self.left {
            format!("{mark}{digits}{blanks}")
        } else {
            format!("{blanks}{mark}{digits}")
        }
    }
}

/// Reads digits; a name cannot have more than a few thousand characters.
fn number(format: &[u8], at: &mut usize) -> usize {
    let mut value = 0_usize;
    while let Some(digit) = format.get(*at).filter(|byte| byte.is_ascii_digit()) {
        value = (value * 10 + usize::from(digit - b'0')).min(10_000);
        *at += 1;
    }
    value
}

fn padded(digits: &str, count: usize) -> String {
    "0".repeat(count.saturating_sub(digits.len())) + digits
}
