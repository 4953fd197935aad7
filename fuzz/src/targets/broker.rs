//! The broker, with VM processes that say whatever they like, over socketpairs and a virtual clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use secure_exec_broker::harness::{Harness, Machine, Peer, program};
use secure_exec_broker::protocol::{
    CallId, Endpoint, FileReply, FileRequest, HostFrame, HostMessage, ResourceSnapshot,
    ToolFailure, VERSION, VmConfig, VmFrame, VmId, VmLimits, VmMessage, encode,
};
use secure_exec_broker::{Event, Isolation};

use super::messages;
use crate::allocations::{held, peak_of};
use crate::runner::thread_cpu;
use crate::{Input, Target};

pub const TARGET: Target = Target {
    name: "broker",
    about: "VM processes that say anything, calls of the embedder, deadlines: each call settles once, others are served",
    longest: 500,
    most_cpu: Duration::from_secs(10),
    run,
};

/// The most that the broker holds at any moment, for the few VMs of a run: queues in both directions and their frames.
const MOST_MEMORY: usize = 64 << 20;
/// Processor time of one turn, in which the lock is held. Many times what a build without optimisation takes for the
/// budget of a turn.
const LONGEST_TURN: Duration = Duration::from_millis(400);
/// Turns until the broker has nothing to do.
const MOST_TURNS: usize = 20_000;
/// Long enough for every deadline, one after the other.
const AGES: [u64; 8] = [1, 2, 5, 10, 30, 60, 120, 4000];

struct World {
    harness: Harness,
    /// The embedder's machines, each with what it waits for.
    machines: Vec<Waiting>,
    peers: Vec<Speaking>,
    /// One that is served by a process which does what it is asked.
    good: (Machine, Speaking),
    /// Memory that was held before.
    before: isize,
}

struct Waiting {
    machine: Machine,
    name: String,
    /// Calls that have not settled, and those that have.
    pending: BTreeSet<CallId>,
    connections: BTreeSet<CallId>,
    settled: BTreeMap<CallId, String>,
    created: usize,
    /// The embedder has asked for its end, and makes no calls any more: there is no VM then to make them of.
    is_given_up: bool,
    disposed: usize,
    tools: Vec<u64>,
}

/// A VM process, with what it was asked and has not answered.
struct Speaking {
    peer: Peer,
    asked: Vec<HostFrame>,
    vms: Vec<VmId>,
}

fn run(input: &mut Input<'_>) -> Result<(), String> {
    let mut harness = Harness::new();
    let (machine, peer) = harness.serving(VmConfig::default());
    let mut world = World {
        harness,
        machines: Vec::new(),
        peers: Vec::new(),
        good: (machine, Speaking::new(peer)),
        before: held(),
    };
    world.create(input);
    while !input.is_spent() {
        world.step(input)?;
        world.settle()?;
    }
    world.others_are_served()?;
    world.end()
}

impl World {
    fn create(&mut self, input: &mut Input<'_>) {
        let isolation = input.pick_of(&[Isolation::Process, Isolation::Process, Isolation::Shared]);
        let config = VmConfig {
            trace: input.once_in(4),
            warn: input.once_in(4),
            limits: VmLimits {
                tools_pending: 4,
                max_file_bytes: 1 << 20,
                ..VmLimits::default()
            },
            ..VmConfig::default()
        };
        let machine = self.harness.create(config, Vec::new(), isolation);
        let name = format!("machine {}", self.machines.len());
        input.note(|| format!("{name}: {isolation:?}"));
        self.machines.push(Waiting {
            machine,
            name,
            pending: BTreeSet::new(),
            connections: BTreeSet::new(),
            settled: BTreeMap::new(),
            created: 0,
            is_given_up: false,
            disposed: 0,
            tools: Vec::new(),
        });
    }

    /// Turns until there is nothing to do, each within its time and all within the memory.
    fn settle(&mut self) -> Result<(), String> {
        for turns in 0.. {
            if turns > MOST_TURNS {
                return Err("the broker does not come to rest: ".into());
            }
            let start = thread_cpu();
            let (more, _) = peak_of(|| self.harness.turn());
            let took = thread_cpu().saturating_sub(start);
            if took > LONGEST_TURN {
                return Err(format!("a turn takes long: {took:?}"));
            }
            if !more {
                break;
            }
        }
        while let Some(peer) = self.harness.start_process() {
            self.peers.push(Speaking::new(peer));
            self.harness.settle();
        }
        for machine in &mut self.machines {
            machine.look()?;
        }
        self.good.1.answer_everything();
        let holds = held() - self.before;
        if usize::try_from(holds).is_ok_and(|holds| holds > MOST_MEMORY) {
            return Err(format!("memory of the broker: {holds} bytes"));
        }
        Ok(())
    }

