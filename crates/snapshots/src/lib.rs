//! What the host does with the files of a machine at one moment: it counts them, compares them with others, and writes them as
//! a tar. Nothing of what they say is believed: they come from a VM process.

mod diff;
mod files;
mod tar;

#[cfg(test)]
mod tests;

pub use diff::{Change, Changed, diff};
pub use files::{Files, Segments};
pub use secure_exec_kernel::ImageBounds;
pub use tar::Tar;
