//! From the peer: bytes into nghttp2, frames out of it into JavaScript.

use std::rc::{Rc, Weak};

use libnghttp2_sys as ng;

use super::frame_ffi::{Head, Payload};
use super::headers::{self, ReceivedHeader};
use super::session::Http2Session;
use super::session_ffi::{Code, is_fatal};
use super::state::{Callback, bit};
use super::stream::Http2Stream;
use crate::env::Env;
use crate::js::convert;
use crate::stream::{Read, Stream, StreamListener, StreamRequest, UV_EOF};

/// What a callback of nghttp2's ends with: an error goes back into the library.
type Answer = Result<(), Code>;

/// The stream ends, the session goes on.
const STREAM_REFUSED: Answer = Err(ng::NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);

/// The session ends.
const SESSION_REFUSED: Answer = Err(ng::NGHTTP2_ERR_CALLBACK_FAILURE);

/// So much may wait for the peer before it is sent in the middle of taking data.
const ENOUGH: usize = 4096;

/// Listens to the stream that carries the connection.
pub(super) struct Below(pub(super) Weak<Http2Session>);

impl StreamListener for Below {
    fn on_read(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        at: usize,
        read: Read,
    ) {
        match (self.0.upgrade(), read) {
            (Some(session), Read::Data(bytes)) => session.take_input(scope, bytes),
            (Some(session), read @ Read::End(_)) => {
                let env = Env::of(scope);
                let _scope = session.write_scope(&env);
                stream.pass_read(scope, at, read);
            }
            (None, read) => stream.pass_read(scope, at, read),
        }
    }

    fn on_after_write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        at: usize,
        request: &StreamRequest,
        status: i32,
    ) {
        match self.0.upgrade() {
            Some(session) if session.flags.write_in_progress.get() => {
                session.after_write(scope, status)
            }
            // A write from before the session had the stream.
            _ => stream.pass_after_write(scope, at, request, status),
        }
    }

    fn on_destroy(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) {
        if let Some(session) = self.0.upgrade() {
            session.let_go();
        }
    }
}

impl Http2Session {
    /// Takes bytes of the peer's. In the middle of another call of nghttp2's they wait for its end.
    pub(super) fn take_input(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, bytes: Vec<u8>) {
        let env = Env::of(scope);
        self.memory.take(bytes.len());
        self.statistics.received(bytes.len());
        if self.library.is_busy() {
            self.waiting.borrow_mut().push_back(bytes);
            return;
        }
        {
            let _scope = self.write_scope(&env);
            self.consume_input(scope, bytes);
            self.consume_waiting(scope);
            self.stop_reading_if_done(scope);
        }
        self.rethrow(scope);
    }

    /// Takes what came while nghttp2 was busy.
    pub(super) fn consume_waiting(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) {
        // Taking it sends, after which it is asked again.
        if self.flags.consuming.replace(true) {
            return;
        }
        while !self.library.is_busy() {
            let next = self.waiting.borrow_mut().pop_front();
            let Some(bytes) = next else { break };
            self.consume_input(scope, bytes);
        }
        self.flags.consuming.set(false);
    }

    fn consume_input(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, bytes: Vec<u8>) {
        self.flags.receive_error.set(None);
        self.flags.receiving.set(true);
        let result = self.enter(scope, |library| library.receive(&bytes));
        self.flags.receiving.set(false);
        self.memory.give_back(bytes.len());
        drop(bytes);
        self.finish_pending_close(scope);
        match result {
            Ok(_) if !self.flags.destroyed.get() => {
                self.send_pending(scope);
            }
            Ok(_) => {}
            Err(code) => self.report(scope, code, self.flags.receive_error.take()),
        }
    }

    /// Stops reading what nghttp2 does not want any more. One that closes goes on, to see the end of the peer.
    pub(super) fn stop_reading_if_done(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.flags.reading_stopped.get() || self.flags.closing.get() || self.library.wants_read()
        {
            return;
        }
        if let Some(below) = self.below() {
            self.flags.reading_stopped.set(true);
            self.guarded(scope, |scope| below.read_stop(scope));
        }
    }

    /// A message begins: of a new stream, or more headers of one.
    pub(super) fn begin_headers(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        head: &Head,
    ) -> Answer {
        if let Some(stream) = self.find(head.id) {
            if !stream.is_destroyed() {
                stream.start_headers(head.category);
            }
            return Ok(());
        }
        if self.flags.closing.get() {
            // JavaScript takes no more streams.
            return self.refuse_stream(head.id, ng::NGHTTP2_REFUSED_STREAM);
        }
        let made = self.can_add_stream()
            && Http2Stream::create(scope, self, head.id, head.category, 0).is_some();
        if made {
            self.flags.rejected_streams.set(0);
            return Ok(());
        }
        let rejected = self.flags.rejected_streams.get();
        self.flags.rejected_streams.set(rejected.saturating_add(1));
        if rejected > self.fields.max_rejected_streams() {
            return SESSION_REFUSED;
        }
        self.refuse_stream(head.id, ng::NGHTTP2_ENHANCE_YOUR_CALM)
    }

