//! How much memory there is, and who has it: native code's, array buffers', WebAssembly's.

pub mod array_buffers;
pub(crate) mod gathered;
pub mod gauge;
pub mod js_heap;
pub mod memory_guard;
pub mod native_memory;
pub(crate) mod pool;
pub(crate) mod population;
pub(crate) mod shortage;
pub mod sizes;
pub(crate) mod wasm_memory;
