//! The order of texts in the guest, whose only locale is C.UTF-8: that of their bytes, whatever `LANG` names.
//!
//! It takes the place of the crate of the same name, as much as uucore uses of it, whose data of all languages are larger
//! than all commands that order anything. Nothing of that crate is in it.

use std::cmp::Ordering;
use std::convert::Infallible;

use icu_locale_core::Locale;

/// A locale. There is one, so nothing of it is kept.
#[derive(Clone, Copy, Debug)]
pub struct CollatorPreferences;

impl From<Locale> for CollatorPreferences {
    fn from(_: Locale) -> Self {
        Self
    }
}

/// Puts texts into order.
#[derive(Clone, Copy, Debug)]
pub struct CollatorBorrowed;

impl CollatorBorrowed {
    /// The order of a locale.
    ///
    /// # Errors
    /// None: the order of bytes needs no data.
    pub const fn try_new(
        _: CollatorPreferences,
        _: options::CollatorOptions,
    ) -> Result<Self, Infallible> {
        Ok(Self)
    }

    /// The order of two texts.
    #[must_use]
    pub fn compare_utf8(&self, left: &[u8], right: &[u8]) -> Ordering {
        left.cmp(right)
    }

    /// Writes what has the order of a text, byte by byte: the text.
    ///
    /// # Errors
    /// None.
    pub fn write_sort_key_utf8_to(&self, text: &[u8], key: &mut Vec<u8>) -> Result<(), Infallible> {
        key.extend_from_slice(text);
        Ok(())
    }
}

/// What an order by bytes has no use for.
pub mod options {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AlternateHandling {
        Shifted,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum CaseLevel {
        Off,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum MaxVariable {
        Punctuation,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Strength {
        Quaternary,
    }

    #[derive(Clone, Copy, Debug, Default)]
    pub struct CollatorOptions {
        pub alternate_handling: Option<AlternateHandling>,
        pub strength: Option<Strength>,
    }
}

#[cfg(test)]
mod tests {
    use super::{CollatorBorrowed, CollatorPreferences, options::CollatorOptions};
    use std::cmp::Ordering;

    #[test]
    fn texts_are_in_the_order_of_their_bytes() {
        let Ok(order) = CollatorBorrowed::try_new(CollatorPreferences, CollatorOptions::default());
        assert_eq!(order.compare_utf8(b"B", b"a"), Ordering::Less);
        let mut key = Vec::new();
        let Ok(()) = order.write_sort_key_utf8_to(b"B", &mut key);
        assert_eq!(key, b"B");
    }
}
