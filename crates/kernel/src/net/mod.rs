//! Sockets.

mod local;
mod unix;

pub use local::Address;
pub(crate) use local::{LocalSocket, PATH_SIZE};
pub(crate) use unix::StreamSocket;
pub use unix::{SOCKET_BUFFER, Shutdown};
