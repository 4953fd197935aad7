//! Options of the level of TCP. Within the machine none of them changes how bytes travel; they read back.

use crate::abi::inet::{
    TCP_CORK, TCP_DEFER_ACCEPT, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_LINGER2, TCP_MAXSEG,
    TCP_NODELAY, TCP_QUICKACK, TCP_SYNCNT, TCP_USER_TIMEOUT,
};
use crate::errno::{Errno, Result};
use parking_lot::Mutex;

/// Largest segment of a connection of the loopback, and of none.
const SEGMENT: i32 = 65_483;
const SEGMENT_OF_NONE: i32 = 536;

/// What was set on a socket.
#[derive(Debug, Default)]
pub(super) struct TcpOptions(Mutex<Settings>);

#[derive(Clone, Copy, Debug)]
struct Settings {
    no_delay: bool,
    cork: bool,
    quick_ack: bool,
    segment: i32,
    idle: i32,
    interval: i32,
    probes: i32,
    tries: i32,
    linger: i32,
    defers: i32,
    user_timeout: i32,
}

impl Default for Settings {
    /// As `net.ipv4.tcp_*` are on Linux.
    fn default() -> Settings {
        Settings {
            no_delay: false,
            cork: false,
            quick_ack: true,
            segment: 0,
            idle: 7200,
            interval: 75,
            probes: 9,
            tries: 6,
            linger: 60,
            defers: 0,
            user_timeout: 0,
        }
    }
}

impl TcpOptions {
    /// The same for an accepted connection.
    pub fn inherited(&self) -> TcpOptions {
        TcpOptions(Mutex::new(*self.0.lock()))
    }

    /// # Errors
    /// - `ENOPROTOOPT`: no such option.
    pub fn get(&self, name: i32, is_connected: bool) -> Result<i32> {
        let settings = *self.0.lock();
        Ok(match name {
            TCP_NODELAY => i32::from(settings.no_delay),
            TCP_CORK => i32::from(settings.cork),
            TCP_QUICKACK => i32::from(settings.quick_ack),
            TCP_MAXSEG if is_connected => SEGMENT,
            TCP_MAXSEG if settings.segment == 0 => SEGMENT_OF_NONE,
            TCP_MAXSEG => settings.segment,
            TCP_KEEPIDLE => settings.idle,
            TCP_KEEPINTVL => settings.interval,
            TCP_KEEPCNT => settings.probes,
            TCP_SYNCNT => settings.tries,
            TCP_LINGER2 => settings.linger,
            TCP_DEFER_ACCEPT => settings.defers,
            TCP_USER_TIMEOUT => settings.user_timeout,
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }

    /// # Errors
    /// - `ENOPROTOOPT`: no such option.
    /// - `EINVAL`: a value out of range.
    pub fn set(&self, name: i32, number: i32) -> Result<()> {
        let within = |least, most| {
            let fits = (least..=most).contains(&number);
            if fits { Ok(number) } else { Err(Errno::EINVAL) }
        };
        let mut settings = self.0.lock();
        match name {
            TCP_NODELAY => settings.no_delay = number != 0,
            TCP_CORK => settings.cork = number != 0,
            TCP_QUICKACK => settings.quick_ack = number & 1 != 0,
            TCP_MAXSEG if number == 0 => settings.segment = 0,
            TCP_MAXSEG => settings.segment = within(88, 32_767)?,
            TCP_KEEPIDLE => settings.idle = within(1, 32_767)?,
            TCP_KEEPINTVL => settings.interval = within(1, 32_767)?,
            TCP_KEEPCNT => settings.probes = within(1, 127)?,
            TCP_SYNCNT => settings.tries = within(1, 127)?,
            TCP_LINGER2 if number < 0 => settings.linger = -1,
            TCP_LINGER2 if number > 120 => settings.linger = 120,
            TCP_LINGER2 if number == 0 => settings.linger = 60,
            TCP_LINGER2 => settings.linger = number,
            TCP_DEFER_ACCEPT if number <= 0 => settings.defers = 0,
            TCP_USER_TIMEOUT => settings.user_timeout = within(0, i32::MAX)?,
            // What connections bring is not looked at before they are accepted.
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }
}
