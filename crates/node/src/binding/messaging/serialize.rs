//! From a value to a message: the structured clone algorithm with Node's host objects.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use parking_lot::Mutex;
use v8::ValueSerializerHelper;

use super::NORMAL_OBJECT;
use super::dom_exception::throw_data_clone_error;
use super::message::{HostObject, Message};
use super::native;
use super::port::{self, MessagePort};
use crate::callback::Contained;
use crate::env::{Env, Slot};
use crate::js::exception::string;
use crate::js::transfer::Store;
use crate::js::{convert, wrap};

/// The object can be transferred (`kTransferable`).
const TRANSFERABLE: u32 = 1;
/// The object can be cloned (`kCloneable`).
const CLONEABLE: u32 = 2;

const CLONE_UNSUPPORTED: &str = "Cannot clone object of unsupported type.";
const TRANSFER_UNSUPPORTED: &str = "Cannot transfer object of unsupported type.";
const TRANSFER_INVALID: &str = "Found invalid value in transferList.";
const TRANSFER_MISSING: &str =
    "Object that needs transfer was found in message but not listed in transferList";

fn refuse(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    let message = string(scope, message);
    throw_data_clone_error(scope, message);
}

/// What is collected while V8 writes.
#[derive(Default)]
struct State {
    /// Host objects by number: first those of the transfer list, then those that are copied.
    host_objects: RefCell<Vec<v8::Global<v8::Object>>>,
    /// How many of them are transferred.
    transferred: Cell<usize>,
    shared_buffers: RefCell<Vec<v8::Global<v8::SharedArrayBuffer>>>,
    modules: RefCell<Vec<v8::CompiledWasmModule>>,
}

impl State {
    fn find(
        &self,
        scope: &v8::PinScope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
    ) -> Option<usize> {
        let objects = self.host_objects.borrow();
        objects
            .iter()
            .position(|known| v8::Local::new(scope, known).strict_equals(object.into()))
    }

    fn add(&self, scope: &v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) -> usize {
        let mut objects = self.host_objects.borrow_mut();
        objects.push(v8::Global::new(scope, object));
        objects.len() - 1
    }
}

/// What the object allows, as flags: marked by the library, or known of its native class.
fn transfer_mode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
) -> Option<u32> {
    if native::is_transferable(scope, object) {
        return Some(TRANSFERABLE);
    }
    let key = Env::of(scope).private(scope, "transfer_mode_private_symbol");
    if object.has_private(scope, key) == Some(true) {
        return object.get_private(scope, key)?.uint32_value(scope);
    }
    native::clone(scope, object).map(|_| CLONEABLE)
}

/// The delegate of V8's serializer.
struct Delegate(Rc<State>);

impl v8::ValueSerializerImpl for Delegate {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        message: v8::Local<'s, v8::String>,
    ) {
        throw_data_clone_error(scope, message);
    }

    fn has_custom_host_object(&self, _isolate: &v8::Isolate) -> bool {
        true
    }

    fn is_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Option<bool> {
        // Not those with room for native state only, such as a MessageChannel.
        if wrap::key(scope, object).is_some() {
            return Some(true);
        }
        let key = Env::of(scope).private(scope, "transfer_mode_private_symbol");
        object.has_private(scope, key)
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        serializer: &dyn v8::ValueSerializerHelper,
    ) -> Option<bool> {
        let index = match self.0.find(scope, object) {
            Some(index) => index,
            None => match transfer_mode(scope, object) {
                Some(mode) if mode & CLONEABLE != 0 => self.0.add(scope, object),
                Some(TRANSFERABLE) => {
                    refuse(scope, TRANSFER_MISSING);
                    return None;
                }
                None if is_process_env(scope, object) => {
                    serializer.write_uint32(NORMAL_OBJECT);
                    let copy = plain_copy(scope, object)?;
                    let context = scope.get_current_context();
                    return serializer.write_value(context, copy.into());
                }
                _ => {
                    refuse(scope, CLONE_UNSUPPORTED);
                    return None;
                }
            },
        };
        serializer.write_uint32(u32::try_from(index).ok()?);
        Some(true)
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        buffer: v8::Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        let mut buffers = self.0.shared_buffers.borrow_mut();
        let known = buffers
            .iter()
            .position(|known| v8::Local::new(scope, known).strict_equals(buffer.into()));
        let index = known.unwrap_or_else(|| {
            buffers.push(v8::Global::new(scope, buffer));
            buffers.len() - 1
        });
        u32::try_from(index).ok()
    }

    fn get_wasm_module_transfer_id(
        &self,
        _scope: &mut v8::PinScope<'_, '_>,
        module: v8::Local<'_, v8::WasmModuleObject>,
    ) -> Option<u32> {
        let mut modules = self.0.modules.borrow_mut();
        modules.push(module.get_compiled_module());
        u32::try_from(modules.len() - 1).ok()
    }
}

