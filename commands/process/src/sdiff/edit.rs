//! What an editor makes of lines that differ.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use secure_exec_cli::Failure;
use secure_exec_sys::{errno, process};

use super::merge::{Edit, Place, lines};
use super::trouble;
use crate::run::run;

/// Has `$EDITOR`, or `ed`, change a file with the lines that were asked for, and gives what is in it then.
pub fn edited(place: &Place<'_>, how: Edit) -> Result<Vec<u8>, Failure> {
    let folder = std::env::var_os("TMPDIR")
        .filter(|folder| !folder.is_empty())
        .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let path = folder.join(format!("sdiff-{}", process::getpid()));
    let failed = |error: io::Error| {
        let why = errno::message(&error);
        trouble(format!("{}: {why}", path.display()))
    };
    let mut text = Vec::new();
    for side in 0..2 {
        let is_wanted = match how {
            Edit::New => false,
            Edit::Left => side == 0,
            Edit::Right => side == 1,
            Edit::Both | Edit::Decorated => true,
        };
        if !is_wanted {
            continue;
        }
        if how == Edit::Decorated && !place.lines[side].is_empty() {
            let mark = ["---", "+++"][side];
            let range = &place.lines[side];
            let name = place.names[side].to_string_lossy();
            write!(text, "{mark} {name} {}", range.start + 1)?;
            if range.len() > 1 {
                write!(text, ",{}", range.end)?;
            }
            text.push(b'\n');
        }
        lines(&mut text, place.lines(side))?;
    }
    // The name is this process's own; what somebody else put there is not written to.
    let _ = fs::remove_file(&path);
    let mut file = fs::File::create_new(&path).map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    drop(file);
    let editor = std::env::var_os("EDITOR")
        .filter(|editor| !editor.is_empty())
        .unwrap_or_else(|| OsString::from("ed"));
    let shown = editor.to_string_lossy().into_owned();
    let status = run(&[editor, path.clone().into_os_string()], PathBuf::new());
    let content = fs::read(&path);
    let _ = fs::remove_file(&path);
    let status = status.map_err(|error| {
        let why = errno::message(&error);
        trouble(format!("{shown}: {why}"))
    })?;
    if status.exited() != Some(0) {
        let status = status.exited().unwrap_or(-1);
        return Err(trouble(format!(
            "subsidiary program '{shown}' failed (exit status {status})"
        )));
    }
    content.map_err(failed)
}
