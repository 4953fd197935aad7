//! A child that is waited for, with its pipes and its deadline.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use secure_exec_kernel::net::Shutdown;
use secure_exec_kernel::{Errno, Pid, Process, Signal, WaitFlags};

use super::options::{Request, Stdio};
use crate::binding::process_methods::signal_of;
use crate::process::child_process::{ChildFd, Ending};
use crate::threads::sleep::Sleep;

/// Bytes read at a time, as in Node.
const READ_SIZE: usize = 65_536;

/// A time-out beyond which a deadline is none.
const FOREVER: Duration = Duration::from_secs(1 << 31);

/// How a synchronous child ended.
pub(super) struct Outcome {
    pub pid: i32,
    /// `None` where it never ran.
    pub ending: Option<Ending>,
    pub error: Option<Errno>,
    /// What each descriptor gave; `None` for those that are no output pipes.
    pub output: Vec<Option<Vec<u8>>>,
}

impl Outcome {
    /// The program did not start.
    pub fn failed(errno: Errno) -> Outcome {
        Outcome {
            pid: 0,
            ending: None,
            error: Some(errno),
            output: Vec::new(),
        }
    }
}

/// The parent's end of a pipe.
struct PipeEnd {
    /// The parent's descriptor; -1 once closed.
    fd: i32,
    input: Vec<u8>,
    written: usize,
    writing: bool,
    reading: bool,
    writable: bool,
    output: Vec<u8>,
}

/// The child and everything that has to happen until its end.
pub(super) struct Runner {
    process: Arc<Process>,
    pid: Pid,
    pipes: Vec<Option<PipeEnd>>,
    deadline: Option<Pin<Box<Sleep>>>,
    max_buffer: Option<f64>,
    kill_signal: i32,
    buffered: f64,
    killed: bool,
    ending: Option<Ending>,
    error: Option<Errno>,
    pipe_error: Option<Errno>,
}

impl Runner {
    /// Starts the child.
    pub fn start(process: &Arc<Process>, request: Request) -> Result<Runner, Errno> {
        let mut pipes = Vec::new();
        let mut child_fds = Vec::new();
        let mut failure = None;
        for stdio in request.stdio {
            let (child_fd, pipe) = match stdio {
                Stdio::Ignore => (ChildFd::Nothing, None),
                Stdio::Fd(fd) => (ChildFd::Inherited(fd), None),
                Stdio::Pipe {
                    readable,
                    writable,
                    input,
                } => match process.socketpair_with_child() {
                    Ok((fd, peer)) => {
                        let pipe = PipeEnd {
                            fd,
                            input,
                            written: 0,
                            writing: readable,
                            reading: writable,
                            writable,
                            output: Vec::new(),
                        };
                        (ChildFd::File(peer), Some(pipe))
                    }
                    Err(errno) => {
                        failure = Some(errno);
                        break;
                    }
                },
            };
            child_fds.push(child_fd);
            pipes.push(pipe);
        }
        let started = match failure {
            Some(errno) => Err(errno),
            None => request.program.start(process, child_fds),
        };
        let pid = match started {
            Ok(pid) => pid,
            Err(errno) => {
                for pipe in pipes.iter_mut().flatten() {
                    pipe.close(process);
                }
                return Err(errno);
            }
        };
        let deadline = request.timeout.filter(|timeout| *timeout < FOREVER);
        Ok(Runner {
            process: process.clone(),
            pid,
            pipes,
            deadline: deadline.map(|timeout| Box::pin(Sleep::new(timeout))),
            max_buffer: request.max_buffer,
            kill_signal: request.kill_signal,
            buffered: 0.0,
            killed: false,
            ending: None,
            error: None,
            pipe_error: None,
        })
    }

