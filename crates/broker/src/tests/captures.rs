//! Files at one moment, of a VM process that says what it wants of them.

use std::sync::Arc;

use secure_exec_protocol::{
    CallId, Captured, FileReply, HostFrame, HostMessage, VmConfig, VmLimits, VmMessage,
};

use super::why;
use crate::event::Event;
use crate::harness::{Harness, Machine, Peer};
use crate::segment::FileSnapshot;

struct Street {
    harness: Harness,
    machine: Machine,
    peer: Peer,
}

fn captured(data_bytes: u64, kept: &[u64]) -> VmMessage {
    VmMessage::Captured(Captured {
        data_bytes,
        image_bytes: 10,
        kept: kept.to_vec(),
    })
}

impl Street {
    fn new() -> Street {
        let mut harness = Harness::new();
        let limits = VmLimits {
            max_filesystem_bytes: 1 << 20,
            max_inodes: 100,
            ..VmLimits::default()
        };
        let (machine, peer) = harness.serving(VmConfig {
            limits,
            ..VmConfig::default()
        });
        Street {
            harness,
            machine,
            peer,
        }
    }

    /// Asks for a snapshot, and has the process say something of it.
    fn begin(&mut self, said: VmMessage) -> (CallId, Vec<HostFrame>) {
        let call = self.machine.snapshot();
        self.harness.settle();
        let heard = self.peer.hear();
        assert!(matches!(&heard[..], [frame] if frame.message == HostMessage::Capture));
        self.harness.deliver(&mut self.peer, 1, call, said);
        (call, self.peer.hear())
    }

    fn take(&mut self, data_bytes: u64, kept: &[u64]) -> Arc<FileSnapshot> {
        let (call, heard) = self.begin(captured(data_bytes, kept));
        assert!(
            matches!(&heard[..], [frame] if matches!(frame.message, HostMessage::Fill { number: Some(_) }) && frame.call == call),
            "{heard:?}"
        );
        let done = VmMessage::File(FileReply::Done);
        self.harness.deliver(&mut self.peer, 1, call, done);
        match self.machine.events().pop() {
            Some(Event::Snapshot { snapshot, .. }) => snapshot,
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, said: VmMessage) -> String {
        let (call, _) = self.begin(said);
        why(self.machine.failure_of(call))
    }
}

#[test]
fn a_snapshot_has_the_memory_that_was_asked_for_and_what_is_used_on() {
    let mut street = Street::new();
    let first = street.take(4096, &[]);
    assert_eq!(first.segments[0].length(), 4106);
    assert_eq!(first.image().unwrap(), [0; 10]);
    let second = street.take(0, &[first.segments[0].number()]);
    assert_eq!(second.segments.len(), 2);
    assert!(Arc::ptr_eq(&second.segments[1], &first.segments[0]));
    // It is known no more once a snapshot has gone without it.
    let third = street.take(1, &[]);
    assert_eq!(third.segments.len(), 1);
    let told = street.refused(captured(0, &[first.segments[0].number()]));
    assert_eq!(
        told,
        "protocol violation: a segment that is none of its own"
    );
    assert!(street.peer.is_killed());
}

#[test]
fn what_cannot_be_is_a_violation() {
    let cases = [
        (captured((1 << 20) + 1, &[]), "more than its filesystem"),
        (captured(u64::MAX, &[]), "more than its filesystem"),
        (captured(0, &[1]), "none of its own"),
        (captured(0, &[7, 7]), "named twice"),
        (
            VmMessage::Captured(Captured {
                image_bytes: 1 << 30,
                ..Captured::default()
            }),
            "more than its filesystem",
        ),
        (
            VmMessage::Captured(Captured::default()),
            "more than its filesystem",
        ),
        (VmMessage::File(FileReply::Done), "of another kind"),
        (VmMessage::Imported, "of another kind"),
    ];
    for (said, rule) in cases {
        let told = format!("{said:?}");
        let mut street = Street::new();
        let heard = street.refused(said);
        assert!(heard.contains(rule), "{told}: {heard}");
        assert!(street.peer.is_killed(), "{told}");
    }
}

#[test]
fn the_segments_of_another_vm_are_none_of_its_own() {
    let mut street = Street::new();
    let theirs = street.take(1000, &[]);
    let (machine, peer) = street.harness.serving(VmConfig::default());
    street.machine = machine;
    street.peer = peer;
    let told = street.refused(captured(0, &[theirs.segments[0].number()]));
    assert!(told.contains("none of its own"), "{told}");
}

#[test]
fn a_process_that_can_still_write_is_ended() {
    let mut street = Street::new();
    let (call, heard) = street.begin(captured(4096, &[]));
    let Some(HostMessage::Fill {
        number: Some(number),
    }) = heard.first().map(|frame| &frame.message)
    else {
        panic!("{heard:?}");
    };
    let segment = street.machine.segment(*number).unwrap();
    // SAFETY: a new mapping.
    let mapped = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            std::os::fd::AsRawFd::as_raw_fd(&*segment.fd()),
            0,
        )
    };
    assert_ne!(mapped, libc::MAP_FAILED);
    let done = VmMessage::File(FileReply::Done);
    street.harness.deliver(&mut street.peer, 1, call, done);
    let told = why(street.machine.failure_of(call));
    assert!(told.contains("keeps on writing"), "{told}");
    // SAFETY: the mapping is this test's.
    unsafe { libc::munmap(mapped, 4096) };
}

#[test]
fn a_restoration_comes_behind_its_segments_and_makes_them_known() {
    let mut street = Street::new();
    let snapshot = street.take(100, &[]);
    let (machine, peer) = street.harness.serving(VmConfig::default());
    street.machine = machine;
    street.peer = peer;
    let call = street.machine.restore(snapshot.clone());
    street.harness.settle();
    let heard: Vec<HostMessage> = street
        .peer
        .hear()
        .into_iter()
        .map(|one| one.message)
        .collect();
    assert!(
        matches!(&heard[..], [HostMessage::Segment { length: 110, .. }, HostMessage::Restore { segments, .. }] if segments.len() == 1),
        "{heard:?}"
    );
    let done = VmMessage::File(FileReply::Done);
    street.harness.deliver(&mut street.peer, 1, call, done);
    assert!(matches!(street.machine.events()[..], [Event::File { .. }]));
    let next = street.take(0, &[snapshot.segments[0].number()]);
    assert_eq!(next.segments.len(), 2);
}

#[test]
fn nothing_is_left_of_a_snapshot_whose_process_ends() {
    let mut street = Street::new();
    let (call, heard) = street.begin(captured(4096, &[]));
    let Some(HostMessage::Fill {
        number: Some(number),
    }) = heard.first().map(|frame| &frame.message)
    else {
        panic!("{heard:?}");
    };
    street.peer.exit("signal SIGKILL");
    street.harness.settle();
    assert!(street.machine.failure_of(call).is_some());
    assert!(street.machine.segment(*number).is_none());
}
