//! What the host tells of changes to the files of a mount, and who hears of it.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use secure_exec_kernel::Errno;
use secure_exec_kernel::fs::hostfs::{HostEvent, HostHearer};
use secure_exec_protocol::FilesSocket;
use secure_exec_protocol::files::{FileChanges, MAX_FILES_MESSAGE, from_message};

/// Stack of the thread that listens.
const STACK: usize = 256 << 10;

/// Who hears of changes to a mount's files.
#[derive(Default)]
pub(super) struct Changes {
    hearers: Mutex<HashMap<u64, HostHearer>>,
    last: AtomicU64,
}

impl Changes {
    /// Listens, on a thread of its own, until the host ends it: with the mount.
    ///
    /// # Errors
    /// - `EAGAIN`: there is no thread to be had.
    pub(super) fn listen(socket: OwnedFd) -> Result<Arc<Changes>, Errno> {
        let changes = Arc::<Changes>::default();
        let listening = Arc::downgrade(&changes);
        std::thread::Builder::new()
            .name("host-changes".into())
            .stack_size(STACK)
            .spawn(move || serve(&FilesSocket::new(socket), &listening))
            .map_err(|_| Errno::EAGAIN)?;
        Ok(changes)
    }

    /// Notes who is to hear of a watch; gives its number.
    pub(super) fn add(&self, hear: HostHearer) -> u64 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.hearers.lock().insert(number, hear);
        number
    }

    pub(super) fn remove(&self, number: u64) {
        let gone = self.hearers.lock().remove(&number);
        drop(gone);
    }

    fn tell(&self, message: FileChanges) {
        for change in message.changes {
            let hearers: Vec<HostHearer> = {
                let hearers = self.hearers.lock();
                match change.number {
                    0 => hearers.values().cloned().collect(),
                    number => hearers.get(&number).cloned().into_iter().collect(),
                }
            };
            let event = HostEvent {
                mask: change.mask,
                cookie: change.cookie,
                name: change.name,
            };
            for hear in hearers {
                hear(&event);
            }
        }
    }
}

fn serve(socket: &FilesSocket, changes: &Weak<Changes>) {
    let mut buffer = vec![0; MAX_FILES_MESSAGE];
    loop {
        let Ok(message) = socket.receive(&mut buffer, None) else {
            return;
        };
        let bytes = buffer.get(..message.length).unwrap_or_default();
        // The host is gone, the mount is, or what it says is none.
        if bytes.is_empty() || message.is_cut {
            return;
        }
        let (Ok(message), Some(changes)) = (from_message(bytes), changes.upgrade()) else {
            return;
        };
        changes.tell(message);
    }
}
