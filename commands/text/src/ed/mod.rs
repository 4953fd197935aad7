//! `ed`, the line editor, as POSIX has it, with the messages of GNU ed.

mod buffer;
mod command;
mod file;
mod substitute;

use std::collections::VecDeque;
use std::io::{self, BufRead, Write};

use secure_exec_cli::{Args, Outcome, Syntax as Options, flag, required};

use buffer::Buffer;
use secure_exec_pattern::{Builder, Dialect, Pattern, Syntax, bytes_locale};
use std::rc::Rc;

const OPTIONS: Options = Options {
    options: &[
        flag('E', "extended-regexp"),
        flag('G', "traditional"),
        flag('l', "loose-exit-status"),
        required('p', "prompt"),
        flag('q', "quiet"),
        flag('s', "script"),
        flag('v', "verbose"),
    ],
    usage: "[options] [[+line] file]",
    usage_status: 1,
    operand_ends: false,
};

/// Why a command failed, in ed's words.
type Wrong = &'static str;

const INVALID_ADDRESS: Wrong = "Invalid address";
const INVALID_SUFFIX: Wrong = "Invalid command suffix";
const UNEXPECTED_SUFFIX: Wrong = "Unexpected command suffix";
const MODIFIED: Wrong = "Warning: buffer modified";

struct Editor {
    buffer: Buffer,
    undo: Buffer,
    file: String,
    modified: bool,
    /// A second try of what would lose changes is let through.
    warned: bool,
    silent: bool,
    extended: bool,
    verbose: bool,
    prompt: Option<String>,
    last_error: Wrong,
    pattern: Option<Rc<Pattern>>,
    substitution: Option<substitute::Substitution>,
    shell_command: String,
    /// Lines of a `g` that are read before standard input.
    pending: VecDeque<Vec<u8>>,
    in_global: bool,
    quits: bool,
    failed: bool,
}

pub fn main(args: &Args) -> Outcome {
    let parsed = OPTIONS.parse(args)?;
    let mut editor = Editor {
        buffer: Buffer::default(),
        undo: Buffer::default(),
        file: String::new(),
        modified: false,
        warned: false,
        silent: parsed.has("script") || parsed.has("quiet"),
        extended: parsed.has("extended-regexp"),
        verbose: parsed.has("verbose"),
        prompt: parsed.value("prompt").map(|value| value.text()),
        last_error: "",
        pattern: None,
        substitution: None,
        shell_command: String::new(),
        pending: VecDeque::new(),
        in_global: false,
        quits: false,
        failed: false,
    };
    let mut operands = parsed
        .operands
        .iter()
        .filter(|word| *word != "-")
        .map(|word| word.to_string_lossy().into_owned())
        .peekable();
    if parsed.operands.iter().any(|word| word == "-") {
        editor.silent = true;
    }
    let line = operands.next_if(|word| word.starts_with('+'));
    if let Some(name) = operands.next() {
        editor.file.clone_from(&name);
        if let Err(wrong) = editor.read(&name, 0) {
            editor.last_error = wrong;
        }
        editor.modified = false;
    }
    if let Some(line) = line.and_then(|line| line[1..].parse::<usize>().ok()) {
        editor.buffer.dot = line.min(editor.buffer.last());
    }
    editor.run()?;
    Ok(i32::from(editor.failed && !parsed.has("loose-exit-status")))
}

impl Editor {
    fn run(&mut self) -> io::Result<()> {
        while !self.quits {
            if let Some(prompt) = &self.prompt {
                print!("{prompt}");
            }
            io::stdout().flush()?;
            let Some(line) = self.next_line()? else {
                if self.modified && !self.warned {
                    self.complain(MODIFIED);
                    self.warned = true;
                    if !self.failed {
                        continue;
                    }
                }
                break;
            };
            let warned = std::mem::take(&mut self.warned);
            match self.execute(&line, warned) {
                Ok(()) => {}
                Err(wrong) => self.complain(wrong),
            }
        }
        io::stdout().flush()
    }

    fn complain(&mut self, wrong: Wrong) {
        println!("?");
        if self.verbose {
            println!("{wrong}");
        }
        self.last_error = wrong;
        self.failed = true;
        self.pending.clear();
    }

