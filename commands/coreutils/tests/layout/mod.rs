//! What arranges lines (`nl`, `tac`, `csplit`, `split`, `pr`) gives what the host's gives, for many inputs and options.

use super::{Harness, PROGRAM};

/// Files for all of the cases; random ones get theirs from `printf`.
const SETUP: &str = "
    printf 'a\\n\\\\:\\\\:\\\\:\\nh\\n\\nh2\\n\\\\:\\\\:\\nb\\n\\n\\n\\nb2\\n\\\\:\\nf\\nf\\n\\\\:\\\\:\\nx' >pages
    printf 'a\\n\\n\\nb\\n' >gaps; printf 'a1b22c3\\nd' >digits; printf 'XXXaXXbX\\nX' >marks
    seq 30 >numbers; : >empty
";

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    /// Up to `most` of them, each followed by `between`.
    fn some(&mut self, most: usize, from: &[&str], between: &str) -> String {
        let count = self.roll(most + 1);
        (0..count)
            .map(|_| self.pick(from).to_owned() + between)
            .collect()
    }
}

/// Compares random lines; each is made by `line`.
fn compare_random(count: usize, line: impl Fn(&mut Dice) -> String) {
    let mut dice = Dice(1);
    let lines: Vec<String> = (0..count).map(|_| line(&mut dice)).collect();
    Harness::new(PROGRAM).compare(&lines.join("\n"), SETUP);
}

#[test]
fn nl_and_tac_do_what_the_hosts_do() {
    Harness::new(PROGRAM).compare(include_str!("../cases/numbered.txt"), SETUP);
}

#[test]
fn nl_numbers_random_pages() {
    const OPTIONS: &[&str] = &[
        "-ba", "-bt", "-bn", "-bp^b", "'-bpa*b'", "-ha", "-hn", "-fa", "-ft", "-p", "-l2", "-l3",
        "-i5", "-i-3", "-i0", "-v-7", "-v100", "-w1", "-w3", "-w10", "-nln", "-nrz", "-nrn", "-s:",
        "-s ''", "-d xy", "-dx", "-d ''", "-d ab", "-d abc",
    ];
    const LINES: &[&str] = &[
        "a",
        "b",
        "ab",
        "",
        "",
        "\\\\:",
        "\\\\:\\\\:",
        "\\\\:\\\\:\\\\:",
        "xy",
        "xyxy",
        "x:x:",
        "aab",
        " ",
        "abab",
        "\\\\:\\\\:\\\\:\\\\:",
    ];
    compare_random(1200, |dice| {
        let (options, lines) = (dice.some(4, OPTIONS, " "), dice.some(12, LINES, "\\n"));
        format!("printf '{lines}' | nl {options}")
    });
}

#[test]
fn csplit_does_what_the_hosts_does() {
    Harness::new(PROGRAM).compare(include_str!("../cases/csplit.txt"), SETUP);
}

#[test]
fn csplit_makes_random_pieces() {
    const OPTIONS: &[&str] = &["-k", "-z", "-s", "--suppress-matched", "-n1"];
    const PLACES: &[&str] = &[
        "2",
        "5",
        "9",
        "12",
        "13",
        "/1/",
        "/1/",
        "%1%",
        "/2/+1",
        "/5/-2",
        "%2%-1",
        "/[13]$/",
        "/1/+3",
        "%3%+2",
        "/9/",
        "/x/",
        "%7%",
        "/./",
        "/5/+20",
        "%5%-9",
        "/[579]/-1",
        "%x%",
    ];
    const TIMES: &[&str] = &["", "", "", "{1}", "{2}", "{*}", "{0}"];
    compare_random(120, |dice| {
        let options = dice.some(2, OPTIONS, " ");
        let places: String = (0..=dice.roll(4))
            .map(|_| format!("'{}' {} ", dice.pick(PLACES), dice.pick(TIMES)))
            .collect();
        let count = 8 + dice.roll(8);
        format!("seq {count} >in; csplit {options} in {places}; head -n 99 xx*")
    });
}

