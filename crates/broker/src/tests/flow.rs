//! What a VM process may send without being asked, and how much of it.

use secure_exec_protocol::{
    CONTROL_OUT, Exit, HostMessage, Request, STDIN, STREAM_WINDOW, Stdin, VmConfig, VmLimits,
    VmMessage,
};

use super::{Running, exited, output};
use crate::event::Event;
use crate::harness::program;

fn returning(bound: u64) -> Running {
    let limits = VmLimits {
        return_value_bytes: bound,
        ..VmLimits::default()
    };
    let mut program = program();
    program.returns = true;
    Running::with(
        VmConfig {
            limits,
            ..VmConfig::default()
        },
        program,
    )
}

fn limited(pending: u64, payload: u64, bytes: u64) -> Running {
    let limits = VmLimits {
        tools_pending: pending,
        tool_payload_bytes: payload,
        tools_pending_bytes: bytes,
        ..VmLimits::default()
    };
    Running::with(
        VmConfig {
            limits,
            ..VmConfig::default()
        },
        program(),
    )
}

fn tool_call(id: u64, bytes: usize) -> VmMessage {
    let request = Request::Tool {
        pid: 2,
        tool: "x".into(),
        input: "x".repeat(bytes),
    };
    VmMessage::Request { id, request }
}

#[test]
fn output_goes_as_far_as_its_credit() {
    let mut running = Running::new();
    running.say(output(1, STREAM_WINDOW));
    running.say(output(2, STREAM_WINDOW));
    running.assert_runs();
    running.machine.credit(running.call, 1, 20_000);
    running.harness.settle();
    let heard = running.peer.hear();
    let credits: Vec<_> = heard.iter().map(|frame| &frame.message).collect();
    assert_eq!(
        credits,
        [&HostMessage::Credit {
            stream: 1,
            bytes: 20_000
        }]
    );
    running.say(output(1, 20_000));
    running.assert_runs();
    running.say(output(1, 1));
    assert_eq!(running.why(), "protocol violation: output without credit");
}

#[test]
fn credit_is_given_in_pieces() {
    let mut running = Running::new();
    for _ in 0..STREAM_WINDOW {
        running.peer.say(1, running.call, output(1, 1));
        running.machine.credit(running.call, 1, 1);
        running.harness.turn();
    }
    running.harness.settle();
    assert_eq!(running.peer.hear().len(), 4);
    running.assert_runs();
}

#[test]
fn what_a_control_pipe_held_comes_right_before_the_end() {
    let controlled = || {
        let mut program = program();
        program.control = true;
        Running::with(VmConfig::default(), program)
    };
    let mut running = controlled();
    running.say(output(CONTROL_OUT, STREAM_WINDOW));
    running.say(output(CONTROL_OUT, STREAM_WINDOW));
    running.say(exited(0));
    running.assert_runs();
    let mut running = controlled();
    running.say(output(CONTROL_OUT, STREAM_WINDOW));
    running.say(output(CONTROL_OUT, STREAM_WINDOW));
    running.say(output(CONTROL_OUT, 1));
    assert_eq!(
        running.why(),
        "protocol violation: output outside of a program's life"
    );
}

#[test]
fn a_terminal_has_one_stream_of_output() {
    let mut program = program();
    program.terminal = Some(secure_exec_protocol::TerminalSize { cols: 80, rows: 24 });
    let mut running = Running::with(VmConfig::default(), program);
    running.say(output(1, 1));
    running.assert_runs();
    running.say(output(2, 1));
    assert_eq!(
        running.why(),
        "protocol violation: output of a stream that is none"
    );
}

#[test]
fn input_is_taken_once() {
    let mut program = program();
    program.stdin = Stdin::Stream;
    let mut running = Running::with(VmConfig::default(), program);
    running
        .machine
        .input(running.call, STDIN, vec![0; 100], false);
    running.harness.settle();
    let taken = |bytes| VmMessage::InputCredit {
        stream: STDIN,
        bytes,
    };
    running.say(taken(60));
    running.say(taken(40));
    running.assert_runs();
    running.say(taken(1));
    assert_eq!(
        running.why(),
        "protocol violation: more input was taken than was given"
    );
}

