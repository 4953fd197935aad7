//! The state of a connection, and the way into OpenSSL.

use std::cell::{Cell, RefCell};
use std::ffi::{c_long, c_void};
use std::rc::{Rc, Weak};

use openssl_sys as ossl;

use super::callbacks;
use super::stream::Below;
use crate::binding::crypto::error::{CryptoError, Result, clear_errors};
use crate::binding::crypto::owned_ffi::{Bio, Ssl, SslContext, SslSession};
use crate::binding::crypto::secure_context::SecureContext;
use crate::binding::crypto::tls_ffi;
use crate::js::{async_wrap, wrap};
use crate::stream::{Stream, StreamListener, StreamRequest};

/// Whether a client's first message waits for the program (`resumeSession`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hello {
    /// It is not asked, or has answered.
    Ended,
    /// It is to be asked.
    Expected,
    /// It was asked.
    Asked,
}

/// Whether the choice of a certificate waits for the program (`SNICallback`, `OCSPRequest`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// It is not asked, or has answered.
    Made,
    /// It is to be asked.
    Expected,
    /// It was asked.
    Asked,
}

/// Bytes that JavaScript wrote and OpenSSL has not taken.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) bytes: Vec<u8>,
    pub(super) taken: usize,
}

/// The native side of a `TLSWrap`.
pub struct TlsWrap {
    /// Itself, for what happens later.
    pub(super) this: Weak<TlsWrap>,
    /// Whether it is the server's end.
    pub is_server: bool,
    /// Until `destroySSL`.
    pub(super) ssl: RefCell<Option<Rc<Ssl>>>,
    /// Kept as long as OpenSSL's connection.
    pub(super) contexts: RefCell<Vec<Rc<SecureContext>>>,
    pub(super) below: Rc<Stream>,
    pub(super) listener: RefCell<Option<Rc<dyn StreamListener>>>,
    own: RefCell<Weak<Stream>>,
    /// The scope that was lent to the call of OpenSSL's that is going on, for callbacks.
    pub(super) lent: Cell<*mut c_void>,
    pub(super) busy: Cell<bool>,
    pub(super) cycling: Cell<bool>,
    /// Something was wanted while OpenSSL was busy.
    pub(super) wanted: Cell<bool>,
    pub(super) pending: RefCell<Pending>,
    pub(super) current_write: RefCell<Option<Rc<StreamRequest>>>,
    pub(super) empty_write: RefCell<Option<Rc<StreamRequest>>>,
    /// Whether the write is done when nothing is left of it.
    pub(super) write_scheduled: Cell<bool>,
    pub(super) in_write: Cell<bool>,
    /// Encrypted bytes for the stream below that OpenSSL made while it read: of those that wait there.
    pub(super) answers: Cell<usize>,
    /// Bytes on their way through the stream below.
    pub(super) in_flight: Cell<usize>,
    /// The stream below has taken them, and that is still to be told.
    pub(super) written: Cell<bool>,
    pub(super) earlier_writes: Cell<bool>,
    pub(super) established: Cell<bool>,
    pub(super) ended: Cell<bool>,
    pub(super) shut_down: Cell<bool>,
    /// JavaScript has not stopped it; the stream below may have been reading before.
    pub(super) reading: Cell<bool>,
    pub(super) paused: Cell<bool>,
    pub(super) hello: Cell<Hello>,
    pub(super) choice: Cell<Choice>,
    pub(super) session_callbacks: Cell<bool>,
    pub(super) awaits_new_session: Cell<bool>,
    pub(super) next_session: RefCell<Option<SslSession>>,
    pub(super) ocsp_response: RefCell<Option<Vec<u8>>>,
    pub(super) protocols: RefCell<Vec<u8>>,
    pub(super) asks_for_protocol: Cell<bool>,
    pub(super) error: RefCell<Option<String>>,
}

impl Drop for TlsWrap {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.take() {
            self.below.remove_listener(&listener);
        }
    }
}

impl TlsWrap {
    /// Makes `object` a connection over `below`.
    pub fn create(
        scope: &mut v8::PinScope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
        below: Rc<Stream>,
        secure_context: Rc<SecureContext>,
        is_server: bool,
    ) -> Result<Rc<TlsWrap>> {
        let context = secure_context.context()?;
        callbacks::prepare_context(&context);
        // SAFETY: the context is live; the connection is ours and keeps a reference of the context.
        let ssl = unsafe { Ssl::own(ossl::SSL_new(context.as_ptr())) }
            .ok_or_else(|| CryptoError::capture("SSL_new"))?;
        let wrap = Rc::new_cyclic(|this| TlsWrap::new(this, ssl, secure_context, below, is_server));
        wrap.prepare_connection()?;
        async_wrap::wrap_async(scope, object, "TLSWRAP", wrap.clone());
        let own = Stream::attach(scope, object, wrap.clone());
        *wrap.own.borrow_mut() = Rc::downgrade(&own);
        let listener: Rc<dyn StreamListener> = Rc::new(Below(Rc::downgrade(&wrap)));
        wrap.below.push_listener(listener.clone());
        *wrap.listener.borrow_mut() = Some(listener);
        Ok(wrap)
    }

