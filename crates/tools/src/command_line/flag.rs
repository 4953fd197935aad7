//! The flags that a schema gives, and which of them a word means.

use super::name::{derived, distance, squashed};
use super::schema::{Shape, Type};

/// Words that are no flags of any property.
const RESERVED: [&str; 3] = ["help", "json", "json-file"];
/// How deep `--a.b.c` goes in lists of flags.
const MOST_DOTS: usize = 3;
/// Flags that are listed.
const MOST_LISTED: usize = 200;
/// Flags that a message about an unknown one lists.
const MOST_TOLD: usize = 24;

/// A flag as the help lists it.
pub(super) struct Flag<'a> {
    /// As it is typed behind the dashes; `None` if the property can only be given as JSON.
    pub(super) typed: Option<String>,
    pub(super) property: String,
    pub(super) shape: Shape<'a>,
    pub(super) required: bool,
}

/// The property that a flag means.
pub(super) struct Meant<'a> {
    /// Names from the outermost object inwards.
    pub(super) path: Vec<String>,
    pub(super) shape: Shape<'a>,
    /// It was `--no-...`.
    pub(super) negated: bool,
}

/// Finds the property that a flag means.
///
/// # Errors
/// The flag is unknown, or means several properties.
pub(super) fn find<'a>(shape: &Shape<'a>, flag: &str) -> Result<Meant<'a>, String> {
    let negated = |flag: &str| {
        let inner = flag.strip_prefix("no-")?;
        let (path, shape) = locate(shape, inner, Spelling::Derived).ok().flatten()?;
        (shape.allows(Type::Boolean)).then_some((path, shape, true))
    };
    let found = match locate(shape, flag, Spelling::Derived)? {
        Some((path, shape)) => Some((path, shape, false)),
        None => negated(flag),
    };
    let found = match found {
        Some(found) => Some(found),
        None => locate(shape, flag, Spelling::Any)?.map(|(path, shape)| (path, shape, false)),
    };
    let found = found.or_else(|| {
        let extra = shape.extra().filter(|_| !flag.is_empty())?;
        Some((vec![flag.to_owned()], extra, false))
    });
    match found {
        Some((path, shape, negated)) => Ok(Meant {
            path,
            shape,
            negated,
        }),
        None => Err(unknown(shape, flag)),
    }
}

/// How far a flag may be from the name.
#[derive(Clone, Copy, PartialEq)]
enum Spelling {
    /// The name, or the flag that is derived from it.
    Derived,
    /// The same letters and digits.
    Any,
}

type Located<'a> = Option<(Vec<String>, Shape<'a>)>;

/// Follows a flag with dots into objects.
fn locate<'a>(shape: &Shape<'a>, flag: &str, spelling: Spelling) -> Result<Located<'a>, String> {
    if let Some(name) = named(shape, flag, spelling)? {
        let property = shape.property(&name);
        return Ok(property.map(|property| (vec![name], property)));
    }
    for (dot, _) in flag.match_indices('.') {
        let (head, tail) = (flag.get(..dot), flag.get(dot + 1..));
        let (Some(head), Some(tail)) = (head, tail.filter(|tail| !tail.is_empty())) else {
            continue;
        };
        let Some(name) = named(shape, head, spelling)? else {
            continue;
        };
        let inner = shape.property(&name);
        let Some(inner) = inner.filter(|inner| inner.allows(Type::Object)) else {
            continue;
        };
        let found = match locate(&inner, tail, spelling)? {
            Some(found) => Some(found),
            // The key of a map is whatever it is.
            None => inner.extra().map(|extra| (vec![tail.to_owned()], extra)),
        };
        if let Some((mut path, shape)) = found {
            path.insert(0, name);
            return Ok(Some((path, shape)));
        }
    }
    Ok(None)
}

