//! Linux's numbers: constants, flags, ids and plain structures of the x86-64 interface.
//!
//! No behaviour lives here, and nothing that depends on a kernel: the kernel, the runtimes and the commands mean the
//! same by a number because they take it from here.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod fcntl;
pub mod inet;
pub mod inotify;
pub mod poll;
pub mod resource;
pub mod signal;
pub mod sockaddr;
pub mod socket;
pub mod stat;
pub mod termios;
pub mod utsname;
pub mod wait;

mod ids;

pub use ids::{Fd, Pid};
