//! `file`: what a file is, by its kind and how it begins, in the words of `file` 5.44.

mod archive;
mod characters;
mod data;
mod executable;
mod font;
mod language;
mod media;
mod script;
mod sound;
mod text;
mod unpack;

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, Read};

use secure_exec_cli::{
    Args, Failure, Outcome, Syntax, Zone, bytes, fail, flag, os_string, required,
};
use secure_exec_pattern::bytes_locale;
use secure_exec_sys::errno;
use secure_exec_sys::path::{R_OK, access, lstat, stat};
use secure_exec_sys::stat::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFSOCK};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('0', "print0"),
        flag('b', "brief"),
        flag('c', "checking-printout"),
        flag('C', "compile"),
        flag('d', "debug"),
        flag('E', "E"),
        required('e', "exclude"),
        required('\0', "exclude-quiet"),
        flag('\0', "extension"),
        required('f', "files-from"),
        required('F', "separator"),
        flag('h', "no-dereference"),
        flag('i', "mime"),
        flag('k', "keep-going"),
        flag('L', "dereference"),
        flag('l', "list"),
        required('m', "magic-file"),
        flag('\0', "mime-type"),
        flag('\0', "mime-encoding"),
        flag('n', "no-buffer"),
        flag('N', "no-pad"),
        flag('p', "preserve-date"),
        required('P', "parameter"),
        flag('r', "raw"),
        flag('s', "special-files"),
        flag('v', "v"),
        flag('z', "uncompress"),
        flag('Z', "uncompress-noreport"),
    ],
    usage: "[-bEhikLNnprsv0] [--mime-encoding] [--mime-type] [-F <separator>] [-f <namefile>] <file> ...",
    usage_status: 1,
    operand_ends: false,
};

/// What is known but not done: it is refused.
const REFUSED: &[&str] = &[
    "checking-printout",
    "compile",
    "debug",
    "extension",
    "list",
    "magic-file",
];

/// How much of a file is looked at, in bytes.
const LOOKED_AT: u64 = 7 << 20;

/// How much of a program or of a compressed file is, where its end tells something, too.
const LOOKED_AT_ALL: u64 = 64 << 20;

/// What is looked for (`-e` leaves some out).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tests {
    pub json: bool,
    pub csv: bool,
    /// What begins in a certain way, or has certain words.
    pub magic: bool,
    /// What characters a text is of.
    pub text: bool,
    /// More of ELF than its header has.
    pub elf: bool,
    pub tar: bool,
}

impl Tests {
    const ALL: Self = Self {
        json: true,
        csv: true,
        magic: true,
        text: true,
        elf: true,
        tar: true,
    };

    /// Leaves a test out; nothing if there is none of that name.
    fn exclude(&mut self, name: &str) -> Option<()> {
        match name {
            "json" => self.json = false,
            "csv" => self.csv = false,
            "soft" => self.magic = false,
            "text" | "ascii" => self.text = false,
            "elf" => self.elf = false,
            "tar" => self.tar = false,
            "apptype" | "cdf" | "compress" | "encoding" | "tokens" => {}
            _ => return None,
        }
        Some(())
    }
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    /// Empty: what all texts or all other contents have.
    pub media: String,
    pub charset: &'static str,
}

impl Answer {
    fn binary(text: impl Into<String>, media: &str) -> Self {
        Self {
            text: text.into(),
            media: media.to_owned(),
            charset: "binary",
        }
    }

    /// What could not be looked at has the same words for all questions.
    fn failed(text: String) -> Self {
        Self {
            media: text.clone(),
            text,
            charset: "",
        }
    }
}

/// How answers are found.
struct Options {
    tests: Tests,
    /// Bytes of a file.
    looked_at: u64,
    follows: bool,
    special: bool,
    /// What is in compressed files is looked at, and whether it is said that they are.
    unpacks: Option<Report>,
}

/// What is told of a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    Both,
    /// What is in it only (`-Z`).
    Content,
}

/// Which parts of an answer are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Text,
    Media,
    Charset,
    MediaAndCharset,
}

