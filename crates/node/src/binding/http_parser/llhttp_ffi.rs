//! llhttp's C interface (`llhttp.h`), and the one parser state that is made with it.
//!
//! The structures are declared as the header has them; the build refuses another version, and a test compares them with
//! what the C compiler made of them.

use std::cell::{Cell, UnsafeCell};
use std::ffi::{CStr, c_char, c_int, c_void};

/// `llhttp_t`.
#[repr(C)]
pub struct RawParser {
    index: i32,
    span_start: *mut c_void,
    span_callback: *mut c_void,
    error: i32,
    pub reason: *const c_char,
    pub error_pos: *const c_char,
    pub data: *mut c_void,
    current: *mut c_void,
    content_length: u64,
    pub kind: u8,
    pub method: u8,
    pub http_major: u8,
    pub http_minor: u8,
    header_state: u8,
    lenient_flags: u16,
    pub upgrade: u8,
    finish: u8,
    flags: u16,
    pub status_code: u16,
    initial_message_completed: u8,
    settings: *mut c_void,
}

/// Called at a point of a message.
pub type Notify = Option<unsafe extern "C" fn(*mut RawParser) -> c_int>;

/// Called with a piece of a message.
pub type Span = Option<unsafe extern "C" fn(*mut RawParser, *const c_char, usize) -> c_int>;

/// `llhttp_settings_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Settings {
    pub on_message_begin: Notify,
    pub on_protocol: Span,
    pub on_url: Span,
    pub on_status: Span,
    pub on_method: Span,
    pub on_version: Span,
    pub on_header_field: Span,
    pub on_header_value: Span,
    pub on_chunk_extension_name: Span,
    pub on_chunk_extension_value: Span,
    pub on_headers_complete: Notify,
    pub on_body: Span,
    pub on_message_complete: Notify,
    pub on_protocol_complete: Notify,
    pub on_url_complete: Notify,
    pub on_status_complete: Notify,
    pub on_method_complete: Notify,
    pub on_version_complete: Notify,
    pub on_header_field_complete: Notify,
    pub on_header_value_complete: Notify,
    pub on_chunk_extension_name_complete: Notify,
    pub on_chunk_extension_value_complete: Notify,
    pub on_chunk_header: Notify,
    pub on_chunk_complete: Notify,
    pub on_reset: Notify,
}

impl Settings {
    /// Nobody hears of anything.
    pub const NONE: Settings = Settings {
        on_message_begin: None,
        on_protocol: None,
        on_url: None,
        on_status: None,
        on_method: None,
        on_version: None,
        on_header_field: None,
        on_header_value: None,
        on_chunk_extension_name: None,
        on_chunk_extension_value: None,
        on_headers_complete: None,
        on_body: None,
        on_message_complete: None,
        on_protocol_complete: None,
        on_url_complete: None,
        on_status_complete: None,
        on_method_complete: None,
        on_version_complete: None,
        on_header_field_complete: None,
        on_header_value_complete: None,
        on_chunk_extension_name_complete: None,
        on_chunk_extension_value_complete: None,
        on_chunk_header: None,
        on_chunk_complete: None,
        on_reset: None,
    };
}

/// `llhttp_errno_t`, as far as it is told apart here.
pub mod errno {
    use std::ffi::c_int;

    /// No error.
    pub const OK: c_int = 0;
    /// The rest of the input is of another protocol.
    pub const PAUSED_UPGRADE: c_int = 22;
    /// A callback failed; the reason has the code before a colon.
    pub const USER: c_int = 24;
}

/// What a parser reads (`llhttp_type_t`).
pub const REQUEST: i32 = 1;
/// See [`REQUEST`].
pub const RESPONSE: i32 = 2;

/// A setter of one kind of leniency.
type SetLenient = unsafe extern "C" fn(*mut RawParser, c_int);

