//! From an empty context to a running program. Follows Node's `src/node_realm.cc` and `src/api/environment.cc`.

pub use super::program::{run_program, run_worker};
use super::{per_context, process_object};
use crate::binding::{compile_builtin, get_internal_binding};
use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};

/// Scripts that every thread runs behind `internal/bootstrap/realm`, in order.
const BOOTSTRAP: [&str; 3] = [
    "internal/bootstrap/node",
    "internal/bootstrap/web/exposed-wildcard",
    "internal/bootstrap/web/exposed-window-or-worker",
];

/// Scripts that the main thread runs behind them.
const MAIN_SWITCHES: [&str; 2] = [
    "internal/bootstrap/switches/is_main_thread",
    "internal/bootstrap/switches/does_own_process_state",
];

/// Scripts that a worker runs instead.
const WORKER_SWITCHES: [&str; 2] = [
    "internal/bootstrap/switches/is_not_main_thread",
    "internal/bootstrap/switches/does_not_own_process_state",
];

/// Library modules that nearly every program loads: part of the snapshot, so that a process does not compile them.
///
/// A module belongs here only if what it reads while it loads is the same in every process. Two of them read options
/// then: `net` (`--network-family-autoselection`) and `internal/fs/promises` (`--experimental-stream-iter`); they have
/// the defaults whatever the command line says.
const WARM_MODULES: &[&str] = &[
    "stream",
    "stream/promises",
    "net",
    "tty",
    "util",
    "os",
    "fs/promises",
    "readline",
    "string_decoder",
    "internal/fs/streams",
    "internal/fs/sync_write_stream",
    "internal/modules/run_main",
    "internal/process/execution",
    "internal/abort_controller",
    "internal/streams/add-abort-signal",
    "internal/stream_base_commons",
    "internal/perf/observe",
    "internal/vm/module",
];

/// What else a worker loads: the modules that `is_main_thread` loads for the main thread. None of them may read the
/// thread's id or name while it loads, as `internal/worker` does.
const WORKER_WARM_MODULES: &[&str] = &[
    "fs",
    "url",
    "internal/modules/cjs/loader",
    "internal/modules/esm/loader",
    "internal/modules/esm/utils",
    "internal/perf/utils",
    "internal/dns/utils",
    "internal/process/pre_execution",
    "internal/error_serdes",
];

/// Boots Node's library in the scope's current context, up to the point where a program can be started.
///
/// # Errors
/// A description of the exception that a script of the library threw: a defect of ours.
pub fn boot(scope: &mut v8::PinScope<'_, '_>) -> Result<(), String> {
    v8::tc_scope!(let tc, scope);
    if boot_scripts(tc).is_some() {
        return Ok(());
    }
    Err(describe(tc.exception(), tc))
}

/// Loads the modules of [`WARM_MODULES`] that load without a process.
pub fn warm(scope: &mut v8::PinScope<'_, '_>) -> Result<(), String> {
    let env = Env::of(scope);
    let Some(require) = env.function(scope, Slot::RequireBuiltin) else {
        return Err("no require".to_owned());
    };
    let building = env.building_snapshot.replace(false);
    let worker: &[&str] = if env.is_worker.get() {
        WORKER_WARM_MODULES
    } else {
        &[]
    };
    for id in WARM_MODULES.iter().chain(worker) {
        v8::tc_scope!(let tc, scope);
        let receiver = v8::undefined(tc).into();
        let name = exception::string(tc, id).into();
        if require.call(tc, receiver, &[name]).is_none() {
            return Err(format!("{id}: {}", describe(tc.exception(), tc)));
        }
    }
    env.building_snapshot.set(building);
    // What modules asked for while they loaded are the options of no process.
    v8::tc_scope!(let tc, scope);
    let receiver = v8::undefined(tc).into();
    let name = exception::string(tc, "internal/options").into();
    let refreshed = require
        .call(tc, receiver, &[name])
        .and_then(|options| v8::Local::<v8::Object>::try_from(options).ok())
        .and_then(|options| convert::get(tc, options, "refreshOptions"))
        .and_then(|refresh| v8::Local::<v8::Function>::try_from(refresh).ok())
        .and_then(|refresh| refresh.call(tc, receiver, &[]));
    if refreshed.is_none() {
        return Err(format!("refreshOptions: {}", describe(tc.exception(), tc)));
    }
    Ok(())
}

