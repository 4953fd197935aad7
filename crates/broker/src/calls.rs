//! Calls of the embedder: from request to the one event that settles them.

use std::collections::BTreeSet;
use std::time::Duration;

use secure_exec_protocol::{
    CallId, Cause, Exit, File, FileAttributes, FileRequest, HostFrame, HostMessage, MAX_CHUNK,
    Program, Stream, Tool, VmId,
};

use crate::core::{Call, Core, State, Vm, frame};
use crate::event::{Event, VmError};
use crate::timer::Due;

/// How long a VM process may take to end a guest that was killed. It climbs the soft rungs of the ladder itself
/// (terminate, again after 250 ms) and reports a guest that is stuck 1.25 s after the kill; only a process that
/// does not even do that is found out here.
const KILL_GRACE: Duration = Duration::from_millis(1750);

/// Status of a program that died of SIGKILL.
const KILLED: i32 = 137;
/// Status of a program that died of SIGTERM, which is what disposal is to it.
const TERMINATED: i32 = 143;
const SIGKILL: u8 = 9;
const SIGTERM: u8 = 15;

impl Core {
    /// Registers a call and sends it now or when the VM serves.
    pub(crate) fn request(&mut self, vm_id: VmId, message: HostMessage) -> CallId {
        let call = self.next_call();
        self.register(vm_id, call, Call::Simple, message);
        call
    }

    /// Registers a program and sends it, its code in as many frames as it takes.
    pub(crate) fn spawn(&mut self, vm_id: VmId, mut program: Program) -> CallId {
        let call = self.next_call();
        let kind = Call::Program {
            timeout: program.timeout_ms.map(Duration::from_millis),
            deadline_set: false,
        };
        if program
            .code
            .as_ref()
            .is_none_or(|code| code.len() <= MAX_CHUNK)
        {
            self.register(vm_id, call, kind, HostMessage::Spawn(Box::new(program)));
            return call;
        }
        let code = program.code.replace(Vec::new()).unwrap_or_default();
        let size = code.len() as u64;
        let pieces = code.chunks(MAX_CHUNK).map(|piece| HostMessage::Code {
            size,
            data: piece.to_vec(),
        });
        let spawn = HostMessage::Spawn(Box::new(program));
        let mut kind = Some(kind);
        for message in pieces.chain([spawn]) {
            match kind.take() {
                Some(kind) => self.register(vm_id, call, kind, message),
                None => self.notify(vm_id, call, message),
            }
        }
        call
    }

    /// Feeds a stream of a program, in as many frames as it takes.
    pub(crate) fn input(
        &mut self,
        vm_id: VmId,
        call: CallId,
        stream: Stream,
        mut data: Vec<u8>,
        end: bool,
    ) {
        while data.len() > MAX_CHUNK {
            let rest = data.split_off(MAX_CHUNK);
            let data = std::mem::replace(&mut data, rest);
            let end = false;
            self.notify(vm_id, call, HostMessage::Input { stream, data, end });
        }
        self.notify(vm_id, call, HostMessage::Input { stream, data, end });
    }

