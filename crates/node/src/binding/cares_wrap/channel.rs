//! `ChannelWrap`: the servers of a resolver, and what is asked of them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use secure_exec_kernel::{Errno, Process};

use super::query::{self, Running};
use super::status::{DNS_ESETSRVPENDING, Failure, Status};
use super::udp::UdpConnection;
use super::{address, hosts};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind};
use crate::js::{async_wrap, convert, wrap};

/// Where servers listen.
const PORT: u16 = 53;

/// c-ares' timeout where none is given.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Longest time that one try gets by doubling.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Most servers of a channel.
const MOST_SERVERS: u32 = 1024;

/// A resolver.
pub struct Channel {
    env: Weak<Env>,
    timeout: Duration,
    tries: usize,
    longest: Option<Duration>,
    /// Those that were set; without, `/etc/resolv.conf` has them.
    given: RefCell<Option<Vec<SocketAddr>>>,
    /// How often each has failed since it last answered.
    failures: RefCell<HashMap<SocketAddr, usize>>,
    local4: Cell<Option<Ipv4Addr>>,
    local6: Cell<Option<Ipv6Addr>>,
    connections: RefCell<HashMap<SocketAddr, Weak<UdpConnection>>>,
    pub(super) running: RefCell<HashMap<u64, Running>>,
    next_number: Cell<u64>,
}

/// Declares the class.
pub fn define(definition: &mut Definition) {
    let class = definition
        .class("ChannelWrap", construct)
        .inherits("AsyncWrap")
        .method("getServers", get_servers)
        .method("setServers", set_servers)
        .method("setLocalAddress", set_local_address)
        .method("cancel", cancel);
    query::add_methods(class);
}

/// `new ChannelWrap(timeout, tries, maxTimeout)`
fn construct(scope: Scope, args: Args, _rv: Return) {
    let number = |index| {
        let value: v8::Local<v8::Value> = args.get(index);
        value
            .try_cast::<v8::Number>()
            .ok()
            .map(|number| number.value())
    };
    let (Some(timeout), Some(tries), Some(longest)) = (number(0), number(1), number(2)) else {
        exception::throw_invalid_argument(scope, "ChannelWrap takes three numbers");
        return;
    };
    if !args.is_construct_call() {
        exception::throw_invalid_argument(scope, "ChannelWrap cannot be called without `new`");
        return;
    }
    // Fractions and what is negative are out of the library's range.
    let milliseconds = |number: f64| {
        (number > 0.0).then(|| Duration::from_millis(convert::saturating_u64(number)))
    };
    let tries = usize::try_from(convert::saturating_u64(tries)).unwrap_or(usize::MAX);
    let channel = Channel {
        env: Rc::downgrade(&Env::of(scope)),
        timeout: milliseconds(timeout).unwrap_or(TIMEOUT),
        tries: tries.max(1),
        longest: milliseconds(longest),
        given: RefCell::default(),
        failures: RefCell::default(),
        local4: Cell::new(None),
        local6: Cell::new(None),
        connections: RefCell::default(),
        running: RefCell::default(),
        next_number: Cell::new(0),
    };
    async_wrap::wrap_async(scope, args.this(), "DNSCHANNEL", channel);
}

impl Channel {
    pub fn of(scope: &v8::PinScope<'_, '_>, args: &Args) -> Option<Rc<Channel>> {
        wrap::unwrap::<Channel>(scope, args.this().into())
    }

    pub fn process(&self) -> Option<Arc<Process>> {
        self.env.upgrade()?.try_process()
    }

    /// The servers that are asked.
    pub fn servers(&self) -> Vec<SocketAddr> {
        if let Some(given) = &*self.given.borrow() {
            return given.clone();
        }
        let own = self.process().map(|process| hosts::name_servers(&process));
        let with_port = |ip| SocketAddr::new(ip, PORT);
        own.unwrap_or_default().into_iter().map(with_port).collect()
    }

    /// How often each is asked.
    pub fn tries(&self) -> usize {
        self.tries
    }

    /// How long an answer may take, twice as long in each round, without the servers being asked all at the same time.
    pub fn timeout(&self, round: usize) -> Duration {
        let Ok(round @ 1..) = u32::try_from(round) else {
            return self.timeout;
        };
        let doubled = self.timeout.saturating_mul(2_u32.saturating_pow(round));
        let longest = doubled.min(self.longest.unwrap_or(LONGEST_TIMEOUT));
        let mut bytes = [0; 2];
        if let Some(kernel) = self.process().and_then(|process| process.kernel().ok()) {
            kernel.random().fill(&mut bytes);
        }
        let part = f64::from(u16::from_ne_bytes(bytes)) / f64::from(u16::MAX) / 2.0;
        longest.mul_f64(1.0 - part).max(self.timeout)
    }

    /// Which of several servers is asked: the one that failed least.
    pub fn best(&self, servers: &[SocketAddr]) -> Option<SocketAddr> {
        let failures = self.failures.borrow();
        let failed = |server: &&SocketAddr| failures.get(*server).copied().unwrap_or(0);
        servers.iter().min_by_key(failed).copied()
    }

    pub fn note_success(&self, server: SocketAddr) {
        self.failures.borrow_mut().remove(&server);
    }

    pub fn note_failure(&self, server: SocketAddr) {
        *self.failures.borrow_mut().entry(server).or_default() += 1;
    }

    /// What the guest is told: that nothing listens where no server was set is the same as that there is none.
    pub fn explain(&self, failure: Failure) -> Failure {
        let is_given = self.given.borrow().is_some();
        match failure {
            Failure::Status(Status::ECONNREFUSED) if !is_given => Failure::System(Errno::EACCES),
            other => other,
        }
    }

