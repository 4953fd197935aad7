//! Everything that is said to a machine: by the host, by its guests on their threads, by the time.

use std::time::Instant;

use secure_exec_kernel::Pid;
use secure_exec_protocol::{
    Answer, CallId, Cause, FileReply, HostMessage, Limit, Request, TerminalSize, VmMessage,
};

use super::guest_call::GuestCall;
use super::programs::{KILLED, winsize};
use super::trace_flow::TraceFlow;
use super::trace_lines::Traced;
use super::{Machine, Outbox};
use crate::breaches;

impl Machine {
    /// Takes a message of the host's. One about a call that is not there changes nothing: it has ended, and the host
    /// will hear of that.
    pub(crate) fn receive(&mut self, call: CallId, message: HostMessage, outbox: &mut Outbox) {
        let Some(message) = self.counting.hold(call, message) else {
            return;
        };
        if let Some(mounted) = self
            .mounted
            .as_ref()
            .filter(|_| lets_files_change(&message))
        {
            mounted.renew();
        }
        let answer = match message {
            HostMessage::Spawn(program) => return self.take_program(call, *program, outbox),
            HostMessage::Code { size, data } => return self.code.add(call, size, &data),
            HostMessage::Input { stream, data, end } => {
                if let Some(guest) = self.calls.get_mut(&call) {
                    guest.feed(stream, data, end);
                } else if let Some(connection) = self.connections.get_mut(&call) {
                    connection.feed(data, end);
                } else if let Some(waiting) = self.waiting.find(call) {
                    waiting.input.push((stream, data, end));
                }
                return self.pump(call, outbox);
            }
            HostMessage::Credit { stream, bytes } => {
                if let Some(guest) = self.calls.get_mut(&call) {
                    guest.credit(stream, bytes);
                } else if let Some(connection) = self.connections.get_mut(&call) {
                    connection.credit(bytes);
                }
                return self.pump(call, outbox);
            }
            HostMessage::Connect(endpoint) => return self.connect(call, &endpoint, outbox),
            HostMessage::Disconnect { reset } => return self.disconnect(call, reset, outbox),
            HostMessage::ListenersTaken => {
                self.listeners.taken();
                return self.tell_listeners(outbox);
            }
            HostMessage::Signal { signal } => return self.signal(call, signal, outbox),
            HostMessage::Resize(size) => return self.resize(call, size),
            HostMessage::RenewCpuTime => {
                if let Some(guest) = self.calls.get(&call) {
                    self.guests.renew_cpu_time(guest.process.pid());
                }
                return;
            }
            HostMessage::TraceTaken => {
                if let Some(trace) = &mut self.trace {
                    trace.taken();
                }
                return self.trace_ready(outbox);
            }
            HostMessage::Answer {
                id,
                answer: Answer::Refused,
            } => {
                self.outbound.refuse(id);
                return self.ask_for_outbound(outbox);
            }
            HostMessage::Answer { id, answer } => return self.tools.settle(id, answer),
            HostMessage::Mount(mount) => return self.mount(call, *mount, outbox),
            HostMessage::Unmount { path } => return self.unmount(call, path, outbox),
            HostMessage::Resources => return self.count(call, Instant::now(), outbox),
            HostMessage::Processes => Ok(VmMessage::Processes(self.processes())),
            HostMessage::RegisterTools(tools) => self
                .tools
                .register(&self.kernel, tools)
                .map(|()| VmMessage::File(FileReply::Done)),
            HostMessage::File(request) if self.file_thread.is_some() => {
                if let Some(thread) = &self.file_thread {
                    thread.serve(call, request);
                }
                return;
            }
            HostMessage::File(request) => self.files.serve(request).map(VmMessage::File),
            HostMessage::Export { offset } => Ok(self.transfer.export(&self.kernel, offset)),
            HostMessage::Import { data, last } => self.transfer.import(&self.kernel, &data, last),
            HostMessage::Capture => self.capture_files(call),
            HostMessage::Restore { segments, image } => self.restore_files(&segments, image),
            // The server's: they are about it, or come with a descriptor.
            HostMessage::Ping
            | HostMessage::Create(_)
            | HostMessage::Destroy
            | HostMessage::Fill { .. }
            | HostMessage::Segment { .. } => return,
        };
        outbox.push(call, answer.unwrap_or_else(VmMessage::Failed));
    }

