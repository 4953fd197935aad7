//! Options as `lib/` hands them over: validated and complete.

use napi::bindgen_prelude::{BigInt, Uint8Array};
use napi_derive::napi;
use secure_exec_broker::protocol::{
    File, FileAttributes, Program, Stdin, TerminalSize, Tool, ToolExample, ToolFailure, VmConfig,
    VmLimits,
};

/// What a VM is made from.
#[napi(object, object_to_js = false)]
pub struct VmOptions {
    /// Names and values in turn.
    pub env: Vec<String>,
    pub cwd: Option<String>,
    /// Directories with WebAssembly commands; absent for those of the package.
    pub command_dirs: Option<Vec<String>>,
    pub files: Vec<FileOption>,
    pub limits: LimitOptions,
    pub isolation: String,
    /// `process`, `partial` or `sealed`: the least that must hold.
    pub require_isolation: Option<String>,
    pub high_resolution_time: bool,
    pub freeze_time: bool,
    pub trace: bool,
    pub tools: Vec<ToolOption>,
}

/// A tool.
#[napi(object, object_to_js = false)]
pub struct ToolOption {
    pub name: String,
    pub description: String,
    /// JSON Schema, as JSON.
    pub schema: String,
    pub aliases: Vec<String>,
    pub examples: Vec<ExampleOption>,
}

/// An input that the help of a tool shows.
#[napi(object, object_to_js = false)]
pub struct ExampleOption {
    pub description: Option<String>,
    /// JSON.
    pub input: String,
}

/// Why a call of a tool failed, as the guest is told.
#[napi(object, object_to_js = false)]
pub struct ToolFailureOption {
    pub message: String,
    pub code: Option<String>,
    /// JSON.
    pub data: Option<String>,
}

impl From<ToolFailureOption> for ToolFailure {
    fn from(option: ToolFailureOption) -> ToolFailure {
        ToolFailure {
            message: option.message,
            code: option.code,
            data: option.data,
        }
    }
}

impl ExampleOption {
    fn example(&self) -> ToolExample {
        ToolExample {
            description: self.description.clone(),
            input: self.input.clone(),
        }
    }
}

impl ToolOption {
    pub fn tool(&self) -> Tool {
        Tool {
            name: self.name.clone(),
            description: self.description.clone(),
            schema: self.schema.clone(),
            aliases: self.aliases.clone(),
            examples: self.examples.iter().map(ExampleOption::example).collect(),
        }
    }
}

/// Size of a terminal.
#[napi(object, object_to_js = false)]
pub struct SizeOption {
    pub cols: u32,
    pub rows: u32,
}

impl From<SizeOption> for TerminalSize {
    fn from(option: SizeOption) -> TerminalSize {
        let cells = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
        TerminalSize {
            cols: cells(option.cols),
            rows: cells(option.rows),
        }
    }
}

/// A file of a new VM.
#[napi(object, object_to_js = false)]
pub struct FileOption {
    pub path: String,
    pub data: Uint8Array,
    pub mode: Option<u32>,
    pub uid: u32,
    pub gid: u32,
}

/// Bounds; an absent one has its default.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct LimitOptions {
    pub cpu_count: Option<f64>,
    pub max_processes: Option<f64>,
    pub max_open_fds: Option<f64>,
    pub max_pipes: Option<f64>,
    pub max_sockets: Option<f64>,
    pub max_filesystem_bytes: Option<f64>,
    pub max_inode_count: Option<f64>,
    pub max_file_bytes: Option<f64>,
    pub max_process_argv_bytes: Option<f64>,
    pub max_process_env_bytes: Option<f64>,
    pub max_memory_bytes: Option<f64>,
    pub v8_heap_limit_mb: Option<f64>,
    pub cpu_time_limit_ms: Option<f64>,
    pub wall_clock_limit_ms: Option<f64>,
    pub return_value_limit_bytes: Option<f64>,
    pub max_timers: Option<f64>,
    pub max_ptys: Option<f64>,
    pub max_payload_bytes: Option<f64>,
    pub max_pending: Option<f64>,
    pub max_pending_bytes: Option<f64>,
    pub wasm_max_memory_bytes: Option<f64>,
    pub wasm_max_module_bytes: Option<f64>,
    pub wasm_max_stack_bytes: Option<f64>,
}

/// A program.
#[napi(object, object_to_js = false)]
pub struct ProgramOptions {
    pub argv: Vec<String>,
    /// An ES module that `node` runs in place of a file.
    pub code: Option<String>,
    /// Names and values in turn.
    pub env: Vec<String>,
    pub cwd: Option<String>,
    /// All of standard input; absent if it is fed.
    pub stdin: Option<Uint8Array>,
    pub timeout_ms: Option<f64>,
    pub streaming: bool,
    pub announce: bool,
    pub returns: bool,
    pub control: bool,
    /// Runs on a terminal of this size.
    pub terminal: Option<SizeOption>,
}