unsafe extern "C" {
    fn llhttp_init(parser: *mut RawParser, kind: c_int, settings: *const Settings);
    fn llhttp_execute(parser: *mut RawParser, data: *const c_char, length: usize) -> c_int;
    fn llhttp_finish(parser: *mut RawParser) -> c_int;
    fn llhttp_should_keep_alive(parser: *const RawParser) -> c_int;
    fn llhttp_pause(parser: *mut RawParser);
    fn llhttp_resume(parser: *mut RawParser);
    fn llhttp_resume_after_upgrade(parser: *mut RawParser);
    fn llhttp_errno_name(error: c_int) -> *const c_char;
    fn llhttp_set_lenient_headers(parser: *mut RawParser, enabled: c_int);
    fn llhttp_set_lenient_chunked_length(parser: *mut RawParser, enabled: c_int);
    fn llhttp_set_lenient_keep_alive(parser: *mut RawParser, enabled: c_int);
    fn llhttp_set_lenient_transfer_encoding(parser: *mut RawParser, enabled: c_int);
    fn llhttp_set_lenient_version(parser: *mut RawParser, enabled: c_int);
    fn llhttp_set_lenient_data_after_close(parser: *mut RawParser, enabled: c_int);
    fn llhttp_set_lenient_optional_lf_after_cr(parser: *mut RawParser, enabled: c_int);
    fn llhttp_set_lenient_optional_crlf_after_chunk(parser: *mut RawParser, enabled: c_int);
    fn llhttp_set_lenient_optional_cr_before_lf(parser: *mut RawParser, enabled: c_int);
    fn llhttp_set_lenient_spaces_after_chunk_size(parser: *mut RawParser, enabled: c_int);
    fn llhttp_set_lenient_header_value_relaxed(parser: *mut RawParser, enabled: c_int);
}

/// The kinds of leniency, by the bits that the library passes (`kLenient*`).
const LENIENCIES: [SetLenient; 11] = [
    llhttp_set_lenient_headers,
    llhttp_set_lenient_chunked_length,
    llhttp_set_lenient_keep_alive,
    llhttp_set_lenient_transfer_encoding,
    llhttp_set_lenient_version,
    llhttp_set_lenient_data_after_close,
    llhttp_set_lenient_optional_lf_after_cr,
    llhttp_set_lenient_optional_crlf_after_chunk,
    llhttp_set_lenient_optional_cr_before_lf,
    llhttp_set_lenient_spaces_after_chunk_size,
    llhttp_set_lenient_header_value_relaxed,
];

/// The state of one parser. It is at one input at a time: its callbacks may not begin another.
pub struct Machine {
    raw: Box<UnsafeCell<RawParser>>,
    executing: Cell<bool>,
}

impl Machine {
    /// A parser of requests or responses; anything but [`REQUEST`] is the latter.
    pub fn new(kind: i32, lenient_flags: u32, settings: &'static Settings) -> Machine {
        // SAFETY: zeros are a value of all its fields; the callback pointers are no part of it.
        let raw: RawParser = unsafe { std::mem::zeroed() };
        let raw = Box::new(UnsafeCell::new(raw));
        let kind = if kind == REQUEST { REQUEST } else { RESPONSE };
        // SAFETY: the state is ours and in place for good, the settings are never gone.
        unsafe {
            llhttp_init(raw.get(), kind, settings);
            for (bit, set) in LENIENCIES.iter().enumerate() {
                if lenient_flags & (1 << bit) != 0 {
                    set(raw.get(), 1);
                }
            }
        }
        Machine {
            raw,
            executing: Cell::new(false),
        }
    }

    /// What names the state in callbacks.
    pub fn as_ptr(&self) -> *mut RawParser {
        self.raw.get()
    }

    /// Whether it is at an input.
    pub fn is_executing(&self) -> bool {
        self.executing.get()
    }

    /// Parses `input`, or its end for `None`, with `data` for the callbacks; the error. The machine must be at no other input.
    pub fn run(&self, data: *mut c_void, input: Option<&[u8]>) -> c_int {
        assert!(
            !self.executing.replace(true),
            "a machine is at one input at a time"
        );
        let raw = self.as_ptr();
        // SAFETY: the state is initialised and nobody else is in it; the input lives for the call, and what llhttp
        // keeps of it, a place to go on from, it sets to the start of the next input before it reads on.
        let error = unsafe {
            (*raw).data = data;
            // That of an earlier input says nothing of this one.
            (*raw).error_pos = std::ptr::null();
            let error = match input {
                Some(input) => llhttp_execute(raw, input.as_ptr().cast(), input.len()),
                None => llhttp_finish(raw),
            };
            (*raw).data = std::ptr::null_mut();
            error
        };
        self.executing.set(false);
        error
    }

