//! The cycle of sed.

use super::input::Input;
use super::output::Output;
use super::replace;
use super::script::Transliteration;
use super::script::{Address, Command, Function, Jump, Range, Script, Selector, Substitution};
use crate::pattern::{Pattern, Span};
use crate::{bytes, shell};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::rc::Rc;

/// What is written at the end of the cycle.
enum Queued {
    Text(Vec<u8>),
    File(Vec<u8>),
    Line(Vec<u8>),
}

/// How to go on after a command.
enum Flow {
    Next,
    Jump(usize),
    /// Ends the cycle; the pattern space is printed unless told otherwise.
    End,
    /// Ends the cycle without printing.
    Delete,
    /// `D`: starts over without reading.
    Restart,
    Quit(u8),
    QuitSilently(u8),
}

pub struct Machine<'a> {
    pub script: &'a Script,
    pub input: Input,
    pub output: Output,
    pub quiet: bool,
    pub terminator: u8,
    /// The suffix of `-i`.
    pub in_place: Option<Vec<u8>>,
    pub line_length: usize,
    pub posix: bool,
    pub space: Vec<u8>,
    pub hold: Vec<u8>,
    queue: Vec<Queued>,
    readers: HashMap<Vec<u8>, Option<BufReader<File>>>,
    substituted: bool,
    last_pattern: Option<Rc<Pattern>>,
    spans: Vec<Option<Span>>,
    scratch: Vec<u8>,
}

/// What a run needs beside the script and its streams.
pub struct Settings {
    pub quiet: bool,
    pub terminator: u8,
    pub in_place: Option<Vec<u8>>,
    pub line_length: usize,
    pub posix: bool,
}

