"""Maximum likelihood of any linear model in every draw at once: latent variables, correlated residuals, groups, gaps.

Every draw is searched from the sample's estimate with the sample's own curvature. Draws stand last; RAM notation as in
`ram`. With gaps the gradient is that of the completed data (Fisher's identity: Dempster, Laird & Rubin 1977, sect. 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.batched_fiml import invert
from kinechain.numerics.batched_search import search_roots
from kinechain.numerics.ram import Part, Ram

STEP_TOLERANCE = 5e-4
"""Largest last step of a converged draw, in standard errors; that step is taken too."""

SAMPLE_TOLERANCE = 1e-7
"""The same for the sample itself."""

SHARED_STEPS = 12
"""Steps with the sample's curvature, before a draw is searched with its own."""

MOST_STEPS = 60
"""Steps with its own curvature after which a draw has failed."""

FLAT = 1e-9
"""Smallest eigenvalue of the curvature, on a unit diagonal, that is a maximum."""

COLUMNS_AT_ONCE = 4096
"""Points at which the score is taken together: enough to keep numpy busy, few enough for the cache."""

LONGEST_STEP = 3.0
"""Longest step of a single search, in standard errors: far from an optimum the curvature is trusted no further."""

_SLOPE_STEP = 1e-5


@dataclass(frozen=True, slots=True)
class GroupDraws:
    """What was observed of one group in `D` draws.

    n         (D,)  people
    moments   (means (p, D), covariances (p, p, D) implied by the model) -> the same of the data, completed where they
              have gaps; complete data ignore what is implied
    """

    n: Array
    moments: Callable[[Array, Array], tuple[Array, Array]]
    take: Callable[[NDArray[np.intp]], GroupDraws]


@dataclass(frozen=True, slots=True)
class ImpliedDraws:
    """Matrices of one group's model in every draw; letters as in `ram.Implied`."""

    mu: Array
    Sigma: Array
    B: Array
    E: Array
    nu: Array


def cell_values(ram: Ram, theta: Array, exogenous: Array | None) -> Array:
    """Value of every cell (c, D).

    exogenous  (c, D)  moments of exogenous variables in each draw, NaN in cells that are not theirs; None for the
               sample's in all
    """
    values = np.repeat(ram.fixed[:, None], theta.shape[1], axis=1)
    free = ram.free >= 0
    values[free] = theta[ram.free[free]]
    return values if exogenous is None else np.where(np.isnan(exogenous), values, exogenous)


def imply(ram: Ram, cells: Array) -> ImpliedDraws:
    """Means and covariances implied in every draw."""
    m, p, draws = ram.m, ram.p, cells.shape[1]
    A, S, M = np.zeros((m, m, draws)), np.zeros((m, m, draws)), np.zeros((m, draws))
    at = ram.part == Part.A
    A[ram.row[at], ram.column[at]] = cells[at]
    at = ram.part == Part.S
    S[ram.row[at], ram.column[at]] = cells[at]
    S[ram.column[at], ram.row[at]] = cells[at]
    at = ram.part == Part.M
    M[ram.row[at]] = cells[at]
    B = invert(np.eye(m)[:, :, None] - A, definite=False)
    E = np.einsum("ijd,jkd,lkd->ild", B, S, B, optimize=["einsum_path", (0, 1), (0, 1)])
    nu = np.einsum("ijd,jd->id", B, M)
    return ImpliedDraws(nu[:p], E[:p, :p], B, E, nu)


