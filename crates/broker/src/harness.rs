//! The broker over socketpairs and a virtual clock: no processes, no threads, no time that passes by itself.
//!
//! A test or a fuzz target plays the VM processes: it takes the [`Peer`] of each process that the broker orders, says
//! with it whatever it likes, and looks at what the embedder is told.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use secure_exec_protocol::channel::halves;
use secure_exec_protocol::{
    CallId, Decoder, Endpoint, File, FileReply, FileRequest, FilesSocket, HostFrame, HostMessage,
    Program, Stdin, Stream, ToolFailure, VERSION, VmConfig, VmFrame, VmId, VmMessage, encode,
};

use crate::call::Call;
use crate::core::{Core, VmKey};
use crate::event::{Event, Sink, VmError};
use crate::isolation::{Isolation, IsolationReport};
use crate::lifecycle::Creation;
use crate::poller::Poller;
use crate::process::Life;
use crate::segment::FileSnapshot;
#[cfg(test)]
use crate::segment::Segment;
use crate::shared::Shared;
use crate::spawner::{Order, Started};
use crate::supervisor::Supervisor;
use crate::timer::Clock;

/// Most turns until nothing happens any more: a state machine that never comes to rest is a fault.
const MOST_TURNS: usize = 100_000;

/// Of the machine that the harness stands for.
pub const PROCESSORS: u32 = 4;

/// A broker without the system below it.
pub struct Harness {
    shared: Arc<Shared>,
    poller: Arc<Poller>,
    supervisor: Supervisor,
    orders: Receiver<Order>,
    clock: Arc<VirtualClock>,
    last_vm: VmKey,
}

/// The embedder's side of a VM.
pub struct Machine {
    shared: Arc<Shared>,
    vm: VmKey,
    last_call: Arc<AtomicU64>,
    sink: Arc<Recorder>,
}

/// The VM process's side of a connection.
pub struct Peer {
    socket: Option<UnixStream>,
    decoder: Decoder,
    child: Arc<ChildState>,
}

/// What a broker holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub processes: usize,
    pub vms: usize,
    pub timers: usize,
    pub calls: usize,
    pub spooled_bytes: u64,
}

struct VirtualClock(Mutex<Instant>);

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        *self.0.lock()
    }
}

#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
    backlog: AtomicUsize,
}

impl Sink for Recorder {
    fn event(&self, event: Event) {
        self.events.lock().push(event);
    }

    fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }
}

struct ChildState {
    /// Readable once it has ended.
    ended: OwnedFd,
    how: Mutex<Option<String>>,
    killed: AtomicBool,
    /// Its socket was closed before it was killed.
    left_alone: AtomicBool,
    /// Its end of the socket, until it closes that.
    socket: Mutex<Option<UnixStream>>,
    busy: AtomicBool,
    held: AtomicBool,
    cpu_time: Mutex<Duration>,
    threads: AtomicUsize,
    cpu_bound: Mutex<Duration>,
}

