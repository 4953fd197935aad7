//! Messages between the host and a VM process.
//!
//! One stream socket carries length-prefixed frames in both directions: [`HostFrame`] towards the VM
//! process, [`VmFrame`] back. A frame names the VM it is about and the call it belongs to; calls are
//! numbered by the host, per VM, and never reused.
//!
//! - Every request ([`HostMessage::is_request`]) gets exactly one answer ([`VmMessage::is_answer`]) with its
//!   id; everything else is a notification.
//! - Output towards the host and input towards the guest carry credit: at most [`STREAM_WINDOW`] bytes
//!   of one stream are under way before the receiver gave some back. Connections of the host's to listeners of a VM
//!   ([`connection`]) have more.
//! - A frame that is too long or does not decode ends the connection, and nothing else.

pub mod bounds;
pub mod channel;
pub mod config;
pub mod connection;
pub mod file;
pub mod files;
pub mod files_socket;
pub mod frame;
pub mod host_message;
pub mod ladder;
pub mod launch;
mod leases;
pub mod limits;
mod passing;
pub mod program;
pub mod request;
pub mod value;
pub mod vm_message;

pub use channel::{Channel, FrameReader, FrameWriter, ReadBudget, Received, Turn, TurnState};
pub use config::{File, Mount, START_PERMISSION, Tool, ToolExample, VmConfig};
pub use connection::{
    CONNECTION_WINDOW, Endpoint, FROM_GUEST, Listener, ListenerAddress, TO_GUEST,
};
pub use file::{DirectoryEntry, FileAttributes, FileReply, FileRequest, FileStat, most_names};
pub use files_socket::FilesSocket;
pub use frame::{Decoder, FrameError, encode};
pub use host_message::{HostFrame, HostMessage, ImagePlace};
pub use limits::VmLimits;
pub use program::{CodeSource, Program, Stdin, TerminalSize};
pub use request::{Answer, Request, ToolFailure};
pub use value::ValueCost;
pub use vm_message::{
    Captured, Cause, Exit, Failure, Limit, Phase, ProcessEntry, ResourceSnapshot, Usage, VmFrame,
    VmMessage,
};

/// Number of the messages of a release; one that changes them in a way that its predecessor does not understand has the
/// next.
pub const VERSION: u32 = 1;

/// Longest frame, without its length prefix.
pub const MAX_FRAME: usize = 4 << 20;

/// Longest piece of bulk data put into one frame: leaves room for the rest of the message.
pub const MAX_CHUNK: usize = 1 << 20;

/// Bytes of one stream that may be under way without credit.
pub const STREAM_WINDOW: usize = 64 << 10;

/// Number of a VM within its VM process.
pub type VmId = u32;

/// Number of a call within a VM; 0 belongs to no call.
pub type CallId = u64;

/// Number of a stream of a guest process, which is also its file descriptor in the guest.
pub type Stream = u8;

/// Standard input.
pub const STDIN: Stream = 0;
/// Standard output.
pub const STDOUT: Stream = 1;
/// Standard error.
pub const STDERR: Stream = 2;
/// Commands to a resident program.
pub const CONTROL_IN: Stream = 3;
/// Answers of a resident program.
pub const CONTROL_OUT: Stream = 4;
