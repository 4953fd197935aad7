//! The thread of one guest process.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use secure_exec_cpu_clock::CpuClock;
use secure_exec_kernel::{Process, Signal};

use super::{Engine, Job};
use crate::binding;
use crate::boot::snapshot::ContextKind;
use crate::boot::{bootstrap, isolate, references};
use crate::callback::contain_bare;
use crate::embedder::events::Breach;
use crate::env::{Env, compiled};
use crate::event_loop::foreground;
use crate::heap::{fatal, heap_limit, heap_usage, own_heap_limit};
use crate::inspector::{Agent, number_main_context};
use crate::memory::array_buffers::ArrayBuffers;
use crate::memory::memory_guard;
use crate::memory::sizes::CODE_RANGE;
use crate::process::{exit, frozen_clock, invocation, report};
use crate::threads::cpu_share::{self, CpuShare};
use crate::threads::interruption;
use crate::worker::{self, Program, Worker};

/// Makes an isolate ready, gets its job, runs it, and disposes of the isolate.
pub(super) fn main(engine: &Arc<Engine>, job: impl FnOnce(&Engine) -> Option<Job>) {
    engine.config.events.on_isolate_start();
    let array_buffers = ArrayBuffers::new(engine.config.events.clone());
    let mut owned = v8::Isolate::new(isolate_params(engine, &array_buffers));
    fatal::watch(&mut owned, &engine.config.events);
    let env = Env::new(array_buffers);
    compiled::remember(&env, engine.config.profile);
    isolate::prepare(&mut owned, &env);
    foreground::attach(&owned, env.event_loop.handle());
    *env.heap.isolate.borrow_mut() = Some(owned.thread_safe_handle());
    let context = {
        v8::scope!(let scope, &mut owned);
        match make_context(scope, engine, &env, ContextKind::Main) {
            Ok(context) => Ok(v8::Global::new(scope, context)),
            Err(message) => Err(message),
        }
    };
    let mut ran = None;
    let mut unmaking = None;
    if let Some(job) = job(engine) {
        let process = job.process.clone();
        ran = Some(process.clone());
        if process.pid() != process.origin() {
            // Who starts processes uses up what they take to be made, and at the end to be unmade.
            cpu_share::charge(&process, cpu_share::nanoseconds(CpuClock::of_this_thread()));
        }
        match context {
            Ok(context) => {
                run_job(&mut owned, &env, context.clone(), engine, job);
                if engine.config.profile {
                    v8::scope_with_context!(let scope, &mut owned, &context);
                    compiled::collect(scope, &env);
                }
            }
            Err(message) => refuse_job(&job, &message),
        }
        unmaking = Some(CpuShare::of_this_thread(&process));
        engine.spares.program_ended();
    }
    Agent::of(&env).dispose(&mut owned);
    binding::contextify::release_contexts(&mut owned, &env);
    let replaced = exit::is_replaced(&env);
    env.clear();
    fatal::unwatch();
    foreground::dispose(owned);
    drop(env);
    engine.config.events.on_isolate_end();
    if let Some(unmaking) = unmaking {
        unmaking.charge();
    }
    if let Some(process) = ran {
        engine.population.leave(&process);
        // Whoever hears it finds the guest's memory free.
        if !replaced {
            engine.config.events.on_end(process.pid());
        }
    }
}

/// What every isolate of the engine is made with.
pub(crate) fn isolate_params(
    engine: &Engine,
    array_buffers: &Arc<ArrayBuffers>,
) -> v8::CreateParams {
    let references = references::external_references();
    let params = v8::CreateParams::default()
        .external_references(Cow::Borrowed(references))
        .array_buffer_allocator(array_buffers.allocator())
        .set_code_range_size_in_bytes(CODE_RANGE);
    match engine.config.snapshot {
        Some(snapshot) => params.snapshot_blob(snapshot.startup_data()),
        None => params,
    }
}

