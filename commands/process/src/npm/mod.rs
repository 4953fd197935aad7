//! `npm run` and `npx` without npm: the scripts and programs of a package that is already installed.
//! Nothing is downloaded: what needs the registry says so and fails.

mod install;
mod package;
mod script;

use std::ffi::OsString;
use std::path::Path;

use secure_exec_cli::{Args, Failure, Outcome, bytes, fail, path};
use secure_exec_sys::path::{X_OK, access, stat};

use crate::run::{failure_status, run};
use install::{Kind, install};
use package::Package;
use script::Runner;

const WHAT_THERE_IS: &str = "this machine runs scripts of installed packages: \
                             npm run, test, start, stop, restart, install, ci, exec; npx; nothing is downloaded";

/// What stands before the command, and the command.
struct Invocation {
    silent: bool,
    if_present: bool,
    ignores_scripts: bool,
    omits_dev: bool,
    /// The first flag that is none of those here.
    unknown: Option<String>,
    words: Vec<OsString>,
}

/// What [`npm`] does.
const COMMANDS: [&str; 15] = [
    "run",
    "run-script",
    "rum",
    "urn",
    "test",
    "t",
    "tst",
    "start",
    "stop",
    "restart",
    "exec",
    "x",
    "root",
    "prefix",
    "help",
];

pub fn npm(args: &Args) -> Outcome {
    let invocation = invocation(&args.list)?;
    let Some((command, rest)) = invocation.words.split_first() else {
        let missing = invocation.unknown.map_or_else(
            || "no command given".to_owned(),
            |flag| format!("{flag}: not available"),
        );
        return Err(fail(format!("{missing}: {WHAT_THERE_IS}")));
    };
    let command = command.to_string_lossy();
    // Of a command that is not there its flags are not the trouble.
    if let Some(flag) = invocation
        .unknown
        .as_ref()
        .filter(|_| COMMANDS.contains(&command.as_ref()))
    {
        return Err(fail(format!("{flag}: not available: {WHAT_THERE_IS}")));
    }
    match command.as_ref() {
        "run" | "run-script" | "rum" | "urn" => match rest.split_first() {
            Some((name, arguments)) => run_script(
                &invocation,
                &name.to_string_lossy(),
                without_dashes(arguments),
            ),
            None => list(),
        },
        "test" | "t" | "tst" => run_script(&invocation, "test", without_dashes(rest)),
        "start" => run_script(&invocation, "start", without_dashes(rest)),
        "stop" => run_script(&invocation, "stop", without_dashes(rest)),
        "restart" => run_script(&invocation, "restart", without_dashes(rest)),
        // Its other flags say how to download, save and report.
        "install" | "i" | "in" | "add" => install(&invocation, Kind::Install, rest),
        "ci" | "clean-install" => install(&invocation, Kind::Clean, rest),
        "exec" | "x" => execute(without_dashes(rest)),
        "root" => {
            println!("{}", package()?.directory.join("node_modules").display());
            Ok(0)
        }
        "prefix" => {
            println!("{}", package()?.directory.display());
            Ok(0)
        }
        "help" => {
            println!("{WHAT_THERE_IS}");
            Ok(0)
        }
        other => Err(fail(format!("{other}: not available: {WHAT_THERE_IS}"))),
    }
}

pub fn npx(args: &Args) -> Outcome {
    let mut words = args.list.as_slice();
    while let Some((first, rest)) = words.split_first() {
        match first.to_string_lossy().as_ref() {
            "-y" | "--yes" | "--no" | "--no-install" | "-q" | "--quiet" => words = rest,
            "-c" | "--call" => {
                let line = rest.first().ok_or_else(|| fail("-c needs a command"))?;
                let runner = Runner::new(
                    &Package::nearest().unwrap_or_default(),
                    "npx",
                    &line.to_string_lossy(),
                );
                return runner.shell(&line.to_string_lossy(), &[]);
            }
            "--" => {
                words = rest;
                break;
            }
            option if option.starts_with('-') => {
                return Err(fail(format!("{option}: not available: {WHAT_THERE_IS}")));
            }
            _ => break,
        }
    }
    execute(words)
}

/// The flags of npm may stand anywhere before `--`.
fn invocation(list: &[OsString]) -> Result<Invocation, Failure> {
    let mut found = Invocation {
        silent: false,
        if_present: false,
        ignores_scripts: false,
        omits_dev: false,
        unknown: None,
        words: Vec::new(),
    };
    let mut rest = list.iter();
    while let Some(word) = rest.next() {
        match word.to_string_lossy().as_ref() {
            "-s" | "--silent" | "--loglevel=silent" => found.silent = true,
            "--if-present" => found.if_present = true,
            "--ignore-scripts" => found.ignores_scripts = true,
            "--production" | "--omit=dev" => found.omits_dev = true,
            "--prefix" | "-C" => {
                let directory = rest
                    .next()
                    .ok_or_else(|| fail("--prefix needs a directory"))?;
                secure_exec_sys::path::chdir(directory).map_err(|error| {
                    fail(secure_exec_cli::report(
                        "cannot change to",
                        directory,
                        &error,
                    ))
                })?;
            }
            "-v" | "--version" => {
                println!("{}", env!("CARGO_PKG_VERSION"));
                return Err(Failure::silent(0));
            }
            "--" => {
                found.words.push(word.clone());
                found.words.extend(rest.by_ref().cloned());
            }
            flag if flag.starts_with('-')
                && found
                    .words
                    .first()
                    .is_none_or(|first| first != "exec" && first != "x") =>
            {
                found.unknown.get_or_insert_with(|| flag.to_owned());
            }
            _ => {
                found.words.push(word.clone());
                if found.words.len() > 1 && matches!(found.words[0].to_str(), Some("exec" | "x")) {
                    found.words.extend(rest.by_ref().cloned());
                }
            }
        }
    }
    Ok(found)
}

