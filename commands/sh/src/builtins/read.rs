//! `read`.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use secure_exec_sys as sys;
use sys::termios::{ECHO, ICANON};

use crate::shell::{Exec, Flow, Shell};
use crate::text;

/// The options of one call.
struct Options {
    raw: bool,
    silent: bool,
    array: Option<String>,
    delimiter: u8,
    count: Option<usize>,
    /// `-N`: delimiters do not count.
    exact: bool,
    prompt: Option<String>,
    timeout: Option<f64>,
    fd: i32,
}

fn parse(shell: &mut Shell, words: &[String]) -> Result<(Options, usize), i32> {
    let mut options = Options {
        raw: false,
        silent: false,
        array: None,
        delimiter: b'\n',
        count: None,
        exact: false,
        prompt: None,
        timeout: None,
        fd: 0,
    };
    let mut at = 1;
    while let Some(word) = words.get(at) {
        let Some(letters) = word.strip_prefix('-').filter(|l| !l.is_empty()) else {
            break;
        };
        at += 1;
        if word == "--" {
            break;
        }
        let mut rest = letters;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            match letter {
                'r' => options.raw = true,
                's' if shell.bash => options.silent = true,
                'e' | 'E' if shell.bash => {}
                'p' | 'd' | 'a' | 'n' | 'N' | 't' | 'u' | 'i'
                    if shell.bash || letter == 'p' || letter == 'd' && !shell.dash =>
                {
                    let argument = if rest.is_empty() {
                        at += 1;
                        words.get(at - 1).cloned()
                    } else {
                        Some(rest.to_owned())
                    };
                    rest = "";
                    let Some(argument) = argument else {
                        return Err(
                            shell.misuse(&format!("read: -{letter}: option requires an argument"))
                        );
                    };
                    match letter {
                        'p' => options.prompt = Some(argument),
                        'd' => options.delimiter = argument.bytes().next().unwrap_or(0),
                        'a' => options.array = Some(argument),
                        't' => {
                            options.timeout = argument.parse().ok();
                            if options.timeout.is_none() {
                                shell.error(&format!(
                                    "read: {argument}: invalid timeout specification"
                                ));
                                return Err(1);
                            }
                        }
                        'u' => options.fd = argument.parse().unwrap_or(-1),
                        'i' => {}
                        _ => {
                            options.count = argument.parse().ok();
                            if options.count.is_none() {
                                shell.error(&format!("read: {argument}: invalid number"));
                                return Err(1);
                            }
                            options.exact = letter == 'N';
                        }
                    }
                }
                _ => {
                    let message = if shell.bash {
                        format!("read: -{letter}: invalid option")
                    } else {
                        format!("read: Illegal option -{letter}")
                    };
                    return Err(shell.misuse(&message));
                }
            }
        }
    }
    Ok((options, at))
}

/// What was read: bytes with a mark where escaped, and how it ended.
struct Line {
    bytes: Vec<(u8, bool)>,
    ended: End,
}

#[derive(PartialEq, Eq)]
enum End {
    Delimiter,
    Eof,
    Timeout,
    Signal(i32),
}

/// Bytes of a descriptor: one by one, because what follows the line is somebody else's, or in pieces where the
/// rest can be given back.
struct Bytes {
    fd: i32,
    piece: Vec<u8>,
    at: usize,
    size: usize,
}

impl Bytes {
    fn of(options: &Options) -> Self {
        let seekable = options.timeout.is_none() && sys::fd::seek_by(options.fd, 0).is_ok();
        Self {
            fd: options.fd,
            piece: Vec::new(),
            at: 0,
            size: if seekable { 256 } else { 1 },
        }
    }

    fn next(&mut self) -> std::io::Result<Option<u8>> {
        if self.at == self.piece.len() {
            let mut buffer = [0; 256];
            let n = sys::fd::read(self.fd, &mut buffer[..self.size])?;
            self.piece = buffer[..n].to_vec();
            self.at = 0;
        }
        let byte = self.piece.get(self.at).copied();
        self.at += 1;
        Ok(byte)
    }

    /// Gives back what was read too much.
    fn finish(self) {
        let unused = self.piece.len().saturating_sub(self.at);
        if unused > 0 {
            // It could be sought before.
            let _ = sys::fd::seek_by(self.fd, -i64::try_from(unused).unwrap_or(0));
        }
    }
}

/// Whether so many characters are complete.
fn is_full(bytes: &[(u8, bool)], count: usize) -> bool {
    bytes.len() >= count && characters(bytes).len() >= count
}

fn read_line(shell: &mut Shell, options: &Options) -> Line {
    let deadline = options
        .timeout
        .map(|t| Instant::now() + Duration::from_secs_f64(t.clamp(0.0, 1e9)));
    let mut input = Bytes::of(options);
    let mut bytes = Vec::new();
    let mut escaped = false;
    let single = options.count.is_some() && shell.counts_bytes();
    let ended = loop {
        let full = |n| single && bytes.len() >= n || is_full(&bytes, n);
        if options.count.is_some_and(full) {
            break End::Delimiter;
        }
        if deadline.is_some_and(|d| !wait_readable(options.fd, d)) {
            break End::Timeout;
        }
        let byte = match input.next() {
            Ok(Some(byte)) => byte,
            Ok(None) => break End::Eof,
            Err(error) => match failed(shell, options, &error) {
                Some(end) => break end,
                None => continue,
            },
        };
        if escaped {
            escaped = false;
            if byte != b'\n' {
                bytes.push((byte, true));
            }
        } else if byte == b'\\' && !options.raw {
            escaped = true;
        } else if byte == options.delimiter && !options.exact {
            break End::Delimiter;
        } else if byte != 0 {
            bytes.push((byte, false));
        }
    };
    input.finish();
    Line { bytes, ended }
}

