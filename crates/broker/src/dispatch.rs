//! What comes in: frames of VM processes, their ends, deadlines.

use std::time::Duration;

use secure_exec_protocol::{Received, VERSION, VmFrame, VmMessage};

use crate::core::{Call, Core};
use crate::event::Event;
use crate::process::{ProcessId, Stage};
use crate::timer::Due;

/// How long a process may live on after it closed its socket.
const EXIT_GRACE: Duration = Duration::from_millis(500);

impl Core {
    /// Takes what a socket has; false if that was nothing.
    pub(crate) fn socket_ready(&mut self, id: ProcessId) -> bool {
        let Some(process) = self
            .processes
            .get_mut(&id)
            .filter(|process| !process.closed)
        else {
            return false;
        };
        if process.connection.wants_write() {
            process.connection.flush();
            if !process.connection.wants_write() {
                self.poller.set_socket(process.connection.fd(), id, false);
            }
        }
        let (frames, ended) = match process.connection.receive() {
            Received::Frames(frames) => (frames, false),
            Received::End(frames) => (frames, true),
            Received::Garbage(error) => {
                process.closed = true;
                self.poller.remove(process.connection.fd());
                self.end(id, &format!("protocol violation: {error}"));
                return false;
            }
        };
        let progress = !frames.is_empty();
        for frame in frames {
            self.take_frame(id, frame);
        }
        if ended {
            self.socket_closed(id);
        }
        progress
    }

    fn socket_closed(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.closed = true;
        self.poller.remove(process.connection.fd());
        if process.child.is_some() {
            // Its end tells why; it is usually a moment away.
            self.arm(EXIT_GRACE, Due::End(id));
        } else {
            self.gone(id, "the server thread ended");
        }
    }

    pub(crate) fn child_ready(&mut self, id: ProcessId) {
        let Some(how) = self
            .processes
            .get_mut(&id)
            .and_then(|process| process.child.as_mut()?.try_wait())
        else {
            return;
        };
        // What it said before it ended counts.
        while self.socket_ready(id) {}
        self.gone(id, &how);
    }

    pub(crate) fn due(&mut self, due: Due) {
        match due {
            Due::Overdue { vm, call } => self.overdue(vm, call),
            Due::End(id) => self.end(id, "it closed its socket"),
            Due::Export(id) => {
                let Some(process) = self.processes.get(&id) else {
                    return;
                };
                for vm in process.vms.clone() {
                    self.export_failed(vm);
                }
                self.end(id, "it was given up");
            }
        }
    }

    fn take_frame(&mut self, id: ProcessId, frame: VmFrame) {
        let VmFrame {
            vm: vm_id,
            call,
            message,
        } = frame;
        match message {
            VmMessage::Hello { version, .. } if version != VERSION => {
                return self.end(id, "the addon that it loaded is of another version");
            }
            VmMessage::Hello { .. } => {
                if let Some(process) = self.processes.get_mut(&id) {
                    process.ready = true;
                    process.look_at();
                }
                return;
            }
            VmMessage::Condemned { why, limit } => return self.condemn(id, &why, limit),
            _ => {}
        }
        // A process speaks for its own VMs only.
        let Some(vm) = self.vms.get_mut(&vm_id).filter(|vm| vm.process == Some(id)) else {
            return;
        };
        let program = matches!(vm.calls.get(&call), Some(Call::Program { .. }));
        match message {
            VmMessage::Started { pid } if program => vm.sink.event(Event::Started { call, pid }),
            VmMessage::Output { stream, data } if program => {
                vm.sink.event(Event::Output { call, stream, data })
            }
            VmMessage::InputCredit { stream, bytes } if program => {
                vm.sink.event(Event::InputCredit {
                    call,
                    stream,
                    bytes,
                });
            }
            VmMessage::Value { data } if program => vm.sink.event(Event::Value { call, data }),
            VmMessage::ToolCall {
                id,
                pid,
                tool,
                input,
            } => vm.sink.event(Event::ToolCall {
                id,
                call: if program { call } else { 0 },
                pid,
                tool,
                input,
            }),
            VmMessage::ToolCancelled { id } => vm.sink.event(Event::ToolCancelled { id }),
            VmMessage::Trace { text, times } => vm.sink.event(Event::Trace { text, times }),
            VmMessage::Failed(failure) => self.fail_call(vm_id, call, failure.into()),
            message if message.is_answer() => self.answer(id, vm_id, call, message),
            // About a call that has settled.
            _ => {}
        }
    }

    /// Settles a call by its answer. The wrong kind of answer is a violation of the protocol.
    fn answer(&mut self, id: ProcessId, vm_id: u32, call: u64, message: VmMessage) {
        let Some(vm) = self.vms.get_mut(&vm_id) else {
            return;
        };
        let Some(kind) = vm.calls.remove(&call) else {
            return;
        };
        match (kind, message) {
            (Call::Program { .. }, VmMessage::Exited(exit)) => {
                vm.sink.event(Event::Exited { call, exit: *exit });
            }
            (Call::Simple, VmMessage::File(reply)) => vm.sink.event(Event::File { call, reply }),
            (Call::Simple, VmMessage::Resources(resources)) => {
                vm.sink.event(Event::Resources { call, resources });
            }
            (Call::Simple, VmMessage::Processes(processes)) => {
                vm.sink.event(Event::Processes { call, processes });
            }
            (Call::Part { .. }, VmMessage::File(_)) => {}
            (Call::Setup, VmMessage::Created { phases }) => {
                vm.phases = phases;
                self.prepared_one(vm_id);
            }
            (Call::Setup, VmMessage::File(_) | VmMessage::Imported) => self.prepared_one(vm_id),
            (Call::Export, VmMessage::Chunk { data, last }) => self.exported(vm_id, &data, last),
            (Call::Destroy, VmMessage::Destroyed) => self.finish_disposal(vm_id),
            (kind, _) => {
                vm.calls.insert(call, kind);
                self.violation(id);
            }
        }
    }

    fn violation(&mut self, id: ProcessId) {
        if let Some(process) = self.processes.get_mut(&id) {
            process.stage = Stage::Ending {
                why: "protocol violation: a wrong answer".into(),
                limit: None,
            };
        }
        self.end(id, "protocol violation: a wrong answer");
    }
}
