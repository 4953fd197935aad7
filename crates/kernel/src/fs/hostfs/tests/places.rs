//! Mounts in files of the embedder's, and homes: nothing is made there for them.

use super::*;
use crate::fs::tmpfs::Tmpfs;
use crate::limits::Limits;
use crate::vfs::FileSystem;

/// A file system to mount, with one file.
fn small(kernel: &Arc<Kernel>) -> Arc<dyn FileSystem> {
    let clock = Arc::new(crate::clock::VirtualClock::new());
    let fs = Tmpfs::new(&Limits::default(), Arc::default(), clock, 99).unwrap();
    kernel
        .mount(b"/var/log", fs.clone(), "small", MountFlags::empty())
        .unwrap();
    let agent = kernel.file_agent();
    agent.chmod(b"/var/log", 0o777).unwrap();
    write(&agent, "/var/log/inside", OpenFlags::O_CREAT, "small").unwrap();
    kernel.umount(b"/var/log").unwrap();
    fs
}

fn attach(kernel: &Arc<Kernel>, path: &str) {
    let fs = small(kernel);
    kernel.provide_mount_point(path.as_bytes()).unwrap();
    kernel
        .mount(path.as_bytes(), fs, "small", MountFlags::empty())
        .unwrap();
}

/// A machine with the files as the tree of its user.
fn rooted(files: &[(&str, Node)], flags: MountFlags) -> (Arc<Played>, Arc<Process>, Arc<Kernel>) {
    let played = Played::new(files);
    let kernel = Kernel::boot(KernelConfig::default()).unwrap();
    let fs = HostFs::new(played.clone(), true);
    kernel.mount_root(fs, "host", flags).unwrap();
    (played, kernel.file_agent(), kernel)
}

fn names(process: &Arc<Process>, path: &str) -> Vec<String> {
    let entries = process.read_dir(path.as_bytes()).unwrap();
    let names = entries.into_iter().map(|entry| entry.name);
    let mut names: Vec<_> = names.map(|name| String::from_utf8(name).unwrap()).collect();
    names.sort();
    names
}

fn changes(played: &Played) -> Vec<String> {
    let mut asked = played.asked();
    let looks = ["stat ", "list ", "readlink ", "open ", "read "];
    asked.retain(|asked| !looks.iter().any(|look| asked.starts_with(look)));
    asked
}

#[test]
fn a_mount_in_files_of_the_embedders_makes_nothing_there() {
    let tree = [("a", Node::Directory), ("a/f", file("x"))];
    let (played, user, kernel) = mounted(&tree, MountFlags::empty());
    for place in ["/mnt/a/inner", "/mnt/new/er/inner", "/mnt/top"] {
        attach(&kernel, place);
        assert_eq!(text(&user, &format!("{place}/inside")).unwrap(), "small");
        let (parent, name) = place.rsplit_once('/').unwrap();
        assert!(names(&user, parent).contains(&name.to_owned()), "{place}");
    }
    assert_eq!(names(&user, "/mnt"), ["a", "new", "top"]);
    assert_eq!(names(&user, "/mnt/a"), ["f", "inner"]);
    assert_eq!(names(&user, "/mnt/new"), ["er"]);
    user.chdir(b"/mnt/new/er/inner").unwrap();
    assert_eq!(user.getcwd().unwrap(), b"/mnt/new/er/inner");
    assert_eq!(text(&user, "../../../a/f").unwrap(), "x");
    assert_eq!(text(&user, "../../er/inner/inside").unwrap(), "small");
    let mounts = text_of(&user, "/proc/mounts");
    assert!(mounts.contains("small /mnt/new/er/inner tmpfs"), "{mounts}");
    assert_eq!(changes(&played), Vec::<String>::new());
}

fn text_of(process: &Arc<Process>, path: &str) -> String {
    let fd = process
        .open(path.as_bytes(), OpenFlags::O_RDONLY, 0)
        .unwrap();
    let mut buf = vec![0; 4096];
    let count = process.file(fd).unwrap().read(&mut buf).unwrap();
    process.close(fd).unwrap();
    String::from_utf8(buf[..count].to_vec()).unwrap()
}

#[test]
fn a_read_only_file_system_has_them_too() {
    let (_, user, kernel) = mounted(&[("f", file("x"))], MountFlags::MS_RDONLY);
    attach(&kernel, "/mnt/deep/inner");
    assert_eq!(text(&user, "/mnt/deep/inner/inside").unwrap(), "small");
    let made = write(&user, "/mnt/deep/new", OpenFlags::O_CREAT, "x");
    assert_eq!(made, Err(Errno::EROFS));
    assert_eq!(user.mkdir(b"/mnt/deep", 0o755), Err(Errno::EEXIST));
}

