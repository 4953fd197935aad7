#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::io;
use std::sync::Arc;

use secure_exec_kernel::{ImageBounds, Kernel, KernelConfig, OpenFlags, Process, Segment};

use crate::{Change, Files, Segments, Tar, diff};

/// Those of a machine with its limits as they are by themselves.
const BOUNDS: ImageBounds = ImageBounds {
    names: 10_000,
    stored_bytes: 64 << 20,
    file_bytes: 32 << 20,
};

#[derive(Clone)]
struct Memory(Vec<Arc<dyn Segment>>);

struct Held(u64, Vec<u8>);

impl Segment for Held {
    fn number(&self) -> u64 {
        self.0
    }

    fn bytes(&self) -> &[u8] {
        &self.1
    }
}

impl Segments for Memory {
    fn lengths(&self) -> Vec<u64> {
        self.0.iter().map(|one| one.bytes().len() as u64).collect()
    }

    fn identity(&self, index: usize) -> u64 {
        self.0[index].number()
    }

    fn read(&self, index: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(&self.0[index].bytes()[start..start + buffer.len()]);
        Ok(())
    }
}

/// A machine, and the segments that it knows.
struct Machine {
    kernel: Arc<Kernel>,
    known: Vec<Arc<dyn Segment>>,
    last: u64,
}

impl Machine {
    fn new() -> Machine {
        let kernel = Kernel::boot(KernelConfig::default()).unwrap();
        Machine {
            kernel,
            known: Vec::new(),
            last: 0,
        }
    }

    fn agent(&self) -> Arc<Process> {
        self.kernel.file_agent()
    }

    fn write(&self, path: &str, at: u64, bytes: &[u8]) {
        let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT;
        let agent = self.agent();
        let fd = agent.open(path.as_bytes(), flags, 0o644).unwrap();
        agent.pwrite(fd, bytes, at).unwrap();
        agent.close(fd).unwrap();
    }

    fn take(&mut self) -> Files {
        let capture = self.kernel.capture_files(&self.known, 31).unwrap();
        let mut bytes = Vec::new();
        capture.fill(&mut |piece| bytes.extend_from_slice(piece));
        let image = bytes[usize::try_from(capture.data_bytes()).unwrap()..].to_vec();
        self.last += 1;
        let segment: Arc<dyn Segment> = Arc::new(Held(self.last, bytes));
        let kept = capture.kept().iter().cloned();
        self.known = [segment.clone()].into_iter().chain(kept).collect();
        capture.settle(&segment);
        Files::new(&image, BOUNDS, Box::new(Memory(self.known.clone()))).unwrap()
    }
}

fn changes(before: &Files, after: &Files) -> Vec<(String, Change)> {
    let changed = diff(before, after).unwrap().into_iter();
    changed
        .map(|one| (String::from_utf8(one.path).unwrap(), one.change))
        .collect()
}

#[test]
fn every_change_is_found_and_nothing_else() {
    let mut machine = Machine::new();
    let agent = machine.agent();
    agent.mkdir(b"/workspace/dir", 0o755).unwrap();
    for name in [
        "gone",
        "same",
        "other",
        "mode",
        "dir/a",
        "dir-b",
        "rewritten",
    ] {
        machine.write(&format!("/workspace/{name}"), 0, &[7; 100_000]);
    }
    agent.symlink(b"a", b"/workspace/link").unwrap();
    let before = machine.take();
    assert_eq!(changes(&before, &machine.take()), []);
    agent.unlink(b"/workspace/gone").unwrap();
    machine.write("/workspace/other", 99_999, b"x");
    agent.chmod(b"/workspace/mode", 0o600).unwrap();
    agent.unlink(b"/workspace/link").unwrap();
    agent.symlink(b"b", b"/workspace/link").unwrap();
    machine.write("/workspace/dir/new", 0, b"new");
    agent.chmod(b"/workspace/dir", 0o700).unwrap();
    machine.write("/workspace/rewritten", 0, &[7; 10]);
    agent.unlink(b"/workspace/dir-b").unwrap();
    agent.mkdir(b"/workspace/dir-b", 0o755).unwrap();
    let after = machine.take();
    let expected = [
        ("workspace/dir", Change::Metadata),
        ("workspace/dir/new", Change::Added),
        ("workspace/dir-b", Change::Modified),
        ("workspace/gone", Change::Removed),
        ("workspace/link", Change::Modified),
        ("workspace/mode", Change::Metadata),
        ("workspace/other", Change::Modified),
    ];
    let found = changes(&before, &after);
    let found: Vec<_> = found
        .iter()
        .map(|(path, how)| (path.as_str(), *how))
        .collect();
    // The clock of this kernel stands still: the same bytes, written again, are no change.
    assert_eq!(found, expected);
    let back = changes(&after, &before);
    assert!(back.contains(&("workspace/gone".into(), Change::Added)));
}

#[test]
fn a_tar_is_whole_blocks_and_the_same_in_any_pieces() {
    let mut machine = Machine::new();
    let long = format!("/workspace/{}", "n".repeat(200));
    machine.write(&long, 0, b"long");
    machine.write("/workspace/sparse", 200_000, b"end");
    machine
        .agent()
        .link(b"/workspace/sparse", b"/workspace/twin")
        .unwrap();
    let whole = |about: usize, files: Files| {
        let mut tar = Tar::new(files);
        let mut bytes = Vec::new();
        loop {
            let piece = tar.next_piece(about).unwrap();
            if piece.is_empty() {
                return bytes;
            }
            bytes.extend(piece);
        }
    };
    let one = whole(1, machine.take());
    assert_eq!(one.len() % 10_240, 0);
    assert!(one.windows(6).any(|window| window == b"ustar\0"));
    let path = format!("path=workspace/{}\n", "n".repeat(200));
    assert!(
        one.windows(path.len())
            .any(|window| window == path.as_bytes())
    );
    let other = whole(1 << 20, machine.take());
    assert!(one == other);
}
