//! What is typed, shown and read on a terminal.

/// Settings, typing, and what comes of it.
pub const TERMINALS: &[(&str, &str)] = &[
    (
        "settings",
        "openpty m s
        isatty m
        isatty s
        settings s
        settings m
        winsize s
        set-winsize m 24 80
        winsize s
        set-winsize s 50 132
        winsize m
        stty s -echo,min=3,time=2
        settings m
        lseek s 0 1
        pread s 3 0
        poll s 5
        poll m 5
        pipe r w r
        isatty r
        winsize r
        settings w",
    ),
    (
        "lines",
        "openpty m s
        type m abc
        show s
        show m
        poll s 1
        type m de\\n
        poll s 1
        read s 2
        read s 100
        show s
        show m
        type m one\\ntwo\\nthr
        read s 100
        read s 100
        read s 100
        type m ee\\r
        read s 100
        show m",
    ),
    (
        "end of file",
        "openpty m s
        type m ab\\x04
        read s 2
        read s 10
        type m ab\\x04
        read s 10
        read s 10
        type m \\x04
        poll s 1
        read s 10
        read s 10
        type m x\\x04\\x04y\\n
        read s 10
        read s 10
        read s 10
        type m abc\\x04
        read s 2
        read s 2
        read s 2
        show m",
    ),
    (
        "erasing",
        "openpty m s
        type m abc\\x7f\\x7fd\\n
        read s 10
        show m
        type m \\x7f\\x7fa\\n
        read s 10
        show m
        type m one_two-x__\\x17z\\n
        read s 100
        show m
        type m one_two\\x15three\\n
        read s 100
        show m
        type m a\\tb\\x7f\\x7f\\x7fz\\n
        show m
        read s 100
        type m \\x01\\x02\\x7f\\x7fz\\n
        show m
        read s 100
        type m ab\\t\\t\\x7f\\x7f\\x7f\\x7f\\n
        show m
        read s 100
        write s prompt
        type m \\t\\x7fa\\tb\\x15x\\n
        show m
        read s 100",
    ),
    (
        "erasing on paper",
        "openpty m s
        stty s echoprt
        type m abc\\x7f\\x7fd\\n
        show m
        type m ab\\x7f\\x7f\\n
        show m
        type m one_two\\x17\\x15x\\n
        show m
        stty s -echoprt,-echoe
        type m abc\\x7f\\x17\\x15q\\n
        show m
        stty s -echoke
        type m abc\\x15q\\n
        show m
        stty s -echok
        type m abc\\x15q\\n
        show m
        stty s -echo
        type m abc\\x15q\\x7fr\\n
        show m
        stty s echonl
        type m abc\\n
        show m
        show s",
    ),
    (
        "utf-8",
        "openpty m s
        stty s iutf8
        type m a\\xc3\\xa9\\x7fb\\n
        show m
        read s 10
        type m \\xe2\\x82\\xac_\\xf0\\x9f\\x98\\x80x\\x17\\x7f\\x7fz\\n
        show m
        read s 10
        stty s -iutf8
        type m a\\xc3\\xa9\\x7fb\\n
        show m
        read s 10
        type m \\x80\\x9f\\xa0\\xff\\n
        show m
        read s 10",
    ),
    (
        "literal and reprint",
        "openpty m s
        type m a\\x16\\x03b\\x16\\x16\\x16\\nc\\n
        show m
        read s 20
        type m abc\\x12d\\n
        show m
        read s 20
        stty s -iexten
        type m a\\x16b\\x17c\\x12\\n
        show m
        read s 20
        stty s iexten,-echoctl
        type m a\\x16\\x03b\\x01\\n
        show m
        read s 20",
    ),
    (
        "carriage returns",
        "openpty m s
        stty s -icrnl
        type m a\\rb\\n
        show m
        read s 20
        stty s igncr
        type m a\\rb\\n
        show m
        read s 20
        stty s inlcr,-igncr
        type m a\\nb\\r
        show m
        read s 20
        stty s icrnl
        type m a\\nb\\r
        read s 20
        stty s istrip,-inlcr
        type m \\xe1\\xe2\\n
        show m
        read s 20
        stty s -istrip,iuclc
        type m ABc\\n
        show m
        read s 20
        stty s -iuclc,parmrk
        type m a\\xffb\\n
        show m
        read s 20",
    ),
    (
        "output",
        "openpty m s
        write s plain
        type s a\\nb\\rc\\td\\n
        show m
        stty s -onlcr
        type s a\\nb\\n
        show m
        stty s ocrnl
        type s a\\rb\\r
        show m
        stty s -ocrnl,onocr
        type s \\ra\\rb\\r\\rc
        show m
        stty s -onocr,xtabs,onlcr
        type s \\na\\tbc\\td\\x08\\x08\\te\\n
        show m
        stty s onlret,-onlcr
        type s ab\\n\\tc\\n
        show m
        stty s olcuc
        type s abcZ\\xe9\\n
        show m
        stty s -opost
        type s a\\tb\\n\\r
        show m
        write s #3000
        show m",
    ),
    (
        "raw",
        "openpty m s
        stty s -icanon,-echo,-isig,-iexten,-ixon,-icrnl,-opost
        type m a\\x03\\x04\\x7f\\r\\n\\x13
        poll s 1
        read s 3
        read s 100
        read s 100
        show m
        stty s min=0
        read s 100
        poll s 1
        type m x
        poll s 1
        stty s min=5
        poll s 1
        read s 100
        type m abcde
        poll s 1
        read s 2
        poll s 1
        stty s min=0,time=1
        poll s 1
        read s 100",
    ),
    (
        "changing the mode",
        "openpty m s
        type m abc
        stty s -icanon
        read s 10
        type m de\\nf\\x04g
        stty s icanon
        read s 3
        read s 10
        read s 10
        type m h\\n
        read s 10
        type m ij\\x04
        stty s -icanon
        read s 10
        type m kl\\nmn
        stty-flush s icanon
        read s 10
        type m op
        tcflush s
        type m q\\n
        read s 10
        show m",
    ),
    (
        "other ends of lines",
        "openpty m s
        stty s eol=;,eol2=!,eof=.
        type m ab;cd!ef.gh\\n
        read s 10
        read s 10
        read s 10
        read s 10
        show m
        stty s -iexten
        type m ab!c;
        read s 10
        stty s eof=0,eol=0
        type m a\\x04\\x00b\\n
        read s 10
        show m",
    ),
    (
        "flow control",
        "openpty m s
        type m \\x13
        write s held
        poll s 4
        show m
        type m typed\\n
        show m
        type m \\x11
        show m
        write s free
        show m
        stty s ixany
        type m \\x13
        write s no
        type m x
        write s yes
        show m
        stty s -ixany
        type m \\x13
        stty s -ixon
        write s on
        show m
        type m \\x13\\x11\\n
        show m
        tcflow s 0
        write s no
        tcflow s 1
        write s yes
        show m
        tcflow s 2
        tcflow s 3
        show m",
    ),
    (
        "signal characters without a session",
        "openpty m s
        type m abc\\x03def\\n
        show m
        read s 20
        type m abc\\x1cdef\\x1a\\n
        show m
        read s 20
        stty s noflsh
        type m abc\\x03def\\n
        show m
        read s 20
        stty s -isig
        type m abc\\x03def\\n
        show m
        read s 20",
    ),
    (
        "full queues",
        "openpty m s
        type m #4000
        type m #200
        type m \\n
        show m
        read s 5000
        read s 5000
        stty s -icanon,-echo
        type m #4095
        poll m 4
        type m abc
        read s 100
        show s",
    ),
    (
        "ends",
        "openpty m s
        write s last
        type m typed\\n
        close s
        show m
        show m
        poll m 5
        type m x
        close m
        openpty m s
        type m ab\\n
        write s cd
        close m
        read s 10
        write s x
        poll s 5
        settings s
        isatty s
        winsize s",
    ),
];

