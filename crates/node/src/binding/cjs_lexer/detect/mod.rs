//! The forms that export names, looked for in the tokens.

use std::collections::{HashMap, HashSet};

use indexmap::IndexSet;

use super::literal;
use super::token::{Kind, Malformed, Token, tokenize};

/// What a module exports.
#[derive(Default, Debug)]
pub struct Found {
    /// Names, in the order in which they were found.
    pub exports: Vec<String>,
    /// Specifiers of modules whose names are exported too.
    pub reexports: Vec<String>,
}

/// Finds the exports of `source`.
pub fn detect(source: &str) -> Result<Found, Malformed> {
    let tokens = tokenize(source)?;
    let mut detector = Detector {
        source,
        tokens: &tokens,
        ..Detector::default()
    };
    for (index, token) in tokens.iter().enumerate() {
        if token.kind == Kind::Word {
            detector.word(index)?;
        }
    }
    let unsafe_getters = detector.unsafe_getters;
    Ok(Found {
        exports: detector
            .exports
            .into_iter()
            .filter(|name| !unsafe_getters.contains(name))
            .collect(),
        reexports: detector.reexports.into_iter().collect(),
    })
}

#[derive(Default)]
struct Detector<'a> {
    source: &'a str,
    tokens: &'a [Token],
    exports: IndexSet<String>,
    reexports: IndexSet<String>,
    /// Names with getters that might run code: not exported after all.
    unsafe_getters: HashSet<String>,
    /// Variables that hold a required module, and its specifier.
    modules: HashMap<&'a str, String>,
}

/// A place in the tokens. Each method passes over one thing if it is there; `None` ends the form.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    source: &'a str,
    tokens: &'a [Token],
    index: usize,
}

impl<'a> Cursor<'a> {
    fn token(&self) -> Option<&'a Token> {
        self.tokens.get(self.index)
    }

    fn text(&self) -> &'a str {
        self.token()
            .map_or("", |token| &self.source[token.start..token.end])
    }

    /// Passes over the tokens that spell `form`, words and punctuation separated by spaces.
    fn form(&mut self, form: &str) -> Option<()> {
        for part in form.split(' ') {
            if part.as_bytes()[0].is_ascii_alphabetic() || part.starts_with('_') {
                self.word(part)?;
            } else {
                for byte in part.bytes() {
                    self.punctuation(byte)?;
                }
            }
        }
        Some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        if self.token()?.kind != Kind::Word || self.text() != word {
            return None;
        }
        self.index += 1;
        Some(())
    }

    fn punctuation(&mut self, byte: u8) -> Option<()> {
        if self.token()?.kind != Kind::Punctuation(byte) {
            return None;
        }
        self.index += 1;
        Some(())
    }

    fn is(&self, byte: u8) -> bool {
        self.token()
            .is_some_and(|token| token.kind == Kind::Punctuation(byte))
    }

    fn optional(&mut self, byte: u8) {
        if self.is(byte) {
            self.index += 1;
        }
    }

    fn identifier(&mut self) -> Option<&'a str> {
        if self.token()?.kind != Kind::Word {
            return None;
        }
        let text = self.text();
        self.index += 1;
        Some(text)
    }

    fn literal(&mut self) -> Option<&'a str> {
        if self.token()?.kind != Kind::Text {
            return None;
        }
        let text = self.text();
        self.index += 1;
        Some(text)
    }

    /// `exports` or `module.exports`.
    fn exports(&mut self) -> Option<()> {
        let start = *self;
        if self.form("module . exports").is_none() {
            *self = start;
            self.word("exports")?;
        }
        Some(())
    }

    /// `require('specifier')`: the literal.
    fn require(&mut self) -> Option<&'a str> {
        self.form("require (")?;
        let specifier = self.literal()?;
        self.punctuation(b')')?;
        Some(specifier)
    }

    /// Tries a form; where it does not match, nothing is passed over.
    fn attempt<T>(&mut self, form: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let start = *self;
        let result = form(self);
        if result.is_none() {
            *self = start;
        }
        result
    }
}

