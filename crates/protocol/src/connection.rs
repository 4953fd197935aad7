//! Connections of the host to listeners of a VM.
//!
//! A connection is a call: `Connect` makes it, `Connected` tells that it is there, `Closed` or `Failed` ends it. Its bytes
//! are streams with credit, as those of a program: [`TO_GUEST`] by `Input` and `InputCredit`, [`FROM_GUEST`] by `Output`
//! and `Credit`. The window is wider than that of a program's output, which a pipe holds in any case: here it decides
//! how much can be carried.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{STDIN, STDOUT, Stream};

/// Bytes of one direction of a connection that may be under way without credit: twice what a socket of TCP holds, so that
/// it goes on while one side waits for the processor.
pub const CONNECTION_WINDOW: usize = 512 << 10;

/// What the host sends. The stream has the number of a program's input, so that the same messages carry it.
pub const TO_GUEST: Stream = STDIN;
/// What the guest sends.
pub const FROM_GUEST: Stream = STDOUT;

/// Listeners of which the host is told, and what their paths may have together: what is beyond is there all the same,
/// and can be connected to.
pub const MAX_LISTENERS: usize = 1024;
pub const MAX_LISTENER_PATHS: usize = 128 << 10;

/// Lists of listeners that may be under way without the host having taken them.
pub const LISTENERS_WINDOW: u32 = 8;

/// What the host connects to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Endpoint {
    /// A port of TCP, at whatever address of the machine somebody listens on it.
    Port(u16),
    /// A local socket, by its absolute path.
    Path(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A connection that a guest makes, by the number of its request.
    Outbound(u64),
}

/// A socket of a guest that waits for connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Process that called `listen(2)`.
    pub pid: i32,
    pub address: ListenerAddress,
    /// Somebody has waited for a connection there.
    pub is_awaited: bool,
}

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerAddress {
    /// A port of TCP.
    Inet { ip: IpAddr, port: u16 },
    /// A local socket, by its absolute path.
    Path(#[serde(with = "serde_bytes")] Vec<u8>),
}

impl ListenerAddress {
    /// Bytes of its path.
    #[must_use]
    pub fn path_bytes(&self) -> usize {
        match self {
            ListenerAddress::Inet { .. } => 0,
            ListenerAddress::Path(path) => path.len(),
        }
    }
}
