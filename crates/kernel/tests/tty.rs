//! Terminals: sessions, job control, hang-ups. What bytes become is compared with Linux in `differential`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

const VMIN: usize = 6;
const VTIME: usize = 5;

/// A shell on a terminal: session leader, in the foreground, with the terminal at 0, 1 and 2.
struct Session {
    machine: Machine,
    master: Arc<FileDescription>,
    shell: Arc<Process>,
}

fn session() -> Session {
    let machine = machine();
    let winsize = Winsize {
        rows: 24,
        cols: 80,
        ..Winsize::default()
    };
    let (master, slave) = machine.kernel.open_pty(winsize).unwrap();
    let shell = machine.kernel.spawn(SpawnOptions {
        setsid: true,
        ctty: Some(0),
        fds: (0..3).map(|fd| (fd, slave.clone())).collect(),
        ..command()
    });
    Session {
        machine,
        master,
        shell: shell.unwrap(),
    }
}

fn session_job(machine: &Machine, shell: &Process) -> Arc<Process> {
    let pid = shell.posix_spawn(SpawnOptions {
        pgid: Some(0),
        ..command()
    });
    machine.kernel.process(pid.unwrap()).unwrap()
}

impl Session {
    fn shown(&self) -> String {
        let mut buf = [0; 65_536];
        match self.master.read(&mut buf) {
            Ok(count) => String::from_utf8_lossy(&buf[..count]).into_owned(),
            Err(errno) => errno.name().to_owned(),
        }
    }

    /// A child of the shell in a group of its own, in the background.
    fn job(&self) -> Arc<Process> {
        session_job(&self.machine, &self.shell)
    }

    fn wait(&self, flags: WaitFlags) -> Poll<Result<Option<(Pid, ExitStatus)>>> {
        poll(|cx| self.shell.poll_wait4(-1, WaitFlags::WNOHANG | flags, cx))
    }
}

fn handle(process: &Process, signal: Signal) {
    process.sigaction(signal, Disposition::Handle).unwrap();
}

fn ignore(process: &Process, signal: Signal) {
    process.sigaction(signal, Disposition::Ignore).unwrap();
}

fn next_signal(process: &Process) -> Option<Signal> {
    match poll(|cx| process.poll_signal(cx)) {
        Poll::Ready(signal) => Some(signal),
        Poll::Pending => None,
    }
}

#[test]
fn session_leader_has_its_terminal() {
    let session = session();
    let shell = &session.shell;
    assert!(shell.isatty(0));
    assert_eq!(shell.ttyname(0).unwrap(), b"/dev/pts/0");
    assert_eq!(shell.tcgetpgrp(0).unwrap(), shell.pgid());
    assert_eq!(shell.tcgetsid(0).unwrap(), shell.sid());
    assert_eq!(shell.stat(b"/dev/pts/0").unwrap().rdev, 0x8800);
    let tty = shell.open(b"/dev/tty", OpenFlags::O_RDWR, 0).unwrap();
    assert_eq!(shell.ttyname(tty).unwrap(), b"/dev/pts/0");
    shell.write(tty, b"hi\n").unwrap();
    assert_eq!(session.shown(), "hi\r\n");
    let stat = text(shell, "/proc/self/stat");
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    assert_eq!(fields[4], 0x8800.to_string());
    assert_eq!(fields[5], shell.pgid().to_string());
    assert_eq!(shell.readlink(b"/proc/self/fd/0").unwrap(), b"/dev/pts/0");
}

#[test]
fn without_a_terminal_dev_tty_cannot_be_opened() {
    let machine = machine();
    let guest = machine.guest();
    let opened = guest.open(b"/dev/tty", OpenFlags::O_RDWR, 0);
    assert_eq!(opened, Err(Errno::ENXIO));
    assert!(!guest.isatty(0));
    let pipe = guest.pipe2(OpenFlags::empty()).unwrap().0;
    assert_eq!(guest.tcgetattr(pipe), Err(Errno::ENOTTY));
    assert_eq!(guest.tcgetattr(77), Err(Errno::EBADF));
}

