//! The command line of a VM process.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::Instant;

use secure_exec_node::{Snapshot, V8Options, initialize_v8};
use secure_exec_protocol::Phase;

use crate::lockdown::{self, Confinement};
use crate::profile;
use crate::runtimes::Runtimes;
use crate::server;

/// The descriptor on which the host's end of the socket is.
const SOCKET_FD: i32 = 3;

/// `sysexits.h`: EX_SOFTWARE, EX_NOINPUT, EX_USAGE.
const INTERNAL_ERROR: i32 = 70;
const NO_SNAPSHOT: i32 = 66;
const USAGE: i32 = 64;

/// Runs a VM process and gives its exit status.
///
/// - `<launcher> <addon> <parent> <snapshot> <its identity>` serves.
/// - `<launcher> --mksnapshot <addon> <file>` makes the startup snapshot.
/// - `<launcher> --precompile <addon> <module> <file>` compiles a WebAssembly command.
#[must_use]
pub fn vm_main(arguments: &[OsString]) -> i32 {
    let run = || {
        if arguments
            .get(1)
            .is_some_and(|argument| argument == "--mksnapshot")
        {
            return match arguments.get(3) {
                Some(file) => make_snapshot(Path::new(file)),
                None => USAGE,
            };
        }
        if arguments
            .get(1)
            .is_some_and(|argument| argument == "--precompile")
        {
            return match (arguments.get(3), arguments.get(4)) {
                (Some(module), Some(file)) => precompile(Path::new(module), Path::new(file)),
                _ => USAGE,
            };
        }
        let (Some(snapshot), Some(identity)) = (arguments.get(3), arguments.get(4)) else {
            return USAGE;
        };
        serve_process(Path::new(snapshot), &identity.to_string_lossy())
    };
    // The panic hook has said what there is to say.
    catch_unwind(run).unwrap_or(INTERNAL_ERROR)
}

fn serve_process(snapshot: &Path, identity: &str) -> i32 {
    let start = Instant::now();
    let Ok(snapshot) = map_verified(snapshot, identity) else {
        return NO_SNAPSHOT;
    };
    initialize_v8(V8Options::default());
    if lockdown::confine().is_err() {
        return INTERNAL_ERROR;
    }
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let phases = vec![Phase {
        name: "engine".into(),
        micros,
    }];
    // SAFETY: the launcher's contract; nobody else in this process knows of the descriptor.
    let socket = unsafe { OwnedFd::from_raw_fd(SOCKET_FD) };
    let Ok(snapshot) = snapshot.map(parse_snapshot).transpose() else {
        return NO_SNAPSHOT;
    };
    let guests = Box::new(Runtimes::new(snapshot));
    let status = match server::serve(socket, guests, Confinement::Process, phases) {
        Ok(()) => 0,
        Err(_) => INTERNAL_ERROR,
    };
    // Guest threads may be anywhere in V8: its destructors must not run under them.
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(status) }
}

/// Serves a socket on the calling thread of a process that is not ours.
pub fn serve_in_process(socket: OwnedFd, snapshot: Option<&Path>) {
    let run = || {
        initialize_v8(V8Options::default());
        let snapshot = snapshot.and_then(|path| map_file(&File::open(path).ok()?).ok());
        let snapshot = snapshot.and_then(|bytes| parse_snapshot(bytes).ok());
        let guests = Box::new(Runtimes::new(snapshot));
        // A broken socket is seen by the host as the end of this server.
        let _ = server::serve(socket, guests, Confinement::None, Vec::new());
    };
    // The host sees the socket close and settles its calls.
    let _ = catch_unwind(std::panic::AssertUnwindSafe(run));
}

/// Maps the snapshot whose content the host has verified: it must still be the same file, unchanged.
fn map_verified(path: &Path, identity: &str) -> io::Result<Option<&'static [u8]>> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let file = File::open(path)?;
    let stat = file.metadata()?;
    let found = format!(
        "{}:{}:{}:{}.{}",
        stat.dev(),
        stat.ino(),
        stat.size(),
        stat.mtime(),
        stat.mtime_nsec()
    );
    if found != identity {
        return Err(io::Error::other(
            "the snapshot is not the one that was verified",
        ));
    }
    map_file(&file).map(Some)
}

/// Maps a file read-only for the life of the process.
fn map_file(file: &File) -> io::Result<&'static [u8]> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    // SAFETY: a new mapping, never unmapped. The installation's files are replaced, not written into.
    unsafe {
        let address = libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ,
            libc::MAP_PRIVATE,
            file.as_raw_fd(),
            0,
        );
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(std::slice::from_raw_parts(address.cast(), length))
    }
}

fn parse_snapshot(bytes: &'static [u8]) -> Result<&'static Snapshot, String> {
    Ok(Box::leak(Box::new(Snapshot::parse(bytes)?)))
}

fn make_snapshot(file: &Path) -> i32 {
    initialize_v8(V8Options::default());
    let made = profile::run()
        .and_then(|()| Snapshot::create())
        .and_then(|bytes| std::fs::write(file, bytes).map_err(|error| error.to_string()));
    match made {
        Ok(()) => 0,
        Err(message) => {
            // With stderr gone there is nobody left to tell.
            let _ = writeln!(
                io::stderr(),
                "secure-exec: the snapshot was not made: {message}"
            );
            INTERNAL_ERROR
        }
    }
}

fn precompile(module: &Path, file: &Path) -> i32 {
    let compiled = std::fs::read(module)
        .map_err(|error| error.to_string())
        .and_then(|bytes| secure_exec_wasm::precompile(&bytes))
        .and_then(|bytes| std::fs::write(file, bytes).map_err(|error| error.to_string()));
    match compiled {
        Ok(()) => 0,
        Err(message) => {
            // With stderr gone there is nobody left to tell.
            let _ = writeln!(
                io::stderr(),
                "secure-exec: {} was not compiled: {message}",
                module.display()
            );
            INTERNAL_ERROR
        }
    }
}
