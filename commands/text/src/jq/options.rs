//! jq's command line.

use crate::{bytes, message};
use jaq_json::{Map, Val, read};
use std::collections::HashSet;
use std::path::PathBuf;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    Json,
    Raw,
    /// Without a newline behind each output.
    Joined,
    /// With a NUL behind each.
    Nul,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of jq")]
pub struct Options {
    pub filter: String,
    pub files: Vec<Vec<u8>>,
    pub null_input: bool,
    pub raw_input: bool,
    pub slurp: bool,
    pub stream: bool,
    pub seq: bool,
    pub strings: Strings,
    /// None for one line.
    pub indent: Option<String>,
    pub sort_keys: bool,
    pub ascii: bool,
    pub color: bool,
    pub exit_status: bool,
    pub unbuffered: bool,
    pub library: Vec<PathBuf>,
    named: Vec<(String, Val)>,
    positional: Vec<Val>,
}

const USAGE: &str = "Usage:\tjq [OPTIONS] FILTER [FILES...]\n\tjq [OPTIONS] -f FILE [FILES...]\n\t\
                     jq [OPTIONS] --args FILTER [ARGUMENTS...]\n\t\
                     jq [OPTIONS] --jsonargs FILTER [JSON_VALUES...]";

/// What operands are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operands {
    Files,
    Texts,
    Values,
}

fn fail(text: &str) -> u8 {
    message::warn("jq", &format!("error: {text}"));
    eprintln!(
        "Use jq --help for help with command-line options,\nor see the jq manpage, or online docs  at https://jqlang.github.io/jq"
    );
    2
}

fn text(bytes: &[u8]) -> Val {
    Val::utf8_str(bytes.to_vec())
}

struct Parser {
    options: Options,
    arguments: std::vec::IntoIter<Vec<u8>>,
    filter: Option<Vec<u8>>,
    filter_file: Option<Vec<u8>>,
    operands: Operands,
}

impl Options {
    pub fn parse(arguments: Vec<Vec<u8>>) -> Result<Self, u8> {
        let options = Self {
            filter: String::new(),
            files: Vec::new(),
            null_input: false,
            raw_input: false,
            slurp: false,
            stream: false,
            seq: false,
            strings: Strings::Json,
            indent: Some("  ".to_owned()),
            sort_keys: false,
            ascii: false,
            color: std::io::IsTerminal::is_terminal(&std::io::stdout())
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            exit_status: false,
            unbuffered: false,
            library: Vec::new(),
            named: Vec::new(),
            positional: Vec::new(),
        };
        let mut parser = Parser {
            options,
            arguments: arguments.into_iter(),
            filter: None,
            filter_file: None,
            operands: Operands::Files,
        };
        parser.run()?;
        parser.finish()
    }

    /// The global variables of the program.
    pub fn variables(&self) -> Vec<(String, Val)> {
        let mut variables: Vec<(String, Val)> = Vec::new();
        let mut seen = HashSet::new();
        let mut named = Map::default();
        for (name, value) in &self.named {
            if seen.insert(name.clone()) {
                variables.push((format!("${name}"), value.clone()));
                named.insert(text(name.as_bytes()), value.clone());
            }
        }
        let environment = std::env::vars_os()
            .map(|(name, value)| (text(&bytes::from_os(name)), text(&bytes::from_os(value))));
        variables.push(("$ENV".to_owned(), Val::obj(environment.collect())));
        let mut arguments = Map::default();
        arguments.insert(
            text(b"positional"),
            self.positional.iter().cloned().collect(),
        );
        arguments.insert(text(b"named"), Val::obj(named));
        variables.push(("$ARGS".to_owned(), Val::obj(arguments)));
        variables
    }
}

impl Parser {
    fn run(&mut self) -> Result<(), u8> {
        let mut only_operands = false;
        while let Some(argument) = self.arguments.next() {
            if only_operands || argument.len() < 2 || argument[0] != b'-' {
                self.operand(argument)?;
            } else if argument == b"--" {
                only_operands = true;
            } else if let Some(long) = argument.strip_prefix(b"--") {
                let name = String::from_utf8_lossy(long).into_owned();
                self.long(&name)?;
            } else {
                for &letter in &argument[1..] {
                    self.short(letter)?;
                }
            }
        }
        Ok(())
    }

    fn operand(&mut self, operand: Vec<u8>) -> Result<(), u8> {
        if self.filter.is_none() {
            self.filter = Some(operand);
            return Ok(());
        }
        match self.operands {
            Operands::Files => self.options.files.push(operand),
            Operands::Texts => self.options.positional.push(text(&operand)),
            Operands::Values => {
                let value = read::parse_single(&operand).map_err(|_| {
                    let shown = String::from_utf8_lossy(&operand);
                    fail(&format!("Invalid JSON text passed to --jsonargs: {shown}"))
                })?;
                self.options.positional.push(value);
            }
        }
        Ok(())
    }

