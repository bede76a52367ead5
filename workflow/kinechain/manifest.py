"""The manifest: every published file with its sha256, how strictly it must be met, what made it and from what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kinechain.io import sha256_file

TIERS: Mapping[str, str] = {
    "input": "must be the same bytes",
    "number": "rounded numbers: must be the same bytes on the same data, config, code and seed",
    "page": "made from the numbers by templates: must be the same bytes with the same fonts and typesetter",
    "picture": "advisory: its numbers are the csv beside it",
}
_PAGES = (".html", ".pdf", ".docx", ".txt")
_PICTURES = (".svg", ".png")


def tier_of(path: Path) -> str:
    """How strictly a published file must be met again."""
    if path.suffix in _PAGES:
        return "page"
    return "picture" if path.suffix in _PICTURES else "number"


def describe_files(
    published: Iterable[Path], inputs: Mapping[str, Iterable[Path]], makers: Mapping[str, str], root: Path = Path()
) -> dict[str, Any]:
    """The manifest of published files; folders are read whole.

    published  files and folders, relative to `root`
    inputs     cohort -> files it was made from (data and config); "" holds what all share
    makers     file name, or name of the folder it stands in -> rule that made it
    """
    files = sorted({file for path in published for file in _files_in(root / path)})
    entries: dict[str, Any] = {}
    for name in sorted({path.as_posix() for paths in inputs.values() for path in paths}):
        entries[name] = {"tier": "input", "sha256": sha256_file(root / name), "made_by": "", "inputs": []}
    for file in files:
        relative = file.relative_to(root)
        cohort = relative.parts[1] if len(relative.parts) > 2 else ""
        behind = (
            [*inputs.get("", ()), *inputs.get(cohort, ())]
            if cohort
            else [p for paths in inputs.values() for p in paths]
        )
        entries[relative.as_posix()] = {
            "tier": tier_of(file),
            "sha256": sha256_file(file),
            "made_by": makers.get(file.name, makers.get(file.parent.name, "")),
            "inputs": sorted({path.as_posix() for path in behind}),
        }
    return {"tiers": dict(TIERS), "files": entries}


def _files_in(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
    return [path]
