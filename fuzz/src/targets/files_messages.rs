//! The decoder of the files channel, both ways, and what the host lets pass of a request.

use std::fmt::Debug;
use std::path::{Component, Path};
use std::time::Duration;

use secure_exec_protocol::files::{
    ChangedAttributes, FileAccess, FileOperation, FileResult, FilesAnswer, FilesRequest,
    HostAttributes, HostEntry, HostSpace, HostTime, MAX_FILE_PIECE, MAX_FILES_MESSAGE,
    MOST_WHOLE_FILES, WholeFile, from_message, to_message,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::allocations::peak_of;
use crate::{Input, Target};

pub const TARGET: Target = Target {
    name: "files-messages",
    about: "decoders of the files channel, both ways: no panic, bounded memory, and no path that leads out passes",
    longest: 300,
    most_cpu: Duration::from_secs(1),
    run,
};

/// Bytes of memory that a byte of a message may take: names of a directory are short and bring their metadata along, and
/// as much again is taken while their list grows.
const MOST_FOR_EACH_BYTE: usize = 24;
/// What a message may take besides: what a list reserves before its first element is read.
const MOST_BESIDES: usize = 2 << 20;

/// `limits.h`.
const PATH_MAX: usize = 4096;
const NAME_MAX: usize = 255;

/// Names that mean something to somebody who walks a path.
const NAMES: &[&[u8]] = &[
    b"a", b"b", b"..", b".", b"", b"...", b".a", b"a\0b", b"etc", b"\xff", b"a b", b"..a",
];

fn run(input: &mut Input<'_>) -> Result<(), String> {
    if input.once_in(3) {
        let answer = FilesAnswer {
            id: input.unsigned(),
            result: result(input),
        };
        check(input, &answer, |_| Ok(()))
    } else {
        let request = FilesRequest {
            id: input.unsigned(),
            vm: input.word(),
            mount: input.word(),
            operation: operation(input),
        };
        check(input, &request, |request| passes(&request.operation))
    }
}

/// Sends it, as it is or damaged, and looks at what comes out.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    input: &mut Input<'_>,
    genuine: &T,
    look: impl Fn(&T) -> Result<(), String>,
) -> Result<(), String> {
    let Ok(mut wire) = to_message(genuine) else {
        // Only what is too long is not sent.
        return Ok(());
    };
    if wire.len() > MAX_FILES_MESSAGE {
        return Err(format!("a message that is too long: {}", wire.len()));
    }
    let is_whole = !damage(input, &mut wire);
    input.note(|| format!("{genuine:?} as {} bytes, whole: {is_whole}", wire.len()));
    let (decoded, peak) = peak_of(|| from_message::<T>(&wire));
    if peak > wire.len() * MOST_FOR_EACH_BYTE + MOST_BESIDES {
        return Err(format!(
            "memory of the decoder: {peak} bytes for {}",
            wire.len()
        ));
    }
    let Ok(decoded) = decoded else {
        return if is_whole {
            Err(format!("a genuine message is refused: {genuine:?}"))
        } else {
            Ok(())
        };
    };
    if is_whole && decoded != *genuine {
        return Err(format!("a message changes on its way: {genuine:?}"));
    }
    let again = to_message(&decoded).map_err(|error| format!("what was decoded: {error}"))?;
    if from_message::<T>(&again).as_ref() != Ok(&decoded) {
        return Err(format!("a message changes when it is sent on: {decoded:?}"));
    }
    if from_message::<T>(&[&again[..], &[0]].concat()).is_ok() {
        return Err(format!("a message has something behind it: {decoded:?}"));
    }
    look(&decoded)
}

