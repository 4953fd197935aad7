//! File methods, counts, and the filesystem on its way to another VM.

use std::time::Duration;

use secure_exec_kernel::OpenFlags;
use secure_exec_kernel::abi::socket::{AF_UNIX, SOCK_STREAM};
use secure_exec_protocol::{
    FileAttributes, FileReply, FileRequest, HostMessage, MAX_CHUNK, ResourceSnapshot, VmMessage,
};

use super::{Harness, failure_of, of, program};

fn write(path: &str, data: &[u8], handle: Option<u32>) -> HostMessage {
    HostMessage::File(FileRequest::Write {
        path: path.into(),
        data: data.to_vec(),
        handle,
        parents: true,
        attributes: FileAttributes::default(),
    })
}

fn write_more(handle: u32, data: &[u8], last: bool) -> HostMessage {
    HostMessage::File(FileRequest::WriteMore {
        handle,
        data: data.to_vec(),
        last,
    })
}

fn read(path: &str) -> HostMessage {
    HostMessage::File(FileRequest::Read { path: path.into() })
}

fn read_more(handle: u32) -> HostMessage {
    HostMessage::File(FileRequest::ReadMore { handle })
}

fn done() -> VmMessage {
    VmMessage::File(FileReply::Done)
}

fn counts(messages: &[VmMessage]) -> ResourceSnapshot {
    match messages {
        [VmMessage::Resources(counts)] => counts.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_are_written_and_read_in_pieces() {
    let mut harness = Harness::new();
    let piece = vec![7; MAX_CHUNK];
    assert_eq!(harness.ask(5, write("/a/b", &piece, Some(3))), [done()]);
    assert_eq!(harness.ask(6, write_more(3, b"end", true)), [done()]);
    let more = match &harness.ask(7, read("/a/b"))[..] {
        [
            VmMessage::File(FileReply::Data {
                data,
                more: Some(more),
            }),
        ] => {
            assert_eq!(data.len(), MAX_CHUNK);
            *more
        }
        other => panic!("{other:?}"),
    };
    let rest = VmMessage::File(FileReply::Data {
        data: b"end".to_vec(),
        more: None,
    });
    assert_eq!(harness.ask(8, read_more(more)), [rest]);
    // What has ended, and what was never begun, is not there.
    assert_eq!(failure_of(harness.ask(9, read_more(more))), "EBADF");
    assert_eq!(failure_of(harness.ask(9, read_more(77))), "EBADF");
    assert_eq!(
        failure_of(harness.ask(9, write_more(3, b"x", true))),
        "EBADF"
    );
    assert_eq!(failure_of(harness.ask(9, read("/missing"))), "ENOENT");
}

#[test]
fn a_host_that_forgets_what_it_opened_is_bounded() {
    let mut harness = Harness::new();
    for handle in 0..1024 {
        assert_eq!(harness.ask(5, write("/a", b"x", Some(handle))), [done()]);
    }
    assert_eq!(
        failure_of(harness.ask(6, write("/a", b"x", Some(2000)))),
        "EMFILE"
    );
    assert_eq!(harness.ask(7, write_more(0, b"y", true)), [done()]);
    assert_eq!(harness.ask(8, write("/a", b"x", Some(2000))), [done()]);
}

#[test]
fn an_exported_filesystem_is_taken_in_by_another_vm() {
    let mut harness = Harness::new();
    let content: Vec<u8> = (0..300_000u32).map(|n| n.to_le_bytes()[0]).collect();
    for (index, piece) in content.chunks(MAX_CHUNK).enumerate() {
        let message = if index == 0 {
            write("/kept", piece, Some(1))
        } else {
            write_more(1, piece, false)
        };
        assert_eq!(harness.ask(5, message), [done()]);
    }
    let (mut image, mut whole) = (Vec::new(), false);
    while !whole {
        let offset = image.len() as u64;
        match &harness.ask(6, HostMessage::Export { offset })[..] {
            [VmMessage::Chunk { data, last }] => {
                image.extend_from_slice(data);
                whole = *last;
            }
            other => panic!("{other:?}"),
        }
    }
    // Past the end there is nothing.
    let nothing = VmMessage::Chunk {
        data: Vec::new(),
        last: true,
    };
    assert_eq!(
        harness.ask(6, HostMessage::Export { offset: u64::MAX }),
        [nothing]
    );

    let mut other = Harness::new();
    let count = image.chunks(MAX_CHUNK).count();
    for (index, piece) in image.chunks(MAX_CHUNK).enumerate() {
        let message = HostMessage::Import {
            data: piece.to_vec(),
            last: index + 1 == count,
        };
        assert_eq!(other.ask(7, message), [VmMessage::Imported]);
    }
    let stat = HostMessage::File(FileRequest::Stat {
        path: b"/kept".to_vec(),
    });
    let [VmMessage::File(FileReply::Stat(stat))] = &other.ask(8, stat)[..] else {
        panic!("it is there");
    };
    assert_eq!(stat.size, 300_000);
}

#[test]
fn a_damaged_image_and_a_vm_in_use_are_refused() {
    let import = |data: &[u8]| HostMessage::Import {
        data: data.to_vec(),
        last: true,
    };
    let mut harness = Harness::new();
    harness.ask(5, write("/kept", b"x", None));
    let failed = harness.ask(6, import(b"garbage"));
    assert!(matches!(failed[..], [VmMessage::Failed(_)]), "{failed:?}");
    let read = harness.ask(7, read("/kept"));
    assert!(
        matches!(read[..], [VmMessage::File(FileReply::Data { .. })]),
        "{read:?}"
    );
}

#[test]
fn counts_tell_what_programs_hold() {
    let mut harness = Harness::new();
    let before = counts(&harness.ask(5, HostMessage::Resources));
    assert_eq!(
        (before.processes, before.pipes, before.heap_bytes),
        (0, 0, 4321)
    );
    let process = harness.start(6, program());
    process.pipe2(OpenFlags::empty()).unwrap();
    let during = counts(&harness.ask(7, HostMessage::Resources));
    assert_eq!((during.processes, during.pipes), (1, 1));
    process.exit(0);
    harness.turn();
    assert_eq!(counts(&harness.ask(8, HostMessage::Resources)), before);
}

#[test]
fn bytes_that_wait_in_sockets_are_counted_until_they_are_read() {
    let mut harness = Harness::new();
    let process = harness.start(5, program());
    let (left, right) = process.socketpair(AF_UNIX, SOCK_STREAM, 0).unwrap();
    process.write(left, b"hello").unwrap();
    let waiting = counts(&harness.ask(6, HostMessage::Resources));
    assert_eq!((waiting.sockets, waiting.listeners), (1, 0));
    assert!(waiting.buffered_bytes >= 5, "{waiting:?}");
    process.read(right, &mut [0; 10]).unwrap();
    let read = counts(&harness.ask(7, HostMessage::Resources));
    assert_eq!(read.buffered_bytes, 0);
}

/// A pipe that only a dead program's thread still holds.
fn held_by_the_dead(harness: &mut Harness) -> std::sync::Arc<secure_exec_kernel::FileDescription> {
    let process = harness.start(5, program());
    let (read, _) = process.pipe2(OpenFlags::empty()).unwrap();
    let file = process.file(read).unwrap();
    process.exit(0);
    harness.turn();
    file
}

#[test]
fn counts_wait_for_the_dead_and_the_rest_waits_behind_them() {
    let mut harness = Harness::new();
    let file = held_by_the_dead(&mut harness);
    assert_eq!(harness.ask(6, HostMessage::Resources), []);
    assert_eq!(harness.ask(7, HostMessage::Processes), []);
    assert_eq!(harness.ask(8, HostMessage::Resources), []);
    // Others are served meanwhile.
    assert_eq!(harness.say(0, 9, HostMessage::Ping).len(), 1);
    assert_eq!(harness.advance(Duration::from_millis(2)), []);
    drop(file);
    let said = harness.advance(Duration::from_millis(4));
    let calls: Vec<u64> = said.iter().map(|frame| frame.call).collect();
    assert_eq!(calls, [6, 7, 8]);
    assert_eq!(counts(&[said[0].message.clone()]).pipes, 0);
}

#[test]
fn counts_do_not_wait_for_ever() {
    let mut harness = Harness::new();
    let file = held_by_the_dead(&mut harness);
    assert_eq!(harness.ask(6, HostMessage::Resources), []);
    let said = of(6, harness.advance(Duration::from_millis(200)));
    assert_eq!(counts(&said).pipes, 1);
    assert_eq!(harness.ask(7, HostMessage::Resources), []);
    assert_eq!(harness.ask(8, HostMessage::Resources), []);
    let said = harness.say(super::VM, 9, HostMessage::Destroy);
    let calls: Vec<u64> = said.iter().map(|frame| frame.call).collect();
    assert_eq!(calls, [7, 8, 9]);
    drop(file);
}
