//! The programs that the host runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secure_exec_kernel::{Credentials, Errno, Pid, Signal, SpawnOptions, Terminal, Terms, Winsize};
use secure_exec_protocol::{
    CONTROL_IN, CONTROL_OUT, CallId, Cause, Exit, Failure, Limit, Program, STDERR, STDIN, STDOUT,
    Stdin, TerminalSize, VmMessage,
};

use super::guest_call::{GuestCall, Parts};
use super::listeners::NO_CALL;
use super::waiting::WaitingPrograms;
use super::{Machine, Outbox};
use crate::breaches;
use crate::failure::failure;
use crate::guests::Returned;
use crate::mailbox::CallWaker;

/// Status of a program that SIGKILL ended.
pub(super) const KILLED: i32 = 137;
/// Status of a program that a disposed VM ended: that of SIGTERM.
const TERMINATED: i32 = 143;

const SIGTERM: u8 = 15;

/// Environment that is the VM's own.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("HOME", "/home/user"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("USER", "user"),
    ("SHELL", "/bin/sh"),
    ("TMPDIR", "/tmp"),
    ("TERM", "xterm-256color"),
    ("LANG", "C.UTF-8"),
];

const WORKSPACE: &str = "/workspace";

impl Machine {
    /// Starts a program, or has it wait for its turn.
    pub(super) fn take_program(&mut self, call: CallId, mut program: Program, outbox: &mut Outbox) {
        if let Err(failure) = self.take_code(call, &mut program) {
            return outbox.push(call, VmMessage::Failed(failure));
        }
        if !program.announce && self.is_crowded() {
            return self.waiting.push(call, program);
        }
        let announce = program.announce;
        match self.spawn(call, program) {
            Ok(pid) => {
                if announce {
                    outbox.push(call, VmMessage::Started { pid: pid.raw() });
                }
                self.pump(call, outbox);
            }
            Err(failure) => outbox.push(call, VmMessage::Failed(failure)),
        }
    }

    /// Completes a program whose code came in pieces.
    ///
    /// # Errors
    /// There was no memory for it.
    fn take_code(&mut self, call: CallId, program: &mut Program) -> Result<(), Failure> {
        let Some(code) = &mut program.code else {
            return Ok(());
        };
        let bound = self.config.limits.max_memory_bytes;
        let staged = self.code.take(call).map_err(|size| Failure {
            code: "ERR_RESOURCE_LIMIT".into(),
            message: "There is no memory for the code of the program".into(),
            limit: Some(Box::new(breaches::no_room(bound, size))),
            ..Failure::default()
        })?;
        if let Some(mut whole) = staged {
            whole.append(code);
            *code = whole;
        }
        Ok(())
    }

    /// Whether a program has to wait until another one ends.
    fn is_crowded(&self) -> bool {
        self.turns_taken.len() >= WaitingPrograms::turns(self.config.limits.max_memory_bytes)
    }

    fn spawn(&mut self, call: CallId, program: Program) -> Result<Pid, Failure> {
        match &program.cwd {
            Some(cwd) => {
                let found = self.kernel.file_agent().stat(cwd.as_bytes());
                found
                    .and_then(|stat| stat.is_dir().then_some(()).ok_or(Errno::ENOTDIR))
                    .map_err(|errno| failure(errno, "chdir", cwd.as_bytes()))?;
            }
            // Should it have been removed, there is an empty one again.
            None => {
                let cwd = self.config.cwd.as_deref().unwrap_or(WORKSPACE);
                self.files.make_working_directory(cwd.as_bytes())?;
            }
        }
        let name = program.argv.first().cloned().unwrap_or_default();
        let (stdin, announce) = (program.stdin.clone(), program.announce);
        let started = self.start(call, program);
        let mut guest = started.map_err(|errno| {
            let failed = failure(errno, "spawn", name.as_bytes());
            breaches::named(failed, &self.kernel.take_limit_breaches_of(None))
        })?;
        match stdin {
            Stdin::Whole(data) => guest.feed(STDIN, data, true),
            Stdin::Stream => {}
        }
        let pid = guest.process.pid();
        self.calls.insert(call, guest);
        if !announce {
            self.turns_taken.insert(call);
        }
        Ok(pid)
    }

