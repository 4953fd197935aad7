//! Which options tar has, and in which forms they are written.

use super::options::Member;
use secure_exec_cli::{Args, Arity, Failure, Syntax, bytes, flag, optional, os_string, required};
use std::ffi::OsString;
use std::path::PathBuf;

pub const SYNTAX: Syntax = Syntax {
    options: &[
        flag('c', "create"),
        flag('r', "append"),
        flag('u', "update"),
        flag('t', "list"),
        flag('x', "extract"),
        flag('\0', "get"),
        flag('A', "catenate"),
        flag('\0', "concatenate"),
        flag('\0', "delete"),
        flag('d', "diff"),
        flag('\0', "compare"),
        required('f', "file"),
        flag('z', "gzip"),
        flag('\0', "gunzip"),
        flag('\0', "ungzip"),
        flag('j', "bzip2"),
        flag('J', "xz"),
        flag('\0', "lzma"),
        flag('\0', "zstd"),
        required('I', "use-compress-program"),
        flag('a', "auto-compress"),
        flag('\0', "no-auto-compress"),
        flag('v', "verbose"),
        required('C', "directory"),
        required('T', "files-from"),
        required('\0', "add-file"),
        flag('\0', "verbatim-files-from"),
        flag('\0', "no-verbatim-files-from"),
        required('X', "exclude-from"),
        required('\0', "exclude"),
        required('\0', "exclude-ignore"),
        required('\0', "exclude-ignore-recursive"),
        required('\0', "exclude-tag"),
        required('\0', "exclude-tag-under"),
        required('\0', "exclude-tag-all"),
        flag('\0', "exclude-caches"),
        flag('\0', "exclude-caches-under"),
        flag('\0', "exclude-caches-all"),
        flag('\0', "exclude-backups"),
        flag('\0', "exclude-vcs"),
        flag('\0', "exclude-vcs-ignores"),
        flag('\0', "anchored"),
        flag('\0', "no-anchored"),
        flag('\0', "ignore-case"),
        flag('\0', "no-ignore-case"),
        flag('\0', "wildcards"),
        flag('\0', "no-wildcards"),
        flag('\0', "wildcards-match-slash"),
        flag('\0', "no-wildcards-match-slash"),
        required('\0', "strip-components"),
        required('\0', "transform"),
        required('\0', "xform"),
        flag('\0', "show-transformed-names"),
        flag('\0', "show-stored-names"),
        flag('O', "to-stdout"),
        required('\0', "to-command"),
        optional('\0', "one-top-level"),
        optional('\0', "occurrence"),
        flag('p', "preserve-permissions"),
        flag('\0', "same-permissions"),
        flag('\0', "no-same-permissions"),
        flag('\0', "same-owner"),
        flag('o', "no-same-owner"),
        flag('k', "keep-old-files"),
        flag('\0', "skip-old-files"),
        flag('\0', "keep-newer-files"),
        flag('\0', "keep-directory-symlink"),
        flag('\0', "overwrite"),
        flag('\0', "overwrite-dir"),
        flag('\0', "no-overwrite-dir"),
        flag('\0', "recursive-unlink"),
        flag('U', "unlink-first"),
        flag('m', "touch"),
        flag('P', "absolute-names"),
        flag('h', "dereference"),
        flag('\0', "hard-dereference"),
        flag('\0', "no-recursion"),
        flag('\0', "recursion"),
        flag('\0', "numeric-owner"),
        flag('\0', "remove-files"),
        required('\0', "owner"),
        required('\0', "group"),
        required('\0', "mode"),
        required('\0', "mtime"),
        flag('\0', "clamp-mtime"),
        required('N', "newer"),
        required('\0', "after-date"),
        required('\0', "newer-mtime"),
        flag('\0', "null"),
        flag('\0', "no-null"),
        flag('\0', "unquote"),
        flag('\0', "no-unquote"),
        required('b', "blocking-factor"),
        required('\0', "record-size"),
        flag('B', "read-full-records"),
        flag('i', "ignore-zeros"),
        flag('\0', "ignore-failed-read"),
        required('\0', "format"),
        required('H', "H"),
        flag('\0', "old-archive"),
        flag('\0', "portability"),
        required('\0', "pax-option"),
        required('V', "label"),
        required('\0', "sort"),
        required('\0', "warning"),
        required('\0', "quoting-style"),
        optional('\0', "checkpoint"),
        required('\0', "checkpoint-action"),
        flag('\0', "totals"),
        flag('\0', "full-time"),
        flag('\0', "utc"),
        flag('\0', "seek"),
        flag('n', "no-seek"),
        flag('S', "sparse"),
        required('\0', "sparse-version"),
        required('\0', "hole-detection"),
        flag('l', "check-links"),
        flag('\0', "one-file-system"),
        flag('w', "interactive"),
        flag('W', "verify"),
        flag('R', "block-number"),
        flag('\0', "delay-directory-restore"),
        flag('\0', "no-delay-directory-restore"),
        optional('\0', "atime-preserve"),
        flag('\0', "force-local"),
        flag('\0', "xattrs"),
        flag('\0', "no-xattrs"),
        flag('\0', "acls"),
        flag('\0', "no-acls"),
        flag('\0', "selinux"),
        flag('\0', "no-selinux"),
        flag('\0', "posix"),
    ],
    usage: "[OPTION...] [FILE]...",
    usage_status: 64,
    operand_ends: false,
};

/// Whether an option of that letter takes the next argument.
fn is_valued(letter: u8) -> bool {
    SYNTAX
        .options
        .iter()
        .any(|option| option.short == char::from(letter) && option.arity == Arity::Required)
}

/// Whether `--NAME`, which may be shortened, takes the next argument.
fn is_valued_long(name: &[u8]) -> bool {
    let mut found = SYNTAX
        .options
        .iter()
        .filter(|option| option.name.as_bytes().starts_with(name));
    let exact = SYNTAX
        .options
        .iter()
        .find(|option| option.name.as_bytes() == name);
    match (exact, found.next(), found.next()) {
        (Some(option), ..) | (None, Some(option), None) => option.arity == Arity::Required,
        _ => false,
    }
}

/// Turns `czf a b` into `-c -z -f a b`.
pub fn modernized(args: &Args) -> Vec<OsString> {
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
        if is_valued(letter)
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

/// The directories of `-C`, each with the number of operands before it.
pub struct Directories(Vec<(usize, PathBuf)>);

impl Directories {
    pub fn members(&self, operands: &[OsString]) -> Vec<Member> {
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

    pub fn last(&self) -> PathBuf {
        self.0
            .iter()
            .fold(PathBuf::new(), |base, (_, next)| base.join(next))
    }
}

/// Takes `-C dir` out of the list: it applies to the operands behind it.
pub fn take_directories(list: Vec<OsString>) -> Result<(Vec<OsString>, Directories), Failure> {
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
                && text[1..].iter().position(|&letter| is_valued(letter)) == Some(text.len() - 2);
            let long = text.strip_prefix(b"--").is_some_and(is_valued_long);
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
