//! Compound commands.

use crate::ast::{Arm, ArmEnd, Command, Compound, List, Word};
use crate::command::one_line;
use crate::parser::{Parser, Result};
use crate::text;

/// The text before the first place where `ends` holds outside of quotes and parentheses.
fn head(source: &str, ends: impl Fn(&str) -> bool) -> &str {
    let mut quote = None;
    let mut depth = 0_u32;
    let mut escaped = false;
    for (at, c) in source.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, c) {
            (None | Some('"'), '\\') => escaped = true,
            (None, '\'' | '"' | '`') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 && ends(&source[at..]) => return &source[..at],
            _ => {}
        }
    }
    source
}

impl Parser<'_> {
    /// A compound command with its redirections.
    fn finish(&mut self, body: Compound, line: u32, start: usize) -> Result<Command> {
        let text = if self.bash() {
            self.shown(&body, start)
        } else {
            String::new()
        };
        let mut redirects = Vec::new();
        loop {
            self.skip_blanks();
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => {
                    return Ok(Command::Compound {
                        body,
                        redirects,
                        line,
                        text: text.into(),
                    });
                }
            }
        }
    }

    /// What `$BASH_COMMAND` shows of a compound command that began at `start`.
    fn shown(&self, body: &Compound, start: usize) -> String {
        let source = self.source_since(start);
        let inside = |open: usize| source.get(open..source.len() - open).unwrap_or("").trim();
        match body {
            Compound::Subshell(_) => format!("( {} )", one_line(inside(1))),
            Compound::Arith(_) => format!("(({}))", source.get(2..source.len() - 2).unwrap_or("")),
            Compound::Cond(_) => format!("[[ {} ]]", one_line(inside(2))),
            Compound::For { .. } | Compound::Select { .. } => {
                let head = head(&source, |rest| rest.starts_with(['\n', ';']));
                let list = matches!(
                    body,
                    Compound::For { words: None, .. } | Compound::Select { words: None, .. }
                );
                let all = if list { " in \"$@\"" } else { "" };
                format!("{}{all}", one_line(head).trim())
            }
            Compound::Case { .. } => {
                let head = head(&source, |rest| {
                    let end = rest
                        .strip_prefix([' ', '\t', '\n'])
                        .and_then(|r| r.strip_prefix("in"));
                    end.is_some_and(|end| end.starts_with(char::is_whitespace))
                });
                format!("{} in ", one_line(head).trim_end())
            }
            _ => String::new(),
        }
    }

    /// The compound command that the reserved word begins, if it is one.
    pub(crate) fn reserved(&mut self, word: &str, line: u32) -> Result<Option<Command>> {
        let bash = self.bash();
        let parse: fn(&mut Self) -> Result<Compound> = match word {
            "{" => Self::brace,
            "if" => Self::if_clause,
            "while" => |p| p.loop_clause(false),
            "until" => |p| p.loop_clause(true),
            "for" => Self::for_clause,
            "case" => Self::case_clause,
            "select" if bash => Self::select_clause,
            "[[" if bash => Self::condition,
            "coproc" if bash => Self::coproc,
            _ => return Ok(None),
        };
        let start = self.input.pos;
        self.eat_str(word);
        let body = parse(self)?;
        self.finish(body, line, start).map(Some)
    }

    /// `( list )`, or `(( expression ))` in bash.
    pub(crate) fn parenthesis(&mut self, arith: bool, line: u32) -> Result<Command> {
        let start = self.input.pos;
        let mut undecided = 0;
        if arith && self.bash() && !self.not_arith.contains(&start) {
            undecided = 1;
            let at = self.input.line;
            self.next();
            self.next();
            self.undecided += 1;
            let expression = self.arithmetic();
            self.undecided -= 1;
            if let Some(parts) = expression? {
                return self.finish(
                    Compound::Arith(Word {
                        parts,
                        brace: false,
                        source: None,
                    }),
                    line,
                    start,
                );
            }
            self.not_arith.insert(start);
            self.input.pos = start;
            self.input.line = at;
        }
        self.next();
        self.undecided += undecided;
        let list = self.full_list();
        self.undecided -= undecided;
        let list = list?;
        if !self.eat(')') {
            return Err(self.expected(")"));
        }
        self.finish(Compound::Subshell(list), line, start)
    }

    /// `coproc [name] command`: only a compound command can have a name.
    fn coproc(&mut self) -> Result<Compound> {
        const OPENERS: [&str; 8] = ["{", "if", "while", "until", "for", "case", "select", "[["];
        self.skip_blanks();
        let start = self.input.pos;
        let mut name = "COPROC".to_owned();
        let found = self.peek_plain().filter(|word| text::is_name(word));
        if let Some(found) = found.filter(|word| !OPENERS.contains(&word.as_str())) {
            self.eat_str(&found);
            self.skip_blanks();
            let opens = self
                .peek_plain()
                .is_some_and(|word| OPENERS.contains(&word.as_str()));
            if opens || self.peek() == Some('(') && self.peek_second() != Some(')') {
                name = found;
            } else {
                // The name of a simple command, on the same line.
                self.input.pos = start;
            }
        }
        let body = self.nested(Parser::command)?;
        Ok(Compound::Coproc {
            name,
            body: Box::new(body),
            text: one_line(&self.source_since(start)).into(),
        })
    }

    fn brace(&mut self) -> Result<Compound> {
        let list = self.full_list()?;
        self.expect_reserved("}")?;
        Ok(Compound::Brace(list))
    }

    fn if_clause(&mut self) -> Result<Compound> {
        let mut branches = Vec::new();
        let mut otherwise = None;
        loop {
            let test = self.full_list()?;
            self.expect_reserved("then")?;
            branches.push((test, self.full_list()?));
            if self.eat_reserved("elif") {
                continue;
            }
            if self.eat_reserved("else") {
                otherwise = Some(self.full_list()?);
            }
            self.expect_reserved("fi")?;
            return Ok(Compound::If {
                branches,
                otherwise,
            });
        }
    }

    fn loop_clause(&mut self, until: bool) -> Result<Compound> {
        let test = self.full_list()?;
        let body = self.do_group()?;
        Ok(Compound::While { until, test, body })
    }

    fn do_group(&mut self) -> Result<List> {
        self.expect_reserved("do")?;
        let body = self.full_list()?;
        self.expect_reserved("done")?;
        Ok(body)
    }

    /// The body of a `for`: `do ... done`, or `{ ... }` in bash.
    fn for_body(&mut self) -> Result<List> {
        self.skip_newlines()?;
        self.expand_alias();
        if self.bash() && self.eat_reserved("{") {
            let body = self.full_list()?;
            self.expect_reserved("}")?;
            return Ok(body);
        }
        self.do_group()
    }

    fn for_clause(&mut self) -> Result<Compound> {
        self.skip_blanks();
        if self.bash() && self.looking_at("((") {
            return self.arith_for();
        }
        let (name, words) = self.names_in()?;
        let body = self.for_body()?;
        Ok(Compound::For { name, words, body })
    }

    fn select_clause(&mut self) -> Result<Compound> {
        let (name, words) = self.names_in()?;
        let body = self.for_body()?;
        Ok(Compound::Select { name, words, body })
    }

    /// `name [in words]` of `for` and `select`.
    fn names_in(&mut self) -> Result<(String, Option<Vec<Word>>)> {
        self.expand_next_alias(&[]);
        let name = match self.peek_plain() {
            Some(name) if text::is_name(&name) => name,
            // What is no name fails when it is reached.
            Some(name) if self.bash() && !name.is_empty() => name,
            _ if self.bash() => return Err(self.unexpected()),
            _ => return Err(self.error("Syntax error: Bad for loop variable")),
        };
        self.eat_str(&name);
        self.expand_next_alias(&["in", "do"]);
        self.skip_blanks();
        let mut words = None;
        if self.peek() == Some(';') {
            self.next_raw();
            self.skip_newlines()?;
            return Ok((name, words));
        }
        self.skip_to_next(&["in", "do"])?;
        if self.eat_reserved("in") {
            let mut list = Vec::new();
            loop {
                self.expand_next_alias(&[]);
                self.skip_blanks();
                match self.word()? {
                    Some(word) => list.push(word),
                    None => break,
                }
            }
            match self.peek() {
                Some(';') if self.peek_second() != Some(';') => {
                    self.next_raw();
                }
                Some('\n') => {}
                _ => return Err(self.unexpected()),
            }
            self.skip_newlines()?;
            words = Some(list);
        }
        Ok((name, words))
    }

    /// `for ((init; test; step))` after `for`.
    fn arith_for(&mut self) -> Result<Compound> {
        self.next();
        self.next();
        let init = self.arith_until(';')?;
        let test = self.arith_until(';')?;
        let step = self.arith_until(')')?;
        if !self.eat(')') {
            return Err(self.expected(")"));
        }
        self.skip_blanks();
        self.eat(';');
        let body = self.for_body()?;
        Ok(Compound::ArithFor {
            init,
            test,
            step,
            body,
        })
    }

    fn case_clause(&mut self) -> Result<Compound> {
        self.expand_next_alias(&[]);
        self.skip_blanks();
        let Some(subject) = self.word()? else {
            return Err(self.unexpected());
        };
        self.skip_to_next(&["in"])?;
        self.expect_reserved("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_to_next(&["esac"])?;
            if self.eat_reserved("esac") {
                return Ok(Compound::Case { subject, arms });
            }
            self.eat('(');
            let mut patterns = Vec::new();
            loop {
                self.expand_next_alias(&[]);
                self.skip_blanks();
                let Some(pattern) = self.word()? else {
                    return Err(self.unexpected());
                };
                patterns.push(pattern);
                self.expand_next_alias(&[]);
                self.skip_blanks();
                if !self.eat('|') {
                    break;
                }
            }
            if !self.eat(')') {
                return Err(self.expected(")"));
            }
            let body = self.list()?;
            self.skip_blanks();
            let end = if self.bash() && self.eat_str(";;&") {
                ArmEnd::TestNext
            } else if self.eat_str(";;") {
                ArmEnd::Break
            } else if !self.dialect.dash && self.eat_str(";&") {
                ArmEnd::FallThrough
            } else {
                arms.push(Arm {
                    patterns,
                    body,
                    end: ArmEnd::Break,
                });
                self.skip_newlines()?;
                self.expect_reserved("esac")?;
                return Ok(Compound::Case { subject, arms });
            };
            arms.push(Arm {
                patterns,
                body,
                end,
            });
        }
    }
}
