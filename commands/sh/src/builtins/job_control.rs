//! `wait`, `jobs`, `fg`, `bg`, `kill`, `disown`, `suspend`.

use secure_exec_sys as sys;
use sys::Pid;

use crate::jobs::{Job, State, exit_status};
use crate::shell::{Exec, Flow, Shell};
use crate::text;

pub fn wait(shell: &mut Shell, words: &[String]) -> Exec {
    let mut rest = &words[1..];
    let mut any = false;
    let mut variable = None;
    while let Some(word) = rest
        .first()
        .filter(|w| shell.bash && w.starts_with('-') && w.len() > 1)
    {
        if word == "--" {
            rest = &rest[1..];
            break;
        }
        for (at, letter) in word.char_indices().skip(1) {
            match letter {
                'n' => any = true,
                'f' => {}
                'p' if at + 1 < word.len() => variable = Some(word[at + 1..].to_owned()),
                'p' if rest.len() > 1 => {
                    variable = Some(rest[1].clone());
                    rest = &rest[1..];
                }
                'p' => return Ok(shell.misuse("wait: -p: option requires an argument")),
                letter => return Ok(shell.misuse(&format!("wait: -{letter}: invalid option"))),
            }
            if letter == 'p' {
                break;
            }
        }
        rest = &rest[1..];
    }
    if let Some(name) = &variable {
        if !text::is_name(crate::builtins::variables::base_name(name)) {
            shell.error(&format!("wait: `{name}': not a valid identifier"));
            return Ok(1);
        }
        let unset = [String::from("unset"), name.clone()];
        crate::builtins::variables::unset(shell, &unset)?;
    }
    let (status, pid) = if any {
        wait_any(shell, rest)?
    } else if rest.is_empty() {
        (wait_all(shell)?, None)
    } else {
        wait_each(shell, rest)?
    };
    if let (Some(name), Some(pid)) = (variable, pid) {
        shell.assign(&name, pid.to_string())?;
    }
    Ok(status)
}

/// Waits for all jobs.
fn wait_all(shell: &mut Shell) -> Exec {
    while shell
        .jobs
        .list
        .iter()
        .any(|j| j.id != 0 && j.state() == State::Running)
    {
        if let Err(signal) = shell.wait_for_change() {
            shell.run_traps()?;
            return Ok(128 + signal);
        }
    }
    for at in 0..shell.jobs.list.len() {
        shell.report_ended(at);
    }
    shell
        .jobs
        .list
        .retain(|j| !matches!(j.state(), State::Done(_)));
    shell.jobs.forget_remembered();
    Ok(0)
}

/// The process that an operand of `wait` means; `Err` is the status, reported.
fn waited_pid(shell: &mut Shell, word: &str) -> Result<Option<Pid>, i32> {
    if word.starts_with('%') {
        let found = shell.jobs.by_name(word);
        if found.is_none() {
            if !shell.bash {
                return Err(shell.misuse(&format!("wait: No such job: {word}")));
            }
            shell.error(&format!("wait: {word}: no such job"));
        }
        return Ok(found.map(|at| shell.jobs.list[at].last_pid()));
    }
    if let Ok(pid) = word.parse::<Pid>() {
        return Ok(Some(pid));
    }
    let message = if shell.bash {
        format!("wait: `{word}': not a pid or valid job spec")
    } else {
        format!("wait: Illegal number: {word}")
    };
    shell.error(&message);
    Err(if shell.bash { 1 } else { 2 })
}

/// Waits for each operand; gives the status and the process of the last one.
fn wait_each(shell: &mut Shell, words: &[String]) -> Result<(i32, Option<Pid>), Flow> {
    let mut last = (0, None);
    for word in words {
        let pid = match waited_pid(shell, word) {
            Ok(Some(pid)) => pid,
            Ok(None) => {
                last = (127, None);
                continue;
            }
            Err(status) => return Ok((status, None)),
        };
        last = match shell.wait_background(pid) {
            Ok(status) => (status, Some(pid)),
            Err(signal) => {
                shell.run_traps()?;
                return Ok((128 + signal, None));
            }
        };
    }
    Ok(last)
}

/// Waits for one job of the operands, or of all; gives its status and process.
fn wait_any(shell: &mut Shell, words: &[String]) -> Result<(i32, Option<Pid>), Flow> {
    let mut wanted = Vec::new();
    for word in words {
        // What is no job was told, and is not waited for.
        if let Ok(Some(pid)) = waited_pid(shell, word) {
            wanted.push(pid);
        }
    }
    if !words.is_empty() {
        for pid in &wanted {
            if let Some(status) = shell.jobs.recall(*pid) {
                return Ok((status, Some(*pid)));
            }
            if shell.jobs.by_pid(*pid).is_none() {
                shell.error(&format!("wait: {pid}: no such job"));
            }
        }
    }
    let all = words.is_empty();
    let meant = |job: &Job| {
        job.id != 0 && (all || job.processes.iter().any(|(pid, _)| wanted.contains(pid)))
    };
    loop {
        let list = &shell.jobs.list;
        let done = |job: &Job| meant(job) && matches!(job.state(), State::Done(_));
        if let Some(at) = list.iter().position(done) {
            let job = shell.jobs.list.remove(at);
            let (pid, status) = job.processes.last().copied().unwrap_or_default();
            return Ok((status.map_or(0, exit_status), Some(pid)));
        }
        if !list.iter().any(meant) {
            return Ok((127, None));
        }
        match shell.wait_for_change() {
            Ok(true) => {}
            Ok(false) => return Ok((127, None)),
            Err(signal) => {
                shell.run_traps()?;
                return Ok((128 + signal, None));
            }
        }
    }
}

