//! The kernel, as one guest process sees it.

use super::common::{self, Machine};
use super::script::{Attributes, Settings, System};
use secure_exec_kernel::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Directory that scripts start in.
const BASE: &[u8] = b"/tmp/differential";

pub struct Guest {
    pub process: Arc<Process>,
    begun: HashMap<String, Begun>,
    _machine: Machine,
}

/// An open that may wait.
struct Begun {
    path: Vec<u8>,
    flags: OpenFlags,
    opening: Option<Opening>,
    ended: Option<Outcome<i32>>,
}

impl Begun {
    fn poll(&mut self, process: &Process) {
        if self.ended.is_some() {
            return;
        }
        let mut cx = Context::from_waker(Waker::noop());
        let opening = &mut self.opening;
        let polled = process.poll_openat(opening, AT_FDCWD, &self.path, self.flags, 0, &mut cx);
        if let Poll::Ready(opened) = polled {
            self.ended = Some(raw(opened));
        }
    }
}

impl Guest {
    /// A guest with the identity that the host side has.
    pub fn new(drop_privileges: bool) -> Guest {
        let machine = common::machine();
        // SAFETY: `geteuid` has no preconditions.
        let root = unsafe { libc::geteuid() } == 0 && !drop_privileges;
        let credentials = if root {
            Credentials::root()
        } else {
            Credentials::user(1000)
        };
        let options = SpawnOptions {
            credentials: Some(credentials),
            ..common::command()
        };
        let process = machine.kernel.spawn(options).unwrap();
        process
            .sigaction(Signal::SIGPIPE, Disposition::Ignore)
            .unwrap();
        process.mkdir(BASE, 0o755).unwrap();
        process.chdir(BASE).unwrap();
        Guest {
            process,
            begun: HashMap::new(),
            _machine: machine,
        }
    }
}

pub fn raw<T>(result: Result<T>) -> core::result::Result<T, i32> {
    result.map_err(Errno::raw)
}

fn attributes(stat: Stat) -> Attributes {
    Attributes {
        mode: stat.mode,
        nlink: stat.nlink,
        size: stat.size,
        mtime: (stat.mtime.sec, i64::from(stat.mtime.nsec)),
    }
}

/// What a C program passes as a negative number the kernel's typed interface cannot take.
fn unsigned(number: i64) -> core::result::Result<u64, i32> {
    u64::try_from(number).map_err(|_| Errno::EINVAL.raw())
}

fn set_time((sec, nsec): (i64, i64)) -> Outcome<SetTime> {
    let nsec = u32::try_from(nsec).map_err(|_| Errno::EINVAL.raw())?;
    Ok(SetTime::At(Timespec::new(sec, nsec)))
}

pub type Outcome<T> = core::result::Result<T, i32>;

impl System for Guest {
    fn open(&mut self, path: &[u8], flags: i32, mode: u32) -> Outcome<i32> {
        raw(self
            .process
            .open(path, OpenFlags::from_bits_retain(flags), mode))
    }

    fn begin_open(&mut self, name: &str, path: &[u8], flags: i32) {
        let mut begun = Begun {
            path: path.to_vec(),
            flags: OpenFlags::from_bits_retain(flags),
            opening: None,
            ended: None,
        };
        begun.poll(&self.process);
        self.begun.insert(name.to_owned(), begun);
    }

    fn end_open(&mut self, name: &str) -> Option<Outcome<i32>> {
        let begun = self.begun.get_mut(name).unwrap();
        begun.poll(&self.process);
        let ended = begun.ended?;
        self.begun.remove(name);
        Some(ended)
    }

    fn close(&mut self, fd: i32) -> Outcome<()> {
        raw(self.process.close(fd))
    }

    fn read(&mut self, fd: i32, buf: &mut [u8]) -> Outcome<usize> {
        raw(self.process.read(fd, buf))
    }

    fn write(&mut self, fd: i32, buf: &[u8]) -> Outcome<usize> {
        raw(self.process.write(fd, buf))
    }

    fn pread(&mut self, fd: i32, buf: &mut [u8], offset: i64) -> Outcome<usize> {
        raw(self.process.pread(fd, buf, unsigned(offset)?))
    }

    fn pwrite(&mut self, fd: i32, buf: &[u8], offset: i64) -> Outcome<usize> {
        raw(self.process.pwrite(fd, buf, unsigned(offset)?))
    }

