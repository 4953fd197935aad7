//! Processes: starting, signals, waiting, orphans, limits.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use parking_lot::Mutex;
use secure_exec_kernel::*;
use std::sync::Arc;
use std::task::{Context, Poll};

fn child_of(parent: &Process) -> Pid {
    parent.posix_spawn(command()).unwrap()
}

fn wait(parent: &Process, pid: i32, flags: WaitFlags) -> Poll<Result<Option<(Pid, ExitStatus)>>> {
    poll(|cx| parent.poll_wait4(pid, flags, cx))
}

#[test]
fn exit_status_reaches_the_host() {
    let machine = machine();
    let guest = machine.guest();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(guest.poll_exit(&mut cx).is_pending());
    guest.exit(0x1ff);
    assert_eq!(wakes.count(), 1);
    assert_eq!(
        guest.poll_exit(&mut cx),
        Poll::Ready(ExitStatus::Exited(0xff))
    );
    guest.exit(3);
    assert_eq!(guest.exit_status(), Some(ExitStatus::Exited(0xff)));
    assert_eq!(guest.getcwd(), Err(Errno::ESRCH));
    assert!(machine.kernel.process(guest.pid()).is_none());
}

#[test]
fn child_is_a_zombie_until_its_parent_waits() {
    let machine = machine();
    let parent = machine.guest();
    let pid = child_of(&parent);
    let child = machine.kernel.process(pid).unwrap();
    assert_eq!(child.ppid(), parent.pid());
    assert_eq!(wait(&parent, -1, WaitFlags::WNOHANG), Poll::Ready(Ok(None)));
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(
        parent
            .poll_wait4(-1, WaitFlags::empty(), &mut cx)
            .is_pending()
    );
    child.exit(7);
    assert_eq!(wakes.count(), 1);
    assert_eq!(machine.kernel.resource_counts().zombies, 1);
    let status = ExitStatus::Exited(7);
    assert_eq!(
        parent.poll_wait4(-1, WaitFlags::empty(), &mut cx),
        Poll::Ready(Ok(Some((pid, status))))
    );
    assert_eq!(
        wait(&parent, -1, WaitFlags::empty()),
        Poll::Ready(Err(Errno::ECHILD))
    );
    assert_eq!(machine.kernel.resource_counts().zombies, 0);
}

#[test]
fn wait_selects_by_pid_and_group() {
    let machine = machine();
    let parent = machine.guest();
    let own_group = child_of(&parent);
    let other = parent
        .posix_spawn(SpawnOptions {
            pgid: Some(0),
            ..command()
        })
        .unwrap();
    machine.kernel.process(other).unwrap().exit(1);
    assert!(wait(&parent, own_group.raw(), WaitFlags::empty()).is_pending());
    assert!(wait(&parent, 0, WaitFlags::empty()).is_pending());
    assert_eq!(
        wait(&parent, 99_999, WaitFlags::empty()),
        Poll::Ready(Err(Errno::ECHILD))
    );
    let collected = ready(wait(&parent, -other.raw(), WaitFlags::empty())).unwrap();
    assert_eq!(collected, Some((other, ExitStatus::Exited(1))));
}

#[test]
fn sigchld_reaches_a_handler() {
    let machine = machine();
    let parent = machine.guest();
    parent
        .sigaction(Signal::SIGCHLD, Disposition::Handle)
        .unwrap();
    let child = machine.kernel.process(child_of(&parent)).unwrap();
    child.exit(0);
    assert_eq!(ready(poll(|cx| parent.poll_signal(cx))), Signal::SIGCHLD);
    assert!(poll(|cx| parent.poll_signal(cx)).is_pending());
}

#[test]
fn ignored_sigchld_reaps_by_itself() {
    let machine = machine();
    let parent = machine.guest();
    parent
        .sigaction(Signal::SIGCHLD, Disposition::Ignore)
        .unwrap();
    let child = machine.kernel.process(child_of(&parent)).unwrap();
    child.exit(0);
    assert_eq!(machine.kernel.resource_counts().zombies, 0);
    assert_eq!(
        wait(&parent, -1, WaitFlags::empty()),
        Poll::Ready(Err(Errno::ECHILD))
    );
}

