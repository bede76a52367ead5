"""The manifest: every published file with its sha256, how strictly it must be met, and all that decided its content.

It is committed, so that anybody can compare. It holds nothing of one run: no date, no machine, no path.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kinechain.errors import Problem, UserError
from kinechain.io import read_table, read_yaml, sha256_file, write_text
from kinechain.rounding import is_number

TIERS: Mapping[str, str] = {
    "input": "must be the same bytes",
    "number": "rounded numbers: the same bytes on the same data, config, code, seed and kind of processor; on another "
    "kind the same to four significant digits",
    "page": "made from the numbers by templates: must be the same bytes with the same fonts and typesetter",
    "raw": "unrounded numbers: the same bytes, or the same values to a relative 1e-9",
    "picture": "advisory: its numbers are the csv beside it",
}
_PAGES = (".html", ".pdf", ".docx", ".txt")
_PICTURES = (".svg", ".png")
STEPS = (
    "build_cohort",
    "fit_model",
    "draw_part",
    "draw_effects",
    "analyse_trial",
    "run_checks",
    "judge_claims",
    "draw_figures",
    "write_report",
    "write_index",
)
"""Rules in the order in which one can change what another makes."""
ABOUT_DIGITS = 4
"""Significant digits of the second digest of a table: two fewer than are published, so that a sixth digit that another
processor rounds otherwise hardly ever reaches it."""
_FRACTION = re.compile(r"(?<![\w.])-?\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)(?![\w.])")
SEAL = "sha256"
"""Key of the manifest's own digest, over everything else in it."""
LIMITS = ("estimate", "low", "high", "mc_error_low", "mc_error_high")
"""What the manifest keeps of an effect whose limits were drawn."""


def tier_of(path: Path) -> str:
    """How strictly a file must be met again."""
    if path.suffix == ".parquet":
        return "raw"
    if path.suffix in _PAGES:
        return "page"
    return "picture" if path.suffix in _PICTURES else "number"


def describe_files(
    made: Iterable[Path], inputs: Mapping[str, Iterable[Path]], makers: Mapping[str, str], root: Path = Path()
) -> dict[str, Any]:
    """Every input and every file made, by name; folders are read whole.

    made    files and folders, relative to `root`
    inputs  cohort -> files it was made from (data and config); "" holds what all share
    makers  file name, or name of the folder it stands in -> rule that made it
    """
    files = sorted({file for path in made for file in _files_in(root / path)})
    entries: dict[str, Any] = {}
    for name in sorted({path.as_posix() for paths in inputs.values() for path in paths}):
        entries[name] = {"tier": "input", "sha256": sha256_file(root / name), "made_by": "", "inputs": []}
    for file in files:
        relative = file.relative_to(root)
        cohort = next((part for part in relative.parts[1:-1] if part in inputs), "")
        behind = [cohort, ""] if cohort else list(inputs)
        tier = tier_of(file)
        entries[relative.as_posix()] = {
            "tier": tier,
            "sha256": sha256_file(file),
            **({"about": about(file.read_text(encoding="utf-8"))} if tier == "number" else {}),
            "made_by": makers.get(file.name, makers.get(file.parent.name, "")),
            "inputs": sorted({path.as_posix() for name in behind for path in inputs.get(name, ())}),
        }
    return entries


def about(text: str) -> str:
    """Digest of a table or json with its numbers held to `ABOUT_DIGITS` significant digits; whole ones stay whole."""

    def held(match: re.Match[str]) -> str:
        return f"{float(match[0]):.{ABOUT_DIGITS - 1}e}"

    return hashlib.sha256(_FRACTION.sub(held, text).encode()).hexdigest()


def _files_in(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
    return [path]


def meanings(inputs: Mapping[str, Iterable[Path]], root: Path = Path()) -> dict[str, str]:
    """Config file -> digest of what it says: comments and spacing do not count, nor does the seed, kept by itself."""
    names = {path.as_posix() for paths in inputs.values() for path in paths if path.suffix in (".yaml", ".yml")}
    found = {}
    for name in sorted(names):
        content = read_yaml(root / name)
        if isinstance(content, Mapping) and isinstance(content.get("inference"), Mapping):
            kept = {key: value for key, value in content["inference"].items() if key != "seed"}
            content = {**content, "inference": kept}
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=str)
        found[name] = hashlib.sha256(text.encode()).hexdigest()[:12]
    return found


def drawn_limits(tables: Mapping[str, Path]) -> dict[str, list[float | None]]:
    """`cohort/model/effect` -> the numbers of `LIMITS`, for every effect whose limits were drawn."""
    found: dict[str, list[float | None]] = {}
    for cohort, path in tables.items():
        table = read_table(path)
        if not set(LIMITS) <= set(table.columns):
            continue
        drawn = table[table["mc_error_low"].notna()]
        for row in drawn[["model", "effect", *LIMITS]].itertuples(index=False):
            found[f"{cohort}/{row[0]}/{row[1]}"] = [float(value) if is_number(value) else None for value in row[2:]]
    return found


def verdicts(tables: Mapping[str, Path]) -> dict[str, str]:
    """`cohort/claim` -> verdict."""
    return {
        f"{cohort}/{row.claim}": str(row.verdict)
        for cohort, path in tables.items()
        for row in read_table(path)[["claim", "verdict"]].itertuples(index=False)
    }


def seal(content: Mapping[str, Any]) -> str:
    """Digest of a manifest's content, its own seal left out."""
    kept = {key: value for key, value in content.items() if key != SEAL}
    return hashlib.sha256(json.dumps(kept, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def write_manifest(content: Mapping[str, Any], path: Path) -> None:
    """Write a manifest with its seal, a line an entry, so that a diff shows the files that changed."""
    whole = {**content, SEAL: seal(content)}
    blocks = []
    for key, value in whole.items():
        if isinstance(value, Mapping):
            lines = ",\n".join(f"  {_text(name)}: {_text(entry)}" for name, entry in value.items())
            blocks.append(f" {_text(key)}: {{\n{lines}\n }}" if lines else f" {_text(key)}: {{}}")
        else:
            blocks.append(f" {_text(key)}: {_text(value)}")
    write_text("{\n" + ",\n".join(blocks) + "\n}\n", path)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def parse_manifest(text: str, shown: str) -> dict[str, Any]:
    """A manifest from its text.

    Raises UserError when the text is no manifest, lacks a part, or was changed after it was written.
    """
    remedy = "Restore the committed one: `git checkout -- reports/manifest.json`"
    try:
        content: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(Problem(f"{shown}:{error.lineno}:{error.colno}", "this is not json", remedy)) from None
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or not files:
        raise UserError(Problem(shown, "no `files` stand in it", remedy))
    broken = [name for name, entry in files.items() if not _is_entry(entry)]
    if broken:
        raise UserError(*(Problem(shown, f"the entry of `{name}` has no tier or no sha256", remedy) for name in broken))
    needed = ("environment", "code", "inference", "meanings", "drawn", "verdicts", SEAL)
    lacking = [key for key in needed if key not in content]
    if lacking:
        what = f"it lacks {', '.join(f'`{key}`' for key in lacking)}: an older version wrote it"
        raise UserError(Problem(shown, what, "Make it again with `snakemake` and commit it"))
    if content[SEAL] != seal(content):
        raise UserError(Problem(shown, "it was changed by hand after it was written: its own digest differs", remedy))
    return content


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or entry.get("tier") not in TIERS:
        return False
    return bool(re.fullmatch(r"[0-9a-f]{64}", str(entry.get("sha256", ""))))
