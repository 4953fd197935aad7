//! What comes in: frames of VM processes, their ends, deadlines. Nothing that a frame says is believed before it was
//! held against what was asked for.

use std::time::{Duration, Instant};

use secure_exec_protocol::{CallId, FileReply, TurnState, VERSION, VmFrame, VmId, VmMessage};

use crate::call::{Call, ProgramCall, Rule, SetupAnswer};
use crate::core::{Core, VmKey};
use crate::deadlines;
use crate::event::{Event, VmError};
use crate::process::{ProcessId, Stage};
use crate::rules;
use crate::timer::Due;
use crate::vm::Vm;

/// Bytes of events that may wait for the embedder before the process of their VM is not read any more.
const MOST_EVENTS: usize = 4 << 20;
/// Where reading goes on.
const FEW_EVENTS: usize = 1 << 20;

/// What the reader of a process does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The time for this portion is over: the rest of the frames.
    Portion,
    /// Another turn, once there is something to read.
    Read,
    /// Nothing until the process is among `Core::resumed`.
    Pause,
    /// The connection is over.
    Stop,
}

impl Core {
    /// Applies frames of one turn, as many as the time allows, and then where the turn ended.
    pub(crate) fn take_turn(
        &mut self,
        id: ProcessId,
        frames: &mut std::vec::IntoIter<VmFrame>,
        state: &TurnState,
        portion: Duration,
    ) -> Next {
        let begun = Instant::now();
        if frames.len() > 0
            && let Some(process) = self.processes.get_mut(&id)
        {
            self.timers.give_up(process.deadlines.frame.take());
        }
        while let Some(frame) = frames.next() {
            if !self.hears(id) {
                return Next::Stop;
            }
            if let Err(rule) = self.take_frame(id, frame) {
                self.violation(id, rule);
                return Next::Stop;
            }
            if frames.len() > 0 && begun.elapsed() >= portion {
                return Next::Portion;
            }
        }
        self.end_turn(id, state)
    }

    fn end_turn(&mut self, id: ProcessId, state: &TurnState) -> Next {
        if !self.hears(id) {
            return Next::Stop;
        }
        match state {
            TurnState::Garbage(error) => {
                self.violation(id, &error.to_string());
                return Next::Stop;
            }
            TurnState::End => {
                self.socket_closed(id);
                return Next::Stop;
            }
            TurnState::Drained { inside: true } => self.expect_frame(id),
            TurnState::Drained { inside: false } | TurnState::More => {}
        }
        self.pause_if_behind(id)
    }

    /// Whether anything that a process says still counts.
    fn hears(&self, id: ProcessId) -> bool {
        self.processes.get(&id).is_some_and(|process| {
            !process.closed && !matches!(process.stage, Stage::Ending { .. })
        })
    }

    /// A frame has begun: it must end.
    fn expect_frame(&mut self, id: ProcessId) {
        let waits = |process: &crate::process::VmProcess| process.deadlines.frame.is_some();
        if self.processes.get(&id).is_none_or(waits) {
            return;
        }
        let patience = self.wait_for(Due::Frame(id));
        if let Some(process) = self.processes.get_mut(&id) {
            process.deadlines.frame = Some(patience);
        }
    }

    /// Stops reading a process whose events the embedder does not take.
    fn pause_if_behind(&mut self, id: ProcessId) -> Next {
        if self.backlog(id) < MOST_EVENTS {
            return Next::Read;
        }
        if let Some(process) = self.processes.get_mut(&id) {
            process.paused = true;
            process.wait_for_frames(&self.poller, id, false);
        }
        Next::Pause
    }

    /// The embedder has taken events of a VM.
    pub(crate) fn resume(&mut self, vm_key: VmKey) {
        let Some(id) = self.vms.get(&vm_key).and_then(|vm| Some(vm.place?.process)) else {
            return;
        };
        let behind = self.backlog(id) > FEW_EVENTS;
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        if process.paused && !behind {
            process.paused = false;
            process.wait_for_frames(&self.poller, id, true);
            self.resumed.push(id);
            self.wake_poller();
        }
    }

