//! The frames of VM processes. Nothing that one says is believed before it was held against what was asked for.

use secure_exec_protocol::{
    CallId, FileReply, HostMessage, Request, VERSION, VmFrame, VmId, VmMessage,
};

use crate::call::{Call, ProgramCall, Rule, SetupAnswer};
use crate::connection::ConnectionCall;
use crate::core::{Core, Origin, VmKey};
use crate::event::{Event, VmError};
use crate::process::{ProcessId, Stage};
use crate::rules;
use crate::vm::Vm;

impl Core {
    pub(crate) fn take_frame(&mut self, id: ProcessId, frame: VmFrame) -> Result<(), Rule> {
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
        self.watch_cpu(id);
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
        let serving = self.is_serving(id);
        let Some(process) = self.processes.get(&id) else {
            return Ok(());
        };
        let taken = process.writer.taken();
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
            VmMessage::Request { id, request } => {
                let (pid, tool, input) = match request {
                    Request::Tool { pid, tool, input } => (pid, tool, input),
                    Request::Connect { .. } if call != 0 => {
                        return Err("a connection to the host with a call");
                    }
                    Request::Connect { port } => {
                        let id = vm.outbound.begin(id, port, &vm.config)?;
                        vm.sink.event(Event::Outbound { id, port });
                        return Ok(());
                    }
                };
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
            VmMessage::Warning(limit) => {
                if !vm.config.warn {
                    return Err("a warning that was not asked for");
                }
                match vm.calls.get_mut(&call) {
                    _ if call == 0 => vm.warned.take(&limit)?,
                    Some(Call::Program(program)) => program.warned.take(&limit)?,
                    _ => return Err("something about a program that does not run"),
                }
                vm.sink.event(Event::Warning { call, limit });
                Ok(())
            }
            VmMessage::Listeners(listeners) => {
                if call != 0 {
                    return Err("listeners of a program");
                }
                rules::listeners(&listeners)?;
                vm.listens = !listeners.is_empty();
                vm.sink.event(Event::Listeners(listeners));
                self.tell(vm_key, 0, HostMessage::ListenersTaken, Origin::Peer);
                Ok(())
            }
            VmMessage::Abandoned { id } => {
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
        let serving = self.is_serving(id);
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return Ok(());
        };
        let mounted = vm.mounted;
        let Some(kind) = vm.calls.get_mut(&call) else {
            return Err("an answer to nothing");
        };
        // A process that is condemned may have lost what it was about to answer.
        if serving && kind.is_prompt(mounted) && vm.requests.front() != Some(&call) {
            return Err("an answer out of turn");
        }
        let VmMessage::Failed(failure) = message else {
            return self.take_result(vm_key, call, message);
        };
        rules::failure(&failure, kind)?;
        let over = match kind {
            Call::Over => true,
            Call::Program(program) => program.over,
            Call::Connection(connection) => connection.over,
            _ => false,
        };
        if over {
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
            (Call::Connection(connection), VmMessage::Closed) => {
                connection.close()?;
                (!connection.over).then_some(Event::Closed { call })
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
            (Call::Mount(number), VmMessage::File(reply @ FileReply::Done)) => {
                let number = *number;
                let mounts = vm.mounts.iter().map(|mount| &mount.mount);
                let mounted = mounts.filter(|mount| mount.number == number).cloned();
                vm.config.mounts.extend(mounted);
                Some(Event::File { call, reply })
            }
            (Call::Unmount(number), VmMessage::File(reply @ FileReply::Done)) => {
                let number = *number;
                vm.config.mounts.retain(|mount| mount.number != number);
                self.drop_mount(vm_key, number);
                Some(Event::File { call, reply })
            }
            (Call::Capture, VmMessage::Captured(captured)) => {
                return self.captured(vm_key, call, captured);
            }
            (Call::Fill(_), VmMessage::File(FileReply::Done)) => return self.filled(vm_key, call),
            (Call::Restore(snapshot), VmMessage::File(reply @ FileReply::Done)) => {
                let segments = snapshot.segments.clone();
                vm.segments = segments;
                Some(Event::File { call, reply })
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
    let program = match vm.calls.get_mut(&call) {
        Some(Call::Program(program)) => program,
        Some(Call::Connection(connection)) => {
            let event = take_of_connection(connection, call, message)?;
            if !connection.over {
                vm.sink.event(event);
            }
            return Ok(());
        }
        _ => return Err("something about a program that does not run"),
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

/// Takes what a connection brings.
fn take_of_connection(
    connection: &mut ConnectionCall,
    call: CallId,
    message: VmMessage,
) -> Result<Event, Rule> {
    match message {
        VmMessage::Connected => {
            connection.connect()?;
            Ok(Event::Connected { call })
        }
        VmMessage::Output { stream, data } => {
            connection.output(stream, data.len())?;
            Ok(Event::Output { call, stream, data })
        }
        VmMessage::OutputEnd => {
            connection.end_output()?;
            Ok(Event::OutputEnd { call })
        }
        VmMessage::InputCredit { stream, bytes } => {
            connection.input_taken(stream, bytes)?;
            Ok(Event::InputCredit {
                call,
                stream,
                bytes,
            })
        }
        _ => Err("a message of no kind"),
    }
}

impl Vm {
    fn program(&self, call: CallId) -> Option<&ProgramCall> {
        match self.calls.get(&call) {
            Some(Call::Program(program)) => Some(program),
            _ => None,
        }
    }
}
