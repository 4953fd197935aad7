//! A program with its standard streams: what runs between `Spawn` and `Exited`.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use secure_exec_kernel::abi::termios::VEOF;
use secure_exec_kernel::tty::Pty;
use secure_exec_kernel::{ExitStatus, FileDescription, Process};
use secure_exec_protocol::{
    CONTROL_OUT, Cause, Exit, Limit, MAX_CHUNK, STDERR, STDOUT, STREAM_WINDOW, Stream, Usage,
    ValueCost, VmMessage,
};

use super::pieces::{Pieces, give_credit};
use crate::breaches;
use crate::guests::Returned;
use crate::mailbox::CallWaker;

/// Bytes read from a pipe at once: half a window, so that one piece can be on its way while the next is made.
const PIECE: usize = STREAM_WINDOW / 2;

/// An output stream of the program.
pub(crate) struct Output {
    stream: Stream,
    /// None behind end of file.
    pipe: Option<Arc<FileDescription>>,
    /// Bytes that may be sent.
    credit: usize,
    /// Read, not sent.
    kept: Vec<u8>,
    /// Bytes that still have to be sent before the control output that has been read may be: what the program may have
    /// written before it. One that writes without a pause would otherwise hold it back for ever.
    ahead: usize,
}

/// An input stream of the program.
pub(crate) struct Input {
    stream: Stream,
    /// None once closed.
    pipe: Option<Arc<FileDescription>>,
    data: Pieces,
    end: bool,
}

/// A running program.
pub(crate) struct GuestCall {
    pub(crate) process: Arc<Process>,
    waker: Arc<CallWaker>,
    task_waker: Waker,
    /// Control output first: what it announces must come behind the output before it.
    outputs: Vec<Output>,
    inputs: Vec<Input>,
    /// Terminal that its standard streams are.
    pub(crate) terminal: Option<Arc<Pty>>,
    /// Output goes out at once.
    streaming: bool,
    returned: Option<Arc<Returned>>,
    /// What its value may cost.
    value_bound: u64,
    pub(crate) deadline: Option<Instant>,
    pub(crate) deadline_cause: Cause,
    /// When most of the time is over that a limit gives, if the host wants to hear of that.
    pub(crate) warn_at: Option<Instant>,
    started: Instant,
    /// Why the VM killed it.
    pub(crate) cause: Option<Cause>,
    /// The program's thread is not known to be free. A program that was killed counts as ended only when it is, so
    /// that whatever comes next finds a VM that works.
    pub(crate) lingers: bool,
}

/// The VM's ends of a program's pipes, and how it runs.
pub(crate) struct Parts {
    pub(crate) process: Arc<Process>,
    pub(crate) waker: Arc<CallWaker>,
    pub(crate) outputs: Vec<(Stream, Arc<FileDescription>)>,
    pub(crate) inputs: Vec<(Stream, Arc<FileDescription>)>,
    pub(crate) terminal: Option<Arc<Pty>>,
    pub(crate) streaming: bool,
    pub(crate) returned: Option<Arc<Returned>>,
    pub(crate) value_bound: u64,
    pub(crate) deadline: Option<(Duration, Cause)>,
    pub(crate) warns: bool,
    /// From before the program's thread began: that may run ahead of this one.
    pub(crate) started: Instant,
    pub(crate) lingers: bool,
}

impl GuestCall {
    pub(crate) fn new(parts: Parts) -> GuestCall {
        let output = |(stream, pipe)| Output {
            stream,
            pipe: Some(pipe),
            credit: STREAM_WINDOW,
            kept: Vec::new(),
            ahead: 0,
        };
        let input = |(stream, pipe)| Input {
            stream,
            pipe: Some(pipe),
            data: Pieces::default(),
            end: false,
        };
        let mut outputs: Vec<Output> = parts.outputs.into_iter().map(output).collect();
        outputs.sort_by_key(|output| output.stream != CONTROL_OUT);
        let deadline = parts
            .deadline
            .as_ref()
            .and_then(|(after, _)| parts.started.checked_add(*after));
        let warn_at = match &parts.deadline {
            Some((after, Cause::Limit(_))) if parts.warns => {
                parts.started.checked_add(*after / 5 * 4)
            }
            _ => None,
        };
        GuestCall {
            warn_at,
            process: parts.process,
            task_waker: parts.waker.waker(),
            waker: parts.waker,
            outputs,
            inputs: parts.inputs.into_iter().map(input).collect(),
            terminal: parts.terminal,
            streaming: parts.streaming,
            returned: parts.returned,
            value_bound: parts.value_bound,
            deadline,
            deadline_cause: parts.deadline.map_or(Cause::TimedOut, |(_, cause)| cause),
            started: parts.started,
            cause: None,
            lingers: parts.lingers,
        }
    }

