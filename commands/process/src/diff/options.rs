//! What `diff` was asked for.

use std::ffi::OsString;

use secure_exec_cli::{Args, Failure, Syntax, Value, bytes, flag, optional, quote, required};
use secure_exec_pattern::Pattern;
use secure_exec_sys::errno;

use super::formats::Formats;
use super::style::{Palette, Style};
use super::{Side, names, pattern, trouble};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Normal,
    Unified,
    Context,
    Ed,
    /// As `Ed`, from the beginning to the end (`-f`).
    ForwardEd,
    /// That of RCS (`-n`).
    Rcs,
    SideBySide,
    /// The forms of [`Formats`].
    Own,
}

/// Which files with one name on one side only count as empty on the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    #[default]
    Told,
    /// Those that the second directory has (`-P`).
    FirstEmpty,
    /// All (`-N`).
    Empty,
}

/// What of lines does not count.
#[derive(Default)]
pub struct Ignore {
    pub case: bool,
    pub space_change: bool,
    pub all_space: bool,
    pub trailing_space: bool,
    pub tab_expansion: bool,
    pub blank_lines: bool,
    /// Changes of which all lines match one of these (`-I`).
    pub lines: Vec<Pattern>,
}

pub struct Options {
    pub format: Format,
    pub formats: Formats,
    pub style: Style,
    /// Lines around changes in the formats that have them.
    pub context: usize,
    /// The last line before a change that matches one of these is shown (`-F`, `-p`).
    pub function: Vec<Pattern>,
    pub suppress_common: bool,
    pub left_column: bool,
    pub brief: bool,
    pub reports_identical: bool,
    pub recursive: bool,
    /// What files differ in is given to `pr` (`-l`).
    pub paginates: bool,
    pub absent: Absent,
    pub as_text: bool,
    /// As few changes as there can be (`-d`).
    pub minimal: bool,
    pub horizon: usize,
    pub follows_links: bool,
    pub ignore: Ignore,
    pub strip_carriage_return: bool,
    pub labels: Vec<String>,
    /// Patterns of names that are left out of directories.
    pub excluded: Vec<String>,
    pub folds_names: bool,
    /// The name that directories are compared from on.
    pub starting_file: Option<OsString>,
    pub width: usize,
    /// The options as they are repeated in front of each pair of a tree.
    pub repeated: String,
}

impl Options {
    /// The command that compares two files of these names.
    pub fn title(&self, names: [&[u8]; 2]) -> String {
        let shown = |at: usize| match self.labels.get(at) {
            Some(label) => names::in_header(label.as_bytes()),
            None => names::in_header(names[at]),
        };
        format!("diff{} {} {}", self.repeated, shown(0), shown(1))
    }

