//! Message ports. What threads share is [`PortData`]; [`MessagePort`] is the JavaScript object that owns one of them.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use parking_lot::Mutex;

use super::deserialize::deserialize;
use super::group::{Broadcasts, Dispatched, Group};
use super::serialize::SharedMessage;
use crate::env::{Env, Slot};
use crate::event_loop::LoopHandle;
use crate::js::class::class_template;
use crate::js::{async_wrap, callback_scope, convert, exception, wrap};

/// What waits in a port's queue.
#[derive(Clone)]
pub enum Incoming {
    /// A message.
    Message(SharedMessage),
    /// The other end is gone.
    Close,
}

struct Owner {
    handle: LoopHandle,
    key: u64,
    /// Whether the owner's loop has been asked to look at the queue already.
    triggered: bool,
}

#[derive(Default)]
struct Queue {
    incoming: VecDeque<Incoming>,
    owner: Option<Owner>,
}

/// The part of a port that survives a transfer and that other threads reach.
#[derive(Default)]
pub struct PortData {
    queue: Mutex<Queue>,
    group: Mutex<Option<Arc<Group>>>,
}

impl PortData {
    /// Puts something into the queue and wakes the owner.
    pub fn receive(&self, incoming: Incoming) {
        let mut queue = self.queue.lock();
        queue.incoming.push_back(incoming);
        queue.trigger();
    }

    /// Sets the group that the port is in.
    pub fn set_group(&self, group: Option<Arc<Group>>) {
        *self.group.lock() = group;
    }

    fn trigger(&self) {
        self.queue.lock().trigger();
    }

    fn set_owner(&self, handle: LoopHandle, key: u64) {
        let mut queue = self.queue.lock();
        queue.owner = Some(Owner {
            handle,
            key,
            triggered: false,
        });
        if !queue.incoming.is_empty() {
            queue.trigger();
        }
    }

    /// Hands a message to the other ports of the group.
    pub fn dispatch(self: &Arc<Self>, message: &SharedMessage) -> Dispatched {
        let group = self.group.lock().clone();
        group.map_or(Dispatched::Sent, |group| group.dispatch(self, message))
    }
}

impl Queue {
    fn trigger(&mut self) {
        if let Some(owner) = &mut self.owner
            && !owner.triggered
        {
            owner.triggered = true;
            let key = owner.key;
            owner.handle.post(move |scope| on_wake(scope, key));
        }
    }
}

/// Takes a port out of its group for good.
pub fn disentangle(data: &Arc<PortData>) {
    data.queue.lock().owner = None;
    let group = data.group.lock().take();
    if let Some(group) = group {
        group.leave(data);
    }
}

/// The native side of a `MessagePort` object.
pub struct MessagePort {
    key: u64,
    data: RefCell<Option<Arc<PortData>>>,
    receiving: Cell<bool>,
    closing: Cell<bool>,
    closed: Cell<bool>,
    referenced: Cell<bool>,
}

/// The open ports of an isolate; an open port lives until it is closed.
#[derive(Default)]
struct OpenPorts {
    next: Cell<u64>,
    ports: RefCell<HashMap<u64, OpenPort>>,
}

struct OpenPort {
    object: v8::Global<v8::Object>,
    port: Rc<MessagePort>,
}

/// How many messages are handled in one go at least.
const BATCH: usize = 1000;

impl MessagePort {
    /// Whether the port has been closed or transferred.
    pub fn is_detached(&self) -> bool {
        self.closing.get() || self.data.borrow().is_none()
    }

    /// What the port shares with its peers.
    pub fn data(&self) -> Option<Arc<PortData>> {
        self.data.borrow().clone()
    }

    /// Counts the port for the loop, or not. One that is being closed counts no more, but remembers.
    pub fn reference(&self, env: &Env, referenced: bool) {
        if self.referenced.replace(referenced) == referenced || self.closing.get() {
            return;
        }
        if referenced {
            env.event_loop.add_reference();
        } else {
            env.event_loop.remove_reference();
        }
    }

    /// Whether the port keeps the loop alive, or would if it were not being closed; `None` once it is closed.
    pub fn has_reference(&self) -> Option<bool> {
        (!self.closed.get()).then(|| self.referenced.get())
    }

