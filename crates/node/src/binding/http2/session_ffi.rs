//! nghttp2's session, owned: the only way into the library.
//!
//! nghttp2 may be asked for nearly anything in the middle of its own callbacks, but not to take or give bytes, or to be
//! freed: [`Library::receive`] and [`Library::send`] refuse that, and whoever is inside holds the session.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;
use std::rc::Rc;

use libnghttp2_sys as ng;

use super::callbacks_ffi;
use super::headers::HeaderBlock;
use super::memory_ffi::SessionMemory;
use super::state::{SESSION_STATE, STREAM_STATE};

/// Which end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The one that answers.
    Server,
    /// The one that asks.
    Client,
}

/// nghttp2's options, which free themselves.
pub struct SessionOptions(NonNull<ng::nghttp2_option>);

impl SessionOptions {
    /// The defaults; `None` without memory.
    pub fn new() -> Option<SessionOptions> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: writes the pointer.
        unsafe { ng::nghttp2_option_new(&mut raw) };
        NonNull::new(raw).map(SessionOptions)
    }

    /// The pointer, valid as long as `self`.
    pub fn as_ptr(&self) -> *mut ng::nghttp2_option {
        self.0.as_ptr()
    }
}

impl Drop for SessionOptions {
    fn drop(&mut self) {
        // SAFETY: this is the only owner.
        unsafe { ng::nghttp2_option_del(self.0.as_ptr()) };
    }
}

/// What takes the data of a message from the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// There is none.
    None,
    /// What is written to the stream.
    Stream,
}

/// Where a stream is in the tree that nobody uses any more (RFC 9113 5.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Priority {
    /// The stream that it depends on.
    pub parent: i32,
    /// From 1 to 256.
    pub weight: i32,
    /// Whether it is the only one that does.
    pub exclusive: bool,
}

/// nghttp2's session.
pub struct Library {
    raw: NonNull<ng::nghttp2_session>,
    /// Bytes are being taken or given.
    busy: Cell<bool>,
    /// Outlives the session's blocks.
    _memory: Rc<SessionMemory>,
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: this is the only owner, which nobody is inside of: they would hold it.
        unsafe { ng::nghttp2_session_del(self.raw.as_ptr()) };
    }
}

/// The number of a result.
pub type Code = c_int;

/// A negative result is an error.
fn checked(code: Code) -> Result<(), Code> {
    if code < 0 { Err(code) } else { Ok(()) }
}

/// A number of bytes, or an error.
fn counted(count: ng::nghttp2_ssize) -> Result<usize, Code> {
    usize::try_from(count).map_err(|_| Code::try_from(count).unwrap_or(ng::NGHTTP2_ERR_FATAL))
}

impl Library {
    /// A session whose callbacks find `user_data`; that is set by [`Library::set_user_data`] before anything happens.
    pub fn new(
        kind: Kind,
        options: &SessionOptions,
        pads: bool,
        memory: Rc<SessionMemory>,
    ) -> Result<Library, Code> {
        let callbacks = callbacks_ffi::Callbacks::new(pads)?;
        let mut raw = std::ptr::null_mut();
        let mut allocator = memory.allocator();
        let create = match kind {
            Kind::Server => ng::nghttp2_session_server_new3,
            Kind::Client => ng::nghttp2_session_client_new3,
        };
        // SAFETY: all are live, and copied; the memory behind the allocator is kept.
        let code = unsafe {
            create(
                &mut raw,
                callbacks.as_ptr(),
                std::ptr::null_mut(),
                options.as_ptr(),
                &mut allocator,
            )
        };
        checked(code)?;
        let raw = NonNull::new(raw).ok_or(ng::NGHTTP2_ERR_NOMEM)?;
        Ok(Library {
            raw,
            busy: Cell::new(false),
            _memory: memory,
        })
    }

    fn raw(&self) -> *mut ng::nghttp2_session {
        self.raw.as_ptr()
    }

