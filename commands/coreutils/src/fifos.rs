//! FIFOs as operands of a tool that opens its files twice.

use std::ffi::{OsStr, OsString};
use std::io;

use secure_exec_sys::path::stat;
use secure_exec_sys::stat::S_IFIFO;
use secure_exec_sys::{Fd, fd, process};

/// Bytes that are passed on at a time.
const CHUNK: usize = 1 << 16;

/// Puts a nameless pipe in the place of each operand that is a FIFO. uutils' sort opens its files once to see whether
/// it can, which would take the place of the reader that the writer of a FIFO waits for.
///
/// # Errors
/// Those of `open(2)`, `pipe(2)` and `fork(2)`.
pub fn as_pipes(list: &mut [OsString]) -> io::Result<()> {
    let mut is_value = false;
    for word in list.iter_mut().skip(1) {
        if !is_value && is_fifo(word) {
            *word = format!("/dev/fd/{}", copied(word)?).into();
        }
        let text = word.to_string_lossy();
        let is_cluster = text.starts_with('-') && !text.starts_with("--");
        is_value = text == "--output" || is_cluster && text.ends_with('o');
    }
    Ok(())
}

fn is_fifo(word: &OsStr) -> bool {
    stat(word).is_ok_and(|found| found.kind() == S_IFIFO)
}

/// The end of a pipe into which a copy of this process puts what comes out of the FIFO.
fn copied(name: &OsStr) -> io::Result<Fd> {
    let source = fd::open(name, fd::O_RDONLY | fd::O_CLOEXEC, 0)?;
    let (read, write) = fd::pipe(fd::O_CLOEXEC)?;
    process::fork_call(|| {
        // Without this end the copy ends with the process it works for.
        let _ = fd::close(read);
        i32::from(copy(source, write).is_err())
    })?;
    fd::close(source)?;
    fd::close(write)?;
    Ok(read)
}

fn copy(source: Fd, sink: Fd) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = fd::read(source, &mut buffer)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        fd::write_all(sink, bytes)?;
    }
}
