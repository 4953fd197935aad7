//! Processes that end, are given up and are replaced.

use std::time::Instant;

use secure_exec_protocol::{
    File, FileAttributes, FileReply, FileRequest, HostMessage, Limit, ResourceSnapshot, VmConfig,
    VmMessage,
};

use super::{Running, SECOND, exited, why};
use crate::Isolation;
use crate::event::Event;
use crate::harness::{Counts, Harness, program};

fn condemned() -> VmMessage {
    let limit = Limit {
        name: "limits.x".into(),
        bound: 1,
        used: 2,
    };
    VmMessage::Condemned {
        why: "memory".into(),
        limit: Some(limit),
    }
}

#[test]
fn a_crash_settles_what_ran_and_the_next_call_has_a_replacement() {
    let mut running = Running::new();
    running.peer.exit("signal SIGSEGV");
    running.harness.settle();
    let error = running.machine.failure_of(running.call).unwrap();
    assert!(error.state_lost);
    assert_eq!(error.why.as_deref(), Some("signal SIGSEGV"));
    let call = running.machine.spawn(program());
    let mut peer = running.harness.next_process();
    running.harness.hello(&mut peer);
    peer.answer_setup();
    running.harness.settle();
    peer.say(1, call, exited(0));
    running.harness.settle();
    assert!(matches!(
        running.machine.events()[..],
        [Event::Exited { .. }]
    ));
}

#[test]
fn what_a_process_said_before_its_end_counts() {
    let mut running = Running::new();
    running.peer.say(1, running.call, exited(3));
    running.peer.exit("exit status 0");
    running.harness.settle();
    let events = running.machine.events();
    assert!(
        matches!(&events[..], [Event::Exited { exit, .. }] if exit.code == 3),
        "{events:?}"
    );
}

#[test]
fn a_socket_that_a_child_keeps_is_not_read_for_ever() {
    let mut running = Running::new();
    running.peer.exit_but_socket("exit status 0");
    let begun = Instant::now();
    // The child floods it, which is not stopped by the end of its parent.
    running.peer.say(1, 0, VmMessage::Abandoned { id: 1 });
    running.harness.settle();
    assert!(begun.elapsed() < SECOND);
    assert!(!running.why().is_empty());
    assert_eq!(running.harness.counts().processes, 0);
}

#[test]
fn a_filesystem_is_carried_over() {
    let mut running = Running::new();
    running.peer.say(0, 0, condemned());
    running.harness.settle();
    let mut pieces = 0;
    for piece in [&b"first "[..], b"second"] {
        let heard = running.peer.hear();
        let export = heard.iter().find(
            |frame| matches!(frame.message, HostMessage::Export { offset } if offset == pieces),
        );
        let call = export.expect("an export").call;
        pieces += piece.len() as u64;
        let last = pieces == 12;
        running.peer.say(
            1,
            call,
            VmMessage::Chunk {
                data: piece.to_vec(),
                last,
            },
        );
        running.harness.settle();
    }
    let error = running.machine.failure_of(running.call).unwrap();
    assert!(!error.state_lost);
    assert_eq!(error.limit.unwrap().name, "limits.x");
    assert_eq!(running.harness.counts().spooled_bytes, 12);
    let mut peer = running.harness.next_process();
    running.harness.hello(&mut peer);
    let create = peer.hear();
    let import = HostMessage::Import {
        data: b"first second".to_vec(),
        last: true,
    };
    assert!(
        create.iter().any(|frame| frame.message == import),
        "{create:?}"
    );
}

#[test]
fn an_export_that_never_ends_is_given_up() {
    for data in [vec![0; 1 << 17], Vec::new()] {
        let mut config = VmConfig::default();
        config.limits.max_filesystem_bytes = 0;
        let mut running = Running::with(config, program());
        running.peer.say(0, 0, condemned());
        let mut pieces = 0;
        while !running.peer.is_killed() {
            running.harness.settle();
            for frame in running.peer.hear() {
                let chunk = VmMessage::Chunk {
                    data: data.clone(),
                    last: false,
                };
                running.peer.say(1, frame.call, chunk);
                pieces += 1;
            }
            assert!(pieces < 1000, "the export goes on");
        }
        running.harness.settle();
        assert!(running.machine.failure_of(running.call).unwrap().state_lost);
        assert_eq!(running.harness.counts().spooled_bytes, 0);
    }
}

