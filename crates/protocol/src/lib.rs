//! Messages between the host and a VM process.