    /// The names of both sides, or the labels that stand for them.
    pub fn shown_names(&self, sides: [&Side; 2]) -> [String; 2] {
        let name = |at: usize| match self.labels.get(at) {
            Some(label) => label.clone(),
            None => String::from_utf8_lossy(&sides[at].name).into_owned(),
        };
        [name(0), name(1)]
    }
}

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('a', "text"),
        flag('b', "ignore-space-change"),
        flag('B', "ignore-blank-lines"),
        flag('c', "c"),
        required('C', "C"),
        optional('\0', "context"),
        optional('\0', "color"),
        required('\0', "palette"),
        flag('d', "minimal"),
        flag('e', "ed"),
        flag('E', "ignore-tab-expansion"),
        flag('f', "forward-ed"),
        required('F', "show-function-line"),
        flag('H', "speed-large-files"),
        flag('h', "h"),
        required('\0', "horizon-lines"),
        flag('i', "ignore-case"),
        required('I', "ignore-matching-lines"),
        flag('\0', "ignore-file-name-case"),
        flag('\0', "no-ignore-file-name-case"),
        flag('l', "paginate"),
        required('\0', "label"),
        required('L', "L"),
        flag('\0', "left-column"),
        flag('N', "new-file"),
        flag('P', "unidirectional-new-file"),
        flag('\0', "normal"),
        flag('p', "show-c-function"),
        flag('q', "brief"),
        flag('r', "recursive"),
        flag('s', "report-identical-files"),
        required('S', "starting-file"),
        flag('\0', "strip-trailing-cr"),
        flag('\0', "suppress-blank-empty"),
        flag('t', "expand-tabs"),
        flag('T', "initial-tab"),
        required('\0', "tabsize"),
        flag('u', "u"),
        required('U', "U"),
        optional('\0', "unified"),
        flag('w', "ignore-all-space"),
        required('W', "width"),
        required('x', "exclude"),
        required('X', "exclude-from"),
        flag('y', "side-by-side"),
        flag('Z', "ignore-trailing-space"),
        flag('\0', "no-dereference"),
        flag('n', "rcs"),
        flag('\0', "suppress-common-lines"),
        required('D', "ifdef"),
        required('\0', "line-format"),
        required('\0', "old-line-format"),
        required('\0', "new-line-format"),
        required('\0', "unchanged-line-format"),
        required('\0', "old-group-format"),
        required('\0', "new-group-format"),
        required('\0', "changed-group-format"),
        required('\0', "unchanged-group-format"),
        required('\0', "from-file"),
        required('\0', "to-file"),
        flag('v', "version"),
        flag('0', "0"),
        flag('1', "1"),
        flag('2', "2"),
        flag('3', "3"),
        flag('4', "4"),
        flag('5', "5"),
        flag('6', "6"),
        flag('7', "7"),
        flag('8', "8"),
        flag('9', "9"),
    ],
    usage: "[OPTION]... FILE1 FILE2",
    usage_status: 2,
    operand_ends: false,
};

const CONTEXT: usize = 3;

/// What a line begins with that `-p` shows: a function of C, or near to one.
const FUNCTION: &[u8] = b"^[[:alpha:]$_]";

/// Reads the command line.
pub fn parse(args: &Args) -> Result<(Options, Vec<[OsString; 2]>), Failure> {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("version") {
        println!("diff (secure-exec) {}", env!("CARGO_PKG_VERSION"));
        return Err(Failure::silent(0));
    }
    let mut building = Building {
        args,
        format: None,
        context: None,
        digits: String::new(),
        width: None,
        colors: None,
        palette: None,
        options: Options {
            format: Format::Normal,
            formats: Formats::default(),
            style: Style::default(),
            context: CONTEXT,
            function: Vec::new(),
            suppress_common: parsed.has("suppress-common-lines"),
            left_column: parsed.has("left-column"),
            brief: parsed.has("brief"),
            reports_identical: parsed.has("report-identical-files"),
            recursive: parsed.has("recursive"),
            paginates: parsed.has("paginate"),
            absent: if parsed.has("new-file") {
                Absent::Empty
            } else if parsed.has("unidirectional-new-file") {
                Absent::FirstEmpty
            } else {
                Absent::Told
            },
            as_text: parsed.has("text"),
            minimal: parsed.has("minimal"),
            horizon: 0,
            follows_links: !parsed.has("no-dereference"),
            ignore: Ignore {
                case: parsed.has("ignore-case"),
                space_change: parsed.has("ignore-space-change"),
                all_space: parsed.has("ignore-all-space"),
                trailing_space: parsed.has("ignore-trailing-space"),
                tab_expansion: parsed.has("ignore-tab-expansion"),
                blank_lines: parsed.has("ignore-blank-lines"),
                lines: Vec::new(),
            },
            strip_carriage_return: parsed.has("strip-trailing-cr"),
            labels: Vec::new(),
            excluded: Vec::new(),
            folds_names: parsed.last_of(&["ignore-file-name-case", "no-ignore-file-name-case"])
                == Some("ignore-file-name-case"),
            starting_file: parsed.value("starting-file").map(Value::os),
            width: 130,
            repeated: repeated(args, &parsed.operands),
        },
    };
    for (name, value) in &parsed.options {
        building.take(name, value)?;
    }
    let options = building.finish(parsed.has("show-c-function"))?;
    let from = parsed.value("from-file").map(Value::os);
    let to = parsed.value("to-file").map(Value::os);
    let pairs = pairs(args, &parsed.operands, from, to)?;
    Ok((options, pairs))
}

