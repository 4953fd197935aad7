//! Threads that belong to no isolate, and the processor time of those that do.

pub(crate) mod background_cpu;
pub(crate) mod cpu_share;
pub(crate) mod interruption;
pub mod sleep;
pub mod thread_pool;
pub mod watchdog;
pub(crate) mod watched;
