"""Downloads a file of a package, a source distribution or a wheel, from the index that pip is set up for.

    python3 fetch-package.py NAME FILE TARGET
"""

import sys

from pip._internal.commands import create_command


def main(name, file, target):
    command = create_command("download")
    options, _ = command.parse_args([name])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)
        links = [c.link for c in finder.find_all_candidates(name) if c.link.filename == file]
        if not links:
            sys.exit(f"pip's index has no {file} for this machine")
        response = session.get(links[0].url_without_fragment)
        response.raise_for_status()
        with open(target, "wb") as output:
            output.write(response.content)


main(*sys.argv[1:])
