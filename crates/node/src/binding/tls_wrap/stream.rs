//! The two faces of a connection: it listens to the stream below, and is a stream to JavaScript.

use std::rc::{Rc, Weak};

use super::connection::TlsWrap;
use crate::stream::{Read, Stream, StreamListener, StreamRequest, StreamResource, UV_EOF};

/// Listens to the stream below.
pub struct Below(pub Weak<TlsWrap>);

impl StreamListener for Below {
    fn on_read(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _at: usize,
        read: Read,
    ) {
        let Some(wrap) = self.0.upgrade() else { return };
        // What follows the peer's goodbye is not for us.
        if wrap.ended.get() {
            return;
        }
        match read {
            Read::Data(bytes) => wrap.take_input(scope, &bytes),
            Read::End(error) => {
                wrap.clear_out(scope);
                if error == UV_EOF {
                    wrap.ended.set(true);
                }
                wrap.emit(scope, Read::End(error));
            }
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
            Some(wrap) if !wrap.is_foreign_write() => wrap.after_write(scope, status),
            _ => stream.pass_after_write(scope, at, request, status),
        }
    }
}

impl StreamResource for TlsWrap {
    fn read_start(&self, scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> i32 {
        self.reading.set(true);
        if self.ended.get() || self.is_paused() {
            return 0;
        }
        self.below.read_start(scope)
    }

    fn read_stop(&self, scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> i32 {
        self.reading.set(false);
        self.below.read_stop(scope)
    }

    fn write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
        bytes: Vec<u8>,
    ) -> i32 {
        self.start_write(scope, request, bytes)
    }

    fn shutdown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        request: Rc<StreamRequest>,
    ) -> i32 {
        self.say_goodbye(scope);
        let resource = self.below.resource().clone();
        resource.shutdown(scope, &self.below, request)
    }

    fn is_alive(&self, scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> bool {
        let resource = self.below.resource().clone();
        self.ssl().is_some() && resource.is_alive(scope, &self.below)
    }

    fn is_closing(&self, scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> bool {
        let resource = self.below.resource().clone();
        resource.is_closing(scope, &self.below)
    }

    fn fd(&self) -> i32 {
        self.below.resource().fd()
    }

    fn take_error(&self) -> Option<String> {
        TlsWrap::take_error(self)
    }
}
