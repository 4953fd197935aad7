//! Changes of real files, told over the socket.

use super::*;
use secure_exec_protocol::files::{MAX_FILES_MESSAGE, from_message};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Generous: only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder, and a listener that may watch what is in it.
struct Ground {
    folder: PathBuf,
    listener: Arc<Listener>,
    socket: FilesSocket,
}

impl Ground {
    fn new(name: &str) -> Ground {
        let folder = format!("secure-exec-changes-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let (listener, socket) = Listener::new().unwrap();
        Ground {
            folder,
            listener,
            socket: FilesSocket::new(socket),
        }
    }

    fn watch(&self, path: &Path, number: u64) -> io::Result<()> {
        self.listener
            .watch(File::open(path).unwrap().as_fd(), number)
    }

    fn hear(&self) -> Vec<FileChange> {
        let mut buffer = vec![0; MAX_FILES_MESSAGE];
        let message = self.socket.receive(&mut buffer, Some(PATIENCE)).unwrap();
        let told: FileChanges = from_message(&buffer[..message.length]).unwrap();
        told.changes
    }

    /// What is told up to the making of this name.
    fn hear_until(&self, name: &str) -> Vec<(u64, u32, String)> {
        let mut heard = Vec::new();
        loop {
            for change in self.hear() {
                let text = String::from_utf8(change.name).unwrap();
                if change.mask == libc::IN_CREATE && text == name {
                    return heard;
                }
                heard.push((change.number, change.mask, text));
            }
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

#[test]
fn what_happens_is_told_to_who_watches_in_its_order() {
    let ground = Ground::new("order");
    let (a, b) = (ground.folder.join("a"), ground.folder.join("b"));
    fs::write(&a, "1").unwrap();
    ground.watch(&ground.folder, 7).unwrap();
    ground.watch(&a, 8).unwrap();
    // Nobody is told who reads.
    fs::read(&a).unwrap();
    fs::rename(&a, &b).unwrap();
    fs::remove_file(&b).unwrap();
    fs::write(ground.folder.join("end"), "").unwrap();
    let heard = ground.hear_until("end");
    let told = |number: u64, mask: u32, name: &str| (number, mask, name.to_owned());
    assert_eq!(
        heard,
        [
            told(7, libc::IN_MOVED_FROM, "a"),
            told(7, libc::IN_MOVED_TO, "b"),
            told(8, libc::IN_MOVE_SELF, ""),
            told(8, libc::IN_ATTRIB, ""),
            told(8, libc::IN_DELETE_SELF, ""),
            told(8, libc::IN_IGNORED, ""),
            told(7, libc::IN_DELETE, "b"),
        ]
    );
}

#[test]
fn listeners_that_watch_one_file_hear_of_it_each_until_they_end_it() {
    let (one, two) = (Ground::new("one"), Ground::new("two"));
    let folder = &one.folder;
    one.watch(folder, 1).unwrap();
    two.watch(folder, 5).unwrap();
    two.watch(folder, 6).unwrap();
    fs::write(folder.join("a"), "").unwrap();
    assert_eq!(one.hear_until("a"), []);
    assert_eq!(two.hear_until("a"), []);
    two.listener.unwatch(5).unwrap();
    assert!(two.listener.unwatch(5).is_err());
    one.listener.unwatch(1).unwrap();
    // One event, so that nothing of it is left for who watches next.
    std::os::unix::fs::symlink("a", folder.join("b")).unwrap();
    let rest = two.hear_until("b");
    assert!(rest.iter().all(|(number, ..)| [5, 6].contains(number)));
    one.watch(folder, 2).unwrap();
    fs::write(folder.join("c"), "").unwrap();
    // Of what came before only what was told before.
    let heard = one.hear_until("c");
    assert!(heard.iter().all(|(.., name)| name == "a"), "{heard:?}");
}

#[test]
fn numbers_and_how_many_there_are_have_their_bounds() {
    let ground = Ground::new("bounds");
    ground.watch(&ground.folder, 1).unwrap();
    let again = ground.watch(&ground.folder, 1).unwrap_err();
    assert_eq!(again.raw_os_error(), Some(libc::EINVAL));
    for number in 2..=MOST_WATCHES as u64 {
        ground.watch(&ground.folder, number).unwrap();
    }
    let full = ground.watch(&ground.folder, u64::MAX).unwrap_err();
    assert_eq!(full.raw_os_error(), Some(libc::ENOSPC));
}

#[test]
fn who_does_not_listen_loses_changes_and_is_told_so() {
    let ground = Ground::new("lost");
    ground.watch(&ground.folder, 1).unwrap();
    // More than there is room for in a socket.
    for _ in 0..20_000 {
        fs::write(ground.folder.join("a"), "x").unwrap();
    }
    let lost = |changes: Vec<FileChange>| {
        let lost = |change: &FileChange| change.mask == libc::IN_Q_OVERFLOW && change.number == 0;
        changes.iter().any(lost)
    };
    while !lost(ground.hear()) {}
    fs::write(ground.folder.join("end"), "").unwrap();
    ground.hear_until("end");
}
