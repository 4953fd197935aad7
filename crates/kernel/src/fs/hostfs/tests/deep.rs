//! Directories in directories, as deep as a path can be.

use super::*;

/// Levels of the tree.
const DEPTH: usize = 1500;

/// The longest path with a directory of one letter at each level has so many.
const DEEPEST: usize = 2040;

fn tree(depth: usize) -> Vec<String> {
    (1..=depth)
        .map(|depth| vec!["d"; depth].join("/"))
        .collect()
}

fn mounted_tree(paths: &[String], flags: MountFlags) -> (Arc<Played>, Arc<Process>, Arc<Kernel>) {
    let tree: Vec<(&str, Node)> = paths
        .iter()
        .map(|path| (path.as_str(), Node::Directory))
        .collect();
    let made = mounted(&tree, flags);
    // A host that has much else to do.
    *made.0.takes.lock() = Duration::from_micros(300);
    made
}

fn guest(path: &str) -> Vec<u8> {
    format!("/mnt/{path}").into_bytes()
}

#[test]
fn a_deep_tree_is_walked_with_a_few_questions_for_each_directory() {
    let paths = tree(DEPTH);
    let (played, user, _kernel) = mounted_tree(&paths, MountFlags::MS_RDONLY);
    // As `find` does.
    for path in &paths {
        assert!(user.stat(&guest(path)).unwrap().is_dir());
        user.read_dir(&guest(path)).unwrap();
    }
    let asked = played.asked().len();
    assert!(asked < 6 * DEPTH, "{asked} questions");
}

#[test]
fn a_deep_tree_is_removed_with_a_few_questions_for_each_directory() {
    let paths = tree(DEPTH);
    let (played, user, _kernel) = mounted_tree(&paths, MountFlags::empty());
    for path in &paths {
        user.read_dir(&guest(path)).unwrap();
    }
    for path in paths.iter().rev() {
        user.stat(&guest(path)).unwrap();
        user.rmdir(&guest(path)).unwrap();
    }
    let asked = played.asked().len();
    assert!(asked < 12 * DEPTH, "{asked} questions");
    assert!(user.read_dir(b"/mnt").unwrap().is_empty());
}

#[test]
fn what_is_found_far_down_is_true_for_some_seconds_at_most() {
    let paths = tree(DEPTH);
    let (played, user, _kernel) = mounted_tree(&paths, MountFlags::MS_RDONLY);
    let deep = format!("{}/x", paths.last().unwrap());
    assert_eq!(user.stat(&guest(&deep)).err(), Some(Errno::ENOENT));
    played.put(&deep, file("x"));
    *played.clock.lock() += Duration::from_secs(6);
    assert!(user.stat(&guest(&deep)).is_ok());
    // Elsewhere it is as ever.
    let shallow = format!("{}/x", paths[14]);
    assert_eq!(user.stat(&guest(&shallow)).err(), Some(Errno::ENOENT));
    played.put(&shallow, file("x"));
    *played.clock.lock() += Duration::from_millis(100);
    assert!(user.stat(&guest(&shallow)).is_ok());
}

#[test]
fn the_deepest_tree_is_let_go_of_on_a_small_stack() {
    let walk = || {
        let paths = tree(DEEPEST);
        let (_, user, kernel) = mounted_tree(&paths, MountFlags::MS_RDONLY);
        for path in &paths {
            user.read_dir(&guest(path)).unwrap();
        }
        drop((user, kernel));
    };
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    thread.spawn(walk).unwrap().join().unwrap();
}
