//! `internalBinding('fs_event_wrap')`: `fs.watch()` over inotify(7). Follows Node's `src/fs_event_wrap.cc` and libuv's
//! `src/unix/linux.c`: one inotify instance serves all watchers of a process, and what is watched twice has one watch
//! descriptor.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;

use secure_exec_kernel::abi::inotify::{InotifyEvent, InotifyMask};
use secure_exec_kernel::{Errno, LimitBreach};

use super::fs::{self, Encoding, path_argument};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::event_loop::{Completion, TaskKey};
use crate::js::class::Definition;
use crate::js::handle::{Handle, HandleResource};
use crate::js::{callback_scope, exception, uv, wrap};

/// libuv's selection of events.
const MASK: InotifyMask = InotifyMask::IN_ATTRIB
    .union(InotifyMask::IN_CREATE)
    .union(InotifyMask::IN_MODIFY)
    .union(InotifyMask::IN_DELETE)
    .union(InotifyMask::IN_DELETE_SELF)
    .union(InotifyMask::IN_MOVE_SELF)
    .union(InotifyMask::IN_MOVED_FROM)
    .union(InotifyMask::IN_MOVED_TO);

/// Events that change the contents or metadata; all others change names.
const CHANGES: InotifyMask = InotifyMask::IN_ATTRIB.union(InotifyMask::IN_MODIFY);

/// The native side of an `FSEvent`.
pub struct FsEvent {
    wd: Cell<Option<i32>>,
    /// Last component of the watched path: the name of events on the file itself.
    name: RefCell<Vec<u8>>,
    encoding: Cell<Encoding>,
}

impl HandleResource for FsEvent {
    fn close(&self, scope: &mut v8::PinScope<'_, '_>) {
        stop(scope, self);
    }
}

/// The inotify instance of a process and who listens to it.
#[derive(Default)]
struct Inotify {
    fd: Cell<Option<i32>>,
    task: RefCell<Option<TaskKey>>,
    listeners: RefCell<HashMap<i32, Vec<v8::Global<v8::Object>>>>,
    /// How many there are.
    count: Cell<usize>,
}

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .class("FSEvent", construct)
        .inherits("HandleWrap")
        .method("start", start)
        .getter("initialized", initialized);
}

/// `new FSEvent()`
fn construct(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        exception::throw_invalid_argument(
            scope,
            "Class constructor FSEvent cannot be invoked without `new`",
        );
        return;
    }
    let event = FsEvent {
        wd: Cell::new(None),
        name: RefCell::default(),
        encoding: Cell::new(Encoding::Utf8),
    };
    let kind = ("FSEVENTWRAP", "FSEventWrap");
    Handle::construct(scope, args.this(), kind, event);
}

fn this(scope: Scope, args: &Args) -> Option<Rc<FsEvent>> {
    wrap::unwrap::<FsEvent>(scope, args.this().into())
}

/// `event.start(path, persistent, recursive, encoding)`: 0 or a negative error number.
fn start(scope: Scope, args: Args, mut rv: Return) {
    let Some(event) = this(scope, &args) else {
        return;
    };
    let Ok(path) = path_argument(scope, args.get(0)) else {
        return;
    };
    if fs::thrown(scope, &args, &[(0, fs::Read)]) {
        return;
    }
    let handle = Handle::of(scope, args.this().into()).filter(|handle| handle.is_alive());
    let Some(handle) = handle.filter(|_| event.wd.get().is_none()) else {
        rv.set_int32(uv::error(Errno::EINVAL));
        return;
    };
    event.encoding.set(Encoding::parse(scope, args.get(3)));
    match watch(scope, args.this(), &path) {
        Ok(wd) => {
            event.wd.set(Some(wd));
            let start = path
                .iter()
                .rposition(|byte| *byte == b'/')
                .map_or(0, |slash| slash + 1);
            *event.name.borrow_mut() = path[start..].to_vec();
            // Not persistent: does not keep the process running.
            let env = Env::of(scope);
            if !args.get(1).is_true() {
                handle.set_referenced(&env, false);
            }
            handle.set_active(&env, true);
            rv.set_int32(0);
        }
        Err(errno) => rv.set_int32(uv::error(errno)),
    }
}

/// Whether one more listener is too many. Many on one file have one watch, which the kernel bounds, but each takes memory.
fn is_full(env: &Env, inotify: &Inotify) -> bool {
    let bound = env.kernel().limits().max_inotify_watches;
    let used = inotify.count.get() + 1;
    let full = used > bound;
    if full {
        let breach = LimitBreach {
            limit: "maxInotifyWatches",
            bound: bound as u64,
            used: used as u64,
        };
        env.kernel()
            .note_limit_breach(Some(env.process().pid()), breach);
    }
    full
}

