//! What a process says of its own build: `process.versions` and `process.config`. Both start from the pinned binary's,
//! whose library this is; the native parts are this project's.

use std::ffi::CStr;

use serde_json::{Map, Value};

use crate::library::tables::tables;

/// Native libraries of Node's that have no counterpart here: name resolution, WASI.
const NOT_LINKED: [&str; 2] = ["ares", "uvwasi"];

/// Build settings whose value in the pinned binary is untrue here.
const SWITCHES: [(&str, bool); 2] = [
    ("node_without_node_options", true),
    ("single_executable_application", false),
];

/// `process.versions`, in the pinned binary's order.
pub(crate) fn versions() -> Vec<(String, String)> {
    let pinned = tables()["process"]["versions"].as_object();
    let linked = pinned
        .into_iter()
        .flatten()
        .filter(|(name, _)| !NOT_LINKED.contains(&name.as_str()));
    linked
        .map(|(name, value)| {
            let version =
                own_version(name).unwrap_or_else(|| value.as_str().unwrap_or_default().to_owned());
            (name.clone(), version)
        })
        .collect()
}

/// The version of a library that is linked here in Node's place.
fn own_version(name: &str) -> Option<String> {
    match name {
        "v8" => Some(v8::V8::get_version().to_owned()),
        "llhttp" => Some(env!("LLHTTP_VERSION").to_owned()),
        "nghttp2" => Some(nghttp2_version()),
        "openssl" => Some(openssl_version()),
        "sqlite" => Some(sqlite_version()),
        "zlib" => Some(zlib_version()),
        _ => None,
    }
}

/// What follows the name in `OpenSSL 3.5.0 8 Apr 2025` (`GetOpenSSLVersion` in Node's `src/node_metadata.cc`).
fn openssl_version() -> String {
    // SAFETY: OpenSSL returns a static text with a NUL for every selector.
    let text =
        unsafe { CStr::from_ptr(openssl_sys::OpenSSL_version(openssl_sys::OPENSSL_VERSION)) };
    let text = text.to_string_lossy();
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn nghttp2_version() -> String {
    // SAFETY: a static record, with a static text with a NUL, for any version that is asked for.
    let text = unsafe { CStr::from_ptr((*libnghttp2_sys::nghttp2_version(0)).version_str) };
    text.to_string_lossy().into_owned()
}

fn zlib_version() -> String {
    // SAFETY: zlib returns a static text with a NUL.
    let text = unsafe { CStr::from_ptr(libz_sys::zlibVersion()) };
    text.to_string_lossy().into_owned()
}

fn sqlite_version() -> String {
    // SAFETY: SQLite returns a static text with a NUL, also before it has started.
    let text = unsafe { CStr::from_ptr(libsqlite3_sys::sqlite3_libversion()) };
    text.to_string_lossy().into_owned()
}

/// The JSON of `process.config`.
pub(crate) fn config() -> String {
    let mut config = tables()["process"]["config"].clone();
    if let Some(variables) = config["variables"].as_object_mut() {
        correct(variables);
    }
    config.to_string()
}

fn correct(variables: &mut Map<String, Value>) {
    for (name, value) in SWITCHES.map(|(name, value)| (name, Value::from(value))) {
        debug_assert!(
            variables.contains_key(name),
            "{name} is a setting of Node's build"
        );
        variables.insert(name.to_owned(), value);
    }
    // SAFETY: reads a constant.
    let openssl = unsafe { openssl_sys::OpenSSL_version_num() };
    variables.insert("openssl_version".to_owned(), Value::from(openssl));
}

#[cfg(test)]
mod tests {
    use super::{config, versions};

    #[test]
    fn versions_are_those_of_what_is_linked() {
        let versions = versions();
        let of = |wanted: &str| {
            let found = versions.iter().find(|(name, _)| name == wanted);
            found.map(|(_, version)| version.as_str())
        };
        assert_eq!(of("v8"), Some(v8::V8::get_version()));
        assert!(of("openssl").is_some_and(|version| version.starts_with("3.")));
        assert_eq!(of("llhttp"), Some(env!("LLHTTP_VERSION")));
        assert!(of("sqlite").is_some_and(|version| version.starts_with("3.")));
        assert!(of("nghttp2").is_some_and(|version| version.starts_with("1.")));
        assert_eq!(of("uvwasi"), None);
        assert!(of("node").is_some());
    }

    #[test]
    fn the_configuration_names_the_inspector() {
        let config: serde_json::Value = serde_json::from_str(&config()).unwrap();
        assert_eq!(config["variables"]["v8_enable_inspector"], 1);
    }
}