#[test]
fn orphans_go_to_init_and_are_reaped() {
    let machine = machine();
    let parent = machine.guest();
    let (living, dead) = (child_of(&parent), child_of(&parent));
    let living = machine.kernel.process(living).unwrap();
    machine.kernel.process(dead).unwrap().exit(0);
    parent.exit(0);
    assert_eq!(living.ppid(), Pid::INIT);
    assert_eq!(machine.kernel.resource_counts().processes, 1);
    living.exit(0);
    assert_eq!(machine.kernel.resource_counts().processes, 0);
}

#[test]
fn ten_thousand_spawns_leave_every_count_at_its_start() {
    let machine = machine();
    let parent = machine.guest();
    let before = machine.kernel.resource_counts();
    let mut last = parent.pid();
    for _ in 0..10_000 {
        let pid = child_of(&parent);
        assert!(pid > last, "pids rise");
        last = pid;
        let child = machine.kernel.process(pid).unwrap();
        child.pipe2(OpenFlags::empty()).unwrap();
        write_file(&child, "/tmp/x", b"x");
        child.unlink(b"/tmp/x").unwrap();
        child.exit(0);
        ready(wait(&parent, pid.raw(), WaitFlags::empty())).unwrap();
    }
    assert_eq!(machine.kernel.resource_counts(), before);
}

#[test]
fn fatal_signal_ends_the_process_and_calls_back_once() {
    let machine = machine();
    for (signal, code) in [
        (Signal::SIGINT, 130),
        (Signal::SIGTERM, 143),
        (Signal::SIGKILL, 137),
    ] {
        let guest = machine.guest();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (seen, observed) = (calls.clone(), guest.clone());
        guest.on_kill(Box::new(move |signal| {
            seen.lock()
                .push((signal, observed.is_alive(), observed.exit_status()));
        }));
        let (read, _write) = guest.pipe2(OpenFlags::empty()).unwrap();
        guest.kill(guest.pid().raw(), signal).unwrap();
        let status = ExitStatus::Signaled(signal, false);
        assert_eq!(*calls.lock(), [(signal, false, Some(status))]);
        assert_eq!(status.code(), code);
        assert_eq!(guest.read(read, &mut [0]), Err(Errno::ESRCH));
        assert_eq!(guest.kill(guest.pid().raw(), signal), Err(Errno::ESRCH));
        assert_eq!(machine.kernel.resource_counts().processes, 0);
    }
}

#[test]
fn on_kill_set_too_late_still_runs() {
    let machine = machine();
    let guest = machine.guest();
    machine
        .kernel
        .init()
        .kill(guest.pid().raw(), Signal::SIGKILL)
        .unwrap();
    let called = Arc::new(Mutex::new(0));
    let count = called.clone();
    guest.on_kill(Box::new(move |_| *count.lock() += 1));
    assert_eq!(*called.lock(), 1);
}

#[test]
fn handler_and_default_dispositions_decide() {
    let machine = machine();
    let guest = machine.guest();
    let pid = guest.pid().raw();
    guest.kill(pid, Signal::SIGWINCH).unwrap();
    guest
        .sigaction(Signal::SIGTERM, Disposition::Handle)
        .unwrap();
    guest
        .sigaction(Signal::SIGHUP, Disposition::Ignore)
        .unwrap();
    guest.kill(pid, Signal::SIGHUP).unwrap();
    guest.kill(pid, Signal::SIGTERM).unwrap();
    guest.kill(pid, Signal::SIGTERM).unwrap();
    assert!(poll(|cx| guest.poll_signal_of(Signal::SIGINT, cx)).is_pending());
    assert_eq!(ready(poll(|cx| guest.poll_signal(cx))), Signal::SIGTERM);
    assert!(poll(|cx| guest.poll_signal(cx)).is_pending());
    guest.kill(pid, Signal::SIGTERM).unwrap();
    ready(poll(|cx| guest.poll_signal_of(Signal::SIGTERM, cx)));
    assert!(poll(|cx| guest.poll_signal_of(Signal::SIGTERM, cx)).is_pending());
    assert!(guest.is_alive());
    assert_eq!(
        guest.sigaction(Signal::SIGKILL, Disposition::Ignore),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        guest.sigaction(Signal::SIGTERM, Disposition::Default),
        Ok(Disposition::Handle)
    );
}

