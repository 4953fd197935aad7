//! Memory that native code takes for guests outside V8's heap and outside array buffers: by Rust, by C++, by ICU and by
//! the C libraries.
//!
//! The addon's linker sends their calls of the C library's allocator here (`--wrap`, see [`entries`]). Each guest knows
//! so what native code holds for it, and an allocation that the operating system refuses is not the end: whoever
//! confines the process may have it tried again ([`on_refusal`]).

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod entries;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// What native code holds for one guest.
#[derive(Debug, Default)]
pub struct Account {
    bytes: AtomicI64,
    /// Bytes that its threads have ever mapped in large pieces.
    mapped: AtomicU64,
    /// The guest is being ended: what it needs for that is not refused before everything else is.
    ending: AtomicBool,
    /// The guest has asked for more in one go than there is, and nobody has ended it yet.
    overdrawn: AtomicBool,
}

impl Account {
    /// Bytes in use. Below zero where other threads' memory was given back, so never the exact number.
    #[must_use]
    pub fn bytes(&self) -> i64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes of all large pieces that it has ever mapped, perhaps given back since.
    pub(crate) fn mapped(&self) -> u64 {
        self.mapped.load(Ordering::Relaxed)
    }

    /// The guest is being ended.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Whether the guest is being ended for the memory that it uses.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// The guest cannot go on: native code has no answer to the refusal of what it needs.
    fn overdraw(&self) {
        self.end();
        self.overdrawn.store(true, Ordering::Relaxed);
    }

    /// Whether the guest cannot go on; true once.
    pub(crate) fn take_overdrawn(&self) -> bool {
        self.overdrawn.swap(false, Ordering::Relaxed)
    }
}

/// For whom memory was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A guest that goes on.
    Guest,
    /// The process itself, or V8 on threads of its own.
    Process,
    /// A guest that is being ended.
    Ending,
}

thread_local! {
    static ACCOUNT: Cell<*const Account> = const { Cell::new(std::ptr::null()) };
    /// Whether this thread is being told about a refusal: what that itself needs is not asked for once more.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
    /// Size of the last allocation that was refused for good, bytes; 0 while none was.
    static DENIED: Cell<usize> = const { Cell::new(0) };
}

/// Decides about a refusal: whether the allocation of so many bytes is tried again.
type OnRefusal = fn(usize) -> bool;

static ON_REFUSAL: OnceLock<OnRefusal> = OnceLock::new();

/// Has `decide` asked whenever the operating system refuses memory, on the thread that needs it. That may hold any lock
/// and be inside any allocator, so `decide` must not allocate and must not wait for a lock that others hold while they
/// allocate. The first call counts.
pub fn on_refusal(decide: OnRefusal) {
    // A second one is that of another server in the same process.
    let _ = ON_REFUSAL.set(decide);
}

static ON_DENIAL: OnceLock<fn(usize)> = OnceLock::new();

/// Has `tell` called when memory that a guest has reserved cannot become memory, with its bytes, on the thread of that
/// guest and outside of any allocator: V8 makes an error of it, and asks nobody. The first call counts.
pub(crate) fn on_denial(tell: fn(usize)) {
    let _ = ON_DENIAL.set(tell);
}

/// The guest of the calling thread goes on without so many bytes.
#[cold]
fn deny(bytes: usize) {
    if let (Some(tell), Asker::Guest) = (ON_DENIAL.get(), asker()) {
        tell(bytes);
    }
}

static END_PROGRAM: OnceLock<fn()> = OnceLock::new();

/// Has `end` called before the process is given up, on the thread that gets no memory: it does not return where it can end
/// the program of that thread alone. The first call counts.
pub(crate) fn on_failure(end: fn()) {
    let _ = END_PROGRAM.set(end);
}

unsafe extern "C" {
    /// `std::set_new_handler`: what C++ calls when `new` gets no memory, before it gives up.
    #[link_name = "_ZSt15set_new_handlerPFvvE"]
    fn set_new_handler(handler: Option<extern "C" fn()>) -> Option<extern "C" fn()>;
}

/// Has `new` of C++, which gives up the process without memory, get what there is for a guest that is being ended, or else
/// end the program that needs it where that is possible, or else end by `abort(3)`, for which there is a handler. By itself it ends by a trap.
pub fn serve_new() {
    extern "C" fn without_memory() {
        // `new` tries again when the handler returns.
        if !(overdraw() && refused(DENIED.get())) {
            if let Some(end_program) = END_PROGRAM.get() {
                end_program();
            }
            std::process::abort();
        }
    }
    // SAFETY: the handler has the signature that is asked for, and does not unwind.
    unsafe { set_new_handler(Some(without_memory)) };
}

