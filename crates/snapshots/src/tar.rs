//! Files as a tar: the interchange format of POSIX (pax), which is ustar with records for what that has no room for.

use std::collections::HashMap;
use std::io;

use secure_exec_kernel::{ImageContents, ImageFile, ImageKind, Walk};

use crate::files::Files;

const BLOCK: usize = 512;
/// What fits into the fields of a ustar header.
const LONGEST_NAME: usize = 100;
const LARGEST_OCTAL_8: u64 = 0o7_777_777;
const LARGEST_OCTAL_12: u64 = 0o77_777_777_777;
/// Two blocks of zeroes end an archive; readers take whole records of twenty.
const RECORD: u64 = 20 * BLOCK as u64;

/// A tar that is written piece by piece. Its memory is that of the image, of the paths of files with several, and of a piece.
pub struct Tar {
    files: Files,
    walk: Walk,
    /// The first name of each file that is there and has several.
    names: HashMap<u64, Vec<u8>>,
    /// The file whose bytes are being written, and how many were.
    current: Option<(u64, u64)>,
    written: u64,
    is_ended: bool,
}

impl Tar {
    /// Begins.
    #[must_use]
    pub fn new(files: Files) -> Tar {
        Tar {
            walk: Walk::new(&files.image),
            files,
            names: HashMap::new(),
            current: None,
            written: 0,
            is_ended: false,
        }
    }

    /// The next piece, of about so many bytes; an empty one is the end.
    ///
    /// # Errors
    /// Bytes cannot be read.
    pub fn next_piece(&mut self, about: usize) -> io::Result<Vec<u8>> {
        let mut piece = Vec::with_capacity(about);
        while piece.len() < about && !self.is_ended {
            match self.current {
                Some((ino, at)) => self.add_bytes(ino, at, about, &mut piece)?,
                None => match self.walk.step(&self.files.image) {
                    Some((path, ino)) => self.add_file(path, ino, &mut piece),
                    None => self.add_end(&mut piece),
                },
            }
        }
        self.written += piece.len() as u64;
        Ok(piece)
    }

    fn add_bytes(
        &mut self,
        ino: u64,
        at: u64,
        about: usize,
        piece: &mut Vec<u8>,
    ) -> io::Result<()> {
        let contents = self.files.image.file(ino).map(|file| file.kind);
        let Some(ImageKind::Regular(contents)) = contents else {
            self.current = None;
            return Ok(());
        };
        let left = contents.size.saturating_sub(at);
        let room = about.saturating_sub(piece.len()).max(BLOCK);
        let count = usize::try_from(left).unwrap_or(room).min(room);
        let start = piece.len();
        piece.resize(start + count, 0);
        self.files
            .read(contents, at, piece.get_mut(start..).unwrap_or_default())?;
        let at = at + count as u64;
        self.current = Some((ino, at)).filter(|_| at < contents.size);
        if self.current.is_none() {
            pad(piece, contents.size);
        }
        Ok(())
    }

    fn add_file(&mut self, path: Vec<u8>, ino: u64, piece: &mut Vec<u8>) {
        let Some(file) = self.files.image.file(ino) else {
            return;
        };
        let is_directory = matches!(file.kind, ImageKind::Directory);
        let name = match is_directory {
            true => [&path[..], b"/"].concat(),
            false => path.clone(),
        };
        if let Some(first) = self.names.get(&ino) {
            let (size, link) = (0, first.clone());
            return add_header(
                piece,
                &Entry {
                    kind: b'1',
                    name,
                    link,
                    size,
                    file,
                },
            );
        }
        let (kind, link, size) = match file.kind {
            ImageKind::Regular(ImageContents { size, .. }) => (b'0', Vec::new(), size),
            ImageKind::Symlink(target) => (b'2', target.to_vec(), 0),
            ImageKind::Directory => (b'5', Vec::new(), 0),
            ImageKind::Fifo => (b'6', Vec::new(), 0),
        };
        add_header(
            piece,
            &Entry {
                kind,
                name,
                link,
                size,
                file,
            },
        );
        if size > 0 {
            self.current = Some((ino, 0));
        }
        if self.files.image.is_linked(ino) {
            self.names.insert(ino, path);
        }
    }

    fn add_end(&mut self, piece: &mut Vec<u8>) {
        self.is_ended = true;
        let written = self.written + piece.len() as u64;
        let end = (written + 2 * BLOCK as u64).next_multiple_of(RECORD);
        let zeroes = usize::try_from(end - written).unwrap_or(2 * BLOCK);
        piece.resize(piece.len() + zeroes, 0);
    }
}

/// What a header says.
struct Entry<'a> {
    kind: u8,
    name: Vec<u8>,
    link: Vec<u8>,
    size: u64,
    file: ImageFile<'a>,
}

