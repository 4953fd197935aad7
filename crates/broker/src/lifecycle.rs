//! VMs and the processes behind them: creation, the spare, condemnation, replacement, disposal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use secure_exec_protocol::{File, FileRequest, HostMessage, Limit, MAX_CHUNK, VmConfig, VmId};

use crate::admission;
use crate::calls::write_requests;
use crate::core::{Call, Core, State, Vm, frame};
use crate::event::{Event, Ready, Sink, VmError};
use crate::handle::Isolation;
use crate::isolation::{self, IsolationReport, Level};
use crate::process::{ProcessId, Stage, VmProcess};
use crate::spawner::{Outcome, Start};
use crate::timer::Due;

/// How long a condemned process may take to export its filesystems.
const EXPORT_GRACE: Duration = Duration::from_secs(2);
/// How long a VM may take to destroy itself.
const DESTROY_GRACE: Duration = Duration::from_millis(1250);

impl Core {
    pub(crate) fn create(
        &mut self,
        config: VmConfig,
        files: Vec<File>,
        isolation: Isolation,
        required: Option<Level>,
        sink: Arc<dyn Sink>,
    ) -> VmId {
        let id = self.next_vm();
        let config = VmConfig {
            exclusive: isolation == Isolation::Process,
            ..config
        };
        let vm = Vm {
            config,
            files: Arc::new(files),
            isolation,
            required,
            sink,
            state: State::Preparing { missing: 0 },
            process: None,
            calls: BTreeMap::new(),
            queue: VecDeque::new(),
            carried: None,
            announced: false,
            untold: None,
            retried: false,
            phases: Vec::new(),
        };
        self.vms.insert(id, vm);
        match admission::admit() {
            Ok(()) => self.attach(id),
            Err(error) => self.preparation_failed(id, error),
        }
        id
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
    pub(crate) fn wake_up(&mut self, vm_id: VmId) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        vm.state = State::Preparing { missing: 0 };
        self.attach(vm_id);
    }

