//! Paths: walking, links, permissions, the working directory, special file systems.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;
use std::sync::Arc;

#[test]
fn root_has_what_a_program_expects() {
    let machine = machine();
    let guest = machine.guest();
    let names: Vec<String> = guest
        .read_dir(b"/")
        .unwrap()
        .into_iter()
        .map(|e| String::from_utf8(e.name).unwrap())
        .collect();
    for name in [
        "bin",
        "dev",
        "etc",
        "home",
        "proc",
        "root",
        "tmp",
        "usr",
        "var",
        "workspace",
    ] {
        assert!(names.iter().any(|found| found == name), "{name}");
    }
    assert_eq!(guest.stat(b"/tmp").unwrap().mode, 0o041_777);
    assert_eq!(guest.stat(b"/workspace").unwrap().uid, 1000);
    assert_eq!(guest.realpath(b"/bin/true").unwrap(), b"/usr/bin/true");
    assert!(text(&guest, "/etc/passwd").contains("user:x:1000:1000:user:/home/user:/bin/sh"));
    assert!(text(&guest, "/etc/hosts").contains("127.0.0.1\tlocalhost"));
    assert!(text(&guest, "/etc/os-release").contains("ID="));
    assert!(text(&guest, "/etc/group").contains("\nsys:x:3:\n"));
    assert_eq!(text(&guest, "/etc/hostname"), "secure-exec\n");
}

#[test]
fn odd_paths_stay_inside_and_get_posix_errors() {
    let machine = machine();
    let guest = machine.guest();
    assert_eq!(
        text(&guest, "../../../../../../etc/hostname"),
        "secure-exec\n"
    );
    assert_eq!(
        text(&guest, "/.././/etc/./../etc///hostname"),
        "secure-exec\n"
    );
    assert_eq!(guest.stat(b""), Err(Errno::ENOENT));
    assert_eq!(guest.stat(b"a\0b"), Err(Errno::EINVAL));
    assert_eq!(guest.stat(&[b'x'; 5_000]), Err(Errno::ENAMETOOLONG));
    assert_eq!(guest.stat(&[b'x'; 256]), Err(Errno::ENAMETOOLONG));
    assert_eq!(guest.stat(&[b'x'; 255]), Err(Errno::ENOENT));
    assert_eq!(guest.stat(b"/etc/passwd/"), Err(Errno::ENOTDIR));
    assert_eq!(guest.stat(b"%2e%2e/etc"), Err(Errno::ENOENT));
    assert_eq!(guest.stat(b"/etc/passwd/../hostname"), Err(Errno::ENOTDIR));
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "l0", b"end");
    for index in 1..=41 {
        guest
            .symlink(
                format!("l{}", index - 1).as_bytes(),
                format!("l{index}").as_bytes(),
            )
            .unwrap();
    }
    assert_eq!(read_file(&guest, "l40"), b"end");
    assert_eq!(guest.stat(b"l41"), Err(Errno::ELOOP));
    guest.symlink(b"self", b"self").unwrap();
    assert_eq!(guest.stat(b"self"), Err(Errno::ELOOP));
    assert!(guest.lstat(b"self").unwrap().is_symlink());
}

#[test]
fn permissions_hold_for_users_and_not_for_root() {
    let machine = machine();
    let guest = machine.guest();
    let root = machine.kernel.init();
    assert_eq!(guest.mkdir(b"/etc/x", 0o755), Err(Errno::EACCES));
    assert_eq!(guest.unlink(b"/etc/passwd"), Err(Errno::EACCES));
    assert_eq!(
        guest.open(b"/etc/passwd", OpenFlags::O_RDWR, 0),
        Err(Errno::EACCES)
    );
    assert_eq!(guest.read_dir(b"/root"), Err(Errno::EACCES));
    assert_eq!(guest.chmod(b"/etc", 0o777), Err(Errno::EPERM));
    assert_eq!(guest.chown(b"/etc", 1000, 1000), Err(Errno::EPERM));
    write_file(&guest, "secret", b"x");
    guest.chmod(b"secret", 0).unwrap();
    assert_eq!(guest.access(b"secret", 4), Err(Errno::EACCES));
    assert_eq!(
        guest.open(b"secret", OpenFlags::O_RDONLY, 0),
        Err(Errno::EACCES)
    );
    assert_eq!(read_file(&root, "/home/user/secret"), b"x");
    assert_eq!(root.access(b"/home/user/secret", 1), Err(Errno::EACCES));
    root.mkdir(b"/etc/x", 0o755).unwrap();
    root.chown(b"/etc/x", 1000, u32::MAX).unwrap();
    write_file(&guest, "/etc/x/mine", b"");
}

