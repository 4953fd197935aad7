//! `diff`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/diff.html), with the
//! options of the GNU tool.

pub mod columns;
mod context;
mod formats;
pub mod lines;
mod names;
pub mod options;
mod output;
mod pages;
pub mod script;
mod style;
mod trees;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;

use secure_exec_cli::{Args, Failure, Outcome, bytes, fail, warn};
use secure_exec_pattern::{Builder, Dialect, Pattern, Syntax, bytes_locale};
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::{Stat, Time};
use secure_exec_sys::{errno, fd};

use lines::{Change, Text};
use options::{Absent, Format, Options};

/// The statuses: the same, different, trouble.
const SAME: i32 = 0;
const DIFFERENT: i32 = 1;
pub const TROUBLE: i32 = 2;

/// How much of a file is looked at to find out whether it is a text.
const LOOKED_AT: usize = 32 * 1024;

/// One side of a comparison.
pub struct Side {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    /// `None`: there is no such file and it counts as empty.
    pub modified: Option<Time>,
}

/// Two files and how their lines differ.
pub struct Comparison<'a> {
    pub sides: [&'a Side; 2],
    pub texts: [&'a Text<'a>; 2],
    pub changes: &'a [Change],
}

fn trouble(message: impl Into<String>) -> Failure {
    Failure {
        status: TROUBLE,
        ..fail(message)
    }
}

/// A basic expression, with `\|`, `\+` and `\?`.
fn pattern(text: &[u8]) -> Result<Pattern, Failure> {
    let unicode = !bytes_locale();
    let builder = Builder {
        unicode,
        ignore_case: false,
    };
    let wrong = |why: String| trouble(format!("{}: {why}", String::from_utf8_lossy(text)));
    builder
        .posix(text, Syntax::Basic, Dialect::grep(unicode))
        .map_err(wrong)
}

pub fn main(args: &Args) -> Outcome {
    let (options, pairs) = options::parse(args).map_err(prefix_hint)?;
    let mut out = io::BufWriter::new(io::stdout());
    let mut status = SAME;
    for [left, right] in &pairs {
        status = status.max(operands(&mut out, left, right, &options)?);
    }
    out.flush()?;
    Ok(status)
}

/// What is at a path, by the option that says whether links are followed.
fn look(path: &Path, options: &Options) -> io::Result<Stat> {
    if options.follows_links {
        stat(path)
    } else {
        lstat(path)
    }
}

/// Compares two operands.
fn operands(out: &mut impl Write, left: &OsString, right: &OsString, options: &Options) -> Outcome {
    if left == "-" && right == "-" {
        // Standard input is the same as itself.
        return Ok(SAME);
    }
    let is_directory =
        |path: &OsString| path != "-" && stat(path).is_ok_and(|found| found.is_dir());
    let (left, right) = match (is_directory(left), is_directory(right)) {
        (true, true) => return trees::compare(out, Path::new(left), Path::new(right), options),
        // A file is compared with the file of its name in the directory.
        (true, false) if right != "-" => (Path::new(left).join(base(right)), right.into()),
        (false, true) if left != "-" => (left.into(), Path::new(right).join(base(left))),
        (false, false) => (left.into(), right.into()),
        _ => return Err(trouble("cannot compare '-' to a directory")),
    };
    if let (Ok(old), Ok(new)) = (look(&left, options), look(&right, options))
        && (old.is_symlink() || new.is_symlink())
    {
        return trees::links(out, [&left, &right], [&old, &new]);
    }
    compare(out, &left, &right, options, None)
}

/// The hint has the command's name in front, too, unlike that of other commands.
pub fn prefix_hint(failure: Failure) -> Failure {
    Failure {
        message: failure
            .message
            .replace("\nTry 'diff", "\ndiff: Try 'diff")
            .replace("\nTry 'cmp", "\ncmp: Try 'cmp"),
        ..failure
    }
}

fn base(path: &OsString) -> OsString {
    Path::new(path)
        .file_name()
        .map_or_else(|| path.clone(), OsString::from)
}

/// Reads a side; `other` is that of the same name that an absent one counts as empty beside.
fn read(path: &Path, absent_is_empty: bool, options: &Options) -> io::Result<Side> {
    let name = bytes(path).to_vec();
    let (content, modified) = if name == b"-" {
        let mut content = Vec::new();
        io::stdin().read_to_end(&mut content)?;
        let now = Time {
            seconds: crate::clock::now(),
            nanoseconds: 0,
        };
        // Of a file, that of the file.
        let file = fd::stat(0).ok().filter(Stat::is_file);
        (content, Some(file.map_or(now, |file| file.mtime)))
    } else {
        match std::fs::read(path) {
            Ok(content) => {
                let modified = stat(path).map(|found| found.mtime).unwrap_or_default();
                (content, Some(modified))
            }
            Err(error) if absent_is_empty && errno::is(&error, errno::ENOENT) => (Vec::new(), None),
            Err(error) => return Err(error),
        }
    };
    Ok(Side {
        name,
        content: if options.strip_carriage_return {
            without_carriage_returns(&content)
        } else {
            content
        },
        modified,
    })
}

/// Lines that end with a carriage return and a newline end with a newline alone.
pub fn without_carriage_returns(content: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(content.len());
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(bare) => {
                kept.extend_from_slice(bare);
                kept.push(b'\n');
            }
            None => kept.extend_from_slice(line),
        }
    }
    kept
}

/// Whether a content is no text.
pub fn is_binary(content: &[u8]) -> bool {
    content.iter().take(LOOKED_AT).any(|&byte| byte == 0)
}

