//! `internalBinding('options')`. Follows Node's `src/node_options.cc`.

use serde_json::Value;

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, string};
use crate::library::tables;
use crate::process::invocation;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("getCLIOptionsValues", get_cli_options_values)
        .function("getCLIOptionsInfo", get_cli_options_info)
        .function("getOptionsAsFlags", get_options_as_flags)
        .function("getEmbedderOptions", get_embedder_options);
}

fn get_cli_options_values(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    if env.building_snapshot.get() {
        // A module that reads options while it loads would keep the builder's in every process.
        exception::throw(
            scope,
            exception::ErrorKind::Error,
            "ERR_NOT_BUILDING_SNAPSHOT",
            "Should not query options before bootstrapping is done",
        );
        return;
    }
    let options = env.options.borrow();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (name, value) in options.iter() {
        if name == "--eval" && options.has_code {
            continue;
        }
        names.push(name_of(scope, name));
        values.push(convert::from_json(scope, value));
    }
    if let Some(code) = invocation::code(scope) {
        names.push(name_of(scope, "--eval"));
        values.push(code.into());
    }
    let prototype = v8::null(scope).into();
    let object = v8::Object::with_prototype_and_properties(scope, prototype, &names, &values);
    rv.set(object.into());
}

fn name_of<'s>(scope: &v8::PinScope<'s, '_>, text: &str) -> v8::Local<'s, v8::Name> {
    let name = v8::String::new_from_utf8(scope, text.as_bytes(), v8::NewStringType::Internalized);
    name.expect("names of options are short").into()
}

/// Maps as `process.allowedNodeEnvironmentFlags` and `--help` read them.
fn get_cli_options_info(scope: Scope, _args: Args, mut rv: Return) {
    let result = v8::Object::new(scope);
    for key in ["options", "aliases"] {
        let entries =
            &tables::tables()["options"][if key == "options" { "info" } else { "aliases" }];
        let map = v8::Map::new(scope);
        for entry in entries.as_array().into_iter().flatten() {
            let name = string(scope, entry[0].as_str().unwrap_or_default());
            let value = convert::from_json(scope, &entry[1]);
            map.set(scope, name.into(), value);
        }
        convert::set(scope, result, key, map.into());
    }
    rv.set(result.into());
}

/// The options that differ from their defaults, as a command line.
fn get_options_as_flags(scope: Scope, _args: Args, mut rv: Return) {
    let flags = Env::of(scope).options.borrow().exec_argv.clone();
    let flags: Vec<v8::Local<v8::Value>> = flags
        .iter()
        .map(|flag| string(scope, flag).into())
        .collect();
    rv.set(v8::Array::new_with_elements(scope, &flags).into());
}

fn get_embedder_options(scope: Scope, _args: Args, mut rv: Return) {
    let mut embedder = tables::tables()["options"]["embedder"].clone();
    if !Env::of(scope)
        .options
        .borrow()
        .flag("--global-search-paths")
    {
        embedder["noGlobalSearchPaths"] = Value::Bool(true);
    }
    rv.set(convert::from_json(scope, &embedder));
}
