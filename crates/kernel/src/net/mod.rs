//! Sockets.

mod unix;

pub(crate) use unix::StreamSocket;
pub use unix::{SOCKET_BUFFER, Shutdown};
