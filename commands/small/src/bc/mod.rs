//! `bc`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/bc.html), with what scripts use of
//! the GNU tool: long names, `print`, `else`, `continue`, `&&`, `||`, `!`, comparisons as values, `length`, `read`.

mod library;
pub mod number;
mod parse;

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::rc::Rc;

use secure_exec_cli::{Args, Outcome, Syntax, fail, flag};
use secure_exec_sys::errno;

use crate::input;
use number::{MOST_DIGITS, Number};
use parse::{Argument, Expr, Function, Place, Printed, Statement};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('i', "interactive"),
        flag('l', "mathlib"),
        flag('q', "quiet"),
        flag('s', "standard"),
        flag('w', "warn"),
    ],
    usage: "[options] [file ...]",
    usage_status: 1,
    operand_ends: false,
};

/// How deep functions may call each other.
const MOST_CALLS: usize = 400;

type Array = HashMap<i64, Number>;

struct Machine {
    scale: usize,
    ibase: u32,
    obase: u32,
    last: Number,
    variables: HashMap<String, Number>,
    arrays: HashMap<String, Array>,
    functions: HashMap<String, Rc<Function>>,
    has_library: bool,
    depth: usize,
    line_length: usize,
    column: usize,
    out: io::BufWriter<io::Stdout>,
}

/// Why statements end early.
enum Stop {
    Break,
    Continue,
    Return(Number),
    Quit,
    Error(String),
}

impl From<String> for Stop {
    fn from(text: String) -> Self {
        Self::Error(text)
    }
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        // Nobody reads any more.
        Self::Quit
    }
}

type Run<T> = Result<T, Stop>;

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let length = std::env::var("BC_LINE_LENGTH")
        .ok()
        .and_then(|text| text.parse().ok());
    let mut machine = Machine {
        scale: if parsed.has("mathlib") { 20 } else { 0 },
        ibase: 10,
        obase: 10,
        last: 0.into(),
        variables: HashMap::new(),
        arrays: HashMap::new(),
        functions: HashMap::new(),
        has_library: parsed.has("mathlib"),
        depth: 0,
        line_length: length.unwrap_or(70),
        column: 0,
        out: io::BufWriter::new(io::stdout()),
    };
    for name in &parsed.operands {
        let text = input::read(name).map_err(|error| {
            fail(format!(
                "File {} is unavailable: {}",
                name.to_string_lossy(),
                errno::message(&error)
            ))
        })?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut lines = text.split_inclusive('\n').map(|line| Ok(line.to_owned()));
        if !machine.lines(&name.to_string_lossy(), &mut lines) {
            return Ok(0);
        }
    }
    // The lock is not held meanwhile: `read` takes lines, too.
    let mut lines = io::stdin().lines().map(|line| line.map(|line| line + "\n"));
    machine.lines("(standard_in)", &mut lines);
    Ok(0)
}

impl Machine {
    /// Runs lines as soon as they are whole. `false`: the program said `quit`.
    fn lines(&mut self, name: &str, lines: &mut dyn Iterator<Item = io::Result<String>>) -> bool {
        let mut text = String::new();
        let mut number = 0;
        loop {
            let line = lines.next().and_then(Result::ok);
            let at_end = line.is_none();
            number += 1;
            text.push_str(&line.unwrap_or_default());
            if !at_end && parse::is_open(&text) {
                continue;
            }
            let Ok(statements) = parse::parse(&std::mem::take(&mut text)) else {
                let _ = self.out.flush();
                eprintln!("{name} {number}: syntax error");
                if at_end {
                    return true;
                }
                continue;
            };
            for statement in &statements {
                match self.statement(statement) {
                    Err(Stop::Quit) => {
                        let _ = self.out.flush();
                        return false;
                    }
                    Err(Stop::Error(text)) => {
                        let _ = self.out.flush();
                        eprintln!("Runtime error (func=(main), adr=0): {text}");
                        break;
                    }
                    Err(_) | Ok(()) => {}
                }
            }
            let _ = self.out.flush();
            if at_end {
                return true;
            }
        }
    }

    /// Writes text; the digits of numbers are broken into lines.
    fn write(&mut self, text: &str, breaks: bool) -> Run<()> {
        for c in text.chars() {
            if breaks && self.line_length > 1 && self.column + 2 >= self.line_length {
                self.out.write_all(b"\\\n")?;
                self.column = 0;
            }
            write!(self.out, "{c}")?;
            self.column = if c == '\n' { 0 } else { self.column + 1 };
        }
        Ok(())
    }

    fn show(&mut self, value: &Number) -> Run<()> {
        let text = value.show(self.obase);
        self.write(&text, true)
    }