#[test]
fn kill_reaches_only_who_it_may() {
    let machine = machine();
    let (guest, other) = (machine.guest(), machine.guest());
    assert_eq!(guest.kill(1, Signal::SIGKILL), Err(Errno::EPERM));
    assert_eq!(guest.kill(54_321, Signal::SIGKILL), Err(Errno::ESRCH));
    assert_eq!(guest.kill(i32::MIN, Signal::SIGKILL), Err(Errno::ESRCH));
    assert_eq!(guest.kill(-1, Signal::SIGKILL), Ok(()));
    assert!(guest.is_alive());
    assert!(!other.is_alive());
    assert_eq!(guest.kill_check(guest.pid().raw()), Ok(()));
    assert_eq!(machine.kernel.init().kill(1, Signal::SIGKILL), Ok(()));
    assert!(machine.kernel.init().is_alive());
    let root = SpawnOptions {
        credentials: Some(Credentials::root()),
        ..command()
    };
    let root = machine.kernel.spawn(root).unwrap();
    assert_eq!(
        guest.kill(root.pid().raw(), Signal::SIGTERM),
        Err(Errno::EPERM)
    );
}

#[test]
fn stop_and_continue_are_reported_to_a_parent_that_asks() {
    let machine = machine();
    let parent = machine.guest();
    let pid = child_of(&parent);
    let child = machine.kernel.process(pid).unwrap();
    parent.kill(pid.raw(), Signal::SIGSTOP).unwrap();
    assert!(child.is_stopped());
    assert!(wait(&parent, -1, WaitFlags::empty()).is_pending());
    let stopped = ready(wait(&parent, -1, WaitFlags::WUNTRACED)).unwrap();
    assert_eq!(stopped, Some((pid, ExitStatus::Stopped(Signal::SIGSTOP))));
    parent.kill(pid.raw(), Signal::SIGCONT).unwrap();
    assert!(!child.is_stopped());
    let continued = ready(wait(&parent, -1, WaitFlags::WCONTINUED)).unwrap();
    assert_eq!(continued, Some((pid, ExitStatus::Continued)));
}

#[test]
fn fork_bomb_ends_at_the_limit_with_eagain() {
    let machine = machine();
    let guest = machine.guest();
    let mut made = 1;
    let error = loop {
        match guest.posix_spawn(command()) {
            Ok(_) => made += 1,
            Err(errno) => break errno,
        }
    };
    assert_eq!((made, error), (64, Errno::EAGAIN));
    let breach = machine.kernel.take_limit_breaches()[0];
    assert_eq!(
        (breach.limit, breach.bound, breach.used),
        ("maxProcesses", 64, 65)
    );
    machine.kernel.shutdown();
    assert_eq!(machine.kernel.resource_counts().processes, 0);
}

#[test]
fn oversized_arguments_and_environment_are_e2big() {
    let machine = machine();
    let guest = machine.guest();
    let big = vec![b'x'; 10 << 20];
    let argv = SpawnOptions {
        argv: vec![big.clone()],
        ..command()
    };
    assert_eq!(guest.posix_spawn(argv), Err(Errno::E2BIG));
    let envp = SpawnOptions {
        envp: vec![(b"A".to_vec(), big)],
        ..command()
    };
    assert_eq!(guest.posix_spawn(envp), Err(Errno::E2BIG));
    let names: Vec<_> = machine
        .kernel
        .take_limit_breaches()
        .iter()
        .map(|b| b.limit)
        .collect();
    assert_eq!(names, ["maxProcessArgvBytes", "maxProcessEnvBytes"]);
}

