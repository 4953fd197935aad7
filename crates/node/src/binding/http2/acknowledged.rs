//! What waits for the peer's answer: pings and settings. Follows `Http2Ping` and `Http2Settings` of Node's
//! `src/node_http2.cc`.

use std::rc::Rc;

use super::session::Http2Session;
use super::settings::{self, Entries};
use crate::env::Env;
use crate::env::clock::monotonic_nanoseconds;
use crate::js::class::class_template;
use crate::js::{async_wrap, callback_scope, convert};

/// What a session is charged for each.
const SIZE: usize = size_of::<Outstanding>();

/// One that waits: an async resource, and whom it calls.
pub struct Outstanding {
    object: v8::Global<v8::Object>,
    callback: v8::Global<v8::Function>,
    started: u64,
}

/// The native side of its object, which has no methods.
struct Marker;

/// `null` in its place makes the current time the payload of a ping.
pub type Payload = Option<[u8; 8]>;

impl Outstanding {
    fn new(
        scope: &mut v8::PinScope<'_, '_>,
        (class, provider): (&'static str, &'static str),
        callback: v8::Local<'_, v8::Function>,
    ) -> Option<Outstanding> {
        let template = class_template(scope, class)?;
        let object = template.instance_template(scope).new_instance(scope)?;
        async_wrap::wrap_async(scope, object, provider, Marker);
        Some(Outstanding {
            object: v8::Global::new(scope, object),
            callback: v8::Global::new(scope, callback),
            started: monotonic_nanoseconds(&Env::of(scope)),
        })
    }

    /// Nanoseconds since it was sent.
    fn duration(&self, env: &Env) -> u64 {
        monotonic_nanoseconds(env).saturating_sub(self.started)
    }

    /// `callback(acknowledged, milliseconds, payload)`
    fn done(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        session: &Http2Session,
        is_acknowledged: bool,
        payload: Payload,
    ) {
        let duration = self.duration(&Env::of(scope));
        session.guarded(scope, |scope| {
            v8::scope!(let scope, scope);
            let payload = match payload {
                Some(payload) => convert::buffer(scope, payload.to_vec()),
                None => v8::undefined(scope).into(),
            };
            let arguments = [
                v8::Boolean::new(scope, is_acknowledged).into(),
                v8::Number::new(scope, duration as f64 / 1e6).into(),
                payload,
            ];
            let object = v8::Local::new(scope, &self.object);
            let callback = v8::Local::new(scope, &self.callback);
            callback_scope::make_callback(scope, object, callback, &arguments);
        });
    }
}

impl Http2Session {
    /// Sends a ping; false where too many wait already, or there is no memory.
    pub(super) fn add_ping(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        payload: Payload,
        callback: v8::Local<'_, v8::Function>,
    ) -> bool {
        let Some(ping) = Outstanding::new(scope, ("Http2Ping", "HTTP2PING"), callback) else {
            return false;
        };
        let env = Env::of(scope);
        let payload = payload.unwrap_or_else(|| ping.started.to_ne_bytes());
        let sent = self.pings.borrow().len() < self.limits.outstanding_pings && {
            let _scope = self.write_scope(&env);
            self.library.submit_ping(&payload).is_ok()
        };
        if !sent {
            ping.done(scope, self, false, None);
            return false;
        }
        self.memory.take(SIZE);
        self.pings.borrow_mut().push_back(ping);
        true
    }

    /// Sends what the shared array holds; false where too many wait already, or there is no memory.
    pub(super) fn add_settings(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        callback: v8::Local<'_, v8::Function>,
    ) -> bool {
        let class = ("Http2Settings", "HTTP2SETTINGS");
        let Some(waits) = Outstanding::new(scope, class, callback) else {
            return false;
        };
        let env = Env::of(scope);
        let entries = settings::read(&env);
        let has_room = self.settings.borrow().len() < self.limits.outstanding_settings;
        if !(has_room && self.send_settings(&env, &entries)) {
            waits.done(scope, self, false, None);
            return false;
        }
        self.memory.take(SIZE);
        self.settings.borrow_mut().push_back(waits);
        true
    }

    fn send_settings(&self, env: &Rc<Env>, entries: &Entries) -> bool {
        let _scope = self.write_scope(env);
        self.local_settings.borrow_mut().send(entries);
        self.library.submit_settings(entries).is_ok()
    }

    /// The peer has answered the oldest ping; false where there is none.
    pub(super) fn ping_acknowledged(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        payload: [u8; 8],
    ) -> bool {
        let Some(ping) = self.take_ping() else {
            return false;
        };
        self.statistics
            .ping_answered(ping.duration(&Env::of(scope)));
        ping.done(scope, self, true, Some(payload));
        true
    }

    /// The peer has taken the oldest settings; false where there are none.
    pub(super) fn settings_acknowledged(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        let oldest = self.settings.borrow_mut().pop_front();
        let Some(settings) = oldest else {
            return false;
        };
        self.memory.give_back(SIZE);
        settings.done(scope, self, true, None);
        true
    }

    fn take_ping(&self) -> Option<Outstanding> {
        let oldest = self.pings.borrow_mut().pop_front()?;
        self.memory.give_back(SIZE);
        Some(oldest)
    }

    /// Nobody answers the pings any more: who waits is told in a turn of its own.
    pub(super) fn cancel_pings(self: &Rc<Self>, env: &Env) {
        while let Some(ping) = self.take_ping() {
            let session = self.clone();
            env.event_loop.set_immediate(Box::new(move |scope| {
                ping.done(scope, &session, false, None);
                session.rethrow(scope);
            }));
        }
    }
}
