//! What of `process` differs from one process to the next: title, ids, arguments.

use std::cell::RefCell;

use secure_exec_kernel::{Disposition, Signal};

use crate::binding::{performance, signal_wrap};
use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::inspector::Agent;
use crate::js::{convert, exception};
use crate::library::claims;

/// Writable properties of `process` that live in native code.
#[derive(Default)]
struct ProcessObject {
    title: RefCell<Option<String>>,
}

fn first_argument(env: &Env) -> String {
    let argv = env
        .try_process()
        .map(|process| process.argv())
        .unwrap_or_default();
    argv.first().map_or_else(
        || "node".to_owned(),
        |first| String::from_utf8_lossy(first).into_owned(),
    )
}

/// Fills in `process`; called by the library before it runs the main script.
pub(super) fn patch_process_object(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"process\" argument must be of type object");
        return;
    };
    let Some(process) = env.try_process() else {
        return;
    };
    performance::start(&env);
    // As Node at its start (`PlatformInit` of src/node.cc): writing to a closed pipe, or beyond the size that files may
    // have, is an error, not the end. It cannot fail for these signals.
    for signal in [Signal::SIGPIPE, Signal::SIGXFSZ] {
        let _ = process.sigaction(signal, Disposition::Ignore);
    }
    if env.options.borrow().flag("--disable-sigusr1") {
        let _ = process.sigaction(Signal::SIGUSR1, Disposition::Ignore);
    } else if env.worker().is_none() {
        signal_wrap::start_debug_signal(&env);
    }
    let name = env.name(scope, "title").into();
    object.set_accessor_with_setter(
        scope,
        name,
        callback::accessor_getter(title),
        callback::accessor_setter(set_title),
    );
    let name = env.name(scope, "ppid").into();
    let getter = v8::AccessorConfiguration::new(callback::accessor_getter(ppid));
    object.set_accessor_with_configuration(scope, name, getter);
    let name = env.name(scope, "debugPort").into();
    object.set_accessor_with_setter(
        scope,
        name,
        callback::accessor_getter(debug_port),
        callback::accessor_setter(set_debug_port),
    );

    let (script, exec_argv) = {
        let options = env.options.borrow();
        (options.script.clone(), options.exec_argv.clone())
    };
    let mut argv = vec![first_argument(&env)];
    argv.extend(script);
    let argv = string_array(scope, &argv);
    define(scope, object, "argv", argv, v8::PropertyAttribute::NONE);
    let exec_argv = string_array(scope, &exec_argv);
    define(
        scope,
        object,
        "execArgv",
        exec_argv,
        v8::PropertyAttribute::NONE,
    );
    let pid = v8::Integer::new(scope, process.pid().raw()).into();
    define(scope, object, "pid", pid, v8::PropertyAttribute::READ_ONLY);
    let exec_path = String::from_utf8_lossy(&process.exe()).into_owned();
    let exec_path = exception::string(scope, &exec_path).into();
    define(
        scope,
        object,
        "execPath",
        exec_path,
        v8::PropertyAttribute::NONE,
    );
    let versions = env.name(scope, "versions");
    if !object
        .has_own_property(scope, versions.into())
        .unwrap_or(false)
    {
        let versions = claims::versions().into_iter();
        let versions = versions
            .map(|(name, version)| (name, version.into()))
            .collect();
        let versions = convert::from_json(scope, &serde_json::Value::Object(versions));
        define(
            scope,
            object,
            "versions",
            versions,
            v8::PropertyAttribute::READ_ONLY,
        );
    }
    let env_key = env.name(scope, "env");
    if env
        .object(scope, Slot::Process)
        .is_some_and(|own| own == object)
        && !object
            .has_own_property(scope, env_key.into())
            .unwrap_or(false)
    {
        crate::process::process_env::install(scope);
    }
    crate::process::process_env::check_time_zone(scope);
}

fn string_array<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    items: &[String],
) -> v8::Local<'s, v8::Value> {
    let items: Vec<v8::Local<v8::Value>> = items
        .iter()
        .map(|item| exception::string(scope, item).into())
        .collect();
    v8::Array::new_with_elements(scope, &items).into()
}

fn define(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    name: &'static str,
    value: v8::Local<'_, v8::Value>,
    attributes: v8::PropertyAttribute,
) {
    let key = Env::of(scope).name(scope, name);
    object.define_own_property(scope, key.into(), value, attributes);
}

fn title<'s>(
    scope: Scope<'_, 's, '_>,
    _key: v8::Local<'s, v8::Name>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut rv: Return,
) {
    let env = Env::of(scope);
    let state = env.state::<ProcessObject>();
    let set = state.title.borrow().clone();
    let option = || {
        env.options
            .borrow()
            .text("--title")
            .filter(|title| !title.is_empty())
            .map(str::to_owned)
    };
    let title = set.or_else(option).unwrap_or_else(|| first_argument(&env));
    rv.set(exception::string(scope, &title).into());
}

fn set_title<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _key: v8::Local<'s, v8::Name>,
    value: v8::Local<'s, v8::Value>,
    _args: v8::PropertyCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, ()>,
) {
    let Some(title) = value.to_string(scope) else {
        return;
    };
    let title = title.to_rust_string_lossy(scope);
    if let Some(process) = Env::of(scope).try_process() {
        process.set_title(title.as_bytes());
    }
    Env::of(scope)
        .state::<ProcessObject>()
        .title
        .replace(Some(title));
}

fn ppid<'s>(
    scope: Scope<'_, 's, '_>,
    _key: v8::Local<'s, v8::Name>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut rv: Return,
) {
    let env = Env::of(scope);
    if let Some(process) = env.try_process() {
        rv.set_int32(process.ppid().raw());
    }
}

fn debug_port<'s>(
    scope: Scope<'_, 's, '_>,
    _key: v8::Local<'s, v8::Name>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut rv: Return,
) {
    let env = Env::of(scope);
    rv.set_uint32(Agent::of(&env).debug_port(&env).into());
}

fn set_debug_port<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _key: v8::Local<'s, v8::Name>,
    value: v8::Local<'s, v8::Value>,
    _args: v8::PropertyCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, ()>,
) {
    let port = value.int32_value(scope).unwrap_or(0);
    match u16::try_from(port) {
        Ok(port) if port == 0 || port >= 1024 => Agent::of(&Env::of(scope)).set_debug_port(port),
        _ => exception::throw(
            scope,
            exception::ErrorKind::RangeError,
            "ERR_OUT_OF_RANGE",
            "process.debugPort must be 0 or in range 1024 to 65535",
        ),
    }
}
