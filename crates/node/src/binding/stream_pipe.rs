//! `internalBinding('stream_pipe')`: from one native stream into another without JavaScript. Follows Node's
//! `src/stream_pipe.cc`.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::{async_wrap, callback_scope, convert, exception, wrap};
use crate::stream::{Read, Stream, StreamListener, StreamRequest};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .class("StreamPipe", new_stream_pipe)
        .inherits("AsyncWrap")
        .method("unpipe", unpipe)
        .method("start", start)
        .method("isClosed", is_closed)
        .method("pendingWrites", pending_writes);
}

/// What a sink that never says how much it wants is offered.
const CHUNK: usize = 65_536;

/// What listens to the source, and what to the sink.
type Listeners = (Rc<dyn StreamListener>, Rc<dyn StreamListener>);

struct StreamPipe {
    source: Rc<Stream>,
    sink: Rc<Stream>,
    object: RefCell<Option<v8::Global<v8::Object>>>,
    listeners: RefCell<Option<Listeners>>,
    closed: Cell<bool>,
    reading: Cell<bool>,
    at_end: Cell<bool>,
    destroyed: Cell<bool>,
    wanted: Cell<usize>,
    pending: Cell<u32>,
}

impl StreamPipe {
    fn read_on(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.closed.get() || self.at_end.get() || self.reading.replace(true) {
            return;
        }
        self.source.read_start(scope);
    }

    fn take(&self, scope: &mut v8::PinScope<'_, '_>, bytes: &[u8]) {
        self.pending.set(self.pending.get() + 1);
        let result = self.sink.write(scope, bytes.into(), None);
        if result.is_async {
            self.reading.set(false);
            self.source.read_stop(scope);
            return;
        }
        self.pending.set(self.pending.get() - 1);
        if result.error != 0 {
            self.unpipe(scope);
        }
    }

    fn finish(&self, scope: &mut v8::PinScope<'_, '_>) {
        if !self.destroyed.get() {
            self.sink.shutdown(scope, None);
        }
        self.unpipe(scope);
    }

    fn unpipe(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.closed.replace(true) {
            return;
        }
        if self.reading.replace(false) {
            self.source.read_stop(scope);
        }
        if let Some((readable, writable)) = self.listeners.take() {
            self.source.remove_listener(&readable);
            self.sink.remove_listener(&writable);
        }
        let Some(object) = self.object.take() else {
            return;
        };
        // Unpiping may happen in the middle of native work: JavaScript hears of it later.
        Env::of(scope)
            .event_loop
            .set_immediate_unref(Box::new(move |scope| {
                let object = v8::Local::new(scope, &object);
                callback_scope::make_named_callback(scope, object, "onunpipe", &[]);
                unlink(scope, object);
            }));
    }
}

/// Clears the properties that linked pipe, source and sink.
fn unlink(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) {
    let null = v8::null(scope).into();
    for (own, back) in [("source", "pipeTarget"), ("sink", "pipeSource")] {
        if let Some(other) =
            convert::get(scope, object, own).and_then(|o| v8::Local::<v8::Object>::try_from(o).ok())
        {
            convert::set(scope, other, back, null);
        }
        convert::set(scope, object, own, null);
    }
}

/// Listens to the source.
struct Readable(Weak<StreamPipe>);

/// Listens to the sink.
struct Writable(Weak<StreamPipe>);

impl StreamListener for Readable {
    fn read_size(&self, suggested: usize) -> usize {
        let wanted = self.0.upgrade().map_or(0, |pipe| pipe.wanted.get());
        if wanted == 0 {
            suggested.min(CHUNK)
        } else {
            suggested.min(wanted)
        }
    }

    fn on_read(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        at: usize,
        read: Read,
    ) {
        let Some(pipe) = self.0.upgrade() else { return };
        match read {
            Read::Data(bytes) => pipe.take(scope, &bytes),
            Read::End(error) => {
                pipe.at_end.set(true);
                pipe.reading.set(false);
                stream.read_stop(scope);
                stream.pass_read(scope, at, Read::End(error));
                if pipe.pending.get() == 0 {
                    pipe.finish(scope);
                }
            }
        }
    }

    fn on_destroy(&self, scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) {
        let Some(pipe) = self.0.upgrade() else { return };
        if !pipe.at_end.replace(true) && pipe.pending.get() == 0 {
            pipe.finish(scope);
        }
    }
}