/// How a failed read ends the line; it goes on after signals without a trap.
fn failed(shell: &mut Shell, options: &Options, error: &std::io::Error) -> Option<End> {
    if error.kind() == ErrorKind::Interrupted {
        shell.collect_signals();
        let signal = shell.traps.next_arrived();
        return signal
            .or(shell.traps.interrupted.then_some(2))
            .map(End::Signal);
    }
    if shell.bash {
        let reason = sys::errno::message(error);
        shell.error(&format!("read: read error: {}: {reason}", options.fd));
    }
    Some(End::Eof)
}

/// Waits until the descriptor has something to read.
fn wait_readable(fd: i32, deadline: Instant) -> bool {
    sys::fd::wait_readable(fd, deadline.saturating_duration_since(Instant::now()))
}

/// Decodes bytes to characters, keeping the marks.
fn characters(bytes: &[(u8, bool)]) -> Vec<(char, bool)> {
    let plain: Vec<u8> = bytes.iter().map(|(b, _)| *b).collect();
    let decoded = text::decode(&plain);
    let mut at = 0;
    let mut out = Vec::with_capacity(plain.len());
    for c in decoded.chars() {
        let mut buffer = [0; 4];
        let len = text::encode(c.encode_utf8(&mut buffer)).len();
        out.push((c, bytes.get(at).is_some_and(|(_, e)| *e)));
        at += len;
    }
    out
}

pub fn read(shell: &mut Shell, words: &[String]) -> Exec {
    let (options, at) = match parse(shell, words) {
        Ok(found) => found,
        Err(status) => return Ok(status),
    };
    let mut names = words[at..].to_vec();
    if let Some(bad) = names
        .iter()
        .find(|n| !text::is_name(super::variables::base_name(n)))
    {
        let message = if shell.bash {
            format!("read: `{bad}': not a valid identifier")
        } else {
            format!("read: {bad}: bad variable name")
        };
        shell.error(&message);
        return if shell.bash {
            Ok(1)
        } else {
            Err(Flow::Abort(2))
        };
    }
    if names.is_empty() && !shell.bash && options.array.is_none() {
        return Ok(shell.misuse("read: arg count"));
    }
    let terminal = sys::tty::isatty(options.fd);
    if let Some(prompt) = options.prompt.as_deref().filter(|_| terminal) {
        shell.print_error_raw(prompt);
    }
    if options.timeout == Some(0.0) {
        return Ok(i32::from(!wait_readable(options.fd, Instant::now())));
    }
    let quiet =
        terminal && (options.silent || options.count.is_some() || options.delimiter != b'\n');
    let before = if quiet {
        sys::tty::getattr(options.fd).ok()
    } else {
        None
    };
    if let Some(mut settings) = before {
        if options.silent {
            settings.lflag &= !ECHO;
        }
        if options.count.is_some() || options.delimiter != b'\n' {
            settings.lflag &= !ICANON;
        }
        let _ = sys::tty::setattr(options.fd, sys::tty::When::Now, &settings);
    }
    let line = read_line(shell, &options);
    if let Some(settings) = before {
        let _ = sys::tty::setattr(options.fd, sys::tty::When::Now, &settings);
    }
    let chars = characters(&line.bytes);
    let whole = |chars: &[(char, bool)]| chars.iter().map(|(c, _)| *c).collect::<String>();
    if let Some(array) = &options.array {
        let fields = shell.split_line(&chars, None);
        shell.assign_array(array, fields)?;
    } else if names.is_empty() {
        shell.assign("REPLY", whole(&chars))?;
    } else if options.exact {
        let first = names.remove(0);
        shell.assign(&first, whole(&chars))?;
        for name in names {
            shell.assign(&name, String::new())?;
        }
    } else {
        let mut fields = shell.split_line(&chars, Some(names.len())).into_iter();
        for name in names {
            shell.assign(&name, fields.next().unwrap_or_default())?;
        }
    }
    Ok(match line.ended {
        End::Delimiter => 0,
        End::Eof => 1,
        End::Timeout => 142,
        End::Signal(signal) => 128 + signal,
    })
}

impl Shell {
    /// A line for `select`.
    pub fn read_reply(&mut self) -> Option<String> {
        let options = Options {
            raw: false,
            silent: false,
            array: None,
            delimiter: b'\n',
            count: None,
            exact: false,
            prompt: None,
            timeout: None,
            fd: 0,
        };
        let line = read_line(self, &options);
        if line.ended != End::Delimiter && line.bytes.is_empty() {
            return None;
        }
        Some(characters(&line.bytes).iter().map(|(c, _)| *c).collect())
    }
}
