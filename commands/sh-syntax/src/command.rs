//! Lists, pipelines, simple commands, functions, aliases.

use std::rc::Rc;

use crate::ast::{
    Arg, Assign, AssignValue, Command, Element, Function, Item, List, Part, Pipeline, Simple, Word,
};
use crate::parser::{Alias, Parser, Result};
use crate::text;

/// Words that end a list when they stand where a command would.
const CLOSERS: [&str; 8] = ["then", "else", "elif", "fi", "do", "done", "esac", "}"];
/// Words that no alias replaces where they are reserved, but for bash's own mode.
const RESERVED: [&str; 16] = [
    "!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then",
    "until", "while",
];
/// How many aliases one word may lead through.
const MAX_ALIASES: u32 = 64;
/// Utilities whose arguments may be assignments.
const DECLARATIONS: [&str; 5] = ["export", "readonly", "local", "declare", "typeset"];

/// The source of a command without the blanks and the continued lines that mean nothing.
pub(crate) fn one_line(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut chars = source.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None | Some('"'), '\\') => match chars.next() {
                Some('\n') | None => {}
                Some(next) => out.extend(['\\', next]),
            },
            (None, '\'' | '"') => {
                quote = Some(c);
                out.push(c);
            }
            (None, '<' | '>') => {
                let operator = out.ends_with(['<', '>']);
                out.push(c);
                let spaced = matches!(chars.peek(), Some(next) if !" \t<>&|(-\n".contains(*next));
                if spaced && (!operator || !out.ends_with("<<")) {
                    out.push(' ');
                }
            }
            (None, ' ' | '\t') => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            (open, c) => {
                if open == Some(c) {
                    quote = None;
                }
                out.push(c);
            }
        }
    }
    out
}

/// Whether a reserved word or a parenthesis is the end of the command.
fn closes(command: &Command) -> bool {
    match command {
        Command::Simple(_) => false,
        Command::Compound { redirects, .. } => redirects.is_empty(),
        Command::Function { function, .. } => closes(&function.body),
    }
}

