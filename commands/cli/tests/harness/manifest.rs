//! The names of a program's commands, by the program itself and by the manifest of its crate.

use std::process::Command;

/// The names that the program lists.
pub fn names(program: &str) -> Vec<String> {
    let output = Command::new(program)
        .arg("--list")
        .output()
        .expect("the list of commands");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Fails unless the program lists the names that the Cargo.toml of its crate gives the build.
pub fn assert_manifest_names_all(program: &str, manifest: &str) {
    let list = manifest
        .split_once("names = [")
        .and_then(|(_, rest)| rest.split_once("]\n"))
        .expect("a list")
        .0;
    let mut listed: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    listed.sort_unstable();
    assert_eq!(listed, names(program));
}
