//! The file system over files that the test plays, with a clock that it moves.

use super::*;
use crate::abi::fcntl::{OpenFlags, RenameFlags};
use crate::abi::stat::{S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG};
use crate::errno::Errno;
use crate::kernel::{Kernel, KernelConfig};
use crate::process::Process;
use crate::vfs::MountFlags;
use core::time::Duration;
use std::collections::BTreeMap;

mod deep;
mod following;
mod leases;
mod places;

/// Length of a file that was just changed.
const UNSETTLED: u64 = 9;

/// What a path names.
#[derive(Clone)]
enum Node {
    Directory,
    File(Arc<Mutex<Vec<u8>>>),
    /// A file that has another name.
    Linked,
    Link(Vec<u8>),
    Outside,
    Fifo,
}

type Spoil = fn(&mut Vec<HostWhole>);

#[derive(Default)]
struct Played {
    nodes: Mutex<BTreeMap<Vec<u8>, (u64, Node)>>,
    asked: Mutex<Vec<String>>,
    clock: Mutex<Duration>,
    /// How long it takes to answer.
    takes: Mutex<Duration>,
    generation: AtomicU64,
    last_ino: AtomicU64,
    /// Names in a piece of a listing.
    piece: AtomicU64,
    /// What is made of an answer with whole files.
    spoils: Mutex<Option<Spoil>>,
    fails: Mutex<Option<Errno>>,
    /// Who hears of a path.
    watched: Arc<Mutex<BTreeMap<Vec<u8>, HostHearer>>>,
    /// None where it gives no leases.
    leases: Mutex<Option<leases::Given>>,
}

/// Keeps a path watched.
struct PlayedWatch(Vec<u8>, Arc<Mutex<BTreeMap<Vec<u8>, HostHearer>>>);

impl Drop for PlayedWatch {
    fn drop(&mut self) {
        self.1.lock().remove(&self.0);
    }
}

struct PlayedFile(Arc<Mutex<Vec<u8>>>);

impl Played {
    fn new(files: &[(&str, Node)]) -> Arc<Played> {
        let played = Arc::new(Played::default());
        played.last_ino.store(100, Ordering::Relaxed);
        played.piece.store(1000, Ordering::Relaxed);
        played.put("", Node::Directory);
        for (path, node) in files {
            played.put(path, node.clone());
        }
        played
    }

    fn put(&self, path: &str, node: Node) {
        let ino = self.last_ino.fetch_add(1, Ordering::Relaxed);
        self.nodes.lock().insert(path.into(), (ino, node));
    }

    fn asked(&self) -> Vec<String> {
        core::mem::take(&mut self.asked.lock())
    }

    fn note(&self, what: &str, path: &[u8]) -> Result<()> {
        let text = format!("{what} {}", String::from_utf8_lossy(path));
        self.asked.lock().push(text);
        *self.clock.lock() += *self.takes.lock();
        self.fails.lock().map_or(Ok(()), Err)
    }

    fn find(&self, path: &[u8]) -> Result<(u64, Node)> {
        self.nodes.lock().get(path).cloned().ok_or(Errno::ENOENT)
    }

    fn add(&self, path: &[u8], node: Node) -> Result<HostAttributes> {
        let ino = self.last_ino.fetch_add(1, Ordering::Relaxed);
        let mut nodes = self.nodes.lock();
        if nodes.contains_key(path) {
            return Err(Errno::EEXIST);
        }
        let found = attributes(ino, &node);
        nodes.insert(path.to_vec(), (ino, node));
        Ok(found)
    }

    fn remove(&self, path: &[u8]) -> Result<()> {
        self.nodes
            .lock()
            .remove(path)
            .map(drop)
            .ok_or(Errno::ENOENT)
    }
}

