//! `mapfile` and `readarray`.

use secure_exec_sys as sys;

use crate::expand::escape;
use crate::shell::{Exec, Shell};
use crate::text;
use crate::variables::Value;

/// How many bytes are read ahead of a file that is read whole.
const AHEAD: usize = 1 << 16;

pub fn mapfile(shell: &mut Shell, words: &[String]) -> Exec {
    let (mut strip, mut fd, mut delimiter) = (false, 0, b'\n');
    let (mut most, mut skip, mut origin) = (usize::MAX, 0, None);
    let (mut callback, mut quantum) = (None, 5000);
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
            'C' => callback = Some(argument),
            'c' => quantum = argument.parse().ok().filter(|n| *n > 0).unwrap_or(quantum),
            _ => return Ok(shell.misuse(&format!("{}: {word}: invalid option", words[0]))),
        }
    }
    let name = words
        .get(at)
        .cloned()
        .unwrap_or_else(|| "MAPFILE".to_owned());
    let mut lines = Vec::new();
    // What is read to the end may be read ahead.
    let whole = most == usize::MAX && callback.is_none();
    let mut bytes = Bytes::new(fd, if whole { AHEAD } else { 1 });
    let mut seen = 0;
    while lines.len() < most {
        let Some(line) = bytes.line(shell, delimiter, strip) else {
            break;
        };
        seen += 1;
        if seen <= skip {
            continue;
        }
        let line = text::decode(until_nul(&line));
        if let Some(command) = callback
            .as_ref()
            .filter(|_| (lines.len() + 1) % quantum == 0)
        {
            let index = origin.unwrap_or(0) + i64::try_from(lines.len()).unwrap_or(0);
            let quoted = escape::single_quote(&line);
            shell.eval_text(&format!("{command} {index} {quoted}"), shell.line)?;
        }
        lines.push(line);
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

/// Reads lines of bytes.
struct Bytes {
    fd: sys::Fd,
    buffer: Vec<u8>,
    /// What of it is unread.
    at: usize,
    filled: usize,
}

impl Bytes {
    fn new(fd: sys::Fd, ahead: usize) -> Self {
        Self {
            fd,
            buffer: vec![0; ahead],
            at: 0,
            filled: 0,
        }
    }

    /// The next line, with its end unless that is stripped; nothing at the end of the file.
    fn line(&mut self, shell: &mut Shell, delimiter: u8, strip: bool) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            if self.at == self.filled && !self.fill(shell) {
                return (!line.is_empty()).then_some(line);
            }
            let rest = &self.buffer[self.at..self.filled];
            let end = rest.iter().position(|byte| *byte == delimiter);
            let taken = end.unwrap_or(rest.len());
            line.extend_from_slice(&rest[..taken]);
            self.at += taken;
            if end.is_some() {
                self.at += 1;
                if !strip && delimiter != 0 {
                    line.push(delimiter);
                }
                return Some(line);
            }
        }
    }

    fn fill(&mut self, shell: &mut Shell) -> bool {
        loop {
            match sys::fd::read(self.fd, &mut self.buffer) {
                Ok(count) => {
                    (self.at, self.filled) = (0, count);
                    return count > 0;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                    shell.collect_signals();
                    if shell.gives_up() {
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
    }
}

/// Variables end at a NUL.
fn until_nul(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == 0).next().unwrap_or(line)
}
