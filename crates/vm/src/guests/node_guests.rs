//! Guest `node` processes of this process's VMs.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use secure_exec_kernel::{Kernel, LimitBreach, Pid};
use secure_exec_node::engine::{self, Breach, EngineEvents, ISOLATE_BYTES, PROGRAM_BYTES};
use secure_exec_node::host::Host;
use secure_exec_node::{
    Engine, EngineConfig, Invocation, KeptModule, NodeBinfmt, NodeOptions, Snapshot,
};
use secure_exec_protocol::{CodeSource, VmConfig, VmId, ladder};

use super::node_commands;
use super::reports::Reports;
use super::{Guests, Returned, Runtime, clock_resolution_ns};
use crate::host::COMMAND_SCRIPT;
use crate::lockdown::{self, overdraft};
use crate::mailbox::{Mailbox, Notice};

/// Restored isolates that wait in each VM outside a rush.
const SPARE_ISOLATES: usize = 1;

/// Programs that may run at a time whatever the memory limit.
const AT_LEAST: usize = 8;

/// The rungs of the ladder that an engine climbs are those that the host reckons with.
const _: () = {
    const fn is(ours: Duration, rung: Duration) -> bool {
        ours.as_nanos() == rung.as_nanos()
    }
    assert!(is(engine::RETERMINATE, ladder::TERMINATE_AGAIN));
    assert!(is(engine::STUCK, ladder::STUCK));
    assert!(is(engine::STUCK_WAITING, ladder::STUCK_WAITING));
};

/// Runs Node programs. Each VM has an engine of its own, because pids, by which an engine reports, are unique
/// within one VM only; the first VM takes one that was made before it was known.
pub(crate) struct NodeRuntime {
    snapshot: Option<&'static Snapshot>,
    prepared: Option<(Arc<Engine>, Arc<Events>)>,
}

/// The Node programs of one VM.
struct NodeGuests(Arc<Engine>);

/// What an engine tells its VM.
#[derive(Default)]
struct Events {
    reports: Reports,
    kept_module: Arc<KeptModule>,
}

/// As the kernel knows it.
fn breach(passed: Breach) -> LimitBreach {
    let Breach {
        limit, bound, used, ..
    } = passed;
    LimitBreach { limit, bound, used }
}

impl EngineEvents for Events {
    fn on_breach(&self, passed: Breach) {
        self.reports.breach(passed.pid, breach(passed));
    }

    fn on_fatal(&self, message: &str, limit: Option<Breach>) {
        self.reports.fatal(message, limit.map(breach));
    }

    fn on_stuck(&self, pid: Pid) {
        self.reports.notify(Notice::Stuck { pid });
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.reports.note_memory();
        lockdown::has_room(bytes)
    }

    fn has_any(&self, bytes: u64) -> bool {
        lockdown::has_any(bytes)
    }

    fn memory_in_use(&self) -> u64 {
        lockdown::account().map_or(0, |account| account.used_by_guests())
    }

    fn on_tick(&self) {
        self.reports.note_memory();
    }

    fn is_overdrawn(&self) -> bool {
        overdraft::is_in_use()
    }

    fn is_lending(&self) -> bool {
        overdraft::lent() > 0
    }

    fn reclaim(&self) {
        overdraft::reclaim();
    }

    fn on_overdrawn(&self, pid: Pid, bytes: u64) {
        self.reports.overdrawn(pid, bytes);
    }

    fn on_refused(&self, bytes: u64) {
        self.reports.refused(bytes);
    }

    fn on_crowded(&self, reserved: u64) {
        self.reports.crowded(reserved);
    }

    fn on_isolate_start(&self) {
        lockdown::allow_engine(ISOLATE_BYTES);
    }

    fn on_idle(&self) -> bool {
        self.kept_module.release();
        lockdown::return_freed_memory();
        lockdown::has_grown()
    }

    fn on_isolate_end(&self) {
        lockdown::disallow_engine(ISOLATE_BYTES);
    }

    fn on_end(&self, pid: Pid) {
        self.reports.notify(Notice::Ended { pid });
    }
}

impl NodeRuntime {
    /// Prepares an engine for the first VM.
    pub(crate) fn new(snapshot: Option<&'static Snapshot>) -> NodeRuntime {
        let mut runtime = NodeRuntime {
            snapshot,
            prepared: None,
        };
        runtime.prepared = Some(runtime.make_engine());
        runtime
    }

    fn make_engine(&self) -> (Arc<Engine>, Arc<Events>) {
        let events = Arc::new(Events::default());
        let config = EngineConfig {
            snapshot: self.snapshot,
            spare_isolates: match self.snapshot {
                Some(snapshot) if snapshot.has_program() => 0,
                _ => SPARE_ISOLATES,
            },
            events: events.clone(),
            profile: false,
        };
        (Engine::new(config), events)
    }
}

impl Runtime for NodeRuntime {
    fn install(
        &mut self,
        vm: VmId,
        kernel: &Arc<Kernel>,
        config: &VmConfig,
        mailbox: &Arc<Mailbox>,
        host: &Arc<dyn Host>,
    ) -> Result<Box<dyn Guests>, String> {
        let (engine, events) = match self.prepared.take() {
            Some(prepared) => prepared,
            None => self.make_engine(),
        };
        events.reports.deliver_to(vm, kernel, mailbox);
        let limits = &config.limits;
        let options = NodeOptions {
            heap_limit_bytes: usize::try_from(limits.heap_bytes).unwrap_or(usize::MAX),
            cpu_time_limit: limits.cpu_time_ms.map(Duration::from_millis),
            clock_resolution_ns: clock_resolution_ns(config),
            freeze_clocks: config.freeze_time,
            own_process: config.exclusive,
            max_timers: usize::try_from(limits.max_timers).unwrap_or(usize::MAX),
            max_programs: usize::try_from(limits.max_memory_bytes / PROGRAM_BYTES)
                .unwrap_or(usize::MAX)
                .max(AT_LEAST),
            scripts: node_commands::SCRIPTS,
            host: Some(host.clone()),
            kept_module: events.kept_module.clone(),
        };
        kernel.register_binfmt(NodeBinfmt::new(engine.clone(), options));
        let scripts = node_commands::SCRIPTS.iter().map(|script| script.name);
        // What is behind commands of the host's has their names.
        let scripts = scripts.filter(|name| *name != COMMAND_SCRIPT);
        for name in std::iter::once("node").chain(scripts) {
            kernel
                .register_command(name, "node")
                .map_err(|errno| format!("registering {name}: {}", errno.name()))?;
        }
        Ok(Box::new(NodeGuests(engine)))
    }
}

impl Guests for NodeGuests {
    fn attachment(
        &self,
        code: Option<Vec<u8>>,
        source: Option<CodeSource>,
        returned: Option<Arc<Returned>>,
        resident: bool,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        if code.is_none() && returned.is_none() {
            return None;
        }
        let on_return = returned.map(|returned| {
            let hand_back = move |json| returned.set(json);
            Box::new(hand_back) as Box<dyn Fn(String) + Send + Sync>
        });
        let mut invocation = Invocation::new(code, on_return);
        if let Some(CodeSource { language, filename }) = source {
            invocation = invocation.with_source(language, filename);
        }
        Some(Arc::new(if resident {
            invocation.with_internals()
        } else {
            invocation
        }))
    }

    fn reports_ends(&self) -> bool {
        true
    }

    fn renew_cpu_time(&self, pid: Pid) {
        self.0.renew_cpu_time(pid);
    }

    fn heap_bytes(&self) -> u64 {
        self.0.heap_bytes()
    }

    fn close(&self) {
        self.0.close();
    }
}
