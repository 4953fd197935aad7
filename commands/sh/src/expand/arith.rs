//! Arithmetic (XCU 2.6.4 and the C standard's expressions), with bash's `**`, bases and arrays.

use crate::shell::{Flow, Shell};
use crate::text;

/// How deep parentheses, operators and variables that hold expressions may nest.
const MAX_DEPTH: u32 = 100;
/// What an expression counts towards the nesting of the shell.
const STEP: u32 = 20;

struct Evaluator<'a> {
    shell: &'a mut Shell,
    chars: Vec<char>,
    at: usize,
    depth: u32,
    /// Above 0 where the value does not count: no assignments, no division by zero.
    skip: u32,
}

enum Problem {
    Message(String),
    Flow(Flow),
}

type Value<T = i64> = Result<T, Problem>;

/// A name with its subscript.
#[derive(Clone)]
struct Place {
    name: String,
    index: Option<String>,
}

/// Binary operators by falling binding strength; the assignment ones are apart.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];
const ASSIGNMENTS: [&str; 11] = [
    "<<=", ">>=", "+=", "-=", "*=", "/=", "%=", "&=", "^=", "|=", "=",
];

impl Shell {
    /// The value of an expression that has been expanded.
    ///
    /// # Errors
    /// It is no expression, divides by zero, or assigns to what is read-only.
    pub fn arithmetic(&mut self, source: &str) -> Result<i64, Flow> {
        self.arithmetic_at(source, 0)
    }

    fn arithmetic_at(&mut self, source: &str, depth: u32) -> Result<i64, Flow> {
        let trimmed = source.trim();
        if let Some(n) = plain_number(trimmed) {
            return Ok(n);
        }
        if trimmed.is_empty() {
            return Ok(0);
        }
        let mut evaluator = Evaluator {
            chars: source.chars().collect(),
            at: 0,
            depth,
            skip: 0,
            shell: self,
        };
        // A subscript is an expression of its own: it counts as deep nesting of the shell.
        evaluator.shell.depth += STEP;
        let result = if evaluator.shell.depth > crate::exec::MAX_DEPTH {
            evaluator.problem("expression recursion level exceeded")
        } else {
            evaluator.whole()
        };
        evaluator.shell.depth -= STEP;
        match result {
            Ok(value) => Ok(value),
            Err(Problem::Flow(flow)) => Err(flow),
            Err(Problem::Message(message)) => {
                let text = if self.bash {
                    format!("{}: {message}", source.trim_start())
                } else {
                    format!("arithmetic expression: {message}: \"{source}\"")
                };
                self.fatal(&text)
            }
        }
    }
}

fn plain_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty()
        && digits.len() < 18
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

