//! Calls of tools that a VM has made, counted on this side.

use std::collections::{HashMap, VecDeque};

use secure_exec_protocol::VmLimits;

use crate::event::{Event, Sink};

/// The calls of one VM that run. The embedder knows them by numbers of ours, which are never used twice.
#[derive(Debug, Default)]
pub(crate) struct ToolCalls {
    /// By the VM's number.
    running: HashMap<u64, Running>,
    /// The VM's number, by ours.
    by_number: HashMap<u64, u64>,
    /// Answers on their way: each counts until the socket has taken it.
    answered: VecDeque<Answered>,
    /// Bytes of the inputs of all these.
    bytes: u64,
    made: u64,
    cancelled: u64,
    last: u64,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    number: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Answered {
    /// What the socket has taken when it has taken this.
    position: u64,
    bytes: u64,
}

impl ToolCalls {
    /// Begins a call and gives it a number. `taken` is what the socket has taken so far.
    ///
    /// # Errors
    /// The rule that the call breaks. A VM that keeps its own limits breaks none.
    pub(crate) fn begin(
        &mut self,
        id: u64,
        bytes: usize,
        limits: &VmLimits,
        taken: u64,
    ) -> Result<u64, &'static str> {
        while let Some(first) = self.answered.front()
            && first.position <= taken
        {
            self.bytes -= first.bytes;
            self.answered.pop_front();
        }
        let bytes = bytes as u64;
        let count = (self.running.len() + self.answered.len()) as u64;
        if bytes > limits.tool_payload_bytes {
            return Err("the input of a tool is over limits.tools.maxPayloadBytes");
        }
        if self.running.contains_key(&id) {
            return Err("a call of a tool has the number of one that runs");
        }
        if count >= limits.tools_pending {
            return Err("more calls of tools than limits.tools.maxPending");
        }
        if count > 0 && self.bytes + bytes > limits.tools_pending_bytes {
            return Err("inputs of tools over limits.tools.maxPendingBytes");
        }
        self.last += 1;
        self.made += 1;
        self.bytes += bytes;
        let number = self.last;
        self.running.insert(id, Running { number, bytes });
        self.by_number.insert(number, id);
        Ok(number)
    }

    /// The VM does not wait for a call any more: our number, if it still runs. It may have been answered meanwhile.
    ///
    /// # Errors
    /// More calls were given up than made.
    pub(crate) fn cancel(&mut self, id: u64) -> Result<Option<u64>, &'static str> {
        self.cancelled += 1;
        if self.cancelled > self.made {
            return Err("a call of a tool ends that was never made");
        }
        Ok(self.running.get(&id).map(|running| running.number))
    }

    /// The embedder answers: the VM's number, if it waits for that answer.
    pub(crate) fn number(&self, number: u64) -> Option<u64> {
        self.by_number.get(&number).copied()
    }

    /// An answer was given to the socket.
    pub(crate) fn answered(&mut self, number: u64, position: u64) {
        let Some(id) = self.by_number.remove(&number) else {
            return;
        };
        if let Some(Running { bytes, .. }) = self.running.remove(&id) {
            self.answered.push_back(Answered { position, bytes });
        }
    }

    /// The process is gone: nobody waits for the calls that run.
    pub(crate) fn forget(&mut self, sink: &dyn Sink) {
        for (id, _) in self.by_number.drain() {
            sink.event(Event::ToolCancelled { id });
        }
        *self = ToolCalls {
            last: self.last,
            ..ToolCalls::default()
        };
    }
}
