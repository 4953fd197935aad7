//! `pstree`, by its manual page: processes below those that started them. What is written is what psmisc's writes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use secure_exec_cli::{Args, Failure, Outcome, Syntax, flag};
use secure_exec_sys::Pid;
use secure_exec_sys::{tty, users};

use crate::procfs::{self, Process, printable};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('A', "ascii"),
        flag('a', "arguments"),
        flag('c', "compact-not"),
        flag('h', "highlight-all"),
        flag('l', "long"),
        flag('n', "numeric-sort"),
        flag('p', "show-pids"),
        flag('s', "show-parents"),
        flag('T', "hide-threads"),
        flag('U', "unicode"),
        flag('V', "version"),
    ],
    usage: "[OPTION]... [PID | USER]",
    usage_status: 1,
    operand_ends: false,
};

/// How deep a chain is shown, as each process is a call; `...` stands for the rest.
const DEEPEST: usize = 500;

/// Columns of lines where there is no terminal; what is longer ends with `+`.
const COLUMNS: usize = 132;

/// The lines that connect: of an only child, of the first of several, and before, between and at the last one.
struct Lines {
    only: &'static str,
    first: &'static str,
    along: &'static str,
    next: &'static str,
    last: &'static str,
}

const ASCII: Lines = Lines {
    only: "---",
    first: "-+-",
    along: " | ",
    next: " |-",
    last: " `-",
};
const UNICODE: Lines = Lines {
    only: "───",
    first: "─┬─",
    along: " │ ",
    next: " ├─",
    last: " └─",
};

/// A process or a thread with what is below it; the same several times is one of them.
#[derive(PartialEq, Eq)]
struct Node {
    name: String,
    times: usize,
    below: Vec<Node>,
}

/// What is shown of processes.
struct Tree {
    children: BTreeMap<Pid, Vec<Process>>,
    pids: bool,
    arguments: bool,
    merges: bool,
    threads: bool,
}

/// How nodes are drawn.
struct Drawing {
    lines: &'static Lines,
    /// Each node has a line of its own.
    is_list: bool,
    width: usize,
    out: String,
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("version") {
        println!("pstree (secure-exec) {}", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    let processes = procfs::processes();
    let mut children: BTreeMap<Pid, Vec<Process>> = BTreeMap::new();
    for process in processes.iter().filter(|each| each.pid != each.ppid) {
        let list = children.entry(process.ppid).or_default();
        list.push(process.clone());
    }
    if !parsed.has("numeric-sort") {
        for list in children.values_mut() {
            list.sort_by(|a, b| a.comm.cmp(&b.comm).then(a.pid.cmp(&b.pid)));
        }
    }
    let is_list = parsed.has("arguments");
    let pids = parsed.has("show-pids");
    let tree = Tree {
        children,
        pids,
        arguments: is_list,
        merges: !pids && !parsed.has("compact-not"),
        threads: !parsed.has("hide-threads"),
    };
    let ascii = match parsed.last_of(&["ascii", "unicode"]) {
        Some(name) => name == "ascii",
        None => !tty::isatty(1) || !locale_is_unicode(),
    };
    let columns = tty::winsize(1).map_or(0, |size| usize::from(size.columns));
    let mut drawing = Drawing {
        lines: if ascii { &ASCII } else { &UNICODE },
        is_list,
        width: match columns {
            _ if parsed.has("long") => usize::MAX,
            0 => COLUMNS,
            columns => columns,
        },
        out: String::new(),
    };
    for (at, root) in roots(&parsed.operands, &processes)?.iter().enumerate() {
        if at > 0 {
            drawing.out.push('\n');
        }
        let mut node = tree.node(root, 0);
        if parsed.has("show-parents") {
            node = tree.with_parents(node, root, &processes);
        }
        drawing.draw(&node, String::new(), "", 0);
    }
    io::stdout().write_all(drawing.out.as_bytes())?;
    Ok(0)
}

fn locale_is_unicode() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok());
    let value = set.into_iter().find(|value| !value.is_empty());
    value.is_none_or(|value| value != "C" && value != "POSIX")
}

/// Where trees begin: at a process, at those of a user whose parents are others', or at the first process.
fn roots(operands: &[std::ffi::OsString], processes: &[Process]) -> Result<Vec<Process>, Failure> {
    let find = |pid: Pid| processes.iter().find(|each| each.pid == pid).cloned();
    let Some(operand) = operands.last() else {
        let first = find(1).or_else(|| processes.first().cloned());
        return Ok(first.into_iter().collect());
    };
    let text = operand.to_string_lossy();
    if let Ok(pid) = text.parse::<Pid>() {
        return find(pid)
            .map(|root| vec![root])
            .ok_or_else(|| Failure::silent(1));
    }
    let user = users::user_by_name(&text).ok_or_else(|| Failure {
        status: 1,
        message: format!("No such user name: {text}"),
    })?;
    let own = |pid: Pid| find(pid).is_some_and(|each| each.uid == user.uid);
    let roots: Vec<Process> = processes
        .iter()
        .filter(|each| each.uid == user.uid && !own(each.ppid))
        .cloned()
        .collect();
    if roots.is_empty() {
        return Err(Failure {
            status: 1,
            message: "No processes found.".to_owned(),
        });
    }
    Ok(roots)
}

