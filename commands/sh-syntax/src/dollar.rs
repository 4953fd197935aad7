//! What a `$` or a backquote begins.

use crate::ast::{Case, Index, List, Op, Param, Part, Word};
use crate::input::Input;
use crate::parser::{Parser, Result};
use crate::word::Parts;

fn is_special(c: char) -> bool {
    "@*#?-$!".contains(c) || c.is_ascii_digit()
}

fn is_name_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn simple(name: String) -> Part {
    Part::Param(Box::new(Param {
        name,
        index: None,
        indirect: false,
        op: Op::None,
    }))
}

impl Parser<'_> {
    /// The expansion that `$` begins. Takes nothing and gives none when the `$` stands for itself.
    pub(crate) fn dollar(&mut self, quoted: bool) -> Result<Option<Part>> {
        let Some(c) = self.peek_second() else {
            return Ok(None);
        };
        match c {
            '(' => {
                self.next();
                self.parenthesized().map(Some)
            }
            '{' => {
                self.next();
                self.next();
                self.braced(quoted).map(Some)
            }
            '[' if self.bash() => {
                self.next();
                self.next();
                let word = self.arith_until(']')?;
                Ok(Some(Part::Arith(word.parts)))
            }
            c if is_special(c) => {
                self.next();
                self.next();
                Ok(Some(simple(c.to_string())))
            }
            c if is_name_start(c) => {
                self.next();
                Ok(Some(simple(self.name())))
            }
            _ => Ok(None),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| is_name_start(*c) || c.is_ascii_digit())
        {
            name.push(c);
            self.next_raw();
        }
        if name == "BASHPID" {
            self.source.names_pid();
        }
        name
    }

    /// `$(...)` or `$((...))`, at the first parenthesis.
    fn parenthesized(&mut self) -> Result<Part> {
        let (start, line) = (self.input.pos, self.input.line);
        let mut undecided = 0;
        if self.peek_second() == Some('(') && !self.not_arith.contains(&start) {
            undecided = 1;
            self.next();
            self.next();
            self.undecided += 1;
            let expression = self.arithmetic();
            self.undecided -= 1;
            match expression {
                Ok(Some(parts)) => return Ok(Part::Arith(parts)),
                Err(error) if error.at_end => return Err(error),
                Ok(None) | Err(_) => {}
            }
            self.not_arith.insert(start);
            self.input.pos = start;
            self.input.line = line;
        }
        self.next();
        self.undecided += undecided;
        let list = self.substituted_list();
        self.undecided -= undecided;
        let list = list?;
        if !self.eat(')') {
            return Err(if self.peek().is_none() {
                self.unterminated(")")
            } else {
                self.unexpected()
            });
        }
        Ok(Part::Command(list.into()))
    }

    /// The commands of a substitution. Here-documents that its line has asked for begin behind the end of that line, not
    /// behind one in the substitution.
    pub(crate) fn substituted_list(&mut self) -> Result<List> {
        let outer = std::mem::take(&mut self.pending);
        let list = self.list();
        self.pending.splice(0..0, outer);
        list
    }

    /// An expression up to `))`; none when something else follows its end.
    pub(crate) fn arithmetic(&mut self) -> Result<Option<Vec<Part>>> {
        let word = self.arith_until(')')?;
        Ok(self.eat(')').then_some(word.parts))
    }

    /// An expression up to `end` outside of parentheses, which is taken.
    pub(crate) fn arith_until(&mut self, end: char) -> Result<Word> {
        let mut parts = Parts::default();
        let mut depth = 0_u32;
        let start = self.input.pos;
        loop {
            let Some(c) = self.peek() else {
                return Err(self.unterminated(&end.to_string()));
            };
            if c == end && depth == 0 {
                let source = self.keep.then(|| self.source_since(start).into());
                self.next_raw();
                return Ok(Word {
                    parts: parts.finish(),
                    brace: false,
                    source,
                });
            }
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => depth = depth.saturating_sub(1),
                '"' if self.bash() => {
                    // Quotes in an expression are removed.
                    self.next_raw();
                    continue;
                }
                _ => {}
            }
            self.double_part(c, false, &mut parts)?;
        }
    }

    /// `` `...` ``, with the backslashes taken out before it is parsed.
    pub(crate) fn backquoted(&mut self, quoted: bool) -> Result<Part> {
        let line = self.input.line;
        self.next_raw();
        let mut text = String::new();
        loop {
            match self.next_raw() {
                None => return Err(self.unterminated("`")),
                Some('`') => break,
                Some('\\') => match self.next_raw() {
                    None => return Err(self.unterminated("`")),
                    Some(c) if "$`\\".contains(c) || c == '"' && quoted => text.push(c),
                    Some(c) => text.extend(['\\', c]),
                },
                Some(c) => text.push(c),
            }
        }
        let mut input = Input::text(&text, line);
        let mut parser = self.inside(&mut input)?;
        let list = parser.list()?;
        parser.skip_newlines()?;
        if parser.peek().is_some() {
            return Err(parser.unexpected());
        }
        if !parser.pending.is_empty() {
            parser.read_here_documents()?;
        }
        Ok(Part::Command(list.into()))
    }

    /// `${...}` after the brace.
    fn braced(&mut self, quoted: bool) -> Result<Part> {
        let start = self.input.pos;
        let Some(c) = self.peek() else {
            return Err(self.unterminated("}"));
        };
        let second = self.peek_second();
        let mut param = Param {
            name: String::new(),
            index: None,
            indirect: false,
            op: Op::None,
        };
        let mut length = false;
        if c == '#'
            && second.is_some_and(|c| is_name_start(c) || is_special(c))
            && self.length_follows()
        {
            length = true;
            self.next();
        } else if c == '!'
            && self.bash()
            && second.is_some_and(|c| is_name_start(c) || c.is_ascii_digit() || "@*#?".contains(c))
        {
            param.indirect = true;
            self.next();
        }
        match self.peek() {
            Some(c) if c.is_ascii_digit() => {
                while let Some(c) = self.peek().filter(char::is_ascii_digit) {
                    param.name.push(c);
                    self.next_raw();
                }
            }
            Some(c) if is_special(c) => {
                param.name.push(c);
                self.next_raw();
            }
            Some(c) if is_name_start(c) => param.name = self.name(),
            None => return Err(self.unterminated("}")),
            Some(_) => return self.bad_substitution(start),
        }
        if self.bash()
            && self.peek() == Some('[')
            && is_name_start(param.name.chars().next().unwrap_or('0'))
        {
            self.next_raw();
            if self.peek() == Some(']') {
                return self.bad_substitution(start);
            }
            param.index = Some(self.index()?);
        }
        if length {
            param.op = Op::Length;
            if !self.eat('}') {
                return self.bad_substitution(start);
            }
            return Ok(Part::Param(Box::new(param)));
        }
        match self.operator(&mut param, quoted)? {
            true if self.eat('}') => Ok(Part::Param(Box::new(param))),
            true if self.peek().is_none() => Err(self.unterminated("}")),
            _ => self.bad_substitution(start),
        }
    }

    /// Whether `${#` begins a length: a parameter and then the end.
    fn length_follows(&mut self) -> bool {
        let (start, line) = (self.input.pos, self.input.line);
        self.next();
        let length = match self.peek() {
            Some(c) if is_name_start(c) || c.is_ascii_digit() => true,
            Some(_) => self.peek_second() == Some('}'),
            None => false,
        };
        self.input.pos = start;
        self.input.line = line;
        length
    }

    fn index(&mut self) -> Result<Index> {
        let whole = match (self.peek(), self.peek_second()) {
            (Some('@'), Some(']')) => Some(Index::At),
            (Some('*'), Some(']')) => Some(Index::Star),
            _ => None,
        };
        if let Some(index) = whole {
            self.next();
            self.next();
            return Ok(index);
        }
        let word = self.word_until(&[']'], false)?;
        if !self.eat(']') {
            return Err(self.unterminated("]"));
        }
        Ok(Index::Word(word))
    }

    /// An expansion that is wrong: read to its end, it fails only when it is reached.
    fn bad_substitution(&mut self, start: usize) -> Result<Part> {
        let mut depth = 1;
        loop {
            match self.next_raw() {
                None => return Err(self.unterminated("}")),
                Some('{') => depth += 1,
                Some('}') => depth -= 1,
                Some(_) => {}
            }
            if depth == 0 {
                break;
            }
        }
        let text = format!("${{{}", self.source_since(start));
        let param = Param {
            name: String::new(),
            index: None,
            indirect: false,
            op: Op::Bad(text),
        };
        Ok(Part::Param(Box::new(param)))
    }

    /// The operator and its words; false when there is no such operator.
    fn operator(&mut self, param: &mut Param, quoted: bool) -> Result<bool> {
        let Some(c) = self.peek() else {
            return Err(self.unterminated("}"));
        };
        let whole = matches!(param.index, Some(Index::At | Index::Star));
        match c {
            '}' => {
                if param.indirect && whole {
                    param.op = Op::Keys;
                    param.indirect = false;
                }
            }
            ':' | '-' | '=' | '?' | '+' => return self.value_or_slice(param, quoted),
            '#' | '%' => {
                self.next();
                let longest = self.eat(c);
                let pattern = self.operand(&['}'], false)?;
                param.op = Op::Trim {
                    suffix: c == '%',
                    longest,
                    pattern,
                };
            }
            '/' if self.bash() => {
                self.next();
                let kind = match self.peek() {
                    Some(k @ ('/' | '#' | '%')) => {
                        self.next();
                        k
                    }
                    _ => ' ',
                };
                // A slash right after `//` is the pattern, or its beginning.
                let slash = kind == '/' && self.eat('/');
                let mut pattern = self.operand(&['/', '}'], false)?;
                if slash {
                    pattern.parts.insert(0, Part::Literal("/".to_owned()));
                }
                let with = if self.eat('/') {
                    self.operand(&['}'], false)?
                } else {
                    Word::default()
                };
                param.op = Op::Replace {
                    kind,
                    pattern,
                    with,
                };
            }
            '^' | ',' | '~' if self.bash() => {
                self.next();
                let all = self.eat(c);
                let pattern = self.operand(&['}'], false)?;
                param.op = Op::Case {
                    to: match c {
                        '^' => Case::Upper,
                        ',' => Case::Lower,
                        _ => Case::Toggled,
                    },
                    all,
                    pattern,
                };
            }
            '@' | '*' if param.indirect && self.bash() && self.peek_second() == Some('}') => {
                self.next();
                param.op = Op::Names(c);
                param.indirect = false;
            }
            '@' if self.bash() => {
                self.next();
                match self.next() {
                    Some(kind) if "QEPAaKkUuL".contains(kind) => param.op = Op::Transform(kind),
                    _ => return Ok(false),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn value_or_slice(&mut self, param: &mut Param, quoted: bool) -> Result<bool> {
        let colon = self.peek() == Some(':');
        if colon {
            self.next();
        }
        let Some(kind) = self.peek() else {
            return Err(self.unterminated("}"));
        };
        if "-=?+".contains(kind) {
            self.next();
            let word = self.operand(&['}'], quoted)?;
            param.op = Op::Value { kind, colon, word };
            return Ok(true);
        }
        if !colon || !self.bash() || kind == '}' {
            return Ok(false);
        }
        let offset = self.slice_operand()?;
        let length = if self.eat(':') {
            Some(self.slice_operand()?)
        } else {
            None
        };
        param.op = Op::Slice { offset, length };
        Ok(true)
    }

    /// An expression up to `:` or `}` outside of parentheses and `?:`.
    fn slice_operand(&mut self) -> Result<Word> {
        let mut parts = Parts::default();
        let (mut depth, mut questions) = (0_i32, 0_i32);
        loop {
            let Some(c) = self.peek() else {
                return Err(self.unterminated("}"));
            };
            match c {
                '}' => break,
                ':' if depth == 0 && questions == 0 => break,
                ':' => questions -= 1,
                '?' => questions += 1,
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            self.double_part(c, false, &mut parts)?;
        }
        Ok(Word {
            parts: parts.finish(),
            brace: false,
            source: None,
        })
    }

    /// The word of an operator, up to one of `stops`.
    fn operand(&mut self, stops: &[char], quoted: bool) -> Result<Word> {
        if !quoted {
            let mut word = self.braced_word(stops)?;
            word.brace = false;
            return Ok(word);
        }
        let mut parts = Parts::default();
        loop {
            let Some(c) = self.peek() else {
                return Err(self.unterminated("}"));
            };
            if stops.contains(&c) {
                break;
            }
            match c {
                '"' => {
                    self.next_raw();
                    parts.flush();
                    let inner = self.nested(|p| p.double_parts(Some('"')))?;
                    self.next_raw();
                    parts.list.push(Part::Double(inner));
                }
                '\\' if self.input.chars.get(self.input.pos + 1) == Some(&'}') => {
                    self.next_raw();
                    self.next_raw();
                    parts.push_char('}');
                }
                _ => self.double_part(c, false, &mut parts)?,
            }
        }
        Ok(Word {
            parts: vec![Part::Double(parts.finish())],
            brace: false,
            source: None,
        })
    }

    /// An unquoted operand: blanks and operators are plain.
    fn braced_word(&mut self, stops: &[char]) -> Result<Word> {
        let mut parts = Parts::default();
        loop {
            let Some(c) = self.peek() else {
                return Err(self.unterminated("}"));
            };
            if stops.contains(&c) {
                break;
            }
            match c {
                '\'' | '"' | '$' | '`' => {
                    parts.flush();
                    let before = self.input.pos;
                    self.quoting_part(&mut parts.list)?;
                    if self.input.pos == before {
                        parts.push_char('$');
                        self.next_raw();
                    }
                }
                '\\' => {
                    self.next_raw();
                    if let Some(c) = self.next_raw() {
                        parts.flush();
                        parts.list.push(Part::Quoted(c.to_string()));
                    }
                }
                c => {
                    parts.push_char(c);
                    self.next_raw();
                }
            }
        }
        Ok(Word {
            parts: parts.finish(),
            brace: false,
            source: None,
        })
    }
}
