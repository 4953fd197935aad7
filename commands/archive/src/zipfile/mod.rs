//! The format of zip archives, by PKWARE's `APPNOTE.TXT` and the extra fields of Info-ZIP: directories with Zip64, data in all methods
//! of the codecs that are here, writing.

mod codepage;
mod data;
mod directory;
mod entry;
mod write;

pub use data::{Checked, Unusable, open};
pub use directory::{Archive, NotZip};
pub use entry::{Entry, Stamp, UNIX, method};
pub use write::{Patch, Source, UNKNOWN, Writer};

/// The directory of all members begins with these.
const CENTRAL: u32 = 0x0201_4b50;
/// The header in front of a member's data.
const LOCAL: u32 = 0x0403_4b50;
/// The end of the directory.
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
/// Sum and sizes behind the data.
const DESCRIPTOR: u32 = 0x0807_4b50;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..at + 2)
        .map_or(0, |pair| u16::from_le_bytes([pair[0], pair[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests;
