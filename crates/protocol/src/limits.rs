//! The limits of a VM: the one table of their names, bounds and defaults, and what becomes of those who pass them.
//!
//! The public API checks its options by it, documents are made from it, and a VM gets its numbers from it.

use serde::{Deserialize, Serialize};

const MIB: u64 = 1 << 20;

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

    /// A number of it as a VM has it: sizes are bytes there.
    fn of_the_vm(self, value: u64) -> u64 {
        match self {
            Unit::Mebibytes => value.saturating_mul(MIB),
            Unit::Count | Unit::Bytes | Unit::Milliseconds => value,
        }
    }
}

/// The number of a limit as a VM has it; `None` is no limit.
trait Bound {
    fn of(value: Option<u64>) -> Self;
}

impl Bound for Option<u64> {
    fn of(value: Option<u64>) -> Self {
        value
    }
}

impl Bound for u64 {
    fn of(value: Option<u64>) -> Self {
        value.unwrap_or(u64::MAX)
    }
}

impl Bound for u32 {
    fn of(value: Option<u64>) -> Self {
        u32::try_from(u64::of(value)).unwrap_or(u32::MAX)
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

/// Limits whose use is told before it reaches them.
pub const WARNED: &[&str] = &[
    "limits.resources.maxProcesses",
    "limits.resources.maxOpenFds",
    "limits.resources.maxPipes",
    "limits.resources.maxPtys",
    "limits.resources.maxSockets",
    "limits.resources.maxConnections",
    "limits.resources.maxSocketBufferedBytes",
    "limits.resources.maxFilesystemBytes",
    "limits.resources.maxInodeCount",
    "limits.resources.maxMemoryBytes",
    "limits.jsRuntime.v8HeapLimitMb",
    "limits.jsRuntime.cpuTimeLimitMs",
    "limits.jsRuntime.wallClockLimitMs",
    "limits.jsRuntime.maxTimers",
    "limits.wasm.maxMemoryBytes",
    "limits.tools.maxPending",
    "limits.tools.maxPendingBytes",
];

/// Whether so much is most of a limit: four fifths.
#[must_use]
pub fn is_most(bound: u64, used: u64) -> bool {
    used.saturating_mul(5) >= bound.saturating_mul(4)
}

/// Makes the table, and the numbers of a VM from those rows that name a field.
macro_rules! limits {
    (@set $unit:ident) => { None };
    (@set $unit:ident $field:ident) => {
        Some(|limits, value| {
            limits.$field = Bound::of(value.map(|value| Unit::$unit.of_the_vm(value)));
        })
    };
    ($($path:literal $(=> $(#[$doc:meta])* $field:ident: $type:ty)? {
        unit: $unit:ident,
        default: $default:expr,
        $($name:ident: $value:expr,)*
    })*) => {
        /// Bounds of a VM; the defaults are the documented ones.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct VmLimits {$($(
            #[doc = concat!("`", $path, "`.")]
            $(#[$doc])*
            pub $field: $type,
        )?)*}

        impl Default for VmLimits {
            fn default() -> Self {
                let default = |unit: Unit, value: Option<u64>| value.map(|value| unit.of_the_vm(value));
                VmLimits {$($($field: Bound::of(default(Unit::$unit, $default)),)?)*}
            }
        }

        /// All of them, in the order of the documents.
        pub const TABLE: &[LimitRow] = &[$(LimitRow {
            path: $path,
            unit: Unit::$unit,
            default: $default,
            $($name: $value,)*
            set: limits!(@set $unit $($field)?),
        }),*];
    };
}

limits! {
    "limits.resources.cpuCount" => cpu_count: u32 {
        unit: Count,
        default: Some(1),
        least: 1,
        most: Some(1024),
        infinite: false,
        note: "",
        guest: "`nproc`, `os.cpus()`",
        host: "nothing: all guests together get as much time as so many processors have, see below",
    }
    "limits.resources.maxProcesses" => max_processes: u64 {
        unit: Count,
        default: Some(64),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`EAGAIN` of `fork` and `spawn`",
        host: "`limits` of the result",
    }
    "limits.resources.maxOpenFds" => max_open_fds: u64 {
        unit: Count,
        default: Some(256),
        least: 3,
        most: None,
        infinite: false,
        note: "for each process, at least 3",
        guest: "`EMFILE`",
        host: "`limits` of the result",
    }
    "limits.resources.maxPipes" => max_pipes: u64 {
        unit: Count,
        default: Some(128),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`ENFILE`",
        host: "`limits` of the result",
    }
    "limits.resources.maxPtys" => max_ptys: u64 {
        unit: Count,
        default: Some(16),
        least: 1,
        most: Some(4096),
        infinite: false,
        note: "",
        guest: "`ENOSPC`",
        host: "`limits` of the result; `openShell` rejects with `ENOSPC`",
    }
    "limits.resources.maxSockets" => max_sockets: u64 {
        unit: Count,
        default: Some(256),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`ENFILE`",
        host: "`limits` of the result",
    }
    "limits.resources.maxConnections" =>
    /// Connections of TCP, those of the host included.
    max_connections: u64 {
        unit: Count,
        default: Some(256),
        least: 1,
        most: None,
        infinite: false,
        note: "of TCP, those that nobody has accepted and those of the host included",
        guest: "`ENOBUFS` of `connect`",
        host: "`limits` of the result; `connect` and `fetch` reject with `ENOBUFS`",
    }
    "limits.resources.maxSocketBufferedBytes" =>
    /// Bytes that wait in sockets to be read.
    max_socket_buffered_bytes: u64 {
        unit: Bytes,
        default: Some(32 * MIB),
        least: 4096,
        most: None,
        infinite: false,
        note: "that wait in sockets to be read",
        guest: "`ENOBUFS` of a write; a datagram is lost",
        host: "`limits` of the result; a connection of the host's fails with `ENOBUFS`",
    }
    "limits.resources.maxFilesystemBytes" => max_filesystem_bytes: u64 {
        unit: Bytes,
        default: Some(64 * MIB),
        least: 4096,
        most: None,
        infinite: false,
        note: "at most half of the memory",
        guest: "`ENOSPC`",
        host: "`limits` of the result; file methods reject with `ENOSPC`",
    }
    "limits.resources.maxInodeCount" => max_inodes: u64 {
        unit: Count,
        default: Some(16_384),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`ENOSPC`",
        host: "`limits` of the result; file methods reject with `ENOSPC`",
    }
    "limits.resources.maxFileBytes" => max_file_bytes: u64 {
        unit: Bytes,
        default: Some(32 * MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`EFBIG`",
        host: "`limits` of the result; file methods reject with `EFBIG`",
    }
    "limits.resources.maxMountBytes" =>
    /// Bytes that what guests write through mounts may take of the host's disk.
    max_mount_bytes: u64 {
        unit: Bytes,
        default: Some(1024 * MIB),
        least: 4096,
        most: None,
        infinite: false,
        note: "for each mount with `readOnly: false`; a name counts 4096",
        guest: "`ENOSPC`",
        host: "`limits` of the result; file methods reject with `ENOSPC`",
    }
    "limits.resources.maxProcessArgvBytes" => max_argv_bytes: u64 {
        unit: Bytes,
        default: Some(2 * MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`E2BIG`",
        host: "`limits` of the result; a call with too much rejects with `E2BIG`",
    }
    "limits.resources.maxProcessEnvBytes" => max_env_bytes: u64 {
        unit: Bytes,
        default: Some(MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "",
        guest: "`E2BIG`",
        host: "`limits` of the result; a call with too much rejects with `E2BIG`",
    }
    "limits.resources.maxMemoryBytes" =>
    /// Data segment of the VM process.
    max_memory_bytes: u64 {
        unit: Bytes,
        default: Some(512 * MIB),
        least: 64 * MIB,
        most: None,
        infinite: false,
        note: "at least 64 MiB",
        guest: "`RangeError` for buffers and memories of WebAssembly that do not fit; else the program that holds the most is ended",
        host: "`limits` of the result for buffers; `VmLimitError` for the program that was ended; `EAGAIN` with the limit where there is no memory to start one; `VmCrashError` with the limit, and with the files kept, where native code asks for more in one go than there is",
    }
    "limits.jsRuntime.v8HeapLimitMb" => heap_bytes: u64 {
        unit: Mebibytes,
        default: Some(128),
        least: 8,
        most: Some(1024 * 1024),
        infinite: false,
        note: "for each isolate, at most half of the memory",
        guest: "its process is ended",
        host: "`VmLimitError`, also for a single value that no heap could hold; `VmCrashError` with the limit, and with the files kept, where V8 cannot leave what it is doing and ends the VM process (below); a child's status is 134",
    }
    "limits.jsRuntime.cpuTimeLimitMs" => cpu_time_ms: Option<u64> {
        unit: Milliseconds,
        default: Some(30_000),
        least: 1,
        most: None,
        infinite: true,
        note: "for each program that the host starts, with all that it starts; `Infinity` for none",
        guest: "the program and all that it started are ended",
        host: "`VmLimitError`",
    }
    "limits.jsRuntime.wallClockLimitMs" => wall_clock_ms: Option<u64> {
        unit: Milliseconds,
        default: None,
        least: 1,
        most: None,
        infinite: true,
        note: "",
        guest: "its process is ended",
        host: "`VmLimitError`",
    }
    "limits.jsRuntime.capturedOutputLimitBytes" {
        unit: Bytes,
        default: Some(16 * MIB),
        least: 0,
        most: None,
        infinite: false,
        note: "for each channel",
        guest: "nothing",
        host: "the text is cut, `stdoutTruncated` or `stderrTruncated` is true, and `limits` of the result",
    }
    "limits.jsRuntime.stdinBufferLimitBytes" {
        unit: Bytes,
        default: Some(MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "behind the write in progress, which may have any size",
        guest: "nothing",
        host: "up to sixteen times as much waits for a program that reads; when it has taken nothing for 5 s, what is beyond the bound is refused: the write rejects with `VmLimitError`, and so does `wait()`",
    }
    "limits.jsRuntime.returnValueLimitBytes" =>
    /// What a value may cost, as [`crate::ValueCost`] counts it.
    return_value_bytes: u64 {
        unit: Bytes,
        default: Some(MIB),
        least: 1,
        most: Some(256 * MIB),
        infinite: false,
        note: "of JSON, at most 256 MiB; an array or object counts at least sixteen bytes, an element one",
        guest: "nothing: its program has ended; `evaluate` says so on standard error",
        host: "`VmLimitError`; `limits` of the result of `evaluate`",
    }
    "limits.jsRuntime.maxTimers" => max_timers: u64 {
        unit: Count,
        default: Some(4096),
        least: 1,
        most: None,
        infinite: false,
        note: "for each process",
        guest: "`setTimeout` throws `ERR_RESOURCE_LIMIT`",
        host: "`limits` of the result",
    }
    "limits.wasm.maxMemoryBytes" =>
    /// Linear memory of one WebAssembly process. Half of the machine's memory: a program that runs away leaves room for
    /// the shell that has started it.
    wasm_memory_bytes: u64 {
        unit: Bytes,
        default: Some(256 * MIB),
        least: 64 << 10,
        most: Some(4096 * MIB),
        infinite: false,
        note: "for each process, at most half of the memory",
        guest: "its allocation fails, which most programs end by SIGABRT; 126 if it cannot even start",
        host: "`limits` of the result",
    }
    "limits.wasm.maxModuleBytes" =>
    /// Size of a module that a guest brings along, which is compiled in the VM. Compiling takes seconds for this much,
    /// and some twenty times its size in memory. The machine's own commands are compiled before and may be larger.
    wasm_module_bytes: u64 {
        unit: Bytes,
        default: Some(16 * MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "for a module that a guest brings along",
        guest: "`ENOEXEC`",
        host: "`limits` of the result; the command's status is 126",
    }
    "limits.wasm.maxStackBytes" =>
    /// Stack of compiled code of one process, on which return addresses and what fits no register are. As much as the
    /// main stack of V8; the stack that C and Rust keep in linear memory comes on top.
    wasm_stack_bytes: u64 {
        unit: Bytes,
        default: Some(MIB),
        least: 64 << 10,
        most: Some(256 * MIB),
        infinite: false,
        note: "for each process",
        guest: "the program is ended by SIGSEGV",
        host: "`limits` of the result; the command's status is 139",
    }
    "limits.http.maxFetchResponseBytes" {
        unit: Bytes,
        default: Some(64 * MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "of the body of one response that is not streamed",
        guest: "its connection is reset",
        host: "`fetch` rejects with `VmLimitError`",
    }
    "limits.http.fetchTimeoutMs" {
        unit: Milliseconds,
        default: Some(300_000),
        least: 1,
        most: Some(2_147_483_647),
        infinite: false,
        note: "for a whole response, for the head of one that is streamed; `timeout` of `fetch` sets it for one",
        guest: "its connection is reset",
        host: "`fetch` rejects with `VmLimitError`",
    }
    "limits.tools.defaultToolTimeoutMs" {
        unit: Milliseconds,
        default: Some(30_000),
        least: 1,
        most: Some(2_147_483_647),
        infinite: false,
        note: "",
        guest: "the tool fails and says so",
        host: "`limits` of the result; the handler's `signal` is aborted, `onToolError` hears of it",
    }
    "limits.tools.maxPayloadBytes" =>
    /// Input, and result, of one call of a tool.
    tool_payload_bytes: u64 {
        unit: Bytes,
        default: Some(MIB),
        least: 1,
        most: Some(3 * MIB),
        infinite: false,
        note: "for the input, and for the result; at most 3 MiB",
        guest: "the tool fails and says so",
        host: "`limits` of the result; for a result `onToolError` as well",
    }
    "limits.tools.maxPending" =>
    /// Calls of tools at a time.
    tools_pending: u64 {
        unit: Count,
        default: Some(256),
        least: 1,
        most: Some(65_536),
        infinite: false,
        note: "calls at a time",
        guest: "the tool fails and says so",
        host: "`limits` of the result",
    }
    "limits.tools.maxPendingBytes" =>
    /// Inputs of the calls at a time.
    tools_pending_bytes: u64 {
        unit: Bytes,
        default: Some(8 * MIB),
        least: 1,
        most: None,
        infinite: false,
        note: "of inputs of all calls at a time; one alone is always let in",
        guest: "the tool fails and says so",
        host: "`limits` of the result",
    }
}

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
    fn what_is_warned_of_is_a_limit_of_the_vm() {
        for path in WARNED {
            assert!(find(path).is_some_and(LimitRow::is_of_the_vm), "{path}");
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
