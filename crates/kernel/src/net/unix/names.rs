//! Names of local sockets: where they are kept, and finding who has one.

use super::dgram::UnixDatagram;
use super::stream::UnixStream;
use crate::abi::fcntl::W_OK;
use crate::abi::socket::{SOCK_DGRAM, SOCK_STREAM, SocketAddress, UNIX_PATH_MAX, UnixAddress};
use crate::errno::{Errno, Result};
use crate::net::SocketCaller;
use crate::vfs::{LastLink, NewInodeKind, SocketNode, check_permission};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Weak};

/// Whose a name is. Once the socket is closed, its path leads nowhere, as on Linux.
#[derive(Clone)]
pub(super) enum Owner {
    Stream(Weak<UnixStream>),
    Datagram(Weak<UnixDatagram>),
}

/// An owner that is there.
pub(super) enum Found {
    Stream(Arc<UnixStream>),
    Datagram(Arc<UnixDatagram>),
}

impl Owner {
    /// Type of the socket.
    fn kind(&self) -> i32 {
        match self {
            Owner::Stream(_) => SOCK_STREAM,
            Owner::Datagram(_) => SOCK_DGRAM,
        }
    }

    fn upgrade(&self) -> Option<Found> {
        match self {
            Owner::Stream(socket) => socket.upgrade().map(Found::Stream),
            Owner::Datagram(socket) => socket.upgrade().map(Found::Datagram),
        }
    }
}

/// Names in the abstract namespace, one for each type of socket. A socket takes its own out when it is closed.
#[derive(Default)]
pub(crate) struct AbstractNames {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    owners: HashMap<(i32, Vec<u8>), Owner>,
    /// Number of the next name that the kernel chooses.
    next: u32,
}

/// Names that the kernel chooses have five hexadecimal digits.
const CHOSEN: u32 = 1 << 20;

impl AbstractNames {
    /// # Errors
    /// - `EADDRINUSE`: the name is taken.
    fn insert(&self, name: &[u8], owner: Owner) -> Result<()> {
        match self
            .table
            .lock()
            .owners
            .entry((owner.kind(), name.to_vec()))
        {
            Entry::Occupied(_) => Err(Errno::EADDRINUSE),
            Entry::Vacant(free) => {
                free.insert(owner);
                Ok(())
            }
        }
    }

    /// # Errors
    /// - `ENOSPC`: all are taken.
    fn insert_chosen(&self, owner: Owner) -> Result<Vec<u8>> {
        let mut table = self.table.lock();
        for _ in 0..CHOSEN {
            let name = format!("{:05x}", table.next).into_bytes();
            table.next = (table.next + 1) % CHOSEN;
            if let Entry::Vacant(free) = table.owners.entry((owner.kind(), name.clone())) {
                free.insert(owner);
                return Ok(name);
            }
        }
        Err(Errno::ENOSPC)
    }

    fn find(&self, kind: i32, name: &[u8]) -> Option<Owner> {
        let table = self.table.lock();
        table.owners.get(&(kind, name.to_vec())).cloned()
    }

    /// Frees the name of a socket that is closed.
    pub(super) fn remove(&self, kind: i32, address: UnixAddress) {
        if let UnixAddress::Abstract(name) = address {
            self.table.lock().owners.remove(&(kind, name));
        }
    }
}

/// The name of a socket, which its peers see too.
#[derive(Debug, Default)]
pub(super) struct Name(Mutex<UnixAddress>);

impl Name {
    /// A name that somebody else has as well: that of an accepted connection.
    pub fn copy_of(other: &Name) -> Name {
        Name(Mutex::new(other.get()))
    }

    pub fn get(&self) -> UnixAddress {
        self.0.lock().clone()
    }

    pub fn is_set(&self) -> bool {
        *self.0.lock() != UnixAddress::Unnamed
    }

    /// As an address that a caller sees, if there is one.
    pub fn address(&self) -> Option<SocketAddress> {
        Some(self.get())
            .filter(|name| *name != UnixAddress::Unnamed)
            .map(SocketAddress::Unix)
    }

