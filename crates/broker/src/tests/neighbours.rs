//! Whatever one VM process does, the machines of the others are served.

use secure_exec_protocol::{Captured, ResourceSnapshot, VmConfig, VmFrame, VmMessage, encode};

use super::protocol::violations;
use super::{Running, SECOND, exited, why};
use crate::event::Event;
use crate::harness::{Machine, Peer, hello, program};

/// A VM with a running program, whose process does what the test says, and another one in another process.
struct Street {
    hostile: Running,
    good: Machine,
    peer: Peer,
}

impl Street {
    fn new() -> Street {
        let mut hostile = Running::new();
        let (good, peer) = hostile.harness.serving(VmConfig::default());
        Street {
            hostile,
            good,
            peer,
        }
    }

    /// Has the neighbour run a program and count what it holds.
    fn assert_serves(&mut self, told: &str) {
        let harness = &mut self.hostile.harness;
        let (runs, counts) = (self.good.spawn(program()), self.good.resources());
        harness.settle();
        assert!(self.peer.say(1, runs, exited(3)), "{told}");
        let answer = VmMessage::Resources(ResourceSnapshot::default());
        assert!(self.peer.say(1, counts, answer), "{told}");
        harness.settle();
        let events = self.good.events();
        assert!(
            matches!(
                &events[..],
                [Event::Exited { exit, .. }, Event::Resources { .. }] if exit.code == 3
            ),
            "{told}: {events:?}"
        );
        assert!(!self.peer.is_killed(), "{told}");
    }

    fn assert_hostile_is_gone(&mut self, told: &str) {
        let why = self.hostile.why();
        assert!(why.starts_with("protocol violation: "), "{told}: {why}");
        assert!(self.hostile.peer.is_killed(), "{told}");
    }
}

/// The kind behind this one, through all of them. One that is not in the chain does not compile.
fn next(message: &VmMessage) -> Option<VmMessage> {
    Some(match message {
        VmMessage::Hello { .. } => VmMessage::Created { phases: Vec::new() },
        VmMessage::Created { .. } => VmMessage::Destroyed,
        VmMessage::Destroyed => VmMessage::Started { pid: 2 },
        VmMessage::Started { .. } => super::output(1, 1),
        VmMessage::Output { .. } => VmMessage::InputCredit {
            stream: 0,
            bytes: 1,
        },
        VmMessage::InputCredit { .. } => VmMessage::Value {
            data: b"1".to_vec(),
        },
        VmMessage::Value { .. } => exited(0),
        VmMessage::Exited(_) => VmMessage::File(secure_exec_protocol::FileReply::Done),
        VmMessage::File(_) => VmMessage::Resources(ResourceSnapshot::default()),
        VmMessage::Resources(_) => VmMessage::Chunk {
            data: Vec::new(),
            last: true,
        },
        VmMessage::Chunk { .. } => VmMessage::Imported,
        VmMessage::Imported => VmMessage::Pong,
        VmMessage::Pong => VmMessage::Processes(Vec::new()),
        VmMessage::Processes(_) => super::protocol::tool_call(1),
        VmMessage::Request { .. } => VmMessage::Abandoned { id: 1 },
        VmMessage::Abandoned { .. } => VmMessage::Trace {
            text: "x\n".into(),
            times: vec![1],
        },
        VmMessage::Trace { .. } => super::protocol::failed("ENOENT"),
        VmMessage::Failed(_) => VmMessage::Condemned {
            why: "x".into(),
            limit: None,
        },
        VmMessage::Condemned { .. } => VmMessage::Warning(super::protocol::near()),
        VmMessage::Warning(_) => VmMessage::Connected,
        VmMessage::Connected => VmMessage::OutputEnd,
        VmMessage::OutputEnd => VmMessage::Closed,
        VmMessage::Closed => VmMessage::Listeners(Vec::new()),
        VmMessage::Listeners(_) => VmMessage::Captured(Captured::default()),
        VmMessage::Captured(_) => return None,
    })
}

fn kind(message: &VmMessage) -> u8 {
    let mut frame = Vec::new();
    encode(message, &mut frame).expect("a frame");
    frame[4]
}

#[test]
fn every_kind_has_a_place_where_it_does_not_belong() {
    let mut wrong: Vec<u8> = violations()
        .iter()
        .map(|(_, _, said, _)| kind(said))
        .collect();
    // Said twice, in `protocol`.
    wrong.push(kind(&VmMessage::Condemned {
        why: String::new(),
        limit: None,
    }));
    let every = std::iter::successors(Some(hello()), next);
    let kinds: Vec<u8> = every.map(|message| kind(&message)).collect();
    assert!((0..).zip(&kinds).all(|(number, kind)| number == *kind));
    for kind in kinds {
        assert!(wrong.contains(&kind), "{kind}");
    }
}

