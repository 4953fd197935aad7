//! Linker flags of the launcher.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // libgcc's own references are to the C library of this machine, which is newer than the one that
        // crates/glibc-floor gives to link with.
        println!("cargo:rustc-link-arg-bins=-Wl,--allow-shlib-undefined");
    }
}
