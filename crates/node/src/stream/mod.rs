//! Byte streams that compose in native code. Follows the roles of Node's `src/stream_base.h`.
//!
//! A [`Stream`] belongs to a JavaScript object (a pipe, a terminal, a file handle). Its [`StreamResource`] does the
//! reading and writing; a stack of [`StreamListener`]s hears of the results, the topmost first. The lowest listener
//! reports to JavaScript; TLS, HTTP parsers and stream pipes are pushed on top and so take the data without any
//! JavaScript in between.

mod js_listener;
mod kernel_stream;
mod request;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub use js_listener::{CustomBufferListener, JsListener};
pub use kernel_stream::{Connected, KernelStream, TakeDescriptor};
pub use request::{RequestKind, StreamRequest, new_request_object};

use secure_exec_kernel::{Errno, Fd};

use crate::env::{Env, Slot};
use crate::js::{uv, wrap};
use crate::memory::memory_guard;

/// End of file, as libuv numbers it.
pub const UV_EOF: i32 = -4095;

/// Indices of `streamBaseState`.
pub mod state {
    /// Bytes read, or the error.
    pub const READ_BYTES_OR_ERROR: usize = 0;
    /// Where in the buffer the bytes begin.
    pub const ARRAY_BUFFER_OFFSET: usize = 1;
    /// Bytes that the last write took.
    pub const BYTES_WRITTEN: usize = 2;
    /// Whether the last write is still going on.
    pub const LAST_WRITE_WAS_ASYNC: usize = 3;
    /// How many there are.
    pub const COUNT: usize = 4;
}

/// What a stream reads from and writes to. Results are libuv's: 0, or a negative error number.
pub trait StreamResource {
    /// Begins to read; data arrives through [`Stream::emit_read`].
    fn read_start(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> i32;

    /// Stops reading.
    fn read_stop(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> i32;

    /// Writes what can be written at once; how many bytes that was. `None` where every write is a request.
    fn try_write(
        &self,
        _scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _bytes: &[u8],
    ) -> Result<Option<usize>, i32> {
        Ok(None)
    }

    /// Writes `bytes` in the background and calls [`StreamRequest::done`] at the end. With an error the request was
    /// not taken.
    fn write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
        bytes: Vec<u8>,
    ) -> i32;

    /// Whether the pieces of a write stay apart: JavaScript sees them.
    fn keeps_pieces(&self) -> bool {
        false
    }

    /// As [`StreamResource::write`], of pieces.
    fn write_pieces(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
        pieces: Vec<Vec<u8>>,
    ) -> i32 {
        self.write(scope, stream, request, pieces.concat())
    }

    /// As [`StreamResource::write`], with the descriptor `fd` going along to another process.
    fn write_with_descriptor(
        &self,
        _scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _request: Rc<StreamRequest>,
        _bytes: Vec<u8>,
        _fd: Fd,
    ) -> i32 {
        uv::error(Errno::EINVAL)
    }

    /// Ends the writable side behind what is still being written. 1 when that is done already.
    fn shutdown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
    ) -> i32;

    /// Whether the stream can be used.
    fn is_alive(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> bool {
        true
    }

    /// Whether the stream is being closed.
    fn is_closing(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> bool {
        false
    }

    /// The file descriptor behind it; -1 for none.
    fn fd(&self) -> i32 {
        -1
    }

    /// Text of the last error where the number does not tell (TLS); taking it clears it.
    fn take_error(&self) -> Option<String> {
        None
    }

    /// Whether writes are asked for by [`Stream::emit_wants_write`], as StreamPipe needs it.
    fn has_wants_write(&self) -> bool {
        false
    }
}

/// What arrived from a stream.
pub enum Read {
    /// Bytes; never empty.
    Data(Vec<u8>),
    /// End of file or an error, negative.
    End(i32),
}

/// Hears what happens on a stream. `at` is the listener's place in the stack, for passing an event on.
pub trait StreamListener {
    /// At most how many bytes the next read may bring.
    fn read_size(&self, suggested: usize) -> usize {
        suggested
    }

    /// Data, end or error.
    fn on_read(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>, at: usize, read: Read);

    /// A write ended.
    fn on_after_write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        at: usize,
        request: &StreamRequest,
        status: i32,
    ) {
        stream.pass_after_write(scope, at, request, status);
    }

    /// A shutdown ended.
    fn on_after_shutdown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        at: usize,
        request: &StreamRequest,
        status: i32,
    ) {
        stream.pass_after_shutdown(scope, at, request, status);
    }

