"""A small sample of the spoilt files; the whole of them is `make bench-files`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_spoilt_files_end_in_a_cohort_or_one_clear_line() -> None:
    command = [sys.executable, "-m", "benchmarks.corpus", "48", "--seed", "20260101"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "48 files" in run.stdout
