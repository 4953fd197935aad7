//! What a kernel is made with.

use crate::clock::{Clock, VirtualClock};
use crate::limits::{LimitLedger, Limits};
use crate::net::{Isolated, Network};
use crate::random::{RandomSource, SeededRandom};
use std::sync::Arc;

/// What a kernel is made with.
#[derive(Clone)]
pub struct KernelConfig {
    /// Bounds.
    pub limits: Limits,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn RandomSource>,
    /// What lies beyond the machine's loopback.
    pub network: Arc<dyn Network>,
    /// Ports of 127.0.0.1 that lead out of the machine where nobody of it listens: the embedder answers connections to them
    /// ([`Kernel::poll_outbound`](super::Kernel::poll_outbound)).
    pub outbound_ports: Vec<u16>,
    /// Host name that guests see.
    pub hostname: String,
    /// Number of processors that guests see.
    pub cpu_count: usize,
    /// Memory that guests see.
    pub memory_bytes: u64,
    /// Where breaches of limits are noted, those of the boot included.
    pub ledger: Arc<LimitLedger>,
}

impl Default for KernelConfig {
    /// For tests: a virtual clock, a fixed random sequence, and nothing beyond the loopback.
    fn default() -> Self {
        KernelConfig {
            limits: Limits::default(),
            clock: Arc::new(VirtualClock::new()),
            random: Arc::new(SeededRandom::new(0)),
            network: Arc::new(Isolated),
            outbound_ports: Vec::new(),
            hostname: "secure-exec".into(),
            cpu_count: 1,
            memory_bytes: 512 << 20,
            ledger: Arc::default(),
        }
    }
}
