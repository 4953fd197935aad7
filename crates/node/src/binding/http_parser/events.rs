//! From llhttp's callbacks to the parser's.

use std::ffi::{c_char, c_int, c_void};
use std::rc::Rc;

use super::llhttp_ffi::{Machine, RawParser, Settings, errno};
use super::parser::{Parser, Piece};
use crate::callback::{contain, contain_bare};

/// One input on its way through llhttp.
pub struct Run<'a> {
    parser: &'a Rc<Parser>,
    /// The state that is at it.
    pub machine: &'a Rc<Machine>,
    /// All of it.
    pub input: &'a [u8],
    /// The scope of the caller, who does not use it meanwhile.
    scope: *mut c_void,
}

impl<'a> Run<'a> {
    /// A run that is not under way.
    pub fn new(
        parser: &'a Rc<Parser>,
        machine: &'a Rc<Machine>,
        input: &'a [u8],
        scope: &'a mut v8::PinScope<'_, '_>,
    ) -> Run<'a> {
        Run {
            parser,
            machine,
            input,
            scope: std::ptr::from_mut(scope).cast(),
        }
    }

    /// Parses `input`, or its end; llhttp's error.
    pub fn drive(&self, input: Option<&[u8]>) -> c_int {
        let data = std::ptr::from_ref(self).cast_mut().cast();
        self.machine.run(data, input)
    }

    /// Runs `body` with the caller's scope. Not within another such body.
    pub fn with_scope<T>(
        &self,
        body: impl for<'s, 'i> FnOnce(&mut v8::PinScope<'s, 'i>) -> T,
    ) -> T {
        // SAFETY: the scope is borrowed for as long as the run, its owner waits for llhttp to return, and llhttp calls
        // one callback at a time. The body cannot keep anything of it: it works for all lifetimes.
        let scope = unsafe { &mut *self.scope.cast::<v8::PinScope<'_, '_>>() };
        body(scope)
    }

    /// Runs `body` with the caller's scope; a panic becomes an exception and the end of the run.
    fn notify(
        &self,
        body: impl for<'s, 'i> FnOnce(&Rc<Parser>, &mut v8::PinScope<'s, 'i>) -> c_int,
    ) -> c_int {
        self.with_scope(|scope| {
            contain(scope, |scope| body(self.parser, scope)).unwrap_or_else(|| {
                self.parser.note_exception();
                errno::USER
            })
        })
    }
}

/// What llhttp calls, for every parser.
pub static SETTINGS: Settings = Settings {
    on_message_begin: Some(on_message_begin),
    on_url: Some(on_url),
    on_status: Some(on_status),
    on_header_field: Some(on_header_field),
    on_header_value: Some(on_header_value),
    on_chunk_extension_name: Some(on_chunk_extension),
    on_chunk_extension_value: Some(on_chunk_extension),
    on_headers_complete: Some(on_headers_complete),
    on_body: Some(on_body),
    on_message_complete: Some(on_message_complete),
    on_chunk_header: Some(on_chunk),
    on_chunk_complete: Some(on_chunk),
    ..Settings::NONE
};

