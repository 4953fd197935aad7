//! The table of system calls: every row is exercised, and the tracer sees it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use parking_lot::Mutex;
use secure_exec_kernel::syscalls::TABLE;
use secure_exec_kernel::*;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Default)]
struct Recorder {
    names: Mutex<BTreeSet<&'static str>>,
    lines: Mutex<Vec<String>>,
}

impl Tracer for Recorder {
    fn syscall(&self, event: &SyscallEvent<'_>) {
        self.names.lock().insert(event.name);
        self.lines.lock().push(event.to_string());
    }
}

fn files(guest: &Process) {
    let flags = OpenFlags::O_RDWR | OpenFlags::O_CREAT;
    let fd = guest.openat(AT_FDCWD, b"f", flags, 0o644).unwrap();
    let to = guest.open(b"g", flags, 0o644).unwrap();
    let mut buf = [0; 4];
    guest.write(fd, b"abcd").unwrap();
    guest.read(fd, &mut buf).unwrap();
    guest.pwrite(fd, b"x", 0).unwrap();
    guest.pread(fd, &mut buf, 0).unwrap();
    guest.writev(fd, &[b"a"]).unwrap();
    guest.readv(fd, &mut [&mut buf]).unwrap();
    guest.pwritev(fd, &[b"a"], 0).unwrap();
    guest.preadv(fd, &mut [&mut buf], 0).unwrap();
    guest.lseek(fd, 0, 0).unwrap();
    guest.copy_file_range(fd, None, to, None, 4).unwrap();
    guest.ftruncate(fd, 2).unwrap();
    guest.truncate(b"f", 1).unwrap();
    guest.fsync(fd).unwrap();
    guest.fdatasync(fd).unwrap();
    let dir = guest.open(b".", OpenFlags::O_DIRECTORY, 0).unwrap();
    guest.getdents(dir).unwrap();
    guest.fchdir(dir).unwrap();
    guest.fstat(fd).unwrap();
    guest.fstatfs(fd).unwrap();
    guest.fchmod(fd, 0o600).unwrap();
    guest.fchown(fd, 1000, 1000).unwrap();
    guest.futimens(fd, SetTime::Now, SetTime::Now).unwrap();
    guest.dup(fd).unwrap();
    guest.dup2(fd, 20).unwrap();
    guest.dup3(fd, 21, OpenFlags::O_CLOEXEC).unwrap();
    guest.fd_flags(fd).unwrap();
    guest.pipe2(OpenFlags::O_CLOEXEC).unwrap();
    let (socket, _) = guest.socketpair(OpenFlags::O_CLOEXEC).unwrap();
    guest.shutdown(socket, net::Shutdown::Both).unwrap();
    let server = guest.socket(OpenFlags::O_CLOEXEC).unwrap();
    guest.bind(server, b"socket").unwrap();
    guest.listen(server, 8).unwrap();
    let client = guest.socket(OpenFlags::O_CLOEXEC).unwrap();
    guest.connect(client, b"socket").unwrap();
    guest.accept4(server, OpenFlags::O_CLOEXEC).unwrap();
    ready(poll(|cx| guest.poll_ready(fd, PollEvents::POLLIN, cx))).unwrap();
    guest.close(fd).unwrap();
}

fn paths(guest: &Process) {
    guest.mkdir(b"d", 0o755).unwrap();
    guest.mknodat(AT_FDCWD, b"p", 0o010_600).unwrap();
    guest.rename(b"p", b"q").unwrap();
    guest.link(b"q", b"r").unwrap();
    guest.symlink(b"q", b"s").unwrap();
    guest.readlink(b"s").unwrap();
    guest.unlink(b"s").unwrap();
    guest.chdir(b"d").unwrap();
    guest.getcwd().unwrap();
    guest.stat(b".").unwrap();
    guest.statfs(b".").unwrap();
    guest.access(b".", 0).unwrap();
    guest.chmod(b".", 0o700).unwrap();
    guest.chown(b".", 1000, 1000).unwrap();
    guest.umask(0o022);
    let fd = guest.inotify_init1(OpenFlags::empty()).unwrap();
    let wd = guest
        .inotify_add_watch(fd, b".", InotifyMask::IN_CREATE)
        .unwrap();
    guest.inotify_rm_watch(fd, wd).unwrap();
}

