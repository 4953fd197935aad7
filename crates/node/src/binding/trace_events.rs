//! `internalBinding('trace_events')`. Follows Node's `src/node_trace_events.cc`, and V8's `builtins-trace.cc` for `trace`.

use std::cell::Cell;

use serde_json::{Value, json};

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::{convert, exception, permission, wrap};
use crate::options::permission::Access;
use crate::tracing::{self, Event, Tracing};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("getEnabledCategories", get_enabled_categories)
        .function(
            "setTraceCategoryStateUpdateHandler",
            set_trace_category_state_update_handler,
        )
        .function("getCategoryEnabledBuffer", get_category_enabled_buffer)
        .function("isTraceCategoryEnabled", is_trace_category_enabled)
        .function("trace", trace);
    definition
        .class("CategorySet", new_category_set)
        .method("enable", enable)
        .method("disable", disable);
}

/// Categories that are switched on together.
struct CategorySet {
    names: Vec<String>,
    enabled: Cell<bool>,
}

fn new_category_set(scope: Scope, args: Args, _rv: Return) {
    let Ok(list) = v8::Local::<v8::Array>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"categories\" argument must be an array");
        return;
    };
    if !args.is_construct_call() {
        exception::throw_invalid_argument(scope, "CategorySet is a class");
        return;
    }
    let mut names = Vec::new();
    for index in 0..list.length() {
        let Some(name) = list.get_index(scope, index) else {
            return;
        };
        let name = convert::text(scope, name);
        if !name.is_empty() {
            names.push(name);
        }
    }
    let enabled = Cell::new(false);
    wrap::wrap(scope, args.this(), CategorySet { names, enabled });
}

fn enable(scope: Scope, args: Args, _rv: Return) {
    switch(scope, &args, true);
}

fn disable(scope: Scope, args: Args, _rv: Return) {
    switch(scope, &args, false);
}

fn switch(scope: Scope, args: &Args, on: bool) {
    let env = Env::of(scope);
    let set = wrap::unwrap::<CategorySet>(scope, args.this().into());
    let (Some(set), Some(tracing)) = (set, Tracing::of(&env)) else {
        return;
    };
    if set.names.is_empty() || set.enabled.get() == on {
        return;
    }
    if on {
        let file = Tracing::file_name(&env).unwrap_or_default();
        if !permission::require(scope, Access::FileSystemWrite, file.as_bytes()) {
            return;
        }
    }
    if !on {
        tracing.disable(&set.names);
    } else if !tracing.enable(&env, &set.names) {
        exception::throw_unavailable(scope, "Too many categories of trace events are enabled");
        return;
    }
    set.enabled.set(on);
    crate::process::trace_events::changed(scope);
}

/// All categories that are on, with commas; `undefined` for none.
fn get_enabled_categories(scope: Scope, _args: Args, mut rv: Return) {
    let tracing = Tracing::of(&Env::of(scope));
    if let Some(names) = tracing.and_then(|tracing| tracing.enabled()) {
        rv.set(exception::string(scope, &names).into());
    }
}

fn set_trace_category_state_update_handler(scope: Scope, args: Args, _rv: Return) {
    if let Some(handler) = convert::function_argument(scope, &args, 0, "handler") {
        Env::of(scope).set_slot(scope, Slot::TraceCategoryStateUpdate, handler.into());
    }
}

/// One byte that says whether the category is on.
fn get_category_enabled_buffer(scope: Scope, args: Args, mut rv: Return) {
    let Ok(name) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(
            scope,
            "The \"category\" argument must be of type string",
        );
        return;
    };
    let env = Env::of(scope);
    let buffers = env
        .object(scope, Slot::TraceCategoryBuffers)
        .unwrap_or_else(|| {
            let buffers = convert::null_prototype_object(scope);
            env.set_slot(scope, Slot::TraceCategoryBuffers, buffers.into());
            buffers
        });
    if let Some(known) = buffers.get(scope, name.into())
        && known.is_uint8_array()
    {
        rv.set(known);
        return;
    }
    let group = convert::text(scope, name.into());
    let is_on = Tracing::of(&env).is_some_and(|tracing| tracing.is_enabled(&group));
    let buffer = convert::array_buffer(scope, vec![u8::from(is_on)]);
    if let Some(array) = v8::Uint8Array::new(scope, buffer, 0, 1) {
        buffers.set(scope, name.into(), array.into());
        rv.set(array.into());
    }
}

fn is_trace_category_enabled(scope: Scope, args: Args, mut rv: Return) {
    if !args.get(0).is_string() {
        let message = "Trace event category must be a string.";
        exception::throw(scope, exception::ErrorKind::TypeError, "", message);
        return;
    }
    let group = convert::text(scope, args.get(0));
    let tracing = Tracing::of(&Env::of(scope));
    rv.set_bool(tracing.is_some_and(|tracing| tracing.is_enabled(&group)));
}

/// `trace(phase, category, name, id, data)`: whether it was written.
fn trace(scope: Scope, args: Args, mut rv: Return) {
    rv.set_bool(false);
    let env = Env::of(scope);
    if !env.traces.get() || !args.get(1).is_string() {
        return;
    }
    let category = convert::text(scope, args.get(1));
    let Some(tracing) = Tracing::of(&env).filter(|tracing| tracing.is_enabled(&category)) else {
        return;
    };
    let wrong = if !args.get(0).is_number() {
        Some("Trace event phase must be a number.")
    } else if !args.get(2).is_string() {
        Some("Trace event name must be a string.")
    } else if !args.get(3).is_null_or_undefined() && !args.get(3).is_number() {
        Some("Trace event id must be a number.")
    } else {
        None
    };
    if let Some(message) = wrong {
        exception::throw(scope, exception::ErrorKind::TypeError, "", message);
        return;
    }
    let name = convert::text(scope, args.get(2));
    if name.is_empty() {
        let message = "Trace event name must not be an empty string.";
        exception::throw(scope, exception::ErrorKind::TypeError, "", message);
        return;
    }
    let phase = args.get(0).uint32_value(scope).unwrap_or_default();
    let phase = char::from_u32(phase).filter(char::is_ascii_alphabetic);
    let id = (!args.get(3).is_null_or_undefined())
        .then(|| args.get(3).number_value(scope))
        .flatten()
        .map(convert::saturating_u64);
    let Some(data) = event_data(scope, args.get(4)) else {
        return;
    };
    let event = Event {
        phase: phase.unwrap_or(tracing::phase::INSTANT),
        category: &category,
        name: &name,
        id,
        args: data,
    };
    tracing.emit(&env, &event);
    rv.set_bool(true);
}

/// What an event says besides. None where the value has thrown.
fn event_data(scope: &mut v8::PinScope<'_, '_>, data: v8::Local<'_, v8::Value>) -> Option<Value> {
    if data.is_undefined() {
        return Some(Value::Null);
    }
    let text = v8::json::stringify(scope, data)?;
    let text = convert::text(scope, text.into());
    let data: Value = serde_json::from_str(&text).unwrap_or_default();
    Some(json!({ "data": data }))
}