/// What the host lets pass names nothing outside of a root, by what the standard library says of paths, and no piece of a
/// file is longer than it may be.
fn passes(operation: &FileOperation) -> Result<(), String> {
    let is_well_formed = operation.is_well_formed();
    let paths: Vec<&[u8]> = operation.paths().into_iter().flatten().collect();
    let stay = paths.iter().all(|path| stays_below(path));
    if is_well_formed && !stay {
        return Err(format!("a path that leads out: {operation:?}"));
    }
    let size = match operation {
        FileOperation::Write { data, .. } => data.len(),
        FileOperation::Read { count, .. } => *count as usize,
        FileOperation::Symlink { target, .. } if target.contains(&0) => usize::MAX,
        _ => 0,
    };
    if is_well_formed && size > MAX_FILE_PIECE {
        return Err(format!("a piece that is too long: {size} bytes"));
    }
    if let FileOperation::ReadWhole { path, names } = operation
        && is_well_formed
    {
        let mut names = names.split(|byte| *byte == b'/');
        let below = |name: &[u8]| [path, &b"/"[..], name].concat();
        let all_stay = names.clone().all(|name| {
            stays_below(name) && !name.is_empty() && (path.is_empty() || stays_below(&below(name)))
        });
        if !all_stay || names.nth(MOST_WHOLE_FILES).is_some() {
            return Err(format!("names that lead out, or too many: {operation:?}"));
        }
    }
    let has_more = matches!(
        operation,
        FileOperation::Symlink { .. }
            | FileOperation::ReadWhole { .. }
            | FileOperation::Watch { .. }
    );
    if !is_well_formed && stay && size <= MAX_FILE_PIECE && !has_more {
        return Err(format!("a request of ours is refused: {operation:?}"));
    }
    Ok(())
}

/// Whether a path is names below a root and nothing else.
fn stays_below(path: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let as_path = Path::new(std::ffi::OsStr::from_bytes(path));
    let mut names = Vec::new();
    for component in as_path.components() {
        match component {
            Component::Normal(name) => names.push(name.as_bytes()),
            _ => return false,
        }
    }
    // Put together again it is the same: no slash too many, and no `.` that was left out.
    names.join(&b'/') == path
        && path.len() < PATH_MAX
        && !path.contains(&0)
        && names.iter().all(|name| name.len() <= NAME_MAX)
}

/// Changes a message. Gives whether it has.
fn damage(input: &mut Input<'_>, wire: &mut Vec<u8>) -> bool {
    let before = wire.clone();
    match input.below(5) {
        0 | 1 => {}
        2 => {
            for _ in 0..=input.below(4) {
                let (at, byte) = (input.below(wire.len().max(1)), input.byte());
                if let Some(place) = wire.get_mut(at) {
                    *place = byte;
                }
            }
        }
        // A count that says more than there is, and elements of one byte each.
        3 => {
            wire.truncate(input.below(wire.len().max(1)).min(24));
            let count = input.pick_of(&[10usize, 1000, 100_000]);
            let mut left = input.pick_of(&[count, count, usize::MAX]);
            while left > 127 {
                wire.push(u8::try_from(left & 127).unwrap_or(0) | 128);
                left >>= 7;
            }
            wire.push(u8::try_from(left).unwrap_or(0));
            let filler = input.pick_of(&[0u8, 1]);
            wire.resize(wire.len() + count, filler);
        }
        _ => {
            wire.truncate(input.below(wire.len().max(1)));
            let bytes = input.bytes(100);
            wire.extend_from_slice(&bytes);
        }
    }
    *wire != before
}

fn path(input: &mut Input<'_>) -> Vec<u8> {
    match input.below(12) {
        0 => Vec::new(),
        1 => vec![b'x'; input.pick_of(&[255, 256, 4095, 4096, 70_000])],
        2 => b"a/".repeat(input.pick_of(&[1, 2047, 2048, 2049])),
        3 => input.bytes(30),
        _ => {
            let names: Vec<&[u8]> = (0..=input.below(5)).map(|_| input.pick(NAMES)).collect();
            names.join(&b'/')
        }
    }
}

fn data(input: &mut Input<'_>) -> Vec<u8> {
    match input.below(8) {
        0 => vec![input.byte(); input.pick_of(&[MAX_FILE_PIECE, MAX_FILE_PIECE + 1, 65_536])],
        _ => input.bytes(40),
    }
}