/// Runs a program whose state is to be part of a snapshot: a script that gives a function, which is called with the library's
/// own `require`. There is no process: what it reads of one is nothing.
///
/// # Errors
/// A description of what it threw.
pub fn preload(scope: &mut v8::PinScope<'_, '_>, program: &str) -> Result<(), String> {
    let env = Env::of(scope);
    let Some(require) = env.function(scope, Slot::RequireBuiltin) else {
        return Err("no require".to_owned());
    };
    let building = env.building_snapshot.replace(false);
    v8::tc_scope!(let tc, scope);
    let receiver = v8::undefined(tc).into();
    let done = v8::String::new(tc, program)
        .and_then(|text| v8::Script::compile(tc, text, None))
        .and_then(|script| script.run(tc))
        .and_then(|function| v8::Local::<v8::Function>::try_from(function).ok())
        .and_then(|function| function.call(tc, receiver, &[require.into()]));
    env.building_snapshot.set(building);
    match done {
        Some(_) => Ok(()),
        None => Err(format!("the program: {}", describe(tc.exception(), tc))),
    }
}

fn describe(error: Option<v8::Local<'_, v8::Value>>, scope: &mut v8::PinScope<'_, '_>) -> String {
    let Some(error) = error else {
        return "terminated".to_owned();
    };
    let stack = v8::Local::<v8::Object>::try_from(error)
        .ok()
        .and_then(|error| convert::get(scope, error, "stack"));
    let text = stack
        .filter(|stack| stack.is_string())
        .unwrap_or(error)
        .to_rust_string_lossy(scope);
    let message = v8::Exception::create_message(scope, error);
    let name = message
        .get_script_resource_name(scope)
        .map(|name| name.to_rust_string_lossy(scope));
    format!(
        "{}:{}: {text}",
        name.unwrap_or_default(),
        message.get_line_number(scope).unwrap_or(0)
    )
}

fn boot_scripts(scope: &mut v8::PinScope<'_, '_>) -> Option<()> {
    let env = Env::of(scope);
    let exports = per_context::initialize_context(scope)?;
    env.set_slot(scope, Slot::PerContextExports, exports.into());
    let primordials = convert::get(scope, exports, "primordials")?;
    env.set_slot(scope, Slot::Primordials, primordials);
    let bindings = convert::null_prototype_object(scope);
    env.set_slot(scope, Slot::Bindings, bindings.into());
    let process = process_object::create(scope)?;
    env.set_slot(scope, Slot::Process, process.into());

    let internal_binding =
        v8::FunctionTemplate::new(scope, callback::function(get_internal_binding))
            .get_function(scope)?;
    let linked_binding = v8::FunctionTemplate::new(scope, callback::function(get_linked_binding))
        .get_function(scope)?;
    let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
    let realm = compile_builtin(scope, "internal/bootstrap/realm")?;
    realm.call(
        scope,
        undefined,
        &[
            process.into(),
            linked_binding.into(),
            internal_binding.into(),
            primordials,
        ],
    )?;

    let switches = if env.is_worker.get() {
        WORKER_SWITCHES
    } else {
        MAIN_SWITCHES
    };
    for id in BOOTSTRAP.into_iter().chain(switches) {
        run_script(scope, id)?;
    }
    Some(())
}

/// Runs a script that takes `process, require, internalBinding, primordials`.
pub(super) fn run_script<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    id: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let env = Env::of(scope);
    let function = compile_builtin(scope, id)?;
    let arguments = [
        Slot::Process,
        Slot::RequireBuiltin,
        Slot::InternalBinding,
        Slot::Primordials,
    ];
    let arguments: Vec<_> = arguments
        .iter()
        .filter_map(|slot| env.slot(scope, *slot))
        .collect();
    let receiver = v8::undefined(scope).into();
    function.call(scope, receiver, &arguments)
}

/// `process._linkedBinding`: there are no bindings linked by an embedder.
pub(crate) fn get_linked_binding(scope: Scope, args: Args, _rv: Return) {
    let message = format!(
        "No such binding: {}",
        args.get(0).to_rust_string_lossy(scope)
    );
    exception::throw(scope, ErrorKind::Error, "ERR_INVALID_MODULE", &message);
}

/// Callbacks installed by this module, for the snapshot's list of references.
pub fn callbacks() -> Vec<v8::FunctionCallback> {
    let mut callbacks = vec![callback::raw_function(get_linked_binding)];
    callbacks.extend(process_object::callbacks());
    callbacks
}
