//! Where the host's links lead, in the words of a guest.
//!
//! A link is followed by the guest's own kernel. What is told to it leads to something below the mount, or to a directory that
//! the embedder has named; anything else is said to be outside, and nothing of the host's is in it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::backend::Target;
use super::HostDirectoryOptions;

/// Longest text of a link (`limits.h`: PATH_MAX).
const LONGEST: usize = 4096;

type Names<'a> = Vec<&'a [u8]>;

/// What the links of a mount may lead to.
pub(super) struct Links {
    /// The root on the host, as it was named and as it is.
    roots: Vec<Vec<u8>>,
    /// Other directories, and where the guest has them.
    followed: Vec<(Vec<u8>, Vec<u8>)>,
    guest_path: Vec<u8>,
}

impl Links {
    pub(super) fn new(named: &Path, real: &Path, options: &HostDirectoryOptions) -> Links {
        let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
        let mut roots = vec![bytes(real)];
        if named.is_absolute() && named != real {
            roots.push(bytes(named));
        }
        let mut followed = Vec::new();
        for root in &options.follow {
            let guest = root.guest_path.clone().into_bytes();
            if let Ok(real) = root.host_path.canonicalize() {
                followed.push((bytes(&real), guest.clone()));
            }
            followed.push((bytes(&root.host_path), guest));
        }
        Links {
            roots,
            followed,
            guest_path: options.guest_path.clone().into_bytes(),
        }
    }

    /// What a guest is told of a link at `path` with this text.
    pub(super) fn target(&self, path: &[u8], text: &[u8]) -> Target {
        let mut directory = names(path);
        directory.pop();
        let depth = directory.len();
        if !text.starts_with(b"/") {
            if stays(depth, text) {
                return inside(text.to_vec());
            }
            let real = self.roots.first().map_or(&b""[..], Vec::as_slice);
            let mut there = names(real);
            there.extend(directory);
            there.extend(names(text));
            let told = self.place(depth, &normal(there));
            return told.unwrap_or_else(|| outside(text.to_vec()));
        }
        let told = self.place(depth, &normal(names(text)));
        told.unwrap_or_else(|| outside(Vec::new()))
    }

    /// The text of a link that a guest makes at `path`, as the host gets it; None if it leads out of the mount, where it
    /// would lead the host's own programs.
    pub(super) fn for_the_host(&self, path: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let depth = names(path).len().saturating_sub(1);
        if !text.starts_with(b"/") {
            return stays(depth, text).then(|| text.to_vec());
        }
        let rest = rest_below(&normal(names(text)), &self.guest_path)?;
        Some(from_depth(depth, &rest))
    }

    /// How a guest gets to a place of the host's, from a directory of this depth.
    fn place(&self, depth: usize, there: &[&[u8]]) -> Option<Target> {
        let mut roots = self.roots.iter();
        if let Some(rest) = roots.find_map(|root| rest_below(there, root)) {
            return Some(inside(from_depth(depth, &rest)));
        }
        let mut followed = self.followed.iter();
        followed.find_map(|(host, guest)| {
            let rest = rest_below(there, host)?;
            let mut path = guest.clone();
            for name in rest {
                path.push(b'/');
                path.extend_from_slice(name);
            }
            Some(inside(path))
        })
    }
}

/// The text of a link.
pub(super) fn text(link: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0u8; LONGEST];
    // SAFETY: the buffer is valid for its length, and the path is a C string.
    let length = unsafe {
        libc::readlinkat(
            link.as_raw_fd(),
            c"".as_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        )
    };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    buffer.truncate(length);
    Ok(buffer)
}

fn inside(path: Vec<u8>) -> Target {
    Target {
        path,
        outside: false,
    }
}

fn outside(path: Vec<u8>) -> Target {
    Target {
        path,
        outside: true,
    }
}

/// Whether a relative path from a directory of this depth never rises above the root.
fn stays(depth: usize, text: &[u8]) -> bool {
    let mut depth = depth;
    names(text).into_iter().all(|name| {
        if name == b".." {
            let rises = depth.checked_sub(1);
            depth = rises.unwrap_or(0);
            return rises.is_some();
        }
        depth += 1;
        true
    })
}

