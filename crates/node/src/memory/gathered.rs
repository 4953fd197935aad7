//! Bytes that native code puts together from many pieces of a guest's, of which each may be small.

use super::memory_guard;

/// At most so much is taken ahead of need.
const MOST_AHEAD: usize = 16 << 20;

/// The bytes. Memory for them is asked for before it is taken: where there is none the guest is ended.
#[derive(Debug, Default)]
pub(crate) struct Gathered(Vec<u8>);

impl Gathered {
    /// Adds a piece; false where there is no memory for it.
    #[must_use]
    pub(crate) fn push(&mut self, piece: &[u8]) -> bool {
        let room = self.0.capacity() - self.0.len();
        if piece.len() > room {
            let ahead = self.0.len().min(MOST_AHEAD);
            let more = piece.len() + ahead;
            if !memory_guard::admit(more) {
                return false;
            }
            self.0.reserve_exact(more);
        }
        self.0.extend_from_slice(piece);
        true
    }

    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Gathered;

    #[test]
    fn pieces_are_put_together_with_little_ahead() {
        let mut gathered = Gathered::default();
        let piece = vec![7; 1 << 20];
        for _ in 0..50 {
            assert!(gathered.push(&piece));
        }
        let all = gathered.into_vec();
        assert_eq!(all.len(), 50 << 20);
        assert!(all.capacity() <= (50 << 20) + super::MOST_AHEAD);
    }
}
