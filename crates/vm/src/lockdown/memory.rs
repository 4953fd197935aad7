//! How much memory the process may take: `RLIMIT_DATA`, and what allocators keep.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use secure_exec_node::engine::ISOLATE_BYTES;
use secure_exec_protocol::{Limit, VmLimits};

use super::overdraft;

/// Address space for data beyond the memory limit, so that a VM that has used its memory up can still
/// export its filesystem.
const EXPORT_HEADROOM: u64 = 64 << 20;

/// What is writable in every VM process without being used: stacks of threads, the tables of V8.
const PROCESS_OVERHEAD: u64 = 64 << 20;

/// Isolates that are counted for at once, besides one for each process: the workers of a process with as many as it may
/// have, and the spare.
const FURTHER_ISOLATES: u64 = 65;

/// What an isolate takes of the memory limit at least, besides its `ISOLATE_BYTES`.
const LEAST_ISOLATE: u64 = 2 << 20;

/// What compiling a module takes: at least, and for each of its bytes (`secure_exec_wasm`).
const COMPILE_MEMORY: u64 = 32 << 20;
const COMPILE_FACTOR: u64 = 24;

/// The memory limit, once there is one, with that of a process that exports, and the hard limit behind both.
static LIMIT: Mutex<Option<MemoryLimit>> = Mutex::new(None);

#[derive(Clone, Copy)]
struct MemoryLimit {
    soft: u64,
    exporting: u64,
    hard: u64,
}

impl MemoryLimit {
    /// With what the engines take at the moment.
    fn bound(&self) -> u64 {
        let engine = ENGINE.load(Ordering::Relaxed);
        let bound = self.soft.saturating_add(engine);
        bound.saturating_add(overdraft::unused()).min(self.hard)
    }
}

/// The share of the memory limit that guests which ask before they take memory leave to the rest of the process,
/// for which a lack of memory is the end.
const RESERVE_SHARE: u64 = 6;

/// `/proc/self/statm`, once there is a limit.
static USAGE: OnceLock<Option<File>> = OnceLock::new();

/// What running isolates take besides. Kept apart so that it is exactly what they have taken already.
static ENGINE: AtomicU64 = AtomicU64::new(0);

/// What the process had when it got its limit, bytes.
static AT_REST: AtomicU64 = AtomicU64::new(0);

/// Growth that is worth what the next program pays for fresh pages: a few of V8's heaps.
const NOTICEABLE: u64 = 16 << 20;

/// Memory that `malloc` keeps for each thread instead of giving it back: more than restoring an isolate needs for a
/// moment.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: i32 = 2 << 20;

/// Arenas of `malloc`. By itself it has eight for each processor, each with what the threads that ran in it have left
/// between blocks of others: a VM that had many threads at a time would keep several times what its programs need.
#[cfg(target_env = "gnu")]
const ARENAS: i32 = 4;

/// Has `malloc` keep what every isolate takes and gives back. By itself it returns whatever is more than 128 KiB, page
/// by page, and the next isolate has to fault it in again: a third of all its page faults.
#[cfg(target_env = "gnu")]
pub(crate) fn keep_freed_memory() {
    // SAFETY: takes plain numbers.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
        // Blocks of at least this size are mapped by themselves. Setting one of the two makes both stand still.
        libc::mallopt(libc::M_MMAP_THRESHOLD, KEPT_BYTES / 2);
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
    }
}

/// Gives back what [`keep_freed_memory`] has kept, of every thread that ever ran: a VM that had many guests at a time
/// would be as large as then for the rest of its life.
#[cfg(target_env = "gnu")]
pub(crate) fn return_freed_memory() {
    // SAFETY: takes a plain number.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators have their own ways.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn keep_freed_memory() {}

/// As above.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn return_freed_memory() {}

/// Whether the process has much more memory than when it got its limit.
pub(crate) fn has_grown() -> bool {
    let Some(used) = USAGE.get().and_then(Option::as_ref).and_then(used_bytes) else {
        return false;
    };
    used > AT_REST.load(Ordering::Relaxed).saturating_add(NOTICEABLE)
}

/// Opens the kernel's account of the process's memory, before no file can be opened any more.
pub(crate) fn watch() {
    USAGE.get_or_init(|| File::open("/proc/self/statm").ok());
}

/// Bounds the process's memory: everything private and writable, which is what every allocator of V8, of
/// ICU and of ours takes. Address space that is only reserved does not count.
///
/// The hard limit is for native code that has been taken over, which could lift a soft one: no more than the guests of
/// the VM could make the engines take, and the export.
///
/// # Errors
/// The operating system refused.
pub(crate) fn limit_memory(limits: &VmLimits) -> io::Result<()> {
    let bytes = limits.max_memory_bytes;
    let soft = bytes.saturating_add(PROCESS_OVERHEAD);
    let exporting = soft
        .saturating_add(limits.max_filesystem_bytes.saturating_mul(2))
        .saturating_add(EXPORT_HEADROOM);
    let hard = exporting
        .saturating_add(overdraft::most(soft))
        .saturating_add(most_for_engines(limits));
    let new = MemoryLimit {
        soft,
        exporting,
        hard,
    };
    watch();
    let mut limit = LIMIT.lock();
    *limit = Some(new);
    if let Some(used) = USAGE.get().and_then(Option::as_ref).and_then(used_bytes) {
        AT_REST.store(used, Ordering::Relaxed);
    }
    apply(new)
}

/// The most that isolates, threads of commands and a compilation can take at a time.
fn most_for_engines(limits: &VmLimits) -> u64 {
    let threads = limits.max_processes.saturating_add(FURTHER_ISOLATES);
    let threads = threads.min(limits.max_memory_bytes / LEAST_ISOLATE);
    let thread = ISOLATE_BYTES.max(limits.wasm_stack_bytes.saturating_add(LEAST_ISOLATE));
    let module = limits.wasm_module_bytes.saturating_mul(COMPILE_FACTOR);
    threads
        .saturating_mul(thread)
        .saturating_add(COMPILE_MEMORY)
        .saturating_add(module)
}

/// Whether a guest may take this much more. The kernel's own account is asked, which is the one that the limit is
/// held against: heaps, files and the memories of commands are all in it.
pub(crate) fn has_room(bytes: u64) -> bool {
    // Without an account there is the limit itself.
    account().is_none_or(|Account { bound, used, soft }| {
        used.saturating_add(bytes) <= bound.saturating_sub(soft / RESERVE_SHARE)
    })
}

/// Whether there is this much more at all, for what guests cannot do without.
pub(crate) fn has_any(bytes: u64) -> bool {
    account().is_none_or(|Account { bound, used, .. }| used.saturating_add(bytes) <= bound)
}

/// What the process may use, and what it does, bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    /// The memory limit with what the process needs for itself and for running isolates.
    pub(crate) bound: u64,
    /// What is in use of it.
    pub(crate) used: u64,
    /// The bound without the isolates.
    pub(crate) soft: u64,
}

