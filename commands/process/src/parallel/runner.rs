//! Runs jobs, several at a time, and passes on what they print.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use secure_exec_cli::{Failure, Outcome, os_string, path, warn};
use secure_exec_sys::fd::{O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY};
use secure_exec_sys::process::{self, Action, Program, SEARCH_PATH, WNOHANG, WaitStatus};
use secure_exec_sys::signal::{self, Disposition, SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGTERM};
use secure_exec_sys::{Pid, errno, fd};

use super::capture::Capture;
use super::error;
use super::halt::{Manner, Tally};
use super::job::Job;
use super::joblog::{Entry, Joblog};
use super::options::{Output, Settings};
use super::template::{Numbers, Template};
use crate::procfs;
use secure_exec_sys::child::environment;

/// How often the output of running jobs is looked for, if it is passed on in lines.
const LOOK: Duration = Duration::from_millis(50);
/// How long a job that is told to end may take for it.
const GRACE: Duration = Duration::from_millis(200);
/// The most failed jobs that the status says.
const MOST_FAILED: usize = 101;

/// A command line that is to be run, or runs.
#[derive(Debug)]
struct Task {
    sequence: usize,
    job: Job,
    attempts: usize,
}

#[derive(Debug)]
struct Running {
    task: Task,
    pid: Pid,
    slot: usize,
    command: Vec<u8>,
    tag: Option<Vec<u8>>,
    output: Option<Capture>,
    errors: Option<Capture>,
    started: Instant,
    started_at: SystemTime,
    /// When it is told to end, and then killed.
    deadline: Option<Instant>,
    timed_out: bool,
}

pub struct Runner<'a> {
    name: &'a str,
    settings: &'a Settings,
    template: Template,
    tag: Option<Template>,
    results: Option<Template>,
    shell: OsString,
    joblog: Option<Joblog>,
    slots: Vec<bool>,
    running: Vec<Running>,
    /// Jobs that have failed and are tried again.
    again: VecDeque<Task>,
    /// Ended, and not printed as earlier ones have not ended.
    held: BTreeMap<usize, Option<Running>>,
    next_printed: usize,
    next_start: Instant,
    total: usize,
    tally: Tally,
    halted: Option<(Manner, i32)>,
}

/// The shell that has called this program, as GNU parallel finds it: functions that it exports are there then.
fn shell() -> OsString {
    if let Some(shell) = std::env::var_os("PARALLEL_SHELL").filter(|shell| !shell.is_empty()) {
        return shell;
    }
    let caller = procfs::process(process::getppid()).map(|caller| caller.comm);
    if let Some(comm) = caller.filter(|comm| ["bash", "dash", "sh"].contains(&comm.as_str())) {
        return comm.into();
    }
    std::env::var_os("SHELL")
        .filter(|shell| !shell.is_empty())
        .unwrap_or_else(|| "/bin/sh".into())
}

impl<'a> Runner<'a> {
    /// # Errors
    /// A template that is none, or a log that cannot be written.
    pub fn new(name: &'a str, settings: &'a Settings, template: Template) -> Result<Self, Failure> {
        let text = |text: &Option<Vec<u8>>| {
            text.as_ref()
                .map(|text| Template::text(text, settings, &[]))
                .transpose()
        };
        let joblog = settings
            .joblog
            .as_ref()
            .map(|name| Joblog::new(name, settings.resumes, settings.resumes_failed));
        Ok(Self {
            name,
            settings,
            template,
            tag: text(&settings.tag)?,
            results: text(&settings.results)?,
            shell: shell(),
            joblog: joblog.transpose()?,
            slots: vec![false; settings.jobs],
            running: Vec::new(),
            again: VecDeque::new(),
            held: BTreeMap::new(),
            next_printed: 1,
            next_start: Instant::now(),
            total: 0,
            tally: Tally::default(),
            halted: None,
        })
    }

    /// Runs all jobs; gives how many have failed.
    ///
    /// # Errors
    /// What input, a log or the output fails with; no job is left then.
    pub fn run(mut self, jobs: impl Iterator<Item = Result<Job, Failure>>) -> Outcome {
        for each in [SIGCHLD, SIGHUP, SIGINT, SIGTERM] {
            signal::action(each, Disposition::Catch)?;
        }
        let outcome = if self.template.counts_all || self.settings.halt.counts_all() {
            let all = jobs.collect::<Result<Vec<_>, _>>()?;
            self.total = all.len();
            self.all(all.into_iter().map(Ok))
        } else {
            self.all(jobs)
        };
        if outcome.is_err() {
            self.kill_all(SIGTERM);
        }
        outcome
    }

