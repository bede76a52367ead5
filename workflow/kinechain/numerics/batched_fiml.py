"""Maximum likelihood with missing values in every draw at once, for recursive path models.

EM over patterns of missing values (Dempster, Laird & Rubin 1977, Journal of the Royal Statistical Society B 39, 1-38;
Little & Rubin 2019, Statistical Analysis with Missing Data, chapter 11) needs the sums of each pattern only, so that a
draw costs no more for more people. The M step is closed: least squares, equation by equation. Draws stand last.

A draw differs from the sample by a little; so does the slope of its EM map. Newton's step with the sample's slope,
corrected by the secant of the last two steps, turns EM's slow convergence into a few steps (Jamshidian & Jennrich 1997,
Journal of the Royal Statistical Society B 59, 569-587, build the slope up on the way). The first step needs no E step
of its own: at the sample's estimate, what is expected of each person is the same in every draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.batched_moments import MomentDraws, pairs
from kinechain.numerics.batched_recursive import Equations, implied_covariance, regress
from kinechain.numerics.batched_search import search_roots

STEP_TOLERANCE = 5e-4
"""Largest last step of a converged draw, in units of 1 / sqrt(n) standard deviations (about a standard error). That
step is taken too, and steps shrink at least threefold: what is left is far below the Monte Carlo error of any draws."""

SAMPLE_TOLERANCE = 1e-11
"""The same for the sample itself, in standard deviations."""

MOST_STEPS = 500
"""Steps after which a draw has failed: its fraction of missing information is practically one."""

MOST_SAMPLE_STEPS = 20_000
"""EM steps after which the sample itself is given up."""

FLAT = 1e-6
"""Share of information that must be left in every direction; below, the maximum is a ridge."""

_SLOPE_STEP = 1e-4


@dataclass(frozen=True, slots=True)
class Patterns:
    """People sorted by what is missing for them.

    order     (n,)  row numbers, pattern after pattern; rows with nothing observed are left out
    starts    (r + 1,)  where each pattern begins in `order`
    observed  for each pattern, the variables observed
    missing   for each pattern, the others
    """

    order: NDArray[np.intp]
    starts: tuple[int, ...]
    observed: tuple[tuple[int, ...], ...]
    missing: tuple[tuple[int, ...], ...]


def find_patterns(X: Array) -> Patterns:
    """Patterns of missing values (NaN) in data (n, p), in a fixed order."""
    seen = np.isfinite(X)
    kept = np.flatnonzero(seen.any(axis=1))
    codes = seen[kept]
    order = np.lexsort(codes.T[::-1])
    kept, codes = kept[order], codes[order]
    new = np.flatnonzero(np.r_[True, (codes[1:] != codes[:-1]).any(axis=1)]) if kept.size else np.zeros(0, int)
    observed = tuple(tuple(np.flatnonzero(codes[at]).tolist()) for at in new)
    missing = tuple(tuple(np.flatnonzero(~codes[at]).tolist()) for at in new)
    return Patterns(kept, (*new.tolist(), kept.size), observed, missing)


@dataclass(frozen=True, slots=True)
class PatternSums:
    """Weighted sums of each pattern in `D` draws.

    n        (D,)  people in each draw
    known    (p + 1, p + 1, D)  sums of products of (1, x) over what is observed, all patterns together
    partial  for each pattern with gaps: its variables observed, those missing, and its own sums
             (o + 1, o + 1, D) of products of (1, observed x)
    """

    n: Array
    known: Array
    partial: tuple[tuple[tuple[int, ...], tuple[int, ...], Array], ...]

    def __add__(self, other: PatternSums) -> PatternSums:
        """Sums over two blocks of people with the same patterns."""
        both = zip(self.partial, other.partial, strict=True)
        return PatternSums(
            self.n + other.n,
            self.known + other.known,
            tuple((seen, gaps, mine + others) for (seen, gaps, mine), (_, _, others) in both),
        )

    def take(self, which: NDArray[np.intp]) -> PatternSums:
        """The same for some of the draws."""
        return PatternSums(
            self.n[which],
            self.known[:, :, which],
            tuple((seen, gaps, sums[:, :, which]) for seen, gaps, sums in self.partial),
        )

    def repeat(self, times: int) -> PatternSums:
        """One draw's sums, several times."""
        return self.take(np.zeros(times, np.intp))