impl Wanted {
    fn of(self, answer: &Answer) -> String {
        match self {
            Self::Text => answer.text.clone(),
            // What could not be looked at has no characters.
            _ if answer.charset.is_empty() => answer.media.clone(),
            Self::Media => answer.media.clone(),
            Self::Charset => answer.charset.to_owned(),
            Self::MediaAndCharset => format!("{}; charset={}", answer.media, answer.charset),
        }
    }
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("v") {
        println!("file-5.44 (secure-exec {})", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    if let Some(name) = parsed.last_of(REFUSED) {
        return Err(fail(format!("option '{name}' is not supported")));
    }
    let mut tests = Tests::ALL;
    let mut looked_at = LOOKED_AT;
    for (option, value) in &parsed.options {
        let text = value.text();
        match *option {
            "exclude" if tests.exclude(&text).is_none() => return Ok(usage()),
            "exclude-quiet" => drop(tests.exclude(&text)),
            "parameter" => match text.split_once('=') {
                Some(("bytes", number)) => looked_at = number.parse().unwrap_or(looked_at),
                Some((name, _)) if PARAMETERS.contains(&name) => {}
                _ => return Ok(usage()),
            },
            _ => {}
        }
    }
    // Names of a list have columns of their own.
    let mut lists = Vec::new();
    for (_, value) in parsed
        .options
        .iter()
        .filter(|(name, _)| *name == "files-from")
    {
        lists.push(listed_names(&value.os())?);
    }
    if !parsed.operands.is_empty() {
        lists.push(parsed.operands.clone());
    }
    if lists.is_empty() {
        return Ok(usage());
    }
    let mime = parsed.has("mime");
    let wanted = match (
        mime || parsed.has("mime-type"),
        mime || parsed.has("mime-encoding"),
    ) {
        (false, false) => Wanted::Text,
        (true, false) => Wanted::Media,
        (false, true) => Wanted::Charset,
        (true, true) => Wanted::MediaAndCharset,
    };
    let options = Options {
        tests,
        looked_at,
        follows: match parsed.last_of(&["dereference", "no-dereference"]) {
            Some(name) => name == "dereference",
            None => std::env::var_os("POSIXLY_CORRECT").is_some(),
        },
        special: parsed.has("special-files"),
        unpacks: parsed
            .last_of(&["uncompress", "uncompress-noreport"])
            .map(|name| match name {
                "uncompress" => Report::Both,
                _ => Report::Content,
            }),
    };
    let mut lines = Lines {
        separator: parsed
            .value("separator")
            .map_or_else(|| ":".to_owned(), secure_exec_cli::Value::text),
        zeros: parsed
            .options
            .iter()
            .filter(|(name, _)| *name == "print0")
            .count(),
        raw: parsed.has("raw"),
        brief: parsed.has("brief"),
        width: 0,
    };
    let mut status = 0;
    for names in lists {
        let width = names
            .iter()
            .map(|name| lines.name(name).chars().count())
            .max();
        lines.width = width.filter(|_| !parsed.has("no-pad")).unwrap_or(0);
        for name in &names {
            match answer(name, &options, wanted) {
                Ok(answer) => lines.print(name, &answer),
                Err(message) if parsed.has("E") => {
                    status = 1;
                    let message = message.replace("cannot open", "ERROR: cannot stat");
                    lines.print(name, &message);
                }
                Err(message) => lines.print(name, &message),
            }
        }
    }
    Ok(status)
}

/// Names of `-P` that change nothing here.
const PARAMETERS: [&str; 7] = [
    "indir",
    "name",
    "elf_phnum",
    "elf_shnum",
    "elf_notes",
    "regex",
    "encoding",
];

fn usage() -> i32 {
    eprintln!("Usage: file {}", SYNTAX.usage);
    1
}

/// How answers are printed.
struct Lines {
    separator: String,
    /// A zero byte stands behind the name (1), and for all other ends as well (2).
    zeros: usize,
    raw: bool,
    brief: bool,
    /// Columns of the longest name.
    width: usize,
}

impl Lines {
    /// The name that an answer is under. What cannot be printed is written as in C.
    fn name(&self, name: &OsString) -> String {
        if name == "-" {
            return "/dev/stdin".to_owned();
        }
        if self.raw {
            return name.to_string_lossy().into_owned();
        }
        let by_bytes = bytes_locale();
        let mut shown = String::new();
        for chunk in bytes(name).utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() || by_bytes && !character.is_ascii() {
                    let mut place = [0; 4];
                    for byte in character.encode_utf8(&mut place).bytes() {
                        shown.push_str(&format!("\\{byte:03o}"));
                    }
                } else {
                    shown.push(character);
                }
            }
            for byte in chunk.invalid() {
                shown.push_str(&format!("\\{byte:03o}"));
            }
        }
        shown
    }

