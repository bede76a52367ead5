"""Ordered probit regression of one variable, and least squares beside it: the first step of two-step estimation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from kinechain.numerics import Array

STEP_LIMIT = 100
GRADIENT_TOLERANCE = 1e-10  # per person: far below what a standard error can see
SEPARATED_AT = 30.0  # a linear predictor of 30 standard deviations means that the classes do not overlap


class CannotEstimateError(ArithmeticError):
    """Data on which the estimate does not exist: `variables` are positions, the message says why, without values."""

    def __init__(self, reason: str, *variables: int) -> None:
        self.reason = reason
        self.variables = variables
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Marginal:
    """One variable regressed on the covariates, with what every later step needs.

    levels      0 for a numeric variable, else the number of classes
    cuts        (levels - 1,) thresholds; empty for a numeric variable
    mean        intercept of a numeric variable; 0 for an ordered one
    slopes      (q,)
    variance    residual variance, divisor n; 1 for an ordered variable
    low, high   (n,) limits of each person's residual on the standard scale; equal for a numeric variable
    classes     (n,) class of each person, from 0; zeros for a numeric variable
    scores      (n, parameters) derivative of each person's log-likelihood, in the order cuts or mean, slopes, variance
    """

    levels: int
    cuts: Array
    mean: float
    slopes: Array
    variance: float
    low: Array
    high: Array
    classes: np.ndarray
    scores: Array


def normal_density(z: Array) -> Array:
    """Standard normal density at each `z`, of any shape; 0 at infinity, NaN where `z` is."""
    density: Array = np.exp(-0.5 * np.minimum(z * z, 1400.0)) / np.sqrt(2.0 * np.pi)
    return density


def fit_numeric(y: Array, X: Array) -> Marginal:
    """Least squares of `y` (n,) on a constant and `X` (n, q), with normal scores. No missing values.

    Raises CannotEstimateError when the covariates are linearly dependent.
    """
    design = np.column_stack([np.ones(len(y)), X])
    solution, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    coefficients: Array = np.asarray(solution, dtype=np.float64)
    residual = y - design @ coefficients
    variance = float(residual @ residual / len(y))
    if rank < design.shape[1]:
        raise CannotEstimateError("the covariates are linearly dependent")
    if variance <= 1e-14 * float(y @ y) / len(y):
        raise CannotEstimateError("nothing varies once the covariates are known")
    z = residual / np.sqrt(variance)
    scores = np.column_stack([design * (residual / variance)[:, None], 0.5 * (z * z - 1.0) / variance])
    nobody = np.zeros(len(y), dtype=np.intp)
    return Marginal(0, np.empty(0), float(coefficients[0]), coefficients[1:], variance, z, z, nobody, scores)


def _limits(cuts: Array, slopes: Array, classes: np.ndarray, X: Array) -> tuple[Array, Array]:
    padded = np.concatenate([[-np.inf], cuts, [np.inf]])
    shift = X @ slopes
    return padded[classes] - shift, padded[classes + 1] - shift


def fit_ordered(classes: np.ndarray, levels: int, X: Array) -> Marginal:
    """Ordered probit by Newton's method: P(class <= c) = Phi(cut_c - X slopes).

    classes  (n,) integers 0 .. levels - 1, each of them present
    X        (n, q) covariates without a constant; q may be 0

    Raises CannotEstimateError where a covariate separates the classes: the likelihood then has no maximum.

    McKelvey & Zavoina (1975), Journal of Mathematical Sociology 4.
    """
    n, q = X.shape
    cuts: Array = np.asarray(ndtri(np.cumsum(np.bincount(classes, minlength=levels))[:-1] / n), dtype=np.float64)
    centre = X.mean(axis=0) if q else np.empty(0)
    spread = X.std(axis=0) if q else np.empty(0)
    if np.any(spread == 0.0):
        raise CannotEstimateError("a covariate is constant")
    Z = (X - centre) / spread
    theta = np.concatenate([cuts, np.zeros(q)])
    value, gradient, information, _ = _probit_derivatives(theta, classes, levels, Z)
    for _ in range(STEP_LIMIT if q else 0):
        if np.max(np.abs(gradient)) <= GRADIENT_TOLERANCE * n:
            break
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            raise CannotEstimateError("the covariates are linearly dependent") from None
        # Halve the step until the likelihood does not fall and the cuts keep their order.
        for _ in range(40):
            tried = theta + step
            if np.all(np.diff(tried[: levels - 1]) > 0.0):
                value_tried, *derivatives = _probit_derivatives(tried, classes, levels, Z)
                if value_tried >= value - 1e-12 * abs(value):
                    break
            step = step / 2.0
        else:
            break
        theta, value, (gradient, information, _) = tried, value_tried, derivatives
        if np.max(np.abs(Z @ theta[levels - 1 :])) > SEPARATED_AT:
            raise CannotEstimateError("a covariate separates its classes completely")
    if np.max(np.abs(gradient)) > 1e3 * GRADIENT_TOLERANCE * n:
        raise CannotEstimateError("the ordered regression did not converge")
    if np.linalg.cond(information) > 1e12:
        raise CannotEstimateError("the covariates are linearly dependent")
    slopes = theta[levels - 1 :] / spread
    cuts = theta[: levels - 1] + centre @ slopes
    low, high = _limits(cuts, slopes, classes, X)
    scores = _probit_scores(low, high, classes, levels, X)[0]
    return Marginal(levels, cuts, 0.0, slopes, 1.0, low, high, classes, scores)


def _probit_scores(
    low: Array, high: Array, classes: np.ndarray, levels: int, X: Array
) -> tuple[Array, Array, Array, Array]:
    probability = np.maximum(_interval_probability(low, high), np.finfo(np.float64).tiny)
    at_high, at_low = normal_density(high) / probability, normal_density(low) / probability
    return spread_over_cuts(at_high, at_low, classes, levels, X), at_high, at_low, probability


def _interval_probability(low: Array, high: Array) -> Array:
    # Both limits far right: use the mirror image, whose differences keep their digits.
    flip = low > 0.0
    probability: Array = np.where(flip, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
    return probability


def spread_over_cuts(at_high: Array, at_low: Array, classes: np.ndarray, levels: int, X: Array) -> Array:
    """Scores of the cuts and slopes from the derivative at each person's upper limit and minus that at the lower.

    returns  (n, levels - 1 + q)
    """
    n, q = X.shape
    scores = np.zeros((n, levels - 1 + q))
    people = np.arange(n)
    upper, lower = classes < levels - 1, classes > 0
    scores[people[upper], classes[upper]] = at_high[upper]
    scores[people[lower], classes[lower] - 1] -= at_low[lower]
    scores[:, levels - 1 :] = -X * (at_high - at_low)[:, None]
    return scores


def _probit_derivatives(theta: Array, classes: np.ndarray, levels: int, X: Array) -> tuple[float, Array, Array, Array]:
    """Log-likelihood, gradient, observed information and scores of an ordered probit."""
    low, high = _limits(theta[: levels - 1], theta[levels - 1 :], classes, X)
    scores, at_high, at_low, probability = _probit_scores(low, high, classes, levels, X)
    finite_high, finite_low = np.where(np.isfinite(high), high, 0.0), np.where(np.isfinite(low), low, 0.0)
    # Second derivatives of log P in the two limits; the outer product of the scores is subtracted below.
    n, q = X.shape
    k = levels - 1 + q
    towards_high = np.zeros((n, k))
    towards_low = np.zeros((n, k))
    people = np.arange(n)
    upper, lower = classes < levels - 1, classes > 0
    towards_high[people[upper], classes[upper]] = 1.0
    towards_low[people[lower], classes[lower] - 1] = 1.0
    towards_high[:, levels - 1 :] = towards_low[:, levels - 1 :] = -X
    information = (
        scores.T @ scores
        + towards_high.T @ (towards_high * (finite_high * at_high)[:, None])
        - towards_low.T @ (towards_low * (finite_low * at_low)[:, None])
    )
    return float(np.log(probability).sum()), scores.sum(axis=0), information, scores
