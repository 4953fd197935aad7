//! The filesystem that a condemned VM hands to its replacement, and snapshots of files: both parse what a VM that was taken
//! over made.

use std::sync::Arc;
use std::time::Duration;

use secure_exec_kernel::{
    Errno, FileImage, FileKind, ImageBounds, ImageKind, Kernel, OpenFlags, Process, Segment,
};
use serde::Serialize;

use super::machine::{boot, command, tight_limits};
use crate::allocations::peak_of;
use crate::{Input, Target};

pub const TARGET: Target = Target {
    name: "carried-files",
    about: "imports and restorations of forged filesystems: refused without a trace, or a filesystem within its limits",
    longest: 400,
    most_cpu: Duration::from_secs(1),
    run,
};

/// Records as `crates/kernel/src/fs/tmpfs/image.rs` has them.
#[derive(Serialize)]
struct Saved {
    ino: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    times: [(i64, u32); 4],
    origin: Option<u64>,
    body: Body,
}

/// Where bytes belong, how many, and in which segment they are and where in it.
type Extent = (u64, u64, Option<(u32, u64)>);

#[derive(Serialize)]
enum Body {
    Regular {
        size: u64,
        extents: Vec<Extent>,
    },
    Directory {
        entries: Vec<(Vec<u8>, u64)>,
        lower: Lower,
        whiteouts: Vec<Vec<u8>>,
    },
    Symlink {
        target: Vec<u8>,
    },
    Fifo,
}

#[derive(Serialize)]
enum Lower {
    SameName,
    Cut,
    At(Vec<u8>),
}

/// A segment of a snapshot.
struct Memory(u64, Vec<u8>);

impl Segment for Memory {
    fn number(&self) -> u64 {
        self.0
    }

    fn bytes(&self) -> &[u8] {
        &self.1
    }
}

const NAMES: &[&[u8]] = &[
    b"a", b"b", b"c", b"tmp", b"home", b"usr", b"dev", b"proc", b"..", b".", b"", b"a/b", b"a\0b",
];
const INODES: &[u64] = &[1, 2, 3, 4, 5, 6, 7, 0, u64::MAX];
const SIZES: &[u64] = &[
    0,
    1,
    100,
    4096,
    5000,
    65_536,
    65_537,
    300_000,
    1 << 32,
    1 << 63,
    u64::MAX,
];

/// The most that an import holds beside the filesystem.
const MOST_MEMORY: usize = 4 << 20;

fn run(input: &mut Input<'_>) -> Result<(), String> {
    let segments = input.once_in(2).then(|| segments(input));
    let image = image(input)?;
    let (kernel, _) = boot(tight_limits())?;
    let fresh = kernel.resource_counts();
    let before = kernel.export_filesystem();
    let (imported, peak) = peak_of(|| match &segments {
        Some(segments) => kernel.restore_files(&image, segments),
        None => kernel.import_filesystem(&image),
    });
    input.note(|| format!("import of {} bytes: {imported:?}", image.len()));
    if peak > MOST_MEMORY {
        return Err(format!(
            "memory of an import: {peak} bytes for {}",
            image.len()
        ));
    }
    match imported {
        Err(Errno::EINVAL | Errno::ENOSPC | Errno::EFBIG) => {
            let counts = kernel.resource_counts();
            if counts != fresh {
                return Err(format!(
                    "a refused import leaves something: {counts:?} instead of {fresh:?}"
                ));
            }
            if kernel.export_filesystem() != before {
                return Err("a refused import changes files: the exports differ".into());
            }
        }
        Err(errno) => return Err(format!("a refusal with another errno: {errno:?}")),
        Ok(()) => use_it(input, &kernel)?,
    }
    match segments {
        Some(segments) => on_the_host(input, &image, &segments),
        None => Ok(()),
    }
}

fn segments(input: &mut Input<'_>) -> Vec<Arc<dyn Segment>> {
    (0..input.below(3))
        .map(|number| {
            let length = input.pick_of(&[0, 100, 65_536, 200_000]);
            let segment: Arc<dyn Segment> = Arc::new(Memory(number as u64, vec![b's'; length]));
            segment
        })
        .collect()
}

