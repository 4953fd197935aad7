//! What the host says to a VM process.

use serde::{Deserialize, Serialize};

use crate::{
    Answer, CallId, Endpoint, FileRequest, Mount, Program, Stream, TerminalSize, Tool, VmConfig,
    VmId,
};

/// One frame from host to VM process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostFrame {
    /// The VM it is about; 0 for the process itself.
    pub vm: VmId,
    /// The call it belongs to.
    pub call: CallId,
    pub message: HostMessage,
}

/// The content of a [`HostFrame`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HostMessage {
    /// Boots the VM `vm`. Answer: `Created`.
    Create(Box<VmConfig>),
    /// Kills its processes and frees it. Answer: `Destroyed`.
    Destroy,
    /// Runs a program. Answer: `Exited`, or `Failed` if it cannot start.
    Spawn(Box<Program>),
    /// A piece of the code of the program that `Spawn` is going to start as the same call.
    Code {
        /// Bytes of the whole code.
        size: u64,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// Connects to a listener. Answer, at its end: `Closed`, or `Failed`.
    Connect(Endpoint),
    /// The host has no more use for the call's connection: what is under way in either direction is dropped.
    Disconnect {
        /// The guest sees a reset, whatever was read.
        reset: bool,
    },
    /// The host took a `Listeners`.
    ListenersTaken,
    /// Bytes for a stream of the call's program or connection; `end` closes the stream behind them.
    Input {
        stream: Stream,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
        end: bool,
    },
    /// A signal for the call's program.
    Signal { signal: u8 },
    /// The host took this many bytes of an output stream.
    Credit { stream: Stream, bytes: u32 },
    /// A new size for the terminal of the call's program.
    Resize(TerminalSize),
    /// The processor time of the call's program is counted anew, for its limit.
    RenewCpuTime,
    /// The host took a `Trace`.
    TraceTaken,
    /// Every process of the VM. Answer: `Processes`.
    Processes,
    /// More tools, or other ones of the same names. Answer: `File(Done)`.
    RegisterTools(Vec<Tool>),
    /// One more mount, on a directory that is made if it is missing. Answer: `File(Done)`.
    Mount(Box<Mount>),
    /// Takes the mount at a path away, which must not be in use. Answer: `File(Done)`.
    Unmount {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// What came of a `Request`.
    Answer { id: u64, answer: Answer },
    /// A file method. Answer: `File`.
    File(FileRequest),
    /// Answer: `Resources`.
    Resources,
    /// The filesystem from `offset` on, serialized at offset 0. Answer: `Chunk`.
    Export { offset: u64 },
    /// A piece of an exported filesystem for a VM without processes. Answer: `Imported`.
    Import {
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
        last: bool,
    },
    /// Is the server thread alive? Answer: `Pong`.
    Ping,
    /// All files as they are now. Answer: `Captured`, and they are kept until `Fill` comes.
    Capture,
    /// Memory for what was captured, as a descriptor that comes with the frame; its length is that of what is to be put
    /// there. Without a number there is none to be had: what was captured is let go of. Answer: `File(Done)`.
    Fill { number: Option<u64> },
    /// Sealed memory for a `Restore` that follows, as a descriptor that comes with the frame.
    Segment { number: u64, length: u64 },
    /// Captured files in place of the present ones. Answer: `File(Done)`.
    Restore {
        /// Segments that have come before it, in the order in which the image has them. The image is in the first.
        segments: Vec<u64>,
        image: ImagePlace,
    },
}

/// Where the image of captured files is in its segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePlace {
    pub offset: u64,
    pub length: u64,
}

impl HostMessage {
    /// Whether the frame's call id expects an answer.
    #[must_use]
    pub fn is_request(&self) -> bool {
        !matches!(
            self,
            HostMessage::Code { .. }
                | HostMessage::Disconnect { .. }
                | HostMessage::ListenersTaken
                | HostMessage::Input { .. }
                | HostMessage::Signal { .. }
                | HostMessage::Credit { .. }
                | HostMessage::Resize(_)
                | HostMessage::RenewCpuTime
                | HostMessage::TraceTaken
                | HostMessage::Answer { .. }
                | HostMessage::Segment { .. }
        )
    }

    /// The segment whose descriptor comes with the frame.
    #[must_use]
    pub fn descriptor(&self) -> Option<u64> {
        match self {
            HostMessage::Fill { number } => *number,
            HostMessage::Segment { number, .. } => Some(*number),
            _ => None,
        }
    }
}
