//! Heap statistics, through arrays that the library reads.

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::heap::heap_limit;
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::string;

/// Adds this part of the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("updateHeapStatisticsBuffer", update_heap_statistics_buffer)
        .function(
            "updateHeapCodeStatisticsBuffer",
            update_heap_code_statistics_buffer,
        )
        .function(
            "updateHeapSpaceStatisticsBuffer",
            update_heap_space_statistics_buffer,
        )
        .function("getCppHeapStatistics", get_cpp_heap_statistics)
        .init(initialize);
}

const HEAP_FIELDS: usize = 14;
const CODE_FIELDS: usize = 4;
const SPACE_FIELDS: usize = 4;

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let env = Env::of(scope);
    let heap = env.aliased_array::<f64>(scope, Slot::HeapStatistics, HEAP_FIELDS);
    convert::set(scope, binding, "heapStatisticsBuffer", heap);
    let code = env.aliased_array::<f64>(scope, Slot::HeapCodeStatistics, CODE_FIELDS);
    convert::set(scope, binding, "heapCodeStatisticsBuffer", code);
    let space = env.aliased_array::<f64>(scope, Slot::HeapSpaceStatistics, SPACE_FIELDS);
    convert::set(scope, binding, "heapSpaceStatisticsBuffer", space);
    // The spaces are those of this V8, not those of the pinned binary's.
    let mut names: Vec<v8::Local<v8::Value>> = Vec::new();
    for index in 0..scope.number_of_heap_spaces() {
        let Some(space) = scope.get_heap_space_statistics(index) else {
            continue;
        };
        let name = space.space_name().to_string_lossy().into_owned();
        names.push(string(scope, &name).into());
    }
    let names = v8::Array::new_with_elements(scope, &names);
    convert::set(scope, binding, "kHeapSpaces", names.into());
}

fn store(env: &Env, slot: Slot, values: &[usize]) {
    let array = env.aliased::<f64>(slot);
    for (index, value) in values.iter().enumerate() {
        array.set(index, *value as f64);
    }
}

fn update_heap_statistics_buffer(scope: Scope, _args: Args, _rv: Return) {
    let heap = scope.get_heap_statistics();
    let values: [usize; HEAP_FIELDS] = [
        heap.total_heap_size(),
        heap.total_heap_size_executable(),
        heap.total_physical_size(),
        heap.total_available_size(),
        heap.used_heap_size(),
        heap_limit::size_limit(scope),
        heap.malloced_memory(),
        heap.peak_malloced_memory(),
        usize::from(heap.does_zap_garbage()),
        heap.number_of_native_contexts(),
        heap.number_of_detached_contexts(),
        heap.total_global_handles_size(),
        heap.used_global_handles_size(),
        heap.external_memory(),
    ];
    store(&Env::of(scope), Slot::HeapStatistics, &values);
}

fn update_heap_code_statistics_buffer(scope: Scope, _args: Args, _rv: Return) {
    let Some(code) = scope.get_heap_code_and_metadata_statistics() else {
        return;
    };
    let values: [usize; CODE_FIELDS] = [
        code.code_and_metadata_size(),
        code.bytecode_and_metadata_size(),
        code.external_script_source_size(),
        code.cpu_profiler_metadata_size(),
    ];
    store(&Env::of(scope), Slot::HeapCodeStatistics, &values);
}

fn update_heap_space_statistics_buffer(scope: Scope, args: Args, _rv: Return) {
    let Some(index) = args.get(0).uint32_value(scope) else {
        return;
    };
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    if index >= scope.number_of_heap_spaces() {
        return;
    }
    let Some(space) = scope.get_heap_space_statistics(index) else {
        return;
    };
    let values: [usize; SPACE_FIELDS] = [
        space.space_size(),
        space.space_used_size(),
        space.space_available_size(),
        space.physical_space_size(),
    ];
    store(&Env::of(scope), Slot::HeapSpaceStatistics, &values);
}

/// Values of the native heap (cppgc), which nothing of ours lives on: all zero, as in a Node without such objects.
fn get_cpp_heap_statistics(scope: Scope, args: Args, mut rv: Return) {
    let detailed = args.get(0).uint32_value(scope) == Some(1);
    let result = convert::null_prototype_object(scope);
    for key in [
        "committed_size_bytes",
        "resident_size_bytes",
        "used_size_bytes",
    ] {
        let zero = v8::Integer::new(scope, 0).into();
        convert::set(scope, result, key, zero);
    }
    for key in ["space_statistics", "type_names"] {
        let empty = v8::Array::new(scope, 0).into();
        convert::set(scope, result, key, empty);
    }
    let level = string(scope, if detailed { "detailed" } else { "brief" }).into();
    convert::set(scope, result, "detail_level", level);
    rv.set(result.into());
}