impl StreamListener for Writable {
    fn on_read(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        at: usize,
        read: Read,
    ) {
        stream.pass_read(scope, at, read);
    }

    fn on_after_write(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        at: usize,
        request: &StreamRequest,
        status: i32,
    ) {
        let Some(pipe) = self.0.upgrade() else { return };
        pipe.pending.set(pipe.pending.get().saturating_sub(1));
        if pipe.at_end.get() {
            if pipe.pending.get() == 0 {
                pipe.finish(scope);
            }
            return;
        }
        if status != 0 {
            pipe.unpipe(scope);
            stream.pass_after_write(scope, at, request, status);
            return;
        }
        // A sink that asks for data says so itself; any other gets the next chunk now.
        if !stream.resource().has_wants_write() {
            pipe.read_on(scope);
        }
    }

    fn on_after_shutdown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        at: usize,
        request: &StreamRequest,
        status: i32,
    ) {
        if let Some(pipe) = self.0.upgrade() {
            pipe.unpipe(scope);
        }
        stream.pass_after_shutdown(scope, at, request, status);
    }

    fn on_wants_write(&self, scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>, size: usize) {
        let Some(pipe) = self.0.upgrade() else { return };
        pipe.wanted.set(size);
        pipe.read_on(scope);
    }

    fn on_destroy(&self, scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) {
        let Some(pipe) = self.0.upgrade() else { return };
        pipe.destroyed.set(true);
        pipe.at_end.set(true);
        pipe.unpipe(scope);
    }
}

fn new_stream_pipe(scope: Scope, args: Args, _rv: Return) {
    let streams = (
        Stream::of(scope, args.get(0)),
        Stream::of(scope, args.get(1)),
    );
    let (true, (Some(source), Some(sink))) = (args.is_construct_call(), streams) else {
        exception::throw_invalid_argument(scope, "StreamPipe takes two native streams");
        return;
    };
    let object = args.this();
    let pipe = Rc::new(StreamPipe {
        source: source.clone(),
        sink: sink.clone(),
        object: RefCell::new(Some(v8::Global::new(scope, object))),
        listeners: RefCell::default(),
        closed: Cell::new(true),
        reading: Cell::new(false),
        at_end: Cell::new(false),
        destroyed: Cell::new(false),
        wanted: Cell::new(0),
        pending: Cell::new(0),
    });
    async_wrap::wrap_async(scope, object, "STREAMPIPE", pipe.clone());
    let readable: Rc<dyn StreamListener> = Rc::new(Readable(Rc::downgrade(&pipe)));
    let writable: Rc<dyn StreamListener> = Rc::new(Writable(Rc::downgrade(&pipe)));
    source.push_listener(readable.clone());
    sink.push_listener(writable.clone());
    *pipe.listeners.borrow_mut() = Some((readable, writable));
    // The links keep the three alive as a group, and let each find the others.
    let (source, sink) = (args.get(0), args.get(1));
    convert::set(scope, object, "source", source);
    convert::set(scope, object, "sink", sink);
    for (other, back) in [(source, "pipeTarget"), (sink, "pipeSource")] {
        if let Ok(other) = v8::Local::<v8::Object>::try_from(other) {
            convert::set(scope, other, back, object.into());
        }
    }
}

fn pipe_of(scope: Scope, args: &Args) -> Option<Rc<StreamPipe>> {
    Some((*wrap::unwrap::<Rc<StreamPipe>>(scope, args.this().into())?).clone())
}

fn start(scope: Scope, args: Args, _rv: Return) {
    let Some(pipe) = pipe_of(scope, &args) else {
        return;
    };
    if pipe.listeners.borrow().is_none() {
        return;
    }
    pipe.closed.set(false);
    if pipe.wanted.get() > 0 || !pipe.sink.resource().has_wants_write() {
        pipe.read_on(scope);
    }
}

fn unpipe(scope: Scope, args: Args, _rv: Return) {
    if let Some(pipe) = pipe_of(scope, &args) {
        pipe.unpipe(scope);
    }
}

fn is_closed(scope: Scope, args: Args, mut rv: Return) {
    rv.set_bool(pipe_of(scope, &args).is_none_or(|pipe| pipe.closed.get()));
}

fn pending_writes(scope: Scope, args: Args, mut rv: Return) {
    rv.set_uint32(pipe_of(scope, &args).map_or(0, |pipe| pipe.pending.get()));
}