def pattern_sums(Z: Array, patterns: Patterns, weights: Array, rows: slice | None = None) -> PatternSums:
    """Sums of each pattern under each draw's weights.

    Z        (n, p)  standardised data, gaps as NaN
    weights  (D, n)  or, for a block of `rows` of Z, (D, rows)
    """
    p, draws = Z.shape[1], weights.shape[0]
    first, last = (rows.start, rows.stop) if rows is not None else (0, Z.shape[0])
    known = np.zeros((p + 1, p + 1, draws))
    partial = []
    for k, seen in enumerate(patterns.observed):
        people = patterns.order[patterns.starts[k] : patterns.starts[k + 1]]
        if rows is not None:
            people = people[(people >= first) & (people < last)]
        own = np.column_stack([np.ones(people.size), Z[people][:, seen]])
        row, column = pairs(own.shape[1])
        flat = (own[:, row] * own[:, column]).T @ weights[:, people - first].T
        sums = np.empty((own.shape[1], own.shape[1], draws))
        sums[row, column] = flat
        sums[column, row] = flat
        place = np.array((0, *(v + 1 for v in seen)))
        known[np.ix_(place, place)] += sums
        if patterns.missing[k]:
            partial.append((seen, patterns.missing[k], sums))
    return PatternSums(known[0, 0].copy(), known, tuple(partial))


def complete_moments(sums: PatternSums, mean: Array, Sigma: Array) -> MomentDraws:
    """E step: moments of the completed data, expected under means (p, D) and covariances (p, p, D)."""
    expected = np.zeros_like(sums.known)
    with np.errstate(all="ignore"):
        Omega = invert(Sigma)
        for seen, gaps, own in sums.partial:
            _add_expected(expected, own, seen, gaps, mean, Omega)
        total = expected + expected.transpose(1, 0, 2)
        total += sums.known
        total /= sums.n
        first = total[1:, 0]
        return MomentDraws(first, total[1:, 1:] - first[:, None] * first[None], sums.n)


def _add_expected(
    total: Array, own: Array, seen: tuple[int, ...], gaps: tuple[int, ...], mean: Array, Omega: Array
) -> None:
    """Adds half of what one pattern's people are expected to contribute to their gaps; its transpose is the other half.

    The missing given the observed: covariance C = inv(Omega_mm), slopes -C Omega_mo, all from the inverse of Sigma.
    """
    m, o = np.array(gaps), np.array(seen)
    C = invert(Omega[np.ix_(m, m)])
    slopes = np.empty((m.size, o.size + 1, own.shape[2]))
    slopes[:, 1:] = -_product(C, Omega[np.ix_(m, o)])
    slopes[:, 0] = mean[m] - np.einsum("iod,od->id", slopes[:, 1:], mean[o])
    cross = _product(slopes, own)
    total[np.ix_(m + 1, np.r_[0, o + 1])] += cross
    total[np.ix_(m + 1, m + 1)] += 0.5 * (np.einsum("ijd,kjd->ikd", cross, slopes) + own[0, 0] * C)


def _product(left: Array, right: Array) -> Array:
    """Matrix products (a, b, D) x (b, c, D), one for each draw."""
    return np.asarray(np.einsum("ijd,jkd->ikd", left, right))


def invert(S: Array, *, definite: bool = True) -> Array:
    """Inverses of matrices (p, p, D) whose pivots need no exchange: positive definite ones, and I - A of path models.

    definite  NaN where a pivot is not positive
    """
    p = S.shape[0]
    M = S.copy()
    bad = np.zeros(S.shape[2], bool)
    for k in range(p):
        pivot = M[k, k].copy()
        bad |= ~(pivot > 0) if definite else ~(pivot != 0)
        row = M[k] / pivot
        column = M[:, k].copy()
        column[k] = 0.0
        M -= column[:, None] * row[None]
        M[:, k] = -column / pivot
        M[k] = row
        M[k, k] = 1.0 / pivot
    M[:, :, bad] = np.nan
    return M


def maximise(moments: MomentDraws, equations: Equations) -> tuple[Array, Array]:
    """M step: means and covariances that the recursive model implies for completed moments."""
    return moments.mean, implied_covariance(moments.covariance, regress(moments.covariance, equations), equations)


def _pack(mean: Array, Sigma: Array) -> Array:
    return np.concatenate([mean, Sigma[pairs(mean.shape[0])]])


def _unpack(theta: Array, p: int) -> tuple[Array, Array]:
    Sigma = np.empty((p, p, theta.shape[1]))
    row, column = pairs(p)
    Sigma[row, column] = theta[p:]
    Sigma[column, row] = theta[p:]
    return theta[:p], Sigma


def _em_step(theta: Array, sums: PatternSums, equations: Equations) -> Array:
    return _pack(*maximise(complete_moments(sums, *_unpack(theta, equations.p)), equations))