impl<'a> Machine<'a> {
    pub fn new(script: &'a Script, input: Input, output: Output, settings: Settings) -> Self {
        Self {
            script,
            input,
            output,
            quiet: settings.quiet || script.quiet,
            terminator: settings.terminator,
            in_place: settings.in_place,
            line_length: settings.line_length,
            posix: settings.posix,
            space: Vec::new(),
            hold: Vec::new(),
            queue: Vec::new(),
            readers: HashMap::new(),
            substituted: false,
            last_pattern: None,
            spans: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Runs the script over the input. The result is the exit status.
    pub fn run(&mut self) -> io::Result<u8> {
        let mut restart = false;
        let mut status = 0;
        for command in &self.script.commands {
            if let (Some(Address::Line(0)), None, Function::Read(name)) = (
                &command.selector.first,
                &command.selector.second,
                &command.function,
            ) {
                self.queue.push(Queued::File(name.clone()));
            }
        }
        if self.in_place.is_none() {
            self.flush_queue()?;
        }
        loop {
            if !restart && !self.read()? {
                break;
            }
            restart = false;
            let script = self.script;
            let mut flow = Flow::Next;
            let mut at = 0;
            while let Some(command) = script.commands.get(at) {
                at += 1;
                flow = self.command(command)?;
                match flow {
                    Flow::Next => {}
                    Flow::Jump(target) => at = target,
                    _ => break,
                }
            }
            match flow {
                Flow::QuitSilently(code) => {
                    status = code;
                    self.input.leave();
                    break;
                }
                Flow::Delete => {}
                Flow::Restart => restart = true,
                _ => self.autoprint()?,
            }
            self.flush_queue()?;
            if let Flow::Quit(code) = flow {
                status = code;
                self.input.leave();
                break;
            }
        }
        self.finish()?;
        Ok(if status == 0 && self.input.missing {
            2
        } else {
            status
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(suffix) = self.in_place.clone() {
            self.output.finish_edit(&suffix)?;
        }
        self.output.flush()
    }

    /// Reads the next line into the pattern space.
    fn read(&mut self) -> io::Result<bool> {
        let mut line = std::mem::take(&mut self.scratch);
        let more = self.input.read(&mut line)?;
        if let Some(name) = self.input.opened.take() {
            if let Some(suffix) = self.in_place.clone() {
                self.output.finish_edit(&suffix)?;
                self.output.edit(&name)?;
                self.flush_queue()?;
            }
            for command in &self.script.commands {
                command.selector.range.set(Range::Outside);
            }
        }
        if more {
            std::mem::swap(&mut self.space, &mut line);
            self.substituted = false;
        }
        self.scratch = line;
        Ok(more)
    }

    fn autoprint(&mut self) -> io::Result<()> {
        if self.quiet { Ok(()) } else { self.print() }
    }

    fn print(&mut self) -> io::Result<()> {
        self.output.line(&self.space, self.input.unterminated)
    }

    /// Writes what `a`, `r` and `R` left for the end of the cycle.
    fn flush_queue(&mut self) -> io::Result<()> {
        for queued in std::mem::take(&mut self.queue) {
            match queued {
                Queued::Text(text) => self.output.raw(&text)?,
                Queued::Line(text) => self.output.line(&text, false)?,
                Queued::File(name) => {
                    let text = if name == b"/dev/stdin" {
                        let mut text = Vec::new();
                        io::Read::read_to_end(&mut io::stdin(), &mut text).map(|_| text)
                    } else {
                        fs::read(bytes::path(&name))
                    };
                    if let Ok(text) = text
                        && !text.is_empty()
                    {
                        self.output.raw(&text)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn remember(&mut self, pattern: Option<&Rc<Pattern>>) -> io::Result<Rc<Pattern>> {
        match pattern {
            Some(pattern) => {
                self.last_pattern = Some(Rc::clone(pattern));
                Ok(Rc::clone(pattern))
            }
            None => self.last_pattern.clone().ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "no previous regular expression",
                )
            }),
        }
    }

    fn matches(&mut self, address: &Address) -> io::Result<bool> {
        Ok(match address {
            Address::Line(line) => self.input.line == *line,
            Address::Last => self.input.is_last()?,
            Address::Regex(pattern) => self.remember(pattern.as_ref())?.is_match(&self.space),
            Address::Step(first, step) => {
                let line = self.input.line;
                if *step == 0 {
                    line == *first
                } else {
                    line >= *first && (line - first).is_multiple_of(*step)
                }
            }
            Address::Plus(_) | Address::Multiple(_) => false,
        })
    }

    fn selects(&mut self, selector: &Selector) -> io::Result<bool> {
        let Some(first) = &selector.first else {
            return Ok(!selector.negated);
        };
        let selected = match &selector.second {
            None => self.matches(first)?,
            Some(second) => self.in_range(selector, first, second)?,
        };
        Ok(selected != selector.negated)
    }

    /// Whether a range begins on this line. One that begins at a line by its number does so behind it too, where
    /// that line was deleted or joined with others before the range was asked for.
    fn begins(&mut self, range: Range, first: &Address, second: &Address) -> io::Result<bool> {
        let line = self.input.line;
        match (first, second) {
            (Address::Line(start), _) if range == Range::Closed => Ok(line == *start),
            (Address::Line(start), Address::Line(end)) => {
                Ok(line == *start || (line > *start && line <= *end))
            }
            (Address::Line(start), _) => Ok(line >= *start),
            _ => self.matches(first),
        }
    }

    fn in_range(
        &mut self,
        selector: &Selector,
        first: &Address,
        second: &Address,
    ) -> io::Result<bool> {
        let line = self.input.line;
        let mut range = selector.range.get();
        if matches!(range, Range::Outside | Range::Closed) {
            if matches!(first, Address::Line(0)) {
                if line != 1 {
                    return Ok(false);
                }
                // The range began before the first line, so this one may end it.
                range = Range::UntilMatch;
            } else {
                if !self.begins(range, first, second)? {
                    return Ok(false);
                }
                let end = match second {
                    Address::Line(end) => Some(*end),
                    Address::Plus(count) => Some(line + count),
                    Address::Multiple(0) => Some(line),
                    Address::Multiple(multiple) => Some(line.div_ceil(*multiple) * multiple),
                    Address::Last => {
                        if self.input.is_last()? {
                            return Ok(true);
                        }
                        None
                    }
                    _ => None,
                };
                selector.range.set(match end {
                    Some(end) if end <= line => Range::Closed,
                    Some(end) => Range::Until(end),
                    None => Range::UntilMatch,
                });
                return Ok(true);
            }
        }
        match range {
            Range::Until(end) => {
                if line >= end {
                    selector.range.set(Range::Closed);
                }
                // A range that `n` or `N` ran past may begin anew on this line.
                if line > end {
                    self.in_range(selector, first, second)
                } else {
                    Ok(true)
                }
            }
            _ => {
                let ends = self.matches(second)?;
                selector.range.set(if ends {
                    Range::Closed
                } else {
                    Range::UntilMatch
                });
                Ok(true)
            }
        }
    }

    fn command(&mut self, command: &Command) -> io::Result<Flow> {
        if !self.selects(&command.selector)? {
            return Ok(match command.function {
                Function::Block(end) => Flow::Jump(end),
                _ => Flow::Next,
            });
        }
        match &command.function {
            Function::Block(_) | Function::BlockEnd | Function::Label => {}
            Function::Branch(jump) => return Ok(to(jump)),
            Function::BranchIf(jump) => {
                if std::mem::take(&mut self.substituted) {
                    return Ok(to(jump));
                }
            }
            Function::BranchUnless(jump) => {
                if !std::mem::take(&mut self.substituted) {
                    return Ok(to(jump));
                }
            }
            Function::Delete => return Ok(Flow::Delete),
            Function::DeleteFirst => {
                let Some(end) = memchr::memchr(self.terminator, &self.space) else {
                    return Ok(Flow::Delete);
                };
                self.space.drain(..=end);
                return Ok(Flow::Restart);
            }
            Function::Next => return self.next(),
            Function::NextAppend => return self.next_append(),
            Function::Quit(code) => return Ok(Flow::Quit(*code)),
            Function::QuitSilently(code) => return Ok(Flow::QuitSilently(*code)),
            Function::Change(text) => {
                let selector = &command.selector;
                let ranged = selector.second.is_some() && !selector.negated;
                if !ranged || matches!(selector.range.get(), Range::Outside | Range::Closed) {
                    self.output.raw(text)?;
                }
                return Ok(Flow::Delete);
            }
            Function::Substitute(substitution) => self.substitute(substitution)?,
            Function::Transliterate(map) => self.transliterate(map),
            function => self.plain(function)?,
        }
        Ok(Flow::Next)
    }

    /// The functions that neither jump nor end the cycle.
    fn plain(&mut self, function: &Function) -> io::Result<()> {
        match function {
            Function::Append(text) => self.queue.push(Queued::Text(text.clone())),
            Function::Insert(text) => self.output.raw(text)?,
            Function::Read(name) => self.queue.push(Queued::File(name.clone())),
            Function::ReadLine(name) => self.read_line(name)?,
            Function::Get => self.space.clone_from(&self.hold),
            Function::GetAppend => {
                self.space.push(self.terminator);
                self.space.extend_from_slice(&self.hold);
            }
            Function::Hold => self.hold.clone_from(&self.space),
            Function::HoldAppend => {
                self.hold.push(self.terminator);
                self.hold.extend_from_slice(&self.space);
            }
            Function::Exchange => std::mem::swap(&mut self.space, &mut self.hold),
            Function::Print => self.print()?,
            Function::PrintFirst => {
                let end = memchr::memchr(self.terminator, &self.space).unwrap_or(self.space.len());
                self.output.line(&self.space[..end], false)?;
            }
            Function::Write(file) => {
                self.output
                    .line_to(*file, &self.space, self.input.unterminated)?;
            }
            Function::WriteFirst(file) => {
                let end = memchr::memchr(self.terminator, &self.space).unwrap_or(self.space.len());
                self.output.line_to(*file, &self.space[..end], false)?;
            }
            Function::Zap => self.space.clear(),
            Function::LineNumber => {
                let number = self.input.line.to_string();
                self.output.line(number.as_bytes(), false)?;
            }
            Function::FileName => {
                let name = self.input.name.clone();
                self.output.line(&name, false)?;
            }
            Function::List(length) => {
                let text = replace::listed(&self.space, length.unwrap_or(self.line_length));
                self.output.line(&text, false)?;
            }
            Function::Execute(command) => self.execute(command)?,
            _ => {}
        }
        Ok(())
    }

    fn next(&mut self) -> io::Result<Flow> {
        if self.input.at_end()? {
            return Ok(if self.posix { Flow::Delete } else { Flow::End });
        }
        self.autoprint()?;
        self.flush_queue()?;
        let substituted = self.substituted;
        if !self.read()? {
            return Ok(Flow::QuitSilently(0));
        }
        self.substituted = substituted;
        Ok(Flow::Next)
    }

    fn next_append(&mut self) -> io::Result<Flow> {
        if self.input.at_end()? {
            return Ok(if self.posix { Flow::Delete } else { Flow::End });
        }
        self.flush_queue()?;
        let substituted = self.substituted;
        let mut space = std::mem::take(&mut self.space);
        let more = self.read()?;
        space.push(self.terminator);
        space.extend_from_slice(&self.space);
        self.space = space;
        self.substituted = substituted;
        Ok(if more {
            Flow::Next
        } else {
            Flow::QuitSilently(0)
        })
    }

    fn read_line(&mut self, name: &[u8]) -> io::Result<()> {
        let reader = self
            .readers
            .entry(name.to_vec())
            .or_insert_with(|| File::open(bytes::path(name)).ok().map(BufReader::new));
        if let Some(reader) = reader {
            let mut line = Vec::new();
            if reader.read_until(self.terminator, &mut line)? > 0 {
                if line.last() == Some(&self.terminator) {
                    line.pop();
                }
                self.queue.push(Queued::Line(line));
            }
        }
        Ok(())
    }

    fn execute(&mut self, command: &[u8]) -> io::Result<()> {
        self.output.flush()?;
        if command.is_empty() {
            let mut text = shell::output(&self.space)?;
            if text.last() == Some(&b'\n') {
                text.pop();
            }
            self.space = text;
            return Ok(());
        }
        let text = shell::output(command)?;
        self.output.raw(&text)
    }

    fn substitute(&mut self, substitution: &Substitution) -> io::Result<()> {
        let pattern = self.remember(substitution.pattern.as_ref())?;
        let mut spans = std::mem::take(&mut self.spans);
        let mut result = std::mem::take(&mut self.scratch);
        let changed =
            replace::replace(&pattern, substitution, &self.space, &mut spans, &mut result);
        if changed {
            std::mem::swap(&mut self.space, &mut result);
        }
        self.spans = spans;
        self.scratch = result;
        if !changed {
            return Ok(());
        }
        self.substituted = true;
        let print_first = substitution.evaluate && substitution.print_first;
        if print_first && substitution.print {
            self.print()?;
        }
        if substitution.evaluate {
            self.execute(b"")?;
        }
        if substitution.print && !print_first {
            self.print()?;
        }
        if let Some(file) = substitution.file {
            self.output
                .line_to(file, &self.space, self.input.unterminated)?;
        }
        Ok(())
    }

    fn transliterate(&mut self, map: &Transliteration) {
        match map {
            Transliteration::Bytes(table) => {
                for byte in &mut self.space {
                    *byte = table[usize::from(*byte)];
                }
            }
            Transliteration::Characters(map) => {
                let mut result = Vec::with_capacity(self.space.len());
                for chunk in self.space.utf8_chunks() {
                    for from in chunk.valid().chars() {
                        let to = map.get(&from).copied().unwrap_or(from);
                        result.extend_from_slice(to.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    result.extend_from_slice(chunk.invalid());
                }
                self.space = result;
            }
        }
    }
}

fn to(jump: &Jump) -> Flow {
    match jump {
        Jump::To(target) => Flow::Jump(*target),
        Jump::Label(_) => Flow::Next,
    }
}
