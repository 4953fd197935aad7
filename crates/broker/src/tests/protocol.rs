//! Every kind of frame where it does not belong.

use secure_exec_protocol::{
    Captured, DirectoryEntry, Exit, Failure, FileReply, FileRequest, FileStat, Limit, ProcessEntry,
    Request, ResourceSnapshot, VmConfig, VmLimits, VmMessage,
};

use super::{Running, exited, output, why};
use crate::event::Event;
use crate::harness::{Harness, hello, program};

pub(super) fn failed(code: &str) -> VmMessage {
    VmMessage::Failed(Failure {
        code: code.into(),
        errno: -2,
        ..Failure::default()
    })
}

pub(super) fn tool_call(id: u64) -> VmMessage {
    let request = Request::Tool {
        pid: 2,
        tool: "x".into(),
        input: "{}".into(),
    };
    VmMessage::Request { id, request }
}

pub(super) fn near() -> Limit {
    Limit {
        name: "limits.resources.maxPipes".into(),
        bound: 10,
        used: 8,
    }
}

fn value(json: &str) -> VmMessage {
    VmMessage::Value { data: json.into() }
}

fn ended(change: impl FnOnce(&mut Exit)) -> VmMessage {
    let mut exit = Exit::default();
    change(&mut exit);
    VmMessage::Exited(Box::new(exit))
}

/// What a running program's process must not say, by VM, by call relative to the program's, and the rule.
#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn violations() -> Vec<(u32, i64, VmMessage, &'static str)> {
    let chunk = |last| VmMessage::Chunk {
        data: b"x".to_vec(),
        last,
    };
    let credit = |stream, bytes| VmMessage::InputCredit { stream, bytes };
    let started = |pid| VmMessage::Started { pid };
    let file = VmMessage::File;
    vec![
        (0, 0, hello(), "hello was said twice"),
        (
            1,
            0,
            started(2),
            "a program starts that was not to be announced, or twice",
        ),
        (1, 0, started(-1), "a process has no such number"),
        (
            1,
            1,
            started(2),
            "something about a program that does not run",
        ),
        (1, 0, output(1, 0), "a piece of output is empty or too long"),
        (1, 0, output(1, 100_000), "output without credit"),
        (1, 0, output(0, 1), "output of a stream that is none"),
        (1, 0, output(4, 1), "output of a stream that is none"),
        (1, 0, output(255, 1), "output of a stream that is none"),
        (
            1,
            1,
            output(1, 1),
            "something about a program that does not run",
        ),
        (
            1,
            0,
            VmMessage::Captured(Captured::default()),
            "an answer of another kind",
        ),
        (1, 0, credit(0, 2), "more input was taken than was given"),
        (1, 0, credit(0, 0), "more input was taken than was given"),
        (
            1,
            0,
            credit(0, u32::MAX),
            "more input was taken than was given",
        ),
        (1, 0, credit(1, 1), "input of a stream that is none"),
        (1, 0, credit(3, 1), "input of a stream that is none"),
        (1, 0, value("1"), "a value that nobody waits for"),
        (1, 0, exited(-1), "an exit status that is none"),
        (1, 0, exited(256), "an exit status that is none"),
        (1, 0, exited(i32::MIN), "an exit status that is none"),
        (
            1,
            0,
            ended(|exit| exit.signal = 65),
            "an exit status that is none",
        ),
        (
            1,
            0,
            ended(|exit| exit.value = Some(b"1".to_vec())),
            "a value that nobody waits for",
        ),
        (
            1,
            0,
            ended(|exit| exit.stderr = vec![0; 300_000]),
            "a piece of output is too long",
        ),
        (1, 0, file(FileReply::Done), "an answer of another kind"),
        (1, 0, VmMessage::Pong, "an answer of another kind"),
        (1, 0, VmMessage::Destroyed, "an answer of another kind"),
        (1, 0, VmMessage::Imported, "an answer of another kind"),
        (1, 0, chunk(false), "an answer of another kind"),
        (
            1,
            0,
            VmMessage::Created { phases: Vec::new() },
            "an answer of another kind",
        ),
        (
            1,
            0,
            VmMessage::Resources(ResourceSnapshot::default()),
            "an answer of another kind",
        ),
        (
            1,
            0,
            VmMessage::Processes(Vec::new()),
            "an answer of another kind",
        ),
        (1, 0, failed("ERR_VM_DISPOSED"), "a failure that is none"),
        (1, 0, failed("ERR_VM_CRASHED"), "a failure that is none"),
        (1, 0, failed("nonsense"), "a failure that is none"),
        (1, 1, exited(0), "an answer to nothing"),
        (1, -1, exited(0), "an answer to nothing"),
        (1, 1, failed("ENOENT"), "an answer to nothing"),
        (1, 1, VmMessage::Pong, "an answer to nothing"),
        (1, 1, chunk(true), "an answer to nothing"),
        (2, 0, exited(0), "a VM that is none of its own"),
        (0, 0, exited(0), "a VM that is none of its own"),
        (u32::MAX, 0, output(1, 1), "a VM that is none of its own"),
        (
            1,
            1,
            tool_call(1),
            "a call of a tool by a program that does not run",
        ),
        (
            1,
            0,
            VmMessage::Abandoned { id: 1 },
            "a call of a tool ends that was never made",
        ),
        (
            1,
            0,
            VmMessage::Trace {
                text: "x\n".into(),
                times: vec![1],
            },
            "traced lines that were not asked for",
        ),
        (
            1,
            0,
            VmMessage::Warning(near()),
            "a warning that was not asked for",
        ),
        (1, 0, VmMessage::Connected, "a message of no kind"),
        (1, 0, VmMessage::OutputEnd, "a message of no kind"),
        (1, 0, VmMessage::Closed, "an answer of another kind"),
        (
            1,
            0,
            VmMessage::Listeners(Vec::new()),
            "listeners of a program",
        ),
    ]
}

