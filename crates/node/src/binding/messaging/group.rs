//! Ports that hear each other: the two ends of a channel, or all those of one broadcast name.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::port::{Incoming, PortData};
use super::serialize::SharedMessage;

/// A set of ports. Lock order: a group's list, then a port's queue.
pub struct Group {
    /// Of a broadcast channel; a pair has none.
    name: Option<String>,
    ports: Mutex<Vec<Weak<PortData>>>,
}

/// What became of a message that was posted.
pub enum Dispatched {
    /// It is in the queues, or there is nobody to hear it.
    Sent,
    /// It went to a port that it carries itself: the channel is lost, and a warning says so.
    PostedToItself,
    /// It cannot be delivered to more than one port.
    ManyReaders,
}

impl Group {
    /// The group of the two ends of a channel.
    pub fn pair(first: &Arc<PortData>, second: &Arc<PortData>) {
        let group = Arc::new(Group {
            name: None,
            ports: Mutex::default(),
        });
        group.join(first);
        group.join(second);
    }

    fn join(self: &Arc<Self>, port: &Arc<PortData>) {
        self.ports.lock().push(Arc::downgrade(port));
        port.set_group(Some(self.clone()));
    }

    /// Takes a port out. It hears that it is closed, and so does the one that is left of a pair.
    pub fn leave(&self, port: &Arc<PortData>) {
        let left: Vec<Arc<PortData>> = {
            let mut ports = self.ports.lock();
            ports.retain(|known| {
                !std::ptr::eq(known.as_ptr(), Arc::as_ptr(port)) && known.strong_count() > 0
            });
            ports.iter().filter_map(Weak::upgrade).collect()
        };
        port.receive(Incoming::Close);
        if self.name.is_none() {
            left.iter().for_each(|other| other.receive(Incoming::Close));
        }
    }

    /// Hands a message to all ports but `source`.
    pub fn dispatch(&self, source: &Arc<PortData>, message: &SharedMessage) -> Dispatched {
        let ports: Vec<Arc<PortData>> =
            self.ports.lock().iter().filter_map(Weak::upgrade).collect();
        let others = || ports.iter().filter(|port| !Arc::ptr_eq(port, source));
        if others().count() > 1 && message.has_transferables() {
            return Dispatched::ManyReaders;
        }
        if others().any(|port| message.transfers(port)) {
            return Dispatched::PostedToItself;
        }
        others().for_each(|port| port.receive(Incoming::Message(message.clone())));
        Dispatched::Sent
    }
}

/// The broadcast channels of one program: of its main thread and its workers, never of another program.
#[derive(Default)]
pub struct Broadcasts {
    groups: Mutex<HashMap<String, Weak<Group>>>,
}

impl Broadcasts {
    /// Adds a port to the channel called `name`.
    pub fn join(&self, name: &str, port: &Arc<PortData>) {
        let mut groups = self.groups.lock();
        groups.retain(|_, group| group.strong_count() > 0);
        let group = groups.get(name).and_then(Weak::upgrade).unwrap_or_else(|| {
            let group = Arc::new(Group {
                name: Some(name.to_owned()),
                ports: Mutex::default(),
            });
            groups.insert(name.to_owned(), Arc::downgrade(&group));
            group
        });
        group.join(port);
    }
}
