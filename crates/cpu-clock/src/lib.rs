//! Clocks of processor time, which the kernel keeps of each thread and each process and which others can read.

use std::time::Duration;

/// `linux/posix-timers_types.h`: the clock that the scheduler keeps, and that of a thread instead of its process.
const SCHEDULER: i32 = 2;
const PER_THREAD: i32 = 4;

/// The clock of a thread or of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuClock(libc::clockid_t);

impl CpuClock {
    /// Of the calling thread; other threads can read it.
    #[must_use]
    pub fn of_this_thread() -> CpuClock {
        let mut clock: libc::clockid_t = libc::CLOCK_THREAD_CPUTIME_ID;
        // SAFETY: the calling thread is alive and `clock` is a valid place for the result.
        let failed = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
        debug_assert_eq!(failed, 0);
        CpuClock(clock)
    }

    /// Of a thread of this process, by its number (`MAKE_THREAD_CPUCLOCK` of Linux).
    #[must_use]
    pub fn of_thread(thread: libc::pid_t) -> CpuClock {
        CpuClock((!thread << 3) | PER_THREAD | SCHEDULER)
    }

    /// Of a process, whoever's: all its threads, living and dead (clock_getcpuclockid(3)).
    #[must_use]
    pub fn of_process(pid: libc::pid_t) -> CpuClock {
        CpuClock((!pid << 3) | SCHEDULER)
    }

    /// What it shows; nothing once whose it is is gone, or if it is a thread of another process.
    #[must_use]
    pub fn read(self) -> Option<Duration> {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is a valid place for the result; a clock of nobody yields an error, not memory access.
        if unsafe { libc::clock_gettime(self.0, &raw mut time) } != 0 {
            return None;
        }
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Some(Duration::new(
            seconds,
            u32::try_from(time.tv_nsec).unwrap_or(0),
        ))
    }

    /// What it shows; zero once whose it is is gone.
    #[must_use]
    pub fn time(self) -> Duration {
        self.read().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;
    use std::sync::mpsc::channel;

    fn work_until(clock: CpuClock, time: Duration) {
        while clock.time() < time {
            (0..10_000u32).for_each(|number| {
                black_box(number);
            });
        }
    }

    #[test]
    fn others_read_the_clock_of_a_thread_until_its_end() {
        let (clocks, told) = channel();
        let (go_on, wait) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let clock = CpuClock::of_this_thread();
            work_until(clock, Duration::from_millis(20));
            // SAFETY: takes nothing.
            clocks.send((clock, unsafe { libc::gettid() })).unwrap();
            wait.recv().unwrap();
        });
        let (clock, id) = told.recv().unwrap();
        assert!(clock.time() >= Duration::from_millis(20));
        assert!(CpuClock::of_thread(id).time() >= Duration::from_millis(20));
        go_on.send(()).unwrap();
        thread.join().unwrap();
        // The number is free once the kernel is done with the thread, shortly after.
        while CpuClock::of_thread(id).read().is_some() {
            std::thread::yield_now();
        }
        assert_eq!(clock.time(), Duration::ZERO);
    }

    #[test]
    fn clock_of_a_process_has_the_time_of_threads_that_are_gone() {
        let own = CpuClock::of_process(std::process::id().cast_signed());
        let before = own.time();
        let work = || work_until(CpuClock::of_this_thread(), Duration::from_millis(20));
        std::thread::spawn(work).join().unwrap();
        assert!(own.time() >= before + Duration::from_millis(20));
    }

    #[test]
    fn threads_of_other_processes_have_no_clock_here() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let pid = child.id().cast_signed();
        assert!(CpuClock::of_process(pid).read().is_some());
        assert!(CpuClock::of_thread(pid).read().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(CpuClock::of_process(pid).read().is_none());
    }
}