#[test]
fn descriptors_are_inherited_except_cloexec_and_changed_by_actions() {
    let machine = machine();
    let parent = machine.guest();
    let flags = OpenFlags::O_RDWR | OpenFlags::O_CREAT;
    assert_eq!(parent.open(b"kept", flags, 0o600), Ok(0));
    assert_eq!(
        parent.open(b"closed", flags | OpenFlags::O_CLOEXEC, 0o600),
        Ok(1)
    );
    assert_eq!(
        parent.open(b"moved", flags | OpenFlags::O_CLOEXEC, 0o600),
        Ok(2)
    );
    let file_actions = vec![
        FileAction::Dup2 { oldfd: 2, newfd: 2 },
        FileAction::Dup2 { oldfd: 0, newfd: 9 },
        FileAction::Close(55),
        FileAction::Open {
            fd: 5,
            path: b"made".to_vec(),
            flags,
            mode: 0o666,
        },
    ];
    let pid = parent
        .posix_spawn(SpawnOptions {
            file_actions,
            ..command()
        })
        .unwrap();
    let child = machine.kernel.process(pid).unwrap();
    let open: Vec<_> = (0..20).filter(|fd| child.fstat(*fd).is_ok()).collect();
    assert_eq!(open, [0, 2, 5, 9]);
    child.write(9, b"abc").unwrap();
    assert_eq!(parent.lseek(0, 0, 1), Ok(3));
    assert_eq!(parent.stat(b"made").unwrap().mode, 0o100_644);
    let bad = vec![FileAction::Dup2 {
        oldfd: 77,
        newfd: 3,
    }];
    assert_eq!(
        parent.posix_spawn(SpawnOptions {
            file_actions: bad,
            ..command()
        }),
        Err(Errno::EBADF)
    );
}

#[test]
fn programs_are_found_through_path_and_shebang() {
    let machine = machine();
    let guest = machine.guest();
    let missing = SpawnOptions {
        file: b"nothing".to_vec(),
        ..command()
    };
    assert_eq!(guest.posix_spawn(missing), Err(Errno::ENOENT));
    write_file(&guest, "script", b"#!/bin/true --first second\nbody");
    let script = |search_path| SpawnOptions {
        file: b"./script".to_vec(),
        argv: vec![b"ignored".to_vec(), b"arg".to_vec()],
        search_path,
        ..command()
    };
    assert_eq!(guest.posix_spawn(script(true)), Err(Errno::EACCES));
    guest.chmod(b"script", 0o755).unwrap();
    let child = machine
        .kernel
        .process(guest.posix_spawn(script(false)).unwrap())
        .unwrap();
    let argv: Vec<Vec<u8>> = [&b"/bin/true"[..], b"--first second", b"./script", b"arg"]
        .iter()
        .map(|a| a.to_vec())
        .collect();
    assert_eq!(child.argv(), argv);
    assert_eq!(child.exe(), b"/usr/bin/true");
    let image = machine.inert.images.lock().last().cloned().unwrap();
    assert_eq!(
        (image.path.as_slice(), image.command.as_deref()),
        (&b"/usr/bin/true"[..], Some("true"))
    );
    write_file(&guest, "text", b"no program");
    guest.chmod(b"text", 0o755).unwrap();
    let text = SpawnOptions {
        file: b"/home/user/text".to_vec(),
        ..command()
    };
    assert_eq!(guest.posix_spawn(text), Err(Errno::ENOEXEC));
    machine.kernel.register_command("sh", "inert").unwrap();
    let searched = SpawnOptions {
        file: b"./text".to_vec(),
        argv: vec![b"text".to_vec(), b"arg".to_vec()],
        ..command()
    };
    let shell = machine
        .kernel
        .process(guest.posix_spawn(searched).unwrap())
        .unwrap();
    let argv: Vec<Vec<u8>> = [&b"sh"[..], b"./text", b"arg"]
        .iter()
        .map(|a| a.to_vec())
        .collect();
    assert_eq!(shell.argv(), argv);
    write_file(&guest, "loop", b"#!/home/user/loop\n");
    guest.chmod(b"loop", 0o755).unwrap();
    let endless = SpawnOptions {
        file: b"/home/user/loop".to_vec(),
        ..command()
    };
    assert_eq!(guest.posix_spawn(endless), Err(Errno::ELOOP));
    let dir = SpawnOptions {
        file: b"/tmp".to_vec(),
        ..command()
    };
    assert_eq!(guest.posix_spawn(dir), Err(Errno::EACCES));
}

#[test]
fn cwd_must_be_a_usable_directory() {
    let machine = machine();
    let guest = machine.guest();
    let at = |cwd: &[u8]| {
        guest.posix_spawn(SpawnOptions {
            cwd: Some(cwd.to_vec()),
            ..command()
        })
    };
    assert_eq!(at(b"/nowhere"), Err(Errno::ENOENT));
    assert_eq!(at(b"/etc/passwd"), Err(Errno::ENOTDIR));
    assert_eq!(at(b"/root"), Err(Errno::EACCES));
    assert!(at(b"/workspace").is_ok());
}

