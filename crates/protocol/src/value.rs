//! What a value that a program hands back costs the host.

/// What an array or object counts at least: parsed it takes some four times as much.
const CONTAINER: u64 = 16;

/// Counts a text of JSON as it comes. The VM counts to refuse a value by its limit, and the host counts again what it
/// was sent, because it parses the value on the thread that everything else of it runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ValueCost {
    bytes: u64,
    parts: u64,
    in_text: bool,
    escaped: bool,
}

impl ValueCost {
    /// Counts a piece.
    pub fn add(&mut self, json: &[u8]) {
        self.bytes += json.len() as u64;
        for byte in json {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.in_text,
                b'"' => self.in_text = !self.in_text,
                b'[' | b'{' if !self.in_text => self.parts += CONTAINER,
                b',' if !self.in_text => self.parts += 1,
                _ => {}
            }
        }
    }

    /// The bytes of the text, or sixteen for each array and object and one for each further element if that is more.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bytes.max(self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(pieces: &[&str]) -> u64 {
        let mut cost = ValueCost::default();
        for piece in pieces {
            cost.add(piece.as_bytes());
        }
        cost.total()
    }

    #[test]
    fn ordinary_values_cost_their_bytes() {
        assert_eq!(cost(&["12"]), 2);
        assert_eq!(cost(&["[1,2,3,4,5,", "6,7,8,9,10]"]), 25);
        assert_eq!(cost(&[r#"{"name":"somebody","tags":["a","b"]}"#]), 36);
    }

    #[test]
    fn many_small_parts_cost_more() {
        assert_eq!(cost(&["[{},{},{}]"]), 66);
        assert_eq!(cost(&["[[", "[[", "]]]]"]), 64);
    }

    #[test]
    fn what_stands_in_a_text_is_no_part() {
        assert_eq!(cost(&[r#""[[[[{{{{""#]), 10);
        assert_eq!(cost(&["\"[\\", "\"[[[[[[\""]), 11);
    }
}