#[test]
fn opening_a_terminal_makes_it_the_leaders_unless_asked_not_to() {
    let machine = machine();
    let leader = machine
        .kernel
        .spawn(SpawnOptions {
            setsid: true,
            ..command()
        })
        .unwrap();
    let master = leader.open(b"/dev/ptmx", OpenFlags::O_RDWR, 0).unwrap();
    let slave = leader.ptsname(master).unwrap();
    assert_eq!(leader.open(&slave, OpenFlags::O_RDWR, 0), Err(Errno::EIO));
    leader.unlockpt(master).unwrap();
    let flags = OpenFlags::O_RDWR | OpenFlags::O_NOCTTY;
    let fd = leader.open(&slave, flags, 0).unwrap();
    assert_eq!(leader.tcgetpgrp(fd), Err(Errno::ENOTTY));
    let fd = leader.open(&slave, OpenFlags::O_RDWR, 0).unwrap();
    assert_eq!(leader.tcgetpgrp(fd), Ok(leader.pgid()));
    assert_eq!(leader.tcgetpgrp(master), Ok(leader.pgid()));
    leader.tiocnotty(fd).unwrap();
    assert!(
        !leader.is_alive(),
        "giving it up hangs the foreground group up"
    );
}

#[test]
fn interrupt_reaches_the_foreground_group_alone() {
    let session = session();
    let (first, second) = (session.job(), session.job());
    ignore(&session.shell, Signal::SIGTTOU);
    session.shell.tcsetpgrp(0, first.pid().raw()).unwrap();
    session.master.write(b"\x03").unwrap();
    assert_eq!(
        first.exit_status(),
        Some(ExitStatus::Signaled(Signal::SIGINT, false))
    );
    assert!(second.is_alive() && session.shell.is_alive());
    assert_eq!(session.shown(), "^C");
}

#[test]
fn quit_and_suspend_are_signals_too() {
    let session = session();
    let job = session.job();
    ignore(&session.shell, Signal::SIGTTOU);
    session.shell.tcsetpgrp(0, job.pid().raw()).unwrap();
    session.master.write(b"\x1a").unwrap();
    assert!(job.is_stopped());
    let stopped = Some((job.pid(), ExitStatus::Stopped(Signal::SIGTSTP)));
    assert_eq!(session.wait(WaitFlags::empty()), Poll::Ready(Ok(None)));
    assert_eq!(session.wait(WaitFlags::WUNTRACED), Poll::Ready(Ok(stopped)));
    assert_eq!(session.wait(WaitFlags::WUNTRACED), Poll::Ready(Ok(None)));
    let group = -job.pid().raw();
    session.shell.kill(group, Signal::SIGCONT).unwrap();
    let continued = Some((job.pid(), ExitStatus::Continued));
    assert_eq!(
        session.wait(WaitFlags::WCONTINUED),
        Poll::Ready(Ok(continued))
    );
    session.master.write(b"\x1c").unwrap();
    assert_eq!(
        job.exit_status(),
        Some(ExitStatus::Signaled(Signal::SIGQUIT, false))
    );
}

#[test]
fn suspend_reaches_a_handler() {
    let session = session();
    handle(&session.shell, Signal::SIGTSTP);
    handle(&session.shell, Signal::SIGCONT);
    session.master.write(b"\x1a").unwrap();
    assert_eq!(next_signal(&session.shell), Some(Signal::SIGTSTP));
    assert!(!session.shell.is_stopped());
    session.shell.kill(0, Signal::SIGTSTP).unwrap();
    session.shell.kill(0, Signal::SIGCONT).unwrap();
    assert_eq!(next_signal(&session.shell), Some(Signal::SIGCONT));
    assert_eq!(next_signal(&session.shell), None, "the stop is undone");
}

#[test]
fn background_read_stops_until_the_job_comes_forward() {
    let session = session();
    let job = session.job();
    let mut buf = [0; 16];
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(job.poll_read(0, &mut buf, &mut cx).is_pending());
    assert!(job.is_stopped());
    assert!(job.poll_read(0, &mut buf, &mut cx).is_pending());
    ignore(&session.shell, Signal::SIGTTOU);
    session.shell.tcsetpgrp(0, job.pid().raw()).unwrap();
    session.master.write(b"line\n").unwrap();
    let before = wakes.count();
    session
        .shell
        .kill(-job.pid().raw(), Signal::SIGCONT)
        .unwrap();
    assert!(wakes.count() > before);
    assert_eq!(ready(job.poll_read(0, &mut buf, &mut cx)), Ok(5));
    assert_eq!(&buf[..5], b"line\n");
}