    /// Binds a socket (`bind(2)`); without a name it gets one in the abstract namespace.
    ///
    /// # Errors
    /// As [`Socket::bind`](crate::net::Socket::bind); for paths also what making the inode fails with.
    pub fn bind(
        &self,
        caller: &SocketCaller<'_>,
        names: &AbstractNames,
        owner: Owner,
        address: &UnixAddress,
    ) -> Result<()> {
        match address {
            UnixAddress::Unnamed => self.bind_any(names, owner),
            UnixAddress::Path(path) => self.bind_path(caller, path, owner),
            UnixAddress::Abstract(name) => {
                check_abstract(name)?;
                let mut own = self.0.lock();
                check_unbound(&own)?;
                names.insert(name, owner)?;
                *own = address.clone();
                Ok(())
            }
        }
    }

    /// Gives a socket a name that the kernel chooses, unless it has one.
    ///
    /// # Errors
    /// - `ENOSPC`: all names are taken.
    pub fn bind_any(&self, names: &AbstractNames, owner: Owner) -> Result<()> {
        let mut own = self.0.lock();
        if *own == UnixAddress::Unnamed {
            *own = UnixAddress::Abstract(names.insert_chosen(owner)?);
        }
        Ok(())
    }

    fn bind_path(&self, caller: &SocketCaller<'_>, path: &[u8], owner: Owner) -> Result<()> {
        check_path(path)?;
        if self.is_set() {
            // Linux makes the path first, and takes it away again.
            return Err(match caller.at.find(path, LastLink::NoFollow) {
                Ok(_) => Errno::EADDRINUSE,
                Err(Errno::ENOENT) => Errno::EINVAL,
                Err(other) => other,
            });
        }
        let node: SocketNode = Arc::new(owner);
        let mode = 0o777 & !caller.umask;
        let made = caller
            .vfs
            .make(&caller.at, path, NewInodeKind::Socket(&node), mode);
        made.map_err(|errno| match errno {
            Errno::EEXIST => Errno::EADDRINUSE,
            other => other,
        })?;
        let mut own = self.0.lock();
        if let Err(errno) = check_unbound(&own) {
            // Another thread was faster.
            drop(own);
            caller.vfs.unlink(&caller.at, path)?;
            return Err(errno);
        }
        *own = UnixAddress::Path(path.to_vec());
        Ok(())
    }
}

fn check_unbound(own: &UnixAddress) -> Result<()> {
    match own {
        UnixAddress::Unnamed => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}

fn check_path(path: &[u8]) -> Result<()> {
    if path.is_empty() || path.len() >= UNIX_PATH_MAX || path.contains(&0) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// The NUL that begins it counts too.
fn check_abstract(name: &[u8]) -> Result<()> {
    if name.len() >= UNIX_PATH_MAX {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// The socket that has a name; an abstract name is one of sockets of type `kind`.
///
/// # Errors
/// - `EINVAL`: no name.
/// - `ENOENT`, `ENOTDIR`, `ELOOP`: there is no such path.
/// - `EACCES`: no write permission.
/// - `ECONNREFUSED`: nobody has the name.
pub(super) fn find(
    caller: &SocketCaller<'_>,
    names: &AbstractNames,
    kind: i32,
    address: &UnixAddress,
) -> Result<Found> {
    match address {
        UnixAddress::Unnamed => Err(Errno::EINVAL),
        UnixAddress::Abstract(name) => {
            check_abstract(name)?;
            let owner = names.find(kind, name).ok_or(Errno::ECONNREFUSED)?;
            owner.upgrade().ok_or(Errno::ECONNREFUSED)
        }
        UnixAddress::Path(path) => {
            check_path(path)?;
            let found = caller.at.find(path, LastLink::Follow)?;
            check_permission(&*found.inode, &caller.at.caller.credentials, W_OK)?;
            let node = found.inode.socket_node().ok_or(Errno::ECONNREFUSED)?;
            let owner = node.downcast_ref::<Owner>().and_then(Owner::upgrade);
            owner.ok_or(Errno::ECONNREFUSED)
        }
    }
}
