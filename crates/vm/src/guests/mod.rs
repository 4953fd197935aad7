//! How programs are run, and the seam to those who start them.

mod node_commands;
mod node_guests;
mod reports;
mod runtimes;
mod wasm_guests;

use std::any::Any;
use std::sync::Arc;

use parking_lot::Mutex;
use secure_exec_kernel::{Kernel, Pid};
use secure_exec_node::host::Host;
use secure_exec_protocol::{CodeSource, VmConfig, VmId};

use crate::mailbox::Mailbox;

pub(crate) use runtimes::Runtimes;

/// Runs the guests of the VMs of one process.
pub(crate) trait Runtime {
    /// Gives a new VM its binary formats and commands. What its guests ask of the host goes to `host`.
    ///
    /// # Errors
    /// What is wrong, for the host.
    fn install(
        &mut self,
        vm: VmId,
        kernel: &Arc<Kernel>,
        config: &VmConfig,
        mailbox: &Arc<Mailbox>,
        host: &Arc<dyn Host>,
    ) -> Result<Box<dyn Guests>, String>;
}

/// The guests of one VM.
pub(crate) trait Guests {
    /// What is attached to a program that the host starts: its code, which may be that of a resident runner, and where
    /// it hands back a value.
    fn attachment(
        &self,
        code: Option<Vec<u8>>,
        source: Option<CodeSource>,
        returned: Option<Arc<Returned>>,
        resident: bool,
    ) -> Option<Arc<dyn Any + Send + Sync>>;

    /// Whether a program that has died may still be on its thread; its end is then told by
    /// [`Notice::Ended`](crate::mailbox::Notice::Ended).
    fn reports_ends(&self) -> bool;

    /// A program's processor time is counted anew.
    fn renew_cpu_time(&self, pid: Pid);

    /// Bytes of all their heaps, as far as known.
    fn heap_bytes(&self) -> u64;

    /// The VM is gone.
    fn close(&self);
}

/// Resolution of guest clocks unless the host asked for more.
const COARSE_NS: u64 = 1_000_000;

/// Resolution of the clocks of a VM's guests, in nanoseconds.
pub(crate) fn clock_resolution_ns(config: &VmConfig) -> u64 {
    if config.high_resolution_time {
        1
    } else {
        COARSE_NS
    }
}

/// The value that a program hands back; the last one counts.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    value: Mutex<Option<String>>,
}

impl Returned {
    /// Hands back a value, as JSON.
    pub(crate) fn set(&self, json: String) {
        *self.value.lock() = Some(json);
    }

    pub(crate) fn take(&self) -> Option<String> {
        self.value.lock().take()
    }
}
