//! `internalBinding('locks')`: the lock manager of the Web Locks API, one for all threads of a process. Follows Node's
//! `src/node_locks.cc`.
//!
//! The manager knows who holds and who waits, and lives behind a lock; functions and promises stay with their threads,
//! each under the number of its request. A thread hears of a grant through its loop.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::event_loop::LoopHandle;
use crate::js::callback_scope::{self, AsyncContext};
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, string};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("request", request)
        .function("query", query)
        .reference(settled)
        .reference(failed);
}

/// Message of the error that a holder gets whose lock was stolen.
const STOLEN: &str = "LOCK_STOLEN";

/// One request, waiting or granted.
#[derive(Clone)]
struct Entry {
    id: u64,
    name: String,
    client: String,
    exclusive: bool,
    /// The thread that asked, and its loop.
    thread: u32,
    owner: LoopHandle,
}

#[derive(Default)]
struct Table {
    held: Vec<Entry>,
    pending: Vec<Entry>,
}

/// The locks of one process.
#[derive(Default)]
pub struct LockManager {
    last: AtomicU64,
    table: Mutex<Table>,
}

impl Table {
    fn is_free(&self, name: &str, exclusive: bool) -> bool {
        let mut holders = self.held.iter().filter(|held| held.name == name);
        if exclusive {
            holders.next().is_none()
        } else {
            holders.all(|held| !held.exclusive)
        }
    }

    /// Grants what can be granted, in the order of the requests: a request waits behind those before it of its name.
    #[must_use]
    fn grant(&mut self) -> Vec<Entry> {
        let mut granted = Vec::new();
        let mut blocked: Vec<String> = Vec::new();
        let mut index = 0;
        while let Some(entry) = self.pending.get(index) {
            if blocked.contains(&entry.name) || !self.is_free(&entry.name, entry.exclusive) {
                blocked.push(entry.name.clone());
                index += 1;
                continue;
            }
            let entry = self.pending.remove(index);
            granted.push(entry.clone());
            self.held.push(entry);
        }
        granted
    }
}

impl LockManager {
    /// Gives back locks and requests. Returns who gets a lock by that.
    #[must_use]
    fn release(&self, ids: &[u64]) -> Vec<Entry> {
        let mut table = self.table.lock();
        table.held.retain(|held| !ids.contains(&held.id));
        table.pending.retain(|waiting| !ids.contains(&waiting.id));
        table.grant()
    }
}

struct Request {
    name: String,
    exclusive: bool,
    callback: v8::Global<v8::Function>,
    released: v8::Global<v8::PromiseResolver>,
}

/// The requests of one thread.
#[derive(Default)]
struct Requests {
    open: RefCell<HashMap<u64, Request>>,
}

/// Ends every request of a thread that ends.
pub fn release_all(env: &Env) {
    let requests = env.state::<Requests>().open.take();
    if let Some(program) = env.program() {
        let ids: Vec<u64> = requests.into_keys().collect();
        for entry in program.state::<LockManager>().release(&ids) {
            let id = entry.id;
            entry.owner.post(move |scope| granted(scope, id));
        }
    }
}

