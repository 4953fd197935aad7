//! Who waits for the lock, and who does not.

use std::sync::mpsc::channel;
use std::thread;

use secure_exec_protocol::VmConfig;

use crate::harness::Harness;

#[test]
fn a_call_does_not_wait_for_the_lock_and_is_done_when_that_is_let_go() {
    let mut harness = Harness::new();
    let (machine, mut peer) = harness.serving(VmConfig::default());
    let shared = harness.shared();
    let (holds, held) = channel();
    let (release, released) = channel();
    let holder = thread::spawn(move || {
        shared.with(|_| {
            holds.send(()).unwrap();
            released.recv().unwrap();
        });
    });
    held.recv().unwrap();
    // Would never come back if it waited.
    let calls = [machine.resources(), machine.resources()];
    assert!(peer.hear().is_empty());
    release.send(()).unwrap();
    holder.join().unwrap();
    let heard: Vec<u64> = peer.hear().iter().map(|frame| frame.call).collect();
    assert_eq!(heard, calls);
}

#[test]
fn calls_of_many_threads_are_all_done() {
    let mut harness = Harness::new();
    let (machine, mut peer) = harness.serving(VmConfig::default());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    let _ = machine.resources();
                }
            });
        }
    });
    let mut heard = Vec::new();
    while heard.len() < 1000 {
        let frames = peer.hear();
        assert!(!frames.is_empty(), "{} of 1000 calls came", heard.len());
        heard.extend(frames.into_iter().map(|frame| frame.call));
        harness.settle();
    }
    heard.sort_unstable();
    heard.dedup();
    assert_eq!(heard.len(), 1000);
}