impl ChildState {
    fn end(&self, how: &str) {
        self.how.lock().get_or_insert(how.into());
        let one = 1u64.to_ne_bytes();
        // SAFETY: the buffer is valid for its length.
        unsafe { libc::write(self.ended.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}

impl ChildState {
    /// Whether nothing more comes from the broker.
    fn hears_end(&self) -> bool {
        let Some(fd) = self.socket.lock().as_ref().map(AsRawFd::as_raw_fd) else {
            return false;
        };
        let mut socket = libc::pollfd {
            fd,
            events: libc::POLLRDHUP,
            revents: 0,
        };
        // SAFETY: the structure is valid for the call.
        unsafe { libc::poll(&raw mut socket, 1, 0) };
        socket.revents & libc::POLLRDHUP != 0
    }
}

struct FakeChild(Arc<ChildState>);

impl Life for FakeChild {
    fn pid(&self) -> i32 {
        1
    }

    fn fd(&self) -> RawFd {
        self.0.ended.as_raw_fd()
    }

    fn look_at(&mut self) -> IsolationReport {
        IsolationReport::none()
    }

    fn kill(&self) {
        if !self.0.killed.swap(true, Ordering::Relaxed) && self.0.hears_end() {
            self.0.left_alone.store(true, Ordering::Relaxed);
        }
        self.0.end("signal SIGKILL");
    }

    fn try_wait(&mut self) -> Option<String> {
        self.0.how.lock().clone()
    }

    fn is_busy(&self) -> bool {
        self.0.busy.load(Ordering::Relaxed)
    }

    fn cpu_time(&self) -> Duration {
        *self.0.cpu_time.lock()
    }

    fn threads(&self) -> usize {
        self.0.threads.load(Ordering::Relaxed)
    }

    fn hold(&self, held: bool) {
        self.0.held.store(held, Ordering::Relaxed);
    }

    fn bound_cpu(&mut self, most: Duration) {
        *self.0.cpu_bound.lock() = most;
    }
}

impl Default for Harness {
    fn default() -> Harness {
        Harness::new()
    }
}

impl Harness {
    /// A broker without any process.
    ///
    /// # Panics
    /// There is no descriptor to be had.
    #[must_use]
    pub fn new() -> Harness {
        let poller = Arc::new(Poller::new().expect("epoll"));
        let clock = Arc::new(VirtualClock(Mutex::new(Instant::now())));
        let (orders, inbox) = channel();
        // The files channels have a test of their own.
        let accuse = Arc::new(|_, rule: &'static str| panic!("{rule}"));
        let core = Core::new(orders, poller.clone(), clock.clone(), PROCESSORS, accuse);
        Harness {
            shared: Arc::new(Shared::new(core)),
            poller,
            supervisor: Supervisor::default(),
            orders: inbox,
            clock,
            last_vm: 0,
        }
    }

    /// Creates a VM; its process is yet to be started.
    pub fn create(&mut self, config: VmConfig, files: Vec<File>, isolation: Isolation) -> Machine {
        self.last_vm += 1;
        let (vm, sink) = (self.last_vm, Arc::new(Recorder::default()));
        let last_call = Arc::new(AtomicU64::new(0));
        let made = Creation {
            snapshot: None,
            config,
            files,
            mounts: Vec::new(),
            isolation,
            required: None,
            heap: None,
            sink: sink.clone(),
            last_call: last_call.clone(),
        };
        self.shared.post(move |core| core.create(vm, made, Ok(())));
        Machine {
            shared: self.shared.clone(),
            vm,
            last_call,
            sink,
        }
    }

    /// Starts the next process that the broker has ordered, if there is one. It has said nothing yet.
    ///
    /// # Panics
    /// There is no descriptor to be had.
    pub fn start_process(&mut self) -> Option<Peer> {
        let order = self.orders.try_recv().ok()?;
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        theirs.set_nonblocking(true).expect("a socket");
        let (writer, reader) = halves(ours).expect("a socket");
        // SAFETY: returns a new descriptor or -1, which is nobody else's.
        let ended = unsafe {
            let fd = libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK);
            assert!(fd >= 0, "eventfd");
            OwnedFd::from_raw_fd(fd)
        };
        let child = Arc::new(ChildState {
            ended,
            how: Mutex::default(),
            killed: AtomicBool::new(false),
            left_alone: AtomicBool::new(false),
            socket: Mutex::new(theirs.try_clone().ok()),
            busy: AtomicBool::new(false),
            held: AtomicBool::new(false),
            cpu_time: Mutex::default(),
            threads: AtomicUsize::new(1),
            cpu_bound: Mutex::default(),
        });
        let started = Started {
            writer,
            reader,
            files: FilesSocket::pair().expect("socketpair").0,
            child: Some(Box::new(FakeChild(child.clone()))),
        };
        self.shared
            .post(move |core| core.started(order.process, Ok(started)));
        Some(Peer {
            socket: Some(theirs),
            decoder: Decoder::new(),
            child,
        })
    }

    /// Does all that there is to do without time passing.
    ///
    /// # Panics
    /// It never ends.
    pub fn settle(&mut self) {
        for _ in 0..MOST_TURNS {
            let zero = Some(Duration::ZERO);
            if !self.supervisor.turn(&self.shared, &self.poller, zero) {
                return;
            }
        }
        panic!("the broker does not come to rest");
    }

    /// One turn of the supervisor; false if there was nothing to do.
    pub fn turn(&mut self) -> bool {
        let zero = Some(Duration::ZERO);
        self.supervisor.turn(&self.shared, &self.poller, zero)
    }

    /// Has time pass, and does what is due then.
    pub fn advance(&mut self, time: Duration) {
        *self.clock.0.lock() += time;
        self.settle();
    }

    /// A VM that serves, with the peer that plays its process.
    ///
    /// # Panics
    /// The broker does not do what it should.
    pub fn serving(&mut self, config: VmConfig) -> (Machine, Peer) {
        let machine = self.create(config, Vec::new(), Isolation::Process);
        let mut peer = self.next_process();
        self.hello(&mut peer);
        peer.answer_setup();
        self.settle();
        let created = machine.events();
        assert!(
            matches!(created[..], [Event::Created(Ok(_))]),
            "{created:?}"
        );
        (machine, peer)
    }

    /// Starts the next process, which must have been ordered.
    ///
    /// # Panics
    /// It was not.
    pub fn next_process(&mut self) -> Peer {
        self.settle();
        let peer = self.start_process().expect("a process was ordered");
        self.settle();
        peer
    }

    /// Has a process say that it is ready.
    pub fn hello(&mut self, peer: &mut Peer) {
        peer.say(0, 0, hello());
        self.settle();
    }

    /// Has a process say a frame of any length, and does what there is to do.
    ///
    /// # Panics
    /// It is longer than any frame.
    pub fn deliver(&mut self, peer: &mut Peer, vm: VmId, call: CallId, message: VmMessage) {
        let mut bytes = Vec::new();
        encode(&VmFrame { vm, call, message }, &mut bytes).expect("a frame");
        let mut said = 0;
        while said < bytes.len() && peer.socket.is_some() && !peer.is_killed() {
            said += peer.say_bytes(bytes.get(said..).unwrap_or_default());
            self.settle();
        }
        self.settle();
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// When something is due next.
    #[cfg(test)]
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.shared.with(|core| core.timers.next_at())
    }

    /// What the broker holds now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.with(|core| Counts {
            processes: core.processes.len(),
            vms: core.vms.len(),
            timers: core.timers.len(),
            calls: core
                .vms
                .values()
                .map(|vm| vm.calls.len() + vm.queue.len())
                .sum(),
            spooled_bytes: core.spools.bytes(),
        })
    }
}

