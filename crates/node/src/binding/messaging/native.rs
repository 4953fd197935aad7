//! Native classes whose instances can be posted.

use super::port;
use crate::binding::performance::histogram;
use crate::binding::{blob, block_list, crypto, fs};
use crate::js::transfer::TransferData;

/// Yields what another heap makes a copy of; `None` for an object of another class.
type CloneNative = for<'s, 'i, 'o> fn(
    &mut v8::PinScope<'s, 'i>,
    v8::Local<'o, v8::Object>,
) -> Option<Box<dyn TransferData>>;

const CLONEABLE: &[CloneNative] = &[
    blob::clone_to_message,
    block_list::clone_block_list,
    block_list::clone_socket_address,
    crypto::clone_key,
    crypto::clone_certificate,
    histogram::clone_histogram,
];

/// What becomes a copy of `object`, if it is of a class of native code that can be copied.
pub fn clone(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Box<dyn TransferData>> {
    CLONEABLE.iter().find_map(|clone| clone(scope, object))
}

/// Whether `object` is of a class of native code that can be moved, but not copied.
pub fn is_transferable(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> bool {
    port::is_port(scope, object) || fs::is_file_handle(scope, object)
}

/// Moves `object` into a message, if it is of a class that can be moved and no port.
pub fn transfer(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Box<dyn TransferData>> {
    fs::transfer_file_handle(scope, object)
}
