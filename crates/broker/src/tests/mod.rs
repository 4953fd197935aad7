//! The broker against peers that do what VM processes never do, over socketpairs and a virtual clock.

mod captures;
mod connections;
mod cpu;
mod deadlines;
mod flow;
mod lifecycle;
mod lock;
mod neighbours;
mod protocol;

use std::time::Duration;

use secure_exec_protocol::{CallId, Exit, HostFrame, HostMessage, Program, VmConfig, VmMessage};

use crate::event::{Event, VmError};
use crate::harness::{Harness, Machine, Peer, program};

/// A VM that serves, and a program that runs in it.
struct Running {
    harness: Harness,
    machine: Machine,
    peer: Peer,
    call: CallId,
}

impl Running {
    fn new() -> Running {
        Running::with(VmConfig::default(), program())
    }

    fn with(config: VmConfig, program: Program) -> Running {
        let mut harness = Harness::new();
        let (machine, mut peer) = harness.serving(config);
        let call = machine.spawn(program);
        harness.settle();
        let heard = peer.hear();
        let spawned = |frame: &HostFrame| matches!(frame.message, HostMessage::Spawn(_));
        assert!(heard.iter().any(spawned), "{heard:?}");
        Running {
            harness,
            machine,
            peer,
            call,
        }
    }

    /// Says something about the program.
    fn say(&mut self, message: VmMessage) {
        self.harness.deliver(&mut self.peer, 1, self.call, message);
    }

    /// Why the program's call failed.
    fn why(&mut self) -> String {
        why(self.machine.failure_of(self.call))
    }

    fn assert_runs(&mut self) {
        let events = self.machine.events();
        let failed = |event: &Event| matches!(event, Event::Failed { .. });
        assert!(!events.iter().any(failed), "{events:?}");
        assert!(!self.peer.is_killed());
    }
}

fn why(error: Option<VmError>) -> String {
    let error = error.expect("the call failed");
    assert_eq!(error.code, "ERR_VM_CRASHED", "{error:?}");
    error.why.unwrap_or_default()
}

fn exited(code: i32) -> VmMessage {
    VmMessage::Exited(Box::new(Exit {
        code,
        ..Exit::default()
    }))
}

fn output(stream: u8, bytes: usize) -> VmMessage {
    VmMessage::Output {
        stream,
        data: vec![b'x'; bytes],
    }
}

const SECOND: Duration = Duration::from_secs(1);
