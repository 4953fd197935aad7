//! `stty`: the settings of the terminal on standard input, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/stty.html).

use secure_exec_cli::{Args, Failure, Outcome, fail, quote};
use secure_exec_sys::errno;
use secure_exec_sys::fd::{self, O_NONBLOCK, O_RDONLY};
use secure_exec_sys::termios::{Termios, VMIN, VTIME};
use secure_exec_sys::tty::{When, Winsize, getattr, set_winsize, setattr, winsize};

/// The groups of flags in `struct termios`, in the order in which they are printed.
#[derive(Clone, Copy, PartialEq)]
enum Group {
    Control,
    Input,
    Output,
    Local,
}

/// A flag: name, group, bits, and whether it is on after `sane`.
struct Flag(&'static str, Group, u32, bool);

/// By `termios(3)`, with Linux's bits.
const FLAGS: &[Flag] = &[
    Flag("parenb", Group::Control, 0o400, false),
    Flag("parodd", Group::Control, 0o1000, false),
    Flag("hupcl", Group::Control, 0o2000, false),
    Flag("cstopb", Group::Control, 0o100, false),
    Flag("cread", Group::Control, 0o200, true),
    Flag("clocal", Group::Control, 0o4000, false),
    Flag("ignbrk", Group::Input, 0o1, false),
    Flag("brkint", Group::Input, 0o2, true),
    Flag("ignpar", Group::Input, 0o4, false),
    Flag("parmrk", Group::Input, 0o10, false),
    Flag("inpck", Group::Input, 0o20, false),
    Flag("istrip", Group::Input, 0o40, false),
    Flag("inlcr", Group::Input, 0o100, false),
    Flag("igncr", Group::Input, 0o200, false),
    Flag("icrnl", Group::Input, 0o400, true),
    Flag("ixon", Group::Input, 0o2000, true),
    Flag("ixoff", Group::Input, 0o10000, false),
    Flag("ixany", Group::Input, 0o4000, false),
    Flag("imaxbel", Group::Input, 0o20000, true),
    Flag("iutf8", Group::Input, 0o40000, false),
    Flag("opost", Group::Output, 0o1, true),
    Flag("ocrnl", Group::Output, 0o10, false),
    Flag("onlcr", Group::Output, 0o4, true),
    Flag("onocr", Group::Output, 0o20, false),
    Flag("onlret", Group::Output, 0o40, false),
    Flag("isig", Group::Local, 0o1, true),
    Flag("icanon", Group::Local, 0o2, true),
    Flag("iexten", Group::Local, 0o100_000, true),
    Flag("echo", Group::Local, 0o10, true),
    Flag("echoe", Group::Local, 0o20, true),
    Flag("echok", Group::Local, 0o40, true),
    Flag("echonl", Group::Local, 0o100, false),
    Flag("noflsh", Group::Local, 0o200, false),
    Flag("tostop", Group::Local, 0o400, false),
    Flag("echoctl", Group::Local, 0o1000, true),
    Flag("echoke", Group::Local, 0o4000, true),
];

/// Control characters: name, index, and the value after `sane`.
const CHARACTERS: &[(&str, usize, u8)] = &[
    ("intr", 0, 3),
    ("quit", 1, 28),
    ("erase", 2, 127),
    ("kill", 3, 21),
    ("eof", 4, 4),
    ("eol", 11, 0),
    ("eol2", 16, 0),
    ("start", 8, 17),
    ("stop", 9, 19),
    ("susp", 10, 26),
    ("rprnt", 12, 18),
    ("werase", 14, 23),
    ("lnext", 15, 22),
    ("discard", 13, 15),
];

pub fn main(args: &Args) -> Outcome {
    let mut words: Vec<String> = args
        .list
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let (mut terminal, mut name) = (0, "standard input".to_owned());
    if let Some(at) = words
        .iter()
        .position(|word| word == "-F" || word.starts_with("--file"))
    {
        let path = match words[at].split_once('=') {
            Some((_, path)) => path.to_owned(),
            None if at + 1 < words.len() => words.remove(at + 1),
            None => return Err(fail("option requires an argument -- 'F'")),
        };
        words.remove(at);
        terminal = fd::open(&path, O_RDONLY | O_NONBLOCK, 0)
            .map_err(|error| fail(format!("{path}: {}", errno::message(&error))))?;
        name = path;
    }
    let cannot = |error: std::io::Error| fail(format!("'{name}': {}", errno::message(&error)));
    let mut settings = getattr(terminal).map_err(cannot)?;
    let size = winsize(terminal).unwrap_or_default();
    match words
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => print_changed(&settings),
        ["-a" | "--all"] => print_all(&settings, size),
        ["-g" | "--save"] => println!("{}", save(&settings)),
        ["size"] => println!("{} {}", size.rows, size.columns),
        ["speed"] => println!("38400"),
        _ => {
            let mut new_size = size;
            apply(&words, &mut settings, &mut new_size)?;
            setattr(terminal, When::Drain, &settings).map_err(cannot)?;
            if new_size != size {
                set_winsize(terminal, new_size).map_err(cannot)?;
            }
        }
    }
    Ok(0)
}

