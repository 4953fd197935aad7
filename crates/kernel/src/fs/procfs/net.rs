//! `/proc/net`: the sockets that processes have open, as Linux writes them (`proc(5)`).
//!
//! # Deviations
//! What belongs to no descriptor is not listed: connections that nobody has accepted, and ends that were closed.

use super::ProcSource;
use crate::abi::inet::TcpState;
use crate::abi::socket::{
    AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_STREAM, SocketAddress, UnixAddress,
};
use crate::errno::Result;
use crate::vfs::{Caller, FileDescription, SocketRow};
use core::fmt::Write;
use core::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

type Produce = fn(&dyn ProcSource, &Caller) -> Result<Vec<u8>>;

/// Name and contents.
pub(super) const FILES: &[(&str, Produce)] = &[
    ("tcp", |machine, _| Ok(inet(machine, &TCP))),
    ("tcp6", |machine, _| Ok(inet(machine, &TCP6))),
    ("udp", |machine, _| Ok(inet(machine, &UDP))),
    ("udp6", |machine, _| Ok(inet(machine, &UDP6))),
    ("unix", |machine, _| Ok(unix(machine))),
];

/// A file about one protocol of one family.
struct Listing {
    domain: i32,
    kind: i32,
    header: &'static str,
    /// Digits of a line's number.
    digits: usize,
    /// Length to which lines are filled up, without their end.
    width: usize,
}

const TCP: Listing = Listing {
    domain: AF_INET,
    kind: SOCK_STREAM,
    header: "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    digits: 4,
    width: 149,
};

const TCP6: Listing = Listing {
    domain: AF_INET6,
    kind: SOCK_STREAM,
    header: "  sl  local_address                         remote_address                        st tx_queue \
             rx_queue tr tm->when retrnsmt   uid  timeout inode",
    digits: 4,
    width: 0,
};

const UDP: Listing = Listing {
    domain: AF_INET,
    kind: SOCK_DGRAM,
    header: "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode \
             ref pointer drops",
    digits: 5,
    width: 127,
};

const UDP6: Listing = Listing {
    domain: AF_INET6,
    kind: SOCK_DGRAM,
    header: "  sl  local_address                         remote_address                        st tx_queue \
             rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
    digits: 5,
    width: 0,
};

/// What is told of the sockets of a family, each with its open file; those that listen first.
fn rows(
    machine: &dyn ProcSource,
    is_meant: impl Fn(i32, i32) -> bool,
) -> Vec<(SocketRow, Arc<FileDescription>)> {
    let mut rows: Vec<(SocketRow, Arc<FileDescription>)> = Vec::new();
    for file in machine.sockets() {
        let row = match file.socket() {
            Ok(socket) if is_meant(socket.domain(), socket.socket_type()) => socket.row(),
            _ => continue,
        };
        rows.push((row, file));
    }
    rows.sort_by_key(|(row, file)| (row.state != TcpState::Listen, file.inode().ino()));
    rows
}

fn inet(machine: &dyn ProcSource, listing: &Listing) -> Vec<u8> {
    let mut text = format!("{:<1$}\n", listing.header, listing.width);
    let rows = rows(machine, |domain, kind| {
        (domain, kind) == (listing.domain, listing.kind)
    });
    // As on Linux, a socket of UDP without a port is in no table.
    let named = rows
        .iter()
        .filter(|(row, _)| listing.kind == SOCK_STREAM || port(&row.local) != 0);
    for (number, (row, file)) in named.enumerate() {
        let line = inet_line(listing, number, row, file);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{line:<0$}", listing.width);
    }
    text.into_bytes()
}

fn inet_line(listing: &Listing, number: usize, row: &SocketRow, file: &FileDescription) -> String {
    let tail = match (listing.kind, row.state) {
        (SOCK_DGRAM, _) => format!("2 {:016x} {}", 0, row.drops),
        // Timeouts and window of a connection that has not sent a packet.
        (_, TcpState::Listen | TcpState::Close) => format!("1 {:016x} 100 0 0 10 0", 0),
        _ => format!("1 {:016x} 20 4 0 10 -1", 0),
    };
    format!(
        "{number:>digits$}: {}:{:04X} {}:{:04X} {:02X} {:08X}:{:08X} 00:00000000 00000000 {:>5} {:>8} {} {tail}",
        hexadecimal(&row.local),
        port(&row.local),
        hexadecimal(&row.remote),
        port(&row.remote),
        row.state as u8,
        row.send_queue,
        row.receive_queue,
        file.inode().ownership().uid,
        0,
        file.inode().ino(),
        digits = listing.digits,
    )
}

fn port(address: &SocketAddress) -> u16 {
    match address {
        SocketAddress::Inet(address) => address.port(),
        SocketAddress::Inet6(address) => address.port(),
        SocketAddress::Unspecified | SocketAddress::Unix(_) => 0,
    }
}

/// An address as words in the order of the machine's bytes.
fn hexadecimal(address: &SocketAddress) -> String {
    let word = |octets: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(octets));
    match address {
        SocketAddress::Inet(address) => word(address.ip().octets()),
        SocketAddress::Inet6(address) => {
            let octets = Ipv6Addr::octets(address.ip());
            let (words, _) = octets.as_chunks::<4>();
            words.iter().map(|octets| word(*octets)).collect()
        }
        SocketAddress::Unspecified | SocketAddress::Unix(_) => word(Ipv4Addr::UNSPECIFIED.octets()),
    }
}

fn unix(machine: &dyn ProcSource) -> Vec<u8> {
    /// `__SO_ACCEPTCON`.
    const LISTENS: u32 = 0x1_0000;
    let mut text = b"Num       RefCount Protocol Flags    Type St Inode Path\n".to_vec();
    for (row, file) in rows(machine, |domain, _| domain == AF_UNIX) {
        let kind = file.socket().map_or(0, |socket| socket.socket_type());
        let flags = if row.state == TcpState::Listen {
            LISTENS
        } else {
            0
        };
        // `SS_CONNECTED` and `SS_UNCONNECTED`.
        let state = if row.state == TcpState::Established {
            3
        } else {
            1
        };
        let ino = file.inode().ino();
        let head = format!(
            "{:016x}: {:08X} {:08X} {flags:08X} {kind:04X} {state:02X} {ino:>5}",
            0, 2, 0
        );
        text.extend_from_slice(head.as_bytes());
        if let SocketAddress::Unix(name) = &row.local
            && *name != UnixAddress::Unnamed
        {
            text.push(b' ');
            let bytes = name.bytes();
            // The NULs of an abstract name are shown.
            text.extend(
                bytes
                    .iter()
                    .map(|byte| if *byte == 0 { b'@' } else { *byte }),
            );
        }
        text.push(b'\n');
    }
    text
}
