//! What a command reads.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};

use secure_exec_cli::warn;
use secure_exec_sys::errno;

/// The bytes of a file, or of standard input for `-`.
///
/// # Errors
/// As `open(2)` and `read(2)`.
pub fn read(name: &OsStr) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if name == "-" {
        io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        File::open(name)?.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The operands, or standard input where there are none.
pub fn operands(list: &[OsString]) -> Vec<OsString> {
    if list.is_empty() {
        vec!["-".into()]
    } else {
        list.to_vec()
    }
}

/// All files one behind the other, and whether one of them was not read, which is told.
pub fn joined(command: &str, list: &[OsString]) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    let mut failed = false;
    for name in operands(list) {
        match read(&name) {
            Ok(bytes) => all.extend_from_slice(&bytes),
            Err(error) => {
                failed = true;
                complain(command, &name, &error);
            }
        }
    }
    (all, failed)
}

/// Says `command: name: why`.
pub fn complain(command: &str, name: &OsStr, error: &io::Error) {
    let name = name.to_string_lossy();
    warn(command, format_args!("{name}: {}", errno::message(error)));
}