fn processes(machine: &Machine, guest: &Process) {
    let child = guest.posix_spawn(command()).unwrap();
    let child = machine.kernel.process(child).unwrap();
    guest.setpgid(child.pid().raw(), 0).unwrap();
    guest.getpid();
    guest.ppid();
    guest.getpgid(0).unwrap();
    guest.getsid(0).unwrap();
    child.setsid().unwrap_err();
    guest
        .setrlimit(
            Resource::RLIMIT_CORE,
            guest.getrlimit(Resource::RLIMIT_CORE),
        )
        .unwrap();
    guest.uname().unwrap();
    guest.getrandom(&mut [0; 4]).unwrap();
    guest.clock_realtime();
    guest
        .sigaction(Signal::SIGUSR1, Disposition::Handle)
        .unwrap();
    guest.kill(guest.pid().raw(), Signal::SIGUSR1).unwrap();
    ready(poll(|cx| guest.poll_signal(cx)));
    child
        .execve(b"/bin/true", vec![b"true".to_vec()], Vec::new())
        .unwrap();
    child
        .fork(|copy| {
            copy.exit(0);
            Ok(())
        })
        .unwrap();
    child.exit(0);
    ready(poll(|cx| guest.poll_wait4(-1, WaitFlags::empty(), cx))).unwrap();
}

fn terminals(machine: &Machine) {
    let guest = machine
        .kernel
        .spawn(SpawnOptions {
            setsid: true,
            ..command()
        })
        .unwrap();
    let master = guest.open(b"/dev/ptmx", OpenFlags::O_RDWR, 0).unwrap();
    guest.unlockpt(master).unwrap();
    let path = guest.ptsname(master).unwrap();
    let flags = OpenFlags::O_RDWR | OpenFlags::O_NOCTTY;
    let tty = guest.open(&path, flags, 0).unwrap();
    guest.tiocsctty(tty).unwrap();
    assert!(guest.isatty(tty));
    guest.ttyname(tty).unwrap();
    let termios = guest.tcgetattr(tty).unwrap();
    guest
        .tcsetattr(tty, TcsetAction::TCSADRAIN, &termios)
        .unwrap();
    guest.tcflush(tty, TcflushQueue::TCIOFLUSH).unwrap();
    guest.tcflow(tty, TcflowAction::TCOON).unwrap();
    guest.tcdrain(tty).unwrap();
    guest.tcsendbreak(tty, 0).unwrap();
    guest.tcgetpgrp(tty).unwrap();
    guest.tcsetpgrp(tty, guest.pid().raw()).unwrap();
    guest.tcgetsid(tty).unwrap();
    let winsize = guest.tiocgwinsz(tty).unwrap();
    guest.tiocswinsz(tty, winsize).unwrap();
    guest.tiocnotty(tty).unwrap();
}

#[test]
fn every_row_is_exercised_and_traced() {
    let machine = machine();
    let recorder = Arc::new(Recorder::default());
    machine.kernel.set_tracer(Some(recorder.clone()));
    let guest = machine.guest();
    files(&guest);
    paths(&guest);
    processes(&machine, &guest);
    terminals(&machine);
    machine.kernel.set_tracer(None);
    guest.getcwd().unwrap();
    let rows: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(rows.len(), TABLE.len(), "names are unique");
    assert_eq!(*recorder.names.lock(), rows);
}

#[test]
fn trace_lines_read_like_strace() {
    let machine = machine();
    let recorder = Arc::new(Recorder::default());
    let guest = machine.guest();
    machine.kernel.set_tracer(Some(recorder.clone()));
    guest.mkdir(b"new\n", 0o755).unwrap();
    guest.close(9).unwrap_err();
    let pid = guest.pid();
    assert_eq!(
        *recorder.lines.lock(),
        [
            format!(r#"[{pid}] mkdirat(-100, "new\n", 0o755) = ()"#),
            format!("[{pid}] close(9) = -1 EBADF (bad file descriptor)"),
        ]
    );
}
