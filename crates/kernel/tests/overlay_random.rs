//! Random operations on an overlay, and on a tmpfs with the same tree: every result must be the same, and nothing below
//! may change.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::fs::tmpfs::Tmpfs;
use secure_exec_kernel::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Trees and scripts per run.
const SEEDS: u64 = 500;
/// Operations per script.
const LENGTH: usize = 120;

const NAMES: &[&str] = &[
    "a", "b", "d", "e", "l", "d/a", "d/b", "d/e", "d/l", "e/a", "e/d", "d/e/a", "d/e/d", "e/d/a",
    "e/d/e", "l/a", "d/e/d/a", "b/a", "d/..", "d/e/..", "a/", "d/", "nx/a",
];
const TARGETS: &[&str] = &["a", "d", "e", "../a", "d/e", "nx", "l"];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Write(&'static str, usize, OpenFlags),
    Read(&'static str),
    Open(usize, &'static str, OpenFlags),
    ReadFd(usize, usize),
    WriteFd(usize, usize),
    TruncateFd(usize, u64),
    StatFd(usize),
    Mkdir(&'static str),
    Rmdir(&'static str),
    Unlink(&'static str),
    Rename(&'static str, &'static str, RenameFlags),
    Link(&'static str, &'static str),
    Symlink(&'static str, &'static str),
    Chmod(&'static str, u32),
    Truncate(&'static str, u64),
    Stat(&'static str),
    List(&'static str),
    Chdir(&'static str),
    Getcwd,
    RemoveTree(&'static str),
}

fn operation(random: &mut Random) -> Operation {
    let (path, other, fd) = (random.of(NAMES), random.of(NAMES), random.below(3));
    let read = OpenFlags::O_RDONLY;
    match random.below(32) {
        0 | 1 => Operation::Write(path, random.below(9_000), OpenFlags::O_TRUNC),
        2 => Operation::Write(path, random.below(200), OpenFlags::O_APPEND),
        3 => Operation::Write(path, random.below(200), OpenFlags::O_EXCL),
        4 => Operation::Read(path),
        5 | 6 => Operation::Open(fd, path, OpenFlags::O_RDWR),
        7 => Operation::Open(fd, path, read),
        8 => Operation::ReadFd(fd, random.below(300)),
        9 => Operation::WriteFd(fd, random.below(300)),
        10 => Operation::TruncateFd(fd, random.below(9_000) as u64),
        11 => Operation::StatFd(fd),
        12 | 13 => Operation::Mkdir(path),
        14 => Operation::Rmdir(path),
        15 | 16 => Operation::Unlink(path),
        17..=20 => Operation::Rename(path, other, RenameFlags::empty()),
        21 => Operation::Rename(path, other, RenameFlags::RENAME_NOREPLACE),
        22 => Operation::Rename(path, other, RenameFlags::RENAME_EXCHANGE),
        23 => Operation::Link(path, other),
        24 => Operation::Symlink(random.of(TARGETS), path),
        25 => Operation::Chmod(path, 0o600 + u32::try_from(random.below(64)).unwrap()),
        26 => Operation::Truncate(path, random.below(70_000) as u64),
        27 => Operation::Stat(path),
        28 => Operation::List(path),
        29 => Operation::Chdir(path),
        30 => Operation::Getcwd,
        _ => Operation::RemoveTree(path),
    }
}

/// One of the two sides: a process that sees its tree as the whole world.
struct Side {
    guest: Arc<Process>,
    root: &'static str,
    fds: [Option<Fd>; 3],
}

fn shown(stat: Stat) -> String {
    let nlink = if stat.mode & 0o170_000 == 0o040_000 {
        0
    } else {
        stat.nlink
    };
    let size = if nlink == 0 { 0 } else { stat.size };
    format!(
        "{:o} {nlink} {}:{} {size} {:?} {:?}",
        stat.mode, stat.uid, stat.gid, stat.mtime, stat.ctime
    )
}

impl Side {
    fn new(machine: &Machine, root: &'static str) -> Side {
        let options = SpawnOptions {
            credentials: Some(Credentials::root()),
            ..command()
        };
        let guest = machine.kernel.spawn(options).unwrap();
        guest.chdir(root.as_bytes()).unwrap();
        Side {
            guest,
            root,
            fds: [None; 3],
        }
    }

    fn list(&self, path: &str) -> Result<Vec<(Vec<u8>, FileKind)>> {
        let entries = self.guest.read_dir(path.as_bytes())?;
        let mut names: Vec<_> = entries
            .into_iter()
            .map(|entry| (entry.name, entry.kind))
            .collect();
        names.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(names)
    }

    fn apply(&mut self, operation: &Operation) -> String {
        let guest = self.guest.clone();
        let fd = |fd: usize, fds: &[Option<Fd>; 3]| fds[fd].unwrap_or(-1);
        let bytes = |count: usize| vec![u8::try_from(count % 251).unwrap(); count];
        match *operation {
            Operation::Write(path, count, flags) => {
                let flags = flags | OpenFlags::O_WRONLY | OpenFlags::O_CREAT;
                let written = guest.open(path.as_bytes(), flags, 0o644).map(|fd| {
                    let written = guest.write(fd, &bytes(count));
                    guest.close(fd).unwrap();
                    written
                });
                format!("{written:?}")
            }
            Operation::Read(path) => {
                let opened = guest.open(path.as_bytes(), OpenFlags::O_RDONLY, 0);
                let read = opened.map(|fd| {
                    let mut buf = vec![0; 80_000];
                    let count = guest.read(fd, &mut buf);
                    guest.close(fd).unwrap();
                    count.map(|count| {
                        buf[..count]
                            .iter()
                            .map(|byte| u64::from(*byte))
                            .sum::<u64>()
                    })
                });
                format!("{read:?}")
            }
            Operation::Open(at, path, flags) => {
                if let Some(open) = self.fds[at].take() {
                    guest.close(open).unwrap();
                }
                let opened = guest.open(path.as_bytes(), flags, 0);
                self.fds[at] = opened.as_ref().ok().copied();
                format!("{:?}", opened.map(drop))
            }
            Operation::ReadFd(at, count) => {
                let mut buf = vec![0; count];
                let read = guest.read(fd(at, &self.fds), &mut buf);
                format!("{read:?} {buf:?}")
            }
            Operation::WriteFd(at, count) => {
                format!("{:?}", guest.write(fd(at, &self.fds), &bytes(count)))
            }
            Operation::TruncateFd(at, size) => {
                format!("{:?}", guest.ftruncate(fd(at, &self.fds), size))
            }
            Operation::StatFd(at) => format!("{:?}", guest.fstat(fd(at, &self.fds)).map(shown)),
            Operation::Mkdir(path) => format!("{:?}", guest.mkdir(path.as_bytes(), 0o755)),
            Operation::Rmdir(path) => format!("{:?}", guest.rmdir(path.as_bytes())),
            Operation::Unlink(path) => format!("{:?}", guest.unlink(path.as_bytes())),
            Operation::Rename(from, to, flags) => {
                let (from, to) = (from.as_bytes(), to.as_bytes());
                format!("{:?}", guest.renameat2(AT_FDCWD, from, AT_FDCWD, to, flags))
            }
            Operation::Link(from, to) => {
                format!("{:?}", guest.link(from.as_bytes(), to.as_bytes()))
            }
            Operation::Symlink(target, path) => {
                format!("{:?}", guest.symlink(target.as_bytes(), path.as_bytes()))
            }
            Operation::Chmod(path, mode) => format!("{:?}", guest.chmod(path.as_bytes(), mode)),
            Operation::Truncate(path, size) => {
                format!("{:?}", guest.truncate(path.as_bytes(), size))
            }
            Operation::Stat(path) => format!(
                "{:?} {:?}",
                guest.lstat(path.as_bytes()).map(shown),
                guest.stat(path.as_bytes()).map(shown)
            ),
            Operation::List(path) => format!("{:?}", self.list(path)),
            Operation::Chdir(path) => {
                // Paths are those below the root again afterwards, so that scripts keep meeting the same names.
                let entered = guest.chdir(path.as_bytes());
                let cwd = guest.getcwd().map(|cwd| cwd[self.root.len()..].to_vec());
                guest.chdir(self.root.as_bytes()).unwrap();
                format!("{entered:?} {cwd:?}")
            }
            Operation::Getcwd => format!(
                "{:?}",
                guest.getcwd().map(|cwd| cwd[self.root.len()..].to_vec())
            ),
            Operation::RemoveTree(path) => {
                format!("{:?}", guest.remove_tree(path.as_bytes()))
            }
        }
    }

    /// Everything below the root, by path.
    fn dump(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut pending = vec![String::from(".")];
        while let Some(dir) = pending.pop() {
            for (name, kind) in self.list(&dir).unwrap() {
                let path = format!("{dir}/{}", String::from_utf8(name).unwrap());
                let mut text = shown(self.guest.lstat(path.as_bytes()).unwrap());
                match kind {
                    FileKind::Directory => pending.push(path.clone()),
                    FileKind::Symlink => {
                        let target = self.guest.readlink(path.as_bytes()).unwrap();
                        write!(text, " -> {target:?}").unwrap();
                    }
                    _ => {
                        let contents = read_file(&self.guest, &path);
                        let sum: u64 = contents.iter().map(|byte| u64::from(*byte)).sum();
                        write!(text, " {sum}").unwrap();
                    }
                }
                found.insert(path, text);
            }
        }
        found
    }

    /// Each entry has the number that `stat(2)` tells, and no two entries have the same, but links of one file.
    fn check_numbers(&self) {
        let mut numbers: BTreeMap<u64, (String, u64)> = BTreeMap::new();
        let mut pending = vec![String::from(".")];
        while let Some(dir) = pending.pop() {
            for entry in self.guest.read_dir(dir.as_bytes()).unwrap() {
                let path = format!("{dir}/{}", String::from_utf8(entry.name).unwrap());
                let stat = self.guest.lstat(path.as_bytes()).unwrap();
                assert_eq!(stat.ino, entry.ino, "{path}");
                if entry.kind == FileKind::Directory {
                    pending.push(path.clone());
                }
                if let Some((other, nlink)) = numbers.insert(stat.ino, (path.clone(), stat.nlink)) {
                    assert!(nlink > 1, "{path} and {other} are the same");
                }
            }
        }
    }
}

fn tree(machine: &Machine, at: &'static str, seed: u64) -> Arc<Tmpfs> {
    let clock = machine.clock.clone();
    let fs = Tmpfs::new(&Limits::default(), Arc::default(), clock, 99).unwrap();
    machine
        .kernel
        .mount(at.as_bytes(), fs.clone(), "tree", MountFlags::empty())
        .unwrap();
    let mut side = Side::new(machine, at);
    let mut random = Random(seed);
    for _ in 0..40 {
        match operation(&mut random) {
            Operation::Read(path) | Operation::List(path) | Operation::Open(_, path, _) => {
                side.apply(&Operation::Mkdir(path));
            }
            // A lower file with two names is two files once one of them has been copied.
            Operation::Link(..) => {}
            operation => drop(side.apply(&operation)),
        }
    }
    fs
}

fn compare(seed: u64) {
    let machine = machine();
    let lower = tree(&machine, "/mnt", seed);
    tree(&machine, "/opt", seed);
    let flags = MountFlags::empty();
    machine
        .kernel
        .mount_overlay(b"/srv", lower.clone(), flags)
        .unwrap();
    let below = Side::new(&machine, "/mnt");
    let before = below.dump();
    let mut overlay = Side::new(&machine, "/srv");
    let mut plain = Side::new(&machine, "/opt");
    // What a mount point has of itself may differ.
    for side in [&mut overlay, &mut plain] {
        side.apply(&Operation::Chmod("d/..", 0o755));
    }
    let mut random = Random(seed ^ 0x5555);
    let mut history = String::new();
    for _ in 0..LENGTH {
        machine.clock.advance(1_000_000_000);
        let operation = operation(&mut random);
        writeln!(history, "  {operation:?}").unwrap();
        let (ours, expected) = (overlay.apply(&operation), plain.apply(&operation));
        assert_eq!(ours, expected, "seed {seed}, after\n{history}");
    }
    let after = overlay.dump();
    assert_eq!(after, plain.dump(), "seed {seed}, after\n{history}");
    overlay.check_numbers();
    assert_eq!(below.dump(), before, "seed {seed} changed what is below");

    let bytes = machine.kernel.export_filesystem();
    let next = common::machine();
    next.kernel.mount_overlay(b"/srv", lower, flags).unwrap();
    next.kernel.import_filesystem(&bytes).unwrap();
    let imported = Side::new(&next, "/srv");
    assert_eq!(imported.dump(), after, "seed {seed}, imported");
    // Files that are open count as long as they are.
    drop((overlay, plain, below));
    imported.check_numbers();
}

#[test]
fn random_operations_give_what_they_give_on_tmpfs() {
    for seed in 0..SEEDS {
        compare(seed);
    }
}
