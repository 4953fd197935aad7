//! What goes from one heap to another (`structuredClone`, `postMessage`).

/// A backing store on its way to another heap.
pub struct Store(pub v8::SharedRef<v8::BackingStore>);

// SAFETY: a BackingStore is reference-counted atomically and holds no handle; V8 documents it for sharing between
// isolates on different threads. Its bytes are reached through the buffers made of it only.
unsafe impl Send for Store {}
// SAFETY: as above; a shared reference gives access to the reference count and the length only.
unsafe impl Sync for Store {}

/// A native object on its way to another heap.
pub trait TransferData: Send + Sync {
    /// Makes the object; `None` with an exception pending.
    fn deserialize<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Object>>;
}
