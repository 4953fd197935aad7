//! `Deserializer`.

use std::rc::Rc;

use v8::ValueDeserializerHelper;

use super::{hook, refuse_plain_call};
use crate::callback::{Args, Contained, Return, Scope};
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};
use crate::js::{convert, wrap};

/// Adds the class.
pub fn define(definition: &mut Definition) {
    definition
        .class("Deserializer", construct)
        .method("readHeader", read_header)
        .method("readValue", read_value)
        .method("getWireFormatVersion", get_wire_format_version)
        .method("transferArrayBuffer", transfer_array_buffer)
        .method("readUint32", read_uint32)
        .method("readUint64", read_uint64)
        .method("readDouble", read_double)
        .method("_readRawBytes", read_raw_bytes);
}

struct Deserializer {
    // Dropped before the bytes that it points into.
    deserializer: v8::ValueDeserializer<'static>,
    /// A copy: guest code may change, shrink or detach its buffer in the middle of a read.
    bytes: Box<[u8]>,
}

/// Calls the hooks that the JavaScript object has.
struct Delegate {
    this: v8::Weak<v8::Object>,
}

fn throw(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    exception::throw(scope, ErrorKind::Error, "", message);
}

impl v8::ValueDeserializerImpl for Delegate {
    fn read_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        _deserializer: &dyn v8::ValueDeserializerHelper,
    ) -> Option<v8::Local<'s, v8::Object>> {
        // V8 forbids JavaScript while it reads, and leaves it to the embedder to allow it here.
        v8::allow_javascript_execution_scope!(let scope, scope);
        let this = self.this.to_local(scope)?;
        let Some(read) = hook(scope, this, "_readHostObject").ok()? else {
            throw(scope, "Unable to deserialize cloned data.");
            return None;
        };
        let object = read.call(scope, this.into(), &[])?;
        if !object.is_object() {
            exception::throw(
                scope,
                ErrorKind::TypeError,
                "",
                "readHostObject must return an object",
            );
        }
        object.try_cast().ok()
    }

    fn get_shared_array_buffer_from_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        _id: u32,
    ) -> Option<v8::Local<'s, v8::SharedArrayBuffer>> {
        throw(scope, "Unable to deserialize cloned data.");
        None
    }

    fn get_wasm_module_from_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        _id: u32,
    ) -> Option<v8::Local<'s, v8::WasmModuleObject>> {
        throw(scope, "Unable to deserialize cloned data.");
        None
    }
}

fn construct(scope: Scope, args: Args, _rv: Return) {
    if refuse_plain_call(scope, &args, "Deserializer") {
        return;
    }
    let buffer = args.get(0);
    let bytes = if buffer.is_array_buffer_view() {
        convert::bytes(buffer)
    } else {
        None
    };
    let Some(bytes) = bytes else {
        throw_invalid_argument(scope, "buffer must be a TypedArray or a DataView");
        return;
    };
    let bytes = bytes.into_boxed_slice();
    let delegate = Box::new(Contained(Delegate {
        this: v8::Weak::new(scope, args.this()),
    }));
    let deserializer = v8::ValueDeserializer::new(scope, delegate, &bytes);
    deserializer.set_supports_legacy_wire_format(true);
    convert::set(scope, args.this(), "buffer", buffer);
    wrap::wrap(
        scope,
        args.this(),
        Deserializer {
            deserializer,
            bytes,
        },
    );
}

fn this(scope: Scope, args: &Args) -> Option<Rc<Deserializer>> {
    let deserializer = wrap::unwrap::<Deserializer>(scope, args.this().into());
    if deserializer.is_none() {
        throw_invalid_argument(scope, "The receiver must be a Deserializer");
    }
    deserializer
}

fn read_header(scope: Scope, args: Args, mut rv: Return) {
    let Some(this) = this(scope, &args) else {
        return;
    };
    let context = scope.get_current_context();
    if let Some(read) = this.deserializer.read_header(context) {
        rv.set_bool(read);
    }
}

fn read_value<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(this) = this(scope, &args) else {
        return;
    };
    let context = scope.get_current_context();
    if let Some(value) = this.deserializer.read_value(context) {
        rv.set(value);
    }
}

fn get_wire_format_version(scope: Scope, args: Args, mut rv: Return) {
    if let Some(this) = this(scope, &args) {
        rv.set_uint32(this.deserializer.get_wire_format_version());
    }
}

fn transfer_array_buffer(scope: Scope, args: Args, _rv: Return) {
    let Some(this) = this(scope, &args) else {
        return;
    };
    let Some(id) = args.get(0).uint32_value(scope) else {
        return;
    };
    if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(args.get(1)) {
        this.deserializer.transfer_array_buffer(id, buffer);
    } else if let Ok(buffer) = v8::Local::<v8::SharedArrayBuffer>::try_from(args.get(1)) {
        this.deserializer.transfer_shared_array_buffer(id, buffer);
    } else {
        throw_invalid_argument(
            scope,
            "arrayBuffer must be an ArrayBuffer or SharedArrayBuffer",
        );
    }
}

fn read_uint32(scope: Scope, args: Args, mut rv: Return) {
    let Some(this) = this(scope, &args) else {
        return;
    };
    let mut value = 0;
    if this.deserializer.read_uint32(&mut value) {
        rv.set_uint32(value);
    } else {
        throw(scope, "ReadUint32() failed");
    }
}

/// `[high, low]`.
fn read_uint64(scope: Scope, args: Args, mut rv: Return) {
    let Some(this) = this(scope, &args) else {
        return;
    };
    let mut value = 0;
    if !this.deserializer.read_uint64(&mut value) {
        throw(scope, "ReadUint64() failed");
        return;
    }
    let [high, low] = [value >> 32, value & 0xffff_ffff].map(|half| {
        let half = u32::try_from(half).unwrap_or(u32::MAX);
        v8::Integer::new_from_unsigned(scope, half).into()
    });
    rv.set(v8::Array::new_with_elements(scope, &[high, low]).into());
}

fn read_double(scope: Scope, args: Args, mut rv: Return) {
    let Some(this) = this(scope, &args) else {
        return;
    };
    let mut value = 0.0;
    if this.deserializer.read_double(&mut value) {
        rv.set_double(value);
    } else {
        throw(scope, "ReadDouble() failed");
    }
}

/// Skips so many bytes; the offset at which they begin.
fn read_raw_bytes(scope: Scope, args: Args, mut rv: Return) {
    let Some(this) = this(scope, &args) else {
        return;
    };
    let Some(length) = args.get(0).integer_value(scope) else {
        return;
    };
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= this.bytes.len());
    let Some(bytes) = length.and_then(|length| this.deserializer.read_raw_bytes(length)) else {
        throw(scope, "ReadRawBytes() failed");
        return;
    };
    let offset = (bytes.as_ptr() as usize).saturating_sub(this.bytes.as_ptr() as usize);
    rv.set_double(offset as f64);
}
