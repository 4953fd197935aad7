//! `internalBinding('blob')`: immutable bytes in parts, in memory or in files. Follows Node's `src/node_blob.cc`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;

use secure_exec_kernel::Errno;
use secure_exec_kernel::abi::stat::{Stat, Timespec};

use super::fs::{self, open_file, path_argument};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::{Definition, class_template};
use crate::js::transfer::{Store, TransferData};
use crate::js::{async_wrap, callback_scope, convert, exception, uv, wrap};
use crate::memory::gathered::Gathered;

/// What a reader tells of one pull.
const STATUS_END: i32 = 0;
const STATUS_CONTINUE: i32 = 1;

/// Most bytes that one pull yields.
const CHUNK: u64 = 64 * 1024;

/// A run of bytes of a blob.
#[derive(Clone)]
enum Part {
    /// Memory that nobody writes to any more.
    Memory {
        store: v8::SharedRef<v8::BackingStore>,
        offset: usize,
        length: usize,
    },
    /// A range of a file, as it was when the blob was made.
    File {
        path: Rc<[u8]>,
        offset: u64,
        length: u64,
        size: u64,
        mtime: Timespec,
    },
}

impl Part {
    fn length(&self) -> u64 {
        match self {
            Part::Memory { length, .. } => *length as u64,
            Part::File { length, .. } => *length,
        }
    }

    /// The part between `start` and `end`, which lie within it.
    fn slice(&self, start: u64, end: u64) -> Part {
        let mut part = self.clone();
        match &mut part {
            Part::Memory { offset, length, .. } => {
                *offset += usize::try_from(start).unwrap_or(*length);
                *length = usize::try_from(end - start).unwrap_or(0);
            }
            Part::File { offset, length, .. } => {
                *offset += start;
                *length = end - start;
            }
        }
        part
    }
}

/// The native side of a `Blob` handle.
pub struct Blob {
    parts: Rc<[Part]>,
}

/// The native side of a `BlobReader`.
struct BlobReader {
    parts: RefCell<VecDeque<Part>>,
    ended: Cell<bool>,
}

/// A blob that a URL names, with its size and type.
type DataObject = (v8::Global<v8::Object>, f64, String);

/// The store behind `URL.createObjectURL()`.
#[derive(Default)]
struct ObjectUrls(RefCell<HashMap<String, DataObject>>);

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("createBlob", create_blob)
        .function("storeDataObject", store_data_object)
        .function("getDataObject", get_data_object)
        .function("revokeObjectURL", revoke_object_url)
        .function("concat", concat)
        .function("createBlobFromFilePath", create_blob_from_file_path);
    definition
        .class("Blob", crate::js::class::illegal_constructor)
        .hidden()
        .method("getReader", get_reader)
        .method("slice", slice);
    definition
        .class("BlobReader", crate::js::class::illegal_constructor)
        .inherits("AsyncWrap")
        .hidden()
        .method("pull", pull)
        .method("setWakeup", set_wakeup);
}

/// A new handle for `parts`.
fn new_blob<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    parts: Rc<[Part]>,
) -> Option<v8::Local<'s, v8::Object>> {
    let template = class_template(scope, "Blob")?;
    let object = template.instance_template(scope).new_instance(scope)?;
    wrap::wrap(scope, object, Blob { parts });
    Some(object)
}

/// A second handle for the same bytes: structured clones share them. `None` where `value` is no blob handle.
pub fn clone_blob<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<v8::Local<'s, v8::Object>> {
    let blob = wrap::unwrap::<Blob>(scope, value)?;
    new_blob(scope, blob.parts.clone())
}

/// Bytes of a blob on their way to another heap.
struct BlobData(Vec<(Store, usize, usize)>);

