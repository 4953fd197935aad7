//! Memory that is lent beyond the limit, for as long as it takes to end a guest.
//!
//! Most native code gives up the whole process when the operating system refuses it memory. So the limit is lifted a
//! little when that happens, the allocation succeeds, and the engine, which sees the overdraft, ends the largest guest
//! (`shortage.rs` of the Node crate). What that guest held pays it back. Guests that go on wait meanwhile once they have
//! taken their part of what is lent: the rest is for those that are being ended and for V8's own threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use secure_exec_node::native_memory::{self, Asker};

use crate::lockdown::{self, Account};

/// What is lent at most whatever the limit is.
const LEAST: u64 = 96 << 20;

/// The share of the limit that is lent besides.
const SHARE: u64 = 8;

/// What is lent beyond what is missing, so that not every page is asked for.
const STEP: u64 = 8 << 20;

/// What an allocator takes at least when it has nothing left.
const PIECE: u64 = 1 << 20;

/// How long an allocation waits for the memory of a guest that is being ended. Several may have to be.
const PATIENCE: Duration = Duration::from_secs(8);

/// The same for one that is being ended itself.
const LAST_PATIENCE: Duration = Duration::from_millis(500);

/// How often it looks meanwhile.
const PAUSE: Duration = Duration::from_millis(1);

/// How often is looked whether what was unused still is, at most. It takes `malloc`'s locks, and long where there are many
/// small pieces: never more than one part in so many of the time.
const RECOUNT: Duration = Duration::from_millis(500);
const RECOUNT_SHARE: u32 = 100;

/// What is lent at the moment.
static LENT: AtomicU64 = AtomicU64::new(0);

/// What `malloc` had and nobody used when it was last looked at. The operating system counts it.
static UNUSED: AtomicU64 = AtomicU64::new(0);

/// Has refused allocations served.
pub(crate) fn install() {
    native_memory::on_refusal(serve);
    native_memory::serve_new();
}

/// Bytes that the process may have beyond its limit at the moment.
pub(crate) fn lent() -> u64 {
    LENT.load(Ordering::Relaxed)
}

/// Bytes of the process's that hold nothing.
pub(crate) fn unused() -> u64 {
    UNUSED.load(Ordering::Relaxed)
}

/// Bytes that may be lent to a process with this limit: as much again, to one that is being ended in the middle of native
/// code with large copies of its own.
pub(crate) fn most(limit: u64) -> u64 {
    usual(limit).max(limit)
}

/// Bytes that may be lent for all other reasons.
fn usual(limit: u64) -> u64 {
    LEAST.saturating_add(limit / SHARE)
}

/// What may be lent when this one asks.
fn part(limit: u64, asker: Asker) -> u64 {
    match asker {
        Asker::Guest => usual(limit) / 2,
        Asker::Process => usual(limit),
        Asker::Ending => most(limit),
    }
}

/// Whether an allocation that was refused can succeed now. Takes no memory.
fn serve(bytes: usize) -> bool {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let needed = bytes.saturating_add(PIECE);
    let start = Instant::now();
    while let Some(account) = lockdown::account() {
        let part = part(account.soft, native_memory::asker());
        if needed > part {
            return false;
        }
        let missing = missing(account, needed);
        if missing <= lent() {
            return true;
        }
        if missing <= part {
            let lent = missing.saturating_add(STEP).min(part);
            LENT.fetch_max(lent, Ordering::Relaxed);
            lockdown::adjust();
            return true;
        }
        let patience = match native_memory::asker() {
            Asker::Guest | Asker::Process => PATIENCE,
            Asker::Ending => LAST_PATIENCE,
        };
        if start.elapsed() >= patience {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    false
}

/// What there would be too little with so many bytes more.
fn missing(account: Account, bytes: u64) -> u64 {
    let used = account.used.saturating_add(bytes);
    used.saturating_sub(account.bound)
}

/// Whether more is in use than the limit allows. Takes back what was lent when it is not. For one thread, which asks
/// again and again.
pub(crate) fn is_in_use() -> bool {
    if unused() > 0 {
        recount();
    }
    if lent() == 0 {
        return false;
    }
    let Some(account) = lockdown::account() else {
        return false;
    };
    if missing(account, PIECE) > 0 {
        return true;
    }
    LENT.store(0, Ordering::Relaxed);
    lockdown::adjust();
    false
}

/// Gives back what nobody uses, and has the rest of that not count.
pub(crate) fn reclaim() {
    lockdown::return_freed_memory();
    UNUSED.store(free_bytes(), Ordering::Relaxed);
    lockdown::adjust();
}

/// Has count what has come into use again, now and then.
fn recount() {
    static NEXT: Mutex<Option<Instant>> = Mutex::new(None);
    let mut next = NEXT.lock();
    let start = Instant::now();
    if next.is_none_or(|next| start >= next) {
        UNUSED.fetch_min(free_bytes(), Ordering::Relaxed);
        lockdown::adjust();
        *next = Some(start + RECOUNT.max(start.elapsed() * RECOUNT_SHARE));
    }
}

/// What `malloc` has taken and nobody uses.
#[cfg(target_env = "gnu")]
fn free_bytes() -> u64 {
    // SAFETY: takes nothing. Its later form is not in every glibc that the binaries run with.
    let free = unsafe { libc::mallinfo() }.fordblks;
    // The number wraps, which is right below 4 GiB.
    u64::from(free.cast_unsigned())
}

#[cfg(not(target_env = "gnu"))]
fn free_bytes() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_ended_get_the_most() {
        let limit = 128 << 20;
        assert_eq!(part(limit, Asker::Guest), 56 << 20);
        assert_eq!(part(limit, Asker::Process), 112 << 20);
        assert_eq!(part(limit, Asker::Ending), limit);
    }

    #[test]
    fn what_is_missing_is_beyond_the_bound() {
        let account = Account {
            bound: 100,
            used: 90,
            soft: 80,
        };
        assert_eq!(missing(account, 10), 0);
        assert_eq!(missing(account, 15), 5);
    }
}