#[test]
fn what_was_not_asked_for_ends_the_process() {
    for (vm, offset, message, rule) in violations() {
        let mut running = Running::new();
        let call = running.call.checked_add_signed(offset).unwrap();
        let told = format!("{message:?}");
        running
            .harness
            .deliver(&mut running.peer, vm, call, message);
        running.harness.settle();
        assert!(running.peer.is_killed(), "{told}");
        assert_eq!(
            running.why(),
            format!("protocol violation: {rule}"),
            "{told}"
        );
        assert!(running.peer.is_killed(), "{told}");
        running.harness.settle();
        assert_eq!(running.harness.counts().processes, 0, "{told}");
    }
}

#[test]
fn a_warning_is_of_a_limit_and_comes_once_for_each_program() {
    let warning = |change: fn(&mut Limit)| {
        let mut limit = near();
        change(&mut limit);
        VmMessage::Warning(limit)
    };
    let warned = || {
        let config = VmConfig {
            warn: true,
            ..VmConfig::default()
        };
        Running::with(config, program())
    };
    let mut running = warned();
    running.say(warning(|_| {}));
    let Running { harness, peer, .. } = &mut running;
    harness.deliver(peer, 1, 0, warning(|limit| limit.used = 10));
    let call = running.call;
    let events = running.machine.events();
    assert!(
        matches!(events[..], [Event::Warning { call: of, .. }, Event::Warning { call: 0, .. }] if of == call),
        "{events:?}"
    );
    running.say(warning(|_| {}));
    assert_eq!(
        running.why(),
        "protocol violation: a warning that was given before"
    );
    for (change, rule) in [
        (
            (|limit| limit.name = "limits.resources.cpuCount".into()) as fn(&mut Limit),
            "a warning of a limit that is none",
        ),
        (|limit| limit.used = 7, "a warning without a reason"),
        (|limit| limit.used = 11, "a warning without a reason"),
    ] {
        let mut running = warned();
        running.say(warning(change));
        assert_eq!(running.why(), format!("protocol violation: {rule}"));
    }
    let mut running = warned();
    let Running { harness, peer, .. } = &mut running;
    harness.deliver(peer, 1, 77, warning(|_| {}));
    assert!(running.why().contains("a program that does not run"));
}

#[test]
fn an_answer_counts_once() {
    let mut running = Running::new();
    running.say(exited(0));
    assert!(matches!(
        running.machine.events()[..],
        [Event::Exited { .. }]
    ));
    let other = running.machine.resources();
    running.harness.settle();
    running.say(exited(1));
    let error = running.machine.failure_of(other);
    assert_eq!(why(error), "protocol violation: an answer to nothing");
}

