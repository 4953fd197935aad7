//! Answers for a VM process that may not take them, on their way.
//!
//! However fast it asks, and however slowly it takes what it is told, no more of them are kept than there may be operations
//! under way, and once as many of those that are known at once. Who reads its requests waits for that.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use secure_exec_protocol::FilesSocket;
use secure_exec_protocol::files::{FileResult, FilesAnswer, to_message};

use super::channel::{Accuse, NOT_READ};
use super::deferred::Reply;

/// Operations of a VM process that are under way at a time, until their answers are.
pub(super) const MOST_UNDER_WAY: usize = 256;

/// What is to be sent, and what is still to come.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    answers: VecDeque<(u64, FileResult)>,
    /// Operations that were begun and have no answer yet.
    under_way: usize,
    /// Nobody is there to be told.
    is_over: bool,
}

impl Queue {
    fn push(&self, state: &mut State, id: u64, result: FileResult) {
        if !state.is_over {
            state.answers.push_back((id, result));
            self.changed.notify_all();
        }
    }

    /// The next answer; none at the end.
    fn next(&self) -> Option<(u64, FileResult)> {
        let mut state = self.state.lock();
        loop {
            if state.is_over {
                return None;
            }
            if let Some(answer) = state.answers.pop_front() {
                self.changed.notify_all();
                return Some(answer);
            }
            self.changed.wait(&mut state);
        }
    }

    fn end(&self) {
        let mut state = self.state.lock();
        state.is_over = true;
        let gone = std::mem::take(&mut state.answers);
        self.changed.notify_all();
        drop(state);
        drop(gone);
    }
}

/// Sends answers on a thread of its own, since a VM process may not take them. Dropping it ends that.
pub(super) struct Replies(Arc<Queue>);

impl Replies {
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn start(socket: &Arc<FilesSocket>, accuse: &Accuse) -> io::Result<Replies> {
        let queue = Arc::<Queue>::default();
        let (sent, socket, accuse) = (queue.clone(), socket.clone(), accuse.clone());
        std::thread::Builder::new()
            .name("secure-exec-answers".into())
            .spawn(move || {
                send_all(&socket, &sent, &accuse);
                sent.end();
            })?;
        Ok(Replies(queue))
    }

    /// For the request of this number; none if too many are under way.
    pub(super) fn reply(&self, id: u64) -> Option<Reply> {
        let mut state = self.0.state.lock();
        if state.under_way + state.answers.len() >= MOST_UNDER_WAY {
            return None;
        }
        state.under_way += 1;
        drop(state);
        let queue = self.0.clone();
        // Whoever answers must not wait: there is room for it.
        Some(Reply::new(move |result| {
            let mut state = queue.state.lock();
            state.under_way -= 1;
            queue.push(&mut state, id, result);
        }))
    }

    /// Answers what is known at once, when there is room for it.
    pub(super) fn answer(&self, id: u64, result: FileResult) {
        let mut state = self.0.state.lock();
        while state.answers.len() >= MOST_UNDER_WAY && !state.is_over {
            self.0.changed.wait(&mut state);
        }
        self.0.push(&mut state, id, result);
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn send_all(socket: &FilesSocket, queue: &Queue, accuse: &Accuse) {
    while let Some((id, result)) = queue.next() {
        let answer = to_message(&FilesAnswer { id, result }).or_else(|_| {
            let result = FileResult::Failed { errno: libc::EIO };
            to_message(&FilesAnswer { id, result })
        });
        let Ok(answer) = answer else { continue };
        if let Err(error) = socket.send(&answer) {
            if error.kind() == io::ErrorKind::WouldBlock {
                accuse(NOT_READ);
            }
            // Nothing more is read of it either.
            socket.shut_down();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// How long the VM process is waited for.
    const SHORT: Duration = Duration::from_millis(50);
    /// Only a test that fails waits so long.
    const LONG: Duration = Duration::from_secs(20);
    /// What a socket takes of these answers, and some more.
    const IN_THE_SOCKET: usize = 64;
    const MANY: u64 = 20_000;

    fn data() -> FileResult {
        FileResult::Data(vec![0; 64 << 10])
    }

    /// How many answers are taken in for a VM process that does not read, until it is accused of that.
    fn taken_in(answer: impl Fn(&Replies, u64) -> bool) -> usize {
        let (ours, _theirs) = FilesSocket::pair().unwrap();
        ours.bound_sending(SHORT).unwrap();
        let count = Arc::<AtomicUsize>::default();
        let (told, accused) = mpsc::channel();
        let counted = count.clone();
        let accuse: Accuse = Arc::new(move |rule| {
            told.send((rule, counted.load(Ordering::SeqCst))).unwrap();
        });
        let replies = Replies::start(&Arc::new(ours), &accuse).unwrap();
        for id in 0..MANY {
            if answer(&replies, id) {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (rule, count) = accused.recv_timeout(LONG).unwrap();
        assert_eq!(rule, NOT_READ);
        assert!(replies.0.state.lock().answers.is_empty());
        count
    }

    #[test]
    fn no_more_answers_are_kept_than_may_be_under_way() {
        let at_once = taken_in(|replies, id| {
            replies.answer(id, data());
            true
        });
        assert!(at_once <= MOST_UNDER_WAY + IN_THE_SOCKET, "{at_once}");
        let in_time = taken_in(|replies, id| match replies.reply(id) {
            Some(reply) => {
                reply.answer(data());
                true
            }
            None => {
                std::thread::yield_now();
                false
            }
        });
        assert!(in_time <= MOST_UNDER_WAY + IN_THE_SOCKET, "{in_time}");
    }

    #[test]
    fn its_end_wakes_whoever_waits() {
        let (ours, theirs) = FilesSocket::pair().unwrap();
        let accuse: Accuse = Arc::new(|_| {});
        let ours = Arc::new(ours);
        let replies = Replies::start(&ours, &accuse).unwrap();
        std::thread::scope(|scope| {
            let replies = &replies;
            let asking = scope.spawn(move || {
                for id in 0..MANY {
                    replies.answer(id, data());
                }
            });
            drop(theirs);
            asking.join().unwrap();
        });
        assert!(replies.0.state.lock().is_over);
    }
}