    fn attach(&mut self, vm_id: VmId) {
        let Some(vm) = self.vms.get(&vm_id) else {
            return;
        };
        let start = vm.start();
        let process = match vm.isolation {
            Isolation::Process => self.take_spare(&start).unwrap_or_else(|| self.order(start)),
            Isolation::Shared | Isolation::InProcess => self.common_process(start),
        };
        if let Some(waiting) = self.ordered.get_mut(&process) {
            waiting.push(vm_id);
        } else {
            self.prepare(vm_id, process);
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

    /// The spawner's answer to an order.
    pub(crate) fn started(&mut self, id: ProcessId, outcome: Outcome) {
        let waiting = self.ordered.remove(&id).unwrap_or_default();
        let registered = outcome.and_then(|(connection, child)| {
            let poll = |error: std::io::Error| format!("epoll: {error}");
            self.poller.add_socket(connection.fd(), id).map_err(poll)?;
            if let Some(child) = &child {
                self.poller.add_child(child.fd(), id).map_err(poll)?;
            }
            Ok(VmProcess {
                connection,
                child,
                stage: Stage::Serving,
                ready: false,
                isolation: None,
                vms: BTreeSet::new(),
                closed: false,
            })
        });
        match registered {
            Ok(process) => {
                self.processes.insert(id, process);
                for vm in waiting {
                    // It may have been disposed meanwhile.
                    if self
                        .vms
                        .get(&vm)
                        .is_some_and(|vm| vm.process.is_none() && vm.prepares())
                    {
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
    }

    /// Boots a VM on a process and fills it. All of it is sent at once; the answers are counted.
    fn prepare(&mut self, vm_id: VmId, process_id: ProcessId) {
        let Some(process) = self.processes.get_mut(&process_id) else {
            return;
        };
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        process.vms.insert(vm_id);
        vm.process = Some(process_id);
        let mut setup = vec![HostMessage::Create(Box::new(vm.config.clone()))];
        if let Some(carried) = &vm.carried {
            let count = carried.len().div_ceil(MAX_CHUNK).max(1);
            for index in 0..count {
                let start = index * MAX_CHUNK;
                let end = carried.len().min(start + MAX_CHUNK);
                let data = carried.get(start..end).unwrap_or_default().to_vec();
                setup.push(HostMessage::Import {
                    data,
                    last: index + 1 == count,
                });
            }
        } else {
            for (index, file) in vm.files.iter().enumerate() {
                let handle = u32::try_from(index).unwrap_or(u32::MAX);
                for (request, _) in write_requests(file, handle, true) {
                    setup.push(HostMessage::File(request));
                }
            }
            if let Some(cwd) = &vm.config.cwd {
                let path = cwd.clone().into_bytes();
                setup.push(HostMessage::File(FileRequest::MakeWorkingDirectory {
                    path,
                }));
            }
        }
        vm.state = State::Preparing {
            missing: setup.len(),
        };
        for message in setup {
            let call = self.next_call();
            if let Some(vm) = self.vms.get_mut(&vm_id).filter(|vm| vm.prepares()) {
                vm.calls.insert(call, Call::Setup);
                self.send(frame(vm_id, call, message));
            }
        }
    }

    /// One answer of the preparation has come.
    pub(crate) fn prepared_one(&mut self, vm_id: VmId) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        let State::Preparing { missing } = &mut vm.state else {
            return;
        };
        *missing = missing.saturating_sub(1);
        if *missing > 0 {
            return;
        }
        let seen = vm
            .process
            .and_then(|id| self.processes.get(&id)?.isolation.clone());
        let seen = seen
            .unwrap_or_else(IsolationReport::none)
            .for_vm(vm.isolation);
        if let Some(error) = seen.refuse(vm.required) {
            return self.preparation_failed(vm_id, error);
        }
        vm.state = State::Serving;
        vm.retried = false;
        vm.carried = None;
        let (isolation, start) = (vm.isolation, vm.start());
        if !std::mem::replace(&mut vm.announced, true) {
            vm.sink.event(Event::Created(Ok(Ready {
                phases: std::mem::take(&mut vm.phases),
                isolation: seen,
            })));
        }
        for frame in std::mem::take(&mut vm.queue) {
            self.dispatch(frame);
        }
        if isolation == Isolation::Process {
            self.prepare_spare(start);
        }
    }

    /// The VM cannot be had. A new one is gone; a replacement is tried again by the next call.
    pub(crate) fn preparation_failed(&mut self, vm_id: VmId, error: VmError) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        if !vm.prepares() {
            return;
        }
        vm.calls.retain(|_, call| !matches!(call, Call::Setup));
        vm.queue.clear();
        vm.carried = None;
        let pending: Vec<_> = vm.calls.keys().copied().collect();
        if vm.announced {
            vm.state = State::Asleep;
        } else {
            vm.announced = true;
            vm.state = State::Disposed;
            vm.sink.event(Event::Created(Err(error.clone())));
        }
        for call in pending {
            self.fail_call(vm_id, call, error.clone());
        }
        self.detach(vm_id);
    }

    /// The process went away before the VM served: a spare may have been killed while it waited. Nothing has run in the
    /// VM yet, so it is prepared on another process, once.
    fn prepare_elsewhere(&mut self, vm_id: VmId, error: VmError) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        // What made it break the rules would make the next one.
        if error.security_violation || std::mem::replace(&mut vm.retried, true) {
            return self.preparation_failed(vm_id, error);
        }
        vm.calls.retain(|_, call| !matches!(call, Call::Setup));
        vm.state = State::Preparing { missing: 0 };
        self.detach(vm_id);
        self.attach(vm_id);
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
        let vms: Vec<VmId> = process.vms.iter().copied().collect();
        self.forget(id);
        self.arm(EXPORT_GRACE, Due::Export(id));
        for vm_id in vms {
            let Some(vm) = self.vms.get_mut(&vm_id) else {
                continue;
            };
            match vm.state {
                State::Serving => {
                    vm.state = State::Exporting;
                    vm.carried = Some(Vec::new());
                    self.export(vm_id);
                }
                State::Preparing { .. } => {
                    let error = self.crash_error(id, false);
                    self.prepare_elsewhere(vm_id, error);
                }
                _ => {}
            }
        }
        self.end_if_idle(id);
    }

    /// Asks for the next piece of the filesystem.
    fn export(&mut self, vm_id: VmId) {
        let call = self.next_call();
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        let offset = vm.carried.as_ref().map_or(0, Vec::len) as u64;
        vm.calls.insert(call, Call::Export);
        self.send(frame(vm_id, call, HostMessage::Export { offset }));
    }

    /// Takes a piece of the filesystem.
    pub(crate) fn exported(&mut self, vm_id: VmId, data: &[u8], last: bool) {
        let Some(vm) = self
            .vms
            .get_mut(&vm_id)
            .filter(|vm| vm.state == State::Exporting)
        else {
            return;
        };
        let bound = vm
            .config
            .limits
            .max_filesystem_bytes
            .saturating_mul(2)
            .saturating_add(64 << 20);
        let Some(carried) = &mut vm.carried else {
            return;
        };
        carried.extend_from_slice(data);
        // What a condemned process says is not trusted to end.
        if carried.len() as u64 > bound || (data.is_empty() && !last) {
            self.export_failed(vm_id);
        } else if last {
            self.replace(vm_id, false);
        } else {
            self.export(vm_id);
        }
    }

    /// The filesystem cannot be had: the replacement starts from the files given at creation.
    pub(crate) fn export_failed(&mut self, vm_id: VmId) {
        if let Some(vm) = self
            .vms
            .get_mut(&vm_id)
            .filter(|vm| vm.state == State::Exporting)
        {
            vm.carried = None;
            self.replace(vm_id, true);
        }
    }

    /// Settles what ran on the old process and moves the VM to a new one.
    fn replace(&mut self, vm_id: VmId, state_lost: bool) {
        let Some(process) = self.vms.get(&vm_id).and_then(|vm| vm.process) else {
            return;
        };
        let error = self.crash_error(process, state_lost);
        // Before the calls settle, so that what their callers do next waits for the replacement.
        if let Some(vm) = self.vms.get_mut(&vm_id) {
            vm.state = State::Preparing { missing: 0 };
        }
        let told = self.settle_sent(vm_id, &error);
        if let Some(vm) = self.vms.get_mut(&vm_id)
            && error.security_violation
            && !told
        {
            vm.untold = Some(error);
        }
        self.detach(vm_id);
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        if vm.carried.is_none() && vm.queue.is_empty() {
            vm.state = State::Asleep;
        } else {
            self.attach(vm_id);
        }
    }

    /// What the calls of a lost process are told.
    fn crash_error(&self, id: ProcessId, state_lost: bool) -> VmError {
        match self.processes.get(&id).map(|process| &process.stage) {
            Some(Stage::Condemned { why, limit } | Stage::Ending { why, limit }) => {
                VmError::crashed(why, limit.clone(), state_lost)
            }
            _ => VmError::crashed("unknown cause", None, state_lost),
        }
    }

    /// Kills a process; its VMs hear of it when it is gone.
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
        match &process.child {
            Some(child) => child.kill(),
            // The server thread ends by itself when its socket closes.
            None => self.gone(id, why),
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
        let ready = process.ready;
        for vm_id in process.vms.clone() {
            let Some(vm) = self.vms.get_mut(&vm_id) else {
                continue;
            };
            match vm.state {
                State::Serving | State::Exporting => {
                    vm.state = State::Exporting;
                    vm.carried = None;
                    self.replace(vm_id, true);
                }
                State::Preparing { .. } => {
                    if ready {
                        let error = self.crash_error(id, true);
                        self.prepare_elsewhere(vm_id, error);
                    } else {
                        self.preparation_failed(vm_id, isolation::start_error(how));
                    }
                }
                State::Disposing => self.finish_disposal(vm_id),
                State::Asleep | State::Disposed => {}
            }
        }
        if let Some(process) = self.processes.remove(&id) {
            self.poller.remove(process.connection.fd());
            if let Some(child) = &process.child {
                self.poller.remove(child.fd());
            }
        }
    }

    /// No VM will be given this process any more.
    fn forget(&mut self, id: ProcessId) {
        self.spare = self.spare.filter(|spare| *spare != id);
        self.common.retain(|_, process| *process != id);
    }

    fn detach(&mut self, vm_id: VmId) {
        let Some(id) = self.vms.get_mut(&vm_id).and_then(|vm| vm.process.take()) else {
            return;
        };
        if let Some(process) = self.processes.get_mut(&id) {
            process.vms.remove(&vm_id);
        }
        self.end_if_idle(id);
    }

    /// Ends a process that serves nobody and is not the spare.
    fn end_if_idle(&mut self, id: ProcessId) {
        let idle = self
            .processes
            .get(&id)
            .is_some_and(|process| process.vms.is_empty());
        if idle && self.spare != Some(id) {
            self.end(id, "no longer needed");
        }
    }

    pub(crate) fn dispose(&mut self, vm_id: VmId) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        match vm.state {
            State::Disposing | State::Disposed => {
                if vm.state == State::Disposed {
                    vm.sink.event(Event::Disposed);
                    self.vms.remove(&vm_id);
                }
            }
            State::Serving => {
                vm.state = State::Disposing;
                let call = self.next_call();
                if let Some(vm) = self.vms.get_mut(&vm_id) {
                    vm.calls.insert(call, Call::Destroy);
                }
                self.send(frame(vm_id, call, HostMessage::Destroy));
                self.arm(DESTROY_GRACE, Due::Overdue { vm: vm_id, call });
            }
            State::Asleep | State::Preparing { .. } | State::Exporting => {
                self.finish_disposal(vm_id)
            }
        }
    }

    /// Everything of the VM is freed.
    pub(crate) fn finish_disposal(&mut self, vm_id: VmId) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        vm.state = State::Disposed;
        vm.carried = None;
        self.settle_disposed(vm_id);
        self.detach(vm_id);
        if let Some(vm) = self.vms.get_mut(&vm_id) {
            if !std::mem::replace(&mut vm.announced, true) {
                vm.sink.event(Event::Created(Err(VmError::disposed())));
            }
            vm.sink.event(Event::Disposed);
        }
        self.vms.remove(&vm_id);
    }
}

impl Vm {
    /// The process that it needs.
    fn start(&self) -> Start {
        let in_process = self.isolation == Isolation::InProcess;
        Start {
            in_process,
            // It opens them itself.
            command_dirs: if in_process {
                Vec::new()
            } else {
                self.config.command_dirs.clone()
            },
            lax: self.required == Some(Level::Process),
        }
    }

    fn prepares(&self) -> bool {
        matches!(self.state, State::Preparing { .. })
    }
}
