//! Starting: the arguments of `sh`, where commands come from, and the end.

use std::rc::Rc;

use secure_exec_sys as sys;

use crate::builtins::set::set_named;
use crate::shell::{Exec, Flow, Shell};
use crate::syntax::{Input, Origin};
use crate::text;

/// What the arguments ask for.
#[derive(Default)]
struct Invocation {
    command: bool,
    stdin: bool,
    interactive: bool,
    login: bool,
    no_profile: bool,
    no_rc: bool,
    rc_file: Option<String>,
    /// Commands come as frames of the host's.
    session: bool,
}

/// Runs the shell as the arguments say; gives its status.
pub fn run() -> i32 {
    let args: Vec<String> = std::env::args_os().map(|a| text::from_os(&a)).collect();
    let name = args.first().map_or("sh", String::as_str);
    let base = name
        .rsplit('/')
        .next()
        .unwrap_or(name)
        .trim_start_matches('-')
        .to_owned();
    // Whatever the caller has called it, it is the shell that was found.
    let given = sys::process::argv0().map(|name| text::decode(&name));
    let name = given.as_deref().unwrap_or(name);
    let mut shell = Shell::new(matches!(base.as_str(), "bash" | "rbash"), name);
    let mut invocation = Invocation {
        login: name.starts_with('-'),
        ..Invocation::default()
    };
    let rest = match options(&mut shell, &mut invocation, &args) {
        Ok(at) => args[at..].to_vec(),
        Err(status) => return status,
    };
    start(&mut shell, &invocation, rest)
}

/// Takes the options off the front; gives where the operands begin.
fn options(shell: &mut Shell, invocation: &mut Invocation, args: &[String]) -> Result<usize, i32> {
    let mut at = 1;
    while let Some(word) = args.get(at) {
        let on = match word.chars().next() {
            Some('-') => true,
            Some('+') => false,
            _ => break,
        };
        at += 1;
        if word == "--" || word == "-" {
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            match long {
                "session" => invocation.session = true,
                "posix" if shell.bash => shell.options.posix = true,
                "login" if shell.bash => invocation.login = true,
                "noprofile" if shell.bash => invocation.no_profile = true,
                "norc" if shell.bash => invocation.no_rc = true,
                "noediting" | "verbose" | "restricted" if shell.bash => {}
                "rcfile" | "init-file" if shell.bash => {
                    invocation.rc_file = args.get(at).cloned();
                    at += 1;
                }
                "help" if shell.bash => {
                    shell.print(
                        "bash",
                        "Usage:\tbash [option] ... [script-file [argument] ...]\n\
                         \tbash [option] ... -c command [name [argument] ...]\n\
                         \tbash [option] ... -s [argument] ...\n\
                         Options: --help --init-file --login --noediting --noprofile --norc --posix\n\
                         \t--rcfile --verbose --version -ilOo, and those of `set'\n",
                    );
                    return Err(0);
                }
                "version" if shell.bash => {
                    let version = shell.var("BASH_VERSION").unwrap_or_default();
                    shell.print(
                        "bash",
                        &format!("bash, compatible with version {version}\n"),
                    );
                    return Err(0);
                }
                _ => return Err(illegal(shell, word)),
            }
            continue;
        }
        for letter in word[1..].chars() {
            match letter {
                'c' => invocation.command = true,
                's' => invocation.stdin = on,
                'i' => invocation.interactive = on,
                'l' => invocation.login = on,
                'o' | 'O' if letter == 'o' || shell.bash => {
                    let Some(name) = args.get(at) else {
                        return Err(illegal(shell, word));
                    };
                    at += 1;
                    let known = match (letter, shell.options.by_shopt(name)) {
                        ('O', Some(option)) => {
                            *option = on;
                            true
                        }
                        ('O', None) => false,
                        _ => set_named(shell, name, on),
                    };
                    if !known {
                        return Err(illegal(shell, name));
                    }
                }
                letter => match shell.options.by_letter(letter) {
                    Some(option) => *option = on,
                    None => return Err(illegal(shell, &format!("-{letter}"))),
                },
            }
        }
    }
    Ok(at)
}

