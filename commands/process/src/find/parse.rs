//! Reads the command line of `find`.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::rc::Rc;

use regex::bytes::RegexBuilder;
use secure_exec_cli::{Failure, Glob, bytes, fail, parse_mode, quote, report};
use secure_exec_sys::path::{R_OK, W_OK, X_OK, stat};
use secure_exec_sys::stat::Time;
use secure_exec_sys::users;

use super::expression::{Bits, Count, Execution, Expression, Stamp};

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    Never,
    Operands,
    Always,
}

/// What to look for, and where.
#[derive(Debug)]
pub struct Command {
    pub paths: Vec<PathBuf>,
    pub expression: Expression,
    pub follow: Follow,
    pub depth_first: bool,
    pub min_depth: usize,
    pub max_depth: usize,
    pub one_filesystem: bool,
    /// How many `-exec ... +` there are.
    pub batches: usize,
}

struct Parser<'a> {
    list: &'a [OsString],
    at: usize,
    command: Command,
    has_action: bool,
    from_start_of_day: bool,
    /// `-regextype`: whether the pattern is already in the extended syntax.
    regex_is_extended: bool,
}

impl Command {
    pub fn parse(list: &[OsString]) -> Result<Self, Failure> {
        let command = Self {
            paths: Vec::new(),
            expression: Expression::True,
            follow: Follow::Never,
            depth_first: false,
            min_depth: 0,
            max_depth: usize::MAX,
            one_filesystem: false,
            batches: 0,
        };
        let mut parser = Parser {
            list,
            at: 0,
            command,
            has_action: false,
            from_start_of_day: false,
            regex_is_extended: false,
        };
        parser.options_and_paths();
        let mut expression = Expression::True;
        if parser.at < list.len() {
            expression = parser.comma()?;
            if let Some(extra) = parser.peek() {
                let text = match extra.as_str() {
                    ")" => "you have too many ')'".to_owned(),
                    _ => format!("paths must precede expression: `{extra}'"),
                };
                return Err(fail(text));
            }
        }
        if !parser.has_action {
            expression = Expression::And(Box::new(expression), Box::new(Expression::Print(b'\n')));
        }
        let mut command = parser.command;
        command.expression = expression;
        if command.paths.is_empty() {
            command.paths.push(".".into());
        }
        Ok(command)
    }
}

