//! A message: serialized bytes and what travels beside them. It holds no handle into a heap, so that it can be read in
//! another isolate than it was written in.

use std::cell::RefCell;
use std::sync::Arc;

use parking_lot::Mutex;

use super::port::{self, PortData};
use super::queued::Queued;
use crate::js::transfer::{Store, TransferData};

/// What stands for one host object of the message.
pub enum HostObject {
    /// An object of the library, made by name (`module:Constructor`); its data follows in the bytes.
    Library(String),
    /// A native object that was copied.
    Native(Box<dyn TransferData>),
    /// A native object that was moved; it has one reader.
    Moved(Box<dyn TransferData>),
    /// A port that was transferred; taken by the first reader.
    Port(Mutex<Option<Arc<PortData>>>),
}

/// A serialized value with everything that it refers to.
#[derive(Default)]
pub struct Message {
    /// V8's serialization.
    pub bytes: Vec<u8>,
    /// Memory of transferred `ArrayBuffer`s, by transfer id.
    pub array_buffers: Vec<Store>,
    /// Memory of `SharedArrayBuffer`s, by id.
    pub shared_buffers: Vec<Store>,
    /// Compiled WebAssembly modules, by id.
    pub modules: Vec<v8::CompiledWasmModule>,
    /// Host objects, by the number that stands for them in the bytes.
    pub host_objects: Vec<HostObject>,
    /// Set once the message is on its way to a queue.
    pub queued: Option<Queued>,
}

impl Message {
    /// Whether the message can have only one reader.
    pub fn has_transferables(&self) -> bool {
        !self.array_buffers.is_empty()
            || self
                .host_objects
                .iter()
                .any(|object| matches!(object, HostObject::Port(_) | HostObject::Moved(_)))
    }

    /// Whether `data` is among the transferred ports.
    pub fn transfers(&self, data: &Arc<PortData>) -> bool {
        self.host_objects.iter().any(|object| match object {
            HostObject::Port(port) => port
                .lock()
                .as_ref()
                .is_some_and(|port| Arc::ptr_eq(port, data)),
            _ => false,
        })
    }
}

thread_local! {
    /// Ports that are to be closed by the call of [`close_ports`] that runs on this thread, if one does.
    static CLOSING: RefCell<Option<Vec<Arc<PortData>>>> = const { RefCell::new(None) };
}

impl Drop for Message {
    fn drop(&mut self) {
        let port = |object: &HostObject| match object {
            HostObject::Port(data) => data.lock().take(),
            _ => None,
        };
        close_ports(self.host_objects.iter().filter_map(port).collect());
    }
}

/// Closes ports that never arrive, for their peers too.
///
/// A port holds messages, and they hold ports: each is closed behind the other and not inside it, because guests make such
/// chains longer than any stack.
fn close_ports(ports: Vec<Arc<PortData>>) {
    if ports.is_empty() {
        return;
    }
    let is_first = CLOSING.with_borrow_mut(|closing| match closing {
        Some(others) => {
            others.extend_from_slice(&ports);
            false
        }
        None => {
            *closing = Some(ports);
            true
        }
    });
    if !is_first {
        return;
    }
    let next = || CLOSING.with_borrow_mut(|closing| closing.as_mut().and_then(Vec::pop));
    while let Some(data) = next() {
        port::disentangle(&data);
    }
    CLOSING.set(None);
}
