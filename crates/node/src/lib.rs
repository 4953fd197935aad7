//! Node's own standard library on our native bindings: isolates, the event loop, modules, snapshot.
//!
//! Layers, each using only those above it:
//! - `library`: what the pinned Node binary says of itself, embedded by the build.
//! - `env`: the state of one isolate (values shared with the library, aliased arrays, templates).
//! - `js`: values, errors, native objects and the one way to call into JavaScript.
//! - `event_loop`: libuv's phases over kernel readiness.
//! - `binding`: one module per `internalBinding`, Node's own spelling.
//! - `boot`, `engine`: from an empty context to a running program.
//!
//! One isolate belongs to one thread; `Env` is reached from any callback by `Env::of(scope)`.

pub mod binding;
pub mod boot;
pub mod callback;
pub mod embedder;
pub mod engine;
pub mod env;
pub mod event_loop;
pub mod heap;
pub mod js;
pub mod library;
pub mod memory;
mod options;
pub mod process;
pub mod stream;
pub mod threads;
pub mod worker;

pub use boot::snapshot::{self, Snapshot};
pub use embedder::host;
pub use engine::platform::{V8Options, initialize_v8};
pub use engine::{Engine, EngineConfig, NodeBinfmt, NodeOptions};
pub use library::code_cache;
pub use memory::native_memory;
pub use process::frozen_clock;
pub use process::invocation::Invocation;
