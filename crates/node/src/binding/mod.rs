//! Node's internal bindings: one module each, under Node's own name.
//!
//! What a binding does not implement is still there, taken from the pinned binary's tables: constants as they are,
//! functions and classes as stand-ins that throw an error naming the missing feature when they are used.

mod async_context_frame;
mod async_wrap;
mod base;
mod blob;
mod block_list;
mod buffer;
mod builtins;
mod cares_wrap;
mod cjs_lexer;
mod config;
mod connection_wrap;
pub mod contextify;
mod credentials;
mod crypto;
mod defects;
mod definition;
mod diagnostics_channel;
mod encoding_binding;
pub(crate) mod errors;
mod fs;
pub(crate) mod fs_dir;
mod fs_event_wrap;
pub mod handle_wrap;
mod heap_utils;
mod icu;
mod inspector;
mod install;
mod ipc_serdes;
mod js_stream;
mod locks;
mod messaging;
mod mksnapshot;
pub mod module_wrap;
pub(crate) mod modules;
mod options;
mod os;
pub(crate) mod performance;
mod permission;
mod pipe_wrap;
pub(crate) mod process_methods;
mod process_wrap;
pub(crate) mod report;
mod serdes;
mod signal_wrap;
mod spawn_sync;
mod stream_base;
mod stream_pipe;
mod stream_wrap;
mod string_decoder;
mod symbols;
pub mod task_queue;
pub mod timers;
mod trace_events;
pub(crate) mod tty_wrap;
mod types;
mod url;
mod url_pattern;
pub(crate) mod util;
mod uv;
mod v8_binding;
mod wasm_web_api;
pub(crate) mod worker;
mod zlib;

use std::sync::OnceLock;

pub use base::illegal_constructor;
pub use builtins::compile as compile_builtin;
pub use definition::{ClassDefinition, Definition, FunctionDefinition};
pub use fs::close_unmanaged;
pub use install::{class_template, get_internal_binding};
pub use locks::{LockManager, release_all as release_locks};
pub use messaging::{Broadcasts, PortData, QueuedBytes, TransferData, close_ports};
pub use symbols::per_isolate_symbols;
pub use util::private_symbols;
pub use wasm_web_api::install_wasm_streaming;
pub use worker::WorkerBinding;

/// Declares one binding.
type Define = fn(&mut Definition);

/// Every binding that has native code of ours, by Node's name. `base` holds the hidden base classes.
const BINDINGS: &[(&str, Define)] = &[
    ("async_context_frame", async_context_frame::define),
    ("async_wrap", async_wrap::define),
    ("base", base::define),
    ("blob", blob::define),
    ("block_list", block_list::define),
    ("buffer", buffer::define),
    ("builtins", builtins::define),
    ("cares_wrap", cares_wrap::define),
    ("cjs_lexer", cjs_lexer::define),
    ("config", config::define),
    ("contextify", contextify::define),
    ("credentials", credentials::define),
    ("crypto", crypto::define),
    ("diagnostics_channel", diagnostics_channel::define),
    ("encoding_binding", encoding_binding::define),
    ("errors", errors::define),
    ("fs", fs::define),
    ("fs_dir", fs_dir::define),
    ("fs_event_wrap", fs_event_wrap::define),
    ("heap_utils", heap_utils::define),
    ("icu", icu::define),
    ("inspector", inspector::define),
    ("internal_only_v8", v8_binding::define_internal_only),
    ("ipc_serdes", ipc_serdes::define),
    ("js_stream", js_stream::define),
    ("locks", locks::define),
    ("messaging", messaging::define),
    ("mksnapshot", mksnapshot::define),
    ("module_wrap", module_wrap::define),
    ("modules", modules::define),
    ("options", options::define),
    ("os", os::define),
    ("performance", performance::define),
    ("permission", permission::define),
    ("pipe_wrap", pipe_wrap::define),
    ("process_methods", process_methods::define),
    ("process_wrap", process_wrap::define),
    ("report", report::define),
    ("secure_exec_defects", defects::define),
    ("serdes", serdes::define),
    ("signal_wrap", signal_wrap::define),
    ("spawn_sync", spawn_sync::define),
    ("stream_pipe", stream_pipe::define),
    ("stream_wrap", stream_wrap::define),
    ("string_decoder", string_decoder::define),
    ("symbols", symbols::define),
    ("task_queue", task_queue::define),
    ("timers", timers::define),
    ("trace_events", trace_events::define),
    ("tty_wrap", tty_wrap::define),
    ("types", types::define),
    ("url", url::define),
    ("url_pattern", url_pattern::define),
    ("util", util::define),
    ("uv", uv::define),
    ("v8", v8_binding::define),
    ("wasm_web_api", wasm_web_api::define),
    ("worker", worker::define),
    ("zlib", zlib::define),
];

static DEFINITIONS: OnceLock<Vec<(&'static str, Definition)>> = OnceLock::new();

fn definitions() -> &'static [(&'static str, Definition)] {
    DEFINITIONS.get_or_init(|| {
        BINDINGS
            .iter()
            .map(|(name, define)| {
                let mut definition = Definition::default();
                define(&mut definition);
                (*name, definition)
            })
            .collect()
    })
}

/// The declaration of binding `name`.
pub fn definition(name: &str) -> Option<&'static Definition> {
    definitions()
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, definition)| definition)
}

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
    for callback in install::callbacks()
        .into_iter()
        .chain(crate::boot::bootstrap::callbacks())
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
                .for_each(|f| add(f.callback));
            for accessor in &class.accessors {
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
    references.extend(crate::library::source::external_references());
    // V8 wants its end marked, and takes a list without a mark by copy.
    references.push(v8::ExternalReference {
        pointer: std::ptr::null_mut(),
    });
    references
}
