//! Memory that is not there: a command says so and ends, as the GNU tools do, where the standard library would abort.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;

/// The name of the running command.
static NAME: OnceLock<String> = OnceLock::new();

/// The allocator of every program that links this crate: the system's, which does not come back without memory.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: all is left to the system's allocator; what it gives is only looked at.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the rules of the trait, which are the same there.
        given(unsafe { System.alloc(layout) })
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.alloc_zeroed(layout) })
    }

    #[inline]
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.realloc(old, layout, size) })
    }

    #[inline]
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}

#[inline]
fn given(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        exhausted();
    }
    memory
}

/// Sets the name that [`exhausted`] tells.
pub fn set_name(name: String) {
    // The first one stays: a process is one command.
    let _ = NAME.set(name);
}

/// Says `name: memory exhausted` and ends the process with the status that the GNU tool of that name has for it.
#[cold]
pub fn exhausted() -> ! {
    let name = NAME.get().map_or("", String::as_str);
    let separator = if name.is_empty() { "" } else { ": " };
    for part in [name, separator, "memory exhausted\n"] {
        // Without a buffer, which would want memory; nobody reads it if this fails.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), part.as_bytes());
    }
    std::process::exit(status_of(name))
}

fn status_of(name: &str) -> i32 {
    match name {
        "awk" | "gawk" | "mawk" | "grep" | "egrep" | "fgrep" | "rg" | "diff" | "cmp" | "diff3"
        | "sdiff" | "patch" | "ed" | "sort" | "ls" | "dir" | "vdir" | "test" | "[" | "tar"
        | "sh" | "bash" | "dash" => 2,
        "expr" => 3,
        "sed" => 4,
        "chroot" | "env" | "nice" | "nohup" | "stdbuf" | "timeout" => 125,
        _ => 1,
    }
}
