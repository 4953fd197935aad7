//! Names of files: the whole path of one, as `unixFullPathname` makes it, and names for temporary ones.

use std::collections::VecDeque;

use secure_exec_kernel::Process;

/// More symbolic links than this in one path are a loop.
const MOST_LINKS: usize = 100;

/// Where temporary files may be, in this order.
const TEMPORARY: [&[u8]; 3] = [b"/var/tmp", b"/usr/tmp", b"/tmp"];

/// A path from the root, without symbolic links.
pub(super) struct Full {
    pub path: Vec<u8>,
    /// The path that was asked for had some.
    pub has_symbolic_links: bool,
}

/// The whole path of `path`; none where it has too many links, or there is no directory to start from.
pub(super) fn full(process: &Process, path: &[u8]) -> Option<Full> {
    let mut full = Vec::new();
    let mut links = 0;
    let mut left: VecDeque<Vec<u8>> = VecDeque::new();
    if !path.starts_with(b"/") {
        append(&mut left, &process.working_directory()?);
    }
    append(&mut left, path);
    while let Some(component) = left.pop_front() {
        match component.as_slice() {
            b"" | b"." => continue,
            b".." => {
                let parent = full.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                full.truncate(parent);
                continue;
            }
            _ => {}
        }
        let directory = full.len();
        full.push(b'/');
        full.extend_from_slice(&component);
        // What is no link cannot be read as one, and what is not there is not made yet.
        let Ok(target) = process.readlink(&full) else {
            continue;
        };
        links += 1;
        if links > MOST_LINKS {
            return None;
        }
        full.truncate(if target.starts_with(b"/") {
            0
        } else {
            directory
        });
        let rest = std::mem::take(&mut left);
        append(&mut left, &target);
        left.extend(rest);
    }
    if full.is_empty() {
        full.push(b'/');
    }
    Some(Full {
        path: full,
        has_symbolic_links: links > 0,
    })
}

fn append(components: &mut VecDeque<Vec<u8>>, path: &[u8]) {
    components.extend(path.split(|byte| *byte == b'/').map(<[u8]>::to_vec));
}

/// A name for a file that nobody else has.
pub(super) fn temporary(process: &Process) -> Option<Vec<u8>> {
    let is_directory = |path: &&&[u8]| process.stat(path).is_ok_and(|found| found.is_dir());
    let directory: &[u8] = TEMPORARY
        .iter()
        .find(is_directory)
        .map_or(b".", |path| path);
    let mut number = [0; 8];
    process.kernel().ok()?.random().fill(&mut number);
    let number = format!("/etilqs_{:016x}", u64::from_le_bytes(number));
    Some([directory, number.as_bytes()].concat())
}

/// The database whose journal or write-ahead log this is.
pub(super) fn database_of(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'-');
    end.map_or(path, |end| &path[..end])
}