/// The operands, two at a time.
fn pairs(
    args: &Args,
    operands: &[OsString],
    from: Option<OsString>,
    to: Option<OsString>,
) -> Result<Vec<[OsString; 2]>, Failure> {
    let wrong = |message: String| Err(SYNTAX.wrong(args, &message));
    match (from, to, operands) {
        (Some(_), Some(_), _) => Err(trouble("--from-file and --to-file both specified")),
        (Some(from), None, each) if !each.is_empty() => Ok(each
            .iter()
            .map(|operand| [from.clone(), operand.clone()])
            .collect()),
        (None, Some(to), each) if !each.is_empty() => Ok(each
            .iter()
            .map(|operand| [operand.clone(), to.clone()])
            .collect()),
        (_, _, [left, right]) => Ok(vec![[left.clone(), right.clone()]]),
        (_, _, [.., _, _]) => wrong(format!("extra operand {}", quote(&operands[2]))),
        (_, _, _) => {
            let last = args.list.last().map_or_else(
                || args.name.clone(),
                |last| last.to_string_lossy().into_owned(),
            );
            wrong(format!("missing operand after {}", quote(&last)))
        }
    }
}

/// Options as they are read, in order.
struct Building<'a> {
    args: &'a Args,
    format: Option<Format>,
    context: Option<usize>,
    /// The old form of a context: `-u1`, `-c -2`.
    digits: String,
    width: Option<usize>,
    /// Whether there are colors, if it was said.
    colors: Option<bool>,
    palette: Option<String>,
    options: Options,
}

