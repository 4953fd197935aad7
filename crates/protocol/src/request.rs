//! What a VM asks the host for, and what it is told.
//!
//! The VM asks; whether it is done, and how, is decided by the host, which the guest cannot reach.

use serde::{Deserialize, Serialize};

use crate::Limit;

/// Something of the host's that a guest wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// A call of a tool.
    Tool {
        /// The process that calls.
        pid: i32,
        tool: String,
        /// JSON.
        input: String,
    },
    /// A connection to one of [`VmConfig::outbound_ports`](crate::VmConfig::outbound_ports). The host answers by connecting to
    /// [`Endpoint::Outbound`](crate::Endpoint::Outbound), or by `Refused`.
    Connect { port: u16 },
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// A value, as JSON.
    Value(String),
    /// It was refused, or it failed.
    Failed(ToolFailure),
    /// A connection is not made.
    Refused,
}

/// Why a call of a tool failed, as the guest is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolFailure {
    /// For people.
    pub message: String,
    /// For programs; the tool's own.
    pub code: Option<String>,
    /// What else the tool says, as JSON.
    pub data: Option<String>,
    /// The limit that was in the way.
    pub limit: Option<Limit>,
}

impl From<String> for ToolFailure {
    fn from(message: String) -> ToolFailure {
        ToolFailure {
            message,
            ..ToolFailure::default()
        }
    }
}

impl From<&str> for ToolFailure {
    fn from(message: &str) -> ToolFailure {
        message.to_owned().into()
    }
}