    fn new(
        this: &Weak<TlsWrap>,
        ssl: Ssl,
        secure_context: Rc<SecureContext>,
        below: Rc<Stream>,
        is_server: bool,
    ) -> TlsWrap {
        TlsWrap {
            this: this.clone(),
            is_server,
            ssl: RefCell::new(Some(Rc::new(ssl))),
            contexts: RefCell::new(vec![secure_context]),
            below,
            listener: RefCell::default(),
            own: RefCell::default(),
            lent: Cell::new(std::ptr::null_mut()),
            busy: Cell::new(false),
            cycling: Cell::new(false),
            wanted: Cell::new(false),
            pending: RefCell::default(),
            current_write: RefCell::default(),
            empty_write: RefCell::default(),
            write_scheduled: Cell::new(false),
            in_write: Cell::new(false),
            answers: Cell::new(0),
            in_flight: Cell::new(0),
            written: Cell::new(false),
            earlier_writes: Cell::new(false),
            established: Cell::new(false),
            ended: Cell::new(false),
            shut_down: Cell::new(false),
            reading: Cell::new(true),
            paused: Cell::new(false),
            hello: Cell::new(Hello::Ended),
            choice: Cell::new(Choice::Made),
            session_callbacks: Cell::new(false),
            awaits_new_session: Cell::new(false),
            next_session: RefCell::default(),
            ocsp_response: RefCell::default(),
            protocols: RefCell::default(),
            asks_for_protocol: Cell::new(false),
            error: RefCell::default(),
        }
    }

    fn prepare_connection(&self) -> Result<()> {
        const MODE: c_long = ossl::SSL_MODE_RELEASE_BUFFERS
            | ossl::SSL_MODE_AUTO_RETRY
            | ossl::SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
        let Some(ssl) = self.ssl() else {
            return Ok(());
        };
        let (input, output) = (Bio::memory()?, Bio::memory()?);
        let raw = ssl.as_ptr();
        // SAFETY: the connection is ours and takes both buffers, whose owners forget them.
        unsafe {
            ossl::SSL_set_bio(raw, input.as_ptr(), output.as_ptr());
            std::mem::forget((input, output));
            ossl::SSL_ctrl(raw, ossl::SSL_CTRL_MODE, MODE, std::ptr::null_mut());
            if self.is_server {
                ossl::SSL_set_accept_state(raw);
            } else {
                ossl::SSL_set_connect_state(raw);
            }
        }
        callbacks::prepare_connection(self, &ssl);
        Ok(())
    }

    /// Behind a JavaScript value.
    pub fn of(
        scope: &v8::PinScope<'_, '_>,
        value: v8::Local<'_, v8::Value>,
    ) -> Option<Rc<TlsWrap>> {
        Some((*wrap::unwrap::<Rc<TlsWrap>>(scope, value)?).clone())
    }

    /// OpenSSL's connection, until it is destroyed.
    pub fn ssl(&self) -> Option<Rc<Ssl>> {
        self.ssl.borrow().clone()
    }

    /// Whether a call of OpenSSL's is going on.
    pub fn is_busy(&self) -> bool {
        self.busy.get()
    }

    /// The stream that JavaScript sees.
    pub fn own_stream(&self) -> Option<Rc<Stream>> {
        self.own.borrow().upgrade()
    }

    /// The JavaScript object, unless it was collected.
    pub fn object<'s>(&self, scope: &v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
        self.own_stream()?.object(scope)
    }

    /// Keeps a context that the connection uses from now on.
    pub fn keep(&self, context: Rc<SecureContext>) {
        let mut contexts = self.contexts.borrow_mut();
        if !contexts.iter().any(|other| Rc::ptr_eq(other, &context)) {
            contexts.push(context);
        }
    }

    /// The context whose store knows the issuers of the peer's certificate.
    pub fn issuers(&self) -> Option<Rc<SslContext>> {
        self.contexts.borrow().last()?.context().ok()
    }

    /// Whether the stream below still has writes of its former owner's, which come first.
    pub fn set_earlier_writes(&self, there: bool) {
        self.earlier_writes.set(there);
    }

    /// Whether the end of a write of the stream below is not that of one of ours.
    pub fn is_foreign_write(&self) -> bool {
        self.earlier_writes.get()
            || (self.in_flight.get() == 0 && self.empty_write.borrow().is_none())
    }

    /// Calls OpenSSL, which may call back into JavaScript. `None` after `destroySSL`.
    pub fn enter<R>(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        body: impl FnOnce(*mut ossl::SSL) -> R,
    ) -> Option<R> {
        let ssl = self.ssl()?;
        let lent = self.lent.replace(std::ptr::from_mut(scope).cast());
        let busy = self.busy.replace(true);
        clear_errors();
        let result = body(ssl.as_ptr());
        self.busy.set(busy);
        self.lent.set(lent);
        Some(result)
    }

    fn waiting(&self, bio: unsafe extern "C" fn(*const ossl::SSL) -> *mut ossl::BIO) -> usize {
        // SAFETY: the connection is held, and its buffers live as long.
        self.ssl().map_or(0, |ssl| unsafe {
            tls_ffi::BIO_ctrl_pending(bio(ssl.as_ptr()))
        })
    }

    /// Encrypted bytes that OpenSSL has not read.
    pub fn input_waiting(&self) -> usize {
        self.waiting(ossl::SSL_get_rbio)
    }

    /// Encrypted bytes for the stream below.
    pub fn output_waiting(&self) -> usize {
        self.waiting(ossl::SSL_get_wbio)
    }

    /// Encrypted bytes that have not left.
    pub fn queue_size(&self) -> usize {
        self.output_waiting() + self.in_flight.get()
    }
}
