//! zip's command line: options of one letter and of two, long ones, and lists of patterns that end at the next option.

use secure_exec_cli::{Args, Failure, bytes, os_string};
use std::path::PathBuf;

pub const BAD_OPTION: i32 = 16;

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    /// All words until the next option or `@`.
    List,
}

use Takes::{List, Nothing, Value};

/// Short name, long name, and what follows. Names of two letters come first where they begin with one of the others.
const OPTIONS: &[(&str, &str, Takes)] = &[
    ("db", "display-bytes", Nothing),
    ("dc", "display-counts", Nothing),
    ("dd", "display-dots", Nothing),
    ("dg", "display-globaldots", Nothing),
    ("du", "display-usize", Nothing),
    ("dv", "display-volume", Nothing),
    ("FF", "fixfix", Nothing),
    ("FI", "fifo", Nothing),
    ("FS", "filesync", Nothing),
    ("ll", "from-crlf", Nothing),
    ("la", "log-append", Nothing),
    ("lf", "logfile-path", Value),
    ("li", "log-info", Nothing),
    ("MM", "must-match", Nothing),
    ("nw", "no-wild", Nothing),
    ("sb", "split-bell", Nothing),
    ("sc", "show-command", Nothing),
    ("sf", "show-files", Nothing),
    ("so", "show-options", Nothing),
    ("sp", "split-pause", Nothing),
    ("sv", "split-verbose", Nothing),
    ("tt", "before-date", Value),
    ("TT", "unzip-command", Value),
    ("UN", "unicode", Value),
    ("ws", "wild-stop-dirs", Nothing),
    ("A", "adjust-sfx", Nothing),
    ("b", "temp-path", Value),
    ("c", "entry-comments", Nothing),
    ("d", "delete", Nothing),
    ("D", "no-dir-entries", Nothing),
    ("e", "encrypt", Nothing),
    ("f", "freshen", Nothing),
    ("F", "fix", Nothing),
    ("g", "grow", Nothing),
    ("h", "help", Nothing),
    ("i", "include", List),
    ("j", "junk-paths", Nothing),
    ("J", "junk-sfx", Nothing),
    ("k", "DOS-names", Nothing),
    ("l", "to-crlf", Nothing),
    ("L", "license", Nothing),
    ("m", "move", Nothing),
    ("n", "suffixes", Value),
    ("o", "latest-time", Nothing),
    ("O", "output-file", Value),
    ("p", "paths", Nothing),
    ("P", "password", Value),
    ("q", "quiet", Nothing),
    ("r", "recurse-paths", Nothing),
    ("R", "recurse-patterns", Nothing),
    ("s", "split-size", Value),
    ("S", "system-hidden", Nothing),
    ("t", "from-date", Value),
    ("T", "test", Nothing),
    ("u", "update", Nothing),
    ("U", "copy-entries", Nothing),
    ("v", "verbose", Nothing),
    ("V", "VMS-portable", Nothing),
    ("w", "VMS-versions", Nothing),
    ("x", "exclude", List),
    ("X", "strip-extra", Nothing),
    ("y", "symlinks", Nothing),
    ("z", "archive-comment", Nothing),
    ("Z", "compression-method", Value),
    ("@", "names-stdin", Nothing),
    ("0", "store", Nothing),
    ("1", "compress-1", Nothing),
    ("2", "compress-2", Nothing),
    ("3", "compress-3", Nothing),
    ("4", "compress-4", Nothing),
    ("5", "compress-5", Nothing),
    ("6", "compress-6", Nothing),
    ("7", "compress-7", Nothing),
    ("8", "compress-8", Nothing),
    ("9", "compress-9", Nothing),
    ("", "out", Value),
    ("", "version", Nothing),
    ("", "no-extra", Nothing),
];

/// What is not done, and why.
const REFUSED: &[(&str, &str)] = &[
    ("e", "encryption not supported"),
    ("P", "encryption not supported"),
    ("s", "split archives not supported"),
    ("F", "fixing not supported"),
    ("FF", "fixing not supported"),
    ("A", "self-extracting archives not supported"),
    ("J", "self-extracting archives not supported"),
    ("k", "DOS names not supported"),
    ("lf", "logs not supported"),
];

/// The mode of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Add,
    Update,
    Freshen,
    /// As the files are, also where they are gone.
    Sync,
    Delete,
    /// Takes members of the archive over into another.
    Copy,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of zip")]
pub struct Options {
    pub action: Action,
    /// Nothing for standard output.
    pub archive: Option<PathBuf>,
    /// `-O`.
    pub output: Option<PathBuf>,
    pub names: Vec<Vec<u8>>,
    pub include: Vec<Vec<u8>>,
    pub exclude: Vec<Vec<u8>>,
    /// Endings of files that are only stored.
    pub suffixes: Vec<Vec<u8>>,
    pub level: u32,
    pub bzip2: bool,
    /// As year, month, day: files from that day on, and before it.
    pub from: Option<i64>,
    pub before: Option<i64>,
    pub recurse: bool,
    pub recurse_patterns: bool,
    pub quiet: bool,
    pub verbose: bool,
    pub junk: bool,
    pub moves: bool,
    pub symlinks: bool,
    pub fifos: bool,
    pub no_directories: bool,
    pub no_extra: bool,
    pub latest: bool,
    pub test: bool,
    pub to_crlf: bool,
    pub from_crlf: bool,
    pub archive_comment: bool,
    pub entry_comments: bool,
    pub show_files: bool,
    pub must_match: bool,
}

