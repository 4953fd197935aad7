//! Numbers with as many places as a format asks for. Those of the standard library are limited to 65,535.

use std::iter::repeat_n;

/// No finite number has more digits behind its point, or more significant ones.
const EXACT: usize = 1100;

/// As C's `%f` writes a finite number that is not negative.
#[must_use]
pub fn fixed(value: f64, places: usize) -> String {
    let exact = places.min(EXACT);
    let mut text = format!("{value:.exact$}");
    text.extend(repeat_n('0', places - exact));
    text
}

/// The same with one digit before the point and an exponent, as `1.5e7`.
#[must_use]
pub fn scientific(value: f64, places: usize) -> String {
    let exact = places.min(EXACT);
    let mut text = format!("{value:.exact$e}");
    if let Some(at) = text.find('e').filter(|_| places > exact) {
        text.insert_str(at, &"0".repeat(places - exact));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{fixed, scientific};

    #[test]
    fn any_number_of_places() {
        assert_eq!(fixed(1.5, 3), "1.500");
        assert_eq!(fixed(2.5, 0), "2");
        let long = fixed(0.1, 1 << 20);
        assert_eq!(long.len(), 2 + (1 << 20));
        assert!(long.starts_with("0.1000000000000000055511151231257827"));
        assert!(long.ends_with('0'));
        let smallest = fixed(f64::from_bits(1), 1074);
        assert!(smallest.ends_with('5'));
        assert_eq!(scientific(1234.0, 2), "1.23e3");
        let long = scientific(1e-300, 70_000);
        assert!(long.ends_with("0e-300"));
        assert_eq!(long.len(), 2 + 70_000 + 5);
    }
}
