//! WebAssembly commands: guest processes whose program is a module, run by wasmtime over the kernel.
//!
//! # Layers
//! Each uses its own and those left of it, which a test holds it to: `config, cpu, events, host_files, load_error,
//! park, tenants, watchdog` ← `sections, worker` ← `bounds, call, commands, ending, engine, ext, memory, module_cache, run,
//! wasi` ← `binfmt, precompile`.
//!
//! - `config`, `sections`, `precompile`: how modules are checked, prepared and compiled.
//! - `engine`, `module_cache`, `commands`: what a VM has loaded, and what it may load.
//! - `binfmt`, `worker`, `run`, `ending`: from `execve(2)` to the exit status.
//! - `bounds`: what one process may take. `tenants`: who still holds memory. `call`, `memory`, `park`: what every import is made of.
//! - `wasi`: preview 1. `ext`: the module `secure_exec`, described in `docs/design/wasm-imports.md`.
//!
//! # Threads
//! A process runs on one thread, taken from a pool. A call that waits parks that thread; wakers of the
//! kernel unpark it, and so does the end of the process. Running code is interrupted through the epoch of
//! the engine, which is advanced only when there is a reason: a kill, a stop, a used-up limit.
//!
//! # Signals of the host process
//! Wasmtime turns SIGSEGV, SIGILL and SIGFPE of compiled code into traps and passes others on to whoever
//! had the handler before. V8's own handler for WebAssembly must never be enabled beside it: it takes itself
//! away at the first fault that is not its own, and V8 then has no bounds checks to fall back on.

mod binfmt;
mod bounds;
mod call;
mod commands;
mod config;
mod cpu;
mod ending;
mod engine;
mod events;
mod ext;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of tests are small"
)]
mod fixture;
pub mod host_files;
mod load_error;
mod memory;
mod module_cache;
mod park;
mod precompile;
mod run;
mod sections;
mod tenants;
mod wasi;
mod watchdog;
mod worker;

pub use binfmt::WasmBinfmt;
pub use commands::{Command, CommandDir, CommandError};
pub use config::WasmOptions;
pub use engine::Engine;
pub use events::{Breach, EngineEvents, NoEvents};
pub use load_error::LoadError;
pub use precompile::precompile;
pub use worker::thread_bytes;
