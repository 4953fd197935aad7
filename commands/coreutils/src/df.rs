//! `df`: the room on filesystems, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/df.html), with the GNU options.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Sizes, Syntax, fail, flag, optional, quote, required,
};
use secure_exec_sys::path::{Statfs, stat, statfs};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('a', "all"),
        required('B', "block-size"),
        flag('h', "human-readable"),
        flag('H', "si"),
        flag('i', "inodes"),
        flag('k', "k"),
        flag('l', "local"),
        flag('m', "m"),
        optional('\0', "output"),
        flag('P', "portability"),
        flag('T', "print-type"),
        flag('\0', "total"),
        required('t', "type"),
        required('x', "exclude-type"),
        flag('\0', "no-sync"),
        flag('\0', "sync"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

/// A line of `/proc/mounts`.
struct Mount {
    source: String,
    target: PathBuf,
    kind: String,
}

/// The columns by the names of `--output`, with headings and whether they stand left.
const FIELDS: &[(&str, &str, bool)] = &[
    ("source", "Filesystem", true),
    ("fstype", "Type", true),
    ("itotal", "Inodes", false),
    ("iused", "IUsed", false),
    ("iavail", "IFree", false),
    ("ipcent", "IUse%", false),
    ("size", "1K-blocks", false),
    ("used", "Used", false),
    ("avail", "Available", false),
    ("pcent", "Use%", false),
    ("file", "File", true),
    ("target", "Mounted on", true),
];

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let sizes = Sizes::of_options(&parsed)?;
    let fields = fields(&parsed)?;
    let mounts = mounts();
    let mut status = 0;
    let mut rows: Vec<Vec<String>> = vec![headings(&parsed, &fields, sizes)];
    let mut totals = Statfs::default();
    let chosen = choose(args, &parsed, &mounts, &mut status);
    let mut is_empty = true;
    for (mount, file) in chosen {
        let Ok(found) = statfs(&mount.target) else {
            continue;
        };
        let pseudo = found.blocks == 0 && parsed.operands.is_empty() && !parsed.has("all");
        if pseudo || !has_kind(&parsed, mount) {
            continue;
        }
        is_empty = false;
        add(&mut totals, &found);
        rows.push(
            fields
                .iter()
                .map(|field| value(field, mount, file, &found, sizes))
                .collect(),
        );
    }
    if is_empty {
        return if status == 0 {
            Err(fail("no file systems processed"))
        } else {
            Ok(status)
        };
    }
    if parsed.has("total") {
        let all = Mount {
            source: "total".into(),
            target: "-".into(),
            kind: "-".into(),
        };
        rows.push(
            fields
                .iter()
                .map(|field| value(field, &all, Path::new("-"), &totals, sizes))
                .collect(),
        );
    }
    print(&rows, &fields);
    Ok(status)
}

fn fields(parsed: &Parsed) -> Result<Vec<&'static str>, Failure> {
    if let Some(value) = parsed.value("output") {
        let text = value.text();
        if text.is_empty() {
            return Ok(FIELDS.iter().map(|(name, _, _)| *name).collect());
        }
        let find = |name: &str| {
            FIELDS
                .iter()
                .find(|(each, _, _)| *each == name)
                .map(|(each, _, _)| *each)
        };
        let unknown = |name: &str| fail(format!("option --output: field {} unknown", quote(name)));
        return text
            .split(',')
            .map(|name| find(name).ok_or_else(|| unknown(name)))
            .collect();
    }
    let mut fields = vec!["source"];
    if parsed.has("print-type") {
        fields.push("fstype");
    }
    fields.extend(if parsed.has("inodes") {
        ["itotal", "iused", "iavail", "ipcent"]
    } else {
        ["size", "used", "avail", "pcent"]
    });
    fields.push("target");
    Ok(fields)
}

fn headings(parsed: &Parsed, fields: &[&str], sizes: Sizes) -> Vec<String> {
    let heading = |name: &&str| {
        let (_, text, _) = FIELDS
            .iter()
            .find(|(each, _, _)| each == name)
            .unwrap_or(&FIELDS[0]);
        match (*name, sizes) {
            ("size", Sizes::Human(_)) => "Size".to_owned(),
            ("avail", Sizes::Human(_)) => "Avail".to_owned(),
            ("size", Sizes::Units(1024)) if parsed.has("portability") => "1024-blocks".to_owned(),
            ("size", Sizes::Units(size)) if size != 1024 => format!("{}-blocks", block_name(size)),
            ("pcent", _) if parsed.has("portability") => "Capacity".to_owned(),
            _ => (*text).to_owned(),
        }
    };
    fields.iter().map(heading).collect()
}

