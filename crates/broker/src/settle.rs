//! How calls settle: by an error, by the end of their process, by disposal, by a deadline.

use secure_exec_protocol::{CallId, Cause, Exit};

use crate::call::Call;
use crate::core::{Core, VmKey};
use crate::event::{Event, VmError};
use crate::timer::Due;
use crate::vm::State;

/// Status of a program that died of SIGKILL.
const KILLED: i32 = 137;
/// Status of a program that died of SIGTERM, which is what disposal is to it.
const TERMINATED: i32 = 143;
const SIGKILL: u8 = 9;
const SIGTERM: u8 = 15;

impl Core {
    /// Settles a call with an error, as its answer or instead of one.
    pub(crate) fn fail_call(&mut self, vm_key: VmKey, call: CallId, error: &VmError) {
        let kind = self.take_call(vm_key, call);
        if let Some(Call::Mount(number)) = kind {
            self.drop_mount(vm_key, number);
        }
        match kind {
            Some(Call::Setup { .. }) => self.preparation_failed(vm_key, error.clone()),
            Some(Call::Export) => self.export_failed(vm_key),
            Some(Call::Part { whole }) => self.fail_whole(vm_key, whole, error),
            Some(kind) if kind.is_told() => self.tell_failed(vm_key, call, error),
            _ => {}
        }
    }

    /// Settles a file method of which one frame has failed. The answer to its last one is still to come, or that is
    /// still to be sent.
    fn fail_whole(&mut self, vm_key: VmKey, whole: CallId, error: &VmError) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let queued = vm.queue.iter_mut().find(|queued| queued.call == whole);
        let kind = match vm.calls.get_mut(&whole) {
            Some(kind) => Some(kind),
            None => queued.and_then(|queued| queued.kind.as_mut()),
        };
        let told = kind.is_some_and(|kind| std::mem::replace(kind, Call::Over).is_told());
        if told {
            self.tell_failed(vm_key, whole, error);
        }
    }

    fn tell_failed(&self, vm_key: VmKey, call: CallId, error: &VmError) {
        if let Some(vm) = self.vms.get(&vm_key) {
            let error = error.clone();
            vm.sink.event(Event::Failed { call, error });
        }
    }

    /// Settles what was sent to a process that is gone or given up. What was not sent yet stays for the replacement.
    /// True if some call was told.
    pub(crate) fn settle_sent(&mut self, vm_key: VmKey, error: &VmError) -> bool {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return false;
        };
        let mut told = false;
        self.timers.give_up(vm.answer_due.take());
        vm.requests.clear();
        for (call, kind) in std::mem::take(&mut vm.calls) {
            self.cancel_end(&kind);
            if let Call::Mount(number) = kind {
                self.drop_mount(vm_key, number);
            }
            if kind.is_told() {
                told = true;
                self.tell_failed(vm_key, call, error);
            }
        }
        told
    }

    /// Settles what waits to be sent.
    pub(crate) fn settle_queued(&mut self, vm_key: VmKey, error: &VmError) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        for queued in std::mem::take(&mut vm.queue) {
            if let Some(Call::Mount(number)) = queued.kind {
                self.drop_mount(vm_key, number);
            }
            if queued.kind.is_some_and(|kind| kind.is_told()) {
                self.tell_failed(vm_key, queued.call, error);
            }
        }
    }

    /// Settles everything because the VM is disposed: programs by their end, the rest by an error.
    pub(crate) fn settle_disposed(&mut self, vm_key: VmKey) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        self.timers.give_up(vm.answer_due.take());
        vm.requests.clear();
        let sent = std::mem::take(&mut vm.calls).into_iter();
        let queued = std::mem::take(&mut vm.queue).into_iter();
        let queued = queued.filter_map(|queued| Some((queued.call, queued.kind?)));
        for (call, kind) in sent.chain(queued) {
            self.cancel_end(&kind);
            if !kind.is_told() {
                continue;
            }
            if matches!(kind, Call::Program(_)) {
                self.tell_ended(vm_key, call, TERMINATED, SIGTERM, None);
            } else {
                self.tell_failed(vm_key, call, &VmError::disposed());
            }
        }
    }

    fn tell_ended(&self, vm_key: VmKey, call: CallId, code: i32, signal: u8, cause: Option<Cause>) {
        let Some(vm) = self.vms.get(&vm_key) else {
            return;
        };
        let exit = Exit {
            code,
            signal,
            cause,
            ..Exit::default()
        };
        vm.sink.event(Event::Exited { call, exit });
    }

    /// A call that was to be over is not: its VM process does not obey.
    pub(crate) fn overdue(&mut self, vm_key: VmKey, call: CallId) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let (state, place) = (vm.state, vm.place);
        match vm.calls.get_mut(&call) {
            Some(Call::Program(program)) => {
                program.overdue = None;
                let timed = program.timeout.is_some();
                if state != State::Serving {
                    return;
                }
                // First, so that what the settled caller does next meets the replacement.
                if let Some(place) = place {
                    self.condemn(
                        place.process,
                        "a guest did not end when it was killed",
                        None,
                    );
                }
                if timed {
                    self.settle_overdue(vm_key, call);
                }
            }
            Some(Call::Destroy { .. }) => {
                self.finish_disposal(vm_key);
                if let Some(place) = place {
                    let why = "a guest did not end when its VM was disposed";
                    self.condemn(place.process, why, None);
                }
            }
            _ => {}
        }
    }

    /// Settles a program by its timeout. Its end may be on the way.
    fn settle_overdue(&mut self, vm_key: VmKey, call: CallId) {
        let Some(program) = self.program_mut(vm_key, call) else {
            return;
        };
        if !std::mem::replace(&mut program.over, true) {
            self.tell_ended(vm_key, call, KILLED, SIGKILL, Some(Cause::TimedOut));
        }
    }

    /// The oldest request of a VM has no answer. A process that sleeps through its time is given up; one that is
    /// busy, or that the embedder does not listen to, gets more.
    pub(crate) fn unanswered(&mut self, vm_key: VmKey) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let (Some(patience), Some(place)) = (vm.answer_due.take(), vm.place) else {
            return;
        };
        if let Some(longer) = self.wait_longer(place.process, patience, Due::Answer(vm_key)) {
            if let Some(vm) = self.vms.get_mut(&vm_key) {
                vm.answer_due = Some(longer);
            }
            return;
        }
        self.fault(place.process, "it did not answer");
    }
}

impl Call {
    /// Whether the embedder hears of its end.
    pub(crate) fn is_told(&self) -> bool {
        match self {
            Call::Program(program) => !program.over,
            Call::Connection(connection) => !connection.over,
            Call::Done
            | Call::Read(_)
            | Call::Stat
            | Call::Exists
            | Call::Resources
            | Call::Processes
            | Call::Capture
            | Call::Fill(_)
            | Call::Restore(_)
            | Call::Mount(_)
            | Call::Unmount(_) => true,
            Call::Part { .. }
            | Call::Setup { .. }
            | Call::Export
            | Call::Destroy { .. }
            | Call::Over => false,
        }
    }
}
