//! The number of a context, which scripts that are compiled in it carry.
//!
//! V8's inspector numbers contexts when it hears of them, and shows those scripts only whose context it knows. It is made late
//! here, so the main context has its number before.

/// The number that V8's inspector gives to the first context that it hears of.
const FIRST: i32 = 1;

unsafe extern "C" {
    /// `v8::debug::SetContextId`, which V8's inspector calls itself; the Rust interface does not have it.
    #[link_name = "_ZN2v85debug12SetContextIdENS_5LocalINS_7ContextEEEi"]
    fn set_context_id(context: v8::Local<'_, v8::Context>, id: i32);
}

/// Has scripts of the main context be known to an inspector that starts later.
pub fn number_main_context(context: v8::Local<'_, v8::Context>) {
    // SAFETY: stores a number in the context. A local handle is one pointer on both sides.
    unsafe { set_context_id(context, FIRST) }
}
