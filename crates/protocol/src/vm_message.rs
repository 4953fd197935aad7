//! What a VM process says to the host.

use serde::{Deserialize, Serialize};

use crate::bounds::{self, MAX_LIMITS, MAX_LINES, MAX_PHASES, MAX_PROCESSES, MAX_SEGMENTS};
use crate::connection::MAX_LISTENERS;
use crate::{CallId, FileReply, Listener, Request, Stream, VmId};

/// One frame from VM process to host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VmFrame {
    /// The VM it is about; 0 for the process itself.
    pub vm: VmId,
    /// The call it belongs to.
    pub call: CallId,
    pub message: VmMessage,
}

/// The content of a [`VmFrame`]. The order counts: `bounds` knows the kinds by their numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum VmMessage {
    /// The process is ready for its first request.
    Hello {
        version: u32,
        #[serde(deserialize_with = "bounds::list::<_, _, MAX_PHASES>")]
        phases: Vec<Phase>,
    },
    Created {
        #[serde(deserialize_with = "bounds::list::<_, _, MAX_PHASES>")]
        phases: Vec<Phase>,
    },
    Destroyed,
    /// The program runs (only for [`crate::Program::announce`]).
    Started {
        pid: i32,
    },
    /// Bytes of an output stream.
    Output {
        stream: Stream,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// The guest took this many bytes of an input stream.
    InputCredit {
        stream: Stream,
        bytes: u32,
    },
    /// A piece of a returned value that is too long for `Exited`.
    Value {
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// The program ended.
    Exited(Box<Exit>),
    File(FileReply),
    Resources(ResourceSnapshot),
    Chunk {
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
        last: bool,
    },
    Imported,
    Pong,
    Processes(#[serde(deserialize_with = "bounds::list::<_, _, MAX_PROCESSES>")] Vec<ProcessEntry>),
    /// A guest asks for something of the host's. Its call is that of the program which the guest descends from, or 0.
    Request {
        id: u64,
        request: Request,
    },
    /// Nobody waits for that request any more.
    Abandoned {
        id: u64,
    },
    /// What guests do, line by line (only for [`crate::VmConfig::trace`]), and when: for each line microseconds since
    /// 1970. The host says when it has taken it.
    Trace {
        text: String,
        #[serde(deserialize_with = "bounds::list::<_, _, MAX_LINES>")]
        times: Vec<u64>,
    },
    /// The request could not be done.
    Failed(Failure),
    /// The process must not be used any more; it can still export its filesystems.
    Condemned {
        #[serde(deserialize_with = "bounds::text")]
        why: String,
        limit: Option<Limit>,
    },
    /// Most of a limit is in use (only for [`crate::VmConfig::warn`]): by a program, or by others where the call is 0.
    /// Told once of each limit and call.
    Warning(Limit),
    /// The call's connection is there.
    Connected,
    /// Nothing more comes from the guest over the call's connection, which goes on in the other direction.
    OutputEnd,
    /// The call's connection is over: both directions have ended, or the host wanted no more of it.
    Closed,
    /// All sockets that wait for connections (see [`crate::connection`] for how many), whenever one has come or gone. The
    /// host says when it has taken the list.
    Listeners(#[serde(deserialize_with = "bounds::list::<_, _, MAX_LISTENERS>")] Vec<Listener>),
    /// What has been captured, and what it takes.
    Captured(Captured),
}

impl VmMessage {
    /// Whether it settles the request with its call id.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        !matches!(
            self,
            VmMessage::Hello { .. }
                | VmMessage::Started { .. }
                | VmMessage::Output { .. }
                | VmMessage::InputCredit { .. }
                | VmMessage::Value { .. }
                | VmMessage::Condemned { .. }
                | VmMessage::Request { .. }
                | VmMessage::Abandoned { .. }
                | VmMessage::Trace { .. }
                | VmMessage::Warning(_)
                | VmMessage::Connected
                | VmMessage::OutputEnd
                | VmMessage::Listeners(_)
        )
    }
}

/// Files that were captured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// Bytes of files for the new segment, which begins with them.
    pub data_bytes: u64,
    /// Bytes of the image, which is behind them.
    pub image_bytes: u64,
    /// Segments besides the new one that the bytes of files are in.
    #[serde(deserialize_with = "bounds::list::<_, _, MAX_SEGMENTS>")]
    pub kept: Vec<u64>,
}

/// A step of a boot and how long it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    #[serde(deserialize_with = "bounds::text")]
    pub name: String,
    pub micros: u64,
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// `$?` of a shell: the exit status, or 128 and the signal.
    pub code: i32,
    /// The signal that ended the process, or 0.
    pub signal: u8,
    /// What ended it, if it was not the program.
    pub cause: Option<Cause>,
    pub usage: Usage,
    /// Limits that the program, or one that it started, passed and survived.
    #[serde(deserialize_with = "bounds::list::<_, _, MAX_LIMITS>")]
    pub limits: Vec<Limit>,
    /// Output that no `Output` message brought.
    #[serde(with = "serde_bytes")]
    pub stdout: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub stderr: Vec<u8>,
    /// The value handed back, as JSON, behind what `Value` messages brought.
    #[serde(with = "serde_bytes")]
    pub value: Option<Vec<u8>>,
}

/// What a program and all that it started took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// From the start to the end, microseconds.
    pub wall_us: u64,
    /// Processor time, microseconds.
    pub cpu_us: u64,
    /// The most memory at a time: heaps, array buffers, linear memories.
    pub peak_memory_bytes: u64,
}

/// Why the VM ended a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The call's own timeout.
    TimedOut,
    /// A limit of the VM.
    Limit(Limit),
    /// The engine gave up on the guest.
    Fatal(#[serde(deserialize_with = "bounds::text")] String),
}

/// A limit that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Name in the public API.
    #[serde(deserialize_with = "bounds::text")]
    pub name: String,
    pub bound: u64,
    pub used: u64,
}

/// Why a request failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// An errno name, or a code of ours.
    #[serde(deserialize_with = "bounds::text")]
    pub code: String,
    /// Negative errno if it is one, else 0.
    pub errno: i32,
    /// Text without any host path.
    #[serde(deserialize_with = "bounds::text")]
    pub message: String,
    /// The syscall that failed, or empty.
    #[serde(deserialize_with = "bounds::text")]
    pub syscall: String,
    /// The guest path, or empty.
    #[serde(with = "serde_bytes")]
    pub path: Vec<u8>,
    /// The limit that was in the way.
    pub limit: Option<Box<Limit>>,
}

/// What a VM holds right now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceSnapshot {
    pub processes: u64,
    pub zombies: u64,
    pub fds: u64,
    pub pipes: u64,
    pub ptys: u64,
    pub sockets: u64,
    pub listeners: u64,
    pub buffered_bytes: u64,
    pub filesystem_bytes: u64,
    pub inodes: u64,
    pub heap_bytes: u64,
}

/// A guest process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessEntry {
    pub pid: i32,
    pub ppid: i32,
    pub pgid: i32,
    pub sid: i32,
    pub uid: u32,
    /// `running`, `stopped` or `zombie`.
    pub state: String,
    /// Behind each argument a zero byte, as in `/proc/<pid>/cmdline`.
    pub argv: String,
    /// Working directory, or empty.
    pub cwd: String,
    /// Terminal, or empty.
    pub terminal: String,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// Open descriptors.
    pub fds: u64,
    /// Milliseconds of processor time.
    pub cpu_ms: u64,
    /// Memory in use, bytes.
    pub memory_bytes: u64,
}