    /// Sets what callbacks find.
    pub fn set_user_data(&self, user_data: *mut c_void) {
        // SAFETY: stores a pointer.
        unsafe { ng::nghttp2_session_set_user_data(self.raw(), user_data) };
    }

    /// Takes bytes of the peer's.
    pub fn receive(&self, bytes: &[u8]) -> Result<usize, Code> {
        if self.busy.replace(true) {
            return Err(ng::NGHTTP2_ERR_INVALID_STATE);
        }
        // SAFETY: pointer and length are those of the slice; nobody else is in here.
        let count =
            unsafe { ng::nghttp2_session_mem_recv2(self.raw(), bytes.as_ptr(), bytes.len()) };
        self.busy.set(false);
        counted(count)
    }

    /// Gives `take` the next bytes for the peer; how many there were, 0 at the end.
    pub fn send(&self, take: impl FnOnce(&[u8])) -> Result<usize, Code> {
        if self.busy.replace(true) {
            return Err(ng::NGHTTP2_ERR_INVALID_STATE);
        }
        let mut data = std::ptr::null();
        // SAFETY: writes the pointer; nobody else is in here.
        let count = unsafe { ng::nghttp2_session_mem_send2(self.raw(), &mut data) };
        self.busy.set(false);
        let count = counted(count)?;
        if count > 0 && !data.is_null() {
            // SAFETY: nghttp2's own memory of this length, until the next call.
            take(unsafe { std::slice::from_raw_parts(data, count) });
        }
        Ok(count)
    }

    /// Whether bytes are being taken or given.
    pub fn is_busy(&self) -> bool {
        self.busy.get()
    }

    /// Whether it wants bytes of the peer's.
    pub fn wants_read(&self) -> bool {
        // SAFETY: reads state.
        unsafe { ng::nghttp2_session_want_read(self.raw()) != 0 }
    }

    /// Whether it has bytes for the peer.
    pub fn wants_write(&self) -> bool {
        // SAFETY: reads state.
        unsafe { ng::nghttp2_session_want_write(self.raw()) != 0 }
    }

    /// Ends the session with a GOAWAY.
    pub fn terminate(&self, code: u32) -> Result<(), Code> {
        // SAFETY: queues a frame.
        checked(unsafe { ng::nghttp2_session_terminate_session(self.raw(), code) })
    }

    /// Queues SETTINGS.
    pub fn submit_settings(&self, entries: &[ng::nghttp2_settings_entry]) -> Result<(), Code> {
        let (pointer, length) = (entries.as_ptr(), entries.len());
        // SAFETY: pointer and length are those of the slice, which is copied.
        checked(unsafe { ng::nghttp2_submit_settings(self.raw(), 0, pointer, length) })
    }

    /// Queues a PING.
    pub fn submit_ping(&self, payload: &[u8; 8]) -> Result<(), Code> {
        // SAFETY: eight bytes are copied.
        checked(unsafe { ng::nghttp2_submit_ping(self.raw(), 0, payload.as_ptr()) })
    }

    /// Queues a GOAWAY; the last stream is the last one that was processed unless one is named.
    pub fn submit_goaway(&self, code: u32, last_stream: i32, data: &[u8]) -> Result<(), Code> {
        // SAFETY: reads state; pointer and length are those of the slice, which is copied.
        checked(unsafe {
            let last_stream = if last_stream <= 0 {
                ng::nghttp2_session_get_last_proc_stream_id(self.raw())
            } else {
                last_stream
            };
            let (pointer, length) = (data.as_ptr(), data.len());
            ng::nghttp2_submit_goaway(self.raw(), 0, last_stream, code, pointer, length)
        })
    }

    /// Queues an RST_STREAM.
    pub fn submit_rst_stream(&self, id: i32, code: u32) -> Result<(), Code> {
        // SAFETY: queues a frame.
        checked(unsafe { ng::nghttp2_submit_rst_stream(self.raw(), 0, id, code) })
    }

