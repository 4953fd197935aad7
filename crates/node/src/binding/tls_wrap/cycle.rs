//! The cycle that moves the bytes of a connection.

use std::ffi::c_int;
use std::rc::Rc;

use openssl_sys as ossl;

use super::callbacks;
use super::connection::{Pending, TlsWrap};
use crate::binding::crypto::error::clear_errors;
use crate::binding::crypto::tls_ffi::TlsError;
use crate::env::Env;
use crate::js::{convert, exception};
use crate::stream::{Read, StreamRequest, UV_EOF};

/// `UV_EPROTO`, `UV_ECANCELED`
const EPROTO: i32 = -71;
const ECANCELED: i32 = -125;

/// A record of TLS holds no more.
const RECORD: usize = 16_384;

/// At most so much of a write is given to OpenSSL before what it made of it has gone to the stream below.
const CHUNK: usize = 262_144;

/// So much of a peer's input may wait for a decision of the program, and so much of what a peer made OpenSSL answer may
/// wait for the stream below; beyond it nothing is read.
const WAITING: usize = 131_072;

/// What became of a call of OpenSSL's.
enum Outcome {
    /// So many bytes.
    Bytes(usize),
    /// The peer has said that it ends.
    Closed,
    /// It goes on when there is more to read, or the program has answered.
    Blocked,
    /// The connection is broken.
    Failed(TlsError),
}

impl TlsWrap {
    /// Takes encrypted bytes of the peer's.
    pub fn take_input(&self, scope: &mut v8::PinScope<'_, '_>, bytes: &[u8]) {
        let Some(ssl) = self.ssl() else { return };
        let length = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
        // SAFETY: pointer and length are those of the slice; the buffer belongs to the connection.
        unsafe {
            ossl::BIO_write(
                ossl::SSL_get_rbio(ssl.as_ptr()),
                bytes.as_ptr().cast(),
                length,
            )
        };
        self.cycle(scope);
        self.pause(scope);
    }

    /// Moves whatever can be moved. Called in the middle of that it has it done once more.
    pub fn cycle(&self, scope: &mut v8::PinScope<'_, '_>) {
        self.wanted.set(true);
        self.settle(scope);
    }

    /// Does what was wanted meanwhile.
    pub fn settle(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.busy.get() || self.cycling.replace(true) {
            return;
        }
        while self.wanted.replace(false) {
            self.clear_in(scope);
            self.clear_out(scope);
            self.encrypted_out(scope);
        }
        self.cycling.set(false);
        self.unpause(scope);
    }

    /// What the program itself wrote does not count: a peer that waits with reading until it has been read would wait
    /// for ever.
    fn has_too_much(&self) -> bool {
        self.input_waiting() > WAITING || self.answers.get() > WAITING
    }

    /// Stops reading below while too much waits.
    fn pause(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.ssl().is_some()
            && !self.ended.get()
            && self.has_too_much()
            && !self.paused.replace(true)
        {
            self.below.read_stop(scope);
        }
    }

    /// Reads on when what waited has gone.
    fn unpause(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.paused.get() && self.ssl().is_some() && !self.has_too_much() {
            self.paused.set(false);
            if self.reading.get() && !self.ended.get() {
                self.below.read_start(scope);
            }
        }
    }

    /// Whether reading below waits for what has come.
    pub fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// From OpenSSL to JavaScript.
    pub fn clear_out(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.busy.get() {
            self.wanted.set(true);
            return;
        }
        let mut bytes = [0u8; RECORD];
        while !self.ended.get() {
            let Some(outcome) = self.read(scope, &mut bytes) else {
                return;
            };
            match outcome {
                Outcome::Bytes(count) => self.emit_data(scope, &bytes[..count]),
                Outcome::Blocked => return,
                Outcome::Closed => {
                    self.ended.set(true);
                    self.emit(scope, Read::End(UV_EOF));
                }
                Outcome::Failed(error) => {
                    // An alert for the peer goes before the end.
                    if self.output_waiting() > 0 {
                        self.encrypted_out(scope);
                    }
                    self.report(scope, &error);
                    return;
                }
            }
        }
    }

    fn read(&self, scope: &mut v8::PinScope<'_, '_>, bytes: &mut [u8; RECORD]) -> Option<Outcome> {
        let before = self.output_waiting();
        let outcome = self.enter(scope, |ssl| {
            let length = c_int::try_from(RECORD).unwrap_or(0);
            // SAFETY: pointer and length are those of the array.
            let count = unsafe { ossl::SSL_read(ssl, bytes.as_mut_ptr().cast(), length) };
            Outcome::of(ssl, count)
        });
        let answered = self.output_waiting().saturating_sub(before);
        self.answers.set(self.answers.get() + answered);
        outcome
    }

