//! What terminals there are and what they can do, by the names of `terminfo(5)`.

/// A capability as a terminal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Text(String),
    Number(i64),
    Flag(bool),
    /// The terminal has nothing of that name.
    Absent,
}

pub struct Terminal {
    pub long_name: &'static str,
    colors: i64,
    flags: &'static [&'static str],
    /// Sequences; what comes first counts. `{1}` is the first parameter, `{+1}` one more than it.
    texts: &'static [&'static [(&'static str, &'static str)]],
}

type Texts = &'static [(&'static str, &'static str)];

/// What every terminal has.
const ALL: Texts = &[("bel", "\x07"), ("cr", "\r"), ("cud1", "\n"), ("ind", "\n")];

/// Sequences of ECMA-48 that all but the simplest know.
const ECMA_48: Texts = &[
    ("kbs", "\x08"),
    ("blink", "\x1b[5m"),
    ("bold", "\x1b[1m"),
    ("clear", "\x1b[H\x1b[J"),
    ("cub", "\x1b[{1}D"),
    ("cub1", "\x08"),
    ("cud", "\x1b[{1}B"),
    ("cuf", "\x1b[{1}C"),
    ("cuf1", "\x1b[C"),
    ("cup", "\x1b[{+1};{+2}H"),
    ("cuu", "\x1b[{1}A"),
    ("cuu1", "\x1b[A"),
    ("ed", "\x1b[J"),
    ("el", "\x1b[K"),
    ("el1", "\x1b[1K"),
    ("home", "\x1b[H"),
    ("ht", "\t"),
    ("hts", "\x1bH"),
    ("rev", "\x1b[7m"),
    ("rmso", "\x1b[27m"),
    ("rmul", "\x1b[24m"),
    ("smso", "\x1b[7m"),
    ("smul", "\x1b[4m"),
    ("tbc", "\x1b[3g"),
];

/// What DEC's terminals have beside these.
const DEC: Texts = &[
    ("kcub1", "\x1bOD"),
    ("kcud1", "\x1bOB"),
    ("kcuf1", "\x1bOC"),
    ("kcuu1", "\x1bOA"),
    ("csr", "\x1b[{+1};{+2}r"),
    ("rc", "\x1b8"),
    ("sc", "\x1b7"),
    ("ri", "\x1bM"),
];

/// Insertion and deletion, which the VT100 has not.
const EDITING: Texts = &[
    ("dch", "\x1b[{1}P"),
    ("dch1", "\x1b[P"),
    ("dl", "\x1b[{1}M"),
    ("dl1", "\x1b[M"),
    ("ich", "\x1b[{1}@"),
    ("il", "\x1b[{1}L"),
    ("il1", "\x1b[L"),
];

const VT100: Texts = &[
    ("rs2", "\x1b<\x1b>\x1b[?3;4;5l\x1b[?7;8h\x1b[r"),
    ("rmam", "\x1b[?7l"),
    ("rmkx", "\x1b[?1l\x1b>"),
    ("rmso", "\x1b[m"),
    ("rmul", "\x1b[m"),
    ("rmacs", "\x0f"),
    ("smacs", "\x0e"),
    ("sgr0", "\x1b[m\x0f"),
    ("smam", "\x1b[?7h"),
    ("smkx", "\x1b[?1h\x1b="),
];

const VT220: Texts = &[
    ("flash", "\x1b[?5h\x1b[?5l"),
    ("nel", "\x1bE"),
    ("rs1", "\x1b[?3l"),
    ("is2", "\x1b[?7h\x1b[>\x1b[?1l\x1b F\x1b[?4l"),
    ("kcub1", "\x1b[D"),
    ("kcud1", "\x1b[B"),
    ("kcuf1", "\x1b[C"),
    ("kcuu1", "\x1b[A"),
    ("civis", "\x1b[?25l"),
    ("cnorm", "\x1b[?25h"),
    ("ech", "\x1b[{1}X"),
    ("ind", "\x1bD"),
    ("rmam", "\x1b[?7l"),
    ("rmir", "\x1b[4l"),
    ("smam", "\x1b[?7h"),
    ("smir", "\x1b[4h"),
    ("sgr0", "\x1b[m\x1b(B"),
    ("rmacs", "\x1b(B"),
    ("smacs", "\x1b(0"),
];

const COLORS: Texts = &[
    ("op", "\x1b[39;49m"),
    ("setaf", "\x1b[3{1}m"),
    ("setab", "\x1b[4{1}m"),
];

