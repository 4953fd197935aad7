//! tar's command line, in the old form (`tar czf a.tgz dir`) and the new one.

use secure_exec_cli::{
    Args, Failure, Parsed, Syntax, bytes, fail, flag, optional, os_string, required,
};
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Create,
    Append,
    Update,
    List,
    Extract,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    /// Removed first.
    Replace,
    /// An error (`-k`).
    Keep,
    /// Left alone in silence.
    Skip,
    /// Left alone if newer.
    KeepNewer,
}

/// An operand, with the directory it is relative to.
#[derive(Clone, Debug)]
pub struct Member {
    pub directory: PathBuf,
    pub name: Vec<u8>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of tar")]
pub struct Options {
    pub action: Action,
    pub archive: Option<PathBuf>,
    pub gzip: bool,
    pub verbose: usize,
    /// Where members without a directory of their own are put.
    pub directory: PathBuf,
    pub members: Vec<Member>,
    pub exclude: Vec<Vec<u8>>,
    pub strip: usize,
    pub to_stdout: bool,
    pub same_permissions: Option<bool>,
    pub same_owner: Option<bool>,
    pub existing: Existing,
    pub keep_mtime: bool,
    pub absolute: bool,
    pub dereference: bool,
    pub recursion: bool,
    pub numeric: bool,
    pub wildcards: bool,
    pub remove: bool,
    pub owner: Option<(String, u32)>,
    pub group: Option<(String, u32)>,
    pub mode: Option<u32>,
    pub mtime: Option<u64>,
    pub null: bool,
    /// Names came from a file, which may be empty.
    pub listed: bool,
    /// Compress if the name of the archive says so.
    automatic: bool,
}

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('c', "create"),
        flag('r', "append"),
        flag('u', "update"),
        flag('t', "list"),
        flag('x', "extract"),
        flag('\0', "get"),
        required('f', "file"),
        flag('z', "gzip"),
        flag('\0', "gunzip"),
        flag('\0', "ungzip"),
        flag('j', "bzip2"),
        flag('J', "xz"),
        flag('\0', "zstd"),
        flag('a', "auto-compress"),
        flag('v', "verbose"),
        required('C', "directory"),
        required('T', "files-from"),
        required('X', "exclude-from"),
        required('\0', "exclude"),
        flag('\0', "exclude-vcs"),
        required('\0', "strip-components"),
        flag('O', "to-stdout"),
        flag('p', "preserve-permissions"),
        flag('\0', "same-permissions"),
        flag('\0', "no-same-permissions"),
        flag('\0', "same-owner"),
        flag('o', "no-same-owner"),
        flag('k', "keep-old-files"),
        flag('\0', "skip-old-files"),
        flag('\0', "keep-newer-files"),
        flag('\0', "overwrite"),
        flag('U', "unlink-first"),
        flag('m', "touch"),
        flag('P', "absolute-names"),
        flag('h', "dereference"),
        flag('\0', "no-recursion"),
        flag('\0', "recursion"),
        flag('\0', "numeric-owner"),
        flag('\0', "wildcards"),
        flag('\0', "no-wildcards"),
        flag('\0', "remove-files"),
        required('\0', "owner"),
        required('\0', "group"),
        required('\0', "mode"),
        required('\0', "mtime"),
        flag('\0', "null"),
        required('b', "blocking-factor"),
        flag('B', "read-full-records"),
        required('\0', "format"),
        required('H', "H"),
        required('\0', "sort"),
        required('\0', "warning"),
        optional('\0', "checkpoint"),
        flag('\0', "totals"),
        flag('S', "sparse"),
        flag('l', "check-links"),
        flag('\0', "one-file-system"),
        flag('w', "interactive"),
        flag('W', "verify"),
        flag('\0', "force-local"),
        flag('\0', "no-xattrs"),
        flag('\0', "no-acls"),
        flag('\0', "no-selinux"),
        flag('\0', "posix"),
    ],
    usage: "[OPTION...] [FILE]...",
    usage_status: 64,
    operand_ends: false,
};

