//! Node's permission model: what a program asked to be kept from (`--permission`). Follows Node's `src/permission/`.
//!
//! It comes on top of what the machine lets a program do, and takes only away.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Options;

/// What the model has a say in (`PermissionScope`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Access {
    /// Reading and writing of all files.
    FileSystem,
    /// Reading files.
    FileSystemRead,
    /// Changing files.
    FileSystemWrite,
    /// Starting programs.
    ChildProcess,
    /// Programs of WASI.
    Wasi,
    /// Threads.
    WorkerThreads,
    /// The inspector.
    Inspector,
    /// Native addons.
    Addon,
    /// Keys that OpenSSL's stores hold.
    OpenSslStore,
}

/// Each with the names that an error, `permission.has` and the command line give it.
const NAMES: [(Access, &str, &str, &str); 9] = [
    (Access::FileSystem, "FileSystem", "fs", ""),
    (
        Access::FileSystemRead,
        "FileSystemRead",
        "fs.read",
        "--allow-fs-read",
    ),
    (
        Access::FileSystemWrite,
        "FileSystemWrite",
        "fs.write",
        "--allow-fs-write",
    ),
    (
        Access::ChildProcess,
        "ChildProcess",
        "child",
        "--allow-child-process",
    ),
    (Access::Wasi, "WASI", "wasi", "--allow-wasi"),
    (
        Access::WorkerThreads,
        "WorkerThreads",
        "worker",
        "--allow-worker",
    ),
    (
        Access::Inspector,
        "Inspector",
        "inspector",
        "--allow-inspector",
    ),
    (Access::Addon, "Addon", "addon", "--allow-addons"),
    (
        Access::OpenSslStore,
        "OpenSSLStore",
        "openssl.store",
        "--allow-openssl-store",
    ),
];

impl Access {
    /// By the name that `permission.has` is given.
    #[must_use]
    pub fn from_scope(scope: &str) -> Option<Access> {
        let found = NAMES.iter().find(|(_, _, name, _)| *name == scope);
        found.map(|(access, ..)| *access)
    }

    fn names(self) -> (&'static str, &'static str) {
        let found = NAMES.iter().find(|(access, ..)| *access == self);
        found.map_or(("", ""), |(_, name, _, option)| (name, option))
    }

    /// The property `permission` of an error.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// The option that grants it.
    #[must_use]
    pub fn option(self) -> &'static str {
        self.names().1
    }
}

/// The files that may be read, or changed.
#[derive(Clone, Default, Debug)]
struct Files {
    all: bool,
    /// Whole paths, or with a `*` at the end all that begin alike.
    granted: BTreeSet<Vec<u8>>,
}

impl Files {
    fn grant(&mut self, asked: &[&str], place: &Place<'_>) {
        for path in asked {
            if *path == "*" {
                self.all = true;
                return;
            }
            self.granted.insert(place.pattern(path.as_bytes()));
        }
    }

    fn has(&self, path: &[u8]) -> bool {
        self.all || self.granted.iter().any(|pattern| covers(pattern, path))
    }

    fn drop(&mut self, path: Option<Vec<u8>>) {
        match path {
            None => *self = Files::default(),
            // Of everything, a part cannot be given back.
            Some(_) if self.all => {}
            Some(pattern) => {
                self.granted.remove(&pattern);
            }
        }
    }
}

/// Whether a granted path covers another (`FSPermission::RadixTree::Lookup`): nothing behind the first `*` counts, and a
/// folder itself is among what is in it.
fn covers(pattern: &[u8], path: &[u8]) -> bool {
    let Some(star) = pattern.iter().position(|byte| *byte == b'*') else {
        return pattern == path;
    };
    let start = &pattern[..star];
    path.starts_with(start) || start.strip_suffix(b"/") == Some(path)
}

/// Where paths of a program begin, and which of them are folders.
pub struct Place<'a> {
    /// The working directory.
    pub cwd: &'a [u8],
    /// Whether there is a folder at a path.
    pub is_folder: &'a dyn Fn(&[u8]) -> bool,
}

impl Place<'_> {
    /// What granting a path grants: of a folder all that is in it (`WildcardIfDir`).
    fn pattern(&self, path: &[u8]) -> Vec<u8> {
        let mut path = resolve(self.cwd, path);
        if (self.is_folder)(&path) {
            if path.last() != Some(&b'/') {
                path.push(b'/');
            }
            path.push(b'*');
        }
        path
    }
}

