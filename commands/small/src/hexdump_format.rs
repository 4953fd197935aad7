//! Formats of one's own for `hexdump` (`-e`, `-f`), by its manual page: units of an iteration count, a byte count and a
//! text with conversions as of `printf(3)`.

use std::io::{self, Write};

use secure_exec_cli::{fixed, scientific};

/// One line of formats: what is printed of each block.
pub struct Format {
    units: Vec<Unit>,
}

struct Unit {
    repeats: usize,
    /// The count was given; else the last unit of a line takes what is left of a block.
    is_counted: bool,
    /// Bytes that are passed over where there is no conversion.
    skips: usize,
    parts: Vec<Part>,
}

enum Part {
    Text(Vec<u8>),
    Conversion(Conversion),
}

struct Conversion {
    kind: Kind,
    minus: bool,
    zero: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    /// Bytes of input.
    bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `d`, `i`.
    Signed,
    /// `o`, `u`, `x`, `X`, by its letter.
    Unsigned(u8),
    /// `e`, `E`, `f`, `g`, `G`.
    Float(u8),
    Char,
    String,
    /// `_c`
    Escape,
    /// `_p`
    Printable,
    /// `_u`
    Name,
    /// `_a`, with the letter of its base.
    Offset(u8),
    /// `_A`, which is printed behind all input.
    EndOffset(u8),
}

impl Unit {
    /// Bytes of one iteration.
    fn size(&self) -> usize {
        let conversions = self.parts.iter().map(|part| match part {
            Part::Conversion(conversion) => conversion.bytes,
            Part::Text(_) => 0,
        });
        conversions.sum::<usize>() + self.skips
    }

    fn is_for_the_end(&self) -> bool {
        let is_end = |part: &Part| {
            matches!(
                part,
                Part::Conversion(Conversion {
                    kind: Kind::EndOffset(_),
                    ..
                })
            )
        };
        self.parts.iter().any(is_end)
    }
}

impl Format {
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("bad format {{{text}}}");
        let mut units = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (repeats, behind) = number(rest);
            rest = behind.trim_start();
            let mut bytes = None;
            if let Some(behind) = rest.strip_prefix('/') {
                let (count, behind) = number(behind.trim_start());
                bytes = count;
                rest = behind.trim_start();
            }
            let quoted = rest.strip_prefix('"').ok_or_else(bad)?;
            let end = end_of_quoted(quoted).ok_or_else(bad)?;
            let parts = parts(&unescaped(&quoted[..end]), bytes)?;
            let is_plain = parts.iter().all(|part| matches!(part, Part::Text(_)));
            units.push(Unit {
                repeats: repeats.unwrap_or(1),
                is_counted: repeats.is_some(),
                skips: if is_plain { bytes.unwrap_or(0) } else { 0 },
                parts,
            });
            rest = quoted[end + 1..].trim_start();
        }
        Ok(Self { units })
    }

    fn size(&self) -> usize {
        self.units
            .iter()
            .map(|unit| unit.size() * unit.repeats)
            .sum()
    }

    /// Has the last unit take what is left of a block, if it may.
    fn fill(&mut self, block: usize) {
        let left = block.saturating_sub(self.size());
        if let Some(last) = self.units.last_mut().filter(|last| !last.is_counted)
            && let Some(more) = left.checked_div(last.size())
        {
            last.repeats += more;
        }
    }

    fn line(&self, out: &mut impl Write, block: &[u8], offset: usize) -> io::Result<()> {
        // A line with an offset of the end is printed there only.
        if self.units.iter().any(Unit::is_for_the_end) {
            return Ok(());
        }
        let mut at = 0;
        for unit in &self.units {
            for turn in 0..unit.repeats {
                let is_last = unit.repeats > 1 && turn + 1 == unit.repeats;
                for (index, part) in unit.parts.iter().enumerate() {
                    match part {
                        // The last turn leaves out the blanks at the end.
                        Part::Text(text) if is_last && index + 1 == unit.parts.len() => {
                            out.write_all(text.trim_ascii_end())?;
                        }
                        Part::Text(text) => out.write_all(text)?,
                        Part::Conversion(conversion) => {
                            let bytes = block.get(at..).unwrap_or_default();
                            let bytes = &bytes[..bytes.len().min(conversion.bytes)];
                            let place = offset + at.min(block.len());
                            out.write_all(&conversion.show(bytes, place))?;
                            at += conversion.bytes;
                        }
                    }
                }
                at += unit.skips;
            }
        }
        Ok(())
    }

    fn end(&self, out: &mut impl Write, offset: usize) -> io::Result<()> {
        for unit in self.units.iter().filter(|unit| unit.is_for_the_end()) {
            for part in &unit.parts {
                match part {
                    Part::Text(text) => out.write_all(text)?,
                    Part::Conversion(conversion) => out.write_all(&conversion.show(&[], offset))?,
                }
            }
        }
        Ok(())
    }
}

