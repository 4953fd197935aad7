//! A VM process that has been taken over, for tests: it speaks the protocol and breaks every rule of it.
//!
//! It is put in the launcher's place. The file `mode` beside it says what it does: `genuine` runs the launcher whose
//! path is in the file `launcher`; any other word is a way to do harm, and the list of them is printed by `--modes`.

mod exhaust;
mod files;
mod snapshots;

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use files::Files;
use secure_exec_protocol::{
    CallId, Captured, Decoder, DirectoryEntry, Exit, Failure, FileReply, FileRequest, HostFrame,
    HostMessage, Limit, Listener, ListenerAddress, Phase, ProcessEntry, Request, VERSION, VmFrame,
    VmId, VmMessage, encode,
};

/// Where a VM process finds its socket.
const SOCKET: i32 = 3;

/// Frames that are sent without end as soon as there is a VM.
const FLOODS: &[&str] = &[
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

/// What it does with a request for a program.
const PROGRAMS: &[&str] = &[
    "no-json",
    "deep-json",
    "long-value",
    "large-value",
    "output-flood",
    "tiny-outputs",
    "bad-status",
    "twice",
    "never-ends",
    "fork-flood",
    "wrong-kind",
    "forged-failure",
    "long-failure",
    "endless-output",
    "empty-outputs",
    "empty-values",
    "warnings",
    "input-credit-of-nothing",
];

/// What it does with a request about a file, or for anything else.
const FILES: &[&str] = &[
    "endless-file",
    "many-names",
    "bad-names",
    "no-answer",
    "out-of-turn",
    "slow-answers",
];

/// What it does from the beginning.
const STARTS: &[&str] = &[
    "mute",
    "no-setup",
    "drip",
    "half-frame",
    "never-reads",
    "condemned-and-endless",
    "condemned-and-mute",
    "exits",
    "endless-tools",
    "burns",
];

struct Peer {
    socket: UnixStream,
    decoder: Decoder,
    mode: String,
    folder: PathBuf,
    /// The channel of a VM that has mounts, for modes about those.
    files: Option<Files>,
    /// The latest memory that the host has given.
    memory: Option<OwnedFd>,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match arguments.get(1).and_then(|argument| argument.to_str()) {
        Some("--modes") => {
            let modes: Vec<&str> = [
                STARTS,
                FLOODS,
                PROGRAMS,
                FILES,
                snapshots::MODES,
                files::RULES,
                files::ATTEMPTS,
                exhaust::RULES,
                exhaust::ATTEMPTS,
                exhaust::ENDS,
            ]
            .concat();
            let _ = writeln!(std::io::stdout(), "{}", modes.join(" "));
            return ExitCode::SUCCESS;
        }
        Some("--flood") => {
            Peer::new("pong".into(), PathBuf::new()).flood(1);
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let folder = PathBuf::from(arguments.first().cloned().unwrap_or_default());
    let folder = folder.parent().unwrap_or(Path::new("/")).to_owned();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let mode = read("mode").trim().to_owned();
    if mode == "genuine" {
        // Gives its place to the launcher, with all that it was given.
        let failed = Command::new(read("launcher").trim())
            .args(&arguments[1..])
            .exec();
        let _ = writeln!(std::io::stderr(), "the launcher: {failed}");
        return ExitCode::FAILURE;
    }
    Peer::new(mode, folder).serve(arguments.first().cloned().unwrap_or_default());
    ExitCode::SUCCESS
}

impl Peer {
    fn new(mode: String, folder: PathBuf) -> Peer {
        // SAFETY: the broker has put the socket there, and nobody else uses it.
        let socket = unsafe { UnixStream::from_raw_fd(SOCKET) };
        Peer {
            socket,
            decoder: Decoder::new(),
            mode,
            folder,
            files: None,
            memory: None,
        }
    }

    fn serve(&mut self, program: OsString) {
        if self.mode == "mute" {
            return sleep();
        }
        self.say(0, 0, hello());
        let mut buffer = vec![0; 1 << 16];
        loop {
            match self.decoder.next::<HostFrame>() {
                Ok(Some(frame)) => self.answer(frame, &program),
                Ok(None) => match snapshots::receive(&self.socket, &mut buffer, &mut self.memory) {
                    Ok(count) if count > 0 => {
                        self.decoder.push(buffer.get(..count).unwrap_or_default())
                    }
                    _ => return,
                },
                Err(_) => return,
            }
        }
    }

    fn answer(&mut self, frame: HostFrame, program: &OsString) {
        let HostFrame { vm, call, message } = frame;
        match message {
            HostMessage::Create(config) => {
                if self.mode.starts_with("files-") {
                    self.files = Some(Files::new(vm, &config, &self.folder));
                }
                self.created(vm, call);
            }
            HostMessage::Spawn(_) => self.spawned(vm, call, program),
            HostMessage::File(request) => self.file(vm, call, request),
            HostMessage::Export { .. } => match &*self.mode {
                "condemned-and-endless" => {
                    let data = vec![b'x'; 1 << 20];
                    self.say(vm, call, VmMessage::Chunk { data, last: false });
                }
                "condemned-and-mute" => {}
                _ => self.say(
                    vm,
                    call,
                    VmMessage::Chunk {
                        data: Vec::new(),
                        last: true,
                    },
                ),
            },
            HostMessage::Capture => {
                let captured = snapshots::captured(&self.mode);
                self.say(vm, call, VmMessage::Captured(captured));
            }
            HostMessage::Fill { .. } => {
                snapshots::fill(&self.mode, self.memory.take());
                self.say(vm, call, VmMessage::File(FileReply::Done));
            }
            HostMessage::Import { .. } => self.say(vm, call, VmMessage::Imported),
            HostMessage::Destroy => {
                self.say(vm, call, VmMessage::Destroyed);
                if let Some(files) = &mut self.files {
                    files.ask_after_the_end();
                }
            }
            HostMessage::Credit { stream, bytes } if self.mode == "endless-output" => {
                let data = vec![b'x'; bytes as usize];
                self.say(vm, call, VmMessage::Output { stream, data });
            }
            HostMessage::Answer { id, .. } if self.mode == "endless-tools" => {
                self.say(vm, 0, tool_call(id + 4, "missing"));
            }
            HostMessage::RegisterTools(_) => self.say(vm, call, VmMessage::File(FileReply::Done)),
            HostMessage::Processes | HostMessage::Resources if self.mode == "no-answer" => {}
            HostMessage::Processes => self.say(vm, call, VmMessage::Processes(Vec::new())),
            HostMessage::Resources => {
                self.say(vm, call, VmMessage::Resources(Default::default()));
            }
            _ => {}
        }
    }

    fn created(&mut self, vm: VmId, call: CallId) {
        let created = || VmMessage::Created { phases: Vec::new() };
        match &*self.mode {
            "no-setup" => return,
            "drip" => {
                let bytes = bytes(vm, call, created());
                for byte in bytes {
                    self.write(&[byte]);
                    std::thread::sleep(Duration::from_millis(300));
                }
                return;
            }
            _ => self.say(vm, call, created()),
        }
        match &*self.mode {
            "half-frame" => {
                self.write(&[0xff, 0xff, 0, 0, 1, 1]);
                sleep();
            }
            "never-reads" => {
                for id in 0.. {
                    self.say(vm, 0, tool_call(id, "missing"));
                }
            }
            "condemned-and-endless" | "condemned-and-mute" => self.say(0, 0, condemned()),
            "endless-tools" => {
                for id in 0..4 {
                    self.say(vm, 0, tool_call(id, "missing"));
                }
            }
            "exits" => std::process::abort(),
            // It answers as it should, and takes all processors that it can get.
            "burns" => {
                for _ in 0..4 {
                    std::thread::spawn(|| {
                        loop {
                            std::hint::spin_loop();
                        }
                    });
                }
            }
            mode if FLOODS.contains(&mode) => self.flood(vm),
            _ => {}
        }
    }

    /// Says one thing for ever, many at once: it is the host that is to be busy.
    fn flood(&mut self, vm: VmId) {
        let mut id = 0;
        loop {
            let mut batch = Vec::new();
            while batch.len() < 65_536 {
                id += 1;
                match &*self.mode {
                    "garbage" => batch.extend([4, 0, 0, 0, 1, 1, 0xff, 0xff]),
                    "huge" => batch.extend([0xff; 4]),
                    "empty" => batch.extend([0; 4]),
                    "dies-half-way" => self.die_half_way(vm),
                    _ => {
                        let (vm, call, message) = self.flooding(vm, id);
                        batch.extend(bytes(vm, call, message));
                    }
                }
            }
            self.write(&batch);
        }
    }

    /// Ends in the middle of something that it has begun to say, another thing each time.
    fn die_half_way(&mut self, vm: VmId) -> ! {
        self.mode = FLOODS
            .get(std::process::id() as usize % FLOODS.len())
            .map_or_else(String::new, |mode| (*mode).to_owned());
        let (vm, call, message) = self.flooding(vm, 1);
        let whole = bytes(vm, call, message);
        // What is whole and nobody has asked for would be noticed first.
        self.write(whole.get(..whole.len() / 2 + 1).unwrap_or_default());
        std::process::exit(0)
    }

    fn flooding(&self, vm: VmId, id: u64) -> (VmId, CallId, VmMessage) {
        let (list, data) = (vec![entry("x"); 4096], |size| vec![b'x'; size]);
        let process = |argv: String| ProcessEntry {
            pid: 1,
            state: "running".into(),
            argv,
            ..Default::default()
        };
        // The first call of an embedder in a VM without files.
        let call = 2;
        let message = match &*self.mode {
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
            _ => VmMessage::Pong,
        };
        (vm, call, message)
    }

    fn spawned(&mut self, vm: VmId, call: CallId, program: &OsString) {
        // When it is asked for something for the first time: its VM is there then.
        if let Some(files) = &mut self.files {
            files.attack(&self.mode);
        }
        let value = |json: &str| VmMessage::Value { data: json.into() };
        match &*self.mode {
            "no-json" => self.say(vm, call, exited(|exit| exit.value = Some(b"{bad".to_vec()))),
            "deep-json" => {
                self.say(vm, call, value(&"[".repeat(500_000)));
                let rest = "]".repeat(500_000);
                self.say(vm, call, exited(|exit| exit.value = Some(rest.into())));
            }
            "long-value" => loop {
                self.say(vm, call, value(&"1".repeat(1 << 20)));
            },
            "large-value" => {
                let json = format!("[{}{{}}]", "{},".repeat(200_000));
                self.say(vm, call, exited(|exit| exit.value = Some(json.into())));
            }
            "output-flood" => loop {
                let data = vec![b'x'; 65_536];
                self.say(vm, call, VmMessage::Output { stream: 1, data });
            },
            "endless-output" => {
                let data = vec![b'x'; 65_536];
                self.say(vm, call, VmMessage::Output { stream: 1, data });
            }
            "tiny-outputs" => {
                for _ in 0..60_000 {
                    self.say(
                        vm,
                        call,
                        VmMessage::Output {
                            stream: 1,
                            data: b"x".to_vec(),
                        },
                    );
                }
                self.say(vm, call, exited(|_| {}));
            }
            "empty-outputs" => loop {
                let data = Vec::new();
                self.say(vm, call, VmMessage::Output { stream: 1, data });
            },
            "empty-values" => loop {
                self.say(vm, call, value(""));
            },
            // Each of a limit that nobody has.
            "warnings" => {
                for count in 0.. {
                    let limit = Limit {
                        name: format!("{count}"),
                        bound: count,
                        used: count,
                    };
                    self.say(vm, call, VmMessage::Warning(limit));
                }
            }
            "input-credit-of-nothing" => loop {
                let credit = VmMessage::InputCredit {
                    stream: 0,
                    bytes: 0,
                };
                self.say(vm, call, credit);
            },
            "bad-status" => self.say(vm, call, exited(|exit| exit.code = i32::MIN)),
            "twice" => {
                for _ in 0..1000 {
                    self.say(vm, call, exited(|_| {}));
                }
            }
            "never-ends" => {}
            "fork-flood" => {
                // It has the socket, and floods it when its parent is gone.
                let _ = Command::new(program).arg("--flood").spawn();
                std::thread::sleep(Duration::from_millis(100));
                std::process::exit(0)
            }
            "wrong-kind" => self.say(vm, call, VmMessage::Resources(Default::default())),
            "forged-failure" => {
                self.say(vm, call, VmMessage::Failed(failure("ERR_VM_DISPOSED", 1)))
            }
            "long-failure" => self.say(vm, call, VmMessage::Failed(failure("EIO", 3 << 20))),
            _ => self.say(vm, call, exited(|_| {})),
        }
    }

    fn file(&mut self, vm: VmId, call: CallId, request: FileRequest) {
        if self.mode == "slow-answers" {
            std::thread::sleep(Duration::from_millis(900));
        }
        let more = |size| FileReply::Data {
            data: vec![b'x'; size],
            more: Some(1),
        };
        let names = |name: &str, count| FileReply::Entries {
            entries: vec![entry(name); count],
            more: None,
        };
        let reply = match (&*self.mode, request) {
            ("no-answer", _) => return,
            ("out-of-turn", _) => {
                self.say(vm, call + 1, VmMessage::File(FileReply::Done));
                FileReply::Done
            }
            ("endless-file", FileRequest::Read { .. } | FileRequest::ReadMore { .. }) => {
                more(1 << 20)
            }
            ("many-names", _) => names("", 1_500_000),
            ("bad-names", _) => names("../../x", 1),
            (_, FileRequest::Read { .. }) => FileReply::Data {
                data: Vec::new(),
                more: None,
            },
            (_, FileRequest::ReadDirectory { .. }) => names("x", 1),
            (_, FileRequest::Stat { .. }) => FileReply::Stat(Default::default()),
            (_, FileRequest::Exists { .. }) => FileReply::Exists(true),
            _ => FileReply::Done,
        };
        self.say(vm, call, VmMessage::File(reply));
    }

    fn say(&mut self, vm: VmId, call: CallId, message: VmMessage) {
        self.write(&bytes(vm, call, message));
    }

    /// Ends with the connection.
    fn write(&mut self, bytes: &[u8]) {
        if self.socket.write_all(bytes).is_err() {
            std::process::exit(0);
        }
    }
}

fn bytes(vm: VmId, call: CallId, message: VmMessage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = encode(&VmFrame { vm, call, message }, &mut bytes);
    bytes
}

fn hello() -> VmMessage {
    VmMessage::Hello {
        version: VERSION,
        phases: Vec::new(),
    }
}

fn condemned() -> VmMessage {
    VmMessage::Condemned {
        why: "because".into(),
        limit: None,
    }
}

fn exited(change: impl FnOnce(&mut Exit)) -> VmMessage {
    let mut exit = Exit::default();
    change(&mut exit);
    VmMessage::Exited(Box::new(exit))
}

fn listeners(count: usize) -> VmMessage {
    let listener = Listener {
        pid: 2,
        address: ListenerAddress::Path(b"/s".to_vec()),
        is_awaited: false,
    };
    VmMessage::Listeners(vec![listener; count])
}

fn tool_call(id: u64, tool: &str) -> VmMessage {
    let request = Request::Tool {
        pid: 2,
        tool: tool.into(),
        input: "{}".into(),
    };
    VmMessage::Request { id, request }
}

fn failure(code: &str, length: usize) -> Failure {
    Failure {
        code: code.into(),
        errno: -2,
        message: "x".repeat(length),
        ..Failure::default()
    }
}

fn entry(name: &str) -> DirectoryEntry {
    DirectoryEntry {
        name: name.into(),
        kind: 0,
    }
}

fn sleep() {
    std::thread::sleep(Duration::from_secs(3600));
}