pub fn jobs(shell: &mut Shell, words: &[String]) -> Exec {
    if !shell.jobs.lists_inherited() {
        return list_jobs(shell, words);
    }
    let own = std::mem::take(&mut shell.jobs.list);
    shell.jobs.list = std::mem::take(&mut shell.jobs.inherited);
    let result = list_jobs(shell, words);
    shell.jobs.inherited = std::mem::replace(&mut shell.jobs.list, own);
    result
}

fn list_jobs(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, names) = match shell.letters(words, "lpnrs") {
        Ok((letters, names)) => (letters, names.to_vec()),
        Err(message) => return Ok(shell.misuse(&message)),
    };
    shell.reap_all();
    let mut list: Vec<usize> = Vec::new();
    for name in &names {
        match shell.jobs.by_name(name) {
            Some(at) => list.push(at),
            None => {
                shell.error(&format!("jobs: {name}: no such job"));
                return Ok(1);
            }
        }
    }
    if names.is_empty() {
        list = (0..shell.jobs.list.len())
            .filter(|i| shell.jobs.list[*i].id != 0)
            .collect();
        list.sort_by_key(|i| shell.jobs.list[*i].id);
    }
    let mut out = String::new();
    for at in &list {
        let job = &shell.jobs.list[*at];
        let state = job.state();
        if letters.contains('r') && state != State::Running
            || letters.contains('s') && !matches!(state, State::Stopped(_))
        {
            continue;
        }
        if letters.contains('p') {
            out.push_str(&format!(
                "{}\n",
                job.processes.first().map_or(0, |(p, _)| *p)
            ));
        } else {
            out.push_str(&shell.job_line(*at, letters.contains('l')));
        }
    }
    let status = shell.print("jobs", &out);
    // What was told to be done is forgotten.
    let mut at = 0;
    while at < shell.jobs.list.len() {
        if matches!(shell.jobs.list[at].state(), State::Done(_)) {
            shell.retire(at)
        } else {
            at += 1
        }
    }
    Ok(status)
}

/// The job that the first operand names, or the current one; reports when there is none.
fn job_operand(shell: &mut Shell, words: &[String]) -> Option<usize> {
    let name = words.get(1).map_or("%+", String::as_str);
    let named = if name.starts_with('%') {
        name.to_owned()
    } else {
        format!("%{name}")
    };
    let found = shell.jobs.by_name(&named);
    if found.is_none() {
        let what = if words.len() > 1 { name } else { "current" };
        shell.error(&format!("{}: {what}: no such job", words[0]));
    }
    found
}

pub fn fg(shell: &mut Shell, words: &[String]) -> Exec {
    if !shell.options.monitor {
        shell.error("fg: no job control");
        return Ok(if shell.bash { 1 } else { 2 });
    }
    let Some(at) = job_operand(shell, words) else {
        return Ok(if shell.bash { 1 } else { 2 });
    };
    let text = shell.jobs.list[at].text.clone();
    shell.print("fg", &format!("{text}\n"));
    Ok(shell.foreground(at))
}

pub fn bg(shell: &mut Shell, words: &[String]) -> Exec {
    if !shell.options.monitor {
        shell.error("bg: no job control");
        return Ok(if shell.bash { 1 } else { 2 });
    }
    let Some(at) = job_operand(shell, words) else {
        return Ok(if shell.bash { 1 } else { 2 });
    };
    let turn = shell.jobs.next_turn();
    shell.jobs.list[at].turn = turn;
    shell.resume(at);
    let job = &shell.jobs.list[at];
    shell.last_background = Some(job.last_pid());
    let line = if shell.bash {
        format!("[{}]+ {} &\n", job.id, job.text)
    } else {
        format!("[{}] {}\n", job.id, job.text)
    };
    Ok(shell.print("bg", &line))
}

