//! The life of a worker's thread (`Worker::Run` in Node's `src/node_worker.cc`).

use std::rc::Rc;
use std::sync::Arc;

use super::Engine;
use super::guest::{heap_limit_reached, isolate_params, make_context, run_or_park};
use crate::binding;
use crate::boot::snapshot::ContextKind;
use crate::boot::{bootstrap, isolate};
use crate::env::Env;
use crate::event_loop::{LoopHandle, foreground};
use crate::heap::{fatal, heap_limit, heap_usage};
use crate::inspector::{Agent, workers};
use crate::js::active;
use crate::memory::array_buffers::ArrayBuffers;
use crate::memory::memory_guard;
use crate::memory::sizes::STACK_SIZE;
use crate::process::{exit, frozen_clock, process_env};
use crate::threads::interruption;
use crate::worker::{Once, Program, Running, Start, Worker, end_children};

/// Starts the thread.
///
/// # Errors
/// There is no memory for an isolate, or the system has no thread to give.
pub(super) fn start(engine: Arc<Engine>, start: Start) -> Result<(), String> {
    let process = start.process.clone();
    let max = start.program.options.max_programs;
    if engine.admit(&process, max).is_err() {
        return Err("there is no memory for a further isolate".to_owned());
    }
    let starter = engine.clone();
    let spawned = std::thread::Builder::new()
        .name("worker".to_owned())
        .stack_size(STACK_SIZE)
        .spawn(move || main(&engine, start));
    if let Err(error) = spawned {
        starter.leave(&process);
        return Err(error.to_string());
    }
    Ok(())
}

fn main(engine: &Engine, start: Start) {
    let (program, worker) = (start.program.clone(), start.worker.clone());
    let process = start.process.clone();
    let events = engine.events().clone();
    events.on_isolate_start();
    let (parent, ended) = run(engine, start);
    events.on_isolate_end();
    engine.leave(&process);
    program.dismiss(&worker);
    worker.finish();
    parent.post(ended);
}

fn new_isolate(
    engine: &Engine,
    program: &Program,
    worker: &Worker,
    array_buffers: &Arc<ArrayBuffers>,
) -> v8::OwnedIsolate {
    let mut params = isolate_params(engine, array_buffers);
    if let Some(bytes) = worker.limits().young_generation() {
        params = params.set_max_young_generation_size_in_bytes(bytes);
    }
    worker.fill_limits(
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

/// Runs a worker. Gives back who is to hear of its end, and what.
fn run(engine: &Engine, start: Start) -> (LoopHandle, Once) {
    let Start {
        worker,
        program,
        process,
        options,
        permissions,
        variables,
        install,
        parent,
        ended,
    } = start;
    let array_buffers = ArrayBuffers::new(engine.events().clone());
    let mut owned = new_isolate(engine, &program, &worker, &array_buffers);
    fatal::watch(&mut owned, engine.events());
    let env = Env::new(array_buffers);
    env.is_worker.set(true);
    isolate::prepare(&mut owned, &env);
    foreground::attach(&owned, env.event_loop.handle());
    let handle = owned.thread_safe_handle();
    *env.heap.isolate.borrow_mut() = Some(handle.clone());
    env.set_process(process.clone());
    env.set_threads(program.clone(), Some(worker.clone()));
    env.options.replace(options);
    env.permissions.replace(permissions);
    process_env::adopt(&env, variables);

    let heap_limit = worker
        .limits()
        .old_generation(program.options.heap_limit_bytes);
    heap_limit::set(&mut owned, &env, heap_limit);
    let gauge = engine.heap_usage.enter(&process);
    heap_usage::watch(&mut owned, &env, gauge.clone());

    let watched = engine.watch(&process, handle.clone(), &program, &gauge);
    env.watched.replace(Some(watched.clone()));
    let running = Running {
        isolate: handle,
        event_loop: env.event_loop.handle(),
        idle: env.event_loop.idle_meter().clone(),
        watched: watched.clone(),
    };
    memory_guard::enter(&process, engine.events(), &engine.population, &gauge);
    let interruptible = interruption::enter(env.event_loop.handle());
    drop(gauge);
    if worker.attach(running) {
        run_program(engine, &mut owned, &env, install);
    }
    worker.detach();
    drop(interruptible);
    memory_guard::leave();
    frozen_clock::thaw();
    end_children(&env, Worker::exit_terminated);
    binding::release_locks(&env);
    binding::close_ports(&env);
    binding::close_unmanaged(&env);
    active::resources(&env).close_descriptors(&process);
    workers::worker_ends(&env);
    Agent::of(&env).dispose(&mut owned);
    binding::contextify::release_contexts(&mut owned, &env);
    env.clear();
    fatal::unwatch();
    foreground::dispose(owned);
    watched.finished();
    (parent, ended)
}

fn run_program(engine: &Engine, owned: &mut v8::OwnedIsolate, env: &Rc<Env>, install: Once) {
    let (Some(program), Some(worker)) = (env.program(), env.worker()) else {
        return;
    };
    v8::scope!(let scope, owned);
    match make_context(scope, engine, env, ContextKind::Worker) {
        Ok(context) => {
            let scope = &mut v8::ContextScope::new(scope, context);
            env.array_buffers.guard();
            install(scope);
            run_or_park(|| {
                workers::worker_starts(scope);
                bootstrap::run_worker(scope)
            });
            end_profiles(scope);
            binding::close_databases(env);
            if env.heap.limit_reached.get() {
                let bound = program.options.heap_limit_bytes;
                heap_limit_reached(scope, engine, &env.process(), bound);
            }
        }
        // Our defect, said to the parent, never a hang.
        Err(message) => worker.exit(1, Some(("ERR_WORKER_INIT_FAILED", message))),
    }
}

/// Has the profiles of a thread that was told to end written as those of one that ended by itself.
fn end_profiles(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    if env.heap.limit_reached.get() || !env.process().is_alive() {
        return;
    }
    scope.cancel_terminate_execution();
    exit::run_at_exit(scope);
    scope.terminate_execution();
}