#[test]
fn sticky_directory_protects_names_of_others() {
    let machine = machine();
    let guest = machine.guest();
    let root = machine.kernel.init();
    write_file(&root, "/tmp/roots", b"");
    assert_eq!(guest.unlink(b"/tmp/roots"), Err(Errno::EPERM));
    write_file(&guest, "/tmp/mine", b"");
    assert_eq!(guest.rename(b"/tmp/mine", b"/tmp/roots"), Err(Errno::EPERM));
    guest.unlink(b"/tmp/mine").unwrap();
    root.unlink(b"/tmp/roots").unwrap();
}

#[test]
fn getcwd_follows_renames_and_notices_removal() {
    let machine = machine();
    let guest = machine.guest();
    guest.mkdir(b"a", 0o755).unwrap();
    guest.mkdir(b"a/b", 0o755).unwrap();
    guest.chdir(b"a/b").unwrap();
    assert_eq!(guest.getcwd().unwrap(), b"/home/user/a/b");
    guest.rename(b"/home/user/a", b"/home/user/c").unwrap();
    assert_eq!(guest.getcwd().unwrap(), b"/home/user/c/b");
    guest.rmdir(b"/home/user/c/b").unwrap();
    assert_eq!(guest.getcwd(), Err(Errno::ENOENT));
    assert_eq!(
        guest.open(b"new", OpenFlags::O_CREAT | OpenFlags::O_RDWR, 0o600),
        Err(Errno::ENOENT)
    );
    guest.chdir(b"..").unwrap();
    assert_eq!(guest.getcwd().unwrap(), b"/home/user/c");
}

#[test]
fn descriptors_serve_as_bases() {
    let machine = machine();
    let guest = machine.guest();
    guest.mkdir(b"d", 0o755).unwrap();
    let dir = guest
        .open(b"d", OpenFlags::O_PATH | OpenFlags::O_DIRECTORY, 0)
        .unwrap();
    guest.mkdirat(dir, b"sub", 0o700).unwrap();
    assert!(
        guest
            .fstatat(dir, b"sub", AtFlags::empty())
            .unwrap()
            .is_dir()
    );
    assert_eq!(guest.getdents(dir), Err(Errno::EBADF));
    guest.fchdir(dir).unwrap();
    assert_eq!(guest.getcwd().unwrap(), b"/home/user/d");
    let file = guest
        .open(b"f", OpenFlags::O_CREAT | OpenFlags::O_RDWR, 0o600)
        .unwrap();
    assert_eq!(guest.mkdirat(file, b"x", 0o700), Err(Errno::ENOTDIR));
    assert_eq!(
        guest
            .fstatat(file, b"", AtFlags::AT_EMPTY_PATH)
            .unwrap()
            .mode,
        0o100_600
    );
    assert_eq!(guest.fchdir(file), Err(Errno::ENOTDIR));
    assert_eq!(guest.mkdirat(99, b"x", 0o700), Err(Errno::EBADF));
    assert!(guest.fstatat(99, b"/tmp", AtFlags::empty()).is_ok());
}

