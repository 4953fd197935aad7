//! A pseudoterminal: what its two ends share.

use super::SignalSink;
use super::line_discipline::LineDiscipline;
use crate::abi::Pid;
use crate::abi::poll::PollEvents;
use crate::abi::signal::Signal;
use crate::abi::stat::Timespec;
use crate::abi::termios::{
    LocalFlags, TcflowAction, TcflushQueue, TcsetAction, Termios, VMIN, VSTART, VSTOP, VTIME,
    Winsize,
};
use crate::clock::Clock;
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::wait_queue::WaitQueue;
use core::fmt;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Typed bytes that wait for room in the line discipline.
const BACKLOG_CAPACITY: usize = 64 << 10;

/// A pseudoterminal.
///
/// # Locking
/// One mutex over everything. Signals and wakers run after it is released.
pub struct Pty {
    index: usize,
    uid: u32,
    created: Timespec,
    pub(super) clock: Arc<dyn Clock>,
    sink: Weak<dyn SignalSink>,
    pub(super) state: Mutex<State>,
    /// Those who wait for something to read on the slave.
    pub(super) slave_readers: WaitQueue,
    /// Those who wait for room for what they write to the slave.
    pub(super) slave_writers: WaitQueue,
    /// Those who wait for something to read on the master.
    pub(super) master_readers: WaitQueue,
    /// Those who wait for room for what they type.
    pub(super) master_writers: WaitQueue,
    _slot: Slot,
}

/// What changes.
#[derive(Default)]
pub(super) struct State {
    pub line: LineDiscipline,
    backlog: VecDeque<u8>,
    winsize: Winsize,
    slaves: usize,
    /// Whether the slave has been open; a master then reads that it is gone, before that it waits.
    slave_was_open: bool,
    /// The master is closed: programs read the end of the file and get `EIO` for everything else.
    pub hung_up: bool,
    locked: bool,
    session: Option<Pid>,
    foreground: Option<Pid>,
    /// When the waiting read began, or the last byte came (`VTIME`).
    pub read_since: Option<Timespec>,
}

impl Pty {
    pub(super) fn new(
        index: usize,
        uid: u32,
        clock: Arc<dyn Clock>,
        sink: Weak<dyn SignalSink>,
        slot: Slot,
    ) -> Arc<Pty> {
        let state = State {
            locked: true,
            ..State::default()
        };
        Arc::new(Pty {
            index,
            uid,
            created: clock.realtime(),
            clock,
            sink,
            state: Mutex::new(state),
            slave_readers: WaitQueue::new(),
            slave_writers: WaitQueue::new(),
            master_readers: WaitQueue::new(),
            master_writers: WaitQueue::new(),
            _slot: slot,
        })
    }

    /// Number in `/dev/pts`.
    pub fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    pub(crate) fn created(&self) -> Timespec {
        self.created
    }

    /// Device number as `makedev(3)` encodes it.
    pub(crate) fn device(&self) -> u64 {
        0x8800 | self.index as u64
    }

    /// Whether the master is closed.
    pub fn is_hung_up(&self) -> bool {
        self.state.lock().hung_up
    }

    /// Session that this is the controlling terminal of.
    pub fn session(&self) -> Option<Pid> {
        self.state.lock().session
    }

    /// Foreground process group.
    pub fn foreground(&self) -> Option<Pid> {
        self.state.lock().foreground
    }

    pub(crate) fn set_foreground(&self, group: Pid) {
        self.state.lock().foreground = Some(group);
    }

    /// Makes this the controlling terminal of a session, unless it is another's.
    pub(crate) fn acquire_session(&self, sid: Pid, group: Pid) -> bool {
        let mut state = self.state.lock();
        if state.session.is_some_and(|session| session != sid) || state.hung_up {
            return false;
        }
        if state.session.is_none() {
            state.session = Some(sid);
            state.foreground = Some(group);
        }
        true
    }

    /// Parts from the session and tells its foreground group.
    pub(crate) fn release_session(&self) -> Option<Pid> {
        let mut state = self.state.lock();
        state.session = None;
        state.foreground.take()
    }

