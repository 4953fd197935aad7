//! WebAssembly processes of this process's VMs.

use std::any::Any;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use secure_exec_kernel::{Kernel, LimitBreach, Pid};
use secure_exec_node::host::Host;
use secure_exec_protocol::{CodeSource, VmConfig, VmId};
use secure_exec_wasm::{
    Breach, Command, CommandDir, Engine, EngineEvents, WasmBinfmt, WasmOptions, thread_bytes,
};

use super::reports::Reports;
use super::{Guests, Returned, Runtime, clock_resolution_ns};
use crate::lockdown;
use crate::mailbox::{Mailbox, Notice};

/// Runs WebAssembly commands. Each VM has an engine of its own: nothing that one VM has compiled is another's.
pub(crate) struct WasmRuntime {
    /// Made before the first VM is known, for one with the default limits.
    prepared: Option<JoinHandle<Result<Prepared, String>>>,
}

/// The commands of one VM, whose binary format holds the engine.
struct WasmGuests;

/// What an engine tells its VM.
struct Events {
    reports: Reports,
    thread_bytes: u64,
}

impl Events {
    fn new(options: &WasmOptions) -> Arc<Events> {
        Arc::new(Events {
            reports: Reports::default(),
            thread_bytes: thread_bytes(options),
        })
    }
}

impl EngineEvents for Events {
    fn on_breach(&self, breach: Breach) {
        let Breach {
            pid,
            limit,
            bound,
            used,
        } = breach;
        self.reports
            .breach(Some(pid), LimitBreach { limit, bound, used });
    }

    fn on_thread_start(&self) {
        lockdown::allow_engine(self.thread_bytes);
    }

    fn on_thread_end(&self) {
        lockdown::disallow_engine(self.thread_bytes);
    }

    fn on_compile_start(&self, bytes: u64) {
        lockdown::allow_engine(bytes);
    }

    fn on_compile_end(&self, bytes: u64) {
        lockdown::disallow_engine(bytes);
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.reports.note_memory();
        lockdown::has_room(bytes)
    }

    fn on_refused(&self, bytes: u64) {
        self.reports.refused(bytes);
    }

    fn on_end(&self, pid: Pid) {
        self.reports.notify(Notice::Ended { pid });
    }
}

/// An engine and where its reports go.
type Prepared = (Arc<Engine>, Arc<Events>);

fn make_engine(options: WasmOptions) -> Result<Prepared, String> {
    let events = Events::new(&options);
    let engine = Engine::new(options, events.clone())
        .map_err(|message| format!("starting the WebAssembly engine: {message}"))?;
    Ok((engine, events))
}

impl WasmRuntime {
    pub(crate) fn new() -> WasmRuntime {
        // Most of a millisecond, which nobody waits for until the first VM.
        let prepared = std::thread::Builder::new()
            .name("wasm-engine".into())
            .spawn(|| make_engine(options(&VmConfig::default())));
        WasmRuntime {
            prepared: prepared.ok(),
        }
    }

    fn engine_for(&mut self, config: &VmConfig) -> Result<Prepared, String> {
        let options = options(config);
        let prepared = self.prepared.take().and_then(|thread| thread.join().ok());
        match prepared {
            Some(Ok((engine, events))) if *engine.options() == options => Ok((engine, events)),
            _ => make_engine(options),
        }
    }
}

fn options(config: &VmConfig) -> WasmOptions {
    let limits = &config.limits;
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    WasmOptions {
        max_memory_bytes: size(limits.wasm_memory_bytes),
        max_module_bytes: size(limits.wasm_module_bytes),
        max_stack_bytes: size(limits.wasm_stack_bytes),
        cpu_time_limit: limits.cpu_time_ms.map(Duration::from_millis),
        clock_resolution_ns: clock_resolution_ns(config),
    }
}

/// All commands of the VM; of those with the same name the first counts.
fn commands(config: &VmConfig) -> Result<Vec<Command>, String> {
    let mut names = BTreeSet::new();
    let mut commands = Vec::new();
    for dir in &config.command_dirs {
        let found = CommandDir::read(Path::new(dir), config.own_command_dir.as_ref() == Some(dir))
            .map_err(|error| format!("the command directory {dir}: {error}"))?;
        commands.extend(
            found
                .into_iter()
                .filter(|command| names.insert(command.name().to_owned())),
        );
    }
    Ok(commands)
}

impl Runtime for WasmRuntime {
    fn install(
        &mut self,
        vm: VmId,
        kernel: &Arc<Kernel>,
        config: &VmConfig,
        mailbox: &Arc<Mailbox>,
        _host: &Arc<dyn Host>,
    ) -> Result<Box<dyn Guests>, String> {
        let (engine, events) = self.engine_for(config)?;
        events.reports.deliver_to(vm, kernel, mailbox);
        let commands = commands(config)?;
        for command in &commands {
            kernel
                .register_command(command.name(), "wasm")
                .map_err(|errno| format!("registering {}: {}", command.name(), errno.name()))?;
        }
        kernel.register_binfmt(WasmBinfmt::new(engine, commands));
        Ok(Box::new(WasmGuests))
    }
}

impl Guests for WasmGuests {
    fn attachment(
        &self,
        _code: Option<Vec<u8>>,
        _source: Option<CodeSource>,
        _returned: Option<Arc<Returned>>,
        _resident: bool,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        // A command brings its own code and has nothing to hand back.
        None
    }

    fn reports_ends(&self) -> bool {
        true
    }

    fn renew_cpu_time(&self, _pid: Pid) {
        // No command is resident.
    }

    fn heap_bytes(&self) -> u64 {
        0
    }

    fn close(&self) {}
}