impl<'a> Detector<'a> {
    fn at(&self, index: usize) -> Cursor<'a> {
        Cursor {
            source: self.source,
            tokens: self.tokens,
            index,
        }
    }

    fn add(&mut self, name: &str) {
        let decoded = if name.starts_with(['"', '\'']) {
            literal::decode(name)
        } else {
            Some(name.to_owned())
        };
        self.exports.extend(decoded);
    }

    fn reexport(&mut self, specifier: &str) {
        self.reexports.extend(literal::decode(specifier));
    }

    fn word(&mut self, index: usize) -> Result<(), Malformed> {
        let token = &self.tokens[index];
        let top_level = token.depth == 0;
        // A property of that name does not count.
        let after_dot = token.start > 0 && self.source.as_bytes()[token.start - 1] == b'.';
        let word = &self.source[token.start..token.end];
        match word {
            "exports" if !after_dot => self.exports_member(self.at(index + 1), false),
            "module" if !after_dot => {
                let mut cursor = self.at(index + 1);
                if cursor.form(". exports").is_some() {
                    self.exports_member(cursor, true);
                }
            }
            "Object" if !after_dot => {
                let cursor = self.at(index + 1);
                self.define_property(cursor);
                if top_level && let Some(specifier) = self.star_export(cursor) {
                    self.reexports.insert(specifier);
                }
            }
            "require" if top_level && !after_dot => self.required_variable(index, self.at(index)),
            "_interopRequireWildcard" if top_level => {
                let mut cursor = self.at(index + 1);
                if cursor.punctuation(b'(').is_some() {
                    self.required_variable(index, cursor);
                }
            }
            "__export" | "__exportStar" if top_level => {
                let mut cursor = self.at(index + 1);
                if let Some(specifier) = cursor.punctuation(b'(').and_then(|()| cursor.require()) {
                    self.reexport(specifier);
                }
            }
            "import" if top_level && !after_dot => {
                let next = self.at(index + 1);
                // `import(...)` is an expression, anything else a statement of an ES module.
                if next.token().is_some() && !next.is(b'(') {
                    return Err(Malformed);
                }
            }
            "export" if top_level && !after_dot && index + 1 < self.tokens.len() => {
                return Err(Malformed);
            }
            _ => {}
        }
        Ok(())
    }

    /// What follows `exports` or `module.exports`: `.name =`, `['name'] =`, or `=` where that replaces all.
    fn exports_member(&mut self, mut cursor: Cursor<'a>, replaces: bool) {
        if cursor.punctuation(b'.').is_some() {
            if let Some(name) = cursor.identifier()
                && cursor.is(b'=')
            {
                self.add(name);
            }
        } else if cursor.punctuation(b'[').is_some() {
            if let Some(name) = cursor.literal()
                && cursor.form("] =").is_some()
            {
                self.add(name);
            }
        } else if replaces && cursor.punctuation(b'=').is_some() {
            self.reexports.clear();
            if cursor.punctuation(b'{').is_some() {
                self.object_literal(cursor);
            } else if let Some(specifier) = cursor.require() {
                self.reexport(specifier);
            }
        }
    }

    /// The names of an object literal, as far as it is made of plain identifiers.
    fn object_literal(&mut self, mut cursor: Cursor<'a>) {
        loop {
            if cursor.form("...").is_some() {
                if let Some(specifier) = cursor.attempt(Cursor::require) {
                    self.reexport(specifier);
                } else if cursor.identifier().is_none() {
                    return;
                }
            } else {
                let quoted = cursor.token().is_some_and(|token| token.kind == Kind::Text);
                let Some(name) = cursor.identifier().or_else(|| cursor.literal()) else {
                    return;
                };
                if cursor.punctuation(b':').is_some() {
                    if cursor.identifier().is_none() {
                        return;
                    }
                    self.add(name);
                } else if !quoted {
                    self.add(name);
                }
            }
            if cursor.punctuation(b',').is_none() {
                return;
            }
        }
    }

    /// `.defineProperty(exports, 'name', { enumerable: true, value: | get ... })`
    fn define_property(&mut self, mut cursor: Cursor<'a>) {
        let Some(name) = cursor.attempt(|cursor| {
            cursor.form(". defineProperty (")?;
            cursor.exports()?;
            cursor.punctuation(b',')?;
            let name = cursor.literal()?;
            Some(name)
        }) else {
            return;
        };
        let safe = (|| {
            cursor.form(", {")?;
            if cursor.text() == "enumerable" {
                cursor.form("enumerable : true ,")?;
            }
            if cursor.attempt(|cursor| cursor.form("value :")).is_some() {
                return Some(());
            }
            getter_head(&mut cursor)?;
            cursor.identifier()?;
            if cursor.punctuation(b'.').is_some() {
                cursor.identifier()?;
            } else if cursor.punctuation(b'[').is_some() {
                cursor.literal()?;
                cursor.punctuation(b']')?;
            }
            getter_tail(&mut cursor)
        })();
        if safe.is_some() {
            self.add(name);
        } else {
            self.unsafe_getters.extend(literal::decode(name));
        }
    }

    /// Remembers the variable in `var name = require('specifier')`.
    fn required_variable(&mut self, index: usize, mut cursor: Cursor<'a>) {
        let Some(specifier) = cursor.require() else {
            return;
        };
        let Some(start) = index.checked_sub(3) else {
            return;
        };
        let mut before = self.at(start);
        if !matches!(before.text(), "var" | "let" | "const") {
            return;
        }
        before.index += 1;
        if let Some(name) = before.identifier()
            && before.is(b'=')
            && let Some(specifier) = literal::decode(specifier)
        {
            self.modules.insert(name, specifier);
        }
    }

    /// `.keys(module).forEach(function (key) { ... exports[key] = module[key] ... })`, as Babel and TypeScript write
    /// it: the specifier of the module.
    fn star_export(&self, mut cursor: Cursor<'a>) -> Option<String> {
        let cursor = &mut cursor;
        cursor.form(". keys (")?;
        let module = cursor.identifier()?;
        cursor.form(") . forEach ( function (")?;
        let key = cursor.identifier()?;
        cursor.form(") { if (")?;
        cursor.word(key)?;
        if cursor.form("===").is_some() {
            skip_default_and_es_module(cursor, key)?;
            // Either check may be there, or both.
            let _own = cursor.attempt(|cursor| skip_own(cursor, key));
            if cursor.text() == "if" {
                skip_same(cursor, key, module)?;
            }
        } else {
            cursor.form("!==")?;
            if cursor.literal().map(unquoted) != Some("default") {
                return None;
            }
            if cursor.is(b'&') {
                cursor.form("&& !")?;
                if cursor.attempt(|cursor| has_own(cursor, key)).is_none() {
                    cursor.identifier()?;
                    cursor.form(". hasOwnProperty (")?;
                    cursor.word(key)?;
                    cursor.punctuation(b')')?;
                }
            }
            cursor.punctuation(b')')?;
        }
        if cursor
            .attempt(|cursor| assign_member(cursor, key, module))
            .is_none()
        {
            define_member(cursor, key, module)?;
        }
        cursor.form("} )")?;
        self.modules.get(module).cloned()
    }
}

