"""Two treatments alone, together and not at all: main effects and interaction are what was drawn."""

from dataclasses import replace

import numpy as np
import pytest

from kinechain.simulate_trial import TrialTruth, draw_trial, trial_stream, trial_truth_from
from kinechain.trials.contrasts import fit_arms, impossible, possible
from kinechain.trials.factorial import FactorialRow, cross_factors
from kinechain.trials.plan import parse_plan
from kinechain.trials.simulated import trial_of
from kinechain.trials.trial import Trial
from tests.tolerances import SAMPLING_ERRORS

PLAN = parse_plan(
    {
        "control": "ctl",
        "visits": {"baseline": "bl", "after": "post", "later": "fu"},
        "outcomes": ["y"],
        "contrasts": {"both_s": {"arms": ["both"], "against": ["s"]}, "r_ctl": {"arms": ["r"], "against": ["ctl"]}},
        "factorial": {"none": "ctl", "first": "r", "second": "s", "both": "both"},
    }
)
SHIFT = {"r": -4.0, "s": -3.0, "both": -9.0}


def world() -> TrialTruth:
    after = {"y": {"sources": {"y@bl": 0.6}, "noise": 4.0, "shift": SHIFT}}
    later = {"y": {"sources": {"y@bl": 0.6}, "noise": 4.0, "shift": {"r": -4.0, "both": -4.0}}}
    return trial_truth_from(
        {
            "name": "two treatments",
            "title": "each adds something, together more",
            "seed": 20260108,
            "arms": {"ctl": 400, "r": 400, "s": 400, "both": 400},
            "visits": {"bl": 0, "post": 84, "fu": 210},
            "variables": {"y": {"mean": 20, "sd": 7}},
            "baseline": {},
            "later": {"post": after, "fu": later},
        }
    )


@pytest.fixture(scope="module")
def trial() -> Trial:
    truth = world()
    return trial_of(truth, draw_trial(truth, trial_stream(truth, 1)))


@pytest.fixture(scope="module")
def rows(trial: Trial) -> dict[tuple[str, str], FactorialRow]:
    models = {"y": fit_arms(trial, trial.values["y"], name="y")}
    return {(row.effect, row.when): row for row in cross_factors(trial, PLAN, models)}


@pytest.mark.parametrize(
    ("effect", "when", "value"),
    [
        ("first", "post", (-4.0 + -6.0) / 2),
        ("second", "post", (-3.0 + -5.0) / 2),
        ("interaction", "post", -9.0 + 4.0 + 3.0),
        ("first", "fu", -4.0),
        ("second", "fu", 0.0),
        ("interaction", "fu", 0.0),
        ("interaction", "maintenance", 2.0),
    ],
)
def test_each_effect_is_what_was_drawn(
    rows: dict[tuple[str, str], FactorialRow], effect: str, when: str, value: float
) -> None:
    result = rows[effect, when].result
    assert abs(result.estimate - value) < SAMPLING_ERRORS * result.std_error
    assert result.std_error < 0.6


def test_main_effects_and_interaction_are_the_arms_own_means(trial: Trial) -> None:
    model = fit_arms(trial, trial.values["y"], name="y")
    none, first, second, both = (
        model.mean(trial.arms.index(arm), 1) @ model.fit.beta for arm in ("ctl", "r", "s", "both")
    )
    found = {row.effect: row.result.estimate for row in cross_factors(trial, PLAN, {"y": model}) if row.when == "post"}
    assert found["first"] == pytest.approx((first - none + both - second) / 2)
    assert found["interaction"] == pytest.approx(both - first - second + none)


def without(trial: Trial, arm: str) -> Trial:
    kept = trial.arm != trial.arms.index(arm)
    arms = tuple(name for name in trial.arms if name != arm)
    return replace(
        trial,
        arms=arms,
        arm=np.array([arms.index(trial.arms[a]) for a in trial.arm[kept]]),
        values={"y": trial.values["y"][kept]},
        day=trial.day[kept],
        attended=trial.attended[kept],
        Z=trial.Z[kept],
    )


def test_without_one_of_the_four_cells_nothing_is_crossed_and_the_lack_is_named(trial: Trial) -> None:
    three = without(trial, "s")
    models = {"y": fit_arms(three, three.values["y"], name="y")}
    assert list(cross_factors(three, PLAN, models)) == []
    assert [comparison.name for comparison in possible(three, PLAN)] == ["r_ctl"]
    assert impossible(three, PLAN) == {"both_s": ["s"]}
    assert impossible(trial, PLAN) == {}
