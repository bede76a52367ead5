"""Confidence limits from draws, the p-value that belongs to them, and how well the draws pin each limit down.

Rows are effects, columns draws; a draw that failed is NaN and takes no part. Limits are order statistics at position
(B + 1) p, interpolated linearly, as Davison & Hinkley (1997), Bootstrap Methods and their Application, section 5.3, use
them (they interpolate on the normal scale, which differs by less than the Monte Carlo error).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtr, ndtri

from kinechain.numerics import Array
from kinechain.numerics.ordered import Ordered, order_draws

Kind = Literal["percentile", "bc", "bca", "monte_carlo"]

_WINDOW = 9.0  # standard deviations of a rank beyond which its weight is below 1e-18


@dataclass(frozen=True, slots=True)
class Limits:
    """Intervals of `e` effects at `L` levels, all from the same draws.

    levels     (L,)
    low, high  (e, L)  NaN where an interval does not exist: no draws, or (bc, bca) an estimate outside all draws
    mc_error_low, mc_error_high  (e, L)  standard error of each limit from the finite number of draws; NaN if not asked
    p_value    (e,)  smallest 1 - level whose interval leaves out the null value; never below 2 / (B + 1)
    std_error  (e,)  standard deviation of the draws
    used       (e,)  draws that did not fail
    """

    levels: tuple[float, ...]
    low: Array
    high: Array
    mc_error_low: Array
    mc_error_high: Array
    p_value: Array
    std_error: Array
    used: NDArray[np.int64]


def limits(
    kind: Kind,
    draws: Array,
    levels: tuple[float, ...] = (0.95, 0.90),
    *,
    estimate: Array | None = None,
    acceleration: Array | None = None,
    null: float = 0.0,
    errors: int | None = None,
) -> Limits:
    """Limits of every effect.

    draws         (e, B)  percentile and monte_carlo take their quantiles as they are
    estimate      (e,)    needed by bc and bca
    acceleration  (e,)    needed by bca
    null          value the p-value is about
    errors        levels, from the first, whose Monte Carlo errors are wanted; None for all

    Failed draws (NaN) are left out, effect by effect. Raises ValueError when bc or bca lack what they need.

    Efron (1987), Journal of the American Statistical Association 82, 171-185 (bc, bca).
    """
    effects, attempted = draws.shape
    tails = np.array([[(1 - level) / 2, (1 + level) / 2] for level in levels]).T  # (2, L)
    z0, a = np.zeros(effects), np.zeros(effects)
    depth = attempted
    if kind in ("bc", "bca"):
        if estimate is None or (kind == "bca" and acceleration is None):
            raise ValueError(f"{kind} limits need the estimate and, for bca, the acceleration")
        z0 = median_bias(draws, estimate)
        if kind == "bca" and acceleration is not None:
            a = np.asarray(acceleration, float)
    else:
        ends = [int((attempted + 1) * float(p)) + 1 for p in tails[0]]
        ends += [_window(attempted, float(p))[1] for p in tails[0][:errors]]
        depth = max(ends) + 1
    ordered = order_draws(draws, depth, null)
    with np.errstate(all="ignore"):
        probability = _adjusted(tails[None], z0[:, None, None], a[:, None, None])  # (e, 2, L)
        low, high = (quantiles(ordered, probability[:, side]) for side in (0, 1))
        p_value = _inverted(ordered, z0, a)
    error = np.full((2, effects, len(levels)), np.nan)
    at_estimate = ndtr(z0) if kind in ("bc", "bca") else None
    for side, level in product((0, 1), range(len(levels))[:errors]):
        error[side, :, level] = limit_error(
            ordered, probability[:, side, level], tail=float(tails[side, level]), at_estimate=at_estimate, z0=z0, a=a
        )
    undefined = ~np.isfinite(low) | ~np.isfinite(high)
    low[undefined] = high[undefined] = np.nan
    error[:, undefined] = np.nan
    return Limits(tuple(levels), low, high, error[0], error[1], p_value, ordered.deviation, ordered.used)


def median_bias(draws: Array, estimate: Array) -> Array:
    """Normal score of the share of draws below the estimate, ties counted half; infinite when all are on one side."""
    used = np.isfinite(draws).sum(axis=1)
    below = (draws < estimate[:, None]).sum(axis=1) + 0.5 * (draws == estimate[:, None]).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(ndtri(below / used))


def _adjusted(tail: Array, z0: Array, a: Array) -> Array:
    """Probability at which the draws are cut for a nominal tail; z0 = a = 0 leaves it as it is."""
    score = z0 + ndtri(tail)
    moved = np.where((z0 == 0) & (a == 0), tail, ndtr(z0 + score / (1 - a * score)))
    return np.where(np.isfinite(z0) & (1 - a * score > 0), moved, np.nan)


def quantiles(ordered: Ordered, probability: Array) -> Array:
    """Order statistics at position (B + 1) p, interpolated; the extremes where the position falls outside.

    probability  (e, L), each close enough to an end for the tails that were ordered
    returns      (e, L)
    """
    count = ordered.used[:, None]
    position = np.clip((count + 1) * probability, 1, np.maximum(count, 1))
    lower = np.clip(np.nan_to_num(np.floor(position), nan=1.0).astype(np.intp), 1, np.maximum(count - 1, 1))
    below, above = ordered.at(lower), ordered.at(lower + 1)
    return np.where(count > 1, below + (position - lower) * (above - below), np.nan)


def _inverted(ordered: Ordered, z0: Array, a: Array) -> Array:
    """Smallest 1 - level whose interval leaves out the null value."""
    used, rank = ordered.used, ordered.rank
    plain = np.minimum(rank, used + 1 - rank) / (used + 1)
    moved = ndtri(rank / (used + 1)) - z0
    tail = ndtr(moved / (1 + a * moved) - z0)
    tail = np.where((z0 == 0) & (a == 0), plain, np.minimum(tail, 1 - tail))
    p_value = np.clip(2 * tail, 2 / (used + 1), 1.0)
    return np.where((used > 1) & np.isfinite(z0), p_value, np.nan)


def limit_error(
    ordered: Ordered,
    probability: Array,
    *,
    tail: float,
    at_estimate: Array | None,
    z0: Array,
    a: Array,
) -> Array:
    """Standard error of a limit that comes from the finite number of draws.

    For a fixed probability the deviation of an order statistic under the smoothed law of the draws: Maritz & Jarrett
    (1978), Journal of the American Statistical Association 73, 194-196, at position (B + 1) p. For bc and bca the
    probability itself moves with the share of draws below the estimate (`at_estimate`); both errors come from the same
    draws and are joined by the covariance of two empirical shares.
    """
    used = ordered.used
    order_error = np.empty(used.size)
    for count in np.unique(used):
        rows = np.flatnonzero(used == count)
        if count < 2:
            order_error[rows] = np.nan
            continue
        for p in np.unique(probability[rows]):
            same = rows[probability[rows] == p] if np.isfinite(p) else rows[~np.isfinite(probability[rows])]
            order_error[same] = _maritz_jarrett(ordered, same, int(count), float(p)) if np.isfinite(p) else np.nan
    if at_estimate is None:
        return order_error
    with np.errstate(all="ignore"):
        score = z0 + ndtri(tail)
        stretch = 1 - a * score
        density = np.exp(-0.5 * (z0 + score / stretch) ** 2)
        slope = density * (1 + 1 / stretch**2) / np.exp(-0.5 * z0**2)  # d(probability) / d(share below the estimate)
        own = probability * (1 - probability)
        shared = np.minimum(probability, at_estimate) - probability * at_estimate
        variance = own - 2 * slope * shared + slope**2 * at_estimate * (1 - at_estimate)
        return np.asarray(order_error * np.sqrt(np.maximum(variance, 0.0) / own))


def _window(count: int, probability: float) -> tuple[int, int]:
    """Ranks (start + 1 … stop) whose weight in a limit's error is not negligible."""
    p = float(np.clip(probability, 1 / (count + 1), count / (count + 1)))
    reach = _WINDOW * np.sqrt(p * (1 - p) * count) + _WINDOW
    return max(0, int(p * count - reach)), min(count, int(p * count + reach) + 1)


