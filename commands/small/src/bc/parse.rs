//! The grammar of `bc`.

/// Something that has a value.
#[derive(Clone, Debug)]
pub enum Expr {
    Number(String),
    Place(Place),
    Assign(Place, Option<char>, Box<Expr>),
    /// The place, 1 or -1, and whether the value is that before.
    Step(Place, i64, bool),
    Negate(Box<Expr>),
    Not(Box<Expr>),
    Binary(String, Box<Expr>, Box<Expr>),
    Call(String, Vec<Argument>),
    Group(Box<Expr>),
}

#[derive(Clone, Debug)]
pub enum Argument {
    Value(Expr),
    Array(String),
}

/// Where a value is kept. `scale`, `ibase`, `obase` and `last` are variables, too.
#[derive(Clone, Debug)]
pub enum Place {
    Variable(String),
    Element(String, Box<Expr>),
}

#[derive(Clone, Debug)]
pub enum Statement {
    Expr(Expr),
    Text(String),
    Print(Vec<Printed>),
    Block(Vec<Statement>),
    If(Expr, Box<Statement>, Option<Box<Statement>>),
    While(Expr, Box<Statement>),
    For(Option<Expr>, Option<Expr>, Option<Expr>, Box<Statement>),
    Break,
    Continue,
    Return(Option<Expr>),
    Quit,
    Define(String, Function),
}

#[derive(Clone, Debug)]
pub enum Printed {
    Text(String),
    Value(Expr),
}

/// A name of a parameter or of an `auto` variable, and whether it is an array.
pub type Local = (String, bool);

#[derive(Clone, Debug)]
pub struct Function {
    pub parameters: Vec<Local>,
    pub autos: Vec<Local>,
    pub body: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(String),
    Name(String),
    Text(String),
    Mark(String),
    Newline,
    End,
}

pub struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

type Result<T> = std::result::Result<T, ()>;

const MARKS: [&str; 16] = [
    "+=", "-=", "*=", "/=", "%=", "^=", "==", "<=", ">=", "!=", "++", "--", "&&", "||", "<", ">",
];

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let take = |test: &dyn Fn(char) -> bool| rest.find(|c| !test(c)).unwrap_or(rest.len());
        let length = match first {
            '\n' => {
                tokens.push(Token::Newline);
                1
            }
            '\\' if rest.starts_with("\\\n") => 2,
            c if c.is_whitespace() => c.len_utf8(),
            '#' => take(&|c| c != '\n'),
            '/' if rest.starts_with("/*") => rest.find("*/").ok_or(())? + 2,
            '"' => {
                let end = rest[1..].find('"').ok_or(())?;
                tokens.push(Token::Text(rest[1..=end].to_owned()));
                end + 2
            }
            c if c.is_ascii_digit()
                || c.is_ascii_uppercase()
                || (c == '.'
                    && rest[1..]
                        .starts_with(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase())) =>
            {
                let mut points = 0;
                let end = rest
                    .find(|c: char| {
                        points += usize::from(c == '.');
                        !(c.is_ascii_digit()
                            || c.is_ascii_uppercase()
                            || (c == '.' && points == 1)
                            || c == '\\'
                            || c == '\n')
                            || c == '\n'
                    })
                    .unwrap_or(rest.len());
                let mut end = end;
                // A number goes on behind a backslash at the end of a line.
                let mut number = rest[..end].to_owned();
                while number.ends_with('\\') && rest[end..].starts_with('\n') {
                    let more = rest[end + 1..]
                        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '\\'))
                        .map_or(rest.len(), |at| end + 1 + at);
                    number.pop();
                    number.push_str(&rest[end + 1..more]);
                    end = more;
                }
                tokens.push(Token::Number(number.replace('\\', "")));
                end
            }
            c if c.is_ascii_lowercase() || c == '_' => {
                let end = take(&|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                tokens.push(Token::Name(rest[..end].to_owned()));
                end
            }
            c => {
                let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
                let mark = mark.map_or_else(|| c.to_string(), |mark| (*mark).to_owned());
                let length = mark.len();
                tokens.push(Token::Mark(mark));
                length
            }
        };
        rest = &rest[length..];
    }
    Ok(tokens)
}

/// Whether a text ends within braces, parentheses, a comment or a string, or in a continued line, so that more must
/// be read.
pub fn is_open(text: &str) -> bool {
    if text.trim_end_matches('\n').ends_with('\\') {
        return true;
    }
    let Ok(tokens) = tokens(text) else {
        return true;
    };
    let mut depth = 0_i64;
    for token in &tokens {
        if let Token::Mark(mark) = token {
            match mark.as_str() {
                "{" | "(" => depth += 1,
                "}" | ")" => depth -= 1,
                _ => {}
            }
        }
    }
    // `define f(x)` with its brace on the next line.
    let begins_function = matches!(tokens.first(), Some(Token::Name(name)) if name == "define");
    depth > 0 || (begins_function && !tokens.contains(&Token::Mark("{".to_owned())))
}

