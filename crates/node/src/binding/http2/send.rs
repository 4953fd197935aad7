//! To the peer: frames out of nghttp2 into the stream that carries the connection, and the end of a session.

use std::rc::Rc;

use libnghttp2_sys as ng;

use super::frame_ffi::Head;
use super::options::Padding;
use super::session::{Http2Session, Outgoing};
use super::session_ffi::Code;
use super::state::Callback;
use crate::env::Env;
use crate::memory::memory_guard;

/// `UV_ECANCELED`
pub(super) const ECANCELED: i32 = -125;

/// At most so much is gathered before it is written. A session that closes says all that it has.
const BATCH: usize = 1 << 20;

/// What became of a write.
enum Written {
    /// It goes on.
    Later,
    /// It is done, and there may be more to write.
    More,
    /// It is done, and there was no more.
    All,
}

/// The code of HTTP/2 for an error of nghttp2's.
fn http2_code(code: Code) -> u32 {
    match code {
        ng::NGHTTP2_ERR_STREAM_CLOSED => ng::NGHTTP2_STREAM_CLOSED,
        ng::NGHTTP2_ERR_HEADER_COMP => ng::NGHTTP2_COMPRESSION_ERROR,
        ng::NGHTTP2_ERR_FRAME_SIZE_ERROR => ng::NGHTTP2_FRAME_SIZE_ERROR,
        ng::NGHTTP2_ERR_FLOW_CONTROL => ng::NGHTTP2_FLOW_CONTROL_ERROR,
        ng::NGHTTP2_ERR_REFUSED_STREAM => ng::NGHTTP2_REFUSED_STREAM,
        ng::NGHTTP2_ERR_PROTO | ng::NGHTTP2_ERR_HTTP_HEADER | ng::NGHTTP2_ERR_HTTP_MESSAGING => {
            ng::NGHTTP2_PROTOCOL_ERROR
        }
        _ => ng::NGHTTP2_INTERNAL_ERROR,
    }
}

impl Http2Session {
    /// Sends what nghttp2 has queued; false where that has to wait for the end of what is going on.
    pub(super) fn send_pending(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) -> bool {
        // The socket is not to be used any more.
        if self.flags.destroyed.get() {
            return true;
        }
        self.flags.write_scheduled.set(false);
        // Sending may end streams that nghttp2 is taking data of.
        if self.flags.sending.get() || self.flags.receiving.get() || self.library.is_busy() {
            return false;
        }
        while !self.flags.destroyed.get() {
            self.flags.sending.set(true);
            let failed = self.gather(scope).err();
            match self.write_gathered(scope, failed.is_some()) {
                Written::More if !self.flags.sending.get() => {}
                Written::More | Written::Later | Written::All => break,
            }
        }
        self.stop_reading_if_done(scope);
        self.tell_internal_goaway(scope);
        self.consume_waiting(scope);
        true
    }

    /// Has nghttp2 give its bytes; an error is one that it cannot go on after.
    fn gather(&self, scope: &mut v8::PinScope<'_, '_>) -> Result<(), Code> {
        loop {
            let result = self.enter(scope, |library| {
                library.send(|bytes| self.outgoing.borrow_mut().push(bytes))
            });
            match result {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(code) => {
                    self.report(scope, code, None);
                    return Err(code);
                }
            }
            if self.has_batch()? {
                return Ok(());
            }
        }
    }

    /// Whether enough is gathered. A session that closes gathers on, as long as there is memory for it.
    fn has_batch(&self) -> Result<bool, Code> {
        let length = self.outgoing.borrow().length();
        if length < BATCH || !self.flags.closing.get() {
            return Ok(length >= BATCH);
        }
        if memory_guard::admit(length) {
            Ok(false)
        } else {
            Err(ng::NGHTTP2_ERR_NOMEM)
        }
    }

