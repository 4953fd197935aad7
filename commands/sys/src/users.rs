//! Names of users and groups, from `/etc/passwd` and `/etc/group`.

use std::collections::HashMap;
use std::fs;

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub gecos: String,
    pub home: String,
    pub shell: String,
}

/// A line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub gid: u32,
    pub members: Vec<String>,
}

fn parse_user(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let gecos = fields.next()?.to_owned();
    let home = fields.next()?.to_owned();
    let shell = fields.next().unwrap_or("/bin/sh").to_owned();
    Some(User {
        name,
        uid,
        gid,
        gecos,
        home,
        shell,
    })
}

fn parse_group(line: &str) -> Option<Group> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let gid = fields.nth(1)?.parse().ok()?;
    let members = fields.next().unwrap_or("");
    let members = members
        .split(',')
        .filter(|m| !m.is_empty())
        .map(str::to_owned)
        .collect();
    Some(Group { name, gid, members })
}

/// All users; none when the file cannot be read.
#[must_use]
pub fn users() -> Vec<User> {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    text.lines().filter_map(parse_user).collect()
}

/// All groups; none when the file cannot be read.
#[must_use]
pub fn groups() -> Vec<Group> {
    let text = fs::read_to_string("/etc/group").unwrap_or_default();
    text.lines().filter_map(parse_group).collect()
}

/// Names of users by their numbers; of several the first, as getpwuid(3) has it.
#[must_use]
pub fn user_names() -> HashMap<u32, String> {
    by_number(users().into_iter().map(|user| (user.uid, user.name)))
}

/// Names of groups by their numbers; of several the first, as getgrgid(3) has it.
#[must_use]
pub fn group_names() -> HashMap<u32, String> {
    by_number(groups().into_iter().map(|group| (group.gid, group.name)))
}

fn by_number(names: impl Iterator<Item = (u32, String)>) -> HashMap<u32, String> {
    let mut known = HashMap::new();
    for (number, name) in names {
        known.entry(number).or_insert(name);
    }
    known
}

#[must_use]
pub fn user_by_name(name: &str) -> Option<User> {
    users().into_iter().find(|user| user.name == name)
}

#[must_use]
pub fn user_by_uid(uid: u32) -> Option<User> {
    users().into_iter().find(|user| user.uid == uid)
}

#[must_use]
pub fn group_by_name(name: &str) -> Option<Group> {
    groups().into_iter().find(|group| group.name == name)
}

#[must_use]
pub fn group_by_gid(gid: u32) -> Option<Group> {
    groups().into_iter().find(|group| group.gid == gid)
}

/// The name of a user, or the number of one without.
#[must_use]
pub fn user_name(uid: u32) -> String {
    user_by_uid(uid).map_or_else(|| uid.to_string(), |user| user.name)
}

/// The name of a group, or the number of one without.
#[must_use]
pub fn group_name(gid: u32) -> String {
    group_by_gid(gid).map_or_else(|| gid.to_string(), |group| group.name)
}

#[cfg(test)]
mod tests {
    use super::{parse_group, parse_user};

    #[test]
    fn a_line_of_passwd_is_read() {
        let user = parse_user("user:x:1000:1000:A User:/home/user:/bin/sh").expect("a user");
        assert_eq!(
            (user.name.as_str(), user.uid, user.home.as_str()),
            ("user", 1000, "/home/user")
        );
        assert_eq!(parse_user("+::::::"), None);
    }

    #[test]
    fn a_line_of_group_is_read() {
        let group = parse_group("wheel:x:10:a,b").expect("a group");
        assert_eq!((group.gid, group.members.len()), (10, 2));
    }
}
