//! Compilation of CommonJS modules, and the guess whether a text that does not compile as one is an ES module.

use super::compile::{self, Cache, Unit};
use crate::binding::compile_cache;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::decorate::{self, Offset};
use crate::js::{convert, exception};

/// Parameters of the CommonJS wrapper.
const PARAMETERS: [&str; 5] = ["exports", "require", "module", "__filename", "__dirname"];

/// The same, as a cache is sealed for them.
const CACHED: &str = "exports,require,module,__filename,__dirname";

/// Messages of V8 that say that a text is an ES module.
const MODULE_SYNTAX: [&str; 3] = [
    "Cannot use import statement outside a module",
    "Unexpected token 'export'",
    "Cannot use 'import.meta' outside a module",
];

/// Messages of V8 for what CommonJS forbids and ES modules may allow: names of the wrapper, top-level await.
const MAYBE_MODULE_SYNTAX: [&str; 8] = [
    "Identifier 'module' has already been declared",
    "Identifier 'exports' has already been declared",
    "Identifier 'require' has already been declared",
    "Identifier '__filename' has already been declared",
    "Identifier '__dirname' has already been declared",
    "await is only valid in async functions and the top level bodies of modules",
    "missing ) after argument list",
    "SyntaxError: Unexpected",
];

/// A compile error and V8's report of it.
struct Failure<'s> {
    error: v8::Local<'s, v8::Value>,
    text: String,
}

/// Compiles a CommonJS module, or with `wrapper` false the body of an `--eval` script. `None` without a failure is
/// termination.
fn compile_wrapper<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    code: v8::Local<'s, v8::String>,
    filename: v8::Local<'s, v8::String>,
    wrapper: bool,
) -> Result<v8::Local<'s, v8::Function>, Option<Failure<'s>>> {
    let id = Env::of(scope).symbol(scope, "vm_dynamic_import_default_internal");
    let entry = wrapper
        .then(|| {
            let name = filename.to_rust_string_lossy(scope);
            compile_cache::entry(scope, compile_cache::Code::CommonJs(CACHED), code, &name)
        })
        .flatten();
    let cache = entry.as_ref().and_then(|entry| entry.cache());
    let unit = Unit {
        code,
        filename,
        line_offset: 0,
        column_offset: 0,
        id,
        cache: cache.map_or(Cache::Absent, |cache| Cache::Genuine(cache.to_vec())),
    };
    let parameters = if wrapper {
        PARAMETERS
            .map(|name| exception::string(scope, name))
            .to_vec()
    } else {
        Vec::new()
    };
    v8::tc_scope!(let scope, scope);
    let (mut source, options) = unit.source(scope);
    let reason = v8::script_compiler::NoCacheReason::NoReason;
    if let Some(function) =
        v8::script_compiler::compile_function(scope, &mut source, &parameters, &[], options, reason)
    {
        if let Some(entry) = entry {
            let rejected = compile::cache_rejected(&unit, &source).unwrap_or(false);
            compile_cache::keep(scope, &entry, code, rejected, || {
                function.create_code_cache().map(|cache| cache.to_vec())
            });
        }
        return Ok(function);
    }
    if scope.has_terminated() {
        scope.rethrow();
        return Err(None);
    }
    let Some(error) = scope.exception() else {
        return Err(None);
    };
    let message = scope.message();
    let text = message
        .map(|message| message.get(scope).to_rust_string_lossy(scope))
        .unwrap_or_default();
    decorate::decorate_error_stack(scope, error, message, Offset::default());
    Err(Some(Failure { error, text }))
}

/// Whether a text that failed to compile as CommonJS with `message` is to be tried as an ES module.
fn is_module_syntax<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    message: &str,
    code: v8::Local<'s, v8::String>,
    resource_name: v8::Local<'s, v8::String>,
) -> bool {
    if MODULE_SYNTAX.iter().any(|text| message.contains(text)) {
        return true;
    }
    MAYBE_MODULE_SYNTAX
        .iter()
        .any(|text| message.contains(text))
        && compiles_as_module(scope, code, resource_name)
}

fn compiles_as_module<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    code: v8::Local<'s, v8::String>,
    resource_name: v8::Local<'s, v8::String>,
) -> bool {
    let id = Env::of(scope).symbol(scope, "source_text_module_default_hdo");
    v8::tc_scope!(let scope, scope);
    let options = compile::host_defined_options(scope, id);
    let name = resource_name.into();
    let origin = v8::ScriptOrigin::new(
        scope,
        name,
        0,
        0,
        true,
        -1,
        None,
        false,
        false,
        true,
        Some(options),
    );
    let mut source = v8::script_compiler::Source::new(code, Some(&origin));
    v8::script_compiler::compile_module(scope, &mut source).is_some()
}

