"""The coverage study in small: same worlds, same code, fewer cohorts, wider bands."""

from math import sqrt

import numpy as np
import pytest

from benchmarks.coverage import EDGES, MAIN, check, is_flat, open_world, study, true_values
from kinechain.numerics.moments import Moments
from tests.tolerances import CLOSED_FORM, RECOVERY_ERRORS

COHORTS, DRAWS, PEOPLE = 60, 400, 50_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["demo_clinic", "demo_null"])
def test_intervals_cover_and_verdicts_err_rarely(name: str) -> None:
    table = study(open_world(name, (MAIN,)), COHORTS, DRAWS, PEOPLE)
    edges = table[table["effect"].isin(EDGES)]
    assert len(edges) == len(EDGES)
    # Edges come from different equations, so their misses are nearly independent.
    error = sqrt(0.95 * 0.05 / (COHORTS * len(EDGES)))
    assert edges["coverage"].mean() == pytest.approx(0.95, abs=RECOVERY_ERRORS * error)
    assert edges["coverage_standardised"].mean() == pytest.approx(0.95, abs=RECOVERY_ERRORS * error)
    if name == "demo_clinic":
        assert (edges["true_standardised"] > 0.25).all()
        assert (edges[["contradicted_null", "contradicted_opposite"]] == 0).all(axis=None)
        assert (edges["supported"] > 0.95).all()
    else:
        assert (edges["true_standardised"].abs() < 0.02).all()
        assert edges["supported"].mean() < 0.025 + RECOVERY_ERRORS * sqrt(0.025 * 0.975 / (COHORTS * len(EDGES)))
    assert set(check(table)) > {f"{name}: mean coverage of 95 % intervals, standardised"}


def test_products_of_zeros_are_told_from_other_effects() -> None:
    world = open_world("demo_null", (MAIN,))
    names = world.models[0].table.observed
    independent = Moments(names, np.zeros(len(names)), np.eye(len(names)), 1000)
    plan, raw, standardised = true_values(world.models[0], independent)
    assert np.abs(raw).max() < 1 + CLOSED_FORM
    flat = dict(zip(plan.names, is_flat(plan, standardised, 420), strict=True))
    assert flat["ind_chain"]
    assert flat["indirect:ham_tight->pelvis_post->lumbar_flat"]
    assert not flat["neck_pain~head_fwd"]
    assert not flat["total:ham_tight->neck_pain"]
