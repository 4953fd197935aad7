//! Ends of VM processes, and what becomes of the VMs on them.

use secure_exec_protocol::HostMessage;

use crate::core::{Core, Origin, VmKey};
use crate::event::VmError;
use crate::isolation;
use crate::process::{ProcessId, Stage, VmProcess};
use crate::vm::State;

impl Core {
    /// What the calls of a lost process are told.
    pub(crate) fn crash_error(&self, id: ProcessId, state_lost: bool) -> VmError {
        match self.processes.get(&id).map(|process| &process.stage) {
            Some(Stage::Condemned { why, limit } | Stage::Ending { why, limit }) => {
                VmError::crashed(why, limit.clone(), state_lost)
            }
            _ => VmError::crashed("unknown cause", None, state_lost),
        }
    }

    /// Ends a process that broke a rule of the protocol, whatever it is in the middle of.
    pub(crate) fn violation(&mut self, id: ProcessId, rule: &str) {
        self.fault(id, &format!("protocol violation: {rule}"));
    }

    /// Ends a process that does not do what VM processes do, and tells so.
    pub(crate) fn fault(&mut self, id: ProcessId, why: &str) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        if matches!(process.stage, Stage::Ending { .. }) {
            return;
        }
        process.faulty = true;
        process.stage = Stage::Ending {
            why: why.to_owned(),
            limit: None,
        };
        self.end(id, why);
    }

    /// Kills a process and settles what ran on it.
    pub(crate) fn end(&mut self, id: ProcessId, why: &str) {
        self.forget(id);
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.stage = match std::mem::replace(&mut process.stage, Stage::Serving) {
            Stage::Serving => Stage::Ending {
                why: why.to_owned(),
                limit: None,
            },
            Stage::Condemned { why, limit } | Stage::Ending { why, limit } => {
                Stage::Ending { why, limit }
            }
        };
        for timer in process.timers() {
            self.timers.cancel(Some(timer));
        }
        // Before its socket closes: it would end by itself, and nobody could tell what descends from it.
        if let Some(child) = &process.child {
            child.kill();
        }
        // Whatever it says from now on is not heard.
        process.close(&self.poller);
        if process.child.is_some() {
            self.lose(id, why);
        } else {
            // The server thread ends by itself when its socket closes.
            self.gone(id, why);
        }
    }

    /// A process is no more.
    pub(crate) fn gone(&mut self, id: ProcessId, how: &str) {
        self.forget(id);
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        if process.stage == Stage::Serving {
            process.stage = Stage::Ending {
                why: how.to_owned(),
                limit: None,
            };
        }
        self.lose(id, how);
        if let Some(mut process) = self.processes.remove(&id) {
            self.departed.push(id);
            for timer in process.timers() {
                self.timers.cancel(Some(timer));
            }
            process.close(&self.poller);
            if let Some(child) = &process.child {
                self.poller.remove(child.fd());
            }
        }
    }

    /// Takes the VMs of a process that is lost.
    fn lose(&mut self, id: ProcessId, how: &str) {
        let Some(process) = self.processes.get(&id) else {
            return;
        };
        let (ready, faulty) = (process.ready, process.faulty);
        let vms: Vec<VmKey> = process.vms.values().copied().collect();
        for vm_key in vms {
            let Some(vm) = self.vms.get_mut(&vm_key) else {
                continue;
            };
            match vm.state {
                State::Serving | State::Exporting => {
                    vm.state = State::Exporting;
                    self.spools.free(vm.carried.take());
                    self.replace(vm_key, true);
                }
                State::Preparing if !ready => {
                    self.preparation_failed(vm_key, isolation::start_error(how));
                }
                State::Preparing => {
                    let error = self.crash_error(id, true);
                    if faulty {
                        self.preparation_failed(vm_key, error);
                    } else {
                        self.prepare_elsewhere(vm_key, error);
                    }
                }
                State::Disposing => self.finish_disposal(vm_key),
                State::Asleep | State::Disposed => {}
            }
        }
    }

    /// No VM will be given this process any more.
    pub(crate) fn forget(&mut self, id: ProcessId) {
        self.spare = self.spare.filter(|spare| *spare != id);
        self.common.retain(|_, process| *process != id);
    }

    /// Takes a VM from its process, which is told if it goes on with others.
    pub(crate) fn detach(&mut self, vm_key: VmKey) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let Some(place) = vm.place else {
            return vm.forget_process();
        };
        self.timers.give_up(vm.answer_due.take());
        let call = vm.next_call();
        let knows = self
            .processes
            .get_mut(&place.process)
            .is_some_and(|process| {
                process.files.forget(place.id);
                process.vms.remove(&place.id).is_some()
                    && process.stage == Stage::Serving
                    && !process.closed
                    && !process.vms.is_empty()
                    && process.leaving.insert(place.id, call).is_none()
            });
        if knows {
            self.tell(vm_key, call, HostMessage::Destroy, Origin::Embedder);
        }
        if let Some(vm) = self.vms.get_mut(&vm_key) {
            vm.forget_process();
        }
        self.end_if_idle(place.process);
    }

    /// Ends a process that serves nobody and is not the spare.
    pub(crate) fn end_if_idle(&mut self, id: ProcessId) {
        let idle = |process: &VmProcess| {
            process.vms.is_empty() && !matches!(process.stage, Stage::Ending { .. })
        };
        if self.processes.get(&id).is_some_and(idle) && self.spare != Some(id) {
            self.end(id, "no longer needed");
        }
    }
}