    /// A guest asks the host for something, or does not wait for it any more.
    pub(crate) fn request(&self, message: VmMessage, outbox: &mut Outbox) {
        let asked_by = match &message {
            VmMessage::Request {
                request: Request::Tool { pid, .. },
                ..
            } => self.call_of_descendant(Pid::from_raw(*pid)),
            _ => None,
        };
        outbox.push(asked_by.unwrap_or_default(), message);
    }

    /// A process passed a limit and was killed for it. Of one that the host has started the result will say so.
    pub(crate) fn breached(&mut self, pid: Option<Pid>, limit: Limit, outbox: &mut Outbox) {
        if let Some((call, guest)) = pid.and_then(|pid| self.call_of(pid)) {
            // A timeout that came first is what the host asked for.
            guest.cause.get_or_insert(Cause::Limit(limit));
            self.pump(call, outbox);
        }
    }

    /// Most of some limits is in use. What a program that has ended left behind is not told apart from the rest.
    pub(crate) fn warn(&mut self, outbox: &mut Outbox) {
        let new = self.warnings.as_ref().map(|warnings| warnings.take());
        for (pid, near) in new.unwrap_or_default() {
            let call = pid.and_then(|pid| self.call_of(pid)).map(|(call, _)| call);
            if call.is_some() || self.warned.insert(near.limit) {
                let warning = VmMessage::Warning(breaches::limit(&near));
                outbox.push(call.unwrap_or_default(), warning);
            }
        }
    }

    /// The thread of a process is free.
    pub(crate) fn thread_ended(&mut self, pid: Pid, outbox: &mut Outbox) {
        if let Some((call, guest)) = self.call_of(pid) {
            guest.lingers = false;
            self.pump(call, outbox);
        }
        self.count_again(Instant::now(), outbox);
    }

    /// Lines have been traced.
    pub(crate) fn trace_ready(&mut self, outbox: &mut Outbox) {
        self.send_trace(TraceFlow::next, outbox);
    }

    /// Everything that was traced, whether or not the host has taken what came before.
    pub(super) fn send_rest_of_trace(&mut self, outbox: &mut Outbox) {
        self.send_trace(TraceFlow::rest, outbox);
    }

    fn send_trace(&mut self, part: fn(&mut TraceFlow) -> Option<Traced>, outbox: &mut Outbox) {
        if let Some(Traced { text, times }) = self.trace.as_mut().and_then(part) {
            outbox.push(0, VmMessage::Trace { text, times });
        }
    }

    /// Does what is due.
    pub(crate) fn expire(&mut self, now: Instant, outbox: &mut Outbox) {
        self.warn_of_time(now, outbox);
        for call in self.expire_programs(now) {
            Self::end_unstarted(call, KILLED, Some(Cause::TimedOut), outbox);
        }
        self.count_again(now, outbox);
    }

    /// The next time at which `expire` has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let programs = self.next_program_deadline();
        programs.into_iter().chain(self.counting.look_again()).min()
    }

    /// Kills everything and settles what is open.
    pub(crate) fn shut_down(&mut self, outbox: &mut Outbox) {
        self.stop_counting(outbox);
        // Whose they are is told with the machine's end.
        self.connections.clear();
        self.kill();
        self.send_rest_of_trace(outbox);
        self.end_programs(outbox);
        self.guests.close();
    }

    fn resize(&self, call: CallId, size: TerminalSize) {
        let guest = self.calls.get(&call);
        if let Some(pty) = guest.and_then(|guest| guest.terminal.as_ref()) {
            pty.set_winsize(winsize(size));
        }
    }

    fn call_of(&mut self, pid: Pid) -> Option<(CallId, &mut GuestCall)> {
        let mut calls = self.calls.iter_mut();
        calls
            .find(|(_, guest)| guest.process.pid() == pid)
            .map(|(call, guest)| (*call, guest))
    }

    /// The call whose program a process descends from, if that still runs.
    fn call_of_descendant(&self, pid: Pid) -> Option<CallId> {
        let origin = self.kernel.process(pid)?.origin();
        let mut calls = self.calls.iter();
        calls.find_map(|(call, guest)| (guest.process.pid() == origin).then_some(*call))
    }
}

/// Whether the host may have changed files of its own before it said this, for guests to find what it did.
fn lets_files_change(message: &HostMessage) -> bool {
    matches!(
        message,
        HostMessage::Spawn(_)
            | HostMessage::File(_)
            | HostMessage::Answer { .. }
            | HostMessage::Input { .. }
    )
}
