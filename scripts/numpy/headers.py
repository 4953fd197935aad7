"""Makes the headers of the interpreter that libraries are built for.

    python3 headers.py SYSCONFIG HEADERS PYCONFIG TARGET

HEADERS is the folder of the same version's headers, for any system: only `pyconfig.h` tells systems apart. PYCONFIG is that
system's: the names in it are looked up in SYSCONFIG, the module that says how the interpreter was built.
"""

import re
import shutil
import sys
from pathlib import Path

from python import build_variables

# Names that begin with an underscore are not in SYSCONFIG.
ALWAYS = {"_GNU_SOURCE": 1}


def pyconfig(sysconfig, of_another_system):
    variables = build_variables(sysconfig)
    text = Path(of_another_system).read_text()
    names = set(re.findall(r"^(?:/\* )?#\s*(?:define|undef) (\w+)", text, re.MULTILINE))
    found = {name: variables[name] for name in names if variables.get(name) not in (None, 0, "")}
    if "SIZEOF_VOID_P" not in found:
        sys.exit(f"{sysconfig} does not say how large a pointer is")
    lines = [f"#define {name} {value}" for name, value in sorted({**ALWAYS, **found}.items())]
    return "\n".join(["#pragma once", *lines, ""])


def main(sysconfig, headers, of_another_system, target):
    shutil.copytree(headers, target, dirs_exist_ok=True)
    Path(target, "pyconfig.h").write_text(pyconfig(sysconfig, of_another_system))


if __name__ == "__main__":
    main(*sys.argv[1:])
