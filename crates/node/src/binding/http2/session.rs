//! The state of a session, the way into nghttp2, and the way out of it into JavaScript.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::ffi::c_void;
use std::rc::{Rc, Weak};

use libnghttp2_sys as ng;

use super::acknowledged::Outstanding;
use super::memory_ffi::SessionMemory;
use super::options::{self, Limits};
use super::receive::Below;
use super::session_ffi::{Code, Kind, Library};
use super::settings::CustomSettings;
use super::state::{self, Callback, Fields};
use super::statistics::SessionStatistics;
use super::stream::Http2Stream;
use crate::env::Env;
use crate::js::{async_wrap, callback_scope, wrap};
use crate::stream::{Stream, StreamListener, StreamRequest};

/// A stream of a session, and its object: the session keeps both.
pub(super) struct Held {
    pub(super) stream: Rc<Http2Stream>,
    pub(super) object: v8::Global<v8::Object>,
}

/// Bytes for the peer that nghttp2 has given, and the writes that they end.
#[derive(Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// Where the pieces end that nghttp2 and JavaScript have given.
    ends: Vec<usize>,
    pub(super) requests: Vec<Rc<StreamRequest>>,
}

impl Outgoing {
    /// How many bytes there are.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        if !piece.is_empty() {
            self.bytes.extend_from_slice(piece);
            self.ends.push(self.bytes.len());
        }
    }

    /// The bytes, and where their pieces end; the writes stay.
    pub(super) fn take(&mut self) -> (Vec<u8>, Vec<usize>) {
        (
            std::mem::take(&mut self.bytes),
            std::mem::take(&mut self.ends),
        )
    }
}

/// How far a session has come.
#[derive(Default)]
pub(super) struct Flags {
    pub(super) in_scope: Cell<bool>,
    pub(super) write_scheduled: Cell<bool>,
    pub(super) closing: Cell<bool>,
    /// How it is to be closed once nghttp2 has taken what it was given: the code, and whether the socket is gone.
    pub(super) pending_close: Cell<Option<(u32, bool)>>,
    pub(super) destroyed: Cell<bool>,
    pub(super) sending: Cell<bool>,
    /// What came while nghttp2 was busy is being taken.
    pub(super) consuming: Cell<bool>,
    pub(super) receiving: Cell<bool>,
    pub(super) write_in_progress: Cell<bool>,
    pub(super) reading_stopped: Cell<bool>,
    pub(super) graceful_close: Cell<bool>,
    /// A GOAWAY was asked for.
    pub(super) goaway_initiated: Cell<bool>,
    /// A GOAWAY was sent that nobody asked for: nghttp2 has given up the session.
    pub(super) internal_goaway: Cell<bool>,
    pub(super) chunks_sent: Cell<u32>,
    pub(super) invalid_frames: Cell<u32>,
    pub(super) rejected_streams: Cell<u32>,
    /// Why nghttp2 was told to stop, as a code of Node's.
    pub(super) receive_error: Cell<Option<&'static str>>,
}

/// The native side of an `Http2Session`.
pub struct Http2Session {
    this: Weak<Http2Session>,
    pub(super) kind: Kind,
    object: v8::Weak<v8::Object>,
    pub(super) library: Library,
    pub(super) memory: Rc<SessionMemory>,
    pub(super) limits: Limits,
    pub(super) fields: Fields,
    /// The stream that carries the connection, until it is gone.
    below: RefCell<Option<Rc<Stream>>>,
    listener: RefCell<Option<Rc<dyn StreamListener>>>,
    /// The scope that was lent to the call of nghttp2's that is going on, for callbacks.
    pub(super) lent: Cell<*mut c_void>,
    /// What JavaScript has thrown in the middle of native work that somebody in JavaScript waits for.
    thrown: RefCell<Option<v8::Global<v8::Value>>>,
    pub(super) streams: RefCell<HashMap<i32, Held>>,
    pub(super) outgoing: RefCell<Outgoing>,
    /// Streams to be reset when what is on its way has gone.
    pub(super) pending_resets: RefCell<Vec<i32>>,
    /// Bytes that came while nghttp2 was busy.
    pub(super) waiting: RefCell<VecDeque<Vec<u8>>>,
    pub(super) pings: RefCell<VecDeque<Outstanding>>,
    pub(super) settings: RefCell<VecDeque<Outstanding>>,
    pub(super) local_settings: RefCell<CustomSettings>,
    pub(super) remote_settings: RefCell<CustomSettings>,
    pub(super) statistics: SessionStatistics,
    pub(super) flags: Flags,
}

