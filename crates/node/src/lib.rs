//! Node's own standard library on our native bindings: isolates, the event loop, modules, snapshot.
//!
//! Layers, each using only those above it:
//! - `tables`, `source`: what the pinned Node binary says of itself, embedded by the build.
//! - `env`: the state of one isolate (values shared with the library, aliased arrays, templates).
//! - `wrap`, `async_wrap`, `callback_scope`: native objects and the one way to call into JavaScript.
//! - `event_loop`: libuv's phases over kernel readiness.
//! - `binding`: one module per `internalBinding`, Node's own spelling.
//! - `bootstrap`, `snapshot`, `engine`: from an empty context to a running program.
//!
//! One isolate belongs to one thread; `Env` is reached from any callback by `Env::of(scope)`.

pub mod active;
pub mod array_buffers;
pub mod async_wrap;
mod background_cpu;
pub mod binding;
pub mod bootstrap;
pub mod callback;
pub mod callback_scope;
pub mod child_process;
pub mod code_cache;
mod context_settings;
pub mod convert;
mod cpu_share;
pub mod decorate;
pub mod default_locale;
pub mod delay;
pub mod engine;
pub mod env;
mod env_file;
pub mod event_loop;
pub mod exception;
pub mod exit;
mod foreground;
pub mod frozen_clock;
mod heap_limit;
pub mod heap_usage;
pub mod host;
mod host_tools;
mod interruption;
pub mod invocation;
pub mod isolate;
pub mod memory_guard;
pub mod native_memory;
mod options;
mod own_heap_limit;
pub mod passwd;
pub mod platform;
pub mod process_env;
pub mod report;
pub mod rusage;
pub mod sleep;
pub mod snapshot;
pub mod source;
pub mod stream;
pub mod string_bytes;
pub mod tables;
mod task_runner;
pub mod thread_pool;
pub mod time_zone;
pub mod watchdog;
pub mod worker;
mod wrap;

pub use engine::{Engine, EngineConfig, NodeBinfmt, NodeOptions};
pub use invocation::Invocation;
pub use platform::{V8Options, initialize_v8};
pub use snapshot::Snapshot;
