"""Where a mistake stands: the line and column of what a message is about, for messages that name a file only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from kinechain.errors import Problem, UserError
from kinechain.io import yaml_positions

TEXTS = ("equations", "effects")
"""Keys of a model file whose text has lines of its own."""

_FILE = re.compile(r"(?P<file>[^:]+\.yaml)(?::(?P<line>\d+))?(?:: (?P<part>[\w.]+))?$")
_QUOTED = re.compile(r"`([^`]+)`")


def texts_in_place(file: Path) -> dict[str, str]:
    """The equations and effects of a model file, each on the lines and columns it has in the file.

    White space means nothing to a model, so that a mistake found in such a text has the place of its file. A text that
    yaml folds keeps its first line only.
    """
    source = file.read_text(encoding="utf-8")
    lines = source.split("\n")
    root = yaml.compose(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    texts = {}
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value not in TEXTS or not isinstance(value, yaml.ScalarNode):
            continue
        start, end = value.start_mark, value.end_mark
        if value.style == "|":
            texts[key.value] = "\n" * (start.line + 1) + "\n".join(lines[start.line + 1 : end.line + (end.column > 0)])
        else:
            quote = 1 if value.style in ("'", '"') else 0
            texts[key.value] = "\n" * start.line + " " * (start.column + quote) + value.value
    return texts


def with_place(problem: Problem, root: Path) -> Problem:
    """The problem with `file:line:column` of the first name it tells of; as it was when it has a place already.

    root  the study's folder, to which files are relative
    """
    match = _FILE.match(problem.where)
    if not match:
        return problem
    file, names = root / match["file"], [word for name in _QUOTED.findall(problem.what) for word in _spellings(name)]
    if not file.exists():
        found = next(_places_in_config(root, file.stem), None)
        return replace(problem, where=found) if found else problem
    shown = match["file"]
    try:
        first = int(match["line"]) - 1 if match["line"] else _line_of(file, match["part"] or "")
        spot = next((spot for name in names if (spot := _search(file, name, first))), None) or _fallback(file, first)
    except (OSError, UnicodeDecodeError, UserError, yaml.YAMLError):  # what cannot be read has no places
        return problem
    if spot is None:
        return problem
    place = f"{shown}:{spot[0]}:{spot[1]}"
    return replace(problem, where=f"{place}: {match['part']}" if match["part"] else place)


def _spellings(name: str) -> Iterator[str]:
    """A name as it stands, then its parts: `y~x` is written `y ~ a*x` in a model."""
    yield name
    yield from (part for part in re.split(r"[^\w.]+", name) if part and part != name)


def _search(file: Path, name: str, first: int) -> tuple[int, int] | None:
    """Line and column of a name in a file from a line on, comments left out."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w.])")
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n")[first:], first + 1):
        match = pattern.search(line.split(" #")[0])
        if match and not line.lstrip().startswith("#"):
            return number, match.start() + 1
    return None


def _line_of(file: Path, part: str) -> int:
    """Lines before the entry a message is about; 0 where it names none."""
    places = yaml_positions(file) if part else {}
    for size in range(part.count(".") + 1, 0, -1) if part else ():
        place = places.get(tuple(part.split(".")[:size])) or places.get((part,))
        if place:
            return place[0] - 1
    return 0


def _fallback(file: Path, first: int) -> tuple[int, int] | None:
    """The entry itself, or a model's equations."""
    if first:
        return first + 1, 1
    return yaml_positions(file).get(("equations",))


def _places_in_config(root: Path, name: str) -> Iterator[str]:
    """Where the config names a file that is not there."""
    for file in (root / "config" / "config.yaml", *sorted((root / "config" / "cohorts").glob("*.yaml"))):
        spot = _search(file, name, 0) if file.exists() else None
        if spot:
            yield f"{file.relative_to(root).as_posix()}:{spot[0]}:{spot[1]}"


def value_at(content: Mapping[str, Any], *path: str) -> Any:
    """What stands at a path of keys, None when it is not there."""
    for key in path:
        content = content.get(key, {}) if isinstance(content, Mapping) else {}
    return content if content != {} else None
