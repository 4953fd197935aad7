//! A VM process that has been taken over, for tests: it speaks the protocol and breaks every rule of it.
//!
//! It is put in the launcher's place. The file `mode` beside it says what it does: `genuine` runs the launcher whose
//! path is in the file `launcher`; any other word is a way to do harm, and the list of them is printed by `--modes`.

mod exhaust;
mod files;
mod floods;
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
use floods::FLOODS;
use secure_exec_protocol::{
    CallId, Decoder, DirectoryEntry, Exit, Failure, FileReply, FileRequest, HostFrame, HostMessage,
    Limit, Listener, ListenerAddress, Request, VERSION, VmFrame, VmId, VmMessage, encode,
};

/// Where a VM process finds its socket.
const SOCKET: i32 = 3;

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
                        let (vm, call, message) = floods::frame(&self.mode, vm, id);
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
        let (vm, call, message) = floods::frame(&self.mode, vm, 1);
        let whole = bytes(vm, call, message);
        // What is whole and nobody has asked for would be noticed first.
        self.write(whole.get(..whole.len() / 2 + 1).unwrap_or_default());
        std::process::exit(0)
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
