//! Programs from their start to their end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use secure_exec_kernel::Process;
use secure_exec_protocol::{
    Cause, Exit, HostMessage, MAX_CHUNK, Program, Stdin, TerminalSize, VmConfig, VmLimits,
    VmMessage,
};

use super::{Harness, exit_of, failure_of, of, program};
use crate::mailbox::Notice;

/// More than an hour: whatever has a time limit is past it.
const LONG: Duration = Duration::from_secs(7200);

fn spawn(program: Program) -> HostMessage {
    HostMessage::Spawn(program.into())
}

fn argv(process: &Process) -> Vec<String> {
    let text = |argument: &Vec<u8>| String::from_utf8_lossy(argument).into_owned();
    process.argv().iter().map(text).collect()
}

#[test]
fn a_program_is_answered_by_its_end() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    assert_eq!(argv(&process), ["program"]);
    process.write(1, b"out").unwrap();
    process.write(2, b"err").unwrap();
    process.exit(7);
    let exit = exit_of(5, harness.turn());
    assert_eq!((exit.code, exit.signal, exit.cause), (7, 0, None));
    assert_eq!(
        (&exit.stdout[..], &exit.stderr[..]),
        (&b"out"[..], &b"err"[..])
    );
    assert_eq!(harness.turn(), []);
}

#[test]
fn one_with_a_live_handle_is_announced() {
    let mut harness = Harness::new();
    let announced = Program {
        announce: true,
        ..program()
    };
    let said = harness.ask(5, spawn(announced));
    let pid = harness.last_started().pid().raw();
    assert_eq!(said, [VmMessage::Started { pid }]);
}

#[test]
fn what_cannot_start_fails_and_says_why() {
    let mut harness = Harness::new();
    let missing = Program {
        argv: vec!["missing".into()],
        ..program()
    };
    assert_eq!(failure_of(harness.ask(5, spawn(missing))), "ENOENT");
    let nowhere = Program {
        cwd: Some("/nowhere".into()),
        ..program()
    };
    assert_eq!(failure_of(harness.ask(5, spawn(nowhere))), "ENOENT");
    let in_a_file = Program {
        cwd: Some("/etc/passwd".into()),
        ..program()
    };
    assert_eq!(failure_of(harness.ask(5, spawn(in_a_file))), "ENOTDIR");
    harness.played.starts_fail.store(true, Ordering::Relaxed);
    assert_eq!(failure_of(harness.ask(5, spawn(program()))), "EAGAIN");
    // The call is free again.
    harness.start(5, program()).exit(0);
    assert_eq!(exit_of(5, harness.turn()).code, 0);
}