/// `process.env` is an object with interceptors; a copy of it is a plain one.
fn is_process_env(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) -> bool {
    let Some(process) = Env::of(scope).object(scope, Slot::Process) else {
        return false;
    };
    convert::get(scope, process, "env").is_some_and(|env| env.strict_equals(object.into()))
}

fn plain_copy<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
) -> Option<v8::Local<'s, v8::Object>> {
    let copy = v8::Object::new(scope);
    let names = object.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
    for index in 0..names.length() {
        let name: v8::Local<v8::Name> = names.get_index(scope, index)?.try_cast().ok()?;
        let value = object.get(scope, name.into())?;
        copy.create_data_property(scope, name, value);
    }
    Some(copy)
}

/// Serializes `value`; what `transfer_list` names moves into the message. `None` with an exception pending, and nothing
/// is transferred then. `source` is the port that the message is posted through.
pub fn serialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
    transfer_list: &[v8::Local<'s, v8::Value>],
    source: Option<v8::Local<'s, v8::Object>>,
) -> Option<Message> {
    let context = scope.get_current_context();
    let state = Rc::new(State::default());
    let serializer = v8::ValueSerializer::new(scope, Box::new(Contained(Delegate(state.clone()))));
    let array_buffers = read_transfer_list(scope, &state, &serializer, transfer_list, source)?;
    add_nested(scope, &state)?;
    state.transferred.set(state.host_objects.borrow().len());
    serializer.write_header();
    serializer.write_value(context, value)?;
    let mut message = Message::default();
    for buffer in array_buffers {
        let store = buffer.get_backing_store();
        // Checked to be detachable when the list was read; guest code may have run since.
        if buffer.was_detached() || buffer.detach(None) != Some(true) {
            refuse(scope, TRANSFER_UNSUPPORTED);
            return None;
        }
        message.array_buffers.push(Store(store));
    }
    write_host_objects(scope, &state, &serializer, &mut message)?;
    for buffer in state.shared_buffers.borrow().iter() {
        message
            .shared_buffers
            .push(Store(v8::Local::new(scope, buffer).get_backing_store()));
    }
    message.modules = state.modules.take();
    message.bytes = serializer.release();
    Some(message)
}

fn read_transfer_list<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    serializer: &v8::ValueSerializer<'_>,
    transfer_list: &[v8::Local<'s, v8::Value>],
    source: Option<v8::Local<'s, v8::Object>>,
) -> Option<Vec<v8::Local<'s, v8::ArrayBuffer>>> {
    let mut array_buffers: Vec<v8::Local<v8::ArrayBuffer>> = Vec::new();
    let untransferable = Env::of(scope).private(scope, "untransferable_object_private_symbol");
    for entry in transfer_list {
        let Ok(object) = v8::Local::<v8::Object>::try_from(*entry) else {
            refuse(scope, TRANSFER_INVALID);
            return None;
        };
        if object.has_private(scope, untransferable)? {
            refuse(scope, TRANSFER_UNSUPPORTED);
            return None;
        }
        if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(*entry) {
            if !buffer.is_detachable() || buffer.was_detached() {
                refuse(scope, TRANSFER_UNSUPPORTED);
                return None;
            }
            if array_buffers
                .iter()
                .any(|known| known.strict_equals(*entry))
            {
                refuse(scope, "Transfer list contains duplicate ArrayBuffer");
                return None;
            }
            serializer.transfer_array_buffer(u32::try_from(array_buffers.len()).ok()?, buffer);
            array_buffers.push(buffer);
            continue;
        }
        add_transferred(scope, state, object, source)?;
    }
    Some(array_buffers)
}