/// A blob handle for another heap; the bytes are shared. `None` for what is no blob or has a part in a file, which the
/// library refuses to clone.
pub fn clone_to_message(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Box<dyn TransferData>> {
    let blob = wrap::unwrap::<Blob>(scope, object.into())?;
    let parts = blob.parts.iter().map(|part| match part {
        Part::Memory {
            store,
            offset,
            length,
        } => Some((Store(store.clone()), *offset, *length)),
        Part::File { .. } => None,
    });
    Some(Box::new(BlobData(parts.collect::<Option<_>>()?)))
}

impl TransferData for BlobData {
    fn deserialize<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let parts = self.0.iter().map(|(store, offset, length)| Part::Memory {
            store: store.0.clone(),
            offset: *offset,
            length: *length,
        });
        new_blob(scope, parts.collect())
    }
}

fn this_blob(scope: Scope, args: &Args) -> Option<Rc<Blob>> {
    let blob = wrap::unwrap::<Blob>(scope, args.this().into());
    if blob.is_none() {
        exception::throw_invalid_argument(scope, "The receiver is no Blob");
    }
    blob
}

/// `createBlob(sources, length)`: the sources are blob handles and arrays that the library gives away.
fn create_blob(scope: Scope, args: Args, mut rv: Return) {
    let Ok(sources) = v8::Local::<v8::Array>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"sources\" argument must be an array");
        return;
    };
    let mut parts = Vec::new();
    for index in 0..sources.length() {
        let Some(source) = sources.get_index(scope, index) else {
            return;
        };
        if let Some(blob) = wrap::unwrap::<Blob>(scope, source) {
            parts.extend(blob.parts.iter().cloned());
        } else if let Some((store, offset, length)) = convert::memory(source) {
            if let Some(store) = store
                && length > 0
            {
                parts.push(Part::Memory {
                    store,
                    offset,
                    length,
                });
            }
            detach(scope, source);
        } else {
            exception::throw_invalid_argument(
                scope,
                "The \"sources\" argument must hold blobs and buffers only",
            );
            return;
        }
    }
    if let Some(blob) = new_blob(scope, parts.into()) {
        rv.set(blob.into());
    }
}

/// Takes the memory away from the array, so that the blob cannot change any more.
fn detach(scope: &mut v8::PinScope<'_, '_>, source: v8::Local<'_, v8::Value>) {
    let buffer = match v8::Local::<v8::ArrayBufferView>::try_from(source) {
        Ok(view) => view.buffer(scope),
        Err(_) => v8::Local::<v8::ArrayBuffer>::try_from(source).ok(),
    };
    if let Some(buffer) = buffer
        && buffer.is_detachable()
    {
        // A buffer with a detach key stays with its owner, who is the library itself.
        let _detached = buffer.detach(None);
    }
}

/// `blob.slice(start, end)`
fn slice(scope: Scope, args: Args, mut rv: Return) {
    let Some(blob) = this_blob(scope, &args) else {
        return;
    };
    let bound = |scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>| {
        value
            .integer_value(scope)
            .and_then(|number| u64::try_from(number).ok())
            .unwrap_or(0)
    };
    let start = bound(scope, args.get(0));
    let end = bound(scope, args.get(1));
    let mut parts = Vec::new();
    let mut position = 0;
    for part in blob.parts.iter() {
        let length = part.length();
        let from = start.clamp(position, position + length) - position;
        let to = end.clamp(position, position + length) - position;
        if from < to {
            parts.push(part.slice(from, to));
        }
        position += length;
    }
    if let Some(blob) = new_blob(scope, parts.into()) {
        rv.set(blob.into());
    }
}

/// `blob.getReader()`
fn get_reader(scope: Scope, args: Args, mut rv: Return) {
    let Some(blob) = this_blob(scope, &args) else {
        return;
    };
    let Some(template) = class_template(scope, "BlobReader") else {
        return;
    };
    let Some(object) = template.instance_template(scope).new_instance(scope) else {
        return;
    };
    let parts = RefCell::new(blob.parts.iter().cloned().collect());
    async_wrap::wrap_async(
        scope,
        object,
        "BLOBREADER",
        BlobReader {
            parts,
            ended: Cell::new(false),
        },
    );
    rv.set(object.into());
}