#[test]
fn devices_behave() {
    let machine = machine();
    let guest = machine.guest();
    let rw = OpenFlags::O_RDWR;
    let mut buf = [1; 16];
    let null = guest.open(b"/dev/null", rw, 0).unwrap();
    assert_eq!(guest.read(null, &mut buf), Ok(0));
    assert_eq!(guest.write(null, &[0; 999]), Ok(999));
    let zero = guest.open(b"/dev/zero", rw, 0).unwrap();
    assert_eq!(guest.read(zero, &mut buf), Ok(16));
    assert_eq!(buf, [0; 16]);
    let full = guest.open(b"/dev/full", rw, 0).unwrap();
    assert_eq!(guest.write(full, b"x"), Err(Errno::ENOSPC));
    let random = guest.open(b"/dev/urandom", rw, 0).unwrap();
    assert_eq!(guest.read(random, &mut buf), Ok(16));
    assert_ne!(buf, [0; 16]);
    assert_eq!(guest.open(b"/dev/tty", rw, 0), Err(Errno::ENXIO));
    assert_eq!(guest.stat(b"/dev/mem"), Err(Errno::ENOENT));
    assert_eq!(guest.stat(b"/dev/null").unwrap().mode, 0o020_666);
    assert_eq!(guest.stat(b"/dev/null").unwrap().rdev, 0x103);
    assert_eq!(
        guest.open(b"/dev/new", rw | OpenFlags::O_CREAT, 0o600),
        Err(Errno::EACCES)
    );
    assert_eq!(guest.unlink(b"/dev/null"), Err(Errno::EACCES));
    assert_eq!(guest.truncate(b"/dev/null", 0), Err(Errno::EINVAL));
    guest
        .open(
            b"/dev/null",
            rw | OpenFlags::O_CREAT | OpenFlags::O_TRUNC,
            0o600,
        )
        .unwrap();
}

#[test]
fn a_command_has_the_name_of_the_file_that_was_asked_for() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "a-script-of-some-length", b"#!/usr/bin/true -x\n");
    guest.chmod(b"a-script-of-some-length", 0o755).unwrap();
    guest.symlink(b"/usr/bin/true", b"link").unwrap();
    for (file, name) in [
        ("./link", "link\n"),
        ("./a-script-of-some-length", "a-script-of-som\n"),
        ("/usr/bin/true", "true\n"),
    ] {
        let argv = vec![b"whatever".to_vec()];
        guest.execvpe(file.as_bytes(), argv, Vec::new()).unwrap();
        assert_eq!(text(&guest, "/proc/self/comm"), name);
        assert_eq!(guest.readlink(b"/proc/self/exe").unwrap(), b"/usr/bin/true");
    }
}

#[test]
fn proc_shows_the_process_itself_and_nothing_of_the_host() {
    let machine = machine();
    let options = SpawnOptions {
        argv: vec![b"true".to_vec(), b"--flag".to_vec()],
        envp: vec![(b"KEY".to_vec(), b"value".to_vec())],
        ..command()
    };
    let guest = machine.kernel.spawn(options).unwrap();
    let pid = guest.pid().to_string();
    assert_eq!(guest.readlink(b"/proc/self").unwrap(), pid.as_bytes());
    assert_eq!(read_file(&guest, "/proc/self/cmdline"), b"true\0--flag\0");
    assert_eq!(read_file(&guest, "/proc/self/comm"), b"true\n");
    guest.set_title(b"a title that is longer than the arguments");
    assert_eq!(read_file(&guest, "/proc/self/cmdline"), b"a title tha\0");
    assert_eq!(read_file(&guest, "/proc/self/comm"), b"a title that is\n");
    guest.set_title(b"t");
    assert_eq!(read_file(&guest, "/proc/self/cmdline"), b"t\0");
    assert_eq!(read_file(&guest, "/proc/self/environ"), b"KEY=value\0");
    assert_eq!(guest.readlink(b"/proc/self/exe").unwrap(), b"/usr/bin/true");
    assert_eq!(guest.readlink(b"/proc/self/cwd").unwrap(), b"/home/user");
    assert!(text(&guest, "/proc/self/stat").starts_with(&format!("{pid} (t) S 1 ")));
    assert!(text(&guest, "/proc/self/status").contains("Uid:\t1000\t1000\t1000\t1000\n"));
    assert!(text(&guest, "/proc/meminfo").contains("MemTotal:"));
    assert!(text(&guest, "/proc/cpuinfo").contains("processor\t: 0"));
    assert!(text(&guest, "/proc/version").starts_with("Linux version"));
    assert!(text(&guest, "/proc/uptime").starts_with("0.00"));
    assert!(text(&guest, "/proc/filesystems").contains("tmpfs"));
    assert!(text(&guest, "/proc/mounts").contains("devtmpfs /dev devtmpfs"));
    for path in ["/proc/self/maps", "/proc/self/mem", "/sys", "/proc/kcore"] {
        assert_eq!(guest.stat(path.as_bytes()), Err(Errno::ENOENT), "{path}");
    }
    assert_eq!(
        guest.open(b"/proc/1/environ", OpenFlags::O_RDONLY, 0),
        Err(Errno::EACCES)
    );
    assert_eq!(guest.readlink(b"/proc/1/cwd"), Err(Errno::EACCES));
    assert_eq!(guest.mkdir(b"/proc/x", 0o755), Err(Errno::EACCES));
    let names: Vec<_> = guest
        .read_dir(b"/proc")
        .unwrap()
        .into_iter()
        .map(|e| e.name)
        .collect();
    assert!(names.contains(&pid.clone().into_bytes()) && names.contains(&b"self".to_vec()));
}

