//! Copies of processes, and what interrupts a program that takes its signals itself.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

fn fork(machine: &Machine, parent: &Process) -> Arc<Process> {
    let pid = parent.fork(|_| Ok(())).unwrap();
    machine.kernel.process(pid).unwrap()
}

#[test]
fn forked_child_shares_open_files_and_keeps_cloexec() {
    let machine = machine();
    let parent = machine.guest();
    let flags = OpenFlags::O_RDWR | OpenFlags::O_CREAT | OpenFlags::O_CLOEXEC;
    let fd = parent.open(b"f", flags, 0o644).unwrap();
    let high = parent.dup_from(fd, 40, false).unwrap();
    let child = fork(&machine, &parent);
    assert_eq!(child.fd_flags(fd), Ok(FdFlags::FD_CLOEXEC));
    assert_eq!(child.fd_flags(high), Ok(FdFlags::empty()));
    child.write(fd, b"abc").unwrap();
    assert_eq!(parent.lseek(fd, 0, 1), Ok(3));
    child.close(fd).unwrap();
    parent.write(fd, b"d").unwrap();
    assert_eq!(parent.fstat(fd).unwrap().size, 4);
}

#[test]
fn forked_child_has_its_own_directory_mask_and_dispositions() {
    let machine = machine();
    let parent = machine.guest();
    parent.umask(0o077);
    parent
        .sigaction(Signal::SIGUSR1, Disposition::Handle)
        .unwrap();
    parent
        .sigaction(Signal::SIGUSR2, Disposition::Ignore)
        .unwrap();
    parent.kill(parent.pid().raw(), Signal::SIGUSR1).unwrap();
    let child = fork(&machine, &parent);
    assert_eq!(
        child.take_signal(),
        None,
        "pending signals are the parent's"
    );
    assert_eq!(parent.take_signal(), Some(Signal::SIGUSR1));
    let old = |signal| child.sigaction(signal, Disposition::Default).unwrap();
    assert_eq!(old(Signal::SIGUSR1), Disposition::Handle);
    assert_eq!(old(Signal::SIGUSR2), Disposition::Ignore);
    assert_eq!(child.umask(0), 0o077);
    child.chdir(b"/tmp").unwrap();
    assert_eq!(parent.getcwd().unwrap(), b"/home/user");
    assert_eq!(child.argv(), parent.argv());
    assert_eq!((child.pgid(), child.sid()), (parent.pgid(), parent.sid()));
    assert_eq!(child.ppid(), parent.pid());
}

#[test]
fn fork_that_cannot_start_leaves_nothing() {
    let machine = machine_with(Limits {
        max_processes: 2,
        ..Limits::default()
    });
    let parent = machine.guest();
    let before = machine.kernel.resource_counts();
    assert_eq!(parent.fork(|_| Err(Errno::ENOMEM)), Err(Errno::ENOMEM));
    assert_eq!(machine.kernel.resource_counts(), before);
    let child = fork(&machine, &parent);
    assert_eq!(parent.fork(|_| Ok(())), Err(Errno::EAGAIN));
    child.exit(0);
    let waited = poll(|cx| parent.poll_wait4(-1, WaitFlags::empty(), cx));
    assert_eq!(
        waited,
        Poll::Ready(Ok(Some((child.pid(), ExitStatus::Exited(0)))))
    );
    assert_eq!(machine.kernel.resource_counts(), before);
}

#[test]
fn pending_signal_interrupts_until_it_is_taken() {
    let machine = machine();
    let guest = machine.guest();
    let (wakes, waker) = waker();
    let cx = Context::from_waker(&waker);
    guest
        .sigaction(Signal::SIGINT, Disposition::Handle)
        .unwrap();
    assert!(guest.poll_signal_pending(&cx).is_pending());
    guest.kill(guest.pid().raw(), Signal::SIGINT).unwrap();
    assert_eq!(wakes.count(), 1);
    assert!(guest.poll_signal_pending(&cx).is_ready());
    assert_eq!(guest.take_signal(), Some(Signal::SIGINT));
    assert!(guest.poll_signal_pending(&cx).is_pending());
    assert_eq!(guest.take_signal(), None);
}

