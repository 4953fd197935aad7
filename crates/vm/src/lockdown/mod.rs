//! What a VM process takes away from itself before a guest runs.
//!
//! The launcher has begun: it has no new privileges, no capabilities, no user of the host's where that is root, and
//! hard limits. Here follow, in this order, each for every thread of the process:
//! - `descriptors`: the files that the launcher has opened; others are not opened any more.
//! - `landlock`: no file of the host, no port, no abstract socket, no signal to others; before V8 starts threads.
//! - `seccomp`: the system calls that are left; the last step of [`confine`].
//! - `memory`: how much of it the VM may take; when the VM is known. `overdraft`: what is lent to V8 beyond that.
//! - `attack`: what must not work any more, for `secure-exec doctor`.

mod attack;
pub(crate) mod descriptors;
mod landlock;
mod memory;
pub(crate) mod overdraft;
mod seccomp;

use std::io;

pub(crate) use attack::attack;
pub(crate) use landlock::enclose;
pub(crate) use memory::{
    Account, account, adjust, allow_engine, disallow_engine, has_any, has_grown, has_room,
    keep_freed_memory, limit_memory, limit_reached, release_memory_headroom, return_freed_memory,
    use_with,
};

/// How far the server may go in confining its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confinement {
    /// The process is a VM process.
    Process,
    /// The process is the user's: nothing of it may be changed.
    None,
}

/// Whether the process may go on where the system lacks system call filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// It ends.
    Strict,
    /// It goes on without: the embedder has said that a process is enough.
    Lax,
}

impl Demand {
    /// By the word of the command line.
    pub(crate) fn of(word: &str) -> Demand {
        match word {
            "lax" => Demand::Lax,
            _ => Demand::Strict,
        }
    }
}

/// Confines the process for good.
///
/// # Errors
/// The operating system refused; the process must not go on.
pub(crate) fn confine(demand: Demand) -> io::Result<()> {
    memory::watch();
    // SAFETY: takes plain numbers. A library that writes to a file all the same gets EFBIG instead of ending the process.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    match seccomp::filter() {
        Err(_) if demand == Demand::Lax => Ok(()),
        result => result,
    }
}