    /// The address that a server is asked from, if one was set.
    pub fn local(&self, server: SocketAddr) -> Option<IpAddr> {
        match server {
            SocketAddr::V4(_) => self.local4.get().map(IpAddr::V4),
            SocketAddr::V6(_) => self.local6.get().map(IpAddr::V6),
        }
    }

    /// The socket to a server.
    ///
    /// # Errors
    /// As `UdpConnection::open`.
    pub fn connection(&self, server: SocketAddr) -> Result<Rc<UdpConnection>, Errno> {
        let known = self
            .connections
            .borrow()
            .get(&server)
            .and_then(Weak::upgrade);
        if let Some(known) = known.filter(|known| known.is_usable()) {
            return Ok(known);
        }
        let env = self.env.upgrade().ok_or(Errno::ESRCH)?;
        let opened = UdpConnection::open(&env, server, self.local(server))?;
        let mut connections = self.connections.borrow_mut();
        connections.retain(|_, other| other.strong_count() > 0);
        connections.insert(server, Rc::downgrade(&opened));
        Ok(opened)
    }

    /// A number for a query.
    pub fn number(&self) -> u64 {
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        number
    }

    /// Sets the servers, each but once.
    fn set(&self, servers: Vec<SocketAddr>) {
        let mut given = Vec::new();
        for server in servers {
            if !given.contains(&server) {
                given.push(server);
            }
        }
        *self.given.borrow_mut() = Some(given);
        self.failures.borrow_mut().clear();
    }
}

/// `getServers()`: pairs of address and port.
fn get_servers(scope: Scope, args: Args, mut rv: Return) {
    let Some(channel) = Channel::of(scope, &args) else {
        return;
    };
    let servers: Vec<v8::Local<v8::Value>> = channel
        .servers()
        .iter()
        .map(|server| {
            let pair = [
                exception::string(scope, &server.ip().to_string()).into(),
                v8::Integer::new_from_unsigned(scope, server.port().into()).into(),
            ];
            v8::Array::new_with_elements(scope, &pair).into()
        })
        .collect();
    rv.set(v8::Array::new_with_elements(scope, &servers).into());
}

/// `setServers(list)` of family, address and port: 0, or a status.
fn set_servers(scope: Scope, args: Args, mut rv: Return) {
    let Some(channel) = Channel::of(scope, &args) else {
        return;
    };
    if !channel.running.borrow().is_empty() {
        return rv.set_int32(DNS_ESETSRVPENDING);
    }
    let Ok(list) = v8::Local::<v8::Array>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"servers\" argument must be an array");
        return;
    };
    if list.length() > MOST_SERVERS {
        return rv.set_int32(Status::ENOMEM.number());
    }
    let servers: Option<Vec<SocketAddr>> = (0..list.length())
        .map(|index| {
            let entry = list.get_index(scope, index)?;
            server(scope, entry)
        })
        .collect();
    match servers {
        Some(servers) => {
            channel.set(servers);
            rv.set_int32(0);
        }
        None => rv.set_int32(Status::EBADSTR.number()),
    }
}

fn server(scope: &mut v8::PinScope<'_, '_>, entry: v8::Local<'_, v8::Value>) -> Option<SocketAddr> {
    let entry = v8::Local::<v8::Array>::try_from(entry).ok()?;
    let (text, port) = (entry.get_index(scope, 1)?, entry.get_index(scope, 2)?);
    let text = convert::text(scope, text);
    let port = u16::try_from(port.int32_value(scope)?).ok()?;
    Some(SocketAddr::new(address(&text)?, port))
}

/// `setLocalAddress(one[, other])`, of different families.
fn set_local_address(scope: Scope, args: Args, _rv: Return) {
    let Some(channel) = Channel::of(scope, &args) else {
        return;
    };
    let one = convert::text(scope, args.get(0));
    let other = (!args.get(1).is_undefined()).then(|| convert::text(scope, args.get(1)));
    let refusal = match (address(&one), other.map(|text| address(&text))) {
        (None, _) | (_, Some(None)) => Some("Invalid IP address."),
        (Some(IpAddr::V4(_)), Some(Some(IpAddr::V4(_)))) => {
            Some("Cannot specify two IPv4 addresses.")
        }
        (Some(IpAddr::V6(_)), Some(Some(IpAddr::V6(_)))) => {
            Some("Cannot specify two IPv6 addresses.")
        }
        (Some(one), other) => {
            channel.set_local([Some(one), other.flatten()]);
            None
        }
    };
    if let Some(message) = refusal {
        exception::throw(
            scope,
            ErrorKind::TypeError,
            "ERR_INVALID_ARG_VALUE",
            message,
        );
    }
}

impl Channel {
    /// Sets the addresses that servers are asked from; the wildcard is none.
    fn set_local(&self, addresses: [Option<IpAddr>; 2]) {
        self.local4.set(None);
        self.local6.set(None);
        for ip in addresses
            .into_iter()
            .flatten()
            .filter(|ip| !ip.is_unspecified())
        {
            match ip {
                IpAddr::V4(ip) => self.local4.set(Some(ip)),
                IpAddr::V6(ip) => self.local6.set(Some(ip)),
            }
        }
    }
}

/// `cancel()`: all that is asked ends with `ECANCELLED`.
fn cancel(scope: Scope, args: Args, _rv: Return) {
    if let Some(channel) = Channel::of(scope, &args) {
        query::cancel_all(&Env::of(scope), &channel);
    }
}
