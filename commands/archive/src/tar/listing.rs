//! Listing, and the lines that `-v` writes.

use super::extract::stripped;
use super::options::Options;
use super::pattern::{Excluded, Wanted};
use super::sparse::Sparse;
use super::transform::Kind;
use super::{Run, damaged, input};
use crate::moment::Moment;
use secure_exec_cli::Failure;
use secure_exec_sys::stat::{Stat, mode_string};
use std::io::Read;
use std::io::{self, Write};
use tar::{Archive, Entry, EntryType, Header};

/// Characters that are not printable as escapes, as tar quotes names.
pub fn quoted(name: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(name.len());
    let valid = std::str::from_utf8(name).is_ok();
    for &byte in name {
        match byte {
            b'\\' => quoted.extend_from_slice(br"\\"),
            b'\n' => quoted.extend_from_slice(br"\n"),
            b'\t' => quoted.extend_from_slice(br"\t"),
            0x07 => quoted.extend_from_slice(br"\a"),
            0x08 => quoted.extend_from_slice(br"\b"),
            0x0b => quoted.extend_from_slice(br"\v"),
            0x0c => quoted.extend_from_slice(br"\f"),
            b'\r' => quoted.extend_from_slice(br"\r"),
            _ if byte < b' ' || byte == 0x7f || (byte >= 0x80 && !valid) => {
                quoted.extend_from_slice(format!("\\{byte:03o}").as_bytes());
            }
            _ => quoted.push(byte),
        }
    }
    quoted
}

fn type_bits(kind: EntryType) -> u32 {
    match kind {
        EntryType::Directory => 0o040_000,
        EntryType::Symlink => 0o120_000,
        EntryType::Fifo => 0o010_000,
        EntryType::Char => 0o020_000,
        EntryType::Block => 0o060_000,
        _ => 0o100_000,
    }
}

/// The name of a member: one with holes may be stored under another.
pub fn name_of(entry: &Entry<impl Read>, sparse: Option<&Sparse>) -> Vec<u8> {
    sparse
        .and_then(|sparse| sparse.name.clone())
        .unwrap_or_else(|| entry.path_bytes().to_vec())
}

/// The name as it would be extracted, if that is what lists are to show.
pub fn shown_name(options: &Options, name: Vec<u8>) -> Vec<u8> {
    if !options.show_transformed {
        return name;
    }
    // Names of directories are changed without the slash at their end.
    let plain = name.strip_suffix(b"/").unwrap_or(&name);
    let changed = options.transform.apply(plain, Kind::Name);
    let mut shown = stripped(&changed, options.strip)
        .unwrap_or_default()
        .to_vec();
    if plain.len() < name.len() {
        shown.push(b'/');
    }
    shown
}

/// The same for what a link leads to.
pub fn shown_link(options: &Options, kind: EntryType, target: &[u8]) -> Vec<u8> {
    if !options.show_transformed {
        return target.to_vec();
    }
    if kind != EntryType::Link {
        return options.transform.apply(target, Kind::Symlink);
    }
    let changed = options.transform.apply(target, Kind::Link);
    stripped(&changed, options.strip)
        .unwrap_or_default()
        .to_vec()
}