#[test]
fn a_mount_stays_whatever_the_embedder_does_and_guests_cannot_move_it() {
    let tree = [
        ("a", Node::Directory),
        ("a/inner", Node::Directory),
        ("a/inner/covered", file("x")),
    ];
    let (played, user, kernel) = mounted(&tree, MountFlags::empty());
    attach(&kernel, "/mnt/a/inner");
    assert_eq!(names(&user, "/mnt/a/inner"), ["inside"]);
    let busy = Err(Errno::EBUSY);
    assert_eq!(user.rmdir(b"/mnt/a/inner"), busy);
    assert_eq!(user.rename(b"/mnt/a/inner", b"/mnt/b"), busy);
    assert_eq!(user.rename(b"/mnt/a", b"/mnt/b"), busy);
    assert_eq!(user.rmdir(b"/mnt/a"), busy);
    assert_eq!(user.remove_tree(b"/mnt/a"), busy);
    assert_eq!(user.unlink(b"/mnt/a/inner"), Err(Errno::EISDIR));
    user.mkdir(b"/mnt/c", 0o755).unwrap();
    assert_eq!(user.rename(b"/mnt/c", b"/mnt/a"), busy);
    changes(&played);
    for path in ["a/inner/covered", "a/inner", "a"] {
        played.remove(path.as_bytes()).unwrap();
    }
    played.generation.fetch_add(1, Ordering::Relaxed);
    assert_eq!(text(&user, "/mnt/a/inner/inside").unwrap(), "small");
    assert_eq!(names(&user, "/mnt"), ["a", "c"]);
    assert_eq!(names(&user, "/mnt/a"), ["inner"]);
    played.put("a", file("a file now"));
    played.generation.fetch_add(1, Ordering::Relaxed);
    assert_eq!(text(&user, "/mnt/a/inner/inside").unwrap(), "small");
    assert_eq!(names(&user, "/mnt"), ["a", "c"]);
    played.remove(b"a").unwrap();
    played.put("a", Node::Directory);
    played.put("a/later", file("later"));
    played.generation.fetch_add(1, Ordering::Relaxed);
    assert_eq!(names(&user, "/mnt/a"), ["inner", "later"]);
    assert_eq!(text(&user, "/mnt/a/later").unwrap(), "later");
    assert_eq!(changes(&played), Vec::<String>::new());
}

#[test]
fn a_link_on_the_way_is_followed_and_a_file_is_none() {
    let tree = [
        ("real", Node::Directory),
        ("link", Node::Link(b"real".to_vec())),
        ("file", file("x")),
    ];
    let (_, user, kernel) = mounted(&tree, MountFlags::empty());
    attach(&kernel, "/mnt/link/inner");
    assert_eq!(text(&user, "/mnt/real/inner/inside").unwrap(), "small");
    assert_eq!(text(&user, "/mnt/link/inner/inside").unwrap(), "small");
    for path in [&b"/mnt/file/inner"[..], b"/mnt/file"] {
        assert_eq!(kernel.provide_mount_point(path), Err(Errno::ENOTDIR));
    }
}

#[test]
fn homes_are_there_and_are_made_by_what_is_made_in_them() {
    let (played, user, kernel) = rooted(&[("data", Node::Directory)], MountFlags::empty());
    kernel.provide(b"/root/app").unwrap();
    let homes = ["data", "home", "root", "workspace"];
    let seen = names(&user, "/");
    assert!(
        homes.iter().all(|home| seen.contains(&(*home).into())),
        "{seen:?}"
    );
    for home in ["/home/user", "/root/app", "/workspace"] {
        assert_eq!(names(&user, home), Vec::<String>::new(), "{home}");
        let stat = user.stat(home.as_bytes()).unwrap();
        assert_eq!((stat.mode, stat.uid), (S_IFDIR | 0o755, 1000));
        assert_eq!(user.rmdir(home.as_bytes()), Err(Errno::EBUSY));
        user.chown(home.as_bytes(), 1000, 1000).unwrap();
        assert_eq!(user.chown(home.as_bytes(), 0, 0), Err(Errno::EPERM));
    }
    assert_eq!(changes(&played), Vec::<String>::new());
    user.chdir(b"/root/app").unwrap();
    assert_eq!(user.getcwd().unwrap(), b"/root/app");
    write(&user, "made", OpenFlags::O_CREAT, "x").unwrap();
    assert_eq!(
        changes(&played),
        ["mkdir root", "mkdir root/app", "create root/app/made"]
    );
    assert_eq!(text(&user, "made").unwrap(), "x");
    assert_eq!(names(&user, "."), ["made"]);
    assert_eq!(user.getcwd().unwrap(), b"/root/app");
    user.rename(b"made", b"/workspace/moved").unwrap();
    assert_eq!(
        changes(&played),
        ["mkdir workspace", "rename root/app/made"]
    );
    assert_eq!(text(&user, "/workspace/moved").unwrap(), "x");
    user.unlink(b"/workspace/moved").unwrap();
    user.rmdir(b"/workspace").unwrap();
    assert_eq!(names(&user, "/workspace"), Vec::<String>::new());
}

