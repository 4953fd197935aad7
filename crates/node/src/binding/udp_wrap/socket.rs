//! The socket behind a `UDP` object (libuv's `uv_udp_t`).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use secure_exec_kernel::abi::inet::{IPPROTO_IPV6, IPV6_V6ONLY};
use secure_exec_kernel::abi::socket::{
    AF_INET6, OptionValue, SO_REUSEADDR, SO_REUSEPORT, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK,
    SOL_SOCKET,
};
use secure_exec_kernel::{Errno, Fd, Process, SocketAddress};

use super::send::Sent;
use super::socket_address::{self, Family};
use crate::env::Env;
use crate::event_loop::TaskKey;
use crate::js::handle::{Handle, HandleResource};

/// Bits of the flags of `bind`: an address of IPv6 takes nothing of IPv4.
const UV_UDP_IPV6ONLY: u32 = 1;
/// An address may be one that somebody else has.
const UV_UDP_REUSEADDR: u32 = 4;
/// Several receivers share the address.
const UV_UDP_REUSEPORT: u32 = 64;

/// A socket for datagrams, made when it gets an address.
#[derive(Default)]
pub struct UdpSocket {
    handle: RefCell<Option<Rc<Handle>>>,
    fd: Cell<Option<Fd>>,
    connected: Cell<bool>,
    /// It was bound to an address of IPv6, which decides the level of its options.
    inet6: Cell<bool>,
    pub(super) receiving: Cell<bool>,
    pub(super) receiver: Cell<Option<TaskKey>>,
    /// Datagrams that are out, and whose requests have not heard of it.
    pub(super) sent: RefCell<VecDeque<Sent>>,
}

impl UdpSocket {
    pub fn set_handle(&self, handle: Rc<Handle>) {
        *self.handle.borrow_mut() = Some(handle);
    }

    /// # Errors
    /// - `EBADF`: it has none.
    pub fn fd(&self) -> Result<Fd, Errno> {
        self.fd.get().ok_or(Errno::EBADF)
    }

    /// Whether it has a peer.
    pub fn is_connected(&self) -> bool {
        self.connected.get()
    }

    /// Whether its options are those of IPv6.
    pub fn is_inet6(&self) -> bool {
        self.inet6.get()
    }

    /// Notes whether there is something that it waits for.
    pub fn recount(&self, env: &Env) {
        if let Some(handle) = self.handle.borrow().as_ref() {
            let waits = self.receiving.get() || !self.sent.borrow().is_empty();
            handle.set_active(env, waits);
        }
    }

    /// Takes over a descriptor (`uv_udp_open`).
    ///
    /// # Errors
    /// - `EBUSY`: it has one.
    /// - `EBADF`, `ENOTSOCK`: that is no socket.
    pub fn open(&self, env: &Env, fd: Fd) -> Result<(), Errno> {
        if self.fd.get().is_some() {
            return Err(Errno::EBUSY);
        }
        let process = process(env)?;
        process.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, OptionValue::Int(1))?;
        self.fd.set(Some(fd));
        self.connected.set(process.getpeername(fd).is_ok());
        Ok(())
    }

    /// Gives it a name (`uv__udp_bind`).
    ///
    /// # Errors
    /// - `EINVAL`: other flags, or an address of another family than the socket's.
    /// - What `socket(2)`, `setsockopt(2)` and `bind(2)` fail with.
    pub fn bind(&self, env: &Env, address: &SocketAddress, flags: u32) -> Result<(), Errno> {
        let is_inet6 = address.family() == AF_INET6;
        if flags & !(UV_UDP_IPV6ONLY | UV_UDP_REUSEADDR | UV_UDP_REUSEPORT) != 0
            || flags & UV_UDP_IPV6ONLY != 0 && !is_inet6
        {
            return Err(Errno::EINVAL);
        }
        let process = process(env)?;
        let fd = match self.fd.get() {
            Some(fd) => fd,
            None => {
                let kind = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
                let fd = process.socket(address.family(), kind, 0)?;
                self.fd.set(Some(fd));
                fd
            }
        };
        for (flag, level, option) in [
            (UV_UDP_REUSEADDR, SOL_SOCKET, SO_REUSEADDR),
            (UV_UDP_REUSEPORT, SOL_SOCKET, SO_REUSEPORT),
            (UV_UDP_IPV6ONLY, IPPROTO_IPV6, IPV6_V6ONLY),
        ] {
            if flags & flag != 0 {
                process.setsockopt(fd, level, option, OptionValue::Int(1))?;
            }
        }
        process.bind(fd, address).map_err(|errno| match errno {
            Errno::EAFNOSUPPORT => Errno::EINVAL,
            other => other,
        })?;
        if is_inet6 {
            self.inet6.set(true);
        }
        Ok(())
    }

    /// Gives a socket that has no descriptor the wildcard of a family and a port that the machine chooses
    /// (`uv__udp_maybe_deferred_bind`).
    ///
    /// # Errors
    /// As [`UdpSocket::bind`].
    pub fn bind_any(&self, env: &Env, family: Family, options: Sharing) -> Result<(), Errno> {
        if self.fd.get().is_some() {
            return Ok(());
        }
        let any = match family {
            Family::Inet => socket_address::parse(family, "0.0.0.0", 0)?,
            Family::Inet6 => socket_address::parse(family, "::", 0)?,
        };
        let flags = match options {
            Sharing::Own => 0,
            Sharing::Shared => UV_UDP_REUSEADDR,
        };
        self.bind(env, &any, flags)
    }

    /// Sets whom it sends to and hears (`uv_udp_connect`).
    ///
    /// # Errors
    /// - `EISCONN`: it has a peer.
    /// - What `connect(2)` fails with.
    pub fn connect(&self, env: &Env, address: &SocketAddress) -> Result<(), Errno> {
        if self.connected.get() {
            return Err(Errno::EISCONN);
        }
        self.bind_any(env, family_of(address), Sharing::Own)?;
        process(env)?.connect(self.fd()?, address)?;
        self.connected.set(true);
        Ok(())
    }

    /// Takes its peer away.
    ///
    /// # Errors
    /// - `ENOTCONN`: it has none.
    pub fn disconnect(&self, env: &Env) -> Result<(), Errno> {
        if !self.connected.get() {
            return Err(Errno::ENOTCONN);
        }
        process(env)?.connect(self.fd()?, &SocketAddress::Unspecified)?;
        self.connected.set(false);
        Ok(())
    }
}

impl HandleResource for UdpSocket {
    fn close(&self, scope: &mut v8::PinScope<'_, '_>) {
        let env = Env::of(scope);
        self.stop_receiving(&env);
        if let (Some(fd), Some(process)) = (self.fd.take(), env.try_process()) {
            // It was the handle's own: nobody else could have closed it but the guest, by its number.
            let _closed = process.close(fd);
        }
    }

    fn closed(&self, scope: &mut v8::PinScope<'_, '_>) {
        self.tell_sent(scope);
    }

    fn abandoned(&self) {
        drop(self.sent.take());
    }

    fn close_descriptor(&self, process: &Process) {
        if let Some(fd) = self.fd.take() {
            let _closed = process.close(fd);
        }
    }
}

/// Whether a port that is not asked for may be shared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    Own,
    Shared,
}

/// Which family an address is of.
pub fn family_of(address: &SocketAddress) -> Family {
    if address.family() == AF_INET6 {
        Family::Inet6
    } else {
        Family::Inet
    }
}

/// # Errors
/// - `ESRCH`: there is no process any more.
pub fn process(env: &Env) -> Result<Arc<Process>, Errno> {
    env.try_process().ok_or(Errno::ESRCH)
}
