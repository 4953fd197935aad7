//! What a VM is made from.

use serde::{Deserialize, Serialize};

use crate::FileAttributes;

/// A file that is there before the first program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Absolute path; missing parents are made.
    #[serde(with = "serde_bytes")]
    pub path: Vec<u8>,
    /// Its content.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
    pub attributes: FileAttributes,
}

/// Everything a VM is created with, except its files, which follow as file requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VmConfig {
    /// Environment of every program, over the VM's own.
    pub env: Vec<(String, String)>,
    /// Working directory of programs; `/workspace` if absent.
    pub cwd: Option<String>,
    /// Directories of the host with WebAssembly commands; of commands with the same name the first counts.
    pub command_dirs: Vec<String>,
    /// The directory of the installation: from no other one machine code is loaded.
    pub own_command_dir: Option<String>,
    /// Bounds.
    pub limits: VmLimits,
    /// The VM has its VM process for itself, so that its memory limit is the process's.
    pub exclusive: bool,
    /// Tools of the host's that guests can call.
    pub tools: Vec<Tool>,
    /// System calls of guests are told by `Trace` messages.
    pub trace: bool,
    /// Guest clocks at full resolution instead of whole milliseconds.
    pub high_resolution_time: bool,
    /// Guest clocks stand still within a turn of the event loop.
    pub freeze_time: bool,
}

/// A function of the host's that guests run as a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    pub name: String,
    pub description: String,
    /// JSON Schema of its input, as JSON. The command line is derived from it; the host checks.
    pub schema: String,
    /// Further names of the command.
    pub aliases: Vec<String>,
    /// Inputs to show in the help.
    pub examples: Vec<ToolExample>,
}

/// An input to show in the help of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolExample {
    /// What it is for.
    pub description: Option<String>,
    /// The input, as JSON.
    pub input: String,
}

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

impl Default for VmLimits {
    fn default() -> Self {
        VmLimits {
            cpu_count: 1,
            max_processes: 64,
            max_open_fds: 256,
            max_pipes: 128,
            max_sockets: 256,
            max_filesystem_bytes: 64 << 20,
            max_inodes: 16_384,
            max_file_bytes: 32 << 20,
            max_argv_bytes: 1 << 20,
            max_env_bytes: 1 << 20,
            max_memory_bytes: 512 << 20,
            heap_bytes: 128 << 20,
            cpu_time_ms: Some(30_000),
            wall_clock_ms: None,
            return_value_bytes: 1 << 20,
            max_timers: 4096,
            max_ptys: 16,
            tool_payload_bytes: 1 << 20,
            tools_pending: 256,
            tools_pending_bytes: 8 << 20,
            wasm_memory_bytes: 256 << 20,
            wasm_module_bytes: 16 << 20,
            wasm_stack_bytes: 1 << 20,
        }
    }
}
