//! Ports: who has one, who may share it, and which one a socket gets that asks for none.

use super::address::Cover;
use crate::errno::{Errno, Result};
use crate::random::RandomSource;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicU8, Ordering};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Ports that the machine gives by itself, from the first on (`net.ipv4.ip_local_port_range`).
const EPHEMERAL: u16 = 32_768;
/// How many they are: up to 60999.
const EPHEMERAL_COUNT: u16 = 28_232;

/// What decides whether a port is shared; of one socket, for as long as its names last.
#[derive(Debug, Default)]
pub(super) struct Sharing(AtomicU8);

impl Sharing {
    pub const REUSE_ADDRESS: u8 = 1;
    pub const REUSE_PORT: u8 = 2;
    pub const LISTENS: u8 = 4;

    pub fn set(&self, bit: u8, on: bool) {
        if on {
            self.0.fetch_or(bit, Ordering::AcqRel);
        } else {
            self.0.fetch_and(!bit, Ordering::AcqRel);
        }
    }

    pub fn has(&self, bit: u8) -> bool {
        self.0.load(Ordering::Acquire) & bit != 0
    }

    /// For a connection of a listener's: as the listener shares, but it does not listen.
    pub fn of_accepted(&self) -> Sharing {
        Sharing(AtomicU8::new(
            self.0.load(Ordering::Acquire) & !Sharing::LISTENS,
        ))
    }
}

/// Who shares with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Two with `SO_REUSEADDR` share unless one listens.
    Tcp,
    /// Two with `SO_REUSEADDR` share.
    Udp,
}

/// What a socket asks for.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub cover: Cover,
    pub sharing: Arc<Sharing>,
    /// Sockets of different users never share a port by `SO_REUSEPORT`.
    pub uid: u32,
}

#[derive(Debug)]
pub(super) struct Entry<T> {
    pub claim: Claim,
    /// Whom it is connected to.
    pub remote: Option<SocketAddr>,
    /// The port was given by the machine, for a connection: others to elsewhere may have it too.
    by_connect: bool,
    /// When the address and the peer were given or changed, in the order of all names.
    addressed: u64,
    connected: u64,
    pub owner: T,
}

impl<T> Entry<T> {
    fn rank(&self) -> u64 {
        self.remote.map_or(self.addressed, |_| self.connected)
    }
}

/// All ports of one protocol; in a port by age.
#[derive(Debug)]
pub(super) struct PortTable<T> {
    rule: Rule,
    ports: HashMap<u16, BTreeMap<u64, Entry<T>>>,
    next: u64,
}

impl<T> PortTable<T> {
    pub fn new(rule: Rule) -> PortTable<T> {
        PortTable {
            rule,
            ports: HashMap::new(),
            next: 0,
        }
    }

    /// Those who have a port, first the one whose address (if it is connected: whose peer) was given or changed last.
    pub fn at(&self, port: u16) -> Vec<&Entry<T>> {
        let bucket = self.ports.get(&port).into_iter();
        let mut entries: Vec<&Entry<T>> = bucket.flat_map(BTreeMap::values).collect();
        entries.sort_by_key(|entry| core::cmp::Reverse(entry.rank()));
        entries
    }

    fn entry_mut(&mut self, port: u16, id: u64) -> Option<&mut Entry<T>> {
        self.ports.get_mut(&port)?.get_mut(&id)
    }

