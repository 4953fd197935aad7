//! `internalBinding('report')`: diagnostic reports (`process.report`). Follows Node's `src/node_report.cc`.
//!
//! # Deviations
//! A report speaks of the guest alone: native stack, loaded libraries and the host's limits are empty.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;

use secure_exec_kernel::abi::fcntl::OpenFlags;
use serde_json::{Map, Value, json};

use super::Definition;
use crate::convert;
use crate::env::Env;
use crate::exception::{self, SyscallContext};
use crate::process_env;
use crate::rusage::thread_usage;
use crate::tables::tables;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("writeReport", write_report)
        .function("getReport", get_report)
        .function("getCompact", get_compact)
        .function("setCompact", set_compact)
        .function("getExcludeNetwork", get_exclude_network)
        .function("setExcludeNetwork", set_exclude_network)
        .function("getExcludeEnv", get_exclude_env)
        .function("setExcludeEnv", set_exclude_env)
        .function("getDirectory", get_directory)
        .function("setDirectory", set_directory)
        .function("getFilename", get_filename)
        .function("setFilename", set_filename)
        .function("getSignal", get_signal)
        .function("setSignal", set_signal)
        .function("shouldReportOnFatalError", should_report_on_fatal_error)
        .function("setReportOnFatalError", set_report_on_fatal_error)
        .function("shouldReportOnSignal", should_report_on_signal)
        .function("setReportOnSignal", set_report_on_signal)
        .function(
            "shouldReportOnUncaughtException",
            should_report_on_uncaught_exception,
        )
        .function(
            "setReportOnUncaughtException",
            set_report_on_uncaught_exception,
        );
}

/// `process.report`'s settings; absent until set, when the command line's value counts.
#[derive(Default)]
struct Settings {
    compact: Cell<Option<bool>>,
    exclude_network: Cell<Option<bool>>,
    exclude_env: Cell<Option<bool>>,
    on_fatal_error: Cell<Option<bool>>,
    on_signal: Cell<Option<bool>>,
    on_uncaught_exception: Cell<Option<bool>>,
    directory: RefCell<Option<String>>,
    filename: RefCell<Option<String>>,
    signal: RefCell<Option<String>>,
    written: Cell<u32>,
}

macro_rules! flag {
    ($get:ident, $set:ident, $field:ident, $option:literal) => {
        fn $get(
            scope: &mut v8::PinScope<'_, '_>,
            _args: v8::FunctionCallbackArguments<'_>,
            mut rv: v8::ReturnValue<'_, v8::Value>,
        ) {
            let env = Env::of(scope);
            let value = env.state::<Settings>().$field.get();
            rv.set_bool(value.unwrap_or_else(|| env.options.borrow().flag($option)));
        }

        fn $set(
            scope: &mut v8::PinScope<'_, '_>,
            args: v8::FunctionCallbackArguments<'_>,
            _rv: v8::ReturnValue<'_, v8::Value>,
        ) {
            Env::of(scope)
                .state::<Settings>()
                .$field
                .set(Some(args.get(0).is_true()));
        }
    };
}

macro_rules! text {
    ($get:ident, $set:ident, $field:ident, $option:literal) => {
        fn $get(
            scope: &mut v8::PinScope<'_, '_>,
            _args: v8::FunctionCallbackArguments<'_>,
            mut rv: v8::ReturnValue<'_, v8::Value>,
        ) {
            let env = Env::of(scope);
            let value = env.state::<Settings>().$field.borrow().clone();
            let value = value.or_else(|| env.options.borrow().text($option).map(str::to_owned));
            rv.set(exception::string(scope, &value.unwrap_or_default()).into());
        }

        fn $set(
            scope: &mut v8::PinScope<'_, '_>,
            args: v8::FunctionCallbackArguments<'_>,
            _rv: v8::ReturnValue<'_, v8::Value>,
        ) {
            let value = convert::text(scope, args.get(0));
            Env::of(scope)
                .state::<Settings>()
                .$field
                .replace(Some(value));
        }
    };
}

