"""Imports point down only: each module stands on a floor and imports from floors below it, or from its own."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "workflow" / "kinechain"

FLOORS: dict[str, float] = {
    "errors": 0,
    "progress": 0,
    "numerics": 0.5,
    "rounding": 0.5,
    "assemble": 1,
    "cohort": 1,
    "cohort_spec": 1,
    "decisions": 1,
    "disclosure": 1,
    "effect_plan": 1,
    "expressions": 1,
    "harmonise": 1,
    "heads": 1,
    "layout": 1,
    "measures": 1,
    "pseudonyms": 1,
    "parameter_rows": 1,
    "parameter_table": 1,
    "published": 1,
    "raw_table": 1,
    "quality": 1,
    "reliability": 1,
    "scoring": 1,
    "spec": 1,
    "suspicion": 1,
    "workload": 1,
    "syntax": 1,
    "fit": 2,
    "graph": 2,
    "links": 2,
    "sample": 2,
    "simulate": 2,
    "simulate_trial": 2,
    "comparison": 3,
    "estimators": 3,
    "inspection": 3,
    "solution": 3,
    "checks": 4,
    "effects": 4,
    "fit_record": 4,
    "model_preflight": 4,
    "resampling": 4,
    "trials": 4,
    "twin": 4,
    "difference": 5,
    "evidence": 5,
    "entries": 6,
    "figures": 6,
    "ledger": 6,
    "results": 6,
    "tables": 6,
    "trial_words": 6,
    "display": 7,
    "document": 7,
    "overview": 7,
    "registered": 7,
    "assumed": 7,
    "methods": 7,
    "check_table": 7,
    "paper": 7,
    "render": 7,
    "sheet": 7,
    "report": 7,
    "checklists": 7,
    "works": 7,
    "word_file": 7,
    "language": 7,
    "words": 7,
    "trial_cells": 7,
    "trial_display": 7,
    "trial_report": 7,
    "trial_sentences": 7,
    "people_on_disk": 8,
    "draft": 8,
    "environment": 8,
    "io": 8,
    "log": 8,
    "machine": 8,
    "manifest": 8,
    "places": 8,
    "page": 8,
    "preflight": 8,
    "publish": 8,
    "readers": 8,
    "registration": 8,
    "run_record": 8,
    "scaffold": 8,
    "schema": 8,
    "sides": 8,
    "sources": 8,
    "study": 8,
    "study_preflight": 8,
    "truths": 8,
    "certificate": 8,
    "twin_folder": 8,
    "verification": 8,
    "verify": 8,
    "cli": 9,
    "commands": 9,
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "kinechain":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("kinechain.")}
    return {name for name in found if not name.startswith("__")}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = room(path)
    assert own in FLOORS, f"{own} has no floor: give it one here and in ARCHITECTURE.md"
    for other in imported_rooms(path):
        assert other in FLOORS, f"{own} imports {other}, which has no floor"
        assert FLOORS[other] <= FLOORS[own], f"{own} (floor {FLOORS[own]}) imports {other} (floor {FLOORS[other]})"


def test_every_room_stands_on_its_floor_in_the_architecture_page() -> None:
    page = (PACKAGE.parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([0-9½]+) \| (.*) \|$", page, flags=re.MULTILINE)
    drawn = {
        name: 0.5 if floor == "½" else float(floor) for floor, rooms in rows for name in re.findall(r"`(\w+)`", rooms)
    }
    homeless = {room(path) for path in modules()} - set(drawn)
    assert not homeless, f"ARCHITECTURE.md does not show {sorted(homeless)}"
    assert all(drawn[name] == FLOORS[name] for name in drawn)


@pytest.mark.parametrize("path", [p for p in modules() if room(p) == "numerics"], ids=lambda path: path.name)
def test_numerics_knows_numpy_and_scipy_only(path: Path) -> None:
    allowed = {"numpy", "scipy", "kinechain", "__future__"}
    standard = {
        "collections",
        "dataclasses",
        "enum",
        "functools",
        "itertools",
        "math",
        "operator",
        "typing",
        "warnings",
        "zlib",
    }
    tree = ast.parse(path.read_text(encoding="utf-8"))
    roots = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    roots |= {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert roots <= allowed | standard, f"numerics imports {sorted(roots - allowed - standard)}"
    assert imported_rooms(path) <= {"numerics"}