/// The host reads the same image for `diff` and `export`.
fn on_the_host(
    input: &mut Input<'_>,
    image: &[u8],
    segments: &[Arc<dyn Segment>],
) -> Result<(), String> {
    const BOUNDS: ImageBounds = ImageBounds {
        names: 40,
        stored_bytes: 1 << 20,
        file_bytes: 1 << 20,
    };
    let lengths: Vec<u64> = segments
        .iter()
        .map(|one| one.bytes().len() as u64)
        .collect();
    let (read, peak) = peak_of(|| {
        let image = FileImage::parse(image, &lengths, BOUNDS)?;
        let outside = image.list().any(|(_, file)| match file.kind {
            ImageKind::Regular(contents) => contents.extents().any(|(_, count, index, offset)| {
                lengths.get(index).is_none_or(|end| offset + count > *end)
            }),
            _ => false,
        });
        Ok::<_, Errno>((image.list().count() as u64, outside))
    });
    input.note(|| format!("on the host: {read:?}"));
    match read {
        _ if peak > MOST_MEMORY => Err(format!("memory of an image: {peak} bytes")),
        Err(Errno::EINVAL) => Ok(()),
        Ok((names, false)) if names <= BOUNDS.names => Ok(()),
        read => Err(format!("an image that was read: {read:?}")),
    }
}

fn image(input: &mut Input<'_>) -> Result<Vec<u8>, String> {
    let mut image = b"SEXPFS03".to_vec();
    let records = input.below(8) + 1;
    for at in 0..records {
        // The first is the root.
        let ino = if at == 0 || input.once_in(8) {
            1
        } else {
            at as u64 + 1
        };
        let (saved, contents) = record(input, ino, at == 0);
        let record = postcard::to_stdvec(&saved).map_err(|error| error.to_string())?;
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        image.extend_from_slice(&length.to_le_bytes());
        image.extend_from_slice(&record);
        image.resize(image.len() + contents, b'x');
    }
    image.extend_from_slice(&[0; 4]);
    for _ in 0..input.below(3) {
        let at = input.below(image.len());
        let byte = input.byte();
        if input.once_in(2)
            && let Some(place) = image.get_mut(at)
        {
            *place = byte;
        }
    }
    if input.once_in(8) {
        let length = input.below(image.len());
        image.truncate(length);
    }
    Ok(image)
}

/// A record, and how many bytes of content follow it.
fn record(input: &mut Input<'_>, ino: u64, root: bool) -> (Saved, usize) {
    let mut contents = 0;
    let body = match if root { 1 } else { input.below(5) } {
        0 => {
            let extents: Vec<Extent> = (0..input.below(3))
                .map(|_| {
                    let place = input
                        .once_in(2)
                        .then(|| (input.pick_of(&[0, 1, 2, u32::MAX]), input.pick_of(SIZES)));
                    (input.pick_of(SIZES), input.pick_of(SIZES), place)
                })
                .collect();
            let counted = extents
                .iter()
                .filter(|(_, _, place)| place.is_none())
                .fold(0u64, |sum, (_, count, _)| sum.saturating_add(*count));
            contents = usize::try_from(counted.min(400_000)).unwrap_or(0);
            Body::Regular {
                size: input.pick_of(SIZES),
                extents,
            }
        }
        1 | 2 => Body::Directory {
            entries: (0..input.below(5))
                .map(|_| (input.pick(NAMES).to_vec(), input.pick_of(INODES)))
                .collect(),
            lower: match input.below(8) {
                0 => Lower::Cut,
                1 => Lower::At(input.pick(NAMES).to_vec()),
                _ => Lower::SameName,
            },
            whiteouts: (0..input.below(8).saturating_sub(5))
                .map(|_| input.pick(NAMES).to_vec())
                .collect(),
        },
        3 => Body::Symlink {
            target: match input.below(4) {
                0 => Vec::new(),
                1 => vec![b'y'; input.pick_of(&[4095, 4096, 200_000])],
                _ => input.pick(NAMES).to_vec(),
            },
        },
        _ => Body::Fifo,
    };
    let time = (input.number(), input.word());
    let saved = Saved {
        ino,
        mode: input.word(),
        uid: input.word(),
        gid: input.pick_of(&[0, 1000]),
        times: [time; 4],
        origin: input.once_in(8).then(|| input.unsigned()),
        body,
    };
    (saved, contents)
}

