//! `--owner` and `--group`: what is stored in place of a file's own.

use super::fail_status;
use secure_exec_cli::Failure;
use secure_exec_sys::users;

/// A user or a group of the command line: `NAME`, `NUMBER`, `NAME:NUMBER` or `:NUMBER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// None: the one that the number has.
    pub name: Option<String>,
    /// None: the file's own, because nobody here has the name.
    pub number: Option<u32>,
}

impl Owner {
    /// # Errors
    /// What stands where a number must is none.
    pub fn user(text: &str) -> Result<Self, Failure> {
        Self::parse(text, |name| users::user_by_name(name).map(|user| user.uid))
    }

    /// # Errors
    /// What stands where a number must is none.
    pub fn group(text: &str) -> Result<Self, Failure> {
        Self::parse(text, |name| {
            users::group_by_name(name).map(|group| group.gid)
        })
    }

    fn parse(text: &str, known: impl Fn(&str) -> Option<u32>) -> Result<Self, Failure> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None if is_number => ("", Some(text)),
            None => (text, None),
        };
        let Some(digits) = number else {
            return Ok(Self {
                name: Some(name.to_owned()),
                number: known(name),
            });
        };
        let number = digits
            .parse()
            .map_err(|_| fail_status(&format!("{digits}: Invalid owner or group ID")))?;
        Ok(Self {
            name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            number: Some(number),
        })
    }
}