#[test]
fn a_start_is_told_once_and_before_any_output() {
    let announced = || {
        let mut program = program();
        program.announce = true;
        Running::with(VmConfig::default(), program)
    };
    let mut running = announced();
    running.say(output(1, 1));
    assert_eq!(
        running.why(),
        "protocol violation: output outside of a program's life"
    );
    let mut running = announced();
    running.say(VmMessage::Started { pid: 2 });
    running.say(output(1, 1));
    running.assert_runs();
    running.say(VmMessage::Started { pid: 2 });
    assert!(running.why().contains("or twice"));
}

#[test]
fn nothing_is_said_before_hello_and_nothing_of_queued_calls() {
    let mut harness = Harness::new();
    let machine = harness.create(VmConfig::default(), Vec::new(), crate::Isolation::Process);
    let call = machine.spawn(program());
    let mut peer = harness.next_process();
    peer.say(1, call, exited(0));
    harness.settle();
    assert!(peer.is_killed());
    let events = machine.events();
    let Some(Event::Created(Err(error))) = events.first() else {
        panic!("{events:?}");
    };
    assert_eq!(error.code, "ERR_VM_START");

    let machine = harness.create(VmConfig::default(), Vec::new(), crate::Isolation::Process);
    let call = machine.spawn(program());
    let mut peer = harness.next_process();
    harness.hello(&mut peer);
    peer.say(1, call, exited(0));
    harness.settle();
    let events = machine.events();
    let Some(Event::Created(Err(error))) = events.first() else {
        panic!("{events:?}");
    };
    assert_eq!(
        error.why.as_deref(),
        Some("protocol violation: an answer to nothing")
    );
    machine.dispose();
    harness.settle();
    assert_eq!(harness.counts().calls, 0);
}

#[test]
fn answers_of_the_wrong_kind_are_told_as_a_crash() {
    let read = || FileRequest::Read {
        path: b"/x".to_vec(),
    };
    let stat = || FileRequest::Stat {
        path: b"/x".to_vec(),
    };
    let remove = || FileRequest::Exists {
        path: b"/x".to_vec(),
    };
    let list = || FileRequest::ReadDirectory {
        path: b"/x".to_vec(),
    };
    let entries = |name: &str| FileReply::Entries {
        entries: vec![DirectoryEntry {
            name: name.into(),
            kind: 0,
        }],
        more: None,
    };
    let more = |data: &[u8]| FileReply::Data {
        data: data.to_vec(),
        more: Some(1),
    };
    for (request, reply) in [
        (read(), FileReply::Done),
        (read(), FileReply::Exists(true)),
        (read(), FileReply::Stat(FileStat::default())),
        (read(), entries("a")),
        (read(), more(b"")),
        (stat(), FileReply::Done),
        (stat(), more(b"x")),
        (remove(), FileReply::Done),
        (list(), more(b"x")),
        (list(), entries("../../etc/passwd")),
        (list(), entries("a/b")),
        (list(), entries("..")),
        (list(), entries("")),
        (list(), entries("a\0b")),
        (list(), entries(&"a".repeat(256))),
    ] {
        let mut harness = Harness::new();
        let (machine, mut peer) = harness.serving(VmConfig::default());
        let told = format!("{request:?} {reply:?}");
        let call = machine.file(request);
        harness.settle();
        peer.say(1, call, VmMessage::File(reply));
        harness.settle();
        let why = why(machine.failure_of(call));
        assert!(why.starts_with("protocol violation: "), "{told}: {why}");
    }
}

#[test]
fn requests_are_answered_in_turn() {
    let mut harness = Harness::new();
    let (machine, mut peer) = harness.serving(VmConfig::default());
    let (first, second) = (machine.resources(), machine.resources());
    harness.settle();
    let answer = || VmMessage::Resources(ResourceSnapshot::default());
    peer.say(1, second, answer());
    harness.settle();
    assert_eq!(
        why(machine.failure_of(first)),
        "protocol violation: an answer out of turn"
    );
}

