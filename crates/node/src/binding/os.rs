//! `internalBinding('os')`: the machine that the guest sees. Follows Node's `src/node_os.cc`.
//!
//! # Deviations
//! One processor, whose times are those of the process; no load average; memory is the heap limit of the process; the
//! only network interface is the loopback. Priorities are kept and shown but schedule nothing.

use std::cell::Cell;

use secure_exec_kernel::Errno;

use super::process_methods::total_and_free;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::env::clock::monotonic_nanoseconds;
use crate::js::class::Definition;
use crate::js::{convert, exception, uv};
use crate::process::{machine, passwd, process_env};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("getHostname", get_hostname)
        .function("getLoadAvg", get_load_avg)
        .function("getUptime", get_uptime)
        .function("getTotalMem", get_total_mem)
        .function("getFreeMem", get_free_mem)
        .function("getCPUs", get_cpus)
        .function("getInterfaceAddresses", get_interface_addresses)
        .function("getHomeDirectory", get_home_directory)
        .function("getUserInfo", get_user_info)
        .function("setPriority", set_priority)
        .function("getPriority", get_priority)
        .function("getAvailableParallelism", get_available_parallelism)
        .function("getOSInformation", get_os_information);
}

fn get_hostname(scope: Scope, args: Args, mut rv: Return) {
    let env = Env::of(scope);
    match machine::hostname(&env) {
        Some(name) => rv.set(exception::string(scope, &name).into()),
        None => exception::collect_errno(scope, args.get(0), Errno::ENOENT, "uv_os_gethostname"),
    }
}

fn get_load_avg(scope: Scope, args: Args, _rv: Return) {
    let Ok(array) = v8::Local::<v8::Float64Array>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(
            scope,
            "The \"averages\" argument must be a Float64Array",
        );
        return;
    };
    for index in 0..3 {
        let none = v8::Number::new(scope, 0.0).into();
        array.set_index(scope, index, none);
    }
}

/// Seconds since the kernel booted.
fn get_uptime(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let from_proc = machine::line_of(&env, b"/proc/uptime")
        .and_then(|line| line.split(' ').next()?.parse::<f64>().ok());
    rv.set_double(from_proc.unwrap_or_else(|| monotonic_nanoseconds(&env) as f64 / 1e9));
}

fn get_total_mem(scope: Scope, _args: Args, mut rv: Return) {
    rv.set_double(total_and_free(scope).0);
}

fn get_free_mem(scope: Scope, _args: Args, mut rv: Return) {
    rv.set_double(total_and_free(scope).1);
}

/// Seven values for each processor: model, MHz, and milliseconds of user, nice, system, idle, interrupt time.
fn get_cpus(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let mut values: Vec<v8::Local<v8::Value>> = Vec::new();
    for times in machine::processor_times(&env) {
        values.push(exception::string(scope, machine::PROCESSOR).into());
        let times = [0.0, times.user, 0.0, times.system, times.idle, 0.0];
        values.extend(times.map(|n| v8::Local::<v8::Value>::from(v8::Number::new(scope, n))));
    }
    rv.set(v8::Array::new_with_elements(scope, &values).into());
}

/// Seven values for each address: interface, address, netmask, family, MAC, internal, scope id.
fn get_interface_addresses(scope: Scope, _args: Args, mut rv: Return) {
    let mut values: Vec<v8::Local<v8::Value>> = Vec::new();
    for (address, netmask, family, scope_id) in machine::LOOPBACK {
        for text in ["lo", address, netmask, family, machine::LOOPBACK_MAC] {
            values.push(exception::string(scope, text).into());
        }
        values.push(v8::Boolean::new(scope, true).into());
        values.push(v8::Integer::new(scope, scope_id).into());
    }
    rv.set(v8::Array::new_with_elements(scope, &values).into());
}

