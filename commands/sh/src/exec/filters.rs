//! Filters: the processes of `>(...)`, which may still have something to write when the shell is done.

use std::time::{Duration, Instant};

use secure_exec_sys as sys;
use sys::stat::Stat;
use sys::{Fd, Pid};

use crate::shell::Shell;

/// How long the shell waits for a filter that others still write to.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks meanwhile.
const INTERVAL: Duration = Duration::from_millis(2);
/// Descriptors from here on are nobody's output.
const BEYOND: Fd = 256;

/// What the pipe that a filter reads is like.
#[derive(Debug, PartialEq, Eq)]
enum Input {
    /// Nobody writes to it any more, or it reads no more: the filter comes to its end.
    Over,
    /// Others write to it, and the filter has something to do.
    Busy,
    /// Others write to it, and the filter waits for them.
    Idle,
}

/// A process of `>(...)`, and the pipe that it reads.
#[derive(Debug)]
pub struct Filter {
    pub pid: Pid,
    pub pipe: Stat,
}

/// Looks at the standard input of a filter.
fn input_of(filter: &Filter) -> Input {
    let pid = filter.pid;
    let flags = sys::fd::O_RDONLY | sys::fd::O_NONBLOCK;
    let fd = match sys::fd::open(format!("/proc/{pid}/fd/0"), flags, 0) {
        Ok(fd) => fd,
        // It has closed it, as a shell that waits for filters of its own: nobody can write to it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Input::Over,
        Err(_) => return Input::Idle,
    };
    // It may not have begun, or may read something else by now.
    let own = sys::fd::stat(fd).is_ok_and(|stat| stat.same_file(&filter.pipe));
    let over = own && sys::fd::hung_up(fd);
    let readable = sys::fd::wait_readable(fd, Duration::ZERO);
    // It was open.
    let _ = sys::fd::close(fd);
    match (over, readable || !own || !sleeps(pid)) {
        (true, _) => Input::Over,
        (false, true) => Input::Busy,
        (false, false) => Input::Idle,
    }
}

/// Whether a process waits for something.
fn sleeps(pid: Pid) -> bool {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    line.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('S'))
}

impl Shell {
    /// Whether a child is known to run.
    pub(super) fn child_runs(&self, pid: Pid) -> bool {
        let processes = self.jobs.list.iter().flat_map(|job| &job.processes);
        processes
            .filter(|(known, _)| *known == pid)
            .any(|(_, status)| status.is_none())
    }

    /// Waits for the filters of `>(...)`, so that nothing of what went through them is lost when the caller takes the
    /// output as complete. One that others write to, such as a command in the background, is not waited for until its
    /// end, but until it has taken what is there.
    pub fn await_filters(&mut self) {
        // The last one first: it may write to those before it.
        for filter in std::mem::take(&mut self.filters).into_iter().rev() {
            self.await_filter(&filter);
            if self.child_runs(filter.pid) {
                self.filters.insert(0, filter);
            }
        }
    }

    fn await_filter(&mut self, filter: &Filter) {
        let since = Instant::now();
        loop {
            self.reap_all();
            if !self.child_runs(filter.pid) || self.gives_up() {
                return;
            }
            match input_of(filter) {
                Input::Over => match self.reap(true) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                        self.collect_signals();
                    }
                    Err(_) => return,
                    Ok(_) => {}
                },
                Input::Busy if since.elapsed() < PATIENCE => std::thread::sleep(INTERVAL),
                Input::Busy | Input::Idle => return,
            }
        }
    }

    /// The same at the end of a shell, which lets go of its own outputs first.
    pub fn finish_filters(&mut self) {
        if self.filters.is_empty() {
            return;
        }
        for fd in 0..BEYOND {
            // Most are not open.
            let _ = sys::fd::close(fd);
        }
        self.await_filters();
    }
}