    fn print(&self, name: &OsString, answer: &str) {
        let shown = self.name(name);
        let padding = self.width.saturating_sub(shown.chars().count()) + 1;
        match (self.brief, self.zeros) {
            (true, 0..=1) => println!("{answer}"),
            (true, _) => print!("{answer}\0"),
            (false, 0) => println!("{shown}{}{:padding$}{answer}", self.separator, ""),
            (false, 1) => println!("{shown}\0{}{:padding$}{answer}", self.separator, ""),
            (false, _) => print!("{shown}\0{answer}\0"),
        }
    }
}

/// What is said of a file; an error is what is said where it could not be looked at.
fn answer(name: &OsString, options: &Options, wanted: Wanted) -> Result<String, String> {
    let (answer, content) = if name == "-" {
        by_reading(std::io::stdin(), None, options)
    } else {
        describe(name, options)?
    };
    let outer = wanted.of(&answer);
    let Some(report) = options.unpacks else {
        return Ok(outer);
    };
    let Some(inner) = unpack::unpacked(&content, options.looked_at) else {
        return Ok(outer);
    };
    let inner = wanted.of(&by_content(&inner, options.tests));
    Ok(match (report, wanted) {
        (Report::Both, Wanted::Text) => {
            // The length would have to be read from the end.
            let outer = outer
                .split(", original size modulo")
                .next()
                .unwrap_or_default();
            format!("{inner} ({outer})")
        }
        (Report::Both, Wanted::MediaAndCharset) => format!("{inner} compressed-encoding={outer}"),
        _ => inner,
    })
}

/// The names in a file of `-f`.
fn listed_names(list: &OsString) -> Result<Vec<OsString>, Failure> {
    let input: Box<dyn BufRead> = if list == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = File::open(list).map_err(|error| {
            fail(format!(
                "Cannot open `{}' ({})",
                list.to_string_lossy(),
                errno::message(&error)
            ))
        })?;
        Box::new(std::io::BufReader::new(file))
    };
    let lines: std::io::Result<Vec<Vec<u8>>> = input.split(b'\n').collect();
    Ok(lines?
        .into_iter()
        .filter(|line| !line.is_empty())
        .map(os_string)
        .collect())
}

/// Linux's major and minor number of a device.
fn device(number: u64) -> String {
    let major = (number >> 8 & 0xfff) | (number >> 32 & !0xfff);
    let minor = (number & 0xff) | (number >> 12 & 0xffff_ff00);
    format!("({major}/{minor})")
}

/// What a file is, and the content that tells.
///
/// # Errors
/// What is said where it is not there.
fn describe(name: &OsString, options: &Options) -> Result<(Answer, Vec<u8>), String> {
    let look = if options.follows { stat } else { lstat };
    let found = look(name).map_err(|error| {
        let why = errno::message(&error);
        format!("cannot open `{}' ({why})", name.to_string_lossy())
    })?;
    let device = device(found.rdev);
    let marks: Vec<&str> = [(0o4000, "setuid"), (0o2000, "setgid"), (0o1000, "sticky")]
        .into_iter()
        .filter_map(|(bit, word)| (found.permissions() & bit != 0).then_some(word))
        .collect();
    let marked = |text: &str| [marks.clone(), vec![text]].concat().join(", ");
    let answer = match found.kind() {
        S_IFDIR => Answer::binary(marked("directory"), "inode/directory"),
        S_IFLNK => link(name),
        S_IFIFO => Answer::binary("fifo (named pipe)", "inode/fifo"),
        S_IFSOCK => Answer::binary("socket", "inode/socket"),
        S_IFCHR if !options.special => {
            Answer::binary(format!("character special {device}"), "inode/chardevice")
        }
        S_IFBLK if !options.special => {
            Answer::binary(format!("block special {device}"), "inode/blockdevice")
        }
        _ if found.size == 0 && !options.special => {
            Answer::binary(marked("empty"), "inode/x-empty")
        }
        _ => {
            let (mut answer, content) = match File::open(name) {
                Ok(file) => by_reading(file, Some(found.size), options),
                Err(error) => (unreadable(name, &error), Vec::new()),
            };
            if !marks.is_empty() {
                let is_plain = answer.media == "text/plain" && answer.text.contains(" text");
                let between = if is_plain { " , " } else { " " };
                answer.text = format!("{}{between}{}", marks.join(", "), answer.text);
            }
            return Ok((answer, content));
        }
    };
    Ok((answer, Vec::new()))
}

