//! The host's file methods of a machine with mounts: on a thread of their own, since they may have to wait for the host.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use secure_exec_protocol::{CallId, Failure, FileReply, FileRequest, VmId, VmMessage};

use super::files::Files;
use crate::mailbox::{Mail, Mailbox};

/// Something to do with the files.
type Act = Box<dyn FnOnce(&mut Files) -> Result<FileReply, Failure> + Send>;

/// Takes file methods, and does one after the other.
pub(super) struct FileThread(Sender<(CallId, Act)>);

impl FileThread {
    /// Starts it. It ends with this.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn start(vm: VmId, mut files: Files, mailbox: &Arc<Mailbox>) -> io::Result<Self> {
        let (acts, inbox) = channel::<(CallId, Act)>();
        let mailbox = mailbox.clone();
        std::thread::Builder::new()
            .name("files".into())
            .spawn(move || {
                for (call, act) in inbox {
                    let done = act(&mut files).map(VmMessage::File);
                    let message = done.unwrap_or_else(VmMessage::Failed);
                    mailbox.post(Mail::File(vm, call, message));
                }
            })?;
        Ok(FileThread(acts))
    }

    /// Has a method done; the mailbox gets what came of it.
    pub(super) fn serve(&self, call: CallId, request: FileRequest) {
        self.act(call, Box::new(move |files| files.serve(request)));
    }

    /// Has something else done in its turn.
    pub(super) fn act(&self, call: CallId, act: Act) {
        // The thread ends behind the machine alone.
        let _ = self.0.send((call, act));
    }
}