fn unquoted(literal: &str) -> &str {
    &literal[1..literal.len() - 1]
}

/// `get: function name () { return` or `get() { return`
fn getter_head(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.word("get")?;
    if cursor.punctuation(b':').is_some() {
        cursor.word("function")?;
        if !cursor.is(b'(') {
            cursor.identifier()?;
        }
    }
    cursor.form("() { return")
}

/// `; }, })`
fn getter_tail(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.optional(b';');
    cursor.punctuation(b'}')?;
    cursor.optional(b',');
    cursor.form("} )")
}

/// `'default' || key === '__esModule') return;`
fn skip_default_and_es_module(cursor: &mut Cursor<'_>, key: &str) -> Option<()> {
    if cursor.literal().map(unquoted)? != "default" {
        return None;
    }
    cursor.form("||")?;
    cursor.word(key)?;
    cursor.form("===")?;
    if cursor.literal().map(unquoted)? != "__esModule" {
        return None;
    }
    cursor.form(") return")?;
    cursor.optional(b';');
    Some(())
}

/// `Object.prototype.hasOwnProperty.call(names, key)`
fn has_own(cursor: &mut Cursor<'_>, key: &str) -> Option<()> {
    cursor.form("Object .")?;
    if cursor.text() == "prototype" {
        cursor.form("prototype .")?;
    }
    cursor.form("hasOwnProperty . call (")?;
    cursor.identifier()?;
    cursor.punctuation(b',')?;
    cursor.word(key)?;
    cursor.punctuation(b')')
}

/// `if (Object.prototype.hasOwnProperty.call(names, key)) return;`
fn skip_own(cursor: &mut Cursor<'_>, key: &str) -> Option<()> {
    cursor.form("if (")?;
    has_own(cursor, key)?;
    cursor.form(") return")?;
    cursor.optional(b';');
    Some(())
}

/// `if (key in exports && exports[key] === module[key]) return;`
fn skip_same(cursor: &mut Cursor<'_>, key: &str, module: &str) -> Option<()> {
    cursor.form("if (")?;
    cursor.word(key)?;
    cursor.word("in")?;
    cursor.exports()?;
    cursor.form("&&")?;
    cursor.exports()?;
    cursor.punctuation(b'[')?;
    cursor.word(key)?;
    cursor.form("] ===")?;
    member(cursor, key, module)?;
    cursor.form(") return")?;
    cursor.optional(b';');
    Some(())
}

/// `module[key]`
fn member(cursor: &mut Cursor<'_>, key: &str, module: &str) -> Option<()> {
    cursor.word(module)?;
    cursor.punctuation(b'[')?;
    cursor.word(key)?;
    cursor.punctuation(b']')
}

/// `exports[key] = module[key];`
fn assign_member(cursor: &mut Cursor<'_>, key: &str, module: &str) -> Option<()> {
    cursor.exports()?;
    cursor.punctuation(b'[')?;
    cursor.word(key)?;
    cursor.form("] =")?;
    member(cursor, key, module)?;
    cursor.optional(b';');
    Some(())
}

/// `Object.defineProperty(exports, key, { enumerable: true, get: function () { return module[key]; } });`
fn define_member(cursor: &mut Cursor<'_>, key: &str, module: &str) -> Option<()> {
    cursor.form("Object . defineProperty (")?;
    cursor.exports()?;
    cursor.punctuation(b',')?;
    cursor.word(key)?;
    cursor.form(", { enumerable : true ,")?;
    getter_head(cursor)?;
    member(cursor, key, module)?;
    getter_tail(cursor)?;
    cursor.optional(b';');
    Some(())
}

#[cfg(test)]
mod tests;
