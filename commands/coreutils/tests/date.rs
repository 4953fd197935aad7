//! `date` gives what the host's gives: for moments, formats and zones, and for texts that name a time.

use std::io::Write;
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coreutils");
const HOST: &str = "/usr/bin/date";

const ZONES: &[&str] = &[
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Europe/Dublin",
    "Asia/Tehran",
    "EST5EDT",
    "<-03>3",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "Nowhere/Land",
    "",
];

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).expect("33 bits") % end
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// Output, messages and status.
type Outcome = (String, String, Option<i32>);

fn run(own: bool, arguments: &[&str], zone: &str, input: &str) -> Outcome {
    let mut command = Command::new(if own { PROGRAM } else { HOST });
    if own {
        command.arg("date");
    }
    let mut child = command
        .args(arguments)
        .env_clear()
        .envs([("LC_ALL", "C"), ("TZ", zone)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("date");
    let mut stdin = child.stdin.take().expect("a pipe");
    let text = input.to_owned();
    let writer = std::thread::spawn(move || {
        // One that reads no input may have ended.
        let _ = stdin.write_all(text.as_bytes());
    });
    let output = child.wait_with_output().expect("an end");
    writer.join().expect("a writer");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(HOST, "date");
    (
        text(&output.stdout),
        text(&output.stderr),
        output.status.code(),
    )
}

/// Compares line by line what both make of texts.
fn compare(texts: &[String], zone: &str, format: &str) -> Vec<String> {
    let input: String = texts.iter().map(|text| format!("{text}\n")).collect();
    let arguments = ["-f", "-", format];
    // What is relative to now differs where a second begins between the two.
    for _ in 0..5 {
        let wanted = run(false, &arguments, zone, &input);
        let found = run(true, &arguments, zone, &input);
        if wanted == found {
            return Vec::new();
        }
    }
    let mut differing = Vec::new();
    for text in texts {
        let arguments = ["-d", text, format];
        let mut differs = String::new();
        for _ in 0..5 {
            let wanted = run(false, &arguments, zone, "");
            let found = run(true, &arguments, zone, "");
            if wanted == found {
                differs.clear();
                break;
            }
            differs = format!(
                "TZ={zone} date {format} -d '{text}'\n  host: {wanted:?}\n  ours: {found:?}"
            );
        }
        if !differs.is_empty() {
            differing.push(differs);
        }
    }
    differing
}

fn assert_none(differing: &[String], count: usize) {
    let shown = differing.len().min(60);
    assert!(
        differing.is_empty(),
        "{} of {count} differ:\n{}",
        differing.len(),
        differing[..shown].join("\n")
    );
}

#[test]
fn moments_are_shown_in_all_formats_and_zones() {
    let mut numbers = Numbers(1);
    let mut differing = Vec::new();
    let plain = "+%a|%A|%b|%B|%c|%C|%d|%D|%e|%F|%g|%G|%h|%H|%I|%j|%k|%l|%m|%M|%n|%N|%p|%P|%q|%r|%R|%s|%S|%t|%T|%u|\
                 %U|%V|%w|%W|%x|%X|%y|%Y|%z|%:z|%::z|%:::z|%Z|%%";
    let plain = plain.replace("|%n", "").replace("%x", "[%x]");
    for zone in ZONES {
        let moments: Vec<String> = (0..200)
            .map(|at| {
                let seconds = i64::try_from(numbers.next()).expect("33 bits") - 4_000_000_000;
                match at % 4 {
                    0 => format!("@{}", seconds / 4),
                    1 => format!("@{seconds}.{}", numbers.below(1_000_000_000)),
                    2 => format!("@{}", seconds * 40),
                    _ => format!("@{}", i64::try_from(numbers.next()).expect("33 bits")),
                }
            })
            .collect();
        differing.extend(compare(&moments, zone, &plain));
    }
    assert_none(&differing, 200 * ZONES.len());
}

#[test]
fn flags_and_widths_change_directives_as_the_hosts_do() {
    let mut numbers = Numbers(2);
    let mut differing = Vec::new();
    let letters: Vec<char> = "aAbBcCdDeFgGhHIjklmMNpPqrRsSTuUVwWxXyYzZ%QEO:"
        .chars()
        .collect();
    for _ in 0..150 {
        let format: String = (0..30)
            .map(|_| {
                let flags: String = (0..numbers.below(3))
                    .map(|_| ['_', '-', '0', '+', '^', '#'][numbers.below(6)])
                    .collect();
                let width = ["", "", "1", "3", "6", "12"][numbers.below(6)];
                let modifier = ["", "", "", "", "E", "O", ":", "::", ":::"][numbers.below(9)];
                let letter = letters[numbers.below(letters.len())];
                let modifier = match modifier {
                    // What the C library makes of these has quirks that nobody relies on.
                    "E" | "O" if "aCGz".contains(letter) => "",
                    "E" | "O" => modifier,
                    _ if letter == 'z' => modifier,
                    _ => "",
                };
                format!("%{flags}{width}{modifier}{letter}|")
            })
            .collect();
        let moments: Vec<String> = [
            "@0",
            "@-62135596801",
            "@253402300800.000120",
            "@951827696.5",
            "@-99999999999",
        ]
        .iter()
        .map(|text| (*text).to_owned())
        .collect();
        let zone = numbers.of(ZONES);
        differing.extend(compare(&moments, zone, &format!("+{format}")));
    }
    assert_none(&differing, 150);
}

#[test]
fn texts_name_the_moment_that_the_host_reads() {
    let texts: Vec<String> = include_str!("cases/date.txt")
        .lines()
        .map(str::to_owned)
        .collect();
    let mut differing = Vec::new();
    for zone in ZONES {
        differing.extend(compare(&texts, zone, "+%F %T %z %Z"));
    }
    assert_none(&differing, texts.len() * ZONES.len());
}

#[test]
fn random_texts_name_the_moment_that_the_host_reads() {
    const PARTS: &[&str] = &[
        "2024-03-10",
        "2024-11-03",
        "1/2",
        "1999/12/31",
        "jan 5",
        "5 feb 2020",
        "29 feb",
        "20240229",
        "2020-01-31",
        "12:00",
        "02:30",
        "1:5:7.25",
        "11 pm",
        "01:30",
        "23:59:59",
        "7",
        "2359",
        "UTC",
        "EST",
        "EDT",
        "CEST",
        "z",
        "a",
        "+0530",
        "-8",
        "+1:30",
        "monday",
        "next fri",
        "last sun",
        "3 tue",
        "wed,",
        "tomorrow",
        "yesterday",
        "now",
        "today",
        "1 day",
        "2 days ago",
        "-3 weeks",
        "next month",
        "last year",
        "5 months ago",
        "1 hour",
        "90 min ago",
        "10 sec",
        "1.5 sec",
        "fortnight",
        "this week",
        "third month",
        "ago",
        "dst",
        "T12:00",
        ",",
        "-",
        "(x)",
        "1 year",
        "@5",
        "foo",
        "IST",
        "gmt+3",
        "1 hour hence",
    ];
    let mut numbers = Numbers(3);
    let mut differing = Vec::new();
    for zone in ZONES {
        let texts: Vec<String> = (0..400)
            .map(|_| {
                let count = 1 + numbers.below(4);
                let parts: Vec<&str> = (0..count).map(|_| numbers.of(PARTS)).collect();
                parts.join(" ")
            })
            .collect();
        differing.extend(compare(&texts, zone, "+%F %T %z %Z"));
    }
    assert_none(&differing, 400 * ZONES.len());
}

#[test]
fn command_lines_get_the_messages_of_the_host() {
    // None of these sets the clock of the host: what would is wrong already.
    let lines = [
        "-d foo",
        "-Ix",
        "-I= -d @0",
        "-Ihour -d @0",
        "-Ise -d @0",
        "-Im -d @0",
        "-Ins -d @0.5",
        "--iso-8601 -d @0",
        "--rfc-3339=x",
        "--rfc-3339",
        "--rfc-3339=ns -d@0.5",
        "--rfc-3339=date -d @0",
        "--rfc-3339=hours",
        "--rfc-3339=",
        "-R -I",
        "+%Y +%m",
        "+%Y foo",
        "foo",
        "01",
        "1301000020",
        "-d @0 -r /",
        "-d @0 -d @1",
        "--resolution",
        "--resolution -R",
        "-f /dev/null",
        "-f /nonexist",
        "-r /nonexist",
        "-x",
        "--foo",
        "-d",
        "-R +%Y",
        "-d @0 0101",
        "-u -u -d @0",
        "-I -I -d @0",
        "--utc -d @0",
        "--universal --date=@0",
        "--uct --dat @0",
        "-s foo",
        "-s x -d @0",
        "-f x -s y",
        "--resolution -d @0",
        "-d @67768036191676800",
        "-d @99999999999999999999",
        "-ud@0 -R",
        "+%",
        "+%Q",
        "+",
        "-d it's",
        "-d @0 --rfc-email",
        "--rfc-822 -d @0",
        "--rfc-2822 -d @0",
        "--r -d @0",
        "--de=3",
    ];
    let mut differing = Vec::new();
    for line in lines {
        let arguments: Vec<&str> = line.split(' ').collect();
        let (wanted, found) = (
            run(false, &arguments, "UTC", ""),
            run(true, &arguments, "UTC", ""),
        );
        if wanted != found {
            differing.push(format!(
                "date {line}\n  host: {wanted:?}\n  ours: {found:?}"
            ));
        }
    }
    assert_none(&differing, lines.len());
}

#[test]
fn nobody_sets_the_clock() {
    for arguments in [
        &["-s", "2020-01-01 12:00"][..],
        &["010112002020"],
        &["0101120020.00"],
    ] {
        let (output, messages, status) = run(true, arguments, "UTC", "");
        assert_eq!(output, "Wed Jan  1 12:00:00 UTC 2020\n", "{arguments:?}");
        assert_eq!(messages, "date: cannot set date: Operation not permitted\n");
        assert_eq!(status, Some(1));
    }
}
