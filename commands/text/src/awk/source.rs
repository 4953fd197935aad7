//! The texts of programs: files by `-f`, `-i` and `@include`, which `AWKPATH` is searched for.

use crate::{bytes, message};
use std::io::{self, Read};

/// Where gawk looks when `AWKPATH` says nothing.
const DEFAULT_PATH: &[u8] = b".:/usr/local/share/awk:/usr/share/awk";

fn read(name: &[u8]) -> io::Result<Vec<u8>> {
    if name == b"-" || name == b"/dev/stdin" {
        let mut text = Vec::new();
        io::stdin().read_to_end(&mut text)?;
        return Ok(text);
    }
    std::fs::read(bytes::path(name))
}

/// The path and text of a source file: as it is named, or in a folder of `AWKPATH`, also with `.awk` behind it.
///
/// # Errors
/// gawk's message.
pub fn find(name: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let mut failure = match read(name) {
        Ok(text) => return Ok((name.to_vec(), text)),
        Err(error) => error,
    };
    let path = std::env::var_os("AWKPATH").map_or_else(|| DEFAULT_PATH.to_vec(), bytes::from_os);
    for ending in [&b""[..], b".awk"] {
        let mut folders: Vec<&[u8]> = path.split(|&byte| byte == b':').collect();
        if name.contains(&b'/') {
            folders = vec![b""];
        }
        for folder in folders {
            let mut file = folder.to_vec();
            if !folder.is_empty() {
                file.push(b'/');
            }
            file.extend_from_slice(name);
            file.extend_from_slice(ending);
            match read(&file) {
                Ok(text) => return Ok((file, text)),
                Err(error) if error.kind() != io::ErrorKind::NotFound => failure = error,
                Err(_) => {}
            }
        }
    }
    Err(format!(
        "cannot open source file `{}' for reading: {}",
        String::from_utf8_lossy(name),
        message::reason(&failure)
    ))
}

/// The message for `-l` and `@load`: gawk's libraries are shared objects, which a command has no way to load.
pub fn no_library(name: &[u8]) -> String {
    format!(
        "cannot open shared library `{}' for reading: No such file or directory",
        String::from_utf8_lossy(name)
    )
}
