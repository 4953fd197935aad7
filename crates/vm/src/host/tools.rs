//! Tools: functions of the host's that guests call, as commands and by `callTool`.
//!
//! Each is an executable in `/usr/local/bin`. Its process has a thread, which reads the command line, asks the
//! host, and writes what came of it. `callTool` asks without a process. The host checks the input; what is checked here
//! only keeps what is too large or no JSON from travelling.

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use parking_lot::RwLock;
use secure_exec_kernel::fs::hostfs::{HostAccess, HostFiles};
use secure_exec_kernel::{
    Binfmt, Errno, ExecImage, Kernel, LimitBreach, OpenFlags, Pid, Process, Signal,
};
use secure_exec_node::host::{Host, Refusal};
use secure_exec_protocol::{
    Answer, Failure, Limit, Request, Tool, ToolFailure, VmId, VmLimits, limits,
};
use secure_exec_tools::command_line::{self, Line};
use serde::de::IgnoredAny;

use super::files::MountFiles;
use super::requests::{Requests, Settle};
use crate::failure::failure;
use crate::mailbox::{Mailbox, Notice};

const BINFMT: &str = "tool";
const MAX_PAYLOAD: &str = "limits.tools.maxPayloadBytes";
const DIRECTORY: &str = "/usr/local/bin";
/// The program behind commands of the host's.
pub(crate) const COMMAND_SCRIPT: &str = "host-command";
/// Stack of a tool's thread.
const STACK: usize = 256 << 10;
const READ_SIZE: usize = 16 << 10;

/// The tools of a VM.
pub(crate) struct Tools {
    vm: VmId,
    kernel: Weak<Kernel>,
    mailbox: Arc<Mailbox>,
    max_payload: usize,
    known: RwLock<Known>,
    requests: Requests,
    /// Has what the host has made for the machine.
    prepared: OnceLock<MountFiles>,
}

#[derive(Default)]
struct Known {
    by_name: BTreeMap<String, Arc<Tool>>,
    /// The names that a tool is called by, its own among them.
    names: BTreeMap<String, String>,
}

impl Tools {
    /// Makes the kernel run tools.
    pub(crate) fn install(
        vm: VmId,
        kernel: &Arc<Kernel>,
        limits: &VmLimits,
        mailbox: &Arc<Mailbox>,
    ) -> Arc<Tools> {
        let tools = Arc::new(Tools {
            vm,
            kernel: Arc::downgrade(kernel),
            mailbox: mailbox.clone(),
            max_payload: usize::try_from(limits.tool_payload_bytes).unwrap_or(usize::MAX),
            known: RwLock::default(),
            requests: Requests::new(vm, kernel, limits, mailbox),
            prepared: OnceLock::new(),
        });
        kernel.register_binfmt(Arc::new(ToolBinfmt(tools.clone())));
        tools
    }

    /// Adds tools; one of the same name is replaced.
    pub(crate) fn register(&self, kernel: &Kernel, tools: Vec<Tool>) -> Result<(), Failure> {
        for tool in tools {
            if tool.is_command {
                self.register_command(kernel, tool)?;
                continue;
            }
            for name in std::iter::once(&tool.name).chain(&tool.aliases) {
                kernel
                    .register_command_in(DIRECTORY, name, BINFMT, &tool.name)
                    .map_err(|errno| {
                        failure(errno, "open", format!("{DIRECTORY}/{name}").as_bytes())
                    })?;
                let mut known = self.known.write();
                known.names.insert(name.clone(), tool.name.clone());
            }
            let name = tool.name.clone();
            self.known.write().by_name.insert(name, Arc::new(tool));
        }
        Ok(())
    }

    /// Adds the program that calls a tool, under each of its further names. The tool itself is called by its own name only.
    fn register_command(&self, kernel: &Kernel, tool: Tool) -> Result<(), Failure> {
        for name in &tool.aliases {
            kernel
                .register_command_in(DIRECTORY, name, "node", COMMAND_SCRIPT)
                .map_err(|errno| {
                    failure(errno, "open", format!("{DIRECTORY}/{name}").as_bytes())
                })?;
        }
        let names = &mut self.known.write().names;
        names.insert(tool.name.clone(), tool.name);
        Ok(())
    }

    /// Takes the files that the host has made for the machine itself.
    pub(crate) fn prepare(&self, files: MountFiles) {
        let _ = self.prepared.set(files);
    }

