"""Missing data: the likelihood of what each person has, against sums over people; robust and clustered errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from kinechain.errors import UserError
from kinechain.estimators import fit_model
from kinechain.fit import Fit, row_values
from kinechain.numerics.likelihood import log_likelihood, patterns_from_data
from kinechain.numerics.model import NormalModel, saturated_moments
from kinechain.numerics.ram import imply_moments
from kinechain.parameter_table import row_name
from kinechain.spec import spec_from_text
from tests.tolerances import CLOSED_FORM, FINITE_DIFFERENCE, OPTIMUM
from tests.unit.engine_material import CHAIN, SERIAL, serial_data


def test_the_likelihood_is_the_sum_over_people_of_what_they_have() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 4))
    X[rng.random(X.shape) < 0.3] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    data, membership = patterns_from_data(X)
    mu, Sigma = np.array([0.1, -0.2, 0.3, 0.0]), np.eye(4) + 0.3
    people = sum(
        multivariate_normal.logpdf(row[have], mu[have], Sigma[np.ix_(have, have)])
        for row, have in zip(X, ~np.isnan(X), strict=True)
    )
    assert log_likelihood(data, mu, Sigma).value == pytest.approx(people, rel=CLOSED_FORM)
    assert (np.bincount(membership) == data.n).all()
    assert (np.diff(data.n) <= 0).all()


def test_unrestricted_moments_are_where_the_likelihood_is_flat() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(100, 4)) @ rng.normal(size=(4, 4)) + 3.0
    X[rng.random(X.shape) < 0.25] = np.nan
    data, _ = patterns_from_data(X[~np.isnan(X).all(axis=1)])
    mean, covariance, value, ended = saturated_moments(data)
    at = log_likelihood(data, mean, covariance)
    assert ended
    assert at.value == pytest.approx(value)
    assert np.abs(at.d_mu).max() < OPTIMUM
    assert np.abs(at.d_Sigma).max() < OPTIMUM


def fit_with_gaps(text: str = CHAIN, **choices: object) -> Fit:
    choices = {"missing": "fiml", "fixed_x": False} | choices
    return fit_model(spec_from_text(text, **choices), serial_data(300, gaps=0.2))


def test_a_saturated_path_model_reaches_the_unrestricted_likelihood() -> None:
    """Traps T7 and T10: an error for one missing value, and fit indices above 1."""
    fit = fit_with_gaps(SERIAL)
    assert fit.measures["chisq"] == pytest.approx(0.0, abs=OPTIMUM)
    assert fit.measures["cfi"] == 1.0
    implied = imply_moments(fit.groups[0].ram, fit.estimates)
    assert implied.Sigma == pytest.approx(fit.saturated[0][1], rel=1e-6)


def test_gradient_and_observed_information_equal_finite_differences() -> None:
    fit = fit_with_gaps()
    model, theta, step = NormalModel(fit.groups), fit.estimates * 1.05, 1e-5
    slope = model.slope(theta, exact=True)
    for k in range(len(theta)):
        move = np.zeros_like(theta)
        move[k] = step * max(1.0, abs(theta[k]))
        width = 2.0 * move[k]
        value = (model.value(theta + move) - model.value(theta - move)) / width
        change = (
            model.slope(theta + move, exact=True).gradient - model.slope(theta - move, exact=True).gradient
        ) / width
        assert slope.gradient[k] == pytest.approx(value, rel=1e-5, abs=FINITE_DIFFERENCE)
        assert slope.curvature[k] == pytest.approx(change, rel=1e-5, abs=FINITE_DIFFERENCE)


def test_without_gaps_missing_data_methods_change_nothing() -> None:
    d = serial_data()
    complete = fit_model(spec_from_text(CHAIN, meanstructure=True), d)
    fiml = fit_model(spec_from_text(CHAIN, missing="fiml"), d)
    assert row_values(fiml) == pytest.approx(row_values(complete), rel=1e-8)
    assert fiml.measures["chisq"] == pytest.approx(complete.measures["chisq"], rel=1e-8)


def test_what_was_left_out_is_counted() -> None:
    d = serial_data(100)
    d["z"][:7] = np.nan
    d["m"][5:20] = np.nan
    listwise = fit_model(spec_from_text(CHAIN), d).rows
    assert (dict(listwise.n_dropped), listwise.n) == ({"a variable is missing": 20}, 80)
    fixed = fit_model(spec_from_text(CHAIN, missing="fiml"), d).rows
    assert (dict(fixed.n_dropped), fixed.n, fixed.n_patterns) == ({"a fixed covariate is missing": 7}, 93, (2,))
    assert fixed.fixed == ("x", "z")
    random = fit_model(spec_from_text(CHAIN, missing="fiml", fixed_x=False), d).rows
    assert (dict(random.n_dropped), random.n, dict(random.n_missing)) == ({}, 100, {"m": 15, "z": 7})


def test_robust_errors_change_nothing_but_errors_and_scaled_statistics() -> None:
    plain, robust = fit_with_gaps(), fit_with_gaps(estimator="mlr")
    assert robust.estimates == pytest.approx(plain.estimates, rel=CLOSED_FORM)
    assert robust.measures["chisq"] == pytest.approx(plain.measures["chisq"], rel=CLOSED_FORM)
    factor = robust.measures["chisq_scaling_factor"]
    assert robust.measures["chisq_scaled"] * factor == pytest.approx(robust.measures["chisq"])
    assert not np.allclose(np.diag(robust.covariance), np.diag(plain.covariance), rtol=1e-3)


def test_robust_errors_of_a_regression_are_the_sandwich_of_white() -> None:
    """White (1980), Econometrica 48, 817-838: HC0."""
    d = serial_data()
    fit = fit_model(spec_from_text("y ~ m + x", estimator="mlr", meanstructure=True, fixed_x=False), d)
    design = np.column_stack([d["m"], d["x"], np.ones(200)])
    bread = np.linalg.inv(design.T @ design)
    residual = d["y"] - design @ bread @ design.T @ d["y"]
    white = bread @ (design.T * residual**2) @ design @ bread
    at = [row.free - 1 for row in fit.table.rows if row_name(row) in ("y~m", "y~x")]
    assert fit.covariance[np.ix_(at, at)] == pytest.approx(white[:2, :2], rel=1e-8)


def test_clusters_of_one_are_robust_errors_but_for_the_small_sample_factor() -> None:
    d = {**serial_data(), "who": np.arange(200.0)}
    robust = fit_model(spec_from_text(CHAIN, estimator="mlr", meanstructure=True), d)
    clustered = fit_model(spec_from_text(CHAIN, cluster="who"), d)
    assert clustered.covariance == pytest.approx(robust.covariance * 200 / 199, rel=1e-8)
    assert clustered.rows.n_clusters == 200


def test_a_pair_never_seen_together_is_told() -> None:
    d = serial_data(200)
    d["m"][:100] = np.nan
    d["y"][100:] = np.nan
    with pytest.raises(UserError, match=r"nobody has both `m` and `y`. Leave one of them out of the model"):
        fit_model(spec_from_text("m ~~ y\nm ~ x\ny ~ x", missing="fiml"), d)
