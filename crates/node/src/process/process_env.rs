//! `process.env`: an object whose properties are the environment of the guest process. Follows Node's
//! `src/node_env_var.cc`.
//!
//! The environment is a copy that belongs to the isolate; neither the kernel's record of the process nor the host's
//! environment changes when the guest writes to it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use v8::MapFnTo;

use crate::callback::{self, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::{convert, exception};
use crate::process::time_zone;
use crate::worker::Variables;

/// The environment variables of the isolate's process.
#[derive(Default)]
pub struct Environment {
    variables: RefCell<Arc<Variables>>,
    loaded: Cell<bool>,
    warned_of_coercion: Cell<bool>,
}

impl Environment {
    /// Replaces everything by the kernel's record of the process; called once per process.
    fn load(&self, env: &Env) {
        if self.loaded.get() {
            return;
        }
        let Some(process) = env.try_process() else {
            return;
        };
        self.loaded.set(true);
        let variables = self.shared();
        let mut variables = variables.lock();
        for (name, value) in process.envp() {
            variables.insert(
                String::from_utf8_lossy(&name).into_owned(),
                String::from_utf8_lossy(&value).into_owned(),
            );
        }
    }

    /// What threads share that share their environment.
    pub fn shared(&self) -> Arc<Variables> {
        self.variables.borrow().clone()
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<String> {
        self.shared().lock().get(name).cloned()
    }

    /// Sets `name`, as `setenv(3)`: both end at the first NUL, and an empty name or one with `=` is no variable.
    pub fn set(&self, name: &str, value: &str) -> bool {
        let name = until_nul(name);
        if name.is_empty() || name.contains('=') {
            return false;
        }
        self.shared()
            .lock()
            .insert(name.to_owned(), until_nul(value).to_owned());
        true
    }

    /// Removes `name`; the order of the others stays.
    pub fn remove(&self, name: &str) {
        self.shared().lock().shift_remove(name);
    }

    /// Every name and value in order, as the environment of a child.
    pub fn all(&self) -> Vec<(String, String)> {
        self.shared()
            .lock()
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

fn until_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

/// The environment of the isolate's process.
pub fn environment(env: &Env) -> std::rc::Rc<Environment> {
    let environment = env.state::<Environment>();
    environment.load(env);
    environment
}

/// Gives a worker's isolate its variables, before anything reads them.
pub fn adopt(env: &Env, variables: Arc<Variables>) {
    let environment = env.state::<Environment>();
    environment.loaded.set(true);
    *environment.variables.borrow_mut() = variables;
}

/// A new object for `process.env`.
pub fn new_object<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
    let template = v8::ObjectTemplate::new(scope);
    template.set_named_property_handler(
        v8::NamedPropertyHandlerConfiguration::new()
            .getter(callback::named_getter(getter))
            .setter(callback::named_setter(setter))
            .query(callback::named_query(query))
            .deleter(callback::named_deleter(deleter))
            .enumerator(callback::property_enumerator(enumerator))
            .definer(callback::named_definer(definer))
            .flags(v8::PropertyHandlerFlags::HAS_NO_SIDE_EFFECT),
    );
    template.new_instance(scope)
}

/// Makes `process.env`.
pub fn install(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let Some(process) = env.object(scope, Slot::Process) else {
        return;
    };
    if let Some(object) = new_object(scope) {
        crate::js::convert::set(scope, process, "env", object.into());
    }
}

/// The interceptors, for the snapshot's list of references.
pub fn external_references() -> Vec<v8::ExternalReference> {
    vec![
        v8::ExternalReference {
            named_getter: callback::named_getter(getter).map_fn_to(),
        },
        v8::ExternalReference {
            named_setter: callback::named_setter(setter).map_fn_to(),
        },
        v8::ExternalReference {
            named_query: callback::named_query(query).map_fn_to(),
        },
        v8::ExternalReference {
            named_deleter: callback::named_deleter(deleter).map_fn_to(),
        },
        v8::ExternalReference {
            enumerator: callback::property_enumerator(enumerator).map_fn_to(),
        },
        v8::ExternalReference {
            named_definer: callback::named_definer(definer).map_fn_to(),
        },
    ]
}

fn getter<'s>(
    scope: Scope<'_, 's, '_>,
    key: v8::Local<'s, v8::Name>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut rv: Return,
) -> v8::Intercepted {
    if !key.is_string() {
        return v8::Intercepted::kNo;
    }
    let name = convert::text(scope, key.into());
    let env = Env::of(scope);
    let Some(value) = environment(&env).get(&name) else {
        return v8::Intercepted::kNo;
    };
    rv.set(exception::string(scope, &value).into());
    v8::Intercepted::kYes
}

fn setter<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    value: v8::Local<'s, v8::Value>,
    _args: v8::PropertyCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    // A conversion that throws (symbols) leaves the exception pending: the assignment fails with it.
    assign(scope, key, value);
    v8::Intercepted::kYes
}

/// Converts and stores; false when an exception is pending.
fn assign(
    scope: &mut v8::PinScope<'_, '_>,
    key: v8::Local<'_, v8::Name>,
    value: v8::Local<'_, v8::Value>,
) -> bool {
    let env = Env::of(scope);
    let environment = environment(&env);
    let plain = value.is_string() || value.is_number() || value.is_boolean();
    let warn = !plain && env.options.borrow().flag("--pending-deprecation");
    if warn && !environment.warned_of_coercion.replace(true) {
        emit_warning(
            scope,
            "Assigning any value other than a string, number, or boolean to a process.env property is deprecated. \
             Please make sure to convert the value to a string before setting process.env with it.",
            "DeprecationWarning",
            "DEP0104",
        );
    }
    let key: v8::Local<v8::Value> = key.into();
    if key.is_symbol() {
        exception::throw(
            scope,
            exception::ErrorKind::TypeError,
            "",
            "Cannot convert a Symbol value to a string",
        );
        return false;
    }
    let Some(text) = value.to_string(scope) else {
        return false;
    };
    let name = convert::text(scope, key);
    let text = convert::text(scope, text.into());
    if environment.set(&name, &text) && name == "TZ" {
        check_time_zone(scope);
    }
    true
}

fn query<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Integer>,
) -> v8::Intercepted {
    if !key.is_string() {
        return v8::Intercepted::kNo;
    }
    let name = convert::text(scope, key.into());
    let env = Env::of(scope);
    if environment(&env).shared().lock().contains_key(&name) {
        rv.set_int32(0);
        return v8::Intercepted::kYes;
    }
    v8::Intercepted::kNo
}

