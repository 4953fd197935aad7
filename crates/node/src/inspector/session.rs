//! One connection to the inspector of an isolate (`ChannelImpl` in Node's `src/inspector_agent.cc`).

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use v8::inspector::{
    Channel, ChannelImpl, StringBuffer, StringView, V8Inspector, V8InspectorClientTrustLevel,
    V8InspectorSession,
};

use super::client::CONTEXT_GROUP;
use super::domains::{self, NodeDomains};
use super::message::{self, Command};
use super::timeout::Timeouts;
use super::{Agent, interrupts, keep_heap_bound};
use crate::callback::contain_bare;
use crate::env::Env;
use crate::env::clock::realtime_milliseconds;
use crate::memory::memory_guard;

/// Who reads what the inspector says.
pub trait Output {
    /// Takes a message. May run JavaScript.
    fn deliver(&self, scope: &mut v8::PinScope<'_, '_>, text: String);
}

/// Characters of the longest command. A protocol of commands, not of data: the longest that a debugger sends is the text
/// of a script.
pub const LONGEST_COMMAND: usize = 64 << 20;

/// One connection.
pub struct Session {
    id: u32,
    agent: Weak<Agent>,
    /// V8's part; it is gone once the session is closed, and destroyed when no command of it runs any more.
    engine: RefCell<Option<Rc<Engine>>>,
    isolate: v8::UnsafeRawIsolatePtr,
    output: Rc<dyn Output>,
    prevents_shutdown: bool,
    async_depth: Cell<i64>,
    pub(super) timeouts: Timeouts,
    pub(super) domains: NodeDomains,
}

/// V8's part of a session. The inspector outlives it.
struct Engine {
    session: V8InspectorSession,
    _inspector: Rc<V8Inspector>,
}

/// V8's way to the session.
///
/// V8 writes CBOR, turns that into JSON, and gives up the process where that cannot be: where something is nested more than
/// 300 deep, as values and samples of the heap can be. So it is asked for the CBOR, and what is too deep is an error.
pub(super) struct ToSession(Weak<Session>);

/// The state of a session that is to have CBOR, as V8 would have saved it.
const IN_CBOR: &[u8] = br#"{"use_binary_protocol":true}"#;

impl ToSession {
    fn take(&self, call: Option<i32>, message: &v8::UniquePtr<StringBuffer>) {
        contain_bare(|| {
            let (Some(session), Some(message)) = (self.0.upgrade(), message.as_ref()) else {
                return;
            };
            if let Some(text) = text_of(&message.string()).or_else(|| too_deep(call)) {
                session.receive(call, text);
            }
        });
    }
}

fn text_of(message: &StringView<'_>) -> Option<String> {
    let json = v8::crdtp::cbor_to_json(message.characters8()?)?;
    String::from_utf8(json).ok()
}

/// What is said in the place of an answer; of an event nothing is: none of them is that deep.
fn too_deep(call: Option<i32>) -> Option<String> {
    let reason = "Object reference chain is too long";
    call.map(|id| message::failure(Some(id.into()), message::SERVER_ERROR, reason))
}

impl ChannelImpl for ToSession {
    fn send_response(&self, call_id: i32, message: v8::UniquePtr<StringBuffer>) {
        self.take(Some(call_id), &message);
    }

    fn send_notification(&self, message: v8::UniquePtr<StringBuffer>) {
        self.take(None, &message);
    }

    fn flush_protocol_notifications(&self) {}
}

impl Session {
    pub(super) fn connect(
        scope: &mut v8::PinScope<'_, '_>,
        agent: &Rc<Agent>,
        inspector: Rc<V8Inspector>,
        id: u32,
        output: Rc<dyn Output>,
        prevents_shutdown: bool,
    ) -> Rc<Session> {
        // SAFETY: the session is closed before the isolate goes, and is not used afterwards.
        let isolate = unsafe { scope.as_raw_isolate_ptr() };
        Rc::new_cyclic(|this: &Weak<Session>| {
            let session = inspector.connect(
                CONTEXT_GROUP,
                Channel::new(Box::new(ToSession(this.clone()))),
                StringView::from(IN_CBOR),
                V8InspectorClientTrustLevel::FullyTrusted,
            );
            Session {
                id,
                agent: Rc::downgrade(agent),
                engine: RefCell::new(Some(Rc::new(Engine {
                    session,
                    _inspector: inspector,
                }))),
                isolate,
                output,
                prevents_shutdown,
                async_depth: Cell::new(0),
                timeouts: Timeouts::default(),
                domains: NodeDomains::default(),
            }
        })
    }

