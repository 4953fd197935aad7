//! Which numbers the functions of a module have that are its own ([binary format]).
//!
//! [binary format]: https://webassembly.github.io/spec/core/binary/modules.html

use std::ops::Range;

/// Magic number and version.
const PREAMBLE: usize = 8;

const IMPORTS: u8 = 2;
const FUNCTIONS: u8 = 3;

/// Those of a module that V8 has taken. None where imports are of a kind that is not known here.
pub(super) fn of(module: &[u8]) -> Option<Range<u32>> {
    let mut rest = Reader(module.get(PREAMBLE..)?);
    let mut imported = 0;
    while !rest.0.is_empty() {
        let id = rest.byte()?;
        let size = usize::try_from(rest.number()?).ok()?;
        let mut section = Reader(rest.take(size)?);
        match id {
            IMPORTS => imported = section.imported_functions()?,
            FUNCTIONS => {
                let own = section.number()?;
                return Some(imported..imported.checked_add(own)?);
            }
            _ => {}
        }
    }
    Some(imported..imported)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// An unsigned number in LEB128, of 32 bits.
    fn number(&mut self) -> Option<u32> {
        let mut value = 0u64;
        for place in 0..5 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return u32::try_from(value).ok();
            }
        }
        None
    }

    fn imported_functions(&mut self) -> Option<u32> {
        let mut functions = 0;
        for _ in 0..self.number()? {
            for _ in ["module", "name"] {
                let length = usize::try_from(self.number()?).ok()?;
                self.take(length)?;
            }
            match self.byte()? {
                0 => {
                    self.number()?;
                    functions += 1;
                }
                1 => {
                    self.plain_type()?;
                    self.limits()?;
                }
                2 => self.limits()?,
                3 => {
                    self.plain_type()?;
                    self.byte()?;
                }
                4 => {
                    self.byte()?;
                    self.number()?;
                }
                _ => return None,
            }
        }
        Some(functions)
    }

    /// A type of one byte: all but references with types of their own.
    fn plain_type(&mut self) -> Option<()> {
        (self.byte()? >= 0x65).then_some(())
    }

    fn limits(&mut self) -> Option<()> {
        let flags = self.byte()?;
        // 64-bit memories have larger numbers.
        if flags > 3 {
            return None;
        }
        self.number()?;
        if flags & 1 != 0 {
            self.number()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    const HEAD: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn own_functions_stand_behind_those_that_are_imported() {
        let imports = b"\x02\x1c\x04\x01a\x01f\x00\x00\x01a\x01m\x02\x01\x01\x02\x01a\x01g\x03\x7f\x01\x01a\x01h\x00\x00";
        let functions = b"\x03\x04\x03\x00\x00\x00";
        let module = [HEAD, b"\x01\x04\x01\x60\0\0", imports, functions].concat();
        assert_eq!(of(&module), Some(2..5));
    }

    #[test]
    fn a_module_may_have_none() {
        assert_eq!(of(HEAD), Some(0..0));
    }

    #[test]
    fn what_is_cut_off_or_unknown_has_no_answer() {
        assert_eq!(of(b"\0asm"), None);
        assert_eq!(of(&[HEAD, b"\x02\x05\x01"].concat()), None);
        assert_eq!(
            of(&[HEAD, b"\x02\x07\x01\x01a\x01f\x09\x00"].concat()),
            None
        );
        assert_eq!(of(&[HEAD, b"\x03\x05\xff\xff\xff\xff\xff"].concat()), None);
    }
}
