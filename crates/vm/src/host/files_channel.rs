//! The files channel, at this end: requests go out in the order of their numbers, answers come in any.
//!
//! Several guests may wait at a time: one of them receives what comes for all, so that one who waits long holds up nobody
//! else.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use secure_exec_kernel::Errno;
use secure_exec_protocol::files::{
    FileOperation, FileResult, FilesAnswer, FilesRequest, MAX_FILES_MESSAGE, data_in, from_message,
    to_message,
};
use secure_exec_protocol::files_socket::Message;
use secure_exec_protocol::{FilesSocket, VmId, ladder};

type Result<T> = std::result::Result<T, Errno>;

thread_local! {
    static PATIENCE: Cell<Duration> = const { Cell::new(ladder::FILES) };
}

/// This thread serves the host, and must not wait for it as long as guests may.
pub(crate) fn be_impatient() {
    PATIENCE.set(ladder::FILES_OF_SERVER);
}

/// How long this thread waits.
pub(super) fn patience() -> Duration {
    PATIENCE.get()
}

/// Pieces of a file that are asked for at a time.
pub(super) const PIECES_AHEAD: usize = 4;
/// Buffers for messages that are kept.
const SPARE_BUFFERS: usize = PIECES_AHEAD + 1;
/// Answers that nobody waits for which may lie in the socket.
const MOST_UNHEARD: usize = 32;
/// How often who waits looks at whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);

/// This process's end of the files channel. Several threads may wait at a time: one of them receives for all.
pub(crate) struct FilesChannel {
    socket: FilesSocket,
    line: Mutex<Line>,
    /// An answer has come for somebody else, or nobody receives any more.
    changed: Condvar,
    /// Counts what may have changed files without this process having done it.
    generation: AtomicU64,
}

/// What has come for a request.
pub(super) enum Answer {
    Result(FileResult, Option<OwnedFd>),
    /// The bytes of a file, where they were received.
    Data(Vec<u8>, Range<usize>),
}

#[derive(Default)]
struct Line {
    last: u64,
    /// Who waits, and what has come for them.
    waiting: HashMap<u64, Option<Answer>>,
    /// Requests whose answers nobody waits for and which have not come.
    unheard: HashSet<u64>,
    /// Somebody receives.
    is_received: bool,
    /// What messages are received into.
    buffers: Vec<Vec<u8>>,
    /// Nothing is heard on it any more.
    is_dead: bool,
}

/// A request that was made. Dropped, nobody waits for its answer any more.
pub(super) struct Asked<'a> {
    channel: &'a FilesChannel,
    id: u64,
    pub(super) deadline: Instant,
    /// By how much it makes the files larger.
    pub(super) growth: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.channel.line.lock().waiting.remove(&self.id);
    }
}

/// Whether a request is still wanted.
pub(super) type Wanted<'a> = &'a dyn Fn() -> bool;

impl FilesChannel {
    pub(crate) fn new(fd: OwnedFd) -> Arc<FilesChannel> {
        Arc::new(FilesChannel {
            socket: FilesSocket::new(fd),
            line: Mutex::default(),
            changed: Condvar::new(),
            generation: AtomicU64::new(0),
        })
    }

    /// Counts the moments at which the host may have changed files.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// The host may have changed files: a program starts, or a function of the host's has run.
    pub(crate) fn renew(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Asks. What comes of it waits for [`FilesChannel::finish`].
    pub(super) fn begin(
        &self,
        (vm, mount): (VmId, u32),
        operation: FileOperation,
    ) -> Result<Asked<'_>> {
        let deadline = Instant::now() + PATIENCE.get();
        let mut line = self.line.try_lock_until(deadline).ok_or(Errno::EIO)?;
        if line.is_dead {
            return Err(Errno::EIO);
        }
        line.last += 1;
        let id = line.last;
        let growth = operation.growth();
        let request = FilesRequest {
            id,
            vm,
            mount,
            operation,
        };
        let request = to_message(&request).map_err(|_| Errno::EINVAL)?;
        // In the order of their numbers.
        if self.socket.send(&request).is_err() {
            line.is_dead = true;
            return Err(Errno::EIO);
        }
        line.waiting.insert(id, None);
        Ok(Asked {
            channel: self,
            id,
            deadline,
            growth,
        })
    }