    fn all(&mut self, mut jobs: impl Iterator<Item = Result<Job, Failure>>) -> Outcome {
        let mut sequence = 0;
        let mut more = true;
        let mut waiting: Option<Task> = None;
        self.tally.total = self.total;
        loop {
            while self.halted.is_none() && self.running.len() < self.settings.jobs {
                if waiting.is_none() {
                    waiting = self.again.pop_front();
                }
                if waiting.is_none() && more {
                    match jobs.next().transpose()? {
                        Some(job) => {
                            sequence += 1;
                            waiting = Some(Task {
                                sequence,
                                job,
                                attempts: 0,
                            });
                        }
                        None => more = false,
                    }
                }
                if waiting.is_none() || Instant::now() < self.next_start {
                    break;
                }
                if let Some(task) = waiting.take() {
                    self.begin(task)?;
                }
                // What has ended meanwhile is printed before the next one is read.
                self.reap()?;
            }
            let idle = self.running.is_empty() && (waiting.is_none() || self.halted.is_some());
            if idle && (self.halted.is_some() || (!more && self.again.is_empty())) {
                break;
            }
            if !self.reap()? {
                self.wait(waiting.is_some())?;
            }
        }
        // Of jobs that were never started nothing is waited for.
        for (_, ended) in std::mem::take(&mut self.held) {
            if let Some(mut ended) = ended {
                self.print(&mut ended, false)?;
            }
        }
        io::stdout().flush()?;
        Ok(match self.halted {
            Some((_, status)) => status,
            None => i32::try_from(self.tally.failed.min(MOST_FAILED)).unwrap_or(101),
        })
    }

    /// Waits until something may have happened.
    fn wait(&mut self, wants_to_start: bool) -> Result<(), Failure> {
        let now = Instant::now();
        let until = |moment: Instant| moment.saturating_duration_since(now);
        let mut rest: Option<Duration> = None;
        let mut at_most = |time: Duration| rest = Some(rest.map_or(time, |rest| rest.min(time)));
        if wants_to_start && now < self.next_start {
            at_most(until(self.next_start));
        }
        for deadline in self.running.iter().filter_map(|each| each.deadline) {
            at_most(until(deadline));
        }
        if self.settings.output == Output::Lines {
            at_most(LOOK);
        }
        let milliseconds = rest.map(|time| u32::try_from(time.as_millis() + 1).unwrap_or(u32::MAX));
        match signal::wait(milliseconds) {
            Ok(number) if [SIGHUP, SIGINT, SIGTERM].contains(&number) => {
                self.kill_all(number);
                return Err(Failure::silent(128 + number));
            }
            // A child has ended, or the time has come.
            _ => {}
        }
        self.end_late_ones();
        if self.settings.output == Output::Lines {
            self.pass_lines()?;
        }
        Ok(())
    }

    /// Ends what has run for too long: with a request, then by force.
    fn end_late_ones(&mut self) {
        let now = Instant::now();
        for each in &mut self.running {
            if each.deadline.is_some_and(|deadline| deadline <= now) {
                let signal = if each.timed_out { SIGKILL } else { SIGTERM };
                if !each.timed_out {
                    warn(
                        self.name,
                        format_args!(
                            "Warning: This job was killed because it timed out:\n{}: Warning: {}",
                            self.name,
                            String::from_utf8_lossy(&each.command)
                        ),
                    );
                }
                kill_tree(each.pid, signal);
                each.timed_out = true;
                each.deadline = Some(now + GRACE);
            }
        }
    }

    fn pass_lines(&mut self) -> Result<(), Failure> {
        let mut running = std::mem::take(&mut self.running);
        let mut outcome = Ok(());
        for each in &mut running {
            if outcome.is_ok()
                && (!self.settings.keeps_order || each.task.sequence == self.next_printed)
            {
                outcome = self.print(each, true);
            }
        }
        self.running = running;
        Ok(outcome?)
    }

