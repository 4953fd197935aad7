//! What the broker tells the embedder.

use std::sync::Arc;

use crate::isolation::IsolationReport;
use crate::segment::FileSnapshot;
use secure_exec_protocol::{
    CallId, DirectoryEntry, Exit, Failure, FileReply, FrameError, Limit, Listener, MAX_FRAME,
    Phase, ProcessEntry, Program, ResourceSnapshot, Stream,
};

/// Takes the events of one VM, in order. Called under the broker's lock: hand over and return.
pub trait Sink: Send + Sync {
    /// Takes one event.
    fn event(&self, event: Event);

    /// Bytes of events that the embedder has not taken. Beyond a bound nothing is read from the VM's process, until
    /// the embedder says by `VmHandle::resumer` that there is room again.
    fn backlog(&self) -> usize {
        0
    }
}

/// Something that happened to a VM or to one of its calls.
#[derive(Debug)]
pub enum Event {
    /// The first boot is over, with its files in place.
    Created(Result<Ready, VmError>),
    /// The program has a pid.
    Started { call: CallId, pid: i32 },
    /// Output; the embedder gives credit back when it is consumed.
    Output {
        call: CallId,
        stream: Stream,
        data: Vec<u8>,
    },
    /// The guest consumed input.
    InputCredit {
        call: CallId,
        stream: Stream,
        bytes: u32,
    },
    /// Settles a program. The value that it has handed back is whole.
    Exited { call: CallId, exit: Exit },
    /// Settles a file method.
    File { call: CallId, reply: FileReply },
    /// Settles a resource snapshot.
    Resources {
        call: CallId,
        resources: ResourceSnapshot,
    },
    /// Settles a list of processes.
    Processes {
        call: CallId,
        processes: Vec<ProcessEntry>,
    },
    /// Settles a snapshot.
    Snapshot {
        call: CallId,
        snapshot: Arc<FileSnapshot>,
    },
    /// A guest calls a tool; the embedder answers by `tool_result`. The number is the broker's and never used twice.
    /// `call` is the program that the guest descends from, or 0 if that has ended.
    ToolCall {
        id: u64,
        call: CallId,
        pid: i32,
        tool: String,
        input: String,
    },
    /// A guest connects to a port of the host's loopback that it was given; the embedder answers by `connect` or
    /// `refuse`. The number is the broker's and never used twice.
    Outbound { id: u64, port: u16 },
    /// Nobody waits for that tool call any more.
    ToolCancelled { id: u64 },
    /// What guests do, line by line, and when: for each line microseconds since 1970. The embedder tells by
    /// `trace_taken` that it is ready for more.
    Trace { text: String, times: Vec<u64> },
    /// Most of a limit is in use: by that program, or by others where there is none.
    Warning { call: CallId, limit: Limit },
    /// The connection is there.
    Connected { call: CallId },
    /// Nothing more comes over the connection.
    OutputEnd { call: CallId },
    /// Settles a connection.
    Closed { call: CallId },
    /// All sockets of the VM that wait for connections, whenever one has come or gone.
    Listeners(Vec<Listener>),
    /// Settles any call.
    Failed { call: CallId, error: VmError },
    /// Everything is freed.
    Disposed,
}

/// A VM that has booted.
#[derive(Debug)]
pub struct Ready {
    /// The steps of the boot.
    pub phases: Vec<Phase>,
    /// What holds its process back.
    pub isolation: IsolationReport,
}

