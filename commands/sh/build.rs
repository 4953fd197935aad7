//! Gives the shell's stack room for nested commands and functions inside the machine, and no more: a copy of the
//! process copies it.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("wasi") {
        println!("cargo:rustc-link-arg-bins=-zstack-size=2097152");
    }
}
