//! Every runtime of this process's VMs.

use std::any::Any;
use std::sync::Arc;

use secure_exec_kernel::{Kernel, Pid};
use secure_exec_node::Snapshot;
use secure_exec_node::host::Host;
use secure_exec_protocol::{VmConfig, VmId};

use super::node_guests::NodeGuests;
use super::wasm_guests::WasmGuests;
use super::{Guests, Returned};
use crate::mailbox::Mailbox;

/// Node programs and WebAssembly commands.
pub(crate) struct Runtimes {
    node: NodeGuests,
    wasm: WasmGuests,
}

impl Runtimes {
    /// Prepares both for the first VM.
    pub(crate) fn new(snapshot: Option<&'static Snapshot>) -> Runtimes {
        Runtimes {
            wasm: WasmGuests::new(),
            node: NodeGuests::new(snapshot),
        }
    }
}

impl Guests for Runtimes {
    fn install(
        &mut self,
        vm: VmId,
        kernel: &Arc<Kernel>,
        config: &VmConfig,
        mailbox: &Arc<Mailbox>,
        host: &Arc<dyn Host>,
    ) -> Result<(), String> {
        // In this order: no directory of commands takes the place of `node`.
        self.wasm.install(vm, kernel, config, mailbox, host)?;
        self.node.install(vm, kernel, config, mailbox, host)
    }

    fn attachment(
        &self,
        code: Option<Vec<u8>>,
        returned: Option<Arc<Returned>>,
        resident: bool,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        self.node.attachment(code, returned, resident)
    }

    fn reports_ends(&self) -> bool {
        self.node.reports_ends() && self.wasm.reports_ends()
    }

    fn renew_cpu_time(&self, vm: VmId, pid: Pid) {
        self.node.renew_cpu_time(vm, pid);
        self.wasm.renew_cpu_time(vm, pid);
    }

    fn heap_bytes(&self, vm: VmId) -> u64 {
        self.node.heap_bytes(vm) + self.wasm.heap_bytes(vm)
    }

    fn remove(&mut self, vm: VmId) {
        self.node.remove(vm);
        self.wasm.remove(vm);
    }
}
