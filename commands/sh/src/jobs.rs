//! Children, jobs and waiting for them.

use std::io;

use secure_exec_sys as sys;
use sys::Pid;
use sys::process::{WNOHANG, WUNTRACED, WaitStatus};
use sys::signal::{SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGTERM};

use crate::shell::Shell;

/// How many finished background processes are remembered for `wait`.
const MAX_REMEMBERED: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Running,
    Stopped(i32),
    /// With the exit status of the last process.
    Done(WaitStatus),
}

/// What goes with a coprocess.
#[derive(Debug)]
pub struct Coprocess {
    /// Its array.
    pub name: String,
    /// Our descriptors and the pipes they were: the script may close them and use their numbers again.
    pub ends: Vec<(sys::Fd, sys::stat::Stat)>,
}

/// The processes of one pipeline.
#[derive(Debug)]
pub struct Job {
    /// The number after `%`; 0 while it runs in the foreground.
    pub id: u32,
    /// The process group under job control, else 0.
    pub pgid: Pid,
    pub processes: Vec<(Pid, Option<WaitStatus>)>,
    pub text: String,
    /// Its state was not reported yet.
    pub changed: bool,
    pub coprocess: Option<Coprocess>,
    /// Used last: the highest is `%+`.
    pub turn: u64,
    /// Is not told when the shell is hung up (`disown -h`).
    pub keeps_on: bool,
}

impl Job {
    pub fn state(&self) -> State {
        let mut last = WaitStatus(0);
        for (_, status) in &self.processes {
            match status {
                None => return State::Running,
                Some(status) => match status.stopped() {
                    Some(signal) => return State::Stopped(signal),
                    None => last = *status,
                },
            }
        }
        State::Done(last)
    }

    /// What `kill` is given to reach all of it.
    pub fn target(&self) -> Pid {
        if self.pgid != 0 {
            -self.pgid
        } else {
            self.last_pid()
        }
    }

    /// The process whose pid `$!` gives.
    pub fn last_pid(&self) -> Pid {
        self.processes.last().map_or(0, |(pid, _)| *pid)
    }
}

#[derive(Debug, Default)]
pub struct Jobs {
    pub list: Vec<Job>,
    /// In a copy of the shell, the jobs of the original as they were: `jobs` lists them, `kill` knows them.
    pub inherited: Vec<Job>,
    /// Children that ended before the rest of their pipeline was started, and it became a job.
    early: Vec<(Pid, WaitStatus)>,
    /// Finished background processes and their statuses.
    remembered: Vec<(Pid, i32)>,
    turn: u64,
}

/// The exit status a wait status stands for.
pub fn exit_status(status: WaitStatus) -> i32 {
    if let Some(code) = status.exited() {
        code
    } else if let Some(signal) = status.signaled().or_else(|| status.stopped()) {
        128 + signal
    } else {
        0
    }
}

impl Jobs {
    /// The table of a copy of the shell: it has no children yet.
    pub fn of_copy(&mut self) -> Self {
        let mut inherited = std::mem::take(&mut self.list);
        inherited.retain(|job| job.id != 0);
        if inherited.is_empty() {
            inherited = std::mem::take(&mut self.inherited);
        }
        Self {
            inherited,
            turn: self.turn,
            ..Self::default()
        }
    }

    /// Whether the inherited jobs are what there is to tell of.
    pub fn lists_inherited(&self) -> bool {
        !self.inherited.is_empty() && self.list.iter().all(|job| job.id == 0)
    }

    pub fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    pub fn free_id(&self) -> u32 {
        self.list.iter().map(|j| j.id).max().unwrap_or(0) + 1
    }

