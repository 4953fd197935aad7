//! Standard streams: credit, ends, order.

use secure_exec_kernel::Errno;
use secure_exec_protocol::{
    CONTROL_IN, CONTROL_OUT, HostMessage, Program, STDERR, STDIN, STDOUT, STREAM_WINDOW, Stdin,
    VmMessage,
};

use super::{Harness, exit_of, of, program};

fn streaming() -> Program {
    Program {
        streaming: true,
        ..program()
    }
}

fn input(stream: u8, data: &[u8], end: bool) -> HostMessage {
    HostMessage::Input {
        stream,
        data: data.to_vec(),
        end,
    }
}

fn output(stream: u8, data: &[u8]) -> VmMessage {
    VmMessage::Output {
        stream,
        data: data.to_vec(),
    }
}

fn bytes_of(messages: &[VmMessage]) -> usize {
    let length = |message: &VmMessage| match message {
        VmMessage::Output { data, .. } => data.len(),
        other => panic!("{other:?}"),
    };
    messages.iter().map(length).sum()
}

#[test]
fn whole_input_ends_and_credit_is_told() {
    let mut harness = Harness::new();
    let with_input = Program {
        stdin: Stdin::Whole(b"hello".to_vec()),
        ..program()
    };
    let said = harness.ask(5, HostMessage::Spawn(with_input.into()));
    let credit = |bytes| VmMessage::InputCredit {
        stream: STDIN,
        bytes,
    };
    assert_eq!(said, [credit(5)]);
    let process = harness.last_started();
    let mut buf = [0; 10];
    assert_eq!(process.read(0, &mut buf), Ok(5));
    assert_eq!(process.read(0, &mut buf), Ok(0));
}

#[test]
fn input_waits_for_room_and_is_dropped_where_nobody_reads() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    let full = vec![7; STREAM_WINDOW];
    let credit = |bytes: usize| VmMessage::InputCredit {
        stream: STDIN,
        bytes: bytes.try_into().unwrap(),
    };
    assert_eq!(
        harness.ask(5, input(STDIN, &full, false)),
        [credit(STREAM_WINDOW)]
    );
    assert_eq!(harness.ask(5, input(STDIN, b"more", true)), []);
    let mut buf = vec![0; STREAM_WINDOW];
    assert_eq!(process.read(0, &mut buf), Ok(STREAM_WINDOW));
    assert_eq!(of(5, harness.turn()), [credit(4)]);
    assert_eq!(process.read(0, &mut buf), Ok(4));
    assert_eq!(process.read(0, &mut buf), Ok(0));

    let process = harness.start(6, program());
    process.close(0).unwrap();
    assert_eq!(harness.ask(6, input(STDIN, b"lost", false)), [credit(4)]);
    // Behind the end there is nobody to take it, and streams that are no input are none.
    assert_eq!(harness.ask(6, input(STDIN, b"lost", false)), [credit(4)]);
    assert_eq!(harness.ask(6, input(STDOUT, b"x", true)), []);
    assert_eq!(harness.ask(6, input(CONTROL_IN, b"x", true)), []);
    assert_eq!(harness.ask(6, input(200, b"x", true)), []);
}

#[test]
fn output_goes_as_far_as_credit_which_is_bounded() {
    let mut harness = Harness::new();
    let process = harness.start(5, streaming());
    let mut sent = 0;
    let mut written = 0;
    // The pipe and one piece beyond what the host takes.
    loop {
        match process.poll_write(
            1,
            &[1; 10_000],
            &mut std::task::Context::from_waker(std::task::Waker::noop()),
        ) {
            std::task::Poll::Ready(count) => written += count.unwrap(),
            std::task::Poll::Pending => {
                let said = of(5, harness.turn());
                if said.is_empty() {
                    break;
                }
                sent += bytes_of(&said);
            }
        }
    }
    assert_eq!(sent, STREAM_WINDOW);
    assert!(written > sent, "{written}");
    let credit = |stream, bytes| HostMessage::Credit { stream, bytes };
    // Credit of a stream that is none, or was never used, gives nothing.
    assert_eq!(harness.ask(5, credit(200, 9)), []);
    assert_eq!(harness.ask(5, credit(STDIN, 9)), []);
    assert_eq!(harness.ask(5, credit(STDERR, 9)), []);
    assert_eq!(bytes_of(&harness.ask(5, credit(STDOUT, 9))), 9);
    // No more than a window at a time, whatever is given.
    let said = harness.ask(5, credit(STDOUT, u32::MAX));
    assert!(bytes_of(&said) <= STREAM_WINDOW, "{}", bytes_of(&said));
    process.exit(0);
    let said = of(5, harness.turn());
    let (end, pieces) = said.split_last().unwrap();
    let VmMessage::Exited(exit) = end else {
        panic!("{end:?}");
    };
    let _ = pieces;
    assert!(exit.stdout.len() <= 2 * STREAM_WINDOW);
}