    /// How many bytes of `input` were parsed before the error; 0 where llhttp does not say.
    pub fn parsed_before_error(&self, input: &[u8]) -> usize {
        // SAFETY: reads a field.
        let position = unsafe { (*self.as_ptr()).error_pos }.addr();
        let parsed = position.wrapping_sub(input.as_ptr().addr());
        if parsed <= input.len() { parsed } else { 0 }
    }

    /// Stops, so that the next input is an error.
    pub fn pause(&self) {
        // SAFETY: the state is initialised; this is allowed within callbacks.
        unsafe { llhttp_pause(self.as_ptr()) }
    }

    /// Ends a pause.
    pub fn resume(&self) {
        // SAFETY: as in `pause`.
        unsafe { llhttp_resume(self.as_ptr()) }
    }

    /// Goes on behind a message that asked for another protocol.
    pub fn resume_after_upgrade(&self) {
        // SAFETY: as in `pause`.
        unsafe { llhttp_resume_after_upgrade(self.as_ptr()) }
    }

    /// Whether the connection stays open behind the current message.
    pub fn should_keep_alive(&self) -> bool {
        // SAFETY: as in `pause`.
        unsafe { llhttp_should_keep_alive(self.as_ptr()) != 0 }
    }

    /// The text of the last error.
    pub fn reason(&self) -> String {
        // SAFETY: the reason is null or a constant text of llhttp's or ours.
        unsafe {
            let reason = (*self.as_ptr()).reason;
            if reason.is_null() {
                return String::new();
            }
            CStr::from_ptr(reason).to_string_lossy().into_owned()
        }
    }

    /// Says why a callback fails.
    pub fn set_reason(&self, reason: &'static CStr) {
        // SAFETY: writes a field; the text is never gone.
        unsafe { (*self.as_ptr()).reason = reason.as_ptr() }
    }

    /// A look at what was parsed.
    pub fn message(&self) -> Message {
        // SAFETY: reads fields of an initialised state.
        let raw = unsafe { &*self.as_ptr() };
        Message {
            is_request: i32::from(raw.kind) == REQUEST,
            method: raw.method,
            version: (raw.http_major, raw.http_minor),
            status_code: raw.status_code,
            upgrade: raw.upgrade != 0,
        }
    }
}

/// What a parser knows of its current message.
pub struct Message {
    pub is_request: bool,
    /// Index of `allMethods`.
    pub method: u8,
    pub version: (u8, u8),
    pub status_code: u16,
    /// Behind it is another protocol.
    pub upgrade: bool,
}

/// The name of an error, `HPE_…`.
pub fn errno_name(error: c_int) -> String {
    // SAFETY: llhttp has a constant text for each of its errors, and only those come here.
    unsafe { CStr::from_ptr(llhttp_errno_name(error)) }
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::{RawParser, Settings};

    unsafe extern "C" {
        static secure_exec_llhttp_layout: [usize; 16];
    }

    #[test]
    fn structures_are_laid_out_as_in_c() {
        let ours = [
            size_of::<RawParser>(),
            offset_of!(RawParser, reason),
            offset_of!(RawParser, error_pos),
            offset_of!(RawParser, data),
            offset_of!(RawParser, kind),
            offset_of!(RawParser, method),
            offset_of!(RawParser, http_major),
            offset_of!(RawParser, upgrade),
            offset_of!(RawParser, status_code),
            offset_of!(RawParser, settings),
            size_of::<Settings>(),
            offset_of!(Settings, on_url),
            offset_of!(Settings, on_headers_complete),
            offset_of!(Settings, on_message_complete),
            offset_of!(Settings, on_chunk_header),
            offset_of!(Settings, on_reset),
        ];
        // SAFETY: the array has as many elements as `build/llhttp_layout.c` gives it.
        assert_eq!(ours, unsafe { secure_exec_llhttp_layout });
    }
}
