//! A call that its VM process has not answered: what may come for it, and how much.

use std::sync::Arc;
use std::time::Duration;

use secure_exec_protocol::bounds::MAX_OUTPUT;
use secure_exec_protocol::{
    CONTROL_IN, CONTROL_OUT, CallId, Exit, HostMessage, Program, STDERR, STDIN, STDOUT,
    STREAM_WINDOW, Stdin, Stream, ValueCost,
};

use crate::connection::ConnectionCall;
use crate::reading::Reading;
use crate::rules::Warned;
use crate::segment::FileSnapshot;
use crate::timer::TimerId;

/// What was broken, in words.
pub(crate) type Rule = &'static str;

/// Credit is given back in pieces of this size, not for every byte.
const CREDIT_PIECE: u32 = credit_piece(STREAM_WINDOW);

/// A quarter of a window.
#[expect(
    clippy::cast_possible_truncation,
    reason = "of a window, which is a constant of some hundred thousand"
)]
pub(crate) const fn credit_piece(window: usize) -> u32 {
    (window / 4) as u32
}

/// A call, and what its answer must be.
#[derive(Debug)]
pub(crate) enum Call {
    Program(Box<ProgramCall>),
    /// A connection to a listener.
    Connection(Box<ConnectionCall>),
    /// A file method that gives nothing but success.
    Done,
    /// Part of a file or of a directory.
    Read(Reading),
    Stat,
    Exists,
    Resources,
    Processes,
    /// Files at one moment, and their memory.
    Capture,
    Fill(Box<FileSnapshot>),
    /// Those in place of others.
    Restore(Arc<FileSnapshot>),
    /// One more mount, by its number.
    Mount(u32),
    /// One less.
    Unmount(u32),
    /// One of several frames of a file method; the last one settles it.
    Part {
        whole: CallId,
    },
    /// Part of preparing a VM, of so many bytes.
    Setup {
        step: SetupAnswer,
        bytes: usize,
    },
    /// A piece of the filesystem.
    Export,
    /// The destruction.
    Destroy {
        overdue: TimerId,
    },
    /// Settled without its answer, which is still to come.
    Over,
}

/// The answer to a step of the preparation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetupAnswer {
    Created,
    Done,
    Imported,
}

impl Call {
    /// Whether the VM answers it at once, before it reads the next request. File methods of one that is `mounted` may have
    /// to wait for the host.
    pub(crate) fn is_prompt(&self, mounted: bool) -> bool {
        match self {
            Call::Done
            | Call::Read(_)
            | Call::Stat
            | Call::Exists
            | Call::Part { .. }
            | Call::Over => !mounted,
            Call::Program(program) => program.owes_start,
            // A listener may have no room; a mount may have to be looked at.
            Call::Connection(_) | Call::Mount(_) | Call::Unmount(_) => false,
            _ => true,
        }
    }
}

/// A program that runs, and the flow of its streams.
#[derive(Debug)]
pub(crate) struct ProgramCall {
    pub(crate) timeout: Option<Duration>,
    /// The deadline of its end, once it has one.
    pub(crate) overdue: Option<TimerId>,
    /// `Started` is still to come.
    owes_start: bool,
    terminal: bool,
    control: bool,
    returns: bool,
    stdout: Flow,
    stderr: Flow,
    control_out: Flow,
    /// Bytes of input that the guest has not taken.
    stdin: u64,
    control_in: u64,
    value: Vec<u8>,
    cost: ValueCost,
    /// Output came beyond the window: nothing but the end may follow.
    last_words: bool,
    /// It was settled because it did not end in time.
    pub(crate) over: bool,
    pub(crate) warned: Warned,
}

/// An output stream.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    /// Bytes that came and that the VM has no credit for yet.
    outstanding: usize,
    /// Bytes of them that the embedder took.
    owed: u32,
}

impl ProgramCall {
    pub(crate) fn new(program: &Program) -> ProgramCall {
        let stdin = match &program.stdin {
            Stdin::Whole(data) => data.len() as u64,
            Stdin::Stream => 0,
        };
        ProgramCall {
            timeout: program.timeout_ms.map(Duration::from_millis),
            overdue: None,
            owes_start: program.announce,
            terminal: program.terminal.is_some(),
            control: program.control,
            returns: program.returns,
            stdout: Flow::default(),
            stderr: Flow::default(),
            control_out: Flow::default(),
            // A terminal is told of the end by a character.
            stdin: stdin + u64::from(matches!(program.stdin, Stdin::Whole(_))),
            control_in: 0,
            value: Vec::new(),
            cost: ValueCost::default(),
            last_words: false,
            over: false,
            warned: Warned::default(),
        }
    }

