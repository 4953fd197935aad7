//! What a VM process takes of the processors, by the clock that the kernel keeps of it: no word of the process counts.
//!
//! Two accounts are kept. Of the first a process takes as many processors as its VMs may have, and a burst; when it is
//! used up the process is held until it has some again, as `cpu.max` of a control group does. The second has what the
//! programs of its VMs may use together. A guest that uses more is ended by the VM process itself, so that a process
//! which gets that far does what it likes.

use std::time::{Duration, Instant};

use crate::keys::TimerId;

/// What each processor may be used ahead of time: compilation and collection in the background of a short program.
const BURST: Duration = Duration::from_millis(500);
/// For each processor, what must be there before a held process goes on.
const SLICE: Duration = Duration::from_millis(20);
/// For each processor, the longest that a process pays for what it took before it was looked at.
const MOST_DEBT: Duration = Duration::from_secs(1);

/// Processor time of a process for itself: boot, import of files, what a request costs that starts no program.
const OWN: Duration = Duration::from_secs(10);
/// What it may use besides what programs do, of each second: timers, the watchdogs, memory that is given back.
const OWN_SHARE: u32 = 10;
/// What a request allows.
const REQUEST: Duration = Duration::from_secs(1);
/// Times a program's limit that the process may use for it: collection and compilation in the background, output.
const PROGRAM: u32 = 2;
/// What it may use of each processor until a guest that is past its limit has ended, or the process is given up for it.
const ENDING: Duration = Duration::from_secs(3);

/// How often a process is looked at that runs programs.
pub(crate) const LOOK: Duration = Duration::from_millis(250);
const SHORTEST_LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// How far `RLIMIT_CPU` is ahead of what is allowed. It is for a broker that does not come to look, because its process
/// is stopped; that must not cost a machine that works.
const AHEAD: Duration = Duration::from_secs(3600);

/// What the VMs of a process may take, at the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Processors of its VMs together, at least one.
    pub(crate) processors: u32,
    /// Processors of this machine.
    pub(crate) available: u32,
    /// The most that programs can have left, all processes of the VMs together.
    pub(crate) ceiling: Duration,
    /// Whether it may be made to wait.
    pub(crate) may_hold: bool,
    /// Whether the embedder has programs on it.
    pub(crate) runs: bool,
}

/// What follows from a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on, or is held, until the next look.
    LookAgain(Duration),
    /// It took what no program of its may have.
    Overspent,
}

/// The accounts of one process.
#[derive(Debug)]
pub(crate) struct CpuBudget {
    /// When its clock was read, and what it said.
    at: Instant,
    used: Duration,
    /// What is left of the burst, nanoseconds; less than nothing if it took more.
    burst: i64,
    /// What is left for programs, nanoseconds.
    allowed: i64,
    /// A program of unlimited time was started, and may have left processes behind.
    unlimited: bool,
    /// It is stopped.
    pub(crate) held: bool,
    /// The next look.
    pub(crate) look: Option<TimerId>,
    rest: Duration,
    /// What `RLIMIT_CPU` is.
    bound: Duration,
}

impl CpuBudget {
    /// Of a process that has confined itself.
    pub(crate) fn new(at: Instant, used: Duration) -> CpuBudget {
        CpuBudget {
            at,
            used,
            burst: nanoseconds(BURST),
            allowed: nanoseconds(OWN),
            unlimited: false,
            held: false,
            look: None,
            rest: LOOK,
            bound: Duration::ZERO,
        }
    }

    /// A program starts, or its time is counted anew; `None` has no limit.
    pub(crate) fn allow_program(&mut self, limit: Option<Duration>, processors: u32) {
        match limit {
            Some(limit) => self.allow(time_of_program(limit, processors)),
            None => self.unlimited = true,
        }
        self.rest = LOOK;
    }

    /// Another request is made.
    pub(crate) fn allow_request(&mut self) {
        self.allow(REQUEST);
    }

    fn allow(&mut self, time: Duration) {
        self.allowed = self.allowed.saturating_add(nanoseconds(time));
    }

    /// The most that programs of a VM with these limits can have left together: each of them needs a process.
    pub(crate) fn ceiling(limit: Option<Duration>, processes: u64, processors: u32) -> Duration {
        let program = time_of_program(limit.unwrap_or_default(), processors);
        program.saturating_mul(u32::try_from(processes).unwrap_or(u32::MAX))
    }

    /// Somebody waits for the process's end, or for that of a program: it need not wait for what it took.
    pub(crate) fn forgive(&mut self) {
        self.burst = self.burst.max(nanoseconds(BURST));
        self.held = false;
    }

    /// Takes a reading of the process's clock.
    pub(crate) fn take(&mut self, now: Instant, used: Duration, terms: &Terms) -> Verdict {
        let wall = now.saturating_duration_since(self.at);
        let spent = used.saturating_sub(self.used);
        (self.at, self.used) = (now, self.used.max(used));
        let spent_ns = nanoseconds(spent);
        let own = nanoseconds(wall / OWN_SHARE);
        let most = nanoseconds(terms.ceiling.saturating_add(OWN));
        self.allowed = self
            .allowed
            .saturating_add(own)
            .min(most)
            .saturating_sub(spent_ns);
        if self.allowed < 0 && !self.unlimited {
            return Verdict::Overspent;
        }
        let processors = i64::from(terms.processors);
        let share = nanoseconds(wall).saturating_mul(processors);
        let debt = nanoseconds(MOST_DEBT).saturating_mul(processors);
        let full = nanoseconds(BURST).saturating_mul(processors);
        let burst = self.burst.saturating_add(share).saturating_sub(spent_ns);
        self.burst = burst.clamp(-debt, full);
        let bounded = terms.may_hold && terms.processors < terms.available;
        self.held = bounded && (self.burst <= 0 || (self.held && self.burst < slice(processors)));
        let idle = !terms.runs && spent <= wall / OWN_SHARE;
        Verdict::LookAgain(self.next_look(terms, idle))
    }

