//! Running one process from its start to its end, on the calling thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use secure_exec_kernel::{Errno, OpenFlags, Process};
use wasmtime::{Store, UpdateDeadline};

use crate::bounds::Bounds;
use crate::call::{Host, State};
use crate::commands::Command;
use crate::cpu;
use crate::ending::{self, Ending};
use crate::engine::Engine;
use crate::load_error::{LoadError, MODULE};
use crate::module_cache::LoadedModule;
use crate::park::Park;
use crate::wasi::Descriptors;

/// What a process is to run.
pub(crate) enum Program {
    Command(Arc<Command>),
    /// Path of a module in the VM.
    File(Vec<u8>),
}

/// Runs a new program.
pub(crate) fn start(engine: &Arc<Engine>, process: Arc<Process>, program: &Program) {
    conduct(engine, &process, |begun| {
        if !process.is_alive() {
            return (Ending::Killed, None);
        }
        interrupt_on_signals(engine, &process);
        let module = match load(engine, &process, program) {
            Ok(module) => module,
            Err(error) => return (Ending::NotLoaded(error), None),
        };
        let argv = match program {
            Program::Command(command) => command.arguments(process.argv()),
            Program::File(_) => process.argv(),
        };
        let mut store = new_store(engine, &process, module, Arc::new(argv));
        adopt(&mut store, begun);
        let ending = run_start(&mut store);
        (ending, Some(store))
    });
}

/// Goes on with the copy of an instance that `proc_fork_call` made.
pub(crate) fn resume(
    engine: &Arc<Engine>,
    process: &Arc<Process>,
    mut store: Store<State>,
    function: u32,
    argument: u32,
) {
    conduct(engine, process, |begun| {
        interrupt_on_signals(engine, process);
        adopt(&mut store, begun);
        let ending = run_fork_entry(&mut store, function, argument);
        (ending, Some(store))
    });
}

/// Runs a program and tells the kernel and the VM of its end. `run` gets what the thread had used when the process came
/// to it: making and unmaking an instance is the program's time too.
fn conduct(
    engine: &Arc<Engine>,
    process: &Arc<Process>,
    run: impl FnOnce(cpu::Reading) -> (Ending, Option<Store<State>>),
) {
    let begun = cpu::of_this_thread();
    engine.tenants.enter(process);
    let panicked = |_| (Ending::Host("panic".into()), None);
    let (ending, store) = catch_unwind(AssertUnwindSafe(|| run(begun))).unwrap_or_else(panicked);
    let mut charged = begun;
    if let Some(store) = &store {
        let host = &store.data().host;
        // Not watched when it is noted, so that it never counts twice.
        if let Some(watched) = &host.watched {
            engine.watchdog.unwatch(watched);
        }
        // The time before `proc_exec` is noted by it: the next program is running already.
        charged = if matches!(ending, Ending::Exec) {
            cpu::of_this_thread()
        } else {
            ending::charge(host)
        };
    }
    let ended = ending::conclude(engine, process, &ending);
    // Unmapping comes after the end is known, so that nobody waits for it.
    drop(store);
    process.charge_cpu(cpu::since(charged, cpu::of_this_thread()));
    engine.tenants.leave(process);
    if ended {
        engine.events().on_end(process.pid());
    }
}

/// Makes kills and stops reach running code.
fn interrupt_on_signals(engine: &Arc<Engine>, process: &Process) {
    let interrupt = engine.interrupter();
    process.on_kill(Box::new(move |_| interrupt()));
    process.on_stop(Box::new(engine.interrupter()));
}

fn load(
    engine: &Engine,
    process: &Process,
    program: &Program,
) -> Result<Arc<LoadedModule>, LoadError> {
    match program {
        Program::Command(command) => command.load(engine),
        Program::File(path) => {
            let bytes = read_file(engine, process, path)?;
            engine.load_bytes(&bytes)
        }
    }
}