    fn write_gathered(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        has_failed: bool,
    ) -> Written {
        let Some(below) = self.below() else {
            // Taking the bytes has ended the streams that were to end.
            self.clear_outgoing(scope, ECANCELED);
            return Written::All;
        };
        let (bytes, ends) = self.outgoing.borrow_mut().take();
        if bytes.is_empty() {
            self.clear_outgoing(scope, 0);
            return Written::All;
        }
        self.statistics.sent(bytes.len());
        self.flags
            .chunks_sent
            .set(self.flags.chunks_sent.get().saturating_add(1));
        self.flags.write_in_progress.set(true);
        let is_batch = bytes.len() >= BATCH;
        let result = self.guarded(scope, |scope| below.write_pieces(scope, &bytes, &ends));
        if result.is_async {
            return Written::Later;
        }
        self.flags.write_in_progress.set(false);
        self.clear_outgoing(scope, result.error);
        self.tell_graceful_close(scope);
        if is_batch && result.error == 0 && !has_failed {
            Written::More
        } else {
            Written::All
        }
    }

    /// Nothing is on its way any more: whoever waited for that hears of it.
    fn clear_outgoing(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, _status: i32) {
        self.flags.sending.set(false);
        let Outgoing { requests, .. } = self.outgoing.take();
        for request in requests {
            // As in Node: the error of the connection ends the session by other ways.
            self.guarded(scope, |scope| request.done(scope, 0));
        }
        let resets = self.pending_resets.take();
        if resets.is_empty() {
            return;
        }
        self.send_pending(scope);
        let env = Env::of(scope);
        for id in resets {
            if let Some(stream) = self.find(id) {
                stream.flush_reset(&env);
            }
        }
    }

    /// The stream that carries the connection has written what it was given.
    pub(super) fn after_write(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, status: i32) {
        self.tell_graceful_close(scope);
        self.flags.write_in_progress.set(false);
        self.clear_outgoing(scope, status);
        if !self.flags.write_in_progress.get() {
            if self.flags.reading_stopped.get() && self.library.wants_read() {
                self.read_on(scope);
            }
            if self.flags.destroyed.get() {
                self.call_method(scope, "ondone");
                self.read_on(scope);
            } else {
                self.schedule_write(&Env::of(scope));
            }
        }
        self.rethrow(scope);
    }

    /// Reads, at least to see the end of the peer.
    fn read_on(&self, scope: &mut v8::PinScope<'_, '_>) {
        if let Some(below) = self.below() {
            self.flags.reading_stopped.set(false);
            self.guarded(scope, |scope| below.read_start(scope));
        }
    }

    /// A frame is on its way.
    pub(super) fn frame_sent(&self, head: &Head) {
        self.statistics.frame_sent();
        let is_expected = self.flags.closing.get()
            || self.flags.destroyed.get()
            || self.flags.graceful_close.get()
            || self.flags.goaway_initiated.get();
        if head.kind == ng::NGHTTP2_GOAWAY && !is_expected {
            self.flags.internal_goaway.set(true);
        }
    }

    /// nghttp2 has ended the session by itself, and said so to the peer.
    fn tell_internal_goaway(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.flags.internal_goaway.replace(false)
            && !self.flags.closing.get()
            && !self.flags.destroyed.get()
        {
            self.report(scope, ng::NGHTTP2_ERR_PROTO, None);
        }
    }

    /// A frame could not be sent.
    pub(super) fn frame_not_sent(&self, scope: &mut v8::PinScope<'_, '_>, head: &Head, code: Code) {
        let is_closed = matches!(
            code,
            ng::NGHTTP2_ERR_SESSION_CLOSING
                | ng::NGHTTP2_ERR_STREAM_CLOSED
                | ng::NGHTTP2_ERR_STREAM_CLOSING
        );
        if is_closed {
            if let Some(stream) = self.find(head.id).filter(|stream| !stream.is_destroyed()) {
                self.memory.give_back(stream.forget_headers());
            }
            if head.kind != ng::NGHTTP2_GOAWAY {
                return;
            }
        }
        let arguments = [
            v8::Integer::new(scope, head.stream).into(),
            v8::Integer::new_from_unsigned(scope, head.kind).into(),
            v8::Integer::new_from_unsigned(scope, http2_code(code)).into(),
        ];
        self.call(scope, Callback::FrameError, &arguments);
    }

