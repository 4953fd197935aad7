//! WASI preview 1 in terms of the kernel: error numbers, signals, rights, flags, and the records that a guest's memory
//! holds ([`witx/wasi_snapshot_preview1.witx`](https://github.com/WebAssembly/WASI/tree/main/legacy/preview1)).
//!
//! The two that give guests preview 1, commands (`crates/wasm`) and `node:wasi` (`crates/node`), differ in what a
//! descriptor is and who may name what. What they agree on is here; neither the memory of a guest nor a call is.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod errno;
pub mod file;
pub mod flags;
pub mod record;
pub mod rights;
pub mod signal;
pub mod time;