#[test]
fn what_was_not_asked_for_costs_nobody_else_anything() {
    for (vm, offset, message, _) in violations() {
        let mut street = Street::new();
        let told = format!("{message:?}");
        let call = street.hostile.call.checked_add_signed(offset).unwrap();
        let Running { harness, peer, .. } = &mut street.hostile;
        harness.deliver(peer, vm, call, message);
        street.assert_hostile_is_gone(&told);
        street.assert_serves(&told);
    }
}

#[test]
fn the_ids_of_another_process_are_nothing_in_this_one() {
    // The neighbour's call has the same number as one that has ended here, and its VM the same number as this one.
    let mut street = Street::new();
    street.hostile.say(exited(0));
    assert!(matches!(
        street.hostile.machine.events()[..],
        [Event::Exited { .. }]
    ));
    let theirs = street.good.spawn(program());
    street.hostile.harness.settle();
    assert_eq!(theirs, street.hostile.call);
    let other = street.hostile.machine.resources();
    street.hostile.harness.settle();
    street.hostile.say(exited(9));
    let error = street.hostile.machine.failure_of(other);
    assert_eq!(why(error), "protocol violation: an answer to nothing");
    assert!(street.peer.say(1, theirs, exited(4)));
    street.hostile.harness.settle();
    let events = street.good.events();
    assert!(
        matches!(&events[..], [Event::Exited { exit, .. }] if exit.code == 4),
        "{events:?}"
    );
}

/// A frame of a length that is not its own, or of bytes that are no message.
fn broken_frames() -> Vec<(&'static str, Vec<u8>)> {
    let frame = |message| {
        let frame = VmFrame {
            vm: 1,
            call: 1,
            message,
        };
        let mut bytes = Vec::new();
        encode(&frame, &mut bytes).expect("a frame");
        bytes
    };
    let with_length = |length: u32, mut bytes: Vec<u8>| {
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes
    };
    let pong = frame(VmMessage::Pong);
    let length = u32::try_from(pong.len() - 4).unwrap();
    // As deep as a frame is long, were there a message that holds one of its kind.
    let mut nested = vec![0, 0, 1, 0];
    nested.extend([7u8].repeat(1 << 16));
    vec![
        ("too long", with_length(u32::MAX, pong.clone())),
        ("longer than its kind", with_length(4 << 20, pong.clone())),
        ("nothing", with_length(0, pong.clone())),
        ("too short", with_length(length - 1, pong.clone())),
        ("rest", with_length(length + 1, [&pong[..], b"x"].concat())),
        ("no kind", with_length(3, vec![0, 0, 0, 0, 1, 1, 200])),
        ("nested", nested),
    ]
}

#[test]
fn frames_that_are_none_cost_nobody_else_anything() {
    for (told, bytes) in broken_frames() {
        let mut street = Street::new();
        street.hostile.peer.say_bytes(&bytes);
        street.hostile.harness.settle();
        street.assert_serves(told);
        street.assert_hostile_is_gone(told);
    }
}

#[test]
fn silence_inside_of_a_frame_is_waited_for_alone() {
    let mut street = Street::new();
    let mut bytes = Vec::new();
    encode(&super::output(1, 100), &mut bytes).expect("a frame");
    // One that goes on, a byte at a time, is no better than one that does not.
    street.hostile.peer.say_bytes(&bytes[..5]);
    street.hostile.harness.settle();
    for byte in &bytes[5..8] {
        street.assert_serves("silence");
        street.hostile.harness.advance(SECOND);
        street.hostile.peer.say_bytes(&[*byte]);
        street.hostile.harness.settle();
    }
    street.hostile.harness.advance(SECOND);
    street.assert_hostile_is_gone("silence");
    street.assert_serves("silence");
}

#[test]
fn values_that_are_deep_are_bounded_before_anybody_parses_them() {
    let mut returning = program();
    returning.returns = true;
    let mut hostile = Running::with(VmConfig::default(), returning);
    let (good, peer) = hostile.harness.serving(VmConfig::default());
    let mut street = Street {
        hostile,
        good,
        peer,
    };
    let bomb = b"[".repeat(1 << 20);
    for _ in 0..64 {
        if street.hostile.peer.is_killed() {
            break;
        }
        let message = VmMessage::Value { data: bomb.clone() };
        street.hostile.say(message);
    }
    street.assert_hostile_is_gone("a nesting bomb");
    street.assert_serves("a nesting bomb");
}
