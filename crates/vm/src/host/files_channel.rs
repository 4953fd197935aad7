//! The files channel, at this end: requests go out in the order of their numbers, answers come in any.
//!
//! Several guests may wait at a time: one of them receives what comes for all, so that one who waits long holds up nobody
//! else. Whoever finds no room for a request receives as well: the host takes no more of them while it cannot send what has
//! come of others. What nobody waits for any more, as its process has been killed, is received by a thread that is there for
//! as long as that takes: the host would give up a process that does not.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
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
/// Stack of the thread that receives what nobody waits for.
const STACK: usize = 256 << 10;
/// How often who waits looks at whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);

/// This process's end of the files channel. Several threads may wait at a time: one of them receives for all.
pub(crate) struct FilesChannel {
    this: Weak<FilesChannel>,
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
    /// A thread receives what nobody waits for.
    is_cleared: bool,
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
        let mut line = self.channel.line.lock();
        let given_up = matches!(line.waiting.remove(&self.id), Some(None));
        // One that was left is known already, and one of few.
        if given_up && line.unheard.insert(self.id) && !line.is_cleared {
            line.is_cleared = self.channel.clear();
        }
    }
}

/// Whether a request is still wanted.
pub(super) type Wanted<'a> = &'a dyn Fn() -> bool;

impl FilesChannel {
    pub(crate) fn new(fd: OwnedFd) -> Arc<FilesChannel> {
        Arc::new_cyclic(|this| FilesChannel {
            this: this.clone(),
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
        let growth = operation.growth();
        let mut request = FilesRequest {
            id: 0,
            vm,
            mount,
            operation,
        };
        let mut message = Vec::new();
        loop {
            if line.is_dead {
                return Err(Errno::EIO);
            }
            // In the order of their numbers. Others may have sent something meanwhile.
            if request.id != line.last + 1 {
                request.id = line.last + 1;
                message = to_message(&request).map_err(|_| Errno::EINVAL)?;
            }
            match self.socket.send_now(&message) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Errno::EIO);
                    }
                    self.hear(&mut line, left.min(LOOK));
                }
                Err(_) => line.is_dead = true,
            }
        }
        line.last = request.id;
        line.waiting.insert(request.id, None);
        Ok(Asked {
            channel: self,
            id: request.id,
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
                // It has been heard: nobody gives it up any more.
                line.waiting.remove(&id);
                return Ok(answer);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if line.is_dead || left.is_zero() {
                return Err(Errno::EIO);
            }
            if !wanted() {
                return Err(Errno::EINTR);
            }
            self.hear(line, left.min(LOOK));
        }
    }

    /// Receives a message, or waits for somebody else to have received one.
    fn hear(&self, line: &mut MutexGuard<'_, Line>, longest: Duration) {
        if line.is_received {
            self.changed.wait_for(line, longest);
        } else {
            self.receive(line, longest);
        }
    }

    /// Has what nobody waits for received. False if there is no thread to be had.
    fn clear(&self) -> bool {
        let this = self.this.clone();
        let thread = std::thread::Builder::new().name("host-files".into());
        let started = thread.stack_size(STACK).spawn(move || {
            let Some(this) = this.upgrade() else { return };
            let mut line = this.line.lock();
            while !line.is_dead && !line.unheard.is_empty() {
                this.hear(&mut line, LOOK);
            }
            line.is_cleared = false;
        });
        started.is_ok()
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
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use secure_exec_protocol::files::{MAX_FILE_PIECE, data_head};

    use super::*;

    /// Only a test that fails waits so long.
    const LONG: Duration = Duration::from_secs(20);
    const FILE: (VmId, u32) = (1, 0);

    /// A channel to a host that answers one request after the other, and tells of each that it has answered.
    fn answered() -> (Arc<FilesChannel>, Receiver<u64>) {
        let (host, ours) = FilesSocket::pair().unwrap();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; MAX_FILES_MESSAGE];
            loop {
                let message = host.receive(&mut buffer, None).unwrap();
                if message.length == 0 {
                    return;
                }
                let request: FilesRequest = from_message(&buffer[..message.length]).unwrap();
                let answer = match request.operation {
                    FileOperation::Read { .. } => {
                        let mut answer = data_head(request.id, MAX_FILE_PIECE);
                        answer.resize(answer.len() + MAX_FILE_PIECE, 7);
                        answer
                    }
                    _ => {
                        let (id, result) = (request.id, FileResult::Done);
                        to_message(&FilesAnswer { id, result }).unwrap()
                    }
                };
                host.send(&answer).unwrap();
                tell.send(request.id).unwrap();
            }
        });
        (FilesChannel::new(ours), told)
    }

    /// Asks for something, as a process that is killed before it is answered.
    fn give_up(channel: &FilesChannel, operation: FileOperation) {
        let asked = channel.begin(FILE, operation).unwrap();
        let answer = channel.finish(&asked, &|| false);
        assert!(matches!(answer, Ok(_) | Err(Errno::EINTR)));
    }

    #[test]
    fn processes_that_end_with_many_open_files_leave_a_channel_that_goes_on() {
        let (channel, told) = answered();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for handle in 0..1000 {
                        give_up(&channel, FileOperation::Close { handle });
                    }
                });
            }
        });
        for id in 1..=4000 {
            assert_eq!(told.recv_timeout(LONG), Ok(id));
        }
        let asked = channel.begin(FILE, FileOperation::Statfs).unwrap();
        assert!(channel.finish(&asked, &|| true).is_ok());
    }

    #[test]
    fn what_a_killed_process_would_have_read_is_received_though_nobody_asks() {
        let (channel, told) = answered();
        let read = FileOperation::Read {
            handle: 1,
            offset: 0,
            count: 1,
        };
        // More than there is room for in a socket.
        let pieces: Vec<_> = (0..16)
            .map(|_| channel.begin(FILE, read.clone()).unwrap())
            .collect();
        drop(pieces);
        for id in 1..=16 {
            assert_eq!(told.recv_timeout(LONG), Ok(id));
        }
        while channel.unheard() > 0 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_finds_no_room_receives() {
        let (channel, told) = answered();
        let asked: Vec<_> = (0..3000)
            .map(|handle| {
                channel
                    .begin(FILE, FileOperation::Close { handle })
                    .unwrap()
            })
            .collect();
        for asked in &asked {
            assert!(channel.finish(asked, &|| true).is_ok());
        }
        assert_eq!(told.iter().take(3000).last(), Some(3000));
        // What has been heard is not waited for by anybody.
        drop(asked);
        let line = channel.line.lock();
        assert!(line.unheard.is_empty() && line.waiting.is_empty() && !line.is_cleared);
    }
}
