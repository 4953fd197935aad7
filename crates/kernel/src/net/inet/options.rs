//! Options of the levels of IP and IPv6 (`ip(7)`, `ipv6(7)`). What says how packets travel has no effect within the
//! machine and reads back.

use super::address::Version;
use crate::abi::inet::{
    IP_FREEBIND, IP_MTU_DISCOVER, IP_MULTICAST_ALL, IP_MULTICAST_IF, IP_MULTICAST_LOOP,
    IP_MULTICAST_TTL, IP_RECVERR, IP_TOS, IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPV6_MULTICAST_ALL,
    IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF, IPV6_MULTICAST_LOOP, IPV6_RECVERR, IPV6_TCLASS,
    IPV6_UNICAST_HOPS, IPV6_V6ONLY, LOOPBACK_INDEX,
};
use crate::abi::socket::OptionValue;
use crate::errno::{Errno, Result};
use core::net::Ipv4Addr;
use parking_lot::Mutex;

/// Hops of a packet that nobody set (`net.ipv4.ip_default_ttl`).
const HOPS: i32 = 64;

/// What was set on a socket of either family.
#[derive(Debug)]
pub(super) struct IpOptions {
    version: Version,
    is_stream: bool,
    settings: Mutex<Settings>,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    service: i32,
    hops: i32,
    path_discovery: i32,
    group_hops: i32,
    group_loop: bool,
    group_all: bool,
    group_interface: Ipv4Addr,
    v6: V6,
}

#[derive(Clone, Copy, Debug)]
struct V6 {
    class: i32,
    hops: i32,
    only: bool,
    group_hops: i32,
    group_loop: bool,
    group_all: bool,
    group_interface: i32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            service: 0,
            hops: HOPS,
            path_discovery: 1,
            group_hops: 1,
            group_loop: true,
            group_all: true,
            group_interface: Ipv4Addr::UNSPECIFIED,
            v6: V6 {
                class: 0,
                hops: HOPS,
                only: false,
                group_hops: 1,
                group_loop: true,
                group_all: true,
                group_interface: 0,
            },
        }
    }
}

impl IpOptions {
    pub fn new(version: Version, is_stream: bool) -> IpOptions {
        IpOptions {
            version,
            is_stream,
            settings: Mutex::default(),
        }
    }

    /// The same for an accepted connection.
    pub fn inherited(&self) -> IpOptions {
        IpOptions {
            settings: Mutex::new(*self.settings.lock()),
            ..*self
        }
    }

    /// Whether a socket of IPv6 takes no IPv4.
    pub fn v6_only(&self) -> bool {
        self.settings.lock().v6.only
    }

    /// Whether what it sends to a group comes back to the machine.
    pub fn group_loop(&self, version: Version) -> bool {
        let settings = self.settings.lock();
        match version {
            Version::V4 => settings.group_loop,
            Version::V6 => settings.v6.group_loop,
        }
    }

    /// Whether it hears groups that others have joined.
    pub fn group_all(&self, version: Version) -> bool {
        let settings = self.settings.lock();
        match version {
            Version::V4 => settings.group_all,
            Version::V6 => settings.v6.group_all,
        }
    }

