//! File systems.

pub(crate) mod anon;
pub mod devfs;
pub(crate) mod devpts;
pub mod hostfs;
pub mod overlay;
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
    /// Of files without a machine: what mounts them gives them a number of its own.
    pub const FILE_TREE: u64 = 6;
    /// First of those that are mounted later; 7 is that of directories which a file system lacks (`vfs/place.rs`).
    pub const NEXT: u64 = 16;
}