    /// Takes what came of a request.
    pub(crate) fn settle(&self, id: u64, answer: Answer) {
        self.requests.settle(id, answer);
    }

    fn run(&self, process: &Arc<Process>, command: &str) -> i32 {
        let tool = self.known.read().by_name.get(command).cloned();
        let argv = process.argv();
        let name = argv.first().map_or(command.into(), |name| base_name(name));
        let outcome = match tool {
            Some(tool) => self.run_line(process, &tool, &name, argv.get(1..).unwrap_or_default()),
            None => Err("the tool is not registered".into()),
        };
        match outcome {
            Ok(text) => {
                write(process, 1, text.as_bytes());
                0
            }
            Err(failure) => {
                let failure = noted(&self.kernel, process.pid(), failure);
                let text = format!("{name}: {}\n", failure.message);
                write(process, 2, text.as_bytes());
                1
            }
        }
    }

    fn run_line(
        &self,
        process: &Arc<Process>,
        tool: &Tool,
        name: &str,
        arguments: &[Vec<u8>],
    ) -> Result<String, ToolFailure> {
        let input = match command_line::parse(tool, name, arguments)? {
            Line::Help(text) => return Ok(text),
            Line::Input(json) => json,
            Line::File(path) => {
                let shown = String::from_utf8_lossy(&path).into_owned();
                let told = |errno: Errno| format!("{shown}: {}", errno.message());
                let fd = process.open(&path, OpenFlags::O_RDONLY, 0).map_err(told)?;
                self.read(process, fd).map_err(told)?
            }
            Line::Stdin => {
                let told = |errno: Errno| format!("standard input: {}", errno.message());
                self.read(process, 0).map_err(told)?
            }
        };
        let input = if input.trim().is_empty() {
            "{}".to_owned()
        } else {
            input
        };
        self.bound(&input)?;
        serde_json::from_str::<IgnoredAny>(&input)
            .map_err(|error| format!("invalid JSON: {error}"))?;
        let json = self.call(process, tool.name.clone(), input)?;
        Ok(format!("{{\"ok\":true,\"result\":{json}}}\n"))
    }

    fn bound(&self, input: &str) -> Result<(), ToolFailure> {
        let (bound, used) = (self.max_payload, input.len());
        if used <= bound {
            return Ok(());
        }
        Err(ToolFailure {
            message: format!("the input is too large: {MAX_PAYLOAD} is {bound}, it has {used}"),
            limit: Some(Limit {
                name: MAX_PAYLOAD.into(),
                bound: bound as u64,
                used: used as u64,
            }),
            ..ToolFailure::default()
        })
    }

    /// Asks the host and waits.
    fn call(
        &self,
        process: &Arc<Process>,
        tool: String,
        input: String,
    ) -> Result<String, ToolFailure> {
        // The answer, or nothing if the process was killed: the first is what counts, and the others do not fit.
        let (sender, receiver) = sync_channel(1);
        let killed = sender.clone();
        let settle: Settle = Box::new(move |answer| drop(sender.try_send(Some(answer))));
        let id = self.ask(process, tool, input, settle)?;
        process.on_kill(Box::new(move |_: Signal| drop(killed.try_send(None))));
        match receiver.recv() {
            Ok(Some(answer)) => value(answer),
            Ok(None) | Err(_) => {
                self.requests.abandon(id);
                Err("killed".into())
            }
        }
    }

    /// Asks, unless that is too long.
    pub(super) fn ask_bounded(
        &self,
        caller: &Process,
        tool: String,
        input: String,
        settle: Settle,
    ) -> Result<u64, ToolFailure> {
        let asked = self.bound(&input);
        let asked = asked.and_then(|()| self.ask(caller, tool, input, settle));
        asked.map_err(|failure| noted(&self.kernel, caller.pid(), failure))
    }

    /// Nobody waits for a request any more.
    pub(super) fn abandon_request(&self, id: u64) {
        self.requests.abandon(id);
    }

    fn ask(
        &self,
        caller: &Process,
        tool: String,
        input: String,
        settle: Settle,
    ) -> Result<u64, ToolFailure> {
        let bytes = input.len();
        let pid = caller.pid().raw();
        let request = Request::Tool { pid, tool, input };
        let id = self.requests.send(request, bytes, settle)?;
        if let Some(kernel) = self.kernel.upgrade() {
            for usage in self.requests.uses() {
                kernel.note_limit_use(Some(caller), usage);
            }
        }
        Ok(id)
    }

