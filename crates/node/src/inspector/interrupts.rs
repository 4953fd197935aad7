//! JavaScript that ends with its program although a debugger looks.
//!
//! V8 postpones all interrupts while a debugger has the floor (`DebugScope`): for as long as a program stands at a
//! breakpoint, and while a script is reported. What runs meanwhile would not hear that the program has ended. V8's own
//! evaluations in frames have a `SafeForInterruptsScope` (`DebugStackTraceIterator::Evaluate`); listeners and the other
//! commands get it here.

use std::ffi::c_void;
use std::ptr::null_mut;

unsafe extern "C" {
    /// `v8::debug::PostponeInterruptsScope`, whose one member is the address of an [`InterruptsScope`].
    #[link_name = "_ZN2v85debug23PostponeInterruptsScopeC1EPNS_7IsolateE"]
    fn postpone(place: *mut *mut InterruptsScope, isolate: v8::UnsafeRawIsolatePtr);
    #[link_name = "_ZN2v85debug23PostponeInterruptsScopeD1Ev"]
    fn end_postponement(place: *mut *mut InterruptsScope);
    /// `v8::internal::StackGuard::PushInterruptsScope`.
    #[link_name = "_ZN2v88internal10StackGuard19PushInterruptsScopeEPNS0_15InterruptsScopeE"]
    fn push(stack_guard: *mut c_void, scope: *mut InterruptsScope);
    /// `v8::internal::StackGuard::PopInterruptsScope`.
    #[link_name = "_ZN2v88internal10StackGuard18PopInterruptsScopeEv"]
    fn pop(stack_guard: *mut c_void);
}

/// `v8::internal::InterruptsScope` (V8's `src/execution/interrupts-scope.h`).
#[repr(C)]
struct InterruptsScope {
    stack_guard: *mut c_void,
    previous: *mut InterruptsScope,
    mask: u32,
    intercepted: u32,
    mode: u8,
}

/// `InterruptsScope::kPostponeInterrupts`.
const POSTPONE: u8 = 0;
/// `InterruptsScope::kRunInterrupts`.
const RUN: u8 = 1;
/// `StackGuard::TERMINATE_EXECUTION`.
const TERMINATE_EXECUTION: u32 = 1;
/// `StackGuard::API_INTERRUPT`, which `v8::debug::PostponeInterruptsScope` is about.
const API_INTERRUPT: u32 = 1 << 4;

/// The isolate's `v8::internal::StackGuard`, as one of V8's scopes knows it. Nothing where V8's scopes are others than they
/// are taken for here.
fn stack_guard(isolate: &mut v8::Isolate) -> Option<*mut c_void> {
    let mut place = null_mut();
    // SAFETY: the place has room for the one pointer that the scope consists of, and the scope ends before it goes.
    unsafe {
        postpone(&raw mut place, isolate.as_raw_isolate_ptr());
        let known = place
            .as_ref()
            .filter(|scope| (scope.mode, scope.mask) == (POSTPONE, API_INTERRUPT))
            .map(|scope| scope.stack_guard);
        end_postponement(&raw mut place);
        known
    }
}

/// Pops its scope, also when a panic passes.
struct Pushed(*mut c_void);

impl Drop for Pushed {
    fn drop(&mut self) {
        // SAFETY: the scope is the last one: whoever pushed another meanwhile has popped it.
        unsafe { pop(self.0) }
    }
}

/// Does `work`, whose JavaScript hears of `TerminateExecution` wherever it runs. V8's own code behind it hears of that
/// afterwards, when it listens again: it does not expect that JavaScript was ended in the middle of a pause.
pub(super) fn terminable<'s, 'i, T>(
    scope: &mut v8::PinScope<'s, 'i>,
    work: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> T,
) -> T {
    let Some(stack_guard) = stack_guard(scope) else {
        return work(scope);
    };
    let mut run = InterruptsScope {
        stack_guard,
        previous: null_mut(),
        mask: TERMINATE_EXECUTION,
        intercepted: 0,
        mode: RUN,
    };
    // SAFETY: the stack guard is that of the isolate that is entered, and the scope stays where it is until it is popped,
    // which is before it goes.
    unsafe { push(stack_guard, &raw mut run) };
    let pushed = Pushed(stack_guard);
    let result = work(scope);
    let ended = scope.is_execution_terminating();
    if ended {
        scope.cancel_terminate_execution();
    }
    drop(pushed);
    if ended {
        scope.terminate_execution();
    }
    result
}
