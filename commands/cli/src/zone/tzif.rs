//! Files of the database of zones (RFC 9636), of version 2 and later.

use super::Offset;
use super::posix::Rule;

/// The length of a header.
const HEADER: usize = 44;
/// Where the six counts are in it.
const COUNTS: usize = 20;

/// The changes of a zone, in their order.
#[derive(Clone, Debug, Default)]
pub struct Transitions {
    /// Moments, and the offset from each on.
    changes: Vec<(i64, Offset)>,
    /// What was before the first one.
    first: Option<Offset>,
}

impl Transitions {
    /// The offset at a moment; nothing behind the last change, where the zone's rule speaks.
    pub fn at(&self, seconds: i64) -> Option<&Offset> {
        let after = self.changes.partition_point(|(from, _)| *from <= seconds);
        if after == self.changes.len() {
            return None;
        }
        match after.checked_sub(1) {
            Some(at) => Some(&self.changes[at].1),
            None => self.first.as_ref(),
        }
    }

    /// For files without a rule: what the last change has made.
    pub fn last_rule(&self) -> Option<Rule> {
        let last = self.changes.last().map(|(_, offset)| offset);
        last.or(self.first.as_ref()).cloned().map(Rule::fixed)
    }
}

/// Big-endian.
fn integer(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        4 => Some(i64::from(i32::from_be_bytes(bytes.try_into().ok()?))),
        8 => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// The counts of a header: of UT indicators, standard indicators, leap seconds, changes, kinds and letters.
fn counts(bytes: &[u8]) -> Option<[usize; 6]> {
    if !bytes.starts_with(b"TZif") || bytes.get(4).is_none_or(|version| *version < b'2') {
        return None;
    }
    let mut counts = [0; 6];
    for (at, count) in counts.iter_mut().enumerate() {
        let from = COUNTS + at * 4;
        *count = usize::try_from(integer(bytes.get(from..from + 4)?)?).ok()?;
    }
    Some(counts)
}

/// Reads a file: its changes and the rule behind them, as POSIX writes it.
pub fn parse(bytes: &[u8]) -> Option<(Transitions, String)> {
    // The first part is for programs that read 32 bits only.
    let [ut, standard, leaps, times, kinds, letters] = counts(bytes)?;
    let skipped = HEADER + times * 5 + kinds * 6 + letters + leaps * 8 + standard + ut;
    let bytes = bytes.get(skipped..)?;
    let [ut, standard, leaps, times, kinds, letters] = counts(bytes)?;
    let body = bytes.get(HEADER..)?;
    let (moments, body) = body.split_at_checked(times * 8)?;
    let (indices, body) = body.split_at_checked(times)?;
    let (records, body) = body.split_at_checked(kinds * 6)?;
    let (names, body) = body.split_at_checked(letters)?;
    let footer = body.get(leaps * 12 + standard + ut..)?;
    let kind = |index: u8| {
        let record = records.chunks_exact(6).nth(usize::from(index))?;
        let name = names
            .get(usize::from(record[5])..)?
            .split(|b| *b == 0)
            .next()?;
        Some(Offset {
            seconds: integer(&record[..4])?,
            name: String::from_utf8_lossy(name).into_owned(),
            summer: record[4] != 0,
        })
    };
    let mut changes = Vec::with_capacity(times);
    for (moment, index) in moments.chunks_exact(8).zip(indices) {
        changes.push((integer(moment)?, kind(*index)?));
    }
    let rule = String::from_utf8_lossy(footer).trim().to_owned();
    let first = kind(0);
    Some((Transitions { changes, first }, rule))
}
