"""Did two runs publish the same bytes?

    python benchmarks/same_bytes.py STUDY OTHER_STUDY

Every file below `reports/` is compared; what belongs to one run (date, machine, times) is not. Files that differ or are
there once only are named, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

OF_ONE_RUN = ("run.json", "run.html", "certificate.html", "certificate_pictures.html", "codecheck.yml")


def published(study: Path) -> dict[str, str]:
    """Published file -> sha256."""
    files = (path for path in (study / "reports").rglob("*") if path.is_file())
    kept = sorted(path for path in files if path.name not in OF_ONE_RUN and not path.name.startswith("."))
    return {path.relative_to(study).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Files whose bytes differ, or that one side lacks."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("other", type=Path)
    arguments = parser.parse_args()
    one, other = published(arguments.study), published(arguments.other)
    strayed = differing(one, other)
    everything = len({*one, *other})
    print(f"{everything - len(strayed)} of {everything} published files are the same bytes.")
    for name in strayed:
        print(f"- {name}")
    return 1 if strayed or not everything else 0


if __name__ == "__main__":
    sys.exit(main())
