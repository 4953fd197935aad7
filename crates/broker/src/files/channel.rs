//! The files channel of a VM process: its thread, and the VMs that it serves.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::Arc;

use parking_lot::Mutex;
use secure_exec_protocol::VmId;
use secure_exec_protocol::files::{
    FileResult, FilesAnswer, FilesRequest, MAX_FILE_PIECE, MAX_FILES_MESSAGE, data_head,
    from_message, to_message,
};
use secure_exec_protocol::files_socket::Message;
use secure_exec_protocol::{FilesSocket, ladder};

use super::backend::HostMount;
use super::replies::Replies;
use super::served::{Outcome, Rule, Served, failed};

type Vms = Arc<Mutex<HashMap<VmId, Arc<Served>>>>;

/// Is told of the rule that a VM process broke, on the channel's threads.
pub(crate) type Accuse = Arc<dyn Fn(Rule) + Send + Sync>;

/// The rule of one that asks and does not take the answers.
pub(super) const NOT_READ: Rule = "it does not read its files channel";

/// The broker's end of a files channel. Nothing is read from it before the first VM with mounts.
pub(crate) struct FilesChannel {
    socket: Arc<FilesSocket>,
    vms: Vms,
    accuse: Accuse,
    is_served: bool,
}

impl FilesChannel {
    pub(crate) fn new(socket: FilesSocket, accuse: Accuse) -> FilesChannel {
        FilesChannel {
            socket: Arc::new(socket),
            vms: Vms::default(),
            accuse,
            is_served: false,
        }
    }

    /// Serves the mounts of a VM.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn serve(&mut self, vm: VmId, mounts: Vec<HostMount>) -> std::io::Result<()> {
        if mounts.is_empty() {
            return Ok(());
        }
        self.vms.lock().insert(vm, Arc::new(Served::new(mounts)));
        self.start()
    }

    /// Serves one more mount of a VM.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn add(&mut self, vm: VmId, mount: HostMount) -> std::io::Result<()> {
        let served = self.vms.lock().get(&vm).cloned();
        match served {
            Some(served) => {
                served.add(mount);
                Ok(())
            }
            None => self.serve(vm, vec![mount]),
        }
    }

    /// A VM has one mount less.
    pub(crate) fn remove(&mut self, vm: VmId, number: u32) {
        let served = self.vms.lock().get(&vm).cloned();
        if let Some(served) = served {
            served.remove(number);
        }
    }

    fn start(&mut self) -> std::io::Result<()> {
        if self.is_served {
            return Ok(());
        }
        self.socket.bound_sending(ladder::ANSWER)?;
        let (socket, vms) = (self.socket.clone(), self.vms.clone());
        let accuse = self.accuse.clone();
        std::thread::Builder::new()
            .name("secure-exec-files".into())
            .spawn(move || {
                if let Err(rule) = run(&socket, &vms, &accuse) {
                    accuse(rule);
                }
                socket.shut_down();
            })?;
        self.is_served = true;
        Ok(())
    }

    /// A VM has left the process: its files are closed.
    pub(crate) fn forget(&mut self, vm: VmId) {
        let gone = self.vms.lock().remove(&vm);
        close(gone.into_iter().collect());
    }
}

impl Drop for FilesChannel {
    fn drop(&mut self) {
        self.socket.shut_down();
        let gone = std::mem::take(&mut *self.vms.lock());
        close(gone.into_values().collect());
    }
}

/// Closes what is open. That may take its time, and the broker's lock is held.
fn close(gone: Vec<Arc<Served>>) {
    if gone.iter().any(|served| served.has_files()) {
        let thread = std::thread::Builder::new().name("secure-exec-close".into());
        // Without a thread it is done here.
        let _ = thread.spawn(move || drop(gone));
    }
}

/// Serves until the channel ends.
fn run(socket: &Arc<FilesSocket>, vms: &Vms, accuse: &Accuse) -> Result<(), Rule> {
    let mut buffer = vec![0; MAX_FILES_MESSAGE];
    let mut piece = vec![0; MAX_FILE_PIECE];
    // Without a thread for them there is nobody to serve.
    let Ok(replies) = Replies::start(socket, accuse) else {
        return Ok(());
    };
    let mut last = None;
    loop {
        let Ok(message) = socket.receive(&mut buffer, None) else {
            return Ok(());
        };
        if message.length == 0 {
            return Ok(());
        }
        let request = read(&message, &buffer)?;
        if last.is_some_and(|last| request.id <= last) {
            return Err("a request for files out of turn");
        }
        last = Some(request.id);
        let served = vms.lock().get(&request.vm).cloned();
        let outcome = match served {
            Some(served) => {
                let deferred = (request.id, &replies);
                match served.begin(request.mount, request.operation, deferred, &mut piece)? {
                    Some(outcome) => outcome,
                    None => continue,
                }
            }
            // It may have been taken from the process meanwhile.
            None => Outcome::Answer(FileResult::Failed { errno: libc::EIO }, None),
        };
        let sent = match outcome {
            // As it is, so that nobody but the system copies it.
            Outcome::Read(count) => {
                let data = piece.get(..count).unwrap_or_default();
                socket.send_parts(&data_head(request.id, count), data)
            }
            Outcome::Answer(result, descriptor) => {
                let answer = encoded(request.id, result)?;
                match &descriptor {
                    Some(descriptor) => socket.send_with(&answer, descriptor.as_fd()),
                    None => socket.send(&answer),
                }
            }
        };
        let sent = match sent {
            // Too many of this user's are on their way to processes that do not take them: no fault of this one's.
            Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => {
                let result = FileResult::Failed {
                    errno: libc::ENFILE,
                };
                socket.send(&encoded(request.id, result)?)
            }
            sent => sent,
        };
        if !has_sent(sent)? {
            return Ok(());
        }
    }
}

fn encoded(id: u64, result: FileResult) -> Result<Vec<u8>, Rule> {
    let answer = to_message(&FilesAnswer { id, result }).or_else(|_| {
        let result = failed(&std::io::ErrorKind::InvalidData.into());
        to_message(&FilesAnswer { id, result })
    });
    answer.map_err(|_| "an answer that cannot be written down")
}

/// Whether the process has taken an answer; it may be gone.
fn has_sent(sent: std::io::Result<()>) -> Result<bool, Rule> {
    match sent {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Err(NOT_READ),
        Err(_) => Ok(false),
    }
}

fn read(message: &Message, buffer: &[u8]) -> Result<FilesRequest, Rule> {
    if message.is_cut {
        return Err("a request for files that is too long");
    }
    if !message.descriptors.is_empty() {
        return Err("a descriptor with a request for files");
    }
    let bytes = buffer.get(..message.length).unwrap_or_default();
    from_message(bytes).map_err(|_| "a request for files that does not decode")
}
