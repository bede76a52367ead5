"""Visits nobody saw: imputed as seen ones suggest, jumped to the control arm, shifted."""

import numpy as np
import pytest

from kinechain.numerics.imputation import pool
from kinechain.numerics.longitudinal import arm_column, constrained_design, fit_repeated
from kinechain.numerics.visit_imputation import impute_visits, prepare_designs, project_contrast

SIGMA = np.array([[60.0, 35.0, 30.0], [35.0, 70.0, 45.0], [30.0, 45.0, 80.0]])


def a_trial(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(6)
    arm = np.arange(n) % 2
    Y = random.multivariate_normal([20, 18, 18], SIGMA, n) - np.outer(arm, [0, 6, 6])
    Y[random.random(n) < 1 / (1 + np.exp(1.5 - (Y[:, 1] - 15) / 6)), 2] = np.nan
    return Y, arm


def completed(Y: np.ndarray, arm: np.ndarray, m: int = 40):
    return impute_visits(
        Y,
        arm,
        np.zeros((len(Y), 0)),
        n_visits=3,
        reference=0,
        jumping=arm == 1,
        imputations=m,
        random=np.random.default_rng(7),
    )


def test_what_was_seen_is_untouched_and_nothing_is_left_missing() -> None:
    Y, arm = a_trial()
    found = completed(Y, arm, 5)
    seen = ~np.isnan(Y)
    for values in (found.at_random, found.jump_to_reference):
        assert np.isfinite(values).all()
        assert (values[:, seen] == Y[seen]).all()


def test_the_control_arm_never_jumps() -> None:
    Y, arm = a_trial()
    found = completed(Y, arm, 5)
    assert (found.at_random[:, arm == 0] == found.jump_to_reference[:, arm == 0]).all()
    gone = (arm == 1) & np.isnan(Y[:, 2])
    assert (found.jump_to_reference[:, gone, 2] > found.at_random[:, gone, 2]).mean() > 0.99


def test_a_visit_missed_by_one_who_came_back_is_at_random() -> None:
    Y, arm = a_trial()
    back = (arm == 1) & ~np.isnan(Y[:, 2])
    Y[back, 1] = np.nan
    found = completed(Y, arm, 5)
    assert (found.at_random[:, back, 1] == found.jump_to_reference[:, back, 1]).all()


def test_imputations_agree_with_the_likelihood() -> None:
    """Same assumption, same answer: within two tenths of a standard error with forty imputations."""
    Y, arm = a_trial()
    values = completed(Y, arm).at_random
    X = np.stack([np.column_stack([arm == 0, arm == 1, v[:, 0] - v[:, 0].mean()]).astype(float) for v in values])
    projected = project_contrast(values[:, :, 2], prepare_designs(X), np.array([-1.0, 1.0, 0.0]), np.zeros(len(Y)))
    estimates, variances = projected.at(0.0)
    pooled = pool(estimates[:, None], variances[:, None])
    fit = fit_repeated(Y, constrained_design(arm, 3))
    place = arm_column(1, 2, 2, 3)
    error = np.sqrt(fit.covariance[place, place])
    assert abs(pooled.estimate[0] - fit.beta[place]) < 0.2 * error
    assert pooled.std_error[0] == pytest.approx(error, rel=0.15)


def test_a_shift_is_the_same_as_shifting_the_values() -> None:
    Y, arm = a_trial()
    values = completed(Y, arm, 3).at_random
    X = prepare_designs(np.broadcast_to(np.column_stack([arm == 0, arm == 1]).astype(float), (3, len(Y), 2)))
    gaps = (np.isnan(Y[:, 2]) & (arm == 1)).astype(float)
    weights = np.array([-1.0, 1.0])
    projected = project_contrast(values[:, :, 2], X, weights, gaps)
    moved = project_contrast(values[:, :, 2] + 5.0 * gaps, X, weights, np.zeros(len(Y)))
    for one, two in zip(projected.at(5.0), moved.at(0.0), strict=True):
        assert np.allclose(one, two)


def test_the_same_seed_gives_the_same_bits() -> None:
    Y, arm = a_trial()
    assert (completed(Y, arm, 3).at_random == completed(Y, arm, 3).at_random).all()
