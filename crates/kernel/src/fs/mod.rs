//! File systems.

pub(crate) mod anon;
pub mod devfs;
pub(crate) mod devpts;
pub mod procfs;
pub(crate) mod rootfs;
pub mod tmpfs;

/// Device numbers of the built-in file systems.
pub(crate) mod dev {
    pub const ROOT: u64 = 1;
    pub const DEVFS: u64 = 2;
    pub const PROCFS: u64 = 3;
    pub const PIPEFS: u64 = 4;
    pub const DEVPTS: u64 = 5;
}
