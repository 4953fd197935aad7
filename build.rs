//! Linker flags of the addon.

fn main() {
    napi_build::setup();
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    // The user's Node exports its own V8 and ICU: our copies must neither see those nor be seen. Threads of V8
    // outlive whoever loaded the addon, so it is never unloaded.
    for flag in ["-Bsymbolic", "-z,now", "-z,nodelete"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{flag}");
    }
}
