//! Which modules of a crate may use which, held to by a test of the crate.
//!
//! A crate states its layers in the documentation of its `lib.rs`, from the lowest to the highest, in the paragraph below
//! the heading "Layers": names in backticks, layers apart by `←`. A name is a module or, where a part of one lies lower, a path such
//! as `net::wire`. Every module must be named, and uses its own layer and lower ones. Within the layers files may use each
//! other in circles, but only in small ones: who changes one file of a circle has to know all of it.
//!
//! What is read is text: paths that begin with `crate`, `super`, `self` or, behind `use`, with a module of the file's own.
//! Tests may use anything.

mod layers;
mod sources;

use std::io;
use std::path::Path;

use layers::Layers;
use sources::Sources;

/// Files of the largest circle that a crate may have.
pub const LARGEST_CIRCLE: usize = 15;

/// What is against the rules in the crate whose manifest lies in `crate_folder`: uses of a higher layer by a lower one,
/// modules that no layer has, circles of too many files.
///
/// # Errors
/// The crate cannot be read, or states no layers.
pub fn faults(crate_folder: impl AsRef<Path>) -> io::Result<Vec<String>> {
    let folder = crate_folder.as_ref().join("src");
    let layers = Layers::read(&std::fs::read_to_string(folder.join("lib.rs"))?)?;
    let sources = Sources::read(&folder)?;
    let mut faults = Vec::new();
    for (module, used) in sources.uses() {
        let Some(own) = layers.of(module) else {
            faults.push(format!("{} is in no layer", module.join("::")));
            continue;
        };
        // What has no layer is another crate that the root re-exports, or a macro.
        let higher = used
            .iter()
            .filter(|path| layers.of(path).is_some_and(|layer| layer > own));
        faults.extend(higher.map(|path| format!("{} uses {}", module.join("::"), path.join("::"))));
    }
    let circles = sources.circles().into_iter();
    faults.extend(
        circles
            .filter(|circle| circle.len() > LARGEST_CIRCLE)
            .map(|circle| format!("a circle of {}: {}", circle.len(), circle.join(", "))),
    );
    faults.sort();
    faults.dedup();
    Ok(faults)
}

/// The sets of modules of the crate's root of which each uses all others, where everything below a module counts as it.
///
/// # Errors
/// The crate cannot be read.
pub fn circles_of_modules(crate_folder: impl AsRef<Path>) -> io::Result<Vec<Vec<String>>> {
    Ok(Sources::read(&crate_folder.as_ref().join("src"))?.top_circles())
}

#[cfg(test)]
mod tests;
