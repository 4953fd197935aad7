//! Looks at what VM processes take of the processors: those that take more than theirs wait, and those that take what
//! no program of theirs may have are ended. So are those with more threads than their programs can have: each has some
//! memory of the kernel's and a number, and there are as many numbers as the whole system has.

use std::time::Duration;

use secure_exec_protocol::{HostMessage, VmLimits, ladder};

use crate::call::Call;
use crate::core::{Core, VmKey};
use crate::cpu_budget::{CpuBudget, LOOK, Terms, Verdict};
use crate::process::ProcessId;
use crate::timer::Due;
use crate::vm::{State, Vm};

/// Threads that a process may have: those of its own, and for each VM. A worker has 12 MiB of memory set aside, a command
/// a process of its machine: what a VM of any size that is used has is far below.
const OWN_THREADS: usize = 1024;
const VM_THREADS: usize = 4096;

impl Core {
    /// A process is ready: it is looked at from now on. A VM in this process has no clock of its own.
    pub(crate) fn watch_cpu(&mut self, id: ProcessId) {
        let now = self.timers.now();
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let Some(used) = process.child.as_ref().map(|child| child.cpu_time()) else {
            return;
        };
        process.cpu = Some(CpuBudget::new(now, used));
        self.look_within(id, LOOK);
    }

    /// Something is asked of a VM: its process may use time for it.
    pub(crate) fn allow_cpu(&mut self, vm_key: VmKey, message: &HostMessage) {
        let Some(vm) = self.vms.get(&vm_key) else {
            return;
        };
        let (limit, place) = (time_limit(&vm.config.limits), vm.place);
        let processors = vm.config.limits.cpu_count.min(self.processors);
        let Some(id) = place.map(|place| place.process) else {
            return;
        };
        let process = self.processes.get_mut(&id);
        let Some(cpu) = process.and_then(|process| process.cpu.as_mut()) else {
            return;
        };
        match message {
            HostMessage::Spawn(_) | HostMessage::RenewCpuTime => {
                let own = match message {
                    HostMessage::Spawn(program) => program.cpu_time_ms.map(Duration::from_millis),
                    _ => None,
                };
                cpu.allow_program(own.or(limit), processors);
                self.look_within(id, LOOK);
            }
            _ => cpu.allow_request(),
        }
    }

    /// Has a process looked at this soon, or sooner.
    fn look_within(&mut self, id: ProcessId, delay: Duration) {
        let at = self.timers.now() + delay;
        let process = self.processes.get_mut(&id);
        let Some(cpu) = process.and_then(|process| process.cpu.as_mut()) else {
            return;
        };
        let old = cpu.look;
        if old.is_some_and(|(due, _)| due <= at) {
            return;
        }
        self.timers.cancel(old);
        let timer = self.arm(delay, Due::Cpu(id));
        if let Some(process) = self.processes.get_mut(&id)
            && let Some(cpu) = process.cpu.as_mut()
        {
            cpu.look = Some(timer);
        }
    }

    /// Looks at what a process has used.
    pub(crate) fn look_at_cpu(&mut self, id: ProcessId) {
        let terms = self.terms(id);
        let now = self.timers.now();
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let (Some(child), Some(cpu)) = (process.child.as_mut(), process.cpu.as_mut()) else {
            return;
        };
        cpu.look = None;
        if child.threads() > OWN_THREADS + VM_THREADS * process.vms.len() {
            return self.violation(id, "it has more threads than its programs can have");
        }
        let held = cpu.held;
        let next = match cpu.take(now, child.cpu_time(), &terms) {
            Verdict::LookAgain(next) => next,
            Verdict::Overspent => {
                return self.violation(id, "it takes processor time that no program of its has");
            }
        };
        if let Some(bound) = cpu.next_bound() {
            child.bound_cpu(bound);
        }
        if cpu.held != held {
            child.hold(cpu.held);
        }
        self.look_within(id, next);
    }

    /// Lets a VM's process go on at once, because somebody waits for an end.
    pub(crate) fn release(&mut self, vm_key: VmKey) {
        if let Some(place) = self.vms.get(&vm_key).and_then(|vm| vm.place) {
            self.release_cpu(place.process);
        }
    }

    /// The same for a process.
    pub(crate) fn release_cpu(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        if let (Some(child), Some(cpu)) = (process.child.as_mut(), process.cpu.as_mut()) {
            let held = cpu.held;
            cpu.forgive();
            if held {
                child.hold(false);
            }
        }
    }

    fn terms(&self, id: ProcessId) -> Terms {
        let process = self.processes.get(&id);
        let keys = process.into_iter().flat_map(|process| process.vms.values());
        let vms: Vec<&Vm> = keys.filter_map(|key| self.vms.get(key)).collect();
        let soon = self.timers.now() + ladder::KILL;
        let ends = |vm: &&Vm| {
            let mut programs = vm.programs();
            vm.state == State::Disposing
                || programs.any(|program| program.overdue.is_some_and(|(at, _)| at <= soon))
        };
        let ceiling = |vm: &&Vm| {
            let limits = &vm.config.limits;
            let processors = limits.cpu_count.min(self.processors);
            CpuBudget::ceiling(time_limit(limits), limits.max_processes, processors)
        };
        Terms {
            processors: vms
                .iter()
                .fold(0u32, |sum, vm| {
                    sum.saturating_add(vm.config.limits.cpu_count)
                })
                .max(1),
            available: self.processors,
            ceiling: vms
                .iter()
                .map(ceiling)
                .fold(Duration::ZERO, Duration::saturating_add),
            may_hold: self.is_serving(id) && !vms.iter().any(ends),
            runs: vms.iter().any(|vm| vm.programs().next().is_some()),
        }
    }
}

/// What a program may use of the processors; `None` is no limit.
fn time_limit(limits: &VmLimits) -> Option<Duration> {
    limits.cpu_time_ms.map(Duration::from_millis)
}

impl Vm {
    /// Those that the embedder has started.
    fn programs(&self) -> impl Iterator<Item = &crate::call::ProgramCall> {
        self.calls.values().filter_map(|call| match call {
            Call::Program(program) => Some(&**program),
            _ => None,
        })
    }
}
