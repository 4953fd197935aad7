//! One stream of a session: a byte stream to JavaScript, frames to nghttp2.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use libnghttp2_sys as ng;

use super::headers::ReceivedHeader;
use super::send::ECANCELED;
use super::session::{Held, Http2Session, Outgoing};
use super::state::{self, Callback};
use super::statistics::StreamStatistics;
use crate::env::Env;
use crate::js::class::class_template;
use crate::js::{async_wrap, callback_scope, wrap};
use crate::stream::{Read, Stream, StreamRequest, StreamResource, UV_EOF};

/// `UV_EPIPE`
const EPIPE: i32 = -32;

/// The most that the headers of a message may take, whatever the settings say.
const MAX_HEADER_BYTES: u32 = 16_777_215;

/// What is known of a stream when it is made, bits.
pub mod option {
    /// There will be no data.
    pub const EMPTY_PAYLOAD: i32 = 1;
    /// Headers may follow the data.
    pub const GET_TRAILERS: i32 = 2;
}

/// Bytes that JavaScript wrote.
struct Chunk {
    bytes: Vec<u8>,
    taken: usize,
    /// The write that ends with the chunk.
    request: Option<Rc<StreamRequest>>,
}

/// What goes into the next frame of a stream.
pub(super) struct Offer {
    /// `NGHTTP2_DATA_FLAG_…`
    pub(super) flags: u32,
    /// How many bytes; none until there is more.
    pub(super) amount: Option<usize>,
}

/// The native side of an `Http2Stream`.
pub struct Http2Stream {
    /// Its number.
    pub id: i32,
    session: RefCell<Weak<Http2Session>>,
    object: v8::Weak<v8::Object>,
    own: RefCell<Weak<Stream>>,
    /// What the headers that come are for.
    category: Cell<u32>,
    headers: RefCell<Vec<ReceivedHeader>>,
    header_bytes: Cell<usize>,
    /// Bytes of headers that JavaScript has got, which count as long as the stream.
    kept_header_bytes: Cell<usize>,
    max_header_bytes: usize,
    max_header_pairs: usize,
    queue: RefCell<VecDeque<Chunk>>,
    /// Bytes of the queue that no frame has been promised.
    outbound: Cell<usize>,
    /// Bytes that came while nobody read.
    unread: Cell<usize>,
    code: Cell<u32>,
    reading: Cell<bool>,
    /// JavaScript writes no more.
    shut: Cell<bool>,
    destroyed: Cell<bool>,
    has_trailers: Cell<bool>,
    pub(super) statistics: StreamStatistics,
}

impl Http2Stream {
    /// A stream of `session` with an object of its own, which the session keeps. `None` where JavaScript can make none.
    pub(super) fn create(
        scope: &mut v8::PinScope<'_, '_>,
        session: &Rc<Http2Session>,
        id: i32,
        category: u32,
        options: i32,
    ) -> Option<Rc<Http2Stream>> {
        let template = class_template(scope, "Http2Stream")?;
        let object = template.instance_template(scope).new_instance(scope)?;
        let env = Env::of(scope);
        let object_ref = v8::Weak::new(scope, object);
        let facts = (id, category, options);
        let stream = Rc::new(Http2Stream::new(&env, session, facts, object_ref));
        async_wrap::wrap_async(scope, object, "HTTP2STREAM", stream.clone());
        let own = Stream::attach(scope, object, stream.clone());
        *stream.own.borrow_mut() = Rc::downgrade(&own);
        session.add_stream(Held {
            stream: stream.clone(),
            object: v8::Global::new(scope, object),
        });
        Some(stream)
    }

