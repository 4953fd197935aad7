//! Files that are served by somebody who may take their time, or never answer: nobody waits for it but who asks.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use secure_exec_protocol::files::{FileOperation, FileResult, HostSpace, MAX_FILE_PIECE};

use super::replies::Replies;

/// Files that a VM may have open.
const MOST_FILES: usize = 1024;
/// What `statfs(2)` has of files that nobody counts.
const BLOCK: u64 = 4096;

/// Files that are served by the embedder, when it comes to it.
pub trait Deferred: Send + Sync {
    /// Begins an operation; what comes of it goes to `reply`, whenever that is. It must not wait, and nothing that it does
    /// is believed.
    ///
    /// Files are opened by their paths: `Open` and `Create` are answered by `Attributes`, and what has a handle comes with
    /// the path of the file.
    fn begin(&self, operation: FileOperation, open: Option<Vec<u8>>, reply: Reply);
}

/// Takes what came of an operation, once. Dropped without that it is `EIO`.
pub struct Reply(Option<Box<dyn FnOnce(FileResult) + Send>>);

impl Reply {
    pub(super) fn new(send: impl FnOnce(FileResult) + Send + 'static) -> Reply {
        Reply(Some(Box::new(send)))
    }

    /// Answers.
    pub fn answer(mut self, result: FileResult) {
        if let Some(send) = self.0.take() {
            send(result);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(send) = self.0.take() {
            send(FileResult::Failed { errno: libc::EIO });
        }
    }
}

/// The files that a VM has open, by their paths.
#[derive(Clone, Default)]
pub(super) struct OpenPaths(Arc<Mutex<Paths>>);

#[derive(Default)]
struct Paths {
    by_handle: HashMap<u64, Vec<u8>>,
    last: u64,
}

impl OpenPaths {
    /// Has an operation begun, or answers it.
    pub(super) fn begin(
        &self,
        server: &dyn Deferred,
        operation: FileOperation,
        (id, replies): (u64, &Replies),
    ) {
        let fails = |errno| replies.answer(id, FileResult::Failed { errno });
        let open = match self.path_of(&operation) {
            Ok(open) => open,
            Err(errno) => return fails(errno),
        };
        match operation {
            FileOperation::Close { handle } => {
                self.0.lock().by_handle.remove(&handle);
                return replies.answer(id, FileResult::Done);
            }
            FileOperation::Sync { .. } => return replies.answer(id, FileResult::Done),
            // Nothing of it is kept by a VM process.
            FileOperation::ReadWhole { .. } => return fails(libc::ENOSYS),
            // Nobody tells of changes, and names come with what they name.
            FileOperation::ListenToChanges
            | FileOperation::Watch { .. }
            | FileOperation::Unwatch { .. }
            | FileOperation::ReadLeased { .. }
            | FileOperation::ReadNames { .. }
            | FileOperation::HearOfBroken { .. } => return fails(libc::ENOSYS),
            FileOperation::Statfs => {
                let space = HostSpace {
                    block_size: BLOCK,
                    ..HostSpace::default()
                };
                return replies.answer(id, FileResult::Space(space));
            }
            _ => {}
        }
        let Some(reply) = replies.reply(id) else {
            return fails(libc::EAGAIN);
        };
        let reply = match &operation {
            FileOperation::Open { path, .. } | FileOperation::Create { path, .. } => {
                let (paths, path) = (self.0.clone(), path.clone());
                Reply::new(move |result| reply.answer(opened(&paths, path, result)))
            }
            FileOperation::Read { count, .. } => {
                let most = *count as usize;
                Reply::new(move |result| reply.answer(within(most, result)))
            }
            _ => reply,
        };
        server.begin(operation, open, reply);
    }

