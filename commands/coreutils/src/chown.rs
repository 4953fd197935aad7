//! `chown` and `chgrp`: change owners, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/chown.html), with the GNU options.

use std::path::Path;

use secure_exec_cli::{
    Args, Failure, Opt, Outcome, Parsed, Syntax, fail, flag, quote, report, required, warn_path,
};
use secure_exec_sys::path::{AT_SYMLINK_NOFOLLOW, chown as change_owner, lstat, stat};
use secure_exec_sys::stat::Stat;
use secure_exec_sys::users;

use crate::tree::sorted_entries;

/// Leaves the owner or the group as it is.
const UNCHANGED: u32 = u32::MAX;

const OPTIONS: &[Opt] = &[
    flag('c', "changes"),
    flag('f', "silent"),
    flag('\0', "quiet"),
    flag('v', "verbose"),
    flag('\0', "dereference"),
    flag('h', "no-dereference"),
    required('\0', "from"),
    required('\0', "reference"),
    flag('R', "recursive"),
    flag('H', "H"),
    flag('L', "L"),
    flag('P', "P"),
    flag('\0', "preserve-root"),
    flag('\0', "no-preserve-root"),
];

const fn syntax(usage: &'static str) -> Syntax {
    Syntax {
        options: OPTIONS,
        usage,
        usage_status: 1,
        operand_ends: false,
    }
}

const CHOWN: Syntax = syntax("[OPTION]... [OWNER][:[GROUP]] FILE...");
const CHGRP: Syntax = syntax("[OPTION]... GROUP FILE...");

/// An owner and a group, either may be [`UNCHANGED`].
#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

pub fn chown(args: &Args) -> Outcome {
    run(args, &CHOWN, parse_owner)
}

pub fn chgrp(args: &Args) -> Outcome {
    run(args, &CHGRP, |text| {
        Ok(Owner {
            uid: UNCHANGED,
            gid: group(text)?,
        })
    })
}

fn run(args: &Args, syntax: &Syntax, parse: fn(&str) -> Result<Owner, Failure>) -> Outcome {
    let parsed = syntax.parse(args)?;
    let mut operands = parsed.operands.clone();
    if operands.is_empty() {
        return Err(syntax.missing_operand(args));
    }
    let owner = if let Some(reference) = parsed.value("reference") {
        let path = reference.os();
        let found = stat(&path).map_err(|error| {
            fail(report(
                "failed to get attributes of",
                Path::new(&path),
                &error,
            ))
        })?;
        Owner {
            uid: if args.name == "chgrp" {
                UNCHANGED
            } else {
                found.uid
            },
            gid: found.gid,
        }
    } else {
        let text = operands.remove(0);
        if operands.is_empty() {
            return Err(syntax.wrong(args, &format!("missing operand after {}", quote(&text))));
        }
        parse(&text.to_string_lossy())?
    };
    let from = parsed
        .value("from")
        .map(|value| parse_owner(&value.text()))
        .transpose()?;
    let mut change = Change {
        args,
        parsed: &parsed,
        owner,
        from,
        failed: false,
    };
    for path in &operands {
        change.visit(Path::new(path), true);
    }
    Ok(i32::from(change.failed))
}

/// `user`, `user:group`, `user:` (the user's own group), `:group`.
fn parse_owner(text: &str) -> Result<Owner, Failure> {
    let Some((name, group_name)) = text.split_once(':') else {
        return Ok(Owner {
            uid: user(text, text)?.0,
            gid: UNCHANGED,
        });
    };
    let (uid, own_group) = if name.is_empty() {
        (UNCHANGED, UNCHANGED)
    } else {
        user(name, text)?
    };
    let gid = match group_name {
        "" => own_group,
        _ => group(group_name).map_err(|_| fail(format!("invalid group: {}", quote(text))))?,
    };
    Ok(Owner { uid, gid })
}

