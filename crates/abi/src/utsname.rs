//! `sys/utsname.h`.

/// What `uname(2)` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Utsname {
    /// Operating system.
    pub sysname: String,
    /// Host name.
    pub nodename: String,
    /// Kernel release.
    pub release: String,
    /// Kernel version.
    pub version: String,
    /// Hardware.
    pub machine: String,
}
