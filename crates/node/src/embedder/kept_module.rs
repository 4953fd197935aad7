//! The compiled module of a command, for its next process.

use std::fmt;

use parking_lot::Mutex;

/// Keeps a module between the processes that run it, with the code that was made for it. It is of this operating system
/// process alone, and no guest reaches it.
#[derive(Default)]
pub struct KeptModule(Mutex<Option<v8::CompiledWasmModule>>);

impl KeptModule {
    /// Lets it go: nothing runs that has it, and its memory is wanted.
    pub fn release(&self) {
        let module = self.0.lock().take();
        drop(module);
    }

    pub(crate) fn keep(&self, module: v8::CompiledWasmModule) {
        let former = self.0.lock().replace(module);
        drop(former);
    }

    /// What is made of the module, if one is kept.
    pub(crate) fn with<T>(&self, make: impl FnOnce(&v8::CompiledWasmModule) -> T) -> Option<T> {
        self.0.lock().as_ref().map(make)
    }
}

impl fmt::Debug for KeptModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptModule")
    }
}
