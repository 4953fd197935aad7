//! What a VM process that was taken over says on its files channel.
//!
//! A mode either breaks a rule of the channel, after which it waits for its end, or asks for what it must not get and writes
//! down in the file `report` beside it what it got all the same.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secure_exec_protocol::files::{
    ChangedAttributes, FileAccess, FileOperation, FileResult, FilesAnswer, FilesRequest, LeaseOf,
    MAX_FILE_PIECE, MAX_FILES_MESSAGE, MOST_LEASES, from_message, to_message,
};
use secure_exec_protocol::{FilesSocket, VmConfig, VmId};

use crate::exhaust;

/// Where a VM process finds its files channel.
const CHANNEL: i32 = 4;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it says that no VM process says.
pub const RULES: &[&str] = &[
    "files-garbage",
    "files-unknown-operation",
    "files-unknown-access",
    "files-trailing",
    "files-half",
    "files-too-long",
    "files-up",
    "files-up-further",
    "files-absolute",
    "files-nul",
    "files-dot",
    "files-empty-name",
    "files-long-name",
    "files-long-path",
    "files-target-nul",
    "files-up-to",
    "files-lease-beside",
    "files-leases-ended",
    "files-large-read",
    "files-large-write",
    "files-other-mount",
    "files-descriptor",
    "files-descriptors",
    "files-twice",
    "files-earlier",
    "files-two-requests",
    "files-flood",
];

/// What it asks for without breaking one.
pub const ATTEMPTS: &[&str] = &[
    "files-read-only",
    "files-outside",
    "files-other-vm",
    "files-handles",
    "files-descriptors-given",
    "files-listings",
    "files-empty-message",
    "files-shut",
    "files-after-destroy",
];

pub struct Files {
    pub(super) socket: FilesSocket,
    vm: VmId,
    pub(super) read_only: u32,
    pub(super) writable: u32,
    /// The one whose files functions of JavaScript serve.
    pub(super) scripted: u32,
    last: u64,
    report: PathBuf,
    buffer: Vec<u8>,
    has_attacked: bool,
}

impl Files {
    pub fn new(vm: VmId, config: &VmConfig, folder: &Path) -> Files {
        let place = |read_only| {
            let mut mounts = config.mounts.iter();
            let found = mounts.find(|mount| mount.read_only == read_only);
            found.map_or(0, |mount| mount.number)
        };
        // SAFETY: the broker has put the channel there, and nobody else uses it.
        let fd = unsafe { OwnedFd::from_raw_fd(CHANNEL) };
        Files {
            socket: FilesSocket::new(fd),
            vm,
            read_only: place(true),
            writable: place(false),
            scripted: {
                let mut mounts = config.mounts.iter();
                let found = mounts.find(|mount| mount.guest_path == "/scripted");
                found.map_or(0, |mount| mount.number)
            },
            last: 0,
            report: folder.join("report"),
            buffer: vec![0; MAX_FILES_MESSAGE],
            has_attacked: false,
        }
    }

    /// Does what the mode says, once.
    pub fn attack(&mut self, mode: &str) {
        if std::mem::replace(&mut self.has_attacked, true) {
            return;
        }
        match mode {
            "files-read-only" => self.change_what_is_read_only(),
            "files-outside" => self.reach_outside(),
            "files-other-vm" => self.ask_for_others(),
            "files-handles" => self.hold_files(),
            "files-descriptors-given" => self.hold_descriptors(),
            "files-listings" => self.list_from_anywhere(),
            "files-empty-message" => self.send(&[]),
            "files-shut" => self.socket.shut_down(),
            "files-after-destroy" => {}
            "files-flood" => self.flood(),
            mode if exhaust::has(mode) => {
                if exhaust::attack(self, mode) {
                    std::process::exit(0);
                }
            }
            _ => {
                self.break_rule(mode);
                // What was answered before comes first. Then it is over.
                while self.receive().is_some() {}
            }
        }
    }

    /// Goes on asking when its VM has been told to end: it is served until the host knows that it has ended.
    pub fn ask_after_the_end(&mut self) {
        for _ in 0..100_000 {
            match self.ask(self.read_only, open("inside", FileAccess::Read)) {
                None | Some((FileResult::Failed { errno: libc::EIO }, None)) => return,
                Some(_) => {}
            }
        }
        self.tell("a VM that is gone is served");
    }

