//! The machine's names.

use std::io;

use crate::backend;

/// The result of `uname(2)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uname {
    pub sysname: String,
    pub nodename: String,
    pub release: String,
    pub version: String,
    pub machine: String,
}

/// # Errors
/// None in practice.
pub fn uname() -> io::Result<Uname> {
    let [sysname, nodename, release, version, machine] = backend::sys_uname()?;
    Ok(Uname {
        sysname,
        nodename,
        release,
        version,
        machine,
    })
}
