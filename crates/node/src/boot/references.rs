//! What objects in the startup snapshot refer to outside of V8's heap.

use std::sync::OnceLock;

use super::bootstrap;
use crate::binding::{self, definitions};
use crate::library::source;

/// Everything native that an object in the startup snapshot may point at, in a fixed order.
pub fn external_references() -> &'static [v8::ExternalReference] {
    static REFERENCES: OnceLock<References> = OnceLock::new();
    &REFERENCES
        .get_or_init(|| References(collect_references()))
        .0
}

struct References(Vec<v8::ExternalReference>);

// SAFETY: addresses of functions and of texts, which are the same for all threads; nothing is reached through them here.
unsafe impl Send for References {}
// SAFETY: as above.
unsafe impl Sync for References {}

fn collect_references() -> Vec<v8::ExternalReference> {
    let mut references = Vec::new();
    let mut add =
        |function: v8::FunctionCallback| references.push(v8::ExternalReference { function });
    for callback in binding::callbacks()
        .into_iter()
        .chain(bootstrap::callbacks())
    {
        add(callback);
    }
    for (_, definition) in definitions() {
        definition.functions.iter().for_each(|f| add(f.callback));
        for class in &definition.classes {
            add(class.constructor);
            class
                .methods
                .iter()
                .chain(&class.statics)
                .chain(&class.instance_methods)
                .for_each(|f| add(f.callback));
            class.dispose.into_iter().for_each(&mut add);
            for accessor in class.accessors.iter().chain(&class.instance_accessors) {
                add(accessor.getter);
                if let Some(setter) = accessor.setter {
                    add(setter);
                }
            }
        }
        definition
            .extra_references
            .iter()
            .for_each(|callback| add(*callback));
    }
    for (_, definition) in definitions() {
        for getter in &definition.accessor_references {
            references.push(v8::ExternalReference {
                pointer: *getter as *mut std::ffi::c_void,
            });
        }
    }
    references.extend(source::external_references());
    // V8 wants its end marked, and takes a list without a mark by copy.
    references.push(v8::ExternalReference {
        pointer: std::ptr::null_mut(),
    });
    references
}
