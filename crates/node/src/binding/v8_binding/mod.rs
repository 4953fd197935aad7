//! `internalBinding('v8')`: statistics of the heap. Follows Node's `src/node_v8.cc`.

mod gc_profiler;
mod heap;

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::inspector::profilers::{self, Profilers};
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
        .function("startCpuProfile", start_cpu_profile)
        .function("stopCpuProfile", stop_cpu_profile);
    heap::define(definition);
    gc_profiler::define(definition);
}

/// Declares `internalBinding('internal_only_v8')`, which the library keeps from its users.
pub fn define_internal_only(definition: &mut Definition) {
    definition.function("queryObjects", query_objects);
}

/// `queryObjects(prototype)`: all objects that have it in their chain. V8 lets only its inspector look for them.
fn query_objects<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return) {
    let found = if args.get(0).is_object() {
        profilers::query_objects(scope, args.get(0))
    } else {
        Ok(None)
    };
    match found {
        Ok(Some(found)) => rv.set(found),
        Ok(None) => rv.set(v8::Array::new(scope, 0).into()),
        Err(refusal) => refusal.throw(scope),
    }
}

fn cached_data_version_tag(_scope: Scope, _args: Args, mut rv: Return) {
    rv.set_uint32(v8::script_compiler::cached_data_version_tag());
}

fn is_string_one_byte_representation(scope: Scope, args: Args, mut rv: Return) {
    match v8::Local::<v8::String>::try_from(args.get(0)) {
        Ok(string) => rv.set_bool(string.is_onebyte()),
        Err(_) => throw_invalid_argument(scope, "The \"content\" argument must be of type string"),
    }
}

/// V8's flags belong to the whole operating system process and are fixed once it runs: other programs may share it,
/// and some flags lift the very checks that keep guests in.
fn set_flags_from_string(scope: Scope, args: Args, _rv: Return) {
    let flags = crate::js::convert::text(scope, args.get(0));
    let env = Env::of(scope);
    let applied = env.options.borrow_mut().v8.apply_at_run_time(flags.trim());
    if applied == Ok(true) {
        return;
    }
    exception::throw_unavailable(
        scope,
        &format!("v8.setFlagsFromString() cannot change V8's flags in this VM: {flags}"),
    );
}

fn set_heap_snapshot_near_heap_limit(scope: Scope, _args: Args, _rv: Return) {
    exception::throw_unavailable(
        scope,
        "v8.setHeapSnapshotNearHeapLimit() is not available in this VM",
    );
}

/// The seed must stay unknown: with it a guest could make keys that collide in other programs' tables.
fn get_hash_seed(scope: Scope, _args: Args, _rv: Return) {
    exception::throw_unavailable(scope, "The hash seed is not available in this VM");
}

/// `startCpuProfile()`: the id of the profile.
fn start_cpu_profile(scope: Scope, _args: Args, mut rv: Return) {
    let profilers = Profilers::of(&Env::of(scope));
    match profilers.start_cpu(scope) {
        Ok(id) => rv.set_uint32(id),
        Err(refusal) => refusal.throw(scope),
    }
}

/// `stopCpuProfile(id)`: the profile, as JSON.
fn stop_cpu_profile(scope: Scope, args: Args, mut rv: Return) {
    let id = args.get(0).uint32_value(scope).unwrap_or(0);
    let profilers = Profilers::of(&Env::of(scope));
    match profilers.stop_cpu(scope, id) {
        Some(profile) => rv.set(exception::string(scope, &profile).into()),
        None => exception::throw(
            scope,
            exception::ErrorKind::Error,
            "ERR_CPU_PROFILE_NOT_STARTED",
            "CPU profile not started",
        ),
    }
}
