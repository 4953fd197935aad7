//! `internalBinding('signal_wrap')`: signals of the guest's kernel. Follows Node's `src/signal_wrap.cc`.
//!
//! One task takes the pending signals of the process and hands them to every watcher of that number.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use secure_exec_kernel::{Disposition, Errno, Signal};

use super::contextify::take_sigint;
use super::process_methods::signal_of;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::event_loop::Completion;
use crate::inspector::Agent;
use crate::js::class::Definition;
use crate::js::handle::{Handle, HandleResource};
use crate::js::{callback_scope, exception, uv, wrap};
use crate::process::process_env::emit_warning;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .class("Signal", new_signal)
        .inherits("HandleWrap")
        .method("start", start)
        .method("stop", stop);
}

/// Signals that a program sent itself and has not heard of yet, at most. What is sent beyond is pending once, as where a
/// program is not running.
const MAX_TAKEN: usize = 4096;

/// The watchers of one isolate.
#[derive(Default)]
struct Watchers {
    by_signal: RefCell<HashMap<Signal, Vec<Rc<Watcher>>>>,
    listening: Cell<bool>,
    /// Signals that are on their way to them.
    taken: Cell<usize>,
}

/// The native side of a `Signal` object.
struct Watcher {
    signal: Cell<Option<Signal>>,
    number: Cell<i32>,
    object: RefCell<Option<v8::Global<v8::Object>>>,
    handle: RefCell<Option<Rc<Handle>>>,
}

impl HandleResource for Watcher {
    fn close(&self, scope: &mut v8::PinScope<'_, '_>) {
        let env = Env::of(scope);
        self.stop(&env);
    }
}

impl Watcher {
    fn start(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, number: i32) -> Result<(), Errno> {
        let env = Env::of(scope);
        let signal = signal_of(number).ok_or(Errno::EINVAL)?;
        // sigaction(2): these cannot be caught.
        if signal == Signal::SIGKILL || signal == Signal::SIGSTOP {
            return Err(Errno::EINVAL);
        }
        if self.signal.get() == Some(signal) {
            return Ok(());
        }
        self.stop(&env);
        let process = env.try_process().ok_or(Errno::ESRCH)?;
        process.sigaction(signal, Disposition::Handle)?;
        self.signal.set(Some(signal));
        self.number.set(number);
        let watchers = env.state::<Watchers>();
        watchers
            .by_signal
            .borrow_mut()
            .entry(signal)
            .or_default()
            .push(self.clone());
        if let Some(handle) = self.handle.borrow().as_ref() {
            handle.set_active(&env, true);
        }
        if !watchers.listening.replace(true) {
            listen(&env);
        }
        Ok(())
    }

    fn stop(&self, env: &Env) {
        let Some(signal) = self.signal.take() else {
            return;
        };
        if let Some(handle) = self.handle.borrow().as_ref() {
            handle.set_active(env, false);
        }
        let watchers = env.state::<Watchers>();
        let mut by_signal = watchers.by_signal.borrow_mut();
        if let Some(list) = by_signal.get_mut(&signal) {
            list.retain(|other| !std::ptr::eq(Rc::as_ptr(other), self));
            if list.is_empty() {
                by_signal.remove(&signal);
                if let Some(process) = env.try_process() {
                    // The signal was accepted by `start`; a process that is being killed has none any more.
                    let _ = process.sigaction(signal, Disposition::Default);
                }
            }
        }
    }
}

/// Waits for handled signals. Does not keep the loop alive: the watchers do.
fn listen(env: &Env) {
    let Some(process) = env.try_process() else {
        return;
    };
    env.event_loop.spawn_unref(async move {
        let first = std::future::poll_fn(|cx| process.poll_signal(cx)).await;
        // All that are pending arrive in one turn, as through libuv's signal pipe.
        let mut signals = vec![first];
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(signal) = process.poll_signal(&mut cx) {
            signals.push(signal);
        }
        Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
            let env = Env::of(scope);
            listen(&env);
            env.event_loop.run_last(Box::new(move |scope| {
                for signal in signals {
                    deliver(scope, signal);
                }
            }));
        }) as Completion
    });
}

/// Takes the signals that the program has just sent itself. On Linux a handler runs before `kill(2)` is back, so that two
/// signals of one kind are two.
pub(super) fn take_own(env: &Env) {
    let watchers = env.state::<Watchers>();
    let Some(process) = env.try_process().filter(|_| watchers.listening.get()) else {
        return;
    };
    let mut cx = Context::from_waker(Waker::noop());
    let mut signals = Vec::new();
    while watchers.taken.get() + signals.len() < MAX_TAKEN
        && let Poll::Ready(signal) = process.poll_signal(&mut cx)
    {
        // The script that sends it may be the one that it is to interrupt.
        if signal != Signal::SIGINT || !take_sigint(env) {
            signals.push(signal);
        }
    }
    if signals.is_empty() {
        return;
    }
    watchers.taken.set(watchers.taken.get() + signals.len());
    env.event_loop.spawn_unref(async move {
        Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
            let env = Env::of(scope);
            env.event_loop.run_last(Box::new(move |scope| {
                watchers.taken.set(watchers.taken.get() - signals.len());
                for signal in signals {
                    deliver(scope, signal);
                }
            }));
        }) as Completion
    });
}

