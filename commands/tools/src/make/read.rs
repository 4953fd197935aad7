//! Reads makefiles: lines, conditionals, definitions and rules.

use std::fs;
use std::rc::Rc;

use secure_exec_cli::Failure;

use super::Make;
use super::expand::{closing, find_outside};
use super::function::recipe_start;
use super::rule::{Pattern, Recipe, Rule};
use super::variable::{Assignment, Operator, Origin, split_assignment};
use super::word;

/// One `ifeq` and so on that is open.
struct Conditional {
    /// Lines are read.
    active: bool,
    /// One of the branches was taken.
    taken: bool,
    seen_else: bool,
}

/// A rule whose recipe may still follow.
struct Pending {
    heads: String,
    recipe: Vec<(String, usize)>,
    place: usize,
}

/// A makefile while it is read.
struct Reader<'a> {
    lines: Vec<&'a str>,
    at: usize,
    file: String,
    first: usize,
    /// Of `eval`, whose lines have the number of its call.
    fixed: bool,
    conditionals: Vec<Conditional>,
    pending: Option<Pending>,
}

impl Reader<'_> {
    fn number(&self, at: usize) -> usize {
        if self.fixed {
            self.first
        } else {
            self.first + at
        }
    }

    fn active(&self) -> bool {
        self.conditionals.iter().all(|each| each.active)
    }

    /// The next line with the lines that continue it, and its number.
    fn next(&mut self) -> Option<(String, usize)> {
        let start = self.at;
        let mut text = (*self.lines.get(start)?).to_owned();
        self.at += 1;
        while ends_with_odd_backslashes(&text) && self.at < self.lines.len() {
            text.push('\n');
            text.push_str(self.lines[self.at]);
            self.at += 1;
        }
        Some((text, self.number(start)))
    }
}

fn ends_with_odd_backslashes(text: &str) -> bool {
    (text.len() - text.trim_end_matches('\\').len()) % 2 == 1
}

/// Continued lines as one, with a blank for each joint.
fn joined(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split('\n').peekable();
    while let Some(part) = parts.next() {
        let part = if out.is_empty() {
            part
        } else {
            part.trim_start()
        };
        match (parts.peek(), part.strip_suffix('\\')) {
            (Some(_), Some(part)) => {
                out.push_str(part.trim_end());
                out.push(' ');
            }
            _ => out.push_str(part),
        }
    }
    out
}