    /// The most that one of its VMs has not been taken of.
    fn backlog(&self, id: ProcessId) -> usize {
        let Some(process) = self.processes.get(&id) else {
            return 0;
        };
        let vms = process.vms.values().filter_map(|vm| self.vms.get(vm));
        vms.map(|vm| vm.sink.backlog()).max().unwrap_or(0)
    }

    /// The socket takes more.
    pub(crate) fn writable(&mut self, id: ProcessId) {
        if let Some(process) = self.processes.get_mut(&id) {
            process.writer.flush();
            self.watch_writing(id);
        }
    }

    fn socket_closed(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.close(&self.poller);
        if process.child.is_none() {
            return self.gone(id, "the server thread ended");
        }
        // Its end tells why; it is usually a moment away.
        let timer = self.arm(deadlines::EXIT, Due::End(id));
        if let Some(process) = self.processes.get_mut(&id) {
            process.deadlines.end = Some(timer);
        }
    }

    /// How a child has ended, if it has.
    pub(crate) fn reap(&mut self, id: ProcessId) -> Option<String> {
        self.processes.get_mut(&id)?.child.as_mut()?.try_wait()
    }

    /// Does what is due; false if that was nothing.
    pub(crate) fn run_due(&mut self) -> bool {
        let mut some = false;
        while let Some(due) = self.timers.take_due() {
            self.due(due);
            some = true;
        }
        some
    }

    fn due(&mut self, due: Due) {
        match due {
            Due::Overdue { vm, call } => self.overdue(vm, call),
            Due::Answer(vm) => self.unanswered(vm),
            Due::Hello(id) | Due::Frame(id) | Due::Stuck(id) => self.asleep_on(id, due),
            Due::End(id) => self.end(id, "it closed its socket"),
            Due::Export(id) => {
                let Some(process) = self.processes.get(&id) else {
                    return;
                };
                for vm in process.vms.values().copied().collect::<Vec<_>>() {
                    self.export_failed(vm);
                }
                self.end(id, "it was given up");
            }
        }
    }

    /// A process has not done what it does at once.
    fn asleep_on(&mut self, id: ProcessId, due: Due) {
        let deadline = |process: &mut crate::process::VmProcess| match due {
            Due::Hello(_) => process.deadlines.hello.take(),
            Due::Frame(_) => process.deadlines.frame.take(),
            _ => process.deadlines.stuck.take(),
        };
        let Some(patience) = self.processes.get_mut(&id).and_then(deadline) else {
            return;
        };
        let Some(longer) = self.wait_longer(id, patience, due) else {
            return match due {
                Due::Hello(_) => self.fault(id, "it did not say that it is ready"),
                Due::Frame(_) => self.violation(id, "a frame without its end"),
                _ => self.fault(id, "it does not read its socket"),
            };
        };
        if let Some(process) = self.processes.get_mut(&id) {
            match due {
                Due::Hello(_) => process.deadlines.hello = Some(longer),
                Due::Frame(_) => process.deadlines.frame = Some(longer),
                _ => process.deadlines.stuck = Some(longer),
            }
        }
    }

    fn take_frame(&mut self, id: ProcessId, frame: VmFrame) -> Result<(), Rule> {
        let VmFrame {
            vm: vm_id,
            call,
            message,
        } = frame;
        let Some(process) = self.processes.get_mut(&id) else {
            return Ok(());
        };
        match message {
            VmMessage::Hello { version, .. } => return self.hello(id, version),
            VmMessage::Condemned { why, limit } => {
                if std::mem::replace(&mut process.gave_up, true) {
                    return Err("it was given up twice");
                }
                self.condemn(id, &why, limit);
                return Ok(());
            }
            _ if !process.ready => return Err("something was said before hello"),
            _ => {}
        }
        let Some(vm_key) = process.vms.get(&vm_id).copied() else {
            return self.take_stray(id, vm_id, call, &message);
        };
        self.take_message(id, vm_key, call, message)
    }

    fn hello(&mut self, id: ProcessId, version: u32) -> Result<(), Rule> {
        let Some(process) = self.processes.get_mut(&id) else {
            return Ok(());
        };
        if process.ready {
            return Err("hello was said twice");
        }
        if version != VERSION {
            self.end(id, "the addon that it loaded is of another version");
            return Ok(());
        }
        process.ready = true;
        process.look_at();
        self.timers.give_up(process.deadlines.hello.take());
        Ok(())
    }

