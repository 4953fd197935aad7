//! Our tools against the host's, by the cases in `cases/`.

#[path = "../../text/tests/harness/mod.rs"]
mod harness;

fn compare(file: &str, tools: &[&str]) {
    harness::compare(env!("CARGO_BIN_EXE_archive"), file, tools, &[]);
}

#[test]
fn tar_agrees_with_the_host() {
    compare("tar", &["tar"]);
}

#[test]
fn gzip_agrees_with_the_host() {
    compare("gzip", &["gzip", "gunzip", "zcat"]);
}

#[test]
fn zip_and_unzip_agree_with_the_host() {
    compare("zip", &["zip", "unzip"]);
}
