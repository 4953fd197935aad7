//! `md5sum -c` and its kin. Names are printed as they are, as GNU's do; uutils prints those with blanks in quotes, and who reads the
//! list of what has failed finds no such file.

mod line;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use secure_exec_cli::{
    Args, Parsed, Syntax, bytes, finish, flag, path, required, shell_escape, warn,
};
use secure_exec_sys::errno;
use uucore::checksum::{AlgoKind, ReadingMode, digest_reader};

use line::{Form, Layout, Line};

const SYNTAX: Syntax = Syntax {
    options: &[
        required('a', "algorithm"),
        flag('\0', "base64"),
        flag('b', "binary"),
        flag('c', "check"),
        flag('\0', "debug"),
        flag('\0', "ignore-missing"),
        required('l', "length"),
        flag('\0', "quiet"),
        flag('\0', "raw"),
        flag('\0', "status"),
        flag('\0', "strict"),
        flag('\0', "tag"),
        flag('t', "text"),
        flag('\0', "untagged"),
        flag('w', "warn"),
        flag('z', "zero"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

/// Algorithms that write no digests.
const NOT_CHECKED: &[&str] = &["bsd", "crc", "crc32b", "sysv"];

/// How a list is checked.
struct Check<'a> {
    args: &'a Args,
    form: Form,
    /// The last of `--quiet`, `--status` and `--warn`.
    voice: Option<&'static str>,
    is_strict: bool,
    ignores_missing: bool,
}

/// What has become of the lines of a list.
#[derive(Default)]
struct Counts {
    proper: u64,
    improper: u64,
    unread: u64,
    different: u64,
    same: u64,
}

/// Runs the command with `-c`; `None`: that was not asked for, or uutils has to say what is wrong with the command line.
pub fn check(name: &str, list: &[OsString]) -> Option<i32> {
    if name != "cksum" && AlgoKind::from_bin_name(name).is_err() {
        return None;
    }
    let args = Args::new(name, list.to_vec());
    let parsed = SYNTAX.parse(&args).ok()?;
    if !parsed.has("check") || ["raw", "tag", "zero"].iter().any(|wrong| parsed.has(wrong)) {
        return None;
    }
    let algorithm = algorithm(name, &parsed)?;
    let check = Check {
        args: &args,
        form: Form {
            algorithm,
            has_base64: name == "cksum",
        },
        voice: parsed.last_of(&["quiet", "status", "warn"]),
        is_strict: parsed.has("strict"),
        ignores_missing: parsed.has("ignore-missing"),
    };
    let standard_input = [OsString::from("-")];
    let lists = if parsed.operands.is_empty() {
        &standard_input[..]
    } else {
        &parsed.operands
    };
    let mut is_good = true;
    for list in lists {
        match check.list(list) {
            Ok(is_list_good) => is_good &= is_list_good,
            Err(error) => return Some(finish(name, Err(error.into()))),
        }
    }
    Some(finish(name, Ok(i32::from(!is_good))))
}

/// The algorithm of lines that name none. Outer `None`: the command line is for uutils.
#[allow(clippy::option_option, reason = "no algorithm is an answer")]
fn algorithm(name: &str, parsed: &Parsed) -> Option<Option<AlgoKind>> {
    if name != "cksum" {
        let has_others = ["algorithm", "base64", "debug", "untagged"];
        let is_own = !has_others.iter().any(|other| parsed.has(other));
        return (is_own && (name == "b2sum" || !parsed.has("length")))
            .then(|| AlgoKind::from_bin_name(name).ok());
    }
    let Some(value) = parsed.value("algorithm") else {
        return Some(None);
    };
    let text = value.text();
    if NOT_CHECKED.contains(&&*text) {
        return None;
    }
    Some(Some(AlgoKind::from_cksum(text).ok()?))
}

impl Check<'_> {
    /// Checks a list. Whether all is well.
    ///
    /// # Errors
    /// Standard output cannot be written.
    fn list(&self, list: &OsString) -> io::Result<bool> {
        let name = &self.args.name;
        let is_input = list == "-";
        let shown = if is_input {
            "'standard input'".to_owned()
        } else {
            shell_escape(bytes(list), false)
        };
        let file = match open(bytes(list)) {
            Ok(file) => file,
            Err(error) => {
                // GNU's opens a directory, and cannot read it.
                let why = match error.raw_os_error() {
                    Some(libc::EISDIR) => "read error".to_owned(),
                    _ => errno::message(&error),
                };
                warn(name, format_args!("{shown}: {why}"));
                return Ok(false);
            }
        };
        let mut counts = Counts::default();
        let mut layout = Layout::Unknown;
        let mut lines = BufReader::new(file);
        let mut text = Vec::new();
        for number in 1_u64.. {
            text.clear();
            match lines.read_until(b'\n', &mut text) {
                Ok(0) => break,
                Ok(_) => {}
                Err(_) => {
                    warn(name, format_args!("{shown}: read error"));
                    return Ok(false);
                }
            }
            for end in [b'\n', b'\r'] {
                if text.last() == Some(&end) {
                    text.pop();
                }
            }
            if text.is_empty() || text[0] == b'#' {
                continue;
            }
            let parsed = line::parse(&text, self.form, &mut layout);
            match parsed.filter(|line| !is_input || line.name != b"-") {
                Some(line) => self.line(&line, &mut counts)?,
                None => {
                    counts.improper += 1;
                    if self.voice == Some("warn") {
                        let kind = self.form.algorithm.map_or("CRC", AlgoKind::to_uppercase);
                        let what = format_args!("improperly formatted {kind} checksum line");
                        warn(name, format_args!("{shown}: {number}: {what}"));
                    }
                }
            }
        }
        io::stdout().flush()?;
        self.tell(&shown, &counts);
        Ok(counts.proper > 0
            && counts.same > 0
            && counts.different + counts.unread == 0
            && (!self.is_strict || counts.improper == 0))
    }

    fn line(&self, line: &Line, counts: &mut Counts) -> io::Result<()> {
        counts.proper += 1;
        let digest = open(&line.name).and_then(|mut file| {
            let mut digest = line.algorithm.create_digest();
            digest_reader(&mut digest, &mut file, ReadingMode::Binary)
        });
        let verdict = match digest {
            Err(error) if self.ignores_missing && error.kind() == io::ErrorKind::NotFound => {
                return Ok(());
            }
            Err(error) => {
                let shown = shell_escape(&line.name, false);
                let why = errno::message(&error);
                warn(&self.args.name, format_args!("{shown}: {why}"));
                counts.unread += 1;
                "FAILED open or read"
            }
            Ok((digest, _)) => {
                let is_hex = digest
                    .to_hex()
                    .is_ok_and(|sum| sum.eq_ignore_ascii_case(&line.sum));
                if is_hex || digest.to_base64().is_ok_and(|sum| sum == line.sum) {
                    counts.same += 1;
                    if self.voice == Some("quiet") {
                        return Ok(());
                    }
                    "OK"
                } else {
                    counts.different += 1;
                    "FAILED"
                }
            }
        };
        if self.voice == Some("status") {
            return Ok(());
        }
        let mut shown = printed(&line.name);
        shown.extend_from_slice(format!(": {verdict}\n").as_bytes());
        io::stdout().write_all(&shown)
    }

    /// What there is to say of a whole list.
    fn tell(&self, shown: &str, counts: &Counts) {
        let name = &self.args.name;
        if counts.proper == 0 {
            let what = "no properly formatted checksum lines found";
            warn(name, format_args!("{shown}: {what}"));
            return;
        }
        if self.voice == Some("status") {
            return;
        }
        let warnings = [
            (
                counts.improper,
                "line is improperly formatted",
                "lines are improperly formatted",
            ),
            (
                counts.unread,
                "listed file could not be read",
                "listed files could not be read",
            ),
            (
                counts.different,
                "computed checksum did NOT match",
                "computed checksums did NOT match",
            ),
        ];
        for (count, one, many) in warnings {
            if count > 0 {
                let what = if count == 1 { one } else { many };
                warn(name, format_args!("WARNING: {count} {what}"));
            }
        }
        if self.ignores_missing && counts.same == 0 {
            warn(name, format_args!("{shown}: no file was verified"));
        }
    }
}

/// A file by its name; `-` is standard input.
fn open(name: &[u8]) -> io::Result<Box<dyn Read>> {
    if name == b"-" {
        return Ok(Box::new(io::stdin()));
    }
    let name = path(name);
    let file = File::open::<&Path>(&name)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::EISDIR));
    }
    Ok(Box::new(file))
}

/// A name on a line of its own: one that has several is escaped, behind a backslash.
fn printed(name: &[u8]) -> Vec<u8> {
    if !name.contains(&b'\n') {
        return name.to_vec();
    }
    let mut shown = vec![b'\\'];
    for byte in name {
        match byte {
            b'\n' => shown.extend_from_slice(b"\\n"),
            b'\\' => shown.extend_from_slice(b"\\\\"),
            byte => shown.push(*byte),
        }
    }
    shown
}
