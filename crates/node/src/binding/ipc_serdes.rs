//! `internalBinding('ipc_serdes')`: the messages of a child's IPC channel in the `advanced` serialization. Follows
//! Node's `src/node_ipc_serdes.cc`: a big-endian length of four bytes, then what V8 writes, with views of memory as host
//! objects under the type numbers of `lib/v8.js`.

use v8::{ValueDeserializerHelper, ValueSerializerHelper};

use crate::callback::{Args, Contained, Return, Scope};
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("serialize", serialize)
        .function("deserialize", deserialize);
}

/// Tag of a host object that is a view.
const VIEW: u32 = 0;
/// Tag of any other host object.
const OTHER: u32 = 1;

/// Type number of Node's `Buffer`.
const BUFFER: u32 = 10;

/// Tag and number of the format that the library's version of V8 writes.
const HEADER: [u8; 2] = [0xff, 0x0f];

fn throw(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    exception::throw(scope, ErrorKind::Error, "ERR_INVALID_STATE", message);
}

/// `arrayBufferViewTypeToIndex()` of `lib/v8.js`.
fn view_type(view: v8::Local<'_, v8::Object>) -> Option<u32> {
    let types = [
        view.is_int8_array(),
        view.is_uint8_array(),
        view.is_uint8_clamped_array(),
        view.is_int16_array(),
        view.is_uint16_array(),
        view.is_int32_array(),
        view.is_uint32_array(),
        view.is_float32_array(),
        view.is_float64_array(),
        view.is_data_view(),
        false,
        view.is_big_int64_array(),
        view.is_big_uint64_array(),
        view.is_float16_array(),
    ];
    let index = types.iter().position(|is| *is)?;
    u32::try_from(index).ok()
}

struct SerializerDelegate {
    /// `require('buffer').Buffer`, which the library passes so that a tampered prototype does not matter.
    buffer_class: v8::Global<v8::Value>,
}

impl v8::ValueSerializerImpl for SerializerDelegate {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        message: v8::Local<'s, v8::String>,
    ) {
        let error = v8::Exception::error(scope, message);
        scope.throw_exception(error);
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        serializer: &dyn v8::ValueSerializerHelper,
    ) -> Option<bool> {
        if !object.is_array_buffer_view() {
            return write_properties(scope, object, serializer);
        }
        serializer.write_uint32(VIEW);
        let class = convert::get(scope, object, "constructor")?;
        let buffer_class = v8::Local::new(scope, &self.buffer_class);
        let number = if class.strict_equals(buffer_class) {
            Some(BUFFER)
        } else {
            view_type(object)
        };
        let bytes = convert::bytes(object.into());
        let (Some(number), Some(bytes)) = (number, bytes) else {
            throw(scope, "Unserializable host object");
            return None;
        };
        serializer.write_uint32(number);
        serializer.write_uint32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        serializer.write_raw_bytes(&bytes);
        Some(true)
    }
}

/// `{ ...object }`.
fn write_properties(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    serializer: &dyn v8::ValueSerializerHelper,
) -> Option<bool> {
    serializer.write_uint32(OTHER);
    let copy = v8::Object::new(scope);
    let names = object.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
    for index in 0..names.length() {
        let name = names.get_index(scope, index)?;
        let value = object.get(scope, name)?;
        let name = name.to_string(scope)?;
        copy.create_data_property(scope, name.into(), value)?;
    }
    let context = scope.get_current_context();
    serializer.write_value(context, copy.into())
}