/// `request(name, clientId, mode, steal, ifAvailable, callback)`: a promise of the callback's result, settled once the
/// lock is released.
fn request<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let env = Env::of(scope);
    let (Some(program), Ok(callback)) = (
        env.program(),
        v8::Local::<v8::Function>::try_from(args.get(5)),
    ) else {
        exception::throw_invalid_argument(scope, "The \"callback\" argument must be a function");
        return;
    };
    let Some(released) = v8::PromiseResolver::new(scope) else {
        return;
    };
    rv.set(released.get_promise(scope).into());
    let manager = program.state::<LockManager>();
    let entry = Entry {
        id: manager.last.fetch_add(1, Ordering::Relaxed) + 1,
        name: convert::text(scope, args.get(0)),
        client: convert::text(scope, args.get(1)),
        exclusive: convert::text(scope, args.get(2)) == "exclusive",
        thread: thread_of(&env),
        owner: env.event_loop.handle(),
    };
    let request = Request {
        name: entry.name.clone(),
        exclusive: entry.exclusive,
        callback: v8::Global::new(scope, callback),
        released: v8::Global::new(scope, released),
    };
    let requests = env.state::<Requests>();
    requests.open.borrow_mut().insert(entry.id, request);
    let mut stolen = Vec::new();
    let mut table = manager.table.lock();
    if args.get(3).is_true() {
        stolen = table
            .held
            .extract_if(.., |held| held.name == entry.name)
            .collect();
        table.pending.insert(0, entry);
    } else if args.get(4).is_true() {
        let waits = table.pending.iter().any(|other| other.name == entry.name);
        if waits || !table.is_free(&entry.name, entry.exclusive) {
            drop(table);
            // `ifAvailable` without success: the callback hears null.
            let null = v8::null(scope).into();
            call(scope, entry.id, null);
            return;
        }
        table.pending.push(entry);
    } else {
        table.pending.push(entry);
    }
    let winners = table.grant();
    drop(table);
    tell(scope, stolen, lost);
    tell(scope, winners, granted);
}

/// The number of the environment's thread.
fn thread_of(env: &Env) -> u32 {
    env.worker().map_or(0, |worker| worker.id)
}

/// Calls `what` for each request: here at once, on other threads through their loops.
fn tell(
    scope: &mut v8::PinScope<'_, '_>,
    entries: Vec<Entry>,
    what: fn(&mut v8::PinScope<'_, '_>, u64),
) {
    let own = thread_of(&Env::of(scope));
    for entry in entries {
        let id = entry.id;
        if entry.thread == own {
            what(scope, id);
        } else {
            entry.owner.post(move |scope| what(scope, id));
        }
    }
}

fn granted(scope: &mut v8::PinScope<'_, '_>, id: u64) {
    let env = Env::of(scope);
    let requests = env.state::<Requests>();
    let found = {
        let open = requests.open.borrow();
        open.get(&id)
            .map(|request| (request.name.clone(), request.exclusive))
    };
    let Some((name, exclusive)) = found else {
        return;
    };
    let lock = v8::Object::new(scope);
    let name = string(scope, &name).into();
    convert::set(scope, lock, "name", name);
    let mode = if exclusive { "exclusive" } else { "shared" };
    let mode = string(scope, mode).into();
    convert::set(scope, lock, "mode", mode);
    call(scope, id, lock.into());
}

/// Calls the callback, and settles the promise of the request by what comes of it.
fn call(scope: &mut v8::PinScope<'_, '_>, id: u64, lock: v8::Local<'_, v8::Value>) {
    v8::scope!(let scope, scope);
    let env = Env::of(scope);
    let requests = env.state::<Requests>();
    let callback = {
        let open = requests.open.borrow();
        open.get(&id).map(|request| request.callback.clone())
    };
    let (Some(callback), Some(process)) = (callback, env.object(scope, Slot::Process)) else {
        return;
    };
    let lock = v8::Local::new(scope, lock);
    let callback = v8::Local::new(scope, callback);
    callback_scope::call_in_scope(scope, process, &AsyncContext::none(), |scope| {
        let receiver = v8::undefined(scope).into();
        match exception::catch(scope, |scope| callback.call(scope, receiver, &[lock])) {
            Ok(value) => follow(scope, value, id),
            Err(error) => {
                let released = end(scope, id);
                if let (Some(error), Some(released)) = (error, released) {
                    released.reject(scope, error);
                }
            }
        }
        Some(v8::undefined(scope).into())
    });
}

