//! The end of a program where V8 would end the process: a value that is too large for any heap, or for the memory there is.
//!
//! V8 calls its handlers of fatal errors where it cannot return without a result. JavaScript could end there all the
//! same: V8's frames between it and the failure belong to one native function of V8's, whose result JavaScript waits
//! for. So that function is left as if it had thrown the exception that ends a program (`TerminateExecution`), and
//! V8 unwinds from there by its own means. Destructors of the frames that are passed over do not run. That is right for
//! functions that have nothing on their stack that V8's collector knows of, and hold no lock: [`leavable`] marks them,
//! and nothing else is ever left. What they held of native memory stays taken.

use std::cell::Cell;
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr::NonNull;

thread_local! {
    static ISOLATE: Cell<*mut c_void> = const { Cell::new(std::ptr::null_mut()) };
    /// Its collector is at work.
    static COLLECTING: Cell<bool> = const { Cell::new(false) };
    /// Address on the stack of the innermost function that may be left; 0 where none may.
    static ENTERED: Cell<usize> = const { Cell::new(0) };
}

/// Runs a native function of V8's, which JavaScript has called and which may be left.
#[inline]
pub fn leavable<T>(run: impl FnOnce() -> T) -> T {
    let place = 0_u8;
    let before = ENTERED.replace((&raw const *black_box(&place)).addr());
    let result = run();
    ENTERED.set(before);
    result
}

/// Runs what must not be passed over: code of ours.
#[inline]
pub(crate) fn kept<T>(run: impl FnOnce() -> T) -> T {
    let before = ENTERED.replace(0);
    let result = run();
    ENTERED.set(before);
    result
}

/// The calling thread runs this isolate from now on.
pub(crate) fn attach(isolate: &v8::OwnedIsolate) {
    // SAFETY: the pointer's type is a transparent one.
    let address: *mut c_void = unsafe { std::mem::transmute(isolate.as_raw_isolate_ptr()) };
    ISOLATE.set(address);
}

/// It runs none any more.
pub(crate) fn detach() {
    ISOLATE.set(std::ptr::null_mut());
}

/// The collector of the calling thread's isolate starts, or has ended.
pub(crate) fn set_collecting(is_collecting: bool) {
    COLLECTING.set(is_collecting);
}

/// Looks at the isolate that the calling thread runs.
pub(crate) fn with_isolate<T>(look: impl FnOnce(&v8::Isolate) -> T) -> Option<T> {
    let mut isolate = NonNull::new(ISOLATE.get())?;
    // SAFETY: the isolate of this thread, which lives as long as the thread runs it; nothing is changed.
    let isolate: &v8::Isolate = unsafe { &*(&raw mut isolate).cast::<v8::Isolate>() };
    Some(look(isolate))
}

/// Where the calling thread's JavaScript waits for the function that has failed.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[derive(Clone, Copy)]
pub(crate) struct Return {
    isolate: *mut c_void,
    frame: usize,
    stack: usize,
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod layout {
    //! What V8 promises to its embedders' headers (`v8-internal.h`, `kIsolateThreadLocalTopOffset`), and to its own
    //! machine code (`ThreadLocalTop`, `ExitFrameConstants`, `constants-x64.h`).

    /// `Isolate`: frame pointer of the frame in which JavaScript waits, 0 in JavaScript and where there is none.
    pub const C_ENTRY_FP: usize = 328;
    /// Beside that frame pointer: the stack pointer at the call.
    pub const EXIT_FRAME_SP: usize = 16;
    /// What the register of the isolate has beyond its address.
    pub const ROOT_BIAS: usize = 128;
}

/// Stack that a function which may be left takes at most; a larger distance is no stack of one function.
const MOST_STACK: usize = 1 << 20;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
unsafe extern "C" {
    /// `v8::internal::Isolate::TerminateExecution`: throws what ends a program. Returns what native functions return then.
    #[link_name = "_ZN2v88internal7Isolate18TerminateExecutionEv"]
    fn terminate_execution(isolate: *mut c_void) -> usize;
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
impl Return {
    /// The way out of what fails on the calling thread, if there is one.
    pub fn find() -> Option<Return> {
        let isolate = ISOLATE.get();
        let entered = ENTERED.get();
        if isolate.is_null() || entered == 0 || COLLECTING.get() {
            return None;
        }
        let here = 0_u8;
        let here = (&raw const *black_box(&here)).addr();
        // SAFETY: the isolate of this thread, which lives as long as the thread runs it.
        let frame: usize = unsafe { isolate.byte_add(layout::C_ENTRY_FP).cast::<usize>().read() };
        if frame <= entered || frame - here > MOST_STACK {
            return None;
        }
        // SAFETY: a frame further up on this thread's stack.
        let stack = unsafe { ((frame - layout::EXIT_FRAME_SP) as *const usize).read() };
        // The function that may be left is the one that JavaScript waits for, and is what fails.
        let is_it = here < entered && entered < stack && stack < frame;
        is_it.then_some(Return {
            isolate,
            frame,
            stack,
        })
    }

    /// Takes it.
    pub fn take(self) -> ! {
        ENTERED.set(0);
        // SAFETY: the isolate of this thread.
        let thrown = unsafe { terminate_execution(self.isolate) };
        // SAFETY: the call pushed it.
        let address = unsafe { ((self.stack - 8) as *const usize).read() };
        // SAFETY: this is the return from the function that JavaScript's exit frame has called, with the result that says
        // that an exception was thrown. The code there uses nothing but these registers after such a result. Frames in
        // between are V8's, and of functions that may be left.
        unsafe {
            std::arch::asm!(
                "mov rsp, {stack}",
                "mov rbp, {frame}",
                "jmp {address}",
                stack = in(reg) self.stack,
                frame = in(reg) self.frame,
                address = in(reg) address,
                in("r13") self.isolate.addr() + layout::ROOT_BIAS,
                in("rax") thrown,
                options(noreturn),
            )
        }
    }
}

/// Elsewhere there is no way out.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[derive(Clone, Copy)]
pub(crate) enum Return {}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
impl Return {
    pub fn find() -> Option<Return> {
        None
    }

    pub fn take(self) -> ! {
        match self {}
    }
}