/// Names of a path, `.` and empty ones left out.
fn names(path: &[u8]) -> Names<'_> {
    let names = path.split(|byte| *byte == b'/');
    names
        .filter(|name| !name.is_empty() && *name != b".")
        .collect()
}

/// Names with `..` resolved.
fn normal<'a>(names: Names<'a>) -> Names<'a> {
    let mut normal: Names<'a> = Vec::new();
    for name in names {
        if name == b".." {
            normal.pop();
        } else {
            normal.push(name);
        }
    }
    normal
}

/// What of a path lies below a directory.
fn rest_below<'a>(path: &[&'a [u8]], directory: &[u8]) -> Option<Names<'a>> {
    let directory = normal(names(directory));
    let rest = path.get(directory.len()..)?;
    let is_below = path.iter().zip(&directory).all(|(one, other)| one == other);
    is_below.then(|| rest.to_vec())
}

/// A relative path that leads up to the root, and down from there.
fn from_depth(depth: usize, rest: &[&[u8]]) -> Vec<u8> {
    let up = std::iter::repeat_n(&b".."[..], depth);
    let parts: Names<'_> = up.chain(rest.iter().copied()).collect();
    if parts.is_empty() {
        return b".".to_vec();
    }
    parts.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::super::FollowedRoot;
    use super::*;

    fn links() -> Links {
        let options = HostDirectoryOptions {
            guest_path: "/work".into(),
            follow: vec![FollowedRoot {
                host_path: "/srv/store".into(),
                guest_path: "/mnt/store".into(),
            }],
            ..HostDirectoryOptions::default()
        };
        Links::new(Path::new("/named"), Path::new("/real/root"), &options)
    }

    #[test]
    fn links_inside_stay_as_they_are() {
        for text in ["b", "../b", "../../b", "./x/../y", "d/../../b"] {
            let target = links().target(b"a/c/link", text.as_bytes());
            assert_eq!(target, inside(text.into()), "{text}");
        }
    }

    #[test]
    fn links_to_the_roots_name_are_relative() {
        let told = |text: &str| links().target(b"a/c/link", text.as_bytes());
        assert_eq!(told("/real/root/x/y"), inside(b"../../x/y".to_vec()));
        assert_eq!(told("/named/./x//y"), inside(b"../../x/y".to_vec()));
        assert_eq!(told("/real/root"), inside(b"../..".to_vec()));
        assert_eq!(told("../../../root/x"), inside(b"../../x".to_vec()));
        let top = links().target(b"link", b"/real/root");
        assert_eq!(top, inside(b".".to_vec()));
    }

    #[test]
    fn links_out_of_the_root_are_outside_unless_they_are_followed() {
        let told = |text: &str| links().target(b"a/link", text.as_bytes());
        assert_eq!(told("../../x"), outside(b"../../x".to_vec()));
        assert_eq!(told("/etc/passwd"), outside(Vec::new()));
        assert_eq!(told("/real/rootless"), outside(Vec::new()));
        assert_eq!(told("/real/root/../x"), outside(Vec::new()));
        assert_eq!(told("/srv/store/a"), inside(b"/mnt/store/a".to_vec()));
        assert_eq!(
            told("../../../srv/store/a"),
            inside(b"/mnt/store/a".to_vec())
        );
        assert_eq!(told("/srv/stores"), outside(Vec::new()));
    }

    #[test]
    fn a_guest_makes_no_link_that_leads_the_host_out() {
        let made = |text: &str| links().for_the_host(b"a/link", text.as_bytes());
        assert_eq!(made("../b"), Some(b"../b".to_vec()));
        assert_eq!(made("/work/b"), Some(b"../b".to_vec()));
        assert_eq!(made("../../b"), None);
        assert_eq!(made("/etc/passwd"), None);
        assert_eq!(made("/works"), None);
    }
}
