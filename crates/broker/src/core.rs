//! The state behind the broker's lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use secure_exec_protocol::{CallId, FrameReader, HostFrame, HostMessage, VmFrame, ladder};

use crate::call::{Call, ProgramCall};
use crate::event::VmError;
pub(crate) use crate::keys::VmKey;
use crate::poller::Poller;
use crate::process::{ProcessId, Stage, VmProcess};
use crate::segment::Segments;
use crate::spawner::{Order, Start};
use crate::spool::Spools;
use crate::timer::{Clock, Due, Patience, TimerId, Timers};
use crate::vm::Vm;

/// Bytes that may wait for a VM process which does not read, besides what the embedder has given.
const MOST_UNSENT: u64 = 8 << 20;

/// Every VM and every VM process.
pub(crate) struct Core {
    pub(crate) processes: HashMap<ProcessId, VmProcess>,
    pub(crate) vms: HashMap<VmKey, Vm>,
    /// Processes that the spawner was asked for, with the VMs that wait for them.
    pub(crate) ordered: BTreeMap<ProcessId, Vec<VmKey>>,
    /// The spare, ordered or there, and what it is for.
    pub(crate) spare: Option<ProcessId>,
    pub(crate) spare_start: Start,
    /// The processes of shared VMs, and that of those inside this process.
    pub(crate) common: HashMap<Start, ProcessId>,
    pub(crate) timers: Timers,
    pub(crate) spools: Spools,
    pub(crate) segments: Segments,
    pub(crate) poller: Arc<Poller>,
    /// How many there are for this process and its children.
    pub(crate) processors: u32,
    /// What new processes say, until the poller's thread takes it over.
    pub(crate) arrivals: Vec<(ProcessId, FrameReader<VmFrame>)>,
    /// Processes that may be read again, and those that are gone.
    pub(crate) resumed: Vec<ProcessId>,
    pub(crate) departed: Vec<ProcessId>,
    /// Until when the poller sleeps; `None` while it is awake.
    pub(crate) asleep: Option<Sleep>,
    /// Told of rules that are broken on the files channels, outside of the lock.
    pub(crate) accuse: Accusation,
    orders: Sender<Order>,
    next_process: ProcessId,
}

/// Takes the rule that a process has broken where the lock is not held.
pub(crate) type Accusation = Arc<dyn Fn(ProcessId, &'static str) + Send + Sync>;

/// How long the poller sleeps if nothing wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    Until(Instant),
    Forever,
}

/// Who is behind a frame to a VM process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The embedder has given its bytes, and bounds them.
    Embedder,
    /// It answers something that the VM process has said.
    Peer,
}

impl Core {
    pub(crate) fn new(
        orders: Sender<Order>,
        poller: Arc<Poller>,
        clock: Arc<dyn Clock>,
        processors: u32,
        accuse: Accusation,
    ) -> Core {
        Core {
            processes: HashMap::new(),
            vms: HashMap::new(),
            ordered: BTreeMap::new(),
            spare: None,
            spare_start: Start::default(),
            common: HashMap::new(),
            timers: Timers::new(clock),
            spools: Spools::default(),
            segments: Segments::default(),
            poller,
            processors,
            arrivals: Vec::new(),
            resumed: Vec::new(),
            departed: Vec::new(),
            asleep: None,
            accuse,
            orders,
            next_process: 1,
        }
    }

    /// Asks the spawner for a process.
    pub(crate) fn order(&mut self, start: Start) -> ProcessId {
        let process = self.next_process;
        self.next_process += 1;
        self.ordered.insert(process, Vec::new());
        // A spawner that could not start made `Broker::start` fail; it never ends by itself.
        let _ = self.orders.send(Order { process, start });
        process
    }

    /// The program of a call that its VM process has been sent and not answered.
    pub(crate) fn program_mut(&mut self, vm_key: VmKey, call: CallId) -> Option<&mut ProgramCall> {
        match self.vms.get_mut(&vm_key)?.calls.get_mut(&call)? {
            Call::Program(program) => Some(program),
            _ => None,
        }
    }

    /// Whether a process takes calls, or will.
    pub(crate) fn is_serving(&self, id: ProcessId) -> bool {
        let process = self.processes.get(&id);
        process.is_some_and(|process| process.stage == Stage::Serving)
    }

