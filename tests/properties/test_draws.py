"""What must hold for draws and limits of any data."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kinechain.numerics.batched_moments import features, moments_of_sums, survey, weighted_sums
from kinechain.numerics.batched_recursive import Equations, regress, total_effects
from kinechain.numerics.intervals import limits
from kinechain.numerics.weights import multinomial_weights

seeds = st.integers(0, 2**32 - 1)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


@given(seed=seeds, n=st.integers(1, 700), draws=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_every_draw_is_n_people_for_any_n(seed, n, draws):
    weights = multinomial_weights(generator(seed), n, draws)
    assert (weights.sum(axis=1) == n).all() and weights.min() >= 0


@given(seed=seeds, n=st.integers(20, 80), p=st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_moments_of_a_draw_are_those_of_the_people_drawn(seed, n, p):
    rng = generator(seed)
    X = rng.normal(size=(n, p)) * 10.0 ** rng.integers(-3, 4, p) + rng.normal(size=p)
    weights = multinomial_weights(rng, n, 3)
    scale = survey(X).scale
    found = moments_of_sums(weighted_sums(features(X, scale), weights), p)
    for draw in range(3):
        rows = X[np.repeat(np.arange(n), weights[draw].astype(int))]
        expected = np.cov(rows.T, bias=True) / np.outer(scale.spread, scale.spread)
        assert np.allclose(found.covariance[:, :, draw], expected, atol=1e-10)


@given(seed=seeds, n=st.integers(30, 90), p=st.integers(3, 6))
@settings(max_examples=40, deadline=None)
def test_total_is_direct_plus_indirect_and_equals_the_shorter_regression(seed, n, p):
    """With every forward arrow, the total effect of x1 is its coefficient once the variables between are left out."""
    rng = generator(seed)
    X = rng.normal(size=(n, p)) @ rng.normal(size=(p, p))
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    covariance = (Z.T @ Z / n)[:, :, None]
    every = Equations(p, tuple(range(1, p)), tuple(tuple(range(y)) for y in range(1, p)))
    found = regress(covariance, every)
    total = total_effects(found.paths, every, (0,))[-1, 0, 0]
    assert np.isclose(total, covariance[0, p - 1, 0] / covariance[0, 0, 0], atol=1e-8)


@given(
    seed=seeds,
    shift=st.floats(-4, 4),
    kind=st.sampled_from(["percentile", "bc", "bca"]),
    level=st.floats(0.5, 0.98),
    a=st.floats(-0.15, 0.15),
)
@settings(max_examples=120, deadline=None)
def test_interval_and_p_value_never_disagree(seed, shift, kind, level, a):
    draws = generator(seed).gamma(2.0, size=(1, 499)) - 2 + shift
    found = limits(kind, draws, (level,), estimate=np.array([shift]), acceleration=np.array([a]), errors=0)
    if abs(found.p_value[0] - (1 - level)) > 1e-9 and np.isfinite(found.low[0, 0]):
        outside = found.low[0, 0] > 0 or found.high[0, 0] < 0
        assert outside == (found.p_value[0] < 1 - level)
