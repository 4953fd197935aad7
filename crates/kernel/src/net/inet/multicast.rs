//! Groups: joining, leaving, and who hears what is sent to one (`ip(7)`, `ipv6(7)`).
//!
//! The machine has one interface, its loopback: by it all groups are joined, and nothing of them leaves the machine.

use super::loopback::Loopback;
use crate::abi::inet::{LOOPBACK_INDEX, Membership};
use crate::errno::{Errno, Result};
use core::net::IpAddr;
use parking_lot::Mutex;
use std::sync::Arc;

/// Most groups of one socket (`net.ipv4.igmp_max_memberships`).
const MOST: usize = 20;

/// The groups that a socket has joined; it leaves them when it is closed.
pub(super) struct Memberships {
    loopback: Arc<Loopback>,
    joined: Mutex<Vec<IpAddr>>,
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
        if joined.contains(&group) {
            return Err(Errno::EADDRINUSE);
        }
        if joined.len() >= MOST {
            return Err(Errno::ENOBUFS);
        }
        joined.push(group);
        *self.loopback.groups.lock().entry(group).or_default() += 1;
        Ok(())
    }

    /// # Errors
    /// - `EADDRNOTAVAIL`: it has not joined.
    /// - `EINVAL`, `ENODEV`: as for [`Memberships::join`].
    pub fn leave(&self, membership: Membership) -> Result<()> {
        let group = group(membership)?;
        let mut joined = self.joined.lock();
        let at = joined.iter().position(|known| *known == group);
        joined.remove(at.ok_or(Errno::EADDRNOTAVAIL)?);
        self.loopback.leave(group);
        Ok(())
    }

    pub fn has(&self, group: IpAddr) -> bool {
        self.joined.lock().contains(&group)
    }
}

impl Drop for Memberships {
    fn drop(&mut self) {
        for group in self.joined.get_mut().drain(..) {
            self.loopback.leave(group);
        }
    }
}

impl Loopback {
    fn leave(&self, group: IpAddr) {
        let mut groups = self.groups.lock();
        if let Some(count) = groups.get_mut(&group) {
            *count -= 1;
            if *count == 0 {
                groups.remove(&group);
            }
        }
    }

    /// Whether anybody has joined a group.
    pub(super) fn has_joined(&self, group: IpAddr) -> bool {
        self.groups.lock().contains_key(&group)
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