    /// Lets the slave be opened (`unlockpt(3)`).
    pub fn unlock(&self) {
        self.state.lock().locked = false;
    }

    /// Settings.
    pub fn termios(&self) -> Termios {
        self.state.lock().line.termios
    }

    /// Changes the settings.
    pub fn set_termios(&self, termios: Termios, action: TcsetAction) {
        let mut state = self.state.lock();
        if action == TcsetAction::TCSAFLUSH {
            state.flush_input();
        }
        state.line.set_termios(termios);
        let signals = state.pump();
        drop(state);
        self.after_input(signals);
        self.slave_writers.wake_all();
    }

    /// Size of the window.
    pub fn winsize(&self) -> Winsize {
        self.state.lock().winsize
    }

    /// Changes the size of the window; the foreground group gets `SIGWINCH` if it is another.
    pub fn set_winsize(&self, winsize: Winsize) {
        let foreground = {
            let mut state = self.state.lock();
            if state.winsize == winsize {
                return;
            }
            state.winsize = winsize;
            state.foreground
        };
        self.signal_foreground(foreground, [Signal::SIGWINCH]);
    }

    pub(crate) fn tostop(&self) -> bool {
        let state = self.state.lock();
        state.line.termios.lflag.contains(LocalFlags::TOSTOP)
    }

    /// Implements `tcflush(3)`.
    pub(crate) fn flush(&self, queue: TcflushQueue) {
        if queue == TcflushQueue::TCOFLUSH {
            return;
        }
        self.state.lock().flush_input();
        self.master_writers.wake_all();
    }

    /// Implements `tcflow(3)`.
    pub(crate) fn flow(&self, action: TcflowAction) {
        let mut state = self.state.lock();
        match action {
            TcflowAction::TCOOFF => state.line.output.stop_by_call(),
            TcflowAction::TCOON => {
                let termios = state.line.termios;
                state.line.output.start_by_call(&termios);
            }
            TcflowAction::TCIOFF => state.send(VSTOP),
            TcflowAction::TCION => state.send(VSTART),
        }
        drop(state);
        self.slave_writers.wake_all();
        self.master_readers.wake_all();
    }

    pub(super) fn open_slave(&self) -> Result<()> {
        let mut state = self.state.lock();
        if state.hung_up || state.locked {
            return Err(Errno::EIO);
        }
        state.slaves += 1;
        state.slave_was_open = true;
        Ok(())
    }

    pub(super) fn close_slave(&self) {
        let last = {
            let mut state = self.state.lock();
            state.slaves -= 1;
            state.slaves == 0
        };
        if last {
            self.master_readers.wake_all();
            self.master_writers.wake_all();
        }
    }

    /// Hangs up: the leader of the session gets `SIGHUP` and `SIGCONT`.
    pub(super) fn close_master(&self) {
        let session = {
            let mut state = self.state.lock();
            state.hung_up = true;
            state.session
        };
        self.slave_readers.wake_all();
        self.slave_writers.wake_all();
        if let (Some(leader), Some(sink)) = (session, self.sink.upgrade()) {
            sink.signal_process(leader, Signal::SIGHUP);
            sink.signal_process(leader, Signal::SIGCONT);
        }
    }

    pub(super) fn read_master(&self, buf: &mut [u8]) -> Result<usize> {
        let mut state = self.state.lock();
        let count = state.line.output.read(buf);
        let gone = state.slaves == 0 && state.slave_was_open;
        drop(state);
        match count {
            0 if buf.is_empty() => Ok(0),
            0 if gone => Err(Errno::EIO),
            0 => Err(Errno::EAGAIN),
            count => {
                self.slave_writers.wake_all();
                Ok(count)
            }
        }
    }

