//! A VM as JavaScript holds it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use napi::bindgen_prelude::{Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Error, Result, Status};
use napi_derive::napi;
use secure_exec_broker::protocol::{Endpoint, FileAttributes, FileRequest, ToolFailure};
use secure_exec_broker::{Broker, Event, Isolation, Level, Settings, Sink, VmHandle};

use crate::config::{
    MountOption, ProgramOptions, SizeOption, ToolFailureOption, ToolOption, VmOptions, call_id,
    call_number, whole,
};
use crate::event::{Arguments, arguments};
use crate::event_queue::EventQueue;
use crate::listeners::{ListenerEntry, Listeners};
use crate::snapshots::NativeSnapshot;

/// One broker serves every thread of the process that loads the addon.
static BROKER: OnceLock<std::result::Result<Arc<Broker>, String>> = OnceLock::new();

/// Says where the files of the platform package are, and who VM processes are where the host is root. The first call
/// decides.
#[napi(catch_unwind)]
pub fn configure(
    launcher: String,
    addon: String,
    snapshot: Option<String>,
    uid: u32,
) -> Result<()> {
    let settings = Settings {
        commands: Path::new(&addon).parent().map(|dir| dir.join("commands")),
        launcher: launcher.into(),
        addon: addon.into(),
        snapshot: snapshot.map(PathBuf::from),
        uid,
        in_process: Some(|socket, files, snapshot: Option<&Path>| {
            secure_exec_vm::serve_in_process(socket, files, snapshot)
        }),
    };
    BROKER.get_or_init(|| Broker::start(settings).map_err(|error| error.to_string()));
    broker().map(|_| ())
}

/// Starts a spare VM process if there is none.
#[napi(catch_unwind)]
pub fn prepare() -> Result<()> {
    broker()?.prepare();
    Ok(())
}

/// Pids of the VM processes, for tests and diagnosis.
#[napi(catch_unwind)]
pub fn vm_process_ids() -> Result<Vec<i32>> {
    Ok(broker()?.pids())
}

/// What the kernel has to confine VM processes.
#[napi(object, object_from_js = false)]
pub struct Confinement {
    /// Filters of system calls.
    pub seccomp: bool,
    /// Version of Landlock's interface, 0 for none.
    pub landlock: u32,
}

/// What the kernel has to confine VM processes, for diagnosis.
#[napi(catch_unwind)]
pub fn confinement() -> Confinement {
    Confinement {
        seccomp: secure_exec_broker::seccomp_available(),
        landlock: secure_exec_broker::landlock_version(),
    }
}

fn broker() -> Result<&'static Arc<Broker>> {
    match BROKER.get() {
        Some(Ok(broker)) => Ok(broker),
        Some(Err(reason)) => Err(Error::new(Status::GenericFailure, reason.clone())),
        None => Err(Error::new(
            Status::GenericFailure,
            "configure was not called",
        )),
    }
}

/// A callback that does not keep the host alive. It is called once for each event of the queue.
type Callback = ThreadsafeFunction<(), (), Arguments, Status, false, true>;

struct CallbackSink {
    queue: Arc<EventQueue>,
    listeners: Arc<Listeners>,
    callback: Callback,
}

