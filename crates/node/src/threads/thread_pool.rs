//! A small pool of threads for work that takes long and touches no JavaScript: compression, key derivation. Stands
//! for libuv's thread pool.
//!
//! One pool serves all isolates of the process. Threads start when there is work and end after some idle time, so that
//! an idle VM costs none.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::callback::contain_bare;
use crate::memory::memory_guard;
use crate::memory::native_memory::{self, Entered};
use crate::threads::{cpu_share, interruption};

/// As many as libuv's default.
const MAXIMUM_THREADS: usize = 4;
const IDLE_TIME: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

struct Pool {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    jobs: VecDeque::new(),
    threads: 0,
    idle: 0,
});
static ARRIVED: Condvar = Condvar::new();

/// Runs `job` on a thread of the pool, after the jobs that were submitted before. A result goes back to the isolate by
/// `LoopHandle::post`.
pub fn submit(job: impl FnOnce() + Send + 'static) {
    // Its memory and processor time are those of whom the submitting thread runs.
    let account = native_memory::current();
    let program = interruption::current();
    let job = move || {
        let _interrupted = program.map(interruption::enter);
        let _counted = account.map(Entered::new);
        job();
    };
    let job: Job = match memory_guard::guest() {
        Some(process) => Box::new(move || cpu_share::help(&process, job)),
        None => Box::new(job),
    };
    let mut pool = POOL.lock();
    pool.jobs.push_back(job);
    if pool.idle >= pool.jobs.len() || pool.threads >= MAXIMUM_THREADS {
        ARRIVED.notify_one();
        return;
    }
    let started = std::thread::Builder::new()
        .name("thread-pool".to_owned())
        .spawn(work);
    match started {
        Ok(_) => pool.threads += 1,
        // No thread to be had: with others at work the job waits for them, else it runs here and now.
        Err(_) if pool.threads > 0 => {}
        Err(_) => {
            let job = pool.jobs.pop_front();
            drop(pool);
            if let Some(job) = job {
                job();
            }
        }
    }
}

fn work() {
    let mut pool = POOL.lock();
    loop {
        if let Some(job) = pool.jobs.pop_front() {
            drop(pool);
            // The panic hook tells of it. The pool goes on, and its count of threads stays right.
            contain_bare(job);
            pool = POOL.lock();
            continue;
        }
        pool.idle += 1;
        let waited = ARRIVED.wait_for(&mut pool, IDLE_TIME);
        pool.idle -= 1;
        if waited.timed_out() && pool.jobs.is_empty() {
            pool.threads -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    #[test]
    fn every_job_runs_once() {
        let (sender, receiver) = mpsc::channel();
        for number in 0..100 {
            let sender = sender.clone();
            super::submit(move || sender.send(number).unwrap());
        }
        drop(sender);
        let mut numbers: Vec<i32> = receiver.iter().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    }
}