    fn lseek(&mut self, fd: i32, offset: i64, whence: i32) -> Outcome<u64> {
        raw(self.process.lseek(fd, offset, whence))
    }

    fn ftruncate(&mut self, fd: i32, length: i64) -> Outcome<()> {
        raw(self.process.ftruncate(fd, unsigned(length)?))
    }

    fn truncate(&mut self, path: &[u8], length: i64) -> Outcome<()> {
        raw(self.process.truncate(path, unsigned(length)?))
    }

    fn fsync(&mut self, fd: i32) -> Outcome<()> {
        raw(self.process.fsync(fd))
    }

    fn dup(&mut self, fd: i32) -> Outcome<i32> {
        raw(self.process.dup(fd))
    }

    fn pipe(&mut self, flags: i32) -> Outcome<(i32, i32)> {
        raw(self.process.pipe2(OpenFlags::from_bits_retain(flags)))
    }

    fn poll(&mut self, fd: i32, events: i16) -> Outcome<i16> {
        let events = PollEvents::from_bits_retain(events);
        match common::poll(|cx| self.process.poll_ready(fd, events, cx)) {
            Poll::Ready(Ok(ready)) => Ok(ready.bits()),
            Poll::Ready(Err(_)) => Ok(PollEvents::POLLNVAL.bits()),
            Poll::Pending => Ok(0),
        }
    }

    fn getfl(&mut self, fd: i32) -> Outcome<i32> {
        raw(self.process.status_flags(fd).map(|flags| flags.bits()))
    }

    fn setfl(&mut self, fd: i32, flags: i32) -> Outcome<()> {
        raw(self
            .process
            .set_status_flags(fd, OpenFlags::from_bits_retain(flags)))
    }

    fn mkdir(&mut self, path: &[u8], mode: u32) -> Outcome<()> {
        raw(self.process.mkdir(path, mode))
    }

    fn mkfifo(&mut self, path: &[u8], mode: u32) -> Outcome<()> {
        raw(self.process.mknodat(AT_FDCWD, path, mode | 0o010_000))
    }

    fn rmdir(&mut self, path: &[u8]) -> Outcome<()> {
        raw(self.process.rmdir(path))
    }

    fn unlink(&mut self, path: &[u8]) -> Outcome<()> {
        raw(self.process.unlink(path))
    }

    fn rename(&mut self, old: &[u8], new: &[u8], flags: u32) -> Outcome<()> {
        let flags = RenameFlags::from_bits_retain(flags);
        raw(self.process.renameat2(AT_FDCWD, old, AT_FDCWD, new, flags))
    }

    fn link(&mut self, old: &[u8], new: &[u8], flags: i32) -> Outcome<()> {
        let flags = AtFlags::from_bits_retain(flags);
        raw(self.process.linkat(AT_FDCWD, old, AT_FDCWD, new, flags))
    }

    fn symlink(&mut self, target: &[u8], path: &[u8]) -> Outcome<()> {
        raw(self.process.symlink(target, path))
    }

    fn readlink(&mut self, path: &[u8]) -> Outcome<Vec<u8>> {
        raw(self.process.readlink(path))
    }

    fn stat(&mut self, path: &[u8], flags: i32) -> Outcome<Attributes> {
        let flags = AtFlags::from_bits_retain(flags);
        raw(self.process.fstatat(AT_FDCWD, path, flags).map(attributes))
    }

    fn fstat(&mut self, fd: i32) -> Outcome<Attributes> {
        raw(self.process.fstat(fd).map(attributes))
    }

    fn access(&mut self, path: &[u8], mode: i32) -> Outcome<()> {
        raw(self.process.access(path, mode))
    }

    fn chmod(&mut self, path: &[u8], mode: u32) -> Outcome<()> {
        raw(self.process.chmod(path, mode))
    }

    fn fchmod(&mut self, fd: i32, mode: u32) -> Outcome<()> {
        raw(self.process.fchmod(fd, mode))
    }

    fn chown(&mut self, path: &[u8], uid: u32, gid: u32) -> Outcome<()> {
        raw(self.process.chown(path, uid, gid))
    }

    fn utimens(&mut self, path: &[u8], atime: (i64, i64), mtime: (i64, i64)) -> Outcome<()> {
        let (atime, mtime) = (set_time(atime)?, set_time(mtime)?);
        raw(self
            .process
            .utimensat(AT_FDCWD, path, atime, mtime, AtFlags::empty()))
    }