/// `path.resolve(cwd, path)`, for bytes.
#[must_use]
pub fn resolve(cwd: &[u8], path: &[u8]) -> Vec<u8> {
    let start = if path.first() == Some(&b'/') {
        b"".as_slice()
    } else {
        cwd
    };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in start
        .split(|b| *b == b'/')
        .chain(path.split(|b| *b == b'/'))
    {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    [b"/".as_slice(), &parts.join(&b'/')].concat()
}

/// What a program with `--permission` may do.
#[derive(Clone, Debug)]
pub struct Permissions {
    read: Files,
    write: Files,
    others: BTreeSet<Access>,
}

impl Permissions {
    /// What the command line grants; nothing where the model is off.
    #[must_use]
    pub fn of(options: &Options, place: &Place<'_>) -> Option<Permissions> {
        if !options.flag("--permission") {
            return None;
        }
        let list = |name: &str| -> Vec<&str> {
            let values = options.get(name).and_then(Value::as_array);
            let values = values.into_iter().flatten();
            values.filter_map(Value::as_str).collect()
        };
        let mut readable = list("--allow-fs-read");
        // What is started may be read.
        if !options.has_eval {
            readable.extend(list("--require"));
            readable.extend(options.script.first().map(String::as_str));
        }
        let mut permissions = Permissions {
            read: Files::default(),
            write: Files::default(),
            others: NAMES
                .iter()
                .filter(|(.., option)| options.flag(option))
                .map(|(access, ..)| *access)
                .collect(),
        };
        permissions.read.grant(&readable, place);
        permissions.write.grant(&list("--allow-fs-write"), place);
        Some(permissions)
    }

    /// Whether something is granted, for files at one path or everywhere (`Permission::is_granted`).
    #[must_use]
    pub fn has(&self, access: Access, path: &[u8], cwd: &[u8]) -> bool {
        let files = match access {
            Access::FileSystem => return self.read.all && self.write.all,
            Access::FileSystemRead => &self.read,
            Access::FileSystemWrite => &self.write,
            _ => return self.others.contains(&access),
        };
        if path.is_empty() {
            return files.all;
        }
        files.all || files.has(&resolve(cwd, path))
    }

    /// Gives something back for good (`Permission::Drop`).
    pub fn drop(&mut self, access: Access, path: &[u8], place: &Place<'_>) {
        let path = || (!path.is_empty()).then(|| place.pattern(path));
        if matches!(access, Access::FileSystem | Access::FileSystemRead) {
            self.read.drop(path());
        }
        if matches!(access, Access::FileSystem | Access::FileSystemWrite) {
            self.write.drop(path());
        }
        self.others.remove(&access);
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Permissions, Place, covers, resolve};
    use crate::options::Options;

    fn place() -> Place<'static> {
        Place {
            cwd: b"/home/me",
            is_folder: &|path| path == b"/tmp" || path == b"/",
        }
    }

    fn permissions(arguments: &[&str]) -> Option<Permissions> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        Permissions::of(&Options::parse(&arguments).unwrap(), &place())
    }

    fn has(permissions: &Permissions, access: Access, path: &str) -> bool {
        permissions.has(access, path.as_bytes(), b"/home/me")
    }

    #[test]
    fn nothing_is_granted_but_what_is_asked_for() {
        assert!(permissions(&["a.js"]).is_none());
        let granted = permissions(&["--permission", "--allow-worker", "a.js"]).unwrap();
        assert!(has(&granted, Access::WorkerThreads, ""));
        assert!(!has(&granted, Access::ChildProcess, ""));
        assert!(has(&granted, Access::FileSystemRead, "a.js"));
        assert!(!has(&granted, Access::FileSystemRead, "b.js"));
        assert!(!has(&granted, Access::FileSystemRead, ""));
    }

    #[test]
    fn a_folder_is_all_that_is_in_it() {
        let granted = permissions(&["--permission", "--allow-fs-write=/tmp", "a.js"]).unwrap();
        for path in ["/tmp", "/tmp/", "/tmp/a/b", "/var/../tmp/a"] {
            assert!(has(&granted, Access::FileSystemWrite, path), "{path}");
        }
        for path in ["/tmpx", "/", "/tmp/../etc", "tmp"] {
            assert!(!has(&granted, Access::FileSystemWrite, path), "{path}");
        }
    }

    #[test]
    fn a_star_ends_a_path() {
        assert!(covers(b"/a/b*", b"/a/bc/d"));
        assert!(covers(b"/a/*/x", b"/a/c"));
        assert!(!covers(b"/a/b*", b"/a/"));
        assert!(!covers(b"/a/b", b"/a/b/c"));
    }

    #[test]
    fn what_was_given_back_is_gone() {
        let words = ["--permission", "--allow-fs-read=/tmp", "--allow-worker"];
        let mut granted = permissions(&[&words[..], &["a.js"]].concat()).unwrap();
        granted.drop(Access::FileSystemRead, b"/tmp", &place());
        assert!(!has(&granted, Access::FileSystemRead, "/tmp/a"));
        assert!(has(&granted, Access::FileSystemRead, "a.js"));
        granted.drop(Access::WorkerThreads, b"", &place());
        assert!(!has(&granted, Access::WorkerThreads, ""));
        let mut granted = permissions(&["--permission", "--allow-fs-read=*", "a.js"]).unwrap();
        granted.drop(Access::FileSystemRead, b"/tmp", &place());
        assert!(has(&granted, Access::FileSystemRead, "/tmp/a"));
        granted.drop(Access::FileSystem, b"", &place());
        assert!(!has(&granted, Access::FileSystemRead, "/tmp/a"));
    }

    #[test]
    fn a_child_has_what_its_parent_has() {
        let child = |arguments: &[&str], inherited: &str| {
            let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
            let mut options = Options::parse(&arguments).unwrap();
            options
                .apply_environment(|name| (name == "NODE_OPTIONS").then(|| inherited.to_owned()));
            assert!(!options.flag("--expose-internals"));
            Permissions::of(&options, &place())
        };
        let inherited = "--expose-internals --permission --allow-fs-read=/tmp --allow-worker";
        let granted = child(&["a.js"], inherited).unwrap();
        assert!(has(&granted, Access::FileSystemRead, "/tmp/a"));
        assert!(!has(&granted, Access::FileSystemRead, "/etc"));
        assert!(has(&granted, Access::WorkerThreads, ""));
        let granted = child(&["--permission", "a.js"], inherited).unwrap();
        assert!(!has(&granted, Access::WorkerThreads, ""));
        assert!(child(&["a.js"], "--allow-worker").is_none());
        assert!(child(&["a.js"], "--permission --allow-wat").is_some());
    }

    #[test]
    fn paths_are_resolved_by_name() {
        assert_eq!(resolve(b"/a/b", b"../c/./d/"), b"/a/c/d");
        assert_eq!(resolve(b"/a", b"/../.."), b"/");
    }
}
