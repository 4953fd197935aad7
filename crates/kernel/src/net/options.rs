//! Options that sockets of all families have (`socket(7)`).

use crate::abi::inet::IPPROTO_TCP;
use crate::abi::socket::{
    OptionValue, SO_BROADCAST, SO_DEBUG, SO_DOMAIN, SO_DONTROUTE, SO_KEEPALIVE, SO_LINGER,
    SO_OOBINLINE, SO_PASSCRED, SO_PRIORITY, SO_PROTOCOL, SO_RCVBUF, SO_RCVLOWAT, SO_RCVTIMEO,
    SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SO_SNDLOWAT, SO_SNDTIMEO, SO_TYPE, Timeval,
};
use crate::errno::{Errno, Result};
use crate::vfs::{TimeLimits, WaitSide};
use core::time::Duration;
use parking_lot::Mutex;

/// Size of a buffer that nobody set, and the largest that can be asked for (`net.core.wmem_default`, `wmem_max`).
const BUFFER: i32 = 212_992;
/// Smallest buffer for sending, as 64-bit Linux has it.
const SMALLEST_SEND: i32 = 4608;
/// Smallest buffer for receiving.
const SMALLEST_RECEIVE: i32 = 2304;
/// Highest priority without privileges.
const MOST_PRIORITY: i32 = 6;

/// Options that are on or off.
const SWITCHES: [i32; 8] = [
    SO_DEBUG,
    SO_REUSEADDR,
    SO_DONTROUTE,
    SO_BROADCAST,
    SO_KEEPALIVE,
    SO_OOBINLINE,
    SO_REUSEPORT,
    SO_PASSCRED,
];

/// Sizes of both buffers of a socket of TCP that nobody set (`net.ipv4.tcp_wmem`, `tcp_rmem`).
const TCP_BUFFERS: (i32, i32) = (16_384, 131_072);

/// What was set on a socket. Options of the network have no effect within the machine and read back.
#[derive(Debug)]
pub(super) struct SocketOptions {
    domain: i32,
    kind: i32,
    protocol: i32,
    settings: Mutex<Settings>,
    time_limits: TimeLimits,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    /// Bits by the numbers of [`SWITCHES`].
    switches: u32,
    send_buffer: i32,
    receive_buffer: i32,
    priority: i32,
    linger: Option<i32>,
}

impl SocketOptions {
    pub fn new(domain: i32, kind: i32, protocol: i32) -> SocketOptions {
        let (send_buffer, receive_buffer) = match protocol {
            IPPROTO_TCP => TCP_BUFFERS,
            _ => (BUFFER, BUFFER),
        };
        SocketOptions {
            domain,
            kind,
            protocol,
            settings: Mutex::new(Settings {
                switches: 0,
                send_buffer,
                receive_buffer,
                priority: 0,
                linger: None,
            }),
            time_limits: TimeLimits::default(),
        }
    }

    /// The same for a socket that comes of this one, as an accepted connection does of its listener.
    pub fn inherited(&self) -> SocketOptions {
        SocketOptions {
            settings: Mutex::new(*self.settings.lock()),
            time_limits: self.time_limits.inherited(),
            ..*self
        }
    }

    /// How long calls wait.
    pub fn time_limits(&self) -> &TimeLimits {
        &self.time_limits
    }

    /// Whether an option is on.
    pub fn is_on(&self, name: i32) -> bool {
        self.settings.lock().switches & bit(name) != 0
    }

    /// Size of the buffer for receiving, in bytes.
    pub fn receive_buffer(&self) -> usize {
        usize::try_from(self.settings.lock().receive_buffer).unwrap_or(0)
    }

    /// Seconds that a close waits for what was written, if it does.
    pub fn linger(&self) -> Option<i32> {
        self.settings.lock().linger
    }

    /// Size of the buffer for sending, in bytes.
    pub fn send_buffer(&self) -> usize {
        usize::try_from(self.settings.lock().send_buffer).unwrap_or(0)
    }