/// Runs `body` with the run that `raw` is in, unless its parser is in use for something else by now.
///
/// # Safety
/// llhttp calls, from within [`Run::drive`].
unsafe fn in_run(raw: *mut RawParser, body: impl FnOnce(&Run<'_>) -> c_int) -> c_int {
    // SAFETY: the machine was given a run that outlives the call.
    let run = unsafe { &*(*raw).data.cast::<Run<'_>>() };
    if run.parser.is_stale(run.machine) {
        return errno::USER;
    }
    body(run)
}

/// As [`in_run`], with the place of a piece in the input.
///
/// # Safety
/// As `in_run`.
unsafe fn at_place(
    raw: *mut RawParser,
    at: *const c_char,
    length: usize,
    body: impl FnOnce(&Run<'_>, usize) -> c_int,
) -> c_int {
    // SAFETY: by the contract.
    unsafe {
        in_run(raw, |run| {
            let start = at.addr().wrapping_sub(run.input.as_ptr().addr());
            let end = start.checked_add(length);
            if end.is_none_or(|end| end > run.input.len()) {
                return errno::USER;
            }
            body(run, start)
        })
    }
}

/// As [`at_place`], for a piece of the head.
///
/// # Safety
/// As `in_run`.
unsafe fn piece(raw: *mut RawParser, at: *const c_char, length: usize, piece: Piece) -> c_int {
    // SAFETY: by the contract.
    unsafe {
        at_place(raw, at, length, |run, start| {
            run.parser.on_piece(run, piece, start, length)
        })
    }
}

unsafe extern "C" fn on_message_begin(raw: *mut RawParser) -> c_int {
    // SAFETY: llhttp calls.
    contain_bare(|| unsafe { in_run(raw, |run| run.notify(Parser::on_message_begin)) })
        .unwrap_or(errno::USER)
}

unsafe extern "C" fn on_url(raw: *mut RawParser, at: *const c_char, length: usize) -> c_int {
    // SAFETY: llhttp calls.
    contain_bare(|| unsafe { piece(raw, at, length, Piece::Url) }).unwrap_or(errno::USER)
}

unsafe extern "C" fn on_status(raw: *mut RawParser, at: *const c_char, length: usize) -> c_int {
    // SAFETY: llhttp calls.
    contain_bare(|| unsafe { piece(raw, at, length, Piece::StatusMessage) }).unwrap_or(errno::USER)
}

unsafe extern "C" fn on_header_field(
    raw: *mut RawParser,
    at: *const c_char,
    length: usize,
) -> c_int {
    // SAFETY: llhttp calls.
    contain_bare(|| unsafe { piece(raw, at, length, Piece::HeaderField) }).unwrap_or(errno::USER)
}

unsafe extern "C" fn on_header_value(
    raw: *mut RawParser,
    at: *const c_char,
    length: usize,
) -> c_int {
    // SAFETY: llhttp calls.
    contain_bare(|| unsafe { piece(raw, at, length, Piece::HeaderValue) }).unwrap_or(errno::USER)
}

unsafe extern "C" fn on_chunk_extension(
    raw: *mut RawParser,
    _at: *const c_char,
    length: usize,
) -> c_int {
    // SAFETY: llhttp calls.
    contain_bare(|| unsafe {
        in_run(raw, |run| {
            run.parser.on_chunk_extension(run.machine, length)
        })
    })
    .unwrap_or(errno::USER)
}

unsafe extern "C" fn on_headers_complete(raw: *mut RawParser) -> c_int {
    // SAFETY: llhttp calls.
    contain_bare(|| unsafe {
        in_run(raw, |run| {
            run.notify(|parser, scope| parser.on_headers_complete(scope, run.machine, run.input))
        })
    })
    .unwrap_or(errno::USER)
}

unsafe extern "C" fn on_body(raw: *mut RawParser, at: *const c_char, length: usize) -> c_int {
    // SAFETY: llhttp calls.
    contain_bare(|| unsafe {
        at_place(raw, at, length, |run, start| {
            let bytes = &run.input[start..start + length];
            run.notify(|parser, scope| parser.on_body(scope, bytes))
        })
    })
    .unwrap_or(errno::USER)
}

unsafe extern "C" fn on_message_complete(raw: *mut RawParser) -> c_int {
    // SAFETY: llhttp calls.
    contain_bare(|| unsafe {
        in_run(raw, |run| {
            run.notify(|parser, scope| parser.on_message_complete(scope, run.input))
        })
    })
    .unwrap_or(errno::USER)
}

unsafe extern "C" fn on_chunk(raw: *mut RawParser) -> c_int {
    // SAFETY: llhttp calls.
    contain_bare(|| unsafe {
        in_run(raw, |run| {
            run.parser.on_chunk();
            errno::OK
        })
    })
    .unwrap_or(errno::USER)
}