    fn kill_all(&mut self, signal: i32) {
        for each in &self.running {
            kill_tree(each.pid, signal);
        }
    }

    /// Starts a job, or shows it.
    fn begin(&mut self, mut task: Task) -> Result<(), Failure> {
        let slot = self.slots.iter().position(|taken| !taken).unwrap_or(0);
        let numbers = Numbers {
            sequence: task.sequence,
            slot: slot + 1,
            total: self.total,
        };
        let command = self.template.render(&task.job.arguments, numbers);
        if self
            .joblog
            .as_ref()
            .is_some_and(|log| log.is_done(task.sequence))
        {
            return self.settle(task.sequence, None);
        }
        let has_output = self.settings.output != Output::Direct || self.settings.results.is_some();
        let capture = |wanted: bool| {
            wanted
                .then(|| Capture::new(&self.settings.folder))
                .transpose()
                .map_err(|reason| {
                    error(format_args!(
                        "Cannot make a file in {}: {}.",
                        self.settings.folder.display(),
                        errno::message(&reason)
                    ))
                })
        };
        let has_output = has_output && self.settings.results.is_none();
        let mut running = Running {
            pid: 0,
            slot,
            tag: self
                .tag
                .as_ref()
                .map(|tag| tag.render(&task.job.arguments, numbers)),
            output: capture(has_output || self.settings.dry_run)?,
            errors: capture(has_output)?,
            started: Instant::now(),
            started_at: SystemTime::now(),
            deadline: self
                .settings
                .timeout
                .and_then(|time| Instant::now().checked_add(time)),
            timed_out: false,
            command,
            task: Task {
                sequence: task.sequence,
                job: Job::default(),
                attempts: 0,
            },
        };
        if self.settings.dry_run {
            if let Some(output) = &running.output {
                fd::write_all(output.writer(), &running.command)?;
                fd::write_all(output.writer(), b"\n")?;
            }
            return self.settle(task.sequence, Some(running));
        }
        if self.settings.traces {
            let mut line = running.command.clone();
            line.push(b'\n');
            io::stderr().write_all(&line)?;
        }
        if self.settings.verbose {
            match &running.output {
                Some(output) => fd::write_all(
                    output.writer(),
                    &[running.command.as_slice(), b"\n"].concat(),
                )?,
                None => println!("{}", String::from_utf8_lossy(&running.command)),
            }
        }
        let mut actions = Vec::new();
        let input = self.input(&task, capture(task.job.input.is_some())?, &mut actions)?;
        if let Some(folder) = self.results_of(&task, numbers)? {
            actions.extend(folder);
        }
        for (capture, fd) in [(&running.output, 1), (&running.errors, 2)] {
            actions.extend(capture.as_ref().map(|capture| Action::Dup2 {
                oldfd: capture.writer(),
                fd,
            }));
        }
        let mut env = environment();
        for (name, value) in [
            ("PARALLEL_SEQ", numbers.sequence),
            ("PARALLEL_JOBSLOT", numbers.slot),
        ] {
            env.push(format!("{name}={value}").into());
        }
        env.push(format!("PARALLEL_PID={}", process::getpid()).into());
        io::stdout().flush()?;
        let pid = process::spawn(&Program {
            flags: SEARCH_PATH,
            file: self.shell.clone().into(),
            args: vec![
                self.shell.clone(),
                "-c".into(),
                os_string(running.command.clone()),
            ],
            env,
            cwd: self.settings.workdir.clone(),
            actions,
            ..Program::default()
        });
        drop(input);
        running.pid = pid.map_err(|reason| {
            error(format_args!(
                "Cannot run {}: {}.",
                self.shell.to_string_lossy(),
                errno::message(&reason)
            ))
        })?;
        task.attempts += 1;
        running.task = task;
        self.slots[slot] = true;
        if !self.settings.delay.is_zero() {
            self.next_start = Instant::now()
                .checked_add(self.settings.delay)
                .unwrap_or(self.next_start);
        }
        self.running.push(running);
        Ok(())
    }

