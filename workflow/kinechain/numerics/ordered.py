"""Draws in order: the tails that limits are read from, without sorting what lies between.

Rows are effects, columns draws; a draw that is not finite takes no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array

_SORT_ALL = 4
"""Both tails are cut off where together they are less than half of the draws; otherwise everything is sorted."""

_STRIDE = 16
"""Every how manieth draw goes into the sample that says where to cut."""

_MARGIN = 3.0
"""Standard deviations by which the cut takes too much, so that it hardly ever takes too little (then it partitions)."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """The smallest and the largest draws of every effect.

    lowest     (e, K)  in order: ranks 1 … K; NaN where an effect has fewer
    highest    (e, K)  in order: ranks used - K + 1 … used; NaN in front where an effect has fewer
    used       (e,)    draws that are finite
    rank       (e,)    of the null value among them, interpolated: 1 … used, the middle of ties; NaN without draws
    deviation  (e,)    standard deviation, divisor used - 1
    """

    lowest: Array
    highest: Array
    used: NDArray[np.int64]
    rank: Array
    deviation: Array

    @property
    def depth(self) -> int:
        """K."""
        return int(self.lowest.shape[1])

    def at(self, rank: NDArray[np.intp]) -> Array:
        """Order statistics (e, L) of ranks (e, L) from 1, each within K of an end."""
        last = self.depth - 1
        low = np.take_along_axis(self.lowest, np.clip(rank - 1, 0, last), axis=1)
        from_end = np.clip(rank - 1 - (self.used[:, None] - self.depth), 0, last)
        return np.where(rank <= self.depth, low, np.take_along_axis(self.highest, from_end, axis=1))

    def window(self, rows: NDArray[np.intp], start: int, stop: int, count: int) -> Array:
        """Draws of ranks start + 1 … stop of rows that all have `count` draws; the window lies in one tail."""
        if stop <= self.depth:
            return np.asarray(self.lowest[rows, start:stop])
        skipped = count - self.depth
        return np.asarray(self.highest[rows, start - skipped : stop - skipped])


def order_draws(draws: Array, depth: int, null: float = 0.0) -> Ordered:
    """Order the tails of every effect.

    draws  (e, B)
    depth  ranks wanted from each end; everything is sorted when that is not much less
    null   value whose rank is wanted

    Effects that are the same numbers under two names are ordered once.
    """
    effects, attempted = draws.shape
    depth = attempted if _SORT_ALL * depth > attempted else depth
    found = Ordered(
        np.full((effects, depth), np.nan),
        np.full((effects, depth), np.nan),
        np.zeros(effects, np.int64),
        np.full(effects, np.nan),
        np.full(effects, np.nan),
    )
    twin = first_of_equals(draws)
    with np.errstate(all="ignore"):
        for e in np.unique(twin):
            _order_row(draws[e], found, e, null)
    for e in np.flatnonzero(twin != np.arange(effects)):
        for values in (found.lowest, found.highest, found.used, found.rank, found.deviation):
            values[e] = values[twin[e]]
    return found


def first_of_equals(draws: Array) -> NDArray[np.intp]:
    """For each row, the first row that holds the same bits.

    draws    (e, d)  an effect a row; failed draws are NaN, and equal where their bits are
    returns  (e,)    the row's own place where no earlier one is its equal
    """
    bits = np.ascontiguousarray(draws).view(np.int64)
    first = np.arange(draws.shape[0])
    seen: dict[bytes, list[int]] = {}
    for e, row in enumerate(bits):
        alike = seen.setdefault(row[:8].tobytes(), [])
        same = [other for other in alike if np.array_equal(bits[other], row)]
        if same:
            first[e] = same[0]
        else:
            alike.append(e)
    return first


def _order_row(row: Array, into: Ordered, e: int, null: float) -> None:
    total = row.sum()
    if not np.isfinite(total):
        row = row[np.isfinite(row)]
        total = row.sum()
    used, depth = row.size, into.depth
    into.used[e] = used
    if not used:
        return
    error = row - total / used
    np.multiply(error, error, out=error)
    into.deviation[e] = np.sqrt(error.sum() / (used - 1)) if used > 1 else np.nan
    if used <= depth or _SORT_ALL * depth > used:
        lowest = highest = np.sort(row)
    else:
        lowest, highest = _tails(row, depth)
    kept = min(depth, used)
    into.lowest[e, :kept] = lowest[:kept]
    into.highest[e, depth - kept :] = highest[-kept:]
    into.rank[e] = _rank(row, lowest, highest, null)


def _tails(row: Array, depth: int) -> tuple[Array, Array]:
    """The `depth` smallest and largest values, each in order, and perhaps some more."""
    sample = np.sort(row[::_STRIDE])
    expected = depth * sample.size / row.size
    reach = int(expected + _MARGIN * np.sqrt(expected) + _MARGIN)
    if reach < sample.size:
        low = row[np.flatnonzero(row <= sample[reach])]
        high = row[np.flatnonzero(row >= sample[-1 - reach])]
        if min(low.size, high.size) >= depth:
            low.sort()
            high.sort()
            return low, high
    parted = np.partition(row, (depth - 1, row.size - depth))
    return np.sort(parted[:depth]), np.sort(parted[-depth:])


def _rank(row: Array, lowest: Array, highest: Array, value: float) -> float:
    """Interpolated rank of a value among draws, of which at least the tails are in order."""
    below = int(np.count_nonzero(row < value))
    used = row.size
    if below == used:
        return float(used)
    from_end = below - (used - highest.size)
    if below < lowest.size:
        left, right = lowest[below - 1] if below else np.nan, lowest[below]
    elif from_end >= 1:
        left, right = highest[from_end - 1], highest[from_end]
    else:  # between the tails: the reciprocal of a distance is largest for the nearest
        nearness = np.reciprocal(row - value)
        left, right = row[nearness.argmin()], row[nearness.argmax()]
    if right == value:
        return (below + int(np.count_nonzero(row <= value)) + 1) / 2
    return below + float((value - left) / (right - left)) if below else 1.0