#[test]
fn a_value_is_put_together_within_its_limit() {
    let value = |json: &str| VmMessage::Value { data: json.into() };
    let ended = |json: &str| {
        VmMessage::Exited(Box::new(Exit {
            value: Some(json.into()),
            ..Exit::default()
        }))
    };
    let mut running = returning(20);
    running.say(value("[1,2"));
    running.say(ended(",3,4]"));
    let events = running.machine.events();
    let [Event::Exited { exit, .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(exit.value.as_deref(), Some(&b"[1,2,3,4]"[..]));

    let over = "protocol violation: a value over limits.jsRuntime.returnValueLimitBytes";
    for pieces in [
        vec!["[1,2,3,4,5", "]"],
        vec!["[[[", ""],
        vec!["[{},", "{}]"],
    ] {
        let mut running = returning(10);
        running.say(value(pieces[0]));
        if !pieces[1].is_empty() {
            running.say(ended(pieces[1]));
        }
        assert_eq!(running.why(), over, "{pieces:?}");
    }
    let mut running = returning(10);
    running.say(value("1234"));
    running.say(exited(0));
    assert_eq!(running.why(), "protocol violation: a value without its end");
}

#[test]
fn calls_of_tools_are_counted_until_their_answers_are_gone() {
    let mut running = limited(2, 10, 15);
    running.say(tool_call(7, 10));
    running.say(tool_call(8, 5));
    let numbers: Vec<u64> = running
        .machine
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::ToolCall { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 2]);
    running.machine.tool_result(1, Ok("1".into()));
    running.harness.settle();
    let heard = running.peer.hear();
    let [answer] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert!(matches!(answer.message, HostMessage::Answer { id: 7, .. }));
    running.say(tool_call(7, 10));
    running.assert_runs();
    // An answer that nobody waits for, or that was given already, is not sent.
    running.machine.tool_result(1, Ok("1".into()));
    running.machine.tool_result(99, Ok("1".into()));
    running.harness.settle();
    assert!(running.peer.hear().is_empty());
}

#[test]
fn calls_of_tools_beyond_a_limit_end_the_process() {
    for (calls, rule) in [
        (
            vec![(1, 1), (1, 1)],
            "a call of a tool has the number of one that runs",
        ),
        (
            vec![(1, 1), (2, 1), (3, 1)],
            "more calls of tools than limits.tools.maxPending",
        ),
        (
            vec![(1, 11)],
            "the input of a tool is over limits.tools.maxPayloadBytes",
        ),
        (
            vec![(1, 10), (2, 10)],
            "inputs of tools over limits.tools.maxPendingBytes",
        ),
    ] {
        let mut running = limited(2, 10, 15);
        for (id, bytes) in calls {
            running.say(tool_call(id, bytes));
        }
        assert_eq!(running.why(), format!("protocol violation: {rule}"));
    }
}

#[test]
fn calls_of_tools_end_with_their_process() {
    let mut running = limited(2, 10, 15);
    running.say(tool_call(7, 1));
    running.peer.exit("signal SIGSEGV");
    running.harness.settle();
    let events = running.machine.events();
    let cancelled = |event: &Event| matches!(event, Event::ToolCancelled { id: 1 });
    assert!(events.iter().any(cancelled), "{events:?}");
}

#[test]
fn a_call_of_a_tool_is_given_up_once() {
    let mut running = limited(2, 10, 15);
    running.say(tool_call(7, 1));
    running.say(VmMessage::Abandoned { id: 7 });
    running.assert_runs();
    running.say(VmMessage::Abandoned { id: 7 });
    assert_eq!(
        running.why(),
        "protocol violation: a call of a tool ends that was never made"
    );
}

#[test]
fn traced_lines_wait_until_they_are_taken() {
    let config = VmConfig {
        trace: true,
        ..VmConfig::default()
    };
    let trace = || VmMessage::Trace {
        text: "x\n".into(),
        times: vec![1],
    };
    let mut running = Running::with(config, program());
    running.peer.say(1, 0, trace());
    // What a program did is told before its end.
    running.peer.say(1, 0, trace());
    running.say(exited(0));
    running.assert_runs();
    running.machine.trace_taken();
    running.machine.trace_taken();
    running.call = running.machine.spawn(program());
    running.harness.settle();
    running.peer.say(1, 0, trace());
    running.peer.say(1, 0, trace());
    running.harness.settle();
    running.assert_runs();
    running.peer.say(1, 0, trace());
    running.harness.settle();
    assert_eq!(
        running.why(),
        "protocol violation: traced lines that were not asked for"
    );
}

#[test]
fn an_embedder_who_is_behind_is_not_read_to() {
    let mut running = Running::new();
    running.machine.set_backlog(5 << 20);
    running.say(output(1, 1));
    running.say(output(1, 2));
    running.say(exited(0));
    let events = running.machine.events();
    assert!(matches!(events[..], [Event::Output { .. }]), "{events:?}");
    // It is no fault of the process that its answers are not read.
    let call = running.machine.resources();
    running.harness.advance(super::SECOND * 60);
    assert!(!running.peer.is_killed());
    running.machine.set_backlog(0);
    running
        .peer
        .say(1, call, VmMessage::Resources(Default::default()));
    running.harness.settle();
    assert_eq!(running.machine.events().len(), 3);
}

#[test]
fn a_process_that_never_reads_is_ended() {
    // What the embedder itself has given may wait as long as the process is busy.
    let mut program = program();
    program.stdin = Stdin::Stream;
    let mut running = Running::with(VmConfig::default(), program);
    running.peer.set_busy(true);
    running
        .machine
        .input(running.call, STDIN, vec![0; 40 << 20], true);
    running.harness.advance(super::SECOND * 20);
    running.assert_runs();
    running.harness.advance(super::SECOND * 20);
    assert_eq!(running.why(), "it does not read its socket");
}

#[test]
fn answers_to_a_process_that_never_reads_are_bounded() {
    let mut running = limited(1 << 20, 10, 1 << 30);
    let mut made = 0;
    while !running.peer.is_killed() {
        made += 1;
        assert!(made < 2_000_000, "answers pile up");
        running.peer.say(1, 0, tool_call(made, 1));
        running.harness.turn();
        for event in running.machine.events() {
            if let Event::ToolCall { id, .. } = event {
                running.machine.tool_result(id, Err("no".into()));
            }
        }
        if made % 1000 == 0 {
            running.harness.advance(super::SECOND / 10);
        }
    }
}
