//! The server's loop: one thread, one socket, any number of VMs.

mod aborts;
mod panics;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use secure_exec_protocol::bounds::MAX_TEXT;
use secure_exec_protocol::{
    CallId, Channel, Failure, HostFrame, HostMessage, Limit, Phase, Received, VERSION, VmConfig,
    VmFrame, VmId, VmMessage,
};

use crate::guests::Runtime;
use crate::host::{FilesChannel, be_impatient};
use crate::lockdown::{self, Confinement};
use crate::machine::{Machine, Outbox};
use crate::mailbox::{Mail, Mailbox, Notice};

struct Server {
    channel: Channel,
    mailbox: Arc<Mailbox>,
    runtime: Box<dyn Runtime>,
    machines: BTreeMap<VmId, Machine>,
    files: Option<Arc<FilesChannel>>,
    confinement: Confinement,
    condemned: bool,
}

/// Serves the host until it closes the socket. The host's files are asked for over `files`.
///
/// # Errors
/// The socket cannot be used.
pub(crate) fn serve(
    socket: OwnedFd,
    files: OwnedFd,
    runtime: Box<dyn Runtime>,
    confinement: Confinement,
    phases: Vec<Phase>,
) -> io::Result<()> {
    be_impatient();
    let mut server = Server::new(socket, Some(FilesChannel::new(files)), runtime, confinement)?;
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
        machine.kill();
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
    fn new(
        socket: OwnedFd,
        files: Option<Arc<FilesChannel>>,
        runtime: Box<dyn Runtime>,
        confinement: Confinement,
    ) -> io::Result<Server> {
        Ok(Server {
            channel: Channel::new(UnixStream::from(socket))?,
            mailbox: Mailbox::new()?,
            runtime,
            machines: BTreeMap::new(),
            files,
            confinement,
            condemned: false,
        })
    }

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
        for frame in frames {
            self.route(frame);
        }
        for mail in self.mailbox.take() {
            match mail {
                Mail::Notice(vm, notice) => self.hear(vm, notice),
                // The thread of a guest may end after its machine.
                Mail::Ready(vm, call) => self.with(vm, |machine, out| machine.pump(call, out)),
                Mail::Request(vm, message) => {
                    self.with(vm, |machine, out| machine.request(message, out));
                }
                Mail::File(vm, call, message) => {
                    self.with(vm, |_, out| out.push(call, message));
                }
                Mail::Warning(vm) => self.with(vm, Machine::warn),
                Mail::Trace(vm) => self.with(vm, Machine::trace_ready),
            }
        }
        self.expire(Instant::now());
        open
    }

    /// Has the machines do what is due.
    fn expire(&mut self, now: Instant) {
        let due = |machine: &Machine| machine.next_deadline().is_some_and(|due| due <= now);
        let machines = self.machines.iter().filter(|(_, machine)| due(machine));
        for vm in machines.map(|(vm, _)| *vm).collect::<Vec<_>>() {
            self.with(vm, |machine, out| machine.expire(now, out));
        }
    }

    /// Takes a frame to the machine that it is for.
    fn route(&mut self, frame: HostFrame) {
        let HostFrame { vm, call, message } = frame;
        // Taken whoever it is for, so that the next is the next frame's.
        let descriptor = message
            .descriptor()
            .and_then(|_| self.channel.take_descriptor());
        match message {
            HostMessage::Ping => self.send(vm, call, VmMessage::Pong),
            HostMessage::Create(config) => {
                let created = self.create(vm, *config);
                self.send(vm, call, created.unwrap_or_else(VmMessage::Failed));
            }
            message if !self.machines.contains_key(&vm) => {
                if message.is_request() {
                    self.send(vm, call, VmMessage::Failed(no_such_vm()));
                }
            }
            HostMessage::Destroy => self.destroy(vm, call),
            message @ (HostMessage::Fill { .. } | HostMessage::Segment { .. }) => {
                self.with(vm, |machine, out| {
                    machine.receive_descriptor(call, &message, descriptor, out);
                });
            }
            message => self.with(vm, |machine, out| machine.receive(call, message, out)),
        }
    }

    /// Has a machine act, if it is there, and sends what it has to say.
    fn with(&mut self, vm: VmId, act: impl FnOnce(&mut Machine, &mut Outbox)) {
        if let Some(machine) = self.machines.get_mut(&vm) {
            let mut outbox = Outbox::default();
            act(machine, &mut outbox);
            self.send_all(vm, outbox);
        }
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
        let machine = Machine::boot(
            vm,
            config,
            &mut *self.runtime,
            &self.mailbox,
            self.files.as_ref(),
        )?;
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
        self.with(vm, Machine::shut_down);
        self.machines.remove(&vm);
        self.send(vm, call, VmMessage::Destroyed);
    }

    fn hear(&mut self, vm: VmId, notice: Notice) {
        match notice {
            Notice::Fatal { message, limit } => self.condemn(message, limit),
            Notice::Breach { pid, limit } => {
                self.with(vm, |machine, out| machine.breached(pid, limit, out));
            }
            Notice::Ended { pid } => self.with(vm, |machine, out| machine.thread_ended(pid, out)),
            Notice::Stuck { pid } => {
                // First, so that what the host does after the call's end meets a replacement.
                self.condemn("a guest did not end when it was killed".into(), None);
                self.with(vm, |machine, out| machine.thread_ended(pid, out));
            }
        }
    }

    /// Tells the host not to use this process any more.
    fn condemn(&mut self, mut why: String, limit: Option<Limit>) {
        if !std::mem::replace(&mut self.condemned, true) {
            lockdown::release_memory_headroom();
            why.truncate(why.floor_char_boundary(MAX_TEXT));
            self.send(0, 0, VmMessage::Condemned { why, limit });
        }
    }

    fn send_all(&mut self, vm: VmId, outbox: Outbox) {
        for (call, message) in outbox {
            self.send(vm, call, message);
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