/// The allocator of Rust code, which gives up the process without memory as `new` of C++ does.
#[derive(Clone, Copy, Debug)]
pub struct Allocator;

// SAFETY: the system's allocator, asked again.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller.
        insist(layout.size(), || unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller.
        insist(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the caller. A block that cannot be changed is still there.
        insist(size, || unsafe { System.realloc(block, layout, size) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: by the caller.
        unsafe { System.dealloc(block, layout) };
    }
}

#[inline]
fn insist(bytes: usize, allocate: impl Fn() -> *mut u8) -> *mut u8 {
    let block = allocate();
    if block.is_null() && bytes > 0 && overdraw() && refused(bytes) {
        return allocate();
    }
    block
}

/// Whether memory that was refused is to be asked for again.
#[cold]
pub(crate) fn refused(bytes: usize) -> bool {
    let Some(decide) = ON_REFUSAL.get() else {
        return false;
    };
    let asked = REFUSED.try_with(|refused| refused.replace(true));
    if asked != Ok(false) {
        return false;
    }
    let again = decide(bytes);
    REFUSED.set(false);
    if !again {
        DENIED.set(bytes);
    }
    again
}

/// Whether the calling thread was refused memory for good, which may be why it fails now.
#[must_use]
pub fn was_denied() -> bool {
    DENIED.get() > 0
}

/// Size of the last allocation that the calling thread was refused for good, bytes; 0 for none.
pub(crate) fn denied() -> usize {
    DENIED.get()
}

/// What the calling thread needs, as the one who gives up without it. Where that is a guest it will be ended, and may take
/// what it needs to get there. False where it is none.
fn overdraw() -> bool {
    // SAFETY: an account outlives its entry.
    let Some(account) = (unsafe { ACCOUNT.get().as_ref() }) else {
        return false;
    };
    account.overdraw();
    true
}

/// For whom the calling thread asks for memory.
#[must_use]
pub fn asker() -> Asker {
    let account = ACCOUNT.get();
    // SAFETY: an account outlives its entry.
    match unsafe { account.as_ref() } {
        Some(account) if account.is_ending() => Asker::Ending,
        Some(_) => Asker::Guest,
        None => Asker::Process,
    }
}

/// Counts the calling thread's allocations for a guest, for as long as it lives.
#[derive(Debug)]
pub struct Entered {
    account: Arc<Account>,
    before: *const Account,
}

impl Entered {
    /// Starts counting.
    #[must_use]
    pub fn new(account: Arc<Account>) -> Entered {
        let before = ACCOUNT.replace(Arc::as_ptr(&account));
        Entered { account, before }
    }

    /// Whose allocations are counted.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        ACCOUNT.set(self.before);
    }
}

/// The guest that the calling thread works for.
pub(crate) fn current() -> Option<Arc<Account>> {
    let account = ACCOUNT.get();
    if account.is_null() {
        return None;
    }
    // SAFETY: an account that is entered comes from an `Arc` that lives.
    unsafe {
        Arc::increment_strong_count(account);
        Some(Arc::from_raw(account))
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn count(bytes: i64) {
    // SAFETY: an account outlives its entry.
    if let Some(account) = unsafe { ACCOUNT.get().as_ref() } {
        account.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A large piece was mapped, such as a memory of WebAssembly: nobody tells when it goes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn count_mapped(bytes: usize) {
    // SAFETY: an account outlives its entry.
    if let Some(account) = unsafe { ACCOUNT.get().as_ref() } {
        account.mapped.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_once_and_by_whom() {
        static ASKED: AtomicI64 = AtomicI64::new(0);
        fn decide(bytes: usize) -> bool {
            ASKED.fetch_add(1, Ordering::Relaxed);
            assert!(!refused(1), "not while one is told");
            bytes == 7 && asker() == Asker::Guest
        }
        on_refusal(decide);
        assert!(!refused(7), "nobody's");
        let account = Arc::<Account>::default();
        let entered = Entered::new(account.clone());
        assert!(Arc::ptr_eq(&current().expect("it is entered"), &account));
        assert!(refused(7));
        assert!(!refused(8));
        account.end();
        assert!(!refused(7), "it is being ended");
        drop(entered);
        assert!(current().is_none());
        assert_eq!(ASKED.load(Ordering::Relaxed), 4);
    }
}
