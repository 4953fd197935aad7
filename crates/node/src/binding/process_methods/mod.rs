//! `internalBinding('process_methods')`. Follows Node's `src/node_process_methods.cc` and `src/node_process_object.cc`.
//!
//! # Deviations
//! The debugger's entry points and `causeSegfault` refuse. `memoryUsage().rss` counts what the isolate holds,
//! not the memory of the host process it lives in.

mod execve;
mod native_addon;
mod object;
mod usage;

pub use usage::total_and_free;

use secure_exec_kernel::abi::fcntl::OpenFlags;
use secure_exec_kernel::{Errno, Signal};

use super::signal_wrap;
use crate::callback::{Args, Return, Scope};
use crate::env::clock::monotonic_nanoseconds;
use crate::env::{Env, Slot};
use crate::inspector::Agent;
use crate::js::active::{self, Kind};
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind, SyscallContext};
use crate::js::{convert, permission, uv};
use crate::options::permission::Access;
use crate::process::{exit, process_env};

/// `linux/magic.h`: FUSE_SUPER_MAGIC, which the kernel gives file systems of the host's.
const SERVED_BY_HOST: u64 = 0x6573_5546;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("patchProcessObject", object::patch_process_object)
        .function("hrtime", hrtime)
        .function("hrtimeBigInt", hrtime_bigint)
        .function("uptime", uptime)
        .function("cpuUsage", usage::cpu_usage)
        .function("threadCpuUsage", usage::cpu_usage)
        .function("resourceUsage", usage::resource_usage)
        .function("memoryUsage", usage::memory_usage)
        .function("rss", usage::rss)
        .function("constrainedMemory", usage::constrained_memory)
        .function("availableMemory", usage::available_memory)
        .function("cwd", cwd)
        .function("chdir", chdir)
        .function("umask", umask)
        .function("_kill", kill)
        .function("_debugProcess", debug_process)
        .function("_debugEnd", debug_end)
        .function("abort", abort)
        .function("reallyExit", really_exit)
        .function("execve", execve::execve)
        .function("_rawDebug", raw_debug)
        .function("_getActiveRequests", get_active_requests)
        .function("_getActiveHandles", get_active_handles)
        .function("getActiveResourcesInfo", get_active_resources_info)
        .function("dlopen", dlopen)
        .function("loadEnvFile", load_env_file)
        .function("setEmitWarningSync", set_emit_warning_sync)
        .init(initialize);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let env = Env::of(scope);
    let buffer = env.aliased_array::<u32>(scope, Slot::HrtimeBuffer, 3);
    convert::set(scope, binding, "hrtimeBuffer", buffer);
}

fn hrtime(scope: Scope, _args: Args, _rv: Return) {
    let env = Env::of(scope);
    let now = monotonic_nanoseconds(&env);
    let seconds = now / 1_000_000_000;
    let fields = env.aliased::<u32>(Slot::HrtimeBuffer);
    fields.set(0, u32::try_from(seconds >> 32).unwrap_or(u32::MAX));
    fields.set(1, low_half(seconds));
    fields.set(2, low_half(now % 1_000_000_000));
}

/// The first two fields, seen by the library as one 64-bit number.
fn hrtime_bigint(scope: Scope, _args: Args, _rv: Return) {
    let env = Env::of(scope);
    let now = monotonic_nanoseconds(&env);
    let halves = if cfg!(target_endian = "little") {
        [low_half(now), low_half(now >> 32)]
    } else {
        [low_half(now >> 32), low_half(now)]
    };
    let fields = env.aliased::<u32>(Slot::HrtimeBuffer);
    fields.set(0, halves[0]);
    fields.set(1, halves[1]);
}

fn low_half(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(u32::MAX)
}

fn uptime(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let elapsed = monotonic_nanoseconds(&env).saturating_sub(env.time_origin.monotonic());
    rv.set_double(elapsed as f64 / 1e9);
}

fn cwd(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    match process.getcwd() {
        Ok(path) => rv.set(exception::string(scope, &String::from_utf8_lossy(&path)).into()),
        Err(errno) => {
            let mut message = format!("process.cwd failed with error {}", errno.message());
            if errno == Errno::ENOENT {
                message.push_str(
                    ", the current working directory was likely removed without changing the working directory",
                );
            }
            let context = SyscallContext {
                syscall: "uv_cwd",
                message: Some(&message),
                ..SyscallContext::default()
            };
            exception::throw_errno(scope, errno, context);
        }
    }
}