/// The line without its comment. A backslash keeps the sign; references hide it.
fn without_comment(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = find_outside(rest, |byte| byte == b'#') {
        let Some(before) = rest[..at].strip_suffix('\\') else {
            out.push_str(&rest[..at]);
            return out;
        };
        out.push_str(before);
        out.push('#');
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out
}

fn first_word(line: &str) -> (&str, &str) {
    let line = line.trim_start();
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    (&line[..end], line[end..].trim_start())
}

impl Make {
    /// Reads a makefile. `false`: there is none.
    pub fn read_file(&mut self, name: &str) -> Result<bool, Failure> {
        let read = if name == "-" {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
        } else {
            fs::read(name)
        };
        let Ok(bytes) = read else {
            return Ok(false);
        };
        let list = self
            .variables
            .get("MAKEFILE_LIST")
            .map(|each| each.value.clone());
        let list = format!("{} {name}", list.unwrap_or_default());
        self.set("MAKEFILE_LIST", list.trim_start(), Origin::File);
        let outer = self.place.clone();
        self.read_text(&String::from_utf8_lossy(&bytes), name, 1, false)?;
        self.place = outer;
        Ok(true)
    }

    /// Reads the lines of a makefile, or of `eval`, whose lines have all the same number.
    pub fn read_text(
        &mut self,
        text: &str,
        file: &str,
        first: usize,
        fixed: bool,
    ) -> Result<(), Failure> {
        // Makefiles that include themselves, and `eval` of what calls it again.
        self.deeper(8, |make| make.read_lines(text, file, first, fixed))
    }

    fn read_lines(
        &mut self,
        text: &str,
        file: &str,
        first: usize,
        fixed: bool,
    ) -> Result<(), Failure> {
        let lines: Vec<&str> = text
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .collect();
        let mut reader = Reader {
            lines,
            at: 0,
            file: file.to_owned(),
            first,
            fixed,
            conditionals: Vec::new(),
            pending: None,
        };
        while let Some((raw, number)) = reader.next() {
            self.place = (reader.file.clone(), number);
            self.read_line(&mut reader, &raw, number)?;
        }
        if !reader.conditionals.is_empty() {
            self.place.1 = reader.number(reader.lines.len().saturating_sub(1));
            return Err(self.fatal("missing 'endif'"));
        }
        self.finish_rule(&mut reader)
    }

    fn read_line(&mut self, reader: &mut Reader, raw: &str, number: usize) -> Result<(), Failure> {
        let prefix = self.recipe_prefix();
        if raw.starts_with(prefix)
            && let Some(pending) = &mut reader.pending
        {
            if reader.conditionals.iter().all(|each| each.active) {
                let line = raw[prefix.len_utf8()..].replace(&format!("\n{prefix}"), "\n");
                pending.recipe.push((line, number));
            }
            return Ok(());
        }
        let line = without_comment(&joined(raw));
        if line.trim().is_empty() {
            return Ok(());
        }
        if self.conditional(reader, line.trim())? || !reader.active() {
            // A definition that is not read may hold what looks like a conditional.
            if !reader.active() && first_word(&line).0 == "define" {
                self.definition(reader)?;
            }
            return Ok(());
        }
        if raw.starts_with(prefix)
            && split_assignment(&line).is_none()
            && !line.trim().contains(':')
            && !is_directive(first_word(&line).0)
        {
            return Err(self.fatal("recipe commences before first target"));
        }
        if self.directive(reader, &line)? {
            return Ok(());
        }
        if let Some((name, operator, value)) = split_assignment(&line) {
            self.finish_rule(reader)?;
            let name = self.expand(name)?;
            if name.is_empty() {
                return Err(self.fatal("empty variable name"));
            }
            let assignment = Assignment {
                name,
                operator,
                value: value.to_owned(),
                is_override: false,
            };
            return self.assign(&assignment, Origin::File);
        }
        self.finish_rule(reader)?;
        self.begin_rule(reader, &joined_with_recipe(raw, &line), number)
    }

    fn recipe_prefix(&self) -> char {
        let set = self.variables.get(".RECIPEPREFIX");
        set.and_then(|each| each.value.chars().next())
            .unwrap_or('\t')
    }

    /// Follows `ifeq`, `else` and `endif`.
    fn conditional(&mut self, reader: &mut Reader, line: &str) -> Result<bool, Failure> {
        let (keyword, rest) = first_word(line);
        let keyword = if keyword.starts_with("ifeq(") || keyword.starts_with("ifneq(") {
            keyword.split('(').next().unwrap_or_default()
        } else {
            keyword
        };
        let rest = if rest.is_empty() || line.starts_with(&format!("{keyword}(")) {
            &line[keyword.len()..]
        } else {
            rest
        };
        match keyword {
            "ifeq" | "ifneq" | "ifdef" | "ifndef" => {
                let enclosing = reader.active();
                let holds = enclosing && self.holds(keyword, rest.trim())?;
                reader.conditionals.push(Conditional {
                    active: holds,
                    taken: holds || !enclosing,
                    seen_else: false,
                });
            }
            "else" => {
                let (next, condition) = first_word(rest);
                let taken = match reader.conditionals.last() {
                    None => return Err(self.fatal("extraneous 'else'")),
                    Some(last) if last.seen_else => {
                        return Err(self.fatal("only one 'else' per conditional"));
                    }
                    Some(last) => last.taken,
                };
                let is_if = matches!(next, "ifeq" | "ifneq" | "ifdef" | "ifndef");
                let holds = !taken && (!is_if || self.holds(next, condition)?);
                if let Some(last) = reader.conditionals.last_mut() {
                    last.active = holds;
                    last.taken |= holds;
                    last.seen_else = !is_if;
                }
            }
            "endif" => {
                if reader.conditionals.pop().is_none() {
                    return Err(self.fatal("extraneous 'endif'"));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn holds(&mut self, keyword: &str, text: &str) -> Result<bool, Failure> {
        if keyword == "ifdef" || keyword == "ifndef" {
            let name = self.expand(text)?;
            let defined = self
                .lookup(name.trim())
                .is_some_and(|each| !each.value.is_empty());
            return Ok(defined == (keyword == "ifdef"));
        }
        let Some((left, right)) = compared(text) else {
            return Err(self.fatal("invalid syntax in conditional"));
        };
        let equal = self.expand(left)? == self.expand(right)?;
        Ok(equal == (keyword == "ifeq"))
    }

    /// The lines up to `endef`.
    fn definition(&mut self, reader: &mut Reader) -> Result<String, Failure> {
        let mut depth = 0;
        let mut body: Vec<String> = Vec::new();
        while let Some((line, _)) = reader.next() {
            let (word, rest) = first_word(&line);
            if word == "define" {
                depth += 1;
            } else if word == "endef" && (rest.is_empty() || rest.starts_with('#')) {
                if depth == 0 {
                    return Ok(body.join("\n"));
                }
                depth -= 1;
            }
            body.push(if line.starts_with('\t') {
                line
            } else {
                joined(&line)
            });
        }
        Err(self.fatal("missing 'endef', unterminated 'define'"))
    }

    /// Lines that begin with a word of make's own.
    fn directive(&mut self, reader: &mut Reader, line: &str) -> Result<bool, Failure> {
        let (keyword, rest) = first_word(line);
        // `export = x` sets a variable of that name.
        if !is_directive(keyword)
            || rest.starts_with([':', '='])
            || rest.starts_with("?=")
            || rest.starts_with("+=")
        {
            return Ok(false);
        }
        self.finish_rule(reader)?;
        match keyword {
            "override" | "private" | "define" => {
                let is_override = keyword == "override";
                let (next, after) = if keyword == "define" {
                    ("define", rest)
                } else {
                    first_word(rest)
                };
                if next == "define" {
                    self.define(reader, after, is_override)?;
                } else if let Some((name, operator, value)) = split_assignment(rest) {
                    let name = self.expand(name)?;
                    let assignment = Assignment {
                        name,
                        operator,
                        value: value.to_owned(),
                        is_override,
                    };
                    self.assign(&assignment, Origin::File)?;
                } else {
                    return Err(self.fatal("invalid override directive"));
                }
            }
            "undefine" => {
                let name = self.expand(rest)?;
                self.variables.remove(name.trim());
            }
            "include" | "-include" | "sinclude" => self.include(rest, keyword == "include")?,
            "export" | "unexport" => self.export(rest, keyword == "export")?,
            "vpath" => self.vpath(rest)?,
            _ => return Err(self.fatal(&format!("'{keyword}' is not there"))),
        }
        Ok(true)
    }

    fn define(
        &mut self,
        reader: &mut Reader,
        head: &str,
        is_override: bool,
    ) -> Result<(), Failure> {
        let (name, operator) = match split_assignment(head) {
            Some((name, operator, _)) => (name, operator),
            None => (head.trim(), Operator::Recursive),
        };
        let name = self.expand(name)?;
        if name.is_empty() {
            return Err(self.fatal("empty variable name"));
        }
        let value = self.definition(reader)?;
        self.assign(
            &Assignment {
                name,
                operator,
                value,
                is_override,
            },
            Origin::File,
        )
    }

    fn include(&mut self, names: &str, must_exist: bool) -> Result<(), Failure> {
        let names = self.expand(names)?;
        for name in names.split_whitespace() {
            let found = if word::has_wildcard(name) {
                word::glob(name)
            } else {
                vec![name.to_owned()]
            };
            for name in found {
                let folders = self.settings.include_dirs.clone();
                let elsewhere = folders.iter().map(|folder| format!("{folder}/{name}"));
                let path = std::iter::once(name.clone())
                    .chain(elsewhere.filter(|_| !name.starts_with('/')))
                    .find(|path| fs::metadata(path).is_ok_and(|data| data.is_file()));
                let read = match &path {
                    Some(path) => self.read_file(path)?,
                    None => false,
                };
                self.makefiles.push(path.unwrap_or_else(|| name.clone()));
                if !read && must_exist {
                    self.missing.push((name, self.place.clone()));
                }
            }
        }
        Ok(())
    }

    fn export(&mut self, rest: &str, exported: bool) -> Result<(), Failure> {
        if rest.is_empty() {
            self.exports_all = exported;
        } else if let Some((name, operator, value)) = split_assignment(rest) {
            let name = self.expand(name)?;
            let assignment = Assignment {
                name: name.clone(),
                operator,
                value: value.to_owned(),
                is_override: false,
            };
            self.assign(&assignment, Origin::File)?;
            self.exported.insert(name, exported);
        } else {
            for name in self.expand(rest)?.split_whitespace() {
                self.exported.insert(name.to_owned(), exported);
            }
        }
        Ok(())
    }

    fn vpath(&mut self, rest: &str) -> Result<(), Failure> {
        let text = self.expand(rest)?;
        let mut words = text.split_whitespace();
        match words.next() {
            None => self.vpaths.clear(),
            Some(pattern) => {
                let folders: Vec<String> = words
                    .flat_map(|word| word.split(':'))
                    .filter(|folder| !folder.is_empty())
                    .map(str::to_owned)
                    .collect();
                if folders.is_empty() {
                    self.vpaths.retain(|(each, _)| each != pattern);
                } else {
                    self.vpaths.push((pattern.to_owned(), folders));
                }
            }
        }
        Ok(())
    }

    /// The first line of a rule: what stands before a semicolon is expanded, what stands behind it is a recipe.
    fn begin_rule(
        &mut self,
        reader: &mut Reader,
        line: &str,
        number: usize,
    ) -> Result<(), Failure> {
        let semicolon = recipe_start(line);
        let (head, recipe) = match semicolon {
            Some(at) => (&line[..at], Some(line[at + 1..].trim_start())),
            None => (line, None),
        };
        let head = without_comment(head);
        let Some(colon) = find_outside(&head, |byte| byte == b':') else {
            let expanded = self.expand(&head)?;
            if expanded.trim().is_empty() {
                return Ok(());
            }
            if expanded.contains(':') {
                reader.pending = Some(Pending {
                    heads: expanded,
                    recipe: Vec::new(),
                    place: number,
                });
                return Ok(());
            }
            let hint = if line.starts_with("        ") {
                "missing separator (did you mean TAB instead of 8 spaces?)"
            } else {
                "missing separator"
            };
            return Err(self.fatal(hint));
        };
        let after = head[colon..].trim_start_matches([':', '&']).trim_start();
        if let Some((keyword, rest)) = target_assignment(after) {
            let targets = self.expand(&head[..colon])?;
            // Of a value, a semicolon is part.
            let rest = match semicolon {
                Some(_) => without_comment(&line[line.find(rest).unwrap_or(0)..]),
                None => rest.to_owned(),
            };
            return self.target_variable(&targets, keyword, &rest);
        }
        let heads = if self.second_expansion {
            let targets = self.expand(&head[..colon])?;
            format!("{targets}{}", self.expand(&head[colon..])?)
        } else {
            self.expand(&head)?
        };
        let mut pending = Pending {
            heads,
            recipe: Vec::new(),
            place: number,
        };
        if let Some(recipe) = recipe {
            pending.recipe.push((recipe.to_owned(), number));
        }
        reader.pending = Some(pending);
        Ok(())
    }

    /// `target: NAME = value`.
    fn target_variable(&mut self, targets: &str, keyword: &str, line: &str) -> Result<(), Failure> {
        let Some((name, operator, value)) = split_assignment(line) else {
            return Ok(());
        };
        let name = self.expand(name)?;
        let value = if operator == Operator::Simple {
            self.expand(value)?.replace('$', "$$")
        } else {
            value.to_owned()
        };
        if keyword == "export" {
            self.exported.insert(name.clone(), true);
        }
        for target in targets.split_whitespace() {
            let assignment = Assignment {
                name: name.clone(),
                operator,
                value: value.clone(),
                is_override: keyword == "override",
            };
            self.target_variables.push((target.to_owned(), assignment));
        }
        Ok(())
    }

    /// Takes the rule that was being read into the tables.
    fn finish_rule(&mut self, reader: &mut Reader) -> Result<(), Failure> {
        let Some(pending) = reader.pending.take() else {
            return Ok(());
        };
        let now = std::mem::replace(&mut self.place, (reader.file.clone(), pending.place));
        let recipe = (!pending.recipe.is_empty()).then(|| {
            Rc::new(Recipe {
                lines: pending.recipe,
                file: reader.file.clone(),
            })
        });
        let done = self.add_rule(&pending.heads, recipe);
        self.place = now;
        done
    }

    fn add_rule(&mut self, heads: &str, recipe: Option<Rc<Recipe>>) -> Result<(), Failure> {
        let Some((targets, rest)) = heads.split_once(':') else {
            return Err(self.fatal("missing separator"));
        };
        let grouped = targets.ends_with('&');
        let targets = targets.trim_end_matches('&');
        let (double_colon, rest) = match rest.strip_prefix(':') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let targets: Vec<String> = targets
            .split_whitespace()
            .flat_map(|word| self.globbed(word))
            .collect();
        if targets.is_empty() {
            return Ok(());
        }
        // Static pattern rules have a pattern for the targets first.
        if let Some((pattern, prereqs)) = rest.split_once(':')
            && pattern.contains('%')
        {
            for target in targets {
                let Some(stem) = word::stem(pattern.trim(), &target).map(str::to_owned) else {
                    self.warn_here(&format!(
                        "target '{target}' doesn't match the target pattern"
                    ));
                    continue;
                };
                let mut rule = self.prerequisites(prereqs, recipe.clone());
                for each in rule.prereqs.iter_mut().chain(&mut rule.order_only) {
                    *each = each.replacen('%', &stem, 1);
                }
                rule.stem = Some(stem);
                self.add_explicit(&target, rule, double_colon)?;
            }
            return Ok(());
        }
        let rule = self.prerequisites(rest, recipe);
        if targets.iter().any(|target| target.contains('%')) {
            if targets.iter().any(|target| !target.contains('%')) {
                return Err(self.fatal("mixed implicit and normal rules"));
            }
            self.add_pattern(Pattern {
                targets,
                rule,
                terminal: double_colon,
                built_in: false,
            });
            return Ok(());
        }
        let also = if grouped { targets.clone() } else { Vec::new() };
        for target in targets {
            let mut rule = rule.clone();
            rule.also.clone_from(&also);
            if !self.special(&target, &rule) {
                self.add_explicit(&target, rule, double_colon)?;
            }
        }
        Ok(())
    }

    fn globbed(&self, word: &str) -> Vec<String> {
        if !word::has_wildcard(word) {
            return vec![
                word.strip_prefix("./")
                    .filter(|rest| !rest.is_empty())
                    .unwrap_or(word)
                    .to_owned(),
            ];
        }
        let found = word::glob(word);
        if found.is_empty() {
            vec![word.to_owned()]
        } else {
            found
        }
    }

    fn prerequisites(&self, text: &str, recipe: Option<Rc<Recipe>>) -> Rule {
        let (normal, order_only) = text.split_once('|').unwrap_or((text, ""));
        let deferred = (self.second_expansion && text.contains('$')).then(|| text.to_owned());
        let list = |text: &str| -> Vec<String> {
            if deferred.is_some() {
                return Vec::new();
            }
            text.split_whitespace()
                .flat_map(|word| self.globbed(word))
                .collect()
        };
        Rule {
            prereqs: list(normal),
            order_only: list(order_only),
            recipe,
            stem: None,
            also: Vec::new(),
            deferred: deferred.clone(),
        }
    }
}

fn is_directive(word: &str) -> bool {
    matches!(
        word,
        "override"
            | "private"
            | "define"
            | "undefine"
            | "include"
            | "-include"
            | "sinclude"
            | "export"
            | "unexport"
            | "vpath"
    )
}

/// A one-line recipe keeps its backslashes and its comment.
fn joined_with_recipe(raw: &str, line: &str) -> String {
    match recipe_start(raw) {
        Some(at) if recipe_start(line).is_some() => {
            format!("{};{}", joined(&raw[..at]), &raw[at + 1..])
        }
        _ => line.to_owned(),
    }
}

/// Whether what stands behind a colon sets a variable of the target, and the word in front.
fn target_assignment(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = first_word(text);
    if matches!(word, "override" | "export" | "private") && split_assignment(rest).is_some() {
        return Some((word, rest));
    }
    split_assignment(text).map(|_| ("", text))
}

/// The two sides of `ifeq`.
fn compared(text: &str) -> Option<(&str, &str)> {
    if let Some(inner) = text.strip_prefix('(') {
        let end = closing(inner, b'(')?;
        let inner = &inner[..end];
        let mut depth = 0_usize;
        let comma = inner.bytes().position(|byte| {
            match byte {
                b'(' | b'{' => depth += 1,
                b')' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            byte == b',' && depth == 0
        })?;
        return Some((inner[..comma].trim_end(), inner[comma + 1..].trim()));
    }
    let (left, rest) = quoted(text)?;
    let (right, _) = quoted(rest.trim_start())?;
    Some((left, right))
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let mark = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let end = text[1..].find(mark)?;
    Some((&text[1..=end], &text[end + 2..]))
}