/// Prints bytes that begin at an offset by formats, each of which is applied to every block.
pub fn dump(
    out: &mut impl Write,
    bytes: &[u8],
    start: usize,
    formats: &mut [Format],
    verbose: bool,
) -> io::Result<()> {
    let size = formats.iter().map(Format::size).max().unwrap_or(0);
    if size == 0 {
        return Ok(());
    }
    formats.iter_mut().for_each(|format| format.fill(size));
    let mut previous: Option<&[u8]> = None;
    let mut squeezes = false;
    for (index, block) in bytes.chunks(size).enumerate() {
        if !verbose && previous == Some(block) {
            if !squeezes {
                out.write_all(b"*\n")?;
            }
            squeezes = true;
            continue;
        }
        squeezes = false;
        previous = Some(block);
        for format in formats.iter() {
            format.line(out, block, start + index * size)?;
        }
    }
    if !bytes.is_empty() {
        for format in formats.iter() {
            format.end(out, start + bytes.len())?;
        }
    }
    Ok(())
}

fn number(text: &str) -> (Option<usize>, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    // More than this is no block.
    let number = text[..end]
        .parse::<usize>()
        .ok()
        .map(|number| number.min(1 << 20));
    (number, &text[end..])
}

fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.extend(bytes.next().map(|letter| match letter {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'0' => 0,
            other => other,
        }));
    }
    out
}

/// The parts of a unit; a count of bytes is that of its one conversion.
fn parts(text: &[u8], bytes: Option<usize>) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain = Vec::new();
    let mut at = 0;
    let mut taking = 0;
    while at < text.len() {
        if text[at] != b'%' {
            plain.push(text[at]);
            at += 1;
            continue;
        }
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        let conversion = conversion(text, &mut at, bytes)?;
        taking += usize::from(conversion.bytes > 0);
        parts.push(Part::Conversion(conversion));
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    if bytes.is_some_and(|bytes| bytes > 0) && taking > 1 {
        return Err("byte count with multiple conversion characters".to_owned());
    }
    Ok(parts)
}

