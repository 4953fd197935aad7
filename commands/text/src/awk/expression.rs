//! Expressions of awk, by precedence.

use super::ast::{Arithmetic, Builtin, Comparison, Expr, Place, Slot, Source};
use super::lexer::Token;
use super::parser::{Parser, Result};
use crate::pattern::{Dialect, Pattern, Syntax};
use std::rc::Rc;

/// Compiles an expression in awk's dialect.
pub fn compile(text: &[u8], unicode: bool) -> Result<Rc<Pattern>> {
    let builder = crate::pattern::Builder {
        unicode,
        ignore_case: false,
    };
    builder
        .posix(text, Syntax::Awk, Dialect::awk(unicode))
        .map(Rc::new)
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > 500 {
            return Err("nested too deeply".to_owned());
        }
        let expression = self.ternary();
        self.depth -= 1;
        expression
    }

    /// Expressions separated by commas, up to a closing mark, which is consumed.
    pub(super) fn list_until(&mut self, close: &str) -> Result<Vec<Expr>> {
        let mut list = Vec::new();
        self.skip_newlines()?;
        while !self.is(close) {
            list.push(self.expression()?);
            self.skip_newlines()?;
            if !self.accept(",")? {
                break;
            }
            self.skip_newlines()?;
        }
        self.expect(close)?;
        Ok(list)
    }

    /// The subscripts of an array behind `[`.
    pub(super) fn subscript(&mut self) -> Result<Expr> {
        let greater = std::mem::replace(&mut self.no_greater, false);
        let mut keys = self.list_until("]")?;
        self.no_greater = greater;
        match keys.len() {
            0 => Err(self.unexpected()),
            1 => Ok(keys.remove(0)),
            _ => Ok(Expr::Subscript(keys)),
        }
    }

    fn ternary(&mut self) -> Result<Expr> {
        let condition = self.or()?;
        if !self.accept("?")? {
            return Ok(condition);
        }
        self.skip_newlines()?;
        let yes = self.ternary()?;
        self.skip_newlines()?;
        self.expect(":")?;
        self.skip_newlines()?;
        let no = self.ternary()?;
        Ok(Expr::Conditional(Box::new((condition, yes, no))))
    }

    fn or(&mut self) -> Result<Expr> {
        let mut left = self.and()?;
        while self.accept("||")? {
            self.skip_newlines()?;
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr> {
        let mut left = self.membership()?;
        while self.accept("&&")? {
            self.skip_newlines()?;
            left = Expr::And(Box::new(left), Box::new(self.membership()?));
        }
        Ok(left)
    }

    fn membership(&mut self) -> Result<Expr> {
        let mut left = self.matching()?;
        while self.is_keyword("in") {
            self.advance()?;
            let (Token::Name(name) | Token::FunctionName(name)) = self.token.clone() else {
                return Err(self.unexpected());
            };
            self.advance()?;
            left = Expr::In(Box::new(left), self.array(&name)?);
        }
        Ok(left)
    }

    fn matching(&mut self) -> Result<Expr> {
        let mut left = self.comparison()?;
        while self.is("~") || self.is("!~") {
            let negated = self.is("!~");
            self.advance()?;
            let regex = self.comparison()?;
            left = Expr::Match {
                negated,
                text: Box::new(left),
                regex: Box::new(self.constant_regex(regex)?),
            };
        }
        Ok(left)
    }

    /// A string constant used as an expression is compiled once.
    fn constant_regex(&self, expression: Expr) -> Result<Expr> {
        match expression {
            Expr::Text(text) => Ok(Expr::Regex(compile(&text, self.unicode)?)),
            other => Ok(other),
        }
    }

    fn comparison(&mut self) -> Result<Expr> {
        let left = self.piped()?;
        let operator = match &self.token {
            Token::Mark("<") => Comparison::Less,
            Token::Mark("<=") => Comparison::LessEqual,
            Token::Mark("==") => Comparison::Equal,
            Token::Mark("!=") => Comparison::NotEqual,
            Token::Mark(">") if !self.no_greater => Comparison::Greater,
            Token::Mark(">=") => Comparison::GreaterEqual,
            _ => return Ok(left),
        };
        self.advance()?;
        let right = self.piped()?;
        Ok(Expr::Comparison(operator, Box::new(left), Box::new(right)))
    }

    /// `command | getline`.
    fn piped(&mut self) -> Result<Expr> {
        let mut left = self.concatenation_without_pipe()?;
        while self.is("|") || self.is("|&") {
            let saved = (self.lexer.clone(), self.token.clone(), self.token_at);
            self.advance()?;
            if !self.is_keyword("getline") {
                (self.lexer, self.token, self.token_at) = saved;
                break;
            }
            self.advance()?;
            let place = self.optional_place()?;
            left = Expr::Getline(Source::Command(Box::new(left)), place);
        }
        Ok(left)
    }

    pub(super) fn concatenation_without_pipe(&mut self) -> Result<Expr> {
        let first = self.additive()?;
        if !self.starts_operand() {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.starts_operand() {
            parts.push(self.additive()?);
        }
        Ok(Expr::Concatenation(parts))
    }

    /// Whether the token begins an operand that can be concatenated.
    fn starts_operand(&self) -> bool {
        match &self.token {
            Token::Number(_)
            | Token::Text(_)
            | Token::Name(_)
            | Token::FunctionName(_)
            | Token::Builtin(_) => true,
            Token::Mark(mark) => matches!(*mark, "$" | "!" | "(" | "-" | "+" | "++" | "--"),
            _ => false,
        }
    }

    fn additive(&mut self) -> Result<Expr> {
        let mut left = self.multiplicative()?;
        loop {
            let operator = if self.is("+") {
                Arithmetic::Add
            } else if self.is("-") {
                Arithmetic::Subtract
            } else {
                return Ok(left);
            };
            self.advance()?;
            let right = self.multiplicative()?;
            left = Expr::Arithmetic(operator, Box::new(left), Box::new(right));
        }
    }

    fn multiplicative(&mut self) -> Result<Expr> {
        let mut left = self.unary()?;
        loop {
            let operator = match &self.token {
                Token::Mark("*") => Arithmetic::Multiply,
                Token::Mark("/") => Arithmetic::Divide,
                Token::Mark("%") => Arithmetic::Modulo,
                _ => return Ok(left),
            };
            self.advance()?;
            let right = self.unary()?;
            left = Expr::Arithmetic(operator, Box::new(left), Box::new(right));
        }
    }

    fn unary(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > 500 {
            return Err("nested too deeply".to_owned());
        }
        let expression = if self.accept("!")? {
            Expr::Not(Box::new(self.unary()?))
        } else if self.accept("-")? {
            Expr::Negative(Box::new(self.unary()?))
        } else if self.accept("+")? {
            Expr::Positive(Box::new(self.unary()?))
        } else {
            self.power()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn power(&mut self) -> Result<Expr> {
        let left = self.postfix()?;
        if !self.accept("^")? {
            return Ok(left);
        }
        let right = if self.accept("-")? {
            Expr::Negative(Box::new(self.power()?))
        } else if self.accept("+")? {
            self.power()?
        } else if self.accept("!")? {
            Expr::Not(Box::new(self.power()?))
        } else {
            self.power()?
        };
        Ok(Expr::Arithmetic(
            Arithmetic::Power,
            Box::new(left),
            Box::new(right),
        ))
    }

    fn postfix(&mut self) -> Result<Expr> {
        let expression = self.primary()?;
        let place = match into_place(expression) {
            Ok(place) => place,
            Err(expression) => return Ok(expression),
        };
        if self.is("++") || self.is("--") {
            let by = if self.is("++") { 1.0 } else { -1.0 };
            self.advance()?;
            return Ok(Expr::Increment {
                place: Box::new(place),
                by,
                prefix: false,
            });
        }
        self.assignment(place)
    }

    /// An assignment binds its place more tightly than any operator before it, as in `a && b = c`.
    fn assignment(&mut self, place: Place) -> Result<Expr> {
        let operator = match &self.token {
            Token::Mark("=") => None,
            Token::Mark("+=") => Some(Arithmetic::Add),
            Token::Mark("-=") => Some(Arithmetic::Subtract),
            Token::Mark("*=") => Some(Arithmetic::Multiply),
            Token::Mark("/=") => Some(Arithmetic::Divide),
            Token::Mark("%=") => Some(Arithmetic::Modulo),
            Token::Mark("^=") => Some(Arithmetic::Power),
            _ => return Ok(from_place(place)),
        };
        self.advance()?;
        self.skip_newlines()?;
        let value = self.ternary()?;
        if let Some(operator) = operator {
            return Ok(Expr::Augment(operator, Box::new(place), Box::new(value)));
        }
        if let (
            Place::Variable(slot @ (Slot::Global(_) | Slot::Local(_))),
            Expr::Concatenation(parts),
        ) = (&place, &value)
        {
            let slot = *slot;
            let first = matches!(parts.first(), Some(Expr::Variable(found)) if *found == slot);
            let safe = parts.len() == 2
                && matches!(parts[1], Expr::Text(_) | Expr::Variable(_) | Expr::Field(_));
            if first && safe && !matches!(parts[1], Expr::Variable(found) if found == slot) {
                if let Expr::Concatenation(mut parts) = value
                    && let Some(last) = parts.pop()
                {
                    return Ok(Expr::Append(slot, Box::new(last)));
                }
                return Err(self.unexpected());
            }
        }
        Ok(Expr::Assign(Box::new(place), Box::new(value)))
    }

    pub(super) fn primary_of_case(&mut self) -> Result<Expr> {
        let negative = self.accept("-")?;
        let value = self.primary()?;
        Ok(if negative {
            Expr::Negative(Box::new(value))
        } else {
            value
        })
    }

    fn primary(&mut self) -> Result<Expr> {
        match self.token.clone() {
            Token::Number(number) => {
                self.advance()?;
                Ok(Expr::Number(number))
            }
            Token::Text(text) => {
                self.advance()?;
                Ok(Expr::Text(Rc::new(text)))
            }
            Token::Mark("/") | Token::Mark("/=") => self.regex(),
            Token::Mark("(") => self.group(),
            Token::Mark("$") => {
                self.advance()?;
                self.field()
            }
            Token::Mark(mark @ ("++" | "--")) => {
                self.advance()?;
                let operand = if self.accept("$")? {
                    self.field()?
                } else {
                    self.primary()?
                };
                let place = into_place(operand).map_err(|_| self.unexpected())?;
                let by = if mark == "++" { 1.0 } else { -1.0 };
                Ok(Expr::Increment {
                    place: Box::new(place),
                    by,
                    prefix: true,
                })
            }
            Token::Mark("-") => {
                self.advance()?;
                Ok(Expr::Negative(Box::new(self.unary()?)))
            }
            Token::Mark("+") => {
                self.advance()?;
                Ok(Expr::Positive(Box::new(self.unary()?)))
            }
            Token::Mark("!") => {
                self.advance()?;
                Ok(Expr::Not(Box::new(self.unary()?)))
            }
            Token::Name(name) => {
                self.advance()?;
                if self.accept("[")? {
                    let key = self.subscript()?;
                    return Ok(Expr::Element(self.array(&name)?, Box::new(key)));
                }
                Ok(Expr::Variable(self.slot(&name)))
            }
            Token::FunctionName(name) => self.call(&name),
            Token::Builtin(name) => self.builtin(&name),
            Token::Keyword("getline") => {
                self.advance()?;
                self.getline()
            }
            _ => Err(self.unexpected()),
        }
    }

    fn regex(&mut self) -> Result<Expr> {
        // The token was read as a division; the expression begins behind its slash.
        let divide_assign = self.is("/=");
        self.lexer.at = self.token_at - usize::from(divide_assign);
        let text = self.lexer.regex()?;
        self.advance()?;
        Ok(Expr::Regex(compile(&text, self.unicode)?))
    }

    /// What follows `$`: an operand that binds tightly.
    fn field(&mut self) -> Result<Expr> {
        let operand = if self.is("++") || self.is("--") || self.is("-") || self.is("+") {
            self.primary()?
        } else if self.accept("!")? {
            Expr::Not(Box::new(self.primary()?))
        } else {
            self.primary()?
        };
        Ok(Expr::Field(Box::new(operand)))
    }

    fn group(&mut self) -> Result<Expr> {
        self.advance()?;
        let greater = std::mem::replace(&mut self.no_greater, false);
        let mut list = self.list_until(")")?;
        self.no_greater = greater;
        if list.len() == 1 {
            return Ok(Expr::Group(Box::new(list.remove(0))));
        }
        if !self.is_keyword("in") || list.is_empty() {
            return Err(self.unexpected());
        }
        self.advance()?;
        let (Token::Name(name) | Token::FunctionName(name)) = self.token.clone() else {
            return Err(self.unexpected());
        };
        self.advance()?;
        Ok(Expr::In(
            Box::new(Expr::Subscript(list)),
            self.array(&name)?,
        ))
    }

    fn call(&mut self, name: &str) -> Result<Expr> {
        self.advance()?;
        self.expect("(")?;
        let number = self.function_number(name);
        let greater = std::mem::replace(&mut self.no_greater, false);
        let arguments = self.list_until(")")?;
        self.no_greater = greater;
        for (index, argument) in arguments.iter().enumerate() {
            if let Expr::Variable(Slot::Local(local)) = argument {
                self.passes(*local, number, index);
            }
        }
        Ok(Expr::Call(number, arguments))
    }

    fn optional_place(&mut self) -> Result<Option<Box<Place>>> {
        if !(matches!(self.token, Token::Name(_)) || self.is("$")) {
            return Ok(None);
        }
        let operand = self.primary()?;
        into_place(operand)
            .map(|place| Some(Box::new(place)))
            .map_err(|_| self.unexpected())
    }

    fn getline(&mut self) -> Result<Expr> {
        let place = self.optional_place()?;
        if self.accept("<")? {
            let file = self.postfix_without_assignment()?;
            return Ok(Expr::Getline(Source::File(Box::new(file)), place));
        }
        Ok(Expr::Getline(Source::Main, place))
    }

    fn postfix_without_assignment(&mut self) -> Result<Expr> {
        let operand = self.primary()?;
        if self.is("++") || self.is("--") {
            let by = if self.is("++") { 1.0 } else { -1.0 };
            if let Ok(place) = into_place(operand) {
                self.advance()?;
                return Ok(Expr::Increment {
                    place: Box::new(place),
                    by,
                    prefix: false,
                });
            }
            return Err(self.unexpected());
        }
        Ok(operand)
    }

    fn builtin(&mut self, name: &str) -> Result<Expr> {
        let builtin = Builtin::named(name).ok_or_else(|| self.unexpected())?;
        self.advance()?;
        if !self.is("(") {
            if builtin == Builtin::Length {
                return Ok(Expr::Builtin(builtin, Vec::new()));
            }
            return Err(self.unexpected());
        }
        self.advance()?;
        let greater = std::mem::replace(&mut self.no_greater, false);
        let arguments = self.list_until(")")?;
        self.no_greater = greater;
        self.builtin_call(builtin, name, arguments)
    }

    fn builtin_call(&mut self, builtin: Builtin, name: &str, mut list: Vec<Expr>) -> Result<Expr> {
        let (least, most) = match builtin {
            Builtin::Rand | Builtin::Systime => (0, 0),
            Builtin::Length | Builtin::Srand | Builtin::Fflush => (0, 1),
            Builtin::Strftime => (0, 3),
            Builtin::Atan2 | Builtin::Index | Builtin::Lshift | Builtin::Rshift => (2, 2),
            Builtin::Substr | Builtin::Sub | Builtin::Gsub | Builtin::Match => (2, 3),
            Builtin::Split => (2, 4),
            Builtin::Gensub => (3, 4),
            Builtin::And | Builtin::Or | Builtin::Xor => (2, usize::MAX),
            Builtin::Sprintf => (1, usize::MAX),
            Builtin::Asort | Builtin::Asorti => (1, 3),
            Builtin::Close | Builtin::Mktime => (1, 2),
            _ => (1, 1),
        };
        if list.len() < least || list.len() > most {
            return Err(format!("wrong number of arguments to {name}"));
        }
        match builtin {
            Builtin::Length => {
                if let Some(Expr::Variable(slot)) = list.first() {
                    return Ok(self.length_of(*slot));
                }
                Ok(Expr::Builtin(builtin, list))
            }
            Builtin::Split => self.split(list),
            Builtin::Sub | Builtin::Gsub => self.substitution(builtin == Builtin::Gsub, list),
            Builtin::Match => {
                let into = if list.len() == 3 { list.pop() } else { None };
                let into = into.map(|into| self.array_argument(&into)).transpose()?;
                let regex = list.pop().ok_or("match")?;
                let regex = Box::new(self.constant_regex(regex)?);
                let text = Box::new(list.remove(0));
                Ok(Expr::MatchInto { text, regex, into })
            }
            Builtin::Gensub => {
                list[0] =
                    self.constant_regex(std::mem::replace(&mut list[0], Expr::Number(0.0)))?;
                Ok(Expr::Builtin(builtin, list))
            }
            Builtin::Asort | Builtin::Asorti => {
                let source = self.array_argument(&list[0])?;
                let into = list
                    .get(1)
                    .map(|into| self.array_argument(into))
                    .transpose()?;
                Ok(Expr::Sort {
                    source,
                    into,
                    indices: builtin == Builtin::Asorti,
                })
            }
            _ => Ok(Expr::Builtin(builtin, list)),
        }
    }

    /// `length(x)`: of an array if `x` is one, which is seen when it runs.
    fn length_of(&mut self, slot: Slot) -> Expr {
        match slot {
            Slot::Global(global) => Expr::ArrayLength(super::ast::ArrayRef::Global(global)),
            Slot::Local(local) => Expr::ArrayLength(super::ast::ArrayRef::Local(local)),
            Slot::Special(_) => Expr::Builtin(Builtin::Length, vec![Expr::Variable(slot)]),
        }
    }

    fn array_argument(&mut self, argument: &Expr) -> Result<super::ast::ArrayRef> {
        match argument {
            Expr::Variable(Slot::Global(global)) => Ok(super::ast::ArrayRef::Global(*global)),
            Expr::Variable(Slot::Local(local)) => {
                self.marks_array(*local);
                Ok(super::ast::ArrayRef::Local(*local))
            }
            _ => Err("an array is required".to_owned()),
        }
    }

    fn split(&mut self, mut list: Vec<Expr>) -> Result<Expr> {
        let separators = if list.len() == 4 { list.pop() } else { None };
        let separators = separators
            .map(|array| self.array_argument(&array))
            .transpose()?;
        let by = if list.len() == 3 {
            list.pop().map(Box::new)
        } else {
            None
        };
        let into = self.array_argument(&list[1])?;
        let text = Box::new(list.remove(0));
        Ok(Expr::Split {
            text,
            into,
            by,
            separators,
        })
    }

    fn substitution(&mut self, all: bool, mut list: Vec<Expr>) -> Result<Expr> {
        let place = if list.len() == 3 { list.pop() } else { None };
        let place = match place {
            None => Place::Field(Box::new(Expr::Number(0.0))),
            Some(Expr::Group(inner)) => {
                into_place(*inner).map_err(|_| "sub needs something to change".to_owned())?
            }
            Some(other) => {
                into_place(other).map_err(|_| "sub needs something to change".to_owned())?
            }
        };
        let with = list.pop().ok_or("sub")?;
        let regex = list.pop().ok_or("sub")?;
        Ok(Expr::Substitute {
            all,
            regex: Box::new(self.constant_regex(regex)?),
            with: Box::new(with),
            place: Box::new(place),
        })
    }
}

fn into_place(expression: Expr) -> std::result::Result<Place, Expr> {
    match expression {
        Expr::Variable(slot) => Ok(Place::Variable(slot)),
        Expr::Field(index) => Ok(Place::Field(index)),
        Expr::Element(array, key) => Ok(Place::Element(array, key)),
        other => Err(other),
    }
}

fn from_place(place: Place) -> Expr {
    match place {
        Place::Variable(slot) => Expr::Variable(slot),
        Place::Field(index) => Expr::Field(index),
        Place::Element(array, key) => Expr::Element(array, key),
    }
}