def score(ram: Ram, implied: ImpliedDraws, mean: Array, covariance: Array) -> Array:
    """Gradient of the mean log-likelihood of a person by the free parameters (k, D).

    mean, covariance  (p, D), (p, p, D)  of the (completed) data; means outside the model are the data's own
    """
    p = ram.p
    W = invert(implied.Sigma)
    off = mean - implied.mu if ram.means else np.zeros_like(mean)
    C = covariance + off[:, None] * off[None] - implied.Sigma
    WC = np.einsum("ijd,jkd->ikd", W, C)
    G = 0.5 * np.einsum("ijd,jkd->ikd", WC, W)
    B, E = implied.B[:p], implied.E[:p]
    P = np.einsum("ijd,ikd->jkd", B, G)
    h = np.einsum("ijd,id->jd", B, np.einsum("ijd,jd->id", W, off))
    gradient = np.zeros((ram.k, mean.shape[1]))
    cells = np.flatnonzero((ram.free >= 0) & (ram.part == Part.A))
    if cells.size:
        Q = np.einsum("ijd,jkd->ikd", P, E)
        i, j = ram.row[cells], ram.column[cells]
        np.add.at(gradient, ram.free[cells], 2.0 * Q[i, j] + h[i] * implied.nu[j])
    cells = np.flatnonzero((ram.free >= 0) & (ram.part == Part.S))
    if cells.size:
        PB = np.einsum("ijd,jkd->ikd", P, B)
        i, j = ram.row[cells], ram.column[cells]
        np.add.at(gradient, ram.free[cells], np.where(i == j, 1.0, 2.0)[:, None] * PB[i, j])
    cells = np.flatnonzero((ram.free >= 0) & (ram.part == Part.M))
    np.add.at(gradient, ram.free[cells], h[ram.row[cells]])
    return gradient


@dataclass(frozen=True, slots=True)
class SampleOptimum:
    """The sample's estimate, from which draws are searched.

    theta   (k,)
    newton  (k, k)  inverse of minus the curvature of the mean log-likelihood of a person
    scale   (k,)    standard errors
    """

    theta: Array
    newton: Array
    scale: Array


def _mean_score(
    rams: tuple[Ram, ...], theta: Array, groups: tuple[GroupDraws, ...], exogenous: tuple[Array | None, ...]
) -> Array:
    """Gradient over all groups (k, D), each weighted by its people."""
    total = np.zeros_like(theta)
    people = np.zeros(theta.shape[1])
    with np.errstate(all="ignore"):
        for ram, group, known in zip(rams, groups, exogenous, strict=True):
            implied = imply(ram, cell_values(ram, theta, known))
            total += group.n * score(ram, implied, *group.moments(implied.mu, implied.Sigma))
            people += group.n
        return np.asarray(total / people)


def settle_sample(
    rams: tuple[Ram, ...], theta: Array, groups: tuple[GroupDraws, ...], exogenous: tuple[Array | None, ...]
) -> SampleOptimum | None:
    """The optimum near an estimate theta (k,) of the sample (groups with D = 1), settled to rounding.

    returns  None where no maximum is reached
    """
    point, newton, failed = settle_draws(rams, theta[:, None], groups, exogenous, tolerance=SAMPLE_TOLERANCE)
    if failed[0]:
        return None
    n = float(sum(group.n[0] for group in groups))
    return SampleOptimum(point[:, 0], newton[0], np.sqrt(np.diag(newton[0]) / n))


