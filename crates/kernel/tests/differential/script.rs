//! The language of the scripts: one operation per line, words separated by spaces.

use super::socket_script::Sockets;
use std::collections::HashMap;

/// What both sides can do. Every method is one system call; errors are errno numbers.
pub trait System: Sockets {
    fn open(&mut self, path: &[u8], flags: i32, mode: u32) -> Result<i32, i32>;
    /// Begins an open that may wait, under a name to ask for it by.
    fn begin_open(&mut self, name: &str, path: &[u8], flags: i32);
    /// How an open that was begun ended; `None` while it waits.
    fn end_open(&mut self, name: &str) -> Option<Result<i32, i32>>;
    fn close(&mut self, fd: i32) -> Result<(), i32>;
    fn read(&mut self, fd: i32, buf: &mut [u8]) -> Result<usize, i32>;
    fn write(&mut self, fd: i32, buf: &[u8]) -> Result<usize, i32>;
    fn pread(&mut self, fd: i32, buf: &mut [u8], offset: i64) -> Result<usize, i32>;
    fn pwrite(&mut self, fd: i32, buf: &[u8], offset: i64) -> Result<usize, i32>;
    fn lseek(&mut self, fd: i32, offset: i64, whence: i32) -> Result<u64, i32>;
    fn ftruncate(&mut self, fd: i32, length: i64) -> Result<(), i32>;
    fn truncate(&mut self, path: &[u8], length: i64) -> Result<(), i32>;
    fn fsync(&mut self, fd: i32) -> Result<(), i32>;
    fn dup(&mut self, fd: i32) -> Result<i32, i32>;
    fn pipe(&mut self, flags: i32) -> Result<(i32, i32), i32>;
    fn poll(&mut self, fd: i32, events: i16) -> Result<i16, i32>;
    fn getfl(&mut self, fd: i32) -> Result<i32, i32>;
    fn setfl(&mut self, fd: i32, flags: i32) -> Result<(), i32>;
    fn mkdir(&mut self, path: &[u8], mode: u32) -> Result<(), i32>;
    fn mkfifo(&mut self, path: &[u8], mode: u32) -> Result<(), i32>;
    fn rmdir(&mut self, path: &[u8]) -> Result<(), i32>;
    fn unlink(&mut self, path: &[u8]) -> Result<(), i32>;
    fn rename(&mut self, old: &[u8], new: &[u8], flags: u32) -> Result<(), i32>;
    fn link(&mut self, old: &[u8], new: &[u8], flags: i32) -> Result<(), i32>;
    fn symlink(&mut self, target: &[u8], path: &[u8]) -> Result<(), i32>;
    fn readlink(&mut self, path: &[u8]) -> Result<Vec<u8>, i32>;
    fn stat(&mut self, path: &[u8], flags: i32) -> Result<Attributes, i32>;
    fn fstat(&mut self, fd: i32) -> Result<Attributes, i32>;
    fn access(&mut self, path: &[u8], mode: i32) -> Result<(), i32>;
    fn chmod(&mut self, path: &[u8], mode: u32) -> Result<(), i32>;
    fn fchmod(&mut self, fd: i32, mode: u32) -> Result<(), i32>;
    fn chown(&mut self, path: &[u8], uid: u32, gid: u32) -> Result<(), i32>;
    fn utimens(&mut self, path: &[u8], atime: (i64, i64), mtime: (i64, i64)) -> Result<(), i32>;
    /// Both times of an open file to the same.
    fn futimens(&mut self, fd: i32, time: (i64, i64)) -> Result<(), i32>;
    fn chdir(&mut self, path: &[u8]) -> Result<(), i32>;
    fn fchdir(&mut self, fd: i32) -> Result<(), i32>;
    /// Working directory below the directory the script started in.
    fn getcwd(&mut self) -> Result<Vec<u8>, i32>;
    fn umask(&mut self, mask: u32) -> u32;
    fn inotify_init(&mut self) -> Result<i32, i32>;
    fn inotify_add_watch(&mut self, fd: i32, path: &[u8], mask: u32) -> Result<i32, i32>;
    fn list(&mut self, path: &[u8]) -> Result<Vec<String>, i32>;
    /// Master and slave, both without blocking.
    fn openpty(&mut self) -> Result<(i32, i32), i32>;
    fn isatty(&mut self, fd: i32) -> bool;
    fn tcgetattr(&mut self, fd: i32) -> Result<Settings, i32>;
    fn tcsetattr(&mut self, fd: i32, flush: bool, settings: &Settings) -> Result<(), i32>;
    fn tcflush(&mut self, fd: i32) -> Result<(), i32>;
    fn tcflow(&mut self, fd: i32, action: i32) -> Result<(), i32>;
    fn winsize(&mut self, fd: i32) -> Result<(u16, u16), i32>;
    fn set_winsize(&mut self, fd: i32, rows: u16, cols: u16) -> Result<(), i32>;
    /// Lets what was typed arrive.
    fn settle(&mut self);
}

