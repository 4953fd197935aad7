//! `internalBinding('modules')`: the reader of `package.json` files, and the compile cache, which is off. Follows
//! Node's `src/node_modules.cc`.

mod package_json;

use std::rc::Rc;

use package_json::{PackageConfig, PackageConfigs};

use crate::env::Env;
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};

/// `compileCacheStatus.indexOf('DISABLED')`
const COMPILE_CACHE_DISABLED: i32 = 3;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("readPackageJSON", read_package_json)
        .function(
            "getNearestParentPackageJSON",
            get_nearest_parent_package_json,
        )
        .function(
            "getNearestParentPackageJSONType",
            get_nearest_parent_package_json_type,
        )
        .function("getPackageScopeConfig", get_package_scope_config)
        .function("getPackageType", get_package_type)
        .function("enableCompileCache", enable_compile_cache)
        .function("getCompileCacheDir", nothing)
        .function("flushCompileCache", flush_compile_cache)
        .function("getCompileCacheEntry", nothing)
        .function("saveCompileCacheEntry", nothing)
        .function("setLazyPathHelpers", set_lazy_path_helpers);
}

/// Why a `package.json` was read, for the error that it is invalid.
struct ErrorContext {
    base: Option<String>,
    specifier: String,
}

/// The configuration in the file at `path`; `Ok(None)` where there is none, `Err` with an exception pending.
fn package_json(
    scope: &mut v8::PinScope<'_, '_>,
    path: &[u8],
    context: Option<&ErrorContext>,
) -> Result<Option<Rc<PackageConfig>>, ()> {
    let env = Env::of(scope);
    let configs = env.state::<PackageConfigs>();
    match configs.read(&env, path) {
        Ok(config) => Ok(config),
        Err(package_json::Invalid) => {
            let mut message = format!("Invalid package config {}", String::from_utf8_lossy(path));
            if let Some(ErrorContext {
                base: Some(base),
                specifier,
            }) = context
            {
                let base = file_url_to_path(base).unwrap_or_else(|| base.clone().into_bytes());
                message.push_str(&format!(
                    " while importing \"{specifier}\" from {}",
                    String::from_utf8_lossy(&base)
                ));
            }
            message.push('.');
            exception::throw(
                scope,
                ErrorKind::Error,
                "ERR_INVALID_PACKAGE_CONFIG",
                &message,
            );
            Err(())
        }
    }
}

/// `[name, main, type, imports, exports, filePath]`
fn serialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    config: &PackageConfig,
) -> v8::Local<'s, v8::Value> {
    let optional = |text: &Option<String>| -> v8::Local<'s, v8::Value> {
        match text {
            Some(text) => exception::string(scope, text).into(),
            None => v8::undefined(scope).into(),
        }
    };
    let fields = [
        optional(&config.name),
        optional(&config.main),
        exception::string(scope, config.kind).into(),
        optional(&config.imports),
        optional(&config.exports),
        exception::string(scope, &String::from_utf8_lossy(&config.path)).into(),
    ];
    v8::Array::new_with_elements(scope, &fields).into()
}

