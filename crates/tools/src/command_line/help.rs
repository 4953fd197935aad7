//! The text of `--help`.

use secure_exec_protocol::Tool;
use serde_json::Value;

use super::flag::{Flag, list};
use super::schema::{Shape, Type};
use super::value::shown;

/// Widest column of flags; what is wider has its text on the next line.
const WIDEST: usize = 36;
/// Number.MAX_SAFE_INTEGER.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
/// Listed values that are shown in a flag's own column have at most so many characters.
const WIDEST_VALUES: usize = 40;

/// The help text.
pub(super) fn help(tool: &Tool, name: &str) -> String {
    let schema: Value = serde_json::from_str(&tool.schema).unwrap_or(Value::Null);
    let flags = list(&Shape::of(&schema));
    let usage = if flags.is_empty() { "" } else { " [flags]" };
    let mut text = format!(
        "{}\n\nUsage: {name}{usage}\n       {name} --json '{{...}}'\n       {name} --json-file <path>\n       \
         ... | {name}\n",
        tool.description
    );
    if !flags.is_empty() {
        text.push_str("\nFlags:\n");
        text.push_str(&table(&flags));
    }
    for (index, example) in tool.examples.iter().enumerate() {
        if index == 0 {
            text.push_str("\nExamples:\n");
        }
        if let Some(description) = &example.description {
            text.push_str(&format!("  # {}\n", one_line(description)));
        }
        let quoted = example.input.replace('\'', "'\\''");
        text.push_str(&format!("  {name} --json '{quoted}'\n"));
    }
    text
}

fn table(flags: &[Flag<'_>]) -> String {
    let rows: Vec<(String, String)> = flags.iter().map(row).collect();
    let widths = rows.iter().map(|(flag, _)| flag.chars().count());
    let width = widths.filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let mut text = String::new();
    for (flag, told) in rows {
        let line = if told.is_empty() {
            format!("  {flag}")
        } else if flag.chars().count() > width {
            format!("  {flag}\n  {:width$}  {told}", "")
        } else {
            format!("  {flag:width$}  {told}")
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn row(flag: &Flag<'_>) -> (String, String) {
    let shape = &flag.shape;
    let values = values(shape);
    let inline = values.as_deref().filter(|text| text.len() <= WIDEST_VALUES);
    let kinds = shape.kinds();
    let placeholder = match inline {
        Some(values) => format!(" <{values}>"),
        None => placeholder(shape, &kinds),
    };
    let typed = match &flag.typed {
        Some(typed) if kinds.contains(&Type::Boolean) => format!("--[no-]{typed}{placeholder}"),
        Some(typed) => format!("--{typed}{placeholder}"),
        None => format!("{:?}: by --json alone", flag.property),
    };
    let mut notes = notes(flag);
    if inline.is_none() {
        notes.extend(values.map(|values| format!("one of: {}", values.replace('|', ", "))));
    }
    let about = shape.keyword("description").and_then(Value::as_str);
    let mut told = about.map(one_line).unwrap_or_default();
    if !notes.is_empty() {
        let space = if told.is_empty() { "" } else { " " };
        told = format!("{told}{space}({})", notes.join("; "));
    }
    (typed, told)
}

/// The listed values, if only listed ones are allowed.
fn values(shape: &Shape<'_>) -> Option<String> {
    let listed: Option<Vec<Vec<&Value>>> = shape.telling().iter().map(|one| one.values()).collect();
    let shown: Vec<String> = listed?.into_iter().flatten().map(shown).collect();
    (!shown.is_empty()).then(|| shown.join("|"))
}

/// What stands behind a flag: types, of lists those of the elements. Booleans need nothing.
fn placeholder(shape: &Shape<'_>, kinds: &[Type]) -> String {
    let mut names: Vec<String> = Vec::new();
    for kind in kinds {
        match kind {
            Type::Array => {
                let element = shape.element(0);
                let inner = values(&element).filter(|text| text.len() <= WIDEST_VALUES);
                let inner = inner.unwrap_or_else(|| type_names(&element.kinds()));
                names.push(format!("{inner}..."));
            }
            kind => names.push(kind.name().to_owned()),
        }
    }
    let optional = |name: &String| name == "boolean" || name == "null";
    if names.iter().all(optional) && names.iter().any(|name| name == "boolean") {
        return String::new();
    }
    if names.is_empty() {
        return " <value>".into();
    }
    format!(" <{}>", names.join("|"))
}

fn type_names(kinds: &[Type]) -> String {
    if kinds.is_empty() {
        return "value".into();
    }
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    names.join("|")
}

/// What else a schema says of a value.
fn notes(flag: &Flag<'_>) -> Vec<String> {
    let shape = &flag.shape;
    let mut notes = Vec::new();
    match shape.keyword("default") {
        Some(default) => notes.push(format!("default: {}", shown(default))),
        None if flag.required => notes.push("required".to_owned()),
        None => {}
    }
    if shape.allows(Type::Array) {
        notes.push("may be repeated".into());
    }
    if shape.extra().is_some() && flag.typed.is_some() && shape.allows(Type::Object) {
        let typed = flag.typed.as_deref().unwrap_or_default();
        notes.push(format!("also --{typed}.KEY <value>"));
    }
    let bounds = [
        ("format", "format"),
        ("minimum", "at least"),
        ("exclusiveMinimum", "more than"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "less than"),
    ];
    for (keyword, words) in bounds {
        // That a number is one of JavaScript's says nothing new.
        let telling = |bound: &&Value| bound.as_f64().map(f64::abs) != Some(MAX_SAFE_INTEGER);
        if let Some(bound) = shape.keyword(keyword).filter(telling) {
            notes.push(format!("{words} {}", shown(bound)));
        }
    }
    notes
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