    /// The stream has room for `size` bytes.
    fn on_wants_write(
        &self,
        _scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _size: usize,
    ) {
    }

    /// The stream is closed and emits nothing any more.
    fn on_destroy(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) {}
}

/// Result of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteResult {
    /// Whether the listener is told of the end later.
    pub is_async: bool,
    /// 0, or a negative error number.
    pub error: i32,
    /// Bytes taken.
    pub bytes: usize,
}

/// The stream side of a JavaScript object.
pub struct Stream {
    object: v8::Weak<v8::Object>,
    resource: Rc<dyn StreamResource>,
    listeners: RefCell<Vec<Rc<dyn StreamListener>>>,
    onread: RefCell<Option<v8::Global<v8::Function>>>,
    bytes_read: Cell<u64>,
    bytes_written: Cell<u64>,
}

impl Stream {
    /// Gives the wrapped `object` a stream over `resource`, with the listener that reports to JavaScript.
    pub fn attach(
        scope: &mut v8::PinScope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
        resource: Rc<dyn StreamResource>,
    ) -> Rc<Stream> {
        let stream = Rc::new(Stream {
            object: v8::Weak::new(scope, object),
            resource,
            listeners: RefCell::new(vec![Rc::new(JsListener)]),
            onread: RefCell::default(),
            bytes_read: Cell::new(0),
            bytes_written: Cell::new(0),
        });
        wrap::attach(scope, object, stream.clone());
        stream
    }

    /// The stream of a JavaScript object, if it has one.
    pub fn of(scope: &v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<Rc<Stream>> {
        wrap::attached::<Stream>(scope, value)
    }

    /// The JavaScript object, unless it was collected.
    pub fn object<'s>(&self, scope: &v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
        self.object.to_local(scope)
    }

    /// What it reads from and writes to.
    pub fn resource(&self) -> &Rc<dyn StreamResource> {
        &self.resource
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// Bytes taken for writing so far.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written.get()
    }

