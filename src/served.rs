//! Who serves the files that machines mount, by the numbers that the mounts in their options have.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use secure_exec_broker::files::{Backend, Deferred, Server};

use crate::config::call_id;

static SERVED: Mutex<BTreeMap<u64, (Known, bool)>> = Mutex::new(BTreeMap::new());

enum Known {
    Backend(Weak<dyn Backend>),
    Deferred(Weak<dyn Deferred>),
}

/// A number that is taken as long as this lives.
pub struct Number(pub u64);

impl Number {
    /// `read_only`: no mount of it can change anything.
    pub fn new(server: &Server, read_only: bool) -> Number {
        let known = match server {
            Server::Backend(backend) => Known::Backend(Arc::downgrade(backend)),
            Server::Deferred(server) => Known::Deferred(Arc::downgrade(server)),
        };
        let mut served = SERVED.lock().unwrap_or_else(PoisonError::into_inner);
        let number = served.last_key_value().map_or(1, |(last, _)| last + 1);
        served.insert(number, (known, read_only));
        Number(number)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        let mut served = SERVED.lock().unwrap_or_else(PoisonError::into_inner);
        served.remove(&self.0);
    }
}

/// Who serves the files with a number, if they are still there, and whether nothing can be changed.
pub fn served(number: f64) -> Option<(Server, bool)> {
    let served = SERVED.lock().unwrap_or_else(PoisonError::into_inner);
    let (known, read_only) = served.get(&call_id(number))?;
    let server = match known {
        Known::Backend(backend) => backend.upgrade().map(Server::Backend),
        Known::Deferred(server) => server.upgrade().map(Server::Deferred),
    };
    Some((server?, *read_only))
}
