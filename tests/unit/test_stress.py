"""Arithmetic of the checks, against published numbers, closed forms and other programs."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from kinechain.checks.independence import partial_correlation
from kinechain.checks.natural import proportion_mediated
from kinechain.checks.shape import restricted_cubic
from kinechain.effects import estimate_effects
from kinechain.estimators import fit_model
from kinechain.numerics.conditional import JohnsonNeyman, conditional_effect, johnson_neyman, within
from kinechain.numerics.imputation import em_moments, impute, pool
from kinechain.numerics.moments import Moments, moments_from_data
from kinechain.numerics.natural import natural_effects_binary, natural_effects_linear, natural_effects_ordered
from kinechain.numerics.regression import fit_rows, regress, slopes_without_each
from kinechain.numerics.sensitivity import (
    benchmark_confounder,
    e_value,
    e_value_of_interval,
    partial_r_limits,
    robustness_value,
    slope_given_rho,
)
from kinechain.resampling import draw_effects, join_intervals
from kinechain.spec import spec_from_text
from kinechain.study_preflight import movement_between_seeds
from tests.tolerances import CLOSED_FORM

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    rng = np.random.default_rng(11)
    x = rng.standard_normal(200)
    c = 0.5 * x + rng.standard_normal(200)
    y = 0.4 * x + 0.3 * c + rng.standard_normal(200)
    return np.column_stack([y, x, c])


def test_least_squares_from_moments_agrees_with_statsmodels(people):
    ours = regress(moments_from_data(("y", "x", "c"), people), "y", ("x", "c"))
    theirs = sm.OLS(people[:, 0], sm.add_constant(people[:, 1:])).fit()
    assert ours.slopes == pytest.approx(theirs.params[1:], abs=CLOSED_FORM)
    assert ours.std_errors == pytest.approx(theirs.bse[1:], abs=CLOSED_FORM)
    assert ours.r2 == pytest.approx(theirs.rsquared, abs=CLOSED_FORM)
    assert ours.dof == theirs.df_resid


def test_partial_correlation_agrees_with_pingouin(people):
    import pingouin

    frame = pd.DataFrame(people, columns=["y", "x", "c"])
    theirs = pingouin.partial_corr(frame, "x", "y", "c")["r"].iloc[0]
    S = moments_from_data(("y", "x", "c"), people).covariance
    assert partial_correlation(S) == pytest.approx(theirs, abs=CLOSED_FORM)
    assert regress(moments_from_data(("y", "x", "c"), people), "y", ("x", "c")).partial_r("x") == pytest.approx(theirs)


def test_leaving_one_out_agrees_with_fitting_again(people):
    ours = slopes_without_each(people[:, 0], people[:, 1:])
    for place in (0, 57, 199):
        kept = np.delete(people, place, axis=0)
        theirs = sm.OLS(kept[:, 0], sm.add_constant(kept[:, 1:])).fit().params[1:]
        assert ours[place] == pytest.approx(theirs, abs=CLOSED_FORM)


def test_robust_errors_agree_with_statsmodels(people):
    X = sm.add_constant(people[:, 1:])
    beta, V = fit_rows(people[:, 0], X, robust=True)
    theirs = sm.OLS(people[:, 0], X).fit(cov_type="HC3")
    assert beta == pytest.approx(theirs.params, abs=CLOSED_FORM)
    assert np.sqrt(np.diag(V)) == pytest.approx(theirs.bse, abs=CLOSED_FORM)


def test_robustness_values_agree_with_the_published_example():
    # Darfur, Cinelli & Hazlett (2020): t = 4.18445 on 783 df; robustness values 13.9 % and 7.6 %.
    assert robustness_value(4.18445, 783) == pytest.approx(0.13878, abs=5e-6)
    assert robustness_value(4.18445, 783, alpha=0.05) == pytest.approx(0.07626, abs=5e-6)


def test_an_effect_that_is_not_significant_has_no_robustness_left():
    assert robustness_value(1.0, 100, alpha=0.05) == 0.0


def test_a_confounder_as_strong_as_the_robustness_value_takes_the_estimate_away():
    estimate, error, dof = 0.3, 0.05, 400
    r2 = robustness_value(estimate / error, dof)
    bias = error * math.sqrt(dof) * math.sqrt(r2 * r2 / (1 - r2))
    assert bias == pytest.approx(estimate, abs=CLOSED_FORM)


def test_the_bias_of_a_left_out_confounder_is_exact():
    """Leave out a real confounder and give its real partial R²s: the long regression comes back."""
    rng = np.random.default_rng(3)
    z, c = rng.standard_normal((2, 500))
    x = 0.6 * z + 0.4 * c + rng.standard_normal(500)
    y = 0.5 * x + 0.7 * z + 0.2 * c + rng.standard_normal(500)
    moments = moments_from_data(("y", "x", "c", "z"), np.column_stack([y, x, c, z]))
    short, long = regress(moments, "y", ("x", "c")), regress(moments, "y", ("x", "c", "z"))
    r2_x = regress(moments, "x", ("c", "z")).partial_r2("z")
    r2_y = long.partial_r2("z")
    bias = short.std_error("x") * math.sqrt(short.dof) * math.sqrt(r2_y * r2_x / (1 - r2_x))
    assert short.slope("x") - bias == pytest.approx(long.slope("x"), abs=CLOSED_FORM)


def test_a_benchmark_as_strong_as_an_independent_covariate_brings_the_long_regression_back():
    """With x explained by two covariates of one strength, leaving one out and benchmarking by the other restores it."""
    S = np.array([[0.0] * 4 for _ in range(4)])
    # covariates z, c: uncorrelated, unit variance, same role; x = a z + a c + e; y = b x + g z + g c + u
    a, b, g = 0.4, 0.5, 0.3
    var_x = 2 * a**2 + 1
    cov_xz = a
    cov_yz = b * a + g
    cov_yx = b * var_x + 2 * g * a
    var_y = b**2 * var_x + 2 * g**2 + 4 * b * g * a + 1
    S = np.array(
        [
            [var_y, cov_yx, cov_yz, cov_yz],
            [cov_yx, var_x, cov_xz, cov_xz],
            [cov_yz, cov_xz, 1, 0],
            [cov_yz, cov_xz, 0, 1],
        ]
    )
    moments = Moments(("y", "x", "c", "z"), np.zeros(4), S, 10_000)
    short = regress(moments, "y", ("x", "c"))
    r2_x = regress(moments, "x", ("c",)).partial_r2("c")
    hidden = benchmark_confounder(short.slope("x"), short.std_error("x"), short.dof, r2_x, short.partial_r2("c"), 1.0)
    # The bound is what a confounder "as strong as c" can do at most: never closer to the short estimate than the truth.
    assert hidden.estimate <= regress(moments, "y", ("x", "c", "z")).slope("x") + 1e-9
    assert hidden.estimate == pytest.approx(b, abs=0.06)


def test_e_values_agree_with_the_published_example():
    # VanderWeele & Ding (2017): risk ratio 3.9 (1.8 to 8.7) has E-values 7.26 and 3.0.
    assert e_value(3.9) == pytest.approx(7.26, abs=0.005)
    assert e_value_of_interval(1.8, 8.7) == pytest.approx(3.0, abs=0.005)
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value_of_interval(0.8, 1.2) == 1.0


def test_a_slope_vanishes_where_the_residuals_correlate_as_the_data_do():
    r = 0.37
    assert slope_given_rho(r, 1.0, np.array([0.0, r])) == pytest.approx([r, 0.0], abs=CLOSED_FORM)


def test_a_slope_given_rho_is_the_true_one_when_rho_is():
    """Slope .3 and residuals correlated by .25: the curve through the observed correlation meets .3 there."""
    b, rho, s = 0.3, 0.25, 0.9
    total = b**2 + 2 * b * rho * s + s**2
    r = (b + rho * s) / math.sqrt(total)
    assert slope_given_rho(r, math.sqrt(total), np.array([rho]))[0] == pytest.approx(b, abs=CLOSED_FORM)


def test_the_bound_on_rho_covers_the_truth_of_an_unmeasured_common_cause():
    """Edge zero, one hidden cause behind both ends: the bound holds the correlation it makes 95 % of times."""
    rng = np.random.default_rng(5)
    hits, runs = 0, 400
    truth = 0.5 * 0.5
    for _ in range(runs):
        u = rng.standard_normal(150)
        x, y = (0.5 * u + math.sqrt(0.75) * rng.standard_normal(150) for _ in range(2))
        fitted = regress(moments_from_data(("y", "x"), np.column_stack([y, x])), "y", ("x",))
        low, high = partial_r_limits(fitted.partial_r("x"), fitted.dof, 0.95)
        hits += low <= truth <= high
    assert hits / runs > 0.95 - 3 * math.sqrt(0.95 * 0.05 / runs)


def test_johnson_neyman_ends_are_where_the_interval_touches_zero(people):
    y, x, w = people.T
    X = np.column_stack([np.ones(len(y)), x, x * w, w])
    beta, V = fit_rows(y, X)
    dof = len(y) - 4
    region = johnson_neyman(beta[1], beta[2], V[1:3, 1:3], dof, 0.95)
    effect, error = conditional_effect(beta[1], beta[2], V[1:3, 1:3], np.array([region.low, region.high]))
    from scipy.stats import t

    assert np.abs(effect / error) == pytest.approx(t.ppf(0.975, dof), abs=1e-8)


def test_johnson_neyman_ends_are_where_statsmodels_finds_a_p_value_of_five_percent(people):
    """A slope that crosses from nothing to something as w grows, asked of another program at the ends of its region."""
    _, x, w = people.T
    y = 0.3 * x + 0.25 * x * w + np.random.default_rng(4).standard_normal(len(x))
    X = np.column_stack([np.ones(len(y)), x, x * w, w])
    beta, V = fit_rows(y, X)
    region = johnson_neyman(beta[1], beta[2], V[1:3, 1:3], len(y) - 4, 0.95)
    theirs = sm.OLS(y, X).fit()
    for end in (region.low, region.high):
        assert float(theirs.t_test([0.0, 1.0, end, 0.0]).pvalue) == pytest.approx(0.05, abs=1e-9)
    assert region.region == "outside"
    between = theirs.t_test([0.0, 1.0, (region.low + region.high) / 2, 0.0])
    assert float(between.pvalue) > 0.05


@pytest.mark.parametrize(
    ("slope", "interaction", "variances", "region"),
    [
        (0.0, 1.0, (0.01, 0.01), "outside"),  # effect = w: significant away from zero
        (1.0, 0.0, (0.01, 0.01), "inside"),  # a steady effect whose error grows with distance
        (0.1, 0.1, (0.01, 0.01), "nowhere"),
        (1.0, 0.0, (0.01, 0.0), "everywhere"),  # an effect that does not depend on the moderator at all
    ],
)
def test_johnson_neyman_says_where_an_effect_is_significant(slope, interaction, variances, region):
    assert johnson_neyman(slope, interaction, np.diag(variances), 100, 0.95).region == region


@pytest.mark.parametrize(
    ("region", "people", "told"),
    [
        ("inside", (-1, 1), "everywhere"),
        ("outside", (-1, 1), "nowhere"),
        ("inside", (3, 9), "nowhere"),
        ("outside", (3, 9), "everywhere"),
        ("inside", (-9, 1), "above"),
        ("inside", (-1, 9), "below"),
        ("outside", (-9, 1), "below"),
        ("outside", (-1, 9), "above"),
        ("inside", (-9, 9), "inside"),
    ],
)
def test_a_region_is_told_as_far_as_people_reach(region, people, told):
    """Ends at -2 and 2: what is said is what the effect does among the people there are."""
    whole = JohnsonNeyman(-2.0, 2.0, region)
    seen = within(whole, *people)
    assert seen.region == told
    reached = [end for end in (-2.0, 2.0) if people[0] <= end <= people[1]]
    assert [end for end in (seen.low, seen.high) if not np.isnan(end)] == reached


def jobs() -> tuple[Moments, pd.DataFrame]:
    """Moments of R mediation's jobs data, and the table they stand in."""
    table = pd.read_csv(GOLDEN / "mediation_jobs" / "moments.csv", index_col="name")
    names = tuple(table.index)
    return Moments(names, table["mean"].to_numpy(), table[list(names)].to_numpy(), int(table["n"].iloc[0])), table


