//! Connections to listeners: what a VM process may say of them, and how much.

use std::net::{IpAddr, Ipv4Addr};

use secure_exec_protocol::connection::MAX_LISTENER_PATHS;
use secure_exec_protocol::{
    Answer, CONNECTION_WINDOW, CallId, Endpoint, HostMessage, Listener, ListenerAddress, Request,
    VmConfig, VmMessage,
};

use super::protocol::failed;
use super::{SECOND, why};
use crate::event::Event;
use crate::harness::{Harness, Machine, Peer};

/// A VM that serves, and a connection that was asked for.
struct Connecting {
    harness: Harness,
    machine: Machine,
    peer: Peer,
    call: CallId,
}

impl Connecting {
    fn new() -> Connecting {
        let mut harness = Harness::new();
        let (machine, mut peer) = harness.serving(VmConfig::default());
        let call = machine.connect(Endpoint::Port(80));
        harness.settle();
        let heard = peer.hear();
        let asked = HostMessage::Connect(Endpoint::Port(80));
        assert!(heard.iter().any(|frame| frame.message == asked));
        Connecting {
            harness,
            machine,
            peer,
            call,
        }
    }

    /// One that is there.
    fn connected() -> Connecting {
        let mut made = Connecting::new();
        made.say(VmMessage::Connected);
        let events = made.machine.events();
        assert!(
            matches!(events[..], [Event::Connected { .. }]),
            "{events:?}"
        );
        made
    }

    fn say(&mut self, message: VmMessage) {
        self.harness.deliver(&mut self.peer, 1, self.call, message);
    }

    fn hear(&mut self) -> Vec<HostMessage> {
        self.harness.settle();
        let heard = self.peer.hear().into_iter();
        heard.map(|frame| frame.message).collect()
    }

    fn why(&mut self) -> String {
        why(self.machine.failure_of(self.call))
    }
}

fn output(bytes: usize) -> VmMessage {
    super::output(1, bytes)
}

fn taken(bytes: u32) -> VmMessage {
    VmMessage::InputCredit { stream: 0, bytes }
}

#[test]
fn bytes_go_both_ways_and_each_half_ends_by_itself() {
    let mut made = Connecting::connected();
    made.machine.input(made.call, 0, b"GET".to_vec(), false);
    assert!(matches!(&made.hear()[..], [HostMessage::Input { data, .. }] if data == b"GET"));
    made.say(taken(3));
    made.say(output(5));
    made.say(VmMessage::OutputEnd);
    let events = made.machine.events();
    assert!(
        matches!(
            &events[..],
            [
                Event::InputCredit { bytes: 3, .. },
                Event::Output { .. },
                Event::OutputEnd { .. }
            ]
        ),
        "{events:?}"
    );
    made.machine.input(made.call, 0, Vec::new(), true);
    made.hear();
    made.say(VmMessage::Closed);
    assert!(matches!(made.machine.events()[..], [Event::Closed { .. }]));
    assert_eq!(made.harness.counts().calls, 0);
}

#[test]
fn a_connection_brings_as_much_as_its_credit() {
    let mut made = Connecting::connected();
    for _ in 0..4 {
        made.say(output(CONNECTION_WINDOW / 4));
    }
    let quarter = u32::try_from(CONNECTION_WINDOW / 4).expect("it fits");
    made.machine.credit(made.call, 1, quarter - 1);
    assert_eq!(made.hear(), [], "credit is given in pieces");
    made.machine.credit(made.call, 1, 1);
    let credit = HostMessage::Credit {
        stream: 1,
        bytes: quarter,
    };
    assert_eq!(made.hear(), [credit]);
    made.say(output(CONNECTION_WINDOW / 4));
    assert!(!made.peer.is_killed());
    made.say(output(1));
    assert_eq!(made.why(), "protocol violation: output without credit");
}

#[test]
fn what_no_connection_says_ends_the_process() {
    let early = [
        (output(1), "output outside of a connection's life"),
        (VmMessage::OutputEnd, "output ends that does not go on"),
        (taken(1), "input of a stream that is none"),
        (VmMessage::Closed, "a connection closes that goes on"),
        (VmMessage::Imported, "an answer of another kind"),
        (VmMessage::Started { pid: 2 }, "a message of no kind"),
        (failed("nonsense"), "a failure that is none"),
    ];
    for (said, rule) in early {
        let mut made = Connecting::new();
        made.say(said);
        assert_eq!(made.why(), format!("protocol violation: {rule}"));
    }
    let late = [
        (VmMessage::Connected, "a connection was made twice"),
        (output(0), "a piece of output is empty or too long"),
        (super::output(2, 1), "output of a stream that is none"),
        (taken(1), "more input was taken than was given"),
        (VmMessage::Closed, "a connection closes that goes on"),
        (super::exited(0), "an answer of another kind"),
    ];
    for (said, rule) in late {
        let mut made = Connecting::connected();
        made.say(said);
        assert_eq!(made.why(), format!("protocol violation: {rule}"));
    }
    let mut made = Connecting::connected();
    made.say(VmMessage::OutputEnd);
    made.say(output(1));
    let rule = "output outside of a connection's life";
    assert_eq!(made.why(), format!("protocol violation: {rule}"));
}

#[test]
fn a_connection_that_fails_is_told_once() {
    let mut made = Connecting::new();
    made.say(failed("ECONNREFUSED"));
    let error = made.machine.failure_of(made.call).expect("it failed");
    assert_eq!(error.code, "ECONNREFUSED");
    made.say(failed("ECONNREFUSED"));
    assert!(made.peer.is_killed());
}

