//! Sockets.
//!
//! [`Socket`] is what every family offers beside reading and writing; the table of families makes them. A socket's
//! options, limits and names are shared by all families as far as Linux shares them.

mod budget;
mod external;
mod family;
mod inet;
mod listeners;
mod options;
mod outbound;
mod stack;
mod unix;

pub use crate::abi::socket::Shutdown;
pub use crate::vfs::{Outgoing, Received, Right, Socket, SocketCaller};
pub use external::{Isolated, Network, Transport};
pub(crate) use family::{NewSocket, family};
pub use inet::TCP_BUFFER;
pub use listeners::ListenerInfo;
pub use outbound::Outbound;
pub(crate) use stack::NetStack;
pub use unix::{MAX_QUEUED, SOCKET_BUFFER};
