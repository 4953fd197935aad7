//! Tools: functions of the host's that guests run as commands.
//!
//! Each is an executable in `/usr/local/bin`. Its process has a thread, which reads the command line, asks the
//! host through the server, and writes what came of it. The host checks the input; what is checked here only
//! keeps what is too large or no JSON from travelling.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use parking_lot::{Condvar, Mutex, RwLock};
use secure_exec_kernel::{Binfmt, Errno, ExecImage, Kernel, OpenFlags, Process, Signal};
use secure_exec_protocol::{Failure, Tool, ToolFailure, VmId, VmLimits, VmMessage};
use secure_exec_tools::command_line::{self, Line};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::files::failure;
use crate::guests::Notice;
use crate::mailbox::{Mail, Mailbox};

const BINFMT: &str = "tool";
const DIRECTORY: &str = "/usr/local/bin";
/// Stack of a tool's thread.
const STACK: usize = 256 << 10;
const READ_SIZE: usize = 16 << 10;
/// How the name of a process begins that the function `callTool` has started: its errors are read by that function,
/// and it is the parent that calls. No tool has such a name.
const BY_FUNCTION: &str = "callTool(";

/// The tools of a VM and the calls of them that wait.
pub(crate) struct Tools {
    vm: VmId,
    mailbox: Arc<Mailbox>,
    max_payload: usize,
    max_pending: usize,
    max_pending_bytes: usize,
    tools: RwLock<BTreeMap<String, Arc<Tool>>>,
    pending: Mutex<Calls>,
    next: AtomicU64,
}

/// The calls that wait.
#[derive(Default)]
struct Calls {
    by_id: HashMap<u64, Arc<Pending>>,
    /// Bytes of their inputs.
    bytes: usize,
}

impl Calls {
    fn remove(&mut self, id: u64) -> Option<Arc<Pending>> {
        let pending = self.by_id.remove(&id)?;
        self.bytes = self.bytes.saturating_sub(pending.bytes);
        Some(pending)
    }
}

/// A call that waits for the host, or for the end of its process.
struct Pending {
    /// Size of the input.
    bytes: usize,
    outcome: Mutex<Option<Outcome>>,
    changed: Condvar,
}

enum Outcome {
    Told(Result<String, ToolFailure>),
    Killed,
}

impl Pending {
    fn settle(&self, outcome: Outcome) {
        self.outcome.lock().get_or_insert(outcome);
        self.changed.notify_all();
    }

    fn wait(&self) -> Outcome {
        let mut outcome = self.outcome.lock();
        loop {
            match outcome.take() {
                Some(outcome) => return outcome,
                None => self.changed.wait(&mut outcome),
            }
        }
    }
}

impl Tools {
    /// Makes the kernel run tools.
    pub(crate) fn install(
        vm: VmId,
        kernel: &Arc<Kernel>,
        limits: &VmLimits,
        mailbox: &Arc<Mailbox>,
    ) -> Arc<Tools> {
        let bound = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        // Results for a VM process that is gone must not meet a call of its replacement: numbers start anywhere.
        let start = kernel.clock().realtime();
        let start = start.sec.unsigned_abs() << 20 | u64::from(start.nsec >> 10);
        let tools = Arc::new(Tools {
            vm,
            mailbox: mailbox.clone(),
            max_payload: bound(limits.tool_payload_bytes),
            max_pending: bound(limits.tools_pending),
            max_pending_bytes: bound(limits.tools_pending_bytes),
            tools: RwLock::default(),
            pending: Mutex::default(),
            next: AtomicU64::new(start & ((1 << 52) - 1)),
        });
        kernel.register_binfmt(Arc::new(ToolBinfmt(tools.clone())));
        tools
    }