    /// Whether messages bring the credentials of their sender.
    pub fn pass_credentials(&self) -> bool {
        self.is_on(SO_PASSCRED)
    }

    /// Value of an option of level `SOL_SOCKET` that does not depend on the family.
    ///
    /// # Errors
    /// - `ENOPROTOOPT`: no such option.
    pub fn get(&self, name: i32) -> Result<OptionValue> {
        let settings = *self.settings.lock();
        let number = match name {
            SO_TYPE => self.kind,
            SO_DOMAIN => self.domain,
            SO_PROTOCOL => self.protocol,
            SO_SNDBUF => settings.send_buffer,
            SO_RCVBUF => settings.receive_buffer,
            SO_PRIORITY => settings.priority,
            SO_RCVLOWAT | SO_SNDLOWAT => 1,
            SO_LINGER => return Ok(OptionValue::Linger(settings.linger)),
            SO_RCVTIMEO | SO_SNDTIMEO => {
                let time = self.time_limits.get(side(name));
                return Ok(OptionValue::Time(timeval(time)));
            }
            _ if SWITCHES.contains(&name) => i32::from(settings.switches & bit(name) != 0),
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(OptionValue::Int(number))
    }

    /// Sets one of them.
    ///
    /// # Errors
    /// - `EINVAL`: a value of the wrong type.
    /// - `ENOPROTOOPT`: no such option, or one that cannot be set.
    pub fn set(&self, name: i32, value: OptionValue) -> Result<()> {
        let mut settings = self.settings.lock();
        if name == SO_LINGER {
            let OptionValue::Linger(linger) = value else {
                return Err(Errno::EINVAL);
            };
            settings.linger = linger.map(|seconds| seconds.max(0));
            return Ok(());
        }
        if name == SO_RCVTIMEO || name == SO_SNDTIMEO {
            let OptionValue::Time(time) = value else {
                return Err(Errno::EINVAL);
            };
            self.time_limits.set(side(name), longest_wait(time)?);
            return Ok(());
        }
        let number = value.int().ok_or(Errno::EINVAL)?;
        match name {
            SO_SNDBUF => settings.send_buffer = buffer(number, SMALLEST_SEND),
            SO_RCVBUF => settings.receive_buffer = buffer(number, SMALLEST_RECEIVE),
            SO_PRIORITY if (0..=MOST_PRIORITY).contains(&number) => settings.priority = number,
            SO_PRIORITY => return Err(Errno::EPERM),
            _ if SWITCHES.contains(&name) && number != 0 => settings.switches |= bit(name),
            _ if SWITCHES.contains(&name) => settings.switches &= !bit(name),
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }
}

fn side(name: i32) -> WaitSide {
    match name {
        SO_RCVTIMEO => WaitSide::Receive,
        _ => WaitSide::Send,
    }
}

/// The wait that a time asks for (`sock_set_timeout` of Linux): zero is for ever, and less than that not at all.
fn longest_wait(time: Timeval) -> Result<Option<Duration>> {
    let micros = u32::try_from(time.microseconds)
        .ok()
        .filter(|micros| *micros < 1_000_000)
        .ok_or(Errno::EDOM)?;
    let Ok(seconds) = u64::try_from(time.seconds) else {
        return Ok(Some(Duration::ZERO));
    };
    let time = Duration::new(seconds, micros * 1000);
    Ok((!time.is_zero()).then_some(time))
}

fn timeval(time: Option<Duration>) -> Timeval {
    let time = time.unwrap_or_default();
    Timeval {
        seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        microseconds: i64::from(time.subsec_micros()),
    }
}

/// Linux doubles what is asked for, for what it needs itself; a negative number is a large one.
fn buffer(asked: i32, smallest: i32) -> i32 {
    let asked = if asked < 0 { BUFFER } else { asked.min(BUFFER) };
    (asked * 2).max(smallest)
}

const fn bit(name: i32) -> u32 {
    1 << name
}
