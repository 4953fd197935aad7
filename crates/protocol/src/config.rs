//! What a VM is made from.

use serde::{Deserialize, Serialize};

use crate::{FileAttributes, VmLimits};

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
    /// Directories of the host's, and other files that it serves. More come and go by `Mount` and `Unmount`.
    pub mounts: Vec<Mount>,
    /// Tools of the host's that guests can call.
    pub tools: Vec<Tool>,
    /// Ports of 127.0.0.1 that guests reach on the host where nobody of the VM listens.
    pub outbound_ports: Vec<u16>,
    /// Programs that guests start are asked for: calls of the tool [`START_PERMISSION`].
    pub asks_to_start: bool,
    /// Words before a program that a guest starts and its arguments, which is run in place of it: a path comes first.
    pub starter: Vec<String>,
    /// Host name; the VM's own if absent.
    pub hostname: Option<String>,
    /// System calls of guests are told by `Trace` messages.
    pub trace: bool,
    /// Use of most of a limit is told by `Warning` messages.
    pub warn: bool,
    /// Guest clocks at full resolution instead of whole milliseconds.
    pub high_resolution_time: bool,
    /// Guest clocks stand still within a turn of the event loop.
    pub freeze_time: bool,
}

/// Files that the host serves over the files channel ([`files`](crate::files)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What it is called in requests for its files. Each mount of a VM has its own.
    pub number: u32,
    /// Where it is in the VM: an absolute path.
    pub guest_path: String,
    /// What `/proc/mounts` has as its device. Tells nothing of the host.
    pub source: String,
    /// Nothing can be changed through it.
    pub read_only: bool,
    /// What is changed stays in the VM, and what is below it is left alone.
    pub overlay: bool,
    /// What is written through it is bounded by [`VmLimits::max_mount_bytes`].
    pub metered: bool,
    /// Others change it without telling the VM rarely: what was found is taken for true for a tenth of a second.
    pub cached: bool,
    /// The host itself has made what lies in it, and machine code of it may be run.
    pub prepared: bool,
}

/// What is called before a guest starts a program, with an object that describes it; it may if the result is `true`. No
/// tool of this name is known to guests.
pub const START_PERMISSION: &str = "";

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
    /// It is behind commands by the names of `aliases`, whose arguments and streams the host takes as they are.
    pub is_command: bool,
}

/// An input to show in the help of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolExample {
    /// What it is for.
    pub description: Option<String>,
    /// The input, as JSON.
    pub input: String,
}
