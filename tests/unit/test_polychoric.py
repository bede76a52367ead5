"""Polychoric statistics against closed forms, and the data on which they do not exist."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from kinechain.numerics.bivariate_normal import bivariate_normal_distribution
from kinechain.numerics.polychoric import ordinal_moments
from kinechain.numerics.probit import CannotEstimateError, fit_ordered
from tests.tolerances import CLOSED_FORM

NO_COVARIATES = 0


def _classes(counts: list[list[int]]) -> np.ndarray:
    table = np.array(counts)
    first, second = np.indices(table.shape)
    return np.repeat(np.column_stack([first.ravel(), second.ravel()]), table.ravel(), axis=0).astype(float)


def test_tetrachoric_at_the_median_is_sheppards_closed_form() -> None:
    Y = _classes([[35, 15], [15, 35]])
    found = ordinal_moments(Y, (2, 2), np.empty((100, NO_COVARIATES)))
    assert found.cuts[0] == pytest.approx([0.0], abs=CLOSED_FORM)
    # P(both below the median) = 1/4 + arcsin(rho) / 2 pi, Sheppard (1899).
    assert found.residual_covariance[0, 1] == pytest.approx(np.sin(2 * np.pi * (0.35 - 0.25)), abs=CLOSED_FORM)


def test_one_empty_cell_of_a_2_by_2_table_gets_half_a_person_and_is_counted() -> None:
    found = ordinal_moments(_classes([[20, 15], [0, 30]]), (2, 2), np.empty((65, NO_COVARIATES)))
    assert found.repaired_cells == 1
    # lavaan 0.6.14 on the same table
    assert found.residual_covariance[0, 1] == pytest.approx(0.8982788385212, abs=1e-7)


def test_two_empty_cells_leave_no_correlation() -> None:
    with pytest.raises(CannotEstimateError, match="two empty cells in a 2 x 2 table leave the correlation undefined"):
        ordinal_moments(_classes([[20, 0], [0, 30]]), (2, 2), np.empty((50, NO_COVARIATES)))


def test_numeric_pair_is_least_squares() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 2))
    Y = X @ rng.normal(size=(2, 2)) + rng.normal(size=(60, 2))
    found = ordinal_moments(Y, (0, 0), X)
    design = np.column_stack([np.ones(60), X])
    coefficients = np.linalg.solve(design.T @ design, design.T @ Y)
    residual = Y - design @ coefficients
    np.testing.assert_allclose(found.slopes, coefficients[1:].T, rtol=CLOSED_FORM)
    np.testing.assert_allclose(found.residual_covariance, residual.T @ residual / 60, rtol=CLOSED_FORM)


def test_separated_classes_are_refused_with_their_variable() -> None:
    x = np.linspace(-1.0, 1.0, 40)[:, None]
    Y = np.column_stack([np.sin(np.arange(40.0)), (x[:, 0] > 0).astype(float)])
    with pytest.raises(CannotEstimateError, match="separates its classes") as caught:
        ordinal_moments(Y, (0, 2), x)
    assert caught.value.variables == (1,)


def test_scores_of_the_ordered_regression_sum_to_zero() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(50.0, 9.0, size=(200, 2))
    classes = np.digitize(X[:, 0] / 9.0 + rng.normal(size=200), [4.5, 5.5, 6.5])
    fit = fit_ordered(classes, 4, X)
    deviation = np.sqrt((fit.scores**2).sum(axis=0))
    np.testing.assert_allclose(fit.scores.sum(axis=0) / deviation, 0.0, atol=1e-6)


@pytest.mark.parametrize("rho", [-0.999, -0.4, 0.0, 0.7, 0.9995])
def test_bivariate_normal_distribution_equals_scipys(rho: float) -> None:
    rng = np.random.default_rng(11)
    corners = [[0, 0], [0, 1], [-1, 0], [1, 1], [-1, -1], [2, -2], [np.inf, 1], [-np.inf, 1], [0, np.inf]]
    points = np.concatenate([2.0 * rng.normal(size=(20, 2)), corners])
    found = bivariate_normal_distribution(points[:, 0], points[:, 1], rho)
    scipys = multivariate_normal(cov=[[1.0, rho], [rho, 1.0]])
    expected = [scipys.cdf(np.clip(point, -37.0, 37.0)) for point in points]
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_a_number_with_two_values_beside_an_ordered_outcome_is_refused() -> None:
    Y = _classes([[20, 15, 4], [6, 30, 9]])
    with pytest.raises(CannotEstimateError, match="a number with two values is ordered") as caught:
        ordinal_moments(Y, (0, 3), np.empty((len(Y), NO_COVARIATES)))
    assert caught.value.variables == (0,)