fn attributes(ino: u64, node: &Node) -> HostAttributes {
    let (mode, size) = match node {
        Node::Directory => (S_IFDIR | 0o755, 0),
        Node::File(bytes) => (S_IFREG | 0o644, bytes.lock().len() as u64),
        Node::Linked => (S_IFREG | 0o644, 0),
        Node::Link(_) | Node::Outside => (S_IFLNK | 0o777, 0),
        Node::Fifo => (S_IFIFO | 0o644, 0),
    };
    HostAttributes {
        ino,
        mode,
        size,
        nlink: if matches!(node, Node::Linked) { 2 } else { 1 },
        ..HostAttributes::default()
    }
}

impl HostFiles for Played {
    fn watch(&self, path: &[u8], hear: HostHearer) -> Result<HostWatch> {
        self.note("watch", path)?;
        let replaced = self.watched.lock().insert(path.to_vec(), hear);
        assert!(replaced.is_none(), "a file is watched once");
        Ok(Box::new(PlayedWatch(path.to_vec(), self.watched.clone())))
    }

    fn stat(&self, path: &[u8]) -> Result<HostAttributes> {
        self.note("stat", path)?;
        let (ino, node) = self.find(path)?;
        Ok(attributes(ino, &node))
    }

    fn read_dir(&self, path: &[u8], position: u64) -> Result<HostListing> {
        self.note("list", path)?;
        let nodes = self.nodes.lock();
        let below: Vec<HostEntry> = nodes
            .iter()
            .filter(|(at, _)| !at.is_empty() && split(at).0 == path)
            .zip(1..)
            .map(|((at, (ino, node)), next)| HostEntry {
                name: split(at).1.to_vec(),
                attributes: attributes(*ino, node),
                next,
            })
            .filter(|entry| entry.next > position)
            .collect();
        let piece = usize::try_from(self.piece.load(Ordering::Relaxed)).unwrap();
        let last = below.len() <= piece;
        let entries = below.into_iter().take(piece).collect();
        Ok(HostListing { entries, last })
    }

    fn read_leased(&self, path: &[u8], leases: &[HostLease]) -> Result<HostLeased> {
        self.give(path, leases)
    }

    fn broken(&self, heard: u64, ended: &[u64]) -> Result<HostBroken> {
        self.tell_broken(heard, ended)
    }

    fn read_link(&self, path: &[u8]) -> Result<HostLink> {
        self.note("readlink", path)?;
        match self.find(path)?.1 {
            Node::Link(target) => Ok(HostLink::Target(target)),
            Node::Outside => Ok(HostLink::Outside(None)),
            _ => Err(Errno::EINVAL),
        }
    }

    fn open(&self, path: &[u8], _: HostAccess) -> Result<(HostAttributes, Arc<dyn HostFile>)> {
        self.note("open", path)?;
        let (ino, node) = self.find(path)?;
        match &node {
            Node::File(bytes) => Ok((attributes(ino, &node), Arc::new(PlayedFile(bytes.clone())))),
            _ => Err(Errno::ENXIO),
        }
    }

    fn read_whole(&self, directory: &[u8], names: &[&[u8]]) -> Result<Vec<HostWhole>> {
        self.note("read", &below(directory, &names.join(&b',')))?;
        let mut found = Vec::new();
        for (name, at) in names.iter().zip(0..) {
            if let Ok((ino, node)) = self.find(&below(directory, name))
                && let Node::File(bytes) = &node
            {
                found.push(HostWhole {
                    name: at,
                    attributes: attributes(ino, &node),
                    bytes: bytes.lock().clone(),
                });
            }
        }
        if let Some(spoil) = *self.spoils.lock() {
            spoil(&mut found);
        }
        Ok(found)
    }

    fn create(&self, path: &[u8], _: u32) -> Result<(HostAttributes, Arc<dyn HostFile>)> {
        self.note("create", path)?;
        let bytes = Arc::new(Mutex::default());
        let found = self.add(path, Node::File(bytes.clone()))?;
        Ok((found, Arc::new(PlayedFile(bytes))))
    }

    fn make_directory(&self, path: &[u8], _: u32) -> Result<()> {
        self.note("mkdir", path)?;
        self.add(path, Node::Directory).map(drop)
    }

