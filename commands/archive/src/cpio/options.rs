//! cpio's command line.

use super::{Format, TROUBLE};
use secure_exec_cli::{Args, Failure, Parsed, Syntax, bytes, flag, required};
use secure_exec_sys::users;
use std::ffi::OsString;
use std::path::PathBuf;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('i', "extract"),
        flag('o', "create"),
        flag('p', "pass-through"),
        flag('t', "list"),
        required('\0', "block-size"),
        flag('B', "B"),
        flag('c', "c"),
        required('C', "io-size"),
        required('D', "directory"),
        flag('\0', "force-local"),
        required('H', "format"),
        flag('\0', "quiet"),
        required('R', "owner"),
        flag('v', "verbose"),
        flag('V', "dot"),
        required('W', "warning"),
        required('F', "file"),
        required('I', "I"),
        required('O', "O"),
        required('M', "message"),
        required('\0', "rsh-command"),
        flag('b', "swap"),
        flag('f', "nonmatching"),
        flag('n', "numeric-uid-gid"),
        flag('r', "rename"),
        flag('s', "swap-bytes"),
        flag('S', "swap-halfwords"),
        flag('\0', "to-stdout"),
        required('E', "pattern-file"),
        flag('\0', "only-verify-crc"),
        flag('A', "append"),
        flag('\0', "device-independent"),
        flag('\0', "reproducible"),
        flag('\0', "ignore-devno"),
        flag('\0', "renumber-inodes"),
        flag('l', "link"),
        flag('\0', "absolute-filenames"),
        flag('\0', "no-absolute-filenames"),
        flag('0', "null"),
        flag('a', "reset-access-time"),
        flag('L', "dereference"),
        flag('d', "make-directories"),
        flag('m', "preserve-modification-time"),
        flag('\0', "no-preserve-owner"),
        flag('\0', "sparse"),
        flag('u', "unconditional"),
    ],
    usage: "[OPTION...] [destination-directory]",
    usage_status: TROUBLE,
    operand_ends: false,
};