/// Whether JavaScript has a listener for `signal` (`HasSignalJSHandler`).
pub fn is_watched(env: &Env, signal: Signal) -> bool {
    let watchers = env.state::<Watchers>();
    let by_signal = watchers.by_signal.borrow();
    by_signal.contains_key(&signal)
}

/// Has `SIGUSR1` open the port for debuggers, unless the program listens to it (`StartDebugSignalHandler`). It is seen in a
/// turn of the loop, where Node's comes in the middle of JavaScript, too.
pub fn start_debug_signal(env: &Env) {
    let Some(process) = env.try_process() else {
        return;
    };
    // It can be handled.
    let _ = process.sigaction(Signal::SIGUSR1, Disposition::Handle);
    if !env.state::<Watchers>().listening.replace(true) {
        listen(env);
    }
}

fn open_port(scope: &mut v8::PinScope<'_, '_>) {
    v8::scope!(let scope, scope);
    let env = Env::of(scope);
    let agent = Agent::of(&env);
    let host = agent.debug_host(&env);
    let number = agent.debug_port(&env);
    agent.open_port(scope, &host, number);
}

fn deliver(scope: &mut v8::PinScope<'_, '_>, signal: Signal) {
    let env = Env::of(scope);
    let watchers = env.state::<Watchers>();
    if signal == Signal::SIGINT && take_sigint(&env) {
        return;
    }
    let opens = signal == Signal::SIGUSR1 && !is_watched(&env, signal);
    if opens && env.options.borrow().allows_debuggers() {
        open_port(scope);
    }
    let list = watchers
        .by_signal
        .borrow()
        .get(&signal)
        .cloned()
        .unwrap_or_default();
    for watcher in list {
        if watcher.signal.get() != Some(signal) {
            continue;
        }
        v8::scope!(let scope, scope);
        let Some(object) = watcher
            .object
            .borrow()
            .as_ref()
            .map(|object| v8::Local::new(scope, object))
        else {
            continue;
        };
        let number = v8::Integer::new(scope, watcher.number.get()).into();
        callback_scope::make_named_callback(scope, object, "onsignal", &[number]);
    }
}

fn new_signal(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        exception::throw_invalid_argument(scope, "Signal must be called with new");
        return;
    }
    let object = args.this();
    let watcher = Watcher {
        signal: Cell::new(None),
        number: Cell::new(0),
        object: RefCell::default(),
        handle: RefCell::default(),
    };
    let kind = ("SIGNALWRAP", "SignalWrap");
    let (watcher, handle) = Handle::construct(scope, object, kind, watcher);
    *watcher.handle.borrow_mut() = Some(handle);
}

fn watcher_of(scope: Scope, args: &Args) -> Option<Rc<Watcher>> {
    let watcher = wrap::unwrap::<Watcher>(scope, args.this().into())?;
    let alive = watcher
        .handle
        .borrow()
        .as_ref()
        .is_some_and(|handle| handle.is_alive());
    alive.then_some(watcher)
}

fn start(scope: Scope, args: Args, mut rv: Return) {
    let Some(number) = args.get(0).int32_value(scope) else {
        return;
    };
    let Some(watcher) = watcher_of(scope, &args) else {
        rv.set_int32(uv::error(Errno::EBADF));
        return;
    };
    // As in Node, where V8's profiler has it; there is no result then.
    if signal_of(number) == Some(Signal::SIGPROF) && Agent::of(&Env::of(scope)).url().is_some() {
        let text = "process.on(SIGPROF) is reserved while debugging";
        emit_warning(scope, text, "Warning", "");
        return;
    }
    let object = v8::Global::new(scope, args.this());
    let result = watcher.start(scope, number);
    if result.is_ok() {
        let _previous = watcher.object.borrow_mut().replace(object);
    }
    rv.set_int32(uv::status(result));
}

fn stop(scope: Scope, args: Args, mut rv: Return) {
    let Some(watcher) = watcher_of(scope, &args) else {
        rv.set_int32(uv::error(Errno::EBADF));
        return;
    };
    let env = Env::of(scope);
    watcher.stop(&env);
    let _object = watcher.object.borrow_mut().take();
    rv.set_int32(0);
}
