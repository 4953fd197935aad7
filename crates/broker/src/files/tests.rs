//! The files channel against a VM process that says what none of ours does.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use secure_exec_protocol::files::{
    FileAccess, FileOperation, FileResult, FilesAnswer, FilesRequest, MAX_FILES_MESSAGE,
    MOST_WHOLE_FILES, from_message, to_message,
};
use secure_exec_protocol::{FilesSocket, Mount};

use super::channel::FilesChannel;
use super::{HostDirectory, HostDirectoryOptions, HostMount, Server};
use std::sync::Arc;

/// Generous: only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

const VM: u32 = 3;

struct Peer {
    socket: FilesSocket,
    channel: FilesChannel,
    rules: Receiver<&'static str>,
    last: u64,
}

impl Peer {
    /// With one read-only mount, the folder that this file is in.
    fn new() -> Peer {
        Peer::with(concat!(env!("CARGO_MANIFEST_DIR"), "/src/files").as_ref())
    }

    fn with(folder: &Path) -> Peer {
        let (ours, theirs) = FilesSocket::pair().unwrap();
        let (tell, rules) = channel();
        let accuse = Arc::new(move |rule| tell.send(rule).unwrap());
        let mut channel = FilesChannel::new(ours, accuse);
        let options = HostDirectoryOptions::default();
        let mount = HostMount {
            mount: Mount {
                read_only: true,
                ..Mount::default()
            },
            server: Server::Backend(Arc::new(HostDirectory::open(folder, options).unwrap())),
        };
        channel.serve(VM, vec![mount]).unwrap();
        Peer {
            socket: FilesSocket::new(theirs),
            channel,
            rules,
            last: 0,
        }
    }

    fn request(&mut self, operation: FileOperation) -> FilesRequest {
        self.last += 1;
        FilesRequest {
            id: self.last,
            vm: VM,
            mount: 0,
            operation,
        }
    }

    fn ask(&mut self, request: &FilesRequest) -> (FileResult, usize) {
        self.socket.send(&to_message(request).unwrap()).unwrap();
        let mut buffer = vec![0; MAX_FILES_MESSAGE];
        let message = self.socket.receive(&mut buffer, Some(PATIENCE)).unwrap();
        assert!(message.length > 0, "the channel has ended");
        let answer: FilesAnswer = from_message(&buffer[..message.length]).unwrap();
        assert_eq!(answer.id, request.id);
        (answer.result, message.descriptors.len())
    }

    fn stat(&mut self, path: &str) -> FilesRequest {
        self.request(FileOperation::Stat { path: path.into() })
    }

    /// What it is accused of, after which nothing is heard any more.
    fn end(self) -> &'static str {
        let rule = self.rules.recv_timeout(PATIENCE).unwrap();
        let mut buffer = vec![0; MAX_FILES_MESSAGE];
        // What was answered before that comes first.
        while self
            .socket
            .receive(&mut buffer, Some(PATIENCE))
            .is_ok_and(|message| message.length > 0)
        {}
        rule
    }
}

#[test]
fn what_is_asked_for_is_answered() {
    let mut peer = Peer::new();
    let stat = peer.stat("tests.rs");
    assert!(matches!(peer.ask(&stat), (FileResult::Attributes(_), 0)));
    let path = b"tests.rs".to_vec();
    let access = FileAccess::Read;
    let open = peer.request(FileOperation::Open { path, access });
    let (opened, descriptors) = peer.ask(&open);
    assert!(matches!(
        opened,
        FileResult::Opened {
            descriptor: true,
            handle: None,
            ..
        }
    ));
    assert_eq!(descriptors, 1);
    for handle in [0, 1, u64::MAX] {
        let read = peer.request(FileOperation::Read {
            handle,
            offset: 0,
            count: 1,
        });
        let unknown = FileResult::Failed { errno: libc::EBADF };
        assert_eq!(peer.ask(&read), (unknown, 0));
    }
}

#[test]
fn files_are_had_as_a_whole() {
    let mut peer = Peer::new();
    let whole = peer.request(FileOperation::ReadWhole {
        path: Vec::new(),
        names: b"none/mod.rs/host_directory/tests.rs/mod.rs".to_vec(),
    });
    let (FileResult::Whole(found), 0) = peer.ask(&whole) else {
        panic!("there are files");
    };
    let names: Vec<u32> = found.iter().map(|file| file.name).collect();
    assert_eq!(names, [1, 3, 4]);
    let text = include_bytes!("mod.rs");
    assert!(found[0].data == text && found[0].attributes.size == text.len() as u64);
    assert_eq!(
        (&found[2].data, found[1].data.len()),
        (&found[0].data, include_bytes!("tests.rs").len())
    );
    for (path, names) in [("none", "a"), ("mod.rs", "a")] {
        let (path, names) = (path.into(), names.into());
        let whole = peer.request(FileOperation::ReadWhole { path, names });
        assert_eq!(peer.ask(&whole), (FileResult::Whole(Vec::new()), 0));
    }
}