fn add_header(to: &mut Vec<u8>, entry: &Entry<'_>) {
    let records = pax_records(entry);
    if !records.is_empty() {
        let mut header = Header::new(b'x');
        header.put(0, b"pax");
        header.number(100, 8, 0o644);
        header.number(124, 12, records.len() as u64);
        header.finish(to);
        to.extend_from_slice(&records);
        pad(to, records.len() as u64);
    }
    let file = &entry.file;
    let (seconds, _) = file.mtime;
    let mut header = Header::new(entry.kind);
    header.put(0, entry.name.get(..LONGEST_NAME).unwrap_or(&entry.name));
    header.number(100, 8, file.mode.into());
    header.number(108, 8, u64::from(file.uid).min(LARGEST_OCTAL_8));
    header.number(116, 8, u64::from(file.gid).min(LARGEST_OCTAL_8));
    header.number(124, 12, entry.size.min(LARGEST_OCTAL_12));
    header.number(
        136,
        12,
        u64::try_from(seconds).unwrap_or(0).min(LARGEST_OCTAL_12),
    );
    header.put(157, entry.link.get(..LONGEST_NAME).unwrap_or(&entry.link));
    header.finish(to);
}

/// What a ustar header has no room for: long names, those that are no ASCII, fractions of seconds, large numbers.
fn pax_records(entry: &Entry<'_>) -> Vec<u8> {
    let mut records = Vec::new();
    let needs = |name: &[u8]| {
        let is_text = std::str::from_utf8(name).is_ok();
        name.len() > LONGEST_NAME || (is_text && !name.is_ascii())
    };
    let names = [(&b"path"[..], &entry.name), (b"linkpath", &entry.link)];
    let names = names.map(|(key, name)| (key, name, needs(name)));
    let is_binary =
        |(_, name, needs): &(_, &Vec<u8>, bool)| *needs && std::str::from_utf8(name).is_err();
    if names.iter().any(is_binary) {
        add_record(&mut records, b"hdrcharset", b"BINARY");
    }
    for (key, name, needs) in names {
        if needs {
            add_record(&mut records, key, name);
        }
    }
    let (seconds, nanos) = entry.file.mtime;
    if nanos > 0 || !(0..=LARGEST_OCTAL_12.cast_signed()).contains(&seconds) {
        add_record(&mut records, b"mtime", time(seconds, nanos).as_bytes());
    }
    let numbers = [
        (&b"uid"[..], u64::from(entry.file.uid), LARGEST_OCTAL_8),
        (b"gid", entry.file.gid.into(), LARGEST_OCTAL_8),
        (b"size", entry.size, LARGEST_OCTAL_12),
    ];
    for (key, value, largest) in numbers {
        if value > largest {
            add_record(&mut records, key, value.to_string().as_bytes());
        }
    }
    records
}

/// Seconds with their fraction, which counts forward in time before 1970 too.
fn time(seconds: i64, nanos: u32) -> String {
    match (seconds, nanos) {
        (_, 0) => seconds.to_string(),
        (..0, _) => format!(
            "-{}.{:09}",
            (seconds + 1).unsigned_abs(),
            1_000_000_000 - nanos
        ),
        _ => format!("{seconds}.{nanos:09}"),
    }
}

/// `<length> <key>=<value>\n`, whose length counts itself.
fn add_record(to: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    to.extend_from_slice(length.to_string().as_bytes());
    for part in [b" ", key, b"=", value, b"\n"] {
        to.extend_from_slice(part);
    }
}

/// Fills the last block of so many bytes.
fn pad(to: &mut Vec<u8>, bytes: u64) {
    let over = usize::try_from(bytes % BLOCK as u64).unwrap_or(0);
    if over > 0 {
        to.resize(to.len() + BLOCK - over, 0);
    }
}

/// A block that tells of a file (pax(1), ustar interchange format).
struct Header([u8; BLOCK]);

impl Header {
    fn new(kind: u8) -> Header {
        let mut header = Header([0; BLOCK]);
        header.put(156, &[kind]);
        header.put(257, b"ustar\x0000");
        header.number(329, 8, 0);
        header.number(337, 8, 0);
        header
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// Octal digits, and a zero behind them.
    fn number(&mut self, at: usize, width: usize, value: u64) {
        let digits = width - 1;
        self.put(at, format!("{value:0digits$o}").as_bytes());
    }

    /// Puts the sum in, which is made with blanks in its place.
    fn finish(mut self, to: &mut Vec<u8>) {
        self.put(148, b"        ");
        let sum: u64 = self.0.iter().map(|byte| u64::from(*byte)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes());
        to.extend_from_slice(&self.0);
    }
}
