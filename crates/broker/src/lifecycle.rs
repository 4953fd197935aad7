//! VMs and the processes behind them: creation, the spare, condemnation, replacement, disposal.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use secure_exec_protocol::{File, HostMessage, Limit, VmConfig, ladder};

use crate::call::Call;
use crate::core::{Core, Origin, VmKey};
use crate::event::{Event, Sink, VmError};
use crate::files::{FilesChannel, HostMount};
use crate::isolation::{Isolation, Level};
use crate::outbound::Outbound;
use crate::process::{ProcessId, Stage, VmProcess};
use crate::reading::Readings;
use crate::rules::Warned;
use crate::segment::FileSnapshot;
use crate::setup::Setup;
use crate::spawner::{Start, Started};
use crate::timer::Due;
use crate::tool_calls::ToolCalls;
use crate::vm::{Place, State, TraceCredit, Vm};

/// What a VM is made from.
pub(crate) struct Creation {
    pub(crate) config: VmConfig,
    pub(crate) files: Vec<File>,
    /// What was there before those.
    pub(crate) snapshot: Option<Arc<FileSnapshot>>,
    pub(crate) mounts: Vec<HostMount>,
    pub(crate) isolation: Isolation,
    /// The least that must hold for its process.
    pub(crate) required: Option<Level>,
    /// The startup snapshot of its process, if it is not the package's.
    pub(crate) heap: Option<PathBuf>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) last_call: Arc<AtomicU64>,
}

impl Core {
    /// Creates a VM, if the host can bear it.
    pub(crate) fn create(&mut self, key: VmKey, made: Creation, admitted: Result<(), VmError>) {
        let config = VmConfig {
            exclusive: made.isolation == Isolation::Process,
            ..made.config
        };
        let vm = Vm {
            config,
            files: Arc::new(made.files),
            snapshot: made.snapshot,
            segments: Vec::new(),
            next_mount: u32::try_from(made.mounts.len()).unwrap_or(u32::MAX),
            mounted: !made.mounts.is_empty(),
            mounts: made.mounts,
            isolation: made.isolation,
            required: made.required,
            heap: made.heap,
            sink: made.sink,
            state: State::Preparing,
            place: None,
            calls: BTreeMap::new(),
            requests: VecDeque::new(),
            answer_due: None,
            queue: VecDeque::new(),
            setup: Setup::default(),
            carried: None,
            announced: false,
            untold: None,
            retried: false,
            phases: Vec::new(),
            tools: ToolCalls::default(),
            outbound: Outbound::default(),
            trace: TraceCredit::default(),
            warned: Warned::default(),
            readings: Readings::default(),
            listens: false,
            last_call: made.last_call,
        };
        self.vms.insert(key, vm);
        match admitted {
            Ok(()) => self.attach(key),
            Err(error) => self.preparation_failed(key, error),
        }
    }

    /// Orders a spare process if there is none of this kind. The last kind that was asked for is the one that is kept.
    pub(crate) fn prepare_spare(&mut self, start: Start) {
        if self.spare.is_some() && self.spare_start == start {
            return;
        }
        let other = self.spare.take();
        self.spare = Some(self.order(start.clone()));
        self.spare_start = start;
        if let Some(other) = other {
            self.end_if_idle(other);
        }
    }

    fn take_spare(&mut self, start: &Start) -> Option<ProcessId> {
        if self.spare_start != *start {
            return None;
        }
        self.spare.take()
    }

