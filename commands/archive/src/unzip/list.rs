//! The tables of `unzip -l` and `-v`.

use super::Selection;
use super::options::{Action, Options};
use crate::moment::Moment;
use crate::zipfile::{Archive, Entry, method};
use secure_exec_cli::Outcome;
use std::fs::File;
use std::io::{self, Write};

/// How much smaller compression made it, in percent, rounded to the nearest.
pub fn percent(size: u64, packed: u64) -> i64 {
    let thousandths = super::zipinfo::ratio(size, packed);
    (thousandths.abs() + 5) / 10 * thousandths.signum()
}

fn method_name(entry: &Entry) -> String {
    match entry.method {
        method::STORED => "Stored".to_owned(),
        method::DEFLATED => {
            let how = [b'N', b'X', b'F', b'S'][usize::from(entry.flags >> 1 & 3)];
            format!("Defl:{}", char::from(how))
        }
        9 => "Def64#".to_owned(),
        method::BZIP2 => "BZip2".to_owned(),
        method::LZMA => "LZMA".to_owned(),
        other => format!("Unk:{other:03}"),
    }
}

pub fn list(options: &Options, archive: &Archive<File>, selection: &mut Selection) -> Outcome {
    let verbose = options.action == Action::Verbose;
    let heads = options.quiet < 2;
    let mut out = io::BufWriter::new(io::stdout());
    if verbose && heads {
        writeln!(
            out,
            " Length   Method    Size  Cmpr    Date    Time   CRC-32   Name
--------  ------  ------- ---- ---------- ----- --------  ----"
        )?;
    } else if heads {
        writeln!(
            out,
            "  Length      Date    Time    Name\n---------  ---------- -----   ----"
        )?;
    }
    let (mut count, mut total, mut packed) = (0, 0, 0);
    for entry in &archive.entries {
        if !selection.takes(entry) {
            continue;
        }
        count += 1;
        total += entry.size;
        packed += entry.packed;
        let time = Moment::from_seconds(entry.modified()).minute_text();
        if verbose {
            write!(
                out,
                "{:8}  {:6} {:8} {:3}% {time} {:08x}  ",
                entry.size,
                method_name(entry),
                entry.packed,
                percent(entry.size, entry.packed),
                entry.crc
            )?;
        } else {
            write!(out, "{:9}  {time}   ", entry.size)?;
        }
        out.write_all(&entry.name)?;
        out.write_all(b"\n")?;
    }
    let plural = if count == 1 { "file" } else { "files" };
    if verbose && heads {
        let percent = percent(total, packed);
        writeln!(
            out,
            "--------          -------  ---                            -------
{total:8}         {packed:8} {percent:3}%                            {count} {plural}"
        )?;
    } else if heads {
        writeln!(
            out,
            "---------                     -------\n{total:9}                     {count} {plural}"
        )?;
    }
    out.flush()?;
    Ok(0)
}