    /// What a job reads: its records, or nothing.
    fn input(
        &self,
        task: &Task,
        file: Option<Capture>,
        actions: &mut Vec<Action>,
    ) -> Result<Option<Capture>, Failure> {
        if let (Some(file), Some(input)) = (file, &task.job.input) {
            fd::write_all(file.writer(), input)?;
            actions.push(Action::Dup2 {
                oldfd: file.reader(),
                fd: 0,
            });
            return Ok(Some(file));
        }
        actions.push(Action::Open {
            fd: 0,
            path: "/dev/null".into(),
            flags: O_RDONLY,
            mode: 0,
        });
        Ok(None)
    }

    /// Has a job write into the files of `--results`.
    fn results_of(&self, task: &Task, numbers: Numbers) -> Result<Option<Vec<Action>>, Failure> {
        let Some(results) = &self.results else {
            return Ok(None);
        };
        let name = path(results.render(&task.job.arguments, numbers));
        let (folder, output, errors, sequence) = if results.has_markers() {
            let with = |ending: &str| {
                let mut name = name.clone().into_os_string();
                name.push(ending);
                PathBuf::from(name)
            };
            let folder = name.parent().map(PathBuf::from).unwrap_or_default();
            (folder, name.clone(), with(".err"), with(".seq"))
        } else {
            let mut folder = name;
            for (at, argument) in task.job.arguments.iter().enumerate() {
                folder.push((at + 1).to_string());
                folder.push(path(file_name(argument)));
            }
            let within = |file: &str| folder.join(file);
            (
                folder.clone(),
                within("stdout"),
                within("stderr"),
                within("seq"),
            )
        };
        let cannot = |reason: io::Error| {
            error(format_args!(
                "Cannot write to {}: {}.",
                folder.display(),
                errno::message(&reason)
            ))
        };
        if !folder.as_os_str().is_empty() {
            std::fs::create_dir_all(&folder).map_err(cannot)?;
        }
        std::fs::write(sequence, task.sequence.to_string()).map_err(cannot)?;
        let open = |fd, path| Action::Open {
            fd,
            path,
            flags: O_WRONLY | O_CREAT | O_TRUNC,
            mode: 0o666,
        };
        Ok(Some(vec![open(1, output), open(2, errors)]))
    }

