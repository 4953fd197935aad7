//! The limits of a VM: the one table of their names, bounds and defaults, and what becomes of those who pass them.
//!
//! The public API checks its options by it, documents are made from it, and a VM gets its numbers from it.

use serde::{Deserialize, Serialize};

const MIB: u64 = 1 << 20;

/// Bounds of a VM; the defaults are the documented ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VmLimits {
    /// `resources.cpuCount`.
    pub cpu_count: u32,
    /// `resources.maxProcesses`.
    pub max_processes: u64,
    /// `resources.maxOpenFds`, per process.
    pub max_open_fds: u64,
    /// `resources.maxPipes`.
    pub max_pipes: u64,
    /// `resources.maxSockets`.
    pub max_sockets: u64,
    /// `resources.maxFilesystemBytes`.
    pub max_filesystem_bytes: u64,
    /// `resources.maxInodeCount`.
    pub max_inodes: u64,
    /// `resources.maxFileBytes`.
    pub max_file_bytes: u64,
    /// `resources.maxProcessArgvBytes`.
    pub max_argv_bytes: u64,
    /// `resources.maxProcessEnvBytes`.
    pub max_env_bytes: u64,
    /// `resources.maxMemoryBytes`: data segment of the VM process.
    pub max_memory_bytes: u64,
    /// `jsRuntime.v8HeapLimitMb`, in bytes.
    pub heap_bytes: u64,
    /// `jsRuntime.cpuTimeLimitMs`; `None` is no limit.
    pub cpu_time_ms: Option<u64>,
    /// `jsRuntime.wallClockLimitMs`; `None` is no limit.
    pub wall_clock_ms: Option<u64>,
    /// `jsRuntime.returnValueLimitBytes`: what a value may cost, as [`crate::ValueCost`] counts it.
    pub return_value_bytes: u64,
    /// `jsRuntime.maxTimers`.
    pub max_timers: u64,
    /// `resources.maxPtys`.
    pub max_ptys: u64,
    /// `tools.maxPayloadBytes`: input, and result, of one call of a tool.
    pub tool_payload_bytes: u64,
    /// `tools.maxPending`: calls of tools at a time.
    pub tools_pending: u64,
    /// `tools.maxPendingBytes`: inputs of the calls at a time.
    pub tools_pending_bytes: u64,
    /// `wasm.maxMemoryBytes`: linear memory of one WebAssembly process. Half of the machine's memory: a program that
    /// runs away leaves room for the shell that has started it.
    pub wasm_memory_bytes: u64,
    /// `wasm.maxModuleBytes`: size of a module that a guest brings along, which is compiled in the VM. Compiling takes
    /// seconds for this much, and some twenty times its size in memory. The machine's own commands are compiled before
    /// and may be larger.
    pub wasm_module_bytes: u64,
    /// `wasm.maxStackBytes`: stack of compiled code of one process, on which return addresses and what fits no register
    /// are. As much as the main stack of V8; the stack that C and Rust keep in linear memory comes on top.
    pub wasm_stack_bytes: u64,
}

/// What the number of a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Bytes,
    Mebibytes,
    Milliseconds,
}

impl Unit {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Unit::Count => "count",
            Unit::Bytes => "bytes",
            Unit::Mebibytes => "mebibytes",
            Unit::Milliseconds => "milliseconds",
        }
    }
}

type Set = fn(&mut VmLimits, Option<u64>);

/// A limit as the public API knows it.
#[derive(Debug)]
pub struct LimitRow {
    /// Where it stands in the options of the public API, and its name in errors: `limits.resources.maxPipes`.
    pub path: &'static str,
    pub unit: Unit,
    /// `None` is no limit.
    pub default: Option<u64>,
    pub least: u64,
    /// `None` for what a double holds exactly.
    pub most: Option<u64>,
    /// Whether `Infinity` is taken, for no limit.
    pub infinite: bool,
    /// What there is to say behind the default.
    pub note: &'static str,
    /// What a guest sees that passes it.
    pub guest: &'static str,
    /// What the host is told.
    pub host: &'static str,
    /// Absent where the limit is kept by the public API itself.
    set: Option<Set>,
}

impl LimitRow {
    /// Whether a VM keeps it.
    #[must_use]
    pub fn is_of_the_vm(&self) -> bool {
        self.set.is_some()
    }

