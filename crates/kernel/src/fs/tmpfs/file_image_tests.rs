//! Images that a VM process has forged.

use super::super::data::CHUNK;
use super::super::image::{self, MAGIC, Saved, SavedBody, SavedExtent, SavedLower};
use super::{FileImage, ImageBounds, ImageKind, Parts};
use crate::errno::Errno;

const BOUNDS: ImageBounds = ImageBounds {
    names: 8,
    stored_bytes: 4 * CHUNK,
    file_bytes: 1 << 20,
};

const SEGMENTS: [u64; 2] = [2 * CHUNK, 100];

fn saved(ino: u64, body: SavedBody) -> Saved {
    Saved {
        ino,
        mode: 0o644,
        uid: 0,
        gid: 0,
        times: [(0, 0); 4],
        origin: None,
        body,
    }
}

fn directory(ino: u64, entries: &[(&[u8], u64)]) -> Saved {
    let entries = entries.iter().map(|(name, ino)| (name.to_vec(), *ino));
    let body = SavedBody::Directory {
        entries: entries.collect(),
        lower: SavedLower::SameName,
        whiteouts: Vec::new(),
    };
    saved(ino, body)
}

fn extent(at: u64, count: u64, index: u32, offset: u64) -> SavedExtent {
    SavedExtent {
        at,
        count,
        place: Some((index, offset)),
    }
}

fn regular(ino: u64, size: u64, extents: Vec<SavedExtent>) -> Saved {
    saved(ino, SavedBody::Regular { size, extents })
}

fn bytes(records: &[Saved]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for record in records {
        image::append(record, &mut |part| bytes.extend_from_slice(part));
    }
    image::end(&mut |part| bytes.extend_from_slice(part));
    bytes
}

fn parse(records: &[Saved]) -> Result<FileImage, Errno> {
    FileImage::parse(&bytes(records), &SEGMENTS, BOUNDS)
}

/// A root with one file.
fn with(file: Saved) -> Vec<Saved> {
    vec![directory(1, &[(b"a", 2)]), file]
}

#[test]
fn what_a_machine_can_have_is_read_and_listed() {
    let image = parse(&[
        directory(7, &[(b"b", 2), (b"a", 3), (b"c", 4)]),
        regular(
            2,
            3 * CHUNK,
            vec![extent(CHUNK, 5, 0, 9), extent(2 * CHUNK, CHUNK, 0, CHUNK)],
        ),
        directory(3, &[(b"x", 2), (b"w", 5)]),
        saved(4, SavedBody::Fifo),
        saved(
            5,
            SavedBody::Symlink {
                target: b"../b".to_vec(),
            },
        ),
    ])
    .unwrap();
    let listed: Vec<_> = image.list().map(|(path, file)| (path, file.ino)).collect();
    let expected: [(&[u8], u64); 5] = [(b"a", 3), (b"a/w", 5), (b"a/x", 2), (b"b", 2), (b"c", 4)];
    assert_eq!(listed, expected.map(|(path, ino)| (path.to_vec(), ino)));
    assert_eq!(
        (image.names(), image.files(), image.bytes()),
        (5, 4, 3 * CHUNK)
    );
    assert!(image.is_linked(2) && !image.is_linked(4) && !image.is_linked(3));
    let Some(ImageKind::Regular(contents)) = image.file(2).map(|file| file.kind) else {
        panic!("a regular file")
    };
    let from = |at| {
        contents
            .extents_from(at)
            .map(|(at, ..)| at)
            .collect::<Vec<_>>()
    };
    assert_eq!(from(0), [CHUNK, 2 * CHUNK]);
    assert_eq!(from(CHUNK + 4), [CHUNK, 2 * CHUNK]);
    assert_eq!(from(CHUNK + 5), [2 * CHUNK]);
    assert_eq!(from(3 * CHUNK), []);
}

#[test]
fn forged_trees_are_refused() {
    let fifo = |ino| saved(ino, SavedBody::Fifo);
    let long = [b'x'; 200];
    let deep: Vec<Saved> = (1..=21)
        .map(|ino| directory(ino, &[(&long, ino + 1)]))
        .chain([fifo(22)])
        .collect();
    let many: Vec<(Vec<u8>, u64)> = (0..9).map(|n: u8| (vec![b'a' + n], 2)).collect();
    let many: Vec<(&[u8], u64)> = many.iter().map(|(name, ino)| (&name[..], *ino)).collect();
    let cases: Vec<(&str, Vec<Saved>)> = vec![
        ("nothing", vec![]),
        ("a root that is a file", vec![fifo(1)]),
        ("a name of nothing", vec![directory(1, &[(b"a", 2)])]),
        ("the root below itself", vec![directory(1, &[(b"a", 1)])]),
        (
            "a circle",
            vec![
                directory(1, &[(b"a", 2)]),
                directory(2, &[(b"b", 3)]),
                directory(3, &[(b"c", 2)]),
            ],
        ),
        (
            "a directory with two names",
            vec![directory(1, &[(b"a", 2), (b"b", 2)]), directory(2, &[])],
        ),
        (
            "a circle that no path leads to",
            vec![
                directory(1, &[]),
                directory(2, &[(b"a", 3)]),
                directory(3, &[(b"b", 2)]),
            ],
        ),
        ("a file without a name", vec![directory(1, &[]), fifo(2)]),
        (
            "a number that is given twice",
            vec![directory(1, &[(b"a", 2)]), fifo(2), fifo(2)],
        ),
        (
            "a root that is replaced",
            vec![directory(1, &[(b"a", 2)]), fifo(2), directory(1, &[])],
        ),
        (
            "a name that stands twice",
            vec![directory(1, &[(b"a", 2), (b"a", 3)]), fifo(2), fifo(3)],
        ),
        (
            "a link that stands twice",
            vec![directory(1, &[(b"a", 2), (b"a", 2)]), fifo(2)],
        ),
        (
            "more names of a file than there may be",
            vec![directory(1, &many), fifo(2)],
        ),
        (
            "more files than there may be",
            std::iter::once(directory(1, &[]))
                .chain((2..12).map(fifo))
                .collect(),
        ),
        ("a path that is too long", deep),
        (
            "the directory above",
            vec![directory(1, &[(b"..", 2)]), fifo(2)],
        ),
        (
            "the directory itself",
            vec![directory(1, &[(b".", 2)]), fifo(2)],
        ),
        (
            "a path for a name",
            vec![directory(1, &[(b"../a", 2)]), fifo(2)],
        ),
        ("no name", vec![directory(1, &[(b"", 2)]), fifo(2)]),
    ];
    for (told, records) in cases {
        assert_eq!(parse(&records).map(drop), Err(Errno::EINVAL), "{told}");
    }
}

