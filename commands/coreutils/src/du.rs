//! `du`: the room that files take, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/du.html), with the GNU options.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use secure_exec_cli::{
    Args, Failure, Glob, Outcome, Parsed, Sizes, Syntax, bytes, fail, flag, parse_size, quote,
    required, warn_path,
};
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::Stat;

use crate::tree::entries;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('0', "null"),
        flag('a', "all"),
        flag('\0', "apparent-size"),
        flag('b', "bytes"),
        required('B', "block-size"),
        flag('c', "total"),
        required('d', "max-depth"),
        flag('D', "dereference-args"),
        flag('H', "H"),
        flag('h', "human-readable"),
        flag('\0', "si"),
        flag('k', "k"),
        flag('L', "dereference"),
        flag('l', "count-links"),
        flag('m', "m"),
        flag('P', "no-dereference"),
        flag('S', "separate-dirs"),
        flag('s', "summarize"),
        flag('x', "one-file-system"),
        required('\0', "exclude"),
        required('t', "threshold"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

struct Usage<'a> {
    args: &'a Args,
    parsed: &'a Parsed,
    sizes: Sizes,
    apparent: bool,
    max_depth: usize,
    excluded: Vec<String>,
    threshold: i64,
    seen: HashSet<(u64, u64)>,
    failed: bool,
    out: io::BufWriter<io::Stdout>,
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let mut usage = Usage {
        args,
        parsed: &parsed,
        sizes: Sizes::of_options(&parsed)?,
        apparent: parsed.has("apparent-size") || parsed.has("bytes"),
        max_depth: max_depth(args, &parsed)?,
        excluded: Vec::new(),
        threshold: threshold(&parsed)?,
        seen: HashSet::new(),
        failed: false,
        out: io::BufWriter::new(io::stdout()),
    };
    for (name, value) in &parsed.options {
        if *name == "exclude" {
            usage.excluded.push(value.text());
        }
    }
    let mut operands = parsed.operands.clone();
    if operands.is_empty() {
        operands.push(".".into());
    }
    let mut total = 0;
    for operand in &operands {
        let follows = ["dereference-args", "H", "dereference"]
            .iter()
            .any(|name| parsed.has(name));
        total += usage.visit(Path::new(operand), 0, follows)?;
    }
    if parsed.has("total") {
        usage.print(total, Path::new("total"))?;
    }
    usage.out.flush()?;
    Ok(i32::from(usage.failed))
}

fn max_depth(args: &Args, parsed: &Parsed) -> Result<usize, Failure> {
    if parsed.has("summarize") {
        if parsed.has("all") {
            return Err(SYNTAX.wrong(args, "cannot both summarize and show all entries"));
        }
        return Ok(0);
    }
    match parsed.value("max-depth").map(secure_exec_cli::Value::text) {
        None => Ok(usize::MAX),
        Some(text) => text
            .parse()
            .map_err(|_| SYNTAX.wrong(args, &format!("invalid maximum depth {}", quote(&text)))),
    }
}

/// The least size to print; negative: the most.
fn threshold(parsed: &Parsed) -> Result<i64, Failure> {
    let Some(text) = parsed.value("threshold").map(secure_exec_cli::Value::text) else {
        return Ok(0);
    };
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or((1, text.as_str()), |digits| (-1, digits));
    let size = parse_size(digits).and_then(|size| i64::try_from(size).ok());
    size.map(|size| sign * size)
        .ok_or_else(|| fail(format!("invalid --threshold argument {}", quote(&text))))
}

impl Usage<'_> {
    /// The size of a file with all that is in it, in bytes.
    fn visit(&mut self, path: &Path, depth: usize, follows: bool) -> io::Result<u64> {
        let found = match if follows { stat(path) } else { lstat(path) } {
            Ok(found) => found,
            Err(error) => {
                self.complain("cannot access", path, &error);
                return Ok(0);
            }
        };
        let name = path.file_name().map(bytes).unwrap_or_default();
        let is_excluded = |pattern: &String| {
            Glob::default().matches(pattern.as_bytes(), name)
                || Glob::default().matches(pattern.as_bytes(), bytes(path))
        };
        if self.excluded.iter().any(is_excluded) {
            return Ok(0);
        }
        // A file with several names takes its room once.
        let is_shared = found.nlink > 1 || found.is_dir() || depth == 0;
        if is_shared && !self.parsed.has("count-links") && !self.seen.insert((found.dev, found.ino))
        {
            return Ok(0);
        }
        let own = self.size(&found);
        let (mut total, mut subdirectories) = (own, 0);
        if found.is_dir() {
            match entries(path) {
                Ok(entries) => {
                    for entry in entries {
                        let size = self.visit(&entry, depth + 1, self.parsed.has("dereference"))?;
                        total += size;
                        if lstat(&entry).is_ok_and(|inner| inner.is_dir()) {
                            subdirectories += size;
                        }
                    }
                }
                Err(error) => self.complain("cannot read directory", path, &error),
            }
        }
        let is_listed = found.is_dir() || depth == 0 || self.parsed.has("all");
        if is_listed && depth <= self.max_depth {
            let shown = if self.parsed.has("separate-dirs") {
                total - subdirectories
            } else {
                total
            };
            self.print(shown, path)?;
        }
        Ok(total)
    }

    fn size(&self, found: &Stat) -> u64 {
        match self.apparent {
            // Only files and links have a size of their own, directories in the GNU tool, too.
            true => found.size,
            false => found.blocks * 512,
        }
    }

    fn print(&mut self, size: u64, path: &Path) -> io::Result<()> {
        let signed = i64::try_from(size).unwrap_or(i64::MAX);
        let is_shown = if self.threshold < 0 {
            signed <= -self.threshold
        } else {
            signed >= self.threshold
        };
        if !is_shown {
            return Ok(());
        }
        write!(self.out, "{}\t", self.sizes.show(size))?;
        self.out.write_all(bytes(path))?;
        self.out.write_all(if self.parsed.has("null") {
            b"\0"
        } else {
            b"\n"
        })
    }

    fn complain(&mut self, what: &str, path: &Path, error: &io::Error) {
        self.failed = true;
        let _ = self.out.flush();
        warn_path(&self.args.name, what, path, error);
    }
}