/// `compileFunctionForCJSLoader(code, filename, isSeaMain, shouldDetectModule)`.
pub fn compile_function_for_cjs_loader<'s>(
    scope: Scope<'_, 's, '_>,
    args: Args<'s>,
    mut rv: Return,
) {
    let (Ok(code), Ok(filename)) = (
        args.get(0).try_cast::<v8::String>(),
        args.get(1).try_cast::<v8::String>(),
    ) else {
        return compile::refuse(scope);
    };
    let should_detect_module = args.get(3).is_true();
    let function = match compile_wrapper(scope, code, filename, true) {
        Ok(function) => Some(function),
        Err(None) => return,
        Err(Some(failure)) => {
            let url = file_url(&filename.to_rust_string_lossy(scope));
            let url = exception::string(scope, &url);
            if !is_module_syntax(scope, &failure.text, code, url) {
                scope.throw_exception(failure.error);
                return;
            }
            if !should_detect_module {
                if warn_about_module(scope, filename) {
                    scope.throw_exception(failure.error);
                }
                return;
            }
            None
        }
    };
    let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
    let (source_map_url, source_url) = match function {
        Some(function) => {
            let origin = function.get_script_origin(scope);
            (
                origin.source_map_url().unwrap_or(undefined),
                origin.resource_name().unwrap_or(undefined),
            )
        }
        None => (undefined, undefined),
    };
    let result = v8::Object::new(scope);
    let rejected = v8::Boolean::new(scope, false).into();
    convert::set(scope, result, "cachedDataRejected", rejected);
    convert::set(scope, result, "sourceMapURL", source_map_url);
    convert::set(scope, result, "sourceURL", source_url);
    convert::set(
        scope,
        result,
        "function",
        function.map_or(undefined, Into::into),
    );
    let as_module = v8::Boolean::new(scope, function.is_none()).into();
    convert::set(scope, result, "canParseAsESM", as_module);
    rv.set(result.into());
}

/// `containsModuleSyntax(code, filename, resourceName, cjsVar)`: true where the text is no CommonJS but an ES module.
pub fn contains_module_syntax<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return) {
    let (Ok(code), Ok(filename)) = (
        args.get(0).try_cast::<v8::String>(),
        args.get(1).try_cast::<v8::String>(),
    ) else {
        return compile::refuse(scope);
    };
    let resource_name = args.get(2).try_cast::<v8::String>().unwrap_or(filename);
    let wrapper = !args.get(3).is_string();
    match compile_wrapper(scope, code, filename, wrapper) {
        Ok(_) => rv.set_bool(false),
        Err(None) => {}
        Err(Some(failure)) => {
            rv.set_bool(is_module_syntax(scope, &failure.text, code, resource_name))
        }
    }
}

/// `shouldRetryAsESM(code, resourceName)`.
pub fn should_retry_as_esm<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return) {
    let (Ok(code), Ok(filename)) = (
        args.get(0).try_cast::<v8::String>(),
        args.get(1).try_cast::<v8::String>(),
    ) else {
        return compile::refuse(scope);
    };
    match compile_wrapper(scope, code, filename, true) {
        Ok(_) => rv.set_bool(false),
        Err(None) => {}
        Err(Some(failure)) => rv.set_bool(is_module_syntax(scope, &failure.text, code, filename)),
    }
}

/// Whether the warning of [`warn_about_module`] was given: once a process.
#[derive(Default)]
struct Warned(std::cell::Cell<bool>);

/// Warns that an ES module was loaded as CommonJS. False when a listener of the warning threw: that exception is
/// pending then.
fn warn_about_module(
    scope: &mut v8::PinScope<'_, '_>,
    filename: v8::Local<'_, v8::String>,
) -> bool {
    let env = Env::of(scope);
    if env.state::<Warned>().0.replace(true) {
        return true;
    }
    let Some(emit) = env.function(scope, crate::env::Slot::EmitWarningSync) else {
        return true;
    };
    let text = format!(
        "Failed to load the ES module: {}. Make sure to set \"type\": \"module\" in the nearest package.json file or \
         use the .mjs extension.",
        filename.to_rust_string_lossy(scope)
    );
    let text = exception::string(scope, &text).into();
    let receiver = v8::undefined(scope).into();
    emit.call(scope, receiver, &[text]).is_some()
}

/// `file://` URL of an absolute path, as `url::FromFilePath` makes it.
fn file_url(path: &str) -> String {
    let mut url = String::from("file://");
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'/'
            | b'-'
            | b'_'
            | b'.'
            | b'!'
            | b'~'
            | b'*'
            | b'\''
            | b'('
            | b')'
            | b'&'
            | b'='
            | b'+'
            | b'$'
            | b','
            | b';'
            | b':'
            | b'@'
            | b'|'
            | b'['
            | b']'
            | b'^' => {
                url.push(char::from(byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}