    fn block(&mut self, statements: &[Statement]) -> Run<()> {
        statements
            .iter()
            .try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Statement) -> Run<()> {
        match statement {
            Statement::Expr(expr) => {
                let value = self.value(expr)?;
                if !matches!(expr, Expr::Assign(..)) {
                    self.show(&value)?;
                    self.write("\n", false)?;
                    self.last = value;
                }
            }
            Statement::Text(text) => self.write(text, false)?,
            Statement::Print(list) => {
                for each in list {
                    match each {
                        Printed::Text(text) => self.write(&escaped(text), false)?,
                        Printed::Value(expr) => {
                            let value = self.value(expr)?;
                            self.show(&value)?;
                            self.last = value;
                        }
                    }
                }
            }
            Statement::Block(statements) => self.block(statements)?,
            Statement::If(condition, yes, no) => {
                if !self.value(condition)?.is_zero() {
                    self.statement(yes)?;
                } else if let Some(no) = no {
                    self.statement(no)?;
                }
            }
            Statement::While(condition, body) => {
                while !self.value(condition)?.is_zero() {
                    if self.turn(body)? {
                        break;
                    }
                }
            }
            Statement::For(first, test, step, body) => {
                first
                    .iter()
                    .try_for_each(|first| self.value(first).map(|_| ()))?;
                loop {
                    if let Some(test) = test
                        && self.value(test)?.is_zero()
                    {
                        break;
                    }
                    if self.turn(body)? {
                        break;
                    }
                    step.iter()
                        .try_for_each(|step| self.value(step).map(|_| ()))?;
                }
            }
            Statement::Break => return Err(Stop::Break),
            Statement::Continue => return Err(Stop::Continue),
            Statement::Return(value) => {
                let value = value
                    .as_ref()
                    .map_or_else(|| Ok(0.into()), |value| self.value(value))?;
                return Err(Stop::Return(value));
            }
            Statement::Quit => return Err(Stop::Quit),
            Statement::Define(name, function) => {
                self.functions
                    .insert(name.clone(), Rc::new(function.clone()));
            }
        }
        Ok(())
    }

    /// One turn of a loop. `true`: it was broken.
    fn turn(&mut self, body: &Statement) -> Run<bool> {
        match self.statement(body) {
            Err(Stop::Break) => Ok(true),
            Ok(()) | Err(Stop::Continue) => Ok(false),
            Err(other) => Err(other),
        }
    }

    fn get(&mut self, place: &Place) -> Run<Number> {
        Ok(match place {
            Place::Variable(name) => match name.as_str() {
                "scale" => i64::try_from(self.scale).unwrap_or(0).into(),
                "ibase" => i64::from(self.ibase).into(),
                "obase" => i64::from(self.obase).into(),
                "last" => self.last.clone(),
                _ => self
                    .variables
                    .get(name)
                    .cloned()
                    .unwrap_or_else(|| 0.into()),
            },
            Place::Element(name, index) => {
                let index = self.index(index)?;
                let known = self.arrays.get(name).and_then(|array| array.get(&index));
                known.cloned().unwrap_or_else(|| 0.into())
            }
        })
    }

    fn index(&mut self, index: &Expr) -> Run<i64> {
        let index = self.value(index)?.small();
        if !(0..=16_777_215).contains(&index) {
            return Err(Stop::Error("Array index out of bounds".to_owned()));
        }
        Ok(index)
    }

    fn set(&mut self, place: &Place, value: Number) -> Run<()> {
        match place {
            Place::Variable(name) => match name.as_str() {
                "scale" => {
                    let scale = usize::try_from(value.small()).unwrap_or(0);
                    self.scale = scale.min(MOST_DIGITS);
                }
                "ibase" => self.ibase = u32::try_from(value.small()).unwrap_or(2).clamp(2, 16),
                "obase" => self.obase = u32::try_from(value.small()).unwrap_or(2).clamp(2, 999_999),
                "last" => self.last = value,
                _ => {
                    self.variables.insert(name.clone(), value);
                }
            },
            Place::Element(name, index) => {
                let index = self.index(index)?;
                self.arrays
                    .entry(name.clone())
                    .or_default()
                    .insert(index, value);
            }
        }
        Ok(())
    }

    fn calculated(&self, operator: &str, left: &Number, right: &Number) -> Run<Number> {
        Ok(match operator {
            "+" => left.add(right),
            "-" => left.subtract(right),
            "*" => left.multiply(right, self.scale),
            "/" => left.divide(right, self.scale)?,
            "%" => left.remainder(right, self.scale)?,
            "^" => left.power(right, self.scale)?,
            _ => {
                let order = left.compare(right);
                Number::flag(match operator {
                    "==" => order.is_eq(),
                    "!=" => order.is_ne(),
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                })
            }
        })
    }