#[test]
fn stop_is_told_and_continuing_ends_the_wait() {
    let machine = machine();
    let guest = machine.guest();
    let stops = Arc::new(AtomicUsize::new(0));
    let counter = stops.clone();
    guest.on_stop(Box::new(move || {
        counter.fetch_add(1, Ordering::SeqCst);
    }));
    let init = machine.kernel.init();
    let cx = Context::from_waker(Waker::noop());
    assert!(guest.poll_continued(&cx).is_ready());
    init.kill(guest.pid().raw(), Signal::SIGSTOP).unwrap();
    assert_eq!(stops.load(Ordering::SeqCst), 1);
    assert!(guest.poll_continued(&cx).is_pending());
    init.kill(guest.pid().raw(), Signal::SIGCONT).unwrap();
    assert!(guest.poll_continued(&cx).is_ready());
}

#[test]
fn fault_cannot_be_handled() {
    let machine = machine();
    let parent = machine.guest();
    let child = fork(&machine, &parent);
    child
        .sigaction(Signal::SIGSEGV, Disposition::Ignore)
        .unwrap();
    child.charge_cpu(CpuTime {
        user_ns: 5,
        system_ns: 7,
    });
    child.fault(Signal::SIGSEGV);
    let waited = poll(|cx| parent.poll_wait4(-1, WaitFlags::empty(), cx));
    let status = ExitStatus::Signaled(Signal::SIGSEGV, false);
    assert_eq!(waited, Poll::Ready(Ok(Some((child.pid(), status)))));
    let (own, children) = parent.cpu_times();
    assert_eq!(own, CpuTime::default());
    assert_eq!((children.user_ns, children.system_ns), (5, 7));
}

#[test]
fn execvpe_searches_the_path_of_the_new_environment() {
    let machine = machine();
    let guest = machine.guest();
    let argv = || vec![b"true".to_vec()];
    let path = |dirs: &[u8]| vec![(b"PATH".to_vec(), dirs.to_vec())];
    let missing = guest.execvpe(b"true", argv(), path(b"/tmp:/opt"));
    assert_eq!(missing, Err(Errno::ENOENT));
    guest
        .execvpe(b"true", argv(), path(b"/tmp:/usr/bin"))
        .unwrap();
    assert_eq!(guest.exe(), b"/usr/bin/true");
}

#[test]
fn directory_is_listed_from_any_entry() {
    let machine = machine();
    let guest = machine.guest();
    for name in [b"a", b"b", b"c"] {
        guest.mkdir(name, 0o755).unwrap();
    }
    let fd = guest.open(b".", OpenFlags::O_DIRECTORY, 0).unwrap();
    let all = guest.getdents_from(fd, 0, 10).unwrap();
    assert_eq!(all.len(), 3);
    for (index, (entry, next)) in all.iter().enumerate() {
        let rest = guest.getdents_from(fd, *next, 10).unwrap();
        assert_eq!(rest.len(), 2 - index, "after {entry:?}");
        assert!(rest.iter().zip(&all[index + 1..]).all(|(a, b)| a == b));
    }
}

#[test]
fn a_program_is_charged_for_all_that_descends_from_it_and_ends_with_it() {
    let machine = machine();
    let parent = machine.guest();
    let child = fork(&machine, &parent);
    let grandchild = fork(&machine, &child);
    grandchild.setsid().unwrap();
    let other = machine.guest();
    let second = CpuTime {
        user_ns: 1_000_000_000,
        system_ns: 0,
    };
    for process in [&parent, &child, &grandchild] {
        process.charge_cpu(second);
    }
    assert_eq!(parent.account().limited_cpu_ns(), 3_000_000_000);
    assert_eq!(other.account().limited_cpu_ns(), 0);
    parent.account().renew_cpu();
    child.charge_cpu(second);
    assert_eq!(grandchild.account().limited_cpu_ns(), 1_000_000_000);
    assert_eq!(grandchild.account().cpu_ns(), 4_000_000_000);

    machine.kernel.kill_program(grandchild.origin());
    let alive = [&parent, &child, &grandchild, &other].map(|process| process.is_alive());
    assert_eq!(alive, [false, false, false, true]);
}
