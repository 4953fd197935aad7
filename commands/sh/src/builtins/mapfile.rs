//! `mapfile` and `readarray`.

use secure_exec_sys as sys;

use crate::shell::{Exec, Shell};
use crate::text;
use crate::variables::Value;

pub fn mapfile(shell: &mut Shell, words: &[String]) -> Exec {
    let (mut strip, mut fd, mut delimiter) = (false, 0, b'\n');
    let (mut most, mut skip, mut origin) = (usize::MAX, 0, None);
    let mut at = 1;
    while let Some(word) = words.get(at).filter(|w| w.starts_with('-') && w.len() > 1) {
        at += 1;
        if word == "--" {
            break;
        }
        let letter = word[1..].chars().next().unwrap_or(' ');
        if letter == 't' {
            strip = true;
            continue;
        }
        let argument = if word.len() > 2 {
            word[2..].to_owned()
        } else {
            at += 1;
            words.get(at - 1).cloned().unwrap_or_default()
        };
        match letter {
            'u' => fd = argument.parse().unwrap_or(-1),
            'd' => delimiter = argument.bytes().next().unwrap_or(0),
            'n' => {
                most = argument
                    .parse()
                    .ok()
                    .filter(|n| *n > 0)
                    .unwrap_or(usize::MAX)
            }
            's' => skip = argument.parse().unwrap_or(0),
            'O' => origin = argument.parse::<i64>().ok(),
            'c' | 'C' => {}
            _ => return Ok(shell.misuse(&format!("{}: {word}: invalid option", words[0]))),
        }
    }
    let name = words
        .get(at)
        .cloned()
        .unwrap_or_else(|| "MAPFILE".to_owned());
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut buffer = [0];
    let mut seen = 0;
    while lines.len() < most {
        match sys::fd::read(fd, &mut buffer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                shell.collect_signals();
                if shell.gives_up() {
                    break;
                }
                continue;
            }
            Err(_) => break,
        }
        if buffer[0] != delimiter {
            line.push(buffer[0]);
            continue;
        }
        if !strip && delimiter != 0 {
            line.push(delimiter);
        }
        if seen >= skip {
            lines.push(text::decode(until_nul(&line)));
        }
        seen += 1;
        line.clear();
    }
    if !line.is_empty() && seen >= skip && lines.len() < most {
        lines.push(text::decode(until_nul(&line)));
    }
    match origin {
        Some(origin) => {
            for (key, line) in (origin..).zip(lines) {
                shell.assign_element(&name, &key.to_string(), line)?;
            }
        }
        None => {
            let resolved = shell.resolve(&name);
            shell.check_writable(&resolved)?;
            shell.vars.entry(&resolved).value = Value::Array((0..).zip(lines).collect());
        }
    }
    Ok(0)
}

/// Variables end at a NUL.
fn until_nul(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == 0).next().unwrap_or(line)
}
