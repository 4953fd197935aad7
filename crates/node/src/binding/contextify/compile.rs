//! What scripts and compiled functions share: origins, code caches.

use super::code_seal::{self, Kind};
use crate::js::{convert, exception};

/// The host-defined options of a script, module or function: the symbol by which `import()` finds its callback.
pub fn host_defined_options<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    id: v8::Local<'s, v8::Symbol>,
) -> v8::Local<'s, v8::Data> {
    let options = v8::PrimitiveArray::new(scope, 1);
    options.set(scope, 0, id.into());
    options.into()
}

/// What is compiled, as the caller named it.
pub struct Unit<'s> {
    pub code: v8::Local<'s, v8::String>,
    pub filename: v8::Local<'s, v8::String>,
    pub line_offset: i32,
    pub column_offset: i32,
    pub id: v8::Local<'s, v8::Symbol>,
    pub cache: Cache,
}

/// A code cache that a unit is compiled with.
pub enum Cache {
    /// None was given.
    Absent,
    /// What was given was not sealed for this unit: V8 never sees it.
    Refused,
    /// One of this process's own.
    Genuine(Vec<u8>),
}

impl Cache {
    /// What a guest handed over as the cache of `source`.
    pub fn opened(
        scope: &v8::PinScope<'_, '_>,
        kind: Kind<'_>,
        source: v8::Local<'_, v8::String>,
        given: Option<Vec<u8>>,
    ) -> Cache {
        let Some(sealed) = given else {
            return Cache::Absent;
        };
        code_seal::open(scope, kind, source, sealed).map_or(Cache::Refused, Cache::Genuine)
    }
}

impl<'s> Unit<'s> {
    /// V8's source object with the origin of this unit; the code cache, if any, is copied into it by reference and
    /// must outlive it.
    pub fn source<'a>(
        &'a self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> (
        v8::script_compiler::Source,
        v8::script_compiler::CompileOptions,
    ) {
        let options = host_defined_options(scope, self.id);
        let origin = v8::ScriptOrigin::new(
            scope,
            self.filename.into(),
            self.line_offset,
            self.column_offset,
            true,
            -1,
            None,
            false,
            false,
            false,
            Some(options),
        );
        match &self.cache {
            Cache::Genuine(data) => {
                let cached = v8::script_compiler::CachedData::new(data);
                let source = v8::script_compiler::Source::new_with_cached_data(
                    self.code,
                    Some(&origin),
                    cached,
                );
                (
                    source,
                    v8::script_compiler::CompileOptions::ConsumeCodeCache,
                )
            }
            Cache::Absent | Cache::Refused => {
                let source = v8::script_compiler::Source::new(self.code, Some(&origin));
                (
                    source,
                    v8::script_compiler::CompileOptions::NoCompileOptions,
                )
            }
        }
    }
}

/// Whether the code cache that was given was refused, by us or by V8; `None` where none was.
pub fn cache_rejected(unit: &Unit<'_>, source: &v8::script_compiler::Source) -> Option<bool> {
    if matches!(unit.cache, Cache::Refused) {
        return Some(true);
    }
    source
        .get_cached_data()
        .map(v8::script_compiler::CachedData::rejected)
}

/// The bytes of an optional code cache argument; `Err` where it is something else.
pub fn cached_data_argument(value: v8::Local<'_, v8::Value>) -> Result<Option<Vec<u8>>, ()> {
    if value.is_undefined() {
        return Ok(None);
    }
    if !value.is_array_buffer_view() {
        return Err(());
    }
    Ok(convert::bytes(value))
}

/// Sets `cachedDataRejected`, `cachedDataProduced` and `cachedData` as far as they apply.
pub fn store_cache_result(
    scope: &mut v8::PinScope<'_, '_>,
    target: v8::Local<'_, v8::Object>,
    rejected: Option<bool>,
    produced: Option<Option<Vec<u8>>>,
) {
    if let Some(rejected) = rejected {
        let rejected = v8::Boolean::new(scope, rejected).into();
        convert::set(scope, target, "cachedDataRejected", rejected);
    }
    if let Some(produced) = produced {
        let available = v8::Boolean::new(scope, produced.is_some()).into();
        if let Some(data) = produced {
            let data = convert::buffer(scope, data);
            convert::set(scope, target, "cachedData", data);
        }
        convert::set(scope, target, "cachedDataProduced", available);
    }
}

/// Node aborts on arguments that its library never passes; a guest gets an exception.
pub fn refuse(scope: &mut v8::PinScope<'_, '_>) {
    exception::throw_invalid_argument(scope, "Invalid arguments");
}