/// Letters of the old form that take the next argument.
const VALUED: &[u8] = b"fCTXbH";

/// Turns `czf a b` into `-c -z -f a b`.
fn modernized(args: &Args) -> Vec<OsString> {
    let mut list = args.list.iter().cloned();
    let Some(first) = list.next() else {
        return Vec::new();
    };
    let letters = bytes(&first);
    if letters.is_empty() || letters[0] == b'-' {
        return args.list.clone();
    }
    let mut new = Vec::new();
    for &letter in letters {
        new.push(os_string([b'-', letter]));
        if VALUED.contains(&letter)
            && let Some(value) = list.next()
        {
            // Attached, so that a value that begins with a dash is one too.
            let mut option = vec![b'-', letter];
            option.extend_from_slice(bytes(&value));
            new.pop();
            new.push(os_string(option));
        }
    }
    new.extend(list);
    new
}

fn name_and_number(text: &str, known: Option<u32>) -> (String, u32) {
    match text.split_once(':') {
        Some((name, number)) => (name.to_owned(), number.parse().unwrap_or(0)),
        None => match text.parse() {
            Ok(number) => (String::new(), number),
            Err(_) => (text.to_owned(), known.unwrap_or(0)),
        },
    }
}

impl Options {
    fn new(action: Action) -> Self {
        Self {
            action,
            archive: std::env::var_os("TAPE").map(PathBuf::from),
            gzip: false,
            verbose: 0,
            directory: PathBuf::new(),
            members: Vec::new(),
            exclude: Vec::new(),
            strip: 0,
            to_stdout: false,
            same_permissions: None,
            same_owner: None,
            existing: Existing::Replace,
            keep_mtime: true,
            absolute: false,
            dereference: false,
            recursion: true,
            numeric: false,
            wildcards: false,
            remove: false,
            owner: None,
            group: None,
            mode: None,
            mtime: None,
            null: false,
            listed: false,
            automatic: false,
        }
    }

    pub fn parse(args: &Args) -> Result<Self, Failure> {
        let list = modernized(args);
        let (list, directories) = take_directories(list)?;
        let parsed = SYNTAX.parse(&Args {
            name: args.name.clone(),
            list,
        })?;
        let mut options = Self::new(action(&parsed)?);
        let mut lists = Vec::new();
        for (name, value) in &parsed.options {
            options.apply(name, value, &mut lists)?;
        }
        options.gzip |=
            options.automatic && options.action == Action::Create && options.named_compressed();
        options.members = directories.members(&parsed.operands);
        options.directory = directories.last();
        for list in lists {
            options.add_list(&list)?;
        }
        Ok(options)
    }