impl Machine {
    /// What the embedder was told since the last time.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.sink.events.lock())
    }

    /// How a call failed, if that is the next thing that is told of it.
    #[must_use]
    pub fn failure_of(&self, wanted: CallId) -> Option<VmError> {
        self.events().into_iter().find_map(|event| match event {
            Event::Failed { call, error } if call == wanted => Some(error),
            _ => None,
        })
    }

    /// Has the embedder be behind with so many bytes, or catch up.
    pub fn set_backlog(&self, bytes: usize) {
        self.sink.backlog.store(bytes, Ordering::Relaxed);
        self.post(|core, vm| core.resume(vm));
    }

    pub fn spawn(&self, program: Program) -> CallId {
        self.call(|core, vm, call| core.spawn(vm, call, program))
    }

    pub fn file(&self, request: FileRequest) -> CallId {
        self.call(|core, vm, call| core.file(vm, call, request))
    }

    pub fn write_file(&self, path: &[u8], data: Vec<u8>) -> CallId {
        let path = path.to_vec();
        self.call(|core, vm, call| core.write_file(vm, call, path, data))
    }

    pub fn resources(&self) -> CallId {
        self.call(|core, vm, call| {
            core.submit(vm, call, Some(Call::Resources), HostMessage::Resources);
        })
    }

    pub fn processes(&self) -> CallId {
        self.call(|core, vm, call| {
            core.submit(vm, call, Some(Call::Processes), HostMessage::Processes);
        })
    }

    pub fn snapshot(&self) -> CallId {
        self.call(Core::capture)
    }

    pub fn restore(&self, snapshot: Arc<FileSnapshot>) -> CallId {
        self.call(|core, vm, call| core.restore(vm, call, snapshot))
    }

    /// Memory that somebody has.
    #[cfg(test)]
    pub(crate) fn segment(&self, number: u64) -> Option<Arc<Segment>> {
        self.shared.with(|core| core.segments.find(number))
    }

    pub fn input(&self, call: CallId, stream: Stream, data: Vec<u8>, end: bool) {
        self.post(move |core, vm| core.input(vm, call, stream, data, end));
    }

    pub fn connect(&self, endpoint: Endpoint) -> CallId {
        self.call(|core, vm, call| core.connect(vm, call, endpoint))
    }

    pub fn refuse(&self, id: u64) {
        self.post(move |core, vm| core.refuse(vm, id));
    }

    pub fn disconnect(&self, call: CallId, reset: bool) {
        self.post(move |core, vm| core.disconnect(vm, call, reset));
    }

    pub fn signal(&self, call: CallId, signal: u8) {
        self.post(move |core, vm| core.notify(vm, call, HostMessage::Signal { signal }));
    }

    pub fn credit(&self, call: CallId, stream: Stream, bytes: u32) {
        self.post(move |core, vm| core.credit(vm, call, stream, bytes));
    }

    pub fn tool_result(&self, id: u64, result: Result<String, ToolFailure>) {
        self.post(move |core, vm| core.tool_result(vm, id, result));
    }

    pub fn trace_taken(&self) {
        self.post(|core, vm| core.trace_taken(vm));
    }

    pub fn dispose(&self) {
        self.post(|core, vm| core.dispose(vm));
    }

    fn call(&self, action: impl FnOnce(&mut Core, VmKey, CallId) + Send + 'static) -> CallId {
        let call = self.last_call.fetch_add(1, Ordering::Relaxed) + 1;
        self.post(move |core, vm| action(core, vm, call));
        call
    }

    fn post(&self, action: impl FnOnce(&mut Core, VmKey) + Send + 'static) {
        let vm = self.vm;
        self.shared.post(move |core| action(core, vm));
    }
}

