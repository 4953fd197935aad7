//! Gives awk's stack room for functions that call themselves: the module's own stack as much as the machine's, which
//! holds what is compiled.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("wasi") {
        println!("cargo:rustc-link-arg-bins=-zstack-size=2097152");
    }
}
