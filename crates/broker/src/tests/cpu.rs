//! Processes that take more of the processors than they may.

use std::time::Duration;

use secure_exec_protocol::{FileReply, FileRequest, VmConfig, VmLimits, VmMessage};

use super::{Running, SECOND, exited, why};
use crate::harness::{Harness, PROCESSORS, program};

const STEP: Duration = Duration::from_millis(5);

fn config(cpu_count: u32, cpu_time_ms: Option<u64>) -> VmConfig {
    VmConfig {
        limits: VmLimits {
            cpu_count,
            cpu_time_ms,
            ..VmLimits::default()
        },
        ..VmConfig::default()
    }
}

impl Running {
    /// Has the process use all processors whenever it is let, and gives what that was.
    fn be_greedy(&mut self, time: Duration) -> Duration {
        let mut used = Duration::ZERO;
        for _ in 0..time.as_millis() / STEP.as_millis() {
            let held = self.peer.is_held();
            // A thread of a stopped process does not run and waits for nothing.
            self.peer.set_busy(!held);
            if !held {
                self.peer.use_cpu(STEP * PROCESSORS);
                used += STEP * PROCESSORS;
            }
            self.harness.advance(STEP);
        }
        used
    }
}

#[test]
fn machine_gets_the_processors_that_it_has() {
    for cpu_count in [1, 2, 3] {
        let mut running = Running::with(config(cpu_count, None), program());
        let used = running.be_greedy(SECOND * 20);
        let fair = SECOND * 20 * cpu_count;
        assert!(used >= fair - SECOND / 10, "{cpu_count}: {used:?}");
        assert!(
            used <= fair + SECOND * 3 * cpu_count / 2,
            "{cpu_count}: {used:?}"
        );
        running.assert_runs();
    }
}

#[test]
fn machine_that_has_all_processors_is_never_held() {
    let mut running = Running::with(config(PROCESSORS, None), program());
    assert_eq!(running.be_greedy(SECOND * 20), SECOND * 20 * PROCESSORS);
}

#[test]
fn machine_that_is_held_is_not_late() {
    let mut running = Running::with(config(1, None), program());
    running.be_greedy(SECOND * 2);
    while !running.peer.is_held() {
        running.be_greedy(STEP);
    }
    let path = b"/x".to_vec();
    let call = running.machine.file(FileRequest::Exists { path });
    for _ in 0..25 {
        running.be_greedy(SECOND);
    }
    running.assert_runs();
    running.harness.deliver(
        &mut running.peer,
        1,
        call,
        VmMessage::File(FileReply::Exists(true)),
    );
    running.assert_runs();
}

#[test]
fn nobody_waits_for_an_end_that_is_held() {
    let mut running = Running::with(config(1, None), program());
    let hold = |running: &mut Running| {
        while !running.peer.is_held() {
            running.be_greedy(STEP);
        }
    };
    hold(&mut running);
    running.machine.signal(running.call, 9);
    assert!(!running.peer.is_held());
    assert_eq!(running.be_greedy(SECOND), SECOND * PROCESSORS);
    running.say(exited(137));
    hold(&mut running);
    running.machine.dispose();
    assert!(!running.peer.is_held());
    assert_eq!(running.be_greedy(SECOND), SECOND * PROCESSORS);
}

#[test]
fn condemned_machine_exports_its_files_with_all_it_can() {
    let mut condemned = Running::with(config(1, None), program());
    while !condemned.peer.is_held() {
        condemned.be_greedy(STEP);
    }
    let (why, limit) = ("memory".into(), None);
    let message = VmMessage::Condemned { why, limit };
    condemned
        .harness
        .deliver(&mut condemned.peer, 0, 0, message);
    assert!(!condemned.peer.is_held());
    assert_eq!(condemned.be_greedy(SECOND), SECOND * PROCESSORS);
}

/// How long a process goes on that uses one processor all the time.
fn life_of(running: &mut Running, most: Duration) -> Option<Duration> {
    let mut lived = Duration::ZERO;
    while lived < most {
        running.peer.use_cpu(SECOND);
        running.harness.advance(SECOND);
        lived += SECOND;
        if running.peer.is_killed() {
            return Some(lived);
        }
    }
    None
}

#[test]
fn process_that_works_for_nobody_is_ended() {
    let mut running = Running::with(config(1, Some(1000)), program());
    running.say(exited(0));
    let lived = life_of(&mut running, SECOND * 3600).expect("its end");
    assert!(lived < SECOND * 30, "{lived:?}");
    let (machine, peer) = running.harness.serving(config(1, Some(1000)));
    let mut idle = Running {
        machine,
        peer,
        ..running
    };
    assert!(life_of(&mut idle, SECOND * 3600).expect("its end") < SECOND * 30);
}

#[test]
fn program_that_goes_on_behind_its_limit_costs_its_process() {
    let mut running = Running::with(config(1, Some(2000)), program());
    let lived = life_of(&mut running, SECOND * 3600).expect("its end");
    assert!(lived > SECOND * 4 && lived < SECOND * 30, "{lived:?}");
    let error = running.machine.failure_of(running.call);
    assert_eq!(
        why(error),
        "protocol violation: it takes processor time that no program of its has"
    );
}

#[test]
fn process_with_threads_without_end_is_ended() {
    let mut running = Running::with(config(1, None), program());
    running.peer.start_threads(5000);
    running.harness.advance(SECOND);
    running.assert_runs();
    running.peer.start_threads(5200);
    running.harness.advance(SECOND);
    assert!(running.peer.is_killed());
    let error = running.machine.failure_of(running.call);
    assert_eq!(
        why(error),
        "protocol violation: it has more threads than its programs can have"
    );
}

#[test]
fn program_without_a_limit_may_go_on_and_leave_others_behind() {
    let mut running = Running::with(config(1, None), program());
    assert_eq!(life_of(&mut running, SECOND * 1000), None);
    running.say(exited(0));
    assert_eq!(life_of(&mut running, SECOND * 5000), None);
    let ahead = running.peer.cpu_bound();
    assert!(ahead > SECOND * 6000, "{ahead:?}");
}

#[test]
fn programs_one_after_the_other_have_time_each() {
    let mut running = Running::with(config(1, Some(1000)), program());
    for _ in 0..1000 {
        running.peer.use_cpu(SECOND);
        running.harness.advance(SECOND);
        running.say(exited(0));
        running.call = running.machine.spawn(program());
        running.harness.settle();
        running.peer.hear();
    }
    running.assert_runs();
}

#[test]
fn process_at_rest_wakes_nobody() {
    let mut harness = Harness::new();
    let (_machine, peer) = harness.serving(VmConfig::default());
    let mut looks = 0;
    for _ in 0..600 {
        let before = harness.next_timer();
        harness.advance(SECOND);
        looks += u32::from(harness.next_timer() != before);
    }
    assert!(!peer.is_killed());
    assert!((10..40).contains(&looks), "{looks}");
}
