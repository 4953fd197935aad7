//! The engine of one VM.

use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use secure_exec_kernel::Pid;
use wasmtime::Linker;

use crate::call::State;
use crate::config::{self, Images, WasmOptions};
use crate::module_cache::{LoadError, LoadedModule, ModuleCache};
use crate::tenants::Tenants;
use crate::watchdog::Watchdog;
use crate::worker::Workers;
use crate::{ext, wasi};

/// A limit that ended a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The process.
    pub pid: Pid,
    /// Name of the limit as in the public API.
    pub limit: &'static str,
    /// The bound, in the limit's own unit.
    pub bound: u64,
    /// What was used, in the same unit.
    pub used: u64,
}

/// What the VM must know of.
pub trait EngineEvents: Send + Sync {
    /// A process passed a limit and ends for it.
    fn on_breach(&self, breach: Breach) {
        let _ = breach;
    }
    /// A thread is about to be made, with a stack of [`crate::thread_bytes`].
    fn on_thread_start(&self) {}
    /// A thread is gone.
    fn on_thread_end(&self) {}
    /// A module is about to be compiled, which takes about this much memory for a while.
    fn on_compile_start(&self, bytes: u64) {
        let _ = bytes;
    }
    /// The memory of a compilation is free again.
    fn on_compile_end(&self, bytes: u64) {
        let _ = bytes;
    }
    /// Whether this much memory more leaves the machine what it needs for itself.
    fn has_room(&self, bytes: u64) -> bool {
        let _ = bytes;
        true
    }
    /// A process did not get this much memory, because there is no room for it; it goes on without.
    fn on_refused(&self, bytes: u64) {
        let _ = bytes;
    }
    /// The thread of a process is free, whatever ended the process.
    fn on_end(&self, pid: Pid) {
        let _ = pid;
    }
}

/// For those who need not know.
#[derive(Debug)]
pub struct NoEvents;

impl EngineEvents for NoEvents {}

/// An engine of wasmtime with our imports.
pub(crate) struct Runtime {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) linker: Linker<State>,
}

impl Runtime {
    fn new(images: Images, options: &WasmOptions) -> wasmtime::Result<Runtime> {
        let engine = wasmtime::Engine::new(&config::runtime(images, options))?;
        let mut linker = Linker::new(&engine);
        wasi::link(&mut linker)?;
        ext::link(&mut linker)?;
        Ok(Runtime { engine, linker })
    }
}

/// Runs the WebAssembly processes of one VM.
pub struct Engine {
    options: WasmOptions,
    events: Arc<dyn EngineEvents>,
    runtimes: Arc<Runtimes>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) watchdog: Watchdog,
    pub(crate) cache: ModuleCache,
    pub(crate) tenants: Tenants,
    this: Weak<Engine>,
}

/// One runtime for mapped modules, one for those compiled here, made when it is needed.
struct Runtimes {
    mapped: Runtime,
    compiled: OnceLock<Runtime>,
    making: Mutex<()>,
}

impl Runtimes {
    /// Makes running code look for a reason to stop.
    fn interrupt(&self) {
        self.mapped.engine.increment_epoch();
        if let Some(compiled) = self.compiled.get() {
            compiled.engine.increment_epoch();
        }
    }
}

impl Engine {
    /// Makes an engine.
    ///
    /// # Errors
    /// Wasmtime does not run on this machine, or with these options.
    pub fn new(options: WasmOptions, events: Arc<dyn EngineEvents>) -> Result<Arc<Engine>, String> {
        let mapped =
            Runtime::new(Images::Mapped, &options).map_err(|error| format!("{error:#}"))?;
        let runtimes = Arc::new(Runtimes {
            mapped,
            compiled: OnceLock::new(),
            making: Mutex::new(()),
        });
        let interrupted = Arc::downgrade(&runtimes);
        let interrupt = move || {
            if let Some(runtimes) = interrupted.upgrade() {
                runtimes.interrupt();
            }
        };
        Ok(Arc::new_cyclic(|this| Engine {
            workers: Workers::new(&options, events.clone()),
            watchdog: Watchdog::new(Arc::new(interrupt)),
            cache: ModuleCache::default(),
            tenants: Tenants::default(),
            runtimes,
            options,
            events,
            this: this.clone(),
        }))
    }

    /// Settings.
    pub fn options(&self) -> &WasmOptions {
        &self.options
    }

    pub(crate) fn events(&self) -> &dyn EngineEvents {
        &*self.events
    }

    pub(crate) fn mapped(&self) -> &Runtime {
        &self.runtimes.mapped
    }

    /// The runtime for modules that are compiled here.
    pub(crate) fn compiled(&self) -> Result<&Runtime, LoadError> {
        let _making = self.runtimes.making.lock();
        if let Some(runtime) = self.runtimes.compiled.get() {
            return Ok(runtime);
        }
        let runtime = Runtime::new(Images::Copied, &self.options)
            .map_err(|error| LoadError::Compiler(format!("{error:#}")))?;
        Ok(self.runtimes.compiled.get_or_init(|| runtime))
    }

    pub(crate) fn interrupt(&self) {
        self.runtimes.interrupt();
    }

    /// Calls [`Engine::interrupt`] as long as the engine is there.
    pub(crate) fn interrupter(&self) -> impl Fn() + Send + Sync + 'static {
        let this = self.this.clone();
        move || {
            if let Some(engine) = this.upgrade() {
                engine.interrupt();
            }
        }
    }

    /// Compiles a guest's module, or finds it compiled.
    ///
    /// # Errors
    /// It is no module that can run here.
    pub(crate) fn load_bytes(&self, bytes: &[u8]) -> Result<Arc<LoadedModule>, LoadError> {
        self.cache.load(self, bytes)
    }
}