    /// Queues an ALTSVC.
    pub fn submit_altsvc(&self, id: i32, origin: &[u8], value: &[u8]) -> Result<(), Code> {
        // SAFETY: pointers and lengths are those of the slices, which are copied.
        checked(unsafe {
            ng::nghttp2_submit_altsvc(
                self.raw(),
                0,
                id,
                origin.as_ptr(),
                origin.len(),
                value.as_ptr(),
                value.len(),
            )
        })
    }

    /// Queues an ORIGIN.
    pub fn submit_origin(&self, origins: &[&[u8]]) -> Result<(), Code> {
        let entries: Vec<_> = origins
            .iter()
            .map(|origin| ng::nghttp2_origin_entry {
                origin: origin.as_ptr().cast_mut(),
                origin_len: origin.len(),
            })
            .collect();
        let (pointer, length) = (entries.as_ptr(), entries.len());
        // SAFETY: pointer and length are those of the slice, which is copied with what it points to.
        checked(unsafe { ng::nghttp2_submit_origin(self.raw(), 0, pointer, length) })
    }

    /// Queues a request; the new stream's number.
    pub fn submit_request(
        &self,
        priority: Priority,
        headers: &HeaderBlock,
        body: Body,
    ) -> Result<i32, Code> {
        let spec = specification(priority);
        let provider = provider(body);
        let (pointer, length) = headers.as_raw();
        // SAFETY: all are live, and copied.
        let id = unsafe {
            ng::nghttp2_submit_request2(
                self.raw(),
                &spec,
                pointer,
                length,
                provider
                    .as_ref()
                    .map_or(std::ptr::null(), std::ptr::from_ref),
                std::ptr::null_mut(),
            )
        };
        checked(id).map(|()| id)
    }

    /// Queues the answer of a stream.
    pub fn submit_response(&self, id: i32, headers: &HeaderBlock, body: Body) -> Result<(), Code> {
        let provider = provider(body);
        let provider = provider
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        let (pointer, length) = headers.as_raw();
        // SAFETY: all are live, and copied.
        checked(unsafe { ng::nghttp2_submit_response2(self.raw(), id, pointer, length, provider) })
    }

    /// Queues headers that are not the answer.
    pub fn submit_info(&self, id: i32, headers: &HeaderBlock) -> Result<(), Code> {
        let (pointer, length) = headers.as_raw();
        let null = std::ptr::null_mut();
        // SAFETY: all are live, and copied.
        checked(unsafe {
            ng::nghttp2_submit_headers(self.raw(), 0, id, null, pointer, length, null.cast())
        })
    }

    /// Queues headers behind the data.
    pub fn submit_trailers(&self, id: i32, headers: &HeaderBlock) -> Result<(), Code> {
        let (pointer, length) = headers.as_raw();
        // SAFETY: all are live, and copied.
        checked(unsafe { ng::nghttp2_submit_trailer(self.raw(), id, pointer, length) })
    }

    /// Queues the end of a stream: browsers do not like trailers that are empty.
    pub fn submit_end(&self, id: i32) -> Result<(), Code> {
        let flags = u8::try_from(ng::NGHTTP2_FLAG_END_STREAM).unwrap_or(0);
        let provider = provider(Body::Stream);
        let provider = provider
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the provider is live, and copied.
        checked(unsafe { ng::nghttp2_submit_data2(self.raw(), flags, id, provider) })
    }

    /// Queues a promise; the new stream's number.
    pub fn submit_push_promise(&self, id: i32, headers: &HeaderBlock) -> Result<i32, Code> {
        let (pointer, length) = headers.as_raw();
        let null = std::ptr::null_mut();
        // SAFETY: all are live, and copied.
        let id =
            unsafe { ng::nghttp2_submit_push_promise(self.raw(), 0, id, pointer, length, null) };
        checked(id).map(|()| id)
    }

