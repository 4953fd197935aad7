//! The line at the head of a page: date, title and page.

use secure_exec_cli::{Failure, Zone, bytes, os_string};
use secure_exec_sys::child;

use super::input::Input;
use super::options::{Options, Order};

pub struct Header {
    date: Vec<u8>,
    title: Vec<u8>,
    width: usize,
}

impl Header {
    pub fn new(options: &Options, inputs: &[Input]) -> Result<Self, Failure> {
        let is_merged = options.order == Order::Merged;
        let found = inputs
            .first()
            .and_then(|input| input.found)
            .filter(|_| !is_merged);
        let seconds = found.map_or_else(now, |found| found.mtime.seconds);
        let title = match &options.header {
            Some(title) => bytes(title).to_vec(),
            None if is_merged => Vec::new(),
            None => {
                let name = inputs.first().map(|input| bytes(&input.name).to_vec());
                name.filter(|name| name != b"-").unwrap_or_default()
            }
        };
        Ok(Self {
            date: date(options, seconds),
            title,
            width: options.width,
        })
    }

    /// The line, without a newline.
    pub fn line(&self, page: u64) -> Vec<u8> {
        let page = format!("Page {page}");
        let columns = |text: &[u8]| String::from_utf8_lossy(text).chars().count();
        let taken = columns(&self.date) + columns(&self.title) + page.len();
        let room = self.width.saturating_sub(taken);
        let (left, right) = ((room / 2).max(1), (room - room / 2).max(1));
        [
            &self.date,
            " ".repeat(left).as_bytes(),
            &self.title,
            " ".repeat(right).as_bytes(),
            page.as_bytes(),
        ]
        .concat()
    }
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// The date of a header; a format is left to `date`.
fn date(options: &Options, seconds: i64) -> Vec<u8> {
    if let Some(format) = &options.date {
        let format = os_string([b"+", bytes(format)].concat());
        let when = format!("@{seconds}").into();
        let printed = child::output(child::program(&["date".into(), "-d".into(), when, format]));
        let mut text = printed.map(|(text, _)| text).unwrap_or_default();
        if text.last() == Some(&b'\n') {
            text.pop();
        }
        return text;
    }
    let date = Zone::local().date(seconds);
    let (year, month, day) = (date.year, date.month, date.day);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}",
        date.hour, date.minute
    )
    .into_bytes()
}