    /// Sets it; `None` is no limit.
    pub fn set(&self, limits: &mut VmLimits, value: Option<u64>) {
        if let Some(set) = self.set {
            set(limits, value);
        }
    }
}

/// The limit of this path.
#[must_use]
pub fn find(path: &str) -> Option<&'static LimitRow> {
    TABLE.iter().find(|row| row.path == path)
}

fn number(value: Option<u64>) -> u64 {
    value.unwrap_or(u64::MAX)
}

fn small(value: Option<u64>) -> u32 {
    value.map_or(u32::MAX, |value| u32::try_from(value).unwrap_or(u32::MAX))
}

impl Default for VmLimits {
    fn default() -> Self {
        let mut limits = VmLimits {
            cpu_count: 0,
            max_processes: 0,
            max_open_fds: 0,
            max_pipes: 0,
            max_sockets: 0,
            max_filesystem_bytes: 0,
            max_inodes: 0,
            max_file_bytes: 0,
            max_argv_bytes: 0,
            max_env_bytes: 0,
            max_memory_bytes: 0,
            heap_bytes: 0,
            cpu_time_ms: None,
            wall_clock_ms: None,
            return_value_bytes: 0,
            max_timers: 0,
            max_ptys: 0,
            tool_payload_bytes: 0,
            tools_pending: 0,
            tools_pending_bytes: 0,
            wasm_memory_bytes: 0,
            wasm_module_bytes: 0,
            wasm_stack_bytes: 0,
        };
        for row in TABLE {
            row.set(&mut limits, row.default);
        }
        limits
    }
}