/// What is known but not done: it is refused, so that no archive is other than asked for.
const REFUSED: &[&str] = &[
    "message",
    "rsh-command",
    "swap",
    "swap-bytes",
    "swap-halfwords",
    "rename",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Create,
    Extract,
    PassThrough,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of cpio")]
pub struct Options {
    pub mode: Mode,
    /// What is written, and what is expected where it is read.
    pub format: Option<Format>,
    pub archive: Option<PathBuf>,
    pub directory: Option<PathBuf>,
    /// Of `-p`.
    pub destination: PathBuf,
    pub patterns: Vec<Vec<u8>>,
    pub owner: Option<u32>,
    pub group: Option<u32>,
    /// What blocks are counted in, in bytes.
    pub block_size: u64,
    pub list: bool,
    pub verbose: bool,
    pub dot: bool,
    pub quiet: bool,
    pub numeric: bool,
    pub nonmatching: bool,
    pub to_stdout: bool,
    pub only_verify: bool,
    pub append: bool,
    pub renumber: bool,
    pub ignore_devices: bool,
    pub link: bool,
    pub relative: bool,
    pub null: bool,
    pub dereference: bool,
    pub make_directories: bool,
    pub keep_time: bool,
    pub keep_owner: bool,
    pub sparse: bool,
    pub unconditional: bool,
}

impl Options {
    pub fn parse(args: &Args) -> Result<Self, Failure> {
        let parsed = SYNTAX.parse(args)?;
        if let Some(name) = parsed.last_of(REFUSED) {
            return Err(Failure {
                status: TROUBLE,
                message: format!("option '{name}' is not supported"),
            });
        }
        let mode = mode(args, &parsed)?;
        let format = match parsed.last_of(&["format", "c"]) {
            Some("c") => Some(Format::Odc),
            Some(_) => Some(format(args, &parsed)?),
            None => None,
        };
        let (owner, group) = match parsed.value("owner") {
            Some(value) => owner(&value.text())?,
            None => (None, None),
        };
        let archive = ["file", "I", "O"]
            .iter()
            .find_map(|name| parsed.value(name))
            .map(|value| PathBuf::from(value.os()));
        let append = parsed.has("append");
        if append && archive.is_none() {
            let text = "--append is used but no archive file name is given (use -F or -O options)";
            return Err(wrong(args, text));
        }
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        let mut destination = PathBuf::new();
        match (mode, parsed.operands.as_slice()) {
            (Mode::Extract, names) => {
                patterns.extend(names.iter().map(|name| bytes(name).to_vec()))
            }
            (Mode::PassThrough, [only]) => destination = only.into(),
            (Mode::PassThrough, _) => {
                return Err(wrong(args, "Not enough arguments"));
            }
            (Mode::Create, []) => {}
            (Mode::Create, _) => return Err(wrong(args, "Too many arguments")),
        }
        for (_, value) in parsed
            .options
            .iter()
            .filter(|(name, _)| *name == "pattern-file")
        {
            patterns.extend(pattern_file(&value.os())?);
        }
        let reproducible = parsed.has("device-independent") || parsed.has("reproducible");
        Ok(Self {
            mode,
            format,
            archive: archive.filter(|path| path.as_os_str() != "-"),
            directory: parsed.value("directory").map(|value| value.os().into()),
            destination,
            patterns,
            owner,
            group,
            block_size: block_size(args, &parsed)?,
            list: parsed.has("list"),
            verbose: parsed.has("verbose"),
            dot: parsed.has("dot"),
            quiet: parsed.has("quiet"),
            numeric: parsed.has("numeric-uid-gid"),
            nonmatching: parsed.has("nonmatching"),
            to_stdout: parsed.has("to-stdout"),
            only_verify: parsed.has("only-verify-crc"),
            append,
            renumber: reproducible || parsed.has("renumber-inodes"),
            ignore_devices: reproducible || parsed.has("ignore-devno"),
            link: parsed.has("link"),
            relative: parsed.last_of(&["absolute-filenames", "no-absolute-filenames"])
                == Some("no-absolute-filenames"),
            null: parsed.has("null"),
            dereference: parsed.has("dereference"),
            make_directories: parsed.has("make-directories"),
            keep_time: parsed.has("preserve-modification-time"),
            keep_owner: !parsed.has("no-preserve-owner"),
            sparse: parsed.has("sparse"),
            unconditional: parsed.has("unconditional"),
        })
    }
}

/// A wrong command line.
fn wrong(args: &Args, message: &str) -> Failure {
    let name = &args.name;
    Failure {
        status: TROUBLE,
        message: format!(
            "{message}\nTry '{name} --help' or '{name} --usage' for more information."
        ),
    }
}

fn mode(args: &Args, parsed: &Parsed) -> Result<Mode, Failure> {
    let modes: Vec<Mode> = [
        ("extract", Mode::Extract),
        ("create", Mode::Create),
        ("pass-through", Mode::PassThrough),
    ]
    .into_iter()
    .filter_map(|(name, mode)| parsed.has(name).then_some(mode))
    .collect();
    match modes[..] {
        [mode] => Ok(mode),
        [] if parsed.has("list") => Ok(Mode::Extract),
        [] => Err(wrong(args, "You must specify one of -oipt options.")),
        _ => Err(wrong(args, "Mode already defined")),
    }
}

fn format(args: &Args, parsed: &Parsed) -> Result<Format, Failure> {
    let name = parsed.value("format").map(secure_exec_cli::Value::text);
    let name = name.unwrap_or_default();
    Format::by_name(&name).ok_or_else(|| {
        let text = format!(
            "invalid archive format `{name}'; valid formats are:\ncrc newc odc bin ustar tar (all-caps also recognized)"
        );
        wrong(args, &text)
    })
}

fn block_size(args: &Args, parsed: &Parsed) -> Result<u64, Failure> {
    let number = |name: &str, unit: u64| {
        let text = parsed.value(name).map(secure_exec_cli::Value::text);
        text.as_deref()
            .and_then(|text| text.parse::<u64>().ok())
            .filter(|count| *count > 0 && *count <= u64::from(u32::MAX))
            .map(|count| count * unit)
            .ok_or_else(|| wrong(args, "invalid block size"))
    };
    match parsed.last_of(&["block-size", "B", "io-size"]) {
        Some("block-size") => number("block-size", super::BLOCK),
        Some("io-size") => number("io-size", 1),
        Some(_) => Ok(5120),
        None => Ok(super::BLOCK),
    }
}

/// `user`, `user:group`, `:group`; names or numbers.
fn owner(text: &str) -> Result<(Option<u32>, Option<u32>), Failure> {
    let (user, group) = match text.find([':', '.']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let invalid = |what: &str| Failure {
        status: TROUBLE,
        message: format!("{text}: invalid {what}"),
    };
    let known = users::user_by_name(user);
    let uid = match (&known, user) {
        (Some(known), _) => Some(known.uid),
        (None, "") => None,
        (None, number) => Some(number.parse().map_err(|_| invalid("user"))?),
    };
    let gid = match group {
        None => None,
        // The group of the user's login.
        Some("") => known.map(|known| known.gid),
        Some(name) => Some(match users::group_by_name(name) {
            Some(group) => group.gid,
            None => name.parse().map_err(|_| invalid("group"))?,
        }),
    };
    Ok((uid, gid))
}

fn pattern_file(name: &OsString) -> Result<Vec<Vec<u8>>, Failure> {
    let text = std::fs::read(name).map_err(|error| super::cannot_open(name.as_ref(), &error))?;
    Ok(text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
}
