//! The filesystem of a condemned VM on its way to the replacement.

use secure_exec_protocol::HostMessage;

use crate::call::Call;
use crate::core::{Core, Origin, VmKey};
use crate::spool::Spool;
use crate::vm::{State, Vm};

impl Core {
    /// Begins with the first piece.
    pub(crate) fn begin_export(&mut self, vm_key: VmKey) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        vm.state = State::Exporting;
        match Spool::new() {
            Ok(spool) => {
                vm.carried = Some(spool);
                self.export(vm_key);
            }
            Err(_) => self.export_failed(vm_key),
        }
    }

    /// Asks for the next piece.
    fn export(&mut self, vm_key: VmKey) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let offset = vm.carried.as_ref().map_or(0, Spool::len);
        let call = vm.next_call();
        let message = HostMessage::Export { offset };
        self.request(vm_key, call, Call::Export, message, Origin::Peer);
    }

    /// Takes a piece.
    pub(crate) fn exported(&mut self, vm_key: VmKey, data: &[u8], last: bool) {
        let exports = |vm: &&mut Vm| vm.state == State::Exporting;
        let Some(vm) = self.vms.get_mut(&vm_key).filter(exports) else {
            return;
        };
        let bound = vm.most_exported();
        let Some(spool) = &mut vm.carried else {
            return;
        };
        // What a condemned process says is not trusted to end.
        let fits = spool.len() + data.len() as u64 <= bound && (last || !data.is_empty());
        let kept = fits && self.spools.append(spool, data).is_ok();
        if !kept {
            self.export_failed(vm_key);
        } else if last {
            self.replace(vm_key, false);
        } else {
            self.export(vm_key);
        }
    }

    /// The filesystem cannot be had: the replacement starts from the files given at creation.
    pub(crate) fn export_failed(&mut self, vm_key: VmKey) {
        let exports = |vm: &&mut Vm| vm.state == State::Exporting;
        if let Some(vm) = self.vms.get_mut(&vm_key).filter(exports) {
            self.spools.free(vm.carried.take());
            self.replace(vm_key, true);
        }
    }
}

impl Vm {
    /// What its filesystem can serialize to.
    fn most_exported(&self) -> u64 {
        let content = self.config.limits.max_filesystem_bytes;
        content.saturating_mul(2).saturating_add(64 << 20)
    }
}
