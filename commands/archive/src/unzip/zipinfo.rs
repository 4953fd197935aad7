//! `zipinfo` and `unzip -Z`: what the directory of an archive says.

use super::{BAD_OPTION, Opened, Selection, WARNING, each_archive, no_archive, write_comment};
use crate::moment::Moment;
use crate::zipfile::{Archive, Entry, method};
use secure_exec_cli::{Args, Failure, Outcome, bytes};
use secure_exec_sys::stat::{S_IFMT, mode_string};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Names,
    Short,
    Medium,
    Long,
}

#[derive(Default)]
struct Options {
    form: Option<Form>,
    archive: Vec<u8>,
    wanted: Vec<Vec<u8>>,
    excluded: Vec<Vec<u8>>,
    header: bool,
    totals: bool,
    comment: bool,
    decimal: bool,
    ignores_case: bool,
    names_only: bool,
}

const USAGE: &str = "List name, date/time, attribute, size, compression method, etc., about files
in list (excluding those in xlist) contained in the specified .zip archive(s).
\"file[.zip]\" may be a wildcard name containing *, ?, [] (e.g., \"[a-j]*.zip\").

   usage:  zipinfo [-12smlChMtTz] file[.zip] [list...] [-x xlist...]
      or:  unzip -Z [-12smlChMtTz] file[.zip] [list...] [-x xlist...]

main listing-format options:             -s  short Unix \"ls -l\" format (def.)
  -1  filenames ONLY, one per line       -m  medium Unix \"ls -l\" format
  -2  just filenames but allow -h/-t/-z  -l  long Unix \"ls -l\" format
miscellaneous options:
  -h  print header line       -t  print totals for listed files or for all
  -z  print zipfile comment   -T  print file times in sortable decimal format
  -C  be case-insensitive     -x  exclude filenames that follow from listing";

impl Options {
    fn parse(args: &Args) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut excludes = false;
        let mut is_member = false;
        for word in &args.list {
            let word = bytes(word);
            if word == b"-x" {
                excludes = true;
            } else if excludes && is_member {
                options.excluded.push(word.to_vec());
            } else if !is_member && word.len() > 1 && word[0] == b'-' {
                for letter in &word[1..] {
                    options.letter(*letter)?;
                }
            } else if is_member {
                options.wanted.push(word.to_vec());
            } else {
                options.archive = word.to_vec();
                is_member = true;
            }
        }
        if !is_member {
            println!("{USAGE}");
            return Err(Failure::silent(0));
        }
        Ok(options)
    }

    fn letter(&mut self, letter: u8) -> Result<(), Failure> {
        match letter {
            b'1' => {
                self.form = Some(Form::Names);
                self.names_only = true;
            }
            b'2' => self.form = Some(Form::Names),
            b's' => self.form = Some(Form::Short),
            b'm' => self.form = Some(Form::Medium),
            b'l' => self.form = Some(Form::Long),
            b'h' => self.header = true,
            b't' => self.totals = true,
            b'z' => self.comment = true,
            b'T' => self.decimal = true,
            b'C' => self.ignores_case = true,
            // No pager; names are UTF-8.
            b'M' | b'U' => {}
            b'v' => {
                return Err(Failure {
                    status: BAD_OPTION,
                    message: "the verbose format (-v) is not supported".to_owned(),
                });
            }
            _ => {
                eprintln!("{USAGE}");
                return Err(Failure {
                    status: BAD_OPTION,
                    message: format!("invalid option -- '{}'", char::from(letter)),
                });
            }
        }
        Ok(())
    }
}

pub fn main(args: Args) -> Outcome {
    let options = Options::parse(&args)?;
    each_archive(&args.name, &options.archive, |path, opened, first| {
        show(&args.name, &options, path, opened, first)
    })
}

/// How much smaller compression made it, in thousandths.
pub fn ratio(size: u64, packed: u64) -> i64 {
    let (size, packed) = (i128::from(size), i128::from(packed));
    if size == 0 {
        return 0;
    }
    let saved = size - packed;
    let rounded = (1000 * saved.abs() + size / 2) / size;
    i64::try_from(rounded * saved.signum()).unwrap_or(0)
}

fn show(program: &str, options: &Options, path: &Path, opened: Opened, first: bool) -> Outcome {
    let selective = !options.wanted.is_empty() || !options.excluded.is_empty();
    // Only all of an archive has a header and totals without being asked.
    let plain = options.form.is_none() && !options.header && !options.totals;
    let full = plain && !selective
        || options.form.is_some_and(|form| form != Form::Names)
            && !selective
            && !options.header
            && !options.totals;
    let header = (full || options.header) && !options.names_only;
    let totals = (full || options.totals) && !options.names_only;
    let lines = plain || options.form.is_some();
    if !first && header {
        println!();
    }
    if header {
        println!("Archive:  {}", path.display());
    }
    let archive = match opened {
        Ok(archive) => archive,
        Err(error) => {
            if !header {
                println!("Archive:  {}", path.display());
            }
            println!("[{}]", path.display());
            return Ok(no_archive(program, path, &error));
        }
    };
    if options.comment {
        write_comment(&archive.comment)?;
    }
    if header {
        println!(
            "Zip file size: {} bytes, number of entries: {}",
            archive.length,
            archive.entries.len()
        );
    }
    if archive.entries.is_empty() {
        println!("Empty zipfile.");
        return Ok(WARNING);
    }
    let mut selection = Selection::new(&options.wanted, &options.excluded, options.ignores_case);
    entries(options, &archive, &mut selection, lines, totals)?;
    if selection.tell_unused() {
        return Ok(super::NOT_FOUND);
    }
    Ok(0)
}