    fn step(&mut self, input: &mut Input<'_>) -> Result<(), String> {
        match input.below(12) {
            0..=2 => self.embedder(input),
            3..=8 => self.process(input)?,
            9 => {
                let time = Duration::from_millis(input.pick_of(&[1, 20, 500, 2000, 5000, 40_000]));
                input.note(|| format!("{time:?} pass"));
                self.pass(time)?;
            }
            10 if self.machines.len() < 4 => self.create(input),
            _ => self.answer_all(input),
        }
        Ok(())
    }

    /// Something that the embedder does.
    fn embedder(&mut self, input: &mut Input<'_>) {
        let at = input.below(self.machines.len());
        let Some(waiting) = self.machines.get_mut(at).filter(|one| !one.is_given_up) else {
            return;
        };
        let machine = &waiting.machine;
        let some_call = waiting.pending.iter().next().copied().unwrap_or(1);
        let started = match input.below(15) {
            0 | 1 => {
                let mut program = program();
                program.streaming = input.once_in(2);
                program.announce = input.once_in(2);
                program.returns = input.once_in(2);
                program.control = input.once_in(4);
                program.timeout_ms = input.once_in(3).then(|| input.unsigned() % 5000);
                Some(("spawn", machine.spawn(program)))
            }
            2 => Some((
                "read",
                machine.file(FileRequest::Read {
                    path: b"/a".to_vec(),
                }),
            )),
            3 => Some((
                "list",
                machine.file(FileRequest::ReadDirectory {
                    path: b"/".to_vec(),
                }),
            )),
            4 => {
                let data = vec![0; input.pick_of(&[1, 100_000, 3_000_000])];
                Some(("write", machine.write_file(b"/a", data)))
            }
            5 => Some(("resources", machine.resources())),
            6 => Some(("processes", machine.processes())),
            13 => Some(("snapshot", machine.snapshot())),
            7 => {
                machine.input(some_call, input.byte() % 6, vec![0; 1000], input.once_in(3));
                None
            }
            8 => {
                machine.signal(some_call, 9);
                None
            }
            9 => {
                machine.credit(some_call, input.byte() % 6, input.word());
                None
            }
            10 => {
                let tool = waiting.tools.pop().unwrap_or(input.unsigned());
                let failure = ToolFailure::from("no");
                let result = if input.once_in(2) {
                    Ok("{}".into())
                } else {
                    Err(failure)
                };
                machine.tool_result(tool, result);
                machine.trace_taken();
                None
            }
            11 => Some(("connect", machine.connect(Endpoint::Port(80)))),
            12 => {
                // Settles a connection, which nothing is told of then, and nothing else.
                machine.disconnect(some_call, input.once_in(2));
                if waiting.connections.contains(&some_call) {
                    waiting.pending.remove(&some_call);
                    let told = "let go".to_owned();
                    waiting.settled.insert(some_call, told);
                }
                None
            }
            _ if input.once_in(4) => {
                machine.dispose();
                waiting.is_given_up = true;
                None
            }
            _ => {
                machine.set_backlog(input.pick_of(&[0, 64 << 20]));
                None
            }
        };
        input.note(|| format!("{}: {started:?}", waiting.name));
        if let Some(("connect", call)) = started {
            waiting.connections.insert(call);
        }
        waiting.pending.extend(started.map(|(_, call)| call));
    }

