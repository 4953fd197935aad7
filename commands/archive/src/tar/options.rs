//! tar's command line, in the old form (`tar czf a.tgz dir`) and the new one.

use super::extents::HoleDetection;
use super::owner::Owner;
use super::pattern::Pattern;
use super::syntax::{SYNTAX, modernized, take_directories};
use super::time::modification_time;
use super::transform::Transform;
use crate::codec::Codec;
use secure_exec_cli::{Args, Failure, ModeChange, Parsed, bytes, os_string, parse_mode};
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Create,
    Append,
    Update,
    List,
    Extract,
    /// Adds the members of other archives.
    Concatenate,
    Delete,
    /// Compares members with files.
    Compare,
}

/// What an archive goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Nothing when written; what it looks like when read.
    None,
    Codec(Codec),
    /// The words of `-I`.
    Program(Vec<OsString>),
}

/// How names are matched, for operands and for patterns that follow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Matching {
    pub anchored: Option<bool>,
    pub ignores_case: bool,
    pub wildcards: Option<bool>,
    pub slash_is_special: bool,
}

/// Directories whose contents are left out, by a file in them.
#[derive(Clone, Debug)]
pub struct Tag {
    pub file: OsString,
    /// Only one with the signature of a cache.
    pub cache: bool,
    pub keeps: TagKeeps,
}

/// What is archived of a directory with a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagKeeps {
    /// The directory and the tag.
    Tag,
    /// The directory alone.
    Directory,
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    /// Removed first.
    Replace,
    /// Files are written into, so that their other names have the same (`--overwrite`).
    Overwrite,
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
    pub compression: Compression,
    pub verbose: usize,
    /// Where members without a directory of their own are put.
    pub directory: PathBuf,
    pub members: Vec<Member>,
    pub exclude: Vec<Pattern>,
    /// Files in directories with patterns for what is beside (and below) them.
    pub ignore_files: Vec<(OsString, bool)>,
    pub tags: Vec<Tag>,
    pub matching: Matching,
    pub transform: Transform,
    pub show_transformed: bool,
    pub one_file_system: bool,
    pub occurrence: Option<u64>,
    /// `--one-top-level`: where all goes.
    pub top_level: Option<Vec<u8>>,
    /// Only files changed after that are added, in seconds.
    pub newer: Option<i64>,
    pub full_time: bool,
    pub ignore_zeros: bool,
    pub ignore_failed_read: bool,
    pub clamp_mtime: bool,
    pub keep_directory_symlinks: bool,
    pub hard_dereference: bool,
    pub totals: bool,
    /// The command of `--to-command`.
    pub to_command: Option<OsString>,
    pub label: Option<Vec<u8>>,
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
    pub remove: bool,
    pub owner: Option<Owner>,
    pub group: Option<Owner>,
    /// `-S`: files with holes are stored without them.
    pub sparse: bool,
    pub holes: HoleDetection,
    /// `--mode`: what is made of the mode of each file.
    pub mode: Option<ModeChange>,
    pub mtime: Option<i64>,
    pub null: bool,
    /// Names came from a file, which may be empty.
    pub listed: bool,
    /// Compress if the name of the archive says so.
    automatic: bool,
    /// Lines of `-T` are names, whatever they begin with.
    verbatim: bool,
}