#[test]
fn a_file_that_never_ends_is_cut_off() {
    let mut harness = Harness::new();
    let limits = VmLimits {
        max_file_bytes: 3 << 20,
        ..VmLimits::default()
    };
    let (machine, mut peer) = harness.serving(VmConfig {
        limits,
        ..VmConfig::default()
    });
    let mut request = FileRequest::Read {
        path: b"/x".to_vec(),
    };
    for piece in 1.. {
        let call = machine.file(request);
        harness.settle();
        let reply = FileReply::Data {
            data: vec![0; 1 << 17],
            more: Some(piece),
        };
        assert!(peer.say(1, call, VmMessage::File(reply)));
        harness.settle();
        peer.hear();
        match &machine.events()[..] {
            [Event::File { .. }] => request = FileRequest::ReadMore { handle: piece },
            [Event::Failed { error, .. }] => {
                assert!(
                    error.why.as_deref().unwrap().contains("maxFileBytes"),
                    "{error:?}"
                );
                assert_eq!(piece, 8 * 5 + 1);
                return;
            }
            events => panic!("{events:?}"),
        }
    }
}

#[test]
fn a_handle_belongs_to_one_reading() {
    let mut harness = Harness::new();
    let (machine, mut peer) = harness.serving(VmConfig::default());
    for round in 0..2 {
        let call = machine.file(FileRequest::Read {
            path: b"/x".to_vec(),
        });
        harness.settle();
        let reply = FileReply::Data {
            data: b"x".to_vec(),
            more: Some(7),
        };
        peer.say(1, call, VmMessage::File(reply));
        harness.settle();
        match (round, &machine.events()[..]) {
            (0, [Event::File { .. }]) => {}
            (1, [Event::Failed { error, .. }]) => {
                let why = error.why.as_deref();
                assert_eq!(why, Some("protocol violation: a handle that is in use"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_parts_of_a_list_of_processes_are_looked_at() {
    let entry = |argv: &str, state: &str| ProcessEntry {
        pid: 2,
        argv: argv.into(),
        state: state.into(),
        ..ProcessEntry::default()
    };
    for (entries, good) in [
        (vec![entry("a\0", "running")], true),
        (vec![entry("a\0", "weird")], false),
        (vec![ProcessEntry::default()], false),
        (vec![entry("a\0", "running"); 64], true),
        (vec![entry("a\0", "running"); 1000], false),
        (vec![entry(&"\0".repeat(70_000), "zombie")], false),
    ] {
        let mut harness = Harness::new();
        let (machine, mut peer) = harness.serving(VmConfig::default());
        let call = machine.processes();
        harness.settle();
        peer.say(1, call, VmMessage::Processes(entries));
        harness.settle();
        let events = machine.events();
        assert_eq!(
            matches!(events[..], [Event::Processes { .. }]),
            good,
            "{events:?}"
        );
    }
}

#[test]
fn bytes_that_are_no_frame_end_the_process() {
    for bytes in [
        &b"\xff\xff\xff\xff"[..],
        b"\x03\0\0\0\x01\x01\xff",
        b"\0\0\0\0",
        b"\x02\0\0\0\x01\x01",
        // 256 MiB of phases; a list of processes whose first has 2^60 bytes of arguments.
        b"\x08\0\0\0\x01\x01\x01\xff\xff\xff\x7f\0",
        b"\x20\0\0\0\x01\x01\x0d\x01\x02\0\x02\x02\0\x01r\xff\xff\xff\xff\xff\xff\xff\xff\x0f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        let mut running = Running::new();
        running.peer.say_bytes(bytes);
        running.harness.settle();
        assert!(running.why().starts_with("protocol violation: "), "{bytes:?}");
    }
}

#[test]
fn whatever_is_said_at_random_leaves_nothing_behind() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for _ in 0..200 {
        let mut running = Running::new();
        for _ in 0..40 {
            let all = violations();
            let (vm, _, message, _) = all.into_iter().nth(random(40) as usize).unwrap();
            let call = random(running.call + 3);
            running.peer.say(vm.min(random(3) as u32), call, message);
            match random(6) {
                0 => drop(running.machine.spawn(program())),
                1 => drop(running.machine.resources()),
                2 => running.machine.signal(running.call, 9),
                3 => running.harness.advance(super::SECOND),
                _ => running.harness.settle(),
            }
            while let Some(mut peer) = running.harness.start_process() {
                running.harness.hello(&mut peer);
                peer.answer_setup();
                running.peer = peer;
            }
        }
        running.machine.dispose();
        running.harness.advance(super::SECOND * 60);
        let counts = running.harness.counts();
        assert_eq!((counts.vms, counts.calls, counts.spooled_bytes), (0, 0, 0));
        let events = running.machine.events();
        assert!(matches!(events.last(), Some(Event::Disposed)), "{events:?}");
    }
}
