//! Commands of the host's, one after the other, in one shell (`--session`). They come as frames on one descriptor and
//! are answered on another, so that nothing of the commands' own output has to be looked at to know where one ends.
//!
//! A frame is its length (`u32`, little-endian, of what follows) and:
//!
//! - to the shell: `u64` number, `u32` length of the standard input, that input, the text of the command;
//! - from the shell, when the command is done: `u64` number, `i32` exit status, the working directory.
//!
//! [`CANCEL`] gives the running command up: what it waits for is killed, and the shell takes the next one.

use std::io;

use secure_exec_sys as sys;
use sys::signal::{Disposition, SIGKILL};
use sys::{Fd, Pid};

use crate::exec::redirect::{OWN, Saved};
use crate::shell::{Exec, Flow, Shell};
use crate::syntax::Input;
use crate::text;

/// Where frames come from, and where answers go, at the start.
const COMMANDS: Fd = 3;
const ANSWERS: Fd = 4;
/// Out of the way of descriptors that scripts choose.
const OUT_OF_THE_WAY: Fd = 200;
/// Gives the running command up. No trap can be set for it.
pub const CANCEL: i32 = sys::signal::MAX;
/// The longest frame.
const LONGEST: usize = 64 << 20;

/// What the shell has of its session. A subshell has none.
#[derive(Debug)]
pub struct Session {
    commands: Fd,
    answers: Fd,
    /// Children that are no jobs and whose output is being waited for; each leads a process group.
    pub awaited: Vec<Pid>,
}

struct Frame {
    number: u64,
    input: Vec<u8>,
    command: String,
}

impl Session {
    /// Takes the two descriptors.
    ///
    /// # Errors
    /// They are not open.
    fn open() -> io::Result<Self> {
        let take = |fd| {
            let moved = sys::fd::dup_from(fd, OUT_OF_THE_WAY, sys::fd::Cloexec::Set)?;
            sys::fd::close(fd)?;
            Ok::<Fd, io::Error>(moved)
        };
        sys::signal::action(CANCEL, Disposition::Catch)?;
        Ok(Self {
            commands: take(COMMANDS)?,
            answers: take(ANSWERS)?,
            awaited: Vec::new(),
        })
    }

    /// What a copy of the shell does: the session stays the original's.
    pub fn leave(self) {
        // They are open.
        let _ = sys::fd::close(self.commands);
        let _ = sys::fd::close(self.answers);
        let _ = sys::signal::action(CANCEL, Disposition::Default);
    }

    /// Kills what has been started for substitutions of the command that is given up.
    pub fn kill_awaited(&self) {
        for pid in &self.awaited {
            // It may have ended meanwhile.
            let _ = sys::process::kill(-*pid, SIGKILL);
        }
    }

    fn answer(&self, number: u64, status: i32, directory: &[u8]) -> io::Result<()> {
        let mut body = number.to_le_bytes().to_vec();
        body.extend_from_slice(&status.to_le_bytes());
        body.extend_from_slice(directory);
        let length = u32::try_from(body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut frame = length.to_le_bytes().to_vec();
        frame.append(&mut body);
        sys::fd::write_all(self.answers, &frame)
    }
}

/// Runs commands until no more come; gives the status to end with.
pub fn run(shell: &mut Shell) -> i32 {
    let session = match Session::open() {
        Ok(session) => session,
        Err(error) => {
            shell.print_error_raw(&format!(
                "{}: --session: descriptors {COMMANDS} and {ANSWERS}: {}\n",
                shell.label,
                sys::errno::message(&error)
            ));
            return 2;
        }
    };
    shell.session = Some(session);
    // Each command leads a process group, so that it can be given up with all that it has started.
    shell.options.monitor = true;
    shell.options.expand_aliases = true;
    shell.traps.catching = true;
    while let Some(frame) = shell.next_frame() {
        let result = shell.run_frame(&frame);
        let status = match result {
            Err(Flow::Exit(status)) => {
                shell.hang_up_jobs();
                return status;
            }
            Ok(status) | Err(Flow::Return(status) | Flow::Abort(status)) => status,
            Err(Flow::Discard) => 1,
            Err(Flow::Break(_) | Flow::Continue(_)) => shell.status,
        };
        // As of a command that was killed, whatever has become of this one.
        let status = if shell.gives_up() {
            128 + SIGKILL
        } else {
            status
        };
        shell.end_frame(status);
        if !shell.answer(frame.number, status) {
            break;
        }
    }
    shell.hang_up_jobs();
    shell.status
}

impl Shell {
    /// Whether the running command is to be given up: by Ctrl-C in an interactive shell, by the host in a session.
    pub fn gives_up(&self) -> bool {
        self.traps.interrupted && (self.interactive || self.session.is_some())
    }