/// Reads a module as the kernel does it for `execve(2)`: permission to execute is enough.
fn read_file(engine: &Engine, process: &Process, path: &[u8]) -> Result<Vec<u8>, LoadError> {
    let bound = engine.options().max_module_bytes;
    let read = || {
        let reader = process.kernel()?.init();
        let fd = reader.open(path, OpenFlags::O_RDONLY | OpenFlags::O_CLOEXEC, 0)?;
        let size = usize::try_from(reader.fstat(fd)?.size).unwrap_or(usize::MAX);
        let bytes = if size > bound {
            Ok(Err(size))
        } else {
            read_descriptor(&reader, fd, size).map(Ok)
        };
        reader.close(fd)?;
        bytes
    };
    let bytes = read().map_err(|_: Errno| LoadError::Unreadable)?;
    bytes.map_err(|size| LoadError::TooLarge {
        what: MODULE,
        bound,
        size,
    })
}

fn read_descriptor(reader: &Process, fd: i32, size: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; size];
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match reader.read(fd, rest)? {
            0 => break,
            count => done += count,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

/// A store for a process, with nothing in it yet.
pub(crate) fn new_store(
    engine: &Arc<Engine>,
    process: &Arc<Process>,
    module: Arc<LoadedModule>,
    argv: Arc<Vec<Vec<u8>>>,
) -> Store<State> {
    let wasm_engine = module.pre.module().engine().clone();
    let state = State {
        host: Host {
            engine: engine.clone(),
            process: process.clone(),
            module,
            argv,
            descriptors: Descriptors::default(),
            park: Park::new(),
            cpu_base: Default::default(),
            watched: None,
        },
        bounds: Bounds::new(engine, process),
        memory: None,
        instance: None,
    };
    let mut store = Store::new(&wasm_engine, state);
    store.limiter(|state| &mut state.bounds);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| match context.data().host.interrupted() {
        Some(end) => Err(end.into()),
        None => Ok(UpdateDeadline::Continue(1)),
    });
    store
}

/// Binds a store to the calling thread, whose processor time is the process's since it had used `begun`.
fn adopt(store: &mut Store<State>, begun: cpu::Reading) {
    let host = &mut store.data_mut().host;
    host.cpu_base = begun;
    if let Some(limit) = host.engine.cpu_time_limit(&host.process) {
        host.watched = Some(host.engine.watchdog.watch(&host.process, limit));
    }
}

fn run_start(store: &mut Store<State>) -> Ending {
    // What came before the store had its epoch interrupts nothing any more.
    if let Some(end) = store.data().host.interrupted() {
        return Ending::of_end(end);
    }
    if let Err(error) = instantiate(store) {
        return match Ending::of_error(&error) {
            Ending::Host(message) => Ending::NotLoaded(LoadError::Resources(message)),
            ending => ending,
        };
    }
    let Some(instance) = store.data().instance else {
        return Ending::Host("no instance".into());
    };
    let Ok(start) = instance.get_typed_func::<(), ()>(&mut *store, "_start") else {
        return Ending::NotLoaded(LoadError::Export("_start"));
    };
    match start.call(&mut *store, ()) {
        Ok(()) => Ending::Status(0),
        Err(error) => Ending::of_error(&error),
    }
}

fn run_fork_entry(store: &mut Store<State>, function: u32, argument: u32) -> Ending {
    let Some(instance) = store.data().instance else {
        return Ending::Host("no instance".into());
    };
    let entry = instance.get_typed_func::<(u32, u32), i32>(&mut *store, crate::ext::FORK_ENTRY);
    let Ok(entry) = entry else {
        return Ending::NotLoaded(LoadError::Export(crate::ext::FORK_ENTRY));
    };
    if let Some(end) = store.data().host.interrupted() {
        return Ending::of_end(end);
    }
    match entry.call(&mut *store, (function, argument)) {
        Ok(status) => Ending::Status(status),
        Err(error) => Ending::of_error(&error),
    }
}

/// Makes the instance and finds its memory.
///
/// # Errors
/// A limit, a lack of memory, or a trap of the start function.
pub(crate) fn instantiate(store: &mut Store<State>) -> wasmtime::Result<()> {
    let module = store.data().host.module.clone();
    let instance = module.pre.instantiate(&mut *store)?;
    let memory = instance.get_memory(&mut *store, "memory");
    let state = store.data_mut();
    state.instance = Some(instance);
    state.memory = memory;
    Ok(())
}