#[test]
fn background_read_fails_where_nobody_would_continue_it() {
    let session = session();
    let job = session.job();
    ignore(&job, Signal::SIGTTIN);
    assert_eq!(job.read(0, &mut [0; 4]), Err(Errno::EIO));
    let orphan = session.job();
    let grandchild = orphan.posix_spawn(command()).unwrap();
    let grandchild = session.machine.kernel.process(grandchild).unwrap();
    orphan.exit(0);
    assert_eq!(grandchild.ppid(), Pid::INIT);
    assert_eq!(grandchild.read(0, &mut [0; 4]), Err(Errno::EIO));
}

#[test]
fn background_write_stops_only_with_tostop() {
    let session = session();
    let job = session.job();
    job.write(1, b"free").unwrap();
    let mut termios = session.shell.tcgetattr(0).unwrap();
    termios.lflag |= LocalFlags::TOSTOP;
    session
        .shell
        .tcsetattr(0, TcsetAction::TCSANOW, &termios)
        .unwrap();
    assert!(poll(|cx| job.poll_write(1, b"held", cx)).is_pending());
    assert!(job.is_stopped());
    job.kill(job.pid().raw(), Signal::SIGCONT).unwrap();
    ignore(&job, Signal::SIGTTOU);
    assert_eq!(job.write(1, b"mine"), Ok(4));
    assert_eq!(session.shown(), "freemine");
}

#[test]
fn background_change_of_settings_stops() {
    let session = session();
    let job = session.job();
    let termios = job.tcgetattr(0).unwrap();
    let set = |cx: &mut Context<'_>| job.poll_tcsetattr(0, TcsetAction::TCSANOW, &termios, cx);
    assert!(poll(set).is_pending());
    assert!(job.is_stopped());
    session
        .shell
        .kill(-job.pid().raw(), Signal::SIGCONT)
        .unwrap();
    handle(&job, Signal::SIGTTOU);
    assert_eq!(job.tcsetpgrp(0, job.pid().raw()), Err(Errno::EINTR));
    assert_eq!(next_signal(&job), Some(Signal::SIGTTOU));
}

#[test]
fn spawned_job_has_the_terminal_from_its_start_if_its_parent_had_it() {
    let session = session();
    let in_front = |parent: &Process| {
        parent.posix_spawn(SpawnOptions {
            pgid: Some(0),
            foreground: true,
            ..command()
        })
    };
    let job = in_front(&session.shell).unwrap();
    assert_eq!(session.shell.tcgetpgrp(0), Ok(job));
    // The shell is in the background now, and one more job changes nothing.
    in_front(&session.shell).unwrap();
    assert_eq!(session.shell.tcgetpgrp(0), Ok(job));
    let missing = session.shell.posix_spawn(SpawnOptions {
        file: b"/no/such/file".to_vec(),
        pgid: Some(0),
        foreground: true,
        ..command()
    });
    assert_eq!(missing, Err(Errno::ENOENT));
    assert_eq!(session.shell.tcgetpgrp(0), Ok(job));
}

#[test]
fn foreground_group_must_be_of_the_session() {
    let session = session();
    let stranger = session.machine.kernel.spawn(SpawnOptions {
        setsid: true,
        ..command()
    });
    let stranger = stranger.unwrap();
    let set = |group| session.shell.tcsetpgrp(0, group);
    assert_eq!(set(stranger.pid().raw()), Err(Errno::EPERM));
    assert_eq!(set(99_999), Err(Errno::ESRCH));
    assert_eq!(set(-1), Err(Errno::EINVAL));
    let file = session.shell.file(0).unwrap();
    let fd = stranger.install(file, false).unwrap();
    assert_eq!(stranger.tcgetpgrp(fd), Err(Errno::ENOTTY));
    assert_eq!(stranger.tiocsctty(fd), Err(Errno::EPERM));
}

#[test]
fn resize_signals_the_foreground_group_once() {
    let session = session();
    handle(&session.shell, Signal::SIGWINCH);
    let winsize = Winsize {
        rows: 50,
        cols: 132,
        ..Winsize::default()
    };
    let pty = Terminal::of(&session.master).unwrap().pty().clone();
    pty.set_winsize(winsize);
    assert_eq!(next_signal(&session.shell), Some(Signal::SIGWINCH));
    assert_eq!(session.shell.tiocgwinsz(1), Ok(winsize));
    session.shell.tiocswinsz(0, winsize).unwrap();
    assert_eq!(next_signal(&session.shell), None);
}

