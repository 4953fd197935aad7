//! The machine's own network: ports, listeners, connections and groups of its loopback.

use super::address::{Place, shown};
use super::multicast::Members;
use super::port::{Binding, PortTable, Rule};
use super::tcp::Listener;
use super::udp::UdpSocket;
use crate::errno::{Errno, Result};
use crate::net::external::{Network, Transport};
use crate::net::listeners::{ListenerBell, ListenerInfo};
use crate::net::outbound::OutboundPorts;
use crate::random::RandomSource;
use core::net::{IpAddr, SocketAddr};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

pub(super) type TcpBinding = Binding<()>;
pub(super) type UdpBinding = Binding<Weak<UdpSocket>>;

/// Everything that has a name in the machine's network.
///
/// # Locking
/// Ports come before connections and listeners; a socket's state comes before both, a listener's queue and a
/// connection's halves after them, and none of those is ever locked under one of these.
pub(crate) struct Loopback {
    pub(super) tcp: Arc<Mutex<PortTable<()>>>,
    pub(super) udp: Arc<Mutex<PortTable<Weak<UdpSocket>>>>,
    names: Mutex<Names>,
    /// How many sockets have joined each group.
    pub(super) groups: Mutex<HashMap<IpAddr, Members>>,
    pub(super) random: Arc<dyn RandomSource>,
    network: Arc<dyn Network>,
    bell: Arc<ListenerBell>,
    /// Ports that lead out of the machine where nobody listens.
    pub(in crate::net) outbound: OutboundPorts,
}

#[derive(Default)]
struct Names {
    listeners: HashMap<u16, Vec<Arc<Listener>>>,
    /// Local and remote name of every connection's half that has not ended.
    halves: HashSet<(SocketAddr, SocketAddr)>,
}

impl Loopback {
    pub fn new(
        random: Arc<dyn RandomSource>,
        network: Arc<dyn Network>,
        bell: Arc<ListenerBell>,
        outbound_ports: &[u16],
    ) -> Loopback {
        Loopback {
            tcp: Arc::new(Mutex::new(PortTable::new(Rule::Tcp))),
            udp: Arc::new(Mutex::new(PortTable::new(Rule::Udp))),
            names: Mutex::default(),
            groups: Mutex::default(),
            random,
            network,
            bell,
            outbound: OutboundPorts::new(outbound_ports),
        }
    }

    /// Whether a destination is the machine's own, as a group or a broadcast may be.
    ///
    /// # Errors
    /// What the network answers for those beyond the machine (`EACCES`).
    pub(super) fn check_reachable(&self, to: SocketAddr, transport: Transport) -> Result<Place> {
        match Place::of(to.ip()) {
            Place::Foreign => Err(self.network.refusal(to, transport)),
            place => Ok(place),
        }
    }

    /// All that listen, by port.
    pub fn listeners(&self) -> Vec<ListenerInfo> {
        let names = self.names.lock();
        let mut found: Vec<(u16, ListenerInfo)> = Vec::new();
        for (port, listening) in &names.listeners {
            found.extend(listening.iter().map(|one| (*port, one.info())));
        }
        drop(names);
        found.sort_by_key(|(port, info)| (*port, info.pid));
        found.into_iter().map(|(_, info)| info).collect()
    }

    /// Tells those who wait that a listener has come or gone; the caller holds no lock.
    pub(super) fn listeners_changed(&self) {
        self.bell.ring();
    }

    pub(super) fn add_listener(&self, port: u16, listener: &Arc<Listener>) {
        let mut names = self.names.lock();
        let known = names.listeners.entry(port).or_default();
        known.push(listener.clone());
    }

    pub(super) fn remove_listener(&self, port: u16, listener: &Arc<Listener>) {
        let mut names = self.names.lock();
        if let Some(known) = names.listeners.get_mut(&port) {
            known.retain(|one| !Arc::ptr_eq(one, listener));
            if known.is_empty() {
                names.listeners.remove(&port);
            }
        }
    }

    /// Who listens at an address. Of several that share it, the port that asks decides, which is chosen at random.
    pub(super) fn listener(&self, to: SocketAddr, from: SocketAddr) -> Option<Arc<Listener>> {
        let names = self.names.lock();
        let listening = names.listeners.get(&to.port())?;
        let fits = |one: &Arc<Listener>| one.cover.fits(to.ip());
        let best = listening.iter().filter_map(fits).max()?;
        let group: Vec<&Arc<Listener>> = listening
            .iter()
            .filter(|one| fits(one) == Some(best))
            .collect();
        let chosen = group.get(usize::from(from.port()) % group.len())?;
        Some(Arc::clone(chosen))
    }

    /// Whether no half of a connection has these two names.
    pub(super) fn is_new(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        !self.names.lock().halves.contains(&(local, remote))
    }

    /// Takes the two names of a half.
    ///
    /// # Errors
    /// - `EADDRNOTAVAIL`: another one has them.
    pub(super) fn half(
        self: &Arc<Self>,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<HalfName> {
        if !self.names.lock().halves.insert((local, remote)) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        Ok(HalfName {
            loopback: self.clone(),
            local,
            remote,
        })
    }
}

/// The names of a connection's half, given back when it is dropped.
pub(super) struct HalfName {
    loopback: Arc<Loopback>,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

impl Drop for HalfName {
    fn drop(&mut self) {
        let mut names = self.loopback.names.lock();
        names.halves.remove(&(self.local, self.remote));
    }
}

impl Listener {
    fn info(&self) -> ListenerInfo {
        ListenerInfo {
            address: shown(self.version, self.local),
            pid: self.pid,
            is_awaited: self.is_awaited(),
        }
    }
}
