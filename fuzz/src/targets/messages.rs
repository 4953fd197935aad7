//! Genuine messages of both directions, with odd content.

use std::net::IpAddr;

use secure_exec_protocol::{
    Answer, Captured, Cause, CodeSource, DirectoryEntry, Endpoint, Exit, Failure, FileAttributes,
    FileReply, FileRequest, FileStat, HostFrame, HostMessage, ImagePlace, Limit, Listener,
    ListenerAddress, Phase, ProcessEntry, Program, Request, ResourceSnapshot, Stdin, TerminalSize,
    Tool, ToolFailure, Usage, VmConfig, VmFrame, VmMessage,
};

use crate::Input;

/// Numbers of VMs and of calls that mean something more often than by chance.
const NUMBERS: &[u64] = &[0, 1, 2, 3, 4, 5, u64::MAX];

fn few<'a, T>(input: &mut Input<'a>, most: usize, one: fn(&mut Input<'a>) -> T) -> Vec<T> {
    let count = input.below(most + 1);
    (0..count).map(|_| one(input)).collect()
}

fn perhaps<'a, T>(input: &mut Input<'a>, one: fn(&mut Input<'a>) -> T) -> Option<T> {
    input.once_in(2).then(|| one(input))
}

fn data(input: &mut Input<'_>) -> Vec<u8> {
    if input.once_in(16) {
        let length = input.pick_of(&[4095, 65_536, 70_000, 300_000]);
        return vec![input.byte(); length];
    }
    input.bytes(40)
}

fn text(input: &mut Input<'_>) -> String {
    match input.below(6) {
        0 => String::new(),
        1 => "ERR_VM_DISPOSED".into(),
        2 => "{\"a\":[1]}".into(),
        3 => "{bad".into(),
        4 => "\u{0}\u{1f600}é".repeat(input.below(40)),
        _ => String::from_utf8_lossy(&input.bytes(30)).into_owned(),
    }
}

fn limit(input: &mut Input<'_>) -> Limit {
    Limit {
        name: text(input),
        bound: input.unsigned(),
        used: input.unsigned(),
    }
}

fn phases(input: &mut Input<'_>) -> Vec<Phase> {
    few(input, 3, |input| Phase {
        name: text(input),
        micros: input.unsigned(),
    })
}

/// A frame of a VM process.
pub fn vm_frame(input: &mut Input<'_>) -> VmFrame {
    let vm = u32::try_from(input.pick_of(NUMBERS)).unwrap_or(u32::MAX);
    let call = input.pick_of(NUMBERS);
    VmFrame {
        vm,
        call,
        message: vm_message(input),
    }
}

/// What a VM process says.
pub fn vm_message(input: &mut Input<'_>) -> VmMessage {
    match input.below(26) {
        0 => VmMessage::Hello {
            version: input.word(),
            phases: phases(input),
        },
        1 => VmMessage::Created {
            phases: phases(input),
        },
        2 => VmMessage::Destroyed,
        3 => VmMessage::Started { pid: input.int() },
        4 | 5 => VmMessage::Output {
            stream: input.byte(),
            data: data(input),
        },
        6 => VmMessage::InputCredit {
            stream: input.byte(),
            bytes: input.word(),
        },
        7 => VmMessage::Value { data: data(input) },
        8 => VmMessage::Exited(Box::new(exit(input))),
        9 | 10 => VmMessage::File(file_reply(input)),
        11 => VmMessage::Resources(resources(input)),
        12 => VmMessage::Chunk {
            data: data(input),
            last: input.once_in(2),
        },
        13 => {
            if input.once_in(2) {
                VmMessage::Pong
            } else {
                VmMessage::Imported
            }
        }
        14 => VmMessage::Processes(few(input, 4, process)),
        15 => VmMessage::Request {
            id: input.pick_of(NUMBERS),
            request: Request::Tool {
                pid: input.int(),
                tool: text(input),
                input: text(input),
            },
        },
        16 => VmMessage::Abandoned {
            id: input.pick_of(NUMBERS),
        },
        17 => VmMessage::Trace {
            text: text(input),
            times: few(input, 8, Input::unsigned),
        },
        18 => VmMessage::Failed(failure(input)),
        19 => VmMessage::Warning(limit(input)),
        20 => VmMessage::Connected,
        21 => VmMessage::OutputEnd,
        22 => VmMessage::Closed,
        23 => VmMessage::Listeners(few(input, 4, listener)),
        24 => VmMessage::Captured(Captured {
            data_bytes: input.unsigned(),
            image_bytes: input.unsigned(),
            kept: few(input, 4, Input::unsigned),
        }),
        _ => VmMessage::Condemned {
            why: text(input),
            limit: perhaps(input, limit),
        },
    }
}