#[test]
fn a_process_is_given_up_once() {
    let mut running = Running::new();
    running.peer.say(0, 0, condemned());
    running.peer.say(0, 0, condemned());
    running.harness.settle();
    assert_eq!(running.why(), "protocol violation: it was given up twice");
}

#[test]
fn a_condemned_process_may_answer_out_of_turn() {
    let mut harness = Harness::new();
    let (machine, mut peer) = harness.serving(VmConfig::default());
    let (lost, _) = (machine.resources(), harness.settle());
    peer.hear();
    // A panic of its has cost the answer.
    peer.say(0, 0, condemned());
    harness.settle();
    let call = peer.hear()[0].call;
    peer.say(
        1,
        call,
        VmMessage::Chunk {
            data: Vec::new(),
            last: true,
        },
    );
    harness.settle();
    assert_eq!(why(machine.failure_of(lost)), "memory");
    assert!(machine.failure_of(lost).is_none());
}

#[test]
fn calls_wait_for_a_replacement() {
    let mut running = Running::new();
    running.peer.exit("signal SIGKILL");
    running.harness.settle();
    let (first, second) = (
        running.machine.resources(),
        running.machine.spawn(program()),
    );
    let mut peer = running.harness.next_process();
    running.harness.hello(&mut peer);
    peer.answer_setup();
    running.harness.settle();
    let calls: Vec<u64> = peer.hear().iter().map(|frame| frame.call).collect();
    assert_eq!(calls, [first, second]);
}

#[test]
fn a_spare_that_died_is_replaced_once() {
    let mut harness = Harness::new();
    let machine = harness.create(VmConfig::default(), Vec::new(), Isolation::Process);
    let mut first = harness.next_process();
    harness.hello(&mut first);
    first.exit("signal SIGKILL");
    harness.settle();
    let mut second = harness.next_process();
    harness.hello(&mut second);
    second.answer_setup();
    harness.settle();
    assert!(matches!(machine.events()[..], [Event::Created(Ok(_))]));
}

#[test]
fn the_files_of_a_new_machine_go_a_few_megabytes_at_a_time() {
    let mut harness = Harness::new();
    let file = |path: &str| File {
        path: path.into(),
        data: vec![7; 5 << 19],
        attributes: FileAttributes::default(),
    };
    let files = (0..8).map(|index| file(&format!("/f{index}"))).collect();
    let machine = harness.create(VmConfig::default(), files, Isolation::Process);
    let mut peer = harness.next_process();
    harness.hello(&mut peer);
    let (mut most, mut all, mut bytes) = (0, 0, 0);
    while machine.events().is_empty() {
        let mut batch = 0;
        let mut calls = Vec::new();
        loop {
            let heard = peer.hear();
            if heard.is_empty() {
                break;
            }
            for frame in heard {
                let answer = match &frame.message {
                    HostMessage::Create(_) => VmMessage::Created { phases: Vec::new() },
                    _ => VmMessage::File(FileReply::Done),
                };
                if let HostMessage::File(
                    FileRequest::Write { data, .. } | FileRequest::WriteMore { data, .. },
                ) = &frame.message
                {
                    batch += data.len();
                }
                calls.push((frame.call, answer));
            }
            harness.settle();
        }
        most = most.max(batch);
        bytes += batch;
        all += calls.len();
        for (call, answer) in calls {
            peer.say(1, call, answer);
        }
        harness.settle();
    }
    assert_eq!((bytes, all), (8 * (5 << 19), 1 + 8 * 3));
    assert!(most <= 5 << 20, "{most} bytes at a time");
}

