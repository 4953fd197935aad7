//! Machine code of a WebAssembly module, as bytes and back: `CompiledWasmModule::Serialize` and what V8's streaming interface
//! makes of it (`v8-wasm.h`).
//!
//! V8 trusts these bytes: they are code, and run as they are. So they never come from a guest. Its own checks (version,
//! flags, what the processor can) are against mistakes; that the code is that of the module is taken for granted.

mod functions;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

/// `wasm::ExecutionTier::kTurbofan`; without an interpreter the one below is Liftoff.
const TURBOFAN: i8 = 2;

/// `v8::OwnedBuffer`: `std::unique_ptr<const uint8_t[]>` and its length.
#[repr(C)]
struct OwnedBuffer {
    data: *mut u8,
    size: usize,
}

unsafe extern "C" {
    /// `v8::CompiledWasmModule::Serialize`, which the bindings lack. V8's C++ library passes a `std::unique_ptr` as the pointer
    /// that it is, and so a struct with one as its fields.
    #[link_name = "_ZN2v818CompiledWasmModule9SerializeEv"]
    fn serialize_module(module: *const c_void) -> OwnedBuffer;
    /// `operator delete[]`, by which the buffer is freed.
    #[link_name = "_ZdaPv"]
    fn delete_array(data: *mut u8);
    #[link_name = "_ZN2v88internal4wasm13GetWasmEngineEv"]
    fn wasm_engine() -> *mut c_void;
    /// `wasm::NativeModule::HasCode`: whether a function was compiled, in whatever way.
    #[link_name = "_ZNK2v88internal4wasm12NativeModule7HasCodeEj"]
    fn has_code(module: *const c_void, function: u32) -> bool;
    #[link_name = "_ZNK2v88internal4wasm12NativeModule15HasCodeWithTierEjNS1_13ExecutionTierE"]
    fn has_code_of(module: *const c_void, function: u32, tier: i8) -> bool;
    /// `wasm::WasmEngine::CompileFunction`: compiles one function now, on this thread.
    #[link_name = "_ZN2v88internal4wasm10WasmEngine15CompileFunctionEPNS1_12NativeModuleEjNS1_13ExecutionTierE"]
    fn compile_function(engine: *mut c_void, module: *mut c_void, function: u32, tier: i8);
}

/// `v8::CompiledWasmModule`, and the `wasm::NativeModule` whose `std::shared_ptr` is its first field.
fn parts(module: &v8::CompiledWasmModule) -> (*const c_void, *mut c_void) {
    const {
        assert!(size_of::<v8::CompiledWasmModule>() == size_of::<*const c_void>());
    }
    // SAFETY: the type is a pointer to the C++ object and nothing else, which the size above holds it to; the object lives
    // as long as `module`, and begins with a `std::shared_ptr`, which begins with the pointer.
    unsafe {
        let object: *const c_void = std::mem::transmute_copy(module);
        (object, *object.cast::<*mut c_void>())
    }
}

/// Compiles with V8's optimizing compiler what of a module has run: no other code is serialized.
pub fn optimize(module: &v8::CompiledWasmModule) {
    let Some(functions) = functions::of(module.get_wire_bytes_ref()) else {
        return;
    };
    let (_, native) = parts(module);
    for function in functions {
        // SAFETY: the module is alive and has these functions; V8 guards its table of code by a lock of its own.
        unsafe {
            if has_code(native, function) && !has_code_of(native, function, TURBOFAN) {
                compile_function(wasm_engine(), native, function, TURBOFAN);
            }
        }
    }
}

/// The optimized code of a module; None if there is none.
pub fn serialize(module: &v8::CompiledWasmModule) -> Option<Vec<u8>> {
    let (object, _) = parts(module);
    // SAFETY: the object is alive; what is returned is a buffer that is the caller's from now on.
    unsafe {
        let made = serialize_module(object);
        if made.data.is_null() {
            return None;
        }
        let bytes = std::slice::from_raw_parts(made.data, made.size).to_vec();
        delete_array(made.data);
        Some(bytes)
    }
}

thread_local! {
    /// The code for the module that this thread makes right now.
    static CODE: Cell<Option<*const [u8]>> = const { Cell::new(None) };
}

/// Called by V8 within `finish`.
///
/// # Safety
/// Called by V8 alone, with an object of its own.
unsafe extern "C" fn give_code(caching: *mut v8::ModuleCachingInterface) {
    let Some(code) = CODE.take() else {
        return;
    };
    // SAFETY: the bytes are borrowed by the caller of `finish`, in which this is called.
    unsafe {
        (*caching).set_cached_compiled_module_bytes(&*code);
    }
}

/// A module of these bytes with that code, which [`serialize`] has made of the same module. None if V8 does not take it: it was
/// made by another version, with other flags or on another processor.
pub fn deserialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    wire_bytes: &[u8],
    code: &[u8],
) -> Option<v8::Local<'s, v8::WasmModuleObject>> {
    let mut compilation = v8::WasmModuleCompilation::new();
    compilation.set_has_compiled_module_bytes();
    compilation.on_bytes_received(wire_bytes);
    let made = Rc::new(RefCell::new(None));
    let resolved = made.clone();
    CODE.set(Some(code));
    // Where the code is taken the module is there when this returns; else V8 compiles it, which nobody waits for.
    compilation.finish(scope, Some(give_code), move |isolate, result| {
        if let Ok(module) = result {
            resolved.replace(Some(v8::Global::new(isolate, module)));
        }
    });
    CODE.set(None);
    let module = made.borrow_mut().take()?;
    Some(v8::Local::new(scope, module))
}