/// A wrong command line.
pub fn wrong(text: &str) -> Failure {
    println!("\nzip error: Invalid command arguments ({text})");
    Failure::silent(BAD_OPTION)
}

#[derive(Default)]
struct Words {
    given: Vec<(&'static str, Vec<u8>)>,
    lists: Vec<(&'static str, Vec<u8>)>,
    operands: Vec<Vec<u8>>,
}

impl Words {
    fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    fn value(&self, name: &str) -> Option<&[u8]> {
        self.given
            .iter()
            .rev()
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value.as_slice())
    }

    fn list(&self, name: &str) -> Vec<Vec<u8>> {
        self.lists
            .iter()
            .filter(|(given, _)| *given == name)
            .map(|(_, word)| word.clone())
            .collect()
    }
}

type Rest = std::iter::Peekable<std::vec::IntoIter<Vec<u8>>>;

/// The name under which an option is kept.
fn key(short: &'static str, long: &'static str) -> &'static str {
    match (short, long) {
        ("", "out") => "O",
        ("", "no-extra") => "X",
        ("", long) => long,
        (short, _) => short,
    }
}

fn take(
    words: &mut Words,
    name: &'static str,
    takes: Takes,
    attached: &[u8],
    rest: &mut Rest,
) -> Result<(), Failure> {
    match takes {
        Nothing => words.given.push((name, Vec::new())),
        Value if !attached.is_empty() => words.given.push((name, attached.to_vec())),
        Value => {
            let value = rest
                .next()
                .ok_or_else(|| wrong(&format!("option '{name}' requires a value")))?;
            words.given.push((name, value));
        }
        List => {
            if !attached.is_empty() {
                words.add_patterns(name, attached.to_vec())?;
                return Ok(());
            }
            while let Some(word) = rest.next_if(|word| word.len() < 2 || word[0] != b'-') {
                if word == b"@" {
                    break;
                }
                words.add_patterns(name, word)?;
            }
        }
    }
    Ok(())
}

impl Words {
    /// A pattern, or `@FILE` with many.
    fn add_patterns(&mut self, name: &'static str, word: Vec<u8>) -> Result<(), Failure> {
        match word.strip_prefix(b"@") {
            Some(file) if !file.is_empty() => {
                let path = PathBuf::from(os_string(file));
                let text = std::fs::read(&path)
                    .map_err(|_| wrong(&format!("could not open {}", path.display())))?;
                self.lists.extend(
                    text.split(|&byte| byte == b'\n')
                        .filter(|line| !line.is_empty())
                        .map(|line| (name, line.to_vec())),
                );
            }
            _ => self.lists.push((name, word)),
        }
        Ok(())
    }
}

fn words(args: &Args) -> Result<Words, Failure> {
    let list: Vec<Vec<u8>> = args.list.iter().map(|word| bytes(word).to_vec()).collect();
    let mut rest = list.into_iter().peekable();
    let mut words = Words::default();
    while let Some(word) = rest.next() {
        if word == b"--" {
            words.operands.extend(rest.by_ref());
        } else if let Some(long) = word.strip_prefix(b"--") {
            let text = String::from_utf8_lossy(long).into_owned();
            let (name, attached) = text.split_once('=').unwrap_or((&text, ""));
            let exact = OPTIONS.iter().find(|(_, each, _)| *each == name);
            let mut begun = OPTIONS.iter().filter(|(_, each, _)| each.starts_with(name));
            let option = exact.or_else(|| begun.next().filter(|_| begun.next().is_none()));
            let Some(&(short, long, takes)) = option else {
                return Err(wrong(&format!("long option '{name}' not supported")));
            };
            take(
                &mut words,
                key(short, long),
                takes,
                attached.as_bytes(),
                &mut rest,
            )?;
        } else if word.len() > 1 && word[0] == b'-' {
            let mut letters = &word[1..];
            while !letters.is_empty() {
                let found = OPTIONS.iter().find(|(short, _, _)| {
                    !short.is_empty() && letters.starts_with(short.as_bytes())
                });
                let Some(&(short, long, takes)) = found else {
                    let letter = char::from(letters[0]);
                    return Err(wrong(&format!("short option '{letter}' not supported")));
                };
                letters = &letters[short.len()..];
                let attached = letters.strip_prefix(b"=").unwrap_or(letters);
                take(&mut words, key(short, long), takes, attached, &mut rest)?;
                if takes != Nothing {
                    break;
                }
            }
        } else {
            words.operands.push(word);
        }
    }
    Ok(words)
}

