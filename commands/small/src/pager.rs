//! `less` and `more`: a page at a time on a terminal, and as `cat` elsewhere.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use secure_exec_cli::{Args, Outcome};
use secure_exec_sys::{Fd, fd, tty};

use crate::input;

/// Shows files. Options change nothing but `-F`, which has a text that fits on the screen written at once, as `more` does.
pub fn main(args: &Args) -> Outcome {
    let mut fits_at_once = args.name == "more";
    let mut files = Vec::new();
    let mut only_files = false;
    for word in &args.list {
        let text = word.to_string_lossy();
        if !only_files && text == "--" {
            only_files = true;
        } else if !only_files && text == "--version" {
            println!("{} (secure-exec) {}", args.name, env!("CARGO_PKG_VERSION"));
            return Ok(0);
        } else if !only_files && (text.starts_with('+') || (text.starts_with('-') && text != "-")) {
            fits_at_once |= text.contains('F') || text == "--quit-if-one-screen";
        } else {
            files.push(word.clone());
        }
    }
    let on_terminal = tty::isatty(1);
    if args.name == "more" && !on_terminal && !files.is_empty() {
        return headed(args, &files);
    }
    let (text, failed) = input::joined(&args.name, &files);
    let keyboard = if on_terminal { keyboard() } else { None };
    let Some(keyboard) = keyboard else {
        io::stdout().write_all(&text)?;
        return Ok(i32::from(failed));
    };
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let rows = tty::winsize(1).map_or(24, |size| usize::from(size.rows));
    let page = if rows < 2 { 23 } else { rows - 1 };
    if fits_at_once && lines.len() <= page {
        io::stdout().write_all(&text)?;
        return Ok(i32::from(failed));
    }
    let before = tty::getattr(keyboard)?;
    tty::setattr(keyboard, tty::When::Now, &before.raw_input())?;
    let shown = Pager {
        lines,
        page,
        top: 0,
        wanted: Vec::new(),
        keyboard,
    }
    .run();
    tty::setattr(keyboard, tty::When::Now, &before)?;
    shown?;
    Ok(i32::from(failed))
}

/// `more` elsewhere than on a terminal: each file with its name above it.
fn headed(args: &Args, files: &[OsString]) -> Outcome {
    let mut out = io::stdout().lock();
    let mut failed = false;
    for name in files {
        let shown = name.to_string_lossy();
        if Path::new(name).is_dir() {
            write!(out, "\n*** {shown}: directory ***\n\n")?;
            continue;
        }
        match input::read(name) {
            Ok(text) => {
                let line = "::::::::::::::";
                write!(out, "{line}\n{shown}\n{line}\n")?;
                out.write_all(&text)?;
            }
            Err(error) => {
                failed = true;
                input::complain(&args.name, name, &error);
            }
        }
    }
    Ok(i32::from(failed))
}

/// Where keys are read: standard input may be what is shown.
fn keyboard() -> Option<Fd> {
    if tty::isatty(0) {
        return Some(0);
    }
    fd::open("/dev/tty", fd::O_RDONLY, 0)
        .ok()
        .or_else(|| tty::isatty(2).then_some(2))
}

struct Pager<'a> {
    lines: Vec<&'a [u8]>,
    page: usize,
    /// The first line on the screen.
    top: usize,
    /// What was searched for.
    wanted: Vec<u8>,
    keyboard: Fd,
}

impl Pager<'_> {
    fn key(&self) -> io::Result<u8> {
        let mut byte = [0];
        Ok(if fd::read(self.keyboard, &mut byte)? == 0 {
            b'q'
        } else {
            byte[0]
        })
    }

    fn draw(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(b"\x1b[H\x1b[2J")?;
        let end = self.lines.len().min(self.top + self.page);
        for line in &self.lines[self.top..end] {
            out.write_all(line.strip_suffix(b"\n").unwrap_or(line))?;
            out.write_all(b"\n")?;
        }
        let text = if end == self.lines.len() {
            "(END)"
        } else {
            ":"
        };
        write!(out, "\x1b[7m{text}\x1b[m")?;
        out.flush()
    }

    fn last(&self) -> usize {
        self.lines.len().saturating_sub(self.page)
    }

    fn run(&mut self) -> io::Result<()> {
        loop {
            self.draw()?;
            let half = self.page.div_ceil(2);
            self.top = match self.key()? {
                b'q' | b'Q' | 3 => break,
                b' ' | b'f' | 6 => self.top + self.page,
                b'\r' | b'\n' | b'j' | b'e' => self.top + 1,
                b'k' | b'y' => self.top.saturating_sub(1),
                b'b' | 2 => self.top.saturating_sub(self.page),
                b'd' | 4 => self.top + half,
                b'u' | 21 => self.top.saturating_sub(half),
                b'g' | b'<' => 0,
                b'G' | b'>' => self.last(),
                b'/' => {
                    self.wanted = self.prompt()?;
                    self.next(self.top)
                }
                b'n' => self.next(self.top + 1),
                b'N' => self.previous(),
                0x1b => self.arrow()?,
                _ => self.top,
            };
            self.top = self.top.min(self.last());
        }
        // The prompt goes.
        let mut out = io::stdout().lock();
        out.write_all(b"\r\x1b[K")?;
        out.flush()
    }

    fn arrow(&self) -> io::Result<usize> {
        if self.key()? != b'[' {
            return Ok(self.top);
        }
        Ok(match self.key()? {
            b'A' => self.top.saturating_sub(1),
            b'B' => self.top + 1,
            b'5' => self.top.saturating_sub(self.page),
            b'6' => self.top + self.page,
            b'H' => 0,
            b'F' => self.last(),
            _ => self.top,
        })
    }

    fn prompt(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let mut out = io::stdout().lock();
            out.write_all(b"\r\x1b[K/")?;
            out.write_all(&text)?;
            out.flush()?;
            match self.key()? {
                b'\r' | b'\n' => return Ok(text),
                3 | 0x1b => return Ok(self.wanted.clone()),
                8 | 127 => drop(text.pop()),
                byte => text.push(byte),
            }
        }
    }

    fn has(&self, at: usize) -> bool {
        let wanted = &self.wanted;
        !wanted.is_empty()
            && self.lines[at]
                .windows(wanted.len())
                .any(|window| window == wanted.as_slice())
    }

    fn next(&self, from: usize) -> usize {
        (from..self.lines.len())
            .find(|&at| self.has(at))
            .unwrap_or(self.top)
    }

    fn previous(&self) -> usize {
        (0..self.top)
            .rev()
            .find(|&at| self.has(at))
            .unwrap_or(self.top)
    }
}
