//! What Node's native code knows: constants, option table, symbol names. Taken from the pinned binary by the build.

use std::sync::OnceLock;

use serde_json::Value;

static TABLES: OnceLock<Value> = OnceLock::new();

/// The whole table; see `build/extract.mjs` for its shape.
pub fn tables() -> &'static Value {
    TABLES.get_or_init(|| {
        serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/tables.json")))
            .expect("the build wrote valid tables")
    })
}

/// What the binary's binding `name` holds; `Null` for a binding that the binary lacks.
pub fn binding(name: &str) -> &'static Value {
    &tables()["bindings"][name]
}

/// An integer constant of `internalBinding('constants')`, for example `["os", "errno", "EPERM"]`.
pub fn constant(path: &[&str]) -> Option<i64> {
    let mut value = &binding("constants")["constants"];
    for key in path {
        value = value.get("$null").unwrap_or(value).get(key)?;
    }
    value.as_i64()
}