impl Tree {
    fn name(&self, process: &Process) -> String {
        let mut name = printable(&process.comm);
        if self.pids {
            name = if self.arguments {
                format!("{name},{}", process.pid)
            } else {
                format!("{name}({})", process.pid)
            };
        }
        if self.arguments && process.args.len() > 1 {
            name = format!("{name} {}", printable(&process.args[1..].join(" ")));
        }
        name
    }

    fn node(&self, process: &Process, depth: usize) -> Node {
        let mut below: Vec<Node> = Vec::new();
        let children = self.children.get(&process.pid);
        for child in children.into_iter().flatten() {
            if depth >= DEEPEST {
                below.push(Node {
                    name: "...".to_owned(),
                    times: 1,
                    below: Vec::new(),
                });
                break;
            }
            let mut node = self.node(child, depth + 1);
            // With arguments each process has a line of its own.
            if self.merges && !self.arguments {
                let same = below
                    .iter_mut()
                    .find(|other| other.name == node.name && other.below == node.below);
                if let Some(same) = same {
                    same.times += 1;
                    continue;
                }
            }
            node.times = 1;
            below.push(node);
        }
        let threads = usize::try_from(process.threads).unwrap_or(1);
        if self.threads && threads > 1 && self.merges {
            below.push(Node {
                name: format!("{{{}}}", printable(&process.comm)),
                times: threads - 1,
                below: Vec::new(),
            });
        }
        Node {
            name: self.name(process),
            times: 1,
            below,
        }
    }

    /// The processes above, each with this one alone.
    fn with_parents(&self, node: Node, process: &Process, processes: &[Process]) -> Node {
        let mut node = node;
        let mut ppid = process.ppid;
        for _ in 0..DEEPEST {
            let Some(parent) = processes.iter().find(|each| each.pid == ppid) else {
                break;
            };
            node = Node {
                name: self.name(parent),
                times: 1,
                below: vec![node],
            };
            ppid = parent.ppid;
        }
        node
    }
}

impl Drawing {
    /// Draws a node and what is below it. The line has begun; those below begin with `before`, and `closing` brackets end
    /// each line.
    fn draw(&mut self, node: &Node, mut line: String, before: &str, closing: usize) {
        let mut room = before.to_owned();
        let mut closing = closing;
        let mark = match node.times {
            1 => String::new(),
            times => format!("{times}*["),
        };
        closing += usize::from(node.times > 1);
        line.push_str(&mark);
        line.push_str(&node.name);
        let Some(last) = node.below.len().checked_sub(1) else {
            self.end(&line, closing);
            return;
        };
        if self.is_list {
            self.end(&line, closing);
            room.push(' ');
        } else {
            let width = mark.chars().count() + node.name.chars().count();
            room.extend(std::iter::repeat_n(' ', width));
        }
        for (at, child) in node.below.iter().enumerate() {
            let lead = match at {
                0 if !self.is_list && last == 0 => self.lines.only,
                0 if !self.is_list => self.lines.first,
                at if at == last => self.lines.last,
                _ => self.lines.next,
            };
            let along = if at == last { "   " } else { self.lines.along };
            let begun = if at == 0 && !self.is_list {
                std::mem::take(&mut line)
            } else {
                room.clone()
            };
            self.draw(child, begun + lead, &format!("{room}{along}"), closing);
        }
    }

    fn end(&mut self, line: &str, closing: usize) {
        let line = format!("{line}{}", "]".repeat(closing));
        if line.chars().count() > self.width {
            self.out
                .extend(line.chars().take(self.width.saturating_sub(1)));
            self.out.push('+');
        } else {
            self.out.push_str(&line);
        }
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::{ASCII, Drawing, Node};

    fn node(name: &str, times: usize, below: Vec<Node>) -> Node {
        Node {
            name: name.to_owned(),
            times,
            below,
        }
    }

    fn drawn(node: &Node, width: usize) -> String {
        let mut drawing = Drawing {
            lines: &ASCII,
            is_list: false,
            width,
            out: String::new(),
        };
        drawing.draw(node, String::new(), "", 0);
        drawing.out
    }

    #[test]
    fn the_same_below_one_is_drawn_once() {
        let pair = node(
            "sh",
            2,
            vec![node("a", 1, Vec::new()), node("b", 3, Vec::new())],
        );
        let root = node(
            "init",
            1,
            vec![pair, node("c", 1, vec![node("d", 1, Vec::new())])],
        );
        assert_eq!(
            drawn(&root, 80),
            "init-+-2*[sh-+-a]\n     |       `-3*[b]]\n     `-c---d\n"
        );
        assert_eq!(drawn(&root, 8).lines().next(), Some("init-+-+"));
    }
}