impl Sink for CallbackSink {
    fn event(&self, mut event: Event) {
        if let Event::Listeners(list) = &mut event
            && !self.listeners.replace(std::mem::take(list))
        {
            return;
        }
        if self.queue.push(event) {
            // Refused only when the JavaScript environment is gone, and with it whoever waits.
            self.callback
                .call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    fn backlog(&self) -> usize {
        self.queue.bytes()
    }
}

/// One VM. Methods return the number of the call, whose events the callback gets.
#[napi]
pub struct Vm {
    handle: VmHandle,
    listeners: Arc<Listeners>,
}

#[napi]
impl Vm {
    #[napi(constructor, catch_unwind)]
    pub fn new(
        options: VmOptions,
        on_event: Function<'_, Arguments, ()>,
        snapshot: Option<&NativeSnapshot>,
    ) -> Result<Vm> {
        let queue = Arc::new(EventQueue::default());
        let listeners = Arc::new(Listeners::default());
        let taken = queue.clone();
        let callback = on_event
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .build_callback(move |_| {
                let nothing = || Error::new(Status::GenericFailure, "an event without content");
                taken.take().map(arguments).ok_or_else(nothing)
            })?;
        let isolation = match options.isolation.as_str() {
            "shared" => Isolation::Shared,
            "group" => Isolation::Group(call_id(options.group.unwrap_or_default())),
            "in-process" => Isolation::InProcess,
            _ => Isolation::Process,
        };
        let required = options
            .require_isolation
            .as_deref()
            .map(|level| match level {
                "process" => Level::Process,
                "partial" => Level::Partial,
                _ => Level::Sealed,
            });
        let sink = Arc::new(CallbackSink {
            queue: queue.clone(),
            listeners: listeners.clone(),
            callback,
        });
        let config = options.config();
        let files = (
            snapshot.map(NativeSnapshot::shared).transpose()?,
            options.files(),
        );
        let mounts = options.mounts(&config)?;
        let heap = options.startup_snapshot.map(PathBuf::from);
        let handle = broker()?.create(config, files, mounts, (isolation, heap), required, sink);
        queue.on_room(handle.resumer());
        Ok(Vm { handle, listeners })
    }

    /// Ends the VM's process for something that it said and that could only be seen here to be wrong.
    #[napi(catch_unwind)]
    pub fn reject(&self, rule: String) {
        self.handle.violation(rule);
    }

    #[napi(catch_unwind)]
    pub fn spawn(&self, program: ProgramOptions) -> f64 {
        call_number(self.handle.spawn(program.into()))
    }

    #[napi(catch_unwind)]
    pub fn input(&self, call: f64, stream: u32, data: Uint8Array, end: bool) {
        self.handle
            .input(call_id(call), stream_number(stream), data.to_vec(), end);
    }

    /// Connects to a port of TCP, or to the path of a local socket.
    #[napi(catch_unwind)]
    pub fn connect(&self, port: Option<u32>, path: Option<String>) -> f64 {
        let endpoint = match path {
            Some(path) => Endpoint::Path(path.into_bytes()),
            // Another number is no port, and nobody listens on port 0.
            None => Endpoint::Port(u16::try_from(port.unwrap_or(0)).unwrap_or(0)),
        };
        call_number(self.handle.connect(endpoint))
    }

    /// Answers a guest that connects to the host: what comes of it are the events of a connection.
    #[napi(catch_unwind)]
    pub fn accept(&self, id: f64) -> f64 {
        call_number(self.handle.connect(Endpoint::Outbound(call_id(id))))
    }

    /// Refuses such a connection.
    #[napi(catch_unwind)]
    pub fn refuse(&self, id: f64) {
        self.handle.refuse(call_id(id));
    }

    /// Lets go of a connection; no event follows.
    #[napi(catch_unwind)]
    pub fn disconnect(&self, call: f64, reset: bool) {
        self.handle.disconnect(call_id(call), reset);
    }

    /// Who listens at the moment.
    #[napi(catch_unwind)]
    pub fn listeners(&self) -> Vec<ListenerEntry> {
        self.listeners.entries()
    }

    /// Asks for one event when that changes.
    #[napi(catch_unwind)]
    pub fn watch_listeners(&self) {
        self.listeners.watch();
    }

    #[napi(catch_unwind)]
    pub fn signal(&self, call: f64, signal: u32) {
        self.handle
            .signal(call_id(call), u8::try_from(signal).unwrap_or(u8::MAX));
    }

    #[napi(catch_unwind)]
    pub fn credit(&self, call: f64, stream: u32, bytes: u32) {
        self.handle
            .credit(call_id(call), stream_number(stream), bytes as usize);
    }

    #[napi(catch_unwind)]
    pub fn write_file(&self, path: String, data: Uint8Array) -> f64 {
        call_number(self.handle.write_file(path.into_bytes(), data.to_vec()))
    }

    #[napi(catch_unwind)]
    pub fn read_file(&self, path: String) -> f64 {
        self.file(FileRequest::Read {
            path: path.into_bytes(),
        })
    }

    #[napi(catch_unwind)]
    pub fn read_more(&self, handle: u32) -> f64 {
        self.file(FileRequest::ReadMore { handle })
    }

    #[napi(catch_unwind)]
    pub fn read_directory(&self, path: String) -> f64 {
        self.file(FileRequest::ReadDirectory {
            path: path.into_bytes(),
        })
    }

    #[napi(catch_unwind)]
    pub fn make_directory(&self, path: String, recursive: bool) -> f64 {
        self.file(FileRequest::MakeDirectory {
            path: path.into_bytes(),
            recursive,
        })
    }

    #[napi(catch_unwind)]
    pub fn stat(&self, path: String) -> f64 {
        self.file(FileRequest::Stat {
            path: path.into_bytes(),
        })
    }

    #[napi(catch_unwind)]
    pub fn link_stat(&self, path: String) -> f64 {
        self.file(FileRequest::LinkStat {
            path: path.into_bytes(),
        })
    }

    #[napi(catch_unwind)]
    pub fn read_link(&self, path: String) -> f64 {
        self.file(FileRequest::ReadLink {
            path: path.into_bytes(),
        })
    }

    /// `data` is at most a piece of a file.
    #[napi(catch_unwind)]
    pub fn append(&self, path: String, data: Uint8Array) -> f64 {
        self.file(FileRequest::Append {
            path: path.into_bytes(),
            data: data.to_vec(),
        })
    }

    #[napi(catch_unwind)]
    pub fn change_mode(&self, path: String, mode: u32) -> f64 {
        self.file(FileRequest::SetAttributes {
            path: path.into_bytes(),
            attributes: FileAttributes {
                mode: Some(mode),
                ..FileAttributes::default()
            },
        })
    }

    /// The time is milliseconds since 1970.
    #[napi(catch_unwind)]
    pub fn change_time(&self, path: String, mtime: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates; lib/ has checked the range"
        )]
        let mtime_ns = (mtime * 1e6) as i64;
        self.file(FileRequest::SetTime {
            path: path.into_bytes(),
            mtime_ns,
        })
    }

