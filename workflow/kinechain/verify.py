"""A study computed again in a fresh folder and compared with what was committed."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from kinechain.environment import environment
from kinechain.errors import Problem, UserError
from kinechain.io import read_json, read_table, sha256_file, write_text
from kinechain.machine import git
from kinechain.manifest import STEPS, describe_files, meanings, parse_manifest
from kinechain.pseudonyms import KEY_FILE
from kinechain.rounding import is_number
from kinechain.sources import code_digest, templates_digest
from kinechain.study import Study
from kinechain.verification import (
    Line,
    Status,
    Verification,
    compare_drawn,
    compare_inputs,
    compare_made,
    compare_published,
    find_changes,
)

HOME = Path(__file__).resolve().parent
MANIFEST = Path("reports/manifest.json")
OTHER_SEED = "other_seed.yaml"
"""File beside the recomputed study that gives it another seed; its config stays as it is."""
SHOWN_CELLS = 3
"""Cells of a table named in one line; the others are counted."""


def read_committed(root: Path, against: Path | None = None) -> tuple[dict[str, Any], str]:
    """The manifest to compare with, and where it is from.

    against  a file of the caller's choice; by default the manifest of the last commit, else the one on disk

    Raises UserError when there is none, or when it is damaged.
    """
    if against is not None:
        if not against.is_file():
            raise UserError(Problem(str(against), "there is no such manifest", "Name the manifest to compare with"))
        return parse_manifest(against.read_text(encoding="utf-8"), str(against)), str(against)
    committed = git(root, "show", f"HEAD:./{MANIFEST.as_posix()}")
    if committed is not None:
        commit = (git(root, "rev-parse", "--short", "HEAD") or "").strip()
        return parse_manifest(committed, MANIFEST.as_posix()), f"the manifest of commit {commit}"
    if not (root / MANIFEST).is_file():
        what = "there is no manifest to compare with"
        raise UserError(Problem(MANIFEST.as_posix(), what, "`snakemake` makes it; commit it beside the study"))
    return parse_manifest((root / MANIFEST).read_text(encoding="utf-8"), MANIFEST.as_posix()), MANIFEST.as_posix()


def describe_study(study: Study) -> dict[str, Any]:
    """The study as it lies in its folder: inputs, code, environment and inference, as a manifest has them."""
    inputs = {cohort: [Path(name) for name in names] for cohort, names in study.inputs().items()}
    code = {step: code_digest(HOME.parent / "scripts" / f"{step}.py") for step in STEPS}
    return {
        "files": describe_files([], inputs, {}, study.root),
        "meanings": meanings(inputs, study.root),
        "code": code | {"templates": templates_digest()},
        "environment": environment(),
        "inference": dict(study.config["inference"]),
    }


def check_published(study: Study, against: Path | None = None) -> Verification:
    """The published files as they lie here, against their committed digests: nothing is computed."""
    committed, source = read_committed(study.root, against)
    here = describe_study(study)
    changes = find_changes(committed, here)
    found = published_digests(study.root, committed)
    lines = compare_inputs(committed, here, changes) + compare_published(committed, found, strict=True)
    return Verification(source, changes, tuple(lines), False, _stale(study.root, committed))


def verify_study(
    study: Study,
    snakefile: Path,
    folder: Path,
    *,
    against: Path | None = None,
    cores: int = 1,
    seed: int | None = None,
) -> Verification:
    """The study computed again in `folder`, compared with what was committed.

    snakefile  the workflow that makes the study
    folder     where everything is made again: empty
    seed       another seed, to see whether the result hangs on the draws

    Raises UserError when the manifest is missing or damaged, or when the recomputation fails.
    """
    committed, source = read_committed(study.root, against)
    recompute(study, snakefile, folder, cores=cores, seed=seed)
    again = read_json(folder / MANIFEST)
    changes = find_changes(committed, again)
    found = published_digests(study.root, committed)
    at_hand = {name for name, digest in found.items() if digest == committed["files"][name]["sha256"]}
    apart = {name for name in at_hand if again["files"].get(name, {}).get("sha256") not in (None, found[name])}
    raw = {name: furthest_value(study.root / name, folder / name) for name in apart if name.endswith(".parquet")}
    details = {name: differing_cells(study.root / name, folder / name) for name in sorted(apart)}
    lines = [
        *compare_inputs(committed, again, changes),
        *compare_made(committed, again, changes, raw=raw, details=details),
        *compare_drawn(committed, again, changes),
        *_edited(study.root, folder, committed, found),
    ]
    absent = sum(name.startswith("reports/") and name not in found for name in committed["files"])
    notes = _stale(study.root, committed)
    if absent:
        notes += (f"{absent} published files are not here: their digests were compared, not their cells.",)
    return Verification(source, changes, tuple(lines), True, notes)


def _edited(root: Path, folder: Path, committed: Mapping[str, Any], found: Mapping[str, str]) -> list[Line]:
    """One line for each published file here that is neither the one committed nor the one computed again.

    Its cells that differ from those computed again are named.
    """
    lines = []
    for line in compare_published(committed, found, strict=False):
        again = folder / line.name
        is_new = line.status in (Status.DIFFERS, Status.ADVISORY)
        if is_new and not (again.is_file() and sha256_file(again) == found[line.name]):
            cells = differing_cells(root / line.name, again)
            what = f"{line.what}; {cells}" if cells else line.what
            lines.append(replace(line, name=f"{line.name} (as it lies here)", what=what))
    return lines


def _stale(root: Path, committed: Mapping[str, Any]) -> tuple[str, ...]:
    """A note where the manifest on disk is not the one compared with."""
    here = root / MANIFEST
    if here.is_file():
        try:
            if json.loads(here.read_text(encoding="utf-8")).get("sha256") == committed["sha256"]:
                return ()
        except json.JSONDecodeError:
            return ("reports/manifest.json here is not json; the committed one was used.",)
        return ("reports/manifest.json here is of a later run than the committed one.",)
    return ()


def published_digests(root: Path, committed: Mapping[str, Any]) -> dict[str, str]:
    """Name -> sha256 of those files of a manifest that are here, inputs left out."""
    names = (name for name, entry in committed["files"].items() if entry["tier"] != "input")
    return {name: sha256_file(root / name) for name in names if (root / name).is_file()}


def recompute(study: Study, snakefile: Path, folder: Path, *, cores: int = 1, seed: int | None = None) -> None:
    """Make the whole study in a folder that holds nothing but its config and its data.

    Raises UserError with the end of snakemake's words when it does not come through.
    """
    shutil.copytree(study.root / "config", folder / "config", dirs_exist_ok=True)
    for name in {name for names in study.inputs().values() for name in names}:
        target = folder / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(study.root / name, target)
    if seed is not None:
        write_text(f"inference: {{seed: {seed}}}\n", folder / OTHER_SEED)
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(snakefile.resolve()), "--directory", str(folder)),
        *("--cores", str(cores), "--workflow-profile", "none", "--scheduler", "greedy", "--quiet", "all"),
        *([] if seed is None else ["--configfile", str(folder / OTHER_SEED)]),
        *("--", MANIFEST.as_posix()),
    ]
    path = os.pathsep.join(part for part in (str(HOME.parent), os.environ.get("PYTHONPATH", "")) if part)
    kept = {key: value for key, value in os.environ.items() if key != "SNAKEMAKE_PROFILE"}
    if kept.get(KEY_FILE):  # the fresh folder is elsewhere
        kept[KEY_FILE] = str(Path(kept[KEY_FILE]).resolve())
    done = subprocess.run(
        command, cwd=folder, env=kept | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        logs = [text for path in sorted((folder / "logs").rglob("*.log")) if (text := path.read_text("utf-8").strip())]
        end = "\n".join([*logs[-3:], done.stderr.strip()[-2000:]])
        raise UserError(Problem("verify", f"the study could not be computed again:\n{end}", "`snakemake` tells more"))


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """A new empty folder, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kinechain-verify-") as name:
        yield Path(name)


