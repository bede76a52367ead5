"""What a result was computed with: the language, the system and the packages. Nothing of one machine or one run."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import Any

from kinechain import __version__

NUMBERS = ("numpy", "scipy", "pandas", "pyarrow", "statsmodels", "pingouin", "networkx")
"""Packages that can move a number."""
PAGES = ("matplotlib", "seaborn", "jinja2", "typst", "python-docx", "snakemake")
"""Packages that can move a page or a picture."""


def versions(packages: tuple[str, ...] = NUMBERS + PAGES) -> dict[str, str]:
    """Package -> version, this one first; one that is not installed is left out."""
    found = {"kinechain": __version__}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, Any]:
    """Language, kind of system and package versions: equal on equal set-ups, whoever runs them."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "system": f"{platform.system()} {platform.machine()}",
        "packages": versions(),
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two environments, one phrase each: `numpy 2.4.6 there, 2.5.0 here`."""
    pairs = [(name, before.get(name, "unknown"), now.get(name, "unknown")) for name in ("python", "system")]
    there, here = before.get("packages", {}), now.get("packages", {})
    pairs += [(name, there.get(name, "absent"), here.get(name, "absent")) for name in sorted({*there, *here})]
    return [f"{name} {old} there, {new} here" for name, old, new in pairs if old != new]