/// `reader.pull(callback)`: the callback gets a status and an ArrayBuffer. Memory is given at once, a file's bytes in
/// the next poll phase.
fn pull(scope: Scope, args: Args, _rv: Return) {
    let reader = wrap::unwrap::<BlobReader>(scope, args.this().into());
    let Some(reader) = reader else {
        exception::throw_invalid_argument(scope, "The receiver must be a reader of a blob");
        return;
    };
    let Some(callback) = convert::function_argument(scope, &args, 0, "callback") else {
        return;
    };
    let next = reader.parts.borrow_mut().pop_front();
    let receiver = args.this();
    match next {
        None => {
            reader.ended.set(true);
            let status = v8::Integer::new(scope, STATUS_END).into();
            let undefined = v8::undefined(scope).into();
            callback.call(scope, receiver.into(), &[status, undefined]);
        }
        Some(Part::Memory {
            store,
            offset,
            length,
        }) => {
            let bytes = copy_out(&store, offset, length);
            let status = v8::Integer::new(scope, STATUS_CONTINUE).into();
            let buffer = convert::array_buffer(scope, bytes).into();
            callback.call(scope, receiver.into(), &[status, buffer]);
        }
        Some(file @ Part::File { .. }) => {
            let callback = v8::Global::new(scope, callback);
            let receiver = v8::Global::new(scope, receiver);
            Env::of(scope).event_loop.defer(Box::new(move |scope| {
                let result = read_part(&Env::of(scope), &file);
                if let (Ok(bytes), Some(reader)) = (&result, unwrap_global(scope, &receiver)) {
                    let done = bytes.len() as u64;
                    if done < file.length() {
                        reader
                            .parts
                            .borrow_mut()
                            .push_front(file.slice(done, file.length()));
                    }
                }
                let receiver = v8::Local::new(scope, &receiver);
                let callback = v8::Local::new(scope, &callback);
                let arguments: [v8::Local<v8::Value>; 2] = match result {
                    Ok(bytes) => [
                        v8::Integer::new(scope, STATUS_CONTINUE).into(),
                        convert::array_buffer(scope, bytes).into(),
                    ],
                    Err(errno) => [
                        v8::Integer::new(scope, uv::error(errno)).into(),
                        v8::undefined(scope).into(),
                    ],
                };
                callback_scope::make_callback(scope, receiver, callback, &arguments);
            }));
        }
    }
}

fn unwrap_global(
    scope: &mut v8::PinScope<'_, '_>,
    object: &v8::Global<v8::Object>,
) -> Option<Rc<BlobReader>> {
    let object = v8::Local::new(scope, object);
    wrap::unwrap(scope, object.into())
}

fn copy_out(store: &v8::SharedRef<v8::BackingStore>, offset: usize, length: usize) -> Vec<u8> {
    let offset = offset.min(store.byte_length());
    let length = length.min(store.byte_length() - offset);
    store[offset..offset + length]
        .iter()
        .map(Cell::get)
        .collect()
}

/// Up to a chunk from the start of a file's part. A file that changed since the blob was made cannot be read.
fn read_part(env: &Env, part: &Part) -> Result<Vec<u8>, Errno> {
    let Part::File {
        path,
        offset,
        length,
        size,
        mtime,
    } = part
    else {
        return Ok(Vec::new());
    };
    let process = env.process();
    let fd = open_file(env, path, 0, 0)?;
    let result = process.fstat(fd).and_then(|stat: Stat| {
        if stat.size != *size || stat.mtime != *mtime {
            return Err(Errno::EINVAL);
        }
        let mut bytes = vec![0; usize::try_from((*length).min(CHUNK)).unwrap_or(0)];
        let count = process.pread(fd, &mut bytes, *offset)?;
        bytes.truncate(count);
        if count == 0 {
            Err(Errno::EIO)
        } else {
            Ok(bytes)
        }
    });
    process.close(fd)?;
    result
}