impl Event {
    /// The bytes that it carries, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Event::Output { data, .. } => data.len(),
            Event::Exited { exit, .. } => {
                let value = exit.value.as_ref().map_or(0, Vec::len);
                exit.stdout.len() + exit.stderr.len() + value
            }
            Event::File { reply, .. } => match reply {
                FileReply::Data { data, .. } => data.len(),
                FileReply::Entries { entries, .. } => {
                    let size =
                        |entry: &DirectoryEntry| size_of::<DirectoryEntry>() + entry.name.len();
                    entries.iter().map(size).sum()
                }
                FileReply::Done | FileReply::Stat(_) | FileReply::Exists(_) => 0,
            },
            Event::Processes { processes, .. } => {
                let size = |entry: &ProcessEntry| size_of::<ProcessEntry>() + entry.argv.len();
                processes.iter().map(size).sum()
            }
            Event::ToolCall { tool, input, .. } => tool.len() + input.len(),
            Event::Listeners(listeners) => {
                let size = |one: &Listener| size_of::<Listener>() + one.address.path_bytes();
                listeners.iter().map(size).sum()
            }
            Event::Trace { text, times } => text.len() + size_of_val(&**times),
            Event::Failed { error, .. } => error.message.len() + error.path.len(),
            Event::Created(_)
            | Event::Started { .. }
            | Event::InputCredit { .. }
            | Event::Connected { .. }
            | Event::OutputEnd { .. }
            | Event::Closed { .. }
            | Event::Resources { .. }
            | Event::Snapshot { .. }
            | Event::ToolCancelled { .. }
            | Event::Outbound { .. }
            | Event::Warning { .. }
            | Event::Disposed => 0,
        }
    }
}

/// Why a call failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmError {
    /// `ERR_VM_CRASHED`, another code of ours, or an errno name.
    pub code: String,
    /// For people.
    pub message: String,
    /// For `ERR_VM_CRASHED`: what ended the VM process.
    pub why: Option<String>,
    /// The limit that was reached.
    pub limit: Option<Limit>,
    /// The replacement starts from the files given at creation.
    pub state_lost: bool,
    /// The process did what no guest can make it do, and was ended for it.
    pub security_violation: bool,
    /// Negative errno, or 0.
    pub errno: i32,
    /// The syscall that failed, or empty.
    pub syscall: String,
    /// The guest path, or empty.
    pub path: Vec<u8>,
}

impl VmError {
    /// The VM process died or was given up.
    #[must_use]
    pub fn crashed(why: &str, limit: Option<Limit>, state_lost: bool) -> VmError {
        let lost = if state_lost {
            "; files written since creation are lost"
        } else {
            ""
        };
        VmError {
            code: "ERR_VM_CRASHED".into(),
            message: format!("The VM process ended: {why}{lost}"),
            why: Some(why.into()),
            security_violation: why == "signal SIGSYS",
            limit,
            state_lost,
            ..VmError::default()
        }
    }

    /// The VM is disposed.
    #[must_use]
    pub fn disposed() -> VmError {
        VmError {
            code: "ERR_VM_DISPOSED".into(),
            message: "NodeRuntime has been disposed".into(),
            ..VmError::default()
        }
    }

    /// A request does not fit into a frame.
    pub(crate) fn too_large(error: &FrameError) -> VmError {
        VmError {
            code: "ERR_OUT_OF_RANGE".into(),
            message: format!("The request is too large: {error}"),
            ..VmError::default()
        }
    }

    /// The arguments and the environment of a program do not fit into a frame.
    pub(crate) fn too_many_arguments(program: &Program) -> VmError {
        let name = program.argv.first().cloned().unwrap_or_default();
        VmError {
            code: "E2BIG".into(),
            errno: -libc::E2BIG,
            message: format!(
                "E2BIG: argument list too long, spawn '{name}': more than {MAX_FRAME} bytes of arguments and environment"
            ),
            syscall: "spawn".into(),
            path: name.into_bytes(),
            ..VmError::default()
        }
    }

    /// No VM process can be had.
    #[must_use]
    pub fn cannot_start(reason: &str) -> VmError {
        VmError {
            code: "ERR_VM_START".into(),
            message: format!("The VM process cannot start: {reason}"),
            ..VmError::default()
        }
    }
}

impl From<Failure> for VmError {
    fn from(failure: Failure) -> VmError {
        VmError {
            code: failure.code,
            message: failure.message,
            errno: failure.errno,
            syscall: failure.syscall,
            path: failure.path,
            limit: failure.limit.map(|limit| *limit),
            ..VmError::default()
        }
    }
}
