"""Limits, p-values and Monte Carlo errors from draws."""

import numpy as np
import pytest
from scipy import stats

from kinechain.numerics.intervals import acceleration, limits, quantiles
from kinechain.numerics.ordered import order_draws

rng = np.random.default_rng(20)
SKEWED = rng.chisquare(4, (3, 1999)) - 4.0


def test_percentile_limits_are_order_statistics_at_b_plus_one_p():
    draws = rng.permutation(np.arange(1.0, 1000.0))[None]  # 999 draws: position 1000 p is the value itself
    found = limits("percentile", draws)
    assert found.low[0] == pytest.approx([25.0, 50.0], abs=1e-9)
    assert found.high[0] == pytest.approx([975.0, 950.0], abs=1e-9)
    assert found.std_error[0] == pytest.approx(draws.std(ddof=1))


def test_ranks_invert_quantiles():
    everything = order_draws(SKEWED, SKEWED.shape[1])
    for probability in (0.01, 0.2, 0.77):
        value = quantiles(everything, np.full((3, 1), probability))[:, 0]
        for row in range(3):
            rank = order_draws(SKEWED[[row]], SKEWED.shape[1], float(value[row])).rank[0]
            assert rank == pytest.approx(2000 * probability, abs=1e-6)


def awkward_draws() -> np.ndarray:
    """Rows that ordering by tails could get wrong: ties, gaps, steps, one-sided, all alike, twins, none."""
    noise = np.random.default_rng(3).standard_normal((9, 10_000))
    noise[1] = np.round(noise[1])
    noise[2, ::7] = np.nan
    noise[3] = np.repeat([-1.0, 2.0], 5_000)
    noise[4] = np.abs(noise[4])
    noise[5] = 3.0
    noise[6] = noise[0]
    noise[7] = np.nan
    noise[8] = np.sort(noise[8])
    return noise


@pytest.mark.parametrize("null", [0.0, 0.4, -1.0, 2.0, 3.0, 50.0, -50.0])
def test_tails_alone_give_what_sorting_everything_gives(null):
    draws = awkward_draws()
    tails, everything = order_draws(draws, 700, null), order_draws(draws, 10_000, null)
    assert tails.depth == 700 and everything.depth == 10_000
    assert np.array_equal(tails.used, [10_000, 10_000, 8_571, 10_000, 10_000, 10_000, 10_000, 0, 10_000])
    assert np.allclose(tails.rank, everything.rank, rtol=0, atol=1e-9, equal_nan=True)
    assert np.array_equal(tails.deviation, everything.deviation, equal_nan=True)
    for ranks in (np.arange(1, 701), np.arange(8571 - 699, 8572)):
        of_all = np.broadcast_to(ranks, (9, 700))
        of_all = np.where(of_all > 700, of_all + (tails.used - 8571)[:, None], of_all)
        assert np.array_equal(tails.at(of_all), everything.at(of_all), equal_nan=True)
    deviation = np.array([row[np.isfinite(row)].std(ddof=1) for row in draws if np.isfinite(row).any()])
    assert np.delete(tails.deviation, 7) == pytest.approx(deviation, rel=1e-12, abs=1e-12)


def test_limits_from_tails_are_those_from_everything():
    """A level that reaches to the middle has everything sorted; the other levels must not notice."""
    draws = awkward_draws()
    tails = limits("percentile", draws, (0.95, 0.90))
    everything = limits("percentile", draws, (0.95, 0.90, 0.3))
    for key in ("low", "high", "mc_error_low", "mc_error_high"):
        assert np.array_equal(getattr(tails, key), getattr(everything, key)[:, :2], equal_nan=True), key
    assert np.allclose(tails.p_value, everything.p_value, rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("kind", ["percentile", "bc", "bca", "monte_carlo"])
def test_p_value_and_interval_never_disagree(kind):
    """At every level, the interval leaves zero out exactly when p is below 1 - level."""
    for shift in np.linspace(-6, 6, 25):
        draws = SKEWED + shift
        estimate = np.median(draws, axis=1) + 0.3
        found = limits(
            kind,
            draws,
            levels=(0.99, 0.95, 0.9, 0.5, 0.2),
            estimate=estimate,
            acceleration=np.array([0.05, -0.04, 0.0]),
            errors=0,
        )
        outside = (found.low > 0) | (found.high < 0)
        expected = found.p_value[:, None] < 1 - np.array(found.levels)
        near = np.abs(found.p_value[:, None] - (1 - np.array(found.levels))) < 1e-9
        assert (outside == expected)[~near].all()


@pytest.mark.parametrize("kind", ["percentile", "bca"])
def test_p_value_is_the_level_whose_limit_touches_zero(kind):
    draws = SKEWED + 3.0
    options = {"estimate": np.median(draws, axis=1) - 0.4, "acceleration": np.full(3, 0.06), "errors": 0}
    p_value = limits(kind, draws, **options).p_value
    for row, p in enumerate(p_value):
        at_p = limits(kind, draws[[row]], (1 - p,), **{k: v[[row]] if k != "errors" else v for k, v in options.items()})
        assert min(abs(at_p.low[0, 0]), abs(at_p.high[0, 0])) < 1e-9


def test_no_p_value_is_smaller_than_the_draws_can_show():
    found = limits("percentile", np.abs(rng.normal(size=(1, 999))) + 1)
    assert found.p_value[0] == pytest.approx(2 / 1000)


def test_bca_follows_efrons_formula():
    draws, estimate, a = SKEWED[:1], np.array([0.1]), 0.07
    found = limits("bca", draws, (0.95,), estimate=estimate, acceleration=np.array([a]))
    z0 = stats.norm.ppf((draws < estimate).mean())
    for z, limit in ((stats.norm.ppf(0.025), found.low), (stats.norm.ppf(0.975), found.high)):
        p = stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))
        assert limit[0, 0] == pytest.approx(np.quantile(draws[0], p, method="weibull"))


