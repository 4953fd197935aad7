//! Guest `node` processes: a pool of restored isolates, one thread each, and the kernel's binfmt for them.

mod guest;
pub mod platform;
mod population;
mod spares;
mod watchdog;

use std::sync::mpsc::channel;
use std::sync::{Arc, Weak};
use std::time::Duration;

use secure_exec_kernel::{Binfmt, Errno, ExecImage, Pid, Process};

use crate::boot::snapshot::Snapshot;
pub use crate::callback::unwinding::leavable;
use crate::embedder::host::Host;
pub use crate::heap::fatal::{invalid_size, tell_of_panic};
use crate::heap::heap_usage::{Gauge, HeapUsage};
pub use crate::memory::wasm_memory::{Collect, admits_pages};
use crate::worker::Program;
pub(crate) use guest::{
    CODE_RANGE, STACK_SIZE, heap_limit_reached, isolate_params, make_context, run_or_park,
};
use population::Population;
use spares::Spares;
use watchdog::Watchdog;
pub(crate) use watchdog::Watched;

/// Writable address space of every isolate besides its heap: the range for compiled code and the thread's stack.
pub const ISOLATE_BYTES: u64 = (guest::CODE_RANGE + guest::STACK_SIZE) as u64;

/// Memory that is set aside for a program, besides the address space that is reckoned by itself: an idle one takes half of
/// it.
pub const PROGRAM_BYTES: u64 = 12 << 20;

/// What a limit of the engine was exceeded with.
#[derive(Clone, Debug)]
pub struct Breach {
    /// The process, if it is known.
    pub pid: Option<Pid>,
    /// Name of the limit as in the public API, for example `limits.jsRuntime.v8HeapLimitMb`.
    pub limit: &'static str,
    /// The bound, in the limit's own unit.
    pub bound: u64,
    /// What was used, in the same unit.
    pub used: u64,
}

impl Breach {
    /// A heap that has passed its bound; bytes.
    pub(crate) fn of_heap(pid: Option<Pid>, bound: usize, used: usize) -> Breach {
        let mebibytes = |bytes: usize| u64::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u64::MAX);
        Breach {
            pid,
            limit: "limits.jsRuntime.v8HeapLimitMb",
            bound: mebibytes(bound),
            used: mebibytes(used.max(bound)),
        }
    }
}

/// What happened to a guest that the VM must know of.
pub trait EngineEvents: Send + Sync {
    /// A guest passed a limit and has been killed for it.
    fn on_breach(&self, breach: Breach);
    /// V8 gave up the whole operating system process, for a limit if one is known; the calling thread is parked for ever
    /// afterwards. Nothing of V8 may be touched in the handler.
    fn on_fatal(&self, message: &str, limit: Option<Breach>);
    /// A killed guest does not leave JavaScript: only the end of the operating system process helps.
    fn on_stuck(&self, pid: Pid);
    /// Whether this much memory more leaves the operating system process what it needs for itself.
    fn has_room(&self, bytes: u64) -> bool {
        let _ = bytes;
        true
    }
    /// Whether there is this much memory more at all.
    fn has_any(&self, bytes: u64) -> bool {
        let _ = bytes;
        true
    }
    /// What guests use altogether, bytes.
    fn memory_in_use(&self) -> u64 {
        0
    }
    /// Whether guests use more memory than there is, so that one of them must end.
    fn is_overdrawn(&self) -> bool {
        false
    }
    /// Whether guests that go on are to take no more memory for the moment: what is there is needed to end one.
    fn is_lending(&self) -> bool {
        false
    }
    /// There may be memory that nobody uses, now that there is too little.
    fn reclaim(&self) {}
    /// A guest is ended because there is no room for this much memory more, which native code needs for it.
    fn on_overdrawn(&self, pid: Pid, bytes: u64) {
        let _ = (pid, bytes);
    }
    /// A guest did not get this much memory, because there is no room for it; it goes on without.
    fn on_refused(&self, bytes: u64) {
        let _ = bytes;
    }
    /// There is no place for a further program: with it this much memory would be set aside for programs.
    fn on_crowded(&self, reserved: u64) {
        let _ = reserved;
    }
    /// An isolate is about to be made. It takes `ISOLATE_BYTES` of address space that no guest can use for data.
    fn on_isolate_start(&self) {}
    /// An isolate is gone.
    fn on_isolate_end(&self) {}
    /// No guest has run for a while, after some have. The handler gives back what it can, and tells whether the operating
    /// system process keeps much more than it had at first: then V8's pool of pages is given back as well.
    fn on_idle(&self) -> bool {
        false
    }
    /// The thread of a guest has left JavaScript for good, whatever ended the guest.
    fn on_end(&self, pid: Pid) {
        let _ = pid;
    }
}

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

/// Settings of the guests of one VM.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Bound of each guest's JavaScript heap, bytes.
    pub heap_limit_bytes: usize,
    /// Processor time each guest may use; None for no bound.
    pub cpu_time_limit: Option<Duration>,
    /// Clocks of guests move in steps of this many nanoseconds; 1 for none.
    pub clock_resolution_ns: u64,
    /// Guest clocks stand still within a turn of the event loop.
    pub freeze_clocks: bool,
    /// No other VM runs in this operating system process, so `TZ` can be applied (`time_zone.rs`), and V8's own threads
    /// work for this VM's guests.
    pub own_process: bool,
    /// How many timers a guest may have.
    pub max_timers: usize,
    /// How many programs of the VM may run at a time; more are refused with `EAGAIN`.
    pub max_programs: usize,
    /// Takes what guests ask of the host; without one there are no tools for `callTool`.
    pub host: Option<Arc<dyn Host>>,
}

impl Default for NodeOptions {
    fn default() -> Self {
        NodeOptions {
            heap_limit_bytes: 128 << 20,
            cpu_time_limit: Some(Duration::from_secs(30)),
            clock_resolution_ns: 1_000_000,
            freeze_clocks: false,
            own_process: false,
            max_timers: 4096,
            max_programs: 64,
            host: None,
        }
    }
}

pub(crate) struct Job {
    pub(crate) process: Arc<Process>,
    pub(crate) options: NodeOptions,
}

/// Runs guest `node` processes.
pub struct Engine {
    config: EngineConfig,
    spares: Spares,
    population: Population,
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
            population: Population::default(),
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
            .stack_size(guest::STACK_SIZE)
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

impl Binfmt for NodeBinfmt {
    fn name(&self) -> &str {
        "node"
    }

    fn matches(&self, image: &ExecImage) -> bool {
        image.command.as_deref() == Some("node")
    }

    fn start(&self, process: Arc<Process>, _image: ExecImage) -> Result<(), Errno> {
        self.engine.run(Job {
            process,
            options: self.options.clone(),
        })
    }
}
