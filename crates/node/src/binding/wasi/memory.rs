//! The memory of an instance, during one call.
//!
//! It may be shared with other threads, which write to it and make it grow meanwhile. So each access names its place
//! again and is checked again, bytes are copied in and out, and no reference into it exists.

use std::ptr;

use secure_exec_preview1::errno;

/// An error number of preview 1, or nothing.
pub(super) type Outcome<T = ()> = Result<T, u16>;

/// Linear memory, held for as long as the call takes.
pub(super) struct Memory {
    store: v8::SharedRef<v8::BackingStore>,
    length: u64,
}

impl Memory {
    /// What `memory` holds at present.
    pub fn of(memory: v8::Local<'_, v8::WasmMemoryObject>) -> Memory {
        let buffer = memory.buffer();
        let store = buffer.get_backing_store();
        let length = buffer.byte_length().min(store.byte_length());
        Memory {
            store,
            length: length as u64,
        }
    }

    /// Checks a place before anything is done (`uvwasi_serdes_check_bounds`): it must begin within the memory, even if
    /// it is empty.
    ///
    /// # Errors
    /// `EOVERFLOW`.
    pub fn check(&self, at: u32, length: u64) -> Outcome {
        self.place(u64::from(at), length).map(drop)
    }

    fn place(&self, at: u64, length: u64) -> Outcome<usize> {
        if at < self.length && length <= self.length - at {
            return usize::try_from(at).map_err(|_| errno::OVERFLOW);
        }
        Err(errno::OVERFLOW)
    }

    /// Copies out of the memory.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Outcome {
        if bytes.is_empty() {
            return Ok(());
        }
        let place = self.place(at, bytes.len() as u64)?;
        let data = self.store.data().ok_or(errno::OVERFLOW)?;
        // SAFETY: `place` checked that the range lies within the store, which `self` holds and which never shrinks; the
        // destination is a slice of ours, so the two do not overlap. Any byte is valid, whoever else writes it.
        unsafe {
            ptr::copy_nonoverlapping(
                data.as_ptr().cast::<u8>().add(place),
                bytes.as_mut_ptr(),
                bytes.len(),
            );
        }
        Ok(())
    }

    /// Copies into the memory.
    pub fn write(&self, at: u64, bytes: &[u8]) -> Outcome {
        if bytes.is_empty() {
            return Ok(());
        }
        let place = self.place(at, bytes.len() as u64)?;
        let data = self.store.data().ok_or(errno::OVERFLOW)?;
        // SAFETY: as in `read`; no reference into the memory exists.
        unsafe {
            ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                data.as_ptr().cast::<u8>().add(place),
                bytes.len(),
            );
        }
        Ok(())
    }

    fn array<const N: usize>(&self, at: u64) -> Outcome<[u8; N]> {
        let mut bytes = [0; N];
        self.read(at, &mut bytes)?;
        Ok(bytes)
    }

    /// A number.
    pub fn u32(&self, at: u64) -> Outcome<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    /// A record.
    pub fn record<const N: usize>(&self, at: u64) -> Outcome<[u8; N]> {
        self.array(at)
    }

    /// Stores a number.
    pub fn put_u32(&self, at: u32, value: u32) -> Outcome {
        self.write(u64::from(at), &value.to_le_bytes())
    }

    /// Stores a number.
    pub fn put_u64(&self, at: u32, value: u64) -> Outcome {
        self.write(u64::from(at), &value.to_le_bytes())
    }

    /// Stores how much there is; lengths of memory have 32 bits.
    pub fn put_length(&self, at: u32, length: usize) -> Outcome {
        self.put_u32(at, u32::try_from(length).map_err(|_| errno::OVERFLOW)?)
    }
}
