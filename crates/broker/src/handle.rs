//! What the embedder holds of a VM.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secure_exec_protocol::{
    CallId, Endpoint, FileRequest, HostMessage, Program, Stream, TerminalSize, Tool, ToolFailure,
};

use crate::broker::Broker;
use crate::call::Call;
use crate::core::{Core, VmKey};
use crate::files::HostMount;
use crate::segment::FileSnapshot;

/// A VM. Every method returns at once, whatever the broker is busy with; what comes of it is told to the VM's sink.
/// Dropping the handle disposes the VM.
pub struct VmHandle {
    broker: Arc<Broker>,
    vm: VmKey,
    last_call: Arc<AtomicU64>,
}

impl VmHandle {
    pub(crate) fn new(broker: Arc<Broker>, vm: VmKey, last_call: Arc<AtomicU64>) -> VmHandle {
        VmHandle {
            broker,
            vm,
            last_call,
        }
    }

    /// Runs a program. Settles by `Exited` or `Failed`.
    #[must_use]
    pub fn spawn(&self, program: Program) -> CallId {
        self.call(|core, vm, call| core.spawn(vm, call, program))
    }

    /// Feeds a stream of a running program. At most a window of bytes may be without `InputCredit`.
    pub fn input(&self, call: CallId, stream: Stream, data: Vec<u8>, end: bool) {
        self.post(move |core, vm| core.input(vm, call, stream, data, end));
    }

    /// Connects to a listener. Settles by `Closed` or `Failed`; `input` and `credit` are for its streams too.
    #[must_use]
    pub fn connect(&self, endpoint: Endpoint) -> CallId {
        self.call(|core, vm, call| core.connect(vm, call, endpoint))
    }

    /// Refuses a connection of a guest's to the host.
    pub fn refuse(&self, id: u64) {
        self.post(move |core, vm| core.refuse(vm, id));
    }

    /// Lets go of a connection, which is settled by that without an event.
    pub fn disconnect(&self, call: CallId, reset: bool) {
        self.post(move |core, vm| core.disconnect(vm, call, reset));
    }

    /// Signals a running program. One that does not die of SIGKILL costs its VM process.
    pub fn signal(&self, call: CallId, signal: u8) {
        self.notify(call, HostMessage::Signal { signal });
    }

    /// Tells that output was consumed.
    pub fn credit(&self, call: CallId, stream: Stream, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.post(move |core, vm| core.credit(vm, call, stream, bytes));
    }

    /// Does a file method. Settles by `File` or `Failed`.
    #[must_use]
    pub fn file(&self, request: FileRequest) -> CallId {
        self.call(|core, vm, call| core.file(vm, call, request))
    }

    /// Writes a file of any size. Settles by `File` or `Failed`.
    #[must_use]
    pub fn write_file(&self, path: Vec<u8>, data: Vec<u8>) -> CallId {
        self.call(|core, vm, call| core.write_file(vm, call, path, data))
    }

    /// Settles by `Resources` or `Failed`.
    #[must_use]
    pub fn resources(&self) -> CallId {
        self.call(|core, vm, call| {
            core.submit(vm, call, Some(Call::Resources), HostMessage::Resources);
        })
    }

    /// Changes the size of a running program's terminal.
    pub fn resize(&self, call: CallId, size: TerminalSize) {
        self.notify(call, HostMessage::Resize(size));
    }

    /// Counts the processor time of a running program anew.
    pub fn renew_cpu_time(&self, call: CallId) {
        self.notify(call, HostMessage::RenewCpuTime);
    }

    /// Answers `Trace`.
    pub fn trace_taken(&self) {
        self.post(|core, vm| core.trace_taken(vm));
    }

    /// Settles by `Processes` or `Failed`.
    #[must_use]
    pub fn processes(&self) -> CallId {
        self.call(|core, vm, call| {
            core.submit(vm, call, Some(Call::Processes), HostMessage::Processes);
        })
    }

    /// Takes all files as they are. Settles by `Snapshot` or `Failed`.
    #[must_use]
    pub fn snapshot(&self) -> CallId {
        self.call(Core::capture)
    }

    /// Puts other files in place of all that there are. Settles by `File` or `Failed`.
    #[must_use]
    pub fn restore(&self, snapshot: Arc<FileSnapshot>) -> CallId {
        self.call(|core, vm, call| core.restore(vm, call, snapshot))
    }

    /// Adds tools, also for a replacement of the VM process. Settles by `File` or `Failed`.
    #[must_use]
    pub fn register_tools(&self, tools: Vec<Tool>) -> CallId {
        self.call(|core, vm, call| core.register_tools(vm, call, tools))
    }

    /// Mounts more files, also in a replacement of the VM process. Settles by `File` or `Failed`.
    #[must_use]
    pub fn mount(&self, mount: HostMount) -> CallId {
        self.call(|core, vm, call| core.mount(vm, call, mount))
    }

    /// Takes the mount at a path away, unless it is in use. Settles by `File` or `Failed`.
    #[must_use]
    pub fn unmount(&self, path: String) -> CallId {
        self.call(move |core, vm, call| core.unmount(vm, call, &path))
    }

    /// Answers `ToolCall`. Nothing happens if nobody waits any more.
    pub fn tool_result(&self, id: u64, result: Result<String, ToolFailure>) {
        self.post(move |core, vm| core.tool_result(vm, id, result));
    }

    /// What is to be called when the embedder has taken events: see `Sink::backlog`. It does not keep the VM.
    pub fn resumer(&self) -> impl Fn() + Send + Sync + use<> {
        let (broker, vm) = (Arc::downgrade(&self.broker), self.vm);
        move || {
            if let Some(broker) = broker.upgrade() {
                broker.shared.post(move |core| core.resume(vm));
            }
        }
    }

    /// Ends the VM's process for something that it said and that only the embedder could see to be wrong.
    pub fn violation(&self, rule: String) {
        self.post(move |core, vm| {
            if let Some(place) = core.vms.get(&vm).and_then(|vm| vm.place) {
                core.violation(place.process, &rule);
            }
        });
    }

    /// Kills and frees everything; running programs settle with status 143. Ends with `Disposed`, once.
    pub fn dispose(&self) {
        self.post(|core, vm| core.dispose(vm));
    }

    fn call(&self, action: impl FnOnce(&mut Core, VmKey, CallId) + Send + 'static) -> CallId {
        let call = self.last_call.fetch_add(1, Ordering::Relaxed) + 1;
        self.post(move |core, vm| action(core, vm, call));
        call
    }

    fn notify(&self, call: CallId, message: HostMessage) {
        self.post(move |core, vm| core.notify(vm, call, message));
    }

    fn post(&self, action: impl FnOnce(&mut Core, VmKey) + Send + 'static) {
        let vm = self.vm;
        self.broker.shared.post(move |core| action(core, vm));
    }
}

impl Drop for VmHandle {
    fn drop(&mut self) {
        self.dispose();
    }
}
