//! Checks that many of the functions share.

use crate::js::exception::{self, ErrorKind, throw_invalid_argument};

/// The error of Node's `THROW_AND_RETURN_UNLESS_BUFFER`.
pub fn throw_not_a_buffer(scope: &mut v8::PinScope<'_, '_>) {
    throw_invalid_argument(scope, "argument must be a buffer");
}

/// The error of Node's `THROW_AND_RETURN_IF_OOB`.
pub fn throw_index_out_of_range(scope: &mut v8::PinScope<'_, '_>) {
    exception::throw(
        scope,
        ErrorKind::RangeError,
        "ERR_OUT_OF_RANGE",
        "Index out of range",
    );
}

/// A position in a buffer (`ParseArrayIndex`): `default` for undefined; throws and returns `None` where it is negative.
pub fn array_index(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    default: usize,
) -> Option<usize> {
    if value.is_undefined() {
        return Some(default);
    }
    let index = value.integer_value(scope)?;
    let index = usize::try_from(index).ok();
    if index.is_none() {
        throw_index_out_of_range(scope);
    }
    index
}

/// Whether `convert::with_bytes` can read the value.
pub fn is_view_or_buffer(value: v8::Local<'_, v8::Value>) -> bool {
    value.is_array_buffer_view() || value.is_array_buffer() || value.is_shared_array_buffer()
}
