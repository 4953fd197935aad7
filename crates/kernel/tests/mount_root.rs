//! A file system as the tree of a machine's user.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::fs::tmpfs::Tmpfs;
use secure_exec_kernel::*;
use std::sync::Arc;

fn given(machine: &Machine) -> Arc<Tmpfs> {
    let clock = machine.clock.clone();
    let fs = Tmpfs::new(&Limits::default(), Arc::default(), clock, 99).unwrap();
    let root = machine.kernel.file_agent();
    let flags = MountFlags::empty();
    machine
        .kernel
        .mount(b"/mnt", fs.clone(), "given", flags)
        .unwrap();
    root.chmod(b"/mnt", 0o777).unwrap();
    root.mkdir(b"/mnt/data", 0o755).unwrap();
    root.mkdir(b"/mnt/etc", 0o755).unwrap();
    write_file(&root, "/mnt/data/f", b"given");
    write_file(&root, "/mnt/etc/passwd", b"never seen");
    machine.kernel.umount(b"/mnt").unwrap();
    fs
}

fn mounted() -> (Machine, Arc<Tmpfs>, Arc<Process>) {
    let machine = machine();
    let fs = given(&machine);
    machine
        .kernel
        .mount_root(fs.clone(), "given", MountFlags::empty())
        .unwrap();
    let guest = machine.guest();
    (machine, fs, guest)
}

fn names(process: &Process, path: &str) -> Vec<String> {
    let entries = process.read_dir(path.as_bytes()).unwrap();
    let names = entries
        .into_iter()
        .map(|entry| String::from_utf8(entry.name).unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The same file system, seen elsewhere.
fn seen(machine: &Machine, fs: &Arc<Tmpfs>) -> Arc<Process> {
    let flags = MountFlags::empty();
    let root = machine.kernel.file_agent();
    root.mkdir(b"/var/seen", 0o755).unwrap();
    machine
        .kernel
        .mount(b"/var/seen", fs.clone(), "given", flags)
        .unwrap();
    root
}

#[test]
fn the_root_has_what_is_given_and_the_machines_own_directories() {
    let (machine, fs, guest) = mounted();
    assert_eq!(
        names(&guest, "/"),
        [
            "bin",
            "data",
            "dev",
            "etc",
            "home",
            "lib",
            "proc",
            "root",
            "run",
            "sbin",
            "tmp",
            "usr",
            "var",
            "workspace"
        ]
    );
    assert_eq!(text(&guest, "/data/f"), "given");
    assert!(text(&guest, "/etc/passwd").starts_with("root:"));
    let root = seen(&machine, &fs);
    assert_eq!(
        names(&root, "/var/seen"),
        ["data", "etc", "home", "root", "workspace"]
    );
    assert_eq!(guest.stat(b"/root").unwrap().uid, 1000);
}

#[test]
fn what_is_made_is_made_in_what_is_given() {
    let (machine, fs, guest) = mounted();
    guest.mkdir(b"/made", 0o755).unwrap();
    write_file(&guest, "/made/f", b"x");
    write_file(&guest, "/file", b"y");
    write_file(&guest, "/root/f", b"z");
    write_file(&guest, "/tmp/f", b"the machine's");
    guest.rename(b"/made", b"/moved").unwrap();
    guest.rename(b"/moved/f", b"/root/g").unwrap();
    assert_eq!(guest.rename(b"/tmp/f", b"/root/h"), Err(Errno::EXDEV));
    assert_eq!(guest.mkdir(b"/usr", 0o755), Err(Errno::EEXIST));
    let root = seen(&machine, &fs);
    assert_eq!(text(&root, "/var/seen/file"), "y");
    assert_eq!(text(&root, "/var/seen/root/g"), "x");
    assert_eq!(names(&root, "/var/seen/moved"), Vec::<String>::new());
    guest.rmdir(b"/moved").unwrap();
    guest.unlink(b"/file").unwrap();
    assert_eq!(guest.stat(b"/moved"), Err(Errno::ENOENT));
}

#[test]
fn ways_lead_up_and_down() {
    let (_machine, _fs, guest) = mounted();
    guest.chdir(b"/data").unwrap();
    assert_eq!(guest.getcwd().unwrap(), b"/data");
    guest.chdir(b"..").unwrap();
    assert_eq!(guest.getcwd().unwrap(), b"/");
    assert_eq!(guest.stat(b".").unwrap().ino, guest.stat(b"/").unwrap().ino);
    assert!(guest.stat(b"usr/bin").is_ok());
    assert!(guest.stat(b"data/../usr/bin").is_ok());
    assert!(guest.stat(b"/data/../proc/self").is_ok());
    assert_eq!(guest.realpath(b"data/../data/f").unwrap(), b"/data/f");
    guest.symlink(b"/usr/bin", b"/data/bin").unwrap();
    assert!(guest.stat(b"/data/bin/true").is_ok());
}

#[test]
fn a_listing_of_the_root_goes_on_where_it_stood() {
    let (_machine, _fs, guest) = mounted();
    let flags = OpenFlags::O_RDONLY | OpenFlags::O_DIRECTORY;
    let fd = guest.open(b"/", flags, 0).unwrap();
    let mut listed = Vec::new();
    loop {
        let batch = guest.getdents_up_to(fd, 3).unwrap();
        if batch.is_empty() {
            break;
        }
        listed.extend(batch.into_iter().map(|entry| entry.name));
    }
    listed.sort();
    let all = names(&guest, "/");
    assert_eq!(listed.len(), all.len());
}

#[test]
fn it_stays_when_the_machines_files_are_replaced() {
    let (machine, fs, guest) = mounted();
    write_file(&guest, "/tmp/f", b"the machine's");
    let bytes = machine.kernel.export_filesystem();
    let next = common::machine();
    next.kernel
        .mount_root(fs, "given", MountFlags::empty())
        .unwrap();
    next.kernel.import_filesystem(&bytes).unwrap();
    let guest = next.guest();
    assert_eq!(text(&guest, "/tmp/f"), "the machine's");
    assert_eq!(text(&guest, "/data/f"), "given");
    assert!(text(&guest, "/proc/mounts").contains("given / tmpfs"));
}
