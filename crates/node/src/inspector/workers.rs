//! The domain `NodeWorker`: who looks into the main thread of a process looks into its workers, too. Follows Node's
//! `src/inspector/worker_agent.cc` and `src/inspector/worker_inspector.cc`.
//!
//! Workers register with their process ([`Workers`]); a session of the main thread that wants to hear of them is a peer of
//! each one's [`Mailbox`], and what they say comes back by the main thread's.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use indexmap::IndexMap;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::Agent;
use super::mailbox::{Incoming, Mailbox, MainThread, Peer, PeerId};
use super::message::{self, Command};
use super::session::Session;
use crate::env::Env;
use crate::worker::Worker;

/// All who ever were. Ids of debuggers at ports are below, those of a worker's own connections above.
static LAST_PEER: AtomicU64 = AtomicU64::new(1 << 62);

/// The workers of a process, by `threadId`, and who looks.
#[derive(Default)]
pub struct Workers(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    running: IndexMap<u32, Target>,
    /// Sessions that want to hear of new workers.
    watchers: usize,
    /// Those of them for which workers wait before they start.
    holders: usize,
    /// Nobody needs to hear of the end of a worker until somebody has looked.
    was_watched: bool,
}

/// A worker that runs.
#[derive(Clone)]
pub struct Target {
    id: u32,
    title: String,
    url: String,
    mailbox: Arc<Mailbox>,
    waits: bool,
}

/// Makes the calling thread known to those who look into its process, before its program starts, and waits for them if they
/// have asked for that.
pub fn worker_starts(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let (Some(program), Some(worker)) = (env.program(), env.worker()) else {
        return;
    };
    if worker.internal {
        return;
    }
    let agent = Agent::of(&env);
    let waits = {
        let workers = program.state::<Workers>();
        let mut registry = workers.0.lock();
        let waits = registry.holders > 0;
        let target = Target {
            id: worker.id,
            title: title(&worker),
            url: worker.url.clone(),
            mailbox: agent.mailbox(scope),
            waits,
        };
        registry.running.insert(worker.id, target.clone());
        if registry.watchers > 0
            && let Some(main) = MainThread::mailbox(&env)
        {
            main.post(Incoming::WorkerStarted(Box::new(target)));
        }
        waits
    };
    if waits {
        // Where there can be no inspector there is none who holds it up.
        let _ = agent.wait_for_frontend(scope);
    }
}

/// The calling thread, a worker, has ended.
pub fn worker_ends(env: &Env) {
    let (Some(program), Some(worker)) = (env.program(), env.worker()) else {
        return;
    };
    let workers = program.state::<Workers>();
    let mut registry = workers.0.lock();
    registry.running.shift_remove(&worker.id);
    if registry.was_watched
        && let Some(main) = MainThread::mailbox(env)
    {
        main.post(Incoming::WorkerEnded(worker.id));
    }
}

/// `GetWorkerLabel`.
fn title(worker: &Worker) -> String {
    format!("[worker {}] {}", worker.id, worker.name)
}

/// What a worker says to a session of the main thread.
struct ToMain {
    main: Arc<Mailbox>,
    /// The session, and what it calls its session with the worker.
    session: u32,
    name: u32,
}

impl Peer for ToMain {
    fn poll_room(&self, bytes: usize, cx: &mut Context<'_>) -> Poll<()> {
        self.main.poll_room(bytes, cx)
    }

    fn take(&self, text: String) {
        let (session, name) = (self.session, self.name);
        self.main.post(Incoming::FromWorker(session, name, text));
    }
}

/// A session with a worker.
struct Attached {
    worker: u32,
    mailbox: Arc<Mailbox>,
    peer: PeerId,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.mailbox.post(Incoming::Disconnect(self.peer));
    }
}

/// What a session of the main thread has of the domain.
#[derive(Default)]
pub(super) struct NodeWorker {
    /// Where it is a watcher.
    watched: RefCell<Option<Arc<Workers>>>,
    holds: Cell<bool>,
    attached: RefCell<IndexMap<u32, Attached>>,
    last_name: Cell<u32>,
}

impl NodeWorker {
    /// Hears of new workers, and has them wait or not. Those that run already.
    fn watch(&self, workers: Arc<Workers>, holds: bool) -> Vec<Target> {
        let mut registry = workers.0.lock();
        match (self.holds.replace(holds), holds) {
            (false, true) => registry.holders += 1,
            (true, false) => registry.holders -= 1,
            _ => {}
        }
        let is_new = self.watched.borrow().is_none();
        if !is_new {
            return Vec::new();
        }
        registry.watchers += 1;
        registry.was_watched = true;
        let running = registry.running.values().cloned().collect();
        drop(registry);
        *self.watched.borrow_mut() = Some(workers);
        running
    }

    fn unwatch(&self) {
        let Some(workers) = self.watched.take() else {
            return;
        };
        let mut registry = workers.0.lock();
        registry.watchers -= 1;
        if self.holds.take() {
            registry.holders -= 1;
        }
    }

