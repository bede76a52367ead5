"""Multiple imputation of normal variables, with a shift of what was not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array

STEP_LIMIT = 2_000
TOLERANCE = 1e-8


def em_moments(X: Array) -> tuple[Array, Array]:
    """Maximum-likelihood mean and covariance (divisor n) of normal data with gaps, by EM over missing patterns.

    X        (n, p)  NaN where not seen; every person has something
    returns  (p,), (p, p)

    Raises ArithmeticError when STEP_LIMIT steps do not settle the standardised moments to TOLERANCE.

    Little & Rubin (2002), Statistical Analysis with Missing Data, section 11.2.
    """
    centre, spread = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    Z = (X - centre) / spread
    n, p = Z.shape
    patterns, which = np.unique(np.isnan(Z), axis=0, return_inverse=True)
    groups = [(pattern, Z[which == place]) for place, pattern in enumerate(patterns)]
    mean, S = np.zeros(p), np.eye(p)
    for _ in range(STEP_LIMIT):
        total, cross = np.zeros(p), np.zeros((p, p))
        for gap, rows in groups:
            filled, left = _expected(rows, gap, mean, S)
            total += filled.sum(axis=0)
            cross += filled.T @ filled
            cross[np.ix_(gap, gap)] += len(rows) * left
        new_mean = total / n
        new_S = cross / n - np.outer(new_mean, new_mean)
        moved = max(float(np.max(np.abs(new_mean - mean))), float(np.max(np.abs(new_S - S))))
        mean, S = new_mean, new_S
        if moved < TOLERANCE:
            return centre + spread * mean, S * np.outer(spread, spread)
    raise ArithmeticError(f"EM did not settle in {STEP_LIMIT} steps")


def impute(X: Array, rng: np.random.Generator) -> Array:
    """One proper imputation: moments drawn from a bootstrap of the rows, gaps drawn from the normal given what is seen.

    X        (n, p)  NaN where not seen
    returns  (n, p)  complete; what was seen is untouched

    Honaker & King (2010), doi 10.1111/j.1540-5907.2010.00447.x (EM with bootstrapping).
    """
    mean, S = em_moments(X[rng.integers(len(X), size=len(X))])
    filled = X.copy()
    patterns, which = np.unique(np.isnan(X), axis=0, return_inverse=True)
    for place, gap in enumerate(patterns):
        if not gap.any():
            continue
        rows = which == place
        expected, left = _expected(X[rows], gap, mean, S)
        root = np.linalg.cholesky(left + 1e-12 * np.trace(S) * np.eye(len(left)))
        noise = rng.standard_normal((int(rows.sum()), len(left))) @ root.T
        block = expected
        block[:, gap] += noise
        filled[rows] = block
    return filled


@dataclass(frozen=True, slots=True)
class Pooled:
    """Estimates pooled over imputations, by Rubin's rules.

    estimate   (k,)
    std_error  (k,)
    dof        (k,)  degrees of freedom of the t reference; infinite where nothing was missing
    """

    estimate: Array
    std_error: Array
    dof: Array


def pool(estimates: Array, variances: Array) -> Pooled:
    """Rubin's rules.

    estimates, variances  (m, k)  one row an imputation

    Rubin (1987), Multiple Imputation for Nonresponse in Surveys, equations 3.1.2-3.1.6.
    """
    m = len(estimates)
    between = estimates.var(axis=0, ddof=1)
    within = variances.mean(axis=0)
    total = within + (1 + 1 / m) * between
    with np.errstate(divide="ignore"):
        dof = (m - 1) * (1 + within / ((1 + 1 / m) * between)) ** 2
    return Pooled(estimates.mean(axis=0), np.sqrt(total), dof)


def _expected(rows: Array, gap: NDArray[np.bool_], mean: Array, S: Array) -> tuple[Array, Array]:
    """Rows with gaps filled by their expectation, and the covariance that is left of the gaps."""
    filled = rows.copy()
    if not gap.any():
        return filled, np.empty((0, 0))
    seen = ~gap
    if not seen.any():
        filled[:, gap] = mean[gap]
        return filled, S[np.ix_(gap, gap)]
    weights = np.linalg.solve(S[np.ix_(seen, seen)], S[np.ix_(seen, gap)])
    filled[:, gap] = mean[gap] + (rows[:, seen] - mean[seen]) @ weights
    return filled, S[np.ix_(gap, gap)] - S[np.ix_(gap, seen)] @ weights
