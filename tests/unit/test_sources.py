"""Is the digest of a step's code a digest of that code alone?"""

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
