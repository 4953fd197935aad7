//! The turns of a process's reader, its end, and what is due.

use std::time::{Duration, Instant};

use secure_exec_protocol::{TurnState, VmFrame, ladder};

use crate::core::{Core, VmKey};
use crate::process::{ProcessId, Stage, VmProcess};
use crate::timer::Due;

/// Bytes of events that may wait for the embedder before the process of their VM is not read any more.
const MOST_EVENTS: usize = 4 << 20;
/// Where reading goes on.
const FEW_EVENTS: usize = 1 << 20;

/// What the reader of a process does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The time for this portion is over: the rest of the frames.
    Portion,
    /// Another turn, once there is something to read.
    Read,
    /// Nothing until the process is among `Core::resumed`.
    Pause,
    /// The connection is over.
    Stop,
}

impl Core {
    /// Applies frames of one turn, as many as the time allows, and then where the turn ended.
    pub(crate) fn take_turn(
        &mut self,
        id: ProcessId,
        frames: &mut std::vec::IntoIter<VmFrame>,
        state: &TurnState,
        portion: Duration,
    ) -> Next {
        let begun = Instant::now();
        if frames.len() > 0
            && let Some(process) = self.processes.get_mut(&id)
        {
            self.timers.give_up(process.deadlines.frame.take());
        }
        while let Some(frame) = frames.next() {
            if !self.hears(id) {
                return Next::Stop;
            }
            if let Err(rule) = self.take_frame(id, frame) {
                self.violation(id, rule);
                return Next::Stop;
            }
            if frames.len() > 0 && begun.elapsed() >= portion {
                return Next::Portion;
            }
        }
        self.end_turn(id, state)
    }

    fn end_turn(&mut self, id: ProcessId, state: &TurnState) -> Next {
        if !self.hears(id) {
            return Next::Stop;
        }
        match state {
            TurnState::Garbage(error) => {
                self.violation(id, &error.to_string());
                return Next::Stop;
            }
            TurnState::End => {
                self.socket_closed(id);
                return Next::Stop;
            }
            TurnState::Drained { inside: true } => self.expect_frame(id),
            TurnState::Drained { inside: false } | TurnState::More => {}
        }
        self.pause_if_behind(id)
    }

    /// Whether anything that a process says still counts.
    fn hears(&self, id: ProcessId) -> bool {
        self.processes.get(&id).is_some_and(|process| {
            !process.closed && !matches!(process.stage, Stage::Ending { .. })
        })
    }

    /// A frame has begun: it must end.
    fn expect_frame(&mut self, id: ProcessId) {
        let waits = |process: &VmProcess| process.deadlines.frame.is_some();
        if self.processes.get(&id).is_none_or(waits) {
            return;
        }
        let patience = self.wait_for(Due::Frame(id));
        if let Some(process) = self.processes.get_mut(&id) {
            process.deadlines.frame = Some(patience);
        }
    }

    /// Stops reading a process whose events the embedder does not take.
    fn pause_if_behind(&mut self, id: ProcessId) -> Next {
        if self.backlog(id) < MOST_EVENTS {
            return Next::Read;
        }
        if let Some(process) = self.processes.get_mut(&id) {
            process.paused = true;
            process.wait_for_frames(&self.poller, id, false);
        }
        Next::Pause
    }

    /// The embedder has taken events of a VM.
    pub(crate) fn resume(&mut self, vm_key: VmKey) {
        let Some(id) = self.vms.get(&vm_key).and_then(|vm| Some(vm.place?.process)) else {
            return;
        };
        let behind = self.backlog(id) > FEW_EVENTS;
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        if process.paused && !behind {
            process.paused = false;
            process.wait_for_frames(&self.poller, id, true);
            self.resumed.push(id);
            self.wake_poller();
        }
    }

    /// The most that one of its VMs has not been taken of.
    fn backlog(&self, id: ProcessId) -> usize {
        let Some(process) = self.processes.get(&id) else {
            return 0;
        };
        let vms = process.vms.values().filter_map(|vm| self.vms.get(vm));
        vms.map(|vm| vm.sink.backlog()).max().unwrap_or(0)
    }

    /// The socket takes more.
    pub(crate) fn writable(&mut self, id: ProcessId) {
        if let Some(process) = self.processes.get_mut(&id) {
            process.writer.flush();
            self.watch_writing(id);
        }
    }

    fn socket_closed(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.close(&self.poller);
        if process.child.is_none() {
            return self.gone(id, "the server thread ended");
        }
        // Its end tells why; it is usually a moment away.
        let timer = self.arm(ladder::EXIT, Due::End(id));
        if let Some(process) = self.processes.get_mut(&id) {
            process.deadlines.end = Some(timer);
        }
    }

    /// How a child has ended, if it has.
    pub(crate) fn reap(&mut self, id: ProcessId) -> Option<String> {
        self.processes.get_mut(&id)?.child.as_mut()?.try_wait()
    }

    /// Does what is due; false if that was nothing.
    pub(crate) fn run_due(&mut self) -> bool {
        let mut some = false;
        while let Some(due) = self.timers.take_due() {
            self.due(due);
            some = true;
        }
        some
    }

    fn due(&mut self, due: Due) {
        match due {
            Due::Overdue { vm, call } => self.overdue(vm, call),
            Due::Closing { vm, call } => self.not_closed(vm, call),
            Due::Answer(vm) => self.unanswered(vm),
            Due::Hello(id) | Due::Frame(id) | Due::Stuck(id) => self.asleep_on(id, due),
            Due::End(id) => self.end(id, "it closed its socket"),
            Due::Cpu(id) => self.look_at_cpu(id),
            Due::Export(id) => {
                let Some(process) = self.processes.get(&id) else {
                    return;
                };
                for vm in process.vms.values().copied().collect::<Vec<_>>() {
                    self.export_failed(vm);
                }
                self.end(id, "it was given up");
            }
        }
    }

    /// A process has not done what it does at once.
    fn asleep_on(&mut self, id: ProcessId, due: Due) {
        let deadline = |process: &mut VmProcess| match due {
            Due::Hello(_) => process.deadlines.hello.take(),
            Due::Frame(_) => process.deadlines.frame.take(),
            _ => process.deadlines.stuck.take(),
        };
        let Some(patience) = self.processes.get_mut(&id).and_then(deadline) else {
            return;
        };
        let Some(longer) = self.wait_longer(id, patience, due) else {
            return match due {
                Due::Hello(_) => self.fault(id, "it did not say that it is ready"),
                Due::Frame(_) => self.violation(id, "a frame without its end"),
                _ => self.fault(id, "it does not read its socket"),
            };
        };
        if let Some(process) = self.processes.get_mut(&id) {
            match due {
                Due::Hello(_) => process.deadlines.hello = Some(longer),
                Due::Frame(_) => process.deadlines.frame = Some(longer),
                _ => process.deadlines.stuck = Some(longer),
            }
        }
    }
}