def _maritz_jarrett(ordered: Ordered, rows: NDArray[np.intp], count: int, probability: float) -> Array:
    """Deviation of the order statistic at (B + 1) p for rows that have `count` draws each."""
    p = float(np.clip(probability, 1 / (count + 1), count / (count + 1)))
    start, stop = _window(count, p)
    weight = np.diff(betainc((count + 1) * p, (count + 1) * (1 - p), np.arange(start, stop + 1) / count))
    weight /= weight.sum()
    window = ordered.window(rows, start, stop, count)
    window = window - window[:, [min(int(p * count), count - 1) - start]]
    first, second = window @ weight, (window * window) @ weight
    return np.asarray(np.sqrt(np.maximum(second - first**2, 0.0)))


def acceleration(left_out: Array, stratum: NDArray[np.intp] | None = None) -> Array:
    """Acceleration of bca from the effects with each person (or cluster) left out.

    left_out  (e, m)  NaN where an effect cannot be had without that person: NaN for the effect
    stratum   (m,)    stratum of each, for stratified resampling; None for one stratum
    returns   (e,)    0 for an effect that nobody moves

    Efron (1987), eq. 6.6 and 7.3 with jackknife values; strata as Davison & Hinkley (1997), section 5.3.2.
    """
    groups = np.zeros(left_out.shape[1], np.intp) if stratum is None else stratum
    cubes, squares = np.zeros(left_out.shape[0]), np.zeros(left_out.shape[0])
    for group in np.unique(groups):
        values = left_out[:, groups == group]
        size = values.shape[1]
        influence = (size - 1) * (values.mean(axis=1, keepdims=True) - values) / size
        cubes += (influence**3).sum(axis=1)
        squares += (influence**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(squares > 0, cubes / (6 * squares**1.5), np.where(np.isnan(squares), np.nan, 0.0))