fn listener(input: &mut Input<'_>) -> Listener {
    let address = if input.once_in(2) {
        ListenerAddress::Path(data(input))
    } else {
        let ip = IpAddr::from(input.word().to_le_bytes());
        let port = u16::from(input.byte());
        ListenerAddress::Inet { ip, port }
    };
    let pid = input.int();
    Listener {
        pid,
        address,
        is_awaited: input.once_in(2),
    }
}

fn exit(input: &mut Input<'_>) -> Exit {
    let cause = match input.below(4) {
        0 => None,
        1 => Some(Cause::TimedOut),
        2 => Some(Cause::Limit(limit(input))),
        _ => Some(Cause::Fatal(text(input))),
    };
    Exit {
        code: input.int(),
        signal: input.byte(),
        cause,
        usage: Usage {
            wall_us: input.unsigned(),
            cpu_us: input.unsigned(),
            peak_memory_bytes: input.unsigned(),
        },
        limits: few(input, 3, limit),
        stdout: data(input),
        stderr: data(input),
        value: perhaps(input, data),
    }
}

fn failure(input: &mut Input<'_>) -> Failure {
    Failure {
        code: text(input),
        errno: input.int(),
        message: text(input),
        syscall: text(input),
        path: data(input),
        limit: perhaps(input, |input| Box::new(limit(input))),
    }
}

fn file_reply(input: &mut Input<'_>) -> FileReply {
    match input.below(5) {
        0 => FileReply::Done,
        1 => FileReply::Data {
            data: data(input),
            more: perhaps(input, Input::word),
        },
        2 => FileReply::Entries {
            entries: few(input, 5, |input| DirectoryEntry {
                name: data(input),
                kind: input.word(),
            }),
            more: perhaps(input, Input::word),
        },
        3 => FileReply::Stat(FileStat {
            mode: input.word(),
            size: input.unsigned(),
            mtime_ns: input.number(),
            ..FileStat::default()
        }),
        _ => FileReply::Exists(input.once_in(2)),
    }
}

fn resources(input: &mut Input<'_>) -> ResourceSnapshot {
    ResourceSnapshot {
        processes: input.unsigned(),
        fds: input.unsigned(),
        filesystem_bytes: input.unsigned(),
        ..ResourceSnapshot::default()
    }
}

fn process(input: &mut Input<'_>) -> ProcessEntry {
    ProcessEntry {
        pid: input.int(),
        state: text(input),
        cwd: text(input),
        started_ms: input.number(),
        ..ProcessEntry::default()
    }
}

/// A frame of the host.
pub fn host_frame(input: &mut Input<'_>) -> HostFrame {
    let vm = u32::try_from(input.pick_of(NUMBERS)).unwrap_or(u32::MAX);
    let call = input.pick_of(NUMBERS);
    HostFrame {
        vm,
        call,
        message: host_message(input),
    }
}

