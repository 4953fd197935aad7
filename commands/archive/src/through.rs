//! grep, less, more, cmp and diff of compressed files: each file goes through its decompressor.

use secure_exec_cli::{Args, Failure, Outcome, bytes, fail, os_string, warn};
use secure_exec_sys::Fd;
use secure_exec_sys::child::{becomes, high_pipe, program, start, wait_for};
use secure_exec_sys::fd;
use secure_exec_sys::{errno, path};
use std::ffi::OsString;
use std::path::Path;

/// Options of grep that take the next argument.
const VALUED: &[u8] = b"ABCDXdefm";
const VALUED_LONG: &[&[u8]] = &[
    b"--after-context",
    b"--before-context",
    b"--context",
    b"--regexp",
    b"--file",
    b"--max-count",
    b"--label",
    b"--color",
    b"--colour",
];

/// The program that decompresses what the command of that name is for. It lets other files through.
fn decompressor(name: &str, file: &Path) -> &'static str {
    if name.starts_with("bz") {
        return "bzip2";
    }
    if name.starts_with("xz") {
        return "xz";
    }
    if name.starts_with("zstd") {
        return "zstd";
    }
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("bz2" | "tbz" | "tbz2") => "bzip2",
        Some("xz" | "txz" | "lzma" | "tlz") => "xz",
        Some("zst" | "tzst") => "zstd",
        _ => "gzip",
    }
}

fn decompress(name: &str, file: &Path, output: Fd) -> std::io::Result<secure_exec_sys::Pid> {
    let command: Vec<OsString> = if file == Path::new("-") {
        vec![decompressor(name, file).into(), "-cdfq".into()]
    } else {
        // The name stands behind `--`, so that it is none of the options.
        vec![
            decompressor(name, file).into(),
            "-cdfq".into(),
            "--".into(),
            file.into(),
        ]
    };
    start(program(&command), vec![becomes(output, 1)])
}

/// Runs a command whose standard input is what is in a file. Gives its status.
fn fed(name: &str, file: &Path, command: &[OsString]) -> Result<i32, Failure> {
    let (read, write) = high_pipe()?;
    let source = decompress(name, file, write)?;
    fd::close(write)?;
    let reader = start(program(command), vec![becomes(read, 0)]);
    fd::close(read)?;
    let status = wait_for(reader?)?;
    let source = wait_for(source)?;
    // One that was cut off has done what it was asked for.
    let broken = source
        .exited()
        .is_some_and(|status| status == 1 || status > 2);
    let status = status.shell_status();
    Ok(if broken && status < 2 { 2 } else { status })
}

/// zgrep and its kin.
pub fn grep(args: Args) -> Outcome {
    let mut options: Vec<OsString> = vec!["grep".into()];
    if args.name.contains("egrep") {
        options.push("-E".into());
    } else if args.name.contains("fgrep") {
        options.push("-F".into());
    }
    let mut has_pattern = false;
    let mut shows_names = None;
    let mut operands = Vec::new();
    let mut list = args.list.into_iter();
    while let Some(argument) = list.next() {
        let text = bytes(&argument).to_vec();
        if text == b"--" {
            operands.extend(list.by_ref());
        } else if text.starts_with(b"--") {
            let name = text.split(|&byte| byte == b'=').next().unwrap_or(&text);
            has_pattern |= name == b"--regexp" || name == b"--file";
            match name {
                b"--no-filename" => shows_names = Some(false),
                b"--with-filename" => shows_names = Some(true),
                _ => {}
            }
            let takes_next = name.len() == text.len() && VALUED_LONG.contains(&name);
            options.push(argument);
            if takes_next && !matches!(name, b"--color" | b"--colour") {
                options.extend(list.next());
            }
        } else if text.len() > 1 && text[0] == b'-' {
            let valued = text[1..].iter().position(|byte| VALUED.contains(byte));
            let flags = &text[1..valued.map_or(text.len(), |at| at + 2)];
            has_pattern |= flags.contains(&b'e') || flags.contains(&b'f');
            for flag in flags {
                match flag {
                    b'h' => shows_names = Some(false),
                    b'H' => shows_names = Some(true),
                    b'r' | b'R' => {
                        return Err(Failure {
                            status: 2,
                            message: format!("-{}: option not supported", char::from(*flag)),
                        });
                    }
                    _ => {}
                }
            }
            options.push(argument);
            if valued.is_some_and(|at| at + 2 == text.len()) {
                options.extend(list.next());
            }
        } else {
            operands.push(argument);
        }
    }
    let mut operands = operands.into_iter();
    if !has_pattern {
        let usage = || Failure {
            status: 2,
            message: "usage: [grep options] PATTERN [files]".to_owned(),
        };
        options.push("-e".into());
        options.push(operands.next().ok_or_else(usage)?);
    }
    let mut files: Vec<OsString> = operands.collect();
    if files.is_empty() {
        files.push("-".into());
    }
    let shows_names = shows_names.unwrap_or(files.len() > 1);
    let (mut worst, mut failed) = (1, 0);
    for file in &files {
        if file != "-" && !readable(&args.name, file) {
            worst = 2;
            continue;
        }
        let mut command = options.clone();
        if shows_names {
            command.push("-H".into());
        }
        let label: &[u8] = if file == "-" {
            b"(standard input)"
        } else {
            bytes(file)
        };
        command.push(os_string([b"--label=", label].concat()));
        command.push("-".into());
        let status = fed(&args.name, Path::new(file), &command)?;
        worst = match (worst, status) {
            // That of bzip2 fails if one of the files has no match.
            _ if args.name.starts_with("bz") => {
                failed = if status == 0 { failed } else { status };
                failed
            }
            (2, _) => 2,
            (_, 0) => 0,
            (worst, 1) => worst,
            _ => 2,
        };
    }
    Ok(worst)
}

