"""A few of the thousand edits of `make bench-edits`: each explained or harmless, none a traceback."""

from pathlib import Path

from benchmarks.edits import make_bench, run_edits


def test_single_edits_are_explained_or_harmless(tmp_path: Path) -> None:
    tally = run_edits(make_bench(tmp_path / "study"), 16, seed=20260101)
    assert tally.failures == []
    assert tally.outcomes["explained"] >= 4
    assert tally.outcomes.total() == 16