    /// Types.
    pub(super) fn write_master(&self, buf: &[u8]) -> Result<usize> {
        let mut state = self.state.lock();
        let count = buf.len().min(BACKLOG_CAPACITY - state.backlog.len());
        if count == 0 && !buf.is_empty() {
            return Err(Errno::EAGAIN);
        }
        state.backlog.extend(&buf[..count]);
        let signals = state.pump();
        if state.read_since.is_some() {
            state.read_since = Some(self.clock.monotonic());
        }
        drop(state);
        self.after_input(signals);
        Ok(count)
    }

    fn after_input(&self, signals: Vec<Signal>) {
        self.slave_readers.wake_all();
        self.slave_writers.wake_all();
        self.master_readers.wake_all();
        self.master_writers.wake_all();
        if !signals.is_empty() {
            self.signal_foreground(self.foreground(), signals);
        }
    }

    fn signal_foreground(&self, group: Option<Pid>, signals: impl IntoIterator<Item = Signal>) {
        if let (Some(group), Some(sink)) = (group, self.sink.upgrade()) {
            for signal in signals {
                sink.signal_group(group, signal);
            }
        }
    }

    pub(super) fn master_readiness(&self) -> PollEvents {
        let state = self.state.lock();
        let mut ready = PollEvents::empty();
        if state.line.output.len() > 0 {
            ready |= PollEvents::POLLIN;
        }
        if state.backlog.len() < BACKLOG_CAPACITY {
            ready |= PollEvents::POLLOUT;
        }
        if state.slaves == 0 && state.slave_was_open {
            ready |= PollEvents::POLLHUP;
        }
        ready
    }

    /// Reads what there is, without waiting for `VMIN` bytes.
    pub(super) fn read_slave(&self, buf: &mut [u8]) -> Result<usize> {
        let mut state = self.state.lock();
        if state.hung_up || buf.is_empty() {
            return Ok(0);
        }
        let line = &mut state.line;
        if line.input.available(&line.termios) == 0 {
            let polls = line.termios.cc[VMIN] == 0 && line.termios.cc[VTIME] == 0;
            return if polls && !line.termios.canonical() {
                Ok(0)
            } else {
                Err(Errno::EAGAIN)
            };
        }
        let count = line.input.read(buf, &line.termios);
        let signals = state.pump();
        drop(state);
        self.master_writers.wake_all();
        if !signals.is_empty() {
            self.after_input(signals);
        }
        Ok(count)
    }

    pub(super) fn write_slave(&self, buf: &[u8]) -> Result<usize> {
        let mut state = self.state.lock();
        if state.hung_up {
            return Err(Errno::EIO);
        }
        let termios = state.line.termios;
        let count = state.line.output.write(buf, &termios);
        drop(state);
        if count == 0 && !buf.is_empty() {
            return Err(Errno::EAGAIN);
        }
        self.master_readers.wake_all();
        Ok(count)
    }

    pub(super) fn slave_readiness(&self) -> PollEvents {
        let state = self.state.lock();
        let mut ready = PollEvents::empty();
        if state.hung_up {
            return PollEvents::POLLIN
                | PollEvents::POLLOUT
                | PollEvents::POLLERR
                | PollEvents::POLLHUP;
        }
        if state.has_input(usize::MAX) {
            ready |= PollEvents::POLLIN;
        }
        if state.line.output.has_room() {
            ready |= PollEvents::POLLOUT;
        }
        ready
    }
}

impl State {
    fn flush_input(&mut self) {
        self.line.input.clear();
        self.backlog.clear();
    }

    /// Gives typed bytes to the line discipline as long as it takes them.
    fn pump(&mut self) -> Vec<Signal> {
        let mut signals = Vec::new();
        while self.line.input.room(&self.line.termios) > 0 {
            let Some(byte) = self.backlog.pop_front() else {
                break;
            };
            signals.extend(self.line.receive(byte));
        }
        self.line.output.show_echo(&self.line.termios);
        signals
    }

    fn send(&mut self, index: usize) {
        let byte = self.line.termios.cc[index];
        if byte != 0 {
            self.line.output.echo_unprocessed(byte);
            self.line.output.show_echo(&self.line.termios);
        }
    }
}

impl fmt::Debug for Pty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pty")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}