    pub fn remember(&mut self, pid: Pid, status: i32) {
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.remove(0);
        }
        self.remembered.push((pid, status));
    }

    /// The status of a finished background process, forgetting it.
    pub fn recall(&mut self, pid: Pid) -> Option<i32> {
        let at = self.remembered.iter().position(|(p, _)| *p == pid)?;
        Some(self.remembered.remove(at).1)
    }

    pub fn forget_remembered(&mut self) {
        self.remembered.clear();
    }

    pub fn by_pid(&self, pid: Pid) -> Option<usize> {
        self.list
            .iter()
            .position(|j| j.processes.iter().any(|(p, _)| *p == pid))
    }

    /// The job that is `%+` (0) or `%-` (1).
    pub fn recent(&self, back: usize) -> Option<usize> {
        let mut order: Vec<usize> = (0..self.list.len())
            .filter(|i| self.list[*i].id != 0)
            .collect();
        // Stopped jobs come first.
        order.sort_by_key(|i| {
            let job = &self.list[*i];
            std::cmp::Reverse((matches!(job.state(), State::Stopped(_)), job.turn))
        });
        order.get(back).copied()
    }

    /// The job that `%n`, `%+`, `%text` or `%?text` names.
    pub fn by_name(&self, name: &str) -> Option<usize> {
        let rest = name.strip_prefix('%')?;
        match rest {
            "" | "%" | "+" => self.recent(0),
            "-" => self.recent(1).or_else(|| self.recent(0)),
            _ => {
                if let Ok(id) = rest.parse::<u32>() {
                    return self.list.iter().position(|j| j.id == id && id != 0);
                }
                self.list.iter().position(|j| {
                    j.id != 0
                        && rest
                            .strip_prefix('?')
                            .map_or_else(|| j.text.starts_with(rest), |t| j.text.contains(t))
                })
            }
        }
    }

    /// What `kill` is given for the job of this name, own or inherited.
    pub fn target_of(&self, name: &str) -> Option<Pid> {
        if let Some(at) = self.by_name(name) {
            return Some(self.list[at].target());
        }
        let id = name.strip_prefix('%')?.parse::<u32>().ok();
        let mut inherited = self.inherited.iter().rev();
        let found = match id {
            Some(id) => inherited.find(|job| job.id == id),
            None if name == "%" || name == "%%" || name == "%+" => inherited.next(),
            None => None,
        };
        found.map(Job::target)
    }

    fn note(&mut self, pid: Pid, status: WaitStatus) {
        for job in &mut self.list {
            for process in &mut job.processes {
                if process.0 == pid {
                    process.1 = if status.continued() {
                        None
                    } else {
                        Some(status)
                    };
                    job.changed = true;
                    return;
                }
            }
        }
        self.early.push((pid, status));
    }

    /// Forgets who ended without a job: what is started from here on may have the same numbers.
    pub fn forget_early(&mut self) {
        self.early.clear();
    }

    fn take_early(&mut self, pid: Pid) -> Option<WaitStatus> {
        let at = self.early.iter().position(|(ended, _)| *ended == pid)?;
        Some(self.early.swap_remove(at).1)
    }
}

impl Shell {
    /// Notes processes as a job; in the background it gets a number.
    pub fn add_job(&mut self, pids: &[Pid], pgid: Pid, text: &str, background: bool) -> usize {
        let id = if background { self.jobs.free_id() } else { 0 };
        let turn = self.jobs.next_turn();
        let ended = |pid: &Pid| (*pid, self.jobs.take_early(*pid));
        let processes = pids.iter().map(ended).collect();
        self.jobs.list.push(Job {
            id,
            pgid,
            processes,
            text: text.to_owned(),
            coprocess: None,
            changed: false,
            turn,
            keeps_on: false,
        });
        self.jobs.list.len() - 1
    }

