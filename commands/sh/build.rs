//! Gives the shell's stack room for nested commands and functions inside the machine.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("wasi") {
        println!("cargo:rustc-link-arg-bins=-zstack-size=8388608");
    }
}
