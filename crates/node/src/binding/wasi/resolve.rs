//! Paths of an instance as paths of the process (`src/path_resolver.c` of uvwasi).
//!
//! A path is put together with the name of its descriptor and freed of `.` and `..` as a text; what does not begin with
//! that name any more is refused. A symbolic link in the last component is followed here, so that its target is held to
//! the same. Links before it are the kernel's to follow: as in Node, this keeps a program to its directories that means
//! no harm, and files of the process are all that it could reach.

use secure_exec_kernel::{Errno, Process};
use secure_exec_preview1::errno;

use super::error;
use super::memory::Outcome;
use super::table::Entry;

/// Links that a path may lead through.
const MOST_LINKS: usize = 32;

/// A path without `.`, `..` and empty components; `..` stays where nothing is before it.
pub(super) fn normalize(path: &[u8]) -> Vec<u8> {
    let absolute = path.starts_with(b"/");
    let mut out: Vec<u8> = Vec::with_capacity(path.len() + 1);
    let mut components = path.split(|byte| *byte == b'/').peekable();
    while let Some(component) = components.next() {
        match component {
            b"" => {
                if out.is_empty() && absolute && components.peek().is_some() {
                    out.push(b'/');
                }
            }
            b"." => {}
            b".." => step_up(&mut out),
            name => append(&mut out, name),
        }
    }
    if out.is_empty() {
        out.push(if absolute { b'/' } else { b'.' });
    }
    if path.ends_with(b"/") && !out.ends_with(b"/") {
        out.push(b'/');
    }
    out
}

fn append(out: &mut Vec<u8>, component: &[u8]) {
    if !out.is_empty() && !out.ends_with(b"/") {
        out.push(b'/');
    }
    out.extend_from_slice(component);
}

fn step_up(out: &mut Vec<u8>) {
    if out.is_empty() || out == b".." || out.ends_with(b"/..") {
        append(out, b"..");
        return;
    }
    match out.iter().rposition(|byte| *byte == b'/') {
        // The root stays.
        Some(0) => out.truncate(1),
        Some(slash) => out.truncate(slash),
        None => out.clear(),
    }
}

/// Whether a normalized path lies at or below that of a descriptor.
fn within(path: &[u8], directory: &[u8]) -> bool {
    let climbs = |path: &[u8]| path == b".." || path.starts_with(b"../");
    if directory.starts_with(b"/") {
        return path.starts_with(directory);
    }
    if matches!(directory, b"." | b"./") {
        return !climbs(path);
    }
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.len() < 2 || !climbs(rest.strip_prefix(b"/").unwrap_or(rest)))
}

/// The process' path for a normalized one that lies within the descriptor's.
fn to_process(entry: &Entry, path: &[u8]) -> Vec<u8> {
    let skipped = match entry.normalized.as_slice() {
        b"." | b"./" => 0,
        directory => directory.len(),
    };
    let rest = path.get(skipped..).unwrap_or_default();
    let mut resolved = entry.real_path.clone();
    if rest.len() > 1 || (rest.len() == 1 && rest != b"/") {
        if !rest.starts_with(b"/") {
            resolved.push(b'/');
        }
        resolved.extend_from_slice(rest);
    }
    resolved
}

/// What the guest gave, up to the NUL that it may end with.
fn text(path: &[u8]) -> Outcome<&[u8]> {
    let text = path.strip_suffix(b"\0").unwrap_or(path);
    if path.is_empty() || text.contains(&0) {
        return Err(errno::INVAL);
    }
    Ok(text)
}

/// The process' path for one that begins at a descriptor.
///
/// # Errors
/// - `ENOTCAPABLE`: absolute, or leaves the directory.
/// - `EINVAL`: empty, or with a NUL.
/// - `ELOOP`: through too many links.
pub(super) fn resolve(
    process: &Process,
    entry: &Entry,
    path: &[u8],
    follow: bool,
) -> Outcome<Vec<u8>> {
    if path.starts_with(b"/") {
        return Err(errno::NOTCAPABLE);
    }
    let mut input = text(path)?.to_vec();
    for _ in 0..MOST_LINKS {
        let normalized = if input.starts_with(b"/") {
            normalize(&input)
        } else {
            normalize(&[&entry.normalized, b"/".as_slice(), &input].concat())
        };
        if !within(&normalized, &entry.normalized) {
            return Err(errno::NOTCAPABLE);
        }
        let resolved = to_process(entry, &normalized);
        if !follow {
            return Ok(resolved);
        }
        match process.readlink(&resolved) {
            Ok(target) if target.starts_with(b"/") => input = target,
            Ok(target) => input = [&normalized, b"/../".as_slice(), &target].concat(),
            // No link, or nothing there: whoever uses the path finds out.
            Err(Errno::EINVAL | Errno::ENOENT) => return Ok(resolved),
            Err(error) => return Err(error::of(error)),
        }
    }
    Err(errno::LOOP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized_as_uvwasi_does() {
        for (path, expected) in [
            ("", "."),
            ("/", "/"),
            (".", "."),
            ("./", "./"),
            ("./..", ".."),
            ("..", ".."),
            ("../..", "../.."),
            ("a/..", "."),
            ("a/../..", ".."),
            ("/..", "/"),
            ("/../a", "/a"),
            ("//a//b/", "/a/b/"),
            ("a/b/../c/./d", "a/c/d"),
            ("a/../../b", "../b"),
            ("/a/b/../..", "/"),
        ] {
            let normalized = normalize(path.as_bytes());
            assert_eq!(String::from_utf8_lossy(&normalized), expected, "{path}");
        }
    }

    #[test]
    fn what_leaves_the_directory_is_not_within() {
        for (path, directory, expected) in [
            ("/sandbox/a", "/sandbox", true),
            ("/", "/sandbox", false),
            ("a", ".", true),
            ("..", ".", false),
            ("../a", "./", false),
            ("..a", ".", true),
            ("dir/a", "dir", true),
            ("dir/../a", "dir", false),
            ("other", "dir", false),
        ] {
            assert_eq!(
                within(path.as_bytes(), directory.as_bytes()),
                expected,
                "{path}"
            );
        }
    }
}