/// Reads whole lines.
pub fn parse(text: &str) -> Result<Vec<Statement>> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
    };
    let mut statements = Vec::new();
    loop {
        parser.skip_ends();
        if parser.peek() == Token::End {
            return Ok(statements);
        }
        statements.push(parser.statement()?);
        if !matches!(parser.peek(), Token::Newline | Token::End)
            && !parser.is(";")
            && !matches!(
                statements.last(),
                Some(
                    Statement::Block(_)
                        | Statement::Define(..)
                        | Statement::If(..)
                        | Statement::While(..)
                        | Statement::For(..)
                )
            )
        {
            return Err(());
        }
    }
}

impl Parser {
    fn peek(&self) -> Token {
        self.tokens.get(self.at).cloned().unwrap_or(Token::End)
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Mark(known)) if known == mark)
    }

    fn accept(&mut self, mark: &str) -> bool {
        let is = self.is(mark);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, mark: &str) -> Result<()> {
        if self.accept(mark) { Ok(()) } else { Err(()) }
    }

    fn word(&mut self, word: &str) -> bool {
        let is = matches!(self.tokens.get(self.at), Some(Token::Name(known)) if known == word);
        self.at += usize::from(is);
        is
    }

    fn name(&mut self) -> Result<String> {
        match self.peek() {
            Token::Name(name) => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(()),
        }
    }

    fn skip_newlines(&mut self) {
        while self.peek() == Token::Newline {
            self.at += 1;
        }
    }

    fn skip_ends(&mut self) {
        while self.peek() == Token::Newline || self.is(";") {
            self.at += 1;
        }
    }

    fn block(&mut self) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        loop {
            self.skip_ends();
            if self.accept("}") {
                return Ok(statements);
            }
            if self.peek() == Token::End {
                return Err(());
            }
            statements.push(self.statement()?);
        }
    }

    fn condition(&mut self) -> Result<Expr> {
        self.expect("(")?;
        let condition = self.expr()?;
        self.expect(")")?;
        Ok(condition)
    }

    fn body(&mut self) -> Result<Box<Statement>> {
        self.skip_newlines();
        self.statement().map(Box::new)
    }

    fn optional(&mut self, end: &str) -> Result<Option<Expr>> {
        let expr = if self.is(end) {
            None
        } else {
            Some(self.expr()?)
        };
        self.expect(end)?;
        Ok(expr)
    }

    fn statement(&mut self) -> Result<Statement> {
        if let Token::Text(text) = self.peek() {
            self.at += 1;
            return Ok(Statement::Text(text));
        }
        if self.accept("{") {
            return self.block().map(Statement::Block);
        }
        if self.is(";") {
            return Ok(Statement::Block(Vec::new()));
        }
        if self.word("if") {
            let condition = self.condition()?;
            let yes = self.body()?;
            let before = self.at;
            self.skip_ends();
            if self.word("else") {
                return Ok(Statement::If(condition, yes, Some(self.body()?)));
            }
            self.at = before;
            return Ok(Statement::If(condition, yes, None));
        }
        if self.word("while") {
            return Ok(Statement::While(self.condition()?, self.body()?));
        }
        if self.word("for") {
            self.expect("(")?;
            let (first, test) = (self.optional(";")?, self.optional(";")?);
            let step = self.optional(")")?;
            return Ok(Statement::For(first, test, step, self.body()?));
        }
        if self.word("define") {
            return self.define();
        }
        if self.word("print") {
            let mut list = Vec::new();
            loop {
                list.push(match self.peek() {
                    Token::Text(text) => {
                        self.at += 1;
                        Printed::Text(text)
                    }
                    _ => Printed::Value(self.expr()?),
                });
                if !self.accept(",") {
                    return Ok(Statement::Print(list));
                }
            }
        }
        if self.word("return") {
            let ends =
                matches!(self.peek(), Token::Newline | Token::End) || self.is(";") || self.is("}");
            return Ok(Statement::Return(if ends {
                None
            } else {
                Some(self.expr()?)
            }));
        }
        for (word, statement) in [
            ("break", Statement::Break),
            ("continue", Statement::Continue),
            ("quit", Statement::Quit),
            ("halt", Statement::Quit),
        ] {
            if self.word(word) {
                return Ok(statement);
            }
        }
        self.expr().map(Statement::Expr)
    }

    fn locals(&mut self, end: Option<&str>) -> Result<Vec<Local>> {
        let mut locals = Vec::new();
        if end.is_some_and(|end| self.accept(end)) {
            return Ok(locals);
        }
        loop {
            self.accept("*");
            let name = self.name()?;
            let is_array = self.accept("[");
            if is_array {
                self.expect("]")?;
            }
            locals.push((name, is_array));
            if self.accept(",") {
                continue;
            }
            if let Some(end) = end {
                self.expect(end)?;
            }
            return Ok(locals);
        }
    }

    fn define(&mut self) -> Result<Statement> {
        self.word("void");
        let name = self.name()?;
        self.expect("(")?;
        let parameters = self.locals(Some(")"))?;
        self.skip_newlines();
        self.expect("{")?;
        self.skip_ends();
        let mut autos = Vec::new();
        while self.word("auto") {
            autos.extend(self.locals(None)?);
            self.skip_ends();
        }
        let body = self.block()?;
        Ok(Statement::Define(
            name,
            Function {
                parameters,
                autos,
                body,
            },
        ))
    }

    fn left(&mut self, marks: &[&str], below: fn(&mut Self) -> Result<Expr>) -> Result<Expr> {
        let mut left = below(self)?;
        while let Some(mark) = marks.iter().find(|mark| self.is(mark)) {
            self.at += 1;
            let right = below(self)?;
            left = Expr::Binary((*mark).to_owned(), Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn expr(&mut self) -> Result<Expr> {
        self.left(&["||"], |parser| parser.left(&["&&"], Self::not))
    }

    fn not(&mut self) -> Result<Expr> {
        if self.accept("!") {
            return Ok(Expr::Not(Box::new(self.not()?)));
        }
        self.left(&["==", "<=", ">=", "!=", "<", ">"], Self::assignment)
    }

    fn assignment(&mut self) -> Result<Expr> {
        let left = self.left(&["+", "-"], |parser| {
            parser.left(&["*", "/", "%"], Self::power)
        })?;
        let Expr::Place(place) = &left else {
            return Ok(left);
        };
        for mark in ["=", "+=", "-=", "*=", "/=", "%=", "^="] {
            if self.accept(mark) {
                let value = self.assignment()?;
                let operator = mark.chars().next().filter(|_| mark.len() == 2);
                return Ok(Expr::Assign(place.clone(), operator, Box::new(value)));
            }
        }
        Ok(left)
    }

    fn power(&mut self) -> Result<Expr> {
        let base = self.unary()?;
        if self.accept("^") {
            let exponent = self.power()?;
            return Ok(Expr::Binary(
                "^".to_owned(),
                Box::new(base),
                Box::new(exponent),
            ));
        }
        Ok(base)
    }

    fn unary(&mut self) -> Result<Expr> {
        if self.accept("-") {
            return Ok(Expr::Negate(Box::new(self.unary()?)));
        }
        for (mark, by) in [("++", 1), ("--", -1)] {
            if self.accept(mark) {
                return match self.operand()? {
                    Expr::Place(place) => Ok(Expr::Step(place, by, false)),
                    _ => Err(()),
                };
            }
        }
        let operand = self.operand()?;
        if let Expr::Place(place) = &operand {
            for (mark, by) in [("++", 1), ("--", -1)] {
                if self.accept(mark) {
                    return Ok(Expr::Step(place.clone(), by, true));
                }
            }
        }
        Ok(operand)
    }

    fn operand(&mut self) -> Result<Expr> {
        if self.accept("(") {
            let inner = self.expr()?;
            self.expect(")")?;
            return Ok(Expr::Group(Box::new(inner)));
        }
        if self.accept(".") {
            return Ok(Expr::Place(Place::Variable("last".to_owned())));
        }
        if let Token::Number(number) = self.peek() {
            self.at += 1;
            return Ok(Expr::Number(number));
        }
        let name = self.name()?;
        if self.accept("[") {
            let index = self.expr()?;
            self.expect("]")?;
            return Ok(Expr::Place(Place::Element(name, Box::new(index))));
        }
        if !self.accept("(") {
            return Ok(Expr::Place(Place::Variable(name)));
        }
        let mut arguments = Vec::new();
        while !self.accept(")") {
            let array = match (
                self.tokens.get(self.at),
                self.tokens.get(self.at + 1),
                self.tokens.get(self.at + 2),
            ) {
                (Some(Token::Name(name)), Some(Token::Mark(open)), Some(Token::Mark(close)))
                    if open == "[" && close == "]" =>
                {
                    Some(name.clone())
                }
                _ => None,
            };
            arguments.push(match array {
                Some(name) => {
                    self.at += 3;
                    Argument::Array(name)
                }
                None => Argument::Value(self.expr()?),
            });
            if !self.is(")") {
                self.expect(",")?;
            }
        }
        Ok(Expr::Call(name, arguments))
    }
}