/// Settings of a terminal.
#[derive(Debug)]
pub struct Settings {
    /// `c_iflag`, `c_oflag`, `c_cflag`, `c_lflag`.
    pub flags: [u32; 4],
    pub cc: [u8; 19],
}

pub struct Attributes {
    pub mode: u32,
    pub nlink: u64,
    pub size: u64,
    pub mtime: (i64, i64),
}

impl Attributes {
    fn show(&self) -> String {
        // How directories count their size and links differs among file systems.
        if self.mode & 0o170_000 == 0o040_000 {
            return format!("{:o}", self.mode);
        }
        format!("{:o} {} {}", self.mode, self.nlink, self.size)
    }
}

pub fn flags(words: &str) -> i32 {
    words.split(',').fold(0, |flags, word| {
        flags
            | match word {
                "r" => libc::O_RDONLY,
                "w" => libc::O_WRONLY,
                "rw" => libc::O_RDWR,
                "both" => libc::O_ACCMODE,
                "creat" => libc::O_CREAT,
                "excl" => libc::O_EXCL,
                "trunc" => libc::O_TRUNC,
                "append" => libc::O_APPEND,
                "nonblock" => libc::O_NONBLOCK,
                "dir" => libc::O_DIRECTORY,
                "nofollow" => libc::O_NOFOLLOW,
                "path" => libc::O_PATH,
                "tmpfile" => libc::O_TMPFILE,
                "noatime" => libc::O_NOATIME,
                other => panic!("unknown flag {other}"),
            }
    })
}

pub fn number(word: &str) -> i64 {
    match word.strip_prefix("2^") {
        Some(power) => 1 << power.parse::<u32>().unwrap(),
        None => word.parse().unwrap(),
    }
}

fn octal(word: &str) -> u32 {
    u32::from_str_radix(word, 8).unwrap()
}

/// `''` is the empty path, `x*N` a name of N letters.
pub fn path(word: &str) -> Vec<u8> {
    match word.split_once("x*") {
        _ if word == "''" => Vec::new(),
        Some((prefix, count)) => [prefix.as_bytes(), &vec![b'x'; count.parse().unwrap()]].concat(),
        None => word.as_bytes().to_vec(),
    }
}

/// `#N` is N bytes.
pub fn bytes(word: &str) -> Vec<u8> {
    match word.strip_prefix('#') {
        Some(count) => vec![b'.'; count.parse().unwrap()],
        None if word == "''" => Vec::new(),
        None => word.as_bytes().to_vec(),
    }
}