fn illegal(shell: &Shell, option: &str) -> i32 {
    let label = &shell.label;
    let message = if shell.bash {
        format!("{label}: {option}: invalid option\n")
    } else {
        format!("{label}: 0: Illegal option {option}\n")
    };
    shell.print_error_raw(&message);
    2
}

fn start(shell: &mut Shell, invocation: &Invocation, mut rest: Vec<String>) -> i32 {
    if invocation.session {
        shell.positional = rest;
        startup_files(shell, invocation);
        let status = crate::session::run(shell);
        return end(shell, status);
    }
    let terminal = sys::tty::isatty(0) && sys::tty::isatty(2);
    let commands_from_stdin = !invocation.command && (rest.is_empty() || invocation.stdin);
    shell.interactive = invocation.interactive || commands_from_stdin && terminal;
    shell.options.interactive = shell.interactive;
    let mut input = if invocation.command {
        if rest.is_empty() {
            let message = if shell.bash {
                "-c: option requires an argument"
            } else {
                "0: -c requires an argument"
            };
            shell.print_error_raw(&format!("{}: {message}\n", shell.label));
            return 2;
        }
        let command = rest.remove(0);
        if !rest.is_empty() {
            shell.name = rest.remove(0);
            shell.label.clone_from(&shell.name);
        }
        shell.command_string = true;
        if shell.bash {
            shell.force("BASH_EXECUTION_STRING", &command);
        }
        Input::text(&command, 1)
    } else if commands_from_stdin {
        shell.options.stdin = true;
        Input::from(if shell.interactive {
            Origin::Editor
        } else {
            Origin::Fd(0)
        })
    } else {
        let file = rest.remove(0);
        match script(shell, &file) {
            Ok(input) => input,
            Err(status) => return status,
        }
    };
    shell.positional = rest;
    if shell.interactive {
        become_interactive(shell);
    }
    startup_files(shell, invocation);
    if shell.interactive {
        shell.begin_history();
    }
    let status = main_loop(shell, &mut input);
    end(shell, status)
}

/// Reads a script; the shell takes its name.
fn script(shell: &mut Shell, file: &str) -> Result<Input, i32> {
    let read = |path: &str| std::fs::read(text::path(path));
    let result = match read(file) {
        Err(error) if sys::errno::is(&error, sys::errno::ENOENT) && !file.contains('/') => {
            let path = shell.var("PATH").unwrap_or_default();
            let found = path
                .split(':')
                .map(|d| format!("{d}/{file}"))
                .find(|p| sys::path::stat(text::path(p)).is_ok_and(|s| s.is_file()));
            found.map_or(Err(error), |path| read(&path))
        }
        other => other,
    };
    shell.name = file.to_owned();
    match result {
        Ok(bytes) => {
            if bytes.iter().take(80).any(|b| *b == 0) {
                shell.print_error_raw(&format!(
                    "{}: {file}: cannot execute binary file\n",
                    shell.label
                ));
                return Err(126);
            }
            shell.label = file.to_owned();
            shell.script = Rc::from(file);
            Ok(Input::text(&text::decode(&bytes), 1))
        }
        Err(error) => {
            let reason = sys::errno::message(&error);
            let missing = sys::errno::is(&error, sys::errno::ENOENT);
            let message = if shell.bash {
                format!("{}: {file}: {reason}\n", shell.label)
            } else {
                let reason = if missing {
                    "No such file".to_owned()
                } else {
                    reason
                };
                format!("{}: 0: cannot open {file}: {reason}\n", shell.label)
            };
            shell.print_error_raw(&message);
            Err(match (shell.bash, missing) {
                (true, true) => 127,
                (true, false) => 126,
                (false, _) => 2,
            })
        }
    }
}