    fn apply(
        &mut self,
        name: &str,
        value: &secure_exec_cli::Value,
        lists: &mut Vec<OsString>,
    ) -> Result<(), Failure> {
        let usage = |message: String| Failure { status: 2, message };
        match name {
            "file" => {
                self.archive =
                    Some(value.os().into()).filter(|path: &PathBuf| path.as_os_str() != "-")
            }
            "gzip" | "gunzip" | "ungzip" => self.gzip = true,
            "bzip2" | "xz" | "zstd" => {
                return Err(usage(format!("{name} compression is not supported")));
            }
            "auto-compress" => self.automatic = true,
            "verbose" => self.verbose += 1,
            "files-from" => lists.push(value.os()),
            "exclude-from" => {
                let text = std::fs::read(value.os()).map_err(|error| {
                    fail(secure_exec_cli::report("cannot open", value.os(), &error))
                })?;
                let lines = text
                    .split(|&byte| byte == b'\n')
                    .filter(|line| !line.is_empty());
                self.exclude.extend(lines.map(<[u8]>::to_vec));
            }
            "exclude" => self.exclude.push(bytes(&value.os()).to_vec()),
            "exclude-vcs" => {
                self.exclude.extend(
                    [&b".git"[..], b".svn", b".hg", b"CVS", b".gitignore"].map(<[u8]>::to_vec),
                );
            }
            "strip-components" => {
                self.strip = value
                    .text()
                    .parse()
                    .map_err(|_| usage(format!("Invalid number of elements: {}", value.text())))?;
            }
            "to-stdout" => self.to_stdout = true,
            "preserve-permissions" | "same-permissions" => self.same_permissions = Some(true),
            "no-same-permissions" => self.same_permissions = Some(false),
            "same-owner" => self.same_owner = Some(true),
            "no-same-owner" => self.same_owner = Some(false),
            "keep-old-files" => self.existing = Existing::Keep,
            "skip-old-files" => self.existing = Existing::Skip,
            "keep-newer-files" => self.existing = Existing::KeepNewer,
            "overwrite" | "unlink-first" => self.existing = Existing::Replace,
            "touch" => self.keep_mtime = false,
            "absolute-names" => self.absolute = true,
            "dereference" => self.dereference = true,
            "no-recursion" => self.recursion = false,
            "recursion" => self.recursion = true,
            "numeric-owner" => self.numeric = true,
            "wildcards" => self.wildcards = true,
            "no-wildcards" => self.wildcards = false,
            "remove-files" => self.remove = true,
            "owner" => {
                let text = value.text();
                let known = secure_exec_sys::users::user_by_name(&text).map(|user| user.uid);
                self.owner = Some(name_and_number(&text, known));
            }
            "group" => {
                let text = value.text();
                let known = secure_exec_sys::users::group_by_name(&text).map(|group| group.gid);
                self.group = Some(name_and_number(&text, known));
            }
            "mode" => {
                let text = value.text();
                let mode = u32::from_str_radix(&text, 8);
                self.mode = Some(mode.map_err(|_| usage(format!("Invalid mode: {text}")))?);
            }
            "mtime" => {
                let text = value.text();
                let seconds = modification_time(&text)
                    .ok_or_else(|| usage(format!("Invalid mtime: {text}")))?;
                self.mtime = Some(seconds);
            }
            "null" => self.null = true,
            _ => {}
        }
        Ok(())
    }

    fn named_compressed(&self) -> bool {
        self.archive.as_ref().is_some_and(|path| {
            let name = bytes(path);
            [".gz", ".tgz", ".taz"]
                .iter()
                .any(|ending| name.ends_with(ending.as_bytes()))
        })
    }

    /// Adds the names in a file of `-T`.
    fn add_list(&mut self, file: &OsString) -> Result<(), Failure> {
        self.listed = true;
        let text = if file == "-" {
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut text)?;
            text
        } else {
            std::fs::read(file).map_err(|error| Failure {
                status: 2,
                message: secure_exec_cli::report("cannot open", file, &error),
            })?
        };
        let separator = if self.null { 0 } else { b'\n' };
        for name in text
            .split(|&byte| byte == separator)
            .filter(|name| !name.is_empty())
        {
            let directory = self.directory.clone();
            self.members.push(Member {
                directory,
                name: name.to_vec(),
            });
        }
        Ok(())
    }
}

/// The seconds of `--mtime`: a number behind `@`, the time of a file, or a date, with a time and `UTC`, `Z` or an offset
/// behind it.
fn modification_time(text: &str) -> Option<u64> {
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.split('.').next()?.parse().ok();
    }
    if text.starts_with(['/', '.']) {
        let found = secure_exec_sys::path::stat(text).ok()?;
        return u64::try_from(found.mtime.seconds).ok();
    }
    let text = text.replace("UTC", "").replace("GMT", "").replace('T', " ");
    let mut words = text.trim().trim_end_matches('Z').split_ascii_whitespace();
    let mut date = words
        .next()?
        .splitn(3, '-')
        .map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let clock = |text: &str| {
        let mut parts = text
            .splitn(3, ':')
            .map(|part| part.split('.').next()?.parse::<i64>().ok());
        Some(parts.next()?? * 3600 + parts.next()?? * 60 + parts.next().unwrap_or(Some(0))?)
    };
    let mut seconds = secure_exec_cli::days_since_epoch(year, month, day) * 86_400;
    for word in words {
        // A time, or an offset of the zone.
        if let Some(offset) = word.strip_prefix('+').or_else(|| word.strip_prefix('-')) {
            let offset = if offset.len() == 4 && !offset.contains(':') {
                clock(&format!("{}:{}", &offset[..2], &offset[2..]))?
            } else {
                clock(&format!("{offset}:0"))?
            };
            seconds -= if word.starts_with('-') {
                -offset
            } else {
                offset
            };
        } else {
            seconds += clock(word)?;
        }
    }
    u64::try_from(seconds).ok()
}

