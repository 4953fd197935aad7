//! Processes that do not do what they are told, by a clock that is moved by hand.

use secure_exec_protocol::{FileReply, FileRequest, HostMessage, VmConfig, VmMessage};

use super::{Running, SECOND, exited, why};
use crate::Isolation;
use crate::event::Event;
use crate::harness::{Counts, Harness, Machine, program};

fn creation_error(machine: &Machine) -> crate::VmError {
    match machine.events().into_iter().next() {
        Some(Event::Created(Err(error))) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_process_that_never_says_hello_is_given_up() {
    let mut harness = Harness::new();
    let machine = harness.create(VmConfig::default(), Vec::new(), Isolation::Process);
    let peer = harness.next_process();
    harness.advance(SECOND * 2);
    assert!(machine.events().is_empty());
    harness.advance(SECOND * 2);
    assert_eq!(creation_error(&machine).code, "ERR_VM_START");
    assert!(peer.is_killed());
    machine.dispose();
    harness.settle();
    assert_eq!(harness.counts(), Counts::default());
}

#[test]
fn a_process_that_never_answers_is_given_up_and_creation_is_not_tried_again() {
    let mut harness = Harness::new();
    let machine = harness.create(VmConfig::default(), Vec::new(), Isolation::Process);
    let mut peer = harness.next_process();
    harness.hello(&mut peer);
    harness.advance(SECOND * 5);
    let error = creation_error(&machine);
    assert_eq!(
        (&*error.code, error.why.as_deref()),
        ("ERR_VM_CRASHED", Some("it did not answer"))
    );
    assert!(harness.start_process().is_none());
}

#[test]
fn a_process_that_waits_for_the_processor_gets_more_time() {
    let mut harness = Harness::new();
    let machine = harness.create(VmConfig::default(), Vec::new(), Isolation::Process);
    let mut peer = harness.next_process();
    peer.set_busy(true);
    for _ in 0..20 {
        harness.advance(SECOND);
    }
    harness.hello(&mut peer);
    peer.answer_setup();
    harness.settle();
    assert!(matches!(machine.events()[..], [Event::Created(Ok(_))]));
    let call = machine.file(FileRequest::Exists {
        path: b"/x".to_vec(),
    });
    for _ in 0..40 {
        harness.advance(SECOND);
    }
    assert_eq!(why(machine.failure_of(call)), "it did not answer");
}

#[test]
fn each_answer_gives_time_for_the_next() {
    let mut harness = Harness::new();
    let (machine, mut peer) = harness.serving(VmConfig::default());
    let exists = || {
        machine.file(FileRequest::Exists {
            path: b"/x".to_vec(),
        })
    };
    let calls: Vec<u64> = (0..10).map(|_| exists()).collect();
    for call in calls {
        harness.advance(SECOND * 2);
        peer.say(1, call, VmMessage::File(FileReply::Exists(true)));
        harness.settle();
    }
    assert_eq!(machine.events().len(), 10);
    harness.advance(SECOND * 100);
    assert!(!peer.is_killed());
}

#[test]
fn a_frame_that_begins_must_end() {
    let mut running = Running::new();
    running.peer.say_bytes(&[200, 0, 0]);
    running.harness.settle();
    running.harness.advance(SECOND * 5);
    assert_eq!(running.why(), "protocol violation: a frame without its end");
}

#[test]
fn a_program_that_does_not_die_condemns_its_process() {
    let mut running = Running::new();
    running.machine.signal(running.call, 9);
    running.harness.advance(SECOND);
    running.assert_runs();
    running.harness.advance(SECOND);
    let heard = running.peer.hear();
    let export = heard
        .iter()
        .find(|frame| frame.message == HostMessage::Export { offset: 0 });
    let export = export.expect("the filesystem is asked for").call;
    running.peer.say(
        1,
        export,
        VmMessage::Chunk {
            data: b"files".to_vec(),
            last: true,
        },
    );
    running.harness.settle();
    assert_eq!(running.why(), "a guest did not end when it was killed");
    let mut peer = running.harness.next_process();
    running.harness.hello(&mut peer);
    peer.answer_setup();
    running.harness.settle();
    assert_eq!(running.harness.counts().spooled_bytes, 0);
}

#[test]
fn a_timeout_settles_a_program_whose_end_may_still_come() {
    let mut program = program();
    program.timeout_ms = Some(1000);
    let mut running = Running::with(VmConfig::default(), program);
    running.harness.advance(SECOND * 3);
    let events = running.machine.events();
    let [Event::Exited { exit, .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(exit.code, 137);
    // The end crosses with the deadline, and the export goes on.
    running.say(exited(137));
    assert!(running.machine.events().is_empty());
    assert!(!running.peer.is_killed());
}

#[test]
fn a_deadline_goes_with_its_call() {
    let mut program = program();
    program.timeout_ms = Some(3_600_000);
    let mut running = Running::with(VmConfig::default(), program.clone());
    running.say(exited(0));
    for _ in 0..100 {
        running.call = running.machine.spawn(program.clone());
        running.harness.settle();
        running.say(exited(0));
    }
    assert_eq!(running.harness.counts().timers, 0);
}

#[test]
fn an_export_has_two_seconds() {
    let mut running = Running::new();
    running.peer.say(
        0,
        0,
        VmMessage::Condemned {
            why: "memory".into(),
            limit: None,
        },
    );
    running.harness.settle();
    for _ in 0..10 {
        running.harness.advance(SECOND / 4);
        for frame in running.peer.hear() {
            if matches!(frame.message, HostMessage::Export { .. }) {
                let chunk = VmMessage::Chunk {
                    data: b"x".to_vec(),
                    last: false,
                };
                running.peer.say(1, frame.call, chunk);
            }
        }
    }
    let error = running
        .machine
        .failure_of(running.call)
        .expect("the call failed");
    assert!(error.state_lost);
    assert_eq!(error.why.as_deref(), Some("memory"));
    assert!(running.peer.is_killed());
    assert_eq!(running.harness.counts().spooled_bytes, 0);
}

#[test]
fn a_machine_that_does_not_end_is_disposed_anyway() {
    let mut running = Running::new();
    running.machine.dispose();
    running.harness.advance(SECOND * 2);
    let events = running.machine.events();
    assert!(
        matches!(events[..], [Event::Exited { .. }, Event::Disposed]),
        "{events:?}"
    );
    running.harness.advance(SECOND * 3);
    assert!(running.peer.is_killed());
}

#[test]
fn a_socket_that_closes_ends_its_process() {
    let mut running = Running::new();
    running.peer.close();
    running.harness.settle();
    running.harness.advance(SECOND);
    assert_eq!(running.why(), "it closed its socket");
    assert!(running.peer.is_killed());
}
