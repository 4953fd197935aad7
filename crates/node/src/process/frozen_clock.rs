//! Clocks that stand still within a turn of the event loop (`jsRuntime.timingMitigation: "freeze"`).
//!
//! A turn starts with the time of day it was entered at, and everything that its thread reads until the next turn is
//! that time: the kernel's clocks, and by [`__wrap_gettimeofday`] what V8 and ICU read for `Date`, `Intl` and `Temporal`
//! in any context. The value belongs to the thread and not to a realm, so nothing that a guest can reach thaws it.

use std::cell::Cell;

use secure_exec_kernel::Timespec;

use crate::env::Env;
use crate::process::rusage::{self, ThreadUsage};

/// What a turn sees.
#[derive(Clone, Copy)]
struct Turn {
    realtime: Timespec,
    monotonic: Timespec,
    usage: ThreadUsage,
}

thread_local! {
    static TURN: Cell<Option<Turn>> = const { Cell::new(None) };
}

/// Whether the clocks of an isolate's program stand still within a turn.
pub fn stand_still(env: &Env) -> bool {
    let terms = env.try_process().map(|process| process.account().terms());
    let own = terms.and_then(|terms| terms.frozen_clocks);
    own.unwrap_or_else(|| {
        env.program()
            .is_some_and(|program| program.options.freeze_clocks)
    })
}

/// Starts a turn on the calling thread, whose clocks show the present and then stand still. Does nothing for guests
/// whose clocks run.
pub fn enter_turn(env: &Env) {
    if !stand_still(env) {
        return;
    }
    let Some(kernel) = env.try_process().and_then(|process| process.kernel().ok()) else {
        return;
    };
    TURN.set(None);
    let turn = Turn {
        realtime: kernel.clock().realtime(),
        monotonic: kernel.clock().monotonic(),
        usage: rusage::thread_usage(),
    };
    TURN.set(Some(turn));
}

/// Lets the calling thread's clocks run again.
pub fn thaw() {
    TURN.set(None);
}

/// `CLOCK_REALTIME` of the calling thread, if it stands still.
#[must_use]
pub fn realtime() -> Option<Timespec> {
    TURN.get().map(|turn| turn.realtime)
}

/// `CLOCK_MONOTONIC` of the calling thread, if it stands still.
#[must_use]
pub fn monotonic() -> Option<Timespec> {
    TURN.get().map(|turn| turn.monotonic)
}

/// Processor time of the calling thread, if it stands still.
pub(crate) fn usage() -> Option<ThreadUsage> {
    TURN.get().map(|turn| turn.usage)
}

/// `gettimeofday(2)` for V8 and ICU: the addon's linker sends their calls here (`--wrap=gettimeofday`).
///
/// # Safety
/// As the system call: `time` is null or points to a `timeval`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_gettimeofday(
    time: *mut libc::timeval,
    _zone: *mut libc::c_void,
) -> libc::c_int {
    if time.is_null() {
        return 0;
    }
    // A thread that is ending has no turn any more.
    let frozen = TURN.try_with(Cell::get).ok().flatten();
    let now = frozen.map_or_else(system_time, |turn| libc::timeval {
        tv_sec: turn.realtime.sec,
        tv_usec: i64::from(turn.realtime.nsec / 1000),
    });
    // SAFETY: not null, and by the caller a timeval.
    unsafe { time.write(now) };
    0
}

fn system_time() -> libc::timeval {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is valid for the call; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    libc::timeval {
        tv_sec: now.tv_sec,
        tv_usec: now.tv_nsec / 1000,
    }
}

/// Takes shared memory away from a context: a second thread that counts in it is a clock.
///
/// The constructor is one way to it, a shared WebAssembly memory the other; both are closed before guest code runs in
/// the context, by properties that cannot be redefined.
pub fn remove_shared_memory(scope: &mut v8::PinScope<'_, '_>) -> Option<()> {
    let source = crate::js::exception::string(scope, REMOVE_SHARED_MEMORY);
    v8::Script::compile(scope, source, None)?.run(scope)?;
    Some(())
}

const REMOVE_SHARED_MEMORY: &str = r#"{
  const { apply, defineProperty, getOwnPropertyDescriptor } = Reflect;
  const { TypeError } = globalThis;
  delete globalThis.SharedArrayBuffer;
  const length = getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength").get;
  const unshared = (buffer) => {
    try {
      apply(length, buffer, []);
    } catch {
      throw new TypeError("shared memory is not available: jsRuntime.timingMitigation is \"freeze\"");
    }
    return buffer;
  };
  const memory = globalThis.WebAssembly?.Memory.prototype;
  for (const name of memory ? ["buffer", "toFixedLengthBuffer", "toResizableBuffer"] : []) {
    const descriptor = getOwnPropertyDescriptor(memory, name);
    if (descriptor === undefined) continue;
    const { get, value } = descriptor;
    const replacement = get
      ? { get: { get [name]() { return unshared(apply(get, this, [])); } }.__lookupGetter__(name) }
      : { value: { [name]() { return unshared(apply(value, this, [])); } }[name], writable: false };
    defineProperty(memory, name, { ...replacement, enumerable: descriptor.enumerable, configurable: false });
  }
}"#;