    fn start(&self, call: CallId, program: Program) -> Result<GuestCall, Errno> {
        let (mut inputs, mut outputs, mut fds) = (Vec::new(), Vec::new(), Vec::new());
        let mut in_streams = vec![STDIN];
        let mut out_streams = vec![STDOUT, STDERR];
        let mut terminal = None;
        if let Some(size) = program.terminal {
            let (master, slave) = self.kernel.open_pty(winsize(size))?;
            fds.extend((0..3).map(|fd| (fd, slave.clone())));
            inputs.push((STDIN, master.clone()));
            outputs.push((STDOUT, master.clone()));
            terminal = Terminal::of(&master).map(|terminal| terminal.pty().clone());
            in_streams.clear();
            out_streams.clear();
        }
        if program.control {
            in_streams.push(CONTROL_IN);
            out_streams.push(CONTROL_OUT);
        }
        for stream in in_streams {
            let (read, write) = self.kernel.pipe()?;
            fds.push((i32::from(stream), read));
            inputs.push((stream, write));
        }
        for stream in out_streams {
            let (read, write) = self.kernel.pipe()?;
            fds.push((i32::from(stream), write));
            outputs.push((stream, read));
        }
        let returned = program.returns.then(|| Arc::new(Returned::default()));
        let cwd = program.cwd.as_ref().or(self.config.cwd.as_ref());
        let argv: Vec<Vec<u8>> = program.argv.into_iter().map(String::into_bytes).collect();
        let started = Instant::now();
        let process = self.kernel.spawn(SpawnOptions {
            file: argv.first().cloned().unwrap_or_default(),
            search_path: true,
            argv,
            envp: self.environment(&program.env),
            cwd: Some(cwd.map_or(WORKSPACE.as_bytes(), String::as_bytes).to_vec()),
            fds,
            setsid: true,
            ctty: terminal.is_some().then_some(0),
            attachment: self.guests.attachment(
                program.code,
                program.code_source,
                returned.clone(),
                program.control,
            ),
            terms: Terms {
                cpu_limit: program.cpu_time_ms.map(Duration::from_millis),
                frozen_clocks: program.freeze_time,
                most_processes: program.most_processes.map(|most| most as usize),
            },
            credentials: program.user.map(|(uid, gid)| Credentials {
                gid,
                egid: gid,
                groups: vec![gid],
                ..Credentials::user(uid)
            }),
            ..SpawnOptions::default()
        })?;
        Ok(GuestCall::new(Parts {
            process,
            waker: CallWaker::new(self.mailbox.clone(), self.id, call),
            outputs,
            inputs,
            terminal,
            streaming: program.streaming,
            returned,
            value_bound: self.config.limits.return_value_bytes,
            deadline: self.deadline(program.timeout_ms),
            warns: self.config.warn,
            started,
            lingers: self.guests.reports_ends(),
        }))
    }

    /// The sooner one of the call's timeout and the VM's own limit.
    fn deadline(&self, timeout_ms: Option<u64>) -> Option<(Duration, Cause)> {
        match (timeout_ms, self.config.limits.wall_clock_ms) {
            (Some(timeout), limit) if limit.is_none_or(|limit| timeout <= limit) => {
                Some((Duration::from_millis(timeout), Cause::TimedOut))
            }
            (_, Some(bound)) => {
                let limit = Limit {
                    name: "limits.jsRuntime.wallClockLimitMs".into(),
                    bound,
                    used: bound,
                };
                Some((Duration::from_millis(bound), Cause::Limit(limit)))
            }
            _ => None,
        }
    }