    fn new(
        env: &Env,
        session: &Rc<Http2Session>,
        (id, category, options): (i32, u32, i32),
        object: v8::Weak<v8::Object>,
    ) -> Http2Stream {
        let most = session
            .library
            .local_setting(ng::NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
        Http2Stream {
            id,
            session: RefCell::new(Rc::downgrade(session)),
            object,
            own: RefCell::default(),
            category: Cell::new(category),
            headers: RefCell::default(),
            header_bytes: Cell::new(0),
            kept_header_bytes: Cell::new(0),
            max_header_bytes: usize::try_from(most.min(MAX_HEADER_BYTES)).unwrap_or(0),
            max_header_pairs: session.limits.header_pairs,
            queue: RefCell::default(),
            outbound: Cell::new(0),
            unread: Cell::new(0),
            code: Cell::new(ng::NGHTTP2_NO_ERROR),
            reading: Cell::new(false),
            shut: Cell::new(options & option::EMPTY_PAYLOAD != 0),
            destroyed: Cell::new(false),
            has_trailers: Cell::new(options & option::GET_TRAILERS != 0),
            statistics: StreamStatistics::new(env),
        }
    }

    /// Behind a JavaScript value.
    pub fn of(
        scope: &v8::PinScope<'_, '_>,
        value: v8::Local<'_, v8::Value>,
    ) -> Option<Rc<Http2Stream>> {
        Some((*wrap::unwrap::<Rc<Http2Stream>>(scope, value)?).clone())
    }

    /// Its session, as long as it belongs to it.
    pub(super) fn session(&self) -> Option<Rc<Http2Session>> {
        self.session.borrow().upgrade()
    }

    /// The session has given it up. What still waits refers to the stream.
    pub(super) fn detach(&self) {
        self.destroyed.set(true);
        *self.session.borrow_mut() = Weak::new();
        let left = self.queue.take();
        drop(left);
    }

    /// The JavaScript object, unless it was collected.
    pub(super) fn object<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        self.object.to_local(scope)
    }

    /// Whether it is over for JavaScript.
    pub(super) fn is_destroyed(&self) -> bool {
        self.destroyed.get()
    }

    /// Whether JavaScript may still write.
    pub(super) fn is_writable(&self) -> bool {
        !self.shut.get()
    }

    /// Headers are to follow the data.
    pub(super) fn expect_trailers(&self) {
        self.has_trailers.set(true);
    }

    /// What the headers that come are for.
    pub(super) fn category(&self) -> u32 {
        self.category.get()
    }

    /// A message begins.
    pub(super) fn start_headers(&self, category: u32) {
        if let Some(session) = self.session() {
            session.memory.give_back(self.forget_headers());
        }
        self.category.set(category);
    }

    /// Whether a header of so many bytes is within the bounds.
    pub(super) fn has_header_room(&self, bytes: usize) -> bool {
        self.headers.borrow().len() < self.max_header_pairs
            && self.header_bytes.get() + bytes <= self.max_header_bytes
    }

    /// Keeps a header, which counts as so many bytes.
    pub(super) fn add_header(&self, header: ReceivedHeader, bytes: usize) {
        self.headers.borrow_mut().push(header);
        self.header_bytes.set(self.header_bytes.get() + bytes);
    }

    /// Hands over the headers. They count as before: JavaScript has them now.
    pub(super) fn take_headers(&self) -> Vec<ReceivedHeader> {
        let kept = self.kept_header_bytes.get() + self.header_bytes.take();
        self.kept_header_bytes.set(kept);
        self.headers.take()
    }

    /// Drops the headers that have come; how many bytes they counted as.
    pub(super) fn forget_headers(&self) -> usize {
        let headers = self.headers.take();
        drop(headers);
        self.header_bytes.take()
    }

    /// Bytes of headers that the session is still charged for.
    pub(super) fn take_header_bytes(&self) -> usize {
        self.forget_headers() + self.kept_header_bytes.take()
    }

    /// At most how many bytes JavaScript can take next.
    pub(super) fn read_size(&self, suggested: usize) -> usize {
        let own = self.own.borrow().upgrade();
        own.map_or(suggested, |own| own.read_size(suggested))
    }

    /// Tells JavaScript of data or the end.
    pub(super) fn emit(&self, scope: &mut v8::PinScope<'_, '_>, read: Read) {
        let own = self.own.borrow().upgrade();
        if let Some(own) = own {
            own.emit_read(scope, read);
        }
    }

    /// JavaScript has got bytes: the peer may send as many more, once somebody reads.
    pub(super) fn consumed(&self, bytes: usize) {
        if self.reading.get() {
            if let Some(session) = self.session() {
                session.library.consume_stream(self.id, bytes);
            }
        } else {
            self.unread.set(self.unread.get() + bytes);
        }
    }

    /// Bytes that no frame has been promised.
    pub(super) fn outbound_length(&self) -> usize {
        self.outbound.get()
    }