impl Building<'_> {
    fn wrong(&self, message: &str) -> Failure {
        SYNTAX.wrong(self.args, message)
    }

    /// Takes the format, of which there is only one.
    fn set(&mut self, format: Format) -> Result<(), Failure> {
        if self.format.is_some_and(|known| known != format) {
            return Err(self.wrong("conflicting output style options"));
        }
        self.format = Some(format);
        Ok(())
    }

    fn take(&mut self, name: &'static str, value: &Value) -> Result<(), Failure> {
        let taken = bytes(&value.os()).to_vec();
        match self.options.formats.set(name, taken) {
            Some(Ok(())) => return self.set(Format::Own),
            Some(Err(before)) => {
                return Err(self.wrong(&format!("conflicting {before}")));
            }
            None => {}
        }
        let text = value.text();
        match name {
            digit if digit.len() == 1 && digit.as_bytes()[0].is_ascii_digit() => {
                self.digits.push_str(digit);
            }
            "rcs" => self.set(Format::Rcs)?,
            "normal" => self.set(Format::Normal)?,
            "ed" => self.set(Format::Ed)?,
            "forward-ed" => self.set(Format::ForwardEd)?,
            "side-by-side" => self.set(Format::SideBySide)?,
            "u" | "U" | "unified" => self.with_context(Format::Unified, value)?,
            "c" | "C" | "context" => self.with_context(Format::Context, value)?,
            "label" | "L" => {
                if self.options.labels.len() == 2 {
                    return Err(trouble("too many file label options"));
                }
                self.options.labels.push(text);
            }
            "exclude" => self.options.excluded.push(text),
            "exclude-from" => self.exclude_from(&value.os())?,
            "width" => {
                let width = self.positive("width", &text)?;
                if self.width.is_some_and(|known| known != width) {
                    return Err(trouble("conflicting width options"));
                }
                self.width = Some(width);
            }
            "tabsize" => self.options.style.tab = self.positive("tabsize", &text)?,
            "horizon-lines" => {
                let wrong = || self.wrong(&format!("invalid horizon length {}", quote(&text)));
                let lines: u64 = text.parse().map_err(|_| wrong())?;
                let lines = usize::try_from(lines).unwrap_or(usize::MAX);
                self.options.horizon = self.options.horizon.max(lines);
            }
            "expand-tabs" => self.options.style.expands = true,
            "initial-tab" => self.options.style.initial_tab = true,
            "suppress-blank-empty" => self.options.style.bare_blank = true,
            "color" => {
                self.colors = match text.as_str() {
                    "auto" | "" => Some(false),
                    "always" => Some(true),
                    "never" => None,
                    _ => return Err(self.wrong(&format!("invalid color {}", quote(&text)))),
                }
            }
            "palette" => self.palette = Some(text),
            "ignore-matching-lines" => {
                let found = pattern(bytes(&value.os()))?;
                self.options.ignore.lines.push(found);
            }
            "show-function-line" => {
                let found = pattern(bytes(&value.os()))?;
                self.options.function.push(found);
            }
            _ => {}
        }
        Ok(())
    }

    fn positive(&self, what: &str, text: &str) -> Result<usize, Failure> {
        let number = text
            .parse()
            .ok()
            .filter(|number| (1..=1 << 30).contains(number));
        number.ok_or_else(|| self.wrong(&format!("invalid {what} {}", quote(text))))
    }

    fn with_context(&mut self, format: Format, value: &Value) -> Result<(), Failure> {
        self.set(format)?;
        let lines = if value.is_given() {
            let text = value.text();
            let wrong = || self.wrong(&format!("invalid context length {}", quote(&text)));
            let number: u64 = text.parse().map_err(|_| wrong())?;
            usize::try_from(number.min(1 << 30)).unwrap_or(0)
        } else {
            CONTEXT
        };
        self.context = Some(self.context.map_or(lines, |known| known.max(lines)));
        Ok(())
    }

    fn exclude_from(&mut self, path: &OsString) -> Result<(), Failure> {
        let text = if path == "-" {
            io_text(std::io::read_to_string(std::io::stdin()), "-")?
        } else {
            let name = path.to_string_lossy().into_owned();
            io_text(
                std::fs::read(path).map(|text| String::from_utf8_lossy(&text).into_owned()),
                &name,
            )?
        };
        let patterns = text.lines().map(|line| line.trim_end_matches([' ', '\t']));
        let patterns = patterns.filter(|line| !line.is_empty()).map(str::to_owned);
        self.options.excluded.extend(patterns);
        Ok(())
    }

    fn finish(mut self, shows_function: bool) -> Result<Options, Failure> {
        if shows_function {
            let found = pattern(FUNCTION)?;
            self.options.function.push(found);
        }
        let context_wanted = shows_function || !self.digits.is_empty();
        let format = match self.format {
            None if context_wanted && shows_function => Format::Context,
            other => other.unwrap_or(Format::Normal),
        };
        if let Some(lines) = self.context {
            self.options.context = lines;
        }
        if let Ok(lines) = self.digits.parse() {
            self.options.context = lines;
        }
        self.options.format = format;
        self.options.width = self.width.unwrap_or(130);
        if self.colors == Some(false) && secure_exec_sys::tty::isatty(1) {
            let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
            self.colors = Some(!dumb);
        }
        if self.colors == Some(true) {
            self.options.style.palette = match self.palette.as_deref().map(Palette::parse) {
                None => Some(Palette::default()),
                Some(Ok(palette)) => Some(palette),
                Some(Err(messages)) => {
                    for message in messages {
                        secure_exec_cli::warn("diff", message);
                    }
                    None
                }
            };
        }
        self.options.formats.complete();
        Ok(self.options)
    }
}

fn io_text(read: std::io::Result<String>, name: &str) -> Result<String, Failure> {
    read.map_err(|error| trouble(format!("{name}: {}", errno::message(&error))))
}

/// The command line without the operands.
fn repeated(args: &Args, operands: &[OsString]) -> String {
    let mut left = operands.to_vec();
    let mut text = String::new();
    for arg in &args.list {
        match left.iter().position(|operand| operand == arg) {
            Some(at) => drop(left.remove(at)),
            None => {
                text.push(' ');
                text.push_str(&names::for_shell(&arg.to_string_lossy()));
            }
        }
    }
    text
}
