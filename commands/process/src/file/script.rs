//! Scripts, by the program that their first line names.

/// A kind of text: its name, its media type, and how the characters are told beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub name: String,
    pub media: &'static str,
    pub form: Form,
}

/// How the characters of a text are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Not at all.
    Alone,
    /// Behind the name.
    Beside,
    /// Behind the name, and before the word `executable`.
    Executable,
}

const SHELL: &str = "text/x-shellscript";

/// Programs by name: where they are looked for (`b`in, `u`sr, `l`ocal, `e`nv), what scripts of theirs are called, their
/// media type. A name with a star may go on.
const PROGRAMS: &[(&str, &str, &str, &str)] = &[
    ("sh", "b", "POSIX shell script", SHELL),
    ("bash", "bule", "Bourne-Again shell script", SHELL),
    ("ash", "bul", "Neil Brown's ash script", SHELL),
    ("zsh", "bule", "Paul Falstad's zsh script", SHELL),
    ("ksh", "b", "Korn shell script", SHELL),
    ("csh", "b", "C shell script", SHELL),
    ("tcsh", "bul", "Tenex C shell script", SHELL),
    ("fish", "ule", "fish shell script", SHELL),
    ("rc", "b", "Plan 9 rc shell script", "text/plain"),
    ("python*", "ule", "Python script", "text/x-script.python"),
    ("perl*", "e", PERL, "text/x-perl"),
    ("perl", "bul", PERL, "text/x-perl"),
    ("ruby*", "ule", "Ruby script", "text/x-ruby"),
    ("php*", "ul", "PHP script", "text/x-php"),
    ("lua*", "ule", "Lua script", "text/x-lua"),
    ("awk", "bu", "awk script", "text/x-awk"),
    ("gawk", "bul", "GNU awk script", "text/x-gawk"),
    ("nawk", "bul", "new awk script", "text/x-nawk"),
    ("node", "bue", NODE, "application/javascript"),
    ("nodejs", "bue", NODE, "application/javascript"),
    ("tclsh", "u", "Tcl/Tk script", "text/x-tcl"),
    ("tcl*", "ule", "Tcl script", "text/x-tcl"),
    ("wish", "ule", "Tcl/Tk script", "text/x-tcl"),
    ("stap", "u", "Systemtap script", "text/x-systemtap"),
    ("julia", "e", "Julia script executable", "text/plain"),
];

const NODE: &str = "Node.js script executable";
const PERL: &str = "Perl script text executable";

/// The folders that the letters of [`PROGRAMS`] stand for.
const FOLDERS: [(char, &str); 4] = [
    ('b', "/bin/"),
    ('u', "/usr/bin/"),
    ('l', "/usr/local/bin/"),
    ('e', "/usr/bin/env"),
];

/// What the first line names, behind `#!`.
fn command(text: &str) -> Option<&str> {
    Some(text.strip_prefix("#!")?.trim_start_matches([' ', '\t']))
}

/// Recognizes a script of a program that is known.
pub fn recognize(text: &str) -> Option<Kind> {
    let rest = command(text)?;
    let known = FOLDERS.iter().find_map(|(letter, folder)| {
        let name = rest.strip_prefix(folder)?;
        let name = if *letter == 'e' {
            name.strip_prefix(' ')?.trim_start_matches(' ')
        } else {
            name
        };
        PROGRAMS.iter().find_map(|(program, places, kind, media)| {
            let is_it = places.contains(*letter) && names(name, program);
            is_it.then_some((*kind, *media))
        })
    });
    let (kind, media) = known?;
    let form = match kind {
        PERL => Form::Alone,
        NODE | "Julia script executable" => Form::Beside,
        _ => Form::Executable,
    };
    Some(Kind {
        name: kind.to_owned(),
        media,
        form,
    })
}

/// Whether the command begins with the name of a program; behind that, there is something else.
fn names(command: &str, program: &str) -> bool {
    match program.strip_suffix('*') {
        Some(program) => command.starts_with(program),
        None => command
            .strip_prefix(program)
            .is_some_and(|behind| behind.starts_with(|c: char| c.is_ascii_whitespace())),
    }
}

/// A script of any other program.
pub fn unknown(text: &str) -> Option<Kind> {
    let rest = command(text)?;
    // Without a command the next word that there is stands for it.
    let rest = rest.strip_prefix("/usr/bin/env").map_or(rest, |behind| {
        behind.trim_start_matches([' ', '\t', '\n', '\r'])
    });
    let command = rest.lines().next().unwrap_or_default();
    Some(Kind {
        name: format!("a {} script", command.trim_end()),
        media: "text/plain",
        form: Form::Executable,
    })
}