/// Text with `\\n`, `\\xHH` and so on, and `_` for a space.
fn typed(word: &str) -> Vec<u8> {
    if word.starts_with('#') {
        return bytes(word);
    }
    let mut typed = Vec::new();
    let mut rest = word.bytes();
    while let Some(byte) = rest.next() {
        typed.push(match byte {
            b'_' => b' ',
            b'\\' => match rest.next().unwrap() {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(core::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            },
            other => other,
        });
    }
    typed
}

/// Applies words as `stty(1)` knows them.
fn change(settings: &mut Settings, words: &str) {
    for word in words.split(',') {
        if let Some((name, value)) = word.split_once('=') {
            let index = match name {
                "eof" => libc::VEOF,
                "eol" => libc::VEOL,
                "eol2" => libc::VEOL2,
                "erase" => libc::VERASE,
                "min" => libc::VMIN,
                "time" => libc::VTIME,
                other => panic!("unknown character {other}"),
            };
            settings.cc[index] = value
                .parse()
                .unwrap_or_else(|_| typed(value).first().copied().unwrap());
            continue;
        }
        let name = word.trim_start_matches('-');
        let (set, bits) = match name {
            "icrnl" => (0, libc::ICRNL),
            "inlcr" => (0, libc::INLCR),
            "igncr" => (0, libc::IGNCR),
            "istrip" => (0, libc::ISTRIP),
            "iuclc" => (0, libc::IUCLC),
            "ixon" => (0, libc::IXON),
            "ixany" => (0, libc::IXANY),
            "parmrk" => (0, libc::PARMRK),
            "iutf8" => (0, libc::IUTF8),
            "opost" => (1, libc::OPOST),
            "onlcr" => (1, libc::ONLCR),
            "ocrnl" => (1, libc::OCRNL),
            "onocr" => (1, libc::ONOCR),
            "onlret" => (1, libc::ONLRET),
            "olcuc" => (1, libc::OLCUC),
            "xtabs" => (1, libc::XTABS),
            "isig" => (3, libc::ISIG),
            "icanon" => (3, libc::ICANON),
            "echo" => (3, libc::ECHO),
            "echoe" => (3, libc::ECHOE),
            "echok" => (3, libc::ECHOK),
            "echonl" => (3, libc::ECHONL),
            "echoctl" => (3, libc::ECHOCTL),
            "echoprt" => (3, libc::ECHOPRT),
            "echoke" => (3, libc::ECHOKE),
            "noflsh" => (3, libc::NOFLSH),
            "iexten" => (3, libc::IEXTEN),
            other => panic!("unknown setting {other}"),
        };
        if word.starts_with('-') {
            settings.flags[set] &= !bits;
        } else {
            settings.flags[set] |= bits;
        }
    }
}

pub fn shown_bytes(bytes: &[u8]) -> String {
    if bytes.len() > 256 {
        return format!("{} bytes", bytes.len());
    }
    bytes.escape_ascii().to_string()
}

/// Watch descriptor, mask, whether there is a cookie, and name of each event.
fn shown_events(mut bytes: &[u8]) -> String {
    let mut shown = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<16>() {
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        let (name, rest) = rest.split_at(word(12) as usize);
        let name = String::from_utf8_lossy(name)
            .trim_end_matches('\0')
            .to_owned();
        let cookie = if word(8) == 0 { "" } else { " moved" };
        shown.push(format!("{}:{:x}{cookie} {name}", word(0), word(4)));
        bytes = rest;
    }
    shown.join(", ")
}

/// Runs a script; each line's outcome is text.
pub fn run(system: &mut dyn System, lines: &[String]) -> Vec<String> {
    let mut fds = HashMap::new();
    let outcomes = lines
        .iter()
        .map(|line| step(system, &mut fds, line))
        .collect();
    for fd in fds.into_values() {
        let _ = system.close(fd);
    }
    outcomes
}

fn step(system: &mut dyn System, fds: &mut HashMap<String, i32>, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match attempt(system, fds, &words) {
        Ok(value) => value,
        Err(errno) => secure_exec_kernel::Errno::from_raw(errno).name().to_owned(),
    }
}

#[expect(clippy::too_many_lines, reason = "a line for each call")]
fn attempt(
    system: &mut dyn System,
    fds: &mut HashMap<String, i32>,
    words: &[&str],
) -> Result<String, i32> {
    let fd = |fds: &HashMap<String, i32>, name: &str| *fds.get(name).unwrap_or(&999_999);
    let ok = |_: ()| "ok".to_owned();
    match *words {
        ["open", name, at, how, mode] => {
            let opened = system.open(&path(at), flags(how), octal(mode))?;
            if let Some(former) = fds.insert(name.to_owned(), opened) {
                system.close(former)?;
            }
            Ok("open".to_owned())
        }
        ["begin-open", name, at, how] => {
            system.begin_open(name, &path(at), flags(how));
            Ok("begun".to_owned())
        }
        ["end-open", name] => match system.end_open(name) {
            None => Ok("waits".to_owned()),
            Some(opened) => {
                fds.insert(name.to_owned(), opened?);
                Ok("open".to_owned())
            }
        },
        ["close", name] => match fds.remove(name) {
            Some(open) => system.close(open).map(ok),
            None => system.close(999_999).map(ok),
        },
        ["read", name, count] => {
            let mut buf = vec![0; number(count) as usize];
            system
                .read(fd(fds, name), &mut buf)
                .map(|count| shown_bytes(&buf[..count]))
        }
        ["pread", name, count, offset] => {
            let mut buf = vec![0; number(count) as usize];
            let count = system.pread(fd(fds, name), &mut buf, number(offset))?;
            Ok(shown_bytes(&buf[..count]))
        }
        ["write", name, text] => system
            .write(fd(fds, name), &bytes(text))
            .map(|n| n.to_string()),
        ["pwrite", name, text, offset] => system
            .pwrite(fd(fds, name), &bytes(text), number(offset))
            .map(|n| n.to_string()),
        ["lseek", name, offset, whence] => system
            .lseek(fd(fds, name), number(offset), number(whence) as i32)
            .map(|offset| offset.to_string()),
        ["ftruncate", name, length] => system.ftruncate(fd(fds, name), number(length)).map(ok),
        ["truncate", at, length] => system.truncate(&path(at), number(length)).map(ok),
        ["fsync", name] => system.fsync(fd(fds, name)).map(ok),
        ["dup", new, old] => {
            let copy = system.dup(fd(fds, old))?;
            fds.insert(new.to_owned(), copy);
            Ok("ok".to_owned())
        }
        ["pipe", read, write, how] => {
            let (reader, writer) = system.pipe(flags(how))?;
            fds.insert(read.to_owned(), reader);
            fds.insert(write.to_owned(), writer);
            Ok("ok".to_owned())
        }
        ["poll", name, events] => system
            .poll(fd(fds, name), number(events) as i16)
            .map(|ready| format!("{ready:#x}")),
        ["getfl", name] => {
            // Linux adds O_LARGEFILE, which means nothing here.
            system
                .getfl(fd(fds, name))
                .map(|flags| format!("{:#o}", flags & !0o100_000))
        }
        ["setfl", name, how] => system.setfl(fd(fds, name), flags(how)).map(ok),
        ["mkdir", at, mode] => system.mkdir(&path(at), octal(mode)).map(ok),
        ["mkfifo", at, mode] => system.mkfifo(&path(at), octal(mode)).map(ok),
        ["rmdir", at] => system.rmdir(&path(at)).map(ok),
        ["unlink", at] => system.unlink(&path(at)).map(ok),
        ["rename", old, new] => system.rename(&path(old), &path(new), 0).map(ok),
        ["rename-noreplace", old, new] => system.rename(&path(old), &path(new), 1).map(ok),
        ["rename-exchange", old, new] => system.rename(&path(old), &path(new), 2).map(ok),
        ["rename-bad", old, new] => system.rename(&path(old), &path(new), 3).map(ok),
        ["link", old, new] => system.link(&path(old), &path(new), 0).map(ok),
        ["link-follow", old, new] => system
            .link(&path(old), &path(new), libc::AT_SYMLINK_FOLLOW)
            .map(ok),
        ["symlink", target, at] => system.symlink(&path(target), &path(at)).map(ok),
        ["readlink", at] => system
            .readlink(&path(at))
            .map(|target| shown_bytes(&target)),
        ["stat", at] => system
            .stat(&path(at), 0)
            .map(|attributes| attributes.show()),
        ["lstat", at] => system
            .stat(&path(at), libc::AT_SYMLINK_NOFOLLOW)
            .map(|attributes| attributes.show()),
        ["mtime", at] => system
            .stat(&path(at), 0)
            .map(|found| format!("{:?}", found.mtime)),
        ["fstat", name] => system
            .fstat(fd(fds, name))
            .map(|attributes| attributes.show()),
        ["access", at, mode] => system.access(&path(at), number(mode) as i32).map(ok),
        ["chmod", at, mode] => system.chmod(&path(at), octal(mode)).map(ok),
        ["fchmod", name, mode] => system.fchmod(fd(fds, name), octal(mode)).map(ok),
        ["chown", at, uid, gid] => system
            .chown(&path(at), number(uid) as u32, number(gid) as u32)
            .map(ok),
        ["utimens", at, sec, nsec] => {
            let time = (number(sec), number(nsec));
            system.utimens(&path(at), time, time).map(ok)
        }
        ["futimens", name, sec, nsec] => system
            .futimens(fd(fds, name), (number(sec), number(nsec)))
            .map(ok),
        ["fmtime", name] => system
            .fstat(fd(fds, name))
            .map(|found| format!("{:?}", found.mtime)),
        ["chdir", at] => system.chdir(&path(at)).map(ok),
        ["fchdir", name] => system.fchdir(fd(fds, name)).map(ok),
        ["getcwd"] => system.getcwd().map(|path| shown_bytes(&path)),
        ["umask", mask] => Ok(format!("{:o}", system.umask(octal(mask)))),
        ["inotify", name] => {
            let made = system.inotify_init()?;
            fds.insert(name.to_owned(), made);
            Ok("ok".to_owned())
        }
        ["watch", name, at, mask] => {
            let mask = u32::from_str_radix(mask, 16).unwrap();
            system
                .inotify_add_watch(fd(fds, name), &path(at), mask)
                .map(|wd| wd.to_string())
        }
        ["events", name] => {
            let mut buf = vec![0; 65_536];
            let count = system.read(fd(fds, name), &mut buf)?;
            Ok(shown_events(&buf[..count]))
        }
        ["openpty", master, slave] => {
            let made = system.openpty()?;
            fds.insert(master.to_owned(), made.0);
            fds.insert(slave.to_owned(), made.1);
            Ok("ok".to_owned())
        }
        ["isatty", name] => Ok(system.isatty(fd(fds, name)).to_string()),
        ["type", name, text] => {
            let written = system.write(fd(fds, name), &typed(text))?;
            system.settle();
            Ok(written.to_string())
        }
        ["show", name] => {
            // A terminal hands over what it has in pieces of its own choice.
            let (mut shown, mut buf) = (Vec::new(), vec![0; 65_536]);
            loop {
                match system.read(fd(fds, name), &mut buf) {
                    Ok(0) => break,
                    Ok(count) => shown.extend_from_slice(&buf[..count]),
                    Err(errno) if shown.is_empty() => return Err(errno),
                    Err(_) => break,
                }
                system.settle();
            }
            Ok(shown_bytes(&shown))
        }
        ["stty", name, how] | ["stty-flush", name, how] => {
            let mut settings = system.tcgetattr(fd(fds, name))?;
            change(&mut settings, how);
            let flush = words[0] == "stty-flush";
            system.tcsetattr(fd(fds, name), flush, &settings)?;
            system.settle();
            Ok("ok".to_owned())
        }
        ["settings", name] => system
            .tcgetattr(fd(fds, name))
            .map(|settings| format!("{settings:x?}")),
        ["tcflush", name] => system.tcflush(fd(fds, name)).map(ok),
        ["tcflow", name, action] => {
            let flowed = system.tcflow(fd(fds, name), number(action) as i32).map(ok);
            system.settle();
            flowed
        }
        ["winsize", name] => system
            .winsize(fd(fds, name))
            .map(|(rows, cols)| format!("{rows}x{cols}")),
        ["set-winsize", name, rows, cols] => system
            .set_winsize(fd(fds, name), number(rows) as u16, number(cols) as u16)
            .map(ok),
        ["ls", at] => system.list(&path(at)).map(|mut names| {
            names.sort();
            names.join(" ")
        }),
        _ => match super::socket_script::attempt(system, fds, words) {
            Some(outcome) => outcome,
            None => panic!("unknown operation {words:?}"),
        },
    }
}
