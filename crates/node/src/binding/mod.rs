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
pub(crate) mod compile_cache;
mod config;
mod connection_wrap;
pub mod contextify;
mod credentials;
mod crypto;
mod defects;
mod diagnostics_channel;
mod encoding_binding;
pub(crate) mod errors;
mod fs;
pub(crate) mod fs_dir;
mod fs_event_wrap;
mod handle_passing;
pub mod handle_wrap;
mod heap_utils;
mod http2;
mod http_parser;
mod icu;
mod inspector;
mod install;
mod ipc_serdes;
mod js_stream;
mod locks;
mod main_thread_connection;
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
mod profiler;
pub(crate) mod report;
mod sea;
mod serdes;
mod signal_wrap;
mod socket_address;
mod spawn_sync;
mod sqlite;
mod stream_base;
mod stream_pipe;
mod stream_wrap;
mod string_decoder;
mod symbols;
pub mod task_queue;
mod tcp_wrap;
#[cfg(test)]
pub(crate) mod test_isolate;
pub mod timers;
mod tls_wrap;
mod trace_events;
pub(crate) mod tty_wrap;
mod types;
mod udp_wrap;
mod url;
mod url_pattern;
pub(crate) mod util;
mod uv;
mod v8_binding;
mod wasi;
mod wasm_web_api;
pub(crate) mod worker;
mod zlib;

use std::sync::OnceLock;

pub use builtins::compile as compile_builtin;
pub use fs::close_unmanaged;
pub use install::{callbacks, get_internal_binding};
pub use locks::release_all as release_locks;
pub use messaging::close_ports;
pub use sqlite::close_databases;
pub use symbols::per_isolate_symbols;
pub use util::private_symbols;
pub use wasm_web_api::install_wasm_streaming;

use crate::env::Env;
use crate::js::class::{self, ClassDefinition, Definition};

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
    ("http2", http2::define),
    ("http_parser", http_parser::define),
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
    ("profiler", profiler::define),
    ("report", report::define),
    ("sea", sea::define),
    ("secure_exec_defects", defects::define),
    ("serdes", serdes::define),
    ("signal_wrap", signal_wrap::define),
    ("spawn_sync", spawn_sync::define),
    ("sqlite", sqlite::define),
    ("stream_pipe", stream_pipe::define),
    ("stream_wrap", stream_wrap::define),
    ("string_decoder", string_decoder::define),
    ("symbols", symbols::define),
    ("task_queue", task_queue::define),
    ("tcp_wrap", tcp_wrap::define),
    ("timers", timers::define),
    ("tls_wrap", tls_wrap::define),
    ("trace_events", trace_events::define),
    ("tty_wrap", tty_wrap::define),
    ("types", types::define),
    ("udp_wrap", udp_wrap::define),
    ("url", url::define),
    ("url_pattern", url_pattern::define),
    ("util", util::define),
    ("uv", uv::define),
    ("v8", v8_binding::define),
    ("wasi", wasi::define),
    ("wasm_web_api", wasm_web_api::define),
    ("worker", worker::define),
    ("zlib", zlib::define),
];

static DEFINITIONS: OnceLock<Vec<(&'static str, Definition)>> = OnceLock::new();

/// The declarations of all bindings, by name.
pub(crate) fn definitions() -> &'static [(&'static str, Definition)] {
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

/// The declared class of a key.
fn class(key: &str) -> Option<&'static ClassDefinition> {
    let mut classes = definitions()
        .iter()
        .flat_map(|(_, declared)| &declared.classes);
    classes.find(|class| class.name == key)
}

/// Gives an isolate the classes of all bindings.
pub fn declare_classes(env: &Env) {
    class::declare(env, class);
}
