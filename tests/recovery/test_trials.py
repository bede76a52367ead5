"""A small run of the study of trials: contrasts and what is mediated are found, with honest intervals."""

import math
from dataclasses import replace

import pytest

from benchmarks.trials import Line, dropouts, margin, study_contrasts, study_ways, truths
from tests.tolerances import SAMPLING_ERRORS

TRIALS = 120


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    worlds = [
        replace(truth, dropout=dropouts()["at random"])
        for truth in truths()
        if truth.name in ("no effect", "mechanism")
    ]
    return [
        line
        for truth in worlds
        for study in (study_contrasts, study_ways)
        for line in study(truth, "at random", TRIALS)
    ]


@pytest.mark.slow
def test_every_trial_is_estimated(lines: list[Line]) -> None:
    assert {line.trials for line in lines} == {TRIALS}


@pytest.mark.slow
def test_estimates_centre_on_the_truth(lines: list[Line]) -> None:
    for line in lines:
        assert abs(line.bias) < SAMPLING_ERRORS * line.empirical_error / math.sqrt(line.trials), line


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_say(lines: list[Line]) -> None:
    for line in lines:
        # Thirty-six quantities at once: four binomial errors rather than three.
        assert line.coverage > 0.95 - 4 / 3 * margin(0.95, line.trials), line


@pytest.mark.slow
def test_nothing_is_found_where_nothing_is(lines: list[Line]) -> None:
    for line in lines:
        if not math.isnan(line.wrong):
            assert line.wrong < 0.05 + 4 / 3 * margin(0.05, line.trials), line
