//! Calls of the embedder, on their way to a VM process.

use secure_exec_protocol::{
    Answer, CallId, File, FileAttributes, FileRequest, HostMessage, MAX_CHUNK, Program, Stream,
    Tool, ToolFailure, ladder,
};

use crate::call::{Call, ProgramCall};
use crate::core::{Core, Origin, VmKey};
use crate::event::{Event, VmError};
use crate::files::HostMount;
use crate::setup::write_request;
use crate::timer::Due;
use crate::vm::{Queued, State, Vm};

const SIGKILL: u8 = 9;

impl Core {
    /// Starts a program, its code in as many frames as it takes.
    pub(crate) fn spawn(&mut self, vm_key: VmKey, call: CallId, mut program: Program) {
        let kind = Call::Program(Box::new(ProgramCall::new(&program)));
        let long = |code: &Vec<u8>| code.len() > MAX_CHUNK;
        if !program.code.as_ref().is_some_and(long) {
            let spawn = HostMessage::Spawn(Box::new(program));
            return self.submit(vm_key, call, Some(kind), spawn);
        }
        let code = program.code.replace(Vec::new()).unwrap_or_default();
        let size = code.len() as u64;
        let pieces = code.chunks(MAX_CHUNK).map(|piece| HostMessage::Code {
            size,
            data: piece.to_vec(),
        });
        let mut kind = Some(kind);
        for message in pieces.chain([HostMessage::Spawn(Box::new(program))]) {
            match kind.take() {
                Some(kind) => self.submit(vm_key, call, Some(kind), message),
                None => self.notify(vm_key, call, message),
            }
        }
    }

    /// Feeds a stream of a program, in as many frames as it takes.
    pub(crate) fn input(
        &mut self,
        vm_key: VmKey,
        call: CallId,
        stream: Stream,
        mut data: Vec<u8>,
        end: bool,
    ) {
        while data.len() > MAX_CHUNK {
            let rest = data.split_off(MAX_CHUNK);
            let data = std::mem::replace(&mut data, rest);
            let end = false;
            self.notify(vm_key, call, HostMessage::Input { stream, data, end });
        }
        self.notify(vm_key, call, HostMessage::Input { stream, data, end });
    }