    fn register(&mut self, vm_id: VmId, call: CallId, kind: Call, message: HostMessage) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        if matches!(vm.state, State::Disposing | State::Disposed) {
            vm.sink.event(Event::Failed {
                call,
                error: VmError::disposed(),
            });
            return;
        }
        if let Some(error) = vm.untold.take() {
            vm.sink.event(Event::Failed { call, error });
            return;
        }
        vm.calls.insert(call, kind);
        let frame = frame(vm_id, call, message);
        if vm.defers() {
            vm.queue.push_back(frame);
            if vm.state == State::Asleep {
                self.wake_up(vm_id);
            }
            return;
        }
        self.dispatch(frame);
    }

    /// Writes a file in as many frames as it takes.
    pub(crate) fn write_file(&mut self, vm: VmId, path: Vec<u8>, data: Vec<u8>) -> CallId {
        let whole = self.next_call();
        if data.len() <= MAX_CHUNK {
            let request = FileRequest::Write {
                path,
                data,
                handle: None,
                parents: false,
                attributes: FileAttributes::default(),
            };
            self.register(vm, whole, Call::Simple, HostMessage::File(request));
            return whole;
        }
        let file = File {
            path,
            data,
            attributes: FileAttributes::default(),
        };
        let handle = u32::try_from(whole).unwrap_or(u32::MAX);
        for (request, last) in write_requests(&file, handle, false) {
            let (call, kind) = if last {
                (whole, Call::Simple)
            } else {
                (self.next_call(), Call::Part { whole })
            };
            self.register(vm, call, kind, HostMessage::File(request));
        }
        whole
    }

    /// Something about a running program. Nothing happens if it has settled.
    pub(crate) fn notify(&mut self, vm_id: VmId, call: CallId, message: HostMessage) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        if !vm.calls.contains_key(&call) {
            return;
        }
        let frame = frame(vm_id, call, message);
        if !vm.defers() {
            self.dispatch(frame);
        } else if vm.queue.iter().any(|queued| queued.call == call) {
            vm.queue.push_back(frame);
        }
        // Else the program runs on a process that was given up, and settles with it.
    }

    /// Remembers tools for every VM process of this VM, and tells the one that runs.
    pub(crate) fn register_tools(&mut self, vm_id: VmId, tools: Vec<Tool>) -> CallId {
        if let Some(vm) = self.vms.get_mut(&vm_id) {
            let known = &mut vm.config.tools;
            known.retain(|old| tools.iter().all(|new| new.name != old.name));
            known.extend(tools.iter().cloned());
        }
        self.request(vm_id, HostMessage::RegisterTools(tools))
    }

    /// Something for the VM process that runs now; a replacement would not know what it is about.
    pub(crate) fn tell(&mut self, vm_id: VmId, message: HostMessage) {
        let serving = |vm: &Vm| !vm.defers();
        if self.vms.get(&vm_id).is_some_and(serving) {
            self.dispatch(frame(vm_id, 0, message));
        }
    }

    /// Sends a frame of a serving VM and arms what guards it.
    pub(crate) fn dispatch(&mut self, frame: HostFrame) {
        let (vm, call) = (frame.vm, frame.call);
        match frame.message {
            HostMessage::Signal { signal: SIGKILL } => {
                self.arm(KILL_GRACE, Due::Overdue { vm, call })
            }
            HostMessage::Spawn(_) => self.watch_timeout(vm, call),
            _ => {}
        }
        self.send(frame);
    }

    /// Arms the supervisor's own deadline behind the one that the VM keeps itself.
    fn watch_timeout(&mut self, vm_id: VmId, call: CallId) {
        let Some(Call::Program {
            timeout: Some(timeout),
            deadline_set,
        }) = self
            .vms
            .get_mut(&vm_id)
            .and_then(|vm| vm.calls.get_mut(&call))
        else {
            return;
        };
        if !std::mem::replace(deadline_set, true) {
            let delay = timeout
                .saturating_add(KILL_GRACE)
                .min(Duration::from_secs(u64::from(u32::MAX)));
            self.arm(delay, Due::Overdue { vm: vm_id, call });
        }
    }

    /// Settles a call with an error.
    pub(crate) fn fail_call(&mut self, vm_id: VmId, call: CallId, error: VmError) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        match vm.calls.remove(&call) {
            Some(Call::Program { .. } | Call::Simple) => {
                vm.sink.event(Event::Failed { call, error })
            }
            Some(Call::Part { whole }) => self.fail_call(vm_id, whole, error),
            Some(Call::Setup) => self.preparation_failed(vm_id, error),
            Some(Call::Export) => self.export_failed(vm_id),
            Some(Call::Destroy) | None => {}
        }
    }

    /// Settles what was sent to a process that is gone or given up. What was not sent yet stays for the replacement.
    pub(crate) fn settle_sent(&mut self, vm_id: VmId, error: &VmError) -> bool {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return false;
        };
        let queued: BTreeSet<CallId> = vm.queue.iter().map(|frame| frame.call).collect();
        let sent: Vec<CallId> = vm
            .calls
            .keys()
            .copied()
            .filter(|call| !queued.contains(call))
            .collect();
        let mut told = false;
        for call in sent {
            let Some(kind) = vm.calls.remove(&call) else {
                continue;
            };
            match kind {
                Call::Program { .. } | Call::Simple => {
                    told = true;
                    vm.sink.event(Event::Failed {
                        call,
                        error: error.clone(),
                    });
                }
                Call::Part { whole } => {
                    told = true;
                    vm.calls.remove(&whole);
                    vm.sink.event(Event::Failed {
                        call: whole,
                        error: error.clone(),
                    });
                }
                Call::Setup | Call::Export | Call::Destroy => {}
            }
        }
        told
    }

    /// Settles everything because the VM is disposed.
    pub(crate) fn settle_disposed(&mut self, vm_id: VmId) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        vm.queue.clear();
        for (call, kind) in std::mem::take(&mut vm.calls) {
            match kind {
                Call::Program { .. } => {
                    vm.sink.event(Event::Exited {
                        call,
                        exit: Exit {
                            code: TERMINATED,
                            signal: SIGTERM,
                            ..Exit::default()
                        },
                    });
                }
                Call::Simple => vm.sink.event(Event::Failed {
                    call,
                    error: VmError::disposed(),
                }),
                _ => {}
            }
        }
    }

    /// A call that was to be over is not: its VM process does not obey.
    pub(crate) fn overdue(&mut self, vm_id: VmId, call: CallId) {
        let Some(vm) = self.vms.get(&vm_id) else {
            return;
        };
        let process = vm.process;
        match vm.calls.get(&call) {
            Some(Call::Program { timeout, .. }) if vm.state == State::Serving => {
                let timed = timeout.is_some();
                // First, so that what the settled caller does next meets the replacement.
                if let Some(process) = process {
                    self.condemn(process, "a guest did not end when it was killed", None);
                }
                let Some(vm) = self.vms.get_mut(&vm_id).filter(|_| timed) else {
                    return;
                };
                if vm.calls.remove(&call).is_some() {
                    let exit = Exit {
                        code: KILLED,
                        signal: SIGKILL,
                        cause: Some(Cause::TimedOut),
                        ..Exit::default()
                    };
                    vm.sink.event(Event::Exited { call, exit });
                }
            }
            Some(Call::Destroy) => {
                self.finish_disposal(vm_id);
                if let Some(process) = process {
                    self.condemn(
                        process,
                        "a guest did not end when its VM was disposed",
                        None,
                    );
                }
            }
            _ => {}
        }
    }
}

/// Cuts a file into requests; the flag marks the last one. `handle` must be free in the VM.
pub(crate) fn write_requests(file: &File, handle: u32, parents: bool) -> Vec<(FileRequest, bool)> {
    let count = file.data.len().div_ceil(MAX_CHUNK).max(1);
    let request = |index: usize| {
        let start = index * MAX_CHUNK;
        let end = file.data.len().min(start + MAX_CHUNK);
        let data = file.data.get(start..end).unwrap_or_default().to_vec();
        let last = index + 1 == count;
        let request = if index == 0 {
            FileRequest::Write {
                path: file.path.clone(),
                data,
                handle: (count > 1).then_some(handle),
                parents,
                attributes: file.attributes,
            }
        } else {
            FileRequest::WriteMore { handle, data, last }
        };
        (request, last)
    };
    (0..count).map(request).collect()
}
