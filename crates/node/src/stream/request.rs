//! Writes and shutdowns that end later (Node's `WriteWrap` and `ShutdownWrap`).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::Stream;
use crate::env::Env;
use crate::js::class::class_template;
use crate::js::{async_wrap, callback_scope, wrap};

/// What a request does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestKind {
    /// Writes bytes.
    Write,
    /// Ends the writable side.
    Shutdown,
}

impl RequestKind {
    fn class(self) -> &'static str {
        match self {
            RequestKind::Write => "WriteWrap",
            RequestKind::Shutdown => "ShutdownWrap",
        }
    }

    fn provider(self) -> &'static str {
        match self {
            RequestKind::Write => "WRITEWRAP",
            RequestKind::Shutdown => "SHUTDOWNWRAP",
        }
    }
}

/// The native side of a request object: marks that the object was used.
struct Dispatched(Rc<StreamRequest>);

/// A request in flight. It keeps the event loop alive until it is done, unless it is told not to.
pub struct StreamRequest {
    kind: RequestKind,
    stream: Rc<Stream>,
    /// Until the request is done: the object owns the request.
    object: RefCell<Option<v8::Global<v8::Object>>>,
    finished: Cell<bool>,
    /// Whether it keeps the event loop alive.
    referenced: Cell<bool>,
}

impl StreamRequest {
    /// A request on `stream` under the JavaScript object, or under a new one where native code wants it. `None` where
    /// the object cannot be a request or was one before.
    pub(super) fn new(
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        kind: RequestKind,
        object: Option<v8::Local<'_, v8::Object>>,
    ) -> Option<Rc<StreamRequest>> {
        let object = match object {
            Some(object) => v8::Local::new(scope, object),
            None => new_request_object(scope, kind)?,
        };
        if object.internal_field_count() < wrap::INTERNAL_FIELDS
            || wrap::key(scope, object).is_some()
        {
            return None;
        }
        let request = Rc::new(StreamRequest {
            kind,
            stream: stream.clone(),
            object: RefCell::new(Some(v8::Global::new(scope, object))),
            finished: Cell::new(false),
            referenced: Cell::new(true),
        });
        async_wrap::wrap_async(scope, object, kind.provider(), Dispatched(request.clone()));
        wrap::make_strong(scope, object);
        Env::of(scope).event_loop.add_reference();
        Some(request)
    }

    /// The request behind the JavaScript object `value`.
    pub fn of(
        scope: &v8::PinScope<'_, '_>,
        value: v8::Local<'_, v8::Value>,
    ) -> Option<Rc<StreamRequest>> {
        Some(wrap::unwrap::<Dispatched>(scope, value)?.0.clone())
    }

    /// Lets the event loop end while it is waited for: what it waits for keeps the loop alive where that is to be.
    pub fn unref(&self, scope: &v8::PinScope<'_, '_>) {
        if self.referenced.replace(false) {
            Env::of(scope).event_loop.remove_reference();
        }
    }

    /// What it does.
    pub fn kind(&self) -> RequestKind {
        self.kind
    }

    /// The JavaScript object, until the listeners have heard of the end.
    pub fn object<'s>(&self, scope: &v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
        self.object
            .borrow()
            .as_ref()
            .map(|object| v8::Local::new(scope, object))
    }

    /// Ends the request with `status` and tells the listeners; nothing if it has ended already.
    pub fn done(&self, scope: &mut v8::PinScope<'_, '_>, status: i32) {
        if self.finished.replace(true) {
            return;
        }
        v8::scope!(let scope, scope);
        self.release(scope);
        let stream = self.stream.clone();
        stream.emit_done(scope, self, status);
        let _object = self.object.take();
    }

    /// Ends the request without telling anybody.
    pub(super) fn dispose(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.finished.replace(true) {
            return;
        }
        v8::scope!(let scope, scope);
        self.release(scope);
        let _object = self.object.take();
    }

    fn release(&self, scope: &mut v8::PinScope<'_, '_>) {
        if let Some(object) = self.object(scope) {
            wrap::make_weak(scope, object);
        }
        self.unref(scope);
    }

    /// `req.oncomplete(status, handle, error)`.
    pub(super) fn call_oncomplete(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        status: i32,
    ) {
        v8::scope!(let scope, scope);
        let Some(object) = self.object(scope) else {
            return;
        };
        let handle: v8::Local<v8::Value> = match stream.object(scope) {
            Some(handle) => handle.into(),
            None => v8::undefined(scope).into(),
        };
        let error: v8::Local<v8::Value> = match stream.resource().take_error() {
            Some(text) => crate::js::exception::string(scope, &text).into(),
            None => v8::undefined(scope).into(),
        };
        let status = v8::Integer::new(scope, status).into();
        callback_scope::make_named_callback(scope, object, "oncomplete", &[status, handle, error]);
    }
}

/// A request object that JavaScript did not make.
pub fn new_request_object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    kind: RequestKind,
) -> Option<v8::Local<'s, v8::Object>> {
    let template = class_template(scope, kind.class())?;
    template.instance_template(scope).new_instance(scope)
}
