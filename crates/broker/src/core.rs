//! The state behind the broker's lock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use secure_exec_protocol::{CallId, File, HostFrame, HostMessage, Phase, VmConfig, VmId};

use crate::event::{Sink, VmError};
use crate::handle::Isolation;
use crate::isolation::Level;
use crate::poller::Poller;
use crate::process::{ProcessId, VmProcess};
use crate::spawner::{Order, Start};
use crate::timer::{Due, Timers};

/// Every VM and every VM process.
pub(crate) struct Core {
    pub(crate) processes: HashMap<ProcessId, VmProcess>,
    pub(crate) vms: HashMap<VmId, Vm>,
    /// Processes that the spawner was asked for, with the VMs that wait for them.
    pub(crate) ordered: BTreeMap<ProcessId, Vec<VmId>>,
    /// The spare, ordered or there, and what it is for.
    pub(crate) spare: Option<ProcessId>,
    pub(crate) spare_start: Start,
    /// The processes of shared VMs, and that of those inside this process.
    pub(crate) common: HashMap<Start, ProcessId>,
    pub(crate) timers: Timers,
    pub(crate) poller: Arc<Poller>,
    orders: Sender<Order>,
    next_process: ProcessId,
    next_vm: VmId,
    next_call: CallId,
}

/// One logical VM.
pub(crate) struct Vm {
    pub(crate) config: VmConfig,
    pub(crate) files: Arc<Vec<File>>,
    pub(crate) isolation: Isolation,
    /// The least that must hold for its process.
    pub(crate) required: Option<Level>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) state: State,
    pub(crate) process: Option<ProcessId>,
    /// Calls that have not settled.
    pub(crate) calls: BTreeMap<CallId, Call>,
    /// Frames that wait until the VM serves.
    pub(crate) queue: VecDeque<HostFrame>,
    /// The filesystem of its predecessor: complete once it is `Some(Ok)`.
    pub(crate) carried: Option<Vec<u8>>,
    /// `Created` was told.
    pub(crate) announced: bool,
    /// A violation that ended its process while no call was there to be told: the next one is.
    pub(crate) untold: Option<VmError>,
    /// Its preparation failed once for the process's sake.
    pub(crate) retried: bool,
    pub(crate) phases: Vec<Phase>,
}

/// Where a VM is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Without a process; the next call gets one.
    Asleep,
    /// Waiting for a process, booting, or being filled; this many answers are missing.
    Preparing {
        missing: usize,
    },
    Serving,
    /// On a condemned process that exports its filesystem.
    Exporting,
    Disposing,
    Disposed,
}

/// A call that has not settled.
#[derive(Debug)]
pub(crate) enum Call {
    /// A program. `killed` once it must end soon, `timed_out` if by its own timeout.
    Program {
        timeout: Option<Duration>,
        deadline_set: bool,
    },
    /// A file method, a resource snapshot.
    Simple,
    /// One of several frames of a file method; the last one settles it.
    Part { whole: CallId },
    /// Part of preparing a VM.
    Setup,
    /// A piece of the filesystem.
    Export,
    /// The destruction.
    Destroy,
}

impl Core {
    pub(crate) fn new(orders: Sender<Order>, poller: Arc<Poller>) -> Core {
        Core {
            processes: HashMap::new(),
            vms: HashMap::new(),
            ordered: BTreeMap::new(),
            spare: None,
            spare_start: Start::default(),
            common: HashMap::new(),
            timers: Timers::default(),
            poller,
            orders,
            next_process: 1,
            next_vm: 1,
            next_call: 1,
        }
    }

    pub(crate) fn next_call(&mut self) -> CallId {
        self.next_call += 1;
        self.next_call
    }

    pub(crate) fn next_vm(&mut self) -> VmId {
        self.next_vm += 1;
        self.next_vm
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

    /// Sends a frame to the VM's process. A message that is too long settles its call.
    pub(crate) fn send(&mut self, frame: HostFrame) {
        let process = self.vms.get(&frame.vm).and_then(|vm| vm.process);
        let Some((id, process)) = process.and_then(|id| Some((id, self.processes.get_mut(&id)?)))
        else {
            return;
        };
        let waited = process.connection.wants_write();
        let sent = process.connection.send(&frame);
        let waits = process.connection.wants_write();
        if waited != waits {
            self.poller.set_socket(process.connection.fd(), id, waits);
        }
        if let Err(error) = sent {
            let error = match &frame.message {
                HostMessage::Spawn(program) => VmError::too_many_arguments(program),
                _ => VmError {
                    code: "ERR_OUT_OF_RANGE".into(),
                    message: format!("The request is too large: {error}"),
                    ..VmError::default()
                },
            };
            self.fail_call(frame.vm, frame.call, error);
        }
    }

    pub(crate) fn arm(&mut self, delay: Duration, due: Due) {
        self.timers.after(delay, due);
        self.poller.wake();
    }
}

impl Vm {
    /// Sends now or as soon as the VM serves.
    pub(crate) fn defers(&self) -> bool {
        !matches!(self.state, State::Serving)
    }
}

/// A frame of a VM.
pub(crate) fn frame(vm: VmId, call: CallId, message: HostMessage) -> HostFrame {
    HostFrame { vm, call, message }
}
