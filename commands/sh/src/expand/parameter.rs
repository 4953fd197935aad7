//! Parameter expansion (XCU 2.6.2): finding the value, and the operators that may replace it.

use super::{Context, Mode, Piece, join};
use crate::shell::{Flow, Shell};
use crate::syntax::ast::{Index, Op, Param, Part, Word};
use crate::text;

/// What a parameter holds.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Unset,
    One(String),
    /// Several values; true: joined with the first of `IFS` when quoted (`*`).
    Many(Vec<String>, bool),
}

impl Found {
    fn is_null(&self) -> bool {
        match self {
            Self::Unset => true,
            Self::One(text) => text.is_empty(),
            // Of several, what is between them counts.
            Self::Many(list, _) => list.len() < 2 && list.iter().all(String::is_empty),
        }
    }

    /// Whether it has nothing but what `*` puts between values, and that is nothing.
    fn joins_to_nothing(&self, separator: &str) -> bool {
        matches!(self, Self::Many(list, true)
            if separator.is_empty() && list.iter().all(String::is_empty))
    }

    fn is_set(&self) -> bool {
        match self {
            Self::Unset => false,
            Self::One(_) => true,
            Self::Many(list, _) => !list.is_empty(),
        }
    }
}

impl Shell {
    pub(super) fn parameter_into(
        &mut self,
        param: &Param,
        context: Context,
        out: &mut Vec<Piece>,
    ) -> Result<(), Flow> {
        match &param.op {
            Op::Bad(text) => return self.bad_substitution(text),
            Op::Value { kind, colon, word } => {
                return self.value_into(param, *kind, *colon, word, context, out);
            }
            Op::Names(kind) => {
                let names = self.variable_names(&param.name);
                self.push_found(Found::Many(names, *kind == '*'), context, out);
                return Ok(());
            }
            Op::Keys => {
                let keys = self
                    .elements(&param.name)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(k, _)| k)
                    .collect();
                let star = matches!(param.index, Some(Index::Star));
                self.push_found(Found::Many(keys, star), context, out);
                return Ok(());
            }
            Op::Length => {
                let length = self.length(param)?;
                self.push_found(Found::One(length), context, out);
                return Ok(());
            }
            _ => {}
        }
        let found = self.find(param)?;
        if !found.is_set() && self.options.nounset {
            self.check_set(param, &found)?;
        }
        let found = match &param.op {
            Op::None => found,
            op => self.operate(param, op, found)?,
        };
        self.push_found(found, context, out);
        Ok(())
    }

    fn bad_substitution<T>(&mut self, text: &str) -> Result<T, Flow> {
        if self.bash {
            self.fatal(&format!("{text}: bad substitution"))
        } else {
            self.fatal("Bad substitution")
        }
    }

    /// What an error in an expansion does in bash: it ends a shell, or the command that somebody has given.
    pub(super) fn expansion_failed(&self) -> Flow {
        if self.interactive || self.session.is_some() {
            Flow::Abort(1)
        } else {
            let whole = self.command_string && self.subshell == 0;
            Flow::Exit(if whole { 127 } else { 1 })
        }
    }

    /// Ends the shell for an unset parameter under `set -u`.
    fn check_set(&mut self, param: &Param, found: &Found) -> Result<(), Flow> {
        if matches!(found, Found::Many(..)) || param.name == "@" || param.name == "*" {
            return Ok(());
        }
        let name = param.display();
        if self.bash {
            self.error(&format!("{name}: unbound variable"));
            return Err(self.expansion_failed());
        }
        self.error(&format!("{name}: parameter not set"));
        Err(Flow::Abort(2))
    }

    /// Finds the value, after `!` and the subscript.
    pub(super) fn find(&mut self, param: &Param) -> Result<Found, Flow> {
        if !param.indirect {
            return self.find_named(&param.name, param.index.as_ref());
        }
        if let Some(crate::variables::Variable {
            value: crate::variables::Value::Scalar(target),
            attributes,
        }) = self.vars.find(&param.name)
            && attributes.nameref
        {
            return Ok(Found::One(target.clone()));
        }
        let target = match self.find_named(&param.name, param.index.as_ref())? {
            Found::One(text) => text,
            Found::Many(list, _) => list.join(" "),
            Found::Unset => {
                return self.fatal(&format!("{}: invalid indirect expansion", param.name));
            }
        };
        let (name, index) = match crate::text::split_element(&target) {
            Some((name, index)) => (name.to_owned(), Some(self.index_of(index)?)),
            None => (target.clone(), None),
        };
        let special = name.chars().count() == 1 && "@*#?-$!0123456789".contains(&name);
        if !text::is_name(&name) && !special && name.parse::<usize>().is_err() {
            return self.fatal(&format!("{target}: invalid variable name"));
        }
        self.find_named(&name, index.as_ref())
    }

    /// The name that the value of `${!name}` is, if it is one.
    pub(super) fn indirect_target(&mut self, param: &Param) -> Result<Option<String>, Flow> {
        let Found::One(target) = self.find_named(&param.name, param.index.as_ref())? else {
            return Ok(None);
        };
        let named = text::is_name(crate::builtins::base_name(&target));
        Ok(named.then_some(target))
    }

    /// A subscript given as text.
    fn index_of(&mut self, text: &str) -> Result<Index, Flow> {
        Ok(match text {
            "@" => Index::At,
            "*" => Index::Star,
            _ => Index::Word(Word {
                parts: vec![Part::Quoted(self.expand_subscript(text)?)],
                brace: false,
                source: None,
            }),
        })
    }

    fn find_named(&mut self, name: &str, index: Option<&Index>) -> Result<Found, Flow> {
        match index {
            Some(Index::At | Index::Star) => {
                let star = matches!(index, Some(Index::Star));
                Ok(match self.elements(name) {
                    Some(list) => Found::Many(list.into_iter().map(|(_, v)| v).collect(), star),
                    None => Found::Many(Vec::new(), star),
                })
            }
            Some(Index::Word(word)) => {
                let index = self.expand_single(word)?;
                Ok(self.element(name, &index)?.map_or(Found::Unset, Found::One))
            }
            None if self.bash && name == "RANDOM" => Ok(Found::One(self.next_random().to_string())),
            None if self.vars.is_reference(name) && self.is_circular(name) => Ok(Found::Unset),
            None => match self.referenced_element(name) {
                Some((base, index)) => {
                    let index = self.index_of(&index)?;
                    self.find_named(&base, Some(&index))
                }
                None => Ok(self.find_plain(name)),
            },
        }
    }

    fn find_plain(&self, name: &str) -> Found {
        let first = name.as_bytes().first().copied().unwrap_or(b' ');
        if first == b'_' || first.is_ascii_alphabetic() {
            if let Some(variable) = self.vars.find(name).filter(|v| !v.attributes.nameref)
                && let crate::variables::Value::Scalar(text) = &variable.value
            {
                let computed = self.bash
                    && matches!(
                        name,
                        "SECONDS" | "_" | "HOSTNAME" | "BASHPID" | "SHELLOPTS" | "BASHOPTS"
                    )
                    || name == "LINENO";
                if !computed {
                    return Found::One(text.clone());
                }
            }
            return self.var(name).map_or(Found::Unset, Found::One);
        }
        match name {
            "@" => Found::Many(self.positional.clone(), false),
            "*" => Found::Many(self.positional.clone(), true),
            "#" => Found::One(self.positional.len().to_string()),
            "?" => Found::One(self.status.to_string()),
            "-" => {
                let command = if self.bash && self.command_string {
                    "c"
                } else {
                    ""
                };
                Found::One(self.options.letters() + command)
            }
            "$" => Found::One(self.pid.to_string()),
            "!" => self
                .last_background
                .map_or(Found::Unset, |pid| Found::One(pid.to_string())),
            "0" => Found::One(self.name.clone()),
            _ => match name.parse::<usize>() {
                Ok(0) => Found::One(self.name.clone()),
                Ok(n) => self
                    .positional
                    .get(n - 1)
                    .cloned()
                    .map_or(Found::Unset, Found::One),
                Err(_) => Found::Unset,
            },
        }
    }

    fn variable_names(&self, prefix: &str) -> Vec<String> {
        let set = |v: &crate::variables::Variable| v.value != crate::variables::Value::Unset;
        self.vars
            .iter()
            .filter(|(n, v)| n.starts_with(prefix) && set(v))
            .map(|(n, _)| n.clone())
            .collect()
    }

    fn length(&mut self, param: &Param) -> Result<String, Flow> {
        if let (Some(Index::At | Index::Star), false) = (&param.index, param.indirect)
            && let Some(members) = self.stored_members(&param.name)
        {
            return Ok(members.to_string());
        }
        if matches!(param.index, Some(Index::At | Index::Star))
            && !param.indirect
            && self.options.nounset
            && self.elements(&param.name).is_none()
        {
            return self.fatal(&format!("{}: unbound variable", param.name));
        }
        if param.index.is_none() && self.referenced_element(&param.name).is_some() {
            // As in bash, which looks for a variable of the element's name.
            return Ok("0".to_owned());
        }
        let found = self.find(param)?;
        if !found.is_set() && self.options.nounset {
            self.check_set(param, &found)?;
        }
        Ok(match found {
            Found::Unset => 0,
            Found::One(text) => self.in_locale(&text).chars().count(),
            Found::Many(list, _) => list.len(),
        }
        .to_string())
    }

    /// `-`, `=`, `?`, `+`.
    fn value_into(
        &mut self,
        param: &Param,
        kind: char,
        colon: bool,
        word: &Word,
        context: Context,
        out: &mut Vec<Piece>,
    ) -> Result<(), Flow> {
        let found = self.find(param)?;
        let is_null = found.is_null() || context.quoted && found.joins_to_nothing(&self.ifs());
        let use_value = found.is_set() && !(colon && is_null);
        let operand = Context {
            split_literals: !context.quoted && context.mode == Mode::Fields,
            ..context
        };
        match (kind, use_value) {
            ('+', false)
                if self.bash
                    && !param.indirect
                    && (param.name == "@" || matches!(param.index, Some(Index::At))) =>
            {
                // No word at all, as an array without members is.
                self.push_found(Found::Many(Vec::new(), false), context, out);
                Ok(())
            }
            ('+', false) => {
                self.push_found(
                    if context.quoted {
                        Found::One(String::new())
                    } else {
                        Found::Unset
                    },
                    context,
                    out,
                );
                Ok(())
            }
            ('+', true) | ('-', false) => self.pieces_into(&word.parts, operand, out),
            ('=', false) => {
                let text = self.expand_assignment_word(word)?;
                if param.indirect
                    && let Some(target) = self.indirect_target(param)?
                {
                    if !text::is_name(&target) {
                        return self.fatal(&format!("{target}: invalid variable name"));
                    }
                    self.assign(&target, text.clone())?;
                    self.push_found(Found::One(text), context, out);
                    return Ok(());
                }
                if !text::is_name(&param.name) {
                    if self.bash {
                        return self.fatal(&format!("${}: cannot assign in this way", param.name));
                    }
                    return self.fatal(&format!("{}: bad variable name", param.name));
                }
                match &param.index {
                    Some(Index::Word(index)) => {
                        let index = self.expand_single(index)?;
                        self.assign_element(&param.name, &index, text.clone())?;
                    }
                    _ => self.assign(&param.name, text.clone())?,
                }
                self.push_found(Found::One(text), context, out);
                Ok(())
            }
            ('?', false) => self.missing(param, colon, word),
            _ => {
                self.push_found(found, context, out);
                Ok(())
            }
        }
    }

    fn expand_assignment_word(&mut self, word: &Word) -> Result<String, Flow> {
        Ok(join(self.pieces(&word.parts, Context::SINGLE)?))
    }

    /// `${name?message}` of a parameter without a value.
    fn missing<T>(&mut self, param: &Param, colon: bool, word: &Word) -> Result<T, Flow> {
        let mut message = join(self.pieces(&word.parts, Context::SINGLE)?);
        if message.is_empty() {
            message = match (self.bash, colon) {
                (_, true) => "parameter null or not set",
                (true, false) => "parameter not set",
                (false, false) => "parameter not set",
            }
            .to_owned();
        }
        self.error(&format!("{}: {message}", param.display()));
        if self.bash {
            Err(self.expansion_failed())
        } else {
            Err(Flow::Abort(2))
        }
    }

    /// Adds values to the pieces as fields or as one text.
    pub(super) fn push_found(&mut self, found: Found, context: Context, out: &mut Vec<Piece>) {
        let quoted = context.quoted;
        let split = !quoted;
        match found {
            Found::Unset => {
                if quoted {
                    out.push(Piece::Text {
                        text: String::new(),
                        quoted,
                        split: false,
                    });
                }
            }
            Found::One(text) => out.push(Piece::Text {
                text,
                quoted,
                split,
            }),
            Found::Many(list, star) => {
                let joined = context.mode == Mode::Single || star && quoted;
                if joined {
                    let separator = if star || !self.bash {
                        self.ifs()
                            .chars()
                            .next()
                            .map(String::from)
                            .unwrap_or_default()
                    } else {
                        " ".to_owned()
                    };
                    out.push(Piece::Text {
                        text: list.join(&separator),
                        quoted,
                        split,
                    });
                    return;
                }
                // bash joins them by the first of `IFS` and splits that again: what is empty stays.
                let first = self.ifs().chars().next();
                let joined = first.filter(|c| self.bash && split && !" \t\n".contains(*c));
                for (at, text) in list.into_iter().enumerate() {
                    if at > 0 {
                        out.push(joined.map_or(Piece::Break, |separator| Piece::Text {
                            text: separator.to_string(),
                            quoted: false,
                            split: true,
                        }));
                    }
                    out.push(Piece::Text {
                        text,
                        quoted,
                        split,
                    });
                }
            }
        }
    }
}