    fn refuse_stream(&self, id: i32, code: u32) -> Answer {
        self.library.submit_rst_stream(id, code)?;
        STREAM_REFUSED
    }

    /// A header of the message that has begun.
    pub(super) fn add_header(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        head: &Head,
        (name, value): (&[u8], &[u8]),
        flags: u8,
    ) -> Answer {
        // Closed while the message came.
        let Some(stream) = self.find(head.id) else {
            return STREAM_REFUSED;
        };
        if stream.is_destroyed() || name.is_empty() {
            return Ok(());
        }
        let length = name.len() + value.len() + ReceivedHeader::OVERHEAD;
        if !self.memory.has_room(length) || !stream.has_header_room(length) {
            stream.submit_reset(scope, ng::NGHTTP2_ENHANCE_YOUR_CALM);
            return STREAM_REFUSED;
        }
        stream.statistics.header_received(&Env::of(scope));
        stream.add_header(ReceivedHeader::new(name, value, flags), length);
        self.memory.take(length);
        Ok(())
    }

    /// A frame is complete.
    pub(super) fn frame_received(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        head: &Head,
        payload: Payload<'_>,
    ) -> Answer {
        self.statistics.frame_received();
        match payload {
            Payload::Data => return self.data_frame(scope, head),
            Payload::Headers => self.headers_frame(scope, head),
            Payload::Settings(entries) => self.settings_frame(scope, head, entries),
            Payload::Priority(spec) => self.priority_frame(scope, head, spec),
            Payload::Goaway(code, last, data) => self.goaway_frame(scope, code, last, data),
            Payload::Ping(payload) => self.ping_frame(scope, head, payload),
            Payload::AltSvc(origin, value) => self.altsvc_frame(scope, head, origin, value),
            Payload::Origin(origins) => self.origin_frame(scope, &origins),
            Payload::Other => {}
        }
        Ok(())
    }

    fn data_frame(&self, scope: &mut v8::PinScope<'_, '_>, head: &Head) -> Answer {
        let stream = self.find(head.id).filter(|stream| !stream.is_destroyed());
        if let Some(stream) = stream
            && head.has(ng::NGHTTP2_FLAG_END_STREAM)
        {
            stream.emit(scope, Read::End(UV_EOF));
        } else if head.length == 0 {
            // Frames without anything cost more than they say.
            return self.count_invalid_frame();
        }
        Ok(())
    }

    fn count_invalid_frame(&self) -> Answer {
        let count = self.flags.invalid_frames.get();
        self.flags.invalid_frames.set(count.saturating_add(1));
        if count > self.fields.max_invalid_frames() {
            self.flags
                .receive_error
                .set(Some("ERR_HTTP2_TOO_MANY_INVALID_FRAMES"));
            return SESSION_REFUSED;
        }
        Ok(())
    }

    fn headers_frame(&self, scope: &mut v8::PinScope<'_, '_>, head: &Head) {
        let stream = self.find(head.id).filter(|stream| !stream.is_destroyed());
        let Some(stream) = stream else { return };
        let Some(object) = stream.object(scope) else {
            return;
        };
        let received = stream.take_headers();
        let [all, sensitive] = headers::arrays(scope, &received);
        let arguments = [
            object.into(),
            v8::Integer::new(scope, head.id).into(),
            v8::Integer::new_from_unsigned(scope, stream.category()).into(),
            v8::Integer::new_from_unsigned(scope, head.flags.into()).into(),
            all,
            sensitive,
        ];
        self.call(scope, Callback::Headers, &arguments);
    }

    fn settings_frame(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        head: &Head,
        entries: &[ng::nghttp2_settings_entry],
    ) {
        if head.has(ng::NGHTTP2_FLAG_ACK) {
            if !self.settings_acknowledged(scope) {
                // Of nothing.
                self.report(scope, ng::NGHTTP2_ERR_PROTO, None);
            }
            return;
        }
        self.fields.clear(bit::REMOTE_SETTINGS_UP_TO_DATE);
        self.remote_settings.borrow_mut().receive(entries);
        if self.fields.has(bit::HAS_REMOTE_SETTINGS_LISTENERS) {
            self.call(scope, Callback::Settings, &[]);
        }
    }