    fn break_rule(&mut self, mode: &str) {
        let stat = |path: &[u8]| FileOperation::Stat { path: path.into() };
        let deep = [&b"a/".repeat(2047)[..], b"ab"].concat();
        let operation = match mode {
            "files-up" => stat(b".."),
            "files-up-further" => open("a/../../outside/secret", FileAccess::Read),
            "files-absolute" => open("/etc/passwd", FileAccess::Read),
            "files-nul" => stat(b"inside\0"),
            "files-dot" => stat(b"./inside"),
            "files-empty-name" => stat(b"a//inside"),
            "files-long-name" => stat(&[b'x'; 256]),
            "files-long-path" => stat(&deep),
            "files-target-nul" => FileOperation::Symlink {
                path: b"new".to_vec(),
                target: b"inside\0/etc/passwd".to_vec(),
            },
            "files-up-to" => FileOperation::Rename {
                from: b"inside".to_vec(),
                to: b"../moved".to_vec(),
                flags: 0,
            },
            "files-lease-beside" => FileOperation::ReadLeased {
                path: b"inside".to_vec(),
                leases: vec![LeaseOf {
                    length: 3,
                    number: 1,
                }],
            },
            "files-leases-ended" => FileOperation::HearOfBroken {
                heard: 0,
                ended: vec![1; MOST_LEASES + 1],
            },
            "files-large-read" => FileOperation::Read {
                handle: 1,
                offset: 0,
                count: u32::MAX,
            },
            "files-large-write" => FileOperation::Write {
                handle: 1,
                offset: None,
                data: vec![b'x'; MAX_FILE_PIECE + 1],
            },
            _ => return self.break_framing(mode),
        };
        let request = self.request(self.writable, operation);
        self.send(&request);
    }

    /// What is wrong before anybody looks at the operation, or with how it is sent.
    fn break_framing(&mut self, mode: &str) {
        let stat = FileOperation::Stat { path: Vec::new() };
        let request = self.request(self.writable, stat.clone());
        let null = File::open("/dev/null").ok();
        match mode {
            "files-garbage" => self.send(&[0xff; 100]),
            // Number, VM and mount, then the operation's number.
            "files-unknown-operation" => self.send(&[1, 1, 0, 200, 1]),
            "files-unknown-access" => self.send(&[1, 1, 0, 3, 0, 9]),
            "files-trailing" => self.send(&[&request[..], &[0]].concat()),
            "files-half" => self.send(request.get(..3).unwrap_or_default()),
            "files-too-long" => self.send(&vec![0; MAX_FILES_MESSAGE + 1]),
            "files-other-mount" => {
                let request = self.request(u32::MAX, stat);
                self.send(&request);
            }
            "files-descriptor" => {
                if let Some(null) = null {
                    let _ = self.socket.send_with(&request, null.as_fd());
                }
            }
            // As many as a message carries, and the channel among them.
            "files-descriptors" => send_many(&request, 253),
            "files-twice" => {
                self.send(&request);
                self.send(&request);
            }
            "files-earlier" => {
                self.last += 10;
                let later = self.request(self.writable, stat);
                self.send(&later);
                self.send(&request);
            }
            "files-two-requests" => {
                let other = self.request(self.writable, stat);
                self.send(&[request, other].concat());
            }
            _ => {}
        }
    }

    /// Asks for ever, and takes no answer.
    fn flood(&mut self) {
        loop {
            let request = self.request(self.read_only, open("inside", FileAccess::Read));
            if self.socket.send(&request).is_err() {
                return;
            }
        }
    }

    fn change_what_is_read_only(&mut self) {
        let path = || b"inside".to_vec();
        let new = || b"new".to_vec();
        let changes = [
            open("inside", FileAccess::Write),
            open("inside", FileAccess::ReadWrite),
            FileOperation::Create {
                path: new(),
                mode: 0o777,
            },
            FileOperation::MakeDirectory {
                path: new(),
                mode: 0o777,
            },
            FileOperation::Symlink {
                path: new(),
                target: path(),
            },
            FileOperation::Link {
                from: path(),
                to: new(),
            },
            FileOperation::Unlink { path: path() },
            FileOperation::RemoveDirectory {
                path: b"a".to_vec(),
            },
            FileOperation::Rename {
                from: path(),
                to: new(),
                flags: 0,
            },
            FileOperation::Rename {
                from: path(),
                to: b"a".to_vec(),
                flags: 2,
            },
            FileOperation::SetAttributes {
                path: path(),
                attributes: ChangedAttributes {
                    mode: Some(0o777),
                    ..Default::default()
                },
            },
            FileOperation::SetSize { handle: 1, size: 0 },
            FileOperation::Write {
                handle: 1,
                offset: None,
                data: b"x".to_vec(),
            },
        ];
        for change in changes {
            let told = format!("{change:?}");
            let answer = self.ask(self.read_only, change);
            self.expect(&told, answer, &[libc::EROFS]);
        }
        // A descriptor that it is given is one to read from.
        if let Some((FileResult::Opened { .. }, Some(fd))) =
            self.ask(self.read_only, open("inside", FileAccess::Read))
        {
            // SAFETY: takes a descriptor that is open, and memory that is there.
            let written = unsafe { libc::write(fd.as_raw_fd(), b"x".as_ptr().cast(), 1) };
            // SAFETY: takes plain numbers.
            let cut = unsafe { libc::ftruncate(fd.as_raw_fd(), 0) };
            if written >= 0 || cut >= 0 {
                self.tell("wrote to a descriptor that is to be read from");
            }
        }
    }

