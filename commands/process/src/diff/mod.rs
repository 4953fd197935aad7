//! `diff`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/diff.html), with the
//! usual options of the GNU tool. The comparison of lines is the crate `imara-diff`'s.

mod formats;
mod lines;
mod options;
mod output;
mod trees;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;

use secure_exec_cli::{Args, Failure, Outcome, fail};
use secure_exec_sys::errno;
use secure_exec_sys::path::stat;
use secure_exec_sys::stat::Time;

use lines::Text;
use options::{Format, Options};
use output::Comparison;

/// The statuses: the same, different, trouble.
const SAME: i32 = 0;
const DIFFERENT: i32 = 1;
const TROUBLE: i32 = 2;

/// One side of a comparison.
pub struct Side {
    pub name: String,
    pub content: Vec<u8>,
    /// `None`: there is no such file and it counts as empty.
    pub modified: Option<Time>,
}

fn trouble(message: impl Into<String>) -> Failure {
    Failure {
        status: TROUBLE,
        ..fail(message)
    }
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

/// Compares two operands.
fn operands(out: &mut impl Write, left: &OsString, right: &OsString, options: &Options) -> Outcome {
    if left == "-" && right == "-" {
        // Standard input is the same as itself.
        return Ok(SAME);
    }
    let is_directory =
        |path: &OsString| path != "-" && stat(path).is_ok_and(|found| found.is_dir());
    match (is_directory(left), is_directory(right)) {
        (true, true) => trees::compare(out, Path::new(left), Path::new(right), options),
        // A file is compared with the file of its name in the directory.
        (true, false) => {
            let left = Path::new(left).join(base(right));
            files(out, &left, Path::new(right), options)
        }
        (false, true) => {
            let right = Path::new(right).join(base(left));
            files(out, Path::new(left), &right, options)
        }
        (false, false) => files(out, Path::new(left), Path::new(right), options),
    }
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

fn read(path: &Path, options: &Options) -> Result<Side, Failure> {
    let name = path.to_string_lossy().into_owned();
    if name == "-" {
        let mut content = Vec::new();
        io::stdin()
            .read_to_end(&mut content)
            .map_err(|error| trouble(format!("-: {}", errno::message(&error))))?;
        return Ok(Side {
            name,
            content,
            modified: Some(Time {
                seconds: crate::clock::now(),
                nanoseconds: 0,
            }),
        });
    }
    match std::fs::read(path) {
        Ok(content) => {
            let modified = stat(path).map(|found| found.mtime).unwrap_or_default();
            Ok(Side {
                name,
                content,
                modified: Some(modified),
            })
        }
        Err(error) if options.absent_is_empty && errno::is(&error, errno::ENOENT) => Ok(Side {
            name,
            content: Vec::new(),
            modified: None,
        }),
        Err(error) => Err(trouble(format!("{name}: {}", errno::message(&error)))),
    }
}

/// Compares two files and prints how they differ.
pub fn files(out: &mut impl Write, left: &Path, right: &Path, options: &Options) -> Outcome {
    compare(out, left, right, options, None)
}

fn compare(
    out: &mut impl Write,
    left: &Path,
    right: &Path,
    options: &Options,
    title: Option<&str>,
) -> Outcome {
    let (left, right) = (read(left, options)?, read(right, options)?);
    if left.content == right.content {
        return same(out, &left, &right, options);
    }
    let is_binary = |side: &Side| side.content.iter().take(32 * 1024).any(|&byte| byte == 0);
    if !options.as_text && (is_binary(&left) || is_binary(&right)) {
        let what = if options.brief {
            "Files"
        } else {
            "Binary files"
        };
        writeln!(out, "{what} {} and {} differ", left.name, right.name)?;
        return Ok(DIFFERENT);
    }
    let (old, new) = (Text::new(&left.content), Text::new(&right.content));
    let changes = lines::changes(&old, &new, options);
    if changes.is_empty() {
        return same(out, &left, &right, options);
    }
    if options.brief {
        writeln!(out, "Files {} and {} differ", left.name, right.name)?;
        return Ok(DIFFERENT);
    }
    if let Some(title) = title {
        writeln!(out, "{title}")?;
    }
    let comparison = Comparison {
        sides: [&left, &right],
        texts: [&old, &new],
        changes: &changes,
    };
    match options.format {
        Format::Normal => output::normal(out, &old, &new, &changes)?,
        Format::Unified(context) => output::unified(out, &comparison, context, options)?,
        Format::Context(context) => output::context(out, &comparison, context, options)?,
        Format::Ed => output::ed(out, &new, &changes)?,
        Format::Rcs => output::rcs(out, &new, &changes)?,
        Format::Own => options.formats.print(out, &old, &new, &changes)?,
        Format::SideBySide => output::side_by_side(out, &old, &new, &changes, options)?,
    }
    Ok(DIFFERENT)
}

fn same(out: &mut impl Write, left: &Side, right: &Side, options: &Options) -> Outcome {
    if options.reports_identical {
        writeln!(out, "Files {} and {} are identical", left.name, right.name)?;
    } else if options.format == Format::Own && !options.brief {
        let (old, new) = (Text::new(&left.content), Text::new(&right.content));
        options.formats.print(out, &old, &new, &[])?;
    } else if options.format == Format::SideBySide && !options.brief {
        let text = Text::new(&left.content);
        output::side_by_side(out, &text, &text, &[], options)?;
    }
    Ok(SAME)
}
