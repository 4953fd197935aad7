//! Files without a machine.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use secure_exec_kernel::*;
use std::sync::Arc;

fn tree() -> FileTree {
    FileTree::new(&Limits::default(), Arc::new(VirtualClock::new())).unwrap()
}

fn write(tree: &FileTree, path: &str, contents: &[u8]) {
    let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
    let file = tree.open(path.as_bytes(), flags, 0o644).unwrap();
    assert_eq!(file.pwrite(contents, 0), Ok(contents.len()));
}

#[test]
fn paths_are_walked_as_in_a_machine() {
    let tree = tree();
    tree.mkdir_all(b"/a/b/c", 0o755).unwrap();
    tree.mkdir_all(b"/a/b/c/", 0o755).unwrap();
    write(&tree, "/a/f", b"data");
    tree.symlink(b"../f", b"/a/b/l").unwrap();
    tree.symlink(b"/loop", b"/loop").unwrap();
    assert_eq!(tree.stat(b"/a/b/l", Links::Follow).unwrap().size, 4);
    assert_eq!(tree.stat(b"/a/b/l", Links::Keep).unwrap().size, 4);
    assert_eq!(tree.read_link(b"/a/b/l").unwrap(), b"../f");
    assert_eq!(tree.realpath(b"/a/b/../b/l").unwrap(), b"/a/f");
    assert_eq!(tree.realpath(b"/../..").unwrap(), b"/");
    assert_eq!(tree.stat(b"/loop", Links::Follow), Err(Errno::ELOOP));
    assert_eq!(tree.mkdir(b"/x/y", 0o755), Err(Errno::ENOENT));
    assert_eq!(tree.mkdir_all(b"/a/f/y", 0o755), Err(Errno::ENOTDIR));
    assert_eq!(tree.mkdir_all(b"/a/f", 0o755), Err(Errno::EEXIST));
    assert_eq!(tree.rmdir(b"/a"), Err(Errno::ENOTEMPTY));
    assert_eq!(tree.rmdir(b"/"), Err(Errno::EBUSY));
    tree.link(b"/a/f", b"/g").unwrap();
    tree.rename(b"/a", b"/z", RenameFlags::empty()).unwrap();
    assert_eq!(tree.stat(b"/g", Links::Keep).unwrap().nlink, 2);
    tree.remove_tree(b"/z").unwrap();
    let names = tree.read_dir(b"/").unwrap().into_iter();
    let mut names: Vec<_> = names.map(|entry| entry.name).collect();
    names.sort();
    assert_eq!(names, [b"g".to_vec(), b"loop".to_vec()]);
}

#[test]
fn limits_hold_and_are_noted() {
    let limits = Limits {
        max_filesystem_bytes: 8192,
        max_inodes: 3,
        ..Limits::default()
    };
    let tree = FileTree::new(&limits, Arc::new(VirtualClock::new())).unwrap();
    write(&tree, "/a", b"");
    let file = tree.open(b"/a", OpenFlags::O_RDWR, 0).unwrap();
    assert_eq!(file.pwrite(&[1; 9000], 0), Ok(8192));
    assert_eq!(tree.append(&file, b"x"), Err(Errno::ENOSPC));
    tree.set_size(&file, 1).unwrap();
    assert_eq!(tree.append(&file, b"x"), Ok((1, 2)));
    tree.mkdir(b"/b", 0o755).unwrap();
    assert_eq!(tree.mkdir(b"/c", 0o755), Err(Errno::ENOSPC));
    let breaches: Vec<_> = tree
        .take_limit_breaches()
        .into_iter()
        .map(|breach| breach.limit)
        .collect();
    assert_eq!(breaches, ["maxFilesystemBytes", "maxInodeCount"]);
}

#[test]
fn a_directory_is_listed_in_pieces_with_what_is_there() {
    let tree = tree();
    for index in 0..5 {
        write(&tree, &format!("/f{index}"), &vec![0; index]);
    }
    let mut position = 0;
    let mut sizes = Vec::new();
    loop {
        let piece = tree.read_dir_from(b"/", position, 2).unwrap();
        let Some((_, next, _)) = piece.last() else {
            break;
        };
        position = *next;
        sizes.extend(piece.iter().map(|(_, _, stat)| stat.size));
    }
    assert_eq!(sizes, [0, 1, 2, 3, 4]);
}
