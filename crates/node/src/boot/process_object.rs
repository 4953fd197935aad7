//! The `process` object before the library gets it. Follows Node's `src/node_process_object.cc`.

use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::convert;
use crate::js::exception::string;
use crate::library::claims;
use crate::library::tables::tables;
use crate::process::report;

/// Makes `process`: an instance of a native class `process`, whose prototype the library re-parents.
pub fn create<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
    let env = Env::of(scope);
    let template = v8::FunctionTemplate::new(scope, callback::function(construct));
    let name = string(scope, "process");
    template.set_class_name(name);
    let constructor = template.get_function(scope)?;
    let process = constructor.new_instance(scope, &[])?;
    let info = env.aliased_array::<i32>(scope, Slot::ExitInfo, 3);
    let key = env.private(scope, "exit_info_private_symbol");
    process.set_private(scope, key, info);

    let table = &tables()["process"];
    for key in ["version", "arch", "platform"] {
        let value = string(scope, table[key].as_str().unwrap_or_default());
        read_only(scope, process, key, value.into());
    }
    let versions = v8::Object::new(scope);
    for (key, version) in claims::versions() {
        let value = string(scope, &version);
        read_only(scope, versions, &key, value.into());
    }
    read_only(scope, process, "versions", versions.into());
    let release = v8::Object::new(scope);
    let name = string(scope, table["release"]["name"].as_str().unwrap_or("node"));
    read_only(scope, release, "name", name.into());
    let lts = string(scope, table["release"]["lts"].as_str().unwrap_or_default());
    read_only(scope, release, "lts", lts.into());
    read_only(scope, process, "release", release.into());
    let raw_debug = v8::FunctionTemplate::new(scope, callback::function(raw_debug));
    let raw_debug = raw_debug.get_function(scope)?;
    convert::set(scope, process, "_rawDebug", raw_debug.into());
    Some(process)
}

/// Callbacks installed by this module.
pub fn callbacks() -> Vec<v8::FunctionCallback> {
    vec![
        callback::raw_function(construct),
        callback::raw_function(raw_debug),
    ]
}

fn read_only(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    key: &str,
    value: v8::Local<'_, v8::Value>,
) {
    let key = string(scope, key);
    object.define_own_property(scope, key.into(), value, v8::PropertyAttribute::READ_ONLY);
}

fn construct(_scope: Scope, _args: Args, _rv: Return) {}

/// `process._rawDebug(text)`: one line on stderr without the stream machinery.
fn raw_debug(scope: Scope, args: Args, _rv: Return) {
    let mut text = args.get(0).to_rust_string_lossy(scope);
    text.push('\n');
    report::write_stderr(scope, text.as_bytes());
}
