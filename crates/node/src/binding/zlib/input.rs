//! Input bytes of one write, readable while JavaScript goes on.

use crate::js::convert;

/// Memory of a buffer of the guest, kept alive from here. The guest may write to it or detach it meanwhile: the bytes
/// read are then any bytes.
pub struct Input {
    // Keeps `data` valid. Absent for no bytes and for a private copy.
    _store: Option<v8::SharedRef<v8::BackingStore>>,
    _copy: Vec<u8>,
    data: *const u8,
    length: usize,
}

// SAFETY: a backing store is reference counted atomically and freed by an allocator that any thread may use; the
// memory behind `data` is plain bytes that stay mapped as long as the store or the copy is held.
unsafe impl Send for Input {}

impl Input {
    /// No bytes: a mere flush.
    pub fn empty() -> Input {
        Input {
            _store: None,
            _copy: Vec::new(),
            data: std::ptr::NonNull::dangling().as_ptr(),
            length: 0,
        }
    }

    /// `length` bytes of a view from `offset` on; `None` if the view is shorter or no view.
    pub fn of(value: v8::Local<'_, v8::Value>, offset: usize, length: usize) -> Option<Input> {
        if !value.is_array_buffer_view() {
            return None;
        }
        let (store, view_offset, view_length) = convert::memory(value)?;
        if offset.checked_add(length)? > view_length {
            return None;
        }
        if length == 0 {
            return Some(Input::empty());
        }
        let store = store?;
        if store.is_resizable_by_user_javascript() {
            // Shrinking takes pages away from under the reader.
            let copy = convert::with_bytes(value, |bytes| {
                bytes.get(offset..offset + length).map(<[u8]>::to_vec)
            })??;
            return Some(Input {
                _store: None,
                data: copy.as_ptr(),
                length,
                _copy: copy,
            });
        }
        let base = store.data()?.as_ptr().cast::<u8>();
        // SAFETY: offset and length are within the view, and the view within the store.
        let data = unsafe { base.add(view_offset + offset) };
        Some(Input {
            _store: Some(store),
            _copy: Vec::new(),
            data,
            length,
        })
    }

    /// Bytes as a test gives them.
    #[cfg(test)]
    pub fn copied(bytes: &[u8]) -> Input {
        let copy = bytes.to_vec();
        Input {
            _store: None,
            data: copy.as_ptr(),
            length: copy.len(),
            _copy: copy,
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Where they are, for a library that copes with bytes that change.
    pub fn as_ptr(&self) -> *const u8 {
        self.data
    }

    /// Appends up to `limit` bytes from `offset` on to `piece`: a copy that cannot change any more.
    pub fn copy_piece(&self, offset: usize, limit: usize, piece: &mut Vec<u8>) {
        let count = self.length.saturating_sub(offset).min(limit);
        piece.clear();
        piece.reserve(count);
        // SAFETY: `count` bytes from `offset` on are within the input, and within what was reserved; the two do not
        // overlap. Racing writes of the guest can only change which bytes are copied.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.data.add(offset.min(self.length)),
                piece.as_mut_ptr(),
                count,
            );
            piece.set_len(count);
        }
    }
}