/// How many random scripts are run.
pub const SEEDS: u64 = 60;

/// A script that types and changes settings at random. Output is not stopped: how much echo a signal then
/// drops depends on how Linux happened to divide it up.
pub fn random(seed: u64) -> Vec<String> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    const KEYS: &[&str] = &[
        "a",
        "b",
        "Z",
        "_",
        "\\t",
        "\\n",
        "\\r",
        "\\x7f",
        "\\x15",
        "\\x17",
        "\\x16",
        "\\x12",
        "\\x04",
        "\\x03",
        "\\x1a",
        "\\x01",
        "\\xc3\\xa9",
        "\\xff",
        "\\x00",
        "-",
        "\\x1b",
        "\\x08",
    ];
    const SETTINGS: &[&str] = &[
        "icrnl", "inlcr", "igncr", "istrip", "ixon", "ixany", "parmrk", "iutf8", "opost", "onlcr",
        "ocrnl", "onocr", "onlret", "xtabs", "isig", "icanon", "echo", "echoe", "echok", "echonl",
        "echoctl", "echoprt", "echoke", "noflsh", "iexten",
    ];
    let mut lines = vec!["openpty m s".to_owned()];
    for _ in 0..next(4) {
        let sign = if next(2) == 0 { "-" } else { "" };
        lines.push(format!("stty s {sign}{}", SETTINGS[next(SETTINGS.len())]));
    }
    for _ in 0..25 {
        match next(6) {
            0 => lines.push(format!("read s {}", 1 + next(12))),
            1 => lines.push("show m".to_owned()),
            2 if next(2) == 0 => {
                let sign = if next(2) == 0 { "-" } else { "" };
                lines.push(format!("stty s {sign}{}", SETTINGS[next(SETTINGS.len())]));
            }
            3 if next(2) == 0 => {
                let text: String = (0..1 + next(4)).map(|_| KEYS[next(KEYS.len())]).collect();
                lines.push(format!("type s {text}"));
            }
            _ => {
                let text: String = (0..1 + next(8)).map(|_| KEYS[next(KEYS.len())]).collect();
                lines.push(format!("type m {text}"));
            }
        }
    }
    lines.extend(["type m \\x11", "show m", "read s 100", "read s 100"].map(str::to_owned));
    lines
}