    #[napi(catch_unwind)]
    pub fn symlink(&self, target: String, path: String) -> f64 {
        self.file(FileRequest::Symlink {
            target: target.into_bytes(),
            path: path.into_bytes(),
        })
    }

    #[napi(catch_unwind)]
    pub fn copy(&self, from: String, to: String, recursive: bool) -> f64 {
        self.file(FileRequest::Copy {
            from: from.into_bytes(),
            to: to.into_bytes(),
            recursive,
        })
    }

    #[napi(catch_unwind)]
    pub fn exists(&self, path: String) -> f64 {
        self.file(FileRequest::Exists {
            path: path.into_bytes(),
        })
    }

    #[napi(catch_unwind)]
    #[allow(
        clippy::fn_params_excessive_bools,
        reason = "as JavaScript calls it; the macro makes a second function of it"
    )]
    pub fn remove(&self, path: String, recursive: bool, force: bool) -> f64 {
        self.file(FileRequest::Remove {
            path: path.into_bytes(),
            recursive,
            force,
        })
    }

    #[napi(catch_unwind)]
    pub fn rename(&self, from: String, to: String) -> f64 {
        self.file(FileRequest::Rename {
            from: from.into_bytes(),
            to: to.into_bytes(),
        })
    }

    /// Mounts more files.
    #[napi(catch_unwind)]
    pub fn mount(&self, mount: MountOption, quota: f64) -> Result<f64> {
        let mount = mount.mount(whole(Some(quota), 0))?;
        Ok(call_number(self.handle.mount(mount)))
    }

    /// Takes the mount at a path away.
    #[napi(catch_unwind)]
    pub fn unmount(&self, path: String) -> f64 {
        call_number(self.handle.unmount(path))
    }

    #[napi(catch_unwind)]
    pub fn resources(&self) -> f64 {
        call_number(self.handle.resources())
    }

    #[napi(catch_unwind)]
    pub fn processes(&self) -> f64 {
        call_number(self.handle.processes())
    }

    /// Takes all files as they are.
    #[napi(catch_unwind)]
    pub fn snapshot(&self) -> f64 {
        call_number(self.handle.snapshot())
    }

    /// Puts other files in place of all that there are.
    #[napi(catch_unwind)]
    pub fn restore(&self, snapshot: &NativeSnapshot) -> Result<f64> {
        Ok(call_number(self.handle.restore(snapshot.shared()?)))
    }

    #[napi(catch_unwind)]
    pub fn resize(&self, call: f64, size: SizeOption) {
        self.handle.resize(call_id(call), size.into());
    }

    /// Counts the processor time of a program anew.
    #[napi(catch_unwind)]
    pub fn renew_cpu_time(&self, call: f64) {
        self.handle.renew_cpu_time(call_id(call));
    }

    /// Asks for the lines that were traced since the last ones.
    #[napi(catch_unwind)]
    pub fn trace_taken(&self) {
        self.handle.trace_taken();
    }

    #[napi(catch_unwind)]
    pub fn register_tools(&self, tools: Vec<ToolOption>) -> f64 {
        let tools = tools.iter().map(ToolOption::tool).collect();
        call_number(self.handle.register_tools(tools))
    }

    /// Answers a call of a tool: with a result as JSON, or with what went wrong.
    #[napi(catch_unwind)]
    pub fn tool_result(&self, id: f64, result: Option<String>, error: Option<ToolFailureOption>) {
        let told = || error.map_or_else(|| "the tool failed".into(), ToolFailure::from);
        let result = result.ok_or_else(told);
        self.handle.tool_result(call_id(id), result);
    }

    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.handle.dispose();
    }

    fn file(&self, request: FileRequest) -> f64 {
        call_number(self.handle.file(request))
    }
}

/// Streams are numbered below 256; another number is no stream of any program.
fn stream_number(stream: u32) -> u8 {
    u8::try_from(stream).unwrap_or(u8::MAX)
}