#[test]
fn shared_machines_have_numbers_of_their_process() {
    let mut harness = Harness::new();
    let shared =
        |harness: &mut Harness| harness.create(VmConfig::default(), Vec::new(), Isolation::Shared);
    let (first, second) = (shared(&mut harness), shared(&mut harness));
    let mut peer = harness.next_process();
    harness.hello(&mut peer);
    peer.answer_setup();
    harness.settle();
    let (a, b) = (first.resources(), second.resources());
    harness.settle();
    let numbers: Vec<u32> = peer.hear().iter().map(|frame| frame.vm).collect();
    assert_eq!(numbers, [1, 2]);
    // One cannot answer for the other, even though the calls have the same number.
    assert_eq!(a, b);
    let answer = || VmMessage::Resources(ResourceSnapshot::default());
    peer.say(1, a, answer());
    harness.settle();
    assert_eq!(second.events().len(), 1);
    peer.say(2, b, answer());
    harness.settle();
    assert_eq!(second.events().len(), 1);
}

#[test]
fn a_machine_that_leaves_a_shared_process_is_destroyed_there() {
    let mut harness = Harness::new();
    let shared =
        |harness: &mut Harness| harness.create(VmConfig::default(), Vec::new(), Isolation::Shared);
    let (stays, leaves) = (shared(&mut harness), shared(&mut harness));
    let mut peer = harness.next_process();
    harness.hello(&mut peer);
    // Disposed while it is prepared: its answers are on the way.
    leaves.dispose();
    harness.settle();
    peer.answer_setup();
    harness.settle();
    assert!(matches!(stays.events()[..], [Event::Created(Ok(_))]));
    assert!(!peer.is_killed());
    peer.say(2, 1, VmMessage::Abandoned { id: 1 });
    harness.settle();
    assert!(peer.is_killed());
}

#[test]
fn what_was_made_of_a_file_in_parts_fails_once() {
    let mut harness = Harness::new();
    let (machine, mut peer) = harness.serving(VmConfig::default());
    let whole = machine.write_file(b"/x", vec![0; (2 << 20) + 1]);
    let mut parts = Vec::new();
    while parts.len() < 3 {
        harness.settle();
        parts.extend(peer.hear().into_iter().map(|frame| frame.call));
    }
    for part in &parts {
        let failure = secure_exec_protocol::Failure {
            code: "ENOSPC".into(),
            errno: -28,
            ..Default::default()
        };
        peer.say(1, *part, VmMessage::Failed(failure));
    }
    harness.settle();
    let events = machine.events();
    assert!(
        matches!(&events[..], [Event::Failed { call, error }] if *call == whole && error.code == "ENOSPC"),
        "{events:?}"
    );
    assert!(!peer.is_killed());
    assert_eq!(harness.counts().calls, 0);
}

#[test]
fn a_process_is_killed_before_it_could_end_by_itself() {
    let disposed = {
        let mut running = Running::new();
        running.machine.dispose();
        running.harness.settle();
        running.peer.answer_setup();
        running.harness.settle();
        running.peer
    };
    let broken = {
        let mut running = Running::new();
        running.say(VmMessage::Pong);
        running.peer
    };
    for peer in [disposed, broken] {
        assert!(peer.is_killed());
        assert!(!peer.was_left_alone());
    }
}

#[test]
fn disposal_leaves_nothing() {
    let mut running = Running::new();
    let simple = running.machine.resources();
    running.machine.dispose();
    let late = running.machine.resources();
    running.harness.settle();
    for frame in running.peer.hear() {
        match frame.message {
            HostMessage::Resources => {
                let answer = VmMessage::Resources(ResourceSnapshot::default());
                running.peer.say(1, frame.call, answer);
            }
            HostMessage::Destroy => {
                running.peer.say(1, running.call, exited(143));
                running.peer.say(1, frame.call, VmMessage::Destroyed);
            }
            _ => {}
        }
    }
    running.harness.settle();
    let events = running.machine.events();
    assert!(
        matches!(&events[..], [
        Event::Failed { call, .. },
        Event::Resources { call: answered, .. },
        Event::Exited { .. },
        Event::Disposed,
    ] if *call == late && *answered == simple),
        "{events:?}"
    );
    running.harness.settle();
    // What is left is the spare, if one was ordered.
    let counts = running.harness.counts();
    assert_eq!(counts, Counts::default());
}
