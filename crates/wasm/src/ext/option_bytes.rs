//! Options of sockets as bytes, laid out as Linux's C library has them on 64 bits.

use std::net::{Ipv4Addr, Ipv6Addr};

use secure_exec_kernel::abi::inet::{
    IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_IF, IPPROTO_IP, IPPROTO_IPV6,
    IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP, Membership,
};
use secure_exec_kernel::abi::socket::{SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET};
use secure_exec_kernel::{Errno, OptionValue, Timeval};

/// The value of an option.
///
/// # Errors
/// - `EINVAL`: too few bytes.
/// - `ENOPROTOOPT`: an option whose value has a form that is not known here.
pub(super) fn decode(level: i32, name: i32, bytes: &[u8]) -> Result<OptionValue, Errno> {
    match (level, name) {
        (SOL_SOCKET, SO_LINGER) => {
            let (on, seconds) = (i32_at(bytes, 0)?, i32_at(bytes, 4)?);
            Ok(OptionValue::Linger((on != 0).then_some(seconds)))
        }
        (SOL_SOCKET, SO_RCVTIMEO | SO_SNDTIMEO) => Ok(OptionValue::Time(Timeval {
            seconds: i64::from_le_bytes(array(bytes, 0)?),
            microseconds: i64::from_le_bytes(array(bytes, 8)?),
        })),
        (IPPROTO_IP, IP_MULTICAST_IF) => Ok(OptionValue::Address(ipv4(bytes, 0)?)),
        (IPPROTO_IP, IP_ADD_MEMBERSHIP | IP_DROP_MEMBERSHIP) => {
            Ok(OptionValue::Membership(Membership::V4 {
                group: ipv4(bytes, 0)?,
                address: ipv4(bytes, 4)?,
                index: i32_at(bytes, 8).unwrap_or(0),
            }))
        }
        (IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP | IPV6_DROP_MEMBERSHIP) => {
            Ok(OptionValue::Membership(Membership::V6 {
                group: Ipv6Addr::from(array::<16>(bytes, 0)?),
                index: i32_at(bytes, 16)?,
            }))
        }
        _ => Ok(OptionValue::Int(i32_at(bytes, 0)?)),
    }
}

/// The bytes of a value.
pub(super) fn encode(value: OptionValue) -> Vec<u8> {
    let words = |words: &[i32]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
    match value {
        OptionValue::Int(number) => words(&[number]),
        OptionValue::Linger(linger) => words(&[i32::from(linger.is_some()), linger.unwrap_or(0)]),
        OptionValue::Credentials(ucred) => {
            words(&[ucred.pid, ucred.uid.cast_signed(), ucred.gid.cast_signed()])
        }
        OptionValue::Time(time) => [time.seconds, time.microseconds]
            .iter()
            .flat_map(|part| part.to_le_bytes())
            .collect(),
        OptionValue::Address(address) => address.octets().to_vec(),
        // Those are set and never read.
        OptionValue::Membership(_) | OptionValue::SourceMembership(_) => Vec::new(),
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Errno> {
    let part = bytes.get(at..).and_then(<[u8]>::first_chunk);
    part.copied().ok_or(Errno::EINVAL)
}

fn i32_at(bytes: &[u8], at: usize) -> Result<i32, Errno> {
    array(bytes, at).map(i32::from_le_bytes)
}

fn ipv4(bytes: &[u8], at: usize) -> Result<Ipv4Addr, Errno> {
    array::<4>(bytes, at).map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_being_bytes() {
        let time = OptionValue::Time(Timeval {
            seconds: 3,
            microseconds: 500_000,
        });
        for (level, name, value) in [
            (SOL_SOCKET, SO_LINGER, OptionValue::Linger(Some(7))),
            (SOL_SOCKET, SO_LINGER, OptionValue::Linger(None)),
            (SOL_SOCKET, SO_RCVTIMEO, time),
            (SOL_SOCKET, 2, OptionValue::Int(1)),
        ] {
            assert_eq!(decode(level, name, &encode(value)), Ok(value));
        }
        assert_eq!(decode(SOL_SOCKET, SO_LINGER, &[0; 7]), Err(Errno::EINVAL));
        assert_eq!(
            decode(SOL_SOCKET, SO_RCVTIMEO, &[0; 15]),
            Err(Errno::EINVAL)
        );
        assert_eq!(decode(SOL_SOCKET, 2, &[0; 3]), Err(Errno::EINVAL));
    }
}