#[test]
fn closing_the_master_hangs_up() {
    let session = session();
    let job = session.job();
    handle(&session.shell, Signal::SIGHUP);
    handle(&session.shell, Signal::SIGCONT);
    ignore(&session.shell, Signal::SIGTTOU);
    session.shell.tcsetpgrp(0, job.pid().raw()).unwrap();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 4];
    assert!(job.poll_read(0, &mut buf, &mut cx).is_pending());
    drop(session.master);
    assert!(wakes.count() > 0);
    assert_eq!(ready(job.poll_read(0, &mut buf, &mut cx)), Ok(0));
    assert_eq!(job.write(1, b"x"), Err(Errno::EIO));
    assert_eq!(job.tcgetattr(0), Err(Errno::EIO));
    assert!(!job.isatty(0));
    assert_eq!(next_signal(&session.shell), Some(Signal::SIGHUP));
    assert_eq!(next_signal(&session.shell), Some(Signal::SIGCONT));
    assert!(job.is_alive());
    session.shell.exit(0);
    assert_eq!(
        job.exit_status(),
        Some(ExitStatus::Signaled(Signal::SIGHUP, false)),
        "the end of the leader hangs the foreground group up"
    );
    assert_eq!(session.machine.kernel.resource_counts().ptys, 0);
}

#[test]
fn stopped_orphans_are_hung_up_and_continued() {
    let session = session();
    let job = session.job();
    handle(&job, Signal::SIGHUP);
    handle(&job, Signal::SIGCONT);
    job.kill(0, Signal::SIGSTOP).unwrap();
    assert!(job.is_stopped());
    session.shell.exit(0);
    assert!(!job.is_stopped());
    assert_eq!(next_signal(&job), Some(Signal::SIGHUP));
    assert_eq!(next_signal(&job), Some(Signal::SIGCONT));
    job.kill(0, Signal::SIGTSTP).unwrap();
    assert!(!job.is_stopped(), "terminal stops do not reach orphans");
    job.kill(0, Signal::SIGSTOP).unwrap();
    assert!(job.is_stopped());
}

/// Looks at a job and its terminal in the moment in which it is told of the leader's end.
struct Onlooker {
    job: Arc<Process>,
    seen: Mutex<Vec<(bool, usize)>>,
}

impl Wake for Onlooker {
    fn wake(self: Arc<Self>) {
        let ptys = self.job.kernel().unwrap().resource_counts().ptys;
        self.seen.lock().unwrap().push((self.job.is_alive(), ptys));
    }
}

#[test]
fn whoever_sees_the_leaders_end_sees_the_terminal_gone() {
    let Session {
        machine,
        master,
        shell,
    } = session();
    let job = session_job(&machine, &shell);
    ignore(&shell, Signal::SIGHUP);
    shell.tcsetpgrp(0, job.pid().raw()).unwrap();
    drop(master);
    let onlooker = Arc::new(Onlooker {
        job,
        seen: Mutex::default(),
    });
    let waker = Waker::from(onlooker.clone());
    assert!(
        shell
            .poll_exit(&mut Context::from_waker(&waker))
            .is_pending()
    );
    shell.exit(0);
    assert_eq!(*onlooker.seen.lock().unwrap(), [(false, 0)]);
}

#[test]
fn last_program_gone_ends_the_master() {
    let session = session();
    session.shell.write(1, b"bye\n").unwrap();
    session.shell.exit(0);
    assert_eq!(session.shown(), "bye\r\n");
    assert_eq!(session.shown(), "EIO");
    assert_eq!(
        session.master.write(b"x"),
        Ok(1),
        "for whoever opens the slave next"
    );
    assert!(session.master.readiness().contains(PollEvents::POLLHUP));
}

