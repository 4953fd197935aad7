//! What a socket of TCP and one of UDP have in common.

use super::address::{Cover, Version, shown};
use super::options::IpOptions;
use super::port::{Binding, Claim, PortTable, Sharing};
use crate::abi::inet::{IPPROTO_IP, IPPROTO_IPV6};
use crate::abi::socket::{
    MsgFlags, OptionValue, SO_PASSCRED, SO_PEERCRED, SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM,
    SOL_SOCKET, SocketAddress, Ucred,
};
use crate::errno::{Errno, Result};
use crate::net::Outgoing;
use crate::net::options::SocketOptions;
use crate::random::RandomSource;
use core::net::SocketAddr;
use parking_lot::Mutex;
use std::sync::Arc;

/// The part of a socket that its transport has no say in: its family, its options, who shares its port.
pub(super) struct Endpoint {
    pub version: Version,
    pub uid: u32,
    pub options: SocketOptions,
    pub ip: IpOptions,
    pub sharing: Arc<Sharing>,
}

impl Endpoint {
    pub fn new(version: Version, uid: u32, (kind, protocol): (i32, i32)) -> Endpoint {
        Endpoint {
            version,
            uid,
            options: SocketOptions::new(version.domain(), kind, protocol),
            ip: IpOptions::new(version, kind == SOCK_STREAM),
            sharing: Arc::default(),
        }
    }

    /// That of an accepted connection, which has the options of the one that listened.
    pub fn accepted(&self) -> Endpoint {
        Endpoint {
            version: self.version,
            uid: self.uid,
            options: self.options.inherited(),
            ip: self.ip.inherited(),
            sharing: Arc::new(self.sharing.of_accepted()),
        }
    }

    pub fn shown(&self, address: SocketAddr) -> SocketAddress {
        shown(self.version, address)
    }

    pub fn cover(&self, address: SocketAddr) -> Cover {
        Cover::new(self.version, address.ip(), self.ip.v6_only())
    }

    pub fn claim(&self, address: SocketAddr) -> Claim {
        Claim {
            cover: self.cover(address),
            sharing: self.sharing.clone(),
            uid: self.uid,
        }
    }

    /// Who shares the port is asked for by two options.
    pub fn share(&self) {
        let sharing = &self.sharing;
        sharing.set(Sharing::REUSE_ADDRESS, self.options.is_on(SO_REUSEADDR));
        sharing.set(Sharing::REUSE_PORT, self.options.is_on(SO_REUSEPORT));
    }

    /// Takes the port of a name, or one that the machine chooses.
    ///
    /// # Errors
    /// - `EADDRINUSE`: somebody has it, or for port 0 all are taken.
    pub fn take_port<T>(
        &self,
        ports: &Arc<Mutex<PortTable<T>>>,
        random: &dyn RandomSource,
        (local, owner): (SocketAddr, T),
    ) -> Result<Binding<T>> {
        self.share();
        let claim = self.claim(local);
        let taken = {
            let mut table = ports.lock();
            match local.port() {
                0 => table.take_any(claim, owner, random)?,
                port => (port, table.take(port, claim, owner)?),
            }
        };
        Ok(Binding::new(ports, taken))
    }

    /// Reads an option that no transport has of its own.
    ///
    /// # Errors
    /// - `ENOPROTOOPT`: no such option.
    pub fn option(&self, level: i32, name: i32) -> Result<OptionValue> {
        match (level, name) {
            (SOL_SOCKET, SO_PEERCRED) => Ok(OptionValue::Credentials(Ucred::NOBODY)),
            (SOL_SOCKET, _) => self.options.get(name),
            (IPPROTO_IP | IPPROTO_IPV6, _) => self.ip.get(level, name),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    /// Sets an option that no transport has of its own.
    ///
    /// # Errors
    /// - `ENOPROTOOPT`: no such option.
    /// - `EOPNOTSUPP`: credentials, which travel within a local socket only.
    pub fn set_option(
        &self,
        (level, name): (i32, i32),
        value: OptionValue,
        is_bound: impl FnOnce() -> bool,
    ) -> Result<()> {
        match level {
            SOL_SOCKET if name == SO_PASSCRED => Err(Errno::EOPNOTSUPP),
            SOL_SOCKET => {
                self.options.set(name, value)?;
                self.share();
                Ok(())
            }
            IPPROTO_IP | IPPROTO_IPV6 => self.ip.set(level, name, value, is_bound()),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}

/// # Errors
/// - `EOPNOTSUPP`: urgent data.
/// - `EINVAL`: descriptors, which travel within a local socket only.
pub(super) fn check_outgoing(message: &Outgoing<'_>) -> Result<()> {
    check_flags(message.flags)?;
    if message.rights.is_empty() {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

/// # Errors
/// - `EOPNOTSUPP`: urgent data.
pub(super) fn check_flags(flags: MsgFlags) -> Result<()> {
    if flags.contains(MsgFlags::MSG_OOB) {
        return Err(Errno::EOPNOTSUPP);
    }
    Ok(())
}