def test_intervals_agree_with_the_jobs_example_of_r_mediation():
    """Limits of a published run of R (README of the golden), within the Monte Carlo error of its draws and ours."""
    text = "job_seek ~ a*treat + econ_hard + sex + age\ndepress2 ~ b*job_seek + c*treat + econ_hard + sex + age"
    spec = spec_from_text(f"{text}\nACME := a*b\ntotal := c + a*b", "jobs")
    moments, _ = jobs()
    drawn = draw_effects(spec, moments, seed=1, draws=10_000, cohort="jobs")
    found = join_intervals(estimate_effects(fit_model(spec, moments)), drawn, "percentile", 0.95).set_index("effect")
    moved = math.hypot(movement_between_seeds(1_000, 0.95), movement_between_seeds(10_000, 0.95))
    published = {
        "ACME": (-0.01574465, -0.0400, 0.01),
        "depress2~treat": (-0.0402647, -0.1237, 0.04),  # ADE
        "total": (-0.05600935, -0.1452, 0.03),
    }
    for effect, (estimate, low, high) in published.items():
        ours, error = found.loc[effect], 3 * moved * found.loc[effect, "std_error"]
        assert ours["estimate"] == pytest.approx(estimate, abs=5e-8), effect
        assert ours["low"] == pytest.approx(low, abs=error + 5e-5), effect
        assert ours["high"] == pytest.approx(high, abs=error + 5e-3), f"{effect}, printed to two digits"


