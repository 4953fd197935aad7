//! The stack, the registers and what the commands do with them.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::rc::Rc;

use num_bigint::{BigInt, Sign};
use secure_exec_cli::Failure;
use secure_exec_sys::child;

use super::value::{Value, as_bytes, length, parse};
use crate::bc::number::{MOST_DIGITS, Number};

/// How deep macros may call each other, but for those called last in one.
const MOST_LEVELS: usize = 100_000;

type Array = HashMap<i64, Value>;

/// A text that runs.
struct Frame {
    text: Rc<[u8]>,
    at: usize,
    /// Macros that this one stands for: those whose last command called the next.
    levels: usize,
}

pub struct Machine {
    stack: Vec<Value>,
    /// Stacks of values, each with the array that belongs to it.
    registers: HashMap<u8, Vec<(Value, Array)>>,
    scale: usize,
    ibase: u32,
    obase: u32,
    frames: Vec<Frame>,
    /// `None`: no limit.
    line_length: Option<usize>,
    column: usize,
    ended: bool,
    /// What runs comes from standard input.
    interacts: bool,
    out: io::BufWriter<io::Stdout>,
}

/// Why a command did nothing; the next one runs all the same.
enum Trouble {
    Said(String),
    /// Nobody reads any more.
    Output(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<String> for Trouble {
    fn from(text: String) -> Self {
        Self::Said(text)
    }
}

fn said<T>(text: impl Into<String>) -> Run<T> {
    Err(Trouble::Said(text.into()))
}

type Run<T> = Result<T, Trouble>;

const EMPTY: &str = "stack empty";
const NOT_A_NUMBER: &str = "non-numeric value";

impl Machine {
    pub fn new() -> Self {
        let length = std::env::var("DC_LINE_LENGTH").ok();
        let length = length.and_then(|text| text.parse::<usize>().ok());
        Self {
            stack: Vec::new(),
            registers: HashMap::new(),
            scale: 0,
            ibase: 10,
            obase: 10,
            frames: Vec::new(),
            line_length: match length {
                Some(0) => None,
                Some(length) if length > 1 => Some(length),
                _ => Some(70),
            },
            column: 0,
            ended: false,
            interacts: false,
            out: io::BufWriter::new(io::stdout()),
        }
    }

    /// Runs a text. `false`: it said that no other shall run.
    pub fn run(&mut self, text: Vec<u8>) -> Result<bool, Failure> {
        self.frames = vec![Frame {
            text: text.into(),
            at: 0,
            levels: 1,
        }];
        let outcome = self.go();
        let flushed = self.out.flush();
        outcome?;
        flushed?;
        Ok(!self.ended)
    }

    /// Runs lines of standard input as they come; a string may have several.
    pub fn interact(&mut self) -> Result<(), Failure> {
        self.interacts = true;
        let mut text = Vec::new();
        loop {
            let at_end = io::stdin().lock().read_until(b'\n', &mut text)? == 0;
            if !at_end && is_open(&text) {
                continue;
            }
            if !self.run(std::mem::take(&mut text))? || at_end {
                return Ok(());
            }
        }
    }

    fn go(&mut self) -> io::Result<()> {
        while let Some(frame) = self.frames.last_mut() {
            let Some(&byte) = frame.text.get(frame.at) else {
                self.frames.pop();
                continue;
            };
            frame.at += 1;
            match self.command(byte) {
                Ok(()) => {}
                Err(Trouble::Output(error)) => return Err(error),
                Err(Trouble::Said(text)) => {
                    self.out.flush()?;
                    secure_exec_cli::warn("dc", text);
                }
            }
            if self.ended {
                self.frames.clear();
            }
        }
        Ok(())
    }

    /// The next byte of the text.
    fn next(&mut self) -> Option<u8> {
        let frame = self.frames.last_mut()?;
        let byte = frame.text.get(frame.at).copied();
        frame.at += usize::from(byte.is_some());
        byte
    }

    fn peek(&self) -> Option<u8> {
        let frame = self.frames.last()?;
        frame.text.get(frame.at).copied()
    }

    fn register(&mut self) -> Run<u8> {
        self.next().map_or_else(|| said("unexpected EOS"), Ok)
    }

    fn pop(&mut self) -> Run<Value> {
        self.stack.pop().map_or_else(|| said(EMPTY), Ok)
    }

    fn top(&self) -> Run<&Value> {
        self.stack.last().map_or_else(|| said(EMPTY), Ok)
    }

    fn number(&mut self) -> Run<Number> {
        match self.top()? {
            Value::Number(number) => {
                let number = number.clone();
                self.stack.pop();
                Ok(number)
            }
            Value::Text(_) => said(NOT_A_NUMBER),
        }
    }

    /// The two topmost numbers, the lower one first. Nothing is taken if there are none.
    fn two(&mut self) -> Run<(Number, Number)> {
        match self.stack.as_slice() {
            [.., Value::Number(a), Value::Number(b)] => {
                let both = (a.clone(), b.clone());
                self.stack.truncate(self.stack.len() - 2);
                Ok(both)
            }
            [.., _, _] => said(NOT_A_NUMBER),
            _ => said(EMPTY),
        }
    }

    fn push(&mut self, value: impl Into<Value>) {
        self.stack.push(value.into());
    }

    fn count(&mut self, count: usize) {
        self.push(Number::from(i64::try_from(count).unwrap_or(i64::MAX)));
    }

    fn command(&mut self, byte: u8) -> Run<()> {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => {}
            b'#' => while !matches!(self.next(), None | Some(b'\n')) {},
            b'0'..=b'9' | b'A'..=b'F' | b'_' | b'.' => self.literal(),
            b'[' => self.text()?,
            b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'~' => self.arithmetic(byte)?,
            b'|' => self.power_modulo()?,
            b'v' => {
                if let Value::Text(_) = self.top()? {
                    return said("square root of nonnumeric attempted");
                }
                let number = self.number()?;
                match number.square_root(self.scale) {
                    Ok(root) => self.push(root),
                    Err(_) => {
                        self.push(number);
                        return said("square root of negative number");
                    }
                }
            }
            b'p' | b'n' | b'P' | b'f' => self.output(byte)?,
            b'c' => self.stack.clear(),
            b'd' => {
                let top = self.top()?.clone();
                self.push(top);
            }
            b'r' => {
                let length = self.stack.len();
                match length {
                    0 => return said(EMPTY),
                    1 => {}
                    _ => self.stack.swap(length - 1, length - 2),
                }
            }
            b'R' => self.rotate()?,
            b's' | b'l' | b'S' | b'L' | b':' | b';' => self.registers(byte)?,
            b'i' | b'o' | b'k' => self.set(byte)?,
            b'I' => self.push(Number::from(i64::from(self.ibase))),
            b'O' => self.push(Number::from(i64::from(self.obase))),
            b'K' => self.count(self.scale),
            b'z' => self.count(self.stack.len()),
            b'Z' | b'X' => {
                let count = match (self.pop()?, byte) {
                    (Value::Number(number), b'Z') => length(&number),
                    (Value::Number(number), _) => number.scale,
                    (Value::Text(text), b'Z') => text.len(),
                    (Value::Text(_), _) => 0,
                };
                self.count(count);
            }
            b'a' => {
                let first = match self.pop()? {
                    Value::Number(number) => as_bytes(&number).pop(),
                    Value::Text(text) => text.first().copied(),
                };
                self.push(Value::Text(first.into_iter().collect()));
            }
            b'x' => {
                if matches!(self.top()?, Value::Text(_))
                    && let Value::Text(text) = self.pop()?
                {
                    self.call(text)?;
                }
            }
            b'<' | b'>' | b'=' => self.compare(byte, false)?,
            b'!' => match self.peek() {
                Some(test @ (b'<' | b'>' | b'=')) => {
                    self.next();
                    self.compare(test, true)?;
                }
                _ => self.shell()?,
            },
            b'?' => {
                self.out.flush()?;
                let line = self.asked()?;
                self.call(line.into())?;
            }
            b'q' => self.leave(2, true)?,
            b'Q' => {
                let levels = self.number()?;
                if levels.value.sign() != Sign::Plus || levels.small() < 1 {
                    return said("Q command requires a number >= 1");
                }
                self.leave(usize::try_from(levels.small()).unwrap_or(usize::MAX), false)?;
            }
            _ if byte.is_ascii_graphic() => {
                let letter = char::from(byte);
                return said(format!("'{letter}' (0{byte:o}) unimplemented"));
            }
            _ => return said(format!("0{byte:o} unimplemented")),
        }
        Ok(())
    }

    fn literal(&mut self) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        let begin = frame.at - 1;
        let mut has_point = frame.text[begin] == b'.';
        while let Some(&byte) = frame.text.get(frame.at) {
            let is_point = byte == b'.' && !has_point;
            if !is_point && !matches!(byte, b'0'..=b'9' | b'A'..=b'F') {
                break;
            }
            has_point |= is_point;
            frame.at += 1;
        }
        let number = parse(&frame.text[begin..frame.at], self.ibase);
        self.push(number);
    }

