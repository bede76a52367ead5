"""Thresholds, slopes and residual correlations of numeric and ordered variables, and how precisely they are known.

Two steps, both by maximum likelihood and both given the covariates: each variable alone, then each pair with what the
first step found held fixed. The covariance matrix of all statistics together carries the first step's uncertainty into
the second.

Muthén (1984), Psychometrika 49, 115-132; Olsson (1979), Psychometrika 44, 443-460 (polychoric);
Olsson, Drasgow & Dorans (1982), Psychometrika 47, 337-347 (polyserial).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from kinechain.numerics import Array
from kinechain.numerics.bivariate_normal import bivariate_normal_density, rectangle_probability
from kinechain.numerics.probit import (
    CannotEstimateError,
    Marginal,
    fit_numeric,
    fit_ordered,
    normal_density,
    spread_over_cuts,
)

FLAT = 1e12  # condition of a variable's own information beyond which nothing is left of it
CORRELATION_BOUND = 0.9995  # beyond it a correlation of classes is a statement about empty cells, not about people


@dataclass(frozen=True, slots=True)
class OrdinalMoments:
    """What a model for ordered and numeric outcomes is fitted to, given the covariates.

    levels               (p,) classes of each variable, 0 for a numeric one
    cuts                 p arrays: thresholds of each ordered variable, empty for a numeric one
    means                (p,) intercepts of the numeric variables; 0 for the ordered
    slopes               (p, q) on the covariates
    residual_covariance  (p, p) given the covariates; unit diagonal for ordered variables
    x_mean, x_covariance (q,), (q, q) of the covariates, divisor n - 1 as lavaan gives them here
    n                    people, complete on everything
    gamma                (m, m) covariance matrix of sqrt(n) times `statistics`
    repaired_cells       empty cells of 2 x 2 tables that were given half a person, margins kept
    """

    levels: tuple[int, ...]
    cuts: tuple[Array, ...]
    means: Array
    slopes: Array
    residual_covariance: Array
    x_mean: Array
    x_covariance: Array
    n: int
    gamma: Array
    repaired_cells: int = 0

    @property
    def statistics(self) -> Array:
        """(m,) in the order of `gamma`.

        For each variable its cuts or its mean, then slopes (covariate by covariate), variances of the numeric
        variables, covariances below the diagonal column by column.
        """
        return stack_statistics(self.levels, self.cuts, self.means, self.slopes, self.residual_covariance)


def stack_statistics(
    levels: Sequence[int], cuts: Sequence[Array], means: Array, slopes: Array, covariance: Array
) -> Array:
    """Statistics of `OrdinalMoments` as one vector (m,)."""
    places = [cuts[i] if level else means[i : i + 1] for i, level in enumerate(levels)]
    numeric = [i for i, level in enumerate(levels) if not level]
    first, second = pairs(len(levels))
    return np.concatenate([*places, slopes.T.ravel(), np.diag(covariance)[numeric], covariance[second, first]])


def pairs(p: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (first < second) of `p` variables in the order of the covariances below the diagonal, column by column."""
    first, second = np.triu_indices(p, k=1)
    return first, second


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where each variable's first-step parameters stand among all statistics."""

    blocks: tuple[np.ndarray, ...]
    variances: dict[int, int]
    first_pair: int
    size: int