def test_natural_effects_agree_with_the_jobs_example_of_r_mediation():
    moments, table = jobs()
    covariates = ("econ_hard", "sex", "age")
    first = regress(moments, "job_seek", ("treat", *covariates))
    second = regress(moments, "depress2", ("treat", "job_seek", *covariates))
    mediator = np.array([[0.0, *first.slopes]])
    outcome = np.array([[0.0, *second.slopes[:2], 0.0, *second.slopes[2:]]])
    at = table.loc[list(covariates), "mean"].to_numpy()
    effects = natural_effects_linear(mediator, outcome, at, reference=0.0, contrast=1.0)
    assert effects.indirect_total[0] == pytest.approx(-0.0157, abs=5e-5)  # ACME
    assert effects.direct_pure[0] == pytest.approx(-0.0403, abs=5e-5)  # ADE
    assert effects.total[0] == pytest.approx(-0.0560, abs=5e-5)


def test_natural_effects_with_interaction_agree_with_potential_outcomes():
    """Drawn people under each assignment, against the closed form."""
    m, y = np.array([[0.3, 0.5, 0.2]]), np.array([[1.0, 0.4, 0.6, 0.25, 0.1]])
    effects = natural_effects_linear(m, y, np.array([0.7]), reference=-1.0, contrast=2.0)

    def mean(x: float, x_m: float) -> float:
        level = 0.3 + 0.5 * x_m + 0.2 * 0.7
        return 1.0 + 0.4 * x + 0.6 * level + 0.25 * x * level + 0.1 * 0.7

    assert effects.direct_pure[0] == pytest.approx(mean(2, -1) - mean(-1, -1), abs=CLOSED_FORM)
    assert effects.indirect_total[0] == pytest.approx(mean(2, 2) - mean(2, -1), abs=CLOSED_FORM)
    assert effects.direct_total[0] == pytest.approx(mean(2, 2) - mean(-1, 2), abs=CLOSED_FORM)
    assert effects.indirect_pure[0] == pytest.approx(mean(-1, 2) - mean(-1, -1), abs=CLOSED_FORM)
    assert effects.total[0] == pytest.approx(mean(2, 2) - mean(-1, -1), abs=CLOSED_FORM)
    assert effects.start[0] == pytest.approx(mean(-1, -1), abs=CLOSED_FORM)


