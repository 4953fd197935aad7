//! Records as a guest's memory has them.

use secure_exec_kernel::Stat;

use crate::time::nanoseconds;

/// Bytes of `__wasi_iovec_t` and `__wasi_ciovec_t`: pointer and length.
pub const VECTOR: u32 = 8;
/// Bytes of `__wasi_fdstat_t`.
pub const FDSTAT: usize = 24;
/// Bytes of `__wasi_filestat_t`.
pub const FILESTAT: usize = 64;
/// Bytes of `__wasi_dirent_t`, without the name behind it.
pub const DIRENT: usize = 24;
/// Bytes of `__wasi_subscription_t`.
pub const SUBSCRIPTION: usize = 48;
/// Bytes of `__wasi_event_t`.
pub const EVENT: usize = 32;

/// `__wasi_fdstat_t`.
#[must_use]
pub fn fdstat(filetype: u8, flags: u16, base: u64, inheriting: u64) -> [u8; FDSTAT] {
    let mut record = [0; FDSTAT];
    record[0] = filetype;
    record[2..4].copy_from_slice(&flags.to_le_bytes());
    record[8..16].copy_from_slice(&base.to_le_bytes());
    record[16..24].copy_from_slice(&inheriting.to_le_bytes());
    record
}

/// `__wasi_filestat_t`. The type is the caller's: of a mode that preview 1 has no type for, it is a matter of taste.
#[must_use]
pub fn filestat(stat: &Stat, filetype: u8) -> [u8; FILESTAT] {
    let mut record = [0; FILESTAT];
    record[0..8].copy_from_slice(&stat.dev.to_le_bytes());
    record[8..16].copy_from_slice(&stat.ino.to_le_bytes());
    record[16] = filetype;
    record[24..32].copy_from_slice(&stat.nlink.to_le_bytes());
    record[32..40].copy_from_slice(&stat.size.to_le_bytes());
    record[40..48].copy_from_slice(&nanoseconds(stat.atime).to_le_bytes());
    record[48..56].copy_from_slice(&nanoseconds(stat.mtime).to_le_bytes());
    record[56..64].copy_from_slice(&nanoseconds(stat.ctime).to_le_bytes());
    record
}

/// `__wasi_dirent_t`: cookie of the next entry, inode, length of the name, type.
#[must_use]
pub fn dirent(next: u64, ino: u64, name: &[u8], filetype: u8) -> [u8; DIRENT] {
    let mut record = [0; DIRENT];
    record[0..8].copy_from_slice(&next.to_le_bytes());
    record[8..16].copy_from_slice(&ino.to_le_bytes());
    // A name has 255 bytes at most.
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    record[16..20].copy_from_slice(&length.to_le_bytes());
    record[20] = filetype;
    record
}

/// What a subscription waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A time of a clock.
    Clock {
        /// The clock.
        id: u32,
        /// Nanoseconds.
        timeout: u64,
        /// The timeout is a time of the clock rather than a distance.
        absolute: bool,
    },
    /// That a descriptor can be read.
    Read(u32),
    /// That a descriptor can be written.
    Write(u32),
}

/// `__wasi_eventtype_t`.
const TYPE_CLOCK: u8 = 0;
const TYPE_READ: u8 = 1;
const TYPE_WRITE: u8 = 2;
/// `__wasi_subclockflags_t`.
const ABSTIME: u16 = 1;
/// `__wasi_eventrwflags_t`: the other end has hung up.
pub const HANGUP: u16 = 1;

impl Awaited {
    /// `__wasi_eventtype_t`.
    #[must_use]
    pub fn kind(self) -> u8 {
        match self {
            Awaited::Clock { .. } => TYPE_CLOCK,
            Awaited::Read(_) => TYPE_READ,
            Awaited::Write(_) => TYPE_WRITE,
        }
    }
}

/// `__wasi_subscription_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What the event has again.
    pub userdata: u64,
    /// What is waited for.
    pub awaited: Awaited,
}

impl Subscription {
    /// Reads one; none of a type that does not exist.
    #[must_use]
    pub fn read(record: &[u8; SUBSCRIPTION]) -> Option<Subscription> {
        let fd = u32::from_le_bytes(array(record, 16));
        let awaited = match record[8] {
            TYPE_CLOCK => Awaited::Clock {
                id: fd,
                timeout: u64::from_le_bytes(array(record, 24)),
                absolute: u16::from_le_bytes(array(record, 40)) & ABSTIME != 0,
            },
            TYPE_READ => Awaited::Read(fd),
            TYPE_WRITE => Awaited::Write(fd),
            _ => return None,
        };
        Some(Subscription {
            userdata: u64::from_le_bytes(array(record, 0)),
            awaited,
        })
    }
}

/// `__wasi_event_t`: for a descriptor with what can be transferred, and whether the other end has hung up.
#[must_use]
pub fn event(userdata: u64, error: u16, kind: u8, bytes: u64, flags: u16) -> [u8; EVENT] {
    let mut record = [0; EVENT];
    record[0..8].copy_from_slice(&userdata.to_le_bytes());
    record[8..10].copy_from_slice(&error.to_le_bytes());
    record[10] = kind;
    record[16..24].copy_from_slice(&bytes.to_le_bytes());
    record[24..26].copy_from_slice(&flags.to_le_bytes());
    record
}

/// `N` bytes at an offset that lies within the record.
fn array<const N: usize>(record: &[u8; SUBSCRIPTION], at: usize) -> [u8; N] {
    record
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .copied()
        .unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_are_read_as_the_specification_lays_them_out() {
        let mut record = [0; SUBSCRIPTION];
        record[0] = 7;
        record[24..32].copy_from_slice(&5_000_000u64.to_le_bytes());
        record[16] = 1;
        record[40] = 1;
        let clock = Awaited::Clock {
            id: 1,
            timeout: 5_000_000,
            absolute: true,
        };
        let read = Subscription::read(&record);
        assert_eq!(
            read.map(|one| (one.userdata, one.awaited)),
            Some((7, clock))
        );
        record[8] = 2;
        let read = Subscription::read(&record);
        assert_eq!(read.map(|one| one.awaited), Some(Awaited::Write(1)));
        record[8] = 3;
        assert_eq!(Subscription::read(&record), None);
    }
}
