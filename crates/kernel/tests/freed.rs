//! What is left of a process that is gone: nothing.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;
use std::sync::{Arc, Weak};
use std::task::Context;

/// What a runtime attaches: callbacks that hold the process, as those of its threads do.
fn attach(process: &Arc<Process>) {
    let (killed, stopped) = (process.clone(), process.clone());
    process.on_kill(Box::new(move |_| assert!(!killed.is_alive())));
    process.on_stop(Box::new(move || assert!(stopped.is_alive())));
}

fn assert_freed(process: Arc<Process>, how: &str) {
    let weak: Weak<Process> = Arc::downgrade(&process);
    drop(process);
    assert_eq!(weak.strong_count(), 0, "{how}");
}

#[test]
fn ended_process_is_freed_however_it_ended() {
    let machine = machine();
    type End = fn(&Process);
    let ends: [(&str, End); 4] = [
        ("exit", |process| process.exit(0)),
        ("signal", |process| {
            process.kill(process.pid().raw(), Signal::SIGTERM).unwrap();
        }),
        ("fault", |process| process.fault(Signal::SIGSEGV)),
        ("stopped, then killed", |process| {
            process.kill(process.pid().raw(), Signal::SIGSTOP).unwrap();
            process.kill(process.pid().raw(), Signal::SIGKILL).unwrap();
        }),
    ];
    for (how, end) in ends {
        let before = machine.guest();
        attach(&before);
        end(&before);
        assert_freed(before, how);
        let after = machine.guest();
        end(&after);
        attach(&after);
        assert_freed(after, how);
    }
}

#[test]
fn collected_child_is_freed_and_so_are_orphans() {
    let machine = machine();
    let parent = machine.guest();
    let child = parent.posix_spawn(command()).unwrap();
    let child = machine.kernel.process(child).unwrap();
    attach(&child);
    child.exit(0);
    ready(poll(|cx| parent.poll_wait4(-1, WaitFlags::empty(), cx))).unwrap();
    assert_freed(child, "collected");
    let orphan = parent.posix_spawn(command()).unwrap();
    let orphan = machine.kernel.process(orphan).unwrap();
    attach(&orphan);
    attach(&parent);
    parent.exit(0);
    assert_freed(parent, "parent of a running child");
    orphan.exit(0);
    assert_freed(orphan, "orphan");
}

#[test]
fn open_files_and_waits_do_not_keep_a_process() {
    let machine = machine();
    let guest = machine.guest();
    attach(&guest);
    let (read, _write) = guest.pipe2(OpenFlags::empty()).unwrap();
    let (_wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(guest.poll_read(read, &mut [0], &mut cx).is_pending());
    assert!(guest.poll_exit(&mut cx).is_pending());
    let watch = guest.inotify_init1(OpenFlags::empty()).unwrap();
    guest
        .inotify_add_watch(watch, b"/home/user", InotifyMask::IN_CREATE)
        .unwrap();
    guest.exit(0);
    assert_freed(guest, "descriptors and waits");
    let counts = machine.kernel.resource_counts();
    assert_eq!((counts.processes, counts.fds, counts.pipes), (0, 0, 0));
}

#[test]
fn shut_down_machine_frees_its_processes_and_itself() {
    let machine = machine();
    let guest = machine.guest();
    attach(&guest);
    let kernel = Arc::downgrade(&machine.kernel);
    machine.kernel.shutdown();
    assert_freed(guest, "shutdown");
    drop(machine);
    assert_eq!(kernel.strong_count(), 0);
}