    /// Gives a VM without a process one.
    pub(crate) fn wake_up(&mut self, vm_key: VmKey) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        vm.state = State::Preparing;
        self.attach(vm_key);
    }

    pub(crate) fn attach(&mut self, vm_key: VmKey) {
        let Some(vm) = self.vms.get(&vm_key) else {
            return;
        };
        let start = vm.start();
        let process = match vm.isolation {
            Isolation::Process => match self.take_spare(&start) {
                Some(spare) => spare,
                None => self.order(start),
            },
            Isolation::Shared | Isolation::Group(_) | Isolation::InProcess => {
                self.common_process(start)
            }
        };
        if let Some(waiting) = self.ordered.get_mut(&process) {
            waiting.push(vm_key);
        } else {
            self.prepare(vm_key, process);
        }
    }

    fn common_process(&mut self, start: Start) -> ProcessId {
        if let Some(process) = self.common.get(&start) {
            return *process;
        }
        let process = self.order(start.clone());
        self.common.insert(start, process);
        process
    }

    /// The spawner's answer to an order. Gives back the half of the socket that is to be read.
    pub(crate) fn started(&mut self, id: ProcessId, outcome: Result<Started, String>) {
        let waiting = self.ordered.remove(&id).unwrap_or_default();
        let registered = outcome.and_then(|started| {
            let poll = |error: std::io::Error| format!("epoll: {error}");
            let fd = started.writer.fd();
            self.poller.add_socket(fd, id).map_err(poll)?;
            if let Some(child) = &started.child {
                self.poller.add_child(child.fd(), id).map_err(poll)?;
            }
            Ok(started)
        });
        match registered {
            Ok(started) => {
                self.arrivals.push((id, started.reader));
                let accuse = self.accuse.clone();
                let files =
                    FilesChannel::new(started.files, Arc::new(move |rule| accuse(id, rule)));
                let mut process = VmProcess::new(started.writer, files, started.child);
                process.deadlines.hello = Some(self.wait_for(Due::Hello(id)));
                self.processes.insert(id, process);
                for vm in waiting {
                    // It may have been disposed meanwhile.
                    let waits = |vm: &Vm| vm.place.is_none() && vm.prepares();
                    if self.vms.get(&vm).is_some_and(waits) {
                        self.prepare(vm, id);
                    }
                }
                self.end_if_idle(id);
            }
            Err(reason) => {
                self.forget(id);
                for vm in waiting {
                    self.preparation_failed(vm, VmError::cannot_start(&reason));
                }
            }
        }
        // Its frames may be there already, and only the poller reads them.
        self.wake_poller();
    }

    /// Boots a VM on a process and fills it.
    fn prepare(&mut self, vm_key: VmKey, process_id: ProcessId) {
        let Some(process) = self.processes.get_mut(&process_id) else {
            return;
        };
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let id = process.adopt(vm_key);
        vm.place = Some(Place {
            process: process_id,
            id,
        });
        vm.state = State::Preparing;
        vm.setup = Setup::default();
        if let Err(error) = process.files.serve(id, vm.mounts.clone()) {
            let error = VmError::cannot_start(&format!("its mounts: {error}"));
            return self.preparation_failed(vm_key, error);
        }
        self.continue_setup(vm_key);
    }

    /// The VM cannot be had. A new one is gone; a replacement is tried again by the next call.
    pub(crate) fn preparation_failed(&mut self, vm_key: VmKey, error: VmError) {
        let Some(vm) = self.vms.get_mut(&vm_key).filter(|vm| vm.prepares()) else {
            return;
        };
        self.spools.free(vm.carried.take());
        if vm.announced {
            vm.state = State::Asleep;
        } else {
            vm.announced = true;
            vm.state = State::Disposed;
            vm.sink.event(Event::Created(Err(error.clone())));
        }
        self.settle_sent(vm_key, &error);
        self.settle_queued(vm_key, &error);
        self.detach(vm_key);
    }

    /// The process went away before the VM served: a spare may have been killed while it waited. Nothing has run in the
    /// VM yet, so it is prepared on another process, once.
    pub(crate) fn prepare_elsewhere(&mut self, vm_key: VmKey, error: VmError) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        // What made it break the rules would make the next one.
        if error.security_violation || std::mem::replace(&mut vm.retried, true) {
            return self.preparation_failed(vm_key, error);
        }
        self.settle_sent(vm_key, &error);
        self.detach(vm_key);
        self.attach(vm_key);
    }

    /// Stops using a process, and has its filesystems exported before it is killed.
    pub(crate) fn condemn(&mut self, id: ProcessId, why: &str, limit: Option<Limit>) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        if process.stage != Stage::Serving {
            return;
        }
        process.stage = Stage::Condemned {
            why: why.to_owned(),
            limit,
        };
        let vms: Vec<VmKey> = process.vms.values().copied().collect();
        self.forget(id);
        self.release_cpu(id);
        let timer = self.arm(ladder::EXPORT, Due::Export(id));
        if let Some(process) = self.processes.get_mut(&id) {
            process.deadlines.export = Some(timer);
        }
        for vm_key in vms {
            match self.vms.get(&vm_key).map(|vm| vm.state) {
                Some(State::Serving) => self.begin_export(vm_key),
                Some(State::Preparing) => {
                    let error = self.crash_error(id, false);
                    self.prepare_elsewhere(vm_key, error);
                }
                _ => {}
            }
        }
        self.end_if_idle(id);
    }

    /// Settles what ran on the old process and moves the VM to a new one.
    pub(crate) fn replace(&mut self, vm_key: VmKey, state_lost: bool) {
        let Some(place) = self.vms.get(&vm_key).and_then(|vm| vm.place) else {
            return;
        };
        let error = self.crash_error(place.process, state_lost);
        // Before the calls settle, so that what their callers do next waits for the replacement, and finds nobody listening.
        if let Some(vm) = self.vms.get_mut(&vm_key) {
            vm.state = State::Preparing;
            vm.forget_listeners();
        }
        let told = self.settle_sent(vm_key, &error);
        if let Some(vm) = self.vms.get_mut(&vm_key)
            && error.security_violation
            && !told
        {
            vm.untold = Some(error);
        }
        self.detach(vm_key);
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        if vm.carried.is_none() && vm.queue.is_empty() {
            vm.state = State::Asleep;
        } else {
            self.attach(vm_key);
        }
    }

    pub(crate) fn dispose(&mut self, vm_key: VmKey) {
        self.release(vm_key);
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        match vm.state {
            State::Disposing => {}
            State::Disposed => {
                vm.sink.event(Event::Disposed);
                self.vms.remove(&vm_key);
            }
            State::Serving => {
                vm.state = State::Disposing;
                let call = vm.next_call();
                let due = Due::Overdue { vm: vm_key, call };
                let overdue = self.arm(ladder::DESTROY, due);
                let kind = Call::Destroy { overdue };
                self.request(vm_key, call, kind, HostMessage::Destroy, Origin::Embedder);
            }
            State::Asleep | State::Preparing | State::Exporting => self.finish_disposal(vm_key),
        }
    }

    /// Everything of the VM is freed.
    pub(crate) fn finish_disposal(&mut self, vm_key: VmKey) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        vm.state = State::Disposed;
        self.spools.free(vm.carried.take());
        self.settle_disposed(vm_key);
        self.detach(vm_key);
        if let Some(vm) = self.vms.remove(&vm_key) {
            if !vm.announced {
                vm.sink.event(Event::Created(Err(VmError::disposed())));
            }
            vm.sink.event(Event::Disposed);
        }
    }
}