const ANSI: Texts = &[
    ("nel", "\r\x1b[S"),
    ("kcub1", "\x1b[D"),
    ("kcud1", "\x1b[B"),
    ("kcuf1", "\x1b[C"),
    ("kcuu1", "\x1b[A"),
    ("cub1", "\x1b[D"),
    ("cud1", "\x1b[B"),
    ("cbt", "\x1b[Z"),
    ("ech", "\x1b[{1}X"),
    ("hpa", "\x1b[{+1}G"),
    ("ht", "\x1b[I"),
    ("indn", "\x1b[{1}S"),
    ("invis", "\x1b[8m"),
    ("rin", "\x1b[{1}T"),
    ("rmacs", "\x1b[10m"),
    ("rmso", "\x1b[m"),
    ("rmul", "\x1b[m"),
    ("sgr0", "\x1b[0;10m"),
    ("smacs", "\x1b[11m"),
    ("vpa", "\x1b[{+1}d"),
];

const LINUX: Texts = &[
    ("flash", "\x1b[?5h\x1b[?5l"),
    ("nel", "\r\n"),
    ("kbs", "\x7f"),
    ("kcub1", "\x1b[D"),
    ("kcud1", "\x1b[B"),
    ("kcuf1", "\x1b[C"),
    ("kcuu1", "\x1b[A"),
    ("civis", "\x1b[?25l\x1b[?1c"),
    ("cnorm", "\x1b[?25h\x1b[?0c"),
    ("cvvis", "\x1b[?25h\x1b[?8c"),
    ("dim", "\x1b[2m"),
    ("ech", "\x1b[{1}X"),
    ("hpa", "\x1b[{+1}G"),
    ("ich1", "\x1b[@"),
    ("oc", "\x1b]R"),
    ("rmacs", "\x0f"),
    ("rmam", "\x1b[?7l"),
    ("rmir", "\x1b[4l"),
    ("rs1", "\x1bc\x1b]R"),
    ("sgr0", "\x1b[m\x0f"),
    ("smacs", "\x0e"),
    ("smam", "\x1b[?7h"),
    ("smir", "\x1b[4h"),
    ("vpa", "\x1b[{+1}d"),
    ("E3", "\x1b[3J"),
];

const XTERM: Texts = &[
    ("flash", "\x1b[?5h\x1b[?5l"),
    ("nel", "\x1bE"),
    ("kbs", "\x7f"),
    ("cbt", "\x1b[Z"),
    ("civis", "\x1b[?25l"),
    ("clear", "\x1b[H\x1b[2J"),
    ("cnorm", "\x1b[?12l\x1b[?25h"),
    ("cvvis", "\x1b[?12;25h"),
    ("dim", "\x1b[2m"),
    ("ech", "\x1b[{1}X"),
    ("hpa", "\x1b[{+1}G"),
    ("indn", "\x1b[{1}S"),
    ("invis", "\x1b[8m"),
    ("is2", "\x1b[!p\x1b[?3;4l\x1b[4l\x1b>"),
    ("rin", "\x1b[{1}T"),
    ("ritm", "\x1b[23m"),
    ("rmacs", "\x1b(B"),
    ("rmam", "\x1b[?7l"),
    ("rmcup", "\x1b[?1049l\x1b[23;0;0t"),
    ("rmir", "\x1b[4l"),
    ("rmkx", "\x1b[?1l\x1b>"),
    ("rmxx", "\x1b[29m"),
    ("rs1", "\x1bc"),
    ("rs2", "\x1b[!p\x1b[?3;4l\x1b[4l\x1b>"),
    ("sgr0", "\x1b(B\x1b[m"),
    ("sitm", "\x1b[3m"),
    ("smacs", "\x1b(0"),
    ("smam", "\x1b[?7h"),
    ("smcup", "\x1b[?1049h\x1b[22;0;0t"),
    ("smir", "\x1b[4h"),
    ("smkx", "\x1b[?1h\x1b="),
    ("smxx", "\x1b[9m"),
    ("vpa", "\x1b[{+1}d"),
    ("E3", "\x1b[3J"),
];

const XTERM_256: Texts = &[("oc", "\x1b]104\x07"), ("rs1", "\x1bc\x1b]104\x07")];

const TMUX: Texts = &[
    ("E3", "\x1b[3J"),
    ("invis", "\x1b[8m"),
    ("ritm", "\x1b[23m"),
    ("rmso", "\x1b[27m"),
    ("rmxx", "\x1b[29m"),
    ("sitm", "\x1b[3m"),
    ("smso", "\x1b[7m"),
    ("smxx", "\x1b[9m"),
];

