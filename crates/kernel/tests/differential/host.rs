//! Host Linux, through libc.

use super::script::{Attributes, Settings, System};
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

/// Runs `work` in a fresh directory on a thread with its own working directory and umask; with
/// `drop_privileges`, a thread of root's becomes uid 1000 for itself.
#[expect(
    clippy::disallowed_methods,
    reason = "the ban is for the kernel, not for its counterpart"
)]
pub fn on_own_thread<T: Send + 'static>(
    drop_privileges: bool,
    work: impl FnOnce(PathBuf) -> T + Send + 'static,
) -> T {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let parent = Path::new("/dev/shm");
    let parent = if parent.is_dir() {
        parent.to_path_buf()
    } else {
        std::env::temp_dir()
    };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = parent.join(format!(
        "kernel-differential-{}-{number}",
        std::process::id()
    ));
    std::fs::create_dir(&dir).unwrap();
    let inside = dir.clone();
    let result = std::thread::spawn(move || {
        enter(&inside, drop_privileges);
        work(inside)
    })
    .join();
    make_removable(&dir);
    std::fs::remove_dir_all(&dir).unwrap();
    result.unwrap()
}

fn enter(dir: &Path, drop_privileges: bool) {
    let path = c_string(dir.as_os_str().as_encoded_bytes());
    // SAFETY: plain system calls on this thread; `path` is a C string that outlives them. The raw
    // `setres*id` calls change this thread alone, which ends right after its work.
    unsafe {
        assert_eq!(libc::unshare(libc::CLONE_FS), 0);
        libc::umask(0o022);
        if drop_privileges && libc::geteuid() == 0 {
            assert_eq!(libc::chown(path.as_ptr(), 1000, 1000), 0);
            assert_eq!(
                libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()),
                0
            );
            assert_eq!(libc::syscall(libc::SYS_setresgid, 1000, 1000, 1000), 0);
            assert_eq!(libc::syscall(libc::SYS_setresuid, 1000, 1000, 1000), 0);
        }
        assert_eq!(libc::chdir(path.as_ptr()), 0);
    }
}

/// Gives back the permissions that a script took, so that the directory can be removed.
fn make_removable(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_removable(&entry.path());
        }
    }
}

fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).unwrap()
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap()
}

pub fn check(result: i64) -> Result<i64, i32> {
    if result < 0 { Err(errno()) } else { Ok(result) }
}

/// Calls a libc function whose pointers come from live C strings and buffers of this frame.
macro_rules! call {
    ($function:ident($($arg:expr),*)) => {
        // SAFETY: every pointer argument is derived from a C string or buffer that lives until the
        // call returns, and lengths are those of the buffers.
        check(unsafe { libc::$function($($arg),*) as i64 })
    };
}

pub(super) use call;

/// Milliseconds that bytes are given to get from one end of a terminal to the other.
pub const PATIENCE: i32 = 15;

pub struct Host {
    base: PathBuf,
    /// Milliseconds.
    patience: i32,
    /// Masters and slaves.
    ptys: Vec<(i32, i32)>,
    opening: HashMap<String, Opening>,
}

/// An open on a thread of its own, which shares descriptors, working directory and umask.
struct Opening {
    path: CString,
    tid: i32,
    thread: JoinHandle<Result<i32, i32>>,
}