/// Settles the request's promise once `value` is settled.
fn follow(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>, id: u64) {
    let Some(waiter) = v8::PromiseResolver::new(scope) else {
        return;
    };
    waiter.resolve(scope, value);
    let id = v8::Number::new(scope, id as f64);
    let on_value = v8::Function::builder_raw(callback::raw_function(settled))
        .data(id.into())
        .build(scope);
    let on_error = v8::Function::builder_raw(callback::raw_function(failed))
        .data(id.into())
        .build(scope);
    if let (Some(on_value), Some(on_error)) = (on_value, on_error) {
        waiter.get_promise(scope).then2(scope, on_value, on_error);
    }
}

/// Forgets a request and frees its lock. Returns its promise unless the lock was stolen before.
fn end<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    id: u64,
) -> Option<v8::Local<'s, v8::PromiseResolver>> {
    let env = Env::of(scope);
    let request = env.state::<Requests>().open.borrow_mut().remove(&id)?;
    let program = env.program()?;
    let winners = program.state::<LockManager>().release(&[id]);
    tell(scope, winners, granted);
    Some(v8::Local::new(scope, request.released))
}

fn finish<'s>(scope: Scope<'_, 's, '_>, args: &Args) -> Option<v8::Local<'s, v8::PromiseResolver>> {
    let id = args.data().integer_value(scope)?;
    end(scope, u64::try_from(id).ok()?)
}

fn settled(scope: Scope, args: Args, _rv: Return) {
    if let Some(resolver) = finish(scope, &args) {
        resolver.resolve(scope, args.get(0));
    }
}

fn failed(scope: Scope, args: Args, _rv: Return) {
    if let Some(resolver) = finish(scope, &args) {
        resolver.reject(scope, args.get(0));
    }
}

/// The lock was stolen: the holder's promise is rejected, whatever its callback does.
fn lost(scope: &mut v8::PinScope<'_, '_>, id: u64) {
    let env = Env::of(scope);
    let request = env.state::<Requests>().open.borrow_mut().remove(&id);
    let (Some(request), Some(process)) = (request, env.object(scope, Slot::Process)) else {
        return;
    };
    callback_scope::call_in_scope(scope, process, &AsyncContext::none(), |scope| {
        let error = exception::new_error(scope, ErrorKind::Error, "", STOLEN);
        v8::Local::new(scope, &request.released).reject(scope, error);
        Some(v8::undefined(scope).into())
    });
}

/// `query()`: a promise of `{ held, pending }` of this thread, as in Node.
fn query(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let Some(resolver) = v8::PromiseResolver::new(scope) else {
        return;
    };
    let (held, pending) = match env.program() {
        Some(program) => {
            let own = thread_of(&env);
            let mine = |entries: &[Entry]| -> Vec<Entry> {
                let mine = entries.iter().filter(|entry| entry.thread == own);
                mine.cloned().collect()
            };
            let manager = program.state::<LockManager>();
            let table = manager.table.lock();
            (mine(&table.held), mine(&table.pending))
        }
        None => (Vec::new(), Vec::new()),
    };
    let result = v8::Object::new(scope);
    let held = describe(scope, &held);
    convert::set(scope, result, "held", held);
    let pending = describe(scope, &pending);
    convert::set(scope, result, "pending", pending);
    resolver.resolve(scope, result.into());
    rv.set(resolver.get_promise(scope).into());
}

fn describe<'s>(scope: &mut v8::PinScope<'s, '_>, entries: &[Entry]) -> v8::Local<'s, v8::Value> {
    let mut items: Vec<v8::Local<v8::Value>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let item = v8::Object::new(scope);
        let mode = if entry.exclusive {
            "exclusive"
        } else {
            "shared"
        };
        for (key, text) in [
            ("name", entry.name.as_str()),
            ("mode", mode),
            ("clientId", entry.client.as_str()),
        ] {
            let text = string(scope, text).into();
            convert::set(scope, item, key, text);
        }
        items.push(item.into());
    }
    v8::Array::new_with_elements(scope, &items).into()
}

// Sent between threads: numbers, names and the handle of a loop.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<LockManager>>();
};
