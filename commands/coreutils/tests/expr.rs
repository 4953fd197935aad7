//! `expr` gives what the host's gives, also for random expressions.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coreutils");

/// What an expression is made of. A blank separates arguments; those that a shell would read are in quotes.
const TOKENS: &[&str] = &[
    "0",
    "1",
    "2",
    "7",
    "-3",
    "00",
    "-0",
    "-",
    "''",
    "abc",
    "a",
    "'a b'",
    "banana",
    "10",
    "9",
    "+",
    "+",
    "-",
    "'*'",
    "/",
    "%",
    "'|'",
    "'&'",
    "'<'",
    "'<='",
    "=",
    "'>='",
    "'>'",
    "!=",
    "==",
    "'('",
    "')'",
    "'('",
    "')'",
    ":",
    ":",
    "length",
    "index",
    "substr",
    "match",
    "'a\\(.\\)'",
    "'.*'",
    "'b*a\\{1,2\\}'",
    "'\\(a\\|b\\)*'",
    "'[^a]'",
    "'^a'",
    "'*'",
    "é",
    "'\\(b\\)\\1'",
    "99999999999999999999",
    "-123456789012345678901234567890",
    "3",
    "'a$'",
    "'\\(an\\)*'",
];

/// Binary operators that always make sense, for expressions that are right more often.
const OPERATORS: &[&str] = &[
    "+", "-", "'*'", "/", "%", "'|'", "'&'", "'<'", "=", "'>='", ":", "!=",
];
const OPERANDS: &[&str] = &[
    "0",
    "1",
    "5",
    "-7",
    "abc",
    "''",
    "12345678901234567890",
    "a",
    "length abc",
    "index banana n",
    "substr banana 2 3",
    "match banana 'b\\(.*\\)n'",
    "'(' 3 - 3 ')'",
    "'(' 4 '*' -2 ')'",
    "'[a-c]*'",
    "+ length",
    "'\\(.\\)'",
];

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

fn run(name: &Path, lines: &[String], locale: &str) -> Vec<String> {
    let script: String = lines
        .iter()
        .map(|line| format!("\"$expr\" {line} 2>&1; echo \"-> $?\"; echo ===\n"))
        .collect();
    let output = Command::new("/bin/sh")
        .args(["-c", &script])
        .env_clear()
        .env("LC_ALL", locale)
        .env("expr", name)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split("===\n").map(str::to_owned).collect()
}

fn compare(lines: &[String], locale: &str) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder =
        std::env::temp_dir().join(format!("secure-exec-expr-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a directory");
    let own = folder.join("expr");
    let _ = std::fs::remove_file(&own);
    std::os::unix::fs::symlink(PROGRAM, &own).expect("a link");
    let mut differing = Vec::new();
    for chunk in lines.chunks(200) {
        let wanted = run(Path::new("/usr/bin/expr"), chunk, locale);
        let found = run(&own, chunk, locale);
        assert_eq!(wanted.len(), chunk.len() + 1, "the host has no expr");
        for ((line, wanted), found) in chunk.iter().zip(&wanted).zip(&found) {
            // The messages have the path that they were called by in front, and in UTF-8 quotes of their own.
            let plain = |text: &str| {
                text.replace(own.to_str().expect("a path"), "expr")
                    .replace("/usr/bin/expr", "expr")
                    .replace(['‘', '’'], "'")
                    .replace("\\'", "'")
            };
            if plain(wanted) != plain(found) {
                differing.push(format!(
                    "expr {line}\n  host: {wanted:?}\n  ours: {found:?}"
                ));
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    let shown = differing.len().min(20);
    assert!(
        differing.is_empty(),
        "{} of {} differ:\n{}",
        differing.len(),
        lines.len(),
        differing[..shown].join("\n")
    );
}

#[test]
fn random_words_are_read_as_the_host_reads_them() {
    let mut numbers = Numbers(1);
    let lines: Vec<String> = (0..1500)
        .map(|_| {
            let count = 1 + numbers.below(7);
            let words: Vec<&str> = (0..count).map(|_| numbers.of(TOKENS)).collect();
            words.join(" ")
        })
        .collect();
    compare(&lines, "C.UTF-8");
}

#[test]
fn random_expressions_have_the_value_that_the_host_gives() {
    let mut numbers = Numbers(2);
    let lines: Vec<String> = (0..1500)
        .map(|_| {
            let mut text = numbers.of(OPERANDS).to_owned();
            for _ in 0..numbers.below(5) {
                let (operator, operand) = (numbers.of(OPERATORS), numbers.of(OPERANDS));
                text = match numbers.below(4) {
                    0 => format!("'(' {text} ')' {operator} {operand}"),
                    1 => format!("{operand} {operator} '(' {text} ')'"),
                    _ => format!("{text} {operator} {operand}"),
                };
            }
            text
        })
        .collect();
    compare(&lines, "C.UTF-8");
}

#[test]
fn expressions_of_the_manuals_have_the_value_that_the_host_gives() {
    let lines: Vec<String> = include_str!("cases/expr.txt")
        .lines()
        .map(str::to_owned)
        .collect();
    compare(&lines, "C");
    compare(&lines, "C.UTF-8");
}
