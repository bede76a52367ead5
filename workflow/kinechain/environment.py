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


def arithmetic() -> str:
    """The matrix products this processor is given: the library, its version, the kernel it chose.

    Sums are added up in another order by another kernel, so that the last bits of a number belong to it.
    """
    import numpy  # noqa: F401  -- loads the library that is asked about
    from threadpoolctl import threadpool_info

    found = {
        " ".join(str(one[key]) for key in ("internal_api", "version", "architecture") if one.get(key))
        for one in threadpool_info()
        if one["user_api"] == "blas"
    }
    return ", ".join(sorted(found)) or "unknown"


def environment() -> dict[str, Any]:
    """Language, kind of system, kernel and package versions: equal on equal set-ups, whoever runs them."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "system": f"{platform.system()} {platform.machine()}",
        "arithmetic": arithmetic(),
        "packages": versions(),
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two environments, one phrase each: `numpy 2.4.6 there, 2.5.0 here`."""
    kinds = ("python", "system", "arithmetic")
    pairs = [(name, before.get(name, "unknown"), now.get(name, "unknown")) for name in kinds]
    there, here = before.get("packages", {}), now.get("packages", {})
    pairs += [(name, there.get(name, "absent"), here.get(name, "absent")) for name in sorted({*there, *here})]
    return [f"{name} {old} there, {new} here" for name, old, new in pairs if old != new]