#[test]
fn names_that_are_none_or_too_many_end_the_process() {
    let many = vec![&b"mod.rs"[..]; MOST_WHOLE_FILES + 1].join(&b'/');
    let long = vec![b'a'; 256];
    let names: [&[u8]; 9] = [
        b"",
        b"/",
        b"mod.rs/",
        b"/mod.rs",
        b"mod.rs//mod.rs",
        b"..",
        b"mod.rs\0",
        &many,
        &long,
    ];
    for names in names {
        let mut peer = Peer::new();
        let request = peer.request(FileOperation::ReadWhole {
            path: Vec::new(),
            names: names.to_vec(),
        });
        peer.socket.send(&to_message(&request).unwrap()).unwrap();
        let rule = "a path or a piece of a file that is none";
        assert_eq!(peer.end(), rule, "{names:?}");
    }
    let mut peer = Peer::new();
    let request = peer.request(FileOperation::ReadWhole {
        path: b"../files".to_vec(),
        names: b"mod.rs".to_vec(),
    });
    peer.socket.send(&to_message(&request).unwrap()).unwrap();
    peer.end();
}

#[test]
fn a_vm_that_has_left_gets_nothing() {
    let mut peer = Peer::new();
    peer.channel.forget(VM);
    let stat = peer.stat("tests.rs");
    let gone = FileResult::Failed { errno: libc::EIO };
    assert_eq!(peer.ask(&stat), (gone, 0));
    let other = FilesRequest {
        vm: VM + 1,
        ..peer.stat("tests.rs")
    };
    assert!(matches!(peer.ask(&other), (FileResult::Failed { .. }, 0)));
    assert!(peer.rules.try_recv().is_err());
}

#[test]
fn what_is_no_request_ends_the_process() {
    let accused = |say: &dyn Fn(&mut Peer)| {
        let mut peer = Peer::new();
        say(&mut peer);
        peer.end()
    };
    let send = |peer: &mut Peer, bytes: &[u8]| peer.socket.send(bytes).unwrap();
    let malformed = "a request for files that does not decode";
    assert_eq!(accused(&|peer| send(peer, &[0xff; 40])), malformed);
    let behind = |peer: &mut Peer| {
        let mut bytes = to_message(&peer.stat("a")).unwrap();
        bytes.push(0);
        send(peer, &bytes);
    };
    assert_eq!(accused(&behind), malformed);
    let long = |peer: &mut Peer| send(peer, &vec![0; MAX_FILES_MESSAGE + 1]);
    assert_eq!(accused(&long), "a request for files that is too long");
    let with_descriptor = |peer: &mut Peer| {
        let bytes = to_message(&peer.stat("a")).unwrap();
        let file = File::open("/dev/null").unwrap();
        peer.socket.send_with(&bytes, file.as_fd()).unwrap();
    };
    let rule = "a descriptor with a request for files";
    assert_eq!(accused(&with_descriptor), rule);
    let twice = |peer: &mut Peer| {
        let bytes = to_message(&peer.stat("a")).unwrap();
        send(peer, &bytes);
        send(peer, &bytes);
    };
    assert_eq!(accused(&twice), "a request for files out of turn");
    let other_mount = |peer: &mut Peer| {
        let request = FilesRequest {
            mount: 1,
            ..peer.stat("a")
        };
        send(peer, &to_message(&request).unwrap());
    };
    assert_eq!(accused(&other_mount), "a mount that the VM does not have");
}

#[test]
fn a_path_that_is_none_ends_the_process() {
    for path in [
        "..",
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a//b",
        "a/",
        ".",
        "a\0",
    ] {
        let mut peer = Peer::new();
        let request = peer.stat(path);
        peer.socket.send(&to_message(&request).unwrap()).unwrap();
        let rule = "a path or a piece of a file that is none";
        assert_eq!(peer.end(), rule, "{path:?}");
    }
}

#[test]
fn who_asks_and_never_takes_an_answer_ends() {
    let mut peer = Peer::new();
    loop {
        let path = b"tests.rs".to_vec();
        let access = FileAccess::Read;
        let request = peer.request(FileOperation::Open { path, access });
        // Refused once the channel has ended: there is room for so many questions, and no more.
        if peer.socket.send(&to_message(&request).unwrap()).is_err() {
            break;
        }
    }
    assert_eq!(peer.end(), "it does not read its files channel");
}