const SCREEN: Texts = &[
    ("rin", "\x1b[{1}T"),
    ("kbs", "\x7f"),
    ("cbt", "\x1b[Z"),
    ("civis", "\x1b[?25l"),
    ("clear", "\x1b[H\x1b[J"),
    ("cnorm", "\x1b[34h\x1b[?25h"),
    ("cuu1", "\x1bM"),
    ("cvvis", "\x1b[34l"),
    ("dim", "\x1b[2m"),
    ("flash", "\x1bg"),
    ("hpa", "\x1b[{+1}G"),
    ("indn", "\x1b[{1}S"),
    ("is2", "\x1b)0"),
    ("nel", "\x1bE"),
    ("rmacs", "\x0f"),
    ("rmcup", "\x1b[?1049l"),
    ("rmir", "\x1b[4l"),
    ("rmkx", "\x1b[?1l\x1b>"),
    ("rmso", "\x1b[23m"),
    ("rs2", "\x1bc\x1b[?1000l\x1b[?25h"),
    ("sgr0", "\x1b[m\x0f"),
    ("smacs", "\x0e"),
    ("smcup", "\x1b[?1049h"),
    ("smir", "\x1b[4h"),
    ("smkx", "\x1b[?1h\x1b="),
    ("smso", "\x1b[3m"),
    ("vpa", "\x1b[{+1}d"),
];

/// Names of numbers and flags that programs ask for; of these a terminal may have none.
const NUMBERS: &[&str] = &["colors", "pairs", "it", "ncv", "xmc"];
const FLAGS: &[&str] = &[
    "am", "bce", "bw", "ccc", "eo", "hs", "hz", "in", "km", "mir", "msgr", "npc", "os", "ul",
    "xenl", "xon",
];

const EXTENSIONS: &[&str] = &["E3", "rmxx", "smxx"];

/// Names of sequences that some terminal may have and none here has.
const OTHER_TEXTS: &[&str] = &[
    "acsc", "initc", "rep", "rs3", "is1", "is3", "setb", "setf", "sgr", "tsl", "fsl", "dsl",
];

fn terminal(
    long_name: &'static str,
    colors: i64,
    flags: &'static [&'static str],
    texts: &'static [Texts],
) -> Terminal {
    Terminal {
        long_name,
        colors,
        flags,
        texts,
    }
}

impl Terminal {
    /// The terminal of a name, if it is known.
    pub fn named(name: &str) -> Option<Self> {
        let xterm_256: &[&str] = &["am", "bce", "ccc", "km", "mir", "msgr", "npc", "xenl"];
        let tmux: &[&str] = &["am", "hs", "km", "mir", "msgr", "xenl"];
        let xterm: &[&str] = &["am", "bce", "km", "mir", "msgr", "npc", "xenl"];
        let screen: &[&str] = &["am", "km", "mir", "msgr", "xenl"];
        Some(match name {
            "dumb" => terminal("80-column dumb tty", -1, &["am"], &[ALL]),
            "ansi" => terminal(
                "ansi/pc-term compatible with color",
                8,
                &["am", "mir", "msgr"],
                &[ANSI, COLORS, EDITING, ECMA_48, ALL],
            ),
            "vt100" | "vt100-am" | "vt102" => terminal(
                "DEC VT100 (w/advanced video)",
                -1,
                &["am", "msgr", "xenl", "xon"],
                &[VT100, DEC, ECMA_48, ALL],
            ),
            "vt220" | "vt200" => terminal(
                "DEC VT220",
                -1,
                &["am", "mir", "msgr", "xenl", "xon"],
                &[VT220, DEC, EDITING, ECMA_48, ALL],
            ),
            "linux" => terminal(
                "Linux console",
                8,
                &["am", "bce", "ccc", "mir", "msgr", "xenl", "xon", "eo"],
                &[LINUX, COLORS, DEC, EDITING, ECMA_48, ALL],
            ),
            "xterm" | "xterm-debian" => terminal(
                "xterm terminal emulator (X Window System)",
                8,
                xterm,
                &[XTERM, COLORS, DEC, EDITING, ECMA_48, ALL],
            ),
            "xterm-color" => terminal(
                "generic color xterm",
                8,
                xterm,
                &[XTERM, COLORS, DEC, EDITING, ECMA_48, ALL],
            ),
            "xterm-256color" => terminal(
                "xterm with 256 colors",
                256,
                xterm_256,
                &[XTERM_256, XTERM, COLORS, DEC, EDITING, ECMA_48, ALL],
            ),
            "screen" => terminal(
                "VT 100/ANSI X3.64 virtual terminal",
                8,
                screen,
                &[SCREEN, COLORS, DEC, EDITING, ECMA_48, ALL],
            ),
            "screen-256color" => terminal(
                "GNU Screen with 256 colors",
                256,
                screen,
                &[SCREEN, COLORS, DEC, EDITING, ECMA_48, ALL],
            ),
            "tmux" => terminal(
                "tmux terminal multiplexer",
                8,
                tmux,
                &[TMUX, SCREEN, COLORS, DEC, EDITING, ECMA_48, ALL],
            ),
            "tmux-256color" => terminal(
                "tmux with 256 colors",
                256,
                tmux,
                &[TMUX, SCREEN, COLORS, DEC, EDITING, ECMA_48, ALL],
            ),
            _ => return None,
        })
    }