def test_natural_effects_on_a_probit_outcome_agree_with_their_closed_form():
    """A normal mediator under a probit integrates to another probit, so that the quadrature has an exact witness."""
    from scipy.special import ndtr

    m, sd, y = np.array([[0.2, 0.5]]), np.array([0.8]), np.array([[-0.3, 0.4, 0.6, 0.1]])
    effects = natural_effects_binary(m, sd, y, np.zeros((1, 0)), reference=0.0, contrast=1.0, link="probit")

    def probability(x: float, x_m: float) -> float:
        slope = 0.6 + 0.1 * x
        return float(ndtr((-0.3 + 0.4 * x + slope * (0.2 + 0.5 * x_m)) / math.sqrt(1 + slope**2 * 0.8**2)))

    assert effects.start[0] == pytest.approx(probability(0, 0), abs=1e-9)
    assert effects.indirect_total[0] == pytest.approx(probability(1, 1) - probability(1, 0), abs=1e-9)
    assert effects.direct_pure[0] == pytest.approx(probability(1, 0) - probability(0, 0), abs=1e-9)
    assert effects.total[0] == pytest.approx(effects.direct_pure[0] + effects.indirect_total[0], abs=CLOSED_FORM)


def test_natural_effects_on_a_logit_outcome_agree_with_drawn_people():
    rng = np.random.default_rng(2)
    m, sd, y = np.array([[0.2, 0.5]]), np.array([0.8]), np.array([[-0.3, 0.4, 0.6, 0.1]])
    effects = natural_effects_binary(m, sd, y, np.zeros((1, 0)), reference=0.0, contrast=1.0, link="logit")
    noise = 0.8 * rng.standard_normal(400_000)

    def probability(x: float, x_m: float) -> float:
        level = 0.2 + 0.5 * x_m + noise
        return float(np.mean(1 / (1 + np.exp(0.3 - 0.4 * x - (0.6 + 0.1 * x) * level))))

    assert effects.indirect_total[0] == pytest.approx(probability(1, 1) - probability(1, 0), abs=1e-3)


