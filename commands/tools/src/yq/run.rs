//! Runs `jq`.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secure_exec_cli::{Failure, fail};
use secure_exec_sys::child::{self, Piped, high};
use secure_exec_sys::fd::{self, O_CLOEXEC, O_CREAT, O_EXCL, O_RDONLY, O_WRONLY};
use secure_exec_sys::process;
use secure_exec_sys::{Fd, errno};

use super::filter::MARK;
use super::value::{Value, read_json};

/// What jq made of each document.
pub struct Results {
    pub documents: Vec<Vec<Value>>,
    pub status: i32,
}

/// Gives values to jq. What is wrong with the program or a value jq says itself.
///
/// # Errors
/// jq cannot be run, or prints what is no JSON.
pub fn jq(arguments: &[OsString], inputs: &[Value]) -> Result<Results, Failure> {
    let mut text = String::new();
    for value in inputs {
        value.write_json(0, &mut text);
        text.push('\n');
    }
    let cannot = |error: io::Error| fail(format!("Error running jq: {}.", errno::message(&error)));
    let (printed, status) = run(arguments, text.as_bytes()).map_err(cannot)?;
    let values = read_json(&String::from_utf8_lossy(&printed))
        .map_err(|what| fail(format!("Error: what jq printed: {what}")))?;
    let mut documents = vec![Vec::new()];
    for value in values {
        if matches!(&value, Value::Text(text) if text == MARK) {
            documents.push(Vec::new());
        } else if let Some(last) = documents.last_mut() {
            last.push(value);
        }
    }
    Ok(Results { documents, status })
}

fn run(arguments: &[OsString], input: &[u8]) -> io::Result<(Vec<u8>, i32)> {
    let input = held(input)?;
    let mut args: Vec<OsString> = vec!["jq".into()];
    args.extend(arguments.iter().cloned());
    let piped = Piped::reading(child::program(&args), Some(input));
    fd::close(input)?;
    let mut piped = piped?;
    let mut printed = Vec::new();
    piped.read_to_end(&mut printed)?;
    Ok((printed, piped.finish()?.shell_status()))
}

/// A file without a name that has this content, to be read: a pipe would be full before jq begins to write.
fn held(content: &[u8]) -> io::Result<Fd> {
    let folder = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let (name, writer) = created(&folder)?;
    let reader = fd::open(&name, O_RDONLY | O_CLOEXEC, 0);
    let removed = fs::remove_file(&name);
    let written = fd::write_all(writer, content);
    fd::close(writer)?;
    removed?;
    written?;
    high(reader?)
}

fn created(folder: &Path) -> io::Result<(PathBuf, Fd)> {
    let pid = process::getpid();
    let mut number = 0;
    loop {
        let name = folder.join(format!(".yq{pid}-{number}"));
        match fd::open(&name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) {
            Ok(writer) => return Ok((name, writer)),
            Err(error) if errno::is(&error, errno::EEXIST) => number += 1,
            Err(error) => return Err(error),
        }
    }
}
