"""Moments of every draw of a chunk at once: one matrix product of features and weights.

Draws stand last in every array, so that each step below is one operation on contiguous draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kinechain.numerics import Array

SINGLE_PRECISION_FROM = 20_000
"""People from which features are kept in single precision: below, double costs less than a tenth of a second."""

SINGLE_PRECISION_CONDITION = 1e3
"""Largest condition number of the correlations at which single precision is used. Features are centred, so their sums
err by about 1e-6 of their sampling deviation; dividing by a residual variance of 1/1000 leaves that below the Monte
Carlo error of 10,000 draws by a factor of ten."""

TILE = 4096
"""Rows of a tile: small enough for the cache, large enough for the product to run at full speed."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where columns are centred and by what they are divided before features are made.

    centre  (p,)  in each variable's unit
    spread  (p,)  in each variable's unit; 1 for a column that does not vary
    """

    centre: Array
    spread: Array


def pairs(p: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of each product feature: the lower triangle, row by row."""
    return np.tril_indices(p)


def n_features(p: int) -> int:
    """Features of `p` variables: 1, each variable, and their products."""
    return 1 + p + p * (p + 1) // 2


def features(X: Array, scale: Scale, dtype: DTypeLike = np.float64) -> Array:
    """What is summed over people to get moments: 1, the standardised columns, and their products.

    X        (n, p)  complete data
    returns  (n, 1 + p + p(p+1)/2)  products less their expectation under no correlation: of variable with itself less 1
    """
    Z = (X - scale.centre) / scale.spread
    row, column = pairs(X.shape[1])
    F = np.empty((X.shape[0], 1 + X.shape[1] + row.size), dtype)
    F[:, 0] = 1.0
    F[:, 1 : 1 + X.shape[1]] = Z
    np.multiply(Z[:, row], Z[:, column], out=F[:, 1 + X.shape[1] :], casting="unsafe")
    F[:, 1 + X.shape[1] :] -= (row == column).astype(dtype)
    return F


@dataclass(frozen=True, slots=True)
class MomentDraws:
    """Moments of `D` draws, of standardised variables.

    mean        (p, D)
    covariance  (p, p, D)  divisor: the draw's own number of people
    n           (D,)  people in each draw, counted as often as they were drawn
    """

    mean: Array
    covariance: Array
    n: Array


def moments_of_sums(sums: Array, p: int) -> MomentDraws:
    """Moments from weighted sums of features.

    sums  (1 + p + p(p+1)/2, D)  as `features` orders them; a draw without people gives NaN
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        n = sums[0]
        mean = sums[1 : 1 + p] / n
        second = sums[1 + p :] / n
    row, column = pairs(p)
    covariance = np.empty((p, p, sums.shape[1]))
    for k, (i, j) in enumerate(zip(row.tolist(), column.tolist(), strict=True)):
        np.subtract(second[k], mean[i] * mean[j], out=covariance[i, j])
        if i == j:
            covariance[i, i] += 1.0
        else:
            covariance[j, i] = covariance[i, j]
    return MomentDraws(mean, covariance, n)


def weighted_sums(F: Array, W: Array) -> Array:
    """Sums of features over people, for every draw.

    F (n, q), W (draws, n); returns (q, draws) in double precision
    """
    return np.asarray((W @ F).T, np.float64)


SINGLE_PRECISION_REACH = 30.0
"""Largest distance from the mean, in standard deviations, at which single precision is used: the products of a very
rare value would carry its rounding into every sum."""


class Rows(Protocol):
    """Data (n, p) of which slices of rows can be had: an array, or a file of more people than memory holds."""

    @property
    def shape(self) -> tuple[int, ...]:
        """People and variables."""
        ...

    def __getitem__(self, which: slice, /) -> Array:
        """Some rows (m, p)."""
        ...


@dataclass(frozen=True, slots=True)
class Survey:
    """What one has to know of all rows before features are made.

    complete  (n,)  rows without a gap
    scale     centre and spread of the complete rows
    dtype     precision in which features may be multiplied
    """

    complete: NDArray[np.bool_]
    scale: Scale
    dtype: type[np.float32] | type[np.float64]


def survey(X: Rows) -> Survey:
    """Read data (n, p) with gaps as NaN twice, tile by tile: the same bits wherever the rows come from."""
    n, p = X.shape
    complete = np.zeros(n, bool)
    total = np.zeros(p)
    for rows in tiles(n):
        tile = X[rows]
        complete[rows] = np.isfinite(tile).all(axis=1)
        total += tile[complete[rows]].sum(axis=0)
    count = int(complete.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        products, reach = np.zeros((p, p)), np.zeros(p)
        for rows in tiles(n):
            error = X[rows][complete[rows]] - mean
            products += error.T @ error
            reach = np.maximum(reach, np.abs(error).max(axis=0, initial=0.0))
        spread = np.sqrt(np.diag(products) / count)
        R = products / count / np.outer(spread, spread)
        safe = bool(np.isfinite(R).all()) and bool((reach / spread < SINGLE_PRECISION_REACH).all())
    safe = safe and float(np.linalg.cond(np.atleast_2d(R))) < SINGLE_PRECISION_CONDITION
    dtype = np.float32 if count >= SINGLE_PRECISION_FROM and safe else np.float64
    return Survey(complete, Scale(mean, np.where(spread > 0, spread, 1.0)), dtype)


def tiles(n: int) -> Iterator[slice]:
    """Rows of each tile, in order; tiles of about equal size."""
    count = max(1, round(n / TILE))
    edges = np.linspace(0, n, count + 1).astype(int).tolist()
    for start, stop in pairwise(edges):
        yield slice(start, stop)
