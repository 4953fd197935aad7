//! Functions of V8's that the addon's linker sends through here (`build.rs`: `--wrap`).
//!
//! Most make values as large as a program asks for, and V8 ends the process where one is too large. With
//! `leavable` around them the program is ended instead. They run no code of ours, hold no lock while they make a value,
//! and have nothing on their stack that V8's collector looks at. The others take memory for WebAssembly.

use std::ffi::{c_char, c_int, c_void};

use secure_exec_vm::{Collect, admits_pages, invalid_size, leavable};

/// Names of functions that JavaScript calls, as `build.rs` has them.
macro_rules! leavable_functions {
    ($($wrap:ident = $real:ident),* $(,)?) => {
        unsafe extern "C" {
            $(fn $real(count: c_int, values: *mut usize, isolate: *mut c_void) -> usize;)*
        }
        $(
            /// # Safety
            /// As V8's function.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $wrap(count: c_int, values: *mut usize, isolate: *mut c_void) -> usize {
                // SAFETY: by the caller.
                leavable(|| unsafe { $real(count, values, isolate) })
            }
        )*
    };
}

include!(concat!(env!("OUT_DIR"), "/leavable_functions.rs"));

/// `v8::base::FatalNoSecurityImpact`, which takes a format and values for it.
#[unsafe(no_mangle)]
extern "C" fn __wrap__ZN2v84base21FatalNoSecurityImpactEPKcz(_format: *const c_char) -> ! {
    invalid_size()
}

/// `std::optional<size_t>`.
#[repr(C)]
struct Pages {
    number: usize,
    is_some: bool,
}

unsafe extern "C" {
    fn __real__ZN2v88internal12BackingStore21GrowWasmMemoryInPlaceEPNS0_7IsolateEmm(
        store: *mut c_void,
        isolate: *mut c_void,
        pages: usize,
        most: usize,
    ) -> Pages;

    fn __real__ZN2v88internal12BackingStore18AllocateWasmMemoryEPNS0_7IsolateEmmNS0_14WasmMemoryFlagENS_4base11StrongAliasINS0_13SharedFlagTagEbEE(
        isolate: *mut c_void,
        pages: usize,
        most: usize,
        kind: u8,
        is_shared: bool,
    ) -> *mut c_void;
}

/// `v8::internal::BackingStore::GrowWasmMemoryInPlace`: none where it cannot grow.
///
/// # Safety
/// As V8's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap__ZN2v88internal12BackingStore21GrowWasmMemoryInPlaceEPNS0_7IsolateEmm(
    store: *mut c_void,
    isolate: *mut c_void,
    pages: usize,
    most: usize,
) -> Pages {
    // What the caller tries next may collect.
    if pages > 0 && !admits_pages(pages, None) {
        return Pages {
            number: 0,
            is_some: false,
        };
    }
    // SAFETY: by the caller.
    unsafe {
        __real__ZN2v88internal12BackingStore21GrowWasmMemoryInPlaceEPNS0_7IsolateEmm(
            store, isolate, pages, most,
        )
    }
}

/// `v8::internal::BackingStore::AllocateWasmMemory`: null where there is no memory. V8's C++ library passes a
/// `std::unique_ptr` as the pointer that it is.
///
/// # Safety
/// As V8's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap__ZN2v88internal12BackingStore18AllocateWasmMemoryEPNS0_7IsolateEmmNS0_14WasmMemoryFlagENS_4base11StrongAliasINS0_13SharedFlagTagEbEE(
    isolate: *mut c_void,
    pages: usize,
    most: usize,
    kind: u8,
    is_shared: bool,
) -> *mut c_void {
    // SAFETY: V8's function collects as well when it gets no memory.
    let collect = unsafe { Collect::of(isolate) };
    if pages > 0 && !admits_pages(pages, Some(collect)) {
        return std::ptr::null_mut();
    }
    // SAFETY: by the caller.
    unsafe {
        __real__ZN2v88internal12BackingStore18AllocateWasmMemoryEPNS0_7IsolateEmmNS0_14WasmMemoryFlagENS_4base11StrongAliasINS0_13SharedFlagTagEbEE(
            isolate, pages, most, kind, is_shared,
        )
    }
}