#[test]
fn sessions_and_groups() {
    let machine = machine();
    let leader = machine
        .kernel
        .spawn(SpawnOptions {
            setsid: true,
            ..command()
        })
        .unwrap();
    assert_eq!((leader.sid(), leader.pgid()), (leader.pid(), leader.pid()));
    assert_eq!(leader.setsid(), Err(Errno::EPERM));
    assert_eq!(leader.setpgid(0, 0), Err(Errno::EPERM));
    let child = machine.kernel.process(child_of(&leader)).unwrap();
    assert_eq!(child.pgid(), leader.pid());
    leader.setpgid(child.pid().raw(), 0).unwrap();
    assert_eq!(child.pgid(), child.pid());
    assert_eq!(child.setpgid(0, 4_000), Err(Errno::EPERM));
    assert_eq!(child.setpgid(0, -1), Err(Errno::EINVAL));
    assert_eq!(child.setpgid(leader.pid().raw(), 0), Err(Errno::ESRCH));
    let grandchild = machine.kernel.process(child_of(&child)).unwrap();
    assert_eq!(grandchild.setsid(), Ok(grandchild.pid()));
    let sibling = machine.kernel.process(child_of(&child)).unwrap();
    leader.kill(-child.pid().raw(), Signal::SIGKILL).unwrap();
    assert!(!child.is_alive() && !sibling.is_alive() && grandchild.is_alive());
}

#[test]
fn limits_of_a_process() {
    let machine = machine();
    let guest = machine.guest();
    let nofile = Resource::RLIMIT_NOFILE;
    assert_eq!(
        guest.getrlimit(nofile),
        Rlimit {
            soft: 256,
            hard: 256
        }
    );
    assert_eq!(
        guest.setrlimit(nofile, Rlimit { soft: 9, hard: 5 }),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        guest.setrlimit(nofile, Rlimit { soft: 9, hard: 500 }),
        Err(Errno::EPERM)
    );
    guest
        .setrlimit(nofile, Rlimit { soft: 2, hard: 2 })
        .unwrap();
    guest.pipe2(OpenFlags::empty()).unwrap();
    assert_eq!(guest.dup(0), Err(Errno::EMFILE));
    let child = machine.kernel.process(child_of(&guest)).unwrap();
    assert_eq!(child.getrlimit(nofile).soft, 2);
    let unlimited = machine.kernel.init().getrlimit(nofile);
    let raised = Rlimit {
        soft: 1 << 30,
        hard: 1 << 30,
    };
    assert_eq!(
        machine.kernel.init().setrlimit(nofile, raised),
        Err(Errno::EPERM)
    );
    assert_eq!(unlimited.soft, 256);
}

#[test]
fn execve_replaces_the_image_and_closes_what_it_must() {
    let machine = machine();
    let guest = machine.guest();
    let flags = OpenFlags::O_RDWR | OpenFlags::O_CREAT;
    guest.open(b"kept", flags, 0o600).unwrap();
    guest
        .open(b"closed", flags | OpenFlags::O_CLOEXEC, 0o600)
        .unwrap();
    guest
        .sigaction(Signal::SIGUSR1, Disposition::Handle)
        .unwrap();
    guest
        .sigaction(Signal::SIGUSR2, Disposition::Ignore)
        .unwrap();
    guest
        .execve(b"/bin/true", vec![b"new".to_vec()], Vec::new())
        .unwrap();
    assert_eq!(guest.argv(), [b"new".to_vec()]);
    assert_eq!(guest.fstat(1).unwrap_err(), Errno::EBADF);
    assert!(guest.fstat(0).is_ok());
    assert_eq!(
        guest.sigaction(Signal::SIGUSR1, Disposition::Default),
        Ok(Disposition::Default)
    );
    assert_eq!(
        guest.sigaction(Signal::SIGUSR2, Disposition::Default),
        Ok(Disposition::Ignore)
    );
    assert_eq!(
        guest.execve(b"/missing", Vec::new(), Vec::new()),
        Err(Errno::ENOENT)
    );
    assert!(guest.is_alive());
}

