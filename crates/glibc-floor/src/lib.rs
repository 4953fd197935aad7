//! Has the programs that depend on this crate link for an older C library than the one of the machine that builds.
//!
//! A library of glibc has every version of its functions that there ever was, and a link takes the newest. The build
//! script makes libraries to link with that have the newest of the floor's time instead, so that the result runs
//! with any glibc from the floor on. What came later is not in them: a link that asks for it fails, or, where the
//! reference is weak, goes without.
//!
//! `stat` and its like are such late ones. Before glibc 2.33 they were static functions that called the ones below, and
//! are so here.

#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod stat {
    /// A function that puts `_STAT_VER`, 1 on x86-64, before its arguments and goes on in the old entry.
    macro_rules! forward {
        ($shift:literal: $($name:literal => $entry:literal),*) => {
            $(std::arch::global_asm!(
                concat!(".section .text.", $name, ",\"ax\",@progbits"),
                concat!(".globl ", $name),
                concat!(".hidden ", $name),
                concat!(".type ", $name, ",@function"),
                concat!($name, ":"),
                $shift,
                "mov edi, 1",
                concat!("jmp ", $entry, "@PLT"),
                concat!(".size ", $name, ", . - ", $name),
                ".text",
            );)*
        };
    }

    forward!("mov rdx, rsi\nmov rsi, rdi":
        "stat" => "__xstat", "stat64" => "__xstat64", "lstat" => "__lxstat", "lstat64" => "__lxstat64",
        "fstat" => "__fxstat", "fstat64" => "__fxstat64");
    forward!("mov r8, rcx\nmov rcx, rdx\nmov rdx, rsi\nmov rsi, rdi":
        "fstatat" => "__fxstatat", "fstatat64" => "__fxstatat64");
}