    /// Takes `length` bytes of the queue; false where there are not as many.
    pub(super) fn take_queued(&self, length: usize, outgoing: &mut Outgoing) -> bool {
        let mut queue = self.queue.borrow_mut();
        let mut left = length;
        while left > 0 {
            let Some(chunk) = queue.front_mut() else {
                return false;
            };
            let rest = &chunk.bytes[chunk.taken..];
            let count = rest.len().min(left);
            outgoing.push(&rest[..count]);
            left -= count;
            chunk.taken += count;
            if chunk.taken == chunk.bytes.len()
                && let Some(chunk) = queue.pop_front()
            {
                outgoing.requests.extend(chunk.request);
            }
        }
        true
    }

    /// Takes a chunk without bytes off the head of the queue: its write is done when data is asked for.
    fn take_empty(&self) -> Option<Chunk> {
        let mut queue = self.queue.borrow_mut();
        if queue.front()?.bytes.is_empty() {
            queue.pop_front()
        } else {
            None
        }
    }

    /// nghttp2 says that it is over.
    pub(super) fn closed(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, code: u32) {
        self.code.set(code);
        let Some(object) = self.object(scope) else {
            return;
        };
        let argument = v8::Integer::new_from_unsigned(scope, code).into();
        let answer = state::function(scope, Callback::StreamClose).and_then(|function| {
            callback_scope::make_callback(scope, object, function, &[argument])
        });
        // JavaScript has not got it, or has let it go.
        if answer.is_none_or(|answer| answer.is_false()) {
            self.destroy(scope);
        } else {
            self.end_unsent(&Env::of(scope));
        }
    }

    /// Ends the writes that nobody sends any more, as if they had been sent: the peer has reset the stream without an error.
    /// JavaScript waits for them before it lets go of the stream.
    fn end_unsent(self: &Rc<Self>, env: &Env) {
        if self.queue.borrow().is_empty() {
            return;
        }
        let stream = self.clone();
        env.event_loop.set_immediate(Box::new(move |scope| {
            if !stream.is_destroyed() {
                stream.end_writes(scope, 0);
            }
        }));
    }

    fn end_writes(&self, scope: &mut v8::PinScope<'_, '_>, status: i32) {
        let left = self.queue.take();
        let unsent = self.outbound.take();
        if let Some(session) = self.session() {
            session.memory.give_back(unsent);
        }
        for chunk in left {
            if let Some(request) = chunk.request {
                request.done(scope, status);
            }
        }
    }

    /// `onStreamTrailers()`
    fn want_trailers(&self, scope: &mut v8::PinScope<'_, '_>) {
        if let Some(object) = self.object(scope)
            && let Some(function) = state::function(scope, Callback::StreamTrailers)
        {
            callback_scope::make_callback(scope, object, function, &[]);
        }
    }

    /// Ends it with RST_STREAM, behind what is on its way where that can be.
    pub(super) fn submit_reset(&self, scope: &mut v8::PinScope<'_, '_>, code: u32) {
        let Some(session) = self.session() else {
            return;
        };
        self.code.set(code);
        let env = Env::of(scope);
        let is_cancel = code == ng::NGHTTP2_CANCEL;
        // nghttp2 must not be asked for bytes while it takes some: the stream may be in use.
        let is_taking = session.flags.receiving.get() && self.outbound.get() == 0;
        let is_now = is_cancel || code == ng::NGHTTP2_REFUSED_STREAM;
        let waits = if is_taking || (session.flags.in_scope.get() && is_now) {
            is_cancel
        } else {
            // nghttp2 would send the reset before everything else.
            !session.send_pending(scope)
        };
        if waits {
            session.pending_resets.borrow_mut().push(self.id);
        } else {
            self.flush_reset(&env);
        }
    }

    /// Queues the RST_STREAM.
    pub(super) fn flush_reset(&self, env: &Rc<Env>) {
        let Some(session) = self.session() else {
            return;
        };
        session
            .pending_resets
            .borrow_mut()
            .retain(|id| *id != self.id);
        let _scope = session.write_scope(env);
        // Without memory for it the session ends by the next frame that it needs memory for.
        let _ = session.library.submit_rst_stream(self.id, self.code.get());
    }

    fn flush_pending_reset(&self, session: &Http2Session, env: &Rc<Env>) {
        let is_pending = session.pending_resets.borrow().contains(&self.id);
        if is_pending {
            self.flush_reset(env);
        }
    }

    /// JavaScript has no use for it any more. What is still on its way is let go in a turn of its own.
    pub(super) fn destroy(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) {
        if self.destroyed.replace(true) {
            return;
        }
        let Some(session) = self.session() else {
            return;
        };
        let env = Env::of(scope);
        if session.flags.receiving.get() {
            // What JavaScript wrote before is sent first, when nghttp2 has taken what it is taking.
            let this = self.clone();
            env.event_loop.set_immediate(Box::new(move |scope| {
                this.finish_destroy(&Env::of(scope));
            }));
            return;
        }
        self.finish_destroy(&env);
    }

