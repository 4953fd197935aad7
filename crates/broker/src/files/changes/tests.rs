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

    /// One of so many folders that each has few numbers.
    fn several(&self, number: u64) -> PathBuf {
        let folder = self.folder.join((number / MOST_EARS as u64).to_string());
        fs::create_dir_all(&folder).unwrap();
        folder
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
        ground.watch(&ground.several(number), number).unwrap();
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

/// What has been broken since what was heard of before, in the order of the numbers.
fn broken(leases: &Leases, heard: &mut u64) -> Vec<(u64, bool)> {
    let (last, told) = leases.hear(*heard);
    *heard = last;
    let mut told: Vec<_> = told
        .iter()
        .map(|lease| (lease.number, lease.leads_elsewhere))
        .collect();
    told.sort_unstable();
    told
}

#[test]
fn a_lease_is_broken_by_what_has_happened_before_it_is_asked_about() {
    let ground = Ground::new("leases");
    let (folder, sub) = (&ground.folder, ground.folder.join("sub"));
    fs::create_dir(&sub).unwrap();
    let leases = Leases::new().unwrap();
    let begin = |path: &Path, number| leases.begin(File::open(path).unwrap().as_fd(), number);
    begin(folder, 1).unwrap();
    begin(&sub, 2).unwrap();
    let again = begin(folder, 1).unwrap_err();
    assert_eq!(again.raw_os_error(), Some(libc::EINVAL));
    let mut heard = 0;
    assert_eq!(broken(&leases, &mut heard), []);
    fs::write(folder.join("a"), "1").unwrap();
    assert_eq!(broken(&leases, &mut heard), [(1, false)]);
    // Until it is heard of.
    assert_eq!(broken(&leases, &mut 0), [(1, false)]);
    assert_eq!(broken(&leases, &mut heard), []);
    fs::read(folder.join("a")).unwrap();
    fs::write(sub.join("b"), "1").unwrap();
    fs::create_dir(sub.join("c")).unwrap();
    assert_eq!(broken(&leases, &mut heard), [(2, false)]);
    let times = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    let file = File::options().append(true).open(folder.join("a"));
    file.unwrap().set_times(times).unwrap();
    assert_eq!(broken(&leases, &mut heard), [(1, false)]);
    fs::rename(&sub, folder.join("moved")).unwrap();
    assert_eq!(broken(&leases, &mut heard), [(1, true), (2, true)]);
    fs::write(folder.join("a"), "2").unwrap();
    assert_eq!(
        broken(&leases, &mut heard),
        [],
        "nothing more is told of it"
    );
    begin(folder, 3).unwrap();
    leases.end(&[1, 2, 3, 4]);
    fs::write(folder.join("a"), "3").unwrap();
    assert_eq!(broken(&leases, &mut heard), []);
    begin(folder, 1).unwrap();
}

#[test]
fn a_lease_that_nobody_asks_about_ends() {
    let ground = Ground::new("unheard");
    let leases = Leases::new().unwrap();
    let folder = File::open(&ground.folder).unwrap();
    leases.begin(folder.as_fd(), 1).unwrap();
    let mut heard = 0;
    let writes = |count: usize| {
        for at in 0..count {
            // Two that are the same after one another are one event.
            fs::write(ground.folder.join(["a", "b"][at % 2]), "x").unwrap();
        }
    };
    for _ in 0..4 {
        writes(10);
        assert_eq!(broken(&leases, &mut heard), [(1, false)]);
    }
    writes(100);
    assert_eq!(broken(&leases, &mut heard), [(1, true)]);
}

#[test]
fn leases_have_their_bounds_and_are_of_files_of_this_system() {
    let ground = Ground::new("leases-bounds");
    let leases = Leases::new().unwrap();
    let folder = File::open(&ground.folder).unwrap();
    let most = secure_exec_protocol::files::MOST_LEASES as u64;
    for number in 1..=most {
        let one = File::open(ground.several(number)).unwrap();
        leases.begin(one.as_fd(), number).unwrap();
    }
    let full = leases.begin(folder.as_fd(), most + 1).unwrap_err();
    assert_eq!(full.raw_os_error(), Some(libc::ENOSPC));
    leases.end(&[1]);
    leases.begin(folder.as_fd(), most + 1).unwrap();
    let proc = File::open("/proc/self").unwrap();
    let other = Leases::new().unwrap().begin(proc.as_fd(), 1).unwrap_err();
    assert_eq!(other.raw_os_error(), Some(libc::EOPNOTSUPP));
}

#[test]
fn one_file_is_watched_under_so_many_numbers_and_no_more() {
    let ground = Ground::new("numbers");
    let file = ground.folder.join("a");
    fs::write(&file, "1").unwrap();
    let most = MOST_EARS as u64;
    for number in 1..=most {
        ground.watch(&file, number).unwrap();
    }
    let refused = ground.watch(&file, most + 1).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::ENOSPC));
    // Others are not kept from watching it, and one that is given up makes room.
    let (other, _theirs) = Listener::new().unwrap();
    let watched = || File::open(&file).unwrap();
    other.watch(watched().as_fd(), 1).unwrap();
    ground.listener.unwatch(1).unwrap();
    ground.watch(&file, most + 2).unwrap();
}

#[test]
fn who_asks_is_answered_while_others_change_files_without_end() {
    let ground = Ground::new("endless");
    let files = [ground.folder.join("a"), ground.folder.join("b")];
    for (file, number) in files.iter().zip(1..) {
        fs::write(file, "1").unwrap();
        // Each event takes longer to tell than to make.
        for number in number * 100..number * 100 + MOST_EARS as u64 {
            ground.watch(file, number).unwrap();
        }
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Other files in turn, so that no event is one with the last.
        let change = || {
            while !over.load(Ordering::Relaxed) {
                for file in &files {
                    fs::write(file, "2").unwrap();
                }
            }
        };
        scope.spawn(change);
        scope.spawn(change);
        for _ in 0..10 {
            ground.listener.notifier.tell_all();
        }
        over.store(true, Ordering::Relaxed);
    });
}
