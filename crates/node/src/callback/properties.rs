//! Trampolines of property handlers and accessors. A handler that has failed has intercepted: its exception is pending.

#![allow(
    clippy::unused_unit,
    reason = "the table says for every kind what it gives back"
)]

use std::marker::PhantomData;

use v8::Intercepted::{self, kYes};
use v8::{
    Array, Boolean, Integer, Local, Name, PinScope, PropertyCallbackArguments as Arguments,
    PropertyDescriptor, ReturnValue, Value,
};

use super::{contain, unit};

/// Each line is a kind of callback: the name of our function, V8's type, what V8 passes, and what a failed one says.
macro_rules! trampolines {
    ($($name:ident: $kind:ident($($arg:ident: $type:ty),*) -> $result:ty = $failed:expr;)*) => {$(
        #[doc = concat!("Contains a [`v8::", stringify!($kind), "`].")]
        pub fn $name<F>(_: F) -> impl v8::MapFnTo<v8::$kind> + Copy
        where
            F: Copy + for<'s, 'i> Fn(&mut PinScope<'s, 'i>, $($type),*) -> $result,
        {
            struct Trampoline<F>(PhantomData<F>);
            impl<F> Trampoline<F>
            where
                F: Copy + for<'s, 'i> Fn(&mut PinScope<'s, 'i>, $($type),*) -> $result,
            {
                fn call<'s>(scope: &mut PinScope<'s, '_>, $($arg: $type),*) -> $result {
                    contain(scope, |scope| unit::<F>()(scope, $($arg),*)).unwrap_or($failed)
                }
            }
            Trampoline::<F>::call
        }
    )*};
}

trampolines! {
    accessor_getter: AccessorNameGetterCallback(
        key: Local<'s, Name>, args: Arguments<'s>, rv: ReturnValue<'_, Value>
    ) -> () = ();
    accessor_setter: AccessorNameSetterCallback(
        key: Local<'s, Name>, value: Local<'s, Value>, args: Arguments<'s>, rv: ReturnValue<'_, ()>
    ) -> () = ();
    named_getter: NamedPropertyGetterCallback(
        key: Local<'s, Name>, args: Arguments<'s>, rv: ReturnValue<'_, Value>
    ) -> Intercepted = kYes;
    named_setter: NamedPropertySetterCallback(
        key: Local<'s, Name>, value: Local<'s, Value>, args: Arguments<'s>, rv: ReturnValue<'_, Boolean>
    ) -> Intercepted = kYes;
    named_query: NamedPropertyQueryCallback(
        key: Local<'s, Name>, args: Arguments<'s>, rv: ReturnValue<'_, Integer>
    ) -> Intercepted = kYes;
    named_deleter: NamedPropertyDeleterCallback(
        key: Local<'s, Name>, args: Arguments<'s>, rv: ReturnValue<'_, Boolean>
    ) -> Intercepted = kYes;
    named_definer: NamedPropertyDefinerCallback(
        key: Local<'s, Name>, descriptor: &PropertyDescriptor, args: Arguments<'s>, rv: ReturnValue<'_, Boolean>
    ) -> Intercepted = kYes;
    named_descriptor: NamedPropertyDescriptorCallback(
        key: Local<'s, Name>, args: Arguments<'s>, rv: ReturnValue<'_, Value>
    ) -> Intercepted = kYes;
    indexed_getter: IndexedPropertyGetterCallback(
        index: u32, args: Arguments<'s>, rv: ReturnValue<'_, Value>
    ) -> Intercepted = kYes;
    indexed_setter: IndexedPropertySetterCallback(
        index: u32, value: Local<'s, Value>, args: Arguments<'s>, rv: ReturnValue<'_, Boolean>
    ) -> Intercepted = kYes;
    indexed_query: IndexedPropertyQueryCallback(
        index: u32, args: Arguments<'s>, rv: ReturnValue<'_, Integer>
    ) -> Intercepted = kYes;
    indexed_deleter: IndexedPropertyDeleterCallback(
        index: u32, args: Arguments<'s>, rv: ReturnValue<'_, Boolean>
    ) -> Intercepted = kYes;
    indexed_definer: IndexedPropertyDefinerCallback(
        index: u32, descriptor: &PropertyDescriptor, args: Arguments<'s>, rv: ReturnValue<'_, Boolean>
    ) -> Intercepted = kYes;
    indexed_descriptor: IndexedPropertyDescriptorCallback(
        index: u32, args: Arguments<'s>, rv: ReturnValue<'_, Value>
    ) -> Intercepted = kYes;
    property_enumerator: NamedPropertyEnumeratorCallback(
        args: Arguments<'s>, rv: ReturnValue<'_, Array>
    ) -> () = ();
}
