//! Every message of the host's, in states in which nobody expects it.

use secure_exec_protocol::{
    Answer, Endpoint, FileReply, FileRequest, HostMessage, ImagePlace, Mount, TerminalSize, Tool,
    VmConfig, VmMessage,
};

use super::{Harness, VM, program};

/// The message behind this one, through all of them. One that is not in the chain does not compile.
fn next(message: &HostMessage) -> Option<HostMessage> {
    Some(match message {
        HostMessage::Create(_) => HostMessage::Destroy,
        HostMessage::Destroy => HostMessage::Spawn(program().into()),
        HostMessage::Spawn(_) => HostMessage::Code {
            size: 1,
            data: b";".to_vec(),
        },
        HostMessage::Code { .. } => HostMessage::Input {
            stream: 0,
            data: b"x".to_vec(),
            end: true,
        },
        HostMessage::Input { .. } => HostMessage::Signal { signal: 9 },
        HostMessage::Signal { .. } => HostMessage::Credit {
            stream: 1,
            bytes: u32::MAX,
        },
        HostMessage::Credit { .. } => HostMessage::Resize(TerminalSize { cols: 1, rows: 1 }),
        HostMessage::Resize(_) => HostMessage::RenewCpuTime,
        HostMessage::RenewCpuTime => HostMessage::TraceTaken,
        HostMessage::TraceTaken => HostMessage::Processes,
        HostMessage::Processes => HostMessage::Connect(Endpoint::Port(80)),
        HostMessage::Connect(_) => HostMessage::Disconnect { reset: true },
        HostMessage::Disconnect { .. } => HostMessage::ListenersTaken,
        HostMessage::ListenersTaken => HostMessage::RegisterTools(vec![Tool {
            name: "t".into(),
            schema: "{}".into(),
            ..Tool::default()
        }]),
        HostMessage::RegisterTools(_) => HostMessage::Mount(Mount::default().into()),
        HostMessage::Mount(_) => HostMessage::Unmount {
            path: b"/tmp".to_vec(),
        },
        HostMessage::Unmount { .. } => HostMessage::Answer {
            id: 7,
            answer: Answer::Value("1".into()),
        },
        HostMessage::Answer { .. } => HostMessage::File(FileRequest::Exists {
            path: b"/tmp".to_vec(),
        }),
        HostMessage::File(_) => HostMessage::Resources,
        HostMessage::Resources => HostMessage::Export { offset: 0 },
        HostMessage::Export { .. } => HostMessage::Import {
            data: Vec::new(),
            last: false,
        },
        HostMessage::Import { .. } => HostMessage::Ping,
        HostMessage::Ping => HostMessage::Capture,
        HostMessage::Capture => HostMessage::Fill { number: None },
        HostMessage::Fill { .. } => HostMessage::Segment {
            number: 1,
            length: 1,
        },
        HostMessage::Segment { .. } => HostMessage::Restore {
            segments: vec![1],
            image: ImagePlace::default(),
        },
        HostMessage::Restore { .. } => return None,
    })
}

fn every() -> impl Iterator<Item = HostMessage> {
    let first = HostMessage::Create(VmConfig::default().into());
    std::iter::successors(Some(first), next)
}

/// Whether an answer is the one that the message has in a VM without programs.
fn answers(message: &HostMessage, answer: &VmMessage) -> bool {
    match message {
        HostMessage::Create(_) => {
            matches!(answer, VmMessage::Failed(failure) if failure.code == "EEXIST")
        }
        HostMessage::Destroy => matches!(answer, VmMessage::Destroyed),
        HostMessage::Processes => matches!(answer, VmMessage::Processes(_)),
        HostMessage::Connect(_) => {
            matches!(answer, VmMessage::Failed(failure) if failure.code == "ECONNREFUSED")
        }
        HostMessage::RegisterTools(_) => matches!(answer, VmMessage::File(FileReply::Done)),
        // It has no channel for files.
        HostMessage::Mount(_) => {
            matches!(answer, VmMessage::Failed(failure) if failure.code == "ENODEV")
        }
        HostMessage::Unmount { .. } => {
            matches!(answer, VmMessage::Failed(failure) if failure.code == "EINVAL")
        }
        HostMessage::File(_) => matches!(answer, VmMessage::File(FileReply::Exists(true))),
        HostMessage::Resources => matches!(answer, VmMessage::Resources(_)),
        HostMessage::Export { .. } => matches!(answer, VmMessage::Chunk { .. }),
        HostMessage::Import { .. } => matches!(answer, VmMessage::Imported),
        HostMessage::Ping => matches!(answer, VmMessage::Pong),
        HostMessage::Capture => matches!(answer, VmMessage::Captured(_)),
        HostMessage::Fill { .. } => matches!(answer, VmMessage::File(FileReply::Done)),
        // Its segment has not come.
        HostMessage::Restore { .. } => {
            matches!(answer, VmMessage::Failed(failure) if failure.code == "ENOMEM")
        }
        // Its answer is its end.
        HostMessage::Spawn(_)
        | HostMessage::Code { .. }
        | HostMessage::Input { .. }
        | HostMessage::Signal { .. }
        | HostMessage::Credit { .. }
        | HostMessage::Resize(_)
        | HostMessage::RenewCpuTime
        | HostMessage::TraceTaken
        | HostMessage::Disconnect { .. }
        | HostMessage::ListenersTaken
        | HostMessage::Segment { .. }
        | HostMessage::Answer { .. } => false,
    }
}

