//! What a crate says of its layers.

use std::collections::HashMap;
use std::io;

/// Each name and its layer, the lowest being 0.
pub struct Layers(HashMap<String, usize>);

impl Layers {
    /// Reads them from a crate's documentation.
    ///
    /// # Errors
    /// There are none, or a name is in two.
    pub fn read(source: &str) -> io::Result<Layers> {
        let text = source
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .skip_while(|line| line.trim() != "# Layers")
            .skip(1)
            .take_while(|line| !line.trim().is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let mut layers = HashMap::new();
        for (layer, part) in text.split('←').enumerate() {
            // What stands between two backticks is a list of names.
            let lists = part.split('`').skip(1).step_by(2);
            for name in lists.flat_map(|list| list.split([',', ' '])) {
                if !name.is_empty() && layers.insert(name.to_owned(), layer).is_some() {
                    return Err(io::Error::other(format!("{name} is in two layers")));
                }
            }
        }
        if layers.len() < 2 {
            return Err(io::Error::other("no layers in the documentation"));
        }
        Ok(Layers(layers))
    }

    /// The layer of a path below the crate's root: that of its longest beginning that has one.
    pub fn of(&self, path: &[String]) -> Option<usize> {
        let lengths = (1..=path.len()).rev();
        let beginnings = lengths.filter_map(|length| path.get(..length));
        beginnings
            .map(|beginning| beginning.join("::"))
            .find_map(|name| self.0.get(&name).copied())
    }
}
