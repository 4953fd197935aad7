//! `getent`: entries of the databases in `/etc`, by the manual page of the C library.

use std::fs;
use std::net::IpAddr;

use secure_exec_cli::{Args, Failure, Outcome, Syntax};
use secure_exec_sys::net;
use secure_exec_sys::users::{self, Group, User};

const GETENT: Syntax = Syntax {
    options: &[],
    usage: "database [key ...]",
    usage_status: 1,
    operand_ends: false,
};

/// A key was not found.
const NOT_FOUND: i32 = 2;

/// A database cannot be listed as a whole.
const NOT_LISTED: i32 = 3;

pub fn main(args: &Args) -> Outcome {
    let parsed = GETENT.parse(args)?;
    let Some((database, keys)) = parsed.operands.split_first() else {
        return Err(GETENT.wrong(args, "wrong number of arguments"));
    };
    let keys: Vec<String> = keys
        .iter()
        .map(|key| key.to_string_lossy().into_owned())
        .collect();
    let database = database.to_string_lossy();
    if keys.is_empty() && matches!(&*database, "initgroups" | "netgroup" | "ethers") {
        eprintln!("Enumeration not supported on {database}");
        return Ok(NOT_LISTED);
    }
    if keys.is_empty() {
        let Some(all) = entries(&database) else {
            return Err(unknown(&database));
        };
        all.iter().for_each(|line| println!("{line}"));
        return Ok(0);
    }
    let mut status = 0;
    for key in &keys {
        match entry(&database, key).ok_or_else(|| unknown(&database))? {
            Some(line) => println!("{line}"),
            None => status = NOT_FOUND,
        }
    }
    Ok(status)
}

/// Says that there is no such database; the C library has the second line on standard output.
fn unknown(database: &str) -> Failure {
    eprintln!("Unknown database: {database}");
    println!("Try `getent --help' or `getent --usage' for more information.");
    Failure::silent(1)
}

/// All of a database; nothing if there is none of that name.
fn entries(database: &str) -> Option<Vec<String>> {
    Some(match database {
        "passwd" => users::users().iter().map(user).collect(),
        "group" => users::groups().iter().map(group).collect(),
        "hosts" | "ahosts" | "ahostsv4" | "ahostsv6" => {
            hosts().iter().map(|words| host(words)).collect()
        }
        "services" | "protocols" | "networks" | "rpc" => {
            let show = |line: &String| row(database, line);
            lines(database).iter().filter_map(show).collect()
        }
        "shadow" | "gshadow" | "aliases" => lines(database),
        _ => return None,
    })
}

/// The entry of a key, if there is one; nothing if there is no such database.
fn entry(database: &str, key: &str) -> Option<Option<String>> {
    Some(match database {
        "passwd" => {
            let found = match key.parse() {
                Ok(uid) => users::user_by_uid(uid),
                Err(_) => users::user_by_name(key),
            };
            found.as_ref().map(user)
        }
        "group" => {
            let found = match key.parse() {
                Ok(gid) => users::group_by_gid(gid),
                Err(_) => users::group_by_name(key),
            };
            found.as_ref().map(group)
        }
        "hosts" => hosts_entry(key),
        "ahosts" => addresses(key, Some),
        "ahostsv4" => addresses(key, |address| Some(address).filter(IpAddr::is_ipv4)),
        "ahostsv6" => addresses(key, |address| match address {
            IpAddr::V4(address) => Some(IpAddr::V6(address.to_ipv6_mapped())),
            address => Some(address),
        }),
        "initgroups" => Some(initgroups(key)),
        "services" => lines(database)
            .iter()
            .find(|line| is_service(line, key))
            .and_then(|line| row(database, line)),
        "protocols" | "networks" | "rpc" => lines(database)
            .iter()
            .find(|line| line.split_ascii_whitespace().any(|word| word == key))
            .and_then(|line| row(database, line)),
        "shadow" | "gshadow" | "aliases" => lines(database)
            .into_iter()
            .find(|line| line.split(':').next() == Some(key)),
        "netgroup" | "ethers" => lines(database)
            .into_iter()
            .find(|line| line.split_ascii_whitespace().any(|word| word == key)),
        _ => return None,
    })
}

