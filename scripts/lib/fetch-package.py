"""Downloads a file of a package, a source distribution or a wheel, from the index that pip is set up for.

    python3 fetch-package.py NAME FILE TARGET

A wheel for one version of CPython may be for another machine than this one.
"""

import re
import sys

from pip._internal.commands import create_command
from pip._internal.models.target_python import TargetPython


def target_of(file):
    """What pip would have to run on to take the wheel, or None for what any Python of this machine takes."""
    tags = re.search(r"-cp(\d)(\d+)-([^-]+)-([^-]+)\.whl$", file)
    if tags is None:
        return None
    major, minor, abi, platforms = tags.groups()
    version = (int(major), int(minor))
    return TargetPython(platforms.split("."), version, [abi], "cp")


def main(name, file, target):
    command = create_command("download")
    options, _ = command.parse_args([name])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session, target_of(file))
        links = [c.link for c in finder.find_all_candidates(name) if c.link.filename == file]
        if not links:
            sys.exit(f"pip's index has no {file}")
        response = session.get(links[0].url_without_fragment)
        response.raise_for_status()
        with open(target, "wb") as output:
            output.write(response.content)


main(*sys.argv[1:])