/// `reader.setWakeup(callback)`: no source of ours ever makes a reader wait, so nobody is to be woken.
fn set_wakeup(_scope: Scope, _args: Args, _rv: Return) {}

/// `createBlobFromFilePath(path)`: `[blob, length]`, or nothing where the file cannot be read.
fn create_blob_from_file_path(scope: Scope, args: Args, mut rv: Return) {
    let Ok(path) = path_argument(scope, args.get(0)) else {
        return;
    };
    if fs::thrown(scope, &args, &[(0, fs::Read)]) {
        return;
    }
    let Ok(stat) = Env::of(scope).process().stat(&path) else {
        return;
    };
    let part = Part::File {
        path: path.into(),
        offset: 0,
        length: stat.size,
        size: stat.size,
        mtime: stat.mtime,
    };
    let parts: Vec<Part> = if stat.size == 0 {
        Vec::new()
    } else {
        vec![part]
    };
    let Some(blob) = new_blob(scope, parts.into()) else {
        return;
    };
    #[expect(clippy::cast_precision_loss, reason = "a file's size stays below 2^53")]
    let length = v8::Number::new(scope, stat.size as f64).into();
    rv.set(v8::Array::new_with_elements(scope, &[blob.into(), length]).into());
}

/// `concat(buffers)`: one ArrayBuffer.
fn concat(scope: Scope, args: Args, mut rv: Return) {
    let Ok(buffers) = v8::Local::<v8::Array>::try_from(args.get(0)) else {
        exception::throw_invalid_argument(scope, "The \"buffers\" argument must be an array");
        return;
    };
    let mut all = Gathered::default();
    for index in 0..buffers.length() {
        let Some(buffer) = buffers.get_index(scope, index) else {
            return;
        };
        match convert::with_bytes(buffer, |bytes| all.push(bytes)) {
            Some(true) => {}
            // The program is being ended.
            Some(false) => return,
            None => {
                let message = "The \"buffers\" argument must hold buffers only";
                return exception::throw_invalid_argument(scope, message);
            }
        }
    }
    rv.set(convert::array_buffer(scope, all.into_vec()).into());
}

/// `storeDataObject(id, blob, size, type)`
fn store_data_object(scope: Scope, args: Args, _rv: Return) {
    let id = convert::text(scope, args.get(0));
    let Some(blob) = clone_blob(scope, args.get(1)) else {
        exception::throw_invalid_argument(scope, "The \"handle\" argument must be a Blob handle");
        return;
    };
    let size = args.get(2).number_value(scope).unwrap_or(0.0);
    let kind = convert::text(scope, args.get(3));
    let object = (v8::Global::new(scope, blob), size, kind);
    Env::of(scope)
        .state::<ObjectUrls>()
        .0
        .borrow_mut()
        .insert(id, object);
}

/// `getDataObject(id)`: `[blob, size, type]`
fn get_data_object(scope: Scope, args: Args, mut rv: Return) {
    let id = convert::text(scope, args.get(0));
    let urls = Env::of(scope).state::<ObjectUrls>();
    let found = urls.0.borrow().get(&id).cloned();
    let Some((blob, size, kind)) = found else {
        return;
    };
    let fields = [
        v8::Local::new(scope, &blob).into(),
        v8::Number::new(scope, size).into(),
        exception::string(scope, &kind).into(),
    ];
    rv.set(v8::Array::new_with_elements(scope, &fields).into());
}

/// `revokeObjectURL(url)`: forgets what `blob:nodedata:id` names; any other URL names nothing.
fn revoke_object_url(scope: Scope, args: Args, _rv: Return) {
    let url = convert::text(scope, args.get(0));
    let Some(id) = url.trim().strip_prefix("blob:nodedata:") else {
        return;
    };
    let id = id.split(['?', '#']).next().unwrap_or(id);
    let removed = Env::of(scope)
        .state::<ObjectUrls>()
        .0
        .borrow_mut()
        .remove(id);
    drop(removed);
}
