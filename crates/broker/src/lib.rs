//! The host side of a VM: starts, supervises and replaces VM processes.
//!
//! - [`Broker`] owns every VM process of this host process, one poller thread that reads their sockets,
//!   and one spawner thread, whose life bounds theirs (`PR_SET_PDEATHSIG`).
//! - [`VmHandle`] is one logical VM. It outlives the VM process behind it: when that one dies or is condemned,
//!   the calls in flight are settled and the next call runs on a replacement.
//!
//! # Layers
//! Each uses its own and those left of it, which a test holds it to: `cpu_limit, keys, segment, settings, snapshot,
//! spool, sweep, task_status` ← `cpu_budget, event, files, isolation, timer` ← `admission, outbound, poller, process, spawner, tool_calls` ←
//! `call,
//! connection, reading, rules` ← `calls, captures, connections, core, cpu_watch, dispatch, ending, export, lifecycle, settle, setup,
//! turns, vm` ← `broker, handle, harness, shared, supervisor`.
//!
//! They are, from the left: names and what the operating system is asked; what the embedder hears; a VM process; what it may
//! say; the state machine, all under one lock; the thread that reads, and what the embedder calls.
//!
//! There is one lock, around [`core::Core`], and a queue of jobs before it ([`shared::Shared`]): the embedder's calls
//! never wait for it. It is held while frames are written (the sockets never block) and while a [`Sink`] is told, so
//! a sink must not call back into the broker. Frames are read and decoded outside of it.
//!
//! Nothing that a VM process says is believed: what does not answer something, comes without credit or is not of the
//! kind that was asked for ends that process. Every call settles exactly once, because it settles by being taken out
//! of its VM's table. `docs/design/supervision.md` has the rules and the reasons.

mod admission;
mod broker;
mod call;
mod calls;
mod captures;
mod connection;
mod connections;
mod core;
mod cpu_budget;
mod cpu_limit;
mod cpu_watch;
mod dispatch;
mod ending;
mod event;
mod export;
pub mod files;
mod handle;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
mod isolation;
mod keys;
mod lifecycle;
mod outbound;
mod poller;
mod process;
mod reading;
mod rules;
mod segment;
mod settings;
mod settle;
mod setup;
mod shared;
mod snapshot;
mod spawner;
mod spool;
mod supervisor;
mod sweep;
mod task_status;
mod timer;
mod tool_calls;
mod turns;
mod vm;

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of tests are small"
)]
mod tests;

pub use broker::Broker;
pub use event::{Event, Ready, Sink, VmError};
pub use handle::VmHandle;
pub use isolation::{
    Isolation, IsolationReport, Level, Namespaces, landlock_version, seccomp_available,
};
pub use secure_exec_protocol as protocol;
pub use segment::{FileSnapshot, Segment};
pub use settings::Settings;
