"""Weights for resampling: how often each person enters each draw.

A row is a draw, a column a person. Only multinomial weights are the bootstrap; the others are approximations for very
many people, whose first two moments agree with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import factorial

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kinechain.numerics import Array

_LARGEST = 18  # P(Poisson(1) > 18) = 3e-18, below what a double can hold beside 1
_STATES = 1 << 16
_ESCAPE = np.uint32(0xFFFFFFFF)
_SLACK = 2.5  # standard deviations left free for the top-up: about 1 row in 160 is drawn again
_DIRECT = 12  # people under which topping up from nothing is as quick
_IN_CACHE = 160_000  # weights made together: what is made of them while they are in the cache costs half
_FEWEST_TOGETHER, _MOST_TOGETHER = 64, 512  # draws
_USUAL = 1024  # escapes of a Poisson table that are looked for first: all but a few in a thousand


@dataclass(frozen=True, slots=True)
class PoissonTable:
    """Exact sampling of four independent Poisson weights from 16 random bits.

    packed    (65536,)  four counts, one a byte; the states whose probability is no multiple of 2^-16 escape
    residual  (m,)      cumulative law of the quadruples after an escape, the likeliest first
    counts    (m,)      the quadruples of `residual`, packed
    """

    packed: NDArray[np.uint32]
    residual: Array
    counts: NDArray[np.uint32]


@lru_cache(maxsize=64)
def poisson_table(mean: float) -> PoissonTable:
    """Table for Poisson weights of a mean at most 1.

    Each quadruple gets floor(2^16 p) of the 2^16 states; what is left of its probability is its share among the
    escapes, so that the law is exact to the 53 bits of the uniform that resolves an escape.
    """
    count = np.arange(_LARGEST + 1)
    one = np.exp(-mean) * mean**count / np.array([float(factorial(k)) for k in count])
    two = np.multiply.outer(one, one).ravel()
    four = np.multiply.outer(two, two).ravel() * _STATES
    byte = count.astype(np.uint32)
    pair = np.add.outer(byte, byte << np.uint32(8)).ravel()
    quadruple = np.add.outer(pair, pair << np.uint32(16)).ravel()
    states = np.floor(four)
    packed = np.full(_STATES, _ESCAPE, np.uint32)
    sure = np.repeat(quadruple, states.astype(np.intp))
    packed[: sure.size] = sure
    left = four - states
    order = np.argsort(-left, kind="stable")
    residual = np.cumsum(left[order])
    return PoissonTable(packed, residual / residual[-1], quadruple[order])


def _poisson_bytes(rng: np.random.Generator, size: int, mean: float) -> NDArray[np.uint8]:
    """Independent Poisson counts, one a byte."""
    table = poisson_table(mean)
    bits = rng.bit_generator.random_raw(-(-size // 16)).view(np.uint16)
    packed = np.take(table.packed, bits, mode="clip")
    escaped = np.flatnonzero(packed == _ESCAPE)
    if escaped.size:
        uniform = rng.random(escaped.size)
        which = np.searchsorted(table.residual[:_USUAL], uniform, side="right")
        rare = which == _USUAL
        which[rare] = np.searchsorted(table.residual, uniform[rare], side="right")
        packed[escaped] = table.counts[np.minimum(which, table.counts.size - 1)]
    return packed.view(np.uint8)[:size]


def poisson_weights(rng: np.random.Generator, n: int, draws: int, dtype: DTypeLike = np.float64) -> Array:
    """Independent Poisson(1) weights: the number of people itself varies from draw to draw.

    returns  (draws, n)
    """
    return _poisson_bytes(rng, draws * n, 1.0).reshape(draws, n).astype(dtype)


def two_point_weights(rng: np.random.Generator, n: int, draws: int, dtype: DTypeLike = np.float64) -> Array:
    """Independent weights 0 or 2 with equal chance: mean and variance 1, but none of the bootstrap's skewness.

    returns  (draws, n)
    """
    size = draws * n
    bits = np.unpackbits(rng.bit_generator.random_raw(-(-size // 64)).view(np.uint8))[:size]
    return (bits.reshape(draws, n) * np.uint8(2)).astype(dtype)


def multinomial_weights(
    rng: np.random.Generator,
    n: int,
    draws: int,
    *,
    totals: NDArray[np.int64] | None = None,
    dtype: DTypeLike = np.float64,
) -> Array:
    """How often each of `n` people is drawn when people are drawn with replacement.

    totals   (draws,)  people drawn in each draw, about n; None for n in each, the bootstrap
    returns  (draws, n)  whole numbers; rows sum to `totals`
    """
    weights = np.empty((draws, n), dtype)
    for which, some in multinomial_groups(rng, n, draws, totals=totals, dtype=dtype):
        weights[which] = some
    return weights


def multinomial_groups(
    rng: np.random.Generator,
    n: int,
    draws: int,
    *,
    totals: NDArray[np.int64] | None = None,
    dtype: DTypeLike = np.float64,
) -> Iterator[tuple[slice, Array]]:
    """The rows of `multinomial_weights`, a few at a time: (which draws, their weights).

    Independent Poisson counts given their sum are multinomial; so Poisson counts of a mean a little under 1, topped up
    with people drawn at random until the row is full, are exactly multinomial whatever the sum was. Rows that start
    too full are drawn again: that depends on the sum alone and leaves the law as it is.
    """
    target = np.full(draws, n, np.int64) if totals is None else totals
    spread = np.sqrt(n if totals is None else 2.0 * n)
    mean = round(1.0 - _SLACK * spread / n, 4)  # few tables serve all n
    together = int(np.clip(_IN_CACHE // n, _FEWEST_TOGETHER, _MOST_TOGETHER))
    for start in range(0, draws, together):
        which = slice(start, min(start + together, draws))
        yield which, _multinomial(rng, n, target[which], 0.0 if n <= _DIRECT else mean, dtype)


def _multinomial(rng: np.random.Generator, n: int, target: NDArray[np.int64], mean: float, dtype: DTypeLike) -> Array:
    draws = target.size
    if mean <= 0.0:
        weights = np.zeros((draws, n), dtype)
        lacking = target
    else:
        weights = _poisson_bytes(rng, draws * n, mean).reshape(draws, n).astype(dtype)
        lacking = target - _row_sums(weights)
        while (over := np.flatnonzero(lacking < 0)).size:
            weights[over] = _poisson_bytes(rng, over.size * n, mean).reshape(over.size, n)
            lacking[over] = target[over] - _row_sums(weights[over])
    rows = np.repeat(np.arange(draws) * n, lacking)
    rows += rng.integers(0, n, size=rows.size, dtype=np.uint16 if n < _STATES else np.uint32)
    np.add.at(weights.reshape(-1), rows, weights.dtype.type(1))  # of the same type: 40 times as fast
    return weights


def _row_sums(weights: Array) -> NDArray[np.int64]:
    """Exact sums of rows of small whole numbers."""
    return np.asarray(weights @ np.ones(weights.shape[1], weights.dtype), np.int64)


def stratified_weights(
    rng: np.random.Generator, strata: tuple[NDArray[np.intp], ...], n: int, draws: int, dtype: DTypeLike = np.float64
) -> Array:
    """Multinomial weights within each stratum: every draw has each stratum's own number of people.

    strata   row numbers of each stratum; together 0 … n-1
    returns  (draws, n)
    """
    weights = np.empty((draws, n), dtype)
    for rows in strata:
        weights[:, rows] = multinomial_weights(rng, rows.size, draws, dtype=dtype)
    return weights


def cluster_weights(
    rng: np.random.Generator, cluster: NDArray[np.intp], draws: int, dtype: DTypeLike = np.float64
) -> Array:
    """Multinomial weights of whole clusters, given to each of their people.

    cluster  (n,)  number of each person's cluster, 0 … G-1
    returns  (draws, n)
    """
    of_clusters = multinomial_weights(rng, int(cluster.max()) + 1, draws, dtype=dtype)
    return np.take(of_clusters, cluster, axis=1)


def tile_totals(rng: np.random.Generator, tiles: NDArray[np.int64], draws: int) -> NDArray[np.int64]:
    """People each draw takes from each tile of rows, so that tiles can be filled one by one and still sum to n.

    tiles    (t,)  people in each tile
    returns  (draws, t)
    """
    return rng.multinomial(int(tiles.sum()), tiles / tiles.sum(), size=draws)