#[test]
fn forged_contents_are_refused() {
    let own = |count| SavedExtent {
        at: 0,
        count,
        place: None,
    };
    let cases: Vec<(&str, Saved)> = vec![
        (
            "longer than a file may be",
            regular(2, BOUNDS.file_bytes + 1, vec![]),
        ),
        ("the longest there is", regular(2, u64::MAX, vec![])),
        ("bytes of its own", regular(2, 0, vec![own(0)])),
        (
            "a segment that there is not",
            regular(2, 10, vec![extent(0, 10, 2, 0)]),
        ),
        (
            "behind a segment",
            regular(2, 101, vec![extent(0, 101, 1, 0)]),
        ),
        (
            "around the end of numbers",
            regular(2, 10, vec![extent(0, 10, 0, u64::MAX - 5)]),
        ),
        ("behind the file", regular(2, 9, vec![extent(0, 10, 0, 0)])),
        ("nothing", regular(2, 10, vec![extent(0, 0, 0, 0)])),
        (
            "more than a chunk",
            regular(2, 2 * CHUNK, vec![extent(0, CHUNK + 1, 0, 0)]),
        ),
        ("between chunks", regular(2, 100, vec![extent(1, 10, 0, 0)])),
        (
            "a chunk twice",
            regular(2, CHUNK, vec![extent(0, 1, 0, 0), extent(0, 1, 0, 0)]),
        ),
        (
            "backwards",
            regular(
                2,
                2 * CHUNK,
                vec![extent(CHUNK, 1, 0, 0), extent(0, 1, 0, 0)],
            ),
        ),
        (
            "the same bytes again and again, more than fit",
            regular(
                2,
                5 * CHUNK,
                (0..5).map(|n| extent(n * CHUNK, CHUNK, 0, 0)).collect(),
            ),
        ),
        (
            "a byte each, in more blocks than fit",
            regular(
                2,
                1 << 20,
                (0..16)
                    .map(|n| extent(n * CHUNK, CHUNK / 3, 0, 0))
                    .collect(),
            ),
        ),
        (
            "a target that is none",
            saved(2, SavedBody::Symlink { target: Vec::new() }),
        ),
        (
            "a target of zeroes",
            saved(2, SavedBody::Symlink { target: vec![0; 3] }),
        ),
    ];
    for (told, file) in cases {
        assert_eq!(parse(&with(file)).map(drop), Err(Errno::EINVAL), "{told}");
    }
    let most = (0..4).map(|n| extent(n * CHUNK, CHUNK, 0, 0)).collect();
    parse(&with(regular(2, BOUNDS.file_bytes, most))).unwrap();
}

#[test]
fn cut_and_stretched_images_are_refused() {
    let whole = bytes(&with(regular(2, 10, vec![extent(0, 10, 0, 0)])));
    for end in 0..whole.len() {
        let cut = FileImage::parse(&whole[..end], &SEGMENTS, BOUNDS);
        assert_eq!(cut.map(drop), Err(Errno::EINVAL), "{end}");
    }
    let stretched = [&whole[..], b"x"].concat();
    assert!(FileImage::parse(&stretched, &SEGMENTS, BOUNDS).is_err());
    let mut endless = whole.clone();
    endless[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(FileImage::parse(&endless, &SEGMENTS, BOUNDS).is_err());
}

/// An image of that many bytes that decode to many more.
#[test]
fn what_would_take_many_times_its_length_is_not_decoded() {
    let many = 1 << 20;
    let nothing: Vec<(&[u8], u64)> = vec![(b"", 0); many];
    let mut whiteouts = directory(1, &[]);
    if let SavedBody::Directory { whiteouts, .. } = &mut whiteouts.body {
        *whiteouts = vec![Vec::new(); many];
    }
    let own = SavedExtent {
        at: 0,
        count: 0,
        place: None,
    };
    let cases = [
        vec![directory(1, &nothing)],
        vec![whiteouts],
        with(regular(2, 0, vec![own; many])),
        std::iter::repeat_with(|| saved(1, SavedBody::Fifo))
            .take(many / 8)
            .collect(),
    ];
    for records in cases {
        let bytes = bytes(&records);
        let mut parts = Parts::left(BOUNDS);
        let mut rest = &bytes[MAGIC.len()..];
        let refused = loop {
            let (length, after) = rest.split_first_chunk::<4>().unwrap();
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap();
            assert_ne!(length, 0, "all of it is admitted");
            if parts.take(&after[..length]).is_none() {
                break true;
            }
            rest = &after[length..];
        };
        assert!(refused);
        assert!(FileImage::parse(&bytes, &SEGMENTS, BOUNDS).is_err());
    }
}
