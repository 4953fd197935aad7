//! Runs a target many times.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

use crate::Input;

/// Something that takes inputs.
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it does and what must hold, in a line.
    pub about: &'static str,
    /// Longest input, in bytes.
    pub longest: usize,
    /// Most processor time that one run may take.
    pub most_cpu: Duration,
    /// One run. What did not hold is told as an error; the text before the first colon names the kind.
    pub run: fn(&mut Input<'_>) -> Result<(), String>,
}

/// A run in which something did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What did not hold, without details: the same for a smaller input with the same cause.
    pub kind: String,
    /// For people.
    pub message: String,
    /// The bytes.
    pub input: Vec<u8>,
    /// What the target did, as it told.
    pub notes: Vec<String>,
}

/// How fuzzing ended.
#[derive(Debug)]
pub struct Outcome {
    /// Runs that were made.
    pub runs: u64,
    /// The first that failed, with its number.
    pub failure: Option<(u64, Failure)>,
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// This many runs.
    Runs(u64),
    /// Time, whatever is done by then.
    Elapsed(Duration),
}

impl Target {
    /// The bytes of a run.
    #[must_use]
    pub fn input(&self, seed: u64, run: u64) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ run);
        // Half of them are short: a failure is found sooner in many small runs than in few large ones.
        let longest = if random.bool() {
            self.longest
        } else {
            self.longest / 8
        };
        let mut bytes = vec![0; random.usize(1..=longest.max(1))];
        random.fill(&mut bytes);
        bytes
    }

    /// One run over given bytes.
    ///
    /// # Errors
    /// Something did not hold: the target's own word, a panic, or too much processor time.
    pub fn attempt(&self, bytes: &[u8], noting: bool) -> Result<(), Failure> {
        listen_for_panics();
        let mut input = if noting {
            Input::with_notes(bytes)
        } else {
            Input::new(bytes)
        };
        let before = thread_cpu();
        let ended = catch_unwind(AssertUnwindSafe(|| (self.run)(&mut input)));
        let took = thread_cpu().saturating_sub(before);
        let failure = |kind: String, message: String| Failure {
            kind,
            message,
            input: bytes.to_vec(),
            notes: input.notes().to_vec(),
        };
        match ended {
            Err(_) => {
                let (place, message) = PANIC.take().unwrap_or_default();
                Err(failure(format!("panic at {place}"), message))
            }
            Ok(Err(message)) => {
                let kind = message.split(':').next().unwrap_or_default().to_owned();
                Err(failure(kind, message))
            }
            Ok(Ok(())) if took > self.most_cpu => Err(failure(
                "too much processor time".into(),
                format!("{took:?} for {} bytes", bytes.len()),
            )),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Runs until something fails or it is enough. `begin` hears the number of each run before it is made, which is
    /// all that is left of one that takes the process with it.
    pub fn fuzz(&self, seed: u64, until: Until, mut begin: impl FnMut(u64)) -> Outcome {
        let started = Instant::now();
        let mut runs = 0;
        let enough = |runs: u64| match until {
            Until::Runs(most) => runs >= most,
            Until::Elapsed(time) => started.elapsed() >= time,
        };
        while !enough(runs) {
            begin(runs);
            if let Err(failure) = self.attempt(&self.input(seed, runs), false) {
                return Outcome {
                    runs: runs + 1,
                    failure: Some((runs, failure)),
                };
            }
            runs += 1;
        }
        Outcome {
            runs,
            failure: None,
        }
    }
}

thread_local! {
    /// Place and message of the last panic of this thread.
    static PANIC: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// Keeps what a panic says instead of printing it.
fn listen_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string);
            let message = info.payload_as_str().unwrap_or("a panic without text");
            let said = (place.unwrap_or_default(), message.to_owned());
            PANIC.with(|last| last.replace(Some(said)));
        }));
    });
}

/// Processor time of the calling thread: what others do on a busy machine does not count.
#[must_use]
pub fn thread_cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICKY: Target = Target {
        name: "picky",
        about: "fails in three ways",
        longest: 8,
        most_cpu: Duration::from_millis(50),
        run: |input| match input.byte() {
            1 => Err("refused: a one".into()),
            2 => panic!("a two"),
            3 => {
                let before = thread_cpu();
                while thread_cpu() - before < Duration::from_millis(60) {}
                Ok(())
            }
            _ => Ok(()),
        },
    };

    #[test]
    fn each_way_to_fail_has_a_kind() {
        let kind = |byte| PICKY.attempt(&[byte], false).map_err(|failed| failed.kind);
        assert_eq!(kind(0), Ok(()));
        assert_eq!(kind(1), Err("refused".into()));
        assert!(
            kind(2)
                .unwrap_err()
                .starts_with("panic at fuzz/src/runner.rs")
        );
        assert_eq!(kind(3), Err("too much processor time".into()));
    }

    #[test]
    fn a_run_is_found_again_by_its_number() {
        let outcome = PICKY.fuzz(7, Until::Runs(100_000), |_| {});
        let (run, failure) = outcome.failure.unwrap();
        assert_eq!(PICKY.input(7, run), failure.input);
    }
}