    /// Moves everything on that can move; ready when the child has ended and all pipes are at their end.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.fail(Errno::ETIMEDOUT);
            self.kill();
        }
        self.poll_pipes(cx);
        if self.ending.is_none() {
            let flags = WaitFlags::empty();
            if let Poll::Ready(ended) = self.process.poll_wait4(self.pid.raw(), flags, cx) {
                // ECHILD: SIGCHLD is ignored, and the status is lost.
                let ending = ended.ok().flatten().map(|(_, status)| Ending::from(status));
                self.ending = Some(ending.unwrap_or(Ending {
                    status: 0,
                    signal: None,
                }));
                // What it wrote last came before.
                self.poll_pipes(cx);
            }
        }
        let open = self.pipes.iter().flatten().any(PipeEnd::busy);
        if self.ending.is_some() && !open {
            self.close_pipes();
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn poll_pipes(&mut self, cx: &mut Context<'_>) {
        let mut overflow = false;
        for pipe in self.pipes.iter_mut().flatten() {
            if let Err(errno) = pipe.write(&self.process, cx) {
                self.pipe_error.get_or_insert(errno);
            }
            let bound = self.max_buffer;
            let buffered = &mut self.buffered;
            let mut within = |count: usize| {
                *buffered += count as f64;
                bound.is_none_or(|bound| *buffered <= bound)
            };
            match pipe.read(&self.process, cx, &mut within) {
                Ok(true) => {}
                Ok(false) => {
                    overflow = true;
                    break;
                }
                Err(errno) => {
                    self.pipe_error.get_or_insert(errno);
                }
            }
        }
        if overflow {
            self.fail(Errno::ENOBUFS);
            self.kill();
        }
    }

    fn fail(&mut self, errno: Errno) {
        self.error.get_or_insert(errno);
    }

    /// Ends the child once, and stops listening to it: others may hold its pipes open.
    fn kill(&mut self) {
        self.deadline = None;
        if std::mem::replace(&mut self.killed, true) {
            return;
        }
        if self.ending.is_none() {
            let killed = signal_of(self.kill_signal)
                .ok_or(Errno::EINVAL)
                .and_then(|signal| self.process.kill(self.pid.raw(), signal));
            if let Err(errno) = killed
                && errno != Errno::ESRCH
            {
                self.fail(errno);
                // It may be beyond this process's rights.
                let _ = self.process.kill(self.pid.raw(), Signal::SIGKILL);
            }
        }
        self.close_pipes();
    }

    fn close_pipes(&mut self) {
        for pipe in self.pipes.iter_mut().flatten() {
            pipe.close(&self.process);
        }
    }

    /// What the caller is told.
    pub fn outcome(&mut self) -> Outcome {
        let output = self.pipes.iter_mut().map(|pipe| {
            let pipe = pipe.as_mut().filter(|pipe| pipe.writable)?;
            Some(std::mem::take(&mut pipe.output))
        });
        Outcome {
            pid: self.pid.raw(),
            ending: self.ending,
            error: self.error.or(self.pipe_error),
            output: output.collect(),
        }
    }
}

impl PipeEnd {
    fn busy(&self) -> bool {
        self.fd >= 0 && (self.reading || self.writing)
    }

    fn close(&mut self, process: &Process) {
        let fd = std::mem::replace(&mut self.fd, -1);
        if fd >= 0 {
            // It is ours and open.
            let _ = process.close(fd);
        }
    }

    /// Writes the input and then ends it.
    fn write(&mut self, process: &Process, cx: &mut Context<'_>) -> Result<(), Errno> {
        if self.fd < 0 || !self.writing {
            return Ok(());
        }
        while self.written < self.input.len() {
            match process.poll_write(self.fd, &self.input[self.written..], cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(count)) => self.written += count,
                Poll::Ready(Err(errno)) => {
                    self.writing = false;
                    return Err(errno);
                }
            }
        }
        self.writing = false;
        process.shutdown(self.fd, Shutdown::Write)
    }

    /// Reads what there is; false once `within` says that it is too much.
    fn read(
        &mut self,
        process: &Process,
        cx: &mut Context<'_>,
        within: &mut dyn FnMut(usize) -> bool,
    ) -> Result<bool, Errno> {
        while self.fd >= 0 && self.reading {
            let start = self.output.len();
            self.output.resize(start + READ_SIZE, 0);
            let polled = process.poll_read(self.fd, &mut self.output[start..], cx);
            let count = match polled {
                Poll::Ready(Ok(count)) => count,
                _ => 0,
            };
            self.output.truncate(start + count);
            match polled {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(0)) => self.reading = false,
                Poll::Ready(Ok(count)) => {
                    if !within(count) {
                        return Ok(false);
                    }
                }
                Poll::Ready(Err(errno)) => {
                    self.reading = false;
                    return Err(errno);
                }
            }
        }
        Ok(true)
    }
}