    /// Queues a PRIORITY.
    pub fn submit_priority(&self, id: i32, priority: Priority) -> Result<(), Code> {
        let spec = specification(priority);
        // SAFETY: all are live, and copied.
        checked(unsafe { ng::nghttp2_submit_priority(self.raw(), 0, id, &spec) })
    }

    /// Has a stream go on that waited for data.
    pub fn resume_data(&self, id: i32) {
        // SAFETY: queues a frame. A stream that did not wait is no error.
        unsafe { ng::nghttp2_session_resume_data(self.raw(), id) };
    }

    /// The program has taken bytes of the connection: its window may grow.
    pub fn consume_connection(&self, bytes: usize) -> Result<(), Code> {
        // SAFETY: counts, and may queue a frame.
        checked(unsafe { ng::nghttp2_session_consume_connection(self.raw(), bytes) })
    }

    /// The program has taken bytes of a stream: its window may grow.
    pub fn consume_stream(&self, id: i32, bytes: usize) {
        // SAFETY: counts, and may queue a frame. A stream that is gone has no window.
        unsafe { ng::nghttp2_session_consume_stream(self.raw(), id, bytes) };
    }

    /// Sets the number of the next stream.
    pub fn set_next_stream_id(&self, id: i32) -> Result<(), Code> {
        // SAFETY: sets a number.
        checked(unsafe { ng::nghttp2_session_set_next_stream_id(self.raw(), id) })
    }

    /// Sets the window of the connection.
    pub fn set_local_window_size(&self, bytes: i32) -> Code {
        // SAFETY: sets a number, and may queue a frame.
        unsafe { ng::nghttp2_session_set_local_window_size(self.raw(), 0, 0, bytes) }
    }

    /// A setting of this end.
    pub fn local_setting(&self, id: ng::nghttp2_settings_id) -> u32 {
        // SAFETY: reads a number; the identifier is one of the library's.
        unsafe { ng::nghttp2_session_get_local_settings(self.raw(), id) }
    }

    /// A setting of the peer's.
    pub fn remote_setting(&self, id: ng::nghttp2_settings_id) -> u32 {
        // SAFETY: reads a number; the identifier is one of the library's.
        unsafe { ng::nghttp2_session_get_remote_settings(self.raw(), id) }
    }

    /// The numbers of `session.state`: `effectiveLocalWindowSize`, `effectiveRecvDataLength`, `nextStreamID`,
    /// `localWindowSize`, `lastProcStreamID`, `remoteWindowSize`, `outboundQueueSize`, `deflateDynamicTableSize`,
    /// `inflateDynamicTableSize`.
    pub fn session_state(&self) -> [f64; SESSION_STATE] {
        let raw = self.raw();
        // SAFETY: reads numbers.
        unsafe {
            [
                ng::nghttp2_session_get_effective_local_window_size(raw).into(),
                ng::nghttp2_session_get_effective_recv_data_length(raw).into(),
                ng::nghttp2_session_get_next_stream_id(raw).into(),
                ng::nghttp2_session_get_local_window_size(raw).into(),
                ng::nghttp2_session_get_last_proc_stream_id(raw).into(),
                ng::nghttp2_session_get_remote_window_size(raw).into(),
                ng::nghttp2_session_get_outbound_queue_size(raw) as f64,
                ng::nghttp2_session_get_hd_deflate_dynamic_table_size(raw) as f64,
                ng::nghttp2_session_get_hd_inflate_dynamic_table_size(raw) as f64,
            ]
        }
    }

