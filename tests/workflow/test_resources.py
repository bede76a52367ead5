"""What jobs ask of a queue: more where there is more to draw and where there are more people."""

import re
from pathlib import Path

import pytest

from tests.workflow.conftest import TinyStudy, make_study

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("study")]

TARGET = "reports/demo_clinic/claims.csv"
WORKERS = {"fit_model", "draw_effects", "run_checks", "judge_claims"}


def asked(study: TinyStudy) -> dict[str, tuple[int, int]]:
    """Rule -> the most megabytes and minutes that one of its planned jobs asks for."""
    found: dict[str, tuple[int, int]] = {}
    text = study.run("--dry-run", TARGET).stdout
    for rule, resources in re.findall(r"^rule (\w+):\n(?:\s+.*\n)*?\s+resources: (.*)$", text, re.M):
        words = dict(word.split("=", 1) for word in resources.split(", "))
        megabytes, minutes = found.get(rule, (0, 0))
        found[rule] = (max(megabytes, int(words["mem_mb"])), max(minutes, int(words["runtime"])))
    return found


def test_a_job_asks_by_what_it_is_predicted_to_take(tmp_path: Path) -> None:
    study = make_study(tmp_path / "a study")
    few = asked(study)
    assert {"build_cohort", *WORKERS} <= set(few)
    study.edit("config/config.yaml", "draws: 1000", "draws: 200000")
    many = asked(study)
    for rule in WORKERS:
        assert many[rule][1] > few[rule][1], f"{rule} asks for no more time"
    for rule in WORKERS - {"fit_model"}:
        assert many[rule][0] > few[rule][0], f"{rule} asks for no more memory"
    assert many["draw_effects"][1] <= 10, "jobs share the draws, about a minute each; five times that is asked"
    study.edit("config/config.yaml", "draws: 200000", "draws: 1000")
    data = study.folder / "data" / "demo" / "demo_clinic.csv"
    head, *people = data.read_text("utf-8").splitlines()
    copies = [f"{turn}{line}" for turn in range(200) for line in people]
    data.write_text("\n".join([head, *copies]) + "\n", "utf-8")
    large = asked(study)
    for rule in {"build_cohort", *WORKERS}:
        assert large[rule][0] > few[rule][0], f"{rule} asks for no more memory"
    assert large["fit_model"][0] < 2 * few["fit_model"][0]