    /// Takes bytes for an input stream.
    pub(crate) fn feed(&mut self, stream: Stream, data: Vec<u8>, end: bool) {
        if let Some(input) = self.inputs.iter_mut().find(|input| input.stream == stream) {
            input.data.push(data);
            match &self.terminal {
                // A terminal is ended by what its user types.
                Some(pty) if end => input.data.push(vec![pty.termios().cc[VEOF]]),
                _ => input.end |= end,
            }
        }
    }

    /// The host took bytes of an output stream.
    pub(crate) fn credit(&mut self, stream: Stream, bytes: u32) {
        if let Some(output) = self
            .outputs
            .iter_mut()
            .find(|output| output.stream == stream)
        {
            output.credit = output
                .credit
                .saturating_add(bytes as usize)
                .min(STREAM_WINDOW);
        }
    }

    /// Moves what can be moved. The messages are to be sent in order; `Exited` is the last one ever.
    pub(crate) fn pump(&mut self, messages: &mut Vec<VmMessage>) {
        self.waker.rearm();
        let waker = self.task_waker.clone();
        let cx = &mut Context::from_waker(&waker);
        for input in &mut self.inputs {
            input.pump(cx, messages);
        }
        // Asked before the pipes are read: what a dead program wrote is in them by now.
        let status = self.process.poll_exit(cx);
        if let Poll::Ready(status) = status {
            if self.lingers && matches!(status, ExitStatus::Signaled(..)) {
                return;
            }
            let mut exit = Exit {
                code: status.code(),
                signal: signal_of(status),
                cause: self.cause.take(),
                usage: self.usage(),
                limits: self.limits(),
                ..Exit::default()
            };
            for output in &mut self.outputs {
                let rest = output.drain(cx);
                match output.stream {
                    STDOUT => exit.stdout = rest,
                    STDERR => exit.stderr = rest,
                    _ if rest.is_empty() => {}
                    stream => messages.push(VmMessage::Output { stream, data: rest }),
                }
            }
            self.finish(exit, messages);
            return;
        }
        while self.pump_outputs(cx, messages) {}
    }

    /// Moves output; true if the control pipe may have more, which would wake nobody.
    fn pump_outputs(&mut self, cx: &mut Context<'_>, messages: &mut Vec<VmMessage>) -> bool {
        let (mut more, mut drained) = (false, true);
        for output in &mut self.outputs {
            if output.stream == CONTROL_OUT {
                more = output.fill(cx);
            } else {
                if more {
                    // A pipe holds as much.
                    output.ahead = output.kept.len() + STREAM_WINDOW;
                }
                let is_dry = output.pump(cx, self.streaming, messages);
                drained &= is_dry || output.ahead == 0;
            }
        }
        let mut outputs = self.outputs.iter_mut();
        let control = outputs.find(|output| output.stream == CONTROL_OUT);
        let Some(control) = control.filter(|_| drained) else {
            return false;
        };
        control.send(true, messages);
        more && control.kept.is_empty()
    }

    /// What it has taken so far.
    fn usage(&self) -> Usage {
        let account = self.process.account();
        Usage {
            wall_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            cpu_us: account.cpu_ns() / 1000,
            peak_memory_bytes: account.peak_memory(),
        }
    }

    /// Takes the limits that it has passed.
    fn limits(&self) -> Vec<Limit> {
        let Ok(kernel) = self.process.kernel() else {
            return Vec::new();
        };
        let taken = kernel.take_limit_breaches_of(Some(self.process.pid()));
        taken.iter().map(breaches::limit).collect()
    }