impl Drop for Http2Session {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.take()
            && let Some(below) = self.below.take()
        {
            below.remove_listener(&listener);
        }
        // Before nghttp2's session, which is a field, goes.
        let streams = self.streams.take();
        for held in streams.values() {
            held.stream.detach();
        }
    }
}

impl Http2Session {
    /// Makes `object` a session with the options of the shared array.
    pub fn create(
        scope: &mut v8::PinScope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
        kind: Kind,
    ) -> Result<Rc<Http2Session>, Code> {
        let env = Env::of(scope);
        let (options, limits) = options::read(&env, kind).ok_or(ng::NGHTTP2_ERR_NOMEM)?;
        let memory = SessionMemory::new(limits.memory);
        let pads = limits.padding != options::Padding::None;
        let library = Library::new(kind, &options, pads, memory.clone())?;
        let fields = Fields::create(scope, object).ok_or(ng::NGHTTP2_ERR_NOMEM)?;
        let object_ref = v8::Weak::new(scope, object);
        let session = Rc::new_cyclic(|this| Http2Session {
            this: this.clone(),
            kind,
            object: object_ref,
            library,
            memory,
            limits,
            fields,
            below: RefCell::default(),
            listener: RefCell::default(),
            lent: Cell::new(std::ptr::null_mut()),
            thrown: RefCell::default(),
            streams: RefCell::default(),
            outgoing: RefCell::default(),
            pending_resets: RefCell::default(),
            waiting: RefCell::default(),
            pings: RefCell::default(),
            settings: RefCell::default(),
            local_settings: RefCell::default(),
            remote_settings: RefCell::new(CustomSettings::expected(&env)),
            statistics: SessionStatistics::new(&env),
            flags: Flags::default(),
        });
        let pointer = Rc::as_ptr(&session).cast_mut().cast();
        session.library.set_user_data(pointer);
        async_wrap::wrap_async(scope, object, "HTTP2SESSION", session.clone());
        Ok(session)
    }

    /// Behind a JavaScript value.
    pub fn of(
        scope: &v8::PinScope<'_, '_>,
        value: v8::Local<'_, v8::Value>,
    ) -> Option<Rc<Http2Session>> {
        Some((*wrap::unwrap::<Rc<Http2Session>>(scope, value)?).clone())
    }

    /// Itself, held.
    pub(super) fn strong(&self) -> Option<Rc<Http2Session>> {
        self.this.upgrade()
    }

