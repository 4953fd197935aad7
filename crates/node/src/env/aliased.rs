//! Typed arrays whose memory both native code and the library read and write.

use std::cell::Cell;

use super::{Env, Slot};

/// The memory behind one shared array. The backing store is held here, so that the memory stays valid even if
/// guest code gets hold of the array and detaches it.
pub(super) struct Memory {
    store: v8::SharedRef<v8::BackingStore>,
    byte_offset: usize,
    length: usize,
}

mod sealed {
    pub trait Sealed {}
}

/// An element type of a shared array.
pub trait Element: Copy + sealed::Sealed + 'static {
    /// Makes the JavaScript array over `buffer`.
    fn array<'s>(
        scope: &v8::PinScope<'s, '_>,
        buffer: v8::Local<'s, v8::ArrayBuffer>,
        length: usize,
    ) -> v8::Local<'s, v8::Value>;
}

macro_rules! element {
    ($type:ty, $array:ident) => {
        impl sealed::Sealed for $type {}
        impl Element for $type {
            fn array<'s>(
                scope: &v8::PinScope<'s, '_>,
                buffer: v8::Local<'s, v8::ArrayBuffer>,
                length: usize,
            ) -> v8::Local<'s, v8::Value> {
                v8::$array::new(scope, buffer, 0, length)
                    .expect("the buffer has this length")
                    .into()
            }
        }
    };
}

element!(u8, Uint8Array);
element!(i32, Int32Array);
element!(u32, Uint32Array);
element!(f64, Float64Array);
element!(i64, BigInt64Array);

/// A view of a shared array. Reads and writes out of range are ignored and read as zero: the library may have
/// replaced an array by a shorter one.
#[derive(Clone)]
pub struct Aliased<T: Element> {
    // Kept so that the memory outlives every view of it.
    _store: Option<v8::SharedRef<v8::BackingStore>>,
    data: *const Cell<T>,
    length: usize,
}

impl<T: Element + Default> Aliased<T> {
    /// The element at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> T {
        if index >= self.length {
            return T::default();
        }
        // SAFETY: index is below the length of the live, aligned allocation held by `_store`; the memory is only
        // touched from the isolate's thread.
        unsafe { (*self.data.add(index)).get() }
    }

    /// Writes the element at `index`.
    pub fn set(&self, index: usize, value: T) {
        if index < self.length {
            // SAFETY: as in `get`.
            unsafe { (*self.data.add(index)).set(value) }
        }
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Env {
    /// Makes the shared array of `slot` with `length` zeroed elements and returns it for the binding object. Where
    /// the slot has one already, that one is returned.
    pub fn aliased_array<'s, T: Element>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        slot: Slot,
        length: usize,
    ) -> v8::Local<'s, v8::Value> {
        if let Some(array) = self.slot(scope, slot) {
            return array;
        }
        let buffer = v8::ArrayBuffer::new(scope, length * size_of::<T>());
        let array = T::array(scope, buffer, length);
        self.set_slot(scope, slot, array);
        self.remember(slot, buffer.get_backing_store(), 0, length);
        array
    }

    /// Points the slot at an array that the library supplied, or that came out of the snapshot.
    pub fn adopt_array(
        &self,
        scope: &v8::PinScope<'_, '_>,
        slot: Slot,
        array: v8::Local<'_, v8::TypedArray>,
    ) {
        self.set_slot(scope, slot, array.into());
        if let Some(store) = array.get_backing_store() {
            self.remember(slot, store, array.byte_offset(), array.length());
        }
    }

    fn remember(
        &self,
        slot: Slot,
        store: v8::SharedRef<v8::BackingStore>,
        byte_offset: usize,
        length: usize,
    ) {
        self.aliased.borrow_mut()[slot as usize] = Some(Memory {
            store,
            byte_offset,
            length,
        });
    }

    /// The shared array of `slot`; empty where there is none yet. The element type must be the one it was made with.
    pub fn aliased<T: Element>(&self, slot: Slot) -> Aliased<T> {
        let aliased = self.aliased.borrow();
        let Some(memory) = &aliased[slot as usize] else {
            return Aliased {
                _store: None,
                data: std::ptr::null(),
                length: 0,
            };
        };
        let Some(data) = memory.store.data() else {
            return Aliased {
                _store: None,
                data: std::ptr::null(),
                length: 0,
            };
        };
        // SAFETY: the offset lies within the store, as V8 checked when the array was made.
        let data = unsafe { data.as_ptr().cast::<u8>().add(memory.byte_offset) };
        let room = memory
            .store
            .byte_length()
            .saturating_sub(memory.byte_offset)
            / size_of::<T>();
        debug_assert_eq!(data.align_offset(align_of::<T>()), 0);
        Aliased {
            _store: Some(memory.store.clone()),
            data: data.cast(),
            length: memory.length.min(room),
        }
    }
}