fn operation(input: &mut Input<'_>) -> FileOperation {
    let (handle, mode) = (input.unsigned(), input.word());
    match input.below(22) {
        0 => FileOperation::Stat { path: path(input) },
        1 => FileOperation::ReadDirectory {
            path: path(input),
            position: input.unsigned(),
        },
        2 => FileOperation::ReadLink { path: path(input) },
        3 => FileOperation::Open {
            path: path(input),
            access: input.pick_of(&[FileAccess::Read, FileAccess::Write, FileAccess::ReadWrite]),
        },
        4 => FileOperation::Read {
            handle,
            offset: input.unsigned(),
            count: input.word(),
        },
        5 => FileOperation::Write {
            handle,
            offset: input.once_in(2).then(|| input.unsigned()),
            data: data(input),
        },
        6 => FileOperation::SetSize {
            handle,
            size: input.unsigned(),
        },
        7 => FileOperation::Sync { handle },
        8 => FileOperation::Close { handle },
        9 => FileOperation::Create {
            path: path(input),
            mode,
        },
        10 => FileOperation::MakeDirectory {
            path: path(input),
            mode,
        },
        11 => FileOperation::Symlink {
            path: path(input),
            target: path(input),
        },
        12 => FileOperation::Link {
            from: path(input),
            to: path(input),
        },
        13 => FileOperation::Unlink { path: path(input) },
        14 => FileOperation::RemoveDirectory { path: path(input) },
        15 => FileOperation::Rename {
            from: path(input),
            to: path(input),
            flags: mode,
        },
        16 => FileOperation::SetAttributes {
            path: path(input),
            attributes: ChangedAttributes {
                mode: input.once_in(2).then_some(mode),
                atime: input.once_in(2).then(|| time(input)),
                mtime: input.once_in(2).then(|| time(input)),
            },
        },
        17 => FileOperation::ReadWhole {
            path: path(input),
            names: path(input),
        },
        18 => FileOperation::ListenToChanges,
        19 => FileOperation::Watch {
            path: path(input),
            number: input.unsigned(),
        },
        20 => FileOperation::Unwatch {
            number: input.unsigned(),
        },
        _ => FileOperation::Statfs,
    }
}

fn result(input: &mut Input<'_>) -> FileResult {
    match input.below(11) {
        0 => FileResult::Failed { errno: input.int() },
        1 => FileResult::Done,
        2 => FileResult::Attributes(attributes(input)),
        3 => FileResult::Entries {
            entries: (0..input.pick_of(&[0, 1, 3, 700]))
                .map(|_| HostEntry {
                    name: path(input),
                    attributes: attributes(input),
                    next: input.unsigned(),
                })
                .collect(),
            last: input.once_in(2),
        },
        4 => FileResult::Link {
            target: path(input),
            outside: input.once_in(2),
        },
        5 => FileResult::Opened {
            attributes: attributes(input),
            handle: input.once_in(2).then(|| input.unsigned()),
            descriptor: input.once_in(2),
        },
        6 => FileResult::Data(data(input)),
        7 => FileResult::Written {
            count: input.word(),
            end: input.unsigned(),
        },
        8 => FileResult::Whole(
            (0..input.pick_of(&[0, 1, 3, 64]))
                .map(|_| WholeFile {
                    name: input.word(),
                    attributes: attributes(input),
                    data: data(input),
                })
                .collect(),
        ),
        9 => FileResult::Changes,
        _ => FileResult::Space(HostSpace {
            block_size: input.unsigned(),
            free: input.unsigned(),
            ..HostSpace::default()
        }),
    }
}

fn attributes(input: &mut Input<'_>) -> HostAttributes {
    HostAttributes {
        ino: input.unsigned(),
        mode: input.word(),
        nlink: input.unsigned(),
        size: input.unsigned(),
        mtime: time(input),
        ..HostAttributes::default()
    }
}

fn time(input: &mut Input<'_>) -> HostTime {
    HostTime {
        sec: input.number(),
        nsec: input.word(),
    }
}
