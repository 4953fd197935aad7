//! Every function of `secure_exec` over an in-memory kernel, except those that need a running program.

use secure_exec_kernel::{Errno, FdFlags, OpenFlags, Resource, Signal, Winsize};

use super::*;
use crate::call::{Call, Outcome};
use crate::fixture::Fixture;

const OUT: u32 = 1000;
const OUT_AT: usize = 1000;

fn words(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// A request without environment, directory and actions.
fn request(flags: u32, file: &str, argv: &[&str]) -> Vec<u8> {
    let mut bytes = words(&[flags, 0, file.len() as u32]);
    bytes.extend_from_slice(file.as_bytes());
    bytes.extend(words(&[argv.len() as u32]));
    for argument in argv {
        bytes.extend(words(&[argument.len() as u32]));
        bytes.extend_from_slice(argument.as_bytes());
    }
    bytes.extend(words(&[0, 0, 0]));
    bytes
}

#[test]
fn child_is_spawned_and_waited_for() {
    let mut fixture = Fixture::new();
    let (at, length) = fixture.put(2000, &request(1 | 8, "inert", &["inert", "x"]));
    fixture.ok(|call| process::proc_spawn(call, at, length, OUT));
    let pid = fixture.u32(OUT_AT).cast_signed();
    let child = fixture
        .process
        .kernel()
        .unwrap()
        .process(secure_exec_kernel::Pid::from_raw(pid))
        .unwrap();
    assert_eq!(child.argv(), [b"inert".to_vec(), b"x".to_vec()]);
    assert_eq!(child.pgid().raw(), pid, "SETPGID 0");
    fixture.ok(|call| process::proc_wait(call, -1, 1, OUT, OUT + 4));
    assert_eq!(fixture.u32(1000), 0, "nobody has ended");
    fixture.fails(Errno::EINVAL, |call| {
        process::proc_wait(call, -1, 4, OUT, OUT + 4)
    });
    child.exit(9);
    fixture.ok(|call| process::proc_wait(call, pid, 0, OUT, OUT + 4));
    assert_eq!(
        (fixture.u32(1000).cast_signed(), fixture.u32(1004)),
        (pid, 9 << 8)
    );
    fixture.fails(Errno::ECHILD, |call| {
        process::proc_wait(call, -1, 0, OUT, OUT + 4)
    });
}

#[test]
fn spawn_refuses_bad_requests_and_missing_files() {
    let mut fixture = Fixture::new();
    let (at, length) = fixture.put(2000, &request(0, "/bin/nowhere", &["x"]));
    fixture.fails(Errno::ENOENT, |call| {
        process::proc_spawn(call, at, length, OUT)
    });
    fixture.fails(Errno::EINVAL, |call| {
        process::proc_spawn(call, at, length - 1, OUT)
    });
    assert_eq!(
        fixture.call(|call| process::proc_spawn(call, at, u32::MAX, OUT)),
        None
    );
    assert_eq!(
        fixture.call(|call| process::proc_spawn(call, at, length, u32::MAX)),
        None
    );
    fixture.fails(Errno::ENOENT, |call| process::proc_exec(call, at, length));
    let (at, length) = fixture.put(2000, &request(1, "inert", &["renamed"]));
    assert_eq!(
        fixture.call(|call| process::proc_exec(call, at, length)),
        None,
        "the program ends"
    );
    assert!(fixture.process.is_alive());
    assert_eq!(fixture.process.argv(), [b"renamed".to_vec()]);
}

#[test]
fn groups_sessions_and_identities() {
    let mut fixture = Fixture::new();
    let pid = fixture.process.pid().raw();
    assert_eq!(fixture.value(process::proc_getpid), pid);
    assert_eq!(fixture.value(process::proc_getppid), 1);
    fixture.ok(|call| process::proc_setsid(call, OUT));
    assert_eq!(fixture.u32(OUT_AT).cast_signed(), pid);
    fixture.fails(Errno::EPERM, |call| process::proc_setsid(call, OUT));
    fixture.ok(|call| process::proc_getsid(call, 0, OUT));
    assert_eq!(fixture.u32(OUT_AT).cast_signed(), pid);
    let child = fixture.child().pid().raw();
    fixture.ok(|call| process::proc_setpgid(call, child, child));
    fixture.ok(|call| process::proc_getpgid(call, child, OUT));
    assert_eq!(fixture.u32(OUT_AT).cast_signed(), child);
    fixture.fails(Errno::ESRCH, |call| process::proc_getpgid(call, 9999, OUT));
    fixture.ok(|call| process::proc_ids(call, OUT));
    assert_eq!(
        [1000, 1004, 1008, 1012].map(|at| fixture.u32(at)),
        [1000; 4]
    );
    assert_eq!(fixture.u32(1016) as usize, fixture.process.groups().len());
}

#[test]
fn limits_and_times() {
    let mut fixture = Fixture::new();
    fixture.ok(|call| process::proc_getrlimit(call, 7, OUT));
    assert_eq!(fixture.u64(OUT_AT), 256);
    fixture.put(2000, &100u64.to_le_bytes());
    fixture.put(2008, &200u64.to_le_bytes());
    fixture.ok(|call| process::proc_setrlimit(call, 7, 2000));
    assert_eq!(fixture.process.getrlimit(Resource::RLIMIT_NOFILE).soft, 100);
    for number in [-1, 16] {
        fixture.fails(Errno::EINVAL, |call| {
            process::proc_getrlimit(call, number, OUT)
        });
    }
    assert_eq!(
        fixture.call(|call| process::proc_setrlimit(call, 7, 65_530)),
        None
    );
    let child = fixture.child();
    child.charge_cpu(secure_exec_kernel::CpuTime {
        user_ns: 3_000_001,
        system_ns: 5_000_000,
    });
    child.exit(0);
    fixture.ok(|call| process::proc_wait(call, -1, 0, OUT, OUT + 4));
    fixture.ok(|call| process::proc_times(call, OUT));
    assert_eq!(
        (fixture.u64(1016), fixture.u64(1024)),
        (3_000_000, 5_000_000),
        "whole milliseconds"
    );
}

#[test]
fn caught_signals_are_taken_one_by_one() {
    let mut fixture = Fixture::new();
    let usr1 = i32::from(Signal::SIGUSR1.raw());
    let pid = fixture.process.pid().raw();
    fixture.ok(|call| signal::sig_action(call, usr1, 2, OUT));
    assert_eq!(fixture.u32(OUT_AT), 0);
    fixture.ok(|call| signal::sig_action(call, usr1, 2, OUT));
    assert_eq!(fixture.u32(OUT_AT), 2);
    fixture.fails(Errno::EINVAL, |call| signal::sig_action(call, 9, 1, OUT));
    fixture.fails(Errno::EINVAL, |call| signal::sig_action(call, 65, 1, OUT));
    fixture.fails(Errno::EINVAL, |call| signal::sig_action(call, usr1, 3, OUT));
    assert_eq!(fixture.value(signal::sig_take), 0);
    fixture.ok(|call| process::proc_kill(call, pid, usr1));
    fixture.fails(Errno::EINTR, |call| {
        call.wait_for(|_, _, _| std::task::Poll::<Outcome<()>>::Pending)
    });
    assert_eq!(fixture.value(signal::sig_take), usr1);
    assert_eq!(fixture.value(signal::sig_take), 0);
    fixture.fails(Errno::ETIMEDOUT, |call| signal::sig_wait(call, 1, OUT));
    fixture.ok(|call| process::proc_kill(call, pid, usr1));
    fixture.ok(|call| signal::sig_wait(call, -1, OUT));
    assert_eq!(fixture.u32(OUT_AT).cast_signed(), usr1);
    fixture.ok(|call| process::proc_kill(call, pid, 0));
    fixture.fails(Errno::ESRCH, |call| process::proc_kill(call, 9999, 0));
    fixture.fails(Errno::EINVAL, |call| process::proc_kill(call, pid, 70));
}

#[test]
fn descriptors_are_copied_and_flagged() {
    let mut fixture = Fixture::new();
    fixture.ok(|call| descriptor::fd_pipe(call, OUT, OpenFlags::O_CLOEXEC.bits()));
    let (read, write) = (
        fixture.u32(1000).cast_signed(),
        fixture.u32(1004).cast_signed(),
    );
    assert_eq!(fixture.process.fd_flags(read), Ok(FdFlags::FD_CLOEXEC));
    fixture.ok(|call| descriptor::fd_cloexec(call, read, 0));
    assert_eq!(fixture.process.fd_flags(read), Ok(FdFlags::empty()));
    fixture.ok(|call| descriptor::fd_dup(call, write, 20, 1, OUT));
    assert_eq!(fixture.u32(OUT_AT), 20);
    assert_eq!(fixture.process.fd_flags(20), Ok(FdFlags::FD_CLOEXEC));
    fixture.ok(|call| descriptor::fd_dup2(call, 20, 9, 0));
    fixture.ok(|call| descriptor::fd_dup2(call, 9, 9, 0));
    fixture.fails(Errno::EBADF, |call| descriptor::fd_dup2(call, 50, 50, 0));
    fixture.fails(Errno::EINVAL, |call| descriptor::fd_dup2(call, 9, 8, 1));
    fixture.fails(Errno::EINVAL, |call| {
        descriptor::fd_pipe(call, OUT, 1 << 20)
    });
    assert_eq!(
        fixture.call(|call| descriptor::fd_pipe(call, 65_530, 0)),
        None
    );
}

#[test]
fn paths_start_at_the_working_directory() {
    let mut fixture = Fixture::new();
    let (at, length) = fixture.put(2000, b"d");
    fixture.ok(|call| path::path_mkdir(call, at, length, 0o750));
    fixture.ok(|call| path::path_chdir(call, at, length));
    fixture.ok(|call| path::path_getcwd(call, 3000, 100, OUT));
    assert_eq!(
        &fixture.memory[3000..3000 + fixture.u32(OUT_AT) as usize],
        b"/workspace/d"
    );
    fixture.fails(Errno::ERANGE, |call| path::path_getcwd(call, 3000, 5, OUT));
    let flags = (OpenFlags::O_RDWR | OpenFlags::O_CREAT).bits();
    let (at, length) = fixture.put(2000, b"f");
    fixture.ok(|call| path::path_openat(call, -100, at, length, flags, 0o640, OUT));
    let fd = fixture.u32(OUT_AT).cast_signed();
    assert_eq!(fd, 0, "the lowest one");
    fixture.ok(|call| path::path_stat(call, -100, at, length, 0, OUT));
    assert_eq!(fixture.u32(1024) & 0o7777, 0o640);
    fixture.ok(|call| path::path_chmod(call, at, length, 0o400));
    fixture.ok(|call| descriptor::fd_stat(call, fd, OUT));
    assert_eq!((fixture.u32(1024) & 0o7777, fixture.u64(1016)), (0o400, 1));
    assert_eq!(fixture.u64(1072), 1_704_067_200, "atime");
    fixture.ok(|call| descriptor::fd_chmod(call, fd, 0o600));
    fixture.fails(Errno::EACCES, |call| path::path_access(call, at, length, 1));
    fixture.ok(|call| path::path_access(call, at, length, 4));
    fixture.ok(|call| path::path_chown(call, at, length, 1000, 1000, 0x100));
    fixture.fails(Errno::EPERM, |call| {
        path::path_chown(call, at, length, 0, 0, 0)
    });
    let (fifo, fifo_length) = fixture.put(2100, b"p");
    fixture.ok(|call| path::path_mkfifo(call, fifo, fifo_length, 0o600));
    fixture.ok(|call| path::path_stat(call, -100, fifo, fifo_length, 0x100, OUT));
    assert_eq!(fixture.u32(1024) & 0o170_000, 0o010_000);
    fixture.ok(|call| path::path_statfs(call, at, length, OUT));
    assert_eq!((fixture.u64(1008), fixture.u64(1056)), (4096, 255));
    assert_eq!(fixture.value(|call| path::proc_umask(call, 0o77)), 0o22);
    assert_eq!(fixture.value(|call| path::proc_umask(call, 0)), 0o77);
    let (root, root_length) = fixture.put(2200, b"/");
    fixture.ok(|call| path::path_openat(call, -100, root, root_length, 0, 0, OUT));
    let root = fixture.u32(OUT_AT).cast_signed();
    fixture.ok(|call| descriptor::fd_chdir(call, root));
    assert_eq!(fixture.process.getcwd().unwrap(), b"/");
    assert_eq!(
        fixture.call(|call| path::path_chdir(call, u32::MAX, 2)),
        None
    );
}

#[test]
fn what_is_no_terminal_says_so() {
    let mut fixture = Fixture::new();
    fixture.ok(|call| descriptor::fd_pipe(call, OUT, 0));
    let fd = fixture.u32(OUT_AT).cast_signed();
    assert_eq!(fixture.value(|call| tty::tty_isatty(call, fd)), 0);
    assert_eq!(fixture.value(|call| tty::tty_isatty(call, 99)), 0);
    fixture.fails(Errno::ENOTTY, |call| tty::tty_winsize(call, fd, OUT));
    fixture.fails(Errno::ENOTTY, |call| tty::tty_set_winsize(call, fd, OUT));
    fixture.fails(Errno::ENOTTY, |call| tty::tty_getattr(call, fd, OUT));
    fixture.fails(Errno::ENOTTY, |call| tty::tty_setattr(call, fd, 0, OUT));
    fixture.fails(Errno::ENOTTY, |call| tty::tty_getpgrp(call, fd, OUT));
    fixture.fails(Errno::ENOTTY, |call| tty::tty_setpgrp(call, fd, 1));
    fixture.fails(Errno::ENOTTY, |call| tty::tty_acquire(call, fd));
    fixture.fails(Errno::EBADF, |call| tty::tty_winsize(call, 99, OUT));
    assert_eq!(
        fixture.call(|call| tty::tty_getattr(call, fd, 65_500)),
        None
    );
}

#[test]
fn terminal_has_attributes_size_and_groups() {
    let mut fixture = Fixture::new();
    let (_master, slave) = fixture.kernel.open_pty(Winsize::default()).unwrap();
    let fd = fixture.process.install(slave, false).unwrap();
    assert_eq!(fixture.value(|call| tty::tty_isatty(call, fd)), 1);
    fixture.put(2000, &[24, 0, 80, 0, 1, 0, 2, 0]);
    fixture.ok(|call| tty::tty_set_winsize(call, fd, 2000));
    fixture.ok(|call| tty::tty_winsize(call, fd, OUT));
    assert_eq!(fixture.memory[1000..1008], [24, 0, 80, 0, 1, 0, 2, 0]);
    fixture.ok(|call| tty::tty_getattr(call, fd, OUT));
    let echo = 0o10;
    assert_ne!(fixture.u32(1012) & echo, 0);
    assert_eq!(fixture.memory[1017], 3, "VINTR is Ctrl-C");
    fixture.memory[1012] &= !echo as u8;
    fixture.ok(|call| tty::tty_setattr(call, fd, 2, OUT));
    fixture.ok(|call| tty::tty_getattr(call, fd, 3000));
    assert_eq!(fixture.u32(3012) & echo, 0);
    fixture.fails(Errno::EINVAL, |call| tty::tty_setattr(call, fd, 3, OUT));
    fixture.fails(Errno::ENOTTY, |call| tty::tty_getpgrp(call, fd, OUT));
}

#[test]
fn a_program_learns_the_name_that_it_was_called_by() {
    let mut fixture = Fixture::new();
    fixture.ok(|call| process::proc_argv0(call, 3000, 400, OUT));
    let length = fixture.u32(OUT_AT) as usize;
    assert_eq!(&fixture.memory[3000..3000 + length], b"inert");
    fixture.fails(Errno::ERANGE, |call| {
        process::proc_argv0(call, 3000, 4, OUT)
    });
}

#[test]
fn machine_has_five_names() {
    let mut fixture = Fixture::new();
    fixture.ok(|call| system::sys_uname(call, 3000, 400, OUT));
    let text = &fixture.memory[3000..3000 + fixture.u32(OUT_AT) as usize];
    let names: Vec<&[u8]> = text.split(|byte| *byte == 0).collect();
    assert_eq!(
        (names.len(), names[0], names[4]),
        (6, &b"Linux"[..], &b"x86_64"[..])
    );
    fixture.fails(Errno::ERANGE, |call| system::sys_uname(call, 3000, 10, OUT));
}

#[test]
fn open_of_a_fifo_waits_and_is_interrupted_by_a_caught_signal() {
    let mut fixture = Fixture::new();
    let (at, length) = fixture.put(2000, b"/tmp/fifo");
    fixture.ok(|call| path::path_mkfifo(call, at, length, 0o600));
    let open = |call: &mut Call<'_>, flags: OpenFlags| {
        path::path_openat(call, -100, at, length, flags.bits(), 0, OUT)
    };
    let usr1 = i32::from(Signal::SIGUSR1.raw());
    let pid = fixture.process.pid().raw();
    fixture.ok(|call| signal::sig_action(call, usr1, 2, OUT));
    fixture.ok(|call| process::proc_kill(call, pid, usr1));
    fixture.fails(Errno::EINTR, |call| open(call, OpenFlags::O_RDONLY));
    assert_eq!(fixture.value(signal::sig_take), usr1);
    // The reader that was interrupted is gone.
    let nonblocking = OpenFlags::O_WRONLY | OpenFlags::O_NONBLOCK;
    fixture.fails(Errno::ENXIO, |call| open(call, nonblocking));
    let child = fixture.child();
    let other = std::thread::spawn(move || {
        let mut opened = None;
        while opened.is_none() {
            // Fails until the other end waits.
            opened = child.open(b"/tmp/fifo", nonblocking, 0).ok();
            std::thread::yield_now();
        }
    });
    fixture.ok(|call| open(call, OpenFlags::O_RDONLY));
    other.join().unwrap();
}
