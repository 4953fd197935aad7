//! Frames that are sent without end.

use secure_exec_protocol::{
    CallId, Captured, FileReply, Limit, Phase, ProcessEntry, Request, VmId, VmMessage,
};

use super::{condemned, entry, failure, hello, listeners, tool_call};

/// Frames that are sent without end as soon as there is a VM.
pub const FLOODS: &[&str] = &[
    "pong",
    "hello",
    "condemned",
    "started",
    "output",
    "tiny-output",
    "input-credit",
    "value",
    "exited",
    "data",
    "entries",
    "resources",
    "chunk",
    "imported",
    "processes",
    "many-processes",
    "many-arguments",
    "tool-calls",
    "one-tool-call",
    "tool-cancelled",
    "trace",
    "listeners",
    "connected",
    "closed",
    "failed",
    "created",
    "destroyed",
    "phases",
    "output-end",
    "warning",
    "captured",
    "empty-output",
    "empty-input-credit",
    "empty-value",
    "empty-data",
    "empty-entries",
    "empty-chunk",
    "empty-trace",
    "connects",
    "numbers",
    "dies-half-way",
    "stranger",
    "garbage",
    "huge",
    "empty",
];

/// The frame of a flood, which is the one with this number.
pub fn frame(mode: &str, vm: VmId, id: u64) -> (VmId, CallId, VmMessage) {
    let (list, data) = (vec![entry("x"); 4096], |size| vec![b'x'; size]);
    let process = |argv: String| ProcessEntry {
        pid: 1,
        state: "running".into(),
        argv,
        ..Default::default()
    };
    // The first call of an embedder in a VM without files.
    let call = 2;
    let message = match mode {
        "hello" => return (0, 0, hello()),
        "condemned" => return (0, 0, condemned()),
        "stranger" => return (vm + 1, call, VmMessage::Pong),
        "started" => VmMessage::Started { pid: 2 },
        "output" => VmMessage::Output {
            stream: 1,
            data: data(65_536),
        },
        "tiny-output" => VmMessage::Output {
            stream: 1,
            data: data(1),
        },
        "input-credit" => VmMessage::InputCredit {
            stream: 0,
            bytes: u32::MAX,
        },
        "value" => VmMessage::Value {
            data: data(1 << 20),
        },
        "exited" => VmMessage::Exited(Box::default()),
        "data" => VmMessage::File(FileReply::Data {
            data: data(1 << 20),
            more: Some(1),
        }),
        "entries" => VmMessage::File(FileReply::Entries {
            entries: list,
            more: Some(1),
        }),
        "resources" => VmMessage::Resources(Default::default()),
        "chunk" => VmMessage::Chunk {
            data: data(1 << 20),
            last: false,
        },
        "imported" => VmMessage::Imported,
        "processes" => VmMessage::Processes(vec![process("a\0".into())]),
        "many-processes" => VmMessage::Processes(vec![process(String::new()); 32_768]),
        "many-arguments" => VmMessage::Processes(vec![process("\0".repeat(4_000_000))]),
        "tool-calls" => return (vm, 0, tool_call(id, "missing")),
        "one-tool-call" => return (vm, 0, tool_call(7, "slow")),
        "tool-cancelled" => VmMessage::Abandoned { id },
        "output-end" => VmMessage::OutputEnd,
        "warning" => VmMessage::Warning(Limit {
            name: "maxProcesses".into(),
            bound: 1,
            used: u64::MAX,
        }),
        "captured" => VmMessage::Captured(Captured {
            data_bytes: u64::MAX,
            image_bytes: u64::MAX,
            kept: vec![u64::MAX; 31],
        }),
        "connects" => {
            let request = Request::Connect { port: 80 };
            return (vm, 0, VmMessage::Request { id, request });
        }
        // Where numbers end, of which each is given once and again.
        "numbers" => {
            let ends = [0, u64::MAX, 1 << 63, 1 << 53, u64::from(u32::MAX)];
            let at = usize::try_from(id).unwrap_or(0);
            let number = ends.get(at % ends.len()).copied().unwrap_or(0);
            if at % 2 == 0 {
                return (vm, 0, VmMessage::Abandoned { id: number });
            }
            return (vm, 0, tool_call(number.wrapping_sub(1), "slow"));
        }
        "trace" => VmMessage::Trace {
            text: "x\n".repeat(30_000),
            times: vec![1; 30_000],
        },
        "listeners" => return (vm, 0, listeners(30_000)),
        "connected" => VmMessage::Connected,
        "closed" => VmMessage::Closed,
        "failed" => VmMessage::Failed(failure("ENOENT", 100)),
        "created" => VmMessage::Created { phases: Vec::new() },
        "destroyed" => VmMessage::Destroyed,
        "phases" => VmMessage::Created {
            phases: vec![
                Phase {
                    name: String::new(),
                    micros: 0
                };
                1_000_000
            ],
        },
        _ => nothing(mode),
    };
    (vm, call, message)
}

/// Messages that say nothing, of which each costs the host something all the same.
fn nothing(mode: &str) -> VmMessage {
    match mode {
        "empty-output" => VmMessage::Output {
            stream: 1,
            data: Vec::new(),
        },
        "empty-input-credit" => VmMessage::InputCredit {
            stream: 0,
            bytes: 0,
        },
        "empty-value" => VmMessage::Value { data: Vec::new() },
        "empty-data" => VmMessage::File(FileReply::Data {
            data: Vec::new(),
            more: Some(u32::MAX),
        }),
        "empty-entries" => VmMessage::File(FileReply::Entries {
            entries: Vec::new(),
            more: Some(u32::MAX),
        }),
        "empty-chunk" => VmMessage::Chunk {
            data: Vec::new(),
            last: false,
        },
        "empty-trace" => VmMessage::Trace {
            text: String::new(),
            times: Vec::new(),
        },
        _ => VmMessage::Pong,
    }
}
