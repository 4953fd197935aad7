//! `internalBinding('signal_wrap')`: signals of the guest's kernel. Follows Node's `src/signal_wrap.cc`.
//!
//! One task takes the pending signals of the process and hands them to every watcher of that number.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use secure_exec_kernel::{Disposition, Errno, Signal};

use super::process_methods::signal_of;
use crate::env::Env;
use crate::event_loop::Completion;
use crate::js::class::Definition;
use crate::js::handle::{Handle, HandleResource};
use crate::js::{callback_scope, exception, uv, wrap};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .class("Signal", new_signal)
        .inherits("HandleWrap")
        .method("start", start)
        .method("stop", stop);
}

/// The watchers of one isolate.
#[derive(Default)]
struct Watchers {
    by_signal: RefCell<HashMap<Signal, Vec<Rc<Watcher>>>>,
    listening: Cell<bool>,
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

fn deliver(scope: &mut v8::PinScope<'_, '_>, signal: Signal) {
    let env = Env::of(scope);
    let watchers = env.state::<Watchers>();
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

fn new_signal(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
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

fn watcher_of(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
) -> Option<Rc<Watcher>> {
    let watcher = wrap::unwrap::<Watcher>(scope, args.this().into())?;
    let alive = watcher
        .handle
        .borrow()
        .as_ref()
        .is_some_and(|handle| handle.is_alive());
    alive.then_some(watcher)
}

fn start(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(number) = args.get(0).int32_value(scope) else {
        return;
    };
    let Some(watcher) = watcher_of(scope, &args) else {
        rv.set_int32(uv::error(Errno::EBADF));
        return;
    };
    let object = v8::Global::new(scope, args.this());
    let result = watcher.start(scope, number);
    if result.is_ok() {
        let _previous = watcher.object.borrow_mut().replace(object);
    }
    rv.set_int32(uv::status(result));
}

fn stop(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(watcher) = watcher_of(scope, &args) else {
        rv.set_int32(uv::error(Errno::EBADF));
        return;
    };
    let env = Env::of(scope);
    watcher.stop(&env);
    let _object = watcher.object.borrow_mut().take();
    rv.set_int32(0);
}