    /// # Errors
    /// - `ENOPROTOOPT`: no such option.
    /// - `EOPNOTSUPP`: one of IPv6 on a socket of IPv4.
    pub fn get(&self, level: i32, name: i32) -> Result<OptionValue> {
        let settings = *self.settings.lock();
        let v6 = settings.v6;
        let number = match (level, name) {
            // As Linux has it, which refuses to set one with `ENOPROTOOPT`.
            (IPPROTO_IPV6, _) if self.version == Version::V4 => return Err(Errno::EOPNOTSUPP),
            (IPPROTO_IP, IP_TOS) => settings.service,
            (IPPROTO_IP, IP_TTL) => settings.hops,
            (IPPROTO_IP, IP_MTU_DISCOVER) => settings.path_discovery,
            // Both are off, and cannot be switched on.
            (IPPROTO_IP, IP_RECVERR | IP_FREEBIND) | (IPPROTO_IPV6, IPV6_RECVERR) => 0,
            (IPPROTO_IP, IP_MULTICAST_TTL) => settings.group_hops,
            (IPPROTO_IP, IP_MULTICAST_LOOP) => i32::from(settings.group_loop),
            (IPPROTO_IP, IP_MULTICAST_ALL) => i32::from(settings.group_all),
            (IPPROTO_IP, IP_MULTICAST_IF) => {
                return Ok(OptionValue::Address(settings.group_interface));
            }
            (IPPROTO_IPV6, IPV6_V6ONLY) => i32::from(v6.only),
            (IPPROTO_IPV6, IPV6_TCLASS) => v6.class,
            (IPPROTO_IPV6, IPV6_UNICAST_HOPS) => v6.hops,
            (IPPROTO_IPV6, IPV6_MULTICAST_HOPS) => v6.group_hops,
            (IPPROTO_IPV6, IPV6_MULTICAST_LOOP) => i32::from(v6.group_loop),
            (IPPROTO_IPV6, IPV6_MULTICAST_ALL) => i32::from(v6.group_all),
            (IPPROTO_IPV6, IPV6_MULTICAST_IF) => v6.group_interface,
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(OptionValue::Int(number))
    }

    /// # Errors
    /// - `ENOPROTOOPT`: no such level, or no such option, or one of groups on a stream.
    /// - `EINVAL`: a value out of range, or `IPV6_V6ONLY` of a socket that has a port.
    /// - `EADDRNOTAVAIL`, `ENODEV`: no interface is meant.
    pub fn set(&self, level: i32, name: i32, value: OptionValue, is_bound: bool) -> Result<()> {
        if level == IPPROTO_IPV6 && self.version == Version::V4 {
            return Err(Errno::ENOPROTOOPT);
        }
        let mut settings = self.settings.lock();
        if let (IPPROTO_IP, IP_MULTICAST_IF, OptionValue::Address(address)) = (level, name, value) {
            if self.is_stream {
                return Err(Errno::EINVAL);
            }
            if !address.is_unspecified() && !address.is_loopback() {
                return Err(Errno::EADDRNOTAVAIL);
            }
            settings.group_interface = address;
            return Ok(());
        }
        let number = value.int().ok_or(Errno::EINVAL)?;
        match level {
            IPPROTO_IP => settings.set(name, number, self.is_stream),
            IPPROTO_IPV6 => settings.v6.set(name, number, (self.is_stream, is_bound)),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}

/// A number within bounds.
fn within(number: i32, least: i32, most: i32) -> Result<i32> {
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(Errno::EINVAL)
    }
}

/// Minus one stands for what is there without being set.
fn or_default(number: i32, default: i32) -> i32 {
    if number == -1 { default } else { number }
}

impl Settings {
    fn set(&mut self, name: i32, number: i32, is_stream: bool) -> Result<()> {
        match name {
            // The lowest two bits are the connection's own.
            IP_TOS if is_stream => self.service = number & 0xfc | self.service & 3,
            IP_TOS => self.service = number & 0xff,
            IP_TTL => self.hops = within(or_default(number, HOPS), 1, 255)?,
            IP_MTU_DISCOVER => self.path_discovery = within(number, 0, 5)?,
            IP_RECVERR | IP_FREEBIND if number == 0 => {}
            IP_MULTICAST_TTL if is_stream => return Err(Errno::EINVAL),
            IP_MULTICAST_TTL => self.group_hops = within(or_default(number, 1), 0, 255)?,
            IP_MULTICAST_LOOP => self.group_loop = number != 0,
            IP_MULTICAST_ALL => self.group_all = within(number, 0, 1)? != 0,
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }
}

impl V6 {
    fn set(&mut self, name: i32, number: i32, (is_stream, is_bound): (bool, bool)) -> Result<()> {
        match name {
            IPV6_V6ONLY if is_bound => return Err(Errno::EINVAL),
            IPV6_V6ONLY => self.only = number != 0,
            IPV6_TCLASS => self.class = or_default(within(number, -1, 255)?, 0),
            IPV6_UNICAST_HOPS => self.hops = or_default(within(number, -1, 255)?, HOPS),
            IPV6_RECVERR if number == 0 => {}
            IPV6_MULTICAST_HOPS | IPV6_MULTICAST_IF if is_stream => {
                return Err(Errno::ENOPROTOOPT);
            }
            IPV6_MULTICAST_HOPS => self.group_hops = or_default(within(number, -1, 255)?, 1),
            IPV6_MULTICAST_IF => match number {
                0 | LOOPBACK_INDEX => self.group_interface = number,
                _ => return Err(Errno::ENODEV),
            },
            IPV6_MULTICAST_LOOP => self.group_loop = within(number, 0, 1)? != 0,
            IPV6_MULTICAST_ALL => self.group_all = within(number, 0, 1)? != 0,
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }
}
