//! Prints the table of system calls as Markdown; `docs/syscalls.md` is made of it.

use secure_exec_kernel::syscalls::{Support, TABLE};
use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut family = "";
    for row in TABLE {
        if row.family != family {
            let gap = if family.is_empty() { "" } else { "\n" };
            family = row.family;
            writeln!(
                out,
                "{gap}## {family}\n\n| call | support | deviations |\n|---|---|---|"
            )?;
        }
        let (support, deviations) = match row.support {
            Support::Full => ("full", ""),
            Support::Partial(why) => ("partial", why),
            Support::Stub => ("stub", "fails with `ENOSYS`"),
        };
        writeln!(out, "| `{}` | {support} | {deviations} |", row.name)?;
    }
    Ok(())
}
