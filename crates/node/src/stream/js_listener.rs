//! The listeners at the bottom of a stream: they report to JavaScript.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Read, Stream, StreamListener, StreamRequest};
use crate::js::convert;

/// Calls `onread` with a new `ArrayBuffer` for each read, and `oncomplete` of requests.
pub struct JsListener;

impl StreamListener for JsListener {
    fn on_read(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        _at: usize,
        read: Read,
    ) {
        v8::scope!(let scope, scope);
        match read {
            Read::Data(bytes) => {
                let count = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
                let buffer = convert::array_buffer(scope, bytes);
                stream.call_onread(scope, count, Some(buffer));
            }
            Read::End(error) => {
                stream.call_onread(scope, error, None);
            }
        }
    }

    fn on_after_write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        _at: usize,
        request: &StreamRequest,
        status: i32,
    ) {
        request.call_oncomplete(scope, stream, status);
    }

    fn on_after_shutdown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        _at: usize,
        request: &StreamRequest,
        status: i32,
    ) {
        request.call_oncomplete(scope, stream, status);
    }
}

/// Copies what is read into a buffer that the guest supplied (`useUserBuffer`); `onread` may return the next one.
pub struct CustomBufferListener {
    buffer: RefCell<v8::Global<v8::Value>>,
    size: std::cell::Cell<usize>,
}

impl CustomBufferListener {
    /// A listener for `buffer`; `None` unless it is a view of memory with room.
    pub fn new(
        scope: &v8::PinScope<'_, '_>,
        buffer: v8::Local<'_, v8::Value>,
    ) -> Option<CustomBufferListener> {
        let size = convert::with_bytes(buffer, <[u8]>::len).filter(|size| *size > 0)?;
        Some(CustomBufferListener {
            buffer: RefCell::new(v8::Global::new(scope, buffer)),
            size: std::cell::Cell::new(size),
        })
    }
}

impl StreamListener for CustomBufferListener {
    fn read_size(&self, _suggested: usize) -> usize {
        self.size.get()
    }

    fn on_read(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        _at: usize,
        read: Read,
    ) {
        v8::scope!(let scope, scope);
        let count = match read {
            Read::Data(bytes) => {
                let buffer = v8::Local::new(scope, &*self.buffer.borrow());
                let copied = convert::with_bytes_mut(buffer, |target| {
                    let count = target.len().min(bytes.len());
                    target[..count].copy_from_slice(&bytes[..count]);
                    count
                });
                i32::try_from(copied.unwrap_or(0)).unwrap_or(i32::MAX)
            }
            Read::End(error) => error,
        };
        let next = stream.call_onread(scope, count, None);
        if let Some(next) = next.filter(|next| !next.is_undefined())
            && let Some(size) = convert::with_bytes(next, <[u8]>::len).filter(|size| *size > 0)
        {
            let next = v8::Global::new(scope, next);
            let _previous = self.buffer.replace(next);
            self.size.set(size);
        }
    }
}