    fn finish_destroy(self: &Rc<Self>, env: &Rc<Env>) {
        let Some(session) = self.session() else {
            return;
        };
        self.flush_pending_reset(&session, env);
        if let Some(held) = session.remove_stream(self.id) {
            env.event_loop
                .set_immediate(Box::new(move |scope| let_go(scope, &held)));
        }
        let duration = self.statistics.end(env, self.id);
        session.statistics.stream_ended(duration);
    }
}

/// Ends the writes of a stream that is gone.
fn let_go(scope: &mut v8::PinScope<'_, '_>, held: &Held) {
    held.stream.end_writes(scope, ECANCELED);
    held.stream.detach();
    let object = v8::Local::new(scope, &held.object);
    if let Some(state) = wrap::async_state(scope, object) {
        async_wrap::emit_destroy(scope, state.async_id.get());
    }
}

impl Http2Session {
    /// How much of a stream's data goes into a frame of at most `length` bytes; [`Http2Session::take_data`] takes it.
    pub(super) fn offer_data(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        id: i32,
        length: usize,
    ) -> Offer {
        let mut offer = Offer {
            flags: ng::NGHTTP2_DATA_FLAG_NONE,
            amount: None,
        };
        let Some(stream) = self.find(id) else {
            return offer;
        };
        stream.statistics.asked(&Env::of(scope));
        let amount = loop {
            while let Some(chunk) = stream.take_empty() {
                if let Some(request) = chunk.request {
                    self.guarded(scope, |scope| request.done(scope, 0));
                }
            }
            let amount = stream.outbound.get().min(length);
            if amount > 0 || !stream.is_writable() {
                break amount;
            }
            let own = stream.own.borrow().upgrade();
            if let Some(own) = own {
                self.guarded(scope, |scope| own.emit_wants_write(scope, length));
            }
            if stream.outbound.get() == 0 && stream.is_writable() {
                return offer;
            }
        };
        if amount > 0 {
            offer.flags |= ng::NGHTTP2_DATA_FLAG_NO_COPY;
            stream.outbound.set(stream.outbound.get() - amount);
            self.memory.give_back(amount);
        }
        if stream.outbound.get() == 0 && !stream.is_writable() {
            offer.flags |= ng::NGHTTP2_DATA_FLAG_EOF;
            if stream.has_trailers.replace(false) {
                offer.flags |= ng::NGHTTP2_DATA_FLAG_NO_END_STREAM;
                self.guarded(scope, |scope| stream.want_trailers(scope));
            }
        }
        stream.statistics.sent(amount);
        offer.amount = Some(amount);
        offer
    }
}

impl StreamResource for Http2Stream {
    fn read_start(&self, scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> i32 {
        self.reading.set(true);
        if let Some(session) = self.session() {
            let _scope = session.write_scope(&Env::of(scope));
            session.library.consume_stream(self.id, self.unread.take());
        }
        0
    }

    fn read_stop(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> i32 {
        self.reading.set(false);
        0
    }

    fn write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
        bytes: Vec<u8>,
    ) -> i32 {
        let Some(session) = self.session().filter(|_| !self.destroyed.get()) else {
            return UV_EOF;
        };
        if self.shut.get() {
            return UV_EOF;
        }
        let _scope = session.write_scope(&Env::of(scope));
        // As in Node, where it is no request of the loop's: the connection decides.
        request.unref(scope);
        session.memory.take(bytes.len());
        self.outbound.set(self.outbound.get() + bytes.len());
        self.queue.borrow_mut().push_back(Chunk {
            bytes,
            taken: 0,
            request: Some(request),
        });
        session.library.resume_data(self.id);
        0
    }

    fn shutdown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _request: Rc<StreamRequest>,
    ) -> i32 {
        let Some(session) = self.session().filter(|_| !self.destroyed.get()) else {
            return EPIPE;
        };
        let _scope = session.write_scope(&Env::of(scope));
        self.shut.set(true);
        session.library.resume_data(self.id);
        1
    }

    fn is_alive(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> bool {
        !self.destroyed.get()
    }

    fn has_wants_write(&self) -> bool {
        true
    }
}