fn flags(settings: &mut Termios, group: Group) -> &mut u32 {
    match group {
        Group::Control => &mut settings.cflag,
        Group::Input => &mut settings.iflag,
        Group::Output => &mut settings.oflag,
        Group::Local => &mut settings.lflag,
    }
}

fn set(settings: &mut Termios, name: &str, on: bool) -> bool {
    let Some(Flag(_, group, bits, _)) = FLAGS.iter().find(|flag| flag.0 == name) else {
        return false;
    };
    let field = flags(settings, *group);
    if on {
        *field |= bits
    } else {
        *field &= !bits
    }
    true
}

fn sane(settings: &mut Termios) {
    for Flag(name, _, _, on) in FLAGS {
        set(settings, name, *on);
    }
    for (_, index, value) in CHARACTERS {
        settings.cc[*index] = *value;
    }
}

fn raw(settings: &mut Termios, on: bool) {
    let input = [
        "ignbrk", "brkint", "ignpar", "parmrk", "inpck", "istrip", "inlcr", "igncr", "icrnl",
        "ixon",
    ];
    if on {
        for name in input.iter().chain(&["opost", "isig", "icanon"]) {
            set(settings, name, false);
        }
        (settings.cc[VMIN], settings.cc[VTIME]) = (1, 0);
        return;
    }
    for name in [
        "brkint", "ignpar", "istrip", "icrnl", "ixon", "opost", "isig", "icanon",
    ] {
        set(settings, name, name != "istrip");
    }
    (settings.cc[4], settings.cc[11]) = (4, 0);
}

fn apply(words: &[String], settings: &mut Termios, size: &mut Winsize) -> Result<(), Failure> {
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut value = || {
            rest.next()
                .ok_or_else(|| fail(format!("missing argument to {}", quote(word))))
        };
        let (name, on) = word
            .strip_prefix('-')
            .map_or((word.as_str(), true), |name| (name, false));
        match name {
            "sane" => sane(settings),
            "raw" => raw(settings, on),
            "cooked" => raw(settings, !on),
            "cbreak" => {
                set(settings, "icanon", !on);
            }
            "nl" => {
                set(settings, "icrnl", !on);
                set(settings, "onlcr", !on);
            }
            "crt" => {
                for each in ["echoe", "echoctl", "echoke"] {
                    set(settings, each, true);
                }
            }
            "ek" => (settings.cc[2], settings.cc[3]) = (127, 21),
            "rows" => size.rows = number(value()?)?,
            "cols" | "columns" => size.columns = number(value()?)?,
            "min" => settings.cc[VMIN] = number(value()?)?,
            "time" => settings.cc[VTIME] = number(value()?)?,
            "ispeed" | "ospeed" => drop(value()?),
            _ if name.parse::<u32>().is_ok() => {}
            _ if set(settings, name, on) => {}
            _ => match CHARACTERS.iter().find(|(each, _, _)| *each == name) {
                Some((_, index, _)) => settings.cc[*index] = character(value()?)?,
                None if word.contains(':') => restore(word, settings)?,
                None => {
                    let text = format!(
                        "invalid argument {}\nTry 'stty --help' for more information.",
                        quote(word)
                    );
                    return Err(fail(text));
                }
            },
        }
    }
    Ok(())
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, Failure> {
    text.parse()
        .map_err(|_| fail(format!("invalid integer argument: {}", quote(text))))
}

