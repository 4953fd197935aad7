//! The host side of a VM: starts, supervises and replaces VM processes.
//!
//! - [`Broker`] owns every VM process of this host process, one poller thread that reads their sockets,
//!   and one spawner thread, whose life bounds theirs (`PR_SET_PDEATHSIG`).
//! - [`VmHandle`] is one logical VM. It outlives the VM process behind it: when that one dies or is condemned,
//!   the calls in flight are settled and the next call runs on a replacement.
//!
//! Layers, each using only those below it:
//! `broker`, `handle` (what the embedder calls) → `lifecycle`, `calls`, `dispatch` (the state machine, all under
//! one lock) → `process`, `spawner`, `poller` (the operating system).
//!
//! There is one lock, around [`core::Core`]. It is held while frames are written (the sockets never block) and
//! while a [`Sink`] is told, so a sink must not call back into the broker.
//!
//! Nothing that a VM process says can end a thread or a loop here: a frame that makes no sense ends its
//! connection. Every call settles exactly once, because it settles by being taken out of its VM's table.

mod admission;
mod broker;
mod calls;
mod core;
mod dispatch;
mod event;
mod handle;
mod isolation;
mod lifecycle;
mod poller;
mod process;
mod snapshot;
mod spawner;
mod sweep;
mod task_status;
mod timer;

pub use broker::{Broker, Settings};
pub use event::{Event, Ready, Sink, VmError};
pub use handle::{Isolation, VmHandle};
pub use isolation::{IsolationReport, Level, Namespaces, landlock_version, seccomp_available};
pub use secure_exec_protocol as protocol;