/// The lines of a file in `/etc` without comments. One that may not be read is as one that is not there.
fn lines(database: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/etc/{database}")).unwrap_or_default();
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim_end())
        .filter(|line| !line.trim().is_empty())
        .map(str::to_owned)
        .collect()
}

fn user(user: &User) -> String {
    format!(
        "{}:x:{}:{}:{}:{}:{}",
        user.name, user.uid, user.gid, user.gecos, user.home, user.shell
    )
}

fn group(group: &Group) -> String {
    format!("{}:x:{}:{}", group.name, group.gid, group.members.join(","))
}

/// The groups that a user is in besides its own.
fn initgroups(name: &str) -> String {
    let mut text = format!("{name:<21}");
    for group in users::groups() {
        if group.members.iter().any(|member| member == name) {
            text.push_str(&format!(" {}", group.gid));
        }
    }
    text
}

/// A line of a table: a name, a number or an address, and other names.
fn row(database: &str, line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace();
    let (name, value) = (words.next()?, words.next()?);
    let others: Vec<&str> = words.collect();
    Some(match database {
        "rpc" => {
            let others = others.iter().map(|other| format!(" {other}"));
            let others: String = others.collect();
            let gap = if others.is_empty() { "" } else { " " };
            format!("{name:<15} {value}{gap}{others}")
        }
        "networks" => {
            // A network's number may be short of zeros.
            let missing = 3usize.saturating_sub(value.matches('.').count());
            format!("{name:<21} {value}{}", ".0".repeat(missing))
        }
        _ => {
            let others: String = others.iter().map(|other| format!(" {other}")).collect();
            format!("{name:<21} {value}{others}")
        }
    })
}

/// Whether a line is about a name or a port, with a protocol behind a slash or any.
fn is_service(line: &str, key: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let (Some(name), Some(value)) = (words.next(), words.next()) else {
        return false;
    };
    let (wanted, protocol) = key
        .split_once('/')
        .map_or((key, None), |(wanted, protocol)| (wanted, Some(protocol)));
    let (port, of) = value.split_once('/').unwrap_or((value, ""));
    let named = name == wanted || port == wanted || words.any(|other| other == wanted);
    named && protocol.is_none_or(|protocol| protocol == of)
}

/// Addresses and names of `/etc/hosts`.
fn hosts() -> Vec<Vec<String>> {
    let words = |line: &String| line.split_ascii_whitespace().map(str::to_owned).collect();
    let all: Vec<Vec<String>> = lines("hosts").iter().map(words).collect();
    all.into_iter().filter(|words| words.len() > 1).collect()
}

fn host(words: &[String]) -> String {
    format!("{:<15} {}", words[0], words[1..].join(" "))
}

fn hosts_entry(key: &str) -> Option<String> {
    let known = hosts();
    let known = known
        .iter()
        .find(|words| words.iter().any(|word| word == key));
    known.map(|words| host(words)).or_else(|| {
        let addresses = net::lookup(key).ok()?;
        let address = addresses.first()?.to_string();
        Some(format!("{address:<15} {key}"))
    })
}

/// The addresses of a name as `getaddrinfo(3)` gives them, for each kind of socket.
fn addresses(key: &str, wanted: impl Fn(IpAddr) -> Option<IpAddr>) -> Option<String> {
    let mut rows = Vec::new();
    for address in net::lookup(key).ok()?.into_iter().filter_map(wanted) {
        for kind in ["STREAM", "DGRAM", "RAW"] {
            // The name stands at the first only.
            let name = if rows.is_empty() { key } else { "" };
            rows.push(format!("{:<15} {kind:<6} {name}", address.to_string()));
        }
    }
    (!rows.is_empty()).then(|| rows.join("\n"))
}
