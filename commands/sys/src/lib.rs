//! What commands may ask of the machine beyond WASI preview 1.
//!
//! Two backends offer the same functions: on `wasm32-wasip1` the imports of `docs/design/wasm-imports.md`,
//! on unix the C library, so that a command is developed and tested on the host as well. Errors are
//! [`std::io::Error`] with the target's own numbers; compare [`std::io::Error::raw_os_error`] with the
//! constants of [`errno`], print with [`errno::message`].
//!
//! A command calls [`init`] first in `main`, and [`report_panics`] when it knows its name.

pub mod child;
pub mod errno;
pub mod fd;
pub mod machine;
mod memory;
pub mod net;
mod panics;
pub mod path;
pub mod process;
pub mod signal;
pub mod stat;
pub mod termios;
pub mod times;
pub mod tty;
pub mod users;

#[cfg(target_os = "wasi")]
#[path = "wasi/mod.rs"]
mod backend;
#[cfg(unix)]
#[path = "unix/mod.rs"]
mod backend;

pub use backend::init;
pub use panics::report_panics;

/// The number of an open file description in a process.
pub type Fd = i32;
/// A process id.
pub type Pid = i32;