#[test]
fn proc_fd_links_name_and_reopen_files() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "f", b"data");
    let fd = guest.open(b"f", OpenFlags::O_RDONLY, 0).unwrap();
    assert_eq!(guest.readlink(b"/proc/self/fd/0").unwrap(), b"/home/user/f");
    guest.unlink(b"f").unwrap();
    assert_eq!(
        guest.readlink(b"/dev/fd/0").unwrap(),
        b"/home/user/f (deleted)"
    );
    assert_eq!(read_file(&guest, "/proc/self/fd/0"), b"data");
    assert_eq!(guest.stat(b"/proc/self/fd/7"), Err(Errno::ENOENT));
    let listed = guest.read_dir(b"/proc/self/fd").unwrap();
    assert_eq!(listed.len(), 1);
    guest.close(fd).unwrap();
}

#[test]
fn renames_and_links_across_mounts_are_exdev() {
    let machine = machine();
    let guest = machine.guest();
    write_file(&guest, "f", b"");
    assert_eq!(guest.rename(b"f", b"/dev/f"), Err(Errno::EXDEV));
    assert_eq!(guest.link(b"f", b"/proc/f"), Err(Errno::EXDEV));
    assert_eq!(machine.kernel.init().rmdir(b"/proc"), Err(Errno::EBUSY));
    assert_eq!(
        machine.kernel.init().rename(b"/dev", b"/dev2"),
        Err(Errno::EBUSY)
    );
}

#[test]
fn umask_applies_to_what_is_created() {
    let machine = machine();
    let guest = machine.guest();
    assert_eq!(guest.umask(0o077), 0o022);
    guest.mkdir(b"d", 0o777).unwrap();
    write_file(&guest, "f", b"");
    assert_eq!(guest.stat(b"d").unwrap().mode, 0o040_700);
    assert_eq!(guest.stat(b"f").unwrap().mode, 0o100_600);
}

#[test]
fn statfs_reports_the_quota() {
    let machine = machine();
    let guest = machine.guest();
    let before = guest.statfs(b"/").unwrap();
    assert_eq!(
        (before.bsize, before.blocks, before.files),
        (4096, 16_384, 16_384)
    );
    write_file(&guest, "f", &[0; 8192]);
    let after = guest.statfs(b"/tmp").unwrap();
    assert_eq!(
        (after.bfree, after.ffree),
        (before.bfree - 2, before.ffree - 1)
    );
    let fd = guest.open(b"/proc", OpenFlags::O_RDONLY, 0).unwrap();
    assert_eq!(guest.fstatfs(fd).unwrap().kind, 0x9fa0);
}

