//! `StatWatcher`: `fs.watchFile()` by looking every so often. Follows Node's `src/node_stat_watcher.cc` and libuv's
//! `src/fs-poll.c`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use secure_exec_kernel::Errno;
use secure_exec_kernel::abi::stat::Stat;

use super::arguments;
use super::permitted::{Read, thrown};
use super::reply::{self, STAT_FIELDS};
use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::event_loop::{Completion, TaskKey};
use crate::js::class::Definition;
use crate::js::handle::{Handle, HandleResource};
use crate::js::{callback_scope, exception, uv, wrap};
use crate::threads::sleep::Sleep;

/// The native side of a `StatWatcher`.
#[derive(Default)]
pub struct StatWatcher {
    bigint: Cell<bool>,
    path: RefCell<Vec<u8>>,
    interval: Cell<Duration>,
    task: RefCell<Option<TaskKey>>,
    previous: RefCell<Option<Result<Stat, Errno>>>,
    active: Cell<bool>,
}

impl HandleResource for StatWatcher {
    fn close(&self, scope: &mut v8::PinScope<'_, '_>) {
        self.active.set(false);
        if let Some(key) = self.task.borrow_mut().take() {
            Env::of(scope).event_loop.cancel(key);
        }
    }
}

/// Declares the class.
pub fn define(definition: &mut Definition) {
    definition
        .class("StatWatcher", construct)
        .inherits("HandleWrap")
        .method("start", start);
}

/// `new StatWatcher(bigint)`
fn construct(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        exception::throw_invalid_argument(
            scope,
            "Class constructor StatWatcher cannot be invoked without `new`",
        );
        return;
    }
    let watcher = StatWatcher::default();
    watcher.bigint.set(args.get(0).is_true());
    let kind = ("STATWATCHER", "StatWatcher");
    Handle::construct(scope, args.this(), kind, watcher);
}

fn this(scope: Scope, args: &Args) -> Option<Rc<StatWatcher>> {
    wrap::unwrap::<StatWatcher>(scope, args.this().into())
}

/// `watcher.start(path, interval)`
fn start(scope: Scope, args: Args, mut rv: Return) {
    let Some(watcher) = this(scope, &args) else {
        return;
    };
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    if thrown(scope, &args, &[(0, Read)]) {
        return;
    }
    let Ok(interval) = arguments::number(scope, args.get(1), "interval") else {
        return;
    };
    let Some(interval) = polling_interval(interval) else {
        exception::throw_invalid_argument(
            scope,
            "The \"interval\" argument must be a number of milliseconds",
        );
        return;
    };
    rv.set_int32(0);
    let Some(handle) = Handle::of(scope, args.this().into()).filter(|handle| handle.is_alive())
    else {
        return;
    };
    if watcher.active.replace(true) {
        return;
    }
    *watcher.path.borrow_mut() = path;
    watcher.interval.set(interval);
    handle.set_active(&Env::of(scope), true);
    let object = v8::Global::new(scope, args.this());
    schedule(scope, object, &watcher, Duration::ZERO);
}

/// An unsigned 32-bit number of milliseconds, at least one (`uv_fs_poll_start`); none of what is no number.
fn polling_interval(milliseconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(milliseconds.clamp(1.0, f64::from(u32::MAX)) / 1000.0).ok()
}

fn schedule(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Global<v8::Object>,
    watcher: &Rc<StatWatcher>,
    delay: Duration,
) {
    let env = Env::of(scope);
    let key = env.event_loop.spawn_unref(async move {
        Sleep::new(delay).await;
        let completion: Completion = Box::new(move |scope| look(scope, object));
        completion
    });
    *watcher.task.borrow_mut() = Some(key);
}

/// Compares with the last look and reports a difference (`poll_cb`).
fn look(scope: &mut v8::PinScope<'_, '_>, object: v8::Global<v8::Object>) {
    let receiver = v8::Local::new(scope, &object);
    let Some(watcher) = wrap::unwrap::<StatWatcher>(scope, receiver.into()) else {
        return;
    };
    if !watcher.active.get() {
        return;
    }
    let env = Env::of(scope);
    let current = env.process().stat(&watcher.path.borrow());
    let previous = watcher.previous.borrow_mut().replace(current);
    // The first look is only reported where there is nothing to look at.
    let zero = Stat::default();
    let report = match (&previous, &current) {
        (None, Ok(_)) => None,
        (None, Err(errno)) => Some((uv::error(*errno), zero, zero)),
        (Some(Ok(old)), Ok(new)) => differs(old, new).then_some((0, *new, *old)),
        (Some(Err(_)), Ok(new)) => Some((0, *new, zero)),
        (Some(Ok(old)), Err(errno)) => Some((uv::error(*errno), zero, *old)),
        (Some(Err(old)), Err(new)) => (old != new).then_some((-new.raw(), zero, zero)),
    };
    schedule(scope, object, &watcher, watcher.interval.get());
    let Some((status, current, previous)) = report else {
        return;
    };
    let bigint = watcher.bigint.get();
    reply::write_stat(&env, &current, bigint, 0);
    reply::write_stat(&env, &previous, bigint, STAT_FIELDS);
    let slot = if bigint {
        Slot::BigintStatValues
    } else {
        Slot::StatValues
    };
    let Some(array) = env.slot(scope, slot) else {
        return;
    };
    let status = v8::Integer::new(scope, status).into();
    callback_scope::make_named_callback(scope, receiver, "onchange", &[status, array]);
}

/// libuv's `statbuf_eq`, negated: access times do not count.
fn differs(a: &Stat, b: &Stat) -> bool {
    (a.ctime, a.mtime, a.btime) != (b.ctime, b.mtime, b.btime)
        || (a.size, a.mode, a.uid, a.gid, a.ino, a.dev)
            != (b.size, b.mode, b.uid, b.gid, b.ino, b.dev)
}

#[cfg(test)]
mod tests {
    use super::{Duration, polling_interval};

    #[test]
    fn an_interval_is_bounded_and_a_number() {
        assert_eq!(polling_interval(f64::NAN), None);
        assert_eq!(polling_interval(-1.0), Some(Duration::from_millis(1)));
        assert_eq!(polling_interval(250.0), Some(Duration::from_millis(250)));
        assert_eq!(
            polling_interval(f64::INFINITY),
            Some(Duration::from_millis(u64::from(u32::MAX)))
        );
    }
}
