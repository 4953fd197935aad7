//! Tools, the host's functions that guests run: what their schemas mean.
//!
//! [`command_line`] works in the VM process, on what a guest has typed; [`input`] works in the host, on what a VM
//! process has sent, and trusts nothing of it.

pub mod command_line;
pub mod input;
