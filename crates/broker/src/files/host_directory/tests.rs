//! A directory of the host's, served to whoever asks for what he must not get.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::files::served::Served;
use crate::files::{BackendFile, HostMount, Server};
use secure_exec_protocol::Mount;
use secure_exec_protocol::files::{
    FileOperation, FileResult, FilesAnswer, HostTime, MAX_FILE_PIECE, WholeFile, to_message,
};

const SECRET: &str = "what is outside";
const ROUNDS: usize = 10_000;

/// A folder that is gone with the test: `secret`, and `root` in it.
struct Ground(PathBuf);

impl Ground {
    fn new() -> Ground {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("secure-exec-mount-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("root/a/b")).unwrap();
        fs::write(path.join("secret"), SECRET).unwrap();
        fs::write(path.join("root/a/b/file"), "inside").unwrap();
        Ground(path)
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    fn serve(&self, quota: Option<u64>) -> HostDirectory {
        let options = HostDirectoryOptions {
            guest_path: "/mnt".into(),
            writable: quota.is_some(),
            quota: quota.unwrap_or(0),
            follow: Vec::new(),
        };
        HostDirectory::open(&self.root(), options).unwrap()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn errno<T>(result: io::Result<T>) -> i32 {
    result
        .err()
        .and_then(|error| error.raw_os_error())
        .unwrap_or(0)
}

fn contents(served: &HostDirectory, path: &str) -> io::Result<String> {
    let opened = served.open(path.as_bytes(), FileAccess::Read)?;
    if let Some(file) = opened.file {
        let mut buf = [0; 4096];
        let count = file.read(0, &mut buf)?;
        return Ok(String::from_utf8_lossy(&buf[..count]).into_owned());
    }
    let mut file = fs::File::from(opened.descriptor.unwrap());
    let mut text = String::new();
    io::Read::read_to_string(&mut file, &mut text)?;
    Ok(text)
}

#[test]
fn what_is_inside_is_read() {
    let ground = Ground::new();
    let served = ground.serve(None);
    assert_eq!(contents(&served, "a/b/file").unwrap(), "inside");
    let attributes = served.stat(b"a/b/file").unwrap();
    assert_eq!(
        (attributes.size, attributes.mode & 0o170_000),
        (6, 0o100_000)
    );
    assert_eq!(served.stat(b"").unwrap().mode & 0o170_000, 0o040_000);
    let names = |path: &[u8]| {
        let listing = served.read_dir(path, 0, 1 << 20).unwrap();
        assert!(listing.last);
        let names = listing.entries.into_iter();
        names
            .map(|entry| String::from_utf8(entry.name).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(b""), ["a"]);
    assert_eq!(names(b"a/b"), ["file"]);
    assert_eq!(errno(served.stat(b"a/none")), libc::ENOENT);
    assert_eq!(errno(served.stat(b"a/b/file/x")), libc::ENOTDIR);
    assert_eq!(errno(served.open(b"a", FileAccess::Read)), libc::EISDIR);
}

#[test]
fn a_listing_goes_on_where_it_stopped() {
    let ground = Ground::new();
    for number in 0..500 {
        fs::write(ground.root().join(format!("f{number}")), "").unwrap();
    }
    let served = ground.serve(None);
    let (mut position, mut names) = (0, Vec::new());
    loop {
        let listing = served.read_dir(b"", position, 2000).unwrap();
        position = listing.entries.last().map_or(position, |entry| entry.next);
        names.extend(listing.entries.into_iter().map(|entry| entry.name));
        if listing.last {
            break;
        }
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 501);
}

#[test]
fn names_alone_are_those_that_are_listed_with_what_they_name() {
    let ground = Ground::new();
    for number in 0..300 {
        fs::write(ground.root().join(format!("f{number}")), "").unwrap();
    }
    symlink("f0", ground.root().join("link")).unwrap();
    drop(UnixListener::bind(ground.root().join("socket")).unwrap());
    let served = ground.serve(None);
    let listing = served.read_dir(b"", 0, 1 << 20).unwrap();
    let listed = listing.entries.into_iter().map(|entry| {
        let kind = entry.attributes.mode & libc::S_IFMT;
        (entry.name, entry.attributes.ino, kind)
    });
    let (mut position, mut names) = (0, Vec::new());
    loop {
        let piece = served.read_names(b"", position, 100).unwrap();
        assert!(piece.len() <= 100);
        let Some(last) = piece.last() else { break };
        position = last.next;
        names.extend(
            piece
                .into_iter()
                .map(|name| (name.name, name.ino, name.kind)),
        );
    }
    assert_eq!(names.len(), 303);
    assert_eq!(names, listed.collect::<Vec<_>>());
    assert_eq!(errno(served.read_names(b"f0", 0, 1)), libc::ENOTDIR);
}

#[test]
fn no_link_is_followed_wherever_it_is() {
    let ground = Ground::new();
    let root = ground.root();
    symlink("../secret", root.join("up")).unwrap();
    symlink(ground.0.join("secret"), root.join("absolute")).unwrap();
    symlink("..", root.join("parent")).unwrap();
    symlink("/proc/self/root", root.join("magic")).unwrap();
    symlink("a", root.join("inside")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    let served = ground.serve(Some(1 << 20));
    for path in ["up", "absolute", "loop"] {
        assert_eq!(
            errno(served.open(path.as_bytes(), FileAccess::Read)),
            libc::ELOOP,
            "{path}"
        );
        assert_eq!(
            served.stat(path.as_bytes()).unwrap().mode & 0o170_000,
            0o120_000
        );
    }
    for path in ["parent/secret", "magic/etc/passwd", "inside/b/file"] {
        let path = path.as_bytes();
        let refused = [
            errno(served.open(path, FileAccess::Read)),
            errno(served.stat(path)),
            errno(served.unlink(path)),
            errno(served.create(path, 0o644)),
        ];
        let known = [libc::ELOOP, libc::ENOTDIR];
        assert!(
            refused.iter().all(|errno| known.contains(errno)),
            "{refused:?}"
        );
    }
    let told = |path: &str| served.read_link(path.as_bytes()).unwrap();
    assert!(told("up").outside && told("parent").outside && told("magic").outside);
    assert_eq!(told("absolute").path, b"");
    assert_eq!(
        (told("inside").path, told("inside").outside),
        (b"a".to_vec(), false)
    );
    assert_eq!(fs::read_to_string(ground.0.join("secret")).unwrap(), SECRET);
}

fn whole(served: &Served, path: &[u8], names: &[u8]) -> Vec<WholeFile> {
    let (path, names) = (path.to_vec(), names.to_vec());
    match served.serve(0, FileOperation::ReadWhole { path, names }) {
        Ok((FileResult::Whole(files), None)) => files,
        other => panic!("{:?}", other.map(|(result, _)| result)),
    }
}

#[test]
fn whole_files_are_regular_and_below_the_root() {
    let ground = Ground::new();
    let root = ground.root();
    symlink("../secret", root.join("a/up")).unwrap();
    symlink("../../secret", root.join("a/out")).unwrap();
    symlink("b/file", root.join("a/inside")).unwrap();
    symlink("a", root.join("also")).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(root.join("a/fifo"))
        .status();
    assert!(fifo.unwrap().success());
    let _socket = UnixListener::bind(root.join("a/socket")).unwrap();
    fs::write(root.join("a/empty"), "").unwrap();
    fs::write(root.join("a/plain"), "inside").unwrap();
    for quota in [None, Some(1 << 20)] {
        let server = Server::Backend(Arc::new(ground.serve(quota)));
        let mount = Mount {
            read_only: quota.is_none(),
            ..Mount::default()
        };
        let served = Served::new(vec![HostMount { mount, server }]);
        let names = b"up/out/inside/fifo/socket/b/empty/none/plain";
        let found = whole(&served, b"a", names);
        let data: Vec<(u32, &[u8])> = found
            .iter()
            .map(|file| (file.name, &file.data[..]))
            .collect();
        assert_eq!(data, [(6, &b""[..]), (8, b"inside")]);
        assert_eq!(found[1].attributes.size, 6);
        assert_eq!(whole(&served, b"also", b"plain"), []);
        assert!(!served.has_files());
    }
}

#[test]
fn whole_files_are_short_and_fit_into_an_answer() {
    let ground = Ground::new();
    let sizes = [
        ("longest", 64 << 10),
        ("longer", (64 << 10) + 1),
        ("second", 50 << 10),
        ("third", 50 << 10),
        ("short", 1 << 10),
    ];
    for (name, size) in sizes {
        fs::write(ground.root().join(name), vec![7; size]).unwrap();
    }
    for index in 0..64 {
        fs::write(ground.root().join(format!("f{index}")), vec![7; 2 << 10]).unwrap();
    }
    let server = Server::Backend(Arc::new(ground.serve(None)));
    let mount = Mount::default();
    let served = Served::new(vec![HostMount { mount, server }]);
    let found = whole(&served, b"", b"longest/longer/second/third/short");
    let found: Vec<(u32, usize)> = found
        .iter()
        .map(|file| (file.name, file.data.len()))
        .collect();
    assert_eq!(found, [(0, 64 << 10), (2, 50 << 10), (4, 1 << 10)]);
    let names: Vec<String> = (0..64).map(|index| format!("f{index}")).collect();
    let found = whole(&served, b"", names.join("/").as_bytes());
    let result = FileResult::Whole(found.clone());
    let answer = to_message(&FilesAnswer { id: 1, result }).unwrap();
    assert!(found.len() > 50 && answer.len() <= MAX_FILE_PIECE + 16);
}

#[test]
fn what_is_no_file_is_not_opened() {
    let ground = Ground::new();
    let root = ground.root();
    let fifo = std::process::Command::new("mkfifo")
        .arg(root.join("fifo"))
        .status();
    assert!(fifo.unwrap().success());
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    let served = ground.serve(Some(1 << 20));
    let begun = Instant::now();
    for path in ["fifo", "socket"] {
        for access in [FileAccess::Read, FileAccess::Write, FileAccess::ReadWrite] {
            assert_eq!(errno(served.open(path.as_bytes(), access)), libc::ENXIO);
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn files_of_the_system_are_not_served() {
    let options = HostDirectoryOptions::default();
    for path in ["/proc", "/proc/self", "/sys"] {
        let opened = HostDirectory::open(Path::new(path), options.clone());
        assert_eq!(errno(opened), libc::EACCES, "{path}");
    }
    let served = HostDirectory::open(Path::new("/"), options).unwrap();
    for path in ["proc/self/environ", "proc/1/environ", "proc/version"] {
        assert_ne!(
            errno(served.open(path.as_bytes(), FileAccess::Read)),
            0,
            "{path}"
        );
    }
}

#[test]
fn what_guests_write_is_bounded_and_gives_back_what_it_took() {
    let ground = Ground::new();
    let served = ground.serve(Some(64 << 10));
    let full = |result: io::Result<(usize, u64)>| errno(result) == libc::ENOSPC;
    let file = served.create(b"new", 0o640).unwrap().file.unwrap();
    assert_eq!(file.write(Some(0), b"hello").unwrap(), (5, 5));
    assert_eq!(file.write(None, b"!").unwrap(), (1, 6));
    assert!(full(file.write(Some(0), &[0; 64 << 10])));
    assert!(full(file.write(Some(1 << 53), b"x")));
    assert_eq!(errno(file.set_size(1_000_000_000_000_000)), libc::ENOSPC);
    assert_eq!(errno(file.write(Some(u64::MAX), b"x")), libc::EFBIG);
    file.set_size(32 << 10).unwrap();
    // What has no name any more takes its place as long as it is open.
    served.unlink(b"new").unwrap();
    let other = served.create(b"other", 0o640).unwrap().file.unwrap();
    assert!(full(other.write(Some(0), &[0; 32 << 10])));
    drop(file);
    other.write(Some(0), &[0; 32 << 10]).unwrap();
    drop(other);
    let mut made = 0;
    while served
        .make_directory(format!("d{made}").as_bytes(), 0o777)
        .is_ok()
    {
        made += 1;
    }
    assert!(made < 16, "{made}");
    assert_eq!(errno(served.create(b"one-more", 0o644)), libc::ENOSPC);
    served.unlink(b"other").unwrap();
    served.create(b"one-more", 0o644).unwrap();
}

#[test]
fn what_guests_make_is_no_danger_to_the_host() {
    let ground = Ground::new();
    let served = ground.serve(Some(1 << 20));
    let root = ground.root();
    drop(served.create(b"tool", 0o6777).unwrap());
    assert_eq!(
        fs::metadata(root.join("tool"))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777,
        0o777
    );
    let change = ChangedAttributes {
        mode: Some(0o4755),
        atime: Some(HostTime { sec: 1, nsec: 2 }),
        mtime: None,
    };
    served.set_attributes(b"tool", &change).unwrap();
    let attributes = served.stat(b"tool").unwrap();
    assert_eq!(
        (attributes.mode & 0o7777, attributes.atime.nsec),
        (0o755, 2)
    );
    assert_eq!(errno(served.symlink(b"evil", b"/etc/passwd")), libc::EPERM);
    assert_eq!(errno(served.symlink(b"evil", b"../secret")), libc::EPERM);
    served.symlink(b"good", b"/mnt/a/b/file").unwrap();
    assert_eq!(
        fs::read_link(root.join("good")).unwrap(),
        Path::new("a/b/file")
    );
    served.link(b"a/b/file", b"second").unwrap();
    assert_eq!(
        served.stat(b"second").unwrap().ino,
        served.stat(b"a/b/file").unwrap().ino
    );
    served.rename(b"second", b"a/third", 0).unwrap();
    assert_eq!(contents(&served, "a/third").unwrap(), "inside");
    assert_eq!(errno(served.rename(b"a", b"a/b/c", 0)), libc::EINVAL);
    assert_eq!(errno(served.remove_directory(b"a")), libc::ENOTEMPTY);
    assert_eq!(errno(served.unlink(b"")), libc::EBUSY);
    fs::set_permissions(root.join("tool"), Permissions::from_mode(0o644)).unwrap();
}

/// A directory, and a link to what is outside, change places while paths are opened, written to, made and removed.
#[test]
fn nothing_outside_is_found_while_links_are_flipped() {
    let ground = Ground::new();
    let root = ground.root();
    fs::create_dir_all(ground.0.join("outside/b")).unwrap();
    for path in ["outside/b/file", "outside/file"] {
        fs::write(ground.0.join(path), SECRET).unwrap();
    }
    symlink("../outside", root.join("flip")).unwrap();
    symlink("../../../secret", root.join("a/b/link")).unwrap();
    let served = ground.serve(Some(1 << 30));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let done = &done;
        let flipped = root.clone();
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                exchange(&flipped.join("a"), &flipped.join("flip"));
                exchange(&flipped.join("a/b/file"), &flipped.join("a/b/link"));
            }
        });
        for round in 0..ROUNDS {
            for path in ["a/b/file", "flip/b/file", "a/b/link", "a/file"] {
                if let Ok(text) = contents(&served, path) {
                    assert_eq!(text, "inside", "round {round}: {path}");
                }
                for file in super::super::whole::read(&served, b"a", b"file") {
                    assert_eq!(file.data, b"inside", "round {round}");
                }
                for file in super::super::whole::read(&served, b"a/b", b"file/link") {
                    assert_eq!(file.data, b"inside", "round {round}");
                }
                if let Ok(listing) = served.read_dir(b"a", 0, 1 << 20) {
                    let secret = |name: &[u8]| name == b"file";
                    assert!(!listing.entries.iter().any(|entry| secret(&entry.name)));
                }
            }
            let made = format!("a/made{round}");
            if let Ok(opened) = served.create(made.as_bytes(), 0o644) {
                let file: Arc<dyn BackendFile> = opened.file.unwrap();
                file.write(Some(0), b"x").unwrap();
                let _ = served.unlink(made.as_bytes());
            }
            let _ = served.unlink(b"a/file");
            let _ = served.make_directory(b"a/c", 0o755);
            let _ = served.remove_directory(b"a/c");
        }
        done.store(true, Ordering::Relaxed);
    });
    let mut outside: Vec<_> = fs::read_dir(ground.0.join("outside"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    outside.sort();
    assert_eq!(outside, ["b", "file"]);
    for path in ["outside/b/file", "outside/file", "secret"] {
        assert_eq!(fs::read_to_string(ground.0.join(path)).unwrap(), SECRET);
    }
}

fn exchange(one: &Path, other: &Path) {
    let path = |path: &Path| {
        use std::os::unix::ffi::OsStrExt;
        std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap()
    };
    let (one, other) = (path(one), path(other));
    // SAFETY: both paths outlive the call.
    unsafe {
        libc::renameat2(
            libc::AT_FDCWD,
            one.as_ptr(),
            libc::AT_FDCWD,
            other.as_ptr(),
            libc::RENAME_EXCHANGE,
        )
    };
}

#[test]
fn a_read_only_mount_changes_nothing_and_its_descriptors_are_for_reading() {
    let ground = Ground::new();
    let server = Server::Backend(Arc::new(ground.serve(None)));
    let mount = Mount {
        read_only: true,
        ..Mount::default()
    };
    let served = Served::new(vec![HostMount { mount, server }]);
    let path = || b"a/b/file".to_vec();
    let changes = [
        FileOperation::Open {
            path: path(),
            access: FileAccess::Write,
        },
        FileOperation::Open {
            path: path(),
            access: FileAccess::ReadWrite,
        },
        FileOperation::Create {
            path: b"new".to_vec(),
            mode: 0o644,
        },
        FileOperation::MakeDirectory {
            path: b"new".to_vec(),
            mode: 0o755,
        },
        FileOperation::Symlink {
            path: b"new".to_vec(),
            target: b"a".to_vec(),
        },
        FileOperation::Link {
            from: path(),
            to: b"new".to_vec(),
        },
        FileOperation::Unlink { path: path() },
        FileOperation::RemoveDirectory {
            path: b"a".to_vec(),
        },
        FileOperation::Rename {
            from: path(),
            to: b"new".to_vec(),
            flags: 0,
        },
        FileOperation::SetAttributes {
            path: path(),
            attributes: ChangedAttributes {
                mode: Some(0o777),
                ..ChangedAttributes::default()
            },
        },
        FileOperation::SetSize { handle: 1, size: 0 },
        FileOperation::Write {
            handle: 1,
            offset: None,
            data: vec![1],
        },
    ];
    for change in changes {
        let (result, descriptor) = served.serve(0, change.clone()).unwrap();
        let refused = FileResult::Failed { errno: libc::EROFS };
        assert_eq!(result, refused, "{change:?}");
        assert!(descriptor.is_none());
    }
    let access = FileAccess::Read;
    let path = path();
    let opened = served
        .serve(0, FileOperation::Open { path, access })
        .unwrap();
    let descriptor = opened.1.unwrap();
    // SAFETY: takes plain numbers.
    let flags = unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&descriptor), libc::F_GETFL) };
    assert_eq!(flags & (libc::O_ACCMODE | libc::O_PATH), libc::O_RDONLY);
    for path in ["..", "a/../../secret", "/etc/passwd", "a//b", "a\0b", "./a"] {
        let path = path.as_bytes().to_vec();
        assert!(served.serve(0, FileOperation::Stat { path }).is_err());
    }
    assert!(served.serve(1, FileOperation::Statfs).is_err());
}

#[test]
fn holes_of_the_hosts_files_are_paid_for_when_they_are_filled() {
    let ground = Ground::new();
    let sparse = fs::File::create(ground.root().join("sparse")).unwrap();
    sparse.set_len(8 << 20).unwrap();
    let served = ground.serve(Some(256 << 10));
    let open = |name: &[u8]| {
        let opened = served.open(name, FileAccess::ReadWrite).unwrap();
        opened.file.unwrap()
    };
    let page = [7; 16 << 10];
    let fill = |file: &Arc<dyn BackendFile>, first: u64| {
        let pages = (first..512).take_while(|page_number| {
            let written = file.write(Some(page_number << 14), &page);
            assert!(written.is_ok() || errno(written) == libc::ENOSPC);
            file.write(Some(page_number << 14), &page).is_ok()
        });
        pages.count() as u64
    };
    let file = open(b"sparse");
    let filled = fill(&file, 0);
    assert!((8..=16).contains(&filled), "{filled} pages");
    // To write there again costs nothing.
    for number in 0..filled {
        file.write(Some(number << 14), &page).unwrap();
    }
    assert!(fill(&file, filled) <= 1);
    // What has been filled is given back.
    file.set_size(0).unwrap();
    // A guest's own holes are paid for by their length.
    let own = served.create(b"own", 0o644).unwrap().file.unwrap();
    own.set_size(200 << 10).unwrap();
    assert_eq!(errno(own.set_size(300 << 10)), libc::ENOSPC);
    for number in 0..12 {
        own.write(Some(number << 14), &page).unwrap();
    }
    drop(own);
    served.unlink(b"own").unwrap();
    served
        .create(b"again", 0o644)
        .unwrap()
        .file
        .unwrap()
        .set_size(200 << 10)
        .unwrap();
}