    fn priority_frame(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        head: &Head,
        spec: ng::nghttp2_priority_spec,
    ) {
        if !self.fields.has_priority_listeners() {
            return;
        }
        let arguments = [
            v8::Integer::new(scope, head.id).into(),
            v8::Integer::new(scope, spec.stream_id).into(),
            v8::Integer::new(scope, spec.weight).into(),
            v8::Boolean::new(scope, spec.exclusive != 0).into(),
        ];
        self.call(scope, Callback::Priority, &arguments);
    }

    fn goaway_frame(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        code: u32,
        last_stream: i32,
        data: &[u8],
    ) {
        let data = if data.is_empty() {
            v8::undefined(scope).into()
        } else {
            convert::buffer(scope, data.to_vec())
        };
        let arguments = [
            v8::Integer::new_from_unsigned(scope, code).into(),
            v8::Integer::new(scope, last_stream).into(),
            data,
        ];
        self.call(scope, Callback::Goaway, &arguments);
    }

    fn ping_frame(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        head: &Head,
        payload: [u8; 8],
    ) {
        if head.has(ng::NGHTTP2_FLAG_ACK) {
            if !self.ping_acknowledged(scope, payload) {
                // Of nothing.
                self.report(scope, ng::NGHTTP2_ERR_PROTO, None);
            }
        } else if self.fields.has(bit::HAS_PING_LISTENERS) {
            let payload = convert::buffer(scope, payload.to_vec());
            self.call(scope, Callback::Ping, &[payload]);
        }
    }

    fn altsvc_frame(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        head: &Head,
        origin: &[u8],
        value: &[u8],
    ) {
        if !self.fields.has(bit::HAS_ALTSVC_LISTENERS) {
            return;
        }
        let arguments = [
            v8::Integer::new(scope, head.id).into(),
            headers::string(scope, origin, v8::NewStringType::Normal),
            headers::string(scope, value, v8::NewStringType::Normal),
        ];
        self.call(scope, Callback::AltSvc, &arguments);
    }

    fn origin_frame(&self, scope: &mut v8::PinScope<'_, '_>, origins: &[&[u8]]) {
        let origins: Vec<_> = origins
            .iter()
            .map(|origin| headers::string(scope, origin, v8::NewStringType::Normal))
            .collect();
        let origins = v8::Array::new_with_elements(scope, &origins).into();
        self.call(scope, Callback::Origin, &[origins]);
    }

    /// Data of a stream: part of a frame, or all of it.
    pub(super) fn data_received(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        id: i32,
        data: &[u8],
    ) -> Answer {
        if data.is_empty() {
            return Ok(());
        }
        // The window of the connection grows at once; that of the stream as it is read.
        self.library.consume_connection(data.len())?;
        let Some(stream) = self.find(id) else {
            return Ok(());
        };
        if stream.is_destroyed() {
            return Ok(());
        }
        stream.statistics.received(&Env::of(scope), data.len());
        let mut rest = data;
        while !rest.is_empty() && !stream.is_destroyed() {
            let (piece, after) = rest.split_at(stream.read_size(rest.len()).min(rest.len()));
            rest = after;
            self.guarded(scope, |scope| {
                stream.emit(scope, Read::Data(piece.to_vec()));
            });
            if stream.is_destroyed() {
                break;
            }
            stream.consumed(piece.len());
            if self.outgoing.borrow().length() > ENOUGH || stream.outbound_length() > ENOUGH {
                self.send_pending(scope);
            }
        }
        Ok(())
    }

    /// A frame that should not have been.
    pub(super) fn invalid_frame(&self, scope: &mut v8::PinScope<'_, '_>, code: Code) -> Answer {
        self.count_invalid_frame()?;
        // nghttp2 has queued its goodbye in these cases; the library has to let go of the session.
        let ends = matches!(
            code,
            ng::NGHTTP2_ERR_STREAM_CLOSED | ng::NGHTTP2_ERR_FLOW_CONTROL | ng::NGHTTP2_ERR_PROTO
        );
        if ends || is_fatal(code) {
            self.report(scope, code, None);
        }
        Ok(())
    }

    /// What nghttp2 complains of: here, that the peer speaks something else.
    pub(super) fn library_error(&self, scope: &mut v8::PinScope<'_, '_>, code: Code) {
        if code == ng::NGHTTP2_ERR_SETTINGS_EXPECTED {
            self.report(scope, ng::NGHTTP2_ERR_PROTO, None);
        }
    }

    /// A stream is over.
    pub(super) fn stream_closed(&self, scope: &mut v8::PinScope<'_, '_>, id: i32, code: u32) {
        if let Some(stream) = self.find(id).filter(|stream| !stream.is_destroyed()) {
            stream.closed(scope, code);
        }
    }
}