    fn futimens(&mut self, fd: i32, time: (i64, i64)) -> Outcome<()> {
        let time = set_time(time)?;
        raw(self.process.futimens(fd, time, time))
    }

    fn chdir(&mut self, path: &[u8]) -> Outcome<()> {
        raw(self.process.chdir(path))
    }

    fn fchdir(&mut self, fd: i32) -> Outcome<()> {
        raw(self.process.fchdir(fd))
    }

    fn getcwd(&mut self) -> Outcome<Vec<u8>> {
        let path = raw(self.process.getcwd())?;
        Ok(path.strip_prefix(BASE).unwrap_or(b"outside").to_vec())
    }

    fn umask(&mut self, mask: u32) -> u32 {
        self.process.umask(mask)
    }

    fn inotify_init(&mut self) -> Outcome<i32> {
        raw(self
            .process
            .inotify_init1(OpenFlags::O_NONBLOCK | OpenFlags::O_CLOEXEC))
    }

    fn inotify_add_watch(&mut self, fd: i32, path: &[u8], mask: u32) -> Outcome<i32> {
        raw(self
            .process
            .inotify_add_watch(fd, path, InotifyMask::from_bits_retain(mask)))
    }

    fn list(&mut self, path: &[u8]) -> Outcome<Vec<String>> {
        let entries = raw(self.process.read_dir(path))?;
        Ok(entries
            .into_iter()
            .map(|entry| String::from_utf8(entry.name).unwrap())
            .collect())
    }

    fn openpty(&mut self) -> Outcome<(i32, i32)> {
        let flags = OpenFlags::O_RDWR | OpenFlags::O_NOCTTY | OpenFlags::O_NONBLOCK;
        let master = raw(self.process.open(b"/dev/ptmx", flags, 0))?;
        raw(self.process.unlockpt(master))?;
        let path = raw(self.process.ptsname(master))?;
        Ok((master, raw(self.process.open(&path, flags, 0))?))
    }

    fn isatty(&mut self, fd: i32) -> bool {
        self.process.isatty(fd)
    }

    fn tcgetattr(&mut self, fd: i32) -> Outcome<Settings> {
        let termios = raw(self.process.tcgetattr(fd))?;
        let (iflag, oflag) = (termios.iflag.bits(), termios.oflag.bits());
        Ok(Settings {
            flags: [iflag, oflag, termios.cflag.bits(), termios.lflag.bits()],
            cc: termios.cc,
        })
    }

    fn tcsetattr(&mut self, fd: i32, flush: bool, settings: &Settings) -> Outcome<()> {
        let [iflag, oflag, cflag, lflag] = settings.flags;
        let termios = Termios {
            iflag: InputFlags::from_bits_retain(iflag),
            oflag: OutputFlags::from_bits_retain(oflag),
            cflag: ControlFlags::from_bits_retain(cflag),
            lflag: LocalFlags::from_bits_retain(lflag),
            cc: settings.cc,
        };
        let action = if flush {
            TcsetAction::TCSAFLUSH
        } else {
            TcsetAction::TCSANOW
        };
        raw(self.process.tcsetattr(fd, action, &termios))
    }

    fn tcflush(&mut self, fd: i32) -> Outcome<()> {
        raw(self.process.tcflush(fd, TcflushQueue::TCIFLUSH))
    }

    fn tcflow(&mut self, fd: i32, action: i32) -> Outcome<()> {
        let action = match action {
            libc::TCOOFF => TcflowAction::TCOOFF,
            libc::TCOON => TcflowAction::TCOON,
            libc::TCIOFF => TcflowAction::TCIOFF,
            _ => TcflowAction::TCION,
        };
        raw(self.process.tcflow(fd, action))
    }

    fn winsize(&mut self, fd: i32) -> Outcome<(u16, u16)> {
        raw(self.process.tiocgwinsz(fd)).map(|size| (size.rows, size.cols))
    }

    fn set_winsize(&mut self, fd: i32, rows: u16, cols: u16) -> Outcome<()> {
        let winsize = Winsize {
            rows,
            cols,
            ..Winsize::default()
        };
        raw(self.process.tiocswinsz(fd, winsize))
    }

    fn settle(&mut self) {}
}
