"""Normal scores keep the order of people and nothing else of a scale."""

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from kinechain.numerics.ranks import normal_scores


def test_they_are_those_of_scipys_ranks():
    values = np.random.default_rng(1).integers(0, 12, 200).astype(float)
    expected = norm.ppf((rankdata(values) - 3 / 8) / (200 + 1 / 4))
    assert normal_scores(values) == pytest.approx(expected, abs=1e-12)


def test_a_scale_pulled_out_of_shape_changes_nothing():
    values = np.random.default_rng(2).standard_normal(100)
    assert (normal_scores(np.exp(values)) == normal_scores(values)).all()


def test_the_middle_of_an_odd_number_is_nought():
    assert normal_scores(np.array([30.0, 10.0, 20.0])) == pytest.approx([0.8694, -0.8694, 0.0], abs=1e-4)
