//! Users and groups of the guest: its own `/etc/passwd` and `/etc/group`, as `getpwnam(3)` and `getgrnam(3)` read them.

use std::sync::Arc;

use secure_exec_kernel::Process;
use secure_exec_kernel::abi::fcntl::OpenFlags;

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: Vec<u8>,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Home directory.
    pub home: Vec<u8>,
    /// Login shell.
    pub shell: Vec<u8>,
}

/// Longest database read: more is no user database.
const LONGEST: usize = 1 << 20;

/// The content of a small file of the guest; empty where it cannot be read.
pub fn read_file(process: &Arc<Process>, path: &[u8]) -> Vec<u8> {
    let Ok(fd) = process.open(path, OpenFlags::O_RDONLY, 0) else {
        return Vec::new();
    };
    let mut content = Vec::new();
    let mut block = [0; 4096];
    while content.len() < LONGEST {
        match process.read(fd, &mut block) {
            Ok(count) if count > 0 => content.extend_from_slice(&block[..count]),
            _ => break,
        }
    }
    // The descriptor was opened above; nothing else can be wrong with it.
    let _ = process.close(fd);
    content
}

fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn parse_user(line: &[u8]) -> Option<User> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
    let [name, _, uid, gid, _, home, shell] = fields.as_slice() else {
        return None;
    };
    Some(User {
        name: name.to_vec(),
        uid: number(uid)?,
        gid: number(gid)?,
        home: home.to_vec(),
        shell: shell.to_vec(),
    })
}

fn find_user(process: &Arc<Process>, matches: impl Fn(&User) -> bool) -> Option<User> {
    read_file(process, b"/etc/passwd")
        .split(|byte| *byte == b'\n')
        .filter_map(parse_user)
        .find(matches)
}

/// The user with this id.
pub fn user_by_id(process: &Arc<Process>, uid: u32) -> Option<User> {
    find_user(process, |user| user.uid == uid)
}

/// The user with this name.
pub fn user_by_name(process: &Arc<Process>, name: &[u8]) -> Option<User> {
    find_user(process, |user| user.name == name)
}

/// The id of the group with this name.
pub fn group_by_name(process: &Arc<Process>, name: &[u8]) -> Option<u32> {
    read_file(process, b"/etc/group")
        .split(|byte| *byte == b'\n')
        .find_map(|line| {
            let mut fields = line.split(|byte| *byte == b':');
            let found = fields.next()? == name;
            let gid = number(fields.nth(1)?)?;
            found.then_some(gid)
        })
}

#[cfg(test)]
mod tests {
    use super::parse_user;

    #[test]
    fn a_line_of_passwd_has_seven_fields() {
        let user =
            parse_user(b"user:x:1000:1000:User:/home/user:/bin/sh").expect("it is well formed");
        assert_eq!((user.uid, user.gid), (1000, 1000));
        assert_eq!(user.home, b"/home/user");
        assert_eq!(parse_user(b"user:x:1000"), None);
    }
}
