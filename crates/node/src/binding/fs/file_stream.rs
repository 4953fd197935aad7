//! The stream that a `FileHandle` is: what HTTP/2 pipes into its streams. Follows `FileHandle::ReadStart` of Node's
//! `src/node_file.cc`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};

use secure_exec_kernel::Errno;

use super::file_handle::FileHandle;
use crate::env::Env;
use crate::event_loop::{Completion, TaskKey};
use crate::js::uv;
use crate::stream::{Read, Stream, StreamRequest, StreamResource, UV_EOF};

/// What is read at a time.
const CHUNK: usize = 65_536;

/// Which part of the file is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    /// Where it begins; `None` for where the descriptor stands.
    pub offset: Option<u64>,
    /// How long it is; `None` for all that there is.
    pub length: Option<u64>,
}

/// Reads the file of a handle from begin to end.
pub struct FileStream {
    this: Weak<FileStream>,
    handle: Rc<FileHandle>,
    range: Cell<Range>,
    reading: Cell<bool>,
    /// A read is going on.
    reader: Cell<Option<TaskKey>>,
    /// What was read when nobody wanted it any more.
    kept: RefCell<Option<Read>>,
}

impl FileStream {
    /// A stream of the file of `handle`.
    pub fn new(handle: Rc<FileHandle>, range: Range) -> Rc<FileStream> {
        Rc::new_cyclic(|this| FileStream {
            this: this.clone(),
            handle,
            range: Cell::new(range),
            reading: Cell::new(false),
            reader: Cell::new(None),
            kept: RefCell::default(),
        })
    }

    /// Reads the next piece, and tells of it in a turn of its own.
    fn schedule_read(&self, env: &Env, stream: &Rc<Stream>) {
        let (process, fd) = (self.handle.process().clone(), self.handle.fd());
        let range = self.range.get();
        let wanted = range.length.map_or(CHUNK, |length| {
            usize::try_from(length).unwrap_or(CHUNK).min(CHUNK)
        });
        let room = stream.read_size(wanted).min(wanted);
        let (this, stream) = (self.this.clone(), stream.clone());
        let key = env.event_loop.spawn(async move {
            let mut bytes = vec![0; room];
            let result = match range.offset {
                Some(offset) => process.pread(fd, &mut bytes, offset),
                None => poll_fn(|cx| process.poll_read(fd, &mut bytes, cx)).await,
            };
            let result = result.map(|count| {
                bytes.truncate(count);
                bytes
            });
            Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
                if let Some(this) = this.upgrade() {
                    this.reader.set(None);
                    this.arrived(scope, &stream, result);
                }
            }) as Completion
        });
        self.reader.set(Some(key));
    }

    fn arrived(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        result: Result<Vec<u8>, Errno>,
    ) {
        let read = match result {
            Ok(bytes) if bytes.is_empty() => Read::End(UV_EOF),
            Ok(bytes) => {
                self.advance(bytes.len());
                Read::Data(bytes)
            }
            Err(errno) => Read::End(uv::error(errno)),
        };
        if !self.reading.get() {
            *self.kept.borrow_mut() = Some(read);
            return;
        }
        self.emit(scope, stream, read);
    }

    fn advance(&self, bytes: usize) {
        let Range { offset, length } = self.range.get();
        // No file is as large as a number.
        let bytes = bytes as u64;
        self.range.set(Range {
            offset: offset.map(|offset| offset.saturating_add(bytes)),
            length: length.map(|length| length.saturating_sub(bytes)),
        });
    }

    fn emit(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>, read: Read) {
        if matches!(read, Read::End(_)) {
            self.reading.set(false);
        }
        stream.emit_read(scope, read);
        self.read_on(scope, stream);
    }

    fn read_on(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) {
        if !self.reading.get() || self.reader.get().is_some() {
            return;
        }
        let kept = self.kept.take();
        if let Some(read) = kept {
            self.emit(scope, stream, read);
        } else if self.range.get().length == Some(0) {
            self.emit(scope, stream, Read::End(UV_EOF));
        } else {
            self.schedule_read(&Env::of(scope), stream);
        }
    }
}

impl StreamResource for FileStream {
    fn read_start(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> i32 {
        if self.handle.fd() < 0 {
            return UV_EOF;
        }
        if !self.reading.replace(true) {
            self.read_on(scope, stream);
        }
        0
    }

    fn read_stop(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> i32 {
        self.reading.set(false);
        0
    }

    fn write(
        &self,
        _scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _request: Rc<StreamRequest>,
        _bytes: Vec<u8>,
    ) -> i32 {
        uv::error(Errno::ENOSYS)
    }

    fn shutdown(
        &self,
        _scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _request: Rc<StreamRequest>,
    ) -> i32 {
        uv::error(Errno::ENOSYS)
    }

    fn fd(&self) -> i32 {
        self.handle.fd()
    }
}
