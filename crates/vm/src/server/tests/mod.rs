//! The server over a socketpair, with guests that the test plays: no thread but the test's, and no time that passes.
//!
//! Programs run under the name `program`; each start hands its process to the test, which makes its system calls.

mod connections;
mod every_message;
mod files;
mod notices;
mod programs;
mod streams;
mod tools;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use secure_exec_kernel::{Binfmt, Errno, ExecImage, Kernel, Pid, Process};
use secure_exec_node::host::Host;
use secure_exec_protocol::{
    CallId, Channel, CodeSource, Exit, HostFrame, HostMessage, Program, Received, Stdin, VmConfig,
    VmFrame, VmId, VmMessage,
};

use super::{Ready, Server};
use crate::guests::{Guests, Returned, Runtime};
use crate::lockdown::Confinement;
use crate::mailbox::{Mailbox, Notice};

const FORMAT: &str = "test";

/// The VM of most tests.
const VM: VmId = 1;

/// What the test sees and says of its guests.
#[derive(Default)]
struct Played {
    started: Mutex<Vec<Arc<Process>>>,
    renewed: Mutex<Vec<Pid>>,
    returns: Mutex<Vec<Arc<Returned>>>,
    codes: Mutex<Vec<Vec<u8>>>,
    /// Why the next VM cannot be installed.
    refusal: Mutex<Option<String>>,
    /// Of every VM so far.
    hosts: Mutex<Vec<Arc<dyn Host>>>,
    closed: AtomicBool,
    /// The next program does not start.
    starts_fail: AtomicBool,
}

struct PlayedRuntime(Arc<Played>);
struct PlayedGuests(Arc<Played>);
struct PlayedFormat(Arc<Played>);

impl Runtime for PlayedRuntime {
    fn install(
        &mut self,
        _vm: VmId,
        kernel: &Arc<Kernel>,
        _config: &VmConfig,
        _mailbox: &Arc<Mailbox>,
        host: &Arc<dyn Host>,
    ) -> Result<Box<dyn Guests>, String> {
        if let Some(refusal) = self.0.refusal.lock().take() {
            return Err(refusal);
        }
        self.0.hosts.lock().push(host.clone());
        kernel.register_binfmt(Arc::new(PlayedFormat(self.0.clone())));
        kernel
            .register_command("program", FORMAT)
            .map_err(|errno| errno.name().to_owned())?;
        Ok(Box::new(PlayedGuests(self.0.clone())))
    }
}

impl Guests for PlayedGuests {
    fn attachment(
        &self,
        code: Option<Vec<u8>>,
        _source: Option<CodeSource>,
        returned: Option<Arc<Returned>>,
        _resident: bool,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0.codes.lock().extend(code);
        self.0.returns.lock().extend(returned);
        None
    }

    fn reports_ends(&self) -> bool {
        true
    }

    fn renew_cpu_time(&self, pid: Pid) {
        self.0.renewed.lock().push(pid);
    }

    fn heap_bytes(&self) -> u64 {
        4321
    }

    fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }
}

impl Binfmt for PlayedFormat {
    fn name(&self) -> &str {
        FORMAT
    }

    fn matches(&self, image: &ExecImage) -> bool {
        image.format.as_deref() == Some(FORMAT)
    }

    fn start(&self, process: Arc<Process>, _image: ExecImage) -> Result<(), Errno> {
        if self.0.starts_fail.swap(false, Ordering::Relaxed) {
            return Err(Errno::EAGAIN);
        }
        self.0.started.lock().push(process);
        Ok(())
    }
}

/// A server with its host.
struct Harness {
    server: Server,
    host: Channel,
    played: Arc<Played>,
}

impl Harness {
    /// Without any VM.
    fn empty() -> Harness {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let played = Arc::new(Played::default());
        let runtime = Box::new(PlayedRuntime(played.clone()));
        Harness {
            server: Server::new(theirs.into(), None, runtime, Confinement::None).unwrap(),
            host: Channel::new(ours).unwrap(),
            played,
        }
    }

