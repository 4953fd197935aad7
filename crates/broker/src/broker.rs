//! The broker: one per host process.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};

use secure_exec_protocol::{File, VmConfig};

use crate::admission;
use crate::core::{Accusation, Core, VmKey};
use crate::event::Sink;
use crate::files::HostMount;
use crate::handle::VmHandle;
use crate::isolation::{Isolation, Level};
use crate::keys::ProcessId;
use crate::lifecycle::Creation;
use crate::poller::Poller;
use crate::segment::FileSnapshot;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::spawner::{self, Order, Outcome, Start};
use crate::supervisor;
use crate::timer::SystemClock;

/// Starts, supervises and replaces VM processes.
pub struct Broker {
    pub(crate) shared: Shared,
    pub(crate) poller: Arc<Poller>,
    commands: Option<String>,
    last_vm: AtomicU64,
}

impl Broker {
    /// Starts the broker's threads; VM processes come with the first VM.
    ///
    /// # Errors
    /// No descriptor or thread is to be had.
    pub fn start(settings: Settings) -> io::Result<Arc<Broker>> {
        let poller = Arc::new(Poller::new()?);
        let mut failure = None;
        let commands = settings.commands.as_deref().and_then(command_dir);
        let broker = Arc::new_cyclic(|weak| {
            let orders = spawner::start(settings, tell(weak.clone())).unwrap_or_else(|error| {
                failure = Some(error);
                dead_end()
            });
            Broker {
                shared: Shared::new(Core::new(
                    orders,
                    poller.clone(),
                    Arc::new(SystemClock),
                    processors(),
                    accuse(weak.clone()),
                )),
                poller: poller.clone(),
                commands: commands.clone(),
                last_vm: AtomicU64::new(0),
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        // Only now: before, the thread would find no broker and end.
        supervisor::start(Arc::downgrade(&broker))?;
        Ok(broker)
    }

    /// Creates a VM with the files of a snapshot, and others over them. `heap` is the startup snapshot of its process, if it is not
    /// the package's. `sink` hears of it by `Created`. If less than `required` holds for its process, it is not created.
    pub fn create(
        self: &Arc<Self>,
        config: VmConfig,
        (snapshot, files): (Option<Arc<FileSnapshot>>, Vec<File>),
        mounts: Vec<HostMount>,
        (isolation, heap): (Isolation, Option<PathBuf>),
        required: Option<Level>,
        sink: Arc<dyn Sink>,
    ) -> VmHandle {
        let (mut config, mut mounts) = (config, mounts);
        for (number, mount) in (0..).zip(&mut mounts) {
            mount.mount.number = number;
        }
        config.mounts = mounts.iter().map(|mount| mount.mount.clone()).collect();
        if config.command_dirs.is_empty() {
            config.command_dirs.extend(self.commands.clone());
        }
        config.own_command_dir.clone_from(&self.commands);
        let vm: VmKey = self.last_vm.fetch_add(1, Ordering::Relaxed) + 1;
        let last_call = Arc::new(AtomicU64::new(0));
        let made = Creation {
            config,
            files,
            snapshot,
            mounts,
            isolation,
            required,
            heap,
            sink,
            last_call: last_call.clone(),
        };
        let admitted = admission::admit();
        self.shared
            .post(move |core| core.create(vm, made, admitted));
        VmHandle::new(self.clone(), vm, last_call)
    }

    /// Starts a spare VM process if there is none.
    pub fn prepare(&self) {
        let start = Start {
            command_dirs: self.commands.iter().cloned().collect(),
            ..Start::default()
        };
        self.shared.post(move |core| core.prepare_spare(start));
    }

    /// Pids of the VM processes, for tests and diagnosis.
    #[must_use]
    pub fn pids(&self) -> Vec<i32> {
        self.shared.with(|core| {
            let children = core.processes.values().filter_map(|p| p.child.as_ref());
            children.map(|child| child.pid()).collect()
        })
    }
}

/// Tells the broker of started processes, as long as there is one.
fn tell(broker: Weak<Broker>) -> impl Fn(ProcessId, Outcome) -> ControlFlow<()> {
    move |process, outcome| {
        let Some(broker) = broker.upgrade() else {
            return ControlFlow::Break(());
        };
        broker
            .shared
            .post(move |core| core.started(process, outcome));
        ControlFlow::Continue(())
    }
}

/// Has a process ended that broke a rule where the lock is not held.
fn accuse(broker: Weak<Broker>) -> Accusation {
    Arc::new(move |process, rule| {
        if let Some(broker) = broker.upgrade() {
            broker
                .shared
                .post(move |core| core.violation(process, rule));
        }
    })
}

/// Processors that this process may use, and its children with it.
fn processors() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(processors).unwrap_or(u32::MAX)
}

/// The directory as VM processes get it, if it is there: a build without commands is of use too.
fn command_dir(path: &Path) -> Option<String> {
    let complete = path.join("commands.json").is_file();
    complete.then(|| path.to_str().map(String::from)).flatten()
}

/// A channel that nobody reads: an order sent into it is refused.
fn dead_end() -> Sender<Order> {
    std::sync::mpsc::channel().0
}
