//! `compileFunction`, the native half of `vm.compileFunction`.

use super::code_seal::{self, Kind};
use super::compile::{self, Cache, Unit};
use super::context;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::convert;
use crate::js::decorate::{self, Offset};

/// `compileFunction(code, filename, lineOffset, columnOffset, cachedData, produceCachedData, parsingContext,
/// contextExtensions, params, id)`: the function and what is known of it.
pub fn compile_function<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return) {
    let (Ok(code), Ok(filename), Ok(id)) = (
        args.get(0).try_cast(),
        args.get(1).try_cast(),
        args.get(9).try_cast(),
    ) else {
        return compile::refuse(scope);
    };
    let Ok(cached_data) = compile::cached_data_argument(args.get(4)) else {
        return compile::refuse(scope);
    };
    let parsing_context = if args.get(6).is_undefined() {
        scope.get_current_context()
    } else {
        match context::contextified_context(scope, args.get(6)) {
            Some(contextified) => contextified.context,
            None => return compile::refuse(scope),
        }
    };
    let (Some(extensions), Some(parameters)) = (
        list(scope, args.get(7)),
        list::<v8::String>(scope, args.get(8)),
    ) else {
        return compile::refuse(scope);
    };
    let offset = Offset {
        line: args.get(2).int32_value(scope).unwrap_or(0),
        column: args.get(3).int32_value(scope).unwrap_or(0),
    };
    let names = parameters
        .iter()
        .map(|name| name.to_rust_string_lossy(scope))
        .collect::<Vec<_>>()
        .join(",");
    let kind = Kind::Function(&names, extensions.len());
    let unit = Unit {
        code,
        filename,
        line_offset: offset.line,
        column_offset: offset.column,
        id,
        cache: Cache::opened(scope, kind, code, cached_data),
    };
    let compiled = {
        let scope = &mut v8::ContextScope::new(scope, parsing_context);
        compile_in_context(scope, &unit, &parameters, &extensions, offset)
    };
    let Some((function, rejected)) = compiled else {
        return;
    };
    let produced = args
        .get(5)
        .is_true()
        .then(|| function.create_code_cache())
        .map(|cache| cache.map(|data| code_seal::seal(scope, kind, code, data.to_vec())));
    let result = describe(scope, function);
    let key = Env::of(scope).private(scope, "host_defined_option_symbol");
    function.set_private(scope, key, id.into());
    compile::store_cache_result(scope, result, rejected, produced);
    rv.set(result.into());
}

/// The elements of an optional array, if all of them are of type `T`.
fn list<'s, T>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Option<Vec<v8::Local<'s, T>>>
where
    v8::Local<'s, v8::Value>: TryInto<v8::Local<'s, T>>,
{
    if value.is_undefined() {
        return Some(Vec::new());
    }
    let array = value.try_cast::<v8::Array>().ok()?;
    (0..array.length())
        .map(|index| array.get_index(scope, index)?.try_into().ok())
        .collect()
}

fn compile_in_context<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    unit: &Unit<'s>,
    parameters: &[v8::Local<'s, v8::String>],
    extensions: &[v8::Local<'s, v8::Object>],
    offset: Offset,
) -> Option<(v8::Local<'s, v8::Function>, Option<bool>)> {
    v8::tc_scope!(let scope, scope);
    let (mut source, options) = unit.source(scope);
    let reason = v8::script_compiler::NoCacheReason::NoReason;
    match v8::script_compiler::compile_function(
        scope,
        &mut source,
        parameters,
        extensions,
        options,
        reason,
    ) {
        Some(function) => Some((function, compile::cache_rejected(unit, &source))),
        None => {
            if let Some(error) = scope.exception()
                && !scope.has_terminated()
            {
                let message = scope.message();
                decorate::decorate_error_stack(scope, error, message, offset);
            }
            scope.rethrow();
            None
        }
    }
}

fn describe<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    function: v8::Local<'s, v8::Function>,
) -> v8::Local<'s, v8::Object> {
    let result = v8::Object::new(scope);
    convert::set(scope, result, "function", function.into());
    let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
    let origin = function.get_script_origin(scope);
    // The name in the origin is that of a `//# sourceURL=` comment, where there is one.
    let source_url = origin.resource_name().unwrap_or(undefined);
    convert::set(scope, result, "sourceURL", source_url);
    let source_map_url = origin.source_map_url().unwrap_or(undefined);
    convert::set(scope, result, "sourceMapURL", source_map_url);
    result
}