pub(crate) fn make_context<'s>(
    scope: &mut v8::PinScope<'s, '_, ()>,
    engine: &Engine,
    env: &Rc<Env>,
    kind: ContextKind,
) -> Result<v8::Local<'s, v8::Context>, String> {
    if let Some(snapshot) = engine.config.snapshot {
        return snapshot
            .restore(scope, env, kind)
            .inspect(|context| number_main_context(*context));
    }
    let context = v8::Context::new(scope, v8::ContextOptions::default());
    let scope = &mut v8::ContextScope::new(scope, context);
    env.set_context(v8::Global::new(scope, context));
    bootstrap::boot(scope)?;
    Ok(context)
}

/// The library did not boot: our defect, said on the guest's stderr, never a hang.
fn refuse_job(job: &Job, message: &str) {
    let text = format!("secure-exec: Node's library did not start: {message}\n");
    let _ = job.process.write(2, text.as_bytes());
    job.process.exit(70);
}

fn run_job(
    owned: &mut v8::OwnedIsolate,
    env: &Rc<Env>,
    context: v8::Global<v8::Context>,
    engine: &Arc<Engine>,
    job: Job,
) {
    let Job {
        process,
        options,
        script,
    } = job;
    env.set_process(process.clone());
    invocation::set_script(env, script);
    let handle = owned.thread_safe_handle();
    let event_loop = env.event_loop.handle();
    let program = Program::new(engine.clone(), options.clone());
    env.set_threads(program.clone(), None);
    let gauge = engine.heap_usage.enter(&process);
    let watched = engine.watch(&process, handle.clone(), &program, &gauge);
    env.watched.replace(Some(watched.clone()));
    memory_guard::enter(&process, engine.events(), &engine.population, &gauge);
    let interruptible = interruption::enter(env.event_loop.handle());
    {
        let watched = watched.clone();
        process.on_kill(Box::new(move |_signal| {
            event_loop.abort();
            handle.terminate_execution();
            watched.killed();
            program.kill();
        }));
    }
    heap_limit::set(owned, env, options.heap_limit_bytes);
    heap_usage::watch(owned, env, gauge);
    env.array_buffers.guard();
    if process.is_alive() {
        v8::scope_with_context!(let scope, owned, &context);
        run_or_park(|| bootstrap::run_program(scope));
        if env.heap.limit_reached.get() {
            heap_limit_reached(scope, engine, &process, options.heap_limit_bytes);
        }
        if env.stopping.get() || !process.is_alive() {
            // Ended by exit or by a signal.
        } else {
            // The program was stopped without a status: a terminated isolate that nobody killed.
            let _ = process.kill(process.pid().raw(), Signal::SIGABRT);
        }
    }
    // Nothing of the process runs once this returns.
    worker::end_children(env, Worker::kill);
    frozen_clock::thaw();
    memory_guard::leave();
    drop(interruptible);
    watched.finished();
}

/// Runs what a thread of a guest is there for. After a defect of ours in it the thread is parked for ever, as after V8's
/// own failures (`fatal.rs`): the panic hook has told of it, and the VM ends.
pub(crate) fn run_or_park(run: impl FnOnce()) {
    if contain_bare(run).is_none() {
        loop {
            std::thread::park();
        }
    }
}

const HEAP_IS_FULL: &str =
    "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory";

/// Node's words for a heap that is full, and its way to die.
pub(crate) fn heap_limit_reached(
    scope: &mut v8::PinScope<'_, '_>,
    engine: &Engine,
    process: &Arc<Process>,
    bound: usize,
) {
    if !process.is_alive() {
        return;
    }
    if own_heap_limit::is_own(&Env::of(scope)) {
        // Node's end for `--max-old-space-size`: no limit of the machine's was reached.
        report::write_stderr(scope, format!("{HEAP_IS_FULL}\n").as_bytes());
        let _ = process.kill(process.pid().raw(), Signal::SIGABRT);
        return;
    }
    let used = scope.get_heap_statistics().used_heap_size();
    let breach = Breach::of_heap(Some(process.pid()), bound, used);
    let bound_mb = breach.bound;
    engine.config.events.on_breach(breach);
    let text = format!(
        "{HEAP_IS_FULL} \
         (limits.jsRuntime.v8HeapLimitMb is {bound_mb})\n"
    );
    report::write_stderr(scope, text.as_bytes());
    let _ = process.kill(process.pid().raw(), Signal::SIGABRT);
}