    /// What the terminal says to a name; nothing if no terminal has anything of that name.
    pub fn answer(&self, name: &str, parameters: &[String]) -> Option<Answer> {
        if NUMBERS.contains(&name) {
            return Some(Answer::Number(match name {
                "colors" => self.colors,
                "pairs" if self.colors < 0 => -1,
                "pairs" => (self.colors * self.colors).min(0x10000),
                "it" if self.long_name != "80-column dumb tty" => 8,
                _ => -1,
            }));
        }
        if FLAGS.contains(&name) {
            return Some(Answer::Flag(self.flags.contains(&name)));
        }
        let number = |index: usize| -> i64 {
            let text = parameters.get(index.saturating_sub(1));
            text.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        if self.colors == 256 && matches!(name, "setaf" | "setab") {
            return Some(Answer::Text(of_256(name, number(1))));
        }
        let mut known = self.texts.iter().flat_map(|texts| texts.iter());
        if let Some((_, form)) = known.find(|(each, _)| *each == name) {
            return Some(Answer::Text(filled(form, number)));
        }
        let named = [
            ALL, ECMA_48, DEC, EDITING, VT100, VT220, COLORS, ANSI, LINUX, XTERM, XTERM_256, TMUX,
            SCREEN,
        ];
        let is_known = OTHER_TEXTS.contains(&name)
            || named
                .iter()
                .any(|texts| texts.iter().any(|(each, _)| *each == name));
        // These are no names of the standard: only terminals that have them know them.
        (is_known && !EXTENSIONS.contains(&name)).then_some(Answer::Absent)
    }
}

/// A color of 256: the first eight and their bright forms have sequences of their own.
fn of_256(name: &str, color: i64) -> String {
    let (normal, bright, long) = if name == "setaf" {
        (3, 9, 38)
    } else {
        (4, 10, 48)
    };
    match color {
        ..8 => format!("\x1b[{normal}{color}m"),
        8..16 => format!("\x1b[{bright}{}m", color - 8),
        _ => format!("\x1b[{long};5;{color}m"),
    }
}

/// A form with its parameters.
fn filled(form: &str, number: impl Fn(usize) -> i64) -> String {
    let mut text = form.to_owned();
    for index in 1..=2 {
        text = text
            .replace(&format!("{{{index}}}"), &number(index).to_string())
            .replace(&format!("{{+{index}}}"), &(number(index) + 1).to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Answer, Terminal};

    #[test]
    fn colors_depend_on_the_terminal() {
        let ask = |terminal: &str, name: &str, parameter: &str| {
            let terminal = Terminal::named(terminal).expect("a known terminal");
            terminal.answer(name, &[parameter.to_owned()])
        };
        let text = |text: &str| Some(Answer::Text(text.to_owned()));
        assert_eq!(ask("xterm-256color", "setaf", "9"), text("\x1b[91m"));
        assert_eq!(ask("tmux-256color", "setab", "200"), text("\x1b[48;5;200m"));
        assert_eq!(ask("xterm", "setaf", "1"), text("\x1b[31m"));
        assert_eq!(ask("dumb", "setaf", "1"), Some(Answer::Absent));
        assert_eq!(ask("dumb", "colors", ""), Some(Answer::Number(-1)));
        assert_eq!(ask("xterm", "nope", ""), None);
        assert!(Terminal::named("nope").is_none());
    }
}