    fn short(&mut self, letter: u8) -> Result<(), u8> {
        let name = match letter {
            b'n' => "null-input",
            b'R' => "raw-input",
            b's' => "slurp",
            b'r' => "raw-output",
            b'j' => "join-output",
            b'a' => "ascii-output",
            b'c' => "compact-output",
            b'C' => "color-output",
            b'M' => "monochrome-output",
            b'S' => "sort-keys",
            b'e' => "exit-status",
            b'f' => "from-file",
            b'L' => "library-path",
            b'h' => "help",
            b'V' => "version",
            _ => return Err(fail(&format!("Unknown option: -{}", char::from(letter)))),
        };
        self.long(name)
    }

    fn value(&mut self, name: &str, count: usize) -> Result<Vec<Vec<u8>>, u8> {
        let values: Vec<_> = self.arguments.by_ref().take(count).collect();
        if values.len() == count {
            return Ok(values);
        }
        Err(fail(&format!("--{name} takes {count} parameter(s)")))
    }

    fn long(&mut self, name: &str) -> Result<(), u8> {
        let options = &mut self.options;
        match name {
            "null-input" => options.null_input = true,
            "raw-input" => options.raw_input = true,
            "slurp" => options.slurp = true,
            "stream" => options.stream = true,
            "seq" => options.seq = true,
            "raw-output" => options.strings = Strings::Raw,
            "join-output" => options.strings = Strings::Joined,
            "raw-output0" => options.strings = Strings::Nul,
            "ascii-output" => options.ascii = true,
            "compact-output" => options.indent = None,
            "tab" => options.indent = Some("\t".to_owned()),
            "color-output" => options.color = true,
            "monochrome-output" => options.color = false,
            "sort-keys" => options.sort_keys = true,
            "exit-status" => options.exit_status = true,
            "unbuffered" => options.unbuffered = true,
            "args" => self.operands = Operands::Texts,
            "jsonargs" => self.operands = Operands::Values,
            "help" => {
                println!("{USAGE}");
                return Err(0);
            }
            "version" => {
                println!("jq-1.7 (secure-exec {})", env!("CARGO_PKG_VERSION"));
                return Err(0);
            }
            _ => return self.valued(name),
        }
        Ok(())
    }

    fn valued(&mut self, name: &str) -> Result<(), u8> {
        match name {
            "indent" => {
                let value = self.value(name, 1)?.remove(0);
                let width: Option<usize> = std::str::from_utf8(&value)
                    .ok()
                    .and_then(|text| text.parse().ok());
                match width {
                    Some(0) => self.options.indent = None,
                    Some(width @ 1..=7) => self.options.indent = Some(" ".repeat(width)),
                    Some(_) => return Err(fail("Cannot indent more than 7 characters")),
                    None => return Err(fail("--indent takes a number")),
                }
            }
            "from-file" => self.filter_file = Some(self.value(name, 1)?.remove(0)),
            "library-path" => {
                let value = self.value(name, 1)?.remove(0);
                self.options.library.push(bytes::path(&value).to_owned());
            }
            "arg" | "argjson" | "slurpfile" | "rawfile" | "argfile" => {
                let mut values = self.value(name, 2)?;
                let value = values.pop().unwrap_or_default();
                let variable =
                    String::from_utf8_lossy(&values.pop().unwrap_or_default()).into_owned();
                let value = variable_value(name, &variable, &value)?;
                self.options.named.push((variable, value));
            }
            _ => return Err(fail(&format!("Unknown option: --{name}"))),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Options, u8> {
        if let Some(file) = self.filter_file {
            let text = std::fs::read(bytes::path(&file)).map_err(|error| {
                let name = String::from_utf8_lossy(&file).into_owned();
                fail(&format!(
                    "Could not open {name}: {}",
                    message::reason(&error)
                ))
            })?;
            if let Some(first) = self.filter.take() {
                // The first operand is no filter then.
                match self.operands {
                    Operands::Files => self.options.files.insert(0, first),
                    _ => self.options.positional.insert(0, text_value(&first)),
                }
            }
            self.filter = Some(text);
        }
        let Some(filter) = self.filter else {
            eprintln!("{USAGE}");
            return Err(2);
        };
        self.options.filter = String::from_utf8_lossy(&filter).into_owned();
        Ok(self.options)
    }
}

fn text_value(bytes: &[u8]) -> Val {
    text(bytes)
}

fn variable_value(option: &str, variable: &str, value: &[u8]) -> Result<Val, u8> {
    if option == "arg" {
        return Ok(text(value));
    }
    if option == "argjson" {
        return read::parse_single(value).map_err(|_| {
            let shown = String::from_utf8_lossy(value);
            fail(&format!("Invalid JSON text passed to --argjson: {shown}"))
        });
    }
    let bad = |reason: String| {
        fail(&format!(
            "Bad JSON in --{option} {variable} {}: {reason}",
            String::from_utf8_lossy(value)
        ))
    };
    let content =
        std::fs::read(bytes::path(value)).map_err(|error| bad(message::reason(&error)))?;
    if option == "rawfile" {
        return Ok(text(&content));
    }
    let values: Result<Vec<Val>, _> = read::parse_many(&content).collect();
    let mut values = values.map_err(|error| bad(error.to_string()))?;
    if option == "argfile" && values.len() == 1 {
        return Ok(values.remove(0));
    }
    Ok(values.into_iter().collect())
}