    /// Leaves the workers: the session has ended.
    pub(super) fn end(&self) {
        self.unwatch();
        drop(self.attached.take());
    }
}

impl Session {
    /// Does a command of the domain; None where there is none of that name.
    pub(super) fn worker_command(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        id: i64,
        name: &str,
        command: &Command<'_>,
    ) -> Option<String> {
        let params = command.object().unwrap_or_default();
        let answer = self.worker_answer(scope, name, &params)?;
        Some(message::answer(id, answer.map(|()| json!({}))))
    }

    fn worker_answer(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        name: &str,
        params: &Value,
    ) -> Option<Result<(), (i32, &'static str)>> {
        const INVALID: (i32, &str) = (message::INVALID_PARAMS, "Invalid parameters");
        let domain = &self.domains.workers;
        let to = params["sessionId"].as_str();
        match name {
            "enable" => match params["waitForDebuggerOnStart"].as_bool() {
                Some(holds) => self.watch_workers(scope, holds),
                None => return Some(Err(INVALID)),
            },
            "disable" => domain.unwatch(),
            "detach" => {
                let Some(to) = to else {
                    return Some(Err(INVALID));
                };
                if let Ok(name) = to.parse() {
                    self.detach_worker(scope, name);
                }
            }
            "sendMessageToWorker" => {
                let (Some(to), Some(text)) = (to, params["message"].as_str()) else {
                    return Some(Err(INVALID));
                };
                let attached = domain.attached.borrow();
                let worker = to.parse::<u32>().ok().and_then(|name| attached.get(&name));
                if let Some(worker) = worker
                    && !worker.mailbox.post_if_room(worker.peer, text)
                {
                    let busy = "The worker has not read what was sent before";
                    return Some(Err((message::SERVER_ERROR, busy)));
                }
            }
            _ => return None,
        }
        Some(Ok(()))
    }

    fn watch_workers(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, holds: bool) {
        let env = Env::of(scope);
        // A worker's own are told of to the main thread.
        let Some(program) = env.program().filter(|_| env.worker().is_none()) else {
            return;
        };
        MainThread::announce(scope);
        for target in self.domains.workers.watch(program.state(), holds) {
            self.attach_worker(
                scope,
                &Target {
                    waits: false,
                    ..target
                },
            );
        }
    }

    /// Attaches to a worker, unless that is so.
    pub(super) fn attach_worker(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        target: &Target,
    ) {
        let domain = &self.domains.workers;
        if domain.watched.borrow().is_none() {
            return;
        }
        let known = |attached: &Attached| attached.worker == target.id;
        if domain.attached.borrow().values().any(known) {
            return;
        }
        let Some(main) = MainThread::mailbox(&Env::of(scope)) else {
            return;
        };
        let name = domain.last_name.get() + 1;
        domain.last_name.set(name);
        let peer = LAST_PEER.fetch_add(1, Ordering::Relaxed) + 1;
        let session = self.id();
        let to_main = Arc::new(ToMain {
            main,
            session,
            name,
        });
        let connect = Incoming::Connect(peer, to_main, true);
        target.mailbox.post(connect);
        let attached = Attached {
            worker: target.id,
            mailbox: target.mailbox.clone(),
            peer,
        };
        domain.attached.borrow_mut().insert(name, attached);
        let event = json!({
            "sessionId": name.to_string(),
            "workerInfo": {
                "workerId": name.to_string(),
                "type": "worker",
                "title": target.title,
                "url": target.url,
            },
            "waitingForDebugger": target.waits,
        });
        let text = message::notification("NodeWorker.attachedToWorker", &event);
        self.deliver(scope, text);
    }

    fn detach_worker(&self, scope: &mut v8::PinScope<'_, '_>, name: u32) {
        let attached = self
            .domains
            .workers
            .attached
            .borrow_mut()
            .shift_remove(&name);
        if attached.is_some() {
            let event = json!({ "sessionId": name.to_string() });
            let text = message::notification("NodeWorker.detachedFromWorker", &event);
            self.deliver(scope, text);
        }
    }

    /// A worker has ended.
    pub(super) fn worker_ended(&self, scope: &mut v8::PinScope<'_, '_>, id: u32) {
        let name = {
            let attached = self.domains.workers.attached.borrow();
            let found = attached.iter().find(|(_, attached)| attached.worker == id);
            found.map(|(name, _)| *name)
        };
        if let Some(name) = name {
            self.detach_worker(scope, name);
        }
    }

    /// A worker has said something.
    pub(super) fn worker_says(&self, scope: &mut v8::PinScope<'_, '_>, name: u32, text: &str) {
        if !self.domains.workers.attached.borrow().contains_key(&name) {
            return;
        }
        let event = json!({ "sessionId": name.to_string(), "message": text });
        let text = message::notification("NodeWorker.receivedMessageFromWorker", &event);
        self.deliver(scope, text);
    }
}
