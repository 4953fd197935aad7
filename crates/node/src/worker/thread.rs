//! The life of a worker's thread (`Worker::Run` in Node's `src/node_worker.cc`).

use std::rc::Rc;
use std::sync::Arc;

use secure_exec_kernel::Process;

use super::{Program, Running, Worker};
use crate::binding::{self, PortData, WorkerBinding};
use crate::boot::snapshot::ContextKind;
use crate::boot::{bootstrap, isolate};
use crate::engine::{self, STACK_SIZE, make_context};
use crate::env::Env;
use crate::event_loop::{LoopHandle, foreground};
use crate::heap::{heap_limit, heap_usage};
use crate::memory::array_buffers::ArrayBuffers;
use crate::memory::memory_guard;
use crate::options::Options;
use crate::process::frozen_clock;
use crate::process::process_env::{self, Variables};
use crate::threads::interruption;

/// Everything a new thread needs of its parent.
pub struct Start {
    /// The worker itself.
    pub worker: Arc<Worker>,
    /// The process it is a thread of.
    pub program: Arc<Program>,
    /// As the kernel knows it.
    pub process: Arc<Process>,
    /// Command line options; the script comes as a message.
    pub options: Options,
    /// `process.env`: a copy, or what the parent has.
    pub variables: Arc<Variables>,
    /// The thread's end of the channel to its parent.
    pub port: Arc<PortData>,
    /// The parent's loop, which hears of the end.
    pub parent: LoopHandle,
}

/// Starts the thread.
///
/// # Errors
/// There are too many workers, or the system has no thread to give.
pub fn start(start: Start) -> Result<(), String> {
    let (program, worker) = (start.program.clone(), start.worker.clone());
    let process = start.process.clone();
    program.admit(&worker)?;
    if program
        .engine
        .admit(&process, program.options.max_programs)
        .is_err()
    {
        program.dismiss(&worker);
        return Err("there is no memory for a further isolate".to_owned());
    }
    let spawned = std::thread::Builder::new()
        .name("worker".to_owned())
        .stack_size(STACK_SIZE)
        .spawn(move || main(start));
    if let Err(error) = spawned {
        program.engine.leave(&process);
        program.dismiss(&worker);
        return Err(error.to_string());
    }
    Ok(())
}

fn main(start: Start) {
    let (program, worker) = (start.program.clone(), start.worker.clone());
    let (process, parent) = (start.process.clone(), start.parent.clone());
    let events = program.engine.events().clone();
    events.on_isolate_start();
    run(start);
    events.on_isolate_end();
    program.engine.leave(&process);
    program.dismiss(&worker);
    let id = worker.id;
    worker.finish();
    parent.post(move |scope| WorkerBinding::on_end(scope, id));
}

fn new_isolate(
    program: &Program,
    worker: &Worker,
    array_buffers: &Arc<ArrayBuffers>,
) -> v8::OwnedIsolate {
    let mut params = engine::isolate_params(&program.engine, array_buffers);
    if let Some(bytes) = worker.limits().young_generation() {
        params = params.set_max_young_generation_size_in_bytes(bytes);
    }
    worker.limits.lock().fill(
        params.max_young_generation_size_in_bytes().max(16 << 20),
        program.options.heap_limit_bytes,
    );
    let here = std::ptr::from_ref(&params).addr();
    let limit = here.saturating_sub(worker.limits().stack());
    // SAFETY: the stack grows downwards from here and is larger than the limit by `NATIVE_STACK`; the thread lives as
    // long as the isolate.
    params = unsafe { params.set_stack_limit(limit as *mut u32) };
    v8::Isolate::new(params)
}

fn run(start: Start) {
    let worker = start.worker.clone();
    let program = start.program.clone();
    let array_buffers = ArrayBuffers::new(program.engine.events().clone());
    let mut owned = new_isolate(&program, &worker, &array_buffers);
    crate::heap::fatal::watch(&mut owned, program.engine.events());
    let env = Env::new(array_buffers);
    env.is_worker.set(true);
    isolate::prepare(&mut owned, &env);
    foreground::attach(&owned, env.event_loop.handle());
    let handle = owned.thread_safe_handle();
    *env.terminate.borrow_mut() = Some(handle.clone());
    env.set_process(start.process.clone());
    env.set_options(&program.options);
    env.set_threads(program.clone(), Some(worker.clone()));
    env.options.replace(start.options.clone());
    process_env::adopt(&env, start.variables.clone());

    let heap_limit = worker
        .limits()
        .old_generation(program.options.heap_limit_bytes);
    heap_limit::set(&mut owned, &env, heap_limit);
    let gauge = program.engine.heap_usage.enter(&start.process);
    heap_usage::watch(&mut owned, &env, gauge.clone());

    let watched = program
        .engine
        .watch(&start.process, handle.clone(), &program, &gauge);
    env.watched.replace(Some(watched.clone()));
    let running = Running {
        isolate: handle,
        event_loop: env.event_loop.handle(),
        idle: env.event_loop.idle_meter().clone(),
        watched: watched.clone(),
    };
    memory_guard::enter(&start.process, program.engine.events(), &gauge);
    let interruptible = interruption::enter(env.event_loop.handle());
    drop(gauge);
    if worker.attach(running) {
        run_program(&mut owned, &env, start);
    }
    worker.detach();
    drop(interruptible);
    memory_guard::leave();
    frozen_clock::thaw();
    end_children(&env, Worker::exit_terminated);
    binding::release_locks(&env);
    binding::close_ports(&env);
    binding::close_unmanaged(&env);
    binding::contextify::release_contexts(&mut owned, &env);
    env.clear();
    foreground::dispose(owned);
    watched.finished();
}

fn run_program(owned: &mut v8::OwnedIsolate, env: &Rc<Env>, start: Start) {
    v8::scope!(let scope, owned);
    match make_context(scope, &start.program.engine, env, ContextKind::Worker) {
        Ok(context) => {
            let scope = &mut v8::ContextScope::new(scope, context);
            env.array_buffers.guard();
            WorkerBinding::install(scope, start.port);
            engine::run_or_park(|| bootstrap::run_worker(scope));
            if env.heap_limit_reached.get() {
                let bound = start.program.options.heap_limit_bytes;
                engine::heap_limit_reached(scope, &start.program.engine, &start.process, bound);
            }
        }
        // Our defect, said to the parent, never a hang.
        Err(message) => start
            .worker
            .exit(1, Some(("ERR_WORKER_INIT_FAILED", message))),
    }
}

/// Ends the workers that a thread started and waits until they are gone.
pub fn end_children(env: &Rc<Env>, end: impl Fn(&Worker)) {
    let children = WorkerBinding::children(env);
    children.iter().for_each(|child| end(child));
    children.iter().for_each(|child| child.wait());
}