impl VmOptions {
    pub fn config(&self) -> VmConfig {
        VmConfig {
            env: pairs(&self.env),
            cwd: self.cwd.clone(),
            command_dirs: self.command_dirs.clone().unwrap_or_default(),
            own_command_dir: None,
            limits: self.limits.limits(),
            exclusive: false,
            high_resolution_time: self.high_resolution_time,
            freeze_time: self.freeze_time,
            trace: self.trace,
            tools: self.tools.iter().map(ToolOption::tool).collect(),
        }
    }

    pub fn files(&self) -> Vec<File> {
        let file = |file: &FileOption| File {
            path: file.path.clone().into_bytes(),
            data: file.data.to_vec(),
            attributes: FileAttributes {
                mode: file.mode,
                uid: Some(file.uid),
                gid: Some(file.gid),
            },
        };
        self.files.iter().map(file).collect()
    }
}

impl LimitOptions {
    fn limits(&self) -> VmLimits {
        let known = VmLimits::default();
        VmLimits {
            cpu_count: u32::try_from(whole(self.cpu_count, known.cpu_count.into()))
                .unwrap_or(u32::MAX),
            max_processes: whole(self.max_processes, known.max_processes),
            max_open_fds: whole(self.max_open_fds, known.max_open_fds),
            max_pipes: whole(self.max_pipes, known.max_pipes),
            max_sockets: whole(self.max_sockets, known.max_sockets),
            max_filesystem_bytes: whole(self.max_filesystem_bytes, known.max_filesystem_bytes),
            max_inodes: whole(self.max_inode_count, known.max_inodes),
            max_file_bytes: whole(self.max_file_bytes, known.max_file_bytes),
            max_argv_bytes: whole(self.max_process_argv_bytes, known.max_argv_bytes),
            max_env_bytes: whole(self.max_process_env_bytes, known.max_env_bytes),
            max_memory_bytes: whole(self.max_memory_bytes, known.max_memory_bytes),
            heap_bytes: self.v8_heap_limit_mb.map_or(known.heap_bytes, |mb| {
                whole(Some(mb), 0).saturating_mul(1 << 20)
            }),
            cpu_time_ms: duration(self.cpu_time_limit_ms).unwrap_or(known.cpu_time_ms),
            wall_clock_ms: duration(self.wall_clock_limit_ms).unwrap_or(known.wall_clock_ms),
            return_value_bytes: whole(self.return_value_limit_bytes, known.return_value_bytes),
            max_timers: whole(self.max_timers, known.max_timers),
            max_ptys: whole(self.max_ptys, known.max_ptys),
            tool_payload_bytes: whole(self.max_payload_bytes, known.tool_payload_bytes),
            tools_pending: whole(self.max_pending, known.tools_pending),
            tools_pending_bytes: whole(self.max_pending_bytes, known.tools_pending_bytes),
            wasm_memory_bytes: whole(self.wasm_max_memory_bytes, known.wasm_memory_bytes),
            wasm_module_bytes: whole(self.wasm_max_module_bytes, known.wasm_module_bytes),
            wasm_stack_bytes: whole(self.wasm_max_stack_bytes, known.wasm_stack_bytes),
        }
    }
}

impl From<ProgramOptions> for Program {
    fn from(options: ProgramOptions) -> Program {
        Program {
            argv: options.argv,
            code: options.code.map(String::into_bytes),
            env: pairs(&options.env),
            cwd: options.cwd,
            stdin: options
                .stdin
                .map_or(Stdin::Stream, |data| Stdin::Whole(data.to_vec())),
            timeout_ms: options.timeout_ms.map(|timeout| whole(Some(timeout), 0)),
            streaming: options.streaming,
            announce: options.announce,
            returns: options.returns,
            control: options.control,
            terminal: options.terminal.map(Into::into),
        }
    }
}

/// Numbers arrive as doubles that `lib/` has checked to be whole and in range.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and the range was checked"
)]
fn whole(value: Option<f64>, default: u64) -> u64 {
    value.map_or(default, |value| value as u64)
}

/// An absent limit keeps its default; an infinite one is none.
fn duration(value: Option<f64>) -> Option<Option<u64>> {
    let value = value?;
    Some(value.is_finite().then(|| whole(Some(value), 0)))
}

fn pairs(flat: &[String]) -> Vec<(String, String)> {
    let (pairs, _) = flat.as_chunks::<2>();
    pairs
        .iter()
        .map(|[name, value]| (name.clone(), value.clone()))
        .collect()
}

/// A call's number: they are counted, so they stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
pub fn call_number(call: u64) -> f64 {
    call as f64
}

/// The inverse of [`call_number`].
pub fn call_id(number: f64) -> u64 {
    whole(Some(number), 0)
}

/// Nanoseconds do not fit into a double.
pub fn nanos(value: i64) -> BigInt {
    BigInt::from(value)
}