    fn reach_outside(&mut self) {
        let refused = [
            libc::ENOENT,
            libc::ELOOP,
            libc::ENOTDIR,
            libc::ENXIO,
            libc::EXDEV,
            libc::EPERM,
            libc::EINVAL,
        ];
        for mount in [self.read_only, self.writable] {
            for path in [
                "link/secret",
                "file",
                "absolute",
                "slash/etc/passwd",
                "process/environ",
                "slash",
            ] {
                for access in [FileAccess::Read, FileAccess::Write, FileAccess::ReadWrite] {
                    let mut refused = refused.to_vec();
                    if access != FileAccess::Read {
                        refused.push(libc::EROFS);
                    }
                    let answer = self.ask(mount, open(path, access));
                    self.expect(path, answer, &refused);
                }
            }
            for path in ["link/secret", "slash/etc", "process/root"] {
                let path = || path.as_bytes().to_vec();
                for operation in [
                    FileOperation::Stat { path: path() },
                    FileOperation::ReadLink { path: path() },
                    FileOperation::ReadDirectory {
                        path: path(),
                        position: 0,
                    },
                    FileOperation::ReadLeased {
                        path: path(),
                        leases: Vec::new(),
                    },
                ] {
                    let told = format!("{operation:?}");
                    let answer = self.ask(mount, operation);
                    self.expect(&told, answer, &refused);
                }
            }
            for link in ["absolute", "slash", "process"] {
                let told = self.ask(mount, FileOperation::ReadLink { path: link.into() });
                if let Some((FileResult::Link { target, outside }, _)) = told
                    && (!outside || !target.is_empty())
                {
                    self.tell(&format!("a link of the host is told: {link}"));
                }
            }
        }
        self.change_outside(&refused);
    }

    fn change_outside(&mut self, refused: &[i32]) {
        let secret = || b"link/secret".to_vec();
        let made = || b"link/made".to_vec();
        let changes = [
            FileOperation::Create {
                path: made(),
                mode: 0o644,
            },
            FileOperation::MakeDirectory {
                path: made(),
                mode: 0o755,
            },
            FileOperation::Symlink {
                path: made(),
                target: b"x".to_vec(),
            },
            FileOperation::Symlink {
                path: b"new".to_vec(),
                target: b"../outside".to_vec(),
            },
            FileOperation::Symlink {
                path: b"new".to_vec(),
                target: b"/etc".to_vec(),
            },
            FileOperation::Link {
                from: secret(),
                to: b"new".to_vec(),
            },
            FileOperation::Link {
                from: b"inside".to_vec(),
                to: made(),
            },
            FileOperation::Unlink { path: secret() },
            FileOperation::RemoveDirectory {
                path: b"link/directory".to_vec(),
            },
            FileOperation::Rename {
                from: secret(),
                to: b"new".to_vec(),
                flags: 0,
            },
            FileOperation::Rename {
                from: b"inside".to_vec(),
                to: made(),
                flags: 0,
            },
            FileOperation::SetAttributes {
                path: secret(),
                attributes: ChangedAttributes {
                    mode: Some(0o777),
                    ..Default::default()
                },
            },
            FileOperation::SetAttributes {
                path: b"file".to_vec(),
                attributes: ChangedAttributes {
                    mode: Some(0o777),
                    ..Default::default()
                },
            },
        ];
        for change in changes {
            let told = format!("{change:?}");
            let answer = self.ask(self.writable, change);
            let mut refused = refused.to_vec();
            refused.push(libc::EOPNOTSUPP);
            self.expect(&told, answer, &refused);
        }
    }

    fn ask_for_others(&mut self) {
        let own = self.vm;
        for vm in [0, own.wrapping_sub(1), own + 1, own + 2, VmId::MAX] {
            self.vm = vm;
            for path in ["inside", ""] {
                let answer = self.ask(self.read_only, open(path, FileAccess::Read));
                self.expect("a file of another VM", answer, &[libc::EIO]);
            }
        }
        self.vm = own;
    }

