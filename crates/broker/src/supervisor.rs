//! The thread that reads what VM processes say, outside of the lock, and hands it to the state machine in portions.
//!
//! Each process has a reader of its own, with a budget of bytes and time for each turn. A process that has more to say
//! than that waits until the others had their turns, and the lock is free between two portions.

use std::collections::HashMap;
use std::io;
use std::sync::Weak;
use std::time::{Duration, Instant};

use secure_exec_protocol::{FrameReader, ReadBudget, Turn, TurnState, VmFrame};

use crate::broker::Broker;
use crate::core::Core;
use crate::poller::{Poller, Ready};
use crate::process::ProcessId;
use crate::shared::Shared;
use crate::turns::Next;

/// What one process may take of one turn.
const TURN: ReadBudget = ReadBudget {
    bytes: 256 << 10,
    time: Duration::from_millis(1),
};
/// How long frames are applied before the lock is let go.
const PORTION: Duration = Duration::from_micros(500);
/// What is read of a process that has ended: as much as a socket holds, several times over. Its socket may be in the
/// hands of a child that goes on.
const LAST_BYTES: usize = 1 << 20;
const LAST_TIME: Duration = Duration::from_millis(20);

/// Starts the thread.
///
/// # Errors
/// There is no thread to be had.
pub(crate) fn start(broker: Weak<Broker>) -> io::Result<()> {
    std::thread::Builder::new()
        .name("secure-exec-poll".into())
        .spawn(move || run(&broker))?;
    Ok(())
}

fn run(broker: &Weak<Broker>) {
    let mut supervisor = Supervisor::default();
    while let Some(broker) = broker.upgrade() {
        supervisor.turn(&broker.shared, &broker.poller, None);
    }
}

/// The readers of all processes.
#[derive(Default)]
pub(crate) struct Supervisor {
    readers: HashMap<ProcessId, FrameReader<VmFrame>>,
    /// Those whose last turn did not take all that there was: their sockets do not tell of what they have read.
    unfinished: Vec<ProcessId>,
}

impl Supervisor {
    /// Waits and does what there is to do, once; false if that was nothing. `longest` bounds the wait.
    pub(crate) fn turn(
        &mut self,
        shared: &Shared,
        poller: &Poller,
        longest: Option<Duration>,
    ) -> bool {
        let until = shared.with(|core| core.fall_asleep());
        let timeout = match (until, longest) {
            _ if !self.unfinished.is_empty() => Some(Duration::ZERO),
            (Some(until), Some(longest)) => Some(until.min(longest)),
            (until, longest) => until.or(longest),
        };
        let ready = poller.wait(timeout);
        shared.with(|core| self.begin(core));
        let unfinished = std::mem::take(&mut self.unfinished);
        let mut busy = !unfinished.is_empty() || !ready.is_empty();
        for id in unfinished {
            self.serve(shared, id);
        }
        for ready in ready {
            match ready {
                Ready::Socket(id, readiness) => {
                    if readiness.room {
                        shared.with(|core| core.writable(id));
                    }
                    if readiness.frames {
                        self.serve(shared, id);
                    }
                }
                Ready::Child(id) => self.bury(shared, id),
            }
        }
        busy |= shared.with(|core| core.run_due());
        busy
    }

    /// Takes over the readers of new processes, and hears of those that go on and that are gone.
    fn begin(&mut self, core: &mut Core) {
        core.asleep = None;
        self.readers.extend(core.arrivals.drain(..));
        for id in core.departed.drain(..) {
            self.readers.remove(&id);
        }
        self.unfinished.append(&mut core.resumed);
    }

    /// One turn of one process.
    fn serve(&mut self, shared: &Shared, id: ProcessId) {
        let Some(reader) = self.readers.get_mut(&id) else {
            return;
        };
        let turn = reader.turn(TURN);
        let more = turn.state == TurnState::More;
        match apply(shared, id, turn) {
            Next::Stop => {
                self.readers.remove(&id);
            }
            // It goes on when the embedder has caught up.
            Next::Pause => {}
            Next::Portion | Next::Read => {
                if more && !self.unfinished.contains(&id) {
                    self.unfinished.push(id);
                }
            }
        }
    }

    /// A child has ended: what it said before counts.
    fn bury(&mut self, shared: &Shared, id: ProcessId) {
        let Some(how) = shared.with(|core| core.reap(id)) else {
            return;
        };
        if let Some(mut reader) = self.readers.remove(&id) {
            let begun = Instant::now();
            let mut left = LAST_BYTES;
            while left > 0 && begun.elapsed() < LAST_TIME {
                let turn = reader.turn(TURN);
                left = left.saturating_sub(TURN.bytes);
                let more = turn.state == TurnState::More;
                if apply(shared, id, turn) == Next::Stop || !more {
                    break;
                }
            }
        }
        shared.with(|core| core.gone(id, &how));
    }
}

/// Applies the frames of a turn, with the lock free between portions.
fn apply(shared: &Shared, id: ProcessId, turn: Turn<VmFrame>) -> Next {
    let mut frames = turn.frames.into_iter();
    loop {
        let next = shared.with(|core| core.take_turn(id, &mut frames, &turn.state, PORTION));
        if next != Next::Portion {
            return next;
        }
    }
}
