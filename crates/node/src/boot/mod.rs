//! From an empty context to a running program.

pub mod bootstrap;
pub(crate) mod env_file;
pub(crate) mod host_tools;
pub mod isolate;
pub mod per_context;
pub(crate) mod prepared_module;
pub(crate) mod process_object;
pub(crate) mod program;
pub mod references;
pub mod snapshot;
pub(crate) mod task_runner;
