//! What `ls` was asked for.

use std::ffi::OsString;

use secure_exec_cli::{
    Args, Failure, Glob, Parsed, Sizes, Syntax, flag, optional, parse_size, quote, required,
};
use secure_exec_sys::tty::{isatty, winsize};

use super::color::Palette;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    OneLine,
    Columns,
    Across,
    Commas,
    Long,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    No,
    Almost,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Name,
    None,
    Size,
    Time,
    Extension,
    Version,
    Width,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    Modified,
    Accessed,
    Changed,
}

/// Which symbolic links stand for what they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    Never,
    DirectoryOperands,
    Operands,
    Always,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    Literal,
    Shell,
    ShellAlways,
    C,
    Escape,
}

/// What is appended to names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indicator {
    None,
    Slash,
    FileType,
    Classify,
}

/// How moments are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeStyle {
    Locale,
    Iso,
    LongIso,
    FullIso,
    Format(String),
}

#[derive(Clone, Debug)]
pub struct Options {
    pub format: Format,
    pub hidden: Hidden,
    pub sort: Sort,
    pub reverse: bool,
    pub directories_first: bool,
    pub stamp: Stamp,
    pub links: Links,
    pub quoting: Quoting,
    pub hides_control: bool,
    pub indicator: Indicator,
    pub time_style: TimeStyle,
    pub file_sizes: Sizes,
    pub block_sizes: Sizes,
    pub recursive: bool,
    pub directories_themselves: bool,
    pub inodes: bool,
    pub blocks: bool,
    pub numeric_ids: bool,
    pub owner: bool,
    pub group: bool,
    pub author: bool,
    /// Security contexts, of which there are none: each is a question mark.
    pub contexts: bool,
    pub width: usize,
    pub palette: Option<Palette>,
    pub ignored: Vec<String>,
    pub hidden_patterns: Vec<String>,
    pub zero: bool,
}

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('a', "all"),
        flag('A', "almost-all"),
        flag('\0', "author"),
        flag('b', "escape"),
        required('\0', "block-size"),
        flag('B', "ignore-backups"),
        flag('c', "c"),
        flag('C', "C"),
        optional('\0', "color"),
        flag('d', "directory"),
        flag('D', "dired"),
        flag('f', "f"),
        optional('F', "classify"),
        flag('\0', "file-type"),
        required('\0', "format"),
        flag('\0', "full-time"),
        flag('g', "g"),
        flag('\0', "group-directories-first"),
        flag('G', "no-group"),
        flag('h', "human-readable"),
        flag('\0', "si"),
        flag('H', "dereference-command-line"),
        flag('\0', "dereference-command-line-symlink-to-dir"),
        required('\0', "hide"),
        optional('\0', "hyperlink"),
        required('\0', "indicator-style"),
        flag('i', "inode"),
        required('I', "ignore"),
        flag('k', "kibibytes"),
        flag('l', "l"),
        flag('L', "dereference"),
        flag('m', "m"),
        flag('n', "numeric-uid-gid"),
        flag('N', "literal"),
        flag('o', "o"),
        flag('p', "p"),
        flag('q', "hide-control-chars"),
        flag('\0', "show-control-chars"),
        flag('Q', "quote-name"),
        required('\0', "quoting-style"),
        flag('r', "reverse"),
        flag('R', "recursive"),
        flag('s', "size"),
        flag('S', "S"),
        required('\0', "sort"),
        required('\0', "time"),
        required('\0', "time-style"),
        flag('t', "t"),
        required('T', "tabsize"),
        flag('u', "u"),
        flag('U', "U"),
        flag('v', "v"),
        required('w', "width"),
        flag('x', "x"),
        flag('X', "X"),
        flag('Z', "context"),
        flag('\0', "zero"),
        flag('1', "1"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 2,
    operand_ends: false,
};

fn defaults(format: Option<Format>) -> Options {
    let terminal = isatty(1);
    let shown = if terminal {
        Format::Columns
    } else {
        Format::OneLine
    };
    let quoting = match (format, terminal) {
        (Some(_), _) => Quoting::Escape,
        (None, true) => Quoting::Shell,
        (None, false) => Quoting::Literal,
    };
    Options {
        format: format.unwrap_or(shown),
        hidden: Hidden::No,
        sort: Sort::Name,
        reverse: false,
        directories_first: false,
        stamp: Stamp::Modified,
        links: Links::DirectoryOperands,
        quoting,
        hides_control: terminal,
        indicator: Indicator::None,
        time_style: TimeStyle::Locale,
        file_sizes: Sizes::Units(1),
        block_sizes: Sizes::Units(1024),
        recursive: false,
        directories_themselves: false,
        inodes: false,
        blocks: false,
        numeric_ids: false,
        owner: true,
        group: true,
        author: false,
        contexts: false,
        width: default_width(),
        palette: None,
        ignored: Vec::new(),
        hidden_patterns: Vec::new(),
        zero: false,
    }
}