fn readable(name: &str, file: &OsString) -> bool {
    match std::fs::File::open(file) {
        Ok(_) => true,
        Err(error) => {
            let shown = Path::new(file).display();
            warn(name, format_args!("{shown}: {}", errno::message(&error)));
            false
        }
    }
}

/// zless, zmore and their kin.
pub fn pager(args: Args) -> Outcome {
    let pager = if args.name.ends_with("more") {
        "more"
    } else {
        "less"
    };
    let (options, mut files): (Vec<OsString>, Vec<OsString>) = args
        .list
        .into_iter()
        .partition(|argument| argument.len() > 1 && bytes(argument).starts_with(b"-"));
    if files.is_empty() {
        files.push("-".into());
    }
    let mut status = 0;
    for file in &files {
        if file != "-" && !readable(&args.name, file) {
            status = 1;
            continue;
        }
        let mut command: Vec<OsString> = vec![pager.into()];
        command.extend(options.clone());
        status = status.max(fed(&args.name, Path::new(file), &command)?);
    }
    Ok(status)
}

/// zcmp, zdiff and their kin.
pub fn compare(args: Args) -> Outcome {
    let tool = if args.name.ends_with("cmp") {
        "cmp"
    } else {
        "diff"
    };
    let (options, files): (Vec<OsString>, Vec<OsString>) = args
        .list
        .into_iter()
        .partition(|argument| argument.len() > 1 && bytes(argument).starts_with(b"-"));
    let (first, second) = match &files[..] {
        // One file is compared with what is in the compressed one beside it.
        [only] => {
            let shown = bytes(only);
            let stem = [&b".gz"[..], b".bz2", b".xz", b".lzma", b".zst", b".z"]
                .iter()
                .find_map(|ending| shown.strip_suffix(*ending))
                .ok_or_else(|| Failure {
                    status: 2,
                    message: format!("{}: unknown compressed suffix", Path::new(only).display()),
                })?;
            (only.clone(), os_string(stem))
        }
        [first, second] => (first.clone(), second.clone()),
        _ => {
            return Err(Failure {
                status: 2,
                message: "usage: [options] FILE1 [FILE2]".to_owned(),
            });
        }
    };
    for file in [&first, &second] {
        if file != "-" {
            path::stat(file).map_err(|error| Failure {
                status: 2,
                message: format!("{}: {}", Path::new(file).display(), errno::message(&error)),
            })?;
        }
    }
    let (read, write) = high_pipe()?;
    let one = decompress(&args.name, Path::new(&first), write)?;
    fd::close(write)?;
    let mut command: Vec<OsString> = vec![tool.into()];
    command.extend(options);
    command.push("-".into());
    command.push("/dev/fd/5".into());
    let (second_read, second_write) = high_pipe()?;
    let two = decompress(&args.name, Path::new(&second), second_write)?;
    fd::close(second_write)?;
    let actions = vec![becomes(read, 0), becomes(second_read, 5)];
    let reader = start(program(&command), actions);
    fd::close(read)?;
    fd::close(second_read)?;
    let status = wait_for(reader?)?;
    let sources = [wait_for(one)?, wait_for(two)?];
    if sources.iter().any(|source| {
        source
            .exited()
            .is_some_and(|status| status == 1 || status > 2)
    }) {
        return Ok(2);
    }
    status
        .exited()
        .ok_or_else(|| fail(format!("{tool} was ended by a signal")))
}
