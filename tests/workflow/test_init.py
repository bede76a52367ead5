"""A new study: made anywhere, checked and planned at once, and never over something that is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def kinechain(*words: str, cwd: Path, package: Path = ROOT / "workflow") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "kinechain.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study in a folder with a space and letters beyond ASCII."""
    folder = tmp_path_factory.mktemp("init") / "my study é 痛み"
    made = kinechain("init", str(folder), cwd=folder.parent)
    assert made.returncode == 0, made.stderr
    assert made.stdout == f"A study is in {folder}. Next: cd there, `kinechain check`, then `snakemake`.\n"
    return folder


def test_a_new_study_passes_its_own_check(study: Path) -> None:
    checked = kinechain("check", cwd=study)
    assert (checked.returncode, checked.stderr) == (0, "")
    first, *doubts = checked.stdout.splitlines()
    assert first.startswith("Nothing wrong: ")
    assert all(line.startswith("To look at: data/demo/") for line in doubts)


def test_a_new_study_can_be_planned(study: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "-n", "--quiet"]
    planned = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=study, check=False)
    assert planned.returncode == 0, planned.stderr
    assert not (study / "reports").exists()


def test_a_folder_that_holds_something_is_left_alone(study: Path) -> None:
    before = sorted(path.relative_to(study) for path in study.rglob("*") if ".snakemake" not in path.parts)
    again = kinechain("init", str(study), cwd=study.parent)
    assert again.returncode == 2
    assert again.stderr == f"{study}: the folder is not empty. Name a new folder: `kinechain init DIR`.\n"
    assert before == sorted(path.relative_to(study) for path in study.rglob("*") if ".snakemake" not in path.parts)


def test_a_study_can_be_made_from_an_installation_that_cannot_be_written(tmp_path: Path) -> None:
    """What init copies from read-only files can be edited."""
    installation = tmp_path / "installed"
    for part in ("workflow", "config", "data/demo", "data/published", "profiles"):
        shutil.copytree(ROOT / part, installation / part, ignore=shutil.ignore_patterns("__pycache__"))
    for path in sorted(installation.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        made = kinechain("init", str(tmp_path / "study"), cwd=tmp_path, package=installation / "workflow")
        assert made.returncode == 0, made.stderr
        assert all(path.stat().st_mode & 0o200 for path in (tmp_path / "study").rglob("*"))
    finally:
        for path in installation.rglob("*"):
            path.chmod(0o755)