    fn next_look(&mut self, terms: &Terms, idle: bool) -> Duration {
        let processors = i64::from(terms.processors);
        if self.held {
            let missing = slice(processors).saturating_sub(self.burst);
            return duration(missing / processors).max(SHORTEST_LOOK);
        }
        if idle {
            self.rest = self.rest.saturating_mul(2).min(LONGEST_LOOK);
            return self.rest;
        }
        self.rest = LOOK;
        // With all processors it cannot use up what is left before then.
        let beyond = i64::from(terms.available.saturating_sub(terms.processors)).max(1);
        duration(self.burst / beyond).clamp(SHORTEST_LOOK, LOOK)
    }

    /// What `RLIMIT_CPU` is to become, if it is not far enough ahead.
    pub(crate) fn next_bound(&mut self) -> Option<Duration> {
        let allowed = if self.unlimited {
            Duration::ZERO
        } else {
            duration(self.allowed)
        };
        let least = self.used.saturating_add(allowed).saturating_add(AHEAD / 2);
        if self.bound >= least {
            return None;
        }
        self.bound = least.saturating_add(AHEAD / 2);
        Some(self.bound)
    }
}

/// What a program of this limit may cost its process.
fn time_of_program(limit: Duration, processors: u32) -> Duration {
    let ending = ENDING.saturating_mul(processors);
    limit.saturating_mul(PROGRAM).saturating_add(ending)
}

fn slice(processors: i64) -> i64 {
    nanoseconds(SLICE).saturating_mul(processors)
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn duration(nanoseconds: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn terms(processors: u32, available: u32) -> Terms {
        Terms {
            processors,
            available,
            ceiling: SECOND * 3600,
            may_hold: true,
            runs: true,
        }
    }

    /// What a process uses in `wall` that uses all processors whenever it is let.
    fn use_of_greedy(terms: &Terms, wall: Duration) -> Duration {
        let begun = Instant::now();
        let (mut now, mut used) = (begun, Duration::ZERO);
        let mut budget = CpuBudget::new(begun, used);
        budget.allow_program(None, 1);
        while now - begun < wall {
            let Verdict::LookAgain(next) = budget.take(now, used, terms) else {
                panic!("it may");
            };
            now += next;
            if !budget.held {
                used += next * terms.available;
            }
        }
        used
    }

    #[test]
    fn greedy_process_gets_its_processors_and_a_burst() {
        for (processors, available) in [(1, 2), (1, 4), (2, 3), (1, 64), (8, 64)] {
            let used = use_of_greedy(&terms(processors, available), SECOND * 60);
            let fair = SECOND * 60 * processors;
            assert!(used >= fair, "{processors} of {available}: {used:?}");
            let most = fair + BURST * processors + LOOK * available;
            assert!(used <= most, "{processors} of {available}: {used:?}");
        }
    }

    #[test]
    fn process_is_not_held_for_more_processors_than_there_are() {
        let used = use_of_greedy(&terms(4, 4), SECOND * 10);
        assert!(used >= SECOND * 40);
    }

    #[test]
    fn process_within_its_processors_is_never_held() {
        let begun = Instant::now();
        let mut budget = CpuBudget::new(begun, Duration::ZERO);
        budget.allow_program(Some(SECOND * 100), 1);
        for step in 1..200u32 {
            let wall = LOOK * step;
            let verdict = budget.take(begun + wall, wall, &terms(1, 64));
            assert!(matches!(verdict, Verdict::LookAgain(next) if next <= LOOK));
            assert!(!budget.held);
        }
    }

    #[test]
    fn process_at_rest_is_seldom_looked_at() {
        let begun = Instant::now();
        let mut budget = CpuBudget::new(begun, Duration::ZERO);
        let idle = Terms {
            runs: false,
            ..terms(1, 4)
        };
        let (mut now, mut looks) = (begun, 0);
        while now - begun < SECOND * 3600 {
            let Verdict::LookAgain(next) = budget.take(now, Duration::ZERO, &idle) else {
                panic!("it does nothing");
            };
            now += next;
            looks += 1;
        }
        assert!(looks < 150, "{looks}");
    }

    #[test]
    fn programs_allow_what_they_may_use_up_to_what_can_run() {
        let begun = Instant::now();
        let mut budget = CpuBudget::new(begun, Duration::ZERO);
        let most = CpuBudget::ceiling(Some(SECOND), 4, 2);
        for _ in 0..1000 {
            budget.allow_program(Some(SECOND), 2);
        }
        let terms = Terms {
            ceiling: most,
            ..terms(1, 1)
        };
        let verdict = budget.take(begun, most, &terms);
        assert!(matches!(verdict, Verdict::LookAgain(_)));
        let verdict = budget.take(begun, most + OWN + SECOND, &terms);
        assert_eq!(verdict, Verdict::Overspent);
    }

    #[test]
    fn bound_of_the_system_stays_ahead() {
        let begun = Instant::now();
        let mut budget = CpuBudget::new(begun, SECOND);
        let first = budget.next_bound().unwrap();
        assert!(first >= SECOND + AHEAD);
        assert_eq!(budget.next_bound(), None);
        budget.allow_program(Some(AHEAD), 1);
        let second = budget.next_bound().unwrap();
        assert!(second >= first + AHEAD * PROGRAM - AHEAD / 2);
        budget.allow_program(None, 1);
        budget.take(begun, second, &terms(1, 1));
        assert!(budget.next_bound().unwrap() > second);
    }
}
