//! One VM: its kernel and the programs that the host runs in it.
//!
//! - `messages`: what the host says to it. `outbox`: what it says to the host.
//! - `programs`: those that the host runs. `guest_call`: one of them, with its standard streams. `waiting`,
//!   `staged_code`: those that have not started.
//! - `connections`: the host's to listeners. `connection`: one of them. `listeners`: what it knows of those.
//!   `outbound`: those of guests to the host.
//! - `mounts`: the host's files in it. `file_thread`: where the host's file methods run if there are any.
//! - `files`, `copy`, `filesystem`: the host's file methods, and all of it on its way to another VM. `captures`: all of it at
//!   one moment.
//! - `process_list`, `resources`, `trace_flow`, `trace_lines`, `warnings`: what the host sees of it.

mod captures;
mod connection;
mod connections;
mod copy;
mod file_thread;
mod files;
mod filesystem;
mod guest_call;
mod listeners;
mod messages;
mod mounts;
mod outbound;
mod outbox;
mod pieces;
mod process_list;
mod programs;
mod resources;
mod staged_code;
mod trace_flow;
mod trace_lines;
mod waiting;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use secure_exec_kernel::{Kernel, KernelConfig, Limits};
use secure_exec_node::host::Host;
use secure_exec_protocol::{CallId, Failure, VmConfig, VmId};

use crate::breaches;
use crate::failure::failure;
use crate::guests::{Guests, Runtime, clock_resolution_ns};
use crate::host::{FilesChannel, StartGuard, Tools, first_request};
use crate::mailbox::Mailbox;
use crate::system::{SystemClock, SystemRandom};
use captures::Captures;
use connection::Connection;
use file_thread::FileThread;
use files::Files;
use filesystem::Transfer;
use guest_call::GuestCall;
use listeners::ListenerFlow;
use outbound::OutboundFlow;
use resources::Counting;
use staged_code::StagedCode;
use trace_flow::TraceFlow;
use trace_lines::TraceLines;
use waiting::WaitingPrograms;
use warnings::Warnings;

pub(crate) use outbox::Outbox;

/// A VM.
pub(crate) struct Machine {
    id: VmId,
    config: VmConfig,
    kernel: Arc<Kernel>,
    guests: Box<dyn Guests>,
    mailbox: Arc<Mailbox>,
    files: Files,
    /// Does the host's file methods where `files` would have to wait for the host.
    file_thread: Option<FileThread>,
    /// Where the host's files are asked for.
    channel: Option<Arc<FilesChannel>>,
    /// Set for a machine with mounts.
    mounted: Option<Arc<FilesChannel>>,
    tools: Arc<Tools>,
    transfer: Transfer,
    captures: Captures,
    calls: BTreeMap<CallId, GuestCall>,
    connections: BTreeMap<CallId, Connection>,
    listeners: ListenerFlow,
    outbound: OutboundFlow,
    waiting: WaitingPrograms,
    /// Calls of programs without a live handle that run.
    turns_taken: BTreeSet<CallId>,
    /// Code of programs that are about to be started.
    code: StagedCode,
    /// Set for [`VmConfig::trace`].
    trace: Option<TraceFlow>,
    /// What waits for the dead to let go of what they hold.
    counting: Counting,
    /// Set for [`VmConfig::warn`].
    warnings: Option<Arc<Warnings>>,
    /// Limits of which the host has been told that others than its programs use most.
    warned: BTreeSet<&'static str>,
}

