//! An answer: its status and its records.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::reader::{Malformed, Reader};
use super::{CLASS_IN, Name};

/// Fewest bytes of a record.
const SHORTEST_RECORD: usize = 11;

/// What a server answered.
pub struct Answer {
    /// `RCODE`.
    pub code: u16,
    /// The name that was asked for.
    pub name: Name,
    /// The answer section; what is no record of the internet among them has no data.
    pub records: Vec<Record>,
}

/// A record.
pub struct Record {
    pub ttl: u32,
    pub data: Data,
}

/// What a record says. Strings are bytes.
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(Name),
    Ns(Name),
    Ptr(Name),
    Mx {
        priority: u16,
        exchange: Name,
    },
    Txt(Vec<Vec<u8>>),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: Name,
    },
    Naptr {
        order: u16,
        preference: u16,
        /// Flags, service and regular expression.
        strings: [Vec<u8>; 3],
        replacement: Name,
    },
    Soa {
        server: Name,
        mailbox: Name,
        /// Serial number, refresh, retry, expire, minimum.
        numbers: [u32; 5],
    },
    Caa {
        flags: u8,
        property: Vec<u8>,
        value: Vec<u8>,
    },
    Tlsa {
        usage: u8,
        selector: u8,
        matching: u8,
        data: Vec<u8>,
    },
    /// Of a type that nobody asks for.
    Other,
}

impl Answer {
    /// Reads what is behind the question.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        flags: u16,
        name: Name,
        [answers, authorities, additional]: [u16; 3],
    ) -> Result<Answer, Malformed> {
        let all = usize::from(answers) + usize::from(authorities) + usize::from(additional);
        if all * SHORTEST_RECORD > reader.left() {
            return Err(Malformed);
        }
        let mut records = Vec::new();
        for _ in 0..answers {
            records.push(record(reader)?);
        }
        for _ in 0..all - usize::from(answers) {
            record(reader)?;
        }
        Ok(Answer {
            code: flags & 0xf,
            name,
            records,
        })
    }
}

fn record(reader: &mut Reader<'_>) -> Result<Record, Malformed> {
    reader.name()?;
    let (kind, class, ttl) = (reader.u16()?, reader.u16()?, reader.u32()?);
    let length = usize::from(reader.u16()?);
    let mut part = reader.part(length)?;
    let read = data(&mut part, kind)?;
    let data = if class == CLASS_IN { read } else { Data::Other };
    Ok(Record { ttl, data })
}

fn data(part: &mut Reader<'_>, kind: u16) -> Result<Data, Malformed> {
    Ok(match kind {
        1 => Data::A(Ipv4Addr::from(part.bytes::<4>()?)),
        28 => Data::Aaaa(Ipv6Addr::from(part.bytes::<16>()?)),
        5 => Data::Cname(part.name()?),
        2 => Data::Ns(part.name()?),
        12 => Data::Ptr(part.name()?),
        15 => Data::Mx {
            priority: part.u16()?,
            exchange: part.name()?,
        },
        16 => text(part)?,
        33 => Data::Srv {
            priority: part.u16()?,
            weight: part.u16()?,
            port: part.u16()?,
            target: part.name()?,
        },
        35 => Data::Naptr {
            order: part.u16()?,
            preference: part.u16()?,
            strings: [
                part.string()?.to_vec(),
                part.string()?.to_vec(),
                part.string()?.to_vec(),
            ],
            replacement: part.name()?,
        },
        6 => Data::Soa {
            server: part.name()?,
            mailbox: part.name()?,
            numbers: [
                part.u32()?,
                part.u32()?,
                part.u32()?,
                part.u32()?,
                part.u32()?,
            ],
        },
        257 => Data::Caa {
            flags: part.u8()?,
            property: part.string()?.to_vec(),
            value: part.rest().to_vec(),
        },
        52 => Data::Tlsa {
            usage: part.u8()?,
            selector: part.u8()?,
            matching: part.u8()?,
            data: part.rest().to_vec(),
        },
        _ => Data::Other,
    })
}

/// At least one string.
fn text(part: &mut Reader<'_>) -> Result<Data, Malformed> {
    let mut strings = vec![part.string()?.to_vec()];
    while part.left() > 0 {
        strings.push(part.string()?.to_vec());
    }
    Ok(Data::Txt(strings))
}