/// `serialize(message, Buffer)`: the bytes for the channel.
fn serialize(scope: Scope, args: Args, mut rv: Return) {
    let delegate = Box::new(Contained(SerializerDelegate {
        buffer_class: v8::Global::new(scope, args.get(1)),
    }));
    let serializer = v8::ValueSerializer::new(scope, delegate);
    serializer.set_treat_array_buffer_views_as_host_objects(true);
    serializer.write_raw_bytes(&[0; 4]);
    serializer.write_raw_bytes(&HEADER);
    let context = scope.get_current_context();
    if serializer.write_value(context, args.get(0)) != Some(true) {
        return;
    }
    let mut bytes = serializer.release();
    let length = u32::try_from(bytes.len().saturating_sub(4)).unwrap_or(u32::MAX);
    if let Some(prefix) = bytes.get_mut(..4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
    rv.set(convert::buffer(scope, bytes));
}

struct DeserializerDelegate;

impl v8::ValueDeserializerImpl for DeserializerDelegate {
    fn read_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        deserializer: &dyn v8::ValueDeserializerHelper,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let mut tag = 0;
        if !deserializer.read_uint32(&mut tag) {
            return None;
        }
        match tag {
            OTHER => {
                let context = scope.get_current_context();
                let value = deserializer.read_value(context)?;
                if !value.is_object() {
                    throw(scope, "Host object must be an object");
                }
                v8::Local::new(scope, value).try_cast().ok()
            }
            VIEW => {
                let (mut number, mut length) = (0, 0);
                if !deserializer.read_uint32(&mut number) || !deserializer.read_uint32(&mut length)
                {
                    return None;
                }
                let bytes = deserializer.read_raw_bytes(length as usize)?.to_vec();
                make_view(scope, number, bytes)
            }
            _ => {
                throw(scope, "Invalid host object tag");
                None
            }
        }
    }
}

fn make_view<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    number: u32,
    bytes: Vec<u8>,
) -> Option<v8::Local<'s, v8::Object>> {
    let length = bytes.len();
    if number == BUFFER {
        return convert::buffer(scope, bytes).try_cast().ok();
    }
    let memory = convert::array_buffer(scope, bytes);
    macro_rules! view {
        ($class:ident, $size:literal) => {
            v8::$class::new(scope, memory, 0, length / $size).map(Into::into)
        };
    }
    match number {
        0 => view!(Int8Array, 1),
        1 => view!(Uint8Array, 1),
        2 => view!(Uint8ClampedArray, 1),
        3 => view!(Int16Array, 2),
        4 => view!(Uint16Array, 2),
        5 => view!(Int32Array, 4),
        6 => view!(Uint32Array, 4),
        7 => view!(Float32Array, 4),
        8 => view!(Float64Array, 8),
        9 => Some(v8::DataView::new(scope, memory, 0, length).into()),
        11 => view!(BigInt64Array, 8),
        12 => view!(BigUint64Array, 8),
        13 => float16_array(scope, memory),
        _ => {
            throw(scope, "Invalid host object type index");
            None
        }
    }
}

/// The crate does not let this class be an object: the context's own constructor makes it.
fn float16_array<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    memory: v8::Local<'s, v8::ArrayBuffer>,
) -> Option<v8::Local<'s, v8::Object>> {
    let context = scope.get_current_context();
    v8::allow_javascript_execution_scope!(let scope, scope);
    let global = context.global(scope);
    let class = convert::get(scope, global, "Float16Array")?;
    let class: v8::Local<v8::Function> = class.try_cast().ok()?;
    class.new_instance(scope, &[memory.into()])
}

/// `deserialize(view)`: the message in the bytes of one frame, without their length.
fn deserialize(scope: Scope, args: Args, mut rv: Return) {
    let bytes = if args.get(0).is_array_buffer_view() {
        convert::bytes(args.get(0))
    } else {
        None
    };
    let Some(bytes) = bytes else {
        throw_invalid_argument(scope, "The \"data\" argument must be a view of memory");
        return;
    };
    let delegate = Box::new(Contained(DeserializerDelegate));
    let deserializer = v8::ValueDeserializer::new(scope, delegate, &bytes);
    let context = scope.get_current_context();
    if deserializer.read_header(context) != Some(true) {
        return;
    }
    if let Some(value) = deserializer.read_value(context) {
        let value = v8::Local::new(scope, value);
        rv.set(value);
    }
}
