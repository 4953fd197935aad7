//! Open files: databases, their journals and logs, and temporary ones.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

use libsqlite3_sys as ffi;
use secure_exec_kernel::{Errno, Fd, OpenFlags, Process};

use super::locks::Claim;
use super::{guest, name, path, shared_memory};
use crate::callback::contain_bare;

/// Mode of a file that belongs to no other.
const MODE: u32 = 0o644;

/// What a page is written in, in one piece or not at all.
const SECTOR: c_int = 4096;

/// What SQLite knows of an open file.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    open: Option<Box<OpenFile>>,
}

/// Bytes that SQLite sets aside for a file.
pub(super) const SIZE: c_int = 16;

const _: () = assert!(size_of::<File>() == 16, "what SQLite sets aside is a file");

/// An open file of the guest's.
pub(super) struct OpenFile {
    process: Arc<Process>,
    fd: Fd,
    /// Absent for a temporary file, which has no name any more.
    path: Option<Vec<u8>>,
    /// Of a database.
    pub(super) claim: Option<Claim>,
    pub(super) has_shared_memory: bool,
    /// The write-ahead log stays when the last connection closes.
    keeps_log: bool,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.leave_shared_memory();
        // A process that has ended has closed its files.
        let _ = self.process.close(self.fd);
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shared_memory::map),
    xShmLock: Some(shared_memory::lock),
    xShmBarrier: Some(shared_memory::barrier),
    xShmUnmap: Some(shared_memory::unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Runs `body` with an open file. None where it is none, or after a panic.
///
/// # Safety
/// The file is one that [`open`] has made, and nothing else uses it now.
pub(super) unsafe fn with_file<T>(
    file: *mut ffi::sqlite3_file,
    body: impl FnOnce(&mut OpenFile) -> T,
) -> Option<T> {
    // SAFETY: by the caller.
    let open = unsafe { (*file.cast::<File>()).open.as_deref_mut() }?;
    contain_bare(|| body(open))
}

/// As [`with_file`], for what gives a result code; `failed` where there is none.
///
/// # Safety
/// As [`with_file`].
unsafe fn on_file(
    file: *mut ffi::sqlite3_file,
    failed: c_int,
    body: impl FnOnce(&mut OpenFile) -> Result<(), c_int>,
) -> c_int {
    // SAFETY: by the caller.
    match unsafe { with_file(file, body) } {
        Some(Ok(())) => ffi::SQLITE_OK,
        Some(Err(code)) => code,
        None => failed,
    }
}

pub(super) unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: null or a name, by SQLite.
    let path = (!path.is_null()).then(|| unsafe { name(path) });
    let opened = contain_bare(|| open_file(path, flags)).unwrap_or(Err(ffi::SQLITE_CANTOPEN));
    let (open, code) = match opened {
        Ok((open, flags)) => {
            if !out_flags.is_null() {
                // SAFETY: by SQLite.
                unsafe { out_flags.write(flags) };
            }
            (Some(Box::new(open)), ffi::SQLITE_OK)
        }
        Err(code) => (None, code),
    };
    let methods = if open.is_some() {
        &raw const METHODS
    } else {
        std::ptr::null()
    };
    let base = ffi::sqlite3_file { pMethods: methods };
    // SAFETY: SQLite has set `SIZE` bytes aside, and closes only what has methods.
    unsafe { file.cast::<File>().write(File { base, open }) };
    code
}

/// The open file, and how it was opened.
fn open_file(path: Option<&[u8]>, flags: c_int) -> Result<(OpenFile, c_int), c_int> {
    let process = guest().ok_or(ffi::SQLITE_CANTOPEN)?;
    let temporary = match path {
        Some(_) => None,
        None => Some(path::temporary(&process).ok_or(ffi::SQLITE_IOERR_GETTEMPPATH)?),
    };
    let named = path.or(temporary.as_deref()).unwrap_or_default();
    let mut how = OpenFlags::O_CLOEXEC | OpenFlags::O_NOFOLLOW;
    how.set(OpenFlags::O_RDWR, flags & ffi::SQLITE_OPEN_READWRITE != 0);
    how.set(OpenFlags::O_CREAT, flags & ffi::SQLITE_OPEN_CREATE != 0);
    how.set(
        OpenFlags::O_EXCL,
        flags & ffi::SQLITE_OPEN_EXCLUSIVE != 0 || temporary.is_some(),
    );
    let (fd, flags) = match process.open(named, how, mode_for(&process, named, flags)) {
        Ok(fd) => (fd, flags),
        // What may not be written is read, if that is possible.
        Err(errno) if errno != Errno::EISDIR && how.contains(OpenFlags::O_RDWR) => {
            let how = how - (OpenFlags::O_RDWR | OpenFlags::O_CREAT);
            let fd = process.open(named, how, 0);
            let flags = flags & !(ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE);
            (
                fd.map_err(|_| ffi::SQLITE_CANTOPEN)?,
                flags | ffi::SQLITE_OPEN_READONLY,
            )
        }
        Err(_) => return Err(ffi::SQLITE_CANTOPEN),
    };
    let mut open = OpenFile {
        process,
        fd,
        path: path.map(<[u8]>::to_vec),
        claim: None,
        has_shared_memory: false,
        keeps_log: false,
    };
    if let Some(temporary) = temporary {
        let _ = open.process.unlink(&temporary);
    } else if flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0 {
        let _ = open.process.unlink(named);
        open.path = None;
    }
    if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
        let found = open.process.fstat(fd).map_err(|_| ffi::SQLITE_CANTOPEN)?;
        open.claim = Claim::new(&open.process, &found);
    }
    Ok((open, flags))
}