    /// Waits for the answer.
    pub(super) fn finish(&self, asked: &Asked<'_>, wanted: Wanted<'_>) -> Result<Answer> {
        let mut line = self.line.lock();
        let answer = self.wait(&mut line, asked.id, asked.deadline, wanted)?;
        drop(line);
        let Answer::Result(result, descriptor) = answer else {
            return Ok(answer);
        };
        if let FileResult::Failed { errno } = result {
            return Err(Errno::from_raw(errno));
        }
        if matches!(
            result,
            FileResult::Changes
                | FileResult::Opened {
                    descriptor: true,
                    ..
                }
        ) && descriptor.is_none()
        {
            // There was no room for it in this process.
            return Err(Errno::ENFILE);
        }
        Ok(Answer::Result(result, descriptor))
    }

    /// Does not wait for the answer: whatever is asked for next is answered after it. False if there are too many of those,
    /// which would be in the way of others.
    pub(super) fn leave(&self, asked: &Asked<'_>) -> bool {
        let mut line = self.line.lock();
        let leaves = line.unheard.len() < MOST_UNHEARD;
        if leaves && line.waiting.get(&asked.id).is_some_and(Option::is_none) {
            line.unheard.insert(asked.id);
        }
        leaves
    }

    #[cfg(test)]
    pub(super) fn unheard(&self) -> usize {
        self.line.lock().unheard.len()
    }

    /// Gives back what the bytes of a file were received into.
    pub(super) fn spare(&self, buffer: Vec<u8>) {
        let mut line = self.line.lock();
        if line.buffers.len() < SPARE_BUFFERS {
            line.buffers.push(buffer);
        }
    }

    /// Waits for the answer of this number, receiving for others where nobody else does.
    fn wait(
        &self,
        line: &mut MutexGuard<'_, Line>,
        id: u64,
        deadline: Instant,
        wanted: Wanted<'_>,
    ) -> Result<Answer> {
        loop {
            if let Some(answer) = line.waiting.get_mut(&id).and_then(Option::take) {
                return Ok(answer);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if line.is_dead || left.is_zero() {
                return Err(Errno::EIO);
            }
            if !wanted() {
                return Err(Errno::EINTR);
            }
            if line.is_received {
                self.changed.wait_for(line, left.min(LOOK));
            } else {
                self.receive(line, left.min(LOOK));
            }
        }
    }

    /// Receives one message for whoever waits for it. Others are those that nobody waits for any more.
    fn receive(&self, line: &mut MutexGuard<'_, Line>, longest: Duration) {
        line.is_received = true;
        let mut buffer = line.buffers.pop().unwrap_or_default();
        if buffer.is_empty() {
            buffer = vec![0; MAX_FILES_MESSAGE];
        }
        let received = MutexGuard::unlocked(line, || {
            let message = self.socket.receive(&mut buffer, Some(longest));
            message.map(|message| decode(&mut buffer, message))
        });
        line.is_received = false;
        match received {
            Ok(Some((id, answer))) => {
                line.unheard.remove(&id);
                if let Some(place) = line.waiting.get_mut(&id) {
                    *place = Some(answer);
                } else if let Answer::Data(unwanted, _) = answer {
                    buffer = unwanted;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {}
            // The host is gone, or says what is none.
            _ => line.is_dead = true,
        }
        if !buffer.is_empty() {
            line.buffers.push(buffer);
        }
        self.changed.notify_all();
    }
}

/// What a message says; the bytes of a file stay where they are, which takes the buffer.
fn decode(buffer: &mut Vec<u8>, message: Message) -> Option<(u64, Answer)> {
    let bytes = buffer.get(..message.length)?;
    if let Some((id, place)) = data_in(bytes) {
        return Some((id, Answer::Data(std::mem::take(buffer), place)));
    }
    let answer = from_message::<FilesAnswer>(bytes).ok()?;
    let descriptor = message.descriptors.into_iter().next();
    Some((answer.id, Answer::Result(answer.result, descriptor)))
}
