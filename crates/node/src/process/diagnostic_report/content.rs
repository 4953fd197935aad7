//! What a report says.

use serde_json::{Map, Value, json};

use super::Settings;
use super::calendar::{civil, wall_clock};
use crate::env::Env;
use crate::env::clock::monotonic_nanoseconds;
use crate::heap::heap_limit;
use crate::js::convert;
use crate::library::claims;
use crate::library::tables::tables;
use crate::process::rusage::thread_usage;
use crate::process::{machine, process_env};

/// Message, stack and own properties of an error, as the report's `javascriptStack`.
fn javascript_stack(scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Value>) -> Value {
    let Ok(error) = v8::Local::<v8::Object>::try_from(error) else {
        let text = error.to_detail_string(scope);
        let text = text.map(|text| text.to_rust_string_lossy(scope));
        return json!({ "message": text.unwrap_or_default(), "errorProperties": {} });
    };
    v8::tc_scope!(let scope, scope);
    let stack = convert::get(scope, error, "stack").filter(|stack| stack.is_string());
    let stack = stack
        .map(|stack| stack.to_rust_string_lossy(scope))
        .unwrap_or_default();
    let mut lines = stack.lines().map(str::trim);
    let Some(message) = lines.next() else {
        // A getter of the guest that threw is its own affair.
        if scope.has_terminated() {
            scope.rethrow();
        } else {
            scope.reset();
        }
        return json!({ "message": "No stack.", "stack": ["Unavailable."], "errorProperties": {} });
    };
    let frames: Vec<&str> = lines.collect();
    let mut properties = Map::new();
    let names = error.get_own_property_names(scope, v8::GetPropertyNamesArgs::default());
    if let Some(names) = names {
        for index in 0..names.length().min(1000) {
            let Some(name) = names.get_index(scope, index) else {
                break;
            };
            let Some(value) = error.get(scope, name) else {
                break;
            };
            let Some(value) = value.to_string(scope) else {
                break;
            };
            properties.insert(
                name.to_rust_string_lossy(scope),
                Value::String(value.to_rust_string_lossy(scope)),
            );
        }
    }
    // What a getter of the guest threw is its own affair: the report is made without it.
    if scope.has_terminated() {
        scope.rethrow();
    } else {
        scope.reset();
    }
    json!({ "message": message, "stack": frames, "errorProperties": properties })
}

fn javascript_heap(scope: &mut v8::PinScope<'_, '_>) -> Value {
    let limit = heap_limit::size_limit(scope);
    let heap = scope.get_heap_statistics();
    json!({
        "totalMemory": heap.total_heap_size(),
        "executableMemory": heap.total_heap_size_executable(),
        "totalCommittedMemory": heap.total_physical_size(),
        "availableMemory": heap.total_available_size(),
        "totalGlobalHandlesMemory": heap.total_global_handles_size(),
        "usedGlobalHandlesMemory": heap.used_global_handles_size(),
        "usedMemory": heap.used_heap_size(),
        "memoryLimit": limit,
        "mallocedMemory": heap.malloced_memory(),
        "externalMemory": heap.external_memory(),
        "peakMallocedMemory": heap.peak_malloced_memory(),
        "nativeContextCount": heap.number_of_native_contexts(),
        "detachedContextCount": heap.number_of_detached_contexts(),
        "doesZapGarbage": 0,
        "heapSpaces": {},
    })
}

fn processors(env: &Env) -> Vec<Value> {
    let times = machine::processor_times(env);
    let one = |times: machine::ProcessorTimes| {
        json!({
            "model": machine::PROCESSOR,
            "speed": 0,
            "user": times.user,
            "nice": 0,
            "sys": times.system,
            "idle": times.idle,
            "irq": 0,
        })
    };
    times.into_iter().map(one).collect()
}

fn interfaces() -> Vec<Value> {
    let one = |(address, netmask, family, scope_id): (&str, &str, &str, i32)| {
        let mut interface = json!({
            "name": "lo",
            "internal": true,
            "mac": machine::LOOPBACK_MAC,
            "address": address,
            "netmask": netmask,
            "family": family,
        });
        if scope_id >= 0 {
            interface["scopeid"] = json!(scope_id);
        }
        interface
    };
    machine::LOOPBACK.into_iter().map(one).collect()
}

