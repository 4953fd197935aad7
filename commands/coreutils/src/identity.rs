//! Who runs this: `id`, `groups`, `whoami`, `logname`, `users`, `who`.

use std::fmt::Write;

use secure_exec_cli::{Args, Failure, Outcome, Parsed, Syntax, fail, flag, quote, warn};
use secure_exec_sys::process::{Ids, ids};
use secure_exec_sys::users::{self, User};

const NONE: Syntax = Syntax {
    options: &[],
    usage: "[OPTION]...",
    usage_status: 1,
    operand_ends: false,
};

const ID: Syntax = Syntax {
    options: &[
        flag('a', "a"),
        flag('g', "group"),
        flag('G', "groups"),
        flag('n', "name"),
        flag('r', "real"),
        flag('u', "user"),
        flag('z', "zero"),
        flag('Z', "context"),
    ],
    usage: "[OPTION]... [USER]...",
    usage_status: 1,
    operand_ends: false,
};

pub fn id(args: &Args) -> Outcome {
    let parsed = ID.parse(args)?;
    let choices = ["user", "group", "groups"]
        .iter()
        .filter(|name| parsed.has(name))
        .count();
    if parsed.has("context") {
        return Err(fail(
            "--context (-Z) works only on an SELinux-enabled kernel",
        ));
    }
    if choices > 1 {
        return Err(fail("cannot print \"only\" of more than one choice"));
    }
    if choices == 0 && (parsed.has("name") || parsed.has("real")) {
        return Err(fail(
            "cannot print only names or real IDs in default format",
        ));
    }
    let mut status = 0;
    for who in subjects(args, &parsed, &mut status)? {
        let end = if parsed.has("zero") { '\0' } else { '\n' };
        print!("{}{end}", line(&parsed, &who, &mut status, args));
    }
    Ok(status)
}

fn subjects(args: &Args, parsed: &Parsed, status: &mut i32) -> Result<Vec<Ids>, Failure> {
    if parsed.operands.is_empty() {
        return Ok(vec![ids()?]);
    }
    let mut found = Vec::new();
    for name in &parsed.operands {
        match find_user(&name.to_string_lossy()) {
            Some(user) => found.push(ids_of(&user)),
            None => {
                warn(&args.name, format_args!("{}: no such user", quote(name)));
                *status = 1;
            }
        }
    }
    Ok(found)
}

fn find_user(name: &str) -> Option<User> {
    users::user_by_name(name).or_else(|| users::user_by_uid(name.parse().ok()?))
}

fn ids_of(user: &User) -> Ids {
    let member_of = users::groups()
        .into_iter()
        .filter(|group| group.members.contains(&user.name));
    let mut groups = vec![user.gid];
    groups.extend(
        member_of
            .map(|group| group.gid)
            .filter(|gid| *gid != user.gid),
    );
    Ids {
        uid: user.uid,
        euid: user.uid,
        gid: user.gid,
        egid: user.gid,
        groups,
    }
}

fn line(parsed: &Parsed, who: &Ids, status: &mut i32, args: &Args) -> String {
    let real = parsed.has("real");
    let uid = if real { who.uid } else { who.euid };
    let gid = if real { who.gid } else { who.egid };
    if parsed.has("user") {
        return if parsed.has("name") {
            user_name(uid, status, args)
        } else {
            uid.to_string()
        };
    }
    let show = |gid: &u32, status: &mut i32| {
        if parsed.has("name") {
            group_name(*gid, status, args)
        } else {
            gid.to_string()
        }
    };
    if parsed.has("group") {
        return show(&gid, status);
    }
    if parsed.has("groups") {
        let separator = if parsed.has("zero") { "\0" } else { " " };
        let names: Vec<String> = all_groups(who)
            .iter()
            .map(|gid| show(gid, status))
            .collect();
        return names.join(separator);
    }
    everything(who)
}

fn user_name(uid: u32, status: &mut i32, args: &Args) -> String {
    users::user_by_uid(uid)
        .map(|user| user.name)
        .unwrap_or_else(|| {
            warn(
                &args.name,
                format_args!("cannot find name for user ID {uid}"),
            );
            *status = 1;
            uid.to_string()
        })
}

