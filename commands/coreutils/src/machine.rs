//! The machine and its terminal: `uname`, `arch`, `hostname`, `nproc`, `sync`, `tty`.

use std::fs;

use secure_exec_cli::{Args, Failure, Outcome, Syntax, fail, flag, quote, required, warn_path};
use secure_exec_sys::machine;
use secure_exec_sys::path::stat;
use secure_exec_sys::tty::isatty;

const UNAME: Syntax = Syntax {
    options: &[
        flag('a', "all"),
        flag('s', "kernel-name"),
        flag('n', "nodename"),
        flag('r', "kernel-release"),
        flag('v', "kernel-version"),
        flag('m', "machine"),
        flag('p', "processor"),
        flag('i', "hardware-platform"),
        flag('o', "operating-system"),
    ],
    usage: "[OPTION]...",
    usage_status: 1,
    operand_ends: false,
};

const NONE: Syntax = Syntax {
    options: &[],
    usage: "[OPTION]...",
    usage_status: 1,
    operand_ends: false,
};

fn refuse_operands(args: &Args, syntax: &Syntax) -> Result<secure_exec_cli::Parsed, Failure> {
    let parsed = syntax.parse(args)?;
    match parsed.operands.first() {
        Some(extra) => Err(syntax.wrong(args, &format!("extra operand {}", quote(extra)))),
        None => Ok(parsed),
    }
}

pub fn uname(args: &Args) -> Outcome {
    let parsed = refuse_operands(args, &UNAME)?;
    let found = machine::uname()?;
    let all = parsed.has("all");
    let wants = |name: &str| all || parsed.has(name);
    let mut words = Vec::new();
    if wants("kernel-name") || parsed.options.is_empty() {
        words.push(found.sysname.as_str());
    }
    for (name, text) in [
        ("nodename", &found.nodename),
        ("kernel-release", &found.release),
        ("kernel-version", &found.version),
        ("machine", &found.machine),
    ] {
        if wants(name) {
            words.push(text);
        }
    }
    // With --all, what is unknown is left out.
    for name in ["processor", "hardware-platform"] {
        if parsed.has(name) && !all {
            words.push("unknown");
        }
    }
    if wants("operating-system") {
        words.push("GNU/Linux");
    }
    println!("{}", words.join(" "));
    Ok(0)
}

pub fn arch(args: &Args) -> Outcome {
    refuse_operands(args, &NONE)?;
    println!("{}", machine::uname()?.machine);
    Ok(0)
}

const HOSTNAME: Syntax = Syntax {
    options: &[
        flag('s', "short"),
        flag('f', "fqdn"),
        flag('\0', "long"),
        flag('d', "domain"),
        flag('i', "ip-address"),
    ],
    usage: "[-s | -f | -d | -i]",
    usage_status: 1,
    operand_ends: false,
};

pub fn hostname(args: &Args) -> Outcome {
    let parsed = HOSTNAME.parse(args)?;
    if !parsed.operands.is_empty() {
        return Err(fail("you must be root to change the host name"));
    }
    let name = machine::uname()?.nodename;
    let (short, domain) = name.split_once('.').unwrap_or((&name, ""));
    match parsed.last_of(&["short", "domain", "ip-address"]) {
        Some("short") => println!("{short}"),
        Some("domain") => println!("{domain}"),
        Some("ip-address") => println!("127.0.0.1"),
        _ => println!("{name}"),
    }
    Ok(0)
}

const NPROC: Syntax = Syntax {
    options: &[flag('\0', "all"), required('\0', "ignore")],
    usage: "[OPTION]...",
    usage_status: 1,
    operand_ends: false,
};

pub fn nproc(args: &Args) -> Outcome {
    let parsed = refuse_operands(args, &NPROC)?;
    let ignored = match parsed.value("ignore") {
        None => 0,
        Some(value) => {
            let text = value.text();
            text.trim()
                .parse::<usize>()
                .map_err(|_| fail(format!("invalid number: {}", quote(&text))))?
        }
    };
    println!("{}", processors().saturating_sub(ignored).max(1));
    Ok(0)
}

/// As the kernel lists them.
fn processors() -> usize {
    let listed = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    listed
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count()
        .max(1)
}

const SYNC: Syntax = Syntax {
    options: &[flag('d', "data"), flag('f', "file-system")],
    usage: "[OPTION] [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

/// Files are in memory: what is written is there. Operands must exist.
pub fn sync(args: &Args) -> Outcome {
    let parsed = SYNC.parse(args)?;
    let mut status = 0;
    for path in &parsed.operands {
        if let Err(error) = stat(path) {
            warn_path(&args.name, "error opening", path, &error);
            status = 1;
        }
    }
    Ok(status)
}

const TTY: Syntax = Syntax {
    options: &[flag('s', "silent"), flag('\0', "quiet")],
    usage: "[OPTION]...",
    usage_status: 2,
    operand_ends: false,
};

pub fn tty(args: &Args) -> Outcome {
    let parsed = refuse_operands(args, &TTY)?;
    let is_terminal = isatty(0);
    if !parsed.has("silent") && !parsed.has("quiet") {
        match terminal_name().filter(|_| is_terminal) {
            Some(name) => println!("{name}"),
            None => println!("not a tty"),
        }
    }
    Ok(i32::from(!is_terminal))
}

/// The path of the terminal on standard input.
fn terminal_name() -> Option<String> {
    let target = fs::read_link("/proc/self/fd/0").ok()?;
    Some(target.to_string_lossy().into_owned())
}
