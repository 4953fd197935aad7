//! `xz -l`, `zstd -l` and what zstd says of its work.

use super::Packer;
use super::options::Tool;
use super::stream::Sizes;
use secure_exec_cli::{Outcome, fail};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Sums over files.
#[derive(Default)]
pub struct Totals {
    read: u64,
    written: u64,
    files: usize,
}

impl Totals {
    pub fn add(&mut self, read: u64, written: u64) {
        self.read += read;
        self.written += written;
        self.files += 1;
    }
}

/// What is in a compressed file.
#[derive(Default)]
struct Contents {
    /// Streams of xz, frames of zstd.
    streams: u64,
    blocks: u64,
    skipped: u64,
    compressed: u64,
    /// None if that is not written down.
    plain: Option<u64>,
    check: &'static str,
}

/// A size as zstd shows it: three digits and a unit.
fn human(size: u64) -> String {
    let mut value = size as f64;
    let mut unit = " B";
    for larger in [" KiB", " MiB", " GiB", " TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    let precision = if unit == " B" || value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.precision$}{unit:>4}")
}

/// A size as `xz -l` shows it: bytes up to 9999, then units of 1024.
fn xz_size(size: u64) -> String {
    if size < 10_000 {
        return format!("{size} B");
    }
    let mut value = size as f64 / 1024.0;
    for unit in ["KiB", "MiB", "GiB"] {
        if value < 9999.95 {
            return format!("{value:.1} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

fn ratio(compressed: u64, plain: u64) -> String {
    if plain == 0 {
        return "---".to_owned();
    }
    let ratio = compressed as f64 / plain as f64;
    if ratio > 9.999 {
        "---".to_owned()
    } else {
        format!("{ratio:.3}")
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, &byte| (value << 8) | u64::from(byte))
}

/// A number of the xz index, seven bits in a byte; takes it off the front.
fn variable(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Reads the indexes of an xz file, from the last stream to the first.
fn xz_contents(file: &[u8]) -> Option<Contents> {
    let mut contents = Contents {
        compressed: file.len() as u64,
        check: "None",
        plain: Some(0),
        ..Contents::default()
    };
    let mut end = file.len();
    while end > 0 {
        if end >= 4 && file[end - 4..end] == [0; 4] {
            end -= 4;
            continue;
        }
        let footer = file.get(end.checked_sub(12)?..end)?;
        if !footer.ends_with(b"YZ") {
            return None;
        }
        let index_size = usize::try_from((little_endian(&footer[4..8]) + 1) * 4).ok()?;
        contents.check = match footer[9] & 0xf {
            0 => "None",
            1 => "CRC32",
            4 => "CRC64",
            10 => "SHA-256",
            _ => "Unknown",
        };
        let index_start = (end - 12).checked_sub(index_size)?;
        let mut index = file[index_start..end - 12].strip_prefix(b"\0")?;
        let blocks = variable(&mut index)?;
        let mut packed = 0_u64;
        for _ in 0..blocks {
            packed = packed.checked_add(variable(&mut index)?.div_ceil(4).checked_mul(4)?)?;
            let plain = variable(&mut index)?;
            contents.plain = Some(contents.plain?.checked_add(plain)?);
        }
        contents.blocks += blocks;
        contents.streams += 1;
        end = index_start
            .checked_sub(usize::try_from(packed).ok()?)?
            .checked_sub(12)?;
        if !file[end..].starts_with(b"\xfd7zXZ\0") {
            return None;
        }
    }
    (contents.streams > 0).then_some(contents)
}

/// Goes over the frames of a zstd file.
fn zstd_contents(file: &[u8]) -> Option<Contents> {
    let mut contents = Contents {
        compressed: file.len() as u64,
        check: "None",
        plain: Some(0),
        ..Contents::default()
    };
    let mut rest = file;
    while !rest.is_empty() {
        let magic = little_endian(rest.get(..4)?);
        if (0x184d_2a50..=0x184d_2a5f).contains(&magic) {
            let length = usize::try_from(little_endian(rest.get(4..8)?)).ok()?;
            rest = rest.get(8_usize.checked_add(length)?..)?;
            contents.skipped += 1;
            continue;
        }
        if magic != 0xfd2f_b528 {
            return None;
        }
        let descriptor = *rest.get(4)?;
        let single = descriptor & 0x20 != 0;
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let size_length = match descriptor >> 6 {
            0 => usize::from(single),
            1 => 2,
            2 => 4,
            _ => 8,
        };
        let mut at = 5 + usize::from(!single) + dictionary;
        let size = little_endian(rest.get(at..at + size_length)?);
        let size = if size_length == 2 { size + 256 } else { size };
        contents.plain = match contents.plain {
            Some(plain) if size_length > 0 => plain.checked_add(size),
            _ => None,
        };
        at += size_length;
        loop {
            let header = little_endian(rest.get(at..at + 3)?);
            let kind = (header >> 1) & 3;
            let length = usize::try_from(header >> 3).ok()?;
            at += 3 + if kind == 1 { 1 } else { length };
            if header & 1 == 1 {
                break;
            }
        }
        if descriptor & 4 != 0 {
            contents.check = "XXH64";
            at += 4;
        }
        rest = rest.get(at..)?;
        contents.streams += 1;
    }
    Some(contents)
}

impl Packer {
    pub(super) fn list(&mut self, operands: &[OsString]) -> Outcome {
        if self.tool == Tool::Bzip2 || operands.is_empty() {
            return Err(fail("--list does not support reading from standard input"));
        }
        let mut lines = Vec::new();
        let mut sum = Contents {
            plain: Some(0),
            ..Contents::default()
        };
        let mut files = 0;
        for operand in operands {
            let shown = Path::new(operand).display().to_string();
            let file = match fs::read(operand) {
                Ok(file) => file,
                Err(error) => {
                    let why = secure_exec_sys::errno::message(&error);
                    self.complain(1, format_args!("{shown}: {why}"));
                    continue;
                }
            };
            let found = match self.tool {
                Tool::Xz => xz_contents(&file),
                _ => zstd_contents(&file),
            };
            let Some(found) = found else {
                let text = match self.tool {
                    Tool::Xz => format!("{shown}: File format not recognized"),
                    _ => format!("File \"{shown}\" not compressed by zstd "),
                };
                self.complain(1, text);
                continue;
            };
            files += 1;
            sum.streams += found.streams;
            sum.blocks += found.blocks;
            sum.skipped += found.skipped;
            sum.compressed += found.compressed;
            sum.plain = sum.plain.zip(found.plain).map(|(sum, more)| sum + more);
            sum.check = if files == 1 || sum.check == found.check {
                found.check
            } else {
                "---"
            };
            if self.robot {
                lines.push(format!("name\t{shown}"));
                lines.push(format!("file\t{}", robot_fields(&found)));
            } else {
                lines.push(self.line(&found, &shown));
            }
        }
        if self.robot {
            lines.push(format!("totals\t{}\t{files}", robot_fields(&sum)));
        } else if files > 0 {
            let title = match self.tool {
                Tool::Xz => "Strms  Blocks   Compressed Uncompressed  Ratio  Check   Filename",
                _ => "Frames  Skips  Compressed  Uncompressed  Ratio  Check  Filename",
            };
            lines.insert(0, title.to_owned());
            if files > 1 {
                lines.push(match self.tool {
                    Tool::Xz => "-".repeat(79),
                    _ => format!("{} ", "-".repeat(65)),
                });
                lines.push(self.line(&sum, &format!("{files} files")));
            }
        }
        let mut out = io::stdout().lock();
        for line in lines {
            writeln!(out, "{line}")?;
        }
        Ok(self.status)
    }

    fn line(&self, found: &Contents, shown: &str) -> String {
        let plain = found.plain.unwrap_or(0);
        if self.tool == Tool::Xz {
            return format!(
                "{:5} {:7}  {:>11}  {:>11}  {:>5}  {:<7} {shown}",
                found.streams,
                found.blocks,
                xz_size(found.compressed),
                xz_size(plain),
                ratio(found.compressed, plain),
                found.check
            );
        }
        let head = format!(
            "{:6}  {:5}  {:>10}",
            found.streams,
            found.skipped,
            human(found.compressed)
        );
        let check = found.check;
        match found.plain {
            Some(plain) => format!(
                "{head}  {:>12}  {:5.3}  {check:>5}  {shown}",
                human(plain),
                plain as f64 / found.compressed.max(1) as f64
            ),
            None => format!("{head}  {:12}  {:5}  {check:>5}  {shown}", "", ""),
        }
    }

    /// `f.xz: 560 B / 3893 B = 0.144`.
    pub(super) fn say_ratio(&self, shown: &str, sizes: Sizes) {
        let (packed, plain) = (sizes.read, sizes.written);
        let ratio = ratio(packed, plain);
        eprintln!(
            "{shown}: {} / {} = {ratio}",
            xz_size(packed),
            xz_size(plain)
        );
    }

    pub(super) fn say_packed(&self, shown: &str, target: &Path, sizes: Sizes) {
        if self.several {
            return;
        }
        let percent = 100.0 * sizes.written as f64 / sizes.read.max(1) as f64;
        let (plain, packed) = (human(sizes.read), human(sizes.written));
        let target = target.display();
        eprintln!("{shown:<20.20} :{percent:6.2}%   ({plain:>10} => {packed:>10}, {target}) ");
    }

    pub(super) fn say_restored(&self, shown: &str, sizes: Sizes) {
        if !self.several {
            eprintln!("{shown:<20.20}: {} bytes ", sizes.written);
        }
    }

    /// What zstd says of several files at the end.
    pub(super) fn summary(&self, operands: usize) {
        let Totals {
            read,
            written,
            files,
        } = self.totals;
        if self.tool != Tool::Zstd || operands < 2 || files == 0 || self.quiet > 0 {
            return;
        }
        if self.action == super::Action::Compress {
            let percent = 100.0 * written as f64 / read.max(1) as f64;
            let (plain, packed) = (human(read), human(written));
            eprintln!("{files:3} files compressed : {percent:.2}% ({plain:>10} => {packed:>10})");
        } else {
            eprintln!("{files} files decompressed : {written:6} bytes total ");
        }
    }
}

fn robot_fields(found: &Contents) -> String {
    let plain = found.plain.unwrap_or(0);
    let ratio = ratio(found.compressed, plain);
    format!(
        "{}\t{}\t{}\t{plain}\t{ratio}\t{}\t0",
        found.streams, found.blocks, found.compressed, found.check
    )
}
