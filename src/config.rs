//! Options as `lib/` hands them over: validated and complete.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use napi::bindgen_prelude::{BigInt, Uint8Array};
use napi::{Error, Result, Status};
use napi_derive::napi;
use secure_exec_broker::files::{
    FollowedRoot, HostDirectory, HostDirectoryOptions, HostMount, Server,
};
use secure_exec_broker::protocol::{
    CodeSource, File, FileAttributes, Limit, Mount, Program, Stdin, TerminalSize, Tool,
    ToolExample, ToolFailure, VmConfig,
};

use crate::{limits, served};

/// What `/proc/mounts` has as the device of a host's directory.
const SOURCE: &str = "host";
/// And of files that the host serves itself.
const FILES_SOURCE: &str = "filesystem";

/// What a VM is made from.
#[napi(object, object_to_js = false)]
pub struct VmOptions {
    /// Names and values in turn.
    pub env: Vec<String>,
    pub cwd: Option<String>,
    /// Directories with WebAssembly commands; absent for those of the package.
    pub command_dirs: Option<Vec<String>>,
    pub files: Vec<FileOption>,
    /// Directories of the host's.
    pub mounts: Vec<MountOption>,
    /// By path: `limits.resources.maxPipes`.
    pub limits: HashMap<String, f64>,
    pub isolation: String,
    /// The startup snapshot of its process, if it is not the package's.
    pub startup_snapshot: Option<String>,
    /// Which VMs it shares a process with, where `isolation` is `group`.
    pub group: Option<f64>,
    /// `process`, `partial` or `sealed`: the least that must hold.
    pub require_isolation: Option<String>,
    pub high_resolution_time: bool,
    pub freeze_time: bool,
    /// The host is asked before a guest starts a program.
    pub asks_to_start: bool,
    /// What runs in place of programs that guests start.
    pub starter: Vec<String>,
    pub hostname: Option<String>,
    pub trace: bool,
    pub warn: bool,
    pub tools: Vec<ToolOption>,
    /// Ports of the host that guests reach.
    pub outbound_ports: Vec<u32>,
}

/// A directory of the host's in the VM.
#[napi(object, object_to_js = false)]
pub struct MountOption {
    /// What it is called in errors: `mounts[0]`.
    pub name: String,
    pub guest_path: String,
    pub host_path: String,
    /// The number of files that are mounted instead of a directory.
    pub files: Option<f64>,
    pub read_only: bool,
    pub overlay: bool,
    /// The package itself has made what lies in it.
    pub prepared: Option<bool>,
    /// Directories outside of it that its links may lead to.
    pub follow: Vec<FollowOption>,
}

/// A directory that links lead to, and where the VM has it.
#[napi(object, object_to_js = false)]
pub struct FollowOption {
    pub host_path: String,
    pub guest_path: String,
}

impl MountOption {
    /// Opens the directory. The broker numbers it.
    pub fn mount(&self, quota: u64) -> Result<HostMount> {
        if let Some(files) = self.files {
            return self.mount_files(files);
        }
        let options = HostDirectoryOptions {
            guest_path: self.guest_path.clone(),
            writable: !self.read_only && !self.overlay,
            quota,
            follow: self.follow.iter().map(FollowOption::root).collect(),
        };
        let opened = HostDirectory::open(Path::new(&self.host_path), options);
        let directory = opened.map_err(|error| {
            let why = match error.kind() {
                ErrorKind::Unsupported => "this system has no openat2(2), which mounts need".into(),
                ErrorKind::PermissionDenied => "it may not be read, or is the system's own".into(),
                _ => error.to_string(),
            };
            Error::new(Status::InvalidArg, format!("{}: {why}", self.name))
        })?;
        Ok(HostMount {
            mount: Mount {
                number: 0,
                guest_path: self.guest_path.clone(),
                source: SOURCE.into(),
                read_only: self.read_only,
                overlay: self.overlay,
                metered: true,
                cached: true,
                prepared: self.prepared.unwrap_or(false),
            },
            server: Server::Backend(Arc::new(directory)),
        })
    }
}