    /// The next command; `None` at the end.
    fn next_frame(&mut self) -> Option<Frame> {
        let head = self.read_frame(4)?;
        let length = u32::from_le_bytes(head.try_into().ok()?);
        let length = usize::try_from(length).ok().filter(|n| *n <= LONGEST)?;
        let body = self.read_frame(length)?;
        // What came before this command was for the one before it.
        self.collect_signals();
        self.traps.interrupted = false;
        let (number, rest) = body.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (input, command) = rest.split_at_checked(length)?;
        Some(Frame {
            number: u64::from_le_bytes(*number),
            input: input.to_vec(),
            command: text::decode(command),
        })
    }

    fn read_frame(&mut self, length: usize) -> Option<Vec<u8>> {
        let fd = self.session.as_ref()?.commands;
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match sys::fd::read(fd, &mut bytes[filled..]) {
                Ok(0) => return None,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.collect_signals();
                    // The traps of a shell that waits for its user run at once; one may end it.
                    if self.traps.has_pending()
                        && let Err(Flow::Exit(status)) = self.run_traps()
                    {
                        let status = self.run_exit_trap(status) & 0xff;
                        self.finish_filters();
                        std::process::exit(status);
                    }
                }
                Err(error) => {
                    // The line that is on its way has not run: that is no success.
                    self.error(&format!("--session: {}", sys::errno::message(&error)));
                    self.status = 2;
                    return None;
                }
            }
        }
        Some(bytes)
    }

    fn run_frame(&mut self, frame: &Frame) -> Exec {
        let mut saved = Saved::default();
        if !frame.input.is_empty() {
            self.save(0, &mut saved);
            match self.document_of(frame.input.clone()) {
                Ok(fd) => {
                    // Both are open.
                    let _ = sys::fd::dup2(fd, 0);
                    let _ = sys::fd::close(fd);
                }
                Err(_) => {
                    self.restore(saved);
                    return Ok(1);
                }
            }
        }
        let result = self.run_input(&mut Input::text(&frame.command, 1), false);
        self.restore(saved);
        result
    }

    /// Makes ready for the next command, whatever this one was given up in.
    fn end_frame(&mut self, status: i32) {
        self.status = status;
        self.depth = 0;
        self.tested = 0;
        self.loops = 0;
        self.capture = None;
        self.options.monitor = true;
        self.await_filters();
        self.reap_all();
        let mut at = 0;
        while at < self.jobs.list.len() {
            // `wait` still finds the status of what has ended in the background.
            if matches!(self.jobs.list[at].state(), crate::jobs::State::Done(_)) {
                self.retire(at);
            } else {
                at += 1;
            }
        }
    }

    fn answer(&self, number: u64, status: i32) -> bool {
        // Not `PWD`, which a line may set to anything. What has no name any more is told as nothing.
        let directory = sys::path::getcwd().unwrap_or_default();
        let directory = text::from_os(directory.as_os_str());
        let directory = text::encode(&directory).into_owned();
        self.session
            .as_ref()
            .is_some_and(|session| session.answer(number, status, &directory).is_ok())
    }

    /// A child whose output is waited for begins to lead a group, in a session.
    pub fn await_child(&mut self, pid: Pid) {
        if let Some(session) = &mut self.session {
            let _ = sys::process::setpgid(pid, pid);
            session.awaited.push(pid);
        }
    }

    pub fn awaited_child_ended(&mut self, pid: Pid) {
        if let Some(session) = &mut self.session {
            session.awaited.retain(|known| *known != pid);
        }
    }
}

const _: () = assert!(OUT_OF_THE_WAY > OWN);
