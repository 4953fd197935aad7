"""Packs what was installed as a wheel.

    python3 wheel.py SITE_PACKAGES SOURCES TAG TARGET

SOURCES has the package's `PKG-INFO` and licences. The same files make the same wheel.
"""

import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path


def recorded(name, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def licences(sources, metadata):
    named = re.findall(r"^License-File: (.*)$", metadata.split("\n\n", 1)[0], re.MULTILINE)
    return {f"licenses/{name}": (sources / name).read_bytes() for name in named}


def main(site_packages, sources, tag, target):
    site_packages, sources = Path(site_packages), Path(sources)
    metadata = (sources / "PKG-INFO").read_text()
    fields = dict(re.findall(r"^(Name|Version): (.*)$", metadata, re.MULTILINE))
    info = f"{fields['Name'].lower()}-{fields['Version']}.dist-info"
    files = {
        str(path.relative_to(site_packages)): path.read_bytes()
        for path in site_packages.rglob("*")
        if path.is_file()
    }
    wheel = f"Wheel-Version: 1.0\nGenerator: secure-exec\nRoot-Is-Purelib: false\nTag: {tag}\n"
    about = {"METADATA": metadata.encode(), "WHEEL": wheel.encode(), **licences(sources, metadata)}
    files.update({f"{info}/{name}": content for name, content in about.items()})
    record = "".join(recorded(name, files[name]) for name in sorted(files))
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED)


main(*sys.argv[1:])
