//! Functions as bash prints them.

use crate::ast::{Arm, ArmEnd, Command, Compound, Cond, Function, Item, List, Pipeline, Word};
use crate::ast::{Redirect, RedirectFd, RedirectKind};
use crate::command::one_line;

/// What one level of commands is set in by.
const STEP: usize = 4;

/// Writes a tree whose words have kept their sources.
#[derive(Default)]
struct Printer {
    out: String,
    indent: usize,
    /// Bodies of here-documents that come after the line.
    bodies: Vec<String>,
}

fn source(word: &Word) -> &str {
    word.source.as_deref().unwrap_or("")
}

impl Function {
    /// The command that makes this function; it has been parsed for printing.
    pub(crate) fn print(&self, name: &str) -> String {
        let mut printer = Printer::default();
        printer.function(name, &self.body);
        printer.out
    }
}

impl Printer {
    fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn newline(&mut self) {
        self.out.push('\n');
        for body in std::mem::take(&mut self.bodies) {
            self.out.push_str(&body);
        }
        self.out.push_str(&" ".repeat(self.indent));
    }

    fn function(&mut self, name: &str, body: &Command) {
        self.text(&format!("{name} () "));
        self.newline();
        match body {
            Command::Compound {
                body: Compound::Brace(list),
                redirects,
                ..
            } => {
                self.block("{ ", list, "}");
                self.redirects(redirects);
            }
            body => {
                self.text("{ ");
                self.indent += STEP;
                self.newline();
                self.command(body);
                self.indent -= STEP;
                self.newline();
                self.text("}");
            }
        }
    }

    /// A list one level deeper, between lines of its own.
    fn block(&mut self, open: &str, list: &List, close: &str) {
        self.text(open);
        self.indent += STEP;
        self.newline();
        self.list(list);
        self.indent -= STEP;
        self.newline();
        self.text(close);
    }

    /// A list with a semicolon at its end.
    fn body(&mut self, open: &str, list: &List, close: &str) {
        self.text(open);
        self.indent += STEP;
        self.newline();
        self.list(list);
        self.end(list);
        self.indent -= STEP;
        self.newline();
        self.text(close);
    }

    fn end(&mut self, list: &List) {
        if !list.last().is_some_and(|item| item.background) && self.bodies.is_empty() {
            self.text(";");
        }
    }

    fn list(&mut self, list: &List) {
        for (at, item) in list.iter().enumerate() {
            self.item(item);
            if at + 1 < list.len() {
                if item.background {
                    self.text(" ");
                    continue;
                }
                if self.bodies.is_empty() {
                    self.text(";");
                    self.newline();
                } else {
                    self.newline();
                    self.out.truncate(self.out.trim_end_matches(' ').len());
                    self.newline();
                }
            }
        }
    }