/// Who may read a database may read its journal: `findCreateFileMode`.
fn mode_for(process: &Process, path: &[u8], flags: c_int) -> u32 {
    let beside_a_database = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;
    if flags & beside_a_database != 0 {
        let database = process.stat(path::database_of(path));
        return database.map_or(MODE, |database| database.mode & 0o777);
    }
    if flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0 {
        return 0o600;
    }
    MODE
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: a file of ours, by SQLite, which uses it no more.
    let open = unsafe { (*file.cast::<File>()).open.take() };
    contain_bare(|| drop(open));
    ffi::SQLITE_OK
}

/// An offset or a size that SQLite gives.
fn offset(number: ffi::sqlite3_int64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    size: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    let length = usize::try_from(size).unwrap_or(0);
    // SAFETY: SQLite has room for `size` bytes there, of memory that it has initialised or that is plain bytes.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
    // SAFETY: a file of ours, by SQLite.
    unsafe {
        on_file(file, ffi::SQLITE_IOERR_READ, |file| {
            let mut done = 0;
            while done < buffer.len() {
                let at = offset(at) + done as u64;
                match file.process.pread(file.fd, &mut buffer[done..], at) {
                    Ok(0) => break,
                    Ok(count) => done += count,
                    Err(Errno::EINTR) => {}
                    Err(_) => return Err(ffi::SQLITE_IOERR_READ),
                }
            }
            if done < buffer.len() {
                buffer[done..].fill(0);
                return Err(ffi::SQLITE_IOERR_SHORT_READ);
            }
            Ok(())
        })
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    size: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    let length = usize::try_from(size).unwrap_or(0);
    // SAFETY: SQLite has `size` bytes there.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) };
    // SAFETY: a file of ours, by SQLite.
    unsafe {
        on_file(file, ffi::SQLITE_IOERR_WRITE, |file| {
            let mut done = 0;
            while done < bytes.len() {
                let at = offset(at) + done as u64;
                match file.process.pwrite(file.fd, &bytes[done..], at) {
                    Ok(0) | Err(Errno::ENOSPC | Errno::EDQUOT) => return Err(ffi::SQLITE_FULL),
                    Ok(count) => done += count,
                    Err(Errno::EINTR) => {}
                    Err(_) => return Err(ffi::SQLITE_IOERR_WRITE),
                }
            }
            Ok(())
        })
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: a file of ours, by SQLite.
    unsafe {
        on_file(file, ffi::SQLITE_IOERR_TRUNCATE, |file| {
            let truncated = file.process.ftruncate(file.fd, offset(size));
            truncated.map_err(|_| ffi::SQLITE_IOERR_TRUNCATE)
        })
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: a file of ours, by SQLite.
    unsafe {
        on_file(file, ffi::SQLITE_IOERR_FSYNC, |file| {
            let synced = if flags & ffi::SQLITE_SYNC_DATAONLY != 0 {
                file.process.fdatasync(file.fd)
            } else {
                file.process.fsync(file.fd)
            };
            synced.map_err(|_| ffi::SQLITE_IOERR_FSYNC)
        })
    }
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    result: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: a file of ours, and room for its size, by SQLite.
    unsafe {
        on_file(file, ffi::SQLITE_IOERR_FSTAT, |file| {
            let found = file.process.fstat(file.fd);
            let size = found.map_err(|_| ffi::SQLITE_IOERR_FSTAT)?.size;
            result.write(i64::try_from(size).unwrap_or(i64::MAX));
            Ok(())
        })
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: a file of ours, by SQLite.
    let code = unsafe { with_file(file, |file| Some(file.claim.as_ref()?.lock(level))) };
    code.flatten().unwrap_or(ffi::SQLITE_OK)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: a file of ours, by SQLite.
    unsafe {
        with_file(file, |file| {
            if let Some(claim) = &file.claim {
                claim.unlock(level);
            }
        });
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(
    file: *mut ffi::sqlite3_file,
    result: *mut c_int,
) -> c_int {
    // SAFETY: a file of ours, by SQLite.
    let reserved = unsafe { with_file(file, |file| Some(file.claim.as_ref()?.is_reserved())) };
    // SAFETY: by SQLite.
    unsafe { result.write(c_int::from(reserved.flatten().unwrap_or(false))) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    let argument = argument.cast::<c_int>();
    match operation {
        // SAFETY: the argument of both is a number, and the file one of ours, by SQLite.
        ffi::SQLITE_FCNTL_HAS_MOVED => unsafe {
            on_file(file, ffi::SQLITE_IOERR, |file| {
                argument.write(c_int::from(file.has_moved()));
                Ok(())
            })
        },
        // SAFETY: as above.
        ffi::SQLITE_FCNTL_PERSIST_WAL => unsafe {
            on_file(file, ffi::SQLITE_IOERR, |file| {
                match argument.read() {
                    0 => file.keeps_log = false,
                    1.. => file.keeps_log = true,
                    _ => {}
                }
                argument.write(c_int::from(file.keeps_log));
                Ok(())
            })
        },
        _ => ffi::SQLITE_NOTFOUND,
    }
}

impl OpenFile {
    /// Whether the file has another name than that it was opened by, or none.
    fn has_moved(&self) -> bool {
        let Some(path) = &self.path else { return false };
        let opened = self.process.fstat(self.fd);
        let named = self.process.stat(path);
        match (opened, named) {
            (Ok(opened), Ok(named)) => (opened.dev, opened.ino) != (named.dev, named.ino),
            _ => true,
        }
    }
}

unsafe extern "C" fn sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    SECTOR
}

unsafe extern "C" fn device_characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE | ffi::SQLITE_IOCAP_SUBPAGE_READ
}
