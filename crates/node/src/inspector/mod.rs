//! V8's inspector of one isolate, and who is connected to it. Follows Node's `src/inspector_agent.cc`.
//!
//! An [`Agent`] belongs to an isolate and has V8's inspector from the first connection on: a program that is not inspected
//! has none. A [`Session`] is one connection: of the program's own ([`Output`] calls JavaScript), of a profiler of ours
//! (`profilers.rs`), or of somebody else by way of a [`Mailbox`].
//!
//! `docs/design/inspector.md` says what a program can do with it, and what bounds that.

mod client;
mod context_id;
mod domains;
mod interrupts;
mod mailbox;
mod message;
mod network;
pub mod network_event;
mod pause;
pub mod port;
pub mod profilers;
mod session;
mod timeout;
pub mod workers;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use indexmap::IndexMap;
use v8::inspector::{StringView, V8Inspector, V8InspectorClient};

pub use context_id::number_main_context;
pub use mailbox::{Incoming, Mailbox, MainThread, Peer, PeerId};
pub use session::{Output, Session};

use crate::env::{Env, Slot};
use crate::heap::heap_limit;
use crate::js::exception;
use crate::process::{frozen_clock, uncaught};
use client::{CONTEXT_GROUP, Client};

/// Tells the inspector of the contexts that there are besides the main one.
pub type Announce = fn(&mut v8::PinScope<'_, '_>);

/// How many connections to one isolate there may be at a time. Node has no bound.
pub const MOST_SESSIONS: usize = 256;

/// The inspector of one isolate.
#[derive(Default)]
pub struct Agent {
    engine: RefCell<Option<Engine>>,
    sessions: RefCell<IndexMap<u32, Rc<Session>>>,
    last_id: Cell<u32>,
    announce: Cell<Option<Announce>>,
    /// Commands that V8 works on, one within the other.
    dispatching: Cell<u32>,
    /// What a listener has thrown meanwhile.
    thrown: RefCell<Option<v8::Global<v8::Value>>>,
    /// The console calls the inspector, whose own output is not told again.
    in_console_call: Cell<bool>,
    hooks: Cell<Hooks>,
    /// The library tells of requests.
    network: Cell<bool>,
    waiting: pause::Waiting,
    mailbox: RefCell<Option<std::sync::Arc<Mailbox>>>,
    /// Listeners hear of workers, one message at a time.
    tells_of_workers: Cell<bool>,
    /// Who came by the mailbox.
    peers: RefCell<IndexMap<PeerId, Rc<Session>>>,
    port: RefCell<Option<port::Port>>,
    /// `process.debugPort`, where the program or a port has set it.
    debug_port: Cell<Option<u16>>,
}

/// Whether asynchronous calls are told to V8.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Hooks {
    #[default]
    Off,
    /// They will be once the program's library has its hooks ready.
    Pending,
    On,
}

/// V8's part.
struct Engine {
    inspector: Rc<V8Inspector>,
    /// Its client has the address of this.
    context: Option<std::ptr::NonNull<v8::Context>>,
}

/// Why there is no connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Profiles and timestamps of V8's tell the time.
    FrozenClocks,
    /// [`MOST_SESSIONS`].
    TooMany,
}

impl Refusal {
    /// Throws it.
    pub fn throw(self, scope: &mut v8::PinScope<'_, '_>) {
        exception::throw_unavailable(scope, self.text());
    }

    /// What the program reads.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Refusal::FrozenClocks => {
                "The inspector is not available in this VM: it would tell the time \
                 (jsRuntime.timingMitigation is \"freeze\")"
            }
            Refusal::TooMany => "Too many sessions of the inspector are connected",
        }
    }
}

impl Agent {
    /// The agent of an isolate.
    #[must_use]
    pub fn of(env: &Env) -> Rc<Agent> {
        env.isolate_state::<Agent>()
    }

    /// Says how V8 learns of the contexts of `node:vm`.
    pub fn on_start(&self, announce: Announce) {
        self.announce.set(Some(announce));
    }