    /// Takes note of children that changed, waiting for one if asked to.
    ///
    /// # Errors
    /// `ECHILD`: there are none. `EINTR`: a caught signal came.
    pub fn reap(&mut self, wait: bool) -> io::Result<bool> {
        let options =
            if wait { 0 } else { WNOHANG } | if self.options.monitor { WUNTRACED } else { 0 };
        match sys::process::wait(-1, options)? {
            Some((pid, status)) => {
                self.jobs.note(pid, status);
                self.end_coprocess(pid);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Closes the descriptors of a coprocess that has ended, and removes its variables.
    fn end_coprocess(&mut self, pid: Pid) {
        let ended = |job: &&mut Job| {
            job.coprocess.is_some()
                && job.last_pid() == pid
                && matches!(job.state(), State::Done(_))
        };
        let Some(name) = self.jobs.list.iter_mut().find(ended) else {
            return;
        };
        let Some(Coprocess { name, ends }) = name.coprocess.take() else {
            return;
        };
        for (fd, pipe) in ends {
            if sys::fd::stat(fd).is_ok_and(|now| now.same_file(&pipe)) {
                // It is open.
                let _ = sys::fd::close(fd);
            }
        }
        self.vars.remove(&format!("{name}_PID"));
        self.vars.remove(&name);
    }

    pub fn reap_all(&mut self) {
        while matches!(self.reap(false), Ok(true)) {}
    }

    /// Brings the states of jobs up to date for a copy of the shell, which cannot.
    pub fn refresh_jobs(&mut self) {
        if self.jobs.list.iter().any(|job| job.id != 0) {
            self.reap_all();
        }
    }

    /// Waits for a job in the foreground and gives its status; takes it off the list unless it stopped.
    pub fn wait_foreground(&mut self, at: usize) -> (i32, Vec<i32>) {
        while self.jobs.list[at].state() == State::Running {
            match self.reap(true) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.collect_signals();
                    self.pass_interrupt(at);
                }
                // Somebody else reaped it.
                Err(_) => {
                    for process in &mut self.jobs.list[at].processes {
                        process.1.get_or_insert(WaitStatus(127 << 8));
                    }
                }
            }
        }
        let job = &self.jobs.list[at];
        let state = job.state();
        let statuses: Vec<i32> = job
            .processes
            .iter()
            .map(|(_, s)| s.map_or(0, exit_status))
            .collect();
        match state {
            State::Stopped(signal) => {
                let id = self.jobs.free_id();
                let turn = self.jobs.next_turn();
                let job = &mut self.jobs.list[at];
                if job.id == 0 {
                    job.id = id;
                }
                job.turn = turn;
                job.changed = true;
                if self.interactive {
                    self.print_error_raw("\n");
                }
                (128 + signal, statuses)
            }
            _ => {
                let job = self.jobs.list.remove(at);
                self.report_signal(&job);
                (statuses.last().copied().unwrap_or(0), statuses)
            }
        }
    }

    /// Ctrl-C that came before the job had the terminal is meant for the job. In a session the job is given up.
    fn pass_interrupt(&mut self, at: usize) {
        let pgid = self.jobs.list[at].pgid;
        if !self.gives_up() {
            return;
        }
        // All of them: it may have ended meanwhile.
        if self.session.is_some() {
            if pgid != 0 {
                let _ = sys::process::kill(-pgid, SIGKILL);
            }
            // Under `set +m` it leads no group.
            for (pid, _) in &self.jobs.list[at].processes {
                let _ = sys::process::kill(*pid, SIGKILL);
            }
        } else if pgid != 0 {
            self.traps.interrupted = false;
            let _ = sys::process::kill(-pgid, SIGINT);
        }
    }

    /// Says which signal ended a foreground job.
    fn report_signal(&mut self, job: &Job) {
        let Some((pid, Some(status))) = job.processes.last() else {
            return;
        };
        let Some(signal) = status.signaled() else {
            return;
        };
        if signal == SIGINT || signal == SIGPIPE || self.gives_up() {
            if signal == SIGINT && self.interactive {
                self.print_error_raw("\n");
            }
            return;
        }
        let core = if status.core_dumped() {
            " (core dumped)"
        } else {
            ""
        };
        let what = sys::signal::description(signal);
        if self.bash && !self.interactive {
            self.error(&format!("{pid:5} {what:24}{core}{}", job.text));
        } else {
            self.print_error_raw(&format!("{what}{core} {}\n", job.text).replace(" \n", "\n"));
        }
    }

    /// Says which signal ended a job that `wait` was for; `SIGTERM` is what ends such a one on purpose.
    pub fn report_ended(&mut self, at: usize) {
        let signal = match self.jobs.list[at].state() {
            State::Done(status) => status.signaled(),
            _ => None,
        };
        if signal.is_none_or(|signal| signal == SIGTERM) || !self.bash || self.interactive {
            return;
        }
        let job = self.jobs.list.remove(at);
        self.report_signal(&job);
        self.jobs.list.insert(at, job);
    }

    /// Waits for a background process; `Err` is the signal that interrupted.
    pub fn wait_background(&mut self, pid: Pid) -> Result<i32, i32> {
        loop {
            if let Some(status) = self.jobs.recall(pid) {
                return Ok(status);
            }
            let Some(at) = self.jobs.by_pid(pid) else {
                return Ok(127);
            };
            let done = self.jobs.list[at]
                .processes
                .iter()
                .find(|(p, _)| *p == pid)
                .and_then(|(_, s)| *s);
            if let Some(status) = done.filter(|s| s.stopped().is_none()) {
                self.report_ended(at);
                self.retire(at);
                self.jobs.recall(pid);
                return Ok(exit_status(status));
            }
            self.wait_for_change()?;
        }
    }

    /// Waits until some child changes; `Err` is the signal that interrupted.
    pub fn wait_for_change(&mut self) -> Result<bool, i32> {
        loop {
            if let Some(signal) = self.traps.next_arrived() {
                return Err(signal);
            }
            match self.reap(true) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.collect_signals();
                    if let Some(signal) = self.traps.next_arrived() {
                        return Err(signal);
                    }
                    if self.gives_up() {
                        return Err(SIGINT);
                    }
                }
                Err(_) => return Ok(false),
            }
        }
    }

    /// Takes a job that is done off the list and remembers its statuses.
    pub fn retire(&mut self, at: usize) {
        if let State::Done(_) = self.jobs.list[at].state() {
            let job = self.jobs.list.remove(at);
            for (pid, status) in job.processes {
                self.jobs.remember(pid, status.map_or(0, exit_status));
            }
        }
    }

    /// Runs a stopped or background job in the foreground.
    pub fn foreground(&mut self, at: usize) -> i32 {
        let pgid = self.jobs.list[at].pgid;
        self.give_terminal(pgid);
        self.resume(at);
        let (status, _) = self.wait_foreground(at);
        self.take_terminal();
        status
    }

    /// Lets a stopped job go on.
    pub fn resume(&mut self, at: usize) {
        let job = &mut self.jobs.list[at];
        for process in &mut job.processes {
            if process.1.is_some_and(|s| s.stopped().is_some()) {
                process.1 = None;
            }
        }
        job.changed = false;
        // It may have ended meanwhile.
        let _ = sys::process::kill(job.target(), SIGCONT);
    }

    /// Tells the jobs that the shell is hung up.
    pub fn hang_up_jobs(&mut self) {
        self.reap_all();
        for job in self.jobs.list.iter().filter(|job| !job.keeps_on) {
            self.end_job(job, SIGHUP);
        }
    }

    /// What bash does with stopped jobs when it ends, as nobody could continue them.
    pub fn end_stopped_jobs(&mut self) {
        self.reap_all();
        for job in &self.jobs.list {
            if matches!(job.state(), State::Stopped(_)) {
                self.end_job(job, SIGTERM);
            }
        }
    }

    fn end_job(&self, job: &Job, signal: i32) {
        // Both: it may have ended meanwhile.
        let _ = sys::process::kill(job.target(), signal);
        if matches!(job.state(), State::Stopped(_)) {
            let _ = sys::process::kill(job.target(), SIGCONT);
        }
    }

    /// Whether the user who wants to leave is told of stopped jobs first; not twice in a row.
    pub fn warns_of_stopped_jobs(&mut self) -> bool {
        if !self.interactive || !self.options.monitor || self.editor.warned() {
            return false;
        }
        self.reap_all();
        let stopped = |job: &Job| matches!(job.state(), State::Stopped(_));
        if !self.jobs.list.iter().any(stopped) {
            return false;
        }
        self.print_error_raw(if self.bash {
            "exit\nThere are stopped jobs.\n"
        } else {
            "You have stopped jobs.\n"
        });
        self.editor.warn();
        true
    }

    /// Makes a process group the terminal's foreground.
    pub fn give_terminal(&mut self, pgid: Pid) {
        if pgid != 0 && self.interactive && self.options.monitor {
            // Not fatal: the terminal may be gone.
            let _ = sys::tty::setpgrp(self.editor.terminal(), pgid);
        }
    }

    pub fn take_terminal(&mut self) {
        if self.interactive && self.options.monitor {
            let own = sys::process::getpgid(0).unwrap_or(0);
            let _ = sys::tty::setpgrp(self.editor.terminal(), own);
        }
    }

    /// The line `jobs` prints.
    pub fn job_line(&self, at: usize, long: bool) -> String {
        let job = &self.jobs.list[at];
        let mark = match () {
            () if self.jobs.recent(0) == Some(at) => '+',
            () if self.jobs.recent(1) == Some(at) => '-',
            () => ' ',
        };
        let (state, running) = match job.state() {
            State::Running => ("Running".to_owned(), true),
            State::Stopped(signal) => (sys::signal::description(signal), false),
            State::Done(status) => match (status.exited(), status.signaled()) {
                (Some(0), _) => ("Done".to_owned(), false),
                (Some(code), _) if self.bash => (format!("Exit {code}"), false),
                (Some(code), _) => (format!("Done({code})"), false),
                (_, Some(signal)) => (sys::signal::description(signal), false),
                _ => (String::new(), false),
            },
        };
        let pid = if long {
            format!("{} ", job.processes.first().map_or(0, |(p, _)| *p))
        } else {
            String::new()
        };
        let width = if self.bash { 24 } else { 27 };
        let amp = if running && self.bash { " &" } else { "" };
        if self.bash {
            format!("[{}]{mark}  {pid}{state:width$}{}{amp}\n", job.id, job.text)
        } else {
            format!("[{}] {mark} {pid}{state:width$}{}\n", job.id, job.text)
        }
    }

    /// Tells an interactive user which jobs changed.
    pub fn notify_jobs(&mut self) {
        self.reap_all();
        let mut at = 0;
        while at < self.jobs.list.len() {
            let job = &self.jobs.list[at];
            let done = matches!(job.state(), State::Done(_));
            if job.changed && job.id != 0 && self.interactive {
                let line = self.job_line(at, false);
                self.print_error_raw(&line);
                self.jobs.list[at].changed = false;
            }
            if done && self.interactive {
                self.retire(at);
            } else {
                at += 1;
            }
        }
    }
}
