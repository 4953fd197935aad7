//! `compgen`: what could complete a word.

use std::rc::Rc;

use super::completion::Spec;
use crate::builtins;
use crate::exec::lookup::{DEFAULT_PATH, is_program};
use crate::expand::glob;
use crate::shell::{Exec, Flow, Shell};
use crate::variables::Value;

use super::names::keywords;

/// Kinds of names by their letters, and by the words that `-A` takes.
pub(super) const KINDS: [(char, &str); 23] = [
    ('a', "alias"),
    ('b', "builtin"),
    ('c', "command"),
    ('d', "directory"),
    ('e', "export"),
    ('f', "file"),
    ('j', "job"),
    ('k', "keyword"),
    ('v', "variable"),
    ('u', "user"),
    ('F', "function"),
    ('A', "arrayvar"),
    ('O', "shopt"),
    ('o', "setopt"),
    ('H', "helptopic"),
    ('S', "signal"),
    ('g', "group"),
    ('s', "service"),
    ('h', "hostname"),
    ('B', "binding"),
    ('D', "disabled"),
    ('E', "enabled"),
    ('R', "running"),
];

fn commands(shell: &Shell) -> Vec<String> {
    let path = shell.var("PATH").unwrap_or_else(|| DEFAULT_PATH.to_owned());
    let mut found = Vec::new();
    for dir in path.split(':').filter(|dir| !dir.is_empty()) {
        let Ok(entries) = std::fs::read_dir(crate::text::path(dir)) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            let name = crate::text::from_os(&entry.file_name());
            if is_program(&format!("{dir}/{name}")) {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}

/// The names of a kind, in bash's order.
fn names(shell: &mut Shell, kind: char, prefix: &str) -> Vec<String> {
    let functions = |shell: &Shell| {
        let mut list: Vec<String> = shell.functions.keys().cloned().collect();
        list.sort();
        list
    };
    let keywords = || keywords().map(str::to_owned).collect::<Vec<_>>();
    let variables = |shell: &Shell, wanted: fn(&crate::variables::Variable) -> bool| {
        let set = shell.vars.iter().filter(|(_, v)| wanted(v));
        set.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    match kind {
        'a' => shell.aliases.keys().cloned().collect(),
        'b' => builtins::all(true).into_iter().map(str::to_owned).collect(),
        'c' => {
            let mut list: Vec<String> = shell.aliases.keys().cloned().collect();
            list.extend(keywords());
            list.extend(functions(shell));
            list.extend(builtins::all(true).into_iter().map(str::to_owned));
            list.extend(commands(shell));
            list
        }
        'd' | 'f' => {
            let mut pattern = String::new();
            crate::expand::pattern::escape(prefix, &mut pattern);
            pattern.push('*');
            let mut list = glob::paths(&pattern, &shell.options, &[], false);
            if kind == 'd' {
                let is_dir = |p: &String| {
                    secure_exec_sys::path::stat(crate::text::path(p)).is_ok_and(|s| s.is_dir())
                };
                list.retain(is_dir);
            }
            list
        }
        'e' => variables(shell, |v| v.attributes.export && v.value != Value::Unset),
        'v' => variables(shell, |v| v.value != Value::Unset),
        'A' => variables(shell, |v| v.is_indexed() || v.is_assoc()),
        'F' => functions(shell),
        'k' => keywords(),
        'O' => crate::options::SHOPT
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        'o' => {
            let all = crate::options::SET
                .iter()
                .chain(&crate::options::EXTRA[..1]);
            let mut list: Vec<String> = all.map(|(_, name, _)| (*name).to_owned()).collect();
            list.sort();
            list
        }
        'H' | 'E' => builtins::all(true)
            .into_iter()
            .filter(|name| kind == 'H' || !shell.disabled_builtins.iter().any(|d| d == name))
            .map(str::to_owned)
            .collect(),
        'D' => shell.disabled_builtins.clone(),
        'S' => (1..=31)
            .filter_map(secure_exec_sys::signal::name)
            .map(|name| format!("SIG{name}"))
            .collect(),
        'u' => named_in("/etc/passwd"),
        'g' => named_in("/etc/group"),
        'j' | 'R' => {
            let jobs = shell.jobs.list.iter().filter(|job| job.id != 0);
            jobs.filter_map(|job| job.text.split(' ').next().map(str::to_owned))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The names in a file of accounts.
fn named_in(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split(':').next());
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The words of a list, which is expanded and may quote what separates words.
fn listed(shell: &mut Shell, list: &str) -> Result<Vec<String>, Flow> {
    let mut input = crate::syntax::Input::text(list, shell.line);
    let parts = match crate::syntax::Parser::new(&mut input, shell).here_parts() {
        Ok(parts) => parts,
        Err(error) => return shell.fatal(&error.message),
    };
    let context = crate::expand::Context {
        quoted: true,
        ..crate::expand::Context::SINGLE
    };
    let text = crate::expand::join(shell.pieces(&parts, context)?);
    let (mut line, mut quote) = (Vec::new(), None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => line.extend(chars.next().map(|c| (c, true))),
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, quote) => line.push((c, quote.is_some())),
        }
    }
    Ok(shell.split_line(&line, None))
}

/// What a function puts into `COMPREPLY`.
fn replies(shell: &mut Shell, name: &str, arguments: [&str; 3]) -> Result<Vec<String>, Flow> {
    let Some(function) = shell.functions.get(name).map(Rc::clone) else {
        shell.error(&format!("compgen: {name}: function not found"));
        return Ok(Vec::new());
    };
    shell.vars.remove("COMPREPLY");
    let mut words = vec![name.to_owned()];
    words.extend(arguments.map(str::to_owned));
    shell.call_function(&function, words)?;
    let found = shell.elements("COMPREPLY").unwrap_or_default();
    shell.vars.remove("COMPREPLY");
    Ok(found.into_iter().map(|(_, text)| text).collect())
}

/// What could stand in the place of a word, which is an argument of `command`.
pub fn candidates(
    shell: &mut Shell,
    spec: &Spec,
    command: &str,
    word: &str,
    previous: &str,
) -> Result<Vec<String>, Flow> {
    let mut found = Vec::new();
    for kind in &spec.kinds {
        found.extend(names(shell, *kind, word));
    }
    found.retain(|name| name.starts_with(word));
    if let Some(pattern) = &spec.glob {
        found.extend(glob::paths(pattern, &shell.options, &[], false));
    }
    if let Some(list) = &spec.words {
        let words = listed(shell, list)?;
        found.extend(words.into_iter().filter(|known| known.starts_with(word)));
    }
    if let Some(function) = &spec.function {
        found.extend(replies(shell, function, [command, word, previous])?);
    }
    if let Some(program) = &spec.command {
        let quoted = |text: &str| crate::expand::escape::bash_single_quote(text);
        let line = format!(
            "{program} {} {} {}",
            quoted(command),
            quoted(word),
            quoted(previous)
        );
        let outer = shell.capture.take();
        let source = format!("COMPREPLY=$({line})\n");
        let ran = shell.eval_text(&source, shell.line);
        shell.capture = outer;
        ran?;
        let text = shell.var("COMPREPLY").unwrap_or_default();
        shell.vars.remove("COMPREPLY");
        found.extend(text.lines().map(str::to_owned));
    }
    if let Some(filter) = &spec.filter {
        let (keep, pattern) = match filter.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, filter.as_str()),
        };
        let pattern = crate::expand::pattern::Pattern::new(pattern, true, false);
        found.retain(|name| pattern.matches(name) == keep);
    }
    for name in &mut found {
        *name = format!("{}{name}{}", spec.before, spec.after);
    }
    let has = |name: &str| spec.options.iter().any(|option| option == name);
    if found.is_empty() && (has("default") || has("bashdefault")) {
        found = names(shell, 'f', word);
    } else if found.is_empty() && has("dirnames") || has("plusdirs") {
        found.extend(names(shell, 'd', word));
    }
    Ok(found)
}

pub fn compgen(shell: &mut Shell, words: &[String]) -> Exec {
    let call = match Spec::parse(shell, words, "") {
        Ok(call) => call,
        Err(status) => return Ok(status),
    };
    let spec = call.spec;
    let word = call.operands.first().cloned().unwrap_or_default();
    for (letter, given) in [('F', &spec.function), ('C', &spec.command)] {
        if given.is_some() && !shell.completing {
            shell.error(&format!(
                "compgen: warning: -{letter} option may not work as you expect"
            ));
        }
    }
    if spec.function.is_some() && !shell.completing {
        for (name, value) in [("COMP_CWORD", "-1"), ("COMP_LINE", ""), ("COMP_POINT", "0")] {
            shell.force(name, value);
        }
        shell.vars.entry("COMP_WORDS").value = Value::Array(std::collections::BTreeMap::new());
    }
    let found = match candidates(shell, &spec, "compgen", &word, "") {
        Ok(found) => found,
        Err(Flow::Discard | Flow::Abort(_)) => return Ok(1),
        Err(flow) => return Err(flow),
    };
    let text: String = found.iter().map(|name| format!("{name}\n")).collect();
    let printed = shell.print("compgen", &text);
    Ok(if printed == 0 {
        i32::from(found.is_empty())
    } else {
        printed
    })
}
