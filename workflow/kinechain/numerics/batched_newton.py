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

SHARED_STEPS = 6
"""Steps with the sample's curvature, before a draw is searched with its own."""

MOST_STEPS = 60
"""Steps with its own curvature after which a draw has failed."""

FLAT = 1e-9
"""Smallest eigenvalue of the information, on a unit diagonal, from which a direction is known at all."""

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


def information(ram: Ram, implied: ImpliedDraws) -> Array:
    """Expected information of one complete person about the free parameters, in every draw (D, k, k).

    A path or covariance moves Sigma by c (u v' + v u') with u, v columns of B or E, so that every entry is made of two
    entries of K = [B E]' W [B E]; it is positive definite wherever the model is identified, far from an optimum too.
    """
    m, p, k = ram.m, ram.p, ram.k
    R = np.concatenate([implied.B[:p], implied.E[:p]], axis=1)
    K = np.einsum("aid,abd,bjd->ijd", R, invert(implied.Sigma), R, optimize=["einsum_path", (0, 1), (0, 1)])
    cells = np.flatnonzero((ram.free >= 0) & np.isin(ram.part, (Part.A, Part.S)))
    is_path = ram.part[cells] == Part.A
    u, v = ram.row[cells], np.where(is_path, ram.column[cells] + m, ram.column[cells])
    c = np.where(~is_path & (ram.row[cells] == ram.column[cells]), 0.5, 1.0)
    of_cells = K[u[:, None], u] * K[v[:, None], v] + K[u[:, None], v] * K[v[:, None], u]
    of_cells *= (c[:, None] * c)[:, :, None]
    result = np.zeros((k, k, K.shape[2]))
    free = ram.free[cells]
    np.add.at(result, (free[:, None], free), of_cells)
    if ram.means:
        moving = np.flatnonzero((ram.free >= 0) & np.isin(ram.part, (Part.A, Part.M)))
        u = ram.row[moving]
        share = np.where((ram.part[moving] == Part.A)[:, None], implied.nu[ram.column[moving]], 1.0)
        free = ram.free[moving]
        np.add.at(result, (free[:, None], free), K[u[:, None], u] * share[:, None] * share)
    return np.ascontiguousarray(result.transpose(2, 0, 1))


def settle_sample(
    rams: tuple[Ram, ...], theta: Array, groups: tuple[GroupDraws, ...], exogenous: tuple[Array | None, ...]
) -> SampleOptimum | None:
    """The optimum near an estimate theta (k,) of the sample (groups with D = 1), settled to rounding by Newton's steps.

    returns  None where the likelihood has no maximum there
    """
    point = theta[:, None]
    n = float(sum(group.n[0] for group in groups))
    for _ in range(MOST_STEPS):
        curvature = _curvature(rams, point, groups, exogenous)
        root = np.sqrt(np.maximum(-np.diag(curvature), 1e-300))
        scaled = -curvature / np.outer(root, root)
        if not np.isfinite(scaled).all() or np.linalg.eigvalsh(scaled)[0] < FLAT:
            return None
        newton = np.linalg.inv(scaled) / np.outer(root, root)
        change = newton @ _mean_score(rams, point, groups, exogenous)
        point = point + change
        scale = np.sqrt(np.diag(newton) / n)
        if (np.abs(change[:, 0]) < SAMPLE_TOLERANCE * scale).all():
            return SampleOptimum(point[:, 0], newton, scale)
    return None


def _curvature(
    rams: tuple[Ram, ...], point: Array, groups: tuple[GroupDraws, ...], exogenous: tuple[Array | None, ...]
) -> Array:
    """Derivatives (k, k) of the score of one draw at a point (k, 1), by central differences."""
    k = point.shape[0]
    step = _SLOPE_STEP * np.maximum(np.abs(point[:, 0]), 1e-3 * np.abs(point).max())
    moved = point + np.concatenate([np.diag(step), -np.diag(step)], axis=1)
    many, known = _take(groups, exogenous, np.zeros(2 * k, np.intp))
    images = _mean_score(rams, moved, many, known)
    slope = (images[:, :k] - images[:, k:]) / (2 * step)
    return np.asarray(0.5 * (slope + slope.T))


def settle_draws(
    rams: tuple[Ram, ...], theta: Array, groups: tuple[GroupDraws, ...], exogenous: tuple[Array | None, ...]
) -> tuple[Array, NDArray[np.bool_]]:
    """Optima of draws by Fisher scoring from theta (k,), each with its own information; (k, D) and which failed.

    No step is longer than LONGEST_STEP standard errors; a draw whose steps grow takes shorter ones.
    """
    draws = groups[0].n.size
    point = np.repeat(theta[:, None], draws, axis=1)
    failed, active = np.zeros(draws, bool), np.arange(draws)
    limit, before = np.full(draws, LONGEST_STEP), np.full(draws, np.inf)
    for _ in range(MOST_STEPS):
        if not active.size:
            break
        own, known = _take(groups, exogenous, active)
        change, length = _scoring_step(rams, point[:, active], own, known)
        good = np.isfinite(length)
        failed[active[~good]] = True
        active, change, length = active[good], change[:, good], length[good]
        grew = length > before[active]
        limit[active] = np.where(grew, 0.5 * limit[active], np.minimum(1.5 * limit[active], LONGEST_STEP))
        before[active] = length
        point[:, active] += change * np.minimum(1.0, limit[active] / np.maximum(length, 1e-300))
        active = active[length > STEP_TOLERANCE]
    failed[active] = True
    return point, failed


def _scoring_step(
    rams: tuple[Ram, ...], theta: Array, groups: tuple[GroupDraws, ...], exogenous: tuple[Array | None, ...]
) -> tuple[Array, Array]:
    """Fisher's step (k, D) and its length in standard errors (D,), NaN where there is none."""
    k, draws = theta.shape
    gradient, curvature = np.zeros((k, draws)), np.zeros((draws, k, k))
    with np.errstate(all="ignore"):
        for ram, group, known in zip(rams, groups, exogenous, strict=True):
            implied = imply(ram, cell_values(ram, theta, known))
            gradient += group.n * score(ram, implied, *group.moments(implied.mu, implied.Sigma))
            curvature += group.n[:, None, None] * information(ram, implied)
        root = np.sqrt(np.einsum("dii->di", curvature))
        scaled = curvature / (root[:, :, None] * root[:, None])
        good = np.flatnonzero(np.isfinite(scaled).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=0))
        step = np.full((draws, k), np.nan)
        length = np.full(draws, np.nan)
        if good.size:
            inverse = np.linalg.inv(scaled[good] + FLAT * np.eye(k))
            variance = np.einsum("dii->di", inverse)
            is_known = ((variance > 0) & (variance < 0.1 / FLAT)).all(axis=1)
            good, inverse, error = good[is_known], inverse[is_known], np.sqrt(variance[is_known])
            steps = np.einsum("dij,dj->di", inverse, gradient.T[good] / root[good])
            step[good], length[good] = steps / root[good], np.abs(steps / error).max(axis=1)
    return step.T, length


def _take(
    groups: tuple[GroupDraws, ...], exogenous: tuple[Array | None, ...], which: NDArray[np.intp]
) -> tuple[tuple[GroupDraws, ...], tuple[Array | None, ...]]:
    """The same for some of the draws."""
    return (
        tuple(group.take(which) for group in groups),
        tuple(None if cells is None else cells[:, which] for cells in exogenous),
    )


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
        own, known = _take(groups, exogenous, lost)
        theta[:, lost], failed[lost] = settle_draws(rams, sample.theta, own, known)
    return theta, failed