    /// Adds tools; one of the same name is replaced.
    pub(crate) fn register(&self, kernel: &Kernel, tools: Vec<Tool>) -> Result<(), Failure> {
        for tool in tools {
            for name in std::iter::once(&tool.name).chain(&tool.aliases) {
                kernel
                    .register_command_in(DIRECTORY, name, BINFMT, &tool.name)
                    .map_err(|errno| {
                        failure(errno, "open", format!("{DIRECTORY}/{name}").as_bytes())
                    })?;
            }
            self.tools.write().insert(tool.name.clone(), Arc::new(tool));
        }
        Ok(())
    }

    /// Takes what came of a call.
    pub(crate) fn settle(&self, id: u64, result: Result<String, ToolFailure>) {
        let pending = self.pending.lock().remove(id);
        if let Some(pending) = pending {
            pending.settle(Outcome::Told(result));
        }
    }

    fn run(&self, process: &Arc<Process>, command: &str) -> i32 {
        let tool = self.tools.read().get(command).cloned();
        let argv = process.argv();
        let name = argv.first().map_or(command.into(), |name| base_name(name));
        let by_function = name.starts_with(BY_FUNCTION);
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
                let text = if by_function {
                    failure_json(&failure)
                } else {
                    format!("{name}: {}\n", failure.message)
                };
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
        if input.len() > self.max_payload {
            let (bound, used) = (self.max_payload, input.len());
            return Err(format!(
                "the input is too large: limits.tools.maxPayloadBytes is {bound}, it has {used}"
            )
            .into());
        }
        serde_json::from_str::<IgnoredAny>(&input)
            .map_err(|error| format!("invalid JSON: {error}"))?;
        let pid = if name.starts_with(BY_FUNCTION) {
            process.ppid()
        } else {
            process.pid()
        };
        let json = self.call(process, pid.raw(), tool.name.clone(), input)?;
        Ok(format!("{{\"ok\":true,\"result\":{json}}}\n"))
    }

    /// Asks the host and waits.
    fn call(
        &self,
        process: &Arc<Process>,
        pid: i32,
        tool: String,
        input: String,
    ) -> Result<String, ToolFailure> {
        let (id, pending) = self.admit(input.len())?;
        let killed = pending.clone();
        process.on_kill(Box::new(move |_: Signal| killed.settle(Outcome::Killed)));
        self.post(VmMessage::ToolCall {
            id,
            pid,
            tool,
            input,
        });
        match pending.wait() {
            Outcome::Told(result) => result,
            Outcome::Killed => {
                // It counts until the host has answered: what is under way to a host that is busy stays bounded.
                self.post(VmMessage::ToolCancelled { id });
                Err("killed".into())
            }
        }
    }

    /// Makes a call one of those that wait.
    fn admit(&self, bytes: usize) -> Result<(u64, Arc<Pending>), ToolFailure> {
        let mut calls = self.pending.lock();
        let refused = |limit: &str, bound: usize| {
            let message = format!("too many calls wait: limits.tools.{limit} is {bound}");
            Err(ToolFailure::from(message))
        };
        if calls.by_id.len() >= self.max_pending {
            return refused("maxPending", self.max_pending);
        }
        // One call alone is bounded by its own limit.
        if !calls.by_id.is_empty() && calls.bytes + bytes > self.max_pending_bytes {
            return refused("maxPendingBytes", self.max_pending_bytes);
        }
        let pending = Arc::new(Pending {
            bytes,
            outcome: Mutex::default(),
            changed: Condvar::default(),
        });
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        calls.by_id.insert(id, pending.clone());
        calls.bytes += bytes;
        Ok((id, pending))
    }

    fn post(&self, message: VmMessage) {
        self.mailbox.post(Mail::Tool(self.vm, message));
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

/// A failure as the function `callTool` reads it.
fn failure_json(failure: &ToolFailure) -> String {
    let data = failure.data.as_deref();
    let data = data.and_then(|data| serde_json::from_str::<Value>(data).ok());
    let json = serde_json::json!({
        "message": failure.message,
        "code": failure.code,
        "data": data,
    });
    json.to_string()
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
