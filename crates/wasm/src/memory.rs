//! The memory of a guest, as its calls see it.

use crate::call::{Fault, Outcome};

/// Linear memory during one call. Whoever runs this code is the only one who can touch it.
pub(crate) struct Guest<'a>(&'a mut [u8]);

impl<'a> Guest<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Guest<'a> {
        Guest(bytes)
    }

    /// Bytes at a pointer.
    pub(crate) fn bytes(&self, pointer: u32, length: u32) -> Outcome<&[u8]> {
        let start = pointer as usize;
        let end = start.checked_add(length as usize).ok_or(Fault::Pointer)?;
        self.0.get(start..end).ok_or(Fault::Pointer)
    }

    /// Bytes at a pointer, to be written.
    pub(crate) fn bytes_mut(&mut self, pointer: u32, length: u32) -> Outcome<&mut [u8]> {
        let start = pointer as usize;
        let end = start.checked_add(length as usize).ok_or(Fault::Pointer)?;
        self.0.get_mut(start..end).ok_or(Fault::Pointer)
    }

    fn array<const N: usize>(&self, pointer: u32) -> Outcome<[u8; N]> {
        let bytes = self.bytes(pointer, length(N)?)?;
        bytes.try_into().map_err(|_| Fault::Pointer)
    }

    pub(crate) fn u16(&self, pointer: u32) -> Outcome<u16> {
        self.array(pointer).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&self, pointer: u32) -> Outcome<u32> {
        self.array(pointer).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&self, pointer: u32) -> Outcome<u64> {
        self.array(pointer).map(u64::from_le_bytes)
    }

    pub(crate) fn put(&mut self, pointer: u32, bytes: &[u8]) -> Outcome<()> {
        self.bytes_mut(pointer, length(bytes.len())?)?
            .copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn put_u32(&mut self, pointer: u32, value: u32) -> Outcome<()> {
        self.put(pointer, &value.to_le_bytes())
    }

    /// Stores how long something is.
    pub(crate) fn put_length(&mut self, pointer: u32, value: usize) -> Outcome<()> {
        self.put_u32(pointer, length(value)?)
    }

    pub(crate) fn put_i32(&mut self, pointer: u32, value: i32) -> Outcome<()> {
        self.put(pointer, &value.to_le_bytes())
    }

    pub(crate) fn put_u64(&mut self, pointer: u32, value: u64) -> Outcome<()> {
        self.put(pointer, &value.to_le_bytes())
    }

    /// Checks that a result can be stored, before what it tells of is done.
    pub(crate) fn check(&self, pointer: u32, length: u32) -> Outcome<()> {
        self.bytes(pointer, length).map(drop)
    }
}

/// A length as guests count: what is longer fits no memory of theirs.
pub(crate) fn length(bytes: usize) -> Outcome<u32> {
    u32::try_from(bytes).map_err(|_| Fault::Pointer)
}

/// A table in guest memory: entries of one size, whose length cannot wrap around.
pub(crate) fn element(base: u32, index: u32, size: u32) -> Outcome<u32> {
    index
        .checked_mul(size)
        .and_then(|offset| base.checked_add(offset))
        .ok_or(Fault::Pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_and_lengths_that_wrap_around_are_refused() {
        let mut bytes = [0; 64];
        let mut guest = Guest::new(&mut bytes);
        assert!(guest.bytes(0, 64).is_ok());
        assert!(guest.bytes(64, 0).is_ok());
        for (pointer, length) in [
            (65, 0),
            (0, 65),
            (u32::MAX, 1),
            (1, u32::MAX),
            (u32::MAX, u32::MAX),
        ] {
            assert!(matches!(guest.bytes(pointer, length), Err(Fault::Pointer)));
            assert!(matches!(
                guest.bytes_mut(pointer, length),
                Err(Fault::Pointer)
            ));
        }
        assert!(matches!(guest.u32(61), Err(Fault::Pointer)));
        assert!(matches!(element(16, 1 << 29, 8), Err(Fault::Pointer)));
        guest.put_u32(60, 7).ok();
        assert!(matches!(guest.u32(60), Ok(7)));
    }
}
