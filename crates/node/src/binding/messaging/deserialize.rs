//! From a message to a value.

use std::rc::Rc;

use v8::ValueDeserializerHelper;

use super::NORMAL_OBJECT;
use super::dom_exception::throw_data_clone_error;
use super::message::{HostObject, Message};
use super::port;
use crate::callback::Contained;
use crate::env::{Env, Slot};
use crate::js::exception::{self, ErrorKind, string};
use crate::js::transfer::Store;

/// What V8 asks for by number while it reads.
#[derive(Default)]
struct Objects {
    host_objects: Vec<v8::Global<v8::Object>>,
    shared_buffers: Vec<v8::Global<v8::SharedArrayBuffer>>,
    modules: Vec<v8::Global<v8::WasmModuleObject>>,
}

struct Delegate(Rc<Objects>);

fn refuse(scope: &mut v8::PinScope<'_, '_>) {
    // V8 forbids JavaScript while it reads, and the error is a class of the library.
    v8::allow_javascript_execution_scope!(let scope, scope);
    let message = string(scope, "Unable to deserialize cloned data.");
    throw_data_clone_error(scope, message);
}

fn by_id<'s, T>(
    scope: &mut v8::PinScope<'s, '_>,
    known: &[v8::Global<T>],
    id: u32,
) -> Option<v8::Local<'s, T>> {
    let found = usize::try_from(id).ok().and_then(|id| known.get(id));
    if found.is_none() {
        refuse(scope);
    }
    found.map(|object| v8::Local::new(scope, object))
}

impl v8::ValueDeserializerImpl for Delegate {
    fn read_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        deserializer: &dyn v8::ValueDeserializerHelper,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let mut id = 0;
        if !deserializer.read_uint32(&mut id) {
            refuse(scope);
            return None;
        }
        if id == NORMAL_OBJECT {
            let context = scope.get_current_context();
            return deserializer.read_value(context)?.try_cast().ok();
        }
        by_id(scope, &self.0.host_objects, id)
    }

    fn get_shared_array_buffer_from_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::SharedArrayBuffer>> {
        by_id(scope, &self.0.shared_buffers, id)
    }

    fn get_wasm_module_from_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::WasmModuleObject>> {
        by_id(scope, &self.0.modules, id)
    }
}

fn throw_context_unavailable(scope: &mut v8::PinScope<'_, '_>) {
    exception::throw(
        scope,
        ErrorKind::Error,
        "ERR_MESSAGE_TARGET_CONTEXT_UNAVAILABLE",
        "A message object could not be deserialized successfully in the target vm.Context",
    );
}

/// The value of a message in the current context, and the ports that came with it. `None` with an exception pending.
pub fn deserialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    message: &Message,
) -> Option<(v8::Local<'s, v8::Value>, Vec<v8::Local<'s, v8::Value>>)> {
    let context = scope.get_current_context();
    let mut ports = Vec::new();
    let mut host_objects = Vec::with_capacity(message.host_objects.len());
    // The classes of other objects belong to the main context.
    let foreign = context != Env::of(scope).context(scope);
    for host_object in &message.host_objects {
        if foreign && !matches!(host_object, HostObject::Port(_)) {
            throw_context_unavailable(scope);
            return None;
        }
        let object = match host_object {
            HostObject::Port(data) => {
                // A message has one reader if there are ports in it.
                let data = data.lock().take();
                let port = port::new_port(scope, data?)?;
                ports.push(port.into());
                port
            }
            HostObject::Native(native) | HostObject::Moved(native) => native.deserialize(scope)?,
            HostObject::Library(info) => create_library_object(scope, info)?,
        };
        host_objects.push(object);
    }
    let objects = Objects {
        host_objects: host_objects
            .iter()
            .map(|object| v8::Global::new(scope, *object))
            .collect(),
        shared_buffers: message
            .shared_buffers
            .iter()
            .map(|store| shared_buffer(scope, store))
            .collect(),
        modules: message
            .modules
            .iter()
            .filter_map(|module| wasm_module(scope, module))
            .collect(),
    };
    let delegate = Box::new(Contained(Delegate(Rc::new(objects))));
    let deserializer = v8::ValueDeserializer::new(scope, delegate, &message.bytes);
    for (id, store) in message.array_buffers.iter().enumerate() {
        let buffer = v8::ArrayBuffer::with_backing_store(scope, &store.0);
        deserializer.transfer_array_buffer(u32::try_from(id).ok()?, buffer);
    }
    deserializer.read_header(context)?;
    let value = deserializer.read_value(context)?;
    for (host_object, object) in message.host_objects.iter().zip(host_objects) {
        if let HostObject::Library(_) = host_object {
            let data = deserializer.read_value(context)?;
            fill_library_object(scope, object, data)?;
        }
    }
    Some((value, ports))
}

fn shared_buffer(scope: &v8::PinScope<'_, '_>, store: &Store) -> v8::Global<v8::SharedArrayBuffer> {
    let buffer = v8::SharedArrayBuffer::with_backing_store(scope, &store.0);
    v8::Global::new(scope, buffer)
}

fn wasm_module(
    scope: &mut v8::PinScope<'_, '_>,
    module: &v8::CompiledWasmModule,
) -> Option<v8::Global<v8::WasmModuleObject>> {
    let module = v8::WasmModuleObject::from_compiled_module(scope, module)?;
    Some(v8::Global::new(scope, module))
}

/// Makes an empty object of the library's class `info`; the data is read later, as it lies behind the value.
fn create_library_object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    info: &str,
) -> Option<v8::Local<'s, v8::Object>> {
    let Some(create) = Env::of(scope).function(scope, Slot::DeserializerCreateObject) else {
        refuse(scope);
        return None;
    };
    let info = string(scope, info).into();
    let receiver = v8::null(scope).into();
    let object = create.call(scope, receiver, &[info])?;
    let Ok(object) = v8::Local::<v8::Object>::try_from(object) else {
        refuse(scope);
        return None;
    };
    Some(object)
}

fn fill_library_object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    data: v8::Local<'s, v8::Value>,
) -> Option<()> {
    let key = Env::of(scope).symbol(scope, "messaging_deserialize_symbol");
    let method = object.get(scope, key.into())?;
    if let Ok(method) = v8::Local::<v8::Function>::try_from(method) {
        method.call(scope, object.into(), &[data])?;
    }
    Some(())
}
