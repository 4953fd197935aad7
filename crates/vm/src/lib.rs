//! The VM process: serves the host's socket with one kernel per VM.
//!
//! - `entry`: the command line of a VM process.
//! - `lockdown`: what the process takes away from itself.
//! - `server`: the one thread that talks to the host. It also pumps the standard streams of all guests and
//!   does the host's file methods; guests run on threads of their own and wake it through the `mailbox`.
//! - `machine`, `guest_call`, `files`, `filesystem`: one VM, one of its programs, its file methods, its export.
//! - `aborts`: what happens when an allocator gives up. `panics`: what happens when our own code does.
//! - `breaches`: limits that were passed, as the host knows them.
//! - `guests`: how programs are run; the seam at which tests put their own. `runtimes`: all of `node_guests` and
//!   `wasm_guests`.
//!
//! The server's thread never runs guest code and holds no state of V8, so it answers even when every
//! guest hangs or V8 has given up.

mod aborts;
mod breaches;
mod entry;
mod files;
mod filesystem;
mod guest_call;
mod guests;
mod host;
mod lockdown;
mod machine;
mod mailbox;
mod node_guests;
mod overdraft;
mod panics;
mod process_list;
mod profile;
mod reports;
mod runtimes;
mod server;
mod staged_code;
mod system;
mod trace_flow;
mod trace_lines;
mod waiting;
mod wasm_guests;

pub use entry::{serve_in_process, vm_main};
pub use guests::{Guests, Notice, Returned};
pub use lockdown::Confinement;
pub use mailbox::Mailbox;
pub use secure_exec_node::engine::{Collect, admits_pages, invalid_size, leavable};
pub use secure_exec_node::native_memory::Allocator;
pub use server::serve;