    /// It runs.
    pub(crate) fn start(&mut self, pid: i32) -> Result<(), Rule> {
        if pid <= 0 {
            return Err("a process has no such number");
        }
        if !std::mem::replace(&mut self.owes_start, false) {
            return Err("a program starts that was not to be announced, or twice");
        }
        Ok(())
    }

    /// Bytes of output came.
    pub(crate) fn output(&mut self, stream: Stream, bytes: usize) -> Result<(), Rule> {
        if bytes == 0 || bytes > MAX_OUTPUT {
            return Err("a piece of output is empty or too long");
        }
        if self.owes_start || self.last_words {
            return Err("output outside of a program's life");
        }
        let control = stream == CONTROL_OUT;
        let flow = self.flow(stream).ok_or("output of a stream that is none")?;
        flow.outstanding += bytes;
        if flow.outstanding > STREAM_WINDOW {
            // What the control pipe of a dead program still held comes right before its end.
            if !control {
                return Err("output without credit");
            }
            self.last_words = true;
        }
        Ok(())
    }

    fn flow(&mut self, stream: Stream) -> Option<&mut Flow> {
        match stream {
            STDOUT => Some(&mut self.stdout),
            STDERR if !self.terminal => Some(&mut self.stderr),
            CONTROL_OUT if self.control => Some(&mut self.control_out),
            _ => None,
        }
    }

    /// The embedder took bytes of output: what is to be given back to the VM now.
    pub(crate) fn credit(&mut self, stream: Stream, bytes: u32) -> Option<HostMessage> {
        let flow = self.flow(stream)?;
        flow.owed = flow.owed.saturating_add(bytes);
        if flow.owed < CREDIT_PIECE {
            return None;
        }
        let bytes = std::mem::take(&mut flow.owed);
        flow.outstanding = flow.outstanding.saturating_sub(bytes as usize);
        Some(HostMessage::Credit { stream, bytes })
    }

    /// Input is on its way.
    pub(crate) fn input(&mut self, stream: Stream, bytes: usize, end: bool) {
        // The end of a terminal's input is a character.
        let bytes = bytes as u64 + u64::from(end);
        match stream {
            STDIN => self.stdin += bytes,
            CONTROL_IN => self.control_in += bytes,
            _ => {}
        }
    }

    /// The guest took input.
    pub(crate) fn input_taken(&mut self, stream: Stream, bytes: u32) -> Result<(), Rule> {
        let under_way = match stream {
            STDIN => &mut self.stdin,
            CONTROL_IN if self.control => &mut self.control_in,
            _ => return Err("input of a stream that is none"),
        };
        if bytes == 0 || u64::from(bytes) > *under_way {
            return Err("more input was taken than was given");
        }
        *under_way -= u64::from(bytes);
        Ok(())
    }

    /// A piece of its value came.
    pub(crate) fn value(&mut self, piece: &[u8], bound: u64) -> Result<(), Rule> {
        if piece.is_empty() || !self.returns {
            return Err("a value that nobody waits for");
        }
        self.cost.add(piece);
        if self.cost.total() > bound {
            return Err("a value over limits.jsRuntime.returnValueLimitBytes");
        }
        self.value.extend_from_slice(piece);
        Ok(())
    }

    /// It ended: checks what is said of it and puts its value together.
    pub(crate) fn end(&mut self, exit: &mut Exit, bound: u64) -> Result<(), Rule> {
        if !(0..=255).contains(&exit.code) || exit.signal > 64 {
            return Err("an exit status that is none");
        }
        if exit.stdout.len() > MAX_OUTPUT || exit.stderr.len() > MAX_OUTPUT {
            return Err("a piece of output is too long");
        }
        match exit.value.take() {
            Some(rest) => {
                if !rest.is_empty() {
                    self.value(&rest, bound)?;
                }
                exit.value = Some(std::mem::take(&mut self.value));
            }
            None if !self.value.is_empty() => return Err("a value without its end"),
            None => {}
        }
        Ok(())
    }
}