    /// Sends a message to the VM's process.
    ///
    /// # Errors
    /// It is too long: nothing was sent.
    #[expect(
        clippy::result_large_err,
        reason = "made once for a call that is refused"
    )]
    pub(crate) fn send(
        &mut self,
        vm_key: VmKey,
        call: CallId,
        message: HostMessage,
        origin: Origin,
    ) -> Result<(), VmError> {
        let Some(place) = self.vms.get(&vm_key).and_then(|vm| vm.place) else {
            return Ok(());
        };
        let Some(process) = self.processes.get_mut(&place.process) else {
            return Ok(());
        };
        let frame = HostFrame {
            vm: place.id,
            call,
            message,
        };
        let before = process.writer.given();
        // Whoever has the message sent has the segment.
        let descriptor = frame.message.descriptor();
        let segment = descriptor.and_then(|number| self.segments.find(number));
        let descriptor = segment.map(|segment| segment.fd());
        if let Err(error) = process.writer.send_with(&frame, descriptor) {
            return Err(match &frame.message {
                HostMessage::Spawn(program) => VmError::too_many_arguments(program),
                _ => VmError::too_large(&error),
            });
        }
        if origin == Origin::Embedder {
            process.from_embedder += process.writer.given() - before;
        }
        let waiting = process.writer.given() - process.writer.taken();
        let too_much = waiting > MOST_UNSENT + process.from_embedder;
        self.watch_writing(place.process);
        if too_much {
            self.violation(place.process, "it does not read its socket");
        }
        Ok(())
    }

    /// Has the poller wait for room while something is unsent, and a deadline wait for progress.
    pub(crate) fn watch_writing(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let waits = process.writer.wants_write();
        if !waits {
            process.from_embedder = 0;
        }
        process.wait_for_room(&self.poller, id, waits);
        let taken = process.writer.taken();
        let moved = std::mem::replace(&mut process.seen_taken, taken) != taken;
        if !waits || moved {
            self.timers.give_up(process.deadlines.stuck.take());
        }
        if waits && process.deadlines.stuck.is_none() {
            let patience = self.wait_for(Due::Stuck(id));
            if let Some(process) = self.processes.get_mut(&id) {
                process.deadlines.stuck = Some(patience);
            }
        }
    }

    /// Sets the deadline of something that a process does at once.
    pub(crate) fn wait_for(&mut self, due: Due) -> Patience {
        Patience {
            timer: self.arm(ladder::ANSWER, due),
            begun: self.timers.now(),
        }
    }

    /// Puts a deadline off if the process could not do better: it waits for the processor or the disk, or the embedder
    /// does not take what it says.
    pub(crate) fn wait_longer(
        &mut self,
        id: ProcessId,
        patience: Patience,
        due: Due,
    ) -> Option<Patience> {
        let process = self.processes.get(&id)?;
        let waited = self.timers.now().saturating_duration_since(patience.begun);
        let busy = waited < ladder::ANSWER_WHEN_BUSY && process.is_busy();
        if !busy && !process.paused {
            return None;
        }
        Some(Patience {
            timer: self.arm(ladder::LOOK_AGAIN, due),
            begun: patience.begun,
        })
    }

    /// Sets a deadline, and wakes the poller if it would sleep past it.
    pub(crate) fn arm(&mut self, delay: Duration, due: Due) -> TimerId {
        let id = self.timers.after(delay, due);
        let sleeps_past = match self.asleep {
            Some(Sleep::Until(at)) => id.0 < at,
            Some(Sleep::Forever) => true,
            None => false,
        };
        if sleeps_past {
            self.wake_poller();
        }
        id
    }

    /// Has the poller's thread look at everything again.
    pub(crate) fn wake_poller(&mut self) {
        if self.asleep.take().is_some() {
            self.poller.wake();
        }
    }

    /// How long the poller may sleep from now on; `None` for as long as nothing happens.
    pub(crate) fn fall_asleep(&mut self) -> Option<Duration> {
        let at = self.timers.next_at();
        self.asleep = Some(at.map_or(Sleep::Forever, Sleep::Until));
        at.map(|at| at.saturating_duration_since(self.timers.now()))
    }
}
