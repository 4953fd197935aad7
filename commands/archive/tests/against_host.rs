//! Our tools against the host's, by the cases in `cases/`.

#[path = "../../text/tests/harness/mod.rs"]
mod harness;
#[path = "../../cli/tests/harness/manifest.rs"]
mod manifest;

const PROGRAM: &str = env!("CARGO_BIN_EXE_archive");

fn compare(file: &str, tools: &[&str]) {
    harness::compare(PROGRAM, file, tools, &[]);
}

#[test]
fn the_manifest_names_all_commands() {
    manifest::assert_manifest_names_all(PROGRAM, include_str!("../Cargo.toml"));
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
fn bzip2_xz_and_zstd_agree_with_the_host() {
    let tools = "bunzip2 bzcat bzdiff bzfgrep bzgrep bzip2 lzcat lzma unlzma unxz unzstd xz xzcat xzcmp xzdiff xzegrep \
                 xzgrep xzless zcmp zdiff zegrep zfgrep zgrep zless zmore zstd zstdcat zstdgrep zstdmt gzip";
    compare("packed", &tools.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn zip_and_unzip_agree_with_the_host() {
    compare("zip", &["zip", "unzip", "zipinfo", "funzip", "zipgrep"]);
}

#[test]
fn cpio_agrees_with_the_host() {
    compare("cpio", &["cpio"]);
}

#[test]
fn ar_agrees_with_the_host() {
    compare("ar", &["ar"]);
}