    /// The numbers of `stream.state`: `state`, `weight`, `sumDependencyWeight`, `localClose`, `remoteClose`,
    /// `localWindowSize`.
    pub fn stream_state(&self, id: i32) -> [f64; STREAM_STATE] {
        let raw = self.raw();
        // SAFETY: reads numbers; a stream that was found lives until the session is used again.
        unsafe {
            let stream = ng::nghttp2_session_find_stream(raw, id);
            if stream.is_null() {
                return [
                    f64::from(ng::NGHTTP2_STREAM_STATE_IDLE),
                    0.0,
                    0.0,
                    0.0,
                    0.0,
                    0.0,
                ];
            }
            [
                f64::from(ng::nghttp2_stream_get_state(stream)),
                ng::nghttp2_stream_get_weight(stream).into(),
                ng::nghttp2_stream_get_sum_dependency_weight(stream).into(),
                ng::nghttp2_session_get_stream_local_close(raw, id).into(),
                ng::nghttp2_session_get_stream_remote_close(raw, id).into(),
                ng::nghttp2_session_get_stream_local_window_size(raw, id).into(),
            ]
        }
    }
}

fn specification(priority: Priority) -> ng::nghttp2_priority_spec {
    ng::nghttp2_priority_spec {
        stream_id: priority.parent,
        weight: priority.weight,
        exclusive: u8::from(priority.exclusive),
    }
}

fn provider(body: Body) -> Option<ng::nghttp2_data_provider2> {
    (body == Body::Stream).then_some(ng::nghttp2_data_provider2 {
        source: ng::nghttp2_data_source {
            ptr: std::ptr::null_mut(),
        },
        read_callback: Some(callbacks_ffi::read_data),
    })
}

/// The payload of a SETTINGS frame; `None` for values that there cannot be.
pub fn pack_settings(entries: &[ng::nghttp2_settings_entry]) -> Option<Vec<u8>> {
    const ENTRY: usize = 6;
    let mut bytes = vec![0; entries.len() * ENTRY];
    // SAFETY: pointers and lengths are those of vector and slice.
    let count = unsafe {
        ng::nghttp2_pack_settings_payload2(
            bytes.as_mut_ptr(),
            bytes.len(),
            entries.as_ptr(),
            entries.len(),
        )
    };
    bytes.truncate(usize::try_from(count).ok()?);
    Some(bytes)
}

/// What nghttp2 says of an error of its own.
pub fn error_text(code: Code) -> String {
    // SAFETY: a static text with a NUL for every number.
    let text = unsafe { CStr::from_ptr(ng::nghttp2_strerror(code)) };
    text.to_string_lossy().into_owned()
}

/// Whether a session cannot go on after an error.
pub fn is_fatal(code: Code) -> bool {
    // SAFETY: compares a number.
    unsafe { ng::nghttp2_is_fatal(code) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(kind: Kind) -> (Library, Rc<SessionMemory>) {
        let memory = SessionMemory::new(1_000_000);
        let options = SessionOptions::new().unwrap();
        let library = Library::new(kind, &options, false, memory.clone()).unwrap();
        (library, memory)
    }

    #[test]
    fn what_nghttp2_allocates_is_counted_and_given_back() {
        let (library, memory) = library(Kind::Client);
        assert!(memory.of_library() > 0);
        library.submit_settings(&[]).unwrap();
        library.submit_ping(&[7; 8]).unwrap();
        assert!(library.wants_write());
        drop(library);
        assert_eq!(memory.of_library(), 0);
    }

    #[test]
    fn bytes_without_a_session_are_refused_and_not_taken() {
        let (library, _memory) = library(Kind::Server);
        // The callbacks find nobody.
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        assert_eq!(
            library.receive(preface),
            Err(ng::NGHTTP2_ERR_CALLBACK_FAILURE)
        );
        assert!(!library.is_busy());
    }

    #[test]
    fn settings_that_cannot_be_are_not_packed() {
        let entry = |settings_id, value| ng::nghttp2_settings_entry { settings_id, value };
        assert_eq!(pack_settings(&[entry(4, 8)]), Some(vec![0, 4, 0, 0, 0, 8]));
        assert_eq!(pack_settings(&[entry(2, 2)]), None, "push is on or off");
        assert_eq!(pack_settings(&[]), Some(Vec::new()));
    }
}
