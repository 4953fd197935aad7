//! Every runtime of this process's VMs.

use std::any::Any;
use std::sync::Arc;

use secure_exec_kernel::{Kernel, Pid};
use secure_exec_node::Snapshot;
use secure_exec_node::host::Host;
use secure_exec_protocol::{CodeSource, VmConfig, VmId};

use super::node_guests::NodeRuntime;
use super::wasm_guests::WasmRuntime;
use super::{Guests, Returned, Runtime};
use crate::mailbox::Mailbox;

/// Node programs and WebAssembly commands.
pub(crate) struct Runtimes {
    node: NodeRuntime,
    wasm: WasmRuntime,
}

/// Those of one VM.
struct Both {
    node: Box<dyn Guests>,
    wasm: Box<dyn Guests>,
}

impl Runtimes {
    /// Prepares both for the first VM.
    pub(crate) fn new(snapshot: Option<&'static Snapshot>) -> Runtimes {
        Runtimes {
            wasm: WasmRuntime::new(),
            node: NodeRuntime::new(snapshot),
        }
    }
}

impl Runtime for Runtimes {
    fn install(
        &mut self,
        vm: VmId,
        kernel: &Arc<Kernel>,
        config: &VmConfig,
        mailbox: &Arc<Mailbox>,
        host: &Arc<dyn Host>,
    ) -> Result<Box<dyn Guests>, String> {
        // In this order: no directory of commands takes the place of `node`.
        let wasm = self.wasm.install(vm, kernel, config, mailbox, host)?;
        let node = self.node.install(vm, kernel, config, mailbox, host)?;
        Ok(Box::new(Both { node, wasm }))
    }
}

impl Guests for Both {
    fn attachment(
        &self,
        code: Option<Vec<u8>>,
        source: Option<CodeSource>,
        returned: Option<Arc<Returned>>,
        resident: bool,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        // A command brings its own code and has nothing to hand back.
        self.node.attachment(code, source, returned, resident)
    }

    fn reports_ends(&self) -> bool {
        self.node.reports_ends() && self.wasm.reports_ends()
    }

    fn renew_cpu_time(&self, pid: Pid) {
        self.node.renew_cpu_time(pid);
        self.wasm.renew_cpu_time(pid);
    }

    fn heap_bytes(&self) -> u64 {
        self.node.heap_bytes() + self.wasm.heap_bytes()
    }

    fn close(&self) {
        self.node.close();
        self.wasm.close();
    }
}