    fn emit_data(&self, scope: &mut v8::PinScope<'_, '_>, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(own) = self.own_stream() else { return };
            let (head, tail) = rest.split_at(own.read_size(rest.len()).min(rest.len()));
            own.emit_read(scope, Read::Data(head.to_vec()));
            if self.ssl().is_none() {
                return;
            }
            rest = tail;
        }
    }

    /// Tells JavaScript of data or the end.
    pub fn emit(&self, scope: &mut v8::PinScope<'_, '_>, read: Read) {
        if let Some(own) = self.own_stream() {
            own.emit_read(scope, read);
        }
    }

    /// `onerror(error)`
    fn report(&self, scope: &mut v8::PinScope<'_, '_>, error: &TlsError) {
        v8::scope!(let scope, scope);
        let message = exception::string(scope, &error.message);
        let value = v8::Exception::error(scope, message);
        if let Ok(object) = v8::Local::<v8::Object>::try_from(value) {
            let code = error
                .reason
                .as_ref()
                .map(|reason| format!("ERR_SSL_{}", reason.to_ascii_uppercase().replace(' ', "_")));
            for (key, text) in [
                ("library", &error.library),
                ("reason", &error.reason),
                ("code", &code),
            ] {
                if let Some(text) = text {
                    let text = exception::string(scope, text).into();
                    convert::set(scope, object, key, text);
                }
            }
        }
        callbacks::call(self, scope, "onerror", &[value]);
    }

    /// From JavaScript to OpenSSL.
    fn clear_in(&self, scope: &mut v8::PinScope<'_, '_>) {
        if let Some(Outcome::Failed(error)) = self.write_pending(scope) {
            self.write_scheduled.set(true);
            self.finish_write(scope, EPROTO, Some(error.message));
        }
    }

    /// Gives OpenSSL the next piece of what was written; `None` where there is none, or it cannot be done now.
    fn write_pending(&self, scope: &mut v8::PinScope<'_, '_>) -> Option<Outcome> {
        if self.busy.get() {
            self.wanted.set(true);
            return None;
        }
        // Taken out: JavaScript may run inside.
        let mut pending = self.pending.take();
        let rest = pending
            .bytes
            .get(pending.taken..)
            .filter(|rest| !rest.is_empty())?;
        let piece = &rest[..rest.len().min(CHUNK)];
        let outcome = self.enter(scope, |ssl| {
            let length = c_int::try_from(piece.len()).unwrap_or(0);
            // SAFETY: pointer and length are those of the slice.
            let count = unsafe { ossl::SSL_write(ssl, piece.as_ptr().cast(), length) };
            Outcome::of(ssl, count)
        })?;
        match &outcome {
            Outcome::Bytes(count) => pending.taken += count,
            Outcome::Failed(_) => return Some(outcome),
            Outcome::Blocked | Outcome::Closed => {}
        }
        if self.ssl().is_some() && pending.taken < pending.bytes.len() {
            *self.pending.borrow_mut() = pending;
        }
        Some(outcome)
    }

    fn has_pending(&self) -> bool {
        !self.pending.borrow().bytes.is_empty()
    }

    /// From OpenSSL to the stream below.
    pub fn encrypted_out(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.in_flight.get() != 0 || self.awaits_new_session.get() || self.earlier_writes.get() {
            return;
        }
        if self.established.get() && self.current_write.borrow().is_some() {
            self.write_scheduled.set(true);
        }
        if self.ssl().is_none() {
            return;
        }
        let bytes = self.take_output();
        if bytes.is_empty() {
            if !self.has_pending() {
                if self.in_write.get() {
                    self.later(scope, |this, scope| this.finish_write(scope, 0, None));
                } else {
                    self.finish_write(scope, 0, None);
                }
            }
            return;
        }
        self.in_flight.set(bytes.len());
        let result = self.below.write(scope, bytes.into(), None);
        if result.error != 0 {
            self.finish_write(scope, result.error, None);
        } else if !result.is_async {
            self.written.set(true);
            self.later(scope, |this, scope| this.after_write(scope, 0));
        }
    }

    fn take_output(&self) -> Vec<u8> {
        let Some(ssl) = self.ssl() else {
            return Vec::new();
        };
        let mut bytes = vec![0; self.output_waiting()];
        self.answers.set(0);
        let length = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
        // SAFETY: pointer and length are those of the vector; the buffer belongs to the connection.
        let count = unsafe {
            ossl::BIO_read(
                ossl::SSL_get_wbio(ssl.as_ptr()),
                bytes.as_mut_ptr().cast(),
                length,
            )
        };
        bytes.truncate(usize::try_from(count).unwrap_or(0));
        bytes
    }

    /// The stream below has written what it was given.
    pub fn after_write(&self, scope: &mut v8::PinScope<'_, '_>, status: i32) {
        self.written.set(false);
        if let Some(request) = self.empty_write.take() {
            request.done(scope, status);
            return;
        }
        let status = if self.ssl().is_none() {
            ECANCELED
        } else {
            status
        };
        if status != 0 {
            if !self.shut_down.get() {
                self.finish_write(scope, status, None);
            }
            return;
        }
        self.clear_in(scope);
        self.in_flight.set(0);
        self.encrypted_out(scope);
        self.settle(scope);
        self.unpause(scope);
    }

    /// Ends the write that JavaScript waits for, once all of it has gone.
    fn finish_write(&self, scope: &mut v8::PinScope<'_, '_>, status: i32, error: Option<String>) {
        if !self.write_scheduled.get() {
            return;
        }
        let request = self.current_write.take();
        if let Some(request) = request {
            *self.error.borrow_mut() = error;
            request.done(scope, status);
        }
    }

    /// Text of the last error.
    pub fn take_error(&self) -> Option<String> {
        self.error.take()
    }

    /// Takes a write of JavaScript's; 0, or an error with which it was not taken.
    pub fn start_write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        request: Rc<StreamRequest>,
        bytes: Vec<u8>,
    ) -> i32 {
        if self.ssl().is_none() {
            *self.error.borrow_mut() = Some("Write after DestroySSL".to_owned());
            return EPROTO;
        }
        if bytes.is_empty() {
            self.clear_out(scope);
            if self.ssl().is_some() && self.output_waiting() == 0 {
                return self.write_nothing(scope, request);
            }
        }
        // The library has one write at a time.
        if self.current_write.borrow().is_some() {
            return EPROTO;
        }
        // As in Node, where it is no request of the loop's: while a handshake waits, the stream below decides.
        request.unref(scope);
        *self.current_write.borrow_mut() = Some(request);
        *self.pending.borrow_mut() = Pending { bytes, taken: 0 };
        self.in_write.set(true);
        let failed = matches!(self.write_pending(scope), Some(Outcome::Failed(_)));
        if failed {
            let _request = self.current_write.take();
        } else {
            self.encrypted_out(scope);
        }
        self.in_write.set(false);
        self.settle(scope);
        if failed { EPROTO } else { 0 }
    }

    /// A write of nothing goes to the stream below for what it sets off there.
    fn write_nothing(&self, scope: &mut v8::PinScope<'_, '_>, request: Rc<StreamRequest>) -> i32 {
        if self.empty_write.borrow().is_some() {
            return EPROTO;
        }
        *self.empty_write.borrow_mut() = Some(request);
        if !self.below.write(scope, (&[]).into(), None).is_async {
            self.later(scope, |this, scope| this.after_write(scope, 0));
        }
        0
    }

    /// Tells the peer that nothing more comes.
    pub fn say_goodbye(&self, scope: &mut v8::PinScope<'_, '_>) {
        if !self.busy.get() {
            self.enter(scope, |ssl| {
                // SAFETY: the connection is live. 0 means that the peer's goodbye is missing.
                unsafe {
                    if ossl::SSL_shutdown(ssl) == 0 {
                        ossl::SSL_shutdown(ssl);
                    }
                }
                clear_errors();
            });
        }
        self.shut_down.set(true);
        self.encrypted_out(scope);
    }

    /// `destroySSL()`: the connection ends here.
    pub fn destroy(&self, scope: &mut v8::PinScope<'_, '_>) {
        // The stream below has all of it, and only the turn in which that is told has not come.
        let is_done = self.written.take() && !self.has_pending() && self.output_waiting() == 0;
        let Some(ssl) = self.ssl.take() else { return };
        if let Some(listener) = self.listener.take() {
            self.below.remove_listener(&listener);
        }
        let _pending = self.pending.take();
        self.write_scheduled.set(true);
        if is_done {
            self.finish_write(scope, 0, None);
        } else {
            let text = "Canceled because of SSL destruction".to_owned();
            self.finish_write(scope, ECANCELED, Some(text));
        }
        if let Some(request) = self.empty_write.take() {
            request.done(scope, ECANCELED);
        }
        let _session = self.next_session.take();
        drop(ssl);
        if !self.busy.get() {
            let _contexts = self.contexts.take();
        }
    }

    /// Calls `body` in a turn of its own.
    fn later(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        body: impl FnOnce(&Rc<TlsWrap>, &mut v8::PinScope<'_, '_>) + 'static,
    ) {
        let Some(this) = self.this.upgrade() else {
            return;
        };
        Env::of(scope)
            .event_loop
            .defer(Box::new(move |scope| body(&this, scope)));
    }
}

impl Outcome {
    /// What `count`, the result of a call on `ssl`, means.
    fn of(ssl: *mut ossl::SSL, count: c_int) -> Outcome {
        if let Ok(count @ 1..) = usize::try_from(count) {
            return Outcome::Bytes(count);
        }
        // SAFETY: the caller holds the connection; nothing was called since.
        match unsafe { ossl::SSL_get_error(ssl, count) } {
            ossl::SSL_ERROR_ZERO_RETURN => Outcome::Closed,
            ossl::SSL_ERROR_SSL | ossl::SSL_ERROR_SYSCALL => Outcome::Failed(TlsError::take()),
            _ => Outcome::Blocked,
        }
    }
}
