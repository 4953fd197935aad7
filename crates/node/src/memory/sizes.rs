//! What an isolate and a program take.

/// Stack of a guest thread: V8's own limit (984 KiB) and room for native callbacks below it.
pub(crate) const STACK_SIZE: usize = 4 << 20;

/// Address space for compiled code. V8's own choice of 512 MiB is writable from the start, so it would count in full
/// against the memory limit of the process.
pub(crate) const CODE_RANGE: usize = 64 << 20;

/// Writable address space of every isolate besides its heap: the range for compiled code and the thread's stack.
pub const ISOLATE_BYTES: u64 = (CODE_RANGE + STACK_SIZE) as u64;

/// Memory that is set aside for a program, besides the address space that is reckoned by itself: an idle one takes half of
/// it.
pub const PROGRAM_BYTES: u64 = 12 << 20;
