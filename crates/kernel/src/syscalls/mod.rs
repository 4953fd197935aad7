//! System calls: the public methods of [`Process`](crate::Process).
//!
//! Each checks its arguments, does its work through the lower layers, and is traced under its name in
//! [`TABLE`].

mod descriptor;
mod directory;
mod enter;
mod exec;
mod file;
mod interrupt;
mod io;
mod message;
mod metadata;
mod path;
pub mod process;
mod signal;
mod socket;
mod socket_option;
mod socket_wait;
mod table;
mod terminal;
mod watch;

pub use file::Opening;
pub use message::{ReceivedMessage, SendMessage};
pub use socket_wait::SocketWait;
pub(crate) use table::Sysno;
pub use table::{Row, Support, TABLE};