impl Machine {
    /// Boots.
    ///
    /// # Errors
    /// What is wrong with the configuration; the first limit that the machine itself passed is named.
    pub(crate) fn boot(
        id: VmId,
        config: VmConfig,
        runtime: &mut dyn Runtime,
        mailbox: &Arc<Mailbox>,
        channel: Option<&Arc<FilesChannel>>,
    ) -> Result<Machine, Failure> {
        let kernel_config = kernel_config(&config);
        let ledger = kernel_config.ledger.clone();
        let warnings = config.warn.then(|| {
            let warnings = Warnings::new(id, mailbox);
            let added = warnings.clone();
            ledger.watch(Box::new(move |pid, near| added.add((pid, near))));
            warnings
        });
        let too_small = |failure| too_small(breaches::named(failure, &ledger.take()));
        let kernel =
            Kernel::boot(kernel_config).map_err(|errno| too_small(failure(errno, "boot", b"")))?;
        let tools = Tools::install(id, &kernel, &config.limits, mailbox);
        if config.asks_to_start || !config.starter.is_empty() {
            kernel.guard_exec(StartGuard::new(&tools, &config));
        }
        let host: Arc<dyn Host> = tools.clone();
        let guests = runtime
            .install(id, &kernel, &config, mailbox, &host)
            .map_err(|message| {
                too_small(Failure {
                    code: "ERR_VM_START".into(),
                    message,
                    ..Failure::default()
                })
            })?;
        let made = tools
            .register(&kernel, config.tools.clone())
            .and_then(|()| mounts::attach_all(&kernel, id, &config, channel, &tools))
            .and_then(|()| file_thread(id, &kernel, &config, mailbox));
        let file_thread = match made {
            Ok(file_thread) => file_thread,
            Err(failure) => {
                guests.close();
                return Err(failure);
            }
        };
        let mounted = channel.filter(|_| !config.mounts.is_empty()).cloned();
        let trace = config.trace.then(|| {
            let lines = TraceLines::new(id, mailbox);
            kernel.set_tracer(Some(lines.clone()));
            TraceFlow::new(lines)
        });
        let mut listeners = ListenerFlow::new(id, mailbox);
        // Nobody listens yet: it waits for the first.
        listeners.next(&kernel);
        let most = config.limits.max_connections;
        let mut outbound = OutboundFlow::new(id, mailbox, most, first_request(&kernel));
        outbound.next(&kernel);
        Ok(Machine {
            id,
            files: Files::new(kernel.file_agent()),
            file_thread,
            channel: channel.cloned(),
            mounted,
            config,
            kernel,
            guests,
            mailbox: mailbox.clone(),
            tools,
            transfer: Transfer::default(),
            captures: Captures::default(),
            calls: BTreeMap::new(),
            connections: BTreeMap::new(),
            listeners,
            outbound,
            waiting: WaitingPrograms::default(),
            turns_taken: BTreeSet::new(),
            code: StagedCode::default(),
            trace,
            counting: Counting::default(),
            warnings,
            warned: BTreeSet::new(),
        })
    }

    /// Kills everything. The machine is of no use behind it.
    pub(crate) fn kill(&self) {
        self.kernel.shutdown();
    }
}

/// The thread for file methods, where they may have to wait.
fn file_thread(
    id: VmId,
    kernel: &Kernel,
    config: &VmConfig,
    mailbox: &Arc<Mailbox>,
) -> Result<Option<FileThread>, Failure> {
    if config.mounts.is_empty() {
        return Ok(None);
    }
    let started = FileThread::start(id, Files::new(kernel.file_agent()), mailbox);
    started.map(Some).map_err(|error| Failure {
        code: "ERR_VM_START".into(),
        message: format!("thread: {error}"),
        ..Failure::default()
    })
}

/// Has a failure that a limit caused say so: what failed first for want of it is by chance.
fn too_small(failure: Failure) -> Failure {
    let Some(limit) = &failure.limit else {
        return failure;
    };
    let message = format!(
        "{} is {}, and the machine itself needs more",
        limit.name, limit.bound
    );
    Failure {
        code: "ERR_RESOURCE_LIMIT".into(),
        message,
        ..failure
    }
}

fn kernel_config(config: &VmConfig) -> KernelConfig {
    let limits = &config.limits;
    let usual = KernelConfig::default();
    let count = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    KernelConfig {
        limits: Limits {
            max_processes: count(limits.max_processes),
            max_open_fds: count(limits.max_open_fds),
            max_pipes: count(limits.max_pipes),
            max_ptys: count(limits.max_ptys),
            max_sockets: count(limits.max_sockets),
            max_connections: count(limits.max_connections),
            max_socket_buffered_bytes: count(limits.max_socket_buffered_bytes),
            max_filesystem_bytes: limits.max_filesystem_bytes,
            max_inodes: limits.max_inodes,
            max_file_bytes: limits.max_file_bytes,
            max_argv_bytes: count(limits.max_argv_bytes),
            max_env_bytes: count(limits.max_env_bytes),
            ..Limits::default()
        },
        clock: Arc::new(SystemClock::new(clock_resolution_ns(config))),
        random: Arc::new(SystemRandom),
        cpu_count: limits.cpu_count as usize,
        memory_bytes: limits.max_memory_bytes,
        outbound_ports: config.outbound_ports.clone(),
        hostname: config.hostname.clone().unwrap_or(usual.hostname),
        ..KernelConfig::default()
    }
}