    /// The function that JavaScript set as `onread`.
    pub fn onread<'s>(&self, scope: &v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Function>> {
        self.onread
            .borrow()
            .as_ref()
            .map(|function| v8::Local::new(scope, function))
    }

    /// Sets `onread`.
    pub fn set_onread(&self, scope: &v8::PinScope<'_, '_>, function: v8::Local<'_, v8::Function>) {
        let function = v8::Global::new(scope, function);
        let _previous = self.onread.borrow_mut().replace(function);
    }

    /// Puts `listener` on top.
    pub fn push_listener(&self, listener: Rc<dyn StreamListener>) {
        self.listeners.borrow_mut().push(listener);
    }

    /// Takes `listener` out wherever it is.
    pub fn remove_listener(&self, listener: &Rc<dyn StreamListener>) {
        let mut listeners = self.listeners.borrow_mut();
        if let Some(at) = listeners
            .iter()
            .position(|other| Rc::ptr_eq(other, listener))
        {
            let _removed = listeners.remove(at);
        }
    }

    fn listener_at(&self, at: usize) -> Option<Rc<dyn StreamListener>> {
        self.listeners.borrow().get(at).cloned()
    }

    fn top(&self) -> Option<(usize, Rc<dyn StreamListener>)> {
        let at = self.listeners.borrow().len().checked_sub(1)?;
        Some((at, self.listener_at(at)?))
    }

    /// At most how many bytes the listener can take next.
    pub fn read_size(&self, suggested: usize) -> usize {
        self.top()
            .map_or(suggested, |(_, listener)| listener.read_size(suggested))
            .max(1)
    }

    /// Hands data or the end to the topmost listener.
    pub fn emit_read(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, read: Read) {
        if let Read::Data(bytes) = &read {
            self.bytes_read
                .set(self.bytes_read.get() + bytes.len() as u64);
        }
        if let Some((at, listener)) = self.top() {
            listener.on_read(scope, self, at, read);
        }
    }

    /// Hands an event on to the listener below `at`.
    pub fn pass_read(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, at: usize, read: Read) {
        if let Some((at, listener)) = at
            .checked_sub(1)
            .and_then(|at| Some((at, self.listener_at(at)?)))
        {
            listener.on_read(scope, self, at, read);
        }
    }

    pub(crate) fn emit_done(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        request: &StreamRequest,
        status: i32,
    ) {
        let Some((at, listener)) = self.top() else {
            return;
        };
        match request.kind() {
            RequestKind::Write => listener.on_after_write(scope, self, at, request, status),
            RequestKind::Shutdown => listener.on_after_shutdown(scope, self, at, request, status),
        }
    }

    /// Hands the end of a write on to the listener below `at`.
    pub fn pass_after_write(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        at: usize,
        request: &StreamRequest,
        status: i32,
    ) {
        if let Some((at, listener)) = at
            .checked_sub(1)
            .and_then(|at| Some((at, self.listener_at(at)?)))
        {
            listener.on_after_write(scope, self, at, request, status);
        }
    }

    /// Hands the end of a shutdown on to the listener below `at`.
    pub fn pass_after_shutdown(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        at: usize,
        request: &StreamRequest,
        status: i32,
    ) {
        if let Some((at, listener)) = at
            .checked_sub(1)
            .and_then(|at| Some((at, self.listener_at(at)?)))
        {
            listener.on_after_shutdown(scope, self, at, request, status);
        }
    }

    /// Tells the topmost listener that there is room for `size` bytes.
    pub fn emit_wants_write(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>, size: usize) {
        if let Some((_, listener)) = self.top() {
            listener.on_wants_write(scope, self, size);
        }
    }

    /// Tells every listener that the stream is gone, the topmost first, and drops them.
    pub fn destroy(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) {
        while let Some((_, listener)) = self.top() {
            listener.on_destroy(scope, self);
            self.remove_listener(&listener);
        }
    }

    /// Begins to read.
    pub fn read_start(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) -> i32 {
        self.resource.clone().read_start(scope, self)
    }

    /// Stops reading.
    pub fn read_stop(self: &Rc<Self>, scope: &mut v8::PinScope<'_, '_>) -> i32 {
        self.resource.clone().read_stop(scope, self)
    }

    /// Writes `bytes`: what goes at once now, the rest in the background under the request object `object`.
    pub fn write(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        bytes: Cow<'_, [u8]>,
        object: Option<v8::Local<'_, v8::Object>>,
    ) -> WriteResult {
        let total = bytes.len();
        self.bytes_written
            .set(self.bytes_written.get() + total as u64);
        let resource = self.resource.clone();
        let written = match resource.try_write(scope, self, &bytes) {
            Ok(Some(written)) if written >= total => {
                return WriteResult {
                    is_async: false,
                    error: 0,
                    bytes: total,
                };
            }
            Ok(written) => written.unwrap_or(0),
            Err(error) => {
                self.report_error(scope, object);
                return WriteResult {
                    is_async: false,
                    error,
                    bytes: total,
                };
            }
        };
        let rest = match bytes {
            Cow::Owned(mut bytes) => {
                bytes.drain(..written);
                bytes
            }
            Cow::Borrowed(bytes) if memory_guard::admit(total - written) => {
                bytes[written..].to_vec()
            }
            // The program is being ended.
            Cow::Borrowed(_) => Vec::new(),
        };
        self.write_in_background(scope, total, object, |scope, request| {
            resource.write(scope, self, request, rest)
        })
    }

    /// As [`Stream::write`] under a request object of its own, of pieces that end at `ends`: they stay apart where that is
    /// seen.
    pub fn write_pieces(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        bytes: &[u8],
        ends: &[usize],
    ) -> WriteResult {
        let resource = self.resource.clone();
        if !resource.keeps_pieces() {
            return self.write(scope, bytes.into(), None);
        }
        let total = bytes.len();
        self.bytes_written
            .set(self.bytes_written.get() + total as u64);
        let mut start = 0;
        let mut pieces = Vec::with_capacity(ends.len());
        for end in ends {
            pieces.extend(bytes.get(start..*end).map(<[u8]>::to_vec));
            start = *end;
        }
        self.write_in_background(scope, total, None, |scope, request| {
            resource.write_pieces(scope, self, request, pieces)
        })
    }

    fn write_in_background(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        total: usize,
        object: Option<v8::Local<'_, v8::Object>>,
        write: impl FnOnce(&mut v8::PinScope<'_, '_>, Rc<StreamRequest>) -> i32,
    ) -> WriteResult {
        let error = match StreamRequest::new(scope, self, RequestKind::Write, object) {
            Some(request) => {
                let error = write(scope, request.clone());
                if error != 0 {
                    request.dispose(scope);
                }
                self.report_error(scope, object);
                error
            }
            None => uv::error(Errno::EINVAL),
        };
        WriteResult {
            is_async: error == 0,
            error,
            bytes: total,
        }
    }

    /// As [`Stream::write`], always in the background, with the descriptor `fd` going along.
    pub fn write_with_descriptor(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        bytes: Vec<u8>,
        fd: Fd,
        object: v8::Local<'_, v8::Object>,
    ) -> WriteResult {
        let total = bytes.len();
        let error = match StreamRequest::new(scope, self, RequestKind::Write, Some(object)) {
            Some(request) => {
                let resource = self.resource.clone();
                let error = resource.write_with_descriptor(scope, self, request.clone(), bytes, fd);
                if error != 0 {
                    request.dispose(scope);
                }
                error
            }
            None => uv::error(Errno::EINVAL),
        };
        if error == 0 {
            self.bytes_written
                .set(self.bytes_written.get() + total as u64);
        }
        WriteResult {
            is_async: error == 0,
            error,
            bytes: total,
        }
    }

    /// Ends the writable side; 1 when that is done already, else 0 or an error.
    pub fn shutdown(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        object: Option<v8::Local<'_, v8::Object>>,
    ) -> i32 {
        let Some(request) = StreamRequest::new(scope, self, RequestKind::Shutdown, object) else {
            return uv::error(Errno::EINVAL);
        };
        let error = self.resource.clone().shutdown(scope, self, request.clone());
        if error != 0 {
            request.dispose(scope);
        }
        self.report_error(scope, object);
        error
    }

    fn report_error(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        object: Option<v8::Local<'_, v8::Object>>,
    ) {
        if let Some(text) = self.resource.take_error()
            && let Some(object) = object
        {
            let text = crate::js::exception::string(scope, &text).into();
            crate::js::convert::set(scope, object, "error", text);
        }
    }

    /// Shows the result of a write to the library.
    pub fn publish(scope: &v8::PinScope<'_, '_>, result: WriteResult) {
        let fields = Env::of(scope).aliased::<i32>(Slot::StreamBaseState);
        fields.set(
            state::BYTES_WRITTEN,
            i32::try_from(result.bytes).unwrap_or(i32::MAX),
        );
        fields.set(state::LAST_WRITE_WAS_ASYNC, i32::from(result.is_async));
    }

    /// Calls `onread` with the fields that say what was read.
    pub(crate) fn call_onread<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        count: i32,
        buffer: Option<v8::Local<'s, v8::ArrayBuffer>>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let object = self.object(scope)?;
        let onread = self.onread(scope)?;
        let fields = Env::of(scope).aliased::<i32>(Slot::StreamBaseState);
        fields.set(state::READ_BYTES_OR_ERROR, count);
        fields.set(state::ARRAY_BUFFER_OFFSET, 0);
        let argument = match buffer {
            Some(buffer) => buffer.into(),
            None => v8::undefined(scope).into(),
        };
        crate::js::callback_scope::make_callback(scope, object, onread, &[argument])
    }
}