/// Notes a host object of the transfer list.
fn add_transferred<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    object: v8::Local<'s, v8::Object>,
    source: Option<v8::Local<'s, v8::Object>>,
) -> Option<()> {
    if source.is_some_and(|source| source.strict_equals(object.into())) {
        refuse(scope, "Transfer list contains source port");
        return None;
    }
    if transfer_mode(scope, object).unwrap_or(0) & TRANSFERABLE == 0 {
        refuse(scope, TRANSFER_INVALID);
        return None;
    }
    if state.find(scope, object).is_some() {
        let name = object.get_constructor_name().to_rust_string_lossy(scope);
        refuse(scope, &format!("Transfer list contains duplicate {name}"));
        return None;
    }
    refuse_detached(scope, object)?;
    state.add(scope, object);
    Some(())
}

/// None, and an exception, for a port that was transferred or closed.
fn refuse_detached(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<()> {
    let port = wrap::unwrap::<MessagePort>(scope, object.into());
    if port.is_some_and(|port| port.is_detached()) {
        refuse(scope, "MessagePort in transfer list is already detached");
        return None;
    }
    Some(())
}

/// Adds what the objects of the list want transferred with them (`messaging_transfer_list_symbol`).
fn add_nested(scope: &mut v8::PinScope<'_, '_>, state: &State) -> Option<()> {
    let mut index = 0;
    loop {
        let Some(object) = state
            .host_objects
            .borrow()
            .get(index)
            .map(|object| v8::Local::new(scope, object))
        else {
            return Some(());
        };
        index += 1;
        if port::is_port(scope, object) {
            continue;
        }
        let key = Env::of(scope).symbol(scope, "messaging_transfer_list_symbol");
        let method = object.get(scope, key.into())?;
        let Ok(method) = v8::Local::<v8::Function>::try_from(method) else {
            continue;
        };
        let list = method.call(scope, object.into(), &[])?;
        let Ok(list) = v8::Local::<v8::Array>::try_from(list) else {
            continue;
        };
        for position in 0..list.length() {
            let Ok(entry) = v8::Local::<v8::Object>::try_from(list.get_index(scope, position)?)
            else {
                continue;
            };
            refuse_detached(scope, entry)?;
            if state.find(scope, entry).is_none() && transfer_mode(scope, entry).is_some() {
                state.add(scope, entry);
            }
        }
    }
}

/// Writes the data of the host objects behind the value; that may add further host objects.
fn write_host_objects<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    serializer: &v8::ValueSerializer<'_>,
    message: &mut Message,
) -> Option<()> {
    loop {
        let index = message.host_objects.len();
        let Some(object) = state
            .host_objects
            .borrow()
            .get(index)
            .map(|object| v8::Local::new(scope, object))
        else {
            return Some(());
        };
        let transferred = index < state.transferred.get();
        let host_object = if let Some(port) = wrap::unwrap::<MessagePort>(scope, object.into()) {
            let data = port::detach(scope, &port);
            HostObject::Port(Mutex::new(data))
        } else if let Some(moved) = native::transfer(scope, object) {
            HostObject::Moved(moved)
        } else if let Some(native) = native::clone(scope, object) {
            HostObject::Native(native)
        } else {
            let (data, deserialize_info) = library_data(scope, object, transferred)?;
            let context = scope.get_current_context();
            serializer.write_value(context, data)?;
            HostObject::Library(deserialize_info)
        };
        message.host_objects.push(host_object);
    }
}

/// Data of an object of the library and what to make of it, from its `messaging_transfer_symbol` or
/// `messaging_clone_symbol` method.
fn library_data<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    transferred: bool,
) -> Option<(v8::Local<'s, v8::Value>, String)> {
    let methods: &[&'static str] = if transferred {
        &["messaging_transfer_symbol", "messaging_clone_symbol"]
    } else {
        &["messaging_clone_symbol"]
    };
    for key in methods {
        let key = Env::of(scope).symbol(scope, key);
        let method = object.get(scope, key.into())?;
        let Ok(method) = v8::Local::<v8::Function>::try_from(method) else {
            continue;
        };
        let result = method.call(scope, object.into(), &[])?;
        let Ok(result) = v8::Local::<v8::Object>::try_from(result) else {
            continue;
        };
        let data = convert::get(scope, result, "data")?;
        let info = convert::get(scope, result, "deserializeInfo")?;
        return Some((data, info.to_rust_string_lossy(scope)));
    }
    refuse(
        scope,
        if transferred {
            TRANSFER_UNSUPPORTED
        } else {
            CLONE_UNSUPPORTED
        },
    );
    None
}

/// Sent to all ports of its group: shared, not copied.
pub type SharedMessage = Arc<Message>;