def furthest_value(old: Path, new: Path) -> float:
    """Largest relative difference between the numbers of two parquet tables.

    Infinite when their shapes differ, and when one is damaged: it is not what was written.
    """
    import numpy as np

    try:
        a, b = read_table(old), read_table(new)
    except UserError:
        return math.inf
    if list(a.columns) != list(b.columns) or len(a) != len(b):
        return math.inf
    furthest = 0.0
    for name in a.columns:
        if a[name].dtype.kind not in "fiu" or b[name].dtype.kind not in "fiu":
            furthest = furthest if a[name].equals(b[name]) else math.inf
            continue
        x, y = a[name].to_numpy(dtype=float), b[name].to_numpy(dtype=float)
        if (np.isnan(x) != np.isnan(y)).any():
            return math.inf
        size = np.maximum(np.abs(x), np.abs(y))
        known = size > 0
        if known.any():
            furthest = max(furthest, float(np.nanmax(np.abs(x - y)[known] / size[known])))
    return furthest


def differing_cells(old: Path, new: Path) -> str:
    """The first cells in which two csv or json files differ, in words; "" for other files or when one is not there."""
    if not (old.is_file() and new.is_file()) or old.suffix not in (".csv", ".json"):
        return ""
    try:
        read = _csv_cells if old.suffix == ".csv" else _json_cells
        a, b = read(old), read(new)
    except (ValueError, UserError, csv.Error):
        return "it can no longer be read"
    apart = [key for key in {**a, **b} if a.get(key) != b.get(key)]
    said = [f"{key} is {_shown(a.get(key))}, recomputed {_shown(b.get(key))}" for key in apart[:SHOWN_CELLS]]
    more = f" and {len(apart) - SHOWN_CELLS} more" if len(apart) > SHOWN_CELLS else ""
    return ", ".join(said) + more


def _shown(value: Any) -> str:
    text = "nothing" if value is None or value == "" else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _csv_cells(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    heads = rows[0] if rows else []
    cells = {"its columns": ",".join(heads)}
    for number, row in enumerate(rows[1:], start=2):
        for place, value in enumerate(row):
            cells[f"line {number} `{heads[place] if place < len(heads) else place}`"] = value
    return cells


def _json_cells(path: Path) -> dict[str, Any]:
    cells: dict[str, Any] = {}

    def walk(value: Any, at: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{at}/{key}" if at else str(key))
        elif isinstance(value, list):
            for place, item in enumerate(value):
                walk(item, f"{at}[{place}]")
        else:
            cells[f"`{at}`"] = value if is_number(value) else str(value)

    walk(read_json(path), "")
    return cells