    /// A frame of a VM that the process does not serve, or not any more.
    fn take_stray(
        &mut self,
        id: ProcessId,
        vm_id: VmId,
        call: CallId,
        message: &VmMessage,
    ) -> Result<(), Rule> {
        let Some(process) = self.processes.get_mut(&id) else {
            return Ok(());
        };
        // Its VMs leave a condemned process without being destroyed.
        if process.stage != Stage::Serving {
            return Ok(());
        }
        match (process.leaving.get(&vm_id), message) {
            (None, _) => return Err("a VM that is none of its own"),
            (Some(destroy), VmMessage::Destroyed | VmMessage::Failed(_)) if *destroy == call => {
                process.leaving.remove(&vm_id);
            }
            _ => {}
        }
        Ok(())
    }

    fn take_message(
        &mut self,
        id: ProcessId,
        vm_key: VmKey,
        call: CallId,
        message: VmMessage,
    ) -> Result<(), Rule> {
        if message.is_answer() {
            return self.take_answer(id, vm_key, call, message);
        }
        let Some(process) = self.processes.get(&id) else {
            return Ok(());
        };
        let (taken, serving) = (process.writer.taken(), process.stage == Stage::Serving);
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return Ok(());
        };
        match message {
            VmMessage::Trace { text, times } => {
                if !vm.config.trace || call != 0 || !vm.trace.take() {
                    return Err("traced lines that were not asked for");
                }
                vm.sink.event(Event::Trace { text, times });
                Ok(())
            }
            VmMessage::ToolCall {
                id,
                pid,
                tool,
                input,
            } => {
                rules::tool_call(pid, &tool)?;
                if call != 0 && vm.program(call).is_none() {
                    return Err("a call of a tool by a program that does not run");
                }
                let id = vm.tools.begin(id, input.len(), &vm.config.limits, taken)?;
                vm.sink.event(Event::ToolCall {
                    id,
                    call,
                    pid,
                    tool,
                    input,
                });
                Ok(())
            }
            VmMessage::ToolCancelled { id } => {
                if let Some(id) = vm.tools.cancel(id)? {
                    vm.sink.event(Event::ToolCancelled { id });
                }
                Ok(())
            }
            message => {
                let starts = matches!(message, VmMessage::Started { .. });
                let in_turn = !serving || vm.requests.front() == Some(&call);
                take_notification(vm, call, message)?;
                if starts && !in_turn {
                    return Err("an answer out of turn");
                }
                if starts {
                    self.remove_request(vm_key, call);
                }
                Ok(())
            }
        }
    }

    /// Settles a call by its answer, if that is of the kind that was asked for.
    fn take_answer(
        &mut self,
        id: ProcessId,
        vm_key: VmKey,
        call: CallId,
        message: VmMessage,
    ) -> Result<(), Rule> {
        let serving = self
            .processes
            .get(&id)
            .is_some_and(|p| p.stage == Stage::Serving);
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return Ok(());
        };
        let Some(kind) = vm.calls.get_mut(&call) else {
            return Err("an answer to nothing");
        };
        // A process that is condemned may have lost what it was about to answer.
        if serving && kind.is_prompt() && vm.requests.front() != Some(&call) {
            return Err("an answer out of turn");
        }
        let VmMessage::Failed(failure) = message else {
            return self.take_result(vm_key, call, message);
        };
        rules::failure(&failure, kind)?;
        if matches!(kind, Call::Over) || matches!(kind, Call::Program(program) if program.over) {
            self.take_call(vm_key, call);
            return Ok(());
        }
        let error = VmError::from(failure);
        self.fail_call(vm_key, call, &error);
        Ok(())
    }

    fn take_result(&mut self, vm_key: VmKey, call: CallId, message: VmMessage) -> Result<(), Rule> {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return Ok(());
        };
        let bound = vm.config.limits.return_value_bytes;
        let Some(kind) = vm.calls.get_mut(&call) else {
            return Ok(());
        };
        let event = match (kind, message) {
            (Call::Program(program), VmMessage::Exited(mut exit)) => {
                program.end(&mut exit, bound)?;
                vm.trace.ended();
                let over = program.over;
                (!over).then_some(Event::Exited { call, exit: *exit })
            }
            (Call::Done, VmMessage::File(reply @ FileReply::Done)) => {
                Some(Event::File { call, reply })
            }
            (Call::Read(reading), VmMessage::File(reply)) => {
                let reading = *reading;
                vm.readings.take(reading, &reply, &vm.config.limits)?;
                Some(Event::File { call, reply })
            }
            (Call::Stat, VmMessage::File(reply @ FileReply::Stat(_))) => {
                Some(Event::File { call, reply })
            }
            (Call::Exists, VmMessage::File(reply @ FileReply::Exists(_))) => {
                Some(Event::File { call, reply })
            }
            (Call::Resources, VmMessage::Resources(resources)) => {
                Some(Event::Resources { call, resources })
            }
            (Call::Processes, VmMessage::Processes(processes)) => {
                rules::processes(&processes, &vm.config.limits)?;
                Some(Event::Processes { call, processes })
            }
            (Call::Part { .. } | Call::Over, VmMessage::File(FileReply::Done)) => None,
            (Call::Setup { .. }, message) => return self.take_setup(vm_key, call, message),
            (Call::Export, VmMessage::Chunk { data, last }) => {
                self.take_call(vm_key, call);
                self.exported(vm_key, &data, last);
                return Ok(());
            }
            (Call::Destroy { .. }, VmMessage::Destroyed) => {
                self.take_call(vm_key, call);
                self.destroyed(vm_key);
                return Ok(());
            }
            _ => return Err("an answer of another kind"),
        };
        self.take_call(vm_key, call);
        if let (Some(event), Some(vm)) = (event, self.vms.get(&vm_key)) {
            vm.sink.event(event);
        }
        Ok(())
    }

    fn take_setup(&mut self, vm_key: VmKey, call: CallId, message: VmMessage) -> Result<(), Rule> {
        let Some(Call::Setup { step, bytes }) = self.take_call(vm_key, call) else {
            return Ok(());
        };
        match (step, message) {
            (SetupAnswer::Created, VmMessage::Created { phases }) => {
                if let Some(vm) = self.vms.get_mut(&vm_key) {
                    vm.phases = phases;
                }
            }
            (SetupAnswer::Done, VmMessage::File(FileReply::Done))
            | (SetupAnswer::Imported, VmMessage::Imported) => {}
            _ => return Err("an answer of another kind"),
        }
        self.prepared_one(vm_key, bytes);
        Ok(())
    }

    /// The process has destroyed a VM: it knows it no more.
    fn destroyed(&mut self, vm_key: VmKey) {
        let place = self.vms.get(&vm_key).and_then(|vm| vm.place);
        if let Some(place) = place
            && let Some(process) = self.processes.get_mut(&place.process)
        {
            process.vms.remove(&place.id);
        }
        self.finish_disposal(vm_key);
    }
}

/// Takes what a program says while it runs. What is said of one that was settled is counted and not told.
fn take_notification(vm: &mut Vm, call: CallId, message: VmMessage) -> Result<(), Rule> {
    let bound = vm.config.limits.return_value_bytes;
    let Some(Call::Program(program)) = vm.calls.get_mut(&call) else {
        return Err("something about a program that does not run");
    };
    let over = program.over;
    let event = match message {
        VmMessage::Started { pid } => {
            program.start(pid)?;
            Event::Started { call, pid }
        }
        VmMessage::Output { stream, data } => {
            program.output(stream, data.len())?;
            Event::Output { call, stream, data }
        }
        VmMessage::InputCredit { stream, bytes } => {
            program.input_taken(stream, bytes)?;
            Event::InputCredit {
                call,
                stream,
                bytes,
            }
        }
        VmMessage::Value { data } => return program.value(&data, bound),
        _ => return Err("a message of no kind"),
    };
    if !over {
        vm.sink.event(event);
    }
    Ok(())
}

impl Vm {
    fn program(&self, call: CallId) -> Option<&ProgramCall> {
        match self.calls.get(&call) {
            Some(Call::Program(program)) => Some(program),
            _ => None,
        }
    }
}
