//! Tools, traces and the list of processes.

use std::sync::mpsc::{Receiver, channel};

use secure_exec_node::host::Refusal;
use secure_exec_protocol::{
    Answer, HostMessage, Request, Tool, ToolFailure, VmConfig, VmFrame, VmMessage,
};

use super::{Harness, exit_of, of, program};

fn tool(name: &str) -> Tool {
    Tool {
        name: name.into(),
        schema: "{}".into(),
        ..Tool::default()
    }
}

fn answer(id: u64, json: &str) -> HostMessage {
    HostMessage::Answer {
        id,
        answer: Answer::Value(json.into()),
    }
}

type Settled = Receiver<Result<String, Refusal>>;

/// A call of a tool by a program, as `callTool` makes it.
fn call_tool(
    harness: &Harness,
    process: &secure_exec_kernel::Process,
    name: &str,
) -> (Result<u64, Refusal>, Settled) {
    let (sender, receiver) = channel();
    let host = harness.played.hosts.lock()[0].clone();
    let settle = Box::new(move |result| drop(sender.send(result)));
    (host.call_tool(process, name, "{}".into(), settle), receiver)
}

#[test]
fn a_tool_is_called_and_answered_once() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    assert!(call_tool(&harness, &process, "weather").0.is_err());
    harness.ask(6, HostMessage::RegisterTools(vec![tool("weather")]));
    let (id, settled) = call_tool(&harness, &process, "weather");
    let id = id.map_err(|refusal| refusal.message).unwrap();
    let said = harness.turn();
    // It is told with the call of the program.
    let [
        VmFrame {
            call: 5,
            message: VmMessage::Request { id: told, request },
            ..
        },
    ] = &said[..]
    else {
        panic!("{said:?}");
    };
    let Request::Tool { pid, tool, .. } = request else {
        panic!("{request:?}");
    };
    assert_eq!(
        (*told, *pid, &tool[..]),
        (id, process.pid().raw(), "weather")
    );
    // An answer to nothing; then the answer; then the same again.
    assert_eq!(harness.ask(0, answer(id + 1, "0")), []);
    assert_eq!(harness.ask(0, answer(id, "1")), []);
    assert_eq!(harness.ask(0, answer(id, "2")), []);
    let all: Vec<String> = settled.iter().map(|result| result.ok().unwrap()).collect();
    assert_eq!(all, ["1"]);
}

#[test]
fn a_refusal_is_told_and_what_is_abandoned_too() {
    let mut harness = Harness::with(VmConfig {
        tools: vec![tool("weather")],
        ..VmConfig::default()
    });
    let process = harness.start(5, program());
    let (id, settled) = call_tool(&harness, &process, "weather");
    let id = id.map_err(|refusal| refusal.message).unwrap();
    harness.turn();
    let failed = HostMessage::Answer {
        id,
        answer: Answer::Failed(ToolFailure::from("it rains")),
    };
    assert_eq!(harness.ask(0, failed), []);
    assert_eq!(settled.recv().unwrap().unwrap_err().message, "it rains");

    let (id, settled) = call_tool(&harness, &process, "weather");
    let id = id.map_err(|refusal| refusal.message).unwrap();
    harness.turn();
    harness.played.hosts.lock()[0].abandon(id);
    assert_eq!(of(0, harness.turn()), [VmMessage::Abandoned { id }]);
    assert_eq!(harness.ask(0, answer(id, "1")), []);
    assert!(settled.recv().is_err());
}

#[test]
fn what_a_guest_asks_of_a_vm_that_is_gone_is_not_told() {
    let mut harness = Harness::with(VmConfig {
        tools: vec![tool("weather")],
        ..VmConfig::default()
    });
    let process = harness.start(5, program());
    assert!(call_tool(&harness, &process, "weather").0.is_ok());
    harness.server.machines.clear();
    assert_eq!(harness.turn(), []);
}

#[test]
fn a_tool_that_has_no_place_fails() {
    let mut harness = Harness::new();
    let failed = harness.ask(6, HostMessage::RegisterTools(vec![tool("a/b")]));
    assert!(matches!(failed[..], [VmMessage::Failed(_)]), "{failed:?}");
}

#[test]
fn one_trace_is_under_way_and_a_program_is_told_before_its_end() {
    let mut harness = Harness::with(VmConfig {
        trace: true,
        ..VmConfig::default()
    });
    let lines = |frames: &[VmFrame]| -> usize {
        let count = |frame: &VmFrame| match &frame.message {
            VmMessage::Trace { text, times } => {
                assert_eq!(text.lines().count(), times.len());
                times.len()
            }
            _ => 0,
        };
        frames.iter().map(count).sum()
    };
    harness.say(super::VM, 5, HostMessage::Spawn(program().into()));
    let process = harness.last_started();
    let said = harness.turn();
    let _ = said;
    process.write(1, b"x").unwrap();
    assert_eq!(
        lines(&harness.turn()),
        0,
        "the host has not taken the first"
    );
    assert!(lines(&harness.say(super::VM, 0, HostMessage::TraceTaken)) > 0);
    process.write(1, b"x").unwrap();
    process.exit(0);
    let said = harness.turn();
    assert!(
        matches!(said[0].message, VmMessage::Trace { .. }),
        "{said:?}"
    );
    assert!(matches!(said[1].message, VmMessage::Exited(_)), "{said:?}");
}

#[test]
fn nothing_is_traced_that_was_not_asked_for() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    process.write(1, b"x").unwrap();
    assert_eq!(harness.ask(0, HostMessage::TraceTaken), []);
    process.exit(0);
    assert_eq!(exit_of(5, harness.turn()).stdout, b"x");
}

#[test]
fn processes_are_listed_with_what_they_are() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    let said = harness.ask(6, HostMessage::Processes);
    let [VmMessage::Processes(entries)] = &said[..] else {
        panic!("{said:?}");
    };
    let [entry] = &entries[..] else {
        panic!("{entries:?}");
    };
    assert_eq!(entry.pid, process.pid().raw());
    assert_eq!(
        (&entry.argv[..], &entry.state[..]),
        ("program\0", "running")
    );
    assert_eq!(entry.cwd, "/workspace");
}
