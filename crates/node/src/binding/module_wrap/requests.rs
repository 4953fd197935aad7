//! Requests of a module and their linking.

use std::rc::Rc;

use super::record::{Kept, ModuleWrap, RequestKey};
use crate::callback::{Args, Return, Scope};
use crate::js::exception::{self, ErrorKind};
use crate::js::{convert, wrap};

/// Key and value pairs of a `FixedArray` of attributes, `stride` elements each.
fn attribute_pairs<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    attributes: v8::Local<'_, v8::FixedArray>,
    stride: usize,
) -> Vec<(v8::Local<'s, v8::String>, v8::Local<'s, v8::Value>)> {
    let mut pairs = Vec::new();
    let mut index = 0;
    while index + 1 < attributes.length() {
        let key = attributes
            .get(scope, index)
            .and_then(|data| v8::Local::<v8::String>::try_from(data).ok());
        let value = attributes
            .get(scope, index + 1)
            .and_then(|data| v8::Local::<v8::Value>::try_from(data).ok());
        if let (Some(key), Some(value)) = (key, value) {
            pairs.push((key, value));
        }
        index += stride;
    }
    pairs
}

/// Attributes as an object without a prototype.
pub(super) fn attributes_object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    attributes: v8::Local<'_, v8::FixedArray>,
    stride: usize,
) -> v8::Local<'s, v8::Object> {
    let object = convert::null_prototype_object(scope);
    for (key, value) in attribute_pairs(scope, attributes, stride) {
        object.set(scope, key.into(), value);
    }
    object
}

/// What identifies a request of `specifier` with `attributes` (three elements each).
pub(super) fn request_key(
    scope: &mut v8::PinScope<'_, '_>,
    specifier: v8::Local<'_, v8::String>,
    attributes: v8::Local<'_, v8::FixedArray>,
) -> RequestKey {
    let mut pairs: Vec<(String, String)> = attribute_pairs(scope, attributes, 3)
        .into_iter()
        .map(|(key, value)| {
            (
                key.to_rust_string_lossy(scope),
                value.to_rust_string_lossy(scope),
            )
        })
        .collect();
    pairs.sort();
    (specifier.to_rust_string_lossy(scope), pairs)
}

fn module_requests<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Vec<v8::Local<'s, v8::ModuleRequest>> {
    if module.is_synthetic_module() {
        return Vec::new();
    }
    let requests = module.get_module_requests();
    (0..requests.length())
        .filter_map(|index| requests.get(scope, index))
        .filter_map(|data| v8::Local::<v8::ModuleRequest>::try_from(data).ok())
        .collect()
}

/// `getModuleRequests()`: a frozen array of frozen `{specifier, attributes, phase}`.
pub(super) fn get_module_requests(scope: Scope, args: Args, mut rv: Return) {
    let Some((_, module)) = ModuleWrap::and_module(scope, &args) else {
        return;
    };
    let mut items: Vec<v8::Local<v8::Value>> = Vec::new();
    for request in module_requests(scope, module) {
        let object = convert::null_prototype_object(scope);
        convert::set(scope, object, "specifier", request.get_specifier().into());
        let attributes = attributes_object(scope, request.get_import_attributes(), 3);
        convert::set(scope, object, "attributes", attributes.into());
        let phase = phase_number(request.get_phase());
        let phase = v8::Integer::new(scope, phase).into();
        convert::set(scope, object, "phase", phase);
        object.set_integrity_level(scope, v8::IntegrityLevel::Frozen);
        items.push(object.into());
    }
    let array = v8::Array::new_with_elements(scope, &items);
    array.set_integrity_level(scope, v8::IntegrityLevel::Frozen);
    rv.set(array.into());
}

/// Node's number for an import phase (`kSourcePhase`, `kEvaluationPhase`).
pub(super) fn phase_number(phase: v8::ModuleImportPhase) -> i32 {
    match phase {
        v8::ModuleImportPhase::kSource => 1,
        _ => 2,
    }
}

/// `link(modules)`: the wrapped modules in the order of `getModuleRequests()`.
pub(super) fn link(scope: Scope, args: Args, _rv: Return) {
    let Some((this, module)) = ModuleWrap::and_module(scope, &args) else {
        return;
    };
    let requests = module_requests(scope, module);
    let Ok(modules) = v8::Local::<v8::Array>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "link needs an array of modules");
        return;
    };
    if modules.length() as usize != requests.len() {
        let message = format!(
            "linking error, expected {} modules for {} but got {}",
            requests.len(),
            this.url,
            modules.length()
        );
        exception::throw(
            scope,
            ErrorKind::Error,
            "ERR_VM_MODULE_LINK_FAILURE",
            &message,
        );
        return;
    }
    let mut linked: Vec<Rc<ModuleWrap>> = Vec::with_capacity(requests.len());
    let mut objects: Vec<v8::Local<v8::Value>> = Vec::with_capacity(requests.len());
    let mut keys = std::collections::HashMap::new();
    for (index, request) in requests.into_iter().enumerate() {
        let module = modules.get_index(scope, u32::try_from(index).unwrap_or(u32::MAX));
        let found = module.and_then(|module| {
            let wrap = wrap::unwrap::<ModuleWrap>(scope, module)?;
            Some((module, wrap))
        });
        let Some((object, module)) = found else {
            exception::throw_invalid_argument(scope, "link needs an array of modules");
            return;
        };
        let key = request_key(
            scope,
            request.get_specifier(),
            request.get_import_attributes(),
        );
        if let Some(&earlier) = keys.get(&key) {
            let earlier: &Rc<ModuleWrap> = &linked[earlier];
            if !Rc::ptr_eq(earlier, &module) {
                let message = format!(
                    "linking error, two modules for the request '{}' of {}",
                    key.0, this.url
                );
                exception::throw(
                    scope,
                    ErrorKind::Error,
                    "ERR_MODULE_LINK_MISMATCH",
                    &message,
                );
                return;
            }
        }
        keys.insert(key, index);
        objects.push(object);
        linked.push(module);
    }
    let objects = v8::Array::new_with_elements(scope, &objects);
    this.keep(scope, Kept::Linked, objects.into());
    *this.requests.borrow_mut() = keys;
    *this.linked.borrow_mut() = linked;
    this.is_linked.set(true);
}
