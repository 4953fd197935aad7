//! `ContextifyScript`, the native half of `vm.Script`.

use super::code_seal::{self, Kind};
use super::compile::{self, Cache, Unit};
use super::context::{self, Contextified};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::inspector::Agent;
use crate::js::decorate::{self, Offset};
use crate::js::exception;
use crate::js::{convert, wrap};

/// Internal field that holds the script itself. Not a handle of ours: the script reaches its wrapper again through the
/// callback of `import()`, and only the collector can free such a circle.
const SCRIPT_FIELD: usize = 1;

/// Private property with the text of the script: what a code cache of it belongs to.
const SOURCE: &str = "script_source";

struct ContextifyScript {
    offset: Offset,
}

/// `new ContextifyScript(code, filename, lineOffset, columnOffset, cachedData, produceCachedData, parsingContext, id)`,
/// or with the first two arguments only.
pub fn new<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return) {
    let (Ok(code), Ok(filename)) = (args.get(0).try_cast(), args.get(1).try_cast()) else {
        return compile::refuse(scope);
    };
    if !args.is_construct_call() {
        return compile::refuse(scope);
    }
    let id = if args.length() > 2 {
        args.get(7).try_cast().ok()
    } else {
        Some(v8::Symbol::new(scope, Some(filename)))
    };
    let (Some(id), Ok(cached_data)) = (id, compile::cached_data_argument(args.get(4))) else {
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
    let offset = Offset {
        line: args.get(2).int32_value(scope).unwrap_or(0),
        column: args.get(3).int32_value(scope).unwrap_or(0),
    };
    let unit = Unit {
        code,
        filename,
        line_offset: offset.line,
        column_offset: offset.column,
        id,
        cache: Cache::opened(scope, Kind::Script, code, cached_data),
    };
    let this = args.this();
    wrap::wrap(scope, this, ContextifyScript { offset });
    let key = Env::of(scope).private(scope, SOURCE);
    this.set_private(scope, key, code.into());
    let compiled = {
        let scope = &mut v8::ContextScope::new(scope, parsing_context);
        compile_script(scope, &unit, offset)
    };
    let Some((script, rejected)) = compiled else {
        return;
    };
    this.set_internal_field(SCRIPT_FIELD, script.into());
    let key = Env::of(scope).private(scope, "host_defined_option_symbol");
    this.set_private(scope, key, id.into());
    let produced = args
        .get(5)
        .is_true()
        .then(|| sealed_cache(scope, script, code));
    compile::store_cache_result(scope, this, rejected, produced);
    let source_url = script.get_source_url(scope);
    convert::set(scope, this, "sourceURL", source_url);
    let source_map_url = script.get_source_mapping_url(scope);
    convert::set(scope, this, "sourceMapURL", source_map_url);
}

fn compile_script<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    unit: &Unit<'s>,
    offset: Offset,
) -> Option<(v8::Local<'s, v8::UnboundScript>, Option<bool>)> {
    v8::tc_scope!(let scope, scope);
    let (mut source, options) = unit.source(scope);
    let reason = v8::script_compiler::NoCacheReason::NoReason;
    match v8::script_compiler::compile_unbound_script(scope, &mut source, options, reason) {
        Some(script) => Some((script, compile::cache_rejected(unit, &source))),
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

fn unbound_script<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    this: v8::Local<'s, v8::Object>,
) -> Option<v8::Local<'s, v8::UnboundScript>> {
    wrap::unwrap::<ContextifyScript>(scope, this.into())?;
    let data = this.get_internal_field(scope, SCRIPT_FIELD)?;
    if data.is_value() {
        // The constructor threw: the field is still undefined.
        return None;
    }
    // SAFETY: only `new` writes this field of a ContextifyScript, and what it writes is an UnboundScript.
    Some(unsafe { v8::Local::<v8::UnboundScript>::cast_unchecked(data) })
}

fn sealed_cache(
    scope: &v8::PinScope<'_, '_>,
    script: v8::Local<'_, v8::UnboundScript>,
    source: v8::Local<'_, v8::String>,
) -> Option<Vec<u8>> {
    let cache = script.create_code_cache()?;
    Some(code_seal::seal(scope, Kind::Script, source, cache.to_vec()))
}

/// `script.createCachedData()`.
pub fn create_cached_data<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return) {
    let key = Env::of(scope).private(scope, SOURCE);
    let source = args.this().get_private(scope, key);
    let source = source.and_then(|source| source.try_cast().ok());
    let (Some(script), Some(source)) = (unbound_script(scope, args.this()), source) else {
        return compile::refuse(scope);
    };
    let data = sealed_cache(scope, script, source).unwrap_or_default();
    let buffer = convert::buffer(scope, data);
    rv.set(buffer);
}

/// `script.runInContext(contextifiedObject | null, timeout, displayErrors, breakOnSigint, breakOnFirstLine)`.
pub fn run_in_context<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return) {
    let Some(script) = unbound_script(scope, args.this()) else {
        let text = "Script methods can only be called on script instances.";
        return exception::throw_invalid_this(scope, text);
    };
    let Some(state) = wrap::unwrap::<ContextifyScript>(scope, args.this().into()) else {
        return;
    };
    let contextified = if args.get(0).is_null() {
        None
    } else {
        match context::contextified_context(scope, args.get(0)) {
            Some(contextified) => Some(contextified),
            None => return compile::refuse(scope),
        }
    };
    let timeout = args.get(1).integer_value(scope).unwrap_or(-1);
    let display_errors = args.get(2).is_true();
    if args.get(4).is_true() {
        Agent::of(&Env::of(scope)).pause_on_next_statement("Break on start");
    }
    let limits = Limits {
        timeout,
        breaks_on_sigint: args.get(3).is_true(),
    };
    let context = match &contextified {
        Some(contextified) => contextified.context,
        None => Env::of(scope).context(scope),
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    let result = evaluate(
        scope,
        script,
        contextified.as_ref(),
        limits,
        display_errors.then_some(state.offset),
    );
    if let Some(result) = result {
        rv.set(result);
    }
}

/// What may end a script before it returns.
struct Limits {
    timeout: i64,
    breaks_on_sigint: bool,
}

/// Runs `script` in the entered context. `decorate` asks for source frames in errors.
fn evaluate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    script: v8::Local<'s, v8::UnboundScript>,
    contextified: Option<&Contextified<'s>>,
    limits: Limits,
    decorate: Option<Offset>,
) -> Option<v8::Local<'s, v8::Value>> {
    v8::tc_scope!(let scope, scope);
    let script = script.bind_to_current_context(scope);
    let result = super::run_with_sigint(scope, limits.breaks_on_sigint, |scope| {
        super::run_with_timeout(scope, limits.timeout, |scope| {
            let result = script.run(scope);
            if result.is_some()
                && let Some(contextified) = contextified
            {
                contextified.perform_microtask_checkpoint(scope);
            }
            result
        })
    });
    if scope.has_caught() {
        if let Some(offset) = decorate
            && let Some(error) = scope.exception()
            && !scope.has_terminated()
        {
            let message = scope.message();
            decorate::decorate_error_stack(scope, error, message, offset);
        }
        scope.rethrow();
        return None;
    }
    result
}
