//! Groups: joining, leaving, and who hears what is sent to one (`ip(7)`, `ipv6(7)`).
//!
//! The machine has one interface, its loopback: by it all groups are joined, and nothing of them leaves the machine.

use super::loopback::Loopback;
use crate::abi::inet::{LOOPBACK_INDEX, Membership, SourceMembership};
use crate::errno::{Errno, Result};
use core::net::IpAddr;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Most groups of one socket (`net.ipv4.igmp_max_memberships`).
const MOST: usize = 20;

/// Most senders that one is joined for (`net.ipv4.igmp_max_msf`).
const MOST_SOURCES: usize = 10;

/// A group that a socket has joined.
struct Joined {
    group: IpAddr,
    /// Those who are heard, if not all are.
    only: Option<Vec<IpAddr>>,
}

/// How many have joined a group: for all senders, and for some.
#[derive(Debug, Default)]
pub(super) struct Members {
    all: usize,
    sources: HashMap<IpAddr, usize>,
}

/// The groups that a socket has joined; it leaves them when it is closed.
pub(super) struct Memberships {
    loopback: Arc<Loopback>,
    joined: Mutex<Vec<Joined>>,
}

impl Memberships {
    pub fn new(loopback: &Arc<Loopback>) -> Memberships {
        Memberships {
            loopback: loopback.clone(),
            joined: Mutex::default(),
        }
    }

    /// # Errors
    /// - `EINVAL`: no group.
    /// - `ENODEV`: no interface of the machine.
    /// - `EADDRINUSE`: it has joined already.
    /// - `ENOBUFS`: it has joined as many as it may.
    pub fn join(&self, membership: Membership) -> Result<()> {
        let group = group(membership)?;
        let mut joined = self.joined.lock();
        if joined.iter().any(|known| known.group == group) {
            return Err(Errno::EADDRINUSE);
        }
        if joined.len() >= MOST {
            return Err(Errno::ENOBUFS);
        }
        joined.push(Joined { group, only: None });
        self.loopback.count(group, None);
        Ok(())
    }

    /// # Errors
    /// - `EADDRNOTAVAIL`: it has not joined.
    /// - `EINVAL`, `ENODEV`: as for [`Memberships::join`].
    pub fn leave(&self, membership: Membership) -> Result<()> {
        let group = group(membership)?;
        let mut joined = self.joined.lock();
        let at = joined.iter().position(|known| known.group == group);
        let left = joined.remove(at.ok_or(Errno::EADDRNOTAVAIL)?);
        self.loopback.discount(&left);
        Ok(())
    }

    /// Hears one sender more, of a group that it joins by that if need be. One that was joined for all senders is then
    /// joined for this one only.
    ///
    /// # Errors
    /// - `EADDRNOTAVAIL`: it hears this one already.
    /// - `ENOBUFS`: it has joined as many groups, or this one for as many senders, as it may.
    /// - `EINVAL`, `ENODEV`: as for [`Memberships::join`].
    pub fn join_source(&self, membership: SourceMembership) -> Result<()> {
        let (group, source) = (group(membership.membership)?, membership.source);
        let mut joined = self.joined.lock();
        let full = joined.len() >= MOST;
        let Some(known) = joined.iter_mut().find(|known| known.group == group) else {
            if full {
                return Err(Errno::ENOBUFS);
            }
            joined.push(Joined {
                group,
                only: Some(vec![source]),
            });
            self.loopback.count(group, Some(source));
            return Ok(());
        };
        let sources = self.narrow(known);
        if sources.contains(&source) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        if sources.len() >= MOST_SOURCES {
            return Err(Errno::ENOBUFS);
        }
        sources.push(source);
        self.loopback.count(group, Some(source));
        Ok(())
    }

    /// Hears one sender no longer; with the last one it leaves the group.
    ///
    /// # Errors
    /// - `EINVAL`: no group, or one that it has not joined.
    /// - `EADDRNOTAVAIL`: it was not joined for this sender. One that was joined for all is then joined for none, as on
    ///   Linux.
    /// - `ENODEV`: as for [`Memberships::join`].
    pub fn leave_source(&self, membership: SourceMembership) -> Result<()> {
        let (group, source) = (group(membership.membership)?, membership.source);
        let mut joined = self.joined.lock();
        let at = joined.iter().position(|known| known.group == group);
        let at = at.ok_or(Errno::EINVAL)?;
        let sources = self.narrow(&mut joined[at]);
        let found = sources.iter().position(|known| *known == source);
        sources.remove(found.ok_or(Errno::EADDRNOTAVAIL)?);
        let is_last = sources.is_empty();
        self.loopback.discount(&Joined {
            group,
            only: Some(vec![source]),
        });
        if is_last {
            joined.remove(at);
        }
        Ok(())
    }

    /// The senders that a group is joined for, of one that was joined for all none.
    fn narrow<'a>(&self, joined: &'a mut Joined) -> &'a mut Vec<IpAddr> {
        if joined.only.is_none() {
            self.loopback.discount(joined);
        }
        joined.only.get_or_insert_default()
    }

    /// Whether what a sender sends to a group is heard; none where it has not joined.
    pub fn hear(&self, group: IpAddr, sender: IpAddr) -> Option<bool> {
        let joined = self.joined.lock();
        let known = joined.iter().find(|known| known.group == group)?;
        Some(
            known
                .only
                .as_ref()
                .is_none_or(|only| only.contains(&sender)),
        )
    }
}

impl Drop for Memberships {
    fn drop(&mut self) {
        for joined in self.joined.get_mut().drain(..) {
            self.loopback.discount(&joined);
        }
    }
}

impl Loopback {
    /// Counts who has joined a group, for all senders or for one.
    fn count(&self, group: IpAddr, source: Option<IpAddr>) {
        let mut groups = self.groups.lock();
        let members = groups.entry(group).or_default();
        match source {
            None => members.all += 1,
            Some(source) => *members.sources.entry(source).or_default() += 1,
        }
    }

    /// Takes back what was counted.
    fn discount(&self, joined: &Joined) {
        let mut groups = self.groups.lock();
        let Some(members) = groups.get_mut(&joined.group) else {
            return;
        };
        match &joined.only {
            None => members.all -= 1,
            Some(only) => {
                for source in only {
                    if let Some(count) = members.sources.get_mut(source) {
                        *count -= 1;
                    }
                }
                members.sources.retain(|_, count| *count > 0);
            }
        }
        if members.all == 0 && members.sources.is_empty() {
            groups.remove(&joined.group);
        }
    }

    /// Whether anybody hears what a sender sends to a group.
    pub(super) fn has_joined(&self, group: IpAddr, sender: IpAddr) -> bool {
        let groups = self.groups.lock();
        let members = groups.get(&group);
        members.is_some_and(|members| members.all > 0 || members.sources.contains_key(&sender))
    }
}

fn group(membership: Membership) -> Result<IpAddr> {
    let (group, index, is_own) = match membership {
        Membership::V4 {
            group,
            address,
            index,
        } => {
            let is_own = address.is_unspecified() || address.is_loopback();
            (IpAddr::V4(group), index, is_own || index != 0)
        }
        Membership::V6 { group, index } => (IpAddr::V6(group), index, true),
    };
    if !group.is_multicast() {
        return Err(Errno::EINVAL);
    }
    if !is_own || index != 0 && index != LOOPBACK_INDEX {
        return Err(Errno::ENODEV);
    }
    Ok(group)
}
