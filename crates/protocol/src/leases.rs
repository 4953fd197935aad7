//! Leases of directories: what a VM process takes for true of them until it hears that it is not.
//!
//! They are numbered by the VM process. One is about the names in a directory and the files that they name, as far as the
//! system tells of changes to them (inotify(7)); that a path still leads there is what those of the directories above say.

use serde::{Deserialize, Serialize};

/// Leases of a mount at a time.
pub const MOST_LEASES: usize = 2048;

/// Leases that are asked for at a time: a directory and those on the way to it.
pub const MOST_LEASES_AT_A_TIME: usize = 64;

/// A lease of a directory on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseOf {
    /// How many bytes of the path lead to it.
    pub length: u32,
    /// What the VM process calls it; it has none of that number.
    pub number: u64,
}

/// A lease by which something is not true any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenLease {
    pub number: u64,
    /// A directory has gone, come or been moved there, or it has itself: paths through it may lead elsewhere, and nothing
    /// more is told of it.
    pub leads_elsewhere: bool,
}

/// Whether these are directories on a path, each below the one before.
pub(crate) fn are_leases(path: &[u8], leases: &[LeaseOf]) -> bool {
    let ends =
        |length: usize| length == path.len() || path.get(length) == Some(&b'/') || length == 0;
    leases.len() <= MOST_LEASES_AT_A_TIME
        && leases.is_sorted_by(|above, below| above.length < below.length)
        && leases
            .iter()
            .all(|lease| lease.number != 0 && ends(lease.length as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{FileOperation, FileResult, FilesAnswer, MAX_FILES_MESSAGE, to_message};

    fn lease(length: u32, number: u64) -> LeaseOf {
        LeaseOf { length, number }
    }

    #[test]
    fn leases_are_of_directories_on_the_path() {
        let path = b"ab/c";
        assert!(are_leases(path, &[]));
        assert!(are_leases(path, &[lease(0, 1), lease(2, 2), lease(4, 3)]));
        assert!(are_leases(b"", &[lease(0, 1)]));
        for leases in [
            &[lease(1, 1)][..],
            &[lease(3, 1)],
            &[lease(5, 1)],
            &[lease(u32::MAX, 1)],
            &[lease(2, 0)],
            &[lease(2, 1), lease(2, 2)],
            &[lease(4, 1), lease(2, 2)],
        ] {
            assert!(!are_leases(path, leases), "{leases:?}");
        }
        let names = b"a/".repeat(MOST_LEASES_AT_A_TIME);
        let many = |count: u32| (0..count).map(|at| lease(at * 2 + 1, 1));
        let most = u32::try_from(MOST_LEASES_AT_A_TIME).unwrap();
        let operation = |leases: Vec<LeaseOf>| FileOperation::ReadLeased {
            path: [&names[..], b"a"].concat(),
            leases,
        };
        assert!(operation(many(most).collect()).is_well_formed());
        assert!(!operation(many(most + 1).collect()).is_well_formed());
    }

    #[test]
    fn all_leases_of_a_mount_fit_into_a_message() {
        let broken = BrokenLease {
            number: u64::MAX,
            leads_elsewhere: true,
        };
        let result = FileResult::Broken {
            last: u64::MAX,
            broken: vec![broken; MOST_LEASES],
        };
        let answer = FilesAnswer {
            id: u64::MAX,
            result,
        };
        assert!(to_message(&answer).unwrap().len() <= MAX_FILES_MESSAGE);
        let ended = |count| FileOperation::HearOfBroken {
            heard: u64::MAX,
            ended: vec![u64::MAX; count],
        };
        assert!(to_message(&ended(MOST_LEASES)).is_ok());
        assert!(ended(MOST_LEASES).is_well_formed() && !ended(MOST_LEASES + 1).is_well_formed());
    }
}