def test_bc_of_symmetric_draws_about_the_estimate_is_percentile():
    half = np.abs(rng.normal(size=500))
    draws = np.concatenate([half, -half])[None]
    bc = limits("bc", draws, estimate=np.array([0.0]))
    percentile = limits("percentile", draws)
    assert np.allclose(bc.low, percentile.low) and np.allclose(bc.high, percentile.high)


def test_bca_without_a_bootstrap_distribution_round_the_estimate_is_no_interval():
    found = limits("bc", SKEWED, estimate=np.array([100.0, 0.0, 0.0]))
    assert np.isnan(found.low[0]).all() and np.isnan(found.mc_error_high[0]).all() and np.isnan(found.p_value[0])
    assert np.isfinite(found.low[1:]).all()


@pytest.mark.parametrize("kind", ["percentile", "bc", "bca"])
def test_monte_carlo_error_is_what_repeating_the_draws_shows(kind):
    """1,000 repetitions of 4,000 draws: the limits' own spread against the error each repetition states."""
    draws = rng.gamma(3.0, size=(1000, 4000))
    found = limits(kind, draws, estimate=np.full(1000, 2.9), acceleration=np.full(1000, 0.05))
    for limit, error in ((found.low, found.mc_error_low), (found.high, found.mc_error_high)):
        spread = limit.std(axis=0, ddof=1)
        stated = np.sqrt((error**2).mean(axis=0))
        # the spread of 1,000 repetitions is known to 2.2 %; far in a skewed tail the stated error is a little high
        assert np.abs(stated / spread - 1).max() < 0.10


def test_failed_draws_take_no_part():
    draws = SKEWED.copy()
    draws[:, ::10] = np.nan
    found = limits("percentile", draws)
    clean = limits("percentile", np.delete(SKEWED, np.s_[::10], axis=1))
    assert (found.used == 1999 - 200).all()
    assert np.array_equal(found.low, clean.low) and np.array_equal(found.mc_error_high, clean.mc_error_high)
    assert np.array_equal(found.p_value, clean.p_value)


def test_no_draws_no_interval():
    found = limits("percentile", np.full((2, 50), np.nan))
    assert np.isnan(found.low).all() and np.isnan(found.p_value).all() and (found.used == 0).all()


def test_acceleration_of_a_mean_is_a_sixth_of_its_skewness():
    """Efron (1987), section 5: for the mean, a = skewness / (6 sqrt n)."""
    x = rng.exponential(size=80)
    left_out = (x.sum() - x) / (x.size - 1)
    found = acceleration(left_out[None])
    assert found[0] == pytest.approx(stats.skew(x) / (6 * np.sqrt(x.size)), rel=1e-10)
    assert acceleration(np.ones((1, 80)))[0] == 0.0


def test_strata_enter_the_acceleration_each_with_its_own_mean():
    x = rng.exponential(size=60)
    stratum = np.repeat([0, 1], 30)
    left_out = np.array([(x[:30].sum() - v) / 29 + x[30:].mean() for v in x[:30]])
    left_out = np.concatenate([left_out, [x[:30].mean() + (x[30:].sum() - v) / 29 for v in x[30:]]])
    cubes = sum(((x[s] - x[s].mean()) ** 3).sum() for s in (slice(0, 30), slice(30, 60)))
    squares = sum(((x[s] - x[s].mean()) ** 2).sum() for s in (slice(0, 30), slice(30, 60)))
    assert acceleration(left_out[None], stratum)[0] == pytest.approx(cubes / (6 * squares**1.5), rel=1e-10)