impl Parser<'_> {
    fn peek(&self) -> Option<String> {
        self.list
            .get(self.at)
            .map(|arg| arg.to_string_lossy().into_owned())
    }

    fn takes(&mut self, words: &[&str]) -> bool {
        let found = self
            .peek()
            .is_some_and(|next| words.contains(&next.as_str()));
        self.at += usize::from(found);
        found
    }

    fn options_and_paths(&mut self) {
        while let Some(arg) = self.peek() {
            match arg.as_str() {
                "-H" => self.command.follow = Follow::Operands,
                "-L" => self.command.follow = Follow::Always,
                "-P" => self.command.follow = Follow::Never,
                "--" => {}
                _ if arg.starts_with("-O") => {}
                _ => break,
            }
            self.at += 1;
        }
        while let Some(arg) = self.peek() {
            if arg.starts_with('-') && arg.len() > 1
                || matches!(arg.as_str(), "(" | ")" | "!" | ",")
            {
                break;
            }
            self.command.paths.push(PathBuf::from(&self.list[self.at]));
            self.at += 1;
        }
    }

    fn comma(&mut self) -> Result<Expression, Failure> {
        let mut left = self.or()?;
        while self.takes(&[","]) {
            left = Expression::Both(Box::new(left), Box::new(self.or()?));
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Expression, Failure> {
        let mut left = self.and()?;
        while self.takes(&["-o", "-or"]) {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, Failure> {
        let mut left = self.not()?;
        loop {
            let explicit = self.takes(&["-a", "-and"]);
            match self.peek().as_deref() {
                None | Some(")" | "-o" | "-or" | ",") if !explicit => return Ok(left),
                _ => left = Expression::And(Box::new(left), Box::new(self.not()?)),
            }
        }
    }

    fn not(&mut self) -> Result<Expression, Failure> {
        if self.takes(&["!", "-not"]) {
            return Ok(Expression::Not(Box::new(self.not()?)));
        }
        if self.takes(&["("]) {
            if self.peek().as_deref() == Some(")") {
                return Err(fail(
                    "invalid expression; empty parentheses are not allowed.",
                ));
            }
            let inner = self.comma()?;
            if !self.takes(&[")"]) {
                return Err(fail(
                    "invalid expression; I was expecting to find a ')' somewhere but did not see one.",
                ));
            }
            return Ok(inner);
        }
        let Some(name) = self.peek() else {
            let last = self
                .list
                .last()
                .map(|word| word.to_string_lossy().into_owned())
                .unwrap_or_default();
            return Err(fail(format!("expected an expression after '{last}'")));
        };
        self.at += 1;
        self.primary(&name)
    }

    fn value(&mut self, name: &str) -> Result<OsString, Failure> {
        let value = self.list.get(self.at).cloned();
        self.at += 1;
        value.ok_or_else(|| fail(format!("missing argument to `{name}'")))
    }

    fn text(&mut self, name: &str) -> Result<String, Failure> {
        Ok(self.value(name)?.to_string_lossy().into_owned())
    }

    fn pattern(&mut self, name: &str) -> Result<(Glob, Vec<u8>), Failure> {
        let glob = Glob {
            ignores_case: name.starts_with("-i"),
            ..Glob::default()
        };
        Ok((glob, bytes(&self.value(name)?).to_vec()))
    }

    fn count(&mut self, name: &str) -> Result<Count, Failure> {
        let text = self.text(name)?;
        count(&text).ok_or_else(|| fail(format!("invalid argument `{text}' to `{name}'")))
    }

    fn action(&mut self, action: Expression) -> Expression {
        self.has_action = true;
        action
    }

    fn primary(&mut self, name: &str) -> Result<Expression, Failure> {
        if let Some(test) = self.name_test(name)? {
            return Ok(test);
        }
        if let Some(test) = self.file_test(name)? {
            return Ok(test);
        }
        if let Some(test) = self.time_test(name)? {
            return Ok(test);
        }
        if let Some(action) = self.any_action(name)? {
            return Ok(action);
        }
        if self.option(name)? {
            return Ok(Expression::True);
        }
        if matches!(name, "-o" | "-or" | "-a" | "-and" | ",") {
            let text = format!("you have used a binary operator '{name}' with nothing before it.");
            return Err(fail(format!("invalid expression; {text}")));
        }
        if name.starts_with('-') {
            return Err(fail(format!("unknown predicate `{name}'")));
        }
        Err(fail(format!("paths must precede expression: `{name}'")))
    }

    fn name_test(&mut self, name: &str) -> Result<Option<Expression>, Failure> {
        Ok(Some(match name {
            "-name" | "-iname" => {
                let (glob, pattern) = self.pattern(name)?;
                Expression::Name(glob, pattern)
            }
            "-path" | "-ipath" | "-wholename" | "-iwholename" => {
                let (glob, pattern) = self.pattern(name)?;
                Expression::Path(glob, pattern)
            }
            "-lname" | "-ilname" => {
                let (glob, pattern) = self.pattern(name)?;
                Expression::LinkName(glob, pattern)
            }
            "-regex" | "-iregex" => {
                let pattern = self.text(name)?;
                let shape = if self.regex_is_extended {
                    pattern.clone()
                } else {
                    extended(&pattern)
                };
                let mut builder = RegexBuilder::new(&format!("^(?:{shape})$"));
                let built = builder
                    .case_insensitive(name == "-iregex")
                    .unicode(false)
                    .dot_matches_new_line(true)
                    .build();
                Expression::Matches(
                    built.map_err(|_| {
                        fail(format!("invalid regular expression {}", quote(&pattern)))
                    })?,
                )
            }
            "-true" => Expression::True,
            "-false" => Expression::False,
            _ => return Ok(None),
        }))
    }

    fn file_test(&mut self, name: &str) -> Result<Option<Expression>, Failure> {
        Ok(Some(match name {
            "-type" | "-xtype" => {
                let text = self.text(name)?;
                let letters: Vec<u8> = text.bytes().filter(|&byte| byte != b',').collect();
                match letters.iter().find(|&letter| !b"bcdpfls".contains(letter)) {
                    Some(&letter) => {
                        return Err(fail(format!(
                            "Unknown argument to {name}: {}",
                            letter as char
                        )));
                    }
                    None => Expression::Kinds(letters, name == "-xtype"),
                }
            }
            "-size" => {
                let text = self.text(name)?;
                let (size, unit) = size(&text).ok_or_else(|| fail(size_error(&text)))?;
                Expression::Size(size, unit)
            }
            "-empty" => Expression::Empty,
            "-perm" => self.permissions()?,
            "-user" => {
                let text = self.text(name)?;
                let uid = users::user_by_name(&text)
                    .map(|user| user.uid)
                    .or_else(|| text.parse().ok());
                Expression::User(uid.ok_or_else(|| {
                    fail(format!("{} is not the name of a known user", quote(&text)))
                })?)
            }
            "-group" => {
                let text = self.text(name)?;
                let gid = users::group_by_name(&text)
                    .map(|group| group.gid)
                    .or_else(|| text.parse().ok());
                Expression::Group(gid.ok_or_else(|| {
                    fail(format!(
                        "{} is not the name of an existing group",
                        quote(&text)
                    ))
                })?)
            }
            "-uid" => Expression::UserNumber(self.count(name)?),
            "-gid" => Expression::GroupNumber(self.count(name)?),
            "-nouser" => Expression::NoUser,
            "-nogroup" => Expression::NoGroup,
            "-links" => Expression::Links(self.count(name)?),
            "-inum" => Expression::Inode(self.count(name)?),
            "-samefile" => {
                let found = self.stat_of(name)?;
                Expression::SameFile(found.dev, found.ino)
            }
            "-readable" => Expression::Access(R_OK),
            "-writable" => Expression::Access(W_OK),
            "-executable" => Expression::Access(X_OK),
            _ => return Ok(None),
        }))
    }

    fn stat_of(&mut self, name: &str) -> Result<secure_exec_sys::stat::Stat, Failure> {
        let path = self.value(name)?;
        stat(&path).map_err(|error| {
            let why = secure_exec_sys::errno::message(&error);
            fail(format!("{}: {why}", quote(&path)))
        })
    }

    fn permissions(&mut self) -> Result<Expression, Failure> {
        let text = self.text("-perm")?;
        let (bits, mode) = match text.as_bytes().first() {
            Some(b'-') => (Bits::All, &text[1..]),
            Some(b'/') => (Bits::Any, &text[1..]),
            _ => (Bits::Exactly, text.as_str()),
        };
        let mode =
            parse_mode(mode).ok_or_else(|| fail(format!("invalid mode {}", quote(&text))))?;
        Ok(Expression::Permissions(mode, bits))
    }

    fn time_test(&mut self, name: &str) -> Result<Option<Expression>, Failure> {
        let (stamp, rest) = match name.get(..2) {
            Some("-a") => (Stamp::Accessed, &name[2..]),
            Some("-m") => (Stamp::Modified, &name[2..]),
            Some("-c") => (Stamp::Changed, &name[2..]),
            _ => (Stamp::Modified, ""),
        };
        Ok(Some(match (name, rest) {
            ("-newer", _) | ("-newermm", _) | (_, "newer") => {
                let stamp = if rest == "newer" {
                    stamp
                } else {
                    Stamp::Modified
                };
                Expression::Newer(stamp, self.stat_of(name)?.mtime)
            }
            ("-newermt" | "-newerat" | "-newerct", _) => {
                let text = self.text(name)?;
                let stamp = match name {
                    "-newerat" => Stamp::Accessed,
                    "-newerct" => Stamp::Changed,
                    _ => Stamp::Modified,
                };
                Expression::Newer(
                    stamp,
                    moment(&text).ok_or_else(|| fail(format!("invalid date {}", quote(&text))))?,
                )
            }
            (_, "time") => Expression::Age(stamp, self.count(name)?, 86_400),
            (_, "min") => Expression::Age(stamp, self.count(name)?, 60),
            _ => return Ok(None),
        }))
    }

    fn any_action(&mut self, name: &str) -> Result<Option<Expression>, Failure> {
        let action = match name {
            "-print" => Expression::Print(b'\n'),
            "-print0" => Expression::Print(0),
            "-ls" => Expression::List,
            "-printf" => Expression::Format(self.text(name)?),
            "-fprint" => Expression::FilePrint(self.output(name)?, b'\n'),
            "-fprint0" => Expression::FilePrint(self.output(name)?, 0),
            "-fprintf" => {
                let file = self.output(name)?;
                Expression::FileFormat(file, self.text(name)?)
            }
            "-delete" => {
                // A directory can go only when what is in it is gone.
                self.command.depth_first = true;
                Expression::Delete
            }
            "-exec" | "-execdir" | "-ok" | "-okdir" => self.execution(name)?,
            "-prune" => return Ok(Some(Expression::Prune)),
            "-quit" => return Ok(Some(Expression::Quit)),
            _ => return Ok(None),
        };
        Ok(Some(self.action(action)))
    }

    fn output(&mut self, name: &str) -> Result<Rc<File>, Failure> {
        let path = self.value(name)?;
        let file =
            File::create(&path).map_err(|error| fail(report("cannot open", &path, &error)))?;
        Ok(Rc::new(file))
    }

    fn execution(&mut self, name: &str) -> Result<Expression, Failure> {
        let asks = name.starts_with("-ok");
        let mut command: Vec<OsString> = Vec::new();
        loop {
            let word = self.list.get(self.at).cloned();
            let word = word.ok_or_else(|| fail(format!("missing argument to `{name}'")))?;
            self.at += 1;
            let ends_batch =
                word == "+" && command.last().is_some_and(|last| last == "{}") && !asks;
            if word == ";" || ends_batch {
                if ends_batch {
                    command.pop();
                }
                if command.is_empty() {
                    return Err(fail(format!("invalid argument `;' to `{name}'")));
                }
                let number = self.command.batches;
                self.command.batches += usize::from(ends_batch);
                let in_directory = name.ends_with("dir");
                return Ok(Expression::Execute(Execution {
                    command,
                    batches: ends_batch,
                    in_directory,
                    asks,
                    number,
                }));
            }
            command.push(word);
        }
    }

    fn option(&mut self, name: &str) -> Result<bool, Failure> {
        match name {
            "-depth" | "-d" => self.command.depth_first = true,
            "-xdev" | "-mount" => self.command.one_filesystem = true,
            "-follow" => self.command.follow = Follow::Always,
            "-maxdepth" | "-mindepth" => {
                let text = self.text(name)?;
                let depth = text.parse().map_err(|_| {
                    let quoted = quote(&text);
                    fail(format!(
                        "Expected a positive decimal integer argument to {name}, but got {quoted}"
                    ))
                })?;
                if name == "-maxdepth" {
                    self.command.max_depth = depth;
                } else {
                    self.command.min_depth = depth;
                }
            }
            "-daystart" => self.from_start_of_day = true,
            "-regextype" => {
                let kind = self.text(name)?;
                self.regex_is_extended = matches!(
                    kind.as_str(),
                    "posix-extended" | "egrep" | "awk" | "posix-egrep"
                );
            }
            "-noleaf" | "-warn" | "-nowarn" | "-ignore_readdir_race" | "-noignore_readdir_race" => {
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn count(text: &str) -> Option<Count> {
    match text.as_bytes().first()? {
        b'+' => text[1..].parse().ok().map(Count::More),
        b'-' => text[1..].parse().ok().map(Count::Less),
        _ => text.parse().ok().map(Count::Exactly),
    }
}

fn size_error(text: &str) -> String {
    match text.chars().last() {
        Some(unit) if !unit.is_ascii_digit() && !"cwbkMG".contains(unit) => {
            format!("invalid -size type `{unit}'")
        }
        _ => format!("Invalid argument `{text}' to -size"),
    }
}

/// A size and its unit in bytes.
fn size(text: &str) -> Option<(Count, u64)> {
    let (number, unit) = match text.as_bytes().last()? {
        b'c' => (&text[..text.len() - 1], 1),
        b'w' => (&text[..text.len() - 1], 2),
        b'b' => (&text[..text.len() - 1], 512),
        b'k' => (&text[..text.len() - 1], 1 << 10),
        b'M' => (&text[..text.len() - 1], 1 << 20),
        b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 512),
    };
    Some((count(number)?, unit))
}

/// A date as `-newermt` takes it, which is what `touch -d` takes.
fn moment(text: &str) -> Option<Time> {
    let zoned = match parse_datetime::parse_datetime(text).ok()? {
        parse_datetime::ParsedDateTime::InRange(zoned) => zoned,
        parse_datetime::ParsedDateTime::Extended(_) => return None,
    };
    let stamp = zoned.timestamp();
    // Before 1970 the fraction counts from the second before.
    let nanoseconds = stamp.as_nanosecond().rem_euclid(1_000_000_000);
    Some(Time {
        seconds: i64::try_from(stamp.as_nanosecond().div_euclid(1_000_000_000)).ok()?,
        nanoseconds: u32::try_from(nanoseconds).ok()?,
    })
}

/// A pattern in the syntax of Emacs, the default: `\(`, `\|` and `\)` are operators, bare ones are not.
fn extended(pattern: &str) -> String {
    let mut out = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(operator @ ('(' | ')' | '|')) => out.push(operator),
                Some(other) => out.extend(['\\', other]),
                None => out.push_str("\\\\"),
            },
            '(' | ')' | '|' | '{' | '}' => out.extend(['\\', character]),
            other => out.push(other),
        }
    }
    out
}