fn chdir(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    if !args.get(0).is_string() {
        exception::throw_invalid_argument(
            scope,
            "The \"directory\" argument must be of type string",
        );
        return;
    }
    let directory = convert::text(scope, args.get(0));
    if !permission::require(scope, Access::FileSystemRead, directory.as_bytes()) {
        return;
    }
    if let Err(errno) = process.chdir(directory.as_bytes()) {
        // Where the process was helps to understand a relative path.
        let from = process.getcwd().unwrap_or_default();
        let context = SyscallContext {
            syscall: "chdir",
            path: Some(&from),
            dest: Some(directory.as_bytes()),
            ..SyscallContext::default()
        };
        exception::throw_errno(scope, errno, context);
    }
}

fn umask(scope: Scope, args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    let mask = args.get(0);
    let old = if mask.is_undefined() {
        let old = process.umask(0);
        process.umask(old);
        old
    } else if let Some(mask) = mask.uint32_value(scope) {
        process.umask(mask & 0o777)
    } else {
        return;
    };
    rv.set_uint32(old);
}

/// The signal with this number.
pub fn signal_of(number: i32) -> Option<Signal> {
    Signal::from_raw(number)
}

fn kill(scope: Scope, args: Args, mut rv: Return) {
    let (Some(pid), Some(number)) = (
        args.get(0).int32_value(scope),
        args.get(1).int32_value(scope),
    ) else {
        return;
    };
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    let own = process.pid().raw();
    if number > 0
        && [0, own, -1, -own].contains(&pid)
        && signal_of(number).is_some_and(|signal| !signal_wrap::is_watched(&env, signal))
    {
        // As Node, which takes it for the end of the program: profiles are written.
        exit::run_at_exit(scope);
    }
    let result = if number == 0 {
        process.kill_check(pid)
    } else {
        signal_of(number)
            .ok_or(Errno::EINVAL)
            .and_then(|signal| process.kill(pid, signal))
    };
    super::signal_wrap::take_own(&env);
    rv.set_int32(uv::status(result));
    crate::process::exit::stop_if_ended(scope);
}

/// `_debugProcess(pid)`: has another process open its port for debuggers.
fn debug_process(scope: Scope, args: Args, _rv: Return) {
    let Some(process) = Env::of(scope).try_process() else {
        return;
    };
    let pid = args.get(0).int32_value(scope).unwrap_or_default();
    if let Err(errno) = process.kill(pid, Signal::SIGUSR1) {
        let context = SyscallContext {
            syscall: "kill",
            ..SyscallContext::default()
        };
        exception::throw_errno(scope, errno, context);
    }
}

/// `_debugEnd()`: closes the port for debuggers.
fn debug_end(scope: Scope, _args: Args, _rv: Return) {
    Agent::of(&Env::of(scope)).close_port(scope);
}

fn abort(scope: Scope, _args: Args, _rv: Return) {
    crate::process::exit::abort_process(scope);
}

fn really_exit(scope: Scope, args: Args, _rv: Return) {
    let code = args.get(0).int32_value(scope).unwrap_or(0);
    crate::process::exit::exit_on_request(scope, code);
}

fn raw_debug(scope: Scope, args: Args, _rv: Return) {
    let mut text = convert::text(scope, args.get(0));
    text.push('\n');
    crate::process::report::write_stderr(scope, text.as_bytes());
}

/// What the library calls the owner of a native object: `handle[owner_symbol]`, or the object itself.
fn owner<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
) -> v8::Local<'s, v8::Value> {
    let env = Env::of(scope);
    let key = env.symbol(scope, "owner_symbol");
    match object.get(scope, key.into()) {
        Some(owner) if owner.is_object() => owner,
        _ => object.into(),
    }
}

fn list_owners<'s>(scope: &mut v8::PinScope<'s, '_>, kind: Kind) -> v8::Local<'s, v8::Value> {
    let env = Env::of(scope);
    let active = active::resources(&env).list(scope, kind);
    let owners: Vec<_> = active
        .into_iter()
        .map(|(object, _)| owner(scope, object))
        .collect();
    v8::Array::new_with_elements(scope, &owners).into()
}