flag!(get_compact, set_compact, compact, "--report-compact");
flag!(
    get_exclude_network,
    set_exclude_network,
    exclude_network,
    "--report-exclude-network"
);
flag!(
    get_exclude_env,
    set_exclude_env,
    exclude_env,
    "--report-exclude-env"
);
flag!(
    should_report_on_fatal_error,
    set_report_on_fatal_error,
    on_fatal_error,
    "--report-on-fatalerror"
);
flag!(
    should_report_on_signal,
    set_report_on_signal,
    on_signal,
    "--report-on-signal"
);
flag!(
    should_report_on_uncaught_exception,
    set_report_on_uncaught_exception,
    on_uncaught_exception,
    "--report-uncaught-exception"
);
text!(get_directory, set_directory, directory, "--report-dir");
text!(get_filename, set_filename, filename, "--report-filename");
text!(get_signal, set_signal, signal, "--report-signal");

/// Message, stack and own properties of an error, as the report's `javascriptStack`.
fn javascript_stack(scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Value>) -> Value {
    let Ok(error) = v8::Local::<v8::Object>::try_from(error) else {
        return json!({ "message": "No stack.", "stack": ["Unavailable."], "errorProperties": {} });
    };
    v8::tc_scope!(let scope, scope);
    let stack = convert::get(scope, error, "stack").filter(|stack| stack.is_string());
    let stack = stack
        .map(|stack| stack.to_rust_string_lossy(scope))
        .unwrap_or_default();
    let mut lines = stack.lines().map(str::trim);
    let message = lines.next().unwrap_or("No stack.").to_owned();
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
    let heap = scope.get_heap_statistics();
    json!({
        "totalMemory": heap.total_heap_size(),
        "executableMemory": heap.total_heap_size_executable(),
        "totalCommittedMemory": heap.total_physical_size(),
        "availableMemory": heap.total_available_size(),
        "totalGlobalHandlesMemory": heap.total_global_handles_size(),
        "usedGlobalHandlesMemory": heap.used_global_handles_size(),
        "usedMemory": heap.used_heap_size(),
        "memoryLimit": heap.heap_size_limit(),
        "mallocedMemory": heap.malloced_memory(),
        "externalMemory": heap.external_memory(),
        "peakMallocedMemory": heap.peak_malloced_memory(),
        "nativeContextCount": heap.number_of_native_contexts(),
        "detachedContextCount": heap.number_of_detached_contexts(),
        "doesZapGarbage": 0,
        "heapSpaces": {},
    })
}

/// Milliseconds of the kernel's wall clock.
fn wall_clock(env: &Env) -> i64 {
    let kernel = env.try_process().and_then(|process| process.kernel().ok());
    kernel.map_or(0, |kernel| {
        let now = kernel.clock().realtime();
        now.sec * 1000 + i64::from(now.nsec / 1_000_000)
    })
}

/// Year, month, day, hour, minute, second of UTC seconds since the epoch (proleptic Gregorian calendar).
fn civil(seconds: i64) -> (i64, i64, i64, i64, i64, i64) {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, rest / 3600, rest / 60 % 60, rest % 60)
}

fn build(
    scope: &mut v8::PinScope<'_, '_>,
    event: &str,
    trigger: &str,
    filename: Option<&str>,
    error: v8::Local<'_, v8::Value>,
) -> Value {
    let env = Env::of(scope);
    let stack = javascript_stack(scope, error);
    let heap = javascript_heap(scope);
    let usage = thread_usage();
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
            "componentVersions": about["versions"],
            "release": about["release"],
            "osName": "Linux",
            "cpus": [],
            "networkInterfaces": [],
        },
        "javascriptStack": stack,
        "javascriptHeap": heap,
        "nativeStack": [],
        "resourceUsage": {
            "userCpuSeconds": usage.user / 1e6,
            "kernelCpuSeconds": usage.system / 1e6,
        },
        "uvthreadResourceUsage": {
            "userCpuSeconds": usage.user / 1e6,
            "kernelCpuSeconds": usage.system / 1e6,
        },
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