def test_an_ordered_outcome_with_one_threshold_is_a_binary_one():
    m, sd, y = np.array([[0.2, 0.5]]), np.array([0.8]), np.array([[0.0, 0.4, 0.6, 0.1]])
    choices = {"reference": 0.0, "contrast": 1.0, "link": "probit"}
    (ordered,) = natural_effects_ordered(m, sd, y, np.array([[0.3]]), np.zeros((1, 0)), **choices)
    shifted = np.array([[-0.3, 0.4, 0.6, 0.1]])
    binary = natural_effects_binary(m, sd, shifted, np.zeros((1, 0)), **choices)
    assert ordered.indirect_total == pytest.approx(binary.indirect_total, abs=CLOSED_FORM)


def test_a_proportion_is_given_only_where_it_has_a_meaning():
    steady = np.concatenate([[1.0], np.linspace(0.9, 1.1, 100)])
    share, note = proportion_mediated(0.4 * steady, 0.6 * steady, steady, 0.95)
    assert share is not None
    assert share[0] == pytest.approx(0.4)
    assert note == ""
    assert proportion_mediated(-0.4 * steady, 1.4 * steady, steady, 0.95)[1] == (
        "not given: direct and indirect effect have opposite signs"
    )
    loose = np.concatenate([[1.0], np.linspace(-1, 3, 100)])
    assert proportion_mediated(0.4 * loose, 0.6 * loose, loose, 0.95)[1] == (
        "not given: the interval of the total effect holds zero"
    )


def test_em_without_gaps_is_the_sample_moments(people):
    mean, S = em_moments(people)
    assert mean == pytest.approx(people.mean(axis=0), abs=1e-8)
    assert pytest.approx(np.cov(people.T, ddof=0), abs=1e-8) == S


def test_em_with_a_monotone_gap_agrees_with_its_factored_closed_form(people):
    """With y seen in some and x in all, the ML moments follow from the regression of y on x (Anderson 1957)."""
    X = people[:, :2].copy()
    X[120:, 0] = np.nan
    mean, S = em_moments(X)
    y, x = X[:120, 0], X[:120, 1]
    slope = np.cov(y, x, ddof=0)[0, 1] / x.var()
    assert mean[0] == pytest.approx(y.mean() + slope * (X[:, 1].mean() - x.mean()), abs=1e-7)
    assert S[0, 1] == pytest.approx(slope * X[:, 1].var(), abs=1e-7)
    assert S[0, 0] == pytest.approx(y.var() + slope**2 * (X[:, 1].var() - x.var()), abs=1e-7)


def test_imputation_leaves_what_was_seen_and_repeats_with_its_seed(people):
    X = people.copy()
    X[:50, 0] = np.nan
    X[40:90, 2] = np.nan
    first, again = (impute(X, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first, again)
    seen = ~np.isnan(X)
    assert np.array_equal(first[seen], X[seen])
    assert np.isfinite(first).all()


def test_rubins_rules_agree_with_their_arithmetic():
    pooled = pool(np.array([[1.0], [2.0], [3.0]]), np.array([[0.5], [0.5], [0.5]]))
    assert pooled.estimate[0] == 2.0
    assert pooled.std_error[0] == pytest.approx(math.sqrt(0.5 + 4 / 3 * 1.0))
    assert pooled.dof[0] == pytest.approx(2 * (1 + 0.5 / (4 / 3)) ** 2)


def test_a_restricted_cubic_is_straight_outside_its_knots():
    knots = np.array([-1.0, 0.0, 2.0])
    outside = restricted_cubic(np.array([2.5, 3.0, 3.5, 4.0]), knots)
    assert np.diff(outside, 2) == pytest.approx(0, abs=1e-10)
    assert restricted_cubic(np.array([-3.0, -1.0]), knots) == pytest.approx(0)
    assert np.abs(np.diff(restricted_cubic(np.linspace(-1, 2, 9), knots), 2)).max() > 0.01
