//! What the embedder says of all guests of a VM.

use std::sync::Arc;
use std::time::Duration;

use super::host::Host;
use super::kept_module::KeptModule;

/// A command that is written in JavaScript.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// Its name in `/usr/bin`.
    pub name: &'static str,
    /// Its code, an ES module that has all words of the command line for itself.
    pub code: fn() -> &'static str,
    /// It runs a WebAssembly module whose machine code the embedder may have ([`Host::prepared`]).
    pub has_module: bool,
}

/// Settings of the guests of one VM.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Bound of each guest's JavaScript heap, bytes.
    pub heap_limit_bytes: usize,
    /// Processor time each guest may use; None for no bound.
    pub cpu_time_limit: Option<Duration>,
    /// Clocks of guests move in steps of this many nanoseconds; 1 for none.
    pub clock_resolution_ns: u64,
    /// Guest clocks stand still within a turn of the event loop.
    pub freeze_clocks: bool,
    /// No other VM runs in this operating system process, so `TZ` can be applied (`time_zone.rs`), and V8's own threads
    /// work for this VM's guests.
    pub own_process: bool,
    /// How many timers a guest may have.
    pub max_timers: usize,
    /// How many programs of the VM may run at a time; more are refused with `EAGAIN`.
    pub max_programs: usize,
    /// What runs beside `node`.
    pub scripts: &'static [Script],
    /// Takes what guests ask of the host; without one there are no tools for `callTool`.
    pub host: Option<Arc<dyn Host>>,
    /// The module of the scripts that have one.
    pub kept_module: Arc<KeptModule>,
}

impl Default for NodeOptions {
    fn default() -> Self {
        NodeOptions {
            heap_limit_bytes: 128 << 20,
            cpu_time_limit: Some(Duration::from_secs(30)),
            clock_resolution_ns: 1_000_000,
            freeze_clocks: false,
            own_process: false,
            max_timers: 4096,
            max_programs: 64,
            scripts: &[],
            host: None,
            kept_module: Arc::default(),
        }
    }
}
