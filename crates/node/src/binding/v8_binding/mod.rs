//! `internalBinding('v8')`: statistics of the heap. Follows Node's `src/node_v8.cc`.

mod gc_profiler;
mod heap;

use crate::js::class::Definition;
use crate::js::exception::{self, throw_invalid_argument};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("cachedDataVersionTag", cached_data_version_tag)
        .function(
            "isStringOneByteRepresentation",
            is_string_one_byte_representation,
        )
        .function("setFlagsFromString", set_flags_from_string)
        .function(
            "setHeapSnapshotNearHeapLimit",
            set_heap_snapshot_near_heap_limit,
        )
        .function("getHashSeed", get_hash_seed)
        .function("startCpuProfile", refuse_profile)
        .function("stopCpuProfile", refuse_profile);
    heap::define(definition);
    gc_profiler::define(definition);
}

/// Declares `internalBinding('internal_only_v8')`, which the library keeps from its users.
pub fn define_internal_only(definition: &mut Definition) {
    definition.function("queryObjects", query_objects);
}

/// V8 lets only its own inspector look for objects by their prototype.
fn query_objects(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    exception::throw_unavailable(scope, "v8.queryObjects() is not available in this VM");
}

fn cached_data_version_tag(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    rv.set_uint32(v8::script_compiler::cached_data_version_tag());
}

fn is_string_one_byte_representation(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    match v8::Local::<v8::String>::try_from(args.get(0)) {
        Ok(string) => rv.set_bool(string.is_onebyte()),
        Err(_) => throw_invalid_argument(scope, "The \"content\" argument must be of type string"),
    }
}

/// V8's flags belong to the whole operating system process and are fixed once it runs: other programs may share it,
/// and some flags lift the very checks that keep guests in.
fn set_flags_from_string(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let flags = crate::js::convert::text(scope, args.get(0));
    exception::throw_unavailable(
        scope,
        &format!("v8.setFlagsFromString() cannot change V8's flags in this VM: {flags}"),
    );
}

fn set_heap_snapshot_near_heap_limit(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    exception::throw_unavailable(
        scope,
        "v8.setHeapSnapshotNearHeapLimit() is not available in this VM",
    );
}

/// The seed must stay unknown: with it a guest could make keys that collide in other programs' tables.
fn get_hash_seed(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    exception::throw_unavailable(scope, "The hash seed is not available in this VM");
}

fn refuse_profile(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    exception::throw_unavailable(scope, "v8.startCpuProfile() is not available in this VM");
}