    /// Reads to the end, or a little more than may be.
    fn read(&self, process: &Process, fd: i32) -> Result<String, Errno> {
        let (mut bytes, mut buf) = (Vec::new(), vec![0; READ_SIZE]);
        while bytes.len() <= self.max_payload {
            let count = wait_for(|cx| process.poll_read(fd, &mut buf, cx))?;
            if count == 0 {
                break;
            }
            bytes.extend_from_slice(buf.get(..count).unwrap_or_default());
        }
        String::from_utf8(bytes).map_err(|_| Errno::EILSEQ)
    }
}

fn value(answer: Answer) -> Result<String, ToolFailure> {
    match answer {
        Answer::Value(json) => Ok(json),
        Answer::Failed(failure) => Err(failure),
        Answer::Refused => Err("the host refused it".into()),
    }
}

impl Host for Tools {
    fn call_tool(
        &self,
        caller: &Process,
        name: &str,
        input: String,
        settle: secure_exec_node::host::Settle,
    ) -> Result<u64, Refusal> {
        let tool = self.known.read().names.get(name).cloned();
        let tool = tool.ok_or_else(|| refusal("no such tool".into()))?;
        let (kernel, pid) = (self.kernel.clone(), caller.pid());
        let asked = self.bound(&input).and_then(|()| {
            let kernel = kernel.clone();
            let settle = Box::new(move |answer| {
                settle(value(answer).map_err(|failure| refusal(noted(&kernel, pid, failure))));
            });
            self.ask(caller, tool, input, settle)
        });
        asked.map_err(|failure| refusal(noted(&kernel, pid, failure)))
    }

    fn abandon(&self, request: u64) {
        self.requests.abandon(request);
    }

    /// From the host's own mount, whatever a guest has put over it.
    fn prepared(&self, name: &str) -> Option<Vec<u8>> {
        let files = self.prepared.get()?;
        let (found, file) = files.open(name.as_bytes(), HostAccess::Read).ok()?;
        let mut bytes = vec![0; usize::try_from(found.size).ok()?];
        let mut filled = 0;
        while filled < bytes.len() {
            let read = file.read_at(filled as u64, &mut bytes[filled..]).ok()?;
            if read == 0 {
                return None;
            }
            filled += read;
        }
        Some(bytes)
    }
}

/// Notes the limit that a call has met, for the result of its program.
fn noted(kernel: &Weak<Kernel>, pid: Pid, failure: ToolFailure) -> ToolFailure {
    let met = failure.limit.as_ref();
    let row = met.and_then(|limit| Some((limits::find(&limit.name)?.path, limit)));
    if let (Some((limit, met)), Some(kernel)) = (row, kernel.upgrade()) {
        let breach = LimitBreach {
            limit,
            bound: met.bound,
            used: met.used,
        };
        kernel.note_limit_breach(Some(pid), breach);
    }
    failure
}

fn refusal(failure: ToolFailure) -> Refusal {
    let ToolFailure {
        message,
        code,
        data,
        limit: _,
    } = failure;
    Refusal {
        message,
        code,
        data,
    }
}

struct ToolBinfmt(Arc<Tools>);

impl Binfmt for ToolBinfmt {
    fn name(&self) -> &str {
        BINFMT
    }

    fn matches(&self, image: &ExecImage) -> bool {
        image.format.as_deref() == Some(BINFMT)
    }

    fn start(&self, process: Arc<Process>, image: ExecImage) -> Result<(), Errno> {
        let tools = self.0.clone();
        let command = image.command.unwrap_or_default();
        let run = move || {
            let code = tools.run(&process, &command);
            process.exit(code);
            let pid = process.pid();
            tools.mailbox.notify(tools.vm, Notice::Ended { pid });
        };
        let started = std::thread::Builder::new()
            .name("tool".into())
            .stack_size(STACK)
            .spawn(run);
        started.map(drop).map_err(|_| Errno::EAGAIN)
    }
}

fn base_name(path: &[u8]) -> String {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// Writes everything; nobody is left to tell when it fails.
fn write(process: &Process, fd: i32, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match wait_for(|cx| process.poll_write(fd, bytes, cx)) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(_) => return,
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread; the end of the process ends every wait.
fn wait_for<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match poll(&mut cx) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