def _layout(levels: Sequence[int], q: int) -> _Layout:
    p = len(levels)
    widths = [max(level - 1, 1) for level in levels]
    starts = np.concatenate([[0], np.cumsum(widths)])
    numeric = [i for i, level in enumerate(levels) if not level]
    variances = {i: int(starts[-1]) + p * q + k for k, i in enumerate(numeric)}
    blocks = []
    for i in range(p):
        slopes = starts[-1] + np.arange(q) * p + i
        variance = [variances[i]] if i in variances else []
        blocks.append(np.concatenate([np.arange(starts[i], starts[i + 1]), slopes, variance]).astype(np.intp))
    first_pair = int(starts[-1]) + p * q + len(numeric)
    return _Layout(tuple(blocks), variances, first_pair, first_pair + p * (p - 1) // 2)


def ordinal_moments(Y: Array, levels: Sequence[int], X: Array) -> OrdinalMoments:
    """Two-step maximum likelihood statistics of `Y` given `X`, with their asymptotic covariance matrix.

    Y       (n, p)  numeric columns as they are; ordered columns as classes 0 .. levels - 1, every class present
    levels  (p,)    classes of each column, 0 for numeric
    X       (n, q)  covariates without a constant, q may be 0

    No missing values. Raises CannotEstimateError with the positions of the variables concerned where an estimate does
    not exist: separated classes, dependent covariates, a residual correlation at its bound.
    The covariance matrix takes outer products of the scores for the information, as lavaan does.

    Muthén (1984), Psychometrika 49, section 3. Reference values: tests/golden/polychoric.
    """
    n, p = Y.shape
    q = X.shape[1]
    layout = _layout(levels, q)
    marginals = []
    for i, level in enumerate(levels):
        try:
            marginals.append(fit_ordered(Y[:, i].astype(np.intp), level, X) if level else fit_numeric(Y[:, i], X))
        except CannotEstimateError as error:
            raise CannotEstimateError(error.reason, i) from None
    scores = np.zeros((n, layout.size))
    bread = np.zeros((layout.size, layout.size))
    for marginal, block in zip(marginals, layout.blocks, strict=True):
        scores[:, block] = marginal.scores
        bread[np.ix_(block, block)] = marginal.scores.T @ marginal.scores
    deviations = np.sqrt([marginal.variance for marginal in marginals])
    correlation = np.eye(p)
    repaired = 0
    first, second = pairs(p)
    for k, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        rho, repaired_here = _pair_correlation(marginals[i], marginals[j], X, (i, j))
        repaired += repaired_here
        row = layout.first_pair + k
        own, of_i, of_j = _pair_scores(marginals[i], marginals[j], rho, X)
        correlation[i, j] = correlation[j, i] = rho
        scores[:, row] = own
        bread[row, row] = own @ own
        bread[row, layout.blocks[i]] = own @ of_i
        bread[row, layout.blocks[j]] = own @ of_j
    _check_information(bread, layout)
    gamma = _sandwich(bread, scores, n)
    jacobian = _to_covariances(layout, correlation, deviations)
    gamma = jacobian @ gamma @ jacobian.T
    x_mean = X.mean(axis=0) if q else np.empty(0)
    centred = X - x_mean
    return OrdinalMoments(
        levels=tuple(levels),
        cuts=tuple(marginal.cuts for marginal in marginals),
        means=np.array([marginal.mean for marginal in marginals]),
        slopes=np.array([marginal.slopes for marginal in marginals]).reshape(p, q),
        residual_covariance=correlation * np.outer(deviations, deviations),
        x_mean=x_mean,
        x_covariance=centred.T @ centred / (n - 1),
        n=n,
        gamma=0.5 * (gamma + gamma.T),
        repaired_cells=repaired,
    )


def _check_information(bread: Array, layout: _Layout) -> None:
    """Raise CannotEstimateError where a variable's mean and variance (or the pairs) cannot be told apart."""
    size = np.sqrt(np.diag(bread))
    if not (np.isfinite(bread).all() and (size > 0.0).all()):
        raise CannotEstimateError("the data say nothing about one of the statistics")
    scaled = bread / np.outer(size, size)
    for i, block in enumerate(layout.blocks):
        if np.linalg.cond(scaled[np.ix_(block, block)]) > FLAT:
            raise CannotEstimateError("its mean and variance say the same; a number with two values is ordered", i)


def _sandwich(bread: Array, scores: Array, n: int) -> Array:
    inverse = np.linalg.solve(bread, np.eye(len(bread)))
    influence = scores @ inverse.T
    return n * influence.T @ influence


def _to_covariances(layout: _Layout, correlation: Array, deviations: Array) -> Array:
    """Derivative of the statistics with covariances in the statistics with correlations."""
    jacobian = np.eye(layout.size)
    for k, (i, j) in enumerate(zip(*(index.tolist() for index in pairs(len(deviations))), strict=True)):
        row = layout.first_pair + k
        jacobian[row, row] = deviations[i] * deviations[j]
        for one, other in ((i, j), (j, i)):
            if one in layout.variances:
                jacobian[row, layout.variances[one]] = 0.5 * correlation[i, j] * deviations[other] / deviations[one]
    return jacobian


def _pair_correlation(one: Marginal, two: Marginal, X: Array, positions: tuple[int, int]) -> tuple[float, int]:
    """Residual correlation of a pair by maximum likelihood, and how many empty cells were given half a person."""
    from scipy.optimize import brentq

    if not one.levels and not two.levels:
        rho = float(one.low @ two.low / len(one.low))
        if abs(rho) > 1.0 - 1e-10:
            raise CannotEstimateError("two outcomes are the same once the covariates are known", *positions)
        return rho, 0
    weights, repaired = np.ones(len(one.low)), 0
    a, b = one, two
    if X.shape[1] == 0 and one.levels and two.levels:
        a, b, weights, repaired = _as_table(one, two)
        if repaired > 1:
            raise CannotEstimateError("two empty cells in a 2 x 2 table leave the correlation undefined", *positions)

    def slope(rho: float) -> float:
        return float(weights @ _correlation_score(a, b, rho))

    near, far = 0.0, 0.0
    uphill = slope(0.0)
    # Walk uphill from zero until the slope turns: far out the likelihood of a cell is below rounding error.
    for size in np.tanh(np.arange(0.4, 4.3, 0.4)):
        near, far = far, float(np.copysign(min(size, CORRELATION_BOUND), uphill))
        if slope(far) * uphill <= 0.0:
            return float(brentq(slope, near, far, xtol=1e-13, rtol=1e-13)), repaired
    raise CannotEstimateError("the residual correlation of two outcomes is at its bound", *positions)


def _as_table(one: Marginal, two: Marginal) -> tuple[Marginal, Marginal, Array, int]:
    """Without covariates people in one cell are alike: the cells, their counts, and the empty ones that were mended."""
    counts = np.zeros((one.levels, two.levels))
    np.add.at(counts, (one.classes, two.classes), 1.0)
    repaired = 0
    if counts.shape == (2, 2) and (repaired := int(np.sum(counts == 0.0))):
        # Half a person into the empty cell, margins kept; both correlations stay inside (-1, 1).
        sign = 1.0 if counts[0, 0] == 0.0 or counts[1, 1] == 0.0 else -1.0
        counts += 0.5 * sign * np.array([[1.0, -1.0], [-1.0, 1.0]])
    rows, columns = np.indices(counts.shape)

    def cells(marginal: Marginal, classes: np.ndarray) -> Marginal:
        padded = np.concatenate([[-np.inf], marginal.cuts, [np.inf]])
        low, high = padded[classes], padded[classes + 1]
        return Marginal(marginal.levels, marginal.cuts, 0.0, np.empty(0), 1.0, low, high, classes, np.empty((0, 0)))

    return cells(one, rows.ravel()), cells(two, columns.ravel()), counts.ravel(), repaired


def _correlation_score(one: Marginal, two: Marginal, rho: float) -> Array:
    """Derivative of each person's pair log-likelihood in the correlation (n,)."""
    if one.levels and two.levels:
        probability = rectangle_probability(one.low, one.high, two.low, two.high, rho)
        density = (
            bivariate_normal_density(one.high, two.high, rho)
            - bivariate_normal_density(one.low, two.high, rho)
            - bivariate_normal_density(one.high, two.low, rho)
            + bivariate_normal_density(one.low, two.low, rho)
        )
        ratio: Array = density / probability
        return ratio
    if not one.levels and not two.levels:
        z, w, q = one.low, two.low, 1.0 - rho * rho
        in_rho: Array = rho / q + (z * w * (1.0 + rho * rho) - rho * (z * z + w * w)) / (q * q)
        return in_rho
    ordered, numeric = (one, two) if one.levels else (two, one)
    at_high, at_low, _ = _polyserial_densities(ordered, numeric.low, rho)
    root = np.sqrt(1.0 - rho * rho)
    towards_high = rho * np.where(np.isfinite(ordered.high), ordered.high, 0.0) - numeric.low
    towards_low = rho * np.where(np.isfinite(ordered.low), ordered.low, 0.0) - numeric.low
    score: Array = (at_high * towards_high - at_low * towards_low) / root**3
    return score


def _polyserial_densities(ordered: Marginal, z: Array, rho: float) -> tuple[Array, Array, Array]:
    """Densities at the two limits over the probability between them, given the numeric residual `z`."""
    root = np.sqrt(1.0 - rho * rho)
    high, low = (ordered.high - rho * z) / root, (ordered.low - rho * z) / root
    flip = low > 0.0
    probability = np.where(flip, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
    probability = np.maximum(probability, np.finfo(np.float64).tiny)
    return normal_density(high) / probability, normal_density(low) / probability, probability


def _pair_scores(one: Marginal, two: Marginal, rho: float, X: Array) -> tuple[Array, Array, Array]:
    """Scores of a pair's log-likelihood: correlation (n,), then the first-step parameters of each variable (n, .)."""
    own = _correlation_score(one, two, rho)
    if one.levels and two.levels:
        return own, _ordered_given_ordered(one, two, rho, X), _ordered_given_ordered(two, one, rho, X)
    if not one.levels and not two.levels:
        return own, _numeric_given_numeric(one, two, rho, X), _numeric_given_numeric(two, one, rho, X)
    ordered, numeric = (one, two) if one.levels else (two, one)
    at_high, at_low, _ = _polyserial_densities(ordered, numeric.low, rho)
    root = np.sqrt(1.0 - rho * rho)
    of_ordered = spread_over_cuts(at_high / root, at_low / root, ordered.classes, ordered.levels, X)
    # Through the conditional mean rho z; then z's own normal density.
    in_z = -rho * (at_high - at_low) / root - numeric.low
    of_numeric = _through_residual(numeric, in_z, X)
    return (own, of_ordered, of_numeric) if one.levels else (own, of_numeric, of_ordered)


def _ordered_given_ordered(one: Marginal, two: Marginal, rho: float, X: Array) -> Array:
    root = np.sqrt(1.0 - rho * rho)
    probability = rectangle_probability(one.low, one.high, two.low, two.high, rho)

    def edge(limit: Array) -> Array:
        at = np.where(np.isfinite(limit), limit, 0.0)
        inside: Array = ndtr((two.high - rho * at) / root) - ndtr((two.low - rho * at) / root)
        return normal_density(limit) * inside / probability

    return spread_over_cuts(edge(one.high), edge(one.low), one.classes, one.levels, X)


def _numeric_given_numeric(one: Marginal, two: Marginal, rho: float, X: Array) -> Array:
    return _through_residual(one, -(one.low - rho * two.low) / (1.0 - rho * rho), X)


def _through_residual(numeric: Marginal, in_z: Array, X: Array) -> Array:
    """Scores of mean, slopes and variance from the derivative in the standardised residual (the density's own scale
    included)."""
    deviation = np.sqrt(numeric.variance)
    in_mean = -in_z / deviation
    in_variance = -0.5 * (in_z * numeric.low + 1.0) / numeric.variance
    return np.column_stack([in_mean, X * in_mean[:, None], in_variance])