/// Adds a watch and a listener; starts reading events with the first one.
fn watch(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    path: &[u8],
) -> Result<i32, Errno> {
    let env = Env::of(scope);
    let process = env.process();
    let inotify = env.state::<Inotify>();
    if is_full(&env, &inotify) {
        return Err(Errno::ENOSPC);
    }
    let fd = match inotify.fd.get() {
        Some(fd) => fd,
        None => {
            let flags = secure_exec_kernel::abi::fcntl::OpenFlags::O_CLOEXEC
                | secure_exec_kernel::abi::fcntl::OpenFlags::O_NONBLOCK;
            let fd = process.inotify_init1(flags)?;
            inotify.fd.set(Some(fd));
            fd
        }
    };
    let wd = match process.inotify_add_watch(fd, path, MASK) {
        Ok(wd) => wd,
        Err(errno) => {
            stop_if_idle(&env, &inotify);
            return Err(errno);
        }
    };
    inotify
        .listeners
        .borrow_mut()
        .entry(wd)
        .or_default()
        .push(v8::Global::new(scope, object));
    inotify.count.set(inotify.count.get() + 1);
    if inotify.task.borrow().is_none() {
        read_events(&env, &inotify, fd);
    }
    Ok(wd)
}

/// Waits for the next events.
fn read_events(env: &Env, inotify: &Inotify, fd: i32) {
    let process = env.process();
    let key = env.event_loop.spawn_unref(async move {
        let events = poll_fn(|cx| process.poll_inotify(fd, cx)).await;
        let completion: Completion = Box::new(move |scope| deliver(scope, fd, events));
        completion
    });
    *inotify.task.borrow_mut() = Some(key);
}

fn deliver(scope: &mut v8::PinScope<'_, '_>, fd: i32, events: Result<Vec<InotifyEvent>, Errno>) {
    let env = Env::of(scope);
    let inotify = env.state::<Inotify>();
    inotify.task.borrow_mut().take();
    let Ok(events) = events else { return };
    for event in events {
        let listeners = inotify
            .listeners
            .borrow()
            .get(&event.wd)
            .cloned()
            .unwrap_or_default();
        for listener in listeners {
            let object = v8::Local::new(scope, &listener);
            let Some(handle) = wrap::unwrap::<FsEvent>(scope, object.into()) else {
                continue;
            };
            // An earlier listener may have closed this one.
            if handle.wd.get() != Some(event.wd) {
                continue;
            }
            report(scope, object, &handle, &event);
        }
    }
    if inotify.fd.get() == Some(fd) && inotify.task.borrow().is_none() {
        read_events(&env, &inotify, fd);
    }
}

fn report(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    handle: &FsEvent,
    event: &InotifyEvent,
) {
    let object = v8::Local::new(scope, object);
    let kind = if event.mask.intersects(CHANGES)
        && (event.mask & !CHANGES & InotifyMask::IN_ALL_EVENTS).is_empty()
    {
        "change"
    } else {
        "rename"
    };
    let name = if event.name.is_empty() {
        handle.name.borrow().clone()
    } else {
        event.name.clone()
    };
    let status = v8::Integer::new(scope, 0).into();
    let kind = exception::string(scope, kind).into();
    let name = handle
        .encoding
        .get()
        .encode(scope, &name)
        .unwrap_or_else(|| v8::null(scope).into());
    callback_scope::make_named_callback(scope, object, "onchange", &[status, kind, name]);
}

fn stop_if_idle(env: &Env, inotify: &Inotify) {
    if !inotify.listeners.borrow().is_empty() {
        return;
    }
    if let Some(key) = inotify.task.borrow_mut().take() {
        env.event_loop.cancel(key);
    }
    if let Some(fd) = inotify.fd.take() {
        // Nobody is left to be told of a failure.
        let _closed = env.process().close(fd);
    }
}

/// Ends the watch of a handle that is being closed.
fn stop(scope: &mut v8::PinScope<'_, '_>, event: &FsEvent) {
    let Some(wd) = event.wd.take() else { return };
    let env = Env::of(scope);
    let inotify = env.state::<Inotify>();
    let mut listeners = inotify.listeners.borrow_mut();
    if let Some(of_watch) = listeners.get_mut(&wd) {
        let before = of_watch.len();
        of_watch.retain(|listener| {
            let object = v8::Local::new(scope, listener);
            wrap::unwrap::<FsEvent>(scope, object.into())
                .is_some_and(|other| !std::ptr::eq(&*other, event))
        });
        let gone = before - of_watch.len();
        inotify.count.set(inotify.count.get().saturating_sub(gone));
        if of_watch.is_empty() {
            listeners.remove(&wd);
            if let Some(fd) = inotify.fd.get() {
                // The watch is gone already where the file is.
                let _removed = env.process().inotify_rm_watch(fd, wd);
            }
        }
    }
    drop(listeners);
    stop_if_idle(&env, &inotify);
}

/// `event.initialized`
fn initialized(scope: Scope, args: Args, mut rv: Return) {
    let Some(event) = this(scope, &args) else {
        return;
    };
    rv.set_bool(event.wd.get().is_some());
}
