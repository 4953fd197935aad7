//! What is in compressed files (`-z`): what the programs make of it that unpack them.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use secure_exec_sys::fd::{self, O_CLOEXEC, O_RDONLY};
use secure_exec_sys::process::{self, Action};

use crate::run::start;
use secure_exec_sys::child::wait_for;

/// How compressed files begin, and what unpacks them.
const UNPACKERS: [(&[u8], &[&str]); 6] = [
    (b"\x1f\x8b", &["gzip", "-cdq"]),
    (b"\x1f\x9d", &["gzip", "-cdq"]),
    (b"BZh", &["bzip2", "-cd"]),
    (b"\xfd7zXZ\0", &["xz", "-cd"]),
    (b"\x28\xb5\x2f\xfd", &["zstd", "-cdq"]),
    (b"]\0\0", &["xz", "--format=lzma", "-cd"]),
];

/// The first bytes of what is in a compressed content; nothing if it is none or broken.
pub fn unpacked(content: &[u8], most: u64) -> Option<Vec<u8>> {
    let (_, command) = UNPACKERS
        .iter()
        .find(|(magic, _)| content.starts_with(magic))?;
    let folder = std::env::var_os("TMPDIR")
        .filter(|folder| !folder.is_empty())
        .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let path = folder.join(format!("file-{}", process::getpid()));
    let _ = std::fs::remove_file(&path);
    let written = std::fs::File::create_new(&path)
        .and_then(|mut file| io::Write::write_all(&mut file, content));
    let output = written.and_then(|()| output_of(command, path.clone(), most));
    let _ = std::fs::remove_file(&path);
    output.ok().filter(|output| !output.is_empty())
}

fn output_of(command: &[&str], input: PathBuf, most: u64) -> io::Result<Vec<u8>> {
    let command: Vec<OsString> = command.iter().map(OsString::from).collect();
    let (read, write) = fd::pipe(O_CLOEXEC)?;
    let open = |fd, path, flags| Action::Open {
        fd,
        path,
        flags,
        mode: 0,
    };
    let actions = vec![
        open(0, input, O_RDONLY),
        Action::Dup2 {
            oldfd: write,
            fd: 1,
        },
        open(2, PathBuf::from("/dev/null"), fd::O_WRONLY),
    ];
    let pid = start(&command, PathBuf::new(), actions);
    fd::close(write)?;
    let mut output = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    // What comes behind that is not waited for: the program ends as nobody reads on.
    while output.len() < most {
        match fd::read(read, &mut buffer) {
            Ok(0) => break,
            Ok(count) => output.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    fd::close(read)?;
    wait_for(pid?)?;
    Ok(output)
}