    /// Opens more than it may, and asks for handles that it does not have.
    fn hold_files(&mut self) {
        let mut held = 0;
        for _ in 0..1500 {
            match self.ask(self.writable, open("inside", FileAccess::ReadWrite)) {
                Some((FileResult::Opened { .. }, _)) => held += 1,
                answer => {
                    self.expect("one file more", answer, &[libc::ENFILE]);
                    break;
                }
            }
        }
        if held > 1024 {
            self.tell(&format!("{held} files are open"));
        }
        for handle in [0, held + 1, u64::MAX] {
            let read = FileOperation::Read {
                handle,
                offset: 0,
                count: 10,
            };
            let answer = self.ask(self.writable, read);
            self.expect("a handle that is none", answer, &[libc::EBADF]);
        }
    }

    /// Is given descriptors, and keeps as many as it can get.
    fn hold_descriptors(&mut self) {
        let mut kept = Vec::new();
        for _ in 0..3000 {
            match self.ask(self.read_only, open("inside", FileAccess::Read)) {
                Some((_, descriptor)) => kept.extend(descriptor),
                None => return self.tell("no answer to an open file"),
            }
        }
    }

    fn list_from_anywhere(&mut self) {
        for position in [0, 1, 7, u64::from(u32::MAX), 1 << 62, 1 << 63, u64::MAX] {
            for path in ["", "a", "inside", "link"] {
                let path = path.into();
                let listed = FileOperation::ReadDirectory { path, position };
                let Some((result, _)) = self.ask(self.read_only, listed) else {
                    return self.tell("no answer to a listing");
                };
                if let FileResult::Entries { entries, .. } = result
                    && entries.iter().any(|entry| entry.name == b"secret")
                {
                    self.tell("a name outside of the mount");
                }
            }
        }
    }

    pub(super) fn request(&mut self, mount: u32, operation: FileOperation) -> Vec<u8> {
        self.last += 1;
        let request = FilesRequest {
            id: self.last,
            vm: self.vm,
            mount,
            operation,
        };
        to_message(&request).unwrap_or_default()
    }

    pub(super) fn ask(
        &mut self,
        mount: u32,
        operation: FileOperation,
    ) -> Option<(FileResult, Option<OwnedFd>)> {
        let request = self.request(mount, operation);
        self.send(&request);
        self.receive()
    }

    /// None at the end of the channel.
    pub(super) fn receive(&mut self) -> Option<(FileResult, Option<OwnedFd>)> {
        let message = self.socket.receive(&mut self.buffer, Some(PATIENCE)).ok()?;
        let bytes = self.buffer.get(..message.length)?;
        let answer: FilesAnswer = from_message(bytes).ok()?;
        Some((answer.result, message.descriptors.into_iter().next()))
    }

    fn send(&self, bytes: &[u8]) {
        // The channel may have ended with what was sent before.
        let _ = self.socket.send(bytes);
    }

    /// Writes down what was not refused with one of these.
    pub(super) fn expect(
        &self,
        what: &str,
        answer: Option<(FileResult, Option<OwnedFd>)>,
        refusals: &[i32],
    ) {
        match answer {
            Some((FileResult::Failed { errno }, None)) if refusals.contains(&errno) => {}
            Some((result, _)) => self.tell(&format!("{what}: {result:?}")),
            None => {}
        }
    }

    pub(super) fn tell(&self, what: &str) {
        let mut options = OpenOptions::new();
        if let Ok(mut report) = options.append(true).create(true).open(&self.report) {
            let _ = writeln!(report, "{what}");
        }
    }
}

/// Sends a message with so many descriptors, which the ordinary way of sending does not do.
fn send_many(bytes: &[u8], count: usize) {
    let size = u32::try_from(count * size_of::<i32>()).unwrap_or(0);
    // SAFETY: takes plain numbers.
    let space = unsafe { libc::CMSG_SPACE(size) } as usize;
    let mut control = vec![0u64; space.div_ceil(8)];
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: zeroes are a valid header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = space;
    // SAFETY: the control buffer has room for the header and so many descriptors, and everything outlives the call.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(&raw const header);
        (*first).cmsg_level = libc::SOL_SOCKET;
        (*first).cmsg_type = libc::SCM_RIGHTS;
        (*first).cmsg_len = libc::CMSG_LEN(size) as usize;
        let data = libc::CMSG_DATA(first).cast::<i32>();
        for index in 0..count {
            data.add(index).write_unaligned(CHANNEL);
        }
        libc::sendmsg(CHANNEL, &raw const header, libc::MSG_NOSIGNAL);
    }
}

pub fn open(path: &str, access: FileAccess) -> FileOperation {
    FileOperation::Open {
        path: path.into(),
        access,
    }
}
