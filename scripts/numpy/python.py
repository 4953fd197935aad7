"""Stands for the Python that libraries are built for: tells Meson about that one, and is this machine's otherwise.

    python3 python.py SYSCONFIG INCLUDE ARGUMENT...

SYSCONFIG is the module of the interpreter's library that says how it was built, INCLUDE the folder of its headers.
"""

import importlib.util
import json
import os
import sys

PREFIX = "/usr"


def build_variables(file):
    spec = importlib.util.spec_from_file_location("build_variables", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.build_time_vars)


def description(file, include):
    """What Meson's own script prints in the interpreter that it describes."""
    variables = build_variables(file)
    version = variables["VERSION"]
    suffix = variables["EXT_SUFFIX"]
    variables.update(prefix=PREFIX, base_prefix=PREFIX, LIBPYTHON="", INCLUDEPY=include)
    library = f"lib/python{version}"
    relative = {
        "purelib": f"{library}/site-packages",
        "platlib": f"{library}/site-packages",
        "stdlib": library,
        "platstdlib": library,
        "scripts": "bin",
        "data": "",
    }
    paths = {name: os.path.join(PREFIX, path) for name, path in relative.items()}
    paths.update(include=include, platinclude=include)
    install_paths = {name: "/" + path for name, path in relative.items()}
    install_paths.update(include=include, platinclude=include)
    return {
        "variables": variables,
        "paths": paths,
        "sysconfig_paths": paths,
        "install_paths": install_paths,
        "version": version,
        "platform": variables["MACHDEP"],
        "is_pypy": False,
        "is_venv": False,
        "link_libpython": False,
        "suffix": suffix,
        "limited_api_suffix": ".abi3.so",
        "is_freethreaded": False,
    }


def main(sysconfig, include, *arguments):
    if arguments and os.path.basename(arguments[0]) == "python_info.py":
        print(json.dumps(description(sysconfig, include)))
    else:
        os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
