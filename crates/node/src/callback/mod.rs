//! The one way from V8 into our code: a panic ends here, as an exception of the guest.
//!
//! V8 calls functions of C, out of which no panic can unwind: it would abort the process, with the files of the VM. All
//! that V8 calls is therefore made by this module, or runs inside [`contain`] or [`contain_bare`]; a test of the
//! repository finds what is not. The panic hook of the VM tells the host, which takes the VM out of use and keeps its
//! files; the guest gets [`throw_internal_error`]'s exception meanwhile.

mod delegates;
mod properties;
#[cfg(test)]
mod tests;
pub mod unwinding;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use delegates::Contained;
pub use properties::{
    accessor_getter, accessor_setter, indexed_definer, indexed_deleter, indexed_descriptor,
    indexed_getter, indexed_query, indexed_setter, named_definer, named_deleter, named_descriptor,
    named_getter, named_query, named_setter, property_enumerator,
};

use unwinding::kept;

/// Runs `body`, which V8 has called. None after a panic, with an exception pending.
pub fn contain<'s, 'i, T>(
    scope: &mut v8::PinScope<'s, 'i>,
    body: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> T,
) -> Option<T> {
    // What a panic leaves behind is not used for long: the VM is out of use from then on.
    match kept(|| catch_unwind(AssertUnwindSafe(|| body(scope)))) {
        Ok(result) => Some(result),
        Err(_) => {
            throw_internal_error(scope);
            None
        }
    }
}

/// As [`contain`], where V8 takes no exception: in a collection, an allocation, a finalizer.
pub fn contain_bare<T>(body: impl FnOnce() -> T) -> Option<T> {
    kept(|| catch_unwind(AssertUnwindSafe(body)).ok())
}

/// Throws what the guest gets for a defect of ours: `ERR_INTERNAL_ASSERTION`, the code that Node has for its own.
#[cold]
fn throw_internal_error(scope: &mut v8::PinScope<'_, '_>) {
    // A second panic cannot be told in a better way than the first.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let Some(message) = v8::String::new(scope, "internal error") else {
            return;
        };
        let error = v8::Exception::error(scope, message);
        let code =
            v8::String::new(scope, "code").zip(v8::String::new(scope, "ERR_INTERNAL_ASSERTION"));
        if let (Some(object), Some((key, code))) = (error.to_object(scope), code) {
            object.set(scope, key.into(), code.into());
        }
        scope.throw_exception(error);
    }));
}

/// The value of a type that has one, that of a function or of a closure without captures. To be called for types of
/// which a value was seen.
fn unit<F: Copy>() -> F {
    const { assert!(size_of::<F>() == 0, "a callback captures nothing") };
    // SAFETY: nothing is read for a type without size, the place is aligned for it, and the type has a value.
    unsafe { std::ptr::NonNull::<F>::dangling().read() }
}

/// The scope that V8 calls a native function in.
pub type Scope<'a, 's, 'i> = &'a mut v8::PinScope<'s, 'i>;
/// What the caller passes to a native function.
pub type Args<'s> = v8::FunctionCallbackArguments<'s>;
/// Where a native function leaves what it returns.
pub type Return<'s> = v8::ReturnValue<'s, v8::Value>;

/// A native function, accessor function or constructor.
pub trait NativeFunction:
    Copy
    + for<'s, 'i> Fn(
        &mut v8::PinScope<'s, 'i>,
        v8::FunctionCallbackArguments<'s>,
        v8::ReturnValue<'s, v8::Value>,
    )
{
}

impl<F> NativeFunction for F where
    F: Copy
        + for<'s, 'i> Fn(
            &mut v8::PinScope<'s, 'i>,
            v8::FunctionCallbackArguments<'s>,
            v8::ReturnValue<'s, v8::Value>,
        )
{
}

/// Contains a [`v8::FunctionCallback`].
pub fn function<F: NativeFunction>(_: F) -> impl v8::MapFnTo<v8::FunctionCallback> + Copy {
    fn trampoline<'s, F: NativeFunction>(
        scope: &mut v8::PinScope<'s, '_>,
        args: v8::FunctionCallbackArguments<'s>,
        rv: v8::ReturnValue<'s, v8::Value>,
    ) {
        contain(scope, |scope| unit::<F>()(scope, args, rv));
    }
    trampoline::<F>
}

/// As [`function`], for templates, function builders and the snapshot's list of references.
pub fn raw_function(callback: impl NativeFunction) -> v8::FunctionCallback {
    v8::MapFnTo::map_fn_to(function(callback))
}
