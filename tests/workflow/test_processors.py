"""The same study as an old processor computes it: other kernels, other last bits, the same published numbers."""

from pathlib import Path

import pytest

from benchmarks.processors import OLD, compare, kernel_of
from tests.workflow.conftest import OF_ONE_RUN, TinyStudy, make_study

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("study")]


def published(study: TinyStudy) -> dict[str, Path]:
    return {name: study.folder / name for name in study.published() if Path(name).name not in OF_ONE_RUN}


def test_another_processor_publishes_the_same(
    built_study: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel_of(OLD) == kernel_of({}):
        pytest.skip("this machine's libraries offer no other kernel")
    study = make_study(tmp_path / "a study")
    for name, value in OLD.items():
        monkeypatch.setenv(name, value)
    study.run()
    counts, told = compare(published(built_study), published(study))
    apart = [line for line in told if line.endswith("differs") and Path(line.split(":")[0]).suffix in (".csv", ".json")]
    assert [line for line in apart if "manifest.json" not in line] == []
    assert counts["number", "the same bytes"] > 30
    assert sum(count for (tier, how), count in counts.items() if how == "made by one only") == 0