impl Account {
    /// What is in use without what isolates need besides.
    pub(crate) fn used_by_guests(&self) -> u64 {
        self.used.saturating_sub(self.bound - self.soft)
    }
}

/// The account at this moment; none without a limit. Takes no memory.
pub(crate) fn account() -> Option<Account> {
    let limit = (*LIMIT.lock())?;
    let used = USAGE.get().and_then(Option::as_ref).and_then(used_bytes)?;
    Some(Account {
        bound: limit.bound(),
        used,
        soft: limit.soft,
    })
}

/// What the memory limit would hold if a guest got this much more: what guests use, and what is kept from them for the
/// process itself.
pub(crate) fn use_with(bytes: u64) -> Option<u64> {
    let MemoryLimit { soft, .. } = (*LIMIT.lock())?;
    let used = USAGE.get().and_then(Option::as_ref).and_then(used_bytes)?;
    let others = PROCESS_OVERHEAD.saturating_add(ENGINE.load(Ordering::Relaxed));
    Some(
        used.saturating_add(bytes)
            .saturating_add(soft / RESERVE_SHARE)
            .saturating_sub(others),
    )
}

/// The memory limit with its use, as the limit that has ended an allocation.
pub(crate) fn limit_reached() -> Option<Limit> {
    let MemoryLimit { soft, .. } = (*LIMIT.lock())?;
    let bound = soft.saturating_sub(PROCESS_OVERHEAD);
    Some(Limit {
        name: "limits.resources.maxMemoryBytes".into(),
        bound,
        used: use_with(0).unwrap_or(bound).max(bound),
    })
}

/// Memory that counts against `RLIMIT_DATA`: the sixth field of `statm`, in pages.
fn used_bytes(statm: &File) -> Option<u64> {
    let mut text = [0; 128];
    let length = statm.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..length)?).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(5)?.parse().ok()?;
    // SAFETY: takes a plain number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages.saturating_mul(u64::try_from(page).ok()?))
}

/// An isolate is about to take this much.
pub(crate) fn allow_engine(bytes: u64) {
    ENGINE.fetch_add(bytes, Ordering::Relaxed);
    adjust();
}

/// An isolate has given it back.
pub(crate) fn disallow_engine(bytes: u64) {
    ENGINE.fetch_sub(bytes, Ordering::Relaxed);
    adjust();
}

/// Has the operating system hold the process to its bound, with what is lent to it.
pub(crate) fn adjust() {
    if let Some(limit) = *LIMIT.lock() {
        // Only the soft limit moves, and stays below the hard one: this cannot fail.
        let _ = apply(limit);
    }
}

fn apply(limit: MemoryLimit) -> io::Result<()> {
    let soft = limit.bound().saturating_add(overdraft::lent());
    set_limit(libc::RLIMIT_DATA, soft.min(limit.hard), limit.hard)
}

/// Gives the process the headroom that is kept for the export.
pub(crate) fn release_memory_headroom() {
    let mut limit = LIMIT.lock();
    if let Some(limit) = limit.as_mut() {
        limit.soft = limit.exporting;
        // Should it fail, the export has to do with what there is.
        let _ = apply(*limit);
    }
}

fn set_limit(resource: libc::__rlimit_resource_t, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: soft,
        rlim_max: hard,
    };
    // SAFETY: `limit` is valid for the call.
    check(unsafe { libc::setrlimit(resource, &raw const limit) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
