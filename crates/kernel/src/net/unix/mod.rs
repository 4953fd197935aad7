//! Sockets within the machine (`unix(7)`): streams and datagrams, named by paths or in the abstract namespace.

mod connection;
mod dgram;
mod names;
mod stream;

pub use connection::SOCKET_BUFFER;
pub use dgram::MAX_QUEUED;
pub(crate) use names::AbstractNames;

use super::family::{Family, NewSocket, Pair};
use super::options::SocketOptions;
use crate::abi::socket::{
    AF_UNIX, OptionValue, SO_ACCEPTCONN, SO_ERROR, SO_PEERCRED, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM,
    SOL_SOCKET, SocketAddress, Ucred, UnixAddress,
};
use crate::errno::{Errno, Result};
use crate::net::Socket;
use dgram::UnixDatagram;
use std::sync::Arc;
use stream::UnixStream;

/// Its row in the table of families.
pub(super) const FAMILY: Family = Family {
    domain: AF_UNIX,
    socket,
    pair,
};

fn socket(new: &NewSocket<'_>) -> Result<Arc<dyn Socket>> {
    check_protocol(new.protocol)?;
    let slot = || new.stack.socket_slot();
    match new.kind {
        SOCK_STREAM => Ok(UnixStream::new(new.stack, slot()?)),
        SOCK_DGRAM | SOCK_RAW => Ok(UnixDatagram::new(new.stack, slot()?)),
        _ => Err(Errno::ESOCKTNOSUPPORT),
    }
}

/// The two share a place in the count of sockets.
fn pair(new: &NewSocket<'_>) -> Result<Pair> {
    check_protocol(new.protocol)?;
    let slot = || new.stack.socket_slot();
    match new.kind {
        SOCK_STREAM => {
            let (first, second) = UnixStream::pair(new.stack, slot()?, new.credentials);
            Ok((first, second))
        }
        SOCK_DGRAM | SOCK_RAW => {
            let (first, second) = UnixDatagram::pair(new.stack, slot()?, new.credentials);
            Ok((first, second))
        }
        _ => Err(Errno::ESOCKTNOSUPPORT),
    }
}

fn check_protocol(protocol: i32) -> Result<()> {
    if protocol == 0 || protocol == AF_UNIX {
        Ok(())
    } else {
        Err(Errno::EPROTONOSUPPORT)
    }
}

/// The local name in an address.
///
/// # Errors
/// - `EINVAL`: an address of another family.
fn local(address: &SocketAddress) -> Result<&UnixAddress> {
    match address {
        SocketAddress::Unix(address) => Ok(address),
        _ => Err(Errno::EINVAL),
    }
}

/// An option that a local socket has; what it depends on is asked for when it is needed.
fn option(
    options: &SocketOptions,
    (level, name): (i32, i32),
    error: impl FnOnce() -> Option<Errno>,
    listens: impl FnOnce() -> bool,
    peer: impl FnOnce() -> Ucred,
) -> Result<OptionValue> {
    check_level(level)?;
    match name {
        SO_ERROR => Ok(OptionValue::Int(error().map_or(0, Errno::raw))),
        SO_ACCEPTCONN => Ok(OptionValue::Int(i32::from(listens()))),
        SO_PEERCRED => Ok(OptionValue::Credentials(peer())),
        _ => options.get(name),
    }
}

/// # Errors
/// - `EOPNOTSUPP`: local sockets have no options of their own.
fn check_level(level: i32) -> Result<()> {
    if level == SOL_SOCKET {
        Ok(())
    } else {
        Err(Errno::EOPNOTSUPP)
    }
}