    fn value(&mut self, expr: &Expr) -> Run<Number> {
        Ok(match expr {
            Expr::Number(text) => Number::parse(text, self.ibase),
            Expr::Place(place) => self.get(place)?,
            Expr::Assign(place, operator, value) => {
                let mut value = self.value(value)?;
                if let Some(operator) = operator {
                    let old = self.get(place)?;
                    value = self.calculated(&operator.to_string(), &old, &value)?;
                }
                self.set(place, value.clone())?;
                value
            }
            Expr::Step(place, by, before) => {
                let old = self.get(place)?;
                let new = old.add(&(*by).into());
                self.set(place, new.clone())?;
                if *before { old } else { new }
            }
            Expr::Negate(inner) => self.value(inner)?.negated(),
            Expr::Not(inner) => Number::flag(self.value(inner)?.is_zero()),
            Expr::Binary(operator, left, right) if operator == "&&" => {
                Number::flag(!self.value(left)?.is_zero() && !self.value(right)?.is_zero())
            }
            Expr::Binary(operator, left, right) if operator == "||" => {
                Number::flag(!self.value(left)?.is_zero() || !self.value(right)?.is_zero())
            }
            Expr::Binary(operator, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.calculated(operator, &left, &right)?
            }
            Expr::Group(inner) => self.value(inner)?,
            Expr::Call(name, arguments) => self.call(name, arguments)?,
        })
    }

    fn call(&mut self, name: &str, arguments: &[Argument]) -> Run<Number> {
        if let Some(function) = self.functions.get(name).cloned() {
            return self.own(&function, arguments);
        }
        let mut values = Vec::new();
        for argument in arguments {
            values.push(match argument {
                Argument::Value(expr) => self.value(expr)?,
                Argument::Array(array) => {
                    let count = self.arrays.get(array).map_or(0, HashMap::len);
                    i64::try_from(count).unwrap_or(0).into()
                }
            });
        }
        let scale = self.scale;
        let by_library = self.has_library;
        Ok(match (name, &values[..]) {
            ("length", [x]) if matches!(arguments, [Argument::Array(_)]) => x.clone(),
            ("length", [x]) => i64::try_from(x.length()).unwrap_or(0).into(),
            ("scale", [x]) => i64::try_from(x.scale).unwrap_or(0).into(),
            ("sqrt", [x]) => x.square_root(scale)?,
            ("read", []) => {
                let mut line = String::new();
                io::stdin().lock().read_line(&mut line)?;
                Number::parse(line.trim(), self.ibase)
            }
            ("s", [x]) if by_library => library::sine(x, scale),
            ("c", [x]) if by_library => library::cosine(x, scale),
            ("a", [x]) if by_library => library::arctangent(x, scale),
            ("l", [x]) if by_library => library::logarithm(x, scale),
            ("e", [x]) if by_library => library::exponential(x, scale)?,
            ("j", [n, x]) if by_library => library::bessel(n, x, scale)?,
            _ => return Err(Stop::Error(format!("Function {name} not defined."))),
        })
    }

    /// A function of the program: its parameters and `auto` names hide those of the caller meanwhile.
    fn own(&mut self, function: &Rc<Function>, arguments: &[Argument]) -> Run<Number> {
        if arguments.len() != function.parameters.len() {
            return Err(Stop::Error("Parameter number mismatch".to_owned()));
        }
        if self.depth >= MOST_CALLS {
            return Err(Stop::Error("functions are called too deeply".to_owned()));
        }
        let mut given = Vec::new();
        for ((_, is_array), argument) in function.parameters.iter().zip(arguments) {
            given.push(match (argument, is_array) {
                (Argument::Array(name), true) => {
                    Ok(self.arrays.get(name).cloned().unwrap_or_default())
                }
                (Argument::Value(expr), false) => Err(self.value(expr)?),
                _ => return Err(Stop::Error("Parameter type mismatch".to_owned())),
            });
        }
        let locals = function.parameters.iter().chain(&function.autos);
        let hidden: Vec<_> = locals
            .map(|(name, is_array)| match is_array {
                true => (name, None, self.arrays.remove(name)),
                false => (name, self.variables.remove(name), None),
            })
            .collect();
        for ((name, _), value) in function.parameters.iter().zip(given) {
            match value {
                Ok(array) => drop(self.arrays.insert(name.clone(), array)),
                Err(value) => drop(self.variables.insert(name.clone(), value)),
            }
        }
        self.depth += 1;
        let result = self.block(&function.body);
        self.depth -= 1;
        for (index, (name, value, array)) in hidden.into_iter().enumerate().rev() {
            let is_array = match index.checked_sub(function.parameters.len()) {
                Some(at) => function.autos[at].1,
                None => function.parameters[index].1,
            };
            if is_array {
                self.arrays.remove(name);
                self.arrays.extend(array.map(|array| (name.clone(), array)));
            } else {
                self.variables.remove(name);
                self.variables
                    .extend(value.map(|value| (name.clone(), value)));
            }
        }
        match result {
            Err(Stop::Return(value)) => Ok(value),
            Err(other) => Err(other),
            Ok(()) => Ok(0.into()),
        }
    }
}

/// The text of `print` with its escapes.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('a') => out.push('\x07'),
            Some('b') => out.push('\x08'),
            Some('f') => out.push('\x0c'),
            Some('q') => out.push('"'),
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}