    /// The path of the file that an operation has the handle of.
    fn path_of(&self, operation: &FileOperation) -> Result<Option<Vec<u8>>, i32> {
        let handle = match operation {
            FileOperation::Read { handle, .. }
            | FileOperation::Write { handle, .. }
            | FileOperation::SetSize { handle, .. }
            | FileOperation::Sync { handle }
            | FileOperation::Close { handle } => handle,
            _ => return Ok(None),
        };
        let known = self.0.lock().by_handle.get(handle).cloned();
        known.map(Some).ok_or(libc::EBADF)
    }
}

/// Gives what was opened a handle.
fn opened(paths: &Mutex<Paths>, path: Vec<u8>, result: FileResult) -> FileResult {
    let FileResult::Attributes(attributes) = result else {
        return match result {
            FileResult::Failed { errno } => FileResult::Failed { errno },
            _ => FileResult::Failed { errno: libc::EIO },
        };
    };
    if attributes.mode & libc::S_IFMT != libc::S_IFREG {
        return FileResult::Failed { errno: libc::ENXIO };
    }
    let mut paths = paths.lock();
    if paths.by_handle.len() >= MOST_FILES {
        return FileResult::Failed {
            errno: libc::ENFILE,
        };
    }
    paths.last += 1;
    let handle = paths.last;
    paths.by_handle.insert(handle, path);
    FileResult::Opened {
        attributes,
        handle: Some(handle),
        descriptor: false,
    }
}

/// No more bytes than were asked for.
fn within(most: usize, result: FileResult) -> FileResult {
    match result {
        FileResult::Data(data) if data.len() > most.min(MAX_FILE_PIECE) => {
            FileResult::Failed { errno: libc::EIO }
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secure_exec_protocol::files::{
        FileAccess, FilesAnswer, FilesRequest, HostAttributes, MAX_FILES_MESSAGE, from_message,
        to_message,
    };
    use secure_exec_protocol::{FilesSocket, Mount};

    use super::*;
    use crate::files::channel::FilesChannel;
    use crate::files::replies::MOST_UNDER_WAY;
    use crate::files::{HostMount, Server};

    type Begun = (FileOperation, Option<Vec<u8>>, Reply);

    /// Keeps what is begun until the test answers it.
    #[derive(Default)]
    struct Kept(Mutex<Vec<Begun>>);

    impl Deferred for Kept {
        fn begin(&self, operation: FileOperation, open: Option<Vec<u8>>, reply: Reply) {
            self.0.lock().push((operation, open, reply));
        }
    }

    struct Ground {
        kept: Arc<Kept>,
        ours: FilesSocket,
        last: u64,
        channel: FilesChannel,
    }

    const VM: u32 = 7;
    const LONG: Duration = Duration::from_secs(20);

    impl Ground {
        fn new(read_only: bool) -> Ground {
            let (theirs, ours) = FilesSocket::pair().unwrap();
            let accuse = Arc::new(|rule| panic!("accused of {rule}"));
            let mut channel = FilesChannel::new(theirs, accuse);
            let kept = Arc::new(Kept::default());
            let mount = Mount {
                read_only,
                ..Mount::default()
            };
            let server = Server::Deferred(kept.clone());
            channel
                .serve(VM, vec![HostMount { mount, server }])
                .unwrap();
            Ground {
                kept,
                ours: FilesSocket::new(ours),
                last: 0,
                channel,
            }
        }

        fn ask(&mut self, operation: FileOperation) -> u64 {
            self.last += 1;
            let request = FilesRequest {
                id: self.last,
                vm: VM,
                mount: 0,
                operation,
            };
            self.ours.send(&to_message(&request).unwrap()).unwrap();
            self.last
        }

        fn answer(&self) -> (u64, FileResult) {
            let mut buffer = vec![0; MAX_FILES_MESSAGE];
            let message = self.ours.receive(&mut buffer, Some(LONG)).unwrap();
            let answer: FilesAnswer = from_message(&buffer[..message.length]).unwrap();
            (answer.id, answer.result)
        }

        /// The next operation that is begun.
        fn begun(&self) -> Begun {
            loop {
                if let Some(begun) = self.kept.0.lock().pop() {
                    return begun;
                }
                std::thread::yield_now();
            }
        }
    }

    fn stat(path: &[u8]) -> FileOperation {
        FileOperation::Stat { path: path.into() }
    }

    fn regular() -> FileResult {
        FileResult::Attributes(HostAttributes {
            mode: libc::S_IFREG | 0o644,
            ..HostAttributes::default()
        })
    }

    #[test]
    fn who_waits_long_holds_up_nobody_else() {
        let mut ground = Ground::new(false);
        let slow = ground.ask(stat(b"slow"));
        let (_, _, waiting) = ground.begun();
        let quick = ground.ask(stat(b"quick"));
        let (operation, _, reply) = ground.begun();
        assert_eq!(operation, stat(b"quick"));
        reply.answer(regular());
        assert_eq!(ground.answer(), (quick, regular()));
        drop(waiting);
        assert_eq!(
            ground.answer(),
            (slow, FileResult::Failed { errno: libc::EIO })
        );
    }

    #[test]
    fn open_files_are_known_by_their_paths() {
        let mut ground = Ground::new(false);
        ground.ask(FileOperation::Open {
            path: b"a/b".to_vec(),
            access: FileAccess::Read,
        });
        ground.begun().2.answer(regular());
        let FileResult::Opened {
            handle: Some(handle),
            descriptor: false,
            ..
        } = ground.answer().1
        else {
            panic!("it is open");
        };
        let read = FileOperation::Read {
            handle,
            offset: 3,
            count: 2,
        };
        ground.ask(read.clone());
        let (operation, open, reply) = ground.begun();
        assert_eq!(
            (operation, open.as_deref()),
            (read.clone(), Some(&b"a/b"[..]))
        );
        reply.answer(FileResult::Data(vec![1, 2]));
        assert_eq!(ground.answer().1, FileResult::Data(vec![1, 2]));
        ground.ask(read.clone());
        ground.begun().2.answer(FileResult::Data(vec![0; 3]));
        assert_eq!(ground.answer().1, FileResult::Failed { errno: libc::EIO });
        ground.ask(FileOperation::Close { handle });
        assert_eq!(ground.answer().1, FileResult::Done);
        ground.ask(read);
        let closed = FileResult::Failed { errno: libc::EBADF };
        assert_eq!(ground.answer().1, closed);
    }

    #[test]
    fn what_is_no_regular_file_is_not_opened_and_a_read_only_mount_not_changed() {
        let mut ground = Ground::new(true);
        ground.ask(FileOperation::Open {
            path: b"d".to_vec(),
            access: FileAccess::Read,
        });
        ground
            .begun()
            .2
            .answer(FileResult::Attributes(HostAttributes::default()));
        assert_eq!(ground.answer().1, FileResult::Failed { errno: libc::ENXIO });
        ground.ask(FileOperation::Unlink {
            path: b"d".to_vec(),
        });
        assert_eq!(ground.answer().1, FileResult::Failed { errno: libc::EROFS });
        ground.ask(FileOperation::ReadWhole {
            path: b"d".to_vec(),
            names: b"a/b".to_vec(),
        });
        let one_by_one = FileResult::Failed {
            errno: libc::ENOSYS,
        };
        assert_eq!(ground.answer().1, one_by_one);
    }

    #[test]
    fn so_many_are_under_way_and_no_more() {
        let mut ground = Ground::new(false);
        for _ in 0..=MOST_UNDER_WAY {
            ground.ask(stat(b"x"));
        }
        let refused = FileResult::Failed {
            errno: libc::EAGAIN,
        };
        assert_eq!(ground.answer(), (MOST_UNDER_WAY as u64 + 1, refused));
        let kept = std::mem::take(&mut *ground.kept.0.lock());
        assert_eq!(kept.len(), MOST_UNDER_WAY);
        // What is answered after the end of the VM process reaches nobody.
        drop(ground.channel);
        drop(kept);
    }
}