impl Parser<'_> {
    /// Whether no command can begin here.
    fn at_list_end(&mut self) -> bool {
        match self.peek() {
            None | Some(')') => true,
            Some(';') => matches!(self.peek_second(), Some(';' | '&')),
            _ => self
                .peek_plain()
                .is_some_and(|word| CLOSERS.contains(&word.as_str())),
        }
    }

    /// A list that may span lines, up to what closes it.
    pub(crate) fn list(&mut self) -> Result<List> {
        self.nested(|p| {
            let mut list = List::new();
            loop {
                p.skip_to_command()?;
                if p.at_list_end() {
                    return Ok(list);
                }
                list.push(p.item()?);
                if !p.separator()? {
                    return Ok(list);
                }
            }
        })
    }

    /// A list that must hold a command.
    pub(crate) fn full_list(&mut self) -> Result<List> {
        let list = self.list()?;
        if list.is_empty() {
            Err(self.unexpected())
        } else {
            Ok(list)
        }
    }

    /// Takes what separates commands; false when the list ends here.
    fn separator(&mut self) -> Result<bool> {
        self.skip_blanks();
        match self.peek() {
            Some('\n') => self.newline().map(|()| true),
            // `item` has taken `;` and `&` already.
            Some(c) if !")".contains(c) => Ok(!self.at_list_end()),
            _ => Ok(false),
        }
    }

    /// A list up to the end of the line.
    pub(crate) fn list_until_newline(&mut self) -> Result<List> {
        self.nested(|p| {
            let mut list = List::new();
            loop {
                list.push(p.item()?);
                p.skip_blanks();
                if matches!(p.peek(), None | Some('\n')) {
                    return Ok(list);
                }
                let ended = p.input.chars.get(p.input.pos.wrapping_sub(1)).is_some();
                if !ended || p.at_list_end() {
                    return Err(p.unexpected());
                }
            }
        })
    }

    /// An and-or list with the `;` or `&` after it.
    fn item(&mut self) -> Result<Item> {
        let start = self.input.pos;
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.skip_blanks();
            let and = if self.eat_str("&&") {
                true
            } else if self.eat_str("||") {
                false
            } else {
                break;
            };
            self.skip_to_command()?;
            rest.push((and, self.pipeline()?));
        }
        let text = if self.dialect.monitor || self.peek() == Some('&') {
            self.source_since(start)
        } else {
            String::new()
        };
        let background = match self.peek() {
            Some('&') => {
                self.next_raw();
                true
            }
            Some(';') if !matches!(self.peek_second(), Some(';' | '&')) => {
                self.next_raw();
                false
            }
            None | Some('\n' | ')' | ';') => false,
            // Only a reserved word can follow what a reserved word or a parenthesis has closed.
            Some(_) => {
                let last = rest.last().map_or(&first, |(_, pipeline)| pipeline);
                if !last.commands.last().is_some_and(closes) || !self.at_list_end() {
                    return Err(self.unexpected());
                }
                false
            }
        };
        Ok(Item {
            first,
            rest,
            background,
            text: text.into(),
        })
    }

    fn pipeline(&mut self) -> Result<Pipeline> {
        self.expand_alias();
        let start = {
            self.skip_blanks();
            self.input.pos
        };
        let mut time = None;
        let mut bang = false;
        loop {
            if self.bash() && self.peek_plain().as_deref() == Some("time") && time.is_none() {
                self.eat_str("time");
                let posix = self.peek_plain().as_deref() == Some("-p") && self.eat_str("-p");
                time = Some(posix);
            } else if self.eat_reserved("!") {
                bang = !bang;
                self.skip_blanks();
                if !self.bash() {
                    break;
                }
            } else {
                break;
            }
        }
        let mut commands = Vec::new();
        self.skip_blanks();
        let nothing = time.is_some() || bang && self.bash();
        if !(nothing && matches!(self.peek(), None | Some('\n' | ';'))) {
            commands.push(self.command()?);
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some('|') || self.peek_second() == Some('|') {
                break;
            }
            self.next_raw();
            if self.peek() == Some('&') && self.bash() {
                self.next_raw();
                if let Some(last) = commands.last_mut() {
                    Self::also_error(last);
                }
            }
            self.skip_to_command()?;
            commands.push(self.command()?);
        }
        let text = if self.dialect.monitor {
            self.source_since(start)
        } else {
            String::new()
        };
        Ok(Pipeline {
            bang,
            time,
            commands,
            text: text.into(),
        })
    }

    pub(crate) fn command(&mut self) -> Result<Command> {
        self.expand_alias();
        self.skip_blanks();
        let line = self.input.line;
        if self.peek() == Some('(') {
            let arith = self.peek_second() == Some('(');
            return self.nested(|p| p.parenthesis(arith, line));
        }
        if let Some(word) = self.peek_plain() {
            if let Some(command) = self.nested(|p| p.reserved(&word, line))? {
                return Ok(command);
            }
            if CLOSERS.contains(&word.as_str()) {
                return Err(self.unexpected());
            }
            if let Some(command) = self.function(&word)? {
                return Ok(command);
            }
        }
        self.simple().map(Command::Simple)
    }

    /// `name() compound`, if that is what follows.
    fn function(&mut self, word: &str) -> Result<Option<Command>> {
        let (start, line) = (self.input.pos, self.input.line);
        // What begins like an assignment is one.
        let assigns = word.contains('=')
            && (!self.bash() || word.split('=').next().is_some_and(text::is_name));
        if (assigns || word.contains(['+', '['])) && word != "[" {
            return Ok(None);
        }
        let keyword = self.bash() && word == "function";
        let mut name = word.to_owned();
        self.eat_str(word);
        if keyword {
            self.skip_blanks();
            match self.peek_plain() {
                Some(found) => name = found,
                None => {
                    self.input.pos = start;
                    self.input.line = line;
                    return Ok(None);
                }
            }
            self.eat_str(&name);
        }
        self.expand_next_alias(&[]);
        self.skip_blanks();
        let parentheses = self.peek() == Some('(') && {
            self.next_raw();
            self.expand_next_alias(&[]);
            self.skip_blanks();
            self.eat(')')
        };
        if !parentheses && !keyword {
            if self.input.pos > start
                && self.input.chars.get(self.input.pos - 1) == Some(&'(')
                && text::is_name(word)
            {
                return Err(self.unexpected());
            }
            self.input.pos = start;
            self.input.line = line;
            return Ok(None);
        }
        if !self.bash() && (!text::is_name(&name) || self.source.is_special_builtin(&name)) {
            return Err(self.error("Syntax error: Bad function name"));
        }
        self.skip_to_command()?;
        let start = self.input.pos;
        let body = self.nested(Parser::command)?;
        if self.bash() && !matches!(body, Command::Compound { .. }) {
            return Err(self.unexpected());
        }
        let text = self.source_since(start);
        let file = self.source.file();
        let function = Rc::new(Function {
            body,
            text,
            file,
            line,
        });
        Ok(Some(Command::Function { name, function }))
    }

    /// Gives a command of bash's its line: the one on which its first word ends or, behind a word, which may be the name of
    /// a function, its second.
    fn number_line(&self, simple: &mut Simple) {
        let (words, others) = (
            simple.args.len(),
            simple.assigns.len() + simple.redirects.len(),
        );
        if self.bash() && matches!((words, others), (1 | 2, 0) | (0, 1)) {
            simple.line = self.input.line;
        }
    }

    fn simple(&mut self) -> Result<Simple> {
        self.skip_blanks();
        let start = self.input.pos;
        let mut simple = Simple {
            assigns: Vec::new(),
            args: Vec::new(),
            redirects: Vec::new(),
            line: self.input.line,
            text: "".into(),
        };
        let mut declares = false;
        let mut shown = Vec::new();
        loop {
            self.number_line(&mut simple);
            self.skip_blanks();
            let from = self.input.pos;
            if let Some(redirect) = self.redirect()? {
                simple.redirects.push(redirect);
                if simple.args.is_empty() {
                    self.expand_alias();
                }
                continue;
            }
            if simple.args.is_empty() {
                if let Some(assign) = self.assignment()? {
                    simple.assigns.push(assign);
                    if self.keep {
                        shown.push(self.source_since(from));
                    }
                    self.expand_alias();
                    continue;
                }
            } else if declares && let Some(assign) = self.assignment()? {
                simple.args.push(Arg::Assign(assign));
                if self.keep {
                    shown.push(self.source_since(from));
                }
                continue;
            }
            self.expand_next_alias(&[]);
            let Some(word) = self.word()? else { break };
            if !declares {
                let name = word.literal();
                // Behind `command` it is POSIX's, not bash's.
                let first = if self.bash() && !self.dialect.posix {
                    simple.args.is_empty()
                } else {
                    let is_command =
                        |a: &Arg| matches!(a, Arg::Word(w) if w.literal() == Some("command"));
                    simple.args.iter().all(is_command)
                };
                declares = first && name.is_some_and(|name| DECLARATIONS.contains(&name));
            }
            if let Some(source) = &word.source {
                shown.push(source.to_string());
            }
            simple.args.push(Arg::Word(word));
        }
        if simple.args.is_empty() && simple.assigns.is_empty() && simple.redirects.is_empty() {
            return Err(self.unexpected());
        }
        self.skip_blanks();
        if self.peek() == Some('(') {
            return Err(self.unexpected());
        }
        if self.keep {
            simple.text = shown.join(" ").into();
        } else if self.bash() {
            simple.text = one_line(&self.source_since(start)).into();
        }
        Ok(simple)
    }

    /// `name=value`, `name+=value`, `name[index]=value`, `name=(...)`, if that is what follows.
    fn assignment(&mut self) -> Result<Option<Assign>> {
        let (start, line) = (self.input.pos, self.input.line);
        let mut name = String::new();
        while let Some(c) = self.peek() {
            let fits =
                c == '_' || c.is_ascii_alphabetic() || !name.is_empty() && c.is_ascii_digit();
            if !fits {
                break;
            }
            name.push(c);
            self.next_raw();
        }
        let mut index = None;
        if !name.is_empty()
            && self.bash()
            && self.peek() == Some('[')
            && self.subscript_then_equals()
        {
            self.next_raw();
            index = Some(self.word_until(&[']'], false)?);
            self.next_raw();
        }
        let append = self.bash() && self.peek() == Some('+') && self.peek_second() == Some('=');
        if append {
            self.next_raw();
        }
        if name.is_empty() || !self.eat('=') {
            self.input.pos = start;
            self.input.line = line;
            return Ok(None);
        }
        let value = if self.bash() && self.peek_raw() == Some('(') {
            self.next_raw();
            let (elements, text) = self.elements()?;
            AssignValue::Array(elements, text.into())
        } else {
            AssignValue::Scalar(self.word()?.unwrap_or_default())
        };
        Ok(Some(Assign {
            name,
            index,
            append,
            value,
        }))
    }

    /// Whether the `[` that comes next is closed on this line and `=` or `+=` follows.
    fn subscript_then_equals(&mut self) -> bool {
        let mut depth = 0;
        let mut ahead = 0;
        let mut quote = None;
        loop {
            match self.peek_raw_at(ahead) {
                None | Some('\n') => return false,
                Some(c) if quote.is_some() => {
                    if quote == Some(c) {
                        quote = None;
                    }
                }
                Some('\\') => ahead += 1,
                Some(c @ ('"' | '\'')) => quote = Some(c),
                Some('[') => depth += 1,
                Some(']') => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                Some(_) => {}
            }
            ahead += 1;
        }
        match self.peek_raw_at(ahead + 1) {
            Some('+') => self.peek_raw_at(ahead + 2) == Some('='),
            next => next == Some('='),
        }
    }

    /// The members of `name=(...)` after the parenthesis.
    fn elements(&mut self) -> Result<(Vec<Element>, String)> {
        let mut elements = Vec::new();
        let mut written = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.eat(')') {
                return Ok((elements, written.join(" ")));
            }
            if self.peek().is_none() {
                return Err(self.unterminated(")"));
            }
            let start = self.input.pos;
            let mut index = None;
            let mut append = false;
            if self.peek() == Some('[') && self.subscript_then_equals() {
                self.next_raw();
                index = Some(self.word_until(&[']'], false)?);
                self.next_raw();
                append = self.eat('+');
                self.eat('=');
            }
            let word = self.word()?;
            match word {
                Some(value) => elements.push(Element {
                    index,
                    append,
                    value,
                }),
                None if index.is_some() => elements.push(Element {
                    index,
                    append,
                    value: Word::default(),
                }),
                None => return Err(self.unexpected()),
            }
            written.push(self.source_since(start));
        }
    }

    /// Skips to where a command begins on a later line, with what aliases there stand for; one may stand for nothing.
    fn skip_to_command(&mut self) -> Result<()> {
        loop {
            self.skip_newlines()?;
            if !self.expand_alias() {
                return Ok(());
            }
            self.skip_blanks();
            if self.peek() != Some('\n') {
                return Ok(());
            }
        }
    }

    /// Skips newlines up to a word that is one of `reserved` or is replaced when the word before came from an alias that
    /// ended in a blank.
    pub(crate) fn skip_to_next(&mut self, reserved: &[&str]) -> Result<()> {
        loop {
            self.skip_newlines()?;
            if !self.expand_next_alias(reserved) {
                return Ok(());
            }
        }
    }

    /// Replaces the coming word when it is an alias, after one that ended in a blank; whether it was. Words that are
    /// `reserved` here stay.
    pub(crate) fn expand_next_alias(&mut self, reserved: &[&str]) -> bool {
        if self.aliases.is_empty() {
            return false;
        }
        self.skip_blanks();
        if self.input.pos == self.alias_checked {
            return false;
        }
        self.leave_aliases() && self.replace_alias(reserved)
    }

    /// Replaces the coming word when it is an alias; whether it was.
    pub(crate) fn expand_alias(&mut self) -> bool {
        if !self.dialect.aliases {
            return false;
        }
        self.skip_blanks();
        if self.input.pos == self.alias_checked {
            return false;
        }
        let reserved: &[&str] = if self.bash() && !self.dialect.posix {
            &[]
        } else {
            &RESERVED
        };
        self.leave_aliases();
        self.replace_alias(reserved)
    }

    /// Forgets the aliases whose text has ended; whether one of them ended in a blank.
    fn leave_aliases(&mut self) -> bool {
        let pos = self.input.pos;
        let mut blank = false;
        self.aliases.retain(|alias| {
            blank |= alias.end <= pos && alias.blank;
            alias.end > pos
        });
        blank
    }

    /// Replaces the coming word, and what begins its replacement, as long as that is an alias.
    fn replace_alias(&mut self, reserved: &[&str]) -> bool {
        let mut replaced = false;
        for _ in 0..MAX_ALIASES {
            self.skip_blanks();
            let start = self.input.pos;
            self.alias_checked = start;
            let Some((word, end)) = self.peek_plain_to() else {
                break;
            };
            let number = word.bytes().all(|b| b.is_ascii_digit());
            let redirects = || matches!(self.input.chars.get(end), Some('<' | '>'));
            if reserved.contains(&word.as_str()) || number && redirects() {
                break;
            }
            // One that ended in a blank reaches past what stands for nothing.
            self.leave_aliases();
            let Some(value) = self.source.alias(&word) else {
                break;
            };
            if self.aliases.iter().any(|alias| alias.name == word) {
                break;
            }
            replaced = true;
            let value: Vec<char> = value.chars().collect();
            let (old, new) = (end - start, value.len());
            let blank = matches!(value.last(), Some(' ' | '\t'));
            let continued = self.input.chars[start..end].iter().filter(|c| **c == '\n');
            self.input.line += u32::try_from(continued.count()).unwrap_or(0);
            self.input.chars.splice(start..end, value);
            self.not_arith.retain(|at| *at < start);
            for outer in &mut self.aliases {
                outer.end = outer.end + new - old;
            }
            self.aliases.push(Alias {
                name: word,
                end: start + new,
                blank,
            });
            self.alias_checked = usize::MAX;
        }
        replaced
    }

    /// Applies `|&`: the command's standard error goes where its output goes.
    fn also_error(command: &mut Command) {
        let redirect = super::ast::Redirect {
            fd: super::ast::RedirectFd::Number(2),
            kind: super::ast::RedirectKind::DupOut,
            target: Word {
                parts: vec![Part::Literal("1".to_owned())],
                brace: false,
                source: Some("1".into()),
            },
            body: None,
        };
        match command {
            Command::Simple(simple) => simple.redirects.push(redirect),
            Command::Compound { redirects, .. } => redirects.push(redirect),
            Command::Function { .. } => {}
        }
    }
}