/// The property of that name.
fn named(shape: &Shape<'_>, flag: &str, spelling: Spelling) -> Result<Option<String>, String> {
    let names = shape.property_names();
    if names.contains(&flag) {
        return Ok(Some(flag.to_owned()));
    }
    let wanted = squashed(flag);
    let is_meant = |name: &&&str| match spelling {
        Spelling::Derived => derived(name) == flag,
        Spelling::Any => !wanted.is_empty() && squashed(name) == wanted,
    };
    let meant: Vec<&&str> = names.iter().filter(is_meant).collect();
    match meant.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((**one).to_owned())),
        several => {
            let names: Vec<String> = several.iter().map(|name| format!("--{name}")).collect();
            Err(format!(
                "--{flag} can mean {}: give the name itself",
                names.join(" or ")
            ))
        }
    }
}

/// All flags, those of objects behind the object's own.
pub(super) fn list<'a>(shape: &Shape<'a>) -> Vec<Flag<'a>> {
    let mut flags = Vec::new();
    add(shape, "", true, MOST_DOTS, &mut flags);
    flags
}

fn add<'a>(shape: &Shape<'a>, prefix: &str, needed: bool, left: usize, flags: &mut Vec<Flag<'a>>) {
    let Some(left) = left.checked_sub(1) else {
        return;
    };
    let names = shape.property_names();
    for name in &names {
        let Some(property) = shape.property(name).filter(|_| flags.len() < MOST_LISTED) else {
            continue;
        };
        let typed = typed(name, &names, prefix.is_empty()).map(|flag| format!("{prefix}{flag}"));
        let required = needed && shape.requires(name);
        let inner = typed.clone().filter(|_| property.allows(Type::Object));
        flags.push(Flag {
            typed,
            property: format!("{prefix}{name}"),
            shape: property.clone(),
            required,
        });
        if let Some(inner) = inner {
            add(&property, &format!("{inner}."), required, left, flags);
        }
    }
}

/// How the flag of a property is typed: as derived, or as the property where that would mean another one too.
fn typed(name: &str, names: &[&str], outermost: bool) -> Option<String> {
    let flag = derived(name);
    let taken = names
        .iter()
        .any(|other| *other != name && (derived(other) == flag || *other == flag));
    let free = |flag: &str| !outermost || !RESERVED.contains(&flag);
    if !flag.is_empty() && !taken && free(&flag) {
        return Some(flag);
    }
    let fit = !name.is_empty() && !name.contains(['=', '.']) && !name.contains(char::is_whitespace);
    (fit && free(name)).then(|| name.to_owned())
}

/// Says that a flag is unknown, which one comes nearest, and which there are.
fn unknown(shape: &Shape<'_>, flag: &str) -> String {
    let typed = |flag: Flag<'_>| flag.typed;
    let flags: Vec<String> = list(shape).into_iter().filter_map(typed).collect();
    if flags.is_empty() {
        return format!(
            "unknown flag --{flag}; the tool has no flags but --json, --json-file and --help"
        );
    }
    let nearest = flags
        .iter()
        .map(|known| (unlikeness(known, flag), known))
        .min();
    let hint = match nearest.filter(|(unlike, known)| *unlike <= known.len().max(flag.len()) / 2) {
        Some((_, known)) => format!("did you mean --{known}? "),
        None => String::new(),
    };
    let more = if flags.len() > MOST_TOLD { ", ..." } else { "" };
    let told: Vec<String> = flags.iter().take(MOST_TOLD).map(dashed).collect();
    format!(
        "unknown flag --{flag}; {hint}the flags are {}{more}",
        told.join(", ")
    )
}

fn dashed(flag: &String) -> String {
    format!("--{flag}")
}

/// One that begins like the other is as near as one with a letter changed.
fn unlikeness(known: &str, flag: &str) -> usize {
    let (known, flag) = (known.to_lowercase(), flag.to_lowercase());
    let begins = flag.len() >= 2 && (known.starts_with(&flag) || flag.starts_with(&known));
    if begins { 1 } else { distance(&known, &flag) }
}