fn block_name(size: u64) -> String {
    match size {
        _ if size.is_multiple_of(1 << 30) => format!("{}G", size >> 30),
        _ if size.is_multiple_of(1 << 20) => format!("{}M", size >> 20),
        _ if size.is_multiple_of(1 << 10) => format!("{}K", size >> 10),
        _ => format!("{size}B"),
    }
}

fn mounts() -> Vec<Mount> {
    let text =
        fs::read_to_string("/proc/self/mounts").or_else(|_| fs::read_to_string("/proc/mounts"));
    let text = text.unwrap_or_default();
    let mount = |line: &str| {
        let mut words = line.split(' ');
        // Blanks in names are escaped.
        let mut word = || Some(words.next()?.replace("\\040", " ").replace("\\011", "\t"));
        Some(Mount {
            source: word()?,
            target: word()?.into(),
            kind: word()?,
        })
    };
    text.lines().filter_map(mount).collect()
}

/// The filesystems of the operands, or all.
fn choose<'a>(
    args: &Args,
    parsed: &'a Parsed,
    mounts: &'a [Mount],
    status: &mut i32,
) -> Vec<(&'a Mount, &'a Path)> {
    if parsed.operands.is_empty() {
        return mounts.iter().map(|mount| (mount, Path::new("-"))).collect();
    }
    let mut chosen = Vec::new();
    for operand in &parsed.operands {
        let path = Path::new(operand);
        match mount_of(path, mounts) {
            Ok(mount) => chosen.push((mount, path)),
            Err(error) => {
                // Without a verb, as the GNU tool has it.
                eprintln!(
                    "{}: {}: {}",
                    args.name,
                    path.display(),
                    secure_exec_sys::errno::message(&error)
                );
                *status = 1;
            }
        }
    }
    chosen
}

/// The mount whose directory is the longest above the file.
fn mount_of<'a>(path: &Path, mounts: &'a [Mount]) -> io::Result<&'a Mount> {
    stat(path)?;
    let whole = fs::canonicalize(path)?;
    let above = mounts
        .iter()
        .filter(|mount| whole.starts_with(&mount.target));
    above
        .max_by_key(|mount| mount.target.as_os_str().len())
        .ok_or_else(|| secure_exec_sys::errno::error(secure_exec_sys::errno::ENOENT))
}

fn has_kind(parsed: &Parsed, mount: &Mount) -> bool {
    let listed = |name: &str| {
        let values = parsed.options.iter().filter(|(each, _)| *each == name);
        values.map(|(_, value)| value.text()).collect::<Vec<_>>()
    };
    let (wanted, unwanted) = (listed("type"), listed("exclude-type"));
    (wanted.is_empty() || wanted.contains(&mount.kind)) && !unwanted.contains(&mount.kind)
}

fn add(totals: &mut Statfs, found: &Statfs) {
    // In bytes, as block sizes differ.
    totals.block_size = 1;
    totals.blocks += found.blocks * found.block_size;
    totals.free += found.free * found.block_size;
    totals.available += found.available * found.block_size;
    totals.files += found.files;
    totals.files_free += found.files_free;
}

fn value(field: &str, mount: &Mount, file: &Path, found: &Statfs, sizes: Sizes) -> String {
    let room = |blocks: u64| sizes.show(blocks * found.block_size);
    let used = found.blocks.saturating_sub(found.free);
    let files_used = found.files.saturating_sub(found.files_free);
    match field {
        "source" => mount.source.clone(),
        "fstype" => mount.kind.clone(),
        "size" => room(found.blocks),
        "used" => room(used),
        "avail" => room(found.available),
        "pcent" => percent(used, used + found.available),
        "itotal" => found.files.to_string(),
        "iused" => files_used.to_string(),
        "iavail" => found.files_free.to_string(),
        "ipcent" => percent(files_used, found.files),
        "file" => file.display().to_string(),
        _ => mount.target.display().to_string(),
    }
}

/// Rounded up, as a full disk must not look as if there were room.
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        "-".to_owned()
    } else {
        format!("{}%", (part * 100).div_ceil(whole))
    }
}

fn print(rows: &[Vec<String>], fields: &[&str]) {
    let least = |name: &str| match name {
        "source" => 14,
        "size" | "used" | "avail" | "itotal" | "iused" | "iavail" => 5,
        "pcent" | "ipcent" => 4,
        _ => 0,
    };
    let widths: Vec<usize> = fields
        .iter()
        .enumerate()
        .map(|(at, name)| {
            rows.iter()
                .map(|row| row[at].chars().count())
                .max()
                .unwrap_or(0)
                .max(least(name))
        })
        .collect();
    for row in rows {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let left = FIELDS
                .iter()
                .any(|(name, _, left)| *name == fields[at] && *left);
            let width = widths[at];
            if at > 0 {
                line.push(' ');
            }
            line += &if left {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            };
        }
        println!("{}", line.trim_end());
    }
}