/// Reads a conversion, which begins with a percent sign, and goes behind it.
fn conversion(text: &[u8], at: &mut usize, bytes: Option<usize>) -> Result<Conversion, String> {
    let mut next = *at + 1;
    let begin = next;
    while matches!(text.get(next), Some(b'-' | b'+' | b' ' | b'#' | b'0')) {
        next += 1;
    }
    let flags = &text[begin..next];
    let mut digits = || {
        let mut value = None;
        while let Some(digit) = text.get(next).filter(|byte| byte.is_ascii_digit()) {
            value = Some((value.unwrap_or(0) * 10 + usize::from(digit - b'0')).min(1 << 16));
            next += 1;
        }
        let has_point = text.get(next) == Some(&b'.');
        (value, has_point)
    };
    let (width, has_point) = digits();
    let precision = if has_point {
        next += 1;
        let mut value = 0;
        while let Some(digit) = text.get(next).filter(|byte| byte.is_ascii_digit()) {
            value = (value * 10 + usize::from(digit - b'0')).min(1 << 16);
            next += 1;
        }
        Some(value)
    } else {
        None
    };
    let letter = text.get(next).copied().unwrap_or(0);
    let under = (letter == b'_').then(|| text.get(next + 1).copied().unwrap_or(0));
    let base = text
        .get(next + 2)
        .copied()
        .filter(|base| b"dox".contains(base));
    let unknown = || {
        let end = text.len().min(next + 1 + usize::from(under.is_some()));
        format!(
            "bad conversion character %{}",
            String::from_utf8_lossy(&text[next.min(end)..end])
        )
    };
    let (kind, default, allowed): (Kind, usize, &[usize]) = match (letter, under) {
        (b'd' | b'i', _) => (Kind::Signed, 4, &[1, 2, 4, 8]),
        (b'o' | b'u' | b'x' | b'X', _) => (Kind::Unsigned(letter), 4, &[1, 2, 4, 8]),
        (b'e' | b'E' | b'f' | b'g' | b'G', _) => (Kind::Float(letter), 8, &[4, 8]),
        (b'c', _) => (Kind::Char, 1, &[1]),
        (b's', _) => match (bytes, precision) {
            (None, None) => return Err("%s requires a precision or a byte count".to_owned()),
            (bytes, precision) => (Kind::String, bytes.or(precision).unwrap_or(0), &[]),
        },
        (_, Some(b'c')) => (Kind::Escape, 1, &[1]),
        (_, Some(b'p')) => (Kind::Printable, 1, &[1]),
        (_, Some(b'u')) => (Kind::Name, 1, &[1]),
        (_, Some(b'a')) => (Kind::Offset(base.ok_or_else(unknown)?), 0, &[]),
        (_, Some(b'A')) => (Kind::EndOffset(base.ok_or_else(unknown)?), 0, &[]),
        _ => return Err(unknown()),
    };
    let takes = match bytes.filter(|&bytes| bytes > 0) {
        Some(bytes) if !allowed.is_empty() && !allowed.contains(&bytes) => {
            let name = String::from_utf8_lossy(&text[next..=next + usize::from(under.is_some())]);
            return Err(format!("bad byte count for conversion character {name}"));
        }
        Some(bytes) if !allowed.is_empty() => bytes,
        _ => default,
    };
    *at = next
        + 1
        + usize::from(under.is_some())
        + usize::from(matches!(kind, Kind::Offset(_) | Kind::EndOffset(_)));
    Ok(Conversion {
        kind,
        minus: flags.contains(&b'-'),
        zero: flags.contains(&b'0'),
        plus: flags.contains(&b'+'),
        space: flags.contains(&b' '),
        alternate: flags.contains(&b'#'),
        width: width.unwrap_or(0),
        precision,
        bytes: takes,
    })
}

/// Names of the control characters, as the manual page has them.
const NAMES: [&str; 32] = [
    "nul", "soh", "stx", "etx", "eot", "enq", "ack", "bel", "bs", "ht", "lf", "vt", "ff", "cr",
    "so", "si", "dle", "dc1", "dc2", "dc3", "dc4", "nak", "syn", "etb", "can", "em", "sub", "esc",
    "fs", "gs", "rs", "us",
];

impl Conversion {
    /// Bytes as they are shown. Behind the end of the input there is nothing but room.
    fn show(&self, bytes: &[u8], offset: usize) -> Vec<u8> {
        if self.bytes > 0 && bytes.is_empty() {
            return vec![b' '; self.width];
        }
        let byte = bytes.first().copied().unwrap_or(0);
        let text = match self.kind {
            Kind::Offset(base) | Kind::EndOffset(base) => {
                return self
                    .padded(self.unsigned(offset as u64, if base == b'd' { b'u' } else { base }));
            }
            Kind::Unsigned(letter) => return self.padded(self.unsigned(value(bytes), letter)),
            Kind::Signed => return self.padded(self.signed(bytes)),
            Kind::Float(letter) => return self.padded(self.float(bytes, letter)),
            Kind::Char => vec![byte],
            Kind::String => {
                let end = bytes
                    .iter()
                    .position(|&byte| byte == 0)
                    .unwrap_or(bytes.len());
                bytes[..end.min(self.precision.unwrap_or(end))].to_vec()
            }
            Kind::Escape => super::hexdump::character(byte).into_bytes(),
            Kind::Printable if (0x20..0x7f).contains(&byte) => vec![byte],
            Kind::Printable => b".".to_vec(),
            Kind::Name => match byte {
                0..0x20 => NAMES[usize::from(byte)].as_bytes().to_vec(),
                0x7f => b"del".to_vec(),
                0x80.. => format!("{byte:02x}").into_bytes(),
                _ => vec![byte],
            },
        };
        let room = vec![b' '; self.width.saturating_sub(text.len())];
        if self.minus {
            [text, room].concat()
        } else {
            [room, text].concat()
        }
    }