    /// Names the session within its isolate.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn prevents_shutdown(&self) -> bool {
        self.prevents_shutdown && self.is_open()
    }

    pub(super) fn is_waiting_for_frontend(&self) -> bool {
        let agent = self.agent.upgrade();
        agent.is_some_and(|agent| agent.is_waiting_for_frontend())
    }

    fn is_open(&self) -> bool {
        self.engine.borrow().is_some()
    }

    pub(super) fn wants_async_stacks(&self) -> bool {
        self.async_depth.get() > 0
    }

    pub(super) fn schedule_pause(&self, reason: &str) {
        let engine = self.engine.borrow().clone();
        if let Some(engine) = engine {
            let reason: Vec<u16> = reason.encode_utf16().collect();
            let view = StringView::from(&*reason);
            engine.session.schedule_pause_on_next_statement(view, view);
        }
    }

    /// Ends the connection: nothing of it is delivered any more. V8's part goes as soon as V8 does not work on it.
    pub(super) fn close(&self) {
        self.domains.workers.end();
        let engine = self.engine.take();
        drop(engine);
    }

    /// Ends the connection of a program that goes on.
    pub fn disconnect(&self, scope: &mut v8::PinScope<'_, '_>) {
        if !self.is_open() {
            return;
        }
        self.async_depth.set(0);
        self.close();
        if let Some(agent) = self.agent.upgrade() {
            agent.forget(self.id);
            agent.let_context_go(scope, self.domains.retains_context());
            agent.update_hooks(scope);
            agent.update_network(scope);
        }
    }

    /// Has V8, or Node's own domains, do what `units` (UTF-16) say. Answers and events are delivered meanwhile, or later.
    pub fn dispatch(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, units: &[u16]) {
        let (Some(agent), true) = (self.agent.upgrade(), self.is_open()) else {
            return;
        };
        let bytes = units.len().saturating_mul(8);
        if units.len() > LONGEST_COMMAND {
            let text = message::failure(None, message::PARSE_ERROR, "The message is too long");
            self.deliver(scope, text);
            return;
        }
        if !memory_guard::admit(bytes) {
            return;
        }
        let text = String::from_utf16_lossy(units);
        agent.dispatching.set(agent.dispatching.get() + 1);
        match Command::read(&text) {
            Ok(command) => self.perform(scope, &command, units),
            Err(error) => {
                let reason = format!("JSON: {error}");
                self.deliver(scope, message::failure(None, message::PARSE_ERROR, &reason));
            }
        }
        agent.dispatching.set(agent.dispatching.get() - 1);
        self.settle(scope, &agent);
    }

    fn perform(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        command: &Command<'_>,
        units: &[u16],
    ) {
        if let Some(answer) = self.answer(scope, command) {
            self.deliver(scope, answer);
            return;
        }
        let rewritten = match self.timeouts.take_over(scope, command) {
            Ok(rewritten) => rewritten,
            Err(reason) => {
                let text = message::failure(command.id, message::INVALID_PARAMS, &reason);
                self.deliver(scope, text);
                return;
            }
        };
        let rewritten: Option<Vec<u16>> = rewritten.map(|text| text.encode_utf16().collect());
        let engine = self.engine.borrow().clone();
        if let Some(engine) = engine {
            let units = rewritten.as_deref().unwrap_or(units);
            domains::with_command_line(scope, command, |scope| {
                interrupts::terminable(scope, |_| {
                    let units = StringView::from(units);
                    engine.session.dispatch_protocol_message(units);
                });
            });
        }
        if let Some(id) = command.id {
            self.timeouts.ended(scope, &Env::of(scope), id);
        }
    }

    /// What V8 has left behind: whoever ends the program does so with `TerminateExecution`, which V8 takes back after
    /// evaluations of its own.
    fn settle(&self, scope: &mut v8::PinScope<'_, '_>, agent: &Rc<Agent>) {
        let env = Env::of(scope);
        keep_heap_bound(scope, &env);
        if env.stopping.get() || env.heap.limit_reached.get() || env.event_loop.is_aborted() {
            scope.terminate_execution();
        }
        agent.update_hooks(scope);
        agent.update_network(scope);
        if agent.dispatching.get() == 0 {
            agent.rethrow(scope);
        }
    }

    /// What V8 says.
    fn receive(self: &Rc<Self>, call: Option<i32>, text: String) {
        if !self.is_open() {
            return;
        }
        // It is destroyed when nothing of it is on the stack any more.
        let kept = self.engine.borrow().clone();
        let mut isolate = self.isolate;
        // SAFETY: V8 calls on the thread of the isolate, which lives while the session is open.
        let isolate = unsafe { v8::Isolate::ref_from_raw_isolate_ptr_mut(&mut isolate) };
        v8::scope!(let scope, isolate);
        let env = Env::of(scope);
        let context = env.context(scope);
        let scope = &mut v8::ContextScope::new(scope, context);
        if let Some(call) = call {
            self.timeouts.ended(scope, &env, call.into());
        }
        // In the middle of `Debugger.enable` V8's own bound counts already.
        keep_heap_bound(scope, &env);
        let text = message::with_time(text, || realtime_milliseconds(&env));
        self.deliver(scope, text);
        drop(kept);
    }

    /// Hands a message over.
    pub(super) fn deliver(&self, scope: &mut v8::PinScope<'_, '_>, text: String) {
        if self.is_open() && memory_guard::admit(text.len().saturating_mul(2)) {
            let output = self.output.clone();
            interrupts::terminable(scope, |scope| output.deliver(scope, text));
        }
    }

    /// The id by which commands name a value.
    pub(super) fn id_of<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
    ) -> Option<String> {
        let engine = self.engine.borrow().clone()?;
        let context = Env::of(scope).context(scope);
        let group = StringView::empty();
        let wrapped = engine
            .session
            .wrap_object(scope, context, value, group, false)?;
        let text = v8::crdtp::cbor_to_json(&wrapped.to_bytes())?;
        let object: serde_json::Value = serde_json::from_slice(&text).ok()?;
        object["objectId"].as_str().map(str::to_owned)
    }

    /// The value that an answer names.
    pub(super) fn value_of<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        id: &str,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let engine = self.engine.borrow().clone()?;
        let id = StringView::from(id.as_bytes());
        let found = engine.session.unwrap_object(scope, id);
        found.ok().map(|(value, _, _)| value)
    }

    /// Notes how deep stacks of asynchronous calls are wanted: V8's interface of Rust does not tell.
    pub(super) fn set_async_depth(&self, depth: i64) {
        self.async_depth.set(depth);
    }
}
