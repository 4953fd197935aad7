//! A string of bytes that answers questions.

use arbitrary::Unstructured;

/// Numbers at which arithmetic breaks.
const EDGES: &[i64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    255,
    256,
    4095,
    4096,
    4097,
    65_535,
    65_536,
    i32::MAX as i64,
    1 << 31,
    u32::MAX as i64,
    1 << 32,
    1 << 53,
    i64::MAX,
    -1,
    -2,
    -100,
    i32::MIN as i64,
    i64::MIN,
];

/// The source of everything that a run decides. Once it is used up every answer is the first one or nothing, so a run
/// ends, and a shorter string is a simpler run.
pub struct Input<'a> {
    source: Unstructured<'a>,
    notes: Option<Vec<String>>,
}

impl<'a> Input<'a> {
    /// An input without notes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input {
            source: Unstructured::new(bytes),
            notes: None,
        }
    }

    /// An input that keeps what the target notes, to be read by people.
    #[must_use]
    pub fn with_notes(bytes: &'a [u8]) -> Input<'a> {
        Input {
            source: Unstructured::new(bytes),
            notes: Some(Vec::new()),
        }
    }

    /// Whether all bytes are used up.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.source.is_empty()
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.source
            .int_in_range(0..=bound.saturating_sub(1))
            .unwrap_or(0)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) + 1 == times
    }

    /// One of them.
    ///
    /// # Panics
    /// There are none.
    pub fn pick<'t, T: ?Sized>(&mut self, of: &[&'t T]) -> &'t T {
        let index = self.below(of.len());
        of.get(index).expect("there is something to pick")
    }

    /// One of them, by value.
    ///
    /// # Panics
    /// There are none.
    pub fn pick_of<T: Copy>(&mut self, of: &[T]) -> T {
        let index = self.below(of.len());
        *of.get(index).expect("there is something to pick")
    }

    /// A number: an edge, a small one, or any.
    pub fn number(&mut self) -> i64 {
        match self.below(4) {
            0 => self.source.int_in_range(0..=16).unwrap_or(0),
            1 | 2 => self.pick_of(EDGES),
            _ => self.source.arbitrary().unwrap_or(0),
        }
    }

    /// As [`Input::number`], cut to 64 bits without a sign.
    pub fn unsigned(&mut self) -> u64 {
        self.number().cast_unsigned()
    }

    /// As [`Input::number`], cut to 32 bits.
    pub fn int(&mut self) -> i32 {
        let [a, b, c, d, ..] = self.number().to_le_bytes();
        i32::from_le_bytes([a, b, c, d])
    }

    /// As [`Input::number`], cut to 32 bits without a sign.
    pub fn word(&mut self) -> u32 {
        self.int().cast_unsigned()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.source.arbitrary().unwrap_or(0)
    }

    /// As many bytes as there are, up to `longest`.
    pub fn bytes(&mut self, longest: usize) -> Vec<u8> {
        let wanted = self.below(longest + 1).min(self.source.len());
        self.source.bytes(wanted).unwrap_or_default().to_vec()
    }

    /// Notes what the target does.
    pub fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(notes) = &mut self.notes {
            notes.push(text());
        }
    }

    /// What was noted.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        self.notes.as_deref().unwrap_or_default()
    }
}
