//! `--halt`: when to give up.

use secure_exec_cli::Failure;

use super::error;

/// What happens to the jobs that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// No more are started.
    Soon,
    /// They are killed.
    Now,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Failures,
    Successes,
    Ends,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    Jobs(usize),
    /// Of all jobs, in percent, but three of them at least.
    Share(f64),
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    manner: Manner,
    counted: Counted,
    limit: Limit,
}

/// When to give up; by default never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Halt(Option<Rule>);

/// How jobs have ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub failed: usize,
    pub succeeded: usize,
    /// All that there are; only known if they were all read.
    pub total: usize,
}

impl Halt {
    /// # Errors
    /// `text` is nothing that `--halt` takes.
    pub fn new(text: &str) -> Result<Self, Failure> {
        let rule = |manner, counted, limit| {
            Ok(Self(Some(Rule {
                manner,
                counted,
                limit,
            })))
        };
        match text {
            "never" | "0" => return Ok(Self(None)),
            "1" => return rule(Manner::Soon, Counted::Failures, Limit::Jobs(1)),
            "2" => return rule(Manner::Now, Counted::Failures, Limit::Jobs(1)),
            "-1" => return rule(Manner::Soon, Counted::Successes, Limit::Jobs(1)),
            "-2" => return rule(Manner::Now, Counted::Successes, Limit::Jobs(1)),
            _ => {}
        }
        if let Some(share) = text.strip_suffix('%').and_then(|share| share.parse().ok()) {
            return rule(Manner::Soon, Counted::Failures, Limit::Share(share));
        }
        let (manner, condition) = text.split_once(',').unwrap_or((text, ""));
        let manner = match manner {
            "soon" => Manner::Soon,
            "now" => Manner::Now,
            _ => return Err(error("--halt must have 'never', 'soon', or 'now'.")),
        };
        let (counted, limit) = condition.split_once('=').unwrap_or((condition, ""));
        let counted = match counted {
            "fail" => Counted::Failures,
            "success" => Counted::Successes,
            "done" => Counted::Ends,
            _ => {
                return Err(error(format_args!(
                    "--halt {manner_text} must be followed by ,success, ,fail, or ,done.",
                    manner_text = text.split(',').next().unwrap_or_default()
                )));
            }
        };
        let limit = match limit.strip_suffix('%') {
            Some(share) => share.parse().ok().map(Limit::Share),
            None => limit.parse().ok().filter(|&jobs| jobs > 0).map(Limit::Jobs),
        };
        match limit {
            Some(limit) => rule(manner, counted, limit),
            None => Err(error(
                "--halt must have a number of jobs, or a percentage, behind =",
            )),
        }
    }

    /// Whether all jobs must be counted before the first is started.
    #[must_use]
    pub fn counts_all(self) -> bool {
        matches!(
            self.0,
            Some(Rule {
                limit: Limit::Share(_),
                ..
            })
        )
    }

    /// Whether ends of this kind are counted.
    #[must_use]
    pub fn counts(self, succeeded: bool) -> bool {
        match self.0.map(|rule| rule.counted) {
            None => false,
            Some(Counted::Failures) => !succeeded,
            Some(Counted::Successes) => succeeded,
            Some(Counted::Ends) => true,
        }
    }

    /// What to do, now that so many have ended, and the status that parallel then ends with; `status` is that of the
    /// job that ended last.
    #[must_use]
    pub fn reached(self, tally: Tally, status: i32) -> Option<(Manner, i32)> {
        let rule = self.0?;
        let count = match rule.counted {
            Counted::Failures => tally.failed,
            Counted::Successes => tally.succeeded,
            Counted::Ends => tally.failed + tally.succeeded,
        };
        let status = match rule.limit {
            Limit::Jobs(jobs) if count >= jobs => match rule.counted {
                Counted::Failures if jobs > 1 => i32::try_from(count.min(101)).unwrap_or(101),
                Counted::Successes => 0,
                _ => status,
            },
            Limit::Share(share)
                if count >= 3 && count as f64 * 100.0 >= share * tally.total as f64 =>
            {
                match rule.counted {
                    // The percentage of jobs that failed.
                    Counted::Failures => {
                        i32::try_from(count * 100 / tally.total.max(1)).unwrap_or(101)
                    }
                    _ => 0,
                }
            }
            _ => return None,
        };
        Some((rule.manner, status))
    }
}