#[test]
fn the_channel_ends_with_the_process() {
    let peer = Peer::new();
    drop(peer.channel);
    let mut buffer = [0; 16];
    let end = peer.socket.receive(&mut buffer, Some(PATIENCE)).unwrap();
    assert_eq!(end.length, 0);
    assert!(
        peer.rules.recv_timeout(PATIENCE).is_err(),
        "nobody is accused"
    );
}

#[test]
fn mounts_come_and_go_and_who_asks_for_one_that_is_gone_breaks_no_rule() {
    let mut peer = Peer::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let options = HostDirectoryOptions::default();
    let directory = HostDirectory::open(folder.as_ref(), options).unwrap();
    let mount = Mount {
        number: 5,
        ..Mount::default()
    };
    let server = Server::Backend(Arc::new(directory));
    peer.channel.add(VM, HostMount { mount, server }).unwrap();
    let of_fifth = |peer: &mut Peer, operation| {
        let request = FilesRequest {
            mount: 5,
            ..peer.request(operation)
        };
        peer.ask(&request).0
    };
    let stat = || FileOperation::Stat {
        path: b"lib.rs".to_vec(),
    };
    let found = of_fifth(&mut peer, stat());
    assert!(matches!(found, FileResult::Attributes(_)), "{found:?}");
    peer.channel.remove(VM, 5);
    let gone = of_fifth(&mut peer, stat());
    assert_eq!(gone, FileResult::Failed { errno: libc::EIO });
    let closed = of_fifth(&mut peer, FileOperation::Close { handle: 1 });
    assert_eq!(closed, FileResult::Done);
    let first = peer.stat("tests.rs");
    assert!(matches!(peer.ask(&first), (FileResult::Attributes(_), 0)));
    let unknown = FilesRequest {
        mount: 6,
        ..peer.request(stat())
    };
    peer.socket.send(&to_message(&unknown).unwrap()).unwrap();
    assert_eq!(peer.end(), "a mount that the VM does not have");
}

/// What the system counts of a user is what sockets hold that nobody has read, of all processes together. Root has no bound.
#[test]
fn descriptors_that_others_leave_lying_cost_an_answer_and_no_channel() {
    const OTHER: libc::uid_t = 64_321;
    let as_other = move || {
        // SAFETY: takes plain numbers, and is about this thread alone.
        unsafe { libc::syscall(libc::SYS_setresuid, OTHER, OTHER, OTHER) };
        bound_descriptors(1024);
        let mut peer = Peer::with(std::env::temp_dir().as_ref());
        let name = format!("secure-exec-files-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        std::fs::write(&path, "x").unwrap();
        let open = |peer: &mut Peer| {
            let (path, access) = (name.clone().into_bytes(), FileAccess::Read);
            let request = peer.request(FileOperation::Open { path, access });
            peer.ask(&request)
        };
        assert!(matches!(open(&mut peer), (FileResult::Opened { .. }, 1)));
        let lying = leave_lying();
        let refused = FileResult::Failed {
            errno: libc::ENFILE,
        };
        assert_eq!(open(&mut peer), (refused, 0));
        drop(lying);
        // The system's own collector may count them for a moment more.
        let end = std::time::Instant::now() + PATIENCE;
        while open(&mut peer).1 == 0 {
            assert!(std::time::Instant::now() < end);
        }
        std::fs::remove_file(path).unwrap();
    };
    std::thread::spawn(as_other).join().unwrap();
}

/// Lowers the bound of open files, which is that of descriptors on their way too.
fn bound_descriptors(most: libc::rlim_t) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is valid for the call.
    assert_eq!(0, unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit)
    });
    limit.rlim_cur = limit.rlim_cur.min(most);
    // SAFETY: as above.
    assert_eq!(0, unsafe {
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)
    });
}

/// Sends descriptors that nobody reads until the system counts too many of them.
fn leave_lying() -> Vec<(FilesSocket, OwnedFd)> {
    /// As many messages have room in any socket.
    const ROOM: usize = 100;
    let null = File::open("/dev/null").unwrap();
    let mut pairs = Vec::new();
    loop {
        let (ours, theirs) = FilesSocket::pair().unwrap();
        let refused = (0..ROOM).any(|_| ours.send_with(b"x", null.as_fd()).is_err());
        pairs.push((ours, theirs));
        if refused {
            return pairs;
        }
    }
}
