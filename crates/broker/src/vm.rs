//! One logical VM, as the broker knows it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secure_exec_protocol::{CallId, File, HostMessage, Phase, VmConfig, VmId};

use crate::call::Call;
use crate::event::{Event, Sink, VmError};
use crate::files::HostMount;
use crate::isolation::{Isolation, Level};
use crate::outbound::Outbound;
use crate::process::ProcessId;
use crate::reading::Readings;
use crate::rules::Warned;
use crate::segment::{FileSnapshot, Segment};
use crate::setup::Setup;
use crate::spawner::Start;
use crate::spool::Spool;
use crate::timer::Patience;
use crate::tool_calls::ToolCalls;

/// One logical VM.
pub(crate) struct Vm {
    pub(crate) config: VmConfig,
    pub(crate) files: Arc<Vec<File>>,
    /// Files that were there before those.
    pub(crate) snapshot: Option<Arc<FileSnapshot>>,
    /// What its process may name in its next capture.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Who serves `config.mounts`, and what is about to be mounted.
    pub(crate) mounts: Vec<HostMount>,
    /// The number of the next mount.
    pub(crate) next_mount: u32,
    /// It has or had mounts: file methods of its process may have to wait for the host.
    pub(crate) mounted: bool,
    pub(crate) isolation: Isolation,
    /// The least that must hold for its process.
    pub(crate) required: Option<Level>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) state: State,
    /// Where it lives at the moment.
    pub(crate) place: Option<Place>,
    /// Calls that its process has been sent and not answered.
    pub(crate) calls: BTreeMap<CallId, Call>,
    /// Those of them that are answered at once, in the order in which that must happen.
    pub(crate) requests: VecDeque<CallId>,
    /// The deadline of the first of these.
    pub(crate) answer_due: Option<Patience>,
    /// What waits until the VM serves.
    pub(crate) queue: VecDeque<Queued>,
    /// How far its preparation is.
    pub(crate) setup: Setup,
    /// The filesystem of its predecessor: complete while it is being prepared.
    pub(crate) carried: Option<Spool>,
    /// `Created` was told.
    pub(crate) announced: bool,
    /// A violation that ended its process while no call was there to be told: the next one is.
    pub(crate) untold: Option<VmError>,
    /// Its preparation failed once for the process's sake.
    pub(crate) retried: bool,
    pub(crate) phases: Vec<Phase>,
    pub(crate) tools: ToolCalls,
    pub(crate) outbound: Outbound,
    pub(crate) trace: TraceCredit,
    /// The startup snapshot of its process, if it is not the package's.
    pub(crate) heap: Option<PathBuf>,
    /// Warnings that belong to no program.
    pub(crate) warned: Warned,
    pub(crate) readings: Readings,
    /// The embedder has been told of listeners.
    pub(crate) listens: bool,
    /// The number of the last call, which the embedder's threads count as well.
    pub(crate) last_call: Arc<AtomicU64>,
}

/// A VM's number in its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) process: ProcessId,
    pub(crate) id: VmId,
}

/// A message that waits, with the call that it makes if it is a request.
pub(crate) struct Queued {
    pub(crate) call: CallId,
    pub(crate) kind: Option<Call>,
    pub(crate) message: HostMessage,
}

/// Where a VM is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Without a process; the next call gets one.
    Asleep,
    /// Waiting for a process, booting, or being filled.
    Preparing,
    Serving,
    /// On a condemned process that exports its filesystem.
    Exporting,
    Disposing,
    Disposed,
}

/// The flow of traced lines: one message may come unasked. What a program has done is told before its end, so that one
/// more may come with each program's end, and the end must follow.
#[derive(Debug, Default)]
pub(crate) struct TraceCredit {
    untaken: u32,
    owes_end: bool,
}

impl TraceCredit {
    /// Takes a message; false if it is one too many.
    pub(crate) fn take(&mut self) -> bool {
        if self.untaken > 0 && std::mem::replace(&mut self.owes_end, true) {
            return false;
        }
        self.untaken += 1;
        true
    }

    /// A program has ended.
    pub(crate) fn ended(&mut self) {
        self.owes_end = false;
    }

    /// The embedder took a message; false if there was none.
    pub(crate) fn taken(&mut self) -> bool {
        let some = self.untaken > 0;
        self.untaken = self.untaken.saturating_sub(1);
        some
    }
}

impl Vm {
    /// Whether what is sent must wait.
    pub(crate) fn defers(&self) -> bool {
        self.state != State::Serving
    }

    pub(crate) fn prepares(&self) -> bool {
        self.state == State::Preparing
    }

    /// The process that it needs.
    pub(crate) fn start(&self) -> Start {
        let in_process = self.isolation == Isolation::InProcess;
        let group = match self.isolation {
            Isolation::Group(group) => Some(group),
            _ => None,
        };
        Start {
            in_process,
            group,
            // It opens them itself.
            command_dirs: if in_process {
                Vec::new()
            } else {
                self.config.command_dirs.clone()
            },
            lax: self.required == Some(Level::Process),
            heap: self.heap.clone(),
        }
    }

    pub(crate) fn next_call(&self) -> CallId {
        self.last_call.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Nobody listens in it any more.
    pub(crate) fn forget_listeners(&mut self) {
        if std::mem::take(&mut self.listens) {
            self.sink.event(Event::Listeners(Vec::new()));
        }
    }

    /// Forgets what its last process owed; the next one starts anew.
    pub(crate) fn forget_process(&mut self) {
        self.place = None;
        self.requests.clear();
        self.tools.forget(&*self.sink);
        self.outbound.forget();
        self.forget_listeners();
        self.trace = TraceCredit::default();
        self.warned = Warned::default();
        self.readings = Readings::default();
        self.segments = Vec::new();
        self.setup = Setup::default();
    }
}
