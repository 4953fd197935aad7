//! A guest program to run.

use serde::{Deserialize, Serialize};

/// What is known of a program's standard input when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// All of it; end of file follows.
    Whole(#[serde(with = "serde_bytes")] Vec<u8>),
    /// It comes by `Input` messages.
    Stream,
}

/// Size of a terminal's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    pub cols: u16,
    pub rows: u16,
}

/// How the code of a program is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSource {
    /// `js` and `ts` are ES modules, `cjs` CommonJS, `auto` whatever Node.js would take it for.
    pub language: String,
    /// The file that it is taken for.
    pub filename: Option<String>,
}

/// A guest process to start, with pipes on its standard streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// `argv`; the first is looked up in `PATH`.
    pub argv: Vec<String>,
    /// An ES module that the executable, which is `node`, runs in place of a file: UTF-8. Pieces that came by `Code`
    /// messages go before this one.
    #[serde(with = "serde_bytes")]
    pub code: Option<Vec<u8>>,
    /// How that is read, if it is not an ES module without a name, which may be TypeScript.
    pub code_source: Option<CodeSource>,
    /// Environment over the VM's.
    pub env: Vec<(String, String)>,
    /// Working directory if not the VM's.
    pub cwd: Option<String>,
    /// Standard input.
    pub stdin: Stdin,
    /// Killed after this time.
    pub timeout_ms: Option<u64>,
    /// Processor time that it may use with all that it starts, if that is not the VM's.
    pub cpu_time_ms: Option<u64>,
    /// Whether clocks stand still within a turn of the event loop, if that is not as in the VM.
    pub freeze_time: Option<bool>,
    /// Processes that it and its descendants may be at a time.
    pub most_processes: Option<u32>,
    /// User and group, if they are not the VM's own.
    pub user: Option<(u32, u32)>,
    /// Output is sent as it comes; otherwise as late as its bounded buffer allows.
    pub streaming: bool,
    /// A `Started` message tells the pid.
    pub announce: bool,
    /// The program can hand back a value by `globalThis.__return`.
    pub returns: bool,
    /// Pipes on the descriptors [`crate::CONTROL_IN`] and [`crate::CONTROL_OUT`].
    pub control: bool,
    /// Runs on a terminal of its own, which is its standard streams; what it shows comes as standard output.
    pub terminal: Option<TerminalSize>,
}