impl Peer {
    /// Says a frame. What does not fit into the socket is not said.
    ///
    /// # Panics
    /// It is longer than any frame.
    pub fn say(&mut self, vm: VmId, call: CallId, message: VmMessage) -> bool {
        let mut bytes = Vec::new();
        encode(&VmFrame { vm, call, message }, &mut bytes).expect("a frame");
        self.say_bytes(&bytes) == bytes.len()
    }

    /// Says bytes, as many as the socket takes.
    pub fn say_bytes(&mut self, bytes: &[u8]) -> usize {
        let mut said = 0;
        while let Some(socket) = &mut self.socket
            && let Some(rest) = bytes.get(said..).filter(|rest| !rest.is_empty())
        {
            match socket.write(rest) {
                Ok(count) => said += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        said
    }

    /// What the host has said since the last time.
    ///
    /// # Panics
    /// It is not a frame.
    pub fn hear(&mut self) -> Vec<HostFrame> {
        let (mut frames, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
        while let Some(socket) = &mut self.socket {
            match socket.read(&mut buffer) {
                Ok(count) if count > 0 => self.decoder.push(&buffer[..count]),
                _ => break,
            }
            while let Some(frame) = self.decoder.next().expect("a frame of the host") {
                frames.push(frame);
            }
        }
        frames
    }

    /// Answers what prepares a VM.
    pub fn answer_setup(&mut self) {
        for HostFrame { vm, call, message } in self.hear() {
            let answer = match message {
                HostMessage::Create(_) => VmMessage::Created { phases: Vec::new() },
                HostMessage::Import { .. } => VmMessage::Imported,
                HostMessage::Destroy => VmMessage::Destroyed,
                _ => VmMessage::File(FileReply::Done),
            };
            self.say(vm, call, answer);
        }
    }

    /// Ends as a process does, with its socket.
    pub fn exit(&mut self, how: &str) {
        self.close();
        self.child.end(how);
    }

    /// Ends as a process does whose child has the socket.
    pub fn exit_but_socket(&mut self, how: &str) {
        self.child.end(how);
    }

    /// Closes its socket and lives on.
    pub fn close(&mut self) {
        self.socket = None;
        self.child.socket.lock().take();
    }

    /// Whether the broker has killed it.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.child.killed.load(Ordering::Relaxed)
    }

    /// Whether it heard the end of the connection before it was killed, and may have ended by itself.
    #[must_use]
    pub fn was_left_alone(&self) -> bool {
        self.child.left_alone.load(Ordering::Relaxed)
    }

    /// Has it use processor time.
    pub fn use_cpu(&self, time: Duration) {
        *self.child.cpu_time.lock() += time;
    }

    /// Has it have this many threads.
    pub fn start_threads(&self, count: usize) {
        self.child.threads.store(count, Ordering::Relaxed);
    }

    /// What it may use before the kernel ends it.
    #[must_use]
    pub fn cpu_bound(&self) -> Duration {
        *self.child.cpu_bound.lock()
    }

    /// Whether it is stopped.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.child.held.load(Ordering::Relaxed)
    }

    /// Has it look as if it waited for the processor.
    pub fn set_busy(&self, busy: bool) {
        self.child.busy.store(busy, Ordering::Relaxed);
    }
}

/// The first frame of every process.
#[must_use]
pub fn hello() -> VmMessage {
    VmMessage::Hello {
        version: VERSION,
        phases: Vec::new(),
    }
}

/// A program without anything special.
#[must_use]
pub fn program() -> Program {
    Program {
        argv: vec!["node".into()],
        code: Some(b"1".to_vec()),
        env: Vec::new(),
        cwd: None,
        stdin: Stdin::Whole(Vec::new()),
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