#[test]
fn a_limit_in_the_way_of_a_start_is_named() {
    let mut harness = Harness::with(VmConfig {
        limits: VmLimits {
            max_processes: 1,
            ..VmLimits::default()
        },
        ..VmConfig::default()
    });
    harness.start(5, program());
    let said = harness.ask(6, spawn(program()));
    let [VmMessage::Failed(failure)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(failure.code, "EAGAIN");
    let limit = failure.limit.as_ref().unwrap();
    assert_eq!(limit.name, "limits.resources.maxProcesses");
}

#[test]
fn code_comes_in_pieces_and_is_for_its_own_call() {
    let mut harness = Harness::new();
    let piece = |text: &str| HostMessage::Code {
        size: 4,
        data: text.into(),
    };
    let with_code = |text: &str| Program {
        code: Some(text.into()),
        ..program()
    };
    assert_eq!(harness.ask(5, piece("ab")), []);
    assert_eq!(harness.ask(5, piece("cd")), []);
    harness.start(6, with_code("x"));
    harness.start(5, with_code("e"));
    assert_eq!(
        *harness.played.codes.lock(),
        [b"x".to_vec(), b"abcde".to_vec()]
    );
}

#[test]
fn code_that_no_memory_could_hold_fails_when_it_is_to_run() {
    let mut harness = Harness::new();
    let piece = HostMessage::Code {
        size: u64::MAX,
        data: b"ab".to_vec(),
    };
    assert_eq!(harness.ask(5, piece), []);
    let with_code = Program {
        code: Some(b"e".to_vec()),
        ..program()
    };
    let said = harness.ask(5, spawn(with_code));
    let [VmMessage::Failed(failure)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(failure.code, "ERR_RESOURCE_LIMIT");
    let limit = failure.limit.as_ref().unwrap();
    assert_eq!(limit.name, "limits.resources.maxMemoryBytes");
    assert!(harness.played.started.lock().is_empty());
}

#[test]
fn a_value_comes_back_in_pieces_and_only_of_success() {
    let mut harness = Harness::with(VmConfig {
        limits: VmLimits {
            return_value_bytes: 2 << 20,
            ..VmLimits::default()
        },
        ..VmConfig::default()
    });
    let returning = || Program {
        returns: true,
        ..program()
    };
    let hand_back = |harness: &Harness, json: String| {
        harness.played.returns.lock().pop().unwrap().set(json);
    };
    let process = harness.start(5, returning());
    hand_back(&harness, "1".repeat(MAX_CHUNK + 3));
    process.exit(0);
    let said = of(5, harness.turn());
    let [VmMessage::Value { data }, VmMessage::Exited(exit)] = &said[..] else {
        panic!("{} messages", said.len());
    };
    assert_eq!(data.len(), MAX_CHUNK);
    assert_eq!(exit.value.as_deref(), Some(&b"111"[..]));

    let process = harness.start(6, returning());
    hand_back(&harness, "1".into());
    process.exit(1);
    assert_eq!(exit_of(6, harness.turn()).value, None);
}

#[test]
fn a_value_that_costs_too_much_names_its_limit() {
    let mut harness = Harness::with(VmConfig {
        limits: VmLimits {
            return_value_bytes: 10,
            ..VmLimits::default()
        },
        ..VmConfig::default()
    });
    let process = harness.start(
        5,
        Program {
            returns: true,
            ..program()
        },
    );
    let returned = harness.played.returns.lock().pop().unwrap();
    returned.set(format!("\"{}\"", "x".repeat(100)));
    process.exit(0);
    let exit = exit_of(5, harness.turn());
    let Some(Cause::Limit(limit)) = exit.cause else {
        panic!("{exit:?}");
    };
    assert_eq!(limit.name, "limits.jsRuntime.returnValueLimitBytes");
    assert_eq!(exit.value, None);
}

#[test]
fn a_signal_ends_its_program_once_the_thread_is_free() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    assert_eq!(harness.ask(6, HostMessage::Signal { signal: 9 }), []);
    assert_eq!(process.exit_status(), None);
    // No signal has this number.
    assert_eq!(harness.ask(5, HostMessage::Signal { signal: 200 }), []);
    assert_eq!(process.exit_status(), None);
    assert_eq!(harness.ask(5, HostMessage::Signal { signal: 9 }), []);
    assert_eq!(harness.turn(), [], "its thread is not known to be free");
    let pid = process.pid();
    let exit = exit_of(5, harness.notify(Notice::Ended { pid }));
    assert_eq!((exit.code, exit.signal), (137, 9));
}

#[test]
fn the_timeout_and_the_limit_of_the_vm_kill_and_the_sooner_one_counts() {
    for (timeout, limit, by_limit) in [
        (Some(1000), None, false),
        (None, Some(1000), true),
        (Some(1000), Some(1000), false),
        (Some(3_600_000), Some(1000), true),
    ] {
        let mut harness = Harness::with(VmConfig {
            limits: VmLimits {
                wall_clock_ms: limit,
                ..VmLimits::default()
            },
            ..VmConfig::default()
        });
        let process = harness.start(
            5,
            Program {
                timeout_ms: timeout,
                ..program()
            },
        );
        assert_eq!(harness.advance(Duration::from_millis(1)), []);
        assert_eq!(process.exit_status(), None);
        assert_eq!(harness.advance(Duration::from_millis(1500)), []);
        let pid = process.pid();
        let exit = exit_of(5, harness.notify(Notice::Ended { pid }));
        assert_eq!(exit.code, 137);
        match exit.cause {
            Some(Cause::Limit(limit)) if by_limit => {
                assert_eq!(limit.name, "limits.jsRuntime.wallClockLimitMs");
            }
            Some(Cause::TimedOut) if !by_limit => {}
            cause => panic!("{timeout:?} {limit:?}: {cause:?}"),
        }
    }
}

#[test]
fn processor_time_is_renewed_of_the_program_that_is_meant() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    assert_eq!(harness.ask(6, HostMessage::RenewCpuTime), []);
    assert_eq!(harness.ask(5, HostMessage::RenewCpuTime), []);
    assert_eq!(*harness.played.renewed.lock(), [process.pid()]);
}

/// As many programs as may run at a time, and their calls.
fn crowd(harness: &mut Harness) -> Vec<(u64, Arc<Process>)> {
    (10..14)
        .map(|call| (call, harness.start(call, program())))
        .collect()
}

fn small() -> Harness {
    Harness::with(VmConfig {
        limits: VmLimits {
            max_memory_bytes: 64 << 20,
            ..VmLimits::default()
        },
        ..VmConfig::default()
    })
}

