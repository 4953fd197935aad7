//! Where names lead: what a patch names must stay inside the folder that is patched.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path};

/// More symbolic links than this are a loop, as for the kernel.
const MOST_LINKS: usize = 40;

/// Whether the folder of a file is outside of the current one: by its name, or by a symbolic link on the way.
pub fn leads_out(path: &Path) -> bool {
    let Some(parent) = path.parent() else {
        return true;
    };
    let mut inside: Vec<OsString> = Vec::new();
    let mut left: VecDeque<OsString> = components(parent).into();
    let mut links = 0;
    while let Some(part) = left.pop_front() {
        if part == "." {
            continue;
        }
        if part == ".." {
            if inside.pop().is_none() {
                return true;
            }
            continue;
        }
        if part == "/" {
            return true;
        }
        inside.push(part);
        let here: std::path::PathBuf = inside.iter().collect();
        let is_link = secure_exec_sys::path::lstat(&here).is_ok_and(|found| found.is_symlink());
        if !is_link {
            continue;
        }
        links += 1;
        let Ok(target) = std::fs::read_link(&here) else {
            return true;
        };
        if links > MOST_LINKS {
            return true;
        }
        inside.pop();
        for part in components(&target).into_iter().rev() {
            left.push_front(part);
        }
    }
    false
}

fn components(path: &Path) -> Vec<OsString> {
    let names = path.components().map(|component| match component {
        Component::RootDir | Component::Prefix(_) => "/".into(),
        Component::CurDir => ".".into(),
        Component::ParentDir => "..".into(),
        Component::Normal(name) => name.to_owned(),
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_are_told_from_others() {
        for name in ["../x", "/tmp/x", "a/../../x", "a/b/../../../x"] {
            assert!(leads_out(Path::new(name)), "{name}");
        }
        for name in ["x", "./x", "a/../x", "a/b/x"] {
            assert!(!leads_out(Path::new(name)), "{name}");
        }
    }
}
