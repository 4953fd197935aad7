//! The tree that a Linux program expects (`hier(7)`).

use super::devfs::Devfs;
use super::devpts::Devpts;
use super::procfs::{ProcSource, Procfs};
use crate::abi::fcntl::OpenFlags;
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::random::RandomSource;
use crate::tty::TtyTable;
use crate::vfs::{
    At, FileSystem, LastLink, Mount, MountFlags, NewInodeKind, OpenRequest, SetAttributes, USER_ID,
    Vfs,
};
use std::sync::{Arc, Weak};

/// Directories: path, permissions, owner.
const DIRECTORIES: &[(&str, u32, u32)] = &[
    ("/dev", 0o755, 0),
    ("/etc", 0o755, 0),
    ("/home", 0o755, 0),
    ("/home/user", 0o755, USER_ID),
    ("/mnt", 0o755, 0),
    ("/opt", 0o755, 0),
    ("/proc", 0o555, 0),
    ("/root", 0o700, 0),
    ("/run", 0o755, 0),
    ("/srv", 0o755, 0),
    ("/tmp", 0o1777, 0),
    ("/usr", 0o755, 0),
    ("/usr/bin", 0o755, 0),
    ("/usr/lib", 0o755, 0),
    ("/usr/local", 0o755, 0),
    ("/usr/local/bin", 0o755, 0),
    ("/usr/local/lib", 0o755, 0),
    ("/usr/sbin", 0o755, 0),
    ("/usr/share", 0o755, 0),
    ("/var", 0o755, 0),
    ("/var/log", 0o755, 0),
    ("/var/tmp", 0o1777, 0),
    ("/workspace", 0o755, USER_ID),
];

const SYMLINKS: &[(&str, &str)] = &[
    ("/bin", "usr/bin"),
    ("/lib", "usr/lib"),
    ("/sbin", "usr/sbin"),
    ("/var/run", "/run"),
    ("/etc/mtab", "../proc/self/mounts"),
];

const FILES: &[(&str, &str)] = &[
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    (
        "/etc/group",
        // The numbers are Debian's: archives from there have these names.
        "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nmail:x:8:\n\
         users:x:100:\nuser:x:1000:\nnogroup:x:65534:\n",
    ),
    ("/etc/resolv.conf", "nameserver 127.0.0.1\n"),
    (
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\n",
    ),
    ("/etc/shells", "/bin/sh\n/bin/bash\n"),
    (
        "/etc/profile",
        "# Read by login shells.\nexport PATH=\"${PATH:-/usr/local/bin:/usr/bin:/bin}\"\n\
         if [ -d /etc/profile.d ]; then\n  for script in /etc/profile.d/*.sh; do\n\
         \x20   [ -r \"$script\" ] && . \"$script\"\n  done\n  unset script\nfi\n",
    ),
    ("/etc/protocols", include_str!("etc/protocols")),
    ("/etc/services", include_str!("etc/services")),
    (
        "/usr/lib/os-release",
        "NAME=\"secure-exec\"\nID=secure-exec\nID_LIKE=linux\nPRETTY_NAME=\"secure-exec\"\nVERSION_ID=\"1\"\n",
    ),
];

/// What a tree is made of.
pub(crate) struct Ground<'a> {
    pub vfs: &'a Vfs,
    /// Root's view of the tree.
    pub at: &'a At,
    pub hostname: &'a str,
    pub random: &'a Arc<dyn RandomSource>,
    pub ttys: &'a Arc<TtyTable>,
    /// What `/proc` shows.
    pub processes: Weak<dyn ProcSource>,
}

/// Fills an empty root.
pub(crate) fn populate(ground: Ground<'_>) -> Result<()> {
    let Ground {
        vfs, at, hostname, ..
    } = ground;
    for (path, mode, owner) in DIRECTORIES {
        vfs.make(at, path.as_bytes(), NewInodeKind::Directory, *mode)?;
        if *owner != 0 {
            let change = SetAttributes {
                uid: Some(*owner),
                gid: Some(*owner),
                ..SetAttributes::default()
            };
            at.find(path.as_bytes(), LastLink::Follow)?
                .inode
                .set_attributes(&change)?;
        }
    }
    for (path, target) in SYMLINKS {
        vfs.make(
            at,
            path.as_bytes(),
            NewInodeKind::Symlink(target.as_bytes()),
            0o777,
        )?;
    }
    for (path, contents) in FILES {
        write_file(vfs, at, path.as_bytes(), contents.as_bytes(), 0o644)?;
    }
    vfs.make(
        at,
        b"/etc/os-release",
        NewInodeKind::Symlink(b"../usr/lib/os-release"),
        0o777,
    )?;
    let hosts = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t{hostname}\n"
    );
    write_file(vfs, at, b"/etc/hosts", hosts.as_bytes(), 0o644)?;
    write_file(
        vfs,
        at,
        b"/etc/hostname",
        format!("{hostname}\n").as_bytes(),
        0o644,
    )?;
    mount_all(ground)
}

fn mount_all(ground: Ground<'_>) -> Result<()> {
    let Ground { at, ttys, .. } = ground;
    let now = ground.vfs.clock.realtime();
    let devices = Devfs::new(ground.random.clone(), ttys.clone(), now);
    mount(at, b"/dev", devices, "devtmpfs")?;
    mount(at, b"/dev/pts", Devpts::new(ttys.clone(), now), "devpts")?;
    mount(at, b"/proc", Procfs::new(ground.processes), "proc")
}

fn mount(at: &At, path: &[u8], fs: Arc<dyn FileSystem>, source: &str) -> Result<()> {
    let dir = at.find(path, LastLink::Follow)?;
    Mount::attach(&dir, fs, source, MountFlags::MS_NOSUID).map(drop)
}

/// Writes a file as root, replacing what it held.
pub(crate) fn write_file(
    vfs: &Vfs,
    at: &At,
    path: &[u8],
    contents: &[u8],
    mode: u32,
) -> Result<()> {
    let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
    let file = vfs.open(at, path, OpenRequest { flags, mode })?;
    if file.kind() != FileKind::Regular {
        return Err(Errno::EINVAL);
    }
    let mut rest = contents;
    while !rest.is_empty() {
        let count = file.write(rest)?;
        rest = &rest[count..];
    }
    Ok(())
}