fn entries(
    options: &Options,
    archive: &Archive<File>,
    selection: &mut Selection,
    lines: bool,
    totals: bool,
) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout());
    let (mut count, mut size, mut packed) = (0, 0, 0);
    let form = options.form.unwrap_or(Form::Short);
    for entry in &archive.entries {
        if !selection.takes(entry) {
            continue;
        }
        count += 1;
        size += entry.size;
        packed += entry.packed;
        if !lines {
            continue;
        }
        if form != Form::Names {
            out.write_all(line(options, form, entry).as_bytes())?;
        }
        out.write_all(&entry.name)?;
        out.write_all(b"\n")?;
    }
    if totals {
        let saved = ratio(size, packed);
        let sign = if saved < 0 { "-" } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        writeln!(
            out,
            "{count} file{plural}, {size} bytes uncompressed, {packed} bytes compressed:  {sign}{}.{}%",
            saved.abs() / 10,
            saved.abs() % 10
        )?;
    }
    out.flush()?;
    Ok(())
}

fn attributes(entry: &Entry) -> String {
    if let Some(mode) = entry.mode() {
        let mut text = mode_string(mode);
        if mode & S_IFMT == 0 {
            text.replace_range(..1, "?");
        }
        return text;
    }
    let bits = entry.external;
    let flag = |bit: u32, letter: char| if bits & bit != 0 { letter } else { '-' };
    let ending = entry
        .name
        .rsplit(|&byte| byte == b'.')
        .next()
        .unwrap_or_default();
    let runs = matches!(
        ending.to_ascii_lowercase().as_slice(),
        b"exe" | b"com" | b"bat" | b"cmd" | b"btm"
    );
    format!(
        "{}r{}{}{}{}{}   ",
        flag(0x10, 'd'),
        if bits & 1 != 0 { '-' } else { 'w' },
        if runs || bits & 0x10 != 0 { 'x' } else { '-' },
        flag(0x20, 'a'),
        flag(2, 'h'),
        flag(4, 's')
    )
}

fn system(number: u8) -> &'static str {
    const SYSTEMS: [&str; 20] = [
        "fat", "ami", "vms", "unx", "cms", "ata", "hpf", "mac", "zzz", "cpm", "t20", "ntf", "qds",
        "aco", "vft", "mvs", "be ", "nsk", "ths", "osx",
    ];
    SYSTEMS.get(usize::from(number)).unwrap_or(&"???")
}

fn method_name(entry: &Entry) -> String {
    match entry.method {
        method::STORED => "stor".to_owned(),
        method::DEFLATED => {
            let how = [b'N', b'X', b'F', b'S'][usize::from(entry.flags >> 1 & 3)];
            format!("def{}", char::from(how))
        }
        9 => "d64N".to_owned(),
        method::BZIP2 => "bzp2".to_owned(),
        method::LZMA => "lzma".to_owned(),
        other => format!("u{other:03}"),
    }
}

fn line(options: &Options, form: Form, entry: &Entry) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let kind = match (entry.is_text(), entry.is_encrypted()) {
        (true, false) => 't',
        (true, true) => 'T',
        (false, false) => 'b',
        (false, true) => 'B',
    };
    let extra = match (entry.extra.is_empty(), entry.is_described()) {
        (true, false) => '-',
        (false, false) => 'x',
        (true, true) => 'l',
        (false, true) => 'X',
    };
    let middle = match form {
        Form::Medium => {
            let percent = super::list::percent(entry.size, entry.packed);
            format!("{percent:2}% ")
        }
        Form::Long => format!("{:8} ", entry.packed),
        _ => String::new(),
    };
    let time = Moment::from_seconds(entry.modified());
    let date = if options.decimal {
        format!(
            "{:04}{:02}{:02}.{:02}{:02}{:02}",
            time.year, time.month, time.day, time.hour, time.minute, time.second
        )
    } else {
        format!(
            "{:02}-{}-{:02} {:02}:{:02}",
            time.year.rem_euclid(100),
            MONTHS[usize::from(time.month).saturating_sub(1).min(11)],
            time.day,
            time.hour,
            time.minute
        )
    };
    format!(
        "{}  {}.{} {} {:8} {kind}{extra} {middle}{} {date} ",
        attributes(entry),
        entry.version / 10,
        entry.version % 10,
        system(entry.system),
        entry.size,
        method_name(entry)
    )
}

#[cfg(test)]
mod tests {
    use super::ratio;

    #[test]
    fn ratios_are_rounded() {
        assert_eq!(ratio(1892, 887), 531);
        assert_eq!(ratio(0, 2), 0);
        assert_eq!(ratio(4, 6), -500);
        assert_eq!(ratio(u64::MAX, 0), 1000);
    }
}