    /// Does a file method.
    pub(crate) fn file(&mut self, vm_key: VmKey, call: CallId, request: FileRequest) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let kind = vm.readings.expect(&request);
        self.submit(vm_key, call, Some(kind), HostMessage::File(request));
    }

    /// Writes a file in as many frames as it takes.
    pub(crate) fn write_file(
        &mut self,
        vm_key: VmKey,
        whole: CallId,
        path: Vec<u8>,
        data: Vec<u8>,
    ) {
        let file = File {
            path,
            data,
            attributes: FileAttributes::default(),
        };
        let handle = u32::try_from(whole).unwrap_or(u32::MAX);
        for piece in 0.. {
            let (request, last) = write_request(&file, handle, false, piece);
            let Some(vm) = self.vms.get(&vm_key) else {
                return;
            };
            let (call, kind) = if last {
                (whole, Call::Done)
            } else {
                (vm.next_call(), Call::Part { whole })
            };
            self.submit(vm_key, call, Some(kind), HostMessage::File(request));
            if last {
                return;
            }
        }
    }

    /// Remembers tools for every VM process of this VM, and tells the one that runs.
    pub(crate) fn register_tools(&mut self, vm_key: VmKey, call: CallId, tools: Vec<Tool>) {
        if let Some(vm) = self.vms.get_mut(&vm_key) {
            let known = &mut vm.config.tools;
            known.retain(|old| tools.iter().all(|new| new.name != old.name));
            known.extend(tools.iter().cloned());
        }
        let message = HostMessage::RegisterTools(tools);
        self.submit(vm_key, call, Some(Call::Done), message);
    }

    /// Mounts more files. They are served to the process that the VM is on, and to each that comes after it.
    pub(crate) fn mount(&mut self, vm_key: VmKey, call: CallId, mut mount: HostMount) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let number = vm.next_mount;
        vm.next_mount += 1;
        mount.mount.number = number;
        vm.mounts.push(mount.clone());
        vm.mounted = true;
        let message = HostMessage::Mount(Box::new(mount.mount.clone()));
        if let Some(place) = vm.place
            && let Some(process) = self.processes.get_mut(&place.process)
            && process.files.add(place.id, mount).is_err()
        {
            self.drop_mount(vm_key, number);
            if let Some(vm) = self.vms.get(&vm_key) {
                let error = VmError::cannot_start("there is no thread for its mounts");
                vm.sink.event(Event::Failed { call, error });
            }
            return;
        }
        self.submit(vm_key, call, Some(Call::Mount(number)), message);
    }

    /// Takes the mount at a path away.
    pub(crate) fn unmount(&mut self, vm_key: VmKey, call: CallId, path: &str) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let mounts = vm.mounts.iter().map(|mount| &mount.mount);
        // What is not there has no number, and the VM says so.
        let number = mounts
            .filter(|mount| mount.guest_path == path)
            .map(|mount| mount.number)
            .next_back()
            .unwrap_or(u32::MAX);
        vm.mounted = true;
        let path = path.into();
        let message = HostMessage::Unmount { path };
        self.submit(vm_key, call, Some(Call::Unmount(number)), message);
    }

    /// Files are served to a VM no more.
    pub(crate) fn drop_mount(&mut self, vm_key: VmKey, number: u32) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        vm.mounts.retain(|mount| mount.mount.number != number);
        if let Some(place) = vm.place
            && let Some(process) = self.processes.get_mut(&place.process)
        {
            process.files.remove(place.id, number);
        }
    }

    /// Sends a message now or when the VM serves. With a `kind` it makes a call.
    pub(crate) fn submit(
        &mut self,
        vm_key: VmKey,
        call: CallId,
        kind: Option<Call>,
        message: HostMessage,
    ) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        if matches!(vm.state, State::Disposing | State::Disposed) {
            // A part is told with the whole.
            if !matches!(kind, None | Some(Call::Part { .. })) {
                let error = VmError::disposed();
                vm.sink.event(Event::Failed { call, error });
            }
            return;
        }
        if kind.as_ref().is_some_and(Call::is_told)
            && let Some(error) = vm.untold.take()
        {
            vm.sink.event(Event::Failed { call, error });
            return;
        }
        let queued = Queued {
            call,
            kind,
            message,
        };
        if vm.defers() {
            vm.queue.push_back(queued);
            if vm.state == State::Asleep {
                self.wake_up(vm_key);
            }
            return;
        }
        self.dispatch(vm_key, queued);
    }

    /// Something about a running program. Nothing happens if it has settled.
    pub(crate) fn notify(&mut self, vm_key: VmKey, call: CallId, message: HostMessage) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let queued = Queued {
            call,
            kind: None,
            message,
        };
        if vm.queue.iter().any(|queued| queued.call == call) {
            vm.queue.push_back(queued);
        } else if !vm.defers() && vm.calls.contains_key(&call) {
            self.dispatch(vm_key, queued);
        }
        // Else it has settled, or runs on a process that was given up, and settles with it.
    }

    /// The embedder took output: the VM gets credit for it, in pieces.
    pub(crate) fn credit(&mut self, vm_key: VmKey, call: CallId, stream: Stream, bytes: u32) {
        let Some(vm) = self.vms.get_mut(&vm_key).filter(|vm| !vm.defers()) else {
            return;
        };
        let credit = match vm.calls.get_mut(&call) {
            Some(Call::Program(program)) => program.credit(stream, bytes),
            Some(Call::Connection(connection)) => connection.credit(stream, bytes),
            _ => None,
        };
        if let Some(credit) = credit {
            self.tell(vm_key, call, credit, Origin::Peer);
        }
    }

    /// The embedder took traced lines.
    pub(crate) fn trace_taken(&mut self, vm_key: VmKey) {
        let vm = self.vms.get_mut(&vm_key).filter(|vm| !vm.defers());
        if vm.is_some_and(|vm| vm.trace.taken()) {
            self.tell(vm_key, 0, HostMessage::TraceTaken, Origin::Peer);
        }
    }

    /// The embedder answers the call of a tool that it knows as `number`. A replacement of the VM process would not
    /// know what it is about.
    pub(crate) fn tool_result(
        &mut self,
        vm_key: VmKey,
        number: u64,
        result: Result<String, ToolFailure>,
    ) {
        let Some(vm) = self.vms.get(&vm_key).filter(|vm| !vm.defers()) else {
            return;
        };
        let Some(id) = vm.tools.number(number) else {
            return;
        };
        let answer = result.map_or_else(Answer::Failed, Answer::Value);
        let message = HostMessage::Answer { id, answer };
        self.tell(vm_key, 0, message, Origin::Embedder);
        let process = self.vms.get(&vm_key).and_then(|vm| vm.place);
        let process = process.and_then(|place| self.processes.get(&place.process));
        let position = process.map_or(0, |process| process.writer.given());
        if let Some(vm) = self.vms.get_mut(&vm_key) {
            vm.tools.answered(number, position);
        }
    }

    /// Sends what makes no call. Only what the embedder has made can be too long, and a tool's result is bounded.
    pub(crate) fn tell(
        &mut self,
        vm_key: VmKey,
        call: CallId,
        message: HostMessage,
        origin: Origin,
    ) {
        if self.send(vm_key, call, message, origin).is_err() {
            let place = self.vms.get(&vm_key).and_then(|vm| vm.place);
            if let Some(place) = place {
                self.end(place.process, "a message to it was too long");
            }
        }
    }

    /// Sends a message of a serving VM and arms what guards it.
    pub(crate) fn dispatch(&mut self, vm_key: VmKey, queued: Queued) {
        let Queued {
            call,
            kind,
            message,
        } = queued;
        if let Some(kind) = kind {
            return self.request(vm_key, call, kind, message, Origin::Embedder);
        }
        if self.connection_mut(vm_key, call).is_some() {
            return self.tell_connection(vm_key, call, message);
        }
        // For a request that follows.
        if matches!(message, HostMessage::Segment { .. }) {
            return self.tell(vm_key, call, message, Origin::Embedder);
        }
        let Some(program) = self.program_mut(vm_key, call) else {
            return;
        };
        match &message {
            HostMessage::Signal { signal: SIGKILL } => {
                self.expect_end(vm_key, call, ladder::KILL);
                self.release(vm_key);
            }
            HostMessage::Input { stream, data, end } => program.input(*stream, data.len(), *end),
            HostMessage::RenewCpuTime => self.allow_cpu(vm_key, &message),
            _ => {}
        }
        self.tell(vm_key, call, message, Origin::Embedder);
    }

    /// Sends a request, whose answer is expected from now on.
    pub(crate) fn request(
        &mut self,
        vm_key: VmKey,
        call: CallId,
        kind: Call,
        message: HostMessage,
        origin: Origin,
    ) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let timeout = match &kind {
            Call::Program(program) => program.timeout,
            _ => None,
        };
        if kind.is_prompt(vm.mounted) {
            vm.requests.push_back(call);
        }
        vm.calls.insert(call, kind);
        self.allow_cpu(vm_key, &message);
        if let Err(error) = self.send(vm_key, call, message, origin) {
            // Nothing was sent, so that no answer comes either.
            return self.fail_call(vm_key, call, &error);
        }
        self.expect_answer(vm_key);
        // The supervisor's own deadline, behind the one that the VM keeps itself.
        if let Some(timeout) = timeout {
            self.expect_end(vm_key, call, timeout.saturating_add(ladder::KILL));
        }
    }

    /// Arms the deadline of a program's end. The first one counts, unless a later one is sooner.
    fn expect_end(&mut self, vm_key: VmKey, call: CallId, delay: std::time::Duration) {
        let delay = delay.min(std::time::Duration::from_secs(u32::MAX.into()));
        let at = self.timers.now() + delay;
        let Some(program) = self.program_mut(vm_key, call) else {
            return;
        };
        let old = program.overdue;
        if old.is_some_and(|(due, _)| due <= at) {
            return;
        }
        self.timers.cancel(old);
        let timer = self.arm(delay, Due::Overdue { vm: vm_key, call });
        if let Some(program) = self.program_mut(vm_key, call) {
            program.overdue = Some(timer);
        }
    }

    /// Arms the deadline of the oldest request that is answered at once, unless it has one.
    pub(crate) fn expect_answer(&mut self, vm_key: VmKey) {
        let waits = |vm: &&mut Vm| vm.answer_due.is_none() && !vm.requests.is_empty();
        if self.vms.get_mut(&vm_key).filter(waits).is_none() {
            return;
        }
        let patience = self.wait_for(Due::Answer(vm_key));
        if let Some(vm) = self.vms.get_mut(&vm_key) {
            vm.answer_due = Some(patience);
        }
    }

    /// Takes a call out of its VM, with its deadlines.
    pub(crate) fn take_call(&mut self, vm_key: VmKey, call: CallId) -> Option<Call> {
        let vm = self.vms.get_mut(&vm_key)?;
        let kind = vm.calls.remove(&call)?;
        self.remove_request(vm_key, call);
        self.cancel_end(&kind);
        Some(kind)
    }

    /// A request was answered, or will never be.
    pub(crate) fn remove_request(&mut self, vm_key: VmKey, call: CallId) {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return;
        };
        let Some(index) = vm.requests.iter().position(|request| *request == call) else {
            return;
        };
        vm.requests.remove(index);
        if index == 0 {
            self.timers.give_up(vm.answer_due.take());
            self.expect_answer(vm_key);
        }
    }

    pub(crate) fn cancel_end(&mut self, kind: &Call) {
        match kind {
            Call::Program(program) => self.timers.cancel(program.overdue),
            Call::Connection(connection) => {
                let closing = connection.closing.as_ref();
                self.timers.cancel(closing.map(|patience| patience.timer));
            }
            Call::Destroy { overdue } => self.timers.cancel(Some(*overdue)),
            _ => {}
        }
    }
}