/// `mmddyyyy` or `yyyy-mm-dd`, as seconds since 1970.
fn day(text: Option<&[u8]>) -> Result<Option<i64>, Failure> {
    let Some(text) = text.map(String::from_utf8_lossy) else {
        return Ok(None);
    };
    let number =
        |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<i64>().ok());
    let parts = if text.len() == 8 {
        (number(4, 8), number(0, 2), number(2, 4))
    } else {
        (number(0, 4), number(5, 7), number(8, 10))
    };
    match parts {
        (Some(year), Some(month @ 1..=12), Some(day @ 1..=31)) if text.len() <= 10 => {
            let small = |number: i64| u8::try_from(number).unwrap_or(1);
            let moment = crate::moment::Moment {
                year,
                month: small(month),
                day: small(day),
                hour: 0,
                minute: 0,
                second: 0,
            };
            Ok(Some(moment.seconds()))
        }
        _ => Err(wrong(
            "invalid date entered for -t or -tt option - use mmddyyyy or yyyy-mm-dd",
        )),
    }
}

const USAGE: &str = "zip [-options] [-b path] [-t mmddyyyy] [-n suffixes] [zipfile list] [-xi list]
  -f freshen, -u update, -d delete, -m move into the archive, -FS as the files are, -r into directories, -R patterns
  -j no directories, -D no entries for directories, -y links as links, -X no extra fields, -0 to -9 how well, -Z bzip2
  -x and -i patterns, -@ names from standard input, -l and -ll ends of lines, -c and -z comments, -T test, -sf show
  -O another archive for the result, -q quiet, -v more words, -t and -tt dates, -n endings that are stored";

impl Options {
    pub fn parse(args: &Args) -> Result<Self, Failure> {
        let words = words(args)?;
        if words.has("h") || args.list.is_empty() {
            println!("Usage:\n{USAGE}");
            return Err(Failure::silent(if words.has("h") { 0 } else { BAD_OPTION }));
        }
        if words.has("version") || words.has("L") || args.list == ["-v"] {
            println!("zip (secure-exec) {}", env!("CARGO_PKG_VERSION"));
            return Err(Failure::silent(0));
        }
        if let Some((_, why)) = REFUSED.iter().find(|(name, _)| words.has(name)) {
            return Err(wrong(why));
        }
        let action = [
            ("d", Action::Delete),
            ("f", Action::Freshen),
            ("u", Action::Update),
            ("FS", Action::Sync),
            ("U", Action::Copy),
        ]
        .into_iter()
        .find(|(name, _)| words.has(name))
        .map_or(Action::Add, |(_, action)| action);
        let mut level = 6;
        for (name, _) in &words.given {
            level = name.parse().unwrap_or(level);
        }
        let mut bzip2 = false;
        match words.value("Z").map(String::from_utf8_lossy).as_deref() {
            None | Some("deflate") => {}
            Some("store") => level = 0,
            Some("bzip2") => bzip2 = true,
            Some(_) => return Err(wrong("Option -Z: unknown compression method")),
        }
        let mut operands = words.operands.iter().cloned();
        let archive = operands.next();
        if words.has("@") && archive.is_none() {
            return Err(wrong("no zip file name specified"));
        }
        if archive.is_none() && !words.lists.is_empty() {
            return Err(wrong("nothing to select from"));
        }
        let archive = archive.unwrap_or_else(|| b"-".to_vec());
        let path = (archive != b"-").then(|| with_ending(&archive));
        let output = words.value("O").map(with_ending);
        let mut names: Vec<Vec<u8>> = operands.collect();
        if words.operands.is_empty() {
            // A filter, as `tar c | zip > a.zip` has it.
            names.push(b"-".to_vec());
        }
        if words.has("@") {
            for line in std::io::BufRead::split(std::io::stdin().lock(), b'\n') {
                names.push(line?);
            }
        }
        Ok(Self {
            action,
            archive: path,
            output,
            names,
            include: words.list("i"),
            exclude: words.list("x"),
            suffixes: words
                .value("n")
                .unwrap_or_default()
                .split(|byte| matches!(byte, b':' | b','))
                .filter(|suffix| !suffix.is_empty())
                .map(<[u8]>::to_vec)
                .collect(),
            level,
            bzip2,
            from: day(words.value("t"))?,
            before: day(words.value("tt"))?,
            recurse: words.has("r") || words.has("R"),
            recurse_patterns: words.has("R"),
            quiet: words.has("q"),
            verbose: words.has("v"),
            junk: words.has("j"),
            moves: words.has("m"),
            symlinks: words.has("y"),
            fifos: words.has("FI"),
            no_directories: words.has("D"),
            no_extra: words.has("X"),
            latest: words.has("o"),
            test: words.has("T"),
            to_crlf: words.has("l"),
            from_crlf: words.has("ll"),
            archive_comment: words.has("z"),
            entry_comments: words.has("c"),
            show_files: words.has("sf"),
            must_match: words.has("MM"),
        })
    }
}

/// A name without a suffix gets `.zip`.
fn with_ending(name: &[u8]) -> PathBuf {
    let path = PathBuf::from(os_string(name));
    let base = path.file_name().map(bytes).unwrap_or_default();
    if base.contains(&b'.') {
        path
    } else {
        let mut longer = path.into_os_string();
        longer.push(".zip");
        longer.into()
    }
}
