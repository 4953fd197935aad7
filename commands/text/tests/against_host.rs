//! Our tools against the host's, by the cases in `cases/`.

mod harness;
#[path = "../../cli/tests/harness/manifest.rs"]
mod manifest;

const PROGRAM: &str = env!("CARGO_BIN_EXE_text");

fn compare(file: &str, tools: &[&str], host: &[(&str, &str)]) {
    harness::compare(PROGRAM, file, tools, host);
}

#[test]
fn the_manifest_names_all_commands() {
    manifest::assert_manifest_names_all(PROGRAM, include_str!("../Cargo.toml"));
}

#[test]
fn grep_agrees_with_the_host() {
    compare("grep", &["grep"], &[]);
}

#[test]
fn sed_agrees_with_the_host() {
    compare("sed", &["sed"], &[]);
}

#[test]
fn awk_agrees_with_gawk() {
    compare("awk", &["awk"], &[("awk", "gawk")]);
}

#[test]
fn patch_agrees_with_the_host() {
    compare("patch", &["patch"], &[]);
}

#[test]
fn patch_agrees_about_kinds_of_patches() {
    compare("patch_formats", &["patch"], &[]);
}

#[test]
fn rg_agrees_with_the_host() {
    compare("rg", &["rg"], &[]);
}