fn host_message(input: &mut Input<'_>) -> HostMessage {
    match input.below(19) {
        0 => HostMessage::Create(Box::new(VmConfig {
            env: few(input, 3, |input| (text(input), text(input))),
            cwd: perhaps(input, text),
            tools: few(input, 2, tool),
            ..VmConfig::default()
        })),
        1 => HostMessage::Destroy,
        2 => HostMessage::Spawn(Box::new(program(input))),
        3 => HostMessage::Code {
            size: input.unsigned(),
            data: data(input),
        },
        4 => HostMessage::Input {
            stream: input.byte(),
            data: data(input),
            end: input.once_in(2),
        },
        5 => HostMessage::Signal {
            signal: input.byte(),
        },
        6 => HostMessage::Credit {
            stream: input.byte(),
            bytes: input.word(),
        },
        7 => HostMessage::RegisterTools(few(input, 3, tool)),
        8 => HostMessage::Answer {
            id: input.pick_of(NUMBERS),
            answer: if input.once_in(2) {
                Answer::Value(text(input))
            } else {
                Answer::Failed(ToolFailure {
                    message: text(input),
                    code: perhaps(input, text),
                    data: perhaps(input, text),
                    limit: None,
                })
            },
        },
        9 | 10 => HostMessage::File(file_request(input)),
        11 => HostMessage::Export {
            offset: input.unsigned(),
        },
        12 => HostMessage::Import {
            data: data(input),
            last: input.once_in(2),
        },
        13 => HostMessage::Connect(if input.once_in(2) {
            Endpoint::Port(u16::from(input.byte()))
        } else {
            Endpoint::Path(data(input))
        }),
        14 => HostMessage::Disconnect {
            reset: input.once_in(2),
        },
        15 => HostMessage::ListenersTaken,
        16 => HostMessage::Capture,
        17 => HostMessage::Restore {
            segments: few(input, 4, Input::unsigned),
            image: ImagePlace {
                offset: input.unsigned(),
                length: input.unsigned(),
            },
        },
        _ => HostMessage::Ping,
    }
}

fn tool(input: &mut Input<'_>) -> Tool {
    Tool {
        name: text(input),
        description: text(input),
        schema: text(input),
        aliases: few(input, 3, text),
        examples: Vec::new(),
        is_command: input.once_in(2),
    }
}

fn program(input: &mut Input<'_>) -> Program {
    Program {
        argv: few(input, 4, text),
        code: perhaps(input, data),
        code_source: perhaps(input, |input| CodeSource {
            language: text(input),
            filename: perhaps(input, text),
        }),
        env: few(input, 3, |input| (text(input), text(input))),
        cwd: perhaps(input, text),
        stdin: if input.once_in(2) {
            Stdin::Stream
        } else {
            Stdin::Whole(data(input))
        },
        timeout_ms: perhaps(input, Input::unsigned),
        cpu_time_ms: perhaps(input, Input::unsigned),
        freeze_time: perhaps(input, |input| input.once_in(2)),
        most_processes: perhaps(input, Input::word),
        user: perhaps(input, |input| (input.word(), input.word())),
        streaming: input.once_in(2),
        announce: input.once_in(2),
        returns: input.once_in(2),
        control: input.once_in(2),
        terminal: perhaps(input, |input| TerminalSize {
            cols: u16::from(input.byte()),
            rows: u16::from(input.byte()),
        }),
    }
}

fn file_request(input: &mut Input<'_>) -> FileRequest {
    let path = data(input);
    match input.below(6) {
        0 => FileRequest::Read { path },
        1 => FileRequest::ReadMore {
            handle: input.word(),
        },
        2 => FileRequest::Write {
            path,
            data: data(input),
            handle: perhaps(input, Input::word),
            parents: input.once_in(2),
            attributes: FileAttributes {
                mode: perhaps(input, Input::word),
                ..FileAttributes::default()
            },
        },
        3 => FileRequest::Rename {
            from: path,
            to: data(input),
        },
        4 => FileRequest::Copy {
            from: path,
            to: data(input),
            recursive: input.once_in(2),
        },
        _ => FileRequest::Remove {
            path,
            recursive: input.once_in(2),
            force: input.once_in(2),
        },
    }
}
