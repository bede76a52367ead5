"""Digest of the code behind a step: the script and every module of this package it imports, directly or not.

Snakemake watches a rule's script and not what the script imports; this digest, carried as a parameter of the rule, is
what makes an edit of the package rerun the steps that use it and no others.
"""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache
from pathlib import Path

HOME = Path(__file__).resolve().parent
NAME = HOME.name
PAGE = "page.html.j2"
"""Template of certificate, run and twin: no report hangs on it."""
IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(?P<origin>[\w.]+)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n]*)"
    rb"|import[ \t]+(?P<modules>[^\n]*))",
    re.M,
)
"""An import statement as text: parsing every module would take most of the time in which nothing is to be done."""


@cache
def code_digest(script: Path) -> str:
    """First 12 hex digits of the sha256 of a script and of all the package's modules it comes to import.

    An import of a package counts the whole package, since registries name their members as text.
    """
    found: set[Path] = set()
    waiting = [script.resolve()]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting.extend(imported_by(path))
    names = sorted(found, key=_place)
    return hashlib.sha256(b"\0".join(_content(path) for path in names)).hexdigest()[:12]


@cache
def _place(path: Path) -> str:
    """Where a file stands beside this package, so that the order is the same wherever the workflow lies."""
    return Path(os.path.relpath(path, HOME.parent)).as_posix()


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@cache
def imported_by(path: Path) -> frozenset[Path]:
    """Modules of this package that a file imports, at its top or inside a function; one named in a text counts too."""
    found: set[Path] = set()
    for match in IMPORT.finditer(_content(path)):
        origin = (match["origin"] or b"").decode()
        named = re.findall(r"[\w.]+", (match["names"] or match["modules"] or b"").decode())
        found |= _files_of(origin)
        for name in named:
            found |= _files_of(f"{origin}.{name}" if origin else name)
    return frozenset(found)


@cache
def _files_of(dotted: str) -> frozenset[Path]:
    parts = dotted.split(".")
    if parts[0] != NAME:
        return frozenset()
    place = HOME.joinpath(*parts[1:])
    if len(parts) > 1 and place.is_dir():
        return frozenset(place.rglob("*.py"))
    module = place.with_suffix(".py")
    return frozenset({module}) if len(parts) > 1 and module.exists() else frozenset()


def templates_digest() -> str:
    """First 12 hex digits of the sha256 of all templates of the reports; pages beside them have one of their own."""
    files = sorted(path for path in (HOME.parent / "templates").iterdir() if path.is_file() and path.name != PAGE)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