    fn environment(&self, own: &[(String, String)]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut merged: Vec<(&str, &str)> = ENVIRONMENT.to_vec();
        for (name, value) in self.config.env.iter().chain(own) {
            match merged.iter_mut().find(|(known, _)| known == name) {
                Some(entry) => entry.1 = value,
                None => merged.push((name, value)),
            }
        }
        merged
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    /// Moves the streams of a program, or of a connection, and tells its end.
    pub(crate) fn pump(&mut self, call: CallId, outbox: &mut Outbox) {
        if call == NO_CALL {
            self.ask_for_outbound(outbox);
            return self.tell_listeners(outbox);
        }
        if self.pump_connection(call, outbox) {
            return;
        }
        if self.move_streams(call, outbox) {
            self.start_waiting(outbox);
        }
    }

    /// True if it has ended. What it left behind goes on, as on Linux: it is init's now.
    fn move_streams(&mut self, call: CallId, outbox: &mut Outbox) -> bool {
        let Some(guest) = self.calls.get_mut(&call) else {
            return false;
        };
        let mut messages = Vec::new();
        guest.pump(&mut messages);
        let ended = matches!(messages.last(), Some(VmMessage::Exited(_)));
        if ended {
            // While it is known whose they are.
            self.warn(outbox);
            self.calls.remove(&call);
            self.turns_taken.remove(&call);
            self.send_rest_of_trace(outbox);
            self.tell_listeners_of_ended(outbox);
        }
        outbox.extend(call, messages);
        ended
    }

    /// Starts the programs whose turn it is.
    fn start_waiting(&mut self, outbox: &mut Outbox) {
        while !self.is_crowded() {
            let Some(mut waiting) = self.waiting.pop() else {
                return;
            };
            let call = waiting.call;
            let input = std::mem::take(&mut waiting.input);
            if let Err(failure) = self.spawn(call, waiting.into_program()) {
                outbox.push(call, VmMessage::Failed(failure));
                continue;
            }
            if let Some(guest) = self.calls.get_mut(&call) {
                for (stream, data, end) in input {
                    guest.feed(stream, data, end);
                }
            }
            self.move_streams(call, outbox);
        }
    }

    /// Signals a program of the host's. SIGKILL takes along what it started and what is still in its session.
    pub(super) fn signal(&mut self, call: CallId, signal: u8, outbox: &mut Outbox) {
        if self.waiting.remove(call) {
            return Self::end_unstarted(call, 128 + i32::from(signal), None, outbox);
        }
        let signal = Signal::from_raw(signal.into());
        if let (Some(guest), Some(signal)) = (self.calls.get(&call), signal) {
            self.kill_program(guest.process.pid(), signal);
        }
    }

    fn kill_program(&self, pid: Pid, signal: Signal) {
        if signal == Signal::SIGKILL {
            self.kernel.kill_session(pid);
        } else {
            // ESRCH: it has ended by itself.
            let _ = self.kernel.init().kill(pid.raw(), signal);
        }
    }

    /// Kills programs that are past their time.
    ///
    /// Gives back those that had not even started.
    pub(super) fn expire_programs(&mut self, now: Instant) -> Vec<CallId> {
        let mut expired = Vec::new();
        for guest in self.calls.values_mut() {
            if guest.deadline.is_some_and(|deadline| deadline <= now) {
                guest.deadline = None;
                guest.cause = Some(guest.deadline_cause.clone());
                expired.push(guest.process.pid());
            }
        }
        for pid in expired {
            self.kill_program(pid, Signal::SIGKILL);
        }
        self.waiting.expire(now)
    }

    /// Tells of programs that have used most of the time that they have by the VM's limit.
    pub(super) fn warn_of_time(&mut self, now: Instant, outbox: &mut Outbox) {
        for (call, guest) in &mut self.calls {
            if guest.warn_at.is_none_or(|at| at > now) {
                continue;
            }
            guest.warn_at = None;
            if let Cause::Limit(limit) = &guest.deadline_cause {
                let used = limit.bound - limit.bound / 5;
                let limit = Limit {
                    used,
                    ..limit.clone()
                };
                outbox.push(*call, VmMessage::Warning(limit));
            }
        }
    }

    /// The next time at which a program is past its time, or has used most of it.
    pub(super) fn next_program_deadline(&self) -> Option<Instant> {
        let due = |guest: &GuestCall| guest.warn_at.or(guest.deadline);
        let running = self.calls.values().filter_map(due);
        running.chain(self.waiting.next_deadline()).min()
    }

    /// Settles all programs of a machine that has been killed.
    pub(super) fn end_programs(&mut self, outbox: &mut Outbox) {
        for (call, mut guest) in std::mem::take(&mut self.calls) {
            guest.lingers = false;
            let mut messages = Vec::new();
            guest.pump(&mut messages);
            if let Some(VmMessage::Exited(exit)) = messages.last_mut() {
                exit.code = TERMINATED;
                exit.signal = SIGTERM;
            }
            outbox.extend(call, messages);
        }
        self.turns_taken.clear();
        while let Some(waiting) = self.waiting.pop() {
            Self::end_unstarted(waiting.call, TERMINATED, None, outbox);
        }
    }

    /// Settles a program that never ran.
    pub(super) fn end_unstarted(
        call: CallId,
        code: i32,
        cause: Option<Cause>,
        outbox: &mut Outbox,
    ) {
        let exit = Exit {
            code,
            signal: u8::try_from(code - 128).unwrap_or(0),
            cause,
            ..Exit::default()
        };
        outbox.push(call, VmMessage::Exited(Box::new(exit)));
    }
}

pub(super) fn winsize(size: TerminalSize) -> Winsize {
    Winsize {
        rows: size.rows,
        cols: size.cols,
        ..Winsize::default()
    }
}
