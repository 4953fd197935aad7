//! Evaluates expressions.

use std::fs;
use std::io::{self, Write};

use secure_exec_cli::{bytes, quote, warn};
use secure_exec_sys::errno;
use secure_exec_sys::path::{access, stat};
use secure_exec_sys::stat::{
    S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, Stat, Time,
};
use secure_exec_sys::users;

use super::expression::{Bits, Expression, Stamp};
use super::printf;
use super::walk::{Found, Search};

impl Search<'_> {
    /// Evaluates the whole expression for a file.
    pub fn evaluate(&mut self, found: &Found<'_>) -> io::Result<()> {
        let expression = std::mem::replace(&mut self.command.expression, Expression::True);
        let result = self.holds(&expression, found);
        self.command.expression = expression;
        result.map(drop)
    }

    fn holds(&mut self, expression: &Expression, found: &Found<'_>) -> io::Result<bool> {
        Ok(match expression {
            Expression::And(left, right) => {
                self.holds(left, found)? && !self.over && self.holds(right, found)?
            }
            Expression::Or(left, right) => {
                self.holds(left, found)? || !self.over && self.holds(right, found)?
            }
            Expression::Both(left, right) => {
                self.holds(left, found)?;
                self.holds(right, found)?
            }
            Expression::Not(inner) => !self.holds(inner, found)?,
            Expression::Prune => {
                self.pruned = true;
                true
            }
            Expression::Quit => {
                self.over = true;
                true
            }
            Expression::Delete => self.delete(found)?,
            Expression::Print(end) => {
                self.out.write_all(bytes(found.path))?;
                self.out.write_all(&[*end])?;
                true
            }
            Expression::List => {
                let line = printf::listing(found);
                self.out.write_all(line.as_bytes())?;
                self.out.write_all(bytes(found.path))?;
                writeln!(self.out, "{}", printf::target_arrow(found))?;
                true
            }
            Expression::Format(format) => {
                let text = printf::expand(format, found);
                self.out.write_all(&text)?;
                true
            }
            Expression::FilePrint(file, end) => {
                let mut file = file.as_ref();
                file.write_all(bytes(found.path))?;
                file.write_all(&[*end])?;
                true
            }
            Expression::FileFormat(file, format) => {
                file.as_ref().write_all(&printf::expand(format, found))?;
                true
            }
            Expression::Execute(execution) => self.execute(execution, found)?,
            test => self.test(test, found),
        })
    }

    fn delete(&mut self, found: &Found<'_>) -> io::Result<bool> {
        let path = found.path;
        if path.as_os_str() == "." {
            return Ok(true);
        }
        let removed = if found.stat.is_dir() {
            fs::remove_dir(path)
        } else {
            fs::remove_file(path)
        };
        if let Err(error) = &removed {
            self.status = 1;
            self.out.flush()?;
            warn(
                self.name,
                format_args!("cannot delete {}: {}", quote(path), errno::message(error)),
            );
        }
        Ok(removed.is_ok())
    }

    /// What only looks at the file.
    fn test(&self, test: &Expression, found: &Found<'_>) -> bool {
        let file = &found.stat;
        match test {
            Expression::True => true,
            Expression::Name(glob, pattern) => glob.matches(pattern, base_name(bytes(found.path))),
            Expression::Path(glob, pattern) => glob.matches(pattern, bytes(found.path)),
            Expression::LinkName(glob, pattern) => {
                fs::read_link(found.path).is_ok_and(|target| glob.matches(pattern, bytes(&target)))
            }
            Expression::Matches(regex) => regex.is_match(bytes(found.path)),
            Expression::Kinds(letters, other_way) => {
                letters.contains(&kind_of(found, *other_way, self.follows()))
            }
            Expression::Size(count, unit) => count.holds(file.size.div_ceil(*unit)),
            Expression::Empty => is_empty(found),
            Expression::Age(stamp, count, unit) => {
                let age = u64::try_from(self.now - moment(file, *stamp).seconds).unwrap_or(0);
                count.holds(age / unit)
            }
            Expression::Newer(stamp, than) => moment(file, *stamp) > *than,
            Expression::Permissions(change, bits) => {
                let wanted = change.apply(0, false, 0);
                let mode = file.permissions();
                match bits {
                    Bits::Exactly => mode == wanted,
                    Bits::All => mode & wanted == wanted,
                    Bits::Any => wanted == 0 || mode & wanted != 0,
                }
            }
            Expression::User(uid) => file.uid == *uid,
            Expression::Group(gid) => file.gid == *gid,
            Expression::UserNumber(count) => count.holds(file.uid.into()),
            Expression::GroupNumber(count) => count.holds(file.gid.into()),
            Expression::NoUser => users::user_by_uid(file.uid).is_none(),
            Expression::NoGroup => users::group_by_gid(file.gid).is_none(),
            Expression::Links(count) => count.holds(file.nlink),
            Expression::Inode(count) => count.holds(file.ino),
            Expression::SameFile(dev, ino) => (file.dev, file.ino) == (*dev, *ino),
            Expression::Access(mode) => access(found.path, *mode).is_ok(),
            _ => false,
        }
    }

    fn follows(&self) -> bool {
        self.command.follow == super::parse::Follow::Always
    }
}

/// The last component; of `/` that is `/`.
pub fn base_name(path: &[u8]) -> &[u8] {
    let end = path
        .iter()
        .rposition(|&byte| byte != b'/')
        .map_or(path.len().min(1), |at| at + 1);
    let trimmed = &path[..end];
    if trimmed == b"/" {
        return trimmed;
    }
    trimmed
        .rsplit(|&byte| byte == b'/')
        .next()
        .unwrap_or(trimmed)
}

/// The letter of the kind. `-xtype` looks at what the other tests do not: the target of a link, or the link.
fn kind_of(found: &Found<'_>, other_way: bool, follows: bool) -> u8 {
    if !other_way {
        return letter(&found.stat);
    }
    let other = if follows {
        secure_exec_sys::path::lstat(found.path)
    } else {
        stat(found.path)
    };
    other.map_or(b'l', |other| letter(&other))
}

pub fn letter(found: &Stat) -> u8 {
    match found.kind() {
        S_IFREG => b'f',
        S_IFDIR => b'd',
        S_IFLNK => b'l',
        S_IFCHR => b'c',
        S_IFBLK => b'b',
        S_IFIFO => b'p',
        S_IFSOCK => b's',
        _ => b'U',
    }
}

fn is_empty(found: &Found<'_>) -> bool {
    if found.stat.is_dir() {
        return fs::read_dir(found.path).is_ok_and(|mut entries| entries.next().is_none());
    }
    found.stat.is_file() && found.stat.size == 0
}

fn moment(found: &Stat, stamp: Stamp) -> Time {
    match stamp {
        Stamp::Accessed => found.atime,
        Stamp::Modified => found.mtime,
        Stamp::Changed => found.ctime,
    }
}