/// A text that `process.report` was given, or else the command line; none where it is empty.
fn chosen(env: &Env, setting: &RefCell<Option<String>>, name: &str) -> Option<String> {
    match setting.borrow().clone() {
        Some(text) => Some(text).filter(|text| !text.is_empty()),
        None => option(env, name),
    }
}

fn option(env: &Env, name: &str) -> Option<String> {
    let options = env.options.borrow();
    let text = options.text(name).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

/// `getReport(error)`: the report as JSON text.
fn get_report(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let report = build(scope, "JavaScript API", "GetReport", None, args.get(0));
    rv.set(exception::string(scope, &report.to_string()).into());
}

/// The name of a report that none was given for: `report.<date>.<time>.<pid>.<thread>.<sequence>.json`.
fn default_name(env: &Env) -> String {
    let (year, month, day, hour, minute, second) = civil(wall_clock(env) / 1000);
    let written = &env.state::<Settings>().written;
    written.set(written.get() + 1);
    let pid = env.try_process().map_or(0, |process| process.pid().raw());
    let mut name = String::from("report.");
    // Writing to a String does not fail.
    let _ = write!(
        name,
        "{year:04}{month:02}{day:02}.{hour:02}{minute:02}{second:02}.{pid}.0.{:03}.json",
        written.get()
    );
    name
}

/// `writeReport(event, trigger, file, error)`: writes the report and returns the name of the file.
fn write_report(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    let event = convert::text(scope, args.get(0));
    let trigger = convert::text(scope, args.get(1));
    let settings = env.state::<Settings>();
    let name = if args.get(2).is_string() {
        convert::text(scope, args.get(2))
    } else {
        let set = chosen(&env, &settings.filename, "--report-filename");
        set.unwrap_or_else(|| default_name(&env))
    };
    let report = build(scope, &event, &trigger, Some(&name), args.get(3));
    let compact = settings.compact.get();
    let compact = compact.unwrap_or_else(|| env.options.borrow().flag("--report-compact"));
    let text = if compact {
        Ok(report.to_string())
    } else {
        serde_json::to_string_pretty(&report)
    };
    let Ok(mut text) = text else { return };
    text.push('\n');
    match name.as_str() {
        "stdout" | "stderr" => {
            let fd = if name == "stdout" { 1 } else { 2 };
            crate::report::write_fd(scope, fd, text.as_bytes());
        }
        _ => {
            let directory = chosen(&env, &settings.directory, "--report-dir")
                .or_else(|| option(&env, "--diagnostic-dir"));
            let path =
                directory.map_or_else(|| name.clone(), |directory| format!("{directory}/{name}"));
            let flags = OpenFlags::O_WRONLY
                | OpenFlags::O_CREAT
                | OpenFlags::O_TRUNC
                | OpenFlags::O_CLOEXEC;
            let result = process.open(path.as_bytes(), flags, 0o644).and_then(|fd| {
                let mut rest = text.as_bytes();
                let mut result = Ok(());
                while !rest.is_empty() && result.is_ok() {
                    result = process
                        .write(fd, rest)
                        .map(|count| rest = rest.get(count..).unwrap_or_default());
                }
                process.close(fd).and(result)
            });
            if let Err(errno) = result {
                let context = SyscallContext {
                    syscall: "open",
                    path: Some(path.as_bytes()),
                    ..SyscallContext::default()
                };
                exception::throw_errno(scope, errno, context);
                return;
            }
            let notice =
                format!("\nWriting Node.js report to file: {name}\nNode.js report completed\n");
            crate::report::write_stderr(scope, notice.as_bytes());
        }
    }
    rv.set(exception::string(scope, &name).into());
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn seconds_become_calendar_dates() {
        assert_eq!(civil(0), (1970, 1, 1, 0, 0, 0));
        assert_eq!(civil(951_782_400), (2000, 2, 29, 0, 0, 0));
        assert_eq!(civil(1_763_717_696), (2025, 11, 21, 9, 34, 56));
    }
}
