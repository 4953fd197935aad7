//! Guest `node` processes: a pool of restored isolates, one thread each, and the kernel's binfmt for them.

mod guest;
pub mod platform;
mod spares;
mod watchdog;
mod worker_thread;

use std::sync::mpsc::channel;
use std::sync::{Arc, Weak};

use secure_exec_kernel::{Binfmt, Errno, ExecImage, Pid, Process};

use crate::boot::snapshot::Snapshot;
pub use crate::callback::unwinding::leavable;
pub use crate::embedder::events::{Breach, EngineEvents};
pub use crate::embedder::options::{NodeOptions, Script};
pub use crate::heap::fatal::{invalid_size, tell_of_panic};
use crate::memory::gauge::{Gauge, HeapUsage};
use crate::memory::population::Population;
use crate::memory::sizes::STACK_SIZE;
pub use crate::memory::sizes::{ISOLATE_BYTES, PROGRAM_BYTES};
pub use crate::memory::wasm_memory::{Collect, admits_pages};
use crate::threads::watched::Watched;
use crate::worker::{Program, Start, Starter};
use spares::Spares;
use watchdog::Watchdog;
pub use watchdog::{RETERMINATE, STUCK, STUCK_WAITING};

/// Settings of an engine.
pub struct EngineConfig {
    /// Restored isolates come from here; without one each process boots the library itself.
    pub snapshot: Option<&'static Snapshot>,
    /// How many restored isolates are kept ready.
    pub spare_isolates: usize,
    /// Told about limits and fatal errors.
    pub events: Arc<dyn EngineEvents>,
    /// What the guests run of the library is added to the code cache (`code_cache.rs`): for the build.
    pub profile: bool,
}

pub(crate) struct Job {
    pub(crate) process: Arc<Process>,
    pub(crate) options: NodeOptions,
    /// The command that it runs, where that is not `node`.
    pub(crate) script: Option<Script>,
}

/// Runs guest `node` processes.
pub struct Engine {
    config: EngineConfig,
    spares: Spares,
    pub(crate) population: Arc<Population>,
    watchdog: Watchdog,
    pub(crate) heap_usage: Arc<HeapUsage>,
    this: Weak<Engine>,
}

impl Engine {
    /// An engine with its spares being prepared. `initialize_v8` must have been called.
    #[must_use]
    pub fn new(config: EngineConfig) -> Arc<Engine> {
        let heap_usage = Arc::<HeapUsage>::default();
        let engine = Arc::new_cyclic(|this| Engine {
            watchdog: Watchdog::start(config.events.clone(), heap_usage.clone()),
            heap_usage,
            spares: Spares::new(config.spare_isolates),
            config,
            population: Arc::default(),
            this: this.clone(),
        });
        engine.refill();
        engine
    }

    /// Bytes of the heaps of all guests, as of their last turns and collections.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        self.heap_usage.bytes()
    }

    /// How many isolates are ready for a process.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.spares.ready()
    }

    /// Lets the spare isolates go: the VM is gone. Their threads hold the engine.
    pub fn close(&self) {
        self.spares.close();
    }

    /// Told about limits and fatal errors.
    pub(crate) fn events(&self) -> &Arc<dyn EngineEvents> {
        &self.config.events
    }

    /// Takes a place for a further isolate of `process`, to be given back by [`Engine::leave`].
    ///
    /// # Errors
    /// - `EAGAIN`: the VM has no memory for one.
    pub(crate) fn admit(&self, process: &Arc<Process>, max: usize) -> Result<(), Errno> {
        self.population.admit(process, max, self.events())
    }

    /// Gives a place back.
    pub(crate) fn leave(&self, process: &Arc<Process>) {
        self.population.leave(process);
    }

    /// Watches the calling thread as a thread of `process`.
    pub(crate) fn watch(
        &self,
        process: &Arc<Process>,
        isolate: v8::IsolateHandle,
        program: &Program,
        gauge: &Gauge,
    ) -> Arc<Watched> {
        let memory = gauge.native().clone();
        self.watchdog
            .watch(process, isolate, &program.options, memory)
    }

    /// What a process has used of its processor time counts no more.
    pub fn renew_cpu_time(&self, pid: Pid) {
        self.watchdog.renew(pid);
    }

    fn refill(&self) {
        while let Some(id) = self.spares.missing() {
            if self.start_spare(id).is_err() {
                self.spares.failed();
                return;
            }
        }
    }

    fn start_spare(&self, id: u64) -> std::io::Result<()> {
        let (sender, receiver) = channel();
        self.start_thread(move |engine| {
            engine.spares.let_programs_start();
            guest::main(engine, |engine| {
                engine.spares.announce(id, sender);
                engine.spares.wait(id, &receiver)
            });
        })
    }

    fn start_thread(
        &self,
        main: impl FnOnce(&Arc<Engine>) + Send + 'static,
    ) -> std::io::Result<()> {
        let engine = self
            .this
            .upgrade()
            .ok_or(std::io::ErrorKind::NotConnected)?;
        std::thread::Builder::new()
            .name("guest".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || main(&engine))?;
        Ok(())
    }

    fn run(&self, job: Job) -> Result<(), Errno> {
        let process = job.process.clone();
        self.population
            .admit(&process, job.options.max_programs, self.events())
            .inspect_err(|_| {
                let reserved = self.population.reserved_with_one_more();
                self.config.events.on_crowded(reserved);
            })?;
        self.hand_over(job)
            .inspect_err(|_| self.population.leave(&process))
    }

    fn hand_over(&self, job: Job) -> Result<(), Errno> {
        let mut job = job;
        while let Some(spare) = self.spares.take() {
            match spare.send(job) {
                Ok(()) => {
                    self.refill();
                    return Ok(());
                }
                Err(std::sync::mpsc::SendError(returned)) => job = returned,
            }
        }
        // The isolate is made on the way.
        let started = self.start_thread(move |engine| guest::main(engine, |_| Some(job)));
        self.refill();
        started.map_err(|_| Errno::EAGAIN)
    }
}

impl Starter for Engine {
    fn start(&self, start: Start) -> Result<(), String> {
        let engine = self.this.upgrade().ok_or("the engine is gone")?;
        worker_thread::start(engine, start)
    }
}

/// The kernel's binary format for guest `node` processes.
pub struct NodeBinfmt {
    engine: Arc<Engine>,
    options: NodeOptions,
}

impl NodeBinfmt {
    /// The format of one VM.
    #[must_use]
    #[expect(
        clippy::new_ret_no_self,
        reason = "the kernel takes the format as a trait object"
    )]
    pub fn new(engine: Arc<Engine>, options: NodeOptions) -> Arc<dyn Binfmt> {
        Arc::new(NodeBinfmt { engine, options })
    }
}

impl NodeBinfmt {
    fn script(&self, image: &ExecImage) -> Option<Script> {
        let name = image.command.as_deref()?;
        let mut scripts = self.options.scripts.iter();
        scripts.find(|script| script.name == name).copied()
    }
}

impl Binfmt for NodeBinfmt {
    fn name(&self) -> &str {
        "node"
    }

    fn matches(&self, image: &ExecImage) -> bool {
        image.command.as_deref() == Some("node") || self.script(image).is_some()
    }

    fn start(&self, process: Arc<Process>, image: ExecImage) -> Result<(), Errno> {
        self.engine.run(Job {
            process,
            options: self.options.clone(),
            script: self.script(&image),
        })
    }
}