impl Opening {
    #[expect(
        clippy::disallowed_methods,
        reason = "the ban is for the kernel, not for its counterpart"
    )]
    fn new(path: &[u8], flags: i32) -> Opening {
        let path = c_string(path);
        let (told, tid) = mpsc::channel();
        let thread = std::thread::spawn({
            let path = path.clone();
            move || {
                // SAFETY: `gettid` has no preconditions.
                told.send(unsafe { libc::gettid() }).unwrap();
                call!(open(path.as_ptr(), flags | libc::O_CLOEXEC, 0)).map(|fd| fd as i32)
            }
        });
        let tid = tid.recv().unwrap();
        Opening { path, tid, thread }
    }

    /// Whether the thread sleeps in openat(2); looked for until it does or has ended.
    fn waits(&self) -> bool {
        let sleeping = format!("{} ", libc::SYS_openat);
        while !self.thread.is_finished() {
            let about = |what| {
                let path = format!("/proc/self/task/{}/{what}", self.tid);
                std::fs::read_to_string(path).unwrap_or_default()
            };
            let is_asleep = about("stat")
                .rsplit(')')
                .next()
                .is_some_and(|rest| rest.starts_with(" S"));
            if is_asleep && about("syscall").starts_with(&sleeping) {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }
}

impl Drop for Host {
    /// Opens both ends for those that still wait, so that their threads end.
    fn drop(&mut self) {
        for opening in self.opening.drain().map(|(_, opening)| opening) {
            let flags = libc::O_RDWR | libc::O_NONBLOCK | libc::O_CLOEXEC;
            let both = call!(open(opening.path.as_ptr(), flags));
            for fd in [both, opening.thread.join().unwrap().map(i64::from)] {
                let _ = call!(close(fd.unwrap() as i32));
            }
        }
    }
}

impl Host {
    pub fn new(base: PathBuf) -> Host {
        Host::with_patience(base, PATIENCE)
    }

    pub fn with_patience(base: PathBuf, patience: i32) -> Host {
        Host {
            base,
            patience,
            ptys: Vec::new(),
            opening: HashMap::new(),
        }
    }
}

fn attributes(stat: &libc::stat) -> Attributes {
    Attributes {
        mode: stat.st_mode,
        nlink: stat.st_nlink,
        size: stat.st_size as u64,
        mtime: (stat.st_mtime, stat.st_mtime_nsec),
    }
}

fn empty_stat() -> libc::stat {
    // SAFETY: `stat` is plain data, for which all zeroes is a value.
    unsafe { std::mem::zeroed() }
}

impl System for Host {
    fn open(&mut self, path: &[u8], flags: i32, mode: u32) -> Result<i32, i32> {
        call!(open(c_string(path).as_ptr(), flags | libc::O_CLOEXEC, mode)).map(|fd| fd as i32)
    }

    fn begin_open(&mut self, name: &str, path: &[u8], flags: i32) {
        let opening = Opening::new(path, flags);
        opening.waits();
        self.opening.insert(name.to_owned(), opening);
    }

    fn end_open(&mut self, name: &str) -> Option<Result<i32, i32>> {
        if self.opening[name].waits() {
            return None;
        }
        let opening = self.opening.remove(name).unwrap();
        Some(opening.thread.join().unwrap())
    }

    fn close(&mut self, fd: i32) -> Result<(), i32> {
        call!(close(fd)).map(drop)
    }

    fn read(&mut self, fd: i32, buf: &mut [u8]) -> Result<usize, i32> {
        call!(read(fd, buf.as_mut_ptr().cast(), buf.len())).map(|count| count as usize)
    }

    fn write(&mut self, fd: i32, buf: &[u8]) -> Result<usize, i32> {
        call!(write(fd, buf.as_ptr().cast(), buf.len())).map(|count| count as usize)
    }

    fn pread(&mut self, fd: i32, buf: &mut [u8], offset: i64) -> Result<usize, i32> {
        call!(pread(fd, buf.as_mut_ptr().cast(), buf.len(), offset)).map(|count| count as usize)
    }

    fn pwrite(&mut self, fd: i32, buf: &[u8], offset: i64) -> Result<usize, i32> {
        call!(pwrite(fd, buf.as_ptr().cast(), buf.len(), offset)).map(|count| count as usize)
    }

    fn lseek(&mut self, fd: i32, offset: i64, whence: i32) -> Result<u64, i32> {
        call!(lseek(fd, offset, whence)).map(|offset| offset as u64)
    }

    fn ftruncate(&mut self, fd: i32, length: i64) -> Result<(), i32> {
        call!(ftruncate(fd, length)).map(drop)
    }

    fn truncate(&mut self, path: &[u8], length: i64) -> Result<(), i32> {
        call!(truncate(c_string(path).as_ptr(), length)).map(drop)
    }

    fn fsync(&mut self, fd: i32) -> Result<(), i32> {
        call!(fsync(fd)).map(drop)
    }

    fn dup(&mut self, fd: i32) -> Result<i32, i32> {
        call!(dup(fd)).map(|fd| fd as i32)
    }

    fn pipe(&mut self, flags: i32) -> Result<(i32, i32), i32> {
        let mut fds = [0; 2];
        call!(pipe2(fds.as_mut_ptr(), flags))?;
        Ok((fds[0], fds[1]))
    }

    fn poll(&mut self, fd: i32, events: i16) -> Result<i16, i32> {
        let mut entry = libc::pollfd {
            fd,
            events,
            revents: 0,
        };
        call!(poll(&mut entry, 1, 0))?;
        Ok(entry.revents)
    }

    fn getfl(&mut self, fd: i32) -> Result<i32, i32> {
        call!(fcntl(fd, libc::F_GETFL)).map(|flags| flags as i32)
    }

    fn setfl(&mut self, fd: i32, flags: i32) -> Result<(), i32> {
        call!(fcntl(fd, libc::F_SETFL, flags)).map(drop)
    }

    fn mkdir(&mut self, path: &[u8], mode: u32) -> Result<(), i32> {
        call!(mkdir(c_string(path).as_ptr(), mode)).map(drop)
    }

    fn mkfifo(&mut self, path: &[u8], mode: u32) -> Result<(), i32> {
        call!(mkfifo(c_string(path).as_ptr(), mode)).map(drop)
    }

    fn rmdir(&mut self, path: &[u8]) -> Result<(), i32> {
        call!(rmdir(c_string(path).as_ptr())).map(drop)
    }

    fn unlink(&mut self, path: &[u8]) -> Result<(), i32> {
        call!(unlink(c_string(path).as_ptr())).map(drop)
    }

    fn rename(&mut self, old: &[u8], new: &[u8], flags: u32) -> Result<(), i32> {
        let (old, new) = (c_string(old), c_string(new));
        call!(renameat2(
            libc::AT_FDCWD,
            old.as_ptr(),
            libc::AT_FDCWD,
            new.as_ptr(),
            flags
        ))
        .map(drop)
    }

    fn link(&mut self, old: &[u8], new: &[u8], flags: i32) -> Result<(), i32> {
        let (old, new) = (c_string(old), c_string(new));
        call!(linkat(
            libc::AT_FDCWD,
            old.as_ptr(),
            libc::AT_FDCWD,
            new.as_ptr(),
            flags
        ))
        .map(drop)
    }

    fn symlink(&mut self, target: &[u8], path: &[u8]) -> Result<(), i32> {
        call!(symlink(c_string(target).as_ptr(), c_string(path).as_ptr())).map(drop)
    }

    fn readlink(&mut self, path: &[u8]) -> Result<Vec<u8>, i32> {
        let mut buf = vec![0u8; 4096];
        let path = c_string(path);
        let count = call!(readlink(path.as_ptr(), buf.as_mut_ptr().cast(), buf.len()))?;
        buf.truncate(count as usize);
        Ok(buf)
    }

    fn stat(&mut self, path: &[u8], flags: i32) -> Result<Attributes, i32> {
        let mut stat = empty_stat();
        call!(fstatat(
            libc::AT_FDCWD,
            c_string(path).as_ptr(),
            &mut stat,
            flags
        ))?;
        Ok(attributes(&stat))
    }

    fn fstat(&mut self, fd: i32) -> Result<Attributes, i32> {
        let mut stat = empty_stat();
        call!(fstat(fd, &mut stat))?;
        Ok(attributes(&stat))
    }

    fn access(&mut self, path: &[u8], mode: i32) -> Result<(), i32> {
        call!(access(c_string(path).as_ptr(), mode)).map(drop)
    }

    fn chmod(&mut self, path: &[u8], mode: u32) -> Result<(), i32> {
        call!(chmod(c_string(path).as_ptr(), mode)).map(drop)
    }

    fn fchmod(&mut self, fd: i32, mode: u32) -> Result<(), i32> {
        call!(fchmod(fd, mode)).map(drop)
    }

    fn chown(&mut self, path: &[u8], uid: u32, gid: u32) -> Result<(), i32> {
        call!(chown(c_string(path).as_ptr(), uid, gid)).map(drop)
    }

    fn utimens(&mut self, path: &[u8], atime: (i64, i64), mtime: (i64, i64)) -> Result<(), i32> {
        let times = [atime, mtime].map(|(tv_sec, tv_nsec)| libc::timespec { tv_sec, tv_nsec });
        call!(utimensat(
            libc::AT_FDCWD,
            c_string(path).as_ptr(),
            times.as_ptr(),
            0
        ))
        .map(drop)
    }

    fn futimens(&mut self, fd: i32, (tv_sec, tv_nsec): (i64, i64)) -> Result<(), i32> {
        let times = [libc::timespec { tv_sec, tv_nsec }; 2];
        call!(futimens(fd, times.as_ptr())).map(drop)
    }

    fn chdir(&mut self, path: &[u8]) -> Result<(), i32> {
        call!(chdir(c_string(path).as_ptr())).map(drop)
    }

    fn fchdir(&mut self, fd: i32) -> Result<(), i32> {
        call!(fchdir(fd)).map(drop)
    }

    fn getcwd(&mut self) -> Result<Vec<u8>, i32> {
        let mut buf = vec![0u8; 8192];
        // SAFETY: the buffer is as long as it says, and zero-terminated on success.
        let found = unsafe { libc::getcwd(buf.as_mut_ptr().cast(), buf.len()) };
        if found.is_null() {
            return Err(errno());
        }
        let path = CStr::from_bytes_until_nul(&buf).unwrap().to_bytes();
        let base = self.base.as_os_str().as_encoded_bytes();
        Ok(path.strip_prefix(base).unwrap_or(b"outside").to_vec())
    }

    fn umask(&mut self, mask: u32) -> u32 {
        // SAFETY: `umask` takes any number and cannot fail.
        unsafe { libc::umask(mask) }
    }

    fn inotify_init(&mut self) -> Result<i32, i32> {
        call!(inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC)).map(|fd| fd as i32)
    }

    fn inotify_add_watch(&mut self, fd: i32, path: &[u8], mask: u32) -> Result<i32, i32> {
        call!(inotify_add_watch(fd, c_string(path).as_ptr(), mask)).map(|wd| wd as i32)
    }

    fn list(&mut self, path: &[u8]) -> Result<Vec<String>, i32> {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        let entries = std::fs::read_dir(path).map_err(|error| error.raw_os_error().unwrap())?;
        Ok(entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect())
    }

    fn openpty(&mut self) -> Result<(i32, i32), i32> {
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK;
        let master = call!(posix_openpt(flags))? as i32;
        call!(grantpt(master))?;
        call!(unlockpt(master))?;
        let mut name = [0; 64];
        call!(ptsname_r(master, name.as_mut_ptr(), name.len()))?;
        let slave = call!(open(name.as_ptr(), flags))? as i32;
        self.ptys.push((master, slave));
        Ok((master, slave))
    }

    fn isatty(&mut self, fd: i32) -> bool {
        call!(isatty(fd)) == Ok(1)
    }

    fn tcgetattr(&mut self, fd: i32) -> Result<Settings, i32> {
        let found = termios(fd)?;
        Ok(Settings {
            flags: [found.c_iflag, found.c_oflag, found.c_cflag, found.c_lflag],
            cc: found.c_cc[..19].try_into().unwrap(),
        })
    }

    fn tcsetattr(&mut self, fd: i32, flush: bool, settings: &Settings) -> Result<(), i32> {
        let mut wanted = termios(fd)?;
        [
            wanted.c_iflag,
            wanted.c_oflag,
            wanted.c_cflag,
            wanted.c_lflag,
        ] = settings.flags;
        wanted.c_cc[..19].copy_from_slice(&settings.cc);
        let action = if flush {
            libc::TCSAFLUSH
        } else {
            libc::TCSANOW
        };
        call!(tcsetattr(fd, action, &raw const wanted)).map(drop)
    }

    fn tcflush(&mut self, fd: i32) -> Result<(), i32> {
        call!(tcflush(fd, libc::TCIFLUSH)).map(drop)
    }

    fn tcflow(&mut self, fd: i32, action: i32) -> Result<(), i32> {
        call!(tcflow(fd, action)).map(drop)
    }

    fn winsize(&mut self, fd: i32) -> Result<(u16, u16), i32> {
        let mut size = winsize(0, 0);
        call!(ioctl(fd, libc::TIOCGWINSZ, &raw mut size))?;
        Ok((size.ws_row, size.ws_col))
    }

    fn set_winsize(&mut self, fd: i32, rows: u16, cols: u16) -> Result<(), i32> {
        let size = winsize(rows, cols);
        call!(ioctl(fd, libc::TIOCSWINSZ, &raw const size)).map(drop)
    }

    /// Linux hands bytes from one end to the other on a thread of its own. Polling an end waits for that,
    /// unless the end has something to read already; then only time helps.
    fn settle(&mut self) {
        for (master, slave) in &self.ptys {
            for fd in [*slave, *master] {
                let mut poll = libc::pollfd {
                    fd,
                    events: libc::POLLIN,
                    revents: 0,
                };
                if call!(poll(&raw mut poll, 1, 0)) == Ok(1) && fd == *slave {
                    let _ = call!(poll(std::ptr::null_mut(), 0, self.patience));
                }
            }
        }
    }
}

fn winsize(rows: u16, cols: u16) -> libc::winsize {
    libc::winsize {
        ws_row: rows,
        ws_col: cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn termios(fd: i32) -> Result<libc::termios, i32> {
    // SAFETY: a structure of numbers may be zero.
    let mut found: libc::termios = unsafe { std::mem::zeroed() };
    call!(tcgetattr(fd, &raw mut found))?;
    Ok(found)
}