/// Everything in the imported filesystem can be looked at, written and removed.
fn use_it(input: &mut Input<'_>, kernel: &Arc<Kernel>) -> Result<(), String> {
    let limits = kernel.limits().clone();
    let counts = kernel.resource_counts();
    if counts.filesystem_bytes > limits.max_filesystem_bytes || counts.inodes > limits.max_inodes {
        return Err(format!("an import is over the limits: {counts:?}"));
    }
    let agent = kernel.file_agent();
    let mut pending = vec![(b"/".to_vec(), 0)];
    let mut seen = 0;
    while let Some((path, depth)) = pending.pop() {
        seen += 1;
        if seen > 5000 || depth > 40 {
            return Err("an imported tree has no end: ".into());
        }
        let Ok(entries) = agent.read_dir(&path) else {
            continue;
        };
        let mut names: Vec<&[u8]> = entries.iter().map(|entry| &*entry.name).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() != entries.len()
            || names
                .iter()
                .any(|name| name.is_empty() || name.contains(&b'/') || name.contains(&0))
        {
            return Err(format!("names of an imported directory: {names:?}"));
        }
        for entry in &entries {
            if entry.name == b"." || entry.name == b".." {
                continue;
            }
            let child = [path.as_slice(), b"/", &entry.name].concat();
            if child.starts_with(b"//dev") || child.starts_with(b"//proc") {
                continue;
            }
            look(&agent, &child)?;
            if entry.kind == FileKind::Directory {
                pending.push((child, depth + 1));
            }
        }
    }
    input.note(|| format!("{seen} directories"));
    // Whatever came, a guest is started or refused, and what came makes room again.
    if let Ok(guest) = kernel.spawn(command()) {
        guest.exit(0);
    }
    capture(kernel)?;
    for entry in agent.read_dir(b"/").unwrap_or_default() {
        let _ = agent.remove_tree(&[b"/", entry.name.as_slice()].concat());
    }
    match kernel.export_filesystem() {
        image if image.len() > (limits.max_filesystem_bytes as usize) * 2 => {
            Err("the export of an import is too large: ".into())
        }
        image => kernel
            .import_filesystem(&image)
            .map_err(|errno| format!("what was exported is refused: {errno:?}")),
    }
}

/// What is captured of it is an image that the host reads.
fn capture(kernel: &Kernel) -> Result<(), String> {
    let capture = match kernel.capture_files(&[], 31) {
        Err(Errno::ENAMETOOLONG) => return Ok(()),
        Err(errno) => return Err(format!("a capture is refused: {errno:?}")),
        Ok(capture) => capture,
    };
    let mut bytes = Vec::new();
    capture.fill(&mut |piece| bytes.extend_from_slice(piece));
    let data = usize::try_from(capture.data_bytes()).unwrap_or(usize::MAX);
    let image = bytes.get(data..).unwrap_or_default();
    let bounds = ImageBounds {
        names: u64::MAX,
        stored_bytes: u64::MAX,
        file_bytes: u64::MAX,
    };
    FileImage::parse(image, &[bytes.len() as u64], bounds)
        .map(|_| ())
        .map_err(|errno| format!("what was captured is no image: {errno:?}"))
}

fn look(agent: &Process, path: &[u8]) -> Result<(), String> {
    let Ok(stat) = agent.lstat(path) else {
        return Ok(());
    };
    if stat.mtime.nsec >= 1_000_000_000 {
        return Err(format!("a time with {} nanoseconds", stat.mtime.nsec));
    }
    let _ = agent.readlink(path);
    if stat.mode & 0o170_000 == 0o100_000
        && let Ok(fd) = agent.open(path, OpenFlags::O_RDWR | OpenFlags::O_NONBLOCK, 0)
    {
        let mut buffer = [0; 4096];
        let _ = agent.read(fd, &mut buffer);
        let _ = agent.pread(fd, &mut buffer, stat.size.saturating_sub(1));
        let _ = agent.pwrite(fd, b"z", stat.size / 2);
        let _ = agent.close(fd);
    }
    Ok(())
}