    /// Begins to deliver messages.
    pub fn start(&self) {
        self.receiving.set(true);
        if let Some(data) = self.data() {
            data.trigger();
        }
    }

    /// Leaves messages in the queue from now on.
    pub fn stop(&self) {
        self.receiving.set(false);
    }

    /// The next message; `None` where there is none or the port does not want any.
    fn next(&self, force: bool) -> Option<Incoming> {
        let data = self.data()?;
        let mut queue = data.queue.lock();
        match queue.incoming.front()? {
            Incoming::Message(_) if !force && !self.receiving.get() => None,
            _ => queue.incoming.pop_front(),
        }
    }
}

/// Whether `object` is a port.
pub fn is_port(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) -> bool {
    wrap::unwrap::<MessagePort>(scope, object.into()).is_some()
}

/// A new port object in the current context.
pub fn new_port<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    data: Arc<PortData>,
) -> Option<v8::Local<'s, v8::Object>> {
    let env = Env::of(scope);
    let template = class_template(scope, "MessagePort")?;
    let object = template.instance_template(scope).new_instance(scope)?;
    let open = env.state::<OpenPorts>();
    let key = open.next.replace(open.next.get() + 1);
    let port = MessagePort {
        key,
        data: RefCell::new(Some(data.clone())),
        receiving: Cell::new(false),
        closing: Cell::new(false),
        closed: Cell::new(false),
        referenced: Cell::new(false),
    };
    let port = async_wrap::wrap_async(scope, object, "MESSAGEPORT", port);
    let open_port = OpenPort {
        object: v8::Global::new(scope, object),
        port,
    };
    open.ports.borrow_mut().insert(key, open_port);
    data.set_owner(env.event_loop.handle(), key);
    let on_init = env.symbol(scope, "oninit");
    let on_init = object.get(scope, on_init.into())?;
    if let Ok(on_init) = v8::Local::<v8::Function>::try_from(on_init) {
        on_init.call(scope, object.into(), &[])?;
    }
    Some(object)
}

/// The two ends of a new channel.
pub fn new_pair<'s>(
    scope: &mut v8::PinScope<'s, '_>,
) -> Option<(v8::Local<'s, v8::Object>, v8::Local<'s, v8::Object>)> {
    let (first, second) = (Arc::new(PortData::default()), Arc::new(PortData::default()));
    Group::pair(&first, &second);
    Some((new_port(scope, first)?, new_port(scope, second)?))
}

/// One end of a new channel as an object here, the other for another thread.
pub fn new_half_pair<'s>(
    scope: &mut v8::PinScope<'s, '_>,
) -> Option<(v8::Local<'s, v8::Object>, Arc<PortData>)> {
    let (first, second) = (Arc::new(PortData::default()), Arc::new(PortData::default()));
    Group::pair(&first, &second);
    Some((new_port(scope, first)?, second))
}

/// Closes every port of an isolate that ends, so that their peers hear of it.
pub fn close_all(env: &Env) {
    let ports = env.state::<OpenPorts>().ports.take();
    for open in ports.into_values() {
        let data = open.port.data.borrow_mut().take();
        if let Some(data) = data {
            disentangle(&data);
        }
    }
}

/// A new port of the broadcast channel called `name`.
pub fn new_broadcast_port<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
) -> Option<v8::Local<'s, v8::Object>> {
    let data = Arc::new(PortData::default());
    if let Some(program) = Env::of(scope).program() {
        program.state::<Broadcasts>().join(name, &data);
    }
    new_port(scope, data)
}

/// Closes the port: its end is told in the closing phase, its peer through its queue.
pub fn close(scope: &mut v8::PinScope<'_, '_>, port: &Rc<MessagePort>) {
    if port.closing.replace(true) {
        return;
    }
    let env = Env::of(scope);
    if port.referenced.get() {
        env.event_loop.remove_reference();
    }
    let port = port.clone();
    env.event_loop
        .defer_close(Box::new(move |scope| on_close(scope, &port)));
}