pub fn disown(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, names) = match shell.letters(words, "ahr") {
        Ok((letters, names)) => (letters, names.to_vec()),
        Err(message) => return Ok(shell.misuse(&message)),
    };
    let only_running = letters.contains('r');
    let mut status = 0;
    let mut chosen: Vec<Pid> = Vec::new();
    if names.is_empty() && (letters.contains('a') || only_running) {
        chosen.extend(
            shell
                .jobs
                .list
                .iter()
                .filter(|j| j.id != 0)
                .map(Job::last_pid),
        );
    } else {
        let current = vec!["%+".to_owned()];
        let given = !names.is_empty();
        for name in if given { &names } else { &current } {
            let by_pid = name.parse::<Pid>().ok().map(|pid| shell.jobs.by_pid(pid));
            let found = by_pid.unwrap_or_else(|| {
                let named = name.strip_prefix('%').unwrap_or(name);
                shell.jobs.by_name(&format!("%{named}"))
            });
            match found {
                Some(at) => chosen.push(shell.jobs.list[at].last_pid()),
                None => {
                    let what = if given { name } else { "current" };
                    shell.error(&format!("disown: {what}: no such job"));
                    status = 1;
                }
            }
        }
    }
    for pid in chosen {
        let Some(at) = shell.jobs.by_pid(pid) else {
            continue;
        };
        if only_running && shell.jobs.list[at].state() != State::Running {
            continue;
        }
        if letters.contains('h') {
            shell.jobs.list[at].keeps_on = true;
        } else {
            shell.jobs.list.remove(at);
        }
    }
    Ok(status)
}

pub fn suspend(shell: &mut Shell, _: &[String]) -> Exec {
    if shell.subshell == 0 && !shell.interactive {
        shell.error("suspend: cannot suspend: no job control");
        return Ok(1);
    }
    Ok(i32::from(
        sys::process::kill(sys::process::getpid(), sys::signal::SIGSTOP).is_err(),
    ))
}

fn list_signals(shell: &mut Shell, rest: &[String]) -> Exec {
    if rest.is_empty() {
        let names: Vec<String> = (1..=31).filter_map(sys::signal::name).collect();
        let text = if shell.bash {
            let cells: Vec<String> = names
                .iter()
                .enumerate()
                .map(|(i, n)| format!("{:2}) SIG{n}", i + 1))
                .collect();
            cells
                .chunks(5)
                .map(|row| row.join("\t") + "\n")
                .collect::<String>()
        } else {
            names.join("\n") + "\n"
        };
        return Ok(shell.print("kill", &text));
    }
    let mut out = String::new();
    let mut status = 0;
    for word in rest {
        let found = match word.parse::<i32>() {
            Ok(0) if !shell.bash => None,
            Ok(n) => sys::signal::name(if n > 128 { n - 128 } else { n }),
            Err(_) => sys::signal::number(word).map(|n| n.to_string()),
        };
        match found {
            Some(text) => out.push_str(&format!("{text}\n")),
            None => {
                status = bad_signal(shell, word);
                if !shell.bash {
                    return Ok(status);
                }
            }
        }
    }
    Ok(shell.print("kill", &out).max(status))
}

fn bad_signal(shell: &mut Shell, word: &str) -> i32 {
    if shell.bash {
        shell.error(&format!("kill: {word}: invalid signal specification"));
        return 1;
    }
    shell.misuse(&format!("kill: invalid signal number or name: {word}"))
}

pub fn kill(shell: &mut Shell, words: &[String]) -> Exec {
    let mut rest = &words[1..];
    let mut signal = sys::signal::SIGTERM;
    if let Some(word) = rest.first().filter(|w| w.starts_with('-') && w.len() > 1) {
        let named = match word.as_str() {
            "-l" | "-L" => return list_signals(shell, &rest[1..]),
            "--" => None,
            "-n" if !shell.bash => return Ok(shell.misuse("kill: Illegal option -n")),
            "-s" | "-n" => {
                rest = &rest[1..];
                Some(rest.first().cloned().unwrap_or_default())
            }
            word if word.starts_with("-s")
                && word.len() > 2
                && sys::signal::number(&word[1..]).is_none() =>
            {
                Some(word[2..].to_owned())
            }
            word => Some(word[1..].to_owned()),
        };
        rest = rest.get(1..).unwrap_or_default();
        if let Some(name) = named {
            let number = name.parse::<i32>().ok().filter(|n| (0..=64).contains(n));
            match number.or_else(|| sys::signal::number(&name)) {
                Some(n) => signal = n,
                None => return Ok(bad_signal(shell, &name)),
            }
        }
        if rest.first().is_some_and(|w| w == "--") {
            rest = &rest[1..];
        }
    }
    if rest.is_empty() {
        return Ok(shell.misuse("kill: usage: kill [-s sigspec | -signum | -sigspec] [pid | job]... or kill -l [exitstatus]"));
    }
    let mut status = 0;
    for word in rest {
        let target = if word.starts_with('%') {
            match shell.jobs.target_of(word) {
                Some(target) => target,
                None => {
                    shell.error(&format!("kill: {word}: no such job"));
                    status = if shell.bash { 1 } else { 2 };
                    continue;
                }
            }
        } else if let Ok(pid) = word.parse::<Pid>() {
            pid
        } else {
            let message = if shell.bash {
                format!("kill: {word}: arguments must be process or job IDs")
            } else {
                format!("kill: Illegal number: {word}")
            };
            shell.error(&message);
            if !shell.bash {
                return Err(Flow::Abort(2));
            }
            status = 1;
            continue;
        };
        if let Err(error) = sys::process::kill(target, signal) {
            let reason = sys::errno::message(&error);
            let message = if shell.bash {
                format!("kill: ({target}) - {reason}")
            } else {
                format!("kill: {reason}")
            };
            shell.error(&message);
            status = 1;
        }
    }
    Ok(status)
}