#[test]
fn read_only_mount_refuses_every_change() {
    let machine = machine();
    let root = machine.kernel.init();
    let clock = machine.kernel.clock().clone();
    let ledger = std::sync::Arc::default();
    let fs = fs::tmpfs::Tmpfs::new(&Limits::default(), ledger, clock, 77).unwrap();
    root.mkdir(b"/mnt/disk", 0o755).unwrap();
    machine
        .kernel
        .mount(b"/mnt/disk", fs.clone(), "disk", MountFlags::empty())
        .unwrap();
    write_file(&root, "/mnt/disk/f", b"data");
    root.mkdir(b"/mnt/disk/d", 0o777).unwrap();
    machine.kernel.umount(b"/mnt/disk").unwrap();
    assert_eq!(machine.kernel.umount(b"/mnt/disk"), Err(Errno::EINVAL));
    assert_eq!(machine.kernel.umount(b"/"), Err(Errno::EINVAL));
    assert_eq!(root.stat(b"/mnt/disk/f"), Err(Errno::ENOENT));
    machine
        .kernel
        .mount(b"/mnt/disk", fs, "disk", MountFlags::MS_RDONLY)
        .unwrap();
    root.chdir(b"/mnt/disk").unwrap();
    assert_eq!(root.stat(b"f").unwrap().dev, 77);
    assert_eq!(root.getcwd().unwrap(), b"/mnt/disk");
    let write = OpenFlags::O_WRONLY;
    assert_eq!(root.open(b"f", write, 0), Err(Errno::EROFS));
    assert_eq!(root.open(b"f", OpenFlags::O_TRUNC, 0), Err(Errno::EROFS));
    assert_eq!(
        root.open(b"g", write | OpenFlags::O_CREAT, 0o600),
        Err(Errno::EROFS)
    );
    assert_eq!(root.truncate(b"f", 0), Err(Errno::EROFS));
    assert_eq!(root.mkdir(b"e", 0o755), Err(Errno::EROFS));
    assert_eq!(root.mkdir(b"d", 0o755), Err(Errno::EEXIST));
    assert_eq!(root.rmdir(b"d"), Err(Errno::EROFS));
    assert_eq!(root.unlink(b"f"), Err(Errno::EROFS));
    assert_eq!(root.rename(b"f", b"g"), Err(Errno::EROFS));
    assert_eq!(root.link(b"f", b"g"), Err(Errno::EROFS));
    assert_eq!(root.symlink(b"f", b"g"), Err(Errno::EROFS));
    assert_eq!(root.chmod(b"f", 0), Err(Errno::EROFS));
    assert_eq!(root.chown(b"f", 5, 5), Err(Errno::EROFS));
    assert_eq!(
        root.utimensat(AT_FDCWD, b"f", SetTime::Now, SetTime::Now, AtFlags::empty()),
        Err(Errno::EROFS)
    );
    assert_eq!(root.access(b"f", 2), Err(Errno::EROFS));
    assert_eq!(read_file(&root, "f"), b"data");
    assert!(text(&root, "/proc/mounts").contains("disk /mnt/disk tmpfs ro 0 0"));
    assert_eq!(root.rmdir(b"/mnt/disk"), Err(Errno::EBUSY));
}

#[test]
fn file_agent_passes_every_permission_and_makes_what_the_guests_own() {
    let machine = machine();
    let (agent, guest) = (machine.kernel.file_agent(), machine.guest());
    write_file(&agent, "/etc/app.conf", b"port=1");
    agent.mkdir(b"/app", 0o755).unwrap();
    for path in ["/etc/app.conf", "/app"] {
        let stat = guest.stat(path.as_bytes()).unwrap();
        assert_eq!((stat.uid, stat.gid), (1000, 1000), "{path}");
    }
    write_file(&guest, "/app/mine", b"x");
    guest.chmod(b"/app/mine", 0).unwrap();
    assert_eq!(read_file(&agent, "/app/mine"), b"x");
    agent.chown(b"/app/mine", 0, 7).unwrap();
    let stat = guest.stat(b"/app/mine").unwrap();
    assert_eq!((stat.uid, stat.gid), (0, 7));
    agent.rename(b"/app/mine", b"/root/mine").unwrap();
    agent.unlink(b"/root/mine").unwrap();
}

#[test]
fn remove_tree_takes_any_depth_and_leaves_what_links_lead_to() {
    let machine = machine();
    let (agent, guest) = (machine.kernel.file_agent(), machine.guest());
    let before = machine.kernel.resource_counts().inodes;
    guest.mkdir(b"tree", 0o755).unwrap();
    guest.symlink(b"/etc", b"tree/etc").unwrap();
    guest.mknodat(AT_FDCWD, b"tree/fifo", 0o010_600).unwrap();
    guest.chdir(b"tree").unwrap();
    // Far longer as a path than PATH_MAX.
    for _ in 0..3000 {
        write_file(&guest, "file", b"x");
        guest.mkdir(b"deeper-and-deeper", 0o755).unwrap();
        guest.chdir(b"deeper-and-deeper").unwrap();
    }
    guest.chdir(b"/").unwrap();
    agent.remove_tree(b"/home/user/tree").unwrap();
    assert_eq!(guest.stat(b"/home/user/tree"), Err(Errno::ENOENT));
    assert!(guest.stat(b"/etc/passwd").is_ok());
    assert_eq!(machine.kernel.resource_counts().inodes, before);
}