    /// Something that a VM process does.
    fn process(&mut self, input: &mut Input<'_>) -> Result<(), String> {
        let live: Vec<usize> = (0..self.peers.len())
            .filter(|at| self.peers.get(*at).is_some_and(|one| !one.peer.is_killed()))
            .collect();
        if live.is_empty() {
            return Ok(());
        }
        let at = input.pick_of(&live);
        let Some(one) = self.peers.get_mut(at) else {
            return Ok(());
        };
        one.hear();
        match input.below(10) {
            0 | 1 => {
                let version = if input.once_in(12) {
                    input.word()
                } else {
                    VERSION
                };
                one.peer.say(
                    0,
                    0,
                    VmMessage::Hello {
                        version,
                        phases: Vec::new(),
                    },
                );
                input.note(|| format!("process {at}: hello"));
            }
            2..=6 => {
                let answered = one.answer(input);
                input.note(|| format!("process {at} answers {answered:?}"));
            }
            7 => {
                let (vm, call) = one.somewhere(input);
                let message = messages::vm_message(input);
                input.note(|| format!("process {at} of VM {vm}, call {call}: {}", short(&message)));
                let mut bytes = Vec::new();
                encode(&VmFrame { vm, call, message }, &mut bytes).map_err(|e| e.to_string())?;
                let mut rest = bytes.as_slice();
                // What the broker does not read for now is not said.
                for _ in 0..8 {
                    let said = one.peer.say_bytes(rest);
                    rest = rest.get(said..).unwrap_or_default();
                    self.harness.settle();
                }
            }
            8 => {
                let bytes = input.bytes(60);
                one.peer.say_bytes(&bytes);
            }
            _ => {
                input.note(|| format!("process {at} ends"));
                match input.below(3) {
                    0 => one.peer.exit("signal SIGSEGV"),
                    1 => one.peer.close(),
                    _ => one.peer.exit_but_socket("exit status 1"),
                }
            }
        }
        Ok(())
    }

    /// Every process does what it was asked.
    fn answer_all(&mut self, input: &mut Input<'_>) {
        input.note(|| "every process answers".into());
        for one in &mut self.peers {
            one.answer_everything();
        }
    }

    /// Has time pass; whoever does what it is asked has the chance to do so every second.
    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(1));
            self.harness.advance(step);
            self.settle()?;
            left -= step;
        }
        Ok(())
    }

    /// The machine whose process does what it is asked gets its answer at once, whatever the others do.
    fn others_are_served(&mut self) -> Result<(), String> {
        let asked = self.good.0.resources();
        for _ in 0..4 {
            self.settle()?;
        }
        let events = self.good.0.events();
        let answered =
            |event: &Event| matches!(event, Event::Resources { call, .. } if *call == asked);
        if self.good.1.peer.is_killed() || !events.iter().any(answered) {
            return Err(format!("another machine is not served: {events:?}"));
        }
        Ok(())
    }

    /// Everything is disposed of, and time passes.
    fn end(mut self) -> Result<(), String> {
        for waiting in &self.machines {
            waiting.machine.set_backlog(0);
            waiting.machine.dispose();
        }
        self.pass(Duration::from_secs(60))?;
        self.others_are_served()?;
        self.good.0.dispose();
        for seconds in AGES {
            self.settle()?;
            self.harness.advance(Duration::from_secs(seconds));
        }
        self.settle()?;
        for waiting in &self.machines {
            if !waiting.pending.is_empty() {
                let (name, pending) = (&waiting.name, &waiting.pending);
                return Err(format!("a call stays pending: {pending:?} of {name}"));
            }
            if waiting.created != 1 || waiting.disposed != 1 {
                let (created, disposed) = (waiting.created, waiting.disposed);
                return Err(format!(
                    "created {created} and disposed {disposed} times: {}",
                    waiting.name
                ));
            }
        }
        let counts = self.harness.counts();
        if counts.vms != 0 || counts.calls != 0 || counts.spooled_bytes != 0 {
            return Err(format!("something is left: {counts:?}"));
        }
        Ok(())
    }
}

impl Waiting {
    /// What the embedder is told: each call settles once, and nothing is told of it afterwards.
    fn look(&mut self) -> Result<(), String> {
        for event in self.machine.events() {
            let name = short(&event);
            if let Some(call) = of_connection(&event)
                && self.settled.get(&call).is_some_and(|how| how == "let go")
            {
                // It had been told before.
                continue;
            }
            match event {
                Event::Created(_) => self.created += 1,
                Event::Disposed => self.disposed += 1,
                Event::Exited { call, .. }
                | Event::File { call, .. }
                | Event::Resources { call, .. }
                | Event::Processes { call, .. }
                | Event::Snapshot { call, .. }
                | Event::Closed { call }
                | Event::Failed { call, .. } => {
                    if !self.pending.remove(&call) {
                        let first = self.settled.get(&call);
                        return Err(format!(
                            "a call settles again: {call} by {name}, first {first:?}"
                        ));
                    }
                    self.settled.insert(call, name);
                }
                Event::Started { call, .. }
                | Event::Output { call, .. }
                | Event::InputCredit { call, .. }
                | Event::Connected { call }
                | Event::OutputEnd { call }
                | Event::Warning { call, .. } => {
                    if !self.pending.contains(&call) {
                        return Err(format!("told of a call that has settled: {call}, {name}"));
                    }
                }
                Event::ToolCall { id, .. } => self.tools.push(id),
                // Half of them are refused, the others are left to wait.
                Event::Outbound { id, .. } if id % 2 == 0 => self.machine.refuse(id),
                Event::Outbound { .. } => {}
                Event::ToolCancelled { .. } | Event::Trace { .. } | Event::Listeners(_) => {}
            }
        }
        Ok(())
    }
}