#[test]
fn split_does_what_the_hosts_does() {
    Harness::new(PROGRAM).compare(include_str!("../cases/split.txt"), SETUP);
}

#[test]
fn split_makes_random_pieces() {
    const DIVISIONS: &[&str] = &[
        "-n 3",
        "-n 7",
        "-n 40",
        "-n l/2",
        "-n l/5",
        "-n l/30",
        "-n r/3",
        "-n r/12",
        "-n 2/3",
        "-n 7/7",
        "-n l/1/4",
        "-n l/3/4",
        "-n l/4/4",
        "-n r/2/3",
        "-n 1/40",
        "-n l/9/30",
        "-b 3",
        "-b 17",
        "-l 1",
        "-l 3",
        "-C 1",
        "-C 3",
        "-C 5",
        "-C 8",
        "-C 20",
    ];
    const OPTIONS: &[&str] = &[
        "-e",
        "-d",
        "-x",
        "-a 3",
        "-t b",
        "-t a",
        "--additional-suffix=.x",
    ];
    const PIECES: &[&str] = &[
        "a", "bb", "ccc", "\\n", "\\n", "ab\\n", "dddddddd", "c\\n\\n",
    ];
    compare_random(120, |dice| {
        let (division, options) = (dice.pick(DIVISIONS), dice.some(2, OPTIONS, " "));
        let options = if options.contains("-t a -t b") || options.contains("-t b -t a") {
            String::new()
        } else {
            options
        };
        let text = dice.some(20, PIECES, "");
        let from = dice.pick(&["<in", "in", "- <in"]);
        format!("printf '{text}' >in; split {division} {options} {from}; head -v -c 99 x*")
    });
}

#[test]
fn pr_does_what_the_hosts_does() {
    Harness::new(PROGRAM).compare(include_str!("../cases/pr.txt"), SETUP);
}

#[test]
fn pr_arranges_random_lines() {
    const OPTIONS: &[&str] = &[
        "-2", "-3", "-n", "-n:3", "-w 40", "-W 30", "-l 14", "-l 17", "-l 20", "-T", "-t", "-F",
        "-h title", "+2", "+1:2", "-N 7", "-S+", "-e4", "-D %Y",
    ];
    const LINES: &[&str] = &[
        "a",
        "bb",
        "long words here",
        "x y z",
        "tab in",
        "12345678901234567890",
        "  lead",
        "c",
    ];
    const MERGED: &[&str] = &["-n", "-w 40", "-S+", "-l 20", "-o 2"];
    compare_random(60, |dice| {
        let (options, lines) = (dice.some(4, OPTIONS, " "), dice.some(40, LINES, "\n"));
        format!("printf '{lines}' >in; touch -d '2024-03-01 12:34:56 UTC' in; pr {options} in")
    });
    compare_random(40, |dice| {
        let (options, lines) = (dice.some(3, MERGED, " "), dice.some(20, LINES, "\\n"));
        format!("printf '{lines}' | pr -t -m {options} - numbers")
    });
}

#[test]
fn tac_finds_random_separators() {
    const PATTERNS: &[&str] = &[
        "a",
        "b*",
        "a+",
        "ab?",
        "[ab]",
        "[^a]",
        ".",
        "^",
        "$",
        "^a",
        "b$",
        "a\\|b",
        "\\(a\\)\\1",
        "a.b",
        "x",
        "[^ab]b",
        "aa*b",
        "ab",
        "\\(ab\\)*",
        "a\\{1\\}",
        "a\\?",
    ];
    const PIECES: &[&str] = &["a", "b", "c", "aa", "ab", "\\n", "aab", "a\\nb", "X"];
    compare_random(1200, |dice| {
        let (text, pattern) = (dice.some(12, PIECES, ""), dice.pick(PATTERNS));
        let options = dice.pick(&["-r", "-br", "-r", "-rb", "", "-b"]);
        format!("printf '{text}' | tac {options} -s '{pattern}'")
    });
}