/// `^C`, a character, a number, or `undef`.
fn character(text: &str) -> Result<u8, Failure> {
    match text.as_bytes() {
        b"undef" | b"^-" => Ok(0),
        b"^?" => Ok(127),
        [b'^', letter] => Ok(letter.to_ascii_uppercase() & 0x1f),
        [byte] => Ok(*byte),
        _ => number(text),
    }
}

fn character_text(value: u8) -> String {
    match value {
        0 => "<undef>".to_owned(),
        127 => "^?".to_owned(),
        1..32 => format!("^{}", (value + 64) as char),
        _ => (value as char).to_string(),
    }
}

fn save(settings: &Termios) -> String {
    let fields = [
        settings.iflag,
        settings.oflag,
        settings.cflag,
        settings.lflag,
    ];
    let fields = fields.iter().map(|field| format!("{field:x}"));
    let characters = settings.cc.iter().map(|value| format!("{value:x}"));
    fields.chain(characters).collect::<Vec<_>>().join(":")
}

fn restore(text: &str, settings: &mut Termios) -> Result<(), Failure> {
    let parts: Option<Vec<u32>> = text
        .split(':')
        .map(|part| u32::from_str_radix(part, 16).ok())
        .collect();
    let invalid = || fail(format!("invalid argument {}", quote(text)));
    let parts = parts.filter(|parts| parts.len() >= 4).ok_or_else(invalid)?;
    [
        settings.iflag,
        settings.oflag,
        settings.cflag,
        settings.lflag,
    ] = [parts[0], parts[1], parts[2], parts[3]];
    for (slot, value) in settings.cc.iter_mut().zip(&parts[4..]) {
        *slot = u8::try_from(*value).map_err(|_| invalid())?;
    }
    Ok(())
}

fn line_of(settings: &Termios, group: Group, only_changed: bool) -> String {
    let mut copy = *settings;
    let field = *flags(&mut copy, group);
    let words =
        FLAGS
            .iter()
            .filter(|flag| flag.1 == group)
            .filter_map(|Flag(name, _, bits, default)| {
                let on = field & bits != 0;
                (!only_changed || on != *default)
                    .then(|| format!("{}{name}", if on { "" } else { "-" }))
            });
    words.collect::<Vec<_>>().join(" ")
}

const GROUPS: [Group; 4] = [Group::Control, Group::Input, Group::Output, Group::Local];

fn print_changed(settings: &Termios) {
    println!("speed 38400 baud; line = {};", settings.line);
    let changed = CHARACTERS
        .iter()
        .filter(|(_, index, default)| settings.cc[*index] != *default);
    let words: Vec<String> = changed
        .map(|(name, index, _)| format!("{name} = {};", character_text(settings.cc[*index])))
        .collect();
    if !words.is_empty() {
        println!("{}", words.join(" "));
    }
    for line in GROUPS
        .map(|group| line_of(settings, group, true))
        .iter()
        .filter(|line| !line.is_empty())
    {
        println!("{line}");
    }
}

fn print_all(settings: &Termios, size: Winsize) {
    println!(
        "speed 38400 baud; rows {}; columns {}; line = {};",
        size.rows, size.columns, settings.line
    );
    let words: Vec<String> = CHARACTERS
        .iter()
        .map(|(name, index, _)| format!("{name} = {};", character_text(settings.cc[*index])))
        .collect();
    for chunk in words.chunks(7) {
        println!("{}", chunk.join(" "));
    }
    println!(
        "min = {}; time = {};",
        settings.cc[VMIN], settings.cc[VTIME]
    );
    for group in GROUPS {
        println!("{}", line_of(settings, group, false));
    }
}
