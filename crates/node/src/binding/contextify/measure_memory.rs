//! `vm.measureMemory()`. Follows `ContextifyContext`'s neighbour `MeasureMemory` in Node's `src/node_contextify.cc`.

use std::ffi::{c_int, c_void};

use crate::callback::{Args, Return, Scope};
use crate::js::exception::throw_invalid_argument;

unsafe extern "C" {
    /// `v8::MeasureMemoryDelegate::Default`, which the bindings lack: what settles a promise with the measurement, as a
    /// `std::unique_ptr`, which V8's C++ library passes as the pointer that it is.
    #[link_name = "_ZN2v821MeasureMemoryDelegate7DefaultEPNS_7IsolateENS_5LocalINS_7ContextEEENS3_INS_7Promise8ResolverEEENS_17MeasureMemoryModeE"]
    fn new_delegate(
        isolate: v8::UnsafeRawIsolatePtr,
        context: v8::Local<'_, v8::Context>,
        resolver: v8::Local<'_, v8::PromiseResolver>,
        mode: c_int,
    ) -> *mut c_void;
    /// `v8::Isolate::MeasureMemory`: takes the delegate, and measures at the next collection, or in a task.
    #[link_name = "_ZN2v87Isolate13MeasureMemoryENSt4__Cr10unique_ptrINS_21MeasureMemoryDelegateENS1_14default_deleteIS3_EEEENS_22MeasureMemoryExecutionE"]
    fn measure(isolate: v8::UnsafeRawIsolatePtr, delegate: *mut c_void, execution: c_int) -> bool;
}

/// `measureMemory(mode, execution)`: a promise.
pub(super) fn measure_memory(scope: Scope, args: Args, mut rv: Return) {
    // Summary or detailed; by and by or at once. V8 has a third execution, which Node does not offer.
    let mode = args
        .get(0)
        .int32_value(scope)
        .filter(|mode| matches!(mode, 0 | 1));
    let execution = args
        .get(1)
        .int32_value(scope)
        .filter(|when| matches!(when, 0 | 1));
    let (Some(mode), Some(execution)) = (mode, execution) else {
        throw_invalid_argument(scope, "The mode and the execution are numbers of V8's");
        return;
    };
    let context = scope.get_current_context();
    let Some(resolver) = v8::PromiseResolver::new(scope) else {
        return;
    };
    // SAFETY: the isolate is the scope's, the delegate is V8's own and goes back to it at once.
    unsafe {
        let isolate = scope.as_raw_isolate_ptr();
        let delegate = new_delegate(isolate, context, resolver, mode);
        measure(isolate, delegate, execution);
    }
    rv.set(resolver.get_promise(scope).into());
}
