//! Path resolution against a model: a tree of names, and POSIX's rules over it.

use std::collections::BTreeMap;
use std::time::Duration;

use secure_exec_kernel::{AT_FDCWD, Errno, Limits, Process};

use super::machine::{boot, command};
use crate::{Input, Target};

pub const TARGET: Target = Target {
    name: "path-walk",
    about: "realpath over random trees of directories, files and links, against a model of POSIX's rules",
    longest: 500,
    most_cpu: Duration::from_secs(1),
    run,
};

/// Links that may be followed on one walk.
const MOST_LINKS: usize = 40;
const LONGEST_PATH: usize = 4096;
const LONGEST_NAME: usize = 255;
const HOME: &str = "/home/user";
const NAMES: &[&str] = &["a", "b", "c", "d", "e"];

/// What a path of the model names, by its absolute path without links.
type Tree = BTreeMap<String, Node>;

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Directory,
    File,
    Link(String),
}

fn run(input: &mut Input<'_>) -> Result<(), String> {
    let (kernel, _) = boot(Limits::default())?;
    let guest = kernel
        .spawn(command())
        .map_err(|errno| format!("no guest: {errno:?}"))?;
    let mut tree = Tree::new();
    for directory in ["/", "/home", HOME] {
        tree.insert(directory.into(), Node::Directory);
    }
    for _ in 0..input.below(24) {
        grow(input, &guest, &mut tree)?;
    }
    for _ in 0..8 {
        let path = random_path(input);
        let expected = resolve(&tree, &path);
        let found = guest
            .realpath(path.as_bytes())
            .map(|path| String::from_utf8_lossy(&path).into_owned());
        input.note(|| format!("{} -> {found:?}", shortened(&path)));
        if found != expected {
            return Err(format!(
                "realpath differs: {} gives {found:?}, expected {expected:?}",
                shortened(&path)
            ));
        }
    }
    guest.exit(0);
    Ok(())
}

fn shortened(path: &str) -> String {
    path.chars().take(120).collect()
}

/// Makes something new.
fn grow(input: &mut Input<'_>, guest: &Process, tree: &mut Tree) -> Result<(), String> {
    let directories: Vec<String> = tree
        .iter()
        .filter(|(path, node)| path.starts_with(HOME) && **node == Node::Directory)
        .map(|(path, _)| path.clone())
        .collect();
    let parent = input.pick_of(&directories.iter().collect::<Vec<_>>());
    let path = format!("{parent}/{}", input.pick(NAMES));
    if tree.contains_key(&path) {
        return Ok(());
    }
    let (node, made) = match input.below(5) {
        0 => (Node::File, guest.mknodat(AT_FDCWD, path.as_bytes(), 0o644)),
        1 | 2 => (Node::Directory, guest.mkdir(path.as_bytes(), 0o755)),
        _ => {
            let target = random_path(input);
            if target.is_empty() || target.len() >= LONGEST_PATH {
                return Ok(());
            }
            let made = guest.symlink(target.as_bytes(), path.as_bytes());
            (Node::Link(target), made)
        }
    };
    made.map_err(|errno| format!("{path} is not made: {errno:?}"))?;
    input.note(|| format!("{path}: {node:?}"));
    tree.insert(path, node);
    Ok(())
}

fn random_path(input: &mut Input<'_>) -> String {
    let mut path = String::new();
    match input.below(6) {
        0 => path.push_str("/home/user/"),
        1 => path.push('/'),
        _ => {}
    }
    for _ in 0..input.below(7) {
        let part = match input.below(16) {
            0 => ".".into(),
            1 | 2 => "..".into(),
            3 => String::new(),
            4 if input.once_in(8) => "n".repeat(input.pick_of(&[LONGEST_NAME, LONGEST_NAME + 1])),
            5 if input.once_in(8) => "./".repeat(input.pick_of(&[2040, 2047, 2048, 2049])),
            _ => input.pick(NAMES).to_owned(),
        };
        path.push_str(&part);
        if !input.once_in(5) {
            path.push('/');
        } else if input.once_in(2) {
            break;
        } else {
            path.push_str("//");
        }
    }
    path
}

/// Follows path_resolution(7).
fn resolve(tree: &Tree, path: &str) -> Result<String, Errno> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    if path.len() >= LONGEST_PATH {
        return Err(Errno::ENAMETOOLONG);
    }
    let mut at: Vec<String> = HOME.split('/').skip(1).map(String::from).collect();
    let mut links = 0;
    let mut rest = parts(path);
    if path.starts_with('/') {
        at.clear();
    }
    while let Some((name, directory)) = rest.pop() {
        match name.as_str() {
            "." => {}
            ".." => {
                at.pop();
            }
            _ if name.len() > LONGEST_NAME => return Err(Errno::ENAMETOOLONG),
            _ => {
                at.push(name);
                match tree.get(&joined(&at)) {
                    None => return Err(Errno::ENOENT),
                    Some(Node::Link(target)) => {
                        links += 1;
                        if links > MOST_LINKS {
                            return Err(Errno::ELOOP);
                        }
                        at.pop();
                        if target.starts_with('/') {
                            at.clear();
                        }
                        let mut followed = parts(target);
                        if directory && let Some((_, last)) = followed.first_mut() {
                            *last = true;
                        }
                        rest.append(&mut followed);
                    }
                    Some(Node::File) if directory => return Err(Errno::ENOTDIR),
                    Some(_) => {}
                }
            }
        }
    }
    Ok(joined(&at))
}

fn joined(at: &[String]) -> String {
    format!("/{}", at.join("/"))
}

/// The names of a path, the last one first, each with whether it has to be a directory.
fn parts(path: &str) -> Vec<(String, bool)> {
    let mut rest = path.trim_start_matches('/');
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('/')
            .map_or((rest, None), |(name, after)| (name, Some(after)));
        parts.push((name.to_owned(), after.is_some()));
        rest = after.unwrap_or_default().trim_start_matches('/');
    }
    parts.reverse();
    parts
}
