"""Is the digest of a step's code a digest of that code alone?"""

import ast
import shutil
from pathlib import Path

import pytest

from kinechain import sources

ROOT = Path(__file__).resolve().parents[2]


def test_the_digest_does_not_depend_on_where_the_workflow_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(ROOT / "workflow", copy, ignore=shutil.ignore_patterns("__pycache__"))
    scripts = sorted((ROOT / "workflow" / "scripts").glob("*.py"))
    assert scripts
    here = {script.name: sources.code_digest(script) for script in scripts}
    monkeypatch.setattr(sources, "HOME", copy / "kinechain")
    sources._files_of.cache_clear()
    sources.imported_by.cache_clear()
    there = {script.name: sources.code_digest(copy / "scripts" / script.name) for script in scripts}
    sources._files_of.cache_clear()
    sources.imported_by.cache_clear()
    assert there == here


def imported(path: Path) -> set[Path]:
    """The same by parsing the module."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found = found.union(*(sources._files_of(alias.name) for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            found = found.union(*(sources._files_of(name) for name in names))
    return found


def test_no_import_is_overlooked_in_the_text() -> None:
    modules = [*(ROOT / "workflow" / "kinechain").rglob("*.py"), *(ROOT / "workflow" / "scripts").glob("*.py")]
    missed = {path.name: imported(path) - set(sources.imported_by(path)) for path in modules}
    assert not any(missed.values()), {name: files for name, files in missed.items() if files}
    assert sum(len(imported(path)) for path in modules) > 100