fn become_interactive(shell: &mut Shell) {
    let root = sys::process::ids().is_ok_and(|i| i.euid == 0);
    if shell.var("PS1").is_none() {
        let prompt = match (shell.bash, root) {
            (true, _) => "\\s-\\v\\$ ",
            (false, true) => "# ",
            (false, false) => "$ ",
        };
        shell.force("PS1", prompt);
    }
    if shell.var("PS2").is_none() {
        shell.force("PS2", "> ");
    }
    shell.options.emacs = true;
    if shell.bash {
        shell.options.expand_aliases = true;
        shell.options.histexpand = true;
        shell.options.history = true;
    }
    // Job control needs the terminal: wait until this group is in the foreground, then lead an own one.
    let terminal = sys::tty::isatty(0) && sys::tty::getpgrp(0).is_ok();
    shell.options.monitor = terminal;
    shell.interactive_signals();
    if terminal {
        let pid = sys::process::getpid();
        shell.editor.keep_terminal();
        // A session leader leads its group already.
        let _ = sys::process::setpgid(0, 0);
        let _ = sys::tty::setpgrp(shell.editor.terminal(), pid);
    }
}

fn startup_files(shell: &mut Shell, invocation: &Invocation) {
    let mut files = Vec::new();
    let home = shell.var("HOME").unwrap_or_default();
    if invocation.login && !invocation.no_profile {
        files.push("/etc/profile".to_owned());
        let own = if shell.bash {
            [".bash_profile", ".bash_login", ".profile"].as_slice()
        } else {
            &[".profile"]
        };
        let exists = |f: &String| sys::path::stat(text::path(f)).is_ok();
        files.extend(own.iter().map(|f| format!("{home}/{f}")).find(exists));
    }
    if shell.interactive && !shell.bash {
        if let Some(env) = shell.var("ENV") {
            files.push(shell.expand_prompt(&env));
        }
    } else if shell.interactive && !invocation.login && !invocation.no_rc {
        files.push(
            invocation
                .rc_file
                .clone()
                .unwrap_or_else(|| format!("{home}/.bashrc")),
        );
    } else if shell.bash
        && !shell.interactive
        && let Some(env) = shell.var("BASH_ENV").filter(|e| !e.is_empty())
    {
        files.push(shell.expand_prompt(&env));
    }
    for file in files {
        if let Ok(bytes) = std::fs::read(text::path(&file)) {
            let mut input = Input::text(&text::decode(&bytes), 1);
            // Errors were reported; the shell starts all the same.
            if let Err(Flow::Exit(status)) = shell.run_input(&mut input, false) {
                std::process::exit(end(shell, status));
            }
        }
    }
}

fn main_loop(shell: &mut Shell, input: &mut Input) -> i32 {
    loop {
        // Of a script that is read from a file the shell stays to the end: the process has the script's name.
        let tail = !shell.interactive && shell.command_string;
        let result: Exec = shell.run_input(input, tail);
        match result {
            Ok(status) => {
                if shell.interactive && shell.traps.interrupted {
                    shell.traps.interrupted = false;
                    input.discard();
                    continue;
                }
                return if shell.interactive {
                    shell.status
                } else {
                    status
                };
            }
            Err(Flow::Exit(status)) => return status,
            Err(Flow::Return(status)) => {
                if !shell.interactive {
                    return status;
                }
            }
            Err(flow @ (Flow::Abort(_) | Flow::Discard)) => {
                let status = if let Flow::Abort(status) = flow {
                    status
                } else {
                    1
                };
                shell.status = status;
                if !shell.interactive {
                    return status;
                }
                if std::mem::take(&mut shell.traps.interrupted) {
                    shell.status = 130;
                }
                shell.depth = 0;
                shell.tested = 0;
                shell.loops = 0;
                input.discard();
            }
            Err(Flow::Break(_) | Flow::Continue(_)) => {}
        }
    }
}

/// What is left to do at the end.
fn end(shell: &mut Shell, status: i32) -> i32 {
    let status = shell.run_exit_trap(status);
    if shell.interactive {
        shell.end_history();
    }
    if shell.interactive && shell.bash && shell.options.monitor {
        shell.print_error_raw("exit\n");
        shell.end_stopped_jobs();
    }
    shell.finish_filters();
    status & 0xff
}
