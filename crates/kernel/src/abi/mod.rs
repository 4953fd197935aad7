//! Constants and plain structures of the Linux x86-64 interface. No behaviour lives here.

pub mod fcntl;
pub mod inotify;
pub mod poll;
pub mod resource;
pub mod signal;
pub mod stat;
pub mod termios;
pub mod wait;