impl MountOption {
    /// Files of the host's that no cache may stand for: the host and other machines change them.
    fn mount_files(&self, files: f64) -> Result<HostMount> {
        let gone = || Error::new(Status::InvalidArg, format!("{}: it is gone", self.name));
        let (server, read_only) = served::served(files).ok_or_else(gone)?;
        Ok(HostMount {
            mount: Mount {
                number: 0,
                guest_path: self.guest_path.clone(),
                source: FILES_SOURCE.into(),
                read_only: self.read_only || read_only,
                overlay: self.overlay,
                metered: false,
                cached: false,
                prepared: false,
            },
            server,
        })
    }
}

impl FollowOption {
    fn root(&self) -> FollowedRoot {
        FollowedRoot {
            host_path: self.host_path.clone().into(),
            guest_path: self.guest_path.clone(),
        }
    }
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
    /// Arguments and streams of its commands are the host's to take.
    pub is_command: Option<bool>,
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
    /// The limit that was in the way.
    pub limit: Option<LimitOption>,
}

/// A limit that was passed.
#[napi(object, object_to_js = false)]
pub struct LimitOption {
    pub limit: String,
    pub bound: f64,
    pub used: f64,
}

impl From<ToolFailureOption> for ToolFailure {
    fn from(option: ToolFailureOption) -> ToolFailure {
        ToolFailure {
            message: option.message,
            code: option.code,
            data: option.data,
            limit: option.limit.map(|limit| Limit {
                name: limit.limit,
                bound: whole(Some(limit.bound), 0),
                used: whole(Some(limit.used), 0),
            }),
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
            is_command: self.is_command.unwrap_or_default(),
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

/// A program.
#[napi(object, object_to_js = false)]
pub struct ProgramOptions {
    pub argv: Vec<String>,
    /// An ES module that `node` runs in place of a file.
    pub code: Option<String>,
    /// How that is read, if it is not an ES module without a name.
    pub language: Option<String>,
    pub filename: Option<String>,
    /// Names and values in turn.
    pub env: Vec<String>,
    pub cwd: Option<String>,
    /// All of standard input; absent if it is fed.
    pub stdin: Option<Uint8Array>,
    pub timeout_ms: Option<f64>,
    /// In place of the VM's.
    pub cpu_time_ms: Option<f64>,
    pub freeze_time: Option<bool>,
    /// Processes that it and what it starts may be at a time.
    pub most_processes: Option<u32>,
    /// User and group, where they are not those of the VM.
    pub user: Option<Vec<u32>>,
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
            limits: limits::vm_limits(&self.limits),
            exclusive: false,
            high_resolution_time: self.high_resolution_time,
            freeze_time: self.freeze_time,
            asks_to_start: self.asks_to_start,
            starter: self.starter.clone(),
            hostname: self.hostname.clone(),
            trace: self.trace,
            warn: self.warn,
            // The broker has them from those who serve them.
            mounts: Vec::new(),
            tools: self.tools.iter().map(ToolOption::tool).collect(),
            outbound_ports: self.ports(),
        }
    }

    /// `lib/` has checked that they are ports.
    fn ports(&self) -> Vec<u16> {
        let ports = self.outbound_ports.iter();
        ports.filter_map(|port| u16::try_from(*port).ok()).collect()
    }

    /// Opens the directories of the mounts.
    ///
    /// # Errors
    /// One cannot be served.
    pub fn mounts(&self, config: &VmConfig) -> Result<Vec<HostMount>> {
        let quota = config.limits.max_mount_bytes;
        let mounts = self.mounts.iter();
        mounts.map(|mount| mount.mount(quota)).collect()
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

impl From<ProgramOptions> for Program {
    fn from(options: ProgramOptions) -> Program {
        Program {
            argv: options.argv,
            code: options.code.map(String::into_bytes),
            code_source: options.language.map(|language| CodeSource {
                language,
                filename: options.filename,
            }),
            env: pairs(&options.env),
            cwd: options.cwd,
            stdin: options
                .stdin
                .map_or(Stdin::Stream, |data| Stdin::Whole(data.to_vec())),
            timeout_ms: options.timeout_ms.map(|timeout| whole(Some(timeout), 0)),
            cpu_time_ms: options.cpu_time_ms.map(|time| whole(Some(time), 0)),
            freeze_time: options.freeze_time,
            most_processes: options.most_processes,
            user: options.user.and_then(|ids| match ids[..] {
                [uid, gid] => Some((uid, gid)),
                _ => None,
            }),
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
pub(crate) fn whole(value: Option<f64>, default: u64) -> u64 {
    value.map_or(default, |value| value as u64)
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
