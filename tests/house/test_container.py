"""The image nobody has built: does its Dockerfile read as one, and install what the lock names and nothing else?"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "ENTRYPOINT"}


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return [tuple(line.split(maxsplit=1)) for line in lines]  # type: ignore[misc]  # two words a line


def test_every_line_is_an_instruction_and_the_first_says_from_what() -> None:
    found = instructions()
    assert {word for word, _ in found} <= KNOWN
    assert [word for word, _ in found].count("FROM") == 1 and found[0][0] == "FROM"
    assert found[-1] == ("ENTRYPOINT", '["snakemake"]')


def test_the_base_is_one_version_that_the_lock_was_made_for() -> None:
    image = instructions()[0][1]
    match = re.fullmatch(r"python:3\.(\d+)\.\d+-slim-\w+", image)
    assert match, f"{image} is not one version"
    assert int(match[1]) >= 11
    assert "--python-version 3.11" in (ROOT / "Makefile").read_text("utf-8")


def test_packages_come_from_the_lock_by_hash_only() -> None:
    installs = [
        part for word, text in instructions() if word == "RUN" for part in text.split("&&") if "install" in part
    ]
    assert len(installs) == 2
    for part in installs:
        assert "--no-deps" in part
        assert "--require-hashes -r requirements.lock" in part or "--no-build-isolation -e ." in part


def test_what_is_copied_is_there() -> None:
    for word, text in instructions():
        if word == "COPY":
            *sources, _ = text.split()
            assert all((ROOT / source).exists() for source in sources)


def test_whoever_runs_it_has_a_name_and_a_home() -> None:
    """A user given by number has neither in the image, and snakemake does not start without."""
    given = dict(pair.split("=", 1) for word, text in instructions() if word == "ENV" for pair in text.split())
    assert given["USER"] and given["HOME"] == "/tmp"


def test_what_git_ignores_stays_out_of_the_image() -> None:
    """Neither what a run made nor what tools leave behind is copied."""

    def patterns(name: str) -> set[str]:
        lines = (ROOT / name).read_text("utf-8").split()
        return {line.removeprefix("**/").rstrip("/") for line in lines if not line.startswith("!")}

    kept = patterns(".dockerignore") | {"reports/*"}
    assert {".git", "reports"} <= kept
    assert patterns(".gitignore") <= kept


@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not installed")
def test_the_linter_finds_nothing() -> None:
    done = subprocess.run(["hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_locks_pin_every_package_with_its_hash() -> None:
    for name in ("requirements.lock", "requirements-cluster.lock"):
        text = re.sub(r"\\\n", " ", (ROOT / name).read_text("utf-8"))
        packages = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
        assert packages
        for line in packages:
            assert re.match(r"[A-Za-z0-9._-]+==[^\s]+", line) and "--hash=sha256:" in line, line[:80]


def test_the_python_here_is_one_the_lock_serves() -> None:
    assert sys.version_info >= (3, 11)
