//! The server's loop: one thread, one socket, any number of VMs.

mod aborts;
mod panics;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use secure_exec_kernel::Pid;
use secure_exec_protocol::bounds::MAX_TEXT;
use secure_exec_protocol::{
    CallId, Cause, Channel, Exit, Failure, FileReply, HostFrame, HostMessage, Phase, Received,
    Request, VERSION, VmConfig, VmFrame, VmId, VmMessage,
};

use crate::guests::Guests;
use crate::lockdown::{self, Confinement};
use crate::machine::{Machine, TraceFlow, Traced};
use crate::mailbox::{Mail, Mailbox, Notice};

/// Status of a program that SIGKILL ended.
const KILLED: i32 = 137;
/// Status of a program that a disposed VM ended: that of SIGTERM.
const TERMINATED: i32 = 143;

const SIGTERM: u8 = 15;

struct Server {
    channel: Channel,
    mailbox: Arc<Mailbox>,
    guests: Box<dyn Guests>,
    machines: BTreeMap<VmId, Machine>,
    confinement: Confinement,
    condemned: bool,
}

/// Serves the host until it closes the socket.
///
/// # Errors
/// The socket cannot be used.
pub(crate) fn serve(
    socket: OwnedFd,
    guests: Box<dyn Guests>,
    confinement: Confinement,
    phases: Vec<Phase>,
) -> io::Result<()> {
    let mut server = Server {
        channel: Channel::new(UnixStream::from(socket))?,
        mailbox: Mailbox::new()?,
        guests,
        machines: BTreeMap::new(),
        confinement,
        condemned: false,
    };
    server.send(
        0,
        0,
        VmMessage::Hello {
            version: VERSION,
            phases,
        },
    );
    panics::report(&server.mailbox, confinement == Confinement::Process);
    if confinement == Confinement::Process {
        aborts::survive(&server.mailbox);
    }
    loop {
        let ready = server.wait()?;
        // A defect of ours must cost this VM process only, and must be told.
        match catch_unwind(AssertUnwindSafe(|| server.turn(ready))) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => server.condemn(panics::take_last(), None),
        }
    }
    for machine in server.machines.values() {
        machine.kernel.shutdown();
    }
    Ok(())
}

/// What waiting has found. What is not there is not asked for, and is found again if it comes meanwhile.
#[derive(Clone, Copy, Default)]
struct Ready {
    readable: bool,
    writable: bool,
}

