"""The image nobody has built: does its Dockerfile read as one, and install what the lock names and nothing else?"""

import re
import sys
from pathlib import Path

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
    assert len(installs) == 3
    for part in installs:
        assert "--no-deps" in part
        assert "--require-hashes -r requirements" in part or "-r requirements-cluster.lock" in part or "-e ." in part


def test_what_is_copied_is_there() -> None:
    for word, text in instructions():
        if word == "COPY":
            *sources, _ = text.split()
            assert all((ROOT / source).exists() for source in sources)


def test_the_locks_pin_every_package_with_its_hash() -> None:
    for name in ("requirements.lock", "requirements-cluster.lock"):
        text = re.sub(r"\\\n", " ", (ROOT / name).read_text("utf-8"))
        packages = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
        assert packages
        for line in packages:
            assert re.match(r"[A-Za-z0-9._-]+==[^\s]+", line) and "--hash=sha256:" in line, line[:80]


def test_the_python_here_is_one_the_lock_serves() -> None:
    assert sys.version_info >= (3, 11)