/// All of them, in the order of the documents.
pub const TABLE: &[LimitRow] = &[
    LimitRow {
        path: "limits.resources.cpuCount",
        unit: Unit::Count,
        default: Some(1),
        least: 1,
        most: Some(1024),
        infinite: false,
        note: "",
        guest: "`nproc`, `os.cpus()`",
        host: "nothing: all guests together get as much time as so many processors have, see below",
        set: Some(|limits, value| limits.cpu_count = small(value)),
    },
    LimitRow {
        path: "limits.resources.maxProcesses",
        unit: Unit::Count,
        default: Some(64),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`EAGAIN` of `fork` and `spawn`",
        host: "`limits` of the result",
        set: Some(|limits, value| limits.max_processes = number(value)),
    },
    LimitRow {
        path: "limits.resources.maxOpenFds",
        unit: Unit::Count,
        default: Some(256),
        least: 3,
        most: None,
        infinite: false,
        note: "for each process, at least 3",
        guest: "`EMFILE`",
        host: "`limits` of the result",
        set: Some(|limits, value| limits.max_open_fds = number(value)),
    },
    LimitRow {
        path: "limits.resources.maxPipes",
        unit: Unit::Count,
        default: Some(128),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`ENFILE`",
        host: "`limits` of the result",
        set: Some(|limits, value| limits.max_pipes = number(value)),
    },
    LimitRow {
        path: "limits.resources.maxPtys",
        unit: Unit::Count,
        default: Some(16),
        least: 1,
        most: Some(4096),
        infinite: false,
        note: "",
        guest: "`ENOSPC`",
        host: "`limits` of the result; `openShell` rejects with `ENOSPC`",
        set: Some(|limits, value| limits.max_ptys = number(value)),
    },
    LimitRow {
        path: "limits.resources.maxSockets",
        unit: Unit::Count,
        default: Some(256),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`ENFILE`",
        host: "`limits` of the result",
        set: Some(|limits, value| limits.max_sockets = number(value)),
    },
    LimitRow {
        path: "limits.resources.maxFilesystemBytes",
        unit: Unit::Bytes,
        default: Some(64 * MIB),
        least: 4096,
        most: None,
        infinite: false,
        note: "at most half of the memory",
        guest: "`ENOSPC`",
        host: "`limits` of the result; file methods reject with `ENOSPC`",
        set: Some(|limits, value| limits.max_filesystem_bytes = number(value)),
    },
    LimitRow {
        path: "limits.resources.maxInodeCount",
        unit: Unit::Count,
        default: Some(16_384),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`ENOSPC`",
        host: "`limits` of the result; file methods reject with `ENOSPC`",
        set: Some(|limits, value| limits.max_inodes = number(value)),
    },
    LimitRow {
        path: "limits.resources.maxFileBytes",
        unit: Unit::Bytes,
        default: Some(32 * MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`EFBIG`",
        host: "`limits` of the result; file methods reject with `EFBIG`",
        set: Some(|limits, value| limits.max_file_bytes = number(value)),
    },
    LimitRow {
        path: "limits.resources.maxProcessArgvBytes",
        unit: Unit::Bytes,
        default: Some(MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`E2BIG`",
        host: "`limits` of the result; a call with too much rejects with `E2BIG`",
        set: Some(|limits, value| limits.max_argv_bytes = number(value)),
    },
    LimitRow {
        path: "limits.resources.maxProcessEnvBytes",
        unit: Unit::Bytes,
        default: Some(MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`E2BIG`",
        host: "`limits` of the result; a call with too much rejects with `E2BIG`",
        set: Some(|limits, value| limits.max_env_bytes = number(value)),
    },
    LimitRow {
        path: "limits.resources.maxMemoryBytes",
        unit: Unit::Bytes,
        default: Some(512 * MIB),
        least: 64 * MIB,
        most: None,
        infinite: false,
        note: "at least 64 MiB",
        guest: "`RangeError` for buffers and memories of WebAssembly that do not fit; else the program that holds the most is ended",
        host: "`limits` of the result for buffers; `VmLimitError` for the program that was ended; `EAGAIN` with the limit where there is no memory to start one; `VmCrashError` with the limit, and with the files kept, where native code asks for more in one go than there is",
        set: Some(|limits, value| limits.max_memory_bytes = number(value)),
    },
    LimitRow {
        path: "limits.jsRuntime.v8HeapLimitMb",
        unit: Unit::Mebibytes,
        default: Some(128),
        least: 8,
        most: Some(1024 * 1024),
        infinite: false,
        note: "for each isolate, at most half of the memory",
        guest: "its process is ended",
        host: "`VmLimitError`, also for a single value that no heap could hold; `VmCrashError` with the limit, and with the files kept, where V8 cannot leave what it is doing and ends the VM process (below); a child's status is 134",
        set: Some(|limits, value| limits.heap_bytes = number(value).saturating_mul(MIB)),
    },
    LimitRow {
        path: "limits.jsRuntime.cpuTimeLimitMs",
        unit: Unit::Milliseconds,
        default: Some(30_000),
        least: 1,
        most: None,
        infinite: true,
        note: "for each program that the host starts, with all that it starts; `Infinity` for none",
        guest: "the program and all that it started are ended",
        host: "`VmLimitError`",
        set: Some(|limits, value| limits.cpu_time_ms = value),
    },
    LimitRow {
        path: "limits.jsRuntime.wallClockLimitMs",
        unit: Unit::Milliseconds,
        default: None,
        least: 1,
        most: None,
        infinite: true,
        note: "",
        guest: "its process is ended",
        host: "`VmLimitError`",
        set: Some(|limits, value| limits.wall_clock_ms = value),
    },
    LimitRow {
        path: "limits.jsRuntime.capturedOutputLimitBytes",
        unit: Unit::Bytes,
        default: Some(16 * MIB),
        least: 0,
        most: None,
        infinite: false,
        note: "for each channel",
        guest: "nothing",
        host: "the text is cut, `stdoutTruncated` or `stderrTruncated` is true, and `limits` of the result",
        set: None,
    },
    LimitRow {
        path: "limits.jsRuntime.stdinBufferLimitBytes",
        unit: Unit::Bytes,
        default: Some(MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "behind the write in progress, which may have any size",
        guest: "nothing",
        host: "up to sixteen times as much waits for a program that reads; when it has taken nothing for 5 s, what is beyond the bound is refused: the write rejects with `VmLimitError`, and so does `wait()`",
        set: None,
    },
    LimitRow {
        path: "limits.jsRuntime.returnValueLimitBytes",
        unit: Unit::Bytes,
        default: Some(MIB),
        least: 1,
        most: Some(256 * MIB),
        infinite: false,
        note: "of JSON, at most 256 MiB; an array or object counts at least sixteen bytes, an element one",
        guest: "nothing: its program has ended; `evaluate` says so on standard error",
        host: "`VmLimitError`; `limits` of the result of `evaluate`",
        set: Some(|limits, value| limits.return_value_bytes = number(value)),
    },
    LimitRow {
        path: "limits.jsRuntime.maxTimers",
        unit: Unit::Count,
        default: Some(4096),
        least: 1,
        most: None,
        infinite: false,
        note: "for each process",
        guest: "`setTimeout` throws `ERR_RESOURCE_LIMIT`",
        host: "`limits` of the result",
        set: Some(|limits, value| limits.max_timers = number(value)),
    },
    LimitRow {
        path: "limits.wasm.maxMemoryBytes",
        unit: Unit::Bytes,
        default: Some(256 * MIB),
        least: 64 << 10,
        most: Some(4096 * MIB),
        infinite: false,
        note: "for each process, at most half of the memory",
        guest: "its allocation fails, which most programs end by SIGABRT; 126 if it cannot even start",
        host: "`limits` of the result",
        set: Some(|limits, value| limits.wasm_memory_bytes = number(value)),
    },
    LimitRow {
        path: "limits.wasm.maxModuleBytes",
        unit: Unit::Bytes,
        default: Some(16 * MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "for a module that a guest brings along",
        guest: "`ENOEXEC`",
        host: "`limits` of the result; the command's status is 126",
        set: Some(|limits, value| limits.wasm_module_bytes = number(value)),
    },
    LimitRow {
        path: "limits.wasm.maxStackBytes",
        unit: Unit::Bytes,
        default: Some(MIB),
        least: 64 << 10,
        most: Some(256 * MIB),
        infinite: false,
        note: "for each process",
        guest: "the program is ended by SIGSEGV",
        host: "`limits` of the result; the command's status is 139",
        set: Some(|limits, value| limits.wasm_stack_bytes = number(value)),
    },
    LimitRow {
        path: "limits.tools.defaultToolTimeoutMs",
        unit: Unit::Milliseconds,
        default: Some(30_000),
        least: 1,
        most: Some(2_147_483_647),
        infinite: false,
        note: "",
        guest: "the tool fails and says so",
        host: "`limits` of the result; the handler's `signal` is aborted, `onToolError` hears of it",
        set: None,
    },
    LimitRow {
        path: "limits.tools.maxPayloadBytes",
        unit: Unit::Bytes,
        default: Some(MIB),
        least: 1,
        most: Some(3 * MIB),
        infinite: false,
        note: "for the input, and for the result; at most 3 MiB",
        guest: "the tool fails and says so",
        host: "`limits` of the result; for a result `onToolError` as well",
        set: Some(|limits, value| limits.tool_payload_bytes = number(value)),
    },
    LimitRow {
        path: "limits.tools.maxPending",
        unit: Unit::Count,
        default: Some(256),
        least: 1,
        most: Some(65_536),
        infinite: false,
        note: "calls at a time",
        guest: "the tool fails and says so",
        host: "`limits` of the result",
        set: Some(|limits, value| limits.tools_pending = number(value)),
    },
    LimitRow {
        path: "limits.tools.maxPendingBytes",
        unit: Unit::Bytes,
        default: Some(8 * MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "of inputs of all calls at a time; one alone is always let in",
        guest: "the tool fails and says so",
        host: "`limits` of the result",
        set: Some(|limits, value| limits.tools_pending_bytes = number(value)),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_of_the_vm_has_its_own_place() {
        let changed = |row: &LimitRow| {
            let mut limits = VmLimits::default();
            row.set(&mut limits, Some(row.least + 7));
            limits
        };
        let known = VmLimits::default();
        let all: Vec<_> = TABLE.iter().filter(|row| row.is_of_the_vm()).collect();
        for (index, row) in all.iter().enumerate() {
            assert_ne!(changed(row), known, "{}", row.path);
            for other in &all[index + 1..] {
                assert_ne!(changed(row), changed(other), "{} {}", row.path, other.path);
            }
        }
    }

    #[test]
    fn defaults_are_within_the_bounds() {
        for row in TABLE {
            let most = row.most.unwrap_or(u64::MAX);
            let fits = |value| (row.least..=most).contains(&value);
            assert!(row.default.map_or(row.infinite, fits), "{}", row.path);
        }
    }
}
