//! `Serializer`.

use std::rc::Rc;

use v8::ValueSerializerHelper;

use super::{hook, refuse_plain_call};
use crate::callback::{Args, Contained, Return, Scope};
use crate::js::class::Definition;
use crate::js::exception::{string, throw_invalid_argument};
use crate::js::{convert, wrap};

/// Adds the class.
pub fn define(definition: &mut Definition) {
    definition
        .class("Serializer", construct)
        .method("writeHeader", write_header)
        .method("writeValue", write_value)
        .method("releaseBuffer", release_buffer)
        .method("transferArrayBuffer", transfer_array_buffer)
        .method("writeUint32", write_uint32)
        .method("writeUint64", write_uint64)
        .method("writeDouble", write_double)
        .method("writeRawBytes", write_raw_bytes)
        .method(
            "_setTreatArrayBufferViewsAsHostObjects",
            set_treat_array_buffer_views_as_host_objects,
        );
}

/// Tag and number of the format that the library's version of V8 writes; V8's own number here is higher, but values
/// look the same.
const HEADER: [u8; 2] = [0xff, 0x0f];

struct Serializer(v8::ValueSerializer<'static>);

/// Calls the hooks that the JavaScript object has.
struct Delegate {
    this: v8::Weak<v8::Object>,
}

impl Delegate {
    fn throw_not_cloneable(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
    ) {
        let name = object.get_constructor_name().to_rust_string_lossy(scope);
        let message = string(scope, &format!("#<{name}> could not be cloned."));
        self.throw(scope, message);
    }

    fn throw(&self, scope: &mut v8::PinScope<'_, '_>, message: v8::Local<'_, v8::String>) {
        let message = v8::Local::new(scope, message);
        let Some(this) = self.this.to_local(scope) else {
            return;
        };
        let Ok(Some(make_error)) = hook(scope, this, "_getDataCloneError") else {
            return;
        };
        if let Some(error) = make_error.call(scope, this.into(), &[message.into()]) {
            scope.throw_exception(error);
        }
    }
}

impl v8::ValueSerializerImpl for Delegate {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        message: v8::Local<'s, v8::String>,
    ) {
        self.throw(scope, message);
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        _serializer: &dyn v8::ValueSerializerHelper,
    ) -> Option<bool> {
        let this = self.this.to_local(scope)?;
        let Some(write) = hook(scope, this, "_writeHostObject").ok()? else {
            self.throw_not_cloneable(scope, object);
            return None;
        };
        write.call(scope, this.into(), &[object.into()])?;
        Some(true)
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        buffer: v8::Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        let this = self.this.to_local(scope)?;
        let Some(id_of) = hook(scope, this, "_getSharedArrayBufferId").ok()? else {
            self.throw_not_cloneable(scope, buffer.into());
            return None;
        };
        id_of
            .call(scope, this.into(), &[buffer.into()])?
            .uint32_value(scope)
    }

    fn get_wasm_module_transfer_id(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        module: v8::Local<'_, v8::WasmModuleObject>,
    ) -> Option<u32> {
        self.throw_not_cloneable(scope, module.into());
        None
    }
}

fn construct(scope: Scope, args: Args, _rv: Return) {
    if refuse_plain_call(scope, &args, "Serializer") {
        return;
    }
    let delegate = Box::new(Contained(Delegate {
        this: v8::Weak::new(scope, args.this()),
    }));
    let serializer = Serializer(v8::ValueSerializer::new(scope, delegate));
    wrap::wrap(scope, args.this(), serializer);
}

fn this(scope: Scope, args: &Args) -> Option<Rc<Serializer>> {
    let serializer = wrap::unwrap::<Serializer>(scope, args.this().into());
    if serializer.is_none() {
        throw_invalid_argument(scope, "The receiver must be a Serializer");
    }
    serializer
}

fn write_header(scope: Scope, args: Args, _rv: Return) {
    if let Some(serializer) = this(scope, &args) {
        serializer.0.write_raw_bytes(&HEADER);
    }
}

fn write_value(scope: Scope, args: Args, mut rv: Return) {
    let Some(serializer) = this(scope, &args) else {
        return;
    };
    let context = scope.get_current_context();
    if let Some(written) = serializer.0.write_value(context, args.get(0)) {
        rv.set_bool(written);
    }
}

fn release_buffer(scope: Scope, args: Args, mut rv: Return) {
    if let Some(serializer) = this(scope, &args) {
        let bytes = serializer.0.release();
        rv.set(convert::buffer(scope, bytes));
    }
}

fn transfer_array_buffer(scope: Scope, args: Args, _rv: Return) {
    let Some(serializer) = this(scope, &args) else {
        return;
    };
    let Some(id) = args.get(0).uint32_value(scope) else {
        return;
    };
    let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(args.get(1)) else {
        throw_invalid_argument(
            scope,
            "The \"arrayBuffer\" argument must be an instance of ArrayBuffer",
        );
        return;
    };
    serializer.0.transfer_array_buffer(id, buffer);
}

fn write_uint32(scope: Scope, args: Args, _rv: Return) {
    let Some(serializer) = this(scope, &args) else {
        return;
    };
    if let Some(value) = args.get(0).uint32_value(scope) {
        serializer.0.write_uint32(value);
    }
}

/// `writeUint64(high, low)`.
fn write_uint64(scope: Scope, args: Args, _rv: Return) {
    let Some(serializer) = this(scope, &args) else {
        return;
    };
    let Some(high) = args.get(0).uint32_value(scope) else {
        return;
    };
    let Some(low) = args.get(1).uint32_value(scope) else {
        return;
    };
    serializer
        .0
        .write_uint64(u64::from(high) << 32 | u64::from(low));
}

fn write_double(scope: Scope, args: Args, _rv: Return) {
    let Some(serializer) = this(scope, &args) else {
        return;
    };
    if let Some(value) = args.get(0).number_value(scope) {
        serializer.0.write_double(value);
    }
}

fn write_raw_bytes(scope: Scope, args: Args, _rv: Return) {
    let Some(serializer) = this(scope, &args) else {
        return;
    };
    let source = args.get(0);
    if !source.is_array_buffer_view() {
        throw_invalid_argument(scope, "source must be a TypedArray or a DataView");
        return;
    }
    convert::with_bytes(source, |bytes| serializer.0.write_raw_bytes(bytes));
}

fn set_treat_array_buffer_views_as_host_objects(scope: Scope, args: Args, _rv: Return) {
    if let Some(serializer) = this(scope, &args) {
        serializer
            .0
            .set_treat_array_buffer_views_as_host_objects(args.get(0).boolean_value(scope));
    }
}
