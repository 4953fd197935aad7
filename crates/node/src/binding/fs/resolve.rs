//! What the module loaders leave to native code: `legacyMainResolve`, `getFormatOfExtensionlessFile`. Follows Node's
//! `src/node_file.cc`.

use super::arguments;
use super::open::open_file;
use super::permitted::{Read, thrown};
use crate::binding::modules;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::exception::{self, ErrorKind};
use crate::js::permission;

/// Suffixes of `main` in the order in which they are tried, then of the package's own index.
const MAIN_SUFFIXES: [&str; 7] = [
    "",
    ".js",
    ".json",
    ".node",
    "/index.js",
    "/index.json",
    "/index.node",
];
const INDEX_NAMES: [&str; 3] = ["index.js", "index.json", "index.node"];

/// `getFormatOfExtensionlessFile(path)`: 1 for WebAssembly, 0 otherwise.
pub fn get_format_of_extensionless_file(scope: Scope, args: Args, mut rv: Return) {
    let Ok(path) = arguments::path(scope, args.get(0)) else {
        return;
    };
    if thrown(scope, &args, &[(0, Read)]) {
        return;
    }
    rv.set_int32(i32::from(is_wasm(&Env::of(scope), &path)));
}

fn is_wasm(env: &Env, path: &[u8]) -> bool {
    let Ok(fd) = open_file(env, path, 0, 0) else {
        return false;
    };
    let process = env.process();
    let mut magic = [0; 4];
    let read = process.pread(fd, &mut magic, 0);
    // Whether closing fails makes no difference to the answer.
    let _closed = process.close(fd);
    read == Ok(4) && &magic == b"\0asm"
}

/// `legacyMainResolve(packagePath, main, base)`: which of the names is a file.
pub fn legacy_main_resolve(scope: Scope, args: Args, mut rv: Return) {
    let Ok(package) = arguments::path(scope, args.get(0)) else {
        return;
    };
    let process = Env::of(scope).process();
    let directory = if package.ends_with(b"/") {
        package
    } else {
        [package.as_slice(), b"/"].concat()
    };
    let is_file = |scope: &mut v8::PinScope<'_, '_>, path: &[u8]| {
        permission::require(scope, Read, path)
            .then(|| process.stat(path).is_ok_and(|stat| !stat.is_dir()))
    };
    let mut missing = [directory.as_slice(), b"index.js"].concat();
    if args.get(1).is_string() {
        let main = crate::js::convert::text(scope, args.get(1));
        let base = resolve(&directory, main.as_bytes());
        for (index, suffix) in MAIN_SUFFIXES.iter().enumerate() {
            let candidate = [base.as_slice(), suffix.as_bytes()].concat();
            match is_file(scope, &candidate) {
                Some(true) => return rv.set_int32(i32::try_from(index).unwrap_or(0)),
                Some(false) => {}
                None => return,
            }
        }
        missing = base;
    }
    for (index, name) in INDEX_NAMES.iter().enumerate() {
        let candidate = [directory.as_slice(), name.as_bytes()].concat();
        let found = MAIN_SUFFIXES.len() + index;
        match is_file(scope, &candidate) {
            Some(true) => return rv.set_int32(i32::try_from(found).unwrap_or(0)),
            Some(false) => {}
            None => return,
        }
    }
    if !args.get(2).is_string() {
        let message = "The \"base\" argument must be of type string or an instance of URL.";
        exception::throw_invalid_argument(scope, message);
        return;
    }
    let base = crate::js::convert::text(scope, args.get(2));
    let Some(base) = modules::file_url_to_path(&base) else {
        modules::throw_invalid_url(scope, &base);
        return;
    };
    let message = format!(
        "Cannot find package '{}' imported from {}",
        String::from_utf8_lossy(&missing),
        String::from_utf8_lossy(&base)
    );
    exception::throw(scope, ErrorKind::Error, "ERR_MODULE_NOT_FOUND", &message);
}

/// `name` below `directory`, without `.` and `..`.
fn resolve(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let joined = if name.starts_with(b"/") {
        name.to_vec()
    } else {
        [directory, name].concat()
    };
    for part in joined.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    [b"/", parts.join(&b"/"[..]).as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn main_is_resolved_below_the_package() {
        assert_eq!(resolve(b"/a/b/", b"./lib/../x"), b"/a/b/x");
        assert_eq!(resolve(b"/a/", b"../../.."), b"/");
    }
}