#[test]
fn who_refuses_everything_has_a_machine_with_mounts_and_homes() {
    let (played, user, kernel) = rooted(&[], MountFlags::empty());
    *played.fails.lock() = Some(Errno::EACCES);
    kernel.provide(b"/root").unwrap();
    attach(&kernel, "/root/node_modules");
    attach(&kernel, "/app/node_modules");
    user.chdir(b"/root").unwrap();
    assert_eq!(text(&user, "node_modules/inside").unwrap(), "small");
    assert_eq!(text(&user, "/app/node_modules/inside").unwrap(), "small");
    let made = write(&user, "made", OpenFlags::O_CREAT, "x");
    assert_eq!(made, Err(Errno::EACCES));
    assert_eq!(user.mkdir(b"/app/made", 0o755), Err(Errno::EACCES));
}

#[test]
fn a_listing_in_pieces_has_every_name_once() {
    let tree: Vec<_> = (0..7).map(|n| (format!("f{n}"), file("x"))).collect();
    let tree: Vec<_> = tree
        .iter()
        .map(|(name, node)| (&**name, node.clone()))
        .collect();
    let (played, user, kernel) = rooted(&tree, MountFlags::empty());
    attach(&kernel, "/node_modules");
    attach(&kernel, "/f3x");
    played.put("root", Node::Directory);
    played.piece.store(2, Ordering::Relaxed);
    let flags = OpenFlags::O_RDONLY | OpenFlags::O_DIRECTORY;
    let fd = user.open(b"/", flags, 0).unwrap();
    let mut listed = Vec::new();
    loop {
        let batch = user.getdents_up_to(fd, 1).unwrap();
        if batch.is_empty() {
            break;
        }
        listed.extend(
            batch
                .into_iter()
                .map(|entry| String::from_utf8(entry.name).unwrap()),
        );
    }
    listed.retain(|name| name != "." && name != "..");
    listed.sort();
    let mut whole = names(&user, "/");
    whole.retain(|name| name != "." && name != "..");
    assert_eq!(listed, whole);
    let once: std::collections::BTreeSet<_> = listed.iter().collect();
    assert_eq!(once.len(), listed.len());
    for name in [
        "f0",
        "f6",
        "f3x",
        "node_modules",
        "root",
        "workspace",
        "usr",
    ] {
        assert!(listed.contains(&name.to_owned()), "{name}: {listed:?}");
    }
}

#[test]
fn they_are_where_they_were_when_the_machines_files_are_replaced() {
    let (played, user, kernel) = rooted(&[("a", Node::Directory)], MountFlags::empty());
    attach(&kernel, "/root/node_modules");
    attach(&kernel, "/a/inner");
    write(&user, "/tmp/f", OpenFlags::O_CREAT, "kept").unwrap();
    let bytes = kernel.export_filesystem();
    kernel.import_filesystem(&bytes).unwrap();
    let user = kernel.file_agent();
    assert_eq!(text(&user, "/root/node_modules/inside").unwrap(), "small");
    assert_eq!(text(&user, "/a/inner/inside").unwrap(), "small");
    assert_eq!(text(&user, "/tmp/f").unwrap(), "kept");
    assert_eq!(names(&user, "/workspace"), Vec::<String>::new());
    assert_eq!(changes(&played), Vec::<String>::new());
}

#[test]
fn the_directory_above_is_the_joined_one() {
    let (_, user, _kernel) = rooted(&[("data", Node::Directory)], MountFlags::empty());
    user.chdir(b"/data").unwrap();
    assert!(user.stat(b"../usr/bin").is_ok());
    assert!(names(&user, "..").contains(&"usr".to_owned()));
}

#[test]
fn what_is_unmounted_leaves_what_the_embedder_has() {
    let tree = [
        ("a", Node::Directory),
        ("a/inner", Node::Directory),
        ("a/inner/covered", file("x")),
    ];
    let (played, user, kernel) = rooted(&tree, MountFlags::empty());
    for place in [
        "/a/inner",
        "/new/er/inner",
        "/new/other",
        "/root/node_modules",
    ] {
        attach(&kernel, place);
    }
    kernel.umount(b"/a/inner").unwrap();
    assert_eq!(names(&user, "/a/inner"), ["covered"]);
    kernel.umount(b"/new/er/inner").unwrap();
    assert_eq!(names(&user, "/new"), ["other"]);
    kernel.umount(b"/new/other").unwrap();
    assert_eq!(user.stat(b"/new"), Err(Errno::ENOENT));
    kernel.umount(b"/root/node_modules").unwrap();
    assert_eq!(names(&user, "/root"), Vec::<String>::new());
    user.rename(b"/a/inner", b"/a/moved").unwrap();
    attach(&kernel, "/new/er/inner");
    assert_eq!(names(&user, "/new"), ["er"]);
    assert_eq!(changes(&played), ["rename a/inner"]);
}