impl Options {
    fn new(action: Action) -> Self {
        Self {
            action,
            archive: std::env::var_os("TAPE").map(PathBuf::from),
            compression: Compression::None,
            verbose: 0,
            directory: PathBuf::new(),
            members: Vec::new(),
            exclude: Vec::new(),
            ignore_files: Vec::new(),
            tags: Vec::new(),
            matching: Matching::default(),
            transform: Transform::default(),
            show_transformed: false,
            one_file_system: false,
            occurrence: None,
            top_level: None,
            newer: None,
            full_time: false,
            ignore_zeros: false,
            ignore_failed_read: false,
            clamp_mtime: false,
            keep_directory_symlinks: false,
            hard_dereference: false,
            totals: false,
            to_command: None,
            label: None,
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
            remove: false,
            owner: None,
            group: None,
            sparse: false,
            holes: HoleDetection::default(),
            mode: None,
            mtime: None,
            null: false,
            listed: false,
            automatic: false,
            verbatim: false,
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
        if options.automatic
            && options.compression == Compression::None
            && options.action == Action::Create
            && let Some(codec) = options
                .archive
                .as_ref()
                .and_then(|path| Codec::by_name(bytes(path)))
        {
            options.compression = Compression::Codec(codec);
        }
        options
            .members
            .extend(directories.members(&parsed.operands));
        options.directory = directories.last();
        for list in lists {
            options.add_list(&list)?;
        }
        Ok(options)
    }

    fn compress(&mut self, compression: Compression) -> Result<(), Failure> {
        if self.compression != Compression::None && self.compression != compression {
            return Err(Failure {
                status: 2,
                message: "Conflicting compression options".to_owned(),
            });
        }
        self.compression = compression;
        Ok(())
    }

    fn apply(
        &mut self,
        name: &str,
        value: &secure_exec_cli::Value,
        lists: &mut Vec<OsString>,
    ) -> Result<(), Failure> {
        let usage = |message: String| Failure { status: 2, message };
        if self.apply_matching(name) || self.apply_exclusion(name, value)? {
            return Ok(());
        }
        match name {
            "file" => {
                self.archive =
                    Some(value.os().into()).filter(|path: &PathBuf| path.as_os_str() != "-")
            }
            "gzip" | "gunzip" | "ungzip" => self.compress(Compression::Codec(Codec::Gzip))?,
            "bzip2" => self.compress(Compression::Codec(Codec::Bzip2))?,
            "xz" => self.compress(Compression::Codec(Codec::Xz))?,
            "lzma" => self.compress(Compression::Codec(Codec::Lzma))?,
            "zstd" => self.compress(Compression::Codec(Codec::Zstd))?,
            "use-compress-program" => {
                let words = crate::filter::words(&value.os());
                if words.is_empty() {
                    return Err(usage("no program is named".to_owned()));
                }
                self.compress(Compression::Program(words))?;
            }
            "no-auto-compress" => self.automatic = false,
            "auto-compress" => self.automatic = true,
            "verbose" => self.verbose += 1,
            "files-from" => lists.push(value.os()),
            "add-file" => self.members.push(Member {
                directory: PathBuf::new(),
                name: bytes(&value.os()).to_vec(),
            }),
            "verbatim-files-from" => self.verbatim = true,
            "no-verbatim-files-from" => self.verbatim = false,
            "transform" | "xform" => self.transform.add(bytes(&value.os())).map_err(usage)?,
            "show-transformed-names" | "show-stored-names" => self.show_transformed = true,
            "one-file-system" => self.one_file_system = true,
            "one-top-level" => {
                self.top_level = Some(bytes(&value.os()).to_vec());
            }
            "occurrence" => {
                let number = if value.is_given() {
                    value.text()
                } else {
                    "1".to_owned()
                };
                self.occurrence = Some(
                    number
                        .parse()
                        .map_err(|_| usage(format!("Invalid number: {number}")))?,
                );
            }
            "newer" | "after-date" | "newer-mtime" => {
                let text = value.text();
                let seconds = modification_time(&text)
                    .ok_or_else(|| usage(format!("Unknown date format '{text}'")))?;
                self.newer = Some(seconds);
            }
            "full-time" => self.full_time = true,
            "ignore-zeros" => self.ignore_zeros = true,
            "ignore-failed-read" => self.ignore_failed_read = true,
            "clamp-mtime" => self.clamp_mtime = true,
            "keep-directory-symlink" => self.keep_directory_symlinks = true,
            "hard-dereference" => self.hard_dereference = true,
            "totals" => self.totals = true,
            "to-command" => self.to_command = Some(value.os()),
            "label" => self.label = Some(bytes(&value.os()).to_vec()),
            "sort" => {
                let order = value.text();
                if !["none", "name", "inode"].contains(&order.as_str()) {
                    return Err(Failure {
                        status: 2,
                        message: format!("invalid argument '{order}' for '--sort'"),
                    });
                }
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
            "overwrite" => self.existing = Existing::Overwrite,
            "unlink-first" => self.existing = Existing::Replace,
            "touch" => self.keep_mtime = false,
            "absolute-names" => self.absolute = true,
            "dereference" => self.dereference = true,
            "no-recursion" => self.recursion = false,
            "recursion" => self.recursion = true,
            "numeric-owner" => self.numeric = true,
            "remove-files" => self.remove = true,
            "owner" => self.owner = Some(Owner::user(&value.text())?),
            "group" => self.group = Some(Owner::group(&value.text())?),
            "mode" => {
                let mode = parse_mode(&value.text());
                let invalid = || usage("Invalid mode given on option".to_owned());
                self.mode = Some(mode.ok_or_else(invalid)?);
            }
            "sparse" => self.sparse = true,
            "hole-detection" => {
                self.holes = HoleDetection::parse(&value.text())?;
                self.sparse = true;
            }
            "mtime" => {
                let text = value.text();
                let seconds = modification_time(&text)
                    .ok_or_else(|| usage(format!("Invalid mtime: {text}")))?;
                self.mtime = Some(seconds);
            }
            "null" => self.null = true,
            "no-null" => self.null = false,
            _ => {}
        }
        Ok(())
    }

    /// A pattern with the ways of matching that are in force.
    fn pattern(&self, text: &[u8]) -> Pattern {
        Pattern {
            text: text.to_vec(),
            anchored: self.matching.anchored.unwrap_or(false),
            ignores_case: self.matching.ignores_case,
            wildcards: self.matching.wildcards.unwrap_or(true),
            slash_is_special: self.matching.slash_is_special,
        }
    }

    fn exclude_all(&mut self, patterns: &[&[u8]]) {
        for pattern in patterns {
            let pattern = self.pattern(pattern);
            self.exclude.push(pattern);
        }
    }

    fn tag(&mut self, file: OsString, name: &str) {
        self.tags.push(Tag {
            file,
            cache: name.starts_with("exclude-caches"),
            keeps: if name.ends_with("-under") {
                TagKeeps::Directory
            } else if name.ends_with("-all") {
                TagKeeps::Nothing
            } else {
                TagKeeps::Tag
            },
        });
    }

    /// How names are matched from here on. False for another option.
    fn apply_matching(&mut self, name: &str) -> bool {
        let matching = &mut self.matching;
        match name {
            "anchored" => matching.anchored = Some(true),
            "no-anchored" => matching.anchored = Some(false),
            "ignore-case" => matching.ignores_case = true,
            "no-ignore-case" => matching.ignores_case = false,
            "wildcards" => matching.wildcards = Some(true),
            "no-wildcards" => matching.wildcards = Some(false),
            "wildcards-match-slash" => matching.slash_is_special = false,
            "no-wildcards-match-slash" => matching.slash_is_special = true,
            _ => return false,
        }
        true
    }

    /// What is left out. False for another option.
    fn apply_exclusion(
        &mut self,
        name: &str,
        value: &secure_exec_cli::Value,
    ) -> Result<bool, Failure> {
        match name {
            "exclude-from" => {
                let text = std::fs::read(value.os()).map_err(|error| Failure {
                    status: 2,
                    message: super::cannot("open", &PathBuf::from(value.os()), &error),
                })?;
                for line in text.split(|&byte| byte == b'\n') {
                    if !line.is_empty() {
                        self.exclude_all(&[line]);
                    }
                }
            }
            "exclude" => self.exclude_all(&[bytes(&value.os())]),
            "exclude-vcs" => self.exclude_all(&[
                b"CVS",
                b".cvsignore",
                b"RCS",
                b"SCCS",
                b".git",
                b".gitignore",
                b".gitattributes",
                b".gitmodules",
                b".svn",
                b".arch-ids",
                b"{arch}",
                b"=RELEASE-ID",
                b"=meta-update",
                b"=update",
                b".bzr",
                b".bzrignore",
                b".bzrtags",
                b".hg",
                b".hgignore",
                b".hgtags",
                b"_darcs",
            ]),
            "exclude-backups" => self.exclude_all(&[b".#*", b"*~", b"#*#"]),
            "exclude-ignore" => self.ignore_files.push((value.os(), false)),
            "exclude-ignore-recursive" => self.ignore_files.push((value.os(), true)),
            "exclude-vcs-ignores" => {
                for file in [".cvsignore", ".gitignore", ".bzrignore", ".hgignore"] {
                    self.ignore_files.push((file.into(), file != ".cvsignore"));
                }
            }
            "exclude-tag" | "exclude-tag-under" | "exclude-tag-all" => self.tag(value.os(), name),
            "exclude-caches" | "exclude-caches-under" | "exclude-caches-all" => {
                self.tag("CACHEDIR.TAG".into(), name);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The directory of `--one-top-level` where none is named: the archive's name without its endings.
    pub fn archive_stem(&self) -> Option<Vec<u8>> {
        let name = self.archive.as_ref()?.file_name()?.to_owned();
        let name = bytes(&name);
        let endings: [&[u8]; 14] = [
            b".tar.gz",
            b".tar.bz2",
            b".tar.xz",
            b".tar.zst",
            b".tar.lzma",
            b".tar",
            b".tgz",
            b".taz",
            b".tbz2",
            b".tbz",
            b".tz2",
            b".txz",
            b".tlz",
            b".tzst",
        ];
        let stem = endings
            .iter()
            .find_map(|ending| name.strip_suffix(*ending))?;
        (!stem.is_empty()).then(|| stem.to_vec())
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
        let verbatim = self.verbatim || self.null;
        let mut directory = self.directory.clone();
        let mut names = text
            .split(|&byte| byte == separator)
            .filter(|name| !name.is_empty());
        while let Some(name) = names.next() {
            // Lines may be options; those for directories and files are what lists have.
            if !verbatim && name.starts_with(b"-") {
                if name == b"-C" {
                    directory = directory.join(os_string(names.next().unwrap_or_default()));
                } else if let Some(next) = name
                    .strip_prefix(b"--directory=")
                    .or_else(|| name.strip_prefix(b"-C"))
                {
                    directory = directory.join(os_string(next.trim_ascii()));
                } else if let Some(pattern) = name.strip_prefix(b"--exclude=") {
                    self.exclude_all(&[pattern]);
                } else if let Some(file) = name.strip_prefix(b"--add-file=") {
                    self.members.push(Member {
                        directory: directory.clone(),
                        name: file.to_vec(),
                    });
                } else {
                    return Err(Failure {
                        status: 2,
                        message: format!(
                            "{}: {}: unknown option in a list of files",
                            file.to_string_lossy(),
                            String::from_utf8_lossy(name)
                        ),
                    });
                }
                continue;
            }
            let directory = directory.clone();
            self.members.push(Member {
                directory,
                name: name.to_vec(),
            });
        }
        Ok(())
    }
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
            "catenate" | "concatenate" => Action::Concatenate,
            "delete" => Action::Delete,
            "diff" | "compare" => Action::Compare,
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