fn without_dashes(words: &[OsString]) -> &[OsString] {
    match words.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => words,
    }
}

fn package() -> Result<Package, Failure> {
    Package::nearest().ok_or_else(|| fail("there is no package.json here or above"))
}

/// `npm run` alone: what there is to run.
fn list() -> Outcome {
    let package = package()?;
    if package.scripts.is_empty() {
        return Ok(0);
    }
    let title = match package.title() {
        title if title.is_empty() => package.directory.display().to_string(),
        title => title,
    };
    let is_own = |(name, _): &&(String, String)| {
        matches!(name.as_str(), "test" | "start" | "stop" | "restart")
    };
    let own: Vec<_> = package.scripts.iter().filter(is_own).collect();
    let others: Vec<_> = package
        .scripts
        .iter()
        .filter(|each| !is_own(each))
        .collect();
    if !own.is_empty() {
        println!("Lifecycle scripts included in {title}:");
    }
    let show = |scripts: &[&(String, String)]| {
        for (name, command) in scripts {
            println!("  {name}\n    {command}");
        }
    };
    show(&own);
    match (own.is_empty(), others.is_empty()) {
        (_, true) => {}
        (true, false) => println!("Scripts available in {title} via `npm run`:"),
        (false, false) => println!("available via `npm run`:"),
    }
    show(&others);
    Ok(0)
}

/// Runs a script with those that come before and after it.
fn run_script(invocation: &Invocation, name: &str, arguments: &[OsString]) -> Outcome {
    let package = package()?;
    let mut steps = Vec::new();
    for (step, arguments) in [
        (format!("pre{name}"), &[][..]),
        (name.to_owned(), arguments),
        (format!("post{name}"), &[][..]),
    ] {
        if let Some(command) = package.script(&step) {
            steps.push((step, command, arguments));
        }
    }
    if package.script(name).is_none() {
        return missing(invocation, &package, name);
    }
    for (step, command, arguments) in steps {
        let status = run_step(invocation, &package, &step, &command, arguments)?;
        if status != 0 {
            return Ok(status);
        }
    }
    Ok(0)
}

/// Says which script runs, unless that is not wanted, and runs it.
fn run_step(
    invocation: &Invocation,
    package: &Package,
    event: &str,
    command: &str,
    arguments: &[OsString],
) -> Outcome {
    if !invocation.silent {
        println!(
            "\n> {} {event}\n> {}\n",
            package.title(),
            script::shown(command, arguments)
        );
    }
    Runner::new(package, event, command).shell(command, arguments)
}

fn missing(invocation: &Invocation, package: &Package, name: &str) -> Outcome {
    if invocation.if_present {
        return Ok(0);
    }
    if name == "restart" {
        run_script(invocation, "stop", &[]).ok();
        return run_script(invocation, "start", &[]);
    }
    if name == "start" && stat(package.directory.join("server.js")).is_ok() {
        return run_step(invocation, package, "start", "node server.js", &[]);
    }
    Err(fail(format!(
        "Missing script: \"{name}\"\nTo see a list of scripts, run: npm run"
    )))
}

/// Runs a program of the nearest `node_modules/.bin`, or one that `PATH` has.
fn execute(words: &[OsString]) -> Outcome {
    let Some((name, _)) = words.split_first() else {
        return Err(fail("the name of a program is missing"));
    };
    let package = Package::nearest().unwrap_or_default();
    let runner = Runner::new(&package, "npx", "");
    let mut command = words.to_vec();
    if let Some(found) = runner.find(name) {
        command[0] = found.into_os_string();
    } else if Path::new(name).components().count() == 1 && !on_path(name) {
        let name = name.to_string_lossy();
        return Err(Failure {
            status: 127,
            message: format!(
                "{name}: no such program in node_modules/.bin, and nothing is downloaded"
            ),
        });
    }
    runner.enter();
    match run(&command, std::path::PathBuf::new()) {
        Ok(status) => Ok(status.shell_status()),
        Err(error) => {
            let message = format!(
                "{}: {}",
                name.to_string_lossy(),
                secure_exec_sys::errno::message(&error)
            );
            Err(Failure {
                status: failure_status(&error),
                message,
            })
        }
    }
}

fn on_path(name: &OsString) -> bool {
    let list = std::env::var_os("PATH").unwrap_or_default();
    bytes(&list)
        .split(|&byte| byte == b':')
        .any(|folder| access(path(folder).join(name), X_OK).is_ok())
}