impl Evaluator<'_> {
    fn problem<T>(&self, message: &str) -> Value<T> {
        if self.shell.bash {
            let rest: String = self.chars[self.at.min(self.chars.len())..].iter().collect();
            return Err(Problem::Message(format!(
                "{message} (error token is \"{rest}\")"
            )));
        }
        Err(Problem::Message(message.to_owned()))
    }

    fn expecting<T>(&self) -> Value<T> {
        self.problem(if self.shell.bash {
            "syntax error: operand expected"
        } else {
            "expecting primary"
        })
    }

    fn whole(&mut self) -> Value {
        let value = self.comma()?;
        self.blanks();
        if self.at < self.chars.len() {
            return self.problem(if self.shell.bash {
                "syntax error in expression"
            } else {
                "expecting EOF"
            });
        }
        Ok(value)
    }

    fn blanks(&mut self) {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    fn looking_at(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn eat(&mut self, text: &str) -> bool {
        self.blanks();
        let found = self.looking_at(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Value<T>) -> Value<T> {
        if self.depth >= MAX_DEPTH {
            return self.problem("expression recursion level exceeded");
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn comma(&mut self) -> Value {
        let mut value = self.assignment()?;
        while self.shell.bash && self.eat(",") {
            value = self.assignment()?;
        }
        Ok(value)
    }

    fn assignment(&mut self) -> Value {
        self.nested(|e| {
            let start = e.at;
            e.blanks();
            if let Some(place) = e.place()? {
                e.blanks();
                let operator = ASSIGNMENTS.iter().find(|op| e.looking_at(op));
                if let Some(operator) = operator.filter(|op| **op != "=" || !e.looking_at("==")) {
                    e.at += operator.len();
                    let right = e.assignment()?;
                    let value = match operator.trim_end_matches('=') {
                        "" => right,
                        operator => {
                            let left = e.load(&place)?;
                            e.apply(operator, left, right)?
                        }
                    };
                    e.store(&place, value)?;
                    return Ok(value);
                }
            }
            e.at = start;
            e.conditional()
        })
    }

    fn conditional(&mut self) -> Value {
        let test = self.binary(0)?;
        if !self.eat("?") {
            return Ok(test);
        }
        self.skip += u32::from(test == 0);
        let yes = self.comma();
        self.skip -= u32::from(test == 0);
        let yes = yes?;
        if !self.eat(":") {
            return self.problem(if self.shell.bash {
                "`:' expected for conditional expression"
            } else {
                "expecting ':'"
            });
        }
        self.skip += u32::from(test != 0);
        let no = self.assignment();
        self.skip -= u32::from(test != 0);
        Ok(if test != 0 { yes } else { no? })
    }

    /// The operator of this level that comes next. Longer operators and assignments are not it.
    fn operator(&mut self, level: usize) -> Option<&'static str> {
        self.blanks();
        let found = LEVELS[level].iter().find(|op| self.looking_at(op))?;
        let next = self.chars.get(self.at + found.len()).copied();
        let longer = match *found {
            "|" => matches!(next, Some('|' | '=')),
            "&" => matches!(next, Some('&' | '=')),
            "<" | ">" => next == found.chars().next(),
            "*" => matches!(next, Some('*' | '=')),
            "<<" | ">>" | "^" | "+" | "-" | "/" | "%" => next == Some('='),
            _ => false,
        };
        (!longer).then_some(found)
    }

    fn binary(&mut self, level: usize) -> Value {
        if level == LEVELS.len() {
            return self.power();
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(level) {
            self.at += operator.len();
            let decided = operator == "||" && left != 0 || operator == "&&" && left == 0;
            self.skip += u32::from(decided);
            let right = self.binary(level + 1);
            self.skip -= u32::from(decided);
            let right = right?;
            left = self.apply(operator, left, right)?;
        }
        Ok(left)
    }

    fn power(&mut self) -> Value {
        let base = self.unary()?;
        self.blanks();
        if !self.shell.bash || !self.looking_at("**") || self.looking_at("**=") {
            return Ok(base);
        }
        self.at += 2;
        let exponent = self.nested(Self::power)?;
        if exponent < 0 {
            return if self.skip > 0 {
                Ok(0)
            } else {
                self.problem("exponent less than 0")
            };
        }
        let (mut result, mut base, mut n) = (1_i64, base, exponent);
        while n > 0 {
            if n & 1 == 1 {
                result = result.wrapping_mul(base);
            }
            base = base.wrapping_mul(base);
            n >>= 1;
        }
        Ok(result)
    }

    fn apply(&self, operator: &str, a: i64, b: i64) -> Value {
        let shift = || u32::try_from(b & 63).unwrap_or(0);
        Ok(match operator {
            "||" => i64::from(a != 0 || b != 0),
            "&&" => i64::from(a != 0 && b != 0),
            "|" => a | b,
            "^" => a ^ b,
            "&" => a & b,
            "==" => i64::from(a == b),
            "!=" => i64::from(a != b),
            "<=" => i64::from(a <= b),
            ">=" => i64::from(a >= b),
            "<" => i64::from(a < b),
            ">" => i64::from(a > b),
            "<<" => a.wrapping_shl(shift()),
            ">>" => a.wrapping_shr(shift()),
            "+" => a.wrapping_add(b),
            "-" => a.wrapping_sub(b),
            "*" => a.wrapping_mul(b),
            _ if b == 0 && self.skip > 0 => 0,
            _ if b == 0 => {
                return self.problem(if self.shell.bash {
                    "division by 0"
                } else {
                    "division by zero"
                });
            }
            "/" => a.wrapping_div(b),
            _ => a.wrapping_rem(b),
        })
    }

    fn unary(&mut self) -> Value {
        self.nested(|e| {
            e.blanks();
            for (step, text) in [(1, "++"), (-1, "--")] {
                if !e.shell.dash && e.looking_at(text) {
                    let start = e.at;
                    e.at += 2;
                    e.blanks();
                    if let Some(place) = e.place()? {
                        let value = e.load(&place)?.wrapping_add(step);
                        e.store(&place, value)?;
                        return Ok(value);
                    }
                    e.at = start;
                }
            }
            match e.chars.get(e.at) {
                Some('-') => {
                    e.at += 1;
                    Ok(e.unary()?.wrapping_neg())
                }
                Some('+') => {
                    e.at += 1;
                    e.unary()
                }
                Some('!') if e.chars.get(e.at + 1) != Some(&'=') => {
                    e.at += 1;
                    Ok(i64::from(e.unary()? == 0))
                }
                Some('~') => {
                    e.at += 1;
                    Ok(!e.unary()?)
                }
                _ => e.primary(),
            }
        })
    }

    fn primary(&mut self) -> Value {
        if self.eat("(") {
            let value = self.nested(Self::comma)?;
            if !self.eat(")") {
                return self.problem(if self.shell.bash {
                    "missing `)'"
                } else {
                    "expecting ')'"
                });
            }
            return Ok(value);
        }
        if self.chars.get(self.at).is_some_and(char::is_ascii_digit) {
            return self.number();
        }
        let Some(place) = self.place()? else {
            return self.expecting();
        };
        let value = self.load(&place)?;
        self.blanks();
        for (step, text) in [(1, "++"), (-1, "--")] {
            if !self.shell.dash && self.looking_at(text) {
                self.at += 2;
                self.store(&place, value.wrapping_add(step))?;
            }
        }
        Ok(value)
    }

    fn number(&mut self) -> Value {
        let start = self.at;
        while self
            .chars
            .get(self.at)
            .is_some_and(|c| c.is_ascii_alphanumeric() || "#@_".contains(*c))
        {
            self.at += 1;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        let bash = self.shell.bash;
        match parse_number(&text, bash) {
            Some(value) => Ok(value),
            None if bash && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) => {
                Err(Problem::Message(format!(
                    "value too great for base (error token is \"{text}\")"
                )))
            }
            None => {
                self.at = start;
                self.problem(if bash {
                    "syntax error: invalid number"
                } else {
                    "expecting EOF"
                })
            }
        }
    }

    /// A variable, if one comes next.
    fn place(&mut self) -> Value<Option<Place>> {
        let start = self.at;
        while self
            .chars
            .get(self.at)
            .is_some_and(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            self.at += 1;
        }
        let name: String = self.chars[start..self.at].iter().collect();
        if !text::is_name(&name) {
            self.at = start;
            return Ok(None);
        }
        let mut index = None;
        if self.shell.bash && self.chars.get(self.at) == Some(&'[') {
            let open = self.at + 1;
            let mut depth = 0;
            loop {
                match self.chars.get(self.at) {
                    None => return self.problem("bad array subscript"),
                    Some('[') => depth += 1,
                    Some(']') => depth -= 1,
                    Some(_) => {}
                }
                self.at += 1;
                if depth == 0 {
                    break;
                }
            }
            let text: String = self.chars[open..self.at - 1].iter().collect();
            let quoted = self.shell.is_assoc(&name) || text.contains(['$', '`']);
            index = Some(if quoted && self.skip == 0 {
                self.shell.expand_subscript(&text).map_err(Problem::Flow)?
            } else {
                text
            });
        }
        Ok(Some(Place { name, index }))
    }

    fn load(&mut self, place: &Place) -> Value {
        if self.skip > 0 {
            return Ok(0);
        }
        let text = match &place.index {
            Some(index) => self
                .shell
                .element(&place.name, index)
                .map_err(Problem::Flow)?,
            None if self.shell.bash && place.name == "RANDOM" => {
                Some(self.shell.next_random().to_string())
            }
            None => self
                .shell
                .var_or_element(&place.name)
                .map_err(Problem::Flow)?,
        };
        let Some(text) = text else {
            // A member that is not there is 0 where the array is.
            let there = place.index.is_some() && self.shell.elements(&place.name).is_some();
            if self.shell.options.nounset && self.shell.bash && !there {
                let message = if self.shell.bash {
                    "unbound variable"
                } else {
                    "parameter not set"
                };
                self.shell.error(&format!("{}: {message}", place.name));
                let flow = if self.shell.bash {
                    match self.shell.expansion_failed() {
                        Flow::Exit(_) => Flow::Exit(1),
                        flow => flow,
                    }
                } else {
                    Flow::Abort(2)
                };
                return Err(Problem::Flow(flow));
            }
            return Ok(0);
        };
        if self.shell.bash {
            return self
                .shell
                .arithmetic_at(&text, self.depth + 1)
                .map_err(Problem::Flow)
                .and_then(|value| {
                    if self.depth >= MAX_DEPTH {
                        self.problem("expression recursion level exceeded")
                    } else {
                        Ok(value)
                    }
                });
        }
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Ok(0);
        }
        let (digits, sign) = match trimmed.strip_prefix('-') {
            Some(rest) => (rest, -1),
            None => (trimmed.strip_prefix('+').unwrap_or(trimmed), 1),
        };
        match parse_number(digits, false) {
            Some(value) => Ok(value.wrapping_mul(sign)),
            None => {
                self.shell.error(&format!("Illegal number: {text}"));
                Err(Problem::Flow(Flow::Abort(2)))
            }
        }
    }

    fn store(&mut self, place: &Place, value: i64) -> Value<()> {
        if self.skip > 0 {
            return Ok(());
        }
        let text = value.to_string();
        match &place.index {
            Some(index) => self.shell.assign_element(&place.name, index, text),
            None => self.shell.assign(&place.name, text),
        }
        .map_err(Problem::Flow)
    }
}

/// A constant: decimal, octal, hexadecimal, and `base#digits` in bash.
fn parse_number(text: &str, bash: bool) -> Option<i64> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return in_base(hex, 16, bash);
    }
    if let Some((base, digits)) = text.split_once('#') {
        let base: u32 = base.parse().ok().filter(|b| (2..=64).contains(b) && bash)?;
        return in_base(digits, base, bash);
    }
    match text.strip_prefix('0') {
        Some("") => Some(0),
        Some(octal) => in_base(octal, 8, bash),
        None => in_base(text, 10, bash),
    }
}

fn in_base(digits: &str, base: u32, wrap: bool) -> Option<i64> {
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_i64;
    for c in digits.chars() {
        let digit = match c {
            '0'..='9' => c as u32 - '0' as u32,
            'a'..='z' => c as u32 - 'a' as u32 + 10,
            'A'..='Z' if base <= 36 => c as u32 - 'A' as u32 + 10,
            'A'..='Z' => c as u32 - 'A' as u32 + 36,
            '@' => 62,
            '_' => 63,
            _ => return None,
        };
        if digit >= base {
            return None;
        }
        let next = value
            .checked_mul(i64::from(base))
            .and_then(|v| v.checked_add(i64::from(digit)));
        value = match next {
            Some(next) => next,
            None if wrap => value
                .wrapping_mul(i64::from(base))
                .wrapping_add(i64::from(digit)),
            None => return Some(i64::MAX),
        };
    }
    Some(value)
}