    /// Names in use.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.ports.values().map(BTreeMap::len).sum()
    }

    fn conflict(&self, held: &Claim, new: &Claim, is_chosen: bool) -> bool {
        if !held.cover.overlaps(&new.cover) {
            return false;
        }
        let both = |bit| held.sharing.has(bit) && new.sharing.has(bit);
        let listens = self.rule == Rule::Tcp && held.sharing.has(Sharing::LISTENS);
        // A port that the machine chooses for a stream is shared with nobody.
        let may_share = self.rule == Rule::Udp || !is_chosen;
        let by_address = both(Sharing::REUSE_ADDRESS) && !listens;
        let by_port = both(Sharing::REUSE_PORT) && held.uid == new.uid;
        !(may_share && (by_address || by_port))
    }

    fn is_free(&self, port: u16, claim: &Claim, except: Option<u64>, is_chosen: bool) -> bool {
        let Some(bucket) = self.ports.get(&port) else {
            return true;
        };
        !bucket
            .iter()
            .any(|(id, held)| Some(*id) != except && self.conflict(&held.claim, claim, is_chosen))
    }

    /// Whether who has a port may still have it, for instance once it listens.
    ///
    /// # Errors
    /// - `EADDRINUSE`: not beside somebody else.
    pub fn check(&self, port: u16, id: u64) -> Result<()> {
        let entry = self.ports.get(&port).and_then(|bucket| bucket.get(&id));
        let claim = &entry.ok_or(Errno::EINVAL)?.claim;
        if self.is_free(port, claim, Some(id), false) {
            Ok(())
        } else {
            Err(Errno::EADDRINUSE)
        }
    }

    /// Gives a port.
    ///
    /// # Errors
    /// - `EADDRINUSE`: somebody has it who does not share it.
    pub fn take(&mut self, port: u16, claim: Claim, owner: T) -> Result<u64> {
        if !self.is_free(port, &claim, None, false) {
            return Err(Errno::EADDRINUSE);
        }
        Ok(self.insert(port, claim, None, owner))
    }

    /// Gives one that the machine chooses.
    ///
    /// # Errors
    /// - `EADDRINUSE`: none is left.
    pub fn take_any(
        &mut self,
        claim: Claim,
        owner: T,
        random: &dyn RandomSource,
    ) -> Result<(u16, u64)> {
        let port = ephemeral(random).find(|port| self.is_free(*port, &claim, None, true));
        let port = port.ok_or(Errno::EADDRINUSE)?;
        Ok((port, self.insert(port, claim, None, owner)))
    }

    /// Gives one for a connection; `is_new` tells whether there is no connection of the same two names.
    ///
    /// # Errors
    /// - `EADDRNOTAVAIL`: none is left.
    pub fn take_for_connection(
        &mut self,
        claim: Claim,
        remote: SocketAddr,
        owner: T,
        random: &dyn RandomSource,
        is_new: impl Fn(u16) -> bool,
    ) -> Result<(u16, u64)> {
        let is_free = |port: &u16| {
            let others = self.ports.get(port).into_iter().flat_map(BTreeMap::values);
            others.clone().all(|entry| entry.by_connect) && is_new(*port)
        };
        let port = ephemeral(random)
            .find(is_free)
            .ok_or(Errno::EADDRNOTAVAIL)?;
        let id = self.insert(port, claim, Some(remote), owner);
        if let Some(entry) = self.entry_mut(port, id) {
            entry.by_connect = true;
        }
        Ok((port, id))
    }

    /// Adds a name that is shared whatever the others are: that of an accepted connection.
    pub fn insert(&mut self, port: u16, claim: Claim, remote: Option<SocketAddr>, owner: T) -> u64 {
        let id = self.next;
        self.next += 1;
        let entry = Entry {
            claim,
            remote,
            by_connect: false,
            addressed: id,
            connected: id,
            owner,
        };
        self.ports.entry(port).or_default().insert(id, entry);
        id
    }

    fn remove(&mut self, port: u16, id: u64) -> Option<Entry<T>> {
        let bucket = self.ports.get_mut(&port)?;
        let removed = bucket.remove(&id);
        if bucket.is_empty() {
            self.ports.remove(&port);
        }
        removed
    }
}

/// Every port that the machine gives, in an order that nobody foresees.
fn ephemeral(random: &dyn RandomSource) -> impl Iterator<Item = u16> {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    let [start, step] = [0, 4].map(|at| {
        let word = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        u32::from_le_bytes(word) % u32::from(EPHEMERAL_COUNT)
    });
    // The count is 2^3 · 3529: whatever is odd and no multiple of 3529 reaches every port.
    let step = if (step | 1).is_multiple_of(3529) {
        1
    } else {
        step | 1
    };
    let count = u32::from(EPHEMERAL_COUNT);
    (0..count).map(move |index| {
        let at = u64::from(start) + u64::from(index) * u64::from(step);
        EPHEMERAL + u16::try_from(at % u64::from(count)).unwrap_or(0)
    })
}

/// A port that somebody has; dropping it gives it back.
///
/// # Locking
/// The table is locked to give it back: no binding is dropped under the table's lock or one below it.
pub(super) struct Binding<T> {
    table: Arc<Mutex<PortTable<T>>>,
    pub port: u16,
    pub id: u64,
}