fn action(parsed: &Parsed) -> Result<Action, Failure> {
    let mut action = None;
    for (name, _) in &parsed.options {
        let new = match *name {
            "create" => Action::Create,
            "append" => Action::Append,
            "update" => Action::Update,
            "list" => Action::List,
            "extract" | "get" => Action::Extract,
            _ => continue,
        };
        if action.is_some_and(|old| old != new) {
            return Err(Failure {
                status: 2,
                message: "You may not specify more than one '-Acdtrux' option".to_owned(),
            });
        }
        action = Some(new);
    }
    action.ok_or_else(|| Failure {
        status: 2,
        message: "You must specify one of the '-Acdtrux' options".to_owned(),
    })
}

/// The directories of `-C`, each with the number of operands before it.
struct Directories(Vec<(usize, PathBuf)>);

impl Directories {
    fn members(&self, operands: &[OsString]) -> Vec<Member> {
        let directory = |index: usize| {
            self.0
                .iter()
                .filter(|(from, _)| *from <= index)
                .fold(PathBuf::new(), |base, (_, next)| base.join(next))
        };
        operands
            .iter()
            .enumerate()
            .map(|(index, name)| Member {
                directory: directory(index),
                name: bytes(name).to_vec(),
            })
            .collect()
    }

    fn last(&self) -> PathBuf {
        self.0
            .iter()
            .fold(PathBuf::new(), |base, (_, next)| base.join(next))
    }
}

/// Takes `-C dir` out of the list: it applies to the operands behind it.
fn take_directories(list: Vec<OsString>) -> Result<(Vec<OsString>, Directories), Failure> {
    let mut rest = Vec::new();
    let mut directories = Vec::new();
    let mut operands = 0;
    let mut list = list.into_iter();
    while let Some(argument) = list.next() {
        let text = bytes(&argument);
        if text == b"--" {
            rest.push(argument);
            rest.extend(list.by_ref());
        } else if text == b"-C" || text == b"--directory" {
            let missing = || Failure {
                status: 2,
                message: "option requires an argument -- 'C'".to_owned(),
            };
            directories.push((operands, PathBuf::from(list.next().ok_or_else(missing)?)));
        } else if let Some(attached) = text
            .strip_prefix(b"--directory=")
            .or_else(|| text.strip_prefix(b"-C"))
        {
            directories.push((operands, PathBuf::from(os_string(attached))));
        } else if text.len() > 1 && text[0] == b'-' {
            let last = text[text.len() - 1];
            let cluster = text[1] != b'-';
            let valued = cluster
                && text[1..].iter().position(|letter| VALUED.contains(letter))
                    == Some(text.len() - 2);
            let long = matches!(
                text,
                b"--file"
                    | b"--files-from"
                    | b"--exclude-from"
                    | b"--exclude"
                    | b"--strip-components"
                    | b"--owner"
                    | b"--group"
                    | b"--mode"
                    | b"--mtime"
                    | b"--blocking-factor"
                    | b"--format"
                    | b"--sort"
                    | b"--warning"
            );
            if valued && last == b'C' {
                let mut shorter = text.to_vec();
                shorter.pop();
                rest.push(os_string(shorter));
                if let Some(directory) = list.next() {
                    directories.push((operands, directory.into()));
                }
                continue;
            }
            rest.push(argument);
            if valued || long {
                rest.extend(list.next());
            }
        } else {
            operands += 1;
            rest.push(argument);
        }
    }
    Ok((rest, Directories(directories)))
}