fn get_active_requests(scope: Scope, _args: Args, mut rv: Return) {
    rv.set(list_owners(scope, Kind::Request));
}

fn get_active_handles(scope: Scope, _args: Args, mut rv: Return) {
    rv.set(list_owners(scope, Kind::Handle));
}

fn get_active_resources_info(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let mut names: Vec<v8::Local<v8::Value>> = Vec::new();
    for kind in [Kind::Request, Kind::Handle] {
        for (object, name) in active::resources(&env).list(scope, kind) {
            let name = if name.is_empty() {
                object.get_constructor_name().to_rust_string_lossy(scope)
            } else {
                name.to_owned()
            };
            names.push(exception::string(scope, &name).into());
        }
    }
    let timeouts = env.aliased::<i32>(Slot::TimeoutInfo).get(0);
    let timeout = env.name(scope, "Timeout");
    names.extend((0..timeouts).map(|_| v8::Local::<v8::Value>::from(timeout)));
    // kRefCount of immediateInfo.
    let immediates = env.aliased::<u32>(Slot::ImmediateInfo).get(1);
    let immediate = env.name(scope, "Immediate");
    names.extend((0..immediates).map(|_| v8::Local::<v8::Value>::from(immediate)));
    rv.set(v8::Array::new_with_elements(scope, &names).into());
}

fn dlopen(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    let addons = env.options.borrow().flag("--addons");
    if !addons || !permission::has(&env, Access::Addon, b"") {
        let message = "Cannot load native addon because loading addons is disabled.";
        exception::throw(scope, ErrorKind::Error, "ERR_DLOPEN_DISABLED", message);
        return;
    }
    if args.length() < 2 {
        let message = "process.dlopen needs at least 2 arguments";
        exception::throw(scope, ErrorKind::Error, "ERR_MISSING_ARGS", message);
        return;
    }
    let file = convert::text(scope, args.get(1));
    let mut message = format!(
        "{file}: native addons are not available in this VM: it runs no machine code of the guest"
    );
    if let Some((package, instead)) = native_addon::alternative(&file) {
        message.push_str(&format!(". Use {instead} instead of {package}"));
    }
    // A package of the host's works there, and does not here: that is told apart from a file that is damaged.
    let space = env
        .try_process()
        .map(|process| process.statfs(file.as_bytes()));
    let code = match space {
        Some(Ok(space)) if space.kind == SERVED_BY_HOST => "ERR_MODULE_ACCESS_NATIVE_ADDON",
        _ => "ERR_DLOPEN_FAILED",
    };
    exception::throw(scope, ErrorKind::Error, code, &message);
}

fn load_env_file(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    let path = if args.get(0).is_undefined() {
        b".env".to_vec()
    } else if let Some(path) = convert::path_bytes(scope, args.get(0)) {
        path
    } else {
        exception::throw_invalid_argument(scope, "The \"path\" argument must be of type string");
        return;
    };
    if !permission::require(scope, Access::FileSystemRead, &path) {
        return;
    }
    let content = process
        .open(&path, OpenFlags::O_RDONLY | OpenFlags::O_CLOEXEC, 0)
        .and_then(|fd| {
            let mut content = Vec::new();
            let mut block = vec![0; 65_536];
            let result = loop {
                match process.read(fd, &mut block) {
                    Ok(0) => break Ok(()),
                    Ok(count) => content.extend_from_slice(&block[..count]),
                    Err(errno) => break Err(errno),
                }
            };
            process.close(fd).and(result).map(|()| content)
        });
    let content = match content {
        Ok(content) => content,
        Err(errno) => {
            let context = SyscallContext {
                syscall: "open",
                path: Some(&path),
                ..SyscallContext::default()
            };
            exception::throw_errno(scope, errno, context);
            return;
        }
    };
    let environment = process_env::environment(&env);
    for (name, value) in super::util::dotenv::parse(&String::from_utf8_lossy(&content)) {
        // What is set already wins over the file.
        if environment.get(&name).is_none() {
            environment.set(&name, &value);
        }
    }
}

fn set_emit_warning_sync(scope: Scope, args: Args, _rv: Return) {
    if let Some(callback) = convert::function_argument(scope, &args, 0, "callback") {
        Env::of(scope).set_slot(scope, Slot::EmitWarningSync, callback.into());
    }
}
