//! What the embedder holds of a VM.

use std::sync::Arc;

use secure_exec_protocol::{
    CallId, FileRequest, HostMessage, Program, Stream, TerminalSize, Tool, ToolFailure, VmId,
};

use crate::broker::Broker;

/// Where a VM lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// In a VM process of its own.
    Process,
    /// In one VM process with the other shared VMs of this host process.
    Shared,
    /// On threads of this process: for trusted code only.
    InProcess,
}

/// A VM. Every method returns at once; what comes of it is told to the VM's sink. Dropping the handle disposes the VM.
pub struct VmHandle {
    broker: Arc<Broker>,
    vm: VmId,
}

impl VmHandle {
    pub(crate) fn new(broker: Arc<Broker>, vm: VmId) -> VmHandle {
        VmHandle { broker, vm }
    }

    /// Runs a program. Settles by `Exited` or `Failed`.
    #[must_use]
    pub fn spawn(&self, program: Program) -> CallId {
        self.locked(|core, vm| core.spawn(vm, program))
    }

    /// Feeds a stream of a running program. At most a window of bytes may be without `InputCredit`.
    pub fn input(&self, call: CallId, stream: Stream, data: Vec<u8>, end: bool) {
        self.locked(|core, vm| core.input(vm, call, stream, data, end));
    }

    /// Signals a running program. One that does not die of SIGKILL costs its VM process.
    pub fn signal(&self, call: CallId, signal: u8) {
        self.notify(call, HostMessage::Signal { signal });
    }

    /// Tells that output was consumed.
    pub fn credit(&self, call: CallId, stream: Stream, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.notify(call, HostMessage::Credit { stream, bytes });
    }

    /// Does a file method. Settles by `File` or `Failed`.
    #[must_use]
    pub fn file(&self, request: FileRequest) -> CallId {
        self.request(HostMessage::File(request))
    }

    /// Writes a file of any size. Settles by `File` or `Failed`.
    #[must_use]
    pub fn write_file(&self, path: Vec<u8>, data: Vec<u8>) -> CallId {
        self.locked(|core, vm| core.write_file(vm, path, data))
    }

    /// Settles by `Resources` or `Failed`.
    #[must_use]
    pub fn resources(&self) -> CallId {
        self.request(HostMessage::Resources)
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
        self.locked(|core, vm| core.tell(vm, HostMessage::TraceTaken));
    }

    /// Settles by `Processes` or `Failed`.
    #[must_use]
    pub fn processes(&self) -> CallId {
        self.request(HostMessage::Processes)
    }

    /// Adds tools, also for a replacement of the VM process. Settles by `File` or `Failed`.
    #[must_use]
    pub fn register_tools(&self, tools: Vec<Tool>) -> CallId {
        self.locked(|core, vm| core.register_tools(vm, tools))
    }

    /// Answers `ToolCall`. Nothing happens if nobody waits any more.
    pub fn tool_result(&self, id: u64, result: Result<String, ToolFailure>) {
        self.locked(|core, vm| core.tell(vm, HostMessage::ToolResult { id, result }));
    }

    /// Kills and frees everything; running programs settle with status 143. Ends with `Disposed`, once.
    pub fn dispose(&self) {
        self.locked(|core, vm| core.dispose(vm));
    }

    fn request(&self, message: HostMessage) -> CallId {
        self.locked(|core, vm| core.request(vm, message))
    }

    fn notify(&self, call: CallId, message: HostMessage) {
        self.locked(|core, vm| core.notify(vm, call, message));
    }

    fn locked<T>(&self, action: impl FnOnce(&mut crate::core::Core, VmId) -> T) -> T {
        action(&mut self.broker.core.lock(), self.vm)
    }
}

impl Drop for VmHandle {
    fn drop(&mut self) {
        self.dispose();
    }
}