    /// A number with its sign or prefix, and what fills it up.
    fn padded(&self, (sign, digits): (String, String)) -> Vec<u8> {
        let room = self.width.saturating_sub(sign.len() + digits.len());
        let is_whole = !matches!(self.kind, Kind::Float(_));
        if self.minus {
            format!("{sign}{digits}{:room$}", "").into_bytes()
        } else if self.zero && !(is_whole && self.precision.is_some()) {
            format!("{sign}{:0<room$}{digits}", "").into_bytes()
        } else {
            format!("{:room$}{sign}{digits}", "").into_bytes()
        }
    }

    fn unsigned(&self, value: u64, letter: u8) -> (String, String) {
        let digits = match letter {
            b'o' => format!("{value:o}"),
            b'x' => format!("{value:x}"),
            b'X' => format!("{value:X}"),
            _ => value.to_string(),
        };
        let digits = format!("{digits:0>width$}", width = self.precision.unwrap_or(1));
        let prefix = match letter {
            b'o' if self.alternate && !digits.starts_with('0') => "0",
            b'x' if self.alternate && value != 0 => "0x",
            b'X' if self.alternate && value != 0 => "0X",
            _ => "",
        };
        (prefix.to_owned(), digits)
    }

    fn sign(&self, is_negative: bool) -> String {
        match (is_negative, self.plus, self.space) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        }
        .to_owned()
    }

    fn signed(&self, bytes: &[u8]) -> (String, String) {
        let bits = 64 - 8 * self.bytes.min(8);
        let number = (value(bytes) << bits).cast_signed() >> bits;
        let digits = number.unsigned_abs().to_string();
        let digits = format!("{digits:0>width$}", width = self.precision.unwrap_or(1));
        (self.sign(number < 0), digits)
    }

    fn float(&self, bytes: &[u8], letter: u8) -> (String, String) {
        let bits = value(bytes);
        let number = if self.bytes == 4 {
            f64::from(f32::from_bits(u32::try_from(bits).unwrap_or(0)))
        } else {
            f64::from_bits(bits)
        };
        let sign = self.sign(number.is_sign_negative());
        let number = number.abs();
        let precision = self.precision.unwrap_or(6);
        let digits = if number.is_nan() {
            "nan".to_owned()
        } else if number.is_infinite() {
            "inf".to_owned()
        } else {
            match letter {
                b'f' => fixed(number, precision),
                b'e' | b'E' => with_exponent(&scientific(number, precision)),
                _ => shortest(number, precision.max(1), self.alternate),
            }
        };
        let digits = if matches!(letter, b'E' | b'G') {
            digits.to_uppercase()
        } else {
            digits
        };
        (sign, digits)
    }
}

/// An exponent as C writes it: with its sign and at least two digits.
fn with_exponent(text: &str) -> String {
    let (digits, power) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, power) = power
        .strip_prefix('-')
        .map_or(('+', power), |power| ('-', power));
    format!("{digits}e{sign}{power:0>2}")
}

/// `%g`: whichever form is shorter, without zeros at the end.
fn shortest(number: f64, digits: usize, keeps_zeros: bool) -> String {
    let form = scientific(number, digits - 1);
    let exponent: i64 = form
        .rsplit('e')
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let most = i64::try_from(digits).unwrap_or(i64::MAX);
    let trimmed = |text: &str| {
        if keeps_zeros || !text.contains('.') {
            text.to_owned()
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    };
    if exponent < -4 || exponent >= most {
        let (digits, power) = form.split_once('e').unwrap_or((&form, "0"));
        return with_exponent(&format!("{}e{power}", trimmed(digits)));
    }
    trimmed(&fixed(
        number,
        usize::try_from(most - 1 - exponent).unwrap_or(0),
    ))
}

/// A number as the machine keeps it, the lowest byte first.
fn value(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().take(8).rev();
    bytes.fold(0, |value, &byte| value << 8 | u64::from(byte))
}