@dataclass(frozen=True, slots=True)
class SampleFit:
    """The sample's own maximum and the slope of EM there, from which draws start.

    theta     (k,)    means, then the lower triangle of the covariances
    newton    (k, k)  inverse of one less the slope of the EM map
    sums      the sample's sums (D = 1)
    """

    theta: Array
    newton: Array
    sums: PatternSums


def fit_sample(sums: PatternSums, equations: Equations) -> SampleFit | None:
    """Maximum likelihood for the sample itself (D = 1), by plain EM from standardised independence.

    returns  None if EM does not settle or settles on a ridge: these patterns do not identify the model
    """
    p = equations.p
    theta = _pack(np.zeros((p, 1)), np.eye(p)[:, :, None].copy())
    k = theta.shape[0]
    for _ in range(MOST_SAMPLE_STEPS):
        new = _em_step(theta, sums, equations)
        change = float(np.abs(new - theta).max())
        theta = new
        if change < SAMPLE_TOLERANCE or not np.isfinite(change):
            break
    if not change < SAMPLE_TOLERANCE:
        return None
    moved = theta + _SLOPE_STEP * np.concatenate([np.eye(k), -np.eye(k)], axis=1)
    images = _em_step(moved, sums.repeat(2 * k), equations)
    slope = (images[:, :k] - images[:, k:]) / (2 * _SLOPE_STEP)
    rest = np.eye(k) - slope
    if not np.isfinite(slope).all() or float(np.linalg.svd(rest, compute_uv=False)[-1]) < FLAT:
        return None
    return SampleFit(theta[:, 0], np.asarray(np.linalg.inv(rest)), sums)


def expected_features(Z: Array, patterns: Patterns, sample: SampleFit) -> Array:
    """Features (1, x, products of x) of each person's completed data, expected at the sample's maximum.

    Z        (n, p)  standardised data, gaps as NaN
    returns  (n, 1 + p + p(p+1)/2)  zero for a person outside all patterns
    """
    p = Z.shape[1]
    mean, Sigma = (side[..., 0] for side in _unpack(sample.theta[:, None], p))
    row, column = pairs(p)
    features = np.zeros((Z.shape[0], 1 + p + row.size))
    for k, (seen, gaps) in enumerate(zip(patterns.observed, patterns.missing, strict=True)):
        people = patterns.order[patterns.starts[k] : patterns.starts[k + 1]]
        filled = Z[people]
        spread = np.zeros((p, p))
        if gaps:
            m, o = np.array(gaps), np.array(seen)
            slopes = np.linalg.solve(Sigma[np.ix_(o, o)], Sigma[np.ix_(o, m)])
            filled[:, m] = mean[m] + (filled[:, o] - mean[o]) @ slopes
            spread[np.ix_(m, m)] = Sigma[np.ix_(m, m)] - Sigma[np.ix_(m, o)] @ slopes
        features[people, 0] = 1.0
        features[people, 1 : 1 + p] = filled
        features[people, 1 + p :] = filled[:, row] * filled[:, column] + spread[row, column]
    return features


def fit_draws(
    sums: PatternSums, equations: Equations, sample: SampleFit, completed: Array | None = None
) -> tuple[MomentDraws, NDArray[np.bool_]]:
    """Maximum likelihood in every draw.

    completed  (q, D)  sums of `expected_features`, which save the first E step; None to take it
    returns    the completed moments at each draw's maximum (what the M step regresses), and which draws failed

    Each draw takes the corrected Newton step for as long as steps get shorter, and plain EM steps from its best point
    otherwise: those cannot lower the likelihood.
    """
    p, draws = equations.p, sums.n.size
    start = np.repeat(sample.theta[:, None], draws, axis=1)
    first = _em_step(start, sums, equations) if completed is None else _first_step(completed, equations)

    def em_residual(point: Array, which: NDArray[np.intp]) -> Array:
        own = sums if which.size == draws else sums.take(which)
        return _em_step(point, own, equations) - point

    theta, failed = search_roots(
        em_residual,
        start,
        first - start,
        sample.newton,
        tolerance=STEP_TOLERANCE / np.sqrt(np.maximum(sums.n, 1.0)),
        most_steps=MOST_STEPS,
    )
    return complete_moments(sums, *_unpack(theta, p)), failed


def _first_step(completed: Array, equations: Equations) -> Array:
    """Where EM goes from the sample's estimate, by sums of what is expected of each person there."""
    p = equations.p
    with np.errstate(all="ignore"):
        mean, second = completed[1 : 1 + p] / completed[0], completed[1 + p :] / completed[0]
        _, square = _unpack(np.concatenate([mean, second]), p)
        covariance = square - mean[:, None] * mean[None]
        return _pack(*maximise(MomentDraws(mean, covariance, completed[0]), equations))