    fn with(config: VmConfig) -> Harness {
        let mut harness = Harness::empty();
        let answer = harness.say(VM, 1, HostMessage::Create(config.into()));
        assert!(
            matches!(
                &answer[..],
                [VmFrame {
                    vm: VM,
                    call: 1,
                    message: VmMessage::Created { .. }
                }]
            ),
            "{answer:?}"
        );
        harness
    }

    /// With one VM.
    fn new() -> Harness {
        Harness::with(VmConfig::default())
    }

    /// Says something and hears what comes of it at once.
    fn say(&mut self, vm: VmId, call: CallId, message: HostMessage) -> Vec<VmFrame> {
        self.host.send(&HostFrame { vm, call, message }).unwrap();
        self.turn()
    }

    /// The same of the only VM, whose answers are to that call.
    fn ask(&mut self, call: CallId, message: HostMessage) -> Vec<VmMessage> {
        of(call, self.say(VM, call, message))
    }

    /// Does what there is to do.
    fn turn(&mut self) -> Vec<VmFrame> {
        let ready = Ready {
            readable: true,
            writable: true,
        };
        loop {
            assert!(self.server.turn(ready), "the host is there");
            if !self.host.wants_write() {
                return self.hear();
            }
            self.host.flush();
        }
    }

    /// Has time pass for what is due, and does what comes of it.
    fn advance(&mut self, time: Duration) -> Vec<VmFrame> {
        self.server.expire(Instant::now() + time);
        self.turn()
    }

    fn hear(&mut self) -> Vec<VmFrame> {
        let mut all = Vec::new();
        loop {
            let Received::Frames(frames) = self.host.receive() else {
                panic!("the server is there");
            };
            let none = frames.is_empty();
            all.extend(frames);
            if none && !self.server.channel.wants_write() {
                return all;
            }
            self.server.channel.flush();
        }
    }

    /// Starts a program of which the host hears nothing yet.
    fn start(&mut self, call: CallId, program: Program) -> Arc<Process> {
        assert_eq!(self.ask(call, HostMessage::Spawn(program.into())), []);
        self.last_started()
    }

    fn last_started(&self) -> Arc<Process> {
        self.played.started.lock().pop().expect("it has started")
    }

    fn notify(&mut self, notice: Notice) -> Vec<VmFrame> {
        self.server.mailbox.notify(VM, notice);
        self.turn()
    }

    fn is_condemned(&self) -> bool {
        self.server.condemned
    }
}

/// A program that the host only waits for.
fn program() -> Program {
    Program {
        argv: vec!["program".into()],
        code: None,
        env: Vec::new(),
        cwd: None,
        stdin: Stdin::Stream,
        timeout_ms: None,
        cpu_time_ms: None,
        freeze_time: None,
        most_processes: None,
        code_source: None,
        user: None,
        streaming: false,
        announce: false,
        returns: false,
        control: false,
        terminal: None,
    }
}

/// What was said of one call, which is all that was said: but for lists of listeners, which belong to no call and come as soon
/// as a guest waits for connections.
fn of(call: CallId, mut frames: Vec<VmFrame>) -> Vec<VmMessage> {
    frames.retain(|frame| frame.call != 0 || !matches!(frame.message, VmMessage::Listeners(_)));
    let message = |frame: VmFrame| {
        assert_eq!((frame.vm, frame.call), (VM, call), "{frame:?}");
        frame.message
    };
    frames.into_iter().map(message).collect()
}

/// How the program of a call ended, which is the last that was said, and nothing was said of others.
fn exit_of(call: CallId, frames: Vec<VmFrame>) -> Exit {
    match of(call, frames).pop() {
        Some(VmMessage::Exited(exit)) => *exit,
        other => panic!("{other:?}"),
    }
}

/// The code of a failure, which is all that was said.
fn failure_of(messages: Vec<VmMessage>) -> String {
    match &messages[..] {
        [VmMessage::Failed(failure)] => failure.code.clone(),
        other => panic!("{other:?}"),
    }
}
