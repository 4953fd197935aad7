//! No file of the host, no port, no socket by name, no signal to others (landlock(7)).
//!
//! Whatever is read is open by then, with two exceptions that libraries look up while they start: what the kernel says of
//! this process, and of the processors. It is an attribute of the thread that its children inherit, and holds for
//! descriptors only when they are opened: what is open stays so.

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
    path_beneath_rules,
};

/// The newest version whose rights are all taken away. Older kernels take away what they know.
const NEWEST: ABI = ABI::V7;

/// Files that libraries read while they start: the mappings and the control group of the process, the processors.
const READABLE: [&str; 2] = ["/proc/self", "/sys/devices/system/cpu"];

/// Encloses the calling thread, and those that it will start, as far as the kernel can.
///
/// # Errors
/// The kernel has Landlock and refused.
pub(crate) fn enclose() -> io::Result<()> {
    restrict().map_err(io::Error::other)
}

fn restrict() -> Result<(), landlock::RulesetError> {
    Ruleset::default()
        .set_compatibility(landlock::CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(READABLE, AccessFs::ReadFile))?
        .restrict_self()?;
    Ok(())
}