/// The call of an event that may be a connection's.
fn of_connection(event: &Event) -> Option<CallId> {
    match event {
        Event::Connected { call }
        | Event::OutputEnd { call }
        | Event::Closed { call }
        | Event::Output { call, .. }
        | Event::InputCredit { call, .. }
        | Event::Failed { call, .. } => Some(*call),
        _ => None,
    }
}

impl Speaking {
    fn new(peer: Peer) -> Speaking {
        Speaking {
            peer,
            asked: Vec::new(),
            vms: vec![0, 1],
        }
    }

    fn hear(&mut self) {
        for frame in self.peer.hear() {
            if !self.vms.contains(&frame.vm) {
                self.vms.push(frame.vm);
            }
            if frame.message.is_request() {
                self.asked.push(frame);
            }
        }
    }

    /// A VM and a call of it that mean something most of the time.
    fn somewhere(&mut self, input: &mut Input<'_>) -> (VmId, CallId) {
        if self.asked.is_empty() || input.once_in(4) {
            return (input.pick_of(&self.vms), input.unsigned());
        }
        let at = input.below(self.asked.len());
        self.asked
            .get(at)
            .map_or((0, 0), |frame| (frame.vm, frame.call))
    }

    /// Answers something that it was asked, rightly or by another kind of answer.
    fn answer(&mut self, input: &mut Input<'_>) -> Option<String> {
        if self.asked.is_empty() {
            return None;
        }
        let at = input.below(self.asked.len());
        let frame = if input.once_in(8) {
            self.asked.get(at)?.clone()
        } else {
            self.asked.remove(at)
        };
        let message = if input.once_in(8) {
            messages::vm_message(input)
        } else {
            right_answer(&frame.message)
        };
        let told = format!("{} by {}", short(&frame.message), short(&message));
        self.peer.say(frame.vm, frame.call, message);
        Some(told)
    }

    fn answer_everything(&mut self) {
        self.hear();
        for frame in std::mem::take(&mut self.asked) {
            self.peer
                .say(frame.vm, frame.call, right_answer(&frame.message));
        }
    }
}

fn right_answer(message: &HostMessage) -> VmMessage {
    match message {
        HostMessage::Create(_) => VmMessage::Created { phases: Vec::new() },
        HostMessage::Destroy => VmMessage::Destroyed,
        HostMessage::Spawn(_) => VmMessage::Exited(Box::default()),
        HostMessage::Resources => VmMessage::Resources(ResourceSnapshot::default()),
        HostMessage::Processes => VmMessage::Processes(Vec::new()),
        HostMessage::Export { .. } => VmMessage::Chunk {
            data: vec![7; 100],
            last: true,
        },
        HostMessage::Import { .. } => VmMessage::Imported,
        HostMessage::Connect(_) => VmMessage::Connected,
        HostMessage::Disconnect { .. } => VmMessage::Closed,
        HostMessage::Ping => VmMessage::Pong,
        HostMessage::File(FileRequest::Read { .. } | FileRequest::ReadMore { .. }) => {
            VmMessage::File(FileReply::Data {
                data: b"data".to_vec(),
                more: None,
            })
        }
        HostMessage::File(FileRequest::ReadDirectory { .. }) => {
            VmMessage::File(FileReply::Entries {
                entries: Vec::new(),
                more: None,
            })
        }
        HostMessage::File(FileRequest::Exists { .. }) => VmMessage::File(FileReply::Exists(true)),
        _ => VmMessage::File(FileReply::Done),
    }
}

/// The beginning of how something is written for programmers.
fn short(what: &impl core::fmt::Debug) -> String {
    let mut text = format!("{what:?}");
    text.truncate(text.floor_char_boundary(160));
    text
}