    fn symlink(&self, path: &[u8], target: &[u8]) -> Result<()> {
        self.note("symlink", path)?;
        self.add(path, Node::Link(target.into())).map(drop)
    }

    fn link(&self, from: &[u8], to: &[u8]) -> Result<()> {
        self.note("link", from)?;
        let found = self.find(from)?;
        self.nodes.lock().insert(to.into(), found);
        Ok(())
    }

    fn unlink(&self, path: &[u8]) -> Result<()> {
        self.note("unlink", path)?;
        self.remove(path)
    }

    fn remove_directory(&self, path: &[u8]) -> Result<()> {
        self.note("rmdir", path)?;
        self.remove(path)
    }

    fn rename(&self, from: &[u8], to: &[u8], _: RenameFlags) -> Result<()> {
        self.note("rename", from)?;
        let mut nodes = self.nodes.lock();
        let moved: Vec<_> = nodes
            .keys()
            .filter(|path| *path == from || path.starts_with(&below(from, b"")))
            .cloned()
            .collect();
        for path in moved {
            let node = nodes.remove(&path).unwrap();
            let mut now = to.to_vec();
            now.extend_from_slice(&path[from.len()..]);
            nodes.insert(now, node);
        }
        Ok(())
    }

    fn set_attributes(&self, path: &[u8], _: &HostChange) -> Result<()> {
        self.note("set", path)
    }

    fn statfs(&self) -> Result<StatFs> {
        Ok(StatFs::default())
    }

    fn now(&self) -> Duration {
        *self.clock.lock()
    }

    fn is_settled(&self, attributes: &HostAttributes) -> bool {
        attributes.size != UNSETTLED
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }
}