fn default_width() -> usize {
    let from_env = || std::env::var("COLUMNS").ok()?.parse().ok();
    let from_terminal = || {
        winsize(1)
            .ok()
            .map(|size| usize::from(size.columns))
            .filter(|columns| *columns > 0)
    };
    from_env().or_else(from_terminal).unwrap_or(80)
}

/// Reads the command line; gives the operands, too.
pub fn parse(args: &Args, format: Option<Format>) -> Result<(Options, Vec<OsString>), Failure> {
    let parsed = SYNTAX.parse(args)?;
    let mut options = defaults(format);
    let mut sort = None;
    let mut stamp = None;
    for (name, value) in &parsed.options {
        let text = value.text();
        let invalid = || invalid_argument(args, name, &text);
        match *name {
            "l" => options.format = Format::Long,
            "g" => (options.format, options.owner) = (Format::Long, false),
            "o" => (options.format, options.group) = (Format::Long, false),
            "numeric-uid-gid" => (options.format, options.numeric_ids) = (Format::Long, true),
            "full-time" => {
                (options.format, options.time_style) = (Format::Long, TimeStyle::FullIso)
            }
            "C" => options.format = Format::Columns,
            "x" => options.format = Format::Across,
            "m" => options.format = Format::Commas,
            "1" if options.format != Format::Long => options.format = Format::OneLine,
            "format" => options.format = format_named(&text).ok_or_else(invalid)?,
            "f" => (options.hidden, sort) = (Hidden::All, Some(Sort::None)),
            "sort" => sort = Some(sort_named(&text).ok_or_else(invalid)?),
            "S" => sort = Some(Sort::Size),
            "t" => sort = Some(Sort::Time),
            "U" => sort = Some(Sort::None),
            "v" => sort = Some(Sort::Version),
            "X" => sort = Some(Sort::Extension),
            "c" => stamp = Some(Stamp::Changed),
            "u" => stamp = Some(Stamp::Accessed),
            "time" => stamp = Some(stamp_named(&text).ok_or_else(invalid)?),
            "quoting-style" => options.quoting = quoting_named(&text).ok_or_else(invalid)?,
            "indicator-style" => options.indicator = indicator_named(&text).ok_or_else(invalid)?,
            "time-style" => options.time_style = time_style_named(&text).ok_or_else(invalid)?,
            "classify" => {
                options.indicator = when(&text, Indicator::Classify).ok_or_else(invalid)?
            }
            "color" => options.palette = color_when(&text).ok_or_else(invalid)?,
            "width" => options.width = text.parse().map_err(|_| wrong_width(&text))?,
            "block-size" => options.set_block_size(&text).ok_or_else(invalid)?,
            _ => options.set(name, text),
        }
    }
    options.stamp = stamp.unwrap_or(Stamp::Modified);
    // -c and -u choose the order too, unless something else or a long listing does.
    let implied = if stamp.is_some() && options.format != Format::Long {
        Sort::Time
    } else {
        Sort::Name
    };
    options.sort = sort.unwrap_or(implied);
    options.finish(&parsed);
    Ok((options, parsed.operands))
}

impl Options {
    /// Options that set one thing and cannot be wrong.
    fn set(&mut self, name: &str, text: String) {
        match name {
            "all" => self.hidden = Hidden::All,
            "almost-all" => self.hidden = Hidden::Almost,
            "author" => self.author = true,
            "context" => self.contexts = true,
            "escape" => self.quoting = Quoting::Escape,
            "literal" => self.quoting = Quoting::Literal,
            "quote-name" => self.quoting = Quoting::C,
            "ignore-backups" => self.ignored.extend(["*~".into(), ".*~".into()]),
            "ignore" => self.ignored.push(text),
            "hide" => self.hidden_patterns.push(text),
            "directory" => self.directories_themselves = true,
            "file-type" => self.indicator = Indicator::FileType,
            "p" => self.indicator = Indicator::Slash,
            "group-directories-first" => self.directories_first = true,
            "no-group" => self.group = false,
            "human-readable" => {
                (self.file_sizes, self.block_sizes) = (Sizes::Human(1024), Sizes::Human(1024))
            }
            "si" => (self.file_sizes, self.block_sizes) = (Sizes::Human(1000), Sizes::Human(1000)),
            "kibibytes" => self.block_sizes = Sizes::Units(1024),
            "dereference-command-line" => self.links = Links::Operands,
            "dereference-command-line-symlink-to-dir" => self.links = Links::DirectoryOperands,
            "dereference" => self.links = Links::Always,
            "inode" => self.inodes = true,
            "size" => self.blocks = true,
            "hide-control-chars" => self.hides_control = true,
            "show-control-chars" => self.hides_control = false,
            "reverse" => self.reverse = true,
            "recursive" => self.recursive = true,
            "zero" => {
                (self.zero, self.format, self.quoting) = (true, Format::OneLine, Quoting::Literal)
            }
            // Tab stops, hyperlinks and labels have no meaning here; -1 does not end a long listing.
            _ => {}
        }
    }