#[test]
fn programs_take_turns_and_what_came_for_one_that_waits_is_kept() {
    let mut harness = small();
    let running = crowd(&mut harness);
    let waits = Program {
        streaming: true,
        ..program()
    };
    assert_eq!(harness.ask(20, spawn(waits)), []);
    assert!(harness.played.started.lock().is_empty());
    let input = HostMessage::Input {
        stream: 0,
        data: b"kept".to_vec(),
        end: true,
    };
    assert_eq!(harness.ask(20, input), []);
    // One with a live handle may be what the others wait for.
    let announced = Program {
        announce: true,
        ..program()
    };
    assert_eq!(harness.ask(21, spawn(announced)).len(), 1);
    harness.last_started();
    running[0].1.exit(0);
    let said = harness.turn();
    assert!(said.iter().any(|frame| frame.call == 10), "{said:?}");
    let process = harness.last_started();
    let mut buf = [0; 10];
    assert_eq!(process.read(0, &mut buf), Ok(4));
    assert_eq!(process.read(0, &mut buf), Ok(0));
}

#[test]
fn one_that_waits_is_ended_by_a_signal_and_by_its_time() {
    let mut harness = small();
    let running = crowd(&mut harness);
    let timed = Program {
        timeout_ms: Some(1000),
        ..program()
    };
    assert_eq!(harness.ask(20, spawn(program())), []);
    assert_eq!(harness.ask(21, spawn(timed)), []);
    let said = harness.ask(20, HostMessage::Signal { signal: 15 });
    let [VmMessage::Exited(exit)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!((exit.code, exit.signal), (143, 15));
    let exit = exit_of(21, harness.advance(LONG));
    assert_eq!((exit.code, exit.cause), (137, Some(Cause::TimedOut)));
    running[0].1.exit(0);
    harness.turn();
    assert!(harness.played.started.lock().is_empty());
}

#[test]
fn those_that_cannot_start_when_it_is_their_turn_let_the_next_one() {
    let mut harness = small();
    let running = crowd(&mut harness);
    let missing = Program {
        argv: vec!["missing".into()],
        ..program()
    };
    assert_eq!(harness.ask(20, spawn(missing)), []);
    assert_eq!(harness.ask(21, spawn(program())), []);
    running[0].1.exit(0);
    let said = harness.turn();
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(failure_of(vec![said[1].message.clone()]), "ENOENT");
    harness.last_started();
}

#[test]
fn a_terminal_is_resized_and_ended_by_what_is_typed() {
    let mut harness = Harness::new();
    let size = TerminalSize { cols: 80, rows: 24 };
    let process = harness.start(
        5,
        Program {
            terminal: Some(size),
            ..program()
        },
    );
    let size = TerminalSize {
        cols: 132,
        rows: 43,
    };
    assert_eq!(harness.ask(5, HostMessage::Resize(size)), []);
    let window = process.tiocgwinsz(0).unwrap();
    assert_eq!((window.cols, window.rows), (132, 43));
    let end = HostMessage::Input {
        stream: 0,
        data: Vec::new(),
        end: true,
    };
    harness.say(super::VM, 5, end);
    assert_eq!(process.read(0, &mut [0; 10]), Ok(0));
}

#[test]
fn a_vm_that_is_destroyed_settles_everything_first() {
    let mut harness = small();
    let running = crowd(&mut harness);
    let timed = Program {
        stdin: Stdin::Whole(b"x".to_vec()),
        ..program()
    };
    assert_eq!(harness.ask(20, spawn(timed)), []);
    running[1].1.write(1, b"out").unwrap();
    let said = harness.say(super::VM, 30, HostMessage::Destroy);
    let (last, ends) = said.split_last().unwrap();
    assert_eq!((last.call, &last.message), (30, &VmMessage::Destroyed));
    let ends: Vec<(u64, &Exit)> = ends
        .iter()
        .filter_map(|frame| match &frame.message {
            VmMessage::Exited(exit) => Some((frame.call, &**exit)),
            VmMessage::InputCredit { .. } => None,
            other => panic!("{other:?}"),
        })
        .collect();
    let calls: Vec<u64> = ends.iter().map(|(call, _)| *call).collect();
    assert_eq!(calls, [10, 11, 12, 13, 20]);
    assert!(
        ends.iter()
            .all(|(_, exit)| (exit.code, exit.signal) == (143, 15))
    );
    assert_eq!(ends[1].1.stdout, b"out");
    assert!(harness.played.closed.load(Ordering::Relaxed));
    let again = harness.ask(31, HostMessage::Destroy);
    assert_eq!(failure_of(again), "ERR_VM_CRASHED");
}