/// The line of `tar -tv`. `size` is that of the file, with its holes.
pub fn long_line(
    options: &Options,
    header: &Header,
    size: u64,
    name: &[u8],
    link: Option<&[u8]>,
) -> Vec<u8> {
    let kind = header.entry_type();
    let mut mode = mode_string(header.mode().unwrap_or(0) | type_bits(kind));
    if kind == EntryType::Link {
        mode.replace_range(..1, "h");
    } else if kind.as_byte() == b'V' {
        mode.replace_range(..1, "V");
    }
    let named = |name: Option<&[u8]>, number: io::Result<u64>| match name {
        Some(name) if !name.is_empty() && !options.numeric => {
            String::from_utf8_lossy(name).into_owned()
        }
        _ => number.unwrap_or(0).to_string(),
    };
    let owner = format!(
        "{}/{}",
        named(header.username_bytes(), header.uid()),
        named(header.groupname_bytes(), header.gid())
    );
    let size = match kind {
        EntryType::Char | EntryType::Block => format!(
            "{},{}",
            header.device_major().ok().flatten().unwrap_or(0),
            header.device_minor().ok().flatten().unwrap_or(0)
        ),
        EntryType::Link => "0".to_owned(),
        _ => size.to_string(),
    };
    let width = 18usize.saturating_sub(owner.len()).max(size.len());
    let time = Moment::from_seconds(i64::try_from(header.mtime().unwrap_or(0)).unwrap_or(0));
    let seconds = if options.full_time {
        format!(":{:02}", time.second)
    } else {
        String::new()
    };
    let time = time.minute_text();
    let mut line = format!("{mode} {owner} {size:>width$} {time}{seconds} ").into_bytes();
    line.extend_from_slice(&quoted(name));
    if let Some(link) = link {
        let arrow: &[u8] = if kind == EntryType::Link {
            b" link to "
        } else {
            b" -> "
        };
        line.extend_from_slice(arrow);
        line.extend_from_slice(&quoted(link));
    }
    line.push(b'\n');
    line
}

/// Tells what was added to an archive.
pub fn announce(
    options: &Options,
    header: &Header,
    found: &Stat,
    name: &[u8],
    to_stdout: bool,
) -> Result<(), Failure> {
    let mut header = header.clone();
    if found.is_dir() {
        header.set_entry_type(EntryType::Directory);
    } else if found.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
    }
    let line = if options.verbose > 1 {
        let size = header.size().unwrap_or(0);
        long_line(options, &header, size, name, None)
    } else {
        let mut line = quoted(name);
        line.push(b'\n');
        line
    };
    if to_stdout {
        io::stdout().write_all(&line)?;
    } else {
        io::stderr().write_all(&line)?;
    }
    Ok(())
}

pub fn list(run: &mut Run) -> Result<(), Failure> {
    let excluded = Excluded::new(&run.options.exclude);
    let mut wanted = Wanted::new(&run.options);
    let mut archive = Archive::new(input(&run.options)?);
    archive.set_ignore_zeros(run.options.ignore_zeros);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for entry in archive.entries().map_err(|error| damaged(&error))? {
        let mut entry = entry.map_err(|error| {
            // What was found before is still shown.
            let _ = out.flush();
            damaged(&error)
        })?;
        let sparse = Sparse::of(&mut entry).map_err(|error| damaged(&error))?;
        let name = name_of(&entry, sparse.as_ref());
        if wanted.find(&name).is_none() || excluded.covers(&name) {
            continue;
        }
        let is_label = entry.header().entry_type().as_byte() == b'V';
        let name = shown_name(&run.options, name);
        if run.options.verbose == 0 {
            out.write_all(&quoted(&name))?;
            out.write_all(b"\n")?;
            continue;
        }
        let kind = entry.header().entry_type();
        let link = entry.link_name_bytes();
        let link = link.map(|link| shown_link(&run.options, kind, &link));
        let size = sparse.map_or(entry.size(), |sparse| sparse.size);
        let mut line = long_line(&run.options, entry.header(), size, &name, link.as_deref());
        if is_label {
            line.pop();
            line.extend_from_slice(b"--Volume Header--\n");
        }
        out.write_all(&line)?;
        if wanted.is_done() {
            break;
        }
    }
    out.flush()?;
    drop(out);
    not_found(run, &wanted);
    Ok(())
}

/// Complains about operands that were not in the archive.
pub fn not_found(run: &mut Run, wanted: &Wanted) {
    for name in wanted.missing() {
        let text = format!("{}: Not found in archive", String::from_utf8_lossy(name));
        run.complain(&text);
    }
}