    fn set_block_size(&mut self, text: &str) -> Option<()> {
        let sizes = match text {
            "human-readable" => Sizes::Human(1024),
            "si" => Sizes::Human(1000),
            _ => Sizes::Units(parse_size(text).filter(|size| *size > 0)?),
        };
        (self.file_sizes, self.block_sizes) = (sizes, sizes);
        Some(())
    }

    fn finish(&mut self, parsed: &Parsed) {
        // A long listing, -d and -F describe links themselves, unless told otherwise.
        let chose_links = [
            "dereference",
            "dereference-command-line",
            "dereference-command-line-symlink-to-dir",
        ];
        let describes = self.format == Format::Long
            || self.directories_themselves
            || self.indicator == Indicator::Classify;
        if describes && parsed.last_of(&chose_links).is_none() {
            self.links = Links::Never;
        }
        if self.width == 0 {
            self.width = usize::MAX;
        }
    }

    /// Whether an entry of a directory is listed.
    pub fn shows(&self, name: &[u8]) -> bool {
        let is_hidden = name.starts_with(b".");
        if self.hidden == Hidden::No
            && (is_hidden
                || self
                    .hidden_patterns
                    .iter()
                    .any(|pattern| matches(pattern, name)))
        {
            return false;
        }
        !self.ignored.iter().any(|pattern| {
            // A pattern that does not begin with a dot does not mean hidden files.
            (pattern.starts_with('.') || !is_hidden) && matches(pattern, name)
        })
    }

    pub fn wants_targets(&self) -> bool {
        self.format == Format::Long || self.palette.is_some() || self.directories_first
    }

    /// A number of 512-byte blocks.
    pub fn block_count(&self, blocks: u64) -> String {
        self.block_sizes.show(blocks * 512)
    }
}

fn invalid_argument(args: &Args, option: &str, text: &str) -> Failure {
    SYNTAX.wrong(
        args,
        &format!("invalid argument {} for '--{option}'", quote(text)),
    )
}

fn wrong_width(text: &str) -> Failure {
    Failure {
        status: 2,
        message: format!("invalid line width: {}", quote(text)),
    }
}

fn when(text: &str, yes: Indicator) -> Option<Indicator> {
    match text {
        "" | "always" | "yes" | "force" => Some(yes),
        "never" | "no" | "none" => Some(Indicator::None),
        "auto" | "tty" | "if-tty" => Some(if isatty(1) { yes } else { Indicator::None }),
        _ => None,
    }
}

fn color_when(text: &str) -> Option<Option<Palette>> {
    match text {
        "" | "always" | "yes" | "force" => Some(Palette::from_env()),
        "never" | "no" | "none" => Some(None),
        "auto" | "tty" | "if-tty" => Some(if isatty(1) { Palette::from_env() } else { None }),
        _ => None,
    }
}

fn format_named(text: &str) -> Option<Format> {
    Some(match text {
        "across" | "horizontal" => Format::Across,
        "commas" => Format::Commas,
        "long" | "verbose" => Format::Long,
        "single-column" => Format::OneLine,
        "vertical" => Format::Columns,
        _ => return None,
    })
}

fn sort_named(text: &str) -> Option<Sort> {
    Some(match text {
        "none" => Sort::None,
        "name" => Sort::Name,
        "size" => Sort::Size,
        "time" => Sort::Time,
        "version" => Sort::Version,
        "extension" => Sort::Extension,
        "width" => Sort::Width,
        _ => return None,
    })
}

fn stamp_named(text: &str) -> Option<Stamp> {
    Some(match text {
        "atime" | "access" | "use" => Stamp::Accessed,
        "ctime" | "status" => Stamp::Changed,
        "mtime" | "modification" => Stamp::Modified,
        _ => return None,
    })
}

fn quoting_named(text: &str) -> Option<Quoting> {
    Some(match text {
        "literal" => Quoting::Literal,
        "shell" | "shell-escape" => Quoting::Shell,
        "shell-always" | "shell-escape-always" => Quoting::ShellAlways,
        "c" => Quoting::C,
        "escape" => Quoting::Escape,
        _ => return None,
    })
}

fn indicator_named(text: &str) -> Option<Indicator> {
    Some(match text {
        "none" => Indicator::None,
        "slash" => Indicator::Slash,
        "file-type" => Indicator::FileType,
        "classify" => Indicator::Classify,
        _ => return None,
    })
}

fn time_style_named(text: &str) -> Option<TimeStyle> {
    let style = text.strip_prefix("posix-").unwrap_or(text);
    Some(match style {
        "full-iso" => TimeStyle::FullIso,
        "long-iso" => TimeStyle::LongIso,
        "iso" => TimeStyle::Iso,
        "locale" => TimeStyle::Locale,
        _ => TimeStyle::Format(style.strip_prefix('+')?.to_owned()),
    })
}

fn matches(pattern: &str, name: &[u8]) -> bool {
    Glob {
        period_is_special: true,
        ..Glob::default()
    }
    .matches(pattern.as_bytes(), name)
}