    fn finish(&mut self, mut exit: Exit, messages: &mut Vec<VmMessage>) {
        let value = self.returned.as_ref().and_then(|returned| returned.take());
        if let Some(value) = value.filter(|_| exit.code == 0) {
            let mut value = value.into_bytes();
            if let Some(limit) = value_limit(&value, self.value_bound) {
                exit.cause = Some(Cause::Limit(limit));
            } else {
                while value.len() > MAX_CHUNK {
                    let rest = value.split_off(MAX_CHUNK);
                    messages.push(VmMessage::Value {
                        data: std::mem::replace(&mut value, rest),
                    });
                }
                exit.value = Some(value);
            }
        }
        messages.push(VmMessage::Exited(Box::new(exit)));
    }
}

/// What is too much of a value for the host, which parses it on the thread that everything else of it runs on.
fn value_limit(json: &[u8], bound: u64) -> Option<Limit> {
    let mut cost = ValueCost::default();
    cost.add(json);
    let used = cost.total();
    (used > bound).then(|| Limit {
        name: "limits.jsRuntime.returnValueLimitBytes".into(),
        bound,
        used,
    })
}

fn signal_of(status: ExitStatus) -> u8 {
    match status {
        ExitStatus::Signaled(signal, _) => signal.raw(),
        _ => 0,
    }
}

impl Output {
    /// Reads one piece if none is kept.
    fn fill(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        if self.kept.len() >= PIECE {
            return false;
        }
        let start = self.kept.len();
        self.kept.resize(start + PIECE, 0);
        let result = pipe.poll_read(self.kept.get_mut(start..).unwrap_or_default(), cx);
        let count = match result {
            Poll::Ready(Ok(count)) => count,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.kept.truncate(start + count);
        if count == 0 && result.is_ready() {
            self.pipe = None;
        }
        count > 0
    }

    /// Reads and sends; true if the pipe has nothing more at the moment.
    fn pump(
        &mut self,
        cx: &mut Context<'_>,
        streaming: bool,
        messages: &mut Vec<VmMessage>,
    ) -> bool {
        loop {
            // Then the pipe is not asked, and may have more.
            let full = self.kept.len() >= PIECE;
            let more = self.fill(cx);
            if streaming || self.kept.len() >= PIECE {
                self.send(streaming, messages);
            }
            let asks_again = full && self.kept.len() < PIECE;
            if !more && !asks_again {
                return self.kept.is_empty() || !streaming;
            }
        }
    }

    /// Sends what is kept as far as credit goes.
    fn send(&mut self, small: bool, messages: &mut Vec<VmMessage>) {
        while !self.kept.is_empty() && self.credit > 0 && (small || self.kept.len() >= PIECE) {
            let count = self.kept.len().min(self.credit);
            let rest = self.kept.split_off(count);
            let data = std::mem::replace(&mut self.kept, rest);
            self.credit -= count;
            self.ahead = self.ahead.saturating_sub(count);
            messages.push(VmMessage::Output {
                stream: self.stream,
                data,
            });
        }
    }

    /// Reads what is left in the pipe of a dead program. At most what a pipe holds, because what it left behind may go
    /// on writing; that is dropped from then on.
    fn drain(&mut self, cx: &mut Context<'_>) -> Vec<u8> {
        let bound = self.kept.len() + STREAM_WINDOW;
        let mut rest = std::mem::take(&mut self.kept);
        while rest.len() < bound && self.fill(cx) {
            rest.append(&mut self.kept);
        }
        if let Some(pipe) = self.pipe.take() {
            pipe.discard_input();
        }
        rest
    }
}

impl Input {
    fn pump(&mut self, cx: &mut Context<'_>, messages: &mut Vec<VmMessage>) {
        let mut taken = 0;
        if let Some(pipe) = &self.pipe {
            let (written, refused) = self.data.write_to(pipe, cx);
            taken = written;
            // The guest closed its end: what comes is taken and dropped, as by a dead reader.
            if refused.is_some() || self.end && self.data.is_empty() {
                self.pipe = None;
            }
        }
        if self.pipe.is_none() {
            taken += self.data.discard();
        }
        give_credit(self.stream, taken, messages);
    }
}
