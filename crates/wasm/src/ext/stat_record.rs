//! The stat record.

use secure_exec_kernel::{Stat, Timespec};

/// Its length.
pub(super) const LENGTH: usize = 120;

/// Lays a record out.
pub(super) fn encode(stat: &Stat) -> [u8; LENGTH] {
    let mut record = [0; LENGTH];
    let mut put = |offset: usize, bytes: &[u8]| {
        if let Some(field) = record.get_mut(offset..offset + bytes.len()) {
            field.copy_from_slice(bytes);
        }
    };
    let words = [
        (0, stat.dev),
        (8, stat.ino),
        (16, stat.nlink),
        (40, stat.rdev),
        (48, stat.size),
        (56, stat.blksize),
        (64, stat.blocks),
    ];
    for (offset, value) in words {
        put(offset, &value.to_le_bytes());
    }
    for (offset, value) in [(24, stat.mode), (28, stat.uid), (32, stat.gid)] {
        put(offset, &value.to_le_bytes());
    }
    for (offset, Timespec { sec, nsec }) in [(72, stat.atime), (88, stat.mtime), (104, stat.ctime)]
    {
        put(offset, &sec.to_le_bytes());
        put(offset + 8, &nsec.to_le_bytes());
    }
    record
}
