//! Node's own standard library on our native bindings: isolates, the event loop, modules, snapshot.
//!
//! # Layers
//! Each uses its own and those left of it, which a test holds it to: `callback, embedder, library` ← `memory, options` ←
//! `event_loop` ← `threads` ← `env` ← `worker` ← `heap` ← `js, tracing` ← `process` ← `stream` ← `inspector` ← `binding` ← `boot` ← `engine`.
//!
//! - `callback`: how V8 enters our code, and how its own is left.
//! - `embedder`: what the embedder gives and hears.
//! - `library`: what the pinned Node binary has and says of itself, embedded by the build.
//! - `memory`, `heap`: how much there is, who has it, and the end of a program that has too much.
//! - `event_loop`: what a loop has to do; `process::phases` runs it, in libuv's order.
//! - `threads`: those that belong to no isolate, and processor time.
//! - `env`: the state of one isolate (values shared with the library, aliased arrays, templates, states of modules).
//! - `worker`: the threads of one process.
//! - `js`: values, errors, native classes, objects and handles, and the one way to call into JavaScript.
//! - `tracing`: trace events, and the files that they are written to.
//! - `process`: a guest process as its program sees it: options, environment, clocks, reports, its end.
//! - `stream`: Node's `StreamBase`, and streams over descriptors of the kernel.
//! - `inspector`: who looks into a program while it runs: sessions of V8's inspector, profilers, debuggers.
//! - `binding`: one module per `internalBinding`, Node's own spelling.
//! - `boot`, `engine`: from an empty context to a running program, and a pool of those.
//!
//! Where a lower one needs what a higher one has, it is given it when an isolate is prepared (`boot::isolate`): the classes
//! of all bindings, and what is done about an exception that nothing caught. Threads are started through a
//! `worker::Starter`.
//!
//! # Threads
//! One isolate belongs to one thread; `Env` is reached from any callback by `Env::of(scope)`.

pub mod binding;
pub mod boot;
pub mod callback;
pub mod embedder;
pub mod engine;
pub mod env;
pub mod event_loop;
pub mod heap;
pub mod inspector;
pub mod js;
pub mod library;
pub mod memory;
mod options;
pub mod process;
pub mod stream;
pub mod threads;
pub mod tracing;
pub mod worker;

pub use boot::snapshot::{self, Snapshot};
pub use embedder::kept_module::KeptModule;
pub use embedder::{host, refused_link};
pub use engine::platform::{V8Options, initialize_v8};
pub use engine::{Engine, EngineConfig, NodeBinfmt, NodeOptions, Script};
pub use library::code_cache;
pub use memory::native_memory;
pub use process::frozen_clock;
pub use process::invocation::Invocation;
pub use threads::sleep;