/// Number of kinds: the first byte of an encoded message is its kind's.
#[test]
fn the_chain_has_every_kind_once() {
    let kinds = every().map(|message| {
        let mut frame = Vec::new();
        secure_exec_protocol::encode(&message, &mut frame).unwrap();
        usize::from(frame[4])
    });
    let mut kinds: Vec<usize> = kinds.collect();
    kinds.sort_unstable();
    assert_eq!(kinds, (0..kinds.len()).collect::<Vec<_>>());
}

#[test]
fn requests_to_a_vm_that_is_not_there_fail_and_the_rest_is_dropped() {
    for message in every() {
        let mut harness = Harness::new();
        let told = format!("{message:?}");
        let (request, served) = (
            message.is_request(),
            matches!(message, HostMessage::Ping | HostMessage::Create(_)),
        );
        let said = harness.say(9, 5, message);
        match &said[..] {
            [] => assert!(!request, "{told}"),
            [frame] => {
                assert!(
                    request && (frame.vm, frame.call) == (9, 5),
                    "{told}: {frame:?}"
                );
                let failed = matches!(&frame.message, VmMessage::Failed(failure) if failure.code == "ERR_VM_CRASHED");
                assert_eq!(failed, !served, "{told}: {frame:?}");
            }
            _ => panic!("{told}: {said:?}"),
        }
        assert!(matches!(
            harness.ask(6, HostMessage::Processes)[..],
            [VmMessage::Processes(_)]
        ));
    }
}

#[test]
fn what_is_about_a_call_that_is_not_there_changes_nothing() {
    for message in every() {
        let mut harness = Harness::new();
        let told = format!("{message:?}");
        let kind = message.clone();
        let said = harness.ask(5, message);
        match &said[..] {
            [] => assert!(
                !kind.is_request() || matches!(kind, HostMessage::Spawn(_)),
                "{told}"
            ),
            [answer] => assert!(answers(&kind, answer), "{told}: {answer:?}"),
            _ => panic!("{told}: {said:?}"),
        }
        let there = harness.say(VM, 6, HostMessage::Resources);
        assert_eq!(there.len(), 1, "{told}: {there:?}");
        assert!(!harness.is_condemned());
    }
}

#[test]
fn what_comes_behind_the_end_of_a_call_changes_nothing() {
    for message in every().filter(|message| !message.is_request()) {
        let mut harness = Harness::new();
        let told = format!("{message:?}");
        let process = harness.start(5, program());
        process.exit(0);
        assert_eq!(super::exit_of(5, harness.turn()).code, 0, "{told}");
        assert_eq!(harness.ask(5, message), [], "{told}");
    }
}

#[test]
fn a_frame_that_is_none_and_the_end_of_the_socket_end_the_server() {
    use super::Ready;
    let ready = Ready {
        readable: true,
        writable: false,
    };
    let Harness {
        mut server, host, ..
    } = Harness::new();
    drop(host);
    assert!(!server.turn(ready));

    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let runtime = Box::new(super::PlayedRuntime(std::sync::Arc::default()));
    let mut server =
        super::Server::new(theirs.into(), None, runtime, super::Confinement::None).unwrap();
    std::io::Write::write_all(&mut ours, b"\x02\0\0\0\xff\xff").unwrap();
    assert!(!server.turn(ready));
}

#[test]
fn nothing_is_read_that_was_not_found() {
    let mut harness = Harness::new();
    let frame = secure_exec_protocol::HostFrame {
        vm: 0,
        call: 3,
        message: HostMessage::Ping,
    };
    harness.host.send(&frame).unwrap();
    assert!(harness.server.turn(super::Ready::default()));
    assert_eq!(harness.hear(), []);
    let ready = harness.server.wait().unwrap();
    assert!(ready.readable && !ready.writable);
    assert_eq!(harness.turn().len(), 1);
}
