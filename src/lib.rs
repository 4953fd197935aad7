//! The addon: the broker as seen from JavaScript, and the entry of a VM process.
//!
//! `binding.cjs` loads it, `lib/` builds the public API on it. Nothing here decides anything: values are converted and
//! handed to the broker, and its events are handed to one callback per VM.

mod config;
mod entry;
mod event;
mod event_queue;
mod limits;
mod listeners;
mod memory_backend;
mod native_files;
mod schema;
mod script_files;
mod served;
mod served_files;
mod snapshots;
#[cfg(target_os = "linux")]
mod v8_functions;
mod vm;

use secure_exec_glibc_floor as _;

/// In the user's own process it is the system's, and nothing else.
#[global_allocator]
static ALLOCATOR: secure_exec_vm::Allocator = secure_exec_vm::Allocator;
