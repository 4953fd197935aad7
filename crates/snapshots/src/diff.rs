//! What has changed between two moments.

use std::cmp::Ordering;
use std::io;

use secure_exec_kernel::{ImageContents, ImageFile, ImageKind};

use crate::files::Files;

/// Bytes that are compared at once.
const PIECE: u64 = 1 << 20;

/// How a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Added,
    /// It has other bytes, another target, or is something else.
    Modified,
    /// It is not there any more.
    Removed,
    /// Its permissions, its owner, or, unless it is a directory, its time.
    Metadata,
}

/// A file that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Without a slash before it.
    pub path: Vec<u8>,
    /// How.
    pub change: Change,
}

/// What has changed from one moment to a later one, in the order of the paths.
///
/// # Errors
/// Bytes cannot be read.
pub fn diff(before: &Files, after: &Files) -> io::Result<Vec<Changed>> {
    let mut old = before.image.list().peekable();
    let mut new = after.image.list().peekable();
    let mut changes = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return Ok(changes),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((one, _)), Some((other, _))) => by_names(one, other),
        };
        let found = match order {
            Ordering::Less => old.next().map(|(path, _)| (path, Some(Change::Removed))),
            Ordering::Greater => new.next().map(|(path, _)| (path, Some(Change::Added))),
            Ordering::Equal => match (old.next(), new.next()) {
                (Some((path, one)), Some((_, other))) => {
                    Some((path, changed((before, &one), (after, &other))?))
                }
                _ => None,
            },
        };
        if let Some((path, Some(change))) = found {
            changes.push(Changed { path, change });
        }
    }
}

/// The order in which files are listed: a directory before what it holds, and all of that before its next sibling.
fn by_names(one: &[u8], other: &[u8]) -> Ordering {
    let names = |path| <[u8]>::split(path, |byte| *byte == b'/');
    names(one).cmp(names(other))
}

fn changed(
    (before, old): (&Files, &ImageFile<'_>),
    (after, new): (&Files, &ImageFile<'_>),
) -> io::Result<Option<Change>> {
    let same = match (&old.kind, &new.kind) {
        (ImageKind::Directory, ImageKind::Directory) | (ImageKind::Fifo, ImageKind::Fifo) => true,
        (ImageKind::Symlink(one), ImageKind::Symlink(other)) => one == other,
        (ImageKind::Regular(one), ImageKind::Regular(other)) => {
            same_bytes((before, *one), (after, *other))?
        }
        _ => false,
    };
    if !same {
        return Ok(Some(Change::Modified));
    }
    let is_directory = matches!(new.kind, ImageKind::Directory);
    let attributes = |file: &ImageFile<'_>| {
        // That of a directory changes with every name in it, which is told by itself.
        let time = (!is_directory).then_some(file.mtime);
        (file.mode, file.uid, file.gid, time)
    };
    Ok((attributes(old) != attributes(new)).then_some(Change::Metadata))
}

fn same_bytes(
    (before, old): (&Files, ImageContents<'_>),
    (after, new): (&Files, ImageContents<'_>),
) -> io::Result<bool> {
    if old.size != new.size {
        return Ok(false);
    }
    let places = |files: &Files, contents: ImageContents<'_>| -> Vec<_> {
        let extents = contents.extents();
        extents
            .map(|(at, count, index, offset)| (at, count, files.segments.identity(index), offset))
            .collect()
    };
    if places(before, old) == places(after, new) {
        return Ok(true);
    }
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let mut at = 0;
    // Where neither stores anything both have zeroes.
    while let Some(start) = next_stored(old, at)
        .into_iter()
        .chain(next_stored(new, at))
        .min()
    {
        let length = usize::try_from(PIECE.min(old.size.saturating_sub(start))).unwrap_or(0);
        one.resize(length, 0);
        other.resize(length, 0);
        before.read(old, start, &mut one)?;
        after.read(new, start, &mut other)?;
        if one != other {
            return Ok(false);
        }
        at = start + PIECE;
    }
    Ok(true)
}

/// The first byte from `at` on that is stored.
fn next_stored(contents: ImageContents<'_>, at: u64) -> Option<u64> {
    let (start, ..) = contents.extents_from(at).next()?;
    Some(start.max(at))
}
