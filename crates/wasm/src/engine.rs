//! The engine of one VM.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use secure_exec_kernel::Process;
use wasmtime::Linker;

use crate::call::State;
use crate::config::{self, Images, WasmOptions};
use crate::events::EngineEvents;
use crate::load_error::LoadError;
use crate::module_cache::{LoadedModule, ModuleCache};
use crate::tenants::Tenants;
use crate::watchdog::Watchdog;
use crate::worker::Workers;
use crate::{ext, wasi};

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

    /// Processor time that a process may use with all that its program has started.
    pub(crate) fn cpu_time_limit(&self, process: &Process) -> Option<Duration> {
        let own = process.account().terms().cpu_limit;
        own.or(self.options.cpu_time_limit)
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