    /// Whether anybody is connected, or could be (`Agent::IsActive`).
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.sessions.borrow().is_empty() || self.port.borrow().is_some()
    }

    /// Whether a port is open (`Agent::IsListening`).
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.port.borrow().is_some()
    }

    /// Whether somebody is connected whom the end of the program waits for.
    fn has_waiting_session(&self) -> bool {
        let sessions = self.sessions.borrow();
        sessions.values().any(|session| session.prevents_shutdown())
    }

    /// V8's inspector, made at the first call.
    ///
    /// # Errors
    /// There can be none in this machine.
    fn inspector(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
    ) -> Result<Rc<V8Inspector>, Refusal> {
        if let Some(engine) = &*self.engine.borrow() {
            return Ok(engine.inspector.clone());
        }
        let env = Env::of(scope);
        if frozen_clock::stand_still(&env) {
            return Err(Refusal::FrozenClocks);
        }
        let context = env.context(scope);
        let place = v8::Global::new(scope, context).into_raw();
        // SAFETY: the client goes with the inspector, before the isolate.
        let isolate = unsafe { scope.as_raw_isolate_ptr() };
        let client = V8InspectorClient::new(Box::new(Client::new(self, isolate, place)));
        let inspector = Rc::new(V8Inspector::create(scope, client));
        *self.engine.borrow_mut() = Some(Engine {
            inspector: inspector.clone(),
            context: Some(place),
        });
        let name = context_name(&env);
        announce(&inspector, context, &name, true);
        if let Some(others) = self.announce.get() {
            others(scope);
        }
        Ok(inspector)
    }

    /// A context of `node:vm` was made (`Agent::ContextCreated`).
    pub fn context_created(&self, context: v8::Local<'_, v8::Context>, name: &str) {
        if let Some(engine) = &*self.engine.borrow() {
            announce(&engine.inspector, context, name, false);
        }
    }

    /// V8's inspector, if there is one.
    fn running(&self) -> Option<Rc<V8Inspector>> {
        let engine = self.engine.borrow();
        engine.as_ref().map(|engine| engine.inspector.clone())
    }

    /// Connects somebody.
    ///
    /// # Errors
    /// As for [`Refusal`].
    pub fn connect(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        output: Rc<dyn Output>,
        prevents_shutdown: bool,
    ) -> Result<Rc<Session>, Refusal> {
        let inspector = self.inspector(scope)?;
        if self.sessions.borrow().len() >= MOST_SESSIONS {
            return Err(Refusal::TooMany);
        }
        let id = self.last_id.get().wrapping_add(1);
        self.last_id.set(id);
        let session = Session::connect(scope, self, inspector, id, output, prevents_shutdown);
        self.sessions.borrow_mut().insert(id, session.clone());
        if self.is_waiting_for_frontend() {
            session.tell_waiting(scope);
        }
        Ok(session)
    }

    /// Those who are connected now, whoever leaves meanwhile.
    fn all_sessions(&self) -> Vec<Rc<Session>> {
        self.sessions.borrow().values().cloned().collect()
    }

    fn forget(&self, id: u32) {
        let session = self.sessions.borrow_mut().shift_remove(&id);
        drop(session);
    }

    /// Keeps what a listener of the program's has thrown in the middle of V8's work.
    pub fn keep_thrown(&self, scope: &mut v8::PinScope<'_, '_>, thrown: v8::Local<'_, v8::Value>) {
        if self.dispatching.get() == 0 {
            uncaught::trigger_uncaught_exception(scope, thrown, false);
            return;
        }
        let mut kept = self.thrown.borrow_mut();
        if kept.is_none() {
            *kept = Some(v8::Global::new(scope, thrown));
        }
    }

    /// Throws what was kept, once V8 has done its work.
    fn rethrow(&self, scope: &mut v8::PinScope<'_, '_>) {
        let thrown = self.thrown.borrow_mut().take();
        if let Some(thrown) = thrown {
            let thrown = v8::Local::new(scope, thrown);
            scope.throw_exception(thrown);
        }
    }

    /// A `console` method of the program's: the inspector's own half, unless this is it already.
    pub fn console_call(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        method: v8::Local<'_, v8::Function>,
        receiver: v8::Local<'_, v8::Value>,
        arguments: &[v8::Local<'_, v8::Value>],
    ) -> bool {
        if !self.is_active() || self.in_console_call.replace(true) {
            return true;
        }
        let done = method.call(scope, receiver, arguments).is_some();
        self.in_console_call.set(false);
        done
    }

    /// Has the library's hooks tell V8 of asynchronous calls, or not any more.
    fn update_hooks(&self, scope: &mut v8::PinScope<'_, '_>) {
        let wanted = self
            .sessions
            .borrow()
            .values()
            .any(|session| session.wants_async_stacks());
        let ready = Env::of(scope)
            .function(scope, Slot::InspectorEnableHooks)
            .is_some();
        let hooks = match (wanted, ready) {
            (false, _) => Hooks::Off,
            (true, false) => Hooks::Pending,
            (true, true) => Hooks::On,
        };
        let before = self.hooks.replace(hooks);
        let slot = match (before, hooks) {
            (Hooks::On, Hooks::On) => return,
            (_, Hooks::On) => Slot::InspectorEnableHooks,
            (Hooks::On, _) => Slot::InspectorDisableHooks,
            _ => return,
        };
        toggle(scope, slot);
    }

    /// The library's hooks are ready.
    pub fn hooks_ready(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.hooks.get() == Hooks::Pending {
            self.update_hooks(scope);
        }
    }

    /// Has the library tell of requests while somebody wants to hear of them.
    pub fn update_network(&self, scope: &mut v8::PinScope<'_, '_>) {
        let wanted = self.wants_network();
        let ready = Env::of(scope)
            .function(scope, Slot::InspectorEnableNetwork)
            .is_some();
        if !ready || self.network.replace(wanted) == wanted {
            return;
        }
        toggle(
            scope,
            if wanted {
                Slot::InspectorEnableNetwork
            } else {
                Slot::InspectorDisableNetwork
            },
        );
    }

    /// Whether anybody wants to hear of requests.
    #[must_use]
    pub fn wants_network(&self) -> bool {
        let sessions = self.sessions.borrow();
        sessions.values().any(|session| session.wants_network())
    }

    /// Tells those who want to hear of it of an event of the program's own; `params` is JSON, `data` what else it has.
    ///
    /// # Errors
    /// What the event lacks.
    pub fn tell(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        event: &str,
        params: &str,
        data: Option<&[u8]>,
    ) -> Result<(), String> {
        let Ok(given) = serde_json::from_str::<serde_json::Value>(params) else {
            return Ok(());
        };
        let Some(read) = network_event::Event::read(event, &given, data) else {
            return Ok(());
        };
        let mut read = read?;
        if let Some(initiator) = domains::initiator(scope, event) {
            read.params["initiator"] = initiator;
        }
        for session in self.all_sessions() {
            session.tell(scope, &read);
        }
        Ok(())
    }

    /// Tells V8 of a step of an asynchronous call.
    pub fn async_task(&self, step: AsyncStep<'_>) {
        let Some(inspector) = self.running() else {
            return;
        };
        // V8 looks at the number alone, which has to be even.
        let of = |id: u64| {
            let id = usize::try_from(id).unwrap_or(usize::MAX);
            std::ptr::without_provenance::<std::ffi::c_void>(id << 1)
        };
        match step {
            AsyncStep::Scheduled(id, name, recurring) => {
                let name = StringView::from(name);
                // SAFETY: the pointer is only compared.
                unsafe { inspector.async_task_scheduled(name, of(id), recurring) }
            }
            // SAFETY: as above.
            AsyncStep::Canceled(id) => unsafe { inspector.async_task_canceled(of(id)) },
            // SAFETY: as above.
            AsyncStep::Started(id) => unsafe { inspector.async_task_started(of(id)) },
            // SAFETY: as above.
            AsyncStep::Finished(id) => unsafe { inspector.async_task_finished(of(id)) },
        }
    }

    /// Tells of an exception that nothing caught (`Agent::ReportUncaughtException`).
    fn exception_thrown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        error: v8::Local<'_, v8::Value>,
        message: v8::Local<'_, v8::Message>,
    ) {
        let Some(inspector) = self.running().filter(|_| self.is_listening()) else {
            return;
        };
        let units = |text: String| text.encode_utf16().collect::<Vec<u16>>();
        let text = units(message.get(scope).to_rust_string_lossy(scope));
        let name = message.get_script_resource_name(scope);
        let name = name.map(|name| name.to_rust_string_lossy(scope));
        let name = units(name.unwrap_or_default());
        let place = |number: Option<usize>| number.and_then(|number| u32::try_from(number).ok());
        let line = place(message.get_line_number(scope));
        let column = place(Some(message.get_start_column()));
        let stack = inspector.create_stack_trace(message.get_stack_trace(scope));
        inspector.exception_thrown(
            Env::of(scope).context(scope),
            StringView::from(&b"Uncaught"[..]),
            error,
            StringView::from(&*text),
            StringView::from(&*name),
            line.unwrap_or_default(),
            column.unwrap_or_default(),
            stack,
            0,
        );
    }

    /// Pauses the program at its next statement.
    pub fn pause_on_next_statement(&self, reason: &str) {
        for session in self.all_sessions() {
            session.schedule_pause(reason);
        }
    }

    /// Ends all connections and V8's inspector: the isolate is about to go, and nothing of the program runs any more.
    pub fn dispose(&self, isolate: &mut v8::Isolate) {
        v8::scope!(let scope, isolate);
        drop(self.port.take());
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.close();
        }
        drop(self.peers.take());
        let sessions = self.sessions.take();
        for session in sessions.values() {
            session.close();
        }
        drop(sessions);
        let engine = self.engine.take();
        if let Some(Engine { inspector, context }) = engine {
            drop(inspector);
            if let Some(context) = context {
                // SAFETY: it came out of `Global::into_raw` for this isolate, and V8's client, which had it, is gone.
                drop(unsafe { v8::Global::from_raw(scope, context) });
            }
        }
        drop(self.thrown.take());
    }
}

