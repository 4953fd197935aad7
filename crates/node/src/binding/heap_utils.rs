//! `internalBinding('heap_utils')`: heap snapshots, as a stream or a file. Follows Node's `src/heap_utils.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use secure_exec_kernel::Errno;

use super::stream_base;
use crate::callback::{Args, Return, Scope, contain_bare};
use crate::env::Env;
use crate::js::class::{Definition, class_template, illegal_constructor};
use crate::js::exception::{self, SyscallContext};
use crate::js::{async_wrap, convert, permission, uv};
use crate::memory::gathered::Gathered;
use crate::options::permission::Access;
use crate::process::diagnostic_file;
use crate::stream::{Read, Stream, StreamRequest, StreamResource, UV_EOF};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("buildEmbedderGraph", build_embedder_graph)
        .function("createHeapSnapshotStream", create_heap_snapshot_stream)
        .function("triggerHeapSnapshot", trigger_heap_snapshot);
    let class = definition
        .class("HeapSnapshotStream", illegal_constructor)
        .hidden()
        .inherits("AsyncWrap");
    stream_base::add_methods(class);
}

/// Bytes that a reader gets at a time.
const CHUNK: usize = 64 << 10;

/// A snapshot: of this heap, taken when the stream is first read, or one that was taken of another thread.
struct HeapSnapshot {
    taken: RefCell<Option<Vec<u8>>>,
}

impl StreamResource for HeapSnapshot {
    fn read_start(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> i32 {
        let taken = self.taken.take();
        let snapshot = taken.unwrap_or_else(|| take(scope));
        for chunk in snapshot.chunks(CHUNK) {
            stream.emit_read(scope, Read::Data(chunk.to_vec()));
        }
        stream.emit_read(scope, Read::End(UV_EOF));
        0
    }

    fn read_stop(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> i32 {
        0
    }

    fn write(
        &self,
        _scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _request: Rc<StreamRequest>,
        _bytes: Vec<u8>,
    ) -> i32 {
        uv::error(Errno::EBADF)
    }

    fn shutdown(
        &self,
        _scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _request: Rc<StreamRequest>,
    ) -> i32 {
        uv::error(Errno::EBADF)
    }
}

/// The snapshot of this heap, as JSON.
pub fn take(scope: &mut v8::PinScope<'_, '_>) -> Vec<u8> {
    let mut snapshot = Gathered::default();
    scope.take_heap_snapshot(|chunk| {
        // What V8 is not given, it does not go on with.
        contain_bare(|| snapshot.push(chunk)).unwrap_or(false)
    });
    snapshot.into_vec()
}

/// `buildEmbedderGraph()`: what the embedder adds to V8's snapshots, which is nothing here: what is behind an object of a
/// binding is not among the program's values.
fn build_embedder_graph(scope: Scope, _args: Args, mut rv: Return) {
    rv.set(v8::Array::new(scope, 0).into());
}

/// `createHeapSnapshotStream(options)`. V8 has one kind of snapshot: it shows numbers, and no internals, whatever is asked
/// for.
fn create_heap_snapshot_stream(scope: Scope, _args: Args, mut rv: Return) {
    if let Some(object) = new_stream(scope, None) {
        rv.set(object.into());
    }
}

/// A stream of the snapshot `taken`, or of one of this heap.
pub fn new_stream<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    taken: Option<Vec<u8>>,
) -> Option<v8::Local<'s, v8::Object>> {
    let template = class_template(scope, "HeapSnapshotStream")?;
    let object = template.instance_template(scope).new_instance(scope)?;
    async_wrap::wrap_async(scope, object, "HEAPSNAPSHOT", ());
    let snapshot = HeapSnapshot {
        taken: RefCell::new(taken),
    };
    Stream::attach(scope, object, Rc::new(snapshot));
    Some(object)
}

/// `triggerHeapSnapshot(filename, options)`: the name of the file that was written.
fn trigger_heap_snapshot(scope: Scope, args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let process = env.process();
    let path = if args.get(0).is_undefined() {
        diagnostic_file::name(&env, "Heap", "heapsnapshot").into_bytes()
    } else {
        match convert::path_bytes(scope, args.get(0)) {
            Some(path) => path,
            None => {
                exception::throw_invalid_argument(
                    scope,
                    "The \"path\" argument must be a string or a Buffer",
                );
                return;
            }
        }
    };
    if !permission::require(scope, Access::FileSystemWrite, &path) {
        return;
    }
    let snapshot = take(scope);
    if let Err(errno) = diagnostic_file::write(&process, &path, &snapshot) {
        let context = SyscallContext {
            syscall: "open",
            path: Some(&path),
            ..SyscallContext::default()
        };
        exception::throw_errno(scope, errno, context);
        return;
    }
    rv.set(exception::string(scope, &String::from_utf8_lossy(&path)).into());
}
