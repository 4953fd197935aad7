//! Who listens in a VM, for JavaScript to look at without asking the VM process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use napi_derive::napi;
use secure_exec_broker::protocol::{Listener, ListenerAddress};

/// What the VM process has told last. It becomes objects of JavaScript only when somebody asks: a guest that listens
/// and stops again and again costs the host's main thread nothing.
#[derive(Default)]
pub struct Listeners {
    last: Mutex<Vec<Listener>>,
    /// Somebody waits for a change.
    watched: AtomicBool,
}

impl Listeners {
    /// Takes a list; whether JavaScript is to be told.
    pub fn replace(&self, listeners: Vec<Listener>) -> bool {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = listeners;
        // Once: who waits for more says so again.
        self.watched.swap(false, Ordering::AcqRel)
    }

    /// Has JavaScript told of the next list.
    pub fn watch(&self) {
        self.watched.store(true, Ordering::Release);
    }

    /// All of them.
    pub fn entries(&self) -> Vec<ListenerEntry> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().map(ListenerEntry::from).collect()
    }
}

/// A socket that waits for connections.
#[napi(object, object_from_js = false)]
pub struct ListenerEntry {
    pub process_id: i32,
    pub host: Option<String>,
    pub port: Option<u32>,
    pub path: Option<String>,
    /// Somebody has waited for a connection there.
    pub is_awaited: bool,
}

impl From<&Listener> for ListenerEntry {
    fn from(listener: &Listener) -> ListenerEntry {
        let (host, port, path) = match &listener.address {
            ListenerAddress::Inet { ip, port } => {
                (Some(ip.to_string()), Some((*port).into()), None)
            }
            ListenerAddress::Path(path) => {
                (None, None, Some(String::from_utf8_lossy(path).into_owned()))
            }
        };
        ListenerEntry {
            process_id: listener.pid,
            host,
            port,
            path,
            is_awaited: listener.is_awaited,
        }
    }
}
