//! What events bring along, as JavaScript gets it.

use napi::bindgen_prelude::{BigInt, Buffer};
use napi_derive::napi;
use secure_exec_broker::protocol::{self, Cause, Exit, FileReply, Limit, ResourceSnapshot, Usage};
use secure_exec_broker::{IsolationReport, Level, Ready, VmError};

use crate::config::{call_number, nanos};
use crate::snapshots::NativeSnapshot;

/// The content of any event; each kind has its own part of it.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Content {
    /// Pid, stream, bytes or exit status.
    pub number: Option<i32>,
    pub stream: Option<u32>,
    pub data: Option<Buffer>,
    pub stdout: Option<Buffer>,
    pub stderr: Option<Buffer>,
    pub timed_out: Option<bool>,
    pub more: Option<u32>,
    pub exists: Option<bool>,
    pub entries: Option<Vec<Entry>>,
    pub stat: Option<Stat>,
    pub resources: Option<Resources>,
    pub processes: Option<Vec<ProcessEntry>>,
    pub tool: Option<String>,
    /// The call whose program a tool is called by, or 0.
    pub program: Option<f64>,
    pub text: Option<String>,
    pub snapshot: Option<NativeSnapshot>,
    /// When each line of the text was made: milliseconds since 1970.
    pub times: Option<Vec<f64>>,
    pub phases: Option<Vec<BootPhase>>,
    pub isolation: Option<IsolationState>,
    pub limit: Option<LimitReached>,
    pub limits: Option<Vec<LimitReached>>,
    pub usage: Option<UsageReport>,
    /// The signal that ended a program.
    pub signal: Option<u32>,
    pub error: Option<Failure>,
}

#[napi(object, object_from_js = false)]
pub struct Entry {
    pub name: String,
    pub kind: u32,
}

#[napi(object, object_from_js = false)]
pub struct Stat {
    pub dev: f64,
    pub ino: f64,
    pub mode: u32,
    pub nlink: f64,
    pub uid: u32,
    pub gid: u32,
    pub size: f64,
    pub blocks: f64,
    pub atime_ns: BigInt,
    pub mtime_ns: BigInt,
    pub ctime_ns: BigInt,
    pub birthtime_ns: BigInt,
}

#[napi(object, object_from_js = false)]
pub struct Resources {
    pub processes: f64,
    pub zombies: f64,
    pub fds: f64,
    pub pipes: f64,
    pub ptys: f64,
    pub sockets: f64,
    pub listeners: f64,
    pub buffered_bytes: f64,
    pub filesystem_bytes: f64,
    pub inodes: f64,
    pub heap_bytes: f64,
}

#[napi(object, object_from_js = false)]
pub struct ProcessEntry {
    pub pid: i32,
    pub ppid: i32,
    pub pgid: i32,
    pub sid: i32,
    pub uid: u32,
    pub state: String,
    pub argv: Vec<String>,
    pub cwd: String,
    pub terminal: Option<String>,
    pub started_at: f64,
    pub fds: f64,
    pub cpu_ms: f64,
    pub memory_bytes: f64,
}

#[napi(object, object_from_js = false)]
pub struct UsageReport {
    pub wall_ms: f64,
    pub cpu_ms: f64,
    pub peak_memory_bytes: f64,
}

#[napi(object, object_from_js = false)]
pub struct BootPhase {
    pub phase: String,
    pub duration_ms: f64,
}

#[napi(object, object_from_js = false)]
pub struct LimitReached {
    pub limit: String,
    pub bound: f64,
    pub used: f64,
}

/// What holds a VM process back.
#[napi(object, object_from_js = false)]
pub struct IsolationState {
    pub level: String,
    pub seccomp: bool,
    pub landlock: u32,
    pub no_new_privs: bool,
    pub capabilities: f64,
    pub uid: u32,
    pub userns: bool,
    pub netns: bool,
    pub pidns: bool,
    pub speculation: SpeculationState,
    pub missing: Vec<String>,
}

/// What the kernel says of speculation in a VM process.
#[napi(object, object_from_js = false)]
pub struct SpeculationState {
    pub store_bypass: String,
    pub indirect_branch: String,
}

impl From<IsolationReport> for IsolationState {
    fn from(report: IsolationReport) -> IsolationState {
        let level = match report.level {
            Level::None => "none",
            Level::Shared => "shared",
            Level::Process => "process",
            Level::Partial => "partial",
            Level::Sealed => "sealed",
        };
        IsolationState {
            level: level.into(),
            seccomp: report.seccomp,
            landlock: report.landlock,
            no_new_privs: report.no_new_privs,
            capabilities: call_number(report.capabilities),
            uid: report.uid,
            userns: report.namespaces.userns,
            netns: report.namespaces.netns,
            pidns: report.namespaces.pidns,
            speculation: SpeculationState {
                store_bypass: report.store_bypass,
                indirect_branch: report.indirect_branch,
            },
            missing: report.missing.into_iter().map(String::from).collect(),
        }
    }
}

#[napi(object, object_from_js = false)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub why: Option<String>,
    pub limit: Option<LimitReached>,
    pub state_lost: bool,
    pub security_violation: bool,
    pub errno: i32,
    pub syscall: Option<String>,
    pub path: Option<String>,
}

