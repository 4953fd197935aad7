//! What the process is allowed: new privileges, inspection by others, capabilities, its user (capabilities(7)).

use std::io;

/// `linux/capability.h`.
const CAP_KILL: u32 = 5;
const CAP_SETGID: u32 = 6;
const CAP_SETUID: u32 = 7;
const CAP_SETPCAP: u32 = 8;
const LAST_POSSIBLE_CAPABILITY: u32 = 63;
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// `linux/securebits.h`: `NOROOT`, `NO_SETUID_FIXUP` and `NO_CAP_AMBIENT_RAISE`, each with its lock, and the lock of
/// `KEEP_CAPS`, which is off.
const SECUREBITS: libc::c_ulong = 0b1110_1111;

/// `linux/prctl.h`.
const PR_SET_SPECULATION_CTRL: libc::c_int = 53;
const PR_SPEC_STORE_BYPASS: libc::c_ulong = 0;
const PR_SPEC_INDIRECT_BRANCH: libc::c_ulong = 1;
const PR_SPEC_FORCE_DISABLE: libc::c_ulong = 1 << 3;

/// Who a VM process of a host that is root is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Root, without capabilities.
    Root,
    /// This user and group.
    Id(libc::uid_t),
}

impl User {
    /// By the number of the command line, 0 is root.
    pub fn of(number: libc::uid_t) -> User {
        match number {
            0 => User::Root,
            id => User::Id(id),
        }
    }
}

/// Neither this process nor one that it executes can gain privileges any more. An attribute of the thread, which those
/// that it starts inherit.
///
/// # Errors
/// The operating system refused.
pub fn renounce_new() -> io::Result<()> {
    control(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// Other processes of the same user cannot trace this one or read its memory; no core is dumped.
///
/// # Errors
/// The operating system refused.
pub fn forbid_inspection() -> io::Result<()> {
    control(libc::PR_SET_DUMPABLE, 0)
}

/// Has the processor not guess across loads and branches in this process, where it can be told so. Without it the
/// kernel's own choice stands.
pub fn limit_speculation() {
    for kind in [PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH] {
        // SAFETY: takes plain numbers. It fails where the processor has no such control, or where it is off for all.
        unsafe { libc::prctl(PR_SET_SPECULATION_CTRL, kind, PR_SPEC_FORCE_DISABLE, 0, 0) };
    }
}

/// Becomes the user, where this one is root, and gives up every capability.
///
/// A container may know no such user, or have taken from root what is needed to become another: then the process stays
/// root without capabilities, which the broker sees.
///
/// # Errors
/// The operating system refused.
pub fn drop_all(user: User) -> io::Result<()> {
    let effective = effective_capabilities()?;
    let holds = |capability: u32| effective & (1 << capability) != 0;
    // No ambient capabilities before Linux 4.3, and nothing to clear.
    // SAFETY: takes plain numbers.
    unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0,
        )
    };
    if holds(CAP_SETPCAP) {
        drop_bounding_set()?;
        control(libc::PR_SET_SECUREBITS, SECUREBITS)?;
    }
    // A host that cannot kill processes of other users must not get one.
    let may_change = [CAP_SETUID, CAP_SETGID, CAP_KILL].into_iter().all(holds);
    if let User::Id(id) = user
        && is_root()
        && may_change
    {
        become_user(id)?;
    }
    give_up_capabilities()
}

fn is_root() -> bool {
    // SAFETY: takes nothing.
    unsafe { libc::geteuid() == 0 }
}

fn become_user(id: libc::uid_t) -> io::Result<()> {
    // SAFETY: an empty list and plain numbers.
    let changed = unsafe {
        libc::setgroups(0, std::ptr::null()) == 0
            && libc::setresgid(id, id, id) == 0
            && libc::setresuid(id, id, id) == 0
    };
    let error = io::Error::last_os_error();
    // A user namespace has no such user, or does not let groups be dropped.
    let unknown = matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM));
    if changed || unknown {
        Ok(())
    } else {
        Err(error)
    }
}

fn drop_bounding_set() -> io::Result<()> {
    for capability in 0..=LAST_POSSIBLE_CAPABILITY {
        // SAFETY: takes plain numbers.
        let dropped = unsafe {
            libc::prctl(
                libc::PR_CAPBSET_DROP,
                libc::c_ulong::from(capability),
                0,
                0,
                0,
            )
        };
        if dropped != 0 {
            let error = io::Error::last_os_error();
            // Behind the last one that the kernel knows.
            let known = capability > 0 && error.raw_os_error() == Some(libc::EINVAL);
            return if known { Ok(()) } else { Err(error) };
        }
    }
    Ok(())
}

#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn effective_capabilities() -> io::Result<u64> {
    let mut header = own_header();
    let mut halves = [Half::default(); 2];
    // SAFETY: version 3 has two halves; both structures are valid for the call.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let [low, high] = halves;
    Ok(u64::from(low.effective) | u64::from(high.effective) << 32)
}

fn give_up_capabilities() -> io::Result<()> {
    let mut header = own_header();
    let halves = [Half::default(); 2];
    // SAFETY: as above.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn own_header() -> Header {
    Header {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    }
}

fn control(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: takes plain numbers.
    check(unsafe { libc::prctl(option, value, 0, 0, 0) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
