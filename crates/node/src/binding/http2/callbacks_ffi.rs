//! What nghttp2 calls.
//!
//! Each callback finds its session by the pointer that nghttp2's session carries, and the scope that was lent to the call
//! that is going on (`Http2Session::enter`). A panic of ours ends the callback with a refusal of everything.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;
use std::rc::Rc;

use libnghttp2_sys as ng;

use super::frame_ffi::{Head, Payload, slice};
use super::session::Http2Session;
use crate::callback::contain_bare;

/// What a callback returns that does not go on.
const REFUSED: c_int = ng::NGHTTP2_ERR_CALLBACK_FAILURE;

/// The set of callbacks of a session.
pub struct Callbacks(NonNull<ng::nghttp2_session_callbacks>);

impl Drop for Callbacks {
    fn drop(&mut self) {
        // SAFETY: this is the only owner.
        unsafe { ng::nghttp2_session_callbacks_del(self.0.as_ptr()) };
    }
}

impl Callbacks {
    /// All of them; padding is asked for only where there is some.
    pub fn new(pads: bool) -> Result<Callbacks, c_int> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: writes the pointer.
        unsafe { ng::nghttp2_session_callbacks_new(&mut raw) };
        let raw = NonNull::new(raw).ok_or(ng::NGHTTP2_ERR_NOMEM)?;
        let callbacks = Callbacks(raw);
        let raw = raw.as_ptr();
        // SAFETY: the set is live, and the functions have the signatures that are asked for.
        unsafe {
            ng::nghttp2_session_callbacks_set_on_begin_headers_callback(raw, Some(begin_headers));
            ng::nghttp2_session_callbacks_set_on_header_callback2(raw, Some(header));
            ng::nghttp2_session_callbacks_set_on_frame_recv_callback(raw, Some(frame_received));
            ng::nghttp2_session_callbacks_set_on_stream_close_callback(raw, Some(stream_closed));
            ng::nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, Some(data_received));
            ng::nghttp2_session_callbacks_set_on_frame_not_send_callback(raw, Some(frame_not_sent));
            ng::nghttp2_session_callbacks_set_on_invalid_header_callback2(
                raw,
                Some(invalid_header),
            );
            ng::nghttp2_session_callbacks_set_error_callback2(raw, Some(error));
            ng::nghttp2_session_callbacks_set_send_data_callback(raw, Some(send_data));
            ng::nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
                raw,
                Some(invalid_frame),
            );
            ng::nghttp2_session_callbacks_set_on_frame_send_callback(raw, Some(frame_sent));
            if pads {
                ng::nghttp2_session_callbacks_set_select_padding_callback2(
                    raw,
                    Some(select_padding),
                );
            }
        }
        Ok(callbacks)
    }

    /// The pointer, valid as long as `self`.
    pub fn as_ptr(&self) -> *const ng::nghttp2_session_callbacks {
        self.0.as_ptr()
    }
}

/// Runs `body` with the session behind `user_data` and the scope of the call that is going on.
///
/// # Safety
/// `user_data` is an argument of a callback of nghttp2's.
unsafe fn with_session<R>(
    user_data: *mut c_void,
    refusal: R,
    body: impl FnOnce(&Rc<Http2Session>, &mut v8::PinScope<'_, '_>) -> R,
) -> R {
    let result = contain_bare(|| {
        // SAFETY: it is the session that nghttp2's session belongs to (`Library::set_user_data`), which whoever called
        // nghttp2 holds.
        let session = unsafe { user_data.cast::<Http2Session>().as_ref() }?.strong()?;
        let lent = session.lent.replace(std::ptr::null_mut());
        if lent.is_null() {
            return None;
        }
        // SAFETY: `Http2Session::enter` lent a scope that it does not use before nghttp2 returns; it was taken out above,
        // so that nobody else uses it meanwhile.
        let scope = unsafe { &mut *lent.cast::<v8::PinScope<'_, '_>>() };
        let result = {
            v8::scope!(let scope, scope);
            session.guarded(scope, |scope| body(&session, scope))
        };
        session.lent.set(lent);
        Some(result)
    });
    result.flatten().unwrap_or(refusal)
}

/// What a callback without a special result returns.
fn code(result: Result<(), c_int>) -> c_int {
    result.err().unwrap_or(0)
}

unsafe extern "C" fn begin_headers(
    _: *mut ng::nghttp2_session,
    frame: *const ng::nghttp2_frame,
    user_data: *mut c_void,
) -> c_int {
    // SAFETY: called by nghttp2.
    unsafe {
        let head = Head::read(frame);
        with_session(user_data, REFUSED, |session, scope| {
            code(session.begin_headers(scope, &head))
        })
    }
}

unsafe extern "C" fn header(
    _: *mut ng::nghttp2_session,
    frame: *const ng::nghttp2_frame,
    name: *mut ng::nghttp2_rcbuf,
    value: *mut ng::nghttp2_rcbuf,
    flags: u8,
    user_data: *mut c_void,
) -> c_int {
    // SAFETY: called by nghttp2; the buffers live as long as the callback.
    unsafe {
        let head = Head::read(frame);
        let (name, value) = (
            ng::nghttp2_rcbuf_get_buf(name),
            ng::nghttp2_rcbuf_get_buf(value),
        );
        let (name, value) = (slice(name.base, name.len), slice(value.base, value.len));
        with_session(user_data, REFUSED, |session, scope| {
            code(session.add_header(scope, &head, (name, value), flags))
        })
    }
}

