//! The C library's allocator for everything that is linked into the addon (`build.rs` of the addon: `--wrap`). glibc has
//! its functions under second names, which a wrapper can call.

use libc::{c_int, c_long, c_void, off_t, size_t};

use super::{count, count_mapped, deny, refused};

unsafe extern "C" {
    fn __libc_malloc(size: size_t) -> *mut c_void;
    fn __libc_calloc(count: size_t, size: size_t) -> *mut c_void;
    fn __libc_realloc(block: *mut c_void, size: size_t) -> *mut c_void;
    fn __libc_memalign(alignment: size_t, size: size_t) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
}

/// Bytes of a block, which are at least those that were asked for.
fn usable(block: *mut c_void) -> i64 {
    // SAFETY: a block of the C library's, or null.
    let size = unsafe { libc::malloc_usable_size(block) };
    // No block is as large as that.
    size as i64
}

/// Mappings of at least this size are counted; V8's pages are smaller.
const LARGE_BYTES: size_t = 1 << 20;

/// How often a refused allocation is tried again: what there was for it may be gone to another thread, or be refused for
/// another reason than the lack of memory.
const ATTEMPTS: usize = 16;

/// Takes memory until there is some or it is refused for good.
fn take(bytes: size_t, allocate: impl Fn() -> *mut c_void) -> *mut c_void {
    let mut block = allocate();
    for _ in 0..ATTEMPTS {
        if !block.is_null() || bytes == 0 || !refused(bytes) {
            break;
        }
        block = allocate();
    }
    if !block.is_null() {
        count(usable(block));
    }
    block
}

/// As [`take`], for system calls that give a result below zero when they fail.
fn attempt(bytes: size_t, protection: c_int, call: impl Fn() -> c_long) -> c_long {
    let mut result = call();
    for _ in 0..ATTEMPTS {
        if result != -1 || !is_refusal(protection) || !refused(bytes) {
            break;
        }
        result = call();
    }
    if result != -1 && bytes >= LARGE_BYTES && protection & libc::PROT_WRITE != 0 {
        count_mapped(bytes);
    }
    result
}

/// As `malloc(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_malloc(size: size_t) -> *mut c_void {
    // SAFETY: takes any size.
    take(size, || unsafe { __libc_malloc(size) })
}

/// As `calloc(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_calloc(elements: size_t, size: size_t) -> *mut c_void {
    // What is too large for a number is too large for any memory.
    let bytes = elements.checked_mul(size).unwrap_or(0);
    // SAFETY: takes any sizes.
    take(bytes, || unsafe { __libc_calloc(elements, size) })
}

/// As `realloc(3)`.
///
/// # Safety
/// `block` is null or a block of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_realloc(block: *mut c_void, size: size_t) -> *mut c_void {
    let before = usable(block);
    // SAFETY: by the caller. A block that cannot be changed is still there.
    let changed = take(size, || unsafe { __libc_realloc(block, size) });
    if !changed.is_null() || size == 0 {
        count(-before);
    }
    changed
}

/// As `posix_memalign(3)`.
///
/// # Safety
/// `place` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_posix_memalign(
    place: *mut *mut c_void,
    alignment: size_t,
    size: size_t,
) -> c_int {
    if !alignment.is_power_of_two() || !alignment.is_multiple_of(size_of::<*const c_void>()) {
        return libc::EINVAL;
    }
    // SAFETY: the alignment is a power of two.
    let block = take(size, || unsafe { __libc_memalign(alignment, size) });
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: by the caller.
    unsafe { place.write(block) };
    0
}

/// As `free(3)`.
///
/// # Safety
/// `block` is null or a block of the C library's that nothing uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_free(block: *mut c_void) {
    if !block.is_null() {
        count(-usable(block));
        // SAFETY: by the caller.
        unsafe { __libc_free(block) };
    }
}

/// Whether the last system call failed for a lack of memory that can be written to.
fn is_refusal(protection: c_int) -> bool {
    let writable = protection & libc::PROT_WRITE != 0;
    // SAFETY: the calling thread's own.
    writable && unsafe { *libc::__errno_location() } == libc::ENOMEM
}

/// As `mmap(2)`.
///
/// # Safety
/// As the system call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_mmap(
    address: *mut c_void,
    length: size_t,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    let number = libc::SYS_mmap;
    // SAFETY: by the caller.
    let map = || unsafe { libc::syscall(number, address, length, protection, flags, fd, offset) };
    attempt(length, protection, map) as *mut c_void
}

/// As `mmap64(2)`.
///
/// # Safety
/// As the system call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_mmap64(
    address: *mut c_void,
    length: size_t,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    // SAFETY: by the caller. Offsets have 64 bits in any case.
    unsafe { __wrap_mmap(address, length, protection, flags, fd, offset) }
}

/// As `mprotect(2)`: what was only reserved may become memory.
///
/// # Safety
/// As the system call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_mprotect(
    address: *mut c_void,
    length: size_t,
    protection: c_int,
) -> c_int {
    // SAFETY: by the caller.
    let protect = || unsafe { libc::syscall(libc::SYS_mprotect, address, length, protection) };
    if attempt(length, protection, protect) == 0 {
        return 0;
    }
    if length >= LARGE_BYTES && is_refusal(protection) {
        deny(length);
        // SAFETY: the calling thread's own; what was told may have changed it.
        unsafe { *libc::__errno_location() = libc::ENOMEM };
    }
    -1
}