fn link(name: &OsString) -> Answer {
    let target = std::fs::read_link(name).unwrap_or_default();
    let target = String::from_utf8_lossy(bytes(&target)).into_owned();
    if stat(name).is_ok() {
        return Answer::binary(format!("symbolic link to {target}"), "inode/symlink");
    }
    Answer {
        charset: "",
        ..Answer::binary(format!("broken symbolic link to {target}"), "inode/symlink")
    }
}

/// What begins like this, with what was read. `size` is that of the whole file, where it is known.
fn by_reading(mut file: impl Read, size: Option<u64>, options: &Options) -> (Answer, Vec<u8>) {
    let mut content = Vec::new();
    match (&mut file)
        .take(options.looked_at)
        .read_to_end(&mut content)
    {
        Ok(0) => return (Answer::binary("empty", "inode/x-empty"), content),
        Ok(_) => {}
        Err(error) => {
            let text = format!("ERROR: cannot read ({})", errno::message(&error));
            return (Answer::failed(text), Vec::new());
        }
    }
    if content.starts_with(b"\x7fELF") || content.starts_with(b"\x1f\x8b") && size.is_some() {
        let _ = file.take(LOOKED_AT_ALL).read_to_end(&mut content);
    }
    (by_content(&content, options.tests), content)
}

fn unreadable(name: &OsString, error: &std::io::Error) -> Answer {
    if access(name, R_OK).is_ok() {
        return Answer::failed(format!("ERROR: cannot open ({})", errno::message(error)));
    }
    let answer = Answer::binary(
        "regular file, no read permission",
        "application/octet-stream",
    );
    Answer {
        media: "regular file, no read permission".to_owned(),
        charset: "",
        ..answer
    }
}

/// What has this content.
fn by_content(content: &[u8], tests: Tests) -> Answer {
    let by_magic = || {
        let found = executable::recognize(content, tests)
            .or_else(|| archive::recognize(content))
            .or_else(|| media::recognize(content))
            .or_else(|| sound::recognize(content))
            .or_else(|| font::recognize(content))?;
        Some(Answer {
            charset: characters::charset(content),
            ..found
        })
    };
    let short = || (content.len() < 2).then(|| Answer::binary("very short file (no magic)", ""));
    let mut answer = short()
        .or_else(|| archive::tar(content).filter(|_| tests.tar))
        .or_else(|| text::recognize_data(content, tests))
        .or_else(|| tests.magic.then(by_magic).flatten())
        .or_else(|| text::recognize(content, tests))
        .unwrap_or_else(|| Answer::binary("data", ""));
    if answer.media.is_empty() {
        answer.media = match answer.charset {
            "binary" => "application/octet-stream",
            _ => "text/plain",
        }
        .to_owned();
    }
    answer
}

/// A time as `ctime(3)` writes it.
fn ctime(seconds: u64, zone: &Zone) -> String {
    let date = zone.date(i64::try_from(seconds).unwrap_or(0));
    let short = |name: &'static str| &name[..3];
    format!(
        "{} {} {:2} {:02}:{:02}:{:02} {}",
        short(date.weekday_name()),
        short(date.month_name()),
        date.day,
        date.hour,
        date.minute,
        date.second,
        date.year
    )
}

/// Numbers in the order that a format has them; 0 behind the end.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl<'a> Numbers<'a> {
    fn little(bytes: &'a [u8]) -> Self {
        Self { bytes, big: false }
    }

    fn big(bytes: &'a [u8]) -> Self {
        Self { bytes, big: true }
    }

    fn at(self, place: usize, length: usize) -> u64 {
        let field = place
            .checked_add(length)
            .and_then(|end| self.bytes.get(place..end))
            .unwrap_or_default();
        let add = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        if self.big {
            field.iter().fold(0, add)
        } else {
            field.iter().rev().fold(0, add)
        }
    }

    fn u16(self, place: usize) -> u64 {
        self.at(place, 2)
    }

    fn u32(self, place: usize) -> u64 {
        self.at(place, 4)
    }
}
