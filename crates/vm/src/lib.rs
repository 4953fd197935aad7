//! The VM process: serves the host's socket with one kernel per VM.
//!
//! - `entry`: the command line of a VM process. `profile`: the programs that its snapshot is made by.
//! - `server`: the one thread that talks to the host, and what happens when it, or code on another thread, gives up.
//!   It takes frames to the machine that they are for; guests run on threads of their own and wake it through the
//!   `mailbox`.
//! - `machine`: one VM. All messages of it, its programs with their standard streams, its files.
//! - `guests`: how programs are run; the seam at which tests put their own. `host`: what guests ask of the host.
//! - `breaches`, `failure`: what the host is told of limits and errors. `system`: time and randomness. `memory_file`: memory
//!   that other machines have too.
//! - `lockdown`: what the process takes away from itself.
//!
//! # Layers
//! Each uses its own and those left of it, which a test holds it to: `lockdown, system` ← `breaches, failure, mailbox, memory_file` ←
//! `guests, host` ← `machine, profile` ← `server` ← `entry`.
//!
//! The server's thread never runs guest code and holds no state of V8, so it answers even when every
//! guest hangs or V8 has given up.

mod breaches;
mod entry;
mod failure;
mod guests;
mod host;
mod lockdown;
mod machine;
mod mailbox;
mod memory_file;
mod profile;
mod server;
mod system;

pub use entry::{serve_in_process, vm_main};
pub use secure_exec_node::engine::{Collect, admits_pages, invalid_size, leavable};
pub use secure_exec_node::native_memory::Allocator;