#[test]
fn reads_wait_for_min_and_time() {
    let session = session();
    let shell = &session.shell;
    let mut termios = shell.tcgetattr(0).unwrap();
    termios.make_raw();
    termios.cc[VMIN] = 3;
    shell.tcsetattr(0, TcsetAction::TCSANOW, &termios).unwrap();
    let mut buf = [0; 8];
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    session.master.write(b"ab").unwrap();
    assert!(shell.poll_read(0, &mut buf, &mut cx).is_pending());
    session.master.write(b"c").unwrap();
    assert_eq!(ready(shell.poll_read(0, &mut buf, &mut cx)), Ok(3));
    termios.cc[VMIN] = 0;
    termios.cc[VTIME] = 2;
    shell.tcsetattr(0, TcsetAction::TCSANOW, &termios).unwrap();
    assert!(shell.poll_read(0, &mut buf, &mut cx).is_pending());
    let before = wakes.count();
    session.machine.clock.advance(199_000_000);
    assert_eq!(wakes.count(), before);
    session.machine.clock.advance(1_000_000);
    assert_eq!(wakes.count(), before + 1);
    assert_eq!(ready(shell.poll_read(0, &mut buf, &mut cx)), Ok(0));
    termios.cc[VMIN] = 4;
    shell.tcsetattr(0, TcsetAction::TCSANOW, &termios).unwrap();
    assert!(shell.poll_read(0, &mut buf, &mut cx).is_pending());
    session.machine.clock.advance(900_000_000);
    assert!(shell.poll_read(0, &mut buf, &mut cx).is_pending());
    session.master.write(b"x").unwrap();
    assert!(shell.poll_read(0, &mut buf, &mut cx).is_pending());
    session.machine.clock.advance(200_000_000);
    assert_eq!(ready(shell.poll_read(0, &mut buf, &mut cx)), Ok(1));
}

#[test]
fn output_waits_for_the_master() {
    let session = session();
    let shell = &session.shell;
    let big = vec![b'x'; 100_000];
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let written = ready(shell.poll_write(1, &big, &mut cx)).unwrap();
    assert!(written < big.len());
    assert!(shell.poll_write(1, &big, &mut cx).is_pending());
    assert_eq!(wakes.count(), 0);
    assert_eq!(session.shown().len(), written);
    assert!(wakes.count() > 0);
    assert!(shell.poll_write(1, b"more", &mut cx).is_ready());
    session.shown();
    session.master.write(b"\x13").unwrap();
    assert!(shell.poll_write(1, b"held", &mut cx).is_pending());
    session.master.write(b"\x11").unwrap();
    assert_eq!(ready(shell.poll_write(1, b"free", &mut cx)), Ok(4));
}

#[test]
fn terminals_are_bounded_and_counted() {
    let machine = machine_with(Limits {
        max_ptys: 2,
        ..Limits::default()
    });
    let guest = machine.guest();
    let open = || guest.open(b"/dev/ptmx", OpenFlags::O_RDWR, 0);
    let first = open().unwrap();
    open().unwrap();
    assert_eq!(open(), Err(Errno::ENOSPC));
    let breach = &machine.kernel.take_limit_breaches()[0];
    assert_eq!((breach.limit, breach.bound, breach.used), ("maxPtys", 2, 3));
    assert_eq!(machine.kernel.resource_counts().ptys, 2);
    let names = |entries: Vec<DirEntry>| -> Vec<Vec<u8>> {
        entries.into_iter().map(|entry| entry.name).collect()
    };
    let listed = names(guest.read_dir(b"/dev/pts").unwrap());
    assert_eq!(listed, [b"0".to_vec(), b"1".to_vec()]);
    guest.close(first).unwrap();
    assert_eq!(names(guest.read_dir(b"/dev/pts").unwrap()), [b"1".to_vec()]);
    let again = open().unwrap();
    assert_eq!(guest.ptsname(again).unwrap(), b"/dev/pts/0");
    guest.exit(0);
    assert_eq!(machine.kernel.resource_counts().ptys, 0);
}

#[test]
fn terminals_survive_an_import_of_files() {
    let machine = machine();
    let export = machine.kernel.export_filesystem();
    machine.kernel.import_filesystem(&export).unwrap();
    let guest = machine.guest();
    guest.open(b"/dev/ptmx", OpenFlags::O_RDWR, 0).unwrap();
    assert_eq!(guest.read_dir(b"/dev/pts").unwrap().len(), 1);
}

#[test]
fn settings_of_the_kernel_are_files() {
    let machine = machine();
    let guest = machine.guest();
    assert_eq!(text(&guest, "/proc/sys/kernel/ostype"), "Linux\n");
    assert_eq!(text(&guest, "/proc/sys/kernel/hostname"), "secure-exec\n");
    assert_eq!(text(&guest, "/proc/sys/kernel/pid_max"), "4194304\n");
    guest.chdir(b"/proc/sys/kernel").unwrap();
    assert_eq!(guest.getcwd().unwrap(), b"/proc/sys/kernel");
    assert_eq!(guest.read_dir(b".").unwrap().len(), 5);
    assert!(text(&guest, "/etc/services").contains("https\t\t443/tcp"));
}
