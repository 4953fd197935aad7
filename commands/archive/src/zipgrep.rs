//! `zipgrep`: grep of the members of an archive.

use crate::unzip::Patterns;
use crate::zipfile::{self, Archive};
use secure_exec_cli::{Args, Failure, Outcome, bytes, os_string};
use secure_exec_sys::child::{self, Piped};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;

const TROUBLE: i32 = 2;

fn wrong(message: String) -> Failure {
    Failure {
        status: TROUBLE,
        message,
    }
}

pub fn main(args: Args) -> Outcome {
    let mut options: Vec<OsString> = Vec::new();
    let mut operands: Vec<Vec<u8>> = Vec::new();
    let mut list = args.list.iter();
    let mut pattern = None;
    while let Some(word) = list.next() {
        let text = bytes(word);
        if text == b"-e" {
            pattern = list.next().cloned();
        } else if operands.is_empty() && text.len() > 1 && text[0] == b'-' {
            options.push(word.clone());
        } else {
            operands.push(text.to_vec());
        }
    }
    let mut operands = operands.into_iter();
    let pattern = pattern.or_else(|| operands.next().map(os_string));
    let (Some(pattern), Some(name)) = (pattern, operands.next()) else {
        println!("usage: zipgrep [egrep_options] pattern zipfile [members...]");
        return Ok(1);
    };
    let mut path = PathBuf::from(os_string(name.as_slice()));
    if !path.exists() {
        path = os_string([&name[..], b".zip"].concat()).into();
    }
    let shown = path.display();
    let file = File::open(&path).map_err(|_| wrong(format!("cannot find or open {shown}")))?;
    let mut archive = Archive::open(file)
        .map_err(|_| wrong(format!("cannot find zipfile directory in {shown}")))?;
    let wanted: Vec<Vec<u8>> = operands.collect();
    let wanted = Patterns::new(&wanted);
    let bare = options.iter().any(|option| {
        let option = bytes(option);
        !option.starts_with(b"--") && option.contains(&b'h')
    });
    let mut status = 1;
    for entry in archive.entries.clone() {
        if entry.is_dir() || !wanted.is_empty() && !wanted.matches(&entry.name) {
            continue;
        }
        let Ok(mut data) = zipfile::open(&mut archive, &entry) else {
            eprintln!("{}: {}: cannot be read", args.name, entry.text_name());
            status = TROUBLE;
            continue;
        };
        let mut command: Vec<OsString> = vec!["grep".into(), "-E".into()];
        command.extend(options.iter().cloned());
        if !bare {
            command.push("-H".into());
        }
        command.push(os_string([b"--label=", &entry.name[..]].concat()));
        command.push("-e".into());
        command.push(pattern.clone());
        let mut grep = Piped::writing(child::program(&command), Some(1))?;
        match io::copy(&mut data, &mut grep) {
            // One that has found enough stops reading.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => status = TROUBLE,
            _ => {}
        }
        match grep.finish()?.exited() {
            Some(0) if status == 1 => status = 0,
            Some(0 | 1) => {}
            _ => status = TROUBLE,
        }
    }
    Ok(status)
}