fn on_close(scope: &mut v8::PinScope<'_, '_>, port: &Rc<MessagePort>) {
    port.closed.set(true);
    let data = port.data.borrow_mut().take();
    if let Some(data) = data {
        disentangle(&data);
    }
    let env = Env::of(scope);
    let open = env
        .state::<OpenPorts>()
        .ports
        .borrow_mut()
        .remove(&port.key);
    let Some(object) = open.map(|open| v8::Local::new(scope, open.object)) else {
        return;
    };
    let name = env.symbol(scope, "handle_onclose");
    callback_scope::make_method_callback(scope, object, name.into(), &[]);
}

/// Takes the port's data for a transfer; the object is closed.
pub fn detach(scope: &mut v8::PinScope<'_, '_>, port: &Rc<MessagePort>) -> Option<Arc<PortData>> {
    close(scope, port);
    let data = port.data.borrow_mut().take();
    if let Some(data) = &data {
        data.queue.lock().owner = None;
    }
    data
}

fn on_wake(scope: &mut v8::PinScope<'_, '_>, key: u64) {
    let open = Env::of(scope).state::<OpenPorts>();
    let found = {
        let ports = open.ports.borrow();
        ports.get(&key).map(|open| {
            let object = v8::Local::new(scope, &open.object);
            (object, open.port.clone())
        })
    };
    let Some((object, port)) = found else {
        return;
    };
    if let Some(data) = port.data() {
        let mut queue = data.queue.lock();
        if let Some(owner) = &mut queue.owner {
            owner.triggered = false;
        }
    }
    deliver(scope, object, &port, false);
}

/// Delivers what is in the queue; with `force` even if the port is not started.
pub fn deliver(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    port: &Rc<MessagePort>,
    force: bool,
) {
    let Some(data) = port.data() else { return };
    let waiting = data.queue.lock().incoming.len();
    let mut limit = if force { waiting } else { waiting.max(BATCH) };
    // A port that is being closed still delivers what it has.
    while port.data().is_some() {
        if limit == 0 {
            data.trigger();
            return;
        }
        limit -= 1;
        let message = match port.next(force) {
            None => return,
            Some(Incoming::Close) => {
                close(scope, port);
                return;
            }
            Some(Incoming::Message(message)) => message,
        };
        v8::scope!(let scope, scope);
        let object = v8::Local::new(scope, object);
        let context = object
            .get_creation_context(scope)
            .unwrap_or_else(|| scope.get_current_context());
        let scope = &mut v8::ContextScope::new(scope, context);
        if !emit(scope, object, &message) {
            if port.data().is_some() {
                data.trigger();
            }
            return;
        }
    }
}

/// Reads one message and calls the library with it; false where a handler threw or the message could not be read.
fn emit(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    message: &SharedMessage,
) -> bool {
    let object = v8::Local::new(scope, object);
    let read = exception::catch(scope, |scope| deserialize(scope, message));
    let env = Env::of(scope);
    let Some(exports) = env.object(scope, Slot::PerContextExports) else {
        return false;
    };
    let function = convert::get(scope, exports, "emitMessage");
    let Some(function) = function.and_then(|f| v8::Local::<v8::Function>::try_from(f).ok()) else {
        return false;
    };
    match read {
        Ok((value, ports)) => {
            let ports: v8::Local<v8::Value> = if ports.is_empty() {
                v8::undefined(scope).into()
            } else {
                v8::Array::new_with_elements(scope, &ports).into()
            };
            let kind = env.name(scope, "message").into();
            callback_scope::make_callback(scope, object, function, &[value, ports, kind]).is_some()
        }
        Err(Some(error)) => {
            let undefined = v8::undefined(scope).into();
            let kind = env.name(scope, "messageerror").into();
            callback_scope::make_callback(scope, object, function, &[error, undefined, kind]);
            false
        }
        Err(None) => false,
    }
}

/// Takes the next message without the event loop (`receiveMessageOnPort`). `Ok(None)` where there is none, `Err` with
/// an exception pending.
pub fn receive<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    port: &Rc<MessagePort>,
) -> Result<Option<v8::Local<'s, v8::Value>>, ()> {
    if port.is_detached() {
        return Ok(None);
    }
    match port.next(true) {
        None => Ok(None),
        Some(Incoming::Close) => {
            close(scope, port);
            Ok(None)
        }
        Some(Incoming::Message(message)) => deserialize(scope, &message)
            .map(|(value, _)| Some(value))
            .ok_or(()),
    }
}