impl HostFile for PlayedFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let bytes = self.0.lock();
        let rest = bytes
            .get(usize::try_from(offset).unwrap()..)
            .unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write(&self, offset: Option<u64>, buf: &[u8]) -> Result<(usize, u64)> {
        let mut bytes = self.0.lock();
        let start = offset.map_or(bytes.len(), |offset| usize::try_from(offset).unwrap());
        let end = start + buf.len();
        let length = bytes.len().max(end);
        bytes.resize(length, 0);
        bytes[start..end].copy_from_slice(buf);
        Ok((buf.len(), end as u64))
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.0.lock().resize(usize::try_from(size).unwrap(), 0);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

fn file(text: &str) -> Node {
    Node::File(Arc::new(Mutex::new(text.into())))
}

/// A machine with the files at `/mnt`.
fn mounted(files: &[(&str, Node)], flags: MountFlags) -> (Arc<Played>, Arc<Process>, Arc<Kernel>) {
    let played = Played::new(files);
    let kernel = Kernel::boot(KernelConfig::default()).unwrap();
    let fs = HostFs::new(played.clone(), true);
    kernel.mount(b"/mnt", fs, "host", flags).unwrap();
    assert!(
        played.asked().is_empty(),
        "a mount that nobody uses is not looked at"
    );
    (played, kernel.file_agent(), kernel)
}

fn text(process: &Arc<Process>, path: &str) -> Result<String> {
    let fd = process.open(path.as_bytes(), OpenFlags::O_RDONLY, 0)?;
    let mut buf = [0; 100];
    let count = process.file(fd)?.read(&mut buf);
    process.close(fd)?;
    Ok(String::from_utf8(buf[..count?].to_vec()).unwrap())
}

fn write(process: &Arc<Process>, path: &str, flags: OpenFlags, text: &str) -> Result<()> {
    let flags = flags | OpenFlags::O_WRONLY;
    let fd = process.open(path.as_bytes(), flags, 0o644)?;
    let written = process.file(fd)?.write(text.as_bytes());
    process.close(fd)?;
    written.map(drop)
}

#[test]
fn files_are_read_and_links_are_walked_by_the_kernel() {
    let tree = [
        ("a", Node::Directory),
        ("a/b", file("hello")),
        ("link", Node::Link(b"a/b".to_vec())),
        ("up", Node::Link(b"../etc/hostname".to_vec())),
        ("out", Node::Outside),
        ("fifo", Node::Fifo),
    ];
    let (_, user, _kernel) = mounted(&tree, MountFlags::MS_RDONLY);
    assert_eq!(text(&user, "/mnt/a/b").unwrap(), "hello");
    assert_eq!(text(&user, "/mnt/link").unwrap(), "hello");
    assert_eq!(text(&user, "/mnt/up").unwrap(), "secure-exec\n");
    assert_eq!(text(&user, "/mnt/out"), Err(Errno::ENOENT));
    assert_eq!(user.readlink(b"/mnt/out"), Err(Errno::EACCES));
    assert_eq!(text(&user, "/mnt/fifo"), Err(Errno::ENXIO));
    assert_eq!(text(&user, "/mnt/a/../a/b").unwrap(), "hello");
    let stat = user.stat(b"/mnt/a/b").unwrap();
    assert_eq!((stat.uid, stat.gid, stat.size), (1000, 1000, 5));
}

#[test]
fn a_directory_in_which_much_is_looked_up_is_listed_once() {
    let tree = [
        ("d", Node::Directory),
        ("d/a", file("a")),
        ("d/b", file("b")),
    ];
    let (played, user, _kernel) = mounted(&tree, MountFlags::MS_RDONLY);
    assert!(user.stat(b"/mnt/d/a").is_ok());
    played.asked();
    for name in ["x", "y", "a", "b", "z"] {
        let path = format!("/mnt/d/{name}");
        assert_eq!(user.stat(path.as_bytes()).is_ok(), name < "x", "{name}");
    }
    assert_eq!(played.asked(), ["stat d/x", "list d"]);
}

#[test]
fn inodes_that_are_kept_are_those_of_what_is_there() {
    let tree = [
        ("d", Node::Directory),
        ("d/e", Node::Directory),
        ("d/e/a", file("a")),
        ("d/e/b", file("b")),
    ];
    let (played, user, _kernel) = mounted(&tree, MountFlags::empty());
    let list = || {
        for path in ["/mnt", "/mnt/d", "/mnt/d/e"] {
            user.read_dir(path.as_bytes()).unwrap();
        }
        assert!(user.stat(b"/mnt/d/e/a").is_ok());
        played.asked();
    };
    list();
    let ino = user.stat(b"/mnt/d/e/a").unwrap().ino;
    assert_eq!(user.stat(b"/mnt/d/e/c").err(), Some(Errno::ENOENT));
    assert_eq!(played.asked(), [""; 0]);
    // By the host: another file, and a directory in the place of one.
    played.put("d/e/a", file("other"));
    assert_eq!(user.stat(b"/mnt/d/e/a").unwrap().ino, ino);
    played.generation.fetch_add(1, Ordering::Relaxed);
    assert_ne!(user.stat(b"/mnt/d/e/a").unwrap().ino, ino);
    assert_eq!(text(&user, "/mnt/d/e/a").unwrap(), "other");
    list();
    played.rename(b"d/e", b"d/f", RenameFlags::empty()).unwrap();
    played.put("d/e", Node::Directory);
    *played.clock.lock() += Duration::from_millis(100);
    assert_eq!(user.stat(b"/mnt/d/e/a").err(), Some(Errno::ENOENT));
    assert!(user.stat(b"/mnt/d/f/a").is_ok());
    // By a guest.
    list_and_change(&user);
}

fn list_and_change(user: &Arc<Process>) {
    for path in ["/mnt", "/mnt/d", "/mnt/d/f"] {
        user.read_dir(path.as_bytes()).unwrap();
        assert!(user.stat(b"/mnt/d/f/a").is_ok());
    }
    user.unlink(b"/mnt/d/f/a").unwrap();
    assert_eq!(user.stat(b"/mnt/d/f/a").err(), Some(Errno::ENOENT));
    user.rename(b"/mnt/d/f/b", b"/mnt/d/f/a").unwrap();
    assert_eq!(text(user, "/mnt/d/f/a").unwrap(), "b");
    assert_eq!(user.stat(b"/mnt/d/f/b").err(), Some(Errno::ENOENT));
    user.rename(b"/mnt/d", b"/mnt/moved").unwrap();
    assert_eq!(user.stat(b"/mnt/d/f/a").err(), Some(Errno::ENOENT));
    assert_eq!(text(user, "/mnt/moved/f/a").unwrap(), "b");
}

#[test]
fn so_many_inodes_are_kept_and_all_go_with_the_mount() {
    let names: Vec<String> = (0..20_000).map(|index| format!("f{index}")).collect();
    let tree: Vec<(&str, Node)> = names
        .iter()
        .map(|name| (name.as_str(), file("x")))
        .collect();
    let played = Played::new(&tree);
    played.piece.store(100_000, Ordering::Relaxed);
    let kernel = Kernel::boot(KernelConfig::default()).unwrap();
    let fs = HostFs::new(played.clone(), true);
    let shared = Arc::downgrade(&fs.shared);
    kernel
        .mount(b"/mnt", fs, "host", MountFlags::MS_RDONLY)
        .unwrap();
    let user = kernel.file_agent();
    user.read_dir(b"/mnt").unwrap();
    let mut most = 0;
    for name in &names {
        assert!(user.stat(format!("/mnt/{name}").as_bytes()).is_ok());
        most = most.max(shared.upgrade().unwrap().live.lock().len());
    }
    assert!((10_000..=(1 << 14) + 2).contains(&most), "{most}");
    drop(user);
    drop(kernel);
    assert!(shared.upgrade().is_none());
}

#[test]
fn what_was_found_is_true_for_a_moment_and_until_the_host_may_have_changed_it() {
    let (played, user, _kernel) = mounted(&[("a", file("a"))], MountFlags::MS_RDONLY);
    assert_eq!(user.stat(b"/mnt/b").err(), Some(Errno::ENOENT));
    played.put("b", file("b"));
    assert_eq!(user.stat(b"/mnt/b").err(), Some(Errno::ENOENT));
    *played.clock.lock() += Duration::from_millis(100);
    assert!(user.stat(b"/mnt/b").is_ok());
    played.remove(b"b").unwrap();
    assert!(user.stat(b"/mnt/b").is_ok());
    played.generation.fetch_add(1, Ordering::Relaxed);
    assert_eq!(user.stat(b"/mnt/b").err(), Some(Errno::ENOENT));
}

#[test]
fn what_guests_change_is_seen_at_once() {
    let (_, user, _kernel) = mounted(&[("d", Node::Directory)], MountFlags::empty());
    let create = OpenFlags::O_CREAT;
    assert_eq!(user.stat(b"/mnt/d/a").err(), Some(Errno::ENOENT));
    write(&user, "/mnt/d/a", create, "one").unwrap();
    assert_eq!(text(&user, "/mnt/d/a").unwrap(), "one");
    write(&user, "/mnt/d/a", OpenFlags::O_APPEND, " two").unwrap();
    assert_eq!(user.stat(b"/mnt/d/a").unwrap().size, 7);
    write(&user, "/mnt/d/a", OpenFlags::O_TRUNC, "3").unwrap();
    assert_eq!(text(&user, "/mnt/d/a").unwrap(), "3");
    user.unlink(b"/mnt/d/a").unwrap();
    assert_eq!(text(&user, "/mnt/d/a"), Err(Errno::ENOENT));
    user.mkdir(b"/mnt/d/e", 0o755).unwrap();
    assert!(user.stat(b"/mnt/d/e").unwrap().is_dir());
    user.rmdir(b"/mnt/d/e").unwrap();
    assert_eq!(user.stat(b"/mnt/d/e").err(), Some(Errno::ENOENT));
}

#[test]
fn a_directory_that_moved_knows_where_it_is() {
    let tree = [
        ("d", Node::Directory),
        ("d/sub", Node::Directory),
        ("d/sub/a", file("a")),
    ];
    let (_, user, _kernel) = mounted(&tree, MountFlags::empty());
    user.chdir(b"/mnt/d/sub").unwrap();
    user.rename(b"/mnt/d", b"/mnt/moved").unwrap();
    assert_eq!(user.getcwd().unwrap(), b"/mnt/moved/sub");
    assert_eq!(text(&user, "a").unwrap(), "a");
    assert_eq!(text(&user, "../sub/a").unwrap(), "a");
}

#[test]
fn a_read_only_mount_is_not_asked_to_change_anything() {
    let (played, user, _kernel) = mounted(&[("a", file("a"))], MountFlags::MS_RDONLY);
    let refused = Some(Errno::EROFS);
    let write_only = OpenFlags::O_WRONLY;
    assert_eq!(user.open(b"/mnt/a", write_only, 0).err(), refused);
    assert_eq!(user.open(b"/mnt/a", OpenFlags::O_TRUNC, 0).err(), refused);
    assert_eq!(
        write(&user, "/mnt/b", OpenFlags::O_CREAT, "b").err(),
        refused
    );
    assert_eq!(user.unlink(b"/mnt/a").err(), refused);
    assert_eq!(user.rename(b"/mnt/a", b"/mnt/b").err(), refused);
    assert_eq!(user.chmod(b"/mnt/a", 0o777).err(), refused);
    assert_eq!(user.mkdir(b"/mnt/d", 0o777).err(), refused);
    assert_eq!(user.truncate(b"/mnt/a", 0).err(), refused);
    let harmless = |asked: &String| asked.starts_with("stat") || asked.starts_with("list");
    let asked = played.asked();
    assert!(asked.iter().all(harmless), "{asked:?}");
}

#[test]
fn large_directories_are_listed_in_pieces_and_looked_up_name_by_name() {
    let names: Vec<String> = (0..10).map(|index| format!("f{index}")).collect();
    let tree: Vec<(&str, Node)> = names
        .iter()
        .map(|name| (name.as_str(), file("x")))
        .collect();
    let (played, user, _kernel) = mounted(&tree, MountFlags::MS_RDONLY);
    played.piece.store(3, Ordering::Relaxed);
    let listed = user.read_dir(b"/mnt").unwrap();
    let listed: Vec<String> = listed
        .into_iter()
        .map(|entry| String::from_utf8(entry.name).unwrap())
        .filter(|name| name != "." && name != "..")
        .collect();
    assert_eq!(listed, names);
    for name in &names {
        assert!(user.stat(format!("/mnt/{name}").as_bytes()).is_ok());
    }
    played.asked();
    assert!(user.stat(b"/mnt/f9").is_ok());
    assert!(user.stat(b"/mnt/missing").is_err());
    assert_eq!(played.asked(), ["stat missing"]);
}

/// What was asked for that is no metadata.
fn read_of(played: &Played) -> Vec<String> {
    let mut asked = played.asked();
    asked.retain(|asked| asked.starts_with("open") || asked.starts_with("read "));
    asked
}

#[test]
fn small_files_are_read_once_while_they_are_the_same() {
    let tree = [("a", file("one")), ("new", file("unsettled"))];
    let (played, user, _kernel) = mounted(&tree, MountFlags::MS_RDONLY);
    for _ in 0..3 {
        assert_eq!(text(&user, "/mnt/a").unwrap(), "one");
    }
    assert_eq!(read_of(&played), ["read a"]);
    played.put("a", file("two"));
    played.generation.fetch_add(1, Ordering::Relaxed);
    assert_eq!(text(&user, "/mnt/a").unwrap(), "two");
    assert_eq!(text(&user, "/mnt/a").unwrap(), "two");
    assert_eq!(read_of(&played), ["read a"]);
    for _ in 0..3 {
        assert_eq!(text(&user, "/mnt/new").unwrap(), "unsettled");
    }
    assert_eq!(read_of(&played), ["open new"; 3]);
}

#[test]
fn files_are_read_with_those_of_their_kind_that_follow_the_more_were_wanted() {
    let names: Vec<String> = (10..60).map(|index| format!("d/f{index}.js")).collect();
    let mut tree: Vec<(&str, Node)> = names
        .iter()
        .map(|name| (name.as_str(), file("text")))
        .collect();
    tree.extend([
        ("d", Node::Directory),
        ("d/f21.js.map", file("text")),
        ("d/f22.js", Node::Directory),
        ("d/f23.js", file(&"x".repeat(65 << 10))),
        ("d/f24.js", file("unsettled")),
        ("d/f25.js", Node::Fifo),
    ]);
    let (played, user, _kernel) = mounted(&tree, MountFlags::MS_RDONLY);
    let reads = |name: &str| {
        assert_eq!(text(&user, &format!("/mnt/d/{name}.js")).unwrap(), "text");
        read_of(&played)
    };
    for name in ["x", "y"] {
        assert!(user.stat(format!("/mnt/d/{name}").as_bytes()).is_err());
    }
    assert_eq!(reads("f10"), ["read d/f10.js"]);
    let second = "read d/f20.js,f21.js,f26.js,f27.js,f28.js,f29.js,f30.js,f31.js";
    assert_eq!(reads("f20"), [second]);
    for name in ["f21", "f26", "f31", "f20", "f10"] {
        assert_eq!(reads(name), [""; 0]);
    }
    let third = reads("f40");
    assert_eq!(third.len(), 1);
    // To the end, and from the beginning.
    assert!(third[0].starts_with("read d/f40.js,f41.js") && third[0].contains("f59.js,f11.js"));
    assert_eq!(third[0].split(',').count(), 32);
}

#[test]
fn a_directory_beside_one_that_was_used_is_listed_and_read_at_once() {
    let names: Vec<String> = (0..6)
        .flat_map(|part| (10..30).map(move |index| format!("d/p{part}/f{index}")))
        .collect();
    let mut tree: Vec<(&str, Node)> = names
        .iter()
        .map(|name| (name.as_str(), file("text")))
        .collect();
    let parts: Vec<String> = (0..6).map(|part| format!("d/p{part}")).collect();
    tree.push(("d", Node::Directory));
    tree.extend(parts.iter().map(|part| (part.as_str(), Node::Directory)));
    let (played, user, _kernel) = mounted(&tree, MountFlags::MS_RDONLY);
    user.read_dir(b"/mnt/d").unwrap();
    let mut asked = Vec::new();
    for part in &parts {
        played.asked();
        for index in 10..30 {
            assert_eq!(
                text(&user, &format!("/mnt/{part}/f{index}")).unwrap(),
                "text"
            );
        }
        asked.push(played.asked().len());
    }
    // Two names and their files, the list, one file, 8 of them, the rest.
    assert_eq!(asked, [8, 2, 2, 2, 2, 2]);
    played.asked();
    assert!(user.stat(b"/mnt/d/p3/none").is_err());
    assert_eq!(played.asked(), [""; 0]);
}

#[test]
fn no_more_is_asked_for_than_an_answer_has_room_for() {
    let names: Vec<String> = (0..20).map(|index| format!("f{index}")).collect();
    let tree: Vec<(&str, Node)> = names
        .iter()
        .map(|name| (name.as_str(), file(&"x".repeat(20 << 10))))
        .collect();
    let (played, user, _kernel) = mounted(&tree, MountFlags::MS_RDONLY);
    user.read_dir(b"/mnt").unwrap();
    let mut most = 0;
    for name in &names {
        text(&user, &format!("/mnt/{name}")).unwrap();
        for asked in read_of(&played) {
            most = most.max(asked.split(',').count());
        }
    }
    assert_eq!(most, 5);
}

#[test]
fn an_answer_with_other_files_than_were_asked_for_is_of_no_effect() {
    let spoils: [Spoil; 5] = [
        |found| found.clear(),
        |found| found[0].name = usize::MAX,
        |found| found[0].bytes.push(b'!'),
        |found| found[0].attributes.mode = S_IFDIR | 0o755,
        |found| {
            found[0].bytes = b"unsettled".to_vec();
            found[0].attributes.size = UNSETTLED;
        },
    ];
    for spoil in spoils {
        let (played, user, _kernel) = mounted(&[("a", file("one"))], MountFlags::MS_RDONLY);
        *played.spoils.lock() = Some(spoil);
        for _ in 0..2 {
            assert_eq!(text(&user, "/mnt/a").unwrap(), "one");
            assert_eq!(read_of(&played), ["read a", "open a"]);
        }
    }
}

#[test]
fn an_open_file_that_was_kept_is_read_anew_once_it_is_another() {
    let tree = [("a", file("one")), ("b", file("other"))];
    let (played, user, _kernel) = mounted(&tree, MountFlags::MS_RDONLY);
    let fd = user.open(b"/mnt/a", OpenFlags::O_RDONLY, 0).unwrap();
    let other = user.open(b"/mnt/b", OpenFlags::O_RDONLY, 0).unwrap();
    let read = |fd| {
        let mut buf = [0; 100];
        let count = user.pread(fd, &mut buf, 0).unwrap();
        String::from_utf8(buf[..count].to_vec()).unwrap()
    };
    assert_eq!((read(fd), read(other)), ("one".into(), "other".into()));
    let Node::File(bytes) = played.find(b"a").unwrap().1 else {
        unreachable!("it is a file");
    };
    bytes.lock().extend_from_slice(b" and more");
    // Another file has its name: the one that is open stays as it was.
    played.put("b", file("replaced"));
    played.asked();
    assert_eq!((read(fd), read(other)), ("one".into(), "other".into()));
    assert_eq!(played.asked(), [""; 0]);
    *played.clock.lock() += Duration::from_millis(100);
    assert_eq!(read(fd), "one and more");
    assert_eq!(read(other), "other");
    bytes.lock().clear();
    assert_eq!(read(fd), "");
    played.remove(b"a").unwrap();
    *played.clock.lock() += Duration::from_millis(100);
    assert_eq!(read(fd), "");
}

#[test]
fn a_host_that_does_not_answer_gives_eio() {
    let (played, user, _kernel) = mounted(&[("a", file("a"))], MountFlags::MS_RDONLY);
    *played.fails.lock() = Some(Errno::EIO);
    assert_eq!(text(&user, "/mnt/a"), Err(Errno::EIO));
    assert_eq!(user.read_dir(b"/mnt").err(), Some(Errno::EIO));
    *played.fails.lock() = None;
    assert_eq!(text(&user, "/mnt/a").unwrap(), "a");
}

#[test]
fn a_file_without_a_name_is_written_and_cut_by_who_has_it_open() {
    let (played, user, _kernel) = mounted(&[("f", file("0123456789"))], MountFlags::empty());
    let fd = user.open(b"/mnt/f", OpenFlags::O_RDWR, 0).unwrap();
    user.unlink(b"/mnt/f").unwrap();
    assert_eq!(user.fstat(fd).unwrap().nlink, 0);
    user.ftruncate(fd, 4).unwrap();
    assert_eq!(user.fstat(fd).unwrap().size, 4);
    user.pwrite(fd, b"ab", 6).unwrap();
    assert_eq!(user.fstat(fd).unwrap().size, 8);
    let mut buf = [0; 20];
    assert_eq!(user.pread(fd, &mut buf, 0), Ok(8));
    assert_eq!(&buf[..8], b"0123\0\0ab");
    assert_eq!(user.stat(b"/mnt/f"), Err(Errno::ENOENT));
    played.asked();
    user.close(fd).unwrap();
    assert_eq!(played.asked(), Vec::<String>::new());
}