/// A step of an asynchronous call, by the id of its resource.
#[derive(Clone, Copy)]
pub enum AsyncStep<'a> {
    /// It will run: its type (UTF-16), and whether more than once.
    Scheduled(u64, &'a [u16], bool),
    /// It will not.
    Canceled(u64),
    /// It runs.
    Started(u64),
    /// It has run.
    Finished(u64),
}

fn announce(
    inspector: &V8Inspector,
    context: v8::Local<'_, v8::Context>,
    name: &str,
    is_default: bool,
) {
    let name: Vec<u16> = name.encode_utf16().collect();
    let data = format!("{{\"isDefault\":{is_default}}}");
    inspector.context_created(
        context,
        CONTEXT_GROUP,
        StringView::from(&*name),
        StringView::from(data.as_bytes()),
    );
}

/// `GetHumanReadableProcessName`, `GetWorkerLabel`.
fn context_name(env: &Env) -> String {
    match env.worker() {
        Some(worker) => format!("Worker[{}]", worker.id),
        None => {
            let pid = env.try_process().map_or(0, |process| process.pid().raw());
            format!("node[{pid}]")
        }
    }
}

fn toggle(scope: &mut v8::PinScope<'_, '_>, slot: Slot) {
    let env = Env::of(scope);
    if env.is_halted(scope) {
        return;
    }
    let Some(function) = env.function(scope, slot) else {
        return;
    };
    let undefined = v8::undefined(scope).into();
    let called = exception::catch(scope, |scope| function.call(scope, undefined, &[]));
    if let Err(Some(thrown)) = called {
        uncaught::trigger_uncaught_exception(scope, thrown, false);
    }
}

/// Puts the heap's own bound before what V8's debugger does about a full heap: it would raise the bound.
fn keep_heap_bound(isolate: &mut v8::Isolate, env: &Rc<Env>) {
    heap_limit::keep_first(isolate, env);
}
