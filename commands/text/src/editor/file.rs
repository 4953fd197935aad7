//! Reading files into lines and writing them back.
//!
//! A file is written in place, as `vi` does: it keeps its number, owner, modes and links.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use secure_exec_sys::errno::{EFBIG, EISDIR};
use secure_exec_sys::path::{access, chmod, stat};
use secure_exec_sys::stat::Time;

use super::line::{Line, decode, encode};

/// The most that is read, in bytes and lines. Of the memory that a process has, a byte takes four, a line beside those 12, and
/// once more of each what is kept to be undone.
const LARGEST: u64 = 16 << 20;
const MOST_LINES: usize = 4 << 20;

/// What a file holds.
#[derive(Debug, Default)]
pub struct Content {
    pub lines: Vec<Line>,
    pub bytes: usize,
    /// All lines end with a carriage return before the newline.
    pub dos: bool,
    /// The last line has no newline.
    pub is_partial: bool,
}

/// What a file was when it was read or written: changed since, it is not written over.
pub type Seen = Option<(Time, u64)>;

pub fn seen(path: &Path) -> Seen {
    stat(path).ok().map(|found| (found.mtime, found.size))
}

/// Whether a file is there that may not be written.
pub fn is_protected(path: &Path) -> bool {
    const W_OK: i32 = 2;
    path.exists() && access(path, W_OK).is_err()
}

/// # Errors
/// As `open(2)` and `read(2)`; `EISDIR`: a directory; `EFBIG`: more than can be edited.
pub fn read(path: &Path) -> io::Result<Content> {
    if fs::metadata(path)?.is_dir() {
        return Err(io::Error::from_raw_os_error(EISDIR));
    }
    read_from(File::open(path)?)
}

/// Reads up to the end.
///
/// # Errors
/// As `read(2)`; `EFBIG`: more than can be edited.
pub fn read_from(input: impl Read) -> io::Result<Content> {
    let mut bytes = Vec::new();
    let length = input.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if length as u64 > LARGEST || memchr::memchr_iter(b'\n', &bytes).count() > MOST_LINES {
        return Err(io::Error::from_raw_os_error(EFBIG));
    }
    Ok(content(&bytes))
}

/// Lines of bytes.
pub fn content(bytes: &[u8]) -> Content {
    let is_partial = bytes.last().is_some_and(|&byte| byte != b'\n');
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let raw = || {
        let lines = whole.split(|&byte| byte == b'\n');
        lines.take(if bytes.is_empty() { 0 } else { usize::MAX })
    };
    let dos = !bytes.is_empty() && !is_partial && raw().all(|line| line.ends_with(b"\r"));
    let end = usize::from(dos);
    Content {
        lines: raw()
            .map(|line| decode(&line[..line.len() - end]))
            .collect(),
        bytes: bytes.len(),
        dos,
        is_partial,
    }
}

/// Writes lines, each with its end; gives the number of bytes.
///
/// # Errors
/// As `write(2)`.
pub fn write_lines(out: impl Write, lines: &[Line], dos: bool) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let end: &[u8] = if dos { b"\r\n" } else { b"\n" };
    let mut count = 0;
    for line in lines {
        let bytes = encode(line);
        out.write_all(&bytes)?;
        out.write_all(end)?;
        count += (bytes.len() + end.len()) as u64;
    }
    out.flush()?;
    Ok(count)
}

/// Writes a file in place, or appends to it; gives the number of bytes.
///
/// # Errors
/// As `open(2)` and `write(2)`. What was there may be lost if there is no room; what is edited is not.
pub fn write(path: &Path, lines: &[Line], dos: bool, append: bool) -> io::Result<u64> {
    let mut options = File::options();
    if append {
        options.append(true);
    } else {
        // Cut off only behind what was written: a device that is full leaves more.
        options.write(true).truncate(false);
    }
    let file = options.create(true).open(path)?;
    let count = write_lines(&file, lines, dos)?;
    if !append && file.metadata().is_ok_and(|found| found.is_file()) {
        file.set_len(count)?;
    }
    Ok(count)
}

/// Writes a file whose modes forbid it, as its owner may: they are as before afterwards.
///
/// # Errors
/// As `chmod(2)`, `open(2)` and `write(2)`.
pub fn write_anyway(path: &Path, lines: &[Line], dos: bool) -> io::Result<u64> {
    let mode = stat(path)?.mode & 0o7777;
    chmod(path, mode | 0o200)?;
    let written = write(path, lines, dos, false);
    chmod(path, mode)?;
    written
}

/// Puts lines beside a file, as `name.save`, or `name.save.1` and so on: never over what is there.
pub fn rescue(path: &Path, lines: &[Line], dos: bool) {
    for number in 0..1000 {
        let mut name = path.as_os_str().to_owned();
        name.push(".save");
        if number > 0 {
            name.push(format!(".{number}"));
        }
        match File::options().write(true).create_new(true).open(&name) {
            Ok(file) => {
                // There is nobody left to tell.
                let _ = write_lines(&file, lines, dos);
                return;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{content, read_from};

    #[test]
    fn lines_end_as_they_do_in_the_file() {
        let lines = |bytes: &[u8]| {
            let found = content(bytes);
            (found.lines.len(), found.dos, found.is_partial)
        };
        assert_eq!(lines(b""), (0, false, false));
        assert_eq!(lines(b"\n"), (1, false, false));
        assert_eq!(lines(b"a\n\nb"), (3, false, true));
        assert_eq!(lines(b"a\r\nb\r\n"), (2, true, false));
        assert_eq!(lines(b"a\r\nb\n"), (2, false, false));
    }

    #[test]
    fn what_is_too_large_is_refused() {
        assert!(read_from(std::io::repeat(b'\n')).is_err());
        assert!(read_from(std::io::repeat(b'x')).is_err());
    }
}