def settle_draws(
    rams: tuple[Ram, ...],
    theta: Array,
    groups: tuple[GroupDraws, ...],
    exogenous: tuple[Array | None, ...],
    *,
    tolerance: float,
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Optima near theta (k, D), each searched with its own curvature.

    returns  (k, D), inverse curvatures (D, k, k), and which draws failed

    Newton's steps, upwards also in directions where the likelihood bends the wrong way, none longer than LONGEST_STEP
    standard errors and shorter where steps stop shrinking.
    """
    k, draws = theta.shape
    point, newtons = theta.copy(), np.full((draws, k, k), np.nan)
    failed, running = np.zeros(draws, bool), np.ones(draws, bool)
    limit, before = np.full(draws, LONGEST_STEP), np.full(draws, np.inf)
    n = np.sum([group.n for group in groups], axis=0)
    for _ in range(MOST_STEPS):
        which = np.flatnonzero(running)
        if not which.size:
            break
        gradient, curvature = _score_and_curvature(rams, point[:, which], _take(groups, exogenous, which))
        diagonal = np.abs(np.einsum("dii->di", curvature))
        usable = (
            np.isfinite(curvature).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=0) & (diagonal > 0).all(axis=1)
        )
        failed[which[~usable]] = True
        running[which[~usable]] = False
        which, gradient, curvature = which[usable], gradient[:, usable], curvature[usable]
        if not which.size:
            continue
        root = np.sqrt(diagonal[usable])
        values, vectors = np.linalg.eigh(-curvature / (root[:, :, None] * root[:, None]))
        is_maximum = values[:, 0] > FLAT
        floor = np.where(is_maximum, 0.0, 1e-3 * np.abs(values).max(axis=1))[:, None]
        newton = (vectors / np.maximum(np.abs(values), floor)[:, None]) @ vectors.transpose(0, 2, 1)
        newton /= root[:, :, None] * root[:, None]
        change = np.einsum("dij,jd->id", newton, gradient)
        scale = np.sqrt(np.einsum("dii->di", newton).T / n[which])
        length = np.abs(change / scale).max(axis=0)
        limit[which] = np.where(length > 0.8 * before[which], 0.5 * limit[which], limit[which])
        before[which] = length
        point[:, which] += change * np.minimum(1.0, limit[which] / np.maximum(length, 1e-300))
        newtons[which] = newton
        running[which[(length < tolerance) & is_maximum]] = False
    return point, newtons, failed | running


def _take(
    groups: tuple[GroupDraws, ...], exogenous: tuple[Array | None, ...], which: NDArray[np.intp]
) -> tuple[tuple[GroupDraws, ...], tuple[Array | None, ...]]:
    """The same for some of the draws."""
    return (
        tuple(group.take(which) for group in groups),
        tuple(None if cells is None else cells[:, which] for cells in exogenous),
    )


def _score_and_curvature(
    rams: tuple[Ram, ...], point: Array, own: tuple[tuple[GroupDraws, ...], tuple[Array | None, ...]]
) -> tuple[Array, Array]:
    """Scores (k, D) and their derivatives (D, k, k) by central differences, a few draws at a time."""
    k, draws = point.shape
    gradient, curvature = np.empty((k, draws)), np.empty((draws, k, k))
    at_once = max(1, COLUMNS_AT_ONCE // (2 * k + 1))
    for start in range(0, draws, at_once):
        which = np.arange(start, min(start + at_once, draws))
        base = point[:, which]
        step = _SLOPE_STEP * np.maximum(np.abs(base), 1e-3 * np.abs(base).max(axis=0))  # (k, d)
        shift = np.eye(k)[:, None, :] * step.T[None]  # (k, d, k): column j moves parameter j
        moved = base[:, :, None] + np.concatenate([np.zeros((k, which.size, 1)), shift, -shift], axis=2)
        groups, known = _take(*own, np.repeat(which, 2 * k + 1))
        images = _mean_score(rams, moved.reshape(k, -1), groups, known).reshape(k, which.size, 2 * k + 1)
        gradient[:, which] = images[:, :, 0]
        slope = ((images[:, :, 1 : k + 1] - images[:, :, k + 1 :]) / (2 * step.T)).transpose(1, 0, 2)
        curvature[which] = 0.5 * (slope + slope.transpose(0, 2, 1))
    return gradient, curvature


def search_draws(
    rams: tuple[Ram, ...],
    groups: tuple[GroupDraws, ...],
    exogenous: tuple[Array | None, ...],
    sample: SampleOptimum,
) -> tuple[Array, NDArray[np.bool_]]:
    """Free parameters of every draw (k, D), and which draws did not converge.

    Draws for which the sample's curvature is too far off are settled with their own, at a higher price.
    """
    draws = groups[0].n.size
    start = np.repeat(sample.theta[:, None], draws, axis=1)
    # parameters in standard errors: the residual of a draw is its step, and careful steps are fair to every scale
    root = sample.scale[:, None]

    def residual(point: Array, which: NDArray[np.intp]) -> Array:
        some = which.size < draws
        own, known = _take(groups, exogenous, which) if some else (groups, exogenous)
        return np.asarray(sample.newton @ _mean_score(rams, point * root, own, known) / root)

    everyone = np.arange(draws)
    identity = np.eye(start.shape[0])
    found, failed = search_roots(
        residual,
        start / root,
        residual(start / root, everyone),
        identity,
        tolerance=np.array([[STEP_TOLERANCE]]),
        most_steps=SHARED_STEPS,
        careful=0.3 * identity,
    )
    theta = found * root
    lost = np.flatnonzero(failed)
    if lost.size:
        nearest = np.where(np.isfinite(theta[:, lost]).all(axis=0), theta[:, lost], sample.theta[:, None])
        own, known = _take(groups, exogenous, lost)
        theta[:, lost], _, failed[lost] = settle_draws(rams, nearest, own, known, tolerance=STEP_TOLERANCE)
    return theta, failed
