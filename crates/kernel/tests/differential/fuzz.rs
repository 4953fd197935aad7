//! Random scripts over a few names, so that operations meet each other's results.

/// Scripts per run.
pub const SEEDS: u64 = 500;
/// Operations per script.
const LENGTH: usize = 60;

const PATHS: &[&str] = &[
    "a",
    "b",
    "d",
    "d/a",
    "d/b",
    "d/e",
    "d/e/a",
    "e",
    "e/a",
    "l",
    "l/a",
    "k",
    "d/l",
    "./a",
    "d/../a",
    "d/.",
    "d/..",
    "a/",
    "d/",
    "l/",
    "k/",
    "d/e/",
    "d//a",
    ".",
    "..",
    "nx/a",
    "a/b",
    "./d/../d/a",
    "d/e/..",
];
const TARGETS: &[&str] = &["a", "d", "nx", "l", "k", "../a", "d/a", "../d", "d/", "e"];
const FDS: &[&str] = &["x", "y", "z"];
const ACCESS: &[&str] = &["r", "w", "rw"];
const EXTRA: &[&str] = &[
    "creat",
    "excl",
    "trunc",
    "append",
    "dir",
    "nofollow",
    "path",
    "creat,excl",
    "creat,trunc",
    "nonblock",
];
const MODES: &[&str] = &[
    "0", "100", "200", "400", "500", "600", "644", "700", "755", "777", "1777",
];

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }

    pub fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

fn open(random: &mut Random) -> String {
    let mut flags = random.of(ACCESS).to_owned();
    for _ in 0..random.below(3) {
        flags = format!("{flags},{}", random.of(EXTRA));
    }
    let (fd, path, mode) = (random.of(FDS), random.of(PATHS), random.of(MODES));
    format!("open {fd} {path} {flags},nonblock {mode}")
}

fn operation(random: &mut Random) -> String {
    let (path, other, fd) = (random.of(PATHS), random.of(PATHS), random.of(FDS));
    match random.below(34) {
        0..=5 => open(random),
        6 | 7 => format!("mkdir {path} {}", random.of(MODES)),
        8 => format!("rmdir {path}"),
        9 => format!("unlink {path}"),
        10..=12 => format!("rename {path} {other}"),
        13 => format!("rename-noreplace {path} {other}"),
        14 => format!("rename-exchange {path} {other}"),
        15 => format!("link {path} {other}"),
        16 => format!("link-follow {path} {other}"),
        17 | 18 => format!("symlink {} {path}", random.of(TARGETS)),
        19 => format!("readlink {path}"),
        20 => format!("stat {path}"),
        21 => format!("lstat {path}"),
        22 => format!("ls {path}"),
        23 => format!("write {fd} #{}", random.below(9_000)),
        24 => format!("read {fd} {}", random.below(9_000)),
        25 => format!(
            "pwrite {fd} #{} {}",
            random.below(200),
            random.below(100_000)
        ),
        26 => format!(
            "lseek {fd} {} {}",
            random.below(200) as i64 - 50,
            random.below(3)
        ),
        27 => format!("ftruncate {fd} {}", random.below(100_000)),
        28 => format!("truncate {path} {}", random.below(50)),
        29 => format!("fstat {fd}"),
        30 => format!("access {path} {}", random.below(8)),
        31 => format!("chmod {path} {}", random.of(MODES)),
        32 => format!("chdir {path}"),
        _ => "getcwd".to_owned(),
    }
}

/// The script that belongs to a seed; `..` may not leave the directory it starts in.
pub fn script(seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let mut lines = vec!["mkdir jail 755".to_owned(), "chdir jail".to_owned()];
    while lines.len() < LENGTH {
        let line = operation(&mut random);
        let escapes = line.starts_with("chdir") && line.contains("..")
            || line
                .split(' ')
                .any(|word| word == ".." || word.starts_with("../"));
        if !escapes {
            lines.push(line);
        }
    }
    lines.push("ls .".to_owned());
    lines
}