impl Server {
    /// Waits until there is something to do.
    fn wait(&self) -> io::Result<Ready> {
        let events = if self.channel.wants_write() {
            libc::POLLIN | libc::POLLOUT
        } else {
            libc::POLLIN
        };
        let mut fds = [
            libc::pollfd {
                fd: self.channel.fd(),
                events,
                revents: 0,
            },
            libc::pollfd {
                fd: self.mailbox.fd(),
                events: libc::POLLIN,
                revents: 0,
            },
        ];
        let deadline = self
            .machines
            .values()
            .filter_map(Machine::next_deadline)
            .min();
        let timeout = if self.mailbox.fall_asleep() {
            deadline.map_or(-1, |deadline| {
                let left = deadline.saturating_duration_since(Instant::now());
                // Rounded up: waking a moment before the deadline would spin.
                i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX)
            })
        } else {
            0
        };
        // SAFETY: the array is valid for its length.
        if unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout) } < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted {
                Ok(Ready::default())
            } else {
                Err(error)
            };
        }
        let [socket, mailbox] = fds;
        if mailbox.revents != 0 {
            self.mailbox.wake_up();
        }
        // An error or the end of the socket is found out by using it.
        Ok(Ready {
            readable: socket.revents & !libc::POLLOUT != 0,
            writable: socket.revents & !libc::POLLIN != 0,
        })
    }

    /// Does everything there is; false when the host is gone.
    fn turn(&mut self, ready: Ready) -> bool {
        if ready.writable {
            self.channel.flush();
        }
        let (frames, open) = if ready.readable {
            match self.channel.receive::<HostFrame>() {
                Received::Frames(frames) => (frames, true),
                Received::End(frames) => (frames, false),
                Received::Garbage(_) => return false,
            }
        } else {
            (Vec::new(), true)
        };
        for HostFrame { vm, call, message } in frames {
            self.serve_message(vm, call, message);
        }
        for mail in self.mailbox.take() {
            match mail {
                Mail::Ready(vm, call) => self.pump(vm, call),
                Mail::Notice(vm, notice) => self.hear(vm, notice),
                // The thread of a guest may end after its machine.
                Mail::Request(vm, _) if !self.machines.contains_key(&vm) => {}
                Mail::Request(vm, message) => {
                    let call = self.call_of_request(vm, &message).unwrap_or_default();
                    self.send(vm, call, message);
                }
                Mail::Trace(vm) => self.send_trace(vm, TraceFlow::next),
            }
        }
        let now = Instant::now();
        let mut late = Vec::new();
        for (vm, machine) in &mut self.machines {
            late.extend(machine.expire(now).into_iter().map(|call| (*vm, call)));
        }
        for (vm, call) in late {
            self.end_unstarted(vm, call, KILLED, Some(Cause::TimedOut));
        }
        open
    }

    fn serve_message(&mut self, vm: VmId, call: CallId, message: HostMessage) {
        let answer = match message {
            HostMessage::Ping => Ok(VmMessage::Pong),
            HostMessage::Create(config) => self.create(vm, *config),
            message => {
                let Some(machine) = self.machines.get_mut(&vm) else {
                    if message.is_request() {
                        self.send(vm, call, VmMessage::Failed(no_such_vm()));
                    }
                    return;
                };
                match message {
                    HostMessage::Destroy => return self.destroy(vm, call),
                    HostMessage::Code { size, data } => {
                        return machine.code.add(call, size, &data);
                    }
                    HostMessage::Spawn(mut program) => {
                        let announce = program.announce;
                        if let Err(failure) = machine.take_code(call, &mut program) {
                            return self.send(vm, call, VmMessage::Failed(failure));
                        }
                        if !announce && machine.is_crowded() {
                            return machine.waiting.push(call, *program);
                        }
                        match machine.spawn(call, *program, &*self.guests, &self.mailbox) {
                            Ok(started) => {
                                if announce {
                                    self.send(vm, call, started);
                                }
                                return self.pump(vm, call);
                            }
                            Err(failure) => Err(failure),
                        }
                    }
                    HostMessage::Input { stream, data, end } => {
                        if let Some(guest) = machine.calls.get_mut(&call) {
                            guest.feed(stream, data, end);
                        } else if let Some(waiting) = machine.waiting.find(call) {
                            waiting.input.push((stream, data, end));
                        }
                        return self.pump(vm, call);
                    }
                    HostMessage::Credit { stream, bytes } => {
                        if let Some(guest) = machine.calls.get_mut(&call) {
                            guest.credit(stream, bytes);
                        }
                        return self.pump(vm, call);
                    }
                    HostMessage::Signal { signal } => {
                        if machine.waiting.remove(call) {
                            return self.end_unstarted(vm, call, 128 + i32::from(signal), None);
                        }
                        return machine.signal(call, signal);
                    }
                    HostMessage::Resize(size) => return machine.resize(call, size),
                    HostMessage::RenewCpuTime => {
                        if let Some(guest) = machine.calls.get(&call) {
                            self.guests.renew_cpu_time(vm, guest.process.pid());
                        }
                        return;
                    }
                    HostMessage::TraceTaken => {
                        if let Some(trace) = &mut machine.trace {
                            trace.taken();
                        }
                        return self.send_trace(vm, TraceFlow::next);
                    }
                    HostMessage::Processes => Ok(VmMessage::Processes(machine.processes())),
                    HostMessage::RegisterTools(tools) => machine
                        .tools
                        .register(&machine.kernel, tools)
                        .map(|()| VmMessage::File(FileReply::Done)),
                    HostMessage::Answer { id, answer } => {
                        return machine.tools.settle(id, answer);
                    }
                    HostMessage::File(request) => machine.files.serve(request).map(VmMessage::File),
                    HostMessage::Resources => Ok(VmMessage::Resources(
                        machine.resources(self.guests.heap_bytes(vm)),
                    )),
                    HostMessage::Export { offset } => {
                        Ok(machine.transfer.export(&machine.kernel, offset))
                    }
                    HostMessage::Import { data, last } => {
                        machine.transfer.import(&machine.kernel, &data, last)
                    }
                    HostMessage::Create(_) | HostMessage::Ping => return,
                }
            }
        };
        self.send(vm, call, answer.unwrap_or_else(VmMessage::Failed));
    }

    fn create(&mut self, vm: VmId, config: VmConfig) -> Result<VmMessage, Failure> {
        if self.machines.contains_key(&vm) {
            return Err(Failure {
                code: "EEXIST".into(),
                message: "the VM exists".into(),
                ..Failure::default()
            });
        }
        let start = Instant::now();
        if self.confinement == Confinement::Process && config.exclusive {
            lockdown::limit_memory(&config.limits).map_err(|error| Failure {
                code: "ERR_VM_START".into(),
                message: format!("the memory limit cannot be set: {error}"),
                ..Failure::default()
            })?;
        }
        let machine = Machine::boot(vm, config, &mut *self.guests, &self.mailbox)?;
        self.machines.insert(vm, machine);
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(VmMessage::Created {
            phases: vec![Phase {
                name: "kernel".into(),
                micros,
            }],
        })
    }

    fn destroy(&mut self, vm: VmId, call: CallId) {
        if let Some(machine) = self.machines.get(&vm) {
            machine.kernel.shutdown();
        }
        self.send_trace(vm, TraceFlow::rest);
        let Some(mut machine) = self.machines.remove(&vm) else {
            return;
        };
        for (id, mut guest) in std::mem::take(&mut machine.calls) {
            guest.lingers = false;
            let mut messages = Vec::new();
            guest.pump(&mut messages);
            for mut message in messages {
                if let VmMessage::Exited(exit) = &mut message {
                    exit.code = TERMINATED;
                    exit.signal = SIGTERM;
                }
                self.send(vm, id, message);
            }
        }
        while let Some(waiting) = machine.waiting.pop() {
            self.end_unstarted(vm, waiting.call, TERMINATED, None);
        }
        self.guests.remove(vm);
        self.send(vm, call, VmMessage::Destroyed);
    }

    /// Moves a program's streams and tells its end.
    fn pump(&mut self, vm: VmId, call: CallId) {
        let Some(machine) = self.machines.get_mut(&vm) else {
            return;
        };
        let Some(guest) = machine.calls.get_mut(&call) else {
            return;
        };
        let mut messages = Vec::new();
        guest.pump(&mut messages);
        if let Some(VmMessage::Exited(_)) = messages.last() {
            // What it left behind goes on, as on Linux: it is init's now.
            machine.finish(call);
        }
        let ended = matches!(messages.last(), Some(VmMessage::Exited(_)));
        if ended {
            self.send_trace(vm, TraceFlow::rest);
        }
        for message in messages {
            self.send(vm, call, message);
        }
        if ended {
            self.start_waiting(vm);
        }
    }

    /// Starts the programs whose turn it is.
    fn start_waiting(&mut self, vm: VmId) {
        while let Some(machine) = self.machines.get_mut(&vm) {
            if machine.is_crowded() {
                return;
            }
            let Some(mut waiting) = machine.waiting.pop() else {
                return;
            };
            let call = waiting.call;
            let input = std::mem::take(&mut waiting.input);
            match machine.spawn(call, waiting.into_program(), &*self.guests, &self.mailbox) {
                Ok(_) => {
                    for (stream, data, end) in input {
                        if let Some(guest) = machine.calls.get_mut(&call) {
                            guest.feed(stream, data, end);
                        }
                    }
                    self.pump(vm, call);
                }
                Err(failure) => self.send(vm, call, VmMessage::Failed(failure)),
            }
        }
    }

    /// The call that a request belongs to.
    fn call_of_request(&self, vm: VmId, message: &VmMessage) -> Option<CallId> {
        match message {
            VmMessage::Request {
                request: Request::Tool { pid, .. },
                ..
            } => {
                let machine = self.machines.get(&vm)?;
                machine.call_of_descendant(Pid::from_raw(*pid))
            }
            _ => None,
        }
    }

    /// Sends the part of a VM's trace that `part` takes out.
    fn send_trace(&mut self, vm: VmId, part: fn(&mut TraceFlow) -> Option<Traced>) {
        let machine = self.machines.get_mut(&vm);
        let traced = machine.and_then(|machine| part(machine.trace.as_mut()?));
        if let Some(Traced { text, times }) = traced {
            self.send(vm, 0, VmMessage::Trace { text, times });
        }
    }

    /// Settles a program that never ran.
    fn end_unstarted(&mut self, vm: VmId, call: CallId, code: i32, cause: Option<Cause>) {
        self.send(
            vm,
            call,
            VmMessage::Exited(Box::new(Exit {
                code,
                signal: u8::try_from(code - 128).unwrap_or(0),
                cause,
                ..Exit::default()
            })),
        );
    }

    fn hear(&mut self, vm: VmId, notice: Notice) {
        match notice {
            Notice::Fatal { message, limit } => self.condemn(message, limit),
            Notice::Breach { pid, limit } => {
                let call = self
                    .machines
                    .get_mut(&vm)
                    .zip(pid)
                    .and_then(|(machine, pid)| {
                        let (call, guest) = machine.call_of(pid)?;
                        // A timeout that came first is what the host asked for.
                        guest.cause.get_or_insert(Cause::Limit(limit));
                        Some(call)
                    });
                if let Some(call) = call {
                    self.pump(vm, call);
                }
            }
            Notice::Ended { pid } => {
                let call = self.machines.get_mut(&vm).and_then(|machine| {
                    let (call, guest) = machine.call_of(pid)?;
                    guest.lingers = false;
                    Some(call)
                });
                if let Some(call) = call {
                    self.pump(vm, call);
                }
            }
            Notice::Stuck { pid } => {
                // First, so that what the host does after the call's end meets a replacement.
                self.condemn("a guest did not end when it was killed".into(), None);
                self.hear(vm, Notice::Ended { pid });
            }
        }
    }

    /// Tells the host not to use this process any more.
    fn condemn(&mut self, mut why: String, limit: Option<secure_exec_protocol::Limit>) {
        if !std::mem::replace(&mut self.condemned, true) {
            lockdown::release_memory_headroom();
            why.truncate(why.floor_char_boundary(MAX_TEXT));
            self.send(0, 0, VmMessage::Condemned { why, limit });
        }
    }

    fn send(&mut self, vm: VmId, call: CallId, message: VmMessage) {
        let frame = VmFrame { vm, call, message };
        if let Err(error) = self.channel.send(&frame)
            && frame.message.is_answer()
        {
            let failure = Failure {
                code: "ERR_OUT_OF_RANGE".into(),
                message: error.to_string(),
                ..Failure::default()
            };
            // This one is short.
            let _ = self.channel.send(&VmFrame {
                vm,
                call,
                message: VmMessage::Failed(failure),
            });
        }
    }
}

fn no_such_vm() -> Failure {
    Failure {
        code: "ERR_VM_CRASHED".into(),
        message: "there is no such VM".into(),
        ..Failure::default()
    }
}