#[test]
fn nothing_is_told_of_a_connection_that_was_let_go() {
    let mut made = Connecting::connected();
    made.machine.disconnect(made.call, true);
    assert_eq!(made.hear(), [HostMessage::Disconnect { reset: true }]);
    // It was on its way.
    made.say(output(10));
    made.say(VmMessage::Closed);
    assert!(made.machine.events().is_empty());
    made.machine.disconnect(made.call, true);
    assert_eq!(made.hear(), []);
    assert_eq!(made.harness.counts().calls, 0);
    made.harness.advance(SECOND * 60);
    assert!(!made.peer.is_killed());
}

#[test]
fn a_process_that_does_not_close_a_connection_is_given_up() {
    let mut made = Connecting::connected();
    let other = made.machine.resources();
    made.machine.disconnect(made.call, false);
    made.harness.settle();
    made.harness.deliver(
        &mut made.peer,
        1,
        other,
        VmMessage::Resources(Default::default()),
    );
    made.harness.advance(SECOND * 5);
    assert!(made.peer.is_killed());
    made.machine.dispose();
    made.harness.settle();
    assert_eq!(made.harness.counts().calls, 0);
}

#[test]
fn a_connection_ends_with_its_process_and_with_its_vm() {
    let mut made = Connecting::connected();
    made.peer.exit("signal SIGSEGV");
    made.harness.settle();
    let error = made.machine.failure_of(made.call).expect("it failed");
    assert_eq!(error.code, "ERR_VM_CRASHED");
    let mut made = Connecting::connected();
    made.machine.dispose();
    made.harness.settle();
    made.peer.answer_setup();
    made.harness.settle();
    let error = made.machine.failure_of(made.call).expect("it failed");
    assert_eq!(error.code, "ERR_VM_DISPOSED");
}

fn at_port(port: u16) -> Listener {
    Listener {
        pid: 2,
        address: ListenerAddress::Inet {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port,
        },
        is_awaited: true,
    }
}

fn at_path(path: &[u8]) -> Listener {
    Listener {
        pid: 2,
        address: ListenerAddress::Path(path.to_vec()),
        is_awaited: true,
    }
}

#[test]
fn listeners_are_told_and_gone_with_their_process() {
    let mut made = Connecting::new();
    let listeners = vec![at_port(80), at_path(b"/tmp/s")];
    let told = VmMessage::Listeners(listeners.clone());
    made.harness.deliver(&mut made.peer, 1, 0, told);
    assert_eq!(made.hear(), [HostMessage::ListenersTaken]);
    let events = made.machine.events();
    assert!(matches!(&events[..], [Event::Listeners(told)] if *told == listeners));
    made.peer.exit("signal SIGSEGV");
    made.harness.settle();
    let events = made.machine.events();
    let gone = |event: &Event| matches!(event, Event::Listeners(told) if told.is_empty());
    assert!(events.iter().any(gone), "{events:?}");
}

#[test]
fn listeners_that_are_none_end_the_process() {
    let long = vec![b'/'; MAX_LISTENER_PATHS + 1];
    for (listener, rule) in [
        (at_port(0), "a listener that is none"),
        (at_path(b"s"), "a listener that is none"),
        (at_path(&long), "paths of listeners that are too long"),
        (
            Listener {
                pid: 0,
                ..at_port(80)
            },
            "a listener that is none",
        ),
    ] {
        let mut made = Connecting::new();
        let told = VmMessage::Listeners(vec![listener]);
        made.harness.deliver(&mut made.peer, 1, 0, told);
        assert_eq!(made.why(), format!("protocol violation: {rule}"));
    }
}

/// A VM with a port of the host's, and what its process says.
fn sharing() -> (Harness, Machine, Peer) {
    let mut harness = Harness::new();
    let (machine, peer) = harness.serving(VmConfig {
        outbound_ports: vec![5432],
        ..VmConfig::default()
    });
    (harness, machine, peer)
}

fn asked(id: u64, port: u16) -> VmMessage {
    VmMessage::Request {
        id,
        request: Request::Connect { port },
    }
}

#[test]
fn a_connection_to_the_host_is_answered_once() {
    let (mut harness, machine, mut peer) = sharing();
    harness.deliver(&mut peer, 1, 0, asked(77, 5432));
    let [Event::Outbound { id, port: 5432 }] = machine.events()[..] else {
        panic!("it was not told");
    };
    let _call = machine.connect(Endpoint::Outbound(id));
    machine.refuse(id);
    harness.settle();
    let said: Vec<_> = peer.hear().into_iter().map(|frame| frame.message).collect();
    let connect = HostMessage::Connect(Endpoint::Outbound(77));
    assert_eq!(said.last(), Some(&connect), "{said:?}");
    harness.deliver(&mut peer, 1, 0, asked(78, 5432));
    let [Event::Outbound { id, .. }] = machine.events()[..] else {
        panic!("it was not told");
    };
    machine.refuse(id);
    harness.settle();
    let said: Vec<_> = peer.hear().into_iter().map(|frame| frame.message).collect();
    let answer = Answer::Refused;
    assert_eq!(said, [HostMessage::Answer { id: 78, answer }]);
}

#[test]
fn a_port_of_the_host_that_was_not_given_ends_the_process() {
    for port in [5433, 0, 22] {
        let (mut harness, machine, mut peer) = sharing();
        let call = machine.resources();
        harness.settle();
        harness.deliver(&mut peer, 1, 0, asked(1, port));
        let why = why(machine.failure_of(call));
        assert!(
            why.contains("a port of the host that was not given"),
            "{why}"
        );
    }
}