fn group_name(gid: u32, status: &mut i32, args: &Args) -> String {
    users::group_by_gid(gid)
        .map(|group| group.name)
        .unwrap_or_else(|| {
            warn(
                &args.name,
                format_args!("cannot find name for group ID {gid}"),
            );
            *status = 1;
            gid.to_string()
        })
}

/// The effective group first, then the others.
fn all_groups(who: &Ids) -> Vec<u32> {
    let mut all = vec![who.egid];
    all.extend(who.groups.iter().filter(|gid| **gid != who.egid));
    all
}

fn everything(who: &Ids) -> String {
    let user = |uid: u32| named(uid, users::user_by_uid(uid).map(|user| user.name));
    let group = |gid: u32| named(gid, users::group_by_gid(gid).map(|group| group.name));
    let mut out = format!("uid={} gid={}", user(who.uid), group(who.gid));
    // Writing to a string cannot fail.
    if who.euid != who.uid {
        let _ = write!(out, " euid={}", user(who.euid));
    }
    if who.egid != who.gid {
        let _ = write!(out, " egid={}", group(who.egid));
    }
    let groups: Vec<String> = all_groups(who).into_iter().map(group).collect();
    let _ = write!(out, " groups={}", groups.join(","));
    out
}

fn named(id: u32, name: Option<String>) -> String {
    name.map_or_else(|| id.to_string(), |name| format!("{id}({name})"))
}

pub fn groups(args: &Args) -> Outcome {
    let parsed = NONE.parse(args)?;
    let mut status = 0;
    if parsed.operands.is_empty() {
        let names: Vec<String> = all_groups(&ids()?)
            .into_iter()
            .map(|gid| group_name(gid, &mut status, args))
            .collect();
        println!("{}", names.join(" "));
    }
    for name in &parsed.operands {
        let Some(user) = find_user(&name.to_string_lossy()) else {
            warn(&args.name, format_args!("{}: no such user", quote(name)));
            status = 1;
            continue;
        };
        let list = all_groups(&ids_of(&user));
        let names: Vec<String> = list
            .into_iter()
            .map(|gid| group_name(gid, &mut status, args))
            .collect();
        println!("{} : {}", user.name, names.join(" "));
    }
    Ok(status)
}

pub fn whoami(args: &Args) -> Outcome {
    no_operands(args)?;
    let uid = ids()?.euid;
    let user = users::user_by_uid(uid);
    let user = user.ok_or_else(|| fail(format!("cannot find name for user ID {uid}")))?;
    println!("{}", user.name);
    Ok(0)
}

/// The machine has no record of log-ins: there is the user it was made for.
pub fn logname(args: &Args) -> Outcome {
    no_operands(args)?;
    let user = users::user_by_uid(ids()?.uid).ok_or_else(|| fail("no login name"))?;
    println!("{}", user.name);
    Ok(0)
}

/// Nobody logs in to this machine, which is what an absent `utmp` says too.
pub fn users(args: &Args) -> Outcome {
    NONE.parse(args)?;
    Ok(0)
}

const WHO: Syntax = Syntax {
    options: &[
        flag('a', "all"),
        flag('b', "boot"),
        flag('H', "heading"),
        flag('m', "m"),
        flag('q', "count"),
        flag('s', "short"),
        flag('u', "users"),
        flag('T', "mesg"),
        flag('w', "message"),
    ],
    usage: "[OPTION]... [FILE | ARG1 ARG2]",
    usage_status: 1,
    operand_ends: false,
};

/// As [`users`]: the list is empty.
pub fn who(args: &Args) -> Outcome {
    let parsed = WHO.parse(args)?;
    if parsed.has("count") {
        println!("# users=0");
    } else if parsed.has("heading") {
        println!("NAME     LINE         TIME         COMMENT");
    }
    Ok(0)
}

fn no_operands(args: &Args) -> Result<(), Failure> {
    match NONE.parse(args)?.operands.first() {
        Some(extra) => Err(NONE.wrong(args, &format!("extra operand {}", quote(extra)))),
        None => Ok(()),
    }
}