#[test]
fn output_without_a_listener_is_kept_until_there_is_a_piece() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    process.write(1, b"little").unwrap();
    assert_eq!(harness.turn(), []);
    process.write(1, b" by little").unwrap();
    assert_eq!(harness.turn(), []);
    process.exit(0);
    assert_eq!(exit_of(5, harness.turn()).stdout, b"little by little");
}

#[test]
fn control_output_comes_behind_what_it_announces() {
    let mut harness = Harness::new();
    let process = harness.start(
        5,
        Program {
            control: true,
            ..streaming()
        },
    );
    process.write(1, b"first").unwrap();
    process.write(CONTROL_OUT.into(), b"done").unwrap();
    let said = of(5, harness.turn());
    assert_eq!(
        said,
        [output(STDOUT, b"first"), output(CONTROL_OUT, b"done")]
    );
    let said = harness.ask(5, input(CONTROL_IN, b"next", false));
    assert_eq!(
        said,
        [VmMessage::InputCredit {
            stream: CONTROL_IN,
            bytes: 4
        }]
    );
    assert_eq!(process.read(CONTROL_IN.into(), &mut [0; 10]), Ok(4));
}

#[test]
fn output_without_a_pause_does_not_hold_control_output_back() {
    let mut harness = Harness::new();
    let process = harness.start(
        5,
        Program {
            control: true,
            ..streaming()
        },
    );
    let before = vec![b'b'; STREAM_WINDOW];
    let noise = vec![b'n'; STREAM_WINDOW / 4];
    process.write(1, &before).unwrap();
    process.write(CONTROL_OUT.into(), b"done").unwrap();
    let mut said = of(5, harness.turn());
    let is_done = |said: &[VmMessage]| said.contains(&output(CONTROL_OUT, b"done"));
    let bytes = u32::try_from(noise.len()).unwrap();
    for _ in 0..16 {
        if is_done(&said) {
            break;
        }
        // It writes as fast as the host takes it.
        process.write(1, &noise).unwrap();
        let credit = HostMessage::Credit {
            stream: STDOUT,
            bytes,
        };
        said.extend(harness.ask(5, credit));
    }
    assert!(is_done(&said));
    let mut ahead = said
        .into_iter()
        .take_while(|message| *message != output(CONTROL_OUT, b"done"));
    let written: usize = ahead.by_ref().map(|message| bytes_of(&[message])).sum();
    assert!(written >= STREAM_WINDOW, "{written}");
}

#[test]
fn what_a_dead_program_left_behind_writes_to_nobody() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    let child = {
        let mut options = secure_exec_kernel::SpawnOptions {
            file: b"program".to_vec(),
            search_path: true,
            argv: vec![b"program".to_vec()],
            ..Default::default()
        };
        options.envp = vec![(b"PATH".to_vec(), b"/usr/bin:/bin".to_vec())];
        options.fds = vec![
            (0, process.file(0).unwrap()),
            (1, process.file(1).unwrap()),
            (2, process.file(2).unwrap()),
        ];
        process.posix_spawn(options).unwrap();
        harness.last_started()
    };
    process.write(1, b"mine").unwrap();
    process.exit(0);
    assert_eq!(exit_of(5, harness.turn()).stdout, b"mine");
    for _ in 0..100 {
        assert!(matches!(
            child.write(1, &[1; 4096]),
            Ok(4096) | Err(Errno::EPIPE)
        ));
    }
    assert_eq!(harness.turn(), []);
}