unsafe extern "C" fn frame_received(
    _: *mut ng::nghttp2_session,
    frame: *const ng::nghttp2_frame,
    user_data: *mut c_void,
) -> c_int {
    // SAFETY: called by nghttp2.
    unsafe {
        let (head, payload) = (Head::read(frame), Payload::read(frame));
        with_session(user_data, REFUSED, |session, scope| {
            code(session.frame_received(scope, &head, payload))
        })
    }
}

unsafe extern "C" fn stream_closed(
    _: *mut ng::nghttp2_session,
    id: i32,
    error_code: u32,
    user_data: *mut c_void,
) -> c_int {
    // SAFETY: called by nghttp2.
    unsafe {
        with_session(user_data, REFUSED, |session, scope| {
            session.stream_closed(scope, id, error_code);
            0
        })
    }
}

unsafe extern "C" fn data_received(
    _: *mut ng::nghttp2_session,
    _flags: u8,
    id: i32,
    data: *const u8,
    length: usize,
    user_data: *mut c_void,
) -> c_int {
    // SAFETY: called by nghttp2; the data are part of what `Library::receive` was given.
    unsafe {
        let data = slice(data, length);
        with_session(user_data, REFUSED, |session, scope| {
            code(session.data_received(scope, id, data))
        })
    }
}

unsafe extern "C" fn frame_not_sent(
    _: *mut ng::nghttp2_session,
    frame: *const ng::nghttp2_frame,
    error_code: c_int,
    user_data: *mut c_void,
) -> c_int {
    // SAFETY: called by nghttp2.
    unsafe {
        let head = Head::read(frame);
        with_session(user_data, REFUSED, |session, scope| {
            session.frame_not_sent(scope, &head, error_code);
            0
        })
    }
}

/// An invalid header is ignored; without the callback the stream would end.
unsafe extern "C" fn invalid_header(
    _: *mut ng::nghttp2_session,
    _frame: *const ng::nghttp2_frame,
    _name: *mut ng::nghttp2_rcbuf,
    _value: *mut ng::nghttp2_rcbuf,
    _flags: u8,
    _user_data: *mut c_void,
) -> c_int {
    0
}

unsafe extern "C" fn error(
    _: *mut ng::nghttp2_session,
    error_code: c_int,
    _message: *const c_char,
    _length: usize,
    user_data: *mut c_void,
) -> c_int {
    // SAFETY: called by nghttp2.
    unsafe {
        with_session(user_data, REFUSED, |session, scope| {
            session.library_error(scope, error_code);
            0
        })
    }
}

unsafe extern "C" fn invalid_frame(
    _: *mut ng::nghttp2_session,
    _frame: *const ng::nghttp2_frame,
    error_code: c_int,
    user_data: *mut c_void,
) -> c_int {
    // SAFETY: called by nghttp2.
    unsafe {
        with_session(user_data, REFUSED, |session, scope| {
            code(session.invalid_frame(scope, error_code))
        })
    }
}

unsafe extern "C" fn frame_sent(
    _: *mut ng::nghttp2_session,
    frame: *const ng::nghttp2_frame,
    user_data: *mut c_void,
) -> c_int {
    // SAFETY: called by nghttp2.
    unsafe {
        let head = Head::read(frame);
        with_session(user_data, REFUSED, |session, _| {
            session.frame_sent(&head);
            0
        })
    }
}

unsafe extern "C" fn select_padding(
    _: *mut ng::nghttp2_session,
    frame: *const ng::nghttp2_frame,
    most: usize,
    user_data: *mut c_void,
) -> ng::nghttp2_ssize {
    // SAFETY: called by nghttp2.
    unsafe {
        let head = Head::read(frame);
        let unpadded = ng::nghttp2_ssize::try_from(head.length).unwrap_or(0);
        with_session(user_data, unpadded, |session, _| {
            ng::nghttp2_ssize::try_from(session.padded(head.length, most)).unwrap_or(unpadded)
        })
    }
}

/// How much of a stream's data goes into the next frame; [`send_data`] takes it.
pub(super) unsafe extern "C" fn read_data(
    _: *mut ng::nghttp2_session,
    id: i32,
    _buffer: *mut u8,
    length: usize,
    data_flags: *mut u32,
    _source: *mut ng::nghttp2_data_source,
    user_data: *mut c_void,
) -> ng::nghttp2_ssize {
    /// `NGHTTP2_ERR_DEFERRED`
    const DEFERRED: ng::nghttp2_ssize = -508;
    let refused = ng::nghttp2_ssize::try_from(REFUSED).unwrap_or(-1);
    // SAFETY: called by nghttp2.
    unsafe {
        with_session(user_data, refused, |session, scope| {
            let offer = session.offer_data(scope, id, length);
            *data_flags |= offer.flags;
            match offer.amount {
                Some(amount) => ng::nghttp2_ssize::try_from(amount).unwrap_or(refused),
                None => DEFERRED,
            }
        })
    }
}

unsafe extern "C" fn send_data(
    _: *mut ng::nghttp2_session,
    frame: *mut ng::nghttp2_frame,
    frame_head: *const u8,
    length: usize,
    _source: *mut ng::nghttp2_data_source,
    user_data: *mut c_void,
) -> c_int {
    /// Bytes of a frame's head.
    const HEAD: usize = 9;
    // SAFETY: called by nghttp2, with a DATA frame and its head.
    unsafe {
        let (head, padding) = (Head::read(frame), (*frame).data.padlen);
        let bytes = slice(frame_head, HEAD);
        with_session(user_data, REFUSED, |session, _| {
            code(session.take_data(head.id, bytes, length, padding))
        })
    }
}
