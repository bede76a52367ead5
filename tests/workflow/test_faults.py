"""One of each fault of `make bench-faults`: the same bytes in the end, or a line that says what to do."""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.faults import PATIENCE, Bench, children_of, kill
from tests.workflow.conftest import TinyStudy

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("study")]

COHORT = "vertebral_normals"


@pytest.fixture
def bench(study: TinyStudy) -> Bench:
    """A built study of which one cohort's tables and the manifest of all are gone, so that a run has a little to do."""
    shutil.rmtree(study.folder / "reports" / COHORT / "tables")
    (study.folder / "reports" / "manifest.json").unlink()
    return Bench(study.folder)


@pytest.fixture
def alone(built_study: TinyStudy) -> dict[str, str]:
    """What an undisturbed run publishes."""
    return Bench(built_study.folder).published()


def wait_until(is_so: Callable[[], bool], run: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so() and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def locks(folder: Path) -> list[Path]:
    room = folder / ".snakemake" / "locks"
    return list(room.iterdir()) if room.exists() else []


def test_a_run_whose_power_failed_in_the_middle_ends_the_same(bench: Bench, alone: dict[str, str]) -> None:
    run = bench.start()
    wait_until(lambda: bool(locks(bench.folder) and children_of(run.pid)), run)
    kill([run.pid, *children_of(run.pid)])
    run.wait(timeout=PATIENCE)
    assert bench.published() != alone
    code, _ = bench.mend()
    assert code == 0, bench.words[-2000:]
    assert bench.published() == alone


def test_a_second_run_in_the_folder_is_told_and_the_first_ends_the_same(bench: Bench, alone: dict[str, str]) -> None:
    first = bench.start()
    wait_until(lambda: bool(locks(bench.folder)), first)
    assert locks(bench.folder)
    bench.told.rename(bench.told.with_suffix(".first"))
    assert bench.run() != 0
    told = bench.words
    assert "locked" in told and "--unlock" in told and "Traceback" not in told
    assert first.wait(timeout=PATIENCE) == 0
    assert bench.published() == alone


@pytest.mark.slow
def test_a_damaged_intermediate_is_named_and_made_anew(bench: Bench, alone: dict[str, str]) -> None:
    path = bench.folder / "data" / "derived" / COHORT / "cohort.parquet"
    path.write_bytes(path.read_bytes()[:100])
    assert bench.run() != 0
    told = bench.words
    line = f"data/derived/{COHORT}/cohort.parquet: this file is damaged and cannot be read"
    assert line in told and "Delete it and run `snakemake` again" in told
    path.unlink()
    assert bench.mend()[0] == 0
    assert bench.published() == alone


@pytest.mark.slow
@pytest.mark.parametrize(("part", "days"), [("data/derived", 1), ("reports", -3650)])
def test_clocks_that_are_wrong_change_nothing(bench: Bench, alone: dict[str, str], part: str, days: int) -> None:
    moment = time.time() + days * 86_400
    for path in (bench.folder / part).rglob("*"):
        os.utime(path, (moment, moment))
    assert bench.mend()[0] == 0
    assert bench.published() == alone


@pytest.mark.slow
def test_a_disk_that_takes_no_more_ends_the_run_and_not_the_study(bench: Bench, alone: dict[str, str]) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limit[1]))
    try:
        assert bench.run() != 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "the disk is full: this was not written. Make room and run it again" in bench.words
    assert "Traceback" not in bench.words
    assert bench.mend()[0] == 0
    assert bench.published() == alone