fn deleter<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    if key.is_string() {
        let name = convert::text(scope, key.into());
        let env = Env::of(scope);
        environment(&env).remove(&name);
        if name == "TZ" {
            check_time_zone(scope);
        }
    }
    // Every variable is configurable, so deleting succeeds, whether there was one or not.
    rv.set_bool(true);
    v8::Intercepted::kYes
}

fn enumerator<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Array>,
) {
    let env = Env::of(scope);
    let names: Vec<String> = environment(&env).shared().lock().keys().cloned().collect();
    let names: Vec<v8::Local<v8::Value>> = names
        .iter()
        .map(|name| exception::string(scope, name).into())
        .collect();
    rv.set(v8::Array::new_with_elements(scope, &names));
}

fn definer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: v8::Local<'s, v8::Name>,
    descriptor: &v8::PropertyDescriptor,
    _args: v8::PropertyCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, v8::Boolean>,
) -> v8::Intercepted {
    if descriptor.has_value() {
        let plain = descriptor.has_configurable()
            && descriptor.configurable()
            && descriptor.has_writable()
            && descriptor.writable()
            && descriptor.has_enumerable()
            && descriptor.enumerable();
        if plain {
            let value = v8::Local::new(scope, v8::Global::new(scope, descriptor.value()));
            assign(scope, key, value);
        } else {
            exception::throw(
                scope,
                exception::ErrorKind::TypeError,
                "ERR_INVALID_OBJECT_DEFINE_PROPERTY",
                "'process.env' only accepts a configurable, writable, and enumerable data descriptor",
            );
        }
        return v8::Intercepted::kYes;
    }
    let message = if descriptor.has_get() || descriptor.has_set() {
        "'process.env' does not accept an accessor(getter/setter) descriptor"
    } else {
        "'process.env' only accepts a configurable, writable, and enumerable data descriptor"
    };
    exception::throw(
        scope,
        exception::ErrorKind::TypeError,
        "ERR_INVALID_OBJECT_DEFINE_PROPERTY",
        message,
    );
    v8::Intercepted::kYes
}

/// Applies `TZ`, and warns where that is not possible.
pub fn check_time_zone(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let zone = environment(&env).get("TZ").unwrap_or_default();
    if let Some(warning) = time_zone::apply(scope, &env, &zone) {
        emit_warning(scope, warning, "Warning", "");
    }
}

/// `process.emitWarning(message, type, code)`, from native code.
pub fn emit_warning(scope: &mut v8::PinScope<'_, '_>, message: &str, kind: &str, code: &str) {
    let env = Env::of(scope);
    let Some(process) = env.object(scope, Slot::Process) else {
        return;
    };
    let key = env.name(scope, "emitWarning").into();
    let Some(function) = process
        .get(scope, key)
        .and_then(|f| v8::Local::<v8::Function>::try_from(f).ok())
    else {
        return;
    };
    let message = exception::string(scope, message).into();
    let kind = exception::string(scope, kind).into();
    let code: v8::Local<v8::Value> = if code.is_empty() {
        v8::undefined(scope).into()
    } else {
        exception::string(scope, code).into()
    };
    function.call(scope, process.into(), &[message, kind, code]);
}