fn get_home_directory(scope: Scope, args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    let home = process_env::environment(&env).get("HOME").or_else(|| {
        Some(
            String::from_utf8_lossy(&passwd::user_by_id(&process, process.uid())?.home)
                .into_owned(),
        )
    });
    match home {
        Some(home) => rv.set(exception::string(scope, &home).into()),
        None => exception::collect_errno(scope, args.get(0), Errno::ENOENT, "uv_os_homedir"),
    }
}

fn get_user_info(scope: Scope, args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    let mut as_buffer = false;
    if let Ok(options) = v8::Local::<v8::Object>::try_from(args.get(0)) {
        // A getter of the guest may throw: the exception is the caller's.
        let Some(encoding) = convert::get(scope, options, "encoding") else {
            return;
        };
        as_buffer = encoding.is_string() && encoding.to_rust_string_lossy(scope) == "buffer";
    }
    let Some(user) = passwd::user_by_id(&process, process.uid()) else {
        exception::collect_errno(scope, args.get(1), Errno::ENOENT, "uv_os_get_passwd");
        return;
    };
    let info = convert::null_prototype_object(scope);
    let value = v8::Number::new(scope, f64::from(user.uid)).into();
    convert::set(scope, info, "uid", value);
    let value = v8::Number::new(scope, f64::from(user.gid)).into();
    convert::set(scope, info, "gid", value);
    for (key, bytes) in [
        ("username", user.name),
        ("homedir", user.home),
        ("shell", user.shell),
    ] {
        let value = if as_buffer {
            convert::buffer(scope, bytes)
        } else {
            exception::string(scope, &String::from_utf8_lossy(&bytes)).into()
        };
        convert::set(scope, info, key, value);
    }
    rv.set(info.into());
}

/// The nice value of the process.
#[derive(Default)]
struct Priority(Cell<i32>);

/// Whether `pid` names this process, or that it is another one.
fn find_process(env: &Env, pid: i32) -> Result<bool, Errno> {
    let process = env.try_process().ok_or(Errno::ESRCH)?;
    if pid == 0 || pid == process.pid().raw() {
        return Ok(true);
    }
    let known = process
        .kernel()?
        .processes()
        .iter()
        .any(|other| other.pid.raw() == pid);
    if known { Ok(false) } else { Err(Errno::ESRCH) }
}

fn set_priority(scope: Scope, args: Args, mut rv: Return) {
    let (Some(pid), Some(nice)) = (
        args.get(0).int32_value(scope),
        args.get(1).int32_value(scope),
    ) else {
        return;
    };
    let env = Env::of(scope);
    let priority = env.state::<Priority>();
    let result = find_process(&env, pid).and_then(|own| {
        if own && nice >= priority.0.get() {
            priority.0.set(nice.clamp(-20, 19));
            Ok(())
        } else {
            // setpriority(2): only a privileged process raises a priority, or changes another user's.
            Err(Errno::EACCES)
        }
    });
    match result {
        Ok(()) => rv.set_int32(0),
        Err(errno) => {
            exception::collect_errno(scope, args.get(2), errno, "uv_os_setpriority");
            rv.set_int32(uv::error(errno));
        }
    }
}

fn get_priority(scope: Scope, args: Args, mut rv: Return) {
    let Some(pid) = args.get(0).int32_value(scope) else {
        return;
    };
    let env = Env::of(scope);
    match find_process(&env, pid) {
        Ok(true) => rv.set_int32(env.state::<Priority>().0.get()),
        Ok(false) => rv.set_int32(0),
        Err(errno) => exception::collect_errno(scope, args.get(1), errno, "uv_os_getpriority"),
    }
}

fn get_available_parallelism(scope: Scope, _args: Args, mut rv: Return) {
    rv.set_uint32(machine::processors(&Env::of(scope)));
}

/// System, version, release, machine, as `uname(2)` of the guest's kernel.
fn get_os_information(scope: Scope, _args: Args, mut rv: Return) {
    let values = machine::system();
    let values: Vec<v8::Local<v8::Value>> = values
        .iter()
        .map(|text| exception::string(scope, text).into())
        .collect();
    rv.set(v8::Array::new_with_elements(scope, &values).into());
}
