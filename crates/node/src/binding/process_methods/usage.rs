//! Processor time and memory of the process.

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::heap::{heap_limit, own_heap_limit};
use crate::js::exception;
use crate::process::rusage::{ThreadUsage, thread_usage};

/// Writes `values` into the Float64Array of argument 0.
fn fill(scope: &mut v8::PinScope<'_, '_>, target: v8::Local<'_, v8::Value>, values: &[f64]) {
    let Ok(array) = v8::Local::<v8::Float64Array>::try_from(target) else {
        exception::throw_invalid_argument(scope, "The \"values\" argument must be a Float64Array");
        return;
    };
    for (index, value) in (0u32..).zip(values) {
        let value = v8::Number::new(scope, *value).into();
        array.set_index(scope, index, value);
    }
}

pub(super) fn cpu_usage(scope: Scope, args: Args, _rv: Return) {
    let usage = thread_usage();
    fill(scope, args.get(0), &[usage.user, usage.system]);
}

/// In the order of `uv_rusage_t`. Counters that Linux leaves at zero, and those of I/O blocks and signals, which the
/// kernel of the VM does not keep, are zero.
pub(super) fn resource_usage(scope: Scope, args: Args, _rv: Return) {
    let ThreadUsage {
        user,
        system,
        page_faults,
        context_switches,
    } = thread_usage();
    let kilobytes = resident(scope) / 1024.0;
    let mut values = [0.0; 16];
    values[0] = user;
    values[1] = system;
    values[2] = kilobytes.floor();
    values[6] = page_faults.0;
    values[7] = page_faults.1;
    values[14] = context_switches.0;
    values[15] = context_switches.1;
    fill(scope, args.get(0), &values);
}

/// Bytes the isolate holds: its heap and what hangs on it outside.
fn resident(scope: &mut v8::PinScope<'_, '_>) -> f64 {
    let statistics = scope.get_heap_statistics();
    (statistics.total_physical_size() + statistics.external_memory() + statistics.malloced_memory())
        as f64
}

pub(super) fn memory_usage(scope: Scope, args: Args, _rv: Return) {
    let rss = resident(scope);
    let statistics = scope.get_heap_statistics();
    let external = statistics.external_memory() as f64;
    let array_buffers = Env::of(scope).array_buffers.used() as f64;
    let values = [
        rss,
        statistics.total_heap_size() as f64,
        statistics.used_heap_size() as f64,
        external,
        array_buffers,
    ];
    fill(scope, args.get(0), &values);
}

pub(super) fn rss(scope: Scope, _args: Args, mut rv: Return) {
    rv.set_double(resident(scope));
}

/// Memory that the process may use at most: its heap limit, which stands for a cgroup's.
pub(super) fn limit(scope: &mut v8::PinScope<'_, '_>) -> f64 {
    let own = own_heap_limit::of_machine(&Env::of(scope));
    own.unwrap_or_else(|| heap_limit::size_limit(scope)) as f64
}

pub(super) fn constrained_memory(scope: Scope, _args: Args, mut rv: Return) {
    rv.set_double(limit(scope));
}

pub(super) fn available_memory(scope: Scope, _args: Args, mut rv: Return) {
    let limit = limit(scope);
    let used = resident(scope);
    rv.set_double((limit - used).max(0.0));
}

/// Total and free memory as the `os` module shows them: those of the machine, as in `/proc/meminfo`. Of the programs only
/// the caller is known here.
pub fn total_and_free(scope: &mut v8::PinScope<'_, '_>) -> (f64, f64) {
    let kernel = Env::of(scope).kernel();
    let total = kernel.config().memory_bytes as f64;
    let files = kernel.resource_counts().filesystem_bytes as f64;
    let used = files + resident(scope);
    (total, (total - used).max(0.0))
}
