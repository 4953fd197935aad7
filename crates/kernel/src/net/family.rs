//! The table of families.

use super::{NetStack, Socket, inet, unix};
use crate::abi::socket::{AF_MAX, SOCK_CLOEXEC, SOCK_MAX, SOCK_NONBLOCK, SOCK_TYPE_MASK, Ucred};
use crate::errno::{Errno, Result};
use std::sync::Arc;

/// What `socket(2)` and `socketpair(2)` ask for.
pub(crate) struct NewSocket<'a> {
    pub stack: &'a Arc<NetStack>,
    /// Type, without flags.
    pub kind: i32,
    pub protocol: i32,
    pub credentials: Ucred,
}

/// Two sockets with each other as peers.
pub(crate) type Pair = (Arc<dyn Socket>, Arc<dyn Socket>);

/// A family of sockets.
pub(crate) struct Family {
    pub domain: i32,
    /// Makes a socket.
    ///
    /// # Errors
    /// - `ESOCKTNOSUPPORT`, `EPROTONOSUPPORT`: the family does not have the type, or not with the protocol.
    /// - `ENFILE`: the limit of sockets is reached.
    pub socket: fn(&NewSocket<'_>) -> Result<Arc<dyn Socket>>,
    /// Makes a pair.
    ///
    /// # Errors
    /// As `socket`, and `EOPNOTSUPP` where the family has no pairs.
    pub pair: fn(&NewSocket<'_>) -> Result<Pair>,
}

const FAMILIES: &[Family] = &[unix::FAMILY, inet::INET, inet::INET6];

/// The family with a number.
///
/// # Errors
/// - `EINVAL`: no type has the number `kind`, or an unknown flag stands beside it.
/// - `EAFNOSUPPORT`: this machine does not have the family.
pub(crate) fn family(domain: i32, kind: i32) -> Result<&'static Family> {
    if kind & !SOCK_TYPE_MASK & !(SOCK_CLOEXEC | SOCK_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    if !(0..AF_MAX).contains(&domain) {
        return Err(Errno::EAFNOSUPPORT);
    }
    if kind & SOCK_TYPE_MASK >= SOCK_MAX {
        return Err(Errno::EINVAL);
    }
    let known = FAMILIES.iter().find(|family| family.domain == domain);
    known.ok_or(Errno::EAFNOSUPPORT)
}
