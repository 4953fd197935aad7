//! `internalBinding('modules')`: the reader of `package.json` files, and the compile cache. Follows
//! Node's `src/node_modules.cc`.

mod package_json;

use std::rc::Rc;

use package_json::{PackageConfig, PackageConfigs};

use crate::binding::compile_cache;
use crate::callback::{Args, Return, Scope};
use crate::embedder::refused_link;
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind};
use crate::js::{convert, permission};
use crate::options::permission::Access;

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
        .function("getCompileCacheDir", get_compile_cache_dir)
        .function("flushCompileCache", flush_compile_cache)
        .function("getCompileCacheEntry", get_compile_cache_entry)
        .function("saveCompileCacheEntry", save_compile_cache_entry)
        .function("setLazyPathHelpers", set_lazy_path_helpers)
        .function("explainMissing", explain_missing);
}

/// What there is to say of a module that is missing, behind the message (not Node's: see `patches/`).
fn explain_missing(scope: Scope, args: Args, mut rv: Return) {
    let wanted = convert::text(scope, args.get(0));
    let text = exception::string(scope, &refused_link::explain(&wanted));
    rv.set(text.into());
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
fn read_package_json(scope: Scope, args: Args, mut rv: Return) {
    let Some(path) = string_argument(scope, args.get(0), "path") else {
        return;
    };
    if !permission::require(scope, Access::FileSystemRead, path.as_bytes()) {
        return;
    }
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
        // The search ends where the permission model does not let it go.
        if !permission::has(
            &Env::of(scope),
            Access::FileSystemRead,
            directory.as_bytes(),
        ) {
            return Ok(None);
        }
        let file = format!("{directory}/package.json");
        if let Some(config) = package_json(scope, file.as_bytes(), None)? {
            return Ok(Some(config));
        }
    }
}

/// `getNearestParentPackageJSON(path)`
fn get_nearest_parent_package_json(scope: Scope, args: Args, mut rv: Return) {
    let Some(path) = string_argument(scope, args.get(0), "path") else {
        return;
    };
    if let Ok(Some(config)) = nearest_parent(scope, &path) {
        rv.set(serialize(scope, &config));
    }
}

/// `getNearestParentPackageJSONType(path)`
fn get_nearest_parent_package_json_type(scope: Scope, args: Args, mut rv: Return) {
    let Some(path) = string_argument(scope, args.get(0), "path") else {
        return;
    };
    if let Ok(Some(config)) = nearest_parent(scope, &path) {
        rv.set(exception::string(scope, config.kind).into());
    }
}

/// The configuration that the module at a URL belongs to.
enum PackageScope {
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

fn package_scope(scope: &mut v8::PinScope<'_, '_>, url: &str) -> Option<PackageScope> {
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
            return Some(PackageScope::Missing(file));
        }
        match package_json(scope, &file, Some(&context)) {
            Err(()) => return None,
            Ok(Some(config)) => return Some(PackageScope::Found(config)),
            Ok(None) if directory.is_empty() => return Some(PackageScope::Missing(file)),
            Ok(None) => {}
        }
    }
}

/// `getPackageScopeConfig(url)`: the configuration, or the path where the search for one ended.
fn get_package_scope_config(scope: Scope, args: Args, mut rv: Return) {
    let Some(url) = string_argument(scope, args.get(0), "resolved") else {
        return;
    };
    match package_scope(scope, &url) {
        Some(PackageScope::Found(config)) => rv.set(serialize(scope, &config)),
        Some(PackageScope::Missing(path)) => {
            rv.set(exception::string(scope, &String::from_utf8_lossy(&path)).into())
        }
        None => {}
    }
}

/// `getPackageType(url)`: the type, or nothing where there is none.
fn get_package_type(scope: Scope, args: Args, mut rv: Return) {
    let Some(url) = string_argument(scope, args.get(0), "resolved") else {
        return;
    };
    if let Some(PackageScope::Found(config)) = package_scope(scope, &url)
        && config.kind != "none"
    {
        rv.set(exception::string(scope, config.kind).into());
    }
}

/// `enableCompileCache(directory, portable)`: `[status, message, directory]`.
fn enable_compile_cache(scope: Scope, args: Args, mut rv: Return) {
    let Some(directory) = string_argument(scope, args.get(0), "cacheDir") else {
        return;
    };
    let enabled = compile_cache::enable(scope, directory.as_bytes(), args.get(1).is_true());
    let optional = |text: Option<String>| -> v8::Local<'_, v8::Value> {
        match text {
            Some(text) => exception::string(scope, &text).into(),
            None => v8::undefined(scope).into(),
        }
    };
    let (message, directory) = (optional(enabled.message), optional(enabled.directory));
    let status = v8::Integer::new(scope, enabled.status).into();
    rv.set(v8::Array::new_with_elements(scope, &[status, message, directory]).into());
}

/// `getCompileCacheDir()`: nothing where there is none.
fn get_compile_cache_dir(scope: Scope, _args: Args, mut rv: Return) {
    if let Some(directory) = compile_cache::directory(&Env::of(scope)) {
        rv.set(exception::string(scope, &directory).into());
    }
}

/// `flushCompileCache(keepDeserializedCache)`
fn flush_compile_cache(scope: Scope, args: Args, _rv: Return) {
    if !args.get(0).is_boolean() && !args.get(0).is_undefined() {
        exception::throw_invalid_argument(scope, "keepDeserializedCache should be a boolean");
        return;
    }
    compile_cache::flush(scope);
}

/// `getCompileCacheEntry(source, filename, type)`: `{ external, transpiled }` of a text that TypeScript becomes.
fn get_compile_cache_entry(scope: Scope, args: Args, mut rv: Return) {
    let Ok(source) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"source\" argument must be of type string");
        return;
    };
    let Some(filename) = string_argument(scope, args.get(1), "filename") else {
        return;
    };
    let kind = args
        .get(2)
        .uint32_value(scope)
        .and_then(|kind| u8::try_from(kind).ok());
    let Some(kind) = kind.filter(|kind| (2..=4).contains(kind)) else {
        exception::throw_invalid_argument(
            scope,
            "The \"type\" argument must be one of TypeScript's",
        );
        return;
    };
    let code = compile_cache::Code::TypeScript(kind);
    let Some(entry) = compile_cache::entry(scope, code, source, &filename) else {
        return;
    };
    let result = v8::Object::new(scope);
    let key = v8::Integer::new_from_unsigned(scope, entry.key).into();
    convert::set(scope, result, "external", key);
    if let Some(text) = entry.cache() {
        let text = exception::string(scope, &String::from_utf8_lossy(&text)).into();
        convert::set(scope, result, "transpiled", text);
    }
    rv.set(result.into());
}

/// `saveCompileCacheEntry(external, transpiled)`
fn save_compile_cache_entry(scope: Scope, args: Args, _rv: Return) {
    let Some(text) = string_argument(scope, args.get(1), "transpiled") else {
        return;
    };
    let key = args.get(0).uint32_value(scope).unwrap_or(0);
    if let Some(entry) = compile_cache::entry_of(&Env::of(scope), key) {
        compile_cache::keep_text(scope, &entry, text);
    }
}

/// `setLazyPathHelpers(meta, url)`: `import.meta.dirname` and `import.meta.filename`.
fn set_lazy_path_helpers(scope: Scope, args: Args, _rv: Return) {
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