    fn text(&mut self) -> Run<()> {
        let mut text = Vec::new();
        let mut depth = 1;
        while let Some(byte) = self.next() {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.push(Value::Text(text.into()));
                return Ok(());
            }
            text.push(byte);
        }
        Ok(())
    }

    fn arithmetic(&mut self, operator: u8) -> Run<()> {
        let (a, b) = self.two()?;
        let scale = self.scale;
        let restored = |machine: &mut Self, why: String| {
            machine.push(a.clone());
            machine.push(b.clone());
            said(why)
        };
        if matches!(operator, b'/' | b'%' | b'~') && b.is_zero() {
            let what = if operator == b'/' {
                "divide"
            } else {
                "remainder"
            };
            return restored(self, format!("{what} by zero"));
        }
        if operator == b'^' && !b.subtract(&b.rescaled(0)).is_zero() {
            self.out.flush()?;
            eprintln!("Runtime warning: non-zero scale in exponent");
        }
        let result = match operator {
            b'+' => Ok(a.add(&b)),
            b'-' => Ok(a.subtract(&b)),
            b'*' => Ok(a.multiply(&b, scale)),
            b'/' => a.divide(&b, scale),
            b'%' => a.remainder(&b, scale),
            b'^' if a.is_zero() && b.value.sign() == Sign::Minus => Ok(0.into()),
            b'^' => a.power(&b, scale),
            _ => {
                let quotient = a.divide(&b, scale)?;
                self.push(quotient);
                a.remainder(&b, scale)
            }
        };
        match result {
            Ok(number) => {
                self.push(number);
                Ok(())
            }
            Err(why) => restored(self, why),
        }
    }

    /// `base exponent modulus |`
    fn power_modulo(&mut self) -> Run<()> {
        let [
            ..,
            Value::Number(base),
            Value::Number(exponent),
            Value::Number(modulus),
        ] = self.stack.as_slice()
        else {
            return said(if self.stack.len() < 3 {
                EMPTY
            } else {
                NOT_A_NUMBER
            });
        };
        if exponent.value.sign() == Sign::Minus {
            return said("negative exponent");
        }
        if modulus.rescaled(0).is_zero() {
            return said("remainder by zero");
        }
        let [base, exponent, modulus] =
            [base, exponent, modulus].map(|each| each.rescaled(0).value);
        // The remainder has the sign of what was divided, other than that of the crate.
        let positive = BigInt::from(modulus.magnitude().clone());
        let mut value = BigInt::from(base.magnitude().clone()).modpow(&exponent, &positive);
        if base.sign() == Sign::Minus && exponent.bit(0) {
            value = -value;
        }
        self.stack.truncate(self.stack.len() - 3);
        self.push(Number { value, scale: 0 });
        Ok(())
    }

    /// Turns the topmost values, as many as a number says; a negative one turns the other way.
    fn rotate(&mut self) -> Run<()> {
        let count = self.number()?.small();
        let length = self.stack.len();
        let size = usize::try_from(count.unsigned_abs())
            .unwrap_or(usize::MAX)
            .min(length);
        if size > 1 {
            let turned = &mut self.stack[length - size..];
            if count > 0 {
                turned.rotate_left(1);
            } else {
                turned.rotate_right(1);
            }
        }
        Ok(())
    }

    fn registers(&mut self, command: u8) -> Run<()> {
        let name = self.register()?;
        let empty = || {
            let shown = if name.is_ascii_graphic() {
                format!("'{}' (0{name:o})", char::from(name))
            } else {
                format!("0{name:o}")
            };
            said(format!("stack register {shown} is empty"))
        };
        match command {
            b's' => {
                let value = self.pop()?;
                let register = self.registers.entry(name).or_default();
                match register.last_mut() {
                    Some((known, _)) => *known = value,
                    None => register.push((value, Array::new())),
                }
            }
            b'l' => {
                // A register that nothing was stored in is 0.
                let value = self
                    .registers
                    .get(&name)
                    .and_then(|register| register.last());
                let value =
                    value.map_or_else(|| Number::from(0).into(), |(value, _)| value.clone());
                self.push(value);
            }
            b'S' => {
                let value = self.pop()?;
                self.registers
                    .entry(name)
                    .or_default()
                    .push((value, Array::new()));
            }
            b'L' => match self.registers.get_mut(&name).and_then(Vec::pop) {
                Some((value, _)) => self.push(value),
                None => return empty(),
            },
            _ => {
                let index = self.number()?;
                if index.value.sign() == Sign::Minus {
                    return said("array index must be a nonnegative integer");
                }
                let index = index.small();
                if command == b':' {
                    let value = self.pop()?;
                    let register = self.registers.entry(name).or_default();
                    if register.is_empty() {
                        register.push((Number::from(0).into(), Array::new()));
                    }
                    if let Some((_, array)) = register.last_mut() {
                        array.insert(index, value);
                    }
                } else {
                    let known = self
                        .registers
                        .get(&name)
                        .and_then(|register| register.last());
                    let value = known.and_then(|(_, array)| array.get(&index).cloned());
                    self.push(value.unwrap_or_else(|| Number::from(0).into()));
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, command: u8) -> Run<()> {
        let number = match self.pop()? {
            Value::Number(number) => number.small(),
            Value::Text(_) => -1,
        };
        let small = u32::try_from(number).ok();
        match command {
            b'i' => match small.filter(|base| (2..=16).contains(base)) {
                Some(base) => self.ibase = base,
                None => return said("input base must be a number between 2 and 16 (inclusive)"),
            },
            b'o' => match small.filter(|base| *base > 1) {
                Some(base) => self.obase = base,
                None => return said("output base must be a number greater than 1"),
            },
            _ => match usize::try_from(number) {
                Ok(scale) => self.scale = scale.min(MOST_DIGITS),
                Err(_) => return said("scale must be a nonnegative number"),
            },
        }
        Ok(())
    }

    fn output(&mut self, command: u8) -> Run<()> {
        match command {
            b'f' => {
                for value in self.stack.clone().iter().rev() {
                    self.show(value)?;
                    self.newline()?;
                }
            }
            b'p' => {
                let top = self.top()?.clone();
                self.show(&top)?;
                self.newline()?;
            }
            b'n' => {
                let top = self.pop()?;
                self.show(&top)?;
            }
            _ => match self.pop()? {
                Value::Number(number) => self.out.write_all(&as_bytes(&number))?,
                Value::Text(text) => self.out.write_all(&text)?,
            },
        }
        self.out.flush()?;
        Ok(())
    }

    fn newline(&mut self) -> Run<()> {
        self.out.write_all(b"\n")?;
        self.column = 0;
        Ok(())
    }

    /// Writes a value; digits of a number are broken into lines.
    fn show(&mut self, value: &Value) -> Run<()> {
        let number = match value {
            Value::Text(text) => {
                self.out.write_all(text)?;
                return Ok(());
            }
            Value::Number(number) => number.show(self.obase),
        };
        for digit in number.bytes() {
            if self
                .line_length
                .is_some_and(|length| self.column + 1 >= length)
            {
                self.out.write_all(b"\\\n")?;
                self.column = 0;
            }
            self.out.write_all(&[digit])?;
            self.column += 1;
        }
        Ok(())
    }

    /// A line of standard input; where that is what runs, the rest of the line that does.
    fn asked(&mut self) -> Run<Vec<u8>> {
        let mut line = Vec::new();
        if self.interacts
            && let Some(base) = self.frames.first_mut()
        {
            let rest = &base.text[base.at..];
            let end = rest.iter().position(|&byte| byte == b'\n');
            line.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            base.at += end.map_or(rest.len(), |end| end + 1);
        }
        if line.is_empty() {
            io::stdin().lock().read_until(b'\n', &mut line)?;
        }
        Ok(line)
    }

    /// Runs a macro; called last in another one, it takes that one's place.
    fn call(&mut self, text: Rc<[u8]>) -> Run<()> {
        let mut levels = 1;
        if let Some(frame) = self.frames.last()
            && frame.at == frame.text.len()
            && self.frames.len() > 1
        {
            levels += frame.levels;
            self.frames.pop();
        }
        if self.frames.len() >= MOST_LEVELS {
            self.ended = true;
            return said("macros call each other too deep");
        }
        self.frames.push(Frame {
            text,
            at: 0,
            levels,
        });
        Ok(())
    }

    /// Leaves so many levels of macros; the outermost text only if `ends` says so.
    fn leave(&mut self, mut levels: usize, ends: bool) -> Run<()> {
        while levels > 0 {
            if self.frames.len() <= 1 {
                if !ends {
                    return said("Q command argument exceeded string execution depth");
                }
                self.ended = true;
                return Ok(());
            }
            let Some(frame) = self.frames.last_mut() else {
                return Ok(());
            };
            if frame.levels > levels {
                // Nothing but levels is left of those whose last command this was.
                frame.levels -= levels;
                frame.at = frame.text.len();
                return Ok(());
            }
            levels -= frame.levels;
            self.frames.pop();
        }
        Ok(())
    }

    fn compare(&mut self, test: u8, negated: bool) -> Run<()> {
        let name = self.register()?;
        // The topmost is compared with the one below it.
        let (below, top) = self.two()?;
        let order = top.compare(&below);
        let holds = match test {
            b'<' => order == Ordering::Less,
            b'>' => order == Ordering::Greater,
            _ => order == Ordering::Equal,
        };
        if holds == negated {
            return Ok(());
        }
        let value = self
            .registers
            .get(&name)
            .and_then(|register| register.last());
        match value.map(|(value, _)| value.clone()) {
            Some(Value::Text(text)) => self.call(text),
            Some(number) => {
                self.push(number);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The rest of the line is a command for the shell.
    fn shell(&mut self) -> Run<()> {
        let mut line = Vec::new();
        while let Some(byte) = self.next().filter(|&byte| byte != b'\n') {
            line.push(byte);
        }
        self.out.flush()?;
        match child::run(child::shell(secure_exec_cli::os_string(line))) {
            Ok(_) => Ok(()),
            Err(error) => said(format!("sh: {}", secure_exec_sys::errno::message(&error))),
        }
    }
}

/// Whether a text ends within a string.
fn is_open(text: &[u8]) -> bool {
    let (mut depth, mut comment) = (0_usize, false);
    for &byte in text {
        match byte {
            b'\n' => comment = false,
            _ if comment => {}
            b'#' if depth == 0 => comment = true,
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth > 0
}