    /// The JavaScript object, unless it was collected.
    pub fn object<'s>(&self, scope: &v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
        self.object.to_local(scope)
    }

    /// Takes over the stream that carries the connection.
    pub fn consume(&self, below: &Rc<Stream>) {
        let listener: Rc<dyn StreamListener> = Rc::new(Below(self.this.clone()));
        self.let_go();
        below.push_listener(listener.clone());
        *self.listener.borrow_mut() = Some(listener);
        *self.below.borrow_mut() = Some(below.clone());
    }

    /// The stream that carries the connection, until it is gone.
    pub(super) fn below(&self) -> Option<Rc<Stream>> {
        self.below.borrow().clone()
    }

    /// Leaves the stream that carries the connection to whoever listened before.
    pub(super) fn let_go(&self) {
        let listener = self.listener.take();
        let below = self.below.take();
        if let Some((below, listener)) = below.zip(listener) {
            below.remove_listener(&listener);
        }
    }

    /// Calls nghttp2, which may call back into JavaScript.
    pub(super) fn enter<R>(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        body: impl FnOnce(&Library) -> R,
    ) -> R {
        let lent = self.lent.replace(std::ptr::from_mut(scope).cast());
        let result = body(&self.library);
        self.lent.set(lent);
        result
    }

    /// Runs what may call JavaScript in the middle of native work. What that throws waits for [`Http2Session::rethrow`]:
    /// the work goes on, and V8 is not to be used with an exception pending.
    pub(super) fn guarded<R>(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        body: impl FnOnce(&mut v8::PinScope<'_, '_>) -> R,
    ) -> R {
        v8::tc_scope!(let tc, scope);
        let result = body(tc);
        if tc.has_terminated() {
            tc.rethrow();
        } else if let Some(error) = tc.exception() {
            let error = v8::Global::new(tc, error);
            tc.reset();
            self.thrown.borrow_mut().get_or_insert(error);
        }
        result
    }

    /// Throws what JavaScript has thrown meanwhile, at the end of native work. Whether there was something.
    pub(super) fn rethrow(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        let Some(error) = self.thrown.take() else {
            return false;
        };
        let error = v8::Local::new(scope, error);
        scope.throw_exception(error);
        true
    }

    /// Calls a function of the library's for the session.
    pub(super) fn call<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        callback: Callback,
        arguments: &[v8::Local<'s, v8::Value>],
    ) -> Option<v8::Local<'s, v8::Value>> {
        let object = self.object(scope)?;
        let function = state::function(scope, callback)?;
        callback_scope::make_callback(scope, object, function, arguments)
    }

    /// Calls `onSessionInternalError(code, customCode)`.
    pub(super) fn report(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        code: Code,
        custom: Option<&'static str>,
    ) {
        self.guarded(scope, |scope| {
            v8::scope!(let scope, scope);
            let code = v8::Integer::new(scope, code).into();
            let custom = match custom {
                Some(custom) => Env::of(scope).name(scope, custom).into(),
                None => v8::null(scope).into(),
            };
            self.call(scope, Callback::Error, &[code, custom]);
        });
    }

    /// Calls a method that the library has put on the object.
    pub(super) fn call_method(&self, scope: &mut v8::PinScope<'_, '_>, name: &'static str) {
        self.guarded(scope, |scope| {
            v8::scope!(let scope, scope);
            if let Some(object) = self.object(scope) {
                callback_scope::make_named_callback(scope, object, name, &[]);
            }
        });
    }

    /// The stream of a number.
    pub(super) fn find(&self, id: i32) -> Option<Rc<Http2Stream>> {
        let streams = self.streams.borrow();
        streams.get(&id).map(|held| held.stream.clone())
    }

    /// Whether one more stream of the peer's is within the bounds.
    pub(super) fn can_add_stream(&self) -> bool {
        let most = self
            .library
            .local_setting(ng::NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
        let count = u32::try_from(self.streams.borrow().len()).unwrap_or(u32::MAX);
        count < most && self.memory.has_room(size_of::<Http2Stream>())
    }

    /// Keeps a stream.
    pub(super) fn add_stream(&self, held: Held) {
        let mut streams = self.streams.borrow_mut();
        let replaced = streams.insert(held.stream.id, held);
        self.statistics.stream_added(streams.len());
        drop(streams);
        self.memory.take(size_of::<Http2Stream>());
        drop(replaced);
    }

    /// Gives up a stream.
    pub(super) fn remove_stream(&self, id: i32) -> Option<Held> {
        let held = self.streams.borrow_mut().remove(&id)?;
        self.memory.give_back(held.stream.take_header_bytes());
        self.memory.give_back(size_of::<Http2Stream>());
        Some(held)
    }

    /// Runs what queues frames; they are sent in a turn of their own, unless something else sends them before.
    pub(super) fn write_scope(&self, env: &Rc<Env>) -> WriteScope {
        if self.flags.in_scope.get() || self.flags.write_scheduled.get() {
            return WriteScope(None);
        }
        self.flags.in_scope.set(true);
        WriteScope(self.strong().map(|session| (session, env.clone())))
    }

    /// Has what is queued sent in the check phase.
    pub(super) fn schedule_write(&self, env: &Env) {
        if self.flags.write_scheduled.get() || !self.library.wants_write() {
            return;
        }
        let Some(session) = self.strong() else { return };
        self.flags.write_scheduled.set(true);
        env.event_loop.set_immediate(Box::new(move |scope| {
            // It may have been sent since.
            if session.flags.write_scheduled.get() {
                session.send_in_turn(scope);
            }
        }));
    }

    /// Sends on behalf of the session as an async resource: what is called meanwhile may be JavaScript.
    fn send_in_turn(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) {
        let Some(object) = self.object(scope) else {
            return;
        };
        let Some(async_state) = wrap::async_state(scope, object) else {
            return;
        };
        let context = callback_scope::AsyncContext::of(&async_state);
        callback_scope::call_in_scope(scope, object, &context, |scope| {
            self.send_pending(scope);
            if self.rethrow(scope) {
                return None;
            }
            Some(v8::undefined(scope).into())
        });
    }
}

/// See [`Http2Session::write_scope`].
pub(super) struct WriteScope(Option<(Rc<Http2Session>, Rc<Env>)>);

impl Drop for WriteScope {
    fn drop(&mut self) {
        if let Some((session, env)) = self.0.take() {
            session.flags.in_scope.set(false);
            session.schedule_write(&env);
        }
    }
}