/// Both sides; for those that cannot be read it is said why.
fn both(left: &Path, right: &Path, options: &Options) -> Result<[Side; 2], Failure> {
    let is_there = |path: &Path| bytes(path) == b"-" || stat(path).is_ok();
    let (old_absent, new_absent) = match options.absent {
        Absent::Told => (false, false),
        Absent::FirstEmpty => (is_there(right), false),
        Absent::Empty => (is_there(right), is_there(left)),
    };
    let mut found = [
        (left, read(left, old_absent, options)),
        (right, read(right, new_absent, options)),
    ];
    let mut failures = found.iter().filter_map(|(path, read)| {
        let error = read.as_ref().err()?;
        Some(format!("{}: {}", path.display(), errno::message(error)))
    });
    if let Some(first) = failures.next() {
        let Some(second) = failures.next() else {
            return Err(trouble(first));
        };
        warn("diff", first);
        return Err(trouble(second));
    }
    drop(failures);
    let mut take = |at: usize| std::mem::replace(&mut found[at].1, Err(io::Error::other("")));
    match (take(0), take(1)) {
        (Ok(old), Ok(new)) => Ok([old, new]),
        (Err(error), _) | (_, Err(error)) => Err(trouble(errno::message(&error))),
    }
}

/// Compares two files and prints how they differ, behind a title if they do.
fn compare(
    out: &mut impl Write,
    left: &Path,
    right: &Path,
    options: &Options,
    title: Option<&str>,
) -> Outcome {
    let found = if bytes(left) == b"-" || bytes(right) == b"-" {
        None
    } else {
        stat(left).ok().zip(stat(right).ok())
    };
    let is_one = found.is_some_and(|(old, new)| old.same_file(&new));
    // What has no end of its own would wait for itself.
    if is_one && found.is_some_and(|(old, _)| !old.is_file()) {
        return Ok(SAME);
    }
    let [left, right] = both(left, right, options)?;
    let sides = [&left, &right];
    if left.content == right.content {
        same(out, sides, options)?;
        if is_one {
            return Ok(SAME);
        }
        return missing_ends(out, sides, options, SAME);
    }
    let names = options.shown_names(sides);
    if !options.as_text && (is_binary(&left.content) || is_binary(&right.content)) {
        let what = if options.brief {
            "Files"
        } else {
            "Binary files"
        };
        writeln!(out, "{what} {} and {} differ", names[0], names[1])?;
        return Ok(DIFFERENT);
    }
    let (old, new) = (Text::new(&left.content), Text::new(&right.content));
    let changes = lines::changes(&old, &new, options);
    let counted: Vec<Change> = changes
        .iter()
        .filter(|change| !change.ignored)
        .cloned()
        .collect();
    if counted.is_empty() {
        same(out, sides, options)?;
        return missing_ends(out, sides, options, SAME);
    }
    if options.brief {
        writeln!(out, "Files {} and {} differ", names[0], names[1])?;
        return Ok(DIFFERENT);
    }
    let comparison = Comparison {
        sides,
        texts: [&old, &new],
        changes: &changes,
    };
    if options.paginates {
        let mut text = Vec::new();
        print(&mut text, &comparison, &counted, options)?;
        out.flush()?;
        let title = title.map_or_else(
            || options.title(sides.map(|side| &*side.name)),
            str::to_owned,
        );
        pages::print(&title, &text)?;
    } else {
        if let Some(title) = title {
            writeln!(out, "{title}")?;
        }
        print(out, &comparison, &counted, options)?;
    }
    missing_ends(out, sides, options, DIFFERENT)
}

/// Prints how files differ. `counted` are the changes that matter by themselves.
fn print(
    out: &mut impl Write,
    comparison: &Comparison<'_>,
    counted: &[Change],
    options: &Options,
) -> io::Result<()> {
    let [old, new] = comparison.texts;
    let style = &options.style;
    match options.format {
        Format::Normal => output::normal(out, old, new, counted, style),
        Format::Unified => context::unified(out, comparison, options),
        Format::Context => context::context(out, comparison, options),
        Format::Ed => output::ed(out, new, counted, style),
        Format::ForwardEd => output::forward_ed(out, new, counted, style),
        Format::Rcs => output::rcs(out, new, counted, style),
        Format::Own => options.formats.print(out, [old, new], counted, style),
        Format::SideBySide => columns::side_by_side(out, old, new, counted, options),
    }
}

/// Says of which side a script for `ed` cannot make the last line as it is.
fn missing_ends(
    out: &mut impl Write,
    sides: [&Side; 2],
    options: &Options,
    status: i32,
) -> Outcome {
    if !matches!(options.format, Format::Ed | Format::ForwardEd) {
        return Ok(status);
    }
    let mut status = status;
    for side in sides {
        if side.content.last().is_some_and(|&byte| byte != b'\n') {
            out.flush()?;
            let name = String::from_utf8_lossy(&side.name).into_owned();
            warn("diff", format_args!("{name}: No newline at end of file\n"));
            status = TROUBLE;
        }
    }
    Ok(status)
}

fn same(out: &mut impl Write, [left, right]: [&Side; 2], options: &Options) -> Outcome {
    let (old, new) = (Text::new(&left.content), Text::new(&right.content));
    if options.format == Format::Own && !options.brief {
        let style = &options.style;
        options.formats.print(out, [&old, &new], &[], style)?;
    } else if options.format == Format::SideBySide && !options.brief {
        columns::side_by_side(out, &old, &new, &[], options)?;
    }
    if options.reports_identical {
        let [left, right] = options.shown_names([left, right]);
        writeln!(out, "Files {left} and {right} are identical")?;
    }
    Ok(SAME)
}
