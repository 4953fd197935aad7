//! Restored isolates that wait for a program.
//!
//! One is enough for a user who thinks between two programs. Where one program follows the other at once, the next
//! isolate would not be ready in time: then one more is kept, on another processor, until the rush is over.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Job;

/// Programs that start within this time of each other are a rush. Restoring an isolate needs a few milliseconds.
const RUSH: Duration = Duration::from_millis(50);

/// How long a spare beyond the usual number is kept behind the last program.
const IDLE: Duration = Duration::from_secs(2);

/// How long a program that has started has the processors for itself outside a rush: most have ended by then.
const START: Duration = Duration::from_millis(4);

/// The spares of an engine.
pub(super) struct Spares {
    state: Mutex<State>,
    /// A program has ended, or one has found no spare.
    due: Condvar,
}

#[derive(Default)]
struct State {
    /// How many are kept outside a rush; with 0 none ever is.
    usual: usize,
    /// The latest last.
    ready: Vec<(u64, Sender<Job>)>,
    starting: usize,
    next: u64,
    taken_at: Option<Instant>,
    rush: bool,
    closed: bool,
}

impl State {
    fn wanted(&self) -> usize {
        if self.closed {
            return 0;
        }
        let rush = self.rush && self.taken_at.is_some_and(|taken| taken.elapsed() < IDLE);
        self.usual + usize::from(rush && self.usual > 0)
    }
}

impl Spares {
    pub fn new(usual: usize) -> Spares {
        let state = State {
            usual,
            ..State::default()
        };
        Spares {
            state: Mutex::new(state),
            due: Condvar::new(),
        }
    }

    /// Waits, on the thread of a spare that is to be made, until that disturbs nobody.
    pub fn let_programs_start(&self) {
        let mut state = self.state.lock();
        if state.taken_at.is_some() && !state.rush {
            self.due.wait_for(&mut state, START);
        }
    }

    /// A program has ended.
    pub fn program_ended(&self) {
        self.due.notify_all();
    }

    /// How many wait.
    pub fn ready(&self) -> usize {
        self.state.lock().ready.len()
    }

    /// The number of a spare to be made, if one is missing. [`Spares::announce`] or [`Spares::failed`] must follow.
    pub fn missing(&self) -> Option<u64> {
        let mut state = self.state.lock();
        if state.ready.len() + state.starting >= state.wanted() {
            return None;
        }
        state.starting += 1;
        state.next += 1;
        Some(state.next)
    }

    /// A spare is ready.
    pub fn announce(&self, id: u64, jobs: Sender<Job>) {
        let mut state = self.state.lock();
        state.starting -= 1;
        if !state.closed {
            state.ready.push((id, jobs));
        }
    }

    /// Lets the spares go, and has no more made: no program comes any more.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.ready.clear();
    }

    /// A spare could not be made.
    pub fn failed(&self) {
        self.state.lock().starting -= 1;
    }

    /// Takes the latest spare for a program that starts now.
    pub fn take(&self) -> Option<Sender<Job>> {
        let mut state = self.state.lock();
        let now = Instant::now();
        let last = state.taken_at.replace(now);
        state.rush = last.is_some_and(|last| now.duration_since(last) < RUSH);
        let spare = state.ready.pop().map(|(_, jobs)| jobs);
        if spare.is_none() {
            self.due.notify_all();
        }
        spare
    }

    /// Waits on the thread of spare `id` for its program. None when there is to be none.
    pub fn wait(&self, id: u64, jobs: &Receiver<Job>) -> Option<Job> {
        loop {
            match jobs.recv_timeout(IDLE) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let mut state = self.state.lock();
            let surplus = state.ready.len() > state.wanted();
            if let Some(at) = state.ready.iter().position(|(spare, _)| *spare == id)
                && surplus
            {
                state.ready.remove(at);
                return None;
            }
            let rush_is_over = state.wanted() == state.usual;
            drop(state);
            if rush_is_over {
                // One of the usual number: nothing happens until its program comes.
                return jobs.recv().ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn fill(spares: &Spares) -> usize {
        let mut made = 0;
        while let Some(id) = spares.missing() {
            spares.announce(id, channel().0);
            made += 1;
        }
        made
    }

    #[test]
    fn a_rush_wants_one_more() {
        let spares = Spares::new(1);
        assert_eq!(fill(&spares), 1);
        assert!(spares.take().is_some());
        assert_eq!(fill(&spares), 1, "one program is no rush");
        assert!(spares.take().is_some());
        assert_eq!(fill(&spares), 2);
        assert_eq!(spares.ready(), 2);
    }

    #[test]
    fn a_spare_of_a_rush_goes_when_it_is_over() {
        let spares = Spares::new(1);
        let (older, _kept) = channel();
        let (newer, jobs) = channel();
        for (id, sender) in [(1, older), (2, newer)] {
            spares.state.lock().starting += 1;
            spares.announce(id, sender);
        }
        assert!(spares.wait(2, &jobs).is_none());
        assert_eq!(spares.ready(), 1);
    }

    #[test]
    fn closing_lets_all_go() {
        let spares = Spares::new(1);
        let (sender, jobs) = channel();
        spares.state.lock().starting += 1;
        spares.announce(1, sender);
        spares.state.lock().starting += 1;
        spares.close();
        let (late, late_jobs) = channel();
        spares.announce(2, late);
        assert!(spares.wait(1, &jobs).is_none());
        assert!(spares.wait(2, &late_jobs).is_none());
        assert_eq!((spares.ready(), fill(&spares)), (0, 0));
    }

    #[test]
    fn none_are_kept_where_none_are_wanted() {
        let spares = Spares::new(0);
        assert!(spares.take().is_none());
        assert!(spares.take().is_none());
        assert_eq!(fill(&spares), 0);
    }
}