    /// Takes all that have ended; `false`: none had.
    fn reap(&mut self) -> Result<bool, Failure> {
        let mut any = false;
        loop {
            match process::wait(-1, WNOHANG) {
                Ok(Some((pid, status))) => {
                    if let Some(at) = self.running.iter().position(|each| each.pid == pid) {
                        let ended = self.running.remove(at);
                        any = true;
                        self.ended(ended, status)?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(None) | Err(_) => return Ok(any),
            }
        }
    }

    fn ended(&mut self, mut ended: Running, status: WaitStatus) -> Result<(), Failure> {
        self.slots[ended.slot] = false;
        let signal = status.signaled().unwrap_or(0);
        // A job that took too long has failed, however it ended.
        let code = match status.exited() {
            Some(code) if !ended.timed_out => code,
            _ => 255,
        };
        let succeeded = code == 0;
        if !succeeded && ended.task.attempts < self.settings.retries && self.halted.is_none() {
            self.again.push_back(ended.task);
            return Ok(());
        }
        if succeeded {
            self.tally.succeeded += 1;
        } else {
            self.tally.failed += 1;
        }
        let (sequence, command) = (ended.task.sequence, ended.command.clone());
        let (started, started_at) = (ended.started, ended.started_at);
        let sent = ended.task.job.input.as_ref().map_or(0, Vec::len);
        // The size is known when all is read.
        let received = match &mut ended.output {
            Some(output) => {
                usize::try_from(fd::stat(output.writer()).map_or(0, |stat| stat.size)).unwrap_or(0)
            }
            None => 0,
        };
        self.settle(sequence, Some(ended))?;
        if let Some(log) = &mut self.joblog {
            log.write(&Entry {
                sequence,
                started: started_at,
                ran: started.elapsed(),
                sent,
                received,
                status: if signal == 0 { code } else { 0 },
                signal,
                command: &command,
            })?;
        }
        if self.settings.halt.counts(succeeded) {
            self.halt(succeeded, code, &command);
        }
        Ok(())
    }

    fn halt(&mut self, succeeded: bool, code: i32, command: &[u8]) {
        // How a job ends that was killed for it is no news.
        if matches!(self.halted, Some((Manner::Now, _))) {
            return;
        }
        let how = match (succeeded, self.settings.halt.counts(!succeeded)) {
            (_, true) => "finished",
            (true, _) => "succeeded",
            (false, _) => "failed",
        };
        warn(
            self.name,
            format_args!("This job {how}:\n{}", String::from_utf8_lossy(command)),
        );
        if let Some((manner, status)) = self.settings.halt.reached(self.tally, code)
            && self.halted.is_none()
        {
            self.halted = Some((manner, status));
            if manner == Manner::Now {
                self.kill_all(SIGTERM);
                let soon = Instant::now() + GRACE;
                for each in &mut self.running {
                    each.timed_out = true;
                    each.deadline = Some(soon);
                }
            } else if !self.running.is_empty() {
                warn(
                    self.name,
                    format_args!(
                        "Starting no more jobs. Waiting for {} jobs to finish.",
                        self.running.len()
                    ),
                );
            }
        }
    }

    /// A job is over: prints it, and what waited for it.
    fn settle(&mut self, sequence: usize, ended: Option<Running>) -> Result<(), Failure> {
        if !self.settings.keeps_order {
            if let Some(mut ended) = ended {
                self.print(&mut ended, false)?;
            }
            return Ok(());
        }
        self.held.insert(sequence, ended);
        while let Some(ended) = self.held.remove(&self.next_printed) {
            self.next_printed += 1;
            if let Some(mut ended) = ended {
                self.print(&mut ended, false)?;
            }
        }
        Ok(())
    }

    /// Passes on what a job has written, each line behind its tag.
    fn print(&self, job: &mut Running, whole_lines: bool) -> io::Result<()> {
        let tag = job.tag.as_deref();
        let mut out = io::stdout().lock();
        if let Some(output) = &mut job.output {
            let mut tagged = Tagged::new(tag, &mut out);
            output.drain(whole_lines || tag.is_some(), &mut |piece| tagged.put(piece))?;
            if !whole_lines {
                output.drain(false, &mut |piece| tagged.put(piece))?;
            }
        }
        out.flush()?;
        if let Some(errors) = &mut job.errors {
            let mut out = io::stderr();
            let mut tagged = Tagged::new(tag, &mut out);
            errors.drain(whole_lines || tag.is_some(), &mut |piece| tagged.put(piece))?;
            if !whole_lines {
                errors.drain(false, &mut |piece| tagged.put(piece))?;
            }
        }
        Ok(())
    }
}

/// Lines behind a tag. What it gets are whole lines, but the last.
struct Tagged<'a, W> {
    tag: Option<&'a [u8]>,
    out: &'a mut W,
}

impl<'a, W: Write> Tagged<'a, W> {
    fn new(tag: Option<&'a [u8]>, out: &'a mut W) -> Self {
        Self { tag, out }
    }

    fn put(&mut self, piece: &[u8]) -> io::Result<()> {
        let Some(tag) = self.tag else {
            return self.out.write_all(piece);
        };
        for line in piece.split_inclusive(|&byte| byte == b'\n') {
            self.out.write_all(tag)?;
            self.out.write_all(b"\t")?;
            self.out.write_all(line)?;
        }
        Ok(())
    }
}

/// An argument as the name of a directory: GNU parallel writes slashes as `\_`.
fn file_name(argument: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    for &byte in argument {
        match byte {
            b'/' => name.extend(b"\\_"),
            b'\\' => name.extend(b"\\\\"),
            0 => name.extend(b"\\0"),
            byte => name.push(byte),
        }
    }
    // Names that are taken, or none.
    match name.as_slice() {
        b"" => b"\\0".to_vec(),
        b"." | b".." => [b"\\".as_slice(), &name].concat(),
        _ => name,
    }
}

/// Sends a signal to a process and all that come from it.
fn kill_tree(pid: Pid, signal: i32) {
    let all = procfs::processes();
    let mut tree = vec![pid];
    let mut at = 0;
    while at < tree.len() {
        let parent = tree[at];
        tree.extend(
            all.iter()
                .filter(|each| each.ppid == parent)
                .map(|each| each.pid),
        );
        at += 1;
    }
    for each in tree {
        // It may have ended by itself.
        let _ = process::kill(each, signal);
    }
}