    /// How long a frame becomes with its padding.
    pub(super) fn padded(&self, length: usize, most: usize) -> usize {
        /// Bytes of a frame's head, and what frames are aligned to.
        const HEAD: usize = 9;
        const ALIGNMENT: usize = 8;
        match self.limits.padding {
            Padding::None => length,
            Padding::Max => most,
            Padding::Aligned => ((length + HEAD).next_multiple_of(ALIGNMENT) - HEAD).min(most),
        }
    }

    /// Takes data of a stream into a frame (`Http2Session::offer_data` has said how much).
    pub(super) fn take_data(
        &self,
        id: i32,
        head: &[u8],
        length: usize,
        padding: usize,
    ) -> Result<(), Code> {
        let Some(stream) = self.find(id) else {
            return Ok(());
        };
        let mut outgoing = self.outgoing.borrow_mut();
        outgoing.push(head);
        // The length of the padding counts as a byte of it.
        let padding = padding.checked_sub(1);
        if let Some(padding) = padding {
            let padding = u8::try_from(padding).map_err(|_| ng::NGHTTP2_ERR_CALLBACK_FAILURE)?;
            outgoing.push(&[padding]);
        }
        if !stream.take_queued(length, &mut outgoing) {
            return Err(ng::NGHTTP2_ERR_CALLBACK_FAILURE);
        }
        outgoing.push(&vec![0; padding.unwrap_or(0)]);
        drop(outgoing);
        // nghttp2 would go on with the next frame.
        if self.has_batch()? {
            return Err(ng::NGHTTP2_ERR_PAUSE);
        }
        Ok(())
    }

    /// Whether it has something to send, or waits for something.
    pub(super) fn has_pending_data(&self) -> bool {
        self.library.wants_write() || self.library.wants_read()
    }

    /// One that closes when nothing is left is told that nothing is.
    fn tell_graceful_close(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.flags.graceful_close.get() && !self.has_pending_data() {
            self.call_method(scope, "ongracefulclosecomplete");
        }
    }

    /// Ends the session. What nghttp2 is taking is taken first.
    pub(super) fn close(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        code: u32,
        is_socket_closed: bool,
    ) {
        if self.flags.closing.replace(true) {
            return;
        }
        if self.flags.receiving.get() {
            self.flags.pending_close.set(Some((code, is_socket_closed)));
            return;
        }
        self.finish_close(scope, code, is_socket_closed);
    }

    /// Ends the session that was to be ended in the middle of taking something.
    pub(super) fn finish_pending_close(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) {
        if let Some((code, is_socket_closed)) = self.flags.pending_close.take()
            && !self.flags.destroyed.get()
        {
            self.finish_close(scope, code, is_socket_closed);
        }
    }

    fn finish_close(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        code: u32,
        is_socket_closed: bool,
    ) {
        if let Some(below) = self.below() {
            self.flags.reading_stopped.set(true);
            self.guarded(scope, |scope| below.read_stop(scope));
        }
        if is_socket_closed {
            // What the socket still tells is for whoever had it before.
            self.let_go();
        } else {
            // Without memory for the goodbye there is none.
            let _ = self.library.terminate(code);
            self.send_pending(scope);
        }
        self.flags.destroyed.set(true);
        let env = Env::of(scope);
        // Else the end of the write does it.
        if !self.flags.write_in_progress.get() || self.below().is_none() {
            self.call_method(scope, "ondone");
            self.read_on(scope);
        }
        self.cancel_pings(&env);
        self.statistics.end(&env, self.kind);
    }
}