impl<T> Binding<T> {
    pub fn new(table: &Arc<Mutex<PortTable<T>>>, (port, id): (u16, u64)) -> Binding<T> {
        Binding {
            table: table.clone(),
            port,
            id,
        }
    }

    /// The socket has connected from an address to another.
    pub fn connect(&self, local: SocketAddr, remote: SocketAddr) {
        let change = |cover: Cover| cover.connected(local.ip());
        self.change(change, Some(remote));
    }

    /// The socket has no peer any more.
    pub fn disconnect(&self, cover: Cover) {
        self.change(|_| cover, None);
    }

    fn change(&self, cover: impl FnOnce(Cover) -> Cover, remote: Option<SocketAddr>) {
        let mut table = self.table.lock();
        let now = table.next;
        table.next += 1;
        if let Some(entry) = table.entry_mut(self.port, self.id) {
            let cover = cover(entry.claim.cover);
            if entry.claim.cover != cover {
                entry.addressed = now;
            }
            if entry.remote != remote {
                entry.connected = now;
            }
            entry.claim.cover = cover;
            entry.remote = remote;
        }
    }

    /// # Errors
    /// As [`PortTable::check`].
    pub fn check(&self) -> Result<()> {
        self.table.lock().check(self.port, self.id)
    }
}

impl<T> Drop for Binding<T> {
    fn drop(&mut self) {
        let removed = self.table.lock().remove(self.port, self.id);
        // What the entry owns goes without the lock.
        drop(removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::inet::address::Version;
    use crate::random::SeededRandom;
    use std::collections::HashSet;

    fn claim(bits: u8) -> Claim {
        let sharing = Sharing::default();
        sharing.set(bits, true);
        Claim {
            cover: Cover::new(Version::V4, Version::V4.wildcard(), false),
            sharing: Arc::new(sharing),
            uid: 1000,
        }
    }

    #[test]
    fn every_ephemeral_port_comes_once_and_in_no_order() {
        let random = SeededRandom::new(7);
        let ports: Vec<u16> = ephemeral(&random).collect();
        let distinct: HashSet<u16> = ports.iter().copied().collect();
        assert_eq!(distinct.len(), usize::from(EPHEMERAL_COUNT));
        assert_eq!(distinct.iter().min(), Some(&32_768));
        assert_eq!(distinct.iter().max(), Some(&60_999));
        assert!(!ports.is_sorted());
    }

    #[test]
    fn streams_share_an_address_unless_one_listens() {
        let mut table = PortTable::new(Rule::Tcp);
        let first = table.take(80, claim(Sharing::REUSE_ADDRESS), ()).unwrap();
        table.take(80, claim(Sharing::REUSE_ADDRESS), ()).unwrap();
        assert_eq!(table.take(80, claim(0), ()), Err(Errno::EADDRINUSE));
        let held = table.entry_mut(80, first).unwrap().claim.sharing.clone();
        held.set(Sharing::LISTENS, true);
        let again = claim(Sharing::REUSE_ADDRESS);
        assert_eq!(table.take(80, again, ()), Err(Errno::EADDRINUSE));
    }

    #[test]
    fn ports_are_shared_by_one_user_only() {
        let mut table = PortTable::new(Rule::Udp);
        table.take(53, claim(Sharing::REUSE_PORT), ()).unwrap();
        table.take(53, claim(Sharing::REUSE_PORT), ()).unwrap();
        let mut other = claim(Sharing::REUSE_PORT);
        other.uid = 0;
        assert_eq!(table.take(53, other, ()), Err(Errno::EADDRINUSE));
    }

    #[test]
    fn a_port_that_is_given_back_is_free() {
        let table = Arc::new(Mutex::new(PortTable::new(Rule::Tcp)));
        let id = table.lock().take(80, claim(0), ()).unwrap();
        drop(Binding::new(&table, (80, id)));
        assert_eq!(table.lock().len(), 0);
    }

    #[test]
    fn when_all_ports_are_taken_there_is_none() {
        let mut table = PortTable::new(Rule::Tcp);
        let random = SeededRandom::new(0);
        for _ in 0..EPHEMERAL_COUNT {
            table.take_any(claim(0), (), &random).unwrap();
        }
        let more = table.take_any(claim(0), (), &random);
        assert_eq!(more, Err(Errno::EADDRINUSE));
    }
}