fn string_argument(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Option<String> {
    if value.is_string() {
        return Some(value.to_rust_string_lossy(scope));
    }
    exception::throw_invalid_argument(
        scope,
        &format!("The \"{name}\" argument must be of type string"),
    );
    None
}

/// `readPackageJSON(path, isESM, base, specifier)`
fn read_package_json(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(path) = string_argument(scope, args.get(0), "path") else {
        return;
    };
    let context = args.get(1).is_true().then(|| ErrorContext {
        base: args
            .get(2)
            .is_string()
            .then(|| convert::text(scope, args.get(2))),
        specifier: convert::text(scope, args.get(3)),
    });
    if let Ok(Some(config)) = package_json(scope, path.as_bytes(), context.as_ref()) {
        rv.set(serialize(scope, &config));
    }
}

/// The nearest configuration above `path`; the search ends at a `node_modules` folder and does not look into `/`.
fn nearest_parent(
    scope: &mut v8::PinScope<'_, '_>,
    path: &str,
) -> Result<Option<Rc<PackageConfig>>, ()> {
    let mut directory = path;
    loop {
        directory = match directory.rfind('/') {
            Some(slash) if slash > 0 => &directory[..slash],
            _ => return Ok(None),
        };
        if directory.ends_with("/node_modules") {
            return Ok(None);
        }
        let file = format!("{directory}/package.json");
        if let Some(config) = package_json(scope, file.as_bytes(), None)? {
            return Ok(Some(config));
        }
    }
}

/// `getNearestParentPackageJSON(path)`
fn get_nearest_parent_package_json(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(path) = string_argument(scope, args.get(0), "path") else {
        return;
    };
    if let Ok(Some(config)) = nearest_parent(scope, &path) {
        rv.set(serialize(scope, &config));
    }
}

/// `getNearestParentPackageJSONType(path)`
fn get_nearest_parent_package_json_type(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(path) = string_argument(scope, args.get(0), "path") else {
        return;
    };
    if let Ok(Some(config)) = nearest_parent(scope, &path) {
        rv.set(exception::string(scope, config.kind).into());
    }
}

/// The configuration that the module at a URL belongs to.
enum Scope {
    Found(Rc<PackageConfig>),
    /// There is none; where the search ended.
    Missing(Vec<u8>),
}

/// Throws `ERR_INVALID_URL`.
pub(crate) fn throw_invalid_url(scope: &mut v8::PinScope<'_, '_>, url: &str) {
    let error = exception::new_error(
        scope,
        ErrorKind::TypeError,
        "ERR_INVALID_URL",
        "Invalid URL",
    );
    if let Some(error) = error.to_object(scope) {
        let input = exception::string(scope, url).into();
        convert::set(scope, error, "input", input);
    }
    scope.throw_exception(error);
}

fn package_scope(scope: &mut v8::PinScope<'_, '_>, url: &str) -> Option<Scope> {
    let Some(path) = file_url_to_path(url) else {
        throw_invalid_url(scope, url);
        return None;
    };
    let context = ErrorContext {
        base: None,
        specifier: url.to_owned(),
    };
    let mut directory = path.as_slice();
    loop {
        directory = &directory[..directory
            .iter()
            .rposition(|byte| *byte == b'/')
            .unwrap_or(0)];
        let file = [directory, b"/package.json"].concat();
        if directory.ends_with(b"/node_modules") {
            return Some(Scope::Missing(file));
        }
        match package_json(scope, &file, Some(&context)) {
            Err(()) => return None,
            Ok(Some(config)) => return Some(Scope::Found(config)),
            Ok(None) if directory.is_empty() => return Some(Scope::Missing(file)),
            Ok(None) => {}
        }
    }
}

/// `getPackageScopeConfig(url)`: the configuration, or the path where the search for one ended.
fn get_package_scope_config(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(url) = string_argument(scope, args.get(0), "resolved") else {
        return;
    };
    match package_scope(scope, &url) {
        Some(Scope::Found(config)) => rv.set(serialize(scope, &config)),
        Some(Scope::Missing(path)) => {
            rv.set(exception::string(scope, &String::from_utf8_lossy(&path)).into())
        }
        None => {}
    }
}

/// `getPackageType(url)`: the type, or nothing where there is none.
fn get_package_type(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(url) = string_argument(scope, args.get(0), "resolved") else {
        return;
    };
    if let Some(Scope::Found(config)) = package_scope(scope, &url)
        && config.kind != "none"
    {
        rv.set(exception::string(scope, config.kind).into());
    }
}

/// `enableCompileCache(directory, portable)`: `[status]`. A guest's compiled code is never stored.
fn enable_compile_cache(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let status = v8::Integer::new(scope, COMPILE_CACHE_DISABLED).into();
    rv.set(v8::Array::new_with_elements(scope, &[status]).into());
}

/// `flushCompileCache(keepDeserializedCache)`: there is nothing to flush.
fn flush_compile_cache(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if !args.get(0).is_boolean() && !args.get(0).is_undefined() {
        exception::throw_invalid_argument(scope, "keepDeserializedCache should be a boolean");
    }
}

/// What a cache that is off answers.
fn nothing(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
}

/// `setLazyPathHelpers(meta, url)`: `import.meta.dirname` and `import.meta.filename`.
fn set_lazy_path_helpers(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(meta) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"meta\" argument must be an object");
        return;
    };
    let Some(url) = string_argument(scope, args.get(1), "url") else {
        return;
    };
    let Some(path) = file_url_to_path(&url) else {
        return;
    };
    let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let directory = String::from_utf8_lossy(&path[..slash.max(1)]).into_owned();
    let path = String::from_utf8_lossy(&path).into_owned();
    let values = [("dirname", directory), ("filename", path)];
    for (key, value) in values {
        let key = exception::string(scope, key).into();
        let value = exception::string(scope, &value).into();
        meta.create_data_property(scope, key, value);
    }
}

/// The path of a normalised `file:` URL; `None` for any other.
pub(crate) fn file_url_to_path(url: &str) -> Option<Vec<u8>> {
    let rest = url.strip_prefix("file://")?;
    let path = &rest[rest.find('/')?..];
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let digits = (bytes[index] == b'%')
            .then(|| path.get(index + 1..index + 3))
            .flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                index += 3;
            }
            None => {
                decoded.push(bytes[index]);
                index += 1;
            }
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::file_url_to_path;

    #[test]
    fn file_urls_become_paths_without_query_and_hash() {
        assert_eq!(
            file_url_to_path("file:///a%20b/c.js?x#y"),
            Some(b"/a b/c.js".to_vec())
        );
        assert_eq!(file_url_to_path("file:///a%zz%"), Some(b"/a%zz%".to_vec()));
        assert_eq!(file_url_to_path("data:text/javascript,1"), None);
    }
}