/// What the program has used of its processor. The machine counts no reads and writes of discs.
fn processor_usage(env: &Env) -> Value {
    let usage = thread_usage();
    let (user, system) = (usage.user / 1e6, usage.system / 1e6);
    let alive = monotonic_nanoseconds(env).saturating_sub(env.time_origin.monotonic());
    let percent = |seconds: f64| match alive {
        0 => 0.0,
        _ => 100.0 * seconds / (alive as f64 / 1e9),
    };
    json!({
        "userCpuSeconds": user,
        "kernelCpuSeconds": system,
        "cpuConsumptionPercent": percent(user + system),
        "userCpuConsumptionPercent": percent(user),
        "kernelCpuConsumptionPercent": percent(system),
        "fsActivity": { "reads": 0, "writes": 0 },
    })
}

fn resource_usage(scope: &mut v8::PinScope<'_, '_>) -> Value {
    let mut usage = processor_usage(&Env::of(scope));
    let heap = scope.get_heap_statistics();
    let resident = heap.total_physical_size() + heap.external_memory() + heap.malloced_memory();
    let faults = thread_usage().page_faults;
    usage["rss"] = json!(resident);
    usage["maxRss"] = json!(resident);
    usage["pageFaults"] = json!({ "IORequired": faults.1, "IONotRequired": faults.0 });
    usage
}

/// The report of `event`, with the stack of `error` where it is one.
pub fn build(
    scope: &mut v8::PinScope<'_, '_>,
    event: &str,
    trigger: &str,
    filename: Option<&str>,
    error: v8::Local<'_, v8::Value>,
) -> Value {
    let env = Env::of(scope);
    let stack = javascript_stack(scope, error);
    let heap = javascript_heap(scope);
    let now = wall_clock(&env);
    let (year, month, day, hour, minute, second) = civil(now / 1000);
    let process = env.try_process();
    let arguments: Vec<String> = process
        .as_ref()
        .map(|process| process.argv())
        .unwrap_or_default()
        .iter()
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    let directory = process
        .as_ref()
        .and_then(|process| process.getcwd().ok())
        .unwrap_or_default();
    let excluded = env.state::<Settings>().exclude_env.get();
    let excluded = excluded.unwrap_or_else(|| env.options.borrow().flag("--report-exclude-env"));
    let about = &tables()["process"];
    let [system, version, release, machine] = machine::system();
    let versions: Map<String, Value> = claims::versions()
        .into_iter()
        .map(|(name, version)| (name, Value::String(version)))
        .collect();
    let mut report = json!({
        "header": {
            "reportVersion": 5,
            "event": event,
            "trigger": trigger,
            "filename": filename,
            "dumpEventTime": format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
            "dumpEventTimeStamp": now.to_string(),
            "processId": process.as_ref().map(|process| process.pid().raw()),
            "threadId": env.worker().map_or(0, |worker| worker.id),
            "cwd": String::from_utf8_lossy(&directory),
            "commandLine": arguments,
            "nodejsVersion": about["version"],
            "wordSize": usize::BITS,
            "arch": about["arch"],
            "platform": about["platform"],
            "componentVersions": versions,
            "release": { "name": about["release"]["name"], "lts": about["release"]["lts"] },
            "osName": system,
            "osRelease": release,
            "osVersion": version,
            "osMachine": machine,
            "cpus": processors(&env),
            "networkInterfaces": interfaces(),
            "host": machine::hostname(&env),
        },
        "javascriptStack": stack,
        "javascriptHeap": heap,
        "nativeStack": [],
        "resourceUsage": resource_usage(scope),
        "uvthreadResourceUsage": processor_usage(&env),
        "libuv": [],
        "workers": [],
        "userLimits": {},
        "sharedObjects": [],
    });
    if !excluded {
        let all = process_env::environment(&env).all().into_iter();
        let variables: Map<String, Value> = all
            .map(|(name, value)| (name, Value::String(value)))
            .collect();
        report["environmentVariables"] = Value::Object(variables);
    }
    report
}