#[test]
fn remove_tree_takes_more_names_than_are_read_at_once() {
    let machine = machine();
    let (agent, guest) = (machine.kernel.file_agent(), machine.guest());
    guest.mkdir(b"/tmp/wide", 0o755).unwrap();
    for index in 0..2500 {
        if index % 5 == 0 {
            guest
                .mkdir(format!("/tmp/wide/{index}").as_bytes(), 0o700)
                .unwrap();
        } else {
            write_file(&guest, &format!("/tmp/wide/{index}"), b"");
        }
    }
    agent.remove_tree(b"/tmp/wide").unwrap();
    assert_eq!(guest.stat(b"/tmp/wide"), Err(Errno::ENOENT));
    assert_eq!(agent.remove_tree(b"/tmp/wide"), Err(Errno::ENOENT));
}

#[test]
fn remove_tree_stops_at_mounts_and_at_the_root() {
    let machine = machine();
    let agent = machine.kernel.file_agent();
    for path in ["/", "/dev", "/proc", "/dev/pts", "/proc/.."] {
        let removed = agent.remove_tree(path.as_bytes());
        assert!(
            matches!(removed, Err(Errno::EBUSY | Errno::ENOTEMPTY)),
            "{path}: {removed:?}"
        );
    }
    assert!(agent.stat(b"/dev/null").is_ok() && agent.stat(b"/etc/passwd").is_ok());
}

#[test]
fn long_links_add_up_to_no_limit_of_a_path() {
    let machine = machine();
    let guest = machine.guest();
    let detour = "./".repeat(2_000);
    write_file(&guest, "end", b"");
    for index in 0..40 {
        let next = if index == 39 {
            "end".into()
        } else {
            format!("l{}", index + 1)
        };
        let target = format!("{detour}{next}");
        guest
            .symlink(target.as_bytes(), format!("l{index}").as_bytes())
            .unwrap();
    }
    guest.stat(b"l0").unwrap();
    guest.symlink(b"l0", b"one-more").unwrap();
    assert_eq!(guest.stat(b"one-more"), Err(Errno::ELOOP));
    // What is left of a path when a link is followed counts for nothing either.
    guest.mkdir(b"d", 0o755).unwrap();
    guest
        .symlink(format!("{detour}d").as_bytes(), b"to-d")
        .unwrap();
    guest
        .symlink(
            format!("{detour}to-d/{}", "./".repeat(40)).as_bytes(),
            b"far",
        )
        .unwrap();
    guest.stat(format!("far/{detour}").as_bytes()).unwrap();
}

#[test]
fn a_file_system_in_use_stays_where_it_is() {
    let machine = machine();
    let root = machine.kernel.init();
    let made = |dev| {
        let clock = machine.kernel.clock().clone();
        fs::tmpfs::Tmpfs::new(&Limits::default(), Arc::default(), clock, dev).unwrap()
    };
    root.mkdir(b"/mnt/disk", 0o777).unwrap();
    let mount = |path: &[u8], dev| {
        let flags = MountFlags::empty();
        machine.kernel.mount(path, made(dev), "disk", flags)
    };
    mount(b"/mnt/disk", 77).unwrap();
    root.chmod(b"/mnt/disk", 0o777).unwrap();
    let umount = || machine.kernel.umount(b"/mnt/disk");
    let guest = machine.guest();
    let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT;
    let fd = guest.open(b"/mnt/disk/f", flags, 0o644).unwrap();
    assert_eq!(umount(), Err(Errno::EBUSY));
    guest.close(fd).unwrap();
    guest.chdir(b"/mnt/disk").unwrap();
    assert_eq!(umount(), Err(Errno::EBUSY));
    guest.chdir(b"/").unwrap();
    root.mkdir(b"/mnt/disk/inner", 0o755).unwrap();
    mount(b"/mnt/disk/inner", 78).unwrap();
    assert_eq!(umount(), Err(Errno::EBUSY));
    machine.kernel.umount(b"/mnt/disk/inner").unwrap();
    let worker = guest.posix_spawn(SpawnOptions {
        cwd: Some(b"/mnt/disk".to_vec()),
        ..command()
    });
    assert_eq!(umount(), Err(Errno::EBUSY));
    machine.kernel.process(worker.unwrap()).unwrap().exit(0);
    umount().unwrap();
}
