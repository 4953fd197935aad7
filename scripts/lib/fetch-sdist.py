"""Downloads the source distribution of a package from the index that pip is set up for.

    python3 fetch-sdist.py NAME VERSION FILE
"""

import sys

from pip._internal.commands import create_command


def main(name, version, target):
    command = create_command("download")
    options, _ = command.parse_args([name])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)
        candidates = finder.find_all_candidates(name)
        links = [c.link for c in candidates if str(c.version) == version and not c.link.is_wheel]
        if not links:
            sys.exit(f"pip's index has no source distribution of {name} {version}")
        response = session.get(links[0].url_without_fragment)
        response.raise_for_status()
        with open(target, "wb") as file:
            file.write(response.content)


main(*sys.argv[1:])