/// What the making of a machine brings.
pub(super) fn created(ready: Ready) -> Content {
    let phases = ready.phases.into_iter().map(|phase| BootPhase {
        phase: phase.name,
        duration_ms: call_number(phase.micros) / 1000.0,
    });
    Content {
        phases: Some(phases.collect()),
        isolation: Some(ready.isolation.into()),
        ..Content::default()
    }
}

/// What the end of a program brings.
pub(super) fn exited(exit: Exit) -> Content {
    let (timed_out, limit, error) = match exit.cause {
        Some(Cause::TimedOut) => (Some(true), None, None),
        Some(Cause::Limit(limit)) => (None, Some(limit.into()), None),
        Some(Cause::Fatal(why)) => (None, None, Some(VmError::crashed(&why, None, false).into())),
        None => (None, None, None),
    };
    let limits = exit.limits.into_iter().map(Into::into).collect();
    Content {
        number: Some(exit.code),
        stdout: buffer(exit.stdout),
        stderr: buffer(exit.stderr),
        data: exit.value.map(Buffer::from),
        timed_out,
        limit,
        limits: Some(limits).filter(|limits: &Vec<LimitReached>| !limits.is_empty()),
        usage: Some(exit.usage.into()),
        signal: Some(exit.signal.into()).filter(|signal| *signal != 0),
        error,
        ..Content::default()
    }
}

/// What a request for a file brings.
pub(super) fn file(reply: FileReply) -> Content {
    let empty = Content::default;
    match reply {
        FileReply::Done => empty(),
        FileReply::Data { data, more } => Content {
            data: Some(data.into()),
            more,
            ..empty()
        },
        FileReply::Entries { entries, more } => {
            let entry = |entry: secure_exec_broker::protocol::DirectoryEntry| Entry {
                name: text(&entry.name),
                kind: entry.kind,
            };
            Content {
                entries: Some(entries.into_iter().map(entry).collect()),
                more,
                ..empty()
            }
        }
        FileReply::Stat(stat) => {
            let stat = Stat {
                dev: call_number(stat.dev),
                ino: call_number(stat.ino),
                mode: stat.mode,
                nlink: call_number(stat.nlink),
                uid: stat.uid,
                gid: stat.gid,
                size: call_number(stat.size),
                blocks: call_number(stat.blocks),
                atime_ns: nanos(stat.atime_ns),
                mtime_ns: nanos(stat.mtime_ns),
                ctime_ns: nanos(stat.ctime_ns),
                birthtime_ns: nanos(stat.birthtime_ns),
            };
            Content {
                stat: Some(stat),
                ..empty()
            }
        }
        FileReply::Exists(exists) => Content {
            exists: Some(exists),
            ..empty()
        },
    }
}

impl From<ResourceSnapshot> for Resources {
    fn from(snapshot: ResourceSnapshot) -> Resources {
        let number = call_number;
        Resources {
            processes: number(snapshot.processes),
            zombies: number(snapshot.zombies),
            fds: number(snapshot.fds),
            pipes: number(snapshot.pipes),
            ptys: number(snapshot.ptys),
            sockets: number(snapshot.sockets),
            listeners: number(snapshot.listeners),
            buffered_bytes: number(snapshot.buffered_bytes),
            filesystem_bytes: number(snapshot.filesystem_bytes),
            inodes: number(snapshot.inodes),
            heap_bytes: number(snapshot.heap_bytes),
        }
    }
}

impl From<protocol::ProcessEntry> for ProcessEntry {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53")]
    fn from(entry: protocol::ProcessEntry) -> ProcessEntry {
        ProcessEntry {
            pid: entry.pid,
            ppid: entry.ppid,
            pgid: entry.pgid,
            sid: entry.sid,
            uid: entry.uid,
            state: entry.state,
            argv: entry
                .argv
                .split_terminator('\0')
                .map(String::from)
                .collect(),
            cwd: entry.cwd,
            terminal: Some(entry.terminal).filter(|terminal| !terminal.is_empty()),
            started_at: entry.started_ms as f64,
            fds: call_number(entry.fds),
            cpu_ms: call_number(entry.cpu_ms),
            memory_bytes: call_number(entry.memory_bytes),
        }
    }
}

impl From<Usage> for UsageReport {
    fn from(usage: Usage) -> UsageReport {
        let milliseconds = |us: u64| call_number(us) / 1000.0;
        UsageReport {
            wall_ms: milliseconds(usage.wall_us),
            cpu_ms: milliseconds(usage.cpu_us),
            peak_memory_bytes: call_number(usage.peak_memory_bytes),
        }
    }
}

impl From<Limit> for LimitReached {
    fn from(limit: Limit) -> LimitReached {
        LimitReached {
            limit: limit.name,
            bound: call_number(limit.bound),
            used: call_number(limit.used),
        }
    }
}

impl From<VmError> for Failure {
    fn from(error: VmError) -> Failure {
        Failure {
            code: error.code,
            message: error.message,
            why: error.why,
            limit: error.limit.map(Into::into),
            state_lost: error.state_lost,
            security_violation: error.security_violation,
            errno: error.errno,
            syscall: Some(error.syscall).filter(|syscall| !syscall.is_empty()),
            path: Some(text(&error.path)).filter(|path| !path.is_empty()),
        }
    }
}

fn buffer(bytes: Vec<u8>) -> Option<Buffer> {
    if bytes.is_empty() {
        None
    } else {
        Some(bytes.into())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