/// A user by name or number, with the user's group.
fn user(name: &str, whole: &str) -> Result<(u32, u32), Failure> {
    if let Some(user) = users::user_by_name(name) {
        return Ok((user.uid, user.gid));
    }
    let uid = name
        .parse()
        .map_err(|_| fail(format!("invalid user: {}", quote(whole))))?;
    Ok((
        uid,
        users::user_by_uid(uid).map_or(UNCHANGED, |user| user.gid),
    ))
}

fn group(name: &str) -> Result<u32, Failure> {
    if let Some(group) = users::group_by_name(name) {
        return Ok(group.gid);
    }
    name.parse()
        .map_err(|_| fail(format!("invalid group: {}", quote(name))))
}

struct Change<'a> {
    args: &'a Args,
    parsed: &'a Parsed,
    owner: Owner,
    from: Option<Owner>,
    failed: bool,
}

impl Change<'_> {
    fn visit(&mut self, path: &Path, is_operand: bool) {
        let recursive = self.parsed.has("recursive");
        let traverse = self.parsed.last_of(&["H", "L", "P"]).unwrap_or("P");
        let follows = match (recursive, traverse) {
            (false, _) => !self.parsed.has("no-dereference"),
            (true, "L") => true,
            (true, "H") => is_operand,
            _ => false,
        };
        let found = match if follows { stat(path) } else { lstat(path) } {
            Ok(found) => found,
            Err(error) => {
                let what = if follows {
                    "cannot dereference"
                } else {
                    "cannot access"
                };
                let dangling = follows && lstat(path).is_ok();
                self.complain(if dangling { what } else { "cannot access" }, path, &error);
                return;
            }
        };
        if recursive && found.is_dir() {
            match sorted_entries(path) {
                Ok(entries) => entries.iter().for_each(|entry| self.visit(entry, false)),
                Err(error) => self.complain("cannot read directory", path, &error),
            }
        }
        if self.from.is_some_and(|from| !matches(from, &found)) {
            return;
        }
        // In a tree, links themselves are left alone unless -h asks for them.
        let flags = if found.is_symlink() {
            AT_SYMLINK_NOFOLLOW
        } else {
            0
        };
        match change_owner(path, self.owner.uid, self.owner.gid, flags) {
            Ok(()) => self.tell(path, &found),
            Err(error) => {
                let what = if self.owner.uid == UNCHANGED {
                    "changing group of"
                } else {
                    "changing ownership of"
                };
                self.complain(what, path, &error);
            }
        }
    }

    fn complain(&mut self, what: &str, path: &Path, error: &std::io::Error) {
        self.failed = true;
        if !self.parsed.has("silent") && !self.parsed.has("quiet") {
            warn_path(&self.args.name, what, path, error);
        }
    }

    fn tell(&self, path: &Path, old: &Stat) {
        let Some(how) = self.parsed.last_of(&["changes", "verbose"]) else {
            return;
        };
        let changes = !matches(self.owner, old);
        if !changes && how == "changes" {
            return;
        }
        let user = users::user_name;
        let group = users::group_name;
        let new_uid = if self.owner.uid == UNCHANGED {
            old.uid
        } else {
            self.owner.uid
        };
        let new_gid = if self.owner.gid == UNCHANGED {
            old.gid
        } else {
            self.owner.gid
        };
        let (what, was, is) = if self.owner.uid == UNCHANGED {
            ("group", group(old.gid), group(new_gid))
        } else if self.owner.gid == UNCHANGED {
            ("ownership", user(old.uid), user(new_uid))
        } else {
            let pair = |uid, gid| format!("{}:{}", user(uid), group(gid));
            ("ownership", pair(old.uid, old.gid), pair(new_uid, new_gid))
        };
        if changes {
            println!("changed {what} of {} from {was} to {is}", quote(path));
        } else {
            println!("{what} of {} retained as {is}", quote(path));
        }
    }
}

/// Whether a file has this owner already.
fn matches(owner: Owner, found: &Stat) -> bool {
    (owner.uid == UNCHANGED || owner.uid == found.uid)
        && (owner.gid == UNCHANGED || owner.gid == found.gid)
}