    /// The next line of commands or text, without its newline.
    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.pending.pop_front() {
            return Ok(Some(line));
        }
        if self.in_global {
            return Ok(None);
        }
        let mut line = Vec::new();
        if io::stdin().lock().read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(Some(line))
    }

    /// Compiles an expression; an empty one is the one used last.
    fn compile(&mut self, text: &[u8], ignore_case: bool) -> Result<Rc<Pattern>, Wrong> {
        if text.is_empty() {
            return self.pattern.clone().ok_or("No previous pattern");
        }
        let unicode = !bytes_locale();
        let syntax = if self.extended {
            Syntax::Extended
        } else {
            Syntax::Basic
        };
        let builder = Builder {
            unicode,
            ignore_case,
        };
        let pattern = builder
            .posix(text, syntax, Dialect::grep(unicode))
            .map_err(|_| "Invalid pattern")?;
        let pattern = Rc::new(pattern);
        self.pattern = Some(Rc::clone(&pattern));
        Ok(pattern)
    }

    /// Looks for a line from the current one on, around the end.
    fn search(&self, pattern: &Pattern, from: usize, forwards: bool) -> Result<usize, Wrong> {
        let last = self.buffer.last();
        let numbers: Vec<usize> = if forwards {
            (from + 1..=last).chain(1..=from).collect()
        } else {
            (1..from).rev().chain((from.max(1)..=last).rev()).collect()
        };
        let found = numbers.into_iter().find(|number| {
            self.buffer
                .lines
                .get(number - 1)
                .is_some_and(|line| pattern.is_match(line))
        });
        found.ok_or("No match")
    }

    /// Reads the addresses in front of a command: the last two and how many there were.
    fn addresses(&mut self, rest: &mut &[u8]) -> Result<(usize, usize, usize), Wrong> {
        let (mut first, mut second, mut count) = (self.buffer.dot, self.buffer.dot, 0);
        let dot = self.buffer.dot;
        let mut outcome = Ok(());
        loop {
            match self.address(rest) {
                Ok(Some(number)) => {
                    (first, second) = (if count == 0 { number } else { second }, number);
                    count += 1;
                }
                Ok(None) => {}
                Err(wrong) => {
                    outcome = Err(wrong);
                    break;
                }
            }
            match rest.first() {
                Some(mark @ (b',' | b';' | b'%')) => {
                    *rest = &rest[1..];
                    let given = count > 0;
                    if *mark == b'%' || !given {
                        second = if *mark == b';' {
                            self.buffer.dot
                        } else {
                            1.min(self.buffer.last())
                        };
                        count = 1;
                    }
                    if *mark == b';' {
                        self.buffer.dot = second;
                    }
                    first = second;
                    // What follows may be left out: the end, or the same line.
                    match self.address(rest) {
                        Ok(Some(number)) => second = number,
                        Ok(None) if given && *mark != b'%' => {}
                        Ok(None) => second = self.buffer.last(),
                        Err(wrong) => {
                            outcome = Err(wrong);
                            break;
                        }
                    }
                    count = 2;
                    if matches!(rest.first(), Some(b',' | b';')) {
                        continue;
                    }
                    break;
                }
                _ => break,
            }
        }
        if outcome.is_err() {
            self.buffer.dot = dot;
        }
        outcome?;
        Ok((first, second, count))
    }

    fn address(&mut self, rest: &mut &[u8]) -> Result<Option<usize>, Wrong> {
        let mut at: Option<usize> = None;
        let blanks = |rest: &mut &[u8]| {
            while rest
                .first()
                .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
            {
                *rest = &rest[1..];
            }
        };
        blanks(rest);
        match rest.first() {
            Some(b'.') => {
                at = Some(self.buffer.dot);
                *rest = &rest[1..];
            }
            Some(b'$') => {
                at = Some(self.buffer.last());
                *rest = &rest[1..];
            }
            Some(b'\'') => {
                let name = rest
                    .get(1)
                    .copied()
                    .filter(u8::is_ascii_lowercase)
                    .ok_or("Invalid mark character")?;
                at = Some(self.buffer.marked(name).ok_or(INVALID_ADDRESS)?);
                *rest = &rest[2..];
            }
            Some(mark @ (b'/' | b'?')) => {
                let (text, after) = delimited(&rest[1..], *mark);
                let forwards = *mark == b'/';
                let pattern = self.compile(&text, false)?;
                at = Some(self.search(&pattern, self.buffer.dot, forwards)?);
                *rest = after;
            }
            Some(byte) if byte.is_ascii_digit() => at = Some(number(rest).ok_or(INVALID_ADDRESS)?),
            _ => {}
        }
        loop {
            blanks(rest);
            let sign = match rest.first() {
                Some(b'+') => 1,
                Some(b'-' | b'^') => -1,
                Some(byte) if byte.is_ascii_digit() && at.is_some() => 0,
                _ => break,
            };
            if sign != 0 {
                *rest = &rest[1..];
            }
            let step = if rest.first().is_some_and(u8::is_ascii_digit) {
                number(rest).ok_or(INVALID_ADDRESS)?
            } else {
                1
            };
            let base = at.unwrap_or(self.buffer.dot);
            at = Some(if sign < 0 {
                base.checked_sub(step).ok_or(INVALID_ADDRESS)?
            } else {
                base.saturating_add(step)
            });
        }
        match at {
            Some(number) if number > self.buffer.last() => Err(INVALID_ADDRESS),
            at => Ok(at),
        }
    }
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = std::str::from_utf8(&rest[..length]).ok()?;
    *rest = &rest[length..];
    text.parse().ok()
}

/// The text up to a mark, and what stands behind that. A backslash keeps a mark; brackets hide it.
fn delimited(text: &[u8], mark: u8) -> (Vec<u8>, &[u8]) {
    let mut out = Vec::new();
    let mut at = 0;
    let mut bracket: Option<usize> = None;
    while let Some(&byte) = text.get(at) {
        match (bracket, byte) {
            (None, b'\\') if text.get(at + 1) == Some(&mark) => {
                out.push(mark);
                at += 2;
                continue;
            }
            (None, b'\\') => {
                out.push(byte);
                at += 1;
                out.extend(text.get(at));
                at += 1;
                continue;
            }
            (None, b'[') => bracket = Some(at + 1 + usize::from(text.get(at + 1) == Some(&b'^'))),
            (Some(start), b']') if at > start => bracket = None,
            (None, byte) if byte == mark => return (out, &text[at + 1..]),
            _ => {}
        }
        out.push(byte);
        at += 1;
    }
    (out, &[])
}
