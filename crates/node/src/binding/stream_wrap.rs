//! `internalBinding('stream_wrap')`: request classes and the base class of streams over a descriptor. Follows Node's
//! `src/stream_wrap.cc`.

use std::rc::Rc;

use secure_exec_kernel::{Errno, Process};

use super::stream_base;
use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::{Definition, illegal_constructor};
use crate::js::handle::{Handle, HandleResource};
use crate::js::{async_wrap, convert, exception, uv};
use crate::stream::{KernelStream, Stream, state};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    let class = definition
        .class("LibuvStreamWrap", illegal_constructor)
        .inherits("HandleWrap")
        .hidden();
    class
        .getter("writeQueueSize", write_queue_size)
        .method("setBlocking", set_blocking);
    stream_base::add_methods(class);
    definition
        .class("ShutdownWrap", new_request)
        .inherits("AsyncWrap");
    definition
        .class("WriteWrap", new_request)
        .inherits("AsyncWrap");
    definition.init(initialize);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let env = Env::of(scope);
    let array = env.aliased_array::<i32>(scope, Slot::StreamBaseState, state::COUNT);
    convert::set(scope, binding, "streamBaseState", array);
}

/// A request object becomes a request when a stream takes it.
pub fn new_request(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        let message = "Class constructor cannot be invoked without `new`";
        exception::throw_construct_call_required(scope, message);
    }
}

struct Closer {
    stream: Rc<Stream>,
    kernel_stream: Rc<KernelStream>,
}

impl HandleResource for Closer {
    fn close(&self, scope: &mut v8::PinScope<'_, '_>) {
        self.kernel_stream.close(scope);
    }

    fn closed(&self, scope: &mut v8::PinScope<'_, '_>) {
        self.kernel_stream.cancel_requests(scope);
        self.stream.destroy(scope);
    }

    fn abandoned(&self) {
        self.kernel_stream.forget_requests();
    }

    fn close_descriptor(&self, process: &Process) {
        self.kernel_stream.close_descriptor(process);
    }
}

/// The native value of a class that inherits `LibuvStreamWrap`, before its stream is attached.
struct Wrapped;

/// Makes `object`, just constructed, a stream handle without a descriptor.
pub fn construct(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    provider: &'static str,
    name: &'static str,
) -> Rc<KernelStream> {
    async_wrap::wrap_async(scope, object, provider, Wrapped);
    let handle = Handle::attach(scope, object, name);
    let kernel_stream = KernelStream::new(handle.clone());
    let stream = kernel_stream.attach(scope, object);
    handle.set_resource(Rc::new(Closer {
        stream,
        kernel_stream: kernel_stream.clone(),
    }));
    kernel_stream
}

fn write_queue_size(scope: Scope, args: Args, mut rv: Return) {
    let stream = KernelStream::of(scope, args.this().into());
    let size = stream.map_or(0, |stream| stream.write_queue_size());
    rv.set_double(size as f64);
}

fn set_blocking(scope: Scope, args: Args, mut rv: Return) {
    let result = match KernelStream::of(scope, args.this().into()) {
        Some(stream) => {
            stream.set_blocking(args.get(0).is_true());
            0
        }
        None => uv::error(Errno::EBADF),
    };
    rv.set_int32(result);
}