    fn item(&mut self, item: &Item) {
        self.pipeline(&item.first);
        for (and, pipeline) in &item.rest {
            self.text(if *and { " && " } else { " || " });
            self.pipeline(pipeline);
        }
        if item.background {
            self.text(" &");
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        if let Some(posix) = pipeline.time {
            self.text(if posix { "time -p " } else { "time " });
        }
        if pipeline.bang {
            self.text("! ");
        }
        for (at, command) in pipeline.commands.iter().enumerate() {
            if at > 0 {
                self.text(" | ");
            }
            self.command(command);
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(simple) => {
                self.text(&simple.text);
                let redirects = simple.redirects.as_slice();
                if simple.text.is_empty() {
                    let before = self.out.len();
                    self.redirects(redirects);
                    // The blank before the first one.
                    self.out.remove(before);
                } else {
                    self.redirects(redirects);
                }
            }
            Command::Compound {
                body,
                redirects,
                text,
                ..
            } => {
                self.compound(body, text);
                self.redirects(redirects);
            }
            Command::Function { name, function } => {
                self.text("function ");
                self.function(name, &function.body);
            }
        }
    }

    fn compound(&mut self, body: &Compound, text: &str) {
        match body {
            Compound::Brace(list) => {
                self.block("{ ", list, "}");
            }
            Compound::Subshell(list) => {
                self.text("( ");
                self.list(list);
                self.text(" )");
            }
            Compound::For { name, words, body } => self.loop_over("for", name, words, body),
            Compound::Select { name, words, body } => self.loop_over("select", name, words, body),
            Compound::ArithFor {
                init,
                test,
                step,
                body,
            } => {
                let or_one = |word: &Word| match source(word).trim() {
                    "" => "1".to_owned(),
                    text => text.to_owned(),
                };
                let (init, test, step) = (or_one(init), or_one(test), or_one(step));
                self.text(&format!("for (({init}; {test}; {step}))"));
                self.newline();
                self.body("do", body, "done");
            }
            Compound::Case { subject, arms } => self.case(subject, arms),
            Compound::If {
                branches,
                otherwise,
            } => self.branches(branches, otherwise.as_ref()),
            Compound::While { until, test, body } => {
                self.text(if *until { "until " } else { "while " });
                self.list(test);
                self.body("; do", body, "done");
            }
            Compound::Coproc { name, body, .. } => {
                self.text(&format!("coproc {name} "));
                self.command(body);
            }
            Compound::Arith(_) => self.text(text),
            Compound::Cond(condition) => {
                self.text("[[ ");
                self.condition(condition);
                self.text(" ]]");
            }
        }
    }

    fn loop_over(&mut self, keyword: &str, name: &str, words: &Option<Vec<Word>>, body: &List) {
        let words = match words {
            Some(words) => words.iter().map(source).collect::<Vec<_>>().join(" "),
            None => "\"$@\"".to_owned(),
        };
        self.text(&format!("{keyword} {name} in {words};"));
        self.newline();
        self.body("do", body, "done");
    }

    fn branches(&mut self, branches: &[(List, List)], otherwise: Option<&List>) {
        let Some(((test, body), rest)) = branches.split_first() else {
            return;
        };
        self.text("if ");
        self.list(test);
        self.body("; then", body, "");
        if rest.is_empty() {
            if let Some(body) = otherwise {
                self.body("else", body, "");
            }
        } else {
            // What bash makes of `elif`.
            self.text("else");
            self.indent += STEP;
            self.newline();
            self.branches(rest, otherwise);
            self.text(";");
            self.indent -= STEP;
            self.newline();
        }
        self.text("fi");
    }

    fn case(&mut self, subject: &Word, arms: &[Arm]) {
        self.text(&format!("case {} in ", source(subject)));
        self.indent += STEP;
        for arm in arms {
            self.newline();
            let patterns: Vec<&str> = arm.patterns.iter().map(source).collect();
            self.text(&format!("{})", patterns.join(" | ")));
            self.indent += STEP;
            if arm.body.is_empty() {
                self.text("\n");
            } else {
                self.newline();
            }
            self.list(&arm.body);
            self.indent -= STEP;
            self.newline();
            self.text(match arm.end {
                ArmEnd::Break => ";;",
                ArmEnd::FallThrough => ";&",
                ArmEnd::TestNext => ";;&",
            });
        }
        self.indent -= STEP;
        self.newline();
        self.text("esac");
    }

    fn condition(&mut self, condition: &Cond) {
        match condition {
            Cond::Not(inner) => {
                self.text("! ");
                self.condition(inner);
            }
            Cond::Group(inner) => {
                self.text("( ");
                self.condition(inner);
                self.text(" )");
            }
            Cond::And(a, b) | Cond::Or(a, b) => {
                let and = matches!(condition, Cond::And(..));
                self.condition(a);
                self.text(if and { " && " } else { " || " });
                self.condition(b);
            }
            Cond::Word(word) => self.text(&format!("-n {}", source(word))),
            Cond::Unary(operator, word) => self.text(&format!("{operator} {}", source(word))),
            Cond::Binary(left, operator, right) => {
                self.text(&format!("{} {operator} {}", source(left), source(right)));
            }
        }
    }

    fn redirects(&mut self, redirects: &[Redirect]) {
        for redirect in redirects {
            self.text(" ");
            self.redirect(redirect);
        }
    }

    fn redirect(&mut self, redirect: &Redirect) {
        use RedirectKind as K;
        let operator = match redirect.kind {
            K::Read => "<",
            K::Write => ">",
            K::Clobber => ">|",
            K::Append => ">>",
            K::ReadWrite => "<>",
            K::DupIn => "<&",
            K::DupOut => ">&",
            K::HereDocument => "<<",
            K::HereString => "<<<",
            K::BothWrite => "&>",
            K::BothAppend => "&>>",
        };
        let copies = matches!(redirect.kind, K::DupIn | K::DupOut);
        match &redirect.fd {
            RedirectFd::Default if copies => {
                self.text(if redirect.kind == K::DupIn { "0" } else { "1" });
            }
            RedirectFd::Default => {}
            RedirectFd::Number(n) => {
                let usual = match redirect.kind {
                    K::Read | K::ReadWrite | K::HereDocument | K::HereString => 0,
                    _ => 1,
                };
                if *n != usual || copies {
                    self.text(&n.to_string());
                }
            }
            RedirectFd::Variable(name) => self.text(&format!("{{{name}}}")),
        }
        self.text(operator);
        let target = source(&redirect.target);
        match redirect.kind {
            K::HereDocument => {
                self.text(target);
                let body = redirect.body.as_ref().and_then(|body| body.get());
                let end = target.replace(['\'', '"', '\\'], "");
                let body = body.map(source).unwrap_or_default();
                self.bodies.push(format!("{body}{end}\n"));
            }
            K::DupIn | K::DupOut => self.text(target),
            _ => self.text(&format!(" {}", one_line(target))),
        }
    }
}