#[test]
fn attachment_is_what_the_embedder_gave() {
    let machine = machine();
    let attachment: Arc<dyn std::any::Any + Send + Sync> = Arc::new(42u8);
    let options = SpawnOptions {
        attachment: Some(attachment),
        ..command()
    };
    let guest = machine.kernel.spawn(options).unwrap();
    assert_eq!(guest.attachment().unwrap().downcast_ref::<u8>(), Some(&42));
    let child = machine.kernel.process(child_of(&guest)).unwrap();
    assert!(child.attachment().is_none());
}

#[test]
fn stopped_process_waits_in_its_next_blocking_call() {
    let machine = machine();
    let guest = machine.guest();
    let root = machine.kernel.init();
    let (read, write) = guest.pipe2(OpenFlags::empty()).unwrap();
    guest.write(write, b"x").unwrap();
    root.kill(guest.pid().raw(), Signal::SIGSTOP).unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(guest.poll_read(read, &mut [0], &mut cx).is_pending());
    root.kill(guest.pid().raw(), Signal::SIGCONT).unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(guest.poll_read(read, &mut [0], &mut cx), Poll::Ready(Ok(1)));
    root.kill(guest.pid().raw(), Signal::SIGSTOP).unwrap();
    root.kill(guest.pid().raw(), Signal::SIGKILL).unwrap();
    assert!(!guest.is_alive());
}

#[test]
fn kill_ends_every_wait() {
    let machine = machine();
    let guest = machine.guest();
    let (read, _write) = guest.pipe2(OpenFlags::empty()).unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(guest.poll_read(read, &mut [0], &mut cx).is_pending());
    machine
        .kernel
        .init()
        .kill(guest.pid().raw(), Signal::SIGKILL)
        .unwrap();
    assert!(wakes.count() >= 1);
    assert_eq!(
        guest.poll_read(read, &mut [0], &mut cx),
        Poll::Ready(Err(Errno::ESRCH))
    );
}

#[test]
fn nothing_starts_after_shutdown() {
    let machine = machine();
    let guest = machine.guest();
    machine.kernel.shutdown();
    assert_eq!(
        guest.exit_status(),
        Some(ExitStatus::Signaled(Signal::SIGKILL, false))
    );
    assert_eq!(machine.kernel.spawn(command()).unwrap_err(), Errno::ESRCH);
}

#[test]
fn a_session_is_killed_through_groups_and_orphans_and_nothing_else_is() {
    let machine = machine();
    let leader = || {
        let options = SpawnOptions {
            setsid: true,
            ..command()
        };
        machine.kernel.spawn(options).unwrap()
    };
    let (root, other) = (leader(), leader());
    let spawn = |parent: &Process, setsid: bool, pgid: Option<i32>| {
        let options = SpawnOptions {
            setsid,
            pgid,
            ..command()
        };
        let pid = parent.posix_spawn(options).unwrap();
        machine.kernel.process(pid).unwrap()
    };
    let child = spawn(&root, false, None);
    let group = spawn(&child, false, Some(0));
    let orphan = spawn(&child, false, None);
    let session = spawn(&child, true, None);
    let stranger = spawn(&other, false, None);
    child.exit(0);
    assert_eq!(orphan.ppid(), Pid::INIT);
    machine.kernel.kill_session(root.pid());
    for process in [&root, &group, &orphan] {
        assert!(!process.is_alive());
    }
    for process in [&session, &other, &stranger] {
        assert!(process.is_alive());
    }
}

#[test]
fn terms_bound_the_descendants_of_one_program() {
    let machine = machine();
    let bounded = |most| {
        let terms = Terms {
            most_processes: Some(most),
            ..Terms::default()
        };
        let options = SpawnOptions { terms, ..command() };
        machine.kernel.spawn(options).unwrap()
    };
    let (one, other) = (bounded(1), bounded(3));
    assert_eq!(one.posix_spawn(command()), Err(Errno::EAGAIN));
    let child = child_of(&other);
    let grandchild = machine.kernel.process(child).unwrap();
    child_of(&grandchild);
    assert_eq!(other.posix_spawn(command()), Err(Errno::EAGAIN));
    grandchild.exit(0);
    assert_eq!(other.posix_spawn(command()), Err(Errno::EAGAIN));
    assert!(ready(wait(&other, -1, WaitFlags::empty())).is_ok());
    child_of(&other);
}
