//! Creation, and what the runtimes of guests have to say.

use secure_exec_protocol::bounds::MAX_TEXT;
use secure_exec_protocol::{Cause, HostMessage, Limit, VmConfig, VmFrame, VmLimits, VmMessage};

use super::{Harness, VM, exit_of, failure_of, program};
use crate::mailbox::Notice;

fn limit() -> Limit {
    Limit {
        name: "limits.jsRuntime.cpuTimeLimitMs".into(),
        bound: 1,
        used: 2,
    }
}

fn create(config: VmConfig) -> HostMessage {
    HostMessage::Create(config.into())
}

#[test]
fn a_vm_that_is_there_is_not_made_again() {
    let mut harness = Harness::new();
    assert_eq!(
        failure_of(harness.ask(2, create(VmConfig::default()))),
        "EEXIST"
    );
    assert!(matches!(
        harness.say(2, 3, create(VmConfig::default()))[0].message,
        VmMessage::Created { .. }
    ));
}

#[test]
fn a_runtime_that_refuses_and_a_limit_that_the_machine_passes_are_told() {
    let mut harness = Harness::empty();
    *harness.played.refusal.lock() = Some("no engine".into());
    let said = harness.ask(2, create(VmConfig::default()));
    let [VmMessage::Failed(failure)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(
        (&failure.code[..], &failure.message[..]),
        ("ERR_VM_START", "no engine")
    );
    let limits = VmLimits {
        max_inodes: 3,
        ..VmLimits::default()
    };
    let config = VmConfig {
        limits,
        ..VmConfig::default()
    };
    let said = harness.ask(3, create(config));
    let [VmMessage::Failed(failure)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(failure.code, "ERR_RESOURCE_LIMIT");
    let limit = failure.limit.as_ref().unwrap();
    assert_eq!(limit.name, "limits.resources.maxInodeCount");
    assert_eq!(
        failure_of(harness.ask(4, HostMessage::Processes)),
        "ERR_VM_CRASHED"
    );
}

#[test]
fn a_limit_that_killed_a_program_is_its_cause_unless_its_time_was_over() {
    for timed_out in [false, true] {
        let mut harness = Harness::new();
        let process = harness.start(
            5,
            secure_exec_protocol::Program {
                timeout_ms: Some(1000),
                ..program()
            },
        );
        if timed_out {
            assert_eq!(harness.advance(std::time::Duration::from_secs(2)), []);
        } else {
            assert_eq!(harness.ask(5, HostMessage::Signal { signal: 9 }), []);
        }
        let pid = process.pid();
        let breach = Notice::Breach {
            pid: Some(pid),
            limit: limit(),
        };
        assert_eq!(harness.notify(breach), []);
        let exit = exit_of(5, harness.notify(Notice::Ended { pid }));
        let cause = if timed_out {
            Cause::TimedOut
        } else {
            Cause::Limit(limit())
        };
        assert_eq!(exit.cause, Some(cause));
    }
}

#[test]
fn notices_about_processes_that_nobody_knows_change_nothing() {
    let mut harness = Harness::new();
    harness.start(5, program());
    let nobody = secure_exec_kernel::Pid::from_raw(999);
    for pid in [None, Some(nobody)] {
        let breach = Notice::Breach {
            pid,
            limit: limit(),
        };
        assert_eq!(harness.notify(breach), []);
    }
    assert_eq!(harness.notify(Notice::Ended { pid: nobody }), []);
    harness
        .server
        .mailbox
        .notify(77, Notice::Ended { pid: nobody });
    assert_eq!(harness.turn(), []);
}

#[test]
fn a_process_is_condemned_once_and_with_a_bounded_reason() {
    let mut harness = Harness::new();
    let fatal = || Notice::Fatal {
        message: "ü".repeat(MAX_TEXT),
        limit: Some(limit()),
    };
    let said = harness.notify(fatal());
    let [frame] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!((frame.vm, frame.call), (0, 0));
    let VmMessage::Condemned {
        why,
        limit: Some(_),
    } = &frame.message
    else {
        panic!("{frame:?}");
    };
    assert!(why.len() <= MAX_TEXT && why.starts_with('ü'));
    assert!(harness.is_condemned());
    assert_eq!(harness.notify(fatal()), []);
    // Its files can still be had.
    let chunk = harness.ask(9, HostMessage::Export { offset: 0 });
    assert!(matches!(chunk[..], [VmMessage::Chunk { .. }]));
}

#[test]
fn a_guest_that_is_stuck_condemns_before_its_call_ends() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    assert_eq!(harness.ask(5, HostMessage::Signal { signal: 9 }), []);
    let said = harness.notify(Notice::Stuck { pid: process.pid() });
    let kinds: Vec<(u32, u64)> = said.iter().map(|frame| (frame.vm, frame.call)).collect();
    assert_eq!(kinds, [(0, 0), (VM, 5)]);
    assert!(matches!(said[0].message, VmMessage::Condemned { .. }));
    assert!(matches!(said[1].message, VmMessage::Exited(_)));
}

/// The calls and short names of what is warned of, with the use.
fn warnings(frames: &[VmFrame]) -> Vec<(u64, &str, u64)> {
    let mut warnings = Vec::new();
    for frame in frames {
        if let VmMessage::Warning(limit) = &frame.message {
            let name = limit.name.rsplit('.').next().unwrap_or_default();
            warnings.push((frame.call, name, limit.used));
        }
    }
    warnings
}

fn warned(limits: VmLimits, warn: bool) -> Harness {
    Harness::with(VmConfig {
        limits,
        warn,
        ..VmConfig::default()
    })
}

#[test]
fn use_of_most_of_a_limit_is_told_once_of_each_program() {
    for warn in [true, false] {
        let limits = VmLimits {
            max_pipes: 5,
            ..VmLimits::default()
        };
        let mut harness = warned(limits, warn);
        let expected = |call| {
            if warn {
                vec![(call, "maxPipes", 4)]
            } else {
                Vec::new()
            }
        };
        let first = harness.start(5, program());
        let open = |process: &secure_exec_kernel::Process, count: usize| {
            for _ in 0..count {
                process
                    .pipe2(secure_exec_kernel::OpenFlags::empty())
                    .unwrap();
            }
        };
        open(&first, 3);
        assert_eq!(harness.turn(), []);
        open(&first, 1);
        assert_eq!(warnings(&harness.turn()), expected(5));
        open(&first, 1);
        assert_eq!(harness.turn(), []);
        first.exit(0);
        harness.turn();
        let second = harness.start(6, program());
        open(&second, 4);
        assert_eq!(warnings(&harness.turn()), expected(6));
        // It has ended before the mail is read: it is its own all the same.
        second.exit(0);
        harness.turn();
        let third = harness.start(7, program());
        open(&third, 4);
        third.exit(0);
        harness.server.with(VM, |machine, out| machine.pump(7, out));
        let told = harness.turn();
        assert_eq!(warnings(&told), expected(7));
        assert!(matches!(
            told.last(),
            Some(VmFrame {
                call: 7,
                message: VmMessage::Exited(_),
                ..
            })
        ));
        // What was left behind belongs to no call, and is told once.
        for call in [8, 9] {
            let fourth = harness.start(call, program());
            let mut left = None;
            let keep = |child: &std::sync::Arc<secure_exec_kernel::Process>| {
                left = Some(child.clone());
                Ok(())
            };
            fourth.fork(keep).unwrap();
            let left = left.unwrap();
            fourth.exit(0);
            harness.turn();
            open(&left, 4);
            let told = harness.turn();
            left.exit(0);
            assert_eq!(
                warnings(&told),
                if call == 8 { expected(0) } else { Vec::new() }
            );
        }
    }
}

#[test]
fn what_the_host_itself_uses_belongs_to_no_call() {
    let limits = VmLimits {
        max_processes: 5,
        ..VmLimits::default()
    };
    let mut harness = warned(limits, true);
    for call in 10..13 {
        harness.start(call, program());
    }
    let said = harness.say(VM, 13, HostMessage::Spawn(program().into()));
    let mut told = warnings(&said);
    let said = harness.turn();
    told.extend(warnings(&said));
    assert_eq!(told, [(0, "maxProcesses", 4)]);
}

#[test]
fn the_time_that_a_limit_gives_is_warned_of_before_it_is_over() {
    let limits = VmLimits {
        wall_clock_ms: Some(1000),
        ..VmLimits::default()
    };
    let mut harness = warned(limits, true);
    let process = harness.start(5, program());
    let late = std::time::Duration::from_millis(900);
    let told = harness.advance(late);
    assert_eq!(warnings(&told), [(5, "wallClockLimitMs", 800)]);
    assert_eq!(process.exit_status(), None);
    assert_eq!(harness.advance(late), []);
}
