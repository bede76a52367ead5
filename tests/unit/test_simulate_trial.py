"""The worlds trials are drawn from: their population, who leaves, and the committed files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kinechain.errors import UserError
from kinechain.io import read_table
from kinechain.simulate_trial import (
    Dropout,
    TrialTruth,
    draw_trial,
    draw_trial_frame,
    population_means,
    trial_stream,
    trial_truth_from,
)
from kinechain.truths import read_trial_truth
from tests.tolerances import SAMPLING_ERRORS

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"


def demo(name: str = "demo_trial", n: int = 0) -> TrialTruth:
    truth = read_trial_truth(DEMO / f"{name}.yaml")
    return replace(truth, arms=dict.fromkeys(truth.arms, n)) if n else truth


@pytest.mark.parametrize("name", ["demo_trial", "demo_trial_exercise"])
def test_means_of_a_large_draw_are_the_population_means(name: str) -> None:
    truth = demo(name, 20_000)
    draw = draw_trial(truth, trial_stream(truth, 1))
    for variable, means in population_means(truth).items():
        for a in range(len(truth.arms)):
            values = draw.values[variable][draw.arm == a]
            error = values.std(axis=0) / np.sqrt(len(values))
            assert (np.abs(values.mean(axis=0) - means[a]) < SAMPLING_ERRORS * error).all()


def test_spread_at_the_first_visit_is_as_declared() -> None:
    truth = demo(n=20_000)
    draw = draw_trial(truth, trial_stream(truth, 1))
    for variable in truth.variables:
        if variable.shape == "normal":
            assert draw.values[variable.name][:, 0].std() == pytest.approx(variable.sd, rel=0.02)


@pytest.mark.parametrize("mechanism", ["completely_at_random", "at_random", "not_at_random"])
def test_who_leaves_depends_on_what_is_declared(mechanism: str) -> None:
    truth = demo(n=5_000)
    dropout = Dropout({"post": {"all": 0.1}, "fu": {"all": 0.2}}, mechanism, "neck_pain", 1.0)
    draw = draw_trial(replace(truth, dropout=dropout), trial_stream(truth, 1))
    pain = draw.values["neck_pain"]
    came = draw.seen[:, 1]
    left = came & ~draw.seen[:, 2]
    stayed = came & draw.seen[:, 2]
    before = pain[left, 1].mean() - pain[stayed, 1].mean()
    noise = 6 * pain[:, 1].std() / np.sqrt(left.sum())
    if mechanism == "completely_at_random":
        assert abs(before) < noise
    else:
        assert before > noise
    if mechanism == "at_random":
        groups = np.digitize(pain[:, 1], np.quantile(pain[:, 1], np.linspace(0.1, 0.9, 9)))
        gaps = [pain[left & (groups == g), 2].mean() - pain[stayed & (groups == g), 2].mean() for g in range(10)]
        assert abs(np.mean(gaps)) < 0.5, "given the visit before, leaving says nothing of the visit missed"


def test_people_who_left_do_not_come_back_unless_they_skipped() -> None:
    truth = demo(n=2_000)
    draw = draw_trial(replace(truth, dropout=replace(truth.dropout, skipped=0.0)), trial_stream(truth, 1))
    assert not (~draw.seen[:, 1] & draw.seen[:, 2]).any()
    skipping = draw_trial(truth, trial_stream(truth, 1))
    assert (~skipping.seen[:, 1] & skipping.seen[:, 2]).any()


def test_visit_days_rise_in_everybody() -> None:
    truth = replace(demo(n=2_000), day_sd=60.0)
    draw = draw_trial(truth, trial_stream(truth, 1))
    assert (np.diff(draw.day, axis=1) > 0).all()


@pytest.mark.parametrize(("name", "wide"), [("demo_trial", False), ("demo_trial_exercise", True)])
def test_the_committed_file_is_the_first_draw(name: str, wide: bool) -> None:
    truth = demo(name)
    drawn = draw_trial_frame(truth, trial_stream(truth, 0), wide=wide)
    committed = read_table(DEMO / f"{name}.csv").astype(object)
    assert list(drawn.columns) == list(committed.columns)
    assert (committed["synthetic"] == "synthetic").all()
    assert len(drawn) == len(committed)
    for column in drawn.columns:
        one, two = drawn[column].to_numpy(), committed[column].to_numpy()
        same = [(a == "" and b != b) or str(a) == str(b) or float(a) == float(b) for a, b in zip(one, two, strict=True)]
        assert all(same), column


def test_mistakes_in_a_world_are_told_at_once() -> None:
    with pytest.raises(UserError) as raised:
        trial_truth_from(
            {
                "name": "world",
                "title": "t",
                "arms": {"a": 5},
                "visits": {"bl": 0, "post": 10},
                "variables": {"x": {"mean": 0, "sd": 1}, "y": {"mean": 0, "sd": 1}},
                "later": {"post": {"x": {"sources": {"z@bl": 1.0}, "shift": {"b": 1.0}}}},
            }
        )
    assert [str(problem) for problem in raised.value.problems] == [
        "world: `y` has no equation at post. Write one under `later: post`.",
        "world: x@post: its source `z@bl` is not known before it. Did you mean `y@bl`?",
        "world: x@post: `b` is not an arm. Choose one of `a`.",
    ]
